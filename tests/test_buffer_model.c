/* test_buffer_model.c -- buffers do what arrays do, in every mode, whatever the collector does
 * meanwhile; and what threads do with them. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "heap.h"
#include "random.h"

#include "buffers.h"

#define OUT 6

/* Random deeds with a few buffers, and beside each the naive way: an array that is large enough. */
struct model {
    char *text;
    size_t length;
};

static void check_model(const lull_buffer *b, const struct model *m)
{
    ensure(b->length == m->length, "%zu, not %zu", b->length, m->length);
    ensure(b->capacity >= b->length, "%zu of %zu", b->length, b->capacity);
    ensure(memcmp(b->data, m->text, m->length) == 0, "another text");
}

#define TEXT_MOST ((size_t)1 << 20)

static void model_append(struct random *r, lull_buffer *b, struct model *m)
{
    static char text[40000];
    size_t most = random_below(r, 20) == 0 ? sizeof text : 100;
    size_t count = random_below(r, most);
    const char *bytes = text;

    if (random_below(r, 8) == 0) { /* its own */
        size_t from = random_below(r, b->length + 1);
        bytes = b->data + from;
        count = count <= b->length - from ? count : b->length - from;
    } else {
        memset(text, (int)random_below(r, 256), count);
    }
    if (m->length + count > TEXT_MOST) {
        return;
    }
    memmove(m->text + m->length, bytes == text ? text : m->text + (bytes - b->data), count);
    m->length += count;
    ensure(lull_buffer_append(t, b, bytes, count) == LULL_OK, "%s", lull_error_message());
}

static void model_write(struct random *r, lull_buffer *b, struct model *m)
{
    size_t count = random_below(r, 2000);

    if (m->length + count > TEXT_MOST) {
        return;
    }
    ensure(lull_buffer_reserve(t, b, count) == LULL_OK, "%s", lull_error_message());
    memset(b->data + b->length, (int)count, count);
    memset(m->text + m->length, (int)count, count);
    b->length += count;
    m->length += count;
}

/* Takes or puts back the i-th. */
static void model_swap(struct random *r, size_t i, struct model *m)
{
    lull_buffer *b = root[i];

    if (b != NULL) {
        check_model(b, m);
        lull_buffer_put(t, pool, b);
        lull_store(t, &root[i], NULL);
        return;
    }
    size_t bytes = random_below(r, 3) != 0 ? 0 : random_below(r, 5000);
    b = bytes != 0 ? lull_buffer_get_sized(t, pool, bytes) : lull_buffer_get(t, pool);
    ensure(b != NULL, "%s", lull_error_message());
    ensure(b->length == 0 && b->capacity >= bytes, "%zu of %zu", b->length, b->capacity);
    lull_store(t, &root[i], b);
    m->length = 0;
}

static void play_model(uint64_t seed)
{
    struct random r = {seed};
    struct model model[OUT];

    for (size_t i = 0; i < OUT; i++) {
        model[i].text = malloc(TEXT_MOST);
    }
    for (int step = 0; step < 20000; step++) {
        size_t i = random_below(&r, OUT);
        uint64_t what = random_below(&r, 1000);
        if (root[i] == NULL || what < 100) {
            model_swap(&r, i, &model[i]);
        } else if (what < 110 && heap->options.mode != LULL_MODE_OFF) {
            collect();
        } else if (what < 150) {
            lull_buffer_clear(root[i]);
            model[i].length = 0;
        } else if (what < 300) {
            model_write(&r, root[i], &model[i]);
        } else {
            model_append(&r, root[i], &model[i]);
        }
        if (step % 16 == 0 && root[i] != NULL) {
            check_model(root[i], &model[i]);
        }
    }
    for (size_t i = 0; i < OUT; i++) {
        free(model[i].text);
        lull_buffer_put(t, pool, root[i]);
        lull_store(t, &root[i], NULL);
    }
    stats_of(pool);
}

static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_OFF, LULL_MODE_CONCURRENT,
                                  LULL_MODE_INCREMENTAL};

START_TEST(it_does_what_arrays_do)
{
    lull_options options = support_options();

    tear_down();
    options.mode = modes[_i];
    options.gc_percent = 50;
    options.heap_min = 256 << 10;
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY;
    set_up_with(options);
    pool = new_pool(0, 0, 64);
    for (uint64_t seed = 1; seed <= support_rounds(3); seed++) {
        play_model(seed);
    }
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.gets, s.puts);
    ck_assert_uint_gt(s.calibrations, 3 * support_rounds(3));
}
END_TEST

/* ---- threads ---- */

static atomic_bool finish;
static atomic_uint_fast64_t gets;

#define SHARED 16
static lull_buffer *shared[SHARED]; /* registered */

/* A buffer says its size and is full of one letter. */
static void fill(lull_thread *self, lull_buffer *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 10) {
        ensure(lull_buffer_append(self, b, "xxxxxxxxxx", 10) == LULL_OK, "%s",
               lull_error_message());
    }
}

static void check_filled(const lull_buffer *b)
{
    for (size_t i = 0; i < b->length; i++) {
        ensure(b->data[i] == 'x', "byte %zu of %zu is %d", i, b->length, b->data[i]);
    }
}

static void *use_pool(void *arg)
{
    lull_thread *self = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    struct random r = {(uintptr_t)arg};
    uint64_t mine = 0;

    while (!atomic_load_explicit(&finish, memory_order_relaxed)) {
        lull_buffer *b = lull_buffer_get(self, pool);
        ensure(b != NULL && b->length == 0, "%s", lull_error_message());
        mine++;
        fill(self, b, random_below(&r, random_below(&r, 10) == 0 ? 5000 : 300));
        if (random_below(&r, 3) == 0) { /* another thread puts it back */
            b = lull_exchange(self, &shared[random_below(&r, SHARED)], b);
        }
        if (b != NULL) {
            check_filled(b);
            lull_buffer_put(self, pool, b);
        }
    }
    atomic_fetch_add(&gets, mine);
    lull_detach(self);
    return NULL;
}

/* Buffers go from thread to thread while cycles run: each has one owner, and all are counted. */
START_TEST(threads_share_a_pool)
{
    pthread_t thread[4];

    ck_assert_int_eq(lull_roots_add(heap, shared, sizeof shared), LULL_OK);
    pool = new_pool(0, 0, 50);
    for (uintptr_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, use_pool, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < support_rounds(60); i++) {
        collect();
        sched_yield();
    }
    lull_blocking_begin(t);
    atomic_store(&finish, true);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
    lull_blocking_end(t);
    for (size_t i = 0; i < SHARED; i++) {
        lull_buffer_put(t, pool, shared[i]);
        shared[i] = NULL;
    }
    lull_buffer_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.gets, gets);
    ck_assert_uint_eq(s.puts, s.gets);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("buffer_model");

    tcase_add_checked_fixture(tests, set_up_scribbling, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, it_does_what_arrays_do, 0, 4);
    tcase_add_test(tests, threads_share_a_pool);
    return support_run(suite_create("buffer_model"), tests);
}
