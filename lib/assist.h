/* assist.h -- marking done by threads that allocate while a cycle marks. */
#ifndef LULL__ASSIST_H
#define LULL__ASSIST_H

#include "mark.h"

/* If marking is behind allocation, marks for a little while: some microseconds. No
 * safepoint. */
void lull__assist(lull_thread *t);

#endif
