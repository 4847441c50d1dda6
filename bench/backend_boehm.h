/* backend_boehm.h -- the Boehm-Demers-Weiser collector at its best.
 *
 * Stop-the-world with parallel marking, not incremental, not generational, default free space
 * divisor: the fastest it has for these workloads. Its heap begins with 4 MiB, as much as lull and
 * Go let a small heap grow; left to itself it collects a heap of a few KiB thousands of times a
 * second. Small objects with pointers come from lists of the thread's own, inline, as gc_inline.h
 * offers: 4.6 ns for 32 bytes where GC_MALLOC takes 8.4. They are scanned word by word; its typed
 * objects would be allocated under the global lock, and take 19 ns. Objects without pointers are
 * atomic: neither scanned nor zeroed; they come from the collector's own lists of each thread. */
#ifndef LAB_BACKEND_BOEHM_H
#define LAB_BACKEND_BOEHM_H

#ifndef GC_THREADS
#define GC_THREADS
#endif
#define GC_NO_THREAD_REDIRECTS /* threads attach themselves */
#include <gc/gc.h>
#include <gc/gc_inline.h>

#include <stdatomic.h>

#include "magazines.h"
#include "workload.h"

#define LAB_BACKEND_NAME boehm

#define LAB_BOEHM_TYPES 64  /* types a heap may have */
#define LAB_BOEHM_LIST 2000 /* bytes: larger objects have no list, but blocks of their own */

struct lab_type {
    size_t size;
    unsigned index; /* in lab_thread.list */
    bool leaf;
};

struct lab_pool {
    struct lab_depot depot;
    const lab_type *type;
    unsigned index; /* in lab_thread.magazine */
    bool on;
};

/* Uncollectable memory: what lists and magazines hold is alive. */
struct lab_thread {
    lab_heap *heap;
    void *list[LAB_BOEHM_TYPES]; /* new objects of a type, linked through their first words */
    struct lab_magazine magazine[LAB_MAGAZINE_POOLS];
};

/* Attached threads outside of blocking sections: those that a stop of the world delays. */
extern atomic_int lab_boehm_running;

/* Fills the thread's list of a type; ends the process where there is no memory. */
void lab_boehm_refill(lab_thread *t, const lab_type *type);
const lab_type *lab_boehm_type(lab_heap *heap, size_t size, bool leaf);
lab_pool *lab_boehm_pool(lab_heap *heap, const lab_type *type);
void **lab_boehm_grow(void **old, size_t old_count, size_t count);

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
    return lab_boehm_type(heap, size, true);
}

static inline const lab_type *lab_type_record(lab_heap *heap, const char *name, size_t size,
                                              const size_t *offsets, size_t count)
{
    (void)name, (void)offsets;
    return lab_boehm_type(heap, size, count == 0);
}

/* Zeroed where the collector does not do it. */
static inline void *lab__atomic_zeroed(size_t bytes)
{
    return __builtin_memset(lab__got(GC_MALLOC_ATOMIC(bytes), bytes), 0, bytes);
}

/* The contents of a new object with pointers are zero, those of one without are not stated. Such
 * a one cannot come from a list of ours: the collector would not follow the links in it. */
static inline void *lab__new(lab_thread *t, const lab_type *type)
{
    void **list = &t->list[type->index];
    void *object;

    if (type->leaf) {
        return lab__got(GC_MALLOC_ATOMIC(type->size), type->size);
    }
    if (__builtin_expect(type->size > LAB_BOEHM_LIST, 0)) {
        return lab__got(GC_MALLOC(type->size), type->size);
    }
    if (__builtin_expect(*list == NULL, 0)) {
        lab_boehm_refill(t, type);
    }
    object = *list;
    *list = GC_NEXT(object);
    GC_NEXT(object) = NULL;
    return object;
}

static inline void *lab_new(lab_thread *t, const lab_type *type)
{
    void *object = lab__new(t, type);

    return type->leaf ? __builtin_memset(object, 0, type->size) : object;
}

static inline void *lab_new_dirty(lab_thread *t, const lab_type *type)
{
    return lab__new(t, type);
}

static inline void *lab_new_array(lab_thread *t, const lab_type *type, size_t count)
{
    size_t bytes;

    (void)t;
    if (__builtin_mul_overflow(count, type->size, &bytes)) {
        lab_out_of_memory(SIZE_MAX);
    }
    return type->leaf ? lab__atomic_zeroed(bytes) : lab__got(GC_MALLOC(bytes), bytes);
}

static inline void *lab_new_leaf(lab_thread *t, size_t bytes)
{
    (void)t;
    return lab__got(GC_MALLOC_ATOMIC(bytes), bytes);
}

static inline void *lab_new_any(lab_thread *t, size_t bytes)
{
    (void)t;
    return lab__got(GC_MALLOC(bytes), bytes);
}

static inline void lab_free(lab_thread *t, void *object)
{
    (void)t, (void)object;
}

static inline void lab_store(lab_thread *t, void *slot, void *value)
{
    (void)t;
    *(void **)slot = value;
}

static inline void lab_roots_add(lab_heap *heap, void *start, size_t bytes)
{
    (void)heap;
    GC_add_roots(start, (char *)start + bytes);
}

static inline void lab_roots_remove(lab_heap *heap, void *start, size_t bytes)
{
    (void)heap;
    GC_remove_roots(start, (char *)start + bytes);
}

/* Its stop is a signal, which finds a sleeper too: nothing to declare to it. But a sleeper is not
 * delayed by a stop, and so not to be counted. */
static inline void lab_blocking_begin(lab_thread *t)
{
    (void)t;
    atomic_fetch_sub_explicit(&lab_boehm_running, 1, memory_order_relaxed);
}

static inline void lab_blocking_end(lab_thread *t)
{
    (void)t;
    atomic_fetch_add_explicit(&lab_boehm_running, 1, memory_order_relaxed);
}

static inline void lab_safepoint(lab_thread *t)
{
    (void)t;
}

static inline lab_pool *lab_pool_open(lab_heap *heap, const char *name, const lab_type *type)
{
    (void)name;
    return lab_boehm_pool(heap, type);
}

static inline void *lab_take(lab_thread *t, lab_pool *pool)
{
    if (pool->on) {
        void *object = lab_magazine_take(&t->magazine[pool->index], &pool->depot);

        if (__builtin_expect(object != NULL, 1)) {
            return object;
        }
    }
    return lab__new(t, pool->type);
}

static inline void lab_give(lab_thread *t, lab_pool *pool, void *object)
{
    if (pool->on) {
        lab_magazine_give(&t->magazine[pool->index], &pool->depot, lab_boehm_grow, object);
    }
}

#endif
