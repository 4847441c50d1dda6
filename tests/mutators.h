/* mutators.h -- what the suites with several threads share: threads, words to meet at, pointers
 * hidden from the collector, lists that know what they hold, a collection held open. */
#ifndef LULL_TESTS_MUTATORS_H
#define LULL_TESTS_MUTATORS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "support.h"

/* ThreadSanitizer keeps signals for the next call of the C library, and those that come in a call
 * that blocks for the end of it. */
#if defined(__SANITIZE_THREAD__)
#define SIGNALS_WAIT 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIGNALS_WAIT 1
#endif
#endif

/* ---- threads ---- */

static inline pthread_t mutator_start(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    ensure(pthread_create(&thread, NULL, run, arg) == 0, "a thread to start");
    return thread;
}

static inline void mutator_join(pthread_t thread)
{
    ensure(pthread_join(thread, NULL) == 0, "a thread to join");
}

static inline lull_thread *mutator_attach(lull_heap *heap, lull_stack_kind kind)
{
    lull_thread *t = lull_attach(heap, kind);

    ensure(t != NULL, "%s", lull_error_message());
    return t;
}

/* Waits until *word is at least `value`. Nobody is measured: who waits for ever is ended by the
 * suite's timeout. */
static inline void mutator_await(atomic_uint *word, unsigned value)
{
    while (atomic_load(word) < value) {
        sched_yield();
    }
}

/* The same in a blocking section: collections go on meanwhile. */
static inline void mutator_await_blocked(lull_thread *t, atomic_uint *word, unsigned value)
{
    ensure(lull_blocking_begin(t) == LULL_OK, "%s", lull_error_message());
    mutator_await(word, value);
    ensure(lull_blocking_end(t) == LULL_OK, "%s", lull_error_message());
}

/* Tells the library the calling thread's own stack again. The suite defines _GNU_SOURCE. */
#ifdef _GNU_SOURCE
static inline void mutator_own_stack(lull_thread *t)
{
    pthread_attr_t attr;
    void *low;
    size_t size;

    ensure(pthread_getattr_np(pthread_self(), &attr) == 0, "attributes");
    ensure(pthread_attr_getstack(&attr, &low, &size) == 0, "a stack");
    pthread_attr_destroy(&attr);
    ensure(lull_stack_set(t, low, (char *)low + size) == LULL_OK, "%s", lull_error_message());
}
#endif

/* ---- pointers the collector does not see ---- */

typedef uintptr_t hidden;

static inline hidden hide(const void *object)
{
    return ~(uintptr_t)object;
}

static inline void *reveal(hidden word)
{
    return (void *)~word;
}

/* Writes over the stack below the caller, where earlier calls left words of theirs. Without
 * AddressSanitizer, which would leave gaps. */
static __attribute__((noinline, unused, no_sanitize_address)) void scrub_stack(void)
{
    volatile char rubbish[16384];

    for (size_t i = 0; i < sizeof rubbish; i++) {
        rubbish[i] = 0;
    }
    __asm__ volatile("" ::"r"(rubbish) : "memory");
}

/* ---- lists ---- */

struct node {
    struct node *next;
    uint64_t number;
    uint64_t check; /* of the number: what is scribbled over or handed out twice shows */
};

static inline uint64_t node_check(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static inline const lull_type *node_type(lull_heap *heap)
{
    const lull_type *type = LULL_RECORD(heap, struct node, next);

    ensure(type != NULL, "%s", lull_error_message());
    return type;
}

static inline void node_fill(lull_thread *t, struct node *node, struct node *next, uint64_t number)
{
    ensure(node->next == NULL && node->number == 0 && node->check == 0, "fresh objects are zero");
    lull_store(t, &node->next, next);
    node->number = number;
    node->check = node_check(number);
}

/* A list numbered `first` to first + count - 1 from its head. For conservative threads. */
static inline struct node *list_make(lull_thread *t, const lull_type *type, uint64_t first,
                                     unsigned count)
{
    struct node *list = NULL;

    for (unsigned i = count; i-- > 0;) {
        struct node *node = lull_alloc(t, type);
        ensure(node != NULL, "%s", lull_error_message());
        node_fill(t, node, list, first + i);
        list = node;
    }
    return list;
}

/* The same for any thread: *root is one of its roots, and holds the list after. */
static inline void list_make_rooted(lull_thread *t, const lull_type *type, void **root,
                                    uint64_t first, unsigned count)
{
    *root = NULL;
    for (unsigned i = count; i-- > 0;) {
        struct node *node = lull_alloc(t, type);
        ensure(node != NULL, "%s", lull_error_message());
        node_fill(t, node, *root, first + i);
        *root = node;
    }
}

static inline void list_check(const struct node *list, uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++, list = list->next) {
        ensure(list != NULL, "node %u of %u is there", i, count);
        ensure(list->number == first + i && list->check == node_check(first + i),
               "node %u of %u is %#jx with check %#jx", i, count, (uintmax_t)list->number,
               (uintmax_t)list->check);
    }
    ensure(list == NULL, "%u nodes and no more", count);
}

/* ---- heaps for storms ---- */

/* For loops over what marks how. */
static const lull_mode storm_modes[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT,
                                        LULL_MODE_INCREMENTAL};
#define STORM_MODES ((int)(sizeof storm_modes / sizeof storm_modes[0]))

/* Collects often and looks at all it does. */
static inline lull_options storm_options(lull_mode mode)
{
    lull_options options = support_options();

    options.mode = mode;
    options.gc_percent = 100;
    options.heap_min = 128 * 1024;
    options.markers = 2;
    options.debug = LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE;
    return options;
}

/* ---- a collection held open ---- */

/* A thread of the heap whose tracer waits in the middle of marking until the door opens. */
struct door {
    lull_heap *heap;
    atomic_uint inside, open;
    pthread_t keeper;
};

static inline void door_trace(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    struct door *door = arg;

    (void)tracer;
    (void)object;
    (void)size;
    atomic_store(&door->inside, 1);
    mutator_await(&door->open, 1);
}

static inline void *door_keep(void *arg)
{
    struct door *door = arg;
    lull_thread *t = mutator_attach(door->heap, LULL_STACK_PRECISE);

    ensure(lull_set_tracer(t, door_trace, door) == LULL_OK, "%s", lull_error_message());
    ensure(lull_collect(t) == LULL_OK, "%s", lull_error_message());
    ensure(lull_detach(t) == LULL_OK, "%s", lull_error_message());
    return NULL;
}

/* Begins a collection on a thread of its own; when it returns, or soon after, the collection has
 * stopped every thread and waits at the door. */
static inline void door_close(struct door *door, lull_heap *heap)
{
    door->heap = heap;
    atomic_store(&door->inside, 0);
    atomic_store(&door->open, 0);
    door->keeper = mutator_start(door_keep, door);
}

static inline void door_open(struct door *door)
{
    atomic_store(&door->open, 1);
    mutator_join(door->keeper);
}

#endif
