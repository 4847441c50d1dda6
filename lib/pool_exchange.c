/* pool_exchange.c -- between the magazines of threads and the depot of a pool.
 *
 * No exchange waits for a lock. The depot has a few shards, each a stack with a lock that is only
 * tried: a thread's own shard first, then the others. Where all are busy, a get tries again for
 * about a microsecond, yields its processor once, and makes a new object; a put keeps its object,
 * as it does where others are at the memory that all depots share: the room of the thread's
 * magazine doubles, up to LULL_MAGAZINE_MOST; beyond that the object is dropped. (Bonwick & Adams
 * enlarge all magazines of a cache at once, and wait for the lock.)
 *
 * Where a get finds nothing it *asks*, and makes an object: until the next cycle all threads keep
 * half as much, and give all of it when that is full. So what a running thread keeps comes to
 * others at its next exchange, though nobody may touch its magazine. A thread that only gets, or
 * only puts, moves more at a time, up to a fourth of what it moved so far, since what an exchange
 * costs is the way of lines between processors, for few objects as for many.
 *
 * A thread that blocks gives what it keeps of the pool that it used last to the depot: many threads
 * that sleep would else keep more than all others need.
 *
 * .inv.pool.moves: beside a cycle, what moves from a thread to the depot is shaded: the depot was
 *   scanned when marking began, and a round may have seen another thread, which takes it there,
 *   before. What moves from the depot to a thread is not: the thread's next part finds it. Nor is
 *   what is stolen: a handshake has threads_lock, so a round sees both threads before, or both
 *   after; in the middle of one shading would not help, as the thief's words go to the markers by
 *   its part. (cycle_concurrent.c, .arg.pool) */
#include "pool.h"

#include <sched.h>
#include <string.h>

#include "barrier.h"
#include "delay.h"
#include "grey.h"
#include "outside.h"
#include "thread.h"

#define TAKE_AGAIN 16 /* times that a get tries again where others have the locks */
#define PREFETCHED 32 /* objects, whose first lines an exchange has come */
#define OLD_CYCLES 2  /* an object made so long ago is old */

/* ---- counts and locks ---- */

void lull__pool_count_drops(struct lull_pool *pool, lull_pool_drop why, size_t n)
{
    if (n != 0) {
        atomic_fetch_add_explicit(&pool->dropped[why], n, memory_order_relaxed);
    }
}

void lull__pool_come_away(struct lull_pool *pool, size_t n)
{
    int64_t away =
        atomic_fetch_add_explicit(&pool->away, (int64_t)n, memory_order_relaxed) + (int64_t)n;
    uint64_t most = atomic_load_explicit(&pool->high_water, memory_order_relaxed);

    while (away > 0 && (uint64_t)away > most &&
           !atomic_compare_exchange_weak_explicit(&pool->high_water, &most, (uint64_t)away,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void lull__pool_come_back(struct lull_pool *pool, size_t n)
{
    atomic_fetch_sub_explicit(&pool->away, (int64_t)n, memory_order_relaxed);
}

void lull__pool_lock(lull_thread *t, pthread_mutex_t *mutex)
{
    lull_thread *entered = lull__thread_some(t);

    if (entered != NULL) {
        lull__enter(entered);
    }
    pthread_mutex_lock(mutex);
}

void lull__pool_unlock(lull_thread *t, pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    lull__leave_any(lull__thread_some(t));
}

void lull__pool_lock_shards(struct lull_pool *pool)
{
    for (uint32_t i = 0; i < pool->shards; i++) {
        pthread_mutex_lock(&pool->shard[i].lock);
    }
}

void lull__pool_unlock_shards(struct lull_pool *pool)
{
    for (uint32_t i = 0; i < pool->shards; i++) {
        pthread_mutex_unlock(&pool->shard[i].lock);
    }
}

static bool lock_shard(struct lull_pool *pool, struct lull__pool_shard *shard)
{
    return pool->audited.on ? pthread_mutex_lock(&shard->lock) == 0
                            : pthread_mutex_trylock(&shard->lock) == 0;
}

/* The i-th shard that a thread looks at: its own, then the others. */
static struct lull__pool_shard *shard_of(const lull_thread *t, struct lull_pool *pool, uint32_t i)
{
    return &pool->shard[(t->number + i) & (pool->shards - 1)];
}

bool lull__pool_ready(struct lull_pool *pool, struct lull__pool_shard *shard, size_t n, bool wait)
{
    return lull__depot_reserve(&shard->young, n, wait) &&
           ((pool->flags & LULL_POOL_GENERATIONAL) == 0 ||
            lull__depot_reserve(&shard->old, n, wait));
}

/* A shard for n objects, locked and ready; NULL: all are busy. */
static struct lull__pool_shard *any_shard(const lull_thread *t, struct lull_pool *pool, size_t n)
{
    for (uint32_t i = 0; i < pool->shards; i++) {
        struct lull__pool_shard *shard = shard_of(t, pool, i);
        if (lock_shard(pool, shard)) {
            if (lull__pool_ready(pool, shard, n, pool->audited.on)) {
                return shard;
            }
            pthread_mutex_unlock(&shard->lock);
        }
    }
    return NULL;
}

/* ---- magazines ---- */

static bool is_asked(const struct lull_pool *pool)
{
    return atomic_load_explicit(&pool->asked, memory_order_relaxed) != 0;
}

void lull__pool_ask(lull_thread *t, struct lull_pool *pool)
{
    if (!is_asked(pool)) { /* else the line would be written, which all read */
        atomic_store_explicit(&pool->asked, 1, memory_order_relaxed);
    }
    lull__delay(t->heap, LULL__DELAY_POOL_ASK);
}

/* What a thread may keep while nobody is in the way: less where others had to make objects; more
 * where it goes one way, unless the program bounds what is kept. */
static size_t usual_room(const struct lull_pool *pool, const struct lull_magazines *m)
{
    size_t usual = is_asked(pool) ? LULL__POOL_ROOM / 2 : LULL__POOL_ROOM;
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);

    return most == SIZE_MAX ? lull__max(usual, m->streak / 4u) : usual;
}

static size_t within_bounds(const struct lull_pool *pool, size_t room)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);

    return lull__min(room, lull__min(most, LULL_MAGAZINE_MOST));
}

static void set_room(const struct lull_pool *pool, struct lull_magazines *m, size_t room)
{
    m->room = (uint16_t)within_bounds(pool, room);
    m->most = (uint16_t)lull__max(m->most, m->room);
}

/* An exchange: n objects go one way, `out` of the magazine or into it. `others` counts what the
 * thread did the other way. */
static void note_way(struct lull_magazines *m, bool out, uint32_t others, size_t n)
{
    bool again = m->outward == out && m->others == others;

    m->streak = (uint16_t)lull__min((again ? m->streak : 0) + n, 4 * LULL_MAGAZINE_MOST);
    m->outward = out;
    m->others = others;
}

static uint32_t gets_so_far(const struct lull_magazines *m)
{
    return (uint32_t)((m->now.counts >> 16) + m->misses);
}

/* .inv.pool.counts */
static uint32_t puts_so_far(const lull_thread *t, const struct lull_magazines *m)
{
    uint64_t hits = (m->now.counts >> 16) + m->hits_depot + m->hits_steal + m->hits_victim;

    return (uint32_t)(lull__magazine_count(t, m) + hits - (uint64_t)m->received);
}

void lull__pool_open_magazine(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    t->pool_recent = (uint32_t)(m - lull__magazines_of(t, 0)) + 1;
    if (pool->audited.on) {
        m->most = 1; /* on the way from the depot to the program */
    } else if (m->room == 0) {
        set_room(pool, m, usual_room(pool, m));
        lull__magazine_set_count(t, m, lull__magazine_count(t, m));
    }
}

void lull__pool_take_out(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                         uintptr_t *object, size_t n)
{
    size_t left = lull__magazine_count(t, m) - n;

    memcpy(object, m->object, n * sizeof *object);
    memmove(m->object, m->object + n, left * sizeof *m->object);
    lull__magazine_set_count(t, m, left);
    m->received -= (int64_t)n;
    lull__pool_come_back(pool, n);
}

/* ---- into the depot ---- */

/* The words that a thread shaded are its own: whoever empties the magazines of another, which may
 * be running, hands them to the markers. */
void lull__pool_shade(lull_thread *t, const struct lull_pool *pool, const uintptr_t *object,
                      size_t n)
{
    if (t == NULL || pool->outside || lull__barrier(t) == LULL__BARRIER_OFF) {
        return;
    }
    bool mine = lull__thread_is_mine(t);
    for (size_t i = 0; i < n; i++) {
        if (mine) {
            lull__grey_shade(t, object[i]);
        } else {
            lull__grey_shade_now(t, object[i]);
        }
    }
}

/* Adds objects to a batch that has room for them. */
static void add(struct lull__batch *to, const uintptr_t *object, size_t n)
{
    memcpy(to->object + to->count, object, n * sizeof *object);
    to->count += n;
}

static void add_one(struct lull__batch *to, uintptr_t object)
{
    to->object[to->count++] = object;
}

/* Objects of another size than is wanted now are refused. */
static void refuse_misfits(struct lull_pool *pool, struct lull__batch *batch,
                           struct lull__batch *refused)
{
    size_t n = batch->count;

    if (!lull__pool_is_sized(pool)) {
        return;
    }
    batch->count = 0;
    for (size_t i = 0; i < n; i++) {
        bool fits = lull__pool_fits(pool, (const void *)batch->object[i]);
        add_one(fits ? batch : refused, batch->object[i]);
    }
    lull__pool_count_drops(pool, LULL_POOL_DROP_SIZE, n - batch->count);
}

/* How many of n objects the bounds allow; they count as kept. */
static size_t reserve(struct lull_pool *pool, const uintptr_t *object, size_t n)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);
    size_t most_bytes = atomic_load_explicit(&pool->bounds.max_idle_bytes, memory_order_relaxed);
    size_t unit = lull__pool_unit_bytes(pool);

    if (unit != 0 && most_bytes != SIZE_MAX) {
        most = lull__min(most, most_bytes / unit);
    }
    size_t before = atomic_fetch_add_explicit(&pool->kept, n, memory_order_relaxed);
    size_t admitted = lull__min(n, most - lull__min(before, most));
    for (size_t i = 0; unit == 0 && i < admitted; i++) {
        size_t bytes = lull__pool_object_bytes(pool, (const void *)object[i]);
        size_t sum = atomic_fetch_add_explicit(&pool->kept_bytes, bytes, memory_order_relaxed);
        if (sum + bytes > most_bytes) {
            atomic_fetch_sub_explicit(&pool->kept_bytes, bytes, memory_order_relaxed);
            admitted = i;
        }
    }
    if (admitted != n) { /* else the line would be written once more, with others waiting for it */
        atomic_fetch_sub_explicit(&pool->kept, n - admitted, memory_order_relaxed);
    }
    return admitted;
}

/* Objects that counted as kept are so no more. */
static void dismiss(struct lull_pool *pool, const uintptr_t *object, size_t n)
{
    if (n != 0) {
        atomic_fetch_sub_explicit(&pool->kept, n, memory_order_relaxed);
    }
    for (size_t i = 0; lull__pool_unit_bytes(pool) == 0 && i < n; i++) {
        atomic_fetch_sub_explicit(&pool->kept_bytes,
                                  lull__pool_object_bytes(pool, (const void *)object[i]),
                                  memory_order_relaxed);
    }
}

/* Objects beyond the bounds are refused; the others count as kept. */
static void refuse_excess(struct lull_pool *pool, struct lull__batch *batch,
                          struct lull__batch *refused)
{
    size_t admitted = reserve(pool, batch->object, batch->count);
    size_t excess = batch->count - admitted;

    add(refused, batch->object + admitted, excess);
    batch->count = admitted;
    lull__pool_count_drops(pool, LULL_POOL_DROP_FULL, excess);
}

/* Moves what is old to `old`; where others are at the ledger, none is. */
static void sort_by_age(struct lull_pool *pool, struct lull__batch *batch, struct lull__batch *old,
                        bool wait)
{
    uint64_t now = atomic_load_explicit(&pool->heap->cycles, memory_order_relaxed);
    size_t n = batch->count;

    if ((wait ? pthread_mutex_lock(&pool->ledger.lock)
              : pthread_mutex_trylock(&pool->ledger.lock)) != 0) {
        return;
    }
    batch->count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lull__record *record = lull__ledger_find(&pool->ledger, batch->object[i]);
        bool aged = record != NULL && now - record->cycle >= OLD_CYCLES;
        add_one(aged ? old : batch, batch->object[i]);
    }
    pthread_mutex_unlock(&pool->ledger.lock);
}

/* Pushes objects that count as kept; those that there is no memory to note are refused. */
static void push(struct lull_pool *pool, struct lull__depot *depot, const struct lull__batch *batch,
                 struct lull__batch *refused)
{
    size_t done = lull__depot_push(depot, batch->object, batch->count);
    size_t lost = batch->count - done;

    dismiss(pool, batch->object + done, lost);
    add(refused, batch->object + done, lost);
    lull__pool_count_drops(pool, LULL_POOL_DROP_MEMORY, lost);
}

void lull__pool_place(lull_thread *t, struct lull_pool *pool, struct lull__pool_shard *shard,
                      struct lull__batch *batch, bool wait)
{
    struct lull__batch old, refused;

    lull__pool_shade(t, pool, batch->object, batch->count); /* .inv.pool.moves */
    old.count = refused.count = 0;
    refuse_misfits(pool, batch, &refused);
    refuse_excess(pool, batch, &refused);
    if ((pool->flags & LULL_POOL_GENERATIONAL) != 0) {
        sort_by_age(pool, batch, &old, wait);
        push(pool, &shard->old, &old, &refused);
    }
    push(pool, &shard->young, batch, &refused);
    batch->count = 0;
    add(batch, refused.object, refused.count);
    for (size_t i = 0; pool->audited.on && i < batch->count; i++) {
        lull__audit_drop(&pool->audited, (void *)batch->object[i]);
    }
}

void lull__pool_empty(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    struct lull__pool_shard *shard = shard_of(t, pool, 0);
    struct lull__batch batch;
    size_t n = lull__magazine_count(t, m);

    if (n != 0) {
        lull__pool_take_out(t, pool, m, batch.object, n);
        batch.count = n;
        pthread_mutex_lock(&pool->lock);
        pthread_mutex_lock(&shard->lock);
        lull__pool_ready(pool, shard, n, true);
        lull__pool_place(t, pool, shard, &batch, true);
        pthread_mutex_unlock(&shard->lock);
        lull__pool_doom_words(pool, batch.object, batch.count);
        pthread_mutex_unlock(&pool->lock);
    }
    if (m->room != 0) { /* else perhaps a page never touched */
        m->refill = 0;
        m->streak = 0;
        m->room = 0;
        m->limit = 0;
    }
}

/* Gives the lowest n objects of a magazine to the depot; false: others are at all of it. */
static bool give(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, size_t n)
{
    struct lull__batch batch;

    batch.count = 0;
    lull__enter(t);
    struct lull__pool_shard *shard = any_shard(t, pool, n);
    if (shard != NULL) {
        lull__pool_take_out(t, pool, m, batch.object, n);
        batch.count = n;
        lull__delay(t->heap, LULL__DELAY_POOL_GIVE);
        lull__pool_place(t, pool, shard, &batch, false);
        pthread_mutex_unlock(&shard->lock);
    }
    lull__leave(t);
    lull__outside_bury(pool, batch.object, batch.count);
    return shard != NULL;
}

bool lull__pool_make_room(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    size_t keep = is_asked(pool) ? 0 : lull__min(lull__magazine_half(m), LULL__POOL_ROOM / 2);
    size_t n = lull__magazine_count(t, m) - keep;
    uint32_t gets = gets_so_far(m);

    if (give(t, pool, m, n)) {
        note_way(m, true, gets, n);
        set_room(pool, m, usual_room(pool, m));
    } else {
        set_room(pool, m, 2 * (size_t)m->room);
    }
    return lull__magazine_count(t, m) < m->room;
}

void lull__pool_put_directly(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                             void *object)
{
    struct lull__batch batch;

    batch.count = 0;
    add_one(&batch, (uintptr_t)object);
    lull__enter(t);
    struct lull__pool_shard *shard = any_shard(t, pool, 1);
    m->received--;
    lull__pool_come_back(pool, 1);
    lull__pool_place(t, pool, shard, &batch, true);
    pthread_mutex_unlock(&shard->lock);
    lull__leave(t);
    lull__outside_bury(pool, batch.object, batch.count);
}

/* The thread has no lock that keeps the pool alive, since another could lose its processor with
 * one, for milliseconds in which all that block would keep what they have. Instead it says which
 * pool it is at, and who destroys a pool closes it, then waits for those that are at it. */
void lull__pool_thread_rest(lull_thread *t)
{
    uint32_t recent = t->pool_recent;

    if (recent == 0 || !t->pools_on) {
        return;
    }
    t->pool_recent = 0;
    /* seq_cst, both: pairs with those of lull__pool_close; it sees this, or this that it is
     * closed */
    atomic_store_explicit(&t->pool_resting, recent, memory_order_seq_cst);
    struct lull_pool *pool =
        atomic_load_explicit(&t->heap->pools_open[recent - 1], memory_order_seq_cst);
    struct lull_magazines *m = lull__magazines_of(t, recent - 1);
    size_t count = lull__magazine_count(t, m);
    lull__delay(t->heap, LULL__DELAY_POOL_REST);
    if (pool != NULL && !pool->audited.on && count != 0 && give(t, pool, m, count)) {
        m->refill =
            (uint16_t)lull__min(count, lull__magazine_half(m)); /* as much when it goes on */
    }
    /* release: it is through with the pool; pairs with the acquire in lull__pool_close */
    atomic_store_explicit(&t->pool_resting, 0, memory_order_release);
}

static bool is_used_to_rest(struct lull_pool *pool)
{
    bool used = false;

    for (lull_thread *t = pool->heap->pool_threads; t != NULL; t = t->pools_next) {
        uint32_t at = atomic_load_explicit(&t->pool_resting, memory_order_seq_cst);
        used |= at != 0 && pool->heap->pools[at - 1] == pool;
    }
    return used;
}

void lull__pool_close(lull_thread *t, struct lull_pool *pool)
{
    lull_heap *heap = pool->heap;
    bool used = true;

    lull__pool_lock(t, &heap->pools_lock);
    for (uint32_t i = 0; i < LULL__POOLS_MAX; i++) {
        if (heap->pools[i] == pool) {
            atomic_store_explicit(&heap->pools_open[i], NULL, memory_order_seq_cst);
        }
    }
    lull__pool_unlock(t, &heap->pools_lock);
    while (used) {
        lull__pool_lock(t, &heap->pools_lock);
        used = is_used_to_rest(pool);
        lull__pool_unlock(t, &heap->pools_lock);
        if (used) {
            sched_yield();
        }
    }
}

/* ---- out of the depot ---- */

/* Takes up to n objects from a shard, which the caller has. */
static size_t take(struct lull_pool *pool, struct lull__pool_shard *shard, uintptr_t *object,
                   size_t n, bool *victims)
{
    size_t taken = 0;

    *victims = false;
    if ((pool->flags & LULL_POOL_GENERATIONAL) != 0) {
        taken = lull__depot_pop(&shard->old, object, n, victims);
    }
    if (taken == 0) {
        taken = lull__depot_pop(&shard->young, object, n, victims);
    }
    dismiss(pool, object, taken);
    return taken;
}

static size_t shard_objects(const struct lull__pool_shard *shard)
{
    return lull__depot_objects(&shard->young) + lull__depot_objects(&shard->old);
}

/* Counts the get that an exchange served. */
static void count_hit(struct lull_magazines *m, bool victims, bool own)
{
    if (victims) {
        m->hits_victim++;
    } else if (own) {
        m->hits_depot++;
    } else {
        m->hits_steal++;
    }
}

/* One look at all shards; *busy: others were at one that has objects. */
static size_t take_once(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                        size_t wanted, bool *busy)
{
    bool victims = false;
    size_t taken = 0;
    uint32_t i;

    *busy = false;
    for (i = 0; i < pool->shards && taken == 0; i++) {
        struct lull__pool_shard *shard = shard_of(t, pool, i);
        if (shard_objects(shard) == 0) {
            continue; /* not worth the lock; what was put since will be there next time */
        }
        if (!lock_shard(pool, shard)) {
            *busy = true;
            continue;
        }
        taken = take(pool, shard, m->object, wanted, &victims);
        pthread_mutex_unlock(&shard->lock);
    }
    if (taken != 0) {
        count_hit(m, victims, i == 1);
    }
    return taken;
}

/* Has the first lines come of the objects that are handed out next, and that the program will
 * write: another thread's cache may have them. */
static void prefetch(const uintptr_t *object, size_t n)
{
    for (size_t i = n; i > 0 && n - i < PREFETCHED; i--) {
        __builtin_prefetch((const void *)object[i - 1], 1);
    }
}

/* Moves objects into the empty magazine of a thread. Others have a lock for as long as an exchange
 * takes, or, where the system took their processor, for milliseconds: to make objects meanwhile
 * left the pool with several times what was ever needed. */
static bool take_anywhere(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                          size_t wanted)
{
    bool busy = false;
    size_t taken = take_once(t, pool, m, wanted, &busy);

    for (int again = 1; taken == 0 && busy && again <= TAKE_AGAIN; again++) {
        if (again == TAKE_AGAIN) {
            sched_yield(); /* whoever has the lock lost its processor, perhaps this one */
        } else {
            lull__os_relax();
        }
        taken = take_once(t, pool, m, wanted, &busy);
    }
    lull__delay(t->heap, LULL__DELAY_POOL_TAKE);
    if (taken != 0) {
        prefetch(m->object, taken);
        lull__magazine_set_count(t, m, taken);
        m->most = (uint16_t)lull__max(m->most, taken);
        m->received += (int64_t)taken;
        lull__pool_come_away(pool, taken);
    }
    return taken != 0;
}

bool lull__pool_refill(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    size_t wanted = pool->audited.on ? 1 : lull__max(m->refill, 1);
    uint32_t puts = puts_so_far(t, m);

    if (atomic_load_explicit(&pool->kept, memory_order_relaxed) == 0) {
        return false;
    }
    lull__enter(t);
    bool taken = take_anywhere(t, pool, m, wanted);
    if (taken) {
        note_way(m, false, puts, lull__magazine_count(t, m));
    }
    m->refill = (uint16_t)lull__min(2 * wanted, (within_bounds(pool, usual_room(pool, m)) + 1) / 2);
    lull__leave(t);
    return taken;
}
