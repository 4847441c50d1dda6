/* resident.c -- the watching thread of resident.h.
 *
 * It is there in runs that return memory and in those that do not, so that these differ in nothing
 * else. */
#include "resident.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE_NS 10000000u
#define RETURN_NS 1000000000u

static struct {
    pthread_t thread;
    const lab_backend *backend;
    lab_heap *heap;
    bool running, returning;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what stands below */
    uint64_t begin_ns;    /* of the measured part */
    bool measured;        /* it has begun, and not ended */
    uint64_t due;         /* returns that were begun in it */
    int64_t samples, sum_bytes, returns; /* those that were over in it */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What is resident now; LAB_UNKNOWN where /proc does not say. */
static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long long pages;
    int read;

    if (file == NULL) {
        return LAB_UNKNOWN;
    }
    read = fscanf(file, "%*d %lld", &pages);
    fclose(file);
    return read == 1 ? (int64_t)pages * sysconf(_SC_PAGESIZE) : LAB_UNKNOWN;
}

/* Takes one sample of a measured part; whether memory is to be returned now. */
static bool sample(void)
{
    int64_t bytes = resident_bytes();
    bool due = false;

    pthread_mutex_lock(&watch.lock);
    if (watch.measured && bytes != LAB_UNKNOWN) {
        uint64_t spent_ns = lab_now_ns() - watch.begin_ns;

        watch.samples++;
        watch.sum_bytes += bytes;
        due = watch.returning && spent_ns >= RETURN_NS * (watch.due + 1);
        watch.due += due;
    }
    pthread_mutex_unlock(&watch.lock);
    return due;
}

/* Counted when it is over, as its collection is; not at all where its part was over before. */
static void return_memory(lab_thread *thread)
{
    watch.backend->blocking_end(thread);
    watch.backend->release(thread);
    watch.backend->blocking_begin(thread);
    pthread_mutex_lock(&watch.lock);
    watch.returns += watch.measured && watch.due != 0;
    pthread_mutex_unlock(&watch.lock);
}

static void *watch_resident(void *arg)
{
    lab_thread *thread = watch.backend->attach(watch.heap);

    (void)arg;
    watch.backend->blocking_begin(thread);
    /* acquire; pairs with the release in lab_resident_stop: what detaching adds to was read
     * before */
    while (!atomic_load_explicit(&watch.stop, memory_order_acquire)) {
        lab_sleep_until(lab_now_ns() + SAMPLE_NS);
        if (sample()) {
            return_memory(thread);
        }
    }
    watch.backend->blocking_end(thread);
    watch.backend->detach(thread);
    return NULL;
}

void lab_resident_start(const lab_backend *backend, lab_heap *heap, bool returning)
{
    watch.backend = backend;
    watch.heap = heap;
    watch.returning = returning;
    atomic_store(&watch.stop, false);
    watch.running = pthread_create(&watch.thread, NULL, watch_resident, NULL) == 0;
}

void lab_resident_stop(lab_thread *main)
{
    if (watch.running) {
        atomic_store_explicit(&watch.stop, true, memory_order_release);
        watch.backend->blocking_begin(main); /* it may wait for a collection */
        pthread_join(watch.thread, NULL);
        watch.backend->blocking_end(main);
        watch.running = false;
    }
}

void lab_resident_begin(void)
{
    pthread_mutex_lock(&watch.lock);
    watch.begin_ns = lab_now_ns();
    watch.measured = true;
    watch.samples = watch.sum_bytes = watch.returns = 0;
    watch.due = 0;
    pthread_mutex_unlock(&watch.lock);
}

/* A part may be over before the thread has come to its first sample. */
void lab_resident_end(lab_result *result)
{
    pthread_mutex_lock(&watch.lock);
    watch.measured = false;
    if (watch.running && watch.samples == 0) {
        int64_t bytes = resident_bytes();

        watch.samples = bytes != LAB_UNKNOWN;
        watch.sum_bytes = bytes;
    }
    if (watch.running && watch.samples > 0) {
        result->resident_bytes = watch.sum_bytes / watch.samples;
        result->returns = watch.returns;
    }
    pthread_mutex_unlock(&watch.lock);
}
