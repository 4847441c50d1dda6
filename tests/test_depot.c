/* test_depot.c -- the depot of a pool against a model of it: three arrays of words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "depot.h"
#include "random.h"
#include "scarce.h"
#include "support.h"

#define SLOTS LULL__DEPOT_SLOTS
#define MOST (40 * SLOTS) /* objects at once */

static struct lull__magazine_store store;
static struct lull__depot depot;

/* What a depot should be: bottom first. */
static struct model {
    uintptr_t idle[MOST], victims[2 * MOST];
    size_t idle_count, victim_count, low;
    uintptr_t next; /* word to push next: each is new */
} model;

static void set_up(void)
{
    atomic_store(&scarce_maps, PLENTY);
    lull__magazines_init(&store);
    lull__depot_init(&depot, &store);
    memset(&model, 0, sizeof model);
    model.next = 1;
}

static void tear_down(void)
{
    lull__depot_finish(&depot);
    lull__magazines_finish(&store);
}

/* ---- what must hold ---- */

static bool stack_is(const struct lull__stack *stack, const uintptr_t *object, size_t count)
{
    size_t left = count;

    for (const struct lull__magazine *m = stack->top; m != NULL; m = m->next) {
        if (m->count == 0 || m->count > SLOTS || m->count > left) {
            return false;
        }
        left -= m->count;
        if (memcmp(m->object, object + left, m->count * sizeof *object) != 0) {
            return false;
        }
    }
    return left == 0 && atomic_load(&stack->objects) == count;
}

/* One assertion: Check writes down each. */
static void check_model(void)
{
    ck_assert(stack_is(&depot.idle, model.idle, model.idle_count) &&
              stack_is(&depot.victims, model.victims, model.victim_count) &&
              depot.low == model.low &&
              lull__depot_objects(&depot) == model.idle_count + model.victim_count);
}

/* ---- the same on both sides ---- */

static size_t push_words(struct lull__depot *to, const uintptr_t *object, size_t n)
{
    lull__depot_reserve(to, n, true);
    return lull__depot_push(to, object, n);
}

static void push(size_t n)
{
    uintptr_t *object = model.idle + model.idle_count;

    for (size_t i = 0; i < n; i++) {
        object[i] = model.next++;
    }
    model.idle_count += n;
    ck_assert_uint_eq(push_words(&depot, object, n), n);
}

static void pop(size_t n)
{
    uintptr_t object[MOST];
    bool victims;
    bool from_victims = model.idle_count == 0;
    uintptr_t *from = from_victims ? model.victims : model.idle;
    size_t *count = from_victims ? &model.victim_count : &model.idle_count;
    size_t taken = lull__min(n, *count);

    *count -= taken;
    model.low = lull__min(model.low, model.idle_count);
    ck_assert(lull__depot_pop(&depot, object, n, &victims) == taken &&
              memcmp(object, from + *count, taken * sizeof *object) == 0 &&
              victims == (from_victims && taken != 0));
}

/* Words of a chain, the lowest first, into `object`. */
static size_t words_of(const struct lull__chain *chain, uintptr_t *object)
{
    size_t left = chain->objects;

    for (const struct lull__magazine *m = chain->top; m != NULL; m = m->next) {
        left -= m->count;
        memcpy(object + left, m->object, m->count * sizeof *object);
    }
    return left;
}

static void shed(size_t n)
{
    static uintptr_t got[2 * MOST], expected[2 * MOST];
    size_t victims = lull__min(n, model.victim_count);
    size_t lowest = lull__min(n - victims, model.idle_count);

    lull__depot_reserve(&depot, 2 * SLOTS, true);
    struct lull__chain chain = lull__depot_shed(&depot, n);
    memcpy(expected, model.idle, lowest * sizeof *expected);
    memcpy(expected + lowest, model.victims, victims * sizeof *expected);
    ck_assert(chain.objects == victims + lowest && words_of(&chain, got) == 0 &&
              memcmp(got, expected, chain.objects * sizeof *got) == 0);
    lull__magazines_give(&store, chain.top);
    model.victim_count -= victims;
    memmove(model.victims, model.victims + victims, model.victim_count * sizeof *got);
    model.idle_count -= lowest;
    memmove(model.idle, model.idle + lowest, model.idle_count * sizeof *got);
    model.low -= lull__min(model.low, lowest);
}

static void drop_victims(void)
{
    shed(model.victim_count);
}

static void age(void)
{
    lull__depot_reserve(&depot, 1, true);
    lull__depot_age(&depot);
    memcpy(model.victims + model.victim_count, model.idle, model.low * sizeof *model.idle);
    model.victim_count += model.low;
    model.idle_count -= model.low;
    memmove(model.idle, model.idle + model.low, model.idle_count * sizeof *model.idle);
    model.low = model.idle_count;
}

static void cycle(void)
{
    drop_victims();
    age();
}

/* ---- tests ---- */

START_TEST(a_new_depot_is_empty)
{
    uintptr_t object;
    bool victims;

    check_model();
    ck_assert_uint_eq(lull__depot_pop(&depot, &object, 1, &victims), 0);
    ck_assert_uint_eq(lull__depot_shed(&depot, 1).objects, 0);
    lull__depot_age(&depot);
    check_model();
    ck_assert_uint_eq(lull__magazines_bytes(&store), 0);
}
END_TEST

/* Whatever lies idle is a victim after one cycle and gone after two, to the last object. */
START_TEST(what_lies_idle_goes)
{
    for (size_t n = 0; n < 5 * SLOTS; n++) {
        push(n);
        cycle();
        ck_assert_uint_eq(model.victim_count, 0); /* it was just put */
        check_model();
        cycle();
        ck_assert_uint_eq(model.victim_count, n);
        check_model();
        cycle();
        ck_assert_uint_eq(lull__depot_objects(&depot), 0);
        check_model();
    }
}
END_TEST

/* Of n objects, k are taken and put back each cycle: the others go, the k stay. */
START_TEST(what_is_used_stays)
{
    for (size_t n = 1; n < 4 * SLOTS; n += 7) {
        for (size_t k = 1; k <= n; k += 5) {
            push(n);
            cycle();
            for (int i = 0; i < 4; i++) {
                pop(k);
                push(k);
                check_model();
                cycle();
                check_model();
            }
            ck_assert_uint_eq(lull__depot_objects(&depot), k);
            pop(k);
        }
    }
}
END_TEST

START_TEST(victims_are_served_last)
{
    push(3 * SLOTS + 5);
    cycle();
    cycle();
    ck_assert_uint_eq(model.victim_count, 3 * SLOTS + 5);
    push(SLOTS);
    pop(MOST);
    ck_assert_uint_eq(model.victim_count, 3 * SLOTS + 5);
    pop(SLOTS + 1);
    pop(MOST);
    ck_assert_uint_eq(lull__depot_objects(&depot), 0);
    check_model();
}
END_TEST

START_TEST(it_does_what_the_model_does)
{
    for (uint64_t seed = 1; seed <= support_rounds(50); seed++) {
        struct random r = {seed};

        for (int i = 0; i < 500; i++) {
            size_t n = random_below(&r, 2) == 0 ? 1 + random_below(&r, 4) : random_below(&r, 90);
            uint64_t what = random_below(&r, 20);

            if (what < 9) {
                push(lull__min(n, MOST - model.idle_count));
            } else if (what < 18) {
                pop(n);
            } else if (what == 18) {
                cycle();
            } else if (model.victim_count < MOST && random_below(&r, 3) == 0) {
                age(); /* above victims that are left */
            } else {
                shed(n);
            }
            check_model();
        }
        pop(MOST);
        pop(MOST);
        cycle();
    }
}
END_TEST

/* Magazines are used again: by far more exchanges than fit, memory does not grow. */
START_TEST(magazines_are_used_again)
{
    push(MOST);
    pop(MOST);

    size_t bytes = lull__magazines_bytes(&store);
    for (int i = 0; i < 1000; i++) {
        push(MOST - 10);
        cycle();
        cycle();
        pop(MOST / 2);
        drop_victims();
        lull__depot_tidy(&depot);
    }
    ck_assert_uint_eq(lull__magazines_bytes(&store), bytes);
}
END_TEST

/* The store has n more magazines and no memory after. */
static void leave_memory_for(size_t n)
{
    depot.spare = NULL;
    store.spare = NULL;
    store.end = store.next + n * sizeof(struct lull__magazine);
    atomic_store(&scarce_maps, 0);
}

/* Without memory for a magazine, push says how far it came; the rest goes on. */
START_TEST(push_without_memory)
{
    uintptr_t object[4 * SLOTS];

    atomic_store(&scarce_maps, 0);
    ck_assert_uint_eq(push_words(&depot, object, 5), 0);
    check_model();

    atomic_store(&scarce_maps, PLENTY);
    push(1);
    leave_memory_for(2);
    for (size_t i = 0; i < 4 * SLOTS; i++) {
        object[i] = model.idle[1 + i] = model.next++;
    }
    ck_assert_uint_eq(push_words(&depot, object, 4 * SLOTS), 3 * SLOTS - 1);
    model.idle_count = 3 * SLOTS;
    check_model();
    ck_assert_uint_eq(push_words(&depot, object, 1), 0);
    check_model();
    pop(SLOTS + 3);
    push(SLOTS + 3);
    cycle();
    check_model();
}
END_TEST

/* A cut through a magazine that cannot be split keeps the whole magazine. */
START_TEST(age_without_memory)
{
    uintptr_t object[10];
    bool victims;

    push(SLOTS);
    cycle();
    leave_memory_for(0);
    ck_assert_uint_eq(lull__depot_pop(&depot, object, 10, &victims), 10);
    ck_assert_uint_eq(push_words(&depot, object, 10), 10);
    lull__depot_age(&depot);
    ck_assert_uint_eq(atomic_load(&depot.idle.objects), SLOTS);
    ck_assert_uint_eq(atomic_load(&depot.victims.objects), 0);
    lull__depot_age(&depot); /* all of it lay idle now: no split is needed */
    ck_assert_uint_eq(atomic_load(&depot.idle.objects), 0);
    ck_assert_uint_eq(lull__depot_shed(&depot, SLOTS).objects, SLOTS);
}
END_TEST

START_TEST(depots_share_empty_magazines)
{
    struct lull__depot other;
    uintptr_t object[SLOTS] = {0};
    bool victims;

    lull__depot_init(&other, &store);
    push(MOST);
    size_t bytes = lull__magazines_bytes(&store);
    lull__depot_finish(&depot);
    for (size_t i = 0; i < MOST / SLOTS; i++) {
        ck_assert_uint_eq(push_words(&other, object, SLOTS), SLOTS);
    }
    lull__depot_finish(&other);
    for (int i = 0; i < 1000; i++) {
        push_words(&other, object, 1);
        lull__depot_pop(&other, object, 1, &victims);
        lull__depot_finish(&other);
    }
    ck_assert_uint_eq(lull__magazines_bytes(&store), bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("depot");
    TCase *depots = tcase_create("depots");

    tcase_add_checked_fixture(depots, set_up, tear_down);
    tcase_add_test(depots, a_new_depot_is_empty);
    tcase_add_test(depots, what_lies_idle_goes);
    tcase_add_test(depots, what_is_used_stays);
    tcase_add_test(depots, victims_are_served_last);
    tcase_add_test(depots, it_does_what_the_model_does);
    tcase_add_test(depots, magazines_are_used_again);
    tcase_add_test(depots, push_without_memory);
    tcase_add_test(depots, age_without_memory);
    tcase_add_test(depots, depots_share_empty_magazines);
    suite_add_tcase(suite, depots);
    return support_run_suite(suite);
}
