/* span.h -- spans: blocks made ready to hold slots, and their state bytes. */
#ifndef LULL__SPAN_H
#define LULL__SPAN_H

#include "heap.h"

bool lull__states_init(lull_heap *heap);
void lull__states_finish(lull_heap *heap);

/* A fresh span of the cell, all its slots free, in no list; NULL: no memory or the limit. */
struct lull__span *lull__span_new(lull_heap *heap, struct lull__cell *cell);

/* A span for one large object of `layout` of `bytes`, its slot coloured `colour`, its memory zero.
 * NULL: no memory or the limit. */
struct lull__span *lull__span_new_large(lull_heap *heap, struct lull__layout *layout, size_t bytes,
                                        uint8_t colour);

/* Gives a span's blocks back. Nothing may be live in it; not while marking. */
void lull__span_free(lull_heap *heap, struct lull__span *span);

/* First of its state bytes. */
LULL__INLINE uint8_t *lull__span_states(const lull_heap *heap, const struct lull__span *span)
{
    return heap->pages.blocks[span - heap->pages.spans].states;
}

LULL__INLINE enum lull__kind lull__span_kind(const lull_heap *heap, const struct lull__span *span)
{
    /* acquire: pairs with the release in publish; who walks all spans may meet one being made */
    return (enum lull__kind)atomic_load_explicit(&heap->pages.blocks[span - heap->pages.spans].kind,
                                                 memory_order_acquire);
}

/* Lists of spans, first in first out, so that spans stay in the order of their addresses as
 * cycles take them from list to list; under the lock that guards the list. */
LULL__INLINE void lull__span_push(struct lull__span_list *list, struct lull__span *span)
{
    span->next = NULL;
    if (list->tail == NULL) {
        list->head = span;
    } else {
        list->tail->next = span;
    }
    list->tail = span;
}

LULL__INLINE struct lull__span *lull__span_pop(struct lull__span_list *list)
{
    struct lull__span *span = list->head;

    if (span != NULL) {
        list->head = span->next;
        if (list->head == NULL) {
            list->tail = NULL;
        }
        span->next = NULL;
    }
    return span;
}

/* Appends all of `from` to `to`. */
LULL__INLINE void lull__span_splice(struct lull__span_list *to, struct lull__span_list *from)
{
    if (from->head == NULL) {
        return;
    }
    if (to->tail != NULL) {
        to->tail->next = from->head;
    } else {
        to->head = from->head;
    }
    to->tail = from->tail;
    from->head = NULL;
    from->tail = NULL;
}

#endif
