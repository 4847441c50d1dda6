/* test_collector.c -- who waits for the collector: threads whose turn it is, its own rest, threads
 * near the memory limit, allocations whose memory others take. As in test_window.c all is led by
 * hand. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "collector.h"
#include "cycle.h"
#include "delay.h"
#include "heap.h"

#include "mutators.h"
#include "points.h"

static void set_up_concurrent(void)
{
    lull_options options = support_options();

    options.mode = LULL_MODE_CONCURRENT;
    options.schedule_seed = 1;
    set_up_with(options);
    memset(at_point, 0, sizeof at_point);
    atomic_store(&step, 0);
}

/* ---- whose turn it is: collector.c's turn_lock ---- */

static _Thread_local bool is_next; /* the thread that waits for its turn */
static atomic_bool last_cycle;
static uint64_t passed; /* cycles that ended while it waited */

/* In each cycle, so that the next one begins at once. */
static void ask_for_another(void)
{
    if (!atomic_load(&last_cycle)) {
        atomic_store(&heap->collector.wanted, false); /* or this one would do */
        ask_for_cycle();
    }
}

/* As much time as the collector needs for many cycles, if it may. */
static void count_passing(void)
{
    if (!is_next) {
        return;
    }
    uint64_t before = heap->cycles;
    for (int i = 0; i < 100 && passed < 2; i++) {
        usleep(1000);
        passed = heap->cycles - before;
    }
}

/* As a fork does. Without a turn the collector has the lock again before who waits for it wakes. */
START_TEST(who_waits_for_the_collector_is_passed_by_one_cycle)
{
    at_point[LULL__DELAY_LOWER] = ask_for_another;
    at_point[LULL__DELAY_TURN] = count_passing;
    atomic_store(&last_cycle, false);
    passed = 0;
    ask_for_cycle();
    lull_blocking_begin(t);
    while (heap->cycles < 3) {
        sched_yield();
    }
    is_next = true;
    lull__collector_lock(heap);
    is_next = false;
    atomic_store(&last_cycle, true);
    pthread_mutex_unlock(&heap->cycle_lock);
    lull_blocking_end(t);
    ck_assert_uint_le(passed, 1);
}
END_TEST

/* ---- the collector's rest: collector.c ---- */

START_TEST(the_collector_rests_unless_somebody_waits)
{
    collect();
    uint64_t cycles = heap->cycles;
    atomic_store(&heap->collector.rest_until_ns, UINT64_MAX / 2);
    ck_assert(lull__collector_ask(heap, LULL__REASON_TRIGGER));
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        lull_safepoint(t);
    }
    ck_assert_uint_eq(heap->cycles, cycles);
    collect(); /* which ends the rest */
    ck_assert_uint_gt(heap->cycles, cycles);
    atomic_store(&heap->collector.rest_until_ns, UINT64_MAX / 2);
    ck_assert(lull__collector_ask(heap, LULL__REASON_TRIGGER)); /* and so does the heap's end */
}
END_TEST

/* ---- threads wait for a collector that stands: throttle.c ---- */

enum { COLLECTOR_STANDS = 1, COLLECTOR_FREED };

static void stand(void)
{
    if (atomic_load(&step) < COLLECTOR_STANDS) {
        reach(COLLECTOR_STANDS);
        wait_for(COLLECTOR_FREED);
    }
}

static uint64_t pauses_of(lull_pause_kind kind)
{
    return support_stats(heap).pause_kind[kind].count;
}

static void allocate_mib(unsigned mib)
{
    for (size_t bytes = 0; bytes < (size_t)mib << 20; bytes += sizeof(struct thing)) {
        make(0);
    }
}

/* With the limit threads wait, though not for ever; they do not mark. Without it they do not
 * wait. */
START_TEST(threads_wait_near_the_limit_while_a_cycle_marks)
{
    uint64_t waits, assists;

    lull_set_memory_limit(heap, 1);
    allocate_mib(2);
    collect(); /* a cycle's time is known */
    at_point[LULL__DELAY_ROUND_ASK] = stand;
    uint64_t cycles = heap->cycles;
    ask_for_cycle();
    wait_polling(t, COLLECTOR_STANDS);
    waits = pauses_of(LULL_PAUSE_LIMIT);
    assists = pauses_of(LULL_PAUSE_ASSIST);
    for (int mib = 0; mib < 256 && pauses_of(LULL_PAUSE_LIMIT) < waits + 3; mib++) {
        allocate_mib(1);
    }
    ck_assert_uint_ge(pauses_of(LULL_PAUSE_LIMIT), waits + 3);
    ck_assert_uint_eq(pauses_of(LULL_PAUSE_ASSIST), assists);
    ck_assert_uint_eq(heap->throttled, 0);
    lull_set_memory_limit(heap, 0);
    waits = pauses_of(LULL_PAUSE_LIMIT);
    allocate_mib(4);
    ck_assert_uint_eq(pauses_of(LULL_PAUSE_LIMIT), waits);
    reach(COLLECTOR_FREED);
    end_cycle(cycles);
}
END_TEST

/* ---- others take what a cycle freed: alloc.c's tries ---- */

#define FULL_MIB 8
#define MOST_BYTES ((size_t)5 << 20) /* two do not fit */

static unsigned thieves; /* cycles after which somebody else is first */

void __real_lull__cycle_run(lull_thread *of, enum lull__cycle_reason reason);
void __wrap_lull__cycle_run(lull_thread *of, enum lull__cycle_reason reason);

void __wrap_lull__cycle_run(lull_thread *of, enum lull__cycle_reason reason)
{
    __real_lull__cycle_run(of, reason);
    if (reason == LULL__REASON_LIMIT && thieves != 0) {
        thieves--;
        ensure(lull_alloc_leaf(of, MOST_BYTES) != NULL, "%s", lull_error_message());
    }
}

static void set_up_full(void)
{
    lull_options options = support_options();

    options.heap_max = (size_t)FULL_MIB << 20;
    options.gc_percent = LULL_PERCENT_OFF;
    set_up_with(options);
}

/* What the first two cycles free is gone when the thread looks; that of the third is not. */
START_TEST(an_allocation_tries_three_cycles)
{
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, MOST_BYTES));
    thieves = 2;
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, MOST_BYTES));
    ck_assert_uint_eq(thieves, 0);
    thieves = 3;
    ck_assert_ptr_null(lull_alloc_leaf(t, MOST_BYTES));
    ck_assert_uint_eq(thieves, 0);
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, MOST_BYTES));
}
END_TEST

/* ---- locks of a heap, had by a thread of another ---- */

static lull_heap *other; /* it stops its threads; `heap` has a pool */
static lull_pool *its_pool;
static atomic_size_t found_free, found_taken;

static void look_at_the_lock(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer, (void)object, (void)size, (void)arg;
    if (pthread_mutex_trylock(&heap->pools_lock) == 0) {
        pthread_mutex_unlock(&heap->pools_lock);
        atomic_fetch_add(&found_free, 1);
    } else {
        atomic_fetch_add(&found_taken, 1);
    }
}

/* With the lock, until a stop has begun, and for a while in which it would be held by signal. */
static void linger(void)
{
    at_point[LULL__DELAY_POOL_SWITCH] = at_point[LULL__DELAY_POOL_THREAD] = NULL;
    reach(1);
    while (atomic_load(&other->stop) != LULL__STOP_HOLD) {
        sched_yield();
    }
    for (int i = 0; i < 1000; i++) {
        usleep(10);
    }
}

static void *attach_to_it(void *arg)
{
    lull_thread *own = mutator_attach(other, LULL_STACK_CONSERVATIVE);

    (void)arg;
    at_point[LULL__DELAY_POOL_THREAD] = linger;
    lull_thread *its = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    ensure(lull_detach(its) == LULL_OK, "%s", lull_error_message());
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void *change_its_pool(void *arg)
{
    lull_thread *own = mutator_attach(other, LULL_STACK_CONSERVATIVE);

    (void)arg;
    at_point[LULL__DELAY_POOL_SWITCH] = linger;
    ensure(lull_pool_resize(its_pool, 128) == LULL_OK, "%s", lull_error_message());
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* Who waits for it would be waited for by the collection that holds it. */
START_TEST(a_thread_that_has_another_heaps_lock_is_not_held)
{
    lull_options options = support_options();
    lull_pool_options of_pool = {.struct_size = sizeof of_pool, .object_bytes = 64};

    options.mode = LULL_MODE_STOP;
    other = support_heap(&options);
    its_pool = lull_pool_create(heap, &of_pool);
    lull_thread *own = mutator_attach(other, LULL_STACK_PRECISE);
    lull_handle *seen = lull_handle_new(
        own, lull_alloc(own, lull_type_custom(other, "looker", 64, look_at_the_lock, NULL)));
    pthread_t thread = mutator_start(_i == 0 ? change_its_pool : attach_to_it, NULL);
    wait_for(1);
    ck_assert_int_eq(lull_collect(own), LULL_OK);
    ck_assert_uint_ge(atomic_load(&found_free), 1);
    ck_assert_uint_eq(atomic_load(&found_taken), 0);
    lull_handle_free(own, seen);
    ck_assert_int_eq(lull_detach(own), LULL_OK);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    mutator_join(thread);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
    lull_pool_destroy(its_pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collector");
    TCase *concurrent = tcase_create("concurrent"), *full = tcase_create("full");

    tcase_add_checked_fixture(full, set_up_full, tear_down);
    tcase_add_test(full, an_allocation_tries_three_cycles);
    suite_add_tcase(suite, full);
    tcase_add_checked_fixture(concurrent, set_up_concurrent, tear_down);
    tcase_add_test(concurrent, who_waits_for_the_collector_is_passed_by_one_cycle);
    tcase_add_test(concurrent, the_collector_rests_unless_somebody_waits);
    tcase_add_test(concurrent, threads_wait_near_the_limit_while_a_cycle_marks);
    tcase_add_loop_test(concurrent, a_thread_that_has_another_heaps_lock_is_not_held, 0, 2);
    return support_run(suite, concurrent);
}
