/* lull/weak.h -- weak references, ephemerons, finalizers.
 *
 * Order at the end of a cycle: ephemerons to their fixpoint, weak references to the dead
 * cleared, finalizers of the dead queued (which revives what they reach), ephemerons whose key
 * is dead emptied. So a finalizer sees its object whole, and no weak reference to it. */
#ifndef LULL_WEAK_H
#define LULL_WEAK_H

#include <lull/base.h>

LULL_BEGIN_DECLS

/* A weak reference: an object of the heap itself (it is collected like any other) that does not
 * keep its target alive. */
typedef struct lull_weak lull_weak;

/* Makes a weak reference to `target`; an interior pointer stays interior.
 * Collects: maybe. Errors: NULL as lull_alloc; LULL_E_INVALID where target is no object.
 * Threads: `t` belongs to the calling thread. Time: as lull_alloc. */
LULL_API lull_weak *lull_weak_new(lull_thread *t, void *target);

/* The target, or NULL once it is dead. The pointer returned is strong.
 * Collects: no. Errors: none. Threads: `t` belongs to the calling thread. Time: O(1). */
LULL_API void *lull_weak_get(lull_thread *t, lull_weak *weak);

/* An ephemeron: an object that keeps `value` alive while its `key` is alive otherwise. The cell
 * of weak hash tables. */
typedef struct lull_ephemeron lull_ephemeron;

/* Makes an ephemeron; reads its key and value, NULL both once the key is dead.
 * Collects: lull_ephemeron_new maybe, the others no. Errors: NULL as lull_alloc; LULL_E_INVALID
 * where key is no object. Threads: `t` belongs to the calling thread. Time: O(1). */
LULL_API lull_ephemeron *lull_ephemeron_new(lull_thread *t, void *key, void *value);
LULL_API void *lull_ephemeron_key(lull_thread *t, lull_ephemeron *ephemeron);
LULL_API void *lull_ephemeron_value(lull_thread *t, lull_ephemeron *ephemeron);
LULL_API void lull_ephemeron_set(lull_thread *t, lull_ephemeron *ephemeron, void *value);

/* Runs after `object` was found dead. It may do anything that an attached thread may, allocate
 * and revive the object included; a revived object is finalized again only if it is given a
 * finalizer again. lull_detach in it fails with LULL_E_STATE, lull_heap_destroy with
 * LULL_E_BUSY. */
typedef void (*lull_finalizer_fn)(lull_thread *t, void *object, void *arg);

/* Gives `object` a finalizer, in place of the one it has; NULL takes it away.
 * Collects: no. Errors: LULL_E_INVALID (no object; an interior pointer stands for its object),
 * LULL_E_NO_MEMORY. Threads: `t` belongs to the calling thread. Time: O(1) on average. */
LULL_API int lull_finalizer_set(lull_thread *t, void *object, lull_finalizer_fn fn, void *arg);

/* Runs up to `max` queued finalizers on the calling thread (all when 0), returns how many ran.
 * With a finalizer thread there is usually nothing to do.
 * Collects: as the finalizers do. Errors: none; called inside a finalizer it returns 0.
 * Threads: `t` belongs to the calling thread. Time: the finalizers'. */
LULL_API size_t lull_finalizers_run(lull_thread *t, size_t max);

/* Finalizers queued and not yet run. Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API size_t lull_finalizers_pending(lull_heap *heap);

LULL_END_DECLS

#endif
