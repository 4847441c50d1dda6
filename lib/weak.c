/* weak.c -- weak references.
 *
 * They are objects in spans of their own layout, so the collector finds them all without a list:
 * the spans of kind WEAK are the list. */
#include "weak.h"

#include "barrier.h"
#include "callback.h"
#include "delay.h"
#include "grey.h"
#include "span.h"
#include "thread.h"

static bool is_lost(const lull_heap *heap, const struct lull__marker *m, uintptr_t word)
{
    struct lull__slot target = lull__resolve(heap, lull__address(heap, word));

    return lull__mark_missed(m, &target);
}

/* Beside a thread that clears the slots that it is about to hand out. */
LULL__NO_SANITIZE static size_t clear_span(lull_heap *heap, const struct lull__marker *m,
                                           struct lull__span *span)
{
    const uint8_t *states = lull__span_states(heap, span);
    char *start = lull__span_start(heap, span);
    size_t cleared = 0;

    for (uint32_t i = 0; i < span->slots; i++) {
        if (lull__state_load(&states[i]) == LULL__FREE) {
            continue; /* those not reached too: a finalizer may revive them, not their targets */
        }
        struct lull_weak *weak =
            (struct lull_weak *)(void *)(start + (size_t)i * span->cell->slot_size);
        /* relaxed: it is written once, by who makes it; exchanged, since that may be now, and what
         * was read before an old word of the slot */
        uintptr_t word = __atomic_load_n(&weak->target, __ATOMIC_RELAXED);
        cleared += is_lost(heap, m, word) &&
                   __atomic_compare_exchange_n(&weak->target, &word, 0, false, __ATOMIC_RELAXED,
                                               __ATOMIC_RELAXED);
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

/* ---- reading ---- */

uintptr_t lull__weak_shade(lull_thread *t, uintptr_t word)
{
    if (LULL__UNLIKELY(lull__barrier(t) != LULL__BARRIER_OFF)) {
        lull__enter(t);
        lull__grey_shade(t, word);
        lull__leave(t);
    }
    return word;
}

/* Black is the colour of new objects: that does not change while anybody may ask. Before the
 * snapshot it is white still, and the word read a root of the snapshot. */
static bool is_reached(const lull_heap *heap, uintptr_t word)
{
    struct lull__slot slot = lull__resolve(heap, lull__address(heap, word));

    /* acquire: pairs with the release in cache.c, as resolving does with that in span.c: who sees
     * the slot freed, or used again, sees the reference cleared. The mark of its own object is
     * ordered by the phase that was read before */
    return slot.state == NULL ||
           __atomic_load_n(slot.state, __ATOMIC_ACQUIRE) ==
               atomic_load_explicit(&heap->alloc_colour, memory_order_relaxed);
}

/* While a cycle marks: the word if it may be used, shaded; 0 if its object is dead. */
static uintptr_t read_while_marking(lull_thread *t, const uintptr_t *weak)
{
    lull_heap *heap = t->heap;
    uint32_t phase;

    /* acquire: pairs with the release in cycle.c; the marks that ended the phase before */
    while ((phase = atomic_load_explicit(&heap->weak_phase, memory_order_acquire)) !=
           LULL__WEAK_IDLE) {
        lull__delay(heap, LULL__DELAY_WEAK_PHASE);
        uintptr_t word = __atomic_load_n(weak, __ATOMIC_RELAXED);
        lull__delay(heap, LULL__DELAY_WEAK_WORD);
        if (word == 0) {
            return 0;
        }
        if (is_reached(heap, word)) {
            if (__atomic_load_n(weak, __ATOMIC_RELAXED) == word) {
                return word;
            }
            continue; /* cleared and swept meanwhile: what is reached is another */
        }
        lull__delay(heap, LULL__DELAY_WEAK_SHADE);
        if (phase == LULL__WEAK_MARKING) {
            lull__grey_shade(t, word);
            return word;
        }
        if (phase == LULL__WEAK_DEAD) {
            return 0;
        }
        /* ENDING: the last round may not be the last; on success or failure, look again */
        atomic_compare_exchange_strong_explicit(&heap->weak_phase, &phase, LULL__WEAK_MARKING,
                                                memory_order_acq_rel, memory_order_relaxed);
    }
    return __atomic_load_n(weak, __ATOMIC_RELAXED);
}

uintptr_t lull__weak_read(lull_thread *t, const uintptr_t *weak)
{
    /* inside the library from before the phase is read: no handshake comes in between, so a phase
     * read as IDLE means that the word is a root of the snapshot to come */
    lull__enter(t);
    uintptr_t word = read_while_marking(t, weak);
    lull__leave(t);
    return word;
}

/* ---- the interface; lull_weak_new is in alloc.c ---- */

void *lull_weak_get(lull_thread *t, lull_weak *weak)
{
    return !lull__refuses_any("lull_weak_get") ? (void *)lull__weak_read(t, &weak->target) : NULL;
}
