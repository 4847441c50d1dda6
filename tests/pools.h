/* pools.h -- what the suites of pools share: a heap that collects when told to, a pool of items,
 * and a table of the items that are out. Included by one file a program. */
#ifndef LULL_TESTS_POOLS_H
#define LULL_TESTS_POOLS_H

#include <check.h>
#include <string.h>

#include <lull.h>

#include "heap.h"
#include "scarce.h"
#include "support.h"

#define SLOTS ((size_t)LULL_MAGAZINE_SLOTS)
#define MAGIC UINT64_C(0x6d6167617a696e65)

enum { FRESH = 0, OUT, IN };

/* What pools keep here. `where` is what the program last did with it. */
struct item {
    uint64_t magic;
    struct item *self; /* a pointer field: what a kept object points to stays as well */
    uint32_t where;
    uint32_t number;
};

LULL_POOL_TYPE(items, struct item)

static lull_heap *heap;
static lull_thread *self;
static const lull_type *item_type;
static lull_pool *pool;

/* Objects out, for tests that collect meanwhile: a registered range. */
#define TABLE 4096
static struct item *table[TABLE];

static inline lull_pool *new_pool(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "items", .type = item_type};

    lull_pool *made = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* A heap that collects when told to, and scribbles over what it sweeps. */
static inline void open_heap(lull_stack_kind stack, unsigned debug)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_SCRIBBLE | debug;
    support_misuses = 1U << LULL_POOL_FORGOTTEN_PUT; /* what is taken is often left there */
    atomic_store(&scarce_maps, PLENTY);
    heap = support_heap(&options);
    self = lull_attach(heap, stack);
    ck_assert_ptr_nonnull(self);
    ck_assert_int_eq(lull_roots_add(heap, table, sizeof table), LULL_OK);
    item_type = LULL_RECORD(heap, struct item, self);
    ck_assert_ptr_nonnull(item_type);
    pool = new_pool();
}

static inline void tear_down(void)
{
    if (heap != NULL) {
        ck_assert_int_eq(lull_detach(self), LULL_OK);
        ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    }
}

static inline void collect(void)
{
    ck_assert_int_eq(lull_collect(self), LULL_OK);
}

/* The counters, which add up: nobody else uses the pool. */
static inline lull_pool_stats stats_of(lull_pool *p)
{
    lull_pool_stats s;

    ck_assert_int_eq(lull_pool_stats_read(p, &s), LULL_OK);
    ck_assert_uint_eq(s.gets, s.hits + s.misses);
    ck_assert_uint_eq(s.idle, s.filled + s.puts - s.hits - s.drops);
    return s;
}

static inline size_t idle(void)
{
    return (size_t)stats_of(pool).idle;
}

/* Takes n items into the table; puts n of them back. */
static inline void take(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        table[i] = items_get(self, pool);
        ck_assert_ptr_nonnull(table[i]);
    }
}

static inline void give(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        items_put(self, pool, table[i]);
        table[i] = NULL;
    }
}

static inline lull_pool *new_pool_with(lull_pool_new_fn make, lull_pool_reset_fn reset, void *arg)
{
    lull_pool_options options = {
        .struct_size = sizeof options, .type = item_type, .make = make, .reset = reset, .arg = arg};
    lull_pool *made = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(made);
    return made;
}

static inline lull_pool *make_pool(lull_pool_options options)
{
    options.struct_size = sizeof options;
    lull_pool *made = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* Takes n objects of `p`, and puts them back. */
static inline void burst(lull_pool *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        table[i] = lull_pool_get(self, p);
        ck_assert_ptr_nonnull(table[i]);
    }
    for (size_t i = 0; i < n; i++) {
        lull_pool_put(self, p, table[i]);
        table[i] = NULL;
    }
}

static inline TCase *add_case(Suite *suite, const char *name, void (*fixture)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, fixture, tear_down);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return tests;
}

#endif
