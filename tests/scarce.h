/* scarce.h -- memory that runs out: a suite that is linked with -Wl,--wrap=lull__os_map decides
 * how many more mappings the library gets. Included by one file a program. */
#ifndef LULL_TESTS_SCARCE_H
#define LULL_TESTS_SCARCE_H

#include <limits.h>
#include <stdatomic.h>

#include "os.h"

#define PLENTY LONG_MAX

static atomic_long scarce_maps = PLENTY; /* mappings left; PLENTY: no end */

void *__real_lull__os_map(size_t bytes);
void *__wrap_lull__os_map(size_t bytes);

void *__wrap_lull__os_map(size_t bytes)
{
    if (atomic_load(&scarce_maps) != PLENTY && atomic_fetch_sub(&scarce_maps, 1) <= 0) {
        return NULL;
    }
    return __real_lull__os_map(bytes);
}

#endif
