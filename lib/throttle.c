/* throttle.c -- threads that wait for the collector where the memory limit is near.
 *
 * A cycle beside the program takes its time, and what is allocated meanwhile adds to the heap. Where
 * the memory limit sets the goal there may be no room for that much. Marking by the threads, as in
 * assist.c, would have the collector take more than its half of the machine; so they wait, each in
 * proportion to what it allocates: a thread that has taken 32 KiB of new slots sleeps until marking
 * has caught up, and goes on after a bounded time whether it has or not. pacer.h has the arithmetic.
 *
 * A thread that waits is blocked: handshakes do not wait for it. No wake is relied on: who misses one
 * sleeps for a nap longer. */
#include "throttle.h"

#include "assist.h"
#include "handshake.h"
#include "pause.h"

#define LOOK_AGAIN_NS 500000 /* past the goal, until there is progress to go by */

/* By how much time allocation is ahead of the collector; 0: it is not, or nobody collects. */
static uint64_t lead_ns(const lull_heap *heap)
{
    /* relaxed, here and below: hints and estimates */
    if (atomic_load_explicit(&heap->marking, memory_order_relaxed)) {
        struct lull__progress progress = lull__assist_progress(heap);
        return lull__pacer_lead_ns(&progress, lull__count(&heap->events, last_mark_ns));
    }
    bool wanted = atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed);
    return wanted && lull__assist_is_past_goal(heap) ? LOOK_AGAIN_NS : 0;
}

static uint64_t nap_ns(const lull_heap *heap, int64_t patience_ns)
{
    uint32_t waiting = atomic_load_explicit(&heap->throttled, memory_order_relaxed);

    return lull__pacer_nap(lead_ns(heap), patience_ns, waiting, lull__os_processors());
}

/* Naps until marking has caught up, or patience is at its end; returns when that was. */
static uint64_t wait(lull_thread *t, uint64_t begin_ns, uint64_t nap)
{
    lull_heap *heap = t->heap;
    uint64_t now_ns = begin_ns;

    lull__block();
    atomic_fetch_add_explicit(&heap->throttled, 1, memory_order_relaxed);
    while (nap != 0) {
        uint32_t pace = atomic_load_explicit(&heap->pace, memory_order_relaxed);
        lull__os_futex_wait(&heap->pace, pace, nap);
        now_ns = lull__os_now_ns();
        nap = nap_ns(heap, t->patience_ns - (int64_t)(now_ns - begin_ns));
    }
    atomic_fetch_sub_explicit(&heap->throttled, 1, memory_order_relaxed);
    lull__emit(&heap->events, pause, t->number, LULL_PAUSE_LIMIT, now_ns - begin_ns);
    lull__unblock(); /* where a stop came meanwhile, that is a pause of its own */
    return now_ns;
}

bool lull__throttle(lull_thread *t)
{
    lull_heap *heap = t->heap;

    if (!atomic_load_explicit(&heap->throttles, memory_order_relaxed)) {
        return false;
    }
    if (!atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed)) {
        return true; /* no cycle runs, nor is one asked for */
    }
    uint64_t now_ns = lull__os_now_ns();
    uint32_t waiting = atomic_load_explicit(&heap->throttled, memory_order_relaxed);
    t->patience_ns = lull__pacer_patience(t->patience_ns, now_ns - t->ran_since_ns, waiting,
                                          lull__os_processors());
    t->ran_since_ns = now_ns;
    uint64_t nap = nap_ns(heap, t->patience_ns);
    if (nap != 0) {
        t->ran_since_ns = wait(t, now_ns, nap);
        t->patience_ns -= (int64_t)(t->ran_since_ns - now_ns);
    }
    return true;
}
