/* windows.h -- what the suites share in which a thread stands between two instructions, at a delay
 * point (delay.h), until others have done what they may. All of it is led by hand; nothing depends on
 * time. Included by one file a program, which is linked with --wrap=lull__delay_now. */
#ifndef LULL_TESTS_WINDOWS_H
#define LULL_TESTS_WINDOWS_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "collector.h"
#include "delay.h"
#include "heap.h"

#include "fixture.h"

#define STOP_SIGNAL SIGUSR1

/* ---- the points ---- */

static void (*at_point[LULL__DELAYS])(void);

void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point);

void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point)
{
    (void)of;
    if (at_point[point] != NULL) {
        at_point[point]();
    }
}

static _Thread_local bool is_guest; /* the thread whose points count */

/* ---- what happened, by number ---- */

static atomic_int step;

static void wait_for(int wanted)
{
    while (atomic_load(&step) < wanted) {
        sched_yield();
    }
}

/* The same by a thread that takes part in handshakes meanwhile. */
static void wait_polling(lull_thread *thread, int wanted)
{
    while (atomic_load(&step) < wanted) {
        lull_safepoint(thread);
        sched_yield();
    }
}

static void reach(int number)
{
    atomic_store(&step, number);
}

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

static void ask_for_cycle(void)
{
    ck_assert(lull__collector_ask(heap, LULL__REASON_FORCED));
}

/* Until the cycle that runs, or is to run, is over and swept. */
static void end_cycle(uint64_t cycles_before)
{
    while (heap->cycles == cycles_before || heap->unswept != 0) {
        lull_safepoint(t);
        sched_yield();
    }
}

#endif
