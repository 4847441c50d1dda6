/* mark_loop.h -- the inner loop of marking, once, for every kernel to compile with its own way
 * of scanning a record.
 *
 * Everything the loop touches for each edge is in local variables (struct lull__loop, which the
 * compiler takes apart), since a store to the mark stack could otherwise be a store to any field
 * of the marker. They go back to the marker around each call out of the loop. */
#ifndef LULL__MARK_LOOP_H
#define LULL__MARK_LOOP_H

#include "mark_stack.h"

#define LULL__ROOM 64 /* words that one record can push */

/* A marker's fields for the time of the loop; see struct lull__marker. */
struct lull__loop {
    uintptr_t range;
    size_t extent;
    const struct lull__block *blocks;
    uint8_t white, black;
    uintptr_t *word; /* of the present chunk */
    size_t count;    /* words in use of it */
    struct lull__edge *place;
    size_t granules, objects;
};

/* Slow paths, in mark.c; they use the marker's fields. A record; everything but leaves and records,
 * which the loop does itself; one piece of a large object, after a promise of the next. */
void lull__mark_scan_record(struct lull__marker *m, const char *base, uint64_t mask);
void lull__mark_scan_other(struct lull__marker *m, const struct lull__block *block, char *base);
void lull__mark_scan_piece(struct lull__marker *m, char *piece);

/* Adds an ephemeron that was reached to the marker's list. */
void lull__mark_find_ephemeron(struct lull__marker *m, char *base);

LULL__INLINE void lull__loop_load(struct lull__loop *l, const struct lull__marker *m)
{
    l->word = m->chunk->word;
    l->count = (size_t)(m->top - m->chunk->word);
}

LULL__INLINE void lull__loop_save(const struct lull__loop *l, struct lull__marker *m)
{
    m->top = l->word + l->count;
}

/* Pushes a word if it falls in the range: without a branch, it is written and the count moves on
 * if it counts. */
LULL__INLINE void lull__loop_push(struct lull__loop *l, const struct lull__marker *m,
                                  const uintptr_t *word, bool tagged)
{
    /* relaxed: the program may be storing to it when it runs beside the marker */
    uintptr_t w = __atomic_load_n(word, __ATOMIC_RELAXED);

    w = tagged ? lull__untag(m->heap, w) : w;
    l->word[l->count] = w;
    l->count += w - l->range < l->extent;
}

#define LULL__PUSH(i) lull__loop_push(l, m, word + (i), tagged)

/* The pointers at the first `words` words of a record; 1 to LULL__RUN_MOST. */
LULL__INLINE void lull__loop_scan_run(struct lull__loop *l, const struct lull__marker *m,
                                      const char *base, uint64_t words, bool tagged)
{
    const uintptr_t *word = (const uintptr_t *)(const void *)base;

    switch (words) {
    case 8:
        LULL__PUSH(7);
        __attribute__((fallthrough));
    case 7:
        LULL__PUSH(6);
        __attribute__((fallthrough));
    case 6:
        LULL__PUSH(5);
        __attribute__((fallthrough));
    case 5:
        LULL__PUSH(4);
        __attribute__((fallthrough));
    case 4:
        LULL__PUSH(3);
        __attribute__((fallthrough));
    case 3:
        LULL__PUSH(2);
        __attribute__((fallthrough));
    case 2:
        LULL__PUSH(1);
        __attribute__((fallthrough));
    default:
        LULL__PUSH(0);
    }
}

/* The pointers of a record by its mask. */
LULL__INLINE void lull__loop_scan(struct lull__loop *l, const struct lull__marker *m,
                                  const char *base, uint64_t mask, bool tagged)
{
    const uintptr_t *word = (const uintptr_t *)(const void *)base;

    for (; mask != 0; mask &= mask - 1) {
        LULL__PUSH(__builtin_ctzll(mask));
    }
}

/* The object of an edge is black after. */
LULL__INLINE void lull__loop_visit(struct lull__loop *l, struct lull__marker *m,
                                   const struct lull__edge *edge, bool tagged)
{
    const struct lull__block *block = edge->block;
    uint8_t state = lull__state_load(edge->state);

    if (state != l->white) {
        if (LULL__LIKELY(state != LULL__KEY)) {
            return;
        }
        lull__loop_save(l, m);
        lull__ephemeron_key_reached(m, edge->state);
        lull__loop_load(l, m);
    }
    lull__state_store(edge->state, l->black); /* .inv.twice */
    l->objects++;
    l->granules += block->granules;
    /* relaxed: acquired on the way in */
    uint8_t kind = atomic_load_explicit(&block->kind, memory_order_relaxed);
    if (LULL__UNLIKELY(l->count > LULL__CHUNK_WORDS - LULL__ROOM)) {
        lull__loop_save(l, m);
        lull__mark_new_chunk(m);
        lull__loop_load(l, m);
    }
    if (kind == LULL__KIND_RUN) {
        lull__loop_scan_run(l, m, edge->base, block->mask, tagged);
    } else if (kind == LULL__KIND_RECORD) {
        lull__loop_scan(l, m, edge->base, block->mask, tagged);
    } else if (kind != LULL__KIND_LEAF || lull__block_is_large(block)) {
        lull__loop_save(l, m);
        lull__mark_scan_other(m, block, edge->base);
        lull__loop_load(l, m);
    }
}

/* Puts an edge into the ring in the place of the oldest, which it returns. */
LULL__INLINE struct lull__edge lull__loop_exchange(struct lull__loop *l, struct lull__marker *m,
                                                   struct lull__edge edge)
{
    struct lull__edge oldest = *l->place;

    *l->place++ = edge;
    if (l->place == m->ring + LULL__RING) {
        l->place = m->ring;
    }
    return oldest;
}

/* Takes a word off the stack into the ring, resolved, its cache lines on their way, and visits the
 * edge that leaves the ring for it. */
LULL__INLINE void lull__loop_step(struct lull__loop *l, struct lull__marker *m, bool tagged)
{
    uintptr_t word = l->word[--l->count];

    if (LULL__UNLIKELY((word & LULL__PIECE_BIT) != 0)) {
        lull__loop_save(l, m);
        lull__mark_scan_piece(m, (char *)(word & ~LULL__PIECE_BIT));
        lull__loop_load(l, m);
        return;
    }
    const struct lull__block *block = &l->blocks[(word - l->range) >> LULL__BLOCK_SHIFT];
    /* acquire: pairs with the release in span.c's publish */
    uint8_t kind = atomic_load_explicit(&block->kind, memory_order_acquire);
    if (LULL__UNLIKELY(kind == LULL__KIND_NONE)) {
        return;
    }
    uintptr_t number = ((word - (uintptr_t)block->start) * block->magic) >> 32;
    struct lull__edge edge = {block->states + number,
                              block->start + number * lull__block_slot_size(block), block};
    __builtin_prefetch(edge.state, 1);
    if (kind != LULL__KIND_LEAF) {
        __builtin_prefetch(edge.base);
    }
    edge = lull__loop_exchange(l, m, edge);
    lull__loop_visit(l, m, &edge, tagged);
}

/* The stack is empty: visits what waits in the ring until something is pushed; false: nothing was,
 * and the ring holds nothing any more. */
LULL__INLINE bool lull__loop_flush(struct lull__loop *l, struct lull__marker *m, bool tagged)
{
    for (unsigned i = 0; i < LULL__RING; i++) {
        struct lull__edge edge = lull__loop_exchange(l, m, lull__no_edge);
        lull__loop_visit(l, m, &edge, tagged);
        if (l->count != 0 || m->chunk->next != NULL) {
            return true; /* an object may have filled a chunk and left nothing in the next one */
        }
    }
    return false;
}

/* Until stack and ring are empty (false), or `most` words left the stack. */
LULL__INLINE bool lull__loop_run(struct lull__marker *m, unsigned most, bool tagged)
{
    struct lull__loop l = {.range = m->range,
                           .extent = m->extent,
                           .blocks = m->blocks,
                           .white = m->white,
                           .black = m->black,
                           .place = m->ring + m->ring_place};
    bool more = true;

    lull__loop_load(&l, m);
    for (; more && most != 0; most--) {
        if (LULL__LIKELY(l.count != 0)) {
            lull__loop_step(&l, m, tagged);
            continue;
        }
        lull__loop_save(&l, m);
        more = lull__mark_pop_chunk(m);
        lull__loop_load(&l, m);
        more = more || lull__loop_flush(&l, m, tagged);
    }
    lull__loop_save(&l, m);
    m->ring_place = (uint32_t)(l.place - m->ring);
    m->bytes += l.granules * LULL__GRANULE;
    m->objects += l.objects;
    return more;
}

#endif
