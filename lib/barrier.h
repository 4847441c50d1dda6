/* barrier.h -- the write barrier's states. */
#ifndef LULL__BARRIER_H
#define LULL__BARRIER_H

#include "heap.h"

/* Values of lull_thread_head.marking. */
enum {
    LULL__BARRIER_OFF,    /* a store is a store */
    LULL__BARRIER_INSERT, /* shade what is stored (Dijkstra et al. 1978) */
    LULL__BARRIER_HYBRID, /* and what it replaces (Yuasa 1990): no more rounds than one */
    LULL__BARRIER_REFUSE = 1 << 7 /* with any of them: a callback is not to store; callback.h */
};

/* relaxed, all: the barrier is the thread's own and changes in its handshakes, where it is in one
 * itself or stands; the bit is its own at any time, so that both are changed in one step: it may be
 * in a callback while it stands and another takes its part. */
LULL__INLINE uint8_t lull__barrier(const lull_thread *t)
{
    return __atomic_load_n(&t->head.marking, __ATOMIC_RELAXED) & (uint8_t)~LULL__BARRIER_REFUSE;
}

LULL__INLINE void lull__barrier_set(lull_thread *t, uint8_t barrier)
{
    uint8_t old = __atomic_load_n(&t->head.marking, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(&t->head.marking, &old,
                                        (old & LULL__BARRIER_REFUSE) | barrier, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

LULL__INLINE void lull__barrier_refuse(lull_thread *t)
{
    __atomic_fetch_or(&t->head.marking, LULL__BARRIER_REFUSE, __ATOMIC_RELAXED);
}

LULL__INLINE void lull__barrier_admit(lull_thread *t)
{
    __atomic_fetch_and(&t->head.marking, (uint8_t)~LULL__BARRIER_REFUSE, __ATOMIC_RELAXED);
}

#endif
