/* report_against.c -- the table of `lull-lab run --against`: what others took in terms of one mode
 * or backend, run by run. */
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "names.h"
#include "report.h"

static const struct {
    const char *name;
    double (*field)(const lab_record *record);
} figures[] = {
    {"wall", lab_field_wall},
    {"CPU", lab_field_cpu},
    {"throughput", lab_field_throughput},
    {"latency p99", lab_field_latency_p99},
    {"latency p99.9", lab_field_latency_p999},
    {"longest operation", lab_field_longest},
    {"peak memory", lab_field_peak},
};

#define FIGURES (sizeof figures / sizeof figures[0])

enum { FIGURE, RATIO, LOW, HIGH, COLUMNS };

static const lab_column columns[COLUMNS] = {
    [FIGURE] = {"", "figure", true, 0},
    [RATIO] = {"", "ratio", false, 0},
    [LOW] = {"", "from", false, 1},
    [HIGH] = {"", "to", false, 1},
};

static void ratio_cell(lab_table *table, size_t column, double change)
{
    char text[LAB_CELL];

    snprintf(text, sizeof text, "%.2f", 1 + change);
    lab_table_cell(table, column, text);
}

/* A row for each figure that both have: the geometric mean of the runs' ratios, its interval. */
static void add_rows(lab_table *table, const lab_plan *plan, size_t index, size_t base,
                     const lab_names *names)
{
    for (size_t i = 0; i < FIGURES; i++) {
        double one[LAB_RUNS_MAX], other[LAB_RUNS_MAX];
        lab_difference difference;
        size_t column;

        lab_plan_values(plan, index, figures[i].field, one);
        lab_plan_values(plan, base, figures[i].field, other);
        difference = lab_sample_compare(other, one, (size_t)plan->runs);
        if (!difference.known) {
            continue;
        }
        lab_table_row(table);
        column = lab_names_cells(names, table, &plan->cases[index]);
        lab_table_cell(table, column + FIGURE, figures[i].name);
        ratio_cell(table, column + RATIO, difference.mean);
        if (difference.has_interval) {
            ratio_cell(table, column + LOW, difference.low);
            ratio_cell(table, column + HIGH, difference.high);
        }
    }
}

void lab_report_against(const lab_plan *plan, const char *name, const lab_style *style)
{
    lab_column all[LAB_NAMES + COLUMNS];
    char heading[200];
    lab_names names;
    lab_table *table;
    size_t count;

    lab_names_of(&names, plan);
    count = lab_names_columns(&names, all);
    memcpy(all + count, columns, sizeof columns);
    table = lab_table_new(all, count + COLUMNS);
    for (size_t i = 0; i < plan->count; i++) {
        size_t base = lab_plan_against(plan, i, name);

        if (base != plan->count) {
            add_rows(table, plan, i, base, &names);
        }
    }
    snprintf(heading, sizeof heading, "In terms of %s, run by run%s", name,
             plan->runs < 3 ? ""
                            : "; from and to: the 95 % interval, which holds 1 where nothing is "
                              "shown to differ");
    fputc('\n', style->out);
    lab_print_wrapped(style, 0, heading);
    fputc('\n', style->out);
    lab_table_print(table, style);
    lab_table_free(table);
}
