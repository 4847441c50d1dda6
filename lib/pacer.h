/* pacer.h -- when to collect, how much to keep, how fast to give back: arithmetic alone.
 *
 * No heap, thread, clock or atomic is in it: numbers go in, numbers come out, so that all of it
 * is tested by simulation (tests/test_pacer.c, tests/test_limiter.c). After the pacer of Go 1.18 to
 * 1.27 (Knyszek), for collectors that stop the program and such that run beside it. All bytes and
 * times saturate; no input overflows. doc/pacing.md has examples with figures.
 *
 * The goal: the heap's bytes (live by the last cycle + allocated since) at the end of the cycle.
 *
 *   goal      = min(goal_P, goal_L)
 *   goal_P    = max(live + (marked + stacks + globals) · percent / 100, heap_min · percent / 100,
 *               live + min(step, (marked + stacks + globals) / 4 + 64 KiB))
 *               without end where percent is off
 *   marked    = live − allocated while the cycle marked: all of that counts as live until the next
 *               cycle, though most of it is dead. Were it to grow the goal (Go's does), a collector
 *               that falls behind would be given more memory to fall behind in
 *   goal_L    = max(live, room − headroom, headroom); live where there is no room; without end
 *               where there is no limit
 *   room      = limit − overhead, at least 0
 *   overhead  = metadata + gaps
 *   gaps      = min(in_use − objects, gaps + what in_use grew by). in_use − objects are
 *               all free slots of spans in use; only those are lost to allocation in spite of which
 *               it took new spans. (Were all of them overhead, a goal once low would stay low: the
 *               lower it is, the more slots are free)
 *   headroom  = max(3 % of room, 1 MiB)
 *   trigger   = max(goal, live + 32 KiB) in mode stop: the program stands still, so the heap does
 *               not grow meanwhile; and a cycle right after another finds nothing
 *             = goal − runway beside the program, so that marking ends about where the goal is
 *   runway    = clamp(most, 5 % of growth, 50 % of growth), growth = goal − live
 *   most      = max(1.1 · allocated while the last cycle marked, 3/4 · most)
 *
 * The limiter: with a limit near or below what is live, or a percent near 0, a collector would run
 * all the time. It may have half of the machine: its processors, times the time that passes. A
 * leaky bucket fills with what the collector takes and drains with the rest; 0.05 s of the machine
 * may be in it.
 *
 *   taken     = max(collector's CPU, processors · time that threads were held)
 *   left      = processors · time since the last cycle's end − taken
 *   bucket    = clamp(bucket + taken − left, 0, ahead + taken), at each cycle's end
 *   ahead     = 0.05 s · processors
 *
 * In mode concurrent, and in all modes where the limit sets the goal, it keeps to its half by
 * resting before the next cycle. Else the goal rises by what the program allocates in the time that
 * it is to have, so that the next cycle, if it is like the last, does not fill the bucket further:
 *
 *   rest      = max(bucket − ahead, 0) / processors
 *   owed      = max(bucket + taken − ahead, 0)
 *   step      = max(allocated, 32 KiB) · owed / max(left, taken / 16); 0 in mode concurrent
 *
 * What a cycle took too much stays in the bucket and is owed in the next, up to what the cycle
 * took: so a rate of allocation that is not that of the last cycle averages out, and the step is
 * never more than the program allocates in twice what a cycle takes. The rate is measured over a
 * sixteenth of a cycle at least, as a single refill in no time would promise anything. And over 32
 * KiB at least: threads take that much at once, which may bring a cycle about, and give back what
 * they have not used when it begins. A step by the rest alone would be no more than they take, for
 * ever.
 *
 * Waiting: where the limit sets the goal, a thread that allocates waits until marking has caught up
 * with it, or marks itself where nobody else does; and past the goal until the collector's rest is
 * over. What it is about to take counts as allocated:
 *
 *   lead      = allocated / headroom of the cycle − marked / expected, since marking began
 *   expected  = what the last cycle marked; where that was too little, all of the heap
 *   nap       = lead · time that marking took last, at least 50 µs · crowd, at most its patience
 *   patience  = patience + ran · (8 · crowd − 1) − waited, at most 2 ms · crowd · pieces
 *   crowd     = max((threads that wait + 1) / processors, 1)
 *   ran       = since it looked last; for a large object at least 1 ns a byte, for it will be
 *   filled pieces    = bytes it takes / 32 KiB, 1 to 64
 *
 * So all threads together run for an eighth of the machine's time at least, however little room
 * there is, and no wait is much longer than 2 ms on a processor that few threads want, but for that
 * of a large object, which is as long as those of so many small ones may be.
 *
 * Deviations from Go: where its full bucket turns assists off and lets the heap grow, ours has the
 * collector rest while threads still wait; and idle time counts as left, as waiting is idle.
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

#define LULL__PACER_AHEAD_NS 50000000u /* of the machine, that the collector may take beyond half */
#define LULL__PACER_TAKEN_BYTES 32768u /* by a thread, at once */
#define LULL__PACER_STEP_MIN_BYTES (64 * LULL__KIB)
#define LULL__PACER_SLOWEST 8        /* threads near the limit run for a part of the time: 1 of 8 */
#define LULL__PACER_WAIT_NS 2000000u /* the longest wait near the limit */
#define LULL__PACER_NAP_NS 50000u    /* the shortest: what sleeping and waking take */
#define LULL__PACER_PIECES_MAX 64    /* of 32 KiB, that a large object waits for */
#define LULL__PACER_FILL_BYTES_PER_NS 1 /* a large object counts as run for as long as filling it */
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
    uint64_t in_use_bytes;   /* spans that held objects when marking ended */
    uint64_t gaps_bytes;     /* of them, slots that stayed free though spans were added */
    uint64_t overhead_bytes; /* gaps and metadata */
    uint64_t step_bytes;     /* what the limiter grants past live */
    uint64_t runway_bytes;   /* what the program allocates while a cycle marks: the most of the
                                last cycles, fading */
    uint64_t bucket_ns;      /* the limiter's */
    uint64_t rest_ns;        /* the collector's, before the next cycle, where it rests */

    /* Results; set by all of the above. */
    uint64_t goal_bytes;      /* LULL__PACER_NEVER: none */
    uint64_t last_goal_bytes; /* the goal that the last cycle had; that of now before the first */
};

/* What the pacer learns of a cycle. */
struct lull__pacer_cycle {
    uint64_t live_bytes;      /* marked */
    uint64_t stack_bytes;     /* scanned */
    uint64_t global_bytes;    /* scanned */
    uint64_t in_use_bytes;    /* spans that held objects when marking ended */
    uint64_t heap_bytes;      /* of the objects in them, dead ones too */
    uint64_t metadata_bytes;  /* resident beside them */
    uint64_t allocated_bytes; /* since the last cycle's end */
    uint64_t beside_bytes;    /* allocated while it marked; 0 in mode stop */
    uint64_t elapsed_ns;      /* since the last cycle's end */
    uint64_t gc_cpu_ns;       /* the collector's CPU since then, assists included */
    uint64_t held_ns;         /* of the cycle: all threads stood still */
    uint32_t processors;
    bool rests; /* it rests after it had too much, whatever sets the goal */
};

/* Sets the knobs and the first goal, that of an empty heap. */
void lull__pacer_init(struct lull__pacer *p, int gc_percent, uint64_t limit_bytes,
                      uint64_t heap_min_bytes);

/* Change a knob and with it the goal. */
void lull__pacer_set_percent(struct lull__pacer *p, int gc_percent);
void lull__pacer_set_limit(struct lull__pacer *p, uint64_t limit_bytes);

/* goal_L: heap bytes from which on threads wait for the collector; LULL__PACER_NEVER: no limit. And
 * whether it is the limit that sets the goal. */
uint64_t lull__pacer_limit_goal(const struct lull__pacer *p);
bool lull__pacer_is_limited(const struct lull__pacer *p);

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

/* How far marking is beside a program that allocates; since marking began, as far as not said. */
struct lull__progress {
    uint64_t begin_bytes; /* the heap, then */
    uint64_t allocated_bytes;
    uint64_t headroom_bytes; /* that may be allocated */
    uint64_t marked_bytes;
    uint64_t usual_bytes; /* that the last cycle marked */
};

/* Whether allocation is ahead of marking; and by how much of the time that marking all takes,
 * mark_ns: 0 where it is not. */
bool lull__pacer_is_behind(const struct lull__progress *g);
uint64_t lull__pacer_lead_ns(const struct lull__progress *g, uint64_t mark_ns);

/* A thread's patience, of which left_ns are left, after it has run for ran_ns, before it takes
 * taken_bytes; less than nothing where it waited too long. `waiting`: threads that wait. */
int64_t lull__pacer_patience(int64_t left_ns, uint64_t ran_ns, uint64_t taken_bytes,
                             uint32_t waiting, uint32_t processors);

/* How long a thread waits before it looks again; 0: it goes on. */
uint64_t lull__pacer_nap(uint64_t lead_ns, int64_t patience_ns, uint32_t waiting,
                         uint32_t processors);

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
