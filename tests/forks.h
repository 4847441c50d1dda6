/* forks.h -- forks, and a child that uses all of a heap. The suite defines _GNU_SOURCE. */
#ifndef LULL_TESTS_FORKS_H
#define LULL_TESTS_FORKS_H

#include <signal.h>
#include <sys/wait.h>

#include "pastimes.h"

static inline void expect_exit(pid_t child, int code)
{
    int status;

    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "the child: status %#x",
                  (unsigned)status);
}

static inline pid_t fork_here(void)
{
    fflush(NULL);
    pid_t child = fork();
    ensure(child >= 0, "fork: %s", strerror(errno));
    if (child == 0) {
        alarm(50); /* nobody waits for a child that hangs but its parent's timeout */
    }
    return child;
}

/* What a collection leaves, all of it swept. What marking counted may be more: two markers that
 * meet at an object count it twice. */
static inline uint64_t live_objects(lull_thread *t)
{
    lull_heap *of = lull_heap_of(t);

    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    lull_stats stats = {.struct_size = sizeof stats};
    ensure(lull_stats_read(of, &stats) == LULL_OK, "%s", lull_error_message());
    return stats.allocated_objects - stats.freed_objects;
}

static inline void count_finalized(lull_thread *t, void *object, void *arg)
{
    (void)t;
    (void)object;
    ++*(unsigned *)arg;
}

static unsigned finalized;

/* All that a heap can do, by its only thread, a precise one, whose roots hold `live` objects. */
static inline void use_all(lull_thread *t, uint64_t live)
{
    lull_heap *of = lull_heap_of(t);
    const lull_type *type = node_type(of);
    LULL_FRAME(t, frame, 3);
    lull_stats stats = {.struct_size = sizeof stats};

    ensure(lull_stats_read(of, &stats) == LULL_OK && stats.threads == 1, "%ju threads",
           (uintmax_t)stats.threads);
    for (int i = 0; i < 3; i++) { /* what pools and finalizers held for others */
        lull_finalizers_run(t, 0);
        live_objects(t);
    }
    uint64_t found = live_objects(t);
    ensure(found == live, "%ju live, not %ju", (uintmax_t)found, (uintmax_t)live);
    for (unsigned i = 0; i < 20; i++) {
        list_make_rooted(t, type, &frame.root[0], i, 500);
        list_check(frame.root[0], i, 500);
    }
    ensure(lull_alloc_any(t, 200000) != NULL, "%s", lull_error_message());
    ensure(live_objects(t) == live + 500, "its list, too");
    frame.root[1] = lull_weak_new(t, frame.root[0]);
    finalized = 0;
    ensure(lull_finalizer_set(t, frame.root[0], count_finalized, &finalized) == LULL_OK, "%s",
           lull_error_message());
    lull_handle *handle = lull_handle_new(t, frame.root[1]);
    frame.root[0] = NULL;
    ensure(live_objects(t) == live + 501, "revived to be finalized, and the weak reference");
    ensure(lull_weak_get(t, lull_handle_get(handle)) == NULL, "cleared");
    while (finalized == 0) { /* by itself, or by a thread of the heap's */
        lull_finalizers_run(t, 0);
        ensure(lull_blocking_begin(t) == LULL_OK && lull_blocking_end(t) == LULL_OK, "a section");
    }
    lull_handle_free(t, handle);
    frame.root[1] = NULL;
    lull_pool_options options = {.struct_size = sizeof options, .type = type};
    lull_pool *pool = lull_pool_create(of, &options);
    for (unsigned i = 0; i < 100; i++) {
        frame.root[2] = lull_pool_get(t, pool);
        lull_pool_put(t, pool, frame.root[2]);
    }
    ensure(lull_pool_destroy(pool) == LULL_OK, "%s", lull_error_message());
    frame.root[2] = NULL;
    lull_release_memory(t);
    ensure(live_objects(t) == live, "nothing is left");
    ensure(lull_frame_pop(t, &frame.head) == LULL_OK, "%s", lull_error_message());
}

/* In a child that had no thread attached. */
static inline void use_all_from_outside(lull_heap *of)
{
    lull_thread *t = mutator_attach(of, LULL_STACK_PRECISE);

    use_all(t, 0);
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_heap_destroy(of) == LULL_OK, "%s", lull_error_message());
}

/* Whether a test that forks beside threads can be told anything here; else it has said why not. */
static inline bool forks_stand(void)
{
    if (!support_child_threads()) {
        puts("1..0 # SKIP a child of several threads may start none here");
        return false;
    }
    /* AddressSanitizer's allocator, other than the C library's, does not wait for its own locks at
     * a fork: a child may find one taken for ever. */
    if (SUPPORT_SANITIZED) {
        puts("1..0 # SKIP a sanitizer's own locks do not stand forks beside threads");
        return false;
    }
    return true;
}

#endif
