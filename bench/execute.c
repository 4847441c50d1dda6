/* execute.c -- running a plan, and checking that what was compared was the same work. */
#include "execute.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "progress.h"
#include "sample.h"

/* Part of the capacity of the slowest backend at which requests arrive where no --rate is given:
 * well below what would make queues grow without end, well above idleness. */
#define LOAD 0.4
#define CALIBRATION_SCALE 10
#define CALIBRATION_RUNS 3 /* of malloc, for a rate that is a part of what it serves */

/* The least capacity over the backends of a plan for the workload of case `index`; 0 where none
 * could be found out. */
static double least_capacity(const lab_plan *plan, size_t index)
{
    const lab_case *first = &plan->cases[index];
    double least = 0;

    for (size_t i = index; i < plan->count && !lab_interrupted; i++) {
        lab_case one = plan->cases[i];
        lab_record record;

        if (one.workload != first->workload || one.params.pools ||
            (i > index && strcmp(one.backend, plan->cases[i - 1].backend) == 0)) {
            continue;
        }
        one.params.scale =
            one.params.scale < CALIBRATION_SCALE ? one.params.scale : CALIBRATION_SCALE;
        lab_child_run(&one, 0, &record);
        if (record.ok && record.result.capacity_ops_s > 0 &&
            (least == 0 || (double)record.result.capacity_ops_s < least)) {
            least = (double)record.result.capacity_ops_s;
        }
    }
    return least;
}

/* What malloc serves at most in the work of a case: the median of a few runs; 0 where none
 * succeeded. */
static double malloc_capacity(const lab_case *work)
{
    lab_case one = *work;
    double value[CALIBRATION_RUNS];
    lab_spread spread;

    one.backend = lab_backend_malloc.name;
    one.backend_traits = lab_backend_malloc.traits;
    one.params.pools = false;
    for (int i = 0; i < CALIBRATION_RUNS; i++) {
        lab_record record;

        lab_child_run(&one, 0, &record);
        value[i] = record.ok ? (double)record.result.capacity_ops_s : LAB_UNKNOWN;
    }
    spread = lab_sample_spread(value, CALIBRATION_RUNS);
    return spread.count == 0 ? 0 : spread.median;
}

static double find_rate(const lab_plan *plan, size_t index)
{
    if (plan->rate_percent != 0) {
        lab_progress_step(0, "finding how many requests malloc serves");
        return malloc_capacity(&plan->cases[index]) * plan->rate_percent / 100;
    }
    lab_progress_step(0, "finding a rate of requests that every backend can serve");
    return least_capacity(plan, index) * LOAD;
}

/* Gives each open-loop workload one rate for all its cases. Where none could be found out it stays
 * 0: then a run goes by its own capacity, if it gets that far. */
static void set_rates(lab_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const lab_case *one = &plan->cases[i];
        double rate;

        if ((one->workload->traits & LAB_HAS_RATE) == 0 || one->params.rate > 0 ||
            (i > 0 && one[-1].workload == one->workload)) {
            continue;
        }
        rate = (double)(int64_t)find_rate(plan, i);
        for (size_t j = i; j < plan->count; j++) {
            if (plan->cases[j].workload == one->workload) {
                plan->cases[j].params.rate = rate;
            }
        }
    }
}

/* What a case's work has alive in the end, as lull finds it without a limit; 0 where it did not
 * succeed or nothing was collected. */
static uint64_t live_bytes(const lab_case *work)
{
    lab_case one = *work;
    lab_record record;

    one.backend = lab_backend_lull.name;
    one.backend_traits = lab_backend_lull.traits;
    one.params.limit_bytes = 0;
    one.params.mode = LAB_MODE_STOP;
    one.params.collect = true;
    one.params.percent = 100;
    lab_child_run(&one, 0, &record);
    return record.ok && record.result.live_bytes > 0 ? (uint64_t)record.result.live_bytes : 0;
}

/* Gives each case its limit where that is a part of what it has alive: equal work, equal limits. */
static void set_limits(lab_plan *plan)
{
    for (size_t i = 0; plan->limit_percent != 0 && i < plan->count && !lab_interrupted; i++) {
        lab_params *params = &plan->cases[i].params;
        size_t before = 0;

        while (!lab_case_same_work(&plan->cases[before], &plan->cases[i])) {
            before++;
        }
        if (before < i) {
            params->limit_bytes = plan->cases[before].params.limit_bytes;
            continue;
        }
        lab_progress_step(0, "finding what is alive");
        params->limit_bytes = live_bytes(&plan->cases[i]) / 100 * (uint64_t)plan->limit_percent;
    }
}

/* A run that allocated less than its workload asked for did not do the work. A counter may lag
 * by what stands in threads' caches. */
static bool allocated_too_little(const lab_result *result, int64_t *asked)
{
    if (result->allocated_objects == LAB_UNKNOWN ||
        (result->direct_objects == LAB_UNKNOWN && result->taken_objects == LAB_UNKNOWN)) {
        return false;
    }
    *asked = result->direct_objects == LAB_UNKNOWN ? 0 : result->direct_objects;
    if (result->pool.misses != LAB_UNKNOWN) {
        *asked += result->pool.misses;
    } else if (result->taken_objects != LAB_UNKNOWN) {
        *asked += result->taken_objects;
    }
    return result->allocated_objects + 1000 < *asked - *asked / 100;
}

static void complain(const lab_case *one, int run, const char *why)
{
    char name[160];

    lab_case_name(one, name, sizeof name);
    lab_progress_clear();
    fprintf(stderr, "lull-lab: run %d of %s failed: %s\n", run, name, why);
}

/* Checks one record by itself and against the first of the same work. */
static void check(const lab_plan *plan, size_t index, int run)
{
    lab_record *record = lab_plan_record(plan, index, run);
    int64_t asked;

    if (record->ok && allocated_too_little(&record->result, &asked)) {
        record->ok = false;
        snprintf(record->why, sizeof record->why,
                 "it allocated %" PRId64 " objects where the workload asked for %" PRId64,
                 record->result.allocated_objects, asked);
    }
    for (size_t i = 0; i <= index && record->ok; i++) {
        const lab_record *other = lab_plan_record(plan, i, 1);

        if (lab_case_same_work(&plan->cases[i], &plan->cases[index]) && other->ok &&
            other->result.checksum != record->result.checksum) {
            record->ok = false;
            snprintf(record->why, sizeof record->why,
                     "its checksum is %016" PRIx64 ", that of the same work on %s was %016" PRIx64,
                     record->result.checksum, plan->cases[i].label, other->result.checksum);
        }
    }
}

int lab_execute(lab_plan *plan)
{
    bool failed = false;

    lab_child_catch();
    lab_progress_begin(plan->count * (size_t)plan->runs);
    set_rates(plan);
    set_limits(plan);
    for (int run = 1; run <= plan->runs; run++) {
        for (size_t i = 0; i < plan->count && !lab_interrupted; i++) {
            lab_record *record = lab_plan_record(plan, i, run);
            char name[160];

            lab_case_name(&plan->cases[i], name, sizeof name);
            lab_progress_step(plan->done, name);
            lab_child_run(&plan->cases[i], run, record);
            check(plan, i, run);
            if (!record->ok && !lab_interrupted) {
                complain(&plan->cases[i], run, record->why);
                failed = true;
            }
            plan->done += !lab_interrupted;
        }
    }
    lab_progress_clear();
    if (lab_interrupted) {
        fprintf(stderr, "lull-lab: interrupted after %zu of %zu runs; nothing is reported\n",
                plan->done, plan->count * (size_t)plan->runs);
        return 128 + lab_interrupted;
    }
    return failed ? 1 : 0;
}
