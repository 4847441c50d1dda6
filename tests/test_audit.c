/* test_audit.c -- pools under audit: each misuse is found, with the places where the program did it;
 * what is right, however near it comes, is not reported. In every mode. */
#include <check.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lull.h>

#include "heap.h"
#include "mutators.h"
#include "poison.h"
#include "scarce.h"
#include "support.h"

struct item {
    uint64_t number;
    struct item *next;
    char bytes[48];
};

LULL_POOL_TYPE(items, struct item)

static lull_heap *heap;
static lull_thread *self;
static const lull_type *item_type;
static lull_pool *pool;
static void *root[8]; /* registered */

/* ---- places ----
 * Each function that is to be named in a report is alone in a section of its own, whose bounds the
 * linker tells. */

#define PLACE(name) __attribute__((noinline, noipa, section("place_" #name)))
#if !defined(__has_attribute) || !__has_attribute(noipa)
#undef PLACE
#define PLACE(name) __attribute__((noinline, section("place_" #name)))
#endif
#define BOUNDS(name) extern const char __start_place_##name[], __stop_place_##name[]
#define IS_IN(name, code)                                                                          \
    ((const char *)(code) > __start_place_##name && (const char *)(code) <= __stop_place_##name)

BOUNDS(taking);
BOUNDS(putting);
BOUNDS(calling);

PLACE(taking) static struct item *take_from(lull_pool *from)
{
    struct item *item = items_get(self, from);

    ensure(item != NULL, "%s", lull_error_message());
    return item;
}

static struct item *take(void)
{
    return take_from(pool);
}

PLACE(putting) static void put_into(lull_pool *to, void *object)
{
    lull_pool_put(self, to, object);
    __asm__ volatile("" ::: "memory"); /* no tail call: the place would not show */
}

static void put(void *object)
{
    put_into(pool, object);
}

/* ---- reports ---- */

#define REPORTS 64
static struct {
    pthread_mutex_t lock;
    lull_pool_report report[REPORTS];
    char text[REPORTS][4096];
    char pool[REPORTS][64], type[REPORTS][64];
    unsigned count;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(const lull_pool_report *report, void *arg)
{
    ensure(arg == &seen, "the argument that was given");
    pthread_mutex_lock(&seen.lock);
    ensure(seen.count < REPORTS, "too many: %s", report->text);
    unsigned i = seen.count++;
    seen.report[i] = *report;
    snprintf(seen.text[i], sizeof seen.text[i], "%s", report->text);
    snprintf(seen.pool[i], sizeof seen.pool[i], "%s", report->pool);
    snprintf(seen.type[i], sizeof seen.type[i], "%s", report->type);
    pthread_mutex_unlock(&seen.lock);
}

static void nothing_was_seen(void)
{
    ensure(seen.count == 0, "%u: %s", seen.count, seen.text[0]);
}

/* The one report there is, which is of this misuse of the object. */
static const lull_pool_report *only(lull_pool_misuse misuse, uintptr_t object)
{
    ensure(seen.count == 1, "%u reports; %s%s", seen.count, seen.text[0], seen.text[1]);
    ensure(seen.report[0].misuse == misuse, "%s", seen.text[0]);
    ensure((uintptr_t)seen.report[0].object == object, "%s", seen.text[0]);
    seen.count = 0;
    return &seen.report[0];
}

__attribute__((format(printf, 1, 2))) static bool says(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strstr(seen.text[0], text) == NULL) {
        fprintf(stderr, "%s: not in: %s", text, seen.text[0]);
        return false;
    }
    return true;
}

/* ---- heaps ---- */

static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT, LULL_MODE_INCREMENTAL,
                                  LULL_MODE_OFF};
enum { COLLECTING = 3, ALL = 4 };

static lull_pool *new_pool(lull_pool_options options)
{
    options.struct_size = sizeof options;
    options.name = options.name != NULL ? options.name : "items";
    options.type = options.type != NULL || options.object_bytes != 0 ? options.type : item_type;
    lull_pool *made = lull_pool_create(heap, &options);
    ensure(made != NULL, "%s", lull_error_message());
    return made;
}

static void open_heap(int mode, unsigned debug)
{
    lull_options options = support_options();

    options.mode = modes[mode];
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY | debug;
    heap = support_heap(&options);
    self = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(self);
    ck_assert_int_eq(lull_pool_report_to(heap, note, &seen), LULL_OK);
    ck_assert_int_eq(lull_roots_add(heap, root, sizeof root), LULL_OK);
    item_type = LULL_RECORD(heap, struct item, next);
    pool = new_pool((lull_pool_options){0});
}

static void begin(int mode)
{
    open_heap(mode, LULL_DEBUG_POOLS);
}

static void collect(void)
{
    ck_assert_int_eq(lull_collect(self), LULL_OK);
}

/* Until what was put is judged. */
static void settle(void)
{
    collect();
    collect();
}

/* The heap's end finds nothing more. */
static void end(void)
{
    memset(root, 0, sizeof root);
    ck_assert_int_eq(lull_detach(self), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    nothing_was_seen();
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

struct holder {
    uint64_t number;
    void *one, *other;
};

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

static void trace_words(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)arg;
    lull_trace_range(tracer, object, (const char *)object + size);
}

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

static atomic_uint stage; /* that threads are at */

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
    lull_safepoint(t);
    atomic_store(&stage, 3);
    mutator_await_blocked(t, &stage, 4);
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

/* ---- double and foreign put ---- */

START_TEST(a_double_put_is_found)
{
    begin(_i);
    struct item *item = take();
    put(item);
    put(item);
    const lull_pool_report *report = only(LULL_POOL_DOUBLE_PUT, (uintptr_t)item);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(IS_IN(putting, report->again_at[0]));
    struct item *one = take(), *other = take();
    ck_assert_ptr_ne(one, other); /* it has one owner */
    put(one);
    put(other);
    ck_assert_uint_eq(lull_pool_misuses(heap), 1);
    end();
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

/* Also when the pool has let it go meanwhile. */
START_TEST(a_put_of_what_was_dropped_is_found)
{
    begin(_i);
    lull_pool *small = new_pool((lull_pool_options){.bounds.max_idle = 1});
    struct item *one = take_from(small), *other = take_from(small);
    put_into(small, one);
    put_into(small, other);
    lull_pool_stats stats;
    lull_pool_stats_read(small, &stats);
    ck_assert_uint_eq(stats.drops, 1);
    put_into(small, one);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)one);
    put_into(small, other);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)other);
    end();
}
END_TEST

static void *put_at_once(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    atomic_fetch_add(&stage, 1);
    while (atomic_load(&stage) < 2) {
    }
    lull_pool_put(t, pool, arg);
    lull_detach(t);
    return NULL;
}

START_TEST(two_threads_put_at_once)
{
    begin(_i);
    for (int i = 0; i < 20; i++) {
        struct item *item = take();
        atomic_store(&stage, 0);
        pthread_t thread[2] = {mutator_start(put_at_once, item), mutator_start(put_at_once, item)};
        lull_blocking_begin(self);
        mutator_join(thread[0]);
        mutator_join(thread[1]);
        lull_blocking_end(self);
        only(LULL_POOL_DOUBLE_PUT, (uintptr_t)item);
    }
    end();
}
END_TEST

/* Pools that stand on pools refuse such a put themselves. */
START_TEST(a_double_put_of_a_buffer_is_found)
{
    begin(_i);
    lull_buffer_pool *buffers = lull_buffer_pool_create(heap, NULL);
    lull_buffer_put(self, buffers, lull_buffer_get_sized(self, buffers, 100));
    lull_buffer *buffer = lull_buffer_get_sized(self, buffers, 100);
    root[0] = buffer;
    lull_buffer_reserve(self, buffer, 10000); /* with storage of another pool */
    root[0] = NULL;
    lull_buffer_put(self, buffers, buffer);
    nothing_was_seen();
    lull_buffer_put(self, buffers, buffer);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)buffer);
    root[0] = buffer = lull_buffer_get_sized(self, buffers, 10000);
    lull_buffer_pool *others = lull_buffer_pool_create(heap, NULL);
    lull_buffer_put(self, others, buffer);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)buffer);
    lull_buffer_reserve(self, buffer, (size_t)64 << 20); /* beyond all of them: dropped */
    lull_buffer_put(self, buffers, buffer);
    root[0] = buffer = NULL;
    if (_i != COLLECTING) {
        collect();
    }
    end();
}
END_TEST

START_TEST(a_put_into_another_pool_is_found)
{
    begin(_i);
    lull_pool *other = new_pool((lull_pool_options){.name = "others"});
    struct item *item = take();
    put_into(other, item);
    const lull_pool_report *report = only(LULL_POOL_FOREIGN_PUT, (uintptr_t)item);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->again_at[0]));
    ck_assert_str_eq(seen.pool[0], "others");
    ck_assert(says("it is of pool \"items\""));
    put(item); /* it is still out */
    nothing_was_seen();
    end();
}
END_TEST

static int no_object[4];

START_TEST(what_is_no_object_is_found)
{
    begin(_i);
    struct item *item = take();
    put(&item->bytes[4]);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)&item->bytes[4])->offset, 20);
    ck_assert(says("it points 20 bytes into the object %p", (void *)item));
    put(no_object);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)no_object)->size, 0);
    ck_assert(says("there is no object of this heap"));
    put((void *)(uintptr_t)8);
    only(LULL_POOL_FOREIGN_PUT, 8);
    put(NULL);
    put(item);
    nothing_was_seen();
    end();
}
END_TEST

START_TEST(an_object_of_another_heap_is_found)
{
    begin(_i);
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);
    lull_thread *t = lull_attach(other, LULL_STACK_PRECISE);
    struct item *item = lull_alloc(t, LULL_RECORD(other, struct item, next));
    put(item);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)item);
    lull_detach(t);
    lull_heap_destroy(other);
    end();
}
END_TEST

START_TEST(an_object_of_another_type_is_found)
{
    begin(_i);
    struct holder *holder = lull_alloc(self, LULL_RECORD(heap, struct holder, one, other));
    put(holder);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)holder);
    ck_assert(says("(struct holder, "));
    ck_assert(says("the pool's objects are of type struct item"));
    put(lull_alloc(self, item_type)); /* made by the program, as it should be */
    nothing_was_seen();
    end();
}
END_TEST

/* Of a leaf nobody knows the type, but how large it is. */
START_TEST(an_object_that_is_too_small_is_found)
{
    begin(_i);
    void *leaf = lull_alloc_leaf(self, 1);
    put(leaf);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)leaf);
    ck_assert(says("it is of 16 bytes, and type struct item of %zu", sizeof(struct item)));
    put(lull_alloc(self, item_type));
    nothing_was_seen();
    end();
}
END_TEST

/* ---- write after put, stale data ---- */

/* _i: the mode, and who notices. */
START_TEST(a_write_after_put_is_found)
{
    int by = _i / ALL;

    begin(_i % ALL);
    if (by == 1 && _i % ALL == COLLECTING) {
        end();
        return;
    }
    struct item *item = take();
    item->number = 11;
    strcpy(item->bytes, "as it was");
    put(item);
    memcpy(item->bytes + 3, "late", 4);
    switch (by) {
    case 0: ck_assert_ptr_eq(take(), item); break;
    case 1: collect(); break;
    case 2: lull_pool_destroy(pool); break;
    default:
        lull_detach(self);
        ck_assert_uint_eq(lull_pool_misuses(heap), 1);
        self = lull_attach(heap, LULL_STACK_PRECISE);
    }
    const lull_pool_report *report = only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)item);
    ck_assert_uint_eq(report->offset, offsetof(struct item, bytes) + 3);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(by != 0 || IS_IN(taking, report->again_at[0]));
    ck_assert(says("the byte at offset 19 was bd, and is now 6c 61 74 65 bd bd"));
    if (by < 2) {
        ck_assert_ptr_eq(by == 0 ? item : take(), item);
        ck_assert_uint_eq(item->number, 11); /* a get returns what was put */
        ck_assert_str_eq(item->bytes, "as it was");
        put(item);
    }
    nothing_was_seen();
    end();
}
END_TEST

START_TEST(a_store_after_put_is_found)
{
    begin(_i);
    struct item *item = take();
    lull_store(self, &item->next, item);
    put(item);
    lull_store(self, &item->next, NULL);
    take();
    size_t offset = only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)item)->offset;
    ck_assert_uint_eq(offset / sizeof(void *) * sizeof(void *), offsetof(struct item, next));
    put(item);
    end();
}
END_TEST

static void clear_most(void *object, void *arg)
{
    struct item *item = object;

    (void)arg;
    item->number = 0;
    memset(item->bytes, 0, 40);
}

START_TEST(stale_data_is_found)
{
    begin(_i);
    lull_pool *clean = new_pool((lull_pool_options){.reset = clear_most, .flags = LULL_POOL_CLEAN});
    struct item *item = take_from(clean);
    memset(item->bytes, 0x77, 40);
    put_into(clean, item);
    nothing_was_seen();
    ck_assert_ptr_eq(take_from(clean), item);
    item->bytes[41] = 0x5a;
    put_into(clean, item);
    const lull_pool_report *report = only(LULL_POOL_STALE_DATA, (uintptr_t)item);
    ck_assert_uint_eq(report->offset, offsetof(struct item, bytes) + 41);
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(says("is now 5a 00 00"));
    end();
}
END_TEST

/* ---- callbacks ---- */

static void put_another(void *object, void *arg)
{
    (void)object;
    put_into(*(lull_pool **)arg, root[7]);
}

START_TEST(a_put_inside_reset_is_found)
{
    lull_pool *strange;

    begin(_i);
    strange = new_pool((lull_pool_options){.reset = put_another, .arg = &strange});
    root[7] = take_from(strange);
    put_into(strange, take_from(strange));
    const lull_pool_report *report = only(LULL_POOL_PUT_IN_CALLBACK, (uintptr_t)root[7]);
    ck_assert(IS_IN(putting, report->again_at[0]));
    root[7] = NULL;
    end();
}
END_TEST

static void *make_by_get(lull_thread *t, void *arg)
{
    (void)t;
    struct item *item = items_get(self, *(lull_pool **)arg);
    ensure(item == NULL, "a get inside make");
    return lull_alloc(self, item_type);
}

START_TEST(a_get_inside_make_is_found)
{
    lull_pool *strange;

    begin(_i);
    strange = new_pool((lull_pool_options){.make = make_by_get, .arg = &strange});
    struct item *item = take_from(strange);
    ck_assert_ptr_nonnull(item);
    only(LULL_POOL_GET_IN_MAKE, 0);
    put_into(strange, item);
    end();
}
END_TEST

/* ---- what lies idle ---- */

/* Of every layout: what is got is what was put, to the byte; meanwhile it is poison, but for what the
 * collector reads, which stays alive. */
START_TEST(what_is_got_is_what_was_put)
{
    begin(_i);
    const lull_type *types[] = {
        item_type,
        lull_type_leaf(heap, "leaf", 100),
        lull_type_conservative(heap, "any", 128),
        lull_type_custom(heap, "traced", 64, trace_words, NULL),
        lull_type_record(heap, "wide", 8 * 100, (const size_t[]){8, 8 * 99}, 2),
        lull_type_leaf(heap, "large", 100000),
        lull_type_record(heap, "large record", 80000, (const size_t[]){8}, 1),
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        lull_pool *p = new_pool((lull_pool_options){.type = types[k]});
        size_t bytes = lull_type_size(types[k]);
        bool points = k != 1 && k != 5;
        unsigned char *object = lull_pool_get(self, p);
        root[0] = object;
        memset(object + 16, 0x11, bytes - 16);
        if (k == 4) {
            memset(object + 8 * 99, 0, 8);
        }
        if (points) {
            struct item *child = lull_alloc(self, item_type);
            child->number = 99;
            lull_store(self, object + 8, child);
        }
        root[0] = NULL;
        void *word = *(void **)(void *)(object + 8);
        put_into(p, object);
        ck_assert_int_eq(object[bytes - 9], k == 3 ? 0x11 : LULL__POISON);
        ck_assert(!points || *(void **)(void *)(object + 8) == word);
        for (int i = 0; i < 2 && _i != COLLECTING; i++) {
            collect();
        }
        ck_assert_ptr_eq(lull_pool_get(self, p), object);
        root[0] = object;
        ck_assert_ptr_eq(*(void **)(void *)(object + 8), word);
        ck_assert(!points || ((struct item *)word)->number == 99);
        for (size_t i = 16; i < bytes; i++) {
            ensure(object[i] == (k == 4 && i >= 8 * 99 ? 0 : 0x11), "type %zu, byte %zu", k, i);
        }
        put_into(p, object);
        root[0] = NULL;
    }
    end();
}
END_TEST

/* What a pool lets go is whole for its finalizer. */
static void see_whole(lull_thread *t, void *object, void *arg)
{
    (void)t;
    *(bool *)arg = ((struct item *)object)->number == 1234;
}

START_TEST(what_is_dropped_is_whole)
{
    bool whole = false;

    begin(_i);
    struct item *item = take();
    item->number = 1234;
    lull_finalizer_set(self, item, see_whole, &whole);
    put(item);
    item = NULL;
    for (int i = 0; i < 5; i++) {
        collect();
    }
    lull_finalizers_run(self, 0);
    ck_assert(whole);
    end();
}
END_TEST

/* And for the pool's destroy, which here is told of each object that the pool had. */
static void destroy_whole(void *object, void *arg)
{
    *(unsigned *)arg += ((struct item *)object)->number == 1234;
}

START_TEST(what_is_destroyed_is_whole)
{
    unsigned whole = 0;

    begin(_i);
    lull_pool *p = new_pool(
        (lull_pool_options){.destroy = destroy_whole, .arg = &whole, .bounds.max_idle = 2});
    struct item *item[3];
    for (int i = 0; i < 3; i++) {
        root[i] = item[i] = take_from(p);
        item[i]->number = 1234;
    }
    for (int i = 0; i < 3; i++) {
        put_into(p, item[i]);
        root[i] = NULL;
    }
    ck_assert_uint_eq(whole, 1); /* the third */
    lull_pool_destroy(p);
    ck_assert_uint_eq(whole, 3);
    end();
}
END_TEST

/* ---- objects outside the heap ---- */

START_TEST(mistakes_outside_the_heap)
{
    begin(_i);
    lull_pool *out = new_pool((lull_pool_options){.object_bytes = 100});
    lull_pool *other = new_pool((lull_pool_options){.object_bytes = 100, .name = "others"});
    struct item *inside = take();
    char *object = lull_pool_get(self, out);
    memset(object, 0x11, 100);
    put_into(other, object);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)object)->size, 100);
    put_into(out, object + 40);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)object + 40)->offset, 40);
    put_into(out, inside);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)inside);
    put_into(out, object);
    put_into(out, object);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)object);
    ck_assert_int_eq(object[99], (char)LULL__POISON);
    object[99] = 0x44; /* in the last, half word */
    ck_assert_ptr_eq(lull_pool_get(self, out), object);
    ck_assert_uint_eq(only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)object)->offset, 99);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(object[i], 0x11);
    }
    put_into(out, object);
    put(inside);
    lull_pool_destroy(out);
    end();
}
END_TEST

/* Their addresses come again from malloc, and sizes change. */
START_TEST(right_use_outside_the_heap)
{
    static char *table[500];

    begin(_i);
    lull_pool *out = new_pool((lull_pool_options){.object_bytes = 64, .bounds.max_idle = 100});
    for (size_t round = 0; round < 6; round++) {
        for (size_t i = 0; i < 500; i++) {
            table[i] = lull_pool_get(self, out);
            memset(table[i], (int)i, 40);
        }
        lull_pool_resize(out, round % 2 == 0 ? 40 : 64);
        for (size_t i = 0; i < 500; i++) {
            put_into(out, table[i]);
        }
        if (_i != COLLECTING) {
            collect();
        }
    }
    end();
}
END_TEST

/* ---- right programs ---- */

START_TEST(many_objects_come_and_go)
{
    static struct item *table[3000];

    begin(_i);
    lull_roots_add(heap, table, sizeof table);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3000; i++) {
            lull_store(self, &table[i], take());
            table[i]->number = i;
        }
        if (_i != COLLECTING) {
            collect();
        }
        for (size_t i = 0; i < 3000; i++) {
            ensure(table[i]->number == i, "%zu", i);
            put(table[i]);
            table[i] = NULL;
        }
        for (size_t i = 0; i < round && _i != COLLECTING; i++) {
            collect();
        }
    }
    ck_assert_uint_eq(lull_pool_misuses(heap), 0);
    end();
}
END_TEST

static void *hand_over(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    for (int i = 0; i < 300; i++) {
        struct item *mine = lull_pool_get(t, pool);
        struct item *other = lull_exchange(t, &root[4], mine);
        if (other != NULL) {
            lull_pool_put(t, pool, other);
        }
        if (i % 100 == (int)(uintptr_t)arg) {
            lull_collect(t);
        }
        lull_safepoint(t);
    }
    lull_detach(t);
    return NULL;
}

START_TEST(objects_move_between_threads)
{
    begin(_i);
    pthread_t thread[3];
    for (uintptr_t i = 0; i < 3; i++) {
        thread[i] = mutator_start(hand_over, (void *)i);
    }
    lull_blocking_begin(self);
    for (size_t i = 0; i < 3; i++) {
        mutator_join(thread[i]);
    }
    lull_blocking_end(self);
    put(root[4]);
    root[4] = NULL;
    end();
}
END_TEST

START_TEST(a_pool_may_go_with_objects_out)
{
    begin(_i);
    struct item *item = take();
    put(take());
    lull_pool_destroy(pool);
    pool = new_pool((lull_pool_options){0});
    item->number = 1;
    if (_i != COLLECTING) {
        collect();
    }
    end();
}
END_TEST

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
    SRunner *runner = srunner_create(suite);

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
    tcase_add_loop_test(tests, what_is_dropped_is_whole, 0, COLLECTING);
    /* In mode stop the child needs no thread. */
    tcase_add_loop_test(tests, a_fork_loses_threads, 0, support_child_threads() ? COLLECTING : 1);
#ifndef SIGNALS_WAIT
    tcase_add_loop_test(tests, a_put_is_judged_after_a_safepoint, 0, 2 * COLLECTING);
#endif
    tcase_add_loop_test(all, a_double_put_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_of_what_was_dropped_is_found, 0, ALL);
    tcase_add_loop_test(all, two_threads_put_at_once, 0, ALL);
    tcase_add_loop_test(all, a_double_put_of_a_buffer_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_into_another_pool_is_found, 0, ALL);
    tcase_add_loop_test(all, what_is_no_object_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_of_another_heap_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_that_is_too_small_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_of_another_type_is_found, 0, ALL);
    tcase_add_loop_test(all, a_write_after_put_is_found, 0, 4 * ALL);
    tcase_add_loop_test(all, a_store_after_put_is_found, 0, ALL);
    tcase_add_loop_test(all, stale_data_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_inside_reset_is_found, 0, ALL);
    tcase_add_loop_test(all, a_get_inside_make_is_found, 0, ALL);
    tcase_add_loop_test(all, what_is_got_is_what_was_put, 0, ALL);
    tcase_add_loop_test(all, what_is_destroyed_is_whole, 0, ALL);
    tcase_add_loop_test(all, mistakes_outside_the_heap, 0, ALL);
    tcase_add_loop_test(all, right_use_outside_the_heap, 0, ALL);
    tcase_add_loop_test(all, many_objects_come_and_go, 0, ALL);
    tcase_add_loop_test(all, objects_move_between_threads, 0, COLLECTING);
    tcase_add_loop_test(all, a_pool_may_go_with_objects_out, 0, ALL);
    tcase_add_loop_test(all, a_pool_alone_is_audited, 0, ALL);
    tcase_add_loop_test(all, it_writes_where_asked, 0, ALL);
    tcase_add_loop_test(all, it_writes_nowhere_unasked, 0, ALL);
    tcase_add_loop_test(all, wrong_arguments_are_refused, 0, ALL);
    tcase_add_loop_test(all, the_end_finds_what_is_left, 0, ALL);
    tcase_add_loop_test(all, the_end_leaves_finalizers_what_is_theirs, 0, 2 * ALL);
    tcase_add_loop_test(all, the_end_leaves_pools_what_is_theirs, 0, ALL);
    tcase_add_loop_test(all, so_does_the_heaps_end, 0, ALL);
    tcase_add_loop_test(all, without_memory_nothing_is_made_up, 0, ALL);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
