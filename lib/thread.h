/* thread.h -- mutator threads: who is attached, what they are doing. */
#ifndef LULL__THREAD_H
#define LULL__THREAD_H

#include "heap.h"

/* Whether `t` is an attachment of the calling thread; O(1) when it is the newest. */
bool lull__thread_is_mine(const lull_thread *t);

/* Waits, out of the library, until the fork is over that wants the thread to stay out of it. */
void lull__gate(lull_thread *t);

/* Around every entry of the library that takes a lock or has a structure of the heap in pieces:
 * a signal handler that finds in_library set lets the thread go on to its safepoint, and a fork
 * waits for it. The thread itself and its handler are the only ones to look: compiler barriers
 * suffice. What is between must not call malloc (.inv.malloc). */
LULL__INLINE void lull__enter(lull_thread *t)
{
    LULL_ASSERT_HOT(lull__thread_is_mine(t)); /* the program used another thread's, or a dead one */
    t->in_library++;
    atomic_signal_fence(memory_order_seq_cst);
    /* relaxed: its own handler wrote it */
    if (LULL__UNLIKELY(atomic_load_explicit(&t->state, memory_order_relaxed) ==
                       LULL__THREAD_OUTSIDE)) {
        lull__gate(t);
    }
}

LULL__INLINE void lull__leave(lull_thread *t)
{
    atomic_signal_fence(memory_order_seq_cst);
    t->in_library--;
}

/* The same around a few instructions that touch what is the thread's own alone: they take part in
 * no handshake, but a fork need not wait for them. */
LULL__INLINE void lull__enter_own(lull_thread *t)
{
    LULL_ASSERT_HOT(lull__thread_is_mine(t));
    t->in_library++;
    atomic_signal_fence(memory_order_seq_cst);
}

/* How a thread stands that is held: HELD, BLOCKED or SIGNALLED. Its state is another question: one
 * that would go on says RUNNING before it looks whether it may, and stands again (handshake.c).
 * relaxed: written before the state, in which whoever holds the thread has seen that it stands, and
 * always the same until it goes on. */
LULL__INLINE uint32_t lull__thread_standing(const lull_thread *t)
{
    return atomic_load_explicit(&t->standing, memory_order_relaxed);
}

/* Whether `t` is an attachment of the calling thread, or fails with LULL_E_THREAD. */
bool lull__thread_check(const lull_thread *t);

/* The calling thread's attachments, linked by os_next. */
lull_thread *lull__thread_attachments(void);

/* `t`; or where that is NULL, the newest attachment of the calling thread, to whichever heap; NULL:
 * it has none. */
lull_thread *lull__thread_some(lull_thread *t);

/* The same around entries that any thread may call: a thread of another heap must not be held
 * with a lock of this one either. */
lull_thread *lull__enter_any(lull_heap *heap);
void lull__leave_any(lull_thread *entered);

/* Whether threads of the program's are attached. */
bool lull__thread_any(lull_heap *heap);

/* Adds `t` to, or takes it out of, the calling thread's attachments. */
void lull__thread_link(lull_thread *t);
void lull__thread_unlink(lull_thread *t);

/* Makes a thread structure with empty caches; NULL: no memory. Frees it. */
lull_thread *lull__thread_new(lull_heap *heap, lull_stack_kind kind);
void lull__thread_free(lull_thread *t);

/* Under threads_lock: `t`, which has left the heap's threads, is GONE. Returns the one that has
 * been gone for longest, if they are more than are kept; it is the caller's to free. */
lull_thread *lull__thread_gone(lull_thread *t);

#endif
