/* test_handshake.c -- threads that are stopped where they do not expect it. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "pastimes.h"

static atomic_uint signals_sent; /* by collections */
static atomic_uint collected;    /* a collection is over that others waited for */

static int stop_signal(void)
{
    return SIGRTMIN + 5;
}

static void spin_until(atomic_uint *word)
{
    while (atomic_load_explicit(word, memory_order_relaxed) == 0) {
        spin();
    }
}

static void count_signals(const lull_event *event, void *arg)
{
    (void)arg;
    if (strcmp(lull_event_name(event->id), "signal_stop") == 0) {
        atomic_fetch_add(&signals_sent, 1);
    }
}

static lull_heap *make_heap(const lull_options *options)
{
    lull_heap *made = storm_begin(options);

    atomic_store(&signals_sent, 0);
    ck_assert_int_eq(lull_events_subscribe(made, count_signals, NULL), LULL_OK);
    return made;
}

/* Sends stop signals without end, so that threads are held wherever they are when a collection
 * wants them, not only where they tarry for a millisecond. The signal is one that does not
 * queue. */
#define PESTERING SIGURG
static pthread_t pestered[16];
static unsigned pestered_count;

static void *pester(void *arg)
{
    (void)arg;
    while (atomic_load_explicit(&over, memory_order_relaxed) == 0) {
        for (unsigned i = 0; i < pestered_count; i++) {
            pthread_kill(pestered[i], PESTERING);
        }
        usleep(20);
    }
    return NULL;
}

/* Collections against threads with the pastimes first, first + step, ... */
static void run_storm(lull_mode mode, size_t first, size_t step, unsigned threads,
                      size_t collections)
{
    lull_options options = storm_options(mode);
    pthread_t pesterer;

    options.stop_signal = PESTERING;
    heap = make_heap(&options);
    for (pestered_count = 0; pestered_count < threads; pestered_count++) {
        pestered[pestered_count] =
            mutator_start(spin_away, (void *)(first + pestered_count * step));
    }
    mutator_await(&ready, threads);
    pesterer = mutator_start(pester, NULL);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    for (size_t i = 0; i < support_rounds(collections); i++) {
        struct node *list = list_make(t, node_type(heap), i, 20);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        list_check(list, i, 20);
    }
    atomic_store(&over, 1);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    mutator_join(pesterer); /* before those it signals */
    for (unsigned i = 0; i < threads; i++) {
        mutator_join(pestered[i]);
    }
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

START_TEST(a_pastime_against_collections)
{
    run_storm(storm_modes[_i % STORM_MODES], (size_t)_i / STORM_MODES, 0, 2, 25);
}
END_TEST

START_TEST(all_pastimes_against_collections)
{
    /* more threads than processors: each handshake waits until all had their turn */
    run_storm(storm_modes[_i], 0, 1, PASTIMES, storm_modes[_i] == LULL_MODE_STOP ? 25 : 3);
}
END_TEST

/* Each time the other thread has gone on before it is wanted again. */
static void collect_while_it_runs(lull_thread *t, unsigned collections)
{
    for (unsigned i = 0; i < collections; i++) {
        mutator_await(&progress, atomic_load(&progress) + 1);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
}

/* Without help: the thread tarries until the collection's own signal. */
START_TEST(a_thread_without_safepoints_is_signalled)
{
    lull_options options = support_options();

    options.mode = storm_modes[_i];
    heap = make_heap(&options);
    pthread_t other = mutator_start(spin_away, 0);
    mutator_await(&ready, 1);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    collect_while_it_runs(t, 10);
    unsigned sent = atomic_load(&signals_sent);
    ck_assert_uint_ge(sent, 10);
    atomic_store(&over, 1);
    mutator_join(other);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- system calls ---- */

#ifndef SIGNALS_WAIT

static int ends[2];

static char stream_byte(size_t i)
{
    return (char)(i % 251);
}

static void *read_all(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    size_t *bytes = arg;
    char buffer[1000];
    ssize_t n;

    pestered[0] = pthread_self();
    atomic_store(&ready, 1);
    errno = 4711;
    while ((n = read(ends[0], buffer, sizeof buffer)) != 0) {
        ensure(n > 0, "read: %s", strerror(errno));
        for (ssize_t i = 0; i < n; i++) {
            ensure(buffer[i] == stream_byte(*bytes + (size_t)i), "byte %zu", *bytes + (size_t)i);
        }
        *bytes += (size_t)n;
    }
    ensure(errno == 4711, "errno is the thread's own");
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* Reads go on as if nothing had been, and everything arrives, once, in order. */
START_TEST(reads_restart)
{
    lull_options options = storm_options(LULL_MODE_STOP);
    enum { ROUNDS = 50, BYTES = 3000 };
    char data[BYTES];
    size_t sent = 0, received = 0;

    options.stop_signal = PESTERING;
    heap = make_heap(&options);
    ck_assert_int_eq(_i == 0 ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    pthread_t reader = mutator_start(read_all, &received);
    mutator_await(&ready, 1);
    pestered_count = 1;
    pthread_t pesterer = mutator_start(pester, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        for (int i = 0; i < BYTES; i++) {
            data[i] = stream_byte(sent + (size_t)i);
        }
        ck_assert_int_eq(write(ends[1], data, BYTES), BYTES);
        sent += BYTES;
    }
    atomic_store(&over, 1);
    mutator_join(pesterer);
    close(ends[1]);
    mutator_join(reader);
    ck_assert_uint_eq(received, sent);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

static void *wait_for_a_child(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    pid_t child = *(pid_t *)arg;
    int status;

    atomic_store(&ready, 1);
    ensure(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
    ensure(WIFEXITED(status) && WEXITSTATUS(status) == 3, "its status");
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(waiting_for_a_child_restarts)
{
    lull_options options = support_options();
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 3 : 4);
    }
    heap = make_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    pthread_t waiter = mutator_start(wait_for_a_child, &child);
    mutator_await(&ready, 1);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
    close(ends[1]);
    mutator_join(waiter);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- on another stack ---- */
static atomic_uint in_handler, leave_handler;

static void tarry_on_other_stack(int signal)
{
    (void)signal;
    atomic_store(&in_handler, 1);
    while (atomic_load(&leave_handler) == 0) {
        spin();
    }
}

static void *handle_on_other_stack(void *arg)
{
    static char other_stack[65536];
    stack_t before, alternate = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    struct sigaction action = {.sa_handler = tarry_on_other_stack, .sa_flags = SA_ONSTACK};
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct node *list = list_make(t, node_type(heap), 1, 1000);

    (void)arg;
    ensure(sigaltstack(&alternate, &before) == 0, "a stack for handlers");
    ensure(sigaction(SIGUSR1, &action, NULL) == 0, "a handler");
    ensure(raise(SIGUSR1) == 0, "a signal");
    ensure(sigaltstack(&before, NULL) == 0, "the stack before");
    list_check(list, 1, 1000);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void *collect_once(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&collected, 1);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* A handler of the program's on a stack of its own is no place to be held: the thread's own stack
 * would not be found. */
START_TEST(a_handler_on_another_stack)
{
    lull_options options = storm_options(storm_modes[_i]);

    heap = make_heap(&options);
    pthread_t handler = mutator_start(handle_on_other_stack, NULL);
    mutator_await(&in_handler, 1);
    pthread_t collector = mutator_start(collect_once, NULL);
    while (atomic_load(&signals_sent) < 5 && atomic_load(&collected) == 0) {
        sched_yield();
    }
    ensure(atomic_load(&collected) == 0, "it waits for the handler to end");
    atomic_store(&leave_handler, 1);
    mutator_join(handler);
    mutator_join(collector);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST
#endif

/* ---- which signal ---- */

static void programs_own(int signal)
{
    (void)signal;
}

static bool is_default(int signal)
{
    struct sigaction action;

    ck_assert_int_eq(sigaction(signal, NULL, &action), 0);
    return action.sa_handler == SIG_DFL;
}

static void collect_against_a_spinner(void)
{
    pthread_t other = mutator_start(spin_away, 0);
    mutator_await(&ready, 1);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    collect_while_it_runs(t, 5);
    unsigned sent = atomic_load(&signals_sent);
    ck_assert_uint_ge(sent, 5);
    atomic_store(&over, 1);
    mutator_join(other);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

START_TEST(the_default_signal)
{
    lull_options options = support_options();

    ck_assert(is_default(stop_signal()));
    heap = make_heap(&options);
    ck_assert(!is_default(stop_signal()));
    collect_against_a_spinner();
}
END_TEST

static const int chosen[] = {SIGUSR1, SIGUSR2, SIGPROF, SIGURG};

START_TEST(a_signal_of_ones_choice)
{
    lull_options options = support_options();

    options.stop_signal = chosen[_i];
    heap = make_heap(&options);
    ck_assert(is_default(stop_signal()));
    ck_assert(!is_default(chosen[_i]));
    collect_against_a_spinner();
}
END_TEST

START_TEST(a_signal_that_is_taken)
{
    lull_options options = support_options();

    signal(SIGUSR1, programs_own);
    options.stop_signal = SIGUSR1;
    heap = (lull_heap *)(void *)&options;
    ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_E_BUSY);
    ck_assert_int_eq(lull_error(), LULL_E_BUSY);
    ck_assert_ptr_null(heap);
    struct sigaction action;
    ck_assert_int_eq(sigaction(SIGUSR1, NULL, &action), 0);
    ck_assert(action.sa_handler == programs_own);
    options.stop_signal = SIGUSR2;
    heap = make_heap(&options);
    collect_against_a_spinner();
}
END_TEST

START_TEST(the_default_signal_is_taken)
{
    lull_options options = support_options();

    signal(stop_signal(), programs_own);
    ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_E_BUSY);
    options.stop_signal = stop_signal() + 1;
    heap = make_heap(&options);
    collect_against_a_spinner();
}
END_TEST

START_TEST(what_is_no_signal)
{
    static const int none[] = {-2, 32, 33, SIGKILL, SIGSEGV, 65, 1000};
    lull_options options = support_options();

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        options.stop_signal = none[i];
        ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_E_INVALID);
        ck_assert_ptr_null(heap);
    }
}
END_TEST

START_TEST(the_first_heap_decides)
{
    lull_options options = support_options();

    options.stop_signal = SIGUSR1;
    lull_heap *first = support_heap(&options);
    signal(SIGUSR2, programs_own);
    options.stop_signal = SIGUSR2;
    heap = make_heap(&options);
    ck_assert_int_eq(lull_heap_destroy(first), LULL_OK);
    collect_against_a_spinner();
}
END_TEST

/* ---- threads that are not signalled ---- */

/* Safepoints that a thread came to, and those that it left. */
static atomic_uint reached, passed, enough;

static void *take_ones_time(void *arg)
{
    lull_thread *t = mutator_attach(heap, *(const lull_stack_kind *)arg);

    atomic_store(&ready, 1);
    while (atomic_load(&enough) == 0) {
        usleep(3000);
        atomic_fetch_add(&reached, 1);
        lull_safepoint(t);
        atomic_fetch_add(&passed, 1);
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void collect_by_safepoints_alone(lull_stack_kind kind)
{
    pthread_t other = mutator_start(take_ones_time, &kind);
    mutator_await(&ready, 1);
    lull_thread *t = mutator_attach(heap, kind);
    for (int i = 0; i < 3; i++) {
        unsigned before = atomic_load(&passed);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ensure(atomic_load(&reached) > before, "it waits for a safepoint");
    }
    atomic_store(&enough, 1);
    lull_blocking_begin(t);
    mutator_join(other);
    lull_blocking_end(t);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ensure(atomic_load(&signals_sent) == 0, "no signal");
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

START_TEST(never_signal)
{
    lull_options options = support_options();

    options.stop_signal = -1;
    heap = make_heap(&options);
    ck_assert(is_default(stop_signal()));
    collect_by_safepoints_alone(LULL_STACK_CONSERVATIVE);
}
END_TEST

START_TEST(precise_threads_are_never_signalled)
{
    lull_options options = support_options();

    heap = make_heap(&options);
    collect_by_safepoints_alone(LULL_STACK_PRECISE);
}
END_TEST

/* ---- the heap's own mutator ---- */

static atomic_uint finalizing;

static void finalize_until_collected(lull_thread *t, void *object, void *arg)
{
    (void)t;
    (void)object;
    (void)arg;
    atomic_store(&finalizing, 1);
    spin_until(&collected);
}

static __attribute__((noinline)) void make_what_is_finalized(lull_thread *t)
{
    for (int i = 0; i < 100; i++) {
        void *object = lull_alloc_leaf(t, 64);
        ck_assert_int_eq(lull_finalizer_set(t, object, i == 0 ? finalize_until_collected : finalize,
                                            heap),
                         LULL_OK);
        ck_assert_int_eq(lull_finalizer_set(t, object, finalize_until_collected, NULL), LULL_OK);
    }
}

/* A finalizer is the program's code: it may compute for as long as it likes. */
START_TEST(a_finalizer_that_takes_its_time_is_signalled)
{
    lull_options options = support_options();

    options.mode = storm_modes[_i];
    options.finalizer_thread = 1;
    heap = make_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    make_what_is_finalized(t);
    scrub_stack();
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    mutator_await_blocked(t, &finalizing, 1);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    atomic_store(&collected, 1);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- what waits in a thread's cache ---- */

enum { FRESH, ALIVE, DEAD };

struct outer {
    uint64_t life;
    char data[56];
};

static atomic_uint dead_seen;
static const lull_type *outer_type;

static void trace_outer(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer;
    (void)size;
    (void)arg;
    atomic_fetch_add(&dead_seen, ((const struct outer *)object)->life == DEAD);
}

enum { OUTERS = 1000 };
static hidden outers[OUTERS];

static __attribute__((noinline)) void make_dead_objects(lull_thread *t)
{
    for (int i = 0; i < OUTERS; i++) {
        struct outer *object = lull_alloc(t, outer_type);
        object->life = DEAD; /* nobody traces it in this life */
        outers[i] = hide(object);
    }
}

static void *point_into_a_cache(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    make_dead_objects(t);
    scrub_stack();
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&dead_seen, 0);
    struct outer *volatile stale[OUTERS];
    ensure(lull_alloc(t, outer_type) != NULL, "%s", lull_error_message());
    for (int i = 0; i < OUTERS; i++) {
        stale[i] = reveal(outers[i]);
    }
    atomic_store(&ready, 1);
    spin_until(&collected);
    ensure(stale[0] == reveal(outers[0]), "held until here");
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* Slots that a thread's cache has taken and not handed out hold what died in them: a stale
 * pointer to one must not lead a trace callback there. */
START_TEST(what_waits_in_a_cache_is_not_traced)
{
    lull_options options = support_options();

    heap = make_heap(&options);
    outer_type = lull_type_custom(heap, "outer", sizeof(struct outer), trace_outer, NULL);
    pthread_t other = mutator_start(point_into_a_cache, NULL);
    mutator_await(&ready, 1);
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ensure(atomic_load(&signals_sent) != 0, "it was held by a signal");
    ensure(atomic_load(&dead_seen) == 0, "%u dead objects traced", atomic_load(&dead_seen));
    atomic_store(&collected, 1);
    mutator_join(other);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- the background worker ---- */

static void *make_garbage(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    while (atomic_load(&over) == 0) {
        for (int i = 0; i < 600; i++) {
            ensure(lull_alloc_leaf(t, 33000) != NULL, "%s", lull_error_message());
        }
        list_check(list_make(t, node_type(heap), 1, 2000), 1, 2000);
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* Cycle upon cycle while the worker sweeps and gives memory back, and others do. */
START_TEST(collections_beside_the_worker)
{
    lull_options options = support_options();

    options.mode = storm_modes[_i / 2];
    options.gc_percent = 100;
    options.heap_min = 16 << 20;
    heap = make_heap(&options);
    pthread_t other[2] = {mutator_start(make_garbage, NULL), mutator_start(make_garbage, NULL)};
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct node *list = list_make(t, node_type(heap), 7, 1000);
    lull_weak *weak = lull_weak_new(t, list);
    while (support_stats(heap).cycles < support_rounds(25)) {
        if (_i % 2 == 0) {
            lull_release_memory(t);
        } else {
            ck_assert_int_eq(lull_collect(t), LULL_OK);
        }
        list_check(list, 7, 1000);
        ck_assert_ptr_eq(lull_weak_get(t, weak), list);
    }
    atomic_store(&over, 1);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    mutator_join(other[0]);
    mutator_join(other[1]);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

static void add_signals(TCase *tests)
{
    tcase_add_loop_test(tests, a_thread_without_safepoints_is_signalled, 0, STORM_MODES);
#ifndef SIGNALS_WAIT
    tcase_add_loop_test(tests, reads_restart, 0, 2);
    tcase_add_test(tests, waiting_for_a_child_restarts);
    tcase_add_loop_test(tests, a_handler_on_another_stack, 0, STORM_MODES);
#endif
    tcase_add_test(tests, the_default_signal);
    tcase_add_loop_test(tests, a_signal_of_ones_choice, 0, sizeof chosen / sizeof chosen[0]);
    tcase_add_test(tests, a_signal_that_is_taken);
    tcase_add_test(tests, the_default_signal_is_taken);
    tcase_add_test(tests, what_is_no_signal);
    tcase_add_test(tests, the_first_heap_decides);
    tcase_add_test(tests, never_signal);
    tcase_add_test(tests, precise_threads_are_never_signalled);
    tcase_add_loop_test(tests, a_finalizer_that_takes_its_time_is_signalled, 0, STORM_MODES);
}

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *signals = tcase_create("signals");
    TCase *storms = tcase_create("storms");

    tcase_set_timeout(signals, 60);
    tcase_set_timeout(storms, 60);
    add_signals(signals);
    tcase_add_test(signals, what_waits_in_a_cache_is_not_traced);
    tcase_add_loop_test(storms, a_pastime_against_collections, 0,
                        STORM_MODES * (int)PASTIMES);
    tcase_add_loop_test(storms, all_pastimes_against_collections, 0, STORM_MODES);
    tcase_add_loop_test(storms, collections_beside_the_worker, 0, 2 * STORM_MODES);
    suite_add_tcase(suite, signals);
    return support_run(suite, storms);
}
