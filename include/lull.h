/* lull.h -- a concurrent, non-moving, tracing garbage collector for C.
 *
 * This header is the whole everyday interface; it includes the parts below. An embedder
 * needs nothing else. The parts, in the order in which a program meets them:
 *
 *   lull/base.h     versions, error codes, attributes
 *   lull/heap.h     heaps: options, create, destroy, knobs, collections
 *   lull/thread.h   mutator threads: attach, detach, safepoints, blocking sections
 *   lull/type.h     types: what the collector is told of an object's fields
 *   lull/alloc.h    allocation
 *   lull/store.h    the write barrier
 *   lull/root.h     roots: conservative stacks, frames, handles, ranges, tracers
 *   lull/weak.h     weak references, ephemerons, finalizers
 *   lull/scope.h    what a pool gave goes back at the end of a block
 *   lull/pool.h     object pools
 *   lull/buffer.h   pools of byte buffers
 *   lull/builder.h  pools of string builders
 *   lull/compose.h  things made of pooled parts
 *   lull/audit.h    pools under audit: what a program does wrong with them
 *   lull/stats.h    statistics and events
 *
 * lull/inline.h is not included: it is the opt-in header that puts the fast paths of
 * allocation into the program itself.
 *
 * Every function's comment answers five questions: what it does; whether it collects
 * (that is, whether it is a safepoint); its errors; which threads may call it; its time.
 *
 * Callbacks. What a function of the program that the library calls may call in turn is by its row,
 * and what is for a lower row is for those above it, too:
 *
 *   a pool's `make`, finalizers
 *       anything but the end of the pool, of the thread's attachment, of the heap
 *   no_memory
 *       not what allocates, collects or runs finalizers: whatever makes or grows an object,
 *       lull_collect, lull_release_memory, lull_finalizers_run; nor lull_detach,
 *       lull_blocking_begin, lull_blocking_end
 *   a pool's `reset` and `destroy`
 *       lull_store, lull_exchange, lull_compare_exchange, lull_move
 *   a pool's `size`; trace callbacks; receivers of events, and of an audit's reports; late_thread
 *       lull_error, lull_error_message, lull_strerror, lull_version; the names of events, fields,
 *       pauses, misuses, drops, types and pools; lull_event_count, lull_type_size, lull_good_size,
 *       lull_options_init; lull_self, lull_heap_of, lull_object_of, lull_handle_get,
 *       lull_finalizers_pending; frames, popped again; a buffer or builder of its own as long as
 *       it need not grow; in trace callbacks lull_trace and lull_trace_range
 *
 * Every other call fails there with LULL_E_STATE, beside the errors that its comment names, and
 * changes nothing; it returns what it does on errors, or 0 or NULL, or nothing. This is so in all
 * heaps, on the heap's own threads and in signal handlers as well. A callback's failures are kept
 * apart: they are in lull_error() there, and not in that of the code around it. What a thread's
 * own magazine serves is not noticed, so a lull_pool_get or lull_pool_put may succeed; but in
 * pools under audit. In the callbacks of the last row that is undefined: the object may get two
 * owners.
 *
 * A callback returns: to leave it by longjmp, an exception, pthread_exit or cancellation is
 * undefined. It may end the process. It may fork; but the child of one of the last row may use no
 * heap, whose calls fail, and calls exec or _exit before it returns.
 *
 * The five words that the comments lean on:
 *   heap       an independent collected heap; a process may have several
 *   thread     a mutator thread: a thread of the program attached to a heap
 *   safepoint  a place where a thread may be held by a collection of its heap
 *   root       a place outside the heap from which the collector starts
 *   type       what an object's words are: pointers, data, or unknown */
#ifndef LULL_H
#define LULL_H

#include <lull/base.h>
#include <lull/heap.h>
#include <lull/thread.h>
#include <lull/type.h>
#include <lull/alloc.h>
#include <lull/store.h>
#include <lull/root.h>
#include <lull/weak.h>
#include <lull/scope.h>
#include <lull/pool.h>
#include <lull/buffer.h>
#include <lull/builder.h>
#include <lull/compose.h>
#include <lull/audit.h>
#include <lull/stats.h>

#endif
