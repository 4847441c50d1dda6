/* test_compose.c -- things made of pooled parts, and scopes: what was taken is given back, each
 * part to its pool, once, however the block is left. */
#include <string.h>

#include "heap.h"
#include "random.h"

#include "fixture.h"

struct header {
    int status;
    char reason[60];
};

LULL_POOL_TYPE(headers, struct header)

#define RESPONSE_PARTS(PART)                                                                       \
    PART(headers, header)                                                                          \
    PART(lull_buffer, body)                                                                        \
    PART(lull_builder, log)
LULL_COMPOSED(response, RESPONSE_PARTS)

/* A thing may be a part. */
#define PAIR_PARTS(PART) PART(response, first) PART(response, second)
LULL_COMPOSED(pair, PAIR_PARTS)

static struct response_pool responses;
static struct pair_pool pairs;
static int headers_left; /* that `make` makes before it fails */

static void *make_header(lull_thread *self, void *arg)
{
    return headers_left-- > 0 ? lull_alloc(self, arg) : NULL;
}

static void reset_header(void *object, void *arg)
{
    (void)arg;
    ((struct header *)object)->status = 0;
}

static void open_pools(void)
{
    const lull_type *type = lull_type_leaf(heap, "header", sizeof(struct header));
    lull_pool_options options = {.struct_size = sizeof options,
                                 .name = "headers",
                                 .make = make_header,
                                 .reset = reset_header,
                                 .arg = (void *)(uintptr_t)type};

    headers_left = 1000000;
    responses.header = lull_pool_create(heap, &options);
    responses.body = lull_buffer_pool_create(heap, NULL);
    responses.log = lull_builder_pool_create(heap, NULL);
    ck_assert_int_eq(response_pool_open(&responses, heap, "responses"), LULL_OK);
    pairs.first = pairs.second = &responses;
    ck_assert_int_eq(pair_pool_open(&pairs, heap, "pairs"), LULL_OK);
}

static void set_up_pools(void)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    open_pools();
}

/* Objects out of each pool: gets that succeeded less puts. */
struct out {
    int64_t things, headers, bodies, logs;
};

static int64_t out_of(lull_pool *pool)
{
    lull_pool_stats s;

    ck_assert_int_eq(lull_pool_stats_read(pool, &s), LULL_OK);
    return (int64_t)s.gets - (int64_t)s.puts;
}

static struct out count_out(void)
{
    lull_buffer_pool_stats bodies, logs;

    ck_assert_int_eq(lull_buffer_pool_stats_read(responses.body, &bodies), LULL_OK);
    ck_assert_int_eq(lull_builder_pool_stats_read(responses.log, &logs), LULL_OK);
    return (struct out){out_of(responses.things), out_of(responses.header),
                        (int64_t)bodies.gets - (int64_t)bodies.puts,
                        (int64_t)logs.gets - (int64_t)logs.puts};
}

static void check_out(int64_t things, int64_t headers, int64_t bodies, int64_t logs)
{
    struct out out = count_out();

    ck_assert_int_eq(out.things, things);
    ck_assert_int_eq(out.headers, headers);
    ck_assert_int_eq(out.bodies, bodies);
    ck_assert_int_eq(out.logs, logs);
}

/* ---- composed ---- */

START_TEST(a_thing_has_its_parts)
{
    struct response *r = response_get(t, &responses);

    ck_assert_ptr_nonnull(r);
    root[0] = r;
    check_out(1, 1, 1, 1);
    r->header->status = 200;
    lull_buffer_append(t, r->body, "body", 4);
    lull_builder_append_string(t, r->log, "log");
    collect();
    ck_assert(alive(r->header) && alive(r->body) && alive(r->log));
    ck_assert_mem_eq(r->body->data, "body", 4);
    ck_assert_str_eq(lull_builder_view(r->log), "log");
    struct header *header = r->header;
    lull_buffer *body = r->body;
    response_put(t, &responses, r);
    check_out(0, 0, 0, 0);
    ck_assert_ptr_null(r->header);
    ck_assert_ptr_null(r->body);
    ck_assert_ptr_eq(response_get(t, &responses), r);
    ck_assert_ptr_eq(r->header, header);
    ck_assert_ptr_eq(r->body, body);
    ck_assert_int_eq(header->status, 0); /* reset */
    ck_assert_uint_eq(body->length, 0);
    response_put(t, &responses, NULL);
    check_out(1, 1, 1, 1);
}
END_TEST

/* The first, the second or the last part cannot be had: nothing stays out. */
START_TEST(a_get_that_fails_half_way)
{
    struct response_pool broken = responses;

    headers_left = 0;
    ck_assert_ptr_null(response_get(t, &responses));
    headers_left = 1000;
    broken.body = NULL; /* it had one when it was opened */
    ck_assert_ptr_null(response_get(t, &broken));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    broken = responses;
    broken.log = NULL;
    ck_assert_ptr_null(response_get(t, &broken));
    struct out out = count_out();
    ck_assert_int_eq(out.things, 0);
    ck_assert_int_eq(out.headers, 1); /* a get in vain counts as one */
    ck_assert_int_eq(out.bodies, 0);
    ck_assert_int_eq(out.logs, 0);
    struct response *r = response_get(t, &responses);
    ck_assert(r != NULL && r->header != NULL && r->body != NULL && r->log != NULL);
}
END_TEST

START_TEST(a_thing_of_things)
{
    struct pair *p = pair_get(t, &pairs);

    ck_assert_ptr_nonnull(p);
    root[0] = p;
    ck_assert_ptr_ne(p->first, p->second);
    ck_assert_ptr_ne(p->first->body, p->second->body);
    check_out(2, 2, 2, 2);
    pair_put(t, &pairs, p);
    check_out(0, 0, 0, 0);
    headers_left = 0;
    p = pair_get(t, &pairs); /* of what was put */
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_null(pair_get(t, &pairs));
    check_out(2, 3, 2, 2); /* with a get in vain */
}
END_TEST

/* What the program takes out of a thing is its own; what it puts there goes back in its place. */
START_TEST(a_part_taken_out)
{
    struct response *r = response_get(t, &responses);

    root[0] = r;
    lull_buffer *body = lull_exchange(t, &r->body, NULL);
    root[1] = body;
    lull_buffer_append(t, body, "kept", 4);
    response_put(t, &responses, r);
    check_out(0, 0, 1, 0);
    collect();
    ck_assert_mem_eq(body->data, "kept", 4);
    r = response_get(t, &responses);
    root[0] = r;
    ck_assert_ptr_ne(r->body, body);
    lull_buffer *other = r->body;
    lull_store(t, &r->body, body);
    response_put(t, &responses, r);
    lull_buffer_put(t, responses.body, other);
    check_out(0, 0, 0, 0);
}
END_TEST

START_TEST(pools_that_cannot_be_opened)
{
    struct response_pool pool = {.header = responses.header, .body = responses.body};

    ck_assert_int_eq(response_pool_open(&pool, heap, "no log"), LULL_E_INVALID);
    ck_assert_ptr_null(pool.things);
    ck_assert_int_eq(response_pool_close(&pool), LULL_E_INVALID);
    pool.log = responses.log;
    ck_assert_int_eq(response_pool_open(&pool, NULL, "no heap"), LULL_E_INVALID);
    ck_assert_int_eq(response_pool_open(&pool, heap, "another"), LULL_OK);
    ck_assert_str_eq(lull_pool_name(pool.things), "another");
    root[0] = response_get(t, &pool);
    response_put(t, &pool, root[0]);
    ck_assert_int_eq(response_pool_close(&pool), LULL_OK);
    ck_assert_ptr_null(pool.things);
    ck_assert_ptr_null(lull_composed_pool_create(heap, "too many", 65));
    ck_assert_int_eq(lull_error(), LULL_E_INVALID);
    ck_assert_ptr_nonnull(response_get(t, &responses)); /* the parts' pools are not closed */
}
END_TEST

/* The thing is all that leads to its parts, in a heap of tagged words too. */
START_TEST(parts_live_with_the_thing)
{
    lull_options options = support_options();

    if (_i != 0) {
        tear_down();
        options.debug = LULL_DEBUG_SCRIBBLE;
        options.tag_mask = 7;
        options.tag_value = 5;
        options.pointer_mask = ~(uintptr_t)7;
        set_up_with(options);
        open_pools();
    }
    struct response *r = response_get(t, &responses);
    root[0] = r;
    for (int i = 0; i < 300; i++) {
        r->header->status = i;
        lull_buffer_append(t, r->body, "0123456789", 10);
        lull_builder_append_int(t, r->log, i);
        if (i % 50 == 0) {
            collect();
        }
        ck_assert_int_eq(r->header->status, i);
    }
    ck_assert_uint_eq(r->body->length, 3000);
    ck_assert_mem_eq(r->body->data + 2990, "0123456789", 10);
    ck_assert_mem_eq(lull_builder_view(r->log), "0123456789101112", 16);
    response_put(t, &responses, r);
    root[0] = NULL;
    for (int i = 0; i < 4; i++) {
        collect();
    }
    ck_assert_uint_eq(in_use(), 0); /* and goes with it */
}
END_TEST

/* Each allocation collects, and the thread's stack is no root: what is being put together is. */
START_TEST(a_get_holds_what_it_has)
{
    lull_options options = support_options();

    tear_down();
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_STRESS;
    set_up_with(options);
    open_pools();
    for (int i = 0; i < 5; i++) {
        struct pair *p = pair_get(t, &pairs);
        root[i] = p;
        ck_assert(alive(p) && alive(p->first) && alive(p->second));
        ck_assert(alive(p->first->header) && alive(p->first->body) && alive(p->first->log));
        ck_assert(alive(p->second->body->data));
    }
    check_out(10, 10, 10, 10);
}
END_TEST

/* ---- scopes ---- */

enum { END, RETURN, BREAK, CONTINUE, GOTO, LEAVINGS };

static int leave(int how)
{
    int rounds = 0;

    for (; rounds < 2; rounds++) {
        LULL_POOLED(headers, header, t, responses.header);
        LULL_POOLED(lull_buffer, body, t, responses.body);
        LULL_POOLED(lull_builder, log, t, responses.log);
        LULL_POOLED(response, r, t, &responses);

        root[0] = body;
        header->status = 1;
        lull_buffer_append(t, body, "body", 4);
        lull_builder_append_string(t, log, "log");
        r->header->status = 2;
        check_out(1, 2, 2, 2);
        switch (how) {
        case RETURN: return rounds;
        case CONTINUE: continue;
        case GOTO: goto out;
        default: break;
        }
        if (how == BREAK) {
            break;
        }
    }
out:
    return rounds;
}

START_TEST(however_a_block_is_left)
{
    int rounds = leave(_i);

    ck_assert_int_eq(rounds, _i == END || _i == CONTINUE ? 2 : 0);
    check_out(0, 0, 0, 0);
}
END_TEST

static lull_buffer *make_body(int wanted)
{
    LULL_POOLED(lull_buffer, body, t, responses.body);

    if (lull_buffer_append(t, body, "made", 4) != LULL_OK || !wanted) {
        return NULL;
    }
    return lull_keep(body);
}

START_TEST(what_is_kept_leaves_the_scope)
{
    ck_assert_ptr_null(make_body(0));
    check_out(0, 0, 0, 0);
    lull_buffer *body = make_body(1);
    ck_assert_mem_eq(body->data, "made", 4);
    check_out(0, 0, 1, 0);
    {
        LULL_POOLED(lull_buffer, other, t, responses.body);
        ck_assert_ptr_ne(other, body);
        lull_buffer *was = other;
        other = body; /* what the variable holds at the end is put back */
        body = was;
    }
    check_out(0, 0, 1, 0);
    lull_buffer_put(t, responses.body, body);
    check_out(0, 0, 0, 0);
}
END_TEST

static int evaluated;

static lull_pool *evaluate(lull_pool *pool)
{
    evaluated++;
    return pool;
}

START_TEST(a_get_in_vain_leaves_nothing_to_put)
{
    headers_left = 0;
    {
        LULL_POOLED(headers, header, t, evaluate(responses.header));
        ck_assert_ptr_null(header);
    }
    ck_assert_int_eq(evaluated, 1);
    check_out(0, 1, 0, 0); /* a get in vain counts as one */
}
END_TEST

/* ---- memory that runs out ---- */

/* Somewhere on the way there is no more memory; what was put back can be had again. */
START_TEST(no_memory_half_way)
{
    lull_options options = support_options();
    struct response *list[6000];
    size_t count = 0;

    tear_down();
    options.heap_max = (size_t)1 << 20;
    options.mode = LULL_MODE_OFF; /* so that the list needs no roots */
    set_up_with(options);
    open_pools();
    while (count < 6000 && (list[count] = response_get(t, &responses)) != NULL) {
        count++;
    }
    ck_assert_uint_gt(count, 50);
    ck_assert_uint_lt(count, 6000);
    ck_assert_int_eq(lull_error(), LULL_E_LIMIT);
    for (size_t i = 0; i < count; i++) {
        response_put(t, &responses, list[i]);
    }
    for (size_t i = 0; i < count; i++) { /* all of it can be had again */
        list[i] = response_get(t, &responses);
        ck_assert_ptr_nonnull(list[i]);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("compose");

    tcase_add_checked_fixture(tests, set_up_pools, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_thing_has_its_parts);
    tcase_add_test(tests, a_get_that_fails_half_way);
    tcase_add_test(tests, a_thing_of_things);
    tcase_add_test(tests, a_part_taken_out);
    tcase_add_test(tests, pools_that_cannot_be_opened);
    tcase_add_loop_test(tests, parts_live_with_the_thing, 0, 2);
    tcase_add_test(tests, a_get_holds_what_it_has);
    tcase_add_loop_test(tests, however_a_block_is_left, 0, LEAVINGS);
    tcase_add_test(tests, what_is_kept_leaves_the_scope);
    tcase_add_test(tests, a_get_in_vain_leaves_nothing_to_put);
    tcase_add_test(tests, no_memory_half_way);
    return support_run(suite_create("compose"), tests);
}
