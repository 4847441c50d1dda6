/* workload_scratch.c -- 1 KiB scratch buffers: take one, write a line into it, give it back.
 *
 * What the benchmarks in articles on pools measure: next to no work is done with a buffer, so that
 * getting one is nearly all of an operation's time. workload_buffers.c is the same with work. */
#include <string.h>

#include "parts.h"

#define BUFFER_BYTES 1024
#define LINE_WORDS 8 /* that are written of each */

struct setup {
    uint64_t ops; /* buffers a worker takes */
    lab_pool *pool;
};

/* Writes a line into the buffer and reads it again. The buffer's address is made known in between,
 * so that no compiler may do without the buffer. */
static uint64_t write_line(uint64_t *word, uint64_t value)
{
    uint64_t total = 0;

    for (size_t i = 0; i < LINE_WORDS; i++) {
        word[i] = value + i;
    }
    lab_sink((uintptr_t)word);
    for (size_t i = 0; i < LINE_WORDS; i++) {
        total += word[i] ^ i;
    }
    return total;
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    lab_thread *t = worker->thread;
    uint64_t value = lab_random_next(&worker->random);

    for (uint64_t i = 0; i < setup->ops; i++) {
        uint64_t *buffer = lab_take(t, setup->pool);

        worker->checksum += write_line(buffer, value + i);
        lab_give(t, setup->pool, buffer);
    }
    worker->ops = setup->ops;
    worker->taken_objects = setup->ops;
}

static int run_scratch(lab_run *run)
{
    const lab_type *type = lab_type_leaf(run->heap, "buffer", BUFFER_BYTES);
    int threads = run->params->threads;
    struct setup setup = {
        .ops = lab_scaled(run, 40000000, 1000) / (uint64_t)threads,
        .pool = lab_pool_open(run->heap, "buffers", type),
    };
    int status;

    lab_measure_begin(run);
    status = lab_workers(run, threads, work, &setup);
    lab_measure_end(run);
    return status;
}

LAB_WORKLOAD(scratch, "scratch", "buffer", "1 KiB byte buffers: take, write a line, give back",
             LAB_HAS_POOLS | LAB_HAS_THREADS, run_scratch);
