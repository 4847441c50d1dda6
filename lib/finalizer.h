/* finalizer.h -- finalizers: what the program wants done when an object is found dead. */
#ifndef LULL__FINALIZER_H
#define LULL__FINALIZER_H

#include "mark.h"

void lull__finalizer_init(lull_heap *heap);
void lull__finalizer_finish(lull_heap *heap);

/* Roots: objects that wait in the queue for their finalizer. */
void lull__finalizer_scan(lull_heap *heap, lull_tracer *tracer);

/* Queues the finalizers of all objects not reached and adds these as roots; returns how many. To be
 * followed by a drain. */
size_t lull__finalizer_queue(lull_heap *heap, struct lull__marker *m);

/* After that drain: the program may run them. */
void lull__finalizer_publish(lull_heap *heap);

/* After a cycle that queued some: wakes the finalizer thread, if there is one. */
void lull__finalizer_wake(lull_heap *heap);

#endif
