/* pool_object.c -- the objects of a pool: how large they are, and how one is made. */
#include "callback.h"
#include "error.h"
#include "outside.h"
#include "pool.h"
#include "thread.h"

/* ---- sizes ---- */

static size_t ask_size(const struct lull_pool *pool, const void *object)
{
    uint32_t around = lull__callback_begin(LULL__CALLBACK_SIZE);
    size_t bytes = pool->size(object, pool->arg);

    lull__callback_end(around);
    return bytes;
}

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
    return pool->size != NULL && !pool->audited.on ? ask_size(pool, object)
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

bool lull__pool_is_sized(const struct lull_pool *pool)
{
    return pool->make == NULL &&
           atomic_load_explicit(&pool->object_bytes, memory_order_relaxed) != 0;
}

bool lull__pool_fits(const struct lull_pool *pool, const void *object)
{
    if (!lull__pool_is_sized(pool)) {
        return true;
    }
    size_t wanted = atomic_load_explicit(&pool->object_bytes, memory_order_relaxed);
    size_t bytes = lull__pool_own_bytes(pool, object);
    /* in the heap an object has what its size class gives, up to a quarter more */
    return pool->outside ? bytes == wanted
                         : bytes >= wanted && bytes <= wanted + wanted / 4 + LULL__CACHE_LINE;
}

size_t lull__pool_payload_bytes(const struct lull_pool *pool, const void *object)
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

bool lull__pool_too_large(const struct lull_pool *pool, const void *object)
{
    size_t most = atomic_load_explicit(&pool->bounds.max_object_bytes, memory_order_relaxed);

    return most != SIZE_MAX && (pool->size != NULL ? ask_size(pool, object)
                                                   : lull__pool_own_bytes(pool, object)) > most;
}

bool lull__pool_is_object(const struct lull_pool *pool, const void *object)
{
    uintptr_t address = lull__address(pool->heap, (uintptr_t)object);
    struct lull__slot slot = lull__resolve(pool->heap, address);

    return pool->outside || (slot.state != NULL && (uintptr_t)slot.base == address &&
                             lull__state_load(slot.state) != LULL__FREE);
}

/* ---- making ---- */

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
    LULL_ASSERT_HOT(object == NULL || lull__pool_is_object(pool, object));
    if (object != NULL) {
        note_made(t, pool, object);
    }
    return object;
}
