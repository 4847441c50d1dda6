/* test_weak.c -- weak references and ephemerons: the promises of lull/weak.h. Finalizers have a
 * suite of their own. */
#include "fixture.h"
#include "random.h"

/* ---- weak references ---- */

START_TEST(a_weak_reference_does_not_keep_its_target)
{
    struct thing *thing = make(1);

    root[0] = thing;
    root[1] = lull_weak_new(t, thing);
    collect();
    ck_assert_ptr_eq(lull_weak_get(t, root[1]), thing);
    ck_assert_uint_eq(thing->number, 1);
    root[0] = NULL;
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
    ck_assert_uint_eq(in_use(), 1);
    root[1] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

START_TEST(what_weak_get_returns_is_strong)
{
    root[1] = lull_weak_new(t, make(2));
    root[0] = lull_weak_get(t, root[1]);
    collect();
    ck_assert_ptr_eq(lull_weak_get(t, root[1]), root[0]);
    ck_assert(alive(root[0]));
}
END_TEST

/* Small and large objects, at their first, some and their last word. */
START_TEST(a_weak_reference_to_the_inside_stays_inside)
{
    static const size_t size[] = {16, 48, 1000, 32768, 32769, 1000000};

    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        char *object = lull_alloc_leaf(t, size[i]);
        root[0] = object;
        for (unsigned k = 0; k < 3; k++) {
            size_t offset = k * (size[i] - 1) / 2;
            root[1 + k] = lull_weak_new(t, object + offset);
        }
        collect();
        for (unsigned k = 0; k < 3; k++) {
            ck_assert_ptr_eq(lull_weak_get(t, root[1 + k]), object + k * (size[i] - 1) / 2);
        }
        root[0] = NULL;
        collect();
        for (unsigned k = 0; k < 3; k++) {
            ck_assert_ptr_null(lull_weak_get(t, root[1 + k]));
        }
    }
}
END_TEST

START_TEST(a_new_object_in_the_slot_is_another)
{
    void *old = make(3);

    heap->options.mode = LULL_MODE_STOP; /* else a thread keeps the span it allocates from */
    root[1] = lull_weak_new(t, old);
    collect();
    for (unsigned i = 0; i < 100000 && root[0] != old; i++) {
        root[0] = make(4);
    }
    ck_assert_ptr_eq(root[0], old);
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
}
END_TEST

START_TEST(weak_references_to_no_object_are_refused)
{
    struct thing *dead = make(5);
    int local = 0;
    void *none[] = {NULL,
                    &local,
                    (void *)1,
                    (void *)UINTPTR_MAX,
                    heap->pages.range - 1,
                    heap->pages.range + heap->pages.range_blocks * LULL__BLOCK,
                    dead};

    collect();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        ck_assert_ptr_null(lull_weak_new(t, none[i]));
        ck_assert_int_eq(lull_error(), LULL_E_INVALID);
        ck_assert_ptr_null(lull_ephemeron_new(t, none[i], NULL));
        ck_assert_int_eq(lull_error(), LULL_E_INVALID);
        ck_assert_int_eq(lull_finalizer_set(t, none[i], NULL, NULL), LULL_E_INVALID);
    }
    ck_assert_ptr_null(t->frames);
}
END_TEST

START_TEST(weak_references_to_weak_references)
{
    root[0] = make(6);
    root[1] = lull_weak_new(t, root[0]);
    root[2] = lull_weak_new(t, root[1]);
    root[1] = NULL;
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[2]));
    ck_assert_uint_eq(in_use(), 2);
}
END_TEST

/* ---- ephemerons ---- */

START_TEST(an_ephemeron_keeps_its_value_while_its_key_lives)
{
    struct thing *key = make(1), *value = make(2);

    root[0] = key;
    root[1] = lull_ephemeron_new(t, key, value);
    collect();
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[1]), key);
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[1]), value);
    ck_assert_uint_eq(value->number, 2);
    root[0] = NULL;
    collect();
    ck_assert_ptr_null(lull_ephemeron_key(t, root[1]));
    ck_assert_ptr_null(lull_ephemeron_value(t, root[1]));
    ck_assert_uint_eq(in_use(), 1);
    lull_ephemeron_set(t, root[1], root[1]); /* too late */
    ck_assert_ptr_null(lull_ephemeron_value(t, root[1]));
}
END_TEST

START_TEST(a_dead_ephemeron_keeps_nothing)
{
    root[0] = make(1);
    ck_assert_ptr_nonnull(lull_ephemeron_new(t, root[0], make(2)));
    collect();
    ck_assert_uint_eq(in_use(), 1);
}
END_TEST

START_TEST(an_ephemeron_can_be_given_another_value)
{
    root[0] = make(1);
    root[1] = lull_ephemeron_new(t, root[0], NULL);
    collect();
    ck_assert_ptr_null(lull_ephemeron_value(t, root[1]));
    struct thing *value = make(2);
    lull_ephemeron_set(t, root[1], value);
    collect();
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[1]), value);
    ck_assert(alive(value));
    lull_ephemeron_set(t, root[1], NULL);
    collect();
    ck_assert(!alive(value));
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[1]), root[0]);
}
END_TEST

START_TEST(a_key_that_only_values_reach_is_dead)
{
    struct thing *self = make(1), *key = make(2), *value = make(3);

    root[0] = lull_ephemeron_new(t, self, self); /* key is value */
    value->child[0] = key;                       /* value reaches key */
    root[1] = lull_ephemeron_new(t, key, value);
    lull_ephemeron *own = lull_ephemeron_new(t, make(4), NULL);
    lull_ephemeron_set(t, own, own);
    root[2] = own; /* value is the ephemeron */
    collect();
    ck_assert_uint_eq(in_use(), 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(lull_ephemeron_key(t, root[i]));
        ck_assert_ptr_null(lull_ephemeron_value(t, root[i]));
    }
}
END_TEST

START_TEST(a_cycle_of_ephemerons_lives_by_one_key)
{
    struct thing *a = make(1), *b = make(2);

    root[0] = lull_ephemeron_new(t, a, b);
    root[1] = lull_ephemeron_new(t, b, a);
    for (int i = 0; i < 2; i++) {
        root[2] = i == 0 ? a : b;
        collect();
        ck_assert(alive(a) && alive(b));
        ck_assert_uint_eq(in_use(), 4);
    }
    root[2] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 2);
    ck_assert_ptr_null(lull_ephemeron_key(t, root[0]));
    ck_assert_ptr_null(lull_ephemeron_key(t, root[1]));
}
END_TEST

START_TEST(keys_may_point_inside)
{
    struct thing *key = make(1);

    root[0] = &key->child[2];
    root[1] = lull_ephemeron_new(t, &key->child[1], make(2));
    root[2] = lull_ephemeron_new(t, key, make(3));
    collect();
    ck_assert_uint_eq(in_use(), 5);
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[1]), &key->child[1]);
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 2);
    ck_assert_ptr_null(lull_ephemeron_key(t, root[1]));
}
END_TEST

/* The ephemerons are found in one order, and their keys come to life in another. */
enum { FORWARD, BACKWARD, SHUFFLED, ORDERS };

static void put_in_order(size_t *place, size_t n, int order)
{
    struct random r = {5};

    for (size_t i = 0; i < n; i++) {
        place[i] = order == BACKWARD ? n - 1 - i : i;
    }
    for (size_t i = n - 1; order == SHUFFLED && i > 0; i--) {
        size_t k = random_below(&r, i + 1);
        size_t other = place[k];
        place[k] = place[i];
        place[i] = other;
    }
}

/* Key i's value is key i + 1: alive, if the first is. What is more than linear never ends here. */
static void try_chain(size_t n, int order)
{
    size_t *place = malloc(n * sizeof *place);
    void **table = lull_alloc_any(t, n * sizeof *table);
    struct thing *key = make(0);

    put_in_order(place, n, order);
    root[0] = table;
    root[1] = key;
    for (size_t i = 0; i < n; i++) {
        struct thing *value = make(i + 1);
        table[place[i]] = lull_ephemeron_new(t, key, value);
        ck_assert(table[place[i]] != NULL);
        key = value;
    }
    free(place);
    collect();
    ck_assert_uint_eq(in_use(), 1 + n + n + 1);
    collect();
    ck_assert_uint_eq(in_use(), 1 + n + n + 1);
    root[1] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 1 + n);
    for (size_t i = 0; i < n; i++) {
        ensure(lull_ephemeron_key(t, table[i]) == NULL, "%zu", i);
    }
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 0);
}

START_TEST(a_long_chain_of_ephemerons_is_followed)
{
    tear_down();
    for (int markers = 1; markers <= 3; markers++) {
        lull_options options = support_options();
        options.markers = markers;
        set_up_with(options);
        try_chain(SUPPORT_SANITIZED ? 30000 : 100000, _i);
        tear_down();
    }
    set_up();
}
END_TEST

START_TEST(a_very_long_chain_takes_linear_time)
{
    try_chain(SUPPORT_SANITIZED || support_emulated() ? 200000 : 1000000, SHUFFLED);
}
END_TEST

START_TEST(many_ephemerons_may_have_one_key)
{
    const size_t n = 100000;
    void **table = lull_alloc_any(t, n * sizeof *table);

    root[0] = table;
    root[1] = lull_ephemeron_new(t, root[0], make(1)); /* a value that is the key of all others */
    root[2] = NULL;
    for (size_t i = 0; i < n; i++) {
        table[i] = lull_ephemeron_new(t, lull_ephemeron_value(t, root[1]), make(i));
    }
    collect();
    ck_assert_uint_eq(in_use(), 3 + 2 * n);
    root[1] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 1 + n);
}
END_TEST

/* ---- the arguments are held while the object is made ---- */

START_TEST(under_stress_arguments_survive)
{
    lull_options options = support_options();

    tear_down();
    options.debug = LULL_DEBUG_STRESS | LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY;
    set_up_with(options);
    for (uint64_t i = 0; i < 200; i++) {
        LULL_FRAME(t, frame, 2);
        frame.root[0] = make(i);
        struct lull_weak *weak = lull_weak_new(t, frame.root[0]);
        ck_assert_ptr_eq(lull_weak_get(t, weak), frame.root[0]);
        frame.root[1] = make(i + 1);
        void *key = frame.root[0], *value = frame.root[1];
        frame.root[0] = frame.root[1] = NULL;
        root[1] = lull_ephemeron_new(t, key, value);
        root[0] = key;
        ck_assert_uint_eq(((struct thing *)lull_ephemeron_value(t, root[1]))->number, i + 1);
        void *again = lull_weak_new(t, value);
        ck_assert_ptr_eq(lull_weak_get(t, again), value);
        lull_frame_pop(t, &frame.head);
    }
}
END_TEST

static void add_weak(TCase *tests)
{
    tcase_add_test(tests, a_weak_reference_does_not_keep_its_target);
    tcase_add_test(tests, what_weak_get_returns_is_strong);
    tcase_add_test(tests, a_weak_reference_to_the_inside_stays_inside);
    tcase_add_test(tests, a_new_object_in_the_slot_is_another);
    tcase_add_test(tests, weak_references_to_no_object_are_refused);
    tcase_add_test(tests, weak_references_to_weak_references);
}

static void add_ephemerons(TCase *tests)
{
    tcase_add_test(tests, an_ephemeron_keeps_its_value_while_its_key_lives);
    tcase_add_test(tests, a_dead_ephemeron_keeps_nothing);
    tcase_add_test(tests, an_ephemeron_can_be_given_another_value);
    tcase_add_test(tests, a_key_that_only_values_reach_is_dead);
    tcase_add_test(tests, a_cycle_of_ephemerons_lives_by_one_key);
    tcase_add_test(tests, keys_may_point_inside);
    tcase_add_loop_test(tests, a_long_chain_of_ephemerons_is_followed, 0, ORDERS);
    tcase_add_test(tests, a_very_long_chain_takes_linear_time);
    tcase_add_test(tests, many_ephemerons_may_have_one_key);
}

int main(void)
{
    TCase *tests = tcase_create("weak");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    add_weak(tests);
    add_ephemerons(tests);
    tcase_add_test(tests, under_stress_arguments_survive);
    return support_run(suite_create("weak"), tests);
}
