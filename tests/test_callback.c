/* test_callback.c -- callbacks that call the library where they may not: each call fails with
 * LULL_E_STATE, on a thread of the heap's with LULL_E_THREAD, and nothing else happens. */
#include <sched.h>

#include "mutators.h"

#include "fixture.h"

static lull_pool *pool;               /* empty */
static atomic_uint refused, stranger; /* calls on the thread's own behalf; on nobody's */

static void check_state(const char *call, bool failed)
{
    ensure(failed && lull_error() == LULL_E_STATE, "%s: %s", call, lull_error_message());
}

/* Each entry point that may collect, wait or allocate. */
static void use_the_heap(void)
{
    lull_thread *self = lull_self(heap);

    if (self == NULL) {
        ensure(lull_collect(t) == LULL_E_THREAD, "%s", lull_error_message());
        ensure(lull_release_memory(t) == 0 && lull_error() == LULL_E_THREAD, "%s",
               lull_error_message());
        ensure(lull_detach(t) == LULL_E_THREAD, "%s", lull_error_message());
        atomic_fetch_add(&stranger, 1);
        return;
    }
    check_state("lull_collect", lull_collect(self) == LULL_E_STATE);
    check_state("lull_release_memory", lull_release_memory(self) == 0);
    check_state("lull_detach", lull_detach(self) == LULL_E_STATE);
    check_state("lull_alloc_leaf", lull_alloc_leaf(self, 100000) == NULL);
    check_state("lull_alloc_any", lull_alloc_any(self, 100000) == NULL);
    check_state("lull_weak_new", lull_weak_new(self, root[1]) == NULL);
    check_state("lull_ephemeron_new", lull_ephemeron_new(self, root[1], root[1]) == NULL);
    check_state("lull_pool_get", lull_pool_get(self, pool) == NULL);
    atomic_fetch_add(&refused, 1);
}

static void use_in_trace(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    use_the_heap();
    if (object != NULL) {
        lull_trace_range(tracer, object, (const char *)object + size);
    } else {
        lull_trace(tracer, arg);
    }
}

static void use_in_pool(void *object, void *arg)
{
    (void)object, (void)arg;
    use_the_heap();
}

static int use_for_want_of_memory(lull_heap *full, size_t bytes, void *arg)
{
    (void)full, (void)bytes, (void)arg;
    use_the_heap();
    return 0;
}

static void set_up_callbacks(void)
{
    lull_options options = support_options();
    lull_pool_options of_pool = {.struct_size = sizeof of_pool};

    options.heap_max = 64 << 20;
    options.no_memory = use_for_want_of_memory;
    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    of_pool.type = lull_type_leaf(heap, "large", 100000);
    pool = lull_pool_create(heap, &of_pool);
    ck_assert_ptr_nonnull(pool);
    root[1] = make(1);
    atomic_store(&refused, 0);
    atomic_store(&stranger, 0);
}

/* After all of that: what is held is whole, and the calls do what they should. */
static void check_and_tear_down(void)
{
    const struct thing *held = root[1];

    ck_assert(alive(held) && held->number == 1);
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 100000));
    root[2] = lull_pool_get(t, pool);
    ck_assert_ptr_nonnull(root[2]);
    tear_down();
}

static lull_pool *pool_with(lull_pool_reset_fn reset, lull_pool_destroy_fn destroy)
{
    lull_pool_options of_pool = {
        .struct_size = sizeof of_pool, .reset = reset, .destroy = destroy, .lifetime = 0};

    of_pool.type = lull_type_leaf(heap, "pooled", 64);
    lull_pool *made = lull_pool_create(heap, &of_pool);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* Objects are traced by the thread that collects, by one that assists, or by the heap's own. */
START_TEST(a_trace_callback_cannot_use_the_heap)
{
    const lull_type *type = lull_type_custom(heap, "custom", 64, use_in_trace, NULL);

    for (int i = 0; i < 100; i++) {
        void **object = lull_alloc(t, type);
        ensure(object != NULL, "%s", lull_error_message());
        lull_store(t, object, root[0]);
        root[0] = object;
    }
    for (int i = 0; i < 3; i++) {
        collect();
    }
    ck_assert_uint_ge(atomic_load(&refused) + atomic_load(&stranger), 300);
    unsigned n = 0;
    for (void **object = root[0]; object != NULL; object = *object) {
        ck_assert(alive(object));
        n++;
    }
    ck_assert_uint_eq(n, 100);
}
END_TEST

/* The same where allocation brings cycles about, and assists. */
START_TEST(nor_in_an_assist)
{
    const lull_type *type = lull_type_custom(heap, "custom", 4096, use_in_trace, NULL);

    for (int i = 0; i < 200; i++) {
        void **object = lull_alloc(t, type);
        ensure(object != NULL, "%s", lull_error_message());
        lull_store(t, object, root[0]);
        root[0] = object;
    }
    lull_set_gc_percent(heap, 10);
    while (support_stats(heap).cycles < 3) {
        ensure(lull_alloc_leaf(t, 512) != NULL, "%s", lull_error_message());
    }
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    ck_assert_uint_ge(atomic_load(&refused) + atomic_load(&stranger), 400);
}
END_TEST

/* By the thread itself at a safepoint, or by whoever takes its part. */
START_TEST(a_threads_tracer_cannot_use_the_heap)
{
    struct thing *held = make(7);

    ck_assert_int_eq(lull_set_tracer(t, use_in_trace, held), LULL_OK);
    collect();
    lull_set_gc_percent(heap, 10);
    while (support_stats(heap).cycles < 4) {
        ensure(lull_alloc_leaf(t, 512) != NULL, "%s", lull_error_message());
    }
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    ck_assert_uint_ge(atomic_load(&refused) + atomic_load(&stranger), 4);
    ck_assert(alive(held) && held->number == 7);
    ck_assert_int_eq(lull_set_tracer(t, NULL, NULL), LULL_OK);
}
END_TEST

START_TEST(a_pools_callbacks_cannot_use_the_heap)
{
    lull_pool *other = pool_with(use_in_pool, use_in_pool);
    void *object = lull_pool_get(t, other);

    ck_assert_ptr_nonnull(object);
    lull_pool_put(t, other, object);
    ck_assert_uint_eq(atomic_load(&refused), 1);
    ck_assert_int_eq(lull_pool_destroy(other), LULL_OK);
    ck_assert_uint_eq(atomic_load(&refused) + atomic_load(&stranger), 2);
}
END_TEST

START_TEST(want_of_memory_cannot_use_the_heap)
{
    ck_assert_ptr_null(lull_alloc_leaf(t, 128 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(atomic_load(&refused), 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("callback");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up_callbacks, check_and_tear_down);
    tcase_add_test(tests, a_trace_callback_cannot_use_the_heap);
    tcase_add_test(tests, nor_in_an_assist);
    tcase_add_test(tests, a_threads_tracer_cannot_use_the_heap);
    tcase_add_test(tests, a_pools_callbacks_cannot_use_the_heap);
    tcase_add_test(tests, want_of_memory_cannot_use_the_heap);
    return support_run(suite_create("callback"), tests);
}
