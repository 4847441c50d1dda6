/* mark_stack.h -- a marker's stack of words: chunks, of which the newest is at hand. */
#ifndef LULL__MARK_STACK_H
#define LULL__MARK_STACK_H

#include "mark.h"

#define LULL__PIECE_BIT ((uintptr_t)1 << 63) /* on the stack: the next piece of a large object */

/* Another chunk on top of the present one; without memory for it what that holds is dropped. */
void lull__mark_new_chunk(struct lull__marker *m);

/* Back to the chunk below; false: there is none. */
bool lull__mark_pop_chunk(struct lull__marker *m);

/* Drops the words of the present chunk; lull__mark_recover goes on from those of their objects that
 * were white. */
void lull__mark_overflow(struct lull__marker *m);

/* After a drain, if words were dropped: marks what they would have led to. */
void lull__mark_recover(struct lull__marker *m);

LULL__INLINE void lull__mark_use_chunk(struct lull__marker *m, struct lull__chunk *chunk,
                                       size_t count)
{
    m->chunk = chunk;
    m->top = chunk->word + count;
    m->limit = chunk->word + LULL__CHUNK_WORDS;
}

/* Room for `words` more. */
LULL__INLINE void lull__mark_make_room(struct lull__marker *m, size_t words)
{
    if (LULL__UNLIKELY((size_t)(m->limit - m->top) < words)) {
        lull__mark_new_chunk(m);
    }
}

#endif
