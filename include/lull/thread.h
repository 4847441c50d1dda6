/* lull/thread.h -- mutator threads. */
#ifndef LULL_THREAD_H
#define LULL_THREAD_H

#include <lull/base.h>

LULL_BEGIN_DECLS

typedef enum lull_stack_kind {
    LULL_STACK_CONSERVATIVE, /* the C stack and registers are scanned: any word may be a root */
    LULL_STACK_PRECISE       /* only frames, handles and tracers are roots of this thread; it is
                                never signalled, so it must reach safepoints by itself */
} lull_stack_kind;

/* What the first words of a thread are, for the inline fast paths; the rest is private. Read
 * only: the fields belong to the library. */
struct lull_thread_head {
    struct lull_cache *caches;       /* by a type's cache index; see lull/inline.h */
    unsigned char poll;     /* nonzero: a safepoint is wanted; atomic */
    unsigned char marking;  /* nonzero: stores must shade, or a callback is not to store; changes
                               at safepoints, and around callbacks */
};

/* Attaches the calling thread to a heap; it may now allocate. A thread may be attached to
 * several heaps, once each: a safepoint of one of them is a safepoint of all, and a thread that is
 * precise in one of them is not held by a signal in any.
 *
 * The lull_thread is the thread's own. Where a function below does not say LULL_E_THREAD, using it
 * by another thread, or after detaching, is undefined (only allocation after detaching fails with
 * LULL_E_THREAD, with any of the last 64 that were detached); debug builds of the library assert
 * it.
 *
 * A thread that ends attached, by returning, pthread_exit or cancellation, is detached by a
 * destructor of thread-specific data, after the program's own that run in the first round. It has
 * popped its frames, in a cleanup handler if need be; a blocking section may be left open. No
 * function of this library is a cancellation point.
 * Collects: a safepoint of the heaps the thread is attached to; waits while a collection holds this
 *           heap's threads.
 * Errors:   NULL and LULL_E_STATE (already attached), LULL_E_NO_MEMORY, LULL_E_INVALID.
 * Threads:  the thread itself.
 * Time:     O(1), some system calls. */
LULL_API lull_thread *lull_attach(lull_heap *heap, lull_stack_kind stack);

/* Detaches; `t` is dead after. Objects that only this thread's stack held may go.
 * Collects: a safepoint; may wait for a collection in progress.
 * Errors:   LULL_E_THREAD (not the calling thread's, or detached before), LULL_E_STATE (frames
 *           still pushed, or inside a blocking section).
 * Threads:  the thread itself.
 * Time:     O(caches and magazines it holds). */
LULL_API int lull_detach(lull_thread *t);

/* The calling thread's attachment to `heap`, or NULL.
 * Collects: no. Errors: none. Threads: any. Time: O(attached heaps of the thread). */
LULL_API lull_thread *lull_self(lull_heap *heap);

/* The heap of a thread. Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API lull_heap *lull_heap_of(const lull_thread *t);

LULL_API void lull_safepoint_slow(lull_thread *t);

/* A safepoint: two instructions unless a collection wants the thread. Loops that do not
 * allocate should have one, or other threads wait up to 1 ms longer for this one.
 * Collects: yes.
 * Errors:   none.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1), or as long as the collection holds the thread. */
static inline void lull_safepoint(lull_thread *t)
{
    /* relaxed: a request not seen yet is seen at the next safepoint */
    if (__builtin_expect(
            __atomic_load_n(&((struct lull_thread_head *)(void *)t)->poll, __ATOMIC_RELAXED), 0)) {
        lull_safepoint_slow(t);
    }
}

/* Begins a blocking section (a read, a lock, a sleep): until its end the thread neither touches
 * the heap nor changes what roots it has, and collections go on without it. Sections do not
 * nest, and allocation in one fails with LULL_E_STATE. Everything held in registers and stack when
 * it begins stays a root.
 * Collects: may run while the section lasts.
 * Errors:   LULL_E_STATE when already inside one, LULL_E_THREAD.
 * Threads:  `t` belongs to the calling thread.
 * Time:     O(1); the end waits while a collection holds the heap's threads. */
LULL_API int lull_blocking_begin(lull_thread *t);
LULL_API int lull_blocking_end(lull_thread *t);

/* Tells where the thread's C stack is, for runtimes that switch stacks: [low, high). By default
 * it is the thread's own. While it runs on another stack than the one told, a thread must not
 * reach a safepoint.
 * Collects: no. Errors: LULL_E_INVALID (low >= high), LULL_E_THREAD. Threads: `t` belongs to
 * the calling thread. Time: O(1). */
LULL_API int lull_stack_set(lull_thread *t, void *low, void *high);

LULL_END_DECLS

#endif
