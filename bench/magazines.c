/* magazines.c -- the slow sides of magazines.h. */
#include "magazines.h"

#include <string.h>

#define HALF (LAB_MAGAZINE_SLOTS / 2)

void lab_magazine_refill(struct lab_magazine *magazine, struct lab_depot *depot)
{
    size_t n;

    pthread_mutex_lock(&depot->lock);
    n = depot->count < HALF ? depot->count : HALF;
    depot->count -= n;
    if (n != 0) {
        memcpy(magazine->object, depot->object + depot->count, n * sizeof(void *));
        /* A collector must not take what was moved for still kept here. */
        memset(depot->object + depot->count, 0, n * sizeof(void *));
    }
    pthread_mutex_unlock(&depot->lock);
    magazine->count = (uint32_t)n;
}

/* Moves the last `n` objects of the magazine to the depot, whose lock is held. */
static void move_to_depot(struct lab_magazine *magazine, struct lab_depot *depot, lab_grow_fn grow,
                          uint32_t n)
{
    if (depot->count + n > depot->capacity) {
        size_t capacity = depot->capacity == 0 ? 1024 : depot->capacity * 2;

        depot->object = grow(depot->object, depot->capacity, capacity);
        depot->capacity = capacity;
    }
    magazine->count -= n;
    memcpy(depot->object + depot->count, magazine->object + magazine->count, n * sizeof(void *));
    memset(magazine->object + magazine->count, 0, n * sizeof(void *));
    depot->count += n;
}

void lab_magazine_spill(struct lab_magazine *magazine, struct lab_depot *depot, lab_grow_fn grow)
{
    pthread_mutex_lock(&depot->lock);
    move_to_depot(magazine, depot, grow, HALF);
    pthread_mutex_unlock(&depot->lock);
}

void lab_magazine_retire(struct lab_magazine *magazine, struct lab_depot *depot, lab_grow_fn grow)
{
    pthread_mutex_lock(&depot->lock);
    if (magazine->count != 0) {
        move_to_depot(magazine, depot, grow, magazine->count);
    }
    depot->gets += magazine->gets;
    depot->misses += magazine->misses;
    depot->puts += magazine->puts;
    pthread_mutex_unlock(&depot->lock);
    magazine->gets = magazine->misses = magazine->puts = 0;
}

void lab_magazine_reset_counts(struct lab_magazine *magazine, struct lab_depot *depot)
{
    magazine->gets = magazine->misses = magazine->puts = 0;
    depot->gets = depot->misses = depot->puts = 0;
}

void lab_magazine_counts(const struct lab_magazine *magazine, const struct lab_depot *depot,
                         lab_pool_counts *counts)
{
    int64_t gets = magazine->gets + depot->gets;
    int64_t misses = magazine->misses + depot->misses;

    counts->gets += gets;
    counts->misses += misses;
    counts->hits += gets - misses;
    counts->puts += magazine->puts + depot->puts;
}
