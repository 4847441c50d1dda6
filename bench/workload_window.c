/* workload_window.c -- a ring keeps the last messages of 1 KiB.
 *
 * Each push makes a message, fills it, and puts it in the place of the oldest. Much is live, and
 * it dies in the order of its making: the case in which generations help least. The longest push
 * is what whoever sends the messages would wait. */
#include "parts.h"

#define MESSAGES 1000000 /* pushed by all workers together */
#define KEPT 200000      /* in all rings together */
#define MESSAGE_BYTES 1024

struct slot {
    unsigned char *message;
};

struct setup {
    const lab_type *slot;
    lab_pool *messages;
    uint64_t pushes;
    uint64_t kept;
};

static void push(lab_worker *worker, lab_pool *pool, struct slot *slot, int fill)
{
    unsigned char *message = lab_take(worker->thread, pool);
    unsigned char *oldest = slot->message;

    memset(message, fill, MESSAGE_BYTES);
    lab_store(worker->thread, &slot->message, message);
    if (oldest != NULL) {
        lab_give(worker->thread, pool, oldest);
    }
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    uint64_t kept = lab_share(worker, setup->kept);
    struct slot *ring = lab_new_array(worker->thread, setup->slot, kept);
    uint64_t at = 0;

    worker->ops = lab_share(worker, setup->pushes);
    for (uint64_t i = 0; i < worker->ops; i++) {
        uint64_t begin = lab_now_ns();

        push(worker, setup->messages, &ring[at], (int)(i & 0xff));
        lab_timed(worker, lab_now_ns() - begin);
        at = at + 1 == kept ? 0 : at + 1;
    }
    for (uint64_t i = 0; i < kept; i++) {
        const unsigned char *message = ring[i].message;

        worker->checksum =
            lab_mix(worker->checksum, (uint64_t)message[0] << 8 | message[MESSAGE_BYTES - 1]);
        lab_give(worker->thread, setup->messages, ring[i].message);
    }
    lab_free(worker->thread, ring);
    worker->direct_objects = 1;
    worker->taken_objects = worker->ops;
}

static int run_window(lab_run *run)
{
    const lab_type *message = lab_type_leaf(run->heap, "message", MESSAGE_BYTES);
    struct setup setup = {
        .slot = LAB_RECORD(run->heap, struct slot, message),
        .messages = lab_pool_open(run->heap, "messages", message),
        .pushes = lab_scaled(run, MESSAGES, 5 * LAB_THREADS_MAX),
        .kept = lab_scaled(run, KEPT, LAB_THREADS_MAX),
    };
    int status;

    lab_measure_begin(run);
    status = lab_workers(run, run->params->threads, work, &setup);
    lab_measure_end(run);
    return status;
}

LAB_WORKLOAD(window, "window", "push",
             "the last 200,000 of 1,000,000 messages of 1 KiB are kept in a ring",
             LAB_HAS_POOLS | LAB_HAS_THREADS, run_window);
