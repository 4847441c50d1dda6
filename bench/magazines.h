/* magazines.h -- the pools of backends that bring none: a free list for each thread and pool,
 * and a shared overflow (Bonwick & Adams 2001), as a good C program would have by hand.
 *
 * A thread's list is an array, not links through the objects: objects stay as they were given,
 * and a collector finds them. `grow` of the backend gets the memory of both. */
#ifndef LAB_MAGAZINES_H
#define LAB_MAGAZINES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "workload.h"

#define LAB_MAGAZINE_SLOTS 64
#define LAB_MAGAZINE_POOLS 16 /* pools a heap may have */

/* What a thread keeps of one pool; its counters are its own until it detaches. */
struct lab_magazine {
    uint32_t count;
    void *object[LAB_MAGAZINE_SLOTS];
    int64_t gets, misses, puts;
};

/* What all threads share of one pool. */
struct lab_depot {
    pthread_mutex_t lock;
    void **object;
    size_t count, capacity;
    int64_t gets, misses, puts; /* of detached threads */
};

/* Memory for `count` pointers that keep alive what they point to; the backend's. `old` holds
 * `old_count` and is freed. */
typedef void **(*lab_grow_fn)(void **old, size_t old_count, size_t count);

/* The slow sides: move half a magazine between a thread and the depot. After a refill the
 * magazine may still be empty; after a spill it has room. */
void lab_magazine_refill(struct lab_magazine *magazine, struct lab_depot *depot);
void lab_magazine_spill(struct lab_magazine *magazine, struct lab_depot *depot, lab_grow_fn grow);

/* Adds a thread's counters to the depot's, and moves its objects there. */
void lab_magazine_retire(struct lab_magazine *magazine, struct lab_depot *depot, lab_grow_fn grow);

/* Counts afresh; adds what was counted since to `counts`. Only the main thread's magazine is
 * still attached then. */
void lab_magazine_reset_counts(struct lab_magazine *magazine, struct lab_depot *depot);
void lab_magazine_counts(const struct lab_magazine *magazine, const struct lab_depot *depot,
                         lab_pool_counts *counts);

/* An object that was given back, or NULL. */
static inline void *lab_magazine_take(struct lab_magazine *magazine, struct lab_depot *depot)
{
    magazine->gets++;
    if (__builtin_expect(magazine->count == 0, 0)) {
        lab_magazine_refill(magazine, depot);
        if (magazine->count == 0) {
            magazine->misses++;
            return NULL;
        }
    }
    magazine->count--;
    return magazine->object[magazine->count];
}

static inline void lab_magazine_give(struct lab_magazine *magazine, struct lab_depot *depot,
                                     lab_grow_fn grow, void *object)
{
    magazine->puts++;
    if (__builtin_expect(magazine->count == LAB_MAGAZINE_SLOTS, 0)) {
        lab_magazine_spill(magazine, depot, grow);
    }
    magazine->object[magazine->count++] = object;
}

#endif
