/* report_observe.c -- the table of `lull-lab observe`: runs whose events the lab listens to, beside
 * the same without. */
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "field.h"
#include "format.h"
#include "names.h"
#include "report.h"

enum { OBSERVED, UNOBSERVED, CPU_OBSERVED, CPU_UNOBSERVED, FIGURES };

static const lab_column columns[FIGURES] = {
    [OBSERVED] = {"throughput", "observed", false, 0},
    [UNOBSERVED] = {"throughput", "not", false, 0},
    [CPU_OBSERVED] = {"CPU", "observed", false, 1},
    [CPU_UNOBSERVED] = {"CPU", "not", false, 1},
};

/* "throughput -0.4 % (-1.1 % to +0.3 %), within noise". The plan puts a case's partner, which is
 * not observed, behind it. */
static void say_difference(const lab_plan *plan, size_t index, const char *name,
                           double (*field)(const lab_record *), const lab_style *style, char *text,
                           size_t size)
{
    double with[LAB_RUNS_MAX], without[LAB_RUNS_MAX];
    size_t runs = (size_t)plan->runs;
    lab_difference difference;
    char change[128];

    lab_plan_values(plan, index, field, with);
    lab_plan_values(plan, index + 1, field, without);
    difference = lab_sample_compare(without, with, runs);
    if (!difference.known) {
        snprintf(text, size, "%s unknown", name);
        return;
    }
    lab_compare_text(&difference, style, change, sizeof change);
    snprintf(text, size, "%s %s%s", name, change,
             difference.has_interval &&
                     !lab_difference_is_real(&difference, lab_sample_noise(without, runs))
                 ? ", within noise"
                 : "");
}

static void add_pair(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                     const lab_style *style)
{
    char throughput[192], cpu[192], line[400], text[LAB_FIGURE];
    size_t column;

    lab_table_row(table);
    column = lab_names_cells(names, table, &plan->cases[index]);
    for (size_t partner = 0; partner < 2; partner++) {
        lab_spread rate = lab_field_spread(plan, index + partner, lab_field_throughput);
        lab_spread time = lab_field_spread(plan, index + partner, lab_field_cpu);

        lab_table_cell(table, column + OBSERVED + partner,
                       rate.count == 0 ? "-" : lab_format_rate(text, rate.median));
        lab_table_cell(table, column + CPU_OBSERVED + partner,
                       time.count == 0 ? "-" : lab_format_time(text, style, time.median));
    }
    say_difference(plan, index, "throughput", lab_field_throughput, style, throughput,
                   sizeof throughput);
    say_difference(plan, index, "CPU", lab_field_cpu, style, cpu, sizeof cpu);
    snprintf(line, sizeof line, "observing: %s; %s", throughput, cpu);
    lab_table_line(table, LAB_DIM, 4, line);
}

void lab_report_observe(const lab_plan *plan, const lab_style *style)
{
    lab_column all[LAB_NAMES + FIGURES];
    char text[512];
    lab_names names;
    lab_table *table;
    size_t count;

    lab_names_of(&names, plan);
    count = lab_names_columns(&names, all);
    memcpy(all + count, columns, sizeof columns);
    table = lab_table_new(all, count + FIGURES);
    for (size_t i = 0; i + 1 < plan->count; i += 2) {
        add_pair(table, plan, i, &names, style);
    }
    fputc('\n', style->out);
    lab_table_print(table, style);
    lab_table_free(table);
    strcpy(text, "");
    lab_names_shared(&names, &plan->cases[0], text, sizeof text);
    snprintf(text + strlen(text), sizeof text - strlen(text),
             "%d pair%s of runs, in turn; figures are medians; in parentheses the 95 %% confidence "
             "interval of the difference.",
             plan->runs, plan->runs == 1 ? "" : "s");
    fputc('\n', style->out);
    lab_print_wrapped(style, 0, text);
}
