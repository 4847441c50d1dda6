/* sweep.c -- turn the dead slots of a span into free ones.
 *
 * After a cycle a slot is free, has the heap's colour (live), or has the other one (dead):
 * .inv.colour. Sweeping is one pass over the span's state bytes, sixteen at a time in the
 * compiler's vectors; the objects themselves are not touched, nor cleared: that is done when a
 * slot is handed out, when its memory is wanted in the cache anyway. */
#include "sweep.h"

#include <string.h>

#include "layout.h"
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
    /* what names a layout is looked at in slots that are only being handed out, too */
    size_t header = lull__span_kind(heap, span) == LULL__KIND_GENERIC ? LULL__GENERIC_HEADER : 0;

    for (uint32_t i = 0; i < span->slots; i++) {
        if (states[i] == dead) {
            memset(start + i * bytes, LULL__SCRIBBLE_BYTE, bytes - header);
        }
    }
}

static struct lull__sweep_result sweep_large(struct lull__span *span, uint8_t dead)
{
    bool live = span->large_state != dead;

    span->live = live;
    return (struct lull__sweep_result){.live = live, .freed = !live};
}

/* Relaxed: another thread may be asking whether some word is an object; what is not dead keeps its
 * value. */
static lanes load_states(const uint8_t *states)
{
    const uint64_t *halves = (const uint64_t *)(const void *)states;
    uint64_t s[2] = {__atomic_load_n(&halves[0], __ATOMIC_RELAXED),
                     __atomic_load_n(&halves[1], __ATOMIC_RELAXED)};
    lanes v;

    memcpy(&v, s, sizeof v);
    return v;
}

static void store_states(uint8_t *states, lanes v)
{
    uint64_t *halves = (uint64_t *)(void *)states;
    uint64_t s[2];

    memcpy(s, &v, sizeof s);
    __atomic_store_n(&halves[0], s[0], __ATOMIC_RELAXED);
    __atomic_store_n(&halves[1], s[1], __ATOMIC_RELAXED);
}

static struct lull__sweep_result sweep_small(struct lull__span *span, uint8_t *states, uint8_t dead)
{
    struct lull__sweep_result result = {0, 0};
    const lanes dead_lanes = (lanes){} + dead;

    /* whole cache lines: bytes past the last slot are free (.inv.tail), and neither case */
    for (uint32_t at = 0; at < span->slots; at += 64) {
        lanes live = {}, freed = {};
        for (uint32_t i = at; i < at + 64; i += LANES) {
            lanes s = load_states(states + i);
            lanes is_dead = (lanes)(s == dead_lanes);
            s &= ~is_dead;
            store_states(states + i, s);
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
