/* stats.c -- what the heap's stream of events says, for the program: statistics, receivers.
 *
 * Nothing is counted here: every figure is a counter or histogram of event.def, or follows from
 * some; or is a sum over the pools, which count by themselves (pool_stats.c). But for that sum,
 * which takes pools_lock, and the size of metadata, which takes pages.lock, no lock is taken. */
#include <string.h>

#include "callback.h"
#include "error.h"
#include "event.h"
#include "heap.h"
#include "os.h"
#include "phases.h"
#include "pool.h"
#include "size_class.h"
#include "thread.h"

/* Classes of small objects, and large objects as the last. */
enum { CLASSES = LULL__CLASSES + 1 };
_Static_assert(CLASSES <= LULL_STATS_CLASSES, "every class has its entry in lull_stats");

static int check_heap(const lull_heap *heap)
{
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        return lull__fail(LULL_E_INVALID, "heap is no heap; allowed is one that lives");
    }
    return LULL_OK;
}

/* As of now: the counter is as of the last cycle. */
static uint64_t metadata_bytes_of(lull_heap *heap)
{
    lull_thread *entered = lull__enter_any(heap);
    uint64_t bytes = lull__phase_metadata_bytes(heap);

    lull__leave_any(entered);
    return bytes;
}

static void read_memory(const struct lull__events *events, uint64_t metadata_bytes, lull_stats *s)
{
    s->allocated_bytes = lull__count(events, allocated_bytes);
    s->allocated_objects = lull__count(events, allocated_objects);
    s->freed_bytes = lull__count(events, freed_bytes);
    s->freed_objects = lull__count(events, freed_objects);
    s->heap_bytes = lull__events_heap_bytes(events);
    s->live_bytes = lull__count(events, live_bytes);
    s->live_objects = lull__count(events, live_objects);
    s->in_use_bytes = lull__count(events, in_use_bytes);
    s->idle_bytes = lull__events_idle_bytes(events);
    s->released_bytes = lull__count(events, released_bytes);
    s->metadata_bytes = metadata_bytes;
    s->system_bytes = s->in_use_bytes + s->idle_bytes + s->metadata_bytes;
    s->peak_system_bytes = lull__max(lull__count(events, peak_system_bytes), s->system_bytes);
    s->goal_bytes = lull__count(events, goal_bytes);
    s->trigger_bytes = lull__count(events, trigger_bytes);
    s->stack_bytes = lull__count(events, stack_bytes);
    s->global_bytes = lull__count(events, global_bytes);
    s->gc_percent = (int)(int64_t)lull__count(events, percent);
    s->memory_limit = lull__count(events, limit_bytes);
}

static void read_cycles(const struct lull__events *events, lull_stats *s)
{
    /* The runs first: a finalizer is queued before it runs, so the difference is not negative. */
    uint64_t run = lull__happened(events, finalizer_run);
    uint64_t queued = lull__count(events, finalizers_queued);
    uint64_t process_cpu_ns = lull__os_process_cpu_ns() - lull__count(events, created_cpu_ns);
    uint64_t age_ns = lull__os_now_ns() - lull__count(events, created_ns);

    s->cycles = lull__happened(events, cycle_end);
    s->forced_cycles = lull__count(events, forced_cycles);
    s->threads = lull__count(events, threads);
    s->finalizers_pending = queued > run ? queued - run : 0;
    s->mark_cpu_ns = lull__count(events, mark_cpu_ns);
    s->assist_cpu_ns = lull__count(events, assist_cpu_ns);
    s->sweep_cpu_ns = lull__count(events, sweep_cpu_ns);
    s->scavenge_cpu_ns = lull__count(events, scavenge_cpu_ns);
    s->gc_cpu_ns = lull__events_cpu_ns(events);
    s->gc_cpu_fraction = process_cpu_ns == 0 ? 0 : (double)s->gc_cpu_ns / (double)process_cpu_ns;
    s->gc_machine_fraction =
        age_ns == 0 ? 0 : (double)s->gc_cpu_ns / ((double)age_ns * (double)lull__os_processors());
    s->last_cycle_ns = lull__count(events, last_cycle_ns);
    s->last_mark_objects = s->live_objects;
    s->last_mark_cpu_ns = lull__count(events, last_mark_cpu_ns);
}

static void read_pauses(const struct lull__events *events, lull_stats *s)
{
    struct lull__histogram all;

    memset(&all, 0, sizeof(all));
    for (unsigned kind = 0; kind < LULL_PAUSE_KINDS; kind++) {
        const struct lull__histogram *h = &events->time[LULL__TIME_PAUSE + kind];

        lull__histogram_read(h, &s->pause_kind[kind]);
        lull__histogram_add(&all, h);
    }
    lull__histogram_read(&all, &s->pause);
    lull__histogram_read(&events->time[LULL__TIME_TO_STOP], &s->time_to_stop);
    lull__histogram_read(&events->time[LULL__TIME_TO_HANDSHAKE], &s->time_to_handshake);
}

static void read_classes(const struct lull__events *events, lull_stats *s)
{
    s->class_count = CLASSES;
    for (unsigned i = 0; i < CLASSES; i++) {
        s->by_class[i].slot_bytes = i < LULL__CLASSES ? lull__classes[i].slot_size : 0;
        s->by_class[i].allocated_objects = lull__count_class(events, allocated, i);
        s->by_class[i].freed_objects = lull__count_class(events, freed, i);
    }
}

static void read_pools(lull_heap *heap, lull_stats *s)
{
    struct lull__pools_sum sum = lull__pools_sum(heap);

    s->pools = sum.pools;
    s->pool_gets = sum.gets;
    s->pool_hits = sum.hits;
    s->pool_puts = sum.puts;
    s->pool_drops = sum.drops;
    s->pool_idle = sum.idle;
    s->pool_idle_bytes = sum.idle_bytes;
}

int lull_stats_read(lull_heap *heap, lull_stats *stats)
{
    int status = check_heap(heap);

    if (lull__refuses_any("lull_stats_read")) {
        return LULL_E_STATE;
    }
    if (status != LULL_OK) {
        return status;
    }
    if (stats == NULL) {
        return lull__fail(LULL_E_INVALID, "stats is NULL; allowed is a lull_stats");
    }
    if (stats->struct_size != sizeof(*stats)) {
        return lull__fail(LULL_E_INVALID, "struct_size is %zu; allowed is %zu, sizeof(lull_stats)",
                          stats->struct_size, sizeof(*stats));
    }
    *stats = (lull_stats){.struct_size = sizeof(*stats)};
    read_memory(&heap->events, metadata_bytes_of(heap), stats);
    read_cycles(&heap->events, stats);
    read_pauses(&heap->events, stats);
    read_classes(&heap->events, stats);
    read_pools(heap, stats);
    return LULL_OK;
}

const char *lull_pause_kind_name(lull_pause_kind kind)
{
    static const char *const names[LULL_PAUSE_KINDS] = {
        [LULL_PAUSE_STOP] = "stop",     [LULL_PAUSE_HANDSHAKE] = "handshake",
        [LULL_PAUSE_ASSIST] = "assist", [LULL_PAUSE_STALL] = "stall",
        [LULL_PAUSE_SWEEP] = "sweep",   [LULL_PAUSE_REFILL] = "refill",
        [LULL_PAUSE_FAULT] = "fault",   [LULL_PAUSE_LIMIT] = "limit",
    };

    return (unsigned)kind < LULL_PAUSE_KINDS ? names[kind] : NULL;
}

int lull_events_subscribe(lull_heap *heap, lull_event_fn fn, void *arg)
{
    int status = check_heap(heap);
    lull_thread *entered;

    if (lull__refuses_any("lull_events_subscribe")) {
        return LULL_E_STATE;
    }
    if (status != LULL_OK) {
        return status;
    }
    entered = lull__enter_any(heap);       /* .inv.held: not to be held by a signal with the lock */
    pthread_mutex_lock(&heap->pacer_lock); /* the lock of what a program sets on the way */
    lull__events_subscribe(&heap->events, fn, arg);
    pthread_mutex_unlock(&heap->pacer_lock);
    lull__leave_any(entered);
    return LULL_OK;
}
