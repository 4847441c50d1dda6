/* base.h -- what every file of the library starts from: asserts, hints, small arithmetic.
 *
 * LULL_ASSERT is O(1) and on in every build; LULL_ASSERT_HOT stands on paths that are counted in
 * instructions and is on in debug builds only. Both always compile their expression. */
#ifndef LULL__BASE_H
#define LULL__BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lull/base.h>

#define LULL__LIKELY(x) __builtin_expect(!!(x), 1)
#define LULL__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LULL__NOINLINE __attribute__((noinline))
#define LULL__NO_SANITIZE __attribute__((no_sanitize_address, no_sanitize_thread))
#define LULL__INLINE static inline __attribute__((always_inline))
#define LULL__ALIGNED(n) __attribute__((aligned(n)))
#define LULL__CACHE_LINE 64

#define LULL__KIB ((size_t)1 << 10)
#define LULL__MIB ((size_t)1 << 20)
#define LULL__GIB ((size_t)1 << 30)

/* Prints where and what, then aborts: an invariant of the library is broken, or, in debug
 * builds, a rule of its interface. `a` and `b` are values worth seeing. */
__attribute__((noreturn, cold)) void lull__assert_failed(const char *file, int line,
                                                         const char *expression, uintptr_t a,
                                                         uintptr_t b);

#define LULL_ASSERT_VALUES(x, a, b)                                                              \
    (LULL__LIKELY(x)                                                                             \
         ? (void)0                                                                               \
         : lull__assert_failed(__FILE__, __LINE__, #x, (uintptr_t)(a), (uintptr_t)(b)))
#define LULL_ASSERT(x) LULL_ASSERT_VALUES(x, 0, 0)

#if defined(LULL_DEBUG_BUILD) && LULL_DEBUG_BUILD
#define LULL__DEBUG 1
#else
#define LULL__DEBUG 0
#endif
#define LULL_ASSERT_HOT(x) LULL_ASSERT(!LULL__DEBUG || (x))

LULL__INLINE size_t lull__min(size_t a, size_t b)
{
    return a < b ? a : b;
}

LULL__INLINE size_t lull__max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The least multiple of `unit`, a power of two, that is not below `n`. */
LULL__INLINE size_t lull__round_up(size_t n, size_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

/* a + b, or SIZE_MAX. */
LULL__INLINE size_t lull__add_saturating(size_t a, size_t b)
{
    return a + b < a ? SIZE_MAX : a + b;
}

#endif
