/* report_against.c -- the table of `lull-lab run --against`: what others took in terms of one mode or
 * backend, run by run. */
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "format.h"
#include "names.h"
#include "report.h"

static const struct {
    lab_column column;
    double (*field)(const lab_record *record);
} figures[] = {
    {{"", "wall", false, 0}, lab_field_wall},
    {{"", "CPU", false, 0}, lab_field_cpu},
    {{"", "throughput", false, 3}, lab_field_throughput},
    {{"latency", "p99", false, 4}, lab_field_latency_p99},
    {{"latency", "p99.9", false, 1}, lab_field_latency_p999},
    {{"longest", "operation", false, 1}, lab_field_longest},
    {{"peak", "memory", false, 2}, lab_field_peak},
};

#define FIGURES (sizeof figures / sizeof figures[0])

/* "1.03 (0.98-1.08)": the geometric mean of the runs' ratios and its interval. */
static void ratio_text(const lab_plan *plan, size_t index, size_t base,
                       double (*field)(const lab_record *), char text[LAB_CELL])
{
    double one[LAB_RUNS_MAX], other[LAB_RUNS_MAX];
    lab_difference difference;

    lab_plan_values(plan, index, field, one);
    lab_plan_values(plan, base, field, other);
    difference = lab_sample_compare(other, one, (size_t)plan->runs);
    if (!difference.known) {
        strcpy(text, "-");
    } else if (difference.has_interval) {
        snprintf(text, LAB_CELL, "%.2f (%.2f-%.2f)", 1 + difference.mean, 1 + difference.low,
                 1 + difference.high);
    } else {
        snprintf(text, LAB_CELL, "%.2f", 1 + difference.mean);
    }
}

void lab_report_against(const lab_plan *plan, const char *name, const lab_style *style)
{
    lab_column columns[LAB_NAMES + FIGURES];
    char heading[200], text[LAB_CELL];
    lab_names names;
    lab_table *table;
    size_t count;

    lab_names_of(&names, plan);
    count = lab_names_columns(&names, columns);
    for (size_t i = 0; i < FIGURES; i++) {
        columns[count + i] = figures[i].column;
    }
    table = lab_table_new(columns, count + FIGURES);
    for (size_t i = 0; i < plan->count; i++) {
        size_t base = lab_plan_against(plan, i, name);

        if (base == plan->count) {
            continue;
        }
        lab_table_row(table);
        lab_names_cells(&names, table, &plan->cases[i]);
        for (size_t j = 0; j < FIGURES; j++) {
            ratio_text(plan, i, base, figures[j].field, text);
            lab_table_cell(table, count + j, text);
        }
    }
    snprintf(heading, sizeof heading, "In terms of %s, run by run%s", name,
             plan->runs < 3 ? ""
                            : "; in parentheses the 95 % interval, which holds 1 where nothing is "
                              "shown to differ");
    fprintf(style->out, "\n");
    lab_print_wrapped(style, 0, heading);
    fputc('\n', style->out);
    lab_table_print(table, style);
    lab_table_free(table);
}
