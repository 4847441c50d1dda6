/* micro.c -- runs the ways of a micro benchmark in turn, each in a process of its own.
 *
 * A way's process is this program again, called with `--way N`; it answers in lines "key value"
 * on its standard output, as the program in Go does. */
#include "micro.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5
#define WAYS_MAX 16

#define PEER "peers/go/lull-peer-go" /* beside this program */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void micro_begin(micro_result *result)
{
    result->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    result->wall_ns = clock_ns(CLOCK_MONOTONIC);
}

void micro_end(micro_result *result)
{
    result->wall_ns = clock_ns(CLOCK_MONOTONIC) - result->wall_ns;
    result->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - result->cpu_ns;
}

_Noreturn void micro_failed(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

/* Whether a library is part of this process. */
static bool has_loaded(const char *library)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096 + 128];
    bool found = false;

    while (maps != NULL && !found && fgets(line, sizeof line, maps) != NULL) {
        found = strstr(line, library) != NULL;
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return found;
}

/* The process of one way. */
static int run_way(const micro_way *way)
{
    micro_result result = {0, 0, 0};

    if (way->preload != NULL && !has_loaded(way->preload)) {
        return 1;
    }
    way->run(&result);
    printf("ops %llu\nwall_ns %llu\ncpu_ns %llu\n", (unsigned long long)result.ops,
           (unsigned long long)result.wall_ns, (unsigned long long)result.cpu_ns);
    return 0;
}

/* Where the program in Go would be. */
static void peer_path(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - sizeof PEER);
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    strcpy(slash == NULL ? path : slash + 1, PEER);
}

/* In the child: becomes the process of way number `index`. */
static _Noreturn void become(const micro_way *way, int index)
{
    char path[4096] = "/proc/self/exe", number[16], word[64], option[] = "--way";
    char *own[] = {path, option, number, NULL};
    char *peer[] = {path, word, NULL};

    snprintf(number, sizeof number, "%d", index);
    if (way->peer != NULL) {
        peer_path(path, sizeof path);
        snprintf(word, sizeof word, "%s", way->peer);
        execv(path, peer);
    } else {
        if (way->preload != NULL) {
            setenv("LD_PRELOAD", way->preload, 1);
            /* The dynamic linker complains of a library that is not there; the table says it. */
            if (freopen("/dev/null", "w", stderr) == NULL) {
                _exit(1);
            }
        }
        execv(path, own);
    }
    _exit(1);
}

static bool read_result(FILE *lines, micro_result *result)
{
    unsigned long long value;
    char key[64];

    *result = (micro_result){0, 0, 0};
    while (fscanf(lines, "%63s %llu", key, &value) == 2) {
        if (strcmp(key, "ops") == 0) {
            result->ops = value;
        } else if (strcmp(key, "wall_ns") == 0) {
            result->wall_ns = value;
        } else if (strcmp(key, "cpu_ns") == 0) {
            result->cpu_ns = value;
        }
    }
    return result->ops != 0;
}

/* Runs one way once; false where it cannot. */
static bool run_once(const micro_way *way, int index, micro_result *result)
{
    int ends[2], status;
    bool read;
    FILE *lines;
    pid_t child;

    if (pipe(ends) != 0) {
        micro_failed("pipe");
    }
    child = fork();
    if (child < 0) {
        micro_failed("fork");
    }
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        become(way, index);
    }
    close(ends[1]);
    lines = fdopen(ends[0], "r");
    if (lines == NULL) {
        micro_failed("fdopen");
    }
    read = read_result(lines, result);
    fclose(lines);
    return waitpid(child, &status, 0) == child && status == 0 && read;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print_table(const micro_benchmark *micro, double (*wall)[ROUNDS], double (*cpu)[ROUNDS],
                        const int *rounds)
{
    double first_wall = 0, first_cpu = 0;

    printf("%s; medians of %d, ns %s\n", micro->title, ROUNDS, micro->unit);
    printf("  %-34s %8s %6s   %15s   %8s %6s\n", "", "wall", "ratio", "least, most", "CPU",
           "ratio");
    for (int i = 0; i < micro->count; i++) {
        double wall_median, cpu_median;

        if (rounds[i] == 0) {
            printf("  %-34s not available here\n", micro->ways[i].name);
            continue;
        }
        wall_median = median(wall[i], rounds[i]); /* sorts them */
        cpu_median = median(cpu[i], rounds[i]);
        if (first_wall == 0) {
            first_wall = wall_median;
            first_cpu = cpu_median;
        }
        printf("  %-34s %8.2f %6.2f   %7.2f %7.2f   %8.2f %6.2f\n", micro->ways[i].name,
               wall_median, wall_median / first_wall, wall[i][0], wall[i][rounds[i] - 1],
               cpu_median, cpu_median / first_cpu);
    }
}

int micro_main(int argc, char **argv, const micro_benchmark *micro)
{
    double wall[WAYS_MAX][ROUNDS], cpu[WAYS_MAX][ROUNDS];
    int rounds[WAYS_MAX] = {0};

    if (argc == 3 && strcmp(argv[1], "--way") == 0) {
        int index = atoi(argv[2]);

        return index >= 0 && index < micro->count ? run_way(&micro->ways[index]) : 2;
    }
    if (argc != 1) {
        fprintf(stderr, "usage: %s\n", argv[0]);
        return 2;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < micro->count; i++) {
            micro_result result;

            if (run_once(&micro->ways[i], i, &result)) {
                wall[i][rounds[i]] = (double)result.wall_ns / (double)result.ops;
                cpu[i][rounds[i]++] = (double)result.cpu_ns / (double)result.ops;
            }
        }
    }
    print_table(micro, wall, cpu, rounds);
    return rounds[0] == 0;
}
