/* cycle.c -- collections: who asks, and which kind it gets. */
#include "cycle.h"

#include "callback.h"
#include "collector.h"
#include "cycle_stop.h"
#include "handshake.h"
#include "pause.h"
#include "thread.h"
#include "throttle.h"

/* By the calling thread, which stands; a trigger that another thread's cycle has served meanwhile
 * is forgotten. */
static void run_stopped(lull_heap *heap, enum lull__cycle_reason reason, size_t more_bytes)
{
    lull__collector_lock(heap);
    if (reason != LULL__REASON_TRIGGER || lull__cycle_due(heap, 0) ||
        lull__is_beyond_limit(heap, more_bytes)) {
        lull__cycle_stop(heap, reason);
    }
    pthread_mutex_unlock(&heap->cycle_lock);
}

static void run(lull_thread *t, enum lull__cycle_reason reason, size_t more_bytes)
{
    lull_heap *heap = t->heap;
    uint64_t start_ns = lull__os_now_ns();
    int cancel;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* it has locks while it waits */
    lull__block();
    /* all of the program's that runs on this thread until the cycle is over */
    uint32_t around = lull__callback_begin(LULL__CALLBACK_TRACE);
    /* without a collector thread, for want of memory, the program stops for once */
    if (!lull__runs_beside(heap) || !lull__collector_wait(heap, reason)) {
        run_stopped(heap, reason, more_bytes);
    }
    lull__emit(&heap->events, pause, t->number, LULL_PAUSE_STOP, lull__os_now_ns() - start_ns);
    lull__callback_end(around);
    lull__unblock(); /* where it must wait for a cycle of another thread, that is a pause too */
    pthread_setcancelstate(cancel, &cancel);
}

void lull__cycle_run(lull_thread *t, enum lull__cycle_reason reason)
{
    run(t, reason, 0);
}

void lull__cycle_start(lull_thread *t, size_t more_bytes)
{
    lull_heap *heap = t->heap;
    bool asked = false;

    if (lull__runs_beside(heap)) {
        /* relaxed: a hint; while a cycle runs the heap stays above its trigger */
        if (atomic_load_explicit(&heap->collector.wanted, memory_order_relaxed)) {
            return;
        }
        uint64_t since_ns = lull__os_now_ns();
        lull__block(); /* it may have to start the collector's thread (.inv.malloc) */
        asked = lull__collector_ask(heap, LULL__REASON_TRIGGER);
        lull__pause_note(t, LULL_PAUSE_HANDSHAKE, since_ns);
        lull__unblock();
    }
    if (!asked && lull__throttle_rest(t, more_bytes)) {
        run(t, LULL__REASON_TRIGGER, more_bytes);
    }
}
