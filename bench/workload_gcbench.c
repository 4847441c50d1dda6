/* workload_gcbench.c -- GCBench, by John Ellis and Pete Kovac, as Hans Boehm adapted it.
 *
 * A large tree is built and dropped, to stretch the heap; a tree and an array of doubles are
 * kept; then, for each second depth from 4 up, trees are built and dropped, from the top down
 * and from the bottom up, so many that each depth has about as many nodes. Each worker does all
 * of it. */
#include "parts.h"

#define DEPTH 16 /* the greatest, at scale 100 */
#define MIN_DEPTH 4
#define STRETCH 2 /* by so much the first tree is deeper */
#define ARRAY_DOUBLES 500000

/* The two numbers are the benchmark's own: nobody reads them, but they make the node's size. */
struct node {
    struct node *left, *right;
    int i, j;
};

struct setup {
    const lab_type *node;
    const lab_type *number;
    int depth;
};

static uint64_t tree_nodes(int depth)
{
    return (UINT64_C(1) << (depth + 1)) - 1;
}

/* Grows a tree below `node`, the parents first. */
static void populate(lab_thread *t, const lab_type *type, struct node *node, int depth)
{
    if (depth <= 0) {
        return;
    }
    lab_store(t, &node->left, LAB_MAKE(t, struct node, type));
    lab_store(t, &node->right, LAB_MAKE(t, struct node, type));
    populate(t, type, node->left, depth - 1);
    populate(t, type, node->right, depth - 1);
}

static struct node *top_down(lab_thread *t, const lab_type *type, int depth)
{
    struct node *root = LAB_MAKE(t, struct node, type);

    populate(t, type, root, depth);
    return root;
}

/* Builds a tree, the children first. */
static struct node *bottom_up(lab_thread *t, const lab_type *type, int depth)
{
    struct node *node;

    if (depth <= 0) {
        node = LAB_MAKE(t, struct node, type);
    } else {
        struct node *left = bottom_up(t, type, depth - 1);
        struct node *right = bottom_up(t, type, depth - 1);

        node = LAB_MAKE(t, struct node, type);
        lab_store(t, &node->left, left);
        lab_store(t, &node->right, right);
    }
    return node;
}

static uint64_t nodes(const struct node *node)
{
    return node->left == NULL ? 1 : 1 + nodes(node->left) + nodes(node->right);
}

static void drop(lab_thread *t, struct node *node)
{
    if (node->left != NULL) {
        drop(t, node->left);
        drop(t, node->right);
    }
    lab_free(t, node);
}

/* Builds and drops `trees` trees in one of the two ways. The last is counted; counting each
 * would double the benchmark's work. */
static void construct(lab_worker *worker, int depth, uint64_t trees,
                      struct node *(*build)(lab_thread *, const lab_type *, int))
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;

    for (uint64_t i = 0; i < trees; i++) {
        struct node *tree = build(t, setup->node, depth);

        if (i + 1 == trees) {
            worker->checksum = lab_mix(worker->checksum, nodes(tree));
        }
        if (LAB_FREES) {
            drop(t, tree);
        }
    }
    worker->ops += trees;
    worker->direct_objects += trees * tree_nodes(depth);
}

static void stretch(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    struct node *tree = bottom_up(worker->thread, setup->node, setup->depth + STRETCH);

    worker->checksum = nodes(tree);
    if (LAB_FREES) {
        drop(worker->thread, tree);
    }
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;
    struct node *kept;
    double *array;

    stretch(worker);
    kept = top_down(t, setup->node, setup->depth);
    array = lab_new_array(t, setup->number, ARRAY_DOUBLES);
    for (int i = 1; i < ARRAY_DOUBLES / 2; i++) {
        array[i] = 1.0 / i;
    }
    worker->ops = 2;
    worker->direct_objects = worker->checksum + tree_nodes(setup->depth) + 1;
    for (int depth = MIN_DEPTH; depth <= setup->depth; depth += 2) {
        uint64_t trees = 2 * tree_nodes(setup->depth + STRETCH) / tree_nodes(depth);

        construct(worker, depth, trees, top_down);
        construct(worker, depth, trees, bottom_up);
    }
    if (nodes(kept) != tree_nodes(setup->depth) || array[1000] != 1.0 / 1000) {
        worker->status = lab_fail("what was kept has changed");
    }
    if (LAB_FREES) {
        drop(t, kept);
    }
    lab_free(t, array);
}

static int run_gcbench(lab_run *run)
{
    struct setup setup = {
        .node = LAB_RECORD(run->heap, struct node, left, right),
        .number = lab_type_leaf(run->heap, "double", sizeof(double)),
        .depth = lab_scaled_depth(run, DEPTH, MIN_DEPTH + 2),
    };
    int status;

    lab_measure_begin(run);
    status = lab_workers(run, run->params->threads, work, &setup);
    lab_measure_end(run);
    return status;
}

LAB_WORKLOAD(gcbench, "gcbench", "tree", "Boehm's GCBench; each thread does all of it",
             LAB_HAS_THREADS, run_gcbench);
