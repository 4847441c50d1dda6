/* test_calibration.c -- sizes to buckets, and counts to the sizes that buffers should have. */
#include <string.h>

#include "calibration.h"
#include "random.h"
#include "support.h"

static struct lull__calibration c;
static uint32_t counted[LULL__BUCKETS];
static uint32_t usual, ceiling;

static void set_up(void)
{
    memset(&c, 0, sizeof c);
    memset(counted, 0, sizeof counted);
    usual = ceiling = 99;
}

static void calibrate(void)
{
    lull__calibrate(&c, counted, &usual, &ceiling);
}

/* The least bucket that holds it, by looking at each. */
static uint32_t naive_bucket(size_t bytes)
{
    uint32_t b = 0;

    while (b < LULL__BUCKETS && lull__bucket_bytes(b) < bytes) {
        b++;
    }
    return b;
}

START_TEST(every_size_has_the_least_bucket_that_holds_it)
{
    struct random r = {1};

    for (size_t bytes = 0; bytes < 300000; bytes++) {
        ensure(lull__bucket_of(bytes) == naive_bucket(bytes), "%zu", bytes);
    }
    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        size_t bytes = (size_t)64 << b;
        ck_assert_uint_eq(lull__bucket_bytes(b), bytes);
        ck_assert_uint_eq(lull__bucket_of(bytes - 1), bytes == 64 ? 0 : b);
        ck_assert_uint_eq(lull__bucket_of(bytes), b);
        ck_assert_uint_eq(lull__bucket_of(bytes + 1), b + 1);
    }
    for (size_t i = 0; i < 100000; i++) {
        size_t bytes = (size_t)random_magnitude(&r);
        ensure(lull__bucket_of(bytes) == naive_bucket(bytes), "%zu", bytes);
    }
    ck_assert_uint_eq(lull__bucket_of(SIZE_MAX), LULL__BUCKETS);
    ck_assert_uint_eq(lull__bucket_of((size_t)1 << 63), LULL__BUCKETS);
}
END_TEST

START_TEST(nothing_counted_says_nothing)
{
    calibrate();
    ck_assert_uint_eq(usual, 99);
    ck_assert_uint_eq(ceiling, 99);
}
END_TEST

START_TEST(the_commonest_and_what_covers_the_most)
{
    counted[2] = 500;
    counted[4] = 450;
    counted[9] = 50;
    calibrate();
    ck_assert_uint_eq(usual, 2);
    ck_assert_uint_eq(ceiling, 4); /* 95 percent exactly */
    set_up();
    counted[2] = 500;
    counted[4] = 449;
    counted[9] = 51;
    calibrate();
    ck_assert_uint_eq(ceiling, 9);
}
END_TEST

START_TEST(of_equals_the_largest)
{
    counted[0] = counted[7] = 10;
    calibrate();
    ck_assert_uint_eq(usual, 7);
}
END_TEST

START_TEST(the_last_bucket_counts)
{
    counted[LULL__BUCKETS - 1] = 1;
    calibrate();
    ck_assert_uint_eq(usual, LULL__BUCKETS - 1);
    ck_assert_uint_eq(ceiling, LULL__BUCKETS - 1);
}
END_TEST

/* Steady traffic in one bucket, then in another: it takes as long as the header says. */
static void change_of_traffic(uint32_t from, uint32_t to, int until_usual, int until_ceiling)
{
    int rounds = 0, usual_after = 0, ceiling_after = 0;

    set_up();
    for (int i = 0; i < 20; i++) {
        counted[from] += 1000;
        calibrate();
    }
    ck_assert_uint_eq(usual, from);
    ck_assert_uint_eq(ceiling, from);
    for (rounds = 1; rounds <= 10; rounds++) {
        counted[to] += 1000;
        calibrate();
        usual_after = usual_after == 0 && usual == to ? rounds : usual_after;
        ceiling_after = ceiling_after == 0 && ceiling == to ? rounds : ceiling_after;
    }
    ck_assert_int_ge(usual_after, 1);
    ck_assert_int_le(usual_after, until_usual);
    ck_assert_int_ge(ceiling_after, 1);
    ck_assert_int_le(ceiling_after, until_ceiling);
    ck_assert_uint_eq(usual, to);
    ck_assert_uint_eq(ceiling, to);
}

START_TEST(it_follows_traffic_up_and_down)
{
    change_of_traffic(3, 8, 2, 1);
    change_of_traffic(8, 3, 2, 5);
}
END_TEST

START_TEST(a_burst_is_forgotten)
{
    counted[1] += 1000;
    calibrate();
    counted[1] += 1000;
    counted[12] += 200;
    calibrate();
    ck_assert_uint_eq(ceiling, 12);
    for (int i = 0; i < 2; i++) {
        counted[1] += 1000;
        calibrate();
    }
    ck_assert_uint_eq(ceiling, 1);
}
END_TEST

/* Counts run on modulo 2^32. */
START_TEST(counts_may_wrap)
{
    counted[5] = UINT32_MAX - 10;
    counted[6] = 7;
    calibrate();
    counted[5] += 100;
    counted[6] += 3;
    ck_assert_uint_lt(counted[5], 100);
    ck_assert_uint_eq(lull__calibration_fresh(&c, counted), 103);
    memset(c.weight, 0, sizeof c.weight);
    calibrate();
    ck_assert_uint_eq(lull__calibration_fresh(&c, counted), 0);
    ck_assert(c.weight[5] == 100 && c.weight[6] == 3);
}
END_TEST

/* Against a list of every size counted, each with its weight, sorted by size as it stands. */
START_TEST(it_does_what_sorting_does)
{
    struct random r = {7};

    for (size_t round = 0; round < support_rounds(300); round++) {
        double weight[LULL__BUCKETS] = {0};
        set_up();
        for (size_t times = 1 + random_below(&r, 4); times > 0; times--) {
            double sum = 0, up_to = 0, most = 0;
            uint32_t at = 0;
            for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
                uint32_t more = random_below(&r, 3) == 0 ? (uint32_t)random_below(&r, 1000) : 0;
                counted[b] += more;
                weight[b] = weight[b] / 2 + more;
                sum += weight[b];
                most = weight[b] > most ? weight[b] : most;
            }
            calibrate();
            if (sum > 0) {
                ck_assert(weight[usual] == most);
                for (uint32_t b = usual + 1; b < LULL__BUCKETS; b++) {
                    ck_assert(weight[b] < most);
                }
                while (at < LULL__BUCKETS && (up_to += weight[at]) < 0.95 * sum) {
                    at++;
                }
                ck_assert_uint_eq(ceiling, at > usual ? at : usual);
            }
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("calibration");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, every_size_has_the_least_bucket_that_holds_it);
    tcase_add_test(tests, nothing_counted_says_nothing);
    tcase_add_test(tests, the_commonest_and_what_covers_the_most);
    tcase_add_test(tests, of_equals_the_largest);
    tcase_add_test(tests, the_last_bucket_counts);
    tcase_add_test(tests, it_follows_traffic_up_and_down);
    tcase_add_test(tests, a_burst_is_forgotten);
    tcase_add_test(tests, counts_may_wrap);
    tcase_add_test(tests, it_does_what_sorting_does);
    return support_run(suite_create("calibration"), tests);
}
