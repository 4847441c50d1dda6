/* test_rounds.c -- races at the end of marking, led by hand (windows.h): rounds have an end, and
 * none is the last one too early; what is blackened for want of memory to note it; roots without a
 * barrier. */
#include "barrier.h"
#include "handshake.h"

#include "windows.h"

#include "famine.h"

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

/* The collector finds the key of an ephemeron white, and then the thread blackens it. To note in
 * its state that an ephemeron waits for it would make it white again, though it is stored where all
 * is marked and scanned again. */
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

int main(void)
{
    Suite *suite = suite_create("rounds");
    TCase *concurrent = tcase_create("concurrent");

    tcase_add_checked_fixture(concurrent, set_up_concurrent, tear_down);
    tcase_add_loop_test(concurrent, rounds_end_though_a_list_is_taken_apart, 0, 2);
    tcase_add_test(concurrent, a_round_that_only_blackened_is_not_the_last);
    tcase_add_test(concurrent, a_key_that_was_blackened_stays_so);
    tcase_add_test(concurrent, an_ephemeron_waits_once);
    tcase_add_test(concurrent, rounds_end_though_roots_change_without_the_barrier);
    tcase_add_test(concurrent, what_is_revived_goes_to_a_root_without_the_barrier);
    return support_run(suite, concurrent);
}
