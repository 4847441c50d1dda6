/* random.h -- random numbers for tests: the same ones each time for the same seed.
 * splitmix64 (Steele, Lea & Flood 2014). */
#ifndef LULL_TESTS_RANDOM_H
#define LULL_TESTS_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One of 0 to n - 1; n > 0. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return random_next(r) % n;
}

/* Any magnitude is as likely as any other: 0 to 64 random bits. */
static inline uint64_t random_magnitude(struct random *r)
{
    uint64_t bits = random_below(r, 65);

    return bits == 0 ? 0 : random_next(r) >> (64 - bits);
}

#endif
