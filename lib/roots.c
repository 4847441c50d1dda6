/* roots.c -- where marking starts.
 *
 *   stacks    of conservative threads, from where they stood to their base, and the registers
 *   frames    shadow stacks of any thread: the roots lie behind each frame's head
 *   tracers   a thread's own callback
 *   handles   cells in chunks of the heap's; a free cell holds no object's address
 *   ranges    registered memory of the program's, conservative
 *
 * A free handle's word is the address of the next free one: outside the heap's range. */
#include "roots.h"

#include "callback.h"
#include "error.h"
#include "thread.h"

#define HANDLE_CHUNK_BYTES lull__round_up(sizeof(struct lull__handle_chunk), LULL__OS_PAGE)

void lull__roots_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->roots_lock, NULL);
}

void lull__roots_finish(lull_heap *heap)
{
    struct lull__handle_chunk *chunk = heap->roots.handles;

    while (chunk != NULL) {
        struct lull__handle_chunk *next = chunk->next;
        lull__os_unmap(chunk, HANDLE_CHUNK_BYTES);
        chunk = next;
    }
    lull__os_unmap(heap->roots.range, heap->roots.range_capacity * sizeof *heap->roots.range);
    pthread_mutex_destroy(&heap->roots_lock);
}

/* ---- scanning ---- */

static void trace_words(lull_tracer *tracer, const void *start, const void *end)
{
    tracer->range(tracer, start, end);
}

static size_t trace_stack(const lull_thread *t, lull_tracer *tracer)
{
    char *low = (char *)((uintptr_t)t->stack_pointer & ~(sizeof(uintptr_t) - 1));

    trace_words(tracer, t->registers, t->registers + LULL__REGISTERS);
    trace_words(tracer, t->spill, t->spill + t->spill_words);
    if (low < t->stack_low || low > t->stack_high) {
        return 0; /* on a stack that was never told: lull_stack_set says that it must not be */
    }
    trace_words(tracer, low, t->stack_high);
    return (size_t)(t->stack_high - low);
}

size_t lull__roots_scan_frames(const lull_thread *t, lull_tracer *tracer)
{
    size_t bytes = 0;

    for (const lull_frame *frame = t->frames; frame != NULL; frame = frame->previous) {
        const uintptr_t *roots = (const uintptr_t *)(const void *)(frame + 1);
        trace_words(tracer, roots, roots + frame->count);
        bytes += frame->count * sizeof(uintptr_t);
    }
    return bytes;
}

size_t lull__roots_scan_thread(lull_thread *t, lull_tracer *tracer)
{
    size_t bytes = t->kind == LULL_STACK_CONSERVATIVE ? trace_stack(t, tracer) : 0;

    bytes += lull__roots_scan_frames(t, tracer);
    if (t->tracer != NULL) {
        t->tracer(tracer, NULL, 0, t->tracer_arg);
    }
    return bytes;
}

size_t lull__roots_scan_globals(lull_heap *heap, lull_tracer *tracer)
{
    size_t bytes = 0;

    pthread_mutex_lock(&heap->roots_lock);
    for (size_t i = 0; i < heap->roots.range_count; i++) {
        const struct lull__root_range *range = &heap->roots.range[i];
        trace_words(tracer, range->start, range->end);
        bytes += (size_t)((char *)range->end - (char *)range->start);
    }
    for (struct lull__handle_chunk *c = heap->roots.handles; c != NULL; c = c->next) {
        for (size_t i = 0; i < LULL__HANDLES_PER_CHUNK; i++) {
            /* relaxed: handles change while threads run; none does now */
            uintptr_t word = atomic_load_explicit(&c->handle[i].word, memory_order_relaxed);
            tracer->range(tracer, &word, &word + 1);
        }
        bytes += sizeof *c;
    }
    pthread_mutex_unlock(&heap->roots_lock);
    return bytes;
}

/* ---- frames and tracers ---- */

int lull_frame_push(lull_thread *t, lull_frame *frame)
{
    frame->previous = t->frames;
    atomic_signal_fence(memory_order_seq_cst); /* whole before the stop signal can find it */
    t->frames = frame;
    return LULL_OK;
}

int lull_frame_pop(lull_thread *t, lull_frame *frame)
{
    if (t->frames != frame) {
        return lull__fail(LULL_E_STATE, "the frame popped is not the last one pushed");
    }
    t->frames = frame->previous;
    atomic_signal_fence(memory_order_seq_cst); /* before the frame's memory is used again */
    return LULL_OK;
}

int lull_set_tracer(lull_thread *t, lull_trace_fn trace, void *arg)
{
    if (lull__refuses_any("lull_set_tracer")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    lull__enter(t);
    t->tracer = trace;
    atomic_store_explicit(&t->heap->callbacks, true, memory_order_relaxed);
    t->tracer_arg = arg;
    lull__leave(t);
    return LULL_OK;
}

/* ---- handles ---- */

/* Under roots_lock. */
static bool add_handles(struct lull__roots *roots)
{
    struct lull__handle_chunk *chunk = lull__os_map(HANDLE_CHUNK_BYTES);

    if (chunk == NULL) {
        return false;
    }
    for (size_t i = 0; i < LULL__HANDLES_PER_CHUNK; i++) {
        struct lull_handle *next = i + 1 < LULL__HANDLES_PER_CHUNK ? &chunk->handle[i + 1] : NULL;
        atomic_store_explicit(&chunk->handle[i].word, (uintptr_t)next, memory_order_relaxed);
    }
    chunk->next = roots->handles;
    roots->handles = chunk;
    roots->free_handle = &chunk->handle[0];
    return true;
}

lull_handle *lull_handle_new(lull_thread *t, void *object)
{
    struct lull__roots *roots = &t->heap->roots;
    struct lull_handle *handle = NULL;

    if (lull__refuses_any("lull_handle_new")) {
        return NULL;
    }
    lull__enter(t);
    pthread_mutex_lock(&t->heap->roots_lock);
    if (roots->free_handle != NULL || add_handles(roots)) {
        handle = roots->free_handle;
        roots->free_handle =
            (struct lull_handle *)atomic_load_explicit(&handle->word, memory_order_relaxed);
        handle->used = 1;
    }
    pthread_mutex_unlock(&t->heap->roots_lock);
    if (handle != NULL) {
        lull_handle_set(t, handle, object);
    } else {
        lull__fail(LULL_E_NO_MEMORY, "no memory for a handle");
    }
    lull__leave(t);
    return handle;
}

void *lull_handle_get(const lull_handle *handle)
{
    /* acquire: pairs with the release in lull_store; the object's fields are visible */
    return (void *)atomic_load_explicit(&handle->word, memory_order_acquire);
}

void lull_handle_set(lull_thread *t, lull_handle *handle, void *object)
{
    if (lull__refuses_any("lull_handle_set")) {
        return;
    }
    lull_store(t, (void *)&handle->word, object);
}

void lull_handle_free(lull_thread *t, lull_handle *handle)
{
    struct lull__roots *roots = &t->heap->roots;

    if (lull__refuses_any("lull_handle_free")) {
        return;
    }
    if (handle == NULL) {
        return;
    }
    lull__enter(t);
    pthread_mutex_lock(&t->heap->roots_lock);
    LULL_ASSERT_VALUES(handle->used == 1, handle, handle->used); /* freed once */
    handle->used = 0;
    atomic_store_explicit(&handle->word, (uintptr_t)roots->free_handle, memory_order_relaxed);
    roots->free_handle = handle;
    pthread_mutex_unlock(&t->heap->roots_lock);
    lull__leave(t);
}

/* ---- ranges ---- */

static lull_thread *lock_roots(lull_heap *heap)
{
    lull_thread *entered = lull__enter_any(heap);

    pthread_mutex_lock(&heap->roots_lock);
    return entered;
}

static int unlock_roots(lull_heap *heap, lull_thread *entered, int status)
{
    pthread_mutex_unlock(&heap->roots_lock);
    lull__leave_any(entered);
    return status;
}

static struct lull__root_range make_range(const void *start, size_t bytes, bool unbarriered)
{
    uintptr_t *first = (uintptr_t *)(uintptr_t)start;

    if ((uintptr_t)start % sizeof(uintptr_t) != 0 || bytes < sizeof(uintptr_t) ||
        (uintptr_t)start + bytes < (uintptr_t)start) {
        lull__fail(LULL_E_INVALID,
                   "root range of %zu bytes at %p: aligned, at least one word are allowed", bytes,
                   start);
        return (struct lull__root_range){NULL, NULL, false};
    }
    return (struct lull__root_range){first, first + bytes / sizeof(uintptr_t), unbarriered};
}

/* Room for one more, by mapping: whoever has malloc's lock may be held, waiting for the collector,
 * which waits for this lock. */
static bool grow_ranges(struct lull__roots *roots)
{
    size_t capacity = lull__max(LULL__OS_PAGE / sizeof *roots->range, roots->range_capacity * 2);
    struct lull__root_range *grown;

    if (roots->range_count < roots->range_capacity) {
        return true;
    }
    grown = lull__os_map(capacity * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i < roots->range_count; i++) {
        grown[i] = roots->range[i];
    }
    lull__os_unmap(roots->range, roots->range_capacity * sizeof *grown);
    roots->range = grown;
    roots->range_capacity = capacity;
    return true;
}

static int add_range(lull_heap *heap, const void *start, size_t bytes, bool unbarriered)
{
    struct lull__roots *roots = &heap->roots;
    struct lull__root_range range = make_range(start, bytes, unbarriered);

    if (range.start == NULL) {
        return LULL_E_INVALID;
    }
    lull_thread *t = lock_roots(heap);
    if (!grow_ranges(roots)) {
        return unlock_roots(heap, t, lull__fail(LULL_E_NO_MEMORY, "no memory for a root range"));
    }
    roots->range[roots->range_count++] = range;
    atomic_fetch_add_explicit(&roots->unbarriered, range.unbarriered, memory_order_relaxed);
    return unlock_roots(heap, t, LULL_OK);
}

int lull_roots_add(lull_heap *heap, const void *start, size_t bytes)
{
    if (lull__refuses_any("lull_roots_add")) {
        return LULL_E_STATE;
    }
    return add_range(heap, start, bytes, false);
}

int lull_roots_add_unbarriered(lull_heap *heap, const void *start, size_t bytes)
{
    if (lull__refuses_any("lull_roots_add_unbarriered")) {
        return LULL_E_STATE;
    }
    return add_range(heap, start, bytes, true);
}

int lull_roots_remove(lull_heap *heap, const void *start, size_t bytes)
{
    struct lull__roots *roots = &heap->roots;
    struct lull__root_range range = make_range(start, bytes, false);

    if (lull__refuses_any("lull_roots_remove")) {
        return LULL_E_STATE;
    }
    if (range.start == NULL) {
        return LULL_E_INVALID;
    }
    lull_thread *t = lock_roots(heap);
    for (size_t i = 0; i < roots->range_count; i++) {
        if (roots->range[i].start == range.start && roots->range[i].end == range.end) {
            atomic_fetch_sub_explicit(&roots->unbarriered, roots->range[i].unbarriered,
                                      memory_order_relaxed);
            roots->range[i] = roots->range[--roots->range_count];
            return unlock_roots(heap, t, LULL_OK);
        }
    }
    int status = lull__fail(LULL_E_INVALID, "no root range of %zu bytes at %p", bytes, start);
    return unlock_roots(heap, t, status);
}

bool lull__roots_cover(lull_heap *heap, const void *field)
{
    const struct lull__roots *roots = &heap->roots;
    lull_thread *entered = lock_roots(heap);
    bool covered = false;

    for (size_t i = 0; i < roots->range_count; i++) {
        covered |= (uintptr_t)field >= (uintptr_t)roots->range[i].start &&
                   (uintptr_t)field + sizeof(void *) <= (uintptr_t)roots->range[i].end;
    }
    unlock_roots(heap, entered, LULL_OK);
    return covered;
}
