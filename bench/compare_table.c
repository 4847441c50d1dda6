/* compare_table.c -- the table of `lull-lab compare`. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "field.h"
#include "format.h"
#include "table.h"

enum { NAME, THROUGHPUT, P50, P99, MAX, NUMBER, SUM, CYCLES, PEAK, HITS, COLUMNS };

static const lab_column columns[COLUMNS] = {
    [NAME] = {"", "", true, 0},
    [THROUGHPUT] = {"through-", "put", false, 0},
    [P50] = {"pauses:", "p50", false, 3},
    [P99] = {"", "p99", false, 1},
    [MAX] = {"", "max", false, 0},
    [NUMBER] = {"", "number", false, 2},
    [SUM] = {"", "sum", false, 1},
    [CYCLES] = {"collec-", "tions", false, 2},
    [PEAK] = {"peak", "memory", false, 0},
    [HITS] = {"pool", "hits", false, 1},
};

static void figure_cell(lab_table *table, size_t column, lab_spread spread, const char *text)
{
    lab_table_cell(table, column, spread.count == 0 ? "-" : text);
}

/* One row: a backend with pools off or on. */
static void add_row(lab_table *table, const lab_comparison *comparison, size_t index,
                    const char *name, const lab_style *style)
{
    static const struct {
        int column;
        double (*field)(const lab_record *record);
    } times[] = {
        {P50, lab_field_pause_p50}, {P99, lab_field_pause_p99}, {SUM, lab_field_pause_sum}};
    char text[LAB_FIGURE];
    lab_spread spread;

    lab_table_row(table);
    lab_table_cell(table, NAME, name);
    spread = lab_field_spread(comparison->plan, index, lab_field_throughput);
    figure_cell(table, THROUGHPUT, spread, lab_format_rate(text, spread.median));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        spread = lab_field_spread(comparison->plan, index, times[i].field);
        figure_cell(table, (size_t)times[i].column, spread,
                    lab_format_time(text, style, spread.median));
    }
    spread = lab_field_spread(comparison->plan, index, lab_field_pause_max);
    figure_cell(table, MAX, spread, lab_format_time(text, style, spread.greatest));
    spread = lab_field_spread(comparison->plan, index, lab_field_pauses);
    figure_cell(table, NUMBER, spread, lab_format_count(text, spread.median));
    spread = lab_field_spread(comparison->plan, index, lab_field_cycles);
    figure_cell(table, CYCLES, spread, lab_format_count(text, spread.median));
    spread = lab_field_spread(comparison->plan, index, lab_field_peak);
    figure_cell(table, PEAK, spread, lab_format_bytes(text, spread.median));
    spread = lab_field_spread(comparison->plan, index, lab_field_hit_rate);
    figure_cell(table, HITS, spread, lab_format_share(text, spread.median));
}

/* "+98 % (+95 % to +101 %)", "within noise", "gone", or "" where there is nothing to say. */
static void change_text(const lab_aspect *aspect, const lab_style *style, char *text, size_t size)
{
    const lab_difference *difference = &aspect->difference;
    char change[LAB_FIGURE], low[LAB_FIGURE], high[LAB_FIGURE];

    text[0] = '\0';
    if (aspect->gone) {
        snprintf(text, size, "gone");
    } else if (!difference->known) {
        return;
    } else if (!difference->has_interval) {
        snprintf(text, size, "%s (too few runs to tell from noise)",
                 lab_format_change(change, style, difference->mean));
    } else if (!aspect->real) {
        snprintf(text, size, "within noise");
    } else {
        snprintf(text, size, "%s (%s to %s)", lab_format_change(change, style, difference->mean),
                 lab_format_change(low, style, difference->low),
                 lab_format_change(high, style, difference->high));
    }
}

/* "reuse: throughput +98 % (...), time in pauses gone, peak memory within noise". */
static void add_difference(lab_table *table, const lab_pair *pair, const lab_style *style)
{
    char line[512] = "";
    size_t used = 0;
    bool better = false, worse = false;

    for (int id = 0; id < LAB_ASPECTS; id++) {
        const lab_aspect *aspect = &pair->aspect[id];
        char text[128];

        change_text(aspect, style, text, sizeof text);
        if (text[0] == '\0' || id == LAB_CYCLES) {
            continue;
        }
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %s",
                                 used == 0 ? "reuse: " : ", ", lab_aspect_name(id), text);
        if (aspect->real && id == LAB_THROUGHPUT) {
            better = aspect->difference.mean > 0;
            worse = !better;
        }
    }
    if (used != 0) {
        lab_table_line(table, better ? LAB_GOOD : worse ? LAB_BAD : LAB_DIM, 4, line);
    }
}

static void add_pair(lab_table *table, const lab_comparison *comparison, const lab_pair *pair,
                     const lab_style *style)
{
    char name[64];

    snprintf(name, sizeof name, "  %s", pair->off->label);
    add_row(table, comparison, pair->off_index, name, style);
    snprintf(name, sizeof name, "  %s + pools", pair->off->label);
    add_row(table, comparison, pair->on_index, name, style);
    add_difference(table, pair, style);
}

static void add_heading(lab_table *table, const lab_pair *pair)
{
    char text[256];

    snprintf(text, sizeof text, "%s: %s", pair->off->workload->name, pair->off->workload->summary);
    lab_table_line(table, LAB_BOLD, 0, text);
}

void lab_compare_print(const lab_comparison *comparison, const lab_style *style)
{
    lab_table *table = lab_table_new(columns, COLUMNS);

    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];

        if (i == 0 || pair[-1].off->workload != pair->off->workload) {
            add_heading(table, pair);
        }
        add_pair(table, comparison, pair, style);
    }
    if (lab_table_print(table, style) > 0) {
        fputs("Some columns would fit on a wider terminal only; --json has all.\n", style->out);
    }
    lab_table_free(table);
}
