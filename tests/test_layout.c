/* test_layout.c -- types and layouts: what is refused, what is shared, and that exactly the words
 * that a layout names keep their objects. */
#include <stdio.h>

#include "heap.h"
#include "random.h"

#include "fixture.h"

#define WORD sizeof(void *)
#define WORDS 40000

/* ---- what is refused, and told ---- */

START_TEST(sizes_are_checked)
{
    const size_t at[] = {0};
    const size_t most = (size_t)UINT32_MAX / 16 * WORD;
    const size_t bad[] = {0, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};

    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_null(lull_type_leaf(heap, "x", bad[i]));
        ck_assert_int_eq(lull_error(), LULL_E_SIZE);
        ck_assert_ptr_null(lull_type_conservative(heap, "x", bad[i]));
        ck_assert_int_eq(lull_error(), LULL_E_SIZE);
        ck_assert_ptr_null(lull_type_record(heap, "x", bad[i], at, 0));
        ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    }
    ck_assert_ptr_nonnull(lull_type_leaf(heap, "x", PTRDIFF_MAX));
    ck_assert_ptr_null(lull_type_record(heap, "x", most + WORD, at, 1));
    ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    ck_assert_ptr_nonnull(lull_type_record(heap, "x", most, at, 1));
}
END_TEST

START_TEST(offsets_are_checked)
{
    static const struct {
        size_t size, offset;
        bool good;
    } row[] = {
        {8, 0, true},      {8, 8, false},    {8, 4, false},         {7, 0, false},
        {1, 0, false},     {15, 0, true},    {15, 8, false},        {16, 8, true},
        {16, 1, false},    {17, 8, true},    {17, 16, false},       {512, 504, true},
        {512, 512, false}, {520, 512, true}, {16, SIZE_MAX, false}, {16, SIZE_MAX - 7, false}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const size_t offset[2] = {row[i].size >= WORD ? 0 : row[i].offset, row[i].offset};
        const lull_type *type = lull_type_record(heap, "x", row[i].size, offset, 2);
        ensure((type != NULL) == row[i].good, "row %zu", i);
        ensure(type != NULL || lull_error() == LULL_E_INVALID, "row %zu", i);
    }
    ck_assert_ptr_null(lull_type_custom(heap, "x", 16, NULL, NULL));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
}
END_TEST

START_TEST(a_type_knows_its_name_and_size)
{
    char name[] = "point";
    const lull_type *type = lull_type_leaf(heap, name, 24);

    name[0] = 'j';
    ck_assert_str_eq(lull_type_name(type), "point");
    ck_assert_uint_eq(lull_type_size(type), 24);
    ck_assert_str_eq(lull_type_name(lull_type_leaf(heap, NULL, 1)), "");
    struct pair {
        struct pair *a;
        long b;
        struct pair *c;
    };
    type = LULL_RECORD(heap, struct pair, a, c);
    ck_assert_str_eq(lull_type_name(type), "struct pair");
    ck_assert_uint_eq(lull_type_size(type), sizeof(struct pair));
    ck_assert_uint_eq(type->layout->bits[0], 5);
}
END_TEST

/* ---- what is shared ---- */

static void trace_a(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer, (void)object, (void)size, (void)arg;
}

static void trace_b(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)size, (void)arg;
    lull_trace(tracer, object);
}

static const lull_type *record(size_t size, size_t a, size_t b)
{
    const size_t offset[2] = {a, b};

    return lull_type_record(heap, "record", size, offset, 2);
}

START_TEST(equal_layouts_are_one)
{
    const lull_type *type = record(24, 0, 16);
    const size_t one[] = {16};

    ck_assert_ptr_eq(record(24, 16, 0)->layout, type->layout);
    ck_assert_ptr_eq(record(96, 0, 16)->layout, type->layout); /* a mask has no size */
    ck_assert_ptr_eq(lull_type_record(heap, "one", 24, one, 1)->layout, record(24, 16, 16)->layout);
    ck_assert_ptr_ne(record(24, 0, 8)->layout, type->layout);
    ck_assert_ptr_ne(record(24, 16, 16)->layout, type->layout);
    ck_assert_ptr_eq(record(24, 16, 0)->array_layout, type->array_layout);
    ck_assert_ptr_ne(record(32, 0, 16)->array_layout, type->array_layout);
    ck_assert_ptr_eq(record(28, 0, 16)->array_layout, heap->conservative_layout);
    ck_assert_ptr_eq(record(800, 0, 700 / 8 * 8)->layout, record(800, 0, 700 / 8 * 8)->layout);
    ck_assert_ptr_ne(record(800, 0, 696)->layout, record(808, 0, 696)->layout);
    ck_assert_ptr_ne(record(800, 0, 696)->layout, record(800, 0, 704)->layout);
    ck_assert_ptr_eq(lull_type_record(heap, "none", 24, NULL, 0)->layout, heap->leaf_layout);
    ck_assert_ptr_eq(lull_type_leaf(heap, "leaf", 800)->array_layout, heap->leaf_layout);
    ck_assert_ptr_eq(lull_type_conservative(heap, "any", 8)->layout, heap->conservative_layout);
    type = lull_type_custom(heap, "a", 16, trace_a, NULL);
    ck_assert_ptr_eq(lull_type_custom(heap, "b", 32, trace_a, NULL)->layout, type->layout);
    ck_assert_ptr_ne(lull_type_custom(heap, "c", 16, trace_b, NULL)->layout, type->layout);
    ck_assert_ptr_ne(lull_type_custom(heap, "d", 16, trace_a, &root)->layout, type->layout);
}
END_TEST

START_TEST(an_object_has_the_type_of_its_layout)
{
    const lull_type *type = record(48, 0, 40);
    char *object = lull_alloc(t, type);
    lull_object_info info = lull_object_of(heap, (uintptr_t)object + 47);

    ck_assert_ptr_eq(info.base, object);
    ck_assert_uint_eq(info.size, 48);
    ck_assert_ptr_eq(info.type, type);
    ck_assert_ptr_null(lull_object_of(heap, (uintptr_t)lull_alloc_leaf(t, 48)).type);
    const lull_type *other = record(56, 0, 40);
    ck_assert_ptr_null(lull_object_of(heap, (uintptr_t)object).type); /* shared from here on */
    ck_assert_ptr_nonnull(other);
    type = record(100000, 0, 99992);
    object = lull_alloc(t, type);
    ck_assert_ptr_eq(lull_object_of(heap, (uintptr_t)object + 99999).type, type);
    ck_assert_ptr_eq(lull_object_of(heap, (uintptr_t)object + 99999).base, object);
    type = lull_type_custom(heap, "custom", 40000, trace_a, &type);
    object = lull_alloc(t, type);
    ck_assert_ptr_eq(lull_object_of(heap, (uintptr_t)object).type, type);
    ck_assert_ptr_null(lull_object_of(heap, (uintptr_t)lull_alloc_leaf(t, 48000)).type);
}
END_TEST

/* ---- exactly the words that it names ---- */

static uintptr_t target[WORDS];

/* Every word of `object` gets an object of its own, and after a cycle those remain that `pointers`
 * names, of `period` words that repeat. Nothing else is in the heap but `others`. */
static void check_words(void *object, size_t words, const bool *pointers, size_t period)
{
    uintptr_t *word = object;
    size_t expected = 1;

    root[0] = object;
    for (size_t i = 0; i < words; i++) {
        uint64_t *leaf = lull_alloc_leaf(t, 16);
        *leaf = i;
        word[i] = target[i] = (uintptr_t)leaf + i % 16; /* some inside */
        expected += pointers[i % period];
    }
    collect();
    for (size_t i = 0; i < words; i++) {
        lull_object_info info = lull_object_of(heap, target[i]);
        ensure((info.base != NULL) == pointers[i % period], "word %zu of %zu, %zu", i, words,
               period);
        ensure(info.base == NULL || *(uint64_t *)info.base == i, "word %zu of %zu", i, words);
    }
    ck_assert_uint_eq(in_use(), expected);
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 0);
}

static const bool all = true, none = false;

static void trace_odd(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    void *const *word = object;

    (void)arg;
    for (size_t i = 1; i < size / WORD; i += 2) {
        lull_trace(tracer, word[i]);
    }
}

/* Reports ranges, their ends not aligned to words, which count if whole. */
static void trace_middle(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const char *start = object;

    (void)arg;
    lull_trace_range(tracer, start + 1, start + size - 1);
}

static const size_t sizes[] = {16,   24,    40,    64,    512,   520,    1000,
                               4096, 32760, 32768, 32776, 65536, 131080, 200000};

START_TEST(plain_layouts)
{
    static bool middle[WORDS];
    static const bool odd[2] = {false, true};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t words = sizes[i] / WORD;
        check_words(lull_alloc_leaf(t, sizes[i]), words, &none, 1);
        check_words(lull_alloc_any(t, sizes[i]), words, &all, 1);
        const lull_type *type = lull_type_custom(heap, "odd", sizes[i], trace_odd, NULL);
        check_words(lull_alloc(t, type), words, odd, 2);
        type = lull_type_custom(heap, "middle", sizes[i], trace_middle, NULL);
        size_t slot = lull_object_of(heap, (uintptr_t)lull_alloc(t, type)).size / WORD;
        memset(middle, 1, words);
        middle[0] = false;
        middle[words - 1] = slot != words;
        check_words(lull_alloc(t, type), words, middle, words);
    }
}
END_TEST

/* A random record of `words`: some pointers, few or many, or the first ones. */
static const lull_type *random_record(struct random *r, size_t words, bool *pointers)
{
    static size_t offset[WORDS];
    uint64_t share = 1 + random_below(r, 8), first = random_below(r, 12);
    bool run = random_below(r, 3) == 0;
    size_t n = 0;

    for (size_t i = 0; i < words; i++) {
        pointers[i] = run ? i <= first : random_below(r, 8) < share;
        if (pointers[i]) {
            offset[n++] = i * WORD;
        }
    }
    for (size_t i = n; i > 1; i--) { /* in any order */
        size_t k = random_below(r, i), other = offset[k];
        offset[k] = offset[i - 1];
        offset[i - 1] = other;
    }
    const lull_type *type = lull_type_record(heap, "random", words * WORD, offset, n);
    ck_assert_msg(type != NULL, "%s", lull_error_message());
    return type;
}

static size_t random_words(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0: return 62 + random_below(r, 5); /* around the mask */
    case 1: return 65 + random_below(r, 1000);
    case 2: return 4090 + random_below(r, 10); /* around the largest slot */
    default: return 1 + random_below(r, 64);
    }
}

START_TEST(records_and_arrays_of_them)
{
    static bool pointers[WORDS];

    for (uint64_t seed = 1; seed <= support_rounds(SUPPORT_SANITIZED ? 40 : 150); seed++) {
        struct random r = {seed};
        size_t words = random_words(&r);
        const lull_type *type = random_record(&r, words, pointers);
        check_words(lull_alloc(t, type), words, pointers, words);
        check_words(lull_alloc_inline(t, type), words, pointers, words);
        size_t count = 1 + random_below(&r, random_below(&r, 2) ? 10 : WORDS / words);
        count = count * words > WORDS ? WORDS / words : count;
        check_words(lull_alloc_array(t, type, count), count * words, pointers, words);
    }
}
END_TEST

/* Elements that are no whole words: nothing is known of the array but its size. */
START_TEST(arrays_of_odd_sizes)
{
    const size_t at[] = {8};
    const lull_type *type = lull_type_record(heap, "odd", 20, at, 1);
    static const bool second[] = {false, true};

    check_words(lull_alloc(t, type), 2, second, 2);
    check_words(lull_alloc_array(t, type, 1000), 20 * 1000 / WORD, &all, 1);
}
END_TEST

START_TEST(counts_of_arrays_are_checked)
{
    const lull_type *type = lull_type_leaf(heap, "leaf", 24);
    const size_t bad[] = {0, SIZE_MAX, SIZE_MAX / 24 + 1, (size_t)PTRDIFF_MAX / 24 + 1};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_ptr_null(lull_alloc_array(t, type, bad[i]));
        ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    }
    ck_assert_ptr_null(lull_alloc_leaf(t, 0));
    ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    ck_assert_ptr_null(lull_alloc_any(t, SIZE_MAX));
    ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    ck_assert_ptr_null(lull_alloc_any(t, PTRDIFF_MAX)); /* allowed, but not to be had */
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_ptr_null(lull_alloc_array(t, type, (size_t)PTRDIFF_MAX / 24));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 1));
}
END_TEST

START_TEST(good_size_is_what_an_allocation_takes)
{
    ck_assert_uint_eq(lull_good_size(0), 0);
    ck_assert_uint_eq(lull_good_size(SIZE_MAX), 0);
    for (size_t bytes = 1; bytes < 100000; bytes += 1 + bytes / 50) {
        uintptr_t leaf = (uintptr_t)lull_alloc_leaf(t, bytes);
        uintptr_t any = (uintptr_t)lull_alloc_any(t, bytes);
        ck_assert_uint_eq(leaf % 16 + any % 16, 0);
        ck_assert_uint_eq(lull_object_of(heap, leaf).size, lull_good_size(bytes));
        ck_assert_uint_eq(lull_object_of(heap, any).size, lull_good_size(bytes));
        ck_assert_uint_ge(lull_good_size(bytes), bytes);
    }
}
END_TEST

/* ---- beyond the budget of cells ---- */

/* Spends it on records that differ in their upper words. */
static void spend_cells(void)
{
    for (size_t i = 0; heap->cell_count < LULL__CELLS; i++) {
        size_t offset[20], n = 0;
        for (size_t bit = 0; bit < 16; bit++) {
            if ((i + 1) >> bit & 1) {
                offset[n++] = (40 + bit) * WORD;
            }
        }
        ck_assert(lull_type_record(heap, "spent", 64 * WORD, offset, n) != NULL);
        ck_assert_uint_lt(i, 2 * LULL__CELLS);
    }
}

static void check_generic(const lull_type *type, size_t words, const bool *pointers, size_t period)
{
    char *object = lull_alloc_inline(t, type);
    lull_object_info info = lull_object_of(heap, (uintptr_t)object + words * WORD - 1);

    ck_assert_ptr_eq(info.base, object);
    ck_assert_uint_ge(info.size, words * WORD);
    ck_assert(info.type == type || info.type == NULL);
    ck_assert_uint_eq(lull_object_of(heap, (uintptr_t)object + info.size - 1).size, info.size);
    for (size_t i = 0; i < info.size; i++) {
        ensure(object[i] == 0, "byte %zu", i);
    }
    check_words(object, words, pointers, period);
}

START_TEST(layouts_beyond_the_budget_are_as_exact)
{
    static bool pointers[WORDS];
    static const bool odd[2] = {false, true};
    lull_options options = support_options();

    tear_down();
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    spend_cells();
    for (uint64_t seed = 1; seed <= support_rounds(SUPPORT_SANITIZED ? 50 : 100); seed++) {
        struct random r = {seed};
        size_t words = random_words(&r);
        const lull_type *type = random_record(&r, words, pointers);
        check_generic(type, words, pointers, words);
        size_t count = 1 + random_below(&r, WORDS / words < 50 ? WORDS / words : 50);
        check_words(lull_alloc_array(t, type, count), count * words, pointers, words);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_generic(lull_type_custom(heap, "odd", sizes[i], trace_odd, &target[i]),
                      sizes[i] / WORD, odd, 2);
    }
    ck_assert_uint_eq(heap->cell_count, LULL__CELLS);
    check_words(lull_alloc_leaf(t, 1000), 125, &none, 1);
    check_words(lull_alloc_any(t, 1000), 125, &all, 1);
    root[0] = lull_weak_new(t, root[1] = lull_ephemeron_new(t, root, NULL)); /* root is no object */
    ck_assert_ptr_null(root[0]);
}
END_TEST

/* Thousands of types at once, each object alive by its own fields. */
START_TEST(thousands_of_types)
{
    enum { TYPES = 3000 };
    static void *object[TYPES];
    void **table = root[1] = lull_alloc_any(t, TYPES * sizeof *table);

    for (size_t i = 0; i < TYPES; i++) {
        size_t offset[12], n = 0, size = (12 + i % 7) * WORD;
        for (size_t bit = 0; bit < 12; bit++) {
            if ((i + 1) >> bit & 1) {
                offset[n++] = bit * WORD;
            }
        }
        char name[20];
        snprintf(name, sizeof name, "type %zu", i);
        const lull_type *type = lull_type_record(heap, name, size, offset, n);
        void **o = table[i] = lull_alloc(t, type);
        for (size_t bit = 0; bit < 12; bit++) {
            o[bit] = object[i] = lull_alloc_leaf(t, 16); /* the last is object[i] */
        }
        object[i] = o[offset[0] / WORD];
    }
    collect();
    size_t expected = 1 + TYPES;
    for (size_t i = 0; i < TYPES; i++) {
        ensure(alive(table[i]) && alive(object[i]), "type %zu", i);
        const lull_type *type = lull_object_of(heap, (uintptr_t)table[i]).type;
        ensure(type == NULL || (size_t)atoi(lull_type_name(type) + 5) == i, "type %zu", i);
        expected += (size_t)__builtin_popcountll(i + 1);
    }
    ck_assert_uint_eq(in_use(), expected);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("layouts");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, sizes_are_checked);
    tcase_add_test(tests, offsets_are_checked);
    tcase_add_test(tests, a_type_knows_its_name_and_size);
    tcase_add_test(tests, equal_layouts_are_one);
    tcase_add_test(tests, an_object_has_the_type_of_its_layout);
    tcase_add_test(tests, plain_layouts);
    tcase_add_test(tests, records_and_arrays_of_them);
    tcase_add_test(tests, arrays_of_odd_sizes);
    tcase_add_test(tests, counts_of_arrays_are_checked);
    tcase_add_test(tests, good_size_is_what_an_allocation_takes);
    tcase_add_test(tests, layouts_beyond_the_budget_are_as_exact);
    tcase_add_test(tests, thousands_of_types);
    return support_run(suite_create("layout"), tests);
}
