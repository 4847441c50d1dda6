/* test_size_class.c -- the table of size classes, every entry and every size of it. */
#include <stdio.h>
#include <string.h>

#include "heap.h"
#include "support.h"

_Static_assert(LULL__DEBUG == LULL_DEBUG_BUILD, "class_of asserts in debug builds alone");

/* Where arrays of state bytes end: see span.c. */
#define STATES_UNIT 64

START_TEST(the_class_of_a_size_is_the_least_that_fits)
{
    unsigned least = 0;

    for (size_t bytes = 1; bytes <= LULL__SMALL_MAX; bytes++) {
        while (lull__classes[least].slot_size < bytes) {
            least++;
        }
        ensure(lull__class_of(bytes) == least, "%zu bytes", bytes);
    }
    ck_assert_uint_eq(least, LULL__CLASSES - 1);
}
END_TEST

START_TEST(classes_ascend_in_granules)
{
    for (unsigned i = 0; i < LULL__CLASSES; i++) {
        ck_assert_uint_eq(lull__classes[i].slot_size % LULL__GRANULE, 0);
        if (i > 0) {
            ck_assert_uint_gt(lull__classes[i].slot_size, lull__classes[i - 1].slot_size);
        }
    }
    ck_assert_uint_eq(lull__classes[LULL__CLASSES - 1].slot_size, LULL__SMALL_MAX);
}
END_TEST

START_TEST(a_span_holds_as_many_slots_as_fit)
{
    for (unsigned i = 0; i < LULL__CLASSES; i++) {
        const struct lull__class *class = &lull__classes[i];
        size_t bytes = class->blocks * LULL__BLOCK;

        ck_assert_uint_ge(class->blocks, 1);
        ck_assert_uint_le(class->blocks, 4);
        ck_assert_uint_eq(class->slots, bytes / class->slot_size);
        ck_assert_uint_ge(class->slots, 4);
        ck_assert_uint_le((bytes - (size_t) class->slots * class->slot_size) * 8, bytes);
    }
}
END_TEST

/* .eq.slot: for every offset of every span. */
START_TEST(the_division_is_exact)
{
    for (unsigned i = 0; i < LULL__CLASSES; i++) {
        const struct lull__class *class = &lull__classes[i];

        for (uint64_t offset = 0; offset < class->blocks * LULL__BLOCK; offset++) {
            ensure(offset * class->magic >> 32 == offset / class->slot_size, "class %u, offset %zu",
                   i, (size_t)offset);
        }
    }
}
END_TEST

/* .inv.tail: where the end of a span holds no whole slot, its slot number has a byte of the
 * span's own array, which nobody writes. */
START_TEST(the_tail_of_a_span_has_a_state)
{
    for (unsigned i = 0; i < LULL__CLASSES; i++) {
        const struct lull__class *class = &lull__classes[i];
        bool tail = (size_t) class->slots * class->slot_size != class->blocks * LULL__BLOCK;

        ck_assert_msg(!tail || class->slots % STATES_UNIT != 0, "class %u", i);
        ck_assert_uint_le((class->slots + STATES_UNIT - 1) / STATES_UNIT, LULL__STATE_UNITS);
    }
}
END_TEST

/* `make size-classes` tells people what the library does. */
START_TEST(the_report_says_what_the_table_says)
{
    const char *srcdir = getenv("srcdir");
    char command[4096];
    char line[256];
    unsigned rows = 0;

    snprintf(command, sizeof command, "awk -v report=1 -f '%s/lib/size_class.awk'",
             srcdir != NULL ? srcdir : ".");
    FILE *report = popen(command, "r");
    ck_assert_ptr_nonnull(report);
    while (fgets(line, sizeof line, report) != NULL) {
        unsigned index, bytes, kib, slots;
        if (sscanf(line, "%u %u %uK %u", &index, &bytes, &kib, &slots) == 4) {
            ck_assert_uint_eq(index, rows);
            ck_assert_uint_lt(rows, LULL__CLASSES);
            ck_assert_uint_eq(bytes, lull__classes[rows].slot_size);
            ck_assert_uint_eq(kib * LULL__KIB, lull__classes[rows].blocks * LULL__BLOCK);
            ck_assert_uint_eq(slots, lull__classes[rows].slots);
            rows++;
        }
    }
    ck_assert_int_eq(pclose(report), 0);
    ck_assert_uint_eq(rows, LULL__CLASSES);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("size classes");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, the_class_of_a_size_is_the_least_that_fits);
    tcase_add_test(tests, classes_ascend_in_granules);
    tcase_add_test(tests, a_span_holds_as_many_slots_as_fit);
    tcase_add_test(tests, the_division_is_exact);
    tcase_add_test(tests, the_tail_of_a_span_has_a_state);
    tcase_add_test(tests, the_report_says_what_the_table_says);
    return support_run(suite_create("size_class"), tests);
}
