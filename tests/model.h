/* model.h -- a heap and its shadow: a naive copy of every object, its words, and a marker that goes
 * by them alone. Random programs run on both; after a collection both must have the same objects
 * with the same contents.
 *
 * The model knows of the library what its headers promise. Everything is exact, since the thread's
 * stack is not scanned: what the model's roots reach, ephemerons and finalizers considered, is
 * alive, and nothing else. Cycles that the library begins by itself are noticed by their number
 * and followed. */
#ifndef LULL_TESTS_MODEL_H
#define LULL_TESTS_MODEL_H

#include "heap.h"
#include "random.h"
#include "support.h"

enum {
    MODEL_SHAPES = 40,
    MODEL_RANGE = 12,  /* registered roots */
    MODEL_TRACED = 12, /* roots that a callback reports */
    MODEL_HANDLES = 24,
    MODEL_FRAMES = 5,
    MODEL_FRAME_ROOTS = 4
};

enum model_kind { MODEL_WORDS, MODEL_WEAK, MODEL_EPHEMERON };

/* What an object's words are: pointers where `pointers` says so, `period` words over and over. */
struct model_shape {
    const lull_type *type; /* NULL: lull_alloc_leaf or lull_alloc_any */
    size_t period;
    bool *pointers;
    bool strict; /* only words that keep the tag rule count; a callback may report others too */
    bool array;  /* may be allocated by number */
};

struct model_node {
    uintptr_t address;
    size_t size;  /* usable bytes */
    size_t words; /* in use: of `word` */
    enum model_kind kind;
    const struct model_shape *shape;
    uintptr_t *word; /* what the words should be */
    bool reached;
    bool finalizer, queued;
};

struct model_frame {
    lull_frame head;
    void *root[MODEL_FRAME_ROOTS];
};

struct model {
    lull_heap *heap;
    lull_thread *t;
    struct random r;
    struct model_shape shape[MODEL_SHAPES];
    uint64_t cycles; /* of the library's, followed so far */

    struct model_node **node; /* by address */
    size_t count, capacity;
    struct model_node **stack; /* reached, their words not yet looked at */
    size_t depth;
    uintptr_t *dead; /* addresses that the last cycle should have freed */
    size_t dead_count;

    void *range[MODEL_RANGE];
    void *traced[MODEL_TRACED];
    lull_handle *handle[MODEL_HANDLES];
    struct model_frame frame[MODEL_FRAMES];
    size_t frames;
    const struct model_node *running; /* whose finalizer runs */
    uintptr_t argument[2];            /* of the call in progress, which holds them */
    size_t finalized, queued;         /* in all */
};

/* A heap with these options, and types for it; `crowded`: its cells are spent on others before, so
 * that objects lie in generic spans. */
struct model *model_new(const lull_options *options, uint64_t seed, bool crowded);
void model_free(struct model *m);

/* Something random: an allocation, a store, a root... but no collection on request. */
void model_step(struct model *m);

/* Runs up to `max` finalizers that are due, all if 0. */
void model_run_finalizers(struct model *m, size_t max);

/* Follows the cycles that the library ran by itself. */
void model_follow(struct model *m);

/* Collects, and compares everything. */
void model_collect(struct model *m);

#endif
