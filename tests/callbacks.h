/* callbacks.h -- every call of the library that a callback may make, by what happens to it there;
 * and what must be as before when all that is refused was tried. */
#ifndef LULL_TESTS_CALLBACKS_H
#define LULL_TESTS_CALLBACKS_H

#include <lull/inline.h>

#include "mutators.h"

#include "fixture.h"

/* What the calls are given; none of it is changed by a call that is refused. */
static lull_pool *pool;       /* objects of malloc's, one of them in the thread's magazine */
static lull_pool *empty_pool; /* of `small` */
static lull_buffer_pool *buffers;
static lull_builder_pool *builders;
static lull_buffer *buffer; /* without room */
static lull_builder *builder;
static lull_handle *handle;       /* holds root[1] */
static lull_weak *weak;           /* of root[1] */
static lull_ephemeron *ephemeron; /* of root[1], its value is root[1] */
static const lull_type *small;    /* whose allocation needs no slow path outside */
static void *field;               /* of the program's: NULL */
static _Thread_local bool spins;  /* a thread that is met by signals alone */

/* How often all calls were refused: to the thread t, to others that are attached, to the heap's own
 * threads, and in a signal handler. */
static atomic_uint by_t, by_others, by_strangers, by_signal;

static void check_refused(const char *call, bool failed)
{
    const char *said = lull_error_message();

    ensure(failed && lull_error() == LULL_E_STATE && strncmp(said, call, strlen(call)) == 0 &&
               strncmp(said + strlen(call), " inside ", 8) == 0,
           "%s: %s", call, said);
}

#define REFUSED(call, result) check_refused(#call, (call result))
/* of one that returns nothing */
#define REFUSED_VOID(call, arguments) (call arguments, check_refused(#call, true))

/* ---- what no callback may do but `make` and finalizers ---- */

static void try_to_allocate(lull_thread *self)
{
    check_refused("allocation", lull_alloc_leaf(self, 100000) == NULL);
    check_refused("allocation", lull_alloc_any(self, 100000) == NULL);
    check_refused("allocation", lull_alloc_array(self, small, 10000) == NULL);
    check_refused("allocation", lull_alloc_slow(self, small) == NULL);
}

/* By who is attached: with its own thread, whose cache has slots. */
static void try_to_allocate_inline(lull_thread *self)
{
    LULL_FRAME(self, frame, 1); /* frames may be pushed, and are popped */

    ensure((const void *)self->head.caches != self->caches, "the thread's caches are hidden");
    check_refused("allocation", lull_alloc(self, small) == NULL);
    check_refused("allocation", lull_alloc_inline(self, small) == NULL);
    check_refused("allocation", lull_alloc_leaf(self, 16) == NULL);
    check_refused("allocation", lull_alloc_any(self, 16) == NULL);
    check_refused("allocation", lull_weak_new(self, root[1]) == NULL);
    check_refused("allocation", lull_ephemeron_new(self, root[1], root[1]) == NULL);
    check_refused("growth of a buffer", lull_buffer_reserve(self, buffer, 100000) == LULL_E_STATE);
    ensure(lull_frame_pop(self, &frame.head) == LULL_OK, "%s", lull_error_message());
}

static void try_to_collect(lull_thread *self)
{
    check_refused("a collection", lull_collect(self) == LULL_E_STATE);
    check_refused("a collection", lull_release_memory(self) == 0);
    REFUSED(lull_detach, (self) == LULL_E_STATE);
    REFUSED(lull_blocking_begin, (self) == LULL_E_STATE);
    REFUSED(lull_blocking_end, (self) == LULL_E_STATE);
    REFUSED(lull_finalizers_run, (self, 0) == 0);
}

/* ---- what, of the rest, no_memory may do ---- */

static void try_pools(lull_thread *self)
{
    lull_pool_options options = {.struct_size = sizeof options, .type = small};
    lull_pool_bounds bounds = {.max_idle = 1};
    lull_pool_stats stats;
    lull_buffer_pool_stats buffer_stats;

    REFUSED(lull_pool_create, (heap, &options) == NULL);
    REFUSED(lull_pool_destroy, (empty_pool) == LULL_E_STATE);
    REFUSED(lull_pool_set_bounds, (empty_pool, &bounds) == LULL_E_STATE);
    REFUSED(lull_pool_bounds_read, (empty_pool, &bounds) == LULL_E_STATE);
    REFUSED(lull_pool_resize, (pool, 128) == LULL_E_STATE);
    REFUSED(lull_pool_stats_read, (pool, &stats) == LULL_E_STATE);
    REFUSED(lull_pools_read, (heap, &stats, 1) == 0);
    REFUSED(lull_pool_misuses, (heap) == 0);
    REFUSED(lull_pool_report_to, (heap, NULL, NULL) == LULL_E_STATE);
    REFUSED(lull_buffer_pool_create, (heap, NULL) == NULL);
    REFUSED(lull_buffer_pool_destroy, (buffers) == LULL_E_STATE);
    REFUSED(lull_buffer_pool_stats_read, (buffers, &buffer_stats) == LULL_E_STATE);
    REFUSED(lull_buffer_get, (self, buffers) == NULL);
    REFUSED(lull_buffer_get_sized, (self, buffers, 100) == NULL);
    REFUSED_VOID(lull_buffer_put, (self, buffers, buffer));
    check_refused("lull_buffer_get", lull_builder_get(self, builders) == NULL);
    REFUSED_VOID(lull_builder_put, (self, builders, builder));
    check_refused("lull_pool_get", lull_pool_get_slow(self, empty_pool) == NULL);
    check_refused("lull_pool_put", (lull_pool_put_slow(self, empty_pool, root[1]), true));
}

static void try_types_and_roots(lull_thread *self)
{
    static const size_t offset;

    REFUSED(lull_type_leaf, (heap, "type", 16) == NULL);
    REFUSED(lull_type_record, (heap, "type", 16, &offset, 1) == NULL);
    REFUSED(lull_type_conservative, (heap, "type", 16) == NULL);
    REFUSED(lull_type_custom, (heap, "type", 16, NULL, NULL) == NULL);
    REFUSED(lull_roots_add, (heap, &field, sizeof field) == LULL_E_STATE);
    REFUSED(lull_roots_add_unbarriered, (heap, &field, sizeof field) == LULL_E_STATE);
    REFUSED(lull_roots_remove, (heap, root, sizeof root) == LULL_E_STATE);
    REFUSED(lull_set_tracer, (self, NULL, NULL) == LULL_E_STATE);
    REFUSED(lull_handle_new, (self, root[1]) == NULL);
    REFUSED_VOID(lull_handle_set, (self, handle, NULL));
    REFUSED_VOID(lull_handle_free, (self, handle));
    REFUSED(lull_weak_get, (self, weak) == NULL);
    REFUSED(lull_ephemeron_key, (self, ephemeron) == NULL);
    REFUSED(lull_ephemeron_value, (self, ephemeron) == NULL);
    REFUSED_VOID(lull_ephemeron_set, (self, ephemeron, NULL));
    REFUSED(lull_finalizer_set, (self, root[1], NULL, NULL) == LULL_E_STATE);
}

static void try_the_heap(lull_thread *self)
{
    lull_stats stats = {.struct_size = sizeof stats};
    lull_heap *other = NULL;

    REFUSED(lull_heap_create, (NULL, &other) == LULL_E_STATE);
    REFUSED(lull_heap_destroy, (heap) == LULL_E_STATE);
    REFUSED(lull_set_gc_percent, (heap, 1) == LULL_PERCENT_OFF - 1);
    REFUSED(lull_set_memory_limit, (heap, 1) == 0);
    REFUSED(lull_stats_read, (heap, &stats) == LULL_E_STATE);
    REFUSED(lull_events_subscribe, (heap, NULL, NULL) == LULL_E_STATE);
    REFUSED(lull_attach, (heap, LULL_STACK_PRECISE) == NULL);
    REFUSED(lull_stack_set, (self, &stats, &stats + 1) == LULL_E_STATE);
    check_refused("lull_safepoint", (lull_safepoint_slow(self), true));
}

/* ---- what a pool's `reset` and `destroy` may do ---- */

static void try_to_store(lull_thread *self)
{
    void *expected = NULL, *source = root[1];

    check_refused("lull_store", (lull_store_slow(self, &field, root[1]), true));
    REFUSED(lull_exchange, (self, &field, root[1]) == NULL);
    REFUSED(lull_compare_exchange, (self, &field, &expected, root[1]) == 0);
    REFUSED_VOID(lull_move, (self, &field, &source, 1));
    ensure(field == NULL && expected == NULL, "nothing was stored");
}

/* ---- what all may do ---- */

static void use_what_is_for_all(void)
{
    lull_options options;

    ensure(lull_event_count() > 0 && lull_event_name(0) != NULL && lull_event_field(0, 0) != NULL,
           "the table of events");
    ensure(strcmp(lull_strerror(LULL_OK), "no error") == 0 && lull_version() != NULL, "names");
    ensure(lull_pause_kind_name(LULL_PAUSE_STOP) != NULL &&
               lull_pool_misuse_name(LULL_POOL_DOUBLE_PUT) != NULL &&
               lull_pool_drop_name(LULL_POOL_DROP_FULL) != NULL,
           "names");
    ensure(strcmp(lull_type_name(small), "small") == 0 && lull_type_size(small) == 48, "a type");
    ensure(strcmp(lull_pool_name(pool), "malloc's") == 0, "a pool");
    ensure(lull_good_size(100) >= 100, "sizes");
    ensure(lull_object_of(heap, (uintptr_t)root[1]).base == root[1], "an object");
    ensure(lull_handle_get(handle) == root[1], "a handle");
    ensure(lull_heap_of(t) == heap && lull_finalizers_pending(heap) <= 1, "the heap");
    lull_options_init(&options);
}

/* ---- all together ---- */

static void count_refusals(const lull_thread *self)
{
    atomic_fetch_add(self == t ? &by_t : self != NULL ? &by_others : &by_strangers, 1);
    if (spins) {
        atomic_fetch_add(&by_signal, 1);
    }
}

static void try_all_calls(lull_thread *any)
{
    try_to_allocate(any);
    try_to_collect(any);
    try_pools(any);
    try_types_and_roots(any);
    try_the_heap(any);
}

/* In a callback by which the heap may be in pieces. */
static void try_everything(void)
{
    lull_thread *self = lull_self(heap), *any = self != NULL ? self : t;

    try_all_calls(any);
    try_to_store(any);
    if (self != NULL) {
        try_to_allocate_inline(self);
        check_refused("lull_store", (lull_store(self, &field, root[1]), field == NULL));
    }
    use_what_is_for_all();
    count_refusals(self);
}

/* In a callback of a pool's that runs between two steps of its thread's. */
static void try_all_but_stores(void)
{
    lull_thread *self = lull_self(heap), *any = self != NULL ? self : t;

    try_all_calls(any);
    if (self != NULL) {
        try_to_allocate_inline(self);
        lull_store(self, &root[7], root[1]);
        ensure(root[7] == root[1], "a store");
        lull_store(self, &root[7], NULL);
    }
    use_what_is_for_all();
    count_refusals(self);
}

#endif
