/* finalizer_thread.h -- the thread that runs finalizers, where a heap asks for one. */
#ifndef LULL__FINALIZER_THREAD_H
#define LULL__FINALIZER_THREAD_H

#include "heap.h"

/* Starts it; false: the system refused. Ends it: what is queued then never runs. */
bool lull__finalizer_thread_start(lull_heap *heap);
void lull__finalizer_thread_stop(lull_heap *heap);

#endif
