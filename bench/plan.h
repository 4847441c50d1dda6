/* plan.h -- what is to be run: the matrix of the options' lists, and what each run found. */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include "options.h"
#include "registry.h"

/* One cell of the matrix. What does not apply to its backend or workload is marked so here, and
 * is neither varied nor reported. */
typedef struct lab_case {
    const lab_workload *workload;
    const char *backend; /* "lull", "boehm", "malloc", "go" */
    const char *label;   /* as shown to people */
    unsigned backend_traits;
    lab_params params; /* `run` is set at each run */
} lab_case;

/* What one run of a case found. */
typedef struct lab_record {
    bool ok;
    char why[1200]; /* why not */
    lab_result result;
    lab_distribution hiccup; /* of an idle thread meanwhile */
} lab_record;

typedef struct lab_plan {
    lab_case *cases;
    size_t count;
    int runs;
    int rate_percent;  /* requests arrive at this part of what malloc serves at most; 0: not so */
    int limit_percent; /* the limit is so much of what is alive; 0: not so */
    lab_record *records; /* [case * runs + run - 1] */
    size_t done;         /* runs finished, failed ones included */
} lab_plan;

/* Makes the matrix. Returns 0, or -1 with options->error set. Combinations that make no sense
 * (a workload that a backend does not have) are left out, unless nothing else was asked for. */
int lab_plan_make(lab_plan *plan, lab_options *options);
void lab_plan_free(lab_plan *plan);

/* Adds a case to a plan of which nothing has been run; false where it is full. */
bool lab_plan_add(lab_plan *plan, const lab_case *one);

lab_record *lab_plan_record(const lab_plan *plan, size_t index, int run);

/* The values of one field of a case's runs, LAB_UNKNOWN where a run failed or did not tell.
 * `value` has room for plan->runs. */
void lab_plan_values(const lab_plan *plan, size_t index, double (*field)(const lab_record *),
                     double *value);

/* Whether cases a and b do the same work, so that their checksums must be equal. */
bool lab_case_same_work(const lab_case *a, const lab_case *b);

/* Whether a case is of that mode or backend, by its name. */
bool lab_case_is(const lab_case *one, const char *name);

/* The case that case `index` is compared with: the same work, on the backend of that name, or on
 * the same one in the mode of that name; plan->count where there is none. */
size_t lab_plan_against(const lab_plan *plan, size_t index, const char *name);

/* Who collects and how: "stop", "concurrent" (Go's own way), "off"; "" of malloc. */
const char *lab_case_mode(const lab_case *one);

/* "buffers on lull, pools on" in `text`. */
void lab_case_name(const lab_case *one, char *text, size_t size);

#endif
