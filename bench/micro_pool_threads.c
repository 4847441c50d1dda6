/* micro_pool_threads.c -- a pool among many threads on few processors, in bursts: what counts is
 * the longest call, and how much the pool keeps of what was ever needed.
 *
 * A call may take long because the machine has no processor for its thread. So each thread times as
 * often how long nothing takes, and that stands beside. */
#include <lull.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OBJECT_BYTES 1024
#define THREADS 64
#define BURSTS 200
#define BURST 100u

static lull_heap *heap;
static lull_pool *pool;

static _Noreturn void failed(const char *what)
{
    fprintf(stderr, "micro_pool_threads: %s failed: %s\n", what, lull_error_message());
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static lull_thread *attach(void)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    if (t == NULL) {
        failed("lull_attach");
    }
    return t;
}

/* ---- bursts ---- */

struct times {
    uint64_t longest_ns; /* a get or put; */
    uint64_t nothing_ns; /* nothing, timed as often */
    uint64_t over;       /* calls over 50 us; */
    uint64_t nothing_over;
};

static atomic_size_t out, most_out;

static void note(uint64_t start_ns, uint64_t *longest_ns, uint64_t *over)
{
    uint64_t took_ns = now_ns(CLOCK_MONOTONIC) - start_ns;

    *longest_ns = took_ns > *longest_ns ? took_ns : *longest_ns;
    *over += took_ns > 50000;
}

static void count_out(void)
{
    size_t n = atomic_fetch_add(&out, 1) + 1;
    size_t most = atomic_load(&most_out);

    while (n > most && !atomic_compare_exchange_weak(&most_out, &most, n)) {
    }
}

static void burst(lull_thread *t, struct times *times)
{
    void *object[BURST];

    for (unsigned i = 0; i < BURST; i++) {
        uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
        object[i] = lull_pool_get(t, pool);
        note(start_ns, &times->longest_ns, &times->over);
        note(now_ns(CLOCK_MONOTONIC), &times->nothing_ns, &times->nothing_over);
        memset(object[i], 1, OBJECT_BYTES);
        count_out();
    }
    for (unsigned i = 0; i < BURST; i++) {
        uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
        lull_pool_put(t, pool, object[i]);
        note(start_ns, &times->longest_ns, &times->over);
        note(now_ns(CLOCK_MONOTONIC), &times->nothing_ns, &times->nothing_over);
        atomic_fetch_sub(&out, 1);
    }
}

static void *run_bursts(void *arg)
{
    lull_thread *t = attach();

    for (int i = 0; i < BURSTS; i++) {
        burst(t, arg);
        lull_blocking_begin(t);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        lull_blocking_end(t);
    }
    lull_detach(t);
    return NULL;
}

static struct times all_bursts(void)
{
    static struct times times[THREADS];
    pthread_t thread[THREADS];
    struct times all = {0, 0, 0, 0};

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, run_bursts, &times[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        all.longest_ns =
            all.longest_ns > times[i].longest_ns ? all.longest_ns : times[i].longest_ns;
        all.nothing_ns =
            all.nothing_ns > times[i].nothing_ns ? all.nothing_ns : times[i].nothing_ns;
        all.over += times[i].over;
        all.nothing_over += times[i].nothing_over;
    }
    return all;
}

/* ---- the program ---- */

static lull_pool *new_pool(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "objects"};

    options.type = lull_type_leaf(heap, "object", OBJECT_BYTES);
    lull_pool *made = lull_pool_create(heap, &options);
    if (made == NULL) {
        failed("lull_pool_create");
    }
    return made;
}

static void print_bursts(void)
{
    struct times times = all_bursts();
    lull_pool_stats stats;

    lull_pool_stats_read(pool, &stats);
    printf("Bursts of %u objects, %d threads, %d times\n", BURST, THREADS, BURSTS);
    printf("  %-28s %8.1f us; over 50 us: %llu of %llu\n", "longest get or put",
           (double)times.longest_ns / 1e3, (unsigned long long)times.over,
           2ull * BURST * THREADS * BURSTS);
    printf("  %-28s %8.1f us; over 50 us: %llu\n", "longest nothing",
           (double)times.nothing_ns / 1e3, (unsigned long long)times.nothing_over);
    printf("  %-28s %8zu\n", "most objects out at once", atomic_load(&most_out));
    printf("  %-28s %8llu, ratio %.2f\n", "objects the pool ever had",
           (unsigned long long)(stats.made), (double)stats.made / (double)atomic_load(&most_out));
    printf("  %-28s %8.4f; stolen %llu, dropped as busy %llu\n", "hit rate",
           (double)stats.hits / (double)stats.gets, (unsigned long long)stats.hits_steal,
           (unsigned long long)stats.dropped[LULL_POOL_DROP_BUSY]);
}

int main(int argc, char **argv)
{
    if (argc != 1) {
        fprintf(stderr, "usage: %s\n", argv[0]);
        return 2;
    }
    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        failed("lull_heap_create");
    }
    pool = new_pool();
    print_bursts();
    lull_heap_destroy(heap);
    return 0;
}
