/* micro_handshake.c -- how long a handshake takes: from the collector's request until every thread
 * has taken part, or the collector for it.
 *
 * Threads that are blocked are served by the collector, one after the other; those that run must
 * come to a safepoint, which they do when the system lets them run. Usage: micro_handshake
 * [THREADS], 64 by default. */
#include <lull.h>
#include <lull/inline.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 64
#define THREADS_MAX 1024
#define CYCLES 200

static lull_heap *heap;
static atomic_bool over;
static atomic_uint ready;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* who is blocked waits for it */

_Noreturn static void failed(const char *what)
{
    fprintf(stderr, "micro_handshake: %s failed: %s\n", what, lull_error_message());
    exit(1);
}

static lull_thread *attach(void)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    if (t == NULL) {
        failed("lull_attach");
    }
    atomic_fetch_add(&ready, 1);
    return t;
}

static void *block(void *arg)
{
    lull_thread *t = attach();

    (void)arg;
    lull_blocking_begin(t);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    lull_blocking_end(t);
    lull_detach(t);
    return NULL;
}

static void *allocate(void *arg)
{
    lull_thread *t = attach();

    (void)arg;
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        if (lull_alloc_leaf(t, 64) == NULL) {
            failed("lull_alloc_leaf");
        }
        lull_safepoint(t);
    }
    lull_detach(t);
    return NULL;
}

static void print_times(unsigned threads, unsigned running)
{
    lull_stats stats = {.struct_size = sizeof stats};

    if (lull_stats_read(heap, &stats) != LULL_OK) {
        failed("lull_stats_read");
    }
    printf("%7u  %7u  %10llu  %8.1f  %8.1f  %8.1f  %8.1f\n", threads, running,
           (unsigned long long)stats.time_to_handshake.count,
           (double)stats.time_to_handshake.p50_ns / 1e3,
           (double)stats.time_to_handshake.p99_ns / 1e3,
           (double)stats.time_to_handshake.p999_ns / 1e3,
           (double)stats.time_to_handshake.max_ns / 1e3);
}

/* One heap with so many threads, of which some run and the others are blocked. */
static void measure(unsigned threads, unsigned running)
{
    pthread_t thread[THREADS_MAX];
    lull_options options;

    lull_options_init(&options);
    options.mode = LULL_MODE_CONCURRENT;
    if (lull_heap_create(&options, &heap) != LULL_OK) {
        failed("lull_heap_create");
    }
    atomic_store(&over, false);
    atomic_store(&ready, 0);
    pthread_mutex_lock(&gate);
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, i < running ? allocate : block, NULL) != 0) {
            failed("making a thread");
        }
    }
    lull_thread *t = attach();
    while (atomic_load(&ready) <= threads) {
        lull_safepoint(t);
    }
    for (int i = 0; i < CYCLES; i++) {
        if (lull_collect(t) != LULL_OK) {
            failed("lull_collect");
        }
    }
    print_times(threads, running);
    atomic_store(&over, true);
    lull_blocking_begin(t);
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
    lull_blocking_end(t);
    lull_detach(t);
    lull_heap_destroy(heap);
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : THREADS;

    if (threads < 2 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: micro_handshake [THREADS], 2 to %d\n", THREADS_MAX);
        return 2;
    }
    puts("Handshakes, microseconds from the request until all threads took part\n");
    puts("threads  running  handshakes       p50       p99     p99.9       max");
    measure(threads, 0);
    measure(threads, 1);
    measure(threads, 2);
    measure(threads, threads / 4);
    return 0;
}
