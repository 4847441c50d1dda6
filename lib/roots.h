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

/* Report roots to the tracer: those of a thread that stands, those that are no thread's. Return the
 * bytes scanned. */
size_t lull__roots_scan_thread(lull_thread *t, lull_tracer *tracer);
size_t lull__roots_scan_frames(const lull_thread *t, lull_tracer *tracer); /* of these, frames */
size_t lull__roots_scan_globals(lull_heap *heap, lull_tracer *tracer);

/* Whether the pointer-sized field lies in a registered range. */
bool lull__roots_cover(lull_heap *heap, const void *field);

#endif
