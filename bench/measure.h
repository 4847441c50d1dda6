/* measure.h -- one run of one workload on one backend, in the present process. */
#ifndef LAB_MEASURE_H
#define LAB_MEASURE_H

#include "backend.h"

#define LAB_EXIT_MEMORY 3 /* of a child that ran out of memory */

/* A result of which nothing is known yet. */
void lab_result_clear(lab_result *result);

/* Runs it; 0, or -1 after lab_fail. A process runs one: its memory tells of nothing else. */
int lab_measure(const lab_backend *backend, const lab_workload *workload, const lab_params *params,
                lab_result *result);

/* Sets what precedes the messages of lab_fail and lab_out_of_memory, which is "lull-lab: ". The
 * process of a run says the reason alone: the lab that started it knows the rest. */
void lab_fail_prefix(const char *prefix);

#endif
