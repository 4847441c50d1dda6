/* test_pool.c -- pools of one thread: what comes back is what was put, each object once; counters
 * that add up; what the collector drops, and what it must not. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include <lull.h>

#include "event.h"
#include "pool.h"
#include "pools.h"
#include "random.h"

/* Locals are no roots, so that what should die does. */
static inline void set_up(void)
{
    open_heap(LULL_STACK_PRECISE, 0);
}

static void set_up_conservative(void)
{
    open_heap(LULL_STACK_CONSERVATIVE, LULL_DEBUG_VERIFY);
}

/* ---- making pools ---- */

static void *make_nothing(lull_thread *t, void *arg)
{
    (void)t;
    ++*(int *)arg;
    return NULL;
}

START_TEST(wrong_options_are_refused)
{
    lull_pool_options good = {.struct_size = sizeof good, .type = item_type};
    lull_pool_options bad = good;
    lull_heap *other;

    ck_assert_ptr_null(lull_pool_create(NULL, &good));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_pool_create(heap, NULL));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    bad.struct_size--;
    ck_assert_ptr_null(lull_pool_create(heap, &bad));
    ck_assert_ptr_nonnull(strstr(lull_error_message(), "struct_size is"));
    bad = good;
    bad.type = NULL;
    ck_assert_ptr_null(lull_pool_create(heap, &bad));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_int_eq(lull_heap_create(NULL, &other), LULL_OK);
    ck_assert_ptr_null(lull_pool_create(other, &good)); /* the type is of the first heap */
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    lull_heap_destroy(other);

    ck_assert_int_eq(lull_pool_destroy(NULL), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_stats_read(NULL, &(lull_pool_stats){0}), LULL_E_INVALID);
    ck_assert_int_eq(lull_pool_stats_read(pool, NULL), LULL_E_INVALID);
}
END_TEST

START_TEST(a_pool_has_its_name)
{
    char name[] = "buffers";
    lull_pool_options options = {.struct_size = sizeof options, .type = item_type};

    ck_assert_str_eq(lull_pool_name(pool), "items");
    lull_pool *unnamed = lull_pool_create(heap, &options);
    ck_assert_str_eq(lull_pool_name(unnamed), "");
    options.name = name;
    lull_pool *named = lull_pool_create(heap, &options);
    memset(name, '-', sizeof name - 1); /* it was copied */
    ck_assert_str_eq(lull_pool_name(named), "buffers");
}
END_TEST

/* All the pools a heap can have, each with objects of its own, then room for another. */
START_TEST(as_many_pools_as_there_may_be)
{
    lull_pool_options options = {.struct_size = sizeof options, .type = item_type};
    lull_pool *pools[LULL__POOLS_MAX] = {pool};

    for (size_t i = 1; i < LULL__POOLS_MAX; i++) {
        pools[i] = new_pool();
    }
    ck_assert_ptr_null(lull_pool_create(heap, &options));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    for (size_t i = 0; i < LULL__POOLS_MAX; i++) {
        for (size_t k = 0; k < 2 * SLOTS; k++) {
            struct item *item = lull_alloc(self, item_type);
            item->number = (uint32_t)(i * 2 * SLOTS + k);
            items_put(self, pools[i], item);
        }
    }
    for (size_t i = 0; i < LULL__POOLS_MAX; i++) {
        for (size_t k = 2 * SLOTS; k-- > 0;) {
            if (items_get(self, pools[i])->number != i * 2 * SLOTS + k) {
                ck_abort_msg("pool %zu: not what was put", i);
            }
        }
    }
    ck_assert_int_eq(lull_pool_destroy(pools[100]), LULL_OK);
    ck_assert_ptr_nonnull(lull_pool_create(heap, &options));
}
END_TEST

/* A pool that is gone leaves nothing to one that gets its place, and its objects out are whole. */
START_TEST(destroy_with_objects_out)
{
    take(200);
    for (size_t i = 0; i < 200; i++) {
        table[i]->number = (uint32_t)i;
    }
    for (size_t i = 100; i < 200; i++) {
        items_put(self, pool, table[i]);
        table[i] = NULL;
    }
    ck_assert_int_eq(lull_pool_destroy(pool), LULL_OK);
    pool = new_pool();
    lull_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.gets + s.puts + s.drops + s.idle, 0);
    table[200] = items_get(self, pool);
    ck_assert_uint_eq(stats_of(pool).misses, 1);
    collect();
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(table[i]->number, i);
    }
}
END_TEST

/* ---- get and put ---- */

START_TEST(what_was_put_last_comes_first)
{
    for (size_t n = 1; n <= 2 * SLOTS; n++) {
        take(n);
        for (size_t i = 0; i < n; i++) {
            items_put(self, pool, table[i]);
        }
        for (size_t i = n; i-- > 0;) {
            ck_assert_ptr_eq(items_get(self, pool), table[i]);
        }
    }
}
END_TEST

/* Every object comes out once, whatever the number, through the depot too. */
START_TEST(what_was_put_comes_out_once)
{
    for (size_t n = 1; n < TABLE / 2; n += 1 + n / 3) {
        take(n);
        for (size_t i = 0; i < n; i++) {
            table[i]->where = IN;
        }
        lull_pool_stats before = stats_of(pool);
        give(n);
        ck_assert_uint_eq(stats_of(pool).puts, before.puts + n);
        ck_assert_uint_eq(idle(), before.idle + n);
        size_t kept = idle();
        for (size_t i = 0; i < kept; i++) {
            table[i] = items_get(self, pool);
            if (table[i]->where != IN) {
                ck_abort_msg("item %zu of %zu came out twice", i, kept);
            }
            table[i]->where = OUT;
        }
        ck_assert_uint_eq(idle(), 0);
        ck_assert_uint_eq(stats_of(pool).hits, before.hits + kept);
        give(kept);
    }
}
END_TEST

START_TEST(null_is_ignored)
{
    items_put(self, pool, NULL);
    lull_pool_put(self, pool, NULL);
    lull_pool_put_slow(self, pool, NULL);
    ck_assert_uint_eq(stats_of(pool).puts, 0);
    take(1);
    give(1);
    items_put(self, pool, NULL);
    ck_assert_uint_eq(stats_of(pool).puts, 1);
    ck_assert_ptr_nonnull(items_get(self, pool));
}
END_TEST

static int foreign[4];

START_TEST(a_foreign_pointer_comes_out_as_it_went_in)
{
    take(1);
    char *interior = (char *)&table[0]->number;

    lull_pool_put(self, pool, foreign);
    lull_pool_put(self, pool, interior);
    table[0] = NULL;
    collect();
    collect();
    ck_assert_ptr_eq(lull_pool_get(self, pool), interior);
    ck_assert_ptr_eq(lull_pool_get(self, pool), foreign);
    ck_assert_uint_eq(stats_of(pool).misses, 1);
}
END_TEST

START_TEST(an_object_put_twice_has_two_owners)
{
    take(1);
    items_put(self, pool, table[0]);
    items_put(self, pool, table[0]);
    collect();
    ck_assert_ptr_eq(items_get(self, pool), table[0]);
    ck_assert_ptr_eq(items_get(self, pool), table[0]);
    ck_assert_uint_eq(stats_of(pool).misses, 1);
}
END_TEST

START_TEST(debug_put_twice)
{
    take(1);
    items_put(self, pool, table[0]);
    items_put(self, pool, table[0]);
}
END_TEST

START_TEST(debug_put_foreign)
{
    lull_pool_put(self, pool, foreign);
}
END_TEST

START_TEST(debug_put_interior)
{
    take(1);
    lull_pool_put(self, pool, &table[0]->number);
}
END_TEST

/* ---- callbacks ---- */

static struct {
    int made, resets;
    lull_pool *other; /* to be used inside */
    int status;       /* of what was tried inside */
} inside;

static void *make_item(lull_thread *t, void *arg)
{
    struct item *item = lull_alloc(t, item_type);

    ck_assert_ptr_eq(arg, &inside);
    inside.made++;
    item->magic = MAGIC;
    if (inside.other != NULL) {
        item->self = items_get(t, inside.other);
    }
    return item;
}

static void reset_item(void *object, void *arg)
{
    ck_assert_ptr_eq(arg, &inside);
    inside.resets++;
    ((struct item *)object)->magic = 0;
}

START_TEST(make_and_reset_are_called)
{
    lull_pool_destroy(pool);
    pool = new_pool_with(make_item, reset_item, &inside);
    take(150);
    ck_assert_int_eq(inside.made, 150);
    ck_assert_int_eq(inside.resets, 0);
    ck_assert_uint_eq(table[149]->magic, MAGIC);
    give(150);
    ck_assert_int_eq(inside.resets, 150);
    take(150);
    ck_assert_int_eq(inside.made, 150);
    ck_assert_uint_eq(table[149]->magic, 0);
    ck_assert_uint_eq(stats_of(pool).hits, 150);
}
END_TEST

START_TEST(make_may_use_another_pool_and_collect)
{
    inside.other = new_pool();
    lull_pool_destroy(pool);
    pool = new_pool_with(make_item, NULL, &inside);
    take(3);
    collect();
    ck_assert_ptr_nonnull(table[2]->self);
    ck_assert_uint_eq(stats_of(inside.other).misses, 3);
}
END_TEST

START_TEST(make_may_fail)
{
    int calls = 0;
    lull_pool *failing = new_pool_with(make_nothing, NULL, &calls);

    ck_assert_ptr_null(lull_pool_get(self, failing));
    ck_assert_ptr_null(lull_pool_get(self, failing));
    ck_assert_int_eq(calls, 2);
    ck_assert_uint_eq(stats_of(failing).misses, 2);
    table[0] = lull_alloc(self, item_type);
    lull_pool_put(self, failing, table[0]);
    ck_assert_ptr_eq(lull_pool_get(self, failing), table[0]);
    ck_assert_ptr_null(lull_pool_get(self, failing));
    ck_assert_uint_eq(stats_of(failing).hits, 1);
}
END_TEST

static void reset_that_allocates(void *object, void *arg)
{
    (void)object;
    (void)arg;
    while (lull_alloc(self, item_type) != NULL && inside.made < 100000) {
        inside.made++; /* what the thread's cache still has */
    }
    inside.status = lull_error();
}

START_TEST(reset_gets_no_memory)
{
    lull_pool_destroy(pool);
    pool = new_pool_with(NULL, reset_that_allocates, NULL);
    take(1);
    give(1);
    ck_assert_int_lt(inside.made, 100000);
    ck_assert_int_eq(inside.status, LULL_E_STATE);
    ck_assert_uint_eq(idle(), 1);
    take(2); /* outside there is memory again */
}
END_TEST

static void reset_that_puts(void *object, void *arg)
{
    (void)object;
    (void)arg;
    inside.resets++;
    lull_pool_put(self, inside.other, table[TABLE - 1]);
    inside.status = lull_error();
}

START_TEST(put_inside_reset_is_refused)
{
    support_misuses = ~0U;
    take(1);
    table[TABLE - 1] = lull_alloc(self, item_type);
    lull_pool_destroy(pool);
    pool = inside.other = new_pool_with(NULL, reset_that_puts, NULL);
    give(1);
    ck_assert_int_eq(inside.resets, 1);
    ck_assert_int_eq(inside.status, LULL_E_STATE);
    ck_assert_uint_eq(stats_of(pool).puts, 1);
    ck_assert_uint_eq(stats_of(pool).drops, 0);
    ck_assert_uint_eq(idle(), 1);
}
END_TEST

/* ---- the collector ---- */

/* Of n objects nobody uses, none is gone after two cycles and all are after three; they are dead
 * then, and what they point to as well. */
START_TEST(what_lies_idle_goes)
{
    for (size_t n = 0; n <= 5 * SLOTS; n = n < 4 ? n + 1 : n + 15) {
        take(n);
        for (size_t i = 0; i < n; i++) {
            table[i]->self = lull_alloc(self, item_type);
            table[n + i] = (struct item *)(void *)lull_weak_new(self, table[i]->self);
        }
        give(n);
        uint64_t drops = stats_of(pool).drops;
        for (int cycle = 0; cycle < 3; cycle++) {
            ck_assert_uint_eq(idle(), n);
            for (size_t i = 0; i < n; i++) {
                if (lull_weak_get(self, (lull_weak *)(void *)table[n + i]) == NULL) {
                    ck_abort_msg("%zu of %zu went in cycle %d", i, n, cycle);
                }
            }
            collect();
        }
        ck_assert_uint_eq(idle(), 0);
        ck_assert_uint_eq(stats_of(pool).drops, drops + n);
        for (size_t i = 0; i < n; i++) {
            if (lull_weak_get(self, (lull_weak *)(void *)table[n + i]) != NULL) {
                ck_abort_msg("%zu of %zu did not go", i, n);
            }
            table[n + i] = NULL;
        }
    }
}
END_TEST

/* A program that uses k of n objects between two cycles keeps k, and never misses. */
START_TEST(what_is_used_stays)
{
    for (size_t k = 1; k <= 6 * SLOTS; k += k < 4 ? 1 : 13) {
        take(6 * SLOTS);
        give(6 * SLOTS);
        collect();
        uint64_t misses = stats_of(pool).misses;
        for (size_t cycle = 0; cycle < 4 + (k & 1); cycle++) {
            for (int again = 0; again < 3; again++) {
                take(k);
                give(k);
            }
            collect();
        }
        ck_assert_uint_eq(stats_of(pool).misses, misses);
        size_t kept = idle();
        ck_assert_uint_ge(kept, k);
        /* a thread takes objects in steps that double: of the last, half may be unused */
        ck_assert_uint_le(kept, lull__max(k + SLOTS, 2 * k));
        if (k <= 3) {
            ck_assert_uint_le(kept, 3);
        }
        collect(); /* what was used before the last cycle is no victim's victim yet */
        ck_assert_uint_eq(idle(), kept);
    }
}
END_TEST

START_TEST(victims_are_served)
{
    take(150);
    give(150);
    collect();
    collect();
    take(150);
    ck_assert_uint_eq(stats_of(pool).hits, 150);
    ck_assert_uint_eq(stats_of(pool).drops, 0);
    collect();
    give(150);
    collect();
    ck_assert_uint_eq(idle(), 150);
}
END_TEST

static void sum_trims(const lull_event *event, void *arg)
{
    if (event->id == LULL__EVENT_pool_trim) {
        ck_assert_uint_eq(event->fields[0], 0);
        *(uint64_t *)arg += event->fields[1];
    }
}

START_TEST(drops_are_events)
{
    uint64_t dropped = 0;

    ck_assert_int_eq(lull_events_subscribe(heap, sum_trims, &dropped), LULL_OK);
    for (int i = 0; i < 10; i++) {
        take(100);
        give(100);
        collect();
        take(10);
        give(10);
        collect();
        collect();
    }
    ck_assert_uint_gt(dropped, 100);
    ck_assert_uint_eq(stats_of(pool).drops, dropped);
    ck_assert_uint_eq(lull__count(&heap->events, pool_dropped), dropped);
}
END_TEST

/* Where words of the heap are tagged, the pool's own are not, and are found all the same. */
START_TEST(objects_of_a_tagged_heap)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_SCRIBBLE;
    options.tag_mask = 7;
    options.tag_value = 5;
    options.pointer_mask = ~(uintptr_t)7;
    lull_heap *tagged = support_heap(&options);
    lull_thread *t = lull_attach(tagged, LULL_STACK_PRECISE);
    lull_pool_options pool_options = {.struct_size = sizeof pool_options,
                                      .type = lull_type_leaf(tagged, "item", sizeof(struct item))};
    lull_pool *p = lull_pool_create(tagged, &pool_options);
    for (size_t i = 0; i < 200; i++) {
        struct item *item = lull_alloc(t, pool_options.type);
        item->magic = MAGIC;
        items_put(t, p, item);
    }
    lull_collect(t);
    lull_collect(t);
    for (size_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(items_get(t, p)->magic, MAGIC);
    }
    ck_assert_uint_eq(stats_of(p).hits, 200);
    lull_detach(t);
    lull_heap_destroy(tagged);
}
END_TEST

/* ---- bounds and memory ---- */

START_TEST(max_idle_bounds_what_is_kept)
{
    static const size_t bounds[] = {1, 2, 5, 31, 32, 33, 63, 64, 65, 100, 1000};

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        lull_pool_options options = {
            .struct_size = sizeof options, .type = item_type, .bounds.max_idle = bounds[i]};
        size_t own = lull__min(bounds[i], 2 * SLOTS);

        pool = lull_pool_create(heap, &options);
        take(2000);
        size_t most = 0;
        for (size_t k = 0; k < 2000; k++) {
            items_put(self, pool, table[k]);
            table[k] = NULL;
            if (k % 16 == 0) {
                most = lull__max(most, idle());
            }
        }
        ck_assert_uint_le(most, bounds[i] + own);
        ck_assert_uint_ge(idle(), bounds[i]);
        collect();
        ck_assert_uint_eq(idle(), bounds[i]);
        take(bounds[i]);
        ck_assert_uint_eq(stats_of(pool).hits, bounds[i]);
        ck_assert_uint_eq(idle(), 0);
        lull_pool_destroy(pool);
    }
}
END_TEST

/* Without memory for magazines a put drops; what threads keep is served, and it all goes on once
 * there is memory again. */
START_TEST(no_memory_for_magazines)
{
    take(1000);
    atomic_store(&scarce_maps, 0);
    give(1000);
    ck_assert_uint_le(idle(), 2 * SLOTS);
    ck_assert_uint_eq(stats_of(pool).drops, 1000 - idle());
    size_t kept = idle();
    take(kept);
    ck_assert_uint_eq(stats_of(pool).hits, kept);
    give(kept);
    collect(); /* moves what the thread keeps to the depot: dropped */
    ck_assert_uint_eq(idle(), 0);
    atomic_store(&scarce_maps, PLENTY);
    take(1000);
    give(1000);
    ck_assert_uint_eq(idle(), 1000);
    ck_assert_uint_gt(lull__pools_bytes(heap), 1000 * sizeof(void *));
}
END_TEST

/* A thread that gets no memory for its magazines, or whatever it needs, is not attached. */
START_TEST(no_memory_to_attach)
{
    lull_heap *other;
    lull_thread *t = NULL;
    long maps;

    ck_assert_int_eq(lull_heap_create(NULL, &other), LULL_OK);
    for (maps = 0; t == NULL; maps++) {
        ck_assert_int_lt(maps, 20);
        atomic_store(&scarce_maps, maps);
        t = lull_attach(other, LULL_STACK_CONSERVATIVE);
        if (t == NULL) {
            ck_assert_int_eq(lull_error(), LULL_E_NO_MEMORY);
        }
    }
    ck_assert_int_gt(maps, 2);
    atomic_store(&scarce_maps, PLENTY);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
}
END_TEST

START_TEST(get_without_memory_for_an_object)
{
    lull_options options = support_options();
    void *got[100];
    size_t count = 0;

    options.heap_max = (size_t)1 << 20;
    lull_heap *small = support_heap(&options);
    lull_thread *t = lull_attach(small, LULL_STACK_CONSERVATIVE);
    lull_pool_options pool_options = {.struct_size = sizeof pool_options,
                                      .type = lull_type_leaf(small, "big", 50000)};
    lull_pool *p = lull_pool_create(small, &pool_options);
    while (count < 100 && (got[count] = lull_pool_get(t, p)) != NULL) {
        count++;
    }
    ck_assert_uint_gt(count, 5);
    ck_assert_uint_lt(count, 100);
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(stats_of(p).misses, count + 1);
    lull_pool_put(t, p, got[0]);
    ck_assert_ptr_eq(lull_pool_get(t, p), got[0]);
    ck_assert_ptr_null(lull_pool_get(t, p));
    lull_detach(t);
    lull_heap_destroy(small);
}
END_TEST

/* ---- a model ---- */

/* Random gets, puts and collections; each object says where it is, so that the counters are known
 * from outside. */
START_TEST(it_does_what_the_model_does)
{
    for (uint64_t seed = 1; seed <= support_rounds(20); seed++) {
        struct random r = {seed};
        uint64_t gets = 0, hits = 0, puts = 0;
        size_t out = 0;
        lull_pool_stats before = stats_of(pool);

        for (int i = 0; i < 30000; i++) {
            size_t most = random_below(&r, 8) == 0 ? TABLE - 1 : 40;
            uint64_t what = random_below(&r, 1000);

            if (what == 0) {
                collect();
            } else if (what < 500 && out < most) {
                struct item *item = items_get(self, pool);
                if (item->where == OUT) {
                    ck_abort_msg("an object that is out came out again");
                }
                gets++;
                hits += item->where == IN;
                item->where = OUT;
                table[out++] = item;
            } else if (out > 0) {
                size_t which = random_below(&r, out);
                struct item *item = table[which];
                table[which] = table[--out];
                table[out] = NULL;
                item->where = IN;
                items_put(self, pool, item);
                puts++;
            }
        }
        lull_pool_stats s = stats_of(pool);
        ck_assert_uint_eq(s.gets - before.gets, gets);
        ck_assert_uint_eq(s.hits - before.hits, hits);
        ck_assert_uint_eq(s.puts - before.puts, puts);
        for (; out > 0; table[out] = NULL) {
            table[--out]->where = IN;
            items_put(self, pool, table[out]);
        }
    }
}
END_TEST

/* ---- the suite ---- */

static void add_misuse(TCase *misuse)
{
    if (LULL__DEBUG) {
        tcase_add_test_raise_signal(misuse, debug_put_twice, SIGABRT);
        tcase_add_test_raise_signal(misuse, debug_put_foreign, SIGABRT);
        tcase_add_test_raise_signal(misuse, debug_put_interior, SIGABRT);
    } else if (!support_audited()) { /* which refuses these */
        tcase_add_test(misuse, a_foreign_pointer_comes_out_as_it_went_in);
        tcase_add_test(misuse, an_object_put_twice_has_two_owners);
    }
}

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *making = add_case(suite, "making", set_up);
    TCase *using = add_case(suite, "using", set_up);
    TCase *callbacks = add_case(suite, "callbacks", set_up);
    TCase *collector = add_case(suite, "collector", set_up);
    TCase *bounds = add_case(suite, "bounds", set_up);
    TCase *models = add_case(suite, "models", set_up_conservative);

    tcase_add_test(making, wrong_options_are_refused);
    tcase_add_test(making, a_pool_has_its_name);
    tcase_add_test(making, as_many_pools_as_there_may_be);
    tcase_add_test(making, destroy_with_objects_out);
    tcase_add_test(using, what_was_put_last_comes_first);
    tcase_add_test(using, what_was_put_comes_out_once);
    tcase_add_test(using, null_is_ignored);
    add_misuse(using);
    tcase_add_test(callbacks, make_and_reset_are_called);
    tcase_add_test(callbacks, make_may_use_another_pool_and_collect);
    tcase_add_test(callbacks, make_may_fail);
    tcase_add_test(callbacks, reset_gets_no_memory);
    tcase_add_test(callbacks, put_inside_reset_is_refused);
    tcase_add_test(collector, what_lies_idle_goes);
    tcase_add_test(collector, what_is_used_stays);
    tcase_add_test(collector, victims_are_served);
    tcase_add_test(collector, drops_are_events);
    tcase_add_test(collector, objects_of_a_tagged_heap);
    tcase_add_test(bounds, max_idle_bounds_what_is_kept);
    tcase_add_test(bounds, no_memory_for_magazines);
    tcase_add_test(bounds, no_memory_to_attach);
    tcase_add_test(bounds, get_without_memory_for_an_object);
    tcase_add_test(models, it_does_what_the_model_does);
    return support_run_suite(suite);
}
