/* test_thread_storm.c -- mutator threads that come, go and allocate in one heap or two, while both
 * collect all the time. */
#include <stdlib.h>

#include "mutators.h"
#include "random.h"

static lull_heap *heap;

static void start(void)
{
    lull_options options = support_options();

    heap = support_heap(&options);
}

static void finish(void)
{
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

/* ---- in one heap ---- */

static atomic_uint storm_over;

static void *come_allocate_go(void *arg)
{
    struct random random = {.state = (uintptr_t)arg};
    const lull_type *type = node_type(heap);

    while (atomic_load(&storm_over) == 0) {
        lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
        for (uint64_t rounds = random_below(&random, 4); rounds > 0; rounds--) {
            unsigned count = (unsigned)random_below(&random, 200);
            struct node *list = list_make(t, type, 1, count);
            lull_safepoint(t);
            list_check(list, 1, count);
        }
        if (random_below(&random, 20) == 0) {
            ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        }
        ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    }
    return NULL;
}

static void run_storm(lull_mode mode, void *(*run)(void *), unsigned threads, size_t collections)
{
    lull_options options = storm_options(mode);
    pthread_t thread[64];

    finish();
    heap = support_heap(&options);
    atomic_store(&storm_over, 0);
    for (uintptr_t i = 0; i < threads; i++) {
        thread[i] = mutator_start(run, (void *)(i + 1));
    }
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    for (size_t i = 0; i < support_rounds(collections); i++) {
        struct node *list = list_make(t, node_type(heap), i, 50);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        list_check(list, i, 50);
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    atomic_store(&storm_over, 1);
    for (unsigned i = 0; i < threads; i++) {
        mutator_join(thread[i]);
    }
    ck_assert_uint_eq(support_stats(heap).threads, 0);
}

START_TEST(threads_come_and_go_during_collections)
{
    run_storm(storm_modes[_i], come_allocate_go, 6, 100);
}
END_TEST

static void *keep_allocating(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    const lull_type *type = node_type(heap);
    struct node *kept = list_make(t, type, (uintptr_t)arg, 20);

    while (atomic_load(&storm_over) == 0) {
        list_check(list_make(t, type, 7, 30), 7, 30);
        list_check(kept, (uintptr_t)arg, 20);
        sched_yield();
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(many_threads_on_few_processors)
{
    run_storm(storm_modes[_i], keep_allocating, 64, 20);
}
END_TEST

/* ---- in two ---- */

/* Threads of two heaps, each of which collects in either: while one heap holds its threads, the
 * other must not wait for one of them. */
static lull_heap *pair[2];

struct couple {
    lull_stack_kind kind[2]; /* of stack, by heap */
    bool idle;               /* spins without allocating, with safepoints where it is precise */
};

static void *live_in_two_heaps(void *arg)
{
    const struct couple *couple = arg;
    static atomic_uint seed;
    struct random random = {.state = atomic_fetch_add(&seed, 1)};
    lull_thread *t[2];
    const lull_type *type[2];

    for (int i = 0; i < 2; i++) {
        t[i] = mutator_attach(pair[i], couple->kind[i]);
        type[i] = node_type(pair[i]);
    }
    while (atomic_load(&storm_over) == 0) {
        unsigned i = (unsigned)random_below(&random, 2);
        if (couple->idle) {
            lull_safepoint(t[i]);
            continue;
        }
        LULL_FRAME(t[i], frame, 1);
        unsigned count = (unsigned)random_below(&random, 60);
        list_make_rooted(t[i], type[i], &frame.root[0], 9, count);
        if (random_below(&random, 8) == 0) {
            ensure(lull_collect(t[i]) == LULL_OK, "%s", lull_error_message());
        }
        list_check(frame.root[0], 9, count);
        ensure(lull_frame_pop(t[i], &frame.head) == LULL_OK, "%s", lull_error_message());
    }
    for (int i = 0; i < 2; i++) {
        ensure(lull_detach(t[i]) == LULL_OK, "%s", lull_error_message());
    }
    return NULL;
}

#define C LULL_STACK_CONSERVATIVE
#define P LULL_STACK_PRECISE

static struct couple couples[][4] = {
    {{{C, C}, false}, {{C, C}, false}, {{C, C}, true}, {{C, C}, true}},
    {{{P, P}, false}, {{P, P}, false}, {{P, P}, true}, {{P, P}, true}},
    {{{P, C}, false}, {{C, P}, false}, {{P, C}, true}, {{C, P}, true}},
};

#undef C
#undef P

START_TEST(two_heaps_collect_across_each_other)
{
    lull_options options = storm_options(storm_modes[_i % STORM_MODES]);
    pthread_t thread[4];

    options.debug = LULL_DEBUG_SCRIBBLE;
    pair[0] = support_heap(&options);
    pair[1] = support_heap(&options);
    atomic_store(&storm_over, 0);
    for (int i = 0; i < 4; i++) {
        thread[i] = mutator_start(live_in_two_heaps, &couples[_i / STORM_MODES][i]);
    }
    while (support_stats(pair[0]).cycles < support_rounds(150) ||
           support_stats(pair[1]).cycles < support_rounds(150)) {
        sched_yield();
    }
    atomic_store(&storm_over, 1);
    for (int i = 0; i < 4; i++) {
        mutator_join(thread[i]);
    }
    ck_assert_int_eq(lull_heap_destroy(pair[0]), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(pair[1]), LULL_OK);
}
END_TEST

static void *collect_much(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    while (atomic_load(&storm_over) == 0) {
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* A thread that no signal reaches makes and destroys other heaps, and tries to destroy its own,
 * while that collects. */
START_TEST(other_heaps_come_and_go_during_collections)
{
    lull_options options = support_options();
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    atomic_store(&storm_over, 0);
    pthread_t collector = mutator_start(collect_much, NULL);
    for (size_t i = 0; i < support_rounds(200); i++) {
        lull_heap *other = support_heap(&options);
        lull_thread *there = mutator_attach(other, LULL_STACK_PRECISE);
        ck_assert_int_eq(lull_heap_destroy(heap), LULL_E_BUSY);
        ck_assert_int_eq(lull_detach(there), LULL_OK);
        ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    atomic_store(&storm_over, 1);
    mutator_join(collector);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("storms");

    setenv("LULL_TEST_MODE", "stop", 1); /* what holds threads; test_concurrent has the rest */
    tcase_add_checked_fixture(tests, start, finish);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, threads_come_and_go_during_collections, 0, STORM_MODES);
    tcase_add_loop_test(tests, many_threads_on_few_processors, 0, STORM_MODES);
    tcase_add_loop_test(tests, two_heaps_collect_across_each_other, 0,
                        STORM_MODES * (int)(sizeof couples / sizeof couples[0]));
    tcase_add_test(tests, other_heaps_come_and_go_during_collections);
    return support_run(suite_create("thread_storm"), tests);
}
