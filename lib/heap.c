/* heap.c -- heaps: create, destroy, knobs, collections on request. */
#include <string.h>

#include "audit.h"
#include "buffer.h"
#include "callback.h"
#include "central.h"
#include "collector.h"
#include "cycle.h"
#include "ephemeron.h"
#include "error.h"
#include "finalizer.h"
#include "finalizer_thread.h"
#include "handshake.h"
#include "heap.h"
#include "layout.h"
#include "mark.h"
#include "options.h"
#include "pages.h"
#include "phases.h"
#include "pool.h"
#include "registry.h"
#include "roots.h"
#include "scavenge.h"
#include "span.h"
#include "thread.h"

#define HEAP_BYTES lull__round_up(sizeof(lull_heap), LULL__OS_PAGE)
#define CELLS_BYTES lull__round_up(LULL__CELLS * sizeof(struct lull__cell), LULL__OS_PAGE)

/* ---- create ---- */

static void init_locks(lull_heap *heap)
{
    pthread_mutex_init(&heap->types_lock, NULL);
    pthread_mutex_init(&heap->threads_lock, NULL);
    pthread_mutex_init(&heap->cycle_lock, NULL);
    pthread_mutex_init(&heap->turn_lock, NULL);
    pthread_mutex_init(&heap->pacer_lock, NULL);
    pthread_mutex_init(&heap->large.lock, NULL);
    heap->large.class_index = LULL__CLASSES;
}

static void init_values(lull_heap *heap)
{
    const lull_options *o = &heap->options;

    heap->colour = LULL__COLOUR_A;
    heap->alloc_colour = LULL__COLOUR_A;
    heap->stress = (o->debug & LULL_DEBUG_STRESS) != 0;
    heap->paced_ns = lull__os_now_ns();
    lull__pacer_init(&heap->pacer, o->gc_percent, o->memory_limit, o->heap_min);
    lull__emit(&heap->events, create, 0, heap->paced_ns, lull__os_process_cpu_ns());
    lull__phase_set_goal(heap);
}

/* The parts, in the order of lib/ORDER; what fails is undone by finish_parts. */
static bool init_parts(lull_heap *heap)
{
    init_locks(heap);
    lull__roots_init(heap);
    lull__ephemeron_init(heap);
    lull__finalizer_init(heap);
    lull__worker_init(heap);
    lull__collector_init(heap);
    lull__audit_init(heap);
    lull__states_init(heap);
    heap->cells = lull__os_map(CELLS_BYTES);
    bool pages = lull__pages_init(heap);
    bool marks = lull__mark_init(heap);
    bool pools = lull__pools_init(heap);
    return heap->cells != NULL && pages && marks && pools && lull__layout_init(heap);
}

static void finish_parts(lull_heap *heap)
{
    lull__collector_finish(heap);
    lull__worker_finish(heap);
    lull__mark_finish(heap);
    lull__buffer_pools_finish(heap);
    lull__pools_finish(heap);
    lull__audit_finish(heap);
    lull__finalizer_finish(heap);
    lull__ephemeron_finish(heap);
    lull__roots_finish(heap);
    lull__layout_finish(heap);
    lull__os_unmap(heap->cells, CELLS_BYTES);
    lull__states_finish(heap);
    lull__pages_finish(heap);
    pthread_mutex_destroy(&heap->types_lock);
    pthread_mutex_destroy(&heap->threads_lock);
    pthread_mutex_destroy(&heap->cycle_lock);
    pthread_mutex_destroy(&heap->turn_lock);
    pthread_mutex_destroy(&heap->pacer_lock);
    pthread_mutex_destroy(&heap->large.lock);
    lull__os_unmap(heap, HEAP_BYTES);
}

/* Under the registry's lock, so that a fork finds a heap whole or not at all. */
static int publish(lull_heap *heap)
{
    lull__registry_lock();
    int status = lull__handshake_init(&heap->options);
    if (status == LULL_OK) {
        heap->magic = LULL__HEAP_MAGIC;
        if (!lull__registry_add(heap)) {
            status = lull__fail(LULL_E_NO_MEMORY, "no memory to have forks go through the heap");
        }
    }
    lull__registry_unlock();
    return status;
}

int lull_heap_create(const lull_options *options, lull_heap **out)
{
    lull_options resolved;

    if (lull__refuses_any("lull_heap_create")) {
        return LULL_E_STATE;
    }
    if (out == NULL) {
        return lull__fail(LULL_E_INVALID, "lull_heap_create needs a place for the heap");
    }
    *out = NULL;
    int status = lull__options_resolve(options, &resolved);
    if (status != LULL_OK) {
        return status;
    }
    lull_heap *heap = lull__os_map(HEAP_BYTES);
    if (heap == NULL) {
        return lull__fail(LULL_E_NO_MEMORY, "no memory for a heap");
    }
    heap->options = resolved;
    heap->tagged = resolved.pointer_mask != UINTPTR_MAX || resolved.tag_mask != 0;
    if (!init_parts(heap)) {
        finish_parts(heap);
        return lull__fail(LULL_E_NO_MEMORY, "no memory for a heap, or no address space for its "
                                            "range; option `reserve` asks for less");
    }
    init_values(heap);
    status = publish(heap);
    if (status != LULL_OK) {
        finish_parts(heap);
        return status;
    }
    if (resolved.finalizer_thread && !lull__finalizer_thread_start(heap)) {
        lull_heap_destroy(heap);
        return lull__fail(LULL_E_NO_MEMORY, "the system starts no finalizer thread");
    }
    *out = heap;
    return LULL_OK;
}

/* ---- destroy ---- */

static void free_threads(lull_heap *heap)
{
    while (heap->gone.first != NULL) {
        lull_thread *t = heap->gone.first;
        heap->gone.first = t->next;
        lull__thread_free(t);
    }
}

int lull_heap_destroy(lull_heap *heap)
{
    int cancel;

    if (lull__refuses_any("lull_heap_destroy")) {
        return LULL_E_STATE;
    }
    lull__registry_lock();
    bool known = heap != NULL && lull__registry_remove(heap);
    if (!known || lull__thread_any(heap)) {
        if (known) {
            lull__registry_add(heap);
        }
        lull__registry_unlock();
        return known ? lull__fail(LULL_E_BUSY, "the heap still has attached threads")
                     : lull__fail(LULL_E_INVALID, "this is no heap, or one destroyed before");
    }
    lull__registry_unlock();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* half a heap would be left */
    lull__finalizer_thread_stop(heap);
    heap->magic = 0;
    free_threads(heap);
    lull__audit_end(heap);
    finish_parts(heap);
    pthread_setcancelstate(cancel, &cancel);
    return LULL_OK;
}

/* ---- knobs ---- */

static lull_thread *lock_pacer(lull_heap *heap)
{
    lull_thread *entered = lull__enter_any(heap);

    pthread_mutex_lock(&heap->pacer_lock);
    return entered;
}

static void unlock_pacer(lull_heap *heap, lull_thread *entered)
{
    lull__phase_set_goal(heap);
    pthread_mutex_unlock(&heap->pacer_lock);
    lull__leave_any(entered);
}

int lull_set_gc_percent(lull_heap *heap, int percent)
{
    if (lull__refuses_any("lull_set_gc_percent")) {
        return LULL_PERCENT_OFF - 1;
    }
    if (percent != LULL_PERCENT_OFF && (percent < 0 || percent > LULL__PERCENT_MAX)) {
        lull__fail(LULL_E_INVALID, "gc_percent is %d; allowed are 0 to %d and LULL_PERCENT_OFF",
                   percent, LULL__PERCENT_MAX);
        return LULL_PERCENT_OFF - 1;
    }
    lull_thread *t = lock_pacer(heap);
    int before = heap->pacer.gc_percent;
    lull__pacer_set_percent(&heap->pacer, percent);
    unlock_pacer(heap, t);
    return before;
}

size_t lull_set_memory_limit(lull_heap *heap, size_t bytes)
{
    if (lull__refuses_any("lull_set_memory_limit")) {
        return 0;
    }
    lull_thread *t = lock_pacer(heap);
    size_t before = (size_t)heap->pacer.limit_bytes;

    lull__pacer_set_limit(&heap->pacer, bytes);
    unlock_pacer(heap, t);
    return before;
}

/* ---- collections on request ---- */

static int check_collect(lull_thread *t)
{
    if (lull__refuses("a collection")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    if (t->heap->options.mode == LULL_MODE_OFF) {
        return lull__fail(LULL_E_STATE, "the heap's mode is off");
    }
    if (t->user_blocked) {
        return lull__fail(LULL_E_STATE, "a collection in a blocking section");
    }
    return LULL_OK;
}

int lull_collect(lull_thread *t)
{
    int status = check_collect(t);

    if (status == LULL_OK) {
        lull__cycle_run(t, LULL__REASON_FORCED);
        lull__pools_reap(t->heap, t, NULL);
    }
    return status;
}

size_t lull_release_memory(lull_thread *t)
{
    if (check_collect(t) != LULL_OK) {
        return 0;
    }
    lull__cycle_run(t, LULL__REASON_FORCED);
    lull__block();
    size_t bytes = lull__scavenge_all(t->heap);
    lull__unblock();
    return bytes;
}
