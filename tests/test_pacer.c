/* test_pacer.c -- the pacer by example, against naive arithmetic, and by simulation. */
#include <check.h>
#include <lull/heap.h>
#include <stdlib.h>

#include "pacer.h"
#include "random.h"
#include "support.h"

#define MIB UINT64_C(1048576)
#define GIB UINT64_C(1073741824)
#define HEAP_MIN (4 * MIB)

static struct lull__pacer p;

/* A cycle that marked this much, and nothing else. */
static void mark(uint64_t live_bytes)
{
    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){.live_bytes = live_bytes});
}

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

/* ---- the limit by example ---- */

START_TEST(a_limit_lowers_the_goal)
{
    struct lull__pacer_cycle cycle = {
        .live_bytes = 600 * MIB, .system_bytes = 900 * MIB, .overhead_bytes = 100 * MIB};

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

START_TEST(what_is_over_the_limit_is_taken_off)
{
    struct lull__pacer_cycle cycle = {
        .live_bytes = 100 * MIB, .system_bytes = 1300 * MIB, .overhead_bytes = 100 * MIB};

    lull__pacer_init(&p, LULL_PERCENT_OFF, 1100 * MIB, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 776 * MIB); /* 1100 − 100 − 200, less 3 % */
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
    struct lull__pacer_cycle cycle = {
        .live_bytes = 300 * MIB, .system_bytes = 400 * MIB, .overhead_bytes = 50 * MIB};

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    lull__pacer_cycle_end(&p, &cycle);
    ck_assert_uint_eq(p.goal_bytes, 300 * MIB);
    lull__pacer_set_limit(&p, 1);
    ck_assert_uint_eq(p.goal_bytes, 300 * MIB);
    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    cycle = (struct lull__pacer_cycle){.overhead_bytes = 200 * MIB};
    lull__pacer_cycle_end(&p, &cycle); /* no room at all, and nothing live */
    ck_assert_uint_eq(p.goal_bytes, 0);
}
END_TEST

/* ---- the examples of doc/pacing.md ---- */

START_TEST(the_document_computes_the_goal)
{
    struct lull__pacer_cycle cycle = {.live_bytes = 100 * MIB,
                                      .stack_bytes = MIB,
                                      .global_bytes = MIB,
                                      .overhead_bytes = 6 * MIB};

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
    long double limit = p.limit_bytes, over = p.system_bytes;
    long double room, headroom, goal, least;

    over = over > limit ? over - limit : 0;
    room = limit - p.overhead_bytes - over;
    room = room > 0 ? room : 0;
    headroom = room * 3 / 100 > MIB ? room * 3 / 100 : MIB;
    goal = room - headroom > headroom ? room - headroom : headroom;
    goal = room > 0 ? goal : 0;
    least = (long double)p.live_bytes + p.step_bytes;
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
    by_percent = p.gc_percent == LULL_PERCENT_OFF ? end : by_percent;
    goal = by_percent < by_limit ? by_percent : by_limit;
    return goal < end ? goal : end;
}

static void check_about(uint64_t got, long double want, const char *what)
{
    long double difference = got > want ? got - want : want - got;

    ensure(difference <= 3 + want * 0x1p-60L, "%s is %llu, not %.1Lf", what,
           (unsigned long long)got, want);
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
            .system_bytes = random_magnitude(&r),
            .overhead_bytes = random_magnitude(&r),
            .allocated_bytes = random_magnitude(&r),
            .cpu_ns = random_magnitude(&r),
            .gc_cpu_ns = random_magnitude(&r),
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
        ensure(lull__pacer_trigger(&p, false) == p.goal_bytes, "of %zu", i);
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
                .system_bytes = random_magnitude(&r),
                .overhead_bytes = random_magnitude(&r),
                .allocated_bytes = random_magnitude(&r),
                .cpu_ns = random_magnitude(&r),
                .gc_cpu_ns = random_magnitude(&r),
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

START_TEST(any_limiter_is_that_of_naive_arithmetic)
{
    struct random r = {2};
    long double bucket = 0;

    lull__pacer_init(&p, 100, 0, HEAP_MIN);
    for (size_t i = 0; i < support_rounds(200000); i++) {
        unsigned shift = (unsigned)random_below(&r, 64);
        struct lull__pacer_cycle cycle = {
            .allocated_bytes = random_magnitude(&r),
            .cpu_ns = random_magnitude(&r) >> shift,
            .gc_cpu_ns = random_magnitude(&r) >> shift,
        };
        long double held = cycle.gc_cpu_ns;
        long double running = cycle.cpu_ns > held ? cycle.cpu_ns - held : 0;
        long double over = running > held / 16 ? running : held / 16;
        long double owed, step;

        lull__pacer_cycle_end(&p, &cycle);
        bucket += held - running;
        bucket = bucket < 0 ? 0 : bucket > (long double)LULL__PACER_BUCKET_NS + held ? (long double)LULL__PACER_BUCKET_NS + held : bucket;
        bucket = bucket < UINT64_MAX ? bucket : UINT64_MAX;
        check_about(p.bucket_ns, bucket, "the bucket");
        bucket = p.bucket_ns; /* so that rounding does not pile up */
        owed = bucket + held > UINT64_MAX ? UINT64_MAX : bucket + held;
        owed = owed > (long double)LULL__PACER_BUCKET_NS ? owed - (long double)LULL__PACER_BUCKET_NS : 0;
        long double allocated = lull__max(cycle.allocated_bytes, LULL__PACER_TAKEN_BYTES);
        step = allocated * owed / (over > 1 ? over : 1);
        step = step < UINT64_MAX ? step : UINT64_MAX;
        /* held / 16 is rounded down, which matters where it is small */
        ensure(p.step_bytes <= 3 + step * (1 + 0x1p-58L) * (running < over ? 2 : 1) &&
                   p.step_bytes >= step * (1 - 0x1p-58L) - 3,
                      "the step is %llu, not %.1Lf", (unsigned long long)p.step_bytes, step);
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
            .system_bytes = ends[bits >> 4 & 3],
            .overhead_bytes = ends[bits >> 6 & 3],
            .allocated_bytes = ends[bits >> 8 & 3],
            .cpu_ns = ends[bits >> 10 & 3],
            .gc_cpu_ns = ends[bits >> 12 & 3],
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

/* ---- simulation: a program, its heap, and a collector that takes the pacer's word ---- */

/* The program's allocation and the collector's speed; the simulated heap's state. */
struct program {
    uint64_t live_bytes;        /* what a cycle finds live, if there is as much */
    uint64_t rate;              /* bytes allocated in a microsecond */
    uint64_t mark_ns_per_kib;   /* of live bytes; and 50 µs a cycle */
    uint64_t resident_bytes;    /* for objects */
    uint64_t in_use_bytes;      /* at the last cycle's begin */
    uint64_t heap_bytes;        /* live at the last cycle + allocated since */
    uint64_t peak_system_bytes; /* of the last cycle */
    uint64_t running_ns, held_ns, cycles, allocated_bytes; /* since the program began */
};

#define OVERHEAD (2 * MIB)
#define REFILL UINT64_C(32768) /* the trigger is looked at this often */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Runs the program up to the next cycle and through it. */
static void run_cycle(struct program *s)
{
    uint64_t trigger = lull__pacer_trigger(&p, false);
    uint64_t free = trigger > s->heap_bytes ? trigger - s->heap_bytes : 0;
    uint64_t allocated = (free / REFILL + 1) * REFILL;
    uint64_t running_ns = allocated * 1000 / s->rate;
    uint64_t live = least(s->live_bytes, s->heap_bytes + allocated);
    uint64_t held_ns = 50000 + live * s->mark_ns_per_kib / 1024;
    uint64_t retain = lull__pacer_retain(&p, s->in_use_bytes);

    ck_assert_uint_ne(trigger, LULL__PACER_NEVER);
    s->heap_bytes += allocated;
    if (s->resident_bytes > retain && s->cycles > 0) {
        s->resident_bytes = retain; /* the scavenger was at work meanwhile */
    }
    if (s->resident_bytes < s->heap_bytes) {
        s->resident_bytes = s->heap_bytes;
    }
    s->in_use_bytes = s->heap_bytes;
    s->peak_system_bytes = s->resident_bytes + OVERHEAD;
    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){
                                  .live_bytes = live,
                                  .system_bytes = s->peak_system_bytes,
                                  .overhead_bytes = OVERHEAD,
                                  .allocated_bytes = allocated,
                                  .cpu_ns = running_ns + held_ns,
                                  .gc_cpu_ns = held_ns,
                              });
    s->heap_bytes = live;
    s->running_ns += running_ns;
    s->held_ns += held_ns;
    s->allocated_bytes += allocated;
    s->cycles++;
}

static struct program program_of(uint64_t live_bytes)
{
    return (struct program){.live_bytes = live_bytes, .rate = 500, .mark_ns_per_kib = 300};
}

/* A program that has grown to its live bytes. */
static struct program grown_program(uint64_t live_bytes)
{
    struct program s = program_of(live_bytes);

    while (s.heap_bytes < live_bytes) {
        run_cycle(&s);
    }
    run_cycle(&s);
    s.running_ns = s.held_ns = s.cycles = s.allocated_bytes = 0;
    return s;
}

static double held_share(const struct program *s)
{
    return (double)s->held_ns / (double)(s->held_ns + s->running_ns);
}

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

/* ---- simulation of the limit ---- */

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

START_TEST(a_limit_without_room_leaves_the_program_half_the_time)
{
    struct program s = program_of(300 * MIB);
    uint64_t step;

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    while (s.held_ns + s.running_ns < UINT64_C(100000000000)) {
        run_cycle(&s);
    }
    ck_assert_double_lt(held_share(&s), 0.5 + 0.02); /* the bucket to begin with */
    ck_assert_double_gt(held_share(&s), 0.49);       /* and not more memory than that takes */
    /* a cycle holds the program for about 92 ms, in which it could allocate 46 MB */
    step = 500 * (50000 + 300 * MIB * 300 / 1024) / 1000;
    ck_assert_uint_le(p.goal_bytes, 300 * MIB + step + REFILL);
}
END_TEST

START_TEST(the_limit_holds_again_once_there_is_room)
{
    struct program s = program_of(300 * MIB);

    lull__pacer_init(&p, 100, 200 * MIB, HEAP_MIN);
    for (int i = 0; i < 100; i++) {
        run_cycle(&s);
    }
    ck_assert_uint_gt(p.goal_bytes, 300 * MIB);
    s.live_bytes = 110 * MIB;
    for (int i = 0; i < 100; i++) {
        run_cycle(&s);
    }
    ck_assert_uint_lt(p.bucket_ns, LULL__PACER_BUCKET_NS);
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

        lull__pacer_init(&p, 100, 50 * MIB, HEAP_MIN);
        for (int i = 0; i < 2000; i++) {
            switch (seed % 4) {
            case 0: s.rate = 1 + random_below(&r, 2000); break;
            case 1: s.rate = i % 2 == 0 ? 10 : 2000; break;
            case 2: s.rate = UINT64_C(1) << (i % 11); break; /* doubles ten times, then falls */
            default: s.rate = UINT64_C(1024) >> (i % 11); break;
            }
            run_cycle(&s);
            /* past the limit by what is allocated in two cycles' time at most */
            ck_assert_uint_le(p.step_bytes,
                              2 * (50000 + 200 * MIB * 300 / 1024) * s.rate / 1000 + 1000);
        }
        ck_assert_double_lt(held_share(&s), 0.52);
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
                                  .system_bytes = end + OVERHEAD,
                                  .overhead_bytes = OVERHEAD,
                                  .allocated_bytes = before + beside,
                                  .cpu_ns = (before + beside) * 1000 / s->rate,
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

/* ---- returning memory ---- */

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

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *added = tcase_create(name);

    tcase_set_timeout(added, 60);
    suite_add_tcase(suite, added);
    return added;
}

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
    p.system_bytes = 1300; /* and 300 beyond the limit: 500 */
    ck_assert_uint_eq(lull__pacer_excess(&p), 425);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pacer");
    TCase *examples = add_case(suite, "examples");
    TCase *properties = add_case(suite, "properties");
    TCase *simulation = add_case(suite, "simulation");
    TCase *scavenger = add_case(suite, "scavenger");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(examples, the_percent_knob_sets_the_goal);
    tcase_add_test(examples, stacks_and_globals_count_as_work);
    tcase_add_test(examples, small_heaps_have_the_minimum);
    tcase_add_test(examples, the_trigger_is_the_goal);
    tcase_add_test(examples, marking_beside_the_program_begins_before_the_goal);
    tcase_add_test(examples, without_a_goal_nothing_begins);
    tcase_add_test(examples, the_memory_of_a_peak_fades);
    tcase_add_test(examples, a_limit_lowers_the_goal);
    tcase_add_test(examples, what_is_over_the_limit_is_taken_off);
    tcase_add_test(examples, the_headroom_is_a_mebibyte_at_least);
    tcase_add_test(examples, the_goal_is_never_below_what_is_live);
    tcase_add_test(examples, the_document_computes_the_goal);
    tcase_add_test(examples, markers_by_processors_and_live_bytes);
    tcase_add_test(properties, any_goal_is_that_of_naive_arithmetic);
    tcase_add_test(properties, any_runway_is_within_bounds);
    tcase_add_test(properties, any_limiter_is_that_of_naive_arithmetic);
    tcase_add_test(properties, nothing_overflows_at_the_ends);
    tcase_add_test(simulation, a_steady_heap_is_collected_once_a_live_heap_allocated);
    tcase_add_test(simulation, a_growing_heap_is_collected_once_a_doubling);
    tcase_add_test(simulation, a_shrinking_heap_is_followed_at_once);
    tcase_add_test(simulation, a_step_costs_one_goal_and_no_more);
    tcase_add_test(simulation, a_sawtooth_stays_within_its_greatest_goal);
    tcase_add_test(simulation, a_tiny_heap_is_collected_once_a_minimum_allocated);
    tcase_add_test(simulation, the_document_counts_the_cycles);
    tcase_add_test(simulation, a_limit_with_room_holds_the_memory);
    tcase_add_test(simulation, a_limit_without_room_leaves_the_program_half_the_time);
    tcase_add_test(simulation, the_limit_holds_again_once_there_is_room);
    tcase_add_test(simulation, limits_change_on_the_way);
    tcase_add_test(simulation, no_rate_of_allocation_takes_more_than_half);
    tcase_add_test(simulation, a_steady_program_meets_its_goal);
    tcase_add_test(simulation, the_runway_follows_the_rate_of_allocation);
    tcase_add_test(simulation, the_fastest_program_runs_for_half_of_the_growth_between_cycles);
    tcase_add_test(scavenger, what_the_next_goal_needs_is_kept);
    tcase_add_test(scavenger, without_a_goal_what_was_in_use_is_kept);
    tcase_add_test(scavenger, the_scavenger_takes_one_percent);
    tcase_add_test(scavenger, the_scavenger_saves_no_more_than_a_millisecond);
    tcase_add_test(scavenger, excess_is_what_the_limit_lacks);
    tcase_add_test(scavenger, the_scavenger_pays_its_debts);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
