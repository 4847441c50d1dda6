/* micro_pool_pass.c -- objects that one thread takes and another puts back.
 *
 * They go over in batches, through a ring in which either thread waits for the other by spinning
 * and yielding, each on a processor of its own. Each times what it does with a batch, and not its
 * waiting: so neither is charged for the other's pace. "The way alone" does all of that but take
 * and put; what it costs is to be subtracted from the rest. Of all batches the twentieth part that
 * took longest is left out: there the system took the processor. */
#define _GNU_SOURCE /* pthread_setaffinity_np */

#include <lull.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "micro.h"

#define BATCH 256u
#define BATCHES 8u   /* on the way at most */
#define TIMES 16384u /* batches that go over */
#define WARM 1024u   /* of them, before any is timed */
#define OBJECT_BYTES 1024
#define SPINS 200

struct side;

typedef void *(*get_fn)(struct side *side);
typedef void (*put_fn)(struct side *side, void *object);

/* One of the two threads. */
struct side {
    lull_thread *t; /* NULL where lull has no part */
    get_fn get;     /* of the one that takes */
    put_fn put;     /* of the other */
    unsigned next;  /* of what the way alone passes */
    uint64_t took_ns[TIMES];
};

static struct {
    void *object[BATCHES][BATCH];
    _Alignas(128) _Atomic unsigned filled; /* batches; release: their objects are written */
    _Alignas(128) _Atomic unsigned emptied;
} ring;

static lull_heap *heap;
static lull_pool *pool;
static struct side sides[2];

/* ---- what is passed ---- */

static void *pool_get(struct side *side)
{
    return lull_pool_get(side->t, pool);
}

static void pool_put(struct side *side, void *object)
{
    lull_pool_put(side->t, pool, object);
}

static void *malloc_get(struct side *side)
{
    (void)side;
    return malloc(OBJECT_BYTES);
}

static void malloc_put(struct side *side, void *object)
{
    (void)side;
    free(object);
}

static char nothing[BATCHES * BATCH * OBJECT_BYTES];

static void *nothing_get(struct side *side)
{
    return nothing + (size_t)(side->next++ % (BATCHES * BATCH)) * OBJECT_BYTES;
}

static void nothing_put(struct side *side, void *object)
{
    (void)side;
    micro_use(object);
}

/* ---- the way ---- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Waits until `count` is beyond `n`. */
static void wait_beyond(const struct side *side, const _Atomic unsigned *count, unsigned n)
{
    for (unsigned spins = 0; atomic_load_explicit(count, memory_order_acquire) <= n; spins++) {
        if (spins % SPINS == SPINS - 1) {
            sched_yield();
            if (side->t != NULL) {
                lull_safepoint(side->t);
            }
        }
    }
}

/* Each thread has a processor of its own, if there are two. */
static void open_side(struct side *side)
{
    cpu_set_t own;

    CPU_ZERO(&own);
    CPU_SET(side == &sides[0] ? 0 : 1, &own);
    pthread_setaffinity_np(pthread_self(), sizeof own, &own);
    if (heap != NULL) {
        side->t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
        if (side->t == NULL) {
            micro_failed("lull_attach");
        }
    }
}

static void close_side(struct side *side)
{
    if (side->t != NULL) {
        lull_detach(side->t);
    }
}

static void *produce(void *arg)
{
    struct side *side = arg;

    open_side(side);
    for (unsigned i = 0; i < TIMES; i++) {
        void **batch = ring.object[i % BATCHES];

        wait_beyond(side, &ring.emptied, i);
        uint64_t begin_ns = now_ns();
        for (unsigned k = 0; k < BATCH; k++) {
            batch[k] = side->get(side);
            *(char *)batch[k] = (char)k;
        }
        side->took_ns[i] = now_ns() - begin_ns;
        atomic_store_explicit(&ring.filled, i + 1, memory_order_release);
    }
    close_side(side);
    return NULL;
}

static void *consume(void *arg)
{
    struct side *side = arg;

    open_side(side);
    for (unsigned i = 0; i < TIMES; i++) {
        void **batch = ring.object[i % BATCHES];

        wait_beyond(side, &ring.filled, i);
        uint64_t begin_ns = now_ns();
        for (unsigned k = 0; k < BATCH; k++) {
            side->put(side, batch[k]);
            batch[k] = NULL;
        }
        side->took_ns[i] = now_ns() - begin_ns;
        atomic_store_explicit(&ring.emptied, i + 1 + BATCHES, memory_order_release);
    }
    close_side(side);
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* What a batch took, without those that took longest. */
static uint64_t usual_ns(struct side *side, unsigned kept)
{
    uint64_t sum_ns = 0;

    qsort(side->took_ns + WARM, TIMES - WARM, sizeof *side->took_ns, compare);
    for (unsigned i = 0; i < kept; i++) {
        sum_ns += side->took_ns[WARM + i];
    }
    return sum_ns;
}

static void pass(get_fn get, put_fn put, micro_result *result)
{
    unsigned kept = (TIMES - WARM) / 20 * 19;
    pthread_t thread[2];

    sides[0].get = get;
    sides[1].put = put;
    atomic_store(&ring.emptied, BATCHES);
    micro_begin(result);
    if (pthread_create(&thread[0], NULL, produce, &sides[0]) != 0 ||
        pthread_create(&thread[1], NULL, consume, &sides[1]) != 0) {
        micro_failed("pthread_create");
    }
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    micro_end(result);
    result->ops = (uint64_t)kept * BATCH;
    result->wall_ns = result->wall_ns * kept / TIMES;
    result->cpu_ns = usual_ns(&sides[0], kept) + usual_ns(&sides[1], kept);
}

/* ---- the ways ---- */

static void run_lull_pool(micro_result *result)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "objects"};

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        micro_failed("lull_heap_create");
    }
    options.type = lull_type_leaf(heap, "object", OBJECT_BYTES);
    pool = lull_pool_create(heap, &options);
    if (pool == NULL || lull_roots_add(heap, ring.object, sizeof ring.object) != LULL_OK) {
        micro_failed("lull_pool_create");
    }
    pass(pool_get, pool_put, result);
}

static void run_malloc(micro_result *result)
{
    pass(malloc_get, malloc_put, result);
}

static void run_nothing(micro_result *result)
{
    pass(nothing_get, nothing_put, result);
}

static const micro_way ways[] = {
    {.name = "lull, pool", .run = run_lull_pool},
    {.name = "the way alone", .run = run_nothing},
    {.name = "malloc and free", .run = run_malloc},
    {.name = "malloc and free of mimalloc", .run = run_malloc, .preload = "libmimalloc.so.2"},
    {.name = "Go, sync.Pool", .peer = "micro-pass"},
    {.name = "Go, the way alone", .peer = "micro-pass-nothing"},
};

int main(int argc, char **argv)
{
    static const micro_benchmark passing = {
        "Objects of 1 KiB that one thread takes and another puts back; CPU without waiting",
        "a pair", ways, sizeof ways / sizeof ways[0]};

    return micro_main(argc, argv, &passing);
}
