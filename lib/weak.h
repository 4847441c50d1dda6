/* weak.h -- weak references. */
#ifndef LULL__WEAK_H
#define LULL__WEAK_H

#include "mark.h"

/* Clears every weak reference whose target was not reached; returns how many. After the drains of
 * all but finalizers. */
size_t lull__weak_clear(lull_heap *heap, struct lull__marker *m);

/* Reads a word that does not keep its object alive: the word, whose object does live from then on,
 * or 0. */
uintptr_t lull__weak_read(lull_thread *t, const uintptr_t *weak);

/* Returns `word`; while a cycle marks, its object will be marked. */
uintptr_t lull__weak_shade(lull_thread *t, uintptr_t word);

#endif
