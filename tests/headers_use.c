/* headers_use.c -- every macro and inline function of the public headers in use; headers.tap
 * compiles it as C11 and as C++17. It is never run. */
#include <lull.h>

#include <lull/inline.h>

struct node {
    struct node *left, *right;
    long number;
};

typedef struct buffer {
    char bytes[1024];
} buffer;

LULL_POOL_TYPE(buffer_pool, buffer)

#define MESSAGE_PARTS(PART)                                                                        \
    PART(buffer_pool, header)                                                                      \
    PART(lull_buffer, body)                                                                        \
    PART(lull_builder, log)
LULL_COMPOSED(message, MESSAGE_PARTS)

#define EXCHANGE_PARTS(PART)                                                                       \
    PART(message, request)                                                                         \
    PART(message, answer)
LULL_COMPOSED(exchange, EXCHANGE_PARTS)

lull_buffer *lull_test_use_scopes(lull_thread *t, struct exchange_pool *exchanges);

lull_buffer *lull_test_use_scopes(lull_thread *t, struct exchange_pool *exchanges)
{
    struct message_pool *messages = exchanges->request;
    LULL_POOLED(buffer_pool, header, t, messages->header);
    LULL_POOLED(lull_buffer, body, t, messages->body);
    LULL_POOLED(lull_builder, log, t, messages->log);
    LULL_POOLED(exchange, both, t, exchanges);

    if (both == NULL || body == NULL) {
        return NULL;
    }
    lull_buffer_clear(both->answer->body);
    header->bytes[0] = both->request->header->bytes[0];
    lull_builder_printf(t, log, "%zu", body->length);
    exchange_put(t, exchanges, exchange_get(t, exchanges));
    return lull_keep(body);
}

int lull_test_use_pools(lull_heap *heap, struct exchange_pool *exchanges);

int lull_test_use_pools(lull_heap *heap, struct exchange_pool *exchanges)
{
    int status = message_pool_open(exchanges->request, heap, "messages");

    if (status == LULL_OK) {
        status = exchange_pool_open(exchanges, heap, "exchanges");
    }
    exchange_pool_close(exchanges);
    message_pool_close(exchanges->request);
    return status;
}

void *lull_test_use(lull_heap *heap, lull_thread *t, lull_pool *pool);

void *lull_test_use(lull_heap *heap, lull_thread *t, lull_pool *pool)
{
    const lull_type *node_type = LULL_RECORD(heap, struct node, left, right);
    const lull_type *buffer_type = lull_type_leaf(heap, "buffer", sizeof(buffer));
    LULL_FRAME(t, frame, 3);

    frame.root[0] = lull_alloc_inline(t, node_type);
    lull_store(t, &frame.root[1], frame.root[0]);
    frame.root[2] = lull_new(t, buffer);
    buffer_pool_put(t, pool, buffer_pool_get(t, pool));
    lull_pool_put(t, pool, lull_pool_get(t, pool));
    lull_safepoint(t);
    lull_frame_pop(t, &frame.head);
    return frame.root[0];
}
