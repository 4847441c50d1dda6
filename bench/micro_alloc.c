/* micro_alloc.c -- what a record of 32 bytes costs, its collection included.
 *
 * Each new record takes the place of the one made 1,024 before, so that it lives a little while;
 * malloc frees that one. One field is written. Two of the four words are pointers, for the
 * collectors' sake, and stay NULL. */
#include <lull.h>
#include <lull/inline.h>

#include <stdlib.h>

#include "micro.h"

#ifdef HAVE_BDW_GC
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc/gc.h>
#endif

#define RECORDS 20000000u
#define RING 1024

struct record {
    struct record *next, *other;
    uint64_t value[2];
};

static lull_thread *open_lull(const lull_type **type)
{
    lull_thread *t;
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        micro_failed("lull_heap_create");
    }
    t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    *type = LULL_RECORD(heap, struct record, next, other);
    if (t == NULL || *type == NULL) {
        micro_failed("attaching to lull");
    }
    return t;
}

/* DEFINE_WAY(function, SETUP, ALLOCATE, DROP): the same loop around each way of allocating. */
#define DEFINE_WAY(function, setup, allocate, drop)                                                \
    static void function(micro_result *result)                                                     \
    {                                                                                              \
        struct record *ring[RING] = {NULL};                                                        \
        setup;                                                                                     \
                                                                                                   \
        micro_begin(result);                                                                       \
        for (unsigned i = 0; i < RECORDS; i++) {                                                   \
            struct record **place = &ring[i % RING];                                               \
                                                                                                   \
            drop;                                                                                  \
            *place = (allocate);                                                                   \
            (*place)->value[0] = i;                                                                \
            micro_use(ring);                                                                       \
        }                                                                                          \
        micro_end(result);                                                                         \
        result->ops = RECORDS;                                                                     \
    }

#define OPEN_LULL                                                                                  \
    const lull_type *type;                                                                         \
    lull_thread *t = open_lull(&type)

DEFINE_WAY(run_lull_inline, OPEN_LULL, lull_alloc_inline(t, type), (void)0)
DEFINE_WAY(run_lull_function, OPEN_LULL, lull_alloc(t, type), (void)0)
DEFINE_WAY(run_malloc, (void)0, malloc(sizeof(struct record)), free(*place))
#ifdef HAVE_BDW_GC
/* Without interior pointers it needs no byte beyond an object's end: 32 bytes are not 48. */
#define OPEN_BOEHM                                                                                 \
    GC_set_all_interior_pointers(0);                                                               \
    GC_INIT()

DEFINE_WAY(run_boehm, OPEN_BOEHM, GC_MALLOC(sizeof(struct record)), (void)0)
#endif

static const micro_way ways[] = {
    {.name = "lull, inline", .run = run_lull_inline},
    {.name = "lull, function", .run = run_lull_function},
#ifdef HAVE_BDW_GC
    {.name = "Boehm GC, GC_MALLOC", .run = run_boehm},
#endif
    {.name = "Go, new", .peer = "micro-alloc"},
    {.name = "malloc and free", .run = run_malloc},
    {.name = "malloc and free of mimalloc", .run = run_malloc, .preload = "libmimalloc.so.2"},
};

int main(int argc, char **argv)
{
    static const micro_benchmark alloc = {"Allocating records of 32 bytes", "a record", ways,
                                          sizeof ways / sizeof ways[0]};

    return micro_main(argc, argv, &alloc);
}
