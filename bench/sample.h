/* sample.h -- what can be said of a few repeated measurements.
 *
 * Runs are few and their noise has no known shape, so what is reported is the median with the
 * least and the greatest; and of pairs (the same seed with and without something, run one after
 * the other) the mean of log(with / without), with a bootstrap confidence interval. */
#ifndef LAB_SAMPLE_H
#define LAB_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lab_spread {
    size_t count; /* of values that are known; the rest is meaningless where it is 0 */
    double median, least, greatest;
} lab_spread;

/* Of the values that are not negative (a negative one is LAB_UNKNOWN). */
lab_spread lab_sample_spread(const double *value, size_t count);

/* A difference as a ratio less one: 0.1 is ten percent more. */
typedef struct lab_difference {
    bool known;        /* at least one pair with both values above 0 */
    bool has_interval; /* at least three such pairs */
    size_t pairs;
    double mean;      /* geometric mean of with / without, less 1 */
    double low, high; /* 95 % confidence interval */
} lab_difference;

/* Compares with[i] to without[i]. The interval is the bootstrap's percentile interval of the
 * mean of the log ratios, widened for small samples (Hesterberg 2015, section 3.3); the same
 * input gives the same interval. */
lab_difference lab_sample_compare(const double *without, const double *with, size_t count);

/* The control: how much runs that differ in nothing differ. The median of |log ratio| of
 * consecutive values, as a ratio less one; -1 where there are fewer than two. */
double lab_sample_noise(const double *value, size_t count);

/* Whether a difference is more than noise: its interval holds no 0, and its size as a ratio,
 * whichever way it goes, is beyond the control's. */
bool lab_difference_is_real(const lab_difference *difference, double noise);

#endif
