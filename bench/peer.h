/* peer.h -- the workloads in Go: where their program is, how it is called, what it answers. The
 * protocol stands at the head of backend.h. */
#ifndef LAB_PEER_H
#define LAB_PEER_H

#include "workload.h"

#define LAB_PEER_WORKLOADS 32

/* What is known of the Go program. */
typedef struct lab_peer {
    bool found;
    char why[512]; /* why not */
    char path[4096];
    char version[64];
    char workload[LAB_PEER_WORKLOADS][32];
    int count;
} lab_peer;

/* Looks for it, once. Never NULL. */
const lab_peer *lab_peer_get(void);

bool lab_peer_has(const char *workload);

/* The arguments of a run; argv points into the rest. */
struct lab_peer_arguments {
    char *argv[16];
    char text[12][48];
    char input[1100];
    char path[4096];
};

void lab_peer_command(struct lab_peer_arguments *arguments, const char *workload,
                      const lab_params *params);

/* Reads its answer. Returns 0, or -1 with the reason in `why`. */
int lab_peer_result(char *output, lab_result *result, char *why, size_t size);

#endif
