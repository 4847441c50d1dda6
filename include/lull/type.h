/* lull/type.h -- types: what the collector is told of an object's words.
 *
 * A type belongs to a heap and lives as long as it. Types with the same size class and pointer
 * map share memory, so many types cost little. */
#ifndef LULL_TYPE_H
#define LULL_TYPE_H

#include <lull/base.h>

LULL_BEGIN_DECLS

/* What the first words of a type are, for lull/inline.h; read only. */
struct lull_type_head {
    uint32_t cache;     /* index of the type's cache in a thread, in bytes from `caches` */
    uint32_t slot_size; /* bytes from one object to the next */
};

/* Objects without any pointer into the heap.
 * Collects: no. Errors: NULL and LULL_E_SIZE, LULL_E_NO_MEMORY. Threads: any. Time: O(types). */
LULL_API const lull_type *lull_type_leaf(lull_heap *heap, const char *name, size_t size);

/* Objects with pointers at the given byte offsets, each a multiple of sizeof(void *) and inside
 * the object. The size of an array's element must be a multiple of sizeof(void *).
 * Collects: no. Errors: NULL and LULL_E_SIZE, LULL_E_INVALID (an offset), LULL_E_NO_MEMORY.
 * Threads: any. Time: O(types + offsets). */
LULL_API const lull_type *lull_type_record(lull_heap *heap, const char *name, size_t size,
                                           const size_t *offsets, size_t offset_count);

/* Objects any aligned word of which may be a pointer, interior pointers included.
 * Collects: no. Errors: NULL and LULL_E_SIZE, LULL_E_NO_MEMORY. Threads: any. Time: O(types). */
LULL_API const lull_type *lull_type_conservative(lull_heap *heap, const char *name, size_t size);

/* What a trace callback reports pointers to. */
typedef struct lull_tracer lull_tracer;

/* Reports the pointers of one object (or of one thread's roots) to the tracer with lull_trace*.
 * It runs on any thread, several at once for different objects, perhaps more than once an
 * object, while the program runs or is stopped, with locks held: it reads, writes nothing, and what
 * else it may call is in lull.h. Beside the program the object may be all zero still, or half
 * filled: what says how much of it to read is written after what it says. A word that is no object
 * is ignored. `size` is what the object's memory holds, at least what was asked for; the memory
 * beyond is zero. */
typedef void (*lull_trace_fn)(lull_tracer *tracer, const void *object, size_t size, void *arg);

/* Objects whose pointers a callback reports. An object fresh from allocation is all zero.
 * Collects: no. Errors: NULL and LULL_E_SIZE, LULL_E_INVALID (no callback), LULL_E_NO_MEMORY.
 * Threads: any. Time: O(types). */
LULL_API const lull_type *lull_type_custom(lull_heap *heap, const char *name, size_t size,
                                           lull_trace_fn trace, void *arg);

/* Reports one word, or every aligned word in [start, end).
 * Collects: no. Errors: none. Threads: only inside a trace callback. Time: O(words). */
LULL_API void lull_trace(lull_tracer *tracer, const void *word);
LULL_API void lull_trace_range(lull_tracer *tracer, const void *start, const void *end);

/* The size a type was made with, and its name.
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API size_t lull_type_size(const lull_type *type);
LULL_API const char *lull_type_name(const lull_type *type);

/* LULL_RECORD(heap, struct node, left, right): the record type of a C struct whose named fields
 * are pointers to objects of this heap; up to eight fields. */
#define LULL_RECORD(heap, T, ...)                                                                \
    lull_type_record((heap), #T, sizeof(T), (const size_t[]){LULL__OFFSETS(T, __VA_ARGS__)},     \
                     sizeof((const size_t[]){LULL__OFFSETS(T, __VA_ARGS__)}) / sizeof(size_t))

#define LULL__O1(T, f) offsetof(T, f)
#define LULL__O2(T, f, ...) offsetof(T, f), LULL__O1(T, __VA_ARGS__)
#define LULL__O3(T, f, ...) offsetof(T, f), LULL__O2(T, __VA_ARGS__)
#define LULL__O4(T, f, ...) offsetof(T, f), LULL__O3(T, __VA_ARGS__)
#define LULL__O5(T, f, ...) offsetof(T, f), LULL__O4(T, __VA_ARGS__)
#define LULL__O6(T, f, ...) offsetof(T, f), LULL__O5(T, __VA_ARGS__)
#define LULL__O7(T, f, ...) offsetof(T, f), LULL__O6(T, __VA_ARGS__)
#define LULL__O8(T, f, ...) offsetof(T, f), LULL__O7(T, __VA_ARGS__)
#define LULL__PICK(T, a, b, c, d, e, f, g, h, NAME, ...) NAME
#define LULL__OFFSETS(T, ...)                                                                    \
    LULL__PICK(T, __VA_ARGS__, LULL__O8, LULL__O7, LULL__O6, LULL__O5, LULL__O4, LULL__O3,       \
               LULL__O2, LULL__O1, 0)                                                            \
    (T, __VA_ARGS__)

LULL_END_DECLS

#endif
