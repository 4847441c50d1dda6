/* cycle.c -- a collection, from its request to its end; collect() is the whole of it.
 *
 * Mode stop: the thread that finds a cycle due runs it. It is *blocked* all the while, as any
 * thread in a blocking section: its registers and stack were saved when it began, and are
 * scanned like everybody's.
 *
 * While threads are held nothing here may call malloc or start a thread: a thread held by a
 * signal may have the C library's locks (.inv.malloc). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cycle.h"

#include <sched.h>

#include "cache.h"
#include "central.h"
#include "ephemeron.h"
#include "error.h"
#include "finalizer.h"
#include "handshake.h"
#include "mark.h"
#include "pool.h"
#include "roots.h"
#include "scavenge.h"
#include "thread.h"
#include "trace.h"
#include "verify.h"
#include "weak.h"

/* What one cycle finds, from phase to phase. */
struct cycle {
    lull_heap *heap;
    enum lull__cycle_reason reason;
    uint32_t markers;
    uint64_t begin_ns, hold_ns, mark_ns;
    uint64_t before_bytes, goal_bytes;
    uint64_t allocated_bytes; /* since creation, when threads were held */
    uint64_t in_use_bytes;    /* when threads were held */
    uint64_t kept_bytes;      /* in the caches of threads held by a signal */
    struct lull__roots_scanned roots;
    struct lull__mark_total marked;
    uint64_t weak_ns;
    size_t cleared, queued;
};

/* ---- sweeping ---- */

void lull__cycle_finish_sweep(lull_heap *heap, bool by_mutator)
{
    uint64_t start_ns = lull__os_thread_cpu_ns();
    size_t swept = lull__central_sweep(heap, SIZE_MAX);

    if (swept != 0) {
        lull__emit(&heap->events, sweep, 0, swept, lull__os_thread_cpu_ns() - start_ns, by_mutator);
    }
    /* others may be in the middle of a span; acquire: pairs with the release in central.c */
    while (atomic_load_explicit(&heap->unswept, memory_order_acquire) != 0) {
        sched_yield();
    }
}

/* ---- pacing ---- */

static size_t metadata_bytes(lull_heap *heap)
{
    size_t top = heap->pages.top;

    return top * (sizeof(struct lull__block) + sizeof(struct lull__span)) +
           atomic_load_explicit(&heap->states.bytes, memory_order_relaxed) +
           atomic_load_explicit(&heap->queue.bytes, memory_order_relaxed) +
           lull__pools_bytes(heap);
}

void lull__cycle_set_goal(lull_heap *heap)
{
    uint64_t trigger = heap->options.mode == LULL_MODE_OFF ? LULL__PACER_NEVER
                                                           : lull__pacer_trigger(&heap->pacer);

    /* relaxed: a number that allocation compares with */
    atomic_store_explicit(&heap->trigger_bytes, trigger, memory_order_relaxed);
    lull__emit(&heap->events, goal_set, 0, heap->pacer.goal_bytes, trigger,
               (uint64_t)(int64_t)heap->pacer.gc_percent, heap->pacer.limit_bytes);
}

/* Marking is over and nothing is swept yet: the next goal, from what was found. */
static void pace(struct cycle *c, uint64_t held_ns, uint64_t elapsed_ns)
{
    lull_heap *heap = c->heap;
    size_t metadata = metadata_bytes(heap);
    uint64_t used = c->in_use_bytes;
    struct lull__pacer_cycle found = {
        .live_bytes = c->marked.bytes,
        .stack_bytes = c->roots.stack_bytes,
        .global_bytes = c->roots.global_bytes,
        .system_bytes = used + lull__events_idle_bytes(&heap->events) + metadata,
        .overhead_bytes = metadata + (used > c->before_bytes ? used - c->before_bytes : 0),
        .allocated_bytes = atomic_load_explicit(&heap->allocated_since, memory_order_relaxed),
        .elapsed_ns = elapsed_ns,
        .held_ns = held_ns,
    };

    lull__emit(&heap->events, metadata, 0, metadata, found.system_bytes);
    pthread_mutex_lock(&heap->pacer_lock);
    lull__pacer_cycle_end(&heap->pacer, &found);
    /* relaxed: estimates; threads are held, so the two change as one */
    atomic_store_explicit(&heap->live_bytes, c->marked.bytes, memory_order_relaxed);
    atomic_store_explicit(&heap->allocated_since, c->kept_bytes, memory_order_relaxed);
    lull__cycle_set_goal(heap);
    pthread_mutex_unlock(&heap->pacer_lock);
}

static size_t retain_bytes(struct cycle *c)
{
    pthread_mutex_lock(&c->heap->pacer_lock);
    size_t retain = (size_t)lull__pacer_retain(&c->heap->pacer, c->in_use_bytes);
    pthread_mutex_unlock(&c->heap->pacer_lock);
    return retain;
}

/* ---- phases, in order ---- */

static void begin(struct cycle *c)
{
    lull_heap *heap = c->heap;

    c->begin_ns = lull__os_now_ns();
    lull__cycle_finish_sweep(heap, true); /* .inv.swept */
    c->before_bytes = atomic_load_explicit(&heap->live_bytes, memory_order_relaxed) +
                      atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
    c->goal_bytes = heap->pacer.goal_bytes;
    c->markers = lull__pacer_markers((unsigned)heap->options.markers, lull__os_processors(),
                                     c->before_bytes);
    lull__mark_start_threads(heap, c->markers); /* .inv.malloc */
    lull__emit(&heap->events, cycle_begin, 0, c->reason, c->before_bytes, c->goal_bytes);
}

static void hold(struct cycle *c)
{
    lull_heap *heap = c->heap;

    c->hold_ns = lull__os_now_ns();
    lull__hold_all(heap);
    c->in_use_bytes =
        atomic_load_explicit(&heap->pages.used_blocks, memory_order_relaxed) * LULL__BLOCK;
    c->allocated_bytes = lull__count(&heap->events, allocated_bytes);
    lull__pools_trim(heap);
}

static void mark_strong(struct cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    c->mark_ns = lull__os_now_ns();
    c->roots = lull__roots_scan(heap, &m->tracer);
    lull__finalizer_scan(heap, &m->tracer);
    lull__pools_scan(heap, &m->tracer);
    lull__mark_drain(heap, c->markers);
    lull__ephemeron_drain(heap, m, c->markers);
}

/* The order is lull/weak.h's promise. */
static void process_weak(struct cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;
    uint64_t start_ns = lull__os_now_ns();
    uint64_t cpu_ns = lull__os_thread_cpu_ns();

    c->cleared = lull__weak_clear(heap, m);
    c->queued = lull__finalizer_queue(heap, m);
    if (c->queued != 0) {
        lull__mark_drain(heap, c->markers);
        lull__ephemeron_drain(heap, m, c->markers);
    }
    c->cleared += lull__ephemeron_clear(heap, m);
    lull__emit(&heap->events, weak_end, 0, lull__os_now_ns() - start_ns,
               lull__os_thread_cpu_ns() - cpu_ns, c->cleared, c->queued);
}

/* Black becomes the heap's colour: what is white is dead from here on (.inv.colour). Threads held
 * by a signal keep their slots in waiting. */
static void flip(struct cycle *c, uint8_t black)
{
    lull_heap *heap = c->heap;

    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        if (atomic_load_explicit(&t->state, memory_order_relaxed) == LULL__THREAD_SIGNALLED) {
            c->kept_bytes += lull__cache_keep_all(t, black);
        }
    }
    heap->colour = black;
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        t->colour = black;
        if (atomic_load_explicit(&t->state, memory_order_relaxed) == LULL__THREAD_SIGNALLED) {
            lull__cache_sweep_all(t);
        }
    }
    lull__central_begin_sweep(heap);
}

static void mark(struct cycle *c)
{
    lull_heap *heap = c->heap;
    struct lull__marker *m = lull__mark_begin(heap);

    mark_strong(c, m);
    process_weak(c, m);
    c->marked = lull__mark_end(heap);
    lull__emit(&heap->events, mark_end, 0, lull__os_now_ns() - c->mark_ns, c->marked.cpu_ns,
               c->marked.objects, c->marked.bytes, c->roots.stack_bytes, c->roots.global_bytes,
               c->markers, c->allocated_bytes);
    if (LULL__UNLIKELY((heap->options.debug & LULL_DEBUG_VERIFY) != 0)) {
        lull__verify_marks(heap, m);
    }
    flip(c, m->black);
}

static void let_go(struct cycle *c)
{
    lull_heap *heap = c->heap;
    uint64_t now_ns = lull__os_now_ns();
    uint64_t held_ns = now_ns - c->hold_ns;

    pace(c, held_ns, now_ns - heap->last_cycle_end_ns);
    heap->last_cycle_end_ns = now_ns;
    lull__release_all(heap);
    /* relaxed: a count; whoever waits for a cycle has cycle_lock */
    uint64_t cycle = atomic_fetch_add_explicit(&heap->cycles, 1, memory_order_relaxed) + 1;
    lull__emit(&heap->events, cycle_end, 0, cycle, c->reason == LULL__REASON_FORCED,
               c->before_bytes, c->marked.bytes, c->marked.bytes, c->goal_bytes, held_ns,
               now_ns - c->begin_ns);
}

/* After the pause: what may wait. */
static void follow_up(struct cycle *c)
{
    lull_heap *heap = c->heap;

    lull__worker_wake(heap, retain_bytes(c));
    if (c->queued != 0) {
        lull__finalizer_wake(heap);
    }
    if (c->reason != LULL__REASON_TRIGGER) {
        lull__cycle_finish_sweep(heap, true); /* who asked expects what died to be free */
    }
    if (heap->options.trace) {
        lull__trace_cycle(&heap->events);
    }
}

/* The whole cycle, under cycle_lock. */
static void collect(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct cycle c = {.heap = heap, .reason = reason};

    begin(&c);
    hold(&c);
    mark(&c);
    let_go(&c);
    follow_up(&c);
}

void lull__cycle_run(lull_thread *t, enum lull__cycle_reason reason)
{
    lull_heap *heap = t->heap;
    uint64_t start_ns = lull__os_now_ns();

    lull__enter(t);
    lull__block(t);
    pthread_mutex_lock(&heap->cycle_lock);
    if (reason != LULL__REASON_TRIGGER || lull__cycle_due(heap, 0)) {
        collect(heap, reason);
    }
    pthread_mutex_unlock(&heap->cycle_lock);
    lull__unblock(t);
    lull__leave(t);
    lull__emit(&heap->events, pause, t->number, LULL_PAUSE_STOP, lull__os_now_ns() - start_ns);
}
