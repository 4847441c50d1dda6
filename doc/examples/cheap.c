/* cheap.c -- what a pool saves of objects that are cheap, and of some that are not. */
#include <lull.h>
#include <lull/inline.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 200000

struct kind {
    const char *name;
    size_t bytes;
    size_t used; /* of these, written each time */
};

/* CPU time of all threads, the collector's too. */
static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Writes to an object, whose address the compiler must suppose to be known elsewhere. */
static void use(void *object, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        ((uint64_t *)object)[i] = i;
    }
    __asm__ volatile("" : : "r"(object) : "memory");
}

static double with_collector(lull_thread *t, const lull_type *type, size_t used)
{
    double begin = cpu_ns();

    for (int i = 0; i < ROUNDS; i++) {
        void *object = lull_alloc_inline(t, type);

        if (object == NULL) {
            exit(1);
        }
        use(object, used);
    }
    return (cpu_ns() - begin) / ROUNDS;
}

static double with_pool(lull_thread *t, lull_pool *pool, size_t used)
{
    double begin = cpu_ns();

    for (int i = 0; i < ROUNDS; i++) {
        void *object = lull_pool_get(t, pool);

        if (object == NULL) {
            exit(1);
        }
        use(object, used);
        lull_pool_put(t, pool, object);
    }
    return (cpu_ns() - begin) / ROUNDS;
}

int main(void)
{
    static const struct kind kinds[] = {
        {"a node of 32 bytes", 32, 32},
        {"a buffer of 1 KiB, a line of it written", 1024, 64},
        {"a buffer of 1 KiB, all of it written", 1024, 1024},
        {"a buffer of 16 KiB, a line of it written", 16384, 64},
    };
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "cheap: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *kind = &kinds[i];
        const lull_type *type = lull_type_leaf(heap, kind->name, kind->bytes);
        lull_pool_options options = {.struct_size = sizeof options, .type = type};
        lull_pool *pool = lull_pool_create(heap, &options);

        if (t == NULL || pool == NULL) {
            fprintf(stderr, "cheap: %s\n", lull_error_message());
            return 1;
        }
        with_collector(t, type, kind->used); /* now the heap has grown */
        printf("%-40s  collected %7.1f ns", kind->name, with_collector(t, type, kind->used));
        printf("  pooled %7.1f ns\n", with_pool(t, pool, kind->used));
        lull_pool_destroy(pool);
    }
    lull_detach(t);
    return lull_heap_destroy(heap);
}
