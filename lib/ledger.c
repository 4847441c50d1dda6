/* ledger.c -- what is noted of a pool's objects: linear probing, at most three quarters full.
 *
 * An entry is removed by moving back what follows it (Knuth, The Art of Computer Programming 3,
 * 6.4, algorithm R), so that no marks of what was there pile up. Memory comes from the system
 * (.inv.malloc). */
#include "ledger.h"

#include <string.h>

#define FIRST 256 /* entries */

static size_t bytes_of(size_t capacity)
{
    return lull__round_up(capacity * sizeof(struct lull__record), LULL__OS_PAGE);
}

/* Where the search for an object begins. Fibonacci hashing (Knuth): addresses of slots lie at equal
 * distances. */
static size_t home_of(const struct lull__ledger *ledger, uintptr_t object)
{
    return (size_t)(((uint64_t)object * UINT64_C(0x9e3779b97f4a7c15)) >> 20) &
           (ledger->capacity - 1);
}

static size_t after(const struct lull__ledger *ledger, size_t i)
{
    return (i + 1) & (ledger->capacity - 1);
}

/* The entry of an object, or the empty one where its search ends. */
static size_t place_of(const struct lull__ledger *ledger, uintptr_t object)
{
    size_t i = home_of(ledger, object);

    while (ledger->table[i].object != 0 && ledger->table[i].object != object) {
        i = after(ledger, i);
    }
    return i;
}

/* Moves all records to a table of another capacity; false: no memory. */
static bool rehash(struct lull__ledger *ledger, size_t capacity)
{
    struct lull__ledger old = *ledger;
    struct lull__record *table = lull__os_map(bytes_of(capacity));

    if (table == NULL) {
        return false;
    }
    ledger->table = table;
    ledger->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.table[i].object != 0) {
            table[place_of(ledger, old.table[i].object)] = old.table[i];
        }
    }
    if (old.table != NULL) {
        lull__os_unmap(old.table, bytes_of(old.capacity));
    }
    return true;
}

void lull__ledger_init(struct lull__ledger *ledger)
{
    memset(ledger, 0, sizeof *ledger);
    pthread_mutex_init(&ledger->lock, NULL);
}

void lull__ledger_finish(struct lull__ledger *ledger)
{
    if (ledger->table != NULL) {
        lull__os_unmap(ledger->table, bytes_of(ledger->capacity));
    }
    pthread_mutex_destroy(&ledger->lock);
    memset(ledger, 0, sizeof *ledger);
}

struct lull__record *lull__ledger_find(const struct lull__ledger *ledger, uintptr_t object)
{
    if (ledger->count == 0 || object == 0) {
        return NULL;
    }
    struct lull__record *record = &ledger->table[place_of(ledger, object)];
    return record->object != 0 ? record : NULL;
}

struct lull__record *lull__ledger_add(struct lull__ledger *ledger, uintptr_t object)
{
    struct lull__record *record = lull__ledger_find(ledger, object);
    size_t wanted = lull__max(2 * ledger->capacity, FIRST);

    if (record != NULL || object == 0) {
        return record;
    }
    /* without memory for another table, this one is filled to its last entry but one */
    if (4 * (ledger->count + 1) > 3 * ledger->capacity && !rehash(ledger, wanted) &&
        ledger->count + 1 >= ledger->capacity) {
        return NULL;
    }
    record = &ledger->table[place_of(ledger, object)];
    record->object = object;
    ledger->count++;
    return record;
}

/* Empties an entry, and moves back those after it that would not be found any more. */
static void remove_at(struct lull__ledger *ledger, size_t hole)
{
    size_t mask = ledger->capacity - 1;

    for (size_t i = after(ledger, hole); ledger->table[i].object != 0; i = after(ledger, i)) {
        size_t home = home_of(ledger, ledger->table[i].object);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            ledger->table[hole] = ledger->table[i];
            hole = i;
        }
    }
    memset(&ledger->table[hole], 0, sizeof ledger->table[hole]);
    ledger->count--;
}

bool lull__ledger_remove(struct lull__ledger *ledger, uintptr_t object)
{
    struct lull__record *record = lull__ledger_find(ledger, object);

    if (record == NULL) {
        return false;
    }
    remove_at(ledger, (size_t)(record - ledger->table));
    return true;
}

size_t lull__ledger_sieve(struct lull__ledger *ledger, lull__ledger_keep_fn keep, void *arg)
{
    size_t before = ledger->count;

    for (size_t i = 0; i < ledger->capacity;) {
        struct lull__record *record = &ledger->table[i];
        if (record->object == 0 || keep(record, arg)) {
            i++;
        } else {
            remove_at(ledger, i); /* another may have come to its place */
        }
    }
    if (ledger->capacity > FIRST && ledger->count < ledger->capacity / 8) {
        rehash(ledger, ledger->capacity / 4); /* or not, for want of memory */
    }
    return before - ledger->count;
}

size_t lull__ledger_bytes(const struct lull__ledger *ledger)
{
    return bytes_of(ledger->capacity);
}
