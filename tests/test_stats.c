/* test_stats.c -- what a heap's statistics say of a program whose doings are known. */
#include <check.h>
#include <lull.h>
#include <sched.h>
#include <string.h>

#include "event.h"
#include "heap.h"
#include "support.h"

static lull_heap *heap;
static lull_thread *thread;
static const lull_type *node_type;

struct node {
    struct node *next;
    char data[56];
};

static void start(void)
{
    lull_options options;

    lull_options_init(&options);
    options.use_environment = 0;
    options.mode = support_mode();
    options.gc_percent = 150;
    options.memory_limit = (size_t)1 << 40;
    ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_OK);
    thread = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(thread);
    node_type = LULL_RECORD(heap, struct node, next);
    ck_assert_ptr_nonnull(node_type);
}

static void finish(void)
{
    ck_assert_int_eq(lull_detach(thread), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
}

static lull_stats statistics(void)
{
    lull_stats s;

    memset(&s, 0x5a, sizeof(s));
    s.struct_size = sizeof(s);
    ck_assert_int_eq(lull_stats_read(heap, &s), LULL_OK);
    return s;
}

/* A list of `count` nodes, kept by *head, which is a root. */
static void make_list(struct node **head, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct node *node = lull_alloc(thread, node_type);

        ck_assert_ptr_nonnull(node);
        lull_store(thread, &node->next, *head);
        *head = node;
    }
}

static struct node *kept;

static void keep(void)
{
    kept = NULL;
    ck_assert_int_eq(lull_roots_add(heap, &kept, sizeof(kept)), LULL_OK);
}

static bool stopping(void)
{
    return support_mode() == LULL_MODE_STOP;
}

/* What must hold of any reading. */
static void check_sane(const lull_stats *s)
{
    uint64_t pauses = 0, objects = 0, freed = 0;

    for (unsigned kind = 0; kind < LULL_PAUSE_KINDS; kind++) {
        pauses += s->pause_kind[kind].count;
        ck_assert_uint_le(s->pause_kind[kind].max_ns, s->pause.max_ns);
    }
    for (size_t i = 0; i < s->class_count; i++) {
        objects += s->by_class[i].allocated_objects;
        freed += s->by_class[i].freed_objects;
    }
    ck_assert_uint_eq(s->pause.count, pauses);
    ck_assert_uint_eq(s->allocated_objects, objects);
    ck_assert_uint_eq(s->freed_objects, freed);
    ck_assert_uint_le(s->freed_objects, s->allocated_objects);
    ck_assert_uint_le(s->freed_bytes, s->allocated_bytes);
    ck_assert_uint_eq(s->system_bytes, s->in_use_bytes + s->idle_bytes + s->metadata_bytes);
    ck_assert_uint_ge(s->peak_system_bytes, s->in_use_bytes);
    ck_assert_uint_eq(s->gc_cpu_ns, s->mark_cpu_ns + s->sweep_cpu_ns + s->scavenge_cpu_ns);
    ck_assert_double_ge(s->gc_cpu_fraction, 0);
    ck_assert_double_le(s->gc_cpu_fraction, 1);
    ck_assert_uint_eq(s->time_to_stop.count, stopping() ? s->cycles : 0);
}

START_TEST(a_new_heap_has_done_nothing)
{
    lull_stats s = statistics();

    check_sane(&s);
    ck_assert_uint_eq(s.struct_size, sizeof(s));
    ck_assert_uint_eq(s.allocated_bytes, 0);
    ck_assert_uint_eq(s.allocated_objects, 0);
    ck_assert_uint_eq(s.heap_bytes, 0);
    ck_assert_uint_eq(s.cycles, 0);
    ck_assert_double_eq(s.gc_machine_fraction, 0);
    ck_assert_uint_eq(s.threads, 1);
    ck_assert_uint_eq(s.pause_kind[LULL_PAUSE_STOP].count, 0);
    ck_assert_int_eq(s.gc_percent, 150);
    ck_assert_uint_eq(s.memory_limit, (uint64_t)1 << 40);
    ck_assert_uint_eq(s.goal_bytes, 6 << 20); /* 4 MiB · 150 / 100 */
    ck_assert_uint_le(s.trigger_bytes, s.goal_bytes - (stopping() ? 0 : 1));
}
END_TEST

/* Descriptors and state bytes come with the objects, cycles or none. */
START_TEST(metadata_is_as_of_now)
{
    uint64_t none = statistics().metadata_bytes;

    ck_assert_uint_gt(none, 0);
    keep();
    lull_set_gc_percent(heap, LULL_PERCENT_OFF);
    make_list(&kept, 500000); /* 32 MB */
    lull_stats s = statistics();
    check_sane(&s);
    ck_assert_uint_eq(s.cycles, 0);
    ck_assert_uint_ge(s.metadata_bytes, none + 500000);
    ck_assert_uint_ge(s.peak_system_bytes, s.system_bytes);
}
END_TEST

START_TEST(a_collection_shows_what_is_live)
{
    lull_stats s;

    keep();
    make_list(&kept, 10000);
    kept = kept->next; /* one of them dies */
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    s = statistics();
    check_sane(&s);
    ck_assert_uint_eq(s.allocated_objects, 10000);
    ck_assert_uint_eq(s.allocated_bytes, 640000);
    ck_assert_uint_eq(s.freed_objects, 1);
    ck_assert_uint_eq(s.freed_bytes, 64);
    ck_assert_uint_eq(s.live_objects, 9999);
    ck_assert_uint_eq(s.live_bytes, 639936);
    ck_assert_uint_eq(s.last_mark_objects, 9999);
    ck_assert_uint_eq(s.heap_bytes, 639936);
    ck_assert_uint_ge(s.in_use_bytes, 640000);
    ck_assert_uint_gt(s.metadata_bytes, 0);
    ck_assert_uint_ge(s.global_bytes, sizeof(kept));
    ck_assert_uint_eq(s.cycles, 1);
    ck_assert_uint_eq(s.forced_cycles, 1);
    ck_assert_uint_gt(s.mark_cpu_ns, 0);
    ck_assert_uint_eq(s.last_mark_cpu_ns, s.mark_cpu_ns);
    ck_assert_uint_gt(s.last_cycle_ns, 0);
    ck_assert_double_gt(s.gc_cpu_fraction, 0);
    ck_assert_double_gt(s.gc_machine_fraction, 0);
    ck_assert_uint_eq(s.pause_kind[LULL_PAUSE_STOP].count, 1); /* it waited for what it asked for */
    ck_assert_uint_ge(s.pause.max_ns, s.time_to_stop.max_ns);
}
END_TEST

START_TEST(objects_are_counted_in_their_class)
{
    lull_stats s;
    unsigned found = 0;

    keep();
    make_list(&kept, 100);
    ck_assert_ptr_nonnull(lull_alloc_leaf(thread, 1 << 20));
    kept = NULL;
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    s = statistics();
    check_sane(&s);
    ck_assert_uint_gt(s.class_count, 1);
    for (size_t i = 0; i < s.class_count; i++) {
        bool nodes = s.by_class[i].slot_bytes == sizeof(struct node);
        bool large = s.by_class[i].slot_bytes == 0;

        found += nodes || large;
        ck_assert_uint_eq(s.by_class[i].allocated_objects, nodes ? 100 : large ? 1 : 0);
        ck_assert_uint_eq(s.by_class[i].freed_objects, nodes ? 100 : large ? 1 : 0);
        ck_assert(large == (i == s.class_count - 1));
    }
    ck_assert_uint_eq(found, 2);
}
END_TEST

/* Allocates until so many cycles are over. While one is wanted nothing is allocated: however late
 * the collector comes, it finds the heap as large as the pacer had it, and rests at the end. */
static void run_to_cycle(uint64_t number)
{
    while (statistics().cycles < number) {
        ck_assert_ptr_nonnull(lull_alloc_leaf(thread, 1000));
        while (atomic_load(&heap->collector.wanted)) {
            lull_safepoint(thread);
            sched_yield();
        }
    }
}

START_TEST(cycles_by_the_pacer_are_not_forced)
{
    lull_stats s;

    run_to_cycle(3);
    s = statistics();
    check_sane(&s);
    ck_assert_uint_eq(s.forced_cycles, 0);
    ck_assert_uint_ge(s.allocated_bytes, 2 * s.goal_bytes);
    ck_assert_uint_le(s.heap_bytes, s.goal_bytes + (1 << 20));
}
END_TEST

/* A cycle beside the program holds nobody; each of its handshakes has its time. */
START_TEST(handshakes_have_their_times)
{
    lull_options options;
    lull_stats s;

    finish();
    lull_options_init(&options);
    options.use_environment = 0;
    options.mode = LULL_MODE_CONCURRENT;
    ck_assert_int_eq(lull_heap_create(&options, &heap), LULL_OK);
    thread = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    s = statistics();
    ck_assert_uint_eq(s.time_to_stop.count, 0);
    ck_assert_uint_ge(s.time_to_handshake.count, 4); /* raise, snapshot, a round, lower */
    ck_assert_uint_gt(s.time_to_handshake.max_ns, 0);
    ck_assert_uint_eq(s.pause_kind[LULL_PAUSE_HANDSHAKE].count, 0); /* all were done for it */
}
END_TEST

/* Clearing a large object's memory takes long enough to be told of; fresh memory is not touched. */
START_TEST(a_large_object_waits_for_its_clearing)
{
    const size_t bytes = 8 << 20;
    lull_stats s;

    memset(lull_alloc_leaf(thread, bytes), 1, bytes);
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    s = statistics();
    ck_assert_uint_eq(s.pause_kind[LULL_PAUSE_FAULT].count, 0);
    ck_assert_ptr_nonnull(lull_alloc_leaf(thread, bytes));
    ck_assert_uint_gt(statistics().pause_kind[LULL_PAUSE_REFILL].count,
                      s.pause_kind[LULL_PAUSE_REFILL].count);
    ck_assert_uint_eq(statistics().pause_kind[LULL_PAUSE_FAULT].count, 0);
}
END_TEST

START_TEST(the_knobs_show_at_once)
{
    lull_stats s;

    keep();
    make_list(&kept, 100000); /* 6.4 MB */
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    ck_assert_int_eq(lull_set_gc_percent(heap, 50), 150);
    s = statistics();
    ck_assert_int_eq(s.gc_percent, 50);
    ck_assert_uint_ge(s.goal_bytes, s.live_bytes * 3 / 2);
    ck_assert_uint_le(s.goal_bytes, s.live_bytes * 3 / 2 + s.stack_bytes + s.global_bytes);
    ck_assert_int_eq(lull_set_gc_percent(heap, LULL_PERCENT_OFF), 50);
    ck_assert_uint_eq(lull_set_memory_limit(heap, 0), (size_t)1 << 40);
    s = statistics();
    ck_assert_int_eq(s.gc_percent, LULL_PERCENT_OFF);
    ck_assert_uint_eq(s.memory_limit, 0);
    ck_assert_uint_eq(s.goal_bytes, UINT64_MAX);
}
END_TEST

START_TEST(released_memory_is_not_resident)
{
    lull_stats before, after;
    size_t released;

    keep();
    make_list(&kept, 200000);
    kept = NULL;
    before = statistics();
    released = lull_release_memory(thread);
    after = statistics();
    check_sane(&after);
    /* the worker may have released some of it, or all, before the call did */
    ck_assert_uint_ge(after.released_bytes - before.released_bytes, released);
    ck_assert_uint_ge(after.released_bytes - before.released_bytes, 10 << 20);
    /* metadata apart */
    ck_assert_uint_le(after.in_use_bytes + released, before.in_use_bytes + before.idle_bytes);
    ck_assert_uint_eq(after.idle_bytes, 0);
    ck_assert_uint_ge(after.peak_system_bytes, before.system_bytes);
}
END_TEST

static unsigned finalized;

static void count_finalized(lull_thread *t, void *object, void *arg)
{
    (void)t;
    (void)object;
    (void)arg;
    finalized++;
}

START_TEST(pending_finalizers_are_shown)
{
    finalized = 0;
    keep();
    for (int i = 0; i < 10; i++) {
        make_list(&kept, 1);
        ck_assert_int_eq(lull_finalizer_set(thread, kept, count_finalized, NULL), LULL_OK);
    }
    kept = NULL;
    ck_assert_uint_eq(statistics().finalizers_pending, 0);
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    ck_assert_uint_eq(statistics().finalizers_pending, 10);
    ck_assert_uint_eq(lull_finalizers_run(thread, 4), 4);
    ck_assert_uint_eq(statistics().finalizers_pending, 6);
    ck_assert_uint_eq(lull_finalizers_run(thread, 0), 6);
    ck_assert_uint_eq(statistics().finalizers_pending, 0);
    ck_assert_uint_eq(finalized, 10);
}
END_TEST

/* ---- errors ---- */

START_TEST(bad_readers_are_told)
{
    lull_stats s = {.struct_size = sizeof(s) + 8};

    ck_assert_int_eq(lull_stats_read(heap, &s), LULL_E_INVALID);
    ck_assert_ptr_nonnull(strstr(lull_error_message(), "struct_size"));
    s.struct_size = 0;
    ck_assert_int_eq(lull_stats_read(heap, &s), LULL_E_INVALID);
    ck_assert_int_eq(lull_stats_read(heap, NULL), LULL_E_INVALID);
    s.struct_size = sizeof(s);
    ck_assert_int_eq(lull_stats_read(NULL, &s), LULL_E_INVALID);
    ck_assert_int_eq(lull_events_subscribe(NULL, NULL, NULL), LULL_E_INVALID);
}
END_TEST

START_TEST(pause_kinds_have_names)
{
    for (int kind = 0; kind < LULL_PAUSE_KINDS; kind++) {
        ck_assert_ptr_nonnull(lull_pause_kind_name((lull_pause_kind)kind));
    }
    ck_assert_str_eq(lull_pause_kind_name(LULL_PAUSE_STOP), "stop");
    ck_assert_str_eq(lull_pause_kind_name(LULL_PAUSE_REFILL), "refill");
    ck_assert_ptr_null(lull_pause_kind_name(LULL_PAUSE_KINDS));
    ck_assert_ptr_null(lull_pause_kind_name((lull_pause_kind)-1));
}
END_TEST

/* ---- events ---- */

enum { SEEN_MAX = 4096 };

static lull_event seen[SEEN_MAX];
static atomic_uint seen_count;

static void see(const lull_event *event, void *arg)
{
    unsigned at = atomic_fetch_add((atomic_uint *)arg, 1);

    if (at < SEEN_MAX) {
        seen[at] = *event;
    }
}

/* The place of the only event with that name in what was seen. */
static unsigned place(const char *name)
{
    unsigned found = SEEN_MAX;

    for (unsigned i = 0; i < atomic_load(&seen_count); i++) {
        if (strcmp(lull_event_name(seen[i].id), name) == 0) {
            ck_assert_msg(found == SEEN_MAX, "%s happened twice", name);
            found = i;
        }
    }
    ck_assert_msg(found != SEEN_MAX, "%s did not happen", name);
    return found;
}

START_TEST(a_cycle_is_a_sequence_of_events)
{
    lull_stats s;
    unsigned pause;

    keep();
    make_list(&kept, 1000);
    atomic_store(&seen_count, 0);
    ck_assert_int_eq(lull_events_subscribe(heap, see, &seen_count), LULL_OK);
    ck_assert_int_eq(lull_collect(thread), LULL_OK);
    ck_assert_int_eq(lull_events_subscribe(heap, NULL, NULL), LULL_OK);
    ck_assert_uint_lt(atomic_load(&seen_count), SEEN_MAX);
    ck_assert_uint_lt(place("cycle_begin"), place("weak_end"));
    ck_assert_uint_lt(place("weak_end"), place("mark_end"));
    ck_assert_uint_lt(place("mark_end"), place("goal_set"));
    ck_assert_uint_lt(place("goal_set"), place("cycle_end"));

    s = statistics();
    ck_assert_uint_eq(seen[place("mark_end")].fields[2], s.live_objects);
    ck_assert_uint_eq(seen[place("mark_end")].fields[3], s.live_bytes);
    ck_assert_uint_eq(seen[place("goal_set")].fields[0], s.goal_bytes);
    if (stopping()) {
        ck_assert_uint_lt(place("cycle_begin"), place("stop"));
        ck_assert_uint_lt(place("stop"), place("weak_end"));
    }
    pause = place("pause");
    ck_assert_uint_eq(seen[pause].thread, 1);
    ck_assert_uint_eq(seen[pause].fields[0], LULL_PAUSE_STOP);
    ck_assert_uint_eq(seen[pause].fields[1], s.pause_kind[LULL_PAUSE_STOP].max_ns);
    ck_assert_uint_le(seen[place("cycle_begin")].time_ns, seen[place("cycle_end")].time_ns);
}
END_TEST

/* A thread that sweeps because it allocates says how many spans, and how long. */
START_TEST(who_sweeps_for_itself_tells)
{
    uint64_t spans = 0, cpu_ns = statistics().sweep_cpu_ns;

    run_to_cycle(1); /* which leaves its spans unswept */
    atomic_store(&seen_count, 0);
    ck_assert_int_eq(lull_events_subscribe(heap, see, &seen_count), LULL_OK);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_ptr_nonnull(lull_alloc_leaf(thread, 1000));
    }
    ck_assert_int_eq(lull_events_subscribe(heap, NULL, NULL), LULL_OK);
    for (unsigned i = 0; i < atomic_load(&seen_count); i++) {
        if (strcmp(lull_event_name(seen[i].id), "sweep") == 0) {
            ck_assert_uint_eq(seen[i].thread, 1);
            ck_assert_uint_eq(seen[i].fields[2], 1);
            spans += seen[i].fields[0];
            cpu_ns += seen[i].fields[1];
        }
    }
    ck_assert_uint_ge(spans, 3); /* 32 objects of 1000 bytes in each */
    ck_assert_uint_le(spans, 4);
    ck_assert_uint_ge(statistics().sweep_cpu_ns, cpu_ns);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *figures = tcase_create("figures");
    TCase *stream = tcase_create("events");

    tcase_add_checked_fixture(figures, start, finish);
    tcase_add_checked_fixture(stream, start, finish);
    tcase_add_test(figures, a_new_heap_has_done_nothing);
    tcase_add_test(figures, metadata_is_as_of_now);
    tcase_add_test(figures, a_collection_shows_what_is_live);
    tcase_add_test(figures, objects_are_counted_in_their_class);
    tcase_add_test(figures, cycles_by_the_pacer_are_not_forced);
    tcase_add_test(figures, handshakes_have_their_times);
    tcase_add_test(figures, a_large_object_waits_for_its_clearing);
    tcase_add_test(figures, the_knobs_show_at_once);
    tcase_add_test(figures, released_memory_is_not_resident);
    tcase_add_test(figures, pending_finalizers_are_shown);
    tcase_add_test(figures, bad_readers_are_told);
    tcase_add_test(figures, pause_kinds_have_names);
    tcase_add_test(stream, a_cycle_is_a_sequence_of_events);
    tcase_add_test(stream, who_sweeps_for_itself_tells);
    suite_add_tcase(suite, figures);
    suite_add_tcase(suite, stream);
    return support_run_suite(suite);
}
