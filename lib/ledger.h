/* ledger.h -- what is noted of a pool's objects, by address.
 *
 * An object has no header, so what a pool is to remember of each stands here: an open hash table
 * that knows words only. Pools without need have none. Whoever calls has the ledger's lock, but to
 * init and finish. */
#ifndef LULL__LEDGER_H
#define LULL__LEDGER_H

#include "heap.h"

/* What is known of one object; zero but for `object` when it is new. */
struct lull__record {
    uintptr_t object; /* 0: an empty entry */
    union {
        uint64_t cycle;               /* heap->cycles when it was made */
        struct lull__custody *custody; /* in the ledger of the audit: see custody.h */
    };
};

void lull__ledger_init(struct lull__ledger *ledger);
void lull__ledger_finish(struct lull__ledger *ledger);

/* The record of an object, NULL where there is none; the record of an object, a new one where there
 * is none yet, NULL for want of memory. Valid until a record is added or removed. O(1). */
struct lull__record *lull__ledger_find(const struct lull__ledger *ledger, uintptr_t object);
struct lull__record *lull__ledger_add(struct lull__ledger *ledger, uintptr_t object);

/* Removes the record of an object; false: there was none. O(1). */
bool lull__ledger_remove(struct lull__ledger *ledger, uintptr_t object);

/* Asks `keep` about every record, and removes those that it does not want; how many. A record that
 * is kept may be asked about twice. O(capacity). */
typedef bool (*lull__ledger_keep_fn)(struct lull__record *record, void *arg);
size_t lull__ledger_sieve(struct lull__ledger *ledger, lull__ledger_keep_fn keep, void *arg);

/* Memory it takes. */
size_t lull__ledger_bytes(const struct lull__ledger *ledger);

#endif
