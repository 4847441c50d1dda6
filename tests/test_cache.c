/* test_cache.c -- a thread's allocation caches: no slot twice, memory zero, counts as they should
 * be.
 *
 * The model is a list of what was allocated and is held, with a copy of what was written to it;
 * spans get fragmented by letting any part of it go before a cycle. */
#include "cache.h"
#include "heap.h"
#include "random.h"
#include "span.h"

#include "fixture.h"

#define HELD 30000

struct held {
    unsigned char *object;
    size_t bytes; /* all that may be used */
    uint64_t mark;
};

static struct held held[HELD];
static size_t count;
static uint8_t *taken; /* by granule of the range: whether something held lies there */
static size_t granules;

static void start_model(void)
{
    count = 0;
    granules = heap->pages.range_blocks * LULL__BLOCK / LULL__GRANULE;
    taken = calloc(granules, 1);
    ck_assert_ptr_nonnull(taken);
}

/* Whatever is taken lies apart from all that is held. */
static void take_place(const struct held *h, uint8_t value)
{
    size_t first = (size_t)((char *)h->object - heap->pages.range) / LULL__GRANULE;

    for (size_t i = first; i < first + (h->bytes + LULL__GRANULE - 1) / LULL__GRANULE; i++) {
        ensure(i < granules && taken[i] != value, "granule %zu", i);
        taken[i] = value;
    }
}

static void paint(const struct held *h)
{
    for (size_t i = 0; i < h->bytes; i++) {
        h->object[i] = (unsigned char)(h->mark >> i % 8 * 8);
    }
}

static void check_paint(const struct held *h)
{
    for (size_t i = 0; i < h->bytes; i += h->bytes < 100 ? 1 : 97) {
        ensure(h->object[i] == (unsigned char)(h->mark >> i % 8 * 8), "byte %zu of %zu", i,
               h->bytes);
    }
}

static void *allocate(size_t bytes, const lull_type *const *type, struct random *r)
{
    switch (random_below(r, 4)) {
    case 0: return lull_alloc_any(t, bytes);
    case 1: return lull_alloc_inline(t, type[0]);
    case 2: return lull_alloc(t, type[1]);
    default: return lull_alloc_leaf(t, bytes);
    }
}

static void hold_one(size_t bytes, const lull_type *const *type, struct random *r)
{
    struct held *h = &held[count];

    h->object = allocate(bytes, type, r);
    ck_assert_msg(h->object != NULL, "%s", lull_error_message());
    h->bytes = lull_object_of(heap, (uintptr_t)h->object).size;
    h->mark = random_next(r);
    for (size_t i = 0; i < h->bytes; i++) {
        ensure(h->object[i] == 0, "byte %zu of %zu", i, h->bytes);
    }
    take_place(h, 1);
    paint(h);
    ((void **)root[0])[count++] = h->object;
}

/* Lets go of some of what is held; the rest keeps its place in the table. */
static void let_go(struct random *r, uint64_t of_eight)
{
    void **table = root[0];
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        check_paint(&held[i]);
        if (random_below(r, 8) < of_eight) {
            take_place(&held[i], 0);
        } else {
            held[kept] = held[i];
            table[kept++] = held[i].object;
        }
    }
    memset(table + kept, 0, (count - kept) * sizeof *table);
    count = kept;
}

/* After a cycle the heap has what is held, and nothing else. */
static void check_counts(void)
{
    lull_stats stats = support_stats(heap);
    size_t bytes = lull_object_of(heap, (uintptr_t)root[0]).size;
    uint64_t in_classes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += held[i].bytes;
        ensure(alive(held[i].object), "%zu", i);
    }
    ck_assert_uint_eq(stats.allocated_objects - stats.freed_objects, count + 1);
    ck_assert_uint_eq(stats.allocated_bytes - stats.freed_bytes, bytes);
    ck_assert_uint_eq(stats.live_objects, count + 1);
    ck_assert_uint_eq(stats.live_bytes, bytes);
    ck_assert_uint_eq(heap->live_bytes, bytes);
    ck_assert_uint_eq(heap->allocated_since, 0);
    ck_assert_uint_eq(t->unflushed_bytes, 0);
    for (size_t i = 0; i < stats.class_count; i++) {
        in_classes += stats.by_class[i].allocated_objects - stats.by_class[i].freed_objects;
    }
    ck_assert_uint_eq(in_classes, count + 1);
}

static size_t random_size(struct random *r)
{
    switch (random_below(r, 40)) {
    case 0: return LULL__SMALL_MAX + 1 + random_below(r, 100000);
    case 1: return 1 + random_below(r, LULL__SMALL_MAX);
    case 2:
    case 3:
    case 4: return 1 + random_below(r, 1500);
    default: return 1 + random_below(r, 100);
    }
}

static void random_rounds(uint64_t seed, unsigned debug, size_t most)
{
    lull_options options = support_options();
    struct random r = {seed};
    const size_t at[] = {8};

    options.debug = debug;
    set_up_with(options);
    start_model();
    const lull_type *type[2] = {lull_type_leaf(heap, "leaf", 24),
                                lull_type_record(heap, "record", 40, at, 1)};
    root[0] = lull_alloc_any(t, HELD * sizeof(void *));
    for (int round = 0; round < 12; round++) {
        size_t n = random_below(&r, most);
        size_t one_size = random_below(&r, 2) ? random_size(&r) : 0;
        one_size = one_size > 1000 ? 0 : one_size;
        for (size_t i = 0; i < n && count < HELD; i++) {
            hold_one(one_size != 0 ? one_size : random_size(&r), type, &r);
        }
        let_go(&r, random_below(&r, 9));
        collect();
        check_counts();
    }
    free(taken);
    tear_down();
}

START_TEST(no_slot_twice_and_all_of_it_zero)
{
    for (uint64_t seed = 1; seed <= support_rounds(SUPPORT_SANITIZED ? 2 : 8); seed++) {
        random_rounds(seed, 0, 5000);
        random_rounds(seed, LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY, 3000);
    }
}
END_TEST

START_TEST(under_stress_too)
{
    random_rounds(77, LULL_DEBUG_STRESS | LULL_DEBUG_SCRIBBLE, 150);
}
END_TEST

/* ---- what retiring gives back ---- */

static size_t coloured(const struct lull__span *span)
{
    const uint8_t *states = lull__span_states(heap, span);
    size_t n = 0;

    for (uint32_t i = 0; i < span->slots; i++) {
        n += states[i] != LULL__FREE;
    }
    return n;
}

/* Slots in waiting are coloured, belong to this cache, and go back exactly: for every number of
 * objects taken of a span, and every hole left by a cycle. */
START_TEST(retiring_gives_back_what_was_not_handed_out)
{
    for (unsigned c = 0; c < LULL__CLASSES; c += 5) {
        size_t bytes = lull__classes[c].slot_size;
        size_t slots = lull__classes[c].slots;
        for (size_t n = 1; n <= slots; n += 1 + n / 3) {
            set_up();
            const lull_type *type = lull_type_leaf(heap, "slot", bytes);
            struct lull__cache *cache = &t->caches[heap->leaf_layout->cells[c]];
            char *first = lull_alloc(t, type), *object = first;
            struct lull__span *span = cache->span;
            for (size_t i = 1; i < n; i++) {
                char *next = lull_alloc(t, type);
                ensure(next == object + bytes, "%zu of %zu", i, n);
                object = next;
            }
            ck_assert_uint_ge(coloured(span), n);
            lull__cache_retire_all(t);
            ck_assert_uint_eq(coloured(span), n);
            ck_assert_ptr_null(cache->span);
            ck_assert_ptr_null(cache->cursor);
            ck_assert_uint_eq(heap->allocated_since, n * bytes);
            ck_assert_uint_eq(in_use(), n);
            ck_assert_uint_eq(heap->cells[heap->leaf_layout->cells[c]].spans, 1);
            /* it goes on where it stopped, or takes another span where this one is full */
            char *next = lull_alloc(t, type);
            ensure((next == object + bytes) == (n < slots), "%zu of %zu", n, slots);
            ensure(next != first, "%zu of %zu", n, slots);
            tear_down();
        }
    }
}
END_TEST

/* Each hole of a span is used before another span is. */
START_TEST(holes_are_filled)
{
    struct random r = {4};
    size_t bytes = 64, slots = lull__classes[lull__class_of(bytes)].slots;

    for (size_t round = 0; round < support_rounds(200); round++) {
        set_up();
        void **table = root[0] = lull_alloc_any(t, slots * sizeof *table);
        uint64_t keep = 1 + random_below(&r, 1000);
        size_t holes = slots;
        for (size_t i = 0; i < slots; i++) {
            void *object = lull_alloc_leaf(t, bytes);
            table[i] = random_below(&r, 1000) < keep ? object : NULL;
            holes -= table[i] != NULL;
        }
        collect();
        char *last = NULL;
        for (size_t i = 0; i < holes && holes < slots; i++) {
            char *object = lull_alloc_leaf(t, bytes);
            ensure(object > last, "%zu", i); /* in the order of their addresses */
            ensure(*(uint64_t *)(void *)object == 0, "%zu", i);
            *(uint64_t *)(void *)object = 1;
            last = object;
        }
        const struct lull__cell *cell =
            &heap->cells[heap->leaf_layout->cells[lull__class_of(bytes)]];
        ck_assert_uint_eq(cell->spans, holes == 0); /* in the cache, or never wanted */
        tear_down();
    }
}
END_TEST

/* ---- pages fresh from the system ---- */

static uint64_t faults(void)
{
    return support_stats(heap).pause_kind[LULL_PAUSE_FAULT].count;
}

static size_t resident_pages(void)
{
    return lull__os_resident(heap->pages.range, heap->pages.top * LULL__BLOCK) / LULL__OS_PAGE;
}

static bool in_order(const char *object, const char *last, size_t bytes)
{
    return last == NULL || object == last + bytes;
}

/* What objects of one class cover, allocated one after the other, is touched page by page, each
 * page told of, and no other; the program that writes to them meets no fault of its own. */
START_TEST(each_fresh_page_is_touched_and_told_of_once)
{
    for (unsigned c = 0; c < LULL__CLASSES; c += 3) {
        size_t bytes = lull__classes[c].slot_size, pages = 0;
        char *object[600], *seen = NULL;
        set_up();
        const lull_type *type = lull_type_leaf(heap, "slot", bytes);
        for (size_t i = 0; i < 600; i++) {
            object[i] = lull_alloc(t, type);
            char *last = object[i] + bytes - 1;
            for (char *page = object[i]; page <= last; page += LULL__OS_PAGE) {
                pages += page - seen >= (ptrdiff_t)LULL__OS_PAGE || seen == NULL;
                seen = (char *)((uintptr_t)page & ~(LULL__OS_PAGE - 1));
            }
            pages += last - seen >= (ptrdiff_t)LULL__OS_PAGE;
            seen = (char *)((uintptr_t)last & ~(LULL__OS_PAGE - 1));
            ensure(faults() == pages, "%zu of %zu bytes: %zu", i, bytes, pages);
        }
        size_t resident = resident_pages();
        ck_assert_uint_ge(resident, pages); /* more where the system has huge pages */
        for (size_t i = 0; i < 600; i++) {
            memset(object[i], 1, bytes);
        }
        ck_assert_uint_eq(resident_pages(), resident);
        tear_down();
    }
}
END_TEST

/* Memory that was used is cleared, not taken for fresh; and what a cache gives back untouched is
 * fresh still. */
START_TEST(what_was_touched_is_not_fresh_and_what_was_not_is)
{
    const size_t bytes = 32, slots = LULL__BLOCK / bytes;

    set_up();
    const lull_type *type = lull_type_leaf(heap, "slot", bytes);
    char *last = NULL;
    for (size_t i = 0; i < slots; i++) {
        char *object = lull_alloc(t, type);
        ck_assert(in_order(object, last, bytes));
        ensure(*(uint64_t *)(void *)object == 0, "%zu", i);
        memset(object, 1, bytes);
        last = object;
        if (i % 100 == 0) {
            lull__cache_retire_all(t);
        }
    }
    /* where a cache was given back in the middle of a group, the rest of it counts as touched */
    uint64_t told = faults();
    ck_assert_uint_ge(told, 4);
    ck_assert_uint_le(told, LULL__BLOCK / LULL__OS_PAGE);
    collect();
    for (size_t i = 0; i < slots; i++) {
        ensure(*(uint64_t *)lull_alloc(t, type) == 0, "%zu", i);
    }
    ck_assert_uint_eq(faults(), told);
    tear_down();
}
END_TEST

/* Two threads of one heap never get one slot. */
#define EACH 20000
static void *of_thread[2][EACH];

static void *allocate_many(void *arg)
{
    void **object = arg;
    lull_thread *mine = lull_attach(heap, LULL_STACK_PRECISE);

    ck_assert(mine != NULL);
    for (size_t i = 0; i < EACH; i++) {
        object[i] = lull_alloc_leaf(mine, 16 + i % 64);
        *(void **)object[i] = object;
        lull_safepoint(mine);
    }
    ck_assert(lull_detach(mine) == LULL_OK);
    return NULL;
}

START_TEST(threads_have_slots_of_their_own)
{
    pthread_t thread[2];

    set_up();
    ck_assert_int_eq(lull_roots_add(heap, of_thread, sizeof of_thread), LULL_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, allocate_many, of_thread[i]), 0);
    }
    lull_blocking_begin(t);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
    }
    lull_blocking_end(t);
    collect();
    ck_assert_uint_eq(in_use(), 2 * EACH);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < EACH; i++) {
            ensure(alive(of_thread[k][i]), "%zu", i);
            ensure(*(void **)of_thread[k][i] == of_thread[k], "%zu", i);
        }
    }
    tear_down();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("caches");

    setenv("LULL_TEST_MODE", "stop", 1); /* beside a cycle threads keep their caches */
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, no_slot_twice_and_all_of_it_zero);
    tcase_add_test(tests, under_stress_too);
    tcase_add_test(tests, retiring_gives_back_what_was_not_handed_out);
    tcase_add_test(tests, holes_are_filled);
    tcase_add_test(tests, each_fresh_page_is_touched_and_told_of_once);
    tcase_add_test(tests, what_was_touched_is_not_fresh_and_what_was_not_is);
    tcase_add_test(tests, threads_have_slots_of_their_own);
    return support_run(suite_create("cache"), tests);
}
