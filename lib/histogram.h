/* histogram.h -- distributions of times, recorded by many threads at once.
 *
 * A log-linear histogram after Gil Tene's HdrHistogram (2012): each doubling of the value is
 * cut into 32 buckets of equal width, so that a bucket is at most 1/32 (3.1 %) of the values in
 * it wide, whatever their size. Two deviations: the range and precision are fixed, so a record
 * is one shift and needs no allocation; and max and sum are kept exactly beside the buckets.
 *
 *   bucket(v) = v                                    v < 32
 *             = 32·(e − 4) + ((v >> (e − 5)) & 31)   e = floor(log2 v), v >= 32
 *
 * Values from 2^43 ns (2.4 hours) on are all counted in the last bucket.
 *
 * All zero is a valid, empty histogram. Recording is wait-free but for the maximum, which is
 * lock-free and written only while it grows. Recording may happen in a signal handler. */
#ifndef LULL__HISTOGRAM_H
#define LULL__HISTOGRAM_H

#include <stdatomic.h>

#include <lull/stats.h>

#include "base.h"

#define LULL__HISTOGRAM_SUB_BITS 5
#define LULL__HISTOGRAM_MAX_BITS 43 /* values below 2^43 have their own buckets */
#define LULL__HISTOGRAM_BUCKETS \
    ((LULL__HISTOGRAM_MAX_BITS - LULL__HISTOGRAM_SUB_BITS + 1) << LULL__HISTOGRAM_SUB_BITS)

struct lull__histogram {
    _Atomic uint64_t max_ns;                          /* exact; written before the bucket is */
    _Atomic uint64_t sum_ns;                          /* exact; wraps after 584 years of pauses */
    _Atomic uint64_t bucket[LULL__HISTOGRAM_BUCKETS]; /* values counted, never taken back */
};

/* Counts one time. Threads: any, many at once. Time: three atomic operations. */
void lull__histogram_record(struct lull__histogram *h, uint64_t ns);

/* Reads the histogram while others record. The quantile q is the value of rank ceil(q·count),
 * with the values of a bucket taken as spread evenly over it; never above max_ns, and within
 * one bucket's width of the value of that rank. What is recorded meanwhile may be counted or
 * not. Time: two passes over the buckets. */
void lull__histogram_read(const struct lull__histogram *h, lull_distribution *out);

/* Adds what `src` counted to `dst`. Others may record to `src` meanwhile; nobody else uses
 * `dst`. */
void lull__histogram_add(struct lull__histogram *dst, const struct lull__histogram *src);

#endif
