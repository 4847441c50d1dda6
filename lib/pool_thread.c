/* pool_thread.c -- threads that use pools come and go; the pools of a heap, its end, and forks. */
#include "delay.h"
#include "outside.h"
#include "pool.h"
#include "thread.h"

/* ---- threads ---- */

void lull__pool_thread_init(lull_thread *t)
{
    lull_heap *heap = t->heap;

    lull__pool_lock(NULL, &heap->pools_lock); /* it is not attached yet */
    lull__delay(heap, LULL__DELAY_POOL_THREAD);
    t->pools_next = heap->pool_threads;
    heap->pool_threads = t;
    t->pools_on = 1;
    atomic_store_explicit(&t->pools_seen,
                          atomic_load_explicit(&heap->pools_retired, memory_order_relaxed),
                          memory_order_relaxed);
    lull__pool_unlock(NULL, &heap->pools_lock);
}

static bool held_by_signal(const lull_thread *t)
{
    return lull__thread_standing(t) == LULL__THREAD_SIGNALLED;
}

/* What a thread keeps goes to the depot, what it counted to the pool. A fork's child loses threads
 * that a signal held: their slots may be in between, so what they keep is dropped. */
static void leave_pool(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    if (held_by_signal(t)) {
        size_t count = lull__magazine_count(t, m);
        lull__pool_count_drops(pool, LULL_POOL_DROP_LOST, count);
        m->received -= (int64_t)count;
        m->now.top = 0;
    } else {
        lull__pool_empty(t, pool, m);
    }
    lull__pool_add_counts(&pool->gone, t, m);
}

static void give_up_magazines(lull_thread *t)
{
    uintptr_t start = lull__round_up((uintptr_t)lull__magazines_of(t, 0), LULL__OS_PAGE);
    uintptr_t end = (uintptr_t)t - LULL__THREAD_LEAD + LULL__THREAD_BYTES;
    uintptr_t first = (uintptr_t)lull__magazines_of(t, 0);

    __builtin_memset((void *)first, 0, start - first);
    lull__os_release((void *)start, end - start);
}

void lull__pool_thread_finish(lull_thread *t)
{
    lull_heap *heap = t->heap;
    lull_thread **link = &heap->pool_threads;
    lull_thread *self = lull__thread_is_mine(t) ? t : NULL;

    if (!t->pools_on) {
        return;
    }
    lull__pool_lock(self, &heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            leave_pool(t, heap->pools[i], lull__magazines_of(t, i));
        }
    }
    while (*link != t) {
        link = &(*link)->pools_next;
    }
    *link = t->pools_next;
    t->pools_on = 0;
    lull__pool_unlock(self, &heap->pools_lock);
    give_up_magazines(t);
}

/* ---- the heap ---- */

bool lull__pools_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->pools_lock, NULL);
    lull__magazines_init(&heap->magazines);
    return true;
}

void lull__pools_finish(lull_heap *heap)
{
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            lull_pool_destroy(heap->pools[i]);
        }
    }
    lull__magazines_finish(&heap->magazines);
    pthread_mutex_destroy(&heap->pools_lock);
}

size_t lull__pools_bytes(lull_heap *heap)
{
    size_t used = atomic_load_explicit(&heap->pools_used, memory_order_relaxed);
    size_t threads = 0, ledgers = 0;

    pthread_mutex_lock(&heap->pools_lock);
    for (const lull_thread *t = heap->pool_threads; t != NULL; t = t->pools_next) {
        threads++;
    }
    for (uint32_t i = 0; i < used; i++) {
        if (heap->pools[i] != NULL && heap->pools[i]->index == i) {
            ledgers += lull__ledger_bytes(&heap->pools[i]->ledger);
        }
    }
    size_t bytes = lull__magazines_bytes(&heap->magazines);
    pthread_mutex_unlock(&heap->pools_lock);
    /* of a thread's magazines only those in use were ever touched, and of each not all */
    size_t touched =
        LULL__THREAD_LEAD + LULL__MAGAZINES_OFFSET +
        used * (offsetof(struct lull_magazines, object) + LULL__POOL_ROOM * sizeof(uintptr_t));
    return bytes + ledgers + threads * lull__round_up(touched, LULL__OS_PAGE);
}

static bool is_of_heap(const lull_heap *heap, const lull_thread *t)
{
    const lull_thread *other = heap->threads;

    while (other != NULL && other != t) {
        other = other->next;
    }
    return other != NULL;
}

/* A thread that was just attaching is not in the child, and was not among the heap's threads yet:
 * it would never empty a magazine that is retired. */
static void forget_comers(lull_heap *heap)
{
    lull_thread **link = &heap->pool_threads;

    while (*link != NULL) {
        lull_thread *t = *link;
        if (is_of_heap(heap, t)) {
            link = &t->pools_next;
        } else {
            *link = t->pools_next;
            lull__thread_free(t);
        }
    }
}

/* What another thread was destroying may be destroyed or not: it is left. */
void lull__pools_fork_child(lull_heap *heap)
{
    pthread_mutex_init(&heap->magazines.lock, NULL);
    forget_comers(heap);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        struct lull_pool *pool = heap->pools[i];
        if (pool != NULL && pool->index == i) {
            pthread_mutex_init(&pool->lock, NULL);
            pthread_mutex_init(&pool->ledger.lock, NULL);
            for (uint32_t k = 0; k < LULL__POOL_SHARDS; k++) {
                pthread_mutex_init(&pool->shard[k].lock, NULL);
            }
            pool->dying = NULL;
            pool->reapers = 0;
        }
    }
}
