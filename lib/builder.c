/* builder.c -- string builders: buffers with room for a NUL, and an error that sticks.
 *
 * .inv.builder.nul: while it is out, length < capacity, so that the NUL can be set whenever someone
 *   looks: a buffer is never given out without room, and each append leaves a byte. */
#include <lull/builder.h>

#include <stdio.h>
#include <string.h>

#include <lull/alloc.h>
#include <lull/root.h>

#include "buffer.h"
#include "callback.h"
#include "error.h"

/* What a builder is; the pools take it for a buffer. */
struct lull_builder {
    lull_buffer buffer;
};
_Static_assert(sizeof(struct lull_builder) == sizeof(lull_buffer), "a builder is a buffer");

/* A pool of builders is a pool of buffers that gives them out by another name. */
static lull_buffer_pool *buffers_of(lull_builder_pool *pool)
{
    return (lull_buffer_pool *)(void *)pool;
}

lull_builder_pool *lull_builder_pool_create(lull_heap *heap,
                                            const lull_buffer_pool_options *options)
{
    lull_buffer_pool_options named = {.struct_size = sizeof named};

    if (options != NULL) {
        if (options->struct_size != sizeof named) {
            lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu", options->struct_size,
                       sizeof named);
            return NULL;
        }
        named = *options;
    }
    named.name = named.name != NULL ? named.name : "builders";
    return (lull_builder_pool *)(void *)lull_buffer_pool_create(heap, &named);
}

int lull_builder_pool_destroy(lull_builder_pool *pool)
{
    return lull_buffer_pool_destroy(buffers_of(pool));
}

int lull_builder_pool_stats_read(lull_builder_pool *pool, lull_buffer_pool_stats *stats)
{
    return lull_buffer_pool_stats_read(buffers_of(pool), stats);
}

lull_builder *lull_builder_get(lull_thread *t, lull_builder_pool *pool)
{
    return (lull_builder *)(void *)lull_buffer_get(t, buffers_of(pool));
}

void lull_builder_put(lull_thread *t, lull_builder_pool *pool, lull_builder *builder)
{
    if (builder != NULL && !lull__refuses_any("lull_builder_put")) {
        builder->buffer.error = LULL_OK;
        lull_buffer_put(t, buffers_of(pool), &builder->buffer);
    }
}

/* ---- appending ---- */

static int fail_null(const char *what)
{
    return lull__fail(LULL_E_INVALID, "NULL is no %s", what);
}

/* The error sticks. */
static int stick(lull_builder *builder, int status)
{
    builder->buffer.error = status;
    return status;
}

static LULL__NOINLINE int fail_put(const lull_builder *builder)
{
    return lull__fail(LULL_E_STATE, "the builder %p was put back", (const void *)builder);
}

/* Whether it may be appended to. What was put back is not to be touched: nothing sticks to it. */
static int check(const lull_builder *builder)
{
    if (LULL__UNLIKELY(builder == NULL)) {
        return fail_null("builder");
    }
    return LULL__LIKELY(builder->buffer.pool != NULL) ? builder->buffer.error : fail_put(builder);
}

int lull_builder_append(lull_thread *t, lull_builder *builder, const void *bytes, size_t count)
{
    int status = check(builder);

    if (LULL__UNLIKELY(status != LULL_OK)) {
        return status;
    }
    lull_buffer *buffer = &builder->buffer;
    status = lull_buffer_append(t, buffer, bytes, count);
    if (LULL__UNLIKELY(status == LULL_OK && buffer->length == buffer->capacity)) {
        status = lull_buffer_reserve(t, buffer, 1); /* for the NUL */
        buffer->length -= status != LULL_OK ? count : 0;
    }
    return LULL__LIKELY(status == LULL_OK) ? LULL_OK : stick(builder, status);
}

int lull_builder_append_string(lull_thread *t, lull_builder *builder, const char *string)
{
    int status = check(builder);

    if (LULL__UNLIKELY(status == LULL_OK && string == NULL)) {
        status = stick(builder, fail_null("string"));
    }
    return status == LULL_OK ? lull_builder_append(t, builder, string, strlen(string)) : status;
}

int lull_builder_append_char(lull_thread *t, lull_builder *builder, char c)
{
    return lull_builder_append(t, builder, &c, 1);
}

#define DIGITS_MOST 20 /* of 2^64 - 1 */

/* The digits of a value before `end`; where they begin. */
static char *print_digits(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return end;
}

int lull_builder_append_uint(lull_thread *t, lull_builder *builder, uint64_t value)
{
    char digits[DIGITS_MOST];
    char *end = digits + sizeof digits;
    char *first = print_digits(end, value);

    return lull_builder_append(t, builder, first, (size_t)(end - first));
}

int lull_builder_append_int(lull_thread *t, lull_builder *builder, int64_t value)
{
    char digits[1 + DIGITS_MOST];
    char *end = digits + sizeof digits;
    char *first = print_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);

    if (value < 0) {
        *--first = '-';
    }
    return lull_builder_append(t, builder, first, (size_t)(end - first));
}

/* Prints at the end where there is room, and says how long it is; negative: it cannot be
 * printed. */
__attribute__((format(printf, 2, 0))) static int print_at_end(lull_buffer *buffer,
                                                              const char *format, va_list arguments)
{
    return vsnprintf(buffer->data + buffer->length, buffer->capacity - buffer->length, format,
                     arguments);
}

int lull_builder_vprintf(lull_thread *t, lull_builder *builder, const char *format,
                         va_list arguments)
{
    va_list again;
    int status = check(builder);

    if (status != LULL_OK) {
        return status;
    }
    if (format == NULL) {
        return stick(builder, fail_null("format"));
    }
    lull_buffer *buffer = &builder->buffer;
    va_copy(again, arguments);
    int length = print_at_end(buffer, format, arguments);
    if (length < 0) {
        status = lull__fail(LULL_E_INVALID, "printf cannot print this");
    } else if ((size_t)length >= buffer->capacity - buffer->length) {
        status = lull_buffer_reserve(t, buffer, (size_t)length + 1);
        length = status == LULL_OK ? print_at_end(buffer, format, again) : 0;
    }
    va_end(again);
    if (status != LULL_OK) {
        return stick(builder, status);
    }
    buffer->length += (size_t)length;
    return LULL_OK;
}

int lull_builder_printf(lull_thread *t, lull_builder *builder, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int status = lull_builder_vprintf(t, builder, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- what was built ---- */

/* Whether there is a result; otherwise lull_error says why not. */
static bool has_result(const lull_builder *builder)
{
    int status = check(builder);

    if (status != LULL_OK && builder != NULL && builder->buffer.pool != NULL) {
        lull__fail(status, "an append to the builder failed: %s", lull_strerror(status));
    }
    return status == LULL_OK;
}

const char *lull_builder_view(lull_builder *builder)
{
    if (!has_result(builder)) {
        return NULL;
    }
    builder->buffer.data[builder->buffer.length] = 0;
    return builder->buffer.data;
}

char *lull_builder_copy(lull_thread *t, const lull_builder *builder)
{
    LULL_FRAME(t, frame, 1); /* for threads whose stack is not scanned */
    char *copy = NULL;

    frame.root[0] = (void *)(uintptr_t)builder;
    if (has_result(builder)) {
        copy = lull_alloc_leaf(t, builder->buffer.length + 1);
    }
    if (copy != NULL) {
        memcpy(copy, builder->buffer.data, builder->buffer.length);
    }
    lull_frame_pop(t, &frame.head);
    return copy; /* its last byte is 0: it is new */
}

size_t lull_builder_length(const lull_builder *builder)
{
    return builder != NULL ? builder->buffer.length : 0;
}

int lull_builder_error(const lull_builder *builder)
{
    return check(builder);
}

void lull_builder_clear(lull_builder *builder)
{
    if (builder != NULL) {
        lull_buffer_clear(&builder->buffer);
        builder->buffer.error = LULL_OK;
    }
}
