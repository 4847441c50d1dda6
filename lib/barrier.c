/* barrier.c -- the slow side of lull_store.
 *
 * While the collector marks, the stored value is shaded before the store, whatever the holder's
 * colour, so no StoreLoad is needed between a test of the holder and the store (Go's mbarrier.go
 * argues the same). Nothing is shaded for NULL. head.marking is the thread's own and changes in
 * its own handshakes only; the test in the program may be older than a handshake that came by
 * signal between the test and the store, which is harmless: what the program had in registers
 * then was a root of that handshake (cycle_concurrent.c, .arg.inflight).
 *
 * A program that does little but allocate and store comes here for each store while a cycle marks,
 * so the usual ones take some twenty instructions: most of what is stored the thread has just made,
 * and is black (.inv.fresh); the rest is noted, and looked at later (grey.c). */
#include "barrier.h"

#include "callback.h"
#include "delay.h"
#include "grey.h"
#include "thread.h"

#define MOVE_WORDS 512 /* of a lull_move between two chances for a handshake by signal */

/* Whether the object is known to be black (.inv.fresh). */
LULL__INLINE bool is_fresh(const lull_thread *t, const void *value)
{
    return (uintptr_t)value - t->fresh_start < t->fresh_bytes;
}

/* Before `value` replaces what `slot` holds. Inside the library. */
LULL__INLINE void shade(lull_thread *t, void *const *slot, void *value)
{
    if (LULL__LIKELY(lull__barrier(t) == LULL__BARRIER_OFF)) {
        return;
    }
    lull__delay(t->heap, LULL__DELAY_STORE_SHADE);
    if (!is_fresh(t, value)) {
        lull__grey_note(t, (uintptr_t)value);
    }
    if (lull__barrier(t) == LULL__BARRIER_HYBRID) {
        /* at once: the drain must not be over before it is marked (cycle_concurrent.c, .arg.bound).
         * relaxed: a racing store's value was shaded when it was stored */
        lull__grey_shade_now(t, (uintptr_t)__atomic_load_n(slot, __ATOMIC_RELAXED));
    }
}

/* Where that is not enough: the next stores can be noted again. */
static LULL__NOINLINE void shade_and_store(lull_thread *t, void *slot, void *value)
{
    lull__enter(t);
    shade(t, slot, value);
    if (lull__barrier(t) == LULL__BARRIER_INSERT) {
        lull__grey_note_freely(t);
    }
    lull__delay(t->heap, LULL__DELAY_STORE_WRITE);
    /* release: pairs with a marker's read of the slot; the object's fields are visible */
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE);
    lull__leave(t);
}

void lull_store_slow(lull_thread *t, void *slot, void *value)
{
    if (lull__refuses_store("lull_store")) {
        return;
    }
    lull__enter_own(t);
    if (LULL__UNLIKELY(!is_fresh(t, value) && !lull__grey_note_fast(t, (uintptr_t)value))) {
        lull__leave(t);
        shade_and_store(t, slot, value);
        return;
    }
    __atomic_store_n((void **)slot, value, __ATOMIC_RELEASE); /* release: as above */
    lull__leave(t);
}

void *lull_exchange(lull_thread *t, void *slot, void *value)
{
    if (lull__refuses_store("lull_exchange")) {
        return NULL;
    }
    lull__enter(t);
    shade(t, slot, value);
    /* release: as above; acquire: the fields of what comes out are visible */
    void *held = __atomic_exchange_n((void **)slot, value, __ATOMIC_ACQ_REL);
    lull__leave(t);
    return held;
}

int lull_compare_exchange(lull_thread *t, void *slot, void **expected, void *value)
{
    if (lull__refuses_store("lull_compare_exchange")) {
        return 0;
    }
    lull__enter(t);
    shade(t, slot, value); /* for nothing where it fails */
    /* release, acquire: as above */
    bool done = __atomic_compare_exchange_n((void **)slot, expected, value, false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    lull__leave(t);
    return done;
}

/* Each word is read once: a source that changes meanwhile must not have one value shaded and
 * another stored. */
static void move_word(lull_thread *t, void **to, void *const *from)
{
    void *value = __atomic_load_n(from, __ATOMIC_RELAXED);

    shade(t, to, value);
    __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

/* A handshake by signal in the middle would be between the test of head.marking and many stores
 * (cycle_concurrent.c, .arg.inflight, allows one): so it is kept out, for a while at a time. */
void lull_move(lull_thread *t, void *to, const void *from, size_t count)
{
    void **target = to;
    void *const *source = from;
    bool down = (uintptr_t)to - (uintptr_t)from >= count * sizeof(void *);

    if (lull__refuses_store("lull_move")) {
        return;
    }
    for (size_t done = 0; done < count;) {
        size_t end = lull__min(count, done + MOVE_WORDS);
        lull__enter(t);
        for (; done < end; done++) {
            size_t i = down ? done : count - 1 - done;
            move_word(t, &target[i], &source[i]);
        }
        lull__leave(t);
    }
}
