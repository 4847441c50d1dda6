/* test_concurrent.c -- mode concurrent, step by step: the protocol, and who comes, goes and stands
 * meanwhile. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assist.h"
#include "cache.h"
#include "central.h"
#include "steps.h"

/* ---- the protocol ---- */

START_TEST(what_a_thread_took_from_the_heap_lives)
{
    LULL_FRAME(t, frame, 1);
    open_gate();
    root[0] = make(1);
    stand_before_marking();
    frame.root[0] = steal();
    pass_gate();
    end_cycle();
    ck_assert(is_whole(frame.root[0], 1));
    lull_frame_pop(t, &frame.head);
    collect();
    ck_assert_uint_eq(lull_object_of(heap, (uintptr_t)frame.root[0]).size, 0);
}
END_TEST

/* It is stored into what nobody scans any more: a new object, and one already marked. */
START_TEST(what_a_thread_stored_lives)
{
    open_gate();
    root[0] = make(1);
    root[1] = make(2);
    stand_before_marking();
    struct thing *stolen = steal();
    struct thing *fresh = make(3);
    lull_store(t, _i == 0 ? &fresh->child[0] : &((struct thing *)root[1])->child[0], stolen);
    lull_store(t, &root[2], fresh);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(stolen, 1));
    ck_assert(is_whole(fresh, 3));
    collect();
    ck_assert(is_whole(stolen, 1));
}
END_TEST

/* The store comes between the two: its thread shades, the others' objects may be black already. */
START_TEST(what_is_stored_between_the_first_handshakes_lives)
{
    open_gate();
    root[0] = make(1);
    begin_cycle();
    struct thing *stolen = root[0];
    lull_store(t, &root[0], NULL);
    lull_store(t, &root[1], stolen);
    take_part(t);
    struct thing *fresh = make(2);
    lull_store(t, &fresh->child[1], stolen);
    lull_store(t, &root[1], NULL);
    lull_store(t, &root[2], fresh);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(stolen, 1));
}
END_TEST

/* A handle, a registered root, an ephemeron: given, when they were scanned already, what only a
 * thread held, which lets go of it before its part in the round. */
START_TEST(what_is_given_away_late_lives)
{
    LULL_FRAME(t, frame, 1);
    lull_handle *handle = lull_handle_new(t, NULL);

    open_gate();
    root[0] = make(1);
    root[2] = make(2);
    root[3] = lull_ephemeron_new(t, root[2], NULL);
    stand_before_marking();
    struct thing *stolen = frame.root[0] = steal();
    pass_gate();
    await_round();
    if (_i == 0) {
        lull_handle_set(t, handle, stolen);
    } else if (_i == 1) {
        lull_store(t, &root[1], stolen);
    } else {
        lull_ephemeron_set(t, root[3], stolen);
    }
    frame.root[0] = NULL;
    end_cycle();
    ck_assert(is_whole(stolen, 1));
    lull_handle_free(t, handle);
    lull_frame_pop(t, &frame.head);
}
END_TEST

START_TEST(what_dies_while_marking_goes_with_the_next_cycle)
{
    open_gate();
    stand_before_marking();
    struct thing *fresh = make(1);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(fresh, 1));
    collect();
    ck_assert(!alive(fresh));
}
END_TEST

/* A thread that goes away hands over what its stores shaded. It takes its part in H1 and H2, takes
 * an object that only the table holds, stores it into a new one, and is gone before H3. */
static atomic_bool leaver_attached, leaver_stored;

static void *store_and_leave(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    atomic_store(&leaver_attached, true);
    take_part(thread);
    take_part(thread);
    struct thing *fresh = lull_alloc_any(thread, sizeof *fresh);
    void *stolen = root[0];
    lull_store(thread, &root[0], NULL);
    lull_store(thread, &fresh->child[2], stolen);
    lull_store(thread, &root[1], fresh);
    atomic_store(&leaver_stored, true);
    ck_assert_int_eq(lull_detach(thread), LULL_OK);
    atomic_store(&stopper_passes, true);
    return stolen;
}

START_TEST(what_a_thread_stored_before_it_left_lives)
{
    pthread_t thread;
    void *stolen;

    root[0] = make(1);
    root[2] = make_stopper();
    pthread_create(&thread, NULL, store_and_leave, NULL);
    while (!atomic_load(&leaver_attached)) {
        sched_yield();
    }
    ask_for_cycle();
    take_part(t);
    while (!atomic_load(&leaver_stored)) {
        sched_yield();
    }
    take_part(t);
    pthread_join(thread, &stolen);
    end_cycle();
    ck_assert(is_whole(stolen, 1));
}
END_TEST

/* ---- the range grows ---- */

static atomic_bool grows_late;

bool __real_lull__os_commit(void *start, size_t bytes);
bool __wrap_lull__os_commit(void *start, size_t bytes);

/* Once, where wanted: not until the snapshot has been asked for. The calling thread is inside the
 * library, and has not given it. */
bool __wrap_lull__os_commit(void *start, size_t bytes)
{
    if (atomic_exchange(&grows_late, false)) {
        pass_gate();
        while (!is_asked(t)) {
            sched_yield();
        }
    }
    return __real_lull__os_commit(start, bytes);
}

/* A white object where the range grew after marking was prepared. Memory that is stored into
 * without the barrier alone holds it: nobody shades it on its way. */
START_TEST(what_came_where_the_range_grew_lives)
{
    static void *place[1];

    ck_assert_int_eq(lull_roots_add_unbarriered(heap, place, sizeof place), LULL_OK);
    open_gate();
    ask_for_cycle();
    take_part(t);
    atomic_store(&grows_late, true);
    place[0] = lull_alloc_any(t, (size_t)20 << 20);
    ck_assert_ptr_nonnull(place[0]);
    ck_assert(!atomic_load(&grows_late));
    ck_assert_uint_eq(state_of(place[0]), heap->colour);
    end_cycle();
    ck_assert(alive(place[0]));
    ck_assert_uint_eq(state_of(place[0]), heap->colour);
    ck_assert_int_eq(lull_roots_remove(heap, place, sizeof place), LULL_OK);
}
END_TEST

/* ---- stores that are no lull_store ---- */

struct ledger {
    uint64_t entries;
    void *page[2];
};

/* What only the table held ends up, plainly stored, in a new object or in a root that was
 * scanned. */
static void store_plainly(bool in_root)
{
    const lull_type *type = LULL_RECORD(heap, struct ledger, page[0], page[1]);

    open_gate();
    root[0] = make(1);
    stand_before_marking();
    struct thing *stolen = steal();
    struct ledger *ledger = lull_alloc(t, type);
    lull_store(t, &root[2], ledger);
    if (in_root) {
        pass_gate();
        await_round();
        root[1] = stolen;
    } else {
        ledger->page[1] = stolen;
        pass_gate();
    }
    end_cycle();
}

/* What a child that does it says before it aborts. */
static void read_report(bool in_root, char *text, size_t room)
{
    int ends[2], status;
    size_t length = 0;
    ssize_t got;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        store_plainly(in_root);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + length, room - 1 - length)) > 0) {
        length += (size_t)got;
    }
    text[length] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%d: %s", status, text);
}

START_TEST(the_verifier_names_a_store_that_is_none_of_ours)
{
    char text[1024], at[64];

    read_report(false, text, sizeof text);
    snprintf(at, sizeof at, "at offset %zu", offsetof(struct ledger, page[1]));
    ck_assert_msg(strstr(text, "(struct ledger), ") != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, at));
    ck_assert_ptr_nonnull(strstr(text, "no lull_store"));
    read_report(true, text, sizeof text);
    snprintf(at, sizeof at, "the root at %p", (void *)&root[1]);
    ck_assert_msg(strstr(text, at) != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "no lull_store"));
}
END_TEST

/* ---- spans ---- */

/* A span that a thread held while its cell's others were given to be swept, and gives back. */
START_TEST(a_span_given_back_late_is_swept)
{
    struct thing *thing = make(1);
    struct lull__cell *cell = lull__span_of(heap, thing)->cell;

    lull__cache_retire_all(t);
    struct lull__span *span = lull__central_take(t, cell);
    ck_assert_ptr_eq(span, lull__span_of(heap, thing));
    lull__central_begin_sweep(heap);
    lull__central_give(heap, cell, span, true);
    ck_assert_ptr_eq(cell->todo.head, span);
    ck_assert_ptr_null(cell->avail.head);
    ck_assert_uint_eq(atomic_load(&heap->unswept), 1);
    ck_assert_uint_eq(lull__central_sweep(heap, SIZE_MAX), 1);
    ck_assert_ptr_null(cell->todo.head);
}
END_TEST

/* What dies in the span that a thread allocates from is handed out again by that very span, zeroed,
 * though the thread is past it. */
START_TEST(slots_freed_in_a_cache_are_used_at_once)
{
    heap->options.debug &= ~(unsigned)LULL_DEBUG_VERIFY; /* it would take caches away */
    struct thing *first = make(1);
    const struct lull__span *span = lull__span_of(heap, first);
    uint32_t slots = span->slots;

    ck_assert_ptr_eq(first, lull__span_start(heap, span));
    for (uint32_t i = 1; i < slots / 2; i++) {
        make(i)->child[1] = first;
    }
    collect();
    ck_assert_uint_eq(in_use(), 0);
    for (uint32_t i = 0; i < slots; i++) {
        const struct thing *thing = make(i + 1);
        ensure(lull__span_of(heap, thing) == span, "object %u of %u", i, slots);
        ensure(thing->child[1] == NULL, "a new object is zero");
    }
    ck_assert(lull__span_of(heap, make(1)) != span);
}
END_TEST

/* ---- coming, going, standing ---- */

/* Handshakes are served for a thread in a blocking section: nobody waits for its end. */
static uint64_t stalls(void)
{
    return support_stats(heap).pause_kind[LULL_PAUSE_STALL].count;
}

/* There is nothing to mark but what the collector has. Until the heap is at its goal the thread
 * goes on; from there on it leaves its processor to the collector now and then, and that is told
 * of. */
START_TEST(past_the_goal_who_cannot_help_stalls)
{
    const size_t bytes = 8000;

    open_gate();
    root[0] = make(1);
    stand_before_marking();
    lull_set_gc_percent(heap, 100);
    while (!lull__assist_is_past_goal(heap)) {
        ck_assert_uint_eq(stalls(), 0);
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, bytes));
    }
    for (size_t i = 0; i < 20000 && stalls() == 0; i++) { /* a yield may be too short to tell of */
        ensure(lull_alloc_leaf(t, bytes) != NULL, "%s", lull_error_message());
    }
    ck_assert_uint_ne(stalls(), 0);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF); /* no cycle after this one */
    pass_gate();
    end_cycle();
}
END_TEST

START_TEST(cycles_go_on_beside_a_blocked_thread)
{
    LULL_FRAME(t, frame, 1);
    frame.root[0] = make(1);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (unsigned i = 1; i <= 5; i++) {
        ck_assert(lull__collector_wait(heap, LULL__REASON_FORCED));
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_eq(atomic_load(&heap->cycles), 5);
    ck_assert(is_whole(frame.root[0], 1));
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* A conservative thread that never polls takes its part by signal. */
static atomic_bool spinning, spin_end;

static void *spin(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    struct thing *volatile mine = lull_alloc_any(thread, sizeof *mine);

    (void)arg;
    mine->number = 77;
    atomic_store(&spinning, true);
    while (!atomic_load(&spin_end)) {
        ensure(mine->number == 77, "the object of a thread that spins");
    }
    lull_detach(thread);
    return NULL;
}

START_TEST(cycles_go_on_beside_a_thread_that_never_polls)
{
    pthread_t thread;

    pthread_create(&thread, NULL, spin, NULL);
    while (!atomic_load(&spinning)) {
        sched_yield();
    }
    for (unsigned i = 0; i < 5; i++) {
        collect();
        make(i);
    }
    atomic_store(&spin_end, true);
    pthread_join(thread, NULL);
}
END_TEST

/* A precise thread is waited for, by the collector alone. */
static void *stay_away(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);

    atomic_store(&spinning, true);
    while (!atomic_load(&spin_end)) {
        sched_yield();
    }
    ensure(lull_detach(thread) == LULL_OK, "%s", lull_error_message());
    return arg;
}

START_TEST(others_allocate_on_while_a_thread_is_late)
{
    pthread_t thread;

    root[0] = make(1);
    ck_assert_int_eq(pthread_create(&thread, NULL, stay_away, NULL), 0);
    while (!atomic_load(&spinning)) {
        sched_yield();
    }
    lull_set_gc_percent(heap, 10); /* the goal is passed many times over */
    ask_for_cycle();
    for (size_t i = 0; i < 64 << 10; i++) {
        ensure(lull_alloc_leaf(t, 1024) != NULL, "%s", lull_error_message());
    }
    ck_assert_uint_eq(atomic_load(&heap->cycles), cycles_before);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    atomic_store(&spin_end, true);
    end_cycle();
    ck_assert(is_whole(root[0], 1));
    lull_blocking_begin(t);
    pthread_join(thread, NULL);
    lull_blocking_end(t);
}
END_TEST

/* The pools of a thread that was served: objects in magazines stay, with what they hold. */
START_TEST(pooled_objects_live_through_a_cycle_at_any_step)
{
    lull_pool_options pool_options = {
        .struct_size = sizeof pool_options,
        .type = lull_type_conservative(heap, "thing", sizeof(struct thing))};
    lull_pool *pool = lull_pool_create(heap, &pool_options);
    LULL_FRAME(t, frame, 1);

    ck_assert_ptr_nonnull(pool);
    frame.root[0] = lull_pool_get(t, pool);
    ck_assert_ptr_nonnull(frame.root[0]);
    for (int step = 0; step < 4; step++) {
        struct thing *thing = frame.root[0];
        lull_store(t, &thing->child[0], make((uint64_t)step));
        begin_cycle();
        for (int i = 0; i < step; i++) {
            take_part(t);
        }
        lull_pool_put(t, pool, thing);
        frame.root[0] = NULL;
        end_cycle();
        thing = lull_pool_get(t, pool);
        frame.root[0] = thing;
        if (thing->child[0] != NULL) {
            ck_assert(is_whole(thing->child[0], (uint64_t)step));
        }
    }
    lull_frame_pop(t, &frame.head);
    ck_assert_int_eq(lull_pool_destroy(pool), LULL_OK);
}
END_TEST

/* ---- callbacks ---- */

static atomic_uint nonsense_told;

/* What a callback may report by mistake: words that are no objects. */
static void trace_nonsense(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const char *range = heap->pages.range;
    const uintptr_t words[] = {0,
                               1,
                               UINTPTR_MAX,
                               (uintptr_t)1 << 63,
                               (uintptr_t)range - 1,
                               (uintptr_t)range + heap->pages.extent_bytes - 1,
                               (uintptr_t)range + heap->pages.extent_bytes,
                               (uintptr_t)&words,
                               (uintptr_t)arg,
                               (uintptr_t)object + size - 1};

    lull_trace_range(tracer, words, words + sizeof words / sizeof *words);
    lull_trace_range(tracer, words + 1, words);
    atomic_fetch_add(&nonsense_told, 1);
}

START_TEST(words_that_are_no_objects_are_passed_over)
{
    const lull_type *type = lull_type_custom(heap, "nonsense", 64, trace_nonsense, root);

    atomic_store(&nonsense_told, 0);
    root[0] = lull_alloc(t, type);
    root[1] = make(1);
    for (unsigned i = 1; i <= 3; i++) {
        make(2);
        collect();
        ck_assert_uint_ge(atomic_load(&nonsense_told), i);
        ck_assert_uint_eq(in_use(), 2);
    }
    ck_assert(is_whole(root[1], 1));
}
END_TEST

static atomic_bool finalizer_waits, finalizer_goes_on;

/* Revives its object, allocates, and waits for what others do. */
static void wait_in_finalizer(lull_thread *thread, void *object, void *arg)
{
    (void)arg;
    lull_store(thread, &root[1], object);
    lull_store(thread, &((struct thing *)object)->child[1],
               lull_alloc_any(thread, sizeof(struct thing)));
    ensure(lull_blocking_begin(thread) == LULL_OK, "%s", lull_error_message());
    atomic_store(&finalizer_waits, true);
    while (!atomic_load(&finalizer_goes_on)) {
        sched_yield();
    }
    ensure(lull_blocking_end(thread) == LULL_OK, "%s", lull_error_message());
}

static void *run_finalizer(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    ensure(lull_finalizers_run(thread, 0) == 1, "one was due");
    lull_detach(thread);
    return NULL;
}

START_TEST(cycles_go_on_beside_a_finalizer_that_waits)
{
    pthread_t thread;
    struct thing *thing = root[0] = make(5);

    ck_assert_int_eq(lull_finalizer_set(t, thing, wait_in_finalizer, NULL), LULL_OK);
    thing->child[0] = make(6);
    root[0] = NULL;
    collect();
    ck_assert_int_eq(pthread_create(&thread, NULL, run_finalizer, NULL), 0);
    while (!atomic_load(&finalizer_waits)) {
        lull_safepoint(t);
        sched_yield();
    }
    for (unsigned i = 0; i < 3; i++) {
        collect();
        ck_assert_uint_eq(in_use(), 3);
        ck_assert(is_whole(root[1], 5));
        ck_assert(is_whole(thing->child[0], 6));
    }
    atomic_store(&finalizer_goes_on, true);
    pthread_join(thread, NULL);
    root[1] = NULL;
    collect();
    ck_assert_uint_eq(in_use(), 0);
}
END_TEST

/* ---- deep stacks ---- */

#define DEEP_BYTES ((size_t)8 << 20)

static LULL__NOINLINE size_t descend(lull_thread *thread, size_t levels, size_t level)
{
    struct thing *volatile mine = lull_alloc_any(thread, sizeof *mine);
    volatile char room[4000];

    mine->number = level;
    room[0] = (char)level;
    room[sizeof room - 1] = 0;
    if (level + 1 < levels) {
        level = descend(thread, levels, level + 1) - 1;
    } else {
        ensure(lull_collect(thread) == LULL_OK, "%s", lull_error_message());
    }
    ensure(mine->number == level && room[0] == (char)level, "level %zu", level);
    return level;
}

static void *dive(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    for (size_t i = support_rounds(3); i != 0; i--) {
        descend(thread, DEEP_BYTES / (SUPPORT_SANITIZED ? 10000 : 4500), 0);
    }
    lull_detach(thread);
    return NULL;
}

START_TEST(deep_stacks_are_scanned_to_their_end)
{
    pthread_attr_t attr;
    pthread_t thread[2];

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, DEEP_BYTES + (1 << 20));
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], &attr, dive, NULL), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    pthread_attr_destroy(&attr);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("concurrent");
    TCase *tests = tcase_create("steps");

    tcase_add_checked_fixture(tests, set_up_concurrent, tear_down);
    tcase_add_test(tests, what_a_thread_took_from_the_heap_lives);
    tcase_add_loop_test(tests, what_a_thread_stored_lives, 0, 2);
    tcase_add_test(tests, what_is_stored_between_the_first_handshakes_lives);
    tcase_add_loop_test(tests, what_is_given_away_late_lives, 0, 3);
    tcase_add_test(tests, what_dies_while_marking_goes_with_the_next_cycle);
    tcase_add_test(tests, what_a_thread_stored_before_it_left_lives);
    tcase_add_test(tests, what_came_where_the_range_grew_lives);
    tcase_add_test(tests, the_verifier_names_a_store_that_is_none_of_ours);
    tcase_add_test(tests, a_span_given_back_late_is_swept);
    tcase_add_test(tests, slots_freed_in_a_cache_are_used_at_once);
    tcase_add_test(tests, past_the_goal_who_cannot_help_stalls);
    tcase_add_test(tests, cycles_go_on_beside_a_blocked_thread);
    tcase_add_test(tests, cycles_go_on_beside_a_thread_that_never_polls);
    tcase_add_test(tests, others_allocate_on_while_a_thread_is_late);
    tcase_add_test(tests, pooled_objects_live_through_a_cycle_at_any_step);
    tcase_add_test(tests, words_that_are_no_objects_are_passed_over);
    tcase_add_test(tests, cycles_go_on_beside_a_finalizer_that_waits);
    tcase_add_test(tests, deep_stacks_are_scanned_to_their_end);
    return support_run(suite, tests);
}
