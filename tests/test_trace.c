/* test_trace.c -- the trace line: its format is a promise. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "pacer.h"
#include "suite.h"
#include "trace.h"

static struct lull__events events;
static char line[LULL__TRACE_LINE_BYTES];

/* The events of a cycle, in their order. */
static void cycle(uint64_t reason, uint64_t next_goal)
{
    memset(&events, 0, sizeof(events));
    lull__emit(&events, create, 0, 5000000000, 1000000000);
    for (uint64_t number = 1; number <= 12; number++) {
        lull__emit(&events, cycle_begin, 0, reason, 209715200, 209715200);
        lull__emit(&events, stop, 0, 52000, 3, 0);
        lull__emit(&events, weak_end, 0, 310000, 300000, 0, 0);
        lull__emit(&events, mark_end, 0, 11230999, 2504000, 1000, 102970164, 12288, 4096, 2, 0);
        lull__emit(&events, cycle_end, 0, number, 0, 210732318, 105172173, 102970164, 209715200,
                   12310000, 12400000);
        lull__emit(&events, sweep, 0, 100, 50000, 0);
        lull__emit(&events, goal_set, 0, next_goal, next_goal, 100, 0);
    }
}

static const char *formatted(uint64_t now_ns, uint64_t process_cpu_ns)
{
    memset(line, 'x', sizeof(line));
    ck_assert_uint_eq(lull__trace_format(&events, now_ns, process_cpu_ns, line), strlen(line));
    return line;
}

#define LINE                                                                                       \
    "lull: cycle 12 (trigger) at 3.214 s: 200.9 -> 100.3 -> 98.2 MiB, goal 200.0, next 196.4; "    \
    "held 12.310 ms: stop 0.052, mark 11.230 (weak 0.310); CPU 2.504 ms, 2 markers; "              \
    "stacks 12.0 KiB, globals 4.0 KiB, 3 threads; collector 3.0 % of CPU\n"

START_TEST(the_line_is_as_documented)
{
    cycle(LULL__REASON_TRIGGER, 205940327);
    ck_assert_str_eq(formatted(8214000000, 2000000000), LINE);
}
END_TEST

START_TEST(the_locale_does_not_matter)
{
    /* where there is such a locale, its decimal point is a comma */
    setlocale(LC_ALL, "de_DE.UTF-8");
    cycle(LULL__REASON_TRIGGER, 205940327);
    ck_assert_str_eq(formatted(8214000000, 2000000000), LINE);
}
END_TEST

START_TEST(a_goal_may_be_none)
{
    cycle(LULL__REASON_FORCED, LULL__PACER_NEVER);
    formatted(8214000000, 2000000000);
    ck_assert_ptr_nonnull(strstr(line, "cycle 12 (forced) at "));
    ck_assert_ptr_nonnull(strstr(line, "goal 200.0, next none; "));
}
END_TEST

START_TEST(no_cpu_is_no_division)
{
    cycle(LULL__REASON_LIMIT, 1);
    formatted(5000000000, 1000000000);
    ck_assert_ptr_nonnull(strstr(line, "(limit) at 0.000 s: "));
    ck_assert_ptr_nonnull(strstr(line, "collector 0.0 % of CPU\n"));
}
END_TEST

START_TEST(the_greatest_numbers_fit)
{
    for (unsigned i = 0; i < LULL__COUNTERS; i++) {
        atomic_store(&events.counter[i], UINT64_MAX - 1);
    }
    atomic_store(&events.counter[LULL__COUNTER_last_reason], LULL__REASON_STRESS);
    atomic_store(&events.happened[LULL__EVENT_cycle_end], UINT64_MAX);
    formatted(UINT64_MAX - 2, UINT64_MAX);
    ck_assert_ptr_nonnull(strstr(line, "cycle 18446744073709551615 (stress) at "));
    ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

START_TEST(a_cycle_is_one_line_on_stderr)
{
    char text[2 * LULL__TRACE_LINE_BYTES];
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t length;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    cycle(LULL__REASON_TRIGGER, 205940327);
    errno = EXDEV;
    lull__trace_cycle(&events);
    ck_assert_int_eq(errno, EXDEV);
    dup2(saved, STDERR_FILENO);
    close(ends[1]);
    length = read(ends[0], text, sizeof(text) - 1);
    ck_assert_int_gt(length, 0);
    text[length] = '\0';
    ck_assert_ptr_eq(strstr(text, "lull: cycle 12 (trigger) at "), text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + length - 1);
    close(ends[0]);
    close(saved);
}
END_TEST

START_TEST(a_closed_stderr_is_no_harm)
{
    int saved = dup(STDERR_FILENO);

    cycle(LULL__REASON_TRIGGER, 205940327);
    close(STDERR_FILENO);
    errno = EXDEV;
    lull__trace_cycle(&events);
    ck_assert_int_eq(errno, EXDEV);
    dup2(saved, STDERR_FILENO);
    close(saved);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *format = tcase_create("format");
    TCase *output = tcase_create("output");

    tcase_add_test(format, the_line_is_as_documented);
    tcase_add_test(format, the_locale_does_not_matter);
    tcase_add_test(format, a_goal_may_be_none);
    tcase_add_test(format, no_cpu_is_no_division);
    tcase_add_test(format, the_greatest_numbers_fit);
    tcase_add_test(output, a_cycle_is_one_line_on_stderr);
    tcase_add_test(output, a_closed_stderr_is_no_harm);
    suite_add_tcase(suite, format);
    suite_add_tcase(suite, output);
    return support_run_suite(suite);
}
