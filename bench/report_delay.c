/* report_delay.c -- the tables of `lull-lab run` that tell of a thread's delays. */
#include <stdio.h>
#include <string.h>

#include <lull/stats.h>

#include "format.h"
#include "mmu.h"
#include "names.h"
#include "report.h"
#include "sample.h"

static void print_heading(const lab_style *style, const char *what, const char *of)
{
    char text[160];

    snprintf(text, sizeof text, "%s%s", what, of);
    fputc('\n', style->out);
    lab_print_wrapped(style, 0, text);
    fputc('\n', style->out);
}

/* ---- delays by kind ---- */

enum { KIND, COUNT, P99, P999, MAX, SUM, THREAD, FIGURES };

static const lab_column columns[FIGURES] = {
    [KIND] = {"", "delay", true, 0},
    [COUNT] = {"", "count", false, 4},
    [P99] = {"", "p99", false, 3},
    [P999] = {"", "p99.9", false, 2},
    [MAX] = {"", "max", false, 0},
    [SUM] = {"", "sum", false, 1},
    [THREAD] = {"of one", "thread", false, 1},
};

/* All kinds together and the control stand behind the kinds. */
enum { TOGETHER = LAB_DELAYS, CONTROL, ROWS };

static const lab_distribution *delay(const lab_record *record, int row)
{
    return row == CONTROL    ? &record->hiccup
           : row == TOGETHER ? &record->result.pause
                             : &record->result.delay[row];
}

/* The sum of a kind, or of all, in the thread that was delayed longest in all. */
static int64_t of_thread(const lab_record *record, int row)
{
    int64_t sum_ns = 0;

    if (row == CONTROL || record->result.thread_delay_ns[0] < 0) {
        return LAB_UNKNOWN;
    }
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        sum_ns += row == TOGETHER || row == kind ? record->result.thread_delay_ns[kind] : 0;
    }
    return sum_ns;
}

/* A figure over the runs of a case; unknown where a run failed or had no such delay. */
static lab_spread spread_of(const lab_plan *plan, size_t index, int row, int figure)
{
    double value[LAB_RUNS_MAX];

    for (int run = 1; run <= plan->runs; run++) {
        const lab_record *record = lab_plan_record(plan, index, run);
        const lab_distribution *d = delay(record, row);
        int64_t of[FIGURES] = {
            [COUNT] = d->count, [P99] = d->p99_ns, [P999] = d->p999_ns,
            [MAX] = d->max_ns,  [SUM] = d->sum_ns, [THREAD] = of_thread(record, row)};
        bool quantile = figure == P99 || figure == P999 || figure == MAX;

        value[run - 1] =
            record->ok && d->count >= (quantile ? 1 : 0) ? (double)of[figure] : LAB_UNKNOWN;
    }
    return lab_sample_spread(value, (size_t)plan->runs);
}

static const char *row_name(int row)
{
    return row == CONTROL    ? "(idle thread)"
           : row == TOGETHER ? "all"
                             : lull_pause_kind_name((lull_pause_kind)row);
}

static void add_delay(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                      int row, const lab_style *style)
{
    lab_spread count = spread_of(plan, index, row, COUNT);
    char text[LAB_FIGURE];
    size_t column;

    lab_table_row(table);
    column = lab_names_cells(names, table, &plan->cases[index]);
    lab_table_cell(table, column + KIND, row_name(row));
    lab_table_cell(table, column + COUNT, lab_format_count(text, count.median));
    for (int figure = P99; figure <= THREAD; figure++) {
        lab_spread spread = spread_of(plan, index, row, figure);
        double ns = figure == MAX ? spread.greatest : spread.median;

        lab_table_cell(table, column + (size_t)figure,
                       spread.count == 0 ? "-" : lab_format_time(text, style, ns));
    }
}

/* Adds a row for each kind that there was in a case; false where the case does not tell. */
static bool add_delays(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                       const lab_style *style)
{
    if (spread_of(plan, index, 0, COUNT).count == 0) {
        return false;
    }
    for (int row = 0; row < ROWS; row++) {
        lab_spread count = spread_of(plan, index, row, COUNT);

        if (count.count > 0 && (count.greatest > 0 || row >= TOGETHER)) {
            add_delay(table, plan, index, names, row, style);
        }
    }
    return true;
}

/* The kind of the longest delay of all runs. */
static int longest_kind(const lab_plan *plan, size_t index)
{
    int longest = 0;
    double most = -1;

    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        lab_spread max = spread_of(plan, index, kind, MAX);

        if (max.count > 0 && max.greatest > most) {
            most = max.greatest;
            longest = kind;
        }
    }
    return longest;
}

/* "quads on lull, mode concurrent: longest delay 1.20 ms (assist), p99.9 300 us; idle thread
 * longest 1.10 ms, p99.9 200 us; ratio of the longest 1.09." */
static void print_longest(const lab_plan *plan, size_t index, const lab_style *style)
{
    lab_spread max = spread_of(plan, index, TOGETHER, MAX);
    lab_spread p999 = spread_of(plan, index, TOGETHER, P999);
    lab_spread control = spread_of(plan, index, CONTROL, MAX);
    lab_spread control_p999 = spread_of(plan, index, CONTROL, P999);
    char name[160], t1[LAB_FIGURE], t2[LAB_FIGURE], t3[LAB_FIGURE], t4[LAB_FIGURE], text[640];

    if (max.count == 0 || control.count == 0 || control.greatest <= 0 ||
        spread_of(plan, index, 0, COUNT).count == 0) {
        return; /* a backend that knows its stops alone has no longest delay to tell */
    }
    lab_case_name(&plan->cases[index], name, sizeof name);
    if (plan->cases[index].params.collect) {
        snprintf(name + strlen(name), sizeof name - strlen(name), ", mode %s",
                 lab_case_mode(&plan->cases[index]));
    }
    snprintf(text, sizeof text,
             "%s: longest delay %s (%s), p99.9 %s; idle thread: longest %s, p99.9 %s; "
             "ratio of the longest %.2f.",
             name, lab_format_time(t1, style, max.greatest),
             lull_pause_kind_name((lull_pause_kind)longest_kind(plan, index)),
             lab_format_time(t2, style, p999.median), lab_format_time(t3, style, control.greatest),
             lab_format_time(t4, style, control_p999.median), max.greatest / control.greatest);
    lab_print_wrapped(style, 2, text);
}

void lab_report_delays(const lab_plan *plan, const lab_style *style)
{
    lab_column all[LAB_NAMES + FIGURES];
    lab_names names;
    lab_table *table;
    size_t count;
    bool any = false;

    lab_names_of(&names, plan);
    count = lab_names_columns(&names, all);
    memcpy(all + count, columns, sizeof columns);
    table = lab_table_new(all, count + FIGURES);
    for (size_t i = 0; i < plan->count; i++) {
        any = add_delays(table, plan, i, &names, style) || any;
    }
    if (any) {
        print_heading(style, "Delays by kind",
                      plan->runs == 1 ? "" : ", in one run: medians; max: of all runs");
        lab_table_print(table, style);
        fputc('\n', style->out);
        for (size_t i = 0; i < plan->count; i++) {
            print_longest(plan, i, style);
        }
    }
    lab_table_free(table);
}

/* ---- minimum mutator utilisation ---- */

/* The least of all runs: a curve of least parts has no median. */
static void add_windows(lab_table *table, size_t column, const lab_plan *plan, size_t index,
                        bool cpu)
{
    for (int i = 0; i < LAB_WINDOWS; i++) {
        double value[LAB_RUNS_MAX];
        lab_spread spread;
        char text[LAB_FIGURE];

        for (int run = 1; run <= plan->runs; run++) {
            const lab_record *record = lab_plan_record(plan, index, run);
            int64_t ppm = cpu ? record->result.mmu_cpu_ppm[i] : record->result.mmu_ppm[i];

            value[run - 1] = record->ok ? (double)ppm / 1e6 : LAB_UNKNOWN;
        }
        spread = lab_sample_spread(value, (size_t)plan->runs);
        lab_table_cell(table, column + (size_t)i,
                       spread.count == 0 ? "-" : lab_format_share(text, spread.least));
    }
}

/* Says of which runs it is not known because there were too many pauses. */
static void print_dropped(const lab_plan *plan, const lab_style *style)
{
    for (size_t i = 0; i < plan->count; i++) {
        for (int run = 1; run <= plan->runs; run++) {
            const lab_record *record = lab_plan_record(plan, i, run);
            char name[160], text[320];

            if (record->ok && record->result.mmu_dropped > 0) {
                lab_case_name(&plan->cases[i], name, sizeof name);
                snprintf(text, sizeof text,
                         "Run %d of %s: not known, as it had %lld pauses beyond "
                         "the first %d.",
                         run, name, (long long)record->result.mmu_dropped, LAB_PAUSES_MAX);
                lab_print_wrapped(style, 0, text);
            }
        }
    }
}

/* One of the two curves of all cases. */
static void print_curve(const lab_plan *plan, bool cpu, const char *what, const char *of,
                        const lab_style *style)
{
    lab_column all[LAB_NAMES + LAB_WINDOWS];
    char head[LAB_WINDOWS][16];
    lab_names names;
    lab_table *table;
    size_t count;
    bool any = false;

    lab_names_of(&names, plan);
    count = lab_names_columns(&names, all);
    for (size_t i = 0; i < LAB_WINDOWS; i++) {
        snprintf(head[i], sizeof head[i], "%d ms", lab_mmu_window_ms[i]);
        all[count + i] = (lab_column){"", head[i], false, i % 3 == 0 ? 1 : 2};
    }
    table = lab_table_new(all, count + LAB_WINDOWS);
    for (size_t i = 0; i < plan->count; i++) {
        if ((plan->cases[i].backend_traits & LAB_TELLS_PAUSES) != 0) {
            any = true;
            lab_table_row(table);
            add_windows(table, lab_names_cells(&names, table, &plan->cases[i]), plan, i, cpu);
        }
    }
    print_heading(style, what, !any ? ": unknown, no backend here tells when it paused" : of);
    if (any) {
        lab_table_print(table, style);
    }
    lab_table_free(table);
}

/* Whether the collector's CPU is known of some case. */
static bool knows_cpu(const lab_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const lab_record *record = lab_plan_record(plan, i, 1);

        if (record->ok && record->result.mmu_cpu_ppm[0] != LAB_UNKNOWN) {
            return true;
        }
    }
    return false;
}

void lab_report_mmu(const lab_plan *plan, const lab_style *style)
{
    const char *of = plan->runs == 1 ? "" : "; the least of all runs";

    print_curve(plan, false, "Minimum mutator utilisation, by length of window", of, style);
    if (knows_cpu(plan)) {
        print_curve(plan, true, "The same with the CPU of the collector's own threads counted", of,
                    style);
    }
    print_dropped(plan, style);
}
