/* histogram.c -- recording and reading distributions of times; see histogram.h. */
#include "histogram.h"

enum { SUB_BUCKETS = 1 << LULL__HISTOGRAM_SUB_BITS };

_Static_assert(LULL__HISTOGRAM_BUCKETS < 1250, "a histogram is about 10 KiB");

static unsigned floor_log2(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

static unsigned bucket_of(uint64_t ns)
{
    unsigned exponent, shift;

    if (ns < SUB_BUCKETS) {
        return (unsigned)ns;
    }
    exponent = floor_log2(ns);
    if (exponent >= LULL__HISTOGRAM_MAX_BITS) {
        return LULL__HISTOGRAM_BUCKETS - 1;
    }
    shift = exponent - LULL__HISTOGRAM_SUB_BITS;
    return ((shift + 1) << LULL__HISTOGRAM_SUB_BITS) + ((ns >> shift) & (SUB_BUCKETS - 1));
}

/* The first value of a bucket; that of the bucket after the last is where the range ends. */
static uint64_t bucket_start(unsigned bucket)
{
    unsigned doubling = bucket >> LULL__HISTOGRAM_SUB_BITS;

    if (doubling == 0) {
        return bucket;
    }
    return (uint64_t)(SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) << (doubling - 1);
}

static void raise_max(struct lull__histogram *h, uint64_t ns)
{
    uint64_t max = atomic_load_explicit(&h->max_ns, memory_order_relaxed);

    while (ns > max && !atomic_compare_exchange_weak_explicit(
                           &h->max_ns, &max, ns, memory_order_relaxed, memory_order_relaxed)) {
    }
}

void lull__histogram_record(struct lull__histogram *h, uint64_t ns)
{
    raise_max(h, ns);
    atomic_fetch_add_explicit(&h->sum_ns, ns, memory_order_relaxed);
    /* release: pairs with the acquire in lull__histogram_read, so that who counts a value also
     * knows a maximum that is not below it */
    atomic_fetch_add_explicit(&h->bucket[bucket_of(ns)], 1, memory_order_release);
}

/* The value of rank `rank` (from 1) of the `count` in a bucket, all of them spread evenly: in the
 * middle of its share. Computed without overflow: a bucket is at most 2^37 wide, and ranks are
 * halved until they have 24 bits. */
static uint64_t value_in_bucket(unsigned bucket, uint64_t rank, uint64_t count)
{
    uint64_t start = bucket_start(bucket);
    uint64_t width = bucket_start(bucket + 1) - start;

    while (count >= UINT64_C(1) << 24) {
        count = (count + 1) >> 1;
        rank = (rank + 1) >> 1;
    }
    return start + width * (2 * rank - 1) / (2 * count);
}

struct quantile {
    unsigned per_mille;
    uint64_t *value;
    uint64_t rank; /* of the value wanted: ceil(per_mille / 1000 of the count) */
};

/* per_mille / 1000 of count, rounded up; exact, and without overflow below 2^54. */
static uint64_t rank_of(unsigned per_mille, uint64_t count)
{
    return (count * per_mille + 999) / 1000;
}

void lull__histogram_read(const struct lull__histogram *h, lull_distribution *out)
{
    struct quantile quantile[] = {{500, &out->p50_ns, 0},
                                  {900, &out->p90_ns, 0},
                                  {990, &out->p99_ns, 0},
                                  {999, &out->p999_ns, 0}};
    const unsigned quantiles = sizeof(quantile) / sizeof(quantile[0]);
    uint64_t seen = 0;
    unsigned done = 0;

    *out = (lull_distribution){0};
    for (unsigned i = 0; i < LULL__HISTOGRAM_BUCKETS; i++) {
        out->count += atomic_load_explicit(&h->bucket[i], memory_order_acquire);
    }
    for (unsigned q = 0; q < quantiles; q++) {
        quantile[q].rank = rank_of(quantile[q].per_mille, out->count);
    }
    /* Buckets only grow, so this pass meets at least the values the first one counted. */
    for (unsigned i = 0; i < LULL__HISTOGRAM_BUCKETS && seen < out->count; i++) {
        uint64_t here = atomic_load_explicit(&h->bucket[i], memory_order_acquire);

        while (done < quantiles && quantile[done].rank <= seen + here) {
            *quantile[done].value = value_in_bucket(i, quantile[done].rank - seen, here);
            done++;
        }
        seen += here;
    }
    /* After the buckets: their acquires order these loads, and max is that of all counted. */
    out->max_ns = atomic_load_explicit(&h->max_ns, memory_order_relaxed);
    out->sum_ns = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
    for (unsigned q = 0; q < quantiles; q++) {
        if (*quantile[q].value > out->max_ns) {
            *quantile[q].value = out->max_ns;
        }
    }
}

void lull__histogram_add(struct lull__histogram *dst, const struct lull__histogram *src)
{
    for (unsigned i = 0; i < LULL__HISTOGRAM_BUCKETS; i++) {
        uint64_t count = atomic_load_explicit(&src->bucket[i], memory_order_acquire);

        if (count != 0) {
            atomic_fetch_add_explicit(&dst->bucket[i], count, memory_order_relaxed);
        }
    }
    /* After the buckets, as in lull__histogram_read. */
    raise_max(dst, atomic_load_explicit(&src->max_ns, memory_order_relaxed));
    atomic_fetch_add_explicit(&dst->sum_ns,
                              atomic_load_explicit(&src->sum_ns, memory_order_relaxed),
                              memory_order_relaxed);
}
