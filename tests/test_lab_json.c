/* test_lab_json.c -- what `lull-lab --json` writes is what doc/lab.md says it is. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "support.h"

/* The command that runs the lab with these arguments, under TEST_RUNNER if there is one. */
static void lab_command(char *command, size_t size, const char *arguments)
{
    const char *runner = getenv("TEST_RUNNER"), *builddir = getenv("builddir");

    snprintf(command, size, "%s %s/lull-lab %s 2>/dev/null", runner == NULL ? "" : runner,
             builddir == NULL ? "." : builddir, arguments);
}

/* Runs the lab and reads the JSON on its standard output. */
static json_t *lab(const char *arguments, int *status)
{
    char command[1024];
    json_error_t error;
    json_t *document;
    FILE *output;

    lab_command(command, sizeof command, arguments);
    output = popen(command, "r");
    ck_assert_ptr_nonnull(output);
    document = json_loadf(output, 0, &error);
    *status = pclose(output);
    ck_assert_msg(document != NULL, "%s: %s, line %d", command, error.text, error.line);
    return document;
}

/* What a field may be. */
enum kind {
    TEXT = 1 << 0,
    INTEGER = 1 << 1,
    NUMBER = 1 << 2, /* integer or real */
    BOOLEAN = 1 << 3,
    OBJECT = 1 << 4,
    ARRAY = 1 << 5,
    NOTHING = 1 << 6 /* null */
};

static unsigned kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING: return TEXT;
    case JSON_INTEGER: return INTEGER | NUMBER;
    case JSON_REAL: return NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return BOOLEAN;
    case JSON_OBJECT: return OBJECT;
    case JSON_ARRAY: return ARRAY;
    default: return NOTHING;
    }
}

struct field {
    const char *name;
    unsigned kinds;
};

/* Every field is there, is of a kind it may be, and there is no other. */
static void check_fields(const json_t *object, const struct field *fields, size_t count)
{
    ck_assert(json_is_object(object));
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);

        ck_assert_msg(value != NULL, "%s is missing", fields[i].name);
        ck_assert_msg((kind_of(value) & fields[i].kinds) != 0, "%s is of the wrong kind",
                      fields[i].name);
        ck_assert_msg(!json_is_number(value) || json_number_value(value) >= 0, "%s is negative",
                      fields[i].name);
    }
    ck_assert_uint_eq(json_object_size(object), count);
}

#define CHECK_FIELDS(object, fields)                                                               \
    check_fields((object), (fields), sizeof(fields) / sizeof((fields)[0]))

static const struct field machine_fields[] = {
    {"cpu", TEXT | NOTHING},
    {"cores", INTEGER},
    {"memory_bytes", INTEGER},
    {"system", TEXT | NOTHING},
    {"arch", TEXT},
    {"libc", TEXT},
    {"compiler", TEXT},
    {"huge_pages", TEXT | NOTHING},
    {"preload", TEXT | NOTHING},
    {"date", TEXT},
    {"lab", TEXT},
    {"backends", OBJECT},
};

static const struct field run_fields[] = {
    {"workload", TEXT},
    {"backend", TEXT},
    {"mode", TEXT | NOTHING},
    {"percent", INTEGER | TEXT | NOTHING},
    {"limit_bytes", INTEGER | NOTHING},
    {"pools", BOOLEAN | NOTHING},
    {"returning", BOOLEAN | NOTHING},
    {"observed", BOOLEAN | NOTHING},
    {"threads", INTEGER},
    {"depth", INTEGER | NOTHING},
    {"scale", INTEGER},
    {"seed", INTEGER},
    {"input", TEXT | NOTHING},
    {"run", INTEGER},
    {"wall_ms", NUMBER | NOTHING},
    {"cpu_ms", NUMBER | NOTHING},
    {"gc_cpu_ms", NUMBER | NOTHING},
    {"cycles", INTEGER | NOTHING},
    {"ops", INTEGER | NOTHING},
    {"ops_per_s", NUMBER | NOTHING},
    {"offered_per_s", INTEGER | NOTHING},
    {"peak_rss_bytes", INTEGER | NOTHING},
    {"resident_bytes", INTEGER | NOTHING},
    {"returns", INTEGER | NOTHING},
    {"live_bytes", INTEGER | NOTHING},
    {"allocated_bytes", INTEGER | NOTHING},
    {"allocated_objects", INTEGER | NOTHING},
    {"mark_ns_per_object", NUMBER | NOTHING},
    {"longest_us", NUMBER | NOTHING},
    {"pause_us", OBJECT | NOTHING},
    {"delay_us", OBJECT | NOTHING},
    {"thread_delay_us", OBJECT | NOTHING},
    {"mmu", OBJECT | NOTHING},
    {"mmu_cpu", OBJECT | NOTHING},
    {"mmu_dropped", INTEGER | NOTHING},
    {"latency_us", OBJECT | NOTHING},
    {"service_us", OBJECT | NOTHING},
    {"hiccup_us", OBJECT | NOTHING},
    {"pool", OBJECT | NOTHING},
    {"pool_by_name", OBJECT | NOTHING},
    {"checksum", TEXT},
    {"error", TEXT | NOTHING},
};

static const struct field distribution_fields[] = {
    {"count", INTEGER},        {"p50", NUMBER | NOTHING},  {"p90", NUMBER | NOTHING},
    {"p99", NUMBER | NOTHING}, {"p999", NUMBER | NOTHING}, {"max", NUMBER | NOTHING},
    {"sum", NUMBER},
};

static const struct field pool_fields[] = {
    {"gets", INTEGER},           {"hits", INTEGER | NOTHING},  {"misses", INTEGER | NOTHING},
    {"puts", INTEGER | NOTHING}, {"drops", INTEGER | NOTHING},
};

/* A distribution's quantiles are in order, and null where nothing was counted. */
static void check_distribution(const json_t *run, const char *name)
{
    static const char *const ordered[] = {"p50", "p90", "p99", "p999", "max"};
    const json_t *d = json_object_get(run, name);
    double before = 0;

    if (json_is_null(d)) {
        return;
    }
    CHECK_FIELDS(d, distribution_fields);
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        const json_t *value = json_object_get(d, ordered[i]);

        if (json_integer_value(json_object_get(d, "count")) == 0) {
            ck_assert(json_is_null(value));
        } else {
            ck_assert_double_ge(json_number_value(value), before);
            before = json_number_value(value);
        }
    }
}

static const struct field delay_fields[] = {
    {"stop", OBJECT},  {"handshake", OBJECT}, {"assist", OBJECT}, {"stall", OBJECT},
    {"sweep", OBJECT}, {"refill", OBJECT},    {"fault", OBJECT},
    {"limit", OBJECT},
};

/* One thread was delayed no longer than all were together. */
static void check_worst_thread(const json_t *run, const json_t *delays)
{
    const json_t *thread = json_object_get(run, "thread_delay_us");

    ck_assert_uint_eq(json_object_size(thread), json_object_size(delays));
    for (size_t i = 0; i < sizeof delay_fields / sizeof delay_fields[0]; i++) {
        const json_t *all = json_object_get(delays, delay_fields[i].name);

        ck_assert_double_le(json_number_value(json_object_get(thread, delay_fields[i].name)),
                            json_number_value(json_object_get(all, "sum")) + 1e-3);
    }
}

/* The kinds add up to all pauses. */
static void check_delays(const json_t *run)
{
    const json_t *delays = json_object_get(run, "delay_us"),
                 *all = json_object_get(run, "pause_us");
    json_int_t count = 0;

    ck_assert_int_eq(json_is_null(delays),
                     strcmp(json_string_value(json_object_get(run, "backend")), "lull") != 0);
    if (json_is_null(delays)) {
        return;
    }
    CHECK_FIELDS(delays, delay_fields);
    check_worst_thread(run, delays);
    for (size_t i = 0; i < sizeof delay_fields / sizeof delay_fields[0]; i++) {
        check_distribution(delays, delay_fields[i].name);
        count += json_integer_value(
            json_object_get(json_object_get(delays, delay_fields[i].name), "count"));
    }
    ck_assert_int_eq(count, json_integer_value(json_object_get(all, "count")));
}

static const struct field mmu_fields[] = {
    {"1", NUMBER | NOTHING},    {"2", NUMBER | NOTHING},   {"5", NUMBER | NOTHING},
    {"10", NUMBER | NOTHING},   {"20", NUMBER | NOTHING},  {"50", NUMBER | NOTHING},
    {"100", NUMBER | NOTHING},  {"200", NUMBER | NOTHING}, {"500", NUMBER | NOTHING},
    {"1000", NUMBER | NOTHING},
};

/* Parts of windows that are no longer than the measured part. */
static void check_mmu(const json_t *run)
{
    const json_t *mmu = json_object_get(run, "mmu");
    double wall_ms = json_number_value(json_object_get(run, "wall_ms"));

    ck_assert_int_eq(json_is_null(mmu),
                     strcmp(json_string_value(json_object_get(run, "backend")), "malloc") == 0);
    if (json_is_null(mmu)) {
        return;
    }
    CHECK_FIELDS(mmu, mmu_fields);
    for (size_t i = 0; i < sizeof mmu_fields / sizeof mmu_fields[0]; i++) {
        const json_t *part = json_object_get(mmu, mmu_fields[i].name);

        ck_assert_int_eq(json_is_null(part), atof(mmu_fields[i].name) > wall_ms);
        ck_assert_double_le(json_number_value(part), 1);
        /* what the collector took comes to what the pauses took */
        ck_assert_double_le(
            json_number_value(json_object_get(json_object_get(run, "mmu_cpu"), mmu_fields[i].name)),
            json_number_value(part) + 1e-5);
    }
}

static void check_run(const json_t *run)
{
    const json_t *pool = json_object_get(run, "pool");

    CHECK_FIELDS(run, run_fields);
    check_distribution(run, "pause_us");
    check_distribution(run, "latency_us");
    check_distribution(run, "service_us");
    check_distribution(run, "hiccup_us");
    check_delays(run);
    check_mmu(run);
    if (!json_is_null(pool)) {
        CHECK_FIELDS(pool, pool_fields);
        ck_assert_int_eq(json_integer_value(json_object_get(pool, "gets")),
                         json_integer_value(json_object_get(pool, "hits")) +
                             json_integer_value(json_object_get(pool, "misses")));
    }
}

static const json_t *find_run(const json_t *document, const char *backend, bool pools)
{
    size_t index;
    json_t *run;

    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        if (strcmp(json_string_value(json_object_get(run, "backend")), backend) == 0 &&
            json_is_true(json_object_get(run, "pools")) == pools) {
            return run;
        }
    }
    ck_abort_msg("no run on %s", backend);
    return NULL;
}

static bool is_null(const json_t *run, const char *name)
{
    return json_is_null(json_object_get(run, name));
}

START_TEST(runs_are_as_documented)
{
    int status;
    json_t *document =
        lab("run buffers quads --backend lull,malloc --pools both --mode "
            "stop,concurrent,off --percent 100,off --scale 1 --depth 4 --runs 2 --json -",
            &status);
    json_t *runs = json_object_get(document, "runs"), *run;
    size_t index;

    ck_assert_int_eq(status, 0);
    CHECK_FIELDS(json_object_get(document, "machine"), machine_fields);
    /* lull: two modes with two percents and off; malloc has none. */
    ck_assert_uint_eq(json_array_size(runs), 2 * (2 * (5 + 1) + (5 + 1)));
    json_array_foreach(runs, index, run)
    {
        check_run(run);
        ck_assert(is_null(run, "error"));
        ck_assert_int_ge(json_integer_value(json_object_get(run, "run")), 1);
    }
    json_decref(document);
}
END_TEST

/* What a backend cannot tell is null, not 0. */
START_TEST(what_is_unknown_is_null)
{
    static const char *const unknown[] = {
        "mode",     "percent",    "gc_cpu_ms", "cycles",      "live_bytes",   "allocated_objects",
        "pause_us", "latency_us", "depth",     "limit_bytes", "offered_per_s"};
    int status;
    json_t *document =
        lab("run buffers --backend lull,malloc --pools both --scale 1 --runs 1 --json -", &status);
    const json_t *run = find_run(document, "malloc", false);

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        ck_assert_msg(is_null(run, unknown[i]), "%s is not null", unknown[i]);
    }
    ck_assert(is_null(run, "pool") && is_null(run, "pool_by_name"));
    run = find_run(document, "malloc", true);
    ck_assert(!is_null(run, "pool"));
    ck_assert(is_null(json_object_get(run, "pool"), "drops"));
    run = find_run(document, "lull", false);
    ck_assert(!is_null(run, "cycles") && !is_null(run, "gc_cpu_ms") && !is_null(run, "pause_us"));
    ck_assert(is_null(run, "pool") && is_null(run, "latency_us"));
    json_decref(document);
}
END_TEST

START_TEST(open_loops_have_latencies)
{
    int status;
    json_t *document =
        lab("run responses --backend malloc --scale 1 --runs 1 --rate 5000 --threads 2 --json -",
            &status);
    const json_t *run = find_run(document, "malloc", false);
    const json_t *latency = json_object_get(run, "latency_us");

    check_run(run);
    ck_assert_int_eq(json_integer_value(json_object_get(run, "offered_per_s")), 5000);
    ck_assert_int_eq(json_integer_value(json_object_get(latency, "count")), 700);
    ck_assert_double_ge(
        json_number_value(json_object_get(latency, "max")),
        json_number_value(json_object_get(json_object_get(run, "service_us"), "max")));
    json_decref(document);
}
END_TEST

/* The object has these fields and no others; their numbers may be negative. */
static void check_kinds(const json_t *object, const struct field *fields, size_t count)
{
    ck_assert_uint_eq(json_object_size(object), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].name);

        ck_assert_msg(value != NULL && (kind_of(value) & fields[i].kinds) != 0, "%s",
                      fields[i].name);
    }
}

START_TEST(a_comparison_has_its_differences)
{
    static const struct field fields[] = {
        {"workload", TEXT},          {"backend", TEXT},         {"figure", TEXT},
        {"change", NUMBER},          {"low", NUMBER | NOTHING}, {"high", NUMBER | NOTHING},
        {"noise", NUMBER | NOTHING}, {"real", BOOLEAN}};
    int status;
    json_t *document = lab("compare --backend malloc --scale 1 --runs 3 --json -", &status), *one;
    json_t *list = json_object_get(document, "comparison");
    size_t index;

    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "runs")), 3 * 2 * 3);
    ck_assert_uint_ge(json_array_size(list), 6); /* throughput and memory of each */
    json_array_foreach(list, index, one)
    {
        double change = json_number_value(json_object_get(one, "change"));

        check_kinds(one, fields, sizeof fields / sizeof fields[0]);
        ck_assert_double_le(json_number_value(json_object_get(one, "low")), change + 1e-9);
        ck_assert_double_ge(json_number_value(json_object_get(one, "high")), change - 1e-9);
    }
    json_decref(document);
}
END_TEST

START_TEST(claims_have_their_verdicts)
{
    static const struct field fields[] = {{"workload", TEXT},
                                          {"backend", TEXT},
                                          {"mode", TEXT | NOTHING},
                                          {"claim", TEXT},
                                          {"claimed", NUMBER},
                                          {"without", NUMBER | NOTHING},
                                          {"with", NUMBER | NOTHING},
                                          {"change", NUMBER | NOTHING},
                                          {"low", NUMBER | NOTHING},
                                          {"high", NUMBER | NOTHING},
                                          {"noise", NUMBER | NOTHING},
                                          {"gone", BOOLEAN},
                                          {"verdict", TEXT}};
    int status;
    json_t *document =
        lab("claims --scale 1 --runs 2 --rate 1000000 --backend lull,malloc --json -", &status);
    json_t *list = json_object_get(document, "claims"), *one, *run;
    size_t index, watched = 0;

    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(json_array_size(list), 2 * 20);
    json_array_foreach(list, index, one)
    {
        check_kinds(one, fields, sizeof fields / sizeof fields[0]);
    }
    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        check_run(run);
        watched += !is_null(run, "resident_bytes");
        ck_assert_int_eq(is_null(run, "returning"), is_null(run, "resident_bytes"));
    }
    ck_assert_uint_eq(watched, 2 * 4 * 2);
    json_decref(document);
}
END_TEST

/* Those of the runs whose resident size is watched take over three seconds each, as their requests
 * arrive that slowly. */
START_TEST(memory_is_returned_where_it_is_said_to_be)
{
    int status;
    json_t *document = lab("claims --scale 3 --rate 3000 --runs 1 --threads 1 --json -", &status);
    json_t *run;
    size_t index;

    ck_assert_int_eq(status, 0);
    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        json_int_t returns = json_integer_value(json_object_get(run, "returns"));

        if (is_null(run, "returning")) {
            ck_assert(is_null(run, "returns"));
        } else if (json_is_true(json_object_get(run, "returning"))) {
            ck_assert_int_ge(returns, 1);
            ck_assert_int_ge(json_integer_value(json_object_get(run, "cycles")), returns);
        } else {
            ck_assert_int_eq(returns, 0);
        }
    }
    json_decref(document);
}
END_TEST

START_TEST(a_failed_run_says_so)
{
    int status;
    json_t *document =
        lab("run json --backend malloc --runs 1 --input /etc/passwd --json -", &status);
    const json_t *run = json_array_get(json_object_get(document, "runs"), 0);

    ck_assert_int_eq(status, 256); /* exit status 1 */
    ck_assert(json_is_string(json_object_get(run, "error")));
    ck_assert(is_null(run, "wall_ms") && is_null(run, "ops_per_s"));
    json_decref(document);
}
END_TEST

/* An emulator may not let a program start itself again, which every run is. */
static bool can_run(void)
{
    const char *runner = getenv("TEST_RUNNER");
    char command[1024];

    lab_command(command, sizeof command,
                "run buffers --backend malloc --scale 1 --runs 1 >/dev/null");
    return runner == NULL || runner[0] == '\0' || system(command) == 0;
}

int main(void)
{
    Suite *suite = suite_create("lab_json");
    TCase *tests = tcase_create("lab_json");

    if (!can_run()) {
        return support_run(suite, tests);
    }
    tcase_add_test(tests, runs_are_as_documented);
    tcase_add_test(tests, what_is_unknown_is_null);
    tcase_add_test(tests, open_loops_have_latencies);
    tcase_add_test(tests, a_comparison_has_its_differences);
    tcase_add_test(tests, claims_have_their_verdicts);
    tcase_add_test(tests, memory_is_returned_where_it_is_said_to_be);
    tcase_add_test(tests, a_failed_run_says_so);
    tcase_set_timeout(tests, 60);
    return support_run(suite, tests);
}
