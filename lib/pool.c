/* pool.c -- object pools: gets and puts.
 *
 * Magazines and a depot after Bonwick & Adams 2001: each thread keeps a magazine of objects a pool;
 * when it is empty or full, half of what it may keep comes from or goes to the pool's depot. So a
 * thread that goes back and forth over the boundary has 32 operations before its next exchange.
 *
 * No exchange waits for a lock. The depot has a few shards, each a stack with a lock that is only
 * tried: a thread's own shard first, then the others. Where all are busy, a get tries again for
 * about a microsecond, yields its processor once, and makes a new object; a put keeps its object:
 * the room of the thread's magazine doubles, up to LULL_MAGAZINE_MOST; beyond that the object is
 * dropped. (Bonwick & Adams enlarge all magazines of a cache at once, and wait for the lock.)
 *
 * A thread that blocks gives what it keeps of the pool that it used last to the depot, but for a few
 * objects: many threads that sleep would else keep more than all others need.
 *
 * Where making an object is dear, that is where the program does it, a get that finds the depot
 * empty looks into the magazines of threads that are blocked: it has the thread's state in hand
 * meanwhile, as the collector has in a handshake (steal_from).
 *
 * Deviations. A magazine is one array and an exchange copies its words, instead of swapping
 * pointers: it costs an exchange some nanoseconds more, and saves both fast paths a dependent load,
 * a thread that uses no pool its magazines, and the depot a life with partly filled ones. A
 * thread's first exchanges after a collection move 1, 2, 4, ... objects, so that it takes no more
 * than it needs.
 *
 * .inv.pool.counts: for each pool, idle = filled + puts - hits - drops. On the fast paths one word is
 *   written, `counts`, which says both where the magazine's top is and how many gets it served. In
 *   each thread count = puts - hits + received, which gives its puts. lull__pool_check has it.
 *
 * .inv.pool.signal: a thread held by a signal may be anywhere in an inline get or put, with `counts`
 *   and its slot written in either order, or, where the compiler kept `counts` in a register
 *   through a loop, neither written for long. So nothing is concluded from its `counts` and nothing
 *   of its magazines moved: *all* slots ever in use are reported.
 *     get  reads the object from its slot. Until it has, the slot holds it, since only the same
 *          thread's later put overwrites a slot; from then on a register or the stack does.
 *     put  has the object in a register or on the stack until its store to the slot; from then on
 *          the slot holds it, whatever `counts` says.
 *   A slot not in use holds the word of an object that was handed out before: marking ignores
 *   what is no object, and keeps what is one a cycle longer than it must. Exchanges are calls:
 *   the compiler has written everything before, and in_library keeps the signal out of them.
 *
 * .inv.pool.moves: beside a cycle, what moves from a thread to the depot, or from one thread to
 *   another, is shaded: the depot was scanned when marking began, and a round may have seen the one
 *   thread after and the other before. What moves from the depot to a thread is not: its next round
 *   finds it.
 *
 * .inv.pool.switch: what would have every thread heed a change at once, a new size of objects or that
 *   puts are to look at them, gives the pool other magazines, all empty, by another offset
 *   (pool_create.c). A get or put that was under way may still use the old ones, which nobody else
 *   will: their thread empties them later, into the depot, where what does not fit is dropped. */
#include "pool.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "barrier.h"
#include "delay.h"
#include "error.h"
#include "grey.h"
#include "outside.h"
#include "thread.h"

#define STEAL_LOOKS 16 /* threads that a get looks at */
#define TAKE_AGAIN 16  /* times that a get tries again where others have the locks */
#define RESTING 4      /* objects that a thread keeps when it blocks */
#define OLD_CYCLES 2   /* an object made so long ago is old */

/* ---- objects ---- */

size_t lull__pool_own_bytes(const struct lull_pool *pool, const void *object)
{
    if (pool->outside) {
        return pool->make != NULL ? pool->object_bytes : lull__outside_bytes(object);
    }
    struct lull__slot slot =
        lull__resolve(pool->heap, lull__address(pool->heap, (uintptr_t)object));
    return slot.state != NULL && lull__state_load(slot.state) != LULL__FREE
               ? lull__slot_bytes(pool->heap, &slot)
               : 0;
}

size_t lull__pool_object_bytes(const struct lull_pool *pool, const void *object)
{
    /* what an audited pool keeps is poison: nothing for `size` to read */
    return pool->size != NULL && !pool->audited.on ? pool->size(object, pool->arg)
                                                   : lull__pool_own_bytes(pool, object);
}

size_t lull__pool_unit_bytes(const struct lull_pool *pool)
{
    size_t bytes = atomic_load_explicit(&pool->object_bytes, memory_order_relaxed);

    if (pool->size != NULL || (pool->make != NULL && bytes == 0)) {
        return 0;
    }
    return bytes != 0 ? bytes : lull__max(pool->type->head.slot_size, pool->type->size);
}

bool lull__pool_fits(const struct lull_pool *pool, const void *object)
{
    size_t wanted = atomic_load_explicit(&pool->object_bytes, memory_order_relaxed);
    size_t bytes = wanted == 0 || pool->make != NULL ? 0 : lull__pool_own_bytes(pool, object);

    if (wanted == 0 || pool->make != NULL) {
        return true;
    }
    /* in the heap an object has what its size class gives, up to a quarter more */
    return pool->outside ? bytes == wanted
                         : bytes >= wanted && bytes <= wanted + wanted / 4 + LULL__CACHE_LINE;
}

/* Whether `object` is the first byte of an object; nobody can tell of those outside the heap. */
static bool is_object(const struct lull_pool *pool, const void *object)
{
    uintptr_t address = lull__address(pool->heap, (uintptr_t)object);
    struct lull__slot slot = lull__resolve(pool->heap, address);

    return pool->outside || (slot.state != NULL && (uintptr_t)slot.base == address &&
                             lull__state_load(slot.state) != LULL__FREE);
}

/* Objects that the pool drops and nobody has: outside all locks. */
static void bury(lull_thread *t, struct lull_pool *pool, const uintptr_t *object, size_t n)
{
    t->in_callback++;
    for (size_t i = 0; i < n; i++) {
        lull__outside_bury(pool, (void *)object[i]);
    }
    t->in_callback--;
}

/* ---- counts and locks ---- */

void lull__pool_count_drops(struct lull_pool *pool, lull_pool_drop why, size_t n)
{
    if (n != 0) {
        atomic_fetch_add_explicit(&pool->dropped[why], n, memory_order_relaxed);
    }
}

static void come_away(struct lull_pool *pool, size_t n)
{
    int64_t away =
        atomic_fetch_add_explicit(&pool->away, (int64_t)n, memory_order_relaxed) + (int64_t)n;
    uint64_t most = atomic_load_explicit(&pool->high_water, memory_order_relaxed);

    while (away > 0 && (uint64_t)away > most &&
           !atomic_compare_exchange_weak_explicit(&pool->high_water, &most, (uint64_t)away,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void come_back(struct lull_pool *pool, size_t n)
{
    atomic_fetch_sub_explicit(&pool->away, (int64_t)n, memory_order_relaxed);
}

void lull__pool_lock(lull_thread *t, pthread_mutex_t *mutex)
{
    if (t != NULL) {
        lull__enter(t);
    }
    pthread_mutex_lock(mutex);
}

void lull__pool_unlock(lull_thread *t, pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    if (t != NULL) {
        lull__leave(t);
    }
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

/* A shard for a put, locked; NULL: all are busy. */
static struct lull__pool_shard *any_shard(const lull_thread *t, struct lull_pool *pool)
{
    for (uint32_t i = 0; i < pool->shards; i++) {
        struct lull__pool_shard *shard = shard_of(t, pool, i);
        if (lock_shard(pool, shard)) {
            return shard;
        }
    }
    return NULL;
}

/* ---- magazines ---- */

static size_t half_of(const struct lull_magazines *m)
{
    return ((size_t)m->room + 1) / 2;
}

static void set_room(struct lull_pool *pool, struct lull_magazines *m, size_t room)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_idle, memory_order_relaxed);

    m->room = (uint16_t)lull__min(room, lull__min(most, LULL_MAGAZINE_MOST));
    m->most = (uint16_t)lull__max(m->most, m->room);
}

/* A magazine that was never used, or emptied since, comes into use. */
static void open_magazine(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    t->pool_recent = (uint32_t)(m - lull__magazines_of(t, 0)) + 1;
    if (pool->audited.on) {
        m->most = 1; /* on the way from the depot to the program */
    } else if (m->room == 0) {
        set_room(pool, m, LULL__POOL_ROOM);
        lull__magazine_set_count(t, m, lull__magazine_count(t, m));
    }
}

static void push_one(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, void *object)
{
    size_t count = lull__magazine_count(t, m);
    bool checked = atomic_load_explicit(&pool->checked, memory_order_relaxed);

    m->object[count] = (uintptr_t)object;
    lull__magazine_set_count(t, m, count + 1);
    m->limit = checked ? 0 : (uint16_t)(lull__magazine_bottom(t, m) + m->room);
}

static void *pop_one(lull_thread *t, struct lull_magazines *m)
{
    size_t count = lull__magazine_count(t, m) - 1;

    lull__magazine_set_count(t, m, count);
    return (void *)m->object[count];
}

void lull__pool_take_out(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                         uintptr_t *object, size_t n)
{
    size_t left = lull__magazine_count(t, m) - n;

    memcpy(object, m->object, n * sizeof *object);
    memmove(m->object, m->object + n, left * sizeof *object);
    lull__magazine_set_count(t, m, left);
    m->received -= (int64_t)n;
    come_back(pool, n);
}

/* ---- into the depot ---- */

/* How many of n objects the bounds allow; they count as kept. */
static size_t admit(struct lull_pool *pool, const uintptr_t *object, size_t n)
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

/* Moves what fits to `fit`; the rest stays in object[0] and on. Returns how many fit. */
static size_t sort_out(struct lull_pool *pool, uintptr_t *object, size_t n, uintptr_t *fit)
{
    size_t good = 0, bad = 0;

    for (size_t i = 0; i < n; i++) {
        if (lull__pool_fits(pool, (const void *)object[i])) {
            fit[good++] = object[i];
        } else {
            object[bad++] = object[i];
        }
    }
    lull__pool_count_drops(pool, LULL_POOL_DROP_SIZE, bad);
    return good;
}

/* Moves what is old to `old`; the rest stays. Returns how many are old; where others are at the
 * ledger, none is. */
static size_t sort_by_age(struct lull_pool *pool, uintptr_t *object, size_t n, uintptr_t *old,
                          bool wait)
{
    uint64_t now = atomic_load_explicit(&pool->heap->cycles, memory_order_relaxed);
    size_t aged = 0, young = 0;

    if ((wait ? pthread_mutex_lock(&pool->ledger.lock)
              : pthread_mutex_trylock(&pool->ledger.lock)) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct lull__record *record = lull__ledger_find(&pool->ledger, object[i]);
        if (record != NULL && now - record->cycle >= OLD_CYCLES) {
            old[aged++] = object[i];
        } else {
            object[young++] = object[i];
        }
    }
    pthread_mutex_unlock(&pool->ledger.lock);
    return aged;
}

static size_t push(struct lull__depot *depot, const uintptr_t *object, size_t n, bool wait)
{
    lull__depot_reserve(depot, n, wait);
    return lull__depot_push(depot, object, n);
}

/* Pushes n objects that were admitted; those without memory come to object[0] and on. Returns how
 * many those are. */
static size_t push_by_age(struct lull_pool *pool, struct lull__pool_shard *shard, uintptr_t *object,
                          size_t n, bool wait)
{
    uintptr_t old[LULL_MAGAZINE_MOST];
    bool by_age = (pool->flags & LULL_POOL_GENERATIONAL) != 0;
    size_t aged = by_age ? sort_by_age(pool, object, n, old, wait) : 0;
    size_t done = push(&shard->young, object, n - aged, wait);
    size_t left = n - aged - done;

    memmove(object, object + done, left * sizeof *object);
    done = aged != 0 ? push(&shard->old, old, aged, wait) : 0;
    memcpy(object + left, old + done, (aged - done) * sizeof *object);
    return left + aged - done;
}

/* .inv.pool.moves. The words that a thread shaded are its own: whoever empties the magazines of
 * another, which may be running, hands them to the markers. */
static void shade_all(lull_thread *t, const struct lull_pool *pool, const uintptr_t *object,
                      size_t n)
{
    if (t == NULL || pool->outside ||
        __atomic_load_n(&t->head.marking, __ATOMIC_RELAXED) == LULL__BARRIER_OFF) {
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

size_t lull__pool_place(lull_thread *t, struct lull_pool *pool, struct lull__pool_shard *shard,
                        uintptr_t *object, size_t n, bool wait)
{
    uintptr_t fit[LULL_MAGAZINE_MOST];

    shade_all(t, pool, object, n);
    size_t good = sort_out(pool, object, n, fit);
    size_t rest = n - good;
    size_t admitted = admit(pool, fit, good);
    memcpy(object + rest, fit + admitted, (good - admitted) * sizeof *object);
    rest += good - admitted;
    lull__pool_count_drops(pool, LULL_POOL_DROP_FULL, good - admitted);
    size_t lost = push_by_age(pool, shard, fit, admitted, wait);
    dismiss(pool, fit, lost);
    memcpy(object + rest, fit, lost * sizeof *object);
    lull__pool_count_drops(pool, LULL_POOL_DROP_MEMORY, lost);
    for (size_t i = 0; pool->audited.on && i < rest + lost; i++) {
        lull__audit_drop(&pool->audited, (void *)object[i]);
    }
    return rest + lost;
}

void lull__pool_empty(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    struct lull__pool_shard *shard = shard_of(t, pool, 0);
    uintptr_t object[LULL_MAGAZINE_MOST];
    size_t n = lull__magazine_count(t, m);

    if (n != 0) {
        lull__pool_take_out(t, pool, m, object, n);
        pthread_mutex_lock(&pool->lock);
        pthread_mutex_lock(&shard->lock);
        size_t rest = lull__pool_place(t, pool, shard, object, n, true);
        pthread_mutex_unlock(&shard->lock);
        lull__pool_doom_words(pool, object, rest);
        pthread_mutex_unlock(&pool->lock);
    }
    if (m->room != 0) { /* else perhaps a page never touched */
        m->refill = 0;
        m->room = 0;
        m->limit = 0;
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

/* Moves objects into the empty magazine of a thread. Others have a lock for as long as an exchange
 * takes, or, where the system took their processor, for milliseconds: to make objects meanwhile left
 * the pool with several times what was ever needed. */
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
        lull__magazine_set_count(t, m, taken);
        m->received += (int64_t)taken;
        come_away(pool, taken);
    }
    return taken != 0;
}

static bool refill(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    size_t wanted = pool->audited.on ? 1 : lull__max(m->refill, 1);

    if (atomic_load_explicit(&pool->kept, memory_order_relaxed) == 0) {
        return false;
    }
    m->refill = (uint16_t)lull__min(2 * wanted, half_of(m));
    lull__enter(t);
    bool taken = take_anywhere(t, pool, m, wanted);
    lull__leave(t);
    return taken;
}

/* ---- out of other threads' magazines ---- */

/* Takes half of what a blocked thread keeps. Its state says SERVED meanwhile: it does not go on, and
 * no handshake serves it; a stop waits for the thief, which runs; and to leave the heap it needs
 * threads_lock, which the thief has. */
static bool steal_from(lull_thread *thief, lull_thread *victim, struct lull_pool *pool,
                       struct lull_magazines *m)
{
    struct lull_magazines *other =
        lull__magazines_of(victim, (uint32_t)(m - lull__magazines_of(thief, 0)));
    uint32_t state = LULL__THREAD_BLOCKED;

    /* acquire: what the thread did before it blocked; pairs with stand and serve */
    if (atomic_load_explicit(&victim->state, memory_order_relaxed) != state ||
        !atomic_compare_exchange_strong_explicit(&victim->state, &state, LULL__THREAD_SERVED,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    size_t n = lull__min((lull__magazine_count(victim, other) + 1) / 2, half_of(m));
    if (n != 0) {
        lull__delay(thief->heap, LULL__DELAY_POOL_STEAL);
        lull__pool_take_out(victim, pool, other, m->object, n);
        for (size_t i = 0; thief->head.marking != 0 && !pool->outside && i < n; i++) {
            lull__grey_shade(thief, m->object[i]); /* .inv.pool.moves */
        }
        lull__magazine_set_count(thief, m, n);
        m->received += (int64_t)n;
        come_away(pool, n);
    }
    /* release: what is left in its magazine; pairs with run and serve */
    atomic_store_explicit(&victim->state, LULL__THREAD_BLOCKED, memory_order_seq_cst);
    lull__os_futex_wake(&victim->state, 1);
    return n != 0;
}

static bool steal(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    lull_heap *heap = t->heap;
    bool taken = false;

    lull__enter(t);
    if (pthread_mutex_trylock(&heap->threads_lock) == 0) {
        lull_thread *other = heap->threads;
        for (int looks = 0; other != NULL && !taken && looks < STEAL_LOOKS; looks++) {
            taken = other != t && steal_from(t, other, pool, m);
            other = other->next;
        }
        pthread_mutex_unlock(&heap->threads_lock);
    }
    lull__leave(t);
    m->hits_steal += taken;
    return taken;
}

/* ---- get ---- */

/* A new object has the present cycle in the ledger, whatever was at its address before. */
static void note_made(lull_thread *t, struct lull_pool *pool, void *object)
{
    if ((pool->flags & LULL_POOL_GENERATIONAL) == 0) {
        return;
    }
    lull__pool_lock(t, &pool->ledger.lock);
    struct lull__record *record = lull__ledger_add(&pool->ledger, (uintptr_t)object);
    if (record != NULL) { /* else it stays young */
        record->cycle = atomic_load_explicit(&pool->heap->cycles, memory_order_relaxed);
    }
    lull__pool_unlock(t, &pool->ledger.lock);
}

/* Outside the library: making an object may collect, and the callback is the program's. */
void *lull__pool_make(lull_thread *t, struct lull_pool *pool)
{
    /* acquire: pairs with the release in pool_create.c's change_size */
    size_t bytes = atomic_load_explicit(&pool->object_bytes, memory_order_acquire);
    struct lull__making making = {pool, t->making};
    void *object;

    t->making = &making;
    if (pool->make != NULL) {
        object = pool->make(t, pool->arg);
    } else if (pool->outside) {
        object = lull__outside_make(bytes);
    } else if (bytes != 0) {
        object = lull_alloc_array(t, pool->type, bytes / pool->type->size);
    } else {
        object = lull_alloc(t, pool->type);
    }
    t->making = making.around;
    LULL_ASSERT_HOT(object == NULL || is_object(pool, object));
    if (object != NULL) {
        note_made(t, pool, object);
    }
    return object;
}

static void *miss(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    m->misses++;
    void *object = lull__pool_make(t, pool);
    if (object != NULL) {
        come_away(pool, 1);
    } else {
        atomic_fetch_add_explicit(&pool->unmade, 1, memory_order_relaxed);
    }
    return object;
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

/* A get inside `make` of its own pool. */
static void refuse_get(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                       const void *site)
{
    lull__fail(LULL_E_STATE, "get from pool \"%s\" inside its `make`", pool->name);
    if (pool->audited.on) {
        lull__audit_misuse(t, &pool->audited, LULL_POOL_GET_IN_MAKE, NULL, site);
    }
    m->misses++;
    atomic_fetch_add_explicit(&pool->unmade, 1, memory_order_relaxed);
}

/* acquire: pairs with the release in pool_create.c's give_index; the pool as it was when it got its
 * magazines, or later. After lull__pool_see_retired: what comes into a magazine that is retired then
 * is not yet seen */
static struct lull_magazines *magazine_of(lull_thread *t, const struct lull_pool *pool)
{
    return lull__magazines_at(t, __atomic_load_n(&pool->head.offset, __ATOMIC_ACQUIRE));
}

static bool may_use(const lull_thread *t)
{
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    if (!t->pools_on) {
        lull__fail(LULL_E_THREAD, "the thread is detached");
    }
    return t->pools_on;
}

static void *get(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    lull__pool_prune(t, pool);
    if (refill(t, pool, m) || (pool->make != NULL && !pool->audited.on && steal(t, pool, m))) {
        return pop_one(t, m);
    }
    return miss(t, pool, m);
}

void *lull_pool_get_slow(lull_thread *t, lull_pool *pool)
{
    const void *site = __builtin_return_address(0);

    if (!may_use(t)) {
        return NULL;
    }
    lull__pool_see_retired(t);
    struct lull_magazines *m = magazine_of(t, pool);
    open_magazine(t, pool, m);
    if (lull__magazine_count(t, m) != 0) {
        return lull_pool_get(t, pool);
    }
    if (LULL__UNLIKELY(t->making != NULL) && is_making(t, pool)) {
        refuse_get(t, pool, m, site);
        return NULL;
    }
    void *object = get(t, pool, m);
    if (LULL__UNLIKELY(pool->audited.on) && object != NULL) {
        size_t bytes = pool->outside ? lull__pool_own_bytes(pool, object) : 0;
        lull__audit_give(t, &pool->audited, object, bytes, site);
    }
    return object;
}

/* ---- put ---- */

static bool is_kept(const lull_thread *t, const struct lull_magazines *m, const void *object)
{
    for (size_t i = 0; i < lull__magazine_count(t, m); i++) {
        if (m->object[i] == (uintptr_t)object) {
            return true;
        }
    }
    return false;
}

/* An object that is put and not kept. */
static void drop_one(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, void *object,
                     lull_pool_drop why)
{
    uintptr_t word = (uintptr_t)object;

    m->received--;
    come_back(pool, 1);
    lull__pool_count_drops(pool, why, 1);
    bury(t, pool, &word, 1);
}

/* Bytes of an object that are the program's. */
static size_t payload_bytes(const struct lull_pool *pool, const void *object)
{
    if (pool->outside || pool->make != NULL) {
        lull_object_info info = {NULL, 0, NULL};
        if (!pool->outside) {
            info = lull_object_of(pool->heap, (uintptr_t)object);
        }
        return pool->outside ? lull__pool_own_bytes(pool, object) : info.size;
    }
    size_t bytes = atomic_load_explicit(&pool->object_bytes, memory_order_relaxed);
    return bytes != 0 ? bytes : pool->type->size;
}

static bool refuse_put(lull_thread *t, struct lull_pool *pool, const void *object, const void *site)
{
    lull__fail(LULL_E_STATE, "put into pool \"%s\" inside a callback", pool->name);
    if (pool->audited.on) {
        lull__audit_misuse(t, &pool->audited, LULL_POOL_PUT_IN_CALLBACK, object, site);
    }
    return false;
}

static void reset(lull_thread *t, struct lull_pool *pool, void *object)
{
    if (pool->reset != NULL) {
        t->in_callback++;
        pool->reset(object, pool->arg);
        t->in_callback--;
    }
    if ((pool->flags & LULL_POOL_ZERO) != 0) {
        memset(object, 0, payload_bytes(pool, object));
    }
}

static bool is_too_large(const struct lull_pool *pool, const void *object)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_object_bytes, memory_order_relaxed);

    return most != SIZE_MAX && (pool->size != NULL ? pool->size(object, pool->arg)
                                                   : lull__pool_own_bytes(pool, object)) > most;
}

/* What is to be done with an object before it is kept; false: it is not to be. */
static bool prepare(lull_thread *t, struct lull_pool *pool, void *object, lull_pool_drop *why,
                    const void *site)
{
    *why = LULL_POOL_DROP_MISUSE;
    if (pool->reset != NULL && t->in_callback != 0) {
        return refuse_put(t, pool, object, site);
    }
    *why = LULL_POOL_DROP_SIZE;
    if (!lull__pool_fits(pool, object)) {
        return false;
    }
    reset(t, pool, object);
    return !is_too_large(pool, object);
}

/* The depot gets half of a full magazine; or, where others are there, the magazine more room. False:
 * it has none. */
static bool make_room(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    uintptr_t object[LULL_MAGAZINE_MOST];
    size_t rest = 0;

    lull__enter(t);
    struct lull__pool_shard *shard = any_shard(t, pool);
    if (shard != NULL) {
        size_t n = lull__min(half_of(m), lull__magazine_count(t, m));
        lull__pool_take_out(t, pool, m, object, n);
        lull__delay(t->heap, LULL__DELAY_POOL_GIVE);
        rest = lull__pool_place(t, pool, shard, object, n, false);
        pthread_mutex_unlock(&shard->lock);
    } else {
        set_room(pool, m, 2 * (size_t)m->room);
    }
    lull__leave(t);
    bury(t, pool, object, rest);
    return lull__magazine_count(t, m) < m->room;
}

/* The pool of index `i` gets what its thread keeps beyond a few objects, if nobody is in the way. The
 * caller has pools_lock: so the pool lives. */
static void rest_from(lull_thread *t, uint32_t i)
{
    struct lull_pool *pool = t->heap->pools[i];
    struct lull_magazines *m = lull__magazines_of(t, i);
    size_t count = lull__magazine_count(t, m);
    uintptr_t object[LULL_MAGAZINE_MOST];

    if (pool == NULL || pool->index != i || pool->audited.on || count <= RESTING ||
        pthread_mutex_trylock(&pool->lock) != 0) {
        return;
    }
    struct lull__pool_shard *shard = any_shard(t, pool);
    if (shard != NULL) {
        size_t n = count - RESTING;
        m->refill = (uint16_t)lull__min(n, half_of(m)); /* as much at once when it goes on */
        lull__pool_take_out(t, pool, m, object, n);
        lull__delay(t->heap, LULL__DELAY_POOL_GIVE);
        size_t rest = lull__pool_place(t, pool, shard, object, n, false);
        pthread_mutex_unlock(&shard->lock);
        lull__pool_doom_words(pool, object, rest);
    }
    pthread_mutex_unlock(&pool->lock);
}

void lull__pool_thread_rest(lull_thread *t)
{
    uint32_t recent = t->pool_recent;

    if (recent == 0 || !t->pools_on) {
        return;
    }
    t->pool_recent = 0;
    lull__enter(t);
    if (pthread_mutex_trylock(&t->heap->pools_lock) == 0) {
        rest_from(t, recent - 1);
        pthread_mutex_unlock(&t->heap->pools_lock);
    }
    lull__leave(t);
}

/* One object goes to the depot at once. */
static void put_directly(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                         void *object)
{
    uintptr_t word = (uintptr_t)object;

    lull__enter(t);
    struct lull__pool_shard *shard = any_shard(t, pool);
    m->received--;
    come_back(pool, 1);
    size_t rest = lull__pool_place(t, pool, shard, &word, 1, true);
    pthread_mutex_unlock(&shard->lock);
    lull__leave(t);
    bury(t, pool, &word, rest);
}

/* .inv.audit.way: no object stays in a magazine. What is none of the pool's is not for it to touch. */
static void put_audited(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                        void *object, const void *site)
{
    lull_pool_drop why;

    if (!lull__audit_receive(t, &pool->audited, object, site)) {
        m->received--;
        come_back(pool, 1);
        lull__pool_count_drops(pool, LULL_POOL_DROP_MISUSE, 1);
    } else if (!prepare(t, pool, object, &why, site)) {
        lull__enter(t);
        lull__audit_drop(&pool->audited, object);
        lull__leave(t);
        drop_one(t, pool, m, object, why);
    } else {
        lull__audit_keep(t, &pool->audited, object);
        put_directly(t, pool, m, object);
    }
}

static void put(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, void *object)
{
    bool checked = atomic_load_explicit(&pool->checked, memory_order_relaxed);
    lull_pool_drop why;

    LULL_ASSERT_HOT(is_object(pool, object));
    LULL_ASSERT_HOT(!is_kept(t, m, object)); /* put twice */
    if (checked && !prepare(t, pool, object, &why, NULL)) {
        drop_one(t, pool, m, object, why);
    } else if (lull__magazine_count(t, m) < m->room || make_room(t, pool, m)) {
        push_one(t, pool, m, object);
    } else {
        drop_one(t, pool, m, object, LULL_POOL_DROP_BUSY);
    }
}

void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object)
{
    const void *site = __builtin_return_address(0);

    if (object == NULL || !may_use(t)) {
        return;
    }
    lull__pool_see_retired(t);
    struct lull_magazines *m = magazine_of(t, pool);
    open_magazine(t, pool, m);
    if (LULL__UNLIKELY(pool->audited.on)) {
        put_audited(t, pool, m, object, site);
    } else {
        put(t, pool, m, object);
    }
    lull__pool_prune(t, pool);
}
