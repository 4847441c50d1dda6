/* audit.h -- object pools under audit: what pools and cycles tell it.
 *
 * .inv.audit.way: the inline fast paths never serve an audited pool: its magazines stay empty, and
 *   their limit 0. So whatever goes in or out comes by here.
 *
 * All but what cycles call do nothing for a pool that is not audited; who calls asks audited->on
 * first, so that the others pay a branch in their slow paths. */
#ifndef LULL__AUDIT_H
#define LULL__AUDIT_H

#include <lull/audit.h>

#include "heap.h"
#include "mark.h"

/* What the audit knows of a pool; part of it, and zero at first. */
struct lull__audited {
    bool on;
    lull_heap *heap;
    const char *name;      /* the pool's */
    const lull_type *type; /* of all its objects; NULL: the program makes them */
    bool clean;            /* LULL_POOL_CLEAN */
    bool outside;          /* its objects are not the heap's */
};

/* A heap's audit. Finish comes when nothing of the heap is used any more. */
void lull__audit_init(lull_heap *heap);
void lull__audit_finish(lull_heap *heap);

/* A pool under audit is made: all fields but `on` are set. And destroyed: all that it had is
 * forgotten, and whole again. Not inside the library. */
void lull__audit_open(struct lull__audited *pool);
void lull__audit_close(struct lull__audited *pool);

/* ---- what goes in and out: the thread itself, not inside the library; `site` is where the program
 * called ---- */

/* Before `object` is put: whether it may be. If not, the misuse is reported, and the object is not
 * for the pool to touch. */
bool lull__audit_receive(lull_thread *t, struct lull__audited *pool, void *object,
                         const void *site);

/* After the program's reset, before the pool keeps it: its bytes are poison from here on. */
void lull__audit_keep(lull_thread *t, struct lull__audited *pool, void *object);

/* An object that the pool kept goes out, as it was put; or one that was just made. bytes: what it
 * has outside the heap; 0: not known, so it is not poisoned. */
void lull__audit_give(lull_thread *t, struct lull__audited *pool, void *object, size_t bytes,
                      const void *site);

/* An object that was received or kept is the pool's no more; it is again as it was put. Any thread,
 * also inside the library; takes audit->ledger.lock. */
void lull__audit_drop(struct lull__audited *pool, void *object);

/* What stands on pools and sees that an object is not to be put at all: it leaves them for good.
 * And that it is put where it may not be, which is a misuse. For objects that no audit knows
 * nothing. */
void lull__audit_leave(lull_thread *t, void *object);
void lull__audit_refuse(lull_thread *t, void *object, const void *site);

/* A misuse that the pool saw; object: NULL where there is none. */
void lull__audit_misuse(lull_thread *t, const struct lull__audited *pool, lull_pool_misuse misuse,
                        const void *object, const void *site);

/* ---- what the collector does ---- */

/* At the end of marking, with all threads held: who died while it was out, and which idle ones can
 * be reached. m: the collecting thread's marker. */
void lull__audit_cycle(lull_heap *heap, struct lull__marker *m);

/* After it, with no thread held: tells what was found. */
void lull__audit_tell(lull_heap *heap);

/* No thread is attached: the same for all that pools and the program still have. */
void lull__audit_end(lull_heap *heap);

/* Whether there is anything to look at. */
LULL__INLINE bool lull__audit_is_on(const lull_heap *heap)
{
    /* relaxed: a pool that comes meanwhile counts from the next cycle on */
    return LULL__UNLIKELY(atomic_load_explicit(&heap->audit.pools, memory_order_relaxed) != 0);
}

/* After fork, in the child: nobody has the lock; `lost`: threads were not copied. */
void lull__audit_fork_child(lull_heap *heap, bool lost);

#endif
