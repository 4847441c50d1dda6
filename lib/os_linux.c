/* os_linux.c -- os.h on Linux. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
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

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#else
#define backtrace(place, n) 0 /* this C library has none: the first caller has to do */
#endif

void lull__assert_failed(const char *file, int line, const char *expression, uintptr_t a,
                         uintptr_t b)
{
    char text[256];
    int n = snprintf(text, sizeof text, "lull: %s:%d: assertion failed: %s (%#lx, %#lx)\n", file,
                     line, expression, (unsigned long)a, (unsigned long)b);
    lull__os_say(text, lull__min((size_t)n, sizeof text - 1));
    abort();
}

void lull__os_say(const char *text, size_t length)
{
    long written = syscall(SYS_write, STDERR_FILENO, text, length);

    (void)written; /* what stderr does not take is nobody's loss */
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

/* ---- places in the program ---- */

#define OWN_FRAMES 8 /* at most, between the program and backtrace */
#define CALLERS_MOST 16

void lull__os_callers(const void *from, const void **caller, size_t n)
{
    void *frame[OWN_FRAMES + CALLERS_MOST];
    size_t wanted = lull__min(n, CALLERS_MOST);
    int found = backtrace(frame, OWN_FRAMES + (int)wanted);
    int first = 0;

    for (size_t i = 0; i < n; i++) {
        caller[i] = NULL;
    }
    caller[0] = from;
    while (first < found && frame[first] != from) {
        first++;
    }
    for (size_t i = 1; i < wanted && first + (int)i < found; i++) {
        caller[i] = frame[first + (int)i];
    }
}

/* The loaded object that has `code`, and where it was loaded. */
struct module {
    uintptr_t code, base;
    const char *name;
};

static int look_into(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct module *module = arg;

    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD &&
            module->code - info->dlpi_addr - header->p_vaddr < header->p_memsz) {
            module->base = info->dlpi_addr;
            module->name = info->dlpi_name;
            return 1;
        }
    }
    return 0;
}

size_t lull__os_describe(const void *code, char *text, size_t room)
{
    struct module module = {.code = (uintptr_t)code - 1}; /* in the call, not behind it */
    char self[256] = "";
    Dl_info symbol;
    int length;

    if (dl_iterate_phdr(look_into, &module) == 0) {
        length = snprintf(text, room, "%p", code);
    } else {
        if (module.name[0] == '\0' && readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
            module.name = self;
        }
        bool named = dladdr((void *)module.code, &symbol) != 0 && symbol.dli_sname != NULL;
        length = snprintf(text, room, "%s+%#zx%s%s%s", module.name, module.code - module.base,
                          named ? " (" : "", named ? symbol.dli_sname : "", named ? ")" : "");
    }
    return lull__min((size_t)lull__max(length, 0), room - 1);
}
