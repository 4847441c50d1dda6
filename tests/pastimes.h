/* pastimes.h -- what threads do in storms, each with one kind of call over and over: nothing,
 * allocate, the C library's own locks, and every part of the library. They check what they see.
 * Included by one file a program. */
#ifndef LULL_TESTS_PASTIMES_H
#define LULL_TESTS_PASTIMES_H

#include <errno.h>
#include <lull/inline.h>
#include <stdio.h>
#include <unistd.h>

#include "mutators.h"
#include "random.h"

static lull_heap *heap;
static atomic_uint over;     /* the storm is */
static atomic_uint ready;    /* threads that have begun */
static atomic_uint progress; /* rounds of pastimes, all threads */

static inline void spin(void)
{
#ifdef SIGNALS_WAIT
    int saved = errno;
    usleep(1);
    errno = saved;
#else
    __asm__ volatile("" ::: "memory");
#endif
}

struct spinner {
    lull_thread *t;
    const lull_type *type;
    lull_pool *pool;
    struct random random;
    struct node *kept; /* on the thread's own stack */
};

static void do_nothing(struct spinner *s)
{
    (void)s;
    for (int i = 0; i < 1000; i++) {
        spin();
    }
}

/* Only the inline fast path, but for a call in a few dozen. */
static void allocate_inline(struct spinner *s)
{
    struct node *list = NULL;

    for (unsigned i = 100; i-- > 0;) {
        struct node *node = lull_alloc_inline(s->t, s->type);
        ensure(node != NULL, "%s", lull_error_message());
        node_fill(s->t, node, list, i);
        list = node;
    }
    list_check(list, 0, 100);
}

static void allocate_by_call(struct spinner *s)
{
    list_check(list_make(s->t, s->type, 5, 100), 5, 100);
    char *leaf = lull_alloc_leaf(s->t, 1 + random_below(&s->random, 3000));
    void **any = lull_alloc_any(s->t, 8 + random_below(&s->random, 500));
    struct node *array = lull_alloc_array(s->t, s->type, 1 + random_below(&s->random, 20));
    ensure(leaf[0] == 0 && any[0] == NULL && array->check == 0, "fresh objects are zero");
    lull_store(s->t, &any[0], s->kept);
}

static void use_malloc(struct spinner *s)
{
    char *block[16];

    for (int i = 0; i < 16; i++) {
        block[i] = malloc(1 + random_below(&s->random, i == 0 ? 300000 : 3000));
        block[i][0] = 'x';
    }
    for (int i = 0; i < 16; i++) {
        block[i] = realloc(block[i], 1 + random_below(&s->random, 3000));
        ensure(block[i][0] == 'x', "what was copied");
        free(block[i]);
    }
}

static void use_stdio(struct spinner *s)
{
#ifdef SIGNALS_WAIT
    return; /* who waits for a stream's lock is not found by the signal */
#endif
    FILE *file = fopen("/dev/null", "w");

    ensure(file != NULL, "/dev/null");
    for (int i = 0; i < 20; i++) {
        fprintf(file, "%d %p\n", i, (void *)s);
    }
    fclose(file);
    fflush(NULL);
}

static void copy_memory(struct spinner *s)
{
    enum { BYTES = 200000 };
    static _Thread_local char from[BYTES], to[BYTES];

    (void)s;
    from[BYTES - 1]++;
    memcpy(to, from, BYTES);
    ensure(to[BYTES - 1] == from[BYTES - 1], "what was copied");
    memset(to, 1, BYTES);
}

/* Reverses a list in place, again and again. */
static void store(struct spinner *s)
{
    for (int i = 0; i < 2; i++) {
        struct node *reversed = NULL;
        for (struct node *node = s->kept; node != NULL;) {
            struct node *next = node->next;
            lull_store(s->t, &node->next, reversed);
            reversed = node;
            node = next;
        }
        s->kept = reversed;
    }
}

/* Objects of the pool bear its mark, so that one with two owners, or none, shows. */
static void use_pool(struct spinner *s)
{
    struct node *taken[70];
    unsigned count = (unsigned)random_below(&s->random, 70);

    for (unsigned i = 0; i < count; i++) {
        taken[i] = lull_pool_get(s->t, s->pool);
        ensure(taken[i] != NULL, "%s", lull_error_message());
        ensure(taken[i]->check == 0 || taken[i]->check == node_check(7),
               "one of the pool's, not %#jx", (uintmax_t)taken[i]->check);
        taken[i]->check = node_check(i);
    }
    for (unsigned i = count; i-- > 0;) {
        ensure(taken[i]->check == node_check(i), "still this thread's");
        taken[i]->check = node_check(7);
        lull_pool_put(s->t, s->pool, taken[i]);
        taken[i] = NULL;
    }
}

static void use_frames(struct spinner *s)
{
    for (int i = 0; i < 50; i++) {
        LULL_FRAME(s->t, outer, 2);
        outer.root[1] = s->kept;
        LULL_FRAME(s->t, inner, 3);
        inner.root[0] = outer.root[1];
        ensure(lull_frame_pop(s->t, &inner.head) == LULL_OK, "%s", lull_error_message());
        ensure(lull_frame_pop(s->t, &outer.head) == LULL_OK, "%s", lull_error_message());
    }
}

static void use_handles(struct spinner *s)
{
    lull_handle *handle[20];

    for (unsigned i = 0; i < 20; i++) {
        handle[i] = lull_handle_new(s->t, list_make(s->t, s->type, i, 2));
        ensure(handle[i] != NULL, "%s", lull_error_message());
    }
    for (unsigned i = 0; i < 20; i++) {
        list_check(lull_handle_get(handle[i]), i, 2);
        lull_handle_set(s->t, handle[i], s->kept);
        lull_handle_free(s->t, handle[i]);
    }
}

static void use_roots(struct spinner *s)
{
    static _Thread_local void *root[8];

    root[3] = list_make(s->t, s->type, 11, 3);
    ensure(lull_roots_add(heap, root, sizeof root) == LULL_OK, "%s", lull_error_message());
    list_check(root[3], 11, 3);
    ensure(lull_roots_remove(heap, root, sizeof root) == LULL_OK, "%s", lull_error_message());
}

static void finalize(lull_thread *t, void *object, void *arg)
{
    const struct node *node = object;

    ensure(lull_heap_of(t) == heap && arg == heap, "as it was set");
    ensure(node->check == node_check(node->number), "whole");
}

static void use_weak(struct spinner *s)
{
    struct node *node = list_make(s->t, s->type, 3, 1);
    lull_weak *weak = lull_weak_new(s->t, node);
    lull_ephemeron *ephemeron = lull_ephemeron_new(s->t, node, s->kept);

    ensure(weak != NULL && ephemeron != NULL, "%s", lull_error_message());
    ensure(lull_finalizer_set(s->t, node, finalize, heap) == LULL_OK, "%s", lull_error_message());
    ensure(lull_weak_get(s->t, weak) == node, "alive");
    ensure(lull_ephemeron_value(s->t, ephemeron) == s->kept, "alive");
    list_check(node, 3, 1);
    lull_finalizers_run(s->t, 3);
}

/* Every call takes the lock of types, and some make a cell: another size class each. */
static void make_types(struct spinner *s)
{
    static _Thread_local size_t made;

    if (made == 1000) {
        return;
    }
    size_t words = 1 + made++;
    const lull_type *type =
        lull_type_record(heap, "a type", 8 * words, (const size_t[]){8 * (words - 1)}, 1);
    ensure(type != NULL, "%s", lull_error_message());
    void **object = lull_alloc(s->t, type);
    void **array = lull_alloc_array(s->t, type, 3);
    lull_store(s->t, &object[words - 1], s->kept);
    lull_store(s->t, &array[3 * words - 1], s->kept);
}

static void turn_knobs(struct spinner *s)
{
    lull_stats stats = {.struct_size = sizeof stats};

    ensure(lull_stats_read(heap, &stats) == LULL_OK, "%s", lull_error_message());
    lull_set_gc_percent(heap, 50 + (int)random_below(&s->random, 100));
    lull_set_memory_limit(heap, (size_t)1 << 30);
    lull_object_of(heap, (uintptr_t)s->kept + 8);
    lull_pool_stats pool_stats;
    ensure(lull_pool_stats_read(s->pool, &pool_stats) == LULL_OK, "%s", lull_error_message());
}

static void come_and_go(struct spinner *s)
{
    ensure(lull_blocking_begin(s->t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_blocking_end(s->t) == LULL_OK, "%s", lull_error_message());
    struct node *kept = s->kept;
    ensure(lull_detach(s->t) == LULL_OK, "%s", lull_error_message());
    s->t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    (void)kept; /* may be gone: it was nobody's for a moment */
    s->kept = list_make(s->t, s->type, 50, 30);
}

static void (*const pastimes[])(struct spinner *) = {
    do_nothing,  allocate_inline, allocate_by_call, use_malloc, use_stdio,
    copy_memory, store,           use_pool,         use_frames, use_handles,
    use_roots,   use_weak,        make_types,       turn_knobs, come_and_go,
};
#define PASTIMES (sizeof pastimes / sizeof pastimes[0])

static void *spin_away(void *arg)
{
    void (*pastime)(struct spinner *) = pastimes[(uintptr_t)arg % PASTIMES];
    struct spinner s = {.random = {.state = (uintptr_t)arg}};
    lull_pool_options options = {.struct_size = sizeof options};

    s.t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    options.type = s.type = node_type(heap);
    s.pool = lull_pool_create(heap, &options);
    ensure(s.pool != NULL, "%s", lull_error_message());
    s.kept = list_make(s.t, s.type, 50, 30);
    atomic_fetch_add(&ready, 1);
    while (atomic_load_explicit(&over, memory_order_relaxed) == 0) {
        errno = 4711;
        spin();
        ensure(errno == 4711, "errno is the thread's own");
        pastime(&s);
        list_check(s.kept, 50, 30);
        atomic_fetch_add(&progress, 1);
    }
    ensure(lull_detach(s.t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* A heap for storms, none of which has begun. */
static inline lull_heap *storm_begin(const lull_options *options)
{
    atomic_store(&over, 0);
    atomic_store(&ready, 0);
    atomic_store(&progress, 0);
    return support_heap(options);
}

#endif
