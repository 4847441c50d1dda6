/* test_ledger.c -- the ledger of a pool against a model of it: an array that is searched. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "random.h"
#include "scarce.h"
#include "support.h"

#define MOST 3000

static struct lull__ledger ledger;

static struct {
    struct lull__record record[MOST];
    size_t count;
} model;

static void set_up(void)
{
    atomic_store(&scarce_maps, PLENTY);
    lull__ledger_init(&ledger);
    model.count = 0;
}

static void tear_down(void)
{
    lull__ledger_finish(&ledger);
}

static struct lull__record *model_find(uintptr_t object)
{
    for (size_t i = 0; i < model.count; i++) {
        if (model.record[i].object == object) {
            return &model.record[i];
        }
    }
    return NULL;
}

static void add(uintptr_t object, uint64_t cycle)
{
    struct lull__record *record = lull__ledger_add(&ledger, object);
    struct lull__record *expected = model_find(object);

    if (expected == NULL) {
        ck_assert(record->cycle == 0);
        expected = &model.record[model.count++];
        expected->object = object;
        expected->cycle = 0;
    }
    ck_assert(record->object == object && record->cycle == expected->cycle);
    record->cycle = expected->cycle = cycle;
}

static void remove_one(uintptr_t object)
{
    struct lull__record *expected = model_find(object);

    ck_assert(lull__ledger_remove(&ledger, object) == (expected != NULL));
    if (expected != NULL) {
        *expected = model.record[--model.count];
    }
}

/* Every record is found, and there is no other. */
static void check_model(void)
{
    size_t wrong = 0;

    for (size_t i = 0; i < model.count; i++) {
        const struct lull__record *record = lull__ledger_find(&ledger, model.record[i].object);
        wrong += record == NULL || record->cycle != model.record[i].cycle;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(ledger.count, model.count);
}

START_TEST(a_new_ledger_is_empty)
{
    ck_assert_ptr_null(lull__ledger_find(&ledger, 8));
    ck_assert(!lull__ledger_remove(&ledger, 8));
    ck_assert_uint_eq(lull__ledger_bytes(&ledger), 0);
    ck_assert_ptr_null(lull__ledger_add(&ledger, 0));
    ck_assert_uint_eq(ledger.count, 0);
}
END_TEST

/* Keeps every record whose number does not divide by *arg. */
static bool keep_some(struct lull__record *record, void *arg)
{
    return record->cycle % *(uint64_t *)arg != 0;
}

static void sieve(uint64_t divisor)
{
    size_t dropped = 0;

    for (size_t i = model.count; i-- > 0;) {
        if (!keep_some(&model.record[i], &divisor)) {
            model.record[i] = model.record[--model.count];
            dropped++;
        }
    }
    ck_assert_uint_eq(lull__ledger_sieve(&ledger, keep_some, &divisor), dropped);
}

/* Objects at equal distances, as slots are; few addresses, so that each comes again and again. */
START_TEST(it_does_what_the_model_does)
{
    for (uint64_t seed = 1; seed <= support_rounds(20); seed++) {
        struct random r = {seed};
        size_t most = 10 + random_below(&r, MOST - 10);
        uintptr_t distance = 16 << random_below(&r, 10);

        for (int i = 0; i < 2000; i++) {
            uintptr_t object = (1 + random_below(&r, most)) * distance;
            uint64_t what = random_below(&r, 1000);
            if (what < 600) {
                add(object, random_below(&r, 1000));
            } else if (what < 998) {
                remove_one(object);
            } else {
                sieve(1 + random_below(&r, 4));
            }
            if (i % 100 == 0) {
                check_model();
            }
        }
        check_model();
        sieve(1);
        ck_assert_uint_eq(ledger.count, 0);
    }
}
END_TEST

START_TEST(memory_is_given_back)
{
    for (uintptr_t i = 1; i < MOST; i++) {
        add(i * 32, i);
    }
    size_t bytes = lull__ledger_bytes(&ledger);
    for (int i = 0; i < 8; i++) {
        sieve(1);
    }
    ck_assert_uint_lt(lull__ledger_bytes(&ledger), bytes / 8);
    add(32, 1);
    check_model();
}
END_TEST

/* Without memory records are added while there is an empty entry beside theirs, and no further. */
START_TEST(without_memory)
{
    atomic_store(&scarce_maps, 0);
    ck_assert_ptr_null(lull__ledger_add(&ledger, 8));
    atomic_store(&scarce_maps, 1);
    uintptr_t object = 8;
    while (lull__ledger_add(&ledger, object) != NULL) {
        object += 8;
    }
    ck_assert_uint_eq(ledger.count, ledger.capacity - 1);
    ck_assert_ptr_nonnull(lull__ledger_find(&ledger, 8));
    ck_assert_ptr_null(lull__ledger_find(&ledger, object));
    ck_assert_ptr_nonnull(lull__ledger_add(&ledger, 8)); /* it is there */
    atomic_store(&scarce_maps, PLENTY);
    ck_assert_ptr_nonnull(lull__ledger_add(&ledger, object));
    for (uintptr_t i = 8; i <= object; i += 8) {
        ck_assert(lull__ledger_remove(&ledger, i));
    }
    ck_assert_uint_eq(ledger.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *ledgers = tcase_create("ledgers");

    tcase_add_checked_fixture(ledgers, set_up, tear_down);
    tcase_add_test(ledgers, a_new_ledger_is_empty);
    tcase_add_test(ledgers, it_does_what_the_model_does);
    tcase_add_test(ledgers, memory_is_given_back);
    tcase_add_test(ledgers, without_memory);
    suite_add_tcase(suite, ledgers);
    return support_run_suite(suite);
}
