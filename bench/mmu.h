/* mmu.h -- minimum mutator utilisation (Cheng & Blelloch 2001): of any window of time of a length,
 * the least part that a thread had to itself.
 *
 * A longest pause says nothing of pauses that follow each other; this does. It is computed from
 * the list of a run's pauses, exactly: pauses that overlap count once, and of all positions of a
 * window in the measured part the worst is found. A thread's own pauses count, not the CPU that a
 * collector's threads take meanwhile. */
#ifndef LAB_MMU_H
#define LAB_MMU_H

#include <stddef.h>
#include <stdint.h>

#include "workload.h"

/* One pause of a thread. */
typedef struct lab_pause {
    uint64_t begin_ns, end_ns;
    uint32_t thread;
} lab_pause;

/* The lengths of the windows. */
extern const int lab_mmu_window_ms[LAB_WINDOWS];

/* Brings a list into the form that lab_mmu_least wants: pauses cut to what lies between begin_ns
 * and end_ns, by thread and time, those of a thread that touch being one. Returns how many there
 * are then. Time: O(count log count). */
size_t lab_mmu_tidy(lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns);

/* The least utilisation, in millionths, of a window of window_ns anywhere between begin_ns and
 * end_ns, over all threads of a tidy list; LAB_UNKNOWN where no such window fits. Time: O(count). */
int64_t lab_mmu_least(const lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns,
                      uint64_t window_ns);

/* The list of the one run that this process makes. Between begin and end, pauses are noted, from
 * any thread and from signal handlers; at most LAB_PAUSES_MAX of them, others are only counted.
 * The memory of those that are not noted is never touched. */
#define LAB_PAUSES_MAX (1 << 19)

void lab_mmu_begin(uint64_t now_ns);
void lab_mmu_note(uint32_t thread, uint64_t end_ns, uint64_t duration_ns);
void lab_mmu_end(uint64_t now_ns);

/* Sets result->mmu and result->mmu_dropped. Not in the measured part, nor before its memory is
 * read: it sorts. No pause is noted any more. */
void lab_mmu_result(lab_result *result);

#endif
