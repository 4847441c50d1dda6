/* finalizer.c -- finalizers.
 *
 * A hash table by object, open, with linear probing and tombstones; and a ring of the entries
 * that are due. The ring always has room for every entry of the table, so that queueing in a
 * pause never needs memory (.inv.room).
 *
 * The order of a cycle is in cycle.c: weak references are cleared first, then all dead objects
 * with finalizers are queued at once, in no order among them, then what they reach is revived. */
#include "finalizer.h"

#include "callback.h"
#include "error.h"
#include "handshake.h"
#include "thread.h"

#define TOMBSTONE ((void *)1)
#define ROUND(bytes) lull__round_up((bytes), LULL__OS_PAGE)
#define CAPACITY_MIN 128

void lull__finalizer_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->finalizers.lock, NULL);
    pthread_cond_init(&heap->finalizers.wake, NULL);
}

static void unmap_entries(struct lull__finalizer *entries, size_t capacity)
{
    lull__os_unmap(entries, ROUND(capacity * sizeof *entries));
}

static struct lull__finalizer *map_entries(size_t capacity)
{
    return lull__os_map(ROUND(capacity * sizeof(struct lull__finalizer)));
}

void lull__finalizer_finish(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    unmap_entries(f->table, f->capacity);
    unmap_entries(f->ready, f->ready_capacity);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
}

/* ---- the table; under lock ---- */

static size_t probe_start(const struct lull__finalizers *f, const void *object)
{
    return (size_t)(((uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15)) >> 20) &
           (f->capacity - 1);
}

/* The entry of `object`, or where it would go; NULL: it has none and `vacant` is not wanted. */
static struct lull__finalizer *find(struct lull__finalizers *f, void *object, bool vacant)
{
    struct lull__finalizer *place = NULL;

    if (f->capacity == 0) {
        return NULL;
    }
    for (size_t i = probe_start(f, object);; i = (i + 1) & (f->capacity - 1)) {
        struct lull__finalizer *entry = &f->table[i];
        if (entry->object == object) {
            return entry;
        }
        if (place == NULL && entry->object == TOMBSTONE) {
            place = entry;
        }
        if (entry->object == NULL) {
            place = place != NULL ? place : entry;
            return vacant ? place : NULL;
        }
    }
}

static bool is_entry(const struct lull__finalizer *entry)
{
    return entry->object != NULL && entry->object != TOMBSTONE;
}

/* Makes the table so large that a quarter is free of entries and tombstones. */
static bool rehash(struct lull__finalizers *f)
{
    struct lull__finalizers old = {.table = f->table, .capacity = f->capacity};
    size_t capacity = CAPACITY_MIN;

    while (capacity / 2 < f->count + 1) {
        capacity *= 2;
    }
    struct lull__finalizer *table = map_entries(capacity);
    if (table == NULL) {
        return false;
    }
    f->table = table;
    f->capacity = capacity;
    f->used = f->count;
    for (size_t i = 0; i < old.capacity; i++) {
        if (is_entry(&old.table[i])) {
            *find(f, old.table[i].object, true) = old.table[i];
        }
    }
    unmap_entries(old.table, old.capacity);
    return true;
}

/* .inv.room: the ring holds what is queued and could be. */
static bool make_room(struct lull__finalizers *f)
{
    size_t queued =
        atomic_load_explicit(&f->ready_count, memory_order_relaxed) + f->due_count;
    size_t capacity = lull__max(f->ready_capacity, CAPACITY_MIN);

    while (capacity < queued + f->count + 1) {
        capacity *= 2;
    }
    if (capacity == f->ready_capacity) {
        return true;
    }
    struct lull__finalizer *ready = map_entries(capacity);
    if (ready == NULL) {
        return false;
    }
    for (size_t i = 0; i < queued; i++) {
        ready[i] = f->ready[(f->ready_head + i) & (f->ready_capacity - 1)];
    }
    unmap_entries(f->ready, f->ready_capacity);
    f->ready = ready;
    f->ready_capacity = capacity;
    f->ready_head = 0;
    return true;
}

static int set_locked(struct lull__finalizers *f, void *object, lull_finalizer_fn fn, void *arg)
{
    struct lull__finalizer *entry = find(f, object, false);

    if (fn == NULL) {
        if (entry != NULL) {
            *entry = (struct lull__finalizer){.object = TOMBSTONE};
            f->count--;
        }
        return LULL_OK;
    }
    if (entry == NULL) {
        if (!make_room(f) || ((f->used + 1) * 4 > f->capacity * 3 && !rehash(f))) {
            return lull__fail(LULL_E_NO_MEMORY, "no memory for a finalizer");
        }
        entry = find(f, object, true);
        f->used += entry->object == NULL;
        f->count++;
    }
    *entry = (struct lull__finalizer){object, fn, arg};
    return LULL_OK;
}

int lull_finalizer_set(lull_thread *t, void *object, lull_finalizer_fn fn, void *arg)
{
    lull_heap *heap = t->heap;
    struct lull__slot slot = lull__resolve(heap, lull__address(heap, (uintptr_t)object));

    if (lull__refuses_any("lull_finalizer_set")) {
        return LULL_E_STATE;
    }
    if (slot.state == NULL || lull__state_load(slot.state) == LULL__FREE) {
        return lull__fail(LULL_E_INVALID, "%p is no object of this heap", object);
    }
    lull__enter(t);
    pthread_mutex_lock(&heap->finalizers.lock);
    int status = set_locked(&heap->finalizers, slot.base, fn, arg);
    pthread_mutex_unlock(&heap->finalizers.lock);
    lull__leave(t);
    return status;
}

/* ---- the collector's side; all threads held ---- */

/* Under lock: the entries [from, to) of the ring. */
static void scan_ready(struct lull__finalizers *f, size_t from, size_t to, lull_tracer *tracer)
{
    for (size_t i = from; i < to; i++) {
        size_t place = (f->ready_head + i) & (f->ready_capacity - 1);
        const struct lull__finalizer *due = &f->ready[place];
        const uintptr_t *word = (const uintptr_t *)(const void *)&due->object;
        tracer->range(tracer, word, word + 1);
    }
}

void lull__finalizer_scan(lull_heap *heap, lull_tracer *tracer)
{
    struct lull__finalizers *f = &heap->finalizers;

    pthread_mutex_lock(&f->lock);
    scan_ready(f, 0, atomic_load_explicit(&f->ready_count, memory_order_relaxed) + f->due_count,
               tracer);
    pthread_mutex_unlock(&f->lock);
}

size_t lull__finalizer_queue(lull_heap *heap, struct lull__marker *m)
{
    struct lull__finalizers *f = &heap->finalizers;

    pthread_mutex_lock(&f->lock);
    size_t queued = atomic_load_explicit(&f->ready_count, memory_order_relaxed);
    size_t before = queued;

    for (size_t i = 0; i < f->capacity; i++) {
        struct lull__finalizer *entry = &f->table[i];
        if (!is_entry(entry)) {
            continue;
        }
        struct lull__slot slot = lull__resolve(heap, (uintptr_t)entry->object);
        if (lull__mark_missed(m, &slot)) {
            f->ready[(f->ready_head + queued++) & (f->ready_capacity - 1)] = *entry;
            *entry = (struct lull__finalizer){.object = TOMBSTONE};
            f->count--;
        }
    }
    f->due_count = queued - before;
    scan_ready(f, before, queued, &m->tracer);
    pthread_mutex_unlock(&f->lock);
    return queued - before;
}

void lull__finalizer_publish(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    pthread_mutex_lock(&f->lock);
    size_t queued = atomic_load_explicit(&f->ready_count, memory_order_relaxed);
    /* relaxed: read under the lock, or as a hint */
    atomic_store_explicit(&f->ready_count, queued + f->due_count, memory_order_relaxed);
    f->due_count = 0;
    pthread_mutex_unlock(&f->lock);
}

void lull__finalizer_wake(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    if (heap->options.finalizer_thread) {
        pthread_mutex_lock(&f->lock);
        pthread_cond_signal(&f->wake);
        pthread_mutex_unlock(&f->lock);
    }
}

/* ---- running ---- */

/* Takes the oldest due finalizer; the thread's stack holds its object from here on. */
static bool take(lull_thread *t, struct lull__finalizer *due)
{
    struct lull__finalizers *f = &t->heap->finalizers;

    lull__enter(t);
    pthread_mutex_lock(&f->lock);
    size_t queued = atomic_load_explicit(&f->ready_count, memory_order_relaxed);
    if (queued != 0) {
        *due = f->ready[f->ready_head];
        f->ready_head = (f->ready_head + 1) & (f->ready_capacity - 1);
        atomic_store_explicit(&f->ready_count, queued - 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&f->lock);
    lull__leave(t);
    return queued != 0;
}

/* The object is held by a frame, for threads whose stack is not scanned. */
static void run(lull_thread *t, const struct lull__finalizer *due)
{
    uint64_t start_ns = lull__os_now_ns();
    LULL_FRAME(t, frame, 1);

    frame.root[0] = due->object;
    t->in_finalizer++;
    due->fn(t, due->object, due->arg);
    t->in_finalizer--;
    lull_frame_pop(t, &frame.head);
    lull__emit(&t->heap->events, finalizer_run, t->number, lull__os_now_ns() - start_ns);
}

size_t lull_finalizers_run(lull_thread *t, size_t max)
{
    struct lull__finalizer due;
    size_t ran = 0;

    if (lull__refuses("lull_finalizers_run")) {
        return 0;
    }
    if (!lull__thread_check(t) || t->in_finalizer != 0) {
        return 0;
    }
    while ((max == 0 || ran < max) && take(t, &due)) {
        run(t, &due);
        ran++;
    }
    return ran;
}

size_t lull_finalizers_pending(lull_heap *heap)
{
    return atomic_load_explicit(&heap->finalizers.ready_count, memory_order_relaxed);
}
