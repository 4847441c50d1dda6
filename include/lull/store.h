/* lull/store.h -- the write barrier.
 *
 * A program stores a pointer to an object into another object, or into a registered root, with
 * lull_store. Initialising a fresh object needs it too unless the object stored is NULL: the
 * collector may run beside the program. In mode stop the barrier is a test that never
 * succeeds, and a program that will only ever run in mode stop may leave it out. */
#ifndef LULL_STORE_H
#define LULL_STORE_H

#include <lull/base.h>
#include <lull/thread.h>

LULL_BEGIN_DECLS

LULL_API void lull_store_slow(lull_thread *t, void *slot, void *value);

/* A program that defines LULL_CHECK before it includes lull.h has each lull_store checked: it ends
 * with a message where `t` is not the calling thread's or is in a blocking section, or where the
 * field is neither in an object of the heap nor in a registered root. In a heap with trace
 * callbacks the field may be any memory outside the heap, which they may report. Without
 * LULL_CHECK such a store is done as it is: into memory of the heap that is no object it may be
 * cleared or handed out at any time; elsewhere it keeps nothing alive.
 * Collects: no. Errors: none. Threads: any. Time: O(ranges), with locks. */
LULL_API void lull_store_check(lull_thread *t, void *slot);

#ifdef LULL_CHECK
#define LULL__STORE_CHECK(t, slot) lull_store_check((t), (slot))
#else
#define LULL__STORE_CHECK(t, slot) ((void)0)
#endif

/* Stores `value`, an object of the heap of `t` (interior and tagged pointers allowed) or NULL,
 * into the pointer-sized field at `slot`. A value that is no object is stored as it is and
 * keeps nothing alive.
 * Collects: no.
 * Errors:   none, but see lull.h: in a callback that may not store, nothing is.
 * Threads:  `t` belongs to the calling thread; racing stores to one slot are as racing atomic
 *           stores: one of them wins.
 * Time:     O(1): a test and the store; while the collector marks, also a shade. */
static inline void lull_store(lull_thread *t, void *slot, void *value)
{
    LULL__STORE_CHECK(t, slot);
    /* relaxed: it changes at this thread's own safepoints only */
    const struct lull_thread_head *head = (const struct lull_thread_head *)(const void *)t;
    if (__builtin_expect(__atomic_load_n(&head->marking, __ATOMIC_RELAXED), 0)) {
        lull_store_slow(t, slot, value);
        return;
    }
    /* release: a marker that reads the pointer must find the object's fields initialised */
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
}

/* As lull_store, and returns what the field held: one atomic step.
 * Collects: no. Errors: none. Threads: as lull_store; racing exchanges each get another value.
 * Time: O(1). */
LULL_API void *lull_exchange(lull_thread *t, void *slot, void *value);

/* If the field holds *expected, stores `value` and returns nonzero; otherwise puts what it holds
 * into *expected and returns 0. One atomic step, with no failure but for another value.
 * Collects: no. Errors: none. Threads: as lull_store. Time: O(1). */
LULL_API int lull_compare_exchange(lull_thread *t, void *slot, void **expected, void *value);

/* Copies `count` pointer-sized fields from `from` to `to`, which may overlap, each read once and
 * stored as by lull_store. For what memmove would do between arrays of pointers.
 * Collects: no. Errors: none. Threads: as lull_store; others may see the copy half done.
 * Time: O(count). */
LULL_API void lull_move(lull_thread *t, void *to, const void *from, size_t count);

LULL_END_DECLS

#endif
