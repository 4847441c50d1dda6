/* report.h -- what a plan's runs found, as a table for people and as JSON for programs. */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include "machine.h"
#include "plan.h"
#include "terminal.h"

struct lab_comparison;
struct lab_findings;

/* The table of `lull-lab run`: a row a case. */
void lab_report_run(const lab_plan *plan, const lab_style *style);

/* What delayed lull's threads, by kind, beside the idle thread: the second table. */
void lab_report_delays(const lab_plan *plan, const lab_style *style);

/* What lull's pools did, by their names: nothing where no run had any. */
void lab_report_pools(const lab_plan *plan, const lab_style *style);

/* Ratios of all cases to those of one mode or backend. */
void lab_report_against(const lab_plan *plan, const char *name, const lab_style *style);

/* How near the runs with a limit came to it, and what that took: a sentence a case. */
void lab_report_limits(const lab_plan *plan, const lab_machine *machine, const lab_style *style);

/* Minimum mutator utilisation of the runs of which it is known. */
void lab_report_mmu(const lab_plan *plan, const lab_style *style);

/* What listening to lull's events costs: the table of `lull-lab observe`. */
void lab_report_observe(const lab_plan *plan, const lab_style *style);

/* One line about the machine and one about what was run. */
void lab_report_machine(const lab_machine *machine, const lab_style *style);

/* Whether this lab can write JSON; if not, why. */
const char *lab_json_missing(void);

/* Whether `path` can be written, before the time for the runs is spent. Returns 0, or -1 with
 * the reason in errno. "-" is standard output. */
int lab_json_check(const char *path);

/* Writes machine, runs and, unless they are NULL, the comparison or what claims were found to be.
 * Returns 0, or -1 with errno. */
int lab_json_write(const char *path, const lab_machine *machine, const lab_plan *plan,
                   const struct lab_comparison *comparison,
                   const struct lab_findings *findings);

#endif
