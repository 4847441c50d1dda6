/* measure.c -- one run in the present process: open, attach, work, count. */
#include "measure.h"

#include "mmu.h"
#include "resident.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *fail_prefix = "lull-lab: ";

/* The measured part of the one run that this process makes. */
static struct {
    bool ended;
    uint64_t wall_ns, cpu_ns;
} part;

void lab_fail_prefix(const char *prefix)
{
    fail_prefix = prefix;
}

int lab_fail(const char *format, ...)
{
    va_list args;

    fputs(fail_prefix, stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

/* No atexit handler and no buffered output beyond stderr: memory is what there is none of. */
_Noreturn void lab_out_of_memory(size_t bytes)
{
    lab_fail("out of memory: %zu bytes could not be had", bytes);
    _exit(LAB_EXIT_MEMORY);
}

uint64_t lab_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void lab_sleep_until(uint64_t when_ns)
{
    struct timespec when = {
        .tv_sec = (time_t)(when_ns / 1000000000u),
        .tv_nsec = (long)(when_ns % 1000000000u),
    };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
    }
}

uint64_t lab_scaled(const lab_run *run, uint64_t base, uint64_t least)
{
    uint64_t scaled =
        base / 100 * (uint64_t)run->params->scale + base % 100 * (uint64_t)run->params->scale / 100;

    return scaled > least ? scaled : least;
}

static uint64_t cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

/* The most memory this process ever held; LAB_UNKNOWN where /proc does not say. ru_maxrss would
 * count the process that this one was started from. */
static int64_t peak_rss_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long long kib = -1;

    if (status == NULL) {
        return LAB_UNKNOWN;
    }
    while (fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmHWM: %lld kB", &kib) == 1) {
            break;
        }
    }
    fclose(status);
    return kib < 0 ? LAB_UNKNOWN : (int64_t)kib * 1024;
}

void lab_measure_begin(lab_run *run)
{
    run->backend->count_begin(run->heap, run->main);
    part.cpu_ns = cpu_ns();
    part.wall_ns = lab_now_ns();
    lab_mmu_begin(part.wall_ns);
    lab_resident_begin();
}

void lab_measure_end(lab_run *run)
{
    uint64_t now_ns = lab_now_ns();

    part.ended = true;
    lab_resident_end(run->result);
    run->result->wall_ns = (int64_t)(now_ns - part.wall_ns);
    run->result->cpu_ns = (int64_t)(cpu_ns() - part.cpu_ns);
    run->backend->count_end(run->heap, run->main, run->result);
    lab_mmu_end(now_ns);
}

void lab_result_clear(lab_result *result)
{
    *result = (lab_result){
        .ops = LAB_UNKNOWN,
        .longest_ns = LAB_UNKNOWN,
        .capacity_ops_s = LAB_UNKNOWN,
        .offered_ops_s = LAB_UNKNOWN,
        .direct_objects = LAB_UNKNOWN,
        .taken_objects = LAB_UNKNOWN,
        .latency = LAB_NO_DISTRIBUTION,
        .service = LAB_NO_DISTRIBUTION,
        .wall_ns = LAB_UNKNOWN,
        .cpu_ns = LAB_UNKNOWN,
        .peak_rss_bytes = LAB_UNKNOWN,
        .resident_bytes = LAB_UNKNOWN,
        .returns = LAB_UNKNOWN,
        .gc_cpu_ns = LAB_UNKNOWN,
        .cycles = LAB_UNKNOWN,
        .allocated_objects = LAB_UNKNOWN,
        .allocated_bytes = LAB_UNKNOWN,
        .live_bytes = LAB_UNKNOWN,
        .mark_ns_per_object = LAB_UNKNOWN,
        .pause = LAB_NO_DISTRIBUTION,
        .mmu_dropped = LAB_UNKNOWN,
        .pool = {LAB_UNKNOWN, LAB_UNKNOWN, LAB_UNKNOWN, LAB_UNKNOWN, LAB_UNKNOWN},
        .pool_rows = LAB_UNKNOWN,
    };
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        result->delay[kind] = LAB_NO_DISTRIBUTION;
        result->thread_delay_ns[kind] = LAB_UNKNOWN;
    }
    for (int i = 0; i < LAB_WINDOWS; i++) {
        result->mmu_ppm[i] = LAB_UNKNOWN;
        result->mmu_cpu_ppm[i] = LAB_UNKNOWN;
    }
}

int lab_measure(const lab_backend *backend, const lab_workload *workload, const lab_params *params,
                lab_result *result)
{
    lab_run run = {.params = params, .backend = backend, .result = result};
    int status;

    lab_result_clear(result);
    run.heap = backend->open(params);
    if (run.heap == NULL) {
        return -1;
    }
    run.main = backend->attach(run.heap);
    part.ended = false;
    if (params->resident) {
        lab_resident_start(backend, run.heap, params->returning);
    }
    lab_measure_begin(&run); /* a workload that sets up first begins once more */
    status = workload->run(&run);
    if (!part.ended) {
        lab_measure_end(&run);
    }
    result->peak_rss_bytes = peak_rss_bytes();
    lab_resident_stop(run.main);
    backend->detach(run.main);
    backend->close(run.heap);
    if ((backend->traits & LAB_TELLS_PAUSES) != 0 && !params->unobserved) {
        lab_mmu_result(result, params->threads, (backend->traits & LAB_TELLS_PHASES) != 0);
    }
    return status;
}
