/* threads.c -- two threads and a queue between them: attaching, blocking sections, safepoints. */
#include <lull.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct message {
    struct message *next;
    long number;
};

static const lull_type *message_type;

/* A queue in memory that the collector does not know: its two words are registered as roots. */
static struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct message *first, *last;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void fail(const char *what)
{
    fprintf(stderr, "threads: %s: %s\n", what, lull_error_message());
    exit(1);
}

/* Waiting for a lock is blocking too: whoever has it may be held by a collection. */
static void lock_queue(lull_thread *t, int wait_for_message)
{
    lull_blocking_begin(t);
    pthread_mutex_lock(&queue.lock);
    while (wait_for_message && queue.first == NULL) {
        pthread_cond_wait(&queue.filled, &queue.lock);
    }
    lull_blocking_end(t);
}

static void put(lull_thread *t, struct message *message)
{
    lock_queue(t, 0);
    if (queue.first == NULL) {
        lull_store(t, &queue.first, message);
    } else {
        lull_store(t, &queue.last->next, message);
    }
    lull_store(t, &queue.last, message);
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
}

static struct message *get(lull_thread *t)
{
    lock_queue(t, 1);
    struct message *message = queue.first;
    lull_store(t, &queue.first, message->next);
    pthread_mutex_unlock(&queue.lock);
    return message;
}

static void *produce(void *arg)
{
    lull_thread *t = lull_attach(arg, LULL_STACK_CONSERVATIVE);

    if (t == NULL) {
        fail("attaching");
    }
    for (long i = 1; i <= 100000; i++) {
        struct message *message = lull_alloc(t, message_type);
        if (message == NULL) {
            fail("allocating");
        }
        message->number = i;
        put(t, message);
    }
    lull_detach(t);
    return NULL;
}

/* A long computation that allocates nothing: it lets collections have their way now and then. */
static long ponder(lull_thread *t, long number)
{
    long sum = 0;

    for (long i = 0; i < 100; i++) {
        sum += number ^ i;
        lull_safepoint(t);
    }
    return sum;
}

int main(void)
{
    lull_heap *heap;
    pthread_t producer;
    long received = 0, sum = 0;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fail("making a heap");
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    message_type = LULL_RECORD(heap, struct message, next);
    if (t == NULL || message_type == NULL ||
        lull_roots_add(heap, &queue.first, 2 * sizeof queue.first) != LULL_OK) {
        fail("getting ready");
    }
    if (pthread_create(&producer, NULL, produce, heap) != 0) {
        return 1;
    }
    while (received < 100000) {
        struct message *message = get(t);
        received++;
        sum += ponder(t, message->number);
    }
    lull_blocking_begin(t);
    pthread_join(producer, NULL);
    lull_blocking_end(t);
    printf("%ld messages, sum %ld\n", received, sum);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
