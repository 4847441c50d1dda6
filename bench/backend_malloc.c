/* backend_malloc.c -- the cold side of the malloc backend. */
#include "backend_malloc.h"

#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#else
static int malloc_trim(size_t pad)
{
    return pad == 0; /* other libraries have no such thing */
}
#endif

#include "backend.h"
#include "registry.h"

#define TYPES_MAX 64

struct lab_heap {
    struct lab_type type[TYPES_MAX];
    unsigned type_count;
    lab_pool *pool[LAB_MAGAZINE_POOLS];
    unsigned pool_count;
    bool pools_on;
};

const lab_type *lab_malloc_type(lab_heap *heap, size_t size, bool leaf)
{
    struct lab_type *type = &heap->type[heap->type_count];

    if (heap->type_count == TYPES_MAX) {
        lab_fail("more than %d types in one workload", TYPES_MAX);
        abort();
    }
    heap->type_count++;
    type->size = size;
    type->leaf = leaf;
    return type;
}

lab_pool *lab_malloc_pool(lab_heap *heap, const lab_type *type)
{
    lab_pool *pool = lab__got(calloc(1, sizeof *pool), sizeof *pool);

    if (heap->pool_count == LAB_MAGAZINE_POOLS) {
        lab_fail("more than %d pools in one workload", LAB_MAGAZINE_POOLS);
        abort();
    }
    pthread_mutex_init(&pool->depot.lock, NULL);
    pool->size = type->size;
    pool->leaf = type->leaf;
    pool->on = heap->pools_on;
    pool->index = heap->pool_count;
    heap->pool[heap->pool_count++] = pool;
    return pool;
}

void **lab_malloc_grow(void **old, size_t old_count, size_t count)
{
    (void)old_count;
    return lab__got(realloc(old, count * sizeof(void *)), count * sizeof(void *));
}

static lab_heap *open_heap(const lab_params *params)
{
    lab_heap *heap = lab__got(calloc(1, sizeof *heap), sizeof *heap);

    heap->pools_on = params->pools;
    return heap;
}

/* What pools still keep is left to the end of the process, as a program would. */
static void close_heap(lab_heap *heap)
{
    for (unsigned i = 0; i < heap->pool_count; i++) {
        free(heap->pool[i]->depot.object);
        free(heap->pool[i]);
    }
    free(heap);
}

static lab_thread *attach(lab_heap *heap)
{
    lab_thread *thread = lab__got(calloc(1, sizeof *thread), sizeof *thread);

    thread->heap = heap;
    return thread;
}

static void detach(lab_thread *thread)
{
    for (unsigned i = 0; i < thread->heap->pool_count; i++) {
        lab_magazine_retire(&thread->magazine[i], &thread->heap->pool[i]->depot, lab_malloc_grow);
    }
    free(thread);
}

static void blocking(lab_thread *thread)
{
    (void)thread;
}

static void release(lab_thread *thread)
{
    (void)thread;
    malloc_trim(0);
}

static void count_begin(lab_heap *heap, lab_thread *thread)
{
    for (unsigned i = 0; i < heap->pool_count; i++) {
        lab_magazine_reset_counts(&thread->magazine[i], &heap->pool[i]->depot);
    }
}

static void count_end(lab_heap *heap, lab_thread *thread, lab_result *result)
{
    if (heap->pools_on && heap->pool_count > 0) {
        result->pool = (lab_pool_counts){.drops = LAB_UNKNOWN};
        for (unsigned i = 0; i < heap->pool_count; i++) {
            lab_magazine_counts(&thread->magazine[i], &heap->pool[i]->depot, &result->pool);
        }
    }
}

static const char *version(void)
{
    return lab_libc_version();
}

const lab_backend lab_backend_malloc = {
    .name = "malloc",
    .label = "malloc",
    .traits = 0,
    .workloads = lab_workloads_malloc,
    .open = open_heap,
    .close = close_heap,
    .attach = attach,
    .detach = detach,
    .blocking_begin = blocking,
    .blocking_end = blocking,
    .release = release,
    .count_begin = count_begin,
    .count_end = count_end,
    .version = version,
};
