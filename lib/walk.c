/* walk.c -- a second, naive marker: one object after the other, with state of its own.
 *
 * It shares with mark.c only the tables of blocks: it divides where that multiplies, and follows
 * one object at a time where that has rings and queues. One byte a granule of the heap says what
 * it saw. Whoever sets one out says what it is to look for: verify.c judges the marks, and
 * audit_cycle.c asks who holds what lies in pools. */
#include "walk.h"

#include <string.h>

#include "span.h"

static bool grow(struct lull__walk *w)
{
    size_t capacity = lull__max(w->capacity * 2, 65536);
    struct lull__step *step = lull__os_map(capacity * sizeof *step);

    if (step == NULL) {
        w->failed = true;
        return false;
    }
    memcpy(step, w->step != NULL ? w->step : step, w->count * sizeof *step);
    lull__os_unmap(w->step, w->capacity * sizeof *step);
    w->step = step;
    w->capacity = capacity;
    return true;
}

static void push(struct lull__walk *w, struct lull__step step)
{
    if (w->count < w->capacity || grow(w)) {
        w->step[w->count++] = step;
    }
}

/* ---- what is where ---- */

bool lull__walk_find(const struct lull__walk *w, uintptr_t address, struct lull__meeting *found)
{
    const struct lull__pages *pages = &w->heap->pages;
    uintptr_t offset = address - (uintptr_t)pages->range;

    if (offset >= pages->top * LULL__BLOCK) {
        return false;
    }
    size_t b = offset / LULL__BLOCK;
    if (pages->blocks[b].kind == LULL__KIND_NONE) {
        return false;
    }
    const struct lull__span *span =
        &pages->spans[lull__block_number(w->heap, pages->blocks[b].start)];
    char *start = lull__span_start(w->heap, span);
    bool large = span->state == LULL__SPAN_LARGE;
    size_t bytes = large ? span->bytes : span->cell->slot_size;
    size_t slot = large ? 0 : (size_t)(pages->range + offset - start) / bytes;
    if (slot >= span->slots) {
        return false;
    }
    found->base = start + slot * bytes;
    found->bytes = bytes;
    found->state = lull__span_states(w->heap, span)[slot];
    found->mark = lull__walk_mark(w, found->base);
    return found->state != LULL__FREE;
}

const struct lull__layout *lull__walk_layout(const lull_heap *heap, const char *base, size_t *bytes)
{
    const struct lull__span *span = lull__span_of(heap, base);
    enum lull__kind kind = lull__span_kind(heap, span);

    if (span->state == LULL__SPAN_LARGE) {
        *bytes = span->bytes;
        return kind == LULL__KIND_LEAF ? heap->leaf_layout
                                       : heap->pages.blocks[span - heap->pages.spans].layout;
    }
    *bytes = span->cell->slot_size;
    if (kind == LULL__KIND_GENERIC) {
        *bytes -= sizeof(struct lull__layout *);
        /* relaxed: layouts stay for good */
        return __atomic_load_n((struct lull__layout *const *)(const void *)(base + *bytes),
                               __ATOMIC_RELAXED);
    }
    return span->cell->layout;
}

const lull_type *lull__walk_type(const lull_heap *heap, const char *base)
{
    size_t bytes;
    const struct lull__layout *layout = lull__walk_layout(heap, base, &bytes);
    /* acquire: pairs with the release in layout.c's note_type */
    const lull_type *type =
        layout != NULL ? atomic_load_explicit(&layout->type, memory_order_acquire) : NULL;

    return type != LULL__MANY_TYPES ? type : NULL;
}

const char *lull__walk_type_name(const lull_heap *heap, const char *base)
{
    size_t bytes;
    const struct lull__layout *layout = lull__walk_layout(heap, base, &bytes);

    if (layout == heap->weak_layout || layout == heap->ephemeron_layout) {
        return layout == heap->weak_layout ? "weak reference" : "ephemeron";
    }
    if (layout != NULL &&
        atomic_load_explicit(&layout->type, memory_order_relaxed) == LULL__MANY_TYPES) {
        return "one of several types";
    }
    const lull_type *type = lull__walk_type(heap, base);
    return type != NULL ? lull_type_name(type) : "no type";
}

/* ---- going ---- */

static void meet(struct lull__walk *w, const uintptr_t *word, uintptr_t address)
{
    struct lull__meeting meeting = {.word = word};

    if (lull__walk_find(w, address, &meeting) && *meeting.mark != LULL__WALK_SEEN &&
        w->meet(w, &meeting)) {
        *meeting.mark = LULL__WALK_SEEN;
        push(w, (struct lull__step){meeting.base, (uintptr_t)word, w->at});
    }
}

/* A word of an object. */
static void meet_word(struct lull__walk *w, const uintptr_t *word)
{
    meet(w, word, lull__untag(w->heap, __atomic_load_n(word, __ATOMIC_RELAXED)));
}

LULL__NO_SANITIZE static void meet_range(lull_tracer *tracer, const uintptr_t *start,
                                         const uintptr_t *end)
{
    struct lull__walk *w = (struct lull__walk *)(void *)tracer;

    for (; start < end; start++) {
        meet(w, start, lull__address(w->heap, __atomic_load_n(start, __ATOMIC_RELAXED)));
    }
}

static void follow(struct lull__walk *w, char *base)
{
    size_t bytes;
    const struct lull__layout *layout = lull__walk_layout(w->heap, base, &bytes);
    uintptr_t *words = (uintptr_t *)(void *)base;

    w->holder = base;
    if (layout == NULL) {
        return;
    }
    if (layout->kind == LULL__KIND_CONSERVATIVE) {
        for (size_t i = 0; !w->strict && i < bytes / sizeof *words; i++) {
            meet_word(w, &words[i]);
        }
    } else if (layout->kind == LULL__KIND_CUSTOM) {
        layout->trace(&w->tracer, base, bytes, layout->trace_arg);
    } else if (layout->kind == LULL__KIND_RECORD || layout->kind == LULL__KIND_PATTERN) {
        for (size_t i = 0; i < bytes / sizeof *words; i++) {
            size_t bit = i % layout->period;
            if (layout->bits[bit / 64] >> (bit % 64) & 1) {
                meet_word(w, &words[i]);
            }
        }
    } else if (layout->kind == LULL__KIND_EPHEMERON && w->loose) {
        const uintptr_t *value = (const uintptr_t *)(void *)&((lull_ephemeron *)words)->value;
        meet_range(&w->tracer, value, value + 1);
    }
}

void lull__walk_root(struct lull__walk *w, uintptr_t description)
{
    w->holder = NULL;
    w->at = w->count;
    push(w, (struct lull__step){NULL, description, SIZE_MAX});
}

void lull__walk_all(struct lull__walk *w)
{
    while (w->done < w->count) {
        w->at = w->keep ? w->done++ : --w->count;
        if (w->step[w->at].base != NULL) {
            follow(w, w->step[w->at].base);
        }
    }
}

/* ---- begin and end ---- */

bool lull__walk_begin(struct lull__walk *w)
{
    w->tracer.range = meet_range;
    w->marks_bytes =
        lull__round_up(w->heap->pages.top * LULL__BLOCK / LULL__GRANULE, LULL__OS_PAGE);
    w->marks = w->marks_bytes != 0 ? lull__os_map(w->marks_bytes) : NULL;
    return w->marks != NULL && grow(w);
}

void lull__walk_finish(struct lull__walk *w)
{
    lull__os_unmap(w->marks, w->marks_bytes);
    lull__os_unmap(w->step, w->capacity * sizeof *w->step);
}
