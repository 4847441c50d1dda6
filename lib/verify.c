/* verify.c -- a second, naive marker as the judge of the first (walk.c). It looks at all ephemerons
 * again until nothing changes. */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "finalizer.h"
#include "pool.h"
#include "roots.h"
#include "span.h"
#include "thread.h"
#include "walk.h"

struct verifier {
    struct lull__walk walk; /* first */
    lull_heap *heap;
    uint8_t black;
    bool concurrent; /* the program ran while it was marked */
    bool lenient;    /* unmarked objects are passed over: a conservative stack of concurrent
                        marking is being looked at */
};

static void report(const struct verifier *v, const struct lull__meeting *object)
{
    char text[640];
    const char *holder = v->walk.holder;
    const void *field = object->word;
    int n =
        snprintf(text, sizeof text,
                 "lull: verify: object %p (%zu bytes, %.64s, state %d) is reachable and was not "
                 "marked; held by ",
                 (const void *)object->base, object->bytes,
                 lull__walk_type_name(v->heap, object->base), object->state);
    size_t at = (size_t)n;

    if (holder != NULL) {
        n = snprintf(text + at, sizeof text - at, "the object %p (%.64s), at offset %td%s\n",
                     (const void *)holder, lull__walk_type_name(v->heap, holder),
                     (const char *)field - holder,
                     v->concurrent ? ": probably by a store that is no lull_store" : "");
    } else {
        n = snprintf(text + at, sizeof text - at, "the root at %p%s\n", field,
                     v->concurrent ? ": if it is registered memory, probably by a store that is no "
                                     "lull_store"
                                   : "");
    }
    n += (int)at;
    lull__os_say(text, lull__min((size_t)n, sizeof text - 1));
    abort();
}

static bool meet(struct lull__walk *w, const struct lull__meeting *object)
{
    const struct verifier *v = (const struct verifier *)(const void *)w;

    if (object->state != v->black && !v->lenient) {
        report(v, object);
    }
    return object->state == v->black;
}

static bool was_visited(const struct verifier *v, uintptr_t address)
{
    struct lull__meeting object;

    return !lull__walk_find(&v->walk, address, &object) || *object.mark == LULL__WALK_SEEN;
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
            v->walk.holder = (const char *)e;
            v->walk.tracer.range(&v->walk.tracer, (uintptr_t *)&e->value,
                                 (uintptr_t *)&e->value + 1);
            any |= v->walk.count != 0;
            lull__walk_all(&v->walk);
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
    lull_tracer *tracer = &v->walk.tracer;

    for (lull_thread *t = v->heap->threads; t != NULL; t = t->next) {
        v->lenient = v->concurrent && t->kind == LULL_STACK_CONSERVATIVE;
        lull__roots_scan_thread(t, tracer);
        lull__pool_thread_scan(t, tracer, lull__thread_standing(t) == LULL__THREAD_SIGNALLED);
    }
    v->lenient = false;
    lull__roots_scan_globals(v->heap, tracer);
    lull__finalizer_scan(v->heap, tracer);
    lull__pools_scan(v->heap, tracer);
    lull__walk_all(&v->walk);
    while (follow_all_ephemerons(v)) {
    }
}

void lull__verify_marks(lull_heap *heap, struct lull__marker *m, bool concurrent)
{
    struct verifier v = {.walk = {.heap = heap, .meet = meet},
                         .heap = heap,
                         .black = m->black,
                         .concurrent = concurrent};

    if (lull__walk_begin(&v.walk)) {
        follow_roots(&v);
    }
    lull__walk_finish(&v.walk);
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
