/* mark_kernel.h -- filters over many words: the inner loop of scanning wide objects, arrays,
 * conservative memory and stacks. One portable, others per processor, chosen when the program
 * starts; all give the same words in the same order. */
#ifndef LULL__MARK_KERNEL_H
#define LULL__MARK_KERNEL_H

#include "heap.h"

/* A filter may write this many words beyond what it returns. */
#define LULL__KERNEL_SLACK 8

struct lull__mark_kernel {
    const char *name;
    /* Copies the words w of words[0, count) with w - range < extent to `out`, in order, and
     * returns how many. `out` has room for count + LULL__KERNEL_SLACK. */
    size_t (*filter)(const uintptr_t *words, size_t count, uintptr_t range, size_t extent,
                     uintptr_t *out);
    bool (*available)(void);
};

/* Every kernel built for this processor family, the portable one first, then a NULL. */
extern const struct lull__mark_kernel *const lull__mark_kernels[];
extern const struct lull__mark_kernel lull__mark_portable, lull__mark_wide;

/* The last available one. Time: O(1). */
const struct lull__mark_kernel *lull__mark_kernel_choose(void);

#endif
