/* workload_quads.c -- small garbage beside a large live tree.
 *
 * A tree of nodes with four children each is built and kept; then trees of 85 nodes are built,
 * counted and dropped, one after the other, each of them timed. The longest time is how long the
 * collector kept a program from its work while much was live. */
#include "parts.h"

#define CHILDREN 4
#define GARBAGE_DEPTH 3       /* of the trees that are dropped: 1 + 4 + 16 + 64 nodes */
#define GARBAGE_NODES 85      /* in one of them */
#define GARBAGE_TREES 1000000 /* by all workers together */

struct node {
    struct node *child[CHILDREN];
};

struct setup {
    const lab_type *type;
    uint64_t trees;
};

static struct node *grow(lab_thread *t, const lab_type *type, int depth)
{
    struct node *node = LAB_MAKE(t, struct node, type);

    for (int i = 0; depth > 0 && i < CHILDREN; i++) {
        lab_store(t, &node->child[i], grow(t, type, depth - 1));
    }
    return node;
}

static uint64_t nodes(const struct node *node)
{
    uint64_t count = 1;

    for (int i = 0; i < CHILDREN; i++) {
        if (node->child[i] != NULL) {
            count += nodes(node->child[i]);
        }
    }
    return count;
}

static void drop(lab_thread *t, struct node *node)
{
    for (int i = 0; i < CHILDREN; i++) {
        if (node->child[i] != NULL) {
            drop(t, node->child[i]);
        }
    }
    lab_free(t, node);
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;

    worker->ops = lab_share(worker, setup->trees);
    for (uint64_t i = 0; i < worker->ops; i++) {
        uint64_t begin = lab_now_ns();
        struct node *tree = grow(t, setup->type, GARBAGE_DEPTH);
        uint64_t count = nodes(tree);

        if (LAB_FREES) {
            drop(t, tree);
        }
        lab_timed(worker, lab_now_ns() - begin);
        if (count != GARBAGE_NODES) {
            worker->status =
                lab_fail("a tree of %d nodes has %llu", GARBAGE_NODES, (unsigned long long)count);
            return;
        }
        worker->checksum += count;
    }
    worker->direct_objects = worker->ops * GARBAGE_NODES;
}

static int run_quads(lab_run *run)
{
    struct setup setup = {
        .type = LAB_RECORD(run->heap, struct node, child[0], child[1], child[2], child[3]),
        .trees = lab_scaled(run, GARBAGE_TREES, 100),
    };
    struct node *live = grow(run->main, setup.type, run->params->depth);
    uint64_t expected = nodes(live);
    int status;

    lab_measure_begin(run);
    status = lab_workers(run, run->params->threads, work, &setup);
    lab_measure_end(run);
    if (status == 0 && nodes(live) != expected) {
        status = lab_fail("the live tree has lost nodes");
    }
    run->result->checksum = lab_mix(run->result->checksum, expected);
    if (LAB_FREES) {
        drop(run->main, live);
    }
    return status;
}

LAB_WORKLOAD(quads, "quads", "tree",
             "trees of 85 nodes made and dropped beside a live tree of --depth",
             LAB_HAS_THREADS | LAB_HAS_DEPTH, run_quads);
