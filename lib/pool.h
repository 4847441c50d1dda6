/* pool.h -- object pools: what the rest of the library asks of them. */
#ifndef LULL__POOL_H
#define LULL__POOL_H

#include "audit.h"
#include "depot.h"
#include "heap.h"
#include "mark.h"

/* The magazines of a thread, one pair a pool. */
struct lull__pool_thread {
    struct lull__pool_thread *next; /* in heap->pool_threads; under pools_lock */
    lull_thread *t;
    struct lull_magazines magazines[LULL__POOLS_MAX] LULL__ALIGNED(LULL__CACHE_LINE);
};
#define POOL_THREAD_BYTES lull__round_up(sizeof(struct lull__pool_thread), LULL__OS_PAGE)

_Static_assert(offsetof(struct lull_magazines, object) == LULL__CACHE_LINE, "a line of counts");
_Static_assert(sizeof(struct lull_magazines) % LULL__CACHE_LINE == 0, "whole lines");

/* What threads counted that are detached; under the pool's lock. */
struct lull__pool_counts {
    uint64_t hits, misses;
    int64_t puts;
};

/* A pool whose `make` a thread is in, and the one around it; on the thread's stack. */
struct lull__making {
    const struct lull_pool *pool;
    const struct lull__making *around;
};

struct lull_pool {
    struct lull_pool_head head; /* public */
    lull_heap *heap;
    uint32_t index;
    size_t room;  /* objects a thread keeps at most */
    size_t limit; /* for lull_magazines.limit: room, or 0 where every put needs the slow path */
    const lull_type *type;
    lull_pool_new_fn make;
    lull_pool_reset_fn reset;
    void *arg;
    size_t max_idle; /* SIZE_MAX: no bound */
    char *name;
    struct lull__audited audited;

    pthread_mutex_t lock LULL__ALIGNED(LULL__CACHE_LINE);
    struct lull__depot depot;
    _Atomic uint64_t drops; /* relaxed: a counter */
    struct lull__pool_counts gone;
};

/* A heap's pools: none at first. Finish frees all of them and their memory; no thread is attached
 * any more. */
bool lull__pools_init(lull_heap *heap);
void lull__pools_finish(lull_heap *heap);

/* Gives a thread its empty magazines, for every pool there will be; t->heap is set, t is not yet
 * among the heap's threads. False: no memory. */
bool lull__pool_thread_init(lull_thread *t);

/* Gives all that the thread keeps back to the depots, its counts to the pools, and frees its
 * magazines. The thread itself, running, before it leaves; or whoever frees a thread that is no
 * more. A second call does nothing. */
void lull__pool_thread_finish(lull_thread *t);

/* At the start of a cycle: what lay idle in the depots through the last cycle becomes the victim
 * generation, and the victims of the last cycle are dropped. The collecting thread. */
void lull__pools_trim(lull_heap *heap);

/* Before that, for a thread that is held, blocked or at a safepoint: what its magazines keep goes
 * back to the depots. */
void lull__pool_thread_gather(lull_thread *t);

/* Reports every object that depots keep; and that a thread's magazines keep, or might: in_signal
 * says that the thread may be in the middle of an inline get or put. The thread stands. */
void lull__pools_scan(lull_heap *heap, lull_tracer *tracer);
void lull__pool_thread_scan(lull_thread *t, lull_tracer *tracer, bool in_signal);

/* Memory that magazines take, of depots and threads. The collecting thread, or one that is not
 * attached: it takes a lock. */
size_t lull__pools_bytes(lull_heap *heap);

/* After fork, in the child: no other thread has a lock of the pools. */
void lull__pools_fork_child(lull_heap *heap);

#endif
