/* test_pool_threads.c -- pools of several threads: sharing, leaving, signals, fork. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lull.h>

#include "event.h"
#include "pool.h"
#include "pools.h"
#include "random.h"

static void set_up(void)
{
    open_heap(LULL_STACK_CONSERVATIVE, LULL_DEBUG_VERIFY);
}

/* ---- threads ---- */

static atomic_bool finish;
static atomic_uint_fast64_t thread_gets, thread_puts, wrong;

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

/* Until the others did something; others may collect meanwhile. */
static void wait_for(const atomic_uint_fast64_t *count)
{
    lull_blocking_begin(self);
    while (atomic_load(count) == 0) {
        sched_yield();
    }
    lull_blocking_end(self);
}

static void join(const pthread_t *thread, size_t n)
{
    atomic_store(&finish, true);
    lull_blocking_begin(self);
    for (size_t i = 0; i < n; i++) {
        pthread_join(thread[i], NULL);
    }
    lull_blocking_end(self);
}

static void *put_and_leave(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    for (size_t i = 0; i < *(size_t *)arg; i++) {
        lull_pool_put(t, pool, lull_alloc(t, item_type));
    }
    lull_detach(t);
    return NULL;
}

START_TEST(a_thread_that_leaves_gives_back)
{
    static const size_t counts[] = {1, 31, 32, 33, 64, 65, 500};
    uint64_t puts = 0;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t n = counts[i];
        pthread_t thread = start(put_and_leave, &n);
        join(&thread, 1);
        puts += n;
        ck_assert_uint_eq(idle(), n);
        ck_assert_uint_eq(stats_of(pool).puts, puts);
        take(n);
        ck_assert_uint_eq(stats_of(pool).misses, 0);
    }
}
END_TEST

static void *put_and_rest(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    for (size_t i = 0; i < *(size_t *)arg; i++) {
        lull_pool_put(t, pool, lull_alloc(t, item_type));
    }
    lull_blocking_begin(t);
    atomic_store(&thread_puts, 1);
    while (!atomic_load(&finish)) {
        sched_yield();
    }
    lull_blocking_end(t);
    lull_detach(t);
    return NULL;
}

/* Its first put was a slow call, as are those that exchange: it gives back what it keeps. */
START_TEST(a_thread_that_blocks_gives_back)
{
    static const size_t counts[] = {10, 40, 64, 65, 200};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t n = counts[i];
        atomic_store(&thread_puts, 0);
        atomic_store(&finish, false);
        uint64_t before = stats_of(pool).misses;
        pthread_t thread = start(put_and_rest, &n);
        wait_for(&thread_puts);
        take(n);
        ck_assert_uint_eq(stats_of(pool).misses, before);
        ck_assert_uint_eq(idle(), 0);
        join(&thread, 1);
    }
}
END_TEST

enum { KEEPING = 1, GIVING };

static atomic_uint_fast64_t keeper;

/* Keeps 60 objects; then, told to, puts until its magazine is full. */
static void *keep_then_put(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    for (size_t i = 0; i < 60; i++) {
        lull_pool_put(t, pool, lull_alloc(t, item_type));
    }
    atomic_store(&keeper, KEEPING);
    while (atomic_load(&keeper) != GIVING) {
        sched_yield();
    }
    for (size_t i = 60; i <= 2 * SLOTS; i++) {
        lull_pool_put(t, pool, lull_alloc(t, item_type));
    }
    atomic_store(&keeper, 0);
    while (!atomic_load(&finish)) {
        sched_yield();
    }
    lull_detach(t);
    return arg;
}

/* A running thread that is asked gives all at its next exchange, where it gave half. _i: whether a
 * get found nothing before. */
START_TEST(who_is_asked_gives_all)
{
    atomic_store(&keeper, 0);
    pthread_t thread = start(keep_then_put, NULL);
    while (atomic_load(&keeper) != KEEPING) {
        sched_yield();
    }
    uint64_t misses = stats_of(pool).misses;
    if (_i == 1) {
        take(1);
        ck_assert_uint_eq(stats_of(pool).misses, ++misses);
    }
    atomic_store(&keeper, GIVING);
    while (atomic_load(&keeper) != 0) {
        sched_yield();
    }
    size_t given = _i == 1 ? 2 * SLOTS : SLOTS;
    for (size_t i = 0; i < given; i++) {
        table[1 + i] = items_get(self, pool);
    }
    ck_assert_uint_eq(stats_of(pool).misses, misses);
    table[0] = items_get(self, pool);
    ck_assert_uint_eq(stats_of(pool).misses, misses + 1);
    join(&thread, 1);
}
END_TEST

static size_t room(void)
{
    return lull__magazines_at(self, lull__magazines_offset(pool))->room;
}

/* Who only puts, or only gets, moves more at once, until it turns round. */
START_TEST(who_goes_one_way_moves_more)
{
    size_t n = 2000;

    lull_pool_put(self, pool, lull_alloc(self, item_type));
    size_t usual = room();
    for (size_t i = 1; i < n; i++) {
        lull_pool_put(self, pool, lull_alloc(self, item_type));
    }
    ck_assert_uint_eq(room(), LULL_MAGAZINE_MOST);
    take(n);
    lull_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.misses, 0);
    ck_assert_uint_lt(s.hits_depot + s.hits_steal, n / SLOTS - 10);
    give(250); /* one exchange */
    ck_assert_uint_eq(room(), usual);
}
END_TEST

static void into_pool(struct item *item)
{
    wrong += __atomic_exchange_n(&item->where, IN, __ATOMIC_RELAXED) != OUT;
}

static void out_of_pool(struct item *item)
{
    uint32_t before = __atomic_exchange_n(&item->where, OUT, __ATOMIC_RELAXED);

    if (before == FRESH) {
        item->magic = MAGIC;
    }
    if (before == OUT || item->magic != MAGIC) {
        wrong++;
    }
}

/* Gets, puts, and swaps with the others through the table, in bursts. */
static void *use_pool(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    struct random r = {*(uint64_t *)arg};
    struct item *mine[200];
    size_t held = 0;
    uint64_t gets = 0, puts = 0;

    while (!atomic_load_explicit(&finish, memory_order_relaxed) || held > 0) {
        size_t wanted =
            atomic_load_explicit(&finish, memory_order_relaxed) ? 0 : random_below(&r, 200);
        while (held < wanted) {
            mine[held] = items_get(t, pool);
            out_of_pool(mine[held++]);
            gets++;
        }
        for (size_t i = 0; i < held; i += 1 + random_below(&r, 20)) {
            struct item **place = &table[random_below(&r, 64)];
            struct item *other = lull_exchange(t, place, mine[i]);
            mine[i] = other != NULL ? other : mine[--held];
        }
        while (held > wanted) {
            into_pool(mine[--held]);
            items_put(t, pool, mine[held]);
            puts++;
        }
        lull_safepoint(t);
    }
    thread_gets += gets;
    thread_puts += puts;
    lull_detach(t);
    return NULL;
}

static void *read_stats(void *arg)
{
    lull_pool_stats s;

    (void)arg;
    while (!atomic_load(&finish)) {
        lull_pool_stats_read(pool, &s);
        if (s.gets != s.hits + s.misses || s.puts > UINT64_C(1) << 40) {
            wrong++;
        }
        sched_yield();
    }
    return NULL;
}

/* Whatever the threads do, every object has one owner, and everything is counted once. */
START_TEST(threads_share_a_pool)
{
    uint64_t seed[4] = {1, 2, 3, 4};
    pthread_t thread[5];
    uint64_t puts = 0;

    for (size_t i = 0; i < 4; i++) {
        thread[i] = start(use_pool, &seed[i]);
    }
    thread[4] = start(read_stats, NULL);
    for (size_t i = 0; i < support_rounds(40); i++) {
        usleep(5000);
        collect();
    }
    join(thread, 5);
    for (size_t i = 0; i < 64; i++) {
        if (table[i] != NULL) {
            table[i]->where = IN;
            items_put(self, pool, table[i]);
            table[i] = NULL;
            puts++;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    lull_pool_stats s = stats_of(pool);
    ck_assert_uint_eq(s.gets, thread_gets);
    ck_assert_uint_eq(s.puts, thread_puts + puts);
    ck_assert_uint_eq(s.gets, s.puts); /* none was lost on the way */
    for (uint64_t i = 0; i < s.idle; i++) {
        struct item *item = items_get(self, pool);
        out_of_pool(item);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(idle(), 0);
    ck_assert_uint_eq(stats_of(pool).misses, s.misses);
}
END_TEST

static lull_pool *pools[2];

static void *make_magic(lull_thread *t, void *arg)
{
    struct item *item = lull_alloc(t, item_type);

    (void)arg;
    item->magic = MAGIC;
    return item;
}

/* Moves n items from one pool to the other: each is in a slot or a register, and nowhere else. */
static void move_items(lull_thread *t, lull_pool *from, lull_pool *to, int n)
{
    for (int i = 0; i < n; i++) {
        struct item *item = items_get(t, from);
        wrong += item->magic != MAGIC;
        items_put(t, to, item);
    }
}

/* No safepoint but in the slow paths: a stop has to signal the thread, in the middle of a get or
 * put as likely as not. */
static void *run_without_safepoints(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    struct item *mine[200];

    while (!atomic_load_explicit(&finish, memory_order_relaxed)) {
        for (int i = 0; i < 100; i++) {
            move_items(t, pools[0], pools[1], 20);
            move_items(t, pools[1], pools[0], 20);
        }
        move_items(t, pools[0], pools[0], 100);
        for (int again = 0; again < 20; again++) { /* through the depot */
            for (int i = 0; i < 200; i++) {
                mine[i] = items_get(t, pools[i & 1]);
                wrong += mine[i]->magic != MAGIC;
            }
            for (int i = 0; i < 200; i++) {
                wrong += mine[i]->magic != MAGIC;
                items_put(t, pools[i & 1], mine[i]);
            }
        }
        atomic_fetch_add_explicit((atomic_uint_fast64_t *)arg, 1, memory_order_relaxed);
    }
    lull_detach(t);
    return NULL;
}

START_TEST(a_signal_finds_every_object)
{
    atomic_uint_fast64_t rounds[2] = {0, 0};
    pthread_t thread[2];

    pools[0] = new_pool_with(make_magic, NULL, NULL);
    pools[1] = new_pool_with(make_magic, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        thread[i] = start(run_without_safepoints, &rounds[i]);
        wait_for(&rounds[i]);
    }
    for (size_t i = 0; i < support_rounds(150); i++) {
        collect();
        sched_yield();
    }
    join(thread, 2);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(lull__happened(&heap->events, signal_stop), 0);
    for (size_t i = 0; i < 2; i++) {
        lull_pool_stats s = stats_of(pools[i]);
        ck_assert_uint_eq(s.gets, s.puts);
    }
}
END_TEST

static __attribute__((noinline)) void put_magic(lull_thread *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lull_pool_put(t, pools[0], make_magic(t, NULL));
    }
}

/* What an inline get or put may look like from outside at its worst: `count` says nothing of the
 * slots, which alone hold the objects. */
static void *stand_in_between(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    put_magic(t, 50);
    struct lull_magazines *m = lull__magazines_at(t, lull__magazines_offset(pools[0]));
    uint16_t top = m->now.top;
    m->now.top = (uint16_t)(top - 47);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store((atomic_uint_fast64_t *)arg, 1);
    while (!atomic_load_explicit(&finish, memory_order_relaxed)) {
    }
    wrong += m->now.top != top - 47;
    for (size_t i = 0; i < 50; i++) {
        wrong += ((struct item *)m->object[i])->magic != MAGIC;
    }
    m->now.top = top;
    lull_detach(t);
    return NULL;
}

START_TEST(a_signal_leaves_slots_alone)
{
    atomic_uint_fast64_t standing = 0;

    pools[0] = new_pool_with(make_magic, NULL, NULL);
    pthread_t thread = start(stand_in_between, &standing);
    wait_for(&standing);
    for (int i = 0; i < 5; i++) {
        collect();
    }
    ck_assert_uint_gt(lull__happened(&heap->events, signal_stop), 0);
    join(&thread, 1);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(pools[0]).idle, 50);
}
END_TEST

/* ---- others in the way ---- */

/* Another thread is at all shards, or where the memory comes from that a depot notes objects in. */
static void get_in_the_way(int where)
{
    if (where == 0) {
        lull__pool_lock_shards(pool);
    } else {
        pthread_mutex_lock(&heap->magazines.lock);
    }
}

static void get_out_of_the_way(int where)
{
    if (where == 0) {
        lull__pool_unlock_shards(pool);
    } else {
        pthread_mutex_unlock(&heap->magazines.lock);
    }
}

/* A put does not wait for it, and drops nothing before the magazine is as large as may be. */
START_TEST(a_put_that_finds_others_keeps_its_object)
{
    size_t most = LULL_MAGAZINE_MOST;

    take(most + 10);
    get_in_the_way(_i);
    give(most + 10);
    get_out_of_the_way(_i);
    ck_assert_uint_eq(idle(), most);
    ck_assert_uint_eq(stats_of(pool).dropped[LULL_POOL_DROP_BUSY], 10);
    ck_assert_uint_eq(stats_of(pool).drops, 10);
    take(most + 10);
    ck_assert_uint_eq(stats_of(pool).hits, most);
    give(most + 10);
    ck_assert_uint_eq(idle(), most + 10);
}
END_TEST

/* ---- fork ---- */

static void *put_and_block(void *arg)
{
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);

    for (size_t i = 0; i < 50; i++) {
        lull_pool_put(t, pool, lull_alloc(t, item_type));
    }
    lull_blocking_begin(t);
    atomic_store((atomic_uint_fast64_t *)arg, 1);
    while (!atomic_load(&finish)) {
        sched_yield();
    }
    lull_blocking_end(t);
    lull_detach(t);
    return NULL;
}

/* What the child of a fork does: the other thread's objects are in the pool, which works. */
static int use_pool_in_child(void)
{
    lull_pool_stats s;

    lull_pool_stats_read(pool, &s);
    if (s.idle != 150 || s.puts != 150) {
        return 1;
    }
    for (size_t i = 0; i < 150; i++) {
        table[i] = items_get(self, pool);
    }
    lull_pool_stats_read(pool, &s);
    if (s.hits != 150 || s.idle != 0 || lull_collect(self) != LULL_OK) {
        return 2;
    }
    give(150);
    return lull_detach(self) == LULL_OK && lull_heap_destroy(heap) == LULL_OK ? 0 : 3;
}

START_TEST(a_forked_child_has_the_pool)
{
    atomic_uint_fast64_t blocked = 0;
    pthread_t thread = start(put_and_block, &blocked);
    int status;

    for (size_t i = 0; i < 100; i++) {
        table[i] = lull_alloc(self, item_type);
    }
    give(100);
    wait_for(&blocked);
    pid_t child = fork();
    if (child == 0) {
        _exit(use_pool_in_child());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(idle(), 150);
    join(&thread, 1);
    ck_assert_uint_eq(idle(), 150);
}
END_TEST

/* What a thread keeps that the child has not, and that a signal held, may be in pieces. */
START_TEST(a_forked_child_drops_what_a_signal_held)
{
    atomic_uint_fast64_t standing = 0;
    int status;

    pools[0] = pool;
    pthread_t thread = start(stand_in_between, &standing);
    wait_for(&standing);
    pid_t child = fork();
    if (child == 0) {
        lull_pool_stats s;
        lull_pool_stats_read(pool, &s);
        _exit(s.idle == 0 && s.drops == 3 && items_get(self, pool)->magic == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    join(&thread, 1);
    ck_assert_uint_eq(idle(), 50);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("pool_threads");
    TCase *threads = add_case(suite, "threads", set_up);

    tcase_add_test(threads, a_thread_that_leaves_gives_back);
    tcase_add_test(threads, a_thread_that_blocks_gives_back);
    tcase_add_test(threads, threads_share_a_pool);
    if (support_child_threads()) {
        tcase_add_test(threads, a_forked_child_has_the_pool);
    }
    if (!support_audited()) { /* these look into magazines, which an audit leaves empty */
        tcase_add_loop_test(threads, who_is_asked_gives_all, 0, 2);
        tcase_add_loop_test(threads, a_put_that_finds_others_keeps_its_object, 0, 2);
        tcase_add_test(threads, who_goes_one_way_moves_more);
        tcase_add_test(threads, a_signal_finds_every_object);
        tcase_add_test(threads, a_signal_leaves_slots_alone);
        tcase_add_test(threads, a_forked_child_drops_what_a_signal_held);
    }
    return support_run_suite(suite);
}
