/* micro.h -- micro benchmarks: one small thing, done in several ways, compared.
 *
 * Every way runs in processes of its own, the ways taking turns, five times; what is printed are
 * medians with their ratio to the first way, for time on the clock and for CPU, since collectors
 * work on other threads too. Not installed: the figures are for whoever changes the library. */
#ifndef LAB_MICRO_H
#define LAB_MICRO_H

#include <stdint.h>

/* What one run found. */
typedef struct micro_result {
    uint64_t ops;
    uint64_t wall_ns, cpu_ns; /* between micro_begin and micro_end, or as the run sets them */
} micro_result;

typedef struct micro_way {
    const char *name;
    void (*run)(micro_result *result);
    const char *peer;    /* instead of `run`: a word for lull-peer-go */
    const char *preload; /* a library to run under, by the name of its file; NULL for none */
} micro_way;

typedef struct micro_benchmark {
    const char *title;
    const char *unit; /* "a record": of what the nanoseconds are */
    const micro_way *ways;
    int count;
} micro_benchmark;

/* Whole main function of a micro benchmark. */
int micro_main(int argc, char **argv, const micro_benchmark *micro);

/* Around the measured part. */
void micro_begin(micro_result *result);
void micro_end(micro_result *result);

/* Ends the process: `what` failed. */
_Noreturn void micro_failed(const char *what);

/* Keeps the compiler from knowing what is done with an object. */
static inline void micro_use(void *object)
{
    __asm__ volatile("" : : "r"(object) : "memory");
}

#endif
