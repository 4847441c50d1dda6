/* micro_buffer.c -- what a buffer of 1 KiB costs that is taken, cleared and given back at once, on
 * one thread; cleared by forgetting its bytes, and by overwriting them all. */
#include <lull.h>
#include <lull/inline.h>

#include <stdlib.h>
#include <string.h>

#include "micro.h"

#define PAIRS 20000000u
#define PAIRS_SLOW 5000000u /* where a buffer is made each time */
#define BUFFER_BYTES 1024

/* The C library's, in all ways: what gcc makes of a memset of known size takes three times as
 * long. */
static void *(*volatile clear)(void *, int, size_t) = memset;

static lull_thread *open_lull(void)
{
    lull_thread *t;
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        micro_failed("lull_heap_create");
    }
    t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    if (t == NULL) {
        micro_failed("attaching to lull");
    }
    return t;
}

static lull_buffer_pool *open_pool(lull_thread *t)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options,
                                        .default_bytes = BUFFER_BYTES};
    lull_buffer_pool *pool = lull_buffer_pool_create(lull_heap_of(t), &options);

    if (pool == NULL) {
        micro_failed("lull_buffer_pool_create");
    }
    return pool;
}

static void run_lull_clear(micro_result *result)
{
    lull_thread *t = open_lull();
    lull_buffer_pool *pool = open_pool(t);

    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        lull_buffer *buffer = lull_buffer_get(t, pool);

        buffer->data[0] = (char)i;
        buffer->length = BUFFER_BYTES;
        micro_use(buffer->data);
        lull_buffer_clear(buffer);
        lull_buffer_put(t, pool, buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
}

static void run_lull_zero(micro_result *result)
{
    lull_thread *t = open_lull();
    lull_buffer_pool *pool = open_pool(t);

    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        lull_buffer *buffer = lull_buffer_get(t, pool);

        clear(buffer->data, 0, BUFFER_BYTES);
        buffer->length = BUFFER_BYTES;
        micro_use(buffer->data);
        lull_buffer_put(t, pool, buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
}

static void run_lull_builder(micro_result *result)
{
    lull_thread *t = open_lull();
    lull_builder_pool *pool = lull_builder_pool_create(lull_heap_of(t), NULL);

    if (pool == NULL) {
        micro_failed("lull_builder_pool_create");
    }
    micro_begin(result);
    for (unsigned i = 0; i < PAIRS; i++) {
        lull_builder *builder = lull_builder_get(t, pool);

        lull_builder_append(t, builder, "a line to log", 13);
        lull_builder_append_uint(t, builder, i);
        micro_use(builder);
        lull_builder_put(t, pool, builder);
    }
    micro_end(result);
    result->ops = PAIRS;
}

static void run_lull_alloc(micro_result *result)
{
    lull_thread *t = open_lull();
    const lull_type *type = lull_type_leaf(lull_heap_of(t), "buffer", BUFFER_BYTES);

    if (type == NULL) {
        micro_failed("lull_type_leaf");
    }
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

        clear(buffer, 0, BUFFER_BYTES);
        micro_use(buffer);
        free(buffer);
    }
    micro_end(result);
    result->ops = PAIRS;
}

static const micro_way ways[] = {
    {.name = "lull, pool of buffers, cleared", .run = run_lull_clear},
    {.name = "lull, pool of buffers, zeroed", .run = run_lull_zero},
    {.name = "lull, pool of builders, a short line", .run = run_lull_builder},
    {.name = "lull, allocated each time", .run = run_lull_alloc},
    {.name = "malloc, memset and free", .run = run_malloc},
    {.name = "the same of mimalloc", .run = run_malloc, .preload = "libmimalloc.so.2"},
};

int main(int argc, char **argv)
{
    static const micro_benchmark buffer = {"Taking, clearing and giving back a buffer of 1 KiB",
                                           "a buffer", ways, sizeof ways / sizeof ways[0]};

    return micro_main(argc, argv, &buffer);
}
