/* weak.h -- weak references. */
#ifndef LULL__WEAK_H
#define LULL__WEAK_H

#include "mark.h"

/* Clears every weak reference whose target was not reached; returns how many. After the drains of
 * all but finalizers. */
size_t lull__weak_clear(lull_heap *heap, struct lull__marker *m);

#endif
