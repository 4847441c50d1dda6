/* mark_portable.c -- the kernels in plain C, and the choice among all. They are also the oracle
 * for the others' tests. */
#include "mark_loop.h"

/* Without a branch on the words: every word is written, and the place moves on if it counts. The
 * program may store to them meanwhile: each is read once, so what is tested is what is written. */
LULL__NO_SANITIZE static size_t filter(const uintptr_t *words, size_t count, uintptr_t range,
                                       size_t extent, uintptr_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        uintptr_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
        out[n] = w;
        n += w - range < extent;
    }
    return n;
}

static bool drain(struct lull__marker *m, unsigned most)
{
    return lull__loop_run(m, most, false);
}

static bool drain_tagged(struct lull__marker *m, unsigned most)
{
    return lull__loop_run(m, most, true);
}

static bool available(void)
{
    return true;
}

const struct lull__mark_kernel lull__mark_portable = {"portable", drain, filter, available};
const struct lull__mark_kernel lull__mark_tagged = {"tagged", drain_tagged, filter, available};

const struct lull__mark_kernel *lull__mark_kernel_choose(bool tagged)
{
    if (tagged) {
        return &lull__mark_tagged;
    }
    return lull__mark_wide.available() ? &lull__mark_wide : &lull__mark_portable;
}
