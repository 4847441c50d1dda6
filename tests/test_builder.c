/* test_builder.c -- string builders: what was appended stands there, with a NUL after it, as printf
 * would have it; errors stick; results outlive their builder. */
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <wchar.h>

#include "heap.h"
#include "random.h"

#include "fixture.h"

static lull_builder_pool *pool;
static lull_builder *b; /* taken, and held by root[0] */

static void open_pool(size_t calibration_puts)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options,
                                        .calibration_puts = calibration_puts};

    pool = lull_builder_pool_create(heap, &options);
    ck_assert_ptr_nonnull(pool);
    root[0] = b = lull_builder_get(t, pool);
    ck_assert_ptr_nonnull(b);
}

static void set_up_mode(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    open_pool(0);
}

static void set_up_builder(void)
{
    set_up_mode(support_mode());
}

#define CHECK_TEXT(text)                                                                           \
    do {                                                                                           \
        ck_assert_str_eq(lull_builder_view(b), text);                                              \
        ck_assert_uint_eq(lull_builder_length(b), strlen(text));                                   \
    } while (0)

static lull_buffer_pool_stats stats(void)
{
    lull_buffer_pool_stats s;

    ck_assert_int_eq(lull_builder_pool_stats_read(pool, &s), LULL_OK);
    return s;
}

/* ---- pools ---- */

START_TEST(pools_of_builders)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options, .default_bytes = 300};
    lull_buffer_pool_options old = {.struct_size = 8};
    lull_builder_pool *other;

    ck_assert_str_eq(lull_pool_name(heap->pools[0]), "builders/64");
    ck_assert_ptr_null(lull_builder_pool_create(heap, &old));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_builder_pool_create(NULL, NULL));
    ck_assert_ptr_nonnull(other = lull_builder_pool_create(heap, NULL));
    ck_assert_int_eq(lull_builder_pool_destroy(other), LULL_OK);
    ck_assert_int_eq(lull_builder_pool_destroy(NULL), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_pool_stats_read(NULL, NULL), LULL_E_INVALID);
    ck_assert_ptr_null(lull_builder_get(t, NULL));
    ck_assert_ptr_nonnull(other = lull_builder_pool_create(heap, &options));
    lull_builder_put(t, other, lull_builder_get(t, other));
    ck_assert_str_eq(lull_pool_name(heap->pools[1]), "builders/512");
}
END_TEST

START_TEST(a_builder_that_was_put_back)
{
    lull_builder_put(t, pool, b);
    ck_assert_ptr_null(lull_builder_view(b));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_null(lull_builder_copy(t, b));
    ck_assert_int_eq(lull_builder_append_char(t, b, 'x'), LULL_E_STATE);
    ck_assert_int_eq(lull_builder_printf(t, b, "x"), LULL_E_STATE);
    ck_assert_ptr_eq(lull_builder_get(t, pool), b);
    CHECK_TEXT("");
}
END_TEST

START_TEST(put_clears)
{
    lull_builder_append_string(t, b, "text");
    lull_builder_append_string(t, b, NULL);
    ck_assert_int_eq(lull_builder_error(b), LULL_E_INVALID);
    lull_builder_put(t, pool, b);
    ck_assert_ptr_eq(lull_builder_get(t, pool), b);
    CHECK_TEXT("");
    ck_assert_int_eq(lull_builder_error(b), LULL_OK);
    lull_builder_put(t, pool, NULL);
    ck_assert_uint_eq(stats().puts, 1);
    ck_assert_uint_eq(stats().hits, 1);
}
END_TEST

/* Sizes follow what was built. */
START_TEST(pools_of_builders_calibrate)
{
    open_pool(16);
    for (int i = 0; i < 16; i++) {
        lull_builder_printf(t, b, "%1000d", i);
        lull_builder_put(t, pool, b);
        root[0] = b = lull_builder_get(t, pool);
    }
    ck_assert_uint_eq(stats().calibrations, 1);
    ck_assert_uint_eq(stats().default_bytes, 1024);
}
END_TEST

/* ---- appending ---- */

START_TEST(each_way_to_append)
{
    CHECK_TEXT("");
    ck_assert_int_eq(lull_builder_append_string(t, b, "a string"), LULL_OK);
    ck_assert_int_eq(lull_builder_append_char(t, b, ','), LULL_OK);
    ck_assert_int_eq(lull_builder_append(t, b, " bytesbytes", 6), LULL_OK);
    ck_assert_int_eq(lull_builder_append_int(t, b, -12), LULL_OK);
    ck_assert_int_eq(lull_builder_append_char(t, b, '+'), LULL_OK);
    ck_assert_int_eq(lull_builder_append_uint(t, b, 34), LULL_OK);
    ck_assert_int_eq(lull_builder_printf(t, b, "=%05.1f%s", 2.25, "!"), LULL_OK);
    ck_assert_int_eq(lull_builder_append(t, b, NULL, 0), LULL_OK);
    ck_assert_int_eq(lull_builder_append_string(t, b, ""), LULL_OK);
    CHECK_TEXT("a string, bytes-12+34=002.2!");
    lull_builder_clear(b);
    CHECK_TEXT("");
}
END_TEST

START_TEST(integers_of_all_sizes)
{
    struct random r = {5};
    char text[32];

    for (int i = 0; i < 20000; i++) {
        uint64_t value = i == 0 ? 0 : i == 1 ? UINT64_MAX : random_magnitude(&r);
        lull_builder_clear(b);
        lull_builder_append_uint(t, b, value);
        snprintf(text, sizeof text, "%ju", (uintmax_t)value);
        ensure(strcmp(lull_builder_view(b), text) == 0, "%s", text);
        int64_t number = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : (int64_t)value;
        number = i % 2 == 0 && number != INT64_MIN ? -number : number;
        lull_builder_clear(b);
        lull_builder_append_int(t, b, number);
        snprintf(text, sizeof text, "%jd", (intmax_t)number);
        ensure(strcmp(lull_builder_view(b), text) == 0, "%s", text);
    }
}
END_TEST

/* There is room for the NUL, at each length around those at which it grows. */
START_TEST(the_nul_has_room)
{
    char text[600];

    memset(text, 'n', sizeof text);
    for (size_t length = 0; length < sizeof text; length++) {
        for (int how = 0; how < 2; how++) {
            b = lull_builder_get(t, pool);
            root[0] = b;
            if (how == 0) {
                lull_builder_append(t, b, text, length);
            } else {
                lull_builder_printf(t, b, "%.*s", (int)length, text);
            }
            const char *view = lull_builder_view(b);
            ensure(strlen(view) == length && memcmp(view, text, length) == 0, "%zu", length);
            lull_object_info info = lull_object_of(heap, (uintptr_t)view);
            ensure(info.size > length, "a NUL beyond the end of %zu bytes", info.size);
            lull_builder_put(t, pool, b);
        }
    }
}
END_TEST

START_TEST(nul_bytes_count)
{
    ck_assert_int_eq(lull_builder_append(t, b, "a\0b", 4), LULL_OK);
    ck_assert_int_eq(lull_builder_append_char(t, b, 0), LULL_OK);
    ck_assert_uint_eq(lull_builder_length(b), 5);
    ck_assert_mem_eq(lull_builder_view(b), "a\0b\0\0", 6);
    ck_assert_mem_eq(lull_builder_copy(t, b), "a\0b\0\0", 6);
}
END_TEST

START_TEST(it_appends_to_itself)
{
    lull_builder_append_string(t, b, "0123456789");
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(lull_builder_append_string(t, b, lull_builder_view(b)), LULL_OK);
    }
    ck_assert_uint_eq(lull_builder_length(b), 320);
    for (size_t i = 0; i < 320; i++) {
        ck_assert_int_eq(lull_builder_view(b)[i], '0' + (int)i % 10);
    }
}
END_TEST

/* ---- results ---- */

START_TEST(a_copy_outlives_its_builder)
{
    for (int i = 0; i < 7; i++) {
        lull_builder_clear(b);
        lull_builder_printf(t, b, "number %d%*s", i, i * 50, "");
        lull_store(t, &root[1 + i], lull_builder_copy(t, b));
    }
    lull_builder_put(t, pool, b);
    root[0] = NULL;
    for (int i = 0; i < 4; i++) {
        collect();
    }
    for (int i = 0; i < 7; i++) {
        char text[32];
        snprintf(text, sizeof text, "number %d", i);
        ck_assert_mem_eq(root[1 + i], text, strlen(text));
        ck_assert_uint_eq(strlen(root[1 + i]), strlen(text) + 50 * (size_t)i);
    }
}
END_TEST

/* ---- errors ---- */

START_TEST(null_is_no_builder)
{
    ck_assert_int_eq(lull_builder_append(t, NULL, "a", 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_append_string(t, NULL, "a"), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_append_char(t, NULL, 'a'), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_append_int(t, NULL, 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_append_uint(t, NULL, 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_printf(t, NULL, "%d", 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_builder_error(NULL), LULL_E_INVALID);
    ck_assert_uint_eq(lull_builder_length(NULL), 0);
    ck_assert_ptr_null(lull_builder_view(NULL));
    ck_assert_ptr_null(lull_builder_copy(t, NULL));
    lull_builder_clear(NULL);
}
END_TEST

/* The first error is the one that is told, by everything, until it is cleared. */
static void check_stuck(int code, size_t built)
{
    ck_assert_int_eq(lull_builder_error(b), code);
    ck_assert_int_eq(lull_builder_append_char(t, b, 'x'), code);
    ck_assert_int_eq(lull_builder_append_string(t, b, NULL), code);
    ck_assert_int_eq(lull_builder_append_int(t, b, 1), code);
    ck_assert_int_eq(lull_builder_printf(t, b, "x"), code);
    ck_assert_ptr_null(lull_builder_view(b));
    ck_assert_int_eq(lull_error(), code);
    ck_assert_ptr_null(lull_builder_copy(t, b));
    ck_assert_int_eq(lull_error(), code);
    ck_assert_uint_eq(lull_builder_length(b), built);
    lull_builder_clear(b);
    ck_assert_int_eq(lull_builder_error(b), LULL_OK);
    lull_builder_append_string(t, b, "again");
    CHECK_TEXT("again");
    lull_builder_clear(b);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int print_nothing(int last, ...)
{
    const char *volatile no_format = NULL;
    va_list arguments;

    va_start(arguments, last);
    int status = lull_builder_vprintf(t, b, no_format, arguments);
    va_end(arguments);
    return status;
}
#pragma GCC diagnostic pop

START_TEST(errors_stick)
{
    lull_builder_append_string(t, b, "text");
    ck_assert_int_eq(lull_builder_append(t, b, NULL, 3), LULL_E_INVALID);
    check_stuck(LULL_E_INVALID, 4);
    ck_assert_int_eq(lull_builder_append_string(t, b, NULL), LULL_E_INVALID);
    check_stuck(LULL_E_INVALID, 0);
    lull_builder_append_string(t, b, "text");
    ck_assert_int_eq(lull_builder_append(t, b, "x", SIZE_MAX), LULL_E_SIZE);
    check_stuck(LULL_E_SIZE, 4);
    ck_assert_int_eq(lull_builder_append(t, b, "x", PTRDIFF_MAX / 2), LULL_E_LIMIT);
    check_stuck(LULL_E_LIMIT, 0);
    ck_assert_int_eq(print_nothing(0), LULL_E_INVALID);
    check_stuck(LULL_E_INVALID, 0);
}
END_TEST

START_TEST(what_printf_cannot_print)
{
    wchar_t wrong[] = {0x7fffffff, 0};

    lull_builder_append_string(t, b, "text");
    ck_assert_int_eq(lull_builder_printf(t, b, "%ls", wrong), LULL_E_INVALID);
    check_stuck(LULL_E_INVALID, 4);
}
END_TEST

/* Where there is no memory, what was built is still there, without the NUL's room lost. */
START_TEST(no_memory)
{
    lull_options options = support_options();
    size_t before = 0;

    tear_down();
    options.heap_max = (size_t)1 << 20;
    set_up_with(options);
    open_pool(0);
    while (lull_builder_append_string(t, b, "0123456789abcdef") == LULL_OK) {
        before = lull_builder_length(b);
    }
    ck_assert_int_eq(lull_builder_error(b), LULL_E_LIMIT);
    ck_assert_uint_eq(lull_builder_length(b), before);
    ck_assert_uint_ge(before, (64 << 10) - 17);
    check_stuck(LULL_E_LIMIT, before);
}
END_TEST

/* ---- a model ---- */

#define TEXT_MOST 200000

static char text[TEXT_MOST];
static size_t length;

/* Appends the same to both. */
static void append_some(struct random *r)
{
    static char bytes[3000];
    uint64_t value = random_magnitude(r);
    size_t count = random_below(r, random_below(r, 10) == 0 ? sizeof bytes : 30);
    char *end = text + length;
    size_t room = TEXT_MOST - length;
    int status = LULL_OK;

    switch (random_below(r, 6)) {
    case 0:
        memset(bytes, (int)random_below(r, 256), count);
        memcpy(end, bytes, count);
        length += count;
        status = lull_builder_append(t, b, bytes, count);
        break;
    case 1:
        memset(bytes, 's', sizeof bytes);
        bytes[count] = 0;
        length += (size_t)snprintf(end, room, "%s", bytes);
        status = lull_builder_append_string(t, b, bytes);
        break;
    case 2:
        *end = (char)value;
        length++;
        status = lull_builder_append_char(t, b, (char)value);
        break;
    case 3:
        length += (size_t)snprintf(end, room, "%jd", (intmax_t)(int64_t)value);
        status = lull_builder_append_int(t, b, (int64_t)value);
        break;
    case 4:
        length += (size_t)snprintf(end, room, "%ju", (uintmax_t)value);
        status = lull_builder_append_uint(t, b, value);
        break;
    default:
        length +=
            (size_t)snprintf(end, room, "<%-*d|%#jx>", (int)count, (int)value, (uintmax_t)value);
        status = lull_builder_printf(t, b, "<%-*d|%#jx>", (int)count, (int)value, (uintmax_t)value);
    }
    ensure(status == LULL_OK, "%s", lull_error_message());
}

static void play_model(uint64_t seed)
{
    struct random r = {seed};

    lull_builder_clear(b);
    length = 0;
    for (int step = 0; step < 10000; step++) {
        if (length < TEXT_MOST - 10000) {
            append_some(&r);
        }
        uint64_t what = random_below(&r, 200);
        if (what < 2 && heap->options.mode != LULL_MODE_OFF) {
            collect();
        } else if (what < 4) {
            lull_builder_clear(b);
            length = 0;
        } else if (what < 6) {
            lull_builder_put(t, pool, b);
            root[0] = b = lull_builder_get(t, pool);
            length = 0;
        } else if (what < 10) {
            root[1] = lull_builder_copy(t, b);
            ensure(root[1] != NULL && ((char *)root[1])[length] == 0 &&
                       memcmp(root[1], text, length) == 0,
                   "another copy");
        }
        ensure(lull_builder_length(b) == length, "%zu, not %zu", lull_builder_length(b), length);
        if (step % 8 == 0) {
            const char *view = lull_builder_view(b);
            ensure(view[length] == 0 && memcmp(view, text, length) == 0, "another text");
        }
    }
}

START_TEST(it_does_what_printf_does)
{
    static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_OFF, LULL_MODE_CONCURRENT,
                                      LULL_MODE_INCREMENTAL};

    tear_down();
    set_up_mode(modes[_i]);
    for (uint64_t seed = 1; seed <= support_rounds(5); seed++) {
        play_model(seed);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("builder");

    tcase_add_checked_fixture(tests, set_up_builder, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, pools_of_builders);
    if (!LULL__DEBUG) { /* asserted otherwise */
        tcase_add_test(tests, a_builder_that_was_put_back);
    }
    tcase_add_test(tests, put_clears);
    tcase_add_test(tests, pools_of_builders_calibrate);
    tcase_add_test(tests, each_way_to_append);
    tcase_add_test(tests, integers_of_all_sizes);
    tcase_add_test(tests, the_nul_has_room);
    tcase_add_test(tests, nul_bytes_count);
    tcase_add_test(tests, it_appends_to_itself);
    tcase_add_test(tests, a_copy_outlives_its_builder);
    tcase_add_test(tests, null_is_no_builder);
    tcase_add_test(tests, errors_stick);
    tcase_add_test(tests, what_printf_cannot_print);
    tcase_add_test(tests, no_memory);
    tcase_add_loop_test(tests, it_does_what_printf_does, 0, 4);
    return support_run(suite_create("builder"), tests);
}
