/* outside.c -- objects of pools that are not the heap's, and the end of those that are dropped.
 *
 * What malloc makes has 16 bytes before it that say its size, so that a pool whose size was changed
 * knows the old ones. */
#include "outside.h"

#include <stdlib.h>

#include "callback.h"
#include "error.h"

#define ALIGNMENT 16

struct header {
    size_t bytes;
} LULL__ALIGNED(ALIGNMENT);

void *lull__outside_make(size_t bytes)
{
    struct header *header = calloc(1, lull__add_saturating(sizeof *header, bytes));

    if (header == NULL) {
        lull__fail(LULL_E_NO_MEMORY, "malloc has no %zu bytes", bytes);
        return NULL;
    }
    header->bytes = bytes;
    return header + 1;
}

size_t lull__outside_bytes(const void *object)
{
    return ((const struct header *)object - 1)->bytes;
}

static bool made_by_malloc(const struct lull_pool *pool)
{
    return pool->outside && pool->make == NULL;
}

bool lull__outside_wanted(const struct lull_pool *pool)
{
    return pool->destroy != NULL || made_by_malloc(pool);
}

static void bury(struct lull_pool *pool, void *object)
{
    if (pool->destroy != NULL) {
        pool->destroy(object, pool->arg);
    }
    if (made_by_malloc(pool)) {
        free((struct header *)object - 1);
    }
}

void lull__outside_bury(struct lull_pool *pool, const uintptr_t *object, size_t n)
{
    uint32_t around = lull__callback_begin(LULL__CALLBACK_DESTROY);

    for (size_t i = 0; i < n; i++) {
        bury(pool, (void *)object[i]);
    }
    lull__callback_end(around);
}
