/* error.h -- how a function of the library says that it failed.
 *
 * Each thread has the code and the words of its last failure; success leaves both alone. The
 * public readers are in lull/base.h. */
#ifndef LULL__ERROR_H
#define LULL__ERROR_H

#include <lull/base.h>

#define LULL__ERROR_MESSAGE_BYTES 256

/* Makes `status` and the formatted message this thread's last error; a message that is too long
 * is cut and ends in "...". Returns `status`, so that a function fails with
 *     return lull__fail(LULL_E_INVALID, "markers is %d; allowed are 0 to 64", markers);
 * Keeps errno. Not for signal handlers. */
int lull__fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
