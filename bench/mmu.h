/* mmu.h -- minimum mutator utilisation (Cheng & Blelloch 2001): of any window of time of a length,
 * the least part that a thread had to itself.
 *
 * A longest pause says nothing of pauses that follow each other; this does. It is computed from
 * the list of a run's pauses, exactly: pauses that overlap count once, and of all positions of a
 * window in the measured part the worst is found.
 *
 * There are two curves. The first counts a thread's own pauses. The second counts the CPU of the
 * collector's own threads as well, as if the program's threads had given it: while the collector
 * uses r processors, a thread that is not paused loses r / n of its time, n being the program's
 * threads, at most the machine's processors. The collector tells of its CPU by phases; within one
 * it is taken to be even. */
#ifndef LAB_MMU_H
#define LAB_MMU_H

#include <stddef.h>
#include <stdint.h>

#include "workload.h"

#define LAB_MMU_ALL 1000000u /* millionths */

/* One pause of a thread, or a time in which it lost a part. */
typedef struct lab_pause {
    uint64_t begin_ns, end_ns;
    uint32_t thread;
    uint32_t lost_ppm; /* of that time: LAB_MMU_ALL in a pause */
} lab_pause;

/* The lengths of the windows. */
extern const int lab_mmu_window_ms[LAB_WINDOWS];

/* Brings a list into the form that lab_mmu_least wants: pauses cut to what lies between begin_ns
 * and end_ns, by thread and time, those of a thread that touch being one. Returns how many there
 * are then. Time: O(count log count). */
size_t lab_mmu_tidy(lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns);

/* Adds to a tidy list what the collector's threads took from each: `taken` has their CPU in
 * lost_ppm, in millionths of a processor, in any order, overlapping or not. The new list, for free
 * by the caller, is in *all; returns how many there are; SIZE_MAX without memory. */
size_t lab_mmu_blend(const lab_pause *pause, size_t count, const lab_pause *taken,
                     size_t taken_count, unsigned shared_by, lab_pause **all);

/* The least utilisation, in millionths, of a window of window_ns anywhere between begin_ns and
 * end_ns, over all threads of a tidy list; LAB_UNKNOWN where no such window fits. Time:
 * O(count). */
int64_t lab_mmu_least(const lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns,
                      uint64_t window_ns);

/* The list of the one run that this process makes. Between begin and end, pauses are noted, from
 * any thread and from signal handlers; at most LAB_PAUSES_MAX of them, others are only counted.
 * The memory of those that are not noted is never touched. */
#define LAB_PAUSES_MAX (1 << 19)

void lab_mmu_begin(uint64_t now_ns);
void lab_mmu_note(uint32_t thread, uint64_t end_ns, uint64_t duration_ns);
void lab_mmu_end(uint64_t now_ns);

/* The collector's own threads used cpu_ns in the wall_ns before end_ns; at most LAB_TAKEN_MAX
 * times. */
#define LAB_TAKEN_MAX (1 << 18)
void lab_mmu_note_collector(uint64_t end_ns, uint64_t wall_ns, uint64_t cpu_ns);

/* Sets result->mmu, mmu_dropped and, where the collector's phases were noted, mmu_cpu, of a program
 * with so many threads. Not in the measured part, nor before its memory is read: it sorts. No pause
 * is noted any more. */
void lab_mmu_result(lab_result *result, int threads, bool phases);

#endif
