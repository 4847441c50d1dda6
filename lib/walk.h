/* walk.h -- a second, naive marker: one object after the other, with state of its own. */
#ifndef LULL__WALK_H
#define LULL__WALK_H

#include "mark.h"

/* An object that a walk came to, or a root that it set out from. */
struct lull__step {
    char *base;      /* NULL: a root */
    uintptr_t place; /* of the word that pointed there; of a root: what its owner says of it */
    size_t from;     /* the step whose word that was; of a root: SIZE_MAX */
};

/* What a word points to, as a walk meets it. */
struct lull__meeting {
    char *base;
    size_t bytes; /* of the slot */
    uint8_t state;
    uint8_t *mark; /* LULL__WALK_NEW, or what the walk's owner wrote there */
    const uintptr_t *word;
};

/* The marks of objects, one byte each. */
enum {
    LULL__WALK_NEW,
    LULL__WALK_SEEN,
    LULL__WALK_OWN /* from here on the owner's */
};

struct lull__walk {
    lull_tracer tracer; /* first */
    lull_heap *heap;
    /* Asked of each object not SEEN: whether it becomes so, and is followed. */
    bool (*meet)(struct lull__walk *w, const struct lull__meeting *meeting);
    bool keep;   /* steps stay, and are followed in the order in which they came: step[] has the
                    shortest way to each object. Otherwise the last first, and they go */
    bool strict; /* objects any word of which may be a pointer are not followed, nor ephemerons */
    bool loose;  /* an ephemeron is followed as if it held its value */
    const char *holder; /* whose words are being looked at; NULL: a root */
    size_t at;          /* keep: its step */
    struct lull__step *step;
    size_t count, done, capacity;
    uint8_t *marks; /* by granule of the range */
    size_t marks_bytes;
    bool failed; /* no memory */
};

/* Sets a walk out: heap and meet are set. False: no memory. Finish in any case. Nothing may be
 * allocated or swept between them. */
bool lull__walk_begin(struct lull__walk *w);
void lull__walk_finish(struct lull__walk *w);

/* keep: what is met next, by way of w->tracer, is held by the root so described. */
void lull__walk_root(struct lull__walk *w, uintptr_t description);

/* Follows all that was met, until nothing is left. */
void lull__walk_all(struct lull__walk *w);

/* The mark of an object, by its base. */
LULL__INLINE uint8_t *lull__walk_mark(const struct lull__walk *w, const void *base)
{
    size_t offset = (size_t)((const char *)base - w->heap->pages.range);
    return &w->marks[offset / LULL__GRANULE];
}

/* The object that an address points into, found by division; false: none. */
bool lull__walk_find(const struct lull__walk *w, uintptr_t address, struct lull__meeting *found);

/* The layout of an object, by its base, and the bytes that it has; NULL: a generic slot that nobody
 * gave its layout yet. */
const struct lull__layout *lull__walk_layout(const lull_heap *heap, const char *base,
                                             size_t *bytes);

/* Its type, where the layout tells one; NULL: none, or one of several. And how it is called. */
const lull_type *lull__walk_type(const lull_heap *heap, const char *base);
const char *lull__walk_type_name(const lull_heap *heap, const char *base);

#endif
