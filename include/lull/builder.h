/* lull/builder.h -- pools of string builders.
 *
 * A builder is a buffer that text is appended to, with a NUL kept room for after it, and an error
 * that sticks: when an append fails, the builder is as before, and every later one fails with the
 * same code until it is cleared or put back. So a program may append all it has to say and look
 * once, at the end:
 *
 *     LULL_POOLED(lull_builder, b, t, builders);
 *     lull_builder_append_string(t, b, "id: ");
 *     lull_builder_append_int(t, b, id);
 *     return lull_builder_copy(t, b);
 *
 * NULL for a builder fails with LULL_E_INVALID, so that not even b needs a look before. */
#ifndef LULL_BUILDER_H
#define LULL_BUILDER_H

#include <stdarg.h>

#include <lull/base.h>
#include <lull/buffer.h>
#include <lull/scope.h>

LULL_BEGIN_DECLS

/* An object of the heap. */
typedef struct lull_builder lull_builder;

typedef struct lull_builder_pool lull_builder_pool;

/* Creates, destroys, reads the counters of a pool of builders, which calibrates itself as
 * lull_buffer_pool does; its name is "builders" where there is none in the options.
 * Collects, errors, threads, time: as lull_buffer_pool_create, _destroy, _stats_read. */
LULL_API lull_builder_pool *lull_builder_pool_create(lull_heap *heap,
                                                     const lull_buffer_pool_options *options);
LULL_API int lull_builder_pool_destroy(lull_builder_pool *pool);
LULL_API int lull_builder_pool_stats_read(lull_builder_pool *pool, lull_buffer_pool_stats *stats);

/* Takes an empty builder; puts one back, which clears it.
 * Collects, errors, threads, time: as lull_buffer_get and lull_buffer_put. */
LULL_API lull_builder *lull_builder_get(lull_thread *t, lull_builder_pool *pool);
LULL_API void lull_builder_put(lull_thread *t, lull_builder_pool *pool, lull_builder *builder);

/* Append bytes, which may be NULs; a C string; a character; an integer in decimal digits.
 * Collects: maybe, where the builder grows.
 * Errors:   LULL_E_INVALID (NULL), LULL_E_SIZE (more than PTRDIFF_MAX bytes in all),
 *           LULL_E_NO_MEMORY or LULL_E_LIMIT, LULL_E_STATE (it was put back); all but those for a
 *           NULL builder stick, and what stuck before is returned as it was.
 * Threads:  `t` belongs to the calling thread; a builder is used by one thread at a time.
 * Time:     O(bytes appended), or where it grows O(length). */
LULL_API int lull_builder_append(lull_thread *t, lull_builder *builder, const void *bytes,
                                 size_t count);
LULL_API int lull_builder_append_string(lull_thread *t, lull_builder *builder, const char *string);
LULL_API int lull_builder_append_char(lull_thread *t, lull_builder *builder, char c);
LULL_API int lull_builder_append_int(lull_thread *t, lull_builder *builder, int64_t value);
LULL_API int lull_builder_append_uint(lull_thread *t, lull_builder *builder, uint64_t value);

/* Append what printf would print. No argument may point into the builder itself; a thread with a
 * precise stack holds those that point into the heap.
 * Collects, threads: as above. Errors: also LULL_E_INVALID where printf fails (an argument that is
 * no character of the locale), which sticks. Time: printf's, twice where the builder grows. */
LULL_API int lull_builder_printf(lull_thread *t, lull_builder *builder, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
LULL_API int lull_builder_vprintf(lull_thread *t, lull_builder *builder, const char *format,
                                  va_list arguments) __attribute__((format(printf, 3, 0)));

/* A copy of what was built, with a NUL after it: a new leaf object of the heap of length + 1 bytes.
 * Collects: maybe. Errors: NULL and the code that stuck, or as lull_alloc_leaf. Threads: as above.
 * Time: O(length). */
LULL_API char *lull_builder_copy(lull_thread *t, const lull_builder *builder);

/* What was built, in place, with a NUL after it: valid until the builder is used again.
 * Collects: no. Errors: NULL and the code that stuck. Threads: whoever uses the builder.
 * Time: O(1). */
LULL_API const char *lull_builder_view(lull_builder *builder);

/* The bytes built, without the NUL after them; the code that stuck, LULL_OK where none did.
 * Collects: no. Errors: of NULL 0 and LULL_E_INVALID. Threads: whoever uses the builder.
 * Time: O(1). */
LULL_API size_t lull_builder_length(const lull_builder *builder);
LULL_API int lull_builder_error(const lull_builder *builder);

/* Forgets what was built, and the error.
 * Collects: no. Errors: none; NULL is ignored. Threads: whoever uses the builder. Time: O(1). */
LULL_API void lull_builder_clear(lull_builder *builder);

/* LULL_POOLED(lull_builder, b, t, pool), see lull/scope.h. */
LULL_POOL_SCOPE(lull_builder, lull_builder_pool, lull_builder)

LULL_END_DECLS

#endif
