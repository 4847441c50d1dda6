/* micro_mark.c -- what marking costs an object: a tree of 22.4 million nodes of 32 bytes with
 * four pointers each (716 MB), collected once while it is live.
 *
 * CPU is the markers'; the time on the clock is that of the whole collection. The tree is built
 * in the order of its depth, as programs build trees, so neighbours point to neighbours. */
#include <lull.h>
#include <lull/inline.h>

#include <stdlib.h>
#include <time.h>

#include "micro.h"

#ifdef HAVE_BDW_GC
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc/gc.h>
#endif

#define DEPTH 12
#define CHILDREN 4

struct node {
    struct node *child[CHILDREN];
};

/* DEFINE_GROW(function, allocate, store): the same tree from each allocator. */
#define DEFINE_GROW(function, allocate, store)                                                     \
    static struct node *function(lull_thread *t, const lull_type *type, int depth)                 \
    {                                                                                              \
        struct node *node = (allocate);                                                            \
                                                                                                   \
        if (node == NULL) {                                                                        \
            micro_failed("allocation");                                                            \
        }                                                                                          \
        for (int i = 0; depth > 0 && i < CHILDREN; i++) {                                          \
            store(&node->child[i], function(t, type, depth - 1));                                  \
        }                                                                                          \
        return node;                                                                               \
    }

#define STORE_LULL(slot, value) lull_store(t, (slot), (value))
#define STORE_PLAIN(slot, value) (*(slot) = (value))

DEFINE_GROW(grow_lull, lull_alloc_inline(t, type), STORE_LULL)

static void run_lull(micro_result *result, int markers)
{
    lull_stats stats = {.struct_size = sizeof stats};
    const lull_type *type;
    lull_options options;
    struct node *tree;
    lull_thread *t;
    lull_heap *heap;

    lull_options_init(&options);
    options.markers = markers;
    if (lull_heap_create(&options, &heap) != LULL_OK) {
        micro_failed("lull_heap_create");
    }
    t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    type = LULL_RECORD(heap, struct node, child[0], child[1], child[2], child[3]);
    if (t == NULL || type == NULL) {
        micro_failed("attaching to lull");
    }
    tree = grow_lull(t, type, DEPTH);
    if (lull_collect(t) != LULL_OK || lull_stats_read(heap, &stats) != LULL_OK) {
        micro_failed("lull_collect");
    }
    micro_use(tree);
    result->ops = stats.last_mark_objects;
    result->wall_ns = stats.last_cycle_ns;
    result->cpu_ns = stats.last_mark_cpu_ns;
}

static void run_lull_one(micro_result *result)
{
    run_lull(result, 1);
}

static void run_lull_two(micro_result *result)
{
    run_lull(result, 2);
}

#ifdef HAVE_BDW_GC
DEFINE_GROW(grow_boehm, GC_MALLOC(sizeof(struct node)), STORE_PLAIN)

static micro_result marking; /* of the last collection; written in the callback */

static void on_event(GC_EventType event)
{
    if (event == GC_EVENT_MARK_START) {
        micro_begin(&marking);
    } else if (event == GC_EVENT_MARK_END) {
        micro_end(&marking);
    }
}

static void run_boehm(micro_result *result)
{
    struct node *tree;

    GC_set_all_interior_pointers(0); /* or 32 bytes are 48 */
    GC_set_markers_count(1);
    GC_INIT();
    tree = grow_boehm(NULL, NULL, DEPTH);
    GC_set_on_collection_event(on_event);
    GC_gcollect();
    micro_use(tree);
    *result = marking;
    result->ops = ((UINT64_C(1) << (2 * (DEPTH + 1))) - 1) / 3;
}
#endif

static const micro_way ways[] = {
    {.name = "lull, one marker", .run = run_lull_one},
    {.name = "lull, two markers", .run = run_lull_two},
#ifdef HAVE_BDW_GC
    {.name = "Boehm GC, one marker", .run = run_boehm},
#endif
    {.name = "Go, one core, with its sweep", .peer = "micro-mark"},
};

int main(int argc, char **argv)
{
    static const micro_benchmark mark = {"Marking 22,369,621 objects of 32 bytes", "an object",
                                         ways, sizeof ways / sizeof ways[0]};

    return micro_main(argc, argv, &mark);
}
