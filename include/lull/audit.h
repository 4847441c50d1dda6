/* lull/audit.h -- object pools under audit: what a program does wrong with them, and where.
 *
 * The collector knows what no pool can: an object that was taken and died was never put back, and
 * one that lies in a pool and is reachable from elsewhere is still in use. An audited pool adds who
 * took and put each object, and fills it with 0xbd while it lies idle.
 *
 * LULL_DEBUG=pools audits all pools of a heap, the flag LULL_POOL_AUDIT one. Without, none of this
 * costs anything; with it a get and a put take some microseconds each, and every collection holds
 * all threads while it looks. doc/embedding.md has an example, and what the audit does not see. */
#ifndef LULL_AUDIT_H
#define LULL_AUDIT_H

#include <lull/base.h>

LULL_BEGIN_DECLS

typedef enum lull_pool_misuse {
    LULL_POOL_FORGOTTEN_PUT,   /* taken, and found dead: it was never put back */
    LULL_POOL_USE_AFTER_PUT,   /* put, and a root or an object that is alive still points to it */
    LULL_POOL_DOUBLE_PUT,      /* put, and put again before anybody took it */
    LULL_POOL_FOREIGN_PUT,     /* of another pool or type, a pointer into an object, or to none */
    LULL_POOL_WRITE_AFTER_PUT, /* its bytes changed while it lay idle */
    LULL_POOL_STALE_DATA,      /* LULL_POOL_CLEAN: reset left bytes that are not zero */
    LULL_POOL_PUT_IN_CALLBACK, /* put in a `reset` or `destroy`, which may not: it was not taken */
    LULL_POOL_GET_IN_MAKE,     /* taken by the `make` of the same pool */
    LULL_POOL_MISUSES
} lull_pool_misuse;

/* A misuse. A place in the program is a list of return addresses, that of the call first, then its
 * callers as far as they can be told; NULL: no more. */
#define LULL_POOL_CALLERS 6
typedef struct lull_pool_report {
    lull_pool_misuse misuse;
    const char *pool;   /* the pool's name */
    const void *object; /* as it was taken, or put */
    const char *type;   /* the name of its type; "" where that is not known */
    size_t size;        /* bytes of it; 0 where it is none */
    size_t offset;      /* of the first byte that is wrong; of a pointer into an object */
    const void *taken_at[LULL_POOL_CALLERS]; /* who had it last */
    const void *put_at[LULL_POOL_CALLERS];   /* where it was put first */
    const void *again_at[LULL_POOL_CALLERS]; /* the call that is wrong now */
    const char *text; /* all of this in lines for people, with the bytes found, or one way from a
                           root to the object; the last ends with a newline */
} lull_pool_report;

/* Is told of each misuse as it is found: by the thread in whose call it is, or for what a
 * collection finds at its end, by the thread that collects, which may be one of the heap's; perhaps
 * on several threads at once. The report is gone when it returns. What it may call is in lull.h. */
typedef void (*lull_pool_report_fn)(const lull_pool_report *report, void *arg);

/* Has `fn` told of the misuses of the heap's audited pools, NULL: nobody. As long as nobody is,
 * LULL_DEBUG=pools writes the reports to stderr, each by one write.
 * Collects: no. Errors: LULL_E_INVALID for a heap of NULL. Threads: any; when it returns, the old
 * receiver may still be running on other threads. Time: O(1). */
LULL_API int lull_pool_report_to(lull_heap *heap, lull_pool_report_fn fn, void *arg);

/* How many misuses were found so far: what a test can return as its status. When no thread is
 * attached any more, it first looks at what still lies in the pools and what was never put back,
 * as lull_heap_destroy does.
 * Collects: no. Errors: 0 and LULL_E_INVALID for a heap of NULL. Threads: any. Time: O(1), or with
 * no thread attached and pools under audit O(heap). */
LULL_API uint64_t lull_pool_misuses(lull_heap *heap);

/* The name of a misuse: "forgotten put", ...
 * Collects: no. Errors: NULL for none. Threads: any. Time: O(1). */
LULL_API const char *lull_pool_misuse_name(lull_pool_misuse misuse);

LULL_END_DECLS

#endif
