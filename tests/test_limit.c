/* test_limit.c -- the memory limit is held, in every mode, by small objects and by large ones.
 *
 * How long a thread waits for the collector is a matter of time, which no test can rest on. So
 * threads of the program have clocks of their own here: one that stands has them wait for as long
 * as it takes, and then how large the heap becomes is a matter of bytes alone. */
#include <pthread.h>
#include <stdatomic.h>

#include "points.h"

#define MIB ((size_t)1 << 20)
#define LIMIT (12 * MIB)
#define LIVE (8 * MIB)
#define THREADS_MOST 4

/* ---- clocks ---- */

static _Thread_local bool has_clock; /* or that of the system */
static _Thread_local uint64_t clock_ns;
static _Thread_local uint64_t tick_ns; /* by which it is on each time it is looked at */

uint64_t __real_lull__os_now_ns(void);
uint64_t __wrap_lull__os_now_ns(void);

uint64_t __wrap_lull__os_now_ns(void)
{
    return has_clock ? (clock_ns += tick_ns) : __real_lull__os_now_ns();
}

static void have_clock(uint64_t tick)
{
    has_clock = true;
    clock_ns = __real_lull__os_now_ns();
    tick_ns = tick;
}

/* The thread has run for so long that it may be made to wait for as long as any. */
static void run_on(void)
{
    clock_ns += 1000000000;
}

/* ---- a load: garbage beside what is alive ---- */

static const lull_mode modes[] = {LULL_MODE_CONCURRENT, LULL_MODE_INCREMENTAL, LULL_MODE_STOP};
#define MODES (int)(sizeof modes / sizeof *modes)
#define CASES (2 * MODES) /* with one thread each, and with several */

static struct load {
    size_t object_bytes, objects; /* for each thread */
    size_t kept;                  /* of these, the last so many are alive */
    uint64_t tick_ns;             /* of threads' clocks */
    _Atomic size_t most_bytes;    /* of the heap */
} load;

/* Where threads mark, an assist ends by the clock; where they collect, a rest. Then a wait lasts
 * for a thousand looks, however long those take. */
static uint64_t tick_of(lull_mode mode)
{
    switch (mode) {
    case LULL_MODE_INCREMENTAL: return 1000;
    case LULL_MODE_STOP: return 100000;
    default: return 0;
    }
}

static lull_options options_of(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.gc_percent = 100;
    options.schedule_seed = 1;
    return options;
}

static void note(_Atomic size_t *most, size_t bytes)
{
    size_t before = atomic_load(most);

    while (bytes > before && !atomic_compare_exchange_weak(most, &before, bytes)) {
    }
}

/* As the pacer has it: without its lock what is live may count twice for a moment. */
static size_t heap_bytes(void)
{
    pthread_mutex_lock(&heap->pacer_lock);
    size_t bytes = lull__heap_bytes(heap);
    pthread_mutex_unlock(&heap->pacer_lock);
    return bytes;
}

static void *run_load(void *arg)
{
    lull_thread *own = lull_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    ensure(own != NULL, "%s", lull_error_message());
    have_clock(load.tick_ns);
    LULL_FRAME(own, frame, 1);
    void **kept = frame.root[0] = lull_alloc_any(own, load.kept * sizeof *kept);
    for (size_t i = 0; i < load.objects; i++) {
        run_on();
        uint64_t *object = lull_alloc_any(own, load.object_bytes);
        ensure(object != NULL, "%s", lull_error_message());
        object[load.object_bytes / 8 - 1] = i; /* no pointer */
        lull_store(own, &kept[i % load.kept], object);
        if (i % 16 == 0 || load.object_bytes >= MIB) {
            note(&load.most_bytes, heap_bytes());
        }
    }
    for (size_t i = load.objects - load.kept; i < load.objects; i++) {
        const uint64_t *object = kept[i % load.kept];
        ensure(object[load.object_bytes / 8 - 1] == i, "object %zu", i);
    }
    lull_frame_pop(own, &frame.head);
    has_clock = false;
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* LIVE bytes of objects are alive; `bytes` are allocated in all. */
static void run(lull_mode mode, size_t threads, size_t object_bytes, size_t bytes, size_t limit)
{
    pthread_t thread[THREADS_MOST];

    set_up_with(options_of(mode));
    lull_set_memory_limit(heap, limit);
    load.tick_ns = tick_of(mode);
    load.object_bytes = object_bytes;
    load.objects = bytes / object_bytes / threads;
    load.kept = LIVE / object_bytes / threads;
    load.most_bytes = 0;
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (size_t i = 0; i < threads; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, run_load, NULL), 0);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_eq(heap->throttled, 0);
    tear_down();
}

/* The goal leaves the mebibyte that a cycle may allocate in any case. Beyond it are what threads
 * take at once, and where threads mark what they take when a wait ended by its looks: a quarter is
 * ample. */
START_TEST(small_objects_stay_within_the_limit)
{
    size_t threads = _i % 2 ? THREADS_MOST : 1;

    run(modes[_i / 2], threads, 64, 3 * LIVE, LIMIT);
    ck_assert(threads > 1 || load.most_bytes > LIVE); /* or one may be over when others begin */
    ck_assert_uint_le(load.most_bytes, LIMIT / 4 * 5);
}
END_TEST

/* Threads hold one each beside LIVE. A cycle lets two be taken: one that its marking covers, and
 * one more when it is over; what came while it marked counts until the next has ended. */
START_TEST(large_objects_stay_within_the_limit)
{
    size_t threads = _i % 2 ? THREADS_MOST : 1;

    run(modes[_i / 2], threads, MIB, 12 * LIVE, LIMIT);
    ck_assert_uint_le(load.most_bytes, LIVE + (threads + 8) * MIB);
}
END_TEST

/* However long threads would wait for room, there is none. */
START_TEST(a_limit_below_what_is_live_does_not_stop_the_program)
{
    run(modes[_i / 2], _i % 2 ? THREADS_MOST : 1, 512, LIVE + LIVE / 8, 1);
    run(modes[_i / 2], _i % 2 ? THREADS_MOST : 1, MIB, 2 * LIVE, 1);
}
END_TEST

/* More than the limit at once, the percent setting the goal: a cycle is tried. */
START_TEST(one_object_may_be_more_than_the_limit)
{
    set_up_with(options_of(modes[_i]));
    lull_set_memory_limit(heap, 6 * MIB);
    have_clock(tick_of(modes[_i]));
    run_on();
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 16 * MIB));
    ck_assert_uint_gt(heap->cycles, 0);
    has_clock = false;
    tear_down();
}
END_TEST

/* ---- led by hand ---- */

/* In two cycles, when all is marked. */
enum { FIRST_MARKED = 1, FIRST_FREED, SECOND_MARKED, SECOND_FREED };

static void stand(void)
{
    int now = atomic_load(&step);

    if (now == 0 || now == FIRST_FREED) {
        reach(now + 1);
        wait_for(now + 2);
    }
}

static atomic_int ready, got;

static void *take_large(void *arg)
{
    lull_thread *own = lull_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    ensure(own != NULL, "%s", lull_error_message());
    atomic_fetch_add(&ready, 1);
    wait_polling(own, FIRST_MARKED);
    have_clock(0);
    run_on();
    ensure(lull_alloc_leaf(own, 4 * MIB) != NULL, "%s", lull_error_message());
    atomic_fetch_add(&got, 1);
    has_clock = false;
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void wait_until(atomic_int *count, int most)
{
    while (atomic_load(count) < most) {
        lull_safepoint(t);
        sched_yield();
    }
}

/* Until both takers wait, or have what they wait for. */
static void wait_for_takers(void)
{
    while ((int)atomic_load(&heap->throttled) + atomic_load(&got) < 2) {
        lull_safepoint(t);
        sched_yield();
    }
}

/* Before it is handed out, not after; and where there is no room, one when a cycle is over. */
START_TEST(large_objects_wait_until_a_cycle_is_over)
{
    pthread_t taker[2];

    set_up_with(options_of(modes[_i]));
    memset(at_point, 0, sizeof at_point);
    atomic_store(&step, 0);
    atomic_store(&ready, 0);
    atomic_store(&got, 0);
    root[0] = lull_alloc_leaf(t, MIB);
    collect();
    lull_set_memory_limit(heap, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&taker[i], NULL, take_large, NULL), 0);
    }
    wait_until(&ready, 2);
    size_t used = heap->pages.used_blocks;
    at_point[LULL__DELAY_DEAD] = stand;
    ask_for_cycle();
    wait_polling(t, FIRST_MARKED);
    wait_for_takers();
    ck_assert_int_eq(atomic_load(&got), 0);
    ck_assert_uint_eq(heap->pages.used_blocks, used);
    reach(FIRST_FREED);
    wait_polling(t, SECOND_MARKED);
    wait_until(&got, 1);
    wait_for_takers();
    ck_assert_int_eq(atomic_load(&got), 1);
    uint64_t cycles = heap->cycles;
    reach(SECOND_FREED);
    end_cycle(cycles);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (int i = 0; i < 2; i++) {
        pthread_join(taker[i], NULL); /* which has it */
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    tear_down();
}
END_TEST

/* In mode stop the goal does not rise for that, but the program waits, now and then. */
START_TEST(a_collector_that_stops_the_program_rests_too)
{
    lull_set_memory_limit(heap, 1);
    collect();
    have_clock(1000000);
    uint64_t cycles = heap->cycles;
    uint64_t until_ns = clock_ns + 100000000;
    atomic_store(&heap->collector.rest_until_ns, until_ns);
    while (heap->cycles == cycles) {
        ensure(lull_alloc_leaf(t, 1024) != NULL, "%s", lull_error_message());
    }
    ck_assert_uint_ge(clock_ns, until_ns);
    ck_assert_uint_gt(support_stats(heap).pause_kind[LULL_PAUSE_LIMIT].count, 0);
    ck_assert_uint_eq(heap->goal_bytes, heap->live_bytes);
    has_clock = false;
}
END_TEST

/* Without patience it goes on meanwhile, and a large object, too. */
START_TEST(a_rest_is_no_reason_to_wait_for_ever)
{
    lull_set_memory_limit(heap, 1);
    collect();
    have_clock(0);
    uint64_t cycles = heap->cycles;
    atomic_store(&heap->collector.rest_until_ns, UINT64_MAX);
    t->ran_since_ns = clock_ns;
    for (int i = 0; i < 1024; i++) {
        ensure(lull_alloc_leaf(t, 1024) != NULL, "%s", lull_error_message());
    }
    ck_assert_uint_eq(support_stats(heap).pause_kind[LULL_PAUSE_LIMIT].count, 0);
    have_clock(1000000);
    ensure(lull_alloc_leaf(t, MIB) != NULL, "%s", lull_error_message());
    ck_assert_uint_gt(support_stats(heap).pause_kind[LULL_PAUSE_LIMIT].count, 0);
    ck_assert_uint_eq(heap->cycles, cycles);
    has_clock = false;
}
END_TEST

static void set_up_stop(void)
{
    set_up_with(options_of(LULL_MODE_STOP));
}

int main(void)
{
    Suite *suite = suite_create("limit");
    TCase *loads = tcase_create("loads");
    TCase *stop = tcase_create("stop");

    tcase_set_timeout(loads, 60);
    tcase_add_loop_test(loads, small_objects_stay_within_the_limit, 0, CASES);
    tcase_add_loop_test(loads, large_objects_stay_within_the_limit, 0, CASES);
    tcase_add_loop_test(loads, a_limit_below_what_is_live_does_not_stop_the_program, 0, CASES);
    tcase_add_loop_test(loads, one_object_may_be_more_than_the_limit, 0, MODES);
    tcase_add_loop_test(loads, large_objects_wait_until_a_cycle_is_over, 0, 2);
    tcase_set_timeout(stop, 60);
    tcase_add_checked_fixture(stop, set_up_stop, tear_down);
    tcase_add_test(stop, a_collector_that_stops_the_program_rests_too);
    tcase_add_test(stop, a_rest_is_no_reason_to_wait_for_ever);
    suite_add_tcase(suite, loads);
    suite_add_tcase(suite, stop);
    return support_run_suite(suite);
}
