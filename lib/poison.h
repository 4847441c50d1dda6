/* poison.h -- the bytes of an object that lies idle in an audited pool.
 *
 * What marking reads of an object stays as it is: pointers where its type has them, all of it where
 * a callback traces it. Everything else is 0xbd, which is no address; the image says what it was.
 * So the image never holds the only pointer to anything, and no step of a cycle need know of it. */
#ifndef LULL__POISON_H
#define LULL__POISON_H

#include "heap.h"

#define LULL__POISON 0xbd

/* `layout`: of the object; NULL: it is outside the heap, and marking reads nothing. `bytes`: how
 * many it has. `image`: of so many bytes, room or what poison_in wrote. */

/* Keeps an object's bytes in the image, and poisons it. */
void lull__poison_in(const lull_heap *heap, const struct lull__layout *layout, char *object,
                     char *image, size_t bytes);

/* The offset of the first byte that is not as poison_in left it; `bytes`: none. `was` becomes what
 * it was. */
size_t lull__poison_broken(const lull_heap *heap, const struct lull__layout *layout,
                           const char *object, const char *image, size_t bytes, uint8_t *was);

/* Gives an object its bytes again; what marking reads stays as it is found: an address that was
 * overwritten may be no object's any more. */
void lull__poison_out(const lull_heap *heap, const struct lull__layout *layout, char *object,
                      const char *image, size_t bytes);

#endif
