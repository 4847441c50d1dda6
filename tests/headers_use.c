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
