/* test_buffer.c -- pools of byte buffers: what is appended is there, and stays; sizes follow the
 * traffic; counters add up; misuse is refused. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "calibration.h"
#include "collector.h"
#include "heap.h"

#include "buffers.h"

static lull_buffer *get(size_t bytes)
{
    lull_buffer *b = bytes != 0 ? lull_buffer_get_sized(t, pool, bytes) : lull_buffer_get(t, pool);

    ensure(b != NULL, "%s", lull_error_message());
    ensure(b->length == 0 && b->capacity >= bytes, "%zu of %zu", b->length, b->capacity);
    return b;
}

/* Takes a buffer, fills `bytes` of it and puts it back. */
static void use(size_t bytes)
{
    lull_buffer *b = lull_buffer_get(t, pool);

    ensure(b != NULL && lull_buffer_reserve(t, b, bytes) == LULL_OK, "%s", lull_error_message());
    memset(b->data, 'u', bytes);
    b->length = bytes;
    lull_buffer_put(t, pool, b);
}

static void append(lull_buffer *b, const char *text)
{
    ck_assert_int_eq(lull_buffer_append(t, b, text, strlen(text)), LULL_OK);
}

/* ---- pools ---- */

START_TEST(wrong_options_are_refused)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options - 1};

    ck_assert_ptr_null(lull_buffer_pool_create(NULL, NULL));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_buffer_pool_create(heap, &options));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_pool_destroy(NULL), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_pool_stats_read(NULL, &(lull_buffer_pool_stats){0}),
                     LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_pool_stats_read(pool, NULL), LULL_E_INVALID);
}
END_TEST

START_TEST(the_options_are_kept)
{
    lull_buffer_pool_stats s = stats_of(lull_buffer_pool_create(heap, NULL));
    ck_assert_uint_eq(s.default_bytes, 64);
    ck_assert_uint_eq(s.ceiling_bytes, 32 << 20);
    s = stats_of(new_pool(1000, 3000, 0));
    ck_assert_uint_eq(s.default_bytes, 1024);
    ck_assert_uint_eq(s.ceiling_bytes, 4096);
    s = stats_of(new_pool(5000, 3000, 0)); /* the maximum has the last word */
    ck_assert_uint_eq(s.default_bytes, 4096);
    s = stats_of(new_pool(SIZE_MAX, SIZE_MAX, 0));
    ck_assert_uint_eq(s.default_bytes, 32 << 20);
}
END_TEST

/* Each bucket in use is a pool of the heap, and what was grown into, until the pool is
 * destroyed. */
START_TEST(buckets_are_pools_of_the_heap)
{
    lull_buffer_put(t, pool, get(0));
    lull_buffer_put(t, pool, get(1000));
    use(300);
    ck_assert_str_eq(lull_pool_name(heap->pools[0]), "bodies/64");
    ck_assert_str_eq(lull_pool_name(heap->pools[1]), "bodies/1024");
    ck_assert_str_eq(lull_pool_name(heap->pools[2]), "bodies/+512");
    collect(); /* what threads keep goes to the depot: there it is measured */
    for (int i = 0; i < 3; i++) {
        lull_pool_stats s;
        ck_assert_int_eq(lull_pool_stats_read(heap->pools[i], &s), LULL_OK);
        ck_assert_uint_eq(s.idle, 1);
        ck_assert_uint_ge(s.idle_bytes, i == 0 ? 64 + sizeof(lull_buffer) : i == 1 ? 1024 : 512);
    }
    ck_assert_ptr_null(heap->pools[3]);
    ck_assert_int_eq(lull_buffer_pool_destroy(pool), LULL_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(heap->pools[i]);
    }
    ck_assert_int_eq(lull_buffer_pool_destroy(pool), LULL_E_STATE);
    ck_assert_int_eq(lull_buffer_pool_stats_read(pool, &(lull_buffer_pool_stats){0}), LULL_E_STATE);
    ck_assert_ptr_eq(new_pool(0, 0, 0), pool); /* its memory is used again */
    ck_assert_uint_eq(stats_of(pool).gets, 0);
    use(1);
    ck_assert_uint_eq(stats_of(pool).gets, 1);
}
END_TEST

/* Where a heap has no more pools, what needs a new bucket fails, and nothing is lost. */
START_TEST(no_more_pools)
{
    lull_pool_options options = {.struct_size = sizeof options,
                                 .type = lull_type_leaf(heap, "item", 16)};
    lull_buffer *b = get(64);
    lull_pool *last = NULL;

    for (lull_pool *p; (p = lull_pool_create(heap, &options)) != NULL;) {
        last = p;
    }
    ck_assert_ptr_null(lull_buffer_get_sized(t, pool, 100));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    append(b, "text");
    ck_assert_int_eq(lull_buffer_reserve(t, b, 200), LULL_E_LIMIT);
    ck_assert_mem_eq(b->data, "text", 4);
    lull_buffer_put(t, pool, b);
    ck_assert_uint_eq(stats_of(pool).idle, 1);
    lull_pool_destroy(last);
    ck_assert_ptr_nonnull(lull_buffer_get_sized(t, pool, 100));
}
END_TEST

/* ---- get and put ---- */

START_TEST(what_was_put_comes_again_and_is_empty)
{
    lull_buffer *b = get(1000);
    char *data = b->data;

    append(b, "something");
    lull_buffer_put(t, pool, b);
    ck_assert_ptr_ne(get(100), b);
    ck_assert_ptr_ne(get(1025), b);
    ck_assert_ptr_eq(get(513), b);
    ck_assert_ptr_eq(b->data, data);
    ck_assert_uint_eq(b->capacity, 1024);
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.gets, 4);
    ck_assert_uint_eq(s.hits, 1);
    ck_assert_uint_eq(s.misses, 3);
    ck_assert_uint_eq(s.puts, 1);
    ck_assert_uint_eq(s.idle, 0);
}
END_TEST

START_TEST(sizes_beyond_reason)
{
    lull_buffer *b = lull_buffer_get_sized(t, pool, ((size_t)32 << 20) + 1);

    ck_assert_ptr_nonnull(b);
    ck_assert_uint_gt(b->capacity, 32 << 20);
    b->data[b->capacity - 1] = 1;
    lull_buffer_put(t, pool, b);
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.misses, 1);
    ck_assert_uint_eq(s.oversize, 1);
    ck_assert_uint_eq(s.idle_bytes, 64);
    ck_assert_ptr_null(lull_buffer_get_sized(t, pool, SIZE_MAX));
    ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    ck_assert_ptr_null(lull_buffer_get_sized(t, pool, (size_t)PTRDIFF_MAX / 2));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT); /* no size to refuse, but not to be had */
    ck_assert_uint_eq(stats_of(pool).idle, 1);
}
END_TEST

START_TEST(null_is_no_pool_and_no_buffer)
{
    ck_assert_ptr_null(lull_buffer_get(t, NULL));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_buffer_get_sized(t, NULL, 10));
    ck_assert_int_eq(lull_buffer_append(t, NULL, "a", 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_append(t, NULL, "a", 0), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_reserve(t, NULL, 1), LULL_E_INVALID);
    lull_buffer_put(t, pool, NULL);
    lull_buffer_put(t, NULL, NULL);
    ck_assert_uint_eq(stats_of(pool).puts, 0);
}
END_TEST

START_TEST(a_wrong_put_is_refused)
{
    lull_buffer_pool *other = new_pool(0, 0, 0);
    lull_buffer *b = get(0);

    lull_buffer_put(t, other, b);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    lull_buffer_put(t, NULL, b);
    ck_assert_uint_eq(stats_of(other).puts, 0);
    append(b, "still out");
    lull_buffer_put(t, pool, b);
    ck_assert_uint_eq(stats_of(pool).puts, 1);
    lull_buffer_put(t, pool, b); /* twice */
    ck_assert_ptr_nonnull(strstr(lull_error_message(), "put back before"));
    ck_assert_uint_eq(stats_of(pool).puts, 1);
    ck_assert_uint_eq(stats_of(pool).idle, 1);
    ck_assert_int_eq(lull_buffer_reserve(t, b, 100), LULL_E_STATE);
    ck_assert_int_eq(lull_buffer_append(t, b, "late", 4), LULL_E_STATE);
    ck_assert_ptr_eq(get(0), b);
    ck_assert_ptr_ne(get(0), b);
}
END_TEST

/* The pool is gone; a buffer that is out goes on, and nothing of a pool that is gone crashes. */
START_TEST(out_when_the_pool_is_destroyed)
{
    lull_buffer *b = get(0);

    root[0] = b;
    lull_buffer_put(t, pool, get(200));
    append(b, "one");
    ck_assert_int_eq(lull_buffer_pool_destroy(pool), LULL_OK);
    for (int i = 0; i < 100; i++) {
        append(b, ", two");
    }
    collect();
    ck_assert_uint_eq(b->length, 503);
    ck_assert_mem_eq(b->data, "one, two, two", 13);
    lull_buffer_put(t, pool, b);
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_null(lull_buffer_get(t, pool));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_null(lull_buffer_get_sized(t, pool, (size_t)64 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
}
END_TEST

START_TEST(debug_put_twice)
{
    lull_buffer *b = get(0);

    lull_buffer_put(t, pool, b);
    lull_buffer_put(t, pool, b);
}
END_TEST

START_TEST(debug_put_elsewhere)
{
    lull_buffer_put(t, new_pool(0, 0, 0), get(0));
}
END_TEST

START_TEST(debug_append_after_put)
{
    lull_buffer *b = get(0);

    lull_buffer_put(t, pool, b);
    lull_buffer_append(t, b, "late", 4);
}
END_TEST

static void *get_as_another(void *arg)
{
    return lull_buffer_get(t, arg);
}

START_TEST(debug_another_thread)
{
    pthread_t thread;

    pthread_create(&thread, NULL, get_as_another, pool);
    pthread_join(thread, NULL);
}
END_TEST

/* ---- growth ---- */

START_TEST(it_grows_by_doubling)
{
    lull_buffer *b = get(0);
    size_t capacity = b->capacity;

    root[0] = b;
    for (int i = 0; i < 100000; i++) {
        char c = (char)(i * 7);
        ensure(lull_buffer_append(t, b, &c, 1) == LULL_OK, "%s", lull_error_message());
        if (b->capacity != capacity) {
            ensure(b->capacity == 2 * capacity, "%zu after %zu", b->capacity, capacity);
            capacity = b->capacity;
        }
    }
    for (int i = 0; i < 100000; i++) {
        ensure(b->data[i] == (char)(i * 7), "byte %d", i);
    }
}
END_TEST

START_TEST(room_to_write)
{
    lull_buffer *b = get(0);

    root[0] = b;
    append(b, "abc");
    ck_assert_int_eq(lull_buffer_reserve(t, b, 61), LULL_OK);
    ck_assert_uint_eq(b->capacity, 64); /* just so */
    ck_assert_int_eq(lull_buffer_reserve(t, b, 62), LULL_OK);
    ck_assert_uint_eq(b->capacity, 128);
    ck_assert_int_eq(lull_buffer_reserve(t, b, 0), LULL_OK);
    memcpy(b->data + b->length, "def", 3);
    b->length += 3;
    append(b, "ghi");
    ck_assert_mem_eq(b->data, "abcdefghi", 9);
    lull_buffer_clear(b);
    ck_assert_uint_eq(b->length, 0);
    ck_assert_uint_eq(b->capacity, 128);
}
END_TEST

START_TEST(sizes_that_overflow)
{
    lull_buffer *b = get(0);

    root[0] = b;
    append(b, "abc");
    ck_assert_int_eq(lull_buffer_reserve(t, b, SIZE_MAX), LULL_E_SIZE);
    ck_assert_int_eq(lull_buffer_reserve(t, b, SIZE_MAX - 2), LULL_E_SIZE);
    ck_assert_int_eq(lull_buffer_append(t, b, "x", SIZE_MAX), LULL_E_SIZE);
    ck_assert_int_eq(lull_buffer_reserve(t, b, PTRDIFF_MAX), LULL_E_SIZE);
    ck_assert_int_eq(lull_buffer_reserve(t, b, PTRDIFF_MAX / 2), LULL_E_LIMIT);
    ck_assert_int_eq(lull_buffer_append(t, b, NULL, 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_append(t, b, NULL, 0), LULL_OK);
    ck_assert_uint_eq(b->length, 3);
    ck_assert_mem_eq(b->data, "abc", 3);
    b->length = b->capacity + 1; /* what no program may do */
    ck_assert_int_eq(lull_buffer_append(t, b, "x", 1), LULL_E_INVALID);
    ck_assert_int_eq(lull_buffer_append(t, b, "x", SIZE_MAX), LULL_E_INVALID);
    b->length = 3;
}
END_TEST

START_TEST(beyond_the_last_bucket)
{
    lull_buffer *b = get((size_t)32 << 20);

    root[0] = b;
    b->length = b->capacity;
    b->data[b->length - 1] = 'z';
    ck_assert_int_eq(lull_buffer_append(t, b, "!", 1), LULL_OK);
    ck_assert_uint_eq(b->capacity, (size_t)64 << 20);
    ck_assert_mem_eq(b->data + b->length - 2, "z!", 2);
    ck_assert_int_eq(lull_buffer_reserve(t, b, (size_t)96 << 20), LULL_OK);
    ck_assert_uint_ge(b->capacity, (size_t)128 << 20);
    ck_assert_mem_eq(b->data + b->length - 2, "z!", 2);
}
END_TEST

/* A buffer's own bytes, also where growing moves them, into storage new or another's. */
START_TEST(it_appends_to_itself)
{
    for (int idle = 0; idle < 2; idle++) {
        lull_buffer *b = get(0);
        if (idle) {
            lull_buffer_put(t, pool, get(128));
            lull_buffer_put(t, pool, get(256));
        }
        root[0] = b;
        append(b, "0123456789abcdefghijklmnopqrstuvwxyz");
        ck_assert_int_eq(lull_buffer_append(t, b, b->data, b->length), LULL_OK);
        ck_assert_int_eq(lull_buffer_append(t, b, b->data + 36, b->length - 36), LULL_OK);
        ck_assert_int_eq(lull_buffer_append(t, b, b->data, b->length), LULL_OK);
        ck_assert_uint_eq(b->length, 216);
        for (size_t i = 0; i < 216; i++) {
            ck_assert_int_eq(b->data[i], "0123456789abcdefghijklmnopqrstuvwxyz"[i % 36]);
        }
        lull_buffer_put(t, pool, b);
    }
}
END_TEST

/* What one buffer grew into serves the next that grows; each goes home with what it was made
 * with. */
START_TEST(growth_is_used_again)
{
    lull_buffer *b = get(64), *other = get(64);
    char *home = b->data;

    root[0] = b;
    root[1] = other;
    append(b, "text");
    ck_assert_int_eq(lull_buffer_reserve(t, b, 200), LULL_OK);
    ck_assert_uint_eq(b->capacity, 256);
    ck_assert_mem_eq(b->data, "text", 4);
    char *grown = b->data;
    ck_assert_int_eq(lull_buffer_reserve(t, b, 2000), LULL_OK); /* leaves it */
    ck_assert_uint_eq(stats_of(pool).idle_bytes, 256);
    ck_assert_int_eq(lull_buffer_reserve(t, other, 250), LULL_OK);
    ck_assert_ptr_eq(other->data, grown);
    lull_buffer_put(t, pool, b);
    lull_buffer_put(t, pool, other);
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.growths, 3);
    ck_assert_uint_eq(s.growth_hits, 1);
    ck_assert_uint_eq(s.idle, 2);
    ck_assert_uint_eq(s.idle_bytes, 64 + 64 + 256 + 2048);
    ck_assert_uint_eq(s.drops + s.oversize, 0);
    ck_assert_ptr_eq(get(64), other);
    ck_assert_ptr_eq(get(64), b);
    ck_assert_ptr_eq(b->data, home);
    ck_assert_uint_eq(b->capacity, 64);
}
END_TEST

/* Steady traffic that grows its buffers allocates nothing, though all are taken at the same
 * size. */
START_TEST(steady_growth_allocates_nothing)
{
    static const size_t sizes[] = {50, 700, 3000, 50, 50, 700};

    for (int round = 0; round < 100; round++) {
        lull_buffer *b[6];
        if (round == 10) {
            lull_stats before = support_stats(heap);
            root[7] = (void *)(uintptr_t)before.allocated_objects;
        }
        for (size_t i = 0; i < 6; i++) {
            root[i] = b[i] = get(0);
            for (size_t n = 0; n < sizes[i]; n += 50) {
                append(b[i], "01234567890123456789012345678901234567890123456789");
            }
        }
        for (size_t i = 0; i < 6; i++) {
            lull_buffer_put(t, pool, b[i]);
            root[i] = NULL;
        }
    }
    lull_stats after = support_stats(heap);
    ck_assert_uint_eq(after.allocated_objects, (uintptr_t)root[7]);
}
END_TEST

/* ---- calibration ---- */

START_TEST(sizes_follow_the_traffic)
{
    pool = new_pool(0, 0, 100); /* that is 128 */
    for (int i = 0; i < 127; i++) {
        use(1000);
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 0);
    use(1000);
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.calibrations, 1);
    ck_assert_uint_eq(s.default_bytes, 1024);
    ck_assert_uint_eq(s.ceiling_bytes, 1024);
    ck_assert_uint_eq(get(0)->capacity, 1024);
    for (int i = 0; i < 256; i++) {
        use(60000);
    }
    s = stats_of(pool);
    ck_assert_uint_eq(s.calibrations, 3);
    ck_assert_uint_eq(s.default_bytes, 65536); /* up */
    ck_assert_uint_eq(s.ceiling_bytes, 65536);
    for (int i = 0; i < 256; i++) {
        use(100);
    }
    ck_assert_uint_eq(stats_of(pool).default_bytes, 128); /* down, the ceiling later */
    ck_assert_uint_eq(stats_of(pool).ceiling_bytes, 65536);
    for (int i = 0; i < 384; i++) {
        use(100);
    }
    s = stats_of(pool);
    ck_assert_uint_eq(s.calibrations, 8);
    ck_assert_uint_eq(s.default_bytes, 128);
    ck_assert_uint_eq(s.ceiling_bytes, 128);
}
END_TEST

START_TEST(what_grew_beyond_the_ceiling_is_dropped)
{
    pool = new_pool(0, 0, 128);
    for (int i = 0; i < 128; i++) {
        use(200);
    }
    ck_assert_uint_eq(stats_of(pool).ceiling_bytes, 256);
    lull_buffer_put(t, pool, get(0));
    lull_buffer_pool_stats before = stats_of(pool);
    use(257); /* it loses what it grew into, and stays */
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.oversize, before.oversize + 1);
    ck_assert_uint_eq(s.drops, before.drops);
    ck_assert_uint_eq(s.idle_bytes, before.idle_bytes);
    lull_buffer_put(t, pool, get(257)); /* made so large, it goes itself */
    s = stats_of(pool);
    ck_assert_uint_eq(s.oversize, before.oversize + 2);
    ck_assert_uint_eq(s.drops, before.drops + 1);
    ck_assert_uint_eq(s.puts, before.puts + 2);
    for (int i = 0; i < 128; i++) { /* not common enough to be kept */
        use(200);
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 2);
    ck_assert_uint_eq(stats_of(pool).ceiling_bytes, 256);
}
END_TEST

START_TEST(the_program_s_maximum_holds)
{
    pool = new_pool(0, 1024, 16);
    for (int i = 0; i < 48; i++) {
        use(5000);
    }
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.calibrations, 3);
    ck_assert_uint_eq(s.default_bytes, 1024);
    ck_assert_uint_eq(s.ceiling_bytes, 1024);
    ck_assert_uint_eq(s.oversize, 48);
}
END_TEST

/* What counts is the most that a buffer held while it was out; one that was not used does not. */
START_TEST(what_is_counted)
{
    pool = new_pool(0, 0, 16);
    for (int i = 0; i < 64; i++) {
        lull_buffer_put(t, pool, get(0));
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 0);
    for (int i = 0; i < 16; i++) {
        lull_buffer *b = get(0);
        root[0] = b;
        ck_assert_int_eq(lull_buffer_reserve(t, b, 500), LULL_OK);
        b->length = 500;
        lull_buffer_clear(b);
        append(b, "short");
        lull_buffer_clear(b);
        lull_buffer_put(t, pool, b);
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 1);
    ck_assert_uint_eq(stats_of(pool).default_bytes, 512);
}
END_TEST

/* One thread after the other: what they counted is put together, and each is heard. */
static void *use_once(void *arg)
{
    lull_thread *self = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    lull_buffer *b = lull_buffer_get(self, pool);

    ensure(lull_buffer_reserve(self, b, (size_t)arg) == LULL_OK, "%s", lull_error_message());
    b->length = (size_t)arg;
    lull_buffer_put(self, pool, b);
    lull_detach(self);
    return NULL;
}

START_TEST(all_threads_are_counted)
{
    pthread_t thread;

    pool = new_pool(0, 0, 8);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, use_once, (void *)3000), 0);
        lull_blocking_begin(t);
        pthread_join(thread, NULL);
        lull_blocking_end(t);
    }
    for (int i = 0; i < 8; i++) {
        use(50);
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 1);
    ck_assert_uint_eq(stats_of(pool).default_bytes, 4096); /* 40 of them to 8 */
}
END_TEST

START_TEST(a_pool_that_is_not_to_calibrate_does_not)
{
    pool = new_pool(128, 0, SIZE_MAX);
    for (int i = 0; i < 5000; i++) {
        use(1000);
    }
    ck_assert_uint_eq(stats_of(pool).calibrations, 0);
    ck_assert_uint_eq(stats_of(pool).default_bytes, 128);
}
END_TEST

/* ---- the collector ---- */

/* Only the header is held: by a root, by a pool. */
START_TEST(the_storage_lives_with_the_buffer)
{
    lull_buffer *b = get(1000);

    root[0] = b;
    append(b, "held by a root");
    collect();
    ck_assert(alive(b->data));
    ck_assert_mem_eq(b->data, "held by a root", 14);
    char *data = b->data;
    lull_buffer_put(t, pool, b);
    root[0] = NULL;
    collect();
    ck_assert(alive(b));
    ck_assert(alive(data));
    ck_assert_ptr_eq(get(1000), b);
    collect();
    ck_assert(!alive(b)); /* it was taken, and left to the collector */
    ck_assert(!alive(data));
}
END_TEST

START_TEST(idle_buffers_go)
{
    for (int i = 0; i < 50; i++) {
        root[i % 8] = get(1000);
    }
    lull_buffer *b[8];
    for (int i = 0; i < 8; i++) {
        b[i] = root[i];
        lull_buffer_put(t, pool, b[i]);
        root[i] = NULL;
    }
    for (int i = 0; i < 3; i++) {
        collect();
    }
    ck_assert_uint_eq(stats_of(pool).idle, 0);
    ck_assert_uint_eq(stats_of(pool).drops, 8);
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

/* Where words of the heap are tagged, the pool's own are not, and are found all the same. */
START_TEST(buffers_of_a_tagged_heap)
{
    lull_options options = support_options();

    tear_down();
    options.debug = LULL_DEBUG_SCRIBBLE;
    options.tag_mask = 7;
    options.tag_value = 5;
    options.pointer_mask = ~(uintptr_t)7;
    set_up_with(options);
    pool = new_pool(0, 0, 0);
    lull_buffer *b = get(0);
    root[0] = b;
    for (int i = 0; i < 1000; i++) {
        append(b, "x");
        if (i % 100 == 0) {
            collect();
        }
    }
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(b->data[i], 'x');
    }
}
END_TEST

static atomic_int reached, open;

/* Waits the first time, then reports its first word. */
static void trace_gate(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (atomic_exchange(&reached, 1) == 0) {
        while (!atomic_load(&open)) {
            sched_yield();
        }
    }
    lull_trace(tracer, *(void *const *)object);
}

/* A buffer that is made while the collector marks, which no marker will look at, grows: into
 * storage from before the cycle, to which only another buffer led that no marker has seen. */
START_TEST(growth_in_the_middle_of_a_cycle)
{
    lull_options options = support_options();

    tear_down();
    options.mode = LULL_MODE_CONCURRENT;
    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    pool = new_pool(0, 0, SIZE_MAX);
    lull_buffer *other = get(64);
    root[0] = other;
    ck_assert_int_eq(lull_buffer_reserve(t, other, 100), LULL_OK);
    char *large = other->data;
    void **gate = lull_alloc(t, lull_type_custom(heap, "gate", sizeof(void *), trace_gate, NULL));
    root[1] = gate;
    root[0] = NULL;
    lull_store(t, gate, other); /* marked when the gate opens, and not before */
    ck_assert(lull__collector_ask(heap, LULL__REASON_FORCED));
    while (!atomic_load(&reached)) {
        lull_safepoint(t);
    }
    lull_buffer *b = get(64);
    lull_store(t, &root[0], b);
    append(b, "text");
    lull_buffer_put(t, pool, other);
    ck_assert_int_eq(lull_buffer_reserve(t, b, 100), LULL_OK);
    ck_assert_ptr_eq(b->data, large);
    uint64_t cycles = heap->cycles;
    atomic_store(&open, 1);
    while (heap->cycles == cycles || heap->unswept != 0) {
        lull_safepoint(t);
        sched_yield();
    }
    ck_assert(alive(large));
    ck_assert_mem_eq(large, "text", 4);
    lull_buffer_put(t, pool, b);
    ck_assert(alive(b->data)); /* its home */
}
END_TEST

/* ---- memory that runs out ---- */

/* A buffer that cannot grow is as it was, and grows again once there is room. */
START_TEST(no_memory_to_grow)
{
    lull_options options = support_options();

    tear_down();
    options.heap_max = (size_t)1 << 20;
    set_up_with(options);
    pool = new_pool(0, 0, 0);
    lull_buffer *b = get(0);
    root[0] = b;
    int status;
    while ((status = lull_buffer_append(t, b, "0123456789abcdef", 16)) == LULL_OK) {
    }
    ck_assert_int_eq(status, LULL_E_LIMIT);
    ck_assert_uint_ge(b->length, 64 << 10);
    ck_assert_uint_eq(b->length, b->capacity);
    for (size_t i = 0; i < b->length; i++) {
        ensure(b->data[i] == "0123456789abcdef"[i % 16], "byte %zu", i);
    }
    ck_assert_ptr_null(lull_buffer_get_sized(t, pool, (size_t)1 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    lull_buffer_put(t, pool, b);
    stats_of(pool);
}
END_TEST

/* ---- the suite ---- */

static void add_misuse(TCase *tests)
{
    if (LULL__DEBUG) {
        tcase_add_test_raise_signal(tests, debug_put_twice, SIGABRT);
        tcase_add_test_raise_signal(tests, debug_put_elsewhere, SIGABRT);
        tcase_add_test_raise_signal(tests, debug_append_after_put, SIGABRT);
        tcase_add_test_raise_signal(tests, debug_another_thread, SIGABRT);
    } else {
        tcase_add_test(tests, a_wrong_put_is_refused);
        tcase_add_test(tests, out_when_the_pool_is_destroyed);
        tcase_add_test(tests, sizes_that_overflow);
    }
}

int main(void)
{
    TCase *tests = tcase_create("buffer");

    tcase_add_checked_fixture(tests, set_up_scribbling, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, wrong_options_are_refused);
    tcase_add_test(tests, the_options_are_kept);
    tcase_add_test(tests, buckets_are_pools_of_the_heap);
    tcase_add_test(tests, no_more_pools);
    tcase_add_test(tests, what_was_put_comes_again_and_is_empty);
    tcase_add_test(tests, sizes_beyond_reason);
    tcase_add_test(tests, null_is_no_pool_and_no_buffer);
    add_misuse(tests);
    tcase_add_test(tests, it_grows_by_doubling);
    tcase_add_test(tests, room_to_write);
    tcase_add_test(tests, beyond_the_last_bucket);
    tcase_add_test(tests, it_appends_to_itself);
    tcase_add_test(tests, growth_is_used_again);
    tcase_add_test(tests, steady_growth_allocates_nothing);
    tcase_add_test(tests, sizes_follow_the_traffic);
    tcase_add_test(tests, what_grew_beyond_the_ceiling_is_dropped);
    tcase_add_test(tests, the_program_s_maximum_holds);
    tcase_add_test(tests, what_is_counted);
    tcase_add_test(tests, all_threads_are_counted);
    tcase_add_test(tests, a_pool_that_is_not_to_calibrate_does_not);
    tcase_add_test(tests, the_storage_lives_with_the_buffer);
    tcase_add_test(tests, idle_buffers_go);
    tcase_add_test(tests, buffers_of_a_tagged_heap);
    tcase_add_test(tests, growth_in_the_middle_of_a_cycle);
    tcase_add_test(tests, no_memory_to_grow);
    return support_run(suite_create("buffer"), tests);
}
