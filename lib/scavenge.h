/* scavenge.h -- the heap's background worker: sweeps, and gives idle memory back. */
#ifndef LULL__SCAVENGE_H
#define LULL__SCAVENGE_H

#include "heap.h"

void lull__worker_init(lull_heap *heap);
void lull__worker_finish(lull_heap *heap);
void lull__worker_fork_child(lull_heap *heap);

/* After a cycle: there may be spans to sweep, and memory beyond `retain` bytes to give back. Starts
 * the worker's thread when it is first needed; without one the work is done by allocation. */
void lull__worker_wake(lull_heap *heap, size_t retain);

/* Waits until the worker does nothing and keeps it so until resume: for fork and destroy. */
void lull__worker_pause(lull_heap *heap);
void lull__worker_resume(lull_heap *heap);

/* Gives all idle memory back now; returns the bytes. */
size_t lull__scavenge_all(lull_heap *heap);

#endif
