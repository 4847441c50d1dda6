/* pause.h -- telling what kept a thread from its program's own code, and for how long.
 *
 * Where a delay begins and ends is known at its place alone; here is how it is told. Delays that
 * follow each other share a reading of the clock, and so neither overlap nor leave a gap: what
 * computes utilisation from them counts no time twice. */
#ifndef LULL__PAUSE_H
#define LULL__PAUSE_H

#include "heap.h"

#define LULL__PAUSE_NOTED_NS 500 /* less is no delay: to tell of it would cost as much */

/* The thread was delayed since `since_ns`, until now; returns now. By the thread itself. */
LULL__INLINE uint64_t lull__pause_note(lull_thread *t, lull_pause_kind kind, uint64_t since_ns)
{
    uint64_t now_ns = lull__os_now_ns();

    if (now_ns - since_ns >= LULL__PAUSE_NOTED_NS) {
        lull__emit(&t->heap->events, pause, t->number, kind, now_ns - since_ns);
    }
    return now_ns;
}

#endif
