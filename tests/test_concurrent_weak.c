/* test_concurrent_weak.c -- weak references, ephemerons and finalizers in the middle of a
 * concurrent cycle, step by step. */
#include "steps.h"

/* ---- weak things while marking ---- */

/* Made of what only a thread holds, which then lets go of it: the marker meets neither. */
START_TEST(an_ephemeron_made_while_marking_has_no_dead_key)
{
    open_gate();
    root[0] = make(1);
    stand_before_marking();
    lull_ephemeron *e = lull_ephemeron_new(t, steal(), make(2));
    lull_store(t, &root[1], e);
    pass_gate();
    end_cycle();
    struct thing *key = lull_ephemeron_key(t, e);
    ck_assert(key == NULL || is_whole(key, 1));
    struct thing *value = lull_ephemeron_value(t, e);
    ck_assert(key == NULL ? value == NULL : is_whole(value, 2));
    collect();
    collect();
    ck_assert_ptr_null(lull_ephemeron_key(t, e));
    ck_assert_ptr_null(lull_ephemeron_value(t, e));
}
END_TEST

START_TEST(a_weak_reference_made_while_marking_has_no_dead_target)
{
    open_gate();
    root[0] = make(1);
    stand_before_marking();
    lull_weak *weak = lull_weak_new(t, steal());
    lull_store(t, &root[1], weak);
    pass_gate();
    end_cycle();
    struct thing *target = lull_weak_get(t, weak);
    ck_assert(target == NULL || is_whole(target, 1));
    collect();
    ck_assert_ptr_null(lull_weak_get(t, weak));
}
END_TEST

/* Before the snapshot, after it, and where the last round has been asked for: what a weak reference
 * gave is strong. */
START_TEST(what_a_weak_reference_gave_while_marking_lives)
{
    LULL_FRAME(t, frame, 1);
    root[1] = lull_weak_new(t, make(1));
    begin_cycle();
    if (_i >= 1) {
        take_part(t);
    }
    if (_i == 2) {
        await_round();
    }
    frame.root[0] = lull_weak_get(t, root[1]);
    ck_assert_ptr_nonnull(frame.root[0]);
    end_cycle();
    ck_assert(is_whole(frame.root[0], 1));
    ck_assert_ptr_eq(lull_weak_get(t, root[1]), frame.root[0]);
    frame.root[0] = NULL;
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* Read after the reader's part in what would have been the last round. */
START_TEST(a_weak_read_calls_the_last_round_off)
{
    LULL_FRAME(t, frame, 1);
    open_gate();
    root[1] = lull_weak_new(t, make(1));
    begin_cycle();
    take_part(t);
    pass_gate();
    take_part(t);
    ck_assert_uint_eq(atomic_load(&heap->weak_phase), LULL__WEAK_ENDING);
    frame.root[0] = lull_weak_get(t, root[1]);
    ck_assert_ptr_nonnull(frame.root[0]);
    ck_assert_uint_eq(atomic_load(&heap->weak_phase), LULL__WEAK_MARKING);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(frame.root[0], 1));
    lull_frame_pop(t, &frame.head);
}
END_TEST

START_TEST(what_an_ephemeron_gave_while_marking_lives)
{
    LULL_FRAME(t, frame, 2);
    root[0] = make(1);
    root[1] = lull_ephemeron_new(t, root[0], make(2));
    root[0] = NULL;
    begin_cycle();
    take_part(t);
    await_round();
    frame.root[0] = lull_ephemeron_value(t, root[1]);
    lull_ephemeron_set(t, root[1], NULL);
    frame.root[1] = lull_ephemeron_key(t, root[1]);
    end_cycle();
    ck_assert(is_whole(frame.root[0], 2));
    ck_assert(is_whole(frame.root[1], 1));
    lull_frame_pop(t, &frame.head);
}
END_TEST

static void put_back(lull_thread *thread, void *object, void *arg)
{
    lull_store(thread, &root[(uintptr_t)arg], object);
}

/* A key that its finalizer revives can be read before marking has been at its children. */
START_TEST(what_a_revived_key_held_lives)
{
    LULL_FRAME(t, frame, 2);
    struct stopper *key = make_stopper();

    frame.root[0] = key;
    root[1] = lull_ephemeron_new(t, key, key);
    ck_assert_int_eq(lull_finalizer_set(t, key, put_back, (void *)2), LULL_OK);
    lull_store(t, &key->child, make(1));
    frame.root[0] = NULL;
    begin_cycle();
    await_stopper(); /* black, and not yet scanned */
    frame.root[0] = lull_ephemeron_key(t, root[1]);
    if (frame.root[0] != NULL) {
        frame.root[1] = key->child;
        lull_store(t, &key->child, NULL);
    }
    atomic_store(&stopper_passes, true);
    end_cycle();
    ck_assert(frame.root[0] == NULL || is_whole(frame.root[1], 1));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_eq(root[2], key);
    lull_frame_pop(t, &frame.head);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("concurrent weak");
    TCase *tests = tcase_create("weak");

    tcase_add_checked_fixture(tests, set_up_concurrent, tear_down);
    tcase_add_test(tests, an_ephemeron_made_while_marking_has_no_dead_key);
    tcase_add_test(tests, a_weak_reference_made_while_marking_has_no_dead_target);
    tcase_add_loop_test(tests, what_a_weak_reference_gave_while_marking_lives, 0, 3);
    tcase_add_test(tests, a_weak_read_calls_the_last_round_off);
    tcase_add_test(tests, what_an_ephemeron_gave_while_marking_lives);
    tcase_add_test(tests, what_a_revived_key_held_lives);
    return support_run(suite, tests);
}
