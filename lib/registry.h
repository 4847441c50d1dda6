/* registry.h -- the heaps of the process, for fork. */
#ifndef LULL__REGISTRY_H
#define LULL__REGISTRY_H

#include "heap.h"

/* Adds a heap, removes it; the first installs the fork handlers. Add is false where there is no
 * memory for that, remove where `heap` is none that is registered. */
bool lull__registry_add(lull_heap *heap);
bool lull__registry_remove(lull_heap *heap);

/* Takes and gives back the registry's lock, for creating a heap (the stop signal is set once a
 * process). The calling thread is blocked in between, in all heaps that it is attached to. */
void lull__registry_lock(void);
void lull__registry_unlock(void);

#endif
