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
    [P50] = {"pause", "p50", false, 3},
    [P99] = {"pause", "p99", false, 1},
    [MAX] = {"pause", "max", false, 0},
    [NUMBER] = {"pauses", "number", false, 2},
    [SUM] = {"pauses", "sum", false, 1},
    [CYCLES] = {"GC", "cycles", false, 2},
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

void lab_compare_text(const lab_difference *difference, const lab_style *style, char *text,
                      size_t size)
{
    char change[LAB_FIGURE], low[LAB_FIGURE], high[LAB_FIGURE];

    lab_format_change(change, style, difference->mean);
    if (difference->has_interval) {
        snprintf(text, size, "%s (%s to %s)", change,
                 lab_format_change(low, style, difference->low),
                 lab_format_change(high, style, difference->high));
    } else {
        snprintf(text, size, "%s (too few runs to tell from noise)", change);
    }
}

/* Latencies stand in no column: " from 3.20 ms to 190 µs". */
static void latency_text(const lab_comparison *comparison, const lab_pair *pair,
                         const lab_style *style, char *text, size_t size)
{
    lab_spread off = lab_field_spread(comparison->plan, pair->off_index, lab_field_latency_p99);
    lab_spread on = lab_field_spread(comparison->plan, pair->on_index, lab_field_latency_p99);
    char from[LAB_FIGURE], to[LAB_FIGURE];

    snprintf(text, size, " from %s to %s:", lab_format_time(from, style, off.median),
             lab_format_time(to, style, on.median));
}

/* What changed: ", throughput +98 % (...), time in pauses gone". Returns how much was written. */
static size_t add_changes(const lab_comparison *comparison, const lab_pair *pair,
                          const lab_style *style, char *line, size_t size)
{
    size_t used = 0;

    for (int id = 0; id < LAB_ASPECTS; id++) {
        const lab_aspect *aspect = &pair->aspect[id];
        char text[128] = "gone", latency[96] = "";

        if (id == LAB_CYCLES || !lab_aspect_tells(aspect)) {
            continue;
        }
        if (!aspect->gone) {
            lab_compare_text(&aspect->difference, style, text, sizeof text);
        }
        if (id == LAB_LATENCY) {
            latency_text(comparison, pair, style, latency, sizeof latency);
        }
        used += (size_t)snprintf(line + used, size - used, "%s%s%s %s", used == 0 ? "" : ", ",
                                 lab_aspect_name(id), latency, text);
    }
    return used;
}

/* What did not: "; within noise: peak memory". */
static void add_noise(const lab_pair *pair, char *line, size_t size, bool alone)
{
    const char *before = alone ? "within noise: " : "; within noise: ";
    size_t used = 0;

    for (int id = 0; id < LAB_ASPECTS; id++) {
        const lab_aspect *aspect = &pair->aspect[id];

        if (id != LAB_CYCLES && aspect->difference.known && !lab_aspect_tells(aspect)) {
            used += (size_t)snprintf(line + used, size - used, "%s%s", before, lab_aspect_name(id));
            before = ", ";
        }
    }
}

/* "reuse: throughput +98 % (...), time in pauses gone; within noise: peak memory". */
static void add_difference(lab_table *table, const lab_comparison *comparison, const lab_pair *pair,
                           const lab_style *style)
{
    const lab_aspect *throughput = &pair->aspect[LAB_THROUGHPUT];
    char line[640] = "reuse: ";
    size_t begin = strlen(line), used;

    used = begin + add_changes(comparison, pair, style, line + begin, sizeof line - begin);
    add_noise(pair, line + used, sizeof line - used, used == begin);
    if (line[begin] != '\0') {
        lab_table_line(table,
                       !throughput->real                 ? LAB_DIM
                       : throughput->difference.mean > 0 ? LAB_GOOD
                                                         : LAB_BAD,
                       4, line);
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
    add_difference(table, comparison, pair, style);
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
        lab_print_wrapped(style, 0,
                          "Some columns would fit on a wider terminal only; --json has all.");
    }
    lab_table_free(table);
}
