/* ephemeron.c -- ephemerons (Hayes 1997) in time linear in their number.
 *
 * Markers do not follow an ephemeron; they collect those they mark. Between drains each is looked
 * at: where its key is reached, its value is marked. Where not, the ephemeron waits in a table by
 * key, and the state byte of the key's slot becomes KEY. A marker that reaches a slot in state
 * KEY, which its usual test of "is it white" tells from white for nothing, marks the values that
 * waited for it. So no ephemeron is looked at more than twice, however they chain.
 *
 * .inv.key: while marking, a slot has state KEY iff some ephemeron waits for it in the table; when
 * marking ends KEY is turned back to white, for sweeping. Where memory is scarce threads blacken
 * keys at any time (grey.c): such a key is black, not KEY again, and lull__ephemeron_recover finds
 * who waits for it.
 * .inv.once: an ephemeron waits at most once; `chain` is NULL where it does not. It may be found
 * again while it waits: a thread that blackens it for want of memory may have seen it white before
 * a marker did. */
#include "ephemeron.h"

#include "callback.h"
#include "delay.h"
#include "thread.h"
#include "weak.h"

#define CHAIN_END ((struct lull_ephemeron *)(void *)1) /* last of a bucket: not NULL; .inv.once */

static bool is_end(const struct lull_ephemeron *e)
{
    return e == NULL || e == CHAIN_END; /* NULL: the bucket is empty */
}

void lull__ephemeron_init(lull_heap *heap)
{
    struct lull__ephemerons *all = &heap->ephemerons;

    pthread_mutex_init(&all->lock, NULL);
    all->bucket = all->first;
    all->capacity = LULL__EPHEMERON_BUCKETS;
}

/* Back to the buckets that are always there. */
static void reset_table(struct lull__ephemerons *all)
{
    if (all->bucket != all->first) {
        lull__os_unmap(all->bucket, all->capacity * sizeof *all->bucket);
    }
    all->bucket = all->first;
    all->capacity = LULL__EPHEMERON_BUCKETS;
}

void lull__ephemeron_finish(lull_heap *heap)
{
    reset_table(&heap->ephemerons);
    pthread_mutex_destroy(&heap->ephemerons.lock);
}

static struct lull_ephemeron **bucket_of(struct lull__ephemerons *all, const uint8_t *state)
{
    uint64_t hash = (uint64_t)(uintptr_t)state * UINT64_C(0x9e3779b97f4a7c15);

    return &all->bucket[(hash >> 32) & (all->capacity - 1)];
}

/* relaxed: written when it is made, shaded then, and by the collector itself */
static uintptr_t key_of(const struct lull_ephemeron *e)
{
    return __atomic_load_n(&e->key, __ATOMIC_RELAXED);
}

/* acquire: pairs with the release in lull_store; a value that comes later is shaded by its store */
static uintptr_t value_of(const struct lull_ephemeron *e)
{
    return (uintptr_t)__atomic_load_n(&e->value, __ATOMIC_ACQUIRE);
}

static struct lull__slot key_slot(const lull_heap *heap, const struct lull_ephemeron *e)
{
    return lull__resolve(heap, lull__address(heap, key_of(e)));
}

static void push(struct lull__ephemerons *all, struct lull_ephemeron *e, const uint8_t *state)
{
    struct lull_ephemeron **bucket = bucket_of(all, state);

    e->chain = *bucket != NULL ? *bucket : CHAIN_END;
    *bucket = e;
}

/* Takes the ephemeron that a link leads to out of its bucket. */
static struct lull_ephemeron *unlink_from(struct lull__ephemerons *all,
                                          struct lull_ephemeron **link)
{
    struct lull_ephemeron *e = *link;

    *link = e->chain;
    e->chain = NULL;
    all->waiting--;
    return e;
}

/* As many buckets as ephemerons wait, or more, where memory can be had; fewer only cost time. */
static void grow_table(lull_heap *heap)
{
    struct lull__ephemerons *all = &heap->ephemerons;
    struct lull__ephemerons old = {.bucket = all->bucket, .capacity = all->capacity};
    size_t capacity = lull__max(all->capacity * 4, LULL__OS_PAGE / sizeof *all->bucket);
    struct lull_ephemeron **bucket = lull__os_map(capacity * sizeof *bucket);

    if (bucket == NULL) {
        return;
    }
    all->bucket = bucket;
    all->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        while (!is_end(old.bucket[i])) {
            struct lull_ephemeron *e = old.bucket[i];
            old.bucket[i] = e->chain;
            push(all, e, key_slot(heap, e).state);
        }
    }
    if (old.bucket != all->first) {
        lull__os_unmap(old.bucket, old.capacity * sizeof *bucket);
    }
}

void lull__ephemeron_key_reached(struct lull__marker *m, uint8_t *state)
{
    struct lull__ephemerons *all = &m->heap->ephemerons;

    pthread_mutex_lock(&all->lock);
    struct lull_ephemeron **link = bucket_of(all, state);
    while (!is_end(*link)) {
        if (key_slot(m->heap, *link).state == state) {
            lull__mark_word(m, value_of(unlink_from(all, link)));
        } else {
            link = &(*link)->chain;
        }
    }
    pthread_mutex_unlock(&all->lock);
}

void lull__ephemeron_recover(struct lull__marker *m)
{
    struct lull__ephemerons *all = &m->heap->ephemerons;

    for (size_t i = 0; i < all->capacity; i++) {
        struct lull_ephemeron **link = &all->bucket[i];
        while (!is_end(*link)) {
            struct lull__slot key = key_slot(m->heap, *link);
            if (lull__mark_reached(m, &key)) {
                lull__mark_word(m, value_of(unlink_from(all, link)));
            } else {
                link = &(*link)->chain;
            }
        }
    }
}

/* Whether somebody waits for the key in a slot from now on. Not where a thread has blackened it
 * meanwhile, for want of memory: to write KEY over that would lose the key. */
static bool await_key(struct lull__marker *m, uint8_t *state)
{
    uint8_t found = m->white;

    lull__delay(m->heap, LULL__DELAY_EPHEMERON_WAIT);
    /* relaxed: only the byte itself is in question */
    return __atomic_compare_exchange_n(state, &found, LULL__KEY, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED) ||
           found == LULL__KEY;
}

/* One found ephemeron: marks its value, or has it wait. A key that is no object never dies. */
static void look_at(struct lull__marker *m, struct lull_ephemeron *e)
{
    struct lull__ephemerons *all = &m->heap->ephemerons;
    struct lull__slot key = key_slot(m->heap, e);

    if (key_of(e) == 0 || e->chain != NULL) { /* .inv.once */
        return;
    }
    if (lull__mark_missed(m, &key) && await_key(m, key.state)) {
        push(all, e, key.state);
        if (++all->waiting > all->capacity) {
            grow_table(m->heap);
        }
    } else {
        lull__mark_word(m, value_of(e));
    }
}

void lull__ephemeron_shaded(lull_heap *heap, void *object)
{
    struct lull_ephemeron *e = object;
    struct lull_ephemeron *none = NULL;

    pthread_mutex_lock(&heap->ephemerons.lock);
    struct lull_ephemeron *all = heap->markers.assisted_found;
    /* relaxed: the lists are read after a drain, which synchronises, and under the lock */
    if (atomic_compare_exchange_strong_explicit(&e->found, &none,
                                                all != NULL ? all : LULL__FOUND_END,
                                                memory_order_relaxed, memory_order_relaxed)) {
        heap->markers.assisted_found = e;
    }
    pthread_mutex_unlock(&heap->ephemerons.lock);
}

void lull__ephemeron_merge(lull_heap *heap, struct lull__marker *m)
{
    struct lull_ephemeron *e = m->found;

    m->found = LULL__FOUND_END;
    if (e == NULL || e == LULL__FOUND_END) {
        return;
    }
    pthread_mutex_lock(&heap->ephemerons.lock);
    while (e != LULL__FOUND_END) {
        struct lull_ephemeron *next = atomic_load_explicit(&e->found, memory_order_relaxed);
        struct lull_ephemeron *all = heap->markers.assisted_found;
        atomic_store_explicit(&e->found, all != NULL ? all : LULL__FOUND_END, memory_order_relaxed);
        heap->markers.assisted_found = e;
        e = next;
    }
    pthread_mutex_unlock(&heap->ephemerons.lock);
}

static bool look_at_list(struct lull__marker *m, struct lull_ephemeron *e)
{
    bool any = false;

    while (e != NULL && e != LULL__FOUND_END) {
        struct lull_ephemeron *next = atomic_load_explicit(&e->found, memory_order_relaxed);
        atomic_store_explicit(&e->found, NULL, memory_order_relaxed);
        look_at(m, e);
        e = next;
        any = true;
    }
    return any;
}

/* Looks at all found since the last time; whether there were any. */
static bool look_at_found(struct lull__marker *m, struct lull__marker_pool *pool)
{
    lull_heap *heap = m->heap;

    pthread_mutex_lock(&heap->ephemerons.lock);
    struct lull_ephemeron *assisted = pool->assisted_found;
    pool->assisted_found = NULL;
    pthread_mutex_unlock(&heap->ephemerons.lock);
    bool any = look_at_list(m, assisted);
    for (uint32_t i = 0; i <= pool->started; i++) {
        struct lull_ephemeron *found = pool->marker[i].found;
        pool->marker[i].found = LULL__FOUND_END;
        any |= look_at_list(m, found);
    }
    return any;
}

void lull__ephemeron_drain(lull_heap *heap, struct lull__marker *m, uint32_t markers)
{
    if (atomic_load_explicit(&heap->ephemerons.made, memory_order_relaxed) == 0) {
        return;
    }
    while (look_at_found(m, &heap->markers)) {
        lull__mark_drain(heap, markers);
    }
}

size_t lull__ephemeron_clear(lull_heap *heap, struct lull__marker *m)
{
    struct lull__ephemerons *all = &heap->ephemerons;
    size_t cleared = 0;

    for (size_t i = 0; i < all->capacity && all->waiting != 0; i++) {
        while (!is_end(all->bucket[i])) {
            struct lull_ephemeron *e = unlink_from(all, &all->bucket[i]);
            lull__state_store(key_slot(heap, e).state, m->white); /* .inv.key */
            __atomic_store_n(&e->key, 0, __ATOMIC_RELAXED);       /* threads may be reading it */
            __atomic_store_n(&e->value, NULL, __ATOMIC_RELAXED);
            cleared++;
        }
    }
    reset_table(all);
    return cleared;
}

/* ---- the interface ---- */

void *lull_ephemeron_key(lull_thread *t, lull_ephemeron *ephemeron)
{
    return !lull__refuses_any("lull_ephemeron_key")
               ? (void *)lull__weak_read(t, &ephemeron->key)
               : NULL;
}

void *lull_ephemeron_value(lull_thread *t, lull_ephemeron *ephemeron)
{
    uintptr_t value = 0;

    if (lull__refuses_any("lull_ephemeron_value")) {
        return NULL;
    }
    /* inside the library until the value is read: this thread need not hold the key, and handshakes
     * in between could make both die */
    lull__enter(t);
    /* the key first: where it is dead, or about to be, the value is nobody's business */
    if (lull__weak_read(t, &ephemeron->key) != 0) {
        lull__delay(t->heap, LULL__DELAY_EPHEMERON_KEY);
        value = lull__weak_shade(t, value_of(ephemeron));
    }
    lull__leave(t);
    return (void *)value;
}

void lull_ephemeron_set(lull_thread *t, lull_ephemeron *ephemeron, void *value)
{
    if (!lull__refuses_any("lull_ephemeron_set") && lull__weak_read(t, &ephemeron->key) != 0) {
        lull_store(t, &ephemeron->value, value);
    }
}
