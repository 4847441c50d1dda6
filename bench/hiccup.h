/* hiccup.h -- the control: how late an idle thread wakes on this machine, now.
 *
 * A thread of the lab's own process (in which nothing else happens during a run) sleeps until
 * the next millisecond of its schedule and notes by how much it overslept. What a run's pauses
 * say is to be read against that: the machine's own hiccups look like pauses too. The thread is
 * outside the measured process, so that it is the same control for every backend. */
#ifndef LAB_HICCUP_H
#define LAB_HICCUP_H

#include "distribution.h"

/* Starts the thread, and stops it. Unknown where no thread could be made. */
void lab_hiccup_begin(void);
lab_distribution lab_hiccup_end(void);

#endif
