/* drain.h -- a marker's part in a drain: its own work, and work that changes hands. */
#ifndef LULL__DRAIN_H
#define LULL__DRAIN_H

#include "mark.h"

/* Before a drain, or an assist: the marker learns what the heap's range and colours are. */
void lull__drain_prepare(struct lull__marker *m);

/* Gives a marker its first chunk; false: no memory. */
bool lull__drain_equip(struct lull__marker *m);

/* Own work, then published work, until there is none anywhere. `idle`: the marker has none of its
 * own, and counts as idle. */
void lull__drain_all(struct lull__marker *m, bool idle);

/* What the collecting thread has goes to the mutators; they do the marking. Where they do none for
 * a while, having nothing to allocate, the collecting thread does a little. */
void lull__drain_by_assists(struct lull__marker *m);

#endif
