/* barrier.c -- the slow side of lull_store.
 *
 * A Dijkstra barrier: while the collector marks beside the program, the stored value is shaded
 * before the store, whatever the holder's colour (so no StoreLoad is needed between a test of
 * the holder and the store), and nothing is shaded for NULL. head.marking is each thread's own
 * and changes only at its safepoints. In mode stop it never changes: nobody marks while a thread
 * runs, and storing is all there is to do. */
#include "heap.h"

void lull_store_slow(lull_thread *t, void *slot, void *value)
{
    LULL_ASSERT_VALUES(t->heap->options.mode != LULL_MODE_STOP, slot, value);
    /* release: pairs with a marker's read of the slot; the object's fields are visible */
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
}
