/* verify.c -- a second, naive marker as the judge of the first.
 *
 * It shares with mark.c only the tables of blocks: it divides where that multiplies, follows one
 * object at a time from an explicit stack where that has rings and queues, and looks at all
 * ephemerons again until nothing changes. One byte a granule of the heap says what it visited. */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "finalizer.h"
#include "pool.h"
#include "roots.h"
#include "span.h"

struct verifier {
    lull_tracer tracer; /* first */
    lull_heap *heap;
    uint8_t black;
    uint8_t *visited;   /* by granule of the range */
    size_t visited_bytes;
    char **stack;       /* objects to follow */
    size_t depth, capacity;
    const void *holder; /* whose words are being looked at; NULL: a root */
    bool failed;        /* no memory */
    bool concurrent;    /* the program ran while it was marked */
    bool lenient;       /* unmarked objects are passed over: a conservative stack of concurrent
                           marking is being looked at */
};

/* How an object's type is called, as far as its layout tells. */
static const char *type_name(const struct verifier *v, const char *base)
{
    const struct lull__span *span = lull__span_of(v->heap, base);
    const struct lull__block *block = &v->heap->pages.blocks[span - v->heap->pages.spans];
    enum lull__kind kind = lull__span_kind(v->heap, span);

    if (kind == LULL__KIND_WEAK || kind == LULL__KIND_EPHEMERON) {
        return kind == LULL__KIND_WEAK ? "weak reference" : "ephemeron";
    }
    const struct lull__layout *layout = v->heap->leaf_layout;
    if (span->state != LULL__SPAN_LARGE) {
        layout = span->cell->layout;
    } else if (kind != LULL__KIND_LEAF) {
        layout = block->layout;
    }
    if (kind == LULL__KIND_GENERIC) {
        const char *header = base + span->cell->slot_size - sizeof layout;
        layout = *(struct lull__layout *const *)(const void *)header;
    }
    /* acquire: pairs with the release in layout.c's note_type */
    const lull_type *type =
        layout != NULL ? atomic_load_explicit(&layout->type, memory_order_acquire) : NULL;
    if (type == LULL__MANY_TYPES) {
        return "one of several types";
    }
    return type != NULL ? lull_type_name(type) : "no type";
}

static void report(const struct verifier *v, const char *object, const uintptr_t *field,
                   size_t bytes, uint8_t state)
{
    char text[640];
    const char *holder = v->holder;
    int n = snprintf(text, sizeof text,
                     "lull: verify: object %p (%zu bytes, %.64s, state %d) is reachable and was not "
                     "marked; held by ",
                     (const void *)object, bytes, type_name(v, object), state);
    size_t at = (size_t)n;

    if (holder != NULL) {
        n = snprintf(text + at, sizeof text - at, "the object %p (%.64s), at offset %td%s\n",
                     (const void *)holder, type_name(v, holder), (const char *)field - holder,
                     v->concurrent ? ": probably by a store that is no lull_store" : "");
    } else {
        n = snprintf(text + at, sizeof text - at, "the root at %p%s\n", (const void *)field,
                     v->concurrent ? ": if it is registered memory, probably by a store that is no "
                                     "lull_store"
                                   : "");
    }
    n += (int)at;
    ssize_t written = write(2, text, lull__min((size_t)n, sizeof text - 1));
    (void)written;
    abort();
}

static bool grow_stack(struct verifier *v)
{
    size_t capacity = lull__max(v->capacity * 2, 65536);
    char **stack = lull__os_map(capacity * sizeof *stack);

    if (stack == NULL) {
        v->failed = true;
        return false;
    }
    memcpy(stack, v->stack != NULL ? (void *)v->stack : (void *)stack, v->depth * sizeof *stack);
    lull__os_unmap(v->stack, v->capacity * sizeof *stack);
    v->stack = stack;
    v->capacity = capacity;
    return true;
}

/* The object an address points into, found by division; false: none. */
static bool object_of(const struct verifier *v, uintptr_t address, char **base, size_t *bytes,
                      uint8_t *state)
{
    const struct lull__pages *pages = &v->heap->pages;
    uintptr_t offset = address - (uintptr_t)pages->range;

    if (offset >= pages->top * LULL__BLOCK) {
        return false;
    }
    size_t b = offset / LULL__BLOCK;
    if (pages->blocks[b].kind == LULL__KIND_NONE) {
        return false;
    }
    const struct lull__span *span = &pages->spans[lull__block_number(v->heap, pages->blocks[b].start)];
    char *start = lull__span_start(v->heap, span);
    *bytes = span->state == LULL__SPAN_LARGE ? span->bytes : span->cell->slot_size;
    size_t in_span = (size_t)(pages->range + offset - start);
    size_t slot = span->state == LULL__SPAN_LARGE ? 0 : in_span / *bytes;
    if (slot >= span->slots) {
        return false;
    }
    *base = start + slot * *bytes;
    *state = lull__span_states(v->heap, span)[slot];
    return *state != LULL__FREE;
}

static void visit_address(struct verifier *v, const uintptr_t *field, uintptr_t address)
{
    char *base;
    size_t bytes;
    uint8_t state;

    if (!object_of(v, address, &base, &bytes, &state) || (v->lenient && state != v->black)) {
        return;
    }
    uint8_t *visited = &v->visited[(size_t)(base - v->heap->pages.range) / LULL__GRANULE];
    if (*visited) {
        return;
    }
    *visited = 1;
    if (state != v->black) {
        report(v, base, field, bytes, state);
    }
    if (v->depth < v->capacity || grow_stack(v)) {
        v->stack[v->depth++] = base;
    }
}

/* A word of an object. */
static void visit_word(struct verifier *v, const uintptr_t *field)
{
    visit_address(v, field, lull__untag(v->heap, *field));
}

LULL__NO_SANITIZE static void visit_range(lull_tracer *tracer, const uintptr_t *start,
                                          const uintptr_t *end)
{
    struct verifier *v = (struct verifier *)(void *)tracer;

    for (; start < end; start++) {
        visit_address(v, start, lull__address(v->heap, *start));
    }
}

static void follow_layout(struct verifier *v, const struct lull__layout *layout, char *base,
                          size_t bytes)
{
    uintptr_t *words = (uintptr_t *)(void *)base;

    if (layout->kind == LULL__KIND_CONSERVATIVE) {
        for (size_t i = 0; i < bytes / sizeof *words; i++) {
            visit_word(v, &words[i]);
        }
    } else if (layout->kind == LULL__KIND_CUSTOM) {
        layout->trace(&v->tracer, base, bytes, layout->trace_arg);
    } else if (layout->kind == LULL__KIND_RECORD || layout->kind == LULL__KIND_PATTERN) {
        for (size_t i = 0; i < bytes / sizeof *words; i++) {
            size_t bit = i % layout->period;
            if (layout->bits[bit / 64] >> (bit % 64) & 1) {
                visit_word(v, &words[i]);
            }
        }
    }
}

static void follow(struct verifier *v, char *base)
{
    struct lull__span *span = lull__span_of(v->heap, base);
    const struct lull__block *block = &v->heap->pages.blocks[span - v->heap->pages.spans];
    enum lull__kind kind = lull__span_kind(v->heap, span);
    size_t bytes = span->state == LULL__SPAN_LARGE ? span->bytes : span->cell->slot_size;

    v->holder = base;
    if (kind == LULL__KIND_GENERIC) {
        bytes -= sizeof(void *);
        const struct lull__layout *layout = *(struct lull__layout **)(void *)(base + bytes);
        if (layout != NULL) {
            follow_layout(v, layout, base, bytes);
        }
    } else if (span->state == LULL__SPAN_LARGE && kind != LULL__KIND_LEAF) {
        follow_layout(v, block->layout, base, bytes);
    } else if (span->state == LULL__SPAN_SMALL) {
        follow_layout(v, span->cell->layout, base, bytes);
    }
}

static void follow_all(struct verifier *v)
{
    while (v->depth != 0) {
        follow(v, v->stack[--v->depth]);
    }
}

static bool was_visited(const struct verifier *v, uintptr_t address)
{
    char *base;
    size_t bytes;
    uint8_t state;

    return !object_of(v, address, &base, &bytes, &state) ||
           v->visited[(size_t)(base - v->heap->pages.range) / LULL__GRANULE];
}

/* Follows the values of visited ephemerons with visited keys; whether that reached anything. */
static bool follow_ephemerons(struct verifier *v, struct lull__span *span)
{
    char *start = lull__span_start(v->heap, span);
    bool any = false;

    for (uint32_t i = 0; i < span->slots; i++) {
        struct lull_ephemeron *e =
            (struct lull_ephemeron *)(void *)(start + (size_t)i * span->cell->slot_size);
        if (was_visited(v, (uintptr_t)e) && lull__span_states(v->heap, span)[i] == v->black &&
            e->key != 0 && was_visited(v, lull__address(v->heap, e->key))) {
            v->holder = e;
            visit_range(&v->tracer, (uintptr_t *)&e->value, (uintptr_t *)&e->value + 1);
            any |= v->depth != 0;
            follow_all(v);
        }
    }
    return any;
}

static bool follow_all_ephemerons(struct verifier *v)
{
    struct lull__pages *pages = &v->heap->pages;
    bool any = false;

    pthread_mutex_lock(&pages->lock); /* see weak.c */
    for (size_t b = 0; b < pages->top; b += pages->spans[b].blocks) {
        if (lull__span_kind(v->heap, &pages->spans[b]) == LULL__KIND_EPHEMERON) {
            any |= follow_ephemerons(v, &pages->spans[b]);
        }
    }
    pthread_mutex_unlock(&pages->lock);
    return any;
}

static void follow_roots(struct verifier *v)
{
    for (lull_thread *t = v->heap->threads; t != NULL; t = t->next) {
        uint32_t state = atomic_load_explicit(&t->state, memory_order_relaxed);
        v->lenient = v->concurrent && t->kind == LULL_STACK_CONSERVATIVE;
        lull__roots_scan_thread(t, &v->tracer);
        lull__pool_thread_scan(t, &v->tracer, state == LULL__THREAD_SIGNALLED);
    }
    v->lenient = false;
    lull__roots_scan_globals(v->heap, &v->tracer);
    lull__finalizer_scan(v->heap, &v->tracer);
    lull__pools_scan(v->heap, &v->tracer);
    follow_all(v);
    while (follow_all_ephemerons(v)) {
    }
}

void lull__verify_marks(lull_heap *heap, struct lull__marker *m, bool concurrent)
{
    struct verifier v = {
        .tracer = {visit_range}, .heap = heap, .black = m->black, .concurrent = concurrent};

    v.visited_bytes = lull__round_up(heap->pages.top * LULL__BLOCK / LULL__GRANULE, LULL__OS_PAGE);
    v.visited = v.visited_bytes != 0 ? lull__os_map(v.visited_bytes) : NULL;
    if (v.visited == NULL || !grow_stack(&v)) {
        lull__os_unmap(v.visited, v.visited_bytes);
        return;
    }
    follow_roots(&v);
    lull__os_unmap(v.visited, v.visited_bytes);
    lull__os_unmap(v.stack, v.capacity * sizeof *v.stack);
}

/* ---- the tables ---- */

static void verify_span(const lull_heap *heap, size_t b)
{
    const struct lull__span *span = &heap->pages.spans[b];
    uint32_t used = 0;

    for (uint32_t i = 0; i < span->blocks; i++) {
        LULL_ASSERT_VALUES(heap->pages.blocks[b + i].start == lull__span_start(heap, span), b, i);
    }
    const uint8_t *states = lull__span_states(heap, span);
    for (uint32_t i = 0; i < span->slots; i++) {
        LULL_ASSERT_VALUES(states[i] <= LULL__COLOUR_B, b, states[i]);
        used += states[i] != LULL__FREE;
    }
    LULL_ASSERT_VALUES(used <= span->slots, used, span->slots);
}

void lull__verify_heap(lull_heap *heap)
{
    struct lull__pages *pages = &heap->pages;
    size_t used = 0, clean = 0, dirty = 0;

    pthread_mutex_lock(&pages->lock); /* see weak.c */
    for (size_t b = 0; b < pages->top; b += pages->spans[b].blocks) {
        const struct lull__span *span = &pages->spans[b];
        LULL_ASSERT_VALUES(span->blocks != 0, b, pages->top);
        if (pages->blocks[b].kind != LULL__KIND_NONE) {
            verify_span(heap, b);
            used += span->blocks;
        } else if (span->state == LULL__SPAN_FREE_CLEAN) {
            clean += span->blocks;
        } else if (span->state == LULL__SPAN_FREE_DIRTY) {
            dirty += span->blocks;
        }
    }
    LULL_ASSERT_VALUES(clean <= pages->clean.blocks, clean, pages->clean.blocks);
    LULL_ASSERT_VALUES(dirty <= pages->dirty.blocks, dirty, pages->dirty.blocks);
    LULL_ASSERT_VALUES(used <= pages->used_blocks, used, pages->used_blocks);
    pthread_mutex_unlock(&pages->lock);
}
