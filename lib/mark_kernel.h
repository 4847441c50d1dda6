/* mark_kernel.h -- the inner loops of marking: one set in plain C, others per processor, chosen
 * when a heap is made. All give the same words in the same order. */
#ifndef LULL__MARK_KERNEL_H
#define LULL__MARK_KERNEL_H

#include "heap.h"

/* A filter may write this many words beyond what it returns. */
#define LULL__KERNEL_SLACK 8

struct lull__marker;

struct lull__mark_kernel {
    const char *name;
    /* Marks until the marker's stack and ring are empty (false), or `most` edges were visited. */
    bool (*drain)(struct lull__marker *m, unsigned most);
    /* Copies the words w of words[0, count) with w - range < extent to `out`, in order, and
     * returns how many. `out` has room for count + LULL__KERNEL_SLACK. */
    size_t (*filter)(const uintptr_t *words, size_t count, uintptr_t range, size_t extent,
                     uintptr_t *out);
    bool (*available)(void);
};

/* In plain C; the same for heaps with a pointer mask or tag rule; and for wide vectors. */
extern const struct lull__mark_kernel lull__mark_portable, lull__mark_tagged, lull__mark_wide;

/* The best one that is available. Time: O(1). */
const struct lull__mark_kernel *lull__mark_kernel_choose(bool tagged);

#endif
