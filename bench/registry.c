/* registry.c -- the tables of backends and workloads, from workloads.def and the build. */
#include "registry.h"

#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#define LAB_WORKLOAD_ENTRY(name) extern const lab_workload lab_workload_##name##_malloc;
#include "workloads.def"
#undef LAB_WORKLOAD_ENTRY
#define LAB_WORKLOAD_ENTRY(name) extern const lab_workload lab_workload_##name##_lull;
#include "workloads.def"
#undef LAB_WORKLOAD_ENTRY

#define LAB_WORKLOAD_ENTRY(name) &lab_workload_##name##_malloc,
const lab_workload *const lab_workloads_malloc[] = {
#include "workloads.def"
    NULL};
#undef LAB_WORKLOAD_ENTRY

#define LAB_WORKLOAD_ENTRY(name) &lab_workload_##name##_lull,
const lab_workload *const lab_workloads_lull[] = {
#include "workloads.def"
    NULL};
#undef LAB_WORKLOAD_ENTRY

#ifdef HAVE_BDW_GC
#define LAB_WORKLOAD_ENTRY(name) extern const lab_workload lab_workload_##name##_boehm;
#include "workloads.def"
#undef LAB_WORKLOAD_ENTRY

#define LAB_WORKLOAD_ENTRY(name) &lab_workload_##name##_boehm,
const lab_workload *const lab_workloads_boehm[] = {
#include "workloads.def"
    NULL};
#undef LAB_WORKLOAD_ENTRY
#endif

const lab_backend *const lab_backends[] = {
    &lab_backend_lull,
#ifdef HAVE_BDW_GC
    &lab_backend_boehm,
#endif
    &lab_backend_malloc,
    NULL,
};

const lab_backend *lab_backend_find(const char *name)
{
    for (size_t i = 0; lab_backends[i] != NULL; i++) {
        if (strcmp(lab_backends[i]->name, name) == 0) {
            return lab_backends[i];
        }
    }
    return NULL;
}

const lab_workload *lab_workload_find(const lab_backend *backend, const char *name)
{
    for (size_t i = 0; backend->workloads[i] != NULL; i++) {
        if (strcmp(backend->workloads[i]->name, name) == 0) {
            return backend->workloads[i];
        }
    }
    return NULL;
}

#ifdef __GLIBC__
const char *lab_libc_version(void)
{
    static char version[64];

    snprintf(version, sizeof version, "glibc %s", gnu_get_libc_version());
    return version;
}
#else
const char *lab_libc_version(void)
{
    return "libc";
}
#endif
