/* micro_pool.c -- what a buffer of 1 KiB costs that is taken, touched and given back at once, on
 * one thread. */
#include <lull.h>
#include <lull/inline.h>

#include <pthread.h>
#include <stdlib.h>

#include "micro.h"

#define PAIRS 20000000u
#define PAIRS_SLOW 5000000u /* where a buffer is made each time */
#define BUFFER_BYTES 1024

static lull_thread *open_lull(const lull_type **type)
{
    lull_thread *t;
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        micro_failed("lull_heap_create");
    }
    t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    *type = lull_type_leaf(heap, "buffer", BUFFER_BYTES);
    if (t == NULL || *type == NULL) {
        micro_failed("attaching to lull");
    }
    return t;
}

static void run_lull_pool(micro_result *result)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "buffers"};
    lull_thread *t = open_lull(&options.type);
    lull_pool *pool = lull_pool_create(lull_heap_of(t), &options);

    if (pool == NULL) {
        micro_failed("lull_pool_create");
    }
    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        char *buffer = lull_pool_get(t, pool);

        buffer[0] = (char)i;
        micro_use(buffer);
        lull_pool_put(t, pool, buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
}

static void run_lull_alloc(micro_result *result)
{
    const lull_type *type;
    lull_thread *t = open_lull(&type);

    micro_begin(result);
    for (unsigned i = 0; i < PAIRS_SLOW; i++) {
        char *buffer = lull_alloc_inline(t, type);

        buffer[0] = (char)i;
        micro_use(buffer);
    }
    micro_end(result);
    result->ops = PAIRS_SLOW;
}

static void run_malloc(micro_result *result)
{
    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        char *buffer = malloc(BUFFER_BYTES);

        buffer[0] = (char)i;
        micro_use(buffer);
        free(buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
}

/* The pool that is written in an afternoon: one list, one lock. */
static struct list {
    pthread_mutex_t lock;
    struct list_item {
        struct list_item *next;
    } * first;
} list = {PTHREAD_MUTEX_INITIALIZER, NULL};

static void *list_get(void)
{
    struct list_item *item;

    pthread_mutex_lock(&list.lock);
    item = list.first;
    if (item != NULL) {
        list.first = item->next;
    }
    pthread_mutex_unlock(&list.lock);
    return item != NULL ? item : malloc(BUFFER_BYTES);
}

static void list_put(void *buffer)
{
    struct list_item *item = buffer;

    pthread_mutex_lock(&list.lock);
    item->next = list.first;
    list.first = item;
    pthread_mutex_unlock(&list.lock);
}

/* Makes the C library lock in earnest: it takes short cuts while there is only one thread. */
static void *wait_forever(void *arg)
{
    pthread_mutex_lock(arg);
    return NULL;
}

static void run_list(micro_result *result)
{
    pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;

    pthread_mutex_lock(&never);
    if (pthread_create(&thread, NULL, wait_forever, &never) != 0) {
        micro_failed("pthread_create");
    }
    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        char *buffer = list_get();

        buffer[0] = (char)i;
        micro_use(buffer);
        list_put(buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
    pthread_mutex_unlock(&never);
    pthread_join(thread, NULL);
}

static const micro_way ways[] = {
    {.name = "lull, pool", .run = run_lull_pool},
    {.name = "lull, allocated each time", .run = run_lull_alloc},
    {.name = "Go, sync.Pool", .peer = "micro-pool"},
    {.name = "a list under a mutex", .run = run_list},
    {.name = "malloc and free", .run = run_malloc},
    {.name = "malloc and free of mimalloc", .run = run_malloc, .preload = "libmimalloc.so.2"},
};

int main(int argc, char **argv)
{
    static const micro_benchmark pool = {"Taking and giving back a buffer of 1 KiB", "a pair", ways,
                                         sizeof ways / sizeof ways[0]};

    return micro_main(argc, argv, &pool);
}
