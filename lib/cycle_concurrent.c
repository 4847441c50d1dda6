/* cycle_concurrent.c -- a collection beside the running program; lull__cycle_concurrent is the
 * whole of it, top to bottom.
 *
 * Threads are never all held. Each takes part in handshakes, one after the other, in its own time:
 *
 *   H1 raise      stores shade what they store
 *   H2 snapshot   new objects are black; the thread's roots go to the markers
 *      mark       from them and the shared roots, until nothing is left
 *   H3 round      what stores shaded since goes to the markers, and the thread's roots again;
 *                 mark what that brings. Rounds are repeated until one brings nothing
 *      weak       weak references, finalizers, ephemerons
 *   H4 lower      stores are stores again; the thread's own spans are swept
 *
 * The argument. White is what existed at H2 and is not marked. Names that begin with p. are
 * properties of the model, tests/model/cycle.pml: Spin finds no interleaving that breaks them, and
 * finds one for each step that is left out; the names in capitals are some of these.
 *
 * .arg.order  H1 and H2 are two handshakes: were they one, a thread that took part could allocate a
 *   black object, and one that did not yet could store a white one into it without shading it,
 *   and lose its own reference before its snapshot. (p.round; H1_IN_H2)
 * .arg.edges  From the end of H2 on no black object holds a white one that is not on its way to
 *   the markers: a scanned object's white children were pushed; a new object is black and empty;
 *   every store since H1 shades what it stores, if it is white (.inv.fresh). (p.live;
 *   WITHOUT_SHADE, WITHOUT_BLACK, WITHOUT_KEEP, WITHOUT_ATTACH_BARRIER)
 * .arg.round  When the markers have nothing left, a white object can be reached only from a
 *   thread's roots. Take a round that brings nothing, and suppose a thread held a white object
 *   after its part in it; take the first such moment. It was loaded from an object, which by
 *   .arg.edges means that a thread stored and shaded it since the markers were done; that thread
 *   held it before, so had not taken part yet, and its part then brought the white object. So after
 *   a round that brings nothing what is white is dead. (p.round, p.live; WITHOUT_RESCAN,
 *   WITHOUT_FLUSH, WITHOUT_SERVING)
 * .arg.lost   Where there is no memory for words, what a round brings is blackened and counted by
 *   nobody, and another thread may hold what hung on it: so such a round brought something. After
 *   the drain black objects are scanned again. (p.round; WITHOUT_LOST, WITHOUT_RECOVER)
 * .arg.bound  Rounds can go on while threads load white objects that only other threads' roots
 *   reach, which takes races that rarely last. After ROUNDS of them stores shade what they
 *   overwrite too, and hand it to the markers at once: so the drain of the round after that is
 *   not over before all is marked that was reachable when that round began, and nothing else can
 *   be reached: one more round is the last. (Words that waited for the next round to be handed
 *   over could make as many rounds as a list has links.) Reading weak references may still call
 *   rounds off. (p.bound; WITHOUT_HYBRID, WITHOUT_HAND_OVER, WITHOUT_LAST_ROUND)
 * .arg.inflight  A handshake may come by signal between a program's test of head.marking and its
 *   store. At H1: the store then is as one made before H1, into an object from before H2, which
 *   nobody has scanned, and what it stores is in a register or on the stack at H2. At H4: the slow
 *   path looks again, as nobody would take the word. (p.rest; WITHOUT_LOOK_AGAIN)
 * .arg.stop   Ranges registered as stored to without the barrier void .arg.edges; then the last
 *   round is a stop (stop_to_end), which scans all roots again and marks while all threads stand;
 *   and so after reviving. They void .arg.bound, too: so after HYBRID one more round is followed by
 *   the stop, whatever it brought. It finds nobody in the middle of reading a weak reference, which
 *   is inside the library, and DEAD is said before threads go on. (p.round, p.bound, p.weak;
 *   WITHOUT_STOP, STOP_WITHOUT_THREADS, STOP_WITHOUT_SHARED, STOP_ENDS_EARLY, STOP_ONLY_AT_REST,
 *   SETTLES_WITHOUT_STOP, STOP_AMID_READ, STOP_DEAD_LATE)
 * .arg.key    The value of an ephemeron hangs on its key as on a field: when the markers have
 *   nothing left and no ephemeron is to be looked at, the values of all reached keys are marked,
 *   and setting one shades as every store does. Key and value are read without a part in between.
 *   Where there is no memory for words a thread may blacken a key at any time: nobody writes KEY
 *   over that, and recovery asks all keys that ephemerons wait for (ephemeron.c). (p.round, p.weak;
 *   WITHOUT_KEY, WITHOUT_VALUE_SHADE, KEY_OVER_BLACK, WITHOUT_KEYS, WITHOUT_LIBRARY, WITHOUT_CLEAR)
 * .arg.pool   What a pool keeps are roots: magazines of their threads, the depot shared. What comes
 *   to the depot is shaded, as that was scanned before; what leaves it is found by its thread's
 *   next part; and so is what is stolen, as nobody steals in a handshake: a round sees both threads
 *   before, or both after (pool_exchange.c, .inv.pool.moves). (p.round; WITHOUT_MOVES,
 *   WITHOUT_DEPOT, WITHOUT_MAGAZINES, STEALS_IN_HANDSHAKE)
 * .arg.weak   Reading a weak reference makes an object of the heap's a thread's root, as loading a
 *   field does, but nobody stored it: so it shades (weak.c). The last round runs with weak_phase
 *   ENDING; a read of an unmarked target meanwhile sets it back to MARKING first, and the round
 *   was not the last. From DEAD to H4 the collector waits for nobody: a reader may stand between
 *   the word and its object's state until the object is swept and its slot another's. So one that
 *   finds the slot reached reads the word again. (p.weak, p.round; WITHOUT_RECHECK,
 *   WITHOUT_READ_AGAIN, WITHOUT_LIBRARY)
 * .arg.revive Reviving for finalizers makes white objects black again, and the keys of ephemerons
 *   may be among them: a thread that reads such a key may load a child of it that is still white,
 *   and overwrite it there. That is .arg.round with other roots: rounds until one brings nothing.
 *   Where there is no such key nobody reaches what is revived before it is published, when all of
 *   it is marked. (p.round; WITHOUT_SETTLE, PUBLISHED_EARLY) */
#include "cycle_concurrent.h"

#include "audit.h"
#include "barrier.h"
#include "cache.h"
#include "central.h"
#include "delay.h"
#include "grey.h"
#include "handshake.h"
#include "pool.h"
#include "thread.h"
#include "verify.h"

#define ROUNDS 3 /* that brought something, before stores shade what they overwrite */

/* ---- the threads' parts ---- */

static void raise_barrier(lull_thread *t, enum lull__part part)
{
    lull__barrier_set(t, LULL__BARRIER_INSERT);
    if (part != LULL__PART_SIGNAL) {
        lull__pool_thread_gather(t); /* takes locks, and moves what an inline get may be at */
    }
}

static void scan_roots(lull_thread *t, enum lull__part part)
{
    struct lull__grey_tracer tracer = lull__grey_tracer(t);
    size_t bytes = lull__roots_scan_thread(t, &tracer.tracer);

    lull__pool_thread_scan(t, &tracer.tracer, part == LULL__PART_SIGNAL);
    lull__grey_flush(t);
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&t->heap->stack_bytes, bytes, memory_order_relaxed);
}

/* .inv.fresh */
static void keep_fresh(lull_thread *t, bool on)
{
    t->keeps_fresh = on;
    t->fresh_bytes = 0;
}

static void snapshot(lull_thread *t, enum lull__part part)
{
    t->colour = atomic_load_explicit(&t->heap->alloc_colour, memory_order_relaxed);
    size_t kept_bytes = lull__cache_keep_all(t, t->colour);
    t->unflushed_bytes -= kept_bytes; /* may wrap; the sum does not */
    lull__cache_flush_count(t);
    t->unflushed_bytes = kept_bytes; /* what was kept counts from here */
    keep_fresh(t, true);
    scan_roots(t, part);
}

static void take_round(lull_thread *t, enum lull__part part)
{
    scan_roots(t, part);
}

static void make_hybrid(lull_thread *t, enum lull__part part)
{
    (void)part;
    keep_fresh(t, false); /* from here on each store takes the slow way */
    t->grey_limit = 0;
    lull__barrier_set(t, LULL__BARRIER_HYBRID);
}

static void lower_barrier(lull_thread *t, enum lull__part part)
{
    (void)part;
    lull__barrier_set(t, LULL__BARRIER_OFF);
    keep_fresh(t, false);
    lull__grey_drop(t);
    lull__delay(t->heap, LULL__DELAY_SWEEP_OWN);
    lull__cache_sweep_all(t);
}

/* ---- the phases ---- */

/* A handshake, and what a thread that attaches meanwhile or later starts with. */
static void handshake(lull_heap *heap, lull__action_fn action, uint8_t barrier)
{
    pthread_mutex_lock(&heap->threads_lock);
    heap->barrier = barrier;
    lull__handshake(heap, action);
    pthread_mutex_unlock(&heap->threads_lock);
}

static void set_weak_phase(lull_heap *heap, enum lull__weak_phase phase)
{
    /* release: pairs with the acquire in weak.c; the marks so far */
    atomic_store_explicit(&heap->weak_phase, phase, memory_order_release);
}

/* The program runs too: half of the processors mark, one at least. */
static uint32_t markers_beside(const struct lull__cycle *c)
{
    if (c->heap->options.mode == LULL_MODE_INCREMENTAL && c->reason == LULL__REASON_TRIGGER) {
        return 0; /* allocation marks; a cycle that somebody waits for does not wait for that */
    }
    return (uint32_t)lull__min(c->markers, lull__max(lull__os_processors() / 2, 1));
}

/* H1 */
static void raise(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;

    set_weak_phase(heap, LULL__WEAK_MARKING);
    handshake(heap, raise_barrier, LULL__BARRIER_INSERT);
    lull__pools_trim(heap);
}

/* What the last cycle marked. */
static uint64_t marked_before(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pacer_lock);
    uint64_t marked = heap->pacer.marked_bytes;
    pthread_mutex_unlock(&heap->pacer_lock);
    return marked;
}

/* What assists compare their progress with. */
static void begin_assists(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;
    uint64_t live = atomic_load_explicit(&heap->live_bytes, memory_order_relaxed);
    uint64_t since = atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);

    /* relaxed, all: estimates */
    size_t headroom = c->goal_bytes > live + since ? c->goal_bytes - live - since : 0;
    atomic_store_explicit(&heap->mark_expected_bytes, lull__max(marked_before(heap), LULL__MIB),
                          memory_order_relaxed);
    atomic_store_explicit(&heap->mark_headroom_bytes, lull__max(headroom, LULL__MIB),
                          memory_order_relaxed);
    atomic_store_explicit(&heap->cycle_begin_bytes, live + since, memory_order_relaxed);
    atomic_store_explicit(&heap->marked_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&heap->marking, true, memory_order_release);
}

/* H2, and the roots that are no thread's */
static struct lull__marker *take_snapshot(struct lull__cycle *c)
{
    lull_heap *heap = c->heap;
    uint8_t white = atomic_load_explicit(&heap->colour, memory_order_relaxed);

    c->mark_ns = lull__os_now_ns();
    atomic_store_explicit(&heap->stack_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&heap->alloc_colour, lull__other_colour(white), memory_order_relaxed);
    lull__delay(heap, LULL__DELAY_SNAPSHOT);
    handshake(heap, snapshot, LULL__BARRIER_INSERT);
    struct lull__marker *m = lull__mark_begin(heap); /* the range may still have grown for white */
    lull__delay(heap, LULL__DELAY_SHARED_ROOTS);
    c->allocated_bytes = lull__count(&heap->events, allocated_bytes);
    c->roots.stack_bytes = atomic_load_explicit(&heap->stack_bytes, memory_order_relaxed);
    c->counted_bytes = atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
    begin_assists(c);
    lull__phase_shared_roots(c, m);
    return m;
}

/* H3: whether it brought something. */
static bool take_one_round(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;
    size_t objects = lull__mark_objects(heap);

    handshake(heap, take_round, heap->barrier);
    bool lost = atomic_load_explicit(&heap->queue.overflow, memory_order_relaxed) != 0;
    lull__phase_drain(c, m);
    return lost || lull__mark_objects(heap) != objects || !lull__queue_is_empty(&heap->queue);
}

/* Whether rounds end with a stop, now; .arg.stop. */
static bool must_stop(const lull_heap *heap, bool brought, unsigned rounds)
{
    return atomic_load_explicit(&heap->roots.unbarriered, memory_order_relaxed) != 0 &&
           (!brought || rounds >= ROUNDS);
}

/* Roots that are stored to without the barrier break .arg.edges: what is white may hang on them, or
 * have come from them to any thread. So all threads are held while all roots are scanned. Most is
 * marked by now. */
static void stop_to_end(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;
    uint64_t start_ns = lull__os_now_ns();

    lull__hold_all(heap);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        bool in_signal = lull__thread_standing(t) == LULL__THREAD_SIGNALLED;
        scan_roots(t, in_signal ? LULL__PART_SIGNAL : LULL__PART_BLOCKED);
    }
    c->markers = (uint32_t)lull__max(c->markers, 1); /* nobody is there to assist */
    lull__phase_shared_roots(c, m);
    lull__phase_drain(c, m);
    set_weak_phase(heap, LULL__WEAK_DEAD);
    c->held_ns += lull__os_now_ns() - start_ns;
    lull__release_all(heap);
}

static void mark(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    lull__phase_drain(c, m);
    for (unsigned rounds = 0;; rounds++) {
        uint32_t ending = LULL__WEAK_ENDING;
        set_weak_phase(heap, LULL__WEAK_ENDING);
        lull__delay(heap, LULL__DELAY_ROUND_ASK);
        bool brought = take_one_round(c, m);
        lull__delay(heap, LULL__DELAY_ROUND_JUDGE);
        if (must_stop(heap, brought, rounds)) {
            stop_to_end(c, m);
            return;
        }
        /* release: the marks; acquire: a read that set it back has shaded, or is about to */
        if (!brought && atomic_compare_exchange_strong_explicit(
                            &heap->weak_phase, &ending, LULL__WEAK_DEAD, memory_order_acq_rel,
                            memory_order_acquire)) {
            lull__delay(heap, LULL__DELAY_DEAD);
            return; /* .arg.round, .arg.weak */
        }
        set_weak_phase(heap, LULL__WEAK_MARKING);
        if (rounds + 1 == ROUNDS) {
            handshake(heap, make_hybrid, LULL__BARRIER_HYBRID); /* .arg.bound */
        }
    }
}

/* What finalizers need is revived; .arg.revive. */
static void settle(struct lull__cycle *c, struct lull__marker *m)
{
    lull_heap *heap = c->heap;

    /* relaxed: an ephemeron made from now on has a key that is alive without finalizers */
    if (c->queued == 0 ||
        atomic_load_explicit(&heap->ephemerons.made, memory_order_relaxed) == 0) {
        return;
    }
    for (unsigned rounds = 0;; rounds++) {
        bool brought = take_one_round(c, m);
        if (must_stop(heap, brought, rounds)) {
            stop_to_end(c, m);
            return;
        }
        if (!brought) {
            return;
        }
        if (rounds + 1 == ROUNDS) {
            handshake(heap, make_hybrid, LULL__BARRIER_HYBRID); /* .arg.bound */
        }
    }
}

/* LULL_DEBUG=verify: everybody stands, for once. */
static void verify(struct lull__cycle *c, struct lull__marker *m)
{
    if (LULL__UNLIKELY((c->heap->options.debug & LULL_DEBUG_VERIFY) != 0)) {
        lull__hold_all(c->heap);
        lull__verify_marks(c->heap, m, true);
        lull__release_all(c->heap);
    }
}

/* Everybody stands for the audit of pools, too: white is dead, and not yet free. */
static void audit(struct lull__cycle *c, struct lull__marker *m)
{
    if (lull__audit_is_on(c->heap)) {
        lull__hold_all(c->heap);
        lull__audit_cycle(c->heap, m);
        lull__release_all(c->heap);
    }
}

/* White is dead: black becomes the heap's colour, and sweeping may begin. */
static void flip(struct lull__cycle *c, uint8_t black)
{
    lull_heap *heap = c->heap;

    lull__phase_measure(c);
    set_weak_phase(heap, LULL__WEAK_IDLE);
    lull__delay(heap, LULL__DELAY_FLIP);
    atomic_store_explicit(&heap->marking, false, memory_order_relaxed);
    uint64_t since = atomic_load_explicit(&heap->allocated_since, memory_order_relaxed);
    /* threads may have given back more slots than they took */
    c->black_bytes = since > c->counted_bytes ? since - c->counted_bytes : 0;
    c->counted_bytes = since;
    /* release: pairs with the acquire in grey.c's blacken; weak_phase is IDLE */
    atomic_store_explicit(&heap->colour, black, memory_order_release);
    lull__delay(heap, LULL__DELAY_FLIP_COLOUR);
    lull__central_begin_sweep(heap);
}

/* H4 */
static void lower(struct lull__cycle *c)
{
    lull__delay(c->heap, LULL__DELAY_LOWER);
    handshake(c->heap, lower_barrier, LULL__BARRIER_OFF);
    lull__queue_discard(&c->heap->queue);
}

void lull__cycle_concurrent(lull_heap *heap, enum lull__cycle_reason reason)
{
    struct lull__cycle c = {.heap = heap, .reason = reason};

    lull__phase_begin(&c);
    c.markers = markers_beside(&c);
    raise(&c);
    struct lull__marker *m = take_snapshot(&c);
    mark(&c, m);
    lull__phase_weak(&c, m);
    settle(&c, m);
    lull__phase_revived(&c, m);
    lull__phase_count(&c);
    verify(&c, m);
    audit(&c, m);
    flip(&c, m->black);
    lower(&c);
    lull__phase_pace(&c);
    lull__phase_end(&c);
}
