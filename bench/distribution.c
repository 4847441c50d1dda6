/* distribution.c -- the histogram of distribution.h. */
#include "distribution.h"

#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define SUB_BITS  6 /* 64 buckets to each doubling */
#define SUB       (1u << SUB_BITS)
#define DOUBLINGS 35 /* beyond the first: 2^(6+35) ns is 36 minutes */
#define BUCKETS   (SUB * (DOUBLINGS + 1))

struct lab_histogram {
    uint64_t count, sum, max;
    uint64_t bucket[BUCKETS];
};

/* The first SUB values have a bucket each; each doubling beyond is cut in SUB equal parts. */
static unsigned bucket_of(uint64_t ns)
{
    unsigned doubling, index;

    if (ns < SUB) {
        return (unsigned)ns;
    }
    doubling = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    index = SUB * (doubling + 1) + (unsigned)((ns >> doubling) - SUB);
    return index < BUCKETS ? index : BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_top(unsigned index)
{
    unsigned doubling;

    if (index < SUB) {
        return index;
    }
    doubling = index / SUB - 1;
    return (((uint64_t)(index % SUB) + SUB + 1) << doubling) - 1;
}

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
    histogram->count++;
    histogram->sum += ns;
    if (ns > histogram->max) {
        histogram->max = ns;
    }
    histogram->bucket[bucket_of(ns)]++;
}

void lab_histogram_merge(lab_histogram *into, const lab_histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max) {
        into->max = from->max;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        into->bucket[i] += from->bucket[i];
    }
}

uint64_t lab_histogram_count(const lab_histogram *histogram)
{
    return histogram->count;
}

uint64_t lab_histogram_quantile(const lab_histogram *histogram, double q)
{
    uint64_t seen = 0;
    double exact = q * (double)histogram->count;
    uint64_t wanted = (uint64_t)exact;

    if ((double)wanted < exact || wanted == 0) {
        wanted++;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram->bucket[i];
        if (seen >= wanted) {
            uint64_t top = bucket_top(i);

            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}

lab_distribution lab_histogram_summary(const lab_histogram *histogram)
{
    return (lab_distribution){
        .count = (int64_t)histogram->count,
        .sum_ns = (int64_t)histogram->sum,
        .p50_ns = (int64_t)lab_histogram_quantile(histogram, 0.5),
        .p90_ns = (int64_t)lab_histogram_quantile(histogram, 0.9),
        .p99_ns = (int64_t)lab_histogram_quantile(histogram, 0.99),
        .p999_ns = (int64_t)lab_histogram_quantile(histogram, 0.999),
        .max_ns = (int64_t)histogram->max,
    };
}
