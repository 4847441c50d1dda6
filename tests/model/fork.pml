/* fork.pml -- a fork in any phase of a cycle, for Spin. The argument is in lib/fork.c.
 *
 * One thread forks, once; another enters and leaves the library, stands blocked, takes part in
 * handshakes and asks for cycles, as it likes; a collector serves those. The fork makes a child of
 * what is there, or goes on in the parent: Spin tries both. The child's only thread then asks for a
 * cycle and waits for it.
 *
 *   p.fork   when the fork comes no cycle runs, no other thread is in the library or can enter it, and
 *            no lock is held but by who forks
 *   p.end    nobody waits for ever, neither in the parent nor in the child
 *
 * tests/models.tap runs the lines of this table, as it does those of cycle.pml.
 *
 *   holds    -                    .arg.fork    -      a fork
 *
 *   refuted  WITHOUT_CYCLE_END    .arg.fork    p.fork it does not wait for the cycle's end
 *   refuted  WITHOUT_WAIT         .arg.fork    p.fork nor for threads to be out of the library
 *   refuted  WITHOUT_SECOND_LOOK  .arg.fork    p.fork who goes on does not look at the gate again
 *   refuted  WITHOUT_BLOCK        .arg.fork    p.end  who forks is not blocked while it waits
 *   refuted  WITHOUT_LOCKS        .arg.locks   p.fork it takes no locks
 *   refuted  LOCKS_FIRST          .arg.locks   p.end  it takes them before all are out of the library
 *   refuted  WITHOUT_TURN         .arg.child   p.end  the child keeps turn_lock as it is
 *   refuted  WITHOUT_WANTED       .arg.child   p.end  it believes that a cycle was asked for
 *   refuted  WITHOUT_LOST_THREADS .arg.child   p.end  it waits for parts of threads that it lost
 *
 * How a state is less than the library's: a cycle is two handshakes and a phase between them; the
 * locks of the library are one; a signal to a thread that is nowhere in the library is its next step;
 * there is one heap, but where the thread asks another one, only that one's lock matters. Memory is sequentially consistent; for the gate see tests/test_litmus.c, "stop". */

hidden byte p_fork; /* a name for the report, always 0 */
#define PROPERTY(name, condition) assert(name || (condition))

/* what a thread's state says */
#define RUNNING 0
#define BLOCKED 1
#define OUTSIDE 2
#define GONE 3

byte state[2];     /* 0 is who forks */
bit in_library;    /* of the other thread */
byte lock;         /* of the library: who has it */
#define FREE 0
#define OTHERS 1
#define FORKERS 2
bit going_on;      /* of the other thread: it says RUNNING, and does nothing else yet */
bit gate;          /* heap->stop */
bit forking;       /* all is at rest */
bit missing[2];    /* parts in the present handshake */
bit turn_lock, cycle_lock;
bit cycle_runs;    /* its phases are not IDLE */
bit wanted;
byte asked, begun, ended;
bit child;         /* from here on all is the child's */
bit over;

#define ANY_PART (missing[0] || missing[1])

/* ---- collector.c ---- */

#define MOST 3     /* cycles */

/* lull__collector_ask, lull__collector_wait */
inline ask(waits)
{
    if
    :: wanted && !waits
    :: else -> asked = begun + 1; wanted = 1
    fi
}

inline handshake()
{
    atomic { missing[0] = (state[0] != GONE); missing[1] = (state[1] != GONE) };
    do
    :: atomic { !ANY_PART -> break }
    :: atomic { missing[0] && state[0] == BLOCKED -> missing[0] = 0 }
    :: atomic { missing[1] && state[1] == BLOCKED -> missing[1] = 0 }
    od
}

/* of_child: whose it is; the parent's is no more in the child */
proctype collector(bit of_child)
{
    {
end_of_work:
        do
        :: atomic { asked > begun -> begun++ };
           atomic { !turn_lock -> turn_lock = 1 };
           atomic { !cycle_lock -> cycle_lock = 1; turn_lock = 0; cycle_runs = 1 };
           handshake();
           handshake();
           atomic { cycle_runs = 0; cycle_lock = 0; ended = begun; wanted = asked > begun }
        od
    } unless { child != of_child }
}

/* ---- the other thread, which the child has not ---- */

/* handshake.c's go_on_together */
inline go_on()
{
    do
    :: !gate ->
       atomic { state[1] = RUNNING; going_on = 1 };
#ifdef WITHOUT_SECOND_LOOK
       going_on = 0;
       break
#else
       atomic {
        going_on = 0;
        if
        :: gate -> state[1] = BLOCKED
        :: else -> break
        fi }
#endif
    od
}

inline take_lock()
{
    skip; /* from here on it wants it */
    atomic { lock == FREE -> lock = OTHERS; PROPERTY(p_fork, !forking) };
    lock = FREE
}

proctype other()
{
    byte number;

    {
        do
        :: atomic { over -> state[1] = BLOCKED; break }
        /* the library: lull__enter, a lock, lull__leave */
        :: atomic { state[1] == RUNNING -> in_library = 1 };
           if
           :: take_lock()
           :: skip
           fi;
           if
           /* a safepoint */
           :: atomic { missing[1] = 0; in_library = 0 }
           :: atomic { gate -> state[1] = BLOCKED; in_library = 0 };
              go_on()
           :: in_library = 0
           fi
        /* a signal; lull__enter then waits at the gate */
        :: atomic { state[1] == RUNNING && missing[1] -> missing[1] = 0 }
        :: atomic { state[1] == RUNNING && gate -> state[1] = OUTSIDE };
           state[1] != OUTSIDE
        /* a section, or waiting for a cycle */
        :: atomic { state[1] == RUNNING -> state[1] = BLOCKED };
           if
           :: atomic { begun < MOST -> ask(1); number = asked };
              ended >= number
           :: take_lock() /* who is blocked may read statistics; no gate stops it */
           :: skip
           fi;
           go_on()
        od
    } unless { child }
}

/* ---- fork.c ---- */

/* after_in_child */
inline make_child()
{
    atomic {
        child = 1;
        missing[1] = 0;
        in_library = 0;
#ifndef WITHOUT_LOST_THREADS
        state[1] = GONE;
#else
        state[1] = RUNNING;
#endif
#ifndef WITHOUT_TURN
        turn_lock = 0;
#endif
        ended = begun;
#ifndef WITHOUT_WANTED
        wanted = 0;
#endif
        asked = begun
    }
}

proctype forker()
{
    byte before;

    if
    :: atomic { begun < MOST -> ask(0) }
    :: skip
    fi;
#ifndef WITHOUT_BLOCK
    state[0] = BLOCKED;
#endif
#ifndef WITHOUT_CYCLE_END
    atomic { !turn_lock -> turn_lock = 1 };
    atomic { !cycle_lock -> cycle_lock = 1; turn_lock = 0 };
#endif
    gate = 1;
#ifdef LOCKS_FIRST
    atomic { lock == FREE -> lock = FORKERS };
#endif
#ifndef WITHOUT_WAIT
    state[1] != RUNNING;
#endif
#if !defined(LOCKS_FIRST) && !defined(WITHOUT_LOCKS)
    atomic { lock == FREE -> lock = FORKERS };
#endif
    atomic {
        forking = 1;
        PROPERTY(p_fork, !cycle_runs && lock != OTHERS && !in_library &&
                         (state[1] != RUNNING || going_on))
    };
    if
    :: make_child()
    :: skip
    fi;
    /* open_gate */
    atomic {
        forking = 0;
        if
        :: lock == FORKERS -> lock = FREE
        :: else
        fi
    };
    atomic { gate = 0; state[1] = (state[1] == OUTSIDE -> RUNNING : state[1]) };
#ifndef WITHOUT_CYCLE_END
    cycle_lock = 0;
#endif
    if
    :: child ->
       run collector(1);
       /* a thread that does not wait asks, unless it was asked; then the heap grows until it is */
       atomic { before = begun; ask(0) };
       ended > before;
       lock == FREE
    :: else
    fi;
    atomic {
        over = 1;
        state[0] = BLOCKED
    }
}

init {
    atomic {
        run forker();
        run other();
        run collector(0)
    }
}
