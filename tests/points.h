/* points.h -- threads that are led by hand: what each does at a delay point (delay.h), and what has
 * happened so far, by number. Included by one file a program, which is linked with
 * --wrap=lull__delay_now. */
#ifndef LULL_TESTS_POINTS_H
#define LULL_TESTS_POINTS_H

#include <sched.h>
#include <stdatomic.h>

#include "collector.h"
#include "delay.h"
#include "heap.h"

#include "fixture.h"

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

/* ---- cycles ---- */

static void ask_for_cycle(void)
{
    ck_assert(lull__collector_ask(heap, LULL__REASON_FORCED));
}

/* Until the cycle that runs, or is to run, is over and swept, and another one may be asked for. */
static void end_cycle(uint64_t cycles_before)
{
    while (heap->cycles == cycles_before || heap->unswept != 0 ||
           atomic_load(&heap->collector.wanted)) {
        lull_safepoint(t);
        sched_yield();
    }
}

#endif
