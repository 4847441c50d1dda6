/* fork.c -- the registry of heaps, and what fork does to them.
 *
 * A fork copies one thread and all memory. Before it every heap is brought to rest: no cycle
 * runs, all other threads are held (so none has a lock of the library or a structure in pieces),
 * the background worker is between pieces of work. The child then has one thread: the others'
 * caches and magazines are taken back, they leave the list of threads, and the heap's own
 * threads are started again when there is work.
 *
 * The forking thread may be attached to several heaps and is blocked in all of them meanwhile. */
#include <stdlib.h>

#include "cache.h"
#include "cycle.h"
#include "collector.h"
#include "finalizer_thread.h"
#include "grey.h"
#include "handshake.h"
#include "mark.h"
#include "pool.h"
#include "registry.h"
#include "scavenge.h"
#include "thread.h"

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static lull_heap *heaps;
static bool installed;

void lull__registry_lock(void)
{
    pthread_mutex_lock(&registry);
}

void lull__registry_unlock(void)
{
    pthread_mutex_unlock(&registry);
}

/* ---- before ---- */

static void come_to_rest(lull_heap *heap)
{
    pthread_mutex_lock(&heap->cycle_lock);
    lull__worker_pause(heap);
    lull__hold_all(heap);
    /* unattached threads may be in these; taken last, and nothing waits under them */
    pthread_mutex_lock(&heap->roots_lock);
    pthread_mutex_lock(&heap->types_lock);
    pthread_mutex_lock(&heap->pacer_lock);
}

static void before(void)
{
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        lull__enter(t);
        if (!t->user_blocked) {
            lull__block(t);
        }
    }
    pthread_mutex_lock(&registry);
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        come_to_rest(heap);
    }
}

/* ---- after ---- */

static void go_on(lull_heap *heap)
{
    pthread_mutex_unlock(&heap->pacer_lock);
    pthread_mutex_unlock(&heap->types_lock);
    pthread_mutex_unlock(&heap->roots_lock);
    lull__release_all(heap);
    lull__worker_resume(heap);
    pthread_mutex_unlock(&heap->cycle_lock);
}

static void unblock_self(void)
{
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        if (!t->user_blocked) {
            lull__unblock(t);
        }
        lull__leave(t);
    }
}

static void after_in_parent(void)
{
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        go_on(heap);
    }
    pthread_mutex_unlock(&registry);
    unblock_self();
}

/* The threads that were not copied leave the heap; what they held in caches is free again. */
static void lose_threads(lull_heap *heap)
{
    lull_thread **link = &heap->threads;

    while (*link != NULL) {
        lull_thread *t = *link;
        if (lull__thread_is_mine(t)) {
            t->pthread = pthread_self();
            link = &t->next;
            continue;
        }
        lull__pool_thread_finish(t);
        lull__cache_retire_all(t);
        lull__grey_drop(t);
        lull__mark_assist_finish(t);
        *link = t->next;
        t->next = heap->gone_threads;
        heap->gone_threads = t;
        heap->thread_count--;
        atomic_store_explicit(&t->state, LULL__THREAD_GONE, memory_order_relaxed);
        lull__emit(&heap->events, thread_detach, t->number, heap->thread_count);
    }
}

static void heap_in_child(lull_heap *heap)
{
    bool finalizer_thread = heap->finalizers.thread_started;

    lull__pools_fork_child(heap);
    lose_threads(heap);
    lull__mark_fork_child(heap);
    go_on(heap);
    lull__worker_fork_child(heap);
    lull__collector_fork_child(heap);
    pthread_cond_init(&heap->finalizers.wake, NULL);
    heap->finalizers.thread_started = false;
    if (finalizer_thread) {
        lull__finalizer_thread_start(heap);
    }
}

static void after_in_child(void)
{
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        heap_in_child(heap);
    }
    pthread_mutex_unlock(&registry);
    unblock_self();
}

/* ---- the registry ---- */

void lull__registry_add(lull_heap *heap)
{
    if (!installed) {
        pthread_atfork(before, after_in_parent, after_in_child);
        installed = true;
    }
    heap->registry_next = heaps;
    heaps = heap;
}

bool lull__registry_remove(lull_heap *heap)
{
    lull_heap **link = &heaps;

    while (*link != NULL && *link != heap) {
        link = &(*link)->registry_next;
    }
    if (*link == NULL) {
        return false;
    }
    *link = heap->registry_next;
    return true;
}
