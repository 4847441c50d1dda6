/* pool.c -- buffers that are used again, and what the pool counted. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    size_t used;
    char bytes[1016];
};

LULL_POOL_TYPE(buffer, struct buffer) /* buffer_get and buffer_put */

static void reset_buffer(void *object, void *arg)
{
    (void)arg;
    ((struct buffer *)object)->used = 0;
}

static size_t answer(lull_thread *t, lull_pool *buffers, const char *text)
{
    struct buffer *buffer = buffer_get(t, buffers);

    if (buffer == NULL) {
        fprintf(stderr, "pool: %s\n", lull_error_message());
        exit(1);
    }
    memcpy(buffer->bytes + buffer->used, text, strlen(text));
    buffer->used += strlen(text);
    size_t length = buffer->used;
    buffer_put(t, buffers, buffer); /* not to be touched after */
    return length;
}

int main(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "buffers"};
    lull_pool_stats stats;
    lull_heap *heap;
    size_t length = 0;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "pool: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    options.type = lull_type_leaf(heap, "buffer", sizeof(struct buffer));
    options.reset = reset_buffer;
    lull_pool *buffers = lull_pool_create(heap, &options);
    if (t == NULL || buffers == NULL) {
        fprintf(stderr, "pool: %s\n", lull_error_message());
        return 1;
    }
    for (int i = 0; i < 1000; i++) {
        length += answer(t, buffers, "200 OK");
    }
    lull_pool_stats_read(buffers, &stats);
    printf("%zu bytes; %d gets, %d of them hits\n", length, (int)stats.gets, (int)stats.hits);
    lull_pool_destroy(buffers);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
