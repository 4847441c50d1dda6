/* test_retain.c -- what the scavenger leaves resident, and how fast it works: the pacer's part of
 * it. */
#include "paced.h"

START_TEST(what_the_next_goal_needs_is_kept)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    mark(100 * MIB);
    mark(50 * MIB); /* the goal falls from 200 to 100 MiB */
    ck_assert_uint_eq(lull__pacer_retain(&p, 220 * MIB), 121 * MIB);
    mark(100 * MIB); /* and doubles */
    ck_assert_uint_eq(lull__pacer_retain(&p, 120 * MIB), 264 * MIB);
    lull__pacer_set_limit(&p, 200 * MIB);
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 190 * MIB);
    p.overhead_bytes = 15 * MIB;
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 175 * MIB);
    p.overhead_bytes = 300 * MIB;
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 0);
}
END_TEST

START_TEST(without_a_goal_what_was_in_use_is_kept)
{
    lull__pacer_init(&p, LULL_PERCENT_OFF, 0, HEAP_MIN);
    mark(10 * MIB);
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 110 * MIB);
    lull__pacer_set_percent(&p, 100); /* the last cycle had no goal: nothing to compare with */
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 110 * MIB);
    mark(10 * MIB);
    lull__pacer_set_percent(&p, LULL_PERCENT_OFF); /* no end in sight: everything is kept */
    ck_assert_uint_gt(lull__pacer_retain(&p, 100 * MIB), GIB * 1024);
    lull__pacer_init(&p, 0, 0, HEAP_MIN); /* a goal of 0 */
    mark(MIB);
    ck_assert_uint_eq(lull__pacer_retain(&p, 100 * MIB), 110 * MIB);
}
END_TEST

/* A scavenger that always has something to release, woken at random times. */
static void scavenge(struct lull__scavenge_rate *rate, double true_ns_per_mib, double from,
                     double to)
{
    struct random r = {9};
    uint64_t elapsed = 0, spent = 0;

    while (elapsed < UINT64_C(100000000000)) {
        uint64_t slept = 1000000 + random_below(&r, 20000000);
        uint64_t bytes = lull__scavenge_rate_budget(rate, slept) & ~UINT64_C(4095);
        uint64_t ns = (uint64_t)((double)bytes / (double)MIB * true_ns_per_mib);

        if (bytes > 0) {
            lull__scavenge_rate_spent(rate, bytes, ns);
        }
        elapsed += slept;
        spent += ns;
    }
    ck_assert_double_ge((double)spent, from * (double)elapsed);
    ck_assert_double_le((double)spent, to * (double)elapsed);
}

START_TEST(the_scavenger_takes_one_percent)
{
    struct lull__scavenge_rate rate;

    lull__scavenge_rate_init(&rate);
    scavenge(&rate, 71000, 0.0095, 0.0101);
    scavenge(&rate, 7100, 0.0095, 0.0101);    /* ten times as cheap */
    scavenge(&rate, 2000000, 0.0095, 0.0101); /* and dear */
    scavenge(&rate, 71000, 0.0095, 0.0101);
}
END_TEST

START_TEST(the_scavenger_saves_no_more_than_a_millisecond)
{
    struct lull__scavenge_rate rate;

    lull__scavenge_rate_init(&rate);
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, 0), 0);
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, 7100000), MIB); /* 71 µs of 7.1 ms */
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, UINT64_MAX), 1000000 * MIB / 71000);
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, UINT64_MAX), 1000000 * MIB / 71000);
}
END_TEST

START_TEST(the_scavenger_pays_its_debts)
{
    struct lull__scavenge_rate rate;

    lull__scavenge_rate_init(&rate);
    lull__scavenge_rate_spent(&rate, 100 * MIB, 7100000);
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, 710000000), 0); /* just paid */
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, 7100000), MIB);
    lull__scavenge_rate_spent(&rate, 0, UINT64_MAX);
    lull__scavenge_rate_spent(&rate, 0, UINT64_MAX);
    ck_assert_int_eq(rate.credit_ns, INT64_MIN);
    ck_assert_uint_eq(lull__scavenge_rate_budget(&rate, UINT64_MAX), 0);
    lull__scavenge_rate_spent(&rate, 1, UINT64_MAX); /* an absurd cost does not break the average */
    ck_assert_uint_ge(rate.ns_per_mib, UINT64_MAX / 8);
    for (int i = 0; i < 1000; i++) {
        lull__scavenge_rate_spent(&rate, MIB, 0);
    }
    ck_assert_uint_ge(rate.ns_per_mib, 1);
    ck_assert_uint_le(rate.ns_per_mib, 8);
}
END_TEST

/* What is live beyond three quarters of what the limit leaves; never below 0. */
START_TEST(excess_is_what_the_limit_lacks)
{
    lull__pacer_init(&p, 100, 0, 0);
    p.live_bytes = UINT64_MAX;
    ck_assert_uint_eq(lull__pacer_excess(&p), 0); /* no limit */
    p.limit_bytes = 1000;
    p.live_bytes = 750;
    ck_assert_uint_eq(lull__pacer_excess(&p), 0);
    p.live_bytes = 800;
    ck_assert_uint_eq(lull__pacer_excess(&p), 50);
    p.overhead_bytes = 200; /* room is 800 */
    ck_assert_uint_eq(lull__pacer_excess(&p), 200);
    p.overhead_bytes = 1300; /* there is none */
    ck_assert_uint_eq(lull__pacer_excess(&p), 800);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retain");
    TCase *retain = add_case(suite, "retain");
    TCase *scavenger = add_case(suite, "scavenger");

    tcase_add_test(retain, what_the_next_goal_needs_is_kept);
    tcase_add_test(retain, without_a_goal_what_was_in_use_is_kept);
    tcase_add_test(retain, excess_is_what_the_limit_lacks);
    tcase_add_test(scavenger, the_scavenger_takes_one_percent);
    tcase_add_test(scavenger, the_scavenger_saves_no_more_than_a_millisecond);
    tcase_add_test(scavenger, the_scavenger_pays_its_debts);
    return support_run_suite(suite);
}
