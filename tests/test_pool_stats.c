/* test_pool_stats.c -- what is counted of pools: of each one by name, and of a heap's together. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <lull.h>

#include "pool.h"
#include "pools.h"

static void set_up(void)
{
    open_heap(LULL_STACK_PRECISE, 0);
}

START_TEST(pools_are_listed_by_name)
{
    lull_pool_stats stats[4];
    const char *names[] = {"cc", "aa", "bb"};

    for (size_t i = 0; i < 3; i++) {
        make_pool((lull_pool_options){.name = names[i], .type = item_type});
    }
    ck_assert_uint_eq(lull_pools_read(heap, stats, 4), 4);
    ck_assert_str_eq(stats[0].name, "aa");
    ck_assert_str_eq(stats[1].name, "bb");
    ck_assert_str_eq(stats[2].name, "cc");
    ck_assert_str_eq(stats[3].name, "items");
    memset(stats, 0, sizeof stats);
    ck_assert_uint_eq(lull_pools_read(heap, stats, 2), 4);
    ck_assert_str_eq(stats[0].name, "aa");
    ck_assert_str_eq(stats[1].name, "bb");
    ck_assert_str_eq(stats[2].name, "");
}
END_TEST

START_TEST(counters_say_what_happened)
{
    take(100);
    ck_assert_uint_eq(stats_of(pool).made, 100);
    ck_assert_uint_eq(stats_of(pool).out, 100);
    ck_assert_uint_eq(stats_of(pool).high_water, 100);
    give(100);
    lull_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.out, 0);
    ck_assert_uint_eq(s.idle_bytes, 100 * lull__max(item_type->head.slot_size, 0));
    collect();
    ck_assert_uint_eq(stats_of(pool).last_gets, 100);
    ck_assert_uint_eq(stats_of(pool).last_hits, 0);
    take(50);
    collect();
    s = stats_of(pool);
    ck_assert_uint_eq(s.last_gets, 50);
    ck_assert_uint_eq(s.last_hits, 50);
    ck_assert_uint_eq(s.hits, s.hits_magazine + s.hits_depot + s.hits_steal + s.hits_victim);
    ck_assert_uint_gt(s.hits_depot, 0);
    ck_assert_uint_eq(s.high_water, 100);
    give(50);
    collect();
    collect();
    take(50);
    ck_assert_uint_gt(stats_of(pool).hits_victim, 0);
}
END_TEST

START_TEST(statistics_have_the_sums)
{
    lull_stats stats = {.struct_size = sizeof stats};
    lull_pool_stats each[2], sum = {0};

    take(10);
    give(10);
    burst(make_pool((lull_pool_options){.type = item_type}), 70);
    ck_assert_int_eq(lull_stats_read(heap, &stats), LULL_OK);
    ck_assert_uint_eq(lull_pools_read(heap, each, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        sum.gets += each[i].gets;
        sum.hits += each[i].hits;
        sum.puts += each[i].puts;
        sum.drops += each[i].drops;
        sum.idle += each[i].idle;
        sum.idle_bytes += each[i].idle_bytes;
    }
    ck_assert_uint_eq(stats.pools, 2);
    ck_assert_uint_eq(stats.pool_gets, 80);
    ck_assert(stats.pool_gets == sum.gets && stats.pool_hits == sum.hits &&
              stats.pool_puts == sum.puts && stats.pool_drops == sum.drops &&
              stats.pool_idle == sum.idle && stats.pool_idle_bytes == sum.idle_bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_stats");
    TCase *tests = add_case(suite, "pool_stats", set_up);

    tcase_add_test(tests, pools_are_listed_by_name);
    tcase_add_test(tests, counters_say_what_happened);
    tcase_add_test(tests, statistics_have_the_sums);
    return support_run_suite(suite);
}
