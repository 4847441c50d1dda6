/* custody.h -- who has each object of the audited pools: a custody for each, found by its address.
 *
 * It knows objects by their addresses and holds none of them: whoever learns that one died takes
 * its custody away before the address means another. All under audit->ledger.lock. */
#ifndef LULL__CUSTODY_H
#define LULL__CUSTODY_H

#include <lull/audit.h>

#include "heap.h"
#include "ledger.h"

/* Where an object is. Transitions (by whom):
 *   none -> OUT           a get that made it, or a put of one that the program made
 *   OUT -> RESET -> IDLE  a put; RESET while the program's reset runs
 *   RESET -> DROPPED      a put that the pool did not take
 *   IDLE -> OUT           a get
 *   IDLE -> DROPPED       the pool let it go
 *   any -> none           it died, or its pool is destroyed */
enum lull__where { LULL__OUT, LULL__RESET, LULL__IDLE, LULL__DROPPED };

#define LULL__SETTLED 2

struct lull__custody {
    struct lull__custody *next;   /* of those not in use */
    char *object;                 /* as marking finds it: its first byte; NULL: not in use */
    struct lull__audited *pool;   /* NULL: it is no more */
    uint8_t where;                /* enum lull__where */
    uint8_t settled;              /* collections since it was put that met its putter at a safepoint
                                     and in no `make`; counted to LULL__SETTLED, from where on it is
                                     judged */
    bool excused;                 /* out when a fork lost threads: it may die without a report */
    bool told_held, told_written; /* that it was used or written to since it was put */
    uint32_t putter;              /* number of the thread that put it */
    size_t bytes;                 /* of `image`; of an object outside the heap */
    char *image;                  /* idle: its bytes as they were put; NULL: not known */
    size_t held_at;               /* while the collector looks: the step of its walk that came to */
    const uintptr_t *held_by;     /* it, and the word; NULL: none */
    const void *taken_at[LULL_POOL_CALLERS], *put_at[LULL_POOL_CALLERS];
};

/* The custody of an object; NULL: none. */
struct lull__custody *lull__custody_find(const struct lull__audit *audit, const char *object);

/* The same, or a new one, zero but for the object; NULL: no memory. */
struct lull__custody *lull__custody_take(struct lull__audit *audit, char *object);

/* Takes a custody away. */
void lull__custody_forget(struct lull__audit *audit, struct lull__custody *custody);

/* An image that is no more needed goes on the list of those to be freed; and that list, linked by
 * their first words: where free() may be called. */
void lull__custody_spend(struct lull__audit *audit, struct lull__custody *custody);
void *lull__custody_spent(struct lull__audit *audit);

/* Gives all memory back. */
void lull__custody_finish(struct lull__audit *audit);

/* LULL__FOR_EACH_CUSTODY(audit, custody): `custody` may be forgotten within. */
#define LULL__FOR_EACH_CUSTODY(audit, custody)                                                     \
    for (struct lull__custody *custody = lull__custody_next(audit, NULL); custody != NULL;         \
         custody = lull__custody_next(audit, custody))

/* The one after `custody`, NULL: the first; NULL: there is none. */
struct lull__custody *lull__custody_next(const struct lull__audit *audit,
                                         const struct lull__custody *custody);

#endif
