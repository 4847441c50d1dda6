/* cycle.h -- a collection, from its request to its end. */
#ifndef LULL__CYCLE_H
#define LULL__CYCLE_H

#include "heap.h"

/* Runs a cycle on the calling thread and waits for it; one that is running already is waited for,
 * and makes a TRIGGER request needless. The thread is at a safepoint in it. */
void lull__cycle_run(lull_thread *t, enum lull__cycle_reason reason);

/* Whether the heap has reached its trigger. */
LULL__INLINE bool lull__cycle_due(lull_heap *heap, size_t more_bytes)
{
    /* relaxed: estimates; a cycle too early or late by a few KiB is no harm */
    uint64_t bytes = atomic_load_explicit(&heap->live_bytes, memory_order_relaxed) +
                     atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
    return bytes + more_bytes >= atomic_load_explicit(&heap->trigger_bytes, memory_order_relaxed);
}

/* Waits until every span is swept, helping. Not at a safepoint: the thread is blocked or inside
 * the library. */
void lull__cycle_finish_sweep(lull_heap *heap, bool by_mutator);

/* Publishes the pacer's goal and trigger; under pacer_lock. */
void lull__cycle_set_goal(lull_heap *heap);

#endif
