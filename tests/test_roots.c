/* test_roots.c -- where marking starts: registers, stacks, frames, handles, ranges, tracers. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "hold.h"
#include "random.h"

static lull_heap *heap;
static const lull_type *type;

static void start(void)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    heap = support_heap(&options);
    type = node_type(heap);
}

static void finish(void)
{
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

#define COUNT 20 /* nodes in a list that something holds */

/* A list that nothing holds, and how to tell whether it lives. */
struct secret {
    hidden list;
    lull_handle *weak; /* of a weak reference to its head */
};

static __attribute__((noinline)) struct secret make_secret(lull_thread *t, uint64_t first)
{
    struct node *list = list_make(t, type, first, COUNT);
    lull_weak *weak = lull_weak_new(t, list);

    ensure(weak != NULL, "%s", lull_error_message());
    return (struct secret){hide(list), lull_handle_new(t, weak)};
}

static bool secret_lives(lull_thread *t, const struct secret *secret)
{
    return lull_weak_get(t, lull_handle_get(secret->weak)) != NULL;
}

static struct secret make_cleanly(lull_thread *t, uint64_t first)
{
    struct secret secret = make_secret(t, first);

    scrub_stack();
    return secret;
}

/* ---- registers ---- */

static void collect(void *arg)
{
    scrub_stack();
    ensure(lull_collect(arg) == LULL_OK, "%s", lull_error_message());
}

START_TEST(held_by_a_register_in_a_collection)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct secret secret = make_cleanly(t, 1);

    list_check(holders[_i].hold(collect, t, secret.list), 1, COUNT);
    lull_handle_free(t, secret.weak);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

/* What the tests above and below rest on: without the register, the list is gone. */
START_TEST(held_by_nothing)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    unsigned died = 0;

    for (uint64_t i = 0; i < 10; i++) {
        struct secret secret = make_cleanly(t, i);
        collect(t);
        died += !secret_lives(t, &secret);
        lull_handle_free(t, secret.weak);
    }
    ck_assert_uint_ge(died, 8); /* a word may lie about by chance */
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

static atomic_uint ready, go_on;

static void *collect_when_ready(void *arg)
{
    (void)arg;
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    mutator_await_blocked(t, &ready, 1);
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&go_on, 1);
    return NULL;
}

/* In a blocking section: nothing of the stack above may be left of what held it. */
static void wait_for_collection(void *arg)
{
    (void)arg;
    scrub_stack();
    atomic_store(&ready, 1);
    mutator_await(&go_on, 1);
}

START_TEST(held_by_a_register_when_a_section_begins)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct secret secret = make_cleanly(t, 1);

    atomic_store(&ready, 0);
    atomic_store(&go_on, 0);
    pthread_t collector = mutator_start(collect_when_ready, NULL);
    struct node *list = holders[_i].section(t, wait_for_collection, NULL, secret.list);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    list_check(list, 1, COUNT);
    mutator_join(collector);
    lull_handle_free(t, secret.weak);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

#ifndef SIGNALS_WAIT

static void *spin_with_a_list(void *arg)
{
    const struct spinner_of *spinner = arg;
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct secret secret = make_cleanly(t, 1);

    list_check(spinner->spin(&go_on, secret.list, &ready), 1, COUNT);
    lull_handle_free(t, secret.weak);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(held_by_a_register_when_a_signal_comes)
{
    atomic_store(&ready, 0);
    atomic_store(&go_on, 0);
    pthread_t collector = mutator_start(collect_when_ready, NULL);
    mutator_join(mutator_start(spin_with_a_list, (void *)(uintptr_t)&spinners[_i]));
    mutator_join(collector);
}
END_TEST

/* What a thread held in registers at its last safepoint is no root when a signal stops it later. */
START_TEST(registers_of_an_earlier_stop)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    unsigned died = 0;

    for (uint64_t i = 0; i < 10; i++) {
        const struct holder *holder = &holders[i % (sizeof holders / sizeof holders[0])];
        struct secret secret = make_cleanly(t, i);
        list_check(holder->hold(collect, t, secret.list), i, COUNT);
        scrub_stack();
        atomic_store(&ready, 0);
        atomic_store(&go_on, 0);
        pthread_t collector = mutator_start(collect_when_ready, NULL);
        spinners[0].spin(&go_on, hide(NULL), &ready);
        mutator_join(collector);
        died += !secret_lives(t, &secret);
        lull_handle_free(t, secret.weak);
    }
    ck_assert_uint_ge(died, 8);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

#endif

/* ---- stacks ---- */

#define DEEP_BYTES ((size_t)8 << 20)

/* A node a frame, down to the end; the collection happens at the bottom. */
static __attribute__((noinline)) uint64_t descend(lull_thread *t, const char *top, uint64_t depth,
                                                  uint64_t *deepest)
{
    volatile char room[1024];
    struct node *volatile node = lull_alloc(t, type);

    node_fill(t, node, NULL, depth);
    room[0] = 0;
    if ((size_t)(top - (const char *)&room[0]) < DEEP_BYTES) {
        descend(t, top, depth + 1, deepest);
    } else {
        *deepest = depth;
        ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    }
    list_check(node, depth, 1);
    return depth + (uint64_t)room[0];
}

static void *live_deep(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    uint64_t deepest = 0;
    char top;

    (void)arg;
    descend(t, &top, 0, &deepest);
    ensure(deepest > 1000, "%ju frames", (uintmax_t)deepest);
    lull_stats stats = support_stats(heap);
    ensure(stats.stack_bytes >= DEEP_BYTES, "%ju bytes scanned", (uintmax_t)stats.stack_bytes);
    ensure(stats.live_objects > deepest, "%ju live", (uintmax_t)stats.live_objects);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(a_deep_stack)
{
    pthread_attr_t attr;
    pthread_t thread;

    ck_assert_int_eq(pthread_attr_init(&attr), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, 4 * DEEP_BYTES), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, live_deep, NULL), 0);
    mutator_join(thread);
    pthread_attr_destroy(&attr);
}
END_TEST

/* A stack with nothing mapped behind its end. */
static char *edge_low, *edge_high;
static ucontext_t edge_context, back_context;
static lull_thread *edge_thread;

static void map_edge(void)
{
    size_t bytes = 64 * 1024, page = 4096;

    edge_low = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(edge_low, MAP_FAILED);
    edge_high = edge_low + bytes;
    ck_assert_int_eq(mprotect(edge_high, page, PROT_NONE), 0);
}

static void run_on_edge(void (*run)(void))
{
    ck_assert_int_eq(getcontext(&edge_context), 0);
    edge_context.uc_stack.ss_sp = edge_low;
    edge_context.uc_stack.ss_size = (size_t)(edge_high - edge_low);
    edge_context.uc_link = &back_context;
    makecontext(&edge_context, run, 0);
    ck_assert_int_eq(swapcontext(&back_context, &edge_context), 0);
}

static void collect_and_block(void)
{
    ensure(lull_collect(edge_thread) == LULL_OK, "%s", lull_error_message());
    ensure(lull_blocking_begin(edge_thread) == LULL_OK, "%s", lull_error_message());
    ensure(lull_blocking_end(edge_thread) == LULL_OK, "%s", lull_error_message());
}

/* Nobody looks at the stack of a precise thread: it may be anywhere. */
START_TEST(a_precise_thread_on_any_stack)
{
    edge_thread = mutator_attach(heap, LULL_STACK_PRECISE);
    map_edge();
    run_on_edge(collect_and_block);
    ck_assert_int_eq(lull_detach(edge_thread), LULL_OK);
}
END_TEST

static void hold_on_edge(void)
{
    struct node *list = list_make(edge_thread, type, 5, COUNT);

    collect_and_block();
    list_check(list, 5, COUNT);
}

START_TEST(a_stack_is_scanned_to_its_end)
{
    edge_thread = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    map_edge();
    ck_assert_int_eq(lull_stack_set(edge_thread, edge_low, edge_high), LULL_OK);
    run_on_edge(hold_on_edge);
    mutator_own_stack(edge_thread);
    ck_assert_int_eq(lull_detach(edge_thread), LULL_OK);
    ck_assert_int_eq(munmap(edge_low, (size_t)(edge_high - edge_low)), 0);
}
END_TEST

/* A safepoint on a stack that was never told: the objects there would be lost. */
START_TEST(a_safepoint_on_an_unknown_stack_is_caught)
{
    edge_thread = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    map_edge();
    run_on_edge(hold_on_edge);
}
END_TEST

/* ---- precise threads ---- */

static uint64_t live_objects(lull_thread *t)
{
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    return support_stats(heap).live_objects;
}

START_TEST(a_precise_stack_holds_nothing)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    struct node *volatile list = NULL;

    for (unsigned i = 0; i < 10; i++) {
        list = lull_alloc(t, type);
        ck_assert_uint_eq(live_objects(t), 0);
        ck_assert_ptr_null(lull_object_of(heap, (uintptr_t)list).base);
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(frames_hold_what_is_in_them)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(t, outer, 2);

    ck_assert_ptr_null(outer.root[0]);
    ck_assert_ptr_null(outer.root[1]);
    list_make_rooted(t, type, &outer.root[0], 1, 10);
    list_make_rooted(t, type, &outer.root[1], 11, 5);
    ck_assert_uint_eq(live_objects(t), 15);
    LULL_FRAME(t, inner, 1);
    inner.root[0] = (char *)outer.root[1] + 8; /* an interior pointer does */
    outer.root[1] = NULL;
    ck_assert_uint_eq(live_objects(t), 15);
    ck_assert_int_eq(lull_frame_pop(t, &inner.head), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 10);
    list_check(outer.root[0], 1, 10);
    ck_assert_int_eq(lull_frame_pop(t, &outer.head), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(frames_are_popped_in_order)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(t, outer, 1);
    LULL_FRAME(t, inner, 1);

    ck_assert_int_eq(lull_frame_pop(t, &outer.head), LULL_E_STATE);
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    list_make_rooted(t, type, &inner.root[0], 1, 3);
    list_make_rooted(t, type, &outer.root[0], 1, 4);
    ck_assert_uint_eq(live_objects(t), 7); /* nothing was popped */
    ck_assert_int_eq(lull_detach(t), LULL_E_STATE);
    ck_assert_int_eq(lull_frame_pop(t, &inner.head), LULL_OK);
    ck_assert_int_eq(lull_frame_pop(t, &inner.head), LULL_E_STATE);
    ck_assert_int_eq(lull_frame_pop(t, &outer.head), LULL_OK);
    ck_assert_int_eq(lull_frame_pop(t, &outer.head), LULL_E_STATE);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

/* A frame for each level of a recursion: a shadow stack as deep as the stack. */
static uint64_t recurse(lull_thread *t, unsigned depth)
{
    LULL_FRAME(t, frame, 1);
    uint64_t live;

    list_make_rooted(t, type, &frame.root[0], depth, 2);
    live = depth != 0 ? recurse(t, depth - 1) : live_objects(t);
    list_check(frame.root[0], depth, 2);
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    return live;
}

START_TEST(many_frames)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    ck_assert_uint_eq(recurse(t, 2999), 6000);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

/* ---- handles ---- */

START_TEST(a_handle_holds_one_object)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    struct node *node = lull_alloc(t, type);
    lull_handle *handle = lull_handle_new(t, node);

    ck_assert_ptr_nonnull(handle);
    ck_assert_ptr_eq(lull_handle_get(handle), node);
    ck_assert_uint_eq(live_objects(t), 1);
    lull_handle_set(t, handle, NULL);
    ck_assert_ptr_null(lull_handle_get(handle));
    ck_assert_uint_eq(live_objects(t), 0);
    node = lull_alloc(t, type);
    lull_handle_set(t, handle, node);
    ck_assert_uint_eq(live_objects(t), 1);
    ck_assert_ptr_eq(lull_handle_get(handle), node);
    lull_handle_free(t, handle);
    ck_assert_uint_eq(live_objects(t), 0);
    lull_handle_free(t, NULL);
    handle = lull_handle_new(t, NULL);
    ck_assert_ptr_null(lull_handle_get(handle));
    ck_assert_uint_eq(live_objects(t), 0);
    lull_handle_free(t, handle);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

enum { HANDLES = 2000 };

/* Handles come and go at random, beside a model of what they hold. */
START_TEST(handles_come_and_go)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    static lull_handle *handle[HANDLES];
    static uint64_t number[HANDLES];
    struct random random = {.state = 5};
    uint64_t held = 0;

    for (size_t step = 0; step < support_rounds(20000); step++) {
        size_t i = random_below(&random, HANDLES);
        if (handle[i] == NULL) {
            struct node *node = lull_alloc(t, type);
            node_fill(t, node, NULL, step);
            handle[i] = lull_handle_new(t, node);
            ensure(handle[i] != NULL, "%s", lull_error_message());
            number[i] = step;
            held++;
        } else if (random_below(&random, 4) == 0) {
            size_t j = random_below(&random, HANDLES);
            if (handle[j] != NULL && i != j) { /* takes over the other's, the other holds nothing */
                lull_handle_set(t, handle[i], lull_handle_get(handle[j]));
                number[i] = number[j];
                lull_handle_free(t, handle[j]);
                handle[j] = NULL;
                held--;
            }
        } else {
            list_check(lull_handle_get(handle[i]), number[i], 1);
            lull_handle_free(t, handle[i]);
            handle[i] = NULL;
            held--;
        }
        if (step % 1000 == 0) {
            ck_assert_uint_eq(live_objects(t), held);
        }
    }
    for (size_t i = 0; i < HANDLES; i++) {
        lull_handle_free(t, handle[i]);
    }
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(handles_are_used_again)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    for (int i = 0; i < 1000; i++) {
        lull_handle_free(t, lull_handle_new(t, NULL)); /* the first chunk is made by now */
    }
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    uint64_t bytes = support_stats(heap).global_bytes;
    for (int i = 0; i < 100000; i++) {
        lull_handle_free(t, lull_handle_new(t, NULL));
    }
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_eq(support_stats(heap).global_bytes, bytes);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

static void *free_anothers_handle(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    list_check(lull_handle_get(arg), 3, 4);
    lull_handle_free(t, arg);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(any_thread_may_use_a_handle)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    lull_handle *handle = lull_handle_new(t, NULL);
    LULL_FRAME(t, frame, 1);

    list_make_rooted(t, type, &frame.root[0], 3, 4);
    lull_handle_set(t, handle, frame.root[0]);
    ck_assert_int_eq(lull_frame_pop(t, &frame.head), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 4);
    mutator_join(mutator_start(free_anothers_handle, handle));
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(a_handle_freed_twice_is_caught)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    lull_handle *handle = lull_handle_new(t, NULL);

    lull_handle_free(t, handle);
    lull_handle_free(t, handle);
}
END_TEST

/* ---- ranges ---- */

static struct node *global[4];

START_TEST(a_range_holds_what_is_in_it)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    ck_assert_int_eq(lull_roots_add(heap, global, sizeof global), LULL_OK);
    for (unsigned i = 0; i < 4; i++) {
        lull_store(t, &global[i], lull_alloc(t, type));
        ck_assert_uint_eq(live_objects(t), i + 1);
    }
    ck_assert_uint_eq(support_stats(heap).global_bytes % 4096, sizeof global);
    lull_store(t, &global[1], &global[0]->next);
    ck_assert_uint_eq(live_objects(t), 3);
    ck_assert_int_eq(lull_roots_remove(heap, global, sizeof global), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

START_TEST(ranges_that_are_none)
{
    char *start_of = (char *)global;
    size_t bytes = sizeof global;

    ck_assert_int_eq(lull_roots_add(heap, start_of + 1, bytes - 8), LULL_E_INVALID);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add(heap, start_of + 4, bytes - 8), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add(heap, start_of, 0), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add(heap, start_of, 7), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add(heap, start_of, SIZE_MAX - 7), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_remove(heap, start_of, bytes), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add(heap, start_of, bytes), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(heap, start_of, bytes - 8), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_remove(heap, start_of + 8, bytes - 8), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_remove(heap, start_of, bytes), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(heap, start_of, bytes), LULL_E_INVALID);
}
END_TEST

/* A range added twice is there until it is removed twice; what is no whole word is left out. */
START_TEST(ranges_may_overlap)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    ck_assert_int_eq(lull_roots_add(heap, global, sizeof global), LULL_OK);
    ck_assert_int_eq(lull_roots_add(heap, global, sizeof global), LULL_OK);
    ck_assert_int_eq(lull_roots_add(heap, &global[2], 12), LULL_OK);
    for (unsigned i = 0; i < 4; i++) {
        lull_store(t, &global[i], lull_alloc(t, type));
    }
    ck_assert_uint_eq(live_objects(t), 4);
    ck_assert_int_eq(lull_roots_remove(heap, global, sizeof global), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 4);
    ck_assert_int_eq(lull_roots_remove(heap, global, sizeof global), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 1);
    ck_assert_int_eq(lull_roots_remove(heap, &global[2], 12), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

enum { RANGES = 1000 };

/* By a thread that is not attached; each holds an object, removed in another order than added. */
START_TEST(many_ranges)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    static void *root[RANGES];

    for (unsigned i = 0; i < RANGES; i++) {
        ck_assert_int_eq(lull_roots_add(heap, &root[i], sizeof root[i]), LULL_OK);
        lull_store(t, &root[i], lull_alloc(t, type));
    }
    ck_assert_uint_eq(live_objects(t), RANGES);
    for (unsigned i = 0; i < RANGES; i++) {
        unsigned j = i * 7 % RANGES;
        ck_assert_int_eq(lull_roots_remove(heap, &root[j], sizeof root[j]), LULL_OK);
        if (i % 100 == 99) {
            ck_assert_uint_eq(live_objects(t), RANGES - 1 - i);
        }
    }
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    ck_assert_int_eq(lull_roots_add(heap, root, sizeof root), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(heap, root, sizeof root), LULL_OK);
}
END_TEST

/* ---- tracers ---- */

struct values {
    size_t count;
    void *value[100];
};

static void trace_values(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct values *values = arg;

    ensure(object == NULL && size == 0, "a thread's own roots");
    lull_trace_range(tracer, values->value, values->value + values->count);
}

static void trace_one(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    ensure(object == NULL && size == 0, "a thread's own roots");
    lull_trace(tracer, *(void **)arg);
}

START_TEST(a_tracer_reports_a_value_stack)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    struct values values = {.count = 0};

    ck_assert_int_eq(lull_set_tracer(t, trace_values, &values), LULL_OK);
    for (unsigned i = 0; i < 100; i++) {
        values.value[i] = lull_alloc(t, type);
        values.count++;
    }
    ck_assert_uint_eq(live_objects(t), 100);
    values.count = 40;
    ck_assert_uint_eq(live_objects(t), 40);
    ck_assert_int_eq(lull_set_tracer(t, trace_one, &values.value[7]), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 1);
    ck_assert_int_eq(lull_set_tracer(t, NULL, NULL), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

static void *trace_for_oneself(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);
    void *value = lull_alloc(t, type);

    ensure(lull_set_tracer(t, trace_one, &value) == LULL_OK, "%s", lull_error_message());
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    atomic_fetch_add(&ready, 1);
    mutator_await(&go_on, 1);
    ensure(lull_blocking_end(t) == LULL_OK, "%s", lull_error_message());
    node_fill(t, value, NULL, (uintptr_t)arg);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* The collecting thread calls each thread's own; also that of one in a blocking section. */
START_TEST(each_thread_has_its_tracer)
{
    pthread_t thread[10];
    lull_thread *t = mutator_attach(heap, LULL_STACK_PRECISE);

    for (uintptr_t i = 0; i < 10; i++) {
        thread[i] = mutator_start(trace_for_oneself, (void *)i);
    }
    mutator_await_blocked(t, &ready, 10);
    ck_assert_uint_eq(live_objects(t), 10);
    atomic_store(&go_on, 1);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (int i = 0; i < 10; i++) {
        mutator_join(thread[i]);
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_eq(live_objects(t), 0);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
}
END_TEST

static void add_registers_and_stacks(TCase *tests)
{
    tcase_add_test(tests, held_by_nothing);
    tcase_add_loop_test(tests, held_by_a_register_in_a_collection, 0,
                        sizeof holders / sizeof holders[0]);
    tcase_add_loop_test(tests, held_by_a_register_when_a_section_begins, 0,
                        sizeof holders / sizeof holders[0]);
#ifndef SIGNALS_WAIT
    tcase_add_loop_test(tests, held_by_a_register_when_a_signal_comes, 0,
                        sizeof spinners / sizeof spinners[0]);
    tcase_add_test(tests, registers_of_an_earlier_stop);
#endif
    tcase_add_test(tests, a_deep_stack);
    tcase_add_test(tests, a_precise_thread_on_any_stack);
    tcase_add_test(tests, a_stack_is_scanned_to_its_end);
    tcase_add_test_raise_signal(tests, a_safepoint_on_an_unknown_stack_is_caught, SIGABRT);
}

int main(void)
{
    Suite *suite = suite_create("roots");
    TCase *tests = tcase_create("roots");

    tcase_add_checked_fixture(tests, start, finish);
    tcase_set_timeout(tests, 60);
    add_registers_and_stacks(tests);
    tcase_add_test(tests, a_precise_stack_holds_nothing);
    tcase_add_test(tests, frames_hold_what_is_in_them);
    tcase_add_test(tests, frames_are_popped_in_order);
    tcase_add_test(tests, many_frames);
    tcase_add_test(tests, a_handle_holds_one_object);
    tcase_add_test(tests, handles_come_and_go);
    tcase_add_test(tests, handles_are_used_again);
    tcase_add_test(tests, any_thread_may_use_a_handle);
    tcase_add_test_raise_signal(tests, a_handle_freed_twice_is_caught, SIGABRT);
    tcase_add_test(tests, a_range_holds_what_is_in_it);
    tcase_add_test(tests, ranges_that_are_none);
    tcase_add_test(tests, ranges_may_overlap);
    tcase_add_test(tests, many_ranges);
    tcase_add_test(tests, a_tracer_reports_a_value_stack);
    tcase_add_test(tests, each_thread_has_its_tracer);
    return support_run(suite, tests);
}
