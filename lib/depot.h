/* depot.h -- the objects of a pool that no thread keeps, in magazines: a stack, and what of it
 * lay idle.
 *
 * A depot knows words only: nothing here looks at an object. The caller has the pool's lock, but
 * where said. */
#ifndef LULL__DEPOT_H
#define LULL__DEPOT_H

#include "heap.h"

/* A magazine is 1 KiB, whole lines: where another thread wrote the words, those of an exchange come
 * all at once. */
#define LULL__DEPOT_SLOTS 126

/* A magazine of a depot; never empty in a stack. */
struct lull__magazine {
    struct lull__magazine *next; /* below it */
    size_t count;
    uintptr_t object[LULL__DEPOT_SLOTS];
};
_Static_assert(sizeof(struct lull__magazine) % LULL__CACHE_LINE == 0, "whole lines");

/* Magazines, the objects pushed last at the top. All below the top are full, but for the seams
 * where one was cut. */
struct lull__stack {
    struct lull__magazine *top;
    _Atomic size_t objects; /* relaxed: read without the lock as a hint */
};

struct lull__depot {
    struct lull__magazine_store *store;
    struct lull__stack idle;
    struct lull__stack victims;   /* lay idle through a cycle */
    size_t low;                   /* least objects in `idle` since the last aging */
    struct lull__magazine *spare; /* empty magazines */
};

/* Magazines that are in no stack, and how many objects they have. */
struct lull__chain {
    struct lull__magazine *top;
    size_t objects;
};

/* The memory of all depots of a heap. */
void lull__magazines_init(struct lull__magazine_store *store);
void lull__magazines_finish(struct lull__magazine_store *store);
size_t lull__magazines_bytes(struct lull__magazine_store *store);

/* Gives back the magazines from `first` on, however many; their objects are nobody's. */
void lull__magazines_give(struct lull__magazine_store *store, struct lull__magazine *first);

/* Puts `from` below `to`, and empties `from`. O(magazines of `to`). */
void lull__chain_append(struct lull__chain *to, struct lull__chain *from);

void lull__depot_init(struct lull__depot *depot, struct lull__magazine_store *store);

/* Gives its magazines back to the store; its objects are nobody's. */
void lull__depot_finish(struct lull__depot *depot);

/* Objects kept, victims included. Without the lock: a hint. */
size_t lull__depot_objects(const struct lull__depot *depot);

/* Has empty magazines ready for n objects, as far as there is memory. False: it does not wait, and
 * another thread is at the store. */
bool lull__depot_reserve(struct lull__depot *depot, size_t n, bool wait);

/* Gives spare magazines back to the store, all but one. */
void lull__depot_tidy(struct lull__depot *depot);

/* Pushes n objects, object[0] first; returns how many there were empty magazines for. */
size_t lull__depot_push(struct lull__depot *depot, const uintptr_t *object, size_t n);

/* Pops n objects or as many as there are, and says how many; object[0] is the one that was
 * pushed first. Victims come only where nothing else is left; *victims says that they did. */
size_t lull__depot_pop(struct lull__depot *depot, uintptr_t *object, size_t n, bool *victims);

/* Takes the n objects out that were needed least: victims first, then the lowest. Fewer where a
 * magazine would have to be split and there is no spare one. O(magazines). */
struct lull__chain lull__depot_shed(struct lull__depot *depot, size_t n);

/* What lay idle since the last aging becomes the victims, above those that still are.
 * O(magazines). */
void lull__depot_age(struct lull__depot *depot);

#endif
