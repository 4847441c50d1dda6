/* peer.c -- finding the Go program, calling it, and reading its lines. */
#include "peer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "measure.h"

#define PROGRAM "lull-peer-go"

#ifdef HAVE_GO
#define BUILT_WITH_GO true
#else
#define BUILT_WITH_GO false
#endif

/* The directory of the lab's own executable; "." where it cannot be told. */
static void own_directory(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(path, size, ".");
    } else {
        *slash = '\0';
    }
}

/* Beside the lab, in a build tree, and where it was installed. */
static bool find_program(lab_peer *peer)
{
    static const char *const places[] = {"%s/" PROGRAM, "%s/bench/peers/go/" PROGRAM,
                                         LAB_PEER_DIR "/" PROGRAM};
    char here[3072];

    own_directory(here, sizeof here);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *rest = strncmp(places[i], "%s", 2) == 0 ? places[i] + 2 : places[i];

        snprintf(peer->path, sizeof peer->path, "%s%s", rest == places[i] ? "" : here, rest);
        if (access(peer->path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads what `lull-peer-go list` says. */
static void read_list(lab_peer *peer, char *output)
{
    char *rest = output, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, "workload ", 9) == 0 && peer->count < LAB_PEER_WORKLOADS) {
            snprintf(peer->workload[peer->count++], sizeof peer->workload[0], "%s", line + 9);
        } else if (strncmp(line, "version ", 8) == 0) {
            snprintf(peer->version, sizeof peer->version, "%s", line + 8);
        }
    }
}

const lab_peer *lab_peer_get(void)
{
    static lab_peer peer;
    static bool looked;
    char output[8192];
    char list[] = "list";
    char *argv[] = {peer.path, list, NULL};

    if (looked) {
        return &peer;
    }
    looked = true;
    if (!find_program(&peer)) {
        snprintf(peer.why, sizeof peer.why, "%s",
                 BUILT_WITH_GO ? "its program " PROGRAM " is not beside the lab"
                               : "not built: go was not in PATH when lull was configured");
        return &peer;
    }
    if (lab_child_output(argv, output, sizeof output) != 0) {
        snprintf(peer.why, sizeof peer.why, "%.400s does not run", peer.path);
        return &peer;
    }
    read_list(&peer, output);
    peer.found = true;
    return &peer;
}

bool lab_peer_has(const char *workload)
{
    const lab_peer *peer = lab_peer_get();

    for (int i = 0; i < peer->count; i++) {
        if (strcmp(peer->workload[i], workload) == 0) {
            return true;
        }
    }
    return false;
}

void lab_peer_command(struct lab_peer_arguments *arguments, const char *workload,
                      const lab_params *params)
{
    size_t size = sizeof arguments->text[0];
    int n = 0;

    snprintf(arguments->text[n++], size, "%s", workload);
    snprintf(arguments->text[n++], size, "seed=%" PRIu64, params->seed);
    snprintf(arguments->text[n++], size, "threads=%" PRId32, params->threads);
    snprintf(arguments->text[n++], size, "pools=%d", params->pools);
    snprintf(arguments->text[n++], size, "percent=%" PRId32,
             params->collect ? params->percent : LAB_PERCENT_OFF);
    snprintf(arguments->text[n++], size, "limit=%" PRIu64, params->limit_bytes);
    snprintf(arguments->text[n++], size, "scale=%" PRId32, params->scale);
    snprintf(arguments->text[n++], size, "depth=%" PRId32, params->depth);
    snprintf(arguments->text[n++], size, "rate=%.0f", params->rate);
    snprintf(arguments->text[n++], size, "run=%" PRId32, params->run);
    snprintf(arguments->text[n++], size, "resident=%d", params->resident);
    snprintf(arguments->text[n++], size, "returning=%d", params->returning);
    snprintf(arguments->input, sizeof arguments->input, "input=%s", params->input);
    snprintf(arguments->path, sizeof arguments->path, "%s", lab_peer_get()->path);
    arguments->argv[0] = arguments->path;
    for (int i = 0; i < n; i++) {
        arguments->argv[1 + i] = arguments->text[i];
    }
    arguments->argv[1 + n] = arguments->input;
    arguments->argv[2 + n] = NULL;
}

/* Where in a lab_result the value of a key belongs. */
static const struct key {
    const char *name;
    size_t offset;
} keys[] = {
#define KEY(field)                                                                                 \
    {                                                                                              \
#field, offsetof(lab_result, field)                                                        \
    }
#define DISTRIBUTION(field)                                                                        \
    KEY(field.count), KEY(field.sum_ns), KEY(field.p50_ns), KEY(field.p90_ns), KEY(field.p99_ns),  \
        KEY(field.p999_ns), KEY(field.max_ns)
    KEY(ops),
    KEY(longest_ns),
    KEY(capacity_ops_s),
    KEY(offered_ops_s),
    KEY(direct_objects),
    KEY(taken_objects),
    DISTRIBUTION(latency),
    DISTRIBUTION(service),
    KEY(wall_ns),
    KEY(cpu_ns),
    KEY(peak_rss_bytes),
    KEY(resident_bytes),
    KEY(returns),
    KEY(gc_cpu_ns),
    KEY(cycles),
    KEY(allocated_objects),
    KEY(allocated_bytes),
    KEY(live_bytes),
    KEY(mark_ns_per_object),
    DISTRIBUTION(pause),
    KEY(pool.gets),
    KEY(pool.hits),
    KEY(pool.misses),
    KEY(pool.puts),
    KEY(pool.drops),
#undef DISTRIBUTION
#undef KEY
};

/* Sets one field; unknown keys are for other versions of the lab. False for no number. */
static bool set_key(lab_result *result, const char *name, const char *value)
{
    char *end;

    errno = 0;
    if (strcmp(name, "checksum") == 0) {
        result->checksum = strtoull(value, &end, 10);
        return end != value && *end == '\0' && errno == 0;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(name, keys[i].name) == 0) {
            int64_t number = strtoll(value, &end, 10);

            memcpy((char *)result + keys[i].offset, &number, sizeof number);
            return end != value && *end == '\0' && errno == 0 && number >= 0;
        }
    }
    return true;
}

int lab_peer_result(char *output, lab_result *result, char *why, size_t size)
{
    char *rest = output, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, ' ');

        if (value == NULL) {
            continue;
        }
        *value++ = '\0';
        if (!set_key(result, line, value)) {
            snprintf(why, size, "its result has '%.60s %.60s'", line, value);
            return -1;
        }
    }
    if (result->wall_ns < 0 || result->ops < 0) {
        snprintf(why, size, "its result has no wall_ns or no ops");
        return -1;
    }
    return 0;
}
