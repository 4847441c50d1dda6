/* test_window.c -- races that need a thread to stand between two instructions, led by hand
 * (windows.h): stops, handshakes, weak references, pools that end, stores. */
#include <malloc.h>

#include "barrier.h"
#include "handshake.h"
#include "mark_queue.h"
#include "scarce.h"

#include "windows.h"

static void set_up_stop(void)
{
    set_up_window(LULL_MODE_STOP);
}

/* ---- going on after a stop: handshake.c, .arg.stand ---- */

enum { GOING_ON = 1, STOPPED, WENT_BACK, WENT_ON };

static void guest_knows_no_stop(void)
{
    if (is_guest && atomic_load(&step) < GOING_ON) {
        reach(GOING_ON);
        wait_for(STOPPED);
    }
}

static void guest_stands(void)
{
    if (is_guest && atomic_load(&step) == STOPPED) {
        reach(WENT_BACK);
    }
}

static void *leave_section(void *arg)
{
    lull_thread *guest = lull_attach(heap, LULL_STACK_PRECISE);
    ensure(guest != NULL && lull_blocking_begin(guest) == LULL_OK, "%s", lull_error_message());
    is_guest = true;
    lull_blocking_end(guest);
    is_guest = false;
    if (atomic_load(&step) < WENT_BACK) {
        reach(WENT_ON);
    }
    ensure(lull_detach(guest) == LULL_OK, "%s", lull_error_message());
    return arg;
}

/* In the middle of a stop. */
static void trace_in_stop(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer, (void)object, (void)size, (void)arg;
    if (atomic_load(&step) == GOING_ON) {
        reach(STOPPED);
        wait_for(WENT_BACK);
    }
}

START_TEST(who_goes_on_looks_for_a_stop_again)
{
    const lull_type *type = lull_type_custom(heap, "stop", sizeof(void *), trace_in_stop, NULL);

    root[0] = lull_alloc(t, type);
    at_point[LULL__DELAY_GO_ON] = guest_knows_no_stop;
    at_point[LULL__DELAY_STAND] = guest_stands;
    pthread_t guest = run(leave_section);
    wait_for(GOING_ON);
    collect();
    ck_assert_int_eq(atomic_load(&step), WENT_BACK);
    lull_blocking_begin(t); /* the guest may be waiting to detach */
    pthread_join(guest, NULL);
    lull_blocking_end(t);
}
END_TEST

/* ---- who looks for a stop again is held: handshake.c, .arg.standing ---- */

enum { ABOUT_TO_GO = 1, ALL_STAND, SAYS_RUNNING, CYCLE_OVER };

#define TAKEN_SOME 3
#define TAKEN_MORE 40

static void guest_goes(void)
{
    if (is_guest && atomic_load(&step) < ABOUT_TO_GO) {
        reach(ABOUT_TO_GO);
        wait_for(ALL_STAND);
    }
}

static void all_stand(void)
{
    if (atomic_load(&step) == ABOUT_TO_GO) {
        reach(ALL_STAND);
        wait_for(SAYS_RUNNING);
    }
}

static void guest_says_running(void)
{
    if (is_guest && atomic_load(&step) == ALL_STAND) {
        reach(SAYS_RUNNING);
        wait_for(CYCLE_OVER);
    }
}

/* It keeps slots that it has not handed out when it blocks, and goes on in the middle of a stop. */
static void *block_with_slots(void *arg)
{
    lull_thread *guest = lull_attach(heap, LULL_STACK_PRECISE);
    struct thing *thing[TAKEN_MORE];

    ensure(guest != NULL, "%s", lull_error_message());
    for (int i = 0; i < TAKEN_SOME; i++) {
        ensure(lull_alloc_any(guest, sizeof(struct thing)) != NULL, "%s", lull_error_message());
    }
    lull_blocking_begin(guest);
    is_guest = true;
    lull_blocking_end(guest);
    is_guest = false;
    for (int i = 0; i < TAKEN_MORE; i++) {
        thing[i] = lull_alloc_any(guest, sizeof(struct thing));
    }
    for (int i = 0; i < TAKEN_MORE; i++) {
        ensure(alive(thing[i]), "%d is a free slot", i);
    }
    ensure(lull_detach(guest) == LULL_OK, "%s", lull_error_message());
    return arg;
}

START_TEST(who_looks_for_a_stop_again_gives_back_its_slots)
{
    at_point[LULL__DELAY_GO_ON] = guest_goes;
    at_point[LULL__DELAY_HELD] = all_stand;
    at_point[LULL__DELAY_GO_ON_AGAIN] = guest_says_running;
    pthread_t guest = run(block_with_slots);
    wait_for(ABOUT_TO_GO);
    collect();
    lull_blocking_begin(t); /* the guest may be waiting to detach */
    while (heap->unswept != 0) {
        sched_yield();
    }
    reach(CYCLE_OVER);
    pthread_join(guest, NULL);
    lull_blocking_end(t);
}
END_TEST

/* ---- who is served: handshake.c's second look ---- */

enum { LOOKED_AT = 1, BLOCKED, SERVED };

static lull_thread *server;              /* the thread that asks for the handshake, a blocked one */
static unsigned own_parts, served_parts; /* of the others and by others; under the handshake */

static void take_a_part(lull_thread *thread, enum lull__part part)
{
    if (thread != server) {
        own_parts += part == LULL__PART_SAFEPOINT;
        served_parts += part == LULL__PART_BLOCKED;
    }
}

static void guest_is_looked_at(void)
{
    if (atomic_load(&step) < LOOKED_AT) {
        reach(LOOKED_AT);
        wait_for(BLOCKED);
    }
}

static void *take_part_and_block(void *arg)
{
    lull_thread *guest = lull_attach(heap, LULL_STACK_PRECISE);
    ensure(guest != NULL, "%s", lull_error_message());
    atomic_store(&attached, true);
    wait_for(LOOKED_AT);
    lull_safepoint(guest);
    lull_blocking_begin(guest);
    reach(BLOCKED);
    wait_for(SERVED);
    lull_blocking_end(guest);
    ensure(lull_detach(guest) == LULL_OK, "%s", lull_error_message());
    return arg;
}

/* A thread is missing when it is looked at, and stands blocked when that is asked: it may have
 * taken its part between the two, and an action comes once to each thread. */
START_TEST(who_took_part_and_blocked_is_not_served)
{
    server = t;
    own_parts = served_parts = 0;
    at_point[LULL__DELAY_SERVE_LOOK] = guest_is_looked_at;
    pthread_t guest = run_attached(take_part_and_block);
    lull_blocking_begin(t);
    pthread_mutex_lock(&heap->threads_lock);
    lull__handshake(heap, take_a_part); /* looks at who attached last first */
    ck_assert_uint_eq(own_parts, 1);
    ck_assert_uint_eq(served_parts, 0);
    pthread_mutex_unlock(&heap->threads_lock);
    reach(SERVED);
    pthread_join(guest, NULL);
    lull_blocking_end(t);
}
END_TEST

/* ---- a drain and an assist: mark_queue.c's `over` ---- */

enum { FOUND_NOTHING = 1, DRAIN_OVER };

static struct lull__chunk *given;

static void marker_found_nothing(void)
{
    if (atomic_load(&step) == 0) {
        reach(FOUND_NOTHING);
    }
}

static void *wait_for_work(void *arg)
{
    given = lull__queue_wait(&heap->queue, false);
    if (atomic_load(&step) == 0) {
        reach(DRAIN_OVER);
    }
    return arg;
}

START_TEST(a_drain_is_not_over_while_an_assist_has_work)
{
    struct lull__mark_queue *queue = &heap->queue;
    struct lull__chunk *chunk = lull__queue_take_empty(queue);

    chunk->count = 0;
    lull__queue_begin(queue, 1);
    lull__queue_publish(queue, chunk);
    ck_assert_ptr_eq(lull__queue_assist(queue), chunk);
    at_point[LULL__DELAY_QUEUE_WAIT] = marker_found_nothing;
    pthread_t marker = run(wait_for_work);
    wait_for(FOUND_NOTHING);
    ck_assert_int_eq(atomic_load(&step), FOUND_NOTHING);
    lull__queue_publish(queue, chunk); /* what it found */
    lull__queue_assist_end(queue);
    pthread_join(marker, NULL);
    ck_assert_ptr_eq(given, chunk);
    ck_assert_ptr_null(lull__queue_wait(queue, false));
    lull__queue_give_empty(queue, chunk);
}
END_TEST

/* ---- weak reads: the slot is used again ---- */

enum { WORD_READ = 1, SWEPT, USED_AGAIN };

static struct thing *target; /* of the weak reference; nothing else holds it */

static void reader_has_word(void)
{
    /* the round that the thread took part in before is the last: DEAD and FLIP need nobody */
    if (is_guest && atomic_load(&step) == 0) {
        reach(WORD_READ);
        wait_for(USED_AGAIN);
    }
}

static void collector_judges(void)
{
    wait_for(WORD_READ);
}

static void all_is_to_be_swept(void)
{
    reach(SWEPT);
}

/* Until the target's slot is another object's. */
static void *use_again(void *arg)
{
    lull_thread *user = lull_attach(heap, LULL_STACK_PRECISE);
    struct thing *thing = NULL;

    ensure(user != NULL, "%s", lull_error_message());
    atomic_store(&attached, true);
    wait_polling(user, SWEPT);
    for (unsigned i = 0; i < 100000 && thing != target; i++) {
        thing = lull_alloc_any(user, sizeof *thing);
    }
    ensure(thing == target, "the slot is not used again");
    reach(USED_AGAIN);
    ensure(lull_detach(user) == LULL_OK, "%s", lull_error_message());
    return arg;
}

START_TEST(a_weak_read_does_not_find_who_came_after)
{
    lull_weak *weak;

    target = make(1);
    root[0] = weak = lull_weak_new(t, target);
    root[1] = make(2); /* keeps the span */
    for (unsigned i = 0; i < 4096; i++) {
        make(3); /* the thread takes other spans */
    }
    at_point[LULL__DELAY_WEAK_WORD] = reader_has_word;
    at_point[LULL__DELAY_ROUND_ASK] = note_round;
    at_point[LULL__DELAY_ROUND_JUDGE] = collector_judges;
    at_point[LULL__DELAY_LOWER] = all_is_to_be_swept;
    pthread_t user = run_attached(use_again);
    uint64_t cycles = heap->cycles;
    ask_for_cycle();
    take_part_in_round(t);
    is_guest = true;
    void *read = lull_weak_get(t, weak);
    is_guest = false;
    ck_assert_ptr_null(read);
    end_cycle(cycles);
    lull_blocking_begin(t);
    pthread_join(user, NULL);
    lull_blocking_end(t);
}
END_TEST

/* ---- reading an ephemeron: no part in a handshake between its two words ---- */

static atomic_bool asked;

static void key_is_alive(void)
{
    lull_thread *reader = lull_self(heap);

    if (atomic_exchange(&asked, true)) {
        return;
    }
    uint64_t before = reader->handshake;
    ask_for_cycle();
    while (heap->handshake == before) {
        sched_yield();
    }
    raise(STOP_SIGNAL);
    ensure(reader->handshake == before, "a signal took the thread's part while the key may die");
}

/* The handler is the library's, and this thread's stack one that a signal may scan. */
static void *read_value(void *arg)
{
    lull_thread *reader = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    ensure(reader != NULL, "%s", lull_error_message());
    void *value = lull_ephemeron_value(reader, root[1]);
    ensure(value == root[2], "an ephemeron with key %p reads %p", root[0], value);
    ensure(lull_detach(reader) == LULL_OK, "%s", lull_error_message());
    return arg;
}

START_TEST(an_ephemeron_is_read_in_one_go)
{
    uint64_t cycles = heap->cycles;

    root[0] = make(1);
    root[2] = make(2);
    root[1] = lull_ephemeron_new(t, root[0], root[2]);
    atomic_store(&asked, false);
    at_point[LULL__DELAY_EPHEMERON_KEY] = key_is_alive;
    pthread_t reader = run(read_value);
    lull_blocking_begin(t);
    pthread_join(reader, NULL);
    lull_blocking_end(t);
    ck_assert(atomic_load(&asked));
    end_cycle(cycles);
}
END_TEST

/* ---- a pool that ends when somebody has just run `destroy` for what it dropped ---- */

#define ITEMS 20

static atomic_uint destroyed[2];
static lull_pool *_Atomic ending;

static void destroy(void *object, void *arg)
{
    (void)object;
    atomic_fetch_add(&destroyed[(uintptr_t)arg], 1);
}

static lull_pool *make_pool(uintptr_t number)
{
    lull_pool_options options = {
        .struct_size = sizeof options, .destroy = destroy, .arg = (void *)number, .initial = ITEMS};

    options.type = lull_type_conservative(heap, "thing", sizeof(struct thing));
    lull_pool *pool = lull_pool_create(heap, &options);
    ck_assert_ptr_nonnull(pool);
    return pool;
}

static void end_pool(void)
{
    lull_pool *pool = atomic_exchange(&ending, NULL);

    ensure(pool == NULL || lull_pool_destroy(pool) == LULL_OK, "%s", lull_error_message());
}

/* What was freed is full of nonsense: whoever still reads it there finds no other pool. */
START_TEST(whoever_runs_destroy_lets_go_of_the_pool)
{
    mallopt(M_PERTURB, 0x5a);
    atomic_store(&ending, make_pool(0));
    lull_pool *other = make_pool(1);
    at_point[LULL__DELAY_POOL_REAPED] = end_pool;
    for (int i = 0; i < 3; i++) { /* idle, victims, dropped */
        collect();
    }
    while (atomic_load(&destroyed[1]) != ITEMS) { /* perhaps by the heap's own thread */
        sched_yield();
    }
    ck_assert_uint_eq(destroyed[0], ITEMS);
    ck_assert_ptr_null(atomic_load(&ending));
    ck_assert_int_eq(lull_pool_destroy(other), LULL_OK);
}
END_TEST

/* ---- which stores need not shade: .inv.fresh ---- */

enum { RAISED = 1, MADE_WHITE, SNAPSHOT_GIVEN, MADE_BLACK };

static void all_are_raised(void)
{
    reach(RAISED);
    wait_for(MADE_WHITE);
}

static void all_gave_snapshots(void)
{
    reach(SNAPSHOT_GIVEN);
    wait_for(MADE_BLACK);
}

/* Takes groups of slots. */
static struct thing *make_many(void)
{
    struct thing *thing = NULL;

    for (unsigned i = 0; i < 1000; i++) {
        thing = make(i);
    }
    return thing;
}

static uint8_t state_of(const void *object)
{
    return *lull__resolve(heap, (uintptr_t)object).state;
}

/* Words noted for a store of the value. */
static size_t noted_for(struct thing *value)
{
    size_t before = t->grey_count;

    lull_store(t, &root[1], value);
    return t->grey_count - before;
}

START_TEST(a_store_need_not_shade_what_is_black)
{
    struct thing *old = make(0);
    uint8_t white = heap->colour;
    uint64_t cycles = heap->cycles;

    root[0] = old;
    at_point[LULL__DELAY_SNAPSHOT] = all_are_raised;
    at_point[LULL__DELAY_SHARED_ROOTS] = all_gave_snapshots;
    ask_for_cycle();
    wait_polling(t, RAISED);
    struct thing *young = make_many();
    ck_assert_uint_eq(state_of(young), white);
    ck_assert_uint_eq(t->fresh_bytes, 0);
    ck_assert_uint_eq(noted_for(young), 1);
    reach(MADE_WHITE);
    wait_polling(t, SNAPSHOT_GIVEN);
    ck_assert_uint_eq(t->fresh_bytes, 0);
    young = make_many();
    ck_assert_uint_lt((uintptr_t)young - t->fresh_start, t->fresh_bytes);
    for (uintptr_t at = t->fresh_start; at < t->fresh_start + t->fresh_bytes; at += 8) {
        ck_assert_uint_ne(state_of((void *)at), white);
    }
    ck_assert_uint_eq(noted_for(old), 1);
    ck_assert_uint_eq(noted_for(young), 0);
    reach(MADE_BLACK);
    end_cycle(cycles);
    ck_assert_uint_eq(t->fresh_bytes, 0);
    make_many();
    ck_assert_uint_eq(t->fresh_bytes, 0);
}
END_TEST

/* ---- what a heap takes: most when marking is over ---- */

#define BESIDE_BYTES ((size_t)8 << 20)

START_TEST(what_was_allocated_beside_marking_stays_resident)
{
    uint64_t cycles = heap->cycles;

    at_point[LULL__DELAY_SHARED_ROOTS] = all_gave_snapshots;
    ask_for_cycle();
    wait_polling(t, SNAPSHOT_GIVEN);
    for (size_t bytes = 0; bytes < BESIDE_BYTES; bytes += sizeof(struct thing)) {
        make(bytes);
    }
    reach(MADE_BLACK);
    end_cycle(cycles);
    lull_blocking_begin(t);
    lull__collector_lock(heap); /* the cycle is over for good */
    ck_assert_uint_ge(heap->worker.retain, BESIDE_BYTES);
    pthread_mutex_unlock(&heap->cycle_lock);
    lull_blocking_end(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *stop = tcase_create("stop"), *concurrent = tcase_create("concurrent");

    tcase_add_checked_fixture(stop, set_up_stop, tear_down);
    tcase_add_test(stop, who_goes_on_looks_for_a_stop_again);
    tcase_add_test(stop, who_looks_for_a_stop_again_gives_back_its_slots);
    tcase_add_test(stop, a_drain_is_not_over_while_an_assist_has_work);
    suite_add_tcase(suite, stop);
    tcase_add_checked_fixture(concurrent, set_up_concurrent, tear_down);
    tcase_add_test(concurrent, who_took_part_and_blocked_is_not_served);
    tcase_add_test(concurrent, a_weak_read_does_not_find_who_came_after);
    tcase_add_test(concurrent, an_ephemeron_is_read_in_one_go);
    tcase_add_test(concurrent, whoever_runs_destroy_lets_go_of_the_pool);
    tcase_add_test(concurrent, a_store_need_not_shade_what_is_black);
    tcase_add_test(concurrent, what_was_allocated_beside_marking_stays_resident);
    return support_run(suite, concurrent);
}
