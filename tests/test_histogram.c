/* test_histogram.c -- histograms against sorted arrays, and under concurrent recording. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "random.h"
#include "suite.h"

enum { VALUES = 20000 };

static struct lull__histogram histogram, other;
static uint64_t value[VALUES];

static void empty(void)
{
    memset(&histogram, 0, sizeof(histogram));
    memset(&other, 0, sizeof(other));
}

/* ---- the oracle: the value of rank ceil(q·n) in a sorted array ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t exact(size_t n, unsigned per_mille)
{
    size_t rank = 1;

    while (rank * 1000 < n * per_mille) {
        rank++;
    }
    return value[rank - 1];
}

static void check_near(uint64_t got, uint64_t want, const char *what, size_t n)
{
    uint64_t difference = got > want ? got - want : want - got;

    ck_assert_msg(difference <= want / 32, "%s of %zu values is %llu, not about %llu", what, n,
                  (unsigned long long)got, (unsigned long long)want);
}

/* Records value[0..n) and compares all that can be read with the sorted array. */
static void check_values(size_t n)
{
    lull_distribution read;
    uint64_t sum = 0;

    empty();
    for (size_t i = 0; i < n; i++) {
        lull__histogram_record(&histogram, value[i]);
        sum += value[i];
    }
    qsort(value, n, sizeof(value[0]), by_value);
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_eq(read.count, n);
    ck_assert_uint_eq(read.sum_ns, sum);
    ck_assert_uint_eq(read.max_ns, value[n - 1]);
    check_near(read.p50_ns, exact(n, 500), "p50", n);
    check_near(read.p90_ns, exact(n, 900), "p90", n);
    check_near(read.p99_ns, exact(n, 990), "p99", n);
    check_near(read.p999_ns, exact(n, 999), "p99.9", n);
    ck_assert_uint_le(read.p50_ns, read.p90_ns);
    ck_assert_uint_le(read.p90_ns, read.p99_ns);
    ck_assert_uint_le(read.p99_ns, read.p999_ns);
    ck_assert_uint_le(read.p999_ns, read.max_ns);
}

/* ---- values ---- */

START_TEST(an_empty_one_reads_zero)
{
    lull_distribution read, zero;

    empty();
    memset(&read, 0xff, sizeof(read));
    memset(&zero, 0, sizeof(zero));
    lull__histogram_read(&histogram, &read);
    ck_assert_mem_eq(&read, &zero, sizeof(zero));
}
END_TEST

START_TEST(one_value_reads_as_itself)
{
    struct random r = {1};
    lull_distribution read;

    for (int i = 0; i < 2000; i++) {
        uint64_t ns = random_magnitude(&r) >> 21; /* below 2^43 */

        empty();
        lull__histogram_record(&histogram, ns);
        lull__histogram_read(&histogram, &read);
        ck_assert_uint_eq(read.max_ns, ns);
        check_near(read.p50_ns, ns, "p50", 1);
        ck_assert_uint_eq(read.p999_ns, read.p50_ns);
    }
}
END_TEST

/* Around each power of two, with a greater value beside it: clamping to the maximum hides
 * nothing. */
START_TEST(bucket_edges_are_where_they_should_be)
{
    for (unsigned bit = 0; bit < 43; bit++) {
        for (int64_t around = -2; around <= 2; around++) {
            int64_t ns = (INT64_C(1) << bit) + around;

            if (ns < 0 || ns >= INT64_C(1) << 43) {
                continue;
            }
            for (int i = 0; i < 9; i++) {
                value[i] = (uint64_t)ns;
            }
            value[9] = (UINT64_C(1) << 43) - 1;
            check_values(10);
        }
    }
}
END_TEST

START_TEST(small_values_are_exact)
{
    lull_distribution read;

    for (uint64_t ns = 0; ns < 64; ns++) {
        empty();
        for (int i = 0; i < 9; i++) {
            lull__histogram_record(&histogram, ns);
        }
        lull__histogram_record(&histogram, 1000);
        lull__histogram_read(&histogram, &read);
        ck_assert_uint_eq(read.p50_ns, ns);
        ck_assert_uint_eq(read.p90_ns, ns);
        ck_assert_uint_eq(read.p99_ns, 1000);
    }
}
END_TEST

START_TEST(any_distribution_is_near_the_sorted_array)
{
    struct random r = {2};

    for (size_t n = 1; n <= VALUES; n = n * 3 / 2 + 1) {
        for (size_t i = 0; i < n; i++) {
            value[i] = random_magnitude(&r) >> 21;
        }
        check_values(n);
        for (size_t i = 0; i < n; i++) {
            value[i] = 1000000 + random_below(&r, 1000000);
        }
        check_values(n);
        for (size_t i = 0; i < n; i++) { /* a rare long pause among short ones */
            value[i] = random_below(&r, 100) == 0 ? 5000000000 : 200 + random_below(&r, 50);
        }
        check_values(n);
    }
}
END_TEST

/* 1024 values spread evenly over one bucket, [2^20, 2^20 + 2^15). */
START_TEST(quantiles_are_interpolated_within_a_bucket)
{
    lull_distribution read;

    empty();
    for (uint64_t i = 0; i < 1024; i++) {
        lull__histogram_record(&histogram, (1 << 20) + i * 32);
    }
    lull__histogram_record(&histogram, 1 << 30); /* rank 1025: moves no quantile but p99.9's rank */
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_eq(read.p50_ns, (1 << 20) + 512 * 32 + 16);
    ck_assert_uint_eq(read.p90_ns, (1 << 20) + 922 * 32 + 16);
    ck_assert_uint_eq(read.p99_ns, (1 << 20) + 1014 * 32 + 16);
}
END_TEST

START_TEST(values_beyond_the_range_keep_their_maximum)
{
    lull_distribution read;

    empty();
    lull__histogram_record(&histogram, UINT64_C(1) << 43);
    lull__histogram_record(&histogram, UINT64_C(1) << 62);
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_eq(read.count, 2);
    ck_assert_uint_eq(read.max_ns, UINT64_C(1) << 62);
    ck_assert_uint_eq(read.sum_ns, (UINT64_C(1) << 62) + (UINT64_C(1) << 43));
    ck_assert_uint_ge(read.p50_ns, (UINT64_C(1) << 43) - (UINT64_C(1) << 37));
    ck_assert_uint_le(read.p999_ns, UINT64_C(1) << 43);

    empty();
    lull__histogram_record(&histogram, UINT64_MAX);
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_eq(read.count, 1);
    ck_assert_uint_eq(read.max_ns, UINT64_MAX);
}
END_TEST

/* ---- merging ---- */

START_TEST(adding_is_recording_both)
{
    static struct lull__histogram both;
    struct random r = {3};

    empty();
    memset(&both, 0, sizeof(both));
    for (int i = 0; i < VALUES; i++) {
        uint64_t ns = random_magnitude(&r) >> 21;

        lull__histogram_record(&both, ns);
        lull__histogram_record(i % 3 == 0 ? &histogram : &other, ns);
    }
    lull__histogram_add(&histogram, &other);
    ck_assert_mem_eq(&histogram, &both, sizeof(both));
}
END_TEST

START_TEST(adding_keeps_the_greater_maximum)
{
    empty();
    lull__histogram_record(&histogram, 70);
    lull__histogram_record(&other, 50);
    lull__histogram_add(&histogram, &other);
    ck_assert_uint_eq(histogram.max_ns, 70);
    lull__histogram_add(&other, &histogram);
    ck_assert_uint_eq(other.max_ns, 70);
}
END_TEST

/* Counts of 2^47 in buckets 2^37 wide: interpolation must not overflow, and stays as fine as
 * with few. */
START_TEST(counts_may_be_huge)
{
    const uint64_t low = UINT64_C(33) << 37, high = UINT64_C(60) << 37;
    const long double width = UINT64_C(1) << 37;
    lull_distribution read;
    long double lows = 0, rank;

    empty();
    for (int i = 0; i < 3; i++) {
        lull__histogram_record(&histogram, low + 12345);
    }
    lull__histogram_record(&other, high + (UINT64_C(1) << 37) - 1); /* clamps nothing */
    for (int i = 0; i < 34; i++) {                                  /* Fibonacci numbers of each */
        lull__histogram_add(&histogram, &other);
        lull__histogram_add(&other, &histogram);
    }
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_gt(read.count, UINT64_C(1) << 47);
    for (unsigned i = 0; i < LULL__HISTOGRAM_BUCKETS && lows == 0; i++) {
        lows = atomic_load(&histogram.bucket[i]); /* the first that is not empty */
    }
    rank = read.count * 0.5L;
    ck_assert(read.p50_ns >= low + width * (rank / lows) - 100000);
    ck_assert(read.p50_ns <= low + width * (rank / lows) + 100000);
    rank = read.count * 0.9L - lows;
    ck_assert(read.p90_ns >= high + width * (rank / (read.count - lows)) - 100000);
    ck_assert(read.p90_ns <= high + width * (rank / (read.count - lows)) + 100000);
}
END_TEST

/* ---- threads ---- */

enum { WRITERS = 4, RECORDS = 30000 };

static atomic_uint writing;

static void *write_values(void *arg)
{
    struct random r = {(uintptr_t)arg};

    for (int i = 0; i < RECORDS; i++) {
        lull__histogram_record(&histogram, 1 + (random_magnitude(&r) >> 21));
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

START_TEST(reading_and_recording_go_together)
{
    pthread_t thread[WRITERS];
    lull_distribution read, before = {0};
    uint64_t sum = 0, max = 0;

    empty();
    atomic_store(&writing, WRITERS);
    for (uintptr_t i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, write_values, (void *)(i + 1)), 0);
    }
    do {
        lull__histogram_read(&histogram, &read);
        ck_assert_uint_ge(read.count, before.count);
        ck_assert_uint_ge(read.sum_ns, before.sum_ns);
        ck_assert_uint_ge(read.max_ns, before.max_ns);
        ck_assert_uint_ge(read.sum_ns, read.count); /* each value is at least 1 */
        ck_assert(read.count == 0 || read.p50_ns > 0);
        ck_assert_uint_le(read.p50_ns, read.p90_ns);
        ck_assert_uint_le(read.p90_ns, read.p99_ns);
        ck_assert_uint_le(read.p99_ns, read.p999_ns);
        ck_assert_uint_le(read.p999_ns, read.max_ns);
        before = read;
    } while (atomic_load(&writing) != 0);
    for (uintptr_t i = 0; i < WRITERS; i++) {
        struct random r = {i + 1};

        pthread_join(thread[i], NULL);
        for (int n = 0; n < RECORDS; n++) {
            uint64_t ns = 1 + (random_magnitude(&r) >> 21);

            sum += ns;
            max = ns > max ? ns : max;
        }
    }
    lull__histogram_read(&histogram, &read);
    ck_assert_uint_eq(read.count, WRITERS * RECORDS);
    ck_assert_uint_eq(read.sum_ns, sum);
    ck_assert_uint_eq(read.max_ns, max);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *values = tcase_create("values");
    TCase *merging = tcase_create("merging");
    TCase *threads = tcase_create("threads");

    tcase_add_test(values, an_empty_one_reads_zero);
    tcase_add_test(values, one_value_reads_as_itself);
    tcase_add_test(values, bucket_edges_are_where_they_should_be);
    tcase_add_test(values, small_values_are_exact);
    tcase_add_test(values, any_distribution_is_near_the_sorted_array);
    tcase_add_test(values, quantiles_are_interpolated_within_a_bucket);
    tcase_add_test(values, values_beyond_the_range_keep_their_maximum);
    tcase_add_test(merging, adding_is_recording_both);
    tcase_add_test(merging, adding_keeps_the_greater_maximum);
    tcase_add_test(merging, counts_may_be_huge);
    tcase_add_test(threads, reading_and_recording_go_together);
    tcase_set_timeout(threads, 60);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, merging);
    suite_add_tcase(suite, threads);
    return support_run_suite(suite);
}
