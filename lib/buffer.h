/* buffer.h -- pools of buffers: what the rest of the library asks of them. */
#ifndef LULL__BUFFER_H
#define LULL__BUFFER_H

#include <lull/buffer.h>

#include "heap.h"

/* Frees what is left of the heap's pools of buffers but their lull_pools. At the heap's end. */
void lull__buffer_pools_finish(lull_heap *heap);

#endif
