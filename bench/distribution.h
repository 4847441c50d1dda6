/* distribution.h -- distributions of times: gathered in a histogram, reported as quantiles.
 *
 * The histogram is the library's own (lib/histogram.h): quantiles right to 3 %, count, sum and
 * maximum exact, any number of writers. One yardstick, then, for the pauses that lull reports of
 * itself and for everything that the lab measures from outside. */
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

/* Empties it; nobody records meanwhile. */
void lab_histogram_clear(lab_histogram *histogram);

void lab_histogram_record(lab_histogram *histogram, uint64_t ns);
void lab_histogram_merge(lab_histogram *into, const lab_histogram *from);
lab_distribution lab_histogram_summary(const lab_histogram *histogram);

#endif
