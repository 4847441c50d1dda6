/* audit.c -- object pools under audit: what goes in and out.
 *
 * Each object that an audited pool has to do with has a custody (custody.h) from its first get or
 * put until it is found dead. A put turns OUT into RESET under the lock: of two threads that put
 * one object at once, one is told. Places in the program are found before the lock is taken, and
 * outside the library, as the C library may take locks and memory for that (.inv.malloc). */
#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "audit_report.h"
#include "custody.h"
#include "poison.h"
#include "thread.h"
#include "walk.h"

void lull__audit_init(lull_heap *heap)
{
    lull__ledger_init(&heap->audit.ledger);
}

void lull__audit_finish(lull_heap *heap)
{
    struct lull__audit *audit = &heap->audit;

    LULL__FOR_EACH_CUSTODY(audit, custody) {
        lull__custody_spend(audit, custody);
    }
    lull__audit_tell(heap);
    lull__custody_finish(audit);
    lull__ledger_finish(&audit->ledger);
}

void lull__audit_open(struct lull__audited *pool)
{
    const void *caller[2];

    lull__os_callers(__builtin_return_address(0), caller, 2); /* what the first time loads */
    pool->on = true;
    /* relaxed: see lull__audit_is_on */
    atomic_fetch_add_explicit(&pool->heap->audit.pools, 1, memory_order_relaxed);
}

static void lock(lull_thread *t)
{
    lull__enter(t);
    pthread_mutex_lock(&t->heap->audit.ledger.lock);
}

static void unlock(lull_thread *t)
{
    pthread_mutex_unlock(&t->heap->audit.ledger.lock);
    lull__leave(t);
}

/* ---- objects ---- */

/* As marking finds it: its first byte; outside the heap as it is. */
static char *base_of(const struct lull__audited *pool, const void *object)
{
    return pool->outside ? (char *)(uintptr_t)object
                         : (char *)lull__address(pool->heap, (uintptr_t)object);
}

/* How many bytes of an object can be poisoned; 0: none. custody: NULL where it has none. */
static size_t bytes_of(const struct lull__audited *pool, const struct lull__custody *custody,
                       const char *object, const struct lull__layout **layout)
{
    size_t bytes;

    *layout = NULL;
    if (pool->outside) {
        return custody != NULL ? custody->bytes : 0;
    }
    *layout = lull__walk_layout(pool->heap, object, &bytes);
    bool marked = *layout != NULL && (*layout)->kind != LULL__KIND_WEAK &&
                  (*layout)->kind != LULL__KIND_EPHEMERON;
    return marked ? bytes : 0;
}

/* The custody of an object, made where there is none. Under the lock. */
static struct lull__custody *take(struct lull__audited *pool, char *object)
{
    struct lull__custody *custody = lull__custody_take(&pool->heap->audit, object);

    if (custody != NULL) {
        custody->pool = pool;
    }
    return custody;
}

/* ---- put ---- */

/* The custody of an object outside the heap that `object` points into; NULL: none. */
static struct lull__custody *outside_around(struct lull__audit *audit, const char *object)
{
    LULL__FOR_EACH_CUSTODY(audit, custody) {
        if (custody->pool != NULL && custody->pool->outside &&
            (size_t)(object - custody->object) < custody->bytes) {
            return custody;
        }
    }
    return NULL;
}

/* Whether the audit can say that this object is none of the pool's; and why. Under the lock. */
static bool is_foreign(struct lull__audited *pool, char *object,
                       const struct lull__custody *custody, struct lull__finding *finding)
{
    struct lull__slot slot = lull__resolve(pool->heap, (uintptr_t)object);
    bool here = slot.state != NULL && lull__state_load(slot.state) != LULL__FREE;
    const struct lull__custody *around =
        here || custody != NULL ? NULL : outside_around(&pool->heap->audit, object);
    const char *base = around != NULL ? around->object : here ? slot.base : object;

    lull__finding_begin(finding, LULL_POOL_FOREIGN_PUT, pool, custody, object);
    if (base != object) {
        finding->report.offset = (size_t)(object - base);
        lull__finding_add(finding, "it points %zu bytes into the object %p",
                          (size_t)(object - base), (const void *)base);
    } else if (custody != NULL && custody->pool != pool) {
        lull__finding_add(finding, "it is of pool \"%.64s\"", custody->pool->name);
    } else if (here && pool->outside) {
        lull__finding_add(finding, "it is of the heap, and the pool's objects are not");
    } else if (!here && !pool->outside) {
        lull__finding_add(finding, "there is no object of this heap");
    } else if (here && pool->type != NULL && lull__walk_type(pool->heap, base) != NULL &&
               lull__walk_type(pool->heap, base) != pool->type) {
        lull__finding_add(finding, "the pool's objects are of type %.64s", pool->type->name);
    } else if (here && pool->type != NULL && /* of a leaf no more is known */
               lull__slot_bytes(pool->heap, &slot) < pool->type->size) {
        lull__finding_add(finding, "it is of %zu bytes, and type %.64s of %zu",
                          lull__slot_bytes(pool->heap, &slot), pool->type->name, pool->type->size);
    } else {
        return false;
    }
    return true;
}

/* The misuse that a put is, if any; otherwise the object is noted as put. Under the lock. */
static bool receive(lull_thread *t, struct lull__audited *pool, char *object,
                    const void *const *caller, struct lull__finding *finding)
{
    struct lull__audit *audit = &pool->heap->audit;
    struct lull__custody *custody = lull__custody_find(audit, object);

    if (custody != NULL && custody->pool == NULL) { /* its pool is no more */
        lull__custody_forget(audit, custody);
        custody = NULL;
    }
    if (custody != NULL && custody->where != LULL__OUT) {
        lull__finding_begin(finding, LULL_POOL_DOUBLE_PUT, pool, custody, object);
        if (custody->pool != pool) {
            lull__finding_add(finding, "it lies in pool \"%.64s\"", custody->pool->name);
        }
        return false;
    }
    if (is_foreign(pool, object, custody, finding)) {
        return false;
    }
    custody = take(pool, object);
    if (custody != NULL) { /* else the audit does not know it */
        custody->where = LULL__RESET;
        custody->putter = t->number;
        custody->settled = 0;
        custody->told_held = custody->told_written = false;
        memcpy(custody->put_at, caller, sizeof custody->put_at);
    }
    return true;
}

bool lull__audit_receive(lull_thread *t, struct lull__audited *pool, void *object, const void *site)
{
    struct lull__finding finding;
    const void *caller[LULL_POOL_CALLERS];

    lull__os_callers(site, caller, LULL_POOL_CALLERS);
    lock(t);
    bool good = receive(t, pool, base_of(pool, object), caller, &finding);
    unlock(t);
    if (!good) {
        memcpy(finding.report.again_at, caller, sizeof caller);
        lull__finding_tell(t, &finding);
    }
    return good;
}

/* The first byte that a reset left; `bytes`: none. */
static size_t first_stale(const char *object, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && object[i] == 0) {
        i++;
    }
    return i;
}

/* Under the lock, with an image that becomes the custody's. Whether the object is clean, or need
 * not be. */
static bool keep(struct lull__audited *pool, char *object, char **image,
                 struct lull__finding *finding)
{
    const struct lull__layout *layout;
    struct lull__custody *custody = lull__custody_find(&pool->heap->audit, object);
    size_t bytes = bytes_of(pool, custody, object, &layout);
    size_t stale = pool->clean ? first_stale(object, bytes) : bytes;

    if (stale != bytes) {
        lull__finding_begin(finding, LULL_POOL_STALE_DATA, pool, custody, object);
        lull__finding_add_bytes(finding, object, stale, bytes, 0);
    }
    if (custody != NULL && *image != NULL) {
        lull__poison_in(pool->heap, layout, object, *image, bytes);
        custody->image = *image;
        custody->bytes = bytes;
        *image = NULL;
    }
    if (custody != NULL) {
        custody->where = LULL__IDLE;
    }
    return stale == bytes;
}

void lull__audit_keep(lull_thread *t, struct lull__audited *pool, void *object)
{
    char *base = base_of(pool, object);
    const struct lull__layout *layout;
    struct lull__finding finding;

    lock(t);
    size_t bytes = bytes_of(pool, lull__custody_find(&pool->heap->audit, base), base, &layout);
    unlock(t);
    char *image = bytes != 0 ? malloc(lull__max(bytes, sizeof(void *))) : NULL;
    lock(t);
    bool good = keep(pool, base, &image, &finding);
    unlock(t);
    free(image);
    if (!good) {
        lull__finding_tell(t, &finding);
    }
}

/* ---- get, and other ways out ---- */

bool lull__audit_is_whole(struct lull__custody *custody, struct lull__finding *finding)
{
    const struct lull__layout *layout;
    uint8_t was;

    if (custody->image == NULL || custody->told_written) {
        return true;
    }
    bytes_of(custody->pool, custody, custody->object, &layout);
    size_t offset = lull__poison_broken(custody->pool->heap, layout, custody->object,
                                        custody->image, custody->bytes, &was);
    if (offset == custody->bytes) {
        return true;
    }
    lull__finding_begin(finding, LULL_POOL_WRITE_AFTER_PUT, custody->pool, custody,
                        custody->object);
    lull__finding_add_bytes(finding, custody->object, offset, custody->bytes, was);
    custody->told_written = true;
    return false;
}

/* An idle object is again as it was put. Under the lock. */
static void restore(struct lull__custody *custody)
{
    const struct lull__layout *layout;

    if (custody->image != NULL) {
        bytes_of(custody->pool, custody, custody->object, &layout);
        lull__poison_out(custody->pool->heap, layout, custody->object, custody->image,
                         custody->bytes);
        lull__custody_spend(&custody->pool->heap->audit, custody);
    }
}

void lull__audit_give(lull_thread *t, struct lull__audited *pool, void *object, size_t bytes,
                      const void *site)
{
    struct lull__audit *audit = &pool->heap->audit;
    const void *caller[LULL_POOL_CALLERS];
    struct lull__finding finding;
    bool whole = true;

    lull__os_callers(site, caller, LULL_POOL_CALLERS);
    lock(t);
    struct lull__custody *custody = lull__custody_find(audit, base_of(pool, object));
    if (custody != NULL) {
        whole = lull__audit_is_whole(custody, &finding);
        restore(custody);
    }
    custody = take(pool, base_of(pool, object));
    if (custody != NULL) {
        custody->where = LULL__OUT;
        custody->bytes = bytes;
        custody->excused = false;
        memcpy(custody->taken_at, caller, sizeof caller);
        memset(custody->put_at, 0, sizeof custody->put_at);
    }
    unlock(t);
    if (!whole) {
        memcpy(finding.report.again_at, caller, sizeof caller);
        lull__finding_tell(t, &finding);
    }
    lull__audit_tell(pool->heap);
}

/* Whether its custody stays. Under the lock. */
static bool drop(struct lull__custody *custody)
{
    struct lull__finding finding;

    if (!lull__audit_is_whole(custody, &finding)) {
        lull__finding_keep(custody->pool->heap, &finding);
    }
    restore(custody);
    if (custody->pool->outside) {
        lull__custody_forget(&custody->pool->heap->audit, custody); /* it may be freed */
        return false;
    }
    custody->where = LULL__DROPPED;
    return true;
}

void lull__audit_drop(struct lull__audited *pool, void *object)
{
    struct lull__audit *audit = &pool->heap->audit;

    pthread_mutex_lock(&audit->ledger.lock);
    struct lull__custody *custody = lull__custody_find(audit, base_of(pool, object));
    if (custody != NULL && custody->pool == pool && custody->where != LULL__OUT) {
        drop(custody);
    }
    pthread_mutex_unlock(&audit->ledger.lock);
}

void lull__audit_close(struct lull__audited *pool)
{
    struct lull__audit *audit = &pool->heap->audit;
    lull_thread *entered = lull__enter_any(pool->heap);

    pthread_mutex_lock(&audit->ledger.lock);
    LULL__FOR_EACH_CUSTODY(audit, custody) {
        if (custody->pool != pool) {
            continue;
        }
        if (custody->where == LULL__OUT) {
            lull__custody_forget(audit, custody);
        } else if (drop(custody)) {
            custody->pool = NULL; /* what it holds dies with it, and was not forgotten */
        }
    }
    pthread_mutex_unlock(&audit->ledger.lock);
    lull__leave_any(entered);
    lull__audit_tell(pool->heap);
}

/* ---- the rest ---- */

void lull__audit_leave(lull_thread *t, void *object)
{
    if (!lull__audit_is_on(t->heap)) {
        return;
    }
    lock(t);
    struct lull__custody *custody = lull__custody_find(&t->heap->audit, object);
    if (custody != NULL && custody->where == LULL__OUT) {
        lull__custody_forget(&t->heap->audit, custody);
    }
    unlock(t);
}

void lull__audit_refuse(lull_thread *t, void *object, const void *site)
{
    struct lull__finding finding;
    bool known = false;

    if (!lull__audit_is_on(t->heap)) {
        return;
    }
    lock(t);
    const struct lull__custody *custody = lull__custody_find(&t->heap->audit, object);
    if (custody != NULL && custody->pool != NULL) {
        bool out = custody->where == LULL__OUT;
        known = true;
        lull__finding_begin(&finding, out ? LULL_POOL_FOREIGN_PUT : LULL_POOL_DOUBLE_PUT,
                            custody->pool, custody, object);
        if (out) {
            lull__finding_add(&finding, "it was put into another pool");
        }
    }
    unlock(t);
    if (known) {
        lull__os_callers(site, finding.report.again_at, LULL_POOL_CALLERS);
        lull__finding_tell(t, &finding);
    }
}

void lull__audit_misuse(lull_thread *t, const struct lull__audited *pool, lull_pool_misuse misuse,
                        const void *object, const void *site)
{
    struct lull__finding finding;

    lull__finding_begin(&finding, misuse, pool, NULL, object);
    lull__os_callers(site, finding.report.again_at, LULL_POOL_CALLERS);
    lull__finding_tell(t, &finding);
}

void lull__audit_fork_child(lull_heap *heap, bool lost)
{
    pthread_mutex_init(&heap->audit.ledger.lock, NULL);
    LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
        custody->excused |= lost; /* what the lost threads held dies now */
    }
}
