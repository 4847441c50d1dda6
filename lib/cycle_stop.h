/* cycle_stop.h -- a collection while all threads are held. */
#ifndef LULL__CYCLE_STOP_H
#define LULL__CYCLE_STOP_H

#include "phases.h"

/* The whole cycle; under cycle_lock, the calling thread blocked or not attached. */
void lull__cycle_stop(lull_heap *heap, enum lull__cycle_reason reason);

#endif
