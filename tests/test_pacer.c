/* test_pacer.c -- the pacer by example, against naive arithmetic, and by simulation. The limit is
 * test_limiter.c's. */
#include "paced.h"

static uint64_t goal_after(uint64_t live_bytes)
{
    mark(live_bytes);
    return p.goal_bytes;
}

/* ---- the goal by example ---- */

START_TEST(the_percent_knob_sets_the_goal)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    ck_assert_uint_eq(goal_after(100 * MIB), 200 * MIB);
    lull__pacer_set_percent(&p, 50);
    ck_assert_uint_eq(p.goal_bytes, 150 * MIB);
    lull__pacer_set_percent(&p, 100000);
    ck_assert_uint_eq(p.goal_bytes, 100100 * MIB);
    lull__pacer_set_percent(&p, 0);
    ck_assert_uint_eq(p.goal_bytes, 100 * MIB);
    lull__pacer_set_percent(&p, LULL_PERCENT_OFF);
    ck_assert_uint_eq(p.goal_bytes, LULL__PACER_NEVER);
    ck_assert_uint_eq(goal_after(1), LULL__PACER_NEVER);
}
END_TEST

START_TEST(stacks_and_globals_count_as_work)
{
    struct lull__pacer_cycle cycle = {
        .live_bytes = 100 * MIB, .stack_bytes = 8 * MIB, .global_bytes = 2 * MIB};

    lull__pacer_init(&p, 50, 0, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 155 * MIB);
}
END_TEST

START_TEST(small_heaps_have_the_minimum)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    ck_assert_uint_eq(p.goal_bytes, 4 * MIB); /* before any cycle */
    ck_assert_uint_eq(goal_after(1000), 4 * MIB);
    ck_assert_uint_eq(goal_after(2 * MIB), 4 * MIB);
    ck_assert_uint_eq(goal_after(2 * MIB + 1), 4 * MIB + 2);
    lull__pacer_init(&p, 200, 0, HEAP_MIN);
    ck_assert_uint_eq(p.goal_bytes, 8 * MIB);
    lull__pacer_init(&p, 25, 0, HEAP_MIN);
    ck_assert_uint_eq(p.goal_bytes, 1 * MIB);
    lull__pacer_init(&p, 100, 0, 0);
    ck_assert_uint_eq(goal_after(0), 0);
}
END_TEST

/* However little may be allocated between cycles, they leave the program half of the time. */
START_TEST(a_percent_of_nothing_is_bounded_too)
{
    static const int percents[] = {0, 1, 5};

    for (unsigned i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        struct program s;

        lull__pacer_init(&p, percents[i], 0, HEAP_MIN);
        s = grown_program(100 * MIB);
        for (int cycle = 0; cycle < 300; cycle++) {
            run_cycle(&s);
        }
        ck_assert_double_lt(held_share(&s), 0.5 + 0.02);
        ck_assert_double_gt(held_share(&s), 0.49); /* and no more memory than that takes */
    }
}
END_TEST

START_TEST(the_trigger_is_the_goal)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    mark(30 * MIB);
    ck_assert_uint_eq(lull__pacer_trigger(&p, false), 60 * MIB);
    lull__pacer_set_percent(&p, LULL_PERCENT_OFF);
    ck_assert_uint_eq(lull__pacer_trigger(&p, false), LULL__PACER_NEVER);
}
END_TEST

/* ---- the runway by example ---- */

/* A cycle that marked beside the program, which allocated meanwhile. */
static void mark_beside(uint64_t live_bytes, uint64_t beside_bytes)
{
    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){.live_bytes = live_bytes,
                                                          .beside_bytes = beside_bytes});
}

/* With the example of doc/pacing.md. */
START_TEST(marking_beside_the_program_begins_before_the_goal)
{
    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), 4 * MIB - 4 * MIB / 20); /* nothing known */
    mark_beside(100 * MIB, 20 * MIB);
    ck_assert_uint_eq(p.runway_bytes, 22 * MIB);
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), 158 * MIB);
    ck_assert_uint_eq(lull__pacer_trigger(&p, false), 180 * MIB);
    mark_beside(81 * MIB, MIB); /* the most of the last cycles counts, by three quarters */
    ck_assert_uint_eq(lull__pacer_trigger(&p, true) * 10 / MIB, 1445);
    mark_beside(160 * MIB, 80 * MIB);
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), 200 * MIB); /* half of the growth at most */
}
END_TEST

START_TEST(without_a_goal_nothing_begins)
{
    lull__pacer_init(&p, LULL_PERCENT_OFF, 0, HEAP_MIN);
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), LULL__PACER_NEVER);
    mark_beside(100 * MIB, 20 * MIB);
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), LULL__PACER_NEVER);
    lull__pacer_set_percent(&p, 0); /* no growth at all: no runway */
    ck_assert_uint_eq(lull__pacer_trigger(&p, true), 100 * MIB);
}
END_TEST

START_TEST(the_memory_of_a_peak_fades)
{
    uint64_t last, cycles = 0;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    mark_beside(GIB, 512 * MIB);
    for (last = p.runway_bytes; last != 0; last = p.runway_bytes) {
        mark_beside(GIB, 0);
        ck_assert_uint_le(p.runway_bytes, last * 3 / 4);
        ck_assert_uint_ge(p.runway_bytes + 3, last * 3 / 4);
        cycles++;
    }
    ck_assert_uint_le(cycles, 80);
    mark_beside(UINT64_MAX, UINT64_MAX); /* and comes again at once */
    ck_assert_uint_eq(p.runway_bytes, UINT64_MAX);
}
END_TEST

/* ---- the examples of doc/pacing.md ---- */

START_TEST(the_document_computes_the_goal)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 100 * MIB,
                                      .stack_bytes = MIB,
                                      .global_bytes = MIB,
                                      .metadata_bytes = 6 * MIB};

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 202 * MIB);
    lull__pacer_set_percent(&p, 50);
    ck_assert_uint_eq(p.goal_bytes, 151 * MIB);
    lull__pacer_set_percent(&p, 100);
    lull__pacer_set_limit(&p, 140 * MIB);
    ck_assert_uint_eq(p.goal_bytes * 100 / MIB, 12998);
    lull__pacer_set_limit(&p, 0);
    ck_assert_uint_eq(goal_after(1 * MIB), 4 * MIB);
}
END_TEST

/* ---- against naive arithmetic ---- */

/* The formulas of pacer.h in floating point, without a thought for order or overflow. Below 2^63
 * it is exact to some bytes: the pacer rounds down at each division. */
static long double limit_goal(void)
{
    long double room = (long double)p.limit_bytes - p.overhead_bytes;
    long double headroom, goal, least;

    room = room > 0 ? room : 0;
    headroom = room * 3 / 100 > MIB ? room * 3 / 100 : MIB;
    goal = room - headroom > headroom ? room - headroom : headroom;
    goal = room > 0 ? goal : 0;
    least = (long double)p.live_bytes;
    return goal > least ? goal : least;
}

static long double naive_goal(void)
{
    const long double end = UINT64_MAX;
    long double scanned = (long double)p.marked_bytes + p.stack_bytes + p.global_bytes;
    long double by_percent = p.live_bytes + scanned * p.gc_percent / 100;
    long double least = (long double)p.heap_min_bytes * p.gc_percent / 100;
    long double by_limit = p.limit_bytes == 0 ? end : limit_goal();
    long double goal;

    by_percent = by_percent > least ? by_percent : least;
    least = scanned / 4 + 65536;
    least = (long double)p.live_bytes + (p.step_bytes < least ? p.step_bytes : least);
    by_percent = by_percent > least ? by_percent : least;
    by_percent = p.gc_percent == LULL_PERCENT_OFF ? end : by_percent;
    goal = by_percent < by_limit ? by_percent : by_limit;
    return goal < end ? goal : end;
}

/* In mode stop: a cycle is worth what a thread takes at once. */
static long double naive_trigger(void)
{
    long double least = (long double)p.live_bytes + LULL__PACER_TAKEN_BYTES;
    long double trigger = p.goal_bytes > least ? p.goal_bytes : least;

    return trigger < UINT64_MAX ? trigger : UINT64_MAX;
}

static int random_percent(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0: return LULL_PERCENT_OFF;
    case 1: return (int)random_below(r, 100001);
    default: return (int)random_below(r, 401);
    }
}

START_TEST(any_goal_is_that_of_naive_arithmetic)
{
    struct random r = {1};

    for (size_t i = 0; i < support_rounds(200000); i++) {
        struct lull__pacer_cycle cycle = {
            .live_bytes = random_magnitude(&r),
            .stack_bytes = random_magnitude(&r),
            .global_bytes = random_magnitude(&r),
            .heap_bytes = random_magnitude(&r),
            .in_use_bytes = random_magnitude(&r),
            .metadata_bytes = random_magnitude(&r),
            .allocated_bytes = random_magnitude(&r),
            .elapsed_ns = random_magnitude(&r),
            .gc_cpu_ns = random_magnitude(&r),
            .processors = (uint32_t)random_below(&r, 65),
        };

        lull__pacer_init(&p, random_percent(&r), random_magnitude(&r), random_magnitude(&r));
        check_about(p.goal_bytes, naive_goal(), "the first goal");
        ensure(p.last_goal_bytes == p.goal_bytes, "of %zu", i);
        lull__pacer_cycle_end(&p, &cycle);
        check_about(p.goal_bytes, naive_goal(), "the goal after a cycle");
        ensure(p.goal_bytes >= p.live_bytes, "of %zu", i);
        lull__pacer_set_limit(&p, random_magnitude(&r));
        check_about(p.goal_bytes, naive_goal(), "the goal after a new limit");
        lull__pacer_set_percent(&p, random_percent(&r));
        check_about(p.goal_bytes, naive_goal(), "the goal after a new percent");
        check_about(lull__pacer_trigger(&p, false), naive_trigger(), "the trigger");
    }
}
END_TEST

/* Between half of the growth and all of it but a twentieth, whatever went before. */
static void check_runway(void)
{
    uint64_t trigger = lull__pacer_trigger(&p, true);
    uint64_t growth = p.goal_bytes - p.live_bytes;

    if (p.goal_bytes == LULL__PACER_NEVER) {
        ensure(trigger == LULL__PACER_NEVER, "not %llu", (unsigned long long)trigger);
        return;
    }
    ensure(trigger >= p.live_bytes + growth / 2, "not %llu", (unsigned long long)trigger);
    ensure(trigger <= p.goal_bytes - growth / 20, "not %llu", (unsigned long long)trigger);
    if (p.runway_bytes >= growth / 20 && p.runway_bytes <= growth / 2) {
        ensure(p.goal_bytes - trigger == p.runway_bytes, "not %llu", (unsigned long long)trigger);
    }
}

START_TEST(any_runway_is_within_bounds)
{
    struct random r = {3};

    for (size_t i = 0; i < support_rounds(20000); i++) {
        lull__pacer_init(&p, random_percent(&r), random_magnitude(&r), random_magnitude(&r));
        check_runway();
        for (int j = 0; j < 5; j++) {
            struct lull__pacer_cycle cycle = {
                .live_bytes = random_magnitude(&r),
                .stack_bytes = random_magnitude(&r),
                .heap_bytes = random_magnitude(&r),
                .in_use_bytes = random_magnitude(&r),
                .metadata_bytes = random_magnitude(&r),
                .allocated_bytes = random_magnitude(&r),
                .elapsed_ns = random_magnitude(&r),
                .gc_cpu_ns = random_magnitude(&r),
                .processors = (uint32_t)random_below(&r, 65),
                .beside_bytes = random_magnitude(&r),
            };
            long double faded = (long double)p.runway_bytes * 3 / 4;
            long double most = (long double)cycle.beside_bytes * 11 / 10;

            most = most > faded ? most : faded;
            lull__pacer_cycle_end(&p, &cycle);
            check_about(p.runway_bytes, most < UINT64_MAX ? most : UINT64_MAX, "the runway");
            check_runway();
            lull__pacer_set_percent(&p, random_percent(&r));
            check_runway();
            lull__pacer_set_limit(&p, random_magnitude(&r));
            check_runway();
        }
    }
}
END_TEST

START_TEST(nothing_overflows_at_the_ends)
{
    static const uint64_t ends[] = {0, 1, UINT64_MAX - 1, UINT64_MAX};
    static const int percents[] = {LULL_PERCENT_OFF, 0, 1, 100000};

    for (unsigned bits = 0; bits < 1u << 16; bits++) {
        struct lull__pacer_cycle cycle = {
            .live_bytes = ends[bits & 3],
            .stack_bytes = ends[bits >> 2 & 3],
            .global_bytes = ends[bits >> 2 & 3],
            .heap_bytes = ends[bits >> 4 & 3],
            .in_use_bytes = ends[bits >> 4 & 3],
            .metadata_bytes = ends[bits >> 6 & 3],
            .allocated_bytes = ends[bits >> 8 & 3],
            .elapsed_ns = ends[bits >> 10 & 3],
            .gc_cpu_ns = ends[bits >> 12 & 3],
            .held_ns = ends[bits >> 10 & 3],
            .processors = (uint32_t)ends[bits >> 12 & 3],
        };
        uint64_t retain;

        for (unsigned i = 0; i < 4; i++) {
            lull__pacer_init(&p, percents[i], ends[bits >> 14 & 3], ends[bits & 3]);
            lull__pacer_cycle_end(&p, &cycle);
            check_about(p.goal_bytes, naive_goal(), "the goal");
            retain = lull__pacer_retain(&p, ends[bits >> 4 & 3]);
            ck_assert(p.limit_bytes == 0 || retain <= p.limit_bytes);
        }
    }
}
END_TEST

/* ---- simulation ---- */

START_TEST(a_steady_heap_is_collected_once_a_live_heap_allocated)
{
    struct program s;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    s = grown_program(100 * MIB);
    while (s.allocated_bytes < 10 * GIB) {
        run_cycle(&s);
        ck_assert_uint_ge(s.in_use_bytes, 200 * MIB);
        ck_assert_uint_le(s.in_use_bytes, 200 * MIB + REFILL);
    }
    ck_assert_uint_eq(s.cycles, 103); /* 10 GiB / 100 MiB, rounded up */
}
END_TEST

START_TEST(a_growing_heap_is_collected_once_a_doubling)
{
    struct program s = program_of(UINT64_MAX); /* everything stays */

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    while (s.heap_bytes < 4 * GIB) {
        run_cycle(&s);
    }
    ck_assert_uint_ge(s.cycles, 10); /* 4 MiB to 4 GiB */
    ck_assert_uint_le(s.cycles, 11);
}
END_TEST

START_TEST(a_shrinking_heap_is_followed_at_once)
{
    struct program s;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    s = grown_program(1 * GIB);
    run_cycle(&s);
    ck_assert_uint_ge(s.peak_system_bytes, 2 * GIB);
    for (uint64_t live = 512 * MIB; live >= 8 * MIB; live /= 2) {
        s.live_bytes = live;
        run_cycle(&s);
        ck_assert_uint_eq(p.goal_bytes, 2 * live);
    }
    run_cycle(&s); /* the memory of the peak is gone, too */
    run_cycle(&s);
    ck_assert_uint_le(s.peak_system_bytes, 2 * 8 * MIB * 11 / 10 + REFILL + OVERHEAD);
}
END_TEST

START_TEST(a_step_costs_one_goal_and_no_more)
{
    struct program s;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    s = grown_program(50 * MIB);
    s.live_bytes = 90 * MIB;
    run_cycle(&s); /* the one that finds the step is on the old goal */
    ck_assert_uint_le(s.in_use_bytes, 100 * MIB + REFILL);
    run_cycle(&s);
    ck_assert_uint_ge(s.in_use_bytes, 180 * MIB);
    ck_assert_uint_le(s.in_use_bytes, 180 * MIB + REFILL);
}
END_TEST

START_TEST(a_sawtooth_stays_within_its_greatest_goal)
{
    struct program s = program_of(0);

    lull__pacer_init(&p, 50, 0, HEAP_MIN);
    for (int i = 0; i < 200; i++) {
        uint64_t goal = p.goal_bytes;

        s.live_bytes = (uint64_t)(i % 10 + 1) * 10 * MIB;
        run_cycle(&s);
        ck_assert_uint_le(s.in_use_bytes, goal + REFILL);
        ck_assert_uint_le(s.in_use_bytes, 150 * MIB + REFILL);
        ck_assert_uint_eq(p.goal_bytes, p.live_bytes * 3 / 2);
    }
}
END_TEST

START_TEST(a_tiny_heap_is_collected_once_a_minimum_allocated)
{
    struct program s = program_of(1000);

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    while (s.allocated_bytes < 1 * GIB) {
        run_cycle(&s);
    }
    ck_assert_uint_ge(s.cycles, 250);
    ck_assert_uint_le(s.cycles, 256);
}
END_TEST

/* The table of doc/pacing.md. */
START_TEST(the_document_counts_the_cycles)
{
    static const struct {
        int percent;
        uint64_t before_mib, cycles;
    } row[] = {{25, 125, 41}, {50, 150, 21}, {100, 200, 11}, {200, 300, 6}, {400, 500, 3}};

    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct program s;

        lull__pacer_init(&p, row[i].percent, 0, HEAP_MIN);
        s = grown_program(100 * MIB);
        while (s.allocated_bytes < GIB) {
            run_cycle(&s);
            ck_assert_uint_eq(s.in_use_bytes / MIB, row[i].before_mib);
        }
        ck_assert_uint_eq(s.cycles, row[i].cycles);
    }
}
END_TEST

/* ---- simulation of marking beside the program ---- */

/* Runs the program up to the next cycle, and on while that marks; what is allocated meanwhile is
 * live for it. Returns the heap's bytes at the cycle's end. */
static uint64_t run_cycle_beside(struct program *s)
{
    uint64_t trigger = lull__pacer_trigger(&p, true);
    uint64_t free = trigger > s->heap_bytes ? trigger - s->heap_bytes : 0;
    uint64_t before = (free / REFILL + 1) * REFILL;
    uint64_t live = least(s->live_bytes, s->heap_bytes + before);
    uint64_t mark_ns = 50000 + live * s->mark_ns_per_kib / 1024;
    uint64_t beside = mark_ns * s->rate / 1000 / REFILL * REFILL;
    uint64_t end = s->heap_bytes + before + beside;

    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){
                                  .live_bytes = live + beside,
                                  .heap_bytes = end,
                                  .in_use_bytes = end,
                                  .metadata_bytes = OVERHEAD,
                                  .allocated_bytes = before + beside,
                                  .elapsed_ns = (before + beside) * 1000 / s->rate,
                                  .processors = 2,
                                  .beside_bytes = beside,
                              });
    s->heap_bytes = live + beside;
    s->allocated_bytes += before + beside;
    s->cycles++;
    return end;
}

START_TEST(a_steady_program_meets_its_goal)
{
    struct program s = program_of(100 * MIB);

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    while (s.heap_bytes < s.live_bytes) {
        run_cycle_beside(&s);
    }
    for (int i = 0; i < 100; i++) {
        uint64_t goal = p.goal_bytes, growth = goal - p.live_bytes;
        uint64_t end = run_cycle_beside(&s);

        ck_assert(i == 0 || end <= goal + REFILL);
        ck_assert(i == 0 || end >= goal - growth / 20 - REFILL);
    }
}
END_TEST

START_TEST(the_runway_follows_the_rate_of_allocation)
{
    struct program s = program_of(100 * MIB);

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    for (int i = 0; i < 200; i++) {
        uint64_t goal = p.goal_bytes;
        uint64_t end;

        s.rate = i / 20 % 2 == 0 ? 100 : 1000;
        end = run_cycle_beside(&s);
        /* the cycle that meets the peak first is past the goal, no other */
        ck_assert(i < 20 || i % 20 == 0 || end <= goal + REFILL);
    }
}
END_TEST

START_TEST(the_fastest_program_runs_for_half_of_the_growth_between_cycles)
{
    struct program s = program_of(100 * MIB);

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    s.rate = 100000; /* far more than half of the growth while a cycle marks */
    for (int i = 0; i < 100; i++) {
        uint64_t live = p.live_bytes, growth = p.goal_bytes - live;

        ck_assert_uint_ge(lull__pacer_trigger(&p, true), live + growth / 2);
        run_cycle_beside(&s);
    }
}
END_TEST

/* ---- markers ---- */

START_TEST(markers_by_processors_and_live_bytes)
{
    ck_assert_uint_eq(lull__pacer_markers(0, 4, 0), 1);
    ck_assert_uint_eq(lull__pacer_markers(0, 4, 9999999), 1);
    ck_assert_uint_eq(lull__pacer_markers(0, 4, 10000000), 2);
    ck_assert_uint_eq(lull__pacer_markers(0, 4, GIB), 4);
    ck_assert_uint_eq(lull__pacer_markers(0, 64, GIB), 8);
    ck_assert_uint_eq(lull__pacer_markers(0, 64, UINT64_MAX), 8);
    ck_assert_uint_eq(lull__pacer_markers(0, 1, GIB), 1);
    ck_assert_uint_eq(lull__pacer_markers(0, 0, GIB), 1);
    ck_assert_uint_eq(lull__pacer_markers(3, 1, 0), 3);
    ck_assert_uint_eq(lull__pacer_markers(64, 2, GIB), 64);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer");
    TCase *examples = add_case(suite, "examples");
    TCase *properties = add_case(suite, "properties");
    TCase *simulation = add_case(suite, "simulation");

    tcase_add_test(examples, the_percent_knob_sets_the_goal);
    tcase_add_test(examples, stacks_and_globals_count_as_work);
    tcase_add_test(examples, small_heaps_have_the_minimum);
    tcase_add_test(examples, the_trigger_is_the_goal);
    tcase_add_test(simulation, a_percent_of_nothing_is_bounded_too);
    tcase_add_test(examples, marking_beside_the_program_begins_before_the_goal);
    tcase_add_test(examples, without_a_goal_nothing_begins);
    tcase_add_test(examples, the_memory_of_a_peak_fades);
    tcase_add_test(examples, the_document_computes_the_goal);
    tcase_add_test(examples, markers_by_processors_and_live_bytes);
    tcase_add_test(properties, any_goal_is_that_of_naive_arithmetic);
    tcase_add_test(properties, any_runway_is_within_bounds);
    tcase_add_test(properties, nothing_overflows_at_the_ends);
    tcase_add_test(simulation, a_steady_heap_is_collected_once_a_live_heap_allocated);
    tcase_add_test(simulation, a_growing_heap_is_collected_once_a_doubling);
    tcase_add_test(simulation, a_shrinking_heap_is_followed_at_once);
    tcase_add_test(simulation, a_step_costs_one_goal_and_no_more);
    tcase_add_test(simulation, a_sawtooth_stays_within_its_greatest_goal);
    tcase_add_test(simulation, a_tiny_heap_is_collected_once_a_minimum_allocated);
    tcase_add_test(simulation, the_document_counts_the_cycles);
    tcase_add_test(simulation, a_steady_program_meets_its_goal);
    tcase_add_test(simulation, the_runway_follows_the_rate_of_allocation);
    tcase_add_test(simulation, the_fastest_program_runs_for_half_of_the_growth_between_cycles);
    return support_run_suite(suite);
}
