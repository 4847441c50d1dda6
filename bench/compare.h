/* compare.h -- what reuse made: the same runs with pools off and on, side by side. */
#ifndef LAB_COMPARE_H
#define LAB_COMPARE_H

#include "plan.h"
#include "sample.h"
#include "terminal.h"

/* What is compared of a pair. */
typedef enum lab_aspect_id {
    LAB_THROUGHPUT,
    LAB_CPU,        /* of all threads, the collector's too, for the same work */
    LAB_PAUSE_TIME, /* the sum of a run's pauses */
    LAB_LATENCY,    /* the 99 % quantile of requests' latency */
    LAB_CYCLES,
    LAB_PEAK,
    LAB_ASPECTS
} lab_aspect_id;

typedef struct lab_aspect {
    lab_difference difference;
    double noise; /* what identical runs differ by; -1 where unknown */
    bool real;    /* more than noise */
    bool gone;    /* there was some of it without pools, and none with */
} lab_aspect;

/* One workload on one backend. */
typedef struct lab_pair {
    const lab_case *off, *on;
    size_t off_index, on_index; /* in the plan */
    lab_aspect aspect[LAB_ASPECTS];
} lab_pair;

#define LAB_PAIRS_MAX 64

typedef struct lab_comparison {
    const lab_plan *plan;
    lab_pair pair[LAB_PAIRS_MAX];
    size_t count;
    lab_distribution hiccup; /* medians over all runs; max: the greatest */
} lab_comparison;

/* Pairs the plan's cases and computes every aspect. */
void lab_compare(const lab_plan *plan, lab_comparison *comparison);

/* Whether there is something to say of it: a difference beyond noise, one that too few runs
 * leave open, or that all of it is gone. */
bool lab_aspect_tells(const lab_aspect *aspect);

/* The name of an aspect in JSON, and for people. */
const char *lab_aspect_key(int aspect);
const char *lab_aspect_name(int aspect);

/* The table, and the sentences below it. */
void lab_compare_print(const lab_comparison *comparison, const lab_style *style);
void lab_conclude(const lab_comparison *comparison, const lab_style *style);

/* A difference as "+98 % (+95 % to +101 %)". */
void lab_compare_text(const lab_difference *difference, const lab_style *style, char *text,
                      size_t size);

#endif
