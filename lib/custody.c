/* custody.c -- who has each object of the audited pools.
 *
 * The ledger finds them by address; they themselves stand in mapped chunks, one after the other, as
 * threads are held while they are gone through and nothing here may call malloc (.inv.malloc). */
#include "custody.h"

#include <string.h>

#define CHUNK_BYTES (256 * LULL__KIB)

/* Those of a chunk. */
static struct lull__custody *first_of(struct lull__chunk_header *chunk)
{
    return (struct lull__custody *)(void *)(chunk + 1);
}

static struct lull__custody *end_of(struct lull__chunk_header *chunk)
{
    return first_of(chunk) + (CHUNK_BYTES - sizeof *chunk) / sizeof(struct lull__custody);
}

static bool map_chunk(struct lull__audit *audit)
{
    struct lull__chunk_header *chunk = lull__os_map(CHUNK_BYTES);

    if (chunk == NULL) {
        return false;
    }
    chunk->next = audit->chunks;
    chunk->bytes = CHUNK_BYTES;
    audit->chunks = chunk;
    for (struct lull__custody *c = first_of(chunk); c < end_of(chunk); c++) {
        c->next = audit->spare;
        audit->spare = c;
    }
    return true;
}

struct lull__custody *lull__custody_find(const struct lull__audit *audit, const char *object)
{
    const struct lull__record *record = lull__ledger_find(&audit->ledger, (uintptr_t)object);

    return record != NULL ? record->custody : NULL;
}

struct lull__custody *lull__custody_take(struct lull__audit *audit, char *object)
{
    struct lull__custody *custody = lull__custody_find(audit, object);

    if (custody != NULL || (audit->spare == NULL && !map_chunk(audit))) {
        return custody;
    }
    struct lull__record *record = lull__ledger_add(&audit->ledger, (uintptr_t)object);
    if (record == NULL) {
        return NULL;
    }
    custody = audit->spare;
    audit->spare = custody->next;
    memset(custody, 0, sizeof *custody);
    custody->object = object;
    record->custody = custody;
    return custody;
}

void lull__custody_forget(struct lull__audit *audit, struct lull__custody *custody)
{
    lull__ledger_remove(&audit->ledger, (uintptr_t)custody->object);
    lull__custody_spend(audit, custody);
    custody->object = NULL;
    custody->next = audit->spare;
    audit->spare = custody;
}

struct lull__custody *lull__custody_next(const struct lull__audit *audit,
                                         const struct lull__custody *custody)
{
    struct lull__chunk_header *chunk = audit->chunks;
    const struct lull__custody *at = custody;

    if (custody != NULL) { /* the chunk that it is in */
        while (custody < first_of(chunk) || custody >= end_of(chunk)) {
            chunk = chunk->next;
        }
        at++;
    } else if (chunk != NULL) {
        at = first_of(chunk);
    }
    while (chunk != NULL) {
        for (; at < end_of(chunk); at++) {
            if (at->object != NULL) {
                return (struct lull__custody *)(uintptr_t)at;
            }
        }
        chunk = chunk->next;
        at = chunk != NULL ? first_of(chunk) : NULL;
    }
    return NULL;
}

void lull__custody_spend(struct lull__audit *audit, struct lull__custody *custody)
{
    if (custody->image != NULL) {
        *(void **)(void *)custody->image = audit->spent;
        audit->spent = custody->image;
        custody->image = NULL;
    }
}

void *lull__custody_spent(struct lull__audit *audit)
{
    void *spent = audit->spent;

    audit->spent = NULL;
    return spent;
}

void lull__custody_finish(struct lull__audit *audit)
{
    while (audit->chunks != NULL) {
        struct lull__chunk_header *chunk = audit->chunks;
        audit->chunks = chunk->next;
        lull__os_unmap(chunk, chunk->bytes);
    }
}
