/* distribution.h -- distributions of times: gathered in a histogram, reported as quantiles.
 *
 * A histogram in the manner of HDR (Tene): buckets of equal relative width, here 64 to each
 * doubling, so a quantile is right to 1.6 % from 1 ns to 18 minutes, in 15 KiB. Count, sum and
 * maximum are exact. One writer at a time; merge to combine. */
#ifndef LAB_DISTRIBUTION_H
#define LAB_DISTRIBUTION_H

#include <stdint.h>

typedef struct lab_histogram lab_histogram;

/* What is reported of a distribution; count is -1 where it is unknown. */
typedef struct lab_distribution {
    int64_t count;
    int64_t sum_ns;
    int64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
} lab_distribution;

/* A distribution of which nothing is known. */
#define LAB_NO_DISTRIBUTION ((lab_distribution){-1, -1, -1, -1, -1, -1, -1})

/* Makes an empty histogram; ends the process when there is no memory for it. */
lab_histogram *lab_histogram_new(void);
void lab_histogram_free(lab_histogram *histogram);
void lab_histogram_clear(lab_histogram *histogram);

void lab_histogram_record(lab_histogram *histogram, uint64_t ns);
void lab_histogram_merge(lab_histogram *into, const lab_histogram *from);
uint64_t lab_histogram_count(const lab_histogram *histogram);

/* The smallest recorded value, to the bucket's width, at or below which lies the share `q` of
 * all; 0 of an empty histogram. */
uint64_t lab_histogram_quantile(const lab_histogram *histogram, double q);

lab_distribution lab_histogram_summary(const lab_histogram *histogram);

#endif
