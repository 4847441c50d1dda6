/* test_fork.c -- after a fork the child has one thread and a working heap, and the parent goes on
 * as if nothing had been. A deadlock shows as a test that is ended by its timeout. */
#define _GNU_SOURCE

#include "delay.h"
#include "forks.h"

#define LIVE 100 /* nodes in the list that the forking thread holds */

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

/* The forking thread holds all signals, and so does one that it waits for; another is found by
 * signal alone. */
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

/* Threads that stand in the library, outside of the heap's: where one stands for the fork, and
 * whether it has come there. */
static _Thread_local enum lull__delay_point stands_at = LULL__DELAYS;
static atomic_uint stands, goes_on;

/* It goes on when the fork is over; or soon after that has begun, as it may wait for the thread. */
static void stand_for_the_fork(lull_heap *h)
{
    atomic_store(&stands, 1);
    while (atomic_load(&h->stop) != LULL__STOP_GATE && atomic_load(&goes_on) == 0) {
        sched_yield();
    }
    for (int i = 0; i < 1000 && atomic_load(&goes_on) == 0; i++) {
        usleep(10);
    }
}

/* The holder, which a collection by signal held, goes on only when a fork has begun. */
void __wrap_lull__delay_now(lull_heap *h, enum lull__delay_point point)
{
    if (point == stands_at) {
        stands_at = LULL__DELAYS;
        stand_for_the_fork(h);
    }
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

/* ---- beside threads that are not the heap's ---- */

static void nothing(lull_thread *t)
{
    (void)t;
}

/* What the child does with its heap, which another thread was in, at that point of `run`. */
static void fork_beside(void (*prepare)(lull_thread *t), void *(*run)(void *),
                        void (*live)(lull_thread *t))
{
    lull_options options = modest_options(0);

    options.schedule_seed = 1;
    heap = storm_begin(&options);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    atomic_store(&stands, 0);
    atomic_store(&goes_on, 0);
    prepare(t);
    pthread_t other = mutator_start(run, NULL);
    mutator_await(&stands, 1);
    pid_t child = fork_here();
    if (child == 0) {
        live(t);
        _exit(3);
    }
    atomic_store(&goes_on, 1);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    expect_exit(child, 3);
    mutator_join(other);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

static void *read_statistics(void *arg)
{
    (void)arg;
    stands_at = LULL__DELAY_METADATA;
    support_stats(heap);
    return NULL;
}

static void take_memory(lull_thread *t)
{
    ensure(lull_alloc_leaf(t, 100000) != NULL, "%s", lull_error_message());
}

START_TEST(from_beside_a_reader_of_statistics)
{
    fork_beside(nothing, read_statistics, take_memory);
}
END_TEST

static lull_heap *other_heap; /* older than `heap`: a fork comes to it later */

/* Before it comes to a safepoint: whoever forks may have the locks of the heap that is asked. */
static void *ask_another_heap(void *arg)
{
    lull_thread *t = mutator_attach(other_heap, LULL_STACK_PRECISE);

    (void)arg;
    stand_for_the_fork(heap);
    support_stats(heap);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(from_beside_a_thread_of_another_heap)
{
    lull_options options = modest_options(0);

    other_heap = support_heap(&options);
    fork_beside(nothing, ask_another_heap, take_memory);
    ck_assert_int_eq(lull_heap_destroy(other_heap), LULL_OK);
}
END_TEST

static void *come_and_go_at_once(void *arg)
{
    (void)arg;
    stands_at = LULL__DELAY_ATTACH;
    ensure(lull_detach(mutator_attach(heap, LULL_STACK_CONSERVATIVE)) == LULL_OK, "%s",
           lull_error_message());
    return NULL;
}

/* Each time the pool has other magazines: those before are used again, once all threads know. */
static void change_a_pool(lull_thread *t)
{
    lull_pool_options options = {.struct_size = sizeof options, .object_bytes = 64};
    lull_pool *pool = lull_pool_create(heap, &options);

    for (size_t i = 0; i < 2 * LULL__POOLS_MAX; i++) {
        lull_pool_put(t, pool, lull_pool_get(t, pool));
        ensure(lull_pool_resize(pool, i % 2 == 0 ? 128 : 64) == LULL_OK, "%s",
               lull_error_message());
    }
}

START_TEST(from_beside_a_thread_that_attaches)
{
    fork_beside(nothing, come_and_go_at_once, change_a_pool);
}
END_TEST

static lull_pool *pool; /* whose objects are of 64 bytes, or of 128 */

static void keep_small_ones(lull_thread *t)
{
    lull_pool_options options = {.struct_size = sizeof options, .object_bytes = 64};
    void *object[8];

    options.type = lull_type_leaf(heap, "piece", 16);
    pool = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(pool);
    for (size_t i = 0; i < 8; i++) {
        object[i] = lull_pool_get(t, pool);
        ck_assert_ptr_nonnull(object[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        lull_pool_put(t, pool, object[i]);
    }
}

static void *resize_the_pool(void *arg)
{
    (void)arg;
    stands_at = LULL__DELAY_POOL_SWITCH;
    ensure(lull_pool_resize(pool, 128) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void get_large_ones(lull_thread *t)
{
    for (size_t i = 0; i < 8; i++) {
        void *object = lull_pool_get(t, pool);
        ensure(lull_object_of(heap, (uintptr_t)object).size == 128, "object %zu is small", i);
    }
}

/* It has begun to, so it is done with it when the fork comes. */
START_TEST(from_beside_a_thread_that_resizes_a_pool)
{
    fork_beside(keep_small_ones, resize_the_pool, get_large_ones);
}
END_TEST

int main(void)
{
    if (!forks_stand()) {
        return 0;
    }
    Suite *suite = suite_create("fork");
    TCase *tests = tcase_create("fork");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, from_a_thread_that_is_not_attached, 0, STORM_MODES);
    tcase_add_loop_test(tests, from_an_attached_thread, 0, 2 * STORM_MODES);
    tcase_add_loop_test(tests, with_a_finalizer_thread, 0, STORM_MODES);
    tcase_add_loop_test(tests, children_of_children, 0, STORM_MODES);
    tcase_add_loop_test(tests, new_heaps_in_the_child, 0, STORM_MODES);
    tcase_add_loop_test(tests, from_a_finalizer, 0, 2 * STORM_MODES);
    tcase_add_loop_test(tests, what_the_parent_had, 0, STORM_MODES);
    tcase_add_loop_test(tests, in_any_phase, 0, 4 * STORM_MODES);
    tcase_add_test(tests, a_thread_that_was_held_gives_its_locks_back);
    tcase_add_loop_test(tests, with_signals_held, 0, STORM_MODES);
    tcase_add_test(tests, from_beside_a_reader_of_statistics);
    tcase_add_test(tests, from_beside_a_thread_of_another_heap);
    tcase_add_test(tests, from_beside_a_thread_that_attaches);
    tcase_add_test(tests, from_beside_a_thread_that_resizes_a_pool);
    return support_run(suite, tests);
}
