/* test_audit.c -- pools under audit: puts that were forgotten, uses after a put, which pools are
 * audited and who is told, what the end finds. What is right, however near it comes, is not
 * reported. In every mode. */
#include <sys/wait.h>
#include <unistd.h>

#include "scarce.h"

#include "audited.h"

/* Until what was put is judged. */
static void settle(void)
{
    collect();
    collect();
}

/* ---- forgotten put ---- */

PLACE(calling) static uintptr_t take_and_forget(void)
{
    struct item *item = take();

    item->number = 7;
    return hide(item);
}

START_TEST(a_forgotten_put_is_found)
{
    begin(_i);
    uintptr_t object = ~take_and_forget();
    nothing_was_seen();
    collect();
    const lull_pool_report *report = only(LULL_POOL_FORGOTTEN_PUT, object);
    ck_assert_str_eq(seen.pool[0], "items");
    ck_assert_str_eq(seen.type[0], "struct item");
    ck_assert_uint_ge(report->size, sizeof(struct item));
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert_ptr_null(report->put_at[0]);
    ck_assert_ptr_null(report->again_at[0]);
    ck_assert(says("lull: pool \"items\": forgotten put: %p (struct item, ", (void *)object));
    ck_assert(says("    taken at /"));
    ck_assert_uint_eq(lull_pool_misuses(heap), 1);
    collect();
    ck_assert_uint_eq(lull_pool_misuses(heap), 1);
    end();
}
END_TEST

/* Further callers are found by unwinding, where the C library can. */
START_TEST(callers_are_found)
{
    begin(_i);
    take_and_forget();
    collect();
    const void *const *at = seen.report[0].taken_at;
    bool found = false;
    for (size_t i = 1; i < LULL_POOL_CALLERS && at[i] != NULL; i++) {
        found |= IS_IN(calling, at[i]);
    }
    ck_assert(found);
    seen.count = 0;
    end();
}
END_TEST

static void *take_and_leave(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    *(uintptr_t *)arg = hide(lull_pool_get(t, pool));
    lull_detach(t);
    return NULL;
}

START_TEST(threads_die_with_what_they_took)
{
    uintptr_t object;

    begin(_i);
    mutator_join(mutator_start(take_and_leave, &object));
    collect();
    only(LULL_POOL_FORGOTTEN_PUT, ~object);
    end();
}
END_TEST

static PLACE(calling) void hold_as(int way)
{
    struct item *item = take();
    static struct item *reported;

    switch (way) {
    case 0: lull_store(self, &root[0], item); break;
    case 1: lull_store(self, &root[0], &item->bytes[3]); break;
    case 2: root[7] = lull_handle_new(self, item); break; /* no object: a handle */
    default: (void)reported;
    }
}

START_TEST(what_is_held_is_not_forgotten)
{
    begin(_i);
    for (int way = 0; way < 3; way++) {
        hold_as(way);
        collect();
        collect();
        nothing_was_seen();
        lull_handle_free(self, way == 2 ? root[7] : NULL);
        root[0] = root[7] = NULL;
        collect();
        ck_assert_uint_eq(seen.count, 1);
        ck_assert_int_eq(seen.report[0].misuse, LULL_POOL_FORGOTTEN_PUT);
        seen.count = 0;
    }
    end();
}
END_TEST

static void put_back(lull_thread *t, void *object, void *arg)
{
    lull_pool_put(t, arg, object);
}

/* A finalizer is a way to put back. */
START_TEST(a_finalizer_may_put)
{
    begin(_i);
    ck_assert_int_eq(lull_finalizer_set(self, take(), put_back, pool), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(self, 0), 1);
    nothing_was_seen();
    for (int i = 0; i < 4; i++) {
        collect();
    }
    end();
}
END_TEST

static lull_pool *parts;

static void *make_whole(lull_thread *t, void *arg)
{
    struct item *whole = lull_alloc(t, item_type);

    (void)arg;
    root[6] = whole;
    lull_store(t, &whole->next, items_get(t, parts));
    root[6] = NULL;
    return whole;
}

static PLACE(calling) void use_whole(lull_pool *wholes)
{
    struct item *whole = take_from(wholes);

    if (whole->next->next == NULL) { /* a part of a part, given later */
        root[6] = whole;
        lull_store(self, &whole->next->next, items_get(self, parts));
        root[6] = NULL;
    }
    put_into(wholes, whole);
}

/* What hangs on an object that the pool lets go dies with it. */
START_TEST(parts_of_what_is_dropped_were_not_forgotten)
{
    begin(_i);
    parts = pool;
    lull_pool *wholes = new_pool((lull_pool_options){.make = make_whole});
    use_whole(wholes);
    use_whole(wholes);
    for (int i = 0; i < 4; i++) {
        collect();
    }
    lull_pool_stats stats;
    lull_pool_stats_read(wholes, &stats);
    ck_assert_uint_eq(stats.idle, 0);
    nothing_was_seen();
    use_whole(wholes);
    lull_pool_destroy(wholes);
    collect();
    end();
}
END_TEST

/* ---- use after put ---- */

static PLACE(calling) uintptr_t put_but_hold(void *place)
{
    struct item *item = take();

    lull_store(self, place, item);
    put(item);
    return hide(item);
}

static void check_held(uintptr_t object)
{
    const lull_pool_report *report = only(LULL_POOL_USE_AFTER_PUT, object);

    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert_ptr_null(report->again_at[0]);
}

START_TEST(a_registered_root_holds_it)
{
    begin(_i);
    uintptr_t object = ~put_but_hold(&root[3]);
    settle();
    check_held(object);
    ck_assert(says("held by the registered root at %p\n", (void *)&root[3]));
    settle(); /* once is enough */
    nothing_was_seen();
    end();
}
END_TEST

START_TEST(a_handle_holds_it)
{
    begin(_i);
    struct item *item = take();
    lull_handle *handle = lull_handle_new(self, item);
    put(item);
    settle();
    check_held((uintptr_t)item);
    ck_assert(says("held by a handle\n"));
    lull_handle_free(self, handle);
    end();
}
END_TEST

START_TEST(a_frame_holds_it)
{
    begin(_i);
    LULL_FRAME(self, frame, 2);
    uintptr_t object = ~put_but_hold(&frame.root[1]);
    settle();
    check_held(object);
    ck_assert(says("held by a frame of thread 1, at %p\n", (void *)&frame.root[1]));
    lull_frame_pop(self, &frame.head);
    end();
}
END_TEST

static void *traced;

static void trace_it(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)object, (void)size, (void)arg;
    lull_trace(tracer, traced);
}

START_TEST(a_tracer_holds_it)
{
    begin(_i);
    lull_set_tracer(self, trace_it, NULL);
    traced = take();
    put(traced);
    settle();
    check_held((uintptr_t)traced);
    ck_assert(says("held by the tracer of thread 1"));
    traced = NULL;
    end();
}
END_TEST

/* A way over objects of several layouts, told from its root to its end. */
START_TEST(the_way_is_told)
{
    begin(_i);
    const lull_type *holder_type = LULL_RECORD(heap, struct holder, one, other);
    struct holder *first = lull_alloc(self, holder_type);
    lull_store(self, &root[2], first);
    void **array = lull_alloc_array(
        self, lull_type_record(heap, "pointer", sizeof(void *), (const size_t[]){0}, 1), 100);
    lull_store(self, &first->other, array);
    struct item *item = take();
    lull_store(self, &array[71], &item->bytes[5]); /* into the object is as good */
    put(item);
    settle();
    check_held((uintptr_t)item);
    ck_assert(says("held by the registered root at %p -> %p (struct holder) at offset 16 -> %p "
                   "(pointer) at offset 568\n",
                   (void *)&root[2], (void *)first, (void *)array));
    end();
}
END_TEST

/* The shortest way, and of a long one its ends. */
START_TEST(a_long_way_is_cut)
{
    struct item *node[12];

    begin(_i);
    for (int i = 0; i < 12; i++) {
        node[i] = lull_alloc(self, item_type);
        lull_store(self, i == 0 ? &root[0] : (void **)&node[i - 1]->next, node[i]);
    }
    struct item *item = take();
    lull_store(self, &node[11]->next, item);
    put(item);
    settle();
    check_held((uintptr_t)item);
    ck_assert(says("%p (struct item) at offset 8 -> ... (4 more) -> %p (struct item) at offset 8",
                   (void *)node[3], (void *)node[8]));
    end();
}
END_TEST

START_TEST(a_callback_holds_it)
{
    begin(_i);
    void **holder = lull_alloc(self, lull_type_custom(heap, "traced", 64, trace_words, NULL));
    lull_store(self, &root[0], holder);
    uintptr_t object = ~put_but_hold(&holder[4]);
    settle();
    check_held(object);
    ck_assert(says("-> %p (traced) at offset 32\n", (void *)holder));
    end();
}
END_TEST

/* Weak references hold nothing; words of conservative objects and of leaves only look like it; what
 * lies in a pool may point to what it likes. */
START_TEST(what_does_not_hold_is_not_reported)
{
    begin(_i);
    struct item *item = take();
    lull_store(self, &root[0], lull_weak_new(self, item));
    void **any = lull_alloc_any(self, 64);
    lull_store(self, &root[1], any);
    lull_store(self, &any[3], item);
    void **leaf = lull_alloc_leaf(self, 64);
    lull_store(self, &root[2], leaf);
    leaf[3] = item;
    struct item *other = take();
    lull_store(self, &other->next, item);
    put(item);
    put(other);
    struct item *third = take();
    lull_store(self, &third->next, item); /* what is put does not count, though it is reached */
    lull_store(self, &root[3], third);
    put(third);
    settle();
    only(LULL_POOL_USE_AFTER_PUT, (uintptr_t)third);
    settle();
    end();
}
END_TEST

static void *make_and_collect(lull_thread *t, void *arg)
{
    (void)arg;
    lull_collect(t);
    lull_collect(t);
    lull_collect(t);
    return lull_alloc(t, item_type);
}

/* An object may be put, and then give its place to the next, whatever that takes. */
START_TEST(the_next_object_takes_its_place)
{
    begin(_i);
    lull_pool *slow = new_pool((lull_pool_options){.make = make_and_collect});
    lull_pool *other = new_pool((lull_pool_options){.make = make_and_collect});
    root[1] = take_from(slow);
    for (int i = 0; i < 3; i++) {
        put_into(i % 2 == 0 ? slow : other, root[1]);
        lull_store(self, &root[1], take_from(i % 2 == 0 ? other : slow));
        nothing_was_seen();
        collect();
        nothing_was_seen();
    }
    settle();
    put_into(other, root[1]);
    collect(); /* nor is one collection in between too much */
    root[1] = NULL;
    settle();
    end();
}
END_TEST

/* Of another thread, that a signal holds after its put and before it lets go. */
#ifndef SIGNALS_WAIT
static void *put_then_let_go(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct item *item = lull_pool_get(t, pool);

    lull_store(t, &root[5], item);
    lull_pool_put(t, pool, item);
    atomic_store(&stage, 1);
    while (atomic_load(&stage) < 2) { /* no safepoint: a signal finds it here */
    }
    if (*(bool *)arg) {
        root[5] = NULL;
    }
    item = NULL;
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    atomic_store(&stage, 3); /* no signal holds it from here on */
    mutator_await(&stage, 4);
    ensure(lull_blocking_end(t) == LULL_OK, "%s", lull_error_message());
    lull_detach(t);
    return NULL;
}

START_TEST(a_put_is_judged_after_a_safepoint)
{
    bool lets_go = _i >= COLLECTING;

    begin(_i % COLLECTING);
    pthread_t thread = mutator_start(put_then_let_go, &lets_go);
    mutator_await_blocked(self, &stage, 1);
    for (int i = 0; i < 3; i++) {
        collect();
        nothing_was_seen();
    }
    atomic_store(&stage, 2);
    mutator_await_blocked(self, &stage, 3);
    settle();
    if (lets_go) {
        nothing_was_seen();
    } else {
        ck_assert_int_eq(only(LULL_POOL_USE_AFTER_PUT, (uintptr_t)root[5])->misuse,
                         LULL_POOL_USE_AFTER_PUT);
    }
    atomic_store(&stage, 4);
    lull_blocking_begin(self);
    mutator_join(thread);
    lull_blocking_end(self);
    end();
}
END_TEST

#endif

/* ---- which pools, and where to ---- */

START_TEST(a_pool_alone_is_audited)
{
    open_heap(_i, 0);
    if (support_audited()) {
        end();
        return;
    }
    lull_pool *one = new_pool((lull_pool_options){.flags = LULL_POOL_AUDIT});
    struct item *item = take();
    put(item);
    struct lull_magazines *m = lull__magazines_at(self, lull__magazines_offset(pool));
    ck_assert(LULL__DEBUG || m->limit != 0);
    item->number = 9; /* nobody looks */
    ck_assert_ptr_eq(take(), item);
    ck_assert_uint_eq(item->number, 9);
    nothing_was_seen();
    item = take_from(one);
    put_into(one, item);
    put_into(one, item);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)item);
    end();
}
END_TEST

/* Runs misuse() with stderr in a file, and says how much it wrote. */
static size_t written_by(void (*misuse)(void), char *text, size_t room)
{
    FILE *file = tmpfile();
    int saved = dup(2);

    dup2(fileno(file), 2);
    misuse();
    dup2(saved, 2);
    close(saved);
    rewind(file);
    size_t length = fread(text, 1, room - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

static void put_twice(void)
{
    struct item *item = take();

    put(item);
    put(item);
}

START_TEST(it_writes_where_asked)
{
    char text[4096];

    begin(_i);
    lull_pool_report_to(heap, NULL, NULL);
    ck_assert_uint_gt(written_by(put_twice, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "lull: pool \"items\": double put: "));
    ck_assert_ptr_nonnull(strstr(text, "\n    put at   /"));
    ck_assert_ptr_nonnull(strstr(text, "\n    now at   /"));
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    lull_pool_report_to(heap, note, &seen);
    ck_assert_uint_eq(written_by(put_twice, text, sizeof text), 0);
    ck_assert_uint_eq(seen.count, 1);
    seen.count = 0;
    end();
}
END_TEST

START_TEST(it_writes_nowhere_unasked)
{
    char text[4096];

    open_heap(_i, 0);
    pool = new_pool((lull_pool_options){.flags = LULL_POOL_AUDIT});
    lull_pool_report_to(heap, NULL, NULL);
    if (!support_audited()) {
        ck_assert_uint_eq(written_by(put_twice, text, sizeof text), 0);
        ck_assert_uint_eq(lull_pool_misuses(heap), 1);
    }
    end();
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    begin(_i);
    ck_assert_int_eq(lull_pool_report_to(NULL, note, NULL), LULL_E_INVALID);
    ck_assert_uint_eq(lull_pool_misuses(NULL), 0);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_str_eq(lull_pool_misuse_name(LULL_POOL_FORGOTTEN_PUT), "forgotten put");
    for (int i = 0; i < LULL_POOL_MISUSES; i++) {
        ck_assert_ptr_nonnull(lull_pool_misuse_name((lull_pool_misuse)i));
    }
    ck_assert_ptr_null(lull_pool_misuse_name(LULL_POOL_MISUSES));
    ck_assert_ptr_null(lull_pool_misuse_name((lull_pool_misuse)-1));
    end();
}
END_TEST

/* ---- the end ---- */

START_TEST(the_end_finds_what_is_left)
{
    begin(_i);
    uintptr_t lost = ~take_and_forget();
    hold_as(0);                               /* held to the end: not forgotten */
    uintptr_t used = ~put_but_hold(&root[2]); /* held, and put */
    lull_detach(self);
    nothing_was_seen();
    ck_assert_uint_eq(lull_pool_misuses(heap), 2);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_int_eq(seen.report[0].misuse, LULL_POOL_USE_AFTER_PUT);
    ck_assert_uint_eq((uintptr_t)seen.report[0].object, used);
    ck_assert_int_eq(seen.report[1].misuse, LULL_POOL_FORGOTTEN_PUT);
    ck_assert_uint_eq((uintptr_t)seen.report[1].object, lost);
    ck_assert_uint_eq(lull_pool_misuses(heap), 2);
    seen.count = 0;
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    nothing_was_seen();
}
END_TEST

static PLACE(calling) void leave_it_to_a_finalizer(void)
{
    lull_finalizer_set(self, take(), put_back, pool);
    struct item *holder = lull_alloc(self, item_type);
    root[0] = holder;
    lull_store(self, &holder->next, take());
    lull_finalizer_set(self, holder, put_back, pool);
    root[0] = NULL;
}

/* What a finalizer would put back, had it run: it waits to die, or for its finalizer. */
START_TEST(the_end_leaves_finalizers_what_is_theirs)
{
    begin(_i % ALL);
    leave_it_to_a_finalizer();
    if (_i >= ALL && _i % ALL != COLLECTING) {
        collect();
        ck_assert_uint_eq(lull_finalizers_pending(heap), 2);
    }
    lull_detach(self);
    ck_assert_uint_eq(lull_pool_misuses(heap), 0);
    lull_heap_destroy(heap);
    nothing_was_seen();
}
END_TEST

/* Parts of what lies in a pool. */
START_TEST(the_end_leaves_pools_what_is_theirs)
{
    begin(_i);
    parts = pool;
    use_whole(new_pool((lull_pool_options){.make = make_whole}));
    end();
}
END_TEST

START_TEST(so_does_the_heaps_end)
{
    begin(_i);
    uintptr_t object = ~take_and_forget();
    lull_detach(self);
    lull_heap_destroy(heap);
    only(LULL_POOL_FORGOTTEN_PUT, object);
}
END_TEST

/* ---- fork ---- */

static void *hold_and_wait(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    struct item *volatile mine = lull_pool_get(t, pool);

    (void)arg;
    atomic_store(&stage, 1);
    mutator_await_blocked(t, &stage, 2);
    lull_pool_put(t, pool, mine);
    lull_detach(t);
    return NULL;
}

/* The child has lost the thread, and what only that had; its own mistakes are found. */
static int be_the_child(void)
{
    uintptr_t object;

    if (lull_collect(self) != LULL_OK || seen.count != 0) {
        return 1;
    }
    put(root[0]);
    root[0] = NULL;
    object = ~take_and_forget();
    if (lull_collect(self) != LULL_OK || seen.count != 1 ||
        (uintptr_t)seen.report[0].object != object) {
        return 2;
    }
    return lull_detach(self) != LULL_OK || lull_heap_destroy(heap) != LULL_OK || seen.count != 1;
}

START_TEST(a_fork_loses_threads)
{
    int status;

    begin(_i);
    root[0] = take();
    pthread_t thread = mutator_start(hold_and_wait, NULL);
    mutator_await_blocked(self, &stage, 1);
    pid_t child = fork();
    if (child == 0) {
        _exit(be_the_child());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    collect();
    atomic_store(&stage, 2);
    lull_blocking_begin(self);
    mutator_join(thread);
    lull_blocking_end(self);
    put(root[0]);
    root[0] = NULL;
    end();
}
END_TEST

/* ---- without memory ---- */

/* The audit does what it can, and reports nothing that is not so. */
START_TEST(without_memory_nothing_is_made_up)
{
    static struct item *table[2000];

    begin(_i);
    lull_roots_add(heap, table, sizeof table);
    for (long maps = 0; maps < 12; maps++) {
        for (size_t i = 0; i < 2000; i++) {
            lull_store(self, &table[i], take());
        }
        atomic_store(&scarce_maps, maps);
        for (size_t i = 0; i < 1000; i++) {
            put(table[i]);
            table[i] = NULL;
        }
        if (_i != COLLECTING) {
            collect();
        }
        atomic_store(&scarce_maps, PLENTY);
        for (size_t i = 1000; i < 2000; i++) {
            put(table[i]);
            table[i] = NULL;
        }
        nothing_was_seen();
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit");
    TCase *tests = tcase_create("collecting"), *all = tcase_create("in every mode");

    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(tests, a_forgotten_put_is_found, 0, COLLECTING);
    tcase_add_loop_test(tests, callers_are_found, 0, COLLECTING);
    tcase_add_loop_test(tests, threads_die_with_what_they_took, 0, COLLECTING);
    tcase_add_loop_test(tests, what_is_held_is_not_forgotten, 0, COLLECTING);
    tcase_add_loop_test(tests, a_finalizer_may_put, 0, COLLECTING);
    tcase_add_loop_test(tests, parts_of_what_is_dropped_were_not_forgotten, 0, COLLECTING);
    tcase_add_loop_test(tests, a_registered_root_holds_it, 0, COLLECTING);
    tcase_add_loop_test(tests, a_handle_holds_it, 0, COLLECTING);
    tcase_add_loop_test(tests, a_frame_holds_it, 0, COLLECTING);
    tcase_add_loop_test(tests, a_tracer_holds_it, 0, COLLECTING);
    tcase_add_loop_test(tests, the_way_is_told, 0, COLLECTING);
    tcase_add_loop_test(tests, a_long_way_is_cut, 0, COLLECTING);
    tcase_add_loop_test(tests, a_callback_holds_it, 0, COLLECTING);
    tcase_add_loop_test(tests, what_does_not_hold_is_not_reported, 0, COLLECTING);
    tcase_add_loop_test(tests, the_next_object_takes_its_place, 0, COLLECTING);
    /* In mode stop the child needs no thread. */
    tcase_add_loop_test(tests, a_fork_loses_threads, 0, support_child_threads() ? COLLECTING : 1);
#ifndef SIGNALS_WAIT
    tcase_add_loop_test(tests, a_put_is_judged_after_a_safepoint, 0, 2 * COLLECTING);
#endif
    tcase_add_loop_test(all, a_pool_alone_is_audited, 0, ALL);
    tcase_add_loop_test(all, it_writes_where_asked, 0, ALL);
    tcase_add_loop_test(all, it_writes_nowhere_unasked, 0, ALL);
    tcase_add_loop_test(all, wrong_arguments_are_refused, 0, ALL);
    tcase_add_loop_test(all, the_end_finds_what_is_left, 0, ALL);
    tcase_add_loop_test(all, the_end_leaves_finalizers_what_is_theirs, 0, 2 * ALL);
    tcase_add_loop_test(all, the_end_leaves_pools_what_is_theirs, 0, ALL);
    tcase_add_loop_test(all, so_does_the_heaps_end, 0, ALL);
    tcase_add_loop_test(all, without_memory_nothing_is_made_up, 0, ALL);
    return support_run_suite(suite);
}
