/* grey.h -- words on their way from a mutator thread to the markers: what its stores shade, and
 * what its roots hold. */
#ifndef LULL__GREY_H
#define LULL__GREY_H

#include "mark.h"

/* Shades: the object of `word`, if there is one and it is white, will be marked. By the thread, or
 * by whoever takes its part in a handshake; inside the library. */
void lull__grey_shade(lull_thread *t, uintptr_t word);

/* The same, but the word does not wait for a handshake: the markers have it at once. */
void lull__grey_shade_now(lull_thread *t, uintptr_t word);

/* The same, but whether the object is white is asked when the chunk is full: what a program stores
 * is mostly new, and black, so nearly all of it is dropped then, many at a time. Any word. */
void lull__grey_note(lull_thread *t, uintptr_t word);

/* The same in a few instructions, between lull__enter_own and lull__leave; or false:
 * lull__grey_note has to do it. */
LULL__INLINE bool lull__grey_note_fast(lull_thread *t, uintptr_t address)
{
    const lull_heap *heap = t->heap;
    size_t count = t->grey_count;

    if (LULL__UNLIKELY(count >= t->grey_limit)) {
        return false;
    }
    /* acquire: pairs with the release in pages.c's commit */
    if (address - (uintptr_t)heap->pages.range <
        atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire)) {
        t->grey->word[count] = address;
        t->grey_count = count + 1;
    }
    return true;
}

/* The few instructions may do, until the thread hands over what it has: nothing else is asked of
 * its stores. */
void lull__grey_note_freely(lull_thread *t);

/* Hands what the thread has to the markers. */
void lull__grey_flush(lull_thread *t);

/* Forgets what the thread has: marking is over. Gives its memory back. */
void lull__grey_drop(lull_thread *t);

/* A tracer that adds every word of the heap's range to what the thread has, unresolved. */
struct lull__grey_tracer {
    lull_tracer tracer; /* first */
    lull_thread *t;
};
struct lull__grey_tracer lull__grey_tracer(lull_thread *t);

#endif
