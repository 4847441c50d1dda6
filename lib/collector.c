/* collector.c -- the heap's thread that runs concurrent cycles.
 *
 * It sleeps until somebody asks. What is asked for while a cycle runs is served by the next one.
 * Before that it rests, where it has had more than half of the machine. */
#include "collector.h"

#include <time.h>

#include "callback.h"
#include "cycle_concurrent.h"
#include "delay.h"

void lull__collector_init(lull_heap *heap)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&heap->collector.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&heap->collector.wake, &attr);
    pthread_condattr_destroy(&attr);
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
    atomic_store_explicit(&heap->throttled, 0, memory_order_relaxed);
    heap->collector.ended = heap->collector.begun;
    atomic_store_explicit(&heap->collector.wanted, false, memory_order_relaxed);
    pthread_mutex_init(&heap->turn_lock, NULL); /* who had it waited for the fork */
    lull__collector_init(heap);
}

void lull__collector_lock(lull_heap *heap)
{
    pthread_mutex_lock(&heap->turn_lock);
    lull__delay(heap, LULL__DELAY_TURN);
    pthread_mutex_lock(&heap->cycle_lock);
    pthread_mutex_unlock(&heap->turn_lock);
}

/* Threads that wait near the limit look again: a cycle is over, or one of them asks for the next
 * one, if that is due. */
static void wake_throttled(lull_heap *heap)
{
    if (atomic_load_explicit(&heap->throttled, memory_order_relaxed) != 0) {
        atomic_fetch_add_explicit(&heap->pace, 1, memory_order_relaxed);
        lull__os_futex_wake(&heap->pace, INT32_MAX);
    }
}

static void run_cycle(lull_heap *heap)
{
    struct lull__collector *c = &heap->collector;
    enum lull__cycle_reason reason = (enum lull__cycle_reason)c->reason;

    c->begun++;
    c->reason = LULL__REASON_TRIGGER;
    pthread_mutex_unlock(&c->lock);
    lull__collector_lock(heap);
    uint32_t around = lull__callback_begin(LULL__CALLBACK_TRACE);
    lull__cycle_concurrent(heap, reason);
    lull__callback_end(around);
    pthread_mutex_unlock(&heap->cycle_lock);
    pthread_mutex_lock(&c->lock);
    c->ended = c->begun;
    pthread_cond_broadcast(&c->finished);
    wake_throttled(heap);
}

/* Under lock: when the cycle that is asked for may begin; 0: at once. The collector has had more
 * than its part of the machine (pacer.h); it rests, but not while somebody waits for it. */
static uint64_t rests_until(struct lull__collector *c)
{
    uint64_t until_ns = atomic_load_explicit(&c->rest_until_ns, memory_order_relaxed);
    bool hurried = c->reason != LULL__REASON_TRIGGER ||
                   atomic_load_explicit(&c->waiting, memory_order_relaxed) != 0;

    return hurried || until_ns <= lull__os_now_ns() ? 0 : until_ns;
}

static void rest(struct lull__collector *c, uint64_t until_ns)
{
    struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};

    pthread_cond_timedwait(&c->wake, &c->lock, &until);
}

static void *run(void *arg)
{
    lull_heap *heap = arg;
    struct lull__collector *c = &heap->collector;

    lull__os_thread_be_nice(LULL__PACER_MARKER_NICE);
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        uint64_t until_ns = rests_until(c);
        if (c->asked > c->begun && until_ns != 0) {
            rest(c, until_ns);
            continue;
        }
        if (c->asked > c->begun) {
            run_cycle(heap);
            continue;
        }
        /* relaxed: outside the lock a hint */
        atomic_store_explicit(&c->wanted, false, memory_order_relaxed);
        wake_throttled(heap);
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
