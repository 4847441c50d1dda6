/* workload_buffers.c -- 1 KiB byte buffers: take one, fill it, sum it, give it back.
 *
 * The case that articles on object pools begin with. A small ring of buffers is alive at any
 * time, so that a buffer lives a little while, as one in a queue between two stages does. */
#include <string.h>

#include "backend.h"

#define BUFFER_BYTES 1024
#define RING 16

/* What one worker shares with the others: nothing but the pool. */
struct setup {
    uint64_t ops; /* buffers a worker takes */
    lab_pool *pool;
};

/* Fills a buffer with the words of a generator, eight at a draw's cost of one. */
static void fill(uint64_t *word, lab_random *random)
{
    uint64_t value = lab_random_next(random);

    for (size_t i = 0; i < BUFFER_BYTES / sizeof(uint64_t); i++) {
        word[i] = value;
        value = value * 0x9e3779b97f4a7c15u + i;
    }
}

static uint64_t sum(const uint64_t *word)
{
    uint64_t total = 0;

    for (size_t i = 0; i < BUFFER_BYTES / sizeof(uint64_t); i++) {
        total += word[i] ^ (total << 1);
    }
    return total;
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;
    void *ring[RING] = {NULL};

    for (uint64_t i = 0; i < setup->ops; i++) {
        uint64_t *buffer = lab_take(t, setup->pool);
        void **slot = &ring[i % RING];

        fill(buffer, &worker->random);
        if (*slot != NULL) {
            worker->checksum += sum(*slot);
            lab_give(t, setup->pool, *slot);
        }
        *slot = buffer;
    }
    for (size_t i = 0; i < RING; i++) {
        if (ring[i] != NULL) {
            worker->checksum += sum(ring[i]);
            lab_give(t, setup->pool, ring[i]);
        }
    }
    worker->ops = setup->ops;
    worker->taken_objects = setup->ops;
}

static int run_buffers(lab_run *run)
{
    const lab_type *type = lab_type_leaf(run->heap, "buffer", BUFFER_BYTES);
    int threads = run->params->threads;
    struct setup setup = {
        .ops = lab_scaled(run, 8000000, 1000) / (uint64_t)threads,
        .pool = lab_pool_open(run->heap, "buffers", type),
    };
    int status;

    lab_measure_begin(run);
    status = lab_workers(run, threads, work, &setup);
    lab_measure_end(run);
    return status;
}

LAB_WORKLOAD(buffers, "buffers", "buffer", "1 KiB byte buffers: take, fill, sum, give back",
             LAB_HAS_POOLS | LAB_HAS_THREADS, run_buffers);
