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
