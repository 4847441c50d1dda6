/* heap.h -- the glossary: every structure of a heap, what its fields mean and who writes them.
 *
 * A heap is one reserved range of addresses, cut into blocks of 32 KiB. A *span* is a run of
 * blocks that holds slots of one size class and one layout, or one large object. Beside the range
 * lie two arrays indexed by block number: what a marker needs of a block (lull__block, hot) and
 * what the allocator and the sweeper need of a span (lull__span, cold, at its first block).
 *
 * Each slot has one *state byte*, away from the heap: free, or one of two colours. Before a cycle
 * all objects have the heap's colour; marking gives the live ones the other colour; then the
 * other colour is the heap's, and what kept the old one is dead (.inv.colour). Allocation colours
 * slots as it takes them, so the byte is allocation bit and mark bit in one load.
 *
 * Equations:
 *   .eq.range    range_start + 32 KiB * block number = first byte of the block
 *   .eq.slot     slot number = (offset in span * magic) >> 32, exact (tests/test_size_class.c)
 *   .eq.blocks   every block below pages.top belongs to one span or one free run
 *   .eq.live     heap bytes = live bytes of the last cycle + bytes allocated since
 *
 * Invariants:
 *   .inv.colour  outside marking every object has the colour heap->colour, or is dead and unswept
 *   .inv.swept   a span in a thread's cache is swept; every span is swept when marking starts
 *   .inv.fresh   slots of a small span from fresh_from on are free and zero, and were never handed
 *                out since their memory came from the system
 *   .inv.held    a thread held by a signal is outside the library (in_library is 0 in all its
 *                attachments)
 *   .inv.together  what a thread is attached to stands and goes on together: who waits for one
 *                heap's collection is no thread that another heap's waits for (handshake.c)
 *   .inv.locks   no thread reaches a safepoint with a lock of the library held, but for the
 *                collecting thread, which holds heap->cycle_lock
 *
 * Locks, in the order in which they may be taken:
 *   registry (fork.c) > turn_lock > cycle_lock > worker.lock > threads_lock > pools_lock >
 *   a pool's lock > a shard's lock > a ledger's lock, magazines.lock > a cell's lock > large_lock >
 *   pages.lock > span states lock; pools_lock > roots_lock > types_lock > finalizers.lock >
 *   pacer_lock > a cell's lock; a shard's lock > audit.ledger.lock > roots_lock, finalizers.lock
 *
 * .inv.malloc: a thread held by a signal may have the C library's locks. So nobody whom others
 * may wait for calls malloc: neither who holds threads, nor who is inside the library. */
#ifndef LULL__HEAP_H
#define LULL__HEAP_H

#include <pthread.h>

#include <lull.h>
#include <lull/inline.h>

#include "event.h"
#include "histogram.h"
#include "options.h"
#include "os.h"
#include "pacer.h"
#include "registers.h"
#include "size_class.h"

/* ---- states of a slot ---- */

enum {
    LULL__FREE = 0,
    LULL__COLOUR_A = 1,
    LULL__COLOUR_B = 2,
    LULL__KEY = 4 /* white, and the key of an ephemeron that waits for it; only while marking */
};

LULL__INLINE uint8_t lull__other_colour(uint8_t colour)
{
    return LULL__COLOUR_A + LULL__COLOUR_B - colour;
}

/* ---- layouts ---- */

enum lull__kind {
    LULL__KIND_NONE = 0,     /* no span here: free blocks */
    LULL__KIND_LEAF,         /* no pointers */
    LULL__KIND_RUN,          /* pointers at the first block->mask words, at most LULL__RUN_MOST */
    LULL__KIND_RECORD,       /* pointers at the words set in block->mask */
    LULL__KIND_PATTERN,      /* pointers at a pattern of words that repeats */
    LULL__KIND_CONSERVATIVE, /* any word may be a pointer */
    LULL__KIND_CUSTOM,       /* a callback knows */
    LULL__KIND_GENERIC,      /* the last word of the slot names the layout */
    LULL__KIND_WEAK,         /* a weak reference: nothing to mark; cleared by weak.c */
    LULL__KIND_EPHEMERON,    /* marked by ephemeron.c */
    LULL__KINDS
};

#define LULL__RUN_MOST 8

#define LULL__CELLS 1024 /* layouts * classes with spans of their own, a heap */
#define LULL__NO_CELL 0  /* the cell whose cache is always empty: the slow path decides */

#define LULL__MANY_TYPES ((const lull_type *)(const void *)1)

/* What the words of an object are. Types with equal layouts share one. Never freed before the
 * heap; written under types_lock before it is published in heap->layouts. */
struct lull__layout {
    struct lull__layout *next; /* in heap->layouts */
    uint8_t kind;              /* enum lull__kind */
    uint32_t period;           /* words of the pattern; 1 to 2^28 */
    uint64_t *bits;            /* pattern: bit i of word i / 64: word i is a pointer */
    lull_trace_fn trace;       /* custom */
    void *trace_arg;
    _Atomic(const lull_type *) type; /* the one type with this layout, LULL__MANY_TYPES, or NULL */
    uint16_t cells[LULL__CLASSES]; /* cell of each class, LULL__NO_CELL until first needed;
                                      atomic, set under types_lock */
};

struct lull_type {
    struct lull_type_head head; /* public: cache offset and slot size of single objects */
    lull_heap *heap;
    struct lull_type *next; /* in heap->types */
    struct lull__layout *layout;       /* of one object */
    struct lull__layout *array_layout; /* of an array of them */
    size_t size;                       /* bytes, as given */
    char *name;
};

/* ---- blocks, spans, cells ---- */

/* What marking needs to know of a block: half a cache line. All fields are written before kind is
 * set (release; pairs with the acquire in lull__resolve), and change only while kind is NONE.
 * .inv.issue: `issue` is another one before any other field is; who asks about a word whose object
 * nobody keeps reads it first and last, and was answered by one span if it is the same: a cycle
 * frees a block once, so 256 of them would have to end in between. */
struct lull__block {
    _Atomic uint8_t kind;  /* enum lull__kind */
    _Atomic uint8_t issue; /* counts the spans that the block was given to; wraps */
    uint16_t granules;     /* of 8 bytes in a slot; 0 for a large object: see span->bytes */
    uint32_t magic;       /* .eq.slot; 0 for a large object: slot number 0 */
    char *start;          /* first byte of the span */
    uint8_t *states;      /* of the span's slots */
    union {
        uint64_t mask;                     /* record; run: a number of words */
        const struct lull__layout *layout; /* pattern, custom */
    };
};
_Static_assert(sizeof(struct lull__block) == 32, "two blocks a cache line");

/* Bytes of a slot; 0 for a large object. */
LULL__INLINE size_t lull__block_slot_size(const struct lull__block *block)
{
    return (size_t)block->granules * LULL__GRANULE;
}

LULL__INLINE bool lull__block_is_large(const struct lull__block *block)
{
    return block->granules == 0;
}

enum lull__span_state {
    LULL__SPAN_FREE_CLEAN, /* a free run whose memory is zero: never touched, or released */
    LULL__SPAN_FREE_DIRTY, /* a free run with old contents */
    LULL__SPAN_SMALL,
    LULL__SPAN_LARGE
};

/* A span or a free run; valid at its first block (a free run also has `blocks` and `state` at its
 * last). */
struct lull__span {
    struct lull__span *next; /* in the list that holds it */
    struct lull__span *previous; /* free runs only */
    struct lull__cell *cell;     /* small: whose slots; large: the heap's large cell */
    size_t bytes;                /* large: usable bytes of the object */
    uint32_t blocks;
    uint32_t slots;
    uint32_t live;      /* slots in use after the last sweep */
    uint32_t fresh_from; /* small: .inv.fresh */
    uint8_t state;      /* enum lull__span_state; under pages.lock */
    uint8_t epoch;      /* low bits of heap->sweep_epoch when it was last swept, or made */
    uint8_t clean;      /* memory never used since it was zero: no need to clear slots; as taken */
    uint8_t large_state; /* the state byte of a large object */
};
_Static_assert(sizeof(struct lull__span) <= 64, "one cache line");

struct lull__span_list {
    struct lull__span *head;
    struct lull__span *tail;
};

/* All spans of one size class and one layout, but for those in threads' caches. Fields under
 * lock, counters atomic. */
struct lull__cell {
    pthread_mutex_t lock;
    struct lull__span_list todo;  /* not yet swept since the last cycle */
    struct lull__span_list avail; /* swept, with free slots */
    struct lull__span_list full;  /* swept or taken whole, without */
    struct lull__layout *layout;
    uint32_t class_index; /* LULL__CLASSES for the cell of large objects */
    uint32_t slot_size;   /* bytes; 0 for the cell of large objects */
    size_t spans;         /* in the three lists */
    uint8_t epoch;        /* low bits of heap->sweep_epoch when the lists were given to be swept */
} LULL__ALIGNED(LULL__CACHE_LINE);

/* The free runs of one kind of memory, by length: exact to 63 blocks, the rest in the last. */
#define LULL__RUN_BINS 64
struct lull__runs {
    struct lull__span *bin[LULL__RUN_BINS];
    uint64_t nonempty; /* bit i: bin[i] is not empty */
    size_t blocks;     /* in all of them */
};

/* The range and its blocks. Everything under lock unless atomic. */
struct lull__pages {
    pthread_mutex_t lock;
    char *range;                /* first byte of the reserved range */
    size_t range_blocks;        /* blocks reserved */
    struct lull__block *blocks; /* by block number, committed to `committed` */
    struct lull__span *spans;   /* by block number, committed to `committed` */
    _Atomic size_t extent_bytes; /* committed * 32 KiB; a word at or beyond is no object; atomic,
                                    only grows; release, pairs with acquire in marking */
    size_t committed;           /* blocks that may be touched */
    size_t top;                 /* blocks ever used; above it nothing was handed out */
    size_t max_blocks;          /* the hard limit */
    _Atomic size_t used_blocks; /* in spans */
    _Atomic size_t resident_blocks; /* that the memory limit leaves; written under pacer_lock */
    struct lull__runs clean;    /* below top */
    struct lull__runs dirty;
};

/* Arrays of state bytes: free lists by length in units of 64 bytes. */
#define LULL__STATE_UNITS 32
struct lull__states {
    pthread_mutex_t lock;
    void *free[LULL__STATE_UNITS + 1];
    char *next, *end;               /* of the newest chunk */
    struct lull__chunk_header *chunks; /* all, to unmap */
    _Atomic size_t bytes;           /* mapped */
};

/* ---- caches ---- */

enum lull__clean {
    LULL__CLEAN_NOT,   /* in [cursor, end) alone */
    LULL__CLEAN_GROUP, /* in the present group */
    LULL__CLEAN_FRESH  /* there, and beyond `end` no page of it was touched (.inv.fresh) */
};

/* A thread's allocation cache of one cell. lull_cache (inline.h) is its public start. */
struct lull__cache {
    char *cursor;  /* next object; slots in [cursor, end) are free, coloured, zero */
    char *end;     /* multiple of slot_size from cursor */
    char *run_end; /* slots in [end, run_end) are free and coloured, perhaps not zero */
    uint64_t mask; /* slots of the group after the run, free and coloured; bit i: group + i */
    char *group;   /* slot 0 of the present group of 64 slots */
    struct lull__span *span; /* NULL: none */
    uint32_t slot_size;      /* 0: never used */
    uint32_t next_group;     /* first slot of the span not yet looked at */
    uint32_t clean;          /* enum lull__clean: where slots not yet handed out are zero */
    uint32_t taken;          /* slots taken from the span, not yet in an alloc_flush event */
};
_Static_assert(sizeof(struct lull__cache) == 64, "one cache line");

/* ---- threads ---- */

/* What a thread is to its collector. Transitions (by whom):
 *   RUNNING -> HELD -> RUNNING        the thread, at a safepoint
 *   RUNNING -> BLOCKED -> RUNNING     the thread, around blocking sections
 *   RUNNING -> SIGNALLED -> RUNNING   the thread's signal handler
 *   BLOCKED -> SERVED -> BLOCKED      the collector, taking its part in a handshake; a thread that
 *                                     takes from its magazines (pool_steal.c)
 *   RUNNING -> OUTSIDE                the thread's signal handler, while another thread forks: it
 *                                     goes on, but not into the library
 *   OUTSIDE -> RUNNING                the forking thread
 *   any -> GONE                       the thread, detaching */
enum lull__thread_state {
    LULL__THREAD_RUNNING,
    LULL__THREAD_HELD,
    LULL__THREAD_BLOCKED,
    LULL__THREAD_SIGNALLED,
    LULL__THREAD_SERVED,
    LULL__THREAD_OUTSIDE,
    LULL__THREAD_GONE
};

/* What heap->stop asks of threads. */
enum lull__stop {
    LULL__STOP_NOT,
    LULL__STOP_HOLD, /* a collection: to stand still */
    LULL__STOP_GATE  /* a fork: to stay out of the library */
};

/* A thread's part in a handshake: what it does for the collector, by itself at a safepoint, in its
 * signal handler (where it may be between any two instructions of an inline fast path), or done
 * for it by the collector while it is blocked. */
enum lull__part { LULL__PART_SAFEPOINT, LULL__PART_SIGNAL, LULL__PART_BLOCKED };
typedef void (*lull__action_fn)(lull_thread *t, enum lull__part part);

/* How far a concurrent cycle is with weak references; see weak.c. */
enum lull__weak_phase {
    LULL__WEAK_IDLE,    /* nobody marks: a target is what it is */
    LULL__WEAK_MARKING, /* reading a target shades it */
    LULL__WEAK_ENDING,  /* the last round may be running: reading an unmarked target calls it off */
    LULL__WEAK_DEAD     /* unmarked targets are dead */
};

#define LULL__SPILL_WORDS 96 /* more than the frames from an entry of the library to the save */

struct lull_thread {
    struct lull_thread_head head; /* public */
    lull_heap *heap;
    lull_thread *next;       /* in heap->threads or heap->gone; under threads_lock */
    lull_thread *os_next;    /* attachments of one OS thread; that thread's own */
    pthread_t pthread;
    uint32_t number;         /* from 1; that of a detached thread is not used again */
    uint32_t kind;           /* lull_stack_kind */
    _Atomic uint32_t state;  /* enum lull__thread_state */
    _Atomic uint32_t signalled; /* the stop signal is on its way to it */
    _Atomic uint32_t standing; /* the state to stand in, between stand and go on; written by the
                                  thread, see lull__thread_standing */
    volatile uint32_t in_library; /* depth of slow paths; written by the thread, read by its own
                                     signal handler: volatile suffices */
    uint32_t user_blocked;   /* inside lull_blocking_begin/end; the thread's own */
    uint32_t in_finalizer;   /* inside a finalizer; the thread's own */
    const struct lull__making *making; /* pools whose `make` it is in; the thread's own */

    char *stack_low, *stack_high;
    char *stack_pointer;     /* where scanning starts; written before state says not RUNNING */
    uintptr_t registers[LULL__REGISTERS]; /* callee-saved, likewise */
    uintptr_t spill[LULL__SPILL_WORDS];   /* the top of the stack then, likewise */
    size_t spill_words;      /* in use */
    lull_frame *frames;      /* innermost; the thread's own, read while it is held */
    lull_trace_fn tracer;
    void *tracer_arg;

    uint8_t colour;          /* for new objects; changes while held or in its own handshake */
    bool keeps_fresh;        /* whether it keeps the following; changes likewise */
    uintptr_t fresh_start;   /* of slots that it took last and coloured black, all of them: what */
    size_t fresh_bytes;      /* is stored of them need no shade; 0: none (.inv.fresh, cache.c) */
    _Atomic uint64_t handshake; /* number of the last handshake it took part in */
    struct lull__chunk *grey;   /* words shaded by its stores, found in its roots; its own, or of
                                   whoever takes its part in a handshake; NULL: none yet */
    size_t grey_count;          /* words in use of it */
    size_t grey_limit;          /* a store may note its word while there are fewer; 0 where it has
                                   to do more than that (barrier.c), or there is no chunk */
    struct lull__marker *assist; /* its marker when it assists; NULL: never did */
    size_t unflushed_bytes;  /* allocated, not yet in heap->allocated_since */
    uint64_t ran_since_ns;   /* when it last looked whether to wait for the collector; its own */
    int64_t patience_ns;     /* then; see pacer.h */
    uint32_t owes_assist;    /* it has flushed since it last looked whether to assist */
    uint64_t waited_ns;      /* held so far, between stand and go on; the thread's own */
    struct lull__cache *caches; /* LULL__CELLS of them */
    lull_thread *pools_next; /* in heap->pool_threads; under pools_lock */
    uint32_t pools_on;       /* it is among them, and its magazines are its own */
    uint32_t pool_recent;    /* 1 + index of the magazines its slow paths were in last; 0: none
                                since it last blocked */
    _Atomic uint32_t pool_resting; /* 1 + index of the magazines that it is emptying before it
                                      blocks; 0: none */
    _Atomic uint64_t pools_seen; /* heap->pools_retired when it last emptied retired magazines */
};

/* Threads that were detached, the oldest first. Their memory is kept for a while, so that who
 * allocates with one of them all the same gets an error; but not for ever, as threads may come and
 * go as long as the heap lives. */
#define LULL__GONE_MOST 64
struct lull__gone {
    lull_thread *first, *last;
    uint32_t count;
};

/* A thread's memory is one mapping: a line of zeros, the lull_thread, its magazines by their index.
 * So an inline get or put finds them from the lull_thread alone, by 16 bits that count words; and
 * the word before a thread, which is what 0 says, is zero, as is the one below each magazine. */
#define LULL__POOLS_MAX 256
#define LULL__THREAD_LEAD ((size_t)LULL__CACHE_LINE)
#define LULL__MAGAZINES_OFFSET                                                                     \
    ((sizeof(struct lull_thread) + LULL__CACHE_LINE - 1) & ~((size_t)LULL__CACHE_LINE - 1))
#define LULL__THREAD_BYTES                                                                         \
    lull__round_up(LULL__THREAD_LEAD + LULL__MAGAZINES_OFFSET +                                    \
                       LULL__POOLS_MAX * sizeof(struct lull_magazines),                            \
                   LULL__OS_PAGE)
_Static_assert((LULL__MAGAZINES_OFFSET + LULL__POOLS_MAX * sizeof(struct lull_magazines)) / 8 <=
                   UINT16_MAX,
               "16 bits");

/* ---- marking ---- */

/* Words that may be pointers, on their way to being marked: a chunk of the mark stack. */
#define LULL__CHUNK_WORDS 510
struct lull__chunk {
    struct lull__chunk *next;
    size_t count; /* words in use; only right for chunks that no marker works on */
    uintptr_t word[LULL__CHUNK_WORDS];
};
_Static_assert(sizeof(struct lull__chunk) == 4096, "one page");

/* Every mapping the library makes for chunks begins with this. */
struct lull__chunk_header {
    struct lull__chunk_header *next;
    size_t bytes;
};

/* The shared side of marking. */
struct lull__mark_queue {
    pthread_mutex_t lock;
    struct lull__chunk *full;      /* published work; under lock */
    struct lull__chunk *spare;     /* empty chunks; under lock */
    struct lull__chunk_header *mapped; /* to unmap; under lock */
    _Atomic uint32_t full_count;   /* chunks in `full`; a hint outside the lock */
    _Atomic uint32_t idle;         /* markers that found nothing; a hint outside the lock */
    uint32_t standby;              /* chunks to be kept published for assists: a marker that has
                                      lost its processor gives nothing; set before markers begin */
    _Atomic uint32_t wake;         /* futex: changes when work is published or marking ends */
    uint32_t markers;              /* taking part in this drain */
    uint32_t done;                 /* all idle, nothing full: the drain is over; under lock */
    uint32_t assisting;            /* mutators that hold work; under lock */
    uint32_t sleepers;             /* who waits on `wake`, or is about to; under lock */
    _Atomic uint32_t overflow;     /* a word was dropped for want of memory */
    _Atomic size_t bytes;          /* mapped */
};

/* One marking thread's own state; see mark.h. */
struct lull__marker;

/* The heap's marker threads beyond the collecting thread. */
struct lull__marker_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* a drain begins, or the threads shall end */
    pthread_cond_t finished; /* one marker left the drain */
    pthread_t thread[LULL__MARKERS_MAX];
    uint32_t started;        /* threads alive */
    uint32_t wanted;         /* threads that shall join the present drain */
    uint32_t joined, left;   /* of the present drain */
    uint64_t drain;          /* number of the present drain */
    bool stop;
    struct lull__marker *marker; /* LULL__MARKERS_MAX of them; [0] is the collecting thread's */
    _Atomic size_t assisted_bytes, assisted_objects; /* by mutators, in the present cycle */
    _Atomic uint64_t assisted_cpu_ns;
    struct lull_ephemeron *assisted_found; /* by `found` links; under the ephemerons' lock */
};

/* ---- weak things ---- */

struct lull_weak {
    uintptr_t target; /* word; 0 once dead */
};

struct lull_ephemeron {
    uintptr_t key; /* word; 0 once dead */
    void *value;
    struct lull_ephemeron *chain; /* in a bucket of waiting ephemerons, only while marking; NULL: in
                                     none; ephemeron.c, .inv.once */
    _Atomic(struct lull_ephemeron *) found; /* in a marker's list of ephemerons met, only while
                                               marking; NULL: in none; claimed by exchange */
};

/* Ephemerons whose key is not reached (yet), by key, only while marking. */
#define LULL__EPHEMERON_BUCKETS 64
struct lull__ephemerons {
    pthread_mutex_t lock;           /* of the buckets: several markers reach keys at once */
    struct lull_ephemeron **bucket; /* `first`, or a mapping */
    size_t capacity;                /* a power of two */
    size_t waiting;                 /* in the buckets; likewise under lock */
    struct lull_ephemeron *first[LULL__EPHEMERON_BUCKETS];
    _Atomic size_t made;            /* ephemerons ever made */
};

struct lull__finalizer {
    void *object; /* base; NULL: an empty entry */
    lull_finalizer_fn fn;
    void *arg;
};

/* Finalizers: an open hash table by object, and the queue of those to run. Under lock. */
struct lull__finalizers {
    pthread_mutex_t lock;
    struct lull__finalizer *table;
    size_t capacity; /* a power of two, or 0 */
    size_t count;    /* entries in use */
    size_t used;     /* entries in use and tombstones */
    struct lull__finalizer *ready; /* ring buffer of `ready_capacity` */
    size_t ready_capacity, ready_head;
    _Atomic size_t ready_count;
    size_t due_count; /* behind those: queued by this cycle, not yet to be run */
    pthread_t thread; /* the finalizer thread where asked for */
    pthread_cond_t wake;
    bool thread_started, stop;
};

/* ---- roots ---- */

struct lull__root_range {
    uintptr_t *start, *end;
    bool unbarriered; /* the program stores there without lull_store */
};

#define LULL__HANDLES_PER_CHUNK 254
struct lull_handle {
    _Atomic uintptr_t word; /* the object, or where `used` is 0 the next free handle */
    uint64_t used;
};

struct lull__handle_chunk {
    struct lull__handle_chunk *next;
    uint64_t unused;
    struct lull_handle handle[LULL__HANDLES_PER_CHUNK];
};

/* Under heap->roots_lock, read by the collector while threads are held. */
struct lull__roots {
    struct lull__root_range *range;
    size_t range_count, range_capacity;
    _Atomic size_t unbarriered; /* ranges so marked; relaxed outside the lock: a range that comes
                                   while a cycle marks counts in the next, its objects were held by
                                   who adds it */
    struct lull__handle_chunk *handles;
    struct lull_handle *free_handle;
};

/* ---- the heap's own threads ---- */

/* The background worker: sweeps after a cycle and gives memory back. Under its lock. */
struct lull__worker {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stop;
    bool sweep;       /* there are spans to sweep */
    size_t retain;    /* bytes in spans and idle that the scavenger leaves */
};

/* Memory for the magazines of a heap's depots; see pool.c. Under lock. */
struct lull__magazine_store {
    pthread_mutex_t lock;
    struct lull__magazine *spare;      /* empty ones */
    char *next, *end;                  /* of the newest chunk */
    struct lull__chunk_header *chunks; /* all, to unmap */
    size_t bytes;                      /* mapped */
};

/* What is noted of objects, by address; see ledger.h.
 * .inv.ledger: count < capacity; from where its hash says, an object's entry is reached without an
 * empty one between. */
struct lull__ledger {
    pthread_mutex_t lock;
    struct lull__record *table; /* NULL: none yet */
    size_t capacity;            /* a power of two, or 0 */
    size_t count;
};

/* Pools under audit: what is known of their objects (custody.c), and what was found by the
 * collector. Under the ledger's lock. */
struct lull__audit {
    struct lull__ledger ledger;        /* who has each object */
    _Atomic uint32_t pools;            /* ever audited; 0: nothing to look at */
    struct lull__custody *spare;       /* not in use */
    struct lull__chunk_header *chunks; /* of custodies, to unmap */
    void *spent;                       /* images to free, linked by their first words */
    struct lull__finding *finding;     /* not told yet; `finding_count` of them */
    size_t finding_count;
    lull_pool_report_fn fn;            /* NULL: nobody */
    void *fn_arg;
};

/* The thread that runs concurrent cycles, and who asked it to. Under its lock. */
struct lull__collector {
    pthread_mutex_t lock;
    pthread_cond_t wake;     /* a cycle is wanted, or the thread shall end */
    pthread_cond_t finished; /* a cycle was finished */
    pthread_t thread;
    bool started, stop;
    _Atomic bool wanted;     /* from a request to the end of the cycle that serves it; outside the
                                lock a hint */
    uint32_t reason;         /* of the wanted cycle; enum lull__cycle_reason */
    _Atomic uint32_t waiting; /* threads that stand until a cycle ends; outside the lock a hint */
    _Atomic uint64_t rest_until_ns; /* no cycle begins before, unless somebody waits for it */
    uint64_t asked, begun, ended; /* cycles: the last one asked for, begun, ended */
};

/* ---- the heap ---- */

#define LULL__DELAYS_MOST 64

struct lull_heap {
    uint64_t magic; /* LULL__HEAP_MAGIC while it lives */
    struct lull_options options; /* resolved; gc_percent and memory_limit are in `pacer` */
    lull_heap *registry_next;    /* under the registry's lock */

    /* hot, read by marking and allocation */
    struct lull__pages pages;
    _Atomic uint8_t colour;      /* .inv.colour; changes at the end of marking; relaxed: whoever
                                    reads it for more than a hint was in a handshake since */
    bool tagged;                 /* pointer_mask or tag rule are in force */
    bool stress;                 /* options.debug */

    struct lull__states states;
    struct lull__cell *cells;    /* LULL__CELLS */
    _Atomic uint32_t cell_count; /* grows under types_lock */
    struct lull__cell large;     /* large objects */

    pthread_mutex_t types_lock;
    struct lull__layout *layouts; /* dedup list; under types_lock */
    struct lull_type *types;      /* under types_lock */
    struct lull__layout *leaf_layout, *conservative_layout, *generic_layout, *weak_layout,
        *ephemeron_layout;        /* built in */

    /* threads and stopping */
    pthread_mutex_t threads_lock;
    lull_thread *threads;
    struct lull__gone gone;      /* under threads_lock */
    uint32_t thread_count;
    uint32_t next_thread_number;
    _Atomic uint32_t stop;       /* futex: enum lull__stop */
    _Atomic uint32_t acks;       /* futex: changes when a thread is held or took part */
    _Atomic uint64_t handshake;  /* number of the last handshake; under threads_lock */
    lull__action_fn action;      /* of it; written before the number */
    uint8_t barrier;             /* head.marking of a thread that attaches now; threads_lock */
    _Atomic uint8_t alloc_colour; /* colour of a thread that attaches now: black, once a cycle has
                                    taken its snapshot; under threads_lock */

    pthread_mutex_t roots_lock;
    struct lull__roots roots;
    _Atomic bool callbacks;      /* a custom type or a thread's tracer was ever made known: for
                                    lull_store_check */

    /* the cycle */
    pthread_mutex_t cycle_lock;  /* held by the thread that collects */
    pthread_mutex_t turn_lock;   /* held by who waits for that; see lull__collector_lock */
    _Atomic uint64_t cycles;     /* finished */
    uint64_t paced_ns;           /* the last cycle's end; under cycle_lock */
    uint64_t paced_gc_cpu_ns;    /* the collector's CPU then; likewise */
    struct lull__mark_queue queue;
    struct lull__marker_pool markers;
    struct lull__ephemerons ephemerons;
    struct lull__finalizers finalizers;
    _Atomic uint64_t weak_count; /* weak references ever made; 0: none to look for */
    _Atomic uint32_t unswept;    /* spans in todo lists */
    _Atomic uint32_t sweep_epoch; /* marks ended: spans with another epoch are unswept */
    _Atomic uint32_t weak_phase; /* enum lull__weak_phase */
    _Atomic uint64_t admitted;   /* cycles over when a large object last passed limit_goal_bytes */
    _Atomic uint32_t throttled;  /* threads that wait now, as the limit is near */
    _Atomic uint32_t pace;       /* futex, of theirs: changes when the collector looks for work */
    _Atomic bool marking;        /* a concurrent cycle marks: allocation may have to assist */
    _Atomic size_t marked_bytes; /* in the present cycle so far */
    _Atomic size_t mark_expected_bytes; /* what the last cycle marked; set when marking begins */
    _Atomic size_t mark_headroom_bytes; /* what may be allocated while it does; set at its begin */
    _Atomic uint64_t cycle_begin_bytes; /* heap bytes when marking began */
    _Atomic size_t stack_bytes;         /* of threads, scanned in the present cycle's snapshot */
    struct lull__collector collector;

    /* pacing */
    pthread_mutex_t pacer_lock;
    struct lull__pacer pacer;          /* under pacer_lock */
    _Atomic uint64_t live_bytes;       /* marked by the last cycle */
    _Atomic uint64_t allocated_since;  /* bytes since; over-counts by the runs in caches */
    _Atomic uint64_t trigger_bytes;    /* heap bytes at which a cycle begins */
    _Atomic uint64_t goal_bytes;       /* heap bytes at which it should be over */
    _Atomic uint64_t limit_goal_bytes; /* heap bytes from which on threads wait for it */

    struct lull__worker worker;

    /* pools */
    pthread_mutex_t pools_lock;
    lull_pool *pools[LULL__POOLS_MAX];     /* by index, retired ones too; under pools_lock */
    _Atomic(lull_pool *) pools_open[LULL__POOLS_MAX]; /* by index, without those that are being
                                              destroyed; written under pools_lock */
    uint64_t retired_at[LULL__POOLS_MAX];  /* pools_retired when the index was; 0: it is not
                                              retired; under pools_lock */
    _Atomic uint64_t pools_retired;        /* indices ever retired; grows under pools_lock */
    _Atomic uint32_t pools_used;           /* indices ever used */
    _Atomic uint32_t pools_doomed;         /* pools with something for destroy; a hint */
    lull_thread *pool_threads;             /* who has magazines; under pools_lock */
    struct lull__magazine_store magazines;
    struct lull_buffer_pool *buffer_pools; /* all, destroyed ones too; under pools_lock */
    _Atomic(const lull_type *) buffer_type; /* NULL: not needed yet; see buffer.c */
    struct lull__audit audit;

    struct lull__events events;

    _Atomic uint32_t delays[LULL__DELAYS_MOST]; /* how often each point was reached; delay.h */
};

#define LULL__HEAP_MAGIC UINT64_C(0x6c756c6c68656170)

/* ---- words and objects ---- */

/* The object a word points into: where its state byte is, and what its block says. */
struct lull__slot {
    char *base;
    uint8_t *state;
    const struct lull__block *block; /* of the word; NULL: no object can be here */
    uint8_t issue;                   /* of the block, then */
};

/* Whether a word of an object can be an address at all, and which. */
LULL__INLINE uintptr_t lull__untag(const lull_heap *heap, uintptr_t word)
{
    if (LULL__UNLIKELY(heap->tagged)) {
        return (word & heap->options.tag_mask) == heap->options.tag_value
                   ? word & heap->options.pointer_mask
                   : 0;
    }
    return word;
}

/* The address that a word of the program's stands for: of a root, a callback, an argument. It may
 * be a plain address, as allocation returns it, as well as a tagged one. */
LULL__INLINE uintptr_t lull__address(const lull_heap *heap, uintptr_t word)
{
    if (LULL__UNLIKELY(heap->tagged) &&
        (word & heap->options.tag_mask) == heap->options.tag_value) {
        return word & heap->options.pointer_mask;
    }
    return word;
}

/* Whether the block of a resolved slot is the same span's still, so that what was read of it, of
 * the span or of the object was read of one span. By who read all that with acquire. */
LULL__INLINE bool lull__slot_stands(const struct lull__slot *slot)
{
    /* relaxed: the reads before it, by acquire, pair with the releases in publish (span.c): a value
     * of a later span shows its issue here */
    return atomic_load_explicit(&slot->block->issue, memory_order_relaxed) == slot->issue;
}

/* Finds the slot of an address; the slot may be free. Any value may be asked about, also while the
 * block comes to be another span's (.inv.issue): then no object is here.
 * Writing the division as a multiplication: Granlund & Montgomery 1994. */
LULL__INLINE struct lull__slot lull__resolve(const lull_heap *heap, uintptr_t address)
{
    static const struct lull__slot nowhere = {NULL, NULL, NULL, 0};
    struct lull__slot slot;
    uintptr_t offset = address - (uintptr_t)heap->pages.range;

    /* acquire: pairs with the release in pages.c; the blocks below it may be read */
    if (offset >= atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire)) {
        return nowhere;
    }
    slot.block = &heap->pages.blocks[offset >> LULL__BLOCK_SHIFT];
    /* acquire: pairs with the releases in publish (span.c). Of the issue: the kind is NONE or its
     * own; of the kind: the other fields are written; of these: see lull__slot_stands */
    slot.issue = atomic_load_explicit(&slot.block->issue, memory_order_acquire);
    if (atomic_load_explicit(&slot.block->kind, memory_order_acquire) == LULL__KIND_NONE) {
        return nowhere;
    }
    char *start = __atomic_load_n(&slot.block->start, __ATOMIC_ACQUIRE);
    uint8_t *states = __atomic_load_n(&slot.block->states, __ATOMIC_ACQUIRE);
    uint64_t magic = __atomic_load_n(&slot.block->magic, __ATOMIC_ACQUIRE);
    size_t granules = __atomic_load_n(&slot.block->granules, __ATOMIC_ACQUIRE);
    uintptr_t number = ((address - (uintptr_t)start) * magic) >> 32;
    slot.state = states + number;
    slot.base = start + number * granules * LULL__GRANULE;
    return LULL__LIKELY(lull__slot_stands(&slot)) ? slot : nowhere;
}

/* Whether cycles run beside the program. */
LULL__INLINE bool lull__runs_beside(const lull_heap *heap)
{
    return heap->options.mode == LULL_MODE_CONCURRENT ||
           heap->options.mode == LULL_MODE_INCREMENTAL;
}

/* .eq.live; relaxed: an estimate */
LULL__INLINE uint64_t lull__heap_bytes(const lull_heap *heap)
{
    return atomic_load_explicit(&heap->live_bytes, memory_order_relaxed) +
           atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
}

/* What span->epoch of a swept span is. Whoever may conclude from it that a span is swept has a lock
 * of its cell, or the span, since marking ended. */
LULL__INLINE uint8_t lull__sweep_epoch(const lull_heap *heap)
{
    return (uint8_t)atomic_load_explicit(&heap->sweep_epoch, memory_order_relaxed);
}

LULL__INLINE size_t lull__block_number(const lull_heap *heap, const void *address)
{
    return ((uintptr_t)address - (uintptr_t)heap->pages.range) >> LULL__BLOCK_SHIFT;
}

LULL__INLINE struct lull__span *lull__span_of(const lull_heap *heap, const void *address)
{
    const struct lull__block *block = &heap->pages.blocks[lull__block_number(heap, address)];
    return &heap->pages.spans[lull__block_number(heap, block->start)];
}

LULL__INLINE char *lull__span_start(const lull_heap *heap, const struct lull__span *span)
{
    return heap->pages.range + ((size_t)(span - heap->pages.spans) << LULL__BLOCK_SHIFT);
}

/* Usable bytes of the object in a resolved slot. */
LULL__INLINE size_t lull__slot_bytes(const lull_heap *heap, const struct lull__slot *slot)
{
    return lull__block_is_large(slot->block) ? lull__span_of(heap, slot->base)->bytes
                                             : lull__block_slot_size(slot->block);
}

/* State bytes are plain bytes to several markers at once; relaxed atomics say so. Every writer
 * writes the same value, or owns the slot. */
LULL__INLINE uint8_t lull__state_load(const uint8_t *state)
{
    return __atomic_load_n(state, __ATOMIC_RELAXED);
}

LULL__INLINE void lull__state_store(uint8_t *state, uint8_t value)
{
    __atomic_store_n(state, value, __ATOMIC_RELAXED);
}

#endif
