/* outside.c -- a pool over malloc and free, in a program that has nothing collected. */
#include <lull.h>

#include <stdio.h>

struct packet {
    size_t length;
    unsigned char bytes[1500];
};

LULL_POOL_TYPE(packet, struct packet)

int main(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "packets"};
    lull_options heap_options;
    lull_pool_stats stats;
    lull_heap *heap;

    lull_options_init(&heap_options);
    heap_options.mode = LULL_MODE_OFF; /* there is nothing in it to collect */
    if (lull_heap_create(&heap_options, &heap) != LULL_OK) {
        fprintf(stderr, "outside: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_PRECISE); /* each thread that gets or puts */
    options.object_bytes = sizeof(struct packet);           /* and no type: malloc and free */
    options.lifetime = LULL_POOL_OWNED;
    options.bounds.max_idle = 64;
    options.initial = 16; /* made here, not when the first packets come */
    lull_pool *packets = lull_pool_create(heap, &options);
    if (t == NULL || packets == NULL) {
        fprintf(stderr, "outside: %s\n", lull_error_message());
        return 1;
    }
    for (int i = 0; i < 100000; i++) {
        LULL_POOLED(packet, packet, t, packets);

        if (packet == NULL) {
            fprintf(stderr, "outside: %s\n", lull_error_message());
            return 1;
        }
        packet->length = (size_t)i % sizeof packet->bytes;
    }
    lull_pool_stats_read(packets, &stats);
    printf("%d gets, %d misses; %d made beforehand\n", (int)stats.gets, (int)stats.misses,
           (int)stats.filled);
    lull_pool_destroy(packets); /* frees what it keeps */
    lull_detach(t);
    return lull_heap_destroy(heap);
}
