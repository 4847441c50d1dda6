/* workload_logs.c -- a log processor: entries with messages of 512 bytes.
 *
 * Each line becomes an entry with a message buffer; its level and service are parsed; entries
 * that say less than a warning are counted and dropped at once; the others are put into a form
 * that is the same for entries that differ in numbers alone, aggregated by service, and kept
 * among the last ones. Lines come from memory, over and over, so that no disk is measured. */
#include <strings.h>

#include "input.h"
#include "parts.h"

#define ENTRIES 6000000 /* by all workers together */
#define GENERATED 16000 /* lines of the generated log */
#define MESSAGE_BYTES 512
#define LEVEL_BYTES 160 /* of a line, in which its level is looked for */
#define KEPT 256        /* last entries that a worker keeps */
#define SERVICES 512    /* slots of a worker's table; the last eighth stays empty */
#define SERVICE_BYTES 48

enum level { DEBUG, INFO, WARN, ERROR, FATAL };

struct service {
    char *name;
    uint64_t hash;
    uint64_t count[FATAL + 1];
    uint64_t bytes;
    uint64_t forms; /* sum of the hashes of messages' forms */
};

struct entry {
    struct service *service;
    char *message;
    uint32_t length; /* of message */
    enum level level;
};

/* A field that points, in an array that the collector knows. */
struct slot {
    void *object;
};

struct setup {
    lab_log log;
    uint64_t entries;
    const lab_type *service_type, *slot_type;
    lab_pool *entry_pool, *message_pool;
};

/* A worker's own. */
struct state {
    lab_worker *worker;
    const struct setup *setup;
    struct slot *services; /* open addressing */
    struct slot *kept;     /* a ring of entries */
    struct service *other; /* for what names none, and for what has no room */
    unsigned service_count;
    uint64_t made; /* objects made without a pool */
};

/* A piece of a line. */
struct word {
    const char *at;
    size_t bytes;
};

static const struct word other = {"other", 5};

/* Eight bytes at a time, the last ones filled up with zeros; little-endian, as in Go. */
static uint64_t hash_bytes(const char *at, size_t bytes)
{
    uint64_t hash = bytes, word;

    for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = lab_mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, bytes);
    return lab_mix(hash, word);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The level that a word names, or -1. */
static int level_of(struct word word)
{
    static const struct {
        const char *name;
        enum level level;
    } names[] = {{"DEBUG", DEBUG}, {"INFO", INFO},   {"WARN", WARN},     {"ERROR", ERROR},
                 {"FATAL", FATAL}, {"TRACE", DEBUG}, {"NOTICE", INFO},   {"WARNING", WARN},
                 {"ERR", ERROR},   {"CRIT", FATAL},  {"CRITICAL", FATAL}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == word.bytes &&
            strncasecmp(names[i].name, word.at, word.bytes) == 0) {
            return (int)names[i].level;
        }
    }
    return -1;
}

/* The next run of letters in [at, end). */
static struct word next_letters(const char *at, const char *end)
{
    struct word word;

    while (at < end && !is_letter(*at)) {
        at++;
    }
    word.at = at;
    while (at < end && is_letter(*at)) {
        at++;
    }
    word.bytes = (size_t)(at - word.at);
    return word;
}

/* The first word of the line that names a level; a line that names none tells. */
static enum level parse_level(const char *line, const char *end)
{
    const char *stop = end - line > LEVEL_BYTES ? line + LEVEL_BYTES : end;

    for (struct word word = next_letters(line, stop); word.bytes > 0;
         word = next_letters(word.at + word.bytes, stop)) {
        int level = level_of(word);

        if (level >= 0) {
            return (enum level)level;
        }
    }
    return INFO;
}

/* The service: the first word that begins with a letter and ends in a colon, without "[pid]:".
 * *rest is what follows it; the whole line where there is none. */
static struct word parse_service(const char *line, const char *end, const char **rest)
{
    const char *at = line;

    *rest = line;
    while (at < end) {
        struct word word = {at, 0};
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank == NULL ? end : blank;

        if (stop > at && stop[-1] == ':' && is_letter(*at)) {
            while (at < stop - 1 && *at != '[' && word.bytes < SERVICE_BYTES) {
                at++;
                word.bytes++;
            }
            if (level_of(word) < 0) {
                *rest = stop;
                return word;
            }
        }
        at = stop + 1;
    }
    return other;
}

/* Copies the message with each digit made '#', so that messages of one form are equal; returns
 * the hash of that. */
static uint64_t copy_form(struct entry *entry, const char *at, const char *end)
{
    size_t bytes = at >= end ? 0 : (size_t)(end - at);
    char *message = entry->message;

    bytes = bytes > MESSAGE_BYTES ? MESSAGE_BYTES : bytes;
    for (size_t i = 0; i < bytes; i++) {
        message[i] = at[i] >= '0' && at[i] <= '9' ? '#' : at[i];
    }
    entry->length = (uint32_t)bytes;
    return hash_bytes(message, bytes);
}

static struct service *new_service(struct state *state, struct slot *slot, struct word name,
                                   uint64_t hash)
{
    lab_thread *t = state->worker->thread;
    struct service *service = lab_new(t, state->setup->service_type);
    char *text = lab_new_leaf(t, name.bytes + 1);

    memcpy(text, name.at, name.bytes);
    text[name.bytes] = '\0';
    lab_store(t, &service->name, text);
    service->hash = hash;
    lab_store(t, &slot->object, service);
    state->service_count++;
    state->made += 2;
    return service;
}

/* The service of that name; `other` instead of one that has no room. */
static struct service *find_service(struct state *state, struct word name)
{
    uint64_t hash = hash_bytes(name.at, name.bytes);
    size_t i = hash % SERVICES;

    for (;; i = (i + 1) % SERVICES) {
        struct slot *slot = &state->services[i];
        struct service *service = slot->object;

        if (service != NULL && service->hash == hash &&
            strncmp(service->name, name.at, name.bytes) == 0) {
            return service;
        }
        if (service == NULL) {
            return state->service_count < SERVICES - SERVICES / 8
                       ? new_service(state, slot, name, hash)
                       : state->other;
        }
    }
}

static void drop(struct state *state, struct entry *entry)
{
    lab_thread *t = state->worker->thread;

    lab_give(t, state->setup->message_pool, entry->message);
    lab_store(t, &entry->message, NULL);
    lab_store(t, &entry->service, NULL);
    lab_give(t, state->setup->entry_pool, entry);
}

/* Puts an entry among the last ones, in the place of the oldest. */
static void keep(struct state *state, struct entry *entry, uint64_t number)
{
    struct slot *slot = &state->kept[number % KEPT];
    struct entry *oldest = slot->object;

    if (oldest != NULL) {
        drop(state, oldest);
    }
    lab_store(state->worker->thread, &slot->object, entry);
}

/* One line from its text to the aggregates. Returns whether it was kept. */
static bool process(struct state *state, const char *line, const char *end, uint64_t kept)
{
    const struct setup *setup = state->setup;
    lab_thread *t = state->worker->thread;
    struct entry *entry = lab_take(t, setup->entry_pool);
    struct service *service;
    const char *rest;
    uint64_t form;

    lab_store(t, &entry->message, lab_take(t, setup->message_pool));
    entry->level = parse_level(line, end);
    service = find_service(state, parse_service(line, end, &rest));
    lab_store(t, &entry->service, service);
    form = copy_form(entry, rest, end);
    service->count[entry->level]++;
    service->bytes += entry->length;
    if (entry->level < WARN) {
        drop(state, entry);
        return false;
    }
    service->forms += form;
    keep(state, entry, kept);
    return true;
}

static uint64_t checksum(const struct state *state)
{
    uint64_t total = 0;

    for (size_t i = 0; i < SERVICES; i++) {
        const struct service *service = state->services[i].object;

        if (service != NULL) {
            uint64_t sum = lab_mix(service->hash, service->bytes);

            for (int level = DEBUG; level <= FATAL; level++) {
                sum = lab_mix(sum, service->count[level]);
            }
            total += lab_mix(sum, service->forms);
        }
    }
    return total;
}

static void free_all(struct state *state)
{
    lab_thread *t = state->worker->thread;

    for (size_t i = 0; i < KEPT; i++) {
        if (state->kept[i].object != NULL) {
            drop(state, state->kept[i].object);
        }
    }
    for (size_t i = 0; i < SERVICES && LAB_FREES; i++) {
        struct service *service = state->services[i].object;

        if (service != NULL) {
            lab_free(t, service->name);
            lab_free(t, service);
        }
    }
    lab_free(t, state->kept);
    lab_free(t, state->services);
}

/* Where the worker's part of the log begins: they do not all read the same line at once. */
static const char *first_line(const lab_log *log, const lab_worker *worker)
{
    const char *at = log->text;
    size_t skip = log->lines / (size_t)worker->count * (size_t)worker->index;

    for (size_t i = 0; i < skip; i++) {
        at = (const char *)memchr(at, '\n', log->bytes - (size_t)(at - log->text)) + 1;
    }
    return at;
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    const lab_log *log = &setup->log;
    const char *limit = log->text + log->bytes, *at = first_line(log, worker);
    struct state state = {.worker = worker, .setup = setup};
    uint64_t kept = 0;

    state.services = lab_new_array(worker->thread, setup->slot_type, SERVICES);
    state.kept = lab_new_array(worker->thread, setup->slot_type, KEPT);
    state.made = 2;
    state.other = find_service(&state, other);
    worker->ops = lab_share(worker, setup->entries);
    for (uint64_t i = 0; i < worker->ops; i++) {
        const char *end = memchr(at, '\n', (size_t)(limit - at));

        kept += process(&state, at, end > at && end[-1] == '\r' ? end - 1 : end, kept);
        at = end + 1 == limit ? log->text : end + 1;
    }
    worker->checksum = checksum(&state);
    free_all(&state);
    worker->direct_objects = state.made;
    worker->taken_objects = 2 * worker->ops;
}

static int get_log(const lab_params *params, lab_log *log)
{
    char why[160];

    if (params->input[0] == '\0') {
        lab_log_make(params->seed, GENERATED, log);
    } else if (lab_log_read(params->input, log, why, sizeof why) != 0) {
        return lab_fail("cannot use %s: %s", params->input, why);
    }
    return 0;
}

static int run_logs(lab_run *run)
{
    lab_heap *heap = run->heap;
    struct setup setup = {
        .entries = lab_scaled(run, ENTRIES, 1000),
        .service_type = LAB_RECORD(heap, struct service, name),
        .slot_type = LAB_RECORD(heap, struct slot, object),
        .entry_pool =
            lab_pool_open(heap, "entries", LAB_RECORD(heap, struct entry, service, message)),
        .message_pool =
            lab_pool_open(heap, "messages", lab_type_leaf(heap, "message", MESSAGE_BYTES)),
    };
    int status = get_log(run->params, &setup.log);

    if (status != 0) {
        return status;
    }
    lab_measure_begin(run);
    status = lab_workers(run, run->params->threads, work, &setup);
    lab_measure_end(run);
    lab_log_free(&setup.log);
    return status;
}

LAB_WORKLOAD(logs, "logs", "entry",
             "log lines parsed into entries with 512-byte messages, filtered, aggregated",
             LAB_HAS_POOLS | LAB_HAS_THREADS | LAB_HAS_INPUT, run_logs);
