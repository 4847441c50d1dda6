/* delay.c -- how long a thread lingers at a point of the protocol; see delay.h. */
#include "delay.h"

#include <sched.h>

/* splitmix64's finish (Steele, Lea & Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In a signal handler, too, and no cancellation point. */
static void sleep_ns(uint64_t ns)
{
    static _Atomic uint32_t nobody_wakes;

    lull__os_futex_wait(&nobody_wakes, 0, ns + 1);
}

void lull__delay_now(lull_heap *heap, enum lull__delay_point point)
{
    /* relaxed: it only makes a number */
    uint32_t count = atomic_fetch_add_explicit(&heap->delays[point], 1, memory_order_relaxed);
    uint64_t seed = mix(heap->options.schedule_seed * UINT64_C(0x9e3779b97f4a7c15) + point);
    uint64_t chance = mix(seed + count * UINT64_C(0x9e3779b97f4a7c15));
    unsigned rarity = (unsigned)(seed % 4); /* a seed has points that it likes */
    uint32_t much = (uint32_t)(chance >> 32);

    if (chance % 64 >= (16u >> rarity)) {
        return;
    }
    switch (chance / 64 % 4) {
    case 0:
        sleep_ns(much % 100000);
        break;
    case 1:
        sched_yield();
        break;
    default:
        for (uint32_t spins = much % 2000; spins != 0; spins--) {
            lull__os_relax();
        }
    }
}
