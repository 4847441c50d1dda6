/* sweep.h -- turn the dead slots of a span into free ones. Mechanism only: which span, when and
 * where it goes then is central.c's. */
#ifndef LULL__SWEEP_H
#define LULL__SWEEP_H

#include "heap.h"

struct lull__sweep_result {
    uint32_t live;  /* slots in use after */
    uint32_t freed; /* slots that were dead */
};

/* Frees every slot of `span` that has not the heap's colour. The caller alone has the span.
 * Time: a pass over the state bytes; with LULL_DEBUG_SCRIBBLE also over the dead objects. */
struct lull__sweep_result lull__sweep_span(lull_heap *heap, struct lull__span *span);

/* What LULL_DEBUG_SCRIBBLE writes over dead objects. */
#define LULL__SCRIBBLE_BYTE 0xdb

#endif
