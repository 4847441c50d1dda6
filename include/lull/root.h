/* lull/root.h -- roots: where the collector starts.
 *
 * A thread with a conservative stack needs none of this for its locals. The rest is for precise
 * runtimes, for C globals, and for pointers kept in memory the collector does not know. */
#ifndef LULL_ROOT_H
#define LULL_ROOT_H

#include <lull/base.h>
#include <lull/type.h>

LULL_BEGIN_DECLS

/* Frames: a shadow stack. LULL_FRAME(t, f, 3) declares a frame `f` with three roots in the
 * present C scope and pushes it; f.root[i] are the roots, NULL at first; lull_frame_pop(t, &f)
 * before the scope ends, frames in reverse order. The roots are plain C variables of their
 * thread: read and write them as such. */
typedef struct lull_frame {
    struct lull_frame *previous;
    size_t count;
} lull_frame;

#define LULL_FRAME(t, name, n)                                                                   \
    struct {                                                                                     \
        lull_frame head;                                                                         \
        void *root[n];                                                                           \
    } name = {{NULL, (n)}, {NULL}};                                                              \
    lull_frame_push((t), &name.head)

/* Pushes or pops a frame. Popping one that is not on top is an error (LULL_E_STATE).
 * Collects: no. Errors: LULL_E_STATE. Threads: `t` belongs to the calling thread. Time: O(1). */
LULL_API int lull_frame_push(lull_thread *t, lull_frame *frame);
LULL_API int lull_frame_pop(lull_thread *t, lull_frame *frame);

/* Handles: roots that live anywhere and as long as wanted. */
typedef struct lull_handle lull_handle;

/* Makes a handle that holds `object` (which may be NULL), reads it, changes it, frees it.
 * Collects: no. Errors: NULL and LULL_E_NO_MEMORY. lull_handle_free(t, NULL) does nothing.
 * Threads: `t` belongs to the calling thread; a handle may be used by any attached thread of its
 * heap, freed once. Time: O(1). */
LULL_API lull_handle *lull_handle_new(lull_thread *t, void *object);
LULL_API void *lull_handle_get(const lull_handle *handle);
LULL_API void lull_handle_set(lull_thread *t, lull_handle *handle, void *object);
LULL_API void lull_handle_free(lull_thread *t, lull_handle *handle);

/* Registers [start, start + bytes) as roots: any aligned word in it may be a pointer. Removing
 * names the same range. Stores into it go through lull_store.
 * Collects: no. Errors: LULL_E_INVALID (empty, unaligned, or not registered), LULL_E_NO_MEMORY.
 * Threads: any. Time: O(ranges). */
LULL_API int lull_roots_add(lull_heap *heap, const void *start, size_t bytes);
LULL_API int lull_roots_remove(lull_heap *heap, const void *start, size_t bytes);

/* As lull_roots_add, for memory that the program stores into without lull_store, such as the C
 * globals of code that knows nothing of the heap. In the modes that mark beside the program each
 * cycle then ends with a stop: all threads are held while these ranges and all stacks are scanned,
 * which counts as a pause of kind LULL_PAUSE_STOP. Removed by lull_roots_remove.
 * Collects: no. Errors, threads, time: as lull_roots_add. */
LULL_API int lull_roots_add_unbarriered(lull_heap *heap, const void *start, size_t bytes);

/* Sets the callback that reports this thread's own roots (a value stack, say), NULL for none.
 * `object` and `size` are NULL and 0 in its calls, on this thread, also in its handler of the stop
 * signal, or on another while this one stands.
 * Collects: no. Errors: LULL_E_THREAD. Threads: `t` belongs to the calling thread. Time: O(1). */
LULL_API int lull_set_tracer(lull_thread *t, lull_trace_fn trace, void *arg);

LULL_END_DECLS

#endif
