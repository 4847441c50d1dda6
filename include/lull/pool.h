/* lull/pool.h -- object pools: reuse beside the collector.
 *
 * A pool keeps objects that were put back and hands them out again. Its objects are ordinary
 * objects of the heap. Lifetime `cache`: the collector may drop what lies idle, so an idle pool
 * costs nothing in the end: what stayed unused through one cycle goes in the next (Bonwick &
 * Adams 2001 for magazines; Go's sync.Pool for the victim generation).
 *
 * When not to use one: objects that are cheap to make and die young are what a collector is
 * good at; a pool pays where objects are large, dear to make, or where pauses must be fewer. */
#ifndef LULL_POOL_H
#define LULL_POOL_H

#include <lull/base.h>
#include <lull/thread.h>
#include <lull/type.h>

LULL_BEGIN_DECLS

typedef struct lull_pool lull_pool;

/* Makes an object when the pool is empty; NULL makes lull_pool_get return NULL. It may allocate
 * from the heap and use other pools. */
typedef void *(*lull_pool_new_fn)(lull_thread *t, void *arg);
/* Makes an object clean before it is kept; runs in put, calls nothing of this library. Should it all
 * the same, lull_alloc fails with LULL_E_STATE once the thread's cache is empty, for want of a
 * collection, and an object put into a pool with a reset callback is dropped, with LULL_E_STATE in
 * lull_error(). */
typedef void (*lull_pool_reset_fn)(void *object, void *arg);

typedef struct lull_pool_options {
    size_t struct_size;       /* sizeof(lull_pool_options) */
    const char *name;         /* for statistics; copied; "" if NULL */
    const lull_type *type;    /* objects of this type are allocated where `make` is NULL */
    lull_pool_new_fn make;    /* or this makes them */
    lull_pool_reset_fn reset; /* may be NULL */
    void *arg;                /* for make and reset */
    size_t max_idle;          /* objects kept at most, 0: no bound; beside them each thread keeps
                                 up to two magazines of its own, and never more than max_idle */
} lull_pool_options;

/* Creates a pool; it lives until lull_pool_destroy or its heap's end.
 * Collects: no. Errors: NULL and LULL_E_INVALID (neither type nor make, a type of another heap, or
 * an old struct_size), LULL_E_NO_MEMORY, LULL_E_LIMIT (more than 256 pools in a heap).
 * Threads: any. Time: O(1). */
LULL_API lull_pool *lull_pool_create(lull_heap *heap, const lull_pool_options *options);

/* Destroys a pool: what it keeps becomes ordinary garbage; objects checked out stay valid.
 * Collects: no. Errors: LULL_E_INVALID for NULL. Threads: any, with no other call on the pool in
 * progress or to come. Time: O(threads + magazines). */
LULL_API int lull_pool_destroy(lull_pool *pool);

/* The name a pool was created with.
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API const char *lull_pool_name(const lull_pool *pool);

/* The two magazines of a thread and pool, one on top of the other: the objects kept last are
 * handed out first. Fixed, so that the fast paths can be inline; read only for programs. */
#define LULL_MAGAZINE_SLOTS 32
struct lull_magazines {
    size_t count;     /* objects kept here */
    size_t limit;     /* put takes the slow path from this count on; 0: always */
    uint64_t hits;    /* objects handed out from here */
    uint64_t misses;  /* objects asked for in vain */
    int64_t received; /* objects that came from the depot, less those given to it or dropped:
                         so count + hits - received were put here */
    size_t refill;    /* objects to take from the depot next time; 0: not yet known */
    size_t unused[2];
    uintptr_t object[2 * LULL_MAGAZINE_SLOTS];
};

struct lull_pool_head {
    size_t offset; /* of the pool's magazines, in bytes from lull_thread_head.pools */
};

static inline struct lull_magazines *lull__magazines(lull_thread *t, const lull_pool *pool)
{
    char *pools = (char *)((struct lull_thread_head *)(void *)t)->pools;
    size_t offset = ((const struct lull_pool_head *)(const void *)pool)->offset;

    return (struct lull_magazines *)(void *)(pools + offset);
}

LULL_API void *lull_pool_get_slow(lull_thread *t, lull_pool *pool);
LULL_API void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object);

/* Takes an object out of the pool, or a new one. What comes out of reuse is as it was put (after
 * reset), not zeroed.
 * Collects: maybe, as lull_alloc.
 * Errors:   NULL as lull_alloc, or where `make` returned NULL.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1), eight instructions; at most one call in 32 takes objects from the depot, but for
 *           a few after each collection. */
static inline void *lull_pool_get(lull_thread *t, lull_pool *pool)
{
    struct lull_magazines *m = lull__magazines(t, pool);
    size_t count;

    /* one instruction takes one away and tells whether there was one */
    if (__builtin_expect(__builtin_sub_overflow(m->count, (size_t)1, &count), 0)) {
        return lull_pool_get_slow(t, pool);
    }
    m->count = count;
    m->hits++;
    return (void *)m->object[count];
}

/* Puts an object back. It came from this pool, is not used after and not put twice; NULL is
 * ignored. Nothing of this is checked but in debug builds of the library, which assert it: an
 * object put twice gets two owners; a pointer that is no object of the heap comes out of a later
 * get as it went in, and one into an object keeps that object; the heap is not harmed.
 * Collects: no.
 * Errors:   none: an object beyond `max_idle`, or beyond the memory to note it in, is dropped and
 *           counted.
 * Threads:  `t` belongs to the calling thread, which need not be the one that got it.
 * Time:     O(1), eight instructions, or the reset callback's time; at most one call in 32 gives
 *           objects to the depot. */
static inline void lull_pool_put(lull_thread *t, lull_pool *pool, void *object)
{
    struct lull_magazines *m = lull__magazines(t, pool);
    size_t count = m->count;

    if (__builtin_expect(count >= m->limit || object == NULL, 0)) {
        lull_pool_put_slow(t, pool, object);
        return;
    }
    m->object[count] = (uintptr_t)object;
    m->count = count + 1;
}

/* LULL_POOL_TYPE(buffers, struct buffer): functions buffers_get(t, pool) and
 * buffers_put(t, pool, object) with the C type, no casts in the program. */
#define LULL_POOL_TYPE(prefix, T)                                                                  \
    static inline T *prefix##_get(lull_thread *t, lull_pool *pool)                                 \
    {                                                                                              \
        return (T *)lull_pool_get(t, pool);                                                        \
    }                                                                                              \
    static inline void prefix##_put(lull_thread *t, lull_pool *pool, T *object)                    \
    {                                                                                              \
        lull_pool_put(t, pool, object);                                                            \
    }

/* A pool's counters; all since its creation but for `idle`.
 * gets = hits + misses; idle = puts - hits - drops. */
typedef struct lull_pool_stats {
    uint64_t gets;   /* objects asked for */
    uint64_t hits;   /* of these, served from what was put */
    uint64_t misses; /* of these, made new, or not to be had */
    uint64_t puts;   /* objects put back; NULL does not count */
    uint64_t drops;  /* objects put back that were left to the collector, at once or idle */
    uint64_t idle;   /* objects kept now; a snapshot */
} lull_pool_stats;

/* Reads the counters without stopping anyone; each is exact up to what other threads did in
 * the meantime.
 * Collects: no. Errors: LULL_E_INVALID for NULL. Threads: any. Time: O(threads). */
LULL_API int lull_pool_stats_read(lull_pool *pool, lull_pool_stats *stats);

LULL_END_DECLS

#endif
