/* options.h -- the options of a heap: defaults, checks, environment.
 *
 * lull_options_init (lull/heap.h) sets the defaults; resolving checks what the program set, then
 * lets the LULL_* variables override it and checks them. An empty variable is as one not set; a
 * LULL_* variable that is not listed here is nobody's business and left alone. A program that
 * runs with more rights than its user (setuid) takes nothing from the environment.
 *
 *   LULL_MODE=stop|off|concurrent|incremental   mode
 *   LULL_PERCENT=0..100000|off         gc_percent
 *   LULL_LIMIT=SIZE                    memory_limit
 *   LULL_HEAP_MAX=SIZE                 heap_max
 *   LULL_HEAP_MIN=SIZE                 heap_min
 *   LULL_MARKERS=0..64                 markers
 *   LULL_DEBUG=verify,scribble,stress,pools,schedule=N  debug: any of them, in a list;
 *                                      schedule_seed
 *   LULL_TRACE=0|1                     trace
 *
 * SIZE is a number of bytes, or a number, a decimal fraction if need be, and a unit: K, M, G or
 * T, or KiB, MiB, GiB or TiB for the same powers of 1024, in any case; "off" is 0. */
#ifndef LULL__OPTIONS_H
#define LULL__OPTIONS_H

#include <lull/heap.h>

#define LULL__PERCENT_MAX      100000
#define LULL__MARKERS_MAX      64
#define LULL__HEAP_MIN_DEFAULT ((size_t)4 << 20)
#define LULL__RESERVE_MIN      ((size_t)1 << 20)
#define LULL__RESERVE_MAX      ((size_t)1 << 46) /* more than half of a 47-bit user space */

/* Writes the options that hold to *out: the defaults where `given` is NULL, or what it says,
 * overridden by the environment where use_environment is set.
 * Errors: LULL_E_INVALID or LULL_E_ENVIRONMENT, with a message that names the option or
 * variable, its value and what is allowed; *out is undefined then. */
int lull__options_resolve(const lull_options *given, lull_options *out);

#endif
