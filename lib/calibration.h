/* calibration.h -- how large the buffers of a pool should be, by how much those held that came
 * back.
 *
 * Pure arithmetic: no heap, thread or clock.
 *
 *   weight'(b) = weight(b) / 2 + puts(b)    of bucket b, since the last calibration
 *   default    = the bucket of the greatest weight'; of equals the largest, which need not grow
 *   ceiling    = the least bucket such that those up to it have 95 percent of all weight'
 *
 * What was counted k calibrations ago weighs 1 / 2^k of what is counted now. So traffic that has
 * changed for good sets the default after at most two calibrations; and since less than 5 percent
 * is left of the old after five, a ceiling comes down by then, or rises at the first in which 5
 * percent are larger. */
#ifndef LULL__CALIBRATION_H
#define LULL__CALIBRATION_H

#include "base.h"

#define LULL__BUCKET_SHIFT 6 /* the first holds 64 bytes */
#define LULL__BUCKETS 20     /* the last 32 MiB */

/* The bucket whose buffers hold `bytes`; LULL__BUCKETS: none does. */
LULL__INLINE uint32_t lull__bucket_of(size_t bytes)
{
    if (bytes <= (size_t)1 << LULL__BUCKET_SHIFT) {
        return 0;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)bytes - 1);
    return bits - LULL__BUCKET_SHIFT < LULL__BUCKETS ? bits - LULL__BUCKET_SHIFT : LULL__BUCKETS;
}

/* What the buffers of a bucket hold. */
LULL__INLINE size_t lull__bucket_bytes(uint32_t bucket)
{
    return (size_t)1 << (bucket + LULL__BUCKET_SHIFT);
}

struct lull__calibration {
    uint32_t seen[LULL__BUCKETS]; /* of the running counts at the last calibration */
    double weight[LULL__BUCKETS];
};

/* Buffers counted since the last calibration; `counted` runs on, modulo 2^32. */
uint64_t lull__calibration_fresh(const struct lull__calibration *c,
                                 const uint32_t counted[LULL__BUCKETS]);

/* Calibrates; *usual and *ceiling are buckets, left alone where nothing was ever counted. */
void lull__calibrate(struct lull__calibration *c, const uint32_t counted[LULL__BUCKETS],
                     uint32_t *usual, uint32_t *ceiling);

#endif
