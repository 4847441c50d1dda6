/* callback.h -- what the program may call while the library calls it.
 *
 * Each of its functions that the library calls is of a kind below, but for finalizers and a pool's
 * `make`, which run as any other code of the program does. While one runs its kind stands in a
 * word of the thread, and every function of the library that is not for it looks there first and
 * fails with LULL_E_STATE, in all heaps. The fast paths that are inline in the program do not
 * look: the thread's allocation caches are hidden, and its `marking` says that stores are refused
 * (barrier.h), so both come to a slow path that does. But a get and a put in the thread's own
 * magazine are not noticed, but in pools under audit: to hide the magazines would take a write to
 * each, and others may be at those of a thread that is blocked.
 *
 * .inv.callback: the word is written before anything is hidden, and again before it is shown. So
 *   whoever comes in between, in a signal handler, leaves hidden what is to be hidden: at the end
 *   of a callback is shown what the word of the one around it says, whatever was hidden before. */
#ifndef LULL__CALLBACK_H
#define LULL__CALLBACK_H

#include <stdbool.h>

#include "base.h"

/* By what they may call: each kind no more than those before it. */
enum lull__callback {
    LULL__CALLBACK_NONE,      /* anything: the program itself */
    LULL__CALLBACK_NO_MEMORY, /* what neither allocates, collects nor ends the thread's part */
    LULL__CALLBACK_DESTROY,   /* of a pool: stores, and what is for all kinds; it may fork */
    LULL__CALLBACK_RESET,     /* likewise */
    LULL__CALLBACK_SIZE,      /* from here on the heap may be in pieces, its locks be held, or the
                                 thread stand: only what is for all kinds */
    LULL__CALLBACK_TRACE,
    LULL__CALLBACK_RECEIVER, /* of events */
    LULL__CALLBACK_REPORT,   /* receiver of an audit's reports */
    LULL__CALLBACK_LATE,     /* late_thread */
    LULL__CALLBACKS
};
#define LULL__CALLBACK_INSIDE LULL__CALLBACK_SIZE

/* What the calling thread is in, enum lull__callback; its own, and its signal handler's.
 * initial-exec: reading it never allocates. */
extern _Thread_local volatile uint32_t lull__callback __attribute__((tls_model("initial-exec")));

/* Around a call of the program's function. begin returns what `end` is given: the kind around.
 * Threads: any. Time: some ns for each heap that the thread is attached to. */
uint32_t lull__callback_begin(enum lull__callback kind);
void lull__callback_end(uint32_t around);

/* For the three below: fails for `call` with LULL_E_STATE. Returns true. */
bool lull__callback_refuse(const char *call);

/* Whether `call` is refused where the thread is now, which lull_error() says then: one that
 * allocates, collects, or changes what the thread is to its heap; */
LULL__INLINE bool lull__refuses(const char *call)
{
    return LULL__UNLIKELY(lull__callback != LULL__CALLBACK_NONE) && lull__callback_refuse(call);
}

/* one that does none of that, but takes locks or changes the heap; */
LULL__INLINE bool lull__refuses_any(const char *call)
{
    return LULL__UNLIKELY(lull__callback > LULL__CALLBACK_NO_MEMORY) && lull__callback_refuse(call);
}

/* a store. */
LULL__INLINE bool lull__refuses_store(const char *call)
{
    return LULL__UNLIKELY(lull__callback >= LULL__CALLBACK_INSIDE) && lull__callback_refuse(call);
}

#endif
