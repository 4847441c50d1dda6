/* machine.h -- what the figures were measured on and with. */
#ifndef LAB_MACHINE_H
#define LAB_MACHINE_H

#include <stdint.h>

typedef struct lab_machine {
    char cpu[128];    /* "" where it is not told, as with the other texts */
    char system[256]; /* kernel's name and release */
    char arch[64];
    char libc[64];
    char compiler[128];
    char huge_pages[64]; /* transparent_hugepage setting */
    char preload[512];   /* LD_PRELOAD */
    char date[32];       /* ISO 8601, UTC, when the lab was asked */
    int cores;           /* that this process may use */
    int64_t memory_bytes;
} lab_machine;

void lab_machine_read(lab_machine *machine);

#endif
