/* test_store.c -- lull_exchange, lull_compare_exchange and lull_move by one thread, against plain
 * C, in every mode. */
#include "concurrent.h"

#define WORDS 4200

static lull_thread *t;
static uintptr_t oracle[WORDS]; /* what the words of the object are */

struct setting {
    lull_mode mode;
    bool tagged;
};

static const struct setting settings[] = {
    {LULL_MODE_STOP, false},       {LULL_MODE_STOP, true},
    {LULL_MODE_OFF, false},        {LULL_MODE_OFF, true},
    {LULL_MODE_CONCURRENT, false}, {LULL_MODE_CONCURRENT, true},
    {LULL_MODE_INCREMENTAL, false}, {LULL_MODE_INCREMENTAL, true},
};
#define SETTINGS (int)(sizeof settings / sizeof *settings)

static lull_options options_of(const struct setting *setting)
{
    lull_options options = concurrent_options(64 << 10);

    options.mode = setting->mode;
    if (setting->tagged) {
        options.tag_mask = 7;
        options.tag_value = 5;
        options.pointer_mask = ~(uintptr_t)7;
    }
    return options;
}

/* The object whose words stand beside the oracle's; world.table[0] holds it. */
static void **begin_words(const struct setting *setting)
{
    lull_options options = options_of(setting);

    begin_world(&options);
    memset(oracle, 0, sizeof oracle);
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(t);
    void **words = lull_alloc_any(t, WORDS * sizeof *words);
    ck_assert_ptr_nonnull(words);
    lull_store(t, &world.table[0], tagged((struct node *)(void *)words));
    return words;
}

static void end_words(void)
{
    lull_store(t, &world.table[0], NULL);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}

static struct node *new_node(void)
{
    struct node *node = lull_alloc(t, world.node);

    ensure(node != NULL, "%s", lull_error_message());
    node->check = CHECK ^ (uintptr_t)node;
    return node;
}

/* A word for a field: nothing, a new object, one that the object holds already, or no pointer. No
 * safepoint comes before it is stored. */
static void *any_word(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0: return NULL;
    case 1: return tagged(new_node());
    case 2: return (void *)oracle[random_below(r, WORDS)];
    default: return (void *)(random_below(r, 100) * 8 + 2); /* never 5 in its last bits */
    }
}

static bool is_node(uintptr_t word)
{
    return word >= 4096;
}

static void check_words(void *const *words)
{
    for (size_t i = 0; i < WORDS; i++) {
        uintptr_t word = (uintptr_t)words[i];
        ensure(word == oracle[i], "word %zu is 0x%lx, not 0x%lx", i, (unsigned long)word,
               (unsigned long)oracle[i]);
        if (is_node(word)) {
            check_node(plain((struct node *)word), 1, "word");
        }
    }
}

static void fill_some(struct random *r, void **words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)random_below(r, WORDS);
        void *word = any_word(r);
        lull_store(t, &words[at], word);
        oracle[at] = (uintptr_t)word;
    }
}

START_TEST(an_exchange_is_that_of_plain_c)
{
    struct random r = {(uint64_t)_i + 1};
    void **words = begin_words(&settings[_i]);

    for (size_t i = 0; i < support_rounds(20000); i++) {
        size_t at = (size_t)random_below(&r, WORDS);
        void *word = any_word(&r);
        void *held = lull_exchange(t, &words[at], word);
        ensure((uintptr_t)held == oracle[at], "%p came out of word %zu, not 0x%lx", held, at,
               (unsigned long)oracle[at]);
        if (is_node(oracle[at])) {
            check_node(plain(held), 1, "out of an exchange");
        }
        oracle[at] = (uintptr_t)word;
        if (i % 1000 == 0) {
            check_words(words);
        }
    }
    check_words(words);
    end_words();
}
END_TEST

START_TEST(a_compare_exchange_is_that_of_plain_c)
{
    struct random r = {(uint64_t)_i + 1};
    void **words = begin_words(&settings[_i]);
    size_t done = 0, failed = 0;

    for (size_t i = 0; i < support_rounds(20000); i++) {
        size_t at = (size_t)random_below(&r, WORDS);
        void *word = any_word(&r);
        bool right = random_below(&r, 2) != 0;
        void *expected = (void *)(right ? oracle[at] : oracle[random_below(&r, WORDS)]);
        bool equal = (uintptr_t)expected == oracle[at];
        bool stored = lull_compare_exchange(t, &words[at], &expected, word) != 0;
        ensure(stored == equal, "word %zu, call %zu", at, i);
        ensure((uintptr_t)expected == oracle[at], "%p is said to be in word %zu, not 0x%lx",
               expected, at, (unsigned long)oracle[at]);
        oracle[at] = stored ? (uintptr_t)word : oracle[at];
        done += stored;
        failed += !stored;
        if (i % 1000 == 0) {
            check_words(words);
        }
    }
    ck_assert_uint_ne(done, 0);
    ck_assert_uint_ne(failed, 0);
    check_words(words);
    end_words();
}
END_TEST

static size_t any_count(struct random *r)
{
    static const size_t edges[] = {0, 1, 2, 511, 512, 513, 1023, 1024, 1025};

    return random_below(r, 2) != 0 ? edges[random_below(r, sizeof edges / sizeof *edges)]
                                   : 511 + (size_t)random_below(r, 515);
}

/* Most of them overlap, by all but a few words or by one. */
START_TEST(a_move_is_that_of_plain_c)
{
    struct random r = {(uint64_t)_i + 1};
    void **words = begin_words(&settings[_i]);

    fill_some(&r, words, WORDS);
    for (size_t i = 0; i < support_rounds(SUPPORT_SANITIZED ? 300 : 1500); i++) {
        size_t count = any_count(&r);
        size_t from = 1100 + (size_t)random_below(&r, 1000);
        size_t by = random_below(&r, 2) != 0 ? (size_t)random_below(&r, 4)
                                             : (size_t)random_below(&r, count + 2);
        size_t to = random_below(&r, 2) != 0 ? from + by : from - by;
        lull_move(t, &words[to], &words[from], count);
        memmove(&oracle[to], &oracle[from], count * sizeof *oracle);
        check_words(words);
        fill_some(&r, words, 40);
    }
    end_words();
}
END_TEST

/* From one object to another, which nothing else reaches. */
START_TEST(a_move_between_objects_takes_what_they_hold_along)
{
    struct random r = {(uint64_t)_i + 1};
    void **words = begin_words(&settings[_i]);

    for (size_t i = 0; i < support_rounds(SUPPORT_SANITIZED ? 50 : 200); i++) {
        fill_some(&r, words, 500);
        void **others = lull_alloc_any(t, WORDS * sizeof *others);
        ensure(others != NULL, "%s", lull_error_message());
        lull_store(t, &world.table[1], tagged((struct node *)(void *)others));
        lull_move(t, others, words, WORDS);
        lull_store(t, &world.table[0], tagged((struct node *)(void *)others));
        words = others;
        check_words(words);
    }
    lull_store(t, &world.table[1], NULL);
    end_words();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, an_exchange_is_that_of_plain_c, 0, SETTINGS);
    tcase_add_loop_test(tests, a_compare_exchange_is_that_of_plain_c, 0, SETTINGS);
    tcase_add_loop_test(tests, a_move_is_that_of_plain_c, 0, SETTINGS);
    tcase_add_loop_test(tests, a_move_between_objects_takes_what_they_hold_along, 0, SETTINGS);
    return support_run(suite_create("store"), tests);
}
