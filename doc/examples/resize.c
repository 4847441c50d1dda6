/* resize.c -- other sizes from now on: the popular recipe, and a pool that is told. */
#include <lull.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL ((size_t)1 << 10)
#define LARGE ((size_t)64 << 10)

static atomic_size_t wanted; /* bytes of an object that is taken from now on */
static atomic_bool done;

static void fail(void)
{
    fprintf(stderr, "resize: %s\n", lull_error_message());
    exit(1);
}

/* ---- the recipe: have `make` make other sizes ---- */

struct chunk {
    size_t bytes;
    char data[];
};

static void *make_wanted(lull_thread *t, void *arg)
{
    size_t bytes = wanted;
    struct chunk *chunk = lull_alloc_leaf(t, sizeof *chunk + bytes);

    (void)arg;
    if (chunk != NULL) {
        chunk->bytes = bytes;
    }
    return chunk;
}

static void take_and_put(lull_thread *t, lull_pool *pool, int count, int *too_small)
{
    struct chunk *chunk[10];

    for (int i = 0; i < count; i++) {
        chunk[i] = lull_pool_get(t, pool);
        if (chunk[i] == NULL) {
            fail();
        }
        *too_small += chunk[i]->bytes < wanted;
    }
    for (int i = 0; i < count; i++) {
        lull_pool_put(t, pool, chunk[i]);
    }
}

static void recipe(lull_heap *heap, lull_thread *t)
{
    lull_pool_options options = {.struct_size = sizeof options, .make = make_wanted};
    lull_pool *pool = lull_pool_create(heap, &options);
    int too_small = 0;

    if (pool == NULL) {
        fail();
    }
    wanted = SMALL;
    take_and_put(t, pool, 10, &too_small);
    wanted = LARGE;
    take_and_put(t, pool, 10, &too_small);
    printf("the recipe: %d of 10 are too small after the change\n", too_small);
    lull_pool_destroy(pool);
}

/* ---- the pool is told ---- */

static void *work(void *arg)
{
    lull_pool *pool = ((void **)arg)[1];
    lull_thread *t = lull_attach(((void **)arg)[0], LULL_STACK_CONSERVATIVE);

    while (t != NULL && !done) {
        size_t bytes = wanted; /* published after the pool was told: what is taken has as many */
        char *object = lull_pool_get(t, pool);

        if (object == NULL) {
            fail();
        }
        memset(object, 1, bytes);
        lull_pool_put(t, pool, object);
    }
    lull_detach(t);
    return NULL;
}

static void told(lull_heap *heap, lull_thread *t)
{
    lull_pool_options options = {.struct_size = sizeof options, .object_bytes = SMALL};
    lull_pool_stats stats;
    pthread_t thread;

    options.type = lull_type_leaf(heap, "byte", 1);
    lull_pool *pool = lull_pool_create(heap, &options);
    if (pool == NULL) {
        fail();
    }
    wanted = SMALL;
    pthread_create(&thread, NULL, work, (void *[]){heap, pool});
    for (size_t bytes = 2 * SMALL; bytes <= LARGE; bytes *= 2) {
        if (lull_pool_resize(pool, bytes) != LULL_OK) {
            fail();
        }
        wanted = bytes;
        for (int i = 0; i < 1000; i++) {
            char *object = lull_pool_get(t, pool);

            if (object == NULL) {
                fail();
            }
            memset(object, 2, bytes);
            lull_pool_put(t, pool, object);
        }
    }
    done = true;
    lull_blocking_begin(t);
    pthread_join(thread, NULL);
    lull_blocking_end(t);
    lull_pool_stats_read(pool, &stats);
    printf("lull_pool_resize: old ones were %s\n",
           stats.dropped[LULL_POOL_DROP_SIZE] > 0 ? "dropped, for their size" : "kept");
    lull_pool_destroy(pool);
}

int main(void)
{
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fail();
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    recipe(heap, t);
    told(heap, t);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
