/* span.c -- spans and their state bytes.
 *
 * The state bytes of a span are an array of its own, as long as its class needs, in units of a
 * cache line. Arrays of one length lie one after the other, so the first bytes of spans with few
 * slots do not fall in one L1 set, which a fixed stride beside each block would cause.
 *
 * .inv.tail: bytes past the last slot stay FREE: the end of a span that holds no whole slot
 * resolves to a slot number one too high, which must read as no object. */
#include "span.h"

#include <string.h>

#include "delay.h"
#include "pages.h"

#define STATE_UNIT ((size_t)64)
#define STATE_CHUNK ((size_t)64 << 10)

bool lull__states_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->states.lock, NULL);
    return true;
}

void lull__states_finish(lull_heap *heap)
{
    struct lull__chunk_header *chunk = heap->states.chunks;

    while (chunk != NULL) {
        struct lull__chunk_header *next = chunk->next;
        lull__os_unmap(chunk, chunk->bytes);
        chunk = next;
    }
    pthread_mutex_destroy(&heap->states.lock);
}

static size_t state_units(uint32_t slots)
{
    return (slots + STATE_UNIT - 1) / STATE_UNIT;
}

/* More room for arrays; what was left of the last chunk is given up, less than an array. */
static bool states_grow(struct lull__states *states)
{
    struct lull__chunk_header *chunk = lull__os_map(STATE_CHUNK);

    if (chunk == NULL) {
        return false;
    }
    chunk->next = states->chunks;
    chunk->bytes = STATE_CHUNK;
    states->chunks = chunk;
    states->next = (char *)chunk + STATE_UNIT;
    states->end = (char *)chunk + STATE_CHUNK;
    atomic_fetch_add_explicit(&states->bytes, STATE_CHUNK, memory_order_relaxed);
    return true;
}

/* A zeroed array for `slots` states; NULL: no memory. */
static uint8_t *states_take(struct lull__states *states, uint32_t slots)
{
    size_t units = state_units(slots);
    void *array = NULL;

    pthread_mutex_lock(&states->lock);
    if (states->free[units] != NULL) {
        array = states->free[units];
        states->free[units] = *(void **)array;
    } else if ((size_t)(states->end - states->next) >= units * STATE_UNIT || states_grow(states)) {
        array = states->next;
        states->next += units * STATE_UNIT;
    }
    pthread_mutex_unlock(&states->lock);
    if (array != NULL) {
        memset(array, LULL__FREE, units * STATE_UNIT);
    }
    return array;
}

static void states_give(struct lull__states *states, uint8_t *array, uint32_t slots)
{
    size_t units = state_units(slots);

    pthread_mutex_lock(&states->lock);
    *(void **)(void *)array = states->free[units];
    states->free[units] = array;
    pthread_mutex_unlock(&states->lock);
}

/* Writes the descriptors of a span's blocks, kind last. Release, all: .inv.issue; pairs with the
 * acquires in lull__resolve. relaxed: the blocks are the caller's */
static void publish(lull_heap *heap, struct lull__span *span, const struct lull__block *model,
                    enum lull__kind kind)
{
    struct lull__block *block = &heap->pages.blocks[span - heap->pages.spans];

    for (uint32_t i = 0; i < span->blocks; i++, block++) {
        uint8_t issue = atomic_load_explicit(&block->issue, memory_order_relaxed);
        atomic_store_explicit(&block->issue, (uint8_t)(issue + 1), memory_order_release);
        __atomic_store_n(&block->magic, model->magic, __ATOMIC_RELEASE);
        __atomic_store_n(&block->granules, model->granules, __ATOMIC_RELEASE);
        __atomic_store_n(&block->start, lull__span_start(heap, span), __ATOMIC_RELEASE);
        __atomic_store_n(&block->states, model->states, __ATOMIC_RELEASE);
        __atomic_store_n(&block->mask, model->mask, __ATOMIC_RELEASE);
        atomic_store_explicit(&block->kind, (uint8_t)kind, memory_order_release);
    }
}

/* A record as a run of words or a mask (never large: a mask covers 512 bytes), all others by their
 * layout. Returns the kind. */
static enum lull__kind describe(struct lull__block *model, const struct lull__layout *layout)
{
    if (layout->kind != LULL__KIND_RECORD) {
        model->layout = layout;
        return layout->kind;
    }
    uint64_t mask = layout->bits[0];
    unsigned words = (unsigned)__builtin_popcountll(mask);
    bool run = (mask & (mask + 1)) == 0 && words <= LULL__RUN_MOST;
    model->mask = run ? words : mask;
    return run ? LULL__KIND_RUN : LULL__KIND_RECORD;
}

struct lull__span *lull__span_new(lull_heap *heap, struct lull__cell *cell)
{
    const struct lull__class *class = &lull__classes[cell->class_index];
    struct lull__block model = {.magic = class->magic, 
                                .granules = (uint16_t)(class->slot_size / LULL__GRANULE)};

    model.states = states_take(&heap->states, class->slots);
    if (model.states == NULL) {
        return NULL;
    }
    struct lull__span *span = lull__pages_take(heap, class->blocks);
    if (span == NULL) {
        states_give(&heap->states, model.states, class->slots);
        return NULL;
    }
    span->cell = cell;
    span->epoch = lull__sweep_epoch(heap);
    span->slots = class->slots;
    span->live = 0;
    span->fresh_from = span->clean ? 0 : class->slots;
    span->bytes = (size_t)class->blocks * LULL__BLOCK;
    enum lull__kind kind = describe(&model, cell->layout);
    publish(heap, span, &model, kind);
    return span;
}

struct lull__span *lull__span_new_large(lull_heap *heap, struct lull__layout *layout, size_t bytes,
                                        uint8_t colour)
{
    size_t blocks = (bytes + LULL__BLOCK - 1) / LULL__BLOCK;

    if (blocks > UINT32_MAX) {
        return NULL;
    }
    struct lull__span *span = lull__pages_take(heap, blocks);
    if (span == NULL) {
        return NULL;
    }
    struct lull__block model = {.states = &span->large_state};
    span->cell = &heap->large;
    span->epoch = lull__sweep_epoch(heap);
    /* relaxed: whoever frees a neighbour looks at it, under pages.lock: it is no free run's */
    __atomic_store_n(&span->state, LULL__SPAN_LARGE, __ATOMIC_RELAXED);
    span->slots = 1;
    span->live = 1;
    span->bytes = lull__round_up(bytes, LULL__ALIGNMENT);
    if (!span->clean) {
        memset(lull__span_start(heap, span), 0, span->bytes);
    }
    span->large_state = colour;
    enum lull__kind kind = describe(&model, layout);
    lull__delay(heap, LULL__DELAY_NEW_LARGE);
    /* a marker may find it and scan it from here on: .inv.zero */
    publish(heap, span, &model, kind);
    return span;
}

void lull__span_free(lull_heap *heap, struct lull__span *span)
{
    struct lull__block *block = &heap->pages.blocks[span - heap->pages.spans];
    uint8_t *states = block->states;
    bool large = lull__block_is_large(block);

    for (uint32_t i = 0; i < span->blocks; i++) {
        /* nobody marks while spans are freed. release: pairs with the acquire in lull__resolve, for
         * weak reads (weak.c, is_reached) */
        atomic_store_explicit(&block[i].kind, LULL__KIND_NONE, memory_order_release);
    }
    if (!large) {
        states_give(&heap->states, states, span->slots);
    }
    lull__pages_give(heap, span, false);
}
