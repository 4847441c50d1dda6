/* hiccup.c -- the idle thread of hiccup.h. */
#include "hiccup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "workload.h"

#define PERIOD_NS 1000000u

static struct {
    pthread_t thread;
    bool running;
    atomic_bool stop;
    uint64_t begin_ns; /* set before the thread starts */
    lab_histogram *overslept;
} idle;

/* The schedule is fixed: having overslept over several periods counts once for each of them,
 * as each is a moment at which a thread would have been late. It begins before the thread does, and
 * has one period at least: a thread that comes late, even when all is over, was late. */
static void *sleep_and_watch(void *arg)
{
    uint64_t due = idle.begin_ns;

    (void)arg;
    do {
        uint64_t now;

        due += PERIOD_NS;
        lab_sleep_until(due);
        now = lab_now_ns();
        lab_histogram_record(idle.overslept, now > due ? now - due : 0);
    } while (!atomic_load_explicit(&idle.stop, memory_order_relaxed));
    return NULL;
}

void lab_hiccup_begin(void)
{
    sigset_t all, before;

    if (idle.overslept == NULL) {
        idle.overslept = lab_histogram_new();
    }
    lab_histogram_clear(idle.overslept);
    atomic_store(&idle.stop, false);
    idle.begin_ns = lab_now_ns();
    /* Signals are for the thread that listens to the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    idle.running = pthread_create(&idle.thread, NULL, sleep_and_watch, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

lab_distribution lab_hiccup_end(void)
{
    if (!idle.running) {
        return LAB_NO_DISTRIBUTION;
    }
    atomic_store(&idle.stop, true);
    pthread_join(idle.thread, NULL);
    return lab_histogram_summary(idle.overslept);
}
