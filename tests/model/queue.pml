/* queue.pml -- the end of a drain, for Spin: markers, threads that assist, and the words between
 * them. The argument is in lib/mark_queue.c.
 *
 * The collecting thread drains twice, as two rounds do, with HELPERS marker threads beside it, while
 * a thread of the program assists when it likes and another publishes words when it likes. Whoever
 * has work may make more of it and publish that; WORK chunks are made in all. Spin walks through all
 * interleavings.
 *
 *   p.over   between drains nobody holds work or takes any, and what was published before a drain
 *            is done
 *   p.end    nobody sleeps for ever
 *
 * tests/models.tap runs the lines of this table, as it does those of cycle.pml.
 *
 *   holds    -                       .arg.over   -      one helper, an assist
 *   holds    HELPERS=2               .arg.over   -      two helpers
 *   holds    WATCH                   .arg.over   -      threads that assist mark alone
 *
 *   refuted  WITHOUT_ASSISTING       .arg.over   p.over an assist's work is not counted
 *   refuted  END_FIRST               .arg.over   p.over an assist ends before it gives back
 *   refuted  WITHOUT_DONE            .arg.over   p.over assists take work when the drain is done
 *   refuted  WITHOUT_LEFT            .arg.join   p.over a drain does not wait for who joined it
 *   refuted  JOINS_LATE              .arg.join   p.end  helpers join when the drain is done
 *   refuted  WITHOUT_IDLE            .arg.join   p.end  who has not joined yet does not count as idle
 *   refuted  WITHOUT_END_WAKE        .arg.wake   p.end  an assist ends and wakes nobody
 *   refuted  WITHOUT_OVER_WAKE       .arg.wake   p.end  the last to become idle wakes nobody
 *   refuted  WAKES_ONE+HELPERS=2     .arg.wake   p.end  or wakes one
 *   refuted  SEEN_LATE               .arg.wake   p.end  `wake` is read when the lock is let go
 *
 * How a state is less than the library's: a chunk has no words, as it is all or nothing that changes
 * hands; what is done under the queue's lock, or the marker pool's, is one step, since all that it
 * touches is under that lock, but for `wake`, which only grows; a futex never wakes without a cause
 * (with one, it would only look again); `hungry`, a hint, says what it likes. Memory is sequentially
 * consistent; for `wake` see tests/test_litmus.c. */
#ifndef HELPERS
#define HELPERS 1
#endif
#define MARKERS (HELPERS + 1)
#define WORK 3
#define ASSIST MARKERS /* who is who, after the markers: 0 is the collecting thread */

hidden byte p_over; /* names for the report, always 0 */
#define PROPERTY(name, condition) assert(name || (condition))

/* ---- the queue; under its lock ---- */

byte published;      /* chunks published */
byte idle;
byte markers;
byte assisting;
bit done = 1;
byte wake;
byte sleepers;
bit asleep[MARKERS];

/* ---- the marker pool; under its lock ---- */

byte wanted, joined, gone;
byte drain;

/* ---- the work ---- */

byte made;            /* chunks so far */
bit holds[MARKERS + 1];
bit draining;
bit left_over; /* something is published that was when the drain began */
bit over;

inline wake_one()
{
    wake++;
    if
    :: asleep[0] -> asleep[0] = 0
    :: asleep[1] -> asleep[1] = 0
#if HELPERS > 1
    :: asleep[2] -> asleep[2] = 0
#endif
    :: else
    fi
}

inline wake_all()
{
    wake++;
#if HELPERS > 1
    asleep[2] = 0;
#endif
    asleep[0] = 0;
    asleep[1] = 0
}

#define TAKES(who)                                                                               \
    published--;                                                                                      \
    left_over = left_over && published != 0;                                            \
    holds[who] = 1;                                                                              \
    PROPERTY(p_over, draining)

/* lull__queue_publish, lull__queue_add */
inline publish()
{
    published++;
    wake_one()
}

/* Work becomes less, or more, which others may have. */
inline work(who)
{
    do
    :: atomic { made < WORK -> made++; publish() }
    :: break
    od
}

/* ---- a marker ---- */

#ifdef WITHOUT_ASSISTING
#define IS_OVER (idle == markers && published == 0)
#else
#define IS_OVER (idle == markers && published == 0 && assisting == 0)
#endif

inline when_over()
{
    done = 1;
#ifdef WITHOUT_OVER_WAKE
    skip
#elif defined(WAKES_ONE)
    wake_one()
#else
    wake_all()
#endif
}

#ifdef SEEN_LATE
#define LOOK skip
#define LOOK_LATE seen = wake;
#else
#define LOOK seen = wake
#define LOOK_LATE
#endif

/* drain_all: own work, then what lull__queue_wait gives */
inline drain_all(who, is_idle)
{
    do
    :: holds[who] ->
       work(who);
       holds[who] = 0
    :: atomic { !holds[who] ->
        if
        :: published != 0 ->
           TAKES(who);
           idle = idle - is_idle;
           is_idle = 0
        :: published == 0 && done -> break
        :: else ->
           idle = idle + 1 - is_idle;
           is_idle = 1;
           if
           :: IS_OVER -> when_over(); break
           :: else
           fi;
           sleepers++;
           goto_sleep = 1;
           LOOK
        fi
       };
       if
       :: goto_sleep ->
          goto_sleep = 0;
          LOOK_LATE
          atomic { asleep[who] = (wake == seen) };
          atomic { !asleep[who] -> sleepers-- }
       :: else
       fi
    od
}

/* marker_thread */
proctype helper(byte who)
{
    byte last, seen;
    bit is_idle, goto_sleep;

    do
    :: over -> break
    :: atomic { drain != last && joined != wanted -> last = drain; joined++ };
       is_idle = 1;
       drain_all(who, is_idle);
       atomic { is_idle = 0; seen = 0; gone++ }
    od
}

/* ---- a thread of the program ---- */

/* lull__mark_assist */
proctype assist()
{
    do
    :: over -> break
#ifdef WITHOUT_DONE
    :: atomic { published != 0 -> TAKES(ASSIST); assisting++ };
#else
    :: atomic { published != 0 && !done -> TAKES(ASSIST); assisting++ };
#endif
       work(ASSIST);
#ifdef END_FIRST
       atomic { assisting--; wake_one() };
       if
       :: atomic { made < WORK -> made++; publish() }
       :: skip
       fi;
       holds[ASSIST] = 0
#else
       holds[ASSIST] = 0;
#ifdef WITHOUT_END_WAKE
       assisting--
#else
       atomic { assisting--; wake_one() }
#endif
#endif
    od
}

/* lull__grey_flush and lull__grey_shade_now */
proctype shader()
{
    do
    :: over -> break
    :: atomic { made < WORK -> made++; publish() }
    od
}

/* ---- the collecting thread ---- */

inline begin_drain()
{
    atomic {
        draining = 1;
        left_over = published != 0;
        done = 0;
#ifdef WATCH
        markers = 1;
#else
        markers = MARKERS;
#endif
#ifdef WITHOUT_IDLE
        idle = 0
#else
        idle = markers - 1
#endif
    };
    atomic { wanted = markers - 1; joined = 0; gone = 0; drain++ }
}

inline end_drain()
{
#ifndef JOINS_LATE
    wanted = joined;
#endif
#ifndef WITHOUT_LEFT
    gone == joined;
#endif
    atomic {
        draining = 0;
        PROPERTY(p_over, !holds[0] && !holds[1] && !holds[ASSIST] && !left_over);
#if HELPERS > 1
        PROPERTY(p_over, !holds[2]);
#endif
    }
}

/* lull__mark_drain */
inline mark_drain()
{
    begin_drain();
#ifdef WATCH
    /* drain_by_assists: lull__queue_watch, then help */
    do
    :: atomic { published == 0 && assisting == 0 -> done = 1; break }
    :: atomic { published != 0 || assisting != 0 -> seen = wake; sleepers++ };
       atomic { asleep[0] = (wake == seen) };
       atomic { asleep[0] = 0; sleepers-- }; /* it is time */
       if
       :: atomic { published != 0 -> TAKES(0); assisting++ };
          work(0);
          atomic { holds[0] = 0; assisting--; wake_one() }
       :: skip
       fi
    od;
#endif
    drain_all(0, is_idle);
    end_drain();
    atomic { is_idle = 0; seen = 0 }
}

proctype collector()
{
    byte seen;
    bit is_idle, goto_sleep;

    mark_drain();
    mark_drain();
    over = 1
}

init {
    atomic {
        published = 1;
        made = 1;
        run collector();
        run helper(1);
#if HELPERS > 1
        run helper(2);
#endif
        run assist();
        run shader()
    }
}
