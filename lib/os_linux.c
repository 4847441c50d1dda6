/* os_linux.c -- os.h on Linux. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void lull__assert_failed(const char *file, int line, const char *expression, uintptr_t a,
                         uintptr_t b)
{
    char text[256];
    int n = snprintf(text, sizeof text, "lull: %s:%d: assertion failed: %s (%#lx, %#lx)\n", file,
                     line, expression, (unsigned long)a, (unsigned long)b);
    ssize_t written = write(2, text, lull__min((size_t)n, sizeof text - 1));
    (void)written;
    abort();
}

void *lull__os_reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool lull__os_commit(void *start, size_t bytes)
{
    return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

void *lull__os_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool lull__os_release(void *start, size_t bytes)
{
    return madvise(start, bytes, MADV_DONTNEED) == 0;
}

void lull__os_unmap(void *start, size_t bytes)
{
    if (start != NULL) {
        munmap(start, bytes);
    }
}

size_t lull__os_resident(void *start, size_t bytes)
{
    unsigned char vec[1024];
    size_t resident = 0;

    for (size_t at = 0; at < bytes; at += sizeof vec * LULL__OS_PAGE) {
        size_t step = lull__min(bytes - at, sizeof vec * LULL__OS_PAGE);
        if (mincore((char *)start + at, step, vec) != 0) {
            continue;
        }
        for (size_t i = 0; i < (step + LULL__OS_PAGE - 1) / LULL__OS_PAGE; i++) {
            resident += (vec[i] & 1) * LULL__OS_PAGE;
        }
    }
    return resident;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

uint64_t lull__os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t lull__os_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t lull__os_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

unsigned lull__os_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

void lull__os_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec ts = {(time_t)(timeout_ns / 1000000000U), (long)(timeout_ns % 1000000000U)};
    int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns != 0 ? &ts : NULL, NULL, 0);
    errno = saved;
}

void lull__os_futex_wake(_Atomic uint32_t *word, int count)
{
    int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    errno = saved;
}

bool lull__os_stack(char **low, char **high)
{
    pthread_attr_t attr;
    void *start;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attr) != 0) {
        return false;
    }
    int status = pthread_attr_getstack(&attr, &start, &size);
    pthread_attr_destroy(&attr);
    if (status != 0) {
        return false;
    }
    *low = start;
    *high = (char *)start + size;
    return true;
}

bool lull__os_thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int status = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (status == 0) {
        pthread_setname_np(*thread, name);
    }
    return status == 0;
}

void lull__os_thread_be_nice(int nice)
{
    int present = getpriority(PRIO_PROCESS, 0); /* 0: this thread, on Linux */

    setpriority(PRIO_PROCESS, 0, present + nice);
}
