/* barrier.h -- the write barrier's states. */
#ifndef LULL__BARRIER_H
#define LULL__BARRIER_H

#include "heap.h"

/* Values of lull_thread_head.marking. */
enum {
    LULL__BARRIER_OFF,    /* a store is a store */
    LULL__BARRIER_INSERT, /* shade what is stored (Dijkstra et al. 1978) */
    LULL__BARRIER_HYBRID  /* and what it replaces (Yuasa 1990): no more rounds than one */
};

#endif
