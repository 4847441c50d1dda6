/* mark.h -- marking: from roots to everything reachable. */
#ifndef LULL__MARK_H
#define LULL__MARK_H

#include "heap.h"
#include "mark_kernel.h"
#include "mark_queue.h"

/* What a trace callback talks to: a marker, or the verifier. */
struct lull_tracer {
    void (*range)(lull_tracer *tracer, const uintptr_t *start, const uintptr_t *end);
};

/* An edge that waits in the ring: where its object's state byte and body are. */
struct lull__edge {
    uint8_t *state;
    char *base;
    const struct lull__block *block;
};

/* What stands in the ring where no edge waits: its state byte is never white. */
extern const struct lull__edge lull__no_edge;

#define LULL__FOUND_END ((struct lull_ephemeron *)(void *)1) /* last of a `found` list: not NULL */

#define LULL__RING 64 /* a power of two; doc/design.md has the measurements */

/* One marking thread's state; its own but where said. */
struct lull__marker {
    struct lull_tracer tracer; /* first: a callback's tracer is its marker */
    lull_heap *heap;
    const struct lull__mark_kernel *kernel;

    /* from the heap, for the time of a drain */
    uintptr_t range;
    size_t extent;
    const struct lull__block *blocks;
    uint8_t white, black;

    /* the stack of words: chunk->word[0, top) and the chunks below it */
    struct lull__chunk *chunk;
    uintptr_t *top;
    uintptr_t *limit; /* end of the chunk's words */

    struct lull_ephemeron *found; /* ephemerons marked, by their `found` links */
    size_t bytes;                 /* marked; slots, not what was asked for */
    size_t objects;
    size_t reported;              /* of bytes, in heap->marked_bytes already */
    uint64_t cpu_ns;

    uint32_t ring_place; /* of the oldest edge, where the next one goes */
    struct lull__edge ring[LULL__RING];
};

/* A marker without work: its memory is zero. */
void lull__mark_make(struct lull__marker *m, lull_heap *heap,
                     const struct lull__mark_kernel *kernel);

/* The heap's markers; false: no memory. Finish ends their threads. */
bool lull__mark_init(lull_heap *heap);
void lull__mark_finish(lull_heap *heap);

/* Has threads for `markers` markers alive, as far as the system lets. Before threads are held:
 * starting a thread takes locks of the C library, which a thread held by a signal may have. */
void lull__mark_start_threads(lull_heap *heap, uint32_t markers);

/* Marking begins: white is the heap's colour from now on, black the other. Everything is swept; all
 * threads are held, or allocate black: a marker looks only at the range as it is now. Returns the
 * collecting thread's marker. */
struct lull__marker *lull__mark_begin(lull_heap *heap);

/* Adds roots: one word, or every aligned word of a range. May mark some of what they reach. */
void lull__mark_word(struct lull__marker *m, uintptr_t word);
void lull__mark_range(struct lull__marker *m, const void *start, const void *end);

/* Marks everything reachable from what was added, with up to `markers` of the threads started; 0:
 * by the assists of threads that allocate. */
void lull__mark_drain(lull_heap *heap, uint32_t markers);

/* A mutator's part in a drain, begun at since_ns (CLOCK_MONOTONIC): takes published work, marks for
 * a quantum, publishes what is left. False: there was none, or no memory for the thread's marker.
 * Inside the library. */
bool lull__mark_assist(lull_thread *t, uint64_t since_ns, uint64_t quantum_ns);
void lull__mark_assist_finish(lull_thread *t);

/* Objects marked since marking began, by markers and assists; between drains. */
size_t lull__mark_objects(lull_heap *heap);

/* Whether marking reached the object in a slot. Between drains. */
LULL__INLINE bool lull__mark_reached(const struct lull__marker *m, const struct lull__slot *slot)
{
    return slot->state != NULL && lull__state_load(slot->state) == m->black;
}

/* Whether there is an object in the slot that marking did not reach. Between drains. */
LULL__INLINE bool lull__mark_missed(const struct lull__marker *m, const struct lull__slot *slot)
{
    if (slot->state == NULL) {
        return false;
    }
    uint8_t state = lull__state_load(slot->state);
    return state == m->white || state == LULL__KEY;
}

/* Marking is over: adds up what the markers counted, and zeroes it. */
struct lull__mark_total {
    size_t bytes, objects;
    uint64_t cpu_ns;
};
struct lull__mark_total lull__mark_end(lull_heap *heap);

/* After fork, in the child: the marker threads are gone. */
void lull__mark_fork_child(lull_heap *heap);

/* ephemeron.c's hooks: a slot in state LULL__KEY was reached; some were blackened without a word
 * (mark_overflow.c). */
void lull__ephemeron_key_reached(struct lull__marker *m, uint8_t *state);
void lull__ephemeron_recover(struct lull__marker *m);

/* For the next look at all ephemerons: those that an assisting mutator found, and one that a
 * mutator blackened for want of memory (grey.c). */
void lull__ephemeron_merge(lull_heap *heap, struct lull__marker *m);
void lull__ephemeron_shaded(lull_heap *heap, void *object);

#endif
