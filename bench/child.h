/* child.h -- processes of the lab's: one for each run, so that its memory, CPU and heap are its
 * own; and the peers in other languages. */
#ifndef LAB_CHILD_H
#define LAB_CHILD_H

#include <signal.h>

#include "plan.h"

/* The internal subcommand under which the lab starts itself for a run. */
#define LAB_CHILD_COMMAND "internal-run"

/* Nonzero once the person wants it to end; set by lab_child_catch's handlers. */
extern volatile sig_atomic_t lab_interrupted;

/* From here on SIGINT, SIGTERM and SIGHUP end the present child, and set lab_interrupted. */
void lab_child_catch(void);

/* Runs one case once in a process of its own; fills the record whatever happens. */
void lab_child_run(const lab_case *one, int run, lab_record *record);

/* Runs a program to its end and keeps the beginning of its standard output as a string. Returns
 * its exit status, or -1 where it could not be started or was killed. */
int lab_child_output(char *const argv[], char *output, size_t size);

/* The other side of lab_child_run: what `lull-lab internal-run BACKEND WORKLOAD` does. */
int lab_child_main(int argc, char **argv);

#endif
