/* ephemeron.h -- ephemerons: value alive while key is. */
#ifndef LULL__EPHEMERON_H
#define LULL__EPHEMERON_H

#include "mark.h"

void lull__ephemeron_init(lull_heap *heap);
void lull__ephemeron_finish(lull_heap *heap);

/* Marks, until nothing changes, the values of all reached ephemerons whose key is reached. Between
 * drains, by the collecting thread. */
void lull__ephemeron_drain(lull_heap *heap, struct lull__marker *m, uint32_t markers);

/* Empties the reached ephemerons whose key was not; returns how many. After the last drain. */
size_t lull__ephemeron_clear(lull_heap *heap, struct lull__marker *m);

#endif
