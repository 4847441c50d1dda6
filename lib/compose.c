/* compose.c -- the pools of things made of pooled parts: records of nothing but pointers. What
 * takes the parts and gives them back is made by LULL_COMPOSED in the program, where the types are
 * known. */
#include <lull/compose.h>

#include "error.h"
#include "heap.h"

#define PARTS_MOST 64

/* For heaps whose words are tagged: these are not. */
static void trace_thing(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)arg;
    lull_trace_range(tracer, object, (const char *)object + size);
}

static const lull_type *thing_type(lull_heap *heap, const char *name, size_t count)
{
    size_t offsets[PARTS_MOST];

    for (size_t i = 0; i < count; i++) {
        offsets[i] = i * sizeof(void *);
    }
    return heap->tagged ? lull_type_custom(heap, name, count * sizeof(void *), trace_thing, NULL)
                        : lull_type_record(heap, name, count * sizeof(void *), offsets, count);
}

lull_pool *lull_composed_pool_create(lull_heap *heap, const char *name, size_t count)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = name};

    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        lull__fail(LULL_E_INVALID, "this is no heap");
        return NULL;
    }
    if (count == 0 || count > PARTS_MOST) {
        lull__fail(LULL_E_INVALID, count == 0 ? "a part has no pool" : "more than 64 parts");
        return NULL;
    }
    options.type = thing_type(heap, name, count);
    return options.type != NULL ? lull_pool_create(heap, &options) : NULL;
}
