/* test_fork_storm.c -- forks beside threads that do what threads do, one kind of call over and over
 * or all of them, in one heap or several. A deadlock shows as a test that is ended by its
 * timeout. */
#define _GNU_SOURCE

#include "forks.h"

/* ---- under load ---- */

static pthread_t loaded[PASTIMES];

static void begin_load(const lull_options *options, size_t first, size_t step, unsigned threads)
{
    heap = storm_begin(options);
    for (unsigned i = 0; i < threads; i++) {
        loaded[i] = mutator_start(spin_away, (void *)(first + i * step));
    }
    mutator_await(&ready, threads);
}

static void end_load(unsigned threads)
{
    atomic_store(&over, 1);
    for (unsigned i = 0; i < threads; i++) {
        mutator_join(loaded[i]);
    }
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

/* From a thread that is attached and one that is not, while others do all sorts of things. */
static void fork_under_load(size_t forks)
{
    for (size_t i = 0; i < support_rounds(forks); i++) {
        lull_thread *t = i % 2 == 0 ? mutator_attach(heap, LULL_STACK_PRECISE) : NULL;
        pid_t child = fork_here();
        if (child == 0) {
            if (t != NULL) {
                use_all(t, 0);
                ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
            }
            use_all_from_outside(heap);
            _exit(3);
        }
        if (t != NULL) {
            ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        }
        expect_exit(child, 3);
        if (t != NULL) {
            ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
            ck_assert_int_eq(lull_collect(t), LULL_OK);
            ck_assert_int_eq(lull_detach(t), LULL_OK);
        }
    }
}

/* use_handles and use_roots leave what they hold in the child: it is counted as live there. */
static bool leaves_roots(void (*pastime)(struct spinner *))
{
    return pastime == use_handles || pastime == use_roots;
}

static lull_options loaded_options(lull_mode mode)
{
    lull_options options = storm_options(mode);

    options.debug = LULL_DEBUG_SCRIBBLE;
    return options;
}

START_TEST(against_a_pastime)
{
    lull_options options = loaded_options(storm_modes[_i % STORM_MODES]);
    size_t pastime = (size_t)_i / STORM_MODES;

    if (leaves_roots(pastimes[pastime])) {
        return;
    }
    begin_load(&options, pastime, 0, 2);
    fork_under_load(3);
    end_load(2);
}
END_TEST

static atomic_uint forks_made;

static void *fork_and_fork(void *arg)
{
    (void)arg;
    while (atomic_load(&over) == 0) {
        pid_t child = fork_here();
        if (child == 0) {
            lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
            for (int i = 0; i < 3; i++) {
                list_check(list_make(t, node_type(heap), 1, 300), 1, 300);
                ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
            }
            ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
            ensure(lull_heap_destroy(heap) == LULL_OK, "%s", lull_error_message());
            _exit(3);
        }
        int status;
        ensure(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
        ensure(WIFEXITED(status) && WEXITSTATUS(status) == 3, "status %#x", (unsigned)status);
        atomic_fetch_add(&forks_made, 1);
    }
    return NULL;
}

/* Several threads fork at once, beside all pastimes and collections. */
START_TEST(against_everything)
{
    lull_options options = loaded_options(storm_modes[_i]);
    pthread_t forker[2];

    options.finalizer_thread = 1;
    atomic_store(&forks_made, 0);
    begin_load(&options, 0, 1, PASTIMES);
    forker[0] = mutator_start(fork_and_fork, NULL);
    forker[1] = mutator_start(fork_and_fork, NULL);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    while (atomic_load(&forks_made) < support_rounds(4)) {
        list_check(list_make(t, node_type(heap), 1, 300), 1, 300);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    atomic_store(&over, 1);
    mutator_join(forker[0]);
    mutator_join(forker[1]);
    end_load(PASTIMES);
}
END_TEST

/* ---- several heaps ---- */

enum { HEAPS = 3, LIVING = 3 };

static lull_heap *heaps[HEAPS];
static const lull_stack_kind kinds[LIVING][HEAPS] = {
    {LULL_STACK_CONSERVATIVE, LULL_STACK_CONSERVATIVE, LULL_STACK_CONSERVATIVE},
    {LULL_STACK_PRECISE, LULL_STACK_PRECISE, LULL_STACK_PRECISE},
    {LULL_STACK_PRECISE, LULL_STACK_CONSERVATIVE, LULL_STACK_CONSERVATIVE},
};

static void *live_in_heaps(void *arg)
{
    const lull_stack_kind *kind = arg;
    struct random random = {.state = (uintptr_t)arg};
    lull_thread *t[HEAPS];

    for (int i = 0; i < HEAPS; i++) {
        t[i] = mutator_attach(heaps[i], kind[i]);
    }
    while (atomic_load(&over) == 0) {
        unsigned i = (unsigned)random_below(&random, HEAPS);
        LULL_FRAME(t[i], frame, 1);
        list_make_rooted(t[i], node_type(heaps[i]), &frame.root[0], 1, 50);
        if (random_below(&random, 10) == 0) {
            ensure(lull_collect(t[i]) == LULL_OK, "%s", lull_error_message());
        }
        list_check(frame.root[0], 1, 50);
        ensure(lull_frame_pop(t[i], &frame.head) == LULL_OK, "%s", lull_error_message());
        free(malloc(1000 + random_below(&random, 1000)));
    }
    for (int i = 0; i < HEAPS; i++) {
        ensure(lull_detach(t[i]) == LULL_OK, "%s", lull_error_message());
    }
    return NULL;
}

static void *make_heaps(void *arg)
{
    lull_options options = support_options();

    (void)arg;
    while (atomic_load(&over) == 0) {
        lull_heap *made = support_heap(&options);
        lull_thread *t = mutator_attach(made, LULL_STACK_CONSERVATIVE);
        list_check(list_make(t, node_type(made), 1, 100), 1, 100);
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
        ensure(lull_heap_destroy(made) == LULL_OK, "%s", lull_error_message());
    }
    return NULL;
}

/* Threads that live in all of them, each precise in some; and heaps that come and go. */
START_TEST(with_several_heaps)
{
    pthread_t thread[LIVING + 1];

    atomic_store(&over, 0);
    for (int i = 0; i < HEAPS; i++) {
        lull_options options = storm_options(storm_modes[(_i + i) % STORM_MODES]);
        options.debug = LULL_DEBUG_SCRIBBLE;
        heaps[i] = support_heap(&options);
    }
    for (int i = 0; i < LIVING; i++) {
        thread[i] = mutator_start(live_in_heaps, (void *)(uintptr_t)kinds[i]);
    }
    thread[LIVING] = mutator_start(make_heaps, NULL);
    lull_thread *t = mutator_attach(heaps[1], LULL_STACK_PRECISE);
    for (size_t i = 0; i < support_rounds(10); i++) {
        pid_t child = fork_here();
        if (child == 0) {
            use_all(t, 0);
            ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
            for (int j = 0; j < HEAPS; j++) {
                use_all_from_outside(heaps[j]);
            }
            _exit(3);
        }
        ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        expect_exit(child, 3);
        ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    atomic_store(&over, 1);
    for (int i = 0; i <= LIVING; i++) {
        mutator_join(thread[i]);
    }
    for (int i = 0; i < HEAPS; i++) {
        ck_assert_int_eq(lull_heap_destroy(heaps[i]), LULL_OK);
    }
}
END_TEST

int main(void)
{
    if (!forks_stand()) {
        return 0;
    }
    Suite *suite = suite_create("fork_storm");
    TCase *tests = tcase_create("fork_storm");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, against_a_pastime, 0, STORM_MODES * (int)PASTIMES);
    tcase_add_loop_test(tests, against_everything, 0, STORM_MODES);
    tcase_add_loop_test(tests, with_several_heaps, 0, STORM_MODES);
    return support_run(suite, tests);
}
