/* retained.c -- memory that pools hide: what lies idle after a burst, and which lifetime ends it. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>

#define BURST 1000
#define KEPT 50

struct picture {
    char pixels[16000];
};

LULL_POOL_TYPE(picture, struct picture)

enum { CACHE, OWNED, BOUNDED, POOLS };

static struct picture *out[BURST]; /* registered roots */

static void burst(lull_thread *t, lull_pool *pool)
{
    for (int i = 0; i < BURST; i++) {
        lull_store(t, &out[i], picture_get(t, pool));
    }
    for (int i = 0; i < BURST; i++) {
        picture_put(t, pool, lull_exchange(t, &out[i], NULL));
    }
}

static void print_idle(lull_heap *heap, const char *when)
{
    lull_pool_stats stats[POOLS];
    size_t count = lull_pools_read(heap, stats, POOLS); /* in the order of their names */

    printf("%-22s", when);
    for (size_t i = 0; i < count && i < POOLS; i++) {
        printf("  %s: %4d idle", stats[i].name, (int)stats[i].idle);
    }
    printf("\n");
}

int main(void)
{
    lull_pool_options options = {.struct_size = sizeof options};
    lull_pool *pool[POOLS];
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "retained: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    lull_roots_add(heap, out, sizeof out);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF); /* collected when we say so */
    options.type = lull_type_leaf(heap, "picture", sizeof(struct picture));
    options.name = "cache";
    pool[CACHE] = lull_pool_create(heap, &options);
    options.name = "owned";
    options.lifetime = LULL_POOL_OWNED;
    pool[OWNED] = lull_pool_create(heap, &options);
    options.name = "owned, bounded";
    options.bounds.max_idle = KEPT;
    pool[BOUNDED] = lull_pool_create(heap, &options);
    for (int i = 0; i < POOLS; i++) {
        burst(t, pool[i]);
    }
    print_idle(heap, "after the burst");
    lull_collect(t);
    print_idle(heap, "after a collection");
    lull_collect(t);
    print_idle(heap, "after two");
    lull_collect(t);
    print_idle(heap, "after three");
    lull_pool_set_bounds(pool[OWNED], &(lull_pool_bounds){.max_idle = KEPT});
    lull_collect(t);
    print_idle(heap, "with a bound set late");
    lull_detach(t);
    return lull_heap_destroy(heap);
}
