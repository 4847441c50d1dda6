/* fork.c -- the registry of heaps, and what fork does to them.
 *
 * A fork copies one thread and all memory. Before it every heap is brought to rest: no cycle
 * runs, all other threads are out of the library (so none has a lock of it or a structure in
 * pieces), the background worker is between pieces of work. They are not held: see handshake.c.
 * The child then has one thread: the others' caches and magazines are taken back, they leave the
 * list of threads, and the heap's own threads are started again when there is work.
 *
 * The forking thread may be attached to several heaps and is blocked in all of them meanwhile.
 * All heaps are without cycles before the first gate closes, and all gates are closed before any
 * is waited for: so nobody is held in one heap by a cycle that waits for a gate of another.
 *
 * The argument; p. is a property of the model, tests/model/fork.pml, and capitals are steps that it
 * has left out.
 *
 * .arg.fork   No cycle begins while cycle_lock is held, and the present one ends, as who forks is
 *   blocked while it waits: the collector takes its part. Then every other thread stands, or has
 *   said that it is outside; who goes on meanwhile looks at the gate again before it touches
 *   anything (.inv.stop). So the child finds no phase begun, no lock held, and nothing in pieces.
 *   (p.fork, p.end; WITHOUT_CYCLE_END, WITHOUT_WAIT, WITHOUT_SECOND_LOOK, WITHOUT_BLOCK)
 * .arg.locks  A thread that is blocked, or is attached to no heap, passes no gate, and may have a
 *   lock: the forking thread takes those locks itself. Not before all are out of all heaps: one
 *   that is still in a heap may want a lock of it, or of another that it asks for statistics, and
 *   would be waited for. (p.fork, p.end; WITHOUT_LOCKS, LOCKS_FIRST)
 * .arg.child  What waited for the fork in the parent, for turn_lock, for a cycle that was asked
 *   for, or to be asked for its part, is not in the child, and must not be waited for there; nor
 *   is a thread that was about to be one of the heap's (pool_thread.c, forget_comers).
 *   (p.end; WITHOUT_TURN, WITHOUT_WANTED, WITHOUT_LOST_THREADS) */
#include <stdlib.h>

#include "audit.h"
#include "cache.h"
#include "callback.h"
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

/* Blocked while it waits, and while it has it: a forking thread with the lock waits for all
 * others. */
void lull__registry_lock(void)
{
    lull__block();
    pthread_mutex_lock(&registry);
}

void lull__registry_unlock(void)
{
    pthread_mutex_unlock(&registry);
    lull__unblock();
}

/* ---- before ---- */

static void end_cycles(lull_heap *heap)
{
    lull__collector_lock(heap);
    lull__worker_pause(heap);
}

/* .arg.locks. Nothing waits under them. */
static void take_locks(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pools_lock); /* of whoever changes a pool, who may want the others */
    pthread_mutex_lock(&heap->roots_lock);
    pthread_mutex_lock(&heap->types_lock);
    pthread_mutex_lock(&heap->finalizers.lock);
    pthread_mutex_lock(&heap->pacer_lock);
    pthread_mutex_lock(&heap->pages.lock); /* of whoever reads statistics */
}

/* A fork by a callback that may have locks of the library, or be what the collector waits for. No
 * heap can be brought to rest then, so none is: in the child the thread is in its callback until it
 * calls exec or _exit, and no call touches a heap. */
static bool leaves_heaps(void)
{
    return lull__callback >= LULL__CALLBACK_INSIDE;
}

static void before(void)
{
    if (leaves_heaps()) {
        return;
    }
    lull__registry_lock();
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        end_cycles(heap);
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        lull__gate_all(heap);
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        lull__gate_wait(heap);
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        take_locks(heap);
    }
}

/* ---- after ---- */

static void open_gate(lull_heap *heap)
{
    pthread_mutex_unlock(&heap->pages.lock);
    pthread_mutex_unlock(&heap->pacer_lock);
    pthread_mutex_unlock(&heap->finalizers.lock);
    pthread_mutex_unlock(&heap->types_lock);
    pthread_mutex_unlock(&heap->roots_lock);
    lull__release_all(heap);
}

/* Cycles begin again only when all gates are open. */
static void go_on(void)
{
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        open_gate(heap);
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        lull__worker_resume(heap);
        pthread_mutex_unlock(&heap->cycle_lock);
    }
}

static void after_in_parent(void)
{
    if (leaves_heaps()) {
        return;
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        pthread_mutex_unlock(&heap->pools_lock);
    }
    go_on();
    lull__registry_unlock();
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
        if (atomic_load_explicit(&t->state, memory_order_relaxed) == LULL__THREAD_OUTSIDE) {
            /* it was anywhere in the program, as where a signal holds a thread */
            atomic_store_explicit(&t->standing, LULL__THREAD_SIGNALLED, memory_order_relaxed);
        }
        lull__pool_thread_finish(t);
        lull__cache_retire_all(t);
        lull__grey_drop(t);
        lull__mark_assist_finish(t);
        *link = t->next;
        heap->thread_count--;
        lull__emit(&heap->events, thread_detach, t->number, heap->thread_count);
        lull_thread *oldest = lull__thread_gone(t);
        if (oldest != NULL) {
            lull__thread_free(oldest);
        }
    }
}

/* The heap's own threads. A finalizer that forked is the child's finalizer thread. */
static void revive(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    lull__worker_fork_child(heap);
    lull__collector_fork_child(heap);
    pthread_cond_init(&f->wake, NULL);
    if (f->thread_started && !pthread_equal(f->thread, pthread_self())) {
        lull__finalizer_thread_start(heap);
    }
}

static void after_in_child(void)
{
    if (leaves_heaps()) {
        return;
    }
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        pthread_mutex_unlock(&heap->pools_lock); /* lost threads leave their pools under it */
        lull__pools_fork_child(heap);
        lull__audit_fork_child(heap, heap->thread_count > (lull_self(heap) != NULL));
        lose_threads(heap);
        lull__mark_fork_child(heap);
    }
    go_on();
    for (lull_heap *heap = heaps; heap != NULL; heap = heap->registry_next) {
        revive(heap);
    }
    lull__registry_unlock();
}

/* ---- the registry ---- */

bool lull__registry_add(lull_heap *heap)
{
    if (!installed && pthread_atfork(before, after_in_parent, after_in_child) != 0) {
        return false;
    }
    installed = true;
    heap->registry_next = heaps;
    heaps = heap;
    return true;
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
