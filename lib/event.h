/* event.h -- the one stream of what a heap does.
 *
 * Each thing worth knowing is emitted once, as an event of the table in event.def; the table
 * says which counters and histograms its fields feed. Nothing else in the library counts.
 * Emission takes no lock, allocates nothing and may happen in a signal handler: one relaxed
 * atomic addition a feed, and a clock read only when there is a subscriber.
 *
 * .inv.event.relaxed: counters are independent numbers. No reader concludes from one counter
 * anything about another, or about memory; so every access is relaxed. Readers that subtract
 * one from another must bear that the result was never true (saturate). */
#ifndef LULL__EVENT_H
#define LULL__EVENT_H

#include <stdatomic.h>

#include <lull/stats.h>

#include "base.h"
#include "histogram.h"

/* Why a cycle began. */
enum lull__cycle_reason {
    LULL__REASON_TRIGGER, /* the heap reached its trigger */
    LULL__REASON_FORCED,  /* lull_collect, lull_release_memory */
    LULL__REASON_LIMIT,   /* an allocation met the hard limit, or no memory */
    LULL__REASON_STRESS,  /* LULL_DEBUG=stress */
    LULL__REASONS
};

/* LULL__EVENT_pause and so on. */
enum lull__event_id {
#define LULL__EVENT(name, ...) LULL__EVENT_##name,
#include "event.def"
#undef LULL__EVENT
    LULL__EVENTS
};

/* LULL__EVENT_FIELDS_pause and so on: how many fields each event has. */
enum {
#define FIELD(name, ...) 0
#define LULL__EVENT(name, ...) LULL__EVENT_FIELDS_##name = sizeof((const char[]){__VA_ARGS__}),
#include "event.def"
#undef LULL__EVENT
#undef FIELD
};

/* LULL__COUNTER_live_bytes and so on. */
enum lull__counter {
#define LULL__COUNTER(name) LULL__COUNTER_##name,
#include "event.def"
#undef LULL__COUNTER
    LULL__COUNTERS
};

/* The histograms: one a pause kind, from LULL__TIME_PAUSE, and the times that the collector waited
 * for threads. */
enum {
    LULL__TIME_PAUSE,
    LULL__TIME_TO_STOP = LULL__TIME_PAUSE + LULL_PAUSE_KINDS,
    LULL__TIME_TO_HANDSHAKE,
    LULL__TIMES
};

/* The arrays by size class. */
enum {
    LULL__CLASS_allocated, /* objects */
    LULL__CLASS_freed,     /* objects */
    LULL__CLASS_ARRAYS
};

/* One of the two places a receiver may stand in; see lull__events_subscribe. */
struct lull__subscription {
    _Atomic(lull_event_fn) fn; /* NULL: nobody */
    _Atomic(void *) arg;
};

/* What a heap has of its stream. All zero is valid: nothing happened yet. */
struct lull__events {
    _Atomic uint64_t counter[LULL__COUNTERS];
    _Atomic uint64_t happened[LULL__EVENTS]; /* how often, by event */
    _Atomic uint64_t by_class[LULL__CLASS_ARRAYS][LULL_STATS_CLASSES];
    struct lull__histogram time[LULL__TIMES];
    struct lull__subscription subscription[2]; /* [turn & 1] holds; the other is spare */
    _Atomic uint32_t turn;                     /* subscriptions made; wraps */
};

/* lull__emit(&heap->events, pause, t->number, LULL_PAUSE_STOP, ns): emits one event, its fields
 * in the table's order. `thread` is the number of the mutator thread it is about, 0 for none.
 * Threads: any. Time: some ns a feed; the subscriber's with one. */
#define lull__emit(events, name, thread, ...)                                                      \
    do {                                                                                           \
        _Static_assert(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t) ==               \
                           LULL__EVENT_FIELDS_##name,                                              \
                       "the number of fields of event " #name " in event.def");                    \
        lull__event_emit((events), LULL__EVENT_##name, (thread),                                   \
                         (const uint64_t[LULL_EVENT_FIELDS]){__VA_ARGS__});                        \
    } while (0)

void lull__event_emit(struct lull__events *events, enum lull__event_id id, uint32_t thread,
                      const uint64_t fields[LULL_EVENT_FIELDS]);

/* lull__count(&heap->events, live_bytes): a counter's value; lull__happened(&heap->events,
 * cycle_end): how often an event happened. */
#define lull__count(events, name)                                                                  \
    atomic_load_explicit(&(events)->counter[LULL__COUNTER_##name], memory_order_relaxed)
#define lull__happened(events, name)                                                               \
    atomic_load_explicit(&(events)->happened[LULL__EVENT_##name], memory_order_relaxed)

/* lull__count_class(&heap->events, freed, 3): an array's value for a size class. */
#define lull__count_class(events, array, size_class)                                               \
    atomic_load_explicit(&(events)->by_class[LULL__CLASS_##array][size_class], memory_order_relaxed)

/* What the counters say together. heap: live by the last cycle + allocated since; idle: resident
 * in no span; system: in_use + idle + metadata. cpu:
 * of the collector. */
uint64_t lull__events_heap_bytes(const struct lull__events *events);
uint64_t lull__events_idle_bytes(const struct lull__events *events);
uint64_t lull__events_system_bytes(const struct lull__events *events);
uint64_t lull__events_cpu_ns(const struct lull__events *events);

/* Makes `fn` with `arg` the receiver, in place of the one before; NULL: nobody. An emission sees
 * fn and arg of one call, never of two.
 * Threads: one caller at a time (the heap's lock); emissions go on meanwhile. */
void lull__events_subscribe(struct lull__events *events, lull_event_fn fn, void *arg);

#endif
