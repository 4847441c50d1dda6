/* mark_x86.c -- the kernel with AVX-512: eight words compared and compacted at once. Elsewhere
 * this file's kernel says that it is not available.
 *
 * The compaction goes to a register and is stored whole: compressing straight to memory is
 * microcoded on some processors. */
#include "mark_loop.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,popcnt,bmi")))

/* Those of eight words that fall in the range, to `out`; returns how many. */
#define KEEP_IN_RANGE(w, low, bytes, out)                                                        \
    __extension__({                                                                              \
        __mmask8 in_ = _mm512_cmplt_epu64_mask(_mm512_sub_epi64((w), (low)), (bytes));           \
        _mm512_storeu_si512((out), _mm512_maskz_compress_epi64(in_, (w)));                       \
        (size_t) __builtin_popcount(in_);                                                        \
    })

WIDE LULL__NO_SANITIZE static size_t filter(const uintptr_t *words, size_t count, uintptr_t range,
                                            size_t extent, uintptr_t *out)
{
    const __m512i low = _mm512_set1_epi64((long long)range);
    const __m512i bytes = _mm512_set1_epi64((long long)extent);
    size_t n = 0;
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
        __m512i w = _mm512_loadu_si512(words + i);
        __asm__("" : "+v"(w)); /* read once, as each of the rest is: the program may store to it */
        n += KEEP_IN_RANGE(w, low, bytes, out + n);
    }
    for (; i < count; i++) {
        uintptr_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
        out[n] = w;
        n += w - range < extent;
    }
    return n;
}

WIDE static bool drain(struct lull__marker *m, unsigned most)
{
    return lull__loop_run(m, most, false);
}

static bool available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("bmi");
}

#else

static size_t filter(const uintptr_t *words, size_t count, uintptr_t range, size_t extent,
                     uintptr_t *out)
{
    return lull__mark_portable.filter(words, count, range, extent, out);
}

static bool drain(struct lull__marker *m, unsigned most)
{
    return lull__mark_portable.drain(m, most);
}

static bool available(void)
{
    return false;
}

#endif

const struct lull__mark_kernel lull__mark_wide = {"avx512", drain, filter, available};
