/* famine.h -- a heap whose mark queue gets no chunk, until it is given back what was taken.
 * Included by one file a program, which is linked with -Wl,--wrap=lull__os_map. */
#ifndef LULL_TESTS_FAMINE_H
#define LULL_TESTS_FAMINE_H

#include "mark_queue.h"
#include "scarce.h"

#include "fixture.h"

static struct lull__chunk *spare; /* the mark queue's chunks, while there is no memory */

/* No chunk is to be had, neither from the queue nor from the system. */
static inline void take_memory(void)
{
    struct lull__chunk *chunk;

    atomic_store(&scarce_maps, 0);
    while ((chunk = lull__queue_take_empty(&heap->queue)) != NULL) {
        chunk->next = spare;
        spare = chunk;
    }
}

static inline void give_memory(void)
{
    atomic_store(&scarce_maps, PLENTY);
    while (spare != NULL) {
        struct lull__chunk *chunk = spare;
        spare = chunk->next;
        lull__queue_give_empty(&heap->queue, chunk);
    }
}

#endif
