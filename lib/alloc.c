/* alloc.c -- allocation: the policy around the caches.
 *
 * Every slow path does the same, in this order: hold still if the collector wants that; collect
 * if that is due; take slots. What fails is tried again after a full collection, three times,
 * and once more after the program's handler; then it is NULL. */
#include "alloc.h"

#include "assist.h"
#include "cache.h"
#include "callback.h"
#include "central.h"
#include "cycle.h"
#include "error.h"
#include "handshake.h"
#include "layout.h"
#include "pause.h"
#include "span.h"
#include "thread.h"
#include "throttle.h"
#include "weak.h"

#define TRIES 3 /* cycles before an allocation fails */

/* ---- one try, no safepoint ---- */

static void *try_small(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    bool generic;
    unsigned class_index = lull__class_of(bytes);
    struct lull__cell *cell = lull__layout_cell(t->heap, layout, class_index, &generic);

    if (LULL__LIKELY(!generic)) {
        return lull__cache_refill(t, cell);
    }
    /* the layout goes into the slot's last word: a slot with room for it */
    bytes = lull__round_up(bytes + LULL__GENERIC_HEADER, LULL__ALIGNMENT);
    if (bytes > LULL__SMALL_MAX) {
        return NULL;
    }
    class_index = lull__class_of(bytes);
    cell = &t->heap->cells[t->heap->generic_layout->cells[class_index]];
    char *object = lull__cache_refill(t, cell);
    if (object != NULL) {
        void *header = object + cell->slot_size - LULL__GENERIC_HEADER;
        __atomic_store_n((struct lull__layout **)header, layout, __ATOMIC_RELAXED);
    }
    return object;
}

static size_t large_bytes(size_t bytes)
{
    return lull__round_up(bytes, LULL__ALIGNMENT);
}

/* Counted in advance, where `bytes` are more than a small object has: clearing it takes a while,
 * and others that want one look at the sum. */
static void *try_large(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    lull_heap *heap = t->heap;
    size_t counted = bytes > LULL__SMALL_MAX ? large_bytes(bytes) : 0;
    /* dead large objects before new memory */
    uint64_t since_ns = lull__central_sweep_for(t, 64, lull__os_now_ns());

    struct lull__span *span = lull__span_new_large(heap, layout, bytes, t->colour);
    if (span == NULL) {
        atomic_fetch_sub_explicit(&heap->allocated_since, counted, memory_order_relaxed);
        return NULL;
    }
    lull__central_give_large(heap, span);
    lull__pause_note(t, LULL_PAUSE_REFILL, since_ns);
    t->unflushed_bytes += span->bytes - counted;
    lull__cache_flush_count(t);
    lull__emit(&heap->events, alloc_flush, t->number, LULL__CLASSES, 1, span->bytes);
    return lull__span_start(heap, span);
}

/* A generic object that leaves no room for its header is a large one. */
static void *try_alloc(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    void *object = NULL;

    lull__enter(t);
    if (bytes <= LULL__SMALL_MAX) {
        object = try_small(t, layout, bytes);
    }
    if (object == NULL &&
        lull__round_up(bytes + LULL__GENERIC_HEADER, LULL__ALIGNMENT) > LULL__SMALL_MAX) {
        object = try_large(t, layout, bytes);
    }
    lull__leave(t);
    return object;
}

/* ---- retries ---- */

/* After a try that failed. */
static void *try_again(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    if (bytes > LULL__SMALL_MAX) {
        atomic_fetch_add_explicit(&t->heap->allocated_since, large_bytes(bytes),
                                  memory_order_relaxed);
    }
    return try_alloc(t, layout, bytes);
}

static void fail_alloc(lull_heap *heap, size_t bytes)
{
    size_t used = atomic_load_explicit(&heap->pages.used_blocks, memory_order_relaxed);
    size_t blocks = (bytes + LULL__BLOCK - 1) / LULL__BLOCK;

    if (blocks > heap->pages.max_blocks || used > heap->pages.max_blocks - blocks) {
        lull__emit(&heap->events, limit_hit, 0, bytes);
        lull__fail(LULL_E_LIMIT, "%zu bytes: %zu of at most %zu are in use", bytes,
                   used * LULL__BLOCK, heap->pages.max_blocks * LULL__BLOCK);
    } else {
        lull__emit(&heap->events, no_memory, 0, bytes);
        lull__fail(LULL_E_NO_MEMORY, "%zu bytes: the system gives no memory", bytes);
    }
}

static bool ask_program(lull_thread *t, size_t bytes)
{
    lull_heap *heap = t->heap;

    if (heap->options.no_memory == NULL) {
        return false;
    }
    uint32_t around = lull__callback_begin(LULL__CALLBACK_NO_MEMORY);
    bool again = heap->options.no_memory(heap, bytes, heap->options.no_memory_arg) != 0;
    lull__callback_end(around);
    return again;
}

static LULL__NOINLINE void *alloc_after_failure(lull_thread *t, struct lull__layout *layout,
                                                size_t bytes)
{
    bool collects = t->heap->options.mode != LULL_MODE_OFF;
    void *object = NULL;

    /* again, for what a cycle frees other threads may take first */
    for (int i = 0; i < TRIES && collects && object == NULL; i++) {
        lull__cycle_run(t, LULL__REASON_LIMIT);
        object = try_again(t, layout, bytes);
    }
    if (object == NULL && ask_program(t, bytes)) {
        if (collects) {
            lull__cycle_run(t, LULL__REASON_LIMIT);
        }
        object = try_again(t, layout, bytes);
    }
    if (object == NULL) {
        fail_alloc(t->heap, bytes);
    }
    return object;
}

/* ---- the slow path ---- */

static LULL__NOINLINE bool may_allocate(lull_thread *t)
{
    if (lull__refuses("allocation")) {
        return false;
    }
    if (atomic_load_explicit(&t->state, memory_order_relaxed) == LULL__THREAD_GONE) {
        lull__fail(LULL_E_THREAD, "allocation by a thread that is detached");
        return false;
    }
    if (t->user_blocked) {
        lull__fail(LULL_E_STATE, "allocation inside a blocking section");
        return false;
    }
    return true;
}

/* Whether the heap could hold an object of so many bytes, were it empty. */
static bool may_fit(const lull_heap *heap, size_t bytes)
{
    return bytes <= heap->pages.max_blocks * LULL__BLOCK;
}

/* For what the thread has taken since it paid last, and for a large object in advance. `cycles`:
 * over when it came. */
static void pay(lull_thread *t, size_t more, uint64_t cycles)
{
    uint32_t owed = t->owes_assist;

    t->owes_assist = 0;
    if (!lull__throttle(t, more) && owed) {
        lull__assist(t);
    }
    while (more != 0 && !lull__throttle_admits(t, more, cycles)) {
        lull__cycle_start(t, more);
        lull__throttle(t, more);
    }
}

void *lull__alloc(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    size_t more = bytes > LULL__SMALL_MAX ? large_bytes(bytes) : 0;

    LULL_ASSERT_HOT(lull__callback != LULL__CALLBACK_NONE || lull__thread_is_mine(t));
    if (LULL__UNLIKELY(lull__callback != LULL__CALLBACK_NONE || t->user_blocked) &&
        !may_allocate(t)) {
        return NULL;
    }
    if (LULL__UNLIKELY(more != 0 && !may_fit(t->heap, more))) {
        fail_alloc(t->heap, bytes); /* there is nothing to collect, to ask or to wait for */
        return NULL;
    }
    uint64_t cycles = atomic_load_explicit(&t->heap->cycles, memory_order_relaxed);
    lull_safepoint(t);
    if (LULL__UNLIKELY(lull__cycle_due(t->heap, more))) {
        lull__cycle_start(t, more);
    } else if (LULL__UNLIKELY(t->heap->stress) && t->heap->options.mode != LULL_MODE_OFF) {
        lull__cycle_run(t, LULL__REASON_STRESS);
    }
    if (t->owes_assist || more != 0) {
        pay(t, more, cycles);
    }
    void *object = try_alloc(t, layout, bytes);
    return LULL__LIKELY(object != NULL) ? object : alloc_after_failure(t, layout, bytes);
}

void *lull_alloc_slow(lull_thread *t, const lull_type *type)
{
    if (LULL__UNLIKELY(type->heap != t->heap)) {
        lull__fail(LULL_E_INVALID, "the type \"%s\" is of another heap", type->name);
        return NULL;
    }
    return lull__alloc(t, type->layout, type->size);
}

/* ---- the interface ---- */

void *lull_alloc(lull_thread *t, const lull_type *type)
{
    return lull_alloc_inline(t, type);
}

/* The fast path by size: the cache of the layout's class, if it has one. */
LULL__INLINE void *alloc_sized(lull_thread *t, struct lull__layout *layout, size_t bytes)
{
    if (LULL__LIKELY(bytes <= LULL__SMALL_MAX)) {
        unsigned class_index = lull__class_of(bytes);
        /* relaxed: the cache says for itself whether it has slots */
        uint16_t cell = __atomic_load_n(&layout->cells[class_index], __ATOMIC_RELAXED);
        struct lull__cache *cache = (struct lull__cache *)(void *)t->head.caches + cell;
        char *object = cache->cursor;
        uint32_t slot_size = lull__classes[class_index].slot_size;
        if (LULL__LIKELY((uintptr_t)object + slot_size <= (uintptr_t)cache->end)) {
            cache->cursor = object + slot_size;
            return object;
        }
    }
    return lull__alloc(t, layout, bytes);
}

static void *fail_size(size_t size)
{
    lull__fail(LULL_E_SIZE, "%zu bytes: 1 to %zu are allowed", size, (size_t)PTRDIFF_MAX);
    return NULL;
}

void *lull_alloc_array(lull_thread *t, const lull_type *type, size_t count)
{
    size_t bytes;

    LULL_ASSERT_HOT(type->heap == t->heap);
    if (__builtin_mul_overflow(type->size, count, &bytes) || bytes == 0 || bytes > PTRDIFF_MAX) {
        lull__fail(LULL_E_SIZE, "an array of %zu times %zu bytes: 1 to %zu bytes are allowed",
                   count, type->size, (size_t)PTRDIFF_MAX);
        return NULL;
    }
    return alloc_sized(t, type->array_layout, bytes);
}

void *lull_alloc_leaf(lull_thread *t, size_t bytes)
{
    if (LULL__UNLIKELY(bytes - 1 >= PTRDIFF_MAX)) {
        return fail_size(bytes);
    }
    return alloc_sized(t, t->heap->leaf_layout, lull__round_up(bytes, LULL__ALIGNMENT));
}

void *lull_alloc_any(lull_thread *t, size_t bytes)
{
    if (LULL__UNLIKELY(bytes - 1 >= PTRDIFF_MAX)) {
        return fail_size(bytes);
    }
    return alloc_sized(t, t->heap->conservative_layout, lull__round_up(bytes, LULL__ALIGNMENT));
}

size_t lull_good_size(size_t bytes)
{
    if (bytes == 0 || bytes > PTRDIFF_MAX) {
        return 0;
    }
    bytes = lull__round_up(bytes, LULL__ALIGNMENT);
    return bytes <= LULL__SMALL_MAX ? lull__classes[lull__class_of(bytes)].slot_size : bytes;
}

/* ---- weak references and ephemerons ---- */

/* Whether `word` points into an object of the heap. */
static bool is_object(lull_thread *t, uintptr_t word)
{
    struct lull__slot slot = lull__resolve(t->heap, lull__address(t->heap, word));

    return slot.state != NULL && lull__state_load(slot.state) != LULL__FREE;
}

lull_weak *lull_weak_new(lull_thread *t, void *target)
{
    LULL_FRAME(t, frame, 1);
    lull_weak *weak = NULL;

    frame.root[0] = target; /* for threads whose stack is not scanned */
    if (is_object(t, (uintptr_t)target)) {
        weak = lull__alloc(t, t->heap->weak_layout, sizeof *weak);
    } else {
        lull__fail(LULL_E_INVALID, "%p is no object of this heap", target);
    }
    if (weak != NULL) {
        __atomic_store_n(&weak->target, (uintptr_t)target, __ATOMIC_RELAXED);
        atomic_fetch_add_explicit(&t->heap->weak_count, 1, memory_order_relaxed);
    }
    lull_frame_pop(t, &frame.head);
    return weak;
}

lull_ephemeron *lull_ephemeron_new(lull_thread *t, void *key, void *value)
{
    LULL_FRAME(t, frame, 2);
    lull_ephemeron *e = NULL;

    frame.root[0] = key;
    frame.root[1] = value;
    if (is_object(t, (uintptr_t)key)) {
        e = lull__alloc(t, t->heap->ephemeron_layout, sizeof *e);
    } else {
        lull__fail(LULL_E_INVALID, "%p is no object of this heap", key);
    }
    if (e != NULL) {
        __atomic_store_n(&e->key, (uintptr_t)key, __ATOMIC_RELAXED);
        /* made black, it is not met by the markers of this cycle: they must not leave its key
         * dead */
        lull__weak_shade(t, (uintptr_t)key);
        lull_store(t, &e->value, value);
        atomic_fetch_add_explicit(&t->heap->ephemerons.made, 1, memory_order_relaxed);
    }
    lull_frame_pop(t, &frame.head);
    return e;
}

/* ---- questions about words ---- */

/* The layout of the span that a slot is in, and bytes of the object; valid where the slot
 * stands. */
static const struct lull__layout *layout_around(const lull_heap *heap,
                                                const struct lull__slot *slot, size_t *bytes)
{
    const struct lull__span *span = lull__span_of(heap, slot->base);
    /* acquire, here and below: lull__slot_stands */
    size_t granules = __atomic_load_n(&slot->block->granules, __ATOMIC_ACQUIRE);

    if (granules != 0) {
        struct lull__cell *cell = __atomic_load_n(&span->cell, __ATOMIC_ACQUIRE);
        *bytes = granules * LULL__GRANULE;
        return cell->layout;
    }
    *bytes = __atomic_load_n(&span->bytes, __ATOMIC_ACQUIRE);
    return atomic_load_explicit(&slot->block->kind, memory_order_acquire) == LULL__KIND_LEAF
               ? heap->leaf_layout
               : __atomic_load_n(&slot->block->layout, __ATOMIC_ACQUIRE);
}

/* Of an object that nobody keeps the span may be another's at any time (.inv.issue). */
lull_object_info lull_object_of(lull_heap *heap, uintptr_t word)
{
    static const lull_object_info none = {NULL, 0, NULL};
    struct lull__slot slot = lull__resolve(heap, lull__address(heap, word));
    lull_object_info info = {.base = slot.base};

    if (slot.state == NULL || lull__state_load(slot.state) == LULL__FREE) {
        return none;
    }
    const struct lull__layout *layout = layout_around(heap, &slot, &info.size);
    if (!lull__slot_stands(&slot)) {
        return none;
    }
    if (layout->kind == LULL__KIND_GENERIC) {
        info.size -= LULL__GENERIC_HEADER;
        layout = __atomic_load_n((struct lull__layout **)(void *)(slot.base + info.size),
                                 __ATOMIC_ACQUIRE);
    }
    if (layout != NULL && lull__slot_stands(&slot)) {
        /* acquire: pairs with the release in layout.c's note_type */
        const lull_type *type = atomic_load_explicit(&layout->type, memory_order_acquire);
        info.type = type != LULL__MANY_TYPES ? type : NULL;
    }
    return info;
}
