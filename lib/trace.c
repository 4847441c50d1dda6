/* trace.c -- the trace line from the counters of the last cycle; see trace.h. */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "os.h"

static const char *reason_name(uint64_t reason)
{
    static const char *const names[LULL__REASONS] = {
        [LULL__REASON_TRIGGER] = "trigger",
        [LULL__REASON_FORCED] = "forced",
        [LULL__REASON_LIMIT] = "limit",
        [LULL__REASON_STRESS] = "stress",
    };

    LULL_ASSERT(reason < LULL__REASONS);
    return names[reason];
}

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

static double kib(uint64_t bytes)
{
    return (double)bytes / 1024;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* A part of the line, behind what is there. The line is longer than the longest numbers need. */
#define PUT(...)                                                                             \
    do {                                                                                     \
        int put = snprintf(line + length, LULL__TRACE_LINE_BYTES - length, __VA_ARGS__);     \
        LULL_ASSERT(put > 0 && (size_t)put < LULL__TRACE_LINE_BYTES - length);               \
        length += (size_t)put;                                                               \
    } while (0)

size_t lull__trace_format(const struct lull__events *e, uint64_t now_ns, uint64_t process_cpu_ns,
                          char line[LULL__TRACE_LINE_BYTES])
{
    uint64_t goal = lull__count(e, goal_bytes);
    uint64_t cpu_ns = process_cpu_ns - lull__count(e, created_cpu_ns);
    size_t length = 0;

    PUT("lull: cycle %llu (%s) at %.3f s: ", (unsigned long long)lull__happened(e, cycle_end),
        reason_name(lull__count(e, last_reason)),
        (double)(now_ns - lull__count(e, created_ns)) / 1e9);
    PUT("%.1f -> %.1f -> %.1f MiB, ", mib(lull__count(e, last_before_bytes)),
        mib(lull__count(e, last_after_bytes)), mib(lull__count(e, live_bytes)));
    PUT_GOAL("goal", lull__count(e, last_cycle_goal_bytes));
}
