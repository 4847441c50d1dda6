/* test_pages.c -- runs of blocks against a naive model: one byte a block says what it is.
 *
 * The program is linked with --wrap, so that what the library asks of the system passes by here:
 * it can be refused, and the tables can be looked at in the middle of it. */
#include <pthread.h>
#include <string.h>

#include "heap.h"
#include "pages.h"
#include "random.h"
#include "support.h"

#define RANGE_BLOCKS 2048 /* 64 MiB */
#define MAX_BLOCKS 1280   /* the hard limit: 40 MiB */
#define RUNS 256

enum { NEVER, USED, DIRTY, CLEAN, MIXED };

static uint8_t model[RANGE_BLOCKS + 1];
static struct lull__span *run[RUNS];
static size_t runs;

static bool refuse_release, refuse_commit;
static void (*during_release)(void);

bool __real_lull__os_release(void *start, size_t bytes);
bool __wrap_lull__os_release(void *start, size_t bytes);
bool __real_lull__os_commit(void *start, size_t bytes);
bool __wrap_lull__os_commit(void *start, size_t bytes);

bool __wrap_lull__os_release(void *start, size_t bytes)
{
    if (during_release != NULL) {
        during_release();
    }
    return !refuse_release && __real_lull__os_release(start, bytes);
}

bool __wrap_lull__os_commit(void *start, size_t bytes)
{
    return !refuse_commit && __real_lull__os_commit(start, bytes);
}

static lull_heap *make_heap(void)
{
    lull_options options = support_options();

    options.reserve = RANGE_BLOCKS * LULL__BLOCK;
    options.heap_max = MAX_BLOCKS * LULL__BLOCK;
    memset(model, NEVER, sizeof model);
    runs = 0;
    return support_heap(&options);
}

static size_t number_of(lull_heap *heap, const struct lull__span *span)
{
    return (size_t)(span - heap->pages.spans);
}

/* ---- the tables, walked ---- */

static bool in_its_bin(const struct lull__runs *all, const struct lull__span *wanted)
{
    size_t bin = wanted->blocks < LULL__RUN_BINS - 1 ? wanted->blocks : LULL__RUN_BINS - 1;

    for (const struct lull__span *r = all->bin[bin]; r != NULL; r = r->next) {
        if (r == wanted) {
            return true;
        }
    }
    return false;
}

static void check_bins(const struct lull__runs *all, size_t expected_blocks, size_t expected_runs)
{
    size_t blocks = 0, count = 0;

    for (unsigned bin = 0; bin < LULL__RUN_BINS; bin++) {
        ensure((all->nonempty >> bin & 1) == (all->bin[bin] != NULL), "bin %u", bin);
        for (const struct lull__span *r = all->bin[bin]; r != NULL; r = r->next) {
            blocks += r->blocks;
            count++;
        }
    }
    ck_assert_uint_eq(blocks, expected_blocks);
    ck_assert_uint_eq(all->blocks, expected_blocks);
    ck_assert_uint_eq(count, expected_runs);
}

/* A free run of `blocks` at b: as long as the model's, at both ends, and in its bin. */
static void check_free_run(lull_heap *heap, size_t b, size_t blocks, uint8_t kind)
{
    struct lull__pages *p = &heap->pages;
    uint8_t state = kind == CLEAN ? LULL__SPAN_FREE_CLEAN : LULL__SPAN_FREE_DIRTY;

    ensure(p->spans[b].blocks == blocks, "block %zu", b);
    ensure(p->spans[b].state == state && p->spans[b + blocks - 1].state == state, "block %zu", b);
    ensure(p->spans[b + blocks - 1].blocks == blocks, "block %zu", b);
    ensure(in_its_bin(kind == CLEAN ? &p->clean : &p->dirty, &p->spans[b]), "block %zu", b);
}

/* .eq.blocks, coalescing and every count, against the model. */
static void check_tables(lull_heap *heap)
{
    size_t blocks[4] = {0, 0, 0, 0}, free_runs[4] = {0, 0, 0, 0};
    struct lull__pages *p = &heap->pages;

    for (size_t b = 0; b < p->top; b += p->spans[b].blocks) {
        size_t length = 1;
        ensure(p->spans[b].blocks != 0, "block %zu", b);
        if (model[b] == USED) {
            length = p->spans[b].blocks;
        } else {
            while (b + length < p->top && model[b + length] == model[b]) {
                length++;
            }
            check_free_run(heap, b, length, model[b]);
        }
        blocks[model[b]] += length;
        free_runs[model[b]]++;
    }
    ck_assert_uint_eq(blocks[NEVER], 0);
    ck_assert_uint_eq(p->used_blocks, blocks[USED]);
    ck_assert_uint_eq(lull__pages_idle_bytes(heap), blocks[DIRTY] * LULL__BLOCK);
    check_bins(&p->dirty, blocks[DIRTY], free_runs[DIRTY]);
    check_bins(&p->clean, blocks[CLEAN], free_runs[CLEAN]);
}

/* ---- operations, each with what the model says of it ---- */

static size_t count_of(uint8_t kind)
{
    size_t n = 0;

    for (size_t b = 0; b < RANGE_BLOCKS; b++) {
        n += model[b] == kind;
    }
    return n;
}

/* The length of the shortest free run of a kind that holds `blocks`; 0: none. */
static size_t shortest_fit(uint8_t kind, size_t blocks)
{
    size_t best = 0, length = 0;

    for (size_t b = 0; b <= RANGE_BLOCKS; b++) {
        if (b < RANGE_BLOCKS && model[b] == kind) {
            length++;
            continue;
        }
        best = length >= blocks && (best == 0 || length < best) ? length : best;
        length = 0;
    }
    return best;
}

/* The length of the free run that holds block b. */
static size_t run_length_at(size_t b)
{
    size_t from = b, to = b;

    while (from > 0 && model[from - 1] == model[b]) {
        from--;
    }
    while (to < RANGE_BLOCKS && model[to] == model[b]) {
        to++;
    }
    return to - from;
}

/* Whether `blocks` free blocks in a row have a dirty one among them. */
static bool stretch_fits(size_t blocks)
{
    size_t length = 0, dirty = 0;

    for (size_t b = 0; b < RANGE_BLOCKS; b++) {
        bool is_free = model[b] == DIRTY || model[b] == CLEAN;
        length = is_free ? length + 1 : 0;
        dirty = is_free ? dirty + (model[b] == DIRTY) : 0;
        if (length >= blocks && dirty != 0) {
            return true;
        }
    }
    return false;
}

/* What a take of `blocks` should find, as the model has it: dirty, then clean and dirty, then
 * clean, then what was never used. */
static uint8_t expected_kind(size_t blocks)
{
    if (shortest_fit(DIRTY, blocks) != 0) {
        return DIRTY;
    }
    if (stretch_fits(blocks)) {
        return MIXED;
    }
    return shortest_fit(CLEAN, blocks) != 0 ? CLEAN : NEVER;
}

/* The blocks are free, of that kind; a stretch has some of both. */
static void check_taken(size_t b, size_t blocks, uint8_t kind)
{
    size_t dirty = 0;

    for (size_t i = b; i < b + blocks; i++) {
        ensure(kind == MIXED ? model[i] == DIRTY || model[i] == CLEAN : model[i] == kind,
               "block %zu", i);
        dirty += model[i] == DIRTY;
    }
    ensure(kind != MIXED || (dirty != 0 && dirty < blocks), "%zu are dirty of %zu", dirty, blocks);
}

static void check_zero(const char *start, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        ensure(*(const uint64_t *)(const void *)(start + i) == 0, "offset %zu", i);
    }
}

static void take(lull_heap *heap, struct random *r)
{
    size_t blocks = 1 + (random_below(r, 8) == 0 ? random_below(r, 200) : random_below(r, 6));
    size_t never = RANGE_BLOCKS - heap->pages.top;
    uint8_t kind = expected_kind(blocks);
    size_t fit = shortest_fit(kind, blocks); /* of one kind, as long as the run it is taken of */
    bool room = count_of(USED) + blocks <= MAX_BLOCKS && (kind != NEVER || never >= blocks);
    uint64_t grown = lull__count(&heap->events, grown_bytes);
    struct lull__span *span = runs < RUNS ? lull__pages_take(heap, blocks) : NULL;

    if (runs == RUNS) {
        return;
    }
    ck_assert_int_eq(span != NULL, room);
    if (span == NULL) {
        return;
    }
    size_t b = number_of(heap, span);
    check_taken(b, blocks, kind);
    ck_assert_uint_eq(span->blocks, blocks);
    ck_assert_uint_eq(span->clean, kind == CLEAN || kind == NEVER);
    if (kind == DIRTY || kind == CLEAN) {
        ck_assert_uint_eq(run_length_at(b), fit);
    }
    for (size_t i = b; i < b + blocks; i++) {
        grown += model[i] != DIRTY ? LULL__BLOCK : 0;
    }
    ck_assert_uint_eq(lull__count(&heap->events, grown_bytes), grown);
    memset(&model[b], USED, blocks);
    char *memory = heap->pages.range + b * LULL__BLOCK;
    if (span->clean) {
        check_zero(memory, blocks * LULL__BLOCK);
    }
    memset(memory + random_below(r, blocks) * LULL__BLOCK, 0xa5, LULL__BLOCK);
    run[runs++] = span;
}

static void give(lull_heap *heap, struct random *r)
{
    if (runs == 0) {
        return;
    }
    size_t i = random_below(r, runs);
    struct lull__span *span = run[i];
    size_t b = number_of(heap, span);
    bool clean = random_below(r, 4) == 0;

    if (clean) {
        memset(heap->pages.range + b * LULL__BLOCK, 0, span->blocks * LULL__BLOCK);
    }
    memset(&model[b], clean ? CLEAN : DIRTY, span->blocks);
    lull__pages_give(heap, span, clean);
    run[i] = run[--runs];
}

static void release(lull_heap *heap, struct random *r)
{
    size_t max = random_below(r, 2) ? SIZE_MAX : 1 + random_below(r, 40);
    size_t longest = 0;

    for (size_t b = 0; b < RANGE_BLOCKS; b++) {
        size_t length = model[b] == DIRTY ? run_length_at(b) : 0;
        longest = length > longest ? length : longest;
    }
    size_t blocks = lull__pages_release(heap, max) / LULL__BLOCK;
    ck_assert_uint_le(blocks, max);
    ck_assert_int_eq(blocks != 0, longest != 0);
    for (size_t b = 0, found = 0; b < heap->pages.top && found < blocks;
         b += heap->pages.spans[b].blocks) {
        for (size_t i = b; i < b + heap->pages.spans[b].blocks; i++) {
            if (model[i] == DIRTY && heap->pages.spans[b].state == LULL__SPAN_FREE_CLEAN) {
                model[i] = CLEAN;
                check_zero(heap->pages.range + i * LULL__BLOCK, LULL__BLOCK);
                found++;
            }
        }
    }
    check_tables(heap); /* also finds that another number changed */
}

static void random_steps(uint64_t seed, size_t steps)
{
    struct random r = {seed};
    lull_heap *heap = make_heap();
    uint64_t taking = 5;

    for (size_t i = 0; i < steps; i++) {
        if (i % 100 == 0) {
            taking = 2 + random_below(&r, 6); /* sometimes fuller, sometimes emptier */
        }
        uint64_t what = random_below(&r, 10);
        if (what < taking) {
            take(heap, &r);
        } else if (what < 9) {
            give(heap, &r);
        } else {
            release(heap, &r);
        }
        check_tables(heap);
    }
    lull_heap_destroy(heap);
}

START_TEST(runs_are_as_the_model_says)
{
    for (uint64_t seed = 1; seed <= support_rounds(3); seed++) {
        random_steps(seed, 1000);
    }
}
END_TEST

/* ---- single cases ---- */

START_TEST(idle_memory_goes_back_before_more_than_the_limit_is_resident)
{
    lull_heap *heap = make_heap();
    struct lull__span *gone = lull__pages_take(heap, 8);
    ck_assert_ptr_nonnull(lull__pages_take(heap, 1)); /* between it and the rest */

    lull__pages_give(heap, gone, false);
    heap->pages.resident_blocks = 20;
    ck_assert_ptr_nonnull(lull__pages_take(heap, 11)); /* 12 and 8: nobody is disturbed */
    ck_assert_uint_eq(lull__pages_idle_bytes(heap), 8 * LULL__BLOCK);
    ck_assert_ptr_nonnull(lull__pages_take(heap, 9)); /* 21 and 8; what fits is taken as it is */
    ck_assert_uint_eq(lull__pages_idle_bytes(heap), 0);
    ck_assert_uint_eq(lull__count(&heap->events, released_bytes), 8 * LULL__BLOCK);
    heap->pages.resident_blocks = 24;
    struct lull__span *again = lull__pages_take(heap, 7);
    ck_assert_ptr_eq(again, gone);
    lull__pages_give(heap, again, false);
    ck_assert_ptr_nonnull(lull__pages_take(heap, 9)); /* 30 and 7 */
    ck_assert_uint_eq(lull__pages_idle_bytes(heap), 0);
    lull_heap_destroy(heap);
}
END_TEST

/* Three of four are released, and yet the four are taken, not new ones. */
START_TEST(what_the_scavenger_cut_up_is_taken_together)
{
    lull_heap *heap = make_heap();
    struct lull__span *gone = lull__pages_take(heap, 4);
    ck_assert_ptr_nonnull(lull__pages_take(heap, 1));

    lull__pages_give(heap, gone, false);
    ck_assert_uint_eq(lull__pages_release(heap, 3), 3 * LULL__BLOCK);
    struct lull__span *again = lull__pages_take(heap, 4);
    ck_assert_ptr_eq(again, gone);
    ck_assert_uint_eq(again->clean, 0);
    ck_assert_uint_eq(lull__pages_idle_bytes(heap), 0);
    ck_assert_uint_eq(lull__count(&heap->events, grown_bytes), 8 * LULL__BLOCK);
    lull_heap_destroy(heap);
}
END_TEST

START_TEST(the_hard_limit_is_exact)
{
    lull_heap *heap = make_heap();

    ck_assert_ptr_null(lull__pages_take(heap, MAX_BLOCKS + 1));
    ck_assert_ptr_null(lull__pages_take(heap, SIZE_MAX));
    struct lull__span *most = lull__pages_take(heap, MAX_BLOCKS - 1);
    ck_assert_ptr_nonnull(most);
    ck_assert_ptr_null(lull__pages_take(heap, 2));
    struct lull__span *last = lull__pages_take(heap, 1);
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_null(lull__pages_take(heap, 1));
    lull__pages_give(heap, most, false);
    ck_assert_ptr_null(lull__pages_take(heap, MAX_BLOCKS));
    ck_assert_ptr_nonnull(lull__pages_take(heap, MAX_BLOCKS - 1));
    lull_heap_destroy(heap);
}
END_TEST

START_TEST(a_refused_release_changes_nothing)
{
    lull_heap *heap = make_heap();
    struct lull__span *span = lull__pages_take(heap, 10);
    char *memory = heap->pages.range + number_of(heap, span) * LULL__BLOCK;

    memset(memory, 0x77, 10 * LULL__BLOCK);
    lull__pages_give(heap, span, false);
    refuse_release = true;
    ck_assert_uint_eq(lull__pages_release(heap, 4), 0);
    memset(model, DIRTY, 10);
    check_tables(heap);
    refuse_release = false;
    ck_assert_uint_eq(lull__pages_release(heap, SIZE_MAX), 10 * LULL__BLOCK);
    memset(model, CLEAN, 10);
    check_tables(heap);
    check_zero(memory, 10 * LULL__BLOCK);
    lull_heap_destroy(heap);
}
END_TEST

START_TEST(a_refused_commit_is_no_memory)
{
    lull_heap *heap = make_heap();

    refuse_commit = true;
    ck_assert_ptr_null(lull__pages_take(heap, 3));
    ck_assert_uint_eq(heap->pages.used_blocks, 0);
    ck_assert_uint_eq(heap->pages.top, 0);
    refuse_commit = false;
    ck_assert_ptr_nonnull(lull__pages_take(heap, 3));
    memset(model, USED, 3);
    check_tables(heap);
    lull_heap_destroy(heap);
}
END_TEST

static lull_heap *walked;

/* A collector may walk the blocks at any moment of another thread's release. */
static void walk(void)
{
    struct lull__pages *p = &walked->pages;
    size_t b = 0;

    while (b < p->top) {
        ensure(p->spans[b].blocks != 0, "block %zu", b);
        b += p->spans[b].blocks;
    }
    ck_assert_uint_eq(b, p->top);
}

START_TEST(blocks_can_be_walked_while_some_are_released)
{
    walked = make_heap();
    struct lull__span *a = lull__pages_take(walked, 20);
    struct lull__span *b = lull__pages_take(walked, 30);
    ck_assert_ptr_nonnull(lull__pages_take(walked, 5));

    lull__pages_give(walked, b, false);
    lull__pages_give(walked, a, false);
    during_release = walk;
    ck_assert_uint_eq(lull__pages_release(walked, 7), 7 * LULL__BLOCK);
    ck_assert_uint_eq(lull__pages_release(walked, 40), 40 * LULL__BLOCK);
    ck_assert_uint_eq(lull__pages_release(walked, SIZE_MAX), 3 * LULL__BLOCK);
    ck_assert_uint_eq(lull__pages_release(walked, SIZE_MAX), 0);
    during_release = NULL;
    lull_heap_destroy(walked);
}
END_TEST

/* ---- several threads ---- */

#define HELD 40

/* Each block that a thread has says whose it is. */
static void *take_and_give(void *arg)
{
    lull_heap *heap = walked;
    uint64_t id = *(uint64_t *)arg;
    struct random r = {id};
    struct lull__span *held[HELD] = {NULL};

    for (size_t i = 0; i < 2000; i++) {
        struct lull__span **place = &held[random_below(&r, HELD)];
        if (*place != NULL) {
            char *memory = heap->pages.range + number_of(heap, *place) * LULL__BLOCK;
            for (size_t b = 0; b < (*place)->blocks; b++) {
                ensure(*(uint64_t *)(void *)(memory + b * LULL__BLOCK) == id, "%zu", i);
            }
            lull__pages_give(heap, *place, false);
            *place = NULL;
        } else if ((*place = lull__pages_take(heap, 1 + random_below(&r, 10))) != NULL) {
            char *memory = heap->pages.range + number_of(heap, *place) * LULL__BLOCK;
            for (size_t b = 0; b < (*place)->blocks; b++) {
                uint64_t *word = (uint64_t *)(void *)(memory + b * LULL__BLOCK);
                ensure(!(*place)->clean || *word == 0, "%zu", i);
                *word = id;
            }
        }
        if (i % 16 == 0) {
            lull__pages_release(heap, 1 + random_below(&r, 8));
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        if (held[i] != NULL) {
            lull__pages_give(heap, held[i], false);
        }
    }
    return NULL;
}

START_TEST(threads_never_share_a_block)
{
    uint64_t id[4] = {11, 12, 13, 14};
    pthread_t thread[4];

    walked = make_heap();
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, take_and_give, &id[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    while (lull__pages_release(walked, SIZE_MAX) != 0) {
    }
    memset(model, CLEAN, walked->pages.top);
    check_tables(walked);
    lull_heap_destroy(walked);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pages");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, runs_are_as_the_model_says);
    tcase_add_test(tests, the_hard_limit_is_exact);
    tcase_add_test(tests, idle_memory_goes_back_before_more_than_the_limit_is_resident);
    tcase_add_test(tests, what_the_scavenger_cut_up_is_taken_together);
    tcase_add_test(tests, a_refused_release_changes_nothing);
    tcase_add_test(tests, a_refused_commit_is_no_memory);
    tcase_add_test(tests, blocks_can_be_walked_while_some_are_released);
    tcase_add_test(tests, threads_never_share_a_block);
    return support_run(suite_create("pages"), tests);
}
