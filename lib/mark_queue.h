/* mark_queue.h -- words on their way to being marked: chunks, and their sharing by markers. */
#ifndef LULL__MARK_QUEUE_H
#define LULL__MARK_QUEUE_H

#include "heap.h"

bool lull__queue_init(struct lull__mark_queue *queue);
void lull__queue_finish(struct lull__mark_queue *queue);

/* An empty chunk; NULL: no memory. */
struct lull__chunk *lull__queue_take_empty(struct lull__mark_queue *queue);
void lull__queue_give_empty(struct lull__mark_queue *queue, struct lull__chunk *chunk);

/* A drain by `markers` markers begins; all but the caller count as idle until they take work. */
void lull__queue_begin(struct lull__mark_queue *queue, uint32_t markers);

/* Gives a chunk with work to whichever marker is idle. */
void lull__queue_publish(struct lull__mark_queue *queue, struct lull__chunk *chunk);

/* Publishes one word, in a chunk that others share where that has room; false: no memory. */
bool lull__queue_add(struct lull__mark_queue *queue, uintptr_t word);

/* Published work, or NULL when the drain is over: all markers idle and nothing published. Waits
 * in between. `idle`: the caller already counts as idle. */
struct lull__chunk *lull__queue_wait(struct lull__mark_queue *queue, bool idle);

/* A mutator's part: published work while a drain runs, or NULL; after work it publishes what is
 * left, then says that it has none. */
struct lull__chunk *lull__queue_assist(struct lull__mark_queue *queue);
void lull__queue_assist_end(struct lull__mark_queue *queue);

/* For a drain that mutators do alone: whether it is over; if not, sleeps until something changes,
 * or for timeout_ns. */
bool lull__queue_watch(struct lull__mark_queue *queue, uint64_t timeout_ns);

/* Marking is over: what was published since is nobody's. */
void lull__queue_discard(struct lull__mark_queue *queue);

/* Nothing is published, and no mutator holds work. */
bool lull__queue_is_empty(struct lull__mark_queue *queue);

/* Whether publishing would help somebody: a hint. */
LULL__INLINE bool lull__queue_hungry(const struct lull__mark_queue *queue)
{
    return atomic_load_explicit(&queue->idle, memory_order_relaxed) +
               queue->standby >
           atomic_load_explicit(&queue->full_count, memory_order_relaxed);
}

#endif
