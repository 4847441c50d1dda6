/* backend_malloc.h -- malloc and explicit free: the program that manages its memory by hand.
 *
 * It is the libc's malloc, or whichever allocator the environment preloads. */
#ifndef LAB_BACKEND_MALLOC_H
#define LAB_BACKEND_MALLOC_H

#include <stdlib.h>

#include "magazines.h"
#include "workload.h"

#define LAB_BACKEND_NAME malloc

struct lab_type {
    size_t size;
    bool leaf;
};

struct lab_pool {
    struct lab_depot depot;
    size_t size;
    unsigned index; /* in lab_thread.magazine */
    bool leaf;
    bool on;
};

struct lab_thread {
    lab_heap *heap;
    struct lab_magazine magazine[LAB_MAGAZINE_POOLS];
};

const lab_type *lab_malloc_type(lab_heap *heap, size_t size, bool leaf);
lab_pool *lab_malloc_pool(lab_heap *heap, const lab_type *type);
void **lab_malloc_grow(void **old, size_t old_count, size_t count);

static inline void *lab__got(void *object, size_t bytes)
{
    if (__builtin_expect(object == NULL, 0)) {
        lab_out_of_memory(bytes);
    }
    return object;
}

static inline const lab_type *lab_type_leaf(lab_heap *heap, const char *name, size_t size)
{
    (void)name;
    return lab_malloc_type(heap, size, true);
}

static inline const lab_type *lab_type_record(lab_heap *heap, const char *name, size_t size,
                                              const size_t *offsets, size_t count)
{
    (void)name, (void)offsets;
    return lab_malloc_type(heap, size, count == 0);
}

static inline void *lab_new(lab_thread *t, const lab_type *type)
{
    (void)t;
    return lab__got(calloc(1, type->size), type->size);
}

static inline void *lab_new_dirty(lab_thread *t, const lab_type *type)
{
    (void)t;
    return lab__got(malloc(type->size), type->size);
}

static inline void *lab_new_array(lab_thread *t, const lab_type *type, size_t count)
{
    (void)t;
    return lab__got(calloc(count, type->size), count * type->size);
}

static inline void *lab_new_leaf(lab_thread *t, size_t bytes)
{
    (void)t;
    return lab__got(malloc(bytes), bytes);
}

static inline void *lab_new_any(lab_thread *t, size_t bytes)
{
    (void)t;
    return lab__got(calloc(1, bytes), bytes);
}

static inline void lab_free(lab_thread *t, void *object)
{
    (void)t;
    free(object);
}

static inline void lab_store(lab_thread *t, void *slot, void *value)
{
    (void)t;
    *(void **)slot = value;
}

static inline void lab_roots_add(lab_heap *heap, void *start, size_t bytes)
{
    (void)heap, (void)start, (void)bytes;
}

static inline void lab_roots_remove(lab_heap *heap, void *start, size_t bytes)
{
    (void)heap, (void)start, (void)bytes;
}

static inline void lab_blocking_begin(lab_thread *t)
{
    (void)t;
}

static inline void lab_blocking_end(lab_thread *t)
{
    (void)t;
}

static inline void lab_safepoint(lab_thread *t)
{
    (void)t;
}

static inline lab_pool *lab_pool_open(lab_heap *heap, const char *name, const lab_type *type)
{
    (void)name;
    return lab_malloc_pool(heap, type);
}

static inline void *lab_take(lab_thread *t, lab_pool *pool)
{
    if (pool->on) {
        void *object = lab_magazine_take(&t->magazine[pool->index], &pool->depot);

        if (__builtin_expect(object != NULL, 1)) {
            return object;
        }
    }
    return lab__got(pool->leaf ? malloc(pool->size) : calloc(1, pool->size), pool->size);
}

static inline void lab_give(lab_thread *t, lab_pool *pool, void *object)
{
    if (pool->on) {
        lab_magazine_give(&t->magazine[pool->index], &pool->depot, lab_malloc_grow, object);
    } else {
        free(object);
    }
}

#endif
