/* test_callback.c -- callbacks that call the library where they may not: each call fails with
 * LULL_E_STATE and changes nothing; what they may call works. tests/callbacks.h has the calls. */
#include <sys/wait.h>
#include <unistd.h>

#include "barrier.h"
#include "callbacks.h"

static lull_stats before; /* all the tests */

static int refuse_for_want_of_memory(lull_heap *full, size_t bytes, void *arg);
static void stand_late(lull_heap *of, uint32_t thread, pthread_t pthread, uint64_t waited_ns,
                       void *arg);

static void make_what_is_tried(void)
{
    lull_pool_options of_pool = {.struct_size = sizeof of_pool, .name = "malloc's"};

    small = lull_type_conservative(heap, "small", 48);
    of_pool.object_bytes = 64;
    of_pool.lifetime = LULL_POOL_OWNED;
    pool = lull_pool_create(heap, &of_pool);
    of_pool.object_bytes = 0;
    of_pool.type = small;
    empty_pool = lull_pool_create(heap, &of_pool);
    buffers = lull_buffer_pool_create(heap, NULL);
    builders = lull_builder_pool_create(heap, NULL);
    root[1] = make(1);
    root[2] = buffer = lull_buffer_get(t, buffers);
    root[3] = builder = lull_builder_get(t, builders);
    root[4] = weak = lull_weak_new(t, root[1]);
    root[5] = ephemeron = lull_ephemeron_new(t, root[1], root[1]);
    handle = lull_handle_new(t, root[1]);
    ck_assert(small != NULL && pool != NULL && empty_pool != NULL && buffer != NULL);
    ck_assert(builder != NULL && weak != NULL && ephemeron != NULL && handle != NULL);
    lull_pool_put(t, pool, lull_pool_get(t, pool));
}

static void set_up_callbacks(void)
{
    lull_options options = support_options();

    options.heap_max = 64 << 20;
    options.no_memory = refuse_for_want_of_memory;
    options.late_thread = stand_late;
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY;
    options.markers = 2;
    set_up_with(options);
    support_misuses = ~0U;
    make_what_is_tried();
    before = support_stats(heap);
    atomic_store(&by_t, 0);
    atomic_store(&by_others, 0);
    atomic_store(&by_strangers, 0);
    atomic_store(&by_signal, 0);
}

static unsigned refusals(void)
{
    return atomic_load(&by_t) + atomic_load(&by_others) + atomic_load(&by_strangers);
}

static void check_nothing_changed(void)
{
    lull_stats after = support_stats(heap);

    ck_assert_int_eq(after.gc_percent, before.gc_percent);
    ck_assert_uint_eq(after.memory_limit, 0);
    ck_assert_uint_eq(after.pools, before.pools);
    ck_assert_uint_eq(after.threads, 1);
    ck_assert_uint_eq(t->head.marking & LULL__BARRIER_REFUSE, 0); /* a cycle may go on */
    ck_assert_ptr_null(field);
    ck_assert(alive(root[1]) && ((struct thing *)root[1])->number == 1);
    ck_assert_ptr_eq(lull_handle_get(handle), root[1]);
    ck_assert_ptr_eq(lull_weak_get(t, weak), root[1]);
    ck_assert_ptr_eq(lull_ephemeron_value(t, ephemeron), root[1]);
}

/* And the calls do what they should. */
static void check_and_tear_down(void)
{
    lull_pool_stats stats;

    check_nothing_changed();
    collect();
    check_nothing_changed();
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 100000));
    root[0] = lull_alloc_inline(t, small);
    ck_assert_ptr_nonnull(root[0]);
    lull_store(t, root[0], root[1]);
    ck_assert_ptr_eq(*(void **)root[0], root[1]);
    lull_pool_put(t, pool, lull_pool_get(t, pool));
    ck_assert_int_eq(lull_pool_stats_read(pool, &stats), LULL_OK);
    ck_assert_uint_eq(stats.made, 1);
    ck_assert_uint_eq(stats.idle, 1);
    ck_assert_int_eq(lull_buffer_append(t, buffer, "text", 4), LULL_OK);
    lull_buffer_put(t, buffers, buffer);
    /* not `handle`: a receiver that another thread is in may still look at it */
    lull_handle_free(t, lull_handle_new(t, root[1]));
    collect();
    tear_down();
}

/* A pool of objects of `small`. */
static lull_pool *pool_with(lull_pool_options options)
{
    options.struct_size = sizeof options;
    options.type = options.type == NULL && options.object_bytes == 0 ? small : options.type;
    lull_pool *made = lull_pool_create(heap, &options);
    ensure(made != NULL, "%s", lull_error_message());
    return made;
}

static void destroy_pool(lull_pool *made)
{
    ck_assert_int_eq(lull_pool_destroy(made), LULL_OK);
}

/* What allocates has slots in the cache, but for the callback. */
static void fill_cache(void)
{
    ensure(lull_alloc(t, small) != NULL, "%s", lull_error_message());
}

/* ---- trace callbacks ---- */

static void use_in_trace(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    try_everything();
    if (object != NULL) {
        lull_trace_range(tracer, object, (const char *)object + size);
    } else {
        lull_trace(tracer, arg);
    }
}

static void make_custom(unsigned count, size_t bytes)
{
    const lull_type *type = lull_type_custom(heap, "custom", bytes, use_in_trace, NULL);

    for (unsigned i = 0; i < count; i++) {
        void **object = lull_alloc(t, type);
        ensure(object != NULL, "%s", lull_error_message());
        lull_store(t, object, root[0]);
        root[0] = object;
    }
}

/* Objects are traced by the thread that collects, by one that assists, or by the heap's own. */
START_TEST(a_trace_callback_cannot_use_the_heap)
{
    make_custom(30, 64);
    for (int i = 0; i < 3; i++) {
        collect();
    }
    ck_assert_uint_ge(refusals(), 90);
    unsigned n = 0;
    for (void **object = root[0]; object != NULL; object = *object) {
        ck_assert(alive(object));
        n++;
    }
    ck_assert_uint_eq(n, 30);
}
END_TEST

static void collect_by_allocating(unsigned cycles)
{
    uint64_t until = support_stats(heap).cycles + cycles;

    lull_set_gc_percent(heap, 10);
    while (support_stats(heap).cycles < until) {
        ensure(lull_alloc_leaf(t, 512) != NULL, "%s", lull_error_message());
    }
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
}

START_TEST(nor_in_an_assist)
{
    make_custom(60, 4096);
    collect_by_allocating(3);
    ck_assert_uint_ge(refusals(), 120);
}
END_TEST

/* One that gives others their turn, so that markers come. */
static void use_in_markers(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer, (void)object, (void)size, (void)arg;
    if (lull_self(heap) == NULL && atomic_load(&by_strangers) == 0) {
        try_everything();
    } else if (atomic_load(&by_strangers) == 0) {
        sched_yield();
    }
}

START_TEST(nor_on_a_marker)
{
    const lull_type *type = lull_type_custom(heap, "custom", 16, use_in_markers, NULL);
    void **array = root[0] = lull_alloc_any(t, 4000 * sizeof(void *));

    ck_assert_ptr_nonnull(array);
    for (int i = 0; i < 4000; i++) {
        lull_store(t, &array[i], lull_alloc(t, type));
    }
    while (atomic_load(&by_strangers) == 0) {
        collect();
    }
}
END_TEST

/* By the thread itself at a safepoint, or by whoever takes its part. */
START_TEST(a_threads_tracer_cannot_use_the_heap)
{
    struct thing *held = make(7);

    ck_assert_int_eq(lull_set_tracer(t, use_in_trace, held), LULL_OK);
    fill_cache();
    collect();
    collect_by_allocating(3);
    ck_assert_uint_ge(refusals(), 4);
    ck_assert(alive(held) && held->number == 7);
    ck_assert_int_eq(lull_set_tracer(t, NULL, NULL), LULL_OK);
}
END_TEST

/* ---- pools ---- */

static void use_in_pool(void *object, void *arg)
{
    (void)object, (void)arg;
    try_all_but_stores();
}

static size_t use_for_size(const void *object, void *arg)
{
    (void)object, (void)arg;
    try_everything();
    return 1;
}

START_TEST(a_pools_callbacks_cannot_use_the_heap)
{
    lull_pool *other = pool_with((lull_pool_options){.reset = use_in_pool, .destroy = use_in_pool});
    void *object = lull_pool_get(t, other);

    fill_cache();
    lull_pool_put(t, other, object);
    ck_assert_uint_eq(atomic_load(&by_t), 1);
    destroy_pool(other);
    ck_assert_uint_eq(refusals(), 2);
}
END_TEST

/* What a cycle drops is destroyed by the heap's worker, or by the next that comes by. */
START_TEST(nor_where_the_heap_drops)
{
    lull_pool *other = pool_with((lull_pool_options){
        .destroy = use_in_pool, .object_bytes = 64, .lifetime = LULL_POOL_CACHE});

    lull_pool_put(t, other, lull_pool_get(t, other));
    for (int i = 0; i < 4; i++) {
        collect();
    }
    destroy_pool(other);
    ck_assert_uint_eq(refusals(), 1);
}
END_TEST

START_TEST(size_cannot_use_the_heap)
{
    lull_pool *other =
        pool_with((lull_pool_options){.size = use_for_size, .bounds = {.max_object_bytes = 1000}});
    void *object = lull_pool_get(t, other);

    fill_cache();
    lull_pool_put(t, other, object);
    ck_assert_uint_ge(atomic_load(&by_t), 1);
    destroy_pool(other);
}
END_TEST

/* ---- make and finalizers: nearly everything ---- */

static lull_pool *made_by;

static void use_freely(lull_thread *self)
{
    root[6] = lull_alloc(self, small);
    ensure(root[6] != NULL, "%s", lull_error_message());
    ensure(lull_collect(self) == LULL_OK, "%s", lull_error_message());
    ensure(lull_blocking_begin(self) == LULL_OK && lull_blocking_end(self) == LULL_OK, "%s",
           lull_error_message());
    lull_pool_put(self, pool, lull_pool_get(self, pool));
    support_stats(heap);
    ensure(lull_detach(self) == LULL_E_STATE, "%s", lull_error_message());
    ensure(lull_heap_destroy(heap) == LULL_E_BUSY, "%s", lull_error_message());
}

static void *make_freely(lull_thread *self, void *arg)
{
    (void)arg;
    use_freely(self);
    ensure(lull_pool_get(self, made_by) == NULL && lull_error() == LULL_E_STATE, "%s",
           lull_error_message());
    ensure(lull_pool_destroy(made_by) == LULL_E_STATE, "%s", lull_error_message());
    return root[6];
}

START_TEST(make_may_use_the_heap)
{
    made_by = pool_with((lull_pool_options){.make = make_freely});
    ck_assert_ptr_nonnull(lull_pool_get(t, made_by));
    destroy_pool(made_by);
}
END_TEST

static void finalize_freely(lull_thread *self, void *object, void *arg)
{
    ensure(((struct thing *)object)->number == 2, "the object is whole");
    use_freely(self);
    ensure(lull_finalizers_run(self, 0) == 0, "finalizers in finalizers");
    ++*(int *)arg;
}

START_TEST(a_finalizer_may_use_the_heap)
{
    int ran = 0;

    ck_assert_int_eq(lull_finalizer_set(t, make(2), finalize_freely, &ran), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_int_eq(ran, 1);
}
END_TEST

/* ---- no_memory ---- */

static lull_pool *with_reset; /* NULL: another test */

static void reset_nothing(void *object, void *arg)
{
    (void)object, (void)arg;
}

/* It may free what the program can spare; other callbacks in it do not change that. */
static int refuse_for_want_of_memory(lull_heap *full, size_t bytes, void *arg)
{
    (void)full, (void)bytes, (void)arg;
    try_to_allocate(t);
    try_to_allocate_inline(t);
    try_to_collect(t);
    if (with_reset != NULL) {
        lull_pool_put(t, with_reset, root[6]);
        try_to_allocate_inline(t);
    }
    lull_store(t, &root[7], root[1]);
    ensure(lull_weak_get(t, weak) == root[1], "a weak reference");
    lull_handle *other = lull_handle_new(t, root[1]);
    ensure(other != NULL, "%s", lull_error_message());
    lull_handle_free(t, other);
    ensure(lull_set_gc_percent(heap, LULL_PERCENT_OFF) == LULL_PERCENT_OFF, "a knob");
    support_stats(heap);
    lull_safepoint(t);
    use_what_is_for_all();
    count_refusals(t);
    return 0;
}

START_TEST(want_of_memory_may_free_and_no_more)
{
    lull_pool_stats stats;

    with_reset = pool_with((lull_pool_options){.reset = reset_nothing});
    root[6] = lull_pool_get(t, with_reset);
    fill_cache();
    ck_assert_ptr_null(lull_alloc_leaf(t, 64 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(refusals(), 1);
    ck_assert_ptr_eq(root[7], root[1]);
    ck_assert_int_eq(lull_pool_stats_read(with_reset, &stats), LULL_OK);
    ck_assert_uint_eq(stats.puts, 1);
    destroy_pool(with_reset);
}
END_TEST

/* ---- receivers of events ---- */

#define EVENTS_MOST 64
static atomic_uint told[EVENTS_MOST][3];

/* The first of each event, on the thread t, in a handler, and elsewhere. */
static void receive(const lull_event *event, void *arg)
{
    unsigned where = spins ? 2 : lull_self(heap) == t;

    (void)arg;
    ensure(event->id < EVENTS_MOST, "event %u", event->id);
    if (atomic_fetch_add(&told[event->id][where], 1) < 2) {
        try_everything();
    }
}

static void subscribe(void)
{
    memset(told, 0, sizeof told);
    ck_assert_int_eq(lull_events_subscribe(heap, receive, NULL), LULL_OK);
}

static void unsubscribe(void)
{
    ck_assert_int_eq(lull_events_subscribe(heap, NULL, NULL), LULL_OK);
}

static void *come_and_go(void *arg)
{
    lull_thread *mine = mutator_attach(arg, LULL_STACK_PRECISE);

    for (int i = 0; i < 1000; i++) {
        ensure(lull_alloc(mine, small) != NULL, "%s", lull_error_message());
    }
    ensure(lull_detach(mine) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void finalize_nothing(lull_thread *self, void *object, void *arg)
{
    (void)self, (void)object, (void)arg;
}

START_TEST(a_receiver_cannot_use_the_heap)
{
    lull_pool *other = pool_with((lull_pool_options){.object_bytes = 64});

    subscribe();
    ck_assert_int_eq(lull_finalizer_set(t, make(2), finalize_nothing, NULL), LULL_OK);
    for (int i = 0; i < 3; i++) {
        pthread_t thread = mutator_start(come_and_go, heap);
        for (int j = 0; j < 1000; j++) {
            fill_cache();
        }
        ck_assert_ptr_nonnull(lull_alloc_leaf(t, 1 << 20));
        lull_pool_put(t, other, lull_pool_get(t, other));
        ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        mutator_join(thread);
        ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
        collect();
        lull_release_memory(t);
    }
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    collect_by_allocating(2);
    ck_assert_ptr_null(lull_alloc_leaf(t, 64 << 20));
    unsubscribe();
    destroy_pool(other);
    ck_assert_uint_ge(atomic_load(&by_t), 5);
    ck_assert_uint_ge(atomic_load(&by_others), 1);
    ck_assert(support_mode() == LULL_MODE_STOP || atomic_load(&by_strangers) >= 1);
}
END_TEST

/* A blocking section that a receiver came into is one still, and its end the end. */
START_TEST(a_receiver_leaves_a_section_a_section)
{
    subscribe();
    fill_cache();
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    lull_set_gc_percent(heap, 50);
    unsigned came = atomic_load(&by_t);
    ck_assert_ptr_null(lull_alloc(t, small));
    ck_assert_ptr_nonnull(strstr(lull_error_message(), "blocking section"));
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    unsubscribe();
    ck_assert_uint_ge(came, 1);
    ck_assert_int_eq(lull_set_gc_percent(heap, LULL_PERCENT_OFF), 50);
    ck_assert_ptr_nonnull(lull_alloc(t, small));
}
END_TEST

static struct {
    atomic_uint ready, done;
} spinning;

/* Reaches no safepoint, so that its part is taken, or it is held, by signal. */
static void *spin(void *arg)
{
    lull_thread *mine = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    ensure(lull_alloc(mine, small) != NULL, "%s", lull_error_message());
    spins = true;
    atomic_store(&spinning.ready, 1);
    mutator_await(&spinning.done, 1);
    spins = false;
    ensure(lull_alloc(mine, small) != NULL, "%s", lull_error_message());
    ensure(lull_detach(mine) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(nor_in_a_signal_handler)
{
    atomic_store(&spinning.ready, 0);
    atomic_store(&spinning.done, 0);
    pthread_t thread = mutator_start(spin, NULL);
    mutator_await(&spinning.ready, 1);
    subscribe();
    while (atomic_load(&by_signal) == 0) {
        collect();
    }
    unsubscribe();
    atomic_store(&spinning.done, 1);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    mutator_join(thread);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
}
END_TEST

/* A receiver's failures are not the program's. */
START_TEST(callbacks_have_errors_of_their_own)
{
    char said[256];

    ck_assert_int_eq(lull_roots_remove(heap, &field, sizeof field), LULL_E_INVALID);
    snprintf(said, sizeof said, "%s", lull_error_message());
    subscribe();
    collect();
    unsubscribe();
    ck_assert_uint_ge(atomic_load(&by_t), 1);
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_str_eq(lull_error_message(), said);
}
END_TEST

/* It is in all heaps that it is refused. */
static lull_heap *other_heap;

static void use_another(const lull_event *event, void *arg)
{
    (void)event;
    check_refused("allocation", lull_alloc(lull_self(other_heap), arg) == NULL);
    REFUSED(lull_set_gc_percent, (other_heap, 1) == LULL_PERCENT_OFF - 1);
    count_refusals(lull_self(heap));
}

START_TEST(nor_can_it_use_another_heap)
{
    lull_options options = support_options();

    other_heap = support_heap(&options);
    lull_thread *other = mutator_attach(other_heap, LULL_STACK_PRECISE);
    const lull_type *type = lull_type_leaf(other_heap, "leaf", 16);
    ck_assert_ptr_nonnull(lull_alloc(other, type));
    ck_assert_int_eq(lull_events_subscribe(heap, use_another, (void *)(uintptr_t)type), LULL_OK);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    unsubscribe();
    ck_assert_uint_ge(atomic_load(&by_t), 1);
    ck_assert_ptr_nonnull(lull_alloc(other, type));
    ck_assert_int_eq(lull_detach(other), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other_heap), LULL_OK);
}
END_TEST

/* ---- a fork in a receiver ---- */

static pid_t child;

static void fork_once(const lull_event *event, void *arg)
{
    (void)event, (void)arg;
    if (child == -1) {
        child = fork();
        if (child == 0) {
            bool refused = lull_alloc(t, small) == NULL && lull_collect(t) == LULL_E_STATE;
            _exit(refused ? 3 : 4);
        }
    }
}

/* Whatever the library is at: the fork waits for nobody, and the child's heap for exec. */
START_TEST(a_receiver_may_fork_to_exec)
{
    int status = 0;

    child = -1;
    ck_assert_int_eq(lull_events_subscribe(heap, fork_once, NULL), LULL_OK);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    unsubscribe();
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}
END_TEST

/* ---- reports ---- */

static void report(const lull_pool_report *said, void *arg)
{
    (void)arg;
    ensure(said->misuse == LULL_POOL_DOUBLE_PUT || said->misuse == LULL_POOL_FORGOTTEN_PUT, "%s",
           said->text);
    try_everything();
}

START_TEST(a_receiver_of_reports_cannot_use_the_heap)
{
    lull_pool *audited = pool_with((lull_pool_options){.flags = LULL_POOL_AUDIT});

    ck_assert_int_eq(lull_pool_report_to(heap, report, NULL), LULL_OK);
    void *object = lull_pool_get(t, audited);
    lull_pool_put(t, audited, object);
    fill_cache();
    lull_pool_put(t, audited, object);
    ck_assert_uint_eq(atomic_load(&by_t), 1);
    ck_assert_ptr_nonnull(lull_pool_get(t, audited));
    object = lull_pool_get(t, audited); /* forgotten */
    ck_assert_ptr_nonnull(object);
    collect();
    ck_assert_uint_ge(refusals(), 2);
    ck_assert_int_eq(lull_pool_report_to(heap, support_misused, NULL), LULL_OK);
    destroy_pool(audited);
}
END_TEST

/* An audited pool sees even what the thread's own magazine would serve. */
static void get_and_put(const lull_event *event, void *arg)
{
    (void)event;
    if (lull_self(heap) == t) {
        check_refused("lull_pool_get", lull_pool_get(t, arg) == NULL);
        check_refused("lull_pool_put", (lull_pool_put(t, arg, root[6]), true));
        count_refusals(t);
    }
}

START_TEST(an_audited_pool_refuses_all)
{
    lull_pool *audited = pool_with((lull_pool_options){.flags = LULL_POOL_AUDIT});
    lull_pool_stats stats;

    root[6] = lull_pool_get(t, audited);
    lull_pool_put(t, audited, lull_pool_get(t, audited));
    ck_assert_int_eq(lull_events_subscribe(heap, get_and_put, audited), LULL_OK);
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    unsubscribe();
    ck_assert_uint_ge(atomic_load(&by_t), 1);
    ck_assert_int_eq(lull_pool_stats_read(audited, &stats), LULL_OK);
    ck_assert_uint_eq(stats.gets, 2);
    ck_assert_uint_eq(stats.puts, 1);
    lull_pool_put(t, audited, root[6]);
    destroy_pool(audited);
}
END_TEST

/* ---- late threads ---- */

static atomic_uint late;

static void stand_late(lull_heap *of, uint32_t thread, pthread_t pthread, uint64_t waited_ns,
                       void *arg)
{
    (void)thread, (void)pthread, (void)arg;
    ensure(of == heap && waited_ns != 0, "of which heap, and how long");
    try_everything();
    atomic_store(&late, 1);
}

static void *be_late(void *arg)
{
    lull_thread *mine = mutator_attach(arg, LULL_STACK_PRECISE);

    atomic_store(&spinning.ready, 1);
    mutator_await(&late, 1);
    ensure(lull_detach(mine) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(a_late_threads_handler_cannot_use_the_heap)
{
    atomic_store(&late, 0);
    atomic_store(&spinning.ready, 0);
    pthread_t thread = mutator_start(be_late, heap);
    mutator_await(&spinning.ready, 1);
    fill_cache();
    collect();
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    mutator_join(thread);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_ge(refusals(), 1);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_trace_callback_cannot_use_the_heap);
    tcase_add_test(tests, nor_in_an_assist);
    tcase_add_test(tests, nor_on_a_marker);
    tcase_add_test(tests, a_threads_tracer_cannot_use_the_heap);
    tcase_add_test(tests, a_pools_callbacks_cannot_use_the_heap);
    tcase_add_test(tests, nor_where_the_heap_drops);
    tcase_add_test(tests, size_cannot_use_the_heap);
    tcase_add_test(tests, make_may_use_the_heap);
    tcase_add_test(tests, a_finalizer_may_use_the_heap);
    tcase_add_test(tests, want_of_memory_may_free_and_no_more);
    tcase_add_test(tests, a_receiver_cannot_use_the_heap);
    tcase_add_test(tests, a_receiver_leaves_a_section_a_section);
    tcase_add_test(tests, nor_in_a_signal_handler);
    tcase_add_test(tests, callbacks_have_errors_of_their_own);
    tcase_add_test(tests, nor_can_it_use_another_heap);
    tcase_add_test(tests, a_receiver_may_fork_to_exec);
    tcase_add_test(tests, a_receiver_of_reports_cannot_use_the_heap);
    tcase_add_test(tests, an_audited_pool_refuses_all);
    tcase_add_test(tests, a_late_threads_handler_cannot_use_the_heap);
}

int main(void)
{
    Suite *suite = suite_create("callback");
    TCase *tests = tcase_create("callback");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up_callbacks, check_and_tear_down);
    add_tests(tests);
    return support_run(suite, tests);
}
