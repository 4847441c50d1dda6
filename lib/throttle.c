/* throttle.c -- threads that wait for the collector where the memory limit is near.
 *
 * A cycle beside the program takes its time, and what is allocated meanwhile adds to the heap.
 * Where the memory limit sets the goal there may be no room for that much. More marking by the
 * threads, as in assist.c, would have the collector take more than its half of the machine; so they
 * wait, each in proportion to what it allocates: a thread that has taken 32 KiB of new slots, or is
 * about to take a large object, sleeps until marking has caught up, and goes on after a bounded
 * time whether it has or not. In mode incremental nobody else marks: there it marks until then, and
 * sleeps where there is nothing to take. In mode stop, where marking is never behind, it sleeps
 * while a cycle is due and the collector rests. pacer.h has the arithmetic.
 *
 * A thread that sleeps is blocked: handshakes do not wait for it; one that marks comes to a
 * safepoint after each quantum. No wake is relied on: who misses one sleeps for a nap longer.
 *
 * Small objects are looked at when they have been taken, as a slot more or less is no matter. A
 * large one may be more than all the room there is: it is counted, and handed out, when there is
 * room for it or its thread has paid; else one a cycle, as no cycle would make room for it. */
#include "throttle.h"

#include "assist.h"
#include "handshake.h"
#include "pause.h"

#define LOOK_AGAIN_NS 500000 /* past the goal, until there is progress to go by */

/* For how long the collector rests yet. */
static uint64_t rest_left_ns(const lull_heap *heap)
{
    /* relaxed, here and below: hints and estimates */
    uint64_t until_ns = atomic_load_explicit(&heap->collector.rest_until_ns, memory_order_relaxed);
    uint64_t now_ns = until_ns != 0 ? lull__os_now_ns() : 0;

    return until_ns > now_ns ? until_ns - now_ns : 0;
}

/* By how much time allocation, once it has taken more_bytes, is ahead of the collector; 0: it is
 * not, or nobody collects. */
static uint64_t lead_ns(lull_heap *heap, size_t more_bytes)
{
    uint64_t limit = atomic_load_explicit(&heap->limit_goal_bytes, memory_order_relaxed);

    if (!lull__runs_beside(heap)) {
        return lull__cycle_due(heap, more_bytes) ? rest_left_ns(heap) : 0;
    }
    if (atomic_load_explicit(&heap->marking, memory_order_relaxed)) {
        struct lull__progress progress = lull__assist_progress(heap);
        uint64_t room = limit > progress.begin_bytes ? limit - progress.begin_bytes : 0;
        progress.headroom_bytes = lull__max(room, LULL__MIB);
        progress.allocated_bytes += more_bytes;
        uint64_t ns = lull__pacer_lead_ns(&progress, lull__count(&heap->events, last_mark_ns));
        return lull__pacer_is_behind(&progress) ? lull__max(ns, 1) : 0; /* the first cycle: 0 ns */
    }
    bool wanted = atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed);
    return wanted && lull__is_beyond_limit(heap, more_bytes) ? LOOK_AGAIN_NS : 0;
}

/* A thread that waits: since begin_ns, of which it is told up to noted_ns. */
struct wait {
    lull_thread *t;
    size_t more_bytes;
    uint64_t begin_ns, noted_ns, now_ns;
};

static struct wait begin(lull_thread *t, size_t more_bytes)
{
    uint64_t now_ns = lull__os_now_ns();
    uint32_t waiting = atomic_load_explicit(&t->heap->throttled, memory_order_relaxed);

    t->patience_ns = lull__pacer_patience(t->patience_ns, now_ns - t->ran_since_ns, more_bytes,
                                          waiting, lull__os_processors());
    t->ran_since_ns = now_ns;
    return (struct wait){t, more_bytes, now_ns, now_ns, now_ns};
}

static uint64_t nap_ns(const struct wait *w)
{
    lull_heap *heap = w->t->heap;
    uint32_t waiting = atomic_load_explicit(&heap->throttled, memory_order_relaxed);
    int64_t patience_ns = w->t->patience_ns - (int64_t)(w->now_ns - w->begin_ns);

    return lull__pacer_nap(lead_ns(heap, w->more_bytes), patience_ns, waiting,
                           lull__os_processors());
}

static void tell(struct wait *w)
{
    w->now_ns = lull__pause_note(w->t, LULL_PAUSE_LIMIT, w->noted_ns);
    w->noted_ns = w->now_ns;
}

static bool marks_itself(const lull_heap *heap)
{
    return heap->options.mode == LULL_MODE_INCREMENTAL;
}

/* Until it is time to go on, or where the thread marks itself to look for work. */
static void doze(struct wait *w, uint64_t ns)
{
    lull_heap *heap = w->t->heap;

    lull__block();
    do {
        uint32_t pace = atomic_load_explicit(&heap->pace, memory_order_relaxed);
        lull__os_futex_wait(&heap->pace, pace, lull__min(ns, LULL__PACER_WAIT_NS));
        w->now_ns = lull__os_now_ns();
        ns = marks_itself(heap) ? 0 : nap_ns(w);
    } while (ns != 0);
    tell(w);
    lull__unblock(); /* where a stop came meanwhile, that is a pause of its own */
    w->noted_ns = w->now_ns = lull__os_now_ns();
}

/* Marks for a quantum; false: there was nothing to take. */
static bool mark(struct wait *w)
{
    if (!marks_itself(w->t->heap) || !lull__assist_mark(w->t, w->now_ns)) {
        return false;
    }
    if (__atomic_load_n(&w->t->head.poll, __ATOMIC_RELAXED) != 0) {
        tell(w);
        lull_safepoint(w->t);
        w->noted_ns = lull__os_now_ns();
    }
    w->now_ns = lull__os_now_ns();
    return true;
}

/* Until marking has caught up, or patience is at its end. */
static void wait(struct wait w)
{
    lull_thread *t = w.t;
    uint64_t ns = nap_ns(&w);

    if (ns == 0) {
        return;
    }
    atomic_fetch_add_explicit(&t->heap->throttled, 1, memory_order_relaxed);
    while (ns != 0) {
        if (!mark(&w)) {
            doze(&w, marks_itself(t->heap) ? lull__min(ns, LULL__PACER_NAP_NS) : ns);
        }
        ns = nap_ns(&w);
    }
    tell(&w);
    atomic_fetch_sub_explicit(&t->heap->throttled, 1, memory_order_relaxed);
    t->patience_ns -= (int64_t)(w.now_ns - w.begin_ns);
    t->ran_since_ns = w.now_ns;
}

static bool has_limit(const lull_heap *heap)
{
    return atomic_load_explicit(&heap->limit_goal_bytes, memory_order_relaxed) != LULL__PACER_NEVER;
}

bool lull__throttle(lull_thread *t, size_t more_bytes)
{
    lull_heap *heap = t->heap;

    if (!has_limit(heap)) {
        return false;
    }
    /* else no cycle runs, nor is one asked for */
    if (atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed) || more_bytes != 0) {
        wait(begin(t, more_bytes));
    }
    return lull__is_limited(heap);
}

bool lull__throttle_rest(lull_thread *t, size_t more_bytes)
{
    lull_heap *heap = t->heap;

    if (!lull__is_limited(heap) || rest_left_ns(heap) == 0) {
        return true;
    }
    if (t->owes_assist || more_bytes != 0) {
        t->owes_assist = 0;
        wait(begin(t, more_bytes));
    }
    return rest_left_ns(heap) == 0;
}

/* Whether there is room for an object, or its thread has paid its share of the work. */
static bool is_covered(lull_heap *heap, size_t more_bytes)
{
    return !lull__is_beyond_limit(heap, more_bytes) ||
           (atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed) &&
            lead_ns(heap, more_bytes) == 0);
}

/* One object for each cycle that is over since its thread asked first. */
static bool may_pass(lull_heap *heap, uint64_t cycles)
{
    uint64_t over = atomic_load_explicit(&heap->cycles, memory_order_relaxed);
    uint64_t last = atomic_load_explicit(&heap->admitted, memory_order_relaxed);

    return over > cycles && over > last &&
           atomic_compare_exchange_strong_explicit(&heap->admitted, &last, over,
                                                   memory_order_relaxed, memory_order_relaxed);
}

bool lull__throttle_admits(lull_thread *t, size_t more_bytes, uint64_t cycles)
{
    lull_heap *heap = t->heap;
    /* relaxed: a count; of those who look at once one alone finds it as it was */
    uint64_t since = atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);

    while (is_covered(heap, more_bytes)) {
        if (atomic_compare_exchange_strong_explicit(&heap->allocated_since, &since,
                                                    since + more_bytes, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            return true;
        }
    }
    if (t->patience_ns >= (int64_t)LULL__PACER_NAP_NS && !may_pass(heap, cycles)) {
        return false;
    }
    atomic_fetch_add_explicit(&heap->allocated_since, more_bytes, memory_order_relaxed);
    return true;
}
