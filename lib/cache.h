/* cache.h -- a thread's allocation caches: runs of free slots to bump through. */
#ifndef LULL__CACHE_H
#define LULL__CACHE_H

#include "heap.h"

/* Gives the thread its (empty) caches; false: no memory. */
bool lull__cache_init(lull_thread *t);
void lull__cache_finish(lull_thread *t);

/* Hides the thread's caches from the fast paths, which find them all empty then; shows them again.
 * The thread itself. */
void lull__cache_hide(lull_thread *t);
void lull__cache_show(lull_thread *t);

/* Makes at least one zeroed slot of the cell ready in its cache and hands it out. NULL: no
 * memory or the hard limit. The thread reaches no safepoint in it. */
void *lull__cache_refill(lull_thread *t, struct lull__cell *cell);

/* Gives back all slots not yet handed out, and the spans. The thread itself at a safepoint, or
 * the collector while the thread is held or blocked (not signalled: .inv.held). */
void lull__cache_retire_all(lull_thread *t);

/* A thread keeps its caches where it may be in the middle of an allocation (held by a signal), or
 * need not lose them (in a handshake): the slots not yet handed out, one of which it may be about
 * to return, get `colour`; returns their bytes. After marking its spans, which stand in no list,
 * are swept where they are. */
size_t lull__cache_keep_all(lull_thread *t, uint8_t colour);
void lull__cache_sweep_all(lull_thread *t);

/* Adds what the thread allocated to the heap's count. */
void lull__cache_flush_count(lull_thread *t);

#endif
