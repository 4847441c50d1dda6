/* collector.c -- the heap's thread that runs concurrent cycles.
 *
 * It sleeps until somebody asks. What is asked for while a cycle runs is served by the next one. */
#include "collector.h"

#include "cycle_concurrent.h"

void lull__collector_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->collector.lock, NULL);
    pthread_cond_init(&heap->collector.wake, NULL);
    pthread_cond_init(&heap->collector.finished, NULL);
}

void lull__collector_finish(lull_heap *heap)
{
    struct lull__collector *c = &heap->collector;

    if (c->started) {
        pthread_mutex_lock(&c->lock);
        c->stop = true;
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->thread, NULL);
    }
    pthread_cond_destroy(&c->wake);
    pthread_cond_destroy(&c->finished);
    pthread_mutex_destroy(&c->lock);
}

void lull__collector_fork_child(lull_heap *heap)
{
    heap->collector.started = false;
    atomic_store_explicit(&heap->collector.waiting, 0, memory_order_relaxed);
    heap->collector.ended = heap->collector.begun;
    atomic_store_explicit(&heap->collector.wanted, false, memory_order_relaxed);
    pthread_mutex_init(&heap->turn_lock, NULL); /* who had it waited for the fork */
    lull__collector_init(heap);
}

void lull__collector_lock(lull_heap *heap)
{
    pthread_mutex_lock(&heap->turn_lock);
    pthread_mutex_lock(&heap->cycle_lock);
    pthread_mutex_unlock(&heap->turn_lock);
}

static void run_cycle(lull_heap *heap)
{
    struct lull__collector *c = &heap->collector;
    enum lull__cycle_reason reason = (enum lull__cycle_reason)c->reason;

    c->begun++;
    c->reason = LULL__REASON_TRIGGER;
    pthread_mutex_unlock(&c->lock);
    lull__collector_lock(heap);
    lull__cycle_concurrent(heap, reason);
    pthread_mutex_unlock(&heap->cycle_lock);
    pthread_mutex_lock(&c->lock);
    c->ended = c->begun;
    pthread_cond_broadcast(&c->finished);
}

static void *run(void *arg)
{
    lull_heap *heap = arg;
    struct lull__collector *c = &heap->collector;

    lull__os_thread_be_nice(LULL__PACER_MARKER_NICE);
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        if (c->asked > c->begun) {
            run_cycle(heap);
            continue;
        }
        /* relaxed: outside the lock a hint */
        atomic_store_explicit(&c->wanted, false, memory_order_relaxed);
        pthread_cond_wait(&c->wake, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Under lock: asks for one cycle after the present one; returns its number. */
static uint64_t ask(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct lull__collector *c = &heap->collector;

    if (!c->started) {
        c->started = lull__os_thread_start(&c->thread, run, heap, "lull-collector");
    }
    if (reason != LULL__REASON_TRIGGER) {
        c->reason = reason;
    }
    c->asked = c->begun + 1;
    atomic_store_explicit(&c->wanted, true, memory_order_relaxed);
    pthread_cond_signal(&c->wake);
    return c->asked;
}

bool lull__collector_ask(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct lull__collector *c = &heap->collector;

    if (atomic_load_explicit(&c->wanted, memory_order_relaxed)) {
        return true;
    }
    pthread_mutex_lock(&c->lock);
    ask(heap, reason);
    bool started = c->started;
    pthread_mutex_unlock(&c->lock);
    return started;
}

bool lull__collector_wait(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct lull__collector *c = &heap->collector;

    pthread_mutex_lock(&c->lock);
    uint64_t number = ask(heap, reason);
    bool started = c->started;
    atomic_fetch_add_explicit(&c->waiting, 1, memory_order_relaxed); /* relaxed: see heap.h */
    while (started && c->ended < number) {
        pthread_cond_wait(&c->finished, &c->lock);
    }
    atomic_fetch_sub_explicit(&c->waiting, 1, memory_order_relaxed);
    pthread_mutex_unlock(&c->lock);
    return started;
}
