/* cycle_thread.pml -- of cycle.pml: what threads do, and their parts in handshakes. */

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

#ifdef WITHOUT_MAGAZINES
#define ROOTS(t) roots[t]
#else
#define ROOTS(t) (roots[t] | magazine[t])
#endif

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
        SHADE(t, ROOTS(t));
        flush(t)
    :: action == ROUND ->
#ifndef WITHOUT_RESCAN
        SHADE(t, ROOTS(t));
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

#define MAY (attached[t] && !blocked[t] && !held_all)
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
    PROPERTY(p_rest, seen == OFF || barrier[t] != OFF); /* nobody would take the word */         \
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

/* lull_pool_put and lull_pool_get */
#define PUT_AND_GET(o)                                                                           \
    :: d_step { t == 1 && MAY && HAS(roots[t], o) && !HAS(magazine[0] | magazine[1] | depot, o) ->         \
        magazine[t] = magazine[t] | BIT(o); roots[t] = roots[t] & ~BIT(o) }                      \
    :: d_step { t == 0 && MAY && HAS(magazine[t], o) ->                                                  \
        magazine[t] = magazine[t] & ~BIT(o); roots[t] = roots[t] | BIT(o) }

#ifdef WITHOUT_MOVES
#define SHADE_MOVED(t, set) skip
#else
#define SHADE_MOVED(t, set) SHADE(t, (barrier[t] != OFF -> set : 0))
#endif
#ifdef STOLEN_SHADED
#define SHADE_STOLEN(t, set) SHADE_MOVED(t, set)
#else
#define SHADE_STOLEN(t, set) skip
#endif
#ifdef STEALS_IN_HANDSHAKE
#define MAY_STEAL (!served[1])
#else
#define MAY_STEAL (!lock) /* threads_lock */
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

/* inside the library: only STOP_AMID_READ holds a thread there */
#define GOES_ON (!held_all)
#define IS_REACHED(o) HAS((new_black_now -> black : white), o)

proctype thread(byte t)
{
    byte slot, value, seen;

    do
    :: atomic { over -> PROPERTY(p_rest, grey[t] == 0 && barrier[t] == OFF); break }

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

#if !defined(SIGNAL) && !defined(WEAK) && !defined(SHADED_AFTER) && !defined(EPHEMERON) &&       \
    !defined(POOL) && !defined(STEAL)
    STORE(t == 0 && MAY, AND, AND)
#endif
    STORE(t == 1 && MAY, SIGNALS, SEPARATELY)

#ifdef SCARCE
    :: scarce = 1 - scarce
#endif

#ifdef STOP
    :: d_step { MAY && HAS(roots[t], 1) -> plain = 1; tidy() }
    :: d_step { MAY && HAS(roots[t], 2) -> plain = 2; tidy() }
    :: d_step { MAY && plain != 0 -> plain = 0; tidy() }
    :: d_step { MAY && (BIT(plain) & ~roots[t]) != 0 -> roots[t] = roots[t] | BIT(plain) }
#endif

#if defined(POOL) || defined(STEAL)
    PUT_AND_GET(2)
#endif
#ifdef POOL
    /* lull__pool_make_room and take_anywhere (pool_exchange.c); inside the library */
    :: d_step { t == 1 && MAY && magazine[1] != 0 -> moving[1] = magazine[1]; magazine[1] = 0 };
       d_step { SHADE_MOVED(1, moving[1]); depot = depot | moving[1]; moving[1] = 0 }
    :: d_step { t == 0 && MAY && depot != 0 -> magazine[0] = magazine[0] | depot; depot = 0 }
#endif
#ifdef STEAL
    /* steal_from (pool_steal.c) */
    :: d_step { t == 0 && MAY && blocked[1] && MAY_STEAL && magazine[1] != 0 ->
        SHADE_STOLEN(0, magazine[1]);
        magazine[0] = magazine[0] | magazine[1];
        magazine[1] = 0 }
#endif

#if defined(REVIVE) || defined(FINAL)
    /* finalizer.c's take; what it does with the object is the program's */
    :: d_step { MAY && published -> roots[t] = roots[t] | BIT(final); final = 0; published = 0 }
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

#if defined(BLOCK) || defined(STEAL)
    :: t == 1 && MAY -> blocked[t] = 1;
       atomic {
#ifndef WITHOUT_SERVED
        !served[t] && !held_all ->
#endif
        blocked[t] = 0
       }
#endif

#ifdef READS_WEAK
    /* lull_weak_get; `value` is no root before it returns, and no part is taken before */
    :: atomic { t == 1 && MAY -> seen = weak_phase; reading = 1 };
       do
       ::
#ifdef WITHOUT_LIBRARY
          SIGNALLED;
#endif
          atomic { GOES_ON -> value = weak };
          if
          :: atomic { GOES_ON && (seen == IDLE || value == 0) -> seen = IDLE }
          :: GOES_ON && seen != IDLE && value != 0 && IS_REACHED(value) ->
             atomic { GOES_ON ->
#ifndef WITHOUT_READ_AGAIN
                value = (weak == value -> value : 0);
#endif
                seen = IDLE }
          :: atomic { GOES_ON && seen != IDLE && value != 0 && !IS_REACHED(value) ->
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
          :: atomic { seen != IDLE && GOES_ON ->
             weak_phase = (weak_phase == ENDING -> MARKING : weak_phase);
             seen = weak_phase;
             value = 0 }
          fi
       od;
       atomic { GOES_ON ->
        find_live();
        PROPERTY(p_weak, value != 0 -> !freed_target : freed_target || !HAS(live, 1));
#ifdef EPHEMERON
        seen = value;
        reading = 0;
        value = 0
       };
       if
       :: seen == 0 /* lull_ephemeron_key is as a weak reference */
       :: seen != 0 ->
#ifdef WITHOUT_LIBRARY
          SIGNALLED;
#endif
          atomic { /* lull_ephemeron_value */
            PROPERTY(p_weak, (BIT(key_value) & ~(white | black)) == 0);
            SHADE(t, (barrier[t] == OFF -> 0 : BIT(key_value)));
            roots[t] = roots[t] | BIT(key_value);
            seen = 0 }
#ifdef SET
       :: seen != 0 ->
          SIGNALLED;
          atomic { /* lull_ephemeron_set */
            if
            :: value = 0
            ANY(roots[t], value)
            fi;
            seen = barrier[t];
#ifdef WITHOUT_VALUE_SHADE
            seen = OFF;
#endif
            SHADE_BOTH(key_value);
            key_value = value;
            value = 0;
            seen = 0;
            tidy() }
#endif
       fi
#else
        roots[t] = roots[t] | BIT(value);
        reading = 0;
        value = 0
       }
#endif
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
