/* limits.c -- a heap of 8 MiB at most, a cache that gives way, and an allocation that fails. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 1000

static void *cache[BLOCKS]; /* registered: what is in it lives */
static int gave_way;

static int drop_cache(lull_heap *heap, size_t bytes, void *arg)
{
    lull_thread *t = lull_self(heap);

    (void)bytes;
    (void)arg;
    if (gave_way) {
        return 0; /* nothing more to spare: let it fail */
    }
    for (int i = 0; i < BLOCKS; i++) {
        lull_store(t, &cache[i], NULL);
    }
    gave_way = 1;
    return 1; /* try once more */
}

int main(void)
{
    lull_options options;
    lull_heap *heap;
    int filled = 0;

    lull_options_init(&options);
    options.use_environment = 0;
    options.heap_max = (size_t)8 << 20;
    options.no_memory = drop_cache;
    if (lull_heap_create(&options, &heap) != LULL_OK) {
        fprintf(stderr, "limits: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_PRECISE);
    lull_roots_add(heap, cache, sizeof cache);
    for (; filled < BLOCKS && !gave_way; filled++) {
        void *block = lull_alloc_leaf(t, 65536);
        lull_store(t, &cache[filled], block);
    }
    printf("the cache gave way: %s\n", gave_way ? "yes" : "no");
    if (lull_alloc_leaf(t, (size_t)9 << 20) == NULL) {
        printf("9 MiB: %s\n", lull_strerror(lull_error()));
    }
    printf("64 KiB: %s\n", lull_alloc_leaf(t, 65536) != NULL ? "here they are" : "not even these");
    lull_detach(t);
    return lull_heap_destroy(heap);
}
