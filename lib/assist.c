/* assist.c -- marking done by threads that allocate while a cycle marks.
 *
 * A cycle may allocate mark_headroom_bytes while it marks mark_expected_bytes, what the last one
 * marked; a heap that grows shows when there is more, and then all of it may be alive. A thread
 * that has taken new slots compares how far both are; where marking is behind, it takes a chunk of
 * published work, marks for a quantum and gives back what is left. So what the background does is
 * credit for all, and nobody waits: a thread assists at most once for each FLUSH_BYTES of slots
 * (cache.c). Where there is nothing to take, and the heap past its goal, it yields instead. */
#include "assist.h"

#include <sched.h>

#include "callback.h"
#include "pause.h"
#include "thread.h"

/* For one assist. Where more threads want processors than there are, an assist in which its thread
 * loses the processor takes milliseconds: the shorter assists are, the fewer those. In mode
 * incremental nobody else marks, and what begins and ends an assist is to be its lesser part. */
#define QUANTUM_NS 4000
#define ALONE_QUANTUM_NS 8000

struct lull__progress lull__assist_progress(const lull_heap *heap)
{
    uint64_t now = lull__heap_bytes(heap);
    /* relaxed, here and below: estimates and hints; whether there is work the queue's lock says */
    uint64_t begin = atomic_load_explicit(&heap->cycle_begin_bytes, memory_order_relaxed);

    return (struct lull__progress){
        .begin_bytes = begin,
        .allocated_bytes = now > begin ? now - begin : 0,
        .headroom_bytes = atomic_load_explicit(&heap->mark_headroom_bytes, memory_order_relaxed),
        .marked_bytes = atomic_load_explicit(&heap->marked_bytes, memory_order_relaxed),
        .usual_bytes = atomic_load_explicit(&heap->mark_expected_bytes, memory_order_relaxed),
    };
}

/* Past the goal there is nothing left to wait for but the collector: it may want this processor. */
bool lull__assist_is_past_goal(const lull_heap *heap)
{
    return lull__heap_bytes(heap) > atomic_load_explicit(&heap->goal_bytes, memory_order_relaxed);
}

/* Whether there was something to mark. */
static bool mark(lull_thread *t, uint64_t now_ns, uint64_t quantum_ns)
{
    uint32_t around = lull__callback_begin(LULL__CALLBACK_TRACE);
    bool marked = lull__mark_assist(t, now_ns, quantum_ns);
    lull__callback_end(around);
    return marked;
}

static bool assist(lull_thread *t, uint64_t now_ns)
{
    lull_heap *heap = t->heap;
    bool alone = heap->options.mode == LULL_MODE_INCREMENTAL;

    if (!atomic_load_explicit(&heap->marking, memory_order_relaxed)) {
        return false;
    }
    struct lull__progress progress = lull__assist_progress(heap);
    return lull__pacer_is_behind(&progress) &&
           mark(t, now_ns, alone ? ALONE_QUANTUM_NS : QUANTUM_NS);
}

bool lull__assist_mark(lull_thread *t, uint64_t now_ns)
{
    lull__enter(t);
    bool marked = atomic_load_explicit(&t->heap->marking, memory_order_relaxed) &&
                  mark(t, now_ns, ALONE_QUANTUM_NS);
    lull__leave(t);
    return marked;
}

void lull__assist(lull_thread *t)
{
    lull_heap *heap = t->heap;

    if (!atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed)) {
        return; /* no cycle runs, nor is one asked for */
    }
    uint64_t since_ns = lull__os_now_ns();
    lull__enter(t);
    bool marked = assist(t, since_ns);
    since_ns = lull__pause_note(t, LULL_PAUSE_ASSIST, since_ns);
    if (!marked && lull__assist_is_past_goal(heap)) {
        sched_yield();
        lull__pause_note(t, LULL_PAUSE_STALL, since_ns);
    }
    lull__leave(t);
}
