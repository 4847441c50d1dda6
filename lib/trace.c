/* trace.c -- the trace line, from what the last cycle's events left in the counters. */
#include "trace.h"

#include <errno.h>
#include <stdio.h>

#include "os.h"
#include "pacer.h"

static const char *reason_name(uint64_t reason)
{
    static const char *const names[LULL__REASONS] = {
        [LULL__REASON_TRIGGER] = "trigger",
        [LULL__REASON_FORCED] = "forced",
        [LULL__REASON_LIMIT] = "limit",
        [LULL__REASON_STRESS] = "stress",
    };

    LULL_ASSERT_VALUES(reason < LULL__REASONS, reason, LULL__REASONS);
    return names[reason];
}

/* Numbers are put into text here, not by %f: that has the locale's decimal point. */
struct number {
    char text[40];
};

/* value / unit with so many decimals, 1 or 3, rounded down; unit below 2^32. */
static struct number decimal(uint64_t value, uint64_t unit, int places)
{
    uint64_t scale = places == 1 ? 10 : 1000;
    struct number number;

    snprintf(number.text, sizeof(number.text), "%ju.%0*ju", (uintmax_t)(value / unit), places,
             (uintmax_t)(value % unit * scale / unit));
    return number;
}

static struct number mib(uint64_t bytes)
{
    return decimal(bytes, LULL__MIB, 1);
}

static struct number kib(uint64_t bytes)
{
    return decimal(bytes, LULL__KIB, 1);
}

static struct number ms(uint64_t ns)
{
    return decimal(ns, 1000000, 3);
}

static struct number goal_mib(uint64_t goal_bytes)
{
    struct number number = {"none"};

    if (goal_bytes != LULL__PACER_NEVER) {
        number = mib(goal_bytes);
    }
    return number;
}

static struct number percent(uint64_t part, uint64_t whole)
{
    double tenths = whole == 0 ? 0 : 1000 * (double)part / (double)whole;

    return decimal((uint64_t)(tenths < 1e6 ? tenths : 1e6), 10, 1);
}

size_t lull__trace_format(const struct lull__events *e, uint64_t now_ns, uint64_t process_cpu_ns,
                          char line[LULL__TRACE_LINE_BYTES])
{
    int length = snprintf(
        line, LULL__TRACE_LINE_BYTES,
        "lull: cycle %ju (%s) at %s s: %s -> %s -> %s MiB, goal %s, next %s; "
        "held %s ms: stop %s, mark %s (weak %s); CPU %s ms, %ju markers; "
        "stacks %s KiB, globals %s KiB, %ju threads; collector %s %% of CPU\n",
        (uintmax_t)lull__happened(e, cycle_end), reason_name(lull__count(e, last_reason)),
        decimal(now_ns - lull__count(e, created_ns), 1000000000, 3).text,
        mib(lull__count(e, last_before_bytes)).text, mib(lull__count(e, last_after_bytes)).text,
        mib(lull__count(e, live_bytes)).text, goal_mib(lull__count(e, last_cycle_goal_bytes)).text,
        goal_mib(lull__count(e, goal_bytes)).text, ms(lull__count(e, last_held_ns)).text,
        ms(lull__count(e, last_stop_ns)).text, ms(lull__count(e, last_mark_ns)).text,
        ms(lull__count(e, last_weak_ns)).text, ms(lull__count(e, last_mark_cpu_ns)).text,
        (uintmax_t)lull__count(e, last_markers), kib(lull__count(e, stack_bytes)).text,
        kib(lull__count(e, global_bytes)).text, (uintmax_t)lull__count(e, last_stopped_threads),
        percent(lull__events_cpu_ns(e), process_cpu_ns - lull__count(e, created_cpu_ns)).text);

    LULL_ASSERT_VALUES(length > 0 && length < LULL__TRACE_LINE_BYTES, length, 0);
    return (size_t)length;
}

void lull__trace_cycle(const struct lull__events *events)
{
    int saved_errno = errno;
    char line[LULL__TRACE_LINE_BYTES];
    size_t length = lull__trace_format(events, lull__os_now_ns(), lull__os_process_cpu_ns(), line);

    lull__os_say(line, length);
    errno = saved_errno;
}
