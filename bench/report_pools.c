/* report_pools.c -- the table of `lull-lab run` that tells what lull's pools did, by their
 * names. */
#include <stdio.h>
#include <string.h>

#include <lull/pool.h>

#include "format.h"
#include "names.h"
#include "report.h"
#include "sample.h"

/* Of the gets, from where; then what was put, and how the pool stood at the end. */
enum {
    NAME,
    GETS,
    MAGAZINE,
    DEPOT,
    STEAL,
    VICTIM,
    MISS,
    LATE,
    PUTS,
    DROPS,
    IDLE,
    IDLE_BYTES,
    OUT,
    HIGH_WATER,
    FIGURES
};

static const lab_column columns[FIGURES] = {
    [NAME] = {"", "pool", true, 0},          [GETS] = {"", "gets", false, 2},
    [MAGAZINE] = {"", "magazine", false, 1}, [DEPOT] = {"", "depot", false, 3},
    [STEAL] = {"", "steal", false, 4},       [VICTIM] = {"", "victim", false, 5},
    [MISS] = {"", "miss", false, 0},         [LATE] = {"hits of", "late", false, 8},
    [PUTS] = {"", "puts", false, 6},         [DROPS] = {"", "drops", false, 4},
    [IDLE] = {"", "idle", false, 7},         [IDLE_BYTES] = {"idle", "bytes", false, 3},
    [OUT] = {"", "out", false, 9},           [HIGH_WATER] = {"high", "water", false, 5},
};

static double share(int64_t part, int64_t whole)
{
    return whole <= 0 ? LAB_UNKNOWN : (double)part / (double)whole;
}

static double figure_of(const lab_pool_row *row, int figure)
{
    int64_t drops = 0;

    for (int why = 0; why < LAB_POOL_DROPS; why++) {
        drops += row->dropped[why];
    }
    const double of[FIGURES] = {
        [GETS] = (double)row->gets,
        [MAGAZINE] = share(row->hits_magazine, row->gets),
        [DEPOT] = share(row->hits_depot, row->gets),
        [STEAL] = share(row->hits_steal, row->gets),
        [VICTIM] = share(row->hits_victim, row->gets),
        [MISS] = share(row->misses, row->gets),
        [LATE] = share(row->last_hits, row->last_gets),
        [PUTS] = (double)row->puts,
        [DROPS] = (double)drops,
        [IDLE] = (double)row->idle,
        [IDLE_BYTES] = (double)row->idle_bytes,
        [OUT] = (double)row->out,
        [HIGH_WATER] = (double)row->high_water,
    };

    return of[figure];
}

/* A pool in a run; NULL: the run failed, or had none. */
static const lab_pool_row *row_of(const lab_plan *plan, size_t index, int run, int64_t pool)
{
    const lab_record *record = lab_plan_record(plan, index, run);

    return record->ok && pool < record->result.pool_rows ? &record->result.pool_row[pool] : NULL;
}

static const lab_pool_row *any_row(const lab_plan *plan, size_t index, int64_t pool)
{
    const lab_pool_row *row = NULL;

    for (int run = 1; run <= plan->runs && row == NULL; run++) {
        row = row_of(plan, index, run, pool);
    }
    return row;
}

/* The median over the runs of a case. */
static lab_spread spread_of(const lab_plan *plan, size_t index, int64_t pool, int figure)
{
    double value[LAB_RUNS_MAX];

    for (int run = 1; run <= plan->runs; run++) {
        const lab_pool_row *row = row_of(plan, index, run, pool);

        value[run - 1] = row == NULL ? LAB_UNKNOWN : figure_of(row, figure);
    }
    return lab_sample_spread(value, (size_t)plan->runs);
}

/* "dropped: idle 120, full 3": medians, of what there was. */
static void add_reasons(lab_table *table, const lab_plan *plan, size_t index, int64_t pool)
{
    char line[256] = "";

    for (int why = 0; why < LAB_POOL_DROPS; why++) {
        double value[LAB_RUNS_MAX];
        char text[LAB_FIGURE];

        for (int run = 1; run <= plan->runs; run++) {
            const lab_pool_row *row = row_of(plan, index, run, pool);

            value[run - 1] = row == NULL ? LAB_UNKNOWN : (double)row->dropped[why];
        }
        lab_spread spread = lab_sample_spread(value, (size_t)plan->runs);
        if (spread.count > 0 && spread.median > 0) {
            snprintf(line + strlen(line), sizeof line - strlen(line), "%s %s %s",
                     line[0] == '\0' ? "dropped:" : ",", lull_pool_drop_name((lull_pool_drop)why),
                     lab_format_count(text, spread.median));
        }
    }
    if (line[0] != '\0') {
        lab_table_line(table, LAB_DIM, 4, line);
    }
}

static void add_pool(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                     int64_t pool)
{
    size_t column;

    lab_table_row(table);
    column = lab_names_cells(names, table, &plan->cases[index]);
    lab_table_cell(table, column + NAME, any_row(plan, index, pool)->name);
    for (int figure = GETS; figure < FIGURES; figure++) {
        lab_spread spread = spread_of(plan, index, pool, figure);
        bool is_share = figure >= MAGAZINE && figure <= LATE;
        char text[LAB_FIGURE];

        lab_table_cell(table, column + (size_t)figure,
                       spread.count == 0      ? "-"
                       : is_share             ? lab_format_share(text, spread.median)
                       : figure == IDLE_BYTES ? lab_format_bytes(text, spread.median)
                                              : lab_format_count(text, spread.median));
    }
    add_reasons(table, plan, index, pool);
}

void lab_report_pools(const lab_plan *plan, const lab_style *style)
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
        for (int64_t pool = 0; any_row(plan, i, pool) != NULL; pool++) {
            add_pool(table, plan, i, &names, pool);
            any = true;
        }
    }
    if (any) {
        fputc('\n', style->out);
        lab_print_wrapped(
            style, 0,
            "Pools by name: what became of the gets (served from the thread's magazine, its "
            "part of the depot, elsewhere, what was about to go; made new), and what "
            "each kept at the end");
        fputc('\n', style->out);
        lab_table_print(table, style);
    }
    lab_table_free(table);
}
