/* lull/inline.h -- the fast path of allocation, inline. Opt in by including it after lull.h.
 *
 * lull_alloc_inline(t, type) is lull_alloc: a load, an add, a compare, a store. Code built with
 * this header is bound to the library's minor version. */
#ifndef LULL_INLINE_H
#define LULL_INLINE_H

#include <lull.h>

LULL_BEGIN_DECLS

/* A thread's allocation cache for one size class and layout: the slots in [cursor, end) are
 * free, zeroed and this thread's. */
struct lull_cache {
    char *cursor;
    char *end;
    char *run_end;         /* free slots go on to here, not zeroed beyond `end` */
    uint64_t free_mask;    /* free slots of the present group of 64 beyond this run */
};

LULL_API void *lull_alloc_slow(lull_thread *t, const lull_type *type);

/* As lull_alloc, which see for the five answers. */
static inline void *lull_alloc_inline(lull_thread *t, const lull_type *type)
{
    const struct lull_type_head *head = (const struct lull_type_head *)(const void *)type;
    char *caches = (char *)((struct lull_thread_head *)(void *)t)->caches;
    struct lull_cache *cache = (struct lull_cache *)(void *)(caches + head->cache);
    char *object = cache->cursor; /* NULL, as the end, where there is nothing yet */

    if (__builtin_expect((uintptr_t)object + head->slot_size > (uintptr_t)cache->end, 0)) {
        return lull_alloc_slow(t, type);
    }
    cache->cursor = object + head->slot_size;
    return object;
}

LULL_END_DECLS

#endif
