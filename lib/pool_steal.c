/* pool_steal.c -- a get out of other threads' magazines.
 *
 * Where making an object is dear, that is where the program does it, a get that finds the depot
 * empty looks into the magazines of threads that are blocked: it has the thread's state in hand
 * meanwhile, as the collector has in a handshake (steal_from). */
#include "delay.h"
#include "pool.h"
#include "thread.h"

#define STEAL_LOOKS 16 /* threads that a get looks at */

/* Takes half of what a blocked thread keeps. Its state says SERVED meanwhile: it does not go on,
 * and no handshake serves it; a stop waits for the thief, which runs; and to leave the heap it
 * needs threads_lock, which the thief has. So no handshake is under way either, and what moves need
 * not be shaded (.inv.pool.moves). */
static bool steal_from(lull_thread *thief, lull_thread *victim, struct lull_pool *pool,
                       struct lull_magazines *m)
{
    struct lull_magazines *other =
        lull__magazines_of(victim, (uint32_t)(m - lull__magazines_of(thief, 0)));
    uint32_t state = LULL__THREAD_BLOCKED;

    /* acquire: what the thread did before it blocked; pairs with stand and serve */
    if (atomic_load_explicit(&victim->state, memory_order_relaxed) != state ||
        !atomic_compare_exchange_strong_explicit(&victim->state, &state, LULL__THREAD_SERVED,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    size_t n = lull__min((lull__magazine_count(victim, other) + 1) / 2, lull__magazine_half(m));
    if (n != 0) {
        lull__delay(thief->heap, LULL__DELAY_POOL_STEAL);
        lull__pool_take_out(victim, pool, other, m->object, n);
        lull__magazine_set_count(thief, m, n);
        m->received += (int64_t)n;
        lull__pool_come_away(pool, n);
    }
    /* release: what is left in its magazine; pairs with run and serve */
    atomic_store_explicit(&victim->state, LULL__THREAD_BLOCKED, memory_order_seq_cst);
    lull__os_futex_wake(&victim->state, 1);
    return n != 0;
}

bool lull__pool_steal(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    lull_heap *heap = t->heap;
    bool taken = false;

    if (pool->make == NULL || pool->audited.on) {
        return false;
    }
    lull__enter(t);
    if (pthread_mutex_trylock(&heap->threads_lock) == 0) {
        lull_thread *other = heap->threads;
        for (int looks = 0; other != NULL && !taken && looks < STEAL_LOOKS; looks++) {
            taken = other != t && steal_from(t, other, pool, m);
            other = other->next;
        }
        pthread_mutex_unlock(&heap->threads_lock);
    }
    lull__leave(t);
    m->hits_steal += taken;
    return taken;
}
