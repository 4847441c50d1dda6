/* resident.h -- how much of this process is resident over the measured part, and the habit of some
 * programs to have all free memory returned to the system every second. */
#ifndef LAB_RESIDENT_H
#define LAB_RESIDENT_H

#include "backend.h"

/* From here on a thread of its own, attached to the heap, looks at the resident size a hundred
 * times a second; where params->returning says so, it also returns memory every second. */
void lab_resident_start(const lab_backend *backend, lab_heap *heap, bool returning);
void lab_resident_stop(lab_thread *main);

/* The measured part begins (again) and ends: the latter sets result->resident_bytes, the mean, and
 * result->returns. They do nothing where the thread does not run. */
void lab_resident_begin(void);
void lab_resident_end(lab_result *result);

#endif
