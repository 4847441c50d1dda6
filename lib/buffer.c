/* buffer.c -- pools of byte buffers: for each size a pool, and one more of storage to grow into;
 * and counts of what was held.
 *
 * A buffer is a header that points to its storage. The storage it was made with, its home, it keeps
 * for good, and always goes back to the pool that made it: so a get and a put are those of that
 * pool and little else. A buffer that grows gets storage beside that, and gives it back when it
 * grows again or is put. So what grows finds what others grew into, and where traffic is steady
 * nothing is allocated. The price is the home that lies idle meanwhile, at most half of what it
 * grew into.
 *
 * Counting, on each put, must not have threads meet. Each has a stripe by its number: threads
 * beyond as many share one, and may then lose a count of each other's, which calibration can bear.
 *
 * .inv.buffer.out: buffer->pool is the pool it was taken from while it is out, and NULL while it
 *   lies there: so a second put is seen, unless somebody has taken it meanwhile.
 * .inv.buffer.home: a buffer that lies in a pool has its home for storage, and is empty.
 * .inv.buffer.kept: a pool of buffers that was destroyed is kept for the next one to be created,
 *   and freed with its heap: buffers that are out still name it. It has no name and no bucket
 *   open. */
#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lull/alloc.h>
#include <lull/root.h>
#include <lull/store.h>

#include "audit.h"
#include "calibration.h"
#include "callback.h"
#include "error.h"
#include "pool.h"
#include "thread.h"

#define STRIPES 16
#define CALIBRATION_PUTS 1024 /* calibrating costs some two instructions a put, then */

/* How much buffers held, by the bit length of one byte less, but at least 63: so that counting
 * needs no test. FIRST is the first bucket, EMPTY a buffer that was not used. Written by the
 * threads of one number modulo STRIPES, with relaxed loads and stores: nothing is concluded from
 * it. */
#define LENGTHS 64
#define FIRST (LULL__BUCKET_SHIFT - 1)
#define EMPTY (LENGTHS - 1)
struct stripe {
    _Atomic uint32_t counted[LENGTHS];
} LULL__ALIGNED(LULL__CACHE_LINE);

/* Both are opened when they are first wanted, and NULL until then. */
struct bucket {
    _Atomic(lull_pool *) buffers;
    _Atomic(lull_pool *) storage; /* to grow into */
};

struct lull_buffer_pool {
    lull_heap *heap;
    struct lull_buffer_pool *next; /* in heap->buffer_pools; under pools_lock */
    bool alive;                    /* not destroyed; under pools_lock */
    char *name;
    lull_pool_options each; /* what is the same in the pools of all buckets */
    uint32_t most;  /* the ceiling that the program set */
    uint32_t every; /* puts of one size by one thread between calibrations, a power of two, less
                       one; UINT32_MAX: never */

    _Atomic uint32_t usual;   /* bucket of a buffer asked for without a size */
    _Atomic uint32_t ceiling; /* bucket of the largest that are kept; both relaxed: any value they
                                 ever had will do */
    struct bucket buckets[LULL__BUCKETS];

    /* relaxed: counters */
    _Atomic uint64_t growths;  /* buffers that got other storage */
    _Atomic uint64_t dropped;  /* buffers that came back and went into no bucket */
    _Atomic uint64_t oversize; /* storage that came back and was beyond the ceiling */
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

static void sum_stripes(lull_buffer_pool *pool, uint32_t counted[LULL__BUCKETS])
{
    memset(counted, 0, LULL__BUCKETS * sizeof *counted);
    for (size_t i = 0; i < STRIPES; i++) {
        for (size_t length = FIRST; length < EMPTY; length++) {
            size_t bucket = lull__min(length - FIRST, LULL__BUCKETS - 1);
            counted[bucket] +=
                atomic_load_explicit(&pool->stripes[i].counted[length], memory_order_relaxed);
        }
    }
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

/* Calibrates, but where another thread is at it, or one just was. */
static LULL__NOINLINE void time_to_calibrate(lull_thread *t, lull_buffer_pool *pool)
{
    uint32_t counted[LULL__BUCKETS];

    lull__enter(t);
    /* acquire: pairs with the release below; the calibration before is whole */
    if (!atomic_flag_test_and_set_explicit(&pool->calibrating, memory_order_acquire)) {
        sum_stripes(pool, counted);
        if (lull__calibration_fresh(&pool->calibration, counted) > pool->every) {
            calibrate(pool, counted);
        }
        atomic_flag_clear_explicit(&pool->calibrating, memory_order_release);
    }
    lull__leave(t);
}

/* Counts what a buffer held that comes back; whether it is time to calibrate. Of none, the length
 * is that of SIZE_MAX. */
LULL__INLINE bool count(const lull_thread *t, lull_buffer_pool *pool, size_t held)
{
    struct stripe *s = &pool->stripes[t->number % STRIPES];
    unsigned length = 63 - (unsigned)__builtin_clzll((held - 1) | 63);
    uint32_t counted = atomic_load_explicit(&s->counted[length], memory_order_relaxed) + 1;

    atomic_store_explicit(&s->counted[length], counted, memory_order_relaxed);
    return (counted & pool->every) == 0;
}

/* ---- buckets ---- */

static void fail_destroyed(void)
{
    lull__fail(LULL_E_STATE, "the pool of buffers was destroyed");
}

static size_t bytes_of_arg(void *arg)
{
    return (size_t)(uintptr_t)arg;
}

static void *make_storage(lull_thread *t, void *bytes)
{
    return lull_alloc_leaf(t, bytes_of_arg(bytes));
}

static void *make_buffer(lull_thread *t, void *bytes)
{
    LULL_FRAME(t, frame, 1); /* for threads whose stack is not scanned */
    /* acquire: pairs with the release in need_type */
    const lull_type *type = atomic_load_explicit(&t->heap->buffer_type, memory_order_acquire);
    lull_buffer *buffer = lull_alloc(t, type);
    char *home = NULL;

    frame.root[0] = buffer;
    if (buffer != NULL) {
        home = lull_alloc_leaf(t, bytes_of_arg(bytes));
    }
    if (home != NULL) {
        lull_store(t, &buffer->home, home);
        lull_store(t, &buffer->data, home);
        buffer->capacity = bytes_of_arg(bytes);
        buffer->bucket = lull__bucket_of(buffer->capacity);
    }
    lull_frame_pop(t, &frame.head);
    return home != NULL ? buffer : NULL;
}

/* With its home, which is all that an idle one has. */
static size_t buffer_bytes(const void *object, void *bytes)
{
    (void)object;
    return sizeof(lull_buffer) + bytes_of_arg(bytes);
}

/* A pool of a bucket, or NULL where it is not open. */
LULL__INLINE lull_pool *open_pool(const _Atomic(lull_pool *) *place)
{
    /* acquire: pairs with the release in open_bucket; the pool is made */
    return atomic_load_explicit(place, memory_order_acquire);
}

/* Opens a pool of a bucket; NULL: it cannot be had, and lull_error says why. */
static LULL__NOINLINE lull_pool *open_bucket(lull_buffer_pool *pool, uint32_t bucket,
                                             _Atomic(lull_pool *) *place)
{
    bool buffers = place == &pool->buckets[bucket].buffers;
    char name[128];
    lull_pool *found = NULL;
    lull_pool_options options = pool->each;

    if (pool->name == NULL) {
        fail_destroyed();
        return NULL;
    }
    options.name = name;
    options.make = buffers ? make_buffer : make_storage;
    options.size = buffers ? buffer_bytes : NULL;
    options.arg = (void *)(uintptr_t)lull__bucket_bytes(bucket);
    snprintf(name, sizeof name, "%.100s%s%zu", pool->name, buffers ? "/" : "/+",
             lull__bucket_bytes(bucket));
    lull_pool *made = lull_pool_create(pool->heap, &options);
    if (made == NULL) {
        return NULL;
    }
    /* release: pairs with open_pool; acquire: another thread's is made */
    if (!atomic_compare_exchange_strong_explicit(place, &found, made, memory_order_release,
                                                 memory_order_acquire)) {
        lull_pool_destroy(made);
        return found;
    }
    return made;
}

static lull_pool *need_pool(lull_buffer_pool *pool, uint32_t bucket, _Atomic(lull_pool *) *place)
{
    lull_pool *found = open_pool(place);

    return LULL__LIKELY(found != NULL) ? found : open_bucket(pool, bucket, place);
}

/* ---- growth ---- */

/* Storage for `need` bytes, and how many it has. Beyond all buckets a buffer doubles; one whose
 * pool is gone gets storage that is nobody's. */
static char *get_storage(lull_thread *t, const lull_buffer *buffer, size_t need, size_t *bytes)
{
    lull_buffer_pool *pool = buffer->pool;
    uint32_t bucket = lull__bucket_of(need);

    if (bucket == LULL__BUCKETS) {
        *bytes = lull_good_size(lull__max(need, lull__min(2 * buffer->capacity, PTRDIFF_MAX / 2)));
        return lull_alloc_leaf(t, lull__max(need, *bytes));
    }
    *bytes = lull__bucket_bytes(bucket);
    if (pool->name == NULL) {
        return lull_alloc_leaf(t, *bytes);
    }
    lull_pool *from = need_pool(pool, bucket, &pool->buckets[bucket].storage);
    return from != NULL ? lull_pool_get(t, from) : NULL;
}

/* Storage that a buffer grew out of, or comes back with. */
static void put_storage(lull_thread *t, lull_buffer_pool *pool, char *data, size_t bytes)
{
    uint32_t bucket = lull__bucket_of(bytes);
    bool fits = bucket <= atomic_load_explicit(&pool->ceiling, memory_order_relaxed);
    lull_pool *to = fits ? open_pool(&pool->buckets[bucket].storage) : NULL;

    if (to != NULL) {
        lull_pool_put(t, to, data);
        return;
    }
    lull__audit_leave(t, data);
    if (!fits) {
        add(&pool->oversize); /* else the pool was destroyed meanwhile */
    }
}

static void set_storage(lull_thread *t, lull_buffer *buffer, char *data, size_t bytes)
{
    char *left = buffer->data;
    size_t left_bytes = buffer->capacity;

    lull_store(t, &buffer->data, data);
    buffer->capacity = bytes;
    if (left != buffer->home) {
        put_storage(t, buffer->pool, left, left_bytes);
    }
}

/* Moves the buffer to storage for `need` bytes, and copies `count` bytes to its end, which may lie
 * in the storage that it leaves: that goes to its pool last. */
static LULL__NOINLINE int grow(lull_thread *t, lull_buffer *buffer, size_t need, const void *bytes,
                               size_t count)
{
    LULL_FRAME(t, frame, 2);
    size_t capacity = 0;

    frame.root[0] = buffer;
    frame.root[1] = (void *)(uintptr_t)bytes;
    char *data = get_storage(t, buffer, need, &capacity);
    lull_frame_pop(t, &frame.head);
    if (data == NULL) {
        return lull_error();
    }
    memcpy(data, buffer->data, buffer->length);
    if (count != 0) {
        memcpy(data + buffer->length, bytes, count);
    }
    add(&buffer->pool->growths);
    set_storage(t, buffer, data, capacity);
    return LULL_OK;
}

/* Whether a buffer that is out can hold `more` bytes, and how many that makes. */
static int check_growth(const lull_buffer *buffer, size_t more, size_t *need)
{
    if (buffer == NULL) {
        return lull__fail(LULL_E_INVALID, "NULL is no buffer");
    }
    if (buffer->pool == NULL) {
        return lull__fail(LULL_E_STATE, "the buffer %p was put back", (const void *)buffer);
    }
    if (buffer->length > buffer->capacity) {
        return lull__fail(LULL_E_INVALID, "a length of %zu bytes; the capacity is %zu",
                          buffer->length, buffer->capacity);
    }
    if (__builtin_add_overflow(buffer->length, more, need) || *need > PTRDIFF_MAX) {
        return lull__fail(LULL_E_SIZE, "%zu bytes and %zu more: %zu in all are allowed",
                          buffer->length, more, (size_t)PTRDIFF_MAX);
    }
    return LULL_OK;
}

static LULL__NOINLINE int append_slow(lull_thread *t, lull_buffer *buffer, size_t more,
                                      const void *bytes, size_t count)
{
    size_t need = 0;

    if (lull__refuses("growth of a buffer")) {
        return LULL_E_STATE;
    }
    int status = check_growth(buffer, more, &need);
    return status == LULL_OK ? grow(t, buffer, need, bytes, count) : status;
}

LULL__INLINE bool has_room(const lull_buffer *buffer, size_t more)
{
    return LULL__LIKELY(buffer != NULL && buffer->pool != NULL) && more <= buffer->capacity &&
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

/* ---- get ---- */

static LULL__NOINLINE lull_buffer *fail_no_pool(void)
{
    lull__fail(LULL_E_INVALID, "NULL is no pool of buffers");
    return NULL;
}

LULL__INLINE lull_buffer *get(lull_thread *t, lull_buffer_pool *pool, uint32_t bucket)
{
    lull_pool *from = need_pool(pool, bucket, &pool->buckets[bucket].buffers);

    LULL_ASSERT_HOT(lull__thread_is_mine(t) && t->heap == pool->heap);
    if (LULL__UNLIKELY(from == NULL)) {
        return NULL;
    }
    lull_buffer *buffer = lull_pool_get(t, from);
    if (LULL__LIKELY(buffer != NULL)) {
        buffer->pool = pool;
    }
    return buffer;
}

lull_buffer *lull_buffer_get(lull_thread *t, lull_buffer_pool *pool)
{
    if (lull__refuses_any("lull_buffer_get")) {
        return NULL;
    }
    if (LULL__UNLIKELY(pool == NULL)) {
        return fail_no_pool();
    }
    return get(t, pool, atomic_load_explicit(&pool->usual, memory_order_relaxed));
}

/* Beyond all buckets: the least buffer, which grows. */
static LULL__NOINLINE lull_buffer *get_huge(lull_thread *t, lull_buffer_pool *pool, size_t bytes)
{
    LULL_FRAME(t, frame, 1);
    lull_buffer *buffer = get(t, pool, 0);

    frame.root[0] = buffer;
    if (buffer != NULL && lull_buffer_reserve(t, buffer, bytes) != LULL_OK) {
        lull_buffer_put(t, pool, buffer);
        buffer = NULL;
    }
    lull_frame_pop(t, &frame.head);
    return buffer;
}

lull_buffer *lull_buffer_get_sized(lull_thread *t, lull_buffer_pool *pool, size_t bytes)
{
    uint32_t bucket = lull__bucket_of(bytes);

    if (lull__refuses_any("lull_buffer_get_sized")) {
        return NULL;
    }
    if (LULL__UNLIKELY(pool == NULL)) {
        return fail_no_pool();
    }
    return LULL__LIKELY(bucket < LULL__BUCKETS) ? get(t, pool, bucket) : get_huge(t, pool, bytes);
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

/* Whatever is not to be done in a few instructions. */
static LULL__NOINLINE void put_slow(lull_thread *t, lull_buffer_pool *pool, lull_buffer *buffer,
                                    bool due)
{
    uint32_t bucket = buffer->bucket;

    if (due) {
        time_to_calibrate(t, pool);
    }
    if (buffer->data != buffer->home) {
        set_storage(t, buffer, buffer->home, lull__bucket_bytes(bucket));
    }
    buffer->length = 0;
    buffer->peak = 0;
    buffer->pool = NULL;
    lull_pool *to = open_pool(&pool->buckets[bucket].buffers);
    if (to != NULL && bucket <= atomic_load_explicit(&pool->ceiling, memory_order_relaxed)) {
        lull_pool_put(t, to, buffer);
        return;
    }
    lull__audit_leave(t, buffer);
    if (to == NULL) {
        fail_destroyed();
    } else {
        add(&pool->oversize);
        add(&pool->dropped);
    }
}

void lull_buffer_put(lull_thread *t, lull_buffer_pool *pool, lull_buffer *buffer)
{
    if (lull__refuses_any("lull_buffer_put")) {
        return;
    }
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
    bool due = count(t, pool, lull__max(buffer->length, buffer->peak));
    uint32_t bucket = buffer->bucket;
    lull_pool *to = open_pool(&pool->buckets[bucket].buffers);
    if (LULL__UNLIKELY(due || buffer->data != buffer->home || to == NULL ||
                       bucket > atomic_load_explicit(&pool->ceiling, memory_order_relaxed))) {
        put_slow(t, pool, buffer, due);
        return;
    }
    buffer->length = 0;
    buffer->peak = 0;
    buffer->pool = NULL;
    lull_pool_put(t, to, buffer);
}

/* ---- pools ---- */

static void trace_buffer(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const lull_buffer *buffer = object;

    (void)size, (void)arg;
    /* relaxed: what they point to has no pointers; its thread may be storing others */
    lull_trace(tracer, __atomic_load_n(&buffer->data, __ATOMIC_RELAXED));
    lull_trace(tracer, __atomic_load_n(&buffer->home, __ATOMIC_RELAXED));
}

/* Makes the type of the headers where it is not there yet; false: no memory. Where the heap's words
 * are tagged, this one's are not. */
static bool need_type(lull_heap *heap)
{
    /* acquire: pairs with the release below; a type made twice at once is two types */
    const lull_type *type = atomic_load_explicit(&heap->buffer_type, memory_order_acquire);

    if (type == NULL) {
        type = heap->tagged
                   ? lull_type_custom(heap, "lull_buffer", sizeof(lull_buffer), trace_buffer, NULL)
                   : LULL_RECORD(heap, lull_buffer, data, home);
        atomic_store_explicit(&heap->buffer_type, type, memory_order_release);
    }
    return type != NULL;
}

/* What the options say of the pools of all buckets. */
static lull_pool_options options_of_each(const lull_buffer_pool_options *options)
{
    return (lull_pool_options){.struct_size = sizeof(lull_pool_options),
                               .lifetime = options->lifetime,
                               .flags = options->flags,
                               .bounds = options->bounds};
}

/* A buffer in its pool is no mere bytes to clear, nor may it be dropped for its size there. */
static bool check_keeping(const lull_buffer_pool_options *options)
{
    unsigned known = LULL_POOL_GENERATIONAL | LULL_POOL_AUDIT;
    lull_pool_options each = options_of_each(options);

    if ((options->flags & ~known) != 0) {
        lull__fail(LULL_E_INVALID, "flags are %#x; allowed for buffers are those of %#x",
                   options->flags, known);
        return false;
    }
    if (options->bounds.max_object_bytes != 0) {
        lull__fail(LULL_E_INVALID,
                   "bounds.max_object_bytes is %zu; allowed for buffers is 0: "
                   "max_bytes says it",
                   options->bounds.max_object_bytes);
        return false;
    }
    return lull__pool_check_keeping(&each) == LULL_OK;
}

static bool check_options(const lull_heap *heap, const lull_buffer_pool_options *options)
{
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        lull__fail(LULL_E_INVALID, "this is no heap");
        return false;
    }
    if (options->struct_size != sizeof *options) {
        lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu", options->struct_size,
                   sizeof *options);
        return false;
    }
    return check_keeping(options);
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

static void give_destroyed(lull_buffer_pool *pool)
{
    lull_thread *entered = lull__enter_any(pool->heap);

    pthread_mutex_lock(&pool->heap->pools_lock);
    pool->alive = false;
    pthread_mutex_unlock(&pool->heap->pools_lock);
    lull__leave_any(entered);
}

/* `puts` rounded up to a power of two, less one. */
static uint32_t calibration_mask(size_t puts)
{
    if (puts > UINT32_MAX / 2) {
        return UINT32_MAX;
    }
    return puts <= 1 ? 0 : UINT32_MAX >> __builtin_clz((uint32_t)puts - 1);
}

/* The pool as new, but for its heap, its place there and its name. */
static void init_pool(lull_buffer_pool *pool, const lull_buffer_pool_options *options)
{
    size_t most = options->max_bytes != 0 ? options->max_bytes : SIZE_MAX;
    size_t every = options->calibration_puts != 0 ? options->calibration_puts : CALIBRATION_PUTS;

    pool->each = options_of_each(options);
    pool->most = (uint32_t)lull__min(lull__bucket_of(most), LULL__BUCKETS - 1);
    pool->every = calibration_mask(every);
    atomic_init(&pool->usual,
                (uint32_t)lull__min(lull__bucket_of(options->default_bytes), pool->most));
    atomic_init(&pool->ceiling, pool->most);
    atomic_init(&pool->growths, 0);
    atomic_init(&pool->dropped, 0);
    atomic_init(&pool->oversize, 0);
    atomic_init(&pool->calibrations, 0);
    atomic_flag_clear(&pool->calibrating);
    memset(&pool->calibration, 0, sizeof pool->calibration);
    memset(pool->stripes, 0, sizeof pool->stripes);
}

lull_buffer_pool *lull_buffer_pool_create(lull_heap *heap, const lull_buffer_pool_options *options)
{
    static const lull_buffer_pool_options defaults = {.struct_size = sizeof defaults};

    if (lull__refuses_any("lull_buffer_pool_create")) {
        return NULL;
    }
    options = options != NULL ? options : &defaults;
    if (!check_options(heap, options)) {
        return NULL;
    }
    char *name = strdup(options->name != NULL ? options->name : "buffers");
    bool ready = name != NULL && need_type(heap);
    lull_buffer_pool *pool = ready ? take_destroyed(heap) : NULL;
    if (ready && pool == NULL) {
        pool = new_pool(heap);
    }
    if (pool == NULL) {
        free(name);
        lull__fail(LULL_E_NO_MEMORY, "no memory for a pool of buffers");
        return NULL;
    }
    init_pool(pool, options);
    pool->name = name;
    return pool;
}

static void close_pool(_Atomic(lull_pool *) *place)
{
    /* relaxed: nobody else uses the pool */
    lull_pool *pool = atomic_exchange_explicit(place, NULL, memory_order_relaxed);

    if (pool != NULL) {
        lull_pool_destroy(pool);
    }
}

int lull_buffer_pool_destroy(lull_buffer_pool *pool)
{
    if (lull__refuses_any("lull_buffer_pool_destroy")) {
        return LULL_E_STATE;
    }
    if (pool == NULL) {
        return lull__fail(LULL_E_INVALID, "NULL is no pool of buffers");
    }
    if (pool->name == NULL) {
        fail_destroyed();
        return LULL_E_STATE;
    }
    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        close_pool(&pool->buckets[b].buffers);
        close_pool(&pool->buckets[b].storage);
    }
    free(pool->name);
    pool->name = NULL;
    give_destroyed(pool);
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

/* Adds what one bucket counted. */
static void add_bucket(const struct bucket *bucket, size_t bytes, lull_buffer_pool_stats *stats)
{
    lull_pool *buffers = open_pool(&bucket->buffers), *storage = open_pool(&bucket->storage);
    lull_pool_stats one;

    if (buffers != NULL && lull_pool_stats_read(buffers, &one) == LULL_OK) {
        stats->gets += one.gets;
        stats->hits += one.hits;
        stats->misses += one.misses;
        stats->puts += one.puts;
        stats->drops += one.drops;
        stats->idle += one.idle;
        stats->idle_bytes += one.idle * bytes;
    }
    if (storage != NULL && lull_pool_stats_read(storage, &one) == LULL_OK) {
        stats->growth_hits += one.hits;
        stats->idle_bytes += one.idle * bytes;
    }
}

int lull_buffer_pool_stats_read(lull_buffer_pool *pool, lull_buffer_pool_stats *stats)
{
    if (lull__refuses_any("lull_buffer_pool_stats_read")) {
        return LULL_E_STATE;
    }
    if (pool == NULL || stats == NULL) {
        return lull__fail(LULL_E_INVALID,
                          "lull_buffer_pool_stats_read wants a pool and a place to write");
    }
    if (pool->name == NULL) {
        fail_destroyed();
        return LULL_E_STATE;
    }
    uint64_t dropped = read_counter(&pool->dropped);
    uint32_t usual = atomic_load_explicit(&pool->usual, memory_order_relaxed);
    uint32_t ceiling = atomic_load_explicit(&pool->ceiling, memory_order_relaxed);
    *stats = (lull_buffer_pool_stats){
        .puts = dropped,
        .drops = dropped,
        .oversize = read_counter(&pool->oversize),
        .growths = read_counter(&pool->growths),
        .calibrations = read_counter(&pool->calibrations),
        .default_bytes = lull__bucket_bytes(usual),
        .ceiling_bytes = lull__bucket_bytes(ceiling),
    };
    for (uint32_t b = 0; b < LULL__BUCKETS; b++) {
        add_bucket(&pool->buckets[b], lull__bucket_bytes(b), stats);
    }
    return LULL_OK;
}
