/* main.c -- lull-lab. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "registry.h"

int main(int argc, char **argv)
{
    lab_params params = {.seed = 1,
                         .threads = 2,
                         .percent = 100,
                         .scale = 10,
                         .depth = 8,
                         .run = 1,
                         .collect = true};
    lab_result result;
    const lab_backend *backend = argc > 2 ? lab_backend_find(argv[2]) : NULL;
    const lab_workload *workload = backend != NULL ? lab_workload_find(backend, argv[1]) : NULL;

    if (workload == NULL) {
        fprintf(stderr, "usage: lull-lab WORKLOAD BACKEND [POOLS]\n");
        return 2;
    }
    params.pools = argc > 3 && strcmp(argv[3], "on") == 0;
    if (lab_measure(backend, workload, &params, &result) != 0) {
        return 1;
    }
    printf("%s on %s: %.1f ms wall, %.1f ms CPU, %lld ops, checksum %016llx, rss %lld, "
           "%lld cycles, %lld pauses, max %lld ns; pool %lld gets %lld hits\n",
           workload->name, backend->label, (double)result.wall_ns / 1e6,
           (double)result.cpu_ns / 1e6, (long long)result.ops, (unsigned long long)result.checksum,
           (long long)result.peak_rss_bytes, (long long)result.cycles,
           (long long)result.pause.count, (long long)result.pause.max_ns,
           (long long)result.pool.gets, (long long)result.pool.hits);
    return 0;
}
