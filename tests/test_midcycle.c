/* test_midcycle.c -- what a program does in the middle of a concurrent cycle, step by step: the
 * marker waits in the callback of an object, the gate, until the program has done it.
 *
 * What the gate holds is marked after that. So the program can take an object that no marker has
 * seen out of the graph, and leave it where none will look. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "collector.h"
#include "heap.h"

#include "famine.h"

static atomic_int reached, open;

/* Waits the first time, then reports its first word. */
static void trace_gate(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (atomic_exchange(&reached, 1) == 0) {
        while (!atomic_load(&open)) {
            sched_yield();
        }
    }
    lull_trace(tracer, *(void *const *)object);
}

static void set_up_concurrent(void)
{
    lull_options options = support_options();

    options.mode = LULL_MODE_CONCURRENT;
    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
}

/* An object whose marking waits; it holds `behind`. */
static void *make_gate(void *behind)
{
    const lull_type *type = lull_type_custom(heap, "gate", sizeof(void *), trace_gate, NULL);
    void **gate = lull_alloc(t, type);

    lull_store(t, gate, behind);
    return gate;
}

/* Begins a cycle, and returns when its marker is at the gate. */
static void begin_cycle(void)
{
    ck_assert(lull__collector_ask(heap, LULL__REASON_FORCED));
    while (!atomic_load(&reached)) {
        lull_safepoint(t);
    }
}

static void end_cycle(void)
{
    uint64_t cycles = heap->cycles;

    atomic_store(&open, 1);
    while (heap->cycles == cycles || heap->unswept != 0) {
        lull_safepoint(t);
        sched_yield();
    }
}

/* Takes what the first child of `holder` is out of the graph: no marker has been there. */
static void *take_out(struct thing *holder)
{
    void *child = holder->child[0];

    lull_store(t, &holder->child[0], NULL);
    return child;
}

static void check_thing(const struct thing *thing, uint64_t number)
{
    ck_assert(alive(thing));
    ck_assert_uint_eq(thing->number, number);
}

/* ---- what is made in the middle ---- */

START_TEST(an_ephemeron_whose_key_dies_in_the_cycle)
{
    struct thing *holder = make(1);

    root[0] = make_gate(holder);
    holder->child[0] = make(2);
    begin_cycle();
    void *key = take_out(holder);
    struct lull_ephemeron *e = lull_ephemeron_new(t, key, make(3));
    lull_store(t, &root[1], e);
    end_cycle();
    void *held = lull_ephemeron_key(t, e);
    ck_assert(held == NULL || alive(held)); /* dead, or not: but not a dead one's address */
    ck_assert(held == NULL || ((struct thing *)held)->number == 2);
    collect();
    ck_assert_ptr_null(lull_ephemeron_key(t, e));
    ck_assert_uint_eq(in_use(), 3);
}
END_TEST

START_TEST(a_weak_reference_whose_target_dies_in_the_cycle)
{
    struct thing *holder = make(1);

    root[0] = make_gate(holder);
    holder->child[0] = make(2);
    begin_cycle();
    struct lull_weak *weak = lull_weak_new(t, take_out(holder));
    lull_store(t, &root[1], weak);
    end_cycle();
    void *held = lull_weak_get(t, weak);
    ck_assert(held == NULL || alive(held));
    collect();
    ck_assert_ptr_null(lull_weak_get(t, weak));
}
END_TEST

/* What weak_get returned in the middle is alive, though only this thread has it. */
START_TEST(a_weak_reference_read_in_the_cycle)
{
    struct thing *thing = make(2);

    thing->child[0] = make(3);
    root[0] = make_gate(NULL);
    root[1] = lull_weak_new(t, thing);
    begin_cycle();
    LULL_FRAME(t, frame, 1);
    frame.root[0] = lull_weak_get(t, root[1]);
    ck_assert_ptr_eq(frame.root[0], thing);
    end_cycle();
    check_thing(thing, 2);
    check_thing(thing->child[0], 3);
    ck_assert_ptr_eq(lull_weak_get(t, root[1]), thing);
    lull_frame_pop(t, &frame.head);
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
}
END_TEST

/* ---- what is moved in the middle ---- */

/* _i: whether there is memory to note it in. */
START_TEST(an_object_moved_behind_the_marker)
{
    struct thing *holder = make(1), *thing = make(2);

    root[0] = make_gate(holder);
    holder->child[0] = thing;
    thing->child[1] = make(3);
    begin_cycle();
    if (_i) {
        take_memory();
    }
    lull_store(t, &root[1], take_out(holder));
    end_cycle();
    give_memory();
    check_thing(thing, 2);
    check_thing(thing->child[1], 3);
    collect();
    ck_assert_uint_eq(in_use(), 4);
}
END_TEST

START_TEST(an_ephemeron_moved_behind_the_marker)
{
    struct thing *holder = make(1), *value = make(2);

    root[0] = make_gate(holder);
    root[2] = make(3);
    value->child[2] = make(4);
    holder->child[0] = lull_ephemeron_new(t, root[2], value);
    begin_cycle();
    if (_i) {
        take_memory();
    }
    lull_store(t, &root[1], take_out(holder));
    end_cycle();
    give_memory();
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[1]), value);
    check_thing(value, 2);
    check_thing(value->child[2], 4);
    collect();
    ck_assert_uint_eq(in_use(), 6);
}
END_TEST

/* The gate is the value of an ephemeron: when the marker comes to it, another already waits for its
 * key, which is moved then. */
START_TEST(a_key_moved_while_an_ephemeron_waits_for_it)
{
    struct thing *holder = make(1), *key = make(2), *value = make(3);

    root[0] = lull_ephemeron_new(t, &root, NULL); /* refused: no object */
    ck_assert_ptr_null(root[0]);
    root[1] = make(4);
    root[2] = lull_ephemeron_new(t, root[1], make_gate(holder));
    root[3] = lull_ephemeron_new(t, key, value);
    holder->child[0] = key;
    value->child[0] = make(5);
    begin_cycle();
    if (_i) {
        take_memory();
    }
    lull_store(t, &root[4], take_out(holder));
    end_cycle();
    give_memory();
    check_thing(key, 2);
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[3]), key);
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[3]), value);
    check_thing(value, 3);
    check_thing(value->child[0], 5);
    collect();
    ck_assert_uint_eq(in_use(), 8);
}
END_TEST

/* ---- finalizers ---- */

static struct thing *revived;

static void revive(lull_thread *thread, void *object, void *arg)
{
    (void)thread, (void)arg;
    revived = object;
    lull_store(thread, &root[1], object);
}

START_TEST(a_finalizer_set_in_the_cycle)
{
    struct thing *holder = make(1), *thing = make(2);

    root[0] = make_gate(holder);
    holder->child[0] = thing;
    thing->child[0] = make(3);
    begin_cycle();
    ck_assert_int_eq(lull_finalizer_set(t, take_out(holder), revive, NULL), LULL_OK);
    end_cycle();
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_eq(revived, thing);
    collect();
    check_thing(thing, 2);
    check_thing(thing->child[0], 3);
}
END_TEST

START_TEST(a_finalizer_taken_away_in_the_cycle)
{
    struct thing *holder = make(1), *thing = make(2);

    root[0] = make_gate(holder);
    holder->child[0] = thing;
    ck_assert_int_eq(lull_finalizer_set(t, thing, revive, NULL), LULL_OK);
    begin_cycle();
    ck_assert_int_eq(lull_finalizer_set(t, take_out(holder), NULL, NULL), LULL_OK);
    end_cycle();
    collect();
    ck_assert_uint_eq(lull_finalizers_pending(heap), 0);
    ck_assert_uint_eq(in_use(), 2);
}
END_TEST

/* ---- who destroys a pool while a cycle marks ---- */

static atomic_int buried; /* objects that were whole */

static void bury(void *object, void *arg)
{
    (void)arg;
    atomic_fetch_add(&buried, alive(object) && ((struct thing *)object)->number == 2);
}

static void *destroy_pool(void *arg)
{
    ensure(lull_pool_destroy(arg) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* What another thread keeps of the pool must come to the markers, but not by way of the words that
 * this thread shaded, which it may be writing. */
START_TEST(a_pool_destroyed_in_the_cycle_by_another_thread)
{
    struct thing *holder = make(1);
    lull_pool_options options = {.struct_size = sizeof options};
    pthread_t destroyer;

    options.type = lull_type_conservative(heap, "thing", sizeof(struct thing));
    options.destroy = bury;
    lull_pool *pool = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(pool);
    root[0] = make_gate(holder);
    holder->child[0] = lull_pool_get(t, pool);
    ((struct thing *)holder->child[0])->number = 2;
    begin_cycle();
    lull_pool_put(t, pool, take_out(holder));
    size_t words = t->grey != NULL ? t->grey_count : 0;
    ck_assert_int_eq(pthread_create(&destroyer, NULL, destroy_pool, pool), 0);
    pthread_join(destroyer, NULL);
    ck_assert_uint_eq(t->grey != NULL ? t->grey_count : 0, words);
    ck_assert(!lull__queue_is_empty(&heap->queue));
    ck_assert_int_eq(atomic_load(&buried), 1);
    end_cycle();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("midcycle");

    tcase_add_checked_fixture(tests, set_up_concurrent, tear_down);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, an_ephemeron_whose_key_dies_in_the_cycle);
    tcase_add_test(tests, a_weak_reference_whose_target_dies_in_the_cycle);
    tcase_add_test(tests, a_weak_reference_read_in_the_cycle);
    tcase_add_loop_test(tests, an_object_moved_behind_the_marker, 0, 2);
    tcase_add_loop_test(tests, an_ephemeron_moved_behind_the_marker, 0, 2);
    tcase_add_loop_test(tests, a_key_moved_while_an_ephemeron_waits_for_it, 0, 2);
    tcase_add_test(tests, a_finalizer_set_in_the_cycle);
    tcase_add_test(tests, a_finalizer_taken_away_in_the_cycle);
    tcase_add_test(tests, a_pool_destroyed_in_the_cycle_by_another_thread);
    return support_run(suite_create("midcycle"), tests);
}
