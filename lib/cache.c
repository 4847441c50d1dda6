/* cache.c -- a thread's allocation caches.
 *
 * A cache works through one span of its cell, group by group of 64 slots. Taking a group finds
 * its free slots as a bit mask, colours them all at once, and hands them out as runs:
 *
 *     span:   group | group | group ...
 *     group:  used, free free free, used, free ...     mask of the runs not yet begun
 *     run:    [cursor, end) zero | [end, run_end) to be cleared, a window at a time
 *
 * The fast path (lull/inline.h) bumps through [cursor, end). Windows are small, so that what is
 * cleared is still in the first-level cache when the object is used; memory known to be zero is
 * not cleared again. Pages fresh from the system are touched one window ahead: the program would
 * meet their faults a few objects later, where nobody could tell of them.
 *
 * .inv.taken: slots that are coloured but not handed out belong to exactly one cache, and go
 * back to free when it retires. An object between taking and return is coloured (.inv.colour).
 * .inv.zero: a slot with a colour holds an object or zeroes, where its layout is a callback or
 * named in the slot.
 *
 * EXCEPTIONS: a thread held by a signal can be between reading and writing `cursor`, so its
 * caches are not retired: its slots in waiting are kept for the cycle (lull__cache_keep_all). */
#include "cache.h"

#include <string.h>

#include "central.h"
#include "delay.h"
#include "pause.h"
#include "span.h"
#include "sweep.h"

#define GROUP 64
#define WINDOW_BYTES 1024      /* cleared at a time, or one slot */
#define FLUSH_BYTES ((size_t)32 << 10) /* a thread's count may lag by this */

#define CACHES_BYTES (LULL__CELLS * sizeof(struct lull__cache))

bool lull__cache_init(lull_thread *t)
{
    t->caches = lull__os_map(CACHES_BYTES);
    lull__cache_show(t);
    return t->caches != NULL;
}

void lull__cache_finish(lull_thread *t)
{
    lull__os_unmap(t->caches, CACHES_BYTES);
    t->caches = NULL;
}

static struct lull__cache none[LULL__CELLS]; /* never written */

void lull__cache_hide(lull_thread *t)
{
    t->head.caches = (struct lull_cache *)(void *)none;
}

void lull__cache_show(lull_thread *t)
{
    t->head.caches = (struct lull_cache *)(void *)t->caches;
}

void lull__cache_flush_count(lull_thread *t)
{
    /* relaxed: a count that pacing reads; nothing is concluded about memory */
    atomic_fetch_add_explicit(&t->heap->allocated_since, t->unflushed_bytes, memory_order_relaxed);
    t->unflushed_bytes = 0;
    t->owes_assist = 1;
}

/* Free slots among states[0, count), as bits; count is at most 64. Eight bytes at a time: bit 0
 * of each byte of `used` says that the slot is not free, and the multiplication gathers the
 * eight bits in the top byte. States are below 8. */
static uint64_t free_slots(const uint8_t *states, uint32_t count)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < GROUP; i += 8) {
        /* relaxed: a marker may be changing colours meanwhile, which are not free all the same */
        const uint64_t *eight = (const uint64_t *)(const void *)(states + i);
        uint64_t s = __atomic_load_n(eight, __ATOMIC_RELAXED);
        uint64_t used = (s | s >> 1 | s >> 2) & UINT64_C(0x0101010101010101);
        mask |= ((used * UINT64_C(0x0102040810204080)) >> 56) << i;
    }
    return ~mask & (count == GROUP ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1);
}

/* Colours the slots of `mask`. release: pairs with the acquire in weak.c's is_reached; who sees
 * that a slot is used again sees what became of its last object. And with that in mark_overflow.c's
 * rescan_span, which may come at once (.inv.zero). */
static void set_states(uint8_t *states, uint64_t mask, uint8_t value)
{
    if (mask == ~UINT64_C(0)) {
        for (unsigned i = 0; i < GROUP; i += 8) {
            /* eight bytes that change at once: a marker may look */
            __atomic_store_n((uint64_t *)(void *)(states + i),
                             value * UINT64_C(0x0101010101010101), __ATOMIC_RELEASE);
        }
        return;
    }
    for (; mask != 0; mask &= mask - 1) {
        __atomic_store_n(states + __builtin_ctzll(mask), value, __ATOMIC_RELEASE);
    }
}

static uint8_t *group_states(lull_heap *heap, const struct lull__cache *cache)
{
    return lull__span_states(heap, cache->span) +
           (cache->group - lull__span_start(heap, cache->span)) / cache->slot_size;
}

/* ---- refill ---- */

/* .inv.fresh: all slots of the thread's fresh range were coloured black since H2 of the present
 * cycle (cycle_concurrent.c), and stay black, or free, to its end. The range begins anew where runs
 * do not follow on each other. */
static void extend_fresh(lull_thread *t, const struct lull__cache *cache)
{
    if ((uintptr_t)cache->cursor != t->fresh_start + t->fresh_bytes) {
        t->fresh_start = (uintptr_t)cache->cursor;
        t->fresh_bytes = 0;
    }
    t->fresh_bytes += (size_t)(cache->run_end - cache->cursor);
}

/* The first run of the mask becomes the present one. */
static void begin_run(lull_thread *t, struct lull__cache *cache)
{
    unsigned first = (unsigned)__builtin_ctzll(cache->mask);
    uint64_t rest = cache->mask >> first;
    unsigned length = rest == ~UINT64_C(0) ? GROUP : (unsigned)__builtin_ctzll(~rest);

    cache->mask &= length == GROUP ? 0 : ~(((UINT64_C(1) << length) - 1) << first);
    cache->cursor = cache->group + (size_t)first * cache->slot_size;
    cache->end = cache->cursor;
    cache->run_end = cache->cursor + (size_t)length * cache->slot_size;
    if (t->keeps_fresh) {
        extend_fresh(t, cache);
    }
}

/* Touches the pages that begin in [start, end): nobody did since they came from the system. Each
 * fault is told of, however short: they are many. */
static void touch_pages(lull_thread *t, char *start, const char *end)
{
    char *page = (char *)lull__round_up((uintptr_t)start, LULL__OS_PAGE);

    if (page >= end) {
        return;
    }
    uint64_t since_ns = lull__os_now_ns();
    for (; page < end; page += LULL__OS_PAGE) {
        __atomic_store_n(page, 0, __ATOMIC_RELAXED); /* a free slot's, and zero already */
        uint64_t now_ns = lull__os_now_ns();
        lull__emit(&t->heap->events, pause, t->number, LULL_PAUSE_FAULT, now_ns - since_ns);
        since_ns = now_ns;
    }
}

/* How much of the present run is made ready at once, not cut to what is left of it. */
static size_t window_bytes(const lull_heap *heap, const struct lull__cache *cache)
{
    size_t size = cache->slot_size;

    if (LULL__UNLIKELY(heap->stress)) {
        return size; /* every allocation takes the slow path */
    }
    if (cache->clean == LULL__CLEAN_GROUP) {
        return GROUP * size;
    }
    if (cache->clean == LULL__CLEAN_FRESH) {
        /* whole slots, to the end of the page that the first one ends in */
        uintptr_t first_end = (uintptr_t)cache->end + size;
        size_t bytes = lull__round_up(first_end, LULL__OS_PAGE) - (uintptr_t)cache->end;
        return bytes - bytes % size;
    }
    return lull__max(WINDOW_BYTES / size, 1) * size;
}

/* Moves `end` on. */
static void open_window(lull_thread *t, struct lull__cache *cache)
{
    size_t left = (size_t)(cache->run_end - cache->end);
    size_t window = lull__min(window_bytes(t->heap, cache), left);

    if (cache->clean == LULL__CLEAN_NOT) {
        memset(cache->end, 0, window);
    } else if (cache->clean == LULL__CLEAN_FRESH) {
        touch_pages(t, cache->end, cache->end + window);
    }
    cache->end += window;
}

/* A stale pointer, or recovery from a full mark stack, may lead marking to a slot that waits here.
 * What marking reads there is harmless where it is words; a trace callback, or a layout that the
 * slot names, wants an object or zero (.inv.zero). */
static bool waits_zero(const struct lull__cell *cell)
{
    return cell->layout->kind == LULL__KIND_CUSTOM || cell->layout->kind == LULL__KIND_GENERIC;
}

/* Clears the slots of `mask` in the group that is about to be taken. */
static void clear_group(struct lull__cache *cache, char *group, uint64_t mask)
{
    for (; mask != 0; mask &= mask - 1) {
        memset(group + (size_t)__builtin_ctzll(mask) * cache->slot_size, 0, cache->slot_size);
    }
    cache->clean = LULL__CLEAN_GROUP;
}

/* Takes the free slots of the span's next group that has any; false: the span is used up. */
static bool take_group(lull_thread *t, struct lull__cache *cache)
{
    struct lull__span *span = cache->span;
    uint8_t *states = lull__span_states(t->heap, span);

    while (cache->next_group < span->slots) {
        uint32_t at = cache->next_group;
        uint32_t count = (uint32_t)lull__min(GROUP, span->slots - at);
        uint64_t mask = free_slots(states + at, count);
        cache->next_group = at + GROUP;
        cache->clean = at >= span->fresh_from ? LULL__CLEAN_FRESH : LULL__CLEAN_NOT;
        span->fresh_from = (uint32_t)lull__max(span->fresh_from, cache->next_group);
        if (mask != 0) {
            uint32_t slots = (uint32_t)__builtin_popcountll(mask);
            cache->group = lull__span_start(t->heap, span) + (size_t)at * cache->slot_size;
            if (cache->clean == LULL__CLEAN_NOT && waits_zero(span->cell)) {
                clear_group(cache, cache->group, mask);
            }
            set_states(states + at, mask, t->colour);
            lull__delay(t->heap, LULL__DELAY_TAKE_GROUP);
            cache->mask = mask;
            cache->taken += slots;
            t->unflushed_bytes += (size_t)slots * cache->slot_size;
            return true;
        }
    }
    return false;
}

/* Counts what was handed out of the span since the last time; `waiting` slots were not. */
static void count_taken(lull_thread *t, const struct lull__cell *cell, struct lull__cache *cache,
                        uint32_t waiting)
{
    uint32_t slots = cache->taken - waiting;

    if (slots != 0) {
        lull__emit(&t->heap->events, alloc_flush, t->number, cell->class_index, slots,
                   (uint64_t)slots * cell->slot_size);
    }
    cache->taken = waiting;
}

/* The span leaves the cache; what it was asked for is counted. */
static void leave_span(lull_thread *t, struct lull__cell *cell, struct lull__cache *cache,
                       bool free_slots_left)
{
    count_taken(t, cell, cache, 0);
    lull__central_give(t->heap, cell, cache->span, free_slots_left);
    memset(cache, 0, sizeof *cache);
}

static bool take_span(lull_thread *t, struct lull__cell *cell, struct lull__cache *cache)
{
    struct lull__span *span = lull__central_take(t, cell);

    if (span == NULL) {
        return false;
    }
    cache->span = span;
    cache->slot_size = cell->slot_size;
    cache->next_group = 0;
    return true;
}

/* Until there is a run: the next group, or the next span. A span from central has a free slot. */
static bool find_run(lull_thread *t, struct lull__cell *cell, struct lull__cache *cache)
{
    while (cache->mask == 0) {
        if (cache->span != NULL && take_group(t, cache)) {
            break;
        }
        if (cache->span != NULL) {
            leave_span(t, cell, cache, false);
        }
        if (!take_span(t, cell, cache)) {
            return false;
        }
    }
    begin_run(t, cache);
    return true;
}

void *lull__cache_refill(lull_thread *t, struct lull__cell *cell)
{
    struct lull__cache *cache = &t->caches[cell - t->heap->cells];

    if (cache->cursor == cache->run_end && !find_run(t, cell, cache)) {
        return NULL;
    }
    if (cache->cursor == cache->end) {
        open_window(t, cache);
    }
    if (t->unflushed_bytes >= FLUSH_BYTES) {
        lull__cache_flush_count(t);
    }
    void *object = cache->cursor;
    cache->cursor += cache->slot_size;
    return object;
}

/* ---- retiring ---- */

/* The slots of the present run not handed out, as bits of the group. */
static uint64_t run_mask(const struct lull__cache *cache)
{
    size_t first = (size_t)(cache->cursor - cache->group) / cache->slot_size;
    size_t length = (size_t)(cache->run_end - cache->cursor) / cache->slot_size;

    if (length == 0) {
        return 0;
    }
    return (length == GROUP ? ~UINT64_C(0) : (UINT64_C(1) << length) - 1) << first;
}

/* All slots coloured and not handed out, as bits of the group. */
static uint64_t waiting_mask(const struct lull__cache *cache)
{
    return cache->mask | (cache->group != NULL ? run_mask(cache) : 0);
}

static void retire(lull_thread *t, struct lull__cell *cell, struct lull__cache *cache)
{
    uint64_t waiting = waiting_mask(cache);
    uint32_t slots = (uint32_t)__builtin_popcountll(waiting);

    if (waiting != 0) {
        set_states(group_states(t->heap, cache), waiting, LULL__FREE);
    }
    t->unflushed_bytes -= (size_t)slots * cache->slot_size; /* may wrap; the sum does not */
    cache->taken -= slots;
    leave_span(t, cell, cache, waiting != 0 || cache->next_group < cache->span->slots);
}

void lull__cache_retire_all(lull_thread *t)
{
    /* acquire: pairs with the release in layout.c's add_cell */
    uint32_t cells = atomic_load_explicit(&t->heap->cell_count, memory_order_acquire);

    for (uint32_t i = LULL__NO_CELL + 1; i < cells; i++) {
        if (t->caches[i].span != NULL) {
            retire(t, &t->heap->cells[i], &t->caches[i]);
        }
    }
    t->fresh_bytes = 0; /* others may take what was given back */
    lull__cache_flush_count(t);
}

size_t lull__cache_keep_all(lull_thread *t, uint8_t colour)
{
    uint32_t cells = atomic_load_explicit(&t->heap->cell_count, memory_order_acquire);
    size_t bytes = 0;

    for (uint32_t i = LULL__NO_CELL + 1; i < cells; i++) {
        struct lull__cache *cache = &t->caches[i];
        if (cache->span != NULL && cache->group != NULL) {
            uint64_t waiting = cache->mask | run_mask(cache);
            uint32_t slots = (uint32_t)__builtin_popcountll(waiting);
            set_states(group_states(t->heap, cache), waiting, colour);
            /* what dies in this cycle was counted before */
            count_taken(t, &t->heap->cells[i], cache, slots);
            bytes += (size_t)slots * cache->slot_size;
        }
    }
    return bytes;
}

/* Begins the span again behind the group at hand: what was freed is handed out before other memory.
 * Only the slow paths look at what changes here, so the thread may be in an inline one. */
static void sweep_own(lull_thread *t, struct lull__cache *cache)
{
    if (lull__sweep_span(t->heap, cache->span).freed != 0) {
        cache->next_group = 0;
    }
}

void lull__cache_sweep_all(lull_thread *t)
{
    uint32_t cells = atomic_load_explicit(&t->heap->cell_count, memory_order_acquire);

    for (uint32_t i = LULL__NO_CELL + 1; i < cells; i++) {
        struct lull__cache *cache = &t->caches[i];
        if (cache->span == NULL) {
            continue;
        }
        /* what is freed was told of before, or statistics would have less than nothing in use; an
         * object that a signal found half handed out is told of the next time */
        count_taken(t, &t->heap->cells[i], cache,
                    (uint32_t)__builtin_popcountll(waiting_mask(cache)));
        if (cache->span->epoch != lull__sweep_epoch(t->heap)) {
            sweep_own(t, cache);
        }
    }
}
