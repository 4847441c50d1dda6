/* handshake.h -- safepoints: how threads come to stand still, and go on. */
#ifndef LULL__HANDSHAKE_H
#define LULL__HANDSHAKE_H

#include "heap.h"

/* Installs the stop signal's handler, once a process; fails where the signal has a handler of
 * the program's. Returns a status. */
int lull__handshake_init(const lull_options *options);

/* Holds every thread of the heap but those that are blocked, which stay so. Returns with
 * threads_lock held; the caller holds cycle_lock and is itself blocked (or not attached). Threads
 * that do not come within 1 ms are signalled. */
void lull__hold_all(lull_heap *heap);

/* For a fork: asks every thread of the heap to be, and stay, out of the library; then waits until
 * they are. Between them lie the asks of all other heaps. The caller holds cycle_lock and is
 * blocked, and has threads_lock after. Other than hold_all it stops nobody who is outside: the
 * fork waits for locks of the C library, which a thread may have where a signal meets it. */
void lull__gate_all(lull_heap *heap);
void lull__gate_wait(lull_heap *heap);

/* Lets them go on. */
void lull__release_all(lull_heap *heap);

/* Has every thread of the heap take part once in `action`: by itself at its next safepoint; by its
 * signal handler, when it reaches none within 1 ms; or, while it is blocked, by the calling
 * thread. Nobody waits for anybody else. The caller holds cycle_lock and threads_lock. */
void lull__handshake(lull_heap *heap, lull__action_fn action);

/* The calling thread's own side: it stands in all heaps that it is attached to (.inv.together),
 * but for those where it is in a blocking section of its own. Its registers and stack pointer are
 * saved, and from then on it may be collected around; unblock waits while threads are held.
 * Between them it touches nothing of the heaps, unless it is the collecting thread. */
void lull__block(void);
void lull__unblock(void);

/* The same for a blocking section of the program's: in one heap, from call to call. */
void lull__section_begin(lull_thread *t);
void lull__section_end(lull_thread *t);

/* A safepoint: held here if that is wanted. */
void lull__safepoint(lull_thread *t);

/* lull_attach's and lull_detach's part: puts `t` among the heap's threads and the calling thread's
 * attachments, takes it out; `part` is the last that is done for it while it is one of them. The
 * heap may be gone when thread_part returns, and `t` with it. */
void lull__thread_join(lull_thread *t);
void lull__thread_part(lull_thread *t, void (*part)(lull_thread *t));

/* Has the calling thread, one of the heap's own, take the stop signal. */
void lull__handshake_admit_signal(void);

#endif
