/* assist.h -- marking done by threads that allocate while a cycle marks. */
#ifndef LULL__ASSIST_H
#define LULL__ASSIST_H

#include "mark.h"

/* If marking is behind allocation, marks for a little while: some microseconds. No
 * safepoint. */
void lull__assist(lull_thread *t);

/* Marks for a quantum, whether that is behind or not: where threads have to do it all. False: there
 * was nothing to take, or nothing marks. No safepoint. */
bool lull__assist_mark(lull_thread *t, uint64_t now_ns);

/* How far a cycle is that marks now. */
struct lull__progress lull__assist_progress(const lull_heap *heap);

/* Whether the heap has passed the size by which the present cycle should be over. */
bool lull__assist_is_past_goal(const lull_heap *heap);

#endif
