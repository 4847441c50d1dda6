/* trace.h -- one line a cycle on stderr, for LULL_TRACE=1 and options.trace.
 *
 * The format is stable: fields are not moved, new ones come at the end. An example, in one line:
 *
 *   lull: cycle 12 (trigger) at 3.214 s: 200.0 -> 100.3 -> 98.2 MiB, goal 200.0, next 196.4; held
 *   12.310 ms: stop 0.052, mark 11.230 (weak 0.310); CPU 22.104 ms, 2 markers; stacks 12.0 KiB,
 *   globals 4.0 KiB, 3 threads; collector 3.1 % of CPU
 *
 *   cycle 12         number of the cycle, from 1
 *   (trigger)        why: trigger, forced, limit, stress
 *   at 3.214 s       since the heap was made
 *   a -> b -> c      heap bytes when it began, when it ended, and marked live
 *   goal, next       MiB it was to end by, and the next is, or none
 *   held             how long threads were held; of it until all stood still; marking, and of
 *                    that weak references, ephemerons and finalizers. Held and stop are 0 for a
 *                    cycle beside the program that held nobody
 *   CPU, markers     CPU time of marking, of all markers, and how many there were
 *   stacks, globals  bytes scanned; threads: how many were held
 *   collector        CPU time of the collector, all threads, of that of the process, since the
 *                    heap was made */
#ifndef LULL__TRACE_H
#define LULL__TRACE_H

#include <stddef.h>

#include "event.h"

#define LULL__TRACE_LINE_BYTES 512

/* Writes the line of the cycle that ended last, as text with its newline; now_ns and
 * process_cpu_ns are the clocks that event `create` has. Returns its length. */
size_t lull__trace_format(const struct lull__events *events, uint64_t now_ns,
                          uint64_t process_cpu_ns, char line[LULL__TRACE_LINE_BYTES]);

/* Puts that line on stderr, by a single write, so that lines of several threads do not mix; what
 * stderr does not take is lost. Keeps errno. To be called after cycle_end and goal_set. */
void lull__trace_cycle(const struct lull__events *events);

#endif
