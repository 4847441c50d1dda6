/* mark_queue.c -- chunks of words, and their sharing by markers.
 *
 * A marker works on chunks of its own, without locks; only whole chunks change hands, and only
 * when another marker is idle.
 *
 * The argument. Names that begin with p. are properties of the model, tests/model/queue.pml; the
 * names in capitals are steps that it has left out.
 *
 * .arg.over  A drain is over when all markers are idle, nothing is published, and no thread of the
 *   program assists: all three change under the lock, so the last one to become idle knows. Who
 *   assists publishes what is left before it says that it has none, and takes nothing when the
 *   drain is over. What others publish since waits for the next drain. (p.over; WITHOUT_ASSISTING,
 *   END_FIRST, WITHOUT_DONE)
 * .arg.join  A marker thread that has not come yet counts as idle, and none may join when the drain
 *   is over; the collecting thread waits for those that did, which may have found work since
 *   (markers.c's begin_drain and end_drain). (p.over, p.end; WITHOUT_IDLE, WITHOUT_LEFT,
 *   JOINS_LATE)
 * .arg.wake  `wake` is read under the lock that it changes under, so no change is slept through.
 *   Who becomes idle last wakes all; who ends an assist wakes one, which then is the one to know.
 *   (p.end; WITHOUT_END_WAKE, WITHOUT_OVER_WAKE, WAKES_ONE, SEEN_LATE) */
#include "mark_queue.h"

#include "delay.h"

#define CHUNKS_A_MAPPING 64
#define SPINS 200
#define STANDBY 2 /* chunks; a thread that assists gives back what it has left */

static lull_heap *heap_of(struct lull__mark_queue *queue)
{
    return (lull_heap *)(void *)((char *)queue - offsetof(lull_heap, queue));
}

bool lull__queue_init(struct lull__mark_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    /* one chunk in reserve from the start: marking can always make progress (mark_overflow.c) */
    struct lull__chunk *chunk = lull__queue_take_empty(queue);
    if (chunk != NULL) {
        lull__queue_give_empty(queue, chunk);
    }
    return chunk != NULL;
}

void lull__queue_finish(struct lull__mark_queue *queue)
{
    struct lull__chunk_header *mapping = queue->mapped;

    while (mapping != NULL) {
        struct lull__chunk_header *next = mapping->next;
        lull__os_unmap(mapping, mapping->bytes);
        mapping = next;
    }
    pthread_mutex_destroy(&queue->lock);
}

/* Under lock. The mapping's first page holds its header. */
static void map_chunks(struct lull__mark_queue *queue)
{
    size_t bytes = (CHUNKS_A_MAPPING + 1) * sizeof(struct lull__chunk);
    struct lull__chunk_header *mapping = lull__os_map(bytes);

    if (mapping == NULL) {
        return;
    }
    mapping->next = queue->mapped;
    mapping->bytes = bytes;
    queue->mapped = mapping;
    atomic_fetch_add_explicit(&queue->bytes, bytes, memory_order_relaxed);
    struct lull__chunk *chunk = (struct lull__chunk *)(void *)mapping + 1;
    for (unsigned i = 0; i < CHUNKS_A_MAPPING; i++) {
        chunk[i].next = i + 1 < CHUNKS_A_MAPPING ? &chunk[i + 1] : queue->spare;
    }
    queue->spare = chunk;
}

/* Under lock. */
static struct lull__chunk *take_empty(struct lull__mark_queue *queue)
{
    if (queue->spare == NULL) {
        map_chunks(queue);
    }
    struct lull__chunk *chunk = queue->spare;
    if (chunk != NULL) {
        queue->spare = chunk->next;
    }
    return chunk;
}

struct lull__chunk *lull__queue_take_empty(struct lull__mark_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct lull__chunk *chunk = take_empty(queue);
    pthread_mutex_unlock(&queue->lock);
    return chunk;
}

void lull__queue_give_empty(struct lull__mark_queue *queue, struct lull__chunk *chunk)
{
    pthread_mutex_lock(&queue->lock);
    chunk->next = queue->spare;
    queue->spare = chunk;
    pthread_mutex_unlock(&queue->lock);
}

void lull__queue_begin(struct lull__mark_queue *queue, uint32_t markers)
{
    pthread_mutex_lock(&queue->lock);
    queue->markers = markers;
    queue->done = 0;
    queue->standby = lull__runs_beside(heap_of(queue)) ? STANDBY : 0;
    /* relaxed, here and below: written under the lock; outside it a hint */
    atomic_store_explicit(&queue->idle, markers - 1, memory_order_relaxed);
    pthread_mutex_unlock(&queue->lock);
}

/* Under lock: something has changed. Whether somebody sleeps until then: mostly nobody does, and a
 * call of the system would be the longer part of an assist. */
static bool change(struct lull__mark_queue *queue)
{
    /* release: pairs with the acquire before the sleep; a change is not slept through */
    atomic_fetch_add_explicit(&queue->wake, 1, memory_order_release);
    return queue->sleepers != 0;
}

/* After a change: one who sleeps looks again. He may take the processor at once, and wants the
 * lock: so it is given back first. */
static void unlock_and_wake(struct lull__mark_queue *queue)
{
    bool asleep = change(queue);

    pthread_mutex_unlock(&queue->lock);
    if (asleep) {
        lull__os_futex_wake(&queue->wake, 1);
    }
}

/* Under lock. */
static void put_full(struct lull__mark_queue *queue, struct lull__chunk *chunk)
{
    chunk->next = queue->full;
    queue->full = chunk;
    atomic_fetch_add_explicit(&queue->full_count, 1, memory_order_relaxed);
}

void lull__queue_publish(struct lull__mark_queue *queue, struct lull__chunk *chunk)
{
    lull__delay(heap_of(queue), LULL__DELAY_QUEUE_PUBLISH);
    pthread_mutex_lock(&queue->lock);
    put_full(queue, chunk);
    unlock_and_wake(queue);
}

bool lull__queue_add(struct lull__mark_queue *queue, uintptr_t word)
{
    pthread_mutex_lock(&queue->lock);
    struct lull__chunk *chunk = queue->full;
    if (chunk == NULL || chunk->count == LULL__CHUNK_WORDS) {
        chunk = take_empty(queue);
        if (chunk != NULL) {
            chunk->count = 0;
            put_full(queue, chunk);
        }
    }
    if (chunk == NULL) {
        pthread_mutex_unlock(&queue->lock);
        return false;
    }
    chunk->word[chunk->count++] = word;
    unlock_and_wake(queue);
    return true;
}

/* Under lock. */
static struct lull__chunk *take_full(struct lull__mark_queue *queue)
{
    struct lull__chunk *chunk = queue->full;

    if (chunk != NULL) {
        queue->full = chunk->next;
        atomic_fetch_sub_explicit(&queue->full_count, 1, memory_order_relaxed);
    }
    return chunk;
}

/* Under lock: whether nobody has work, nor can get any; then the drain is done. */
static bool over(struct lull__mark_queue *queue)
{
    if (atomic_load_explicit(&queue->idle, memory_order_relaxed) != queue->markers ||
        queue->full != NULL || queue->assisting != 0) {
        return false;
    }
    queue->done = 1;
    if (change(queue)) {
        lull__os_futex_wake(&queue->wake, INT32_MAX);
    }
    return true;
}

struct lull__chunk *lull__queue_assist(struct lull__mark_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct lull__chunk *chunk = queue->done ? NULL : take_full(queue);
    queue->assisting += chunk != NULL;
    pthread_mutex_unlock(&queue->lock);
    return chunk;
}

void lull__queue_assist_end(struct lull__mark_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->assisting--;
    unlock_and_wake(queue); /* who waits may find the drain over, or what the assist gave back */
}

void lull__queue_discard(struct lull__mark_queue *queue)
{
    struct lull__chunk *chunk;

    pthread_mutex_lock(&queue->lock);
    while ((chunk = take_full(queue)) != NULL) {
        chunk->next = queue->spare;
        queue->spare = chunk;
    }
    pthread_mutex_unlock(&queue->lock);
}

bool lull__queue_watch(struct lull__mark_queue *queue, uint64_t timeout_ns)
{
    pthread_mutex_lock(&queue->lock);
    bool done = queue->full == NULL && queue->assisting == 0;
    uint32_t seen = atomic_load_explicit(&queue->wake, memory_order_acquire);
    queue->done = done;
    queue->sleepers += !done;
    pthread_mutex_unlock(&queue->lock);
    if (!done) {
        lull__os_futex_wait(&queue->wake, seen, timeout_ns);
        pthread_mutex_lock(&queue->lock);
        queue->sleepers--;
        pthread_mutex_unlock(&queue->lock);
    }
    return done;
}

bool lull__queue_is_empty(struct lull__mark_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool empty = queue->full == NULL && queue->assisting == 0;
    pthread_mutex_unlock(&queue->lock);
    return empty;
}

struct lull__chunk *lull__queue_wait(struct lull__mark_queue *queue, bool idle)
{
    struct lull__chunk *chunk;

    pthread_mutex_lock(&queue->lock);
    while ((chunk = take_full(queue)) == NULL && !queue->done) {
        if (!idle) {
            idle = true;
            atomic_fetch_add_explicit(&queue->idle, 1, memory_order_relaxed);
        }
        if (over(queue)) {
            break;
        }
        uint32_t seen = atomic_load_explicit(&queue->wake, memory_order_acquire);
        queue->sleepers++;
        pthread_mutex_unlock(&queue->lock);
        lull__delay(heap_of(queue), LULL__DELAY_QUEUE_WAIT);
        for (unsigned i = 0;
             i < SPINS && atomic_load_explicit(&queue->wake, memory_order_acquire) == seen; i++) {
            lull__os_relax();
        }
        lull__os_futex_wait(&queue->wake, seen, 0);
        pthread_mutex_lock(&queue->lock);
        queue->sleepers--;
    }
    if (chunk != NULL && idle) {
        atomic_fetch_sub_explicit(&queue->idle, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&queue->lock);
    return chunk;
}
