/* cycle_heap.pml -- of cycle.pml: the heap, what threads and the collector know, and what can be
 * reached. */
#ifdef CHAIN
#define OBJECTS 3
#else
#define OBJECTS 2
#endif
#if (defined(CHAIN) || defined(SCARCE) || defined(REVIVE) || defined(EPHEMERON) ||                \
     defined(POOL) || defined(STEAL) || defined(STOP) || defined(FINAL)) &&                      \
    !defined(LIST)
#define LIST /* no allocation: the objects are one list, which the threads may take apart */
#endif
#if defined(WEAK) || defined(REVIVE) || defined(EPHEMERON)
#define HAS_WEAK
#ifndef UNREAD
#define READS_WEAK
#endif
#endif

/* Names for the report of who is broken; always 0. */
hidden byte p_live, p_round, p_bound, p_weak, p_rest;
#define PROPERTY(name, condition) assert(name || (condition))

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
byte weak;               /* target of the weak reference, or the key; made to object 1 */
byte key_value;          /* what the ephemeron has for the key */
bit key_waits;           /* KEY: an ephemeron waits for the key to be reached */
byte plain;              /* a root that is stored to without the barrier */
byte depot;              /* a pool's */
bit freed_target;        /* object 1 was freed: what is in its slot now is another */

/* ---- the threads ---- */

byte roots[2];
byte grey[2];            /* shaded, not yet handed over */
byte barrier[2];
bit new_black[2];        /* t->colour */
byte cache[2];           /* a slot taken, coloured, and not handed out yet */
byte magazine[2];        /* a pool's */
byte moving[2];          /* between magazine and depot */
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
bit published;           /* threads may take it */
bit held_all;            /* a stop */
bit reading;             /* the second thread reads the weak reference: inside the library */
byte scanned;            /* the object whose field a marker is about to read */
byte weak_phase;
bit flipped;
bit over;

hidden byte live, i;     /* within one step only */

/* ---- what can be reached ---- */

#define FOLLOW(o) (HAS(live, o) -> BIT(field[o]) : 0)
#if OBJECTS == 2
#define FOLLOW_EACH live = live | FOLLOW(1) | FOLLOW(2) | (HAS(live, weak) -> BIT(key_value) : 0)
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
    live = BIT(field[0]) | BIT(plain) | roots[0] | roots[1] | magazine[0] | magazine[1] |
        moving[0] | moving[1] | depot;
    FOLLOW_ALL
}

#if defined(HAS_WEAK) || defined(FINAL)
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
    live = BIT(field[0]) | BIT(plain) | roots[0] | roots[1] | BIT(cache[0]) | BIT(cache[1]) |
        magazine[0] | magazine[1] | moving[0] | moving[1] | depot | grey[0] | grey[1] | queue |
        scanned | held | BIT(final) | TARGET;
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
