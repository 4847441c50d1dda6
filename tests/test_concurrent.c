/* test_concurrent.c -- mode concurrent, step by step: a thread with a precise stack is never
 * signalled, so a test that polls when it pleases leads the cycle from handshake to handshake.
 * A second such thread, the gate, keeps the cycle in a handshake that the first has taken part in. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "central.h"
#include "collector.h"
#include "fixture.h"
#include "handshake.h"
#include "mark_queue.h"
#include "random.h"
#include "scarce.h"

/* ---- leading a cycle ---- */

static atomic_uint gate_wanted, gate_taken; /* handshakes that the gate shall, and did, take part in */
static atomic_bool gate_attached, gate_end, gate_gone;
static pthread_t gate_thread;
static bool gate_used;

static bool is_asked(lull_thread *thread)
{
    return atomic_load(&heap->handshake) != atomic_load(&thread->handshake);
}

/* In the present handshake, or the next one; the verifier holds everybody before the last. */
static void take_part(lull_thread *thread)
{
    uint64_t before = atomic_load(&thread->handshake);

    while (atomic_load(&thread->handshake) == before) {
        if (is_asked(thread) || atomic_load(&heap->stop) != 0) {
            lull__safepoint(thread);
        }
        sched_yield();
    }
}

static void *gate(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_PRECISE);

    (void)arg;
    atomic_store(&gate_attached, true);
    while (!atomic_load(&gate_end)) {
        if (atomic_load(&gate_taken) < atomic_load(&gate_wanted)) {
            take_part(thread);
            atomic_fetch_add(&gate_taken, 1);
        }
        sched_yield();
    }
    lull_detach(thread);
    atomic_store(&gate_gone, true);
    return NULL;
}

static void open_gate(void)
{
    gate_used = true;
    ck_assert_int_eq(pthread_create(&gate_thread, NULL, gate, NULL), 0);
    while (!atomic_load(&gate_attached)) {
        sched_yield();
    }
}

/* The gate takes part in the handshake at hand. */
static void pass_gate(void)
{
    unsigned wanted = atomic_fetch_add(&gate_wanted, 1) + 1;

    while (gate_used && atomic_load(&gate_taken) < wanted) {
        sched_yield();
    }
}

static void close_gate(void)
{
    if (gate_used) {
        atomic_store(&gate_end, true);
        while (!atomic_load(&gate_gone)) { /* it waits for the handshake at hand */
            lull_safepoint(t);
            sched_yield();
        }
        pthread_join(gate_thread, NULL);
        gate_used = false;
    }
}

static uint64_t cycles_before;

static void ask_for_cycle(void)
{
    cycles_before = atomic_load(&heap->cycles);
    ck_assert(lull__collector_ask(heap, LULL__REASON_TRIGGER));
}

/* Asks for a cycle and takes part in H1. */
static void begin_cycle(void)
{
    ask_for_cycle();
    take_part(t);
    ck_assert_int_ne(t->head.marking, 0);
    pass_gate();
}

/* H1 and the thread's part in H2, but not the gate's: it allocates black, nothing is marked. */
static void stand_before_marking(void)
{
    begin_cycle();
    take_part(t);
    ck_assert_uint_eq(t->colour, lull__other_colour(heap->colour));
}

/* Until H3 is asked for: markers have nothing left. */
static void await_round(void)
{
    while (!is_asked(t) || atomic_load(&heap->weak_phase) != LULL__WEAK_ENDING) {
        sched_yield();
    }
}

/* Takes part in whatever comes to the end of the cycle. */
static void end_cycle(void)
{
    close_gate();
    while (atomic_load(&heap->cycles) == cycles_before) {
        lull_safepoint(t);
        sched_yield();
    }
    ck_assert_int_eq(t->head.marking, 0);
}

static void set_up_concurrent(void)
{
    lull_options options = support_options();

    options.mode = LULL_MODE_CONCURRENT;
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    atomic_store(&scarce_maps, PLENTY);
    set_up_with(options);
}

static uint8_t state_of(const void *object)
{
    return lull__state_load(lull__resolve(heap, (uintptr_t)object).state);
}

/* What root[0] held, held by nobody but the caller; white while the gate is closed. */
static struct thing *steal(void)
{
    struct thing *stolen = root[0];

    lull_store(t, &root[0], NULL);
    ck_assert_uint_eq(state_of(stolen), heap->colour);
    return stolen;
}

/* After a cycle, whether or not its span is swept. */
static bool is_whole(const struct thing *thing, uint64_t number)
{
    return alive(thing) && thing->number == number &&
           state_of(thing) == atomic_load(&heap->colour);
}

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

/* A handle, a registered root, an ephemeron: given, when they were scanned already, what only a thread
 * held, which lets go of it before its part in the round. */
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

/* ---- an object at which marking waits ---- */

struct stopper {
    void *child;
};

static atomic_bool stopper_met, stopper_passes;

static void trace_stopper(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct stopper *stopper = object;

    (void)size;
    (void)arg;
    atomic_store(&stopper_met, true);
    while (!atomic_load(&stopper_passes)) {
        sched_yield();
    }
    lull_trace(tracer, __atomic_load_n(&stopper->child, __ATOMIC_ACQUIRE));
}

static struct stopper *make_stopper(void)
{
    const lull_type *type =
        lull_type_custom(heap, "stopper", sizeof(struct stopper), trace_stopper, NULL);
    struct stopper *stopper = type != NULL ? lull_alloc(t, type) : NULL;

    ensure(stopper != NULL, "%s", lull_error_message());
    atomic_store(&stopper_met, false);
    atomic_store(&stopper_passes, false);
    return stopper;
}

static void await_stopper(void)
{
    while (!atomic_load(&stopper_met)) {
        lull_safepoint(t);
        sched_yield();
    }
}

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

/* ---- weak things while marking ---- */

/* Made of what only a thread holds, which then lets go of it: the marker meets neither. */
START_TEST(an_ephemeron_made_while_marking_has_no_dead_key)
{
    open_gate();
    root[0] = make(1);
    stand_before_marking();
    lull_ephemeron *e = lull_ephemeron_new(t, steal(), make(2));
    lull_store(t, &root[1], e);
    pass_gate();
    end_cycle();
    struct thing *key = lull_ephemeron_key(t, e);
    ck_assert(key == NULL || is_whole(key, 1));
    struct thing *value = lull_ephemeron_value(t, e);
    ck_assert(key == NULL ? value == NULL : is_whole(value, 2));
    collect();
    collect();
    ck_assert_ptr_null(lull_ephemeron_key(t, e));
    ck_assert_ptr_null(lull_ephemeron_value(t, e));
}
END_TEST

START_TEST(a_weak_reference_made_while_marking_has_no_dead_target)
{
    open_gate();
    root[0] = make(1);
    stand_before_marking();
    lull_weak *weak = lull_weak_new(t, steal());
    lull_store(t, &root[1], weak);
    pass_gate();
    end_cycle();
    struct thing *target = lull_weak_get(t, weak);
    ck_assert(target == NULL || is_whole(target, 1));
    collect();
    ck_assert_ptr_null(lull_weak_get(t, weak));
}
END_TEST

/* Before the snapshot, after it, and where the last round has been asked for: what a weak reference
 * gave is strong. */
START_TEST(what_a_weak_reference_gave_while_marking_lives)
{
    LULL_FRAME(t, frame, 1);
    root[1] = lull_weak_new(t, make(1));
    begin_cycle();
    if (_i >= 1) {
        take_part(t);
    }
    if (_i == 2) {
        await_round();
    }
    frame.root[0] = lull_weak_get(t, root[1]);
    ck_assert_ptr_nonnull(frame.root[0]);
    end_cycle();
    ck_assert(is_whole(frame.root[0], 1));
    ck_assert_ptr_eq(lull_weak_get(t, root[1]), frame.root[0]);
    frame.root[0] = NULL;
    collect();
    ck_assert_ptr_null(lull_weak_get(t, root[1]));
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* Read after the reader's part in what would have been the last round. */
START_TEST(a_weak_read_calls_the_last_round_off)
{
    LULL_FRAME(t, frame, 1);
    open_gate();
    root[1] = lull_weak_new(t, make(1));
    begin_cycle();
    take_part(t);
    pass_gate();
    take_part(t);
    ck_assert_uint_eq(atomic_load(&heap->weak_phase), LULL__WEAK_ENDING);
    frame.root[0] = lull_weak_get(t, root[1]);
    ck_assert_ptr_nonnull(frame.root[0]);
    ck_assert_uint_eq(atomic_load(&heap->weak_phase), LULL__WEAK_MARKING);
    pass_gate();
    end_cycle();
    ck_assert(is_whole(frame.root[0], 1));
    lull_frame_pop(t, &frame.head);
}
END_TEST

START_TEST(what_an_ephemeron_gave_while_marking_lives)
{
    LULL_FRAME(t, frame, 2);
    root[0] = make(1);
    root[1] = lull_ephemeron_new(t, root[0], make(2));
    root[0] = NULL;
    begin_cycle();
    take_part(t);
    await_round();
    frame.root[0] = lull_ephemeron_value(t, root[1]);
    lull_ephemeron_set(t, root[1], NULL);
    frame.root[1] = lull_ephemeron_key(t, root[1]);
    end_cycle();
    ck_assert(is_whole(frame.root[0], 2));
    ck_assert(is_whole(frame.root[1], 1));
    lull_frame_pop(t, &frame.head);
}
END_TEST

static void put_back(lull_thread *thread, void *object, void *arg)
{
    lull_store(thread, &root[(uintptr_t)arg], object);
}

/* A key that its finalizer revives can be read before marking has been at its children. */
START_TEST(what_a_revived_key_held_lives)
{
    LULL_FRAME(t, frame, 2);
    struct stopper *key = make_stopper();

    frame.root[0] = key;
    root[1] = lull_ephemeron_new(t, key, key);
    ck_assert_int_eq(lull_finalizer_set(t, key, put_back, (void *)2), LULL_OK);
    lull_store(t, &key->child, make(1));
    frame.root[0] = NULL;
    begin_cycle();
    await_stopper(); /* black, and not yet scanned */
    frame.root[0] = lull_ephemeron_key(t, root[1]);
    if (frame.root[0] != NULL) {
        frame.root[1] = key->child;
        lull_store(t, &key->child, NULL);
    }
    atomic_store(&stopper_passes, true);
    end_cycle();
    ck_assert(frame.root[0] == NULL || is_whole(frame.root[1], 1));
    ck_assert_uint_eq(lull_finalizers_run(t, 0), 1);
    ck_assert_ptr_eq(root[2], key);
    lull_frame_pop(t, &frame.head);
}
END_TEST

/* ---- stores that are no lull_store ---- */

struct ledger {
    uint64_t entries;
    void *page[2];
};

/* What only the table held ends up, plainly stored, in a new object or in a root that was scanned. */
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

/* ---- memory runs out ---- */

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

/* ---- coming, going, standing ---- */

/* Handshakes are served for a thread in a blocking section: nobody waits for its end. */
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

/* The pools of a thread that was served: objects in magazines stay, with what they hold. */
START_TEST(pooled_objects_live_through_a_cycle_at_any_step)
{
    lull_pool_options pool_options = {.struct_size = sizeof pool_options,
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

/* ---- forks ---- */

/* ThreadSanitizer ends a child of several threads that starts one. */
#if defined(__SANITIZE_THREAD__)
#define CHILD_CYCLES 0
#else
#define CHILD_CYCLES 3
#endif

/* A child that goes on with the heap it got. */
static void live_on(void)
{
    for (int i = 0; i < CHILD_CYCLES; i++) {
        root[3] = make((uint64_t)i);
        collect();
        ensure(is_whole(root[0], 1), "what the child got");
        ensure(is_whole(root[3], (uint64_t)i), "what the child made");
    }
    _exit(0);
}

/* The cycle is ahead of every step of its own in turn when the fork comes. */
static atomic_bool cycling;

static void *cycle_on(void *arg)
{
    lull_thread *thread = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    (void)arg;
    while (atomic_load(&cycling)) {
        ensure(lull_collect(thread) == LULL_OK, "%s", lull_error_message());
    }
    lull_detach(thread);
    return NULL;
}

START_TEST(forks_come_in_any_phase)
{
    struct random random = {1};
    pthread_t thread;

    root[0] = make(1);
    atomic_store(&cycling, true);
    pthread_create(&thread, NULL, cycle_on, NULL);
    for (size_t i = support_rounds(SUPPORT_SANITIZED ? 8 : 25); i != 0; i--) {
        for (uint64_t spins = random_below(&random, 200); spins != 0; spins--) {
            lull_safepoint(t);
        }
        pid_t child = fork();
        ensure(child >= 0, "fork");
        if (child == 0) {
            live_on();
        }
        int status;
        lull_blocking_begin(t);
        ensure(waitpid(child, &status, 0) == child && status == 0, "the child: %d", status);
        lull_blocking_end(t);
    }
    atomic_store(&cycling, false);
    lull_blocking_begin(t);
    pthread_join(thread, NULL);
    lull_blocking_end(t);
}
END_TEST

int main(void)
{
    if (support_emulated()) {
        return 0;
    }
    Suite *suite = suite_create("concurrent");
    TCase *tests = tcase_create("steps");

    tcase_add_checked_fixture(tests, set_up_concurrent, tear_down);
    tcase_add_test(tests, what_a_thread_took_from_the_heap_lives);
    tcase_add_loop_test(tests, what_a_thread_stored_lives, 0, 2);
    tcase_add_test(tests, what_is_stored_between_the_first_handshakes_lives);
    tcase_add_loop_test(tests, what_is_given_away_late_lives, 0, 3);
    tcase_add_test(tests, what_dies_while_marking_goes_with_the_next_cycle);
    tcase_add_test(tests, what_a_thread_stored_before_it_left_lives);
    tcase_add_test(tests, an_ephemeron_made_while_marking_has_no_dead_key);
    tcase_add_test(tests, a_weak_reference_made_while_marking_has_no_dead_target);
    tcase_add_loop_test(tests, what_a_weak_reference_gave_while_marking_lives, 0, 3);
    tcase_add_test(tests, a_weak_read_calls_the_last_round_off);
    tcase_add_test(tests, what_an_ephemeron_gave_while_marking_lives);
    tcase_add_test(tests, what_a_revived_key_held_lives);
    tcase_add_test(tests, the_verifier_names_a_store_that_is_none_of_ours);
    tcase_add_test(tests, a_late_shade_without_memory_harms_nothing);
    tcase_add_test(tests, a_shade_without_memory_is_not_lost);
    tcase_add_test(tests, a_span_given_back_late_is_swept);
    tcase_add_test(tests, cycles_go_on_beside_a_blocked_thread);
    tcase_add_test(tests, cycles_go_on_beside_a_thread_that_never_polls);
    tcase_add_test(tests, pooled_objects_live_through_a_cycle_at_any_step);
    tcase_add_test(tests, deep_stacks_are_scanned_to_their_end);
    tcase_add_test(tests, forks_come_in_any_phase);
    return support_run(suite, tests);
}
