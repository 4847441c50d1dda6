/* test_exhaust.c -- no memory, at each of the library's own allocations in turn.
 *
 * A scripted life of a heap runs again and again; in run n the n-th call of the library to malloc
 * or to the system for memory or a thread fails, and all after it for a while. Whatever fails must
 * say so, nothing may crash or leak, and the heap must be usable when there is memory again. The
 * runs end with the first one in which nothing failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lull.h>

#include "os.h"
#include "support.h"

#define PLENTY 1000000000
#define FAILS 3 /* calls in a row that fail */

static atomic_long until = PLENTY; /* calls left before the first that fails */
static atomic_bool failed; /* one has */

static bool fails(void)
{
    long left = atomic_fetch_sub(&until, 1);

    if (left > 0 || left <= -FAILS) {
        return false;
    }
    atomic_store(&failed, true);
    return true;
}

#define WRAP(type, name, parameters, arguments, none)                                              \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails() ? none : __real_##name arguments;                                           \
    }

WRAP(void *, malloc, (size_t bytes), (bytes), NULL)
WRAP(void *, calloc, (size_t count, size_t bytes), (count, bytes), NULL)
WRAP(char *, strdup, (const char *text), (text), NULL)
WRAP(void *, lull__os_map, (size_t bytes), (bytes), NULL)
WRAP(void *, lull__os_reserve, (size_t bytes), (bytes), NULL)
WRAP(bool, lull__os_commit, (void *start, size_t bytes), (start, bytes), false)
WRAP(bool, lull__os_thread_start,
     (pthread_t * thread, void *(*run)(void *), void *arg, const char *name),
     (thread, run, arg, name), false)

typedef struct node {
    struct node *next, *other;
} node;

static void finalize(lull_thread *t, void *object, void *arg)
{
    (void)t, (void)object, (void)arg;
}

/* Below only `ensure`: Check's assertions allocate.
 *
 * NULL only where a call failed, and with a code that says so. */
static void *got(void *result)
{
    if (result == NULL) {
        ensure(atomic_load(&failed), "nothing failed, and there is no result");
        ensure(lull_error() == LULL_E_NO_MEMORY || lull_error() == LULL_E_LIMIT, "%d",
               lull_error());
    }
    return result;
}

static const lull_type *got_type(const lull_type *type)
{
    return got((void *)(uintptr_t)type);
}

/* A list, a wide object, a large one; what could be had of them is whole. */
static void allocate(lull_thread *t, const lull_type *type)
{
    node *list = NULL;
    size_t made = 0, found = 0;

    for (int i = 0; i < 3000; i++) {
        node *n = got(lull_alloc(t, type));
        if (n != NULL) {
            lull_store(t, &n->next, list);
            list = n;
            made++;
        }
    }
    void **wide = got(lull_alloc_any(t, 20000));
    for (size_t i = 0; wide != NULL && i < 2000; i++) {
        lull_store(t, &wide[i], got(lull_alloc(t, type)));
    }
    got(lull_alloc_leaf(t, 300000));
    got(lull_alloc_array(t, type, 5000));
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    for (const node *n = list; n != NULL; n = n->next) {
        found++;
    }
    ensure(found == made, "%zu of %zu", found, made);
}

static void use_weak_things(lull_thread *t, const lull_type *type)
{
    node *n = got(lull_alloc(t, type));

    if (n == NULL) {
        return;
    }
    lull_handle *handle = got(lull_handle_new(t, n));
    lull_weak *weak = got(lull_weak_new(t, n));
    got(lull_ephemeron_new(t, n, n));
    int status = lull_finalizer_set(t, n, finalize, NULL);
    ensure(status == LULL_OK || (status == LULL_E_NO_MEMORY && atomic_load(&failed)), "%d", status);
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    ensure(weak == NULL || lull_weak_get(t, weak) == n, "%p", (void *)n);
    lull_handle_free(t, handle);
    lull_finalizers_run(t, 0);
}

static void use_pool(lull_heap *heap, lull_thread *t, const lull_type *type)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "nodes", .type = type};
    lull_pool *pool = got(lull_pool_create(heap, &options));
    void *object[200] = {NULL};

    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < 200; i++) {
        object[i] = got(lull_pool_get(t, pool));
    }
    for (size_t i = 0; i < 200; i++) {
        lull_pool_put(t, pool, object[i]);
    }
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_pool_destroy(pool) == LULL_OK, "%s", lull_error_message());
}

#define PAIR_PARTS(PART) PART(lull_buffer, body) PART(lull_builder, log)
LULL_COMPOSED(pair, PAIR_PARTS)

/* Things of a buffer and a builder that grow as far as there is memory. */
static void use_pairs(lull_thread *t, struct pair_pool *pairs)
{
    struct pair *pair[50] = {NULL};

    for (size_t i = 0; i < 50; i++) {
        pair[i] = got(pair_get(t, pairs));
        for (size_t k = 0; pair[i] != NULL && k < 20 * i; k++) {
            size_t length = pair[i]->body->length;
            int status = lull_buffer_append(t, pair[i]->body, "0123456789", 10);
            ensure(status == LULL_OK || pair[i]->body->length == length, "%d", status);
            got(status == LULL_OK ? pair[i] : NULL);
            lull_builder_append_uint(t, pair[i]->log, k);
        }
        if (pair[i] != NULL) {
            got(lull_builder_copy(t, pair[i]->log));
        }
    }
    for (size_t i = 0; i < 50; i++) {
        pair_put(t, pairs, pair[i]);
    }
}

static void use_composed(lull_heap *heap, lull_thread *t)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options, .calibration_puts = 20};
    struct pair_pool pairs = {.body = got(lull_buffer_pool_create(heap, &options)),
                              .log = got(lull_builder_pool_create(heap, &options))};

    if (pairs.body != NULL && pairs.log != NULL) {
        int status = pair_pool_open(&pairs, heap, "pairs");
        if (got(status == LULL_OK ? &pairs : NULL) != NULL) {
            use_pairs(t, &pairs);
            use_pairs(t, &pairs);
            ensure(pair_pool_close(&pairs) == LULL_OK, "%s", lull_error_message());
        }
    }
    lull_buffer_pool_destroy(pairs.body);
    lull_builder_pool_destroy(pairs.log);
}

static void use(lull_heap *heap)
{
    static uintptr_t globals[4];
    lull_thread *t = got(lull_attach(heap, LULL_STACK_CONSERVATIVE));

    if (t == NULL) {
        return;
    }
    const lull_type *type = got_type(LULL_RECORD(heap, node, next, other));
    int status = lull_roots_add(heap, globals, sizeof globals);
    ensure(status == LULL_OK || (status == LULL_E_NO_MEMORY && atomic_load(&failed)), "%d", status);
    if (type != NULL) {
        allocate(t, type);
        use_weak_things(t, type);
        use_pool(heap, t, type);
    }
    use_composed(heap, t);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
}

/* One life with the n-th call failing; false: none did. */
static bool live(long n, lull_mode mode)
{
    lull_options options = support_options();
    lull_heap *heap;

    options.mode = mode;
    options.markers = 2;
    atomic_store(&failed, false);
    atomic_store(&until, n);
    int status = lull_heap_create(&options, &heap);
    ensure(status == LULL_OK || (status == LULL_E_NO_MEMORY && atomic_load(&failed)), "%d", status);
    if (status == LULL_OK) {
        use(heap);
        atomic_store(&until, PLENTY);
        use(heap); /* there is memory again */
        ensure(lull_heap_destroy(heap) == LULL_OK, "%s", lull_error_message());
    }
    atomic_store(&until, PLENTY);
    return atomic_load(&failed);
}

START_TEST(each_call_fails_in_turn)
{
    static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT};
    long n = 0;

    while (live(n, modes[_i])) {
        n++;
    }
    ck_assert_int_gt(n, 20); /* so many calls there are at least */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("exhaust");

    atomic_store(&until, PLENTY);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, each_call_fails_in_turn, 0, 2);
    return support_run(suite_create("exhaust"), tests);
}
