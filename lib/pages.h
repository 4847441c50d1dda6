/* pages.h -- runs of blocks: from the operating system, to spans, and back. */
#ifndef LULL__PAGES_H
#define LULL__PAGES_H

#include "heap.h"

/* Reserves the range and its arrays. False: the system gave no address space. */
bool lull__pages_init(lull_heap *heap);
void lull__pages_finish(lull_heap *heap);

/* Takes a run of `blocks` blocks; its lull__span has blocks and clean set, the rest is the
 * caller's to set. NULL: no memory, or the hard limit. Takes pages.lock. */
struct lull__span *lull__pages_take(lull_heap *heap, size_t blocks);

/* Gives a run back; `clean` says that its memory is still zero. Takes pages.lock. */
void lull__pages_give(lull_heap *heap, struct lull__span *span, bool clean);

/* Takes up to max_blocks blocks of idle, dirty memory, releases it to the system and puts it
 * back clean. Returns the bytes released, 0 where there is nothing (or the system refused). */
size_t lull__pages_release(lull_heap *heap, size_t max_blocks);

/* Bytes idle: free runs that have contents and so are resident. */
size_t lull__pages_idle_bytes(lull_heap *heap);

#endif
