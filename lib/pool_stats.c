/* pool_stats.c -- what pools count, read while threads use them.
 *
 * EXCEPTIONS: `counts` of other threads' magazines is read here, which their thread writes plainly:
 * with atomics gcc needs two more instructions a get, and no compiler keeps anything from a get to
 * the next put. It is an aligned word, read once; so are the other counts. */
#include <string.h>

#include "callback.h"
#include "error.h"
#include "pool.h"
#include "thread.h"

static LULL__NO_SANITIZE uint64_t read_once(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

LULL__NO_SANITIZE void lull__pool_add_counts(struct lull__pool_counts *sum, const lull_thread *t,
                                             const struct lull_magazines *m)
{
    uint64_t now = read_once(&m->now.counts);
    uint64_t top = now & UINT16_MAX;
    uint64_t count = top != 0 ? top - lull__magazine_bottom(t, m) : 0;
    uint64_t depot = read_once(&m->hits_depot);
    uint64_t steal = read_once(&m->hits_steal);
    uint64_t victim = read_once(&m->hits_victim);
    int64_t received = __atomic_load_n(&m->received, __ATOMIC_RELAXED);

    sum->magazine += now >> 16;
    sum->depot += depot;
    sum->steal += steal;
    sum->victim += victim;
    sum->misses += read_once(&m->misses);
    sum->kept += count;
    sum->puts += (int64_t)(count + (now >> 16) + depot + steal + victim) - received;
}

struct lull__pool_counts lull__pool_sum(struct lull_pool *pool)
{
    struct lull__pool_counts sum = pool->gone;
    lull_heap *heap = pool->heap;

    for (lull_thread *t = heap->pool_threads; t != NULL; t = t->pools_next) {
        for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
            if (heap->pools[i] == pool) {
                lull__pool_add_counts(&sum, t, lull__magazines_of(t, i));
            }
        }
    }
    return sum;
}

static uint64_t load(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* a - b where that is none below 0: counts of running threads are half counted now and then. */
static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct measured {
    uint64_t objects, bytes;
};

/* What the calling thread keeps in its magazines, if it is attached: nobody else may look at
 * objects there, which their thread may just hand out. Under pools_lock. */
static struct measured measure_own(const struct lull_pool *pool)
{
    const lull_thread *t = lull_self(pool->heap);
    struct measured own = {0, 0};

    for (uint32_t i = 0; t != NULL && t->pools_on && i < LULL__POOLS_MAX; i++) {
        if (pool->heap->pools[i] == pool) {
            const struct lull_magazines *m = lull__magazines_of((lull_thread *)t, i);
            size_t count = lull__magazine_count(t, m);
            for (size_t k = 0; k < count; k++) {
                own.bytes += lull__pool_object_bytes(pool, (const void *)m->object[k]);
            }
            own.objects += count;
        }
    }
    return own;
}

static void read_bytes(const struct lull_pool *pool, uint64_t in_magazines, lull_pool_stats *stats)
{
    uint64_t unit = lull__pool_unit_bytes(pool);
    uint64_t kept = atomic_load_explicit(&pool->kept, memory_order_relaxed);
    uint64_t bytes = atomic_load_explicit(&pool->kept_bytes, memory_order_relaxed);

    if (unit != 0) {
        stats->idle_bytes = stats->idle * unit;
        return;
    }
    struct measured own = measure_own(pool);
    uint64_t known = kept + own.objects;
    uint64_t one = known != 0 ? (bytes + own.bytes) / known
                              : atomic_load_explicit(&pool->one_bytes, memory_order_relaxed);
    /* what other threads keep is as large as the rest */
    stats->idle_bytes = bytes + own.bytes + less(in_magazines, own.objects) * one;
}

/* Under pools_lock. */
static void read_stats(struct lull_pool *pool, lull_pool_stats *stats)
{
    struct lull__pool_counts sum = lull__pool_sum(pool);

    *stats = (lull_pool_stats){
        .hits = sum.magazine + sum.depot + sum.steal + sum.victim,
        .hits_magazine = sum.magazine,
        .hits_depot = sum.depot,
        .hits_steal = sum.steal,
        .hits_victim = sum.victim,
        .misses = sum.misses,
        .made = less(sum.misses, load(&pool->unmade)),
        .filled = load(&pool->filled),
        .puts = sum.puts > 0 ? (uint64_t)sum.puts : 0,
        .high_water = load(&pool->high_water),
        .last_gets = pool->last_gets,
        .last_hits = pool->last_hits,
    };
    for (unsigned why = 0; why < LULL_POOL_DROPS; why++) {
        stats->dropped[why] = load(&pool->dropped[why]);
        stats->drops += stats->dropped[why];
    }
    stats->gets = stats->hits + stats->misses;
    stats->idle = less(stats->filled + stats->puts, stats->hits + stats->drops);
    stats->out = less(stats->hits + stats->made, stats->puts);
    read_bytes(pool, sum.kept, stats);
    strncpy(stats->name, pool->name, LULL_POOL_NAME - 1);
}

int lull_pool_stats_read(lull_pool *pool, lull_pool_stats *stats)
{
    if (lull__refuses_any("lull_pool_stats_read")) {
        return LULL_E_STATE;
    }
    if (pool == NULL || stats == NULL) {
        return lull__fail(LULL_E_INVALID, "lull_pool_stats_read wants a pool and a place to write");
    }
    lull_thread *entered = lull__enter_any(pool->heap);

    pthread_mutex_lock(&pool->heap->pools_lock);
    read_stats(pool, stats);
    pthread_mutex_unlock(&pool->heap->pools_lock);
    lull__leave_any(entered);
    return LULL_OK;
}

/* Puts a pool's counters among the first `count`, by name, as far as there is room. */
static void insert(lull_pool_stats *stats, size_t count, size_t room, const lull_pool_stats *one)
{
    size_t at = lull__min(count, room);

    while (at > 0 && strcmp(stats[at - 1].name, one->name) > 0) {
        if (at < room) {
            stats[at] = stats[at - 1];
        }
        at--;
    }
    if (at < room) {
        stats[at] = *one;
    }
}

size_t lull_pools_read(lull_heap *heap, lull_pool_stats *stats, size_t room)
{
    size_t count = 0;

    if (lull__refuses_any("lull_pools_read")) {
        return 0;
    }
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC || (stats == NULL && room != 0)) {
        lull__fail(LULL_E_INVALID, "lull_pools_read wants a heap and a place to write");
        return 0;
    }
    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL && heap->pools[i]->index == i) {
            lull_pool_stats one;
            read_stats(heap->pools[i], &one);
            insert(stats, count++, room, &one);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
    lull__leave_any(entered);
    return count;
}

struct lull__pools_sum lull__pools_sum(lull_heap *heap)
{
    struct lull__pools_sum sum = {0, 0, 0, 0, 0, 0, 0};
    lull_thread *entered = lull__enter_any(heap);

    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL && heap->pools[i]->index == i) {
            lull_pool_stats one;
            read_stats(heap->pools[i], &one);
            sum.pools++;
            sum.gets += one.gets;
            sum.hits += one.hits;
            sum.puts += one.puts;
            sum.drops += one.drops;
            sum.idle += one.idle;
            sum.idle_bytes += one.idle_bytes;
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
    lull__leave_any(entered);
    return sum;
}

/* ---- the equation ---- */

static bool adds_up(struct lull_pool *pool)
{
    struct lull__pool_counts sum = lull__pool_sum(pool);
    size_t in_depot = 0;
    lull_pool_stats s;

    read_stats(pool, &s);
    for (uint32_t i = 0; i < pool->shards; i++) {
        in_depot += lull__depot_objects(&pool->shard[i].young);
        in_depot += lull__depot_objects(&pool->shard[i].old);
    }
    return in_depot == pool->kept && s.filled + s.puts - s.hits - s.drops == in_depot + sum.kept;
}

bool lull__pools_add_up(lull_heap *heap)
{
    bool all = true;

    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        struct lull_pool *pool = heap->pools[i];
        all &= pool == NULL || pool->index != i || adds_up(pool);
    }
    pthread_mutex_unlock(&heap->pools_lock);
    return all;
}

const char *lull_pool_drop_name(lull_pool_drop why)
{
    static const char *const names[LULL_POOL_DROPS] = {
        [LULL_POOL_DROP_FULL] = "full",     [LULL_POOL_DROP_SIZE] = "size",
        [LULL_POOL_DROP_BUSY] = "busy",     [LULL_POOL_DROP_MEMORY] = "memory",
        [LULL_POOL_DROP_MISUSE] = "misuse", [LULL_POOL_DROP_IDLE] = "idle",
        [LULL_POOL_DROP_AGE] = "age",       [LULL_POOL_DROP_PRESSURE] = "pressure",
        [LULL_POOL_DROP_LOST] = "lost",
    };

    return (unsigned)why < LULL_POOL_DROPS ? names[why] : NULL;
}
