/* backend.h -- the memory a workload works with.
 *
 * CONTRACT
 *
 * A workload is one file, bench/workload_ID.c. It includes this header, uses no other way to
 * get memory for what is measured, and ends with one definition:
 *
 *     LAB_WORKLOAD(ID, "name", "unit", "summary", traits, run_function);
 *
 * The file is compiled once for each backend, which one a macro of the build says
 * (LAB_BACKEND_LULL, LAB_BACKEND_BOEHM, LAB_BACKEND_MALLOC), so that no call in a measured loop
 * is indirect. Everything else in it is static. A new workload gets LAB_WORKLOAD_ENTRY(ID) in
 * bench/workloads.def, its file in lab_workload_sources of bench/Makefile.inc, and its twin in
 * bench/peers/go.
 *
 * What the functions below promise, on every backend; all end the process with a message when
 * there is no memory, none returns NULL:
 *
 *   lab_type_leaf(heap, name, size)                    objects without pointers
 *   lab_type_record(heap, name, size, offsets, count)  with pointers at these byte offsets
 *   LAB_RECORD(heap, T, field...)                      the same by field names, up to eight
 *   lab_type_leaf and lab_type_record are for setting up, on any attached thread.
 *
 *   lab_new(t, type)              one object, zeroed
 *   lab_new_dirty(t, type)        one object, contents not stated; of a leaf type only
 *   lab_new_array(t, type, n)     n objects in one piece, zeroed
 *   lab_new_leaf(t, bytes)        bytes without pointers, contents not stated
 *   lab_new_any(t, bytes)         any word may be a pointer; zeroed
 *   lab_free(t, object)           the object is dead. It must be called for each, once: malloc
 *                                 frees it; with a collector it does nothing. NULL is ignored.
 *   lab_store(t, &o->field, p)    every store of a pointer to such an object into another one
 *                                 or into a root, the first included (NULL into a fresh object
 *                                 excepted)
 *   lab_roots_add(heap, start, bytes), lab_roots_remove
 *                                 for pointers to objects that lie in C globals or in memory
 *                                 from elsewhere. Locals of attached threads need nothing.
 *   lab_blocking_begin(t), lab_blocking_end(t)
 *                                 around sleeps, joins, and locks that others may hold long:
 *                                 no object is touched in between
 *   lab_lock(t, mutex), lab_unlock(mutex)
 *                                 a lock held for about 1 µs, nothing allocated meanwhile
 *   lab_safepoint(t)              in loops of over about 1 ms that allocate nothing
 *
 *   lab_pool_open(heap, name, type)  a pool of objects of a leaf or record type, for setting up
 *   lab_take(t, pool)             with pools on: an object that was given back, as it was, or a
 *                                 new one. With pools off: a new one. A new one of a record type
 *                                 is zeroed, the contents of a new leaf are not stated.
 *   lab_give(t, pool, object)     with pools on: back into the pool. With pools off: lab_free.
 *
 * What is compared must be the same work: all randomness comes from bench/random.h seeded by
 * params->seed (worker i draws from stream i), sizes and orders are the same everywhere, and
 * result->checksum (the workers' sum) depends on every result and on nothing else: not on
 * addresses, times or the number of collections. A test compares it over the backends.
 * result->direct_objects and taken_objects (or the workers' fields) say how many objects
 * lab_new* and lab_take were asked for in the measured part; the lab compares them with what
 * the backend counted, so that an allocation which the compiler removed is found out.
 * Work scales with lab_scaled(run, base, least); base is chosen to take about 2 s on two cores.
 *
 * THE PEER IN GO
 *
 * The lab starts `lull-peer-go` with the workload's NAME and the parameters, each as one word:
 *
 *     lull-peer-go NAME seed=1 threads=2 pools=1 percent=100 limit=0 scale=100 depth=10
 *                  rate=0 run=1 resident=0 returning=0 input=
 *
 * (percent=-1: off; limit in bytes, 0: none; pools=0 or 1; scale, depth, rate, resident and
 * returning as in lab_params). It looks beside the lab's own executable, in bench/peers/go/ beside
 * it, and in the directory that the installed lab was configured with. The peer sets GOMAXPROCS to
 * nothing (all cores), GOGC to percent, the memory limit to limit. It prints on stdout lines
 * `key value`, in any order, each value one decimal integer, and exits 0; what it cannot tell
 * it leaves out. Keys are the fields of lab_result; a distribution's are pause.count,
 * pause.sum_ns, pause.p50_ns, pause.p90_ns, pause.p99_ns, pause.p999_ns, pause.max_ns, and so
 * for latency and service; pool.gets, pool.hits, pool.misses, pool.puts, pool.drops. checksum is
 * unsigned. On failure it says why on stderr and exits 1. `lull-peer-go list` prints one
 * `workload NAME` a line for those it has, and `version go1.27` as a last line.
 * It times what the C workload times. Its pauses are those of stopping the world; gc_cpu_ns is
 * from runtime/metrics (/cpu/classes/gc/total:cpu-seconds). */
#ifndef LAB_BACKEND_H
#define LAB_BACKEND_H

#include "workload.h"

/* The cold side of a backend: one table each, in bench/backend_NAME.c. */
typedef struct lab_backend {
    const char *name;
    const char *label;                           /* as shown to people: "Boehm GC" */
    unsigned traits;                             /* LAB_HAS_MODE ... */
    const lab_workload *const *workloads;        /* NULL-terminated */
    lab_heap *(*open)(const lab_params *params); /* NULL after lab_fail */
    void (*close)(lab_heap *heap);
    lab_thread *(*attach)(lab_heap *heap);
    void (*detach)(lab_thread *thread);
    void (*blocking_begin)(lab_thread *thread);
    void (*blocking_end)(lab_thread *thread);
    void (*release)(lab_thread *thread); /* returns all free memory to the system */
    /* Starts counting afresh, and fills the backend's part of `result` with what was counted
     * since. Main thread, no worker running. */
    void (*count_begin)(lab_heap *heap, lab_thread *thread);
    void (*count_end)(lab_heap *heap, lab_thread *thread, lab_result *result);
    const char *(*version)(void);
} lab_backend;

enum {
    LAB_HAS_MODE = 1 << 0,     /* can run with collection off */
    LAB_HAS_MODES = 1 << 4,    /* and stop, concurrent, incremental differ */
    LAB_HAS_PERCENT = 1 << 1,  /* heeds params->percent */
    LAB_HAS_LIMIT = 1 << 2,    /* heeds params->limit_bytes */
    LAB_IS_COLLECTOR = 1 << 3, /* so cycles and pauses are to be expected */
    LAB_TELLS_PAUSES = 1 << 5, /* each one, to lab_mmu_note */
    LAB_TELLS_PHASES = 1 << 6  /* and its CPU by phases, to lab_mmu_note_collector */
};

#define LAB_RECORD(heap, T, ...)                                                                   \
    lab_type_record((heap), #T, sizeof(T), (const size_t[]){LAB__OFFSETS(T, __VA_ARGS__)},         \
                    sizeof((const size_t[]){LAB__OFFSETS(T, __VA_ARGS__)}) / sizeof(size_t))

#define LAB__O1(T, f) offsetof(T, f)
#define LAB__O2(T, f, ...) offsetof(T, f), LAB__O1(T, __VA_ARGS__)
#define LAB__O3(T, f, ...) offsetof(T, f), LAB__O2(T, __VA_ARGS__)
#define LAB__O4(T, f, ...) offsetof(T, f), LAB__O3(T, __VA_ARGS__)
#define LAB__O5(T, f, ...) offsetof(T, f), LAB__O4(T, __VA_ARGS__)
#define LAB__O6(T, f, ...) offsetof(T, f), LAB__O5(T, __VA_ARGS__)
#define LAB__O7(T, f, ...) offsetof(T, f), LAB__O6(T, __VA_ARGS__)
#define LAB__O8(T, f, ...) offsetof(T, f), LAB__O7(T, __VA_ARGS__)
#define LAB__PICK(T, a, b, c, d, e, f, g, h, NAME, ...) NAME
#define LAB__OFFSETS(T, ...)                                                                       \
    LAB__PICK(T, __VA_ARGS__, LAB__O8, LAB__O7, LAB__O6, LAB__O5, LAB__O4, LAB__O3, LAB__O2,       \
              LAB__O1, 0)                                                                          \
    (T, __VA_ARGS__)

#define LAB__JOIN(a, b) a##_##b
#define LAB__NAME(name, backend) LAB__JOIN(lab_workload_##name, backend)

/* The one thing a workload's file exports: lab_workload_ID_BACKEND. NAME is what people and the
 * peers in other languages call it: "binary-trees" where ID is binary_trees. */
#define LAB_WORKLOAD(ID, NAME, UNIT, SUMMARY, TRAITS, RUN)                                         \
    extern const lab_workload LAB__NAME(ID, LAB_BACKEND_NAME);                                     \
    const lab_workload LAB__NAME(ID, LAB_BACKEND_NAME) = {                                         \
        .name = NAME, .unit = UNIT, .summary = SUMMARY, .traits = TRAITS, .run = RUN}

/* The hot side: static inline functions, one header a backend. The harness, compiled once,
 * takes none. */
#if defined(LAB_BACKEND_LULL)
#include "backend_lull.h"
#elif defined(LAB_BACKEND_BOEHM)
#include "backend_boehm.h"
#elif defined(LAB_BACKEND_MALLOC)
#include "backend_malloc.h"
#endif

#ifdef LAB_BACKEND_NAME
#include <pthread.h>

/* Waits in a blocking section only where it must wait. */
static inline void lab_lock(lab_thread *t, pthread_mutex_t *mutex)
{
    if (pthread_mutex_trylock(mutex) != 0) {
        lab_blocking_begin(t);
        pthread_mutex_lock(mutex);
        lab_blocking_end(t);
    }
}

static inline void lab_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
}
#endif

#endif
