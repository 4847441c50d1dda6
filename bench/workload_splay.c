/* workload_splay.c -- the splay benchmark of V8 and Octane.
 *
 * A splay tree of 8,000 nodes, each with a tree of values below it. One operation inserts a node
 * under a new random key, with its values, and removes the node with the next smaller key. The
 * tree turns itself over all the time, so old objects come to point to new ones everywhere, and
 * what dies was made long ago: the opposite of what generations hope for. Each worker has a tree
 * of its own. */
#include "parts.h"

#define LIVE_NODES 8000   /* in each tree; fewer below scale 100 */
#define OPERATIONS 200000 /* by all workers together */
#define PAYLOAD_DEPTH 5
#define PAYLOAD_OBJECTS 127 /* 31 inner ones, 32 leaves with an array and a text each */
#define ARRAY_NUMBERS 10
#define TEXT_BYTES 45 /* the text below and its end */

static const char text_pattern[TEXT_BYTES] = "String for key 0123456789abcdef in leaf node";
#define TEXT_KEY 15 /* where the key stands in it */
#define KEY_DIGITS 16

/* The tree of values: inner ones have children, leaves an array and a text. */
struct payload {
    struct payload *left, *right;
    int64_t *array;
    char *text;
};

struct node {
    uint64_t key;
    struct payload *value;
    struct node *left, *right;
};

struct tree {
    struct node *root;
    lab_random random; /* goes on where the worker that filled the tree stopped */
};

/* Where a worker of the second phase finds the tree that one of the first made. */
struct place {
    struct tree *tree;
};

struct setup {
    const lab_type *tree, *node, *payload, *array, *text;
    struct place *place; /* one a worker */
    uint64_t live;
    uint64_t operations;
};

static void write_key(char digits[KEY_DIGITS], uint64_t key)
{
    for (int i = KEY_DIGITS - 1; i >= 0; i--) {
        digits[i] = "0123456789abcdef"[key & 15];
        key >>= 4;
    }
}

static struct payload *make_payload(lab_thread *t, const struct setup *setup, int depth,
                                    const char digits[KEY_DIGITS])
{
    struct payload *payload = LAB_MAKE(t, struct payload, setup->payload);

    if (depth == 0) {
        int64_t *array = lab_new_dirty(t, setup->array);
        char *text;

        lab_store(t, &payload->array, array);
        for (int i = 0; i < ARRAY_NUMBERS; i++) {
            array[i] = i;
        }
        text = lab_new_dirty(t, setup->text);
        lab_store(t, &payload->text, text);
        memcpy(text, text_pattern, TEXT_BYTES);
        memcpy(text + TEXT_KEY, digits, KEY_DIGITS);
    } else {
        lab_store(t, &payload->left, make_payload(t, setup, depth - 1, digits));
        lab_store(t, &payload->right, make_payload(t, setup, depth - 1, digits));
    }
    return payload;
}

static void drop_payload(lab_thread *t, struct payload *payload)
{
    if (payload->left != NULL) {
        drop_payload(t, payload->left);
        drop_payload(t, payload->right);
    }
    lab_free(t, payload->array);
    lab_free(t, payload->text);
    lab_free(t, payload);
}

static void drop_node(lab_thread *t, struct node *node)
{
    drop_payload(t, node->value);
    lab_free(t, node);
}

/* Brings the node with `key`, or a neighbour of its place, to the root (Sleator & Tarjan 1985,
 * from the top down). `sides` collects the two halves: its right is the tree of smaller keys,
 * its left that of greater ones. It is a local variable, so storing into it needs no barrier;
 * as it cannot be told from a node, it gets one. */
static void splay(lab_thread *t, struct tree *tree, uint64_t key)
{
    struct node sides = {0, NULL, NULL, NULL};
    struct node *left = &sides, *right = &sides, *current = tree->root;

    while (key != current->key) {
        struct node *child = key < current->key ? current->left : current->right;

        if (child == NULL) {
            break;
        }
        if (key < current->key) {
            if (key < child->key) { /* rotate right */
                lab_store(t, &current->left, child->right);
                lab_store(t, &child->right, current);
                current = child;
                if (current->left == NULL) {
                    break;
                }
            }
            lab_store(t, &right->left, current); /* link right */
            right = current;
            current = current->left;
        } else {
            if (key > child->key) { /* rotate left */
                lab_store(t, &current->right, child->left);
                lab_store(t, &child->left, current);
                current = child;
                if (current->right == NULL) {
                    break;
                }
            }
            lab_store(t, &left->right, current); /* link left */
            left = current;
            current = current->right;
        }
    }
    lab_store(t, &left->right, current->left);
    lab_store(t, &right->left, current->right);
    lab_store(t, &current->left, sides.right);
    lab_store(t, &current->right, sides.left);
    lab_store(t, &tree->root, current);
}

/* Inserts a node; `key` is not in the tree, and was the last to be looked for. */
static void insert(lab_thread *t, const struct setup *setup, struct tree *tree, uint64_t key)
{
    struct node *node = LAB_MAKE(t, struct node, setup->node);
    char digits[KEY_DIGITS];

    write_key(digits, key);
    node->key = key;
    lab_store(t, &node->value, make_payload(t, setup, PAYLOAD_DEPTH, digits));
    if (tree->root != NULL) {
        struct node *root = tree->root;

        if (key > root->key) {
            lab_store(t, &node->left, root);
            lab_store(t, &node->right, root->right);
            lab_store(t, &root->right, NULL);
        } else {
            lab_store(t, &node->right, root);
            lab_store(t, &node->left, root->left);
            lab_store(t, &root->left, NULL);
        }
    }
    lab_store(t, &tree->root, node);
}

/* Removes the node with `key`, which is in the tree. */
static void remove_key(lab_thread *t, struct tree *tree, uint64_t key)
{
    struct node *removed;

    splay(t, tree, key);
    removed = tree->root;
    if (removed->left == NULL) {
        lab_store(t, &tree->root, removed->right);
    } else {
        lab_store(t, &tree->root, removed->left);
        splay(t, tree, key);
        lab_store(t, &tree->root->right, removed->right);
    }
    if (LAB_FREES) {
        drop_node(t, removed);
    }
}

/* Inserts a node under a random key that is not in the tree, and returns the key. */
static uint64_t insert_random(lab_thread *t, const struct setup *setup, struct tree *tree)
{
    uint64_t key;

    do {
        key = lab_random_next(&tree->random);
        if (tree->root != NULL) {
            splay(t, tree, key);
        }
    } while (tree->root != NULL && tree->root->key == key);
    insert(t, setup, tree, key);
    return key;
}

/* The greatest key below `key`, which is in the tree; `key` itself where there is none. */
static uint64_t key_before(lab_thread *t, struct tree *tree, uint64_t key)
{
    const struct node *node;

    splay(t, tree, key);
    node = tree->root->left;
    if (node == NULL) {
        return key;
    }
    while (node->right != NULL) {
        node = node->right;
    }
    return node->key;
}

static uint64_t payload_sum(const struct payload *payload)
{
    uint64_t sum = 0;

    if (payload->left != NULL) {
        return payload_sum(payload->left) + payload_sum(payload->right);
    }
    for (int i = 0; i < ARRAY_NUMBERS; i++) {
        sum += (uint64_t)payload->array[i];
    }
    for (int i = 0; i < TEXT_BYTES; i++) {
        sum += (unsigned char)payload->text[i];
    }
    return sum;
}

/* Adds the tree below `node`, in the order of its keys, to the worker's checksum; returns its
 * nodes. */
static uint64_t sum_up(lab_worker *worker, const struct node *node)
{
    uint64_t count = 1;

    if (node->left != NULL) {
        count += sum_up(worker, node->left);
    }
    worker->checksum = lab_mix(worker->checksum, node->key + payload_sum(node->value));
    if (node->right != NULL) {
        count += sum_up(worker, node->right);
    }
    return count;
}

static void fill(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;
    struct tree *tree = LAB_MAKE(t, struct tree, setup->tree);

    lab_store(t, &setup->place[worker->index].tree, tree);
    tree->random = worker->random;
    for (uint64_t i = 0; i < setup->live; i++) {
        insert_random(t, setup, tree);
    }
}

static void churn(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;
    struct tree *tree = setup->place[worker->index].tree;

    worker->ops = lab_share(worker, setup->operations);
    for (uint64_t i = 0; i < worker->ops; i++) {
        uint64_t begin = lab_now_ns();
        uint64_t key = insert_random(t, setup, tree);

        remove_key(t, tree, key_before(t, tree, key));
        lab_timed(worker, lab_now_ns() - begin);
    }
    worker->direct_objects = worker->ops * (1 + PAYLOAD_OBJECTS);
}

static void check(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    struct tree *tree = setup->place[worker->index].tree;
    uint64_t count = sum_up(worker, tree->root);

    if (count != setup->live) {
        worker->status = lab_fail("a tree of %llu nodes has %llu", (unsigned long long)setup->live,
                                  (unsigned long long)count);
    }
    while (LAB_FREES && tree->root != NULL) {
        remove_key(worker->thread, tree, tree->root->key);
    }
    lab_free(worker->thread, tree);
}

static int run_splay(lab_run *run)
{
    const lab_type *place = LAB_RECORD(run->heap, struct place, tree);
    int threads = run->params->threads;
    struct setup setup = {
        .tree = LAB_RECORD(run->heap, struct tree, root),
        .node = LAB_RECORD(run->heap, struct node, value, left, right),
        .payload = LAB_RECORD(run->heap, struct payload, left, right, array, text),
        .array = lab_type_leaf(run->heap, "array", ARRAY_NUMBERS * sizeof(int64_t)),
        .text = lab_type_leaf(run->heap, "text", TEXT_BYTES),
        .place = lab_new_array(run->main, place, (size_t)threads),
        .live = lab_scaled(run, LIVE_NODES, 100),
        .operations = lab_scaled(run, OPERATIONS, 100),
    };
    int status;

    if (setup.live > LIVE_NODES) {
        setup.live = LIVE_NODES;
    }
    status = lab_workers(run, threads, fill, &setup);
    if (status == 0) {
        lab_measure_begin(run);
        status = lab_workers(run, threads, churn, &setup);
        lab_measure_end(run);
    }
    if (status == 0) {
        status = lab_workers(run, threads, check, &setup);
    }
    lab_free(run->main, setup.place);
    return status;
}

LAB_WORKLOAD(splay, "splay", "operation",
             "V8's splay tree: 8,000 nodes with payloads, one inserted and one removed each time",
             LAB_HAS_THREADS, run_splay);
