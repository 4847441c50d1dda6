/* pacer.c -- the formulas of pacer.h, each as a function that saturates. */
#include "pacer.h"

#include <lull/heap.h>

/* Wide enough for any product of two inputs. */
__extension__ typedef unsigned __int128 wide;

static uint64_t narrow(wide value)
{
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

/* a * b / c, rounded down; c > 0. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
    return narrow((wide)a * b / c);
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return narrow((wide)a + b);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- the goal ---- */

static uint64_t percent_goal(const struct lull__pacer *p)
{
    wide scanned = (wide)p->marked_bytes + p->stack_bytes + p->global_bytes;
    uint64_t percent = (uint64_t)p->gc_percent;
    uint64_t step = least(p->step_bytes, plus(narrow(scanned / 4), LULL__PACER_STEP_MIN_BYTES));

    if (p->gc_percent == LULL_PERCENT_OFF) {
        return LULL__PACER_NEVER;
    }
    return most(most(narrow(p->live_bytes + scanned * percent / 100),
                     scale(p->heap_min_bytes, percent, 100)),
                plus(p->live_bytes, step));
}

/* What the limit leaves for objects. */
static uint64_t limit_room(const struct lull__pacer *p)
{
    return minus(p->limit_bytes, p->overhead_bytes);
}

uint64_t lull__pacer_excess(const struct lull__pacer *p)
{
    return p->limit_bytes == 0 ? 0 : minus(p->live_bytes, scale(limit_room(p), 3, 4));
}

uint64_t lull__pacer_limit_goal(const struct lull__pacer *p)
{
    uint64_t room = limit_room(p);
    uint64_t headroom =
        most(scale(room, LULL__PACER_HEADROOM_PERCENT, 100), LULL__PACER_HEADROOM_MIN);
    uint64_t goal = room == 0 ? 0 : most(minus(room, headroom), headroom);

    if (p->limit_bytes == 0) {
        return LULL__PACER_NEVER;
    }
    return most(goal, p->live_bytes);
}

bool lull__pacer_is_limited(const struct lull__pacer *p)
{
    return p->limit_bytes != 0 && lull__pacer_limit_goal(p) <= percent_goal(p);
}

static void set_goal(struct lull__pacer *p)
{
    p->goal_bytes = least(percent_goal(p), lull__pacer_limit_goal(p));
    LULL_ASSERT_VALUES(p->goal_bytes >= p->live_bytes, p->goal_bytes, p->live_bytes);
}

void lull__pacer_init(struct lull__pacer *p, int gc_percent, uint64_t limit_bytes,
                      uint64_t heap_min_bytes)
{
    *p = (struct lull__pacer){
        .gc_percent = gc_percent,
        .limit_bytes = limit_bytes,
        .heap_min_bytes = heap_min_bytes,
    };
    set_goal(p);
    p->last_goal_bytes = p->goal_bytes;
}

void lull__pacer_set_percent(struct lull__pacer *p, int gc_percent)
{
    p->gc_percent = gc_percent;
    set_goal(p);
}

void lull__pacer_set_limit(struct lull__pacer *p, uint64_t limit_bytes)
{
    p->limit_bytes = limit_bytes;
    set_goal(p);
}

uint64_t lull__pacer_trigger(const struct lull__pacer *p, bool beside)
{
    uint64_t growth = minus(p->goal_bytes, p->live_bytes);
    uint64_t runway = least(most(p->runway_bytes, growth / 20), growth / 2);

    if (!beside) {
        return most(p->goal_bytes, plus(p->live_bytes, LULL__PACER_TAKEN_BYTES));
    }
    return p->goal_bytes != LULL__PACER_NEVER ? p->goal_bytes - runway : LULL__PACER_NEVER;
}

/* ---- the limiter ---- */

static void limit_share(struct lull__pacer *p, const struct lull__pacer_cycle *cycle)
{
    uint64_t processors = most(cycle->processors, 1);
    uint64_t taken_ns = most(cycle->gc_cpu_ns, scale(cycle->held_ns, processors, 1));
    uint64_t left_ns = minus(scale(cycle->elapsed_ns, processors, 1), taken_ns);
    uint64_t ahead_ns = scale(LULL__PACER_AHEAD_NS, processors, 1);
    uint64_t owed_ns;

    p->bucket_ns = least(minus(plus(p->bucket_ns, taken_ns), left_ns), plus(ahead_ns, taken_ns));
    owed_ns = minus(plus(p->bucket_ns, taken_ns), ahead_ns);
    p->rest_ns = minus(p->bucket_ns, ahead_ns) / processors;
    p->step_bytes = cycle->rests ? 0
                                 : scale(most(cycle->allocated_bytes, LULL__PACER_TAKEN_BYTES),
                                         owed_ns, most(most(left_ns, taken_ns / 16), 1));
}

/* Slots that are free, and of no use to what is allocated: spans were added in spite of them. */
static void find_gaps(struct lull__pacer *p, const struct lull__pacer_cycle *cycle)
{
    uint64_t added = minus(cycle->in_use_bytes, p->in_use_bytes);

    p->gaps_bytes =
        least(minus(cycle->in_use_bytes, cycle->heap_bytes), plus(p->gaps_bytes, added));
    p->in_use_bytes = cycle->in_use_bytes;
}

void lull__pacer_cycle_end(struct lull__pacer *p, const struct lull__pacer_cycle *cycle)
{
    p->live_bytes = cycle->live_bytes;
    p->marked_bytes = minus(cycle->live_bytes, cycle->beside_bytes);
    p->stack_bytes = cycle->stack_bytes;
    p->global_bytes = cycle->global_bytes;
    find_gaps(p, cycle);
    p->overhead_bytes = plus(p->gaps_bytes, cycle->metadata_bytes);
    p->last_goal_bytes = p->goal_bytes;
    p->runway_bytes = most(scale(cycle->beside_bytes, 11, 10), p->runway_bytes / 4 * 3);
    limit_share(p, cycle);
    set_goal(p);
}

/* ---- markers ---- */

unsigned lull__pacer_markers(unsigned requested, unsigned processors, uint64_t live_bytes)
{
    uint64_t useful = least(live_bytes / LULL__PACER_BYTES_PER_MARKER, LULL__PACER_MARKERS_MAX);

    if (requested != 0) {
        return requested;
    }
    return (unsigned)most(least(processors, useful), 1);
}

/* ---- progress ---- */

/* How far allocation is ahead of marking, as a part of all that is to be marked. */
static double lead(const struct lull__progress *g)
{
    uint64_t expected =
        g->marked_bytes <= g->usual_bytes ? g->usual_bytes : most(g->begin_bytes, g->marked_bytes);

    return (double)g->allocated_bytes / (double)most(g->headroom_bytes, 1) -
           (double)g->marked_bytes / (double)most(expected, 1);
}

bool lull__pacer_is_behind(const struct lull__progress *g)
{
    return lead(g) > 0;
}

uint64_t lull__pacer_lead_ns(const struct lull__progress *g, uint64_t mark_ns)
{
    double ns = lead(g) * (double)mark_ns;

    return ns <= 0 ? 0 : ns < (double)INT64_MAX ? (uint64_t)ns : INT64_MAX;
}

/* a, that many times as there are threads for each processor; at least once. */
static uint64_t crowded(uint64_t a, uint32_t waiting, uint32_t processors)
{
    uint64_t places = most(processors, 1);

    return scale(a, most((uint64_t)waiting + 1, places), places);
}

int64_t lull__pacer_patience(int64_t left_ns, uint64_t ran_ns, uint64_t taken_bytes,
                             uint32_t waiting, uint32_t processors)
{
    uint64_t pieces = most(least(taken_bytes / LULL__PACER_TAKEN_BYTES, LULL__PACER_PIECES_MAX), 1);
    int64_t full_ns = (int64_t)crowded(LULL__PACER_WAIT_NS * pieces, waiting, processors);
    int64_t left = left_ns < -full_ns ? -full_ns : left_ns < full_ns ? left_ns : full_ns;
    uint64_t fill_ns = taken_bytes / LULL__PACER_FILL_BYTES_PER_NS;
    uint64_t ran = least(most(ran_ns, fill_ns), (uint64_t)full_ns); /* more makes no difference */
    uint64_t turn_ns = crowded(scale(ran, LULL__PACER_SLOWEST, 1), waiting, processors);
    uint64_t more_ns = least(turn_ns - ran, (uint64_t)full_ns * 2);

    return left + (int64_t)more_ns < full_ns ? left + (int64_t)more_ns : full_ns;
}

uint64_t lull__pacer_nap(uint64_t lead_ns, int64_t patience_ns, uint32_t waiting,
                         uint32_t processors)
{
    uint64_t shortest_ns = crowded(LULL__PACER_NAP_NS, waiting, processors);

    if (lead_ns == 0 || patience_ns < (int64_t)LULL__PACER_NAP_NS) {
        return 0;
    }
    return least(most(lead_ns, shortest_ns), (uint64_t)patience_ns);
}

/* ---- returning memory ---- */

uint64_t lull__pacer_retain(const struct lull__pacer *p, uint64_t in_use_bytes)
{
    bool comparable = p->last_goal_bytes != 0 && p->last_goal_bytes != LULL__PACER_NEVER;
    uint64_t expected =
        comparable ? scale(in_use_bytes, p->goal_bytes, p->last_goal_bytes) : in_use_bytes;
    uint64_t retain = scale(expected, 11, 10);

    if (p->limit_bytes == 0) {
        return retain;
    }
    return least(retain,
                 minus(scale(p->limit_bytes, LULL__PACER_RETAIN_PERCENT, 100), p->overhead_bytes));
}

void lull__scavenge_rate_init(struct lull__scavenge_rate *r)
{
    *r = (struct lull__scavenge_rate){.ns_per_mib = LULL__SCAVENGE_NS_PER_MIB};
}

uint64_t lull__scavenge_rate_budget(struct lull__scavenge_rate *r, uint64_t elapsed_ns)
{
    /* No overflow: credit_ns never exceeds a millisecond. */
    r->credit_ns += (int64_t)(elapsed_ns / 100);
    if (r->credit_ns > LULL__SCAVENGE_CREDIT_MAX_NS) {
        r->credit_ns = LULL__SCAVENGE_CREDIT_MAX_NS;
    }
    return r->credit_ns <= 0 ? 0 : scale((uint64_t)r->credit_ns, LULL__MIB, r->ns_per_mib);
}

void lull__scavenge_rate_spent(struct lull__scavenge_rate *r, uint64_t bytes, uint64_t ns)
{
    if (__builtin_sub_overflow(r->credit_ns, least(ns, INT64_MAX), &r->credit_ns)) {
        r->credit_ns = INT64_MIN;
    }
    if (bytes != 0) {
        r->ns_per_mib =
            most(r->ns_per_mib - r->ns_per_mib / 8 + scale(ns, LULL__MIB, bytes) / 8, 1);
    }
}
