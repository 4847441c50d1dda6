/* test_thread.c -- mutator threads: coming, going, blocking, one thread in several heaps. */
#define _GNU_SOURCE /* pthread_getattr_np */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <lull/inline.h>

#include "mutators.h"
#include "random.h"

static lull_heap *heap;

static void start(void)
{
    lull_options options = support_options();

    heap = support_heap(&options);
}

static void finish(void)
{
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

#define ck_assert_fails(call, status)                                                            \
    do {                                                                                         \
        ck_assert_int_eq((call), (status));                                                      \
        ck_assert_int_eq(lull_error(), (status));                                                \
    } while (0)

static uint64_t threads_now(void)
{
    return support_stats(heap).threads;
}

/* ---- coming and going ---- */

START_TEST(attach_and_detach)
{
    ck_assert_ptr_null(lull_self(heap));
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_eq(lull_self(heap), t);
    ck_assert_ptr_eq(lull_heap_of(t), heap);
    ck_assert_uint_eq(threads_now(), 1);
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 100));
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_ptr_null(lull_self(heap));
    ck_assert_uint_eq(threads_now(), 0);
}
END_TEST

START_TEST(attach_wants_a_heap_and_a_kind)
{
    ck_assert_ptr_null(lull_attach(NULL, LULL_STACK_PRECISE));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_attach(heap, (lull_stack_kind)7));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_self(heap));
    ck_assert_uint_eq(threads_now(), 0);
}
END_TEST

START_TEST(attached_already)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    ck_assert_ptr_null(lull_attach(heap, LULL_STACK_PRECISE));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_null(lull_attach(heap, LULL_STACK_CONSERVATIVE));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_eq(lull_self(heap), t);
    ck_assert_uint_eq(threads_now(), 1);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(detached_already)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_fails(lull_detach(t), LULL_E_THREAD);
    lull_thread *next = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    ck_assert_ptr_ne(next, t);
    ck_assert_fails(lull_detach(t), LULL_E_THREAD);
    ck_assert_fails(lull_detach(NULL), LULL_E_THREAD);
    ck_assert_uint_eq(threads_now(), 1);
    ck_assert_int_eq(lull_detach(next), LULL_OK);
}
END_TEST

START_TEST(detach_not_inside_of_anything)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(t, frame, 1);

    ck_assert_fails(lull_detach(t), LULL_E_STATE);
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    ck_assert_fails(lull_detach(t), LULL_E_STATE);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_eq(threads_now(), 1);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

/* What a thread took and did not use is nobody's after it went. */
START_TEST(detach_gives_back_what_it_took)
{
    for (unsigned i = 1; i <= 20; i++) {
        lull_thread *t = mutator_attach(heap, i % 2 ? LULL_STACK_PRECISE : LULL_STACK_CONSERVATIVE);
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, 48));
        ck_assert_ptr_nonnull(lull_alloc_any(t, 200));
        ck_assert_int_eq(lull_detach(t), LULL_OK);
        lull_stats stats = support_stats(heap);
        ck_assert_uint_eq(stats.allocated_objects, 2 * i);
        ck_assert_uint_eq(stats.in_use_bytes, 2 * 32768); /* it is handed out again */
    }
}
END_TEST

/* ---- several heaps ---- */

enum { HEAPS = 5 };

START_TEST(one_thread_in_several_heaps)
{
    lull_options options = support_options();
    lull_heap *heaps[HEAPS];
    lull_thread *t[HEAPS];
    struct node *list[HEAPS];

    for (int i = 0; i < HEAPS; i++) {
        heaps[i] = support_heap(&options);
        t[i] = mutator_attach(heaps[i], LULL_STACK_CONSERVATIVE);
    }
    for (int i = 0; i < HEAPS; i++) {
        ck_assert_ptr_eq(lull_self(heaps[i]), t[i]);
        ck_assert_ptr_eq(lull_heap_of(t[i]), heaps[i]);
        list[i] = list_make(t[i], node_type(heaps[i]), (uint64_t)i * 1000, 100);
    }
    ck_assert_ptr_null(lull_self(heap));
    ck_assert_int_eq(lull_collect(t[2]), LULL_OK);
    for (int i = 0; i < HEAPS; i++) {
        list_check(list[i], (uint64_t)i * 1000, 100);
        ck_assert_uint_eq(support_stats(heaps[i]).cycles, i == 2);
        ck_assert_ptr_null(lull_object_of(heaps[i], (uintptr_t)list[(i + 1) % HEAPS]).base);
        ck_assert_ptr_eq(lull_object_of(heaps[i], (uintptr_t)list[i]).base, list[i]);
    }
    static const int order[HEAPS] = {3, 0, 4, 1, 2};
    for (int i = 0; i < HEAPS; i++) {
        int j = order[i];
        ck_assert_int_eq(lull_detach(t[j]), LULL_OK);
        ck_assert_fails(lull_detach(t[j]), LULL_E_THREAD);
        ck_assert_ptr_null(lull_self(heaps[j]));
        ck_assert_int_eq(lull_heap_destroy(heaps[j]), LULL_OK);
        for (int k = i + 1; k < HEAPS; k++) {
            ck_assert_ptr_eq(lull_self(heaps[order[k]]), t[order[k]]);
            ck_assert_int_eq(lull_collect(t[order[k]]), LULL_OK);
            list_check(list[order[k]], (uint64_t)order[k] * 1000, 100);
        }
    }
}
END_TEST

/* ---- another's thread ---- */

static lull_thread *victim;

static void *use_of_anothers(void *arg)
{
    lull_thread *t = arg != NULL ? mutator_attach(heap, LULL_STACK_PRECISE) : NULL;

    ensure(lull_self(heap) == t, "nobody else");
    ensure(lull_detach(victim) == LULL_E_THREAD, "detach");
    ensure(lull_collect(victim) == LULL_E_THREAD, "collect");
    ensure(lull_blocking_begin(victim) == LULL_E_THREAD, "begin");
    ensure(lull_blocking_end(victim) == LULL_E_THREAD, "end");
    ensure(lull_stack_set(victim, &t, &t + 1) == LULL_E_THREAD, "stack");
    ensure(lull_set_tracer(victim, NULL, NULL) == LULL_E_THREAD, "tracer");
    ensure(lull_error() == LULL_E_THREAD, "%d", lull_error());
    ensure(lull_release_memory(victim) == 0 && lull_error() == LULL_E_THREAD, "release");
    ensure(lull_finalizers_run(victim, 0) == 0, "finalizers");
    if (t != NULL) {
        ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    }
    return NULL;
}

START_TEST(a_thread_is_its_own)
{
    victim = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    mutator_join(mutator_start(use_of_anothers, NULL));
    mutator_join(mutator_start(use_of_anothers, &heap));
    ck_assert_uint_eq(support_stats(heap).cycles, 0);
    ck_assert_uint_eq(threads_now(), 1);
    ck_assert_int_eq(lull_detach(victim), LULL_OK);
}
END_TEST

#if LULL_DEBUG_BUILD
static void *allocate_with_anothers(void *arg)
{
    (void)arg;
    lull_alloc_leaf(victim, 64);
    return NULL;
}

START_TEST(allocation_with_anothers_thread_is_caught)
{
    victim = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    mutator_join(mutator_start(allocate_with_anothers, NULL));
}
END_TEST

static void *handle_with_anothers(void *arg)
{
    (void)arg;
    lull_handle_new(victim, NULL);
    return NULL;
}

START_TEST(a_handle_by_anothers_thread_is_caught)
{
    victim = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    mutator_join(mutator_start(handle_with_anothers, NULL));
}
END_TEST

START_TEST(allocation_after_detaching_is_caught)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    ck_assert_int_eq(lull_detach(t), LULL_OK);
    lull_alloc_leaf(t, 64);
}
END_TEST
#else
START_TEST(allocation_after_detaching_fails)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 64));
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_ptr_null(lull_alloc_leaf(t, 64));
    ck_assert_int_eq(lull_error(), LULL_E_THREAD);
    ck_assert_ptr_null(lull_alloc(t, node_type(heap)));
    ck_assert_ptr_null(lull_alloc_any(t, 100000));
    ck_assert_int_eq(lull_error(), LULL_E_THREAD);
}
END_TEST
#endif

/* ---- destroying ---- */

static atomic_uint stage;

static void *stay_attached(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    atomic_store(&stage, 1);
    mutator_await_blocked(t, &stage, 2);
    struct node *list = list_make(t, node_type(heap), 5, 1000);
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    list_check(list, 5, 1000);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&stage, 3);
    return NULL;
}

START_TEST(destroy_waits_for_nobody)
{
    atomic_store(&stage, 0);
    pthread_t other = mutator_start(stay_attached, NULL);
    mutator_await(&stage, 1);
    ck_assert_fails(lull_heap_destroy(heap), LULL_E_BUSY);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    ck_assert_fails(lull_heap_destroy(heap), LULL_E_BUSY);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_fails(lull_heap_destroy(heap), LULL_E_BUSY);
    atomic_store(&stage, 2);
    mutator_await_blocked(t, &stage, 3);
    mutator_join(other);
    ck_assert_fails(lull_heap_destroy(heap), LULL_E_BUSY);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(a_finalizer_thread_counts_for_nothing)
{
    lull_options options = support_options();

    options.finalizer_thread = 1;
    for (size_t i = 0; i < support_rounds(50); i++) {
        lull_heap *other = support_heap(&options);
        lull_thread *t = mutator_attach(other, LULL_STACK_CONSERVATIVE);
        ck_assert_fails(lull_heap_destroy(other), LULL_E_BUSY);
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, 32));
        ck_assert_int_eq(lull_detach(t), LULL_OK);
        ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
    }
}
END_TEST

static void *come_and_go(void *arg)
{
    lull_heap *other = arg;

    lull_thread *t = mutator_attach(other, LULL_STACK_CONSERVATIVE);
    atomic_fetch_add(&stage, 1);
    ensure(lull_alloc_leaf(t, 32) != NULL, "%s", lull_error_message());
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* The last thread to go need not have returned from lull_detach. */
START_TEST(destroy_as_soon_as_the_last_one_went)
{
    lull_options options = support_options();

    for (size_t i = 0; i < support_rounds(200); i++) {
        lull_heap *other = support_heap(&options);
        atomic_store(&stage, 0);
        pthread_t thread[2] = {mutator_start(come_and_go, other),
                               mutator_start(come_and_go, other)};
        mutator_await(&stage, 2);
        int status;
        while ((status = lull_heap_destroy(other)) == LULL_E_BUSY) {
        }
        ck_assert_int_eq(status, LULL_OK);
        mutator_join(thread[0]);
        mutator_join(thread[1]);
    }
}
END_TEST

START_TEST(destroy_what_is_no_heap)
{
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);

    ck_assert_fails(lull_heap_destroy(NULL), LULL_E_INVALID);
    ck_assert_fails(lull_heap_destroy((lull_heap *)(void *)&options), LULL_E_INVALID);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
    ck_assert_fails(lull_heap_destroy(other), LULL_E_INVALID);
}
END_TEST

/* ---- blocking sections ---- */

START_TEST(blocking_sections_do_not_nest)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    ck_assert_fails(lull_blocking_end(t), LULL_E_STATE);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    ck_assert_fails(lull_blocking_begin(t), LULL_E_STATE);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_fails(lull_blocking_end(t), LULL_E_STATE);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(nothing_of_the_heap_in_a_blocking_section)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    const lull_type *type = node_type(heap);

    /* there are slots in its caches, which it may not have now */
    ck_assert_ptr_nonnull(lull_alloc(t, type));
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 10));
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    ck_assert_ptr_null(lull_alloc(t, type));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_ptr_null(lull_alloc_inline(t, type));
    ck_assert_ptr_null(lull_alloc_leaf(t, 10));
    ck_assert_ptr_null(lull_alloc_any(t, 100000));
    ck_assert_ptr_null(lull_alloc_array(t, type, 3));
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_fails(lull_collect(t), LULL_E_STATE);
    ck_assert_uint_eq(lull_release_memory(t), 0);
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_ptr_nonnull(lull_alloc(t, type));
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

static int blocked_pipe[2];

static void *read_a_pipe(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    char got;

    (void)arg;
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&stage, 1);
    ensure(read(blocked_pipe[0], &got, 1) == 1, "a byte");
    ensure(lull_blocking_end(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* A precise thread is never signalled: only the section lets collections go on. */
START_TEST(collections_go_on_without_who_is_blocked)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    atomic_store(&stage, 0);
    ck_assert_int_eq(pipe(blocked_pipe), 0);
    pthread_t other = mutator_start(read_a_pipe, NULL);
    mutator_await(&stage, 1);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(lull_collect(t), LULL_OK);
    }
    ck_assert_int_eq(write(blocked_pipe[1], "x", 1), 1);
    mutator_await_blocked(t, &stage, 1); /* the other detaches: it may need to wait for nobody */
    mutator_join(other);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

/* ---- waiting while threads are held ---- */

static struct door door;
static atomic_uint going, gone;

static void *end_a_section(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&stage, 1);
    mutator_await(&door.inside, 1);
    atomic_store(&going, 1);
    ensure(lull_blocking_end(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&gone, 1);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void *attach_meanwhile(void *arg)
{
    (void)arg;
    atomic_store(&stage, 1);
    mutator_await(&door.inside, 1);
    atomic_store(&going, 1);
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    atomic_store(&gone, 1);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void *poll_meanwhile(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    uint64_t cycles = support_stats(heap).cycles;

    (void)arg;
    atomic_store(&stage, 1);
    while (support_stats(heap).cycles == cycles) {
        lull_safepoint(t);
        if (atomic_load(&door.inside)) {
            atomic_store(&gone, atomic_load(&door.open)); /* 0: it runs beside the collection */
        }
    }
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void *(*const waiters[])(void *) = {end_a_section, attach_meanwhile};

/* While a collection holds the heap's threads nobody gets in. It cannot fail by chance: a thread
 * that is late has not gone either. */
START_TEST(nobody_goes_on_while_threads_are_held)
{
    for (size_t i = 0; i < support_rounds(30); i++) {
        atomic_store(&stage, 0);
        atomic_store(&going, 0);
        atomic_store(&gone, 0);
        atomic_store(&door.inside, 0);
        pthread_t waiter = mutator_start(waiters[_i], NULL);
        mutator_await(&stage, 1);
        door_close(&door, heap);
        mutator_await(&going, 1);
        for (int j = 0; j < 100; j++) {
            ck_assert_uint_eq(atomic_load(&gone), 0);
            sched_yield();
        }
        door_open(&door);
        mutator_join(waiter);
        ck_assert_uint_eq(atomic_load(&gone), 1);
    }
}
END_TEST

START_TEST(nobody_runs_while_threads_are_held)
{
    for (size_t i = 0; i < support_rounds(30); i++) {
        atomic_store(&stage, 0);
        atomic_store(&gone, 1);
        atomic_store(&door.inside, 0);
        pthread_t other = mutator_start(poll_meanwhile, NULL);
        mutator_await(&stage, 1);
        door_close(&door, heap);
        mutator_await(&door.inside, 1);
        for (int j = 0; j < 100; j++) {
            sched_yield();
        }
        door_open(&door);
        mutator_join(other);
        ck_assert_uint_eq(atomic_load(&gone), 1);
    }
}
END_TEST

/* ---- stacks ---- */

START_TEST(a_stack_has_two_ends)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    char *here = (char *)&t;

    ck_assert_fails(lull_stack_set(t, here, here), LULL_E_INVALID);
    ck_assert_fails(lull_stack_set(t, here + 1, here), LULL_E_INVALID);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

#define STACK_BYTES ((size_t)256 << 10)

static ucontext_t main_context, other_context;
static lull_thread *switching;
static lull_weak *held_elsewhere;

static __attribute__((noinline)) void collect_with_a_list(lull_thread *t, uint64_t first)
{
    struct node *list = list_make(t, node_type(heap), first, 1000);

    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    list_check(list, first, 1000);
}

static void on_other_stack(void)
{
    collect_with_a_list(switching, 1);
    ensure(lull_weak_get(switching, held_elsewhere) != NULL, "a range holds the stack left");
    collect_with_a_list(switching, 2);
}

/* A thread on a stack of the program's making. What the stack it left holds is the program's to
 * say: here as a range. */
START_TEST(a_stack_of_ones_own)
{
    char *stack = malloc(STACK_BYTES);
    lull_thread *t = switching = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct node *list = list_make(t, node_type(heap), 3, 100);

    held_elsewhere = lull_weak_new(t, list);
    lull_handle *handle = lull_handle_new(t, held_elsewhere);
    ck_assert_int_eq(lull_roots_add(heap, &list, sizeof list), LULL_OK);
    ck_assert_int_eq(getcontext(&other_context), 0);
    other_context.uc_stack.ss_sp = stack;
    other_context.uc_stack.ss_size = STACK_BYTES;
    other_context.uc_link = &main_context;
    makecontext(&other_context, on_other_stack, 0);
    ck_assert_int_eq(lull_stack_set(t, stack, stack + STACK_BYTES), LULL_OK);
    ck_assert_int_eq(swapcontext(&main_context, &other_context), 0);
    mutator_own_stack(t);
    ck_assert_int_eq(lull_roots_remove(heap, &list, sizeof list), LULL_OK);
    collect_with_a_list(t, 4);
    list_check(list, 3, 100);
    lull_handle_free(t, handle);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    free(stack);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *tests = tcase_create("thread");

    setenv("LULL_TEST_MODE", "stop", 1); /* what holds threads; test_concurrent has the rest */
    tcase_add_checked_fixture(tests, start, finish);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, attach_and_detach);
    tcase_add_test(tests, attach_wants_a_heap_and_a_kind);
    tcase_add_test(tests, attached_already);
    tcase_add_test(tests, detached_already);
    tcase_add_test(tests, detach_not_inside_of_anything);
    tcase_add_test(tests, detach_gives_back_what_it_took);
    tcase_add_test(tests, one_thread_in_several_heaps);
    tcase_add_test(tests, a_thread_is_its_own);
#if LULL_DEBUG_BUILD
    tcase_add_test_raise_signal(tests, allocation_with_anothers_thread_is_caught, SIGABRT);
    tcase_add_test_raise_signal(tests, a_handle_by_anothers_thread_is_caught, SIGABRT);
    tcase_add_test_raise_signal(tests, allocation_after_detaching_is_caught, SIGABRT);
#else
    tcase_add_test(tests, allocation_after_detaching_fails);
#endif
    tcase_add_test(tests, destroy_waits_for_nobody);
    tcase_add_test(tests, a_finalizer_thread_counts_for_nothing);
    tcase_add_test(tests, destroy_as_soon_as_the_last_one_went);
    tcase_add_test(tests, destroy_what_is_no_heap);
    tcase_add_test(tests, blocking_sections_do_not_nest);
    tcase_add_test(tests, nothing_of_the_heap_in_a_blocking_section);
    tcase_add_test(tests, collections_go_on_without_who_is_blocked);
    tcase_add_loop_test(tests, nobody_goes_on_while_threads_are_held, 0,
                        sizeof waiters / sizeof waiters[0]);
    tcase_add_test(tests, nobody_runs_while_threads_are_held);
    tcase_add_test(tests, a_stack_has_two_ends);
    tcase_add_test(tests, a_stack_of_ones_own);
    return support_run(suite, tests);
}
