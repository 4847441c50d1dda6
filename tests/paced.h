/* paced.h -- a program, its heap, and a collector that takes the pacer's word: simulated. */
#ifndef LULL_TESTS_PACED_H
#define LULL_TESTS_PACED_H

#include <check.h>
#include <lull/heap.h>

#include "pacer.h"
#include "random.h"
#include "support.h"

#define MIB UINT64_C(1048576)
#define GIB UINT64_C(1073741824)
#define HEAP_MIN (4 * MIB)

static struct lull__pacer p;

/* A cycle that marked this much, and nothing else. */
static inline void mark(uint64_t live_bytes)
{
    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){.live_bytes = live_bytes});
}

static inline TCase *add_case(Suite *suite, const char *name)
{
    TCase *added = tcase_create(name);

    tcase_set_timeout(added, 60);
    suite_add_tcase(suite, added);
    return added;
}

/* To the three that three roundings make. */
static inline void check_about(uint64_t got, long double want, const char *what)
{
    long double difference = got > want ? got - want : want - got;

    ensure(difference <= 3 + want * 0x1p-60L, "%s is %llu, not %.1Lf", what,
           (unsigned long long)got, want);
}

/* The program's allocation and the collector's speed; the simulated heap's state. */
struct program {
    uint64_t live_bytes;        /* what a cycle finds live, if there is as much */
    uint64_t rate;              /* bytes allocated in a microsecond */
    uint64_t mark_ns_per_kib;   /* of live bytes; and 50 µs a cycle */
    uint64_t resident_bytes;    /* for objects */
    uint64_t in_use_bytes;      /* at the last cycle's begin */
    uint64_t heap_bytes;        /* live at the last cycle + allocated since */
    uint64_t peak_system_bytes; /* of the last cycle */
    uint64_t running_ns, waited_ns, held_ns, cycles, allocated_bytes; /* since it began */
};

#define OVERHEAD (2 * MIB)
#define REFILL UINT64_C(32768) /* the trigger is looked at this often */

static inline uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the program allocates up to the next cycle; it waits where the collector rests, and runs for
 * an eighth of that time. */
static inline uint64_t run_to_cycle(struct program *s, uint64_t *running_ns, uint64_t *waited_ns)
{
    uint64_t trigger = lull__pacer_trigger(&p, false);
    uint64_t free = trigger > s->heap_bytes ? trigger - s->heap_bytes : 0;
    uint64_t allocated = (free / REFILL + 1) * REFILL;
    uint64_t rest_ns = lull__pacer_is_limited(&p) ? p.rest_ns : 0;

    ck_assert_uint_ne(trigger, LULL__PACER_NEVER);
    *running_ns = allocated * 1000 / s->rate;
    *waited_ns = 0;
    if (rest_ns > *running_ns) {
        uint64_t late_ns = (rest_ns - *running_ns) / LULL__PACER_SLOWEST;
        *waited_ns = rest_ns - *running_ns - late_ns;
        *running_ns += late_ns;
        allocated += late_ns * s->rate / 1000;
    }
    return allocated;
}

/* Runs the program up to the next cycle and through it. */
static inline void run_cycle(struct program *s)
{
    uint64_t running_ns, waited_ns;
    uint64_t allocated = run_to_cycle(s, &running_ns, &waited_ns);
    uint64_t live = least(s->live_bytes, s->heap_bytes + allocated);
    uint64_t held_ns = 50000 + live * s->mark_ns_per_kib / 1024;
    uint64_t retain = lull__pacer_retain(&p, s->in_use_bytes);

    s->heap_bytes += allocated;
    if (s->resident_bytes > retain && s->cycles > 0) {
        s->resident_bytes = retain; /* the scavenger was at work meanwhile */
    }
    if (s->resident_bytes < s->heap_bytes) {
        s->resident_bytes = s->heap_bytes;
    }
    s->in_use_bytes = s->heap_bytes;
    s->peak_system_bytes = s->resident_bytes + OVERHEAD;
    lull__pacer_cycle_end(&p, &(struct lull__pacer_cycle){
                                  .live_bytes = live,
                                  .heap_bytes = s->heap_bytes,
                                  .in_use_bytes = s->in_use_bytes,
                                  .metadata_bytes = OVERHEAD,
                                  .allocated_bytes = allocated,
                                  .elapsed_ns = running_ns + waited_ns + held_ns,
                                  .gc_cpu_ns = held_ns,
                                  .held_ns = held_ns,
                                  .processors = 1,
                              });
    s->heap_bytes = live;
    s->running_ns += running_ns;
    s->waited_ns += waited_ns;
    s->held_ns += held_ns;
    s->allocated_bytes += allocated;
    s->cycles++;
}

static inline struct program program_of(uint64_t live_bytes)
{
    return (struct program){.live_bytes = live_bytes, .rate = 500, .mark_ns_per_kib = 300};
}

/* A program that has grown to its live bytes. */
static inline struct program grown_program(uint64_t live_bytes)
{
    struct program s = program_of(live_bytes);

    while (s.heap_bytes < live_bytes) {
        run_cycle(&s);
    }
    run_cycle(&s);
    s.running_ns = s.waited_ns = s.held_ns = s.cycles = s.allocated_bytes = 0;
    return s;
}

static inline double held_share(const struct program *s)
{
    return (double)s->held_ns / (double)(s->held_ns + s->running_ns + s->waited_ns);
}

#endif
