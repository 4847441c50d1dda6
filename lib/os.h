/* os.h -- what the library asks of the operating system: memory, clocks, futexes, threads.
 *
 * The one place for platform differences; os_linux.c is the only implementation. Every call that
 * can fail for want of memory reports it; none prints. */
#ifndef LULL__OS_H
#define LULL__OS_H

#include <pthread.h>

#include "base.h"

#define LULL__OS_PAGE ((size_t)4096)

#if defined(__x86_64__)
#define LULL__PAUSE "pause"
#elif defined(__aarch64__)
#define LULL__PAUSE "yield"
#else
#error "lull runs on x86-64 and aarch64"
#endif

/* Address space without memory (reserve), memory in a part of it (commit, zeroed at first touch),
 * both in one (map), the contents of a part given back and zero at the next touch (release), all
 * of it gone (unmap). Sizes are multiples of the page. NULL or false: the system refused. */
void *lull__os_reserve(size_t bytes);
bool lull__os_commit(void *start, size_t bytes);
void *lull__os_map(size_t bytes);
bool lull__os_release(void *start, size_t bytes);
void lull__os_unmap(void *start, size_t bytes);

/* Bytes of [start, start + bytes) that are resident: for tests and statistics, not quick. */
size_t lull__os_resident(void *start, size_t bytes);

/* CLOCK_MONOTONIC, CPU of the calling thread, CPU of the process; nanoseconds. */
uint64_t lull__os_now_ns(void);
uint64_t lull__os_thread_cpu_ns(void);
uint64_t lull__os_process_cpu_ns(void);

/* Processors this process may run on, at least 1. */
unsigned lull__os_processors(void);

/* Sleeps while *word == expected, at most timeout_ns (0: without end). May return early.
 * Async-signal-safe. Wake wakes up to `count` sleepers. */
void lull__os_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void lull__os_futex_wake(_Atomic uint32_t *word, int count);

/* A hint that this is a spin loop. */
LULL__INLINE void lull__os_relax(void)
{
    __asm__ volatile(LULL__PAUSE ::: "memory");
}

/* The calling thread's stack, [*low, *high); false where the system does not tell. */
bool lull__os_stack(char **low, char **high);

/* Starts a thread of the library's own, all signals blocked, so that no handler of the program
 * runs on it. False: the system refused. */
bool lull__os_thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name);

/* The calling thread takes `nice` steps back from those that want its processor (nice(2), of this
 * thread alone); where the system refuses, it does not. */
void lull__os_thread_be_nice(int nice);

/* Writes to standard error, which nothing of the library does unasked. No cancellation point: a
 * thread may have locks. */
void lull__os_say(const char *text, size_t length);

/* Who called: caller[0] is `from`, a return address of the calling thread's stack, then those of
 * its callers, as far as they can be told; NULL behind the last. May call malloc. */
void lull__os_callers(const void *from, const void **caller, size_t n);

/* The call that returns to `code`, as "program+0x1234 (function)": what addr2line takes. Returns
 * the length of the text, which is cut to `room`. May call malloc. */
size_t lull__os_describe(const void *code, char *text, size_t room);

#endif
