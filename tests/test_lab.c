/* test_lab.c -- the parts of the lab that can be tested without running anything: its options,
 * its statistics against oracles, its figures and tables, and its reading of logs. */
#include <check.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claims.h"
#include "format.h"
#include "input.h"
#include "measure.h"
#include "mmu.h"
#include "options.h"
#include "sample.h"
#include "support.h"
#include "table.h"
#include "workload.h"

#define ARGUMENTS_MAX 16

/* Reads "run buffers --threads 2" as the lab's main does. */
static int read_options(lab_options *options, unsigned command, const char *line)
{
    static char text[1024];
    char *argv[ARGUMENTS_MAX + 1] = {NULL}, *rest = text;
    int argc = 0;

    snprintf(text, sizeof text, "%s", line);
    while (rest != NULL && argc < ARGUMENTS_MAX) {
        argv[argc++] = strsep(&rest, " ");
    }
    return lab_options_read(options, command, argc, argv);
}

START_TEST(lists_are_read_in_their_order)
{
    lab_options o;

    ck_assert_int_eq(read_options(&o, LAB_RUN,
                                  "run quads window --percent 200,off,50 --mode stop,off "
                                  "--pools both --threads 1,64 --depth 3 --backend lull,go"),
                     0);
    ck_assert_int_eq(o.workload.count, 2);
    ck_assert_str_eq(o.workload.word[0], "quads");
    ck_assert_str_eq(o.workload.word[1], "window");
    ck_assert_int_eq(o.percent.count, 3);
    ck_assert_int_eq(o.percent.value[0], 200);
    ck_assert_int_eq(o.percent.value[1], LAB_PERCENT_OFF);
    ck_assert_int_eq(o.percent.value[2], 50);
    ck_assert_int_eq(o.mode.value[0], 1);
    ck_assert_int_eq(o.mode.value[1], 0);
    ck_assert_int_eq(o.pools.value[0], 0);
    ck_assert_int_eq(o.pools.value[1], 1);
    ck_assert_int_eq(o.threads.value[1], 64);
    ck_assert_int_eq(o.depth.value[0], 3);
    ck_assert_str_eq(o.backend.word[1], "go");
}
END_TEST

START_TEST(single_values_are_read)
{
    lab_options o;

    ck_assert_int_eq(read_options(&o, LAB_COMPARE,
                                  "compare --runs 7 --seed 9223372036854775807 --limit 1.5G "
                                  "--scale 3 --rate 2.5e4 --quick --json - --input a.log"),
                     0);
    ck_assert_int_eq(o.runs, 7);
    ck_assert_uint_eq(o.seed, INT64_MAX);
    ck_assert_uint_eq(o.limit_bytes, UINT64_C(3) << 29);
    ck_assert_int_eq(o.scale, 3);
    ck_assert(o.rate == 25000);
    ck_assert(o.quick && !o.help);
    ck_assert_str_eq(o.json, "-");
    ck_assert_str_eq(o.input, "a.log");
    ck_assert_int_eq(read_options(&o, LAB_RUN, "run all --rate 50% --limit 111% --against stop"),
                     0);
    ck_assert_int_eq(o.rate_percent, 50);
    ck_assert_int_eq(o.limit_percent, 111);
    ck_assert_str_eq(o.against, "stop");
    ck_assert(o.rate == 0 && o.limit_bytes == 0);
}
END_TEST

/* Each refusal names the value. */
static const struct {
    unsigned command;
    const char *line, *named;
} refused[] = {
    {LAB_RUN, "run buffers --threads 0", "0"},
    {LAB_RUN, "run buffers --threads 65", "65"},
    {LAB_RUN, "run buffers --threads 1,1", "1"},
    {LAB_RUN, "run buffers --threads ,", "''"},
    {LAB_RUN, "run buffers --percent -1", "-1"},
    {LAB_RUN, "run buffers --percent 100001", "100001"},
    {LAB_RUN, "run buffers --percent 1e3", "1e3"},
    {LAB_RUN, "run buffers --percent 99999999999999999999", "99999999999999999999"},
    {LAB_RUN, "run buffers --mode concurrently", "concurrently"},
    {LAB_RUN, "run buffers --pools yes", "yes"},
    {LAB_RUN, "run buffers --depth 15", "15"},
    {LAB_RUN, "run buffers --runs 0", "0"},
    {LAB_RUN, "run buffers --runs 1001", "1001"},
    {LAB_RUN, "run buffers --seed -1", "-1"},
    {LAB_RUN, "run buffers --seed 9223372036854775808", "9223372036854775808"},
    {LAB_RUN, "run buffers --limit 0", "0"},
    {LAB_RUN, "run buffers --limit 1X", "1X"},
    {LAB_RUN, "run buffers --limit 100%", "100%"},
    {LAB_RUN, "run buffers --limit %", "%"},
    {LAB_RUN, "run responses --rate 0%", "0%"},
    {LAB_RUN, "run responses --rate 101%", "101%"},
    {LAB_COMPARE, "compare --against stop", "--against"},
    {LAB_RUN, "run buffers --limit inf", "inf"},
    {LAB_RUN, "run buffers --rate 0", "0"},
    {LAB_RUN, "run buffers --rate nan", "nan"},
    {LAB_RUN, "run buffers --scale 100001", "100001"},
    {LAB_RUN, "run buffers --input ", "--input"},
    {LAB_RUN, "run buffers --json ", "--json"},
    {LAB_RUN, "run buffers --threads", "--threads"},
    {LAB_RUN, "run buffers --quick", "--quick"},
    {LAB_RUN, "run buffers --frobnicate", "--frobnicate"},
    {LAB_RUN, "run buffers -q", "-q"},
    {LAB_COMPARE, "compare buffers", "buffers"},
    {LAB_COMPARE, "compare --mode off", "--mode"},
    {LAB_COMPARE, "compare --threads 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "17"},
};

START_TEST(what_is_not_allowed_is_refused_by_name)
{
    lab_options o;

    ck_assert_int_eq(read_options(&o, refused[_i].command, refused[_i].line), -1);
    ck_assert_msg(strstr(o.error, refused[_i].named) != NULL, "'%s' does not name %s", o.error,
                  refused[_i].named);
}
END_TEST

START_TEST(sizes_have_units_of_1024)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } cases[] = {{"1", 1},
                 {"512", 512},
                 {"64k", 65536},
                 {"64K", 65536},
                 {"1.5M", 1572864},
                 {"2GiB", 1u << 31},
                 {"3gb", 3221225472},
                 {"1T", UINT64_C(1) << 40},
                 {"10B", 10},
                 {"", 0},
                 {"-1", 0},
                 {"k", 0},
                 {"1kk", 0},
                 {"1 k", 0},
                 {"0", 0},
                 {"1e99", 0},
                 {"nan", 0},
                 {"5iB", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 0;
        bool read = lab_size_read(cases[i].text, &bytes);

        ck_assert_msg(read == (cases[i].bytes != 0), "'%s'", cases[i].text);
        ck_assert_msg(!read || bytes == cases[i].bytes, "'%s': %llu", cases[i].text,
                      (unsigned long long)bytes);
    }
}
END_TEST

START_TEST(a_spread_leaves_out_what_is_unknown)
{
    const double odd[] = {5, -1, 3, 9, -1}, even[] = {4, 1, 3, 2}, none[] = {-1, -1};
    lab_spread s = lab_sample_spread(odd, 5);

    ck_assert(s.count == 3 && s.median == 5 && s.least == 3 && s.greatest == 9);
    s = lab_sample_spread(even, 4);
    ck_assert(s.count == 4 && s.median == 2.5 && s.least == 1 && s.greatest == 4);
    ck_assert(lab_sample_spread(none, 2).count == 0);
    ck_assert(lab_sample_spread(NULL, 0).count == 0);
}
END_TEST

START_TEST(what_is_equal_does_not_differ)
{
    const double value[] = {3, 5, 4, 7, 6};
    lab_difference d = lab_sample_compare(value, value, 5);

    ck_assert(d.known && d.has_interval && d.pairs == 5);
    ck_assert(d.mean == 0 && d.low == 0 && d.high == 0);
    ck_assert(!lab_difference_is_real(&d, 0));
}
END_TEST

START_TEST(a_constant_ratio_is_found_exactly)
{
    const double off[] = {3, 5, 4, 7, 6}, on[] = {6, 10, 8, 14, 12};
    lab_difference d = lab_sample_compare(off, on, 5);

    ck_assert(fabs(d.mean - 1) < 1e-9 && fabs(d.low - 1) < 1e-9 && fabs(d.high - 1) < 1e-9);
    ck_assert(lab_difference_is_real(&d, 0.5));
    ck_assert(!lab_difference_is_real(&d, 1.5)); /* less than runs that differ in nothing */
}
END_TEST

/* A tenth is a greater change than three times as much. */
START_TEST(noise_is_a_ratio_both_ways)
{
    const double off[] = {30, 50, 40}, on[] = {3, 5, 4};
    lab_difference less = lab_sample_compare(off, on, 3), more = lab_sample_compare(on, off, 3);

    ck_assert(lab_difference_is_real(&less, 2) && lab_difference_is_real(&more, 2));
    ck_assert(!lab_difference_is_real(&less, 11) && !lab_difference_is_real(&more, 11));
}
END_TEST

/* What becomes of a claim whose runs without and with had these figures. */
static lab_verdict judged(double claimed, lab_lever lever, const double without[3],
                          const double with[3])
{
    lab_claim claim = {.change = claimed, .lever = lever};
    lab_finding finding = {.claim = &claim};
    double changed[3];

    memcpy(changed, with, sizeof changed);
    lab_claim_judge(&finding, without, changed, 3);
    return finding.verdict;
}

START_TEST(claims_are_judged_by_intervals)
{
    static const double before[] = {100, 102, 101}, half[] = {50, 51, 50}, tenth[] = {90, 91, 90},
                        same[] = {100, 101, 102}, wild[] = {20, 190, 101},
                        twice[] = {200, 203, 205}, none[] = {0, 0, 0}, some[] = {0, 1, 0},
                        unknown[] = {-1, -1, -1}, one[] = {50, -1, -1};

    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, half), LAB_CONFIRMED);
    ck_assert_int_eq(judged(-0.5, LAB_LEVER_POOLS, before, half), LAB_CONFIRMED);
    ck_assert_int_eq(judged(-0.6, LAB_LEVER_POOLS, before, half), LAB_LESS);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, tenth), LAB_LESS);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, same), LAB_NONE);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, wild), LAB_NOISE);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, twice), LAB_REVERSE);
    ck_assert_int_eq(judged(0.2, LAB_LEVER_POOLS, before, twice), LAB_CONFIRMED);
    ck_assert_int_eq(judged(1.2, LAB_LEVER_POOLS, before, twice), LAB_LESS);
    ck_assert_int_eq(judged(0.2, LAB_LEVER_POOLS, before, half), LAB_REVERSE);
    ck_assert_int_eq(judged(0.2, LAB_LEVER_POOLS, before, wild), LAB_NOISE);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, none), LAB_CONFIRMED);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, some), LAB_CONFIRMED);
    ck_assert_int_eq(judged(0.2, LAB_LEVER_POOLS, before, none), LAB_REVERSE);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, none, none), LAB_NOT_TOLD);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, unknown), LAB_NOT_TOLD);
    ck_assert_int_eq(judged(-0.4, LAB_LEVER_POOLS, before, one), LAB_FEW);
}
END_TEST

/* A share of hits is held against the least that is claimed. */
START_TEST(hit_rates_are_judged_by_the_share)
{
    static const double claimed[] = {0.9, 0.9, 0.9}, most[] = {0.98, 0.99, 0.98},
                        few[] = {0.7, 0.72, 0.71}, about[] = {0.88, 0.93, 0.9};

    ck_assert_int_eq(judged(0.9, LAB_LEVER_HITS, claimed, most), LAB_CONFIRMED);
    ck_assert_int_eq(judged(0.9, LAB_LEVER_HITS, claimed, few), LAB_LESS);
    ck_assert_int_eq(judged(0.9, LAB_LEVER_HITS, claimed, about), LAB_NOISE);
}
END_TEST

START_TEST(few_pairs_have_no_interval)
{
    const double off[] = {3, -1, 4, 0}, on[] = {6, 10, 8, 5};
    lab_difference d = lab_sample_compare(off, on, 4);

    ck_assert(d.known && !d.has_interval && d.pairs == 2 && fabs(d.mean - 1) < 1e-9);
    ck_assert(!lab_difference_is_real(&d, 0));
    ck_assert(!lab_sample_compare(off + 3, on + 3, 1).known);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The bootstrap's distribution for five pairs, all 5^5 resamples of it, is the oracle: the
 * interval's ends must be where its share of them lies beyond. For five pairs, t at 97.5 % with
 * 4 degrees of freedom is 2.776, which times sqrt(5/4) leaves 0.000953 at each end. */
START_TEST(the_interval_is_that_of_all_resamples)
{
    const double ratio[5] = {0.10, 0.35, -0.05, 0.22, 0.13};
    const double share = 0.000953;
    static double means[3125];
    double off[5], on[5];
    lab_difference d;

    for (int i = 0; i < 5; i++) {
        off[i] = 100 + i;
        on[i] = off[i] * exp(ratio[i]);
    }
    for (int i = 0; i < 3125; i++) {
        double sum = 0;

        for (int j = 0, rest = i; j < 5; j++, rest /= 5) {
            sum += ratio[rest % 5];
        }
        means[i] = sum / 5;
    }
    qsort(means, 3125, sizeof means[0], by_value);
    d = lab_sample_compare(off, on, 5);
    ck_assert(fabs(d.mean - expm1(0.15)) < 1e-9);
    /* Its place among 3125 is known to one or two, as 10,000 draws of it are. */
    ck_assert_double_ge(d.low, expm1(means[0]) - 1e-9);
    ck_assert_double_le(d.low, expm1(means[(int)(share * 3125) + 5]));
    ck_assert_double_le(d.high, expm1(means[3124]) + 1e-9);
    ck_assert_double_ge(d.high, expm1(means[3124 - (int)(share * 3125) - 5]));
}
END_TEST

/* A sum of twelve uniform numbers is nearly normal. */
static double normal(lab_random *random)
{
    double sum = -6;

    for (int i = 0; i < 12; i++) {
        sum += lab_random_unit(random);
    }
    return sum;
}

/* Of many experiments with a known difference, about 95 % of the intervals must hold it. */
START_TEST(intervals_hold_the_truth_as_often_as_they_say)
{
    static const int sizes[] = {5, 8, 20};
    lab_random random = {7};

    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t held = 0, experiments = support_rounds(300);

        for (size_t experiment = 0; experiment < experiments; experiment++) {
            double off[20], on[20];
            lab_difference d;

            for (int i = 0; i < sizes[s]; i++) {
                off[i] = 1000 * exp(0.1 * normal(&random));
                on[i] = off[i] * 1.2 * exp(0.1 * normal(&random));
            }
            d = lab_sample_compare(off, on, (size_t)sizes[s]);
            held += d.low <= 0.2 && d.high >= 0.2;
        }
        ck_assert_uint_ge(held, experiments * 90 / 100);
        ck_assert_uint_le(held, experiments * 995 / 1000);
    }
}
END_TEST

START_TEST(noise_is_what_equal_runs_differ_by)
{
    const double value[] = {100, 110, 100, 120, -1, 100}, one[] = {5};

    /* Between neighbours that are known: 10 %, 10 %, 20 %. */
    ck_assert(fabs(lab_sample_noise(value, 6) - 0.1) < 1e-9);
    ck_assert(lab_sample_noise(one, 1) == -1);
}
END_TEST

/* A list and what a collector took, as lists of intervals. */
struct doings {
    lab_pause pause[20], taken[20];
    size_t count, taken_count;
    unsigned threads, shared_by;
};

/* What a thread loses of each nanosecond, in millionths, by the definition. */
static void count_losses(const struct doings *d, unsigned thread, uint64_t lost[300])
{
    memset(lost, 0, 300 * sizeof lost[0]);
    for (size_t i = 0; i < d->taken_count; i++) {
        for (uint64_t t = d->taken[i].begin_ns; t < d->taken[i].end_ns; t++) {
            lost[t] += d->taken[i].lost_ppm;
        }
    }
    for (size_t t = 0; t < 300; t++) {
        lost[t] = lost[t] / d->shared_by > LAB_MMU_ALL ? LAB_MMU_ALL : lost[t] / d->shared_by;
    }
    for (size_t i = 0; i < d->count; i++) {
        for (uint64_t t = d->pause[i].begin_ns;
             d->pause[i].thread == thread && t < d->pause[i].end_ns; t++) {
            lost[t] = LAB_MMU_ALL;
        }
    }
}

/* The least utilisation as its definition says: every position of the window, nanosecond by
 * nanosecond, of every thread. */
static int64_t least_by_counting(const struct doings *d, uint64_t begin, uint64_t end,
                                 uint64_t window)
{
    uint64_t most = 0;

    if (end - begin < window) {
        return LAB_UNKNOWN;
    }
    for (unsigned thread = 0; thread <= d->threads; thread++) { /* the last has no pauses */
        uint64_t lost[300];

        count_losses(d, thread, lost);
        for (uint64_t from = begin; from + window <= end; from++) {
            uint64_t sum = 0;

            for (uint64_t t = from; t < from + window; t++) {
                sum += lost[t];
            }
            most = sum > most ? sum : most;
        }
    }
    return (int64_t)((double)(window - most / LAB_MMU_ALL) / (double)window * 1e6);
}

static struct doings random_doings(lab_random *random)
{
    struct doings d = {.count = lab_random_below(random, 20),
                       .threads = 1 + lab_random_below(random, 3),
                       .shared_by = 1 + lab_random_below(random, 3)};

    for (size_t i = 0; i < d.count; i++) {
        uint64_t from = lab_random_below(random, 250);

        d.pause[i] = (lab_pause){from, from + lab_random_below(random, 40),
                                 lab_random_below(random, d.threads), LAB_MMU_ALL};
    }
    return d;
}

START_TEST(the_utilisation_is_that_of_the_worst_window)
{
    lab_random random = {11};

    for (size_t round = 0; round < support_rounds(3000); round++) {
        struct doings d = random_doings(&random), tidy = d;
        uint64_t begin = lab_random_below(&random, 50);
        uint64_t end = begin + 1 + lab_random_below(&random, 200);

        size_t kept = lab_mmu_tidy(tidy.pause, d.count, begin, end);
        for (uint64_t window = 1; window <= end - begin + 1; window += 1 + window / 4) {
            ensure(lab_mmu_least(tidy.pause, kept, begin, end, window) ==
                       least_by_counting(&d, begin, end, window),
                   "of %llu", (unsigned long long)window);
        }
    }
}
END_TEST

/* Whatever the collector's phases, overlapping or not, on one processor or several: no more than
 * all is lost, nothing twice in a pause, and a thread without pauses loses too. */
START_TEST(what_a_collector_takes_counts_between_pauses)
{
    lab_random random = {13};

    for (size_t round = 0; round < support_rounds(2000); round++) {
        struct doings d = random_doings(&random), tidy = d;
        lab_pause *all;

        d.taken_count = lab_random_below(&random, 6);
        for (size_t i = 0; i < d.taken_count; i++) {
            uint64_t from = lab_random_below(&random, 200);

            d.taken[i] = (lab_pause){from, from + lab_random_below(&random, 100), 0,
                                     lab_random_below(&random, 2 * LAB_MMU_ALL)};
        }
        size_t kept = lab_mmu_tidy(tidy.pause, d.count, 0, 300);
        kept = lab_mmu_blend(tidy.pause, kept, d.taken, d.taken_count, d.shared_by, &all);
        ck_assert_uint_ne(kept, SIZE_MAX);
        for (uint64_t window = 1; window <= 301; window += 1 + window / 4) {
            int64_t least = lab_mmu_least(all, kept, 0, 300, window);
            ensure(least == least_by_counting(&d, 0, 300, window), "of %llu",
                   (unsigned long long)window);
        }
        free(all);
    }
}
END_TEST

START_TEST(pauses_that_follow_each_other_count_together)
{
    /* 1 ms in each of ten that follow, and one of 2 ms alone */
    lab_pause pause[] = {{10000000, 11000000, 1, LAB_MMU_ALL},
                         {12000000, 13000000, 1, LAB_MMU_ALL},
                         {14000000, 15000000, 1, LAB_MMU_ALL},
                         {50000000, 52000000, 2, LAB_MMU_ALL},
                         {12500000, 13500000, 1, LAB_MMU_ALL}};
    size_t count = lab_mmu_tidy(pause, 5, 0, 100000000);

    ck_assert_uint_eq(count, 4); /* those that overlap are one */
    ck_assert_int_eq(lab_mmu_least(pause, count, 0, 100000000, 1000000), 0);
    ck_assert_int_eq(lab_mmu_least(pause, count, 0, 100000000, 5000000), 300000);
    ck_assert_int_eq(lab_mmu_least(pause, count, 0, 100000000, 100000000), 965000);
    ck_assert_int_eq(lab_mmu_least(pause, count, 0, 100000000, 100000001), LAB_UNKNOWN);
    ck_assert_int_eq(lab_mmu_least(pause, 0, 0, 100000000, 1000000), 1000000);
}
END_TEST

START_TEST(of_too_many_pauses_it_is_not_told)
{
    static lab_result result;

    for (uint64_t more = 0; more < 2; more++) {
        lab_mmu_note(1, 5, 2); /* not begun */
        lab_mmu_begin(1000);
        for (uint64_t i = 0; i < LAB_PAUSES_MAX + more * 7; i++) {
            lab_mmu_note(1, 2000 + i * 10, 5);
        }
        lab_mmu_end(2000 + (uint64_t)LAB_PAUSES_MAX * 10);
        lab_mmu_note(1, 5000, 5);
        lab_result_clear(&result);
        lab_mmu_result(&result, 1, false);
        ck_assert_int_eq(result.mmu_dropped, (int64_t)more * 7);
        ck_assert_int_eq(result.mmu_ppm[0], more == 0 ? 500000 : LAB_UNKNOWN);
        ck_assert_int_eq(result.mmu_ppm[LAB_WINDOWS - 1], LAB_UNKNOWN);
    }
}
END_TEST

START_TEST(figures_have_three_digits_and_a_unit)
{
    const lab_style style = {.utf8 = false};
    char t[LAB_FIGURE];

    ck_assert_str_eq(lab_format_time(t, &style, -1), "-");
    ck_assert_str_eq(lab_format_time(t, &style, 0), "0");
    ck_assert_str_eq(lab_format_time(t, &style, 7), "7 ns");
    ck_assert_str_eq(lab_format_time(t, &style, 999.4), "999 ns");
    ck_assert_str_eq(lab_format_time(t, &style, 1000), "1.00 us");
    ck_assert_str_eq(lab_format_time(t, &style, 9996), "10.0 us");
    ck_assert_str_eq(lab_format_time(t, &style, 123456), "123 us");
    ck_assert_str_eq(lab_format_time(t, &style, 999960), "1.00 ms");
    ck_assert_str_eq(lab_format_time(t, &style, 61e9), "61.0 s");
    ck_assert_str_eq(lab_format_count(t, 99999), "99999");
    ck_assert_str_eq(lab_format_count(t, 1234567), "1.23 M");
    ck_assert_str_eq(lab_format_rate(t, 12), "12 /s");
    ck_assert_str_eq(lab_format_rate(t, 8765432), "8.77 M/s");
    ck_assert_str_eq(lab_format_bytes(t, 1536), "1.50 KiB");
    ck_assert_str_eq(lab_format_bytes(t, 0x1p30), "1.00 GiB");
    ck_assert_str_eq(lab_format_share(t, 0.9999), ">99.9 %");
    ck_assert_str_eq(lab_format_share(t, 1), "100 %");
    ck_assert_str_eq(lab_format_share(t, 0.954), "95.4 %");
    ck_assert_str_eq(lab_format_share(t, -1), "-");
    ck_assert_str_eq(lab_format_change(t, &style, 0.984), "+98 %");
    ck_assert_str_eq(lab_format_change(t, &style, -0.031), "-3.1 %");
    ck_assert_str_eq(lab_format_change(t, &style, 7.14), "x8.1");
    ck_assert_str_eq(lab_format_rates(t, &style, 738e3, 751e3), "738-751 k/s");
    ck_assert_str_eq(lab_format_rates(t, &style, 0.9e6, 1.25e6), "0.90-1.25 M/s");
}
END_TEST

/* Prints a table to a string, at a width. */
static char *printed(const lab_table *table, int width)
{
    lab_style style = {.width = width, .bold = "", .dim = "", .good = "", .bad = "", .plain = ""};
    char *text = NULL;
    size_t size;

    style.out = open_memstream(&text, &size);
    lab_table_print(table, &style);
    fclose(style.out);
    return text;
}

START_TEST(tables_fit_their_width)
{
    static const lab_column columns[] = {{"", "name", true, 0},
                                         {"over", "a", false, 3},
                                         {"over", "b", false, 1},
                                         {"", "empty", false, 2},
                                         {"", "widest of all", false, 2}};
    lab_table *table = lab_table_new(columns, 5);

    for (int row = 0; row < 3; row++) {
        lab_table_row(table);
        lab_table_cell(table, 0, "µ-row");
        lab_table_cell(table, 1, "123 µs");
        lab_table_cell(table, 2, "45.6 MiB");
        lab_table_cell(table, 3, "-");
        lab_table_cell(table, 4, "x");
        lab_table_line(table, LAB_PLAIN, 4,
                       "a line that is longer than most of these tables are wide, and broken");
    }
    for (int width = 24; width < 90; width++) {
        char *text = printed(table, width), *rest = text, *line;

        ck_assert(strstr(text, "empty") == NULL); /* says nothing anywhere */
        ck_assert(strstr(text, "µ-row") != NULL);
        while ((line = strsep(&rest, "\n")) != NULL) {
            ck_assert_msg(lab_text_width(line) <= (size_t)width, "%d: '%s'", width, line);
        }
        free(text);
    }
    lab_table_free(table);
}
END_TEST

START_TEST(the_least_needed_columns_go_first)
{
    static const lab_column columns[] = {
        {"", "name", true, 0}, {"", "last", false, 9}, {"", "first", false, 1}};
    lab_table *table = lab_table_new(columns, 3);
    char *text;

    lab_table_row(table);
    lab_table_cell(table, 0, "n");
    lab_table_cell(table, 1, "1");
    lab_table_cell(table, 2, "2");
    text = printed(table, 12);
    ck_assert(strstr(text, "first") != NULL && strstr(text, "last") == NULL);
    free(text);
    lab_table_free(table);
}
END_TEST

/* A file with these bytes; its name stays valid until the next. */
static const char *file_of(const char *bytes, size_t size)
{
    static char path[] = "lab-input-XXXXXX";
    int fd;

    strcpy(path, "lab-input-XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    return path;
}

static int read_log(const char *bytes, size_t size, lab_log *log)
{
    const char *path = file_of(bytes, size);
    char why[200];
    int status = lab_log_read(path, log, why, sizeof why);

    unlink(path);
    return status;
}

START_TEST(a_log_ends_in_whole_lines)
{
    lab_log log;

    ck_assert_int_eq(read_log("one\ntwo\r\n\nfour", 14, &log), 0);
    ck_assert_uint_eq(log.lines, 4);
    ck_assert_uint_eq(log.bytes, 15);
    ck_assert_int_eq(log.text[14], '\n');
    lab_log_free(&log);
}
END_TEST

START_TEST(a_long_log_is_cut_at_the_window)
{
    size_t size = LAB_LOG_WINDOW + 5000;
    char *text = malloc(size);
    lab_log log;

    memset(text, 'x', size);
    for (size_t i = 99; i < size; i += 100) {
        text[i] = '\n';
    }
    ck_assert_int_eq(read_log(text, size, &log), 0);
    ck_assert_uint_eq(log.bytes, LAB_LOG_WINDOW / 100 * 100);
    ck_assert_uint_eq(log.lines, LAB_LOG_WINDOW / 100);
    lab_log_free(&log);
    memset(text, 'x', size); /* one line, longer than the window */
    ck_assert_int_eq(read_log(text, size, &log), 0);
    ck_assert_uint_le(log.bytes, LAB_LOG_WINDOW + 1);
    ck_assert_uint_ge(log.lines, LAB_LOG_WINDOW / (LAB_LOG_LINE + 1));
    lab_log_free(&log);
    free(text);
}
END_TEST

START_TEST(what_is_no_log_is_refused)
{
    lab_log log;
    char why[200];

    ck_assert_int_eq(read_log("", 0, &log), -1);
    ck_assert_int_eq(read_log("ab\0cd\n", 6, &log), -1);
    ck_assert_int_eq(lab_log_read("no/such/file", &log, why, sizeof why), -1);
    ck_assert(strstr(why, "No such file") != NULL);
    ck_assert_int_eq(lab_log_read(".", &log, why, sizeof why), -1);
    ck_assert(strstr(why, "directory") != NULL);
    ck_assert_int_eq(lab_log_read("/dev/null", &log, why, sizeof why), -1);
}
END_TEST

START_TEST(a_seed_names_one_log)
{
    lab_log a, b, other;

    lab_log_make(1, 500, &a);
    lab_log_make(1, 500, &b);
    lab_log_make(2, 500, &other);
    ck_assert_uint_eq(a.bytes, b.bytes);
    ck_assert_mem_eq(a.text, b.text, a.bytes);
    ck_assert(a.bytes != other.bytes || memcmp(a.text, other.text, a.bytes) != 0);
    ck_assert_ptr_null(memchr(a.text, '\0', a.bytes));
    lab_log_free(&a);
    lab_log_free(&b);
    lab_log_free(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lab");
    TCase *tests = tcase_create("lab");

    tcase_add_test(tests, lists_are_read_in_their_order);
    tcase_add_test(tests, single_values_are_read);
    tcase_add_loop_test(tests, what_is_not_allowed_is_refused_by_name, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tests, sizes_have_units_of_1024);
    tcase_add_test(tests, a_spread_leaves_out_what_is_unknown);
    tcase_add_test(tests, what_is_equal_does_not_differ);
    tcase_add_test(tests, a_constant_ratio_is_found_exactly);
    tcase_add_test(tests, noise_is_a_ratio_both_ways);
    tcase_add_test(tests, claims_are_judged_by_intervals);
    tcase_add_test(tests, hit_rates_are_judged_by_the_share);
    tcase_add_test(tests, few_pairs_have_no_interval);
    tcase_add_test(tests, the_interval_is_that_of_all_resamples);
    tcase_add_test(tests, intervals_hold_the_truth_as_often_as_they_say);
    tcase_add_test(tests, noise_is_what_equal_runs_differ_by);
    tcase_add_test(tests, the_utilisation_is_that_of_the_worst_window);
    tcase_add_test(tests, what_a_collector_takes_counts_between_pauses);
    tcase_add_test(tests, pauses_that_follow_each_other_count_together);
    tcase_add_test(tests, of_too_many_pauses_it_is_not_told);
    tcase_add_test(tests, figures_have_three_digits_and_a_unit);
    tcase_add_test(tests, tables_fit_their_width);
    tcase_add_test(tests, the_least_needed_columns_go_first);
    tcase_add_test(tests, a_log_ends_in_whole_lines);
    tcase_add_test(tests, a_long_log_is_cut_at_the_window);
    tcase_add_test(tests, what_is_no_log_is_refused);
    tcase_add_test(tests, a_seed_names_one_log);
    tcase_set_timeout(tests, 60);
    return support_run(suite, tests);
}
