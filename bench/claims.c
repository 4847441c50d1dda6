/* claims.c -- the claims, the runs that they need, and which of these each is judged by. */
#include "claims.h"

#include <string.h>

#include "field.h"

#define RUNS 5
#define SCALE 20
#define RETURN_FACTOR 5 /* as much work: memory is to be returned a few times */

static double time_of_operation(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->ops <= 0 || result->wall_ns < 0 ? LAB_UNKNOWN
                                                   : (double)result->wall_ns / (double)result->ops;
}

static double cpu_of_operation(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->ops <= 0 || result->cpu_ns < 0 ? LAB_UNKNOWN
                                                  : (double)result->cpu_ns / (double)result->ops;
}

static double allocated_bytes(const lab_record *record)
{
    return (double)record->result.allocated_bytes;
}

static double cycles_a_second(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->cycles < 0 || result->wall_ns <= 0
               ? LAB_UNKNOWN
               : (double)result->cycles * 1e9 / (double)result->wall_ns;
}

/* Of no pauses the quantile is 0: it is what threads were kept. */
static double pause_p99(const lab_record *record)
{
    return record->result.pause.count == 0 ? 0 : lab_field_pause_p99(record);
}

/* Of a run that was over before memory was returned there is nothing to be said. */
static double resident_bytes(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->wall_ns <= 1000000000 ? LAB_UNKNOWN : (double)result->resident_bytes;
}

#define POOLS LAB_LEVER_POOLS

/* In the order in which they are shown. Where an article says "pauses" it may mean the long ones or
 * all of them together: both are judged. What it says of time is judged on the clock, and by the
 * CPU of all threads, the collector's too, which other programs on the machine hardly change. */
static const lab_claim claims[] = {
    {"scratch", "time", "time each", "120.5", "45.2 ns", -0.625, time_of_operation, LAB_TIME,
     POOLS},
    {"scratch", "cpu", "CPU each", "120.5", "45.2 ns", -0.625, cpu_of_operation, LAB_TIME, POOLS},
    {"buffers", "time", "time each", "120.5", "45.2 ns", -0.625, time_of_operation, LAB_TIME,
     POOLS},
    {"buffers", "cpu", "CPU each", "120.5", "45.2 ns", -0.625, cpu_of_operation, LAB_TIME, POOLS},
    {"buffers", "pause_p99", "pauses, p99", "2.3", "0.8 ms", -0.652, pause_p99, LAB_TIME, POOLS},
    {"buffers", "pause_sum", "pauses, sum", "2.3", "0.8 ms", -0.652, lab_field_pause_sum, LAB_TIME,
     POOLS},
    {"buffers", "allocated", "allocated", NULL, NULL, -0.40, allocated_bytes, LAB_BYTES, POOLS},
    {"buffers", "hits", "hits", NULL, "over 90 %", 0.9, lab_field_hit_rate, LAB_SHARE,
     LAB_LEVER_HITS},
    {"responses", "cycles", "collections", "10", "7 /s", -0.30, cycles_a_second, LAB_RATE, POOLS},
    {"responses", "latency_p99", "latency, p99", "15", "12.5 ms", -0.167, lab_field_latency_p99,
     LAB_TIME, POOLS},
    {"responses", "allocated", "allocated", NULL, NULL, -0.35, allocated_bytes, LAB_BYTES, POOLS},
    {"responses", "hits", "hits", NULL, "over 90 %", 0.9, lab_field_hit_rate, LAB_SHARE,
     LAB_LEVER_HITS},
    {"logs", "throughput", "logs a second", "100", "120 k/s", 0.20, lab_field_throughput, LAB_RATE,
     POOLS},
    {"logs", "cpu", "CPU each", NULL, NULL, -0.167, cpu_of_operation, LAB_TIME, POOLS},
    {"logs", "pause_p99", "pauses, p99", "1.5", "0.9 ms", -0.40, pause_p99, LAB_TIME, POOLS},
    {"logs", "pause_sum", "pauses, sum", "1.5", "0.9 ms", -0.40, lab_field_pause_sum, LAB_TIME,
     POOLS},
    {"logs", "allocated", "allocated", NULL, NULL, -0.50, allocated_bytes, LAB_BYTES, POOLS},
    {"logs", "hits", "hits", NULL, "over 90 %", 0.9, lab_field_hit_rate, LAB_SHARE, LAB_LEVER_HITS},
    {"responses", "resident", "resident", NULL, NULL, -0.35, resident_bytes, LAB_BYTES,
     LAB_LEVER_RETURN},
    {"responses", "resident_pools", "with pools", NULL, NULL, -0.35, resident_bytes, LAB_BYTES,
     LAB_LEVER_RETURN_ON},
};

#define CLAIMS (sizeof claims / sizeof claims[0])

/* ---- what is run ---- */

void lab_claims_options(lab_options *options)
{
    static const char *const workloads[] = {"scratch", "buffers", "responses", "logs"};

    options->workload.count = 0;
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        options->workload.word[options->workload.count++] = workloads[i];
    }
    options->pools = (lab_numbers){{0, 1}, 2};
    if (options->runs == 0) {
        options->runs = RUNS;
    }
    if (options->scale == 0) {
        options->scale = SCALE;
    }
}

int lab_claims_plan(lab_plan *plan, lab_options *options)
{
    size_t pairs;

    if (lab_plan_make(plan, options) != 0) {
        return -1;
    }
    pairs = plan->count;
    for (size_t i = 0; i < pairs; i++) {
        lab_case one = plan->cases[i];

        if (strcmp(one.workload->name, "responses") != 0) {
            continue;
        }
        one.params.scale *= RETURN_FACTOR;
        one.params.resident = true;
        for (int returning = 0; returning < 2; returning++) {
            one.params.returning = returning != 0;
            lab_plan_add(plan, &one); /* there is room for a thousand */
        }
    }
    return 0;
}

/* ---- what was found ---- */

/* Whether a case is one side of a claim. */
static bool is_side(const lab_claim *claim, const lab_case *one, bool with)
{
    bool returns = claim->lever == LAB_LEVER_RETURN || claim->lever == LAB_LEVER_RETURN_ON;
    bool pools =
        returns ? claim->lever == LAB_LEVER_RETURN_ON : with || claim->lever == LAB_LEVER_HITS;

    return strcmp(one->workload->name, claim->workload) == 0 && one->params.resident == returns &&
           one->params.pools == pools && one->params.returning == (returns && with);
}

/* The case of a backend that is one side of a claim; plan->count where there is none. */
static size_t find_side(const lab_plan *plan, const lab_claim *claim, const char *backend,
                        bool with)
{
    size_t i = 0;

    while (i < plan->count && (strcmp(plan->cases[i].backend, backend) != 0 ||
                               !is_side(claim, &plan->cases[i], with))) {
        i++;
    }
    return i;
}

static void add_finding(lab_findings *findings, const lab_claim *claim, const char *backend)
{
    const lab_plan *plan = findings->plan;
    size_t off = find_side(plan, claim, backend, false), on = find_side(plan, claim, backend, true);
    lab_finding *finding = &findings->finding[findings->count];
    double without[LAB_RUNS_MAX], with[LAB_RUNS_MAX];

    if (off == plan->count || on == plan->count || findings->count == LAB_FINDINGS_MAX) {
        return;
    }
    *finding =
        (lab_finding){.claim = claim, .without = &plan->cases[off], .with = &plan->cases[on]};
    lab_plan_values(plan, on, claim->field, with);
    lab_plan_values(plan, off, claim->field, without);
    for (int i = 0; claim->lever == LAB_LEVER_HITS && i < plan->runs; i++) {
        without[i] = claim->change;
    }
    lab_claim_judge(finding, without, with, (size_t)plan->runs);
    findings->count++;
}

void lab_claims_find(const lab_plan *plan, lab_findings *findings)
{
    *findings = (lab_findings){.plan = plan, .hiccup_ns = -1};
    for (size_t i = 0; i < plan->count; i++) {
        const lab_case *one = &plan->cases[i];

        for (int run = 1; run <= plan->runs; run++) {
            double late_ns = lab_field_hiccup_max(lab_plan_record(plan, i, run));

            findings->hiccup_ns = late_ns > findings->hiccup_ns ? late_ns : findings->hiccup_ns;
        }
        /* each backend once, at its first case */
        for (size_t j = 0; j < i && one != NULL; j++) {
            one = strcmp(plan->cases[j].backend, one->backend) == 0 ? NULL : one;
        }
        for (size_t j = 0; j < CLAIMS && one != NULL; j++) {
            add_finding(findings, &claims[j], one->backend);
        }
    }
}
