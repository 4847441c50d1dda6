/* lull/buffer.h -- pools of byte buffers that learn how large to make them.
 *
 * A buffer is bytes in one piece that grow as they are appended to; its storage is leaf memory of
 * the heap. A buffer pool keeps buffers by the size that they were made with, in buckets of 64 B,
 * 128 B, ... 32 MiB, and beside them the storage that others grew into, for the next that grows. It
 * counts how much each held when it came back, and now and then calibrates itself by that (what was
 * counted before counts half each time): a buffer that is asked for without a size gets that of the
 * commonest bucket; and storage beyond the bucket that covers 95 percent is dropped when it comes
 * back, so that a rare large one does not lie about for ever.
 *
 * Collected like any other objects, buffers need not be put back; and one in use may be pointed to
 * from anywhere. */
#ifndef LULL_BUFFER_H
#define LULL_BUFFER_H

#include <lull/base.h>
#include <lull/pool.h>
#include <lull/scope.h>

LULL_BEGIN_DECLS

typedef struct lull_buffer_pool lull_buffer_pool;

/* An object of the heap. The first three fields are the program's to read; it may write the bytes
 * and, within the capacity, the length. */
typedef struct lull_buffer {
    char *data;             /* its storage; another one when it grows */
    size_t length;          /* bytes in use */
    size_t capacity;        /* bytes at data */
    size_t peak;            /* private: greatest length that was cleared since it was taken */
    lull_buffer_pool *pool; /* private: it was taken from; NULL while it lies there */
    char *home;             /* private: the storage that it was made with */
    uint32_t bucket;        /* private: of that */
    int error;              /* private: of a builder */
} lull_buffer;

typedef struct lull_buffer_pool_options {
    size_t struct_size;      /* sizeof(lull_buffer_pool_options) */
    const char *name;        /* for statistics; copied; "buffers" if NULL */
    size_t default_bytes;    /* capacity of a buffer asked for without a size, until the first
                                calibration; 0: 64 */
    size_t max_bytes;        /* no buffer beyond this is kept, whatever calibration finds; rounded
                                up to a bucket; 0: 32 MiB, the largest */
    size_t calibration_puts; /* puts by one thread, of what fits one bucket, from one calibration to
                                the next; rounded up to a power of two; 0: 1024; SIZE_MAX: never
                                calibrate */
    lull_pool_lifetime lifetime; /* of what lies idle */
    unsigned flags;          /* LULL_POOL_GENERATIONAL and LULL_POOL_AUDIT may be set */
    lull_pool_bounds bounds; /* for each bucket, and again for what was grown into of its size; but
                                max_object_bytes is 0: see max_bytes */
} lull_buffer_pool_options;

/* Creates a pool of buffers; it lives until lull_buffer_pool_destroy or its heap's end. `options`
 * may be NULL for the defaults. Its buckets become pools of the heap when they are first used, by
 * its name and their bytes: "bodies/1024"; and "bodies/+1024" of what was grown into.
 * Collects: no. Errors: NULL and LULL_E_INVALID (no heap, an old struct_size, or an option that the
 * message names), LULL_E_NO_MEMORY. Threads: any. Time: O(1). */
LULL_API lull_buffer_pool *lull_buffer_pool_create(lull_heap *heap,
                                                   const lull_buffer_pool_options *options);

/* Destroys a pool of buffers: those it keeps become garbage; those that are out stay valid, and
 * grow as before.
 * Collects: no. Errors: LULL_E_INVALID for NULL, LULL_E_STATE for one destroyed before, as long as
 * no other took its place. Threads: any, with no other call on the pool or its buffers in progress,
 * and none on the pool to come. Time: O(buckets x threads). */
LULL_API int lull_buffer_pool_destroy(lull_buffer_pool *pool);

/* Takes an empty buffer of the size that the pool's calibration found. What its bytes are is
 * undefined.
 * Collects: maybe, as lull_alloc.
 * Errors:   NULL as lull_alloc; LULL_E_INVALID where pool is NULL; LULL_E_LIMIT also where the heap
 *           has no pool left for a bucket.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1), some nanoseconds, as lull_pool_get; one that must be made is zeroed. */
LULL_API lull_buffer *lull_buffer_get(lull_thread *t, lull_buffer_pool *pool);

/* As lull_buffer_get, with room for `bytes`; beyond 32 MiB it is made each time. Errors: also
 * LULL_E_SIZE. */
LULL_API lull_buffer *lull_buffer_get_sized(lull_thread *t, lull_buffer_pool *pool, size_t bytes);

/* Puts a buffer back, which is not used after; NULL is ignored. Clears it, and takes from it what
 * it has grown into, to keep that as well where it is not beyond the pool's ceiling.
 * Collects: no.
 * Errors:   a buffer that was put before, or of another pool, is left alone, with LULL_E_INVALID
 *           in lull_error(); debug builds of the library assert that it is none.
 * Threads:  `t` belongs to the calling thread, which need not be the one that got it.
 * Time:     O(1), some nanoseconds, as lull_pool_put; a call now and then calibrates, in about a
 *           microsecond. */
LULL_API void lull_buffer_put(lull_thread *t, lull_buffer_pool *pool, lull_buffer *buffer);

/* Makes room for `more` bytes beyond the buffer's length, which the program may write itself, and
 * then add to the length. Growing doubles the capacity or more; `data` changes.
 * Collects: maybe, where the buffer grows.
 * Errors:   LULL_E_SIZE (more than PTRDIFF_MAX bytes in all), LULL_E_NO_MEMORY or LULL_E_LIMIT,
 *           LULL_E_INVALID for NULL, LULL_E_STATE (it was put back; debug builds of the library
 *           assert that it was not); the buffer is as before.
 * Threads:  `t` belongs to the calling thread; a buffer is used by one thread at a time.
 * Time:     O(1), or where it grows O(length). */
LULL_API int lull_buffer_reserve(lull_thread *t, lull_buffer *buffer, size_t more);

/* Appends `count` bytes, which may be the buffer's own.
 * Collects, errors, threads: as lull_buffer_reserve; LULL_E_INVALID also for NULL bytes.
 * Time: O(count), or where it grows O(length + count). */
LULL_API int lull_buffer_append(lull_thread *t, lull_buffer *buffer, const void *bytes,
                                size_t count);

/* Forgets the bytes and keeps the room.
 * Collects: no. Errors: none. Threads: whoever uses the buffer. Time: O(1). */
static inline void lull_buffer_clear(lull_buffer *buffer)
{
    if (buffer->peak < buffer->length) {
        buffer->peak = buffer->length;
    }
    buffer->length = 0;
}

/* LULL_POOLED(lull_buffer, body, t, pool), see lull/scope.h. */
LULL_POOL_SCOPE(lull_buffer, lull_buffer_pool, lull_buffer)

/* The counters of a pool of buffers, or of builders; all since its creation but for what is idle
 * and the sizes. gets = hits + misses; idle = puts - hits - drops. */
typedef struct lull_buffer_pool_stats {
    uint64_t gets;         /* buffers asked for */
    uint64_t hits;         /* of these, served from what was put */
    uint64_t misses;       /* of these, made new, or not to be had */
    uint64_t puts;         /* buffers put back */
    uint64_t drops;        /* of these, left to the collector, at once or idle */
    uint64_t growths;      /* times that a buffer grew */
    uint64_t growth_hits;  /* of these, into what others had grown into before */
    uint64_t oversize;     /* storage that came back beyond the ceiling, and was dropped */
    uint64_t idle;         /* buffers kept now */
    uint64_t idle_bytes;   /* their storage, and what is kept to grow into */
    uint64_t calibrations; /* done */
    size_t default_bytes;  /* capacity of a buffer asked for without a size */
    size_t ceiling_bytes;  /* of the largest storage that is kept */
} lull_buffer_pool_stats;

/* Reads the counters without stopping anyone; each is exact up to what other threads did in the
 * meantime.
 * Collects: no. Errors: LULL_E_INVALID for NULL, LULL_E_STATE for a pool destroyed before. Threads:
 * any. Time: O(buckets x threads). */
LULL_API int lull_buffer_pool_stats_read(lull_buffer_pool *pool, lull_buffer_pool_stats *stats);

LULL_END_DECLS

#endif
