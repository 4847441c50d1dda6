/* assist.c -- marking done by threads that allocate while a cycle marks.
 *
 * A cycle may allocate mark_headroom_bytes while it marks mark_expected_bytes, what the last one
 * marked; a heap that grows shows when there is more, and then all of it may be alive. A thread that
 * has taken new slots compares how far both are; where marking is behind, it takes a chunk of
 * published work, marks for a quantum and gives back what is left. So what the background does is
 * credit for all, and nobody waits: a thread assists at most once for each FLUSH_BYTES of slots
 * (cache.c). */
#include "assist.h"

#include <sched.h>

#include "thread.h"

#define QUANTUM_NS 8000 /* for one assist */
#define NOTED_NS 500    /* a look that found nothing to do is no pause */

static size_t heap_bytes(const lull_heap *heap)
{
    /* relaxed, here and below: estimates and hints; whether there is work the queue's lock says */
    return (size_t)(atomic_load_explicit(&heap->live_bytes, memory_order_relaxed) +
                    atomic_load_explicit(&heap->allocated_since, memory_order_relaxed));
}

static bool behind(const lull_heap *heap)
{
    size_t now = heap_bytes(heap);
    size_t begin = (size_t)atomic_load_explicit(&heap->cycle_begin_bytes, memory_order_relaxed);
    size_t allocated = now > begin ? now - begin : 0;
    size_t marked = atomic_load_explicit(&heap->marked_bytes, memory_order_relaxed);
    size_t usual = atomic_load_explicit(&heap->mark_expected_bytes, memory_order_relaxed);
    size_t expected = marked <= usual ? usual : lull__max(begin, marked);
    size_t headroom = atomic_load_explicit(&heap->mark_headroom_bytes, memory_order_relaxed);

    /* allocated / headroom > marked / expected, without dividing */
    return (double)allocated * (double)expected > (double)marked * (double)headroom;
}

/* Past the goal there is nothing left to wait for but the collector: it may want this processor. */
static bool past_goal(const lull_heap *heap)
{
    return heap_bytes(heap) > atomic_load_explicit(&heap->goal_bytes, memory_order_relaxed);
}

static void assist(lull_thread *t, uint64_t now_ns)
{
    lull_heap *heap = t->heap;
    bool marking = atomic_load_explicit(&heap->marking, memory_order_relaxed);

    bool marked = false;

    if (marking && behind(heap)) {
        t->in_callback++; /* trace callbacks */
        marked = lull__mark_assist(t, now_ns + QUANTUM_NS);
        t->in_callback--;
    }
    if (!marked && past_goal(heap)) {
        sched_yield();
    }
}

void lull__assist(lull_thread *t)
{
    lull_heap *heap = t->heap;

    if (!atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed)) {
        return; /* no cycle runs, nor is one asked for */
    }
    uint64_t start_ns = lull__os_now_ns();
    lull__enter(t);
    assist(t, start_ns);
    lull__leave(t);
    uint64_t ns = lull__os_now_ns() - start_ns;
    if (ns >= NOTED_NS) {
        lull__emit(&heap->events, pause, t->number, LULL_PAUSE_ASSIST, ns);
    }
}
