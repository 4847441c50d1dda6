/* cycle.h -- collections: who asks, and which kind it gets. */
#ifndef LULL__CYCLE_H
#define LULL__CYCLE_H

#include "heap.h"

/* Runs a whole cycle that begins after the call, and waits for it. The thread is at a safepoint in
 * it. */
void lull__cycle_run(lull_thread *t, enum lull__cycle_reason reason);

/* The heap has reached its trigger, with what the thread is about to take: runs a cycle in mode
 * stop, unless the collector has to rest first; asks for one otherwise. */
void lull__cycle_start(lull_thread *t, size_t more_bytes);

#endif
