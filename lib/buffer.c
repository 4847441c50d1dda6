/* buffer.c -- pools of byte buffers: a pool for each size, and counts of what was held.
 *
 * A buffer is a header and its storage, which stay together while they lie in a pool. The pool of a
 * bucket keeps buffers of exactly its capacity, and is opened when the first one is asked for or put
 * there. It makes none itself: what is missing is made here.
 *
 * A buffer that grows changes storage with an idle one of the size it needs, which goes back to the
 * pool of the smaller size: so traffic of several sizes keeps some of each, and where it is steady
 * nothing is allocated though buffers grow.
 *
 * Counting, on each put, must not have threads meet. Each has a stripe by its number: threads beyond
 * as many share one, and may then lose a count of each other's, which calibration can bear.
 *
 * .inv.buffer.out: buffer->pool is the pool it was taken from while it is out, and NULL while it
 *   lies in one or was dropped: so a second put is seen, unless somebody has taken it meanwhile.
 * .inv.buffer.kept: a pool of buffers that was destroyed is kept for the next one to be created, and
 *   freed with its heap: buffers that are out still name it, and find no bucket open. */
#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lull/alloc.h>
#include <lull/root.h>
#include <lull/store.h>

#include "audit.h"
#include "calibration.h"
#include "error.h"
#include "pool.h"
#include "thread.h"

#define STRIPES 16
#define CALIBRATION_PUTS 1024 /* calibrating costs less than an instruction a put, then */

/* How much buffers held, by bucket. Written by the threads of one number modulo STRIPES, with
 * relaxed loads and stores: nothing is concluded from it, and it stays within a count or so. */
struct stripe {
    _Atomic uint32_t left; /* puts until it is time to calibrate */
    _Atomic uint32_t counted[LULL__BUCKETS];
} LULL__ALIGNED(2 * LULL__CACHE_LINE);

struct lull_buffer_pool {
    lull_heap *heap;
    struct lull_buffer_pool *next; /* in heap->buffer_pools; under pools_lock */
    bool alive;                    /* not destroyed; under pools_lock */
    char *name;
    const lull_type *type; /* of the headers */
    uint32_t most;         /* the ceiling that the program set */
    uint32_t every;        /* puts of a thread between calibrations; 0: never */

    _Atomic uint32_t usual;                      /* bucket of a buffer asked for without a size */
    _Atomic uint32_t ceiling;                    /* bucket of the largest that are kept; both
                                                    relaxed: any value they ever had will do */
    _Atomic(lull_pool *) buckets[LULL__BUCKETS]; /* NULL: not open */

    /* relaxed: counters; see lull_buffer_pool_stats_read */
    _Atomic uint64_t unpooled; /* buffers asked for beyond all buckets */
    _Atomic uint64_t oversize, dropped;
    _Atomic uint64_t extra_gets;  /* of buckets, that the program did not ask for: of larger ones
                                     than it wants, and by buffers that grow */
    _Atomic uint64_t growth_hits; /* of these, by buffers that grow, with an object */
    _Atomic uint64_t growth_puts; /* into buckets, by buffers that grew */
    _Atomic uint64_t calibrations;

    atomic_flag calibrating;              /* by who has it, in_library: a fork finds it clear */
    struct lull__calibration calibration; /* under it */

    struct stripe stripes[STRIPES];
};

static void add(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- calibration ---- */

static uint32_t *sum_stripes(lull_buffer_pool *pool, uint32_t counted[LULL__BUCKETS])
{
    memset(counted, 0, LULL__BUCKETS * sizeof *counted);
    for (size_t i = 0; i < STRIPES; i++) {
        for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
            counted[b] += atomic_load_explicit(&pool->stripes[i].counted[b], memory_order_relaxed);
        }
    }
    return counted;
}

static void calibrate(lull_buffer_pool *pool, const uint32_t counted[LULL__BUCKETS])
{
    uint32_t usual = 0, ceiling = 0;

    lull__calibrate(&pool->calibration, counted, &usual, &ceiling);
    atomic_store_explicit(&pool->usual, (uint32_t)lull__min(usual, pool->most),
                          memory_order_relaxed);
    atomic_store_explicit(&pool->ceiling, (uint32_t)lull__min(ceiling, pool->most),
                          memory_order_relaxed);
    add(&pool->calibrations);
}

/* The puts of a stripe are up. Whoever finds another thread at it, or that one just was, leaves it
 * be. */
static LULL__NOINLINE void time_to_calibrate(lull_thread *t, lull_buffer_pool *pool,
                                             struct stripe *s)
{
    uint32_t counted[LULL__BUCKETS];

    atomic_store_explicit(&s->left, pool->every, memory_order_relaxed);
    if (pool->every == 0) {
        return;
    }
    lull__enter(t);
    /* acquire: pairs with the release below; the calibration before is whole */
    if (!atomic_flag_test_and_set_explicit(&pool->calibrating, memory_order_acquire)) {
        sum_stripes(pool, counted);
        if (lull__calibration_fresh(&pool->calibration, counted) >= pool->every) {
            calibrate(pool, counted);
        }
        atomic_flag_clear_explicit(&pool->calibrating, memory_order_release);
    }
    lull__leave(t);
}

/* Counts what a buffer held that comes back. One that was not used says nothing. */
LULL__INLINE void count(lull_thread *t, lull_buffer_pool *pool, size_t held)
{
    struct stripe *s = &pool->stripes[t->number % STRIPES];
    uint32_t bucket = (uint32_t)lull__min(lull__bucket_of(held), LULL__BUCKETS - 1);

    if (held == 0) {
        return;
    }
    uint32_t counted = atomic_load_explicit(&s->counted[bucket], memory_order_relaxed);
    uint32_t left = atomic_load_explicit(&s->left, memory_order_relaxed) - 1;
    atomic_store_explicit(&s->counted[bucket], counted + 1, memory_order_relaxed);
    atomic_store_explicit(&s->left, left, memory_order_relaxed);
    if (LULL__UNLIKELY(left == 0)) {
        time_to_calibrate(t, pool, s);
    }
}

/* ---- buckets ---- */

static void *make_none(lull_thread *t, void *arg)
{
    (void)t, (void)arg;
    return NULL;
}

/* The pool of a bucket, or NULL where it is not open. */
static lull_pool *bucket_pool(const lull_buffer_pool *pool, uint32_t bucket)
{
    /* acquire: pairs with the release in open_bucket; the pool is made */
    return atomic_load_explicit(&pool->buckets[bucket], memory_order_acquire);
}

/* Opens a bucket; NULL: it cannot be had, and lull_error says why. */
static LULL__NOINLINE lull_pool *open_bucket(lull_buffer_pool *pool, uint32_t bucket)
{
    char name[128];
    lull_pool *found = NULL;
    lull_pool_options options = {.struct_size = sizeof options, .name = name, .make = make_none};

    if (pool->name == NULL) {
        lull__fail(LULL_E_STATE, "the pool of buffers was destroyed");
        return NULL;
    }
    snprintf(name, sizeof name, "%.100s/%zu", pool->name, lull__bucket_bytes(bucket));
    lull_pool *made = lull_pool_create(pool->heap, &options);
    if (made == NULL) {
        return NULL;
    }
    made->audited.family = pool; /* a buffer that grows changes its bucket */
    /* release: pairs with bucket_pool; acquire: another thread's is made */
    if (!atomic_compare_exchange_strong_explicit(&pool->buckets[bucket], &found, made,
                                                 memory_order_release, memory_order_acquire)) {
        lull_pool_destroy(made);
        return found;
    }
    return made;
}

LULL__INLINE lull_pool *need_bucket(lull_buffer_pool *pool, uint32_t bucket)
{
    lull_pool *found = bucket_pool(pool, bucket);

    return LULL__LIKELY(found != NULL) ? found : open_bucket(pool, bucket);
}

/* ---- get ---- */

/* Makes a buffer of exactly `bytes`. */
static LULL__NOINLINE lull_buffer *make(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket,
                                        size_t bytes)
{
    LULL_FRAME(t, frame, 1); /* for threads whose stack is not scanned */
    lull_buffer *buffer = lull_alloc(t, pool->type);
    char *data = NULL;

    frame.root[0] = buffer;
    if (buffer != NULL) {
        data = lull_alloc_leaf(t, bytes);
    }
    if (data != NULL) {
        lull_store(t, &buffer->data, data);
        buffer->capacity = bytes;
        buffer->bucket = bucket;
        buffer->pool = pool;
    }
    lull_frame_pop(t, &frame.head);
    return data != NULL ? buffer : NULL;
}

/* An idle buffer of a larger bucket that is kept, or NULL: what lies about is used before more is
 * made. */
static lull_buffer *take_larger(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket)
{
    uint32_t ceiling = atomic_load_explicit(&pool->ceiling, memory_order_relaxed);
    lull_buffer *found = NULL;

    for (uint32_t b = bucket + 1; b <= ceiling && found == NULL; b++) {
        lull_pool *from = bucket_pool(pool, b);
        if (from != NULL) {
            add(&pool->extra_gets);
            found = lull_pool_get(t, from);
        }
    }
    return found;
}

static LULL__NOINLINE lull_buffer *get_slow(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket)
{
    lull_buffer *buffer = take_larger(t, pool, bucket);

    if (buffer == NULL) {
        return make(t, pool, bucket, lull__bucket_bytes(bucket));
    }
    buffer->pool = pool;
    return buffer;
}

static LULL__NOINLINE lull_buffer *get_unpooled(lull_thread *t, lull_buffer_pool *pool,
                                                size_t bytes)
{
    if (bytes > PTRDIFF_MAX) {
        lull__fail(LULL_E_SIZE, "a buffer of %zu bytes: at most %zu are allowed", bytes,
                   (size_t)PTRDIFF_MAX);
        return NULL;
    }
    add(&pool->unpooled);
    return make(t, pool, LULL__BUCKETS, lull_good_size(bytes));
}

static LULL__NOINLINE lull_buffer *fail_no_pool(void)
{
    lull__fail(LULL_E_INVALID, "NULL is no pool of buffers");
    return NULL;
}

LULL__INLINE lull_buffer *get(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket)
{
    lull_pool *from = need_bucket(pool, bucket);

    LULL_ASSERT_HOT(lull__thread_is_mine(t) && t->heap == pool->heap);
    if (LULL__UNLIKELY(from == NULL)) {
        return NULL;
    }
    lull_buffer *buffer = lull_pool_get(t, from);
    if (LULL__UNLIKELY(buffer == NULL)) {
        return get_slow(t, pool, bucket);
    }
    buffer->pool = pool;
    return buffer;
}

lull_buffer *lull_buffer_get(lull_thread *t, lull_buffer_pool *pool)
{
    if (LULL__UNLIKELY(pool == NULL)) {
        return fail_no_pool();
    }
    return get(t, pool, atomic_load_explicit(&pool->usual, memory_order_relaxed));
}

lull_buffer *lull_buffer_get_sized(lull_thread *t, lull_buffer_pool *pool, size_t bytes)
{
    uint32_t bucket = lull__bucket_of(bytes);

    if (LULL__UNLIKELY(pool == NULL)) {
        return fail_no_pool();
    }
    return LULL__LIKELY(bucket < LULL__BUCKETS) ? get(t, pool, bucket)
                                                : get_unpooled(t, pool, bytes);
}

/* ---- put ---- */

static LULL__NOINLINE void refuse_put(lull_thread *t, const lull_buffer_pool *pool,
                                      lull_buffer *buffer, const void *site)
{
    lull__audit_refuse(t, buffer, site);
    if (pool == NULL) {
        fail_no_pool();
    } else if (buffer->pool == NULL) {
        lull__fail(LULL_E_INVALID, "the buffer %p was put back before", (const void *)buffer);
    } else {
        lull__fail(LULL_E_INVALID, "the buffer %p was not taken from the pool \"%s\"",
                   (const void *)buffer, pool->name != NULL ? pool->name : "");
    }
}

/* What is too large, or finds no pool. */
static LULL__NOINLINE void put_slow(lull_thread *t, lull_buffer_pool *pool, lull_buffer *buffer)
{
    bool fits = buffer->bucket <= atomic_load_explicit(&pool->ceiling, memory_order_relaxed);
    lull_pool *to = fits ? need_bucket(pool, buffer->bucket) : NULL;

    if (to != NULL) {
        lull_pool_put(t, to, buffer);
        return;
    }
    add(&pool->dropped);
    if (!fits) {
        add(&pool->oversize);
    }
    lull__audit_leave(t, buffer);
}

void lull_buffer_put(lull_thread *t, lull_buffer_pool *pool, lull_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    LULL_ASSERT_HOT((pool != NULL && buffer->pool == pool) || lull__audit_is_on(t->heap));
    LULL_ASSERT_HOT(buffer->length <= buffer->capacity);
    if (LULL__UNLIKELY(pool == NULL || buffer->pool != pool)) {
        refuse_put(t, pool, buffer, __builtin_return_address(0));
        return;
    }
    count(t, pool, lull__max(buffer->length, buffer->peak));
    buffer->length = 0;
    buffer->peak = 0;
    buffer->pool = NULL;
    buffer->error = 0;
    uint32_t bucket = buffer->bucket;
    if (LULL__LIKELY(bucket <= atomic_load_explicit(&pool->ceiling, memory_order_relaxed))) {
        lull_pool *to = bucket_pool(pool, bucket);
        if (LULL__LIKELY(to != NULL)) {
            lull_pool_put(t, to, buffer);
            return;
        }
    }
    put_slow(t, pool, buffer);
}

/* ---- growth ---- */

/* An idle buffer of the bucket, or NULL. */
static lull_buffer *take_idle(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket)
{
    lull_pool *from = bucket < LULL__BUCKETS ? bucket_pool(pool, bucket) : NULL;

    if (from == NULL) {
        return NULL;
    }
    lull_buffer *idle = lull_pool_get(t, from);
    add(&pool->extra_gets);
    if (idle != NULL) {
        add(&pool->growth_hits);
    }
    return idle;
}

/* An idle buffer got smaller storage: it belongs to another bucket. */
static void put_idle(lull_thread *t, lull_buffer_pool *pool, lull_buffer *idle)
{
    uint32_t ceiling = atomic_load_explicit(&pool->ceiling, memory_order_relaxed);
    lull_pool *to = idle->bucket <= ceiling ? need_bucket(pool, idle->bucket) : NULL;

    if (to != NULL) {
        add(&pool->growth_puts);
        lull_pool_put(t, to, idle);
    } else {
        lull__audit_leave(t, idle);
    }
}

/* What a buffer that needs `need` bytes gets: a bucket's, or twice what it has. */
static size_t grown_bytes(const lull_buffer *buffer, size_t need)
{
    uint32_t bucket = lull__bucket_of(need);
    size_t twice = lull__min(2 * buffer->capacity, PTRDIFF_MAX);

    return bucket < LULL__BUCKETS ? lull__bucket_bytes(bucket)
                                  : lull_good_size(lull__max(need, twice));
}

static void swap_storage(lull_thread *t, lull_buffer *a, lull_buffer *b)
{
    lull_buffer was = *a;

    lull_store(t, &a->data, b->data);
    a->capacity = b->capacity;
    a->bucket = b->bucket;
    lull_store(t, &b->data, was.data);
    b->capacity = was.capacity;
    b->bucket = was.bucket;
}

/* Moves the buffer to storage for `need` bytes, and copies `count` bytes to its end, which may lie in
 * the storage that it leaves: that goes to the pool last. */
static LULL__NOINLINE int grow(lull_thread *t, lull_buffer *buffer, size_t need, const void *bytes,
                               size_t count)
{
    LULL_FRAME(t, frame, 2);
    lull_buffer_pool *pool = buffer->pool;
    size_t capacity = grown_bytes(buffer, need);

    frame.root[0] = buffer;
    frame.root[1] = (void *)(uintptr_t)bytes;
    lull_buffer *idle = take_idle(t, pool, lull__bucket_of(need));
    char *data = idle != NULL ? idle->data : lull_alloc_leaf(t, capacity);
    lull_frame_pop(t, &frame.head);
    if (data == NULL) {
        return lull_error();
    }
    memcpy(data, buffer->data, buffer->length);
    if (count != 0) {
        memcpy(data + buffer->length, bytes, count);
    }
    if (idle != NULL) {
        swap_storage(t, buffer, idle);
        put_idle(t, pool, idle);
    } else {
        lull_store(t, &buffer->data, data);
        buffer->capacity = capacity;
        buffer->bucket = lull__bucket_of(need);
    }
    return LULL_OK;
}

/* Whether a buffer that is out can hold `more` bytes, and how many that makes. */
static int check_growth(const lull_buffer *buffer, size_t more, size_t *need)
{
    if (buffer == NULL) {
        return lull__fail(LULL_E_INVALID, "NULL is no buffer");
    }
    if (buffer->length > buffer->capacity) {
        return lull__fail(LULL_E_INVALID, "a length of %zu bytes; the capacity is %zu",
                          buffer->length, buffer->capacity);
    }
    if (__builtin_add_overflow(buffer->length, more, need) || *need > PTRDIFF_MAX) {
        return lull__fail(LULL_E_SIZE, "%zu bytes and %zu more: %zu in all are allowed",
                          buffer->length, more, (size_t)PTRDIFF_MAX);
    }
    if (buffer->pool == NULL) {
        return lull__fail(LULL_E_STATE, "the buffer %p was put back", (const void *)buffer);
    }
    return LULL_OK;
}

static LULL__NOINLINE int append_slow(lull_thread *t, lull_buffer *buffer, size_t more,
                                      const void *bytes, size_t count)
{
    size_t need = 0;
    int status = check_growth(buffer, more, &need);

    return status == LULL_OK ? grow(t, buffer, need, bytes, count) : status;
}

LULL__INLINE bool has_room(const lull_buffer *buffer, size_t more)
{
    return LULL__LIKELY(buffer != NULL) && more <= buffer->capacity &&
           buffer->length <= buffer->capacity - more;
}

int lull_buffer_reserve(lull_thread *t, lull_buffer *buffer, size_t more)
{
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    LULL_ASSERT_HOT(buffer == NULL || buffer->pool != NULL); /* it was put back */
    return LULL__LIKELY(has_room(buffer, more)) ? LULL_OK : append_slow(t, buffer, more, NULL, 0);
}

int lull_buffer_append(lull_thread *t, lull_buffer *buffer, const void *bytes, size_t count)
{
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    LULL_ASSERT_HOT(buffer == NULL || buffer->pool != NULL); /* it was put back */
    if (LULL__UNLIKELY(bytes == NULL && count != 0)) {
        return lull__fail(LULL_E_INVALID, "NULL is no %zu bytes", count);
    }
    if (LULL__LIKELY(has_room(buffer, count))) {
        if (count != 0) {
            memmove(buffer->data + buffer->length, bytes, count);
        }
    } else {
        int status = append_slow(t, buffer, count, bytes, count);
        if (status != LULL_OK) {
            return status;
        }
    }
    buffer->length += count;
    return LULL_OK;
}

/* ---- pools ---- */

static void trace_buffer(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const lull_buffer *buffer = object;

    (void)size, (void)arg;
    /* relaxed: what it points to has no pointers; its thread may be storing another one */
    lull_trace(tracer, __atomic_load_n(&buffer->data, __ATOMIC_RELAXED));
}

/* The type of the headers, made once a heap. Where the heap's words are tagged, this one is not. */
static const lull_type *buffer_type(lull_heap *heap)
{
    /* acquire: pairs with the release below; a type made twice at once is two types */
    const lull_type *type = atomic_load_explicit(&heap->buffer_type, memory_order_acquire);

    if (type == NULL) {
        type = heap->tagged
                   ? lull_type_custom(heap, "lull_buffer", sizeof(lull_buffer), trace_buffer, NULL)
                   : LULL_RECORD(heap, lull_buffer, data);
        atomic_store_explicit(&heap->buffer_type, type, memory_order_release);
    }
    return type;
}

static bool check_options(const lull_heap *heap, const lull_buffer_pool_options *options)
{
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        lull__fail(LULL_E_INVALID, "this is no heap");
    } else if (options->struct_size != sizeof *options) {
        lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu", options->struct_size,
                   sizeof *options);
    } else {
        return true;
    }
    return false;
}

/* An unused one that was destroyed before, or NULL. */
static lull_buffer_pool *take_destroyed(lull_heap *heap)
{
    lull_thread *entered = lull__enter_any(heap);

    pthread_mutex_lock(&heap->pools_lock);
    lull_buffer_pool *pool = heap->buffer_pools;
    while (pool != NULL && pool->alive) {
        pool = pool->next;
    }
    if (pool != NULL) {
        pool->alive = true;
    }
    pthread_mutex_unlock(&heap->pools_lock);
    lull__leave_any(entered);
    return pool;
}

static lull_buffer_pool *new_pool(lull_heap *heap)
{
    lull_buffer_pool *pool = aligned_alloc(_Alignof(lull_buffer_pool), sizeof *pool);

    if (pool == NULL) {
        return NULL;
    }
    memset(pool, 0, sizeof *pool);
    pool->heap = heap;
    pool->alive = true;
    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&heap->pools_lock);
    pool->next = heap->buffer_pools;
    heap->buffer_pools = pool;
    pthread_mutex_unlock(&heap->pools_lock);
    lull__leave_any(entered);
    return pool;
}

static void set_alive(lull_buffer_pool *pool, bool alive)
{
    lull_thread *entered = lull__enter_any(pool->heap);

    pthread_mutex_lock(&pool->heap->pools_lock);
    pool->alive = alive;
    pthread_mutex_unlock(&pool->heap->pools_lock);
    lull__leave_any(entered);
}

/* The pool as new, but for its heap, its place there and its name. */
static void init_pool(lull_buffer_pool *pool, const lull_buffer_pool_options *options)
{
    size_t most = options->max_bytes != 0 ? options->max_bytes : SIZE_MAX;
    size_t every = options->calibration_puts != 0 ? options->calibration_puts : CALIBRATION_PUTS;

    pool->most = (uint32_t)lull__min(lull__bucket_of(most), LULL__BUCKETS - 1);
    pool->every = every <= UINT32_MAX ? (uint32_t)every : 0;
    atomic_init(&pool->usual,
                (uint32_t)lull__min(lull__bucket_of(options->default_bytes), pool->most));
    atomic_init(&pool->ceiling, pool->most);
    atomic_init(&pool->unpooled, 0);
    atomic_init(&pool->oversize, 0);
    atomic_init(&pool->dropped, 0);
    atomic_init(&pool->extra_gets, 0);
    atomic_init(&pool->growth_hits, 0);
    atomic_init(&pool->growth_puts, 0);
    atomic_init(&pool->calibrations, 0);
    atomic_flag_clear(&pool->calibrating);
    memset(&pool->calibration, 0, sizeof pool->calibration);
    memset(pool->stripes, 0, sizeof pool->stripes);
    for (size_t i = 0; i < STRIPES; i++) {
        atomic_init(&pool->stripes[i].left, pool->every);
    }
}

lull_buffer_pool *lull_buffer_pool_create(lull_heap *heap, const lull_buffer_pool_options *options)
{
    static const lull_buffer_pool_options defaults = {.struct_size = sizeof defaults};

    options = options != NULL ? options : &defaults;
    if (!check_options(heap, options)) {
        return NULL;
    }
    const lull_type *type = buffer_type(heap);
    char *name = strdup(options->name != NULL ? options->name : "buffers");
    lull_buffer_pool *pool = take_destroyed(heap);
    if (pool == NULL) {
        pool = new_pool(heap);
    }
    if (type == NULL || name == NULL || pool == NULL) {
        free(name);
        if (pool != NULL) {
            set_alive(pool, false);
        }
        lull__fail(LULL_E_NO_MEMORY, "no memory for a pool of buffers");
        return NULL;
    }
    pool->name = name;
    pool->type = type;
    init_pool(pool, options);
    return pool;
}

int lull_buffer_pool_destroy(lull_buffer_pool *pool)
{
    if (pool == NULL) {
        return lull__fail(LULL_E_INVALID, "NULL is no pool of buffers");
    }
    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        /* relaxed: nobody else uses the pool */
        lull_pool *bucket = atomic_exchange_explicit(&pool->buckets[b], NULL, memory_order_relaxed);
        if (bucket != NULL) {
            lull_pool_destroy(bucket);
        }
    }
    free(pool->name);
    pool->name = NULL;
    set_alive(pool, false);
    return LULL_OK;
}

void lull__buffer_pools_finish(lull_heap *heap)
{
    while (heap->buffer_pools != NULL) {
        lull_buffer_pool *pool = heap->buffer_pools;
        heap->buffer_pools = pool->next;
        free(pool->name);
        free(pool);
    }
}

/* ---- counters ---- */

/* The sum of what the buckets counted. */
static lull_pool_stats sum_buckets(const lull_buffer_pool *pool)
{
    lull_pool_stats sum = {0};

    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        lull_pool *bucket = bucket_pool(pool, b);
        lull_pool_stats one;
        if (bucket != NULL && lull_pool_stats_read(bucket, &one) == LULL_OK) {
            sum.gets += one.gets;
            sum.hits += one.hits;
            sum.puts += one.puts;
            sum.drops += one.drops;
            sum.idle += one.idle;
        }
    }
    return sum;
}

/* What buffers that grow got of the buckets and put there is taken off again: it is not the
 * program's. What they got and did not put is dropped. */
int lull_buffer_pool_stats_read(lull_buffer_pool *pool, lull_buffer_pool_stats *stats)
{
    if (pool == NULL || stats == NULL) {
        return lull__fail(LULL_E_INVALID,
                          "lull_buffer_pool_stats_read wants a pool and a place to write");
    }
    uint64_t extra_gets = read_counter(&pool->extra_gets);
    uint64_t growth_hits = read_counter(&pool->growth_hits);
    uint64_t growth_puts = read_counter(&pool->growth_puts);
    uint64_t dropped = read_counter(&pool->dropped);
    lull_pool_stats sum = sum_buckets(pool);
    uint64_t gets = sum.gets - extra_gets + read_counter(&pool->unpooled);
    uint64_t hits = sum.hits - growth_hits;
    uint32_t usual = atomic_load_explicit(&pool->usual, memory_order_relaxed);
    uint32_t ceiling = atomic_load_explicit(&pool->ceiling, memory_order_relaxed);

    *stats = (lull_buffer_pool_stats){
        .gets = gets,
        .hits = hits,
        .misses = gets - hits,
        .puts = sum.puts - growth_puts + dropped,
        .drops = sum.drops + dropped + growth_hits - growth_puts,
        .oversize = read_counter(&pool->oversize),
        .idle = sum.idle,
        .calibrations = read_counter(&pool->calibrations),
        .default_bytes = lull__bucket_bytes(usual),
        .ceiling_bytes = lull__bucket_bytes(ceiling),
    };
    return LULL_OK;
}
