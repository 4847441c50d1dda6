/* test_window.c -- races that need a thread to stand between two instructions: each test has it
 * stand there, at a delay point (delay.h), until others have done what they may. All of it is led
 * by hand; nothing depends on time. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "barrier.h"
#include "collector.h"
#include "delay.h"
#include "handshake.h"
#include "heap.h"
#include "mark_queue.h"
#include "scarce.h"

#include "fixture.h"

#define STOP_SIGNAL SIGUSR1

/* ---- the points ---- */

static void (*at_point[LULL__DELAYS])(void);

void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point);

void __wrap_lull__delay_now(lull_heap *of, enum lull__delay_point point)
{
    (void)of;
    if (at_point[point] != NULL) {
        at_point[point]();
    }
}

/* ---- what happened, by number ---- */

static atomic_int step;

static void wait_for(int wanted)
{
    while (atomic_load(&step) < wanted) {
        sched_yield();
    }
}

/* The same by a thread that takes part in handshakes meanwhile. */
static void wait_polling(lull_thread *thread, int wanted)
{
    while (atomic_load(&step) < wanted) {
        lull_safepoint(thread);
        sched_yield();
    }
}

static void reach(int number)
{
    atomic_store(&step, number);
}

static pthread_t run(void *(*f)(void *))
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, f, NULL), 0);
    return thread;
}

static atomic_bool attached;

/* Returns when the thread has attached: nobody can while a handshake waits for another. */
static pthread_t run_attached(void *(*f)(void *))
{
    atomic_store(&attached, false);
    pthread_t thread = run(f);
    while (!atomic_load(&attached)) {
        sched_yield();
    }
    return thread;
}

static atomic_ullong round_number; /* of the handshake that was about to be asked for */

static void note_round(void)
{
    atomic_store(&round_number, heap->handshake + 1);
}

static void take_part_in_round(lull_thread *thread)
{
    while (thread->handshake != atomic_load(&round_number)) {
        lull_safepoint(thread);
        sched_yield();
    }
}

static void set_up_window(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.stop_signal = STOP_SIGNAL;
    options.schedule_seed = 1;
    set_up_with(options);
    memset(at_point, 0, sizeof at_point);
    atomic_store(&step, 0);
    atomic_store(&round_number, UINT64_MAX);
}

static void set_up_stop(void)
{
    set_up_window(LULL_MODE_STOP);
}

static void set_up_concurrent(void)
{
    set_up_window(LULL_MODE_CONCURRENT);
}

static void ask_for_cycle(void)
{
    ck_assert(lull__collector_ask(heap, LULL__REASON_FORCED));
}

/* Until the cycle that runs, or is to run, is over and swept. */
static void end_cycle(uint64_t cycles_before)
{
    while (heap->cycles == cycles_before || heap->unswept != 0) {
        lull_safepoint(t);
        sched_yield();
    }
}

/* ---- going on after a stop: handshake.c's second look ---- */

enum { GOING_ON = 1, STOPPED, WENT_BACK, WENT_ON };

static _Thread_local bool is_guest; /* the thread whose points count */

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

/* ---- rounds have an end: .arg.bound ---- */

#define LINKS 64
#define HANDSHAKES_MOST 8 /* H1, H2, three rounds, hybrid, two rounds; not yet H4 */

static _Atomic(struct thing *) visited; /* the link that a marker is about to read */
static atomic_ullong last_handshake;

static void trace_link(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct thing *link = object;

    (void)size, (void)arg;
    atomic_store(&visited, (struct thing *)link);
    while (atomic_load(&visited) != NULL) {
        sched_yield();
    }
    lull_trace(tracer, __atomic_load_n(&link->child[0], __ATOMIC_RELAXED));
}

static void all_is_marked(void)
{
    atomic_store(&last_handshake, heap->handshake);
}

/* Stores must take the slow way, which looks for what they overwrite. */
static void check_hybrid(void)
{
    ck_assert(!t->keeps_fresh);
    ck_assert_uint_eq(t->fresh_bytes, 0);
    ck_assert_uint_eq(t->grey_limit, 0);
}

/* A list of objects, of which the thread takes each off its holder just before a marker reads that.
 * So the markers run out of work after each, but for what stores shade. The second time there are
 * no delay points, nor what stores do for their sake. */
START_TEST(rounds_end_though_a_list_is_taken_apart)
{
    const lull_type *type = lull_type_custom(heap, "link", sizeof(struct thing), trace_link, NULL);
    LULL_FRAME(t, frame, 1);

    for (unsigned i = 0; i < LINKS; i++) {
        struct thing *link = lull_alloc(t, type);
        link->number = i;
        link->child[0] = frame.root[0];
        frame.root[0] = link;
    }
    at_point[LULL__DELAY_DEAD] = all_is_marked;
    heap->options.schedule_seed = _i == 0;
    atomic_store(&last_handshake, 0);
    uint64_t begin = heap->handshake, cycles = heap->cycles, hybrid = 0;
    ask_for_cycle();
    while (heap->cycles == cycles) {
        struct thing *link = atomic_load(&visited);
        if (link != NULL) {
            void *next = link->child[0];
            lull_store(t, &link->child[0], NULL);
            lull_store(t, &root[1], next);
            if (link == frame.root[0] && next != NULL) {
                frame.root[0] = next;
            }
            atomic_store(&visited, NULL);
        }
        lull_safepoint(t);
        if (t->head.marking == LULL__BARRIER_HYBRID) {
            check_hybrid();
            hybrid++;
        }
    }
    struct thing *last = frame.root[0];
    ck_assert_uint_ne(hybrid, 0);
    ck_assert(alive(last));
    ck_assert_uint_eq(last->number, 0);
    ck_assert(_i != 0 || last_handshake - begin <= HANDSHAKES_MOST);
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* ---- a round that brought what there was no memory to note: take_one_round's `lost` ---- */

enum { AT_GATE = 1, ROUND_ASKED, PART_TAKEN, STORED, CHILD_TAKEN };

static atomic_bool open;

static struct lull__chunk *spare; /* the mark queue's chunks, while there is no memory */

/* No chunk is to be had, neither from the queue nor from the system. */
static void take_memory(void)
{
    struct lull__chunk *chunk;

    atomic_store(&scarce_maps, 0);
    while ((chunk = lull__queue_take_empty(&heap->queue)) != NULL) {
        chunk->next = spare;
        spare = chunk;
    }
}

static void give_memory(void)
{
    atomic_store(&scarce_maps, PLENTY);
    while (spare != NULL) {
        struct lull__chunk *chunk = spare;
        spare = chunk->next;
        lull__queue_give_empty(&heap->queue, chunk);
    }
}

/* Waits the first time, then reports its first word. */
static void trace_gate(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (atomic_load(&step) == 0) {
        reach(AT_GATE);
        while (!atomic_load(&open)) {
            sched_yield();
        }
    }
    lull_trace(tracer, *(void *const *)object);
}

static void round_is_asked(void)
{
    if (atomic_load(&step) == AT_GATE) {
        note_round();
        take_memory();
        reach(ROUND_ASKED);
    }
}

/* Takes part; then takes the child of what the first thread stored. */
static void *take_child(void *arg)
{
    lull_thread *taker = lull_attach(heap, LULL_STACK_PRECISE);
    LULL_FRAME(taker, frame, 1);
    uint64_t cycles = heap->cycles;

    atomic_store(&attached, true);
    wait_polling(taker, ROUND_ASKED);
    take_part_in_round(taker);
    reach(PART_TAKEN);
    wait_for(STORED);
    struct thing *parent = root[1], *child = parent->child[0];
    frame.root[0] = child;
    lull_store(taker, &parent->child[0], NULL);
    reach(CHILD_TAKEN);
    while (heap->cycles == cycles || heap->unswept != 0) {
        lull_safepoint(taker);
        sched_yield();
    }
    ensure(alive(child) && child->number == 2, "what a thread holds was freed");
    lull_frame_pop(taker, &frame.head);
    ensure(lull_detach(taker) == LULL_OK, "%s", lull_error_message());
    return arg;
}

/* The object that the round brings is blackened, since there is no memory; when it is scanned, its
 * child is gone: held by a thread that took part before. Nothing is marked, and yet there must be
 * another round. */
START_TEST(a_round_that_only_blackened_is_not_the_last)
{
    const lull_type *type = lull_type_custom(heap, "gate", sizeof(void *), trace_gate, NULL);
    struct thing *holder = make(0), *parent = make(1);
    LULL_FRAME(t, frame, 1);

    root[0] = lull_alloc(t, type);
    *(void **)root[0] = holder;
    holder->child[0] = parent;
    parent->child[0] = make(2);
    frame.root[0] = holder; /* so that its snapshot hands over the thread's chunk */
    at_point[LULL__DELAY_ROUND_ASK] = round_is_asked;
    at_point[LULL__DELAY_ROUND_JUDGE] = give_memory;
    atomic_store(&open, false);
    pthread_t taker = run_attached(take_child);
    uint64_t cycles = heap->cycles;
    ask_for_cycle();
    wait_polling(t, AT_GATE);
    frame.root[0] = parent; /* which no marker has seen */
    lull_store(t, &holder->child[0], NULL);
    atomic_store(&open, true);
    wait_for(PART_TAKEN);
    lull_store(t, &root[1], parent);
    reach(STORED);
    wait_for(CHILD_TAKEN);
    end_cycle(cycles);
    lull_blocking_begin(t);
    pthread_join(taker, NULL);
    lull_blocking_end(t);
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* ---- ephemerons and threads that have no memory to note what they shade ---- */

enum { KEY_LOOKED_AT = 2, KEY_SHADED, RECOVERED };

static void key_is_looked_at(void)
{
    if (atomic_load(&step) == AT_GATE) {
        take_memory();
        reach(KEY_LOOKED_AT);
        wait_for(KEY_SHADED);
    }
}

static void key_is_shaded(void)
{
    if (is_guest && atomic_load(&step) == KEY_LOOKED_AT) {
        reach(KEY_SHADED);
        wait_for(RECOVERED);
    }
}

static void all_is_recovered(void)
{
    if (atomic_load(&step) == KEY_SHADED) {
        give_memory();
        reach(RECOVERED);
    }
}

/* An object at which marking waits, before its only word. */
static struct thing *hold_behind_gate(lull_thread *thread)
{
    const lull_type *type = lull_type_custom(heap, "gate", sizeof(void *), trace_gate, NULL);
    struct thing *holder = make(0);

    root[0] = lull_alloc(thread, type);
    *(void **)root[0] = holder;
    atomic_store(&open, false);
    return holder;
}

/* The collector finds the key of an ephemeron white, and then the thread blackens it. To note in its
 * state that an ephemeron waits for it would make it white again, though it is stored where all is
 * marked and scanned again. */
START_TEST(a_key_that_was_blackened_stays_so)
{
    struct thing *holder = hold_behind_gate(t), *key = make(1), *value = make(2);
    uint64_t cycles = heap->cycles;
    LULL_FRAME(t, frame, 1);

    holder->child[0] = key;
    frame.root[0] = holder; /* so that its snapshot hands over the thread's chunk */
    root[1] = lull_ephemeron_new(t, key, value);
    at_point[LULL__DELAY_EPHEMERON_WAIT] = key_is_looked_at;
    at_point[LULL__DELAY_STORE_WRITE] = key_is_shaded;
    at_point[LULL__DELAY_ROUND_ASK] = all_is_recovered;
    ask_for_cycle();
    wait_polling(t, AT_GATE);
    lull_store(t, &holder->child[0], NULL); /* no marker has seen the key */
    atomic_store(&open, true);
    wait_for(KEY_LOOKED_AT);
    is_guest = true;
    lull_store(t, &holder->child[1], key);
    is_guest = false;
    end_cycle(cycles);
    ck_assert(alive(key));
    ck_assert_uint_eq(key->number, 1);
    ck_assert_ptr_eq(lull_ephemeron_value(t, root[1]), value);
    ck_assert(alive(value));
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* ---- rounds have an end, though roots change without the barrier: .arg.stop ---- */

static void *plain[LINKS];

/* A list that no marker has seen is moved to where stores shade nothing; each round then finds one
 * link of it with the thread. */
START_TEST(rounds_end_though_roots_change_without_the_barrier)
{
    struct thing *holder = hold_behind_gate(t), *link = NULL;
    LULL_FRAME(t, frame, 1);

    ck_assert_int_eq(lull_roots_add_unbarriered(heap, plain, sizeof plain), LULL_OK);
    memset(plain, 0, sizeof plain);
    for (unsigned i = 0; i < LINKS; i++) {
        link = make(i);
        link->child[0] = holder->child[0];
        holder->child[0] = link;
    }
    uint64_t begin = heap->handshake, cycles = heap->cycles, last = begin;
    unsigned next = 0;
    ask_for_cycle();
    wait_polling(t, AT_GATE);
    for (unsigned i = LINKS; i-- > 0; link = link->child[0]) {
        plain[i] = link;
    }
    for (unsigned i = 0; i < LINKS; i++) {
        lull_store(t, &((struct thing *)plain[i])->child[0], NULL);
    }
    lull_store(t, &holder->child[0], NULL);
    atomic_store(&open, true);
    while (heap->cycles == cycles || heap->unswept != 0) {
        if (t->handshake != last && next < LINKS) {
            last = t->handshake;
            frame.root[0] = plain[next++];
        }
        lull_safepoint(t);
        sched_yield();
    }
    ck_assert_uint_le(heap->handshake - begin, HANDSHAKES_MOST);
    for (unsigned i = 0; i < LINKS; i++) {
        ck_assert(alive(plain[i]));
        ck_assert_uint_eq(((struct thing *)plain[i])->number, i);
    }
    ck_assert_int_eq(lull_roots_remove(heap, plain, sizeof plain), LULL_OK);
    lull_frame_pop(t, &frame.head);
}
END_TEST

static void forget(lull_thread *thread, void *object, void *arg)
{
    (void)thread, (void)object, (void)arg;
}

/* The key of an ephemeron is revived for its finalizer: a thread takes its child, before that is
 * marked, to where stores shade nothing. */
START_TEST(what_is_revived_goes_to_a_root_without_the_barrier)
{
    const lull_type *type = lull_type_custom(heap, "gate", sizeof(void *), trace_gate, NULL);
    void **key = lull_alloc(t, type);
    uint64_t cycles = heap->cycles;

    *key = make(1);
    plain[0] = NULL;
    ck_assert_int_eq(lull_roots_add_unbarriered(heap, plain, sizeof plain), LULL_OK);
    ck_assert_int_eq(lull_finalizer_set(t, key, forget, NULL), LULL_OK);
    root[0] = lull_ephemeron_new(t, key, NULL);
    atomic_store(&open, false);
    ask_for_cycle();
    wait_polling(t, AT_GATE);
    ck_assert_ptr_eq(lull_ephemeron_key(t, root[0]), key);
    plain[0] = *key;
    lull_store(t, key, NULL);
    atomic_store(&open, true);
    end_cycle(cycles);
    ck_assert(alive(plain[0]));
    ck_assert_uint_eq(((struct thing *)plain[0])->number, 1);
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_int_eq(lull_roots_remove(heap, plain, sizeof plain), LULL_OK);
}
END_TEST

enum { WAITS = 2 };

static void ephemeron_is_white(void)
{
    if (is_guest) {
        atomic_store(&open, true);
        wait_for(WAITS);
    }
}

static void ephemeron_waits(void)
{
    if (atomic_load(&step) == AT_GATE) {
        reach(WAITS);
    }
}

/* The thread finds an ephemeron white; a marker finds it too, and it waits for its key; then the
 * thread blackens it, which has it looked at again. */
START_TEST(an_ephemeron_waits_once)
{
    struct thing *holder = hold_behind_gate(t);
    uint64_t cycles = heap->cycles, cleared = lull__count(&heap->events, cleared);
    LULL_FRAME(t, frame, 1);

    frame.root[0] = holder;
    holder->child[0] = lull_ephemeron_new(t, make(1), NULL);
    at_point[LULL__DELAY_GREY_BLACKEN] = ephemeron_is_white;
    at_point[LULL__DELAY_EPHEMERON_WAIT] = ephemeron_waits;
    ask_for_cycle();
    wait_polling(t, AT_GATE);
    take_memory();
    is_guest = true;
    lull_store(t, &holder->child[1], holder->child[0]);
    is_guest = false;
    give_memory();
    end_cycle(cycles);
    ck_assert_uint_eq(lull__count(&heap->events, cleared), cleared + 1);
    ck_assert_ptr_null(lull_ephemeron_key(t, holder->child[0]));
    lull_frame_pop(t, &frame.head);
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
    tcase_add_test(stop, a_drain_is_not_over_while_an_assist_has_work);
    suite_add_tcase(suite, stop);
    tcase_add_checked_fixture(concurrent, set_up_concurrent, tear_down);
    tcase_add_test(concurrent, who_took_part_and_blocked_is_not_served);
    tcase_add_test(concurrent, a_weak_read_does_not_find_who_came_after);
    tcase_add_test(concurrent, an_ephemeron_is_read_in_one_go);
    tcase_add_loop_test(concurrent, rounds_end_though_a_list_is_taken_apart, 0, 2);
    tcase_add_test(concurrent, a_round_that_only_blackened_is_not_the_last);
    tcase_add_test(concurrent, whoever_runs_destroy_lets_go_of_the_pool);
    tcase_add_test(concurrent, a_key_that_was_blackened_stays_so);
    tcase_add_test(concurrent, an_ephemeron_waits_once);
    tcase_add_test(concurrent, rounds_end_though_roots_change_without_the_barrier);
    tcase_add_test(concurrent, what_is_revived_goes_to_a_root_without_the_barrier);
    tcase_add_test(concurrent, a_store_need_not_shade_what_is_black);
    tcase_add_test(concurrent, what_was_allocated_beside_marking_stays_resident);
    return support_run(suite, concurrent);
}
