/* machine.c -- asking the system what it is. */
#include "machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "registry.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

/* The rest of the first line of a file that begins with `key` (all of the first line where key
 * is ""), without the ": " between. */
static void line_of(const char *path, const char *key, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    char line[1024];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *value = line + strlen(key);

            value += strspn(value, " \t:");
            snprintf(text, size, "%.*s", (int)strcspn(value, "\n"), value);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* Of "always [madvise] never", the word in brackets. */
static void chosen_word(char *text)
{
    char *open = strchr(text, '['), *close = strchr(text, ']');

    if (open != NULL && close > open) {
        *close = '\0';
        memmove(text, open + 1, strlen(open + 1) + 1);
    }
}

static int usable_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                       : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void lab_machine_read(lab_machine *machine)
{
    const char *preload = getenv("LD_PRELOAD");
    time_t now = time(NULL);
    struct utsname name;
    struct tm utc;

    memset(machine, 0, sizeof *machine);
    line_of("/proc/cpuinfo", "model name", machine->cpu, sizeof machine->cpu);
    line_of("/sys/kernel/mm/transparent_hugepage/enabled", "", machine->huge_pages,
            sizeof machine->huge_pages);
    chosen_word(machine->huge_pages);
    if (uname(&name) == 0) {
        snprintf(machine->system, sizeof machine->system, "%.100s %.100s", name.sysname,
                 name.release);
        snprintf(machine->arch, sizeof machine->arch, "%.60s", name.machine);
    }
    snprintf(machine->libc, sizeof machine->libc, "%s", lab_libc_version());
    snprintf(machine->compiler, sizeof machine->compiler, "%.100s", COMPILER);
    snprintf(machine->preload, sizeof machine->preload, "%s", preload == NULL ? "" : preload);
    gmtime_r(&now, &utc);
    strftime(machine->date, sizeof machine->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    machine->cores = usable_cores();
    machine->memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}
