/* progress.h -- one line on the terminal that says how far things are; silent elsewhere. */
#ifndef LAB_PROGRESS_H
#define LAB_PROGRESS_H

#include <stddef.h>

/* `total` steps are to come; the line stands on stderr, if that is a terminal. */
void lab_progress_begin(size_t total);

/* Step `done + 1` of them begins: `what`. */
void lab_progress_step(size_t done, const char *what);

/* Takes the line away, before something else is printed; the next step brings it back. */
void lab_progress_clear(void);

#endif
