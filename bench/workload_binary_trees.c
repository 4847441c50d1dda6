/* workload_binary_trees.c -- as the Computer Language Benchmarks Game defines it.
 *
 * A tree of the depth beyond the greatest is built and dropped, one of the greatest depth is
 * built and kept; then, for each second depth from 4 up, trees are built, counted and dropped,
 * so many that each depth has about as many nodes. Workers divide the trees of each depth. */
#include "parts.h"

#define DEPTH 18 /* the greatest, at scale 100 */
#define MIN_DEPTH 4

struct node {
    struct node *left, *right;
};

struct setup {
    const lab_type *type;
    int depth;
};

static struct node *grow(lab_thread *t, const lab_type *type, int depth)
{
    struct node *node;

    if (depth == 0) {
        node = LAB_MAKE(t, struct node, type);
    } else {
        struct node *left = grow(t, type, depth - 1);
        struct node *right = grow(t, type, depth - 1);

        node = LAB_MAKE(t, struct node, type);
        lab_store(t, &node->left, left);
        lab_store(t, &node->right, right);
    }
    return node;
}

static uint64_t check(const struct node *node)
{
    return node->left == NULL ? 1 : 1 + check(node->left) + check(node->right);
}

static void drop(lab_thread *t, struct node *node)
{
    if (node->left != NULL) {
        drop(t, node->left);
        drop(t, node->right);
    }
    lab_free(t, node);
}

/* Builds, counts and drops one tree. */
static uint64_t one_tree(lab_thread *t, const lab_type *type, int depth)
{
    struct node *tree = grow(t, type, depth);
    uint64_t count = check(tree);

    if (LAB_FREES) {
        drop(t, tree);
    }
    return count;
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;

    for (int depth = MIN_DEPTH; depth <= setup->depth; depth += 2) {
        uint64_t trees = lab_share(worker, UINT64_C(1) << (setup->depth - depth + MIN_DEPTH));

        for (uint64_t i = 0; i < trees; i++) {
            uint64_t count = one_tree(worker->thread, setup->type, depth);

            worker->checksum += lab_mix((uint64_t)depth, count);
            worker->direct_objects += count;
        }
        worker->ops += trees;
    }
}

static int run_binary_trees(lab_run *run)
{
    struct setup setup = {
        .type = LAB_RECORD(run->heap, struct node, left, right),
        .depth = lab_scaled_depth(run, DEPTH, MIN_DEPTH + 2),
    };
    lab_result *result = run->result;
    uint64_t stretch, kept_nodes;
    struct node *kept;
    int status;

    lab_measure_begin(run);
    stretch = one_tree(run->main, setup.type, setup.depth + 1);
    kept = grow(run->main, setup.type, setup.depth);
    status = lab_workers(run, run->params->threads, work, &setup);
    kept_nodes = check(kept);
    lab_measure_end(run);
    if (status != 0) {
        return status;
    }
    if (stretch != 2 * kept_nodes + 1) {
        return lab_fail("the tree that was kept has lost nodes");
    }
    result->ops += 2;
    result->direct_objects += (int64_t)(stretch + kept_nodes);
    result->checksum = lab_mix(result->checksum, stretch);
    if (LAB_FREES) {
        drop(run->main, kept);
    }
    return 0;
}

LAB_WORKLOAD(binary_trees, "binary-trees", "tree", "the Benchmarks Game's binary trees, depth 18",
             LAB_HAS_THREADS, run_binary_trees);
