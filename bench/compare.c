/* compare.c -- pairing runs with pools off and on, and what can be said of the pairs. */
#include "compare.h"

#include <string.h>

#include "field.h"

static const struct {
    const char *key, *name;
    double (*field)(const lab_record *record);
} aspects[LAB_ASPECTS] = {
    [LAB_THROUGHPUT] = {"ops_per_s", "throughput", lab_field_throughput},
    [LAB_CPU] = {"cpu_ms", "CPU", lab_field_cpu},
    [LAB_PAUSE_TIME] = {"pause_sum", "time in pauses", lab_field_pause_sum},
    [LAB_LATENCY] = {"latency_p99", "p99 latency", lab_field_latency_p99},
    [LAB_CYCLES] = {"cycles", "collections", lab_field_cycles},
    [LAB_PEAK] = {"peak_rss_bytes", "peak memory", lab_field_peak},
};

const char *lab_aspect_key(int aspect)
{
    return aspects[aspect].key;
}

const char *lab_aspect_name(int aspect)
{
    return aspects[aspect].name;
}

bool lab_aspect_tells(const lab_aspect *aspect)
{
    return aspect->gone || aspect->real ||
           (aspect->difference.known && !aspect->difference.has_interval);
}

static void compare_aspect(const lab_plan *plan, const lab_pair *pair, int id, lab_aspect *aspect)
{
    double off[LAB_RUNS_MAX], on[LAB_RUNS_MAX];
    size_t runs = (size_t)plan->runs;
    lab_spread without, with;

    lab_plan_values(plan, pair->off_index, aspects[id].field, off);
    lab_plan_values(plan, pair->on_index, aspects[id].field, on);
    aspect->difference = lab_sample_compare(off, on, runs);
    aspect->noise = lab_sample_noise(off, runs);
    aspect->real = lab_difference_is_real(&aspect->difference, aspect->noise);
    without = lab_sample_spread(off, runs);
    with = lab_sample_spread(on, runs);
    aspect->gone = without.count > 0 && without.least > 0 && with.count > 0 && with.greatest == 0;
}

/* The idle thread over all runs: how late it usually was at worst, and ever. */
static lab_distribution hiccups(const lab_plan *plan)
{
    lab_distribution all = LAB_NO_DISTRIBUTION;
    double p99[LAB_RUNS_MAX];
    double greatest = -1;
    size_t count = 0;

    for (size_t i = 0; i < plan->count; i++) {
        for (int run = 1; run <= plan->runs && count < LAB_RUNS_MAX; run++) {
            const lab_record *record = lab_plan_record(plan, i, run);

            p99[count++] = lab_field_hiccup_p99(record);
            if (lab_field_hiccup_max(record) > greatest) {
                greatest = lab_field_hiccup_max(record);
            }
        }
    }
    if (greatest >= 0) {
        all.count = (int64_t)count;
        all.p99_ns = (int64_t)lab_sample_spread(p99, count).median;
        all.max_ns = (int64_t)greatest;
    }
    return all;
}

void lab_compare(const lab_plan *plan, lab_comparison *comparison)
{
    *comparison = (lab_comparison){.plan = plan};
    for (size_t i = 0; i + 1 < plan->count; i++) {
        const lab_case *off = &plan->cases[i], *on = &plan->cases[i + 1];
        lab_pair *pair = &comparison->pair[comparison->count];

        /* The plan varies pools fastest: the partner is the next. */
        if (off->params.pools || !on->params.pools || comparison->count == LAB_PAIRS_MAX) {
            continue;
        }
        *pair = (lab_pair){.off = off, .on = on, .off_index = i, .on_index = i + 1};
        for (int id = 0; id < LAB_ASPECTS; id++) {
            compare_aspect(plan, pair, id, &pair->aspect[id]);
        }
        comparison->count++;
    }
    comparison->hiccup = hiccups(plan);
}
