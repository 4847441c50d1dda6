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
 * is mostly new, and black, so nearly all of it is dropped then, many at a time. */
void lull__grey_note_slow(lull_thread *t, uintptr_t word);
LULL__INLINE void lull__grey_note(lull_thread *t, uintptr_t word)
{
    const lull_heap *heap = t->heap;
    uintptr_t address = lull__address(heap, word);

    /* acquire: pairs with the release in pages.c's commit */
    if (address - (uintptr_t)heap->pages.range >=
        atomic_load_explicit(&heap->pages.extent_bytes, memory_order_acquire)) {
        return;
    }
    if (LULL__LIKELY(t->grey != NULL && t->grey_count < LULL__CHUNK_WORDS)) {
        t->grey->word[t->grey_count++] = address;
    } else {
        lull__grey_note_slow(t, address);
    }
}

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
