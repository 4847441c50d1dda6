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
#include <lull/scope.h>
#include <lull/thread.h>
#include <lull/type.h>

LULL_BEGIN_DECLS

typedef struct lull_pool lull_pool;

/* ---- what a pool is ---- */

/* Makes an object when the pool is empty; NULL makes lull_pool_get return NULL. It may allocate
 * from the heap and use other pools; a get from its own pool inside it fails with LULL_E_STATE, and
 * so do lull_detach and the end of that pool. */
typedef void *(*lull_pool_new_fn)(lull_thread *t, void *arg);
/* Makes an object clean before it is kept; runs in put, on the thread that puts. It may store
 * (lull_store and its like); what else it may call is in lull.h. */
typedef void (*lull_pool_reset_fn)(void *object, void *arg);
/* Takes leave of an object that the pool drops: gives back what it holds outside the heap, and
 * where it is itself outside, frees it. Runs outside all locks and pauses, on the thread that
 * dropped it or a thread of the heap's. What it may call is as for `reset`. */
typedef void (*lull_pool_destroy_fn)(void *object, void *arg);
/* How many bytes an object holds, with what hangs on it. Reads the object alone: it may run inside
 * a pause, with locks held. What it may call is in lull.h. */
typedef size_t (*lull_pool_size_fn)(const void *object, void *arg);

/* How long a pool keeps what lies idle. */
typedef enum lull_pool_lifetime {
    LULL_POOL_CACHE, /* what stayed unused through one cycle goes in the next */
    LULL_POOL_OWNED  /* it survives collections: only bounds, age and want of memory end it */
} lull_pool_lifetime;

/* Flags of lull_pool_options. */
enum {
    LULL_POOL_ZERO = 1 << 0,         /* put clears the object, after `reset` */
    LULL_POOL_GENERATIONAL = 1 << 1, /* keep objects made long ago apart from young ones: get serves
                                        the old first, so that after a burst the young go first */
    LULL_POOL_AUDIT = 1 << 2,        /* check each get and put; slower by far */
    LULL_POOL_CLEAN = 1 << 3,        /* `reset` leaves every byte zero, which the audit checks */
    LULL_POOL_OUTSIDE = 1 << 4 /* `make` makes objects that are not the heap's, `destroy` frees
                                        them */
};

/* How much a pool keeps. Bounds are for what lies idle; none ever makes a get fail. */
typedef struct lull_pool_bounds {
    size_t min_idle;         /* objects that no cycle, age or want of memory drops; 0 to max_idle */
    size_t max_idle;         /* objects kept at most, 0: no bound; beside them each thread keeps up
                                to its magazine of them, and never more than max_idle */
    size_t max_idle_bytes;   /* likewise in bytes, 0: no bound */
    size_t max_object_bytes; /* an object that holds more is dropped when it is put; 0: no bound */
    uint64_t prune_age_ns;   /* what lay idle this long is dropped, soon after; 0: age alone drops
                                nothing. Looked at when a cycle begins and when threads exchange
                                objects with the pool: one that nobody uses in a heap that never
                                collects keeps what it has */
} lull_pool_bounds;

/* How a pool is made. Where its objects come from:
 *   type           the heap: lull_alloc(t, type)
 *   type and object_bytes   the heap: an array of `type` of so many bytes
 *   make           the heap, by the program; with LULL_POOL_OUTSIDE from elsewhere
 *   object_bytes   malloc and free: objects outside the heap, aligned to 16, zeroed when made. The
 *                  heap may be of mode off and hold nothing: see doc/pools.md
 * Objects outside the heap are never scanned: what they point to is not kept by them. */
typedef struct lull_pool_options {
    size_t struct_size;           /* sizeof(lull_pool_options) */
    const char *name;             /* for statistics; copied; "" if NULL */
    const lull_type *type;        /* objects of this type are allocated where `make` is NULL */
    size_t object_bytes;          /* size of objects, where no type tells it */
    lull_pool_new_fn make;        /* or this makes them */
    lull_pool_reset_fn reset;     /* may be NULL */
    lull_pool_destroy_fn destroy; /* may be NULL but with LULL_POOL_OUTSIDE */
    lull_pool_size_fn size;       /* NULL: the bytes of the object itself */
    void *arg;                    /* for the callbacks */
    lull_pool_lifetime lifetime;
    unsigned flags; /* LULL_POOL_* */
    size_t initial; /* objects made at once, by lull_pool_create */
    lull_pool_bounds bounds;
} lull_pool_options;

/* Creates a pool; it lives until lull_pool_destroy or its heap's end.
 * Collects: no; maybe where `initial` objects are made.
 * Errors:   NULL and LULL_E_INVALID (the message names the option), LULL_E_NO_MEMORY, LULL_E_LIMIT
 *           (more than 256 pools in a heap), LULL_E_THREAD (`initial` objects by a thread that is
 *           not attached), or why an initial object was not to be had.
 * Threads:  any. Time: O(initial). */
LULL_API lull_pool *lull_pool_create(lull_heap *heap, const lull_pool_options *options);

/* Destroys a pool: its `destroy` runs for what it keeps, which then is ordinary garbage; objects
 * checked out stay valid, and are the program's alone.
 * Collects: no. Errors: LULL_E_INVALID for NULL. Threads: any, with no other call on the pool in
 * progress or to come. Time: O(threads + objects with `destroy`). */
LULL_API int lull_pool_destroy(lull_pool *pool);

/* The name a pool was created with.
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API const char *lull_pool_name(const lull_pool *pool);

/* Sets new bounds, and reads them. What is kept beyond them goes when a cycle begins, or threads
 * exchange objects with the pool; that larger objects are no more wanted is heeded by each put that
 * begins after the call returned.
 * Collects: no. Errors: LULL_E_INVALID (NULL, or min_idle above max_idle), LULL_E_LIMIT as
 * lull_pool_resize. Threads: any, at any time. Time: O(threads). */
LULL_API int lull_pool_set_bounds(lull_pool *pool, const lull_pool_bounds *bounds);
LULL_API int lull_pool_bounds_read(lull_pool *pool, lull_pool_bounds *bounds);

/* Has a pool that was created with object_bytes make objects of another size from now on: each get
 * that begins after the call returned gets one of the new size. What is of the old size is dropped:
 * what lies idle soon, what is out when it is put. From then on a put asks for the object's size
 * and takes some nanoseconds more.
 * Collects: no.
 * Errors:   LULL_E_INVALID (NULL, no object_bytes, a size that no object can have), LULL_E_LIMIT
 *           (sizes or bounds were changed some hundred times while threads neither used a pool nor
 *           reached a safepoint).
 * Threads:  any, at any time. Time: O(threads + objects that lie idle). */
LULL_API int lull_pool_resize(lull_pool *pool, size_t object_bytes);

/* ---- get and put ----
 *
 * No exchange with the depot waits for a lock: where other threads are at all of it, a get tries
 * again for about a microsecond, yields its processor once, and makes an object; a put keeps one
 * more. But these calls take locks, never held while the program's own code runs:
 *   a get from a generational pool that makes an object notes it in the pool's ledger;
 *   a slow call that finds dropped objects for which `destroy` is to run takes the pool's lock;
 *   a thread's first slow call after a resize, or a change of max_object_bytes, takes the locks of
 *   the pool and of a part of its depot, to empty its old magazines there;
 *   in an audited pool each get and put takes that of a part of the depot, and of a ledger.
 * Other threads hold them for as long as an exchange takes, the collector while it goes over what
 * the pool keeps in that part. */

#define LULL_MAGAZINE_SLOTS 32 /* a thread keeps twice as many at most, */
#define LULL_MAGAZINE_MOST 232 /* or up to so many: others are at the depot, or it goes one way */

/* The magazine of a thread and pool: the objects kept last are handed out first. Fixed, so that the
 * fast paths can be inline; read only for programs. Where an object lies is said in words from the
 * thread, so that 16 bits suffice. */
struct lull_magazines {
    union {
        uint64_t counts; /* gets served from here * 2^16 + top */
        uint16_t top;    /* the next free slot; 0: never used */
    } now;
    uint16_t limit;      /* put takes the slow path from this top on; 0: always */
    uint16_t room;       /* objects that may be kept here */
    uint16_t most;       /* slots that were ever in use, at most */
    uint16_t refill;     /* objects to take from the depot next time; 0: not yet known */
    uint64_t misses;     /* gets in vain */
    int64_t received;    /* objects that came from the depot, less those given to it or dropped:
                             so count + hits - received were put here */
    uint64_t hits_depot; /* gets served after an exchange, by where from */
    uint64_t hits_steal;
    uint64_t hits_victim;
    uintptr_t bottom; /* 0: what get finds below the last object */
    uintptr_t object[LULL_MAGAZINE_MOST];
    uint16_t streak;  /* objects that exchanges moved one way, one after the other, */
    uint16_t outward; /* out of here, or in, */
    uint32_t others;  /* with so many calls for the other way before, all in all, modulo 2^32 */
    uint64_t unused[7];
};

struct lull_pool_head {
    size_t offset; /* of a thread's magazine of this pool, from the thread, in bytes; atomic */
};

static inline struct lull_magazines *lull__magazines_at(lull_thread *t, size_t offset)
{
    return (struct lull_magazines *)(void *)((char *)t + offset);
}

/* relaxed: whoever may rely on a new offset knows of it from the thread that set it */
static inline size_t lull__magazines_offset(const lull_pool *pool)
{
    return __atomic_load_n(&((const struct lull_pool_head *)(const void *)pool)->offset,
                           __ATOMIC_RELAXED);
}

/* Has the compiler forget how it came by an offset: else it adds it to the thread, in an
 * instruction of its own, where each access could do that by its address. */
#define LULL__FORGET(offset) __asm__("" : "+r"(offset))

LULL_API void *lull_pool_get_slow(lull_thread *t, lull_pool *pool);
LULL_API void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object);

/* Takes an object out of the pool, or a new one. What comes out of reuse is as it was put (after
 * reset), not zeroed.
 * Collects: maybe, as lull_alloc.
 * Errors:   NULL as lull_alloc, or where `make` returned NULL; LULL_E_STATE inside the pool's own
 *           `make`.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1), six instructions; at most one call in 32 takes objects from the depot, but for a
 *           few after each collection. A call that finds nothing to reuse may wait, as lull_alloc;
 *           others only for the locks named above. */
static inline void *lull_pool_get(lull_thread *t, lull_pool *pool)
{
    size_t offset = lull__magazines_offset(pool);
    size_t top = lull__magazines_at(t, offset)->now.top;
    uintptr_t object = ((const uintptr_t *)(const void *)t)[(ptrdiff_t)top - 1];

    if (__builtin_expect(object == 0, 0)) {
        return lull_pool_get_slow(t, pool);
    }
    LULL__FORGET(offset);
    lull__magazines_at(t, offset)->now.counts += 65535; /* one get more, one word less */
    return (void *)object;
}

/* Puts an object back. It came from this pool, is not used after and not put twice; NULL is
 * ignored. Nothing of this is checked but in debug builds of the library, which assert it, and in
 * pools that are audited: an object put twice gets two owners; a pointer that is no object of the
 * heap comes out of a later get as it went in, and one into an object keeps that object; the heap
 * is not harmed. But what is put into a pool of objects outside the heap is one of its objects.
 * Collects: no.
 * Errors:   none: an object beyond the pool's bounds, or beyond the memory to note it in, is
 *           dropped and counted.
 * Threads:  `t` belongs to the calling thread, which need not be the one that got it.
 * Time:     O(1), six instructions and two for the test of NULL where the compiler cannot tell; or
 *           the time of `reset` and `size`. At most one call in 32 gives objects to the depot. No
 *           call waits for another thread but for the locks named above. */
static inline void lull_pool_put(lull_thread *t, lull_pool *pool, void *object)
{
    size_t offset = lull__magazines_offset(pool);
    size_t top = lull__magazines_at(t, offset)->now.top;

    LULL__FORGET(offset);
    if (__builtin_expect(top >= lull__magazines_at(t, offset)->limit || object == NULL, 0)) {
        lull_pool_put_slow(t, pool, object);
        return;
    }
    ((uintptr_t *)(void *)t)[top] = (uintptr_t)object;
    LULL__FORGET(offset);
    lull__magazines_at(t, offset)->now.counts++;
}

/* LULL_POOL_TYPE(items, struct item): functions items_get(t, pool) and items_put(t, pool, object)
 * with the C type, no casts in the program; and LULL_POOLED(items, item, t, pool), see
 * lull/scope.h. At file scope. */
#define LULL_POOL_TYPE(prefix, T)                                                                  \
    __attribute__((unused)) static inline T *prefix##_get(lull_thread *t_, lull_pool *pool_)       \
    {                                                                                              \
        return (T *)lull_pool_get(t_, pool_);                                                      \
    }                                                                                              \
    __attribute__((unused)) static inline void prefix##_put(lull_thread *t_, lull_pool *pool_,     \
                                                            T *object_)                            \
    {                                                                                              \
        lull_pool_put(t_, pool_, object_);                                                         \
    }                                                                                              \
    LULL_POOL_SCOPE(prefix, lull_pool, T)

/* ---- counters ---- */

/* Why a pool did not keep an object. */
typedef enum lull_pool_drop {
    LULL_POOL_DROP_FULL,     /* beyond max_idle or max_idle_bytes */
    LULL_POOL_DROP_SIZE,     /* it held more than max_object_bytes, or was of another size */
    LULL_POOL_DROP_BUSY,     /* other threads were at the depot, and the magazine was full */
    LULL_POOL_DROP_MEMORY,   /* no memory to note it in */
    LULL_POOL_DROP_MISUSE,   /* audited: it was none of the pool's */
    LULL_POOL_DROP_IDLE,     /* it lay idle through a cycle and the next */
    LULL_POOL_DROP_AGE,      /* it lay idle for prune_age_ns */
    LULL_POOL_DROP_PRESSURE, /* it lay idle while the memory limit was near */
    LULL_POOL_DROP_LOST,     /* a thread that kept it was not copied by fork */
    LULL_POOL_DROPS
} lull_pool_drop;

/* A pool's counters, since its creation unless said otherwise. Each is right but for what other
 * threads did while it was read; with nobody else at the pool:
 *   gets = hits + misses              hits = hits_magazine + hits_depot + hits_steal + hits_victim
 *   drops = the sum of dropped[]      idle = filled + puts - hits - drops
 *   out = hits + made - puts, where nothing was put that the pool did not make */
#define LULL_POOL_NAME 48
typedef struct lull_pool_stats {
    char name[LULL_POOL_NAME];         /* cut where it is longer */
    uint64_t gets;                     /* objects asked for */
    uint64_t hits;                     /* of these, served from what was put */
    uint64_t hits_magazine;            /* out of the thread's own magazine */
    uint64_t hits_depot;               /* out of its own part of the depot */
    uint64_t hits_steal;               /* out of other parts, or other threads' magazines */
    uint64_t hits_victim;              /* out of what lay idle and was about to go */
    uint64_t misses;                   /* of the gets, made new, or not to be had */
    uint64_t made;                     /* of the misses, made new */
    uint64_t filled;                   /* objects made by lull_pool_create */
    uint64_t puts;                     /* objects put back; NULL does not count */
    uint64_t drops;                    /* objects that are the pool's no more */
    uint64_t dropped[LULL_POOL_DROPS]; /* of these, why */
    uint64_t idle;                     /* objects kept now */
    uint64_t idle_bytes;               /* what they hold; where sizes differ, estimated for objects
                                          that other threads keep */
    uint64_t out;                      /* objects checked out now */
    uint64_t high_water;               /* most objects ever out or in threads' magazines at once */
    uint64_t last_gets;                /* between the last two collections; of those, hits: */
    uint64_t last_hits;                /* last_hits / last_gets is the hit rate of late */
} lull_pool_stats;

/* Reads the counters without stopping anyone.
 * Collects: no. Errors: LULL_E_INVALID for NULL. Threads: any. Time: O(threads). */
LULL_API int lull_pool_stats_read(lull_pool *pool, lull_pool_stats *stats);

/* Reads the counters of the heap's pools, in the order of their names, into stats[0] to
 * stats[room - 1]; returns how many pools there are, however many there is room for.
 * Collects: no. Errors: 0 and LULL_E_INVALID (no heap, or NULL with room) in lull_error(). Threads:
 * any. Time: O(pools * threads). */
LULL_API size_t lull_pools_read(lull_heap *heap, lull_pool_stats *stats, size_t room);

/* The name of a reason to drop: "full", "size", ...
 * Collects: no. Errors: NULL for none. Threads: any. Time: O(1). */
LULL_API const char *lull_pool_drop_name(lull_pool_drop why);

LULL_END_DECLS

#endif
