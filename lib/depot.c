/* depot.c -- the objects of a pool that no thread keeps.
 *
 * `idle` is a stack. Its lowest `low` objects, the least it held since the last aging, were not
 * needed since: that is known to the object, though a cycle touches whole magazines and splits at
 * most one. Bonwick & Adams 2001 count whole magazines. All depots of a heap share the memory of
 * empty ones; a depot keeps those that it emptied until the collector tidies, so that a thread of
 * the program comes to the shared store rarely, and never waits for it.
 *
 * .inv.depot: low <= idle.objects = sum of the counts of its magazines, none of them empty; so for
 *   the victims. */
#include "depot.h"

#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)

/* ---- memory ---- */

void lull__magazines_init(struct lull__magazine_store *store)
{
    memset(store, 0, sizeof *store);
    pthread_mutex_init(&store->lock, NULL);
}

void lull__magazines_finish(struct lull__magazine_store *store)
{
    while (store->chunks != NULL) {
        struct lull__chunk_header *chunk = store->chunks;
        store->chunks = chunk->next;
        lull__os_unmap(chunk, chunk->bytes);
    }
    pthread_mutex_destroy(&store->lock);
}

size_t lull__magazines_bytes(struct lull__magazine_store *store)
{
    pthread_mutex_lock(&store->lock);
    size_t bytes = store->bytes;
    pthread_mutex_unlock(&store->lock);
    return bytes;
}

static bool map_chunk(struct lull__magazine_store *store)
{
    struct lull__chunk_header *chunk = lull__os_map(CHUNK_BYTES);

    if (chunk == NULL) {
        return false;
    }
    chunk->next = store->chunks;
    chunk->bytes = CHUNK_BYTES;
    store->chunks = chunk;
    store->next = (char *)chunk + lull__round_up(sizeof *chunk, LULL__CACHE_LINE);
    store->end = (char *)chunk + CHUNK_BYTES;
    store->bytes += CHUNK_BYTES;
    return true;
}

/* With the lock. */
static struct lull__magazine *store_take(struct lull__magazine_store *store)
{
    struct lull__magazine *magazine = NULL;

    if (store->spare != NULL) {
        magazine = store->spare;
        store->spare = magazine->next;
    } else if ((size_t)(store->end - store->next) >= sizeof *magazine || map_chunk(store)) {
        magazine = (struct lull__magazine *)(void *)store->next;
        store->next += sizeof *magazine;
    }
    return magazine;
}

void lull__magazines_give(struct lull__magazine_store *store, struct lull__magazine *first)
{
    if (first == NULL) {
        return;
    }
    pthread_mutex_lock(&store->lock);
    while (first != NULL) {
        struct lull__magazine *next = first->next;
        first->next = store->spare;
        store->spare = first;
        first = next;
    }
    pthread_mutex_unlock(&store->lock);
}

static struct lull__magazine *take_empty(struct lull__depot *depot)
{
    struct lull__magazine *magazine = depot->spare;

    if (magazine != NULL) {
        depot->spare = magazine->next;
    }
    return magazine;
}

static void give_empty(struct lull__depot *depot, struct lull__magazine *magazine)
{
    magazine->next = depot->spare;
    depot->spare = magazine;
}

static bool lock_store(struct lull__magazine_store *store, bool wait)
{
    return wait ? pthread_mutex_lock(&store->lock) == 0 : pthread_mutex_trylock(&store->lock) == 0;
}

bool lull__depot_reserve(struct lull__depot *depot, size_t n, bool wait)
{
    size_t wanted = (n + LULL__DEPOT_SLOTS - 1) / LULL__DEPOT_SLOTS;
    size_t have = 0;

    for (const struct lull__magazine *m = depot->spare; m != NULL && have < wanted; m = m->next) {
        have++;
    }
    if (have == wanted) {
        return true;
    }
    if (!lock_store(depot->store, wait)) {
        return false;
    }
    for (; have < wanted; have++) {
        struct lull__magazine *magazine = store_take(depot->store);
        if (magazine == NULL) {
            break;
        }
        give_empty(depot, magazine);
    }
    pthread_mutex_unlock(&depot->store->lock);
    return true;
}

void lull__depot_tidy(struct lull__depot *depot)
{
    if (depot->spare != NULL) {
        lull__magazines_give(depot->store, depot->spare->next);
        depot->spare->next = NULL;
    }
}

/* ---- stacks ---- */

static size_t objects_in(const struct lull__stack *stack)
{
    return atomic_load_explicit(&stack->objects, memory_order_relaxed);
}

static void set_objects(struct lull__stack *stack, size_t objects)
{
    atomic_store_explicit(&stack->objects, objects, memory_order_relaxed);
}

/* A magazine with room at the top; NULL: no spare one. */
static struct lull__magazine *open_top(struct lull__depot *depot, struct lull__stack *stack)
{
    struct lull__magazine *top = stack->top;

    if (top != NULL && top->count < LULL__DEPOT_SLOTS) {
        return top;
    }
    top = take_empty(depot);
    if (top != NULL) {
        top->count = 0;
        top->next = stack->top;
        stack->top = top;
    }
    return top;
}

static size_t pop(struct lull__depot *depot, struct lull__stack *stack, uintptr_t *object, size_t n)
{
    size_t taken = lull__min(n, objects_in(stack));

    for (size_t left = taken; left > 0;) {
        struct lull__magazine *top = stack->top;
        size_t step = lull__min(left, top->count);
        left -= step;
        top->count -= step;
        memcpy(object + left, top->object + top->count, step * sizeof *object);
        if (top->count == 0) {
            stack->top = top->next;
            give_empty(depot, top);
        }
    }
    set_objects(stack, objects_in(stack) - taken);
    return taken;
}

/* Splits a magazine: its upper n objects come into one of their own above it, which is returned;
 * NULL: no spare one. */
static struct lull__magazine *split(struct lull__depot *depot, struct lull__magazine *magazine,
                                    size_t n)
{
    struct lull__magazine *above = take_empty(depot);

    if (above != NULL) {
        magazine->count -= n;
        memcpy(above->object, magazine->object + magazine->count, n * sizeof *above->object);
        above->count = n;
        above->next = magazine;
    }
    return above;
}

/* Cuts a stack below its topmost n objects and returns what is below. Where the cut goes through a
 * magazine that cannot be split for want of a spare one, it is made beneath. */
static struct lull__chain cut(struct lull__depot *depot, struct lull__stack *stack, size_t n)
{
    struct lull__magazine **link = &stack->top;
    size_t objects = objects_in(stack);
    size_t left = n;

    while (*link != NULL && left >= (*link)->count) {
        left -= (*link)->count;
        link = &(*link)->next;
    }
    if (*link != NULL && left > 0) {
        struct lull__magazine *above = split(depot, *link, left);
        if (above != NULL) {
            *link = above;
        } else {
            n += (*link)->count - left;
        }
        link = &(*link)->next;
    }
    struct lull__chain below = {*link, objects - n};
    *link = NULL;
    set_objects(stack, n);
    return below;
}

void lull__chain_append(struct lull__chain *to, struct lull__chain *from)
{
    struct lull__magazine **link = &to->top;

    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = from->top;
    to->objects += from->objects;
    *from = (struct lull__chain){NULL, 0};
}

/* ---- depots ---- */

void lull__depot_init(struct lull__depot *depot, struct lull__magazine_store *store)
{
    memset(depot, 0, sizeof *depot);
    depot->store = store;
}

void lull__depot_finish(struct lull__depot *depot)
{
    lull__magazines_give(depot->store, depot->idle.top);
    lull__magazines_give(depot->store, depot->victims.top);
    lull__magazines_give(depot->store, depot->spare);
    lull__depot_init(depot, depot->store);
}

size_t lull__depot_objects(const struct lull__depot *depot)
{
    return objects_in(&depot->idle) + objects_in(&depot->victims);
}

size_t lull__depot_push(struct lull__depot *depot, const uintptr_t *object, size_t n)
{
    struct lull__stack *stack = &depot->idle;
    struct lull__magazine *top = NULL;
    size_t done = 0;

    while (done < n && (top = open_top(depot, stack)) != NULL) {
        size_t step = lull__min(n - done, LULL__DEPOT_SLOTS - top->count);
        memcpy(top->object + top->count, object + done, step * sizeof *object);
        top->count += step;
        done += step;
    }
    set_objects(stack, objects_in(stack) + done);
    return done;
}

size_t lull__depot_pop(struct lull__depot *depot, uintptr_t *object, size_t n, bool *victims)
{
    size_t taken = pop(depot, &depot->idle, object, n);

    depot->low = lull__min(depot->low, objects_in(&depot->idle));
    if (taken != 0) {
        *victims = false;
        return taken;
    }
    taken = pop(depot, &depot->victims, object, n);
    *victims = taken != 0;
    return taken;
}

struct lull__chain lull__depot_shed(struct lull__depot *depot, size_t n)
{
    size_t victims = objects_in(&depot->victims);
    struct lull__chain shed = {NULL, 0};

    if (victims != 0) {
        shed = cut(depot, &depot->victims, victims - lull__min(n, victims));
    }
    if (n > victims) {
        size_t idle = objects_in(&depot->idle);
        struct lull__chain lowest = cut(depot, &depot->idle, idle - lull__min(n - victims, idle));
        depot->low -= lull__min(depot->low, lowest.objects);
        lull__chain_append(&shed, &lowest);
    }
    return shed;
}

void lull__depot_age(struct lull__depot *depot)
{
    struct lull__chain aged = cut(depot, &depot->idle, objects_in(&depot->idle) - depot->low);
    struct lull__chain before = {depot->victims.top, objects_in(&depot->victims)};

    lull__chain_append(&aged, &before);
    depot->victims.top = aged.top;
    set_objects(&depot->victims, aged.objects);
    depot->low = objects_in(&depot->idle);
}
