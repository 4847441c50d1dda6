/* field.h -- the figures of a run as plain numbers, for tables, comparisons and JSON alike.
 *
 * Each takes a record and returns its figure, LAB_UNKNOWN where it is not known: times in
 * nanoseconds, sizes in bytes, shares from 0 to 1. */
#ifndef LAB_FIELD_H
#define LAB_FIELD_H

#include "plan.h"
#include "sample.h"

double lab_field_wall(const lab_record *record);
double lab_field_cpu(const lab_record *record);
double lab_field_gc_cpu(const lab_record *record);
double lab_field_gc_share(const lab_record *record); /* the collector's part of the CPU, 0 to 1 */
double lab_field_gc_load(const lab_record *record);  /* processors that it kept busy on average */
/* Operations a second: of an open-loop workload its capacity, taken in a closed loop first. */
double lab_field_throughput(const lab_record *record);
double lab_field_cycles(const lab_record *record);
double lab_field_peak(const lab_record *record);
double lab_field_live(const lab_record *record);
double lab_field_longest(const lab_record *record);
double lab_field_mark(const lab_record *record); /* ns an object */
double lab_field_pauses(const lab_record *record);
double lab_field_pause_sum(const lab_record *record);
double lab_field_pause_p50(const lab_record *record);
double lab_field_pause_p99(const lab_record *record);
double lab_field_pause_max(const lab_record *record);
double lab_field_latency_p50(const lab_record *record);
double lab_field_latency_p99(const lab_record *record);
double lab_field_latency_p999(const lab_record *record);
double lab_field_hiccup_p99(const lab_record *record);
double lab_field_hiccup_max(const lab_record *record);
double lab_field_hit_rate(const lab_record *record);

/* Its median with least and greatest over a case's runs. */
lab_spread lab_field_spread(const lab_plan *plan, size_t index,
                            double (*field)(const lab_record *));

#endif
