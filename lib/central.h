/* central.h -- the spans of each cell: which one an allocation takes next, and where a span goes
 * when it is swept. */
#ifndef LULL__CENTRAL_H
#define LULL__CENTRAL_H

#include "heap.h"

/* A swept span of the cell with a free slot, in no list: the caller's until it gives it back.
 * Sweeps at most a few dozen spans; takes new blocks where that finds none. Its delays are told as
 * the thread's, who calls it. NULL: no memory or the hard limit. */
struct lull__span *lull__central_take(lull_thread *t, struct lull__cell *cell);

/* Gives a swept span back; `free_slots` says whether it has any. */
void lull__central_give(lull_heap *heap, struct lull__cell *cell, struct lull__span *span,
                        bool free_slots);

/* Adds a new large object's span. */
void lull__central_give_large(lull_heap *heap, struct lull__span *span);

/* Sweeps up to `max` unswept spans of any cell; returns how many. By mutators, the worker, and
 * the collecting thread to finish before a cycle. Spans without live slots give their blocks
 * back. */
size_t lull__central_sweep(lull_heap *heap, size_t max);

/* The same by an allocating thread, which began at `since_ns` and is told of as delayed; returns
 * the time when it ended. */
uint64_t lull__central_sweep_for(lull_thread *t, size_t max, uint64_t since_ns);

/* Marking has ended, and heap->colour is the new one: every span not in a cache is to be swept.
 * Those in caches are swept by lull__cache_sweep_all, or go to be swept when they come back. */
void lull__central_begin_sweep(lull_heap *heap);

#endif
