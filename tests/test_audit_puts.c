/* test_audit_puts.c -- pools under audit: objects put twice, into the wrong pool, or changed after;
 * what callbacks may not do; what lies idle; objects outside the heap. Programs that are right are
 * not reported. In every mode. */
#include "poison.h"

#include "audited.h"

/* ---- double and foreign put ---- */

START_TEST(a_double_put_is_found)
{
    begin(_i);
    struct item *item = take();
    put(item);
    put(item);
    const lull_pool_report *report = only(LULL_POOL_DOUBLE_PUT, (uintptr_t)item);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(IS_IN(putting, report->again_at[0]));
    struct item *one = take(), *other = take();
    ck_assert_ptr_ne(one, other); /* it has one owner */
    put(one);
    put(other);
    ck_assert_uint_eq(lull_pool_misuses(heap), 1);
    end();
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

/* Also when the pool has let it go meanwhile. */
START_TEST(a_put_of_what_was_dropped_is_found)
{
    begin(_i);
    lull_pool *small = new_pool((lull_pool_options){.bounds.max_idle = 1});
    struct item *one = take_from(small), *other = take_from(small);
    put_into(small, one);
    put_into(small, other);
    lull_pool_stats stats;
    lull_pool_stats_read(small, &stats);
    ck_assert_uint_eq(stats.drops, 1);
    put_into(small, one);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)one);
    put_into(small, other);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)other);
    end();
}
END_TEST

static void *put_at_once(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    atomic_fetch_add(&stage, 1);
    while (atomic_load(&stage) < 2) {
    }
    lull_pool_put(t, pool, arg);
    lull_detach(t);
    return NULL;
}

START_TEST(two_threads_put_at_once)
{
    begin(_i);
    for (int i = 0; i < 20; i++) {
        struct item *item = take();
        atomic_store(&stage, 0);
        pthread_t thread[2] = {mutator_start(put_at_once, item), mutator_start(put_at_once, item)};
        lull_blocking_begin(self);
        mutator_join(thread[0]);
        mutator_join(thread[1]);
        lull_blocking_end(self);
        only(LULL_POOL_DOUBLE_PUT, (uintptr_t)item);
    }
    end();
}
END_TEST

/* Pools that stand on pools refuse such a put themselves. */
START_TEST(a_double_put_of_a_buffer_is_found)
{
    begin(_i);
    lull_buffer_pool *buffers = lull_buffer_pool_create(heap, NULL);
    lull_buffer_put(self, buffers, lull_buffer_get_sized(self, buffers, 100));
    lull_buffer *buffer = lull_buffer_get_sized(self, buffers, 100);
    root[0] = buffer;
    lull_buffer_reserve(self, buffer, 10000); /* with storage of another pool */
    root[0] = NULL;
    lull_buffer_put(self, buffers, buffer);
    nothing_was_seen();
    lull_buffer_put(self, buffers, buffer);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)buffer);
    root[0] = buffer = lull_buffer_get_sized(self, buffers, 10000);
    lull_buffer_pool *others = lull_buffer_pool_create(heap, NULL);
    lull_buffer_put(self, others, buffer);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)buffer);
    lull_buffer_reserve(self, buffer, (size_t)64 << 20); /* beyond all of them: dropped */
    lull_buffer_put(self, buffers, buffer);
    root[0] = buffer = NULL;
    if (_i != COLLECTING) {
        collect();
    }
    end();
}
END_TEST

START_TEST(a_put_into_another_pool_is_found)
{
    begin(_i);
    lull_pool *other = new_pool((lull_pool_options){.name = "others"});
    struct item *item = take();
    put_into(other, item);
    const lull_pool_report *report = only(LULL_POOL_FOREIGN_PUT, (uintptr_t)item);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->again_at[0]));
    ck_assert_str_eq(seen.pool[0], "others");
    ck_assert(says("it is of pool \"items\""));
    put(item); /* it is still out */
    nothing_was_seen();
    end();
}
END_TEST

static int no_object[4];

START_TEST(what_is_no_object_is_found)
{
    begin(_i);
    struct item *item = take();
    put(&item->bytes[4]);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)&item->bytes[4])->offset, 20);
    ck_assert(says("it points 20 bytes into the object %p", (void *)item));
    put(no_object);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)no_object)->size, 0);
    ck_assert(says("there is no object of this heap"));
    put((void *)(uintptr_t)8);
    only(LULL_POOL_FOREIGN_PUT, 8);
    put(NULL);
    put(item);
    nothing_was_seen();
    end();
}
END_TEST

START_TEST(an_object_of_another_heap_is_found)
{
    begin(_i);
    lull_options options = support_options();
    lull_heap *other = support_heap(&options);
    lull_thread *t = lull_attach(other, LULL_STACK_PRECISE);
    struct item *item = lull_alloc(t, LULL_RECORD(other, struct item, next));
    put(item);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)item);
    lull_detach(t);
    lull_heap_destroy(other);
    end();
}
END_TEST

START_TEST(an_object_of_another_type_is_found)
{
    begin(_i);
    struct holder *holder = lull_alloc(self, LULL_RECORD(heap, struct holder, one, other));
    put(holder);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)holder);
    ck_assert(says("(struct holder, "));
    ck_assert(says("the pool's objects are of type struct item"));
    put(lull_alloc(self, item_type)); /* made by the program, as it should be */
    nothing_was_seen();
    end();
}
END_TEST

/* Of a leaf nobody knows the type, but how large it is. */
START_TEST(an_object_that_is_too_small_is_found)
{
    begin(_i);
    void *leaf = lull_alloc_leaf(self, 1);
    put(leaf);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)leaf);
    ck_assert(says("it is of 16 bytes, and type struct item of %zu", sizeof(struct item)));
    put(lull_alloc(self, item_type));
    nothing_was_seen();
    end();
}
END_TEST

/* ---- write after put, stale data ---- */

/* _i: the mode, and who notices. */
START_TEST(a_write_after_put_is_found)
{
    int by = _i / ALL;

    begin(_i % ALL);
    if (by == 1 && _i % ALL == COLLECTING) {
        end();
        return;
    }
    struct item *item = take();
    item->number = 11;
    strcpy(item->bytes, "as it was");
    put(item);
    memcpy(item->bytes + 3, "late", 4);
    switch (by) {
    case 0: ck_assert_ptr_eq(take(), item); break;
    case 1: collect(); break;
    case 2: lull_pool_destroy(pool); break;
    default:
        lull_detach(self);
        ck_assert_uint_eq(lull_pool_misuses(heap), 1);
        self = lull_attach(heap, LULL_STACK_PRECISE);
    }
    const lull_pool_report *report = only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)item);
    ck_assert_uint_eq(report->offset, offsetof(struct item, bytes) + 3);
    ck_assert(IS_IN(taking, report->taken_at[0]));
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(by != 0 || IS_IN(taking, report->again_at[0]));
    ck_assert(says("the byte at offset 19 was bd, and is now 6c 61 74 65 bd bd"));
    if (by < 2) {
        ck_assert_ptr_eq(by == 0 ? item : take(), item);
        ck_assert_uint_eq(item->number, 11); /* a get returns what was put */
        ck_assert_str_eq(item->bytes, "as it was");
        put(item);
    }
    nothing_was_seen();
    end();
}
END_TEST

START_TEST(a_store_after_put_is_found)
{
    begin(_i);
    struct item *item = take();
    lull_store(self, &item->next, item);
    put(item);
    lull_store(self, &item->next, NULL);
    take();
    size_t offset = only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)item)->offset;
    ck_assert_uint_eq(offset / sizeof(void *) * sizeof(void *), offsetof(struct item, next));
    put(item);
    end();
}
END_TEST

static void clear_most(void *object, void *arg)
{
    struct item *item = object;

    (void)arg;
    item->number = 0;
    memset(item->bytes, 0, 40);
}

START_TEST(stale_data_is_found)
{
    begin(_i);
    lull_pool *clean = new_pool((lull_pool_options){.reset = clear_most, .flags = LULL_POOL_CLEAN});
    struct item *item = take_from(clean);
    memset(item->bytes, 0x77, 40);
    put_into(clean, item);
    nothing_was_seen();
    ck_assert_ptr_eq(take_from(clean), item);
    item->bytes[41] = 0x5a;
    put_into(clean, item);
    const lull_pool_report *report = only(LULL_POOL_STALE_DATA, (uintptr_t)item);
    ck_assert_uint_eq(report->offset, offsetof(struct item, bytes) + 41);
    ck_assert(IS_IN(putting, report->put_at[0]));
    ck_assert(says("is now 5a 00 00"));
    end();
}
END_TEST

/* ---- callbacks ---- */

static void put_another(void *object, void *arg)
{
    (void)object;
    put_into(*(lull_pool **)arg, root[7]);
}

START_TEST(a_put_inside_reset_is_found)
{
    lull_pool *strange;

    begin(_i);
    strange = new_pool((lull_pool_options){.reset = put_another, .arg = &strange});
    root[7] = take_from(strange);
    put_into(strange, take_from(strange));
    const lull_pool_report *report = only(LULL_POOL_PUT_IN_CALLBACK, (uintptr_t)root[7]);
    ck_assert(IS_IN(putting, report->again_at[0]));
    root[7] = NULL;
    end();
}
END_TEST

static void *make_by_get(lull_thread *t, void *arg)
{
    (void)t;
    struct item *item = items_get(self, *(lull_pool **)arg);
    ensure(item == NULL, "a get inside make");
    return lull_alloc(self, item_type);
}

START_TEST(a_get_inside_make_is_found)
{
    lull_pool *strange;

    begin(_i);
    strange = new_pool((lull_pool_options){.make = make_by_get, .arg = &strange});
    struct item *item = take_from(strange);
    ck_assert_ptr_nonnull(item);
    only(LULL_POOL_GET_IN_MAKE, 0);
    put_into(strange, item);
    end();
}
END_TEST

/* ---- what lies idle ---- */

/* Of every layout: what is got is what was put, to the byte; meanwhile it is poison, but for what
 * the collector reads, which stays alive. */
START_TEST(what_is_got_is_what_was_put)
{
    begin(_i);
    const lull_type *types[] = {
        item_type,
        lull_type_leaf(heap, "leaf", 100),
        lull_type_conservative(heap, "any", 128),
        lull_type_custom(heap, "traced", 64, trace_words, NULL),
        lull_type_record(heap, "wide", 8 * 100, (const size_t[]){8, 8 * 99}, 2),
        lull_type_leaf(heap, "large", 100000),
        lull_type_record(heap, "large record", 80000, (const size_t[]){8}, 1),
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        lull_pool *p = new_pool((lull_pool_options){.type = types[k]});
        size_t bytes = lull_type_size(types[k]);
        bool points = k != 1 && k != 5;
        unsigned char *object = lull_pool_get(self, p);
        root[0] = object;
        memset(object + 16, 0x11, bytes - 16);
        if (k == 4) {
            memset(object + 8 * 99, 0, 8);
        }
        if (points) {
            struct item *child = lull_alloc(self, item_type);
            child->number = 99;
            lull_store(self, object + 8, child);
        }
        root[0] = NULL;
        void *word = *(void **)(void *)(object + 8);
        put_into(p, object);
        ck_assert_int_eq(object[bytes - 9], k == 3 ? 0x11 : LULL__POISON);
        ck_assert(!points || *(void **)(void *)(object + 8) == word);
        for (int i = 0; i < 2 && _i != COLLECTING; i++) {
            collect();
        }
        ck_assert_ptr_eq(lull_pool_get(self, p), object);
        root[0] = object;
        ck_assert_ptr_eq(*(void **)(void *)(object + 8), word);
        ck_assert(!points || ((struct item *)word)->number == 99);
        for (size_t i = 16; i < bytes; i++) {
            ensure(object[i] == (k == 4 && i >= 8 * 99 ? 0 : 0x11), "type %zu, byte %zu", k, i);
        }
        put_into(p, object);
        root[0] = NULL;
    }
    end();
}
END_TEST

/* What a pool lets go is whole for its finalizer. */
static void see_whole(lull_thread *t, void *object, void *arg)
{
    (void)t;
    *(bool *)arg = ((struct item *)object)->number == 1234;
}

START_TEST(what_is_dropped_is_whole)
{
    bool whole = false;

    begin(_i);
    struct item *item = take();
    item->number = 1234;
    lull_finalizer_set(self, item, see_whole, &whole);
    put(item);
    item = NULL;
    for (int i = 0; i < 5; i++) {
        collect();
    }
    lull_finalizers_run(self, 0);
    ck_assert(whole);
    end();
}
END_TEST

/* And for the pool's destroy, which here is told of each object that the pool had. */
static void destroy_whole(void *object, void *arg)
{
    *(unsigned *)arg += ((struct item *)object)->number == 1234;
}

START_TEST(what_is_destroyed_is_whole)
{
    unsigned whole = 0;

    begin(_i);
    lull_pool *p = new_pool(
        (lull_pool_options){.destroy = destroy_whole, .arg = &whole, .bounds.max_idle = 2});
    struct item *item[3];
    for (int i = 0; i < 3; i++) {
        root[i] = item[i] = take_from(p);
        item[i]->number = 1234;
    }
    for (int i = 0; i < 3; i++) {
        put_into(p, item[i]);
        root[i] = NULL;
    }
    ck_assert_uint_eq(whole, 1); /* the third */
    lull_pool_destroy(p);
    ck_assert_uint_eq(whole, 3);
    end();
}
END_TEST

/* ---- objects outside the heap ---- */

START_TEST(mistakes_outside_the_heap)
{
    begin(_i);
    lull_pool *out = new_pool((lull_pool_options){.object_bytes = 100});
    lull_pool *other = new_pool((lull_pool_options){.object_bytes = 100, .name = "others"});
    struct item *inside = take();
    char *object = lull_pool_get(self, out);
    memset(object, 0x11, 100);
    put_into(other, object);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)object)->size, 100);
    put_into(out, object + 40);
    ck_assert_uint_eq(only(LULL_POOL_FOREIGN_PUT, (uintptr_t)object + 40)->offset, 40);
    put_into(out, inside);
    only(LULL_POOL_FOREIGN_PUT, (uintptr_t)inside);
    put_into(out, object);
    put_into(out, object);
    only(LULL_POOL_DOUBLE_PUT, (uintptr_t)object);
    ck_assert_int_eq(object[99], (char)LULL__POISON);
    object[99] = 0x44; /* in the last, half word */
    ck_assert_ptr_eq(lull_pool_get(self, out), object);
    ck_assert_uint_eq(only(LULL_POOL_WRITE_AFTER_PUT, (uintptr_t)object)->offset, 99);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(object[i], 0x11);
    }
    put_into(out, object);
    put(inside);
    lull_pool_destroy(out);
    end();
}
END_TEST

/* Their addresses come again from malloc, and sizes change. */
START_TEST(right_use_outside_the_heap)
{
    static char *table[500];

    begin(_i);
    lull_pool *out = new_pool((lull_pool_options){.object_bytes = 64, .bounds.max_idle = 100});
    for (size_t round = 0; round < 6; round++) {
        for (size_t i = 0; i < 500; i++) {
            table[i] = lull_pool_get(self, out);
            memset(table[i], (int)i, 40);
        }
        lull_pool_resize(out, round % 2 == 0 ? 40 : 64);
        for (size_t i = 0; i < 500; i++) {
            put_into(out, table[i]);
        }
        if (_i != COLLECTING) {
            collect();
        }
    }
    end();
}
END_TEST

/* ---- right programs ---- */

START_TEST(many_objects_come_and_go)
{
    static struct item *table[3000];

    begin(_i);
    lull_roots_add(heap, table, sizeof table);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3000; i++) {
            lull_store(self, &table[i], take());
            table[i]->number = i;
        }
        if (_i != COLLECTING) {
            collect();
        }
        for (size_t i = 0; i < 3000; i++) {
            ensure(table[i]->number == i, "%zu", i);
            put(table[i]);
            table[i] = NULL;
        }
        for (size_t i = 0; i < round && _i != COLLECTING; i++) {
            collect();
        }
    }
    ck_assert_uint_eq(lull_pool_misuses(heap), 0);
    end();
}
END_TEST

static void *hand_over(void *arg)
{
    lull_thread *t = mutator_attach(heap, LULL_STACK_CONSERVATIVE);

    for (int i = 0; i < 300; i++) {
        struct item *mine = lull_pool_get(t, pool);
        struct item *other = lull_exchange(t, &root[4], mine);
        if (other != NULL) {
            lull_pool_put(t, pool, other);
        }
        if (i % 100 == (int)(uintptr_t)arg) {
            lull_collect(t);
        }
        lull_safepoint(t);
    }
    lull_detach(t);
    return NULL;
}

START_TEST(objects_move_between_threads)
{
    begin(_i);
    pthread_t thread[3];
    for (uintptr_t i = 0; i < 3; i++) {
        thread[i] = mutator_start(hand_over, (void *)i);
    }
    lull_blocking_begin(self);
    for (size_t i = 0; i < 3; i++) {
        mutator_join(thread[i]);
    }
    lull_blocking_end(self);
    put(root[4]);
    root[4] = NULL;
    end();
}
END_TEST

START_TEST(a_pool_may_go_with_objects_out)
{
    begin(_i);
    struct item *item = take();
    put(take());
    lull_pool_destroy(pool);
    pool = new_pool((lull_pool_options){0});
    item->number = 1;
    if (_i != COLLECTING) {
        collect();
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit of puts");
    TCase *tests = tcase_create("collecting"), *all = tcase_create("in every mode");

    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(tests, what_is_dropped_is_whole, 0, COLLECTING);
    tcase_add_loop_test(all, a_double_put_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_of_what_was_dropped_is_found, 0, ALL);
    tcase_add_loop_test(all, two_threads_put_at_once, 0, ALL);
    tcase_add_loop_test(all, a_double_put_of_a_buffer_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_into_another_pool_is_found, 0, ALL);
    tcase_add_loop_test(all, what_is_no_object_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_of_another_heap_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_that_is_too_small_is_found, 0, ALL);
    tcase_add_loop_test(all, an_object_of_another_type_is_found, 0, ALL);
    tcase_add_loop_test(all, a_write_after_put_is_found, 0, 4 * ALL);
    tcase_add_loop_test(all, a_store_after_put_is_found, 0, ALL);
    tcase_add_loop_test(all, stale_data_is_found, 0, ALL);
    tcase_add_loop_test(all, a_put_inside_reset_is_found, 0, ALL);
    tcase_add_loop_test(all, a_get_inside_make_is_found, 0, ALL);
    tcase_add_loop_test(all, what_is_got_is_what_was_put, 0, ALL);
    tcase_add_loop_test(all, what_is_destroyed_is_whole, 0, ALL);
    tcase_add_loop_test(all, mistakes_outside_the_heap, 0, ALL);
    tcase_add_loop_test(all, right_use_outside_the_heap, 0, ALL);
    tcase_add_loop_test(all, many_objects_come_and_go, 0, ALL);
    tcase_add_loop_test(all, objects_move_between_threads, 0, COLLECTING);
    tcase_add_loop_test(all, a_pool_may_go_with_objects_out, 0, ALL);
    return support_run_suite(suite);
}
