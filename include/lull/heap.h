/* lull/heap.h -- heaps: options, life, knobs, collections on request. */
#ifndef LULL_HEAP_H
#define LULL_HEAP_H

#include <pthread.h>

#include <lull/base.h>

LULL_BEGIN_DECLS

/* Who collects, and when. One binary and one allocator serve all modes, so that running a
 * program under each shows what collection itself costs. */
typedef enum lull_mode {
    LULL_MODE_CONCURRENT,  /* marking goes on beside the program; each thread is held only while its
                              own stack is scanned. Needs lull_store everywhere. The default */
    LULL_MODE_INCREMENTAL, /* as concurrent, but allocation does the marking, a little at a time:
                              for one processor */
    LULL_MODE_STOP,        /* every thread stops while several markers mark; asks for no barrier */
    LULL_MODE_OFF          /* never collect: the heap only grows */
} lull_mode;

#define LULL_PERCENT_OFF (-1) /* collect only on request or at the memory limit */

/* Checks that a heap makes on itself; all are off by default. See doc/embedding.md. */
enum {
    LULL_DEBUG_VERIFY = 1 << 0,   /* check every cycle against a second, naive marker */
    LULL_DEBUG_SCRIBBLE = 1 << 1, /* overwrite what is swept, so that stale pointers show */
    LULL_DEBUG_STRESS = 1 << 2,   /* collect at (nearly) every allocation */
    LULL_DEBUG_POOLS = 1 << 3     /* audit all pools; see lull/audit.h */
};

/* Called when an allocation found no memory even after a full collection. `bytes` is what was
 * asked for. It may free what the program can spare (free handles, shrink pools and caches), on the
 * allocating thread and with no lock held, and returns nonzero to have the allocation tried once
 * more, zero to let it fail. What allocates, collects, or runs finalizers fails in it: see
 * lull.h. */
typedef int (*lull_no_memory_fn)(lull_heap *heap, size_t bytes, void *arg);

/* Called when a thread has kept the collector waiting for a second: it has a precise stack (or the
 * stop signal is blocked or off) and reaches no safepoint. `thread` is its number in events,
 * `pthread` its handle. Called on the collector's side while it waits, with locks held, once a
 * second: it returns soon, and may say where the thread is; what it may call is in lull.h. */
typedef void (*lull_late_thread_fn)(lull_heap *heap, uint32_t thread, pthread_t pthread,
                                    uint64_t waited_ns, void *arg);

/* How a heap is made. Start from lull_options_init and change what matters. Where
 * `use_environment` is set (the default), the environment variable named at a field overrides
 * it: the person who runs a program has the last word. */
typedef struct lull_options {
    size_t struct_size;      /* sizeof(lull_options), set by lull_options_init */
    lull_mode mode;          /* LULL_MODE=concurrent|incremental|stop|off */
    int gc_percent;          /* heap growth before the next cycle, in percent of what was live,
                                0 to 100000, or LULL_PERCENT_OFF; default 100. The less, the
                                more often; the collector takes half of the machine at most.
                                LULL_PERCENT=N|off */
    size_t memory_limit;     /* soft: collect more often, and wait for the collector, rather than
                                use more bytes than this; 0 is none. LULL_LIMIT=SIZE */
    size_t heap_max;         /* hard: allocation fails beyond these bytes; 0: what is reserved.
                                LULL_HEAP_MAX=SIZE */
    size_t heap_min;         /* no cycle begins below heap_min * gc_percent / 100 bytes; default
                                4 MiB. LULL_HEAP_MIN=SIZE */
    size_t reserve;          /* address space to reserve; 0: 256 GiB, or less where refused */
    int markers;             /* threads that mark, 1 to 64; 0: as many as pay, by cores and live
                                bytes. LULL_MARKERS=N */
    int finalizer_thread;    /* nonzero: finalizers run on a thread of their own; zero: when the
                                program calls lull_finalizers_run */
    int stop_signal;         /* the signal that stops threads which reach no safepoint within
                                1 ms; 0: SIGRTMIN+5, -1: never signal; the first heap of a
                                process decides */
    int use_environment;     /* nonzero (default): LULL_* variables override */
    unsigned debug;          /* LULL_DEBUG_* bits. LULL_DEBUG=verify,scribble,stress,pools */
    unsigned schedule_seed;  /* in search of races: threads linger now and then at the steps of
                                the collector's protocol, another way for each seed; 0: they do
                                not. LULL_DEBUG=schedule=N */
    int trace;               /* nonzero: one line a cycle on stderr. LULL_TRACE=1 */
    uintptr_t pointer_mask;  /* bits of a heap word that are address; default all */
    uintptr_t tag_mask;      /* a word is a pointer only if (word & tag_mask) == tag_value; */
    uintptr_t tag_value;     /* default 0 and 0: every word may be one. Roots, what callbacks
                                report, and arguments may be plain addresses as well */
    lull_no_memory_fn no_memory; /* may be NULL */
    void *no_memory_arg;
    lull_late_thread_fn late_thread; /* may be NULL */
    void *late_thread_arg;
} lull_options;

/* Sets the defaults.
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API void lull_options_init(lull_options *options);

/* Creates a heap; `options` may be NULL for the defaults. On success *heap is the heap.
 * Collects: no, but it is a safepoint of the heaps that the thread is attached to.
 * Errors:   LULL_E_INVALID or LULL_E_ENVIRONMENT (lull_error_message names the value and what is
 *           allowed), LULL_E_NO_MEMORY; *heap is NULL then.
 * Threads:  any.
 * Time:     some system calls; reserves address space, commits little. */
LULL_API int lull_heap_create(const lull_options *options, lull_heap **heap);

/* Destroys a heap: every object dies at once, no finalizer runs, all its memory is unmapped.
 * Pointers into it, its handles, pools and types are dead after.
 * Collects: no, but it is a safepoint of the heaps that the thread is attached to.
 * Errors:   LULL_E_BUSY while a thread is attached, or in a finalizer (nothing happens then),
 *           LULL_E_INVALID for NULL or a heap that is no more.
 * Threads:  any thread, no other call on the heap in progress.
 * Time:     O(heap) in the kernel; waits for the heap's own threads to end. */
LULL_API int lull_heap_destroy(lull_heap *heap);

/* Collects now: a full cycle, finished when the call returns (what died is free, or being swept
 * in the background).
 * Collects: yes.
 * Errors:   LULL_E_THREAD if `t` is not the calling thread's, LULL_E_STATE in mode off or from
 *           a callback of the collector.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(live). */
LULL_API int lull_collect(lull_thread *t);

/* Sets the percent knob, like GOGC: the next cycle begins when the heap has grown by this much
 * over what was live; at 0 as soon as the collector has left the program half of the machine.
 * LULL_PERCENT_OFF turns pacing off. Returns the value before, or LULL_PERCENT_OFF - 1 where
 * `percent` is out of range.
 * Collects: no; takes effect at once on the present goal.
 * Errors:   LULL_E_INVALID in lull_error().
 * Threads:  any. Time: O(1). */
LULL_API int lull_set_gc_percent(lull_heap *heap, int percent);

/* Sets the soft memory limit in bytes, 0 for none, and returns the value before. Threads that
 * allocate near it wait for the collector, in all modes but off, for at most seven eighths of the
 * time (doc/pacing.md).
 * Collects: no; takes effect at once on the present goal.
 * Errors:   none. Threads: any. Time: O(1). */
LULL_API size_t lull_set_memory_limit(lull_heap *heap, size_t bytes);

/* Collects, then gives all memory that holds no object back to the operating system. Returns
 * the bytes given back.
 * Collects: yes.
 * Errors:   0 and LULL_E_THREAD or LULL_E_STATE in lull_error(), as lull_collect.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(live), and about 70 ms a GiB returned. */
LULL_API size_t lull_release_memory(lull_thread *t);

/* What the heap knows of any word. `base`: the first byte of the live object that `word` points
 * into, interior or tagged words included; NULL where it points into none. */
typedef struct lull_object_info {
    void *base;            /* NULL: no object here, the rest is zero */
    size_t size;           /* bytes usable from base */
    const lull_type *type; /* NULL where several types share the layout */
} lull_object_info;

/* Resolves a word.
 * Collects: no. Errors: none: any word may be asked about. Threads: any attached thread of the
 * heap; an answer about an object nobody holds may be stale when it arrives. Time: O(1). */
LULL_API lull_object_info lull_object_of(lull_heap *heap, uintptr_t word);

LULL_END_DECLS

#endif
