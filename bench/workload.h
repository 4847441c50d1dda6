/* workload.h -- what a workload is to the lab: parameters in, results out.
 *
 * The memory it works with is bench/backend.h, whose head is the contract between workloads,
 * backends and the peers in other languages. */
#ifndef LAB_WORKLOAD_H
#define LAB_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distribution.h"
#include "random.h"

/* Opaque here; each backend gives them their meaning. */
typedef struct lab_heap lab_heap;
typedef struct lab_thread lab_thread;
typedef struct lab_type lab_type;
typedef struct lab_pool lab_pool;

/* A figure that a backend cannot tell. It is printed as '-' and written as null, never as 0. */
#define LAB_UNKNOWN (-1)

#define LAB_PERCENT_OFF (-1)

/* Who collects, and when. Backends other than lull have one way of collecting: "on" is theirs. */
enum lab_mode {
    LAB_MODE_OFF,        /* never */
    LAB_MODE_STOP,       /* while all threads stand still */
    LAB_MODE_CONCURRENT, /* beside the program, on a thread of the collector's */
    LAB_MODE_INCREMENTAL /* beside the program, by the threads that allocate */
};

/* Everything that decides what a run does. Fixed size: it crosses a pipe to the child. */
typedef struct lab_params {
    uint64_t seed;
    uint64_t limit_bytes; /* soft memory limit, 0 for none */
    double rate;          /* open-loop arrivals a second, all workers together; 0: the default */
    int32_t threads;      /* 1 to LAB_THREADS_MAX */
    int32_t percent;      /* gc percent, or LAB_PERCENT_OFF */
    int32_t scale;        /* size of the work, in percent of the workload's default, 1 up */
    int32_t depth;        /* quads: depth of the live tree */
    int32_t run;          /* 1, 2, ...: which repetition this is */
    int32_t mode;         /* enum lab_mode */
    bool collect;         /* the mode is not off */
    bool interior;        /* objects are held by pointers to their insides, too */
    bool unobserved;      /* lull: nobody listens to its events, so nothing is told of pauses */
    bool pools;           /* whether lab_take and lab_give reuse objects */
    bool resident;        /* the resident size is watched over the measured part */
    bool returning;       /* and all free memory returned to the system every second */
    char input[1024];     /* a file, or "" for what the workload generates */
} lab_params;

#define LAB_THREADS_MAX 64

/* What pools did during the measured part; LAB_UNKNOWN where there were none. */
typedef struct lab_pool_counts {
    int64_t gets, hits, misses, puts, drops;
} lab_pool_counts;

/* One of lull's pools: what it did during the measured part and, from `idle` on, how it stood at
 * its end. */
#define LAB_POOLS_MAX 8
#define LAB_POOL_NAME 48
#define LAB_POOL_DROPS 9
typedef struct lab_pool_row {
    char name[LAB_POOL_NAME];
    int64_t gets;
    int64_t hits_magazine, hits_depot, hits_steal, hits_victim;
    int64_t misses;
    int64_t puts;
    int64_t dropped[LAB_POOL_DROPS]; /* by why: lull_pool_drop */
    int64_t idle, idle_bytes;        /* what it keeps */
    int64_t out;                     /* objects checked out */
    int64_t high_water;              /* most ever out, or in threads' magazines */
    int64_t last_gets, last_hits;    /* between the last two collections */
} lab_pool_row;

/* The kinds of pauses that lull tells apart, in its order: lull_pause_kind. */
#define LAB_DELAYS 8

/* How many lengths of windows the utilisation is told for (bench/mmu.h). */
#define LAB_WINDOWS 10

/* What a run found. A field holds LAB_UNKNOWN where nobody could tell. Times and counts are of
 * the measured part (between lab_measure_begin and lab_measure_end). */
typedef struct lab_result {
    /* the workload's */
    int64_t ops;              /* operations done, in the workload's own unit */
    int64_t longest_ns;       /* the longest single operation, where the workload times each */
    int64_t capacity_ops_s;   /* open-loop workloads: the closed-loop figure taken before */
    int64_t offered_ops_s;    /* open-loop workloads: arrivals a second that were asked for */
    uint64_t checksum;        /* of the results: the same for a seed on every backend */
    int64_t direct_objects;   /* objects made with lab_new*; LAB_UNKNOWN: not checked */
    int64_t taken_objects;    /* objects asked for with lab_take; LAB_UNKNOWN: not checked */
    lab_distribution latency; /* of requests, from their intended arrival */
    lab_distribution service; /* of requests, from when a worker took them up */
    /* the harness's */
    int64_t wall_ns;
    int64_t cpu_ns;
    int64_t peak_rss_bytes; /* of the whole run */
    int64_t resident_bytes; /* mean over the measured part, where it is watched */
    int64_t returns;        /* times that memory was returned to the system, there */
    /* the backend's */
    int64_t gc_cpu_ns;
    int64_t cycles;
    int64_t allocated_objects;
    int64_t allocated_bytes;
    int64_t live_bytes;                  /* found live by the last cycle */
    int64_t mark_ns_per_object;          /* CPU of marking in the last cycle, in 1/1000 ns */
    lab_distribution pause;              /* of all kinds together */
    lab_distribution delay[LAB_DELAYS];  /* of each kind, where the backend tells them apart */
    int64_t thread_delay_ns[LAB_DELAYS]; /* sums of each kind, of the thread delayed longest */
    int64_t mmu_ppm[LAB_WINDOWS];        /* minimum mutator utilisation, in millionths */
    int64_t mmu_cpu_ppm[LAB_WINDOWS];    /* the same, the collector's CPU counted */
    int64_t mmu_dropped;                 /* pauses that were too many to tell it of */
    lab_pool_counts pool;
    int64_t pool_rows;
    lab_pool_row pool_row[LAB_POOLS_MAX]; /* lull's, in the order of their names */
} lab_result;

struct lab_backend;

/* A run in progress. */
typedef struct lab_run {
    const lab_params *params;
    const struct lab_backend *backend;
    lab_heap *heap;
    lab_thread *main; /* the main thread's attachment, made by the harness */
    lab_result *result;
} lab_run;

/* Traits. */
enum {
    LAB_HAS_POOLS = 1 << 0,     /* uses lab_take: pools on and off differ */
    LAB_HAS_THREADS = 1 << 1,   /* divides its work over params->threads workers */
    LAB_HAS_RATE = 1 << 2,      /* open-loop: requests arrive at params->rate */
    LAB_HAS_INPUT = 1 << 3,     /* reads params->input */
    LAB_HAS_DEPTH = 1 << 4,     /* heeds params->depth */
    LAB_HAS_INTERIOR = 1 << 5,  /* its objects point into others, not only to their starts */
    LAB_HAS_NO_BARRIER = 1 << 6 /* it stores pointers plainly: lull collects it in mode stop */
};

/* A workload compiled for one backend. `run` returns 0, or -1 after lab_fail. */
typedef struct lab_workload {
    const char *name;
    const char *unit;    /* of one operation, singular: "buffer", "request" */
    const char *summary; /* one line for `lull-lab list` */
    unsigned traits;
    int (*run)(lab_run *run);
} lab_workload;

/* `base` scaled by params->scale, at least `least`. */
uint64_t lab_scaled(const lab_run *run, uint64_t base, uint64_t least);

/* Marks where the measured part begins and ends; setting up stands before, checking after. A
 * workload that calls neither is measured whole. Call both on the main thread while no worker
 * runs. */
void lab_measure_begin(lab_run *run);
void lab_measure_end(lab_run *run);

/* Says on stderr why the run cannot go on ("cannot read FILE: ..."), and returns -1. */
int lab_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the process, saying that `bytes` could not be had. */
_Noreturn void lab_out_of_memory(size_t bytes);

/* Keeps the compiler from removing what computed `value`. */
static inline void lab_sink(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* A worker of lab_workers: one thread, attached to the heap. */
typedef struct lab_worker {
    lab_run *run;
    lab_thread *thread;
    void *arg; /* as given to lab_workers */
    int index; /* 0 up to count - 1 */
    int count;
    lab_random random;       /* lab_random_stream(seed, index) */
    uint64_t ops;            /* set by the worker; summed into result->ops */
    uint64_t checksum;       /* set by the worker; summed into result->checksum */
    uint64_t direct_objects; /* set by the worker; summed into the result's */
    uint64_t taken_objects;
    uint64_t longest_ns;    /* set by the worker; the result keeps the largest, if not 0 */
    lab_histogram *latency; /* this worker's; merged into result->latency, if not empty */
    lab_histogram *service;
    int status; /* 0, or -1 after lab_fail */
} lab_worker;

/* Runs `work` on `count` new threads, each attached, started together; waits for all (the main
 * thread inside a blocking section), then adds what they set to the result. Returns 0, or -1
 * where a thread could not be made or one failed. */
int lab_workers(lab_run *run, int count, void (*work)(lab_worker *worker), void *arg);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t lab_now_ns(void);

/* Sleeps until CLOCK_MONOTONIC says `when_ns`; to be called inside a blocking section. */
void lab_sleep_until(uint64_t when_ns);

#endif
