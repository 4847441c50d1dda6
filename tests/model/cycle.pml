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
 * the second; LIST is without allocation, and begins with one list of all objects. To keep states
 * few, the second thread alone stores with SIGNAL, WEAK and SHADED_AFTER. Other options leave a
 * step out, or change it. tests/models.tap runs the lines of this table: what Spin must say, the
 * options, the argument in lib/cycle_concurrent.c that this is for, the property that breaks, what
 * the option is.
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
 *
 *   holds    SHADED_AFTER                   .arg.edges    -       the store before the shade
 *   holds    SCANNED_FIRST                  .arg.edges    -       the scan before black
 *
 * The last two need no care: no part in a handshake comes between the store and the shade, and
 * stores do not ask for the holder's colour.
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
 *   - Memory is sequentially consistent. What the library needs of its orders is for
 *     tests/test_litmus.c; they are few, since handshakes order everything else.
 *
 * Not in it: the values of ephemerons, several markers, fork, roots without a barrier (a stop).
 *
 * To see how a variant goes wrong:
 *
 *     spin -a -DWITHOUT_RESCAN cycle.pml && cc -O2 -w -DSAFETY -DREACH -o pan pan.c
 *     ./pan -i -m400 && spin -t -p -g -DWITHOUT_RESCAN cycle.pml */

#ifdef CHAIN
#define OBJECTS 3
#else
#define OBJECTS 2
#endif
#if (defined(CHAIN) || defined(SCARCE) || defined(REVIVE)) && !defined(LIST)
#define LIST /* no allocation: the objects are one list, which the threads may take apart */
#endif

/* a thread's barrier */
#define OFF 0
#define INSERT 1
#define HYBRID 2

/* weak_phase */
#define IDLE 0
#define MARKING 1
#define ENDING 2
#define DEAD 3

/* what the present handshake has threads do */
#define NOTHING 0
#define RAISE 1
#define SNAPSHOT 2
#define ROUND 3
#define TO_HYBRID 4
#define LOWER 5

/* Objects are 1 to OBJECTS, 0 is NULL; a set of objects is a mask. */
#define BIT(o) ((1 << (o)) & ~1)
#define HAS(set, o) (((set) >> (o)) & 1)
#define ALL ((2 << OBJECTS) - 2)

/* ---- the heap ---- */

byte field[OBJECTS + 1]; /* field[0] is the global root */
byte white = BIT(1);
byte black;              /* neither: free */
byte weak;               /* target of the weak reference, which is made to object 1 */
bit freed_target;        /* object 1 was freed: what is in its slot now is another */

/* ---- the threads ---- */

byte roots[2];
byte grey[2];            /* shaded, not yet handed over */
byte barrier[2];
bit new_black[2];        /* t->colour */
byte cache[2];           /* a slot taken, coloured, and not handed out yet */
bit attached[2];
bit blocked[2];
bit served[2];

/* ---- the collector ---- */

byte action;
byte missing;            /* threads that have not taken part, as bits */
bit lock;                /* threads_lock */
byte barrier_now;        /* what a thread attaches with */
bit new_black_now;       /* likewise; heap->alloc_colour */
byte queue;
byte held;               /* an object that an assist is about to scan */
bit draining;            /* whether assists may take work */
bit brought;             /* an object was marked since this was last cleared */
bit scarce;              /* no memory for words */
bit lost;                /* queue->overflow */
byte final;              /* the object whose finalizer is to run */
byte scanned;            /* the object whose field a marker is about to read */
byte weak_phase;
bit flipped;
bit over;

hidden byte live, i;     /* within one step only */

/* ---- what can be reached ---- */

#define FOLLOW(o) (HAS(live, o) -> BIT(field[o]) : 0)
#if OBJECTS == 2
#define FOLLOW_EACH live = live | FOLLOW(1) | FOLLOW(2)
#define FOLLOW_ALL FOLLOW_EACH
#elif OBJECTS == 3
#define FOLLOW_EACH live = live | FOLLOW(1) | FOLLOW(2) | FOLLOW(3)
#define FOLLOW_ALL FOLLOW_EACH; FOLLOW_EACH
#else
#define FOLLOW_EACH live = live | FOLLOW(1) | FOLLOW(2) | FOLLOW(3) | FOLLOW(4)
#define FOLLOW_ALL FOLLOW_EACH; FOLLOW_EACH; FOLLOW_EACH
#endif

inline find_live()
{
    live = BIT(field[0]) | roots[0] | roots[1];
    FOLLOW_ALL
}

#if defined(WEAK) || defined(REVIVE)
#define TARGET (freed_target -> 0 : BIT(1))
#else
#define TARGET 0
#endif

/* At the end of every step that takes something out of reach. */
inline tidy()
{
    queue = queue & white;
    grey[0] = grey[0] & white & ~queue;
    grey[1] = grey[1] & white & ~queue;
    live = BIT(field[0]) | roots[0] | roots[1] | BIT(cache[0]) | BIT(cache[1]) | grey[0] | grey[1] |
        queue | scanned | held | BIT(final) | TARGET;
    FOLLOW_ALL;
    white = white & live;
    black = black & live;
    field[1] = (HAS(live, 1) -> field[1] : 0);
    field[2] = (HAS(live, 2) -> field[2] : 0);
#if OBJECTS > 2
    field[3] = (HAS(live, 3) -> field[3] : 0);
#endif
#if OBJECTS > 3
    field[4] = (HAS(live, 4) -> field[4] : 0)
#endif
}

/* ---- parts in handshakes ---- */

#define SHADABLE(set) ((set) & (flipped -> 0 : white & ~queue))
#ifdef SCARCE
/* blackened unscanned, where there is no memory */
#define SHADE_INTO(place, set)                                                                   \
    lost = lost || (scarce && SHADABLE(set) != 0);                                               \
    place = place | (scarce -> 0 : SHADABLE(set));                                               \
    black = black | (scarce -> SHADABLE(set) : 0);                                               \
    white = white & ~black
#else
#define SHADE_INTO(place, set) place = place | SHADABLE(set)
#endif
#define SHADE(t, set) SHADE_INTO(grey[t], set)

inline flush(t)
{
    queue = queue | grey[t];
    grey[t] = 0
}

inline take_part(t)
{
    if
    :: action == RAISE -> barrier[t] = INSERT
    :: action == SNAPSHOT ->
        barrier[t] = INSERT;
#ifndef WITHOUT_BLACK
        new_black[t] = 1;
#endif
#ifndef WITHOUT_KEEP
        black = black | (BIT(cache[t]) & white);
        white = white & ~BIT(cache[t]);
#endif
        SHADE(t, roots[t]);
        flush(t)
    :: action == ROUND ->
#ifndef WITHOUT_RESCAN
        SHADE(t, roots[t]);
#endif
#ifndef WITHOUT_FLUSH
        flush(t);
#endif
#ifdef LOWERED_IN_ROUND
        barrier[t] = OFF;
#endif
        skip
    :: action == TO_HYBRID ->
#ifndef WITHOUT_HYBRID
        barrier[t] = HYBRID;
#endif
        skip
    :: action == LOWER ->
        barrier[t] = OFF;
        grey[t] = 0
    fi;
    missing = missing & ~(1 << t)
}

/* ---- a thread ---- */

#define MAY (attached[t] && !blocked[t])
#define IS_MISSING(t) HAS(missing, t)

#define ANY(set, variable)               \
    :: HAS(set, 1) -> variable = 1       \
    :: HAS(set, 2) -> variable = 2       \
    :: HAS(set, 3) -> variable = 3       \
    :: HAS(set, 4) -> variable = 4

/* Drops a root; loads what one's field holds. */
#define USE(o)                                                                                   \
    :: d_step { MAY && HAS(roots[t], o) -> roots[t] = roots[t] & ~BIT(o); tidy() }              \
    :: d_step { MAY && HAS(roots[t], o) && (BIT(field[o]) & ~roots[t]) != 0 ->                  \
        roots[t] = roots[t] | BIT(field[o]) }

/* A free slot, as good as any other, in the thread's colour. */
inline take_slot()
{
    slot = (!HAS(white | black, 1) -> 1 : (!HAS(white | black, 2) -> 2 :
        (!HAS(white | black, 3) -> 3 : 4)));
    black = black | (new_black[t] -> BIT(slot) : 0);
    white = white | (new_black[t] -> 0 : BIT(slot));
    field[slot] = 0
}

/* What may come between the test of lull_store, the shade and the store. */
#define AND ;
#define SIGNALLED do :: d_step { IS_MISSING(t) -> take_part(t) } :: break od
#ifdef SIGNAL
#define SIGNALS }; SIGNALLED; atomic {
#else
#define SIGNALS AND
#endif
#if defined(STEPS) || defined(SHADED_AFTER)
#define SEPARATELY }; atomic {
#else
#define SEPARATELY AND
#endif

/* The slow path looks at the barrier again. */
#ifdef WITHOUT_LOOK_AGAIN
#define LOOK_AGAIN skip
#else
#define LOOK_AGAIN seen = (seen != OFF -> barrier[t] : OFF)
#endif

/* The value stored and, by HYBRID, the value overwritten: that the markers have at once. */
#ifdef WITHOUT_HAND_OVER
#define OVERWRITTEN grey[t]
#else
#define OVERWRITTEN queue
#endif
#define SHADE_BOTH(old)                                                                          \
    assert(seen == OFF || barrier[t] != OFF); /* p.rest: nobody would take the word */           \
    SHADE(t, (seen != OFF -> BIT(value) : 0));                                                   \
    SHADE_INTO(OVERWRITTEN, (seen == HYBRID -> BIT(old) : 0))

#ifdef WITHOUT_SHADE
#define SHADE_AND_STORE(SEPARATE) field[slot] = value
#elif defined(SHADED_AFTER)
#define SHADE_AND_STORE(SEPARATE)                                                                \
    i = field[slot]; field[slot] = value; slot = i SEPARATE SHADE_BOTH(slot)
#else
#define SHADE_AND_STORE(SEPARATE) SHADE_BOTH(field[slot]) SEPARATE field[slot] = value
#endif

/* lull_store of a root or NULL into a root's field or the global root. */
#define STORE(may, SIGNAL_COMES, SEPARATE)                                                       \
    :: atomic { may ->                                                                           \
        if                                                                                       \
        :: slot = 0                                                                              \
        ANY(roots[t], slot)                                                                      \
        fi;                                                                                      \
        if                                                                                       \
        :: value = 0                                                                             \
        ANY(roots[t], value)                                                                     \
        fi;                                                                                      \
        seen = barrier[t]                                                                        \
        SIGNAL_COMES                                                                             \
        LOOK_AGAIN;                                                                              \
        SHADE_AND_STORE(SEPARATE);                                                               \
        slot = 0; value = 0; seen = 0;                                                           \
        tidy() }

#define IS_REACHED(o) HAS((new_black_now -> black : white), o)

proctype thread(byte t)
{
    byte slot, value, seen;

    do
    :: atomic { over -> assert(grey[t] == 0 && barrier[t] == OFF); break } /* p.rest */

    :: d_step { MAY && IS_MISSING(t) -> take_part(t) } /* a safepoint */

    :: d_step { MAY && (BIT(field[0]) & ~roots[t]) != 0 -> roots[t] = roots[t] | BIT(field[0]) }
    USE(1)
    USE(2)
#if OBJECTS > 2
    USE(3)
#endif
#if OBJECTS > 3
    USE(4)
#endif

#ifdef CACHE
    :: d_step { MAY && cache[t] == 0 && (white | black) != ALL ->
        take_slot(); cache[t] = slot; slot = 0 }
    :: d_step { MAY && cache[t] != 0 -> roots[t] = roots[t] | BIT(cache[t]); cache[t] = 0 }
#elif !defined(LIST)
    :: d_step { MAY && (white | black) != ALL ->
        take_slot(); roots[t] = roots[t] | BIT(slot); slot = 0 }
#endif

#if !defined(SIGNAL) && !defined(WEAK) && !defined(SHADED_AFTER)
    STORE(t == 0 && MAY, AND, AND)
#endif
    STORE(t == 1 && MAY, SIGNALS, SEPARATELY)

#ifdef SCARCE
    :: scarce = 1 - scarce
#endif

#ifdef ASSIST
    /* inside the library: no part comes in between */
    :: atomic { t == 1 && MAY && draining && queue != 0 ->
        if
        ANY(queue, slot)
        fi;
        queue = queue & ~BIT(slot);
        held = BIT(slot)
       };
       atomic {
        brought = brought || HAS(white, slot);
        queue = queue | (HAS(white, slot) -> BIT(field[slot]) & white & ~BIT(slot) : 0);
        black = black | BIT(slot);
        white = white & ~BIT(slot);
        held = 0;
        slot = 0;
        tidy()
       }
#endif

#ifdef BLOCK
    :: t == 1 && MAY -> blocked[t] = 1;
       atomic {
#ifndef WITHOUT_SERVED
        !served[t] ->
#endif
        blocked[t] = 0
       }
#endif

#if defined(WEAK) || defined(REVIVE)
    /* lull_weak_get; `value` is no root before it returns, and no part is taken before */
    :: atomic { t == 1 && MAY -> seen = weak_phase };
       do
       ::
#ifdef WITHOUT_LIBRARY
          SIGNALLED;
#endif
          value = weak;
          if
          :: atomic { seen == IDLE || value == 0 -> seen = IDLE }
          :: seen != IDLE && value != 0 && IS_REACHED(value) ->
             atomic {
#ifndef WITHOUT_READ_AGAIN
                value = (weak == value -> value : 0);
#endif
                seen = IDLE }
          :: atomic { seen != IDLE && value != 0 && !IS_REACHED(value) ->
             if
#ifdef WITHOUT_RECHECK
             :: seen == MARKING || seen == ENDING ->
#else
             :: seen == ENDING
             :: seen == MARKING ->
#endif
                SHADE(t, BIT(value));
                seen = IDLE
             :: seen == DEAD -> value = 0; seen = IDLE
             fi }
          fi;
          if
          :: seen == IDLE -> break
          :: atomic { else ->
             weak_phase = (weak_phase == ENDING -> MARKING : weak_phase);
             seen = weak_phase;
             value = 0 }
          fi
       od;
       atomic {
        find_live();
        assert(value != 0 -> !freed_target : freed_target || !HAS(live, 1)); /* p.weak */
        roots[t] = roots[t] | BIT(value);
        value = 0
       }
#endif

#ifdef ATTACH
    :: d_step { t == 1 && !attached[t] && !lock ->
        attached[t] = 1;
#ifndef WITHOUT_ATTACH_BARRIER
        barrier[t] = barrier_now;
#endif
#ifndef WITHOUT_ATTACH_COLOUR
        new_black[t] = new_black_now
#endif
       }
    :: d_step { t == 1 && MAY -> blocked[t] = 1 };
       atomic {
        !lock ->
#ifndef WITHOUT_DETACH_FLUSH
        flush(t);
#endif
        grey[t] = 0;
        roots[t] = 0;
        new_black[t] = 0;
        barrier[t] = OFF;
        attached[t] = 0;
        blocked[t] = 0;
        tidy()
       }
#endif
    od
}

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
#if defined(BLOCK) || defined(ATTACH)
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

#define RESCAN(o)                                                                                \
    atomic { queue = queue | (HAS(black, o) -> BIT(field[o]) & white : 0) }

/* mark_overflow.c's recovery: what is black is scanned again. */
inline drain()
{
    draining = 1;
    drain_queue();
#ifdef SCARCE
    do
    :: atomic { lost -> lost = 0 };
#ifndef WITHOUT_RECOVER
       RESCAN(1);
       RESCAN(2);
#endif
       drain_queue()
    :: else -> break
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
    atomic { queue = queue | (BIT(field[0]) & white) }
}

proctype collector()
{
    byte copy, hybrid_rounds;
    bit hybrid;

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
#ifdef CHAIN
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
       :: atomic { !brought && weak_phase == ENDING -> weak_phase = DEAD }; break
       :: atomic { else ->
          weak_phase = MARKING;
#if !defined(WEAK) && !defined(REVIVE)
          hybrid_rounds = hybrid_rounds + hybrid;
          assert(hybrid_rounds < 2); /* p.bound */
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
        assert((live & white) == 0); /* p.round: nobody reaches it any more if nobody did then */
        brought = 0;
        hybrid = 0;
        hybrid_rounds = 0
    };
#ifdef REVIVE
    if
    :: atomic { HAS(white, 1) -> final = 1; queue = queue | BIT(1) };
       drain();
#ifndef WITHOUT_SETTLE
       do
       :: brought = 0;
          take_one_round();
          if
          :: brought
          :: else -> break
          fi
       od;
#endif
       atomic {
        find_live();
        live = live | BIT(final);
        FOLLOW_ALL;
        assert((live & white) == 0); /* p.round */
        brought = 0
       }
    :: else
    fi;
#endif
#ifndef WITHOUT_CLEAR
    weak = (HAS(white, weak) -> 0 : weak);
#endif
    weak_phase = IDLE;
    flipped = 1;
    handshake(LOWER, OFF);
    atomic { white == 0 -> assert(queue == 0); /* p.rest */ over = 1 }
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
        assert(!HAS(live, i)); /* p.live */
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
#if defined(WEAK) || defined(REVIVE)
        weak = 1;
#endif
        run thread(0);
        run thread(1);
        run collector();
        run sweeper()
    }
}
