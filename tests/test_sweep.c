/* test_sweep.c -- sweeping against a naive loop; the way of spans through the lists of their
 * cell. */
#include "central.h"
#include "heap.h"
#include "random.h"
#include "span.h"
#include "sweep.h"

#include "fixture.h"

#define BACKGROUND 0x3c

/* The naive sweep: what should be left, and how many. */
static struct lull__sweep_result sweep_naively(uint8_t *states, size_t n, uint8_t live)
{
    struct lull__sweep_result result = {0, 0};

    for (size_t i = 0; i < n; i++) {
        if (states[i] == LULL__FREE) {
            continue;
        }
        result.live += states[i] == live;
        result.freed += states[i] != live;
        states[i] = states[i] == live ? live : LULL__FREE;
    }
    return result;
}

/* All the same, or any mixture. */
static void fill(uint8_t *states, size_t n, struct random *r)
{
    uint64_t weight[3] = {random_below(r, 4), random_below(r, 4), random_below(r, 4)};
    uint64_t sum = weight[0] + weight[1] + weight[2];

    for (size_t i = 0; i < n; i++) {
        uint64_t pick = sum != 0 ? random_below(r, sum) : 0;
        states[i] = sum == 0                       ? LULL__COLOUR_A
                    : pick < weight[0]             ? LULL__FREE
                    : pick < weight[0] + weight[1] ? LULL__COLOUR_A
                                                   : LULL__COLOUR_B;
    }
}

/* Every byte of the span is as it was, but for dead objects under scribble. */
static void check_memory(const struct lull__span *span, const uint8_t *before, uint8_t dead)
{
    const uint8_t *memory = (uint8_t *)lull__span_start(heap, span);
    bool scribble = (heap->options.debug & LULL_DEBUG_SCRIBBLE) != 0;

    for (size_t i = 0; i < span->blocks * LULL__BLOCK; i++) {
        size_t slot = i / span->cell->slot_size;
        bool is_dead = slot < span->slots && before[slot] == dead;
        ensure(memory[i] == (scribble && is_dead ? LULL__SCRIBBLE_BYTE : BACKGROUND), "%zu", i);
    }
}

static void try_sweep(struct lull__span *span, struct random *r)
{
    static uint8_t before[4096], expected[4096];
    uint8_t *states = lull__span_states(heap, span);
    size_t n = span->slots, all = (n + 63) / 64 * 64;
    lull_stats stats = support_stats(heap);

    heap->colour = random_below(r, 2) ? LULL__COLOUR_A : LULL__COLOUR_B;
    memset(lull__span_start(heap, span), BACKGROUND, span->blocks * LULL__BLOCK);
    fill(states, n, r);
    memcpy(before, states, n);
    memcpy(expected, states, n);
    struct lull__sweep_result naive = sweep_naively(expected, n, heap->colour);
    struct lull__sweep_result result = lull__sweep_span(heap, span);
    ck_assert_uint_eq(result.live, naive.live);
    ck_assert_uint_eq(result.freed, naive.freed);
    ck_assert_uint_eq(span->live, naive.live);
    for (size_t i = 0; i < all; i++) {
        ensure(states[i] == (i < n ? expected[i] : LULL__FREE), "slot %zu", i);
    }
    check_memory(span, before, lull__other_colour(heap->colour));
    lull_stats after = support_stats(heap);
    ck_assert_uint_eq(after.freed_objects - stats.freed_objects, naive.freed);
    ck_assert_uint_eq(after.freed_bytes - stats.freed_bytes, naive.freed * span->cell->slot_size);
    unsigned c = span->cell->class_index;
    ck_assert_uint_eq(after.by_class[c].freed_objects - stats.by_class[c].freed_objects,
                      naive.freed);
}

/* _i: whether dead objects are scribbled over. */
START_TEST(sweeping_is_as_a_naive_loop)
{
    lull_options options = support_options();
    struct random r = {3};

    options.debug = _i ? LULL_DEBUG_SCRIBBLE : 0;
    set_up_with(options);
    for (unsigned c = 0; c < LULL__CLASSES; c++) {
        struct lull__cell *cell = &heap->cells[heap->leaf_layout->cells[c]];
        struct lull__span *span = lull__span_new(heap, cell);
        for (size_t i = 0; i < support_rounds(20); i++) {
            try_sweep(span, &r);
        }
        lull__span_free(heap, span);
    }
    heap->colour = t->colour;
    tear_down();
}
END_TEST

START_TEST(sweeping_large_objects)
{
    lull_options options = support_options();

    options.debug = _i ? LULL_DEBUG_SCRIBBLE : 0;
    set_up_with(options);
    struct lull__span *span = lull__span_new_large(heap, heap->leaf_layout, 100000, heap->colour);
    char *memory = lull__span_start(heap, span);
    memset(memory, BACKGROUND, 100000);
    struct lull__sweep_result result = lull__sweep_span(heap, span);
    ck_assert_uint_eq(result.live, 1);
    ck_assert_uint_eq(result.freed, 0);
    ck_assert_int_eq(memory[99999], BACKGROUND);
    span->large_state = lull__other_colour(heap->colour);
    result = lull__sweep_span(heap, span);
    ck_assert_uint_eq(result.live, 0);
    ck_assert_uint_eq(result.freed, 1);
    ck_assert_uint_eq((uint8_t)memory[99999], _i ? LULL__SCRIBBLE_BYTE : BACKGROUND);
    ck_assert_uint_eq(support_stats(heap).freed_bytes, span->bytes);
    lull__span_free(heap, span);
    tear_down();
}
END_TEST

/* ---- after cycles ---- */

static size_t spans_in(const struct lull__span_list *list)
{
    size_t n = 0;

    for (const struct lull__span *s = list->head; s != NULL; s = s->next) {
        n++;
    }
    return n;
}

/* After a cycle on request all is swept, and each span stands where it belongs. */
static void check_lists(void)
{
    size_t blocks = 0;

    ck_assert_uint_eq(heap->unswept, 0);
    for (uint32_t i = LULL__NO_CELL + 1; i <= heap->cell_count; i++) {
        struct lull__cell *cell = i < heap->cell_count ? &heap->cells[i] : &heap->large;
        pthread_mutex_lock(&cell->lock); /* the worker may still be looking for more */
        ck_assert_ptr_null(cell->todo.head);
        ck_assert_uint_eq(spans_in(&cell->avail) + spans_in(&cell->full), cell->spans);
        for (const struct lull__span *s = cell->avail.head; s != NULL; s = s->next) {
            ensure(s->live < s->slots && s->live > 0, "%u of %u", s->live, s->slots);
            blocks += s->blocks;
        }
        for (const struct lull__span *s = cell->full.head; s != NULL; s = s->next) {
            ensure(s->live == s->slots, "%u of %u", s->live, s->slots);
            blocks += s->blocks;
        }
        pthread_mutex_unlock(&cell->lock);
    }
    ck_assert_uint_eq(blocks, heap->pages.used_blocks);
}

START_TEST(spans_stand_where_they_belong)
{
    struct random r = {9};

    set_up();
    void **table = lull_alloc_any(t, 20000 * sizeof *table);
    root[0] = table;
    for (size_t round = 0; round < support_rounds(20); round++) {
        uint64_t keep = random_below(&r, 4);
        for (size_t i = 0; i < 20000; i++) {
            if (random_below(&r, 4) >= keep) {
                size_t bytes = random_below(&r, 500) == 0 ? 40000 : 1 + random_below(&r, 300);
                table[i] = lull_alloc_leaf(t, bytes);
            }
        }
        collect();
        check_lists();
    }
    root[0] = NULL;
    collect();
    check_lists();
    ck_assert_uint_eq(heap->pages.used_blocks, 0);
    tear_down();
}
END_TEST

/* The worker, woken by each cycle, may be on its last round of one when the next joins the lists:
 * a span lost or counted twice is waited for without end. */
START_TEST(cycles_may_follow_on_each_others_heels)
{
    set_up();
    void **table = lull_alloc_any(t, 400 * sizeof *table);
    root[0] = table;
    for (size_t i = 0; i < 400; i++) {
        table[i] = lull_alloc_leaf(t, 32000);
    }
    for (size_t i = 0; i < support_rounds(300); i++) {
        if (i % 10 == 0) {
            for (size_t k = 0; k < 400; k++) {
                table[k] = lull_alloc_leaf(t, 32000);
            }
        }
        collect();
        check_lists();
        ck_assert_uint_eq(in_use(), 401);
    }
    tear_down();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sweeping");

    setenv("LULL_TEST_MODE", "stop", 1); /* beside a cycle threads keep spans that are in no list */
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, sweeping_is_as_a_naive_loop, 0, 2);
    tcase_add_loop_test(tests, sweeping_large_objects, 0, 2);
    tcase_add_test(tests, spans_stand_where_they_belong);
    tcase_add_test(tests, cycles_may_follow_on_each_others_heels);
    return support_run(suite_create("sweep"), tests);
}
