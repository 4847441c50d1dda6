/* pool.c -- object pools of lifetime `cache`: reuse that the collector may undo.
 *
 * Magazines and a depot after Bonwick & Adams 2001: each thread keeps up to two magazines of
 * objects a pool; when they are empty or full, one magazine's worth comes from or goes to the
 * pool's depot, under its lock. Having two, a thread that goes back and forth over the boundary
 * still has 32 operations before its next exchange.
 *
 * Deviations. The two magazines of a thread are one array and an exchange copies its words,
 * instead of swapping pointers: it costs an exchange some nanoseconds more, and saves both fast
 * paths a dependent load, a thread that uses no pool its magazines, and the depot a life with
 * partly filled ones. A thread's first exchanges after a collection move 1, 2, 4, ... objects, so
 * that it takes no more than it needs.
 *
 * Trimming, once a cycle: the depot is a stack, so its lowest `low` objects, the least it ever
 * held since the last cycle, were not needed. They become victims, out of which a get is still
 * served when the depot is empty; what is left of the victims of the last cycle is dropped (Go's
 * sync.Pool, which takes everything instead of what lay idle). What threads keep goes back to the
 * depot first, at the top: there it is known whether it is used.
 *
 * .inv.pool.counts: for each pool, idle = puts - hits - drops. Only `hits` is counted on a fast
 *   path: in each thread count = puts - hits + received, which gives its puts. `count` and
 *   `received` change together only in an exchange, under the pool's lock; who holds it may read
 *   the counts of running threads and is off by no more than what they get and put meanwhile.
 *
 * .inv.pool.signal: a thread held by a signal may be anywhere in an inline get or put, with
 *   `count` and its slot written in either order, or, where the compiler kept `count` in a
 *   register through a loop, neither written for long. So nothing is concluded from its `count`
 *   and nothing of its magazines moved: *all* its slots are reported, in use or not.
 *     get  reads the object from its slot. Until it has, the slot holds it, since only the same
 *          thread's later put overwrites a slot; from then on a register or the stack does.
 *     put  has the object in a register or on the stack until its store to the slot; from then on
 *          the slot holds it, whatever `count` says.
 *   A slot not in use holds the word of an object that was handed out before: marking ignores
 *   what is no object, and keeps what is one a cycle longer than it must. Exchanges are calls:
 *   the compiler has written everything before, and in_library keeps the signal out of them.
 *
 * EXCEPTIONS: lull_pool_stats_read reads `count` and `hits`, which their thread writes plainly:
 * with atomics gcc needs two more instructions a get, and no compiler keeps anything from a get
 * to the next put. They are aligned words, read once each. */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "depot.h"
#include "error.h"
#include "grey.h"
#include "thread.h"

#define HALF LULL_MAGAZINE_SLOTS
#define ROOM (2 * HALF) /* objects a thread keeps at most */

/* ---- exchanges ----
 * A concurrent cycle shades what moves between a thread and the depot: in take and give. */

static void count_drops(struct lull_pool *pool, size_t n)
{
    atomic_fetch_add_explicit(&pool->drops, n, memory_order_relaxed);
}

/* Moves up to n objects into the empty magazines of a thread. */
static bool take(struct lull_pool *pool, struct lull_magazines *m, size_t n)
{
    m->count = lull__depot_pop(&pool->depot, m->object, n);
    m->received += (int64_t)m->count;
    return m->count != 0;
}

/* Moves the lowest n objects of a thread, those put longest ago, to the depot; drops what is
 * beyond the bound or the memory. */
static void give(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, size_t n)
{
    /* the depot was scanned when marking began, the thread will be again: what moves is shaded */
    for (size_t i = 0; t->head.marking != 0 && i < n; i++) {
        lull__grey_shade(t, m->object[i]);
    }
    size_t kept = lull__depot_objects(&pool->depot);
    size_t allowed = pool->max_idle - lull__min(kept, pool->max_idle);
    size_t given = lull__depot_push(&pool->depot, m->object, lull__min(n, allowed));

    for (size_t i = given; pool->audited.on && i < n; i++) {
        lull__audit_drop(&pool->audited, (void *)m->object[i]);
    }
    count_drops(pool, n - given);
    m->count -= n;
    memmove(m->object, m->object + n, m->count * sizeof *m->object);
    m->received -= (int64_t)n;
}

/* The lock and what goes with it: no signal holds a thread that has it (.inv.held), and no
 * safepoint is in between (.inv.locks). `t` is NULL for a thread that is not attached. */
static void lock(lull_thread *t, pthread_mutex_t *mutex)
{
    if (t != NULL) {
        lull__enter(t);
    }
    pthread_mutex_lock(mutex);
}

static void unlock(lull_thread *t, pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    if (t != NULL) {
        lull__leave(t);
    }
}

static size_t half_of(const struct lull_pool *pool)
{
    return (pool->room + 1) / 2;
}

/* ---- get ---- */

static bool refill(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    size_t wanted = lull__max(m->refill, 1);

    /* not worth the lock; what was put since will be there next time */
    if (lull__depot_objects(&pool->depot) == 0) {
        return false;
    }
    m->refill = lull__min(2 * wanted, half_of(pool));
    lock(t, &pool->lock);
    bool taken = take(pool, m, wanted);
    unlock(t, &pool->lock);
    return taken;
}

/* Whether `object` is the first byte of an object. */
static bool is_object(const lull_heap *heap, const void *object)
{
    uintptr_t address = lull__address(heap, (uintptr_t)object);
    struct lull__slot slot = lull__resolve(heap, address);

    return slot.state != NULL && (uintptr_t)slot.base == address &&
           lull__state_load(slot.state) != LULL__FREE;
}

/* Whether the thread is in the pool's own `make`, which could call itself for ever. */
static bool is_making(const lull_thread *t, const struct lull_pool *pool)
{
    const struct lull__making *m = t->making;

    while (m != NULL && m->pool != pool) {
        m = m->around;
    }
    return m != NULL;
}

/* Outside the library: making an object may collect, and the callback is the program's. */
static void *make(lull_thread *t, struct lull_pool *pool)
{
    struct lull__making making = {pool, t->making};

    t->making = &making;
    void *object = pool->make != NULL ? pool->make(t, pool->arg) : lull_alloc(t, pool->type);
    t->making = making.around;
    LULL_ASSERT_HOT(object == NULL || is_object(pool->heap, object));
    return object;
}

static void *get(lull_thread *t, struct lull_pool *pool)
{
    struct lull_magazines *m = lull__magazines(t, pool);

    if (!refill(t, pool, m)) {
        m->misses++;
        return make(t, pool);
    }
    m->hits++;
    return (void *)m->object[--m->count];
}

void *lull_pool_get_slow(lull_thread *t, lull_pool *pool)
{
    const void *site = __builtin_return_address(0);

    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    if (LULL__UNLIKELY(t->making != NULL) && is_making(t, pool)) {
        lull__fail(LULL_E_STATE, "get from pool \"%s\" inside its `make`", pool->name);
        if (pool->audited.on) {
            lull__audit_misuse(t, &pool->audited, LULL_POOL_GET_IN_MAKE, NULL, site);
        }
        lull__magazines(t, pool)->misses++;
        return NULL;
    }
    void *object = get(t, pool);
    if (LULL__UNLIKELY(pool->audited.on) && object != NULL) {
        lull__audit_give(t, &pool->audited, object, site);
    }
    return object;
}

/* ---- put ---- */

static bool is_kept(const struct lull_magazines *m, const void *object)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->object[i] == (uintptr_t)object) {
            return true;
        }
    }
    return false;
}

static void reset(lull_thread *t, struct lull_pool *pool, void *object)
{
    t->in_callback++;
    pool->reset(object, pool->arg);
    t->in_callback--;
}

/* An object that is put, and not to be kept. */
static void refuse(struct lull_pool *pool, struct lull_magazines *m)
{
    m->received--;
    count_drops(pool, 1);
}

static void give_locked(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, size_t n)
{
    lock(t, &pool->lock);
    give(t, pool, m, n);
    unlock(t, &pool->lock);
}

/* .inv.audit.way: no object stays in a magazine. */
static void put_audited(lull_thread *t, struct lull_pool *pool, void *object, const void *site)
{
    struct lull_magazines *m = lull__magazines(t, pool);

    if (!lull__audit_receive(t, &pool->audited, object, site)) {
        refuse(pool, m);
        return;
    }
    if (pool->reset != NULL && t->in_callback != 0) {
        lull__fail(LULL_E_STATE, "put into pool \"%s\" inside a callback", pool->name);
        lull__audit_misuse(t, &pool->audited, LULL_POOL_PUT_IN_CALLBACK, object, site);
        lull__audit_drop(&pool->audited, object);
        refuse(pool, m);
        return;
    }
    if (pool->reset != NULL) {
        reset(t, pool, object);
    }
    lull__audit_keep(t, &pool->audited, object);
    m->object[m->count++] = (uintptr_t)object;
    give_locked(t, pool, m, m->count);
}

void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object)
{
    struct lull_magazines *m = lull__magazines(t, pool);

    if (object == NULL) {
        return;
    }
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    if (LULL__UNLIKELY(pool->audited.on)) {
        put_audited(t, pool, object, __builtin_return_address(0));
        return;
    }
    LULL_ASSERT_HOT(is_object(pool->heap, object));
    LULL_ASSERT_HOT(!is_kept(m, object)); /* put twice */
    if (pool->reset != NULL) {
        if (t->in_callback != 0) {
            lull__fail(LULL_E_STATE, "put into pool \"%s\" inside a callback", pool->name);
            refuse(pool, m);
            return;
        }
        reset(t, pool, object);
    }
    if (m->count >= pool->room) {
        give_locked(t, pool, m, half_of(pool));
    }
    m->object[m->count++] = (uintptr_t)object;
    m->limit = pool->limit;
}

/* ---- pools ---- */

/* What this version does not do yet. */
static bool asks_too_much(const lull_pool_options *o)
{
    const lull_pool_bounds *b = &o->bounds;

    return o->object_bytes != 0 || o->destroy != NULL || o->size != NULL ||
           o->lifetime != LULL_POOL_CACHE ||
           (o->flags & ~(unsigned)(LULL_POOL_AUDIT | LULL_POOL_CLEAN)) != 0 || o->initial != 0 || b->min_idle != 0 ||
           b->max_idle_bytes != 0 || b->max_object_bytes != 0 || b->prune_age_ns != 0;
}

static bool check_options(lull_heap *heap, const lull_pool_options *options)
{
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        lull__fail(LULL_E_INVALID, "this is no heap");
    } else if (options == NULL || options->struct_size != sizeof *options) {
        lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu",
                   options != NULL ? options->struct_size : 0, sizeof *options);
    } else if (options->make == NULL && options->type == NULL) {
        lull__fail(LULL_E_INVALID, "a pool needs a type, or a function that makes its objects");
    } else if (options->type != NULL && options->type->heap != heap) {
        lull__fail(LULL_E_INVALID, "the pool's type is of another heap");
    } else if (asks_too_much(options)) {
        lull__fail(LULL_E_INVALID, "of a pool's options only type, make, reset, arg, the flags "
                                   "of the audit and bounds.max_idle are there yet");
    } else {
        return true;
    }
    return false;
}

static void free_pool(struct lull_pool *pool)
{
    if (pool->audited.on) {
        lull__audit_close(&pool->audited);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool->name);
    free(pool);
}

static void audit(struct lull_pool *pool, const lull_pool_options *options)
{
    if (((options->flags & LULL_POOL_AUDIT) | (pool->heap->options.debug & LULL_DEBUG_POOLS)) != 0) {
        pool->room = 1; /* taken from the depot one by one */
        pool->limit = 0;
        pool->audited.heap = pool->heap;
        pool->audited.name = pool->name;
        pool->audited.type = pool->make == NULL ? pool->type : NULL;
        pool->audited.clean = (options->flags & LULL_POOL_CLEAN) != 0;
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
    pthread_mutex_init(&pool->lock, NULL);
    lull__depot_init(&pool->depot, &heap->magazines);
    pool->heap = heap;
    pool->type = options->type;
    pool->make = options->make;
    pool->reset = options->reset;
    pool->arg = options->arg;
    pool->max_idle = options->bounds.max_idle != 0 ? options->bounds.max_idle : SIZE_MAX;
    pool->room = lull__min(pool->max_idle, ROOM);
    pool->limit = pool->reset != NULL || LULL__DEBUG ? 0 : pool->room;
    pool->name = strdup(options->name != NULL ? options->name : "");
    if (pool->name == NULL) {
        free_pool(pool);
        return NULL;
    }
    audit(pool, options);
    return pool;
}

/* Gives the pool an index. Every thread's magazines at a free index are zero. */
static bool enlist(lull_heap *heap, struct lull_pool *pool)
{
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] == NULL) {
            pool->index = i;
            pool->head.offset = i * sizeof(struct lull_magazines);
            heap->pools[i] = pool;
            /* relaxed: a thread that scans without the lock scans what it has used itself */
            uint32_t used = atomic_load_explicit(&heap->pools_used, memory_order_relaxed);
            atomic_store_explicit(&heap->pools_used, (uint32_t)lull__max(used, i + 1),
                                  memory_order_relaxed);
            return true;
        }
    }
    return false;
}

lull_pool *lull_pool_create(lull_heap *heap, const lull_pool_options *options)
{
    if (!check_options(heap, options)) {
        return NULL;
    }
    lull_thread *t = lull_self(heap);
    struct lull_pool *pool = new_pool(heap, options);
    if (pool == NULL) {
        lull__fail(LULL_E_NO_MEMORY, "no memory for a pool");
        return NULL;
    }
    lock(t, &heap->pools_lock);
    bool enlisted = enlist(heap, pool);
    unlock(t, &heap->pools_lock);
    if (!enlisted) {
        free_pool(pool);
        lull__fail(LULL_E_LIMIT, "a heap has at most %d pools", LULL__POOLS_MAX);
        return NULL;
    }
    return pool;
}

/* Takes a pool that nobody uses from its heap. Under pools_lock. */
static void delist(lull_heap *heap, struct lull_pool *pool)
{
    for (struct lull__pool_thread *p = heap->pool_threads; p != NULL; p = p->next) {
        memset(&p->magazines[pool->index], 0, sizeof p->magazines[pool->index]);
    }
    lull__depot_finish(&pool->depot);
    heap->pools[pool->index] = NULL;
}

int lull_pool_destroy(lull_pool *pool)
{
    if (pool == NULL) {
        return lull__fail(LULL_E_INVALID, "this is no pool");
    }
    lull_thread *t = lull_self(pool->heap);
    lock(t, &pool->heap->pools_lock);
    delist(pool->heap, pool);
    unlock(t, &pool->heap->pools_lock);
    free_pool(pool);
    return LULL_OK;
}

const char *lull_pool_name(const lull_pool *pool)
{
    return pool->name;
}

/* ---- counters ---- */

static LULL__NO_SANITIZE uint64_t read_once(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* Adds what a thread counted, and returns what it keeps. The pool's lock is held
 * (.inv.pool.counts). */
static LULL__NO_SANITIZE size_t add_counts(struct lull__pool_counts *sum,
                                           const struct lull_magazines *m)
{
    size_t count = read_once(&m->count);
    uint64_t hits = read_once(&m->hits);

    sum->hits += hits;
    sum->misses += read_once(&m->misses);
    sum->puts += (int64_t)(count + hits) - m->received;
    return count;
}

/* Under pools_lock. */
static void read_stats(struct lull_pool *pool, lull_pool_stats *stats)
{
    pthread_mutex_lock(&pool->lock);
    struct lull__pool_counts sum = pool->gone;
    size_t idle = lull__depot_objects(&pool->depot);
    for (struct lull__pool_thread *p = pool->heap->pool_threads; p != NULL; p = p->next) {
        idle += add_counts(&sum, &p->magazines[pool->index]);
    }
    *stats = (lull_pool_stats){
        .gets = sum.hits + sum.misses,
        .hits = sum.hits,
        .misses = sum.misses,
        .puts = sum.puts > 0 ? (uint64_t)sum.puts : 0, /* a get half counted is no put */
        .drops = atomic_load_explicit(&pool->drops, memory_order_relaxed),
        .idle = idle,
    };
    strncpy(stats->name, pool->name, LULL_POOL_NAME - 1);
    pthread_mutex_unlock(&pool->lock);
}

int lull_pool_stats_read(lull_pool *pool, lull_pool_stats *stats)
{
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

    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC || (stats == NULL && room != 0)) {
        lull__fail(LULL_E_INVALID, "lull_pools_read wants a heap and a place to write");
        return 0;
    }
    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            lull_pool_stats one;
            read_stats(heap->pools[i], &one);
            insert(stats, count++, room, &one);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
    lull__leave_any(entered);
    return count;
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

/* ---- changes at run time ---- */

int lull_pool_set_bounds(lull_pool *pool, const lull_pool_bounds *bounds)
{
    (void)pool;
    (void)bounds;
    return lull__fail(LULL_E_INVALID, "bounds cannot be changed yet");
}

int lull_pool_bounds_read(lull_pool *pool, lull_pool_bounds *bounds)
{
    if (pool == NULL || bounds == NULL) {
        return lull__fail(LULL_E_INVALID,
                          "lull_pool_bounds_read wants a pool and a place to write");
    }
    *bounds = (lull_pool_bounds){.max_idle = pool->max_idle == SIZE_MAX ? 0 : pool->max_idle};
    return LULL_OK;
}

int lull_pool_resize(lull_pool *pool, size_t object_bytes)
{
    (void)pool;
    (void)object_bytes;
    return lull__fail(LULL_E_INVALID, "the size of a pool's objects cannot be changed yet");
}

/* ---- threads ---- */

static struct lull__pool_thread *pool_thread_of(lull_thread *t)
{
    char *magazines = (char *)t->head.pools;

    return (struct lull__pool_thread *)(void *)(magazines -
                                                offsetof(struct lull__pool_thread, magazines));
}

bool lull__pool_thread_init(lull_thread *t)
{
    lull_heap *heap = t->heap;
    struct lull__pool_thread *p = lull__os_map(POOL_THREAD_BYTES);

    if (p == NULL) {
        return false;
    }
    p->t = t;
    t->head.pools = p->magazines;
    pthread_mutex_lock(&heap->pools_lock);
    p->next = heap->pool_threads;
    heap->pool_threads = p;
    pthread_mutex_unlock(&heap->pools_lock);
    return true;
}

static bool held_by_signal(const struct lull__pool_thread *p)
{
    /* relaxed: it changes only while threads are not held */
    return atomic_load_explicit(&p->t->state, memory_order_relaxed) == LULL__THREAD_SIGNALLED;
}

/* What a thread keeps goes to the depot, what it counted to the pool. A fork's child loses threads
 * that a signal held: their slots may be in between, so what they keep is dropped. */
static void leave_pool(struct lull_pool *pool, struct lull__pool_thread *p)
{
    struct lull_magazines *m = &p->magazines[pool->index];

    pthread_mutex_lock(&pool->lock);
    if (held_by_signal(p)) {
        count_drops(pool, m->count);
        m->received -= (int64_t)m->count;
        m->count = 0;
    } else if (m->count != 0) {
        give(p->t, pool, m, m->count);
    }
    add_counts(&pool->gone, m);
    pthread_mutex_unlock(&pool->lock);
}

void lull__pool_thread_finish(lull_thread *t)
{
    lull_heap *heap = t->heap;

    if (t->head.pools == NULL) {
        return;
    }
    struct lull__pool_thread *p = pool_thread_of(t);
    struct lull__pool_thread **link = &heap->pool_threads;
    lull_thread *self = lull__thread_is_mine(t) ? t : NULL;

    lock(self, &heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            leave_pool(heap->pools[i], p);
        }
    }
    while (*link != p) {
        link = &(*link)->next;
    }
    *link = p->next;
    unlock(self, &heap->pools_lock);
    t->head.pools = NULL;
    lull__os_unmap(p, POOL_THREAD_BYTES);
}

/* ---- the collector's side ---- */

/* What a thread keeps of one pool goes back to the depot. */
static void gather(struct lull_pool *pool, struct lull__pool_thread *p)
{
    struct lull_magazines *m = &p->magazines[pool->index];

    pthread_mutex_lock(&pool->lock);
    if (m->count != 0) {
        give(p->t, pool, m, m->count);
    }
    if (m->refill != 0) { /* else perhaps a page never touched */
        m->refill = 0;
    }
    pthread_mutex_unlock(&pool->lock);
}

void lull__pool_thread_gather(lull_thread *t)
{
    lull_heap *heap = t->heap;

    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            gather(heap->pools[i], pool_thread_of(t));
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
}

static void audit_victims(struct lull_pool *pool)
{
    for (struct lull__magazine *mag = pool->depot.victims.top; mag != NULL; mag = mag->next) {
        for (size_t i = 0; i < mag->count; i++) {
            lull__audit_drop(&pool->audited, (void *)mag->object[i]);
        }
    }
}

static size_t trim_pool(struct lull_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->audited.on) {
        audit_victims(pool);
    }
    size_t dropped = lull__depot_drop_victims(&pool->depot);
    count_drops(pool, dropped);
    lull__depot_age(&pool->depot);
    pthread_mutex_unlock(&pool->lock);
    return dropped;
}

void lull__pools_trim(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        size_t dropped = heap->pools[i] != NULL ? trim_pool(heap->pools[i]) : 0;
        if (dropped != 0) {
            lull__emit(&heap->events, pool_trim, 0, i, dropped);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
}

static void scan_stack(lull_tracer *tracer, const struct lull__stack *stack)
{
    for (const struct lull__magazine *mag = stack->top; mag != NULL; mag = mag->next) {
        tracer->range(tracer, mag->object, mag->object + mag->count);
    }
}

void lull__pool_thread_scan(lull_thread *t, lull_tracer *tracer, bool in_signal)
{
    lull_heap *heap = t->heap;
    struct lull__pool_thread *p = pool_thread_of(t);

    uint32_t used = atomic_load_explicit(&heap->pools_used, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++) {
        const struct lull_magazines *m = &p->magazines[i];
        size_t n = in_signal ? ROOM : m->count; /* .inv.pool.signal */
        if (n != 0) {
            tracer->range(tracer, m->object, m->object + n);
        }
    }
}

void lull__pools_scan(lull_heap *heap, lull_tracer *tracer)
{
    pthread_mutex_lock(&heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            pthread_mutex_lock(&heap->pools[i]->lock);
            scan_stack(tracer, &heap->pools[i]->depot.idle);
            scan_stack(tracer, &heap->pools[i]->depot.victims);
            pthread_mutex_unlock(&heap->pools[i]->lock);
        }
    }
    pthread_mutex_unlock(&heap->pools_lock);
}

/* ---- the heap's side ---- */

bool lull__pools_init(lull_heap *heap)
{
    pthread_mutex_init(&heap->pools_lock, NULL);
    lull__magazines_init(&heap->magazines);
    return true;
}

void lull__pools_finish(lull_heap *heap)
{
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            free_pool(heap->pools[i]);
        }
    }
    lull__magazines_finish(&heap->magazines);
    pthread_mutex_destroy(&heap->pools_lock);
}

size_t lull__pools_bytes(lull_heap *heap)
{
    size_t threads = 0;
    size_t used = atomic_load_explicit(&heap->pools_used, memory_order_relaxed);

    pthread_mutex_lock(&heap->pools_lock);
    for (const struct lull__pool_thread *p = heap->pool_threads; p != NULL; p = p->next) {
        threads++;
    }
    size_t bytes = lull__magazines_bytes(&heap->magazines);
    pthread_mutex_unlock(&heap->pools_lock);
    /* of a thread's magazines only those in use were ever touched */
    size_t touched =
        sizeof(struct lull__pool_thread) - (LULL__POOLS_MAX - used) * sizeof(struct lull_magazines);
    return bytes + threads * lull__round_up(touched, LULL__OS_PAGE);
}

void lull__pools_fork_child(lull_heap *heap)
{
    pthread_mutex_init(&heap->pools_lock, NULL);
    pthread_mutex_init(&heap->magazines.lock, NULL);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] != NULL) {
            pthread_mutex_init(&heap->pools[i]->lock, NULL);
        }
    }
}
