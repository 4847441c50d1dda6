/* collector.h -- the heap's thread that runs concurrent cycles, and requests to it. */
#ifndef LULL__COLLECTOR_H
#define LULL__COLLECTOR_H

#include "heap.h"

void lull__collector_init(lull_heap *heap);
void lull__collector_finish(lull_heap *heap);
void lull__collector_fork_child(lull_heap *heap);

/* Asks for a cycle, and goes on. A hint: where one is wanted already, if only one that is all but
 * over, that one is meant; an allocation above the trigger asks again. False: the thread cannot be
 * started. */
bool lull__collector_ask(lull_heap *heap, enum lull__cycle_reason reason);

/* Waits for a whole cycle that begins after this call. The caller is blocked, or not attached. */
bool lull__collector_wait(lull_heap *heap, enum lull__cycle_reason reason);

/* Takes cycle_lock, to collect or to fork. Nobody is passed by more than one cycle: who waits has
 * turn_lock, which a cycle that ends must have for the next one. The caller is blocked, or not
 * attached. */
void lull__collector_lock(lull_heap *heap);

#endif
