/* mark.c -- marking: from roots to everything reachable.
 *
 * Work is edges, not objects (Garner, Blackburn & Frampton 2007): scanning an object pushes the
 * words of it that fall in the heap's range, unresolved, on a stack; a word leaves the stack
 * through a ring of a few dozen (Cher, Hosking & Vitek 2004), and on the way in it is resolved
 * and the state byte and the body of its object are prefetched. On the way out the state byte is
 * tested and set, and the object scanned. So the two cache misses of an edge overlap with those
 * of its neighbours. Deviation: the stack feeds the ring one word for each that leaves it.
 *
 * That loop, and the scanning of records, is in mark_loop.h; here are the stack of words, in
 * chunks, and the scanning of everything else.
 *
 * Setting black is a plain byte store: two markers that race on one object both scan it, which
 * is harmless, and rare (.inv.twice).
 *
 * A large object is scanned a piece at a time: what goes on the stack then is the address of the
 * next piece with LULL__PIECE_BIT set, which no address has. */
#include "mark_loop.h"
#include "span.h"

#define PIECE_BYTES ((size_t)32 << 10)

static uint8_t free_state = LULL__FREE;
const struct lull__edge lull__no_edge = {&free_state, NULL, NULL};

/* ---- the stack ---- */

void lull__mark_new_chunk(struct lull__marker *m)
{
    struct lull__chunk *chunk = lull__queue_take_empty(&m->heap->queue);

    if (chunk == NULL) {
        lull__mark_overflow(m);
        return;
    }
    m->chunk->count = (size_t)(m->top - m->chunk->word);
    chunk->next = m->chunk;
    lull__mark_use_chunk(m, chunk, 0);
}

bool lull__mark_pop_chunk(struct lull__marker *m)
{
    struct lull__chunk *below = m->chunk->next;

    if (below == NULL) {
        return false;
    }
    lull__queue_give_empty(&m->heap->queue, m->chunk);
    lull__mark_use_chunk(m, below, below->count);
    return true;
}

/* ---- scanning ---- */

/* Unless another marker has it: .inv.twice must not tangle their lists. */
void lull__mark_find_ephemeron(struct lull__marker *m, char *base)
{
    struct lull_ephemeron *e = (struct lull_ephemeron *)(void *)base;
    struct lull_ephemeron *none = NULL;

    /* relaxed: the lists are read after the drain, which synchronises */
    if (atomic_compare_exchange_strong_explicit(&e->found, &none, m->found, memory_order_relaxed,
                                                memory_order_relaxed)) {
        m->found = e;
    }
}

LULL__INLINE void push(struct lull__marker *m, uintptr_t w)
{
    *m->top = w;
    m->top += w - m->range < m->extent;
}

void lull__mark_scan_record(struct lull__marker *m, const char *base, uint64_t mask)
{
    const uintptr_t *words = (const uintptr_t *)(const void *)base;

    lull__mark_make_room(m, LULL__ROOM);
    for (; mask != 0; mask &= mask - 1) {
        /* relaxed: the program may be storing to it */
        uintptr_t w = __atomic_load_n(&words[__builtin_ctzll(mask)], __ATOMIC_RELAXED);
        push(m, lull__untag(m->heap, w));
    }
}

LULL__NO_SANITIZE static void scan_tagged_words(struct lull__marker *m, const uintptr_t *start,
                                                const uintptr_t *end)
{
    for (; start < end; start++) {
        lull__mark_make_room(m, 1);
        push(m, lull__untag(m->heap, __atomic_load_n(start, __ATOMIC_RELAXED)));
    }
}

/* Any word of [start, end) may be a pointer. */
static void scan_words(struct lull__marker *m, const uintptr_t *start, const uintptr_t *end)
{
    if (LULL__UNLIKELY(m->heap->tagged)) {
        scan_tagged_words(m, start, end);
        return;
    }
    while (start < end) {
        lull__mark_make_room(m, LULL__ROOM + LULL__KERNEL_SLACK);
        size_t room = (size_t)(m->limit - m->top) - LULL__KERNEL_SLACK;
        size_t count = lull__min((size_t)(end - start), room);
        m->top += m->kernel->filter(start, count, m->range, m->extent, m->top);
        start += count;
    }
}

/* The words from `first` to `end` of an object at `start` whose pattern repeats. */
static void scan_pattern(struct lull__marker *m, const uintptr_t *start, const uintptr_t *first,
                         const uintptr_t *end, const struct lull__layout *layout)
{
    size_t phase = (size_t)(first - start) % layout->period;

    if (layout->period == 1) {
        scan_words(m, first, end);
        return;
    }
    for (; first < end; first++) {
        if (layout->bits[phase / 64] >> (phase % 64) & 1) {
            lull__mark_make_room(m, 1);
            push(m, lull__untag(m->heap, __atomic_load_n(first, __ATOMIC_RELAXED)));
        }
        phase = phase + 1 == layout->period ? 0 : phase + 1;
    }
}

/* The bytes [from, to) of an object of `bytes` at base, by a layout that is not a record mask. */
static void scan_layout(struct lull__marker *m, const struct lull__layout *layout,
                        enum lull__kind kind, char *base, size_t bytes, size_t from, size_t to)
{
    const uintptr_t *start = (const uintptr_t *)(void *)base;
    const uintptr_t *first = (const uintptr_t *)(void *)(base + from);
    const uintptr_t *end = (const uintptr_t *)(void *)(base + to);

    if (kind == LULL__KIND_CONSERVATIVE) {
        scan_words(m, first, end);
    } else if (kind == LULL__KIND_PATTERN) {
        scan_pattern(m, start, first, end, layout);
    } else if (kind == LULL__KIND_RECORD) {
        lull__mark_scan_record(m, base, layout->bits[0]);
    } else if (kind == LULL__KIND_CUSTOM) {
        layout->trace(&m->tracer, base, bytes, layout->trace_arg);
    }
}

void lull__mark_scan_piece(struct lull__marker *m, char *piece)
{
    const struct lull__span *span = lull__span_of(m->heap, piece);
    const struct lull__block *block = &m->blocks[span - m->heap->pages.spans];
    char *base = lull__span_start(m->heap, span);
    size_t from = (size_t)(piece - base);
    enum lull__kind kind = lull__span_kind(m->heap, span);
    size_t to = span->bytes;

    if (kind != LULL__KIND_CUSTOM && to - from > PIECE_BYTES) {
        to = from + PIECE_BYTES;
        lull__mark_make_room(m, 1);
        *m->top++ = (uintptr_t)(base + to) | LULL__PIECE_BIT;
    }
    scan_layout(m, block->layout, kind, base, span->bytes, from, to);
}

/* A generic slot's last word is its layout; NULL while it is being allocated: nothing in it. */
static void scan_generic(struct lull__marker *m, char *base, size_t slot_size)
{
    size_t bytes = slot_size - sizeof(struct lull__layout *);
    const struct lull__layout *layout =
        __atomic_load_n((struct lull__layout **)(void *)(base + bytes), __ATOMIC_RELAXED);

    if (layout != NULL) {
        scan_layout(m, layout, layout->kind, base, bytes, 0, bytes);
    }
}

void lull__mark_scan_other(struct lull__marker *m, const struct lull__block *block, char *base)
{
    enum lull__kind kind =
        (enum lull__kind)atomic_load_explicit(&block->kind, memory_order_relaxed);

    if (lull__block_is_large(block)) {
        m->bytes += lull__span_of(m->heap, base)->bytes;
        if (kind != LULL__KIND_LEAF) {
            lull__mark_scan_piece(m, base);
        }
    } else if (kind == LULL__KIND_GENERIC) {
        scan_generic(m, base, lull__block_slot_size(block));
    } else if (kind == LULL__KIND_EPHEMERON) {
        lull__mark_find_ephemeron(m, base);
    } else if (kind != LULL__KIND_WEAK) {
        scan_layout(m, block->layout, kind, base, lull__block_slot_size(block), 0,
                    lull__block_slot_size(block));
    }
}

/* ---- words that are told ---- */

LULL__NO_SANITIZE static void tracer_range(lull_tracer *tracer, const uintptr_t *start,
                                           const uintptr_t *end)
{
    struct lull__marker *m = (struct lull__marker *)(void *)tracer;

    if (!m->heap->tagged) {
        scan_words(m, start, end);
        return;
    }
    for (; start < end; start++) {
        lull__mark_word(m, __atomic_load_n(start, __ATOMIC_RELAXED));
    }
}

void lull__mark_make(struct lull__marker *m, lull_heap *heap,
                     const struct lull__mark_kernel *kernel)
{
    m->tracer.range = tracer_range;
    m->heap = heap;
    m->kernel = kernel;
    for (unsigned i = 0; i < LULL__RING; i++) {
        m->ring[i] = lull__no_edge;
    }
}

void lull__mark_word(struct lull__marker *m, uintptr_t word)
{
    lull__mark_make_room(m, 1);
    push(m, lull__address(m->heap, word));
}

void lull__mark_range(struct lull__marker *m, const void *start, const void *end)
{
    tracer_range(&m->tracer, start, end);
}

void lull_trace(lull_tracer *tracer, const void *word)
{
    uintptr_t w = (uintptr_t)word;

    tracer->range(tracer, &w, &w + 1);
}

void lull_trace_range(lull_tracer *tracer, const void *start, const void *end)
{
    uintptr_t first = lull__round_up((uintptr_t)start, sizeof(uintptr_t));
    uintptr_t last = (uintptr_t)end & ~(sizeof(uintptr_t) - 1);

    if (first < last) {
        tracer->range(tracer, (const uintptr_t *)first, (const uintptr_t *)last);
    }
}
