/* distribution.c -- the library's histogram under the lab's names. */
#include "distribution.h"

#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "workload.h"

struct lab_histogram {
    struct lull__histogram times;
};

lab_histogram *lab_histogram_new(void)
{
    lab_histogram *histogram = calloc(1, sizeof *histogram);

    if (histogram == NULL) {
        lab_out_of_memory(sizeof *histogram);
    }
    return histogram;
}

void lab_histogram_free(lab_histogram *histogram)
{
    free(histogram);
}

void lab_histogram_clear(lab_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void lab_histogram_record(lab_histogram *histogram, uint64_t ns)
{
    lull__histogram_record(&histogram->times, ns);
}

void lab_histogram_merge(lab_histogram *into, const lab_histogram *from)
{
    lull__histogram_add(&into->times, &from->times);
}

lab_distribution lab_histogram_summary(const lab_histogram *histogram)
{
    lull_distribution read;

    lull__histogram_read(&histogram->times, &read);
    return (lab_distribution){
        .count = (int64_t)read.count,
        .sum_ns = (int64_t)read.sum_ns,
        .p50_ns = (int64_t)read.p50_ns,
        .p90_ns = (int64_t)read.p90_ns,
        .p99_ns = (int64_t)read.p99_ns,
        .p999_ns = (int64_t)read.p999_ns,
        .max_ns = (int64_t)read.max_ns,
    };
}
