/* pool.c -- object pools: gets and puts.
 *
 * Magazines and a depot after Bonwick & Adams 2001: each thread keeps a magazine of objects a pool;
 * when it is empty or full, half of what it may keep comes from or goes to the pool's depot. So a
 * thread that goes back and forth over the boundary has 32 operations before its next exchange.
 *
 * An exchange waits for nobody (pool_exchange.c). Where making an object is dear, a get that finds
 * the depot empty looks into the magazines of other threads (pool_steal.c).
 *
 * Deviations. A magazine is one array and an exchange copies its words, instead of swapping
 * pointers: it costs an exchange some nanoseconds more, and saves both fast paths a dependent load,
 * a thread that uses no pool its magazines, and the depot a life with partly filled ones. A
 * thread's first exchanges after a collection move 1, 2, 4, ... objects, so that it takes no more
 * than it needs.
 *
 * .inv.pool.counts: for each pool, idle = filled + puts - hits - drops. On the fast paths one word
 *   is written, `counts`, which says both where the magazine's top is and how many gets it served.
 *   In each thread count = puts - hits + received, which gives its puts. lull__pool_check has it.
 *
 * .inv.pool.signal: a thread held by a signal may be anywhere in an inline get or put, with
 *   `counts` and its slot written in either order, or, where the compiler kept `counts` in a
 *   register through a loop, neither written for long. So nothing is concluded from its `counts`
 *   and nothing of its magazines moved: *all* slots ever in use are reported.
 *     get  reads the object from its slot. Until it has, the slot holds it, since only the same
 *          thread's later put overwrites a slot; from then on a register or the stack does.
 *     put  has the object in a register or on the stack until its store to the slot; from then on
 *          the slot holds it, whatever `counts` says.
 *   A slot not in use holds the word of an object that was handed out before: marking ignores
 *   what is no object, and keeps what is one a cycle longer than it must. Exchanges are calls:
 *   the compiler has written everything before, and in_library keeps the signal out of them.
 *
 * .inv.pool.switch: what would have every thread heed a change at once, a new size of objects or
 *   that puts are to look at them, gives the pool other magazines, all empty, by another offset
 *   (pool_create.c). A get or put that was under way may still use the old ones, which nobody else
 *   will: their thread empties them later, into the depot, where what does not fit is dropped. */
#include "pool.h"

#include <string.h>

#include "callback.h"
#include "error.h"
#include "outside.h"
#include "thread.h"

/* ---- get ---- */

static void *pop_one(lull_thread *t, struct lull_magazines *m)
{
    size_t count = lull__magazine_count(t, m) - 1;

    lull__magazine_set_count(t, m, count);
    return (void *)m->object[count];
}

static void *miss(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m)
{
    m->misses++;
    void *object = lull__pool_make(t, pool);
    if (object != NULL) {
        lull__pool_come_away(pool, 1);
    } else {
        atomic_fetch_add_explicit(&pool->unmade, 1, memory_order_relaxed);
    }
    return object;
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
 * magazines, or later. After lull__pool_see_retired: what comes into a magazine that is retired
 * then is not yet seen */
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
    if (lull__pool_refill(t, pool, m) || lull__pool_steal(t, pool, m)) {
        return pop_one(t, m);
    }
    lull__pool_ask(t, pool);
    return miss(t, pool, m);
}

void *lull_pool_get_slow(lull_thread *t, lull_pool *pool)
{
    const void *site = __builtin_return_address(0);

    if (lull__refuses_any("lull_pool_get") || !may_use(t)) {
        return NULL;
    }
    lull__pool_see_retired(t);
    struct lull_magazines *m = magazine_of(t, pool);
    lull__pool_open_magazine(t, pool, m);
    if (lull__magazine_count(t, m) != 0) {
        return lull_pool_get(t, pool);
    }
    if (LULL__UNLIKELY(lull__pool_is_making(t, pool))) {
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
static void drop_one(struct lull_pool *pool, struct lull_magazines *m, void *object,
                     lull_pool_drop why)
{
    m->received--;
    lull__pool_come_back(pool, 1);
    lull__pool_count_drops(pool, why, 1);
    lull__outside_bury(pool, &(uintptr_t){(uintptr_t)object}, 1);
}

static void reset(struct lull_pool *pool, void *object)
{
    if (pool->reset != NULL) {
        uint32_t around = lull__callback_begin(LULL__CALLBACK_RESET);
        pool->reset(object, pool->arg);
        lull__callback_end(around);
    }
    if ((pool->flags & LULL_POOL_ZERO) != 0) {
        memset(object, 0, lull__pool_payload_bytes(pool, object));
    }
}

/* What is to be done with an object before it is kept; false: it is not to be. */
static bool prepare(struct lull_pool *pool, void *object)
{
    if (!lull__pool_fits(pool, object)) {
        return false;
    }
    reset(pool, object);
    return !lull__pool_too_large(pool, object);
}

/* .inv.audit.way: no object stays in a magazine. What is none of the pool's is not for it to
 * touch. */
static void put_audited(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m,
                        void *object, const void *site)
{
    if (!lull__audit_receive(t, &pool->audited, object, site)) {
        m->received--;
        lull__pool_come_back(pool, 1);
        lull__pool_count_drops(pool, LULL_POOL_DROP_MISUSE, 1);
    } else if (!prepare(pool, object)) {
        lull__enter(t);
        lull__audit_drop(&pool->audited, object);
        lull__leave(t);
        drop_one(pool, m, object, LULL_POOL_DROP_SIZE);
    } else {
        lull__audit_keep(t, &pool->audited, object);
        lull__pool_put_directly(t, pool, m, object);
    }
}

static void push_one(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, void *object)
{
    size_t count = lull__magazine_count(t, m);
    bool checked = atomic_load_explicit(&pool->checked, memory_order_relaxed);

    if (lull__pool_unit_bytes(pool) == 0 &&
        atomic_load_explicit(&pool->one_bytes, memory_order_relaxed) == 0) {
        atomic_store_explicit(&pool->one_bytes, lull__pool_object_bytes(pool, object),
                              memory_order_relaxed);
    }
    m->object[count] = (uintptr_t)object;
    lull__magazine_set_count(t, m, count + 1);
    m->limit = checked ? 0 : (uint16_t)(lull__magazine_bottom(t, m) + m->room);
}

static void put(lull_thread *t, struct lull_pool *pool, struct lull_magazines *m, void *object)
{
    bool checked = atomic_load_explicit(&pool->checked, memory_order_relaxed);

    LULL_ASSERT_HOT(lull__pool_is_object(pool, object));
    LULL_ASSERT_HOT(!is_kept(t, m, object)); /* put twice */
    if (checked && !prepare(pool, object)) {
        drop_one(pool, m, object, LULL_POOL_DROP_SIZE);
    } else if (lull__magazine_count(t, m) < m->room || lull__pool_make_room(t, pool, m)) {
        push_one(t, pool, m, object);
    } else {
        drop_one(pool, m, object, LULL_POOL_DROP_BUSY);
    }
}

/* A put inside a callback: the object stays the program's, and may be left to the collector. Where
 * the heap may be in pieces nobody is told. */
static LULL__NOINLINE void tell_refused(lull_thread *t, struct lull_pool *pool, void *object,
                                        const void *site)
{
    if (pool->audited.on && lull__callback < LULL__CALLBACK_INSIDE && lull__thread_is_mine(t)) {
        lull__audit_misuse(t, &pool->audited, LULL_POOL_PUT_IN_CALLBACK, object, site);
        lull__audit_leave(t, object);
    }
}

void lull_pool_put_slow(lull_thread *t, lull_pool *pool, void *object)
{
    const void *site = __builtin_return_address(0);

    if (object == NULL) {
        return;
    }
    if (lull__refuses_any("lull_pool_put")) {
        tell_refused(t, pool, object, site);
        return;
    }
    if (!may_use(t)) {
        return;
    }
    lull__pool_see_retired(t);
    struct lull_magazines *m = magazine_of(t, pool);
    lull__pool_open_magazine(t, pool, m);
    if (LULL__UNLIKELY(pool->audited.on)) {
        put_audited(t, pool, m, object, site);
    } else {
        put(t, pool, m, object);
    }
    lull__pool_prune(t, pool);
}
