/* backend_boehm.c -- the cold side of the Boehm GC backend.
 *
 * A pause is from before the world is asked to stop until after it was started again; as lull's
 * do, it counts for each thread that it keeps from its work. While the world stands still, all CPU
 * that the process uses is the collector's: that is gc_cpu_ns. Its lazy sweeping, done by threads
 * as they allocate, cannot be told apart and is in neither figure. */
#include "backend_boehm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend.h"
#include "mmu.h"
#include "registry.h"

#define HEAP_LEAST ((size_t)4 << 20)

struct lab_heap {
    struct lab_type type[LAB_BOEHM_TYPES];
    unsigned type_count;
    lab_pool *pool[LAB_MAGAZINE_POOLS];
    unsigned pool_count;
    bool pools_on;
};

atomic_int lab_boehm_running;

/* Written in the collector's event callback, which holds its lock. */
static struct {
    lab_histogram *pauses;
    uint64_t stop_ns;
    uint64_t stop_cpu_ns;
    uint64_t gc_cpu_ns;
    uint64_t cycles_before;
    uint64_t bytes_before;
} watch;

const lab_type *lab_boehm_type(lab_heap *heap, size_t size, bool leaf)
{
    struct lab_type *type = &heap->type[heap->type_count];

    if (heap->type_count == LAB_BOEHM_TYPES) {
        lab_fail("more than %d types in one workload", LAB_BOEHM_TYPES);
        abort();
    }
    type->size = size;
    type->index = heap->type_count++;
    type->leaf = leaf;
    return type;
}

void lab_boehm_refill(lab_thread *t, const lab_type *type)
{
    /* With interior pointers a byte more than asked for, as GC_MALLOC has it too: a pointer to the
     * end of an object must keep that one alive, and not the next. */
    size_t wanted = type->size + (GC_get_all_interior_pointers() ? 1 : 0);
    size_t bytes = (wanted + GC_GRANULE_BYTES - 1) / GC_GRANULE_BYTES * GC_GRANULE_BYTES;

    GC_generic_malloc_many(bytes, GC_I_NORMAL, &t->list[type->index]);
    if (t->list[type->index] == NULL) {
        lab_out_of_memory(type->size);
    }
}

lab_pool *lab_boehm_pool(lab_heap *heap, const lab_type *type)
{
    lab_pool *pool = lab__got(calloc(1, sizeof *pool), sizeof *pool);

    if (heap->pool_count == LAB_MAGAZINE_POOLS) {
        lab_fail("more than %d pools in one workload", LAB_MAGAZINE_POOLS);
        abort();
    }
    pthread_mutex_init(&pool->depot.lock, NULL);
    pool->type = type;
    pool->on = heap->pools_on;
    pool->index = heap->pool_count;
    heap->pool[heap->pool_count++] = pool;
    /* The depot's array is uncollectable memory and so a root, but this is where it is found
     * from: the pool itself lies in malloc's memory. */
    return pool;
}

void **lab_boehm_grow(void **old, size_t old_count, size_t count)
{
    void **grown =
        lab__got(GC_MALLOC_UNCOLLECTABLE(count * sizeof(void *)), count * sizeof(void *));

    if (old != NULL) {
        memcpy(grown, old, old_count * sizeof(void *));
        GC_FREE(old);
    }
    return grown;
}

static uint64_t process_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void GC_CALLBACK on_event(GC_EventType event)
{
    if (event == GC_EVENT_PRE_STOP_WORLD) {
        watch.stop_ns = lab_now_ns();
        watch.stop_cpu_ns = process_cpu_ns();
    } else if (event == GC_EVENT_POST_START_WORLD) {
        uint64_t now_ns = lab_now_ns(), pause_ns = now_ns - watch.stop_ns;
        int threads = atomic_load_explicit(&lab_boehm_running, memory_order_relaxed);

        for (int i = 0; i < threads; i++) {
            lab_histogram_record(watch.pauses, pause_ns);
        }
        lab_mmu_note(0, now_ns, pause_ns); /* all threads alike */
        watch.gc_cpu_ns += process_cpu_ns() - watch.stop_cpu_ns;
    }
}

static lab_heap *open_heap(const lab_params *params)
{
    lab_heap *heap = lab__got(calloc(1, sizeof *heap), sizeof *heap);

    heap->pools_on = params->pools;
    watch.pauses = lab_histogram_new();
    /* where objects do not point into others it needs no byte beyond an object's end, for which
     * 32 bytes would be 48; stacks are scanned for interior pointers all the same */
    GC_set_all_interior_pointers(params->interior);
    GC_INIT();
    GC_set_warn_proc(GC_ignore_warn_proc); /* what fails says so by itself */
    GC_expand_hp(HEAP_LEAST);
    GC_allow_register_threads();
    GC_set_on_collection_event(on_event);
    if (!params->collect) {
        GC_disable();
    }
    return heap;
}

static void close_heap(lab_heap *heap)
{
    GC_set_on_collection_event(NULL);
    for (unsigned i = 0; i < heap->pool_count; i++) {
        GC_FREE(heap->pool[i]->depot.object);
        free(heap->pool[i]);
    }
    free(heap);
    lab_histogram_free(watch.pauses);
}

static lab_thread *attach(lab_heap *heap)
{
    struct GC_stack_base base;
    lab_thread *thread;

    GC_get_stack_base(&base);
    GC_register_my_thread(&base); /* says so of the main thread, which is registered already */
    thread = lab__got(GC_MALLOC_UNCOLLECTABLE(sizeof *thread), sizeof *thread);
    thread->heap = heap;
    atomic_fetch_add(&lab_boehm_running, 1);
    return thread;
}

static void detach(lab_thread *thread)
{
    for (unsigned i = 0; i < thread->heap->pool_count; i++) {
        lab_magazine_retire(&thread->magazine[i], &thread->heap->pool[i]->depot, lab_boehm_grow);
    }
    atomic_fetch_sub(&lab_boehm_running, 1);
    GC_FREE(thread);
    GC_unregister_my_thread();
}

static void release(lab_thread *thread)
{
    (void)thread;
    GC_gcollect_and_unmap();
}

static void count_begin(lab_heap *heap, lab_thread *thread)
{
    for (unsigned i = 0; i < heap->pool_count; i++) {
        lab_magazine_reset_counts(&thread->magazine[i], &heap->pool[i]->depot);
    }
    lab_histogram_clear(watch.pauses);
    watch.gc_cpu_ns = 0;
    watch.cycles_before = GC_get_gc_no();
    watch.bytes_before = GC_get_total_bytes();
}

static void count_end(lab_heap *heap, lab_thread *thread, lab_result *result)
{
    result->cycles = (int64_t)(GC_get_gc_no() - watch.cycles_before);
    result->allocated_bytes = (int64_t)(GC_get_total_bytes() - watch.bytes_before);
    result->gc_cpu_ns = (int64_t)watch.gc_cpu_ns;
    result->pause = lab_histogram_summary(watch.pauses);
    if (heap->pools_on && heap->pool_count > 0) {
        result->pool = (lab_pool_counts){.drops = LAB_UNKNOWN};
        for (unsigned i = 0; i < heap->pool_count; i++) {
            lab_magazine_counts(&thread->magazine[i], &heap->pool[i]->depot, &result->pool);
        }
    }
}

static const char *version(void)
{
    static char text[32];
    unsigned v = GC_get_version();

    snprintf(text, sizeof text, "%u.%u.%u", v >> 16, (v >> 8) & 0xff, v & 0xff);
    return text;
}

const lab_backend lab_backend_boehm = {
    .name = "boehm",
    .label = "Boehm GC",
    .traits = LAB_HAS_MODE | LAB_IS_COLLECTOR | LAB_TELLS_PAUSES,
    .workloads = lab_workloads_boehm,
    .open = open_heap,
    .close = close_heap,
    .attach = attach,
    .detach = detach,
    .blocking_begin = lab_blocking_begin,
    .blocking_end = lab_blocking_end,
    .release = release,
    .count_begin = count_begin,
    .count_end = count_end,
    .version = version,
};
