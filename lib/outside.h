/* outside.h -- objects of pools that are not the heap's, and the end of those that are dropped. */
#ifndef LULL__OUTSIDE_H
#define LULL__OUTSIDE_H

#include "pool.h"

/* Makes an object by malloc, zeroed, aligned to 16; NULL: no memory, LULL_E_NO_MEMORY. Its
 * bytes. */
void *lull__outside_make(size_t bytes);
size_t lull__outside_bytes(const void *object);

/* Whether anything is to be done when the pool drops an object. */
bool lull__outside_wanted(const struct lull_pool *pool);

/* The program's `destroy`; then what malloc made is freed. Outside all locks; `t` is NULL for a
 * thread that is not attached. */
void lull__outside_bury(struct lull_pool *pool, const uintptr_t *object, size_t n);

#endif
