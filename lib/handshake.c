/* handshake.c -- safepoints: how threads come to stand still, and go on.
 *
 * The collecting thread sets heap->stop and every thread's poll flag, then looks at each
 * thread's state until none is RUNNING. A thread that sees its flag at a safepoint becomes HELD
 * and sleeps on heap->stop; one that is BLOCKED needs no telling. Both sides are one Dekker
 * pair, sequentially consistent:
 *
 *     thread                          collecting thread
 *     state = RUNNING                 stop = HOLD
 *     if (stop) back, and wait        if (state == RUNNING) wait for it
 *
 * so either the thread sees the stop before it touches the heap, or the collecting thread sees
 * it running (.inv.stop). A missing StoreLoad here is a bug that other collectors have had
 * (JDK-8325937).
 *
 * A thread that has not come after 1 ms gets a signal, if its stack is conservative: the handler
 * holds it where it is, unless it is inside the library, which it leaves by a safepoint or the
 * next signal, or on another stack than the one told. The kernel has put all its registers on
 * its stack by then.
 *
 * The argument; p. is a property of the model, tests/model/stop.pml, and capitals are steps that it
 * has left out.
 *
 * .arg.stand    Who goes on says RUNNING before it looks for a stop. If there is one it goes back
 *   to standing, and touches nothing in between: the collecting thread may have seen it stand
 *   before, and be at its caches already. Who is served does not go on before that is over.
 *   (p.stop, p.slots; WITHOUT_LOOK, TOUCHES, RUNS_SERVED)
 * .arg.standing A held thread's state may so say RUNNING. How it stands, and with that who gives
 *   back its slots, is asked of `standing`, which it wrote before it stood (lull__thread_standing).
 *   (p.slots; STATE_ASKED, STANDING_LATE)
 * .arg.signal   Who is held by a signal may be about to return a slot, so keeps them all; but has
 *   no lock that a collection may need (.inv.held). (p.slots, p.end; TAKES_SIGNALLED,
 *   HOLDS_IN_LIBRARY)
 * .arg.together A thread that is attached to several heaps stands in all of them when it waits for
 *   one, and goes on in all at once (.inv.together): if it ran in one heap while it waits for
 *   another, two threads could each be waited for by the collection that the other one waits for.
 *   So a safepoint of one heap is a safepoint of all, and a thread that is precise in one of them
 *   is held by no signal. (p.end; STANDS_ALONE, GOES_ON_ALONE)
 *
 * A fork cannot hold threads by signals: it takes the C library's locks itself, after this
 * library's part. It needs no thread to stand still, but all to be out of the library until it is
 * over. Its handler says so (OUTSIDE) and goes on; a thread that then wants to enter waits at the
 * gate. Both run on the same thread, so no order of memory is in question. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "handshake.h"

#include <errno.h>
#include <signal.h>

#include "cache.h"
#include "callback.h"
#include "delay.h"
#include "error.h"
#include "thread.h"

#define SPINS 1000                   /* before sleeping: a few microseconds */
#define SIGNAL_AFTER_NS 1000000      /* 1 ms */
#define LOOK_AGAIN_NS 50000          /* 50 us */
#define NAME_AFTER_NS 1000000000     /* 1 s */

static _Atomic int stop_signal; /* 0: not yet installed, -1: never signal; set once, under the
                                   registry's lock */

/* ---- a thread's own side: one attachment ---- */

static uint32_t stop_of(const lull_thread *t)
{
    return atomic_load_explicit(&t->heap->stop, memory_order_seq_cst); /* .inv.stop */
}

/* relaxed: the thread's own */
static uint32_t own_state(const lull_thread *t)
{
    return atomic_load_explicit(&t->state, memory_order_relaxed);
}

static void announce(lull_heap *heap)
{
    /* after the state; .inv.stop */
    atomic_fetch_add_explicit(&heap->acks, 1, memory_order_seq_cst);
    lull__os_futex_wake(&heap->acks, 1);
}

static void stand(lull_thread *t, enum lull__thread_state state)
{
    lull__delay(t->heap, LULL__DELAY_STAND);
    /* relaxed: whoever sees the state, which is stored after it, sees it */
    atomic_store_explicit(&t->standing, state, memory_order_relaxed);
    atomic_store_explicit(&t->state, state, memory_order_seq_cst); /* .inv.stop */
    if (stop_of(t) != LULL__STOP_NOT) {
        announce(t->heap);
    }
}

/* Whether a stop keeps the thread standing. A gate does not keep one that a signal held for the
 * collection before: it may have locks that the fork waits for. It goes on, and stays outside. */
static bool keeps(const lull_thread *t, uint32_t stop)
{
    return stop == LULL__STOP_HOLD ||
           (stop == LULL__STOP_GATE && lull__thread_standing(t) != LULL__THREAD_SIGNALLED);
}

static void wait_for_release(lull_thread *t)
{
    lull_heap *heap = t->heap;
    uint32_t stop;

    /* acquire: pairs with the release in lull__release_all; the cycle's work is visible */
    if (!keeps(t, atomic_load_explicit(&heap->stop, memory_order_acquire))) {
        return;
    }
    uint64_t since_ns = lull__os_now_ns();
    while (keeps(t, stop = atomic_load_explicit(&heap->stop, memory_order_acquire))) {
        lull__os_futex_wait(&heap->stop, stop, 0);
    }
    t->waited_ns += lull__os_now_ns() - since_ns;
}

/* Saves the callee-saved registers and where the stack ends. A function between the program and
 * this one may have put a register of the program's into its own frame, and be gone when the
 * stack is scanned: so the top of the stack is copied too. Never inlined. A precise thread's
 * stack is nobody's business, and may be anywhere. */
static LULL__NOINLINE LULL__NO_SANITIZE void save_context(lull_thread *t)
{
    char *sp;
    size_t n = 0;

    if (t->kind != LULL_STACK_CONSERVATIVE) {
        return;
    }
    LULL__STORE_REGISTERS(t->registers);
    LULL__STACK_POINTER(sp);
    /* a safepoint on another stack than the one told: lull_stack_set says that it must not be */
    LULL_ASSERT_VALUES(sp >= t->stack_low && sp < t->stack_high, sp, t->stack_low);
    t->stack_pointer = sp;
    for (; n < LULL__SPILL_WORDS && sp + (n + 1) * sizeof(uintptr_t) <= t->stack_high; n++) {
        t->spill[n] = ((const volatile uintptr_t *)(const void *)sp)[n];
    }
    t->spill_words = n;
}

/* ---- a thread's own side: all attachments ---- */

/* The attachments that stand and go on together: all but those in a section of the program's. */
static lull_thread *first_of(lull_thread *t)
{
    while (t != NULL && t->user_blocked) {
        t = t->os_next;
    }
    return t;
}

#define FOR_EACH_TOGETHER(t)                                                                     \
    for (lull_thread *t = first_of(lull__thread_attachments()); t != NULL;                        \
         t = first_of(t->os_next))

/* `held`, if any, has given its caches back itself; the others' are the collecting thread's. */
static void stand_together(const lull_thread *held)
{
    FOR_EACH_TOGETHER (t) {
        lull__enter(t);
        save_context(t);
        stand(t, t == held ? LULL__THREAD_HELD : LULL__THREAD_BLOCKED);
    }
}

/* From standing to RUNNING; first the collector finishes, where it takes the thread's part. */
static void run(lull_thread *t)
{
    uint32_t standing = lull__thread_standing(t);

    /* seq_cst: .inv.stop; acquire: pairs with the release in serve */
    while (!atomic_compare_exchange_strong_explicit(&t->state, &standing, LULL__THREAD_RUNNING,
                                                    memory_order_seq_cst, memory_order_acquire)) {
        uint64_t since_ns = lull__os_now_ns();
        lull__os_futex_wait(&t->state, LULL__THREAD_SERVED, 0);
        t->waited_ns += lull__os_now_ns() - since_ns;
        standing = lull__thread_standing(t);
    }
}

/* Whether no heap of the thread's asks for a stop, now that it runs in all of them. */
static bool all_clear(void)
{
    bool clear = true;

    FOR_EACH_TOGETHER (t) {
        lull__delay(t->heap, LULL__DELAY_GO_ON);
        run(t);
    }
    FOR_EACH_TOGETHER (t) {
        lull__delay(t->heap, LULL__DELAY_GO_ON_AGAIN);
        clear &= !keeps(t, stop_of(t)); /* .inv.stop */
    }
    return clear;
}

/* From standing to RUNNING, waiting while threads are held. */
static void go_on_together(void)
{
    for (;;) {
        FOR_EACH_TOGETHER (t) {
            wait_for_release(t);
        }
        if (all_clear()) {
            break;
        }
        FOR_EACH_TOGETHER (t) {
            stand(t, (enum lull__thread_state)lull__thread_standing(t));
        }
    }
    FOR_EACH_TOGETHER (t) {
        if (t->waited_ns != 0) {
            lull__emit(&t->heap->events, pause, t->number, LULL_PAUSE_STOP, t->waited_ns);
            t->waited_ns = 0;
        }
    }
}

void lull__block(void)
{
    stand_together(NULL);
}

void lull__unblock(void)
{
    go_on_together();
    FOR_EACH_TOGETHER (t) {
        lull__leave(t);
    }
}

void lull__section_begin(lull_thread *t)
{
    lull__enter(t);
    save_context(t);
    t->user_blocked = 1;
    lull__cache_hide(t); /* who allocates all the same gets an error, not the collector's way */
    stand(t, LULL__THREAD_BLOCKED);
    lull__leave(t);
}

void lull__section_end(lull_thread *t)
{
    stand_together(NULL);
    lull__enter(t);
    t->user_blocked = 0;
    lull__cache_show(t);
    lull__unblock();
}

/* Takes part in the present handshake, if it has not. */
static void take_part(lull_thread *t, enum lull__part part)
{
    lull_heap *heap = t->heap;
    /* acquire: pairs with the release in lull__handshake; the action is the one of this number */
    uint64_t number = atomic_load_explicit(&heap->handshake, memory_order_acquire);

    if (atomic_load_explicit(&t->handshake, memory_order_relaxed) == number) {
        return;
    }
    uint64_t start_ns = lull__os_now_ns();
    lull__delay(heap, LULL__DELAY_PART_BEGIN);
    uint32_t around = lull__callback_begin(LULL__CALLBACK_TRACE);
    heap->action(t, part);
    lull__callback_end(around);
    lull__delay(heap, LULL__DELAY_PART_DONE);
    __atomic_store_n(&t->head.poll, 0, __ATOMIC_RELAXED);
    /* release: pairs with the acquire in serve_or_wait; what the action did is visible */
    atomic_store_explicit(&t->handshake, number, memory_order_release);
    announce(heap);
    lull__emit(&heap->events, pause, t->number, LULL_PAUSE_HANDSHAKE,
               lull__os_now_ns() - start_ns);
}

void lull__safepoint(lull_thread *t)
{
    if (t->user_blocked) {
        return; /* the collector takes its part */
    }
    lull__enter(t);
    /* relaxed: a request it does not see yet will find it at its next safepoint */
    if (atomic_load_explicit(&t->heap->stop, memory_order_relaxed) != LULL__STOP_NOT) {
        uint64_t since_ns = lull__os_now_ns();
        lull__cache_retire_all(t);
        t->waited_ns += lull__os_now_ns() - since_ns; /* part of the pause to come */
        stand_together(t);
        lull__unblock();
    }
    save_context(t);
    take_part(t, LULL__PART_SAFEPOINT);
    lull__leave(t);
}

void lull_safepoint_slow(lull_thread *t)
{
    if (!lull__refuses_any("lull_safepoint")) {
        lull__safepoint(t);
    }
}

/* ---- the signal ---- */

/* .inv.held: of any heap, whose locks the thread may have. */
static bool in_library(void)
{
    for (const lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        if (t->in_library != 0) {
            return true;
        }
    }
    return false;
}

/* Whether the stack that the handler runs on is the one that would be scanned. */
static bool on_own_stack(const lull_thread *t, const char *sp)
{
    return t->kind == LULL_STACK_CONSERVATIVE && sp >= t->stack_low && sp < t->stack_high;
}

/* The handler's: the kernel has saved the registers, and they may still be in place as well. */
static void save_signalled(lull_thread *t, char *sp)
{
    LULL__STORE_REGISTERS(t->registers); /* not those of an earlier time */
    t->stack_pointer = sp;
    t->spill_words = 0;
}

/* In every heap that waits for the thread's part in a handshake. */
static void take_parts(char *sp)
{
    FOR_EACH_TOGETHER (t) {
        if (own_state(t) == LULL__THREAD_RUNNING && on_own_stack(t, sp)) {
            save_signalled(t, sp);
            take_part(t, LULL__PART_SIGNAL);
        }
    }
}

/* Whether the thread may be held where it is, and a collection wants that. */
static bool may_hold(const char *sp)
{
    bool wanted = false;

    FOR_EACH_TOGETHER (t) {
        if (own_state(t) != LULL__THREAD_RUNNING || !on_own_stack(t, sp)) {
            return false;
        }
        wanted |= stop_of(t) == LULL__STOP_HOLD;
    }
    return wanted;
}

static void hold_signalled(char *sp)
{
    FOR_EACH_TOGETHER (t) {
        save_signalled(t, sp);
        stand(t, LULL__THREAD_SIGNALLED);
    }
    go_on_together();
}

/* The thread stays out of those heaps that a fork wants it to; also when it is at a gate, where
 * no signal finds it. */
static void stay_outside(void)
{
    FOR_EACH_TOGETHER (t) {
        if (own_state(t) == LULL__THREAD_RUNNING && stop_of(t) == LULL__STOP_GATE) {
            stand(t, LULL__THREAD_OUTSIDE);
        }
    }
}

static void on_signal(int signal)
{
    int saved = errno;
    char *sp;

    (void)signal;
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        atomic_store_explicit(&t->signalled, 0, memory_order_relaxed);
    }
    LULL__STACK_POINTER(sp);
    if (!in_library()) {
        take_parts(sp);
        if (may_hold(sp)) {
            hold_signalled(sp);
        }
        stay_outside();
    }
    errno = saved;
}

void lull__gate(lull_thread *t)
{
    do {
        t->in_library--;
        atomic_signal_fence(memory_order_seq_cst);
        if (!in_library()) {
            stay_outside(); /* the gates of other heaps may have closed meanwhile */
        }
        /* not for ever: they may close yet */
        lull__os_futex_wait(&t->heap->stop, LULL__STOP_GATE, SIGNAL_AFTER_NS);
        t->in_library++;
        atomic_signal_fence(memory_order_seq_cst);
        /* acquire: pairs with the release in lull__release_all */
    } while (atomic_load_explicit(&t->state, memory_order_acquire) == LULL__THREAD_OUTSIDE);
}

static int install(int signal)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction old;

    sigemptyset(&action.sa_mask);
    if (sigaction(signal, NULL, &old) != 0) {
        return lull__fail(LULL_E_INVALID, "stop_signal is %d, which is no signal", signal);
    }
    if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
        return lull__fail(LULL_E_BUSY, "stop_signal is %d, which has a handler: choose another",
                          signal);
    }
    if (sigaction(signal, &action, NULL) != 0) {
        return lull__fail(LULL_E_INVALID, "stop_signal is %d, which cannot be handled", signal);
    }
    return LULL_OK;
}

int lull__handshake_init(const lull_options *options)
{
    int wanted = options->stop_signal != 0 ? options->stop_signal : SIGRTMIN + 5;

    if (atomic_load_explicit(&stop_signal, memory_order_relaxed) != 0) {
        return LULL_OK; /* the first heap decided */
    }
    int status = wanted > 0 ? install(wanted) : LULL_OK;
    if (status == LULL_OK) {
        atomic_store_explicit(&stop_signal, wanted, memory_order_relaxed);
    }
    return status;
}

void lull__handshake_admit_signal(void)
{
    int signal = atomic_load_explicit(&stop_signal, memory_order_relaxed);
    sigset_t set;

    if (signal > 0) {
        sigemptyset(&set);
        sigaddset(&set, signal);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
}

/* ---- the collecting thread's side ---- */

static bool running(const lull_thread *t)
{
    return atomic_load_explicit(&t->state, memory_order_seq_cst) ==
           LULL__THREAD_RUNNING; /* .inv.stop */
}

static uint32_t count_running(lull_heap *heap)
{
    uint32_t count = 0;

    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        count += running(t);
    }
    return count;
}

/* One at a time: signals to a thread that has them blocked would pile up, and what may be pending
 * is limited for all processes of a user together. */
static void send_signal(lull_thread *t, int signal, uint64_t waited_ns)
{
    /* relaxed: only the signal itself orders anything */
    if (atomic_exchange_explicit(&t->signalled, 1, memory_order_relaxed) != 0) {
        return;
    }
    if (pthread_kill(t->pthread, signal) == 0) {
        lull__emit(&t->heap->events, signal_stop, t->number, waited_ns);
    } else {
        atomic_store_explicit(&t->signalled, 0, memory_order_relaxed);
    }
}

/* Whether a thread must still come; `number` is that of a handshake, 0 for a stop. */
static bool is_missing(const lull_thread *t, uint64_t number)
{
    return running(t) &&
           (number == 0 || atomic_load_explicit(&t->handshake, memory_order_relaxed) != number);
}

/* Once a second: names the threads that have not come. */
static void name_late(lull_heap *heap, uint64_t number, uint64_t waited_ns)
{
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        if (!is_missing(t, number)) {
            continue;
        }
        lull__emit(&heap->events, late_thread, t->number, waited_ns);
        if (heap->options.late_thread != NULL) {
            uint32_t around = lull__callback_begin(LULL__CALLBACK_LATE);
            heap->options.late_thread(heap, t->number, t->pthread, waited_ns,
                                      heap->options.late_thread_arg);
            lull__callback_end(around);
        }
    }
}

static void signal_missing(lull_heap *heap, uint64_t number, uint64_t waited_ns)
{
    int signal = atomic_load_explicit(&stop_signal, memory_order_relaxed);

    for (lull_thread *t = heap->threads; t != NULL && signal > 0; t = t->next) {
        if (t->kind == LULL_STACK_CONSERVATIVE && is_missing(t, number)) {
            send_signal(t, signal, waited_ns);
        }
    }
}

/* How long the collecting thread has waited, and what it will do about it next. */
struct patience {
    uint64_t number; /* of the handshake; 0: a stop */
    uint64_t asked_ns, signal_at, name_at;
    unsigned spins;
};

static struct patience new_patience(uint64_t number, uint64_t now_ns)
{
    return (struct patience){number, now_ns, now_ns + SIGNAL_AFTER_NS, now_ns + NAME_AFTER_NS, 0};
}

/* Some are missing: spins, or sleeps until something is announced (`acks` changes) or it is time
 * to signal, or to name them. A thread that blocks announces nothing: looks again soon. */
static void wait_a_little(lull_heap *heap, struct patience *p, uint32_t acks)
{
    if (p->spins++ < SPINS) {
        lull__os_relax();
        return;
    }
    uint64_t now = lull__os_now_ns();
    if (now >= p->signal_at) {
        signal_missing(heap, p->number, now - p->asked_ns);
        p->signal_at = now + SIGNAL_AFTER_NS;
    }
    if (now >= p->name_at) {
        name_late(heap, p->number, now - p->asked_ns);
        p->name_at = now + NAME_AFTER_NS;
    }
    lull__os_futex_wait(&heap->acks, acks, lull__min(p->signal_at - now, LOOK_AGAIN_NS));
}

static void wait_until_held(lull_heap *heap, uint64_t asked_ns)
{
    struct patience p = new_patience(0, asked_ns);

    for (;;) {
        uint32_t acks = atomic_load_explicit(&heap->acks, memory_order_seq_cst);
        if (count_running(heap) == 0) {
            return;
        }
        wait_a_little(heap, &p, acks);
    }
}

/* Returns with threads_lock held. */
static void ask_all(lull_heap *heap, enum lull__stop stop)
{
    pthread_mutex_lock(&heap->threads_lock);
    atomic_store_explicit(&heap->stop, stop, memory_order_seq_cst); /* .inv.stop */
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        /* relaxed: seen sooner or later; the state decides */
        __atomic_store_n(&t->head.poll, 1, __ATOMIC_RELAXED);
    }
}

void lull__hold_all(lull_heap *heap)
{
    uint64_t asked_ns = lull__os_now_ns();
    uint32_t signalled = 0;

    ask_all(heap, LULL__STOP_HOLD);
    wait_until_held(heap, asked_ns);
    lull__delay(heap, LULL__DELAY_HELD);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        uint32_t standing = lull__thread_standing(t);
        signalled += standing == LULL__THREAD_SIGNALLED;
        if (standing == LULL__THREAD_BLOCKED) {
            lull__cache_retire_all(t);
        }
    }
    lull__emit(&heap->events, stop, 0, lull__os_now_ns() - asked_ns, heap->thread_count, signalled);
}

void lull__gate_all(lull_heap *heap)
{
    ask_all(heap, LULL__STOP_GATE);
}

void lull__gate_wait(lull_heap *heap)
{
    wait_until_held(heap, lull__os_now_ns());
}

void lull__release_all(lull_heap *heap)
{
    /* release; pairs with wait_for_release. Before the states: a signal that comes late must find
     * no gate to say OUTSIDE for */
    atomic_store_explicit(&heap->stop, LULL__STOP_NOT, memory_order_seq_cst);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        __atomic_store_n(&t->head.poll, 0, __ATOMIC_RELAXED);
        if (atomic_load_explicit(&t->state, memory_order_relaxed) == LULL__THREAD_OUTSIDE) {
            /* release; pairs with lull__gate */
            atomic_store_explicit(&t->state, LULL__THREAD_RUNNING, memory_order_release);
        }
    }
    lull__os_futex_wake(&heap->stop, INT32_MAX);
    pthread_mutex_unlock(&heap->threads_lock);
}

/* ---- handshakes ---- */

/* Takes the part of a thread that is blocked, keeping it so; false: it is not blocked. */
static bool serve(lull_thread *t, uint64_t number)
{
    uint32_t expected = LULL__THREAD_BLOCKED;

    lull__delay(t->heap, LULL__DELAY_SERVE_LOOK);
    /* acquire: the thread's saved registers; release: what the action did. Pairs with go_on */
    if (!atomic_compare_exchange_strong_explicit(&t->state, &expected, LULL__THREAD_SERVED,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    lull__delay(t->heap, LULL__DELAY_SERVE_BEGIN);
    /* it may have taken part itself, and blocked then, since it was looked at */
    if (atomic_load_explicit(&t->handshake, memory_order_relaxed) != number) {
        t->heap->action(t, LULL__PART_BLOCKED);
    }
    lull__delay(t->heap, LULL__DELAY_SERVE_DONE);
    __atomic_store_n(&t->head.poll, 0, __ATOMIC_RELAXED);
    atomic_store_explicit(&t->handshake, number, memory_order_relaxed);
    atomic_store_explicit(&t->state, LULL__THREAD_BLOCKED, memory_order_seq_cst);
    lull__os_futex_wake(&t->state, 1);
    return true;
}

/* Threads that have not taken part yet; those that are blocked are served. */
static uint32_t serve_all(lull_heap *heap, uint64_t number)
{
    uint32_t missing = 0;

    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        /* acquire: pairs with the release in take_part */
        missing += atomic_load_explicit(&t->handshake, memory_order_acquire) != number &&
                   !serve(t, number);
    }
    return missing;
}

void lull__handshake(lull_heap *heap, lull__action_fn action)
{
    uint64_t number = atomic_load_explicit(&heap->handshake, memory_order_relaxed) + 1;
    uint64_t asked_ns = lull__os_now_ns();
    struct patience p = new_patience(number, asked_ns);

    heap->action = action;
    /* release: pairs with the acquire in take_part */
    atomic_store_explicit(&heap->handshake, number, memory_order_release);
    lull__delay(heap, LULL__DELAY_HANDSHAKE);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        __atomic_store_n(&t->head.poll, 1, __ATOMIC_RELAXED);
    }
    for (;;) {
        uint32_t acks = atomic_load_explicit(&heap->acks, memory_order_acquire);
        if (serve_all(heap, number) == 0) {
            break;
        }
        wait_a_little(heap, &p, acks);
    }
    lull__emit(&heap->events, handshake, 0, lull__os_now_ns() - asked_ns, heap->thread_count);
}

/* ---- coming and going ---- */

/* It stands while it waits for the lock, as all the thread is attached to: the collecting thread
 * may hold it for as long as a cycle. */
void lull__thread_join(lull_thread *t)
{
    lull_heap *heap = t->heap;

    lull__delay(heap, LULL__DELAY_ATTACH);
    lull__block();
    t->in_library = 1;
    save_context(t);
    atomic_store_explicit(&t->standing, LULL__THREAD_BLOCKED, memory_order_relaxed);
    atomic_store_explicit(&t->state, LULL__THREAD_BLOCKED, memory_order_relaxed);
    pthread_mutex_lock(&heap->threads_lock);
    t->number = ++heap->next_thread_number;
    t->colour = heap->alloc_colour;
    t->head.marking = heap->barrier;
    atomic_store_explicit(&t->handshake,
                          atomic_load_explicit(&heap->handshake, memory_order_relaxed),
                          memory_order_relaxed);
    t->next = heap->threads;
    heap->threads = t;
    heap->thread_count++;
    lull__emit(&heap->events, thread_attach, t->number, heap->thread_count);
    pthread_mutex_unlock(&heap->threads_lock);
    lull__thread_link(t);
    lull__unblock();
}

void lull__thread_part(lull_thread *t, void (*part)(lull_thread *t))
{
    lull_heap *heap = t->heap;
    lull_thread **link = &heap->threads;

    lull__block();
    pthread_mutex_lock(&heap->threads_lock);
    while (*link != t) {
        link = &(*link)->next;
    }
    lull__cache_retire_all(t); /* nobody is held while this thread has the lock */
    lull__delay(heap, LULL__DELAY_DETACH);
    part(t);
    *link = t->next;
    heap->thread_count--;
    lull_thread *oldest = lull__thread_gone(t);
    lull__emit(&heap->events, thread_detach, t->number, heap->thread_count);
    lull__delay(heap, LULL__DELAY_LEAVE);
    lull__thread_unlink(t);
    lull__cache_hide(t);
    t->user_blocked = 1; /* for ever */
    pthread_mutex_unlock(&heap->threads_lock); /* whoever waits to destroy the heap may do so now */
    if (oldest != NULL) {
        lull__thread_free(oldest);
    }
    lull__unblock();
}
