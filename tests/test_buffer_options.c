/* test_buffer_options.c -- how long pools of byte buffers keep what lies idle, and how much: their
 * options that are those of any pool. */
#include <string.h>

#include "heap.h"

#include "buffers.h"

static void check_refused(const lull_buffer_pool_options *options, const char *named)
{
    ck_assert_ptr_null(lull_buffer_pool_create(heap, options));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ensure(strstr(lull_error_message(), named) != NULL, "%s: %s", named, lull_error_message());
}

START_TEST(wrong_ways_to_keep_are_named)
{
    const lull_buffer_pool_options options = {.struct_size = sizeof options};
    lull_buffer_pool_options wrong = options;

    wrong.lifetime = (lull_pool_lifetime)7;
    check_refused(&wrong, "lifetime is 7");
    wrong = options;
    wrong.flags = LULL_POOL_AUDIT | LULL_POOL_ZERO;
    check_refused(&wrong, "flags are");
    wrong = options;
    wrong.bounds = (lull_pool_bounds){.min_idle = 3, .max_idle = 2};
    check_refused(&wrong, "min_idle is 3");
    wrong = options;
    wrong.bounds.max_object_bytes = 100;
    check_refused(&wrong, "max_bytes");
}
END_TEST

#define KEPT 40

/* How many of KEPT buffers, and as many pieces of storage that they grew into, are idle after some
 * collections. */
static lull_buffer_pool_stats keep_and_collect(const lull_buffer_pool_options *options)
{
    LULL_FRAME(t, frame, KEPT);
    lull_buffer_pool *kept = lull_buffer_pool_create(heap, options);

    ensure(kept != NULL, "%s", lull_error_message());
    for (size_t i = 0; i < KEPT; i++) {
        lull_buffer *b = lull_buffer_get(t, kept);
        frame.root[i] = b;
        ck_assert_int_eq(lull_buffer_reserve(t, b, 1000), LULL_OK);
    }
    for (size_t i = 0; i < KEPT; i++) {
        lull_buffer_put(t, kept, frame.root[i]);
    }
    for (int i = 0; i < 4; i++) {
        collect();
    }
    lull_buffer_pool_stats s = stats_of(kept);
    lull_frame_pop(t, &frame.head);
    ck_assert_int_eq(lull_buffer_pool_destroy(kept), LULL_OK);
    return s;
}

START_TEST(buffers_are_kept_as_the_options_say)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options};
    lull_buffer_pool_stats s = keep_and_collect(&options);

    ck_assert_uint_eq(s.idle, 0);
    ck_assert_uint_eq(s.idle_bytes, 0);
    options.lifetime = LULL_POOL_OWNED;
    s = keep_and_collect(&options);
    ck_assert_uint_eq(s.idle, KEPT);
    ck_assert_uint_eq(s.idle_bytes, KEPT * (64 + 1024));
    options.bounds.max_idle = 5;
    s = keep_and_collect(&options);
    ck_assert_uint_eq(s.idle, 5);
    ck_assert_uint_eq(s.idle_bytes, 5 * (64 + 1024));
    options.lifetime = LULL_POOL_CACHE;
    options.bounds.min_idle = 2;
    s = keep_and_collect(&options);
    ck_assert_uint_eq(s.idle, 2);
}
END_TEST

/* The audit is the pool's own choice, not the heap's. */
START_TEST(a_pool_of_buffers_may_be_audited)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options, .flags = LULL_POOL_AUDIT};
    lull_buffer_pool *audited = lull_buffer_pool_create(heap, &options);
    lull_buffer *b = lull_buffer_get(t, audited);

    support_misuses = 1U << LULL_POOL_DOUBLE_PUT;
    ck_assert_ptr_nonnull(b);
    uint64_t before = lull_pool_misuses(heap);
    lull_buffer_put(t, audited, b);
    lull_buffer_put(t, audited, b);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_uint_eq(lull_pool_misuses(heap), before + 1);
    ck_assert_int_eq(lull_buffer_pool_destroy(audited), LULL_OK);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("buffer_options");

    tcase_add_checked_fixture(tests, set_up_scribbling, tear_down);
    tcase_add_test(tests, wrong_ways_to_keep_are_named);
    tcase_add_test(tests, buffers_are_kept_as_the_options_say);
    tcase_add_test(tests, a_pool_of_buffers_may_be_audited);
    return support_run(suite_create("buffer_options"), tests);
}
