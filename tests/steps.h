/* steps.h -- a concurrent cycle led step by step: a thread with a precise stack is never signalled,
 * so a test that polls when it pleases leads the cycle from handshake to handshake. A second such
 * thread, the gate, keeps the cycle in a handshake that the first has taken part in. Included by
 * one file a program, which is linked as scarce.h says. */
#ifndef LULL_TESTS_STEPS_H
#define LULL_TESTS_STEPS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "collector.h"
#include "fixture.h"
#include "handshake.h"
#include "mark_queue.h"
#include "scarce.h"

/* ---- leading a cycle ---- */

static atomic_uint gate_wanted,
    gate_taken; /* handshakes that the gate shall, and did, take part in */
static atomic_bool gate_attached, gate_end, gate_gone;
static pthread_t gate_thread;
static bool gate_used;

static inline bool is_asked(lull_thread *thread)
{
    return atomic_load(&heap->handshake) != atomic_load(&thread->handshake);
}

/* In the present handshake, or the next one; the verifier holds everybody before the last. */
static inline void take_part(lull_thread *thread)
{
    uint64_t before = atomic_load(&thread->handshake);

    while (atomic_load(&thread->handshake) == before) {
        if (is_asked(thread) || atomic_load(&heap->stop) != 0) {
            lull__safepoint(thread);
        }
        sched_yield();
    }
}

static inline void *gate(void *arg)
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

static inline void open_gate(void)
{
    gate_used = true;
    ck_assert_int_eq(pthread_create(&gate_thread, NULL, gate, NULL), 0);
    while (!atomic_load(&gate_attached)) {
        sched_yield();
    }
}

/* The gate takes part in the handshake at hand. */
static inline void pass_gate(void)
{
    unsigned wanted = atomic_fetch_add(&gate_wanted, 1) + 1;

    while (gate_used && atomic_load(&gate_taken) < wanted) {
        sched_yield();
    }
}

static inline void close_gate(void)
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

/* The collector counts a cycle before it is done with it; what is asked for in between is
 * forgotten. */
static inline void ask_for_cycle(void)
{
    while (atomic_load(&heap->collector.wanted)) {
        lull_safepoint(t);
        sched_yield();
    }
    cycles_before = atomic_load(&heap->cycles);
    ck_assert(lull__collector_ask(heap, LULL__REASON_TRIGGER));
}

/* Asks for a cycle and takes part in H1. */
static inline void begin_cycle(void)
{
    ask_for_cycle();
    take_part(t);
    ck_assert_int_ne(t->head.marking, 0);
    pass_gate();
}

/* H1 and the thread's part in H2, but not the gate's: it allocates black, nothing is marked. */
static inline void stand_before_marking(void)
{
    begin_cycle();
    take_part(t);
    ck_assert_uint_eq(t->colour, lull__other_colour(heap->colour));
}

/* Until H3 is asked for: markers have nothing left. */
static inline void await_round(void)
{
    while (!is_asked(t) || atomic_load(&heap->weak_phase) != LULL__WEAK_ENDING) {
        sched_yield();
    }
}

/* Takes part in whatever comes to the end of the cycle. */
static inline void end_cycle(void)
{
    close_gate();
    while (atomic_load(&heap->cycles) == cycles_before) {
        lull_safepoint(t);
        sched_yield();
    }
    ck_assert_int_eq(t->head.marking, 0);
}

static inline void set_up_concurrent(void)
{
    lull_options options = support_options();

    options.mode = support_mode_beside();
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    atomic_store(&scarce_maps, PLENTY);
    set_up_with(options);
}

static inline uint8_t state_of(const void *object)
{
    return lull__state_load(lull__resolve(heap, (uintptr_t)object).state);
}

/* What root[0] held, held by nobody but the caller; white while the gate is closed. */
static inline struct thing *steal(void)
{
    struct thing *stolen = root[0];

    lull_store(t, &root[0], NULL);
    ck_assert_uint_eq(state_of(stolen), heap->colour);
    return stolen;
}

/* After a cycle, whether or not its span is swept. */
static inline bool is_whole(const struct thing *thing, uint64_t number)
{
    return alive(thing) && thing->number == number && state_of(thing) == atomic_load(&heap->colour);
}

/* ---- an object at which marking waits ---- */

struct stopper {
    void *child;
};

static atomic_bool stopper_met, stopper_passes;

static inline void trace_stopper(lull_tracer *tracer, const void *object, size_t size, void *arg)
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

static inline struct stopper *make_stopper(void)
{
    const lull_type *type =
        lull_type_custom(heap, "stopper", sizeof(struct stopper), trace_stopper, NULL);
    struct stopper *stopper = type != NULL ? lull_alloc(t, type) : NULL;

    ensure(stopper != NULL, "%s", lull_error_message());
    atomic_store(&stopper_met, false);
    atomic_store(&stopper_passes, false);
    return stopper;
}

static inline void await_stopper(void)
{
    while (!atomic_load(&stopper_met)) {
        lull_safepoint(t);
        sched_yield();
    }
}

#endif
