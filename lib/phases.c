/* phases.c -- what all cycles do, phase by phase. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "phases.h"

#include <sched.h>

#include "audit.h"
#include "central.h"
#include "delay.h"
#include "ephemeron.h"
#include "finalizer.h"
#include "pool.h"
#include "scavenge.h"
#include "trace.h"
#include "weak.h"

void lull__phase_finish_sweep(lull_heap *heap, bool by_mutator)
{
    uint64_t start_ns = lull__os_thread_cpu_ns();
    size_t swept = lull__central_sweep(heap, SIZE_MAX);

    if (swept != 0) {
        lull__emit(&heap->events, sweep, 0, swept, lull__os_thread_cpu_ns() - start_ns, by_mutator);
    }
    /* others may be in the middle of a span; acquire: pairs with the release in central.c */
    while (atomic_load_explicit(&heap->unswept, memory_order_acquire) != 0) {
        lull__central_sweep(heap, SIZE_MAX);
        sched_yield();
    }
}

/* The present goal, which the program may be changing. */
static uint64_t goal_bytes(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pacer_lock);
    uint64_t goal = heap->pacer.goal_bytes;
    pthread_mutex_unlock(&heap->pacer_lock);
    return goal;
}

void lull__phase_begin(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;

    c->begin_ns = lull__os_now_ns();
    lull__phase_finish_sweep(heap, true); /* .inv.swept */
    c->before_bytes = lull__heap_bytes(heap);
    c->goal_bytes = goal_bytes(heap);
    c->markers = lull__pacer_markers((unsigned)heap->options.markers, lull__os_processors(),
                                     c->before_bytes);
    lull__mark_start_threads(heap, c->markers); /* .inv.malloc */
    lull__emit(&heap->events, cycle_begin, 0, c->reason, c->before_bytes, c->goal_bytes);
}

void lull__phase_measure(struct lull__cycle *c)
{
    /* relaxed: while the program runs an estimate */
    c->in_use_bytes =
        atomic_load_explicit(&c->heap->pages.used_blocks, memory_order_relaxed) * LULL__BLOCK;
    c->object_bytes = lull__heap_bytes(c->heap);
}

void lull__phase_shared_roots(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    c->roots.global_bytes = lull__roots_scan_globals(heap, &m->tracer);
    lull__finalizer_scan(heap, &m->tracer);
    lull__pools_scan(heap, &m->tracer);
}

void lull__phase_drain(struct lull__cycle *c, struct lull__marker *m)
{
    lull__mark_drain(c->heap, c->markers);
    lull__ephemeron_drain(c->heap, m, c->markers);
}

void lull__phase_weak(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    c->weak_ns = lull__os_now_ns();
    c->weak_cpu_ns = lull__os_thread_cpu_ns();
    c->cleared = lull__weak_clear(heap, m);
    c->queued = lull__finalizer_queue(heap, m);
    if (c->queued != 0) {
        lull__delay(heap, LULL__DELAY_REVIVE);
        lull__phase_drain(c, m);
    }
}

void lull__phase_revived(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    if (c->queued != 0) {
        lull__delay(heap, LULL__DELAY_PUBLISH);
        lull__finalizer_publish(heap);
    }
    c->cleared += lull__ephemeron_clear(heap, m);
    lull__pools_forget_dead(heap);
    lull__emit(&heap->events, weak_end, 0, lull__os_now_ns() - c->weak_ns,
               lull__os_thread_cpu_ns() - c->weak_cpu_ns, c->cleared, c->queued);
}

void lull__phase_count(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;

    c->marked = lull__mark_end(heap);
    lull__emit(&heap->events, mark_end, 0, lull__os_now_ns() - c->mark_ns, c->marked.cpu_ns,
               c->marked.objects, c->marked.bytes, c->roots.stack_bytes, c->roots.global_bytes,
               c->markers, c->allocated_bytes);
}

/* ---- pacing ---- */

size_t lull__phase_metadata_bytes(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pages.lock);
    lull__delay(heap, LULL__DELAY_METADATA);
    size_t top = heap->pages.top;
    pthread_mutex_unlock(&heap->pages.lock);
    return top * (sizeof(struct lull__block) + sizeof(struct lull__span)) +
           atomic_load_explicit(&heap->states.bytes, memory_order_relaxed) +
           atomic_load_explicit(&heap->queue.bytes, memory_order_relaxed) +
           lull__pools_bytes(heap);
}

/* What the limit leaves for spans and idle memory. */
static size_t resident_blocks(lull_heap *heap)
{
    uint64_t limit = heap->pacer.limit_bytes;
    uint64_t metadata = lull__count(&heap->events, metadata_bytes);

    return limit == 0 ? SIZE_MAX : (size_t)(limit > metadata ? limit - metadata : 0) / LULL__BLOCK;
}

void lull__phase_set_goal(lull_heap *heap)
{
    lull_mode mode = heap->options.mode;
    bool beside = lull__runs_beside(heap);
    uint64_t trigger = mode == LULL_MODE_OFF ? LULL__PACER_NEVER
                                             : lull__pacer_trigger(&heap->pacer, beside);

    /* relaxed, all: numbers that allocation compares with */
    atomic_store_explicit(&heap->trigger_bytes, trigger, memory_order_relaxed);
    atomic_store_explicit(&heap->goal_bytes, heap->pacer.goal_bytes, memory_order_relaxed);
    atomic_store_explicit(&heap->limit_goal_bytes,
                          mode == LULL_MODE_OFF ? LULL__PACER_NEVER
                                                : lull__pacer_limit_goal(&heap->pacer),
                          memory_order_relaxed);
    atomic_store_explicit(&heap->pages.resident_blocks, resident_blocks(heap),
                          memory_order_relaxed);
    lull__emit(&heap->events, goal_set, 0, heap->pacer.goal_bytes, trigger,
               (uint64_t)(int64_t)heap->pacer.gc_percent, heap->pacer.limit_bytes);
}

void lull__phase_pace(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;
    uint64_t now_ns = lull__os_now_ns();
    uint64_t gc_cpu_ns = lull__events_cpu_ns(&heap->events);
    struct lull__pacer_cycle found = {
        .live_bytes = c->marked.bytes + c->black_bytes,
        .stack_bytes = c->roots.stack_bytes,
        .global_bytes = c->roots.global_bytes,
        .heap_bytes = c->object_bytes,
        .in_use_bytes = c->in_use_bytes,
        .metadata_bytes = lull__phase_metadata_bytes(heap),
        .allocated_bytes = c->counted_bytes,
        .beside_bytes = c->black_bytes,
        .elapsed_ns = now_ns - heap->paced_ns,
        .gc_cpu_ns = gc_cpu_ns - heap->paced_gc_cpu_ns,
        .held_ns = c->held_ns,
        .processors = lull__os_processors(),
        .rests = heap->options.mode == LULL_MODE_CONCURRENT,
    };

    lull__emit(&heap->events, metadata, 0, found.metadata_bytes,
               found.in_use_bytes + lull__events_idle_bytes(&heap->events) + found.metadata_bytes);
    pthread_mutex_lock(&heap->pacer_lock);
    lull__pacer_cycle_end(&heap->pacer, &found);
    bool rests = found.rests || lull__pacer_is_limited(&heap->pacer);
    uint64_t rest_ns = rests ? heap->pacer.rest_ns : 0;
    /* relaxed: estimates; for a moment between the two the heap seems larger than it is */
    atomic_store_explicit(&heap->live_bytes, found.live_bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&heap->allocated_since, c->counted_bytes, memory_order_relaxed);
    lull__phase_set_goal(heap);
    pthread_mutex_unlock(&heap->pacer_lock);
    /* relaxed: read by the thread that runs the next cycle, most often this one */
    atomic_store_explicit(&heap->collector.rest_until_ns, rest_ns != 0 ? now_ns + rest_ns : 0,
                          memory_order_relaxed);
    heap->paced_ns = now_ns;
    heap->paced_gc_cpu_ns = gc_cpu_ns;
}

static size_t retain_bytes(struct lull__cycle *c)
{
    pthread_mutex_lock(&c->heap->pacer_lock);
    size_t retain = (size_t)lull__pacer_retain(&c->heap->pacer, c->in_use_bytes);
    pthread_mutex_unlock(&c->heap->pacer_lock);
    return retain;
}

void lull__phase_end(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;
    uint64_t live = c->marked.bytes + c->black_bytes;
    /* relaxed: a count; whoever waits for a cycle has a lock */
    uint64_t cycle = atomic_fetch_add_explicit(&heap->cycles, 1, memory_order_relaxed) + 1;

    lull__emit(&heap->events, cycle_end, 0, cycle, c->reason == LULL__REASON_FORCED,
               c->before_bytes, live, c->marked.bytes, c->goal_bytes, c->held_ns,
               lull__os_now_ns() - c->begin_ns);
    lull__worker_wake(heap, retain_bytes(c));
    if (c->queued != 0) {
        lull__finalizer_wake(heap);
    }
    if (c->reason != LULL__REASON_TRIGGER) {
        lull__phase_finish_sweep(heap, true); /* who asked expects what died to be free */
    }
    if (lull__audit_is_on(heap)) {
        lull__audit_tell(heap);
    }
    if (heap->options.trace) {
        lull__trace_cycle(&heap->events);
    }
}
