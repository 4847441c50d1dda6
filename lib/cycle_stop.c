/* cycle_stop.c -- a collection while all threads are held; lull__cycle_stop is the whole of it.
 *
 * The thread that finds a cycle due runs it. It is *blocked* all the while, as any thread in a
 * blocking section: its registers and stack were saved when it began, and are scanned like
 * everybody's.
 *
 * While threads are held nothing here may call malloc or start a thread: a thread held by a
 * signal may have the C library's locks (.inv.malloc). */
#include "cycle_stop.h"

#include "audit.h"
#include "cache.h"
#include "central.h"
#include "handshake.h"
#include "pool.h"
#include "thread.h"
#include "verify.h"

static bool held_by_signal(const lull_thread *t)
{
    return lull__thread_standing(t) == LULL__THREAD_SIGNALLED;
}

static void hold(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;

    c->hold_ns = lull__os_now_ns();
    lull__hold_all(heap);
    lull__phase_measure(c);
    c->allocated_bytes = lull__count(&heap->events, allocated_bytes);
    bool signalled = false;
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        signalled |= held_by_signal(t);
        if (!held_by_signal(t)) {
            lull__pool_thread_gather(t);
        }
    }
    LULL_ASSERT_HOT(signalled || lull__pools_add_up(heap));
    lull__pools_trim(heap);
}

static void mark(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    c->mark_ns = lull__os_now_ns();
    c->roots.stack_bytes = 0;
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        c->roots.stack_bytes += lull__roots_scan_thread(t, &m->tracer);
        lull__pool_thread_scan(t, &m->tracer, held_by_signal(t));
    }
    lull__phase_shared_roots(c, m);
    lull__phase_drain(c, m);
    lull__phase_weak(c, m);
    lull__phase_revived(c, m);
    lull__phase_count(c);
    if (LULL__UNLIKELY((heap->options.debug & LULL_DEBUG_VERIFY) != 0)) {
        lull__verify_marks(heap, m, false);
        lull__verify_heap(heap);
    }
    if (lull__audit_is_on(heap)) {
        lull__audit_cycle(heap, m);
    }
}

/* Black becomes the heap's colour: what is white is dead from here on (.inv.colour). Threads held
 * by a signal keep their slots in waiting. */
static void flip(struct lull__cycle *c, uint8_t black)
{
    lull_heap *heap = c->heap;
    size_t kept_bytes = 0;

    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        if (held_by_signal(t)) {
            kept_bytes += lull__cache_keep_all(t, black);
            t->unflushed_bytes = 0; /* what was kept counts from here */
        }
    }
    /* relaxed, all: whoever reads them is held */
    atomic_store_explicit(&heap->colour, black, memory_order_relaxed);
    atomic_store_explicit(&heap->alloc_colour, black, memory_order_relaxed);
    c->counted_bytes =
        atomic_load_explicit(&heap->allocated_since, memory_order_relaxed) - kept_bytes;
    lull__central_begin_sweep(heap);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        t->colour = black;
        lull__cache_sweep_all(t);
    }
}

void lull__cycle_stop(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct lull__cycle c = {.heap = heap, .reason = reason};

    lull__phase_begin(&c);
    hold(&c);
    struct lull__marker *m = lull__mark_begin(heap);
    mark(&c, m);
    flip(&c, m->black);
    c.held_ns = lull__os_now_ns() - c.hold_ns;
    lull__phase_pace(&c);
    lull__release_all(heap);
    lull__phase_end(&c);
}
