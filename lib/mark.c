/* mark.c -- marking: from roots to everything reachable.
 *
 * Work is edges, not objects (Garner, Blackburn & Frampton 2007): scanning an object pushes the
 * words of it that fall in the heap's range, unresolved, on a stack; a word leaves the stack
 * through a ring of a few dozen (Cher, Hosking & Vitek 2004), and on the way in it is resolved
 * and the state byte and the body of its object are prefetched. On the way out the state byte is
 * tested and set, and the object scanned. So the two cache misses of an edge overlap with those
 * of its neighbours. Deviation: the stack feeds the ring one word for each that leaves it.
 *
 * Setting black is a plain byte store: two markers that race on one object both scan it, which
 * is harmless, and rare (.inv.twice).
 *
 * The stack is chunks. Where no memory can be had for another, the objects of its words are
 * blackened unscanned, the words dropped and, if any of them was white, queue->overflow set; after
 * the drain the heap is walked, and every black object scanned again, until nothing was dropped.
 * Blackening first is what keeps the words that no object holds: roots, and the values of
 * ephemerons. One chunk suffices: each walk but the last makes a white object black.
 *
 * A large object is scanned a piece at a time: what goes on the stack then is the address of the
 * next piece with LULL__PIECE_BIT set, which no address has. */
#include "mark.h"

#include <sched.h>
#include <stdlib.h>

#include "delay.h"
#include "mark_loop.h"
#include "span.h"

#define PIECE_BYTES ((size_t)32 << 10)
#define PIECES_KEPT 64      /* of a chunk that is dropped */
#define SHARE_EVERY 128     /* edges between looks at whether another marker is idle */
#define SHARE_LEAST 64      /* words worth giving away */
#define PATIENCE_NS 2000000 /* before the collecting thread helps the mutators mark: 2 ms */
#define HELP_NS 100000      /* at a time */
#define LOOK_EVERY 64       /* edges between looks at the clock, where there is a time to keep */
#define REPORT_EVERY 16     /* looks at that between reports of progress */

static uint8_t free_state = LULL__FREE;
const struct lull__edge lull__no_edge = {&free_state, NULL, NULL};

/* ---- the stack ---- */

/* Adds it to this marker's list, unless another marker has it: .inv.twice must not tangle them. */
static void find_ephemeron(struct lull__marker *m, char *base)
{
    struct lull_ephemeron *e = (struct lull_ephemeron *)(void *)base;
    struct lull_ephemeron *none = NULL;

    /* relaxed: the lists are read after the drain, which synchronises */
    if (atomic_compare_exchange_strong_explicit(&e->found, &none, m->found, memory_order_relaxed,
                                                memory_order_relaxed)) {
        m->found = e;
    }
}

/* Blackens the object of a word without scanning it, recover() will; false: it is not white. */
static bool blacken(struct lull__marker *m, uintptr_t word)
{
    struct lull__slot slot = lull__resolve(m->heap, word);

    if (!lull__mark_missed(m, &slot)) {
        return false;
    }
    lull__state_store(slot.state, m->black);
    m->objects++;
    m->bytes += lull__slot_bytes(m->heap, &slot);
    /* relaxed: resolving has acquired it */
    if (atomic_load_explicit(&slot.block->kind, memory_order_relaxed) == LULL__KIND_EPHEMERON) {
        find_ephemeron(m, slot.base);
    }
    return true;
}

/* Drops the words of the present chunk; recover() goes on from those of their objects that were
 * white. Pieces are kept, or a walk could fail at the same piece as the one before; so many at once
 * as cannot be are of objects that were white when this walk began. */
static void overflow(struct lull__marker *m)
{
    uintptr_t *kept = m->chunk->word;
    bool lost = false;

    for (const uintptr_t *word = m->chunk->word; word < m->top; word++) {
        bool piece = (*word & LULL__PIECE_BIT) != 0;
        if (piece && kept < m->chunk->word + PIECES_KEPT) {
            *kept++ = *word;
        } else {
            lost |= piece || blacken(m, *word);
        }
    }
    if (lost) {
        /* relaxed: read after the drain, which synchronises through the queue's lock */
        atomic_store_explicit(&m->heap->queue.overflow, 1, memory_order_relaxed);
    }
    m->top = kept;
}

static void use_chunk(struct lull__marker *m, struct lull__chunk *chunk, size_t count)
{
    m->chunk = chunk;
    m->top = chunk->word + count;
    m->limit = chunk->word + LULL__CHUNK_WORDS;
}

void lull__mark_new_chunk(struct lull__marker *m)
{
    struct lull__chunk *chunk = lull__queue_take_empty(&m->heap->queue);

    if (chunk == NULL) {
        overflow(m);
        return;
    }
    m->chunk->count = (size_t)(m->top - m->chunk->word);
    chunk->next = m->chunk;
    use_chunk(m, chunk, 0);
}

/* Room for `words` more. */
LULL__INLINE void make_room(struct lull__marker *m, size_t words)
{
    if (LULL__UNLIKELY((size_t)(m->limit - m->top) < words)) {
        lull__mark_new_chunk(m);
    }
}

/* Back to the chunk below; false: there is none. */
bool lull__mark_pop_chunk(struct lull__marker *m)
{
    struct lull__chunk *below = m->chunk->next;

    if (below == NULL) {
        return false;
    }
    lull__queue_give_empty(&m->heap->queue, m->chunk);
    use_chunk(m, below, below->count);
    return true;
}

/* ---- scanning ---- */

LULL__INLINE void push(struct lull__marker *m, uintptr_t w)
{
    *m->top = w;
    m->top += w - m->range < m->extent;
}

/* The slow form of what the kernels do in their loops. */
static void scan_record(struct lull__marker *m, const char *base, uint64_t mask)
{
    const uintptr_t *words = (const uintptr_t *)(const void *)base;

    make_room(m, LULL__ROOM);
    for (; mask != 0; mask &= mask - 1) {
        /* relaxed: the program may be storing to it */
        uintptr_t w = __atomic_load_n(&words[__builtin_ctzll(mask)], __ATOMIC_RELAXED);
        push(m, lull__untag(m->heap, w));
    }
}

LULL__NO_SANITIZE static void scan_tagged_words(struct lull__marker *m, const uintptr_t *start,
                                                const uintptr_t *end)
{
    for (; start < end; start++) {
        make_room(m, 1);
        push(m, lull__untag(m->heap, __atomic_load_n(start, __ATOMIC_RELAXED)));
    }
}

/* Any word of [start, end) may be a pointer. */
static void scan_words(struct lull__marker *m, const uintptr_t *start, const uintptr_t *end)
{
    if (LULL__UNLIKELY(m->heap->tagged)) {
        scan_tagged_words(m, start, end);
        return;
    }
    while (start < end) {
        make_room(m, LULL__ROOM + LULL__KERNEL_SLACK);
        size_t room = (size_t)(m->limit - m->top) - LULL__KERNEL_SLACK;
        size_t count = lull__min((size_t)(end - start), room);
        m->top += m->kernel->filter(start, count, m->range, m->extent, m->top);
        start += count;
    }
}

/* The words from `first` to `end` of an object at `start` whose pattern repeats. */
static void scan_pattern(struct lull__marker *m, const uintptr_t *start, const uintptr_t *first,
                         const uintptr_t *end, const struct lull__layout *layout)
{
    size_t phase = (size_t)(first - start) % layout->period;

    if (layout->period == 1) {
        scan_words(m, first, end);
        return;
    }
    for (; first < end; first++) {
        if (layout->bits[phase / 64] >> (phase % 64) & 1) {
            make_room(m, 1);
            push(m, lull__untag(m->heap, __atomic_load_n(first, __ATOMIC_RELAXED)));
        }
        phase = phase + 1 == layout->period ? 0 : phase + 1;
    }
}

/* The bytes [from, to) of an object of `bytes` at base, by a layout that is not a record mask. */
static void scan_layout(struct lull__marker *m, const struct lull__layout *layout,
                        enum lull__kind kind, char *base, size_t bytes, size_t from, size_t to)
{
    const uintptr_t *start = (const uintptr_t *)(void *)base;
    const uintptr_t *first = (const uintptr_t *)(void *)(base + from);
    const uintptr_t *end = (const uintptr_t *)(void *)(base + to);

    if (kind == LULL__KIND_CONSERVATIVE) {
        scan_words(m, first, end);
    } else if (kind == LULL__KIND_PATTERN) {
        scan_pattern(m, start, first, end, layout);
    } else if (kind == LULL__KIND_RECORD) {
        scan_record(m, base, layout->bits[0]);
    } else if (kind == LULL__KIND_CUSTOM) {
        layout->trace(&m->tracer, base, bytes, layout->trace_arg);
    }
}

/* One piece of a large object, after a promise of the next. */
void lull__mark_scan_piece(struct lull__marker *m, char *piece)
{
    const struct lull__span *span = lull__span_of(m->heap, piece);
    const struct lull__block *block = &m->blocks[span - m->heap->pages.spans];
    char *base = lull__span_start(m->heap, span);
    size_t from = (size_t)(piece - base);
    enum lull__kind kind = lull__span_kind(m->heap, span);
    size_t to = span->bytes;

    if (kind != LULL__KIND_CUSTOM && to - from > PIECE_BYTES) {
        to = from + PIECE_BYTES;
        make_room(m, 1);
        *m->top++ = (uintptr_t)(base + to) | LULL__PIECE_BIT;
    }
    scan_layout(m, block->layout, kind, base, span->bytes, from, to);
}

/* A generic slot's last word is its layout; NULL while it is being allocated: nothing in it. */
static void scan_generic(struct lull__marker *m, char *base, size_t slot_size)
{
    size_t bytes = slot_size - sizeof(struct lull__layout *);
    const struct lull__layout *layout =
        __atomic_load_n((struct lull__layout **)(void *)(base + bytes), __ATOMIC_RELAXED);

    if (layout != NULL) {
        scan_layout(m, layout, layout->kind, base, bytes, 0, bytes);
    }
}

/* Everything but leaves and records, which the kernels' loops do themselves. */
void lull__mark_scan_other(struct lull__marker *m, const struct lull__block *block, char *base)
{
    enum lull__kind kind =
        (enum lull__kind)atomic_load_explicit(&block->kind, memory_order_relaxed);

    if (block->large) {
        m->bytes += lull__span_of(m->heap, base)->bytes;
        if (kind != LULL__KIND_LEAF) {
            lull__mark_scan_piece(m, base);
        }
    } else if (kind == LULL__KIND_GENERIC) {
        scan_generic(m, base, lull__block_slot_size(block));
    } else if (kind == LULL__KIND_EPHEMERON) {
        find_ephemeron(m, base);
    } else if (kind != LULL__KIND_WEAK) {
        scan_layout(m, block->layout, kind, base, lull__block_slot_size(block), 0,
                    lull__block_slot_size(block));
    }
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
            make_room(m, 1);
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
            use_chunk(m, left->next, left->next->count);
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
    use_chunk(m, chunk, chunk->count);
    while (m->kernel->drain(m, LOOK_EVERY) && lull__os_now_ns() < until_ns) {
    }
    give_back(m);
}

/* Own work, then published work, until there is none anywhere. */
static void drain_all(struct lull__marker *m, bool idle)
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
        use_chunk(m, chunk, chunk->count);
        drain_own(m);
    }
}

static void prepare(struct lull__marker *m)
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

LULL__NO_SANITIZE static void tracer_range(lull_tracer *tracer, const uintptr_t *start,
                                           const uintptr_t *end)
{
    struct lull__marker *m = (struct lull__marker *)(void *)tracer;

    if (!m->heap->tagged) {
        scan_words(m, start, end);
        return;
    }
    for (; start < end; start++) {
        lull__mark_word(m, *start);
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
        m->tracer.range = tracer_range;
        m->heap = t->heap;
        m->kernel = t->heap->markers.marker[0].kernel;
        for (unsigned i = 0; i < LULL__RING; i++) {
            m->ring[i] = lull__no_edge;
        }
        t->assist = m;
    }
    return m;
}

bool lull__mark_assist(lull_thread *t, uint64_t until_ns)
{
    lull_heap *heap = t->heap;
    struct lull__marker *m = assist_marker(t);
    struct lull__chunk *chunk = m != NULL ? lull__queue_assist(&heap->queue) : NULL;

    if (chunk == NULL) {
        return false;
    }
    uint64_t cpu_ns = lull__os_thread_cpu_ns();
    lull__delay(heap, LULL__DELAY_ASSIST_BEGIN);
    prepare(m);
    drain_a_little(m, chunk, until_ns);
    report_progress(m);
    cpu_ns = lull__os_thread_cpu_ns() - cpu_ns;
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

/* ---- overflow ---- */

/* As drain_own, but nobody is there to share with. */
static void drain_alone(struct lull__marker *m)
{
    while (m->kernel->drain(m, SHARE_EVERY)) {
    }
}

static void rescan_object(struct lull__marker *m, const struct lull__block *block, char *base)
{
    uint8_t kind = atomic_load_explicit(&block->kind, memory_order_relaxed);

    if (kind == LULL__KIND_RECORD) {
        scan_record(m, base, block->mask);
    } else if (kind == LULL__KIND_RUN) {
        scan_record(m, base, (UINT64_C(1) << block->mask) - 1);
    } else if (kind != LULL__KIND_LEAF && block->large) {
        lull__mark_scan_piece(m, base);
    } else if (kind != LULL__KIND_LEAF && kind != LULL__KIND_EPHEMERON) {
        lull__mark_scan_other(m, block, base);
    }
    drain_alone(m);
}

/* Pushes what the black objects of one span hold. */
static void rescan_span(struct lull__marker *m, const struct lull__span *span)
{
    const struct lull__block *block = &m->blocks[span - m->heap->pages.spans];
    char *start = lull__span_start(m->heap, span);
    uint8_t *states = block->states;

    for (uint32_t i = 0; i < span->slots; i++) {
        /* acquire: pairs with the release in cache.c's set_states */
        if (__atomic_load_n(&states[i], __ATOMIC_ACQUIRE) == m->black) {
            rescan_object(m, block, start + i * lull__block_slot_size(block));
        }
    }
}

/* After words were dropped: every black object's white children, until nothing is dropped. What
 * threads blackened is missing in the statistics. Beside the program black are new objects too,
 * which the program may be filling, and slots that wait in caches, perhaps with old contents. What
 * old words reach is kept a cycle longer; a callback is led to objects and zeroes alone
 * (.inv.zero). */
static void recover(struct lull__marker *m)
{
    lull_heap *heap = m->heap;

    while (atomic_exchange_explicit(&heap->queue.overflow, 0, memory_order_relaxed) != 0) {
        lull__delay(heap, LULL__DELAY_RESCAN);
        lull__ephemeron_recover(m);
        drain_alone(m);
        pthread_mutex_lock(&heap->pages.lock); /* see weak.c */
        for (size_t b = 0; b < heap->pages.top; b += heap->pages.spans[b].blocks) {
            if (lull__span_kind(heap, &heap->pages.spans[b]) != LULL__KIND_NONE) {
                rescan_span(m, &heap->pages.spans[b]);
            }
        }
        pthread_mutex_unlock(&heap->pages.lock);
    }
}

/* ---- marker threads ---- */

static void *marker_thread(void *arg)
{
    struct lull__marker *m = arg;
    struct lull__marker_pool *pool = &m->heap->markers;
    uint64_t last = 0;

    if (lull__runs_beside(m->heap)) {
        lull__os_thread_be_nice(LULL__PACER_MARKER_NICE);
    }
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (pool->drain == last || pool->joined == pool->wanted)) {
            pthread_cond_wait(&pool->work, &pool->lock);
        }
        if (pool->stop) {
            break;
        }
        last = pool->drain;
        pool->joined++;
        pthread_mutex_unlock(&pool->lock);
        uint64_t cpu_ns = lull__os_thread_cpu_ns();
        drain_all(m, true);
        m->cpu_ns += lull__os_thread_cpu_ns() - cpu_ns;
        pthread_mutex_lock(&pool->lock);
        pool->left++;
        pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Gives a marker its first chunk; false: no memory. */
static bool equip(struct lull__marker *m)
{
    if (m->chunk == NULL) {
        for (unsigned i = 0; i < LULL__RING; i++) {
            m->ring[i] = lull__no_edge;
        }
        struct lull__chunk *chunk = lull__queue_take_empty(&m->heap->queue);
        if (chunk == NULL) {
            return false;
        }
        chunk->next = NULL;
        use_chunk(m, chunk, 0);
    }
    return true;
}

static void begin_drain(lull_heap *heap, uint32_t markers)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_lock(&pool->lock);
    uint32_t helpers = (uint32_t)lull__min(markers - 1, pool->started);
    for (uint32_t i = 1; i <= pool->started; i++) {
        prepare(&pool->marker[i]); /* any of them may be the ones to join */
    }
    lull__queue_begin(&heap->queue, helpers + 1);
    pool->wanted = helpers;
    pool->joined = 0;
    pool->left = 0;
    pool->drain++;
    if (helpers != 0) {
        pthread_cond_broadcast(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* No more helpers may join; waits for those that did. */
static void end_drain(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_lock(&pool->lock);
    pool->wanted = pool->joined;
    while (pool->left < pool->joined) {
        pthread_cond_wait(&pool->finished, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- the interface ---- */

bool lull__mark_init(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->marker = calloc(LULL__MARKERS_MAX, sizeof *pool->marker);
    if (!lull__queue_init(&heap->queue) || pool->marker == NULL) {
        return false;
    }
    for (unsigned i = 0; i < LULL__MARKERS_MAX; i++) {
        pool->marker[i].tracer.range = tracer_range;
        pool->marker[i].heap = heap;
        pool->marker[i].kernel = lull__mark_kernel_choose(heap->tagged);
    }
    return equip(&pool->marker[0]);
}

void lull__mark_finish(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->started; i++) {
        pthread_join(pool->thread[i], NULL);
    }
    free(pool->marker);
    lull__queue_finish(&heap->queue);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->finished);
    pthread_mutex_destroy(&pool->lock);
}

void lull__mark_fork_child(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pthread_mutex_init(&heap->queue.lock, NULL);
    pool->started = 0;
}

void lull__mark_start_threads(lull_heap *heap, uint32_t markers)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_lock(&pool->lock);
    while (pool->started + 1 < markers) {
        struct lull__marker *m = &pool->marker[pool->started + 1];
        if (!equip(m) ||
            !lull__os_thread_start(&pool->thread[pool->started], marker_thread, m, "lull-marker")) {
            break;
        }
        pool->started++;
    }
    pthread_mutex_unlock(&pool->lock);
}

struct lull__marker *lull__mark_begin(lull_heap *heap)
{
    struct lull__marker *m = &heap->markers.marker[0];

    prepare(m);
    m->cpu_ns -= lull__os_thread_cpu_ns();
    return m;
}

void lull__mark_word(struct lull__marker *m, uintptr_t word)
{
    make_room(m, 1);
    push(m, lull__address(m->heap, word));
}

void lull__mark_range(struct lull__marker *m, const void *start, const void *end)
{
    tracer_range(&m->tracer, start, end);
}

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

/* What the collecting thread has goes to the mutators; they do the marking. Where they do none for
 * a while, having nothing to allocate, the collecting thread does a little. */
static void drain_by_assists(struct lull__marker *m)
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
    while (!equip(m)) {
        sched_yield(); /* no memory, and some thread has the chunk that was given back */
    }
}

void lull__mark_drain(lull_heap *heap, uint32_t markers)
{
    struct lull__marker *m = &heap->markers.marker[0];

    begin_drain(heap, markers != 0 ? markers : 1);
    if (markers == 0) {
        drain_by_assists(m);
    }
    drain_all(m, false);
    end_drain(heap);
    recover(m);
}

struct lull__mark_total lull__mark_end(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;
    struct lull__mark_total total = {atomic_exchange(&pool->assisted_bytes, 0),
                                     atomic_exchange(&pool->assisted_objects, 0),
                                     atomic_exchange(&pool->assisted_cpu_ns, 0)};

    pool->marker[0].cpu_ns += lull__os_thread_cpu_ns();
    for (uint32_t i = 0; i <= pool->started; i++) {
        struct lull__marker *m = &pool->marker[i];
        total.bytes += m->bytes;
        total.objects += m->objects;
        total.cpu_ns += m->cpu_ns;
        m->bytes = 0;
        m->objects = 0;
        m->reported = 0;
        m->cpu_ns = 0;
    }
    return total;
}

size_t lull__mark_objects(lull_heap *heap)
{
    struct lull__marker_pool *pool = &heap->markers;
    size_t objects = atomic_load_explicit(&pool->assisted_objects, memory_order_relaxed);

    for (uint32_t i = 0; i <= pool->started; i++) {
        objects += pool->marker[i].objects;
    }
    return objects;
}

void lull_trace(lull_tracer *tracer, const void *word)
{
    uintptr_t w = (uintptr_t)word;

    tracer->range(tracer, &w, &w + 1);
}

void lull_trace_range(lull_tracer *tracer, const void *start, const void *end)
{
    uintptr_t first = lull__round_up((uintptr_t)start, sizeof(uintptr_t));
    uintptr_t last = (uintptr_t)end & ~(sizeof(uintptr_t) - 1);

    if (first < last) {
        tracer->range(tracer, (const uintptr_t *)first, (const uintptr_t *)last);
    }
}
