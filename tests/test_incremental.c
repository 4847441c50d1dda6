/* test_incremental.c -- the modes that mark beside the program, on a program that is exact: precise
 * threads, collections on request, one processor. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fixture.h"
#include "random.h"
#include "trace.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT, LULL_MODE_INCREMENTAL};
#define MODES (int)(sizeof modes / sizeof *modes)

static lull_options options_of(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.markers = 0;
    return options;
}

/* Cycles come by themselves, too, one after the other. */
static lull_options busy_options(lull_mode mode)
{
    lull_options options = options_of(mode);

    options.gc_percent = 50;
    options.heap_min = 128 << 10;
    options.debug = LULL_DEBUG_SCRIBBLE;
    return options;
}

static void store(lull_thread *thread, void *slot, void *object)
{
    lull_store(thread, slot, object);
}

/* A list of `length` things, numbered from its head, at root[at]. */
static void make_list(size_t at, uint64_t length)
{
    store(t, &root[at], NULL);
    while (length-- != 0) {
        struct thing *thing = make(length);
        store(t, &thing->child[0], root[at]);
        store(t, &root[at], thing);
    }
}

static uint64_t check_list(const struct thing *head)
{
    uint64_t number = 0;

    for (; head != NULL; head = head->child[0]) {
        ensure(head->number == number, "%lu stands at %lu", (unsigned long)head->number,
               (unsigned long)number);
        number++;
    }
    return number;
}

/* ---- exactness ---- */

START_TEST(a_collection_on_request_is_exact)
{
    struct random r = {(uint64_t)_i + 1};
    uint64_t length[8] = {0};

    set_up_with(options_of(modes[_i]));
    for (size_t i = 0; i < support_rounds(60); i++) {
        size_t at = (size_t)random_below(&r, 8);
        uint64_t sum = 0;
        length[at] = random_below(&r, 3000);
        make_list(at, length[at]);
        collect();
        for (size_t j = 0; j < 8; j++) {
            ck_assert_uint_eq(check_list(root[j]), length[j]);
            sum += length[j];
        }
        ck_assert_uint_eq(in_use(), sum);
    }
    tear_down();
}
END_TEST

START_TEST(so_it_is_after_cycles_that_came_by_themselves)
{
    set_up_with(busy_options(modes[_i]));
    for (size_t i = 0; support_stats(heap).cycles < support_rounds(20); i++) {
        make_list(i % 8, 2000);
    }
    for (size_t i = 0; i < 8; i++) {
        make_list(i, i * 100);
    }
    collect();
    ck_assert_uint_eq(in_use(), 2800);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(check_list(root[i]), i * 100);
    }
    tear_down();
}
END_TEST

/* A thread's slots in waiting are given back where all are held, which verify does: the cycle must
 * not count less than nothing for them. */
START_TEST(slots_given_back_while_marking_are_not_counted)
{
    lull_options options = options_of(modes[_i]);

    options.gc_percent = 100;
    options.debug = LULL_DEBUG_VERIFY;
    set_up_with(options);
    for (int i = 0; i < 10; i++) {
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, (size_t)16 << (i % 8)));
        collect();
        lull_stats stats = support_stats(heap);
        ck_assert_uint_le(stats.trigger_bytes, options.heap_min);
        ck_assert_uint_ge(stats.trigger_bytes, options.heap_min / 2);
    }
    tear_down();
}
END_TEST

/* ---- who does the marking ---- */

static _Atomic bool enough;

/* Comes to safepoints, and allocates nothing. */
static void *run_idle(void *arg)
{
    lull_thread *own = lull_attach(heap, *(lull_stack_kind *)arg);

    ensure(own != NULL, "%s", lull_error_message());
    while (!atomic_load(&enough)) {
        lull_safepoint(own);
    }
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(collections_finish_though_nobody_allocates)
{
    lull_stack_kind kinds[] = {LULL_STACK_PRECISE, LULL_STACK_CONSERVATIVE};
    pthread_t idle[2];

    set_up_with(options_of(modes[_i]));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&idle[i], NULL, run_idle, &kinds[i]), 0);
    }
    make_list(0, 50000);
    for (int i = 0; i < 5; i++) {
        collect();
    }
    ck_assert_uint_eq(check_list(root[0]), 50000);
    atomic_store(&enough, true);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    pthread_join(idle[0], NULL);
    pthread_join(idle[1], NULL);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    tear_down();
}
END_TEST

/* The allocation that makes a cycle due is the last one for a while. */
START_TEST(a_cycle_that_was_begun_finishes_though_nobody_allocates)
{
    set_up_with(busy_options(modes[_i]));
    for (int i = 0; i < 5; i++) {
        uint64_t begun = lull__happened(&heap->events, cycle_begin);
        while (lull__happened(&heap->events, cycle_begin) == begun) {
            make_list(0, 5000);
        }
        while (lull__happened(&heap->events, cycle_end) <= begun) {
            lull_safepoint(t);
            sched_yield();
        }
    }
    tear_down();
}
END_TEST

START_TEST(threads_that_allocate_mark_in_mode_incremental)
{
    set_up_with(busy_options(LULL_MODE_INCREMENTAL));
    make_list(0, 20000);
    while (support_stats(heap).pause_kind[LULL_PAUSE_ASSIST].count == 0) {
        make_list(1, 20000);
    }
    ck_assert_uint_eq(check_list(root[0]), 20000);
    tear_down();
}
END_TEST

/* ---- one processor ---- */

static void *run_lists(void *arg)
{
    lull_stack_kind kind = *(lull_stack_kind *)arg;
    lull_thread *own = lull_attach(heap, kind);

    ensure(own != NULL, "%s", lull_error_message());
    LULL_FRAME(own, frame, 1);
    for (size_t i = 0; i < support_rounds(100); i++) {
        frame.root[0] = NULL;
        for (uint64_t number = 500; number-- != 0;) {
            struct thing *thing = lull_alloc_any(own, sizeof *thing);
            ensure(thing != NULL, "%s", lull_error_message());
            thing->number = number;
            store(own, &thing->child[0], frame.root[0]);
            frame.root[0] = thing;
        }
        ensure(check_list(frame.root[0]) == 500, "a list is too short");
        if (i % 10 == 0) {
            ensure(lull_collect(own) == LULL_OK, "%s", lull_error_message());
        }
    }
    lull_frame_pop(own, &frame.head);
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(one_processor_suffices)
{
    lull_stack_kind kinds[] = {LULL_STACK_PRECISE, LULL_STACK_CONSERVATIVE};
    pthread_t thread[2];
    cpu_set_t all, one;
    size_t first = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(first, &all)) {
        first++;
    }
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0); /* inherited by all threads */
    set_up_with(busy_options(modes[_i]));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, run_lists, &kinds[i]), 0);
    }
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    collect();
    ck_assert_uint_eq(in_use(), 0);
    /* one serves whoever waits for it */
    ck_assert_uint_ge(support_stats(heap).cycles, support_rounds(10));
    tear_down();
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
}
END_TEST

/* ---- what the trace says ---- */

static void trace_one(char line[LULL__TRACE_LINE_BYTES])
{
    collect();
    lull__trace_format(&heap->events, UINT64_MAX / 2, UINT64_MAX / 2, line);
}

START_TEST(a_stop_of_another_cycle_is_not_told_of)
{
    char line[LULL__TRACE_LINE_BYTES];

    set_up_with(options_of(modes[1 + _i]));
    heap->options.debug = 0; /* the verifier stops threads */
    trace_one(line);
    ck_assert_ptr_nonnull(strstr(line, "held 0.000 ms: stop 0.000, "));
    ck_assert_ptr_nonnull(strstr(line, " 0 threads;"));
    ck_assert_int_eq(lull_roots_add_unbarriered(heap, root, sizeof root), LULL_OK);
    trace_one(line);
    ck_assert_ptr_nonnull(strstr(line, " 1 threads;"));
    ck_assert_uint_gt(lull__count(&heap->events, last_held_ns), 0);
    ck_assert_uint_gt(lull__count(&heap->events, last_stop_ns), 0);
    ck_assert_int_eq(lull_roots_remove(heap, root, sizeof root), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(heap, root, sizeof root), LULL_OK);
    trace_one(line);
    ck_assert_ptr_nonnull(strstr(line, "held 0.000 ms: stop 0.000, "));
    ck_assert_ptr_nonnull(strstr(line, " 0 threads;"));
    tear_down();
}
END_TEST

/* ---- the collector's priority ---- */

/* The nice value of this process's thread with that name; -100 where there is none. */
static int nice_of(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    int nice = -100;

    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) {
            continue;
        }
        if (fgets(comm, sizeof comm, file) != NULL && strstr(comm, name) == comm) {
            nice = getpriority(PRIO_PROCESS, (id_t)strtoul(task->d_name, NULL, 10));
        }
        fclose(file);
    }
    closedir(tasks);
    return nice;
}

/* Where the program wants all processors, a quarter of them is the markers': pacer.h. */
START_TEST(marking_beside_the_program_steps_back_for_it)
{
    lull_options options = options_of(LULL_MODE_CONCURRENT);
    int mine = getpriority(PRIO_PROCESS, 0);

    options.markers = 4;
    set_up_with(options);
    make_list(0, 1000);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    if (mine + LULL__PACER_MARKER_NICE <= 19) {
        ck_assert_int_eq(nice_of("lull-collector"), mine + LULL__PACER_MARKER_NICE);
    }
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), mine);
    tear_down();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("incremental");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_collection_on_request_is_exact, 0, MODES);
    tcase_add_loop_test(tests, so_it_is_after_cycles_that_came_by_themselves, 0, MODES);
    tcase_add_loop_test(tests, slots_given_back_while_marking_are_not_counted, 0, MODES);
    tcase_add_loop_test(tests, collections_finish_though_nobody_allocates, 0, MODES);
    tcase_add_loop_test(tests, a_cycle_that_was_begun_finishes_though_nobody_allocates, 0, MODES);
    tcase_add_test(tests, threads_that_allocate_mark_in_mode_incremental);
    tcase_add_loop_test(tests, one_processor_suffices, 0, MODES);
    tcase_add_loop_test(tests, a_stop_of_another_cycle_is_not_told_of, 0, 2);
    tcase_add_test(tests, marking_beside_the_program_steps_back_for_it);
    return support_run(suite_create("incremental"), tests);
}
