/* backend_lull.c -- the cold side of the lull backend. */
#include "backend_lull.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "measure.h"
#include "mmu.h"
#include "registry.h"

#include <unistd.h>

_Static_assert(LAB_DELAYS == LULL_PAUSE_KINDS, "a distribution for each kind of pause");
_Static_assert(LAB_POOL_DROPS == LULL_POOL_DROPS, "a count for each reason to drop");
_Static_assert(LAB_POOL_NAME == LULL_POOL_NAME, "a name as the library has it");

_Noreturn void lab_lull_failed(const char *what)
{
    lab_fail("%s failed: %s (%s)", what, lull_strerror(lull_error()), lull_error_message());
    _exit(LAB_EXIT_MEMORY);
}

static void list_pool(lab_heap *heap, lab_pool *pool, const char *name)
{
    lab_pool **link = &heap->pools;

    if (heap->pool_count++ == LAB_POOLS_MAX) {
        lab_fail("more than %d pools in one workload", LAB_POOLS_MAX);
        _exit(1);
    }
    while (*link != NULL && strcmp((*link)->name, name) < 0) {
        link = &(*link)->next;
    }
    pool->name = name;
    pool->next = *link;
    *link = pool;
}

lab_pool *lab_lull_pool(lab_heap *heap, const char *name, const lab_type *type)
{
    lull_pool_options options = {
        .struct_size = sizeof options, .name = name, .type = lab__type(type)};
    lab_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL) {
        lab_out_of_memory(sizeof *pool);
    }
    pool->type = lab__type(type);
    pool->on = heap->pools_on;
    if (pool->on) {
        pool->lull = lull_pool_create(heap->lull, &options);
        if (pool->lull == NULL) {
            lab_lull_failed("making a pool");
        }
    }
    list_pool(heap, pool, name);
    return pool;
}

static void on_pause(lab_heap *heap, const lull_event *event, uint64_t kind, uint64_t ns)
{
    lab_histogram_record(heap->pauses[kind], ns);
    if (event->thread < LAB_HEARD_THREADS) {
        atomic_fetch_add_explicit(&heap->delayed_ns[event->thread][kind], ns, memory_order_relaxed);
    }
    lab_mmu_note(event->thread, event->time_ns, ns);
}

/* What a phase of marking took beside the assists, which are their threads' delays. */
static void on_marked(lab_heap *heap, const lull_event *event, uint64_t wall_ns, uint64_t cpu_ns)
{
    uint64_t assisted_ns = atomic_exchange_explicit(&heap->assisted_ns, 0, memory_order_relaxed);

    lab_mmu_note_collector(event->time_ns, wall_ns,
                           cpu_ns > assisted_ns ? cpu_ns - assisted_ns : 0);
}

/* Pauses are taken from the stream of events, so that those of setting up are not among them. On
 * any thread, several at once, perhaps in a signal handler. */
static void on_event(const lull_event *event, void *arg)
{
    lab_heap *heap = arg;

    for (int i = 0; i < LAB_HEARD; i++) {
        const lab_heard *heard = &heap->heard[i];
        uint64_t ns = event->fields[heard->time];

        if (event->id != heard->id) {
            continue;
        }
        switch ((enum lab_heard_event)i) {
        case LAB_PAUSED: on_pause(heap, event, event->fields[heard->other], ns); break;
        case LAB_ASSISTED:
            atomic_fetch_add_explicit(&heap->assisted_ns, ns, memory_order_relaxed);
            break;
        case LAB_MARKED: on_marked(heap, event, event->fields[heard->other], ns); break;
        case LAB_SWEPT:
        case LAB_RELEASED:
            if (event->thread == 0) { /* no mutator's, which would be a pause */
                lab_mmu_note_collector(event->time_ns, ns, ns);
            }
            break;
        default: break;
        }
        return;
    }
}

/* Finds a field of an event in the library's table. */
static bool find_field(uint32_t id, const char *name, unsigned *found)
{
    for (unsigned i = 0; i < LULL_EVENT_FIELDS; i++) {
        const char *field = lull_event_field(id, i);

        if (field != NULL && strcmp(field, name) == 0) {
            *found = i;
            return true;
        }
    }
    return false;
}

/* Finds an event and two of its fields. */
static bool find_event(lab_heard *heard, const char *name, const char *time, const char *other)
{
    for (uint32_t id = 0; id < lull_event_count(); id++) {
        if (strcmp(lull_event_name(id), name) == 0) {
            heard->id = id;
            return find_field(id, time, &heard->time) && find_field(id, other, &heard->other);
        }
    }
    return false;
}

static void listen_to_events(lab_heap *heap)
{
    static const char *const name[LAB_HEARD][3] = {
        [LAB_PAUSED] = {"pause", "duration_ns", "kind"},
        [LAB_ASSISTED] = {"assist", "cpu_ns", "cpu_ns"},
        [LAB_MARKED] = {"mark_end", "cpu_ns", "wall_ns"},
        [LAB_SWEPT] = {"sweep", "cpu_ns", "cpu_ns"},
        [LAB_RELEASED] = {"release", "cpu_ns", "cpu_ns"},
    };

    for (int i = 0; i < LAB_HEARD; i++) {
        if (!find_event(&heap->heard[i], name[i][0], name[i][1], name[i][2])) {
            lab_lull_failed("finding an event");
        }
    }
    if (lull_events_subscribe(heap->lull, on_event, heap) != LULL_OK) {
        lab_lull_failed("listening to events");
    }
}

static lab_heap *open_heap(const lab_params *params)
{
    lab_heap *heap = calloc(1, sizeof *heap);
    lull_options options;
    static const lull_mode modes[] = {[LAB_MODE_OFF] = LULL_MODE_OFF,
                                      [LAB_MODE_STOP] = LULL_MODE_STOP,
                                      [LAB_MODE_CONCURRENT] = LULL_MODE_CONCURRENT,
                                      [LAB_MODE_INCREMENTAL] = LULL_MODE_INCREMENTAL};

    if (heap == NULL) {
        lab_out_of_memory(sizeof *heap);
    }
    lull_options_init(&options);
    options.mode = modes[params->mode];
    options.gc_percent = params->percent == LAB_PERCENT_OFF ? LULL_PERCENT_OFF : params->percent;
    options.memory_limit = params->limit_bytes;
    if (lull_heap_create(&options, &heap->lull) != LULL_OK) {
        lab_fail("cannot create a heap: %s", lull_error_message());
        free(heap);
        return NULL;
    }
    heap->pools_on = params->pools;
    heap->observed = !params->unobserved;
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        heap->pauses[kind] = lab_histogram_new();
    }
    if (heap->observed) {
        listen_to_events(heap);
    }
    return heap;
}

static void close_heap(lab_heap *heap)
{
    lull_events_subscribe(heap->lull, NULL, NULL);
    lull_heap_destroy(heap->lull);
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        lab_histogram_free(heap->pauses[kind]);
    }
    while (heap->pools != NULL) {
        lab_pool *next = heap->pools->next;

        free(heap->pools);
        heap->pools = next;
    }
    free(heap);
}

static lab_thread *attach(lab_heap *heap)
{
    lull_thread *thread = lull_attach(heap->lull, LULL_STACK_CONSERVATIVE);

    if (thread == NULL) {
        lab_lull_failed("attaching a thread");
    }
    return (lab_thread *)(void *)thread;
}

static void detach(lab_thread *thread)
{
    lull_detach(lab__thread(thread));
}

static void blocking_begin(lab_thread *thread)
{
    lull_blocking_begin(lab__thread(thread));
}

static void blocking_end(lab_thread *thread)
{
    lull_blocking_end(lab__thread(thread));
}

static void release(lab_thread *thread)
{
    lull_release_memory(lab__thread(thread));
}

static void read_stats(lab_heap *heap, lull_stats *stats)
{
    stats->struct_size = sizeof *stats;
    if (lull_stats_read(heap->lull, stats) != LULL_OK) {
        lab_lull_failed("reading statistics");
    }
}

static void count_begin(lab_heap *heap, lab_thread *thread)
{
    (void)thread;
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        lab_histogram_clear(heap->pauses[kind]);
        for (int i = 0; i < LAB_HEARD_THREADS; i++) {
            atomic_store(&heap->delayed_ns[i][kind], 0);
        }
    }
    read_stats(heap, &heap->before);
    for (lab_pool *pool = heap->pools; pool != NULL; pool = pool->next) {
        if (pool->on) {
            lull_pool_stats_read(pool->lull, &pool->before);
        }
    }
}

/* What a pool did from `before` to `now`. */
static void count_pool(const lull_pool_stats *before, const lull_pool_stats *now, lab_pool_row *row)
{
    memcpy(row->name, now->name, sizeof row->name);
    row->gets = (int64_t)(now->gets - before->gets);
    row->hits_magazine = (int64_t)(now->hits_magazine - before->hits_magazine);
    row->hits_depot = (int64_t)(now->hits_depot - before->hits_depot);
    row->hits_steal = (int64_t)(now->hits_steal - before->hits_steal);
    row->hits_victim = (int64_t)(now->hits_victim - before->hits_victim);
    row->misses = (int64_t)(now->misses - before->misses);
    row->puts = (int64_t)(now->puts - before->puts);
    for (int why = 0; why < LAB_POOL_DROPS; why++) {
        row->dropped[why] = (int64_t)(now->dropped[why] - before->dropped[why]);
    }
    row->idle = (int64_t)now->idle;
    row->idle_bytes = (int64_t)now->idle_bytes;
    row->out = (int64_t)now->out;
    row->high_water = (int64_t)now->high_water;
    row->last_gets = (int64_t)now->last_gets;
    row->last_hits = (int64_t)now->last_hits;
}

static void count_pools(lab_heap *heap, lab_result *result)
{
    lab_pool_counts *counts = &result->pool;

    *counts = (lab_pool_counts){0};
    result->pool_rows = 0;
    for (const lab_pool *pool = heap->pools; pool != NULL; pool = pool->next) {
        const lull_pool_stats *before = &pool->before;
        lull_pool_stats now;

        if (lull_pool_stats_read(pool->lull, &now) != LULL_OK) {
            lab_lull_failed("reading a pool's statistics");
        }
        count_pool(before, &now, &result->pool_row[result->pool_rows++]);
        counts->gets += (int64_t)(now.gets - before->gets);
        counts->hits += (int64_t)(now.hits - before->hits);
        counts->misses += (int64_t)(now.misses - before->misses);
        counts->puts += (int64_t)(now.puts - before->puts);
        counts->drops += (int64_t)(now.drops - before->drops);
    }
}

/* The thread that was delayed longest in all, by kind. */
static void count_worst_thread(lab_heap *heap, lab_result *result)
{
    uint64_t most_ns = 0;
    int worst = 0;

    for (int i = 0; i < LAB_HEARD_THREADS; i++) {
        uint64_t sum_ns = 0;

        for (int kind = 0; kind < LAB_DELAYS; kind++) {
            sum_ns += atomic_load(&heap->delayed_ns[i][kind]);
        }
        if (sum_ns > most_ns) {
            most_ns = sum_ns;
            worst = i;
        }
    }
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        result->thread_delay_ns[kind] = (int64_t)atomic_load(&heap->delayed_ns[worst][kind]);
    }
}

static void count_pauses(lab_heap *heap, lab_result *result)
{
    lab_histogram *all = lab_histogram_new();

    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        result->delay[kind] = lab_histogram_summary(heap->pauses[kind]);
        lab_histogram_merge(all, heap->pauses[kind]);
    }
    result->pause = lab_histogram_summary(all);
    lab_histogram_free(all);
}

static void count_end(lab_heap *heap, lab_thread *thread, lab_result *result)
{
    lull_stats now;

    (void)thread;
    read_stats(heap, &now);
    result->cycles = (int64_t)(now.cycles - heap->before.cycles);
    result->gc_cpu_ns = (int64_t)(now.gc_cpu_ns - heap->before.gc_cpu_ns);
    result->allocated_objects = (int64_t)(now.allocated_objects - heap->before.allocated_objects);
    result->allocated_bytes = (int64_t)(now.allocated_bytes - heap->before.allocated_bytes);
    if (heap->observed) {
        count_pauses(heap, result);
        count_worst_thread(heap, result);
    }
    if (now.cycles > 0) {
        result->live_bytes = (int64_t)now.live_bytes;
    }
    if (now.last_mark_objects > 0) {
        result->mark_ns_per_object = (int64_t)(now.last_mark_cpu_ns * 1000 / now.last_mark_objects);
    }
    if (heap->pools_on && heap->pools != NULL) {
        count_pools(heap, result);
    }
}

const lab_backend lab_backend_lull = {
    .name = "lull",
    .label = "lull",
    .traits = LAB_HAS_MODE | LAB_HAS_MODES | LAB_HAS_PERCENT | LAB_HAS_LIMIT | LAB_IS_COLLECTOR |
              LAB_TELLS_PAUSES | LAB_TELLS_PHASES,
    .workloads = lab_workloads_lull,
    .open = open_heap,
    .close = close_heap,
    .attach = attach,
    .detach = detach,
    .blocking_begin = blocking_begin,
    .blocking_end = blocking_end,
    .release = release,
    .count_begin = count_begin,
    .count_end = count_end,
    .version = lull_version,
};
