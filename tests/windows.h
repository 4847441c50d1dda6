/* windows.h -- what the suites share in which a thread stands between two instructions, at a delay
 * point (delay.h), until others have done what they may. All of it is led by hand; nothing depends
 * on time. Included by one file a program. */
#ifndef LULL_TESTS_WINDOWS_H
#define LULL_TESTS_WINDOWS_H

#include <pthread.h>
#include <signal.h>

#include "points.h"

#define STOP_SIGNAL SIGUSR1

static _Thread_local bool is_guest; /* the thread whose points count */

static pthread_t run(void *(*f)(void *))
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, f, NULL), 0);
    return thread;
}

static atomic_bool attached;

/* Returns when the thread has attached: nobody can while a handshake waits for another. */
static pthread_t run_attached(void *(*f)(void *))
{
    atomic_store(&attached, false);
    pthread_t thread = run(f);
    while (!atomic_load(&attached)) {
        sched_yield();
    }
    return thread;
}

static atomic_ullong round_number; /* of the handshake that was about to be asked for */

static void note_round(void)
{
    atomic_store(&round_number, heap->handshake + 1);
}

static void take_part_in_round(lull_thread *thread)
{
    while (thread->handshake != atomic_load(&round_number)) {
        lull_safepoint(thread);
        sched_yield();
    }
}

static void set_up_window(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.stop_signal = STOP_SIGNAL;
    options.schedule_seed = 1;
    set_up_with(options);
    memset(at_point, 0, sizeof at_point);
    atomic_store(&step, 0);
    atomic_store(&round_number, UINT64_MAX);
}

static void set_up_concurrent(void)
{
    set_up_window(LULL_MODE_CONCURRENT);
}

#endif
