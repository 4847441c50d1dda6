/* test_concurrent_storm.c -- mode concurrent under actors that do everything at once, on heaps so
 * small that one cycle follows the other. Each seed is a run of its own, LULL_TEST_SEEDS=N has N of
 * them; what they find is a dead object in live hands, or the verifier's abort. */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "concurrent.h"

struct storm {
    size_t heap_min, threads, turns, runs;
    int kind; /* lull_stack_kind, or -1: by turns */
};

static void run_seed(const struct storm *storm, const lull_options *options, uint64_t seed)
{
    begin_world(options);
    world.seed = seed;
    world.turns = storm->turns;
    world.kind = (lull_stack_kind)storm->kind;
    play_all(storm->threads);
    end_world();
}

static void run_storm(const struct storm *storm, lull_options options)
{
    size_t runs = support_rounds(SUPPORT_SANITIZED ? (storm->runs + 3) / 4 : storm->runs);

    for (size_t run = 0; run < runs; run++) {
        run_seed(storm, &options, 1 + run);
    }
}

static const struct storm storms[] = {
    {.heap_min = 64 << 10, .threads = 2, .turns = 3000, .runs = 150, .kind = LULL_STACK_PRECISE},
    {.heap_min = 64 << 10,
     .threads = 2,
     .turns = 3000,
     .runs = 100,
     .kind = LULL_STACK_CONSERVATIVE},
    {.heap_min = 128 << 10, .threads = 3, .turns = 5000, .runs = 60, .kind = -1},
    {.heap_min = 256 << 10, .threads = 4, .turns = 20000, .runs = 10, .kind = -1},
    {.heap_min = 64 << 10, .threads = 1, .turns = 5000, .runs = 50, .kind = LULL_STACK_PRECISE},
    {.heap_min = 256 << 10, .threads = 64, .turns = 500, .runs = 2, .kind = -1},
};

START_TEST(nobody_meets_a_dead_object)
{
    const struct storm *storm = &storms[_i];

    run_storm(storm, concurrent_options(storm->heap_min));
}
END_TEST

/* Without the verifier, which holds everybody once a cycle, other interleavings come about. */
START_TEST(nor_where_nothing_stops_the_threads)
{
    const struct storm *storm = &storms[_i];
    lull_options options = concurrent_options(storm->heap_min);

    options.debug = LULL_DEBUG_SCRIBBLE;
    run_storm(storm, options);
}
END_TEST

START_TEST(nor_where_words_are_tagged)
{
    const struct storm storm = {
        .heap_min = 64 << 10, .threads = 2, .turns = 3000, .runs = 40, .kind = _i};
    lull_options options = concurrent_options(storm.heap_min);

    options.tag_mask = 7;
    options.tag_value = 5;
    options.pointer_mask = ~(uintptr_t)7;
    run_storm(&storm, options);
}
END_TEST

/* A program's own signals, which come upon threads anywhere, in the library's handler too. */
static void on_alarm(int signal)
{
    volatile char room[256];

    (void)signal;
    memset((char *)room, 0x5a, sizeof room);
}

static void ring(suseconds_t every_us)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {.it_interval.tv_usec = every_us, .it_value.tv_usec = every_us};

    sigemptyset(&action.sa_mask);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

START_TEST(nor_where_signals_come)
{
    const struct storm storm = {.heap_min = 64 << 10, .threads = 3, .turns = 1500, .kind = -1};
    size_t seeds = support_seeds(SUPPORT_SANITIZED ? 3 : 10);

    ring(200);
    for (size_t seed = 1; seed <= seeds; seed++) {
        lull_options options = concurrent_options(storm.heap_min);
        options.schedule_seed = (unsigned)seed;
        options.debug = LULL_DEBUG_SCRIBBLE;
        run_seed(&storm, &options, seed);
    }
    ring(0);
}
END_TEST

/* Forks beside the actors: the child collects what it got, where it may start a collector, and
 * looks at it. */
static void *fork_on(void *arg)
{
    size_t forks = *(size_t *)arg;

    for (size_t i = 0; i < forks; i++) {
        pid_t child = fork();
        ensure(child >= 0, "fork");
        if (child == 0) {
            lull_thread *t = lull_attach(world.heap, LULL_STACK_CONSERVATIVE);
            ensure(t != NULL, "%s", lull_error_message());
            ensure(!support_child_threads() || lull_collect(t) == LULL_OK, "%s",
                   lull_error_message());
            for (size_t k = 0; k < TABLE; k++) {
                check_node(load(&world.table[k]), 5, "the table of a child");
            }
            _exit(3);
        }
        int status;
        ensure(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3,
               "the child: %#x", (unsigned)status);
    }
    return NULL;
}

START_TEST(nor_where_threads_fork)
{
    const struct storm storm = {.heap_min = 64 << 10, .threads = 2, .turns = 1500, .kind = -1};
    size_t seeds = support_seeds(SUPPORT_SANITIZED ? 2 : 10), forks = 3;

    for (size_t seed = 1; seed <= seeds; seed++) {
        lull_options options = concurrent_options(storm.heap_min);
        pthread_t forking;
        options.schedule_seed = (unsigned)seed;
        options.debug = LULL_DEBUG_SCRIBBLE;
        begin_world(&options);
        world.seed = seed;
        world.turns = storm.turns;
        world.kind = (lull_stack_kind)storm.kind;
        ck_assert_int_eq(pthread_create(&forking, NULL, fork_on, &forks), 0);
        play_all(storm.threads);
        pthread_join(forking, NULL);
        end_world();
    }
}
END_TEST

/* Every seed has threads linger at other steps of the protocol. */
START_TEST(nor_where_threads_linger)
{
    const struct storm storm = {.heap_min = 64 << 10, .threads = 3, .turns = 1500, .kind = -1};
    size_t seeds = support_seeds(SUPPORT_SANITIZED ? 10 : 40);

    for (size_t seed = 1; seed <= seeds; seed++) {
        lull_options options = concurrent_options(storm.heap_min);
        options.schedule_seed = (unsigned)(seed * 8) + (unsigned)_i;
        if (seed % 2 != 0) {
            options.debug = LULL_DEBUG_SCRIBBLE;
        }
        run_seed(&storm, &options, options.schedule_seed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("concurrent storm");
    TCase *tests = tcase_create("storms");

    tcase_set_timeout(tests, 90); /* of a busy machine, where threads wait for each other */
    tcase_add_loop_test(tests, nobody_meets_a_dead_object, 0, sizeof storms / sizeof *storms);
    tcase_add_loop_test(tests, nor_where_nothing_stops_the_threads, 0,
                        sizeof storms / sizeof *storms);
    tcase_add_loop_test(tests, nor_where_words_are_tagged, 0, 2);
    tcase_add_loop_test(tests, nor_where_threads_linger, 0, 4);
    tcase_add_test(tests, nor_where_signals_come);
    if (!SUPPORT_SANITIZED) { /* a sanitizer's own locks do not stand forks beside threads */
        tcase_add_test(tests, nor_where_threads_fork);
    }
    return support_run(suite, tests);
}
