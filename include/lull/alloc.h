/* lull/alloc.h -- allocation. Every object is zeroed, and aligned to 16 bytes; but objects of a
 * type whose size is no multiple of 16 to 8, which suffices for whatever has such a size in C. */
#ifndef LULL_ALLOC_H
#define LULL_ALLOC_H

#include <lull/base.h>
#include <lull/type.h>

LULL_BEGIN_DECLS

/* Allocates one object of `type`, zeroed. A program that includes lull/inline.h has the fast
 * path of this in itself; the function is the same code.
 * Collects: maybe: an object not reachable from a root may be gone after.
 * Errors:   NULL after a full collection and the no_memory handler, LULL_E_LIMIT or
 *           LULL_E_NO_MEMORY in lull_error(), or without them where the empty heap would be too
 *           small for the object, LULL_E_LIMIT; LULL_E_STATE inside a callback of the collector;
 *           LULL_E_INVALID for a type of another heap, in a call that takes new slots (with
 *           LULL_DEBUG=stress all do): others hand out an object of some type of this heap.
 * Threads:  `t` belongs to the calling thread, outside a blocking section.
 * Time:     O(1), about ten instructions; one call in a few dozen takes new slots, and may find
 *           that a collection is due; near the memory limit it may wait, about 2 ms at most where
 *           threads have a processor each, a large object longer (doc/pacing.md). */
LULL_API void *lull_alloc(lull_thread *t, const lull_type *type);

/* Allocates an array of `count` objects of `type`, contiguous, zeroed. A conservative or leaf
 * type makes a conservative or leaf array; a custom type's callback sees the whole array.
 * Errors: also LULL_E_SIZE where count is 0 or the size overflows; a type of another heap is not
 * seen, but debug builds of the library assert that it is none. The rest as lull_alloc; time
 * O(bytes) for objects beyond 32 KiB. */
LULL_API void *lull_alloc_array(lull_thread *t, const lull_type *type, size_t count);

/* Allocates `bytes` without pointers, zeroed. Errors: LULL_E_SIZE for 0. The rest as above. */
LULL_API void *lull_alloc_leaf(lull_thread *t, size_t bytes);

/* Allocates `bytes`, any aligned word of which may be a pointer; zeroed. As above. */
LULL_API void *lull_alloc_any(lull_thread *t, size_t bytes);

/* lull_new(t, T): one object of the C type T, whose lull type the program keeps in a variable
 * named T_type. */
#define lull_new(t, T) ((T *)lull_alloc((t), T##_type))

/* The bytes that lull_alloc_leaf or lull_alloc_any of `bytes` really take; 0 where it cannot be
 * had.
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API size_t lull_good_size(size_t bytes);

LULL_END_DECLS

#endif
