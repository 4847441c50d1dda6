/* help.h -- what the lab says of itself. */
#ifndef LAB_HELP_H
#define LAB_HELP_H

#include "terminal.h"

/* Prints the help on a topic ("run", "compare", "list"), or on all with NULL. Returns 0, or -1
 * where there is no such topic. */
int lab_help(const char *topic);

/* What `lull-lab list` prints: workloads, backends, and why some are not there. */
void lab_list(const lab_style *style);

#endif
