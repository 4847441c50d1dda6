/* test_barrier.c -- lull_exchange, lull_compare_exchange and lull_move while a cycle marks; roots
 * that are stored to without a barrier; threads that come late. */
#include "concurrent.h"

static lull_thread *t;

/* ---- two threads that shuffle, while cycles mark ---- */

#define HOLDERS 8
#define FIELDS 32
#define OWN 700 /* words of a thread's own object: more than a lull_move does at a time */
#define SHUFFLERS 2

/* Every token is in one place at any time: in a field, or in the roots of a thread. */
#define TOKENS (HOLDERS * FIELDS / 2 + SHUFFLERS * OWN / 2)

struct token {
    struct token *child; /* its own, and like it marked with its number */
    uint64_t number, check;
};

struct shuffler {
    pthread_t pthread;
    size_t number;
    lull_stack_kind kind;
    lull_thread *t;
    struct random random;
};

static struct {
    const lull_type *type;
    size_t rounds, cycles; /* for so many of both the threads go on */
    void **holder[HOLDERS + SHUFFLERS]; /* registered */
} table;

static bool go_on(size_t round)
{
    return round < table.rounds || lull__happened(&world.heap->events, cycle_end) < table.cycles;
}

static void begin_rounds(size_t rounds, size_t cycles)
{
    size_t less = SUPPORT_SANITIZED ? 5 : 1;

    if (world.heap->options.mode == LULL_MODE_INCREMENTAL) {
        cycles /= 5; /* the collecting thread waits for threads that allocate; these rarely do */
    }
    table.rounds = support_rounds(rounds / less);
    table.cycles = support_rounds(cycles / less);
}

static struct token *new_token(lull_thread *thread, uint64_t number, struct token **at)
{
    struct token *token = lull_alloc(thread, table.type);

    ensure(token != NULL, "%s", lull_error_message());
    token->number = number;
    token->check = CHECK ^ (uintptr_t)token;
    lull_store(thread, at, token);
    return token;
}

static void check_token(const struct token *token)
{
    /* another thread may be renewing it */
    const struct token *child = __atomic_load_n(&token->child, __ATOMIC_ACQUIRE);

    ensure(token->check == (CHECK ^ (uintptr_t)token), "token %p holds 0x%lx", (const void *)token,
           (unsigned long)token->check);
    ensure(child != NULL && child->check == (CHECK ^ (uintptr_t)child) &&
               child->number == token->number,
           "child %p of token %lu", (const void *)child, (unsigned long)token->number);
}

static void **any_field(struct shuffler *s)
{
    return &table.holder[random_below(&s->random, HOLDERS)][random_below(&s->random, FIELDS)];
}

static void **own_field(struct shuffler *s)
{
    return &table.holder[HOLDERS + s->number][random_below(&s->random, OWN)];
}

/* Puts what *held holds into an empty field; *held is a root. */
static void put_away(struct shuffler *s, void *volatile *held)
{
    while (*held != NULL) {
        void *expected = NULL;
        if (lull_compare_exchange(s->t, any_field(s), &expected, *held)) {
            *held = NULL;
        } else {
            check_token(expected);
        }
        lull_safepoint(s->t);
    }
}

static void swap_two(struct shuffler *s, void *volatile *held)
{
    *held = lull_exchange(s->t, any_field(s), NULL);
    lull_safepoint(s->t);
    if (*held != NULL) {
        check_token(*held);
        *held = lull_exchange(s->t, any_field(s), *held);
    }
    put_away(s, held);
}

static void swap_with_own(struct shuffler *s, void *volatile *held)
{
    void **own = own_field(s);

    *held = *own;
    lull_store(s->t, own, NULL);
    lull_safepoint(s->t);
    *held = lull_exchange(s->t, any_field(s), *held);
    lull_store(s->t, own, *held);
    *held = NULL;
}

static void rotate(struct shuffler *s, void *volatile *held)
{
    void **own = table.holder[HOLDERS + s->number];

    if (random_below(&s->random, 2) != 0) {
        *held = own[0];
        lull_move(s->t, own, own + 1, OWN - 1);
        lull_store(s->t, &own[OWN - 1], *held);
    } else {
        *held = own[OWN - 1];
        lull_move(s->t, own + 1, own, OWN - 1);
        lull_store(s->t, &own[0], *held);
    }
    *held = NULL;
}

/* The token's child comes anew: the old one is garbage. */
static void renew(struct shuffler *s, void *volatile *held)
{
    *held = lull_exchange(s->t, any_field(s), NULL);
    if (*held != NULL) {
        struct token *token = *held;
        new_token(s->t, token->number, &token->child);
    }
    put_away(s, held);
}

static void shuffle(struct shuffler *s, void *volatile *held)
{
    for (size_t i = 0; go_on(i); i++) {
        switch (random_below(&s->random, 16)) {
        case 0: rotate(s, held); break;
        case 1:
        case 2:
        case 3:
        case 4: renew(s, held); break;
        case 5:
        case 6:
        case 7:
        case 8: swap_with_own(s, held); break;
        default: swap_two(s, held); break;
        }
    }
}

static LULL__NOINLINE void shuffle_precisely(struct shuffler *s)
{
    LULL_FRAME(s->t, frame, 1);
    shuffle(s, &frame.root[0]);
    lull_frame_pop(s->t, &frame.head);
}

static LULL__NOINLINE void shuffle_conservatively(struct shuffler *s)
{
    void *volatile held = NULL;

    shuffle(s, &held);
}

static void *run_shuffler(void *arg)
{
    struct shuffler *s = arg;

    s->t = lull_attach(world.heap, s->kind);
    ensure(s->t != NULL, "%s", lull_error_message());
    (s->kind == LULL_STACK_PRECISE ? shuffle_precisely : shuffle_conservatively)(s);
    ensure(lull_detach(s->t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

static void fill_table(void)
{
    uint64_t number = 0;

    table.type = LULL_RECORD(world.heap, struct token, child);
    memset(table.holder, 0, sizeof table.holder);
    ck_assert_int_eq(lull_roots_add(world.heap, table.holder, sizeof table.holder), LULL_OK);
    for (size_t i = 0; i < HOLDERS + SHUFFLERS; i++) {
        size_t fields = i < HOLDERS ? FIELDS : OWN;
        lull_store(t, &table.holder[i], lull_alloc_any(t, fields * sizeof(void *)));
        ck_assert_ptr_nonnull(table.holder[i]);
        for (size_t j = 0; j < fields; j += 2) {
            struct token **field = (struct token **)(void *)&table.holder[i][j];
            new_token(t, number, field);
            new_token(t, number, &(*field)->child);
            number++;
        }
    }
    ck_assert_uint_eq(number, TOKENS);
}

static void check_table(void)
{
    unsigned char seen[TOKENS] = {0};

    for (size_t i = 0; i < HOLDERS + SHUFFLERS; i++) {
        for (size_t j = 0; j < (i < HOLDERS ? FIELDS : OWN); j++) {
            const struct token *token = table.holder[i][j];
            if (token != NULL) {
                check_token(token);
                ck_assert_uint_lt(token->number, TOKENS);
                ck_assert_msg(seen[token->number]++ == 0, "token %lu is twice there",
                              (unsigned long)token->number);
            }
        }
    }
    for (size_t i = 0; i < TOKENS; i++) {
        ck_assert_msg(seen[i] == 1, "token %zu is lost", i);
    }
}

static void shuffle_by_two(lull_options options, lull_stack_kind first, lull_stack_kind second)
{
    struct shuffler shuffler[SHUFFLERS] = {{.kind = first}, {.kind = second}};

    begin_world(&options);
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(t);
    fill_table();
    begin_rounds(20000, 100);
    for (size_t i = 0; i < SHUFFLERS; i++) {
        shuffler[i].number = i;
        shuffler[i].random.state = i + 1;
        ck_assert_int_eq(pthread_create(&shuffler[i].pthread, NULL, run_shuffler, &shuffler[i]), 0);
    }
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (size_t i = 0; i < SHUFFLERS; i++) {
        pthread_join(shuffler[i].pthread, NULL);
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    check_table();
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    check_table();
    ck_assert_uint_ge(support_stats(world.heap).cycles, table.cycles);
    ck_assert_int_eq(lull_roots_remove(world.heap, table.holder, sizeof table.holder), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}

static const lull_mode collecting[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT, LULL_MODE_INCREMENTAL};
#define COLLECTING (int)(sizeof collecting / sizeof *collecting)

static lull_options shuffle_options(lull_mode mode, unsigned debug)
{
    lull_options options = concurrent_options(64 << 10);

    options.mode = mode;
    options.gc_percent = 20; /* one cycle after the other */
    options.debug = debug;
    return options;
}

START_TEST(nothing_is_lost_between_precise_threads)
{
    shuffle_by_two(shuffle_options(collecting[_i], LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE),
                   LULL_STACK_PRECISE, LULL_STACK_PRECISE);
}
END_TEST

START_TEST(nothing_is_lost_between_a_precise_and_a_conservative_thread)
{
    shuffle_by_two(shuffle_options(collecting[_i], LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE),
                   LULL_STACK_PRECISE, LULL_STACK_CONSERVATIVE);
}
END_TEST

/* Without the verifier nobody stops, and other interleavings come about. */
START_TEST(nothing_is_lost_where_nobody_stops)
{
    shuffle_by_two(shuffle_options(collecting[_i], LULL_DEBUG_SCRIBBLE), LULL_STACK_CONSERVATIVE,
                   LULL_STACK_PRECISE);
}
END_TEST

/* ---- roots without a barrier ---- */

#define PLAIN 64 /* of each thread */

static struct token *plain_root[SHUFFLERS][PLAIN];

/* No barrier, but atomic: the collector reads it at any time. */
static void store_plainly(struct token **slot, struct token *token)
{
    __atomic_store_n(slot, token, __ATOMIC_RELAXED);
}

/* Out of an object into the plain roots, from where it goes to another field: whichever of them the
 * collector has seen, the token was or will be in the other. */
static void to_plain_and_back(struct shuffler *s)
{
    struct token **root = &plain_root[s->number][random_below(&s->random, PLAIN)];
    struct token **from = (struct token **)(void *)own_field(s);
    struct token **to = (struct token **)(void *)own_field(s);
    struct token *back = *root;

    if (back != NULL) {
        check_token(back);
    }
    if (*to == NULL) {
        lull_store(s->t, to, back);
        back = NULL;
    }
    if (back == NULL) {
        store_plainly(root, *from);
        lull_store(s->t, from, NULL);
    }
}

/* A token that only a plain root has ever held comes in the place of the old one. */
static void replace_plain(struct shuffler *s)
{
    struct token **root = &plain_root[s->number][random_below(&s->random, PLAIN)];

    if (*root != NULL) {
        struct token *made = lull_alloc(s->t, table.type);
        ensure(made != NULL, "%s", lull_error_message());
        made->number = (*root)->number;
        made->check = CHECK ^ (uintptr_t)made;
        lull_store(s->t, &made->child, (*root)->child);
        store_plainly(root, made);
    }
}

static void *run_plain(void *arg)
{
    struct shuffler *s = arg;

    s->t = lull_attach(world.heap, s->kind);
    ensure(s->t != NULL, "%s", lull_error_message());
    for (size_t i = 0; go_on(i); i++) {
        if (random_below(&s->random, 4) == 0) {
            replace_plain(s);
        } else {
            to_plain_and_back(s);
        }
        lull_safepoint(s->t);
        ensure(lull_alloc_leaf(s->t, 40) != NULL, "%s", lull_error_message());
    }
    for (size_t i = 0; i < PLAIN; i++) {
        struct token *token = plain_root[s->number][i];
        for (size_t j = 0; token != NULL && j < OWN; j++) {
            void **field = &table.holder[HOLDERS + s->number][j];
            if (*field == NULL) {
                lull_store(s->t, field, token);
                store_plainly(&plain_root[s->number][i], NULL);
                token = NULL;
            }
        }
    }
    ensure(lull_detach(s->t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(plain_stores_into_unbarriered_roots_lose_nothing)
{
    struct shuffler shuffler[SHUFFLERS] = {{.kind = LULL_STACK_PRECISE},
                                           {.kind = LULL_STACK_CONSERVATIVE}};
    lull_options options =
        shuffle_options(collecting[_i / 2], _i % 2 == 0 ? LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE
                                                        : LULL_DEBUG_SCRIBBLE);

    begin_world(&options);
    memset(plain_root, 0, sizeof plain_root);
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(t);
    fill_table();
    ck_assert_int_eq(lull_roots_add_unbarriered(world.heap, plain_root, sizeof plain_root),
                     LULL_OK);
    begin_rounds(50000, 100);
    for (size_t i = 0; i < SHUFFLERS; i++) {
        shuffler[i].number = i;
        shuffler[i].random.state = i + 1;
        ck_assert_int_eq(pthread_create(&shuffler[i].pthread, NULL, run_plain, &shuffler[i]), 0);
    }
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    for (size_t i = 0; i < SHUFFLERS; i++) {
        pthread_join(shuffler[i].pthread, NULL);
    }
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    check_table();
    ck_assert_uint_ge(support_stats(world.heap).cycles, table.cycles);
    ck_assert_int_eq(lull_roots_remove(world.heap, plain_root, sizeof plain_root), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(world.heap, table.holder, sizeof table.holder), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}
END_TEST

static bool alive(const void *object)
{
    return lull_object_of(world.heap, (uintptr_t)object).base == object;
}

START_TEST(unbarriered_roots_hold_until_they_are_removed)
{
    static void *volatile range[4];
    void *start = (void *)(uintptr_t)range;
    lull_options options = shuffle_options(collecting[_i], 0);

    options.gc_percent = LULL_PERCENT_OFF;
    begin_world(&options);
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_int_eq(lull_roots_add_unbarriered(world.heap, start, 0), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add_unbarriered(world.heap, (char *)start + 1, 16), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_remove(world.heap, start, sizeof range), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_add_unbarriered(world.heap, start, sizeof range), LULL_OK);
    range[3] = lull_alloc(t, world.node);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert(alive(range[3]));
    ck_assert_int_eq(lull_roots_remove(world.heap, start, 8), LULL_E_INVALID);
    ck_assert_int_eq(lull_roots_remove(world.heap, start, sizeof range), LULL_OK);
    ck_assert_int_eq(lull_roots_remove(world.heap, start, sizeof range), LULL_E_INVALID);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert(!alive(range[3]));
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}
END_TEST

/* ---- what is stopped, and who is told ---- */

static struct {
    _Atomic uint32_t watched;       /* number of a thread */
    _Atomic size_t pauses;          /* of it, of kind stop */
    _Atomic size_t stops, cycles;   /* events */
    _Atomic uint64_t held_ns;       /* of the last cycle */
} seen;

static void see(const lull_event *event, void *arg)
{
    (void)arg;
    switch (event->id) {
    case LULL__EVENT_pause:
        if (event->thread == atomic_load(&seen.watched) && event->fields[0] == LULL_PAUSE_STOP) {
            atomic_fetch_add(&seen.pauses, 1);
        }
        break;
    case LULL__EVENT_stop: atomic_fetch_add(&seen.stops, 1); break;
    case LULL__EVENT_cycle_end:
        atomic_store(&seen.held_ns, event->fields[6]);
        atomic_fetch_add(&seen.cycles, 1);
        break;
    default: break;
    }
}

static _Atomic bool enough;

/* Reaches safepoints and does nothing else. */
static void *run_idle(void *arg)
{
    lull_stack_kind kind = *(lull_stack_kind *)arg;
    lull_thread *own = lull_attach(world.heap, kind);

    ensure(own != NULL, "%s", lull_error_message());
    atomic_store(&seen.watched, own->number);
    while (!atomic_load(&enough)) {
        if (kind == LULL_STACK_PRECISE) {
            lull_safepoint(own);
        } /* a conservative thread is signalled */
    }
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(only_unbarriered_roots_stop_a_thread)
{
    static void *range[4];
    lull_mode mode = _i < 2 ? LULL_MODE_CONCURRENT : LULL_MODE_INCREMENTAL;
    lull_options options = shuffle_options(mode, 0);
    lull_stack_kind kind = _i % 2 == 0 ? LULL_STACK_PRECISE : LULL_STACK_CONSERVATIVE;
    pthread_t idle;

    options.gc_percent = LULL_PERCENT_OFF;
    begin_world(&options);
    world.heap->options.debug = 0; /* the verifier stops threads */
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_int_eq(lull_events_subscribe(world.heap, see, NULL), LULL_OK);
    ck_assert_int_eq(pthread_create(&idle, NULL, run_idle, &kind), 0);
    while (atomic_load(&seen.watched) == 0) {
        sched_yield();
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(atomic_load(&seen.held_ns), 0);
    }
    ck_assert_uint_eq(atomic_load(&seen.stops), 0);
    ck_assert_uint_eq(atomic_load(&seen.pauses), 0);

    ck_assert_int_eq(lull_roots_add_unbarriered(world.heap, range, sizeof range), LULL_OK);
    do { /* a thread may stand and go on before it has looked at the clock */
        size_t stops = atomic_load(&seen.stops);
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(atomic_load(&seen.stops), stops + 1);
        ck_assert_uint_gt(atomic_load(&seen.held_ns), 0);
    } while (atomic_load(&seen.pauses) == 0);

    ck_assert_int_eq(lull_roots_remove(world.heap, range, sizeof range), LULL_OK);
    size_t stops = atomic_load(&seen.stops);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(lull_collect(t), LULL_OK);
        ck_assert_uint_eq(atomic_load(&seen.held_ns), 0);
    }
    ck_assert_uint_eq(atomic_load(&seen.stops), stops);
    atomic_store(&enough, true);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    pthread_join(idle, NULL);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}
END_TEST

/* ---- late threads ---- */

static struct {
    _Atomic size_t calls;
    lull_heap *heap;
    uint32_t thread;
    pthread_t pthread;
    uint64_t waited_ns;
    _Atomic uint32_t spinning; /* number of the thread that spins */
} late;

static void name_late(lull_heap *heap, uint32_t thread, pthread_t pthread, uint64_t waited_ns,
                      void *arg)
{
    ensure(arg == &late, "arg is %p", arg);
    if (atomic_load(&late.calls) == 0) {
        late.heap = heap;
        late.thread = thread;
        late.pthread = pthread;
        late.waited_ns = waited_ns;
    }
    atomic_fetch_add(&late.calls, 1);
}

static void *run_late(void *arg)
{
    lull_thread *own = lull_attach(world.heap, LULL_STACK_PRECISE);

    (void)arg;
    ensure(own != NULL, "%s", lull_error_message());
    atomic_store(&late.spinning, own->number);
    while (atomic_load(&late.calls) == 0) {
    }
    while (!atomic_load(&enough)) {
        lull_safepoint(own);
    }
    ensure(lull_detach(own) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

START_TEST(a_thread_that_comes_late_is_named)
{
    lull_options options = shuffle_options(LULL_MODE_CONCURRENT, 0);
    pthread_t spinning;

    options.late_thread = name_late;
    options.late_thread_arg = &late;
    begin_world(&options);
    t = lull_attach(world.heap, LULL_STACK_PRECISE);
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_eq(atomic_load(&late.calls), 0);
    ck_assert_int_eq(pthread_create(&spinning, NULL, run_late, NULL), 0);
    while (atomic_load(&late.spinning) == 0) {
        sched_yield();
    }
    ck_assert_int_eq(lull_collect(t), LULL_OK);
    ck_assert_uint_ge(atomic_load(&late.calls), 1);
    ck_assert_ptr_eq(late.heap, world.heap);
    ck_assert_uint_eq(late.thread, atomic_load(&late.spinning));
    ck_assert(pthread_equal(late.pthread, spinning));
    ck_assert_uint_ge(late.waited_ns, 1000000000);
    ck_assert_uint_ge(lull__happened(&world.heap->events, late_thread), 1);
    ck_assert_int_eq(lull_collect(t), LULL_OK); /* and on it goes */
    atomic_store(&enough, true);
    ck_assert_int_eq(lull_blocking_begin(t), LULL_OK);
    pthread_join(spinning, NULL);
    ck_assert_int_eq(lull_blocking_end(t), LULL_OK);
    ck_assert_int_eq(lull_detach(t), LULL_OK);
    end_world();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("barrier");
    TCase *tests = tcase_create("barrier");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, nothing_is_lost_between_precise_threads, 0, COLLECTING);
    tcase_add_loop_test(tests, nothing_is_lost_between_a_precise_and_a_conservative_thread, 0,
                        COLLECTING);
    tcase_add_loop_test(tests, nothing_is_lost_where_nobody_stops, 0, COLLECTING);
    tcase_add_loop_test(tests, plain_stores_into_unbarriered_roots_lose_nothing, 0,
                        2 * COLLECTING);
    tcase_add_loop_test(tests, unbarriered_roots_hold_until_they_are_removed, 0, COLLECTING);
    tcase_add_loop_test(tests, only_unbarriered_roots_stop_a_thread, 0, 4);
    tcase_add_test(tests, a_thread_that_comes_late_is_named);
    return support_run(suite, tests);
}
