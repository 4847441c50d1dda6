/* random.h -- the generator that every workload draws from, in C and in Go alike.
 *
 * splitmix64 (Steele, Lea & Flood 2014): one word of state, the same sequence in any language,
 * so that a seed names the same work everywhere. bench/peers/go/random.go is its twin. */
#ifndef LAB_RANDOM_H
#define LAB_RANDOM_H

#include <stdint.h>

typedef struct lab_random {
    uint64_t state;
} lab_random;

static inline uint64_t lab_random_next(lab_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number in [0, bound), bound below 2^32: the high product, not the remainder, so that no
 * division stands in a measured loop. */
static inline uint32_t lab_random_below(lab_random *random, uint32_t bound)
{
    return (uint32_t)(((lab_random_next(random) >> 32) * bound) >> 32);
}

/* A number in [0, 1). */
static inline double lab_random_unit(lab_random *random)
{
    return (double)(lab_random_next(random) >> 11) * 0x1.0p-53;
}

/* The generator of stream `stream` (a worker's index, say) under `seed`. Streams differ by a
 * draw of a generator of their own, not by an offset into one sequence. */
static inline lab_random lab_random_stream(uint64_t seed, uint64_t stream)
{
    lab_random root = {seed ^ (stream * 0xd1342543de82ef95u)};
    lab_random random = {lab_random_next(&root)};

    return random;
}

#endif
