/* claims.h -- what popular articles say that pools save, beside what it is here. */
#ifndef LAB_CLAIMS_H
#define LAB_CLAIMS_H

#include "plan.h"
#include "sample.h"
#include "terminal.h"

/* What a claim's two kinds of runs differ in. */
typedef enum lab_lever {
    LAB_LEVER_POOLS,    /* pools off, then on */
    LAB_LEVER_HITS,     /* nothing: a share of hits with pools on, against the share claimed */
    LAB_LEVER_RETURN,   /* pools off; memory kept, then returned every second */
    LAB_LEVER_RETURN_ON /* the same with pools on */
} lab_lever;

/* How a figure is written. */
typedef enum lab_unit { LAB_TIME, LAB_RATE, LAB_BYTES, LAB_SHARE } lab_unit;

typedef struct lab_claim {
    const char *workload;
    const char *key, *name; /* in JSON, and for people */
    const char *from, *to;  /* the figures that are claimed; NULL: only a change is */
    double change;          /* claimed: with / without less 1; of hits: the least share */
    double (*field)(const lab_record *record);
    lab_unit unit;
    lab_lever lever;
} lab_claim;

typedef enum lab_verdict {
    LAB_CONFIRMED, /* more than noise, and its interval reaches what is claimed */
    LAB_LESS,      /* refuted: the way that is claimed, but the interval ends short of it */
    LAB_NONE,      /* refuted: the interval ends short of it, and no change is beyond noise */
    LAB_REVERSE,   /* refuted: more than noise the other way */
    LAB_NOISE,     /* the interval reaches what is claimed, but also none, or the control's */
    LAB_FEW,       /* fewer than three pairs of runs */
    LAB_NOT_TOLD,  /* the backend cannot tell, or there was nothing to save */
    LAB_VERDICTS
} lab_verdict;

/* One claim on one backend. */
typedef struct lab_finding {
    const lab_claim *claim;
    const lab_case *without, *with; /* the same of hits */
    double figure[2];               /* medians without and with; negative: unknown */
    lab_difference difference;      /* of hits: against the share claimed */
    double noise;                   /* of runs that differ in nothing; -1 where unknown */
    bool gone;                      /* there was some without, and none with */
    lab_verdict verdict;
} lab_finding;

#define LAB_FINDINGS_MAX 128

typedef struct lab_findings {
    const lab_plan *plan;
    lab_finding finding[LAB_FINDINGS_MAX];
    size_t count;
    double hiccup_ns; /* the longest that the idle thread woke late in any run; -1: unknown */
} lab_findings;

/* Fills in which workloads are run, with pools and without, how often and at which scale. */
void lab_claims_options(lab_options *options);

/* The plan that the claims need. As lab_plan_make. */
int lab_claims_plan(lab_plan *plan, lab_options *options);

/* Judges every claim on every backend of the plan, by its runs. */
void lab_claims_find(const lab_plan *plan, lab_findings *findings);

/* Judges finding->claim by the values of each run, negative where they are unknown, and sets the
 * rest of the finding. A run with none of what there was some of without has no ratio: it is taken
 * for a thousandth, which is less of a change than it was. */
void lab_claim_judge(lab_finding *finding, const double *without, double *with, size_t runs);

/* What is going to be run, before it is; the table; and how to read it. */
void lab_claims_announce(const lab_plan *plan, const lab_style *style);
void lab_claims_print(const lab_findings *findings, const lab_style *style);

/* "confirmed", "refuted: less", ... */
const char *lab_verdict_name(lab_verdict verdict);

#endif
