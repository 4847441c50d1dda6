/* test_recover.c -- no memory for the mark stack or for what threads shade, while a cycle marks
 * beside the program: what was dropped is found again among the black objects, and those include
 * what threads are just making. */
#include "random.h"
#include "steps.h"

/* ---- a queue that mostly has no chunk ---- */

static atomic_bool starving;
static atomic_uint takes, refused;

struct lull__chunk *__real_lull__queue_take_empty(struct lull__mark_queue *queue);
struct lull__chunk *__wrap_lull__queue_take_empty(struct lull__mark_queue *queue);

struct lull__chunk *__wrap_lull__queue_take_empty(struct lull__mark_queue *queue)
{
    if (atomic_load(&starving) && atomic_fetch_add(&takes, 1) % 8 != 0) {
        atomic_fetch_add(&refused, 1);
        return NULL;
    }
    return __real_lull__queue_take_empty(queue);
}

/* ---- shades without memory ---- */

static size_t empty_queue(struct lull__chunk **chunks)
{
    size_t count = 0;

    atomic_store(&scarce_maps, 0);
    for (struct lull__chunk *c; (c = lull__queue_take_empty(&heap->queue)) != NULL; count++) {
        c->next = *chunks;
        *chunks = c;
    }
    return count;
}

static void refill_queue(struct lull__chunk *chunks)
{
    atomic_store(&scarce_maps, PLENTY);
    while (chunks != NULL) {
        struct lull__chunk *next = chunks->next;
        lull__queue_give_empty(&heap->queue, chunks);
        chunks = next;
    }
}

/* A store that finds no memory for its shade, after marking ended and before the thread knows. */
START_TEST(a_late_shade_without_memory_harms_nothing)
{
    struct lull__chunk *chunks = NULL;

    root[0] = make(1);
    root[1] = make(2);
    heap->options.debug &= ~(unsigned)LULL_DEBUG_VERIFY; /* it would have the thread poll */
    uint8_t before = heap->colour;
    begin_cycle();
    take_part(t);
    take_part(t);
    while (atomic_load(&heap->colour) == before) {
        sched_yield();
    }
    ck_assert_int_ne(t->head.marking, 0);
    empty_queue(&chunks);
    lull_store(t, &((struct thing *)root[0])->child[0], root[1]);
    refill_queue(chunks);
    end_cycle();
    ck_assert(is_whole(root[0], 1));
    ck_assert(is_whole(root[1], 2));
    collect();
    ck_assert(is_whole(root[1], 2));
}
END_TEST

/* A whole tree hangs on what is shaded without memory. */
START_TEST(a_shade_without_memory_is_not_lost)
{
    struct lull__chunk *chunks = NULL;

    open_gate();
    struct thing *parent = make(1);
    root[0] = parent;
    parent->child[0] = make(2);
    ((struct thing *)parent->child[0])->child[2] = make(3);
    stand_before_marking();
    struct thing *fresh = make(4);
    lull_store(t, &root[1], fresh);
    struct thing *stolen = steal();
    empty_queue(&chunks);
    lull_store(t, &fresh->child[0], stolen);
    refill_queue(chunks);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(stolen, 1));
    ck_assert(is_whole(stolen->child[0], 2));
    ck_assert(is_whole(((struct thing *)stolen->child[0])->child[2], 3));
}
END_TEST

/* ---- recovery beside threads that allocate ---- */

#define MAGIC UINT64_C(0x7665637400000000)
#define SMALL 6
#define LARGE 5000
#define WIDE 6000
#define MAKERS 2

/* What a callback reports. It knows what it may be led to: an object, or zeroes. */
struct vector {
    uint64_t magic; /* written last */
    uint64_t count;
    void *item[];
};

static const lull_type *small_type, *large_type;
static void *table[64]; /* registered */
static atomic_uint misled;
static atomic_bool making;

static void trace_vector(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct vector *vector = object;
    uint64_t magic = __atomic_load_n(&vector->magic, __ATOMIC_ACQUIRE);

    (void)size, (void)arg;
    if (magic == 0) {
        return;
    }
    uint64_t count = __atomic_load_n(&vector->count, __ATOMIC_RELAXED);
    if (magic != (MAGIC ^ (uintptr_t)vector) || (count != SMALL && count != LARGE)) {
        atomic_fetch_add(&misled, 1);
        return;
    }
    lull_trace_range(tracer, vector->item, vector->item + count);
}

static const lull_type *vector_type(const char *name, size_t items)
{
    const lull_type *type = lull_type_custom(
        heap, name, sizeof(struct vector) + items * sizeof(void *), trace_vector, NULL);

    ck_assert_msg(type != NULL, "%s", lull_error_message());
    return type;
}

static struct vector *make_vector(lull_thread *thread, bool large)
{
    struct vector *vector = lull_alloc(thread, large ? large_type : small_type);

    ensure(vector != NULL, "%s", lull_error_message());
    ensure(vector->magic == 0 && vector->count == 0, "fresh objects are zero");
    __atomic_store_n(&vector->count, large ? LARGE : SMALL, __ATOMIC_RELAXED);
    __atomic_store_n(&vector->magic, MAGIC ^ (uintptr_t)vector, __ATOMIC_RELEASE);
    return vector;
}

static struct thing *make_thing(lull_thread *thread)
{
    struct thing *thing = lull_alloc_any(thread, sizeof *thing);

    ensure(thing != NULL, "%s", lull_error_message());
    ensure(thing->number == 0 && thing->child[0] == NULL, "fresh objects are zero");
    thing->number = MAGIC ^ (uintptr_t)thing;
    return thing;
}

static void check_vector(const struct vector *vector)
{
    if (vector != NULL) {
        ensure(vector->magic == (MAGIC ^ (uintptr_t)vector), "%p holds %#jx", (const void *)vector,
               (uintmax_t)vector->magic);
        const struct thing *last =
            __atomic_load_n(&vector->item[vector->count - 1], __ATOMIC_ACQUIRE);
        ensure(last == NULL || last->number == (MAGIC ^ (uintptr_t)last), "what a vector held");
    }
}

/* Vectors in the table, each with things; what was there before is garbage, and its memory is used
 * again at once. */
static void *make_vectors(void *arg)
{
    struct random random = {(uintptr_t)arg};
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(thread, frame, 1);

    while (atomic_load_explicit(&making, memory_order_relaxed)) {
        struct vector *vector = frame.root[0] = make_vector(thread, random_below(&random, 16) == 0);
        for (size_t i = vector->count - SMALL; i < vector->count; i++) {
            lull_store(thread, &vector->item[i], make_thing(thread));
        }
        lull_store(thread, &table[random_below(&random, 64)], vector);
        check_vector(__atomic_load_n(&table[random_below(&random, 64)], __ATOMIC_ACQUIRE));
    }
    lull_frame_pop(thread, &frame.head);
    lull_detach(thread);
    return NULL;
}

/* More words than a marker's one chunk holds, behind each of them another object. */
static void make_wide(void)
{
    void **wide = lull_alloc_any(t, WIDE * sizeof *wide);

    root[0] = wide;
    for (size_t i = 0; i < WIDE; i++) {
        struct thing *thing = make_thing(t);
        lull_store(t, &wide[i], thing);
        lull_store(t, &thing->child[2], make_thing(t));
    }
}

static void check_wide(void)
{
    struct thing **wide = root[0];

    for (size_t i = 0; i < WIDE; i++) {
        const struct thing *behind = wide[i]->child[2];
        ensure(behind->number == (MAGIC ^ (uintptr_t)behind), "behind word %zu", i);
    }
}

/* Spends the heap's cells, so that what comes lies in spans of all layouts. */
static void crowd(void)
{
    for (size_t i = 1; heap->cell_count < LULL__CELLS; i++) {
        size_t offset[12], n = 0;
        for (size_t bit = 0; bit < 12; bit++) {
            if (i >> bit & 1) {
                offset[n++] = (20 + bit) * sizeof(void *);
            }
        }
        ck_assert_ptr_nonnull(lull_type_record(heap, "crowd", 256, offset, n));
    }
}

static void set_up_recovery(int i)
{
    lull_options options = support_options();

    options.mode = support_mode_beside();
    options.debug = LULL_DEBUG_SCRIBBLE | (i % 4 == 0 ? LULL_DEBUG_VERIFY : 0);
    options.schedule_seed = (unsigned)i + 1;
    options.gc_percent = 100;
    options.heap_min = 1 << 20;
    set_up_with(options);
    if (i % 2 != 0) {
        crowd();
    }
    memset(table, 0, sizeof table);
    ck_assert_int_eq(lull_roots_add(heap, table, sizeof table), LULL_OK);
    small_type = vector_type("small vector", SMALL);
    large_type = vector_type("large vector", LARGE);
    make_wide();
}

START_TEST(recovery_beside_threads_that_allocate)
{
    pthread_t maker[MAKERS];

    set_up_recovery(_i);
    atomic_store(&misled, 0);
    atomic_store(&refused, 0);
    atomic_store(&making, true);
    atomic_store(&starving, true);
    for (size_t i = 0; i < MAKERS; i++) {
        ck_assert_int_eq(
            pthread_create(&maker[i], NULL, make_vectors, (void *)(MAKERS * (size_t)_i + i + 1)),
            0);
    }
    for (size_t i = 0; i < support_rounds(SUPPORT_SANITIZED ? 4 : 10); i++) {
        collect();
        check_wide();
    }
    atomic_store(&making, false);
    for (size_t i = 0; i < MAKERS; i++) {
        ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
        pthread_join(maker[i], NULL);
        ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    }
    atomic_store(&starving, false);
    ck_assert_uint_gt(atomic_load(&refused), 0);
    ck_assert_uint_eq(atomic_load(&misled), 0);
    for (size_t i = 0; i < 64; i++) {
        check_vector(table[i]);
    }
    tear_down();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover");
    TCase *shades = tcase_create("shades"), *beside = tcase_create("beside");

    tcase_add_checked_fixture(shades, set_up_concurrent, tear_down);
    tcase_add_test(shades, a_late_shade_without_memory_harms_nothing);
    tcase_add_test(shades, a_shade_without_memory_is_not_lost);
    suite_add_tcase(suite, shades);
    tcase_add_loop_test(beside, recovery_beside_threads_that_allocate, 0, 8);
    return support_run(suite, beside);
}
