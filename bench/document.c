/* document.c -- a JSON text, from a file or made up.
 *
 * What is made up looks like an answer of a shop's interface: some hundred customers with
 * addresses, tags and orders; nested objects and arrays, strings with escapes and with letters
 * beyond ASCII, whole and broken numbers, true, false and null. bench/peers/go/document.go
 * writes the same bytes for the same seed. */
#include "document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STREAM 0x6a736f6e /* of random numbers; no worker has it */
#define CUSTOMERS 500

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const first_names[] = {"Ada",    "Björn", "Chloé", "Dmitri", "Eun-ji", "Fatima",
                                          "Günter", "Hana",  "Inés",  "Jonas",  "Katya",  "Liang"};
static const char *const last_names[] = {"Okafor",   "Müller", "Nguyễn", "Rossi",   "O'Brien",
                                         "Sørensen", "García", "Haddad", "Ivanova", "Tanaka"};
static const char *const cities[] = {"Łódź",  "Porto",  "Zürich", "Kraków",
                                     "Malmö", "Leuven", "Tartu",  "Brno"};
static const char *const words[] = {"quiet",  "copper", "lantern", "window", "river", "amber",
                                    "harbor", "spare",  "folding", "walnut", "paper", "granite"};
static const char *const notes[] = {
    "prefers \\\"express\\\" delivery",        "path C:\\\\orders\\\\2026",
    "line one\\nline two\\twith a tab",        "pays in \\u20ac, not in \\u00a3",
    "caf\\u00e9 around the corner, 2nd floor", "no note"};

/* A text being written; doubling keeps it linear. */
struct writer {
    char *text;
    size_t size, capacity;
    lab_random random;
};

static void reserve(struct writer *writer, size_t more)
{
    size_t capacity = writer->capacity;
    char *text;

    if (writer->size + more <= capacity) {
        return;
    }
    while (writer->size + more > capacity) {
        capacity = capacity == 0 ? 4096 : 2 * capacity;
    }
    text = realloc(writer->text, capacity);
    if (text == NULL) {
        lab_out_of_memory(capacity);
    }
    writer->text = text;
    writer->capacity = capacity;
}

static __attribute__((format(printf, 2, 3))) void put(struct writer *writer, const char *format,
                                                      ...)
{
    va_list args;

    reserve(writer, 512); /* more than any single call writes */
    va_start(args, format);
    writer->size += (size_t)vsnprintf(writer->text + writer->size, 512, format, args);
    va_end(args);
}

/* One draw a statement: the order in which arguments are evaluated is the compiler's choice. */
static unsigned draw(struct writer *writer, unsigned bound)
{
    return lab_random_below(&writer->random, bound);
}

#define PICK(writer, array) ((array)[draw((writer), COUNT(array))])

static void put_date(struct writer *writer)
{
    unsigned month = 1 + draw(writer, 12), day = 1 + draw(writer, 28);
    unsigned hour = draw(writer, 24), minute = draw(writer, 60), second = draw(writer, 60);

    put(writer, "\"2026-%02u-%02uT%02u:%02u:%02uZ\"", month, day, hour, minute, second);
}

static void put_order(struct writer *writer)
{
    unsigned lines = 1 + draw(writer, 5);

    put(writer, "{\"order\": %u, \"placed\": ", 100000 + draw(writer, 900000));
    put_date(writer);
    put(writer, ", \"paid\": %s, \"lines\": [", draw(writer, 4) != 0 ? "true" : "false");
    for (unsigned i = 0; i < lines; i++) {
        const char *first = PICK(writer, words), *second = PICK(writer, words);
        unsigned quantity = 1 + draw(writer, 9), price = draw(writer, 100000);

        put(writer, "%s{\"article\": \"%s %s\", \"quantity\": %u, \"price\": %u.%02u}",
            i == 0 ? "" : ", ", first, second, quantity, price / 100, price % 100);
    }
    put(writer, "]}");
}

static void put_address(struct writer *writer)
{
    const char *street = PICK(writer, words), *city = PICK(writer, cities);
    unsigned number = 1 + draw(writer, 200), code = 10000 + draw(writer, 90000);
    unsigned north = draw(writer, 60000), east = draw(writer, 60000);

    put(writer, "\"address\": {\"street\": \"%s street %u\", \"code\": \"%u\", \"city\": \"%s\", ",
        street, number, code, city);
    put(writer, "\"position\": [%u.%04u, -%u.%04u]},\n  ", north / 1000, north % 10000, east / 1000,
        east % 10000);
}

static void put_customer(struct writer *writer, unsigned id)
{
    const char *first = PICK(writer, first_names), *last = PICK(writer, last_names);
    unsigned balance = draw(writer, 10000000), tags = draw(writer, 5), orders = draw(writer, 4);
    const char *sign, *active;

    put(writer, " {\"id\": %u, \"name\": \"%s %s\", \"email\": \"customer%u@example.org\",\n  ", id,
        first, last, id);
    sign = draw(writer, 5) != 0 ? "" : "-";
    active = draw(writer, 3) != 0 ? "true" : "false";
    put(writer, "\"balance\": %s%u.%02u, \"active\": %s, \"referrer\": ", sign, balance / 100,
        balance % 100, active);
    if (id > 1 && draw(writer, 2) == 0) {
        put(writer, "%u,\n  ", 1 + draw(writer, id - 1));
    } else {
        put(writer, "null,\n  ");
    }
    put_address(writer);
    put(writer, "\"note\": \"%s\", \"tags\": [", PICK(writer, notes));
    for (unsigned i = 0; i < tags; i++) {
        put(writer, "%s\"%s\"", i == 0 ? "" : ", ", PICK(writer, words));
    }
    put(writer, "],\n  \"orders\": [");
    for (unsigned i = 0; i < orders; i++) {
        put(writer, i == 0 ? "\n   " : ",\n   ");
        put_order(writer);
    }
    put(writer, "]}");
}

static void make_up(uint64_t seed, lab_document *document)
{
    struct writer writer = {.random = lab_random_stream(seed, STREAM)};

    put(&writer, "{\"version\": 3, \"complete\": true, \"customers\": [\n");
    for (unsigned id = 1; id <= CUSTOMERS; id++) {
        put_customer(&writer, id);
        put(&writer, id < CUSTOMERS ? ",\n" : "\n");
    }
    put(&writer, "]}\n");
    document->text = writer.text;
    document->size = writer.size;
}

/* Reads what there is up to LAB_DOCUMENT_MAX; a device or a pipe does not tell its size. */
static int read_all(FILE *file, const char *path, lab_document *document)
{
    struct writer writer = {.text = NULL};
    size_t got;

    do {
        reserve(&writer, 65536);
        got = fread(writer.text + writer.size, 1, 65536, file);
        writer.size += got;
    } while (got != 0 && writer.size <= LAB_DOCUMENT_MAX);
    document->text = writer.text;
    document->size = writer.size;
    if (ferror(file)) {
        return lab_fail("cannot read %s: %s", path, strerror(errno));
    }
    if (writer.size == 0) {
        return lab_fail("%s is empty; a JSON document is needed", path);
    }
    if (writer.size > LAB_DOCUMENT_MAX) {
        return lab_fail("%s is larger than %zu MiB, the most that json takes", path,
                        LAB_DOCUMENT_MAX >> 20);
    }
    return 0;
}

static int read_file(const char *path, lab_document *document)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    int status;

    if (file == NULL) {
        return lab_fail("cannot read %s: %s", path, strerror(errno));
    }
    if (fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode)) {
        status = lab_fail("%s is a directory; a JSON document is needed", path);
    } else {
        status = read_all(file, path, document);
    }
    fclose(file);
    return status;
}

int lab_document_get(const lab_params *params, lab_document *document)
{
    int status = 0;

    *document = (lab_document){NULL, 0};
    if (params->input[0] == '\0') {
        make_up(params->seed, document);
    } else {
        status = read_file(params->input, document);
    }
    if (status != 0) {
        lab_document_free(document);
    }
    return status;
}

void lab_document_free(lab_document *document)
{
    free(document->text);
    *document = (lab_document){NULL, 0};
}
