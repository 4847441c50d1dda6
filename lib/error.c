/* error.c -- the last failure of each thread. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"

static _Thread_local int last_status = LULL_OK;
static _Thread_local char last_message[LULL__ERROR_MESSAGE_BYTES] = "no error";

int lull__fail(int status, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;
    int length;

    LULL_ASSERT(status != LULL_OK);
    va_start(arguments, format);
    length = vsnprintf(last_message, sizeof(last_message), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(last_message)) {
        memcpy(last_message + sizeof(last_message) - 4, "...", 4);
    }
    last_status = status;
    errno = saved_errno;
    return status;
}

int lull_error(void)
{
    return last_status;
}

const char *lull_error_message(void)
{
    return last_message;
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
