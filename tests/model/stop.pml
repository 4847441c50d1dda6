/* stop.pml -- how threads come to stand still and go on, for Spin. The argument is in
 * lib/handshake.c.
 *
 * Two threads take slots, use a lock of the library, block, come to safepoints, and are held by
 * signals, as they like. A collector holds them all and lets them go, twice, and now and then takes
 * the part of the first while that is blocked. With HEAPS=2 there are two heaps with a collector
 * each, which holds threads once; each thread is attached to both, and in the first alone it may
 * have a section of its own; there are no signals and no lock then, as the states would be too
 * many.
 *
 *   p.stop   who is held, or served, touches nothing of that heap's
 *   p.slots  while threads are held, all slots that they took and did not hand out are given back;
 *            but nobody takes those of a thread that is in the middle of an allocation
 *   p.end    nobody waits for ever
 *
 * tests/models.tap runs the lines of this table, as it does those of cycle.pml.
 *
 *   holds    -                       .arg.stand    -       one heap
 *   holds    HEAPS=2                 .arg.together -       two
 *
 *   refuted  WITHOUT_LOOK            .arg.stand    p.stop  who goes on does not look for a stop
 *   refuted  TOUCHES                 .arg.stand    p.stop  who goes back gives its slots back
 *   refuted  RUNS_SERVED             .arg.stand    p.slots who is served goes on: is it blocked?
 *   refuted  STATE_ASKED             .arg.standing p.slots how a thread stands is read of its state
 *   refuted  STANDING_LATE           .arg.standing p.slots `standing` is written after the state
 *   refuted  TAKES_SIGNALLED         .arg.signal   p.slots held by a signal counts as blocked
 *   refuted  HOLDS_IN_LIBRARY        .arg.signal   p.end   a signal holds who has a lock
 *   refuted  STANDS_ALONE+HEAPS=2    .arg.together p.end   who is asked stands in that heap alone
 *   refuted  GOES_ON_ALONE+HEAPS=2   .arg.together p.end   who goes back does so in that heap alone
 *
 * How a state is less than the library's: the collector looks at one thread after the other, and
 * not at all of them until none runs, which would only have it believe less often that they stand;
 * a thread that takes its own part in a handshake is not here, as it runs; nor is a fork, for which
 * see fork.pml. Memory is sequentially consistent; for the state and `stop` see
 * tests/test_litmus.c, "stop". */
#ifndef HEAPS
#define HEAPS 1
#endif
#define THREADS 2
#define STOPS (3 - HEAPS) /* that each collector makes */

hidden byte p_stop, p_slots; /* names for the report, always 0 */
#define PROPERTY(name, condition) assert(name || (condition))

/* a thread's state */
#define RUNNING 0
#define HELD 1
#define BLOCKED 2
#define SIGNALLED 3
#define SERVED 4

#define AT(t, heap) ((t) * HEAPS + (heap)) /* an attachment */
#define ATTACHMENTS (THREADS * HEAPS)

byte state[ATTACHMENTS];
byte standing[ATTACHMENTS];
bit slots[ATTACHMENTS];   /* taken, and not handed out */
bit section[THREADS];     /* of the first heap alone */
bit amid[THREADS];        /* in the middle of an inline allocation; one heap */
byte locked;              /* 1 + the thread that has a lock of the library; one heap */
bit stop[HEAPS];
bit held[HEAPS];
bit served[HEAPS];        /* the first thread */
byte over;                /* heaps whose collector is done */

/* ---- a thread ---- */

/* Whether an attachment stands and goes on with the thread's others. */
#define TOGETHER(heap) (!((heap) == 0 && section[t]))
#define IS_FREE (!amid[t] && locked != 1 + t)
#define TOUCH(heap) PROPERTY(p_stop, !held[heap] && !(t == 0 && served[heap]))

#if HEAPS > 1
#define ANY_STOP (stop[0] && TOGETHER(0) || stop[1])
#else
#define ANY_STOP stop[0]
#endif

#ifdef STANDING_LATE
#define STAND(heap, how) state[AT(t, heap)] = how; standing[AT(t, heap)] = how
#else
#define STAND(heap, how) standing[AT(t, heap)] = how; state[AT(t, heap)] = how
#endif

inline stand(heap, how)
{
    if
    :: TOGETHER(heap) -> STAND(heap, how)
    :: else
    fi
}

inline stand_together(how)
{
    stand(0, how);
#if HEAPS > 1
    stand(1, how)
#endif
}

/* handshake.c's run */
#ifdef RUNS_SERVED
#define MAY_RUN(heap) 1
#else
#define MAY_RUN(heap) (state[AT(t, heap)] != SERVED)
#endif

inline go_on(heap)
{
    if
    :: TOGETHER(heap) -> atomic { MAY_RUN(heap) -> state[AT(t, heap)] = RUNNING }
    :: else
    fi
}

/* keeps */
#ifdef WITHOUT_LOOK
#define LOOK(heap) skip
#else
#define LOOK(heap) keeps = keeps || (TOGETHER(heap) && stop[heap])
#endif

/* From RUNNING to where it stood. */
inline go_back(heap)
{
    if
#ifdef GOES_ON_ALONE
    :: TOGETHER(heap) && stop[heap] ->
#else
    :: TOGETHER(heap) ->
#endif
#ifdef TOUCHES
       atomic { TOUCH(heap); slots[AT(t, heap)] = 0 };
#endif
       state[AT(t, heap)] = standing[AT(t, heap)]
    :: else
    fi
}

proctype thread(byte t)
{
    byte h;
    bit keeps;

    do
    /* the program: a slot is handed out, or the last of them, and others taken */
#if HEAPS > 1
    :: atomic { IS_FREE ->
        if
        :: TOGETHER(0) -> h = 0
        :: h = 1
        fi;
        TOUCH(h);
        slots[AT(t, h)] = 1;
        h = 0 }
#else
    :: atomic { IS_FREE -> TOUCH(0); amid[t] = 1 }
    :: atomic { amid[t] -> TOUCH(0); amid[t] = 0; slots[t] = 1 }

    /* the library, with a lock; what comes to its safepoint comes without */
    :: atomic { IS_FREE && locked == 0 -> TOUCH(0); locked = 1 + t }
    :: atomic { locked == 1 + t -> TOUCH(0); locked = 0 }
#endif

    :: atomic { IS_FREE && over == HEAPS -> break }

#if HEAPS > 1
    /* lull__section_begin */
    :: atomic { IS_FREE && !section[t] -> section[t] = 1; standing[AT(t, 0)] = BLOCKED };
       state[AT(t, 0)] = BLOCKED
#endif

    /* what stands, and goes on together */
    :: if
       /* lull__safepoint */
       :: atomic { IS_FREE && ANY_STOP ->
           if
           :: stop[0] && TOGETHER(0) -> h = 0
#if HEAPS > 1
           :: stop[1] -> h = 1
#endif
           fi;
           TOUCH(h);
           slots[AT(t, h)] = 0 };
#if HEAPS > 1 && !defined(STANDS_ALONE)
          stand(1 - h, BLOCKED);
#endif
          STAND(h, HELD)
       /* lull__block; lull__section_end */
       :: atomic { IS_FREE -> skip };
          stand_together(BLOCKED);
#if HEAPS > 1
          if
          :: section[t] = 0
          :: skip
          fi
#endif
#if HEAPS == 1
       /* hold_signalled */
#ifdef HOLDS_IN_LIBRARY
       :: atomic { ANY_STOP -> skip };
#else
       :: atomic { locked != 1 + t && ANY_STOP -> skip };
#endif
          stand_together(SIGNALLED)
#endif
       fi;
       h = 0;
       /* go_on_together */
       do
       :: !(stop[0] && TOGETHER(0));
#if HEAPS > 1
          !stop[1];
#endif
          go_on(0);
#if HEAPS > 1
          go_on(1);
#endif
          LOOK(0);
#if HEAPS > 1
          LOOK(1);
#endif
          if
          :: !keeps -> break
          :: else ->
             go_back(0);
#if HEAPS > 1
             go_back(1);
#endif
             keeps = 0
          fi
       od
    od
}

/* ---- a collector ---- */

#ifdef STATE_ASKED
#define STANDS_AS(t, heap) state[AT(t, heap)]
#else
#define STANDS_AS(t, heap) standing[AT(t, heap)]
#endif

/* A blocked thread's slots are the collector's to give back; who is held gave back its own. So
 * nothing is left but with those that a signal holds. */
inline give_back(t, heap)
{
    atomic {
        how = STANDS_AS(t, heap);
#ifdef TAKES_SIGNALLED
        how = (how == SIGNALLED -> BLOCKED : how);
#endif
        PROPERTY(p_slots, how != BLOCKED || !amid[t]);
        slots[AT(t, heap)] = (how == BLOCKED -> 0 : slots[AT(t, heap)]);
        PROPERTY(p_slots, how == SIGNALLED || !slots[AT(t, heap)]);
        how = 0
    }
}

/* lull__hold_all to lull__release_all */
inline hold(heap)
{
    stop[heap] = 1;
    state[AT(0, heap)] != RUNNING;
    atomic { state[AT(1, heap)] != RUNNING -> held[heap] = 1 };
    give_back(0, heap);
    give_back(1, heap);
    locked == 0; /* whatever the library has a lock for */
    atomic { held[heap] = 0; stop[heap] = 0 }
}

proctype collector(byte heap)
{
    byte stops, how;

    do
    /* serve */
    :: atomic { stops < STOPS && state[AT(0, heap)] == BLOCKED ->
        state[AT(0, heap)] = SERVED;
        served[heap] = 1 };
       atomic { state[AT(0, heap)] = BLOCKED; served[heap] = 0 }
    :: atomic { stops < STOPS -> stops++ };
       hold(heap)
    :: atomic { stops == STOPS -> over++; break }
    od
}

init {
    atomic {
        run thread(0);
        run thread(1);
        run collector(0);
#if HEAPS > 1
        run collector(1)
#endif
    }
}
