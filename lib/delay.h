/* delay.h -- named points of the protocol at which a heap in search of races lingers.
 *
 * Most bugs of concurrent marking need one thread to stand between two instructions while others
 * take many steps. With options.schedule_seed a thread at one of these points spins, yields or
 * sleeps for a moment, or does not, as a function of the seed, the point and how often the point
 * was reached: one seed prefers one family of interleavings (probabilistic concurrency testing,
 * Burckhardt et al. 2010, is the idea; deviation: delays instead of priorities, so nothing is
 * guaranteed). Without a seed a point is a load and a branch; the inline fast paths have none. */
#ifndef LULL__DELAY_H
#define LULL__DELAY_H

#include "heap.h"

/* The points: name, what has been done when it is reached, and what not yet. */
#define LULL__DELAY_POINTS(X)                                                                     \
    X(STORE_SHADE, "a store saw that the collector marks; its value is not shaded")               \
    X(STORE_WRITE, "a store shaded its value; the slot is not written")                           \
    X(WEAK_PHASE, "a weak read knows the phase; the word is not read")                            \
    X(WEAK_WORD, "a weak read knows the word; whether its object is reached is not asked")        \
    X(WEAK_SHADE, "a weak read knows the word and that it is white; it is not shaded")            \
    X(EPHEMERON_KEY, "an ephemeron's key is alive; its value is not read")                        \
    X(EPHEMERON_WAIT, "an ephemeron's key is not reached; nobody is told that one waits for it")  \
    X(GREY_BLACKEN, "a white object's word has no memory; the object is not blackened")           \
    X(STAND, "a thread saved its context; its state says running")                                \
    X(GO_ON, "no stop is wanted; the thread's state says that it stands")                         \
    X(GO_ON_AGAIN, "the thread's state says running; it has not looked for a stop again")         \
    X(HELD, "all threads stand; how each of them does has not been asked")                        \
    X(PART_BEGIN, "a thread knows of a handshake; its action is not begun")                       \
    X(PART_DONE, "the action is done; nobody knows it")                                           \
    X(SERVE_LOOK, "a thread has not taken part; whether it is blocked is not asked")              \
    X(SERVE_BEGIN, "a blocked thread is being served; the action is not begun")                   \
    X(SERVE_DONE, "the action is done for a blocked thread, which cannot go on yet")              \
    X(TURN, "a thread is the next to collect or to fork; a cycle may run still")                  \
    X(HANDSHAKE, "a handshake has its number; no thread is asked to poll")                        \
    X(SNAPSHOT, "threads that attach allocate black; nobody is asked for the snapshot")           \
    X(SHARED_ROOTS, "all threads gave their snapshot; the shared roots are not scanned")          \
    X(ROUND_ASK, "weak reads call a last round off; the round is not asked for")                  \
    X(ROUND_JUDGE, "a round is drained; whether it was the last is not said")                     \
    X(DEAD, "what is white is dead; weak references to it are not cleared")                       \
    X(REVIVE, "finalizers are queued; what they need is not revived")                             \
    X(PUBLISH, "what finalizers need is revived; nobody can run them")                            \
    X(FLIP, "weak reads are plain reads; the colours are not exchanged")                          \
    X(FLIP_COLOUR, "the colours are exchanged; the epoch is the old one")                         \
    X(EPOCH, "the epoch is new; a cell's lists are not given to be swept")                        \
    X(LOWER, "all lists are given to be swept; nobody is asked to lower the barrier")             \
    X(SWEEP_OWN, "the barrier is down; the thread's own spans are not swept")                     \
    X(TAKE_GROUP, "a group of slots is coloured; none is handed out")                             \
    X(NEW_LARGE, "a large object has memory and a colour; nobody can find it")                    \
    X(GIVE_SPAN, "a span leaves a cache; it stands in no list")                                   \
    X(QUEUE_PUBLISH, "words are to be published; the queue is not locked")                        \
    X(QUEUE_WAIT, "a marker found nothing; it does not sleep yet")                                \
    X(RESCAN, "words were dropped; no black object is scanned again")                             \
    X(ASSIST_BEGIN, "an assist has taken work; it has not begun")                                 \
    X(ASSIST_END, "an assist has given back what is left; it counts as working")                  \
    X(ATTACH, "a thread is made; the heap does not know it")                                      \
    X(DETACH, "a thread stands to leave; what it shaded is its own still")                        \
    X(POOL_TAKE, "objects left a depot; their thread's magazine has no count of them")            \
    X(POOL_GIVE, "objects left a magazine; no depot has them")                                    \
    X(POOL_ASK, "a get found nothing, which others know; nothing is made")                        \
    X(POOL_REST, "a thread that will block knows a pool; its magazine is as it was")              \
    X(POOL_STEAL, "a blocked thread's magazine is in hand; nothing is taken out of it")           \
    X(POOL_THREAD, "who attaches has the lock of pools; it is not among their threads")           \
    X(POOL_SWITCH, "a pool has other magazines; no thread can find them")                         \
    X(POOL_BURY, "objects are dying; destroy has not run")                                        \
    X(POOL_REAPED, "destroy has run; the pool may be freed, and who ran it looks for others")     \
    X(POOL_END, "a pool ends; what a thread keeps of it is shaded, and in its magazine")          \
    X(METADATA, "who reads statistics has the lock of pages; it has read nothing")                \
    X(LEAVE, "a thread is not the heap's any more; its own memory is not given back")

enum lull__delay_point {
#define X(name, what) LULL__DELAY_##name,
    LULL__DELAY_POINTS(X)
#undef X
    LULL__DELAYS
};
_Static_assert(LULL__DELAYS <= LULL__DELAYS_MOST, "heap->delays");

/* Lingers, or not. Async-signal-safe. */
LULL__NOINLINE void lull__delay_now(lull_heap *heap, enum lull__delay_point point);

LULL__INLINE void lull__delay(lull_heap *heap, enum lull__delay_point point)
{
    if (LULL__UNLIKELY(heap->options.schedule_seed != 0)) {
        lull__delay_now(heap, point);
    }
}

#endif
