/* drain.c -- a marker's part in a drain: its own work, and work that changes hands.
 *
 * A marker shares nothing until another one is idle; then it gives away a whole chunk, or half of
 * its only one (mark_queue.c). A mutator that assists is a marker for a few microseconds: it has no
 * chunk of its own between assists. */
#include "drain.h"

#include <sched.h>

#include "delay.h"
#include "mark_stack.h"

#define SHARE_EVERY 128     /* edges between looks at whether another marker is idle */
#define SHARE_LEAST 64      /* words worth giving away */
#define PATIENCE_NS 2000000 /* before the collecting thread helps the mutators mark: 2 ms */
#define HELP_NS 100000      /* at a time */
#define OVERRUN 3           /* quanta that an assist may have had of CPU */
#define LOOK_EVERY 32       /* edges between looks at the clock, where there is a time to keep */
#define REPORT_EVERY 16     /* looks at that between reports of progress */

/* ---- a marker's own ---- */

void lull__drain_prepare(struct lull__marker *m)
{
    lull_heap *heap = m->heap;

    m->range = (uintptr_t)heap->pages.range;
    /* acquire: pairs with the release in pages.c's commit */
    m->extent = atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire);
    m->blocks = heap->pages.blocks;
    m->white = atomic_load_explicit(&heap->colour, memory_order_relaxed);
    m->black = lull__other_colour(m->white);
    if (m->found == NULL) {
        m->found = LULL__FOUND_END;
    }
}

bool lull__drain_equip(struct lull__marker *m)
{
    if (m->chunk == NULL) {
        struct lull__chunk *chunk = lull__queue_take_empty(&m->heap->queue);
        if (chunk == NULL) {
            return false;
        }
        chunk->next = NULL;
        lull__mark_use_chunk(m, chunk, 0);
    }
    return true;
}

/* ---- sharing ---- */

/* Another marker is idle: gives it the second chunk, or half of the only one. */
static void share(struct lull__marker *m)
{
    struct lull__mark_queue *queue = &m->heap->queue;
    struct lull__chunk *given = m->chunk->next;

    if (given != NULL) {
        m->chunk->next = given->next;
    } else {
        size_t half = (size_t)(m->top - m->chunk->word) / 2;
        given = half >= SHARE_LEAST / 2 ? lull__queue_take_empty(queue) : NULL;
        if (given == NULL) {
            return;
        }
        m->top -= half;
        for (size_t i = 0; i < half; i++) {
            given->word[i] = m->top[i];
        }
        given->count = half;
    }
    lull__queue_publish(queue, given);
}

/* Adds what was marked since the last time to the progress that assists look at. */
static void report_progress(struct lull__marker *m)
{
    /* relaxed: an estimate */
    atomic_fetch_add_explicit(&m->heap->marked_bytes, m->bytes - m->reported, memory_order_relaxed);
    m->reported = m->bytes;
}

static void drain_own(struct lull__marker *m)
{
    struct lull__mark_queue *queue = &m->heap->queue;
    unsigned turns = 0;

    while (m->kernel->drain(m, SHARE_EVERY)) {
        if (++turns % REPORT_EVERY == 0) {
            report_progress(m);
        }
        if (LULL__UNLIKELY(lull__queue_hungry(queue))) {
            share(m);
        }
    }
}

/* What waits in the ring goes back on the stack. */
static void flush_ring(struct lull__marker *m)
{
    for (unsigned i = 0; i < LULL__RING; i++) {
        if (m->ring[i].block != NULL) {
            lull__mark_make_room(m, 1);
            *m->top++ = (uintptr_t)m->ring[i].base;
            m->ring[i] = lull__no_edge;
        }
    }
}

/* What the marker has is published, whole chunks; it has none after. */
static void give_back(struct lull__marker *m)
{
    flush_ring(m);
    while (m->chunk != NULL) {
        struct lull__chunk *left = m->chunk;
        size_t count = (size_t)(m->top - left->word);
        if (left->next != NULL) {
            lull__mark_use_chunk(m, left->next, left->next->count);
        } else {
            m->chunk = NULL;
        }
        left->count = count;
        if (count != 0) {
            lull__queue_publish(&m->heap->queue, left);
        } else {
            lull__queue_give_empty(&m->heap->queue, left);
        }
    }
}

/* Takes part in a drain until it is late, or there is nothing left. Edges are no measure: one that
 * is in no cache takes twenty times as long as one that is. */
static void drain_a_little(struct lull__marker *m, struct lull__chunk *chunk, uint64_t until_ns)
{
    chunk->next = NULL;
    lull__mark_use_chunk(m, chunk, chunk->count);
    while (m->kernel->drain(m, LOOK_EVERY) && lull__os_now_ns() < until_ns) {
    }
    give_back(m);
}

void lull__drain_all(struct lull__marker *m, bool idle)
{
    struct lull__mark_queue *queue = &m->heap->queue;
    struct lull__chunk *chunk;

    if (!idle) {
        drain_own(m);
    }
    while ((chunk = lull__queue_wait(queue, idle)) != NULL) {
        idle = false;
        lull__queue_give_empty(queue, m->chunk);
        chunk->next = NULL;
        lull__mark_use_chunk(m, chunk, chunk->count);
        drain_own(m);
    }
}

/* ---- assists ---- */

/* What a mutator marked becomes part of what the cycle marked. */
static void merge_assist(lull_heap *heap, struct lull__marker *m, uint64_t cpu_ns)
{
    struct lull__marker_pool *pool = &heap->markers;

    /* relaxed: sums that are read after the drain, which ends after lull__queue_assist_end */
    atomic_fetch_add_explicit(&pool->assisted_bytes, m->bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->assisted_objects, m->objects, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->assisted_cpu_ns, cpu_ns, memory_order_relaxed);
    lull__ephemeron_merge(heap, m);
    m->bytes = 0;
    m->objects = 0;
    m->reported = 0;
}

#define ASSIST_BYTES lull__round_up(sizeof(struct lull__marker), LULL__OS_PAGE)

static struct lull__marker *assist_marker(lull_thread *t)
{
    struct lull__marker *m = t->assist;

    if (m == NULL) {
        m = lull__os_map(ASSIST_BYTES);
        if (m == NULL) {
            return NULL;
        }
        lull__mark_make(m, t->heap, t->heap->markers.marker[0].kernel);
        t->assist = m;
    }
    return m;
}

bool lull__mark_assist(lull_thread *t, uint64_t since_ns, uint64_t quantum_ns)
{
    lull_heap *heap = t->heap;
    struct lull__marker *m = assist_marker(t);
    struct lull__chunk *chunk = m != NULL ? lull__queue_assist(&heap->queue) : NULL;

    if (chunk == NULL) {
        return false;
    }
    lull__delay(heap, LULL__DELAY_ASSIST_BEGIN);
    lull__drain_prepare(m);
    drain_a_little(m, chunk, since_ns + quantum_ns);
    report_progress(m);
    /* to ask for the thread's CPU time would take as long as a short assist; one that takes far
     * longer than it should has lost its processor */
    uint64_t cpu_ns = lull__min(lull__os_now_ns() - since_ns, OVERRUN * quantum_ns);
    lull__emit(&heap->events, assist, t->number, cpu_ns);
    merge_assist(heap, m, cpu_ns);
    lull__delay(heap, LULL__DELAY_ASSIST_END);
    lull__queue_assist_end(&heap->queue);
    return true;
}

void lull__mark_assist_finish(lull_thread *t)
{
    if (t->assist != NULL) {
        lull__os_unmap(t->assist, ASSIST_BYTES);
        t->assist = NULL;
    }
}

/* ---- marking by assists alone ---- */

/* A little of what is published. Chunks may hold next to nothing that is not marked by now. */
static void help(struct lull__marker *m)
{
    struct lull__mark_queue *queue = &m->heap->queue;
    struct lull__chunk *chunk;

    uint64_t until_ns = lull__os_now_ns() + HELP_NS;

    while (lull__os_now_ns() < until_ns && (chunk = lull__queue_assist(queue)) != NULL) {
        drain_a_little(m, chunk, until_ns);
        lull__queue_assist_end(queue);
    }
    report_progress(m);
}

/* Whether a thread stands until a cycle ends: then the collecting thread takes no time over it. */
static bool is_waited_for(const lull_heap *heap)
{
    /* relaxed: a hint */
    return atomic_load_explicit(&heap->collector.waiting, memory_order_relaxed) != 0;
}

void lull__drain_by_assists(struct lull__marker *m)
{
    lull_heap *heap = m->heap;
    struct lull__mark_queue *queue = &heap->queue;
    size_t last = SIZE_MAX;

    give_back(m);
    while (!is_waited_for(heap) && !lull__queue_watch(queue, PATIENCE_NS)) {
        /* relaxed: a hint */
        if (atomic_load_explicit(&heap->marked_bytes, memory_order_relaxed) == last) {
            help(m);
        }
        last = atomic_load_explicit(&heap->marked_bytes, memory_order_relaxed);
    }
    while (!lull__drain_equip(m)) {
        sched_yield(); /* no memory, and some thread has the chunk that was given back */
    }
}
