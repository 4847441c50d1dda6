/* lull/stats.h -- what the collector did: statistics, histograms, events.
 *
 * All of it is gathered from one stream of events (lib/event.def lists them). Reading never
 * stops a thread. */
#ifndef LULL_STATS_H
#define LULL_STATS_H

#include <lull/base.h>

LULL_BEGIN_DECLS

/* What may delay a thread. Each kind has its own histogram. Delays of less than half a microsecond
 * are not told of, but for those of faults, which are many. A large object's fresh pages are not
 * touched by the library: the program meets their faults itself, as with malloc. */
typedef enum lull_pause_kind {
    LULL_PAUSE_STOP,      /* held while a collection ran, from its reaching the safepoint */
    LULL_PAUSE_HANDSHAKE, /* work done for the collector at a safepoint, the program going on;
                             asking for a cycle, too */
    LULL_PAUSE_ASSIST,    /* marking done by an allocating thread */
    LULL_PAUSE_STALL,     /* an allocating thread found nothing to mark, the heap past its goal: it
                             left its processor to the collector */
    LULL_PAUSE_SWEEP,     /* sweeping done by an allocating thread */
    LULL_PAUSE_REFILL,    /* taking new memory: locks, search, clearing a large object */
    LULL_PAUSE_FAULT,     /* touching a page of a small object that is fresh from the system */
    LULL_PAUSE_LIMIT,     /* waiting for the collector where the memory limit is near; in mode
                             incremental marking, too */
    LULL_PAUSE_KINDS
} lull_pause_kind;

/* A distribution of times in nanoseconds; the quantiles are exact to 3 %. */
typedef struct lull_distribution {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
} lull_distribution;

#define LULL_STATS_CLASSES 64

/* One size class; the last used entry is all large objects. */
typedef struct lull_class_stats {
    size_t slot_bytes;         /* 0 for large objects */
    uint64_t allocated_objects; /* since the heap's creation */
    uint64_t freed_objects;
} lull_class_stats;

/* A heap's statistics. Bytes unless a name says otherwise. Figures of one snapshot are taken one
 * after the other while threads run: each is right, their sums may be off by what happened
 * meanwhile. Allocation is counted when a thread takes slots or gives them back, so up to a few
 * KiB a thread and type stand as allocated that are not yet. */
typedef struct lull_stats {
    size_t struct_size; /* sizeof(lull_stats), set by the caller */

    uint64_t allocated_bytes;   /* since creation; Go: TotalAlloc */
    uint64_t allocated_objects; /* since creation; Go: Mallocs */
    uint64_t freed_bytes;       /* found dead by finished cycles */
    uint64_t freed_objects;     /* Go: Frees */
    uint64_t heap_bytes;        /* marked live by the last cycle + allocated since; Go: HeapAlloc */
    uint64_t live_bytes;        /* marked live by the last cycle; two markers may count one twice */
    uint64_t live_objects;
    uint64_t in_use_bytes;      /* spans that hold objects; Go: HeapInuse */
    uint64_t idle_bytes;        /* resident, but in no span; Go: HeapIdle - HeapReleased */
    uint64_t released_bytes;    /* given back to the system since creation */
    uint64_t metadata_bytes;    /* resident beside the objects: descriptors, marks, queues */
    uint64_t system_bytes;      /* in_use + idle + metadata; Go: Sys without released */
    uint64_t peak_system_bytes;
    uint64_t goal_bytes;        /* heap_bytes at which the present cycle should be done */
    uint64_t trigger_bytes;     /* heap_bytes at which the next cycle begins */
    uint64_t stack_bytes;       /* scanned in the last cycle */
    uint64_t global_bytes;      /* scanned in the last cycle */
    int gc_percent;
    uint64_t memory_limit;

    uint64_t cycles;        /* finished; Go: NumGC */
    uint64_t forced_cycles; /* by lull_collect and lull_release_memory; Go: NumForcedGC */
    uint64_t threads;       /* attached now */
    uint64_t finalizers_pending;

    uint64_t pools;      /* there are now; the sums below are over these, see lull_pools_read */
    uint64_t pool_gets;  /* objects asked for */
    uint64_t pool_hits;  /* of these, served by reuse */
    uint64_t pool_puts;
    uint64_t pool_drops; /* objects put and not kept, or not for long */
    uint64_t pool_idle;  /* objects kept now */
    uint64_t pool_idle_bytes;

    uint64_t gc_cpu_ns;      /* CPU spent by the collector on all threads */
    uint64_t mark_cpu_ns;    /* of it, marking */
    uint64_t assist_cpu_ns;  /* of that, by threads that allocate; as of now, in a cycle too */
    uint64_t sweep_cpu_ns;   /* of it, sweeping */
    uint64_t scavenge_cpu_ns;
    double gc_cpu_fraction;  /* gc_cpu_ns / CPU used by the process since the heap's creation */
    double gc_machine_fraction; /* gc_cpu_ns / (processors * time since then): what is limited to
                                   half of the machine; see doc/pacing.md */
    uint64_t last_cycle_ns;  /* wall time of the last cycle */
    uint64_t last_mark_objects; /* objects marked in the last cycle */
    uint64_t last_mark_cpu_ns;  /* CPU of marking in the last cycle, all markers */

    lull_distribution pause;                         /* all kinds together */
    lull_distribution pause_kind[LULL_PAUSE_KINDS];  /* each kind */
    lull_distribution time_to_stop; /* from a request until every thread is held, per cycle */
    lull_distribution time_to_handshake; /* until every thread took part, per handshake */

    size_t class_count; /* entries used in by_class */
    lull_class_stats by_class[LULL_STATS_CLASSES];
} lull_stats;

/* Reads a heap's statistics; stats->struct_size must be set.
 * Collects: no; stops nobody.
 * Errors:   LULL_E_INVALID (NULL, or a struct_size that no version had).
 * Threads:  any. Time: O(size classes + types + histogram buckets +
 * pools * threads), some microseconds. */
LULL_API int lull_stats_read(lull_heap *heap, lull_stats *stats);

/* The name of a pause kind: "stop", "handshake", ...
 * Collects: no. Errors: NULL for no kind. Threads: any. Time: O(1). */
LULL_API const char *lull_pause_kind_name(lull_pause_kind kind);

/* An event of the stream. `fields` are in the order of the table that lull_event_fields gives,
 * in the units it names. */
#define LULL_EVENT_FIELDS 8
typedef struct lull_event {
    uint32_t id;        /* an index into the event table */
    uint32_t thread;    /* number of the mutator thread, from 1; 0: a thread of the heap */
    uint64_t time_ns;   /* CLOCK_MONOTONIC, when it ended */
    uint64_t fields[LULL_EVENT_FIELDS];
} lull_event;

/* Receives events as they happen, on whichever thread they happen: one of the program's, also in
 * its handler of the stop signal, or of the heap's; possibly inside a pause, with locks of the
 * library held, and on several threads at once. It must be quick; what it may call is in lull.h:
 * names, and no statistics. */
typedef void (*lull_event_fn)(const lull_event *event, void *arg);

/* Sends every event of the heap to `fn` as well, NULL for no more. One receiver a heap.
 * Collects: no. Errors: LULL_E_INVALID. Threads: any; when it returns, the old receiver may
 * still be running on other threads. Time: O(1). */
LULL_API int lull_events_subscribe(lull_heap *heap, lull_event_fn fn, void *arg);

/* The event table: how many events there are, an event's name, and its i-th field as
 * "name_unit" ("bytes" or "ns" or none), NULL beyond.
 * Collects: no. Errors: NULL. Threads: any. Time: O(1). */
LULL_API uint32_t lull_event_count(void);
LULL_API const char *lull_event_name(uint32_t id);
LULL_API const char *lull_event_field(uint32_t id, unsigned i);

LULL_END_DECLS

#endif
