/* test_thread_end.c -- threads that end attached: they are detached, with all that they held; and
 * the memory of threads that are gone. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "heap.h"
#include "mutators.h"

static lull_heap *heap, *other;
static lull_pool *pool;
static pthread_barrier_t met; /* the thread that ends and the test */
static pthread_key_t own;     /* the program's, with a destructor */
static atomic_uint destroyed;

static void own_destructor(void *value)
{
    (void)value;
    lull_thread *t = lull_self(heap);
    LULL_FRAME(t, frame, 1);

    list_make_rooted(t, node_type(heap), &frame.root[0], 5, 100);
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    list_check(frame.root[0], 5, 100);
    ensure(lull_frame_pop(t, &frame.head) == LULL_OK, "no frames but its own");
    atomic_fetch_add(&destroyed, 1);
}

static void start(void)
{
    lull_options options = support_options();
    lull_pool_options pool_options = {.struct_size = sizeof pool_options};

    ck_assert_int_eq(pthread_key_create(&own, own_destructor), 0);
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    heap = support_heap(&options);
    other = support_heap(&options);
    pool_options.type = node_type(heap);
    pool_options.lifetime = LULL_POOL_OWNED;
    pool = lull_pool_create(heap, &pool_options);
    ck_assert_ptr_nonnull(pool);
    pthread_barrier_init(&met, NULL, 2);
    atomic_store(&destroyed, 0);
}

static void finish(void)
{
    pthread_barrier_destroy(&met);
    pthread_key_delete(own);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
}

/* Both collect, with nobody but the caller, and nothing is alive but what `live` says. */
static void nobody_is_left(uint64_t live)
{
    lull_heap *each[] = {heap, other};

    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(support_stats(each[i]).threads, 0);
        lull_thread *t = mutator_attach(each[i], LULL_STACK_PRECISE);
        for (int j = 0; j < 2; j++) {
            ck_assert_int_eq(lull_collect(t), LULL_OK);
        }
        ck_assert_uint_eq(support_stats(each[i]).live_objects, i == 0 ? live : 0);
        ck_assert_int_eq(lull_detach(t), LULL_OK);
    }
}

/* ---- ways to end ---- */

/* An object in a cache, one in a magazine, one that only the stack holds. */
static lull_thread *use(lull_heap *of, lull_stack_kind kind)
{
    lull_thread *t = mutator_attach(of, kind);

    ensure(list_make(t, node_type(of), 1, 1) != NULL, "an object");
    if (of == heap) {
        struct node *node = lull_pool_get(t, pool);
        ensure(node != NULL, "%s", lull_error_message());
        lull_pool_put(t, pool, node);
    }
    return t;
}

static void *return_attached(void *kind)
{
    use(heap, (lull_stack_kind)(uintptr_t)kind);
    return NULL;
}

static void *exit_deep_in_frames(void *kind)
{
    lull_thread *t = use(heap, (lull_stack_kind)(uintptr_t)kind);
    LULL_FRAME(t, frame, 1);
    LULL_FRAME(t, second, 1);

    frame.root[0] = list_make(t, node_type(heap), 1, 1);
    second.root[0] = frame.root[0];
    pthread_exit(NULL);
}

static void *return_from_two_heaps(void *kind)
{
    use(other, LULL_STACK_CONSERVATIVE);
    use(heap, (lull_stack_kind)(uintptr_t)kind);
    return NULL;
}

/* The destructor pushes a frame of its own. */
static void *return_with_a_destructor(void *kind)
{
    lull_thread *t = use(heap, (lull_stack_kind)(uintptr_t)kind);
    LULL_FRAME(t, frame, 1);

    frame.root[0] = list_make(t, node_type(heap), 1, 1);
    ensure(pthread_setspecific(own, heap) == 0, "setspecific");
    return NULL;
}

static void *end_in_a_section(void *kind)
{
    lull_thread *t = use(heap, (lull_stack_kind)(uintptr_t)kind);

    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* No call that ThreadSanitizer intercepts: a thread that is cancelled there, it loses. */
static void await_cancellation(lull_thread *t)
{
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    pthread_barrier_wait(&met);
    for (;;) {
        pthread_testcancel();
    }
}

static void *spin_in_a_section(void *kind)
{
    await_cancellation(use(heap, (lull_stack_kind)(uintptr_t)kind));
    return NULL;
}

struct cleanup {
    lull_thread *t;
    lull_frame *frame;
};

static void pop_in_cleanup(void *arg)
{
    const struct cleanup *cleanup = arg;

    ensure(lull_blocking_end(cleanup->t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_frame_pop(cleanup->t, cleanup->frame) == LULL_OK, "%s", lull_error_message());
}

static void *spin_and_clean_up(void *kind)
{
    lull_thread *t = use(heap, (lull_stack_kind)(uintptr_t)kind);
    LULL_FRAME(t, frame, 1);
    struct cleanup cleanup = {t, &frame.head};

    frame.root[0] = list_make(t, node_type(heap), 1, 1);
    pthread_cleanup_push(pop_in_cleanup, &cleanup);
    await_cancellation(t);
    pthread_cleanup_pop(0);
    return NULL;
}

static const struct way {
    void *(*run)(void *kind);
    bool cancelled;
    unsigned destructors;
} ways[] = {
    {return_attached, false, 0},
    {return_from_two_heaps, false, 0},
    {end_in_a_section, false, 0},
    {spin_in_a_section, true, 0},
    {spin_and_clean_up, true, 0},
    /* with frames whose functions are no more: by a collection meanwhile they could be read */
    {exit_deep_in_frames, false, 0},
    {return_with_a_destructor, false, 1},
};
enum { CLEAN_WAYS = 5 };
#define WAYS ((int)(sizeof ways / sizeof ways[0]))

static void end_a_thread(const struct way *way, lull_stack_kind kind)
{
    pthread_t thread = mutator_start(way->run, (void *)(uintptr_t)kind);

    if (way->cancelled) {
        pthread_barrier_wait(&met);
        ck_assert_int_eq(pthread_cancel(thread), 0);
    }
    mutator_join(thread);
}

/* The pool keeps the object that was in a magazine: the thread gave it back. */
START_TEST(a_thread_that_ends_is_detached)
{
    const struct way *way = &ways[_i % WAYS];
    lull_stack_kind kind = _i / WAYS == 0 ? LULL_STACK_CONSERVATIVE : LULL_STACK_PRECISE;
    lull_pool_stats stats;

    end_a_thread(way, kind);
    ck_assert_uint_eq(atomic_load(&destroyed), way->destructors);
    ck_assert_int_eq(lull_pool_stats_read(pool, &stats), LULL_OK);
    ck_assert_uint_eq(stats.idle, 1);
    ck_assert_uint_eq(stats.out, 0);
    nobody_is_left(1);
}
END_TEST

/* Beside collections, which find threads at any step of their end. */
static atomic_bool over;

static void *collect_on(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    while (!atomic_load(&over)) {
        struct node *list = list_make(t, node_type(heap), 3, 50);
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        list_check(list, 3, 50);
    }
    return arg; /* attached, too */
}

START_TEST(threads_end_while_others_collect)
{
    atomic_store(&over, false);
    pthread_t thread = mutator_start(collect_on, NULL);
    for (size_t i = 0; i < support_rounds(100); i++) {
        end_a_thread(&ways[i % CLEAN_WAYS], (lull_stack_kind)(i / CLEAN_WAYS % 2));
    }
    atomic_store(&over, true);
    mutator_join(thread);
    ck_assert_uint_eq(support_stats(heap).threads, 0);
}
END_TEST

/* ---- cancellation ---- */

static void *collect_for_ever(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    pthread_barrier_wait(&met);
    for (;;) {
        ensure(list_make(t, node_type(heap), 3, 10) != NULL, "objects");
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
        pthread_testcancel();
    }
}

/* A call that waits for the collector has locks, and is no cancellation point. */
START_TEST(a_cancelled_thread_leaves_no_lock)
{
    for (size_t i = 0; i < support_rounds(40); i++) {
        pthread_t thread = mutator_start(collect_for_ever, NULL);
        pthread_barrier_wait(&met);
        for (size_t spin = 0; spin < 100 * i; spin++) {
            __asm__ volatile("" ::: "memory");
        }
        ck_assert_int_eq(pthread_cancel(thread), 0);
        mutator_join(thread);
        nobody_is_left(0);
    }
}
END_TEST

/* ---- the memory of threads that are gone ---- */

static size_t mapped_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages;

    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%zu", &pages), 1);
    fclose(statm);
    return pages * 4096;
}

static void attach_and_detach(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, 48));
        lull_pool_put(t, pool, lull_pool_get(t, pool));
        ck_assert_int_eq(lull_detach(t), LULL_OK);
    }
}

/* However many come and go, a fixed number is remembered. */
START_TEST(gone_threads_do_not_add_up)
{
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    attach_and_detach(LULL__GONE_MOST + 1);
    size_t bytes = mapped_bytes();
    attach_and_detach(10 * LULL__GONE_MOST);
    /* qemu maps a little for each of the process's mappings */
    ck_assert_uint_lt(mapped_bytes(), bytes + LULL__GONE_MOST * LULL__THREAD_BYTES);
    ck_assert_uint_eq(heap->gone.count, LULL__GONE_MOST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_end");
    TCase *tests = tcase_create("thread_end");

    tcase_add_checked_fixture(tests, start, finish);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_thread_that_ends_is_detached, 0, 2 * WAYS);
    tcase_add_test(tests, threads_end_while_others_collect);
    tcase_add_test(tests, a_cancelled_thread_leaves_no_lock);
    tcase_add_test(tests, gone_threads_do_not_add_up);
    return support_run(suite, tests);
}
