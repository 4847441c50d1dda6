/* claims_table.c -- what `lull-lab claims` shows: what it runs, the table, how to read it. */
#include <stdio.h>
#include <string.h>

#include "claims.h"
#include "format.h"
#include "table.h"

enum { CLAIM, SAYS, HERE, CHANGE, VERDICT, COLUMNS };

static const lab_column columns[COLUMNS] = {
    [CLAIM] = {"", "claim", true, 0},
    [SAYS] = {"", "they say", true, 0},
    [HERE] = {"here, without", "and with", true, 1},
    [CHANGE] = {"the change here", "(95 % interval)", true, 0},
    [VERDICT] = {"", "verdict", true, 0},
};

static const char *arrow(const lab_style *style)
{
    return style->utf8 ? "→" : "->";
}

void lab_claims_announce(const lab_plan *plan, const lab_style *style)
{
    const lab_params *params = &plan->cases[0].params;
    char text[640];

    snprintf(text, sizeof text,
             "Runs scratch, buffers, responses and logs with pools off and on, then responses with "
             "memory kept and returned to the system every second: %zu kinds of runs, %d of each, "
             "in turn, on %d thread%s, seed %llu.",
             plan->count, plan->runs, (int)params->threads, params->threads == 1 ? "" : "s",
             (unsigned long long)params->seed);
    lab_print_wrapped(style, 0, text);
    fflush(style->out);
}

static const char *figure_text(char *text, const lab_style *style, lab_unit unit, double value)
{
    switch (unit) {
    case LAB_TIME: return lab_format_time(text, style, value);
    case LAB_RATE: return lab_format_rate(text, value);
    case LAB_BYTES: return lab_format_bytes(text, value);
    default: return lab_format_share(text, value);
    }
}

static void says_text(const lab_claim *claim, const lab_style *style, char *text, size_t size)
{
    char change[LAB_FIGURE];

    if (claim->from != NULL) {
        snprintf(text, size, "%s %s %s", claim->from, arrow(style), claim->to);
    } else {
        snprintf(text, size, "%s",
                 claim->to != NULL ? claim->to : lab_format_change(change, style, claim->change));
    }
}

/* "120 ns → 45 ns", of hits the share alone. */
static void here_text(const lab_finding *finding, const lab_style *style, char *text, size_t size)
{
    char without[LAB_FIGURE], with[LAB_FIGURE];
    lab_unit unit = finding->claim->unit;

    figure_text(with, style, unit, finding->figure[1]);
    if (finding->claim->lever == LAB_LEVER_HITS || finding->figure[0] < 0) {
        snprintf(text, size, "%s", with);
    } else {
        snprintf(text, size, "%s %s %s", figure_text(without, style, unit, finding->figure[0]),
                 arrow(style), with);
    }
}

/* "−62 % (−64 % to −60 %)"; of hits the interval of the share. */
static void change_text(const lab_finding *finding, const lab_style *style, char *text, size_t size)
{
    const lab_difference *d = &finding->difference;
    char change[LAB_FIGURE], low[LAB_FIGURE], high[LAB_FIGURE];
    double share = finding->claim->change;

    if (finding->gone || !d->known) {
        snprintf(text, size, "%s", finding->gone ? "gone" : "-");
    } else if (finding->claim->lever == LAB_LEVER_HITS) {
        snprintf(text, size, d->has_interval ? "(%s to %s)" : "-",
                 lab_format_share(low, share * (1 + d->low)),
                 lab_format_share(high, share * (1 + d->high)));
    } else if (d->has_interval) {
        snprintf(text, size, "%s (%s to %s)", lab_format_change(change, style, d->mean),
                 lab_format_change(low, style, d->low), lab_format_change(high, style, d->high));
    } else {
        snprintf(text, size, "%s", lab_format_change(change, style, d->mean));
    }
}

static void add_row(lab_table *table, const lab_finding *finding, const lab_style *style)
{
    char text[LAB_CELL * 2];

    lab_table_row(table);
    snprintf(text, sizeof text, "  %s", finding->claim->name);
    lab_table_cell(table, CLAIM, text);
    says_text(finding->claim, style, text, sizeof text);
    lab_table_cell(table, SAYS, text);
    here_text(finding, style, text, sizeof text);
    lab_table_cell(table, HERE, text);
    change_text(finding, style, text, sizeof text);
    lab_table_cell(table, CHANGE, text);
    lab_table_cell(table, VERDICT, lab_verdict_name(finding->verdict));
}

/* What the next rows are about, where it changes. */
static void add_headings(lab_table *table, const lab_finding *finding, const lab_finding *before)
{
    const lab_case *one = finding->without;
    bool returns = one->params.resident;
    char text[200];

    if (before == NULL || strcmp(before->without->backend, one->backend) != 0) {
        const char *mode = lab_case_mode(one);

        snprintf(text, sizeof text, "%s%s%s", one->label, mode[0] == '\0' ? "" : ", mode ", mode);
        lab_table_line(table, LAB_BOLD, 0, text);
        before = NULL;
    }
    if (before == NULL || before->without->workload != one->workload ||
        before->without->params.resident != returns) {
        snprintf(text, sizeof text, "%s: %s", one->workload->name,
                 returns ? "free memory returned to the system every second"
                         : one->workload->summary);
        lab_table_line(table, LAB_PLAIN, 0, text);
    }
}

static void print_legend(const lab_findings *findings, const lab_style *style)
{
    char late[LAB_FIGURE], text[256];

    fprintf(style->out, "\n%s", style->dim);
    lab_print_wrapped(
        style, 0,
        "Articles differ in machine and program, so ratios are judged. confirmed: the change is "
        "more than noise, and its interval reaches what they say. refuted: the interval ends short "
        "of that: a smaller change (less), none beyond noise (none), or one the other way "
        "(reverse). inside the noise: it reaches that, but none as well, or runs that differ in "
        "nothing differ as much. Figures are medians.");
    if (findings->hiccup_ns >= 0) {
        snprintf(text, sizeof text, "In the same runs an idle thread woke up to %s late.",
                 lab_format_time(late, style, findings->hiccup_ns));
        lab_print_wrapped(style, 0, text);
    }
    fputs(style->plain, style->out);
}

void lab_claims_print(const lab_findings *findings, const lab_style *style)
{
    lab_table *table = lab_table_new(columns, COLUMNS);

    for (size_t i = 0; i < findings->count; i++) {
        const lab_finding *finding = &findings->finding[i];

        add_headings(table, finding, i == 0 ? NULL : finding - 1);
        add_row(table, finding, style);
    }
    fputc('\n', style->out);
    if (lab_table_print(table, style) > 0) {
        lab_print_wrapped(style, 0,
                          "The figures themselves would fit on a wider terminal; --json "
                          "has them.");
    }
    lab_table_free(table);
    print_legend(findings, style);
}
