/* mark_overflow.c -- marking without memory for more words.
 *
 * Where no memory can be had for another chunk, the objects of the newest one's words are blackened
 * unscanned, the words dropped and, if any of them was white, queue->overflow set; after the drain
 * the heap is walked, and every black object scanned again, until nothing was dropped. Blackening
 * first is what keeps the words that no object holds: roots, and the values of ephemerons. One
 * chunk suffices: each walk but the last makes a white object black. */
#include "delay.h"
#include "mark_loop.h"
#include "span.h"

#define PIECES_KEPT 64 /* of a chunk that is dropped */

/* Blackens the object of a word without scanning it, recovery will; false: it is not white. */
static bool blacken(struct lull__marker *m, uintptr_t word)
{
    struct lull__slot slot = lull__resolve(m->heap, word);

    if (!lull__mark_missed(m, &slot)) {
        return false;
    }
    lull__state_store(slot.state, m->black);
    m->objects++;
    m->bytes += lull__slot_bytes(m->heap, &slot);
    /* relaxed: resolving has acquired it */
    if (atomic_load_explicit(&slot.block->kind, memory_order_relaxed) == LULL__KIND_EPHEMERON) {
        lull__mark_find_ephemeron(m, slot.base);
    }
    return true;
}

/* Pieces are kept, or a walk could fail at the same piece as the one before; so many at once as
 * cannot be are of objects that were white when this walk began. */
void lull__mark_overflow(struct lull__marker *m)
{
    uintptr_t *kept = m->chunk->word;
    bool lost = false;

    for (const uintptr_t *word = m->chunk->word; word < m->top; word++) {
        bool piece = (*word & LULL__PIECE_BIT) != 0;
        if (piece && kept < m->chunk->word + PIECES_KEPT) {
            *kept++ = *word;
        } else {
            lost |= piece || blacken(m, *word);
        }
    }
    if (lost) {
        /* relaxed: read after the drain, which synchronises through the queue's lock */
        atomic_store_explicit(&m->heap->queue.overflow, 1, memory_order_relaxed);
    }
    m->top = kept;
}

/* Nobody is there to share with. */
static void drain_alone(struct lull__marker *m)
{
    while (m->kernel->drain(m, UINT32_MAX)) {
    }
}

static void rescan_object(struct lull__marker *m, const struct lull__block *block, char *base)
{
    uint8_t kind = atomic_load_explicit(&block->kind, memory_order_relaxed);

    if (kind == LULL__KIND_RECORD) {
        lull__mark_scan_record(m, base, block->mask);
    } else if (kind == LULL__KIND_RUN) {
        lull__mark_scan_record(m, base, (UINT64_C(1) << block->mask) - 1);
    } else if (kind != LULL__KIND_LEAF && lull__block_is_large(block)) {
        lull__mark_scan_piece(m, base);
    } else if (kind != LULL__KIND_LEAF && kind != LULL__KIND_EPHEMERON) {
        lull__mark_scan_other(m, block, base);
    }
    drain_alone(m);
}

/* Pushes what the black objects of one span hold. */
static void rescan_span(struct lull__marker *m, const struct lull__span *span)
{
    const struct lull__block *block = &m->blocks[span - m->heap->pages.spans];
    char *start = lull__span_start(m->heap, span);
    uint8_t *states = block->states;

    for (uint32_t i = 0; i < span->slots; i++) {
        /* acquire: pairs with the release in cache.c's set_states */
        if (__atomic_load_n(&states[i], __ATOMIC_ACQUIRE) == m->black) {
            rescan_object(m, block, start + i * lull__block_slot_size(block));
        }
    }
}

/* After words were dropped: every black object's white children, until nothing is dropped. What
 * threads blackened is missing in the statistics. Beside the program black are new objects too,
 * which the program may be filling, and slots that wait in caches, perhaps with old contents. What
 * old words reach is kept a cycle longer; a callback is led to objects and zeroes alone
 * (.inv.zero). */
void lull__mark_recover(struct lull__marker *m)
{
    lull_heap *heap = m->heap;

    while (atomic_exchange_explicit(&heap->queue.overflow, 0, memory_order_relaxed) != 0) {
        lull__delay(heap, LULL__DELAY_RESCAN);
        lull__ephemeron_recover(m);
        drain_alone(m);
        pthread_mutex_lock(&heap->pages.lock); /* see weak.c */
        for (size_t b = 0; b < heap->pages.top; b += heap->pages.spans[b].blocks) {
            if (lull__span_kind(heap, &heap->pages.spans[b]) != LULL__KIND_NONE) {
                rescan_span(m, &heap->pages.spans[b]);
            }
        }
        pthread_mutex_unlock(&heap->pages.lock);
    }
}
