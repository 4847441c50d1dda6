/* registry.h -- the heaps of the process, for fork. */
#ifndef LULL__REGISTRY_H
#define LULL__REGISTRY_H

#include "heap.h"

/* Adds a heap, removes it; the first installs the fork handlers. Remove is false where `heap` is
 * none that is registered. */
void lull__registry_add(lull_heap *heap);
bool lull__registry_remove(lull_heap *heap);

/* Takes and gives back the registry's lock, for creating a heap (the stop signal is set once a
 * process). */
void lull__registry_lock(void);
void lull__registry_unlock(void);

#endif
