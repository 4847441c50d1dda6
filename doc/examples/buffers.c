/* buffers.c -- answers to requests, made of a header, a body and a log line that are used again; and
 * how large the bodies turn out to be. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct header {
    int status;
    size_t length;
};

LULL_POOL_TYPE(headers, struct header) /* headers_get and headers_put */

/* Three parts, taken and given back as one. */
#define RESPONSE_PARTS(PART)                                                                       \
    PART(headers, header)                                                                          \
    PART(lull_buffer, body)                                                                        \
    PART(lull_builder, log)
LULL_COMPOSED(response, RESPONSE_PARTS)

static void fail(const char *what)
{
    fprintf(stderr, "buffers: %s: %s\n", what, lull_error_message());
    exit(1);
}

/* A line for the log; it outlives the response that it was built in. */
static char *answer(lull_thread *t, struct response_pool *responses, int number)
{
    LULL_POOLED(response, r, t, responses); /* put back where the function ends, by any way */

    if (r == NULL) {
        return NULL;
    }
    for (int i = 0; i < 100; i++) {
        if (lull_buffer_append(t, r->body, "0123456789", 10) != LULL_OK) {
            return NULL;
        }
    }
    r->header->status = 200;
    r->header->length = r->body->length;
    lull_builder_append_string(t, r->log, "request ");
    lull_builder_append_int(t, r->log, number);
    lull_builder_printf(t, r->log, ": %d, %zu bytes", r->header->status, r->header->length);
    return lull_builder_copy(t, r->log); /* NULL where any of these failed */
}

/* A buffer that leaves the block it was taken in. */
static lull_buffer *greeting(lull_thread *t, lull_buffer_pool *bodies)
{
    LULL_POOLED(lull_buffer, body, t, bodies);

    if (body == NULL || lull_buffer_append(t, body, "hello", 5) != LULL_OK) {
        return NULL;
    }
    return lull_keep(body); /* whoever gets it puts it back */
}

static void open_pools(lull_heap *heap, struct response_pool *responses)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "headers"};

    options.type = lull_type_leaf(heap, "header", sizeof(struct header));
    responses->header = lull_pool_create(heap, &options);
    responses->body = lull_buffer_pool_create(heap, NULL);
    responses->log = lull_builder_pool_create(heap, NULL);
    if (response_pool_open(responses, heap, "responses") != LULL_OK) {
        fail("the pools");
    }
}

int main(void)
{
    struct response_pool responses;
    lull_buffer_pool_stats stats;
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fail("the heap");
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    if (t == NULL) {
        fail("the thread");
    }
    open_pools(heap, &responses);
    for (int i = 1; i <= 5000; i++) {
        char *line = answer(t, &responses, i);
        if (line == NULL) {
            fail("an answer");
        }
        if (i % 2500 == 0) {
            puts(line);
        }
    }
    lull_buffer *body = greeting(t, responses.body);
    if (body == NULL) {
        fail("the greeting");
    }
    printf("%.*s\n", (int)body->length, body->data);
    lull_buffer_put(t, responses.body, body);
    lull_buffer_pool_stats_read(responses.body, &stats);
    printf("a body has %zu bytes, those of %zu are kept\n", stats.default_bytes,
           stats.ceiling_bytes);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
