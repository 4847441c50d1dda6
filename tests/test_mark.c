/* test_mark.c -- marking: kernels against the portable one, shapes that are deep or wide, markers
 * that run out of memory for their stacks. */
#include <pthread.h>
#include <string.h>

#include "heap.h"
#include "mark.h"
#include "mark_queue.h"
#include "random.h"
#include "scarce.h"
#include "support.h"

#define MANY (SUPPORT_SANITIZED ? 1000000 : 10000000)

static lull_heap *heap;
static lull_thread *t;

static void set_up(int markers)
{
    lull_options options = support_options();

    options.markers = markers;
    heap = support_heap(&options);
    t = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(t);
}

static void tear_down(void)
{
    scarce_maps = PLENTY;
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

static bool alive(const void *object)
{
    return lull_object_of(heap, (uintptr_t)object).base == object;
}

static size_t count_alive(void *const *object, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        n += alive(object[i]);
    }
    return n;
}

static uint64_t in_use(void)
{
    lull_stats stats = support_stats(heap);

    return stats.allocated_objects - stats.freed_objects;
}

/* ---- the filters ---- */

#define WORDS 600

/* Words of all kinds around a range: in it, at its edges, null, anywhere. */
static uintptr_t random_word(struct random *r, uintptr_t range, size_t extent)
{
    switch (random_below(r, 7)) {
    case 0: return 0;
    case 1: return range - 1 + random_below(r, 3);
    case 2: return range + extent - 1 + random_below(r, 3);
    case 3: return random_next(r);
    case 4: return (range + random_below(r, extent)) | (uintptr_t)1 << 63;
    default: return range + random_below(r, extent);
    }
}

static size_t filter_naively(const uintptr_t *word, size_t count, uintptr_t range, size_t extent,
                             uintptr_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (word[i] >= range && word[i] - range < extent) {
            out[n++] = word[i];
        }
    }
    return n;
}

static void try_filter(const struct lull__mark_kernel *kernel, struct random *r, size_t at,
                       size_t count)
{
    static uintptr_t word[WORDS + 64], out[WORDS + 64], expected[WORDS + 64];
    const uintptr_t canary = 0x1234567;
    uintptr_t range = random_next(r) >> (17 + random_below(r, 20)) << 12;
    size_t extent = (1 + random_below(r, 1 << 20)) << 15;
    size_t to = random_below(r, 9);

    for (size_t i = 0; i < WORDS; i++) {
        word[i] = random_word(r, range, extent);
        out[i] = canary;
    }
    size_t n = filter_naively(word + at, count, range, extent, expected);
    ck_assert_uint_eq(kernel->filter(word + at, count, range, extent, out + to), n);
    ensure(memcmp(out + to, expected, n * sizeof *out) == 0, "%s", kernel->name);
    for (size_t i = 0; i < WORDS; i++) {
        ensure((i >= to && i < to + count + LULL__KERNEL_SLACK) || out[i] == canary, "%s %zu",
               kernel->name, i);
    }
}

START_TEST(filters_keep_what_is_in_the_range_in_order)
{
    const struct lull__mark_kernel *kernel[] = {&lull__mark_portable, &lull__mark_tagged,
                                                &lull__mark_wide};
    struct random r = {7};

    for (size_t k = 0; k < sizeof kernel / sizeof *kernel; k++) {
        for (size_t i = 0; kernel[k]->available() && i < support_rounds(3000); i++) {
            try_filter(kernel[k], &r, random_below(&r, 20),
                       i < 100 ? i : random_below(&r, WORDS - 40));
        }
    }
}
END_TEST

#define FLICKERING 15 /* words; a filter takes some of them by eight, and some one by one */

static struct {
    uintptr_t word[FLICKERING];
    size_t flicks;
    bool over;
} flicker;

/* The program stores a pointer and NULL in turns. */
static void *run_flicker(void *range)
{
    while (!__atomic_load_n(&flicker.over, __ATOMIC_RELAXED)) {
        for (size_t i = 0; i < FLICKERING; i++) {
            uintptr_t word = flicker.word[i] == 0 ? (uintptr_t)range : 0;
            __atomic_store_n(&flicker.word[i], word, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&flicker.flicks, flicker.flicks + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void filter_flickering(const struct lull__mark_kernel *kernel, uintptr_t range)
{
    uintptr_t out[FLICKERING + LULL__KERNEL_SLACK];
    size_t n = kernel->filter(flicker.word, FLICKERING, range, 4096, out);

    for (size_t i = 0; i < n; i++) {
        ensure(out[i] == range, "%s: 0x%lx", kernel->name, (unsigned long)out[i]);
    }
}

/* What a filter tests is what it keeps, though the program stores to the word in between. */
START_TEST(filters_read_a_word_once)
{
    const struct lull__mark_kernel *kernel[] = {&lull__mark_portable, &lull__mark_wide};
    const uintptr_t range = (uintptr_t)1 << 32;
    size_t enough = support_rounds(300000);
    pthread_t pthread;

    ck_assert_int_eq(pthread_create(&pthread, NULL, run_flicker, (void *)range), 0);
    while (__atomic_load_n(&flicker.flicks, __ATOMIC_RELAXED) < enough) {
        for (size_t k = 0; k < sizeof kernel / sizeof *kernel; k++) {
            if (kernel[k]->available()) {
                filter_flickering(kernel[k], range);
            }
        }
    }
    __atomic_store_n(&flicker.over, true, __ATOMIC_RELAXED);
    pthread_join(pthread, NULL);
}
END_TEST

/* ---- deep and wide ---- */

struct cell {
    struct cell *next;
    uint64_t number;
};

START_TEST(a_long_list_is_marked)
{
    set_up(2);
    const lull_type *type = LULL_RECORD(heap, struct cell, next);
    LULL_FRAME(t, frame, 1);

    for (size_t i = 0; i < MANY; i++) {
        struct cell *cell = lull_alloc(t, type);
        ensure(cell != NULL, "%s",
               lull_error_message()); /* Check writes a note of each of its own */
        cell->number = i;
        lull_store(t, &cell->next, frame.root[0]);
        frame.root[0] = cell;
    }
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_eq(in_use(), MANY);
    size_t i = MANY;
    for (const struct cell *cell = frame.root[0]; cell != NULL; cell = cell->next) {
        ensure(cell->number == --i, "%zu", i);
    }
    ck_assert_uint_eq(i, 0);
    frame.root[0] = NULL;
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_eq(in_use(), 0);
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

/* An object of MANY / 2.5 pointers, one in `step` of which holds an object of its own; a quarter of
 * them again to a neighbour's, so that markers meet. */
static void fill_wide(void **wide, size_t words, size_t step, const lull_type *leaf)
{
    for (size_t i = 0; i < words; i += step) {
        void *object = lull_alloc(t, leaf);
        *(size_t *)object = i;
        lull_store(t, &wide[i], object);
        if (i % (4 * step) == 0 && i + step < words) {
            lull_store(t, &wide[i + step / 2], object);
        }
    }
}

enum { WIDE_ANY, WIDE_ARRAY, WIDE_RECORD, WIDE_KINDS };

static void **make_wide(size_t words, int kind, size_t step)
{
    if (kind == WIDE_ANY) {
        return lull_alloc_any(t, words * sizeof(void *));
    }
    /* pointers at the first and middle word of each element */
    size_t offset[2] = {0, step / 2 * sizeof(void *)};
    const lull_type *element =
        lull_type_record(heap, "element", step * sizeof(void *), offset, step > 1 ? 2 : 1);
    if (kind == WIDE_ARRAY) {
        return lull_alloc_array(t, element, words / step);
    }
    size_t *all = malloc(words * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < words; i++) {
        if (i % step == 0 || (i % step == step / 2 && step > 1)) {
            all[n++] = i * sizeof(void *);
        }
    }
    const lull_type *record = lull_type_record(heap, "wide", words * sizeof(void *), all, n);
    free(all);
    return lull_alloc(t, record);
}

START_TEST(wide_objects_are_marked)
{
    const size_t step = 10, words = MANY / 10 * 4 / step * step;

    for (int kind = 0; kind < WIDE_KINDS; kind++) {
        set_up(_i);
        LULL_FRAME(t, frame, 1);
        const lull_type *leaf = lull_type_leaf(heap, "leaf", sizeof(size_t));
        void **wide = make_wide(words, kind, step);
        frame.root[0] = wide;
        fill_wide(wide, words, step, leaf);
        wide[3] = kind == WIDE_ANY ? NULL : lull_alloc(t, leaf); /* a word that is no pointer */
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(in_use(), 1 + words / step);
        for (size_t i = 0; i < words; i += step) {
            ensure(alive(wide[i]) && *(size_t *)wide[i] == i, "word %zu", i);
        }
        frame.root[0] = NULL;
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(in_use(), 0);
        lull_frame_pop(t, &frame.head);
        tear_down();
    }
}
END_TEST

/* Objects that fill what is left of a chunk of the stack with their last pointer, more or less:
 * what lies below is not forgotten. */
START_TEST(chunks_may_be_filled_exactly)
{
    set_up(1);
    const lull_type *pair = LULL_RECORD(heap, struct cell, next);
    LULL_FRAME(t, frame, 1);

    for (size_t n = 300; n < LULL__CHUNK_WORDS * 2 + 100; n++) {
        struct cell **wide = lull_alloc_any(t, (n + 700) * sizeof *wide);
        frame.root[0] = wide;
        for (size_t i = 0; i < n; i++) {
            wide[i] = lull_alloc(t, pair);
            wide[i]->next = lull_alloc(t, pair);
        }
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(in_use(), 1 + 2 * n);
    }
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

/* ---- overflow of the mark stack ---- */

/* Words that fit in what a heap's queue has from its start. */
#define STACK_WORDS (64 * LULL__CHUNK_WORDS)

#define ROOTS 60000
static void *object[2 * ROOTS];
_Static_assert(ROOTS > STACK_WORDS, "more than the stack holds");

struct node {
    struct node *first;
    struct node *other[62];
    struct node *last;
};

static const lull_type *node_type(void)
{
    size_t offset[64];

    for (size_t i = 0; i < 64; i++) {
        offset[i] = i * sizeof(void *);
    }
    return lull_type_record(heap, "node", sizeof(struct node), offset, 64);
}

/* A list of nodes each of which holds many others before and after it comes to the next: a
 * depth-first walk has all the others on its stack at the end. */
static struct node *make_comb(size_t length, const lull_type *tooth, size_t *made)
{
    const lull_type *type = node_type();
    LULL_FRAME(t, frame, 1);

    *made = 0;
    for (size_t i = 0; i < length; i++) {
        struct node *node = lull_alloc(t, type);
        lull_store(t, &node->first, frame.root[0]);
        lull_store(t, &node->last, frame.root[0]);
        frame.root[0] = node;
        for (size_t k = 0; k < 62; k++) {
            lull_store(t, &node->other[k], lull_alloc(t, tooth));
        }
        *made += 63;
    }
    struct node *comb = frame.root[0];
    lull_frame_pop(t, &frame.head);
    return comb;
}

static void collect_without_memory(void)
{
    scarce_maps = 0;
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    scarce_maps = PLENTY;
}

/* A cycle with memory, after one without: nothing is left of the shortage. */
static void collect_again(uint64_t expected)
{
    ck_assert_uint_eq(in_use(), expected);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_eq(in_use(), expected);
}

START_TEST(overflow_by_objects)
{
    size_t made;

    set_up(_i);
    const lull_type *pair = LULL_RECORD(heap, struct cell, next);
    LULL_FRAME(t, frame, 1);
    struct node *comb = make_comb(1500, pair, &made);
    frame.root[0] = comb;
    /* behind one tooth of each node another object, behind some another comb: what is dropped has
     * children, and many of them */
    size_t i = 0, more;
    for (struct node *n = comb; n != NULL; n = n->first, i++) {
        void *behind = i % 100 == 0 ? (void *)make_comb(200, pair, &more) : lull_alloc_leaf(t, 16);
        lull_store(t, &((struct cell *)(void *)n->other[5])->next, behind);
        made += i % 100 == 0 ? more : 1;
    }
    ck_assert_ptr_nonnull(lull_alloc(t, pair)); /* garbage */
    collect_without_memory();
    collect_again(made);
    frame.root[0] = NULL;
    collect_without_memory();
    collect_again(0);
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

START_TEST(overflow_by_roots)
{
    set_up(_i);
    const lull_type *type = LULL_RECORD(heap, struct cell, next);

    for (size_t i = 0; i < ROOTS; i++) {
        struct cell *cell = lull_alloc(t, type);
        object[2 * i] = cell;
        ensure(lull_handle_new(t, cell) != NULL, "%s", lull_error_message());
        object[2 * i + 1] = lull_alloc_leaf(t, 16);
        lull_store(t, &cell->next, object[2 * i + 1]);
        ensure(lull_alloc(t, type) != NULL, "%s", lull_error_message()); /* garbage */
    }
    collect_without_memory();
    ck_assert_uint_eq(count_alive(object, 2 * ROOTS), 2 * ROOTS);
    collect_again(2 * ROOTS);
    tear_down();
}
END_TEST

/* Values whose keys are alive all along: they go on the stack by hand, from no object's field that
 * a walk over the heap would scan. */
START_TEST(overflow_by_values_of_ephemerons)
{
    set_up(_i);
    const lull_type *type = LULL_RECORD(heap, struct cell, next);
    LULL_FRAME(t, frame, 2);
    void **table = lull_alloc_any(t, ROOTS * sizeof(void *));

    frame.root[0] = table;
    frame.root[1] = lull_alloc(t, type); /* everybody's key */
    for (size_t i = 0; i < ROOTS; i++) {
        LULL_FRAME(t, inner, 1);
        struct cell *cell = lull_alloc(t, type);
        inner.root[0] = cell;
        object[2 * i] = cell;
        object[2 * i + 1] = lull_alloc_leaf(t, 16);
        lull_store(t, &cell->next, object[2 * i + 1]);
        lull_store(t, &table[i], lull_ephemeron_new(t, frame.root[1], cell));
        lull_frame_pop(t, &inner.head);
    }
    collect_without_memory();
    ck_assert_uint_eq(count_alive(object, 2 * ROOTS), 2 * ROOTS);
    collect_again(2 + 3 * ROOTS);
    frame.root[1] = NULL;
    collect_without_memory();
    collect_again(1 + ROOTS);
    for (size_t i = 0; i < ROOTS; i++) {
        ensure(lull_ephemeron_value(t, table[i]) == NULL, "%zu", i);
    }
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

/* The stack is too short for the teeth of the comb when these, one after the other the keys of
 * waiting ephemerons, come up: what waits for a key that is dropped must come all the same. */
START_TEST(overflow_by_keys)
{
    size_t made;

    set_up(_i);
    LULL_FRAME(t, frame, 3);
    const lull_type *pair = LULL_RECORD(heap, struct cell, next);
    struct node *comb = make_comb(900, pair, &made);
    void **table = lull_alloc_any(t, made * sizeof(void *));
    size_t n = 0;

    frame.root[0] = table;
    frame.root[1] = lull_alloc(t, pair); /* the comb hangs from this key alone */
    frame.root[2] = comb;
    for (struct node *node = comb; node != NULL; node = node->first) {
        for (size_t k = 0; k < 62; k++) {
            object[n] = lull_alloc_leaf(t, 16);
            lull_store(t, &table[n], lull_ephemeron_new(t, node->other[k], object[n]));
            n++;
        }
    }
    lull_store(t, &table[n], lull_ephemeron_new(t, frame.root[1], comb));
    frame.root[2] = NULL;
    collect_without_memory();
    ck_assert_uint_eq(count_alive(object, n), n);
    collect_again(2 + made + n + n + 1);
    frame.root[1] = NULL;
    collect_without_memory();
    collect_again(1 + n + 1);
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

static size_t finalized;

static void count_finalized(lull_thread *thread, void *dead, void *arg)
{
    ensure(thread == t && arg == &finalized && alive(dead), "%zu", finalized);
    ensure(alive(((struct cell *)dead)->next), "%zu", finalized);
    finalized++;
}

START_TEST(overflow_by_finalizers)
{
    set_up(_i);
    const lull_type *type = LULL_RECORD(heap, struct cell, next);
    LULL_FRAME(t, frame, 1);

    for (size_t i = 0; i < ROOTS; i++) {
        struct cell *cell = lull_alloc(t, type);
        frame.root[0] = cell;
        lull_store(t, &cell->next, lull_alloc_leaf(t, 16));
        ensure(lull_finalizer_set(t, cell, count_finalized, &finalized) == LULL_OK, "%s",
               lull_error_message());
    }
    frame.root[0] = NULL;
    collect_without_memory();
    collect_again(2 * ROOTS);
    ck_assert_uint_eq(lull_finalizers_run(t, 0), ROOTS);
    ck_assert_uint_eq(finalized, ROOTS);
    collect_without_memory();
    collect_again(0);
    lull_frame_pop(t, &frame.head);
    tear_down();
}
END_TEST

/* ---- work for those who assist ---- */

/* A marker that has lost its processor gives nothing: so some is always given beforehand. */
START_TEST(work_is_kept_published_for_those_who_assist)
{
    set_up(1);
    struct lull__mark_queue *queue = &heap->queue;
    struct lull__chunk *taken;
    unsigned published = 0;

    lull__queue_begin(queue, 1);
    while (lull__queue_hungry(queue)) {
        struct lull__chunk *chunk = lull__queue_take_empty(queue);
        chunk->count = 0;
        lull__queue_publish(queue, chunk);
        published++;
    }
    ck_assert_uint_eq(published,
                      support_mode() == LULL_MODE_STOP ? 0 : 2); /* a stop has no assists */
    for (; (taken = lull__queue_assist(queue)) != NULL; published--) {
        lull__queue_assist_end(queue);
        lull__queue_give_empty(queue, taken);
        ck_assert(lull__queue_hungry(queue));
    }
    ck_assert_uint_eq(published, 0);
    ck_assert_ptr_null(lull__queue_wait(queue, false));
    tear_down();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("mark");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, filters_keep_what_is_in_the_range_in_order);
    tcase_add_test(tests, filters_read_a_word_once);
    tcase_add_test(tests, a_long_list_is_marked);
    tcase_add_loop_test(tests, wide_objects_are_marked, 1, 4);
    tcase_add_test(tests, chunks_may_be_filled_exactly);
    tcase_add_loop_test(tests, overflow_by_objects, 1, 4);
    tcase_add_loop_test(tests, overflow_by_roots, 1, 4);
    tcase_add_loop_test(tests, overflow_by_values_of_ephemerons, 1, 4);
    tcase_add_loop_test(tests, overflow_by_keys, 1, 4);
    tcase_add_loop_test(tests, overflow_by_finalizers, 1, 4);
    tcase_add_test(tests, work_is_kept_published_for_those_who_assist);
    return support_run(suite_create("mark"), tests);
}
