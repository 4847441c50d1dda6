/* barrier.c -- the slow side of lull_store.
 *
 * While the collector marks, the stored value is shaded before the store, whatever the holder's
 * colour, so no StoreLoad is needed between a test of the holder and the store (Go's mbarrier.go
 * argues the same). Nothing is shaded for NULL. head.marking is the thread's own and changes in
 * its own handshakes only; the test in the program may be older than a handshake that came by
 * signal between the test and the store, which is harmless: what the program had in registers
 * then was a root of that handshake (cycle.c, .arg.inflight). */
#include "barrier.h"

#include "delay.h"
#include "grey.h"
#include "thread.h"

void lull_store_slow(lull_thread *t, void *slot, void *value)
{
    lull__enter(t);
    if (t->head.marking != LULL__BARRIER_OFF) {
        lull__delay(t->heap, LULL__DELAY_STORE_SHADE);
        lull__grey_shade(t, (uintptr_t)value);
    }
    if (t->head.marking == LULL__BARRIER_HYBRID) {
        /* relaxed: a racing store's value was shaded when it was stored */
        lull__grey_shade(t, (uintptr_t)__atomic_load_n((void **)slot, __ATOMIC_RELAXED));
    }
    lull__delay(t->heap, LULL__DELAY_STORE_WRITE);
    /* release: pairs with a marker's read of the slot; the object's fields are visible */
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
    lull__leave(t);
}
