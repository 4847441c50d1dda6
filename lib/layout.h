/* layout.h -- layouts and types: what the words of objects are. */
#ifndef LULL__LAYOUT_H
#define LULL__LAYOUT_H

#include "heap.h"

/* Makes the built-in layouts and their cells; false: no memory. Once, at the heap's creation. */
bool lull__layout_init(lull_heap *heap);

/* Frees all layouts and types. At the heap's end. */
void lull__layout_finish(lull_heap *heap);

/* The cell of a layout and class, made on first use. Where the budget of cells is spent it is the
 * generic layout's cell, whose slots name their layout in the last word: *generic says so. */
struct lull__cell *lull__layout_cell(lull_heap *heap, struct lull__layout *layout,
                                     unsigned class_index, bool *generic);

LULL__INLINE unsigned lull__cell_index(const lull_heap *heap, const struct lull__cell *cell)
{
    return (unsigned)(cell - heap->cells);
}

/* Bytes of its slot that a layout may use for the object: generic slots keep one word back. */
#define LULL__GENERIC_HEADER sizeof(struct lull__layout *)

#endif
