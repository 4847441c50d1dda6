/* sweep.c -- turn the dead slots of a span into free ones.
 *
 * After a cycle a slot is free, has the heap's colour (live), or has the other one (dead):
 * .inv.colour. Sweeping is one pass over the span's state bytes, sixteen at a time in the
 * compiler's vectors; the objects themselves are not touched, nor cleared: that is done when a
 * slot is handed out, when its memory is wanted in the cache anyway. */
#include "sweep.h"

#include <string.h>

#include "span.h"

#define LANES 16
typedef uint8_t lanes __attribute__((vector_size(LANES)));

/* Sums lanes of 0 to 255. */
static uint32_t sum_lanes(lanes v)
{
    uint32_t sum = 0;

    for (int i = 0; i < LANES; i++) {
        sum += v[i];
    }
    return sum;
}

static void scribble(lull_heap *heap, struct lull__span *span, const uint8_t *states, uint8_t dead)
{
    char *start = lull__span_start(heap, span);
    size_t bytes = span->state == LULL__SPAN_LARGE ? span->bytes : span->cell->slot_size;

    for (uint32_t i = 0; i < span->slots; i++) {
        if (states[i] == dead) {
            memset(start + i * bytes, LULL__SCRIBBLE_BYTE, bytes);
        }
    }
}

static struct lull__sweep_result sweep_large(struct lull__span *span, uint8_t dead)
{
    bool live = span->large_state != dead;

    span->live = live;
    return (struct lull__sweep_result){.live = live, .freed = !live};
}

static struct lull__sweep_result sweep_small(struct lull__span *span, uint8_t *states, uint8_t dead)
{
    struct lull__sweep_result result = {0, 0};
    const lanes dead_lanes = (lanes){} + dead;

    /* whole cache lines: bytes past the last slot are free (.inv.tail), and neither case */
    for (uint32_t at = 0; at < span->slots; at += 64) {
        lanes live = {}, freed = {};
        for (uint32_t i = at; i < at + 64; i += LANES) {
            lanes s;
            memcpy(&s, states + i, LANES);
            lanes is_dead = (lanes)(s == dead_lanes);
            s &= ~is_dead;
            memcpy(states + i, &s, LANES);
            freed -= is_dead;                           /* true is -1 */
            live -= (lanes)(s != (lanes){} + LULL__FREE);
        }
        result.live += sum_lanes(live);
        result.freed += sum_lanes(freed);
    }
    span->live = result.live;
    return result;
}

struct lull__sweep_result lull__sweep_span(lull_heap *heap, struct lull__span *span)
{
    uint8_t *states = lull__span_states(heap, span);
    uint8_t dead =
        lull__other_colour(atomic_load_explicit(&heap->colour, memory_order_relaxed));

    span->epoch = lull__sweep_epoch(heap);

    if (LULL__UNLIKELY((heap->options.debug & LULL_DEBUG_SCRIBBLE) != 0)) {
        scribble(heap, span, states, dead);
    }
    struct lull__sweep_result result = span->state == LULL__SPAN_LARGE
                                           ? sweep_large(span, dead)
                                           : sweep_small(span, states, dead);
    if (result.freed != 0) {
        uint64_t bytes = span->state == LULL__SPAN_LARGE
                             ? span->bytes
                             : (uint64_t)result.freed * span->cell->slot_size;
        lull__emit(&heap->events, free, 0, span->cell->class_index, result.freed, bytes);
    }
    return result;
}
