/* cycle_concurrent.h -- a collection beside the running program. */
#ifndef LULL__CYCLE_CONCURRENT_H
#define LULL__CYCLE_CONCURRENT_H

#include "phases.h"

/* The whole cycle; under cycle_lock, by a thread that is not attached. */
void lull__cycle_concurrent(lull_heap *heap, enum lull__cycle_reason reason);

#endif
