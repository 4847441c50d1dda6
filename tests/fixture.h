/* fixture.h -- a heap, a thread with a precise stack, and roots: what most suites of the heap begin
 * with. Results are exact: alive is what root[] reaches, and only when lull_collect is called. */
#ifndef LULL_TESTS_FIXTURE_H
#define LULL_TESTS_FIXTURE_H

#include <string.h>

#include "heap.h"
#include "support.h"

static lull_heap *heap;
static lull_thread *t;
static void *root[8]; /* registered: any word of these may be a pointer */

/* An object that can be told from others; any of its words may be a pointer. */
struct thing {
    uint64_t number;
    void *child[3];
};

static inline void set_up_with(lull_options options)
{
    heap = support_heap(&options);
    t = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(t);
    memset(root, 0, sizeof root);
    ck_assert_int_eq(lull_roots_add(heap, root, sizeof root), LULL_OK);
}

static inline void set_up(void)
{
    set_up_with(support_options());
}

static inline void tear_down(void)
{
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

static inline struct thing *make(uint64_t number)
{
    struct thing *thing = lull_alloc_any(t, sizeof *thing);

    ensure(thing != NULL, "%s", lull_error_message());
    thing->number = number;
    return thing;
}

static inline void collect(void)
{
    ck_assert_int_eq(lull_collect(t), LULL_OK);
}

static inline bool alive(const void *object)
{
    return lull_object_of(heap, (uintptr_t)object).base == object;
}

/* Objects of the heap; exact after a collection. */
static inline uint64_t in_use(void)
{
    lull_stats stats = support_stats(heap);

    return stats.allocated_objects - stats.freed_objects;
}

#endif
