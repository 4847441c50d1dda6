/* test_limiter.c -- the memory limit, the collector's part of the machine, and threads that wait:
 * by example, against naive arithmetic, and by simulation. */
#include "paced.h"

/* ---- the limit by example ---- */

START_TEST(a_limit_lowers_the_goal)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 600 * MIB, .metadata_bytes = 100 * MIB};

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 1200 * MIB);
    lull__pacer_set_limit(&p, 1100 * MIB);
    ck_assert_uint_eq(p.goal_bytes, 970 * MIB); /* 1100 − 100, less 3 % */
    lull__pacer_set_percent(&p, LULL_PERCENT_OFF);
    ck_assert_uint_eq(p.goal_bytes, 970 * MIB);
    lull__pacer_set_percent(&p, 10);
    ck_assert_uint_eq(p.goal_bytes, 660 * MIB); /* the nearer one holds */
    lull__pacer_set_percent(&p, 100);
    lull__pacer_set_limit(&p, 10 * GIB);
    ck_assert_uint_eq(p.goal_bytes, 1200 * MIB);
    lull__pacer_set_limit(&p, 0);
    ck_assert_uint_eq(p.goal_bytes, 1200 * MIB);
}
END_TEST

START_TEST(the_headroom_is_a_mebibyte_at_least)
{
    lull__pacer_init(&p, LULL_PERCENT_OFF, 20 * MIB, HEAP_MIN);
    ck_assert_uint_eq(p.goal_bytes, 19 * MIB);
    lull__pacer_set_limit(&p, 3 * MIB / 2);
    ck_assert_uint_eq(p.goal_bytes, 1 * MIB); /* and the goal as well */
    lull__pacer_set_limit(&p, 200 * MIB);
    ck_assert_uint_eq(p.goal_bytes, 194 * MIB);
}
END_TEST

START_TEST(the_goal_is_never_below_what_is_live)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 300 * MIB, .metadata_bytes = 50 * MIB};

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 300 * MIB);
    lull__pacer_set_limit(&p, 1);
    ck_assert_uint_eq(p.goal_bytes, 300 * MIB);
    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    cycle = (struct lull__pacer_cycle){.metadata_bytes = 200 * MIB};
    lull__pacer_cycle_end(&p, &cycle); /* no room at all, and nothing live */
    ck_assert_uint_eq(p.goal_bytes, 0);
}
END_TEST

/* What a program has free in its spans is no overhead, unless it takes new ones all the same. */
START_TEST(gaps_are_what_allocation_could_not_use)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 10 * MIB, .metadata_bytes = MIB};
    static const struct {
        uint64_t in_use_mib, heap_mib, gaps_mib;
    } row[] = {
        {40, 38, 2}, /* all spans are new */
        {40, 20, 2}, /* a cycle long before the goal: nothing is known of 18 of 20 */
        {40, 39, 1}, /* they are in use after all */
        {44, 30, 5}, /* 4 MiB of spans came in spite of 14 free */
        {44, 30, 5}, {30, 29, 1}, {30, 31, 0}, /* estimates */
    };

    lull__pacer_init(&p, 100, 60 * MIB, HEAP_MIN);
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        cycle.in_use_bytes = row[i].in_use_mib * MIB;
        cycle.heap_bytes = row[i].heap_mib * MIB;
        lull__pacer_cycle_end(&p, &cycle);
        ck_assert_uint_eq(p.gaps_bytes, row[i].gaps_mib * MIB);
        ck_assert_uint_eq(p.overhead_bytes, (row[i].gaps_mib + 1) * MIB);
    }
}
END_TEST

/* Goals that fell once, for a burst that left spans half empty, come up again. */
START_TEST(a_goal_that_fell_does_not_stay_low)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 24 * MIB, .metadata_bytes = MIB};

    lull__pacer_init(&p, 100, 30 * MIB, HEAP_MIN);
    cycle.in_use_bytes = 31 * MIB; /* past the limit */
    cycle.heap_bytes = 31 * MIB;
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 28 * MIB); /* 30 − 1, less 1 */
    for (int i = 0; i < 10; i++) {
        cycle.heap_bytes = p.goal_bytes; /* of 31, as nothing moves */
        lull__pacer_cycle_end(&p, &cycle);
        ck_assert_uint_eq(p.goal_bytes, 28 * MIB);
    }
}
END_TEST

START_TEST(the_limit_sets_the_goal_or_the_percent_does)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    mark(100 * MIB);
    ck_assert(!lull__pacer_is_limited(&p)); /* there is none */
    lull__pacer_set_limit(&p, 300 * MIB);
    ck_assert(!lull__pacer_is_limited(&p));
    lull__pacer_set_limit(&p, 150 * MIB);
    ck_assert(lull__pacer_is_limited(&p));
    lull__pacer_set_percent(&p, 10);
    ck_assert(!lull__pacer_is_limited(&p));
    lull__pacer_set_percent(&p, LULL_PERCENT_OFF);
    ck_assert(lull__pacer_is_limited(&p));
}
END_TEST

/* ---- the collector's part of the machine ---- */

#define MS UINT64_C(1000000)

/* One cycle after the other, all alike. */
static void repeat(const struct lull__pacer_cycle *cycle, int times)
{
    for (int i = 0; i < times; i++) {
        lull__pacer_cycle_end(&p, cycle);
    }
}

START_TEST(the_collector_rests_when_it_had_more_than_half)
{
    static const struct {
        uint64_t elapsed_ms, gc_cpu_ms, held_ms, processors, rest_ms;
    } row[] = {
        {100, 100, 0, 2, 0},                        /* half, for ever */
        {100, 200, 0, 4, 0},   {100, 51, 0, 1, 51}, /* as long as the cycle took, at most */
        {100, 100, 0, 1, 100}, {100, 120, 0, 2, 60},
        {0, 120, 0, 2, 60}, /* a clock that stands */
        {100, 0, 0, 2, 0},     {0, 0, 0, 0, 0},
        {100, 10, 80, 2, 80}, /* who holds all threads has taken all of the machine */
    };

    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct lull__pacer_cycle cycle = {.elapsed_ns = row[i].elapsed_ms * MS,
                                          .gc_cpu_ns = row[i].gc_cpu_ms * MS,
                                          .held_ns = row[i].held_ms * MS,
                                          .processors = (uint32_t)row[i].processors,
                                          .allocated_bytes = MIB,
                                          .rests = true};

        lull__pacer_init(&p, 100, MIB, HEAP_MIN);
        repeat(&cycle, 1000);
        ck_assert_uint_eq(p.rest_ns, row[i].rest_ms * MS);
        ck_assert_uint_eq(p.step_bytes, 0);
    }
}
END_TEST

START_TEST(the_collector_may_be_ahead_by_a_twentieth_of_a_second)
{
    struct lull__pacer_cycle cycle = {
        .elapsed_ns = 10 * MS, .gc_cpu_ns = 20 * MS, .processors = 2, .rests = true};

    lull__pacer_init(&p, 100, MIB, HEAP_MIN);
    repeat(&cycle, 5); /* the whole machine for 50 ms */
    ck_assert_uint_eq(p.rest_ns, 0);
    repeat(&cycle, 1);
    ck_assert_uint_eq(p.rest_ns, 10 * MS);
    cycle.elapsed_ns = 20 * MS; /* it rested */
    repeat(&cycle, 100);
    ck_assert_uint_eq(p.rest_ns, 10 * MS);
    cycle.gc_cpu_ns = 0;
    repeat(&cycle, 1);
    ck_assert_uint_eq(p.rest_ns, 0);
}
END_TEST

/* ---- how far marking is ---- */

START_TEST(allocation_is_ahead_by_a_part_of_the_cycle)
{
    static const struct {
        struct lull__progress g;
        uint64_t mark_ns, lead_ns;
    } row[] = {
        /* begin, allocated, headroom, marked, usual */
        {{200, 0, 100, 0, 100}, 1000, 0},
        {{200, 50, 100, 0, 100}, 1000, 500},
        {{200, 50, 100, 25, 100}, 1000, 250},
        {{200, 50, 100, 50, 100}, 1000, 0},
        {{200, 50, 100, 75, 100}, 1000, 0},
        {{200, 300, 100, 100, 100}, 1000, 2000},
        {{200, 100, 100, 101, 100}, 1000, 495}, /* more than usual: the whole heap may be alive */
        {{200, 100, 100, 300, 100}, 1000, 0},   /* or more than that */
        {{200, 50, 100, 0, 100}, 0, 0},         /* no cycle yet that took time */
        {{0, 0, 0, 0, 0}, 1000, 0},
        {{0, 1, 0, 0, 0}, 1000, 1000},
        {{0, 0, 0, UINT64_MAX, 0}, 1000, 0},
        {{0, UINT64_MAX, 1, 0, 1}, UINT64_MAX, INT64_MAX},
        {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, UINT64_MAX, 0},
    };

    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        ck_assert_uint_eq((lull__pacer_lead_ns(&row[i].g, row[i].mark_ns) + 2) / 5,
                          (row[i].lead_ns + 2) / 5);
        ck_assert(row[i].mark_ns == 0 || lull__pacer_is_behind(&row[i].g) == (row[i].lead_ns != 0));
    }
}
END_TEST

/* ---- threads that wait ---- */

#define US INT64_C(1000)

START_TEST(patience_grows_with_the_time_that_a_thread_ran)
{
    static const struct {
        int64_t left_ns;
        uint64_t ran_ns, taken_bytes;
        uint32_t waiting, processors;
        int64_t patience_ns;
    } row[] = {
        {0, 0, 0, 0, 2, 0},
        {0, 10000, 0, 0, 2, 70 * US},
        {0, 10000, 0, 1, 2, 70 * US},  /* one runs, one waits, on two processors */
        {0, 10000, 0, 3, 2, 150 * US}, /* four share two: each runs for a sixteenth */
        {0, 10000, 0, 63, 2, 2550 * US},
        {0, 10000, 0, 0, 64, 70 * US},
        {0, 10000, 0, 0, 0, 70 * US},
        {30 * US, 10000, 0, 0, 2, 100 * US},
        {-100 * US, 10000, 0, 0, 2, -30 * US}, /* it waited too long */
        {0, 1000 * MS, 0, 0, 2, 2000 * US},    /* at most */
        {0, 1000 * MS, 0, 7, 2, 8000 * US},
        {INT64_MIN, 0, 0, 0, 2, -2000 * US},
        {INT64_MIN, 1000 * MS, 0, 0, 2, 2000 * US},
        {INT64_MAX, UINT64_MAX, 0, 0, 2, 2000 * US},
        {INT64_MIN, UINT64_MAX, 0, UINT32_MAX, 0, INT64_C(2000000) << 32},
        /* a large object: two pieces, and filling it takes time */
        {0, 10000, 65536, 0, 2, 7 * 65536},
        {0, 100000, 65536, 0, 2, 700 * US},
        {0, 1000 * MS, 65536, 0, 2, 4000 * US},
        {0, 0, 1 << 20, 0, 2, 7 << 20},
        {0, 0, UINT64_MAX, 0, 2, 64 * 2000 * US}, /* at most, whatever the size */
        {0, 0, UINT64_MAX, 7, 2, 64 * 8000 * US},
        {INT64_MIN, UINT64_MAX, UINT64_MAX, UINT32_MAX, 0, INT64_C(64 * 2000000) << 32},
    };

    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        ck_assert_int_eq(lull__pacer_patience(row[i].left_ns, row[i].ran_ns, row[i].taken_bytes,
                                              row[i].waiting, row[i].processors),
                         row[i].patience_ns);
    }
}
END_TEST

START_TEST(a_nap_is_as_long_as_the_lead_within_bounds)
{
    static const struct {
        uint64_t lead_ns;
        int64_t patience_ns;
        uint32_t waiting, processors;
        uint64_t nap_ns;
    } row[] = {
        {0, 1000 * US, 0, 2, 0},           {1, 1000 * US, 0, 2, 50000},
        {100000, 1000 * US, 0, 2, 100000}, {UINT64_MAX, 1000 * US, 0, 2, 1000000},
        {100000, 49 * US, 0, 2, 0}, /* not worth it */
        {100000, 50 * US, 0, 2, 50000},    {100000, -50 * US, 0, 2, 0},
        {100000, INT64_MIN, 0, 2, 0},      {1, 9000 * US, 63, 2, 1600000}, /* others wake, too */
        {1, 60 * US, 63, 2, 60000},        {1, INT64_MAX, UINT32_MAX, 0, UINT64_C(50000) << 32},
    };

    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        ck_assert_uint_eq(
            lull__pacer_nap(row[i].lead_ns, row[i].patience_ns, row[i].waiting, row[i].processors),
            row[i].nap_ns);
    }
}
END_TEST

/* Whatever the lead, a thread that runs for a while and then naps gets its eighth. */
START_TEST(a_thread_runs_for_an_eighth_of_the_time_at_least)
{
    struct random r = {4};
    int64_t patience_ns = 0;
    uint64_t ran_ns = 0, waited_ns = 0;

    for (int i = 0; i < 100000; i++) {
        uint64_t run_ns = random_below(&r, 40000);
        uint64_t nap_ns;

        patience_ns = lull__pacer_patience(patience_ns, run_ns, 0, 0, 2);
        nap_ns = lull__pacer_nap(random_magnitude(&r), patience_ns, 0, 2);
        nap_ns += nap_ns == 0 ? 0 : random_below(&r, 60000); /* it wakes late */
        patience_ns -= (int64_t)nap_ns;
        ran_ns += run_ns;
        waited_ns += nap_ns;
    }
    ck_assert_uint_le(waited_ns, 7 * ran_ns + 2 * 2060 * (uint64_t)US);
    ck_assert_uint_ge(waited_ns, 6 * ran_ns);
}
END_TEST
/* ---- against naive arithmetic ---- */

static long double within(long double value)
{
    return value < 0 ? 0 : value < UINT64_MAX ? value : UINT64_MAX;
}

START_TEST(any_limiter_is_that_of_naive_arithmetic)
{
    struct random r = {2};
    long double bucket = 0;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    for (size_t i = 0; i < support_rounds(200000); i++) {
        unsigned shift = (unsigned)random_below(&r, 64);
        struct lull__pacer_cycle cycle = {
            .allocated_bytes = random_magnitude(&r),
            .elapsed_ns = random_magnitude(&r) >> shift,
            .gc_cpu_ns = random_magnitude(&r) >> shift,
            .held_ns = random_magnitude(&r) >> shift,
            .processors = (uint32_t)random_below(&r, 65),
            .rests = random_below(&r, 2) == 0,
        };
        long double processors = cycle.processors == 0 ? 1 : cycle.processors;
        long double held = within(cycle.held_ns * processors);
        long double taken = cycle.gc_cpu_ns > held ? (long double)cycle.gc_cpu_ns : held;
        long double left = within(within(cycle.elapsed_ns * processors) - taken);
        long double ahead = LULL__PACER_AHEAD_NS * processors;
        long double most = within(ahead + taken);
        long double over = left > taken / 16 ? left : taken / 16;
        long double owed, step;

        lull__pacer_cycle_end(&p, &cycle);
        bucket = within(within(bucket + taken) - left);
        bucket = bucket < most ? bucket : most;
        check_about(p.bucket_ns, bucket, "the bucket");
        bucket = p.bucket_ns; /* so that rounding does not pile up */
        check_about(p.rest_ns, within(bucket - ahead) / processors, "the rest");
        if (cycle.rests) {
            ensure(p.step_bytes == 0, "of %zu", i);
            continue;
        }
        owed = within(within(bucket + taken) - ahead);
        long double allocated = lull__max(cycle.allocated_bytes, LULL__PACER_TAKEN_BYTES);
        step = within(allocated * owed / (over > 1 ? over : 1));
        /* taken / 16 is rounded down, which matters where it is small */
        ensure(p.step_bytes <= 3 + step * (1 + 0x1p-58L) * (left < over ? 2 : 1) &&
                   p.step_bytes >= step * (1 - 0x1p-58L) - 3,
               "the step is %llu, not %.1Lf", (unsigned long long)p.step_bytes, step);
    }
}
END_TEST

/* ---- simulation ---- */

START_TEST(a_limit_with_room_holds_the_memory)
{
    struct program s = program_of(300 * MIB);

    lull__pacer_init(&p, LULL_PERCENT_OFF, 500 * MIB, HEAP_MIN);
    for (int i = 0; i < 100; i++) {
        run_cycle(&s);
        ck_assert_uint_le(s.peak_system_bytes, 500 * MIB);
        ck_assert_uint_ge(s.in_use_bytes, 480 * MIB); /* and uses what there is */
    }
    ck_assert_double_lt(held_share(&s), 0.25);
}
END_TEST

START_TEST(a_limit_without_room_slows_the_program_and_not_more)
{
    struct program s = program_of(300 * MIB);
    uint64_t hold_ns = 50000 + 300 * MIB * 300 / 1024; /* about 92 ms */

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    while (s.held_ns + s.running_ns + s.waited_ns < UINT64_C(100000000000)) {
        run_cycle(&s);
        /* it could allocate 46 MB while the collector rests; it does an eighth of that */
        ck_assert_uint_le(s.in_use_bytes, 300 * MIB + 500 * hold_ns / 1000 / 8 + 3 * REFILL);
    }
    ck_assert_uint_eq(p.goal_bytes, 300 * MIB);
    ck_assert_double_lt(held_share(&s), 0.5 + 0.02); /* the bucket to begin with */
    ck_assert_double_gt(held_share(&s), 0.48);       /* and not more than that takes */
    ck_assert_uint_ge(s.running_ns, s.waited_ns / 8);
}
END_TEST

START_TEST(the_limit_holds_again_once_there_is_room)
{
    struct program s = program_of(300 * MIB);

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    for (int i = 0; i < 100; i++) {
        run_cycle(&s);
    }
    ck_assert_uint_gt(s.peak_system_bytes, 300 * MIB);
    s.live_bytes = 110 * MIB;
    for (int i = 0; i < 100; i++) {
        run_cycle(&s);
    }
    ck_assert_uint_lt(p.bucket_ns, LULL__PACER_AHEAD_NS);
    ck_assert_uint_le(s.peak_system_bytes, 200 * MIB);
}
END_TEST

START_TEST(limits_change_on_the_way)
{
    struct program s;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    s = grown_program(100 * MIB);
    for (int i = 0; i < 60; i++) {
        if (i == 20) {
            lull__pacer_set_limit(&p, 160 * MIB);
        } else if (i == 40) {
            lull__pacer_set_limit(&p, 0);
        }
        run_cycle(&s);
        if (i > 20 && i < 40) {
            ck_assert_uint_le(s.peak_system_bytes, 160 * MIB);
        } else {
            ck_assert(i == 20 || s.in_use_bytes >= 200 * MIB);
        }
    }
}
END_TEST

/* Rates of allocation between bounds, in any order, at a limit that leaves no room. */
START_TEST(no_rate_of_allocation_takes_more_than_half)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct random r = {seed};
        struct program s = program_of(200 * MIB);
        uint64_t hold_ns = 50000 + 200 * MIB * 300 / 1024;

        lull__pacer_init(&p, 100, 50 * MIB, HEAP_MIN);
        for (int i = 0; i < 2000; i++) {
            switch (seed % 4) {
            case 0: s.rate = 1 + random_below(&r, 2000); break;
            case 1: s.rate = i % 2 == 0 ? 10 : 2000; break;
            case 2: s.rate = UINT64_C(1) << (i % 11); break; /* doubles ten times, then falls */
            default: s.rate = UINT64_C(1024) >> (i % 11); break;
            }
            run_cycle(&s);
            /* past what is live by an eighth of what is allocated in a cycle's time at most */
            ck_assert_uint_le(s.in_use_bytes, 200 * MIB + 3 * REFILL +
                                                  hold_ns * s.rate / 1000 / LULL__PACER_SLOWEST);
        }
        ck_assert_double_lt(held_share(&s), 0.52);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limiter");
    TCase *examples = add_case(suite, "examples");
    TCase *simulation = add_case(suite, "simulation");

    tcase_add_test(examples, a_limit_lowers_the_goal);
    tcase_add_test(examples, the_headroom_is_a_mebibyte_at_least);
    tcase_add_test(examples, the_goal_is_never_below_what_is_live);
    tcase_add_test(examples, gaps_are_what_allocation_could_not_use);
    tcase_add_test(examples, a_goal_that_fell_does_not_stay_low);
    tcase_add_test(examples, the_limit_sets_the_goal_or_the_percent_does);
    tcase_add_test(examples, the_collector_rests_when_it_had_more_than_half);
    tcase_add_test(examples, the_collector_may_be_ahead_by_a_twentieth_of_a_second);
    tcase_add_test(examples, allocation_is_ahead_by_a_part_of_the_cycle);
    tcase_add_test(examples, patience_grows_with_the_time_that_a_thread_ran);
    tcase_add_test(examples, a_nap_is_as_long_as_the_lead_within_bounds);
    tcase_add_test(examples, a_thread_runs_for_an_eighth_of_the_time_at_least);
    tcase_add_test(examples, any_limiter_is_that_of_naive_arithmetic);
    tcase_add_test(simulation, a_limit_with_room_holds_the_memory);
    tcase_add_test(simulation, a_limit_without_room_slows_the_program_and_not_more);
    tcase_add_test(simulation, the_limit_holds_again_once_there_is_room);
    tcase_add_test(simulation, limits_change_on_the_way);
    tcase_add_test(simulation, no_rate_of_allocation_takes_more_than_half);
    return support_run_suite(suite);
}
