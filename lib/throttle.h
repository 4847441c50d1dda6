/* throttle.h -- threads that wait for the collector where the memory limit is near. */
#ifndef LULL__THROTTLE_H
#define LULL__THROTTLE_H

#include "heap.h"

/* Where the limit leaves no room for what the thread would allocate meanwhile, waits for the
 * collector, some milliseconds at most. A safepoint. False: threads do not wait here, but assist. */
bool lull__throttle(lull_thread *t);

#endif
