/* support.h -- what the suites of the heap share: a heap to their taste, and how long to try. */
#ifndef LULL_TESTS_SUPPORT_H
#define LULL_TESTS_SUPPORT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lull.h>

#include "suite.h"

/* Under a sanitizer everything is slower, and memory dearer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUPPORT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SUPPORT_SANITIZED 1
#endif
#endif
#ifndef SUPPORT_SANITIZED
#define SUPPORT_SANITIZED 0
#endif

/* An assertion for inner loops: Check's own tell their runner of each success. */
#define ensure(x, format, ...)                                                                     \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            ck_abort_msg("%s: " format, #x, ##__VA_ARGS__);                                        \
        }                                                                                          \
    } while (0)

/* Whether another processor is emulated, at a tenth of the speed or less. */
static inline bool support_emulated(void)
{
    return getenv("LULL_TEST_EMULATED") != NULL;
}

/* `rounds`, times LULL_TEST_ROUNDS where that is set: whoever has a night to spare may use it. A
 * quarter of them under an emulator. */
static inline size_t support_rounds(size_t rounds)
{
    const char *more = getenv("LULL_TEST_ROUNDS");
    size_t times = more != NULL ? strtoul(more, NULL, 10) : 1;

    if (support_emulated()) {
        rounds = (rounds + 3) / 4;
    }
    return rounds * (times != 0 ? times : 1);
}

/* `seeds`, or LULL_TEST_SEEDS where that is set. A quarter of them under an emulator. */
static inline size_t support_seeds(size_t seeds)
{
    const char *wanted = getenv("LULL_TEST_SEEDS");

    if (wanted != NULL) {
        return strtoul(wanted, NULL, 10);
    }
    return support_emulated() ? (seeds + 3) / 4 : seeds;
}

/* The mode that suites use where a test does not care: LULL_TEST_MODE=stop has cycles hold all
 * threads, LULL_TEST_MODE=incremental has the threads mark. */
static inline lull_mode support_mode(void)
{
    const char *mode = getenv("LULL_TEST_MODE");

    if (mode != NULL && strcmp(mode, "stop") == 0) {
        return LULL_MODE_STOP;
    }
    return mode != NULL && strcmp(mode, "incremental") == 0 ? LULL_MODE_INCREMENTAL
                                                            : LULL_MODE_CONCURRENT;
}

/* For tests of what only comes about beside the program. */
static inline lull_mode support_mode_beside(void)
{
    return support_mode() == LULL_MODE_INCREMENTAL ? LULL_MODE_INCREMENTAL : LULL_MODE_CONCURRENT;
}

/* LULL_TEST_SEED=N has the threads of every heap that chose no seed linger at the steps of the
 * protocol as the library's schedule N has it; where N is odd each cycle is verified too. */
static inline void support_disturb(lull_options *options)
{
    const char *seed = getenv("LULL_TEST_SEED");

    if (seed != NULL && options->schedule_seed == 0) {
        options->schedule_seed = (unsigned)strtoul(seed, NULL, 10);
        options->debug |= options->schedule_seed % 2 != 0 ? LULL_DEBUG_VERIFY : 0;
    }
}

/* Whether the child that a fork makes of several threads may start one. ThreadSanitizer ends such a
 * child. So does qemu's user mode: the child's table of processors still has those of the parent's
 * threads, and the first new one finds its place taken. */
static inline bool support_child_threads(void)
{
#if defined(__SANITIZE_THREAD__)
    return false;
#else
    return !support_emulated();
#endif
}

/* Options for exact tests: the environment has no say, and a cycle comes only when asked for. */
static inline lull_options support_options(void)
{
    lull_options options;

    lull_options_init(&options);
    options.use_environment = 0;
    options.mode = support_mode();
    options.gc_percent = LULL_PERCENT_OFF;
    options.reserve = (size_t)1 << 30;
    options.markers = 1;
    return options;
}

/* With LULL_TEST_POOLS set all pools are audited, and a misuse ends the test, but for those of the
 * kinds that it is about: bit `1 << misuse` of support_misuses. */
static unsigned support_misuses;

static inline void support_misused(const lull_pool_report *report, void *arg)
{
    (void)arg;
    if ((support_misuses >> report->misuse & 1) == 0) {
        fputs(report->text, stderr);
        abort();
    }
}

static inline bool support_audited(void)
{
    return getenv("LULL_TEST_POOLS") != NULL;
}

static inline lull_heap *support_heap(const lull_options *options)
{
    lull_options changed = *options;
    lull_heap *heap = NULL;

    support_disturb(&changed);
    changed.debug |= support_audited() ? LULL_DEBUG_POOLS : 0;
    ck_assert_msg(lull_heap_create(&changed, &heap) == LULL_OK, "%s", lull_error_message());
    if (support_audited()) {
        lull_pool_report_to(heap, support_misused, NULL);
    }
    return heap;
}

static inline lull_stats support_stats(lull_heap *heap)
{
    lull_stats stats = {.struct_size = sizeof stats};

    ensure(lull_stats_read(heap, &stats) == LULL_OK, "%s", lull_error_message());
    return stats;
}

#endif
