/* markers.c -- the marker threads, and marking from its beginning to its end.
 *
 * A drain is done by the collecting thread's marker, which is the first, and by as many marker
 * threads as come before it is over: nobody waits for one that is late. */
#include <stdlib.h>

#include "callback.h"
#include "drain.h"
#include "mark_stack.h"

/* ---- the threads ---- */

static void *marker_thread(void *arg)
{
    struct lull__marker *m = arg;
    struct lull__marker_pool *pool = &m->heap->markers;
    uint64_t last = 0;

    if (lull__runs_beside(m->heap)) {
        lull__os_thread_be_nice(LULL__PACER_MARKER_NICE);
    }
    lull__callback_begin(LULL__CALLBACK_TRACE); /* to its end */
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
        lull__drain_all(m, true);
        m->cpu_ns += lull__os_thread_cpu_ns() - cpu_ns;
        pthread_mutex_lock(&pool->lock);
        pool->left++;
        pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void begin_drain(lull_heap *heap, uint32_t markers)
{
    struct lull__marker_pool *pool = &heap->markers;

    pthread_mutex_lock(&pool->lock);
    uint32_t helpers = (uint32_t)lull__min(markers - 1, pool->started);
    for (uint32_t i = 1; i <= pool->started; i++) {
        lull__drain_prepare(&pool->marker[i]); /* any of them may be the ones to join */
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
        lull__mark_make(&pool->marker[i], heap, lull__mark_kernel_choose(heap->tagged));
    }
    return lull__drain_equip(&pool->marker[0]);
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
        if (!lull__drain_equip(m) ||
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

    lull__drain_prepare(m);
    m->cpu_ns -= lull__os_thread_cpu_ns();
    return m;
}

void lull__mark_drain(lull_heap *heap, uint32_t markers)
{
    struct lull__marker *m = &heap->markers.marker[0];

    begin_drain(heap, markers != 0 ? markers : 1);
    if (markers == 0) {
        lull__drain_by_assists(m);
    }
    lull__drain_all(m, false);
    end_drain(heap);
    lull__mark_recover(m);
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
