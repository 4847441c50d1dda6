/* assist.h -- marking done by threads that allocate while a cycle marks. */
#ifndef LULL__ASSIST_H
#define LULL__ASSIST_H

#include "mark.h"

/* If marking is behind allocation, marks for a little while: some microseconds. No
 * safepoint. */
void lull__assist(lull_thread *t);

/* How far a cycle is that marks now. */
struct lull__progress lull__assist_progress(const lull_heap *heap);

/* Whether the heap has passed the size by which the present cycle should be over. */
bool lull__assist_is_past_goal(const lull_heap *heap);

#endif
