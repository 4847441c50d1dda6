/* finalizer_thread.c -- the thread that runs finalizers, where a heap asks for one.
 *
 * It is a mutator thread like any other: attached, blocked while it has nothing to do. */
#include "finalizer_thread.h"

#include "handshake.h"
#include "thread.h"

/* Sleeps, blocked, until something is due or the end; false: the end. */
static bool wait_for_work(lull_thread *t)
{
    struct lull__finalizers *f = &t->heap->finalizers;

    lull__block();
    pthread_mutex_lock(&f->lock);
    while (!f->stop && atomic_load_explicit(&f->ready_count, memory_order_relaxed) == 0) {
        pthread_cond_wait(&f->wake, &f->lock);
    }
    bool go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    lull__unblock();
    return go_on;
}

static void *run(void *arg)
{
    lull_heap *heap = arg;
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    lull__handshake_admit_signal(); /* finalizers are the program's code, and may take their time */
    while (t != NULL && wait_for_work(t)) {
        lull_finalizers_run(t, 0);
    }
    if (t != NULL) {
        lull_detach(t);
    }
    return NULL;
}

bool lull__finalizer_thread_start(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    f->thread_started = lull__os_thread_start(&f->thread, run, heap, "lull-finalizer");
    return f->thread_started;
}

void lull__finalizer_thread_stop(lull_heap *heap)
{
    struct lull__finalizers *f = &heap->finalizers;

    if (!f->thread_started) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    f->thread_started = false;
}
