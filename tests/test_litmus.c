/* test_litmus.c -- the memory orders that the protocols rest on, as litmus tests (Alglave, Maranget
 * & Tautschnig 2014). Each is a few threads of a few accesses and an outcome that must not be. No
 * luck is needed: all executions are made, by choosing what each read reads from and in which order
 * the writes of a variable come, and three models say which of them can happen:
 *
 *   C11   Lahav et al. 2017 (RC11), without fences, which the library has none of
 *   TSO   x86-64 (Owens, Sarkar & Sewell 2009); a sequentially consistent store is an exchange
 *   ARM   AArch64 (Pulte et al. 2018); acquire is LDAPR, sequentially consistent LDAR, release
 *         STLR, a read-modify-write a pair of LDAXR and STLXR; without barriers
 *
 * Each test also runs with an order weakened or a step left out, and then exactly those models that
 * the table names must allow the outcome: else the test would prove nothing. `pair` says where the
 * two sides are; tests/models.tap looks whether they are there. What is ordered by locks is not
 * here. tests/model has the protocols themselves, with memory in order. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* ---- programs ---- */

enum order { RLX, ACQ, REL, ACQ_REL, SC };
enum kind { END, LOAD, STORE, EXCHANGE };

enum { X, Y, Z, VARIABLES };
enum { THREADS = 3, OPS = 6, REGISTERS = 8 };

/* One access. Registers count from 1 and begin as 0. */
struct op {
    enum kind kind;
    int variable;
    enum order order;
    int value; /* stored; of an EXCHANGE where it finds `from` */
    int from;
    int reg;              /* loaded to; of an EXCHANGE: 1 where it found `from` */
    int if_reg, if_value; /* the access is made where this register has this value */
    int by_reg;           /* its address was computed from this register */
};

/* clang-format off */
#define LD(r, v, o)            {.kind = LOAD, .reg = (r), .variable = (v), .order = (o)}
#define LD_IF(c, n, r, v, o)                                                                       \
    {.kind = LOAD, .reg = (r), .variable = (v), .order = (o), .if_reg = (c), .if_value = (n)}
#define LD_BY(a, r, v, o)                                                                          \
    {.kind = LOAD, .reg = (r), .variable = (v), .order = (o), .by_reg = (a)}
#define ST(v, n, o)            {.kind = STORE, .variable = (v), .value = (n), .order = (o)}
#define ST_IF(c, n, v, k, o)                                                                       \
    {.kind = STORE, .variable = (v), .value = (k), .order = (o), .if_reg = (c), .if_value = (n)}
#define CAS(r, v, f, n, o)                                                                         \
    {.kind = EXCHANGE, .reg = (r), .variable = (v), .from = (f), .value = (n), .order = (o)}
/* clang-format on */

typedef const int registers[REGISTERS];

struct test {
    const char *name, *pair;
    int initial[VARIABLES];
    struct op op[THREADS][OPS];
    bool (*outcome)(registers r);
    unsigned allowed; /* by these models */
};

enum { NONE = 0, C11 = 1, TSO = 2, ARM = 4, ALL = C11 | TSO | ARM };

/* ---- relations between events ---- */

#define EVENTS 32

typedef struct {
    uint32_t row[EVENTS];
} relation;

struct event {
    int thread; /* -1: an initial value */
    bool write;
    int variable, value;
    enum order order;
    bool locked;  /* of a read-modify-write */
    int if_event; /* the read that decided whether this is made; -1 */
    int by_event; /* the read that its address comes from; -1 */
};

struct execution {
    struct event e[EVENTS];
    int count;
    relation po, rf, co, fr, rmw;
};

static void relate(relation *r, int a, int b)
{
    r->row[a] |= UINT32_C(1) << b;
}

static bool related(const relation *r, int a, int b)
{
    return (r->row[a] >> b & 1) != 0;
}

static relation either(relation a, relation b)
{
    for (int i = 0; i < EVENTS; i++) {
        a.row[i] |= b.row[i];
    }
    return a;
}

/* a, then b. */
static relation then(relation a, relation b)
{
    relation r = {{0}};

    for (int i = 0; i < EVENTS; i++) {
        for (int j = 0; j < EVENTS; j++) {
            r.row[i] |= related(&a, i, j) ? b.row[j] : 0;
        }
    }
    return r;
}

static relation closure(relation r)
{
    for (int k = 0; k < EVENTS; k++) {
        for (int i = 0; i < EVENTS; i++) {
            r.row[i] |= related(&r, i, k) ? r.row[k] : 0;
        }
    }
    return r;
}

static bool irreflexive(relation r)
{
    for (int i = 0; i < EVENTS; i++) {
        if (related(&r, i, i)) {
            return false;
        }
    }
    return true;
}

static bool acyclic(relation r)
{
    return irreflexive(closure(r));
}

/* The pairs of r for which `keep` holds. */
static relation where(const struct execution *x, relation r,
                      bool (*keep)(const struct event *a, const struct event *b))
{
    for (int i = 0; i < x->count; i++) {
        for (int j = 0; j < x->count; j++) {
            if (related(&r, i, j) && !keep(&x->e[i], &x->e[j])) {
                r.row[i] &= ~(UINT32_C(1) << j);
            }
        }
    }
    return r;
}

static bool same_variable(const struct event *a, const struct event *b)
{
    return a->variable == b->variable;
}

static bool other_variable(const struct event *a, const struct event *b)
{
    return a->variable != b->variable;
}

static bool other_thread(const struct event *a, const struct event *b)
{
    return a->thread != b->thread;
}

static bool acquires(const struct event *e)
{
    return !e->write && (e->order == ACQ || e->order == ACQ_REL || e->order == SC);
}

static bool releases(const struct event *e)
{
    return e->write && (e->order == REL || e->order == ACQ_REL || e->order == SC);
}

/* ---- the models ---- */

/* What all models ask: each variable alone is in order, and nothing comes between the two halves of
 * a read-modify-write. */
static bool coherent(const struct execution *x)
{
    relation r = either(where(x, x->po, same_variable), either(x->rf, either(x->co, x->fr)));
    relation between = then(x->fr, x->co);

    for (int i = 0; i < EVENTS; i++) {
        if ((between.row[i] & x->rmw.row[i]) != 0) {
            return false;
        }
    }
    return acyclic(r);
}

static bool synchronizes(const struct event *a, const struct event *b)
{
    return releases(a) && acquires(b);
}

static bool both_sc(const struct event *a, const struct event *b)
{
    return a->order == SC && b->order == SC;
}

static bool allowed_c11(const struct execution *x)
{
    /* a release sequence: the write, and read-modify-writes that read from it */
    relation rest = closure(then(x->rf, x->rmw));
    relation sw = where(x, either(x->rf, then(rest, x->rf)), synchronizes);
    relation hb = closure(either(x->po, sw));
    relation eco = closure(either(x->rf, either(x->co, x->fr)));
    relation far = where(x, x->po, other_variable);
    relation scb = either(either(x->po, then(then(far, hb), far)),
                          either(where(x, hb, same_variable), either(x->co, x->fr)));

    return irreflexive(hb) && irreflexive(then(hb, eco)) && acyclic(either(x->po, x->rf)) &&
           acyclic(where(x, scb, both_sc));
}

static bool kept_by_tso(const struct event *a, const struct event *b)
{
    return !a->write || b->write || a->locked || b->locked || a->order == SC;
}

static bool allowed_tso(const struct execution *x)
{
    relation kept = where(x, x->po, kept_by_tso);
    relation seen = where(x, x->rf, other_thread);

    return acyclic(either(either(kept, seen), either(x->co, x->fr)));
}

static bool kept_by_arm(const struct event *a, const struct event *b)
{
    /* LDAR and LDAPR before all; all before STLR; STLR before LDAR, which LDAXR is too */
    return acquires(a) || releases(b) ||
           (releases(a) && acquires(b) && (b->order == SC || b->locked));
}

/* Dependencies: an address on all, a decision on writes. */
static relation dependencies(const struct execution *x)
{
    relation r = {{0}};

    for (int i = 0; i < x->count; i++) {
        if (x->e[i].by_event >= 0) {
            relate(&r, x->e[i].by_event, i);
        }
        if (x->e[i].if_event >= 0 && x->e[i].write) {
            relate(&r, x->e[i].if_event, i);
        }
    }
    return r;
}

static bool to_acquire(const struct event *a, const struct event *b)
{
    return a->thread == b->thread && a->locked && acquires(b);
}

static bool allowed_arm(const struct execution *x)
{
    relation external = where(x, either(x->rf, either(x->co, x->fr)), other_thread);
    relation atomic = either(x->rmw, where(x, x->rf, to_acquire));
    relation kept = either(where(x, x->po, kept_by_arm), dependencies(x));

    return acyclic(either(external, either(atomic, kept)));
}

static unsigned allowed_by(const struct execution *x)
{
    if (!coherent(x)) {
        return NONE;
    }
    return (allowed_c11(x) ? C11 : 0) | (allowed_tso(x) ? TSO : 0) | (allowed_arm(x) ? ARM : 0);
}

/* ---- all executions ---- */

struct search {
    const struct test *test;
    struct execution x;
    int reg[REGISTERS], from_event[REGISTERS];
    unsigned allowed; /* models that allow the outcome */
    size_t executions;
};

static void judge(struct search *s)
{
    struct execution *x = &s->x;

    memset(&x->fr, 0, sizeof x->fr);
    for (int w = 0; w < x->count; w++) {
        for (int r = 0; r < x->count; r++) {
            if (related(&x->rf, w, r)) {
                x->fr.row[r] |= x->co.row[w];
            }
        }
    }
    s->executions++;
    s->allowed |= allowed_by(x);
}

/* The writes of each variable in every order: `at` is put before or after those of before. */
static void choose_co(struct search *s, int at)
{
    struct execution *x = &s->x;
    int before[EVENTS], count = 0;

    while (at < x->count && !x->e[at].write) {
        at++;
    }
    if (at == x->count) {
        judge(s);
        return;
    }
    for (int i = 0; i < at; i++) {
        if (x->e[i].write && same_variable(&x->e[i], &x->e[at])) {
            before[count++] = i;
        }
    }
    relation saved = x->co;
    /* a set of predecessors that is closed: all that some one of them follows, and itself */
    for (int last = -1; last < count; last++) {
        x->co = saved;
        for (int i = 0; i < count; i++) {
            bool first = last >= 0 &&
                         (before[i] == before[last] || related(&saved, before[i], before[last]));
            relate(&x->co, first ? before[i] : at, first ? at : before[i]);
        }
        bool initial_first = x->e[at].thread < 0 || last >= 0;
        if (initial_first) {
            choose_co(s, at + 1);
        }
    }
    x->co = saved;
}

/* What each read reads from: any write of the value. */
static void choose_rf(struct search *s, int at)
{
    struct execution *x = &s->x;

    while (at < x->count && x->e[at].write) {
        at++;
    }
    if (at == x->count) {
        choose_co(s, 0);
        return;
    }
    for (int w = 0; w < x->count; w++) {
        if (x->e[w].write && same_variable(&x->e[w], &x->e[at]) &&
            x->e[w].value == x->e[at].value) {
            relate(&x->rf, w, at);
            choose_rf(s, at + 1);
            x->rf.row[w] &= ~(UINT32_C(1) << at);
        }
    }
}

static int add_event(struct search *s, int thread, const struct op *op, bool write, int value)
{
    struct execution *x = &s->x;
    int n = x->count++;

    ck_assert_int_lt(n, EVENTS);
    x->e[n] = (struct event){.thread = thread,
                             .write = write,
                             .variable = op->variable,
                             .value = value,
                             .order = op->order,
                             .if_event = op->if_reg != 0 ? s->from_event[op->if_reg] : -1,
                             .by_event = op->by_reg != 0 ? s->from_event[op->by_reg] : -1};
    for (int i = 0; i < n; i++) {
        if (x->e[i].thread == thread || x->e[i].thread < 0) {
            relate(&x->po, i, n);
        }
        x->rf.row[n] = 0;
        x->rmw.row[n] = 0;
    }
    x->po.row[n] = 0;
    return n;
}

static void run_op(struct search *s, int thread, int at);

/* The read half of a load or exchange finds `value`; then the rest of the thread. */
static void read_value(struct search *s, int thread, int at, int value)
{
    const struct op *op = &s->test->op[thread][at];
    struct search saved = *s;
    int read = add_event(s, thread, op, false, value);

    s->from_event[op->reg] = read;
    s->reg[op->reg] = op->kind == LOAD ? value : value == op->from;
    if (op->kind == EXCHANGE && value == op->from) {
        int write = add_event(s, thread, op, true, op->value);
        s->x.e[read].locked = s->x.e[write].locked = true;
        relate(&s->x.rmw, read, write);
    } else if (op->kind == EXCHANGE) {
        s->x.e[read].order = op->order == SC || op->order == ACQ_REL ? ACQ : RLX;
    }
    run_op(s, thread, at + 1);
    saved.allowed = s->allowed;
    saved.executions = s->executions;
    *s = saved;
}

/* Every value that the variable may have. */
static void read_each_value(struct search *s, int thread, int at)
{
    int variable = s->test->op[thread][at].variable;
    unsigned seen = 1u << s->test->initial[variable];

    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < OPS && s->test->op[t][i].kind != END; i++) {
            const struct op *op = &s->test->op[t][i];
            if (op->kind != LOAD && op->variable == variable) {
                seen |= 1u << op->value;
            }
        }
    }
    for (int value = 0; seen >> value != 0; value++) {
        if ((seen >> value & 1) != 0) {
            read_value(s, thread, at, value);
        }
    }
}

/* Access `at` of `thread`, and all that follow, of this thread and of the next ones. */
static void run_op(struct search *s, int thread, int at)
{
    if (thread == THREADS) {
        if (s->test->outcome(s->reg)) {
            choose_rf(s, 0);
        }
        return;
    }
    if (at == OPS || s->test->op[thread][at].kind == END) {
        run_op(s, thread + 1, 0);
        return;
    }
    const struct op *op = &s->test->op[thread][at];
    if (op->if_reg != 0 && s->reg[op->if_reg] != op->if_value) {
        run_op(s, thread, at + 1);
    } else if (op->kind == STORE) {
        struct execution saved = s->x;
        add_event(s, thread, op, true, op->value);
        run_op(s, thread, at + 1);
        s->x = saved;
    } else {
        read_each_value(s, thread, at);
    }
}

/* ---- the tests ---- */

static bool both_zero(registers r)
{
    return r[1] == 0 && r[2] == 0;
}

static bool both_one(registers r)
{
    return r[1] == 1 && r[2] == 1;
}

static bool early(registers r)
{
    return r[1] == 1 && r[2] == 0;
}

/* r1: the collector has the thread; r2: it sees its registers; r3: the thread has itself back; r4:
 * it sees what was done for it. */
static bool served_badly(registers r)
{
    return r[1] == 1 && (r[2] == 0 || (r[3] == 1 && r[4] == 0));
}

/* r1: the phase; r2: the mark; r3: whether the reference is cleared. */
static bool read_badly(registers r)
{
    return (r[1] == 2 && r[2] == 0) || (r[1] == 3 && r[3] == 0);
}

/* r1, r3: the word, read twice; r2: the state of its slot, 1: used again. */
static bool read_another(registers r)
{
    return r[1] == 1 && r[2] == 1 && r[3] == 1;
}

static bool read_once(registers r)
{
    return r[1] == 1 && r[2] == 1;
}

/* r2: taken again from the thief; r3: what it left in the magazine. */
static bool stolen_unseen(registers r)
{
    return r[2] == 1 && r[3] == 0;
}

/* r3: the last of two sweepers is done; r1: how many are not; r2: what the first did. */
static bool swept_unseen(registers r)
{
    return r[3] == 1 && r[1] == 0 && r[2] == 0;
}

/* r1, r4: the turn, before and after; r2, r3: fn and arg, 2: of a later turn. */
static bool mixed(registers r)
{
    return r[1] == 0 && r[4] == 0 && r[2] != r[3];
}

#define STOP "handshake.c: run stop_of ask_all running"
#define ACKS "handshake.c: stand announce wait_until_held count_running"
#define PART_ACKS "handshake.c: take_part announce lull__handshake serve_all"
#define PART "handshake.c: lull__handshake take_part serve_all"
#define KIND "span.c: publish heap.h: lull__resolve"
#define SERVE "handshake.c: stand serve run"
#define FIELD "barrier.c: lull_store_slow"
#define PHASE "cycle_concurrent.c: mark set_weak_phase weak.c: read_while_marking"
#define REUSE "weak.c: clear_span is_reached read_while_marking cache.c: set_states"
#define FLIP "cycle_concurrent.c: flip grey.c: blacken"
#define ENDING "cycle_concurrent.c: mark weak.c: read_while_marking"
#define STEAL "pool_steal.c: steal_from handshake.c: serve run"
#define RELEASE "handshake.c: lull__release_all wait_for_release"
#define GATE "handshake.c: lull__release_all lull__gate"
#define EXTENT "pages.c: commit heap.h: lull__resolve"
#define CELLS "layout.c: add_cell central.c: lull__central_sweep cache.c: lull__cache_retire_all"
#define ZERO "cache.c: set_states mark_overflow.c: rescan_span"
#define OFFSET "pool_create.c: give_index pool.c: magazine_of"
#define SEEN "pool_trim.c: empty_all pool_create.c: is_forgotten"
#define UNSWEPT "central.c: swept_one phases.c: lull__phase_finish_sweep"
#define TURN "event.c: lull__events_subscribe receiver"

/* clang-format off */

/* What is written (X) before a flag (Y) is read by who sees the flag. */
#define MESSAGE(name, pair)                                                                        \
    {name, pair, {0}, {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, ACQ), LD(2, X, RLX)}},            \
     early, NONE},                                                                                 \
    {name ": stored relaxed", pair, {0},                                                           \
     {{ST(X, 1, RLX), ST(Y, 1, RLX)}, {LD(1, Y, ACQ), LD(2, X, RLX)}}, early, C11 | ARM},          \
    {name ": read relaxed", pair, {0},                                                             \
     {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, RLX), LD(2, X, RLX)}}, early, C11 | ARM}

static const struct test tests[] = {
    /* .inv.stop. X: the thread's state, 1: running; Y: heap->stop. It goes on, unseen */
    {"stop", STOP, {0}, {{CAS(3, X, 0, 1, SC), LD(1, Y, SC)}, {ST(Y, 1, SC), LD(2, X, SC)}},
     both_zero, NONE},
    {"stop: no second look", STOP, {0},
     {{LD(1, Y, SC), CAS(3, X, 0, 1, SC)}, {ST(Y, 1, SC), LD(2, X, SC)}}, both_zero, ALL},
    {"stop: stored with release", STOP, {0},
     {{CAS(3, X, 0, 1, SC), LD(1, Y, SC)}, {ST(Y, 1, REL), LD(2, X, SC)}}, both_zero, C11 | TSO},
    {"stop: looked at with acquire", STOP, {0},
     {{CAS(3, X, 0, 1, SC), LD(1, Y, ACQ)}, {ST(Y, 1, SC), LD(2, X, SC)}}, both_zero, C11 | ARM},
    {"stop: state looked at with acquire", STOP, {0},
     {{CAS(3, X, 0, 1, SC), LD(1, Y, SC)}, {ST(Y, 1, SC), LD(2, X, ACQ)}}, both_zero, C11 | ARM},
    {"stop: running with acquire and release", STOP, {0},
     {{CAS(3, X, 0, 1, ACQ_REL), LD(1, Y, SC)}, {ST(Y, 1, SC), LD(2, X, SC)}}, both_zero, C11},

    /* X: the thread's state, 1: it stands; Y: heap->acks. Slept through */
    {"acks", ACKS, {0}, {{ST(X, 1, SC), CAS(3, Y, 0, 1, SC)}, {LD(1, Y, SC), LD(2, X, SC)}},
     early, NONE},
    {"acks: relaxed", ACKS, {0},
     {{ST(X, 1, SC), CAS(3, Y, 0, 1, RLX)}, {LD(1, Y, SC), LD(2, X, SC)}}, early, C11 | ARM},
    {"acks: looked at relaxed", ACKS, {0},
     {{ST(X, 1, SC), CAS(3, Y, 0, 1, SC)}, {LD(1, Y, RLX), LD(2, X, SC)}}, early, C11 | ARM},

    /* the same where X is the thread's handshake */
    {"acks of a handshake", PART_ACKS, {0},
     {{ST(X, 1, REL), CAS(3, Y, 0, 1, SC)}, {LD(1, Y, ACQ), LD(2, X, ACQ)}}, early, NONE},
    {"acks of a handshake: looked at relaxed", PART_ACKS, {0},
     {{ST(X, 1, REL), CAS(3, Y, 0, 1, SC)}, {LD(1, Y, RLX), LD(2, X, ACQ)}}, early, C11 | ARM},

    /* X: heap->action, what a part did; Y: the handshake's number, of the heap, of the thread */
    {"part", PART, {0}, {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, ACQ), LD(2, X, RLX)}},
     early, NONE},
    {"part: stored relaxed", PART, {0},
     {{ST(X, 1, RLX), ST(Y, 1, RLX)}, {LD(1, Y, ACQ), LD(2, X, RLX)}}, early, C11 | ARM},
    {"part: looked at relaxed", PART, {0},
     {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, RLX), LD(2, X, RLX)}}, early, C11 | ARM},

    /* X: a descriptor's fields; Y: its kind */
    {"kind", KIND, {0}, {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, ACQ), LD(2, X, RLX)}},
     early, NONE},

    /* Y: a field; X: a field of the object whose address it gets. The marker reads the second by
     * the first: C11 has no order for that, the processors do */
    {"field", FIELD, {0}, {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, RLX), LD_BY(1, 2, X, RLX)}},
     early, C11},
    {"field: stored relaxed", FIELD, {0},
     {{ST(X, 1, RLX), ST(Y, 1, RLX)}, {LD(1, Y, RLX), LD_BY(1, 2, X, RLX)}}, early, C11 | ARM},
    {"field: read by another address", FIELD, {0},
     {{ST(X, 1, RLX), ST(Y, 1, REL)}, {LD(1, Y, RLX), LD(2, X, RLX)}}, early, C11 | ARM},

    /* X: the state, 0: running, 1: blocked, 2: served; Y: what the thread saved; Z: what was
     * done for it */
    {"serve", SERVE, {0},
     {{ST(Y, 1, RLX), ST(X, 1, SC), CAS(3, X, 1, 0, SC), LD_IF(3, 1, 4, Z, RLX)},
      {CAS(1, X, 1, 2, ACQ_REL), LD_IF(1, 1, 2, Y, RLX), ST_IF(1, 1, Z, 1, RLX),
       ST_IF(1, 1, X, 1, SC)}}, served_badly, NONE},
    {"serve: taken relaxed", SERVE, {0},
     {{ST(Y, 1, RLX), ST(X, 1, SC), CAS(3, X, 1, 0, SC), LD_IF(3, 1, 4, Z, RLX)},
      {CAS(1, X, 1, 2, RLX), LD_IF(1, 1, 2, Y, RLX), ST_IF(1, 1, Z, 1, RLX),
       ST_IF(1, 1, X, 1, SC)}}, served_badly, C11 | ARM},
    {"serve: given back relaxed", SERVE, {0},
     {{ST(Y, 1, RLX), ST(X, 1, SC), CAS(3, X, 1, 0, SC), LD_IF(3, 1, 4, Z, RLX)},
      {CAS(1, X, 1, 2, ACQ_REL), LD_IF(1, 1, 2, Y, RLX), ST_IF(1, 1, Z, 1, RLX),
       ST_IF(1, 1, X, 1, RLX)}}, served_badly, C11 | ARM},
    {"serve: blocked relaxed", SERVE, {0},
     {{ST(Y, 1, RLX), ST(X, 1, RLX), CAS(3, X, 1, 0, SC), LD_IF(3, 1, 4, Z, RLX)},
      {CAS(1, X, 1, 2, ACQ_REL), LD_IF(1, 1, 2, Y, RLX), ST_IF(1, 1, Z, 1, RLX),
       ST_IF(1, 1, X, 1, SC)}}, served_badly, C11 | ARM},

    /* X: weak_phase, 1: ENDING, 2: DEAD, 3: IDLE; Y: a mark; Z: whether a reference is cleared */
    {"phase", PHASE, {1, 0, 0},
     {{ST(Y, 1, RLX), CAS(4, X, 1, 2, ACQ_REL), ST(Z, 1, RLX), ST(X, 3, REL)},
      {LD(1, X, ACQ), LD(3, Z, RLX), LD(2, Y, RLX)}}, read_badly, NONE},
    {"phase: DEAD relaxed", PHASE, {1, 0, 0},
     {{ST(Y, 1, RLX), CAS(4, X, 1, 2, RLX), ST(Z, 1, RLX), ST(X, 3, REL)},
      {LD(1, X, ACQ), LD(3, Z, RLX), LD(2, Y, RLX)}}, read_badly, C11 | ARM},
    {"phase: IDLE relaxed", PHASE, {1, 0, 0},
     {{ST(Y, 1, RLX), CAS(4, X, 1, 2, ACQ_REL), ST(Z, 1, RLX), ST(X, 3, RLX)},
      {LD(1, X, ACQ), LD(3, Z, RLX), LD(2, Y, RLX)}}, read_badly, C11 | ARM},
    {"phase: read relaxed", PHASE, {1, 0, 0},
     {{ST(Y, 1, RLX), CAS(4, X, 1, 2, ACQ_REL), ST(Z, 1, RLX), ST(X, 3, REL)},
      {LD(1, X, RLX), LD(3, Z, RLX), LD(2, Y, RLX)}}, read_badly, C11 | ARM},

    /* X: a weak reference, 1: its word, 0: cleared; Y: the sweep may begin; Z: the slot's state, 1:
     * of an object that came after */
    {"reuse", REUSE, {1, 0, 0},
     {{ST(X, 0, RLX), ST(Y, 1, REL)}, {LD(4, Y, ACQ), ST_IF(4, 1, Z, 1, REL)},
      {LD(1, X, RLX), LD(2, Z, ACQ), LD(3, X, RLX)}}, read_another, NONE},
    {"reuse: no second read", REUSE, {1, 0, 0},
     {{ST(X, 0, RLX), ST(Y, 1, REL)}, {LD(4, Y, ACQ), ST_IF(4, 1, Z, 1, REL)},
      {LD(1, X, RLX), LD(2, Z, ACQ)}}, read_once, ALL},
    {"reuse: state read relaxed", REUSE, {1, 0, 0},
     {{ST(X, 0, RLX), ST(Y, 1, REL)}, {LD(4, Y, ACQ), ST_IF(4, 1, Z, 1, REL)},
      {LD(1, X, RLX), LD(2, Z, RLX), LD(3, X, RLX)}}, read_another, C11 | ARM},
    {"reuse: state stored relaxed", REUSE, {1, 0, 0},
     {{ST(X, 0, RLX), ST(Y, 1, REL)}, {LD(4, Y, ACQ), ST_IF(4, 1, Z, 1, RLX)},
      {LD(1, X, RLX), LD(2, Z, ACQ), LD(3, X, RLX)}}, read_another, C11},

    /* X: weak_phase, 1: IDLE; Y: heap->colour, 1: exchanged */
    {"flip", FLIP, {0}, {{ST(X, 1, REL), ST(Y, 1, REL)}, {LD(1, Y, ACQ), LD(2, X, RLX)}},
     early, NONE},
    {"flip: colour relaxed", FLIP, {0},
     {{ST(X, 1, REL), ST(Y, 1, RLX)}, {LD(1, Y, ACQ), LD(2, X, RLX)}}, early, C11 | ARM},
    {"flip: colour read relaxed", FLIP, {0},
     {{ST(X, 1, REL), ST(Y, 1, REL)}, {LD(1, Y, RLX), LD(2, X, RLX)}}, early, C11 | ARM},

    /* X: weak_phase, 1: ENDING, 2: DEAD, 3: MARKING. Only one of the two gets its way */
    {"ending", ENDING, {1, 0, 0}, {{CAS(1, X, 1, 2, ACQ_REL)}, {CAS(2, X, 1, 3, ACQ_REL)}},
     both_one, NONE},
    {"ending: DEAD is stored", ENDING, {1, 0, 0},
     {{LD(1, X, ACQ), ST_IF(1, 1, X, 2, REL)}, {CAS(2, X, 1, 3, ACQ_REL)}}, both_one, ALL},
    {"ending: MARKING is stored", ENDING, {1, 0, 0},
     {{CAS(1, X, 1, 2, ACQ_REL)}, {LD(2, X, ACQ), ST_IF(2, 1, X, 3, REL)}}, both_one, ALL},

    /* X: a blocked thread's state, 1: blocked, 2: a thief has it, 3: blocked again, 4: the
     * collector or the thread itself has it; Z: what is left in its magazine */
    {"steal", STEAL, {1, 0, 0},
     {{CAS(1, X, 1, 2, ACQ_REL), ST_IF(1, 1, Z, 1, RLX), ST_IF(1, 1, X, 3, SC)},
      {CAS(2, X, 3, 4, ACQ_REL), LD_IF(2, 1, 3, Z, RLX)}}, stolen_unseen, NONE},
    {"steal: given back relaxed", STEAL, {1, 0, 0},
     {{CAS(1, X, 1, 2, ACQ_REL), ST_IF(1, 1, Z, 1, RLX), ST_IF(1, 1, X, 3, RLX)},
      {CAS(2, X, 3, 4, ACQ_REL), LD_IF(2, 1, 3, Z, RLX)}}, stolen_unseen, C11 | ARM},
    {"steal: taken relaxed", STEAL, {1, 0, 0},
     {{CAS(1, X, 1, 2, ACQ_REL), ST_IF(1, 1, Z, 1, RLX), ST_IF(1, 1, X, 3, SC)},
      {CAS(2, X, 3, 4, RLX), LD_IF(2, 1, 3, Z, RLX)}}, stolen_unseen, C11 | ARM},

    /* X: what a cycle did while threads were held; Y: heap->stop, 1: they may go on */
    MESSAGE("release", RELEASE),
    /* the same of a fork; Y: the thread's state, 1: running again */
    MESSAGE("gate", GATE),
    /* X: descriptors; Y: up to where they may be read */
    MESSAGE("extent", EXTENT),
    /* X: a cell; Y: how many there are */
    MESSAGE("cells", CELLS),
    /* X: an object's memory, 1: zero; Y: the state of its slot */
    MESSAGE("zero", ZERO),
    /* X: a pool; Y: the offset of its magazines */
    MESSAGE("offset", OFFSET),
    /* X: a magazine that is retired, 1: emptied; Y: the number up to which its thread has seen
     * it */
    MESSAGE("seen", SEEN),

    /* X: a span's place; Y: heap->unswept, which two sweepers count down */
    {"unswept", UNSWEPT, {0, 2, 0},
     {{ST(X, 1, RLX), CAS(4, Y, 2, 1, REL)}, {CAS(3, Y, 1, 0, REL)},
      {LD(1, Y, ACQ), LD(2, X, RLX)}}, swept_unseen, NONE},
    {"unswept: counted relaxed", UNSWEPT, {0, 2, 0},
     {{ST(X, 1, RLX), CAS(4, Y, 2, 1, RLX)}, {CAS(3, Y, 1, 0, RLX)},
      {LD(1, Y, ACQ), LD(2, X, RLX)}}, swept_unseen, C11 | ARM},
    {"unswept: looked at relaxed", UNSWEPT, {0, 2, 0},
     {{ST(X, 1, RLX), CAS(4, Y, 2, 1, REL)}, {CAS(3, Y, 1, 0, REL)},
      {LD(1, Y, RLX), LD(2, X, RLX)}}, swept_unseen, C11 | ARM},

    /* X: the turn; Y, Z: fn and arg in the place of turn 0, which turn 2 uses again */
    {"turn", TURN, {0}, {{ST(X, 1, REL), ST(Y, 2, REL), ST(Z, 2, REL)},
      {LD(1, X, ACQ), LD(2, Y, ACQ), LD(3, Z, ACQ), LD(4, X, RLX)}}, mixed, NONE},
    {"turn: no second look", TURN, {0}, {{ST(X, 1, REL), ST(Y, 2, REL), ST(Z, 2, REL)},
      {LD(1, X, ACQ), LD(2, Y, ACQ), LD(3, Z, ACQ)}}, mixed, ALL},
    {"turn: the place written relaxed", TURN, {0}, {{ST(X, 1, REL), ST(Y, 2, RLX), ST(Z, 2, RLX)},
      {LD(1, X, ACQ), LD(2, Y, ACQ), LD(3, Z, ACQ), LD(4, X, RLX)}}, mixed, C11 | ARM},
    {"turn: the place read relaxed", TURN, {0}, {{ST(X, 1, REL), ST(Y, 2, REL), ST(Z, 2, REL)},
      {LD(1, X, ACQ), LD(2, Y, RLX), LD(3, Z, RLX), LD(4, X, RLX)}}, mixed, C11 | ARM},

    /* Of the models themselves */
    {"a thread sees what it wrote", "", {0},
     {{ST(X, 1, RLX), LD(1, X, RLX)}, {LD(2, Y, RLX)}}, both_zero, NONE},
    {"store buffering", "", {0}, {{ST(X, 1, RLX), LD(1, Y, RLX)}, {ST(Y, 1, RLX), LD(2, X, RLX)}},
     both_zero, ALL},
    {"store buffering, sequentially consistent", "", {0},
     {{ST(X, 1, SC), LD(1, Y, SC)}, {ST(Y, 1, SC), LD(2, X, SC)}}, both_zero, NONE},
};
/* clang-format on */

static const char *named(unsigned models)
{
    static char text[24];

    snprintf(text, sizeof text, "%s%s%s%s", models & C11 ? "C11 " : "", models & TSO ? "TSO " : "",
             models & ARM ? "ARM " : "", models == NONE ? "none" : "");
    return text;
}

START_TEST(models_say_what_is_expected)
{
    struct search s = {.test = &tests[_i]};

    for (int v = 0; v < VARIABLES; v++) {
        struct op initial = {.kind = STORE, .variable = v};
        add_event(&s, -1, &initial, true, s.test->initial[v]);
    }
    run_op(&s, 0, 0);
    ck_assert_msg(s.executions != 0, "%s: the outcome is no outcome", s.test->name);
    ck_assert_msg(s.allowed == s.test->allowed, "%s: allowed by %s", s.test->name,
                  named(s.allowed));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("litmus");

    tcase_add_loop_test(all, models_say_what_is_expected, 0, (int)(sizeof tests / sizeof *tests));
    return support_run(suite_create("litmus"), all);
}
