/* oversize.c -- one huge answer, and what stays of it in three pools: one without a bound, one that
 * drops what has grown too large, and one of buffers that finds the bound by itself. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>

struct text {
    char *data;
    size_t length, capacity;
};

LULL_POOL_TYPE(text, struct text)

static void fail(void)
{
    fprintf(stderr, "oversize: %s\n", lull_error_message());
    exit(1);
}

/* What a text holds, with what hangs on it: the pool cannot know. */
static size_t text_size(const void *object, void *arg)
{
    (void)arg;
    return sizeof(struct text) + ((const struct text *)object)->capacity;
}

static void reset_text(void *object, void *arg)
{
    (void)arg;
    ((struct text *)object)->length = 0; /* its storage is what it is reused for */
}

static size_t answer_bytes(int number)
{
    return number == 500 ? (size_t)8 << 20 : 1000; /* one of a thousand is huge */
}

static void answer(lull_thread *t, lull_pool *texts, size_t bytes)
{
    LULL_POOLED(text, text, t, texts);

    if (text->capacity < bytes) {
        lull_store(t, &text->data, lull_alloc_leaf(t, bytes));
        text->capacity = text->data != NULL ? bytes : 0;
    }
    text->length = text->capacity;
}

static void run(lull_heap *heap, lull_thread *t, const char *name, size_t max_object_bytes)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = name};
    lull_pool_stats stats;

    options.type = LULL_RECORD(heap, struct text, data);
    options.reset = reset_text;
    options.size = text_size;
    options.bounds.max_object_bytes = max_object_bytes;
    lull_pool *texts = lull_pool_create(heap, &options);
    if (texts == NULL) {
        fail();
    }
    for (int i = 0; i < 1000; i++) {
        answer(t, texts, answer_bytes(i));
    }
    lull_collect(t); /* what threads keep is weighed when a collection has looked at it */
    lull_pool_stats_read(texts, &stats);
    printf("%s: %d bytes lie idle, %d dropped for their size\n", name, (int)stats.idle_bytes,
           (int)stats.dropped[LULL_POOL_DROP_SIZE]);
    lull_pool_destroy(texts);
}

static void run_buffers(lull_heap *heap, lull_thread *t)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options, .calibration_puts = 100};
    lull_buffer_pool *buffers = lull_buffer_pool_create(heap, &options);
    lull_buffer_pool_stats stats;

    if (buffers == NULL) {
        fail();
    }
    for (int i = 0; i < 1000; i++) {
        LULL_POOLED(lull_buffer, body, t, buffers);

        if (body == NULL || lull_buffer_reserve(t, body, answer_bytes(i)) != LULL_OK) {
            fail();
        }
        body->length = answer_bytes(i);
    }
    lull_buffer_pool_stats_read(buffers, &stats);
    printf("a pool of buffers: keeps up to %d bytes each, %d dropped for their size\n",
           (int)stats.ceiling_bytes, (int)stats.oversize);
    lull_buffer_pool_destroy(buffers);
}

int main(void)
{
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fail();
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    run(heap, t, "without a bound", 0);
    run(heap, t, "with a bound of 64 KiB", (size_t)64 << 10);
    run_buffers(heap, t);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
