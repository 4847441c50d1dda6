/* error.c -- the last failure of each thread. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "callback.h"

struct failure {
    int status;
    char message[LULL__ERROR_MESSAGE_BYTES];
};

/* [1] is the callbacks' own: they run between two steps of the program's that know nothing of them,
 * or of this file's, in a signal handler. */
static _Thread_local struct failure last[2] = {{LULL_OK, "no error"}, {LULL_OK, "no error"}};

static struct failure *mine(void)
{
    return &last[lull__callback != LULL__CALLBACK_NONE];
}

int lull__fail(int status, const char *format, ...)
{
    int saved_errno = errno;
    struct failure *failure = mine();
    va_list arguments;
    int length;

    LULL_ASSERT(status != LULL_OK);
    va_start(arguments, format);
    length = vsnprintf(failure->message, sizeof(failure->message), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(failure->message)) {
        memcpy(failure->message + sizeof(failure->message) - 4, "...", 4);
    }
    failure->status = status;
    errno = saved_errno;
    return status;
}

int lull_error(void)
{
    return mine()->status;
}

const char *lull_error_message(void)
{
    return mine()->message;
}

const char *lull_strerror(int status)
{
    switch (status) {
    case LULL_OK: return "no error";
    case LULL_E_INVALID: return "an argument or option is out of its range";
    case LULL_E_ENVIRONMENT: return "a LULL_* environment variable says nothing allowed";
    case LULL_E_SIZE: return "a size is zero or too large";
    case LULL_E_NO_MEMORY: return "the operating system gave no memory";
    case LULL_E_LIMIT: return "the heap's hard limit is reached";
    case LULL_E_THREAD: return "the thread is not attached, or not the one meant";
    case LULL_E_BUSY: return "the heap still has attached threads, or the object is in use";
    case LULL_E_STATE: return "the call is not allowed now";
    case LULL_E_UNSUPPORTED: return "not available on this system or in this mode";
    default: return "unknown error";
    }
}

#define TEXT_OF(number)                   #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *lull_version(void)
{
    return VERSION_TEXT(LULL_VERSION_MAJOR, LULL_VERSION_MINOR, LULL_VERSION_PATCH);
}
