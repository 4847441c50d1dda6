/* scavenge.c -- the heap's background worker.
 *
 * One thread, started when there is first something for it to do: it sweeps what a cycle left,
 * and releases idle memory beyond what the next goal needs at about 1 % of a CPU (pacer.h has
 * the arithmetic). Small heaps sweep as they allocate, and do not wake it. */
#include "scavenge.h"

#include <errno.h>
#include <time.h>

#include "central.h"
#include "pages.h"
#include "pool.h"

#define SWEEP_BATCH 64           /* spans between looks at whether to stop */
#define SWEEP_WORTH_WAKING 256   /* spans: 8 MiB; fewer are swept by whoever allocates */
#define RELEASE_MOST_BLOCKS 32   /* 1 MiB a step */
#define STEP_NS 10000000         /* between steps of the scavenger: 10 ms */

void lull__worker_init(lull_heap *heap)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&heap->worker.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&heap->worker.wake, &attr);
    pthread_condattr_destroy(&attr);
    heap->worker.retain = SIZE_MAX;
}

void lull__worker_finish(lull_heap *heap)
{
    struct lull__worker *w = &heap->worker;

    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_broadcast(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}

void lull__worker_fork_child(lull_heap *heap)
{
    size_t retain = heap->worker.retain;

    heap->worker.started = false;
    lull__worker_init(heap);
    heap->worker.retain = retain;
}

/* ---- releasing ---- */

static size_t release(lull_heap *heap, size_t blocks)
{
    uint64_t start_ns = lull__os_thread_cpu_ns();
    size_t bytes = lull__pages_release(heap, blocks);

    if (bytes != 0) {
        lull__emit(&heap->events, release, 0, bytes, lull__os_thread_cpu_ns() - start_ns);
    }
    return bytes;
}

size_t lull__scavenge_all(lull_heap *heap)
{
    size_t total = 0;
    size_t bytes;

    do {
        pthread_mutex_lock(&heap->worker.lock); /* for a fork: no lock is held by who is blocked */
        bytes = release(heap, SIZE_MAX);
        pthread_mutex_unlock(&heap->worker.lock);
        total += bytes;
    } while (bytes != 0);
    return total;
}

/* Bytes idle beyond what shall stay resident. */
static size_t excess(lull_heap *heap, size_t retain)
{
    size_t used = atomic_load_explicit(&heap->pages.used_blocks, memory_order_relaxed);
    size_t idle = lull__pages_idle_bytes(heap);
    size_t resident = used * LULL__BLOCK + idle;

    return resident > retain ? lull__min(resident - retain, idle) : 0;
}

/* One step within the budget; false: nothing to release. */
static bool scavenge_step(lull_heap *heap, struct lull__scavenge_rate *rate, size_t retain,
                          uint64_t elapsed_ns)
{
    size_t bytes = excess(heap, retain);
    uint64_t budget = lull__scavenge_rate_budget(rate, elapsed_ns);

    if (bytes < LULL__BLOCK) {
        return false;
    }
    size_t blocks = lull__min(lull__min(bytes, budget) / LULL__BLOCK, RELEASE_MOST_BLOCKS);
    if (blocks != 0) {
        uint64_t start_ns = lull__os_thread_cpu_ns();
        size_t released = release(heap, blocks);
        lull__scavenge_rate_spent(rate, released, lull__os_thread_cpu_ns() - start_ns);
        return released != 0;
    }
    return true;
}

/* ---- the thread ---- */

static void wait_step(struct lull__worker *w)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STEP_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&w->wake, &w->lock, &until);
}

static void sweep(lull_heap *heap)
{
    uint64_t start_ns = lull__os_thread_cpu_ns();
    size_t swept = lull__central_sweep(heap, SWEEP_BATCH);

    heap->worker.sweep = swept == SWEEP_BATCH;
    lull__emit(&heap->events, sweep, 0, swept, lull__os_thread_cpu_ns() - start_ns, 0);
}

/* The lock is held while it works, in pieces: whoever takes it finds the worker at rest. */
static void *worker_thread(void *arg)
{
    lull_heap *heap = arg;
    struct lull__worker *w = &heap->worker;
    struct lull__scavenge_rate rate;
    uint64_t last_ns = lull__os_now_ns();
    bool scavenging = true;

    lull__scavenge_rate_init(&rate);
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (lull__pools_doomed(heap)) {
            lull__pools_reap(heap, NULL, &w->lock);
        }
        if (w->sweep) {
            sweep(heap);
            pthread_mutex_unlock(&w->lock); /* let whoever waits in */
            pthread_mutex_lock(&w->lock);
            scavenging = true;
            continue;
        }
        if (scavenging) {
            uint64_t now_ns = lull__os_now_ns();
            scavenging = scavenge_step(heap, &rate, w->retain, now_ns - last_ns);
            last_ns = now_ns;
            wait_step(w);
        } else {
            pthread_cond_wait(&w->wake, &w->lock);
            scavenging = true;
            last_ns = lull__os_now_ns();
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void lull__worker_wake(lull_heap *heap, size_t retain)
{
    struct lull__worker *w = &heap->worker;
    bool sweep_wanted =
        atomic_load_explicit(&heap->unswept, memory_order_relaxed) >= SWEEP_WORTH_WAKING;

    pthread_mutex_lock(&w->lock);
    w->retain = retain;
    bool wanted = sweep_wanted || lull__pools_doomed(heap) ||
                  excess(heap, retain) >= RELEASE_MOST_BLOCKS * LULL__BLOCK;
    if (wanted && !w->started) {
        w->started = lull__os_thread_start(&w->thread, worker_thread, heap, "lull-worker");
    }
    w->sweep = sweep_wanted;
    if (wanted && w->started) {
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
}

void lull__worker_pause(lull_heap *heap)
{
    pthread_mutex_lock(&heap->worker.lock);
}

void lull__worker_resume(lull_heap *heap)
{
    pthread_mutex_unlock(&heap->worker.lock);
}
