/* pool_trim.c -- the collector's side of pools: what is dropped, and what is a root.
 *
 * Trimming, once a cycle: each stack of a depot knows the least number of objects it held since the
 * last cycle. So many of its lowest were not needed: they become victims, out of which a get is
 * still served when the rest of the shard is empty; what is left of the victims of the last cycle
 * is dropped (Go's sync.Pool, which takes everything instead of what lay idle). What threads keep
 * goes back to the depot first, at the top: there it is known whether it is used.
 *
 * A generational pool takes that step for its old objects only every OLD_TRIMS cycles. A pool that
 * is owned takes none; prune_age_ns is a step of its own, by the clock, for either: one half of the
 * age apart, so that what goes was idle for the age at least, and one and a half at most if
 * somebody looked.
 *
 * Pressure: where the memory limit is near, idle objects are worth less than the collector's rest.
 * What was live beyond three quarters of what the limit leaves (lull__pacer_excess) is made up for
 * from pools of lifetime cache, then from those that are owned, the young before the old, down to
 * their floors.
 *
 * What is dropped and has a `destroy` is *doomed*: still a root, until some thread that holds
 * nothing runs destroy for it: the heap's worker, a thread that asked for the collection, or one in
 * the slow path of the pool. */
#include "pool.h"

#include <sched.h>

#include "delay.h"
#include "outside.h"
#include "thread.h"

#define OLD_TRIMS 4

/* ---- doom ---- */

static void tell_doomed(struct lull_pool *pool)
{
    atomic_store_explicit(&pool->heap->pools_doomed, 1, memory_order_relaxed); /* a hint */
}

void lull__pool_doom(struct lull_pool *pool, struct lull__chain *chain)
{
    struct lull__stack *doomed = &pool->doomed.idle;

    if (!lull__outside_wanted(pool) || chain->top == NULL) {
        lull__magazines_give(&pool->heap->magazines, chain->top);
        return;
    }
    struct lull__chain before = {doomed->top, lull__depot_objects(&pool->doomed)};
    lull__chain_append(chain, &before);
    doomed->top = chain->top;
    atomic_store_explicit(&doomed->objects, chain->objects, memory_order_relaxed);
    tell_doomed(pool);
}

/* Those that there is no memory to note are left to the collector without more ado. */
void lull__pool_doom_words(struct lull_pool *pool, const uintptr_t *object, size_t n)
{
    if (n != 0 && lull__outside_wanted(pool)) {
        lull__depot_reserve(&pool->doomed, n, true);
        lull__depot_push(&pool->doomed, object, n);
        tell_doomed(pool);
    }
}

/* Makes one magazine of the doomed the dying, and returns it; NULL: there is none, or one is dying
 * already. */
static struct lull__magazine *begin_dying(struct lull_pool *pool)
{
    struct lull__stack *doomed = &pool->doomed.idle;
    struct lull__magazine *magazine = pool->dying == NULL ? doomed->top : NULL;

    if (magazine != NULL) {
        doomed->top = magazine->next;
        atomic_fetch_sub_explicit(&doomed->objects, magazine->count, memory_order_relaxed);
        magazine->next = NULL;
        pool->dying = magazine;
    }
    return magazine;
}

bool lull__pool_reap(struct lull_pool *pool, lull_thread *t, pthread_mutex_t *held)
{
    lull__pool_lock(t, &pool->lock);
    struct lull__magazine *magazine = begin_dying(pool);
    lull__pool_unlock(t, &pool->lock);
    if (magazine == NULL) {
        return false;
    }
    if (held != NULL) {
        pthread_mutex_unlock(held);
    }
    lull__delay(pool->heap, LULL__DELAY_POOL_BURY);
    lull__outside_bury(pool, magazine->object, magazine->count);
    if (held != NULL) {
        pthread_mutex_lock(held);
    }
    lull__pool_lock(t, &pool->lock);
    lull__magazines_give(&pool->heap->magazines, magazine);
    pool->dying = NULL;
    lull__pool_unlock(t, &pool->lock);
    return true;
}

bool lull__pools_doomed(const lull_heap *heap)
{
    return atomic_load_explicit(&heap->pools_doomed, memory_order_relaxed) != 0;
}

/* A pool from index `*next` on with something doomed, kept from being freed by its count of
 * reapers; *next is the index after it. NULL: there is none. */
static struct lull_pool *find_doomed(lull_heap *heap, lull_thread *t, uint32_t *next)
{
    struct lull_pool *found = NULL;

    lull__pool_lock(t, &heap->pools_lock);
    while (*next < LULL__POOLS_MAX && found == NULL) {
        struct lull_pool *pool = heap->pools[(*next)++];
        if (pool != NULL && lull__depot_objects(&pool->doomed) != 0 && !pool->ending) {
            pool->reapers++;
            found = pool;
        }
    }
    lull__pool_unlock(t, &heap->pools_lock);
    return found;
}

void lull__pools_reap(lull_heap *heap, lull_thread *t, pthread_mutex_t *held)
{
    struct lull_pool *pool;
    uint32_t next = 0;

    atomic_store_explicit(&heap->pools_doomed, 0, memory_order_relaxed);
    while ((pool = find_doomed(heap, t, &next)) != NULL) {
        while (lull__pool_reap(pool, t, held)) {
        }
        lull__pool_lock(t, &heap->pools_lock);
        pool->reapers--;
        lull__pool_unlock(t, &heap->pools_lock);
        lull__delay(heap, LULL__DELAY_POOL_REAPED);
    }
}

/* ---- dropping ---- */

/* Bytes of what is in a chain, where objects differ. */
static size_t chain_bytes(const struct lull_pool *pool, const struct lull__chain *chain)
{
    size_t bytes = 0;

    for (const struct lull__magazine *m = chain->top; m != NULL; m = m->next) {
        for (size_t i = 0; i < m->count; i++) {
            bytes += lull__pool_object_bytes(pool, (const void *)m->object[i]);
        }
    }
    return bytes;
}

static void audit_chain(struct lull_pool *pool, const struct lull__chain *chain)
{
    for (const struct lull__magazine *m = chain->top; m != NULL; m = m->next) {
        for (size_t i = 0; i < m->count; i++) {
            lull__audit_drop(&pool->audited, (void *)m->object[i]);
        }
    }
}

/* What came out of a depot is kept no more. Returns how many. */
static size_t drop(struct lull_pool *pool, struct lull__chain *chain, lull_pool_drop why)
{
    size_t n = chain->objects;

    if (pool->audited.on) {
        audit_chain(pool, chain);
    }

    atomic_fetch_sub_explicit(&pool->kept, n, memory_order_relaxed);
    if (lull__pool_unit_bytes(pool) == 0) {
        atomic_fetch_sub_explicit(&pool->kept_bytes, chain_bytes(pool, chain),
                                  memory_order_relaxed);
    }
    lull__pool_count_drops(pool, why, n);
    lull__pool_doom(pool, chain);
    return n;
}

/* Sheds n objects of one depot; its shard is locked. */
static size_t shed_depot(struct lull_pool *pool, struct lull__depot *depot, size_t n,
                         lull_pool_drop why)
{
    if (n == 0 || lull__depot_objects(depot) == 0) {
        return 0;
    }
    lull__depot_reserve(depot, 2 * LULL__DEPOT_SLOTS, true); /* for two splits */
    struct lull__chain chain = lull__depot_shed(depot, n);
    return drop(pool, &chain, why);
}

size_t lull__pool_shed(struct lull_pool *pool, size_t n, lull_pool_drop why)
{
    size_t shed = 0;

    for (uint32_t i = 0; i < 2 * pool->shards && shed < n; i++) { /* the young of all first */
        struct lull__pool_shard *shard = &pool->shard[i % pool->shards];
        pthread_mutex_lock(&shard->lock);
        shed += shed_depot(pool, i < pool->shards ? &shard->young : &shard->old, n - shed, why);
        pthread_mutex_unlock(&shard->lock);
    }
    return shed;
}

void lull__pool_shed_shard(struct lull_pool *pool, struct lull__pool_shard *shard,
                           lull_pool_drop why)
{
    while (shed_depot(pool, &shard->young, SIZE_MAX, why) +
               shed_depot(pool, &shard->old, SIZE_MAX, why) !=
           0) {
    }
}

static size_t kept_objects(const struct lull_pool *pool)
{
    return atomic_load_explicit(&pool->kept, memory_order_relaxed);
}

/* What of a pool may be dropped. */
static size_t beyond_floor(const struct lull_pool *pool)
{
    size_t floor = atomic_load_explicit(&pool->bounds.min_idle, memory_order_relaxed);
    size_t kept = kept_objects(pool);

    return kept - lull__min(kept, floor);
}

/* Bytes of an object, on average. */
static size_t mean_bytes(const struct lull_pool *pool)
{
    size_t unit = lull__pool_unit_bytes(pool);
    size_t bytes = atomic_load_explicit(&pool->kept_bytes, memory_order_relaxed);

    return unit != 0 ? unit : lull__max(bytes / lull__max(kept_objects(pool), 1), 1);
}

void lull__pool_enforce(struct lull_pool *pool)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);
    size_t most_bytes = atomic_load_explicit(&pool->bounds.max_idle_bytes, memory_order_relaxed);

    if (most_bytes != SIZE_MAX) {
        most = lull__min(most, most_bytes / mean_bytes(pool));
    }
    if (kept_objects(pool) > most) {
        lull__pool_shed(pool, kept_objects(pool) - most, LULL_POOL_DROP_FULL);
    }
}

/* ---- ageing ---- */

/* Victims go, down to the floor; what lay idle becomes victims. */
static size_t age_depot(struct lull_pool *pool, struct lull__depot *depot, lull_pool_drop why)
{
    size_t victims = atomic_load_explicit(&depot->victims.objects, memory_order_relaxed);
    size_t dropped = shed_depot(pool, depot, lull__min(victims, beyond_floor(pool)), why);

    if (lull__depot_objects(depot) != 0) {
        lull__depot_reserve(depot, 1, true);
    }
    lull__depot_age(depot);
    lull__depot_tidy(depot);
    return dropped;
}

/* The caller has the pool's lock. */
static size_t age(struct lull_pool *pool, bool old, lull_pool_drop why, bool wait)
{
    size_t dropped = 0;

    for (uint32_t i = 0; i < pool->shards; i++) {
        struct lull__pool_shard *shard = &pool->shard[i];
        if ((wait ? pthread_mutex_lock(&shard->lock) : pthread_mutex_trylock(&shard->lock)) == 0) {
            dropped += age_depot(pool, &shard->young, why);
            dropped += old ? age_depot(pool, &shard->old, why) : 0;
            pthread_mutex_unlock(&shard->lock);
        }
    }
    return dropped;
}

/* Whether half of the age is over since it last was; then it counts from now. */
static bool is_due(struct lull_pool *pool)
{
    uint64_t age_ns = atomic_load_explicit(&pool->bounds.prune_age_ns, memory_order_relaxed);
    uint64_t last_ns = atomic_load_explicit(&pool->aged_ns, memory_order_relaxed);
    uint64_t now_ns = age_ns != 0 ? lull__os_now_ns() : 0;

    return age_ns != 0 && now_ns - last_ns >= age_ns / 2 &&
           atomic_compare_exchange_strong_explicit(&pool->aged_ns, &last_ns, now_ns,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static uint32_t index_of(const struct lull_pool *pool)
{
    return atomic_load_explicit(&pool->index, memory_order_relaxed);
}

static void emit_prune(struct lull_pool *pool, uint32_t thread, size_t dropped)
{
    if (dropped != 0) {
        lull__emit(&pool->heap->events, pool_prune, thread, index_of(pool), dropped);
    }
}

void lull__pool_prune(lull_thread *t, struct lull_pool *pool)
{
    lull__enter(t);
    if (is_due(pool) && pthread_mutex_trylock(&pool->lock) == 0) {
        size_t dropped = age(pool, true, LULL_POOL_DROP_AGE, false);
        pthread_mutex_unlock(&pool->lock);
        emit_prune(pool, t->number, dropped);
    }
    lull__leave(t);
    if (lull__depot_objects(&pool->doomed) != 0) {
        lull__pool_reap(pool, t, NULL);
    }
}

/* ---- a cycle ---- */

static void take_interval(struct lull_pool *pool)
{
    struct lull__pool_counts sum = lull__pool_sum(pool);
    uint64_t hits = sum.magazine + sum.depot + sum.steal + sum.victim;
    uint64_t gets = hits + sum.misses;

    pool->last_gets = gets - pool->interval_gets;
    pool->last_hits = hits - pool->interval_hits;
    pool->interval_gets = gets;
    pool->interval_hits = hits;
}

static void trim_pool(struct lull_pool *pool)
{
    bool old = pool->trims++ % OLD_TRIMS == 0;
    size_t idle = 0, aged = 0;

    take_interval(pool);
    atomic_store_explicit(&pool->asked, 0, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    if (pool->lifetime == LULL_POOL_CACHE) {
        idle = age(pool, old, LULL_POOL_DROP_IDLE, true);
    }
    if (is_due(pool)) {
        aged = age(pool, true, LULL_POOL_DROP_AGE, true);
    }
    lull__pool_enforce(pool);
    pthread_mutex_unlock(&pool->lock);
    if (idle != 0) {
        lull__emit(&pool->heap->events, pool_trim, 0, index_of(pool), idle);
    }
    emit_prune(pool, 0, aged);
}

/* Drops up to so many bytes of a pool; returns how many. */
static uint64_t press_pool(struct lull_pool *pool, uint64_t bytes)
{
    size_t each = mean_bytes(pool);
    size_t wanted = (size_t)(bytes / each + 1);

    pthread_mutex_lock(&pool->lock);
    size_t shed =
        lull__pool_shed(pool, lull__min(wanted, beyond_floor(pool)), LULL_POOL_DROP_PRESSURE);
    pthread_mutex_unlock(&pool->lock);
    if (shed != 0) {
        lull__emit(&pool->heap->events, pool_press, 0, index_of(pool), shed);
    }
    return (uint64_t)shed * each;
}

static void press(lull_heap *heap, uint64_t bytes)
{
    for (int lifetime = LULL_POOL_CACHE; lifetime <= LULL_POOL_OWNED; lifetime++) {
        for (uint32_t i = 0; i < LULL__POOLS_MAX && bytes != 0; i++) {
            struct lull_pool *pool = heap->pools[i];
            if (pool != NULL && pool->index == i && !pool->outside &&
                (int)pool->lifetime == lifetime) {
                uint64_t shed = press_pool(pool, bytes);
                bytes -= shed < bytes ? shed : bytes;
            }
        }
    }
}

void lull__pools_trim(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pacer_lock);
    uint64_t excess = lull__pacer_excess(&heap->pacer);
    pthread_mutex_unlock(&heap->pacer_lock);
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL && heap->pools[i]->index == i) {
            trim_pool(heap->pools[i]);
        }
    }
    if (excess != 0) {
        press(heap, excess);
    }
    pthread_mutex_unlock(&heap->pools_lock);
}

static uint64_t retired(const lull_heap *heap)
{
    return atomic_load_explicit(&heap->pools_retired, memory_order_relaxed);
}

/* The caller has pools_lock. */
static void empty_all(lull_thread *t, bool retired_only)
{
    lull_heap *heap = t->heap;

    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL && (!retired_only || heap->retired_at[i] != 0)) {
            lull__pool_empty(t, heap->pools[i], lull__magazines_of(t, i));
        }
    }
    /* release: pairs with the acquire in pool_create.c's is_forgotten; it uses them no more */
    atomic_store_explicit(&t->pools_seen, retired(heap), memory_order_release);
}

void lull__pool_thread_gather(lull_thread *t)
{
    pthread_mutex_lock(&t->heap->pools_lock);
    if (t->pools_on) {
        empty_all(t, false);
    }
    pthread_mutex_unlock(&t->heap->pools_lock);
}

void lull__pool_see_retired(lull_thread *t)
{
    lull_heap *heap = t->heap;

    if (LULL__LIKELY(atomic_load_explicit(&t->pools_seen, memory_order_relaxed) == retired(heap))) {
        return;
    }
    lull__enter(t);
    if (pthread_mutex_trylock(&heap->pools_lock) == 0) {
        empty_all(t, true);
        pthread_mutex_unlock(&heap->pools_lock);
    }
    lull__leave(t);
}

/* ---- roots ---- */

static void scan_stack(lull_tracer *tracer, const struct lull__magazine *magazine)
{
    for (; magazine != NULL; magazine = magazine->next) {
        tracer->range(tracer, magazine->object, magazine->object + magazine->count);
    }
}

static void scan_depot(lull_tracer *tracer, const struct lull__depot *depot)
{
    scan_stack(tracer, depot->idle.top);
    scan_stack(tracer, depot->victims.top);
}

static void scan_pool(struct lull_pool *pool, lull_tracer *tracer)
{
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->shards; i++) {
        pthread_mutex_lock(&pool->shard[i].lock);
        scan_depot(tracer, &pool->shard[i].young);
        scan_depot(tracer, &pool->shard[i].old);
        pthread_mutex_unlock(&pool->shard[i].lock);
    }
    scan_depot(tracer, &pool->doomed);
    scan_stack(tracer, pool->dying);
    pthread_mutex_unlock(&pool->lock);
}

void lull__pools_scan(lull_heap *heap, lull_tracer *tracer)
{
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        struct lull_pool *pool = heap->pools[i];
        if (pool != NULL && pool->index == i && !pool->outside) {
            scan_pool(pool, tracer);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
}

/* Without a lock: it may be in a signal handler. What an outside pool keeps is no object of the
 * heap's, and marking passes over it. */
LULL__NO_SANITIZE void lull__pool_thread_scan(lull_thread *t, lull_tracer *tracer, bool in_signal)
{
    uint32_t used = atomic_load_explicit(&t->heap->pools_used, memory_order_relaxed);

    for (uint32_t i = 0; i < used; i++) {
        const struct lull_magazines *m = lull__magazines_of(t, i);
        /* .inv.pool.signal; relaxed: see lull__magazine_count */
        size_t n =
            in_signal ? __atomic_load_n(&m->most, __ATOMIC_RELAXED) : lull__magazine_count(t, m);
        if (n != 0) {
            tracer->range(tracer, m->object, m->object + n);
        }
    }
}

/* ---- ledgers ---- */

/* White is dead. */
static bool is_alive(struct lull__record *record, void *arg)
{
    lull_heap *heap = arg;
    struct lull__slot slot = lull__resolve(heap, lull__address(heap, record->object));
    /* relaxed: the collecting thread is the one to change it */
    uint8_t white = atomic_load_explicit(&heap->colour, memory_order_relaxed);

    return slot.state != NULL && lull__state_load(slot.state) == lull__other_colour(white);
}

void lull__pools_forget_dead(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        struct lull_pool *pool = heap->pools[i];
        if (pool != NULL && pool->index == i && !pool->outside) {
            pthread_mutex_lock(&pool->ledger.lock);
            lull__ledger_sieve(&pool->ledger, is_alive, heap);
            pthread_mutex_unlock(&pool->ledger.lock);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
}
