/* field.c -- the figures of field.h. */
#include "field.h"

#include <stdlib.h>

double lab_field_wall(const lab_record *record)
{
    return (double)record->result.wall_ns;
}

double lab_field_cpu(const lab_record *record)
{
    return (double)record->result.cpu_ns;
}

double lab_field_gc_cpu(const lab_record *record)
{
    return (double)record->result.gc_cpu_ns;
}

double lab_field_gc_share(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->gc_cpu_ns < 0 || result->cpu_ns <= 0
               ? LAB_UNKNOWN
               : (double)result->gc_cpu_ns / (double)result->cpu_ns;
}

double lab_field_gc_load(const lab_record *record)
{
    const lab_result *result = &record->result;

    return result->gc_cpu_ns < 0 || result->wall_ns <= 0
               ? LAB_UNKNOWN
               : (double)result->gc_cpu_ns / (double)result->wall_ns;
}

double lab_field_throughput(const lab_record *record)
{
    const lab_result *result = &record->result;

    if (result->capacity_ops_s != LAB_UNKNOWN) {
        return (double)result->capacity_ops_s;
    }
    if (result->ops < 0 || result->wall_ns <= 0) {
        return LAB_UNKNOWN;
    }
    return (double)result->ops * 1e9 / (double)result->wall_ns;
}

double lab_field_cycles(const lab_record *record)
{
    return (double)record->result.cycles;
}

double lab_field_peak(const lab_record *record)
{
    return (double)record->result.peak_rss_bytes;
}

double lab_field_live(const lab_record *record)
{
    return (double)record->result.live_bytes;
}

double lab_field_longest(const lab_record *record)
{
    return (double)record->result.longest_ns;
}

double lab_field_mark(const lab_record *record)
{
    return record->result.mark_ns_per_object < 0 ? LAB_UNKNOWN
                                                 : (double)record->result.mark_ns_per_object / 1e3;
}

double lab_field_pauses(const lab_record *record)
{
    return (double)record->result.pause.count;
}

double lab_field_pause_sum(const lab_record *record)
{
    return (double)record->result.pause.sum_ns;
}

/* Of no pauses there is no quantile. */
static double of_some(const lab_distribution *distribution, int64_t value)
{
    return distribution->count <= 0 ? LAB_UNKNOWN : (double)value;
}

double lab_field_pause_p50(const lab_record *record)
{
    return of_some(&record->result.pause, record->result.pause.p50_ns);
}

double lab_field_pause_p99(const lab_record *record)
{
    return of_some(&record->result.pause, record->result.pause.p99_ns);
}

double lab_field_pause_max(const lab_record *record)
{
    return of_some(&record->result.pause, record->result.pause.max_ns);
}

double lab_field_latency_p50(const lab_record *record)
{
    return of_some(&record->result.latency, record->result.latency.p50_ns);
}

double lab_field_latency_p99(const lab_record *record)
{
    return of_some(&record->result.latency, record->result.latency.p99_ns);
}

double lab_field_latency_p999(const lab_record *record)
{
    return of_some(&record->result.latency, record->result.latency.p999_ns);
}

double lab_field_hiccup_p99(const lab_record *record)
{
    return of_some(&record->hiccup, record->hiccup.p99_ns);
}

double lab_field_hiccup_max(const lab_record *record)
{
    return of_some(&record->hiccup, record->hiccup.max_ns);
}

double lab_field_hit_rate(const lab_record *record)
{
    const lab_pool_counts *pool = &record->result.pool;

    return pool->gets <= 0 || pool->hits < 0 ? LAB_UNKNOWN
                                             : (double)pool->hits / (double)pool->gets;
}

lab_spread lab_field_spread(const lab_plan *plan, size_t index, double (*field)(const lab_record *))
{
    double value[LAB_RUNS_MAX];

    lab_plan_values(plan, index, field, value);
    return lab_sample_spread(value, (size_t)plan->runs);
}
