/* weak.c -- weak references.
 *
 * They are objects in spans of their own layout, so the collector finds them all without a list:
 * the spans of kind WEAK are the list. */
#include "weak.h"

#include "span.h"

static size_t clear_span(lull_heap *heap, struct lull__marker *m, struct lull__span *span)
{
    const uint8_t *states = lull__span_states(heap, span);
    char *start = lull__span_start(heap, span);
    size_t cleared = 0;

    for (uint32_t i = 0; i < span->slots; i++) {
        if (lull__state_load(&states[i]) == LULL__FREE) {
            continue; /* those not reached too: a finalizer may revive them, but not their targets */
        }
        struct lull_weak *weak =
            (struct lull_weak *)(void *)(start + (size_t)i * span->cell->slot_size);
        struct lull__slot target = lull__resolve(heap, lull__address(heap, weak->target));
        if (lull__mark_missed(m, &target)) {
            weak->target = 0;
            cleared++;
        }
    }
    return cleared;
}

size_t lull__weak_clear(lull_heap *heap, struct lull__marker *m)
{
    size_t cleared = 0;

    if (atomic_load_explicit(&heap->weak_count, memory_order_relaxed) == 0) {
        return 0;
    }
    /* the background worker may be releasing memory: it changes the runs under this lock */
    pthread_mutex_lock(&heap->pages.lock);
    for (size_t b = 0; b < heap->pages.top; b += heap->pages.spans[b].blocks) {
        struct lull__span *span = &heap->pages.spans[b];
        if (lull__span_kind(heap, span) == LULL__KIND_WEAK) {
            cleared += clear_span(heap, m, span);
        }
    }
    pthread_mutex_unlock(&heap->pages.lock);
    return cleared;
}

/* ---- the interface; lull_weak_new is in alloc.c ---- */

void *lull_weak_get(lull_thread *t, lull_weak *weak)
{
    LULL_ASSERT_HOT(t != NULL);
    return (void *)weak->target;
}
