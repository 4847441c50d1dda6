/* execute.h -- running a plan from its first run to its last. */
#ifndef LAB_EXECUTE_H
#define LAB_EXECUTE_H

#include "plan.h"

/* Runs every case once, then every case a second time, and so on, with progress on a terminal;
 * complains on stderr of runs that fail, and goes on. Returns 0 when all is well, 1 when a run
 * failed or its results cannot be right, 128 + the signal when it was interrupted. */
int lab_execute(lab_plan *plan);

#endif
