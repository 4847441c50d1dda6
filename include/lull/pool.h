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
 * from the heap, not use the pool. */
typedef void *(*lull_pool_new_fn)(lull_thread *t, void *arg);
/* Makes an object clean before it is kept; runs in put, uses neither pool nor heap. */
typedef void (*lull_pool_reset_fn)(void *object, void *arg);

typedef struct lull_pool_options {
    size_t struct_size;     /* sizeof(lull_pool_options) */
    const char *name;       /* for statistics; copied; "" if NULL */
    const lull_type *type;  /* objects of this type are allocated where `make` is NULL */
    lull_pool_new_fn make;  /* or this makes them */
    lull_pool_reset_fn reset; /* may be NULL */
    void *arg;              /* for make and reset */
    size_t max_idle;        /* objects kept at most; 0: no bound; a magazine's worth a thread more
                               may be kept */
} lull_pool_options;

/* Creates a pool; it lives until lull_pool_destroy or its heap's end.
 * Collects: no. Errors: NULL and LULL_E_INVALID (neither type nor make, or an old struct_size),
 * LULL_E_NO_MEMORY, LULL_E_LIMIT (more than 256 pools in a heap). Threads: any attached thread.
 * Time: O(threads). */
LULL_API lull_pool *lull_pool_create(lull_heap *heap, const lull_pool_options *options);

/* Destroys a pool: what it keeps becomes ordinary garbage; objects checked out stay valid.
 * Collects: no. Errors: LULL_E_INVALID. Threads: any attached thread, no other call on the pool
 * in progress or to come. Time: O(threads + magazines). */
LULL_API int lull_pool_destroy(lull_pool *pool);

/* One magazine: the objects kept last are handed out first. Fixed, so that the fast paths can
 * be inline; read only for programs. */
#define LULL_MAGAZINE_SLOTS 30
struct lull_magazine {
    struct lull_magazine *next;
    void *object[LULL_MAGAZINE_SLOTS];
};

/* What a thread keeps of one pool. `count` objects are in `loaded`. */
struct lull_magazines {
    struct lull_magazine *loaded;
    uint32_t count;          /* objects in `loaded` */
    uint32_t previous_count; /* objects in `previous`: none or all, or a part after a trim */
    struct lull_magazine *previous;
    uint64_t gets;           /* served here since the thread's counters were last gathered */
    uint64_t puts;
    uint32_t low;            /* least count seen since the last cycle */
    uint32_t plain_put;      /* nonzero: put needs no reset, bound or check */
};

struct lull_pool_head {
    uint32_t index; /* of the pool in lull_thread_head.pools */
};

LULL_API void *lull_pool_get_slow(lull_thread *t, lull_pool *pool);
LULL_API void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object);

/* Takes an object out of the pool, or a new one. What comes out of reuse is as it was put (after
 * reset), not zeroed.
 * Collects: maybe, as lull_alloc.
 * Errors:   NULL as lull_alloc, or where `make` returned NULL.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1), about ten instructions; one call in thirty exchanges a magazine. */
static inline void *lull_pool_get(lull_thread *t, lull_pool *pool)
{
    uint32_t index = ((const struct lull_pool_head *)(const void *)pool)->index;
    struct lull_magazines *m = &((struct lull_thread_head *)(void *)t)->pools[index];
    uint32_t count = m->count;

    if (__builtin_expect(count == 0, 0)) {
        return lull_pool_get_slow(t, pool);
    }
    m->count = count - 1;
    return m->loaded->object[count - 1];
}

/* Puts an object back. It must have come from this pool, must not be used after, and not be put
 * twice. NULL is ignored.
 * Collects: no.
 * Errors:   none: an object beyond `max_idle`, or one that is no object of the heap, is dropped
 *           and counted.
 * Threads:  `t` belongs to the calling thread, which need not be the one that got it.
 * Time:     O(1), and the reset callback's. */
static inline void lull_pool_put(lull_thread *t, lull_pool *pool, void *object)
{
    lull_pool_put_slow(t, pool, object);
}

/* LULL_POOL_TYPE(buffers, struct buffer): functions buffers_get(t, pool) and
 * buffers_put(t, pool, object) with the C type, no casts in the program. */
#define LULL_POOL_TYPE(prefix, T)                                                                \
    static inline T *prefix##_get(lull_thread *t, lull_pool *pool)                               \
    {                                                                                            \
        return (T *)lull_pool_get(t, pool);                                                      \
    }                                                                                            \
    static inline void prefix##_put(lull_thread *t, lull_pool *pool, T *object)                  \
    {                                                                                            \
        lull_pool_put(t, pool, object);                                                          \
    }

/* A pool's counters; all since its creation but for `idle`. */
typedef struct lull_pool_stats {
    uint64_t gets;   /* objects asked for */
    uint64_t hits;   /* of these, served from what was put */
    uint64_t misses; /* of these, made new */
    uint64_t puts;   /* objects put back */
    uint64_t drops;  /* put back or idle, and given to the collector */
    uint64_t idle;   /* objects kept now; a snapshot */
} lull_pool_stats;

/* Reads the counters without stopping anyone; each is exact up to what other threads did in
 * the meantime.
 * Collects: no. Errors: LULL_E_INVALID. Threads: any. Time: O(threads). */
LULL_API int lull_pool_stats_read(lull_pool *pool, lull_pool_stats *stats);

LULL_END_DECLS

#endif
