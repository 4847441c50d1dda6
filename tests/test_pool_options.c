/* test_pool_options.c -- every option of a pool, alone and beside threads; changes at run time. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <lull.h>

#include "event.h"
#include "pool.h"
#include "pools.h"
#include "random.h"

static void set_up(void)
{
    open_heap(LULL_STACK_PRECISE, 0);
}

static void refused(lull_pool_options options, const char *why)
{
    options.struct_size = sizeof options;
    ck_assert_ptr_null(lull_pool_create(heap, &options));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_msg(strstr(lull_error_message(), why) != NULL, "%s", lull_error_message());
}

/* ---- bad input ---- */

static void *make_leaf(lull_thread *t, void *arg)
{
    (void)arg;
    return lull_alloc(t, item_type);
}

START_TEST(wrong_options_are_named)
{
    refused((lull_pool_options){.type = NULL}, "object_bytes, or a function");
    refused((lull_pool_options){.type = item_type, .flags = 1u << 30}, "flags");
    refused((lull_pool_options){.type = item_type, .lifetime = (lull_pool_lifetime)7}, "lifetime");
    refused((lull_pool_options){.type = item_type, .object_bytes = sizeof(struct item) + 1},
            "multiples");
    refused((lull_pool_options){.make = make_leaf, .object_bytes = 64}, "object_bytes");
    refused((lull_pool_options){.make = make_leaf, .flags = LULL_POOL_OUTSIDE}, "destroy");
    refused((lull_pool_options){.type = item_type, .flags = LULL_POOL_OUTSIDE}, "no type");
    refused((lull_pool_options){.type = item_type, .bounds = {.min_idle = 3, .max_idle = 2}},
            "min_idle");
}
END_TEST

START_TEST(wrong_changes_are_refused)
{
    lull_pool_bounds bounds = {.min_idle = 3, .max_idle = 2};
    lull_pool_stats stats;

    ck_assert_int_eq(lull_pool_set_bounds(NULL, &bounds), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_set_bounds(pool, NULL), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_set_bounds(pool, &bounds), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_bounds_read(NULL, &bounds), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_bounds_read(pool, NULL), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_resize(NULL, 64), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_resize(pool, 64), LULL_E_INVALID); /* its type tells the size */
    ck_assert_uint_eq(lull_pools_read(NULL, &stats, 1), 0);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_uint_eq(lull_pools_read(heap, NULL, 1), 0);
    ck_assert_ptr_null(lull_pool_drop_name(LULL_POOL_DROPS));
    ck_assert_str_eq(lull_pool_drop_name(LULL_POOL_DROP_AGE), "age");
}
END_TEST

/* ---- initial, and bounds ---- */

START_TEST(initial_objects_are_there)
{
    lull_pool *p = make_pool((lull_pool_options){.type = item_type, .initial = 100});

    ck_assert_uint_eq(stats_of(p).filled, 100);
    ck_assert_uint_eq(stats_of(p).idle, 100);
    burst(p, 100);
    ck_assert_uint_eq(stats_of(p).misses, 0);
    p = make_pool((lull_pool_options){.type = item_type, .initial = 100, .bounds.max_idle = 10});
    ck_assert_uint_eq(stats_of(p).idle, 10);
}
END_TEST

static void *make_three(lull_thread *t, void *arg)
{
    return ++*(int *)arg <= 3 ? lull_alloc(t, item_type) : NULL;
}

START_TEST(initial_objects_that_cannot_be_made)
{
    int made = 0;
    lull_pool_options options = {
        .struct_size = sizeof options, .make = make_three, .arg = &made, .initial = 5};

    ck_assert_ptr_null(lull_pool_create(heap, &options));
    ck_assert_int_eq(made, 4);
    ck_assert_uint_eq(lull_pools_read(heap, NULL, 0), 1);
}
END_TEST

START_TEST(a_floor_holds_and_an_owned_pool_keeps)
{
    lull_pool *cache = make_pool((lull_pool_options){.type = item_type, .bounds.min_idle = 30});
    lull_pool *owned =
        make_pool((lull_pool_options){.type = item_type, .lifetime = LULL_POOL_OWNED});

    burst(cache, 200);
    burst(owned, 200);
    for (int i = 0; i < 6; i++) {
        collect();
    }
    ck_assert_uint_eq(stats_of(cache).idle, 30);
    ck_assert_uint_eq(stats_of(owned).idle, 200);
    burst(owned, 200);
    ck_assert_uint_eq(stats_of(owned).misses, 200);
}
END_TEST

START_TEST(bytes_bound_what_is_kept)
{
    size_t unit = lull_object_of(heap, (uintptr_t)(table[0] = lull_alloc(self, item_type))).size;
    lull_pool *p = make_pool((lull_pool_options){
        .type = item_type, .lifetime = LULL_POOL_OWNED, .bounds.max_idle_bytes = 50 * unit});

    burst(p, 500);
    collect();
    ck_assert_uint_eq(stats_of(p).idle, 50);
    ck_assert_uint_eq(stats_of(p).idle_bytes, 50 * unit);
    ck_assert_uint_eq(stats_of(p).dropped[LULL_POOL_DROP_FULL], 450);
}
END_TEST

static size_t size_of_item(const void *object, void *arg)
{
    (void)arg;
    return ((const struct item *)object)->number;
}

START_TEST(size_says_what_an_object_holds)
{
    lull_pool *p = make_pool(
        (lull_pool_options){.type = item_type,
                            .size = size_of_item,
                            .lifetime = LULL_POOL_OWNED,
                            .bounds = {.max_idle_bytes = 10000, .max_object_bytes = 500}});

    for (size_t i = 0; i < 300; i++) {
        table[i] = lull_alloc(self, item_type);
        table[i]->number = i < 200 ? 100 : 501;
        lull_pool_put(self, p, table[i]);
        table[i] = NULL;
    }
    collect();
    lull_pool_stats s = stats_of(p);
    ck_assert_uint_eq(s.idle, 100);
    ck_assert_uint_eq(s.dropped[LULL_POOL_DROP_SIZE], 100);
    ck_assert_uint_eq(s.dropped[LULL_POOL_DROP_FULL], 100);
    ck_assert_uint_eq(s.idle_bytes, 10000);
    for (size_t i = 0; i < 100; i++) {
        table[i] = lull_pool_get(self, p);
        ck_assert_uint_eq(table[i]->number, 100);
    }
    ck_assert_uint_eq(stats_of(p).idle_bytes, 0);
}
END_TEST

static atomic_bool sizes_put, sizes_seen;

static void *put_sizes(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    for (size_t i = 0; i < 5; i++) {
        struct item *item = lull_alloc(t, item_type);
        item->number = 50;
        lull_pool_put(t, arg, item);
    }
    atomic_store(&sizes_put, true);
    while (!atomic_load(&sizes_seen)) {
        lull_safepoint(t);
        sched_yield();
    }
    lull_detach(t);
    return NULL;
}

/* Objects in the reader's own magazine are measured; those in another thread's, which it may be
 * handing out, count as one that was. */
START_TEST(what_threads_keep_has_its_bytes)
{
    lull_pool *p = make_pool((lull_pool_options){.type = item_type, .size = size_of_item});
    pthread_t thread;

    atomic_store(&sizes_put, false);
    atomic_store(&sizes_seen, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, put_sizes, p), 0);
    while (!atomic_load(&sizes_put)) {
        lull_safepoint(self);
        sched_yield();
    }
    ck_assert_uint_eq(stats_of(p).idle, 5);
    ck_assert_uint_eq(stats_of(p).idle_bytes, 5 * 50);
    atomic_store(&sizes_seen, true);
    lull_blocking_begin(self);
    pthread_join(thread, NULL);
    lull_blocking_end(self);
    ck_assert_uint_eq(stats_of(p).idle_bytes, 5 * 50); /* in the depot */
    for (size_t i = 0; i < 3; i++) {
        table[i] = lull_alloc(self, item_type);
        table[i]->number = (uint32_t)(1000 + i);
        lull_pool_put(self, p, table[i]);
        table[i] = NULL;
    }
    ck_assert_uint_eq(stats_of(p).idle_bytes, 5 * 50 + 3 * 1000 + 0 + 1 + 2);
}
END_TEST

START_TEST(bounds_change_at_run_time)
{
    lull_pool_bounds bounds, read;
    lull_pool *p = make_pool((lull_pool_options){.type = item_type, .lifetime = LULL_POOL_OWNED});

    burst(p, 300);
    collect();
    bounds = (lull_pool_bounds){.min_idle = 5, .max_idle = 20};
    ck_assert_int_eq(lull_pool_set_bounds(p, &bounds), LULL_OK);
    ck_assert_int_eq(lull_pool_bounds_read(p, &read), LULL_OK);
    ck_assert_int_eq(memcmp(&read, &bounds, sizeof read), 0);
    ck_assert_uint_eq(stats_of(p).idle, 20);
    burst(p, 300);
    ck_assert_uint_le(stats_of(p).idle, 40);
    bounds = (lull_pool_bounds){.max_object_bytes = 1};
    ck_assert_int_eq(lull_pool_set_bounds(p, &bounds), LULL_OK);
    uint64_t before = stats_of(p).dropped[LULL_POOL_DROP_SIZE];
    burst(p, 10); /* by the fast path until now */
    ck_assert_uint_eq(stats_of(p).dropped[LULL_POOL_DROP_SIZE], before + 10);
}
END_TEST

/* ---- what happens to objects ---- */

START_TEST(zero_on_put)
{
    lull_pool *p = make_pool((lull_pool_options){.type = item_type, .flags = LULL_POOL_ZERO});

    for (int i = 0; i < 10; i++) {
        struct item *item = lull_pool_get(self, p);
        for (size_t k = 0; k < sizeof *item; k++) {
            ck_assert_int_eq(((char *)item)[k], 0);
        }
        memset(item, 0xff, sizeof *item);
        lull_pool_put(self, p, item);
    }
    ck_assert_uint_eq(stats_of(p).hits, 9);
}
END_TEST

static atomic_size_t destroyed, wrong;

static void destroy_item(void *object, void *arg)
{
    struct item *item = object;

    wrong += item->magic != MAGIC;
    item->magic = 0;
    atomic_fetch_add((atomic_size_t *)arg, 1);
}

/* A thread of the heap's may be at it. */
static void await_destroyed(size_t n)
{
    lull_blocking_begin(self);
    while (atomic_load(&destroyed) < n) {
        sched_yield();
    }
    lull_blocking_end(self);
    ck_assert_uint_eq(atomic_load(&destroyed), n);
}

static void *make_magic(lull_thread *t, void *arg)
{
    struct item *item = lull_alloc(t, item_type);

    (void)arg;
    item->magic = MAGIC;
    return item;
}

static lull_pool *destroying(lull_pool_lifetime lifetime, lull_pool_bounds bounds)
{
    return make_pool((lull_pool_options){.make = make_magic,
                                         .destroy = destroy_item,
                                         .arg = &destroyed,
                                         .lifetime = lifetime,
                                         .bounds = bounds});
}

/* Whatever the reason, each object that is dropped is destroyed once, whole; and no other. */
START_TEST(destroy_runs_for_what_is_dropped)
{
    lull_pool *p = destroying(LULL_POOL_CACHE, (lull_pool_bounds){.max_idle = 150});

    burst(p, 500);
    for (int i = 0; i < 4; i++) {
        collect();
        burst(p, 20);
    }
    ck_assert_uint_gt(stats_of(p).dropped[LULL_POOL_DROP_FULL], 0);
    ck_assert_uint_gt(stats_of(p).dropped[LULL_POOL_DROP_IDLE], 0);
    collect();
    await_destroyed((size_t)stats_of(p).drops);
    size_t out_of_pool = atomic_load(&destroyed), kept = stats_of(p).idle;
    ck_assert_int_eq(lull_pool_destroy(p), LULL_OK);
    ck_assert_uint_eq(atomic_load(&destroyed), out_of_pool + kept);
    ck_assert_uint_eq(wrong, 0);
    p = destroying(LULL_POOL_OWNED, (lull_pool_bounds){0});
    burst(p, 70);
    ck_assert_int_eq(lull_pool_destroy(p), LULL_OK);
    ck_assert_uint_eq(atomic_load(&destroyed), out_of_pool + kept + 70);
}
END_TEST

START_TEST(the_end_of_a_heap_destroys)
{
    destroying(LULL_POOL_OWNED, (lull_pool_bounds){0});
    lull_pool *p = destroying(LULL_POOL_OWNED, (lull_pool_bounds){0});

    burst(p, 100);
    ck_assert_int_eq(lull_detach(self), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    heap = NULL;
    ck_assert_uint_eq(atomic_load(&destroyed), 100);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* ---- ages ---- */

/* Any age is over when it is looked at, so each exchange is a step. */
START_TEST(what_has_its_age_goes)
{
    uint64_t pruned;
    lull_pool *p = make_pool((lull_pool_options){.type = item_type,
                                                 .lifetime = LULL_POOL_OWNED,
                                                 .bounds = {.min_idle = 10, .prune_age_ns = 1}});

    burst(p, 300);
    for (int i = 0; i < 4; i++) {
        collect();
    }
    ck_assert_uint_eq(stats_of(p).idle, 10);
    pruned = stats_of(p).dropped[LULL_POOL_DROP_AGE];
    ck_assert_uint_eq(pruned, 290);
    ck_assert_uint_eq(lull__count(&heap->events, pool_pruned), pruned);
    lull_pool *slow = make_pool((lull_pool_options){
        .type = item_type, .lifetime = LULL_POOL_OWNED, .bounds.prune_age_ns = UINT64_MAX});
    burst(slow, 300);
    for (int i = 0; i < 4; i++) {
        collect();
    }
    ck_assert_uint_eq(stats_of(slow).idle, 300);
}
END_TEST

/* After a burst it is the young that lie idle. */
START_TEST(old_objects_are_served_first)
{
    lull_pool *p =
        make_pool((lull_pool_options){.type = item_type, .flags = LULL_POOL_GENERATIONAL});

    for (size_t i = 0; i < 20; i++) {
        table[i] = lull_pool_get(self, p);
        table[i]->number = 7;
    }
    for (int i = 0; i < 3; i++) {
        collect();
    }
    for (size_t i = 20; i < 200; i++) {
        table[i] = lull_pool_get(self, p);
    }
    for (size_t i = 0; i < 200; i++) {
        lull_pool_put(self, p, table[i]);
        table[i] = NULL;
    }
    for (int cycle = 0; cycle < 6; cycle++) {
        collect();
        size_t old = 0;
        for (size_t i = 0; i < 20; i++) {
            table[i] = lull_pool_get(self, p);
            old += table[i]->number == 7;
        }
        ck_assert_uint_eq(old, 20);
        for (size_t i = 0; i < 20; i++) {
            lull_pool_put(self, p, table[i]);
            table[i] = NULL;
        }
    }
    ck_assert_uint_le(stats_of(p).idle, 40);
}
END_TEST

/* Near the limit, what lies idle goes: first where it is a cache, down to the floor. */
START_TEST(want_of_memory_drops)
{
    const lull_type *big = lull_type_leaf(heap, "big", 8192);
    lull_pool *cache = make_pool((lull_pool_options){.type = big, .bounds.min_idle = 5});
    lull_pool *owned = make_pool((lull_pool_options){.type = big, .lifetime = LULL_POOL_OWNED});

    for (int i = 0; i < 3; i++) { /* in use: nothing lies idle through a cycle */
        burst(cache, 1000);
        burst(owned, 1000);
        collect();
    }
    ck_assert_uint_eq(stats_of(cache).dropped[LULL_POOL_DROP_PRESSURE], 0);
    size_t total = stats_of(cache).idle + stats_of(owned).idle;
    ck_assert_uint_ge(total, 2000);
    lull_set_memory_limit(heap, (size_t)16 << 20);
    burst(cache, 1000);
    collect();
    ck_assert_uint_gt(stats_of(cache).dropped[LULL_POOL_DROP_PRESSURE], 0);
    uint64_t of_owned = stats_of(owned).dropped[LULL_POOL_DROP_PRESSURE];
    ck_assert(of_owned == 0 || stats_of(cache).idle == 5);
    for (int i = 0; i < 3; i++) {
        collect();
    }
    ck_assert_uint_ge(stats_of(cache).idle, 5);
    ck_assert_uint_lt(stats_of(cache).idle + stats_of(owned).idle, total);
}
END_TEST

/* ---- outside ---- */

START_TEST(objects_of_malloc)
{
    lull_options options = support_options();

    options.mode = LULL_MODE_OFF;
    lull_heap *off = support_heap(&options);
    lull_thread *t = lull_attach(off, LULL_STACK_PRECISE);
    lull_pool_options pool_options = {
        .struct_size = sizeof pool_options, .object_bytes = 1024, .bounds.max_idle = 100};
    lull_pool *p = lull_pool_create(off, &pool_options);
    char *got[500];
    for (int again = 0; again < 3; again++) {
        for (size_t i = 0; i < 500; i++) {
            got[i] = lull_pool_get(t, p);
            ck_assert_uint_eq((uintptr_t)got[i] % 16, 0);
            memset(got[i], 1, 1024);
        }
        for (size_t i = 0; i < 500; i++) {
            lull_pool_put(t, p, got[i]);
        }
    }
    ck_assert_uint_ge(stats_of(p).idle, 100);
    ck_assert_uint_eq(stats_of(p).idle_bytes, 1024 * stats_of(p).idle);
    ck_assert_uint_gt(stats_of(p).dropped[LULL_POOL_DROP_FULL], 0);
    lull_stats stats = {.struct_size = sizeof stats};
    ck_assert_int_eq(lull_stats_read(off, &stats), LULL_OK);
    ck_assert_uint_eq(stats.allocated_objects, 0);
    lull_detach(t);
    lull_heap_destroy(off); /* a leak would be seen by AddressSanitizer */
}
END_TEST

static void *make_outside(lull_thread *t, void *arg)
{
    struct item *item = calloc(1, sizeof *item);

    (void)t;
    (void)arg;
    item->magic = MAGIC;
    return item;
}

static void destroy_outside(void *object, void *arg)
{
    destroy_item(object, arg);
    free(object);
}

START_TEST(objects_from_elsewhere)
{
    lull_pool *p = make_pool((lull_pool_options){.make = make_outside,
                                                 .destroy = destroy_outside,
                                                 .arg = &destroyed,
                                                 .flags = LULL_POOL_OUTSIDE});
    void *got[300];

    for (size_t i = 0; i < 300; i++) {
        got[i] = lull_pool_get(self, p);
    }
    for (size_t i = 0; i < 300; i++) {
        lull_pool_put(self, p, got[i]);
    }
    for (int i = 0; i < 3; i++) {
        collect();
    }
    ck_assert_uint_eq(stats_of(p).idle, 0);
    await_destroyed(300);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* ---- resize ---- */

#define RESIZERS 3
static lull_pool *resized;
static atomic_size_t told; /* every get that begins now gives at least so many bytes */
static atomic_bool finish;
static atomic_size_t rounds;

/* Between get and put, each object is written to its size as told before the get. */
static void *use_resized(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    bool outside = *(bool *)arg;
    char *got[100];

    while (!atomic_load(&finish)) {
        for (size_t i = 0; i < 100; i++) {
            size_t bytes = atomic_load(&told);
            got[i] = lull_pool_get(t, resized);
            size_t has = outside ? lull__pool_own_bytes(resized, got[i])
                                 : lull_object_of(heap, (uintptr_t)got[i]).size;
            if (has < bytes) {
                atomic_fetch_add(&wrong, 1);
            } else {
                memset(got[i], 1, bytes);
            }
        }
        for (size_t i = 0; i < 100; i++) {
            lull_pool_put(t, resized, got[i]);
        }
        lull_safepoint(t);
        atomic_fetch_add(&rounds, 1);
    }
    lull_detach(t);
    return NULL;
}

/* The recipe of a pool whose size is a variable that `make` reads gives an old, smaller object to
 * who knows of the new size. Here sizes only grow, so that any such object is seen. */
static void grow_beside_threads(bool outside)
{
    lull_pool_options options = {.struct_size = sizeof options, .object_bytes = 64};
    pthread_t thread[RESIZERS];

    options.type = outside ? NULL : lull_type_leaf(heap, "byte", 16);
    atomic_store(&told, 64);
    resized = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(resized);
    for (size_t i = 0; i < RESIZERS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, use_resized, &outside), 0);
    }
    for (size_t bytes = 64; bytes < 64 * support_rounds(150); bytes += 64) {
        int status = lull_pool_resize(resized, bytes);
        ck_assert(status == LULL_OK || status == LULL_E_LIMIT);
        if (status == LULL_OK) {
            atomic_store(&told, bytes);
        }
        if (bytes % 1024 == 0) {
            collect();
        }
        size_t before = atomic_load(&rounds);
        lull_blocking_begin(self);
        while (bytes % 1024 == 0 && atomic_load(&rounds) == before) {
            sched_yield();
        }
        lull_blocking_end(self);
    }
    atomic_store(&finish, true);
    lull_blocking_begin(self);
    for (size_t i = 0; i < RESIZERS; i++) {
        pthread_join(thread[i], NULL);
    }
    lull_blocking_end(self);
    ck_assert_uint_eq(wrong, 0);
    lull_pool_stats s = stats_of(resized);
    ck_assert_uint_eq(s.gets, s.puts);
    ck_assert_uint_gt(s.gets, 100);
    ck_assert_int_eq(lull_pool_destroy(resized), LULL_OK);
}

START_TEST(no_get_gives_an_old_size)
{
    grow_beside_threads(_i == 1);
}
END_TEST

/* Retired magazines are used again, however often a size changes. */
START_TEST(sizes_without_end)
{
    lull_pool *p = make_pool((lull_pool_options){.object_bytes = 16});

    for (size_t i = 1; i <= 3 * LULL__POOLS_MAX; i++) {
        ck_assert_int_eq(lull_pool_resize(p, 16 * i), LULL_OK);
        void *object = lull_pool_get(self, p);
        memset(object, 1, 16 * i);
        lull_pool_put(self, p, object);
        lull_pool_put(self, p, lull_pool_get(self, p));
    }
    lull_pool_stats s = stats_of(p);
    ck_assert_uint_eq(s.gets, 6 * LULL__POOLS_MAX);
    ck_assert_uint_eq(s.hits, 3 * LULL__POOLS_MAX);
    ck_assert_uint_eq(s.idle, 1);
    ck_assert_int_eq(lull_pool_resize(p, 0), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_resize(p, SIZE_MAX), LULL_E_INVALID);
}
END_TEST

/* ---- threads ---- */

static atomic_int blocked;

static void *keep_and_block(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_PRECISE);

    void *got[40];
    LULL_FRAME(t, frame, 40);
    for (size_t i = 0; i < 40; i++) {
        got[i] = frame.root[i] = lull_pool_get(t, arg);
    }
    for (size_t i = 0; i < 40; i++) {
        lull_pool_put(t, arg, got[i]);
    }
    lull_frame_pop(t, &frame.head);
    lull_blocking_begin(t);
    atomic_store(&blocked, 1);
    while (!atomic_load(&finish)) {
        sched_yield();
    }
    lull_blocking_end(t);
    lull_detach(t);
    return NULL;
}

/* What a blocked thread keeps is taken before something dear is made. */
START_TEST(a_blocked_thread_is_stolen_from)
{
    lull_pool *p = make_pool((lull_pool_options){.make = make_magic});
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, keep_and_block, p), 0);
    lull_blocking_begin(self);
    while (!atomic_load(&blocked)) {
        sched_yield();
    }
    lull_blocking_end(self);
    size_t kept = stats_of(p).idle;
    for (size_t i = 0; i < 40; i++) {
        table[i] = lull_pool_get(self, p);
        ck_assert_uint_eq(table[i]->magic, MAGIC);
        if (i == 20) {
            collect(); /* they are found with their new owner */
        }
    }
    lull_pool_stats s = stats_of(p);
    ck_assert_uint_eq(s.misses, 40 + 40 - kept);
    ck_assert(support_audited() || s.hits_steal > 0);
    ck_assert_uint_eq(s.out, 40);
    atomic_store(&finish, true);
    lull_blocking_begin(self);
    pthread_join(thread, NULL);
    lull_blocking_end(self);
    ck_assert_uint_eq(stats_of(p).idle, kept - s.hits);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("pool_options");
    TCase *options = add_case(suite, "options", set_up);
    TCase *threads = add_case(suite, "threads", set_up);

    tcase_add_test(options, wrong_options_are_named);
    tcase_add_test(options, wrong_changes_are_refused);
    tcase_add_test(options, initial_objects_are_there);
    tcase_add_test(options, initial_objects_that_cannot_be_made);
    tcase_add_test(options, a_floor_holds_and_an_owned_pool_keeps);
    tcase_add_test(options, bytes_bound_what_is_kept);
    if (!support_audited()) { /* what is kept then is poison, of which `size` could make nothing */
        tcase_add_test(options, size_says_what_an_object_holds);
        tcase_add_test(options, what_threads_keep_has_its_bytes);
    }
    tcase_add_test(options, bounds_change_at_run_time);
    tcase_add_test(options, zero_on_put);
    tcase_add_test(options, destroy_runs_for_what_is_dropped);
    tcase_add_test(options, the_end_of_a_heap_destroys);
    tcase_add_test(options, what_has_its_age_goes);
    tcase_add_test(options, old_objects_are_served_first);
    tcase_add_test(options, want_of_memory_drops);
    tcase_add_test(options, objects_of_malloc);
    tcase_add_test(options, objects_from_elsewhere);
    tcase_add_test(options, sizes_without_end);
    tcase_add_loop_test(threads, no_get_gives_an_old_size, 0, 2);
    tcase_add_test(threads, a_blocked_thread_is_stolen_from);
    return support_run_suite(suite);
}
