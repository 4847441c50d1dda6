/* test_options.c -- a heap's options: defaults, what is refused, what the environment says. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "options.h"
#include "suite.h"

static lull_options given, out;

static const char *const variables[] = {"LULL_MODE",     "LULL_PERCENT",  "LULL_LIMIT",
                                        "LULL_HEAP_MAX", "LULL_HEAP_MIN", "LULL_MARKERS",
                                        "LULL_DEBUG",    "LULL_TRACE"};

static void start(void)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i]);
    }
    lull_options_init(&given);
    memset(&out, 0x5a, sizeof(out));
}

/* ---- defaults ---- */

START_TEST(defaults_are_as_the_header_says)
{
    memset(&given, 0x5a, sizeof(given));
    lull_options_init(&given);
    ck_assert_uint_eq(given.struct_size, sizeof(lull_options));
    ck_assert_int_eq(given.mode, LULL_MODE_CONCURRENT);
    ck_assert_int_eq(given.gc_percent, 100);
    ck_assert_uint_eq(given.memory_limit, 0);
    ck_assert_uint_eq(given.heap_max, 0);
    ck_assert_uint_eq(given.heap_min, 4 << 20);
    ck_assert_uint_eq(given.reserve, 0);
    ck_assert_int_eq(given.markers, 0);
    ck_assert_int_eq(given.finalizer_thread, 0);
    ck_assert_int_eq(given.stop_signal, 0);
    ck_assert_int_ne(given.use_environment, 0);
    ck_assert_uint_eq(given.debug, 0);
    ck_assert_int_eq(given.trace, 0);
    ck_assert_uint_eq(given.pointer_mask, UINTPTR_MAX);
    ck_assert_uint_eq(given.tag_mask, 0);
    ck_assert_uint_eq(given.tag_value, 0);
    ck_assert(given.no_memory == NULL);
    ck_assert(given.no_memory_arg == NULL);
}
END_TEST

START_TEST(no_options_are_the_defaults)
{
    ck_assert_int_eq(lull__options_resolve(NULL, &out), LULL_OK);
    ck_assert_mem_eq(&out, &given, sizeof(out));
}
END_TEST

START_TEST(what_is_given_comes_through)
{
    given.mode = LULL_MODE_OFF;
    given.gc_percent = 42;
    given.memory_limit = 1;
    given.heap_max = SIZE_MAX;
    given.heap_min = 3;
    given.reserve = 1 << 30;
    given.markers = 5;
    given.finalizer_thread = 1;
    given.stop_signal = SIGUSR2;
    given.debug = LULL_DEBUG_STRESS;
    given.trace = 1;
    given.pointer_mask = 0xffff;
    given.tag_mask = 7;
    given.tag_value = 3;
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    ck_assert_mem_eq(&out, &given, sizeof(out));
    ck_assert_int_eq(lull_error(), LULL_OK);
}
END_TEST

/* ---- refusals ---- */

/* Resolving fails with `status`, and the message holds all of `words` (at most three). */
static void check_refused(int status, const char *const words[3])
{
    ck_assert_int_eq(lull__options_resolve(&given, &out), status);
    ck_assert_int_eq(lull_error(), status);
    for (int i = 0; i < 3 && words[i] != NULL; i++) {
        ck_assert_msg(strstr(lull_error_message(), words[i]) != NULL, "no \"%s\" in \"%s\"",
                      words[i], lull_error_message());
    }
}

/* `field` set to `value` is refused; the message has its name, its value and what is allowed. */
#define REFUSED(field, bad, value_text, allowed_text)                                              \
    do {                                                                                           \
        start();                                                                                   \
        given.field = (bad);                                                                       \
        check_refused(LULL_E_INVALID, (const char *const[]){#field, value_text, allowed_text});    \
    } while (0)

#define ACCEPTED(field, good)                                                                      \
    do {                                                                                           \
        start();                                                                                   \
        given.field = (good);                                                                      \
        ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);                            \
        ck_assert(out.field == given.field);                                                       \
    } while (0)

START_TEST(options_out_of_range_are_refused)
{
    REFUSED(struct_size, sizeof(lull_options) - 8, "", "lull_options_init");
    REFUSED(struct_size, sizeof(lull_options) + 8, "", "lull_options_init");
    REFUSED(struct_size, 0, "0", "lull_options_init");
    REFUSED(mode, (lull_mode)4, "4", "LULL_MODE_INCREMENTAL");
    REFUSED(mode, (lull_mode)-1, "-1", "LULL_MODE_STOP");
    REFUSED(gc_percent, -2, "-2", "100000");
    REFUSED(gc_percent, 100001, "100001", "LULL_PERCENT_OFF");
    REFUSED(reserve, 1, "1", "1048576");
    REFUSED(reserve, LULL__RESERVE_MAX + 1, "70368744177665", "70368744177664");
    REFUSED(markers, -1, "-1", "0 to 64");
    REFUSED(markers, 65, "65", "0 to 64");
    REFUSED(stop_signal, -2, "-2", "-1, 0");
    REFUSED(stop_signal, SIGRTMAX + 1, "65", "64");
    REFUSED(stop_signal, SIGKILL, "9", "catch");
    REFUSED(stop_signal, SIGSEGV, "11", "catch");
    REFUSED(debug, 16, "0x10", "0xf");
    REFUSED(debug, 0x80000001u, "0x80000001", "0xf");
    REFUSED(pointer_mask, 0, "0", "other");
    REFUSED(tag_value, 4, "0x4", "0x0");
}
END_TEST

START_TEST(the_bounds_themselves_are_allowed)
{
    ACCEPTED(gc_percent, 0);
    ACCEPTED(gc_percent, 100000);
    ACCEPTED(gc_percent, LULL_PERCENT_OFF);
    ACCEPTED(reserve, LULL__RESERVE_MIN);
    ACCEPTED(reserve, LULL__RESERVE_MAX);
    ACCEPTED(markers, 1);
    ACCEPTED(markers, 64);
    ACCEPTED(stop_signal, -1);
    ACCEPTED(stop_signal, SIGRTMAX);
    ACCEPTED(debug, 15);
    ACCEPTED(heap_min, 0);
    ACCEPTED(heap_min, SIZE_MAX);
    ACCEPTED(memory_limit, SIZE_MAX);
}
END_TEST

/* ---- the environment ---- */

static const lull_options *resolved(const char *name, const char *text)
{
    start();
    ck_assert_int_eq(setenv(name, text, 1), 0);
    ck_assert_msg(lull__options_resolve(&given, &out) == LULL_OK, "%s=%s is refused: %s", name,
                  text, lull_error_message());
    return &out;
}

static void refused(const char *name, const char *text, const char *allowed)
{
    start();
    ck_assert_int_eq(setenv(name, text, 1), 0);
    check_refused(LULL_E_ENVIRONMENT, (const char *const[]){name, text, allowed});
}

START_TEST(variables_override_options)
{
    given.mode = LULL_MODE_STOP;
    ck_assert_int_eq(resolved("LULL_MODE", "off")->mode, LULL_MODE_OFF);
    ck_assert_int_eq(resolved("LULL_MODE", "stop")->mode, LULL_MODE_STOP);
    ck_assert_int_eq(resolved("LULL_MODE", "concurrent")->mode, LULL_MODE_CONCURRENT);
    ck_assert_int_eq(resolved("LULL_MODE", "incremental")->mode, LULL_MODE_INCREMENTAL);
    ck_assert_int_eq(resolved("LULL_PERCENT", "250")->gc_percent, 250);
    ck_assert_int_eq(resolved("LULL_PERCENT", "0")->gc_percent, 0);
    ck_assert_int_eq(resolved("LULL_PERCENT", "100000")->gc_percent, 100000);
    ck_assert_int_eq(resolved("LULL_PERCENT", "off")->gc_percent, LULL_PERCENT_OFF);
    ck_assert_uint_eq(resolved("LULL_LIMIT", "1000")->memory_limit, 1000);
    ck_assert_uint_eq(resolved("LULL_HEAP_MAX", "512M")->heap_max, (size_t)512 << 20);
    ck_assert_uint_eq(resolved("LULL_HEAP_MIN", "0")->heap_min, 0);
    ck_assert_int_eq(resolved("LULL_MARKERS", "64")->markers, 64);
    ck_assert_int_eq(resolved("LULL_MARKERS", "0")->markers, 0);
    ck_assert_int_eq(resolved("LULL_TRACE", "1")->trace, 1);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "verify")->debug, LULL_DEBUG_VERIFY);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "stress,scribble")->debug,
                      LULL_DEBUG_STRESS | LULL_DEBUG_SCRIBBLE);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "verify,scribble,stress,verify")->debug, 7);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "pools")->debug, LULL_DEBUG_POOLS);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "verify")->schedule_seed, 0);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "schedule=1")->schedule_seed, 1);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "schedule=7,verify")->debug, LULL_DEBUG_VERIFY);
    ck_assert_uint_eq(resolved("LULL_DEBUG", "stress,schedule=4294967295")->schedule_seed,
                      UINT32_MAX);
}
END_TEST

/* An override replaces what was given; nothing is merged. */
START_TEST(variables_replace_what_the_program_set)
{
    given.debug = LULL_DEBUG_VERIFY;
    given.trace = 1;
    given.gc_percent = 7;
    setenv("LULL_DEBUG", "stress", 1);
    setenv("LULL_TRACE", "0", 1);
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    ck_assert_uint_eq(out.debug, LULL_DEBUG_STRESS);
    ck_assert_int_eq(out.trace, 0);
    ck_assert_int_eq(out.gc_percent, 7);
}
END_TEST

START_TEST(variables_may_say_the_defaults)
{
    given.mode = LULL_MODE_OFF;
    given.memory_limit = given.heap_max = given.heap_min = 12345;
    setenv("LULL_MODE", "concurrent", 1);
    setenv("LULL_LIMIT", "off", 1);
    setenv("LULL_HEAP_MAX", "0", 1);
    setenv("LULL_HEAP_MIN", "off", 1);
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    ck_assert_int_eq(out.mode, LULL_MODE_CONCURRENT);
    ck_assert_uint_eq(out.memory_limit, 0);
    ck_assert_uint_eq(out.heap_max, 0);
    ck_assert_uint_eq(out.heap_min, 0);
}
END_TEST

START_TEST(variables_count_without_options_too)
{
    setenv("LULL_PERCENT", "33", 1);
    ck_assert_int_eq(lull__options_resolve(NULL, &out), LULL_OK);
    ck_assert_int_eq(out.gc_percent, 33);
}
END_TEST

START_TEST(sizes_are_read)
{
    static const struct {
        const char *text;
        size_t bytes;
    } sizes[] = {
        {"0", 0},
        {"off", 0},
        {"1", 1},
        {"4096", 4096},
        {"9", 9},
        {"97.9K", 97 * 1024 + 921},
        {"18446744073709551615", SIZE_MAX},
        {"1K", 1024},
        {"1k", 1024},
        {"64KiB", 65536},
        {"64kib", 65536},
        {"512M", (size_t)512 << 20},
        {"512MiB", (size_t)512 << 20},
        {"1.5G", (size_t)3 << 29},
        {"1.50GiB", (size_t)3 << 29},
        {"0.25T", (size_t)1 << 38},
        {"2t", (size_t)1 << 41},
        {"0.5K", 512},
        {"0.000001M", 1}, /* 1.05 bytes */
        {"16777215T", (size_t)16777215 << 40},
        {"16777215.999999T", ((size_t)16777215 << 40) + 1099510528264},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_uint_eq(resolved("LULL_LIMIT", sizes[i].text)->memory_limit, sizes[i].bytes);
    }
}
END_TEST

START_TEST(sizes_that_say_nothing_are_refused)
{
    static const char *const texts[] = {"x",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1 M",
                                        "M",
                                        ".5G",
                                        "1.G",
                                        "1.5",
                                        "1.5B",
                                        "1.5.5G",
                                        "1,5G",
                                        "1e9",
                                        "0x10",
                                        "1KB",
                                        "1GB",
                                        "1Ki",
                                        "1KiBs",
                                        "1MM",
                                        "OFF",
                                        "1P",
                                        "1.5-G",
                                        "18446744073709551616",
                                        "18014398509481984K",
                                        "16777216T",
                                        "99999999999999999999999",
                                        "1.0000001G"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refused("LULL_LIMIT", texts[i], "64M, 1.5G or 64KiB");
    }
    refused("LULL_HEAP_MAX", "lots", "\"off\"");
    refused("LULL_HEAP_MIN", "few", "\"off\"");
}
END_TEST

START_TEST(other_values_that_say_nothing_are_refused)
{
    refused("LULL_MODE", "beside", "\"concurrent\" and \"incremental\"");
    refused("LULL_MODE", "STOP", "\"stop\", \"off\"");
    refused("LULL_PERCENT", "-1", "0 to 100000 and \"off\"");
    refused("LULL_PERCENT", "100001", "0 to 100000 and \"off\"");
    refused("LULL_PERCENT", "4294967297", "0 to 100000 and \"off\"");
    refused("LULL_PERCENT", "50%", "0 to 100000 and \"off\"");
    refused("LULL_MARKERS", "65", "0 to 64");
    refused("LULL_MARKERS", "two", "0 to 64");
    refused("LULL_TRACE", "2", "0 and 1");
    refused("LULL_TRACE", "yes", "0 and 1");
    refused("LULL_DEBUG", "verbose", "\"scribble\"");
    refused("LULL_DEBUG", "verify,", "\"scribble\"");
    refused("LULL_DEBUG", ",verify", "\"scribble\"");
    refused("LULL_DEBUG", "verify scribble", "\"scribble\"");
    refused("LULL_DEBUG", "verif", "\"scribble\"");
    refused("LULL_DEBUG", "schedule", "\"schedule=N\"");
    refused("LULL_DEBUG", "schedule=", "\"schedule=N\"");
    refused("LULL_DEBUG", "schedule=0", "\"schedule=N\"");
    refused("LULL_DEBUG", "schedule=4294967296", "\"schedule=N\"");
    refused("LULL_DEBUG", "schedule=1x,verify", "\"schedule=N\"");
    refused("LULL_DEBUG", "verify2", "\"scribble\"");
}
END_TEST

/* However long the value, what is allowed is still told. */
START_TEST(long_values_do_not_hide_what_is_allowed)
{
    char text[5000];

    memset(text, '7', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    setenv("LULL_DEBUG", text, 1);
    check_refused(LULL_E_ENVIRONMENT,
                  (const char *const[]){"LULL_DEBUG is \"777", "777\"...", "with commas between"});
}
END_TEST

START_TEST(empty_variables_are_not_set)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i], "", 1);
    }
    given.gc_percent = 77;
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    ck_assert_mem_eq(&out, &given, sizeof(out));
}
END_TEST

START_TEST(unknown_variables_are_left_alone)
{
    setenv("LULL_COLOUR", "blue", 1);
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    unsetenv("LULL_COLOUR");
}
END_TEST

START_TEST(a_program_may_ignore_the_environment)
{
    given.use_environment = 0;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i], "1", 1); /* allowed for some, refused for others */
    }
    ck_assert_int_eq(lull__options_resolve(&given, &out), LULL_OK);
    ck_assert_mem_eq(&out, &given, sizeof(out));
}
END_TEST

/* A program's mistake is told even where a variable would override it. */
START_TEST(options_are_checked_before_the_environment)
{
    setenv("LULL_PERCENT", "100", 1);
    given.gc_percent = -5;
    check_refused(LULL_E_INVALID, (const char *const[]){"gc_percent", "-5", NULL});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *program = tcase_create("program");
    TCase *environment = tcase_create("environment");

    tcase_add_checked_fixture(program, start, NULL);
    tcase_add_checked_fixture(environment, start, NULL);
    tcase_add_test(program, defaults_are_as_the_header_says);
    tcase_add_test(program, no_options_are_the_defaults);
    tcase_add_test(program, what_is_given_comes_through);
    tcase_add_test(program, options_out_of_range_are_refused);
    tcase_add_test(program, the_bounds_themselves_are_allowed);
    tcase_add_test(environment, variables_override_options);
    tcase_add_test(environment, variables_replace_what_the_program_set);
    tcase_add_test(environment, variables_may_say_the_defaults);
    tcase_add_test(environment, variables_count_without_options_too);
    tcase_add_test(environment, sizes_are_read);
    tcase_add_test(environment, sizes_that_say_nothing_are_refused);
    tcase_add_test(environment, other_values_that_say_nothing_are_refused);
    tcase_add_test(environment, long_values_do_not_hide_what_is_allowed);
    tcase_add_test(environment, empty_variables_are_not_set);
    tcase_add_test(environment, unknown_variables_are_left_alone);
    tcase_add_test(environment, a_program_may_ignore_the_environment);
    tcase_add_test(environment, options_are_checked_before_the_environment);
    suite_add_tcase(suite, program);
    suite_add_tcase(suite, environment);
    return support_run_suite(suite);
}
