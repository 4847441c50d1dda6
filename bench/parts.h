/* parts.h -- what several workloads need beside the contract of backend.h. */
#ifndef LAB_PARTS_H
#define LAB_PARTS_H

#include <string.h>

#include "backend.h"

/* Whether dead objects are freed by hand. A walk that does nothing but call lab_free is made
 * only where this says so; with a collector it would be work that no program does. */
#ifdef LAB_BACKEND_MALLOC
#define LAB_FREES true
#else
#define LAB_FREES false
#endif

/* LAB_MAKE(t, T, type): one object of the C type T, zeroed. As lab_new, but malloc is given the
 * treatment a C programmer gives it: glibc's calloc goes round the thread's cache, and takes
 * 9 ns for 32 bytes where malloc and a memset of a known size take 6. */
#define LAB_MAKE(t, T, type) ((T *)lab__make((t), (type), sizeof(T)))

static inline __attribute__((always_inline)) void *lab__make(lab_thread *t, const lab_type *type,
                                                             size_t size)
{
    return LAB_FREES ? memset(lab_new_dirty(t, type), 0, size) : lab_new(t, type);
}

/* A worker's part of `n` operations that all workers divide. */
static inline uint64_t lab_share(const lab_worker *worker, uint64_t n)
{
    uint64_t count = (uint64_t)worker->count;

    return n / count + ((uint64_t)worker->index < n % count);
}

/* Folds a value into a checksum, order included. */
static inline uint64_t lab_mix(uint64_t sum, uint64_t value)
{
    sum ^= value;
    return (sum << 29 | sum >> 35) * 0x9e3779b97f4a7c15u;
}

/* Records one operation's time. */
static inline void lab_timed(lab_worker *worker, uint64_t ns)
{
    lab_histogram_record(worker->latency, ns);
    if (ns > worker->longest_ns) {
        worker->longest_ns = ns;
    }
}

/* The depth of trees at the run's scale, at least `least`: each level doubles the work. */
static inline int lab_scaled_depth(const lab_run *run, int base, int least)
{
    int depth = base;

    for (int scale = run->params->scale; scale >= 200; scale /= 2) {
        depth++;
    }
    for (int scale = run->params->scale; scale < 100; scale *= 2) {
        depth--;
    }
    return depth > least ? depth : least;
}

#endif
