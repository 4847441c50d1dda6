/* test_heap.c -- heaps: made and refused, two at once, their ends, knobs turned while they are
 * used, what a full one does.
 *
 * All that the library maps is counted here: what fails and what is destroyed leaves none of it. */
#include <dirent.h>
#include <limits.h>

#include "mutators.h"
#include "os.h"

#include "fixture.h"

#define ck_assert_fails(call, status)                                                              \
    do {                                                                                           \
        ck_assert_int_eq((call), (status));                                                        \
        ck_assert_int_eq(lull_error(), (status));                                                  \
    } while (0)

/* ---- what is mapped ---- */

#define PLENTY 1000000000

static atomic_long calls_left =
    PLENTY; /* calls for memory or a thread before the first that fails */
static atomic_long mapped_bytes;

static bool fails(void)
{
    return atomic_fetch_sub(&calls_left, 1) <= 0;
}

static void *note_mapped(void *start, size_t bytes)
{
    if (start != NULL) {
        atomic_fetch_add(&mapped_bytes, (long)bytes);
    }
    return start;
}

void *__real_lull__os_map(size_t bytes);
void *__wrap_lull__os_map(size_t bytes);

void *__wrap_lull__os_map(size_t bytes)
{
    return fails() ? NULL : note_mapped(__real_lull__os_map(bytes), bytes);
}

void *__real_lull__os_reserve(size_t bytes);
void *__wrap_lull__os_reserve(size_t bytes);

void *__wrap_lull__os_reserve(size_t bytes)
{
    return fails() ? NULL : note_mapped(__real_lull__os_reserve(bytes), bytes);
}

void __real_lull__os_unmap(void *start, size_t bytes);
void __wrap_lull__os_unmap(void *start, size_t bytes);

void __wrap_lull__os_unmap(void *start, size_t bytes)
{
    __real_lull__os_unmap(start, bytes);
    if (start != NULL) {
        atomic_fetch_sub(&mapped_bytes, (long)bytes);
    }
}

bool __real_lull__os_commit(void *start, size_t bytes);
bool __wrap_lull__os_commit(void *start, size_t bytes);

bool __wrap_lull__os_commit(void *start, size_t bytes)
{
    return !fails() && __real_lull__os_commit(start, bytes);
}

bool __real_lull__os_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
                                  const char *name);
bool __wrap_lull__os_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
                                  const char *name);

bool __wrap_lull__os_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
                                  const char *name)
{
    return !fails() && __real_lull__os_thread_start(thread, run, arg, name);
}

/* The kernel's view: mappings of the process. */
static unsigned mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;
    int c;

    ck_assert_ptr_nonnull(maps);
    while ((c = getc(maps)) != EOF) {
        lines += c == '\n';
    }
    fclose(maps);
    return lines;
}

static unsigned threads_of_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(tasks);
    return n;
}

/* ---- made and refused ---- */

/* No heap is made of these options, `word` is in the message, and nothing is left. */
static void check_refused(const lull_options *options, int status, const char *word)
{
    lull_heap *made = (lull_heap *)(void *)root;

    ck_assert_fails(lull_heap_create(options, &made), status);
    ck_assert_ptr_null(made);
    ck_assert_msg(strstr(lull_error_message(), word) != NULL, "no \"%s\" in \"%s\"", word,
                  lull_error_message());
    ck_assert_int_eq(atomic_load(&mapped_bytes), 0);
}

#define REFUSED(field, bad)                                                                        \
    do {                                                                                           \
        lull_options options = support_options();                                                  \
        options.field = (bad);                                                                     \
        check_refused(&options, LULL_E_INVALID, #field);                                           \
    } while (0)

START_TEST(bad_options_make_no_heap)
{
    REFUSED(struct_size, 0);
    REFUSED(struct_size, sizeof(lull_options) + 8);
    REFUSED(mode, (lull_mode)(LULL_MODE_OFF + 1));
    REFUSED(gc_percent, LULL_PERCENT_OFF - 1);
    REFUSED(gc_percent, 100001);
    REFUSED(reserve, 1);
    REFUSED(reserve, SIZE_MAX);
    REFUSED(markers, -1);
    REFUSED(markers, 65);
    REFUSED(stop_signal, -2);
    REFUSED(stop_signal, 1000);
    REFUSED(debug, 1u << 31);
    REFUSED(pointer_mask, 0);
    REFUSED(tag_value, 1);
    ck_assert_fails(lull_heap_create(NULL, NULL), LULL_E_INVALID);
}
END_TEST

/* Variables that say nothing allowed, with options and without. */
START_TEST(bad_variables_make_no_heap)
{
    static const char *const bad[][2] = {
        {"LULL_MODE", "fast"},     {"LULL_PERCENT", "-1"},  {"LULL_LIMIT", "1.5"},
        {"LULL_HEAP_MAX", "many"}, {"LULL_HEAP_MIN", "1X"}, {"LULL_MARKERS", "65"},
        {"LULL_DEBUG", "all"},     {"LULL_TRACE", "2"},
    };
    lull_options options = support_options();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(setenv(bad[i][0], bad[i][1], 1), 0);
        options.use_environment = 1;
        check_refused(&options, LULL_E_ENVIRONMENT, bad[i][0]);
        check_refused(&options, LULL_E_ENVIRONMENT, bad[i][1]);
        check_refused(NULL, LULL_E_ENVIRONMENT, bad[i][0]);
        options.use_environment = 0;
        lull_heap *made = support_heap(&options);
        ck_assert_int_eq(lull_heap_destroy(made), LULL_OK);
        unsetenv(bad[i][0]);
    }
}
END_TEST

START_TEST(a_variable_has_the_last_word)
{
    lull_options options = support_options();

    options.use_environment = 1;
    ck_assert_int_eq(setenv("LULL_MODE", "off", 1), 0);
    ck_assert_int_eq(setenv("LULL_HEAP_MAX", "1M", 1), 0);
    ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_OK);
    t = mutator_attach(heap, LULL_STACK_PRECISE);
    ck_assert_fails(lull_collect(t), LULL_E_STATE);
    ck_assert_ptr_null(lull_alloc_leaf(t, 2 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    tear_down();
}
END_TEST

/* In run n the n-th call to the system for memory or a thread fails, and all that follow. */
START_TEST(a_heap_half_made_leaves_nothing)
{
    lull_options options = support_options();
    lull_heap *made;
    long n = 0;

    options.finalizer_thread = _i;
    options.markers = 2;
    ck_assert_int_eq(lull_heap_destroy(support_heap(&options)), LULL_OK); /* what comes but once */
    unsigned before = mappings(), threads = threads_of_process();
    for (;; n++) {
        atomic_store(&calls_left, n);
        int status = lull_heap_create(&options, &made);
        atomic_store(&calls_left, PLENTY);
        if (status == LULL_OK) {
            break;
        }
        ck_assert_fails(status, LULL_E_NO_MEMORY);
        ck_assert_ptr_null(made);
        ck_assert_int_eq(atomic_load(&mapped_bytes), 0);
        ck_assert_uint_le(mappings(), before + 8); /* Check's own, the C library's */
    }
    ck_assert_int_gt(n, 5 + _i); /* so many calls there are at least */
    ck_assert_int_eq(lull_heap_destroy(made), LULL_OK);
    ck_assert_int_eq(atomic_load(&mapped_bytes), 0);
    while (threads_of_process() > threads) { /* those that ended leave the list a moment later */
        sched_yield();
    }
}
END_TEST

/* ---- many ---- */

static void live_briefly(const lull_options *options)
{
    heap = support_heap(options);
    t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);
    list_check(list_make(t, node_type(heap), 1, 500), 1, 500);
    ck_assert_ptr_nonnull(lull_alloc_leaf(t, 100000));
    ck_assert_ptr_nonnull(lull_handle_new(t, NULL)); /* never freed */
    collect();
    tear_down();
}

/* Each with a collection, so with all threads of its own that it ever has. */
START_TEST(heaps_without_end_leave_nothing)
{
    lull_options options = support_options();

    options.finalizer_thread = 1;
    options.markers = 2;
    for (unsigned i = 0; i < 10; i++) {
        live_briefly(&options);
    }
    unsigned before = mappings(), threads = threads_of_process();
    for (size_t i = 0; i < support_rounds(SUPPORT_SANITIZED ? 100 : 1000); i++) {
        live_briefly(&options);
        ck_assert_int_eq(atomic_load(&mapped_bytes), 0);
    }
    ck_assert_uint_le(mappings(), before + 32); /* stacks that the C library keeps for threads */
    while (threads_of_process() > threads) {
        sched_yield();
    }
}
END_TEST

/* ---- two ---- */

static void nothing_to_do(lull_thread *thread, void *object, void *arg)
{
    (void)thread, (void)object, (void)arg;
}

/* To each heap the objects of the other are words like any. */
START_TEST(objects_of_two_heaps_do_not_mix)
{
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);
    lull_thread *in_other = mutator_attach(other, LULL_STACK_PRECISE);
    LULL_FRAME(in_other, frame, 1);

    struct thing *mine = root[0] = make(1);
    struct thing *foreign = frame.root[0] = lull_alloc_any(in_other, sizeof *foreign);
    foreign->number = 2;
    ck_assert(alive(mine) && !alive(foreign));
    ck_assert_ptr_null(lull_object_of(other, (uintptr_t)mine).base);
    ck_assert_ptr_null(lull_weak_new(t, foreign));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_null(lull_ephemeron_new(t, foreign, mine));
    ck_assert_fails(lull_finalizer_set(t, foreign, nothing_to_do, NULL), LULL_E_INVALID);
    /* a word in the other heap holds nothing here, and its heap goes on beside this one */
    lull_store(t, &mine->child[0], foreign);
    lull_store(in_other, &foreign->child[0], mine);
    lull_weak *weak = root[1] = lull_weak_new(t, mine);
    root[0] = NULL;
    collect();
    ck_assert_int_eq(lull_collect(in_other), LULL_OK);
    ck_assert_ptr_null(lull_weak_get(t, weak));
    ck_assert(!alive(mine));
    ck_assert_uint_eq(foreign->number, 2);
    frame.root[0] = NULL;
    ck_assert_int_eq(lull_collect(in_other), LULL_OK);
    ck_assert_ptr_null(lull_object_of(other, (uintptr_t)foreign).base);
    lull_frame_pop(in_other, &frame.head);
    ck_assert_int_eq(lull_detach(in_other), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
}
END_TEST

/* No object of this heap has it; where every call takes new slots, every call says so. */
START_TEST(a_type_of_another_heap_is_refused)
{
    lull_options options = support_options();
    options.debug |= _i != 0 ? LULL_DEBUG_STRESS : 0;
    lull_heap *other = support_heap(&options);
    lull_thread *in_other = mutator_attach(other, LULL_STACK_PRECISE);
    const lull_type *own = lull_type_leaf(other, "own", 24);
    const lull_type *foreign = lull_type_leaf(heap, "foreign", 24);

    for (int i = 0; i < 1 + 9 * _i; i++) {
        ck_assert_ptr_null(lull_alloc(in_other, foreign));
        ck_assert_int_eq(lull_error(), LULL_E_INVALID);
        ensure(strstr(lull_error_message(), "\"foreign\"") != NULL, "%s", lull_error_message());
        ck_assert_ptr_nonnull(lull_alloc(in_other, own));
    }
    ck_assert_int_eq(lull_detach(in_other), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
}
END_TEST

/* Each has its knobs. */
START_TEST(knobs_are_a_heaps_own)
{
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);

    ck_assert_int_eq(lull_set_gc_percent(heap, 50), LULL_PERCENT_OFF);
    ck_assert_uint_eq(lull_set_memory_limit(heap, 1 << 20), 0);
    ck_assert_int_eq(lull_set_gc_percent(other, 60), LULL_PERCENT_OFF);
    ck_assert_uint_eq(lull_set_memory_limit(other, 2 << 20), 0);
    ck_assert_int_eq(lull_set_gc_percent(heap, 0), 50);
    ck_assert_uint_eq(lull_set_memory_limit(heap, 0), 1 << 20);
    ck_assert_int_eq(lull_heap_destroy(other), LULL_OK);
    ck_assert_int_eq(lull_set_gc_percent(heap, LULL_PERCENT_OFF), 0);
}
END_TEST

/* ---- the end ---- */

static atomic_uint ends_refused;

static void end_here(int expected)
{
    ensure(lull_heap_destroy(heap) == expected, "%s", lull_error_message());
    atomic_fetch_add(&ends_refused, 1);
}

static void end_in_reset(void *object, void *arg)
{
    (void)object, (void)arg;
    end_here(LULL_E_STATE);
}

static int end_for_want_of_memory(lull_heap *full, size_t bytes, void *arg)
{
    (void)full, (void)bytes, (void)arg;
    end_here(LULL_E_BUSY);
    return 0;
}

static void end_in_finalizer(lull_thread *thread, void *object, void *arg)
{
    (void)thread, (void)object;
    if (arg != NULL) {
        mutator_await(arg, 1);
    }
    end_here(LULL_E_BUSY);
}

START_TEST(callbacks_cannot_end_the_heap)
{
    lull_options options = support_options();
    lull_pool_options of_pool = {.struct_size = sizeof of_pool, .reset = end_in_reset};

    options.heap_max = 4 << 20;
    options.no_memory = end_for_want_of_memory;
    set_up_with(options);
    of_pool.type = lull_type_leaf(heap, "leaf", 64);
    lull_pool *pool = lull_pool_create(heap, &of_pool);
    root[0] = lull_pool_get(t, pool);
    lull_pool_put(t, pool, root[0]);
    ck_assert_uint_eq(atomic_load(&ends_refused), 1);
    root[0] = lull_alloc_leaf(t, 100);
    ck_assert_ptr_null(lull_alloc_leaf(t, 4 << 20));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(atomic_load(&ends_refused), 2);
    ck_assert_int_eq(lull_finalizer_set(t, make(1), end_in_finalizer, NULL), LULL_OK);
    collect();
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_uint_eq(atomic_load(&ends_refused), 3);
    tear_down();
}
END_TEST

/* Not even where the heap's own thread is the last that is left. */
START_TEST(a_finalizer_thread_cannot_end_its_heap)
{
    lull_options options = support_options();
    atomic_uint alone = 0;

    options.finalizer_thread = 1;
    set_up_with(options);
    ck_assert_int_eq(lull_finalizer_set(t, make(1), end_in_finalizer, &alone), LULL_OK);
    collect();
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    atomic_store(&alone, 1);
    mutator_await(&ends_refused, 1);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}
END_TEST

/* ---- knobs ---- */

/* Garbage, some of it large. */
static void litter(size_t bytes)
{
    for (size_t left = bytes; left != 0; left -= lull__min(left, 512)) {
        ensure(lull_alloc_leaf(t, 512) != NULL, "%s", lull_error_message());
        if (left % (1 << 20) == 0) {
            ensure(lull_alloc_leaf(t, 100000) != NULL, "%s", lull_error_message());
        }
    }
}

static void await_cycle(void)
{
    uint64_t before = support_stats(heap).cycles;

    while (support_stats(heap).cycles == before) {
        litter(1 << 20);
    }
}

/* However much is allocated. */
static void check_no_cycle(void)
{
    collect(); /* what was begun is over */
    uint64_t before = support_stats(heap).cycles;
    litter(24 << 20);
    ck_assert_uint_eq(support_stats(heap).cycles, before);
}

START_TEST(the_percentage_changes_at_run_time)
{
    list_make_rooted(t, node_type(heap), &root[0], 1, 1000);
    check_no_cycle();
    ck_assert_int_eq(lull_set_gc_percent(heap, 0), LULL_PERCENT_OFF);
    for (int i = 0; i < 5; i++) {
        await_cycle();
    }
    ck_assert_int_eq(lull_set_gc_percent(heap, 100000), 0);
    check_no_cycle(); /* the least heap is a thousand times 4 MiB */
    ck_assert_int_eq(lull_set_gc_percent(heap, 100), 100000);
    await_cycle();
    ck_assert_int_eq(lull_set_gc_percent(heap, LULL_PERCENT_OFF), 100);
    check_no_cycle();
    list_check(root[0], 1, 1000);
}
END_TEST

START_TEST(a_percentage_out_of_range_changes_nothing)
{
    static const int bad[] = {INT_MIN, LULL_PERCENT_OFF - 1, 100001, INT_MAX};

    ck_assert_int_eq(lull_set_gc_percent(heap, 77), LULL_PERCENT_OFF);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(lull_set_gc_percent(heap, bad[i]), LULL_PERCENT_OFF - 1);
        ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    }
    ck_assert_int_eq(lull_set_gc_percent(heap, 77), 77);
}
END_TEST

/* It is soft: what is live may be beyond it, and what is allocated then is not a collection for
 * each few objects. */
START_TEST(the_memory_limit_changes_at_run_time)
{
    check_no_cycle();
    ck_assert_uint_eq(lull_set_memory_limit(heap, 8 << 20), 0);
    await_cycle();
    await_cycle();
    list_make_rooted(t, node_type(heap), &root[0], 1, 100000);
    ck_assert_uint_eq(lull_set_memory_limit(heap, 1), 8 << 20);
    litter(4 << 20);
    await_cycle();
    ck_assert_uint_eq(lull_set_memory_limit(heap, SIZE_MAX), 1);
    check_no_cycle();
    ck_assert_uint_eq(lull_set_memory_limit(heap, 0), SIZE_MAX);
    check_no_cycle();
    list_check(root[0], 1, 100000);
}
END_TEST

START_TEST(memory_is_released)
{
    list_make_rooted(t, node_type(heap), &root[0], 1, 1000);
    litter(16 << 20);
    ck_assert_uint_ge(lull_release_memory(t), 15 << 20);
    list_check(root[0], 1, 1000);
    litter(16 << 20); /* and taken again */
    list_check(root[0], 1, 1000);
}
END_TEST

/* ---- collections on request ---- */

static void *collect_with_anothers(void *arg)
{
    ensure(lull_collect(arg) == LULL_E_THREAD, "%s", lull_error_message());
    ensure(lull_release_memory(arg) == 0 && lull_error() == LULL_E_THREAD, "%s",
           lull_error_message());
    return NULL;
}

START_TEST(collections_that_are_refused)
{
    uint64_t before = support_stats(heap).cycles;

    ck_assert_fails(lull_collect(NULL), LULL_E_THREAD);
    mutator_join(mutator_start(collect_with_anothers, t));
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    ck_assert_fails(lull_collect(t), LULL_E_STATE);
    ck_assert_uint_eq(lull_release_memory(t), 0);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_uint_eq(support_stats(heap).cycles, before);
    collect();
    ck_assert_uint_eq(support_stats(heap).cycles, before + 1);
}
END_TEST

/* Mode off never collects, whatever is asked of it; its end is that of all heaps. */
START_TEST(off_is_off)
{
    lull_options options = support_options();

    options.mode = LULL_MODE_OFF;
    options.gc_percent = 0;
    options.memory_limit = 1;
    options.heap_max = 32 << 20;
    options.debug = LULL_DEBUG_STRESS;
    set_up_with(options);
    lull_weak *weak = root[0] = lull_weak_new(t, make(1));
    ck_assert_fails(lull_collect(t), LULL_E_STATE);
    ck_assert_uint_eq(lull_release_memory(t), 0);
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    litter(16 << 20);
    ck_assert_int_eq(lull_set_gc_percent(heap, 100), 0);
    litter(8 << 20);
    ck_assert_ptr_null(lull_alloc_leaf(t, 16 << 20)); /* nothing can be freed for it */
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_ptr_nonnull(lull_weak_get(t, weak));
    ck_assert_uint_eq(support_stats(heap).cycles, 0);
    tear_down();
}
END_TEST

/* ---- a full heap ---- */

#define FULL_BYTES ((size_t)8 << 20)

static unsigned asked;

static int count_asked(lull_heap *full, size_t bytes, void *arg)
{
    (void)full, (void)bytes, (void)arg;
    asked++;
    return 0;
}

/* A list of all that there is room for; the length. */
static unsigned fill(const lull_type *type)
{
    struct node *node;
    unsigned n = 0;

    for (root[0] = NULL; (node = lull_alloc(t, type)) != NULL; n++) {
        node_fill(t, node, root[0], UINT32_MAX - n);
        root[0] = node;
    }
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    return n;
}

/* Allocation fails, and all else goes on; with room again allocation does too. */
START_TEST(a_full_heap_goes_on)
{
    lull_options options = support_options();

    options.heap_max = FULL_BYTES;
    options.no_memory = count_asked;
    set_up_with(options);
    const lull_type *type = node_type(heap);
    for (int i = 0; i < 3; i++) {
        asked = 0;
        unsigned length = fill(type);
        ck_assert_uint_ge(length, FULL_BYTES / 2 / sizeof(struct node));
        ck_assert_uint_eq(asked, 1);
        ck_assert_uint_le(support_stats(heap).in_use_bytes, FULL_BYTES);
        list_check(root[0], UINT32_MAX - length + 1, length);
        ck_assert_ptr_null(lull_alloc_leaf(t, 40000));
        ck_assert_ptr_null(lull_alloc_leaf(t, SIZE_MAX / 4));
        ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
        collect();
        lull_release_memory(t);
        list_check(root[0], UINT32_MAX - length + 1, length);
        root[0] = NULL;
        ck_assert_ptr_nonnull(
            lull_alloc_leaf(t, FULL_BYTES / 2)); /* after a collection of its own */
    }
    tear_down();
}
END_TEST

/* No collection, handler or wait makes room for what the empty heap has none for. */
START_TEST(what_fits_in_no_heap_is_refused_at_once)
{
    lull_options options = support_options();

    options.heap_max = FULL_BYTES;
    options.no_memory = count_asked;
    set_up_with(options);
    root[0] = lull_alloc_leaf(t, 100);
    asked = 0;
    uint64_t cycles = support_stats(heap).cycles;
    ck_assert_ptr_null(lull_alloc_leaf(t, FULL_BYTES + 1));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_ptr_null(lull_alloc_leaf(t, PTRDIFF_MAX));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(asked, 0);
    ck_assert_uint_eq(support_stats(heap).cycles, cycles);
    lull_set_memory_limit(heap, 1);
    ck_assert_ptr_null(lull_alloc_leaf(t, FULL_BYTES + 1));
    ck_assert_uint_eq(support_stats(heap).pause_kind[LULL_PAUSE_LIMIT].count, 0);
    lull_set_memory_limit(heap, 0);
    ck_assert_ptr_null(lull_alloc_leaf(t, FULL_BYTES));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    ck_assert_uint_eq(asked, 1);
    ck_assert_uint_gt(support_stats(heap).cycles, cycles);
    tear_down();
}
END_TEST

/* There is a heap even where there is no room for an object. */
START_TEST(a_heap_without_room)
{
    lull_options options = support_options();

    options.heap_max = 1;
    set_up_with(options);
    ck_assert_ptr_null(lull_alloc_leaf(t, 1));
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    collect();
    tear_down();
}
END_TEST

static void add_ends(TCase *tests)
{
    tcase_add_test(tests, callbacks_cannot_end_the_heap);
    tcase_add_test(tests, a_finalizer_thread_cannot_end_its_heap);
    tcase_add_test(tests, heaps_without_end_leave_nothing);
    tcase_add_test(tests, off_is_off);
    tcase_add_test(tests, a_full_heap_goes_on);
    tcase_add_test(tests, what_fits_in_no_heap_is_refused_at_once);
    tcase_add_test(tests, a_heap_without_room);
}

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *made = tcase_create("made"), *used = tcase_create("used");

    tcase_set_timeout(made, 60);
    tcase_add_test(made, bad_options_make_no_heap);
    tcase_add_test(made, bad_variables_make_no_heap);
    tcase_add_test(made, a_variable_has_the_last_word);
    tcase_add_loop_test(made, a_heap_half_made_leaves_nothing, 0, 2);
    add_ends(made);
    suite_add_tcase(suite, made);
    tcase_add_checked_fixture(used, set_up, tear_down);
    tcase_add_test(used, objects_of_two_heaps_do_not_mix);
    tcase_add_loop_test(used, a_type_of_another_heap_is_refused, 0, 2);
    tcase_add_test(used, knobs_are_a_heaps_own);
    tcase_add_test(used, the_percentage_changes_at_run_time);
    tcase_add_test(used, a_percentage_out_of_range_changes_nothing);
    tcase_add_test(used, the_memory_limit_changes_at_run_time);
    tcase_add_test(used, memory_is_released);
    tcase_add_test(used, collections_that_are_refused);
    return support_run(suite, used);
}
