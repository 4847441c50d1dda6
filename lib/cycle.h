/* cycle.h -- collections: who asks, and which kind it gets. */
#ifndef LULL__CYCLE_H
#define LULL__CYCLE_H

#include "heap.h"

/* Runs a whole cycle that begins after the call, and waits for it. The thread is at a safepoint in
 * it. */
void lull__cycle_run(lull_thread *t, enum lull__cycle_reason reason);

/* The heap has reached its trigger: runs a cycle in mode stop; asks for one otherwise. */
void lull__cycle_start(lull_thread *t);

/* Whether the heap has reached its trigger. */
LULL__INLINE bool lull__cycle_due(lull_heap *heap, size_t more_bytes)
{
    /* relaxed: estimates; a cycle too early or late by a few KiB is no harm */
    uint64_t bytes = atomic_load_explicit(&heap->live_bytes, memory_order_relaxed) +
                     atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
    return bytes + more_bytes >= atomic_load_explicit(&heap->trigger_bytes, memory_order_relaxed);
}

#endif
