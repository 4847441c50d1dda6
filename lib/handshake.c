/* handshake.c -- safepoints: how threads come to stand still, and go on.
 *
 * The collecting thread sets heap->stop and every thread's poll flag, then looks at each
 * thread's state until none is RUNNING. A thread that sees its flag at a safepoint becomes HELD
 * and sleeps on heap->stop; one that is BLOCKED needs no telling. Both sides are one Dekker
 * pair, sequentially consistent:
 *
 *     thread                          collecting thread
 *     state = RUNNING                 stop = 1
 *     if (stop) back, and wait        if (state == RUNNING) wait for it
 *
 * so either the thread sees the stop before it touches the heap, or the collecting thread sees
 * it running (.inv.stop). A missing StoreLoad here is a bug that other collectors have had
 * (JDK-8325937). A thread that goes back to standing touches nothing in between: the collecting
 * thread may be at its caches already.
 *
 * A thread that has not come after 1 ms gets a signal, if its stack is conservative: the handler
 * holds it where it is, unless it is inside the library, which it leaves by a safepoint or the
 * next signal. The kernel has put all its registers on its stack by then. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "handshake.h"

#include <errno.h>
#include <signal.h>

#include "cache.h"
#include "delay.h"
#include "error.h"
#include "thread.h"

#define SPINS 2000                   /* before sleeping: a few microseconds */
#define SIGNAL_AFTER_NS 1000000      /* 1 ms */
#define LOOK_AGAIN_NS 50000          /* 50 us */

static _Atomic int stop_signal; /* 0: not yet installed, -1: never signal; set once, under the
                                   registry's lock */

/* ---- a thread's own side ---- */

static void announce(lull_heap *heap)
{
    atomic_fetch_add_explicit(&heap->acks, 1, memory_order_seq_cst); /* after the state; .inv.stop */
    lull__os_futex_wake(&heap->acks, 1);
}

static void stand(lull_thread *t, enum lull__thread_state state)
{
    lull__delay(t->heap, LULL__DELAY_STAND);
    atomic_store_explicit(&t->state, state, memory_order_seq_cst); /* .inv.stop */
    if (atomic_load_explicit(&t->heap->stop, memory_order_seq_cst) != 0) {
        announce(t->heap);
    }
}

/* From standing in `state` to RUNNING, waiting while threads are held. Returns how long. */
static uint64_t go_on(lull_thread *t, enum lull__thread_state state)
{
    lull_heap *heap = t->heap;
    uint64_t since = 0;

    for (;;) {
        /* acquire: pairs with the release in lull__release_all; the cycle's work is visible */
        while (atomic_load_explicit(&heap->stop, memory_order_acquire) != 0) {
            since = since != 0 ? since : lull__os_now_ns();
            lull__os_futex_wait(&heap->stop, 1, 0);
        }
        lull__delay(heap, LULL__DELAY_GO_ON);
        uint32_t expected = state;
        if (!atomic_compare_exchange_strong_explicit(&t->state, &expected, LULL__THREAD_RUNNING,
                                                     memory_order_seq_cst, /* .inv.stop */
                                                     memory_order_acquire)) {
            since = since != 0 ? since : lull__os_now_ns();
            lull__os_futex_wait(&t->state, LULL__THREAD_SERVED, 0);
            continue;
        }
        lull__delay(heap, LULL__DELAY_GO_ON_AGAIN);
        if (atomic_load_explicit(&heap->stop, memory_order_seq_cst) == 0) {
            return since != 0 ? lull__os_now_ns() - since : 0;
        }
        stand(t, state);
    }
}

/* Saves the callee-saved registers and where the stack ends. A function between the program and
 * this one may have put a register of the program's into its own frame, and be gone when the
 * stack is scanned: so the top of the stack is copied too. Never inlined. */
static LULL__NOINLINE LULL__NO_SANITIZE void save_context(lull_thread *t)
{
    char *sp;

    LULL__STORE_REGISTERS(t->registers);
    LULL__STACK_POINTER(sp);
    t->stack_pointer = sp;
    for (size_t i = 0; i < LULL__SPILL_WORDS; i++) {
        const uintptr_t *word = (const uintptr_t *)(void *)sp + i;
        t->spill[i] = (char *)(word + 1) <= t->stack_high ? *(const volatile uintptr_t *)word : 0;
    }
}

void lull__block(lull_thread *t)
{
    save_context(t);
    stand(t, LULL__THREAD_BLOCKED);
}

void lull__unblock(lull_thread *t)
{
    uint64_t waited_ns = go_on(t, LULL__THREAD_BLOCKED);

    if (waited_ns != 0) {
        lull__emit(&t->heap->events, pause, t->number, LULL_PAUSE_STOP, waited_ns);
    }
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
    heap->action(t, part);
    lull__delay(heap, LULL__DELAY_PART_DONE);
    __atomic_store_n(&t->head.poll, 0, __ATOMIC_RELAXED);
    /* release: pairs with the acquire in serve_or_wait; what the action did is visible */
    atomic_store_explicit(&t->handshake, number, memory_order_release);
    announce(heap);
    lull__emit(&heap->events, pause, t->number, LULL_PAUSE_HANDSHAKE,
               lull__os_now_ns() - start_ns);
}

static void hold(lull_thread *t)
{
    lull__cache_retire_all(t);
    save_context(t);
    stand(t, LULL__THREAD_HELD);
    uint64_t held_ns = go_on(t, LULL__THREAD_HELD);
    if (held_ns != 0) {
        lull__emit(&t->heap->events, pause, t->number, LULL_PAUSE_STOP, held_ns);
    }
}

void lull__safepoint(lull_thread *t)
{
    lull__enter(t);
    /* relaxed: a request it does not see yet will find it at its next safepoint */
    if (atomic_load_explicit(&t->heap->stop, memory_order_relaxed) != 0) {
        hold(t);
    }
    save_context(t);
    take_part(t, LULL__PART_SAFEPOINT);
    lull__leave(t);
}

void lull_safepoint_slow(lull_thread *t)
{
    lull__safepoint(t);
}

/* ---- the signal ---- */

/* Holds one attachment of the interrupted thread, if that is wanted and possible. */
static void hold_signalled(lull_thread *t)
{
    char *sp;

    if (t->in_library != 0 || t->kind != LULL_STACK_CONSERVATIVE ||
        atomic_load_explicit(&t->state, memory_order_relaxed) != LULL__THREAD_RUNNING) {
        return; /* relaxed: its own */
    }
    LULL__STACK_POINTER(sp);
    t->stack_pointer = sp;
    if (atomic_load_explicit(&t->heap->stop, memory_order_seq_cst) == 0) {
        take_part(t, LULL__PART_SIGNAL);
        return;
    }
    stand(t, LULL__THREAD_SIGNALLED);
    uint64_t held_ns = go_on(t, LULL__THREAD_SIGNALLED);
    lull__emit(&t->heap->events, pause, t->number, LULL_PAUSE_STOP, held_ns);
}

static void on_signal(int signal)
{
    int saved = errno;

    (void)signal;
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        atomic_store_explicit(&t->signalled, 0, memory_order_relaxed);
        hold_signalled(t);
    }
    errno = saved;
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
    if (atomic_exchange_explicit(&t->signalled, 1, memory_order_relaxed) == 0) {
        pthread_kill(t->pthread, signal);
        lull__emit(&t->heap->events, signal_stop, t->number, waited_ns);
    }
}

static void signal_running(lull_heap *heap, uint64_t waited_ns)
{
    int signal = atomic_load_explicit(&stop_signal, memory_order_relaxed);

    for (lull_thread *t = heap->threads; t != NULL && signal > 0; t = t->next) {
        if (t->kind == LULL_STACK_CONSERVATIVE && running(t)) {
            send_signal(t, signal, waited_ns);
        }
    }
}

static void wait_until_held(lull_heap *heap, uint64_t asked_ns)
{
    uint64_t signal_at = asked_ns + SIGNAL_AFTER_NS;

    for (unsigned spins = 0;; spins++) {
        uint32_t acks = atomic_load_explicit(&heap->acks, memory_order_seq_cst);
        if (count_running(heap) == 0) {
            return;
        }
        if (spins < SPINS) {
            lull__os_relax();
            continue;
        }
        uint64_t now = lull__os_now_ns();
        if (now >= signal_at) {
            signal_running(heap, now - asked_ns);
            signal_at = now + SIGNAL_AFTER_NS;
        }
        lull__os_futex_wait(&heap->acks, acks, signal_at - now);
    }
}

void lull__hold_all(lull_heap *heap)
{
    uint64_t asked_ns = lull__os_now_ns();
    uint32_t signalled = 0;

    pthread_mutex_lock(&heap->threads_lock);
    atomic_store_explicit(&heap->stop, 1, memory_order_seq_cst); /* .inv.stop */
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        /* relaxed: seen sooner or later; the state decides */
        __atomic_store_n(&t->head.poll, 1, __ATOMIC_RELAXED);
    }
    wait_until_held(heap, asked_ns);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        uint32_t state = atomic_load_explicit(&t->state, memory_order_relaxed);
        signalled += state == LULL__THREAD_SIGNALLED;
        if (state == LULL__THREAD_BLOCKED) {
            lull__cache_retire_all(t);
        }
    }
    lull__emit(&heap->events, stop, 0, lull__os_now_ns() - asked_ns, heap->thread_count, signalled);
}

void lull__release_all(lull_heap *heap)
{
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        __atomic_store_n(&t->head.poll, 0, __ATOMIC_RELAXED);
    }
    atomic_store_explicit(&heap->stop, 0, memory_order_seq_cst); /* release; pairs with go_on */
    lull__os_futex_wake(&heap->stop, INT32_MAX);
    pthread_mutex_unlock(&heap->threads_lock);
}

/* ---- handshakes ---- */

/* Takes the part of a thread that is blocked, keeping it so; false: it is not blocked. */
static bool serve(lull_thread *t, uint64_t number)
{
    uint32_t expected = LULL__THREAD_BLOCKED;

    /* acquire: the thread's saved registers; release: what the action did. Pairs with go_on */
    if (!atomic_compare_exchange_strong_explicit(&t->state, &expected, LULL__THREAD_SERVED,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    lull__delay(t->heap, LULL__DELAY_SERVE_BEGIN);
    t->heap->action(t, LULL__PART_BLOCKED);
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

static void signal_missing(lull_heap *heap, uint64_t number, uint64_t waited_ns)
{
    int signal = atomic_load_explicit(&stop_signal, memory_order_relaxed);

    for (lull_thread *t = heap->threads; t != NULL && signal > 0; t = t->next) {
        if (t->kind == LULL_STACK_CONSERVATIVE && running(t) &&
            atomic_load_explicit(&t->handshake, memory_order_relaxed) != number) {
            send_signal(t, signal, waited_ns);
        }
    }
}

void lull__handshake(lull_heap *heap, lull__action_fn action)
{
    uint64_t asked_ns = lull__os_now_ns();
    uint64_t signal_at = asked_ns + SIGNAL_AFTER_NS;
    uint64_t number = atomic_load_explicit(&heap->handshake, memory_order_relaxed) + 1;

    heap->action = action;
    /* release: pairs with the acquire in take_part */
    atomic_store_explicit(&heap->handshake, number, memory_order_release);
    lull__delay(heap, LULL__DELAY_HANDSHAKE);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        __atomic_store_n(&t->head.poll, 1, __ATOMIC_RELAXED);
    }
    for (unsigned spins = 0;; spins++) {
        uint32_t acks = atomic_load_explicit(&heap->acks, memory_order_acquire);
        if (serve_all(heap, number) == 0) {
            return;
        }
        if (spins < SPINS / 10) {
            lull__os_relax();
            continue;
        }
        uint64_t now = lull__os_now_ns();
        if (now >= signal_at) {
            signal_missing(heap, number, now - asked_ns);
            signal_at = now + SIGNAL_AFTER_NS;
        }
        /* a thread that blocks does not announce it: look again soon */
        lull__os_futex_wait(&heap->acks, acks, lull__min(signal_at - now, LOOK_AGAIN_NS));
    }
}

/* ---- coming and going ---- */

void lull__thread_join(lull_thread *t)
{
    lull_heap *heap = t->heap;

    lull__delay(heap, LULL__DELAY_ATTACH);
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
}

void lull__thread_part(lull_thread *t, void (*part)(lull_thread *t))
{
    lull_heap *heap = t->heap;
    lull_thread **link = &heap->threads;

    /* blocked while it waits for the lock: the collecting thread may hold it */
    lull__block(t);
    pthread_mutex_lock(&heap->threads_lock);
    while (*link != t) {
        link = &(*link)->next;
    }
    lull__cache_retire_all(t); /* nobody is held while this thread has the lock */
    lull__delay(heap, LULL__DELAY_DETACH);
    part(t);
    *link = t->next;
    t->next = heap->gone_threads;
    heap->gone_threads = t;
    heap->thread_count--;
    atomic_store_explicit(&t->state, LULL__THREAD_GONE, memory_order_relaxed); /* under the lock */
    lull__emit(&heap->events, thread_detach, t->number, heap->thread_count);
    pthread_mutex_unlock(&heap->threads_lock);
    lull__delay(heap, LULL__DELAY_LEAVE);
    lull__thread_unlink(t);
}
