/* test_check.c -- stores to what is no object, in a program that has its stores checked. */
#define LULL_CHECK
#include <signal.h>

#include "mutators.h"

static lull_heap *heap;
static lull_thread *t;
static const lull_type *type;
static struct node *object;
static struct node *global[3];

static void start(void)
{
    lull_options options = support_options();

    heap = support_heap(&options);
    t = mutator_attach(heap, LULL_STACK_PRECISE);
    type = node_type(heap);
    object = lull_alloc(t, type);
}

static void finish(void)
{
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

START_TEST(stores_to_objects_and_roots)
{
    void **any = lull_alloc_any(t, 4096), **large = lull_alloc_any(t, 100000);

    lull_store(t, &object->next, object);
    lull_store(t, &object->next, NULL);
    lull_store(t, &object->next, &object); /* no object: stored as it is */
    ck_assert_ptr_eq(object->next, &object);
    for (int i = 0; i < 4096 / 8; i++) {
        lull_store(t, &any[i], object);
    }
    lull_store(t, &large[100000 / 8 - 1], object);
    ck_assert_int_eq(lull_roots_add(heap, global, sizeof global), LULL_OK);
    lull_store(t, &global[0], object);
    lull_store(t, &global[2], object);
    ck_assert_ptr_eq(global[2], object);
    ck_assert_int_eq(lull_roots_remove(heap, global, sizeof global), LULL_OK);
}
END_TEST

START_TEST(a_variable_is_no_object)
{
    void *variable = NULL;

    lull_store(t, &variable, object);
}
END_TEST

START_TEST(nothing_is_no_object)
{
    lull_store(t, NULL, object);
}
END_TEST

START_TEST(a_range_has_an_end)
{
    ck_assert_int_eq(lull_roots_add(heap, global, 2 * sizeof global[0]), LULL_OK);
    lull_store(t, &global[1], object);
    lull_store(t, &global[2], object);
}
END_TEST

START_TEST(a_range_that_was_removed)
{
    ck_assert_int_eq(lull_roots_add(heap, global, sizeof global), LULL_OK);
    lull_store(t, &global[1], object);
    ck_assert_int_eq(lull_roots_remove(heap, global, sizeof global), LULL_OK);
    lull_store(t, &global[1], object);
}
END_TEST

START_TEST(half_a_field)
{
    lull_store(t, (char *)&object->next + 4, object);
}
END_TEST

START_TEST(an_object_that_died)
{
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    lull_store(t, &object->next, NULL);
}
END_TEST

START_TEST(an_object_of_another_heap)
{
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);
    lull_thread *there = mutator_attach(other, LULL_STACK_PRECISE);

    lull_store(there, &object->next, NULL);
}
END_TEST

START_TEST(behind_a_large_object)
{
    void **large = lull_alloc_any(t, 100000);

    lull_store(t, &large[100000 / 8], object);
}
END_TEST

START_TEST(in_a_blocking_section)
{
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    lull_store(t, &object->next, NULL);
}
END_TEST

static void *store_with_anothers(void *arg)
{
    (void)arg;
    lull_store(t, &object->next, NULL);
    return NULL;
}

START_TEST(with_anothers_thread)
{
    mutator_join(mutator_start(store_with_anothers, NULL));
}
END_TEST

static void trace_nothing(lull_tracer *tracer, const void *traced, size_t size, void *arg)
{
    (void)tracer;
    (void)traced;
    (void)size;
    (void)arg;
}

/* A callback may report any memory, but not what is the heap's. */
START_TEST(memory_of_a_callback)
{
    void *variable = NULL;

    ck_assert_int_eq(lull_set_tracer(t, trace_nothing, NULL), LULL_OK);
    lull_store(t, &variable, object);
    ck_assert_ptr_eq(variable, object);
    ck_assert_int_eq(lull_set_tracer(t, NULL, NULL), LULL_OK);
}
END_TEST

START_TEST(memory_of_a_custom_object)
{
    void *variable = NULL;

    ck_assert_ptr_nonnull(lull_type_custom(heap, "custom", 8, trace_nothing, NULL));
    lull_store(t, &variable, object);
    ck_assert_ptr_eq(variable, object);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    lull_store(t, &object->next, NULL); /* dead now */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");

    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, stores_to_objects_and_roots);
    tcase_add_test_raise_signal(tests, a_variable_is_no_object, SIGABRT);
    tcase_add_test_raise_signal(tests, nothing_is_no_object, SIGABRT);
    tcase_add_test_raise_signal(tests, a_range_has_an_end, SIGABRT);
    tcase_add_test_raise_signal(tests, a_range_that_was_removed, SIGABRT);
    tcase_add_test_raise_signal(tests, half_a_field, SIGABRT);
    tcase_add_test_raise_signal(tests, an_object_that_died, SIGABRT);
    tcase_add_test_raise_signal(tests, an_object_of_another_heap, SIGABRT);
    tcase_add_test_raise_signal(tests, behind_a_large_object, SIGABRT);
    tcase_add_test_raise_signal(tests, in_a_blocking_section, SIGABRT);
    tcase_add_test_raise_signal(tests, with_anothers_thread, SIGABRT);
    tcase_add_test(tests, memory_of_a_callback);
    tcase_add_test_raise_signal(tests, memory_of_a_custom_object, SIGABRT);
    return support_run(suite, tests);
}
