/* event.c -- the event table at work: an emission feeds what the table says, then the receiver.
 * All counters are relaxed by .inv.event.relaxed. */
#include "event.h"

#include "callback.h"
#include "os.h"

/* ---- the table ---- */

enum feed_kind {
    FEED_NONE,
    FEED_SUM,
    FEED_SUB,
    FEED_SET,
    FEED_ZERO,
    FEED_MAX,
    FEED_CLASS,
    FEED_TIME,
    FEED_TIME_KIND
};

struct feed {
    uint8_t kind;   /* enum feed_kind */
    uint8_t target; /* counter, array by class, or histogram */
};

enum { FEEDS_PER_FIELD = 2 };

struct field {
    const char *name;
    struct feed feed[FEEDS_PER_FIELD];
};

struct event {
    const char *name;
    unsigned field_count;
    struct field field[LULL_EVENT_FIELDS];
};

/* clang-format off */
#define NONE         {FEED_NONE, 0}
#define SUM(c)       {FEED_SUM, LULL__COUNTER_##c}
#define SUB(c)       {FEED_SUB, LULL__COUNTER_##c}
#define SET(c)       {FEED_SET, LULL__COUNTER_##c}
#define ZERO(c)      {FEED_ZERO, LULL__COUNTER_##c}
#define MAX(c)       {FEED_MAX, LULL__COUNTER_##c}
#define CLASS(a)     {FEED_CLASS, LULL__CLASS_##a}
#define TIME(h)      {FEED_TIME, h}
#define TIME_KIND(h) {FEED_TIME_KIND, h}
#define FIELD(name, ...)       {#name, {__VA_ARGS__}}
#define LULL__EVENT(name, ...) {#name, LULL__EVENT_FIELDS_##name, {__VA_ARGS__}},
static const struct event table[LULL__EVENTS] = {
#include "event.def"
};
#undef LULL__EVENT
/* clang-format on */

uint32_t lull_event_count(void)
{
    return LULL__EVENTS;
}

const char *lull_event_name(uint32_t id)
{
    return id < LULL__EVENTS ? table[id].name : NULL;
}

const char *lull_event_field(uint32_t id, unsigned i)
{
    return id < LULL__EVENTS && i < table[id].field_count ? table[id].field[i].name : NULL;
}

/* ---- emission ---- */

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *counter, uint64_t value)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

    while (value > old && !atomic_compare_exchange_weak_explicit(
                              counter, &old, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* `first`: the event's first field, which says the size class or the pause kind. */
static void feed(struct lull__events *events, struct feed to, uint64_t value, uint64_t first)
{
    switch ((enum feed_kind)to.kind) {
    case FEED_NONE: break;
    case FEED_SUM: add(&events->counter[to.target], value); break;
    case FEED_SUB: add(&events->counter[to.target], -value); break;
    case FEED_SET:
        atomic_store_explicit(&events->counter[to.target], value, memory_order_relaxed);
        break;
    case FEED_ZERO:
        atomic_store_explicit(&events->counter[to.target], 0, memory_order_relaxed);
        break;
    case FEED_MAX: raise_to(&events->counter[to.target], value); break;
    case FEED_CLASS:
        LULL_ASSERT_VALUES(first < LULL_STATS_CLASSES, first, to.target);
        add(&events->by_class[to.target][first], value);
        break;
    case FEED_TIME: lull__histogram_record(&events->time[to.target], value); break;
    case FEED_TIME_KIND:
        LULL_ASSERT_VALUES(first < LULL_PAUSE_KINDS, first, to.target);
        lull__histogram_record(&events->time[to.target + first], value);
        break;
    }
}

/* Reads the receiver: fn and arg of one call of lull__events_subscribe. A reader that is slower
 * than two such calls could meet the place of its turn rewritten, fn and arg mixed; but then the
 * turn is another by then, and it reads again. So it waits for nobody, not even for a caller that
 * the signal it runs in has interrupted. */
static lull_event_fn receiver(struct lull__events *events, void **arg)
{
    for (;;) {
        /* acquire: pairs with the release of `turn` in lull__events_subscribe; the place is
         * written */
        uint32_t turn = atomic_load_explicit(&events->turn, memory_order_acquire);
        struct lull__subscription *place = &events->subscription[turn & 1];
        /* acquire: pairs with the releases of fn and arg; who reads a value of a later turn here
         * cannot read the old turn below */
        lull_event_fn fn = atomic_load_explicit(&place->fn, memory_order_acquire);

        *arg = atomic_load_explicit(&place->arg, memory_order_acquire);
        if (atomic_load_explicit(&events->turn, memory_order_relaxed) == turn) {
            return fn;
        }
    }
}

void lull__event_emit(struct lull__events *events, enum lull__event_id id, uint32_t thread,
                      const uint64_t fields[LULL_EVENT_FIELDS])
{
    const struct event *event = &table[id];
    void *arg;
    lull_event_fn fn = receiver(events, &arg);

    for (unsigned i = 0; i < event->field_count; i++) {
        feed(events, event->field[i].feed[0], fields[i], fields[0]);
        feed(events, event->field[i].feed[1], fields[i], fields[0]);
    }
    add(&events->happened[id], 1);
    if (LULL__UNLIKELY(fn != NULL)) {
        lull_event sent = {.id = id, .thread = thread, .time_ns = lull__os_now_ns()};

        for (unsigned i = 0; i < event->field_count; i++) {
            sent.fields[i] = fields[i];
        }
        uint32_t around = lull__callback_begin(LULL__CALLBACK_RECEIVER);
        fn(&sent, arg);
        lull__callback_end(around);
    }
}

void lull__events_subscribe(struct lull__events *events, lull_event_fn fn, void *arg)
{
    uint32_t turn = atomic_load_explicit(&events->turn, memory_order_relaxed) + 1;
    struct lull__subscription *place = &events->subscription[turn & 1];

    /* release: pairs with the acquires in `receiver`; who sees these values of this turn sees at
     * least the turn before, so that a reader of the turn before that reads again */
    atomic_store_explicit(&place->fn, fn, memory_order_release);
    atomic_store_explicit(&place->arg, arg, memory_order_release);
    /* release: pairs with the acquire of `turn`; the place is written */
    atomic_store_explicit(&events->turn, turn, memory_order_release);
}

/* ---- what the counters say together ---- */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t lull__events_heap_bytes(const struct lull__events *events)
{
    return lull__count(events, live_bytes) + minus(lull__count(events, allocated_bytes),
                                                   lull__count(events, allocated_at_mark_bytes));
}

static uint64_t resident_bytes(const struct lull__events *events)
{
    return minus(lull__count(events, grown_bytes), lull__count(events, released_bytes));
}

uint64_t lull__events_idle_bytes(const struct lull__events *events)
{
    return minus(resident_bytes(events), lull__count(events, in_use_bytes));
}

uint64_t lull__events_system_bytes(const struct lull__events *events)
{
    return lull__count(events, in_use_bytes) + lull__events_idle_bytes(events) +
           lull__count(events, metadata_bytes);
}

uint64_t lull__events_cpu_ns(const struct lull__events *events)
{
    return lull__count(events, mark_cpu_ns) + lull__count(events, sweep_cpu_ns) +
           lull__count(events, scavenge_cpu_ns);
}
