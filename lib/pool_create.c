/* pool_create.c -- pools are made, changed at run time, and destroyed.
 *
 * A change that every thread must heed at once gives the pool other magazines (.inv.pool.switch):
 * all shards are locked, what does not fit is dropped, the new offset is published, and the old
 * index is *retired*: its magazines are emptied by their threads, at their next slow path,
 * safepoint or leave, or by the collector where they are blocked. When all have been, the index is
 * free again. */
#include <stdlib.h>
#include <string.h>

#include "callback.h"
#include "delay.h"
#include "error.h"
#include "outside.h"
#include "pool.h"
#include "thread.h"

#include <sched.h>

/* ---- options ---- */

static int check_bounds(const lull_pool_bounds *b)
{
    if (b->max_idle != 0 && b->min_idle > b->max_idle) {
        return lull__fail(LULL_E_INVALID, "min_idle is %zu; allowed are 0 to max_idle, %zu",
                          b->min_idle, b->max_idle);
    }
    return LULL_OK;
}

static bool is_array_of(const lull_type *type, size_t bytes)
{
    return type->size != 0 && bytes % type->size == 0;
}

/* Where its objects come from. */
static int check_source(const lull_heap *heap, const lull_pool_options *o)
{
    bool outside = (o->flags & LULL_POOL_OUTSIDE) != 0;

    if (o->make == NULL && o->type == NULL && o->object_bytes == 0) {
        return lull__fail(
            LULL_E_INVALID,
            "a pool needs a type, object_bytes, or a function that makes its objects");
    }
    if (o->type != NULL && o->type->heap != heap) {
        return lull__fail(LULL_E_INVALID, "the pool's type is of another heap");
    }
    if (o->type != NULL && o->make == NULL && !is_array_of(o->type, o->object_bytes)) {
        return lull__fail(LULL_E_INVALID,
                          "object_bytes is %zu; allowed are multiples of %zu, the "
                          "size of the type",
                          o->object_bytes, o->type->size);
    }
    if (o->make != NULL && o->object_bytes != 0 && !outside) {
        return lull__fail(LULL_E_INVALID,
                          "object_bytes says nothing of objects that `make` takes from the heap");
    }
    if (outside && (o->type != NULL || (o->make != NULL && o->destroy == NULL))) {
        return lull__fail(LULL_E_INVALID, "LULL_POOL_OUTSIDE wants no type, and where there is "
                                          "`make`, `destroy`");
    }
    return LULL_OK;
}

static int check_flags(const lull_pool_options *o)
{
    unsigned known = LULL_POOL_ZERO | LULL_POOL_GENERATIONAL | LULL_POOL_AUDIT | LULL_POOL_CLEAN |
                     LULL_POOL_OUTSIDE;

    if ((o->flags & ~known) != 0) {
        return lull__fail(LULL_E_INVALID, "flags are %#x; allowed are those of %#x", o->flags,
                          known);
    }
    if (o->lifetime != LULL_POOL_CACHE && o->lifetime != LULL_POOL_OWNED) {
        return lull__fail(LULL_E_INVALID,
                          "lifetime is %d; allowed are LULL_POOL_CACHE and LULL_POOL_OWNED",
                          (int)o->lifetime);
    }
    if ((o->flags & LULL_POOL_ZERO) != 0 && (o->flags & LULL_POOL_OUTSIDE) != 0 &&
        o->object_bytes == 0) {
        return lull__fail(LULL_E_INVALID, "LULL_POOL_ZERO wants object_bytes for outside objects");
    }
    return LULL_OK;
}

int lull__pool_check_keeping(const lull_pool_options *o)
{
    int status = check_flags(o);

    return status == LULL_OK ? check_bounds(&o->bounds) : status;
}

static int check_options(lull_heap *heap, const lull_pool_options *o)
{
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        return lull__fail(LULL_E_INVALID, "this is no heap");
    }
    if (o == NULL || o->struct_size != sizeof *o) {
        return lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu",
                          o != NULL ? o->struct_size : 0, sizeof *o);
    }
    int status = check_source(heap, o);
    status = status == LULL_OK ? lull__pool_check_keeping(o) : status;
    if (status == LULL_OK && o->initial != 0 && lull_self(heap) == NULL) {
        return lull__fail(LULL_E_THREAD, "initial objects are made by a thread that is attached");
    }
    return status;
}

/* ---- a pool ---- */

static size_t or_none(size_t bound)
{
    return bound != 0 ? bound : SIZE_MAX;
}

static void store_bounds(struct lull_pool *pool, const lull_pool_bounds *b)
{
    struct lull__pool_bounds *to = &pool->bounds;

    atomic_store_explicit(&to->min_idle, b->min_idle, memory_order_relaxed);
    atomic_store_explicit(&to->max_idle, or_none(b->max_idle), memory_order_relaxed);
    atomic_store_explicit(&to->max_idle_bytes, or_none(b->max_idle_bytes), memory_order_relaxed);
    atomic_store_explicit(&to->max_object_bytes, or_none(b->max_object_bytes),
                          memory_order_relaxed);
    atomic_store_explicit(&to->prune_age_ns, b->prune_age_ns, memory_order_relaxed);
}

/* Twice as many shards as processors, so that a thread finds one free though another is held up. */
static uint32_t choose_shards(void)
{
    uint32_t shards = 1;

    while (shards < LULL__POOL_SHARDS && shards < 2 * lull__os_processors()) {
        shards *= 2;
    }
    return shards;
}

static void init_depots(struct lull_pool *pool)
{
    struct lull__magazine_store *store = &pool->heap->magazines;

    pthread_mutex_init(&pool->lock, NULL);
    lull__depot_init(&pool->doomed, store);
    lull__ledger_init(&pool->ledger);
    for (uint32_t i = 0; i < LULL__POOL_SHARDS; i++) {
        pthread_mutex_init(&pool->shard[i].lock, NULL);
        lull__depot_init(&pool->shard[i].young, store);
        lull__depot_init(&pool->shard[i].old, store);
    }
}

/* The magazines of its depots are the store's already, or go with it. */
static void free_pool(struct lull_pool *pool)
{
    if (pool->audited.on) {
        lull__audit_close(&pool->audited);
    }
    for (uint32_t i = 0; i < LULL__POOL_SHARDS; i++) {
        pthread_mutex_destroy(&pool->shard[i].lock);
    }
    lull__ledger_finish(&pool->ledger);
    pthread_mutex_destroy(&pool->lock);
    free(pool->name);
    free(pool);
}

static void init_values(struct lull_pool *pool, const lull_pool_options *o)
{
    pool->type = o->type;
    pool->make = o->make;
    pool->reset = o->reset;
    pool->destroy = o->destroy;
    pool->size = o->size;
    pool->arg = o->arg;
    pool->flags = o->flags;
    pool->lifetime = o->lifetime;
    pool->outside = (o->flags & LULL_POOL_OUTSIDE) != 0 || (o->make == NULL && o->type == NULL);
    pool->object_bytes = o->object_bytes;
    pool->checked = o->reset != NULL || (o->flags & LULL_POOL_ZERO) != 0 ||
                    o->bounds.max_object_bytes != 0 || LULL__DEBUG;
    pool->aged_ns = lull__os_now_ns();
    pool->shards = choose_shards();
    store_bounds(pool, &o->bounds);
}

static void audit(struct lull_pool *pool)
{
    if (((pool->flags & LULL_POOL_AUDIT) | (pool->heap->options.debug & LULL_DEBUG_POOLS)) != 0) {
        pool->checked = true;
        pool->audited.heap = pool->heap;
        pool->audited.name = pool->name;
        pool->audited.type = pool->make == NULL && pool->object_bytes == 0 ? pool->type : NULL;
        pool->audited.clean = (pool->flags & LULL_POOL_CLEAN) != 0;
        pool->audited.outside = pool->outside;
        lull__audit_open(&pool->audited);
    }
}

static struct lull_pool *new_pool(lull_heap *heap, const lull_pool_options *options)
{
    struct lull_pool *pool = aligned_alloc(LULL__CACHE_LINE, sizeof *pool);

    if (pool == NULL) {
        return NULL;
    }
    memset(pool, 0, sizeof *pool);
    pool->heap = heap;
    init_values(pool, options);
    init_depots(pool);
    pool->name = strdup(options->name != NULL ? options->name : "");
    if (pool->name == NULL) {
        free_pool(pool);
        return NULL;
    }
    audit(pool);
    return pool;
}

/* ---- indices ---- */

/* Whether every thread has emptied its magazines of a retired index, and uses them no more. */
static bool is_forgotten(const lull_heap *heap, uint32_t index)
{
    bool all = true;

    for (lull_thread *t = heap->pool_threads; t != NULL; t = t->pools_next) {
        /* acquire: pairs with the release in pool_trim.c's empty_all */
        all &=
            atomic_load_explicit(&t->pools_seen, memory_order_acquire) >= heap->retired_at[index];
    }
    return all;
}

/* What was counted there stays counted; to nobody but the collector are the magazines in sight: it,
 * or their thread in its part of a handshake, may be looking how much is in them. */
static void clear_magazines(lull_heap *heap, struct lull_pool *pool, uint32_t index)
{
    for (lull_thread *t = heap->pool_threads; t != NULL; t = t->pools_next) {
        struct lull_magazines *m = lull__magazines_of(t, index);
        lull__pool_add_counts(&pool->gone, t, m);
        __atomic_store_n(&m->now.counts, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&m->most, 0, __ATOMIC_RELAXED);
        m->limit = m->room = 0;
        m->refill = m->streak = 0;
        m->misses = m->hits_depot = m->hits_steal = m->hits_victim = 0;
        m->received = 0;
    }
    heap->pools[index] = NULL;
    heap->retired_at[index] = 0;
}

/* A free index, whose magazines are zero; LULL__POOLS_MAX: there is none. Under pools_lock. */
static uint32_t find_index(lull_heap *heap)
{
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] == NULL) {
            return i;
        }
    }
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->retired_at[i] != 0 && is_forgotten(heap, i)) {
            clear_magazines(heap, heap->pools[i], i);
            return i;
        }
    }
    return LULL__POOLS_MAX;
}

static void give_index(struct lull_pool *pool, uint32_t index)
{
    lull_heap *heap = pool->heap;
    /* relaxed: a thread that scans without the lock scans what it has used itself */
    uint32_t used = atomic_load_explicit(&heap->pools_used, memory_order_relaxed);

    atomic_store_explicit(&heap->pools_used, (uint32_t)lull__max(used, index + 1),
                          memory_order_relaxed);
    heap->pools[index] = pool;
    pool->index = index;
    /* release: pairs with the load in lull__pool_thread_rest; the pool is whole */
    atomic_store_explicit(&heap->pools_open[index], pool, memory_order_release);
    lull__delay(heap, LULL__DELAY_POOL_SWITCH);
    /* release: pairs with the acquire in pool.c's magazine_of */
    __atomic_store_n(&pool->head.offset,
                     LULL__MAGAZINES_OFFSET + index * sizeof(struct lull_magazines),
                     __ATOMIC_RELEASE);
}

/* Gives a pool that has magazines others, all empty. Under pools_lock, all shards locked. */
static void switch_magazines(struct lull_pool *pool, uint32_t index)
{
    lull_heap *heap = pool->heap;
    uint64_t number = atomic_load_explicit(&heap->pools_retired, memory_order_relaxed) + 1;

    heap->retired_at[pool->index] = number;
    give_index(pool, index);
    /* release: pairs with the acquire of who sees the number; it uses the old ones no more */
    atomic_store_explicit(&heap->pools_retired, number, memory_order_release);
}

/* ---- create ---- */

static bool put_initial(lull_thread *t, struct lull_pool *pool, void *object)
{
    struct lull__pool_shard *shard = &pool->shard[t->number & (pool->shards - 1)];
    struct lull__batch batch;

    batch.count = 1;
    batch.object[0] = (uintptr_t)object;
    lull__pool_lock(t, &shard->lock);
    atomic_fetch_add_explicit(&pool->filled, 1, memory_order_relaxed);
    lull__pool_ready(pool, shard, 1, true);
    lull__pool_place(t, pool, shard, &batch, true);
    lull__pool_unlock(t, &shard->lock);
    lull__outside_bury(pool, batch.object, batch.count);
    return batch.count == 0;
}

/* Each is the pool's as soon as it is made, and so a root. */
static bool fill(lull_thread *t, struct lull_pool *pool, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *object = lull__pool_make(t, pool);
        if (object == NULL) {
            return false;
        }
        if (!put_initial(t, pool, object)) {
            return true; /* the bounds allow no more, or there is no memory to note it */
        }
    }
    return true;
}

lull_pool *lull_pool_create(lull_heap *heap, const lull_pool_options *options)
{
    if (lull__refuses_any("lull_pool_create")) {
        return NULL;
    }
    if (check_options(heap, options) != LULL_OK) {
        return NULL;
    }
    lull_thread *t = lull_self(heap);
    struct lull_pool *pool = new_pool(heap, options);
    if (pool == NULL) {
        lull__fail(LULL_E_NO_MEMORY, "no memory for a pool");
        return NULL;
    }
    lull__pool_lock(t, &heap->pools_lock);
    uint32_t index = find_index(heap);
    if (index != LULL__POOLS_MAX) {
        give_index(pool, index);
    }
    lull__pool_unlock(t, &heap->pools_lock);
    if (index == LULL__POOLS_MAX) {
        free_pool(pool);
        lull__fail(LULL_E_LIMIT, "a heap has at most %d pools", LULL__POOLS_MAX);
        return NULL;
    }
    if (!fill(t, pool, options->initial)) {
        lull_pool_destroy(pool); /* lull_error() says why `make` failed */
        return NULL;
    }
    return pool;
}

/* ---- destroy ---- */

/* What a thread keeps of a pool that ends is doomed. The thread may run, but uses the pool no more.
 * Shaded before it moves (.inv.pool.moves): where the caller is no thread of the heap's, no round
 * waits for it, and the owner's part in one finds the object where it was, or comes later. */
static void doom_magazine(lull_thread *owner, struct lull_pool *pool, struct lull_magazines *m)
{
    uintptr_t object[LULL_MAGAZINE_MOST];
    size_t n = lull__magazine_count(owner, m);

    if (n == 0) {
        return;
    }
    lull__pool_shade(owner, pool, m->object, n);
    lull__delay(pool->heap, LULL__DELAY_POOL_END);
    pthread_mutex_lock(&pool->lock);
    lull__pool_take_out(owner, pool, m, object, n);
    lull__pool_count_drops(pool, LULL_POOL_DROP_FULL, n);
    lull__pool_doom_words(pool, object, n);
    pthread_mutex_unlock(&pool->lock);
}

/* All that the pool keeps is to be destroyed. Under pools_lock. */
static void doom_all(struct lull_pool *pool)
{
    lull_heap *heap = pool->heap;

    for (lull_thread *t = heap->pool_threads; t != NULL; t = t->pools_next) {
        for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
            if (heap->pools[i] == pool) {
                doom_magazine(t, pool, lull__magazines_of(t, i));
            }
        }
    }
    pthread_mutex_lock(&pool->lock);
    while (lull__pool_shed(pool, SIZE_MAX, LULL_POOL_DROP_FULL) != 0) {
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Runs destroy for all that is doomed, and waits for whoever else does. */
static void reap_all(struct lull_pool *pool, lull_thread *t)
{
    bool busy;

    do {
        while (lull__pool_reap(pool, t, NULL)) {
        }
        lull__pool_lock(t, &pool->heap->pools_lock);
        busy = pool->reapers != 0;
        lull__pool_unlock(t, &pool->heap->pools_lock);
        sched_yield();
    } while (busy);
}

/* Takes a pool that nobody uses from its heap. Under pools_lock. */
static void delist(lull_heap *heap, struct lull_pool *pool)
{
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] == pool) {
            clear_magazines(heap, pool, i);
        }
    }
    for (uint32_t i = 0; i < LULL__POOL_SHARDS; i++) {
        lull__depot_finish(&pool->shard[i].young);
        lull__depot_finish(&pool->shard[i].old);
    }
    lull__depot_finish(&pool->doomed);
}

int lull_pool_destroy(lull_pool *pool)
{
    if (lull__refuses_any("lull_pool_destroy")) {
        return LULL_E_STATE;
    }
    if (pool == NULL) {
        return lull__fail(LULL_E_INVALID, "this is no pool");
    }
    lull_heap *heap = pool->heap;
    lull_thread *t = lull_self(heap);
    if (lull__pool_is_making(t, pool)) {
        return lull__fail(LULL_E_STATE, "the end of pool \"%s\" inside its `make`", pool->name);
    }
    lull__pool_close(t, pool);
    lull__pool_lock(t, &heap->pools_lock);
    pool->ending = true;
    if (lull__outside_wanted(pool)) {
        doom_all(pool);
    }
    lull__pool_unlock(t, &heap->pools_lock);
    reap_all(pool, t);
    lull__pool_lock(t, &heap->pools_lock);
    delist(heap, pool);
    lull__pool_unlock(t, &heap->pools_lock);
    free_pool(pool);
    return LULL_OK;
}

const char *lull_pool_name(const lull_pool *pool)
{
    return pool->name;
}

/* ---- changes at run time ---- */

static size_t own_room(size_t max_idle)
{
    return lull__min(max_idle, LULL_MAGAZINE_MOST);
}

/* Whether threads must learn of new bounds before their next get or put. */
static bool must_switch(const struct lull_pool *pool, const lull_pool_bounds *bounds)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);

    return (bounds->max_object_bytes != 0 && !pool->checked) ||
           own_room(or_none(bounds->max_idle)) < own_room(most);
}

static int no_index(void)
{
    return lull__fail(LULL_E_LIMIT,
                      "threads keep objects in all the %d magazines that they may "
                      "have; a safepoint or a slow get of each of them would free some",
                      LULL__POOLS_MAX);
}

/* Under pools_lock. */
static int change_bounds(struct lull_pool *pool, const lull_pool_bounds *bounds)
{
    bool other = must_switch(pool, bounds);
    uint32_t index = other ? find_index(pool->heap) : 0;

    if (index == LULL__POOLS_MAX) {
        return no_index();
    }
    lull__pool_lock_shards(pool);
    store_bounds(pool, bounds);
    if (bounds->max_object_bytes != 0) {
        atomic_store_explicit(&pool->checked, true, memory_order_relaxed);
    }
    if (other) {
        switch_magazines(pool, index);
    }
    lull__pool_unlock_shards(pool);
    pthread_mutex_lock(&pool->lock);
    lull__pool_enforce(pool);
    pthread_mutex_unlock(&pool->lock);
    return LULL_OK;
}

int lull_pool_set_bounds(lull_pool *pool, const lull_pool_bounds *bounds)
{
    if (lull__refuses_any("lull_pool_set_bounds")) {
        return LULL_E_STATE;
    }
    if (pool == NULL || bounds == NULL) {
        return lull__fail(LULL_E_INVALID, "lull_pool_set_bounds wants a pool and bounds");
    }
    lull_thread *t = lull_self(pool->heap);
    int status = check_bounds(bounds);
    if (status == LULL_OK) {
        lull__pool_lock(t, &pool->heap->pools_lock);
        status = change_bounds(pool, bounds);
        lull__pool_unlock(t, &pool->heap->pools_lock);
        while (lull__pool_reap(pool, t, NULL)) {
        }
    }
    return status;
}

static size_t or_zero(const _Atomic size_t *bound)
{
    size_t value = atomic_load_explicit(bound, memory_order_relaxed);

    return value != SIZE_MAX ? value : 0;
}

int lull_pool_bounds_read(lull_pool *pool, lull_pool_bounds *bounds)
{
    if (lull__refuses_any("lull_pool_bounds_read")) {
        return LULL_E_STATE;
    }
    if (pool == NULL || bounds == NULL) {
        return lull__fail(LULL_E_INVALID,
                          "lull_pool_bounds_read wants a pool and a place to write");
    }
    const struct lull__pool_bounds *b = &pool->bounds;
    lull_thread *entered = lull__enter_any(pool->heap);
    pthread_mutex_lock(&pool->heap->pools_lock); /* all of one time */
    *bounds = (lull_pool_bounds){
        .min_idle = atomic_load_explicit(&b->min_idle, memory_order_relaxed),
        .max_idle = or_zero(&b->max_idle),
        .max_idle_bytes = or_zero(&b->max_idle_bytes),
        .max_object_bytes = or_zero(&b->max_object_bytes),
        .prune_age_ns = atomic_load_explicit(&b->prune_age_ns, memory_order_relaxed),
    };
    pthread_mutex_unlock(&pool->heap->pools_lock);
    lull__leave_any(entered);
    return LULL_OK;
}

/* All that the shards keep is of the old size; they are locked, and so is the pool. */
static void drop_old_size(struct lull_pool *pool)
{
    for (uint32_t i = 0; i < pool->shards; i++) {
        lull__pool_shed_shard(pool, &pool->shard[i], LULL_POOL_DROP_SIZE);
    }
}

/* Under pools_lock. What comes into a shard after this is looked at (lull__pool_fits); who took
 * something out of one before put it into magazines that are retired now. */
static int change_size(struct lull_pool *pool, size_t object_bytes)
{
    uint32_t index = find_index(pool->heap);

    if (index == LULL__POOLS_MAX) {
        return no_index();
    }
    pthread_mutex_lock(&pool->lock);
    lull__pool_lock_shards(pool);
    drop_old_size(pool);
    /* release: pairs with the acquire in pool.c's lull__pool_make */
    atomic_store_explicit(&pool->object_bytes, object_bytes, memory_order_release);
    atomic_store_explicit(&pool->checked, true, memory_order_relaxed);
    switch_magazines(pool, index);
    lull__pool_unlock_shards(pool);
    pthread_mutex_unlock(&pool->lock);
    return LULL_OK;
}

static int check_size(const struct lull_pool *pool, size_t object_bytes)
{
    if (pool == NULL || pool->object_bytes == 0 || pool->make != NULL) {
        return lull__fail(LULL_E_INVALID, "lull_pool_resize wants a pool made by object_bytes");
    }
    if (object_bytes == 0 || object_bytes > SIZE_MAX / 2 ||
        (pool->type != NULL && !is_array_of(pool->type, object_bytes))) {
        return lull__fail(LULL_E_INVALID, "object_bytes is %zu; allowed are multiples of %zu",
                          object_bytes, pool->type != NULL ? pool->type->size : 1);
    }
    return LULL_OK;
}

int lull_pool_resize(lull_pool *pool, size_t object_bytes)
{
    int status = check_size(pool, object_bytes);

    if (lull__refuses_any("lull_pool_resize")) {
        return LULL_E_STATE;
    }
    if (status != LULL_OK) {
        return status;
    }
    lull_thread *t = lull_self(pool->heap);
    lull__pool_lock(t, &pool->heap->pools_lock);
    status = change_size(pool, object_bytes);
    lull__pool_unlock(t, &pool->heap->pools_lock);
    while (lull__pool_reap(pool, t, NULL)) {
    }
    return status;
}
