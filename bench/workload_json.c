/* workload_json.c -- a JSON document is parsed and printed by libjansson.
 *
 * A library that knows nothing of collectors gets its memory from the backend: json_malloc is
 * an allocation any word of which may be a pointer, json_free does nothing on a collector. It
 * has no barrier in its stores, so it needs a collector that stops the program. The last few
 * documents are kept, as a service keeps what it is working on. */
#include <jansson.h>

#include "document.h"
#include "parts.h"

#define TEXT_BYTES (64u << 20) /* parsed in all at scale 100, by all workers together */
#define LEAST_DOCUMENTS 4
#define KEPT 4 /* documents, by each worker */

#define PARSE_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)
#define PRINT_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)

struct setup {
    lab_document document;
    uint64_t count;    /* documents to parse and print */
    size_t print_size; /* bytes that every printing must have */
};

/* libjansson's allocation functions are told no thread. */
static _Thread_local lab_thread *self;
static _Thread_local uint64_t allocations;

static void *take(size_t bytes)
{
    allocations++;
    return lab_new_any(self, bytes);
}

static void give(void *object)
{
    lab_free(self, object);
}

static uint64_t text_sum(const char *text, size_t size)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
    }
    return sum;
}

/* A number, whichever way it is written: 3 and 3.0 are one, and there is one zero. */
static uint64_t number_sum(double number)
{
    uint64_t bits;

    number += 0.0;
    memcpy(&bits, &number, sizeof bits);
    return lab_mix(4, bits);
}

/* A sum over a whole document. The order of an object's members has no say in it: other
 * libraries keep another one. */
static uint64_t document_sum(json_t *json)
{
    uint64_t sum = (uint64_t)json_array_size(json);
    const char *key;
    json_t *value;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        json_object_foreach(json, key, value)
        {
            sum += lab_mix(text_sum(key, strlen(key)), document_sum(value));
        }
        return lab_mix(1, sum);
    case JSON_ARRAY:
        json_array_foreach(json, i, value)
        {
            sum = lab_mix(sum, document_sum(value));
        }
        return lab_mix(2, sum);
    case JSON_STRING:
        return lab_mix(3, text_sum(json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
    case JSON_REAL: return number_sum(json_number_value(json));
    case JSON_TRUE: return 5;
    case JSON_FALSE: return 6;
    case JSON_NULL: return 7;
    }
    return 0;
}

/* Parses the document; NULL after lab_fail. */
static json_t *parse(const lab_run *run, const lab_document *document)
{
    json_error_t error;
    json_t *json = json_loadb(document->text, document->size, PARSE_FLAGS, &error);

    if (json == NULL) {
        lab_fail("%s is no JSON that libjansson reads: line %d, column %d: %s", run->params->input,
                 error.line, error.column, error.text);
    }
    return json;
}

/* Prints a document and drops the text; returns its size, 0 after lab_fail. */
static size_t print(const json_t *json)
{
    char *text = json_dumps(json, PRINT_FLAGS);
    size_t size;

    if (text == NULL) {
        lab_fail("libjansson cannot print what it has parsed");
        return 0;
    }
    size = strlen(text);
    give(text);
    return size;
}

/* Adds a document that a worker kept to its checksum, and drops it. */
static void retire(lab_worker *worker, json_t *json)
{
    if (json != NULL) {
        worker->checksum += document_sum(json);
        json_decref(json);
    }
}

static void work(lab_worker *worker)
{
    const struct setup *setup = worker->arg;
    json_t *kept[KEPT] = {NULL};

    self = worker->thread;
    allocations = 0;
    worker->ops = lab_share(worker, setup->count);
    for (uint64_t i = 0; i < worker->ops; i++) {
        uint64_t begin = lab_now_ns();
        json_t **place = &kept[i % KEPT];

        retire(worker, *place);
        *place = parse(worker->run, &setup->document);
        if (*place == NULL || print(*place) != setup->print_size) {
            worker->status =
                lab_fail("document %llu was not printed as the first one", (unsigned long long)i);
            return;
        }
        lab_timed(worker, lab_now_ns() - begin);
    }
    for (size_t i = 0; i < KEPT; i++) {
        retire(worker, kept[i]);
    }
    worker->direct_objects = allocations;
}

/* Parses and prints the document once, so that a text that is no JSON is refused before anything
 * is measured. */
static int try_once(lab_run *run, struct setup *setup)
{
    json_t *json;

    self = run->main;
    json = parse(run, &setup->document);
    if (json == NULL) {
        return -1;
    }
    setup->print_size = print(json);
    json_decref(json);
    return setup->print_size == 0 ? -1 : 0;
}

static int run_json(lab_run *run)
{
    struct setup setup = {.count = 0};
    int status = lab_document_get(run->params, &setup.document);

    if (status != 0) {
        return status;
    }
    json_set_alloc_funcs(take, give);
    json_object_seed((size_t)run->params->seed | 1); /* else hashes differ from run to run */
    setup.count = lab_scaled(run, TEXT_BYTES, 1) / setup.document.size;
    if (setup.count < LEAST_DOCUMENTS) {
        setup.count = LEAST_DOCUMENTS;
    }
    status = try_once(run, &setup);
    if (status == 0) {
        lab_measure_begin(run);
        status = lab_workers(run, run->params->threads, work, &setup);
        lab_measure_end(run);
    }
    lab_document_free(&setup.document);
    return status;
}

LAB_WORKLOAD(json, "json", "document", "a JSON document parsed and printed by libjansson",
             LAB_HAS_THREADS | LAB_HAS_INPUT | LAB_HAS_INTERIOR | LAB_HAS_NO_BARRIER, run_json);
