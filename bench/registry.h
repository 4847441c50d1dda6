/* registry.h -- which backends and workloads this lab was built with. */
#ifndef LAB_REGISTRY_H
#define LAB_REGISTRY_H

#include "backend.h"

extern const lab_backend lab_backend_malloc;
extern const lab_backend lab_backend_boehm;
extern const lab_backend lab_backend_lull;

/* NULL-terminated, in the order of workloads.def. */
extern const lab_workload *const lab_workloads_malloc[];
extern const lab_workload *const lab_workloads_boehm[];
extern const lab_workload *const lab_workloads_lull[];

/* The C backends built in, NULL-terminated. */
extern const lab_backend *const lab_backends[];

/* NULL where this lab has none of that name. */
const lab_backend *lab_backend_find(const char *name);
const lab_workload *lab_workload_find(const lab_backend *backend, const char *name);

/* "glibc 2.36", or "libc" where it does not say. */
const char *lab_libc_version(void);

#endif
