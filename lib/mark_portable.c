/* mark_portable.c -- the filter in plain C, and the choice among all of them. It is also the
 * oracle for the others' test. */
#include "mark_kernel.h"

/* Without a branch on the words: every word is written, and the place moves on if it counts. */
LULL__NO_SANITIZE static size_t filter(const uintptr_t *words, size_t count, uintptr_t range,
                                       size_t extent, uintptr_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        uintptr_t w = words[i];
        out[n] = w;
        n += w - range < extent;
    }
    return n;
}

static bool available(void)
{
    return true;
}

const struct lull__mark_kernel lull__mark_portable = {"portable", filter, available};

const struct lull__mark_kernel *const lull__mark_kernels[] = {&lull__mark_portable,
                                                              &lull__mark_wide, NULL};

const struct lull__mark_kernel *lull__mark_kernel_choose(void)
{
    const struct lull__mark_kernel *best = lull__mark_kernels[0];

    for (size_t i = 1; lull__mark_kernels[i] != NULL; i++) {
        if (lull__mark_kernels[i]->available()) {
            best = lull__mark_kernels[i];
        }
    }
    return best;
}
