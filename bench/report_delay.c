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

enum { KIND, COUNT, P99, MAX, SUM, FIGURES };

static const lab_column columns[FIGURES] = {
    [KIND] = {"", "delay", true, 0}, [COUNT] = {"", "count", false, 3},
    [P99] = {"", "p99", false, 2},   [MAX] = {"", "max", false, 0},
    [SUM] = {"", "sum", false, 1},
};

/* The control stands behind the kinds. */
#define CONTROL LAB_DELAYS

static const lab_distribution *delay(const lab_record *record, int kind)
{
    return kind == CONTROL ? &record->hiccup : &record->result.delay[kind];
}

/* A figure over the runs of a case; unknown where a run failed or had no such delay. */
static lab_spread spread_of(const lab_plan *plan, size_t index, int kind, int figure)
{
    double value[LAB_RUNS_MAX];

    for (int run = 1; run <= plan->runs; run++) {
        const lab_record *record = lab_plan_record(plan, index, run);
        const lab_distribution *d = delay(record, kind);
        int64_t of[FIGURES] = {
            [COUNT] = d->count, [P99] = d->p99_ns, [MAX] = d->max_ns, [SUM] = d->sum_ns};
        bool tells = figure == P99 || figure == MAX ? d->count > 0 : d->count >= 0;

        value[run - 1] = record->ok && tells ? (double)of[figure] : LAB_UNKNOWN;
    }
    return lab_sample_spread(value, (size_t)plan->runs);
}

static void add_delay(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                      int kind, const lab_style *style)
{
    lab_spread count = spread_of(plan, index, kind, COUNT);
    char text[LAB_FIGURE];
    size_t column;

    lab_table_row(table);
    column = lab_names_cells(names, table, &plan->cases[index]);
    lab_table_cell(table, column + KIND,
                   kind == CONTROL ? "(idle thread)" : lull_pause_kind_name((lull_pause_kind)kind));
    lab_table_cell(table, column + COUNT, lab_format_count(text, count.median));
    for (int figure = P99; figure <= SUM; figure++) {
        lab_spread spread = spread_of(plan, index, kind, figure);
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
    for (int kind = 0; kind <= CONTROL; kind++) {
        lab_spread count = spread_of(plan, index, kind, COUNT);

        if (count.count > 0 && (count.greatest > 0 || kind == CONTROL)) {
            add_delay(table, plan, index, names, kind, style);
        }
    }
    return true;
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
    }
    lab_table_free(table);
}

/* ---- minimum mutator utilisation ---- */

/* The least of all runs: a curve of least parts has no median. */
static void add_windows(lab_table *table, size_t column, const lab_plan *plan, size_t index)
{
    for (int i = 0; i < LAB_WINDOWS; i++) {
        double value[LAB_RUNS_MAX];
        lab_spread spread;
        char text[LAB_FIGURE];

        for (int run = 1; run <= plan->runs; run++) {
            const lab_record *record = lab_plan_record(plan, index, run);

            value[run - 1] = record->ok ? (double)record->result.mmu_ppm[i] / 1e6 : LAB_UNKNOWN;
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

void lab_report_mmu(const lab_plan *plan, const lab_style *style)
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
            add_windows(table, lab_names_cells(&names, table, &plan->cases[i]), plan, i);
        }
    }
    print_heading(style, "Minimum mutator utilisation, by length of window",
                  !any              ? ": unknown, no backend here tells when it paused"
                  : plan->runs == 1 ? ""
                                    : "; the least of all runs");
    if (any) {
        lab_table_print(table, style);
    }
    print_dropped(plan, style);
    lab_table_free(table);
}
