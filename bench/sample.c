/* sample.c -- medians, and the paired bootstrap of sample.h. */
#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "workload.h"

#define RESAMPLES 10000
#define PAIRS_MAX 1000 /* runs that the command line allows */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts the values and returns their median; count is not 0. */
static double sort_median(double *value, size_t count)
{
    qsort(value, count, sizeof *value, by_value);
    return count % 2 == 1 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

lab_spread lab_sample_spread(const double *value, size_t count)
{
    double known[PAIRS_MAX];
    lab_spread spread = {0, 0, 0, 0};

    for (size_t i = 0; i < count && spread.count < PAIRS_MAX; i++) {
        if (value[i] >= 0) {
            known[spread.count++] = value[i];
        }
    }
    if (spread.count != 0) {
        spread.median = sort_median(known, spread.count);
        spread.least = known[0];
        spread.greatest = known[spread.count - 1];
    }
    return spread;
}

/* The 97.5 % quantile of Student's t with `freedom` degrees of freedom, exact to 0.5 % from 1
 * up: a table where it is steep, Cornish and Fisher's expansion beyond. */
static double student_975(size_t freedom)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306};
    const double z = 1.959964;
    double n = (double)freedom;

    if (freedom <= sizeof table / sizeof table[0]) {
        return table[freedom - 1];
    }
    return z + (z * z * z + z) / (4 * n) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n);
}

/* The share of resamples to cut off at each end: 2.5 % for many pairs, less for few, because a
 * resample of n values spreads less than the values' source does. */
static double tail_share(size_t pairs)
{
    double n = (double)pairs;
    double t = student_975(pairs - 1) * sqrt(n / (n - 1));

    return 0.5 * erfc(t / sqrt(2.0));
}

static double mean(const double *value, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += value[i];
    }
    return sum / (double)count;
}

/* The means of RESAMPLES resamples, sorted; freed by the caller. */
static double *resampled_means(const double *value, size_t count)
{
    double *means = malloc(RESAMPLES * sizeof *means);
    lab_random random = {1};

    if (means == NULL) {
        lab_out_of_memory(RESAMPLES * sizeof *means);
    }
    for (size_t i = 0; i < RESAMPLES; i++) {
        double sum = 0;

        for (size_t j = 0; j < count; j++) {
            sum += value[lab_random_below(&random, (uint32_t)count)];
        }
        means[i] = sum / (double)count;
    }
    qsort(means, RESAMPLES, sizeof *means, by_value);
    return means;
}

lab_difference lab_sample_compare(const double *without, const double *with, size_t count)
{
    double ratio[PAIRS_MAX];
    lab_difference difference = {false, false, 0, 0, 0, 0};
    double *means;
    size_t cut;

    for (size_t i = 0; i < count && difference.pairs < PAIRS_MAX; i++) {
        if (without[i] > 0 && with[i] > 0) {
            ratio[difference.pairs++] = log(with[i] / without[i]);
        }
    }
    difference.known = difference.pairs > 0;
    if (!difference.known) {
        return difference;
    }
    difference.mean = expm1(mean(ratio, difference.pairs));
    if (difference.pairs < 3) {
        return difference;
    }
    means = resampled_means(ratio, difference.pairs);
    cut = (size_t)(tail_share(difference.pairs) * RESAMPLES);
    difference.low = expm1(means[cut]);
    difference.high = expm1(means[RESAMPLES - 1 - cut]);
    difference.has_interval = true;
    free(means);
    return difference;
}

double lab_sample_noise(const double *value, size_t count)
{
    double change[PAIRS_MAX];
    size_t known = 0;

    for (size_t i = 1; i < count && known < PAIRS_MAX; i++) {
        if (value[i - 1] > 0 && value[i] > 0) {
            change[known++] = fabs(log(value[i] / value[i - 1]));
        }
    }
    return known == 0 ? -1 : expm1(sort_median(change, known));
}

bool lab_difference_is_real(const lab_difference *difference, double noise)
{
    return difference->known && difference->has_interval &&
           (difference->low > 0 || difference->high < 0) &&
           fabs(log1p(difference->mean)) > log1p(noise);
}
