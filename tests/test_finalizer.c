/* test_finalizer.c -- finalizers: the promises of lull/weak.h, with what they bring back. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fixture.h"
#include "random.h"

/* ---- finalizers ---- */

static size_t ran;
static void *last_object, *last_arg;

static void note(lull_thread *thread, void *object, void *arg)
{
    ck_assert_ptr_eq(thread, t);
    ran++;
    last_object = object;
    last_arg = arg;
}

static void note_other(lull_thread *thread, void *object, void *arg)
{
    note(thread, object, arg);
    ran += 999;
}

START_TEST(a_finalizer_runs_once_after_death)
{
    struct thing *thing = make(7);
    int arg;

    thing->child[0] = make(8);
    root[0] = thing;
    ck_assert_int_eq(lull_finalizer_set(t, thing, note, &arg), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 0);
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 1);
    ck_assert_uint_eq(support_stats(heap).finalizers_pending, 1);
    collect(); /* queued, it and what it holds stay */
    ck_assert_uint_eq(in_use(), 2);
    ck_assert_uint_eq(((struct thing *)thing->child[0])->number, 8);
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_uint_eq(ran, 1);
    ck_assert_ptr_eq(last_object, thing);
    ck_assert_ptr_eq(last_arg, &arg);
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    ck_assert_uint_eq(support_stats(heap).finalizers_pending, 0);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 0);
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

START_TEST(a_finalizer_can_be_replaced_and_taken_away)
{
    char *large = lull_alloc_leaf(t, 100000);

    ck_assert_int_eq(lull_finalizer_set(t, large, note_other, NULL), LULL_OK);
    ck_assert_int_eq(lull_finalizer_set(t, large + 99999, note, &ran), LULL_OK); /* inside */
    struct thing *thing = make(1);
    ck_assert_int_eq(lull_finalizer_set(t, thing, NULL, NULL), LULL_OK); /* it has none */
    ck_assert_int_eq(lull_finalizer_set(t, thing, note_other, NULL), LULL_OK);
    ck_assert_int_eq(lull_finalizer_set(t, &thing->child[2], NULL, NULL), LULL_OK);
    collect();
    ck_assert(!alive(thing));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_uint_eq(ran, 1);
    ck_assert_ptr_eq(last_object, large);
    ck_assert_ptr_eq(last_arg, &ran);
}
END_TEST

static void revive(lull_thread *thread, void *object, void *arg)
{
    note(thread, object, arg);
    root[0] = object;
    if (arg != NULL) {
        ck_assert_int_eq(lull_finalizer_set(thread, object, revive, NULL), LULL_OK);
    }
}

START_TEST(a_revived_object_is_finalized_again_only_if_asked)
{
    struct thing *thing = make(9);

    ck_assert_int_eq(lull_finalizer_set(t, thing, revive, &ran), LULL_OK);
    for (size_t time = 1; time <= 2; time++) {
        collect();
        ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
        ck_assert_uint_eq(ran, time);
        collect();
        ck_assert(alive(thing));
        ck_assert_uint_eq(thing->number, 9);
        ck_assert_uint_eq(lull_finalizers_run(t, 0), 0);
        root[0] = NULL;
    }
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

/* Finalizers of one cycle see all objects of it whole, whatever points to what. */
static void see_family(lull_thread *thread, void *object, void *arg)
{
    struct thing *thing = object;

    note(thread, object, arg);
    for (unsigned i = 0; i < 3; i++) {
        ensure(alive(thing->child[i]), "%u", i);
        ensure(((struct thing *)thing->child[i])->number < 10, "%u", i);
    }
    collect();
    ck_assert_ptr_nonnull(make(77));
}

START_TEST(all_the_dead_of_a_cycle_are_queued_at_once)
{
    struct thing *thing[10];

    for (unsigned i = 0; i < 10; i++) {
        root[0] = thing[i] = make(i);
        ck_assert_int_eq(lull_finalizer_set(t, thing[i], see_family, NULL), LULL_OK);
    }
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 3; k++) {
            thing[i]->child[k] = thing[(i + k * k + 1) % 10];
        }
    }
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 10);
    ck_assert_uint_eq(lull_finalizers_run(t, 3), 3);
    ck_assert_uint_eq(lull_finalizers_pending(heap), 7);
    ck_assert_uint_eq(lull_finalizers_run(t, 100), 7);
    ck_assert_uint_eq(ran, 10);
    collect();
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

static void run_inside(lull_thread *thread, void *object, void *arg)
{
    note(thread, object, arg);
    ck_assert_uint_eq(lull_finalizers_run(thread, 0), 0);
}

START_TEST(finalizers_do_not_nest)
{
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(lull_finalizer_set(t, make(i), run_inside, NULL), LULL_OK);
    }
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 5);
    ck_assert_uint_eq(ran, 5);
}
END_TEST

START_TEST(no_finalizer_runs_when_the_heap_ends)
{
    ck_assert_int_eq(lull_finalizer_set(t, make(1), note, NULL), LULL_OK);
    collect();
    ck_assert_int_eq(lull_finalizer_set(t, make(2), note, NULL), LULL_OK);
    tear_down();
    ck_assert_uint_eq(ran, 0);
    set_up();
}
END_TEST

/* The table of finalizers against an array: set, replaced, removed, died, in any order. */
#define OBJECTS 20000
static uint8_t wanted[OBJECTS]; /* 0: none; else what the argument shall point to */
static uint8_t answered[OBJECTS];

static void answer(lull_thread *thread, void *object, void *arg)
{
    size_t i = ((struct thing *)object)->number;

    ensure(thread == t && i < OBJECTS && arg == &wanted[wanted[i]], "%zu", i);
    answered[i]++;
}

static void change_finalizers(void **table, struct random *r)
{
    for (size_t k = 0; k < OBJECTS; k++) {
        size_t i = random_below(r, OBJECTS);
        if (table[i] != NULL) {
            wanted[i] = random_below(r, 3) == 0 ? 0 : (uint8_t)(1 + random_below(r, 200));
            ck_assert(lull_finalizer_set(t, table[i], wanted[i] ? answer : NULL,
                                         &wanted[wanted[i]]) == LULL_OK);
        }
    }
}

START_TEST(finalizers_are_as_the_model_says)
{
    struct random r = {42};
    void **table = root[0] = lull_alloc_any(t, OBJECTS * sizeof *table);

    for (size_t round = 0; round < support_rounds(6); round++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            table[i] = table[i] != NULL ? table[i] : make(i);
        }
        change_finalizers(table, &r);
        size_t expected = 0;
        for (size_t i = 0; i < OBJECTS; i++) {
            if (random_below(&r, 2) == 0) {
                table[i] = NULL;
                expected += wanted[i] != 0;
            }
        }
        memset(answered, 0, sizeof answered);
        collect();
        ck_assert_uint_eq(lull_finalizers_run(t, 0), expected);
        for (size_t i = 0; i < OBJECTS; i++) {
            ensure(answered[i] == (table[i] == NULL && wanted[i] != 0), "%zu", i);
            wanted[i] = table[i] == NULL ? 0 : wanted[i];
        }
    }
}
END_TEST

START_TEST(there_may_be_many_finalizers)
{
    for (size_t i = 0; i < 100000; i++) {
        ck_assert(lull_finalizer_set(t, make(i), note, NULL) == LULL_OK);
    }
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 100000);
    ck_assert_uint_eq(lull_finalizers_run(t, 1), 1);
    for (size_t i = 0; i < 100000; i++) {
        ck_assert(lull_finalizer_set(t, make(i), note, NULL) == LULL_OK);
    }
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 199999);
    ck_assert_uint_eq(ran, 200000);
    collect();
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

/* ---- together ---- */

static void see_no_weak(lull_thread *thread, void *object, void *arg)
{
    note(thread, object, arg);
    ck_assert_ptr_null(lull_weak_get(thread, root[1]));
}

START_TEST(a_finalizer_sees_no_weak_reference_to_its_object)
{
    struct thing *thing = make(1);

    thing->child[0] = make(2);
    root[1] = lull_weak_new(t, thing);
    root[2] = lull_weak_new(t, thing->child[0]); /* dead too, though to be revived */
    ck_assert_int_eq(lull_finalizer_set(t, thing, see_no_weak, NULL), LULL_OK);
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[2]));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
}
END_TEST

/* A weak reference that only a dead object with a finalizer holds comes back with it: its target,
 * which nobody holds, does not. */
START_TEST(a_revived_weak_reference_is_cleared_too)
{
    struct thing *thing = make(1), *held = make(2);

    thing->child[0] = lull_weak_new(t, make(3));
    thing->child[1] = lull_weak_new(t, held);
    root[1] = held;
    ck_assert_int_eq(lull_finalizer_set(t, thing, revive, NULL), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_null(lull_weak_get(t, thing->child[0]));
    ck_assert_ptr_eq(lull_weak_get(t, thing->child[1]), held);
}
END_TEST

START_TEST(a_key_that_a_finalizer_revives_is_alive)
{
    struct thing *key = make(1), *thing = make(2), *value = make(3);

    root[1] = lull_ephemeron_new(t, key, value);
    thing->child[0] = key;
    value->child[0] = lull_ephemeron_new(t, value, make(4)); /* and what follows from it */
    ck_assert_int_eq(lull_finalizer_set(t, thing, note, NULL), LULL_OK);
    collect();
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[1]), key);
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[1]), value);
    ck_assert_uint_eq(((struct thing *)lull_ephemeron_value(t, value->child[0]))->number, 4);
    ck_assert_uint_eq(in_use(), 6);
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    collect();
    ck_assert_ptr_null(lull_ephemeron_key(t, root[1]));
    ck_assert_uint_eq(in_use(), 1);
}
END_TEST

START_TEST(an_ephemeron_that_a_finalizer_revives_is_looked_at)
{
    struct thing *key = make(1), *thing = make(2);

    root[1] = key;
    thing->child[0] = lull_ephemeron_new(t, key, make(3));
    thing->child[1] = lull_ephemeron_new(t, make(4), make(5));
    ck_assert_int_eq(lull_finalizer_set(t, thing, revive, NULL), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_uint_eq(in_use(), 5);
    ck_assert_uint_eq(((struct thing *)lull_ephemeron_value(t, thing->child[0]))->number, 3);
    ck_assert_ptr_null(lull_ephemeron_key(t, thing->child[1]));
    ck_assert_ptr_null(lull_ephemeron_value(t, thing->child[1]));
}
END_TEST

/* The value of an ephemeron has a finalizer: it is dead once the key is, and is revived. */
START_TEST(a_value_with_a_finalizer)
{
    struct thing *value = make(2);

    root[0] = make(1);
    root[1] = lull_ephemeron_new(t, root[0], value);
    ck_assert_int_eq(lull_finalizer_set(t, value, note, NULL), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    root[0] = NULL;
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 1);
    ck_assert_ptr_null(lull_ephemeron_value(t, root[1]));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_eq(last_object, value);
}
END_TEST

/* ---- tagged words ---- */

#define TAG 5

static void *tagged(void *object)
{
    return (char *)object + TAG;
}

static void *untagged(void *object)
{
    return (char *)object - TAG;
}

static void collect_and_look(lull_thread *thread, void *object, void *arg)
{
    struct thing *thing = object;

    note(thread, object, arg);
    collect();
    ck_assert(alive(thing));
    ck_assert_uint_eq(thing->number, 3);
    ck_assert_uint_eq(((struct thing *)untagged(thing->child[0]))->number, 4);
}

/* An object is its untagged address to its finalizer, and alive until this returns. */
START_TEST(in_a_tagged_heap_finalizers_see_live_objects)
{
    lull_options options = support_options();

    tear_down();
    options.pointer_mask = ~(uintptr_t)7;
    options.tag_mask = 7;
    options.tag_value = TAG;
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY;
    set_up_with(options);
    struct thing *thing = make(3);
    thing->child[0] = tagged(make(4));
    ck_assert_int_eq(lull_finalizer_set(t, thing, note, NULL), LULL_OK);
    ck_assert_int_eq(lull_finalizer_set(t, tagged(thing), collect_and_look, NULL), LULL_OK);
    for (int i = 0; i < 2; i++) {
        root[0] = i == 0 ? tagged(thing) : thing; /* a root may be a plain address */
        collect();
        ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    }
    root[0] = NULL;
    collect();
    collect();
    ck_assert(alive(thing));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_eq(last_object, thing);
    collect();
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

/* ---- the finalizer thread ---- */

static _Atomic size_t ran_elsewhere;
static pthread_t here;

static void run_elsewhere(lull_thread *thread, void *object, void *arg)
{
    ck_assert(!pthread_equal(pthread_self(), here) && thread != t && arg == NULL);
    ck_assert(lull_heap_of(thread) == heap && ((struct thing *)object)->number == 5);
    ck_assert(lull_alloc_any(thread, 64) != NULL);
    atomic_fetch_add(&ran_elsewhere, 1);
}

START_TEST(the_finalizer_thread_runs_them)
{
    lull_options options = support_options();

    tear_down();
    options.finalizer_thread = 1;
    set_up_with(options);
    here = pthread_self();
    for (size_t round = 1; round <= 20; round++) {
        for (unsigned i = 0; i < 50; i++) {
            ck_assert_int_eq(lull_finalizer_set(t, make(5), run_elsewhere, NULL), LULL_OK);
        }
        collect();
        lull_blocking_begin(t);
        while (atomic_load(&ran_elsewhere) != round * 50) {
            nanosleep(&(struct timespec){0, 100000}, NULL);
        }
        lull_blocking_end(t);
    }
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("finalizers");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_finalizer_runs_once_after_death);
    tcase_add_test(tests, a_finalizer_can_be_replaced_and_taken_away);
    tcase_add_test(tests, a_revived_object_is_finalized_again_only_if_asked);
    tcase_add_test(tests, all_the_dead_of_a_cycle_are_queued_at_once);
    tcase_add_test(tests, finalizers_do_not_nest);
    tcase_add_test(tests, no_finalizer_runs_when_the_heap_ends);
    tcase_add_test(tests, finalizers_are_as_the_model_says);
    tcase_add_test(tests, there_may_be_many_finalizers);
    tcase_add_test(tests, the_finalizer_thread_runs_them);
    tcase_add_test(tests, a_finalizer_sees_no_weak_reference_to_its_object);
    tcase_add_test(tests, a_revived_weak_reference_is_cleared_too);
    tcase_add_test(tests, a_key_that_a_finalizer_revives_is_alive);
    tcase_add_test(tests, an_ephemeron_that_a_finalizer_revives_is_looked_at);
    tcase_add_test(tests, a_value_with_a_finalizer);
    tcase_add_test(tests, in_a_tagged_heap_finalizers_see_live_objects);
    return support_run(suite_create("finalizer"), tests);
}
