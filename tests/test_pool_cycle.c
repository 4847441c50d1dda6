/* test_pool_cycle.c -- what moves between threads and depots in the middle of a concurrent cycle.
 *
 * Each test moves an object that marking has not reached and that nobody else holds. What moves to
 * the depot lives through the cycle only if the move shades it; what is stolen is found with its
 * new owner, since nobody steals in the middle of a handshake. The threads' stacks are precise, so
 * that the tests' own pointers keep nothing. */
#include "delay.h"
#include "pool.h"

#include "steps.h"

#define ITEMS ((size_t)(2 * LULL_MAGAZINE_SLOTS + 1)) /* the last of these puts exchanges */

static lull_pool *pool, *other_pool;

static void *make_item(lull_thread *thread, void *arg)
{
    (void)arg;
    return lull_alloc_any(thread, sizeof(struct thing));
}

static lull_pool *new_pool(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .make = make_item};
    lull_pool *made = lull_pool_create(heap, &options);

    ck_assert_ptr_nonnull(made);
    return made;
}

static void set_up_pools(void)
{
    set_up_concurrent();
    pool = new_pool();
    other_pool = new_pool();
}

static lull_pool_stats stats(void)
{
    lull_pool_stats s;

    ck_assert_int_eq(lull_pool_stats_read(pool, &s), LULL_OK);
    return s;
}

/* Leads a cycle to where marking waits; what root[0] held is white, and nobody's. */
static struct thing *stop_marking(void)
{
    root[1] = make_stopper();
    open_gate();
    stand_before_marking();
    struct thing *stolen = steal();
    pass_gate();
    await_stopper();
    return stolen;
}

static void go_on(void)
{
    atomic_store(&stopper_passes, true);
    end_cycle();
}

/* ---- nobody is served: the collector waits before it looks at the first blocked thread ---- */

static atomic_bool nobody_is_served;

void __real_lull__delay_now(lull_heap *of, enum lull__delay_point point);
void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point);

void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point)
{
    while (point == LULL__DELAY_SERVE_LOOK && atomic_load(&nobody_is_served)) {
        sched_yield();
    }
    __real_lull__delay_now(of, point);
}

/* ---- another thread ---- */

enum { LENDER_ATTACHED = 1, LENDER_PUT };

#define LENT 3 /* of these two are stolen, of which one is handed out */

static struct {
    pthread_t thread;
    struct thing *item[LENT];
    bool leaves; /* when it has put */
    atomic_int done;
    atomic_bool begin, end;
} lender;

static void await(const atomic_bool *flag)
{
    while (!atomic_load(flag)) {
        sched_yield();
    }
}

/* Blocked, puts objects while marking waits, and blocks again, with another pool in use last; or
 * leaves. */
static void *lend(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);

    lull_blocking_begin(thread);
    atomic_store(&lender.done, LENDER_ATTACHED);
    await(&lender.begin);
    lull_blocking_end(thread);
    for (size_t i = 0; i < LENT && lender.item[i] != NULL; i++) {
        lull_pool_put(thread, pool, lender.item[i]);
    }
    lull_pool_put(thread, other_pool, make_item(thread, NULL));
    if (!lender.leaves) {
        lull_blocking_begin(thread);
        atomic_store(&lender.done, LENDER_PUT);
        await(&lender.end);
        lull_blocking_end(thread);
    }
    lull_detach(thread);
    atomic_store(&lender.done, LENDER_PUT);
    return arg;
}

static void start_lender(bool leaves)
{
    lender.leaves = leaves;
    memset(lender.item, 0, sizeof lender.item);
    atomic_store(&lender.done, 0);
    atomic_store(&lender.begin, false);
    atomic_store(&lender.end, false);
    ck_assert_int_eq(pthread_create(&lender.thread, NULL, lend, NULL), 0);
    while (atomic_load(&lender.done) != LENDER_ATTACHED) {
        sched_yield();
    }
}

static void have_lender_put(void)
{
    atomic_store(&lender.begin, true);
    while (atomic_load(&lender.done) != LENDER_PUT) {
        sched_yield();
    }
}

static void end_lender(void)
{
    atomic_store(&lender.end, true);
    while (atomic_load(&lender.done) != LENDER_PUT) {
        sched_yield();
    }
    pthread_join(lender.thread, NULL);
}

/* ---- the tests ---- */

/* One is then a root of the thread's, one in its magazine, and one in the other's still. */
START_TEST(what_is_stolen_from_a_blocked_thread_is_found)
{
    struct thing **item = lull_alloc_any(t, LENT * sizeof *item);

    root[0] = item;
    for (size_t i = 0; i < LENT; i++) {
        lull_store(t, (void **)&item[i], make(i));
    }
    start_lender(false);
    memcpy(lender.item, stop_marking(), sizeof lender.item);
    have_lender_put();
    LULL_FRAME(t, frame, 1);
    frame.root[0] = lull_pool_get(t, pool);
    ck_assert_uint_eq(stats().hits_steal, 1);
    ck_assert_uint_eq(lull__magazine_count(t, lull__magazines_of(t, pool->index)), 1);
    go_on();
    for (size_t i = 0; i < LENT; i++) {
        ck_assert(is_whole(lender.item[i], i));
    }
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    end_lender();
}
END_TEST

/* The thread has taken its part in the last round, and the lender has not. */
START_TEST(nobody_steals_in_the_middle_of_a_handshake)
{
    heap->options.schedule_seed = 1;
    root[0] = make(1);
    start_lender(false);
    lender.item[0] = stop_marking();
    have_lender_put();
    atomic_store(&nobody_is_served, true);
    atomic_store(&stopper_passes, true);
    await_round();
    take_part(t);
    LULL_FRAME(t, frame, 1);
    frame.root[0] = lull_pool_get(t, pool);
    atomic_store(&nobody_is_served, false);
    end_cycle();
    ck_assert(is_whole(lender.item[0], 1));
    ck_assert_uint_eq(stats().hits_steal, 0);
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    ck_assert_ptr_eq(lull_pool_get(t, pool), lender.item[0]);
    ck_assert_uint_eq(stats().hits_steal, 1);
    end_lender();
}
END_TEST

START_TEST(what_a_thread_that_leaves_gives_back_is_shaded)
{
    root[0] = make(1);
    start_lender(true);
    struct thing *item = lender.item[0] = stop_marking();
    have_lender_put();
    go_on();
    ck_assert(is_whole(item, 1));
    ck_assert_ptr_eq(lull_pool_get(t, pool), item);
    end_lender();
}
END_TEST

/* Takes many objects, white and nobody's, to where the round is asked for: shared roots are
 * scanned, and the markers have nothing left. */
static struct thing *const *take_items(void)
{
    struct thing **item = lull_alloc_any(t, ITEMS * sizeof *item);

    root[0] = item;
    for (size_t i = 0; i < ITEMS; i++) {
        lull_store(t, (void **)&item[i], make(i));
    }
    open_gate();
    stand_before_marking();
    lull_store(t, &root[0], NULL);
    pass_gate();
    await_round();
    return item;
}

/* What is left in the magazine is found there. */
START_TEST(what_a_full_magazine_gives_is_shaded)
{
    struct thing *item[ITEMS];

    memcpy(item, take_items(), sizeof item);
    for (size_t i = 0; i < ITEMS; i++) {
        lull_pool_put(t, pool, item[i]);
    }
    ck_assert_uint_gt(atomic_load(&pool->kept), 0);
    end_cycle();
    for (size_t i = 0; i < ITEMS; i++) {
        ck_assert(is_whole(item[i], i));
    }
}
END_TEST

START_TEST(what_a_thread_gives_before_it_blocks_is_shaded)
{
    struct thing *item[ITEMS];

    memcpy(item, take_items(), sizeof item);
    for (size_t i = 0; i < 10; i++) {
        lull_pool_put(t, pool, item[i]);
    }
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    ck_assert_uint_eq(atomic_load(&pool->kept), 10);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    end_cycle();
    for (size_t i = 0; i < 10; i++) {
        ck_assert(is_whole(item[i], i));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_cycle");
    TCase *tests = tcase_create("pool_cycle");

    tcase_add_checked_fixture(tests, set_up_pools, tear_down);
    tcase_set_timeout(tests, 60);
    if (!support_audited()) { /* an audit leaves magazines empty */
        tcase_add_test(tests, what_is_stolen_from_a_blocked_thread_is_found);
        tcase_add_test(tests, nobody_steals_in_the_middle_of_a_handshake);
        tcase_add_test(tests, what_a_thread_that_leaves_gives_back_is_shaded);
        tcase_add_test(tests, what_a_full_magazine_gives_is_shaded);
        tcase_add_test(tests, what_a_thread_gives_before_it_blocks_is_shaded);
    }
    return support_run(suite, tests);
}
