/* lull/base.h -- versions, error codes and attributes shared by all public headers. */
#ifndef LULL_BASE_H
#define LULL_BASE_H

#include <stddef.h>
#include <stdint.h>

#define LULL_VERSION_MAJOR 0
#define LULL_VERSION_MINOR 1
#define LULL_VERSION_PATCH 0

#define LULL_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define LULL_BEGIN_DECLS extern "C" {
#define LULL_END_DECLS }
#else
#define LULL_BEGIN_DECLS
#define LULL_END_DECLS
#endif

LULL_BEGIN_DECLS

typedef struct lull_heap lull_heap;
typedef struct lull_thread lull_thread;
typedef struct lull_type lull_type;

/* What went wrong. Functions that return `int` return one of these; functions that return a
 * pointer return NULL and leave the code in lull_error(). */
typedef enum lull_status {
    LULL_OK = 0,
    LULL_E_INVALID,     /* an argument or option out of its range */
    LULL_E_ENVIRONMENT, /* a LULL_* environment variable that says nothing allowed */
    LULL_E_SIZE,        /* a size of zero, or one that overflows */
    LULL_E_NO_MEMORY,   /* the operating system gave no memory */
    LULL_E_LIMIT,       /* the heap's hard limit is reached, after a full collection */
    LULL_E_THREAD,      /* a thread that is not attached, or not the one meant */
    LULL_E_BUSY,        /* the heap still has attached threads, or the object is in use */
    LULL_E_STATE,       /* not allowed now: inside a callback, or after destroy */
    LULL_E_UNSUPPORTED  /* not available on this system or in this mode */
} lull_status;

/* The meaning of a status code, as a sentence in English without a full stop.
 * Collects: no. Errors: an unknown code gets "unknown error". Threads: any. Time: O(1). */
LULL_API const char *lull_strerror(int status);

/* The code of the last failed call of this thread (LULL_OK when none failed yet). Successful
 * calls leave it alone, as with errno.
 * Collects: no. Errors: none. Threads: any; each has its own. Time: O(1). */
LULL_API int lull_error(void);

/* The last failure of this thread in words: which value, and what is allowed. Never NULL; valid
 * until the thread's next failing call.
 * Collects: no. Errors: none. Threads: any; each has its own. Time: O(1). */
LULL_API const char *lull_error_message(void);

/* The version of the library in use, as "major.minor.patch".
 * Collects: no. Errors: none. Threads: any. Time: O(1). */
LULL_API const char *lull_version(void);

LULL_END_DECLS

#endif
