/* verify.h -- LULL_DEBUG=verify: a second, naive marker as the judge of the first. */
#ifndef LULL__VERIFY_H
#define LULL__VERIFY_H

#include "mark.h"

/* Marks again from the roots, one object after the other, with state of its own; aborts with the
 * names of an object that is reachable and not black, and of the field that holds it. At the end
 * of marking, all threads held. Does nothing where it gets no memory. `concurrent`: threads ran
 * since their conservative stacks were scanned; what an unused word of one shows of the dead is
 * no error then. */
void lull__verify_marks(lull_heap *heap, struct lull__marker *m, bool concurrent);

/* Checks every span's and free run's figures against each other; aborts where they disagree. */
void lull__verify_heap(lull_heap *heap);

#endif
