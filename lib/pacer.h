/* pacer.h -- when to collect, how much to keep, how fast to give back: arithmetic alone.
 *
 * No heap, thread, clock or atomic is in it: numbers go in, numbers come out, so that all of it
 * is tested by simulation (tests/test_pacer.c). After the pacer of Go 1.18 to 1.27 (Knyszek),
 * for collectors that stop the program and such that run beside it. All bytes and times saturate; no input overflows.
 * doc/pacing.md has an example with figures.
 *
 * The goal: the heap's bytes (live by the last cycle + allocated since) at the end of the cycle.
 *
 *   goal      = min(goal_P, goal_L)
 *   goal_P    = max(live + (marked + stacks + globals) · percent / 100, heap_min · percent / 100)
 *               without end where percent is off
 *   marked    = live − allocated while the cycle marked: all of that counts as live until the next
 *               cycle, though most of it is dead. Were it to grow the goal (Go's does), a collector
 *               that falls behind would be given more memory to fall behind in
 *   goal_L    = max(live + step, room − headroom, headroom); live + step where there is no room;
 *               without end where there is no limit
 *   room      = limit − overhead − max(system − limit, 0), at least 0
 *   headroom  = max(3 % of room, 1 MiB)
 *   trigger   = goal in mode stop: the program stands still, so the heap does not grow meanwhile
 *             = goal − runway beside the program, so that marking ends about where the goal is
 *   runway    = clamp(most, 5 % of growth, 50 % of growth), growth = goal − live
 *   most      = max(1.1 · allocated while the last cycle marked, 3/4 · most)
 *
 * The limiter: a limit near or below what is live would have the collector run all the time.
 * A leaky bucket fills with the CPU that the collector uses and drains with the program's; it may
 * hold a fifth of a second. The goal passes the limit by as much as the program allocates in the
 * CPU it has to use so that the next cycle, if it is like the last, does not fill the bucket
 * further. So the collector may take a fifth of a second at once, and half of the CPU over time:
 *
 *   running   = CPU of the process since the last cycle's end − collector's
 *   bucket    = clamp(bucket + collector's − running, 0, 0.2 s + collector's), at each cycle's end
 *   owed      = max(bucket + collector's − 0.2 s, 0), what the program is to have before the next
 *   step      = max(allocated, 32 KiB) · owed / max(running, collector's / 16)
 *
 * What a cycle took too much stays in the bucket and is owed in the next, up to the cycle's own
 * CPU: so a rate of allocation that is not that of the last cycle averages out, and the step is
 * never more than the program allocates in two cycles' CPU. The rate is measured over a sixteenth
 * of a cycle at least, as a single refill in no time would promise anything. And over 32 KiB at
 * least: threads take that much at once, which may bring a cycle about, and give back what they have
 * not used when it begins. A step by the rest alone would be no more than they take, for ever.
 *
 * Deviations from Go: the share is of the CPU that the process had, not of all processors, so it
 * is the same on a machine that others use; and where Go's full bucket turns assists off, ours
 * raises the goal, by degrees, as a stop has no assists.
 *
 * What the scavenger leaves resident, and how fast it works:
 *
 *   retain    = 1.1 · in_use · goal / last_goal, at most 95 % of the limit − overhead; where the
 *               last cycle had no goal, 1.1 · in_use
 *   credit    = credit + elapsed / 100 − time spent, at most 1 ms
 *   budget    = credit / cost, cost a moving average of what releasing a byte took
 *
 * What idle objects of pools make up for, before the limiter has to; 0 where there is no limit:
 *
 *   excess    = live − 3/4 · room, at least 0
 *
 * .inv.pacer.goal: goal >= live. */
#ifndef LULL__PACER_H
#define LULL__PACER_H

#include "base.h"

#define LULL__PACER_NEVER UINT64_MAX /* a goal or trigger that no heap reaches */

#define LULL__PACER_BUCKET_NS 200000000u /* the collector's CPU beyond half */
#define LULL__PACER_TAKEN_BYTES 32768u      /* by a thread, at once */
#define LULL__PACER_HEADROOM_PERCENT 3
#define LULL__PACER_HEADROOM_MIN LULL__MIB
#define LULL__PACER_BYTES_PER_MARKER 5000000u /* live bytes that keep one marker busy */
#define LULL__PACER_MARKERS_MAX 8
#define LULL__PACER_RETAIN_PERCENT 95 /* of the limit */

/* The pacer's state. Its writers hold the heap's lock or run while all threads are held. */
struct lull__pacer {
    /* The knobs; set by lull__pacer_init and the setters. */
    int gc_percent;       /* 0 to 100000, or LULL_PERCENT_OFF */
    uint64_t limit_bytes; /* soft limit on system_bytes; 0: none */
    uint64_t heap_min_bytes;

    /* As of the last cycle; set by lull__pacer_cycle_end; 0 before the first. */
    uint64_t live_bytes;
    uint64_t marked_bytes;   /* of them, found alive; the rest was allocated meanwhile */
    uint64_t stack_bytes;    /* of threads, scanned */
    uint64_t global_bytes;   /* of global roots, scanned */
    uint64_t system_bytes;   /* resident, all of the heap's */
    uint64_t overhead_bytes; /* of it, neither objects nor idle: metadata, free slots */
    uint64_t step_bytes;     /* what the limiter grants past live */
    uint64_t runway_bytes;   /* what the program allocates while a cycle marks: the most of the
                                last cycles, fading */
    uint64_t bucket_ns;      /* the limiter's */

    /* Results; set by all of the above. */
    uint64_t goal_bytes;      /* LULL__PACER_NEVER: none */
    uint64_t last_goal_bytes; /* the goal that the last cycle had; that of now before the first */
};

/* What the pacer learns of a cycle. */
struct lull__pacer_cycle {
    uint64_t live_bytes;      /* marked */
    uint64_t stack_bytes;     /* scanned */
    uint64_t global_bytes;    /* scanned */
    uint64_t system_bytes;    /* resident at the cycle's end */
    uint64_t overhead_bytes;  /* of it, neither objects, dead ones not yet swept included, nor
                                 idle spans */
    uint64_t allocated_bytes; /* since the last cycle's end */
    uint64_t cpu_ns;          /* of the process, since the last cycle's end */
    uint64_t gc_cpu_ns;       /* of it, the collector's, assists included */
    uint64_t beside_bytes;    /* allocated while it marked; 0 in mode stop */
};

/* Sets the knobs and the first goal, that of an empty heap. */
void lull__pacer_init(struct lull__pacer *p, int gc_percent, uint64_t limit_bytes,
                      uint64_t heap_min_bytes);

/* Change a knob and with it the goal. */
void lull__pacer_set_percent(struct lull__pacer *p, int gc_percent);
void lull__pacer_set_limit(struct lull__pacer *p, uint64_t limit_bytes);

/* Takes in what a cycle found and sets the next goal. */
void lull__pacer_cycle_end(struct lull__pacer *p, const struct lull__pacer_cycle *cycle);

/* Heap bytes at which the next cycle begins, or LULL__PACER_NEVER. `beside`: it marks beside the
 * program. */
uint64_t lull__pacer_trigger(const struct lull__pacer *p, bool beside);

/* Beside the program half of the processors mark. Where the program wants all of them too, that
 * would be a third of the machine; this many steps of nice make it a quarter: Linux gives a thread
 * of nice 2 the weight 655 where another has 1024, and 0.5 · 655 / (1024 + 0.5 · 655) = 0.24. A
 * processor that nobody else wants is theirs whole. */
#define LULL__PACER_MARKER_NICE 2

/* Threads that mark: `requested`, or where that is 0 min(processors, live / 5 MB, 8), at least
 * 1. live_bytes: what the last cycle marked, or a better guess. */
unsigned lull__pacer_markers(unsigned requested, unsigned processors, uint64_t live_bytes);

/* Bytes for objects that should stay resident; in_use_bytes: spans that held objects when the
 * last cycle's marking was over. */
uint64_t lull__pacer_retain(const struct lull__pacer *p, uint64_t in_use_bytes);

/* Live bytes beyond what the limit leaves in comfort; 0 where there is none. */
uint64_t lull__pacer_excess(const struct lull__pacer *p);

/* How fast the scavenger may work: 1 % of a CPU. Its only user is the scavenger. */
struct lull__scavenge_rate {
    int64_t credit_ns;   /* CPU time it may spend now; negative: it spent too much */
    uint64_t ns_per_mib; /* what releasing a MiB takes, moving average */
};

#define LULL__SCAVENGE_CREDIT_MAX_NS 1000000
#define LULL__SCAVENGE_NS_PER_MIB 71000u /* to begin with; measured: 73 ms a GiB */

void lull__scavenge_rate_init(struct lull__scavenge_rate *r);

/* Bytes that may be released now, elapsed_ns after the last call; 0 while in debt. */
uint64_t lull__scavenge_rate_budget(struct lull__scavenge_rate *r, uint64_t elapsed_ns);

/* Tells that releasing `bytes` took `ns` of CPU. */
void lull__scavenge_rate_spent(struct lull__scavenge_rate *r, uint64_t bytes, uint64_t ns);

#endif
