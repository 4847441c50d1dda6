/* backend_lull.h -- lull itself, its fast paths inline. */
#ifndef LAB_BACKEND_LULL_H
#define LAB_BACKEND_LULL_H

#include <lull.h>
#include <lull/inline.h>

#include "workload.h"

#define LAB_BACKEND_NAME lull

/* The events that the lab listens to. */
enum lab_heard_event { LAB_PAUSED, LAB_ASSISTED, LAB_MARKED, LAB_SWEPT, LAB_RELEASED, LAB_HEARD };

/* One of them: its number in the event table, and where its fields stand. */
typedef struct lab_heard {
    uint32_t id;
    unsigned time;  /* the field that says how long, or how much CPU */
    unsigned other; /* pause: which kind; mark_end: of what wall time */
} lab_heard;

#define LAB_HEARD_THREADS (2 * LAB_THREADS_MAX + 2) /* a workload may have its workers twice */

struct lab_heap {
    lull_heap *lull;
    struct lab_pool *pools; /* opened ones, in the order of their names */
    unsigned pool_count;
    bool pools_on;
    bool observed; /* somebody listens to events */
    lull_stats before;
    lab_histogram *pauses[LAB_DELAYS]; /* of the measured part, by kind */
    /* sums of each kind by number of the thread, likewise; threads beyond count in the totals */
    _Atomic uint64_t delayed_ns[LAB_HEARD_THREADS][LAB_DELAYS];
    _Atomic uint64_t assisted_ns; /* CPU, since the last mark_end */
    lab_heard heard[LAB_HEARD];
};

struct lab_pool {
    lull_pool *lull;
    const lull_type *type;
    const char *name; /* the workload's, which lives as long */
    struct lab_pool *next;
    lull_pool_stats before;
    bool on;
};

lab_pool *lab_lull_pool(lab_heap *heap, const char *name, const lab_type *type);
_Noreturn void lab_lull_failed(const char *what);

/* A lab_thread is the lull_thread, a lab_type the lull_type: nothing stands between. */
static inline lull_thread *lab__thread(lab_thread *t)
{
    return (lull_thread *)(void *)t;
}

static inline const lull_type *lab__type(const lab_type *type)
{
    return (const lull_type *)(const void *)type;
}

static inline void *lab__got(void *object)
{
    if (__builtin_expect(object == NULL, 0)) {
        lab_lull_failed("allocation");
    }
    return object;
}

static inline const lab_type *lab__known(const lull_type *type)
{
    if (type == NULL) {
        lab_lull_failed("making a type");
    }
    return (const lab_type *)(const void *)type;
}

static inline const lab_type *lab_type_leaf(lab_heap *heap, const char *name, size_t size)
{
    return lab__known(lull_type_leaf(heap->lull, name, size));
}

static inline const lab_type *lab_type_record(lab_heap *heap, const char *name, size_t size,
                                              const size_t *offsets, size_t count)
{
    return lab__known(lull_type_record(heap->lull, name, size, offsets, count));
}

static inline void *lab_new(lab_thread *t, const lab_type *type)
{
    return lab__got(lull_alloc_inline(lab__thread(t), lab__type(type)));
}

static inline void *lab_new_dirty(lab_thread *t, const lab_type *type)
{
    return lab_new(t, type);
}

static inline void *lab_new_array(lab_thread *t, const lab_type *type, size_t count)
{
    return lab__got(lull_alloc_array(lab__thread(t), lab__type(type), count));
}

static inline void *lab_new_leaf(lab_thread *t, size_t bytes)
{
    return lab__got(lull_alloc_leaf(lab__thread(t), bytes));
}

static inline void *lab_new_any(lab_thread *t, size_t bytes)
{
    return lab__got(lull_alloc_any(lab__thread(t), bytes));
}

static inline void lab_free(lab_thread *t, void *object)
{
    (void)t, (void)object;
}

static inline void lab_store(lab_thread *t, void *slot, void *value)
{
    lull_store(lab__thread(t), slot, value);
}

static inline void lab_roots_add(lab_heap *heap, void *start, size_t bytes)
{
    if (lull_roots_add(heap->lull, start, bytes) != LULL_OK) {
        lab_lull_failed("adding roots");
    }
}

static inline void lab_roots_remove(lab_heap *heap, void *start, size_t bytes)
{
    lull_roots_remove(heap->lull, start, bytes);
}

static inline void lab_blocking_begin(lab_thread *t)
{
    lull_blocking_begin(lab__thread(t));
}

static inline void lab_blocking_end(lab_thread *t)
{
    lull_blocking_end(lab__thread(t));
}

static inline void lab_safepoint(lab_thread *t)
{
    lull_safepoint(lab__thread(t));
}

static inline lab_pool *lab_pool_open(lab_heap *heap, const char *name, const lab_type *type)
{
    return lab_lull_pool(heap, name, type);
}

static inline void *lab_take(lab_thread *t, lab_pool *pool)
{
    return lab__got(pool->on ? lull_pool_get(lab__thread(t), pool->lull)
                             : lull_alloc_inline(lab__thread(t), pool->type));
}

static inline void lab_give(lab_thread *t, lab_pool *pool, void *object)
{
    if (pool->on) {
        lull_pool_put(lab__thread(t), pool->lull, object);
    }
}

#endif
