/* test_verify.c -- the verifier finds what a marker missed, and tables that disagree; in a sound
 * heap it finds nothing (test_graph.c runs under it). */
#include "heap.h"
#include "verify.h"

#include "fixture.h"

#include <signal.h>

static unsigned calls;

/* Keeps its object from the marker, which asks first, and tells the verifier. */
static void trace_late(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (calls++ > 0) {
        lull_trace(tracer, *(void *const *)object);
    }
}

static void set_up_to_verify(void)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_VERIFY;
    set_up_with(options);
}

START_TEST(a_missed_object_is_found)
{
    const lull_type *type = lull_type_custom(heap, "late", 16, trace_late, NULL);

    root[0] = lull_alloc(t, type);
    *(void **)root[0] = make(1);
    collect();
}
END_TEST

static void trace_root_late(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)object, (void)size;
    if (calls++ > 0) {
        lull_trace(tracer, arg);
    }
}

START_TEST(a_missed_root_is_found)
{
    ck_assert_int_eq(lull_set_tracer(t, trace_root_late, make(1)), LULL_OK);
    collect();
}
END_TEST

START_TEST(what_the_marker_was_told_is_enough)
{
    const lull_type *type = lull_type_custom(heap, "late", 16, trace_late, NULL);

    calls = 1;
    root[0] = lull_alloc(t, type);
    *(void **)root[0] = make(1);
    collect();
    ck_assert_uint_eq(calls, 3);
    ck_assert_uint_eq(in_use(), 2);
}
END_TEST

static uint8_t *state_of(void *object)
{
    return lull__resolve(heap, (uintptr_t)object).state;
}

/* _i: the kind of damage. */
START_TEST(damaged_tables_are_found)
{
    root[0] = make(1);
    root[1] = lull_alloc_leaf(t, 100000);
    collect();
    lull__verify_heap(heap);
    switch (_i) {
    case 0: *state_of(root[0]) = LULL__KEY; break;
    case 1: heap->pages.blocks[lull__block_number(heap, root[1]) + 1].start += LULL__BLOCK; break;
    case 2: heap->pages.used_blocks--; break;
    default: lull__span_of(heap, root[1])->blocks = 0;
    }
    lull__verify_heap(heap);
}
END_TEST

/* Cycles check the tables, too. */
START_TEST(a_cycle_finds_damage)
{
    root[0] = lull_alloc_leaf(t, 100000);
    collect();
    heap->pages.used_blocks--;
    collect();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("verify");

    setenv("LULL_TEST_MODE", "stop", 1); /* the damage is done to tables that stand still */
    tcase_add_checked_fixture(tests, set_up_to_verify, tear_down);
    tcase_add_test_raise_signal(tests, a_missed_object_is_found, SIGABRT);
    tcase_add_test_raise_signal(tests, a_missed_root_is_found, SIGABRT);
    tcase_add_test(tests, what_the_marker_was_told_is_enough);
    tcase_add_loop_test_raise_signal(tests, damaged_tables_are_found, SIGABRT, 0, 4);
    tcase_add_test_raise_signal(tests, a_cycle_finds_damage, SIGABRT);
    return support_run(suite_create("verify"), tests);
}
