/* test_model.c -- several heaps at once, each driven at random over the whole interface: graphs
 * with all that lull/weak.h has (model.h), pools, knobs, memory given back, statistics. */
#include <pthread.h>
#include <string.h>

#include "model.h"

#define HEAPS 3
#define OUT 40 /* objects checked out of a pool at most */

/* A heap, with a pool beside its graph. Objects that are checked out are held by `out`. */
struct driven {
    struct model *m;
    lull_pool *pool;
    size_t bytes; /* of a pool's object */
    unsigned char *out[OUT];
    size_t checked_out;
    lull_stats before;
};

/* ---- the pool ---- */

static void fill(struct driven *d, unsigned char *object)
{
    memset(object, (int)((uintptr_t)object >> 4 & 255), d->bytes);
}

static void check_filled(const struct driven *d, const unsigned char *object)
{
    for (size_t i = 0; i < d->bytes; i++) {
        ensure(object[i] == ((uintptr_t)object >> 4 & 255), "byte %zu of %zu", i, d->bytes);
    }
}

static void reset(void *object, void *arg)
{
    memset(object, 0, ((struct driven *)arg)->bytes);
}

static void note_pool(struct driven *d)
{
    lull_pool_stats stats;

    ck_assert_int_eq(lull_pool_stats_read(d->pool, &stats), LULL_OK);
    ck_assert_uint_eq(stats.gets, stats.hits + stats.misses);
    ck_assert_uint_eq(stats.idle, stats.puts - stats.hits - stats.drops);
    ck_assert_uint_eq(stats.gets - stats.puts, d->checked_out);
    d->m->others = d->checked_out;
    d->m->others_most = stats.idle;
}

static void get_or_put(struct driven *d)
{
    struct model *m = d->m;
    size_t i = random_below(&m->r, OUT);

    if (d->out[i] != NULL) {
        check_filled(d, d->out[i]);
        lull_pool_put(m->t, d->pool, d->out[i]);
        d->out[i] = NULL;
        d->checked_out--;
    } else {
        unsigned char *object = lull_pool_get(m->t, d->pool);
        model_follow(m);
        ck_assert(object != NULL);
        for (size_t k = 0; k < d->bytes; k++) {
            ensure(object[k] == 0, "byte %zu of %zu", k, d->bytes);
        }
        for (size_t k = 0; k < OUT; k++) {
            ensure(d->out[k] != object, "%zu has it", k);
        }
        fill(d, object);
        d->out[i] = object;
        d->checked_out++;
    }
}

/* ---- knobs and questions ---- */

static void turn_a_knob(struct driven *d)
{
    static const int percent[] = {LULL_PERCENT_OFF, 0, 10, 100, 400};
    struct model *m = d->m;
    lull_stats now = support_stats(m->heap);

    if (random_below(&m->r, 2)) {
        int value = percent[random_below(&m->r, 5)];
        ck_assert_int_eq(lull_set_gc_percent(m->heap, value), now.gc_percent);
        ck_assert_int_eq(support_stats(m->heap).gc_percent, value);
        ck_assert_int_eq(lull_set_gc_percent(m->heap, -2), LULL_PERCENT_OFF - 1);
        ck_assert_int_eq(support_stats(m->heap).gc_percent, value);
    } else {
        size_t limit = random_below(&m->r, 3) * (((size_t)1 << 20) + now.system_bytes);
        ck_assert_uint_eq(lull_set_memory_limit(m->heap, limit), now.memory_limit);
        ck_assert_uint_eq(support_stats(m->heap).memory_limit, limit);
    }
}

static void give_back(struct driven *d)
{
    struct model *m = d->m;

    model_follow(m);
    lull_release_memory(m->t);
    model_follow(m);
    note_pool(d);
    model_compare(m);
    ck_assert_uint_eq(support_stats(m->heap).idle_bytes, 0);
}

/* What only grows has grown, and what belongs together agrees. */
static void check_stats(struct driven *d)
{
    lull_stats now = support_stats(d->m->heap);
    const lull_stats *old = &d->before;

    ck_assert_uint_ge(now.allocated_bytes, old->allocated_bytes);
    ck_assert_uint_ge(now.freed_bytes, old->freed_bytes);
    ck_assert_uint_ge(now.freed_objects, old->freed_objects);
    ck_assert_uint_ge(now.allocated_objects, now.freed_objects);
    ck_assert_uint_ge(now.cycles, old->cycles);
    ck_assert_uint_eq(now.cycles, d->m->heap->cycles);
    ck_assert_uint_le(now.forced_cycles, now.cycles);
    ck_assert_uint_ge(now.released_bytes, old->released_bytes);
    ck_assert_uint_ge(now.peak_system_bytes, old->peak_system_bytes);
    ck_assert_uint_ge(now.gc_cpu_ns, old->gc_cpu_ns);
    ck_assert_uint_eq(now.threads, 1);
    ck_assert_uint_eq(now.finalizers_pending, lull_finalizers_pending(d->m->heap));
    ck_assert_uint_ge(now.system_bytes, now.in_use_bytes);
    d->before = now;
}

static void stand_aside(struct driven *d)
{
    ck_assert_int_eq(lull_blocking_begin(d->m->t), LULL_OK);
    ck_assert_int_eq(lull_blocking_begin(d->m->t), LULL_E_STATE);
    ck_assert_int_eq(lull_blocking_end(d->m->t), LULL_OK);
    ck_assert_int_eq(lull_blocking_end(d->m->t), LULL_E_STATE);
    lull_safepoint(d->m->t);
    ck_assert_ptr_eq(lull_self(d->m->heap), d->m->t);
    ck_assert_ptr_eq(lull_heap_of(d->m->t), d->m->heap);
    ck_assert_int_eq(lull_heap_destroy(d->m->heap), LULL_E_BUSY);
}

/* ---- driving ---- */

static void begin(struct driven *d, uint64_t seed)
{
    lull_options options = support_options();
    struct random r = {seed};

    memset(d, 0, sizeof *d);
    options.markers = 1 + (int)random_below(&r, 3);
    options.heap_min = 100000;
    options.debug = random_below(&r, 2) ? LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY : 0;
    d->m = model_new(&options, random_next(&r), random_below(&r, 4) == 0);
    d->bytes = 16 + random_below(&r, 100) * 8;
    lull_pool_options pool = {.struct_size = sizeof pool, .reset = reset, .arg = d};
    pool.type = lull_type_leaf(d->m->heap, "pooled", d->bytes);
    d->pool = lull_pool_create(d->m->heap, &pool);
    ck_assert_ptr_nonnull(d->pool);
    ck_assert_int_eq(lull_roots_add(d->m->heap, d->out, sizeof d->out), LULL_OK);
}

static void end(struct driven *d)
{
    for (size_t i = 0; i < OUT; i++) {
        lull_pool_put(d->m->t, d->pool, d->out[i]);
        d->out[i] = NULL;
    }
    ck_assert_int_eq(lull_roots_remove(d->m->heap, d->out, sizeof d->out), LULL_OK);
    if (random_below(&d->m->r, 2)) {
        ck_assert_int_eq(lull_pool_destroy(d->pool), LULL_OK);
    }
    model_free(d->m);
}

static void drive(struct driven *d)
{
    uint64_t what = random_below(&d->m->r, 1000);

    if (what < 100) {
        get_or_put(d);
    } else if (what < 105) {
        turn_a_knob(d);
    } else if (what < 108) {
        give_back(d);
    } else if (what < 112) {
        note_pool(d);
        model_collect(d->m);
    } else if (what < 120) {
        check_stats(d);
    } else if (what < 125) {
        stand_aside(d);
    } else {
        model_step(d->m);
    }
}

START_TEST(heaps_do_not_meet)
{
    struct driven d[HEAPS];
    struct random r = {99};

    for (uint64_t seed = 0; seed < support_rounds(2); seed++) {
        for (uint64_t i = 0; i < HEAPS; i++) {
            begin(&d[i], seed * HEAPS + i);
        }
        for (size_t step = 0; step < (SUPPORT_SANITIZED ? 4000 : 15000); step++) {
            struct driven *one = &d[random_below(&r, HEAPS)];
            if (random_below(&r, 1500) == 0) { /* one ends, another begins */
                end(one);
                begin(one, random_next(&r));
            }
            drive(one);
        }
        for (size_t i = 0; i < HEAPS; i++) {
            end(&d[i]);
        }
    }
}
END_TEST

static void *drive_alone(void *arg)
{
    struct driven d;

    begin(&d, *(uint64_t *)arg);
    for (size_t step = 0; step < (SUPPORT_SANITIZED ? 2000 : 8000); step++) {
        drive(&d);
    }
    end(&d);
    return NULL;
}

START_TEST(each_thread_may_have_a_heap)
{
    uint64_t seed[HEAPS] = {1001, 1002, 1003};
    pthread_t thread[HEAPS];

    for (int i = 0; i < HEAPS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, drive_alone, &seed[i]), 0);
    }
    for (int i = 0; i < HEAPS; i++) {
        pthread_join(thread[i], NULL);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("model");

    /* the model must know of every cycle when it happens */
    setenv("LULL_TEST_MODE", "stop", 1);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, heaps_do_not_meet);
    tcase_add_test(tests, each_thread_may_have_a_heap);
    return support_run(suite_create("model"), tests);
}
