/* pool.h -- object pools: what a pool is, and what the rest of the library asks of pools.
 *
 * pool.c serves gets and puts; pool_object.c knows and makes objects, pool_exchange.c moves them
 * between threads and the depot, pool_steal.c from one thread to another. pool_trim.c is the
 * collector's side, pool_create.c makes, changes and ends pools, pool_thread.c has threads come and
 * go, pool_stats.c counts. */
#ifndef LULL__POOL_H
#define LULL__POOL_H

#include "audit.h"
#include "depot.h"
#include "heap.h"
#include "ledger.h"
#include "mark.h"

_Static_assert(offsetof(struct lull_magazines, object) == LULL__CACHE_LINE, "a line of counts");
_Static_assert(sizeof(struct lull_magazines) % LULL__CACHE_LINE == 0, "whole lines");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "`top` is the low half of `counts`");

/* Objects a thread keeps while nobody is in the way. */
#define LULL__POOL_ROOM (2 * LULL_MAGAZINE_SLOTS)
#define LULL__POOL_SHARDS 8

/* A part of a pool's depot. Mutators only try its lock; the collector, and who changes or ends a
 * pool, waits for it. */
struct lull__pool_shard {
    pthread_mutex_t lock;
    struct lull__depot young;
    struct lull__depot old; /* objects made OLD_CYCLES ago or more; generational pools only */
} LULL__ALIGNED(LULL__CACHE_LINE);

/* What threads counted. */
struct lull__pool_counts {
    uint64_t magazine, depot, steal, victim; /* hits */
    uint64_t misses;
    int64_t puts;  /* may fall below 0 while read: a get half counted */
    uint64_t kept; /* in their magazines */
};

/* Bounds that the program may change at any time: relaxed, each by itself. */
struct lull__pool_bounds {
    _Atomic size_t min_idle, max_idle, max_idle_bytes, max_object_bytes; /* SIZE_MAX: no bound */
    _Atomic uint64_t prune_age_ns;                                       /* 0: none */
};

/* A pool whose `make` a thread is in, and the one around it; on the thread's stack. */
struct lull__making {
    const struct lull_pool *pool;
    const struct lull__making *around;
};

/* Whether the thread, if any, is in the pool's own `make`, which could call itself for ever. */
LULL__INLINE bool lull__pool_is_making(const lull_thread *t, const struct lull_pool *pool)
{
    const struct lull__making *m = t != NULL ? t->making : NULL;

    while (m != NULL && m->pool != pool) {
        m = m->around;
    }
    return m != NULL;
}

/* .inv.pool.index: head.offset, index and object_bytes change while all shards are locked, the
 * first two under pools_lock too. */
struct lull_pool {
    struct lull_pool_head head; /* public */
    lull_heap *heap;
    _Atomic uint32_t index; /* of its magazines; others may be its retired ones; without pools_lock
                               a name for events, relaxed */
    uint32_t shards;        /* in use: a power of two */
    const lull_type *type;
    lull_pool_new_fn make;
    lull_pool_reset_fn reset;
    lull_pool_destroy_fn destroy; /* that of the library where malloc made the objects */
    lull_pool_size_fn size;
    void *arg;
    unsigned flags;
    lull_pool_lifetime lifetime;
    bool outside; /* its objects are not the heap's */
    char *name;
    struct lull__audited audited; /* on: threads keep nothing, see .inv.audit.way */
    _Atomic size_t object_bytes;  /* 0: the type, or `make`, tells */
    _Atomic bool checked;         /* every put takes the slow path, and looks at the object */
    struct lull__pool_bounds bounds;

    /* relaxed, all: counts and estimates */
    _Atomic uint64_t dropped[LULL_POOL_DROPS];
    _Atomic uint64_t unmade; /* misses that got no object */
    _Atomic uint64_t filled;
    _Atomic uint64_t high_water;
    _Atomic uint64_t aged_ns; /* when it last aged for prune_age_ns */

    _Atomic uint32_t asked LULL__ALIGNED(LULL__CACHE_LINE); /* a get found nothing since the last
                                                               cycle: see lull__pool_ask; a hint */

    /* what the depot keeps, all shards together; relaxed: a bound is kept by adding first */
    _Atomic size_t kept LULL__ALIGNED(LULL__CACHE_LINE);
    _Atomic size_t kept_bytes; /* where objects differ in size */
    _Atomic size_t one_bytes;  /* then, what one held that was put; 0: none was measured. A guess at
                                  what threads keep, while the depot has nothing */
    _Atomic int64_t away;      /* objects out, or in threads' magazines */

    /* under pools_lock */
    struct lull__pool_counts gone; /* of threads that are detached, and magazines given up */
    uint64_t interval_gets, interval_hits; /* when the last collection began */
    uint64_t last_gets, last_hits;         /* in the interval before that */
    uint64_t trims;                        /* collections it saw */
    uint32_t reapers;                      /* threads that may run destroy for what is doomed */
    bool ending;                           /* no more of them */

    /* Objects for which destroy is to run, and those for which a thread does so now. Both are
     * roots. Whoever moves objects there, and whoever scans the pool, has the lock all the while:
     * so none slips by the scan. */
    pthread_mutex_t lock;
    struct lull__depot doomed;
    struct lull__magazine *dying;

    struct lull__ledger ledger;
    struct lull__pool_shard shard[LULL__POOL_SHARDS];
};

/* ---- parts of a pool, for one another ---- */

LULL__INLINE struct lull_magazines *lull__magazines_of(lull_thread *t, uint32_t index)
{
    return lull__magazines_at(t, LULL__MAGAZINES_OFFSET) + index;
}

/* The first slot of a magazine, as `top` says it. */
LULL__INLINE uint16_t lull__magazine_bottom(const lull_thread *t, const struct lull_magazines *m)
{
    return (uint16_t)(m->object - (const uintptr_t *)(const void *)t);
}

/* Objects in a magazine whose thread stands, or is the caller, or uses the pool no more. Read once:
 * whoever ends the pool may be clearing it. */
LULL__INLINE size_t lull__magazine_count(const lull_thread *t, const struct lull_magazines *m)
{
    uint16_t top = __atomic_load_n(&m->now.top, __ATOMIC_RELAXED);

    return top == 0 ? 0 : (size_t)(top - lull__magazine_bottom(t, m));
}

LULL__INLINE void lull__magazine_set_count(const lull_thread *t, struct lull_magazines *m,
                                           size_t count)
{
    __atomic_store_n(&m->now.top, (uint16_t)(lull__magazine_bottom(t, m) + count),
                     __ATOMIC_RELAXED);
}

/* Half of what a thread may keep. */
LULL__INLINE size_t lull__magazine_half(const struct lull_magazines *m)
{
    return ((size_t)m->room + 1) / 2;
}

/* Objects on their way: nobody else has them. */
struct lull__batch {
    size_t count;
    uintptr_t object[LULL_MAGAZINE_MOST];
};

/* -- pool_object.c -- */

/* Bytes of an object itself; what it holds, as `size` says; those that are the program's. */
size_t lull__pool_own_bytes(const struct lull_pool *pool, const void *object);
size_t lull__pool_object_bytes(const struct lull_pool *pool, const void *object);
size_t lull__pool_payload_bytes(const struct lull_pool *pool, const void *object);

/* Whether objects are of one size that is known; that size. */
size_t lull__pool_unit_bytes(const struct lull_pool *pool);

/* Whether the pool makes objects of a size that may change; whether an object is of the present
 * one; whether it holds more than the bounds allow. */
bool lull__pool_is_sized(const struct lull_pool *pool);
bool lull__pool_fits(const struct lull_pool *pool, const void *object);
bool lull__pool_too_large(const struct lull_pool *pool, const void *object);

/* Whether `object` is the first byte of an object; nobody can tell of those outside the heap. */
bool lull__pool_is_object(const struct lull_pool *pool, const void *object);

/* Makes an object, as a get that found none. NULL: why is in lull_error(). */
void *lull__pool_make(lull_thread *t, struct lull_pool *pool);

/* -- pool_exchange.c -- */

/* The lock and what goes with it: no signal holds a thread that has it (.inv.held), and no
 * safepoint is in between (.inv.locks). `t` is NULL for a thread that is not the heap's: a
 * thread of another heap must not be held with a lock of this one either. */
void lull__pool_lock(lull_thread *t, pthread_mutex_t *mutex);
void lull__pool_unlock(lull_thread *t, pthread_mutex_t *mutex);

/* Takes the lock of every shard, one after the other, and gives them back. */
void lull__pool_lock_shards(struct lull_pool *pool);
void lull__pool_unlock_shards(struct lull_pool *pool);

void lull__pool_count_drops(struct lull_pool *pool, lull_pool_drop why, size_t n);

/* So many objects more, or less, are out or in threads' magazines. */
void lull__pool_come_away(struct lull_pool *pool, size_t n);
void lull__pool_come_back(struct lull_pool *pool, size_t n);

/* A magazine that was never used, or emptied since, comes into use. */
void lull__pool_open_magazine(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m);

/* Takes the lowest n objects out of a magazine, in order. */
void lull__pool_take_out(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                         uintptr_t *object, size_t n);

/* Shades what moves, where `t`, if it is not NULL, marks (.inv.pool.moves). */
void lull__pool_shade(lull_thread *t, const struct lull_pool *pool, const uintptr_t *object,
                      size_t n);

/* Has a shard that the caller has locked ready to note n objects, as far as there is memory. False:
 * it does not wait, and another thread is where the memory is. */
bool lull__pool_ready(struct lull_pool *pool, struct lull__pool_shard *shard, size_t n, bool wait);

/* Puts objects into a shard that the caller has locked and made ready, shading them for `t`; those
 * that may not stay are left in the batch. `wait`: for the lock of the ages, else all are young. */
void lull__pool_place(lull_thread *t, struct lull_pool *pool, struct lull__pool_shard *shard,
                      struct lull__batch *batch, bool wait);

/* Empties a magazine of a thread that stands, or is the caller, into the depot; what may not stay
 * there is doomed. The caller has pools_lock. */
void lull__pool_empty(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m);

/* The depot gets what a full magazine has too much; or, where others are there, the magazine more
 * room. False: it has none. */
bool lull__pool_make_room(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m);

/* From here on no thread that blocks comes to the pool, and none is there; the caller will destroy
 * it. */
void lull__pool_close(lull_thread *t, struct lull_pool *pool);

/* A get found nothing. Others may have what it wants: they keep less from their next exchanges on,
 * until a cycle begins. */
void lull__pool_ask(lull_thread *t, struct lull_pool *pool);

/* One object goes to the depot without a stay in the magazine. */
void lull__pool_put_directly(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                             void *object);

/* Fills an empty magazine, in part, out of the depot; or out of a magazine of another thread.
 * False: nothing was found. */
bool lull__pool_refill(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m);
bool lull__pool_steal(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m);

/* -- pool_trim.c -- */

/* The caller has the pool's lock. Objects come to be doomed, or, where nothing is to be done for
 * them, are nobody's. */
void lull__pool_doom(struct lull_pool *pool, struct lull__chain *chain);
void lull__pool_doom_words(struct lull_pool *pool, const uintptr_t *object, size_t n);

/* Takes n objects out of the depot that were needed least, the young first; dooms them. The caller
 * has the pool's lock, and may wait for shards. Returns how many. */
size_t lull__pool_shed(struct lull_pool *pool, size_t n, lull_pool_drop why);

/* The same with all of one shard, which the caller has as well. */
void lull__pool_shed_shard(struct lull_pool *pool, struct lull__pool_shard *shard,
                           lull_pool_drop why);

/* Dooms what bounds do not allow. The caller has the pool's lock, and may wait for shards. */
void lull__pool_enforce(struct lull_pool *pool);

/* From the slow paths: drops what has its age, and runs destroy for some of what is doomed, which
 * takes the pool's lock. */
void lull__pool_prune(lull_thread *t, struct lull_pool *pool);

/* Runs destroy for some doomed objects of a pool, outside all locks; false: there were none, or
 * another thread is at it. `held`: the only lock that the caller has, given up meanwhile; or
 * NULL. */
bool lull__pool_reap(struct lull_pool *pool, lull_thread *t, pthread_mutex_t *held);

/* -- pool_stats.c -- */

/* Adds what a magazine counted. */
void lull__pool_add_counts(struct lull__pool_counts *sum, const lull_thread *t,
                           const struct lull_magazines *m);

/* All that threads counted; the caller has pools_lock. */
struct lull__pool_counts lull__pool_sum(struct lull_pool *pool);

/* Empties what the thread keeps in retired magazines, where there are any it does not know of; may
 * put it off while others have the lock. */
void lull__pool_see_retired(lull_thread *t);

/* ---- for the rest of the library ---- */

/* Whether a pool may have these flags, lifetime and bounds; or LULL_E_INVALID. */
int lull__pool_check_keeping(const lull_pool_options *options);

/* A heap's pools: none at first. Finish frees all of them and their memory; no thread is attached
 * any more. */
bool lull__pools_init(lull_heap *heap);
void lull__pools_finish(lull_heap *heap);

/* Makes a thread's magazines its own; t->heap is set, t is not yet among the heap's threads. */
void lull__pool_thread_init(lull_thread *t);

/* Gives all that the thread keeps back to the depots, its counts to the pools, and the memory of
 * its magazines to the system. The thread itself, running, before it leaves; or whoever frees a
 * thread that is no more. A second call does nothing. */
void lull__pool_thread_finish(lull_thread *t);

/* Before the thread blocks, for who knows how long: what it keeps of the pool whose slow paths it
 * was in last goes to the depot, where others find it. Waits for nobody. */
void lull__pool_thread_rest(lull_thread *t);

/* At the start of a cycle: what lay idle in the depots through the last cycle becomes the victim
 * generation, and the victims of the last cycle are dropped; what has its age, and what the memory
 * limit has no room for, goes too. The collecting thread. */
void lull__pools_trim(lull_heap *heap);

/* Before that, for a thread that is held, blocked or at a safepoint: what its magazines keep goes
 * back to the depots. */
void lull__pool_thread_gather(lull_thread *t);

/* Reports every object that depots keep; and that a thread's magazines keep, or might: in_signal
 * says that the thread may be in the middle of an inline get or put. The thread stands. */
void lull__pools_scan(lull_heap *heap, lull_tracer *tracer);
void lull__pool_thread_scan(lull_thread *t, lull_tracer *tracer, bool in_signal);

/* Whether there are objects for which destroy is to run; runs it for all of them. `held` as above.
 * Outside all other locks, and pauses. */
bool lull__pools_doomed(const lull_heap *heap);
void lull__pools_reap(lull_heap *heap, lull_thread *t, pthread_mutex_t *held);

/* Whether .inv.pool.counts holds for all pools; no thread of the heap runs, none is held by a
 * signal. */
bool lull__pools_add_up(lull_heap *heap);

/* When a cycle has found what is dead, and nothing of it is swept: ledgers forget it. */
void lull__pools_forget_dead(lull_heap *heap);

/* Memory that magazines take, of depots and threads. The collecting thread, or one that is not
 * attached: it takes a lock. */
size_t lull__pools_bytes(lull_heap *heap);

/* After fork, in the child: no other thread has a lock of the pools. */
void lull__pools_fork_child(lull_heap *heap);

/* Sums over the pools of a heap, for lull_stats. */
struct lull__pools_sum {
    uint64_t pools, gets, hits, puts, drops, idle, idle_bytes;
};
struct lull__pools_sum lull__pools_sum(lull_heap *heap);

#endif
