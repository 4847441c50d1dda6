/* concurrent.h -- what the suites of mode concurrent share: a heap that collects beside its
 * threads, a table of roots common to all, objects that know themselves, and actors that do to
 * them, in random order, everything a program may do. Included by one file a program.
 *
 * A node's check word tells whether it is whole: one that was swept holds scribbles, one that was
 * handed out again another node's. Wherever an actor meets a node it looks a few children deep. */
#ifndef LULL_TESTS_CONCURRENT_H
#define LULL_TESTS_CONCURRENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <lull/inline.h>

#include "heap.h"
#include "random.h"
#include "support.h"

struct node {
    struct node *child[3];
    uint64_t check;
};

#define CHECK UINT64_C(0xfeedfacecafebeef)
#define TABLE 64
#define THREADS_MOST 64

static struct world {
    lull_heap *heap;
    const lull_type *node;
    lull_pool *pool;
    struct node *table[TABLE]; /* registered */
    lull_stack_kind kind;      /* of the actors; -1: by turns */
    size_t turns;              /* of each actor */
    uint64_t seed;
    uint64_t tag;              /* added to the words of the heap */
    unsigned without;          /* enum deed, as bits: what actors shall not do */
} world;

/* Options for a heap whose cycles follow each other closely, each of them checked. */
static inline lull_options concurrent_options(size_t heap_min)
{
    lull_options options = support_options();

    options.mode = support_mode_beside();
    options.gc_percent = 100;
    options.heap_min = heap_min;
    options.markers = 2;
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    return options;
}

static inline void begin_world(const lull_options *options)
{
    memset(&world, 0, sizeof world);
    world.heap = support_heap(options);
    world.tag = options->tag_value;
    world.node = LULL_RECORD(world.heap, struct node, child[0], child[1], child[2]);
    ck_assert_ptr_nonnull(world.node);
    lull_pool_options pool = {.struct_size = sizeof pool, .name = "nodes", .type = world.node};
    world.pool = lull_pool_create(world.heap, &pool);
    ck_assert_ptr_nonnull(world.pool);
    ck_assert_int_eq(lull_roots_add(world.heap, world.table, sizeof world.table), LULL_OK);
}

static inline void end_world(void)
{
    ck_assert_int_eq(lull_heap_destroy(world.heap), LULL_OK);
}

/* Words of the heap may be tagged; the program uses plain addresses. */
static inline struct node *plain(struct node *word)
{
    return (struct node *)((uintptr_t)word & ~(uintptr_t)world.tag);
}

static inline struct node *tagged(struct node *node)
{
    return node != NULL ? (struct node *)((uintptr_t)node | world.tag) : NULL;
}

static inline struct node *load(struct node *const *slot)
{
    return plain(__atomic_load_n(slot, __ATOMIC_ACQUIRE));
}

static inline void check_node(struct node *node, unsigned depth, const char *where)
{
    if (node == NULL) {
        return;
    }
    ensure(node->check == (CHECK ^ (uintptr_t)node), "%s: %p holds 0x%lx; seed %lu", where,
           (void *)node, (unsigned long)node->check, (unsigned long)world.seed);
    for (unsigned i = 0; depth != 0 && i < 3; i++) {
        check_node(load(&node->child[i]), depth - 1, where);
    }
}

/* ---- actors ---- */

/* What an actor's roots are for. */
enum {
    NODES = 8,
    THINGS = 4,
    AT_WEAK = NODES,                 /* weak references */
    AT_TARGET = AT_WEAK + THINGS,    /* their targets, or NULL where those may die */
    AT_EPHEMERON = AT_TARGET + THINGS,
    AT_KEY = AT_EPHEMERON + THINGS,  /* their keys, likewise */
    AT_POOLED = AT_KEY + THINGS,     /* out of the pool */
    AT_LARGE = AT_POOLED + THINGS,
    ROOTS = AT_LARGE + 1
};

#define LARGE_WORDS 6000

struct actor {
    lull_thread *t;
    struct random random;
    void **root; /* ROOTS: a frame's, or on the stack */
    lull_handle *handle[THINGS];
};

static inline size_t below(struct actor *a, size_t n)
{
    return (size_t)random_below(&a->random, n);
}

static inline struct node **any_slot(struct actor *a)
{
    return &world.table[below(a, TABLE)];
}

static inline struct node *any_node(struct actor *a)
{
    return a->root[below(a, NODES)];
}

static inline void store(struct actor *a, struct node **slot, struct node *node)
{
    lull_store(a->t, slot, tagged(node));
}

/* The children are loaded after the allocation: nothing holds them across it. */
static struct node *make_node(struct actor *a)
{
    struct node *node = lull_alloc_inline(a->t, world.node);

    ensure(node != NULL, "%s", lull_error_message());
    node->check = CHECK ^ (uintptr_t)node;
    for (unsigned i = 0; i < 3; i++) {
        store(a, &node->child[i], load(any_slot(a)));
    }
    return node;
}

static void deed_make(struct actor *a)
{
    struct node *node = make_node(a);

    store(a, any_slot(a), node);
}

static void deed_keep(struct actor *a)
{
    a->root[below(a, NODES)] = make_node(a);
}

static void deed_forget(struct actor *a)
{
    store(a, any_slot(a), NULL);
}

static void deed_load(struct actor *a)
{
    struct node *node = load(any_slot(a));

    check_node(node, 3, "table");
    a->root[below(a, NODES)] = node;
}

static void deed_drop(struct actor *a)
{
    a->root[below(a, NODES)] = NULL;
}

/* What the heap held is held by a thread alone from here on. */
static void deed_steal(struct actor *a)
{
    struct node *node = any_node(a);

    if (node != NULL) {
        struct node **slot = &node->child[below(a, 3)];
        struct node *stolen = load(slot);
        store(a, slot, NULL);
        check_node(stolen, 2, "stolen");
        a->root[below(a, NODES)] = stolen;
    }
}

static void deed_steal_from_table(struct actor *a)
{
    struct node **slot = any_slot(a);
    struct node *stolen = load(slot);

    store(a, slot, NULL);
    a->root[below(a, NODES)] = stolen;
    check_node(stolen, 2, "stolen from the table");
}

static void deed_link(struct actor *a)
{
    struct node *node = any_node(a);

    if (node != NULL) {
        store(a, &node->child[below(a, 3)], any_node(a));
    }
}

static void deed_publish(struct actor *a)
{
    store(a, any_slot(a), any_node(a));
}

static void deed_check(struct actor *a)
{
    check_node(any_node(a), 4, "root");
}

/* A chain that only a thread holds, with its head let go of link by link. */
static void deed_walk(struct actor *a)
{
    void **at = &a->root[below(a, NODES)];

    for (unsigned i = 0; i < 8 && *at != NULL; i++) {
        struct node *node = *at;
        *at = load(&node->child[below(a, 3)]);
        check_node(*at, 1, "walk");
    }
}

static void deed_garbage(struct actor *a)
{
    size_t bytes = below(a, 64) == 0 ? 40000 + below(a, 40000) : 1 + below(a, 3000);
    char *leaf = lull_alloc_leaf(a->t, bytes);

    ensure(leaf != NULL, "%s", lull_error_message());
    ensure(leaf[0] == 0 && leaf[bytes - 1] == 0, "a new object is not zero");
    memset(leaf, 0x5a, bytes);
}

static void deed_large(struct actor *a)
{
    struct node **large = a->root[AT_LARGE];

    if (large == NULL || below(a, 64) == 0) {
        a->root[AT_LARGE] = large = lull_alloc_any(a->t, LARGE_WORDS * sizeof *large);
        ensure(large != NULL, "%s", lull_error_message());
    }
    struct node **slot = &large[below(a, LARGE_WORDS)];
    store(a, slot, load(any_slot(a)));
    for (unsigned i = 0; i < 16; i++) {
        check_node(load(&large[below(a, LARGE_WORDS)]), 1, "large");
    }
}

static void deed_block(struct actor *a)
{
    struct timespec time = {.tv_nsec = (long)below(a, 20000)};

    ensure(lull_blocking_begin(a->t) == LULL_OK, "%s", lull_error_message());
    if (below(a, 4) == 0) {
        nanosleep(&time, NULL);
    }
    ensure(lull_blocking_end(a->t) == LULL_OK, "%s", lull_error_message());
}

static void deed_poll(struct actor *a)
{
    lull_safepoint(a->t);
}

static void deed_spin(struct actor *a)
{
    for (size_t i = below(a, 500); i != 0; i--) {
        __asm__ volatile("" ::: "memory");
    }
}

static void deed_collect(struct actor *a)
{
    if (below(a, 32) == 0) {
        ensure(lull_collect(a->t) == LULL_OK, "%s", lull_error_message());
    }
}

/* ---- weak things ---- */

static void deed_weak(struct actor *a)
{
    size_t i = below(a, THINGS);
    struct node *target = any_node(a);

    if (a->root[AT_WEAK + i] == NULL || below(a, 8) == 0) {
        if (target == NULL) {
            return;
        }
        a->root[AT_WEAK + i] = lull_weak_new(a->t, target);
        ensure(a->root[AT_WEAK + i] != NULL, "%s", lull_error_message());
        a->root[AT_TARGET + i] = target;
    } else if (below(a, 4) == 0) {
        a->root[AT_TARGET + i] = NULL;
    }
    struct node *read = lull_weak_get(a->t, a->root[AT_WEAK + i]);
    ensure(a->root[AT_TARGET + i] == NULL || read == a->root[AT_TARGET + i],
           "a weak reference to a live object reads %p; seed %lu", (void *)read,
           (unsigned long)world.seed);
    check_node(read, 2, "weak");
    a->root[below(a, NODES)] = read;
}

static void check_ephemeron(struct actor *a, lull_ephemeron *e, struct node *held)
{
    struct node *key = lull_ephemeron_key(a->t, e);
    struct node *value = lull_ephemeron_value(a->t, e);

    check_node(key, 2, "key");
    check_node(value, 2, "value");
    if (held != NULL) {
        ensure(key == held && value != NULL,
               "an ephemeron whose key %p lives reads %p and %p; seed %lu", (void *)held,
               (void *)key, (void *)value, (unsigned long)world.seed);
    }
    a->root[below(a, NODES)] = below(a, 2) != 0 ? key : value;
}

static void deed_ephemeron(struct actor *a)
{
    size_t i = below(a, THINGS);
    void **e = &a->root[AT_EPHEMERON + i];

    if (*e == NULL || below(a, 8) == 0) {
        size_t key = below(a, NODES);
        if (a->root[key] == NULL) {
            return;
        }
        a->root[AT_KEY + i] = a->root[key];
        *e = lull_ephemeron_new(a->t, a->root[key], make_node(a));
        ensure(*e != NULL, "%s", lull_error_message());
        check_ephemeron(a, *e, a->root[AT_KEY + i]);
    } else if (below(a, 4) == 0) {
        lull_ephemeron_set(a->t, *e, make_node(a));
    } else if (below(a, 4) == 0) {
        a->root[AT_KEY + i] = NULL;
    }
    check_ephemeron(a, *e, a->root[AT_KEY + i]);
}

/* Revives its object. */
static void finalize(lull_thread *t, void *object, void *arg)
{
    check_node(object, 3, "finalizer");
    lull_store(t, &world.table[(uintptr_t)arg], tagged(object));
}

static void deed_finalizer(struct actor *a)
{
    size_t at = below(a, TABLE);

    if (below(a, 2) == 0) {
        lull_finalizers_run(a->t, 1);
        return;
    }
    struct node *node = make_node(a);
    ensure(lull_finalizer_set(a->t, node, finalize, (void *)at) == LULL_OK, "%s",
           lull_error_message());
    a->root[below(a, NODES)] = node;
}

/* ---- pools, handles ---- */

/* A pooled node keeps its children, and they live as long as it does. */
static void deed_pool(struct actor *a)
{
    void **place = &a->root[AT_POOLED + below(a, THINGS)];

    if (*place != NULL) {
        check_node(*place, 2, "pooled");
        lull_pool_put(a->t, world.pool, *place);
        *place = NULL;
        return;
    }
    struct node *node = lull_pool_get(a->t, world.pool);
    ensure(node != NULL, "%s", lull_error_message());
    *place = node;
    if (node->check == 0) {
        node->check = CHECK ^ (uintptr_t)node;
    }
    check_node(node, 2, "out of the pool");
    store(a, &node->child[below(a, 3)], any_node(a));
}

static void deed_handle(struct actor *a)
{
    lull_handle **handle = &a->handle[below(a, THINGS)];

    if (*handle == NULL) {
        *handle = lull_handle_new(a->t, any_node(a));
        ensure(*handle != NULL, "%s", lull_error_message());
    } else if (below(a, 4) == 0) {
        lull_handle_free(a->t, *handle);
        *handle = NULL;
        return;
    } else if (below(a, 3) == 0) {
        lull_handle_set(a->t, *handle, any_node(a));
    }
    struct node *node = lull_handle_get(*handle);
    check_node(node, 2, "handle");
    if (below(a, 2) == 0) {
        lull_handle_set(a->t, *handle, NULL); /* the thread alone holds it now */
    }
    a->root[below(a, NODES)] = node;
}

/* ---- acting ---- */

#define DEEDS(X)                                                                                   \
    X(MAKE, make, 12) X(KEEP, keep, 6) X(FORGET, forget, 3) X(LOAD, load, 5) X(DROP, drop, 3)      \
    X(STEAL, steal, 6) X(STEAL_FROM_TABLE, steal_from_table, 3) X(LINK, link, 4)                   \
    X(PUBLISH, publish, 3) X(CHECK, check, 4) X(WALK, walk, 3) X(GARBAGE, garbage, 3)              \
    X(LARGE, large, 1) X(BLOCK, block, 1) X(POLL, poll, 2) X(SPIN, spin, 2) X(COLLECT, collect, 1) \
    X(WEAK, weak, 5) X(EPHEMERON, ephemeron, 5) X(FINALIZER, finalizer, 2) X(POOL, pool, 4)        \
    X(HANDLE, handle, 3)

enum deed {
#define X(NAME, name, weight) DEED_##NAME,
    DEEDS(X)
#undef X
};

static const struct {
    void (*run)(struct actor *a);
    unsigned weight;
} deeds[] = {
#define X(NAME, name, weight) {deed_##name, weight},
    DEEDS(X)
#undef X
};
#define DEEDS_COUNT (sizeof deeds / sizeof *deeds)

static void act_once(struct actor *a)
{
    static const unsigned sum = 0
#define X(NAME, name, weight) +weight
        DEEDS(X)
#undef X
        ;
    size_t place = below(a, sum);
    size_t i = 0;

    while (place >= deeds[i].weight) {
        place -= deeds[i++].weight;
    }
    if ((world.without >> i & 1) == 0) {
        deeds[i].run(a);
    }
}

static void act(struct actor *a, size_t turns)
{
    for (size_t i = 0; i < turns; i++) {
        act_once(a);
    }
    for (size_t i = 0; i < THINGS; i++) {
        lull_handle_free(a->t, a->handle[i]);
        a->handle[i] = NULL;
        lull_pool_put(a->t, world.pool, a->root[AT_POOLED + i]);
        a->root[AT_POOLED + i] = NULL;
    }
}

static LULL__NOINLINE void act_precisely(struct actor *a, size_t turns)
{
    LULL_FRAME(a->t, frame, ROOTS);
    a->root = frame.root;
    act(a, turns);
    lull_frame_pop(a->t, &frame.head);
}

static LULL__NOINLINE void act_conservatively(struct actor *a, size_t turns)
{
    void *volatile root[ROOTS] = {NULL};

    a->root = (void **)root;
    act(a, turns);
}

/* Turns of one attachment, then the next, until all are done. */
static inline void *play(void *arg)
{
    size_t number = (size_t)arg;
    struct actor a = {.random = {world.seed * 1000 + number}};

    for (size_t left = world.turns; left != 0;) {
        size_t turns = lull__min(left, 1 + below(&a, 2 * world.turns));
        bool precise = world.kind == LULL_STACK_PRECISE || ((int)world.kind == -1 && number % 2);
        a.t = lull_attach(world.heap, precise ? LULL_STACK_PRECISE : LULL_STACK_CONSERVATIVE);
        ensure(a.t != NULL, "%s", lull_error_message());
        (precise ? act_precisely : act_conservatively)(&a, turns);
        ensure(lull_detach(a.t) == LULL_OK, "%s", lull_error_message());
        left -= turns;
    }
    return NULL;
}

/* Lets `threads` actors play to their end, and looks at what they leave. */
static inline void play_all(size_t threads)
{
    pthread_t thread[THREADS_MOST];

    for (size_t i = 0; i < threads; i++) {
        ensure(pthread_create(&thread[i], NULL, play, (void *)(i + 1)) == 0, "thread %zu", i);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
    for (size_t i = 0; i < TABLE; i++) {
        check_node(load(&world.table[i]), 5, "the table at the end");
    }
}

#endif
