/* phases.h -- what all cycles do, phase by phase; cycle_stop.c and cycle_concurrent.c put the
 * phases in order. */
#ifndef LULL__PHASES_H
#define LULL__PHASES_H

#include "mark.h"
#include "roots.h"

/* What one cycle finds, from phase to phase. */
struct lull__cycle {
    lull_heap *heap;
    enum lull__cycle_reason reason;
    uint32_t markers;
    uint64_t begin_ns, hold_ns, mark_ns, held_ns;
    uint64_t before_bytes, goal_bytes;
    uint64_t allocated_bytes; /* since creation, when marking began */
    uint64_t in_use_bytes;    /* of spans, when marking ended */
    uint64_t object_bytes;    /* of the objects in them, dead ones too */
    uint64_t counted_bytes;   /* of heap->allocated_since: what the last cycle does not know and
                                 this one does, as marked or as black */
    uint64_t black_bytes;     /* live because they were allocated while it marked */
    struct lull__roots_scanned roots;
    struct lull__mark_total marked;
    size_t cleared, queued;
    uint64_t weak_ns, weak_cpu_ns; /* when the weak phase began */
};

/* Waits until every span is swept, helping. Not at a safepoint: the thread is blocked or inside
 * the library. */
void lull__phase_finish_sweep(lull_heap *heap, bool by_mutator);

/* Publishes the pacer's goal and trigger; under pacer_lock. */
void lull__phase_set_goal(lull_heap *heap);

/* Everything is swept, markers are ready, the cycle has its figures; the program runs. */
void lull__phase_begin(struct lull__cycle *c);

/* Once marking is over, before anything is swept: what the heap took at its largest. */
void lull__phase_measure(struct lull__cycle *c);

/* All roots but those of threads, to the marker. */
void lull__phase_shared_roots(struct lull__cycle *c, struct lull__marker *m);

/* Until nothing is left to mark, ephemerons' values included. */
void lull__phase_drain(struct lull__cycle *c, struct lull__marker *m);

/* After the last drain: weak references to the dead are cleared, finalizers of the dead queued, and
 * what they need revived. Then the finalizers may run, and ephemerons of the dead are emptied. The
 * order is lull/weak.h's promise. */
void lull__phase_weak(struct lull__cycle *c, struct lull__marker *m);
void lull__phase_revived(struct lull__cycle *c, struct lull__marker *m);

/* Adds up what was marked; checks it, if that is asked for: threads are held then. */
void lull__phase_count(struct lull__cycle *c);

/* Resident beside the objects, now. */
size_t lull__phase_metadata_bytes(lull_heap *heap);

/* The heap's figures and the next goal. */
void lull__phase_pace(struct lull__cycle *c);

/* The cycle is over, the program runs: events, and what may wait. */
void lull__phase_end(struct lull__cycle *c);

#endif
