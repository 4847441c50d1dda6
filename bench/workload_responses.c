/* workload_responses.c -- an API gateway: requests answered with JSON of 1 to 8 KiB.
 *
 * Beside it lives a table of sessions, which also change: some requests log in anew (a session
 * takes the place of an older one), some renew a shopping cart. A response is put together in a
 * byte buffer from pieces made in a string builder; both grow by doubling, and with pools on
 * they keep what they have grown to.
 *
 * Two parts: first as many requests as the workers can serve, one after the other (the
 * capacity); then requests that arrive at random moments whether or not a worker is free (a
 * Poisson process), whose latency counts from the moment of arrival. What a response says
 * depends on the request's number and its session's, not on the order in which they are served:
 * so the checksum is the same for any number of threads. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "parts.h"

#define SESSIONS 50000
#define STRIPES 256            /* locks of the session table */
#define CLOSED_REQUESTS 140000 /* of the first part, all workers together */
#define OPEN_REQUESTS 70000    /* of the second */
#define LONGEST_S 60           /* of the part with arrivals, where no rate is given */
#define LOAD 0.4               /* of the capacity, where no rate is given */
#define SESSION_BYTES 1536     /* room for what is written of a session under its lock */
#define ITEMS_MAX 6

/* A byte buffer or a string builder: text that grows. */
struct text {
    char *data;
    uint32_t length, capacity;
};

struct item {
    struct item *next;
    char *title;
    uint32_t quantity, cents;
};

struct session {
    char *name;
    char *token;
    struct item *items;
    uint64_t id;
};

struct slot {
    struct session *session;
};

struct setup {
    lab_run *run;
    struct slot *table;
    pthread_mutex_t lock[STRIPES];
    const lab_type *session_type, *item_type;
    lab_pool *buffer_pool, *builder_pool;
    uint32_t sessions;
    uint64_t total;         /* requests of this part */
    uint64_t first;         /* number of its first request */
    const uint64_t *due_ns; /* when each arrives, from the part's begin; NULL: at once */
    uint64_t begin_ns;
    _Atomic uint64_t next;
};

/* A worker's present request. */
struct job {
    lab_worker *worker;
    const struct setup *setup;
    lab_thread *thread;
};

static void text_grow(struct job *job, struct text *text, uint32_t more)
{
    uint32_t capacity = text->capacity == 0 ? 64 : text->capacity;
    char *data;

    while (capacity < text->length + more) {
        capacity *= 2;
    }
    data = lab_new_leaf(job->thread, capacity);
    job->worker->direct_objects++;
    if (text->length != 0) {
        memcpy(data, text->data, text->length);
    }
    lab_free(job->thread, text->data);
    lab_store(job->thread, &text->data, data);
    text->capacity = capacity;
}

/* Makes room for `more` bytes. */
static inline void text_reserve(struct job *job, struct text *text, uint32_t more)
{
    if (text->length + more > text->capacity) {
        text_grow(job, text, more);
    }
}

static inline void text_put_bytes(struct job *job, struct text *text, const char *bytes,
                                  uint32_t count)
{
    text_reserve(job, text, count);
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
}

/* Inline: what is put is mostly a literal, whose length the compiler knows. */
static inline void text_put(struct job *job, struct text *text, const char *string)
{
    text_put_bytes(job, text, string, (uint32_t)strlen(string));
}

/* Two digits at a time, as Go's library does it. */
static void text_put_number(struct job *job, struct text *text, uint64_t number)
{
    char digits[20];
    uint32_t at = sizeof digits;

    for (; number >= 10; number /= 100) {
        unsigned pair = (unsigned)(number % 100);
        digits[--at] = (char)('0' + pair % 10);
        digits[--at] = (char)('0' + pair / 10);
    }
    if (number != 0 || at == sizeof digits) {
        digits[--at] = (char)('0' + number);
    }
    text_put_bytes(job, text, digits + at, (uint32_t)sizeof digits - at);
}

static struct text *text_take(struct job *job, lab_pool *pool)
{
    struct text *text = lab_take(job->thread, pool);

    job->worker->taken_objects++;
    text->length = 0;
    return text;
}

/* With pools on, the storage stays with the text. */
static void text_give(struct job *job, lab_pool *pool, struct text *text)
{
    if (LAB_FREES && !job->setup->run->params->pools) {
        lab_free(job->thread, text->data);
    }
    lab_give(job->thread, pool, text);
}

/* A word of `letters` letters. */
static char *new_word(struct job *job, lab_random *random, uint32_t letters)
{
    char *word = lab_new_leaf(job->thread, letters + 1);

    for (uint32_t i = 0; i < letters; i++) {
        word[i] = (char)('a' + lab_random_below(random, 26));
    }
    word[letters] = '\0';
    job->worker->direct_objects++;
    return word;
}

/* The cart of session `id`, which depends on nothing else. */
static struct item *new_items(struct job *job, uint64_t id)
{
    lab_random random = lab_random_stream(id, 1);
    uint32_t count = 1 + lab_random_below(&random, ITEMS_MAX);
    struct item *items = NULL;

    for (uint32_t i = 0; i < count; i++) {
        struct item *item = LAB_MAKE(job->thread, struct item, job->setup->item_type);

        lab_store(job->thread, &item->title,
                  new_word(job, &random, 16 + lab_random_below(&random, 25)));
        item->quantity = 1 + lab_random_below(&random, 9);
        item->cents = lab_random_below(&random, 100000);
        lab_store(job->thread, &item->next, items);
        items = item;
    }
    job->worker->direct_objects += count;
    return items;
}

static struct session *new_session(struct job *job, uint64_t id)
{
    lab_random random = lab_random_stream(id, 0);
    struct session *session = LAB_MAKE(job->thread, struct session, job->setup->session_type);

    session->id = id;
    lab_store(job->thread, &session->name,
              new_word(job, &random, 8 + lab_random_below(&random, 17)));
    lab_store(job->thread, &session->token, new_word(job, &random, 40));
    lab_store(job->thread, &session->items, new_items(job, id));
    job->worker->direct_objects++;
    return session;
}

static void free_items(lab_thread *t, struct item *item)
{
    while (LAB_FREES && item != NULL) {
        struct item *next = item->next;

        lab_free(t, item->title);
        lab_free(t, item);
        item = next;
    }
}

static void free_session(lab_thread *t, struct session *session)
{
    if (LAB_FREES && session != NULL) {
        free_items(t, session->items);
        lab_free(t, session->name);
        lab_free(t, session->token);
        lab_free(t, session);
    }
}

static pthread_mutex_t *lock_of(struct setup *setup, uint32_t id)
{
    return &setup->lock[id % STRIPES];
}

/* A login: a new session takes the place of the present one. */
static void renew_session(struct job *job, struct setup *setup, uint32_t id)
{
    struct session *session = new_session(job, id), *old;

    lab_lock(job->thread, lock_of(setup, id));
    old = setup->table[id].session;
    lab_store(job->thread, &setup->table[id].session, session);
    lab_unlock(lock_of(setup, id));
    free_session(job->thread, old);
}

static void renew_items(struct job *job, struct setup *setup, uint32_t id)
{
    struct item *items = new_items(job, id), *old;
    struct session *session;

    lab_lock(job->thread, lock_of(setup, id));
    session = setup->table[id].session;
    old = session->items;
    lab_store(job->thread, &session->items, items);
    lab_unlock(lock_of(setup, id));
    free_items(job->thread, old);
}

/* Room was made before: nothing is allocated under the lock. */
static void put_session(struct job *job, struct setup *setup, struct text *body, uint32_t id)
{
    const struct session *session;

    text_reserve(job, body, SESSION_BYTES);
    lab_lock(job->thread, lock_of(setup, id));
    session = setup->table[id].session;
    text_put(job, body, "{\"session\":{\"id\":");
    text_put_number(job, body, session->id);
    text_put(job, body, ",\"name\":\"");
    text_put(job, body, session->name);
    text_put(job, body, "\",\"token\":\"");
    text_put(job, body, session->token);
    text_put(job, body, "\",\"items\":[");
    for (const struct item *item = session->items; item != NULL; item = item->next) {
        text_put(job, body, item == session->items ? "{\"title\":\"" : ",{\"title\":\"");
        text_put(job, body, item->title);
        text_put(job, body, "\",\"quantity\":");
        text_put_number(job, body, item->quantity);
        text_put(job, body, ",\"cents\":");
        text_put_number(job, body, item->cents);
        text_put(job, body, "}");
    }
    lab_unlock(lock_of(setup, id));
    text_put(job, body, "]},\"results\":[");
}

/* One result of the response, in the builder. */
static void build_result(struct job *job, struct text *builder, lab_random *random)
{
    uint32_t words = 2 + lab_random_below(random, 10);

    builder->length = 0;
    text_put(job, builder, "{\"key\":");
    text_put_number(job, builder, lab_random_next(random));
    text_put(job, builder, ",\"score\":");
    text_put_number(job, builder, lab_random_below(random, 1000));
    text_put(job, builder, ",\"text\":\"");
    for (uint32_t i = 0; i < words; i++) {
        static const char *const word[8] = {"harbour ", "lantern ", "meadow ", "orchard ",
                                            "pebble ",  "quarry ",  "riddle ", "saddle "};

        text_put(job, builder, word[lab_random_below(random, 8)]);
    }
    text_put(job, builder, "\"}");
}

static uint64_t sum_bytes(const char *at, size_t bytes)
{
    uint64_t sum = bytes, word;

    for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        sum = lab_mix(sum, word);
    }
    word = 0;
    memcpy(&word, at, bytes);
    return lab_mix(sum, word);
}

static void serve(struct job *job, struct setup *setup, uint64_t number)
{
    lab_random random = lab_random_stream(setup->run->params->seed, (UINT64_C(2) << 32) + number);
    uint32_t id = lab_random_below(&random, setup->sessions);
    uint32_t kind = lab_random_below(&random, 16);
    uint32_t bytes = 1024 + lab_random_below(&random, 7 * 1024);
    struct text *body = text_take(job, setup->buffer_pool);
    struct text *builder = text_take(job, setup->builder_pool);

    if (kind == 0) {
        renew_session(job, setup, id);
    } else if (kind < 3) {
        renew_items(job, setup, id);
    }
    put_session(job, setup, body, id);
    for (bool first = true; body->length < bytes; first = false) {
        build_result(job, builder, &random);
        text_put(job, body, first ? "" : ",");
        text_put_bytes(job, body, builder->data, builder->length);
    }
    text_put(job, body, "]}");
    job->worker->checksum += sum_bytes(body->data, body->length);
    text_give(job, setup->builder_pool, builder);
    text_give(job, setup->buffer_pool, body);
}

/* Takes up request after request; one that has not arrived yet is waited for. */
static void work(lab_worker *worker)
{
    struct setup *setup = worker->arg;
    struct job job = {worker, setup, worker->thread};
    uint64_t i;

    while ((i = atomic_fetch_add_explicit(&setup->next, 1, memory_order_relaxed)) < setup->total) {
        uint64_t begin = lab_now_ns(), end;
        uint64_t due = setup->due_ns == NULL ? begin : setup->begin_ns + setup->due_ns[i];

        if (begin < due) {
            lab_blocking_begin(worker->thread);
            lab_sleep_until(due);
            lab_blocking_end(worker->thread);
            begin = lab_now_ns();
        }
        serve(&job, setup, setup->first + i);
        worker->ops++;
        if (setup->due_ns != NULL) {
            end = lab_now_ns();
            lab_histogram_record(worker->latency, end - due);
            lab_histogram_record(worker->service, end - begin);
        }
    }
}

/* Arrivals of a Poisson process: independent, exponentially distributed times between. */
static uint64_t *new_arrivals(const lab_params *params, uint64_t total, double rate)
{
    lab_random random = lab_random_stream(params->seed, UINT64_C(3) << 32);
    uint64_t *due = malloc(total * sizeof *due);
    double at = 0;

    if (due == NULL) {
        lab_out_of_memory(total * sizeof *due);
    }
    for (uint64_t i = 0; i < total; i++) {
        at += -log(1 - lab_random_unit(&random)) / rate;
        due[i] = (uint64_t)(at * 1e9);
    }
    return due;
}

static int run_part(lab_run *run, struct setup *setup, uint64_t total)
{
    setup->total = total;
    atomic_store(&setup->next, 0);
    setup->begin_ns = lab_now_ns();
    return lab_workers(run, run->params->threads, work, setup);
}

static int run_closed(lab_run *run, struct setup *setup, uint64_t total)
{
    int status = run_part(run, setup, total);
    uint64_t spent = lab_now_ns() - setup->begin_ns;

    run->result->capacity_ops_s = (int64_t)((double)total * 1e9 / (double)spent);
    setup->first = total;
    return status;
}

static int run_open(lab_run *run, struct setup *setup, uint64_t total)
{
    /* where the capacity was measured while the machine was busy elsewhere, an end in sight */
    double least = (double)total / LONGEST_S;
    double rate = run->params->rate > 0 ? run->params->rate
                                        : fmax(LOAD * (double)run->result->capacity_ops_s, least);
    uint64_t *due = new_arrivals(run->params, total, rate);
    int status;

    setup->due_ns = due;
    status = run_part(run, setup, total);
    run->result->offered_ops_s = (int64_t)rate;
    free(due);
    return status;
}

/* Fills the table on the main thread, before anything is measured. */
static void make_sessions(lab_run *run, struct setup *setup)
{
    lab_worker nobody = {.run = run, .thread = run->main};
    struct job job = {&nobody, setup, run->main};

    for (uint32_t id = 0; id < setup->sessions; id++) {
        lab_store(run->main, &setup->table[id].session, new_session(&job, id));
    }
}

static int run_responses(lab_run *run)
{
    lab_heap *heap = run->heap;
    const lab_type *text = LAB_RECORD(heap, struct text, data);
    const lab_type *slot = LAB_RECORD(heap, struct slot, session);
    uint64_t sessions = lab_scaled(run, 10 * SESSIONS, 100);
    struct setup setup = {
        .run = run,
        .session_type = LAB_RECORD(heap, struct session, name, token, items),
        .item_type = LAB_RECORD(heap, struct item, next, title),
        .buffer_pool = lab_pool_open(heap, "buffers", text),
        .builder_pool = lab_pool_open(heap, "builders", text),
        .sessions = sessions < SESSIONS ? (uint32_t)sessions : SESSIONS,
    };
    int status;

    for (int i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&setup.lock[i], NULL);
    }
    setup.table = lab_new_array(run->main, slot, setup.sessions);
    make_sessions(run, &setup);
    lab_measure_begin(run);
    status = run_closed(run, &setup, lab_scaled(run, CLOSED_REQUESTS, 200));
    if (status == 0) {
        status = run_open(run, &setup, lab_scaled(run, OPEN_REQUESTS, 100));
    }
    lab_measure_end(run);
    for (uint32_t id = 0; LAB_FREES && id < setup.sessions; id++) {
        free_session(run->main, setup.table[id].session);
    }
    lab_free(run->main, setup.table);
    return status;
}

LAB_WORKLOAD(responses, "responses", "request",
             "an API gateway: JSON of 1 to 8 KiB beside a live session table",
             LAB_HAS_POOLS | LAB_HAS_THREADS | LAB_HAS_RATE, run_responses);
