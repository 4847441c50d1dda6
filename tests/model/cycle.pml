/* cycle.pml -- the protocol of a concurrent cycle, for Spin (Holzmann 2003).
 *
 * Two mutator threads do what they like, for ever: load, store, drop, allocate, read a weak
 * reference, block, attach and detach, take part in handshakes at a safepoint or by signal. A
 * collector goes through one cycle beside them, and a sweeper frees what it left white. So Spin
 * walks through every interleaving of every program of two threads that has at most OBJECTS
 * objects in reach at a time. One cycle is enough: it begins with every object white, no barrier,
 * nothing shaded and all swept, in whatever shape the threads have given the heap by then, and
 * p.rest says that it leaves the heap so for the next.
 *
 * The properties:
 *
 *   p.live   no object is freed that a thread's roots, the global root or a finalizer reach
 *   p.round  when weak_phase becomes DEAD, they reach no white object; nor when rounds end again
 *            after reviving
 *   p.bound  after HYBRID two rounds are enough, where nobody reads a weak reference
 *   p.weak   reading a weak reference gives the object it was made for, which was not freed; or
 *            NULL, and then no thread reaches that object
 *   p.rest   after a cycle nothing is white, no thread has a barrier, and no word is on its way
 *
 * Features are compiled in by -D, as they multiply the states; it is the second thread that
 * blocks, attaches, assists, or reads the weak reference. CHAIN has the first thread alone, REVIVE
 * the second; LIST is without allocation, and begins with one list of all objects. Barriers are
 * HYBRID after the first round that brings something, and with CHAIN and AT_ONCE before all rounds,
 * which is the worst that can come to p.bound; UNREAD is without reads of the ephemeron, which
 * void that. To keep states few, the second thread alone stores with SIGNAL, WEAK, SHADED_AFTER,
 * EPHEMERON, POOL and STEAL. Other options leave a step out, or change it. tests/models.tap runs
 * the lines of this table: what Spin must say, the options, the argument in lib/cycle_concurrent.c
 * that this is for, the property that breaks, what the option is.
 *
 *   holds    -                              .arg.round    -       load, store, drop, allocate
 *   holds    SIGNAL                         .arg.inflight -       handshakes amid a store
 *   holds    STEPS                          .arg.edges    -       stores and marking in steps
 *   holds    BLOCK                          .arg.round    -       a thread that blocks
 *   holds    ATTACH                         .arg.round    -       a thread that comes and goes
 *   holds    CACHE                          .arg.edges    -       slots coloured, handed out later
 *   holds    WEAK                           .arg.weak     -       a weak reference
 *   holds    CHAIN                          .arg.bound    -       a list, taken apart meanwhile
 *   holds    ASSIST                         .arg.round    -       a thread that marks
 *   holds    SCARCE                         .arg.lost     -       no memory for words
 *   holds    REVIVE                         .arg.revive   -       a finalizer; an ephemeron's key
 *   holds    FINAL                          .arg.revive   -       a finalizer alone, no rounds after it
 *   holds    STOP                           .arg.stop     -       a root without the barrier
 *   holds    EPHEMERON+SET                  .arg.key      -       an ephemeron; its value is set
 *   holds    POOL+STEAL                     .arg.pool     -       magazines, a depot, stealing
 *   holds    STOP+WEAK                      .arg.stop     -       and a weak reference
 *   holds    STOP+REVIVE                    .arg.stop     -       and an ephemeron's key, revived
 *   holds    AT_ONCE+POOL+STEAL+EPHEMERON+UNREAD .arg.bound -     HYBRID, pools, an ephemeron
 *
 *   refuted  H1_IN_H2                       .arg.order    p.round one handshake is H1 and H2
 *   refuted  WITHOUT_SHADE                  .arg.edges    p.round stores do not shade
 *   refuted  WITHOUT_BLACK                  .arg.edges    p.live  objects made after H2 are white
 *   refuted  WITHOUT_KEEP+CACHE             .arg.edges    p.live  slots of before H2 stay white
 *   refuted  WITHOUT_SHARED_ROOTS           .arg.edges    p.round the global root is not scanned
 *   refuted  WITHOUT_ROUNDS                 .arg.round    p.round no H3
 *   refuted  ONE_ROUND                      .arg.round    p.round one, whatever it brings
 *   refuted  WITHOUT_RESCAN                 .arg.round    p.round rounds do not scan roots
 *   refuted  WITHOUT_FLUSH                  .arg.round    p.round rounds leave words with threads
 *   refuted  LOWERED_IN_ROUND               .arg.round    p.round the last round ends the barrier
 *   refuted  WITHOUT_HYBRID+CHAIN           .arg.bound    p.bound the overwritten is not shaded
 *   refuted  WITHOUT_HAND_OVER+CHAIN        .arg.bound    p.bound or is not handed over at once
 *   refuted  WITHOUT_HYBRID+AT_ONCE+POOL+STEAL+EPHEMERON+UNREAD .arg.bound p.bound nor there
 *   refuted  WITHOUT_LAST_ROUND+CHAIN       .arg.bound    p.round no round follows HYBRID
 *   refuted  WITHOUT_LOOK_AGAIN+SIGNAL      .arg.inflight p.rest  stores shade after H4
 *   refuted  WITHOUT_SERVING+BLOCK          .arg.round    p.round rounds leave out who blocks
 *   refuted  WITHOUT_SERVED+BLOCK           .arg.round    p.round threads go on while served
 *   refuted  WITHOUT_ATTACH_BARRIER+ATTACH  .arg.edges    p.round who attaches has no barrier
 *   refuted  WITHOUT_ATTACH_COLOUR+ATTACH   .arg.edges    p.live  who attaches allocates white
 *   refuted  WITHOUT_DETACH_FLUSH+ATTACH    .arg.edges    p.round who detaches keeps its words
 *   refuted  WITHOUT_RECHECK+WEAK           .arg.weak     p.round a weak read calls no round off
 *   refuted  WITHOUT_LIBRARY+WEAK+LIST      .arg.weak     p.round a part comes amid a weak read
 *   refuted  WITHOUT_CLEAR+WEAK+LIST        .arg.weak     p.weak  weak references stay
 *   refuted  WITHOUT_READ_AGAIN+WEAK        .arg.weak     p.weak  the slot may be another's
 *   refuted  WITHOUT_COUNT+ASSIST           .arg.round    p.bound a drain ends amid an assist
 *   refuted  WITHOUT_LOST+SCARCE            .arg.lost     p.round who only blackened brought none
 *   refuted  WITHOUT_RECOVER+SCARCE         .arg.lost     p.round the blackened are not scanned
 *   refuted  WITHOUT_SETTLE+REVIVE          .arg.revive   p.round no rounds after reviving
 *   refuted  PUBLISHED_EARLY+FINAL          .arg.revive   p.round it may run before all is marked
 *   refuted  WITHOUT_STOP+STOP              .arg.stop     p.round the last round is no stop
 *   refuted  STOP_WITHOUT_THREADS+STOP      .arg.stop     p.round it does not scan threads' roots
 *   refuted  STOP_WITHOUT_SHARED+STOP       .arg.stop     p.round nor that root
 *   refuted  STOP_ENDS_EARLY+STOP           .arg.stop     p.round threads go on before all is marked
 *   refuted  STOP_ONLY_AT_REST+STOP         .arg.stop     p.bound it waits for a round without news
 *   refuted  STOP_AMID_READ+STOP+WEAK       .arg.stop     p.weak  it comes amid a weak read
 *   refuted  STOP_DEAD_LATE+STOP+WEAK       .arg.stop     p.weak  threads go on before DEAD
 *   refuted  SETTLES_WITHOUT_STOP+STOP+REVIVE .arg.stop   p.round no stop ends rounds after reviving
 *   refuted  WITHOUT_KEY+EPHEMERON          .arg.key      p.weak  a key reached late: no value
 *   refuted  WITHOUT_VALUE_SHADE+EPHEMERON+SET .arg.key   p.weak  setting the value does not shade
 *   refuted  WITHOUT_CLEAR+EPHEMERON        .arg.key      p.weak  dead keys stay
 *   refuted  WITHOUT_LIBRARY+EPHEMERON      .arg.key      p.weak  a part comes between key and value
 *   refuted  KEY_OVER_BLACK+EPHEMERON+SCARCE .arg.key     p.round KEY is written over black
 *   refuted  WITHOUT_KEYS+EPHEMERON+SCARCE  .arg.key      p.weak  recovery looks at no keys
 *   refuted  WITHOUT_MOVES+POOL             .arg.pool     p.round what comes to the depot is unshaded
 *   refuted  WITHOUT_DEPOT+POOL             .arg.pool     p.round the depot is not scanned
 *   refuted  WITHOUT_MAGAZINES+POOL         .arg.pool     p.round nor are magazines
 *   refuted  STEALS_IN_HANDSHAKE+STEAL      .arg.pool     p.round threads steal between two parts
 *   refuted  STEALS_IN_HANDSHAKE+STOLEN_SHADED+STEAL .arg.pool p.round though they shade
 *
 *   holds    SHADED_AFTER                   .arg.edges    -       the store before the shade
 *   holds    SCANNED_FIRST                  .arg.edges    -       the scan before black
 *
 * The last two need no care: no part in a handshake comes between the store and the shade; stores do
 * not ask for the holder's colour.
 *
 * How a state is less than the library's, and why nothing is lost by it:
 *
 *   - Words on their way to the markers are sets: their order means nothing to who adds them, and
 *     the marker takes them in any order. Words of objects that are not white are left out; the
 *     marker ignores them. A thread's roots are a set too.
 *   - Objects without a name: an object that nothing reaches, neither roots nor words on their way
 *     to the markers, makes room at once (tidy). Nobody can tell, but for the weak reference; so
 *     its target stays until it is swept.
 *   - White and black do not change their names at the flip. What is shaded after it, when the
 *     colours mean something else, is left out: nobody marks any more, and H4 drops it.
 *   - A part in a handshake is one step: nobody else touches what it reads and writes (the thread's
 *     roots, barrier, colour and grey words), and of what it hands over others see all or nothing,
 *     by the queue's lock. For the part of a blocked thread WITHOUT_SERVED says what this rests on.
 *   - The test in lull_store, the shade and the store are one step, but for the second thread with
 *     SIGNAL (handshakes may come after the test) and STEPS (anything may come before the store);
 *     with STEPS a marker's visit of an object is two, too. Fields are single words: an object
 *     scanned in pieces is as good as several objects.
 *   - Reading a weak reference is a step for each load. No part in a handshake comes in between,
 *     but other threads' do, and so may whole phases that wait for no handshake. With REVIVE it is
 *     the key of an ephemeron that is read: cleared after reviving, and read in the same way.
 *   - An ephemeron is found with the shared roots: one that is reached later is looked at later, and
 *     no more. Its list and table are not here (tests/test_rounds.c has what went wrong in them).
 *   - A stop finds no thread inside the library: only STOP_AMID_READ holds one in the middle of a
 *     weak read. After reviving it may come after any round, as their number is not here. What a
 *     finalizer does with its object, resurrecting it or not, is what threads do with any root.
 *     What a pool drops is not here: it is dead, or a root until it is destroyed.
 *   - Memory is sequentially consistent. What the library needs of its orders is for
 *     tests/test_litmus.c; they are few, since handshakes order everything else.
 *
 * Not in it: several markers, for which see queue.pml; a fork, for which see fork.pml.
 *
 * To see how a variant goes wrong:
 *
 *     spin -a -DWITHOUT_RESCAN cycle.pml && cc -O2 -w -DSAFETY -DREACH -o pan pan.c
 *     ./pan -i -m400 && spin -t -p -g -DWITHOUT_RESCAN cycle.pml */

#include "cycle_heap.pml"
#include "cycle_thread.pml"

/* ---- the collector ---- */

/* Takes the part of a blocked thread. SERVED keeps the thread from going on meanwhile, and so makes
 * one step of it; without that the thread may shade in the middle. */
inline serve(t)
{
#ifdef WITHOUT_SERVED
    atomic { IS_MISSING(t) && blocked[t] ->
        copy = grey[t] | (roots[t] & white & (action == SNAPSHOT || action == ROUND -> ALL : 0)) };
    atomic { grey[t] = copy; copy = 0;
        if
        :: action == ROUND -> flush(t); missing = missing & ~(1 << t)
        :: else -> take_part(t)
        fi }
#else
    d_step { IS_MISSING(t) && blocked[t] -> take_part(t) }
#endif
}

inline handshake(a, b)
{
    atomic {
        lock = 1;
        action = a;
        barrier_now = b;
        missing = attached[0] + 2 * attached[1];
#ifdef WITHOUT_SERVING
        missing = (a == ROUND -> missing & ~(blocked[0] + 2 * blocked[1]) : missing);
#endif
    };
    do
    :: atomic { missing == 0 -> lock = 0; action = NOTHING }; break
#if defined(BLOCK) || defined(ATTACH) || defined(STEAL)
    :: serve(1)
#endif
    od
}

/* Until the queue is empty: an object of it is blackened, its field read. */
inline drain_queue()
{
    do
#ifdef WITHOUT_COUNT
    :: atomic { queue == 0 -> draining = 0 }; break
#else
    :: atomic { queue == 0 && held == 0 -> draining = 0 }; break
#endif
    :: atomic { queue != 0 ->
        if
        ANY(queue, i)
        fi;
        queue = queue & ~BIT(i);
        brought = brought || HAS(white, i);
        scanned = BIT(i) & white;
#ifndef SCANNED_FIRST
        white = white & ~BIT(i);
        black = black | BIT(i);
#endif
#ifdef EPHEMERON
#ifndef WITHOUT_KEY
        queue = queue | (key_waits && i == weak -> BIT(key_value) & white : 0);
        key_waits = key_waits && i != weak;
#endif
#endif
#if defined(STEPS) || defined(REVIVE)
       };
       atomic {
        i = (scanned == 2 -> 1 : (scanned == 4 -> 2 : (scanned == 8 -> 3 :
            (scanned == 16 -> 4 : 0))));
#endif
        queue = queue | (scanned != 0 -> BIT(field[i]) & white : 0);
#ifdef SCANNED_FIRST
       };
       atomic {
        white = white & ~scanned;
        black = black | scanned;
#endif
        scanned = 0;
        tidy()
       }
    od
}

#ifdef STOP_ONLY_AT_REST
#define STOP_ENDS_ROUNDS 0
#else
#define STOP_ENDS_ROUNDS hybrid
#endif

#define RESCAN(o)                                                                                \
    atomic { queue = queue | (HAS(black, o) -> BIT(field[o]) & white : 0) }

/* mark_overflow.c's recovery: what is black is scanned again. */
inline mark_drain()
{
    draining = 1;
    drain_queue();
#ifdef SCARCE
    do
    :: atomic { lost -> lost = 0 };
#ifndef WITHOUT_RECOVER
#if defined(EPHEMERON) && !defined(WITHOUT_KEYS)
       atomic {
        queue = queue | (key_waits && HAS(black, weak) -> BIT(key_value) & white : 0);
        key_waits = key_waits && !HAS(black, weak) };
#endif
       RESCAN(1);
       RESCAN(2);
#endif
       drain_queue()
    :: else -> break
    od
#endif
}

/* ephemeron.c's look_at: the ephemeron is found with the shared roots, and looked at once. */
inline look_at()
{
#ifdef KEY_OVER_BLACK
    key_white = HAS(white, weak);
    atomic {
        black = (key_white -> black & ~BIT(weak) : black);
        white = (key_white -> white | BIT(weak) : white);
        key_white = 0;
#else
    atomic {
#endif
        key_waits = HAS(white, weak);
        queue = queue | (key_waits -> 0 : BIT(key_value) & white);
        found = 0 }
}

/* lull__phase_drain */
inline drain()
{
    mark_drain();
#ifdef EPHEMERON
    do
    :: found -> look_at(); mark_drain()
    :: !found -> break
    od
#endif
}

/* What a round brings; `lost` before the drain makes it another. */
inline take_one_round()
{
    handshake(ROUND, barrier_now);
#if defined(SCARCE) && !defined(WITHOUT_LOST)
    brought = brought || lost;
#endif
    drain();
    atomic { brought = brought || queue != 0 || held != 0 }
}

inline shared_roots()
{
    atomic { queue = queue | (BIT(field[0]) & white) };
#if defined(STOP) && !defined(STOP_WITHOUT_SHARED)
    atomic { queue = queue | (BIT(plain) & white) };
#endif
#if defined(POOL) && !defined(WITHOUT_DEPOT)
    atomic { queue = queue | (depot & white) };
#endif
    found = 1
}

/* Threads stand while all roots are scanned. */
inline stop_to_end()
{
#ifdef STOP_AMID_READ
    held_all = 1;
#else
    atomic { !reading -> held_all = 1 };
#endif
#ifndef STOP_WITHOUT_THREADS
    atomic { SHADE(0, ROOTS(0)); flush(0); SHADE(1, ROOTS(1)); flush(1) };
#endif
    shared_roots();
#ifdef STOP_ENDS_EARLY
    held_all = 0;
#endif
    drain();
#ifdef STOP_DEAD_LATE
    held_all = 0;
#endif
    atomic { weak_phase = DEAD; held_all = 0 }
}

proctype collector()
{
    byte copy, hybrid_rounds;
    bit hybrid, found, key_white;

    weak_phase = MARKING;
#ifndef H1_IN_H2
    handshake(RAISE, INSERT);
#endif
    new_black_now = 1;
    handshake(SNAPSHOT, INSERT);
#ifndef WITHOUT_SHARED_ROOTS
    shared_roots();
#endif
    drain();
    brought = 0;
#if defined(CHAIN) || defined(AT_ONCE)
    handshake(TO_HYBRID, HYBRID);
    hybrid = 1;
#endif
    do
#ifdef WITHOUT_ROUNDS
    :: break
#endif
#ifdef WITHOUT_LAST_ROUND
    :: hybrid -> break
#endif
    :: atomic { brought = 0; weak_phase = ENDING };
       take_one_round();
#ifdef ONE_ROUND
       brought = 0;
#endif
       if
#if defined(STOP) && !defined(WITHOUT_STOP)
       :: !brought || STOP_ENDS_ROUNDS -> stop_to_end(); break
#else
       :: atomic { !brought && weak_phase == ENDING -> weak_phase = DEAD }; break
#endif
       :: atomic { else ->
          weak_phase = MARKING;
#ifndef READS_WEAK
          hybrid_rounds = hybrid_rounds + hybrid;
          PROPERTY(p_bound, hybrid_rounds < 2);
#endif
          brought = 0 }
       fi;
       if
       :: hybrid
       :: else -> handshake(TO_HYBRID, HYBRID); hybrid = 1
       fi
    od;
    atomic {
        find_live();
        PROPERTY(p_round, (live & white) == 0); /* nobody reaches it any more if nobody did then */
        brought = 0;
        hybrid = 0;
        hybrid_rounds = 0
    };
#if defined(REVIVE) || defined(FINAL)
    if
    :: atomic { HAS(white, 1) ->
        final = 1;
        queue = queue | BIT(1);
#ifdef PUBLISHED_EARLY
        published = 1
#endif
       };
       drain();
#if defined(REVIVE) && !defined(WITHOUT_SETTLE)
       do
       :: brought = 0;
          take_one_round();
          if
#if defined(STOP) && !defined(SETTLES_WITHOUT_STOP)
          :: brought
          :: stop_to_end(); break
#else
          :: brought
          :: else -> break
#endif
          fi
       od;
#endif
       atomic {
        find_live();
        live = live | BIT(final);
        FOLLOW_ALL;
        PROPERTY(p_round, (live & white) == 0);
        brought = 0;
        published = final != 0
       }
    :: else
    fi;
#endif
#ifdef EPHEMERON
    atomic {
#ifndef WITHOUT_CLEAR
        key_value = (key_waits -> 0 : key_value);
        weak = (key_waits -> 0 : weak);
#endif
        key_waits = 0 };
#elif !defined(WITHOUT_CLEAR)
    weak = (HAS(white, weak) -> 0 : weak);
#endif
    weak_phase = IDLE;
    flipped = 1;
    handshake(LOWER, OFF);
#ifdef EPHEMERON
    queue = 0; /* lull__queue_discard: the value of a dead key was overwritten */
#endif
    atomic { white == 0 -> PROPERTY(p_rest, queue == 0); over = 1 }
}

/* Frees what is white, in any order. */
proctype sweeper()
{
    flipped;
    do
    :: atomic { white != 0 ->
        if
        ANY(white, i)
        fi;
        find_live();
        live = live | BIT(final);
        FOLLOW_ALL;
        PROPERTY(p_live, !HAS(live, i));
        white = white & ~BIT(i);
        field[i] = 0;
        freed_target = freed_target || i == 1
       }
    :: white == 0 -> break
    od
}

init {
    atomic {
#ifndef REVIVE
        attached[0] = 1;
#endif
#ifdef LIST
        white = ALL;
        field[1] = 2;
#if OBJECTS > 2
        field[2] = 3;
#endif
#endif
#if !defined(CHAIN) && !defined(ATTACH)
        attached[1] = 1;
#endif
        field[0] = 1;
#ifdef HAS_WEAK
        weak = 1;
#endif
#ifdef EPHEMERON
        key_value = 2;
#endif
        run thread(0);
        run thread(1);
        run collector();
        run sweeper()
    }
}
