/* alloc.h -- allocation by layout, for what the library itself makes. */
#ifndef LULL__ALLOC_H
#define LULL__ALLOC_H

#include "heap.h"

/* An object of `bytes`, zeroed, whose words are as `layout` says. As lull_alloc. */
void *lull__alloc(lull_thread *t, struct lull__layout *layout, size_t bytes);

#endif
