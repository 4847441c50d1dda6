/* roots.h -- where marking starts: stacks, frames, handles, ranges, tracers. */
#ifndef LULL__ROOTS_H
#define LULL__ROOTS_H

#include "mark.h"

void lull__roots_init(lull_heap *heap);
void lull__roots_finish(lull_heap *heap);

/* What was scanned, for the pacer and the statistics. */
struct lull__roots_scanned {
    size_t stack_bytes;
    size_t global_bytes;
};

/* Reports every root of the heap to the tracer. All threads are held. */
struct lull__roots_scanned lull__roots_scan(lull_heap *heap, lull_tracer *tracer);

#endif
