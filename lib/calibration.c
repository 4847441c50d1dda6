/* calibration.c -- how large the buffers of a pool should be. */
#include "calibration.h"

#define COVERED 0.95 /* of all buffers fit the ceiling */

uint64_t lull__calibration_fresh(const struct lull__calibration *c,
                                 const uint32_t counted[LULL__BUCKETS])
{
    uint64_t fresh = 0;

    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        fresh += (uint32_t)(counted[b] - c->seen[b]);
    }
    return fresh;
}

/* Brings the weights up to date and returns their sum. */
static double weigh(struct lull__calibration *c, const uint32_t counted[LULL__BUCKETS])
{
    double sum = 0;

    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        c->weight[b] = c->weight[b] / 2 + (uint32_t)(counted[b] - c->seen[b]);
        c->seen[b] = counted[b];
        sum += c->weight[b];
    }
    return sum;
}

void lull__calibrate(struct lull__calibration *c, const uint32_t counted[LULL__BUCKETS],
                     uint32_t *usual, uint32_t *ceiling)
{
    double sum = weigh(c, counted);
    double up_to = 0;
    uint32_t commonest = 0, covering = LULL__BUCKETS;

    if (sum <= 0) {
        return;
    }
    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        commonest = c->weight[b] >= c->weight[commonest] ? b : commonest;
        up_to += c->weight[b];
        if (covering == LULL__BUCKETS && up_to >= COVERED * sum) {
            covering = b;
        }
    }
    *usual = commonest;
    *ceiling = (uint32_t)lull__max(commonest, covering);
}
