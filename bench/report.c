/* report.c -- the table of `lull-lab run`. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "field.h"
#include "format.h"
#include "names.h"

/* How a figure is written. */
enum kind { TIME, COUNT, RATE, BYTES, SHARE };

/* The columns of figures: the heading, whose values are shown, and how. With several runs the
 * first is followed by its least and greatest; --json has those of all. */
static const struct figure {
    lab_column column;
    double (*field)(const lab_record *record);
    enum kind kind;
    bool worst; /* the greatest of all runs stands here, not the median */
} figures[] = {
    {{"", "throughput", false, 1}, lab_field_throughput, RATE, false},
    {{"", "wall", false, 2}, lab_field_wall, TIME, false},
    {{"", "CPU", false, 7}, lab_field_cpu, TIME, false},
    {{"", "GC CPU", false, 6}, lab_field_gc_cpu, TIME, false},
    {{"", "cycles", false, 4}, lab_field_cycles, COUNT, false},
    {{"", "pauses", false, 10}, lab_field_pauses, COUNT, false},
    {{"pause", "p50", false, 9}, lab_field_pause_p50, TIME, false},
    {{"pause", "p99", false, 5}, lab_field_pause_p99, TIME, false},
    {{"pause", "max", false, 3}, lab_field_pause_max, TIME, true},
    {{"pause", "sum", false, 8}, lab_field_pause_sum, TIME, false},
    {{"latency", "p50", false, 9}, lab_field_latency_p50, TIME, false},
    {{"latency", "p99", false, 3}, lab_field_latency_p99, TIME, false},
    {{"latency", "p99.9", false, 8}, lab_field_latency_p999, TIME, false},
    {{"longest", "operation", false, 4}, lab_field_longest, TIME, true},
    {{"mark/", "object", false, 11}, lab_field_mark, TIME, false},
    {{"peak", "memory", false, 2}, lab_field_peak, BYTES, false},
    {{"pool", "hits", false, 6}, lab_field_hit_rate, SHARE, false},
};

#define FIGURES (sizeof figures / sizeof figures[0])

static const char *format(char *text, const lab_style *style, enum kind kind, double value)
{
    switch (kind) {
    case TIME: return lab_format_time(text, style, value);
    case COUNT: return lab_format_count(text, value);
    case RATE: return lab_format_rate(text, value);
    case BYTES: return lab_format_bytes(text, value);
    case SHARE: return lab_format_share(text, value);
    }
    return strcpy(text, "-");
}

static void add_figures(lab_table *table, size_t column, const lab_plan *plan, size_t index,
                        const lab_style *style)
{
    for (size_t i = 0; i < FIGURES; i++) {
        lab_spread spread = lab_field_spread(plan, index, figures[i].field);
        double value = figures[i].worst ? spread.greatest : spread.median;
        char text[LAB_FIGURE];

        lab_table_cell(table, column++,
                       spread.count == 0 ? "-" : format(text, style, figures[i].kind, value));
        if (i == 0) {
            lab_table_cell(table, column++,
                           spread.count < 2
                               ? ""
                               : lab_format_rates(text, style, spread.least, spread.greatest));
        }
    }
}

static void add_row(lab_table *table, const lab_plan *plan, size_t index, const lab_names *names,
                    const lab_style *style)
{
    lab_table_row(table);
    add_figures(table, lab_names_cells(names, table, &plan->cases[index]), plan, index, style);
}

/* "mode stop, percent 100, 2 threads; medians of 3 runs (max: of all)". */
static void print_shared(const lab_plan *plan, const lab_names *names, const lab_style *style)
{
    const lab_params *params = &plan->cases[0].params;
    char text[1600] = "";

    lab_names_shared(names, &plan->cases[0], text, sizeof text);
    snprintf(text + strlen(text), sizeof text - strlen(text), "seed %llu, ",
             (unsigned long long)params->seed);
    if (params->scale != 100) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "scale %d %%, ",
                 (int)params->scale);
    }
    for (size_t i = 0; i < plan->count; i++) {
        if ((plan->cases[i].workload->traits & LAB_HAS_RATE) != 0) {
            char rate[LAB_FIGURE], part[64] = "";

            if (plan->rate_percent != 0) {
                snprintf(part, sizeof part, " (%d %% of what malloc serves)", plan->rate_percent);
            }
            snprintf(text + strlen(text), sizeof text - strlen(text), "requests arrive at %s%s, ",
                     lab_format_rate(rate, plan->cases[i].params.rate), part);
            break;
        }
    }
    snprintf(text + strlen(text), sizeof text - strlen(text),
             plan->runs == 1 ? "one run of each" : "medians of %d runs; max and longest: of all",
             plan->runs);
    lab_print_wrapped(style, 0, text);
}

static bool any_ok(const lab_plan *plan)
{
    for (size_t i = 0; i < plan->count * (size_t)plan->runs; i++) {
        if (plan->records[i].ok) {
            return true;
        }
    }
    return false;
}

void lab_report_run(const lab_plan *plan, const lab_style *style)
{
    lab_column columns[LAB_NAMES + FIGURES + 1];
    lab_names names;
    size_t count;
    lab_table *table;
    int left_out;

    if (!any_ok(plan)) {
        fputs("No run succeeded.\n", style->out);
        return;
    }
    lab_names_of(&names, plan);
    count = lab_names_columns(&names, columns);
    for (size_t i = 0; i < FIGURES; i++) {
        columns[count++] = figures[i].column;
        if (i == 0) {
            columns[count++] = (lab_column){"", "min-max", false, 3};
        }
    }
    table = lab_table_new(columns, count);
    for (size_t i = 0; i < plan->count; i++) {
        add_row(table, plan, i, &names, style);
    }
    print_shared(plan, &names, style);
    fputc('\n', style->out);
    left_out = lab_table_print(table, style);
    if (left_out > 0) {
        char text[128];

        snprintf(text, sizeof text,
                 "%d more column%s would fit on a wider terminal; --json has all.", left_out,
                 left_out == 1 ? "" : "s");
        fputc('\n', style->out);
        lab_print_wrapped(style, 0, text);
    }
    lab_table_free(table);
}

void lab_report_limits(const lab_plan *plan, const lab_machine *machine, const lab_style *style)
{
    for (size_t i = 0; i < plan->count; i++) {
        const lab_case *one = &plan->cases[i];
        double limit = (double)one->params.limit_bytes;
        lab_spread live = lab_field_spread(plan, i, lab_field_live);
        lab_spread peak = lab_field_spread(plan, i, lab_field_peak);
        lab_spread share = lab_field_spread(plan, i, lab_field_gc_share);
        lab_spread load = lab_field_spread(plan, i, lab_field_gc_load);
        char name[160], t1[LAB_FIGURE], t2[LAB_FIGURE], t3[LAB_FIGURE], t4[LAB_FIGURE];
        char t5[LAB_FIGURE], t6[LAB_FIGURE], text[640];

        if (limit == 0 || (one->backend_traits & LAB_HAS_LIMIT) == 0 || peak.count == 0 ||
            live.count == 0) {
            continue;
        }
        lab_case_name(one, name, sizeof name);
        snprintf(text, sizeof text,
                 "%s, mode %s: of a limit of %s, %s (%s) were alive at last; peak memory was %s "
                 "(%.0f %%); the collector took %s of the CPU that the process used, %s of the "
                 "machine.",
                 name, lab_case_mode(one), lab_format_bytes(t1, limit),
                 lab_format_bytes(t2, live.median), lab_format_share(t3, live.median / limit),
                 lab_format_bytes(t4, peak.greatest), peak.greatest / limit * 100,
                 share.count == 0 ? "an unknown part" : lab_format_share(t5, share.median),
                 load.count == 0 ? "an unknown part"
                                 : lab_format_share(t6, load.median / machine->cores));
        fputc('\n', style->out);
        lab_print_wrapped(style, 2, text);
    }
}

void lab_report_machine(const lab_machine *machine, const lab_style *style)
{
    char memory[LAB_FIGURE], text[1200];

    snprintf(text, sizeof text, "%s, %d core%s, %s, %s %s, %s%s%s",
             machine->cpu[0] != '\0' ? machine->cpu : "unknown processor", machine->cores,
             machine->cores == 1 ? "" : "s",
             lab_format_bytes(memory, (double)machine->memory_bytes), machine->system,
             machine->arch, machine->libc, machine->preload[0] != '\0' ? ", preloaded: " : "",
             machine->preload);
    fputs(style->dim, style->out);
    lab_print_wrapped(style, 0, text);
    fputs(style->plain, style->out);
}
