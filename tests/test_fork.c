/* test_fork.c -- after a fork the child has one thread and a working heap, and the parent goes on
 * as if nothing had been. A deadlock shows as a test that is ended by its timeout. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "delay.h"
#include "pastimes.h"

#define LIVE 100 /* nodes in the list that the forking thread holds */

static void expect_exit(pid_t child, int code)
{
    int status;

    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "the child: status %#x",
                  (unsigned)status);
}

static pid_t fork_here(void)
{
    fflush(NULL);
    pid_t child = fork();
    ensure(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
        alarm(50); /* nobody waits for a child that hangs but its parent's timeout */
    }
    return child;
}

static uint64_t live_objects(lull_thread *t)
{
    lull_heap *of = lull_heap_of(t);

    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    lull_stats stats = {.struct_size = sizeof stats};
    ensure(lull_stats_read(of, &stats) == LULL_OK, "%s", lull_error_message());
    return stats.live_objects;
}

static void count_finalized(lull_thread *t, void *object, void *arg)
{
    (void)t;
    (void)object;
    ++*(unsigned *)arg;
}

static unsigned finalized;

/* All that a heap can do, by its only thread, a precise one, whose roots hold `live` objects. */
static void use_all(lull_thread *t, uint64_t live)
{
    lull_heap *of = lull_heap_of(t);
    const lull_type *type = node_type(of);
    LULL_FRAME(t, frame, 3);
    lull_stats stats = {.struct_size = sizeof stats};

    ensure(lull_stats_read(of, &stats) == LULL_OK && stats.threads == 1, "%ju threads",
           (uintmax_t)stats.threads);
    for (int i = 0; i < 3; i++) { /* what pools and finalizers held for others */
        lull_finalizers_run(t, 0);
        live_objects(t);
    }
    uint64_t found = live_objects(t);
    ensure(found == live, "%ju live, not %ju", (uintmax_t)found, (uintmax_t)live);
    for (unsigned i = 0; i < 20; i++) {
        list_make_rooted(t, type, &frame.root[0], i, 500);
        list_check(frame.root[0], i, 500);
    }
    ensure(lull_alloc_any(t, 200000) != NULL, "%s", lull_error_message());
    ensure(live_objects(t) == live + 500, "its list, too");
    frame.root[1] = lull_weak_new(t, frame.root[0]);
    finalized = 0;
    ensure(lull_finalizer_set(t, frame.root[0], count_finalized, &finalized) == LULL_OK, "%s",
           lull_error_message());
    lull_handle *handle = lull_handle_new(t, frame.root[1]);
    frame.root[0] = NULL;
    ensure(live_objects(t) == live + 501, "revived to be finalized, and the weak reference");
    ensure(lull_weak_get(t, lull_handle_get(handle)) == NULL, "cleared");
    while (finalized == 0) { /* by itself, or by a thread of the heap's */
        lull_finalizers_run(t, 0);
        ensure(lull_blocking_begin(t) == LULL_OK && lull_blocking_end(t) == LULL_OK, "a section");
    }
    lull_handle_free(t, handle);
    frame.root[1] = NULL;
    lull_pool_options options = {.struct_size = sizeof options, .type = type};
    lull_pool *pool = lull_pool_create(of, &options);
    for (unsigned i = 0; i < 100; i++) {
        frame.root[2] = lull_pool_get(t, pool);
        lull_pool_put(t, pool, frame.root[2]);
    }
    ensure(lull_pool_destroy(pool) == LULL_OK, "%s", lull_error_message());
    frame.root[2] = NULL;
    lull_release_memory(t);
    ensure(live_objects(t) == live, "nothing is left");
    ensure(lull_frame_pop(t, &frame.head) == LULL_OK, "%s", lull_error_message());
}

/* In a child that had no thread attached. */
static void use_all_from_outside(lull_heap *of)
{
    lull_thread *t = mutator_attach(of, LULL_STACK_PRECISE);

    use_all(t, 0);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_heap_destroy(of) == LULL_OK, "%s", lull_error_message());
}

/* ---- at rest ---- */

static lull_options modest_options(int mode)
{
    lull_options options = support_options();

    options.mode = storm_modes[mode];
    options.markers = 2;
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    return options;
}

START_TEST(from_a_thread_that_is_not_attached)
{
    lull_options options = modest_options(_i);

    heap = support_heap(&options);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork_here();
        if (child == 0) {
            use_all_from_outside(heap);
            _exit(3);
        }
        expect_exit(child, 3);
        lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
        use_all(t, 0);
        ck_assert_int_eq(lull_detach(t), LULL_OK);
    }
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

static void from_attached(lull_thread *t, bool in_section)
{
    LULL_FRAME(t, frame, 1);

    list_make_rooted(t, node_type(heap), &frame.root[0], 7, LIVE);
    for (int i = 0; i < 3; i++) {
        if (in_section) {
            ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        }
        pid_t child = fork_here();
        if (in_section) {
            ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
        }
        use_all(t, LIVE);
        list_check(frame.root[0], 7, LIVE);
        if (child == 0) {
            ensure(lull_heap_destroy(heap) == LULL_E_BUSY, "attached");
            ensure(lull_frame_pop(t, &frame.head) == LULL_OK, "%s", lull_error_message());
            ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
            ensure(lull_heap_destroy(heap) == LULL_OK, "%s", lull_error_message());
            _exit(3);
        }
        expect_exit(child, 3);
    }
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
}

START_TEST(from_an_attached_thread)
{
    lull_options options = modest_options(_i / 2);

    heap = support_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    from_attached(t, _i % 2 != 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

START_TEST(with_a_finalizer_thread)
{
    lull_options options = modest_options(_i);

    options.finalizer_thread = 1;
    heap = support_heap(&options);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork_here();
        if (child == 0) {
            lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
            unsigned done = 0;
            for (int j = 0; j < 50; j++) {
                ensure(lull_finalizer_set(t, lull_alloc_leaf(t, 50), count_finalized, &done) ==
                           LULL_OK,
                       "%s", lull_error_message());
            }
            while (__atomic_load_n(&done, __ATOMIC_RELAXED) < 50) { /* not run by this thread */
                ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
            }
            ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
            ensure(lull_heap_destroy(heap) == LULL_OK, "%s", lull_error_message());
            _exit(3);
        }
        expect_exit(child, 3);
    }
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

static void descend(int depth)
{
    lull_thread *t = lull_self(heap);
    pid_t child = depth > 0 ? fork_here() : -1;

    if (child == 0) {
        descend(depth - 1);
        _exit(10 + depth);
    }
    if (t != NULL) {
        use_all(t, 0);
    }
    if (child > 0) {
        int status;
        ensure(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
        ensure(WIFEXITED(status) && WEXITSTATUS(status) == 10 + depth, "status %#x",
               (unsigned)status);
    }
}

START_TEST(children_of_children)
{
    lull_options options = modest_options(_i);

    heap = support_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    descend(4);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* A child makes heaps of its own, and its parent's signal stays the stop signal. */
START_TEST(new_heaps_in_the_child)
{
    lull_options options = modest_options(_i);

    heap = support_heap(&options);
    pid_t child = fork_here();
    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            use_all_from_outside(support_heap(&options));
        }
        use_all_from_outside(heap);
        _exit(3);
    }
    expect_exit(child, 3);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- a finalizer that forks ---- */

static atomic_uint forked_in_finalizer;
static pid_t finalizers_child;

static void fork_in_finalizer(lull_thread *t, void *object, void *arg)
{
    (void)object;
    (void)arg;
    finalizers_child = fork_here();
    if (finalizers_child == 0) {
        ensure(list_make(t, node_type(heap), 1, 100) != NULL, "%s", lull_error_message());
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        _exit(3);
    }
    atomic_store(&forked_in_finalizer, 1);
}

START_TEST(from_a_finalizer)
{
    lull_options options = modest_options(_i / 2);

    options.finalizer_thread = _i % 2;
    heap = support_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    atomic_store(&forked_in_finalizer, 0);
    ck_assert_int_eq(lull_finalizer_set(t, lull_alloc_leaf(t, 8), fork_in_finalizer, NULL),
                     LULL_OK);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    while (atomic_load(&forked_in_finalizer) == 0) {
        lull_finalizers_run(t, 0);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
    expect_exit(finalizers_child, 3);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- what the parent had ---- */

struct estate {
    lull_weak *weak, *dead;
    lull_ephemeron *ephemeron;
    struct node *key;
    lull_handle *handle;
    lull_pool *pool;
};

/* All that one heap holds for a thread: references of each kind, an object in the pool, one whose
 * finalizer is due. Its roots are `root`'s. */
static void leave_estate(lull_thread *t, struct estate *e, void **root)
{
    const lull_type *type = node_type(heap);
    lull_pool_options options = {.struct_size = sizeof options, .type = type};

    list_make_rooted(t, type, &root[0], 20, 5);
    e->key = root[0];
    root[1] = e->weak = lull_weak_new(t, root[0]);
    list_make_rooted(t, type, &root[2], 30, 5);
    root[2] = e->ephemeron = lull_ephemeron_new(t, root[0], root[2]);
    list_make_rooted(t, type, &root[3], 40, 5);
    e->handle = lull_handle_new(t, root[3]);
    root[3] = e->dead = lull_weak_new(t, lull_alloc_leaf(t, 32));
    e->pool = lull_pool_create(heap, &options);
    list_make_rooted(t, type, &root[4], 50, 5);
    lull_pool_put(t, e->pool, root[4]);
    finalized = 0;
    root[4] = lull_alloc_leaf(t, 32);
    ensure(lull_finalizer_set(t, root[4], count_finalized, &finalized) == LULL_OK, "%s",
           lull_error_message());
    root[4] = NULL;
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
}

static void check_estate(lull_thread *t, const struct estate *e)
{
    ensure(lull_finalizers_run(t, 0) == 1 && finalized == 1, "a finalizer that was due");
    ensure(lull_weak_get(t, e->weak) == e->key, "a weak reference to what lives");
    ensure(lull_weak_get(t, e->dead) == NULL, "one to what died");
    list_check(e->key, 20, 5);
    ensure(lull_ephemeron_key(t, e->ephemeron) == e->key, "an ephemeron");
    list_check(lull_ephemeron_value(t, e->ephemeron), 30, 5);
    list_check(lull_handle_get(e->handle), 40, 5);
    list_check(lull_pool_get(t, e->pool), 50, 5);
}

/* Both have it, and neither knows of the other. */
START_TEST(what_the_parent_had)
{
    lull_options options = modest_options(_i);
    struct estate estate;

    heap = support_heap(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(t, frame, 5);
    leave_estate(t, &estate, frame.root);
    pid_t child = fork_here();
    if (child == 0) {
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        check_estate(t, &estate);
        _exit(3);
    }
    expect_exit(child, 3);
    check_estate(t, &estate);
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- in any phase ---- */

static void *kept[2]; /* registered */

static void *collect_on(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    while (atomic_load(&over) == 0) {
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* A child that goes on with what it got. */
static void live_on(lull_thread *t)
{
    for (int i = 0; i < 3; i++) {
        list_make_rooted(t, node_type(heap), &kept[1], 9, LIVE);
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        list_check(kept[0], 7, LIVE);
        list_check(kept[1], 9, LIVE);
    }
    _exit(3);
}

static void fork_at_times(lull_thread *t, struct random *random, size_t forks)
{
    for (size_t i = 0; i < forks; i++) {
        for (uint64_t spins = random_below(random, 300); spins != 0; spins--) {
            lull_safepoint(t);
            spin();
        }
        pid_t child = fork_here();
        if (child == 0) {
            live_on(t);
        }
        ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        expect_exit(child, 3);
        ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
        list_check(kept[0], 7, LIVE);
    }
}

/* Another thread collects all the time, and everybody lingers at the steps of the protocol, so the
 * fork comes upon each of them: handshakes, marking, sweeping. */
START_TEST(in_any_phase)
{
    lull_options options = modest_options(_i % STORM_MODES);
    struct random random = {(uint64_t)_i};

    options.schedule_seed = (unsigned)_i + 1;
    options.debug = LULL_DEBUG_SCRIBBLE;
    heap = storm_begin(&options);
    kept[0] = NULL;
    ck_assert_int_eq(lull_roots_add(heap, kept, sizeof kept), LULL_OK);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    list_make_rooted(t, node_type(heap), &kept[0], 7, LIVE);
    pthread_t collecting = mutator_start(collect_on, NULL);
    fork_at_times(t, &random, support_rounds(SUPPORT_SANITIZED ? 3 : 6));
    atomic_store(&over, 1);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    mutator_join(collecting);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- with signals held ---- */

static void hold_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    ensure(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0, "a mask");
}

/* It polls, and takes no signal. */
static void *poll_without_signals(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    hold_signals();
    while (atomic_load(&over) == 0) {
        list_check(list_make(t, node_type(heap), 1, 20), 1, 20);
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* The forking thread holds all signals, and so does one that it waits for; another is found by signal
 * alone. */
START_TEST(with_signals_held)
{
    lull_options options = modest_options(_i);
    struct random random = {1};
    pthread_t other[2];

    heap = storm_begin(&options);
    kept[0] = NULL;
    ck_assert_int_eq(lull_roots_add(heap, kept, sizeof kept), LULL_OK);
    other[0] = mutator_start(spin_away, 0);
    other[1] = mutator_start(poll_without_signals, NULL);
    mutator_await(&ready, 1);
    hold_signals();
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    list_make_rooted(t, node_type(heap), &kept[0], 7, LIVE);
    fork_at_times(t, &random, 3);
    atomic_store(&over, 1);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    mutator_join(other[0]);
    mutator_join(other[1]);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- just after a collection ---- */

/* Stands for a lock of the C library, which a fork takes after this library's part. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint lock_wanted, holder_late;
static pthread_t holder;

static void want_lock(void)
{
    atomic_store(&lock_wanted, 1);
    pthread_mutex_lock(&lock);
}

static void give_lock(void)
{
    pthread_mutex_unlock(&lock);
}

void __real_lull__delay_now(lull_heap *h, enum lull__delay_point point);
void __wrap_lull__delay_now(lull_heap *h, enum lull__delay_point point);

/* The holder, which a collection by signal held, goes on only when a fork has begun. */
void __wrap_lull__delay_now(lull_heap *h, enum lull__delay_point point)
{
    if (atomic_load(&holder_late) && point == LULL__DELAY_GO_ON &&
        pthread_equal(pthread_self(), holder)) {
        while (atomic_load(&h->stop) != LULL__STOP_GATE) {
            sched_yield();
        }
        atomic_store(&holder_late, 0);
    }
    __real_lull__delay_now(h, point);
}

static void *hold_lock(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    pthread_mutex_lock(&lock);
    atomic_store(&ready, 1);
    while (atomic_load_explicit(&lock_wanted, memory_order_relaxed) == 0) {
        spin();
    }
    pthread_mutex_unlock(&lock);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* The thread holds a lock, was held itself, and is not on its way yet. */
START_TEST(a_thread_that_was_held_gives_its_locks_back)
{
    lull_options options = modest_options(0);

    /* before the library's, which is so called before it */
    ck_assert_int_eq(pthread_atfork(want_lock, give_lock, give_lock), 0);
    options.schedule_seed = 1;
    heap = storm_begin(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    holder = mutator_start(hold_lock, NULL);
    mutator_await(&ready, 1);
    atomic_store(&holder_late, 1);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    pid_t child = fork_here();
    if (child == 0) {
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        _exit(3);
    }
    expect_exit(child, 3);
    ck_assert_uint_eq(atomic_load(&holder_late), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    mutator_join(holder);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

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
    if (!support_child_threads()) {
        puts("1..0 # SKIP a child of several threads may start none here");
        return 0;
    }
    /* AddressSanitizer's allocator, other than the C library's, does not wait for its own locks at a
     * fork: a child may find one taken for ever. */
    if (SUPPORT_SANITIZED) {
        puts("1..0 # SKIP a sanitizer's own locks do not stand forks beside threads");
        return 0;
    }
    Suite *suite = suite_create("fork");
    TCase *rest = tcase_create("rest");
    TCase *load = tcase_create("load");
    TCase *all = tcase_create("all");

    tcase_set_timeout(rest, 60);
    tcase_set_timeout(load, 60);
    tcase_add_loop_test(rest, from_a_thread_that_is_not_attached, 0, STORM_MODES);
    tcase_add_loop_test(rest, from_an_attached_thread, 0, 2 * STORM_MODES);
    tcase_add_loop_test(rest, with_a_finalizer_thread, 0, STORM_MODES);
    tcase_add_loop_test(rest, children_of_children, 0, STORM_MODES);
    tcase_add_loop_test(rest, new_heaps_in_the_child, 0, STORM_MODES);
    tcase_add_loop_test(rest, from_a_finalizer, 0, 2 * STORM_MODES);
    tcase_add_loop_test(rest, what_the_parent_had, 0, STORM_MODES);
    tcase_add_loop_test(rest, in_any_phase, 0, 4 * STORM_MODES);
    tcase_add_test(rest, a_thread_that_was_held_gives_its_locks_back);
    tcase_add_loop_test(rest, with_signals_held, 0, STORM_MODES);
    tcase_add_loop_test(load, against_a_pastime, 0, STORM_MODES * (int)PASTIMES);
    tcase_add_loop_test(all, against_everything, 0, STORM_MODES);
    tcase_add_loop_test(load, with_several_heaps, 0, STORM_MODES);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, rest);
    suite_add_tcase(suite, all);
    return support_run(suite, load);
}
