/* list.c -- what `lull-lab list` prints. */
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "peer.h"
#include "registry.h"

/* The options that a workload heeds: "pools, threads". */
static void heeds(const lab_workload *workload, char *text, size_t size)
{
    static const struct {
        unsigned trait;
        const char *option;
    } options[] = {{LAB_HAS_POOLS, "pools"},
                   {LAB_HAS_THREADS, "threads"},
                   {LAB_HAS_RATE, "rate"},
                   {LAB_HAS_INPUT, "input"},
                   {LAB_HAS_DEPTH, "depth"}};
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if ((workload->traits & options[i].trait) != 0) {
            used += (size_t)snprintf(text + used, size - used, "%s--%s", used == 0 ? "" : " ",
                                     options[i].option);
        }
    }
}

static void list_workloads(const lab_style *style)
{
    fprintf(style->out, "%sworkloads%s\n", style->bold, style->plain);
    for (size_t i = 0; lab_workloads_malloc[i] != NULL; i++) {
        const lab_workload *workload = lab_workloads_malloc[i];
        char options[128];

        heeds(workload, options, sizeof options);
        fprintf(style->out, "  %-14s", workload->name);
        lab_print_wrapped(style, 16, workload->summary);
        fprintf(style->out, "%16sheeds %s%s%s\n", "", options,
                lab_peer_has(workload->name) ? "; also in Go" : "",
                (workload->traits & LAB_HAS_NO_BARRIER) != 0 ? "; not beside the program" : "");
    }
}

static void list_backends(const lab_style *style)
{
    const lab_peer *peer = lab_peer_get();
    const char *preload = getenv("LD_PRELOAD");

    fprintf(style->out, "\n%sbackends%s\n", style->bold, style->plain);
    for (size_t i = 0; lab_backends[i] != NULL; i++) {
        const lab_backend *backend = lab_backends[i];

        fprintf(style->out, "  %-14s%s", backend->name, backend->version());
        if (strcmp(backend->name, "malloc") == 0 && preload != NULL && preload[0] != '\0') {
            fprintf(style->out, ", preloaded: %s", preload);
        }
        fputc('\n', style->out);
    }
    if (lab_backend_find("boehm") == NULL) {
        fprintf(style->out, "  %-14snot there: built without it (Debian: libgc-dev)\n", "boehm");
    }
    if (peer->found) {
        fprintf(style->out, "  %-14s%s\n", "go", peer->version);
    } else {
        fprintf(style->out, "  %-14snot there: %s\n", "go", peer->why);
    }
}

void lab_list(const lab_style *style)
{
    list_workloads(style);
    list_backends(style);
    fprintf(style->out, "\n%smodes%s\n", style->bold, style->plain);
    fprintf(style->out, "  %-14sthreads stand still while the collector marks\n", "stop");
    fprintf(style->out,
            "  %-14smarking goes on beside the program, on a thread of the collector's\n",
            "concurrent");
    fprintf(style->out, "  %-14sthe same, done by the threads that allocate\n", "incremental");
    fprintf(style->out, "  %-14snothing is collected: what the allocator alone costs\n", "off");
    if (lab_workload_find(&lab_backend_malloc, "json") == NULL) {
        fprintf(style->out, "\nThe workload json and --json are not there: built without jansson "
                            "(Debian: libjansson-dev).\n");
    }
}
