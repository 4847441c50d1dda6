/* workers.c -- the threads of a workload: made together, started together, added up. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* A gate rather than a barrier: when a thread cannot be made, the others must still leave. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
};

struct start {
    lab_worker worker;
    void (*work)(lab_worker *worker);
    struct gate *gate;
    pthread_t thread;
};

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (!gate->open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static void *run_worker(void *arg)
{
    struct start *start = arg;
    lab_worker *worker = &start->worker;

    gate_pass(start->gate);
    if (worker->status == 0) {
        worker->thread = worker->run->backend->attach(worker->run->heap);
        start->work(worker);
        worker->run->backend->detach(worker->thread);
    }
    return NULL;
}

static void prepare(struct start *start, lab_run *run, int index, int count,
                    void (*work)(lab_worker *), void *arg, struct gate *gate)
{
    lab_worker *worker = &start->worker;

    start->work = work;
    start->gate = gate;
    worker->run = run;
    worker->arg = arg;
    worker->index = index;
    worker->count = count;
    worker->random = lab_random_stream(run->params->seed, (uint64_t)index);
    worker->latency = lab_histogram_new();
    worker->service = lab_histogram_new();
}

static void add_count(int64_t *total, uint64_t more)
{
    *total = (*total == LAB_UNKNOWN ? 0 : *total) + (int64_t)more;
}

/* Adds up what the workers set. */
static void gather(lab_result *result, struct start *starts, int count)
{
    lab_histogram *latency = starts[0].worker.latency;
    lab_histogram *service = starts[0].worker.service;

    for (int i = 0; i < count; i++) {
        const lab_worker *worker = &starts[i].worker;

        add_count(&result->ops, worker->ops);
        add_count(&result->direct_objects, worker->direct_objects);
        add_count(&result->taken_objects, worker->taken_objects);
        result->checksum += worker->checksum;
        if (worker->longest_ns != 0 && (int64_t)worker->longest_ns > result->longest_ns) {
            result->longest_ns = (int64_t)worker->longest_ns;
        }
        if (i != 0) {
            lab_histogram_merge(latency, worker->latency);
            lab_histogram_merge(service, worker->service);
        }
    }
    if (lab_histogram_summary(latency).count != 0) {
        result->latency = lab_histogram_summary(latency);
    }
    if (lab_histogram_summary(service).count != 0) {
        result->service = lab_histogram_summary(service);
    }
}

int lab_workers(lab_run *run, int count, void (*work)(lab_worker *worker), void *arg)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct start *starts = calloc((size_t)count, sizeof *starts);
    int made, status = 0;

    if (starts == NULL) {
        lab_out_of_memory((size_t)count * sizeof *starts);
    }
    for (made = 0; made < count; made++) {
        int error;

        prepare(&starts[made], run, made, count, work, arg, &gate);
        error = pthread_create(&starts[made].thread, NULL, run_worker, &starts[made]);
        if (error != 0) {
            status = lab_fail("cannot make thread %d of %d: %s", made + 1, count, strerror(error));
            break;
        }
    }
    for (int i = 0; i < made; i++) {
        starts[i].worker.status = status;
    }
    run->backend->blocking_begin(run->main);
    gate_open(&gate);
    for (int i = 0; i < made; i++) {
        pthread_join(starts[i].thread, NULL);
        status |= starts[i].worker.status;
    }
    run->backend->blocking_end(run->main);
    if (status == 0) {
        gather(run->result, starts, count);
    }
    for (int i = 0; i < count; i++) {
        lab_histogram_free(starts[i].worker.latency);
        lab_histogram_free(starts[i].worker.service);
    }
    free(starts);
    return status;
}
