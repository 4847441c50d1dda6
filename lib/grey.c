/* grey.c -- words on their way from a mutator thread to the markers.
 *
 * Each thread fills a chunk of its own, without locks, and hands it over when it is full or a
 * handshake asks for it. Where no memory can be had for a chunk, the object of a word is blackened
 * unscanned and queue->overflow set: after the drain every black object is scanned again
 * (mark_overflow.c), and nothing is lost. An ephemeron among them is noted as found. */
#include "grey.h"

#include "delay.h"

#define GREY_ROOM 64 /* words; less is not worth a call of the filter */

static uint8_t white(const lull_heap *heap)
{
    /* relaxed: it changes only between two handshakes of this thread */
    return atomic_load_explicit(&heap->colour, memory_order_relaxed);
}

static bool is_white(const lull_heap *heap, const struct lull__slot *slot)
{
    if (slot->state == NULL) {
        return false;
    }
    uint8_t state = lull__state_load(slot->state);
    return state == white(heap) || state == LULL__KEY;
}

/* Room for `words` more, at most GREY_ROOM; false: no memory. */
static bool make_room(lull_thread *t, size_t words)
{
    if (t->grey != NULL && LULL__CHUNK_WORDS - t->grey_count >= words) {
        return true;
    }
    lull__grey_flush(t);
    t->grey = lull__queue_take_empty(&t->heap->queue);
    t->grey_count = 0;
    return t->grey != NULL;
}

static void blacken(lull_thread *t, uintptr_t word)
{
    struct lull__slot slot = lull__resolve(t->heap, word);
    /* acquire: pairs with the release in flip (cycle_concurrent.c): who sees the colour after it
     * sees that marking is over, where white is alive and the other colour dead */
    uint8_t old = atomic_load_explicit(&t->heap->colour, memory_order_acquire);
    uint32_t phase = atomic_load_explicit(&t->heap->weak_phase, memory_order_relaxed);

    if (phase != LULL__WEAK_IDLE && is_white(t->heap, &slot)) {
        lull__delay(t->heap, LULL__DELAY_GREY_BLACKEN);
        lull__state_store(slot.state, lull__other_colour(old));
        /* relaxed: resolving has acquired it */
        if (atomic_load_explicit(&slot.block->kind, memory_order_relaxed) == LULL__KIND_EPHEMERON) {
            lull__ephemeron_shaded(t->heap, slot.base); /* which are not scanned again */
        }
        /* relaxed: read after a drain, which synchronises through the queue's lock */
        atomic_store_explicit(&t->heap->queue.overflow, 1, memory_order_relaxed);
    }
}

void lull__grey_shade(lull_thread *t, uintptr_t word)
{
    uintptr_t address = lull__address(t->heap, word);
    struct lull__slot slot = lull__resolve(t->heap, address);

    if (!is_white(t->heap, &slot)) {
        return;
    }
    if (make_room(t, 1)) {
        t->grey->word[t->grey_count++] = address;
    } else {
        blacken(t, address);
    }
}

void lull__grey_shade_now(lull_thread *t, uintptr_t word)
{
    uintptr_t address = lull__address(t->heap, word);
    struct lull__slot slot = lull__resolve(t->heap, address);

    if (is_white(t->heap, &slot) && !lull__queue_add(&t->heap->queue, address)) {
        blacken(t, address);
    }
}

/* Keeps what is white of the thread's words. */
static void drop_black(lull_thread *t)
{
    const lull_heap *heap = t->heap;
    uintptr_t *restrict word = t->grey->word;
    size_t count = t->grey_count, kept = 0;
    uint8_t colour = white(heap);

    for (size_t i = 0; i < count; i++) {
        uintptr_t address = word[i];
        struct lull__slot slot = lull__resolve(heap, address);
        uint8_t state = slot.state != NULL ? lull__state_load(slot.state) : LULL__FREE;
        word[kept] = address;
        kept += state == colour || state == LULL__KEY;
    }
    t->grey_count = kept;
}

void lull__grey_note(lull_thread *t, uintptr_t word)
{
    const lull_heap *heap = t->heap;
    uintptr_t address = lull__address(heap, word);

    if (t->grey != NULL && t->grey_count == LULL__CHUNK_WORDS) {
        drop_black(t);
        if (t->grey_count > LULL__CHUNK_WORDS / 2) {
            lull__grey_flush(t);
        }
    }
    /* acquire: pairs with the release in pages.c's commit */
    if (address - (uintptr_t)heap->pages.range >=
        atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire)) {
        return;
    }
    if (make_room(t, 1)) {
        t->grey->word[t->grey_count++] = address;
    } else {
        lull__grey_shade(t, address);
    }
}

void lull__grey_note_freely(lull_thread *t)
{
    bool plain = !t->heap->tagged && t->heap->options.schedule_seed == 0; /* delays are to be met */

    t->grey_limit = t->grey != NULL && plain ? LULL__CHUNK_WORDS : 0;
}

void lull__grey_flush(lull_thread *t)
{
    if (t->grey == NULL || t->grey_count == 0) {
        return;
    }
    t->grey->count = t->grey_count;
    lull__queue_publish(&t->heap->queue, t->grey);
    t->grey = NULL;
    t->grey_count = 0;
    t->grey_limit = 0;
}

void lull__grey_drop(lull_thread *t)
{
    if (t->grey != NULL) {
        lull__queue_give_empty(&t->heap->queue, t->grey);
    }
    t->grey = NULL;
    t->grey_count = 0;
    t->grey_limit = 0;
}

/* ---- the tracer ---- */

LULL__NO_SANITIZE static void add_slowly(lull_thread *t, const uintptr_t *start,
                                         const uintptr_t *end)
{
    for (; start < end; start++) {
        lull__grey_shade(t, __atomic_load_n(start, __ATOMIC_RELAXED));
    }
}

static void add_range(lull_tracer *tracer, const uintptr_t *start, const uintptr_t *end)
{
    lull_thread *t = ((struct lull__grey_tracer *)(void *)tracer)->t;
    lull_heap *heap = t->heap;
    const struct lull__mark_kernel *kernel = heap->markers.marker[0].kernel;

    while (start < end && !heap->tagged && make_room(t, GREY_ROOM)) {
        size_t room = LULL__CHUNK_WORDS - t->grey_count - LULL__KERNEL_SLACK;
        size_t count = lull__min((size_t)(end - start), room);
        /* acquire: pairs with the release in pages.c's commit */
        size_t extent = atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire);
        t->grey_count += kernel->filter(start, count, (uintptr_t)heap->pages.range, extent,
                                        t->grey->word + t->grey_count);
        start += count;
    }
    add_slowly(t, start, end); /* a tagged heap, or no memory for a chunk */
}

struct lull__grey_tracer lull__grey_tracer(lull_thread *t)
{
    return (struct lull__grey_tracer){{add_range}, t};
}
