/* throttle.h -- threads that wait for the collector where the memory limit is near. */
#ifndef LULL__THROTTLE_H
#define LULL__THROTTLE_H

#include "heap.h"

/* Whether the heap has reached its trigger. */
LULL__INLINE bool lull__cycle_due(lull_heap *heap, size_t more_bytes)
{
    /* relaxed: estimates; a cycle too early or late by a few KiB is no harm */
    return lull__heap_bytes(heap) + more_bytes >=
           atomic_load_explicit(&heap->trigger_bytes, memory_order_relaxed);
}

/* Whether the heap would be past what the memory limit leaves it. */
LULL__INLINE bool lull__is_beyond_limit(const lull_heap *heap, size_t more_bytes)
{
    return lull__heap_bytes(heap) + more_bytes >
           atomic_load_explicit(&heap->limit_goal_bytes, memory_order_relaxed);
}

/* Whether it is the memory limit that sets the goal. */
LULL__INLINE bool lull__is_limited(const lull_heap *heap)
{
    uint64_t limit_goal = atomic_load_explicit(&heap->limit_goal_bytes, memory_order_relaxed);

    return limit_goal != LULL__PACER_NEVER &&
           limit_goal <= atomic_load_explicit(&heap->goal_bytes, memory_order_relaxed);
}

/* Where the limit leaves no room for what the thread would allocate meanwhile, `more_bytes` of it
 * at once, waits for the collector, or does its work in mode incremental: some milliseconds at
 * most, or as pacer.h says for a large object. A safepoint. False: the percent sets the goal;
 * threads assist. */
bool lull__throttle(lull_thread *t, size_t more_bytes);

/* In mode stop, before a cycle that is due: whether the collector may run, after a wait if it has
 * to rest first. A safepoint. */
bool lull__throttle_rest(lull_thread *t, size_t more_bytes);

/* After that: whether a large object is handed out now. Then it counts as allocated. Not while
 * cycles may make room for it: where one is over and there is none, one object is let past the
 * goal; and any one whose thread has waited for as long as it should. `cycles`: over when the
 * thread asked first. */
bool lull__throttle_admits(lull_thread *t, size_t more_bytes, uint64_t cycles);

#endif
