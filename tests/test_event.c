/* test_event.c -- the event table, what emissions feed, and who receives them. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "os.h"
#include "suite.h"

static struct lull__events events;
static atomic_uint mixed, answered; /* receptions with another's argument, and all */

static void start(void)
{
    memset(&events, 0, sizeof(events));
    atomic_store(&mixed, 0);
    atomic_store(&answered, 0);
}

static uint64_t by_class(unsigned array, unsigned size_class)
{
    return atomic_load(&events.by_class[array][size_class]);
}

/* ---- the table ---- */

START_TEST(each_event_has_a_name_of_its_own)
{
    ck_assert_uint_eq(lull_event_count(), LULL__EVENTS);
    for (uint32_t id = 0; id < lull_event_count(); id++) {
        ck_assert_ptr_nonnull(lull_event_name(id));
        for (uint32_t other = 0; other < id; other++) {
            ck_assert_str_ne(lull_event_name(id), lull_event_name(other));
        }
    }
    ck_assert_ptr_null(lull_event_name(lull_event_count()));
    ck_assert_ptr_null(lull_event_name(UINT32_MAX));
}
END_TEST

START_TEST(each_field_has_a_name)
{
    for (uint32_t id = 0; id < lull_event_count(); id++) {
        unsigned fields = 0;

        while (lull_event_field(id, fields) != NULL) {
            ck_assert_uint_gt(strlen(lull_event_field(id, fields)), 0);
            fields++;
        }
        ck_assert_uint_ge(fields, 1);
        ck_assert_uint_le(fields, LULL_EVENT_FIELDS);
        ck_assert_ptr_null(lull_event_field(id, fields + 1));
        ck_assert_ptr_null(lull_event_field(id, UINT32_MAX));
    }
    ck_assert_ptr_null(lull_event_field(lull_event_count(), 0));
}
END_TEST

START_TEST(the_table_says_what_the_definition_says)
{
    ck_assert_str_eq(lull_event_name(LULL__EVENT_pause), "pause");
    ck_assert_str_eq(lull_event_field(LULL__EVENT_pause, 0), "kind");
    ck_assert_str_eq(lull_event_field(LULL__EVENT_pause, 1), "duration_ns");
    ck_assert_ptr_null(lull_event_field(LULL__EVENT_pause, 2));
    ck_assert_str_eq(lull_event_field(LULL__EVENT_mark_end, 7), "allocated_bytes");
    ck_assert_ptr_null(lull_event_field(LULL__EVENT_mark_end, 8));
}
END_TEST

/* ---- feeds ---- */

START_TEST(every_event_is_counted)
{
    lull__emit(&events, no_memory, 1, 10);
    lull__emit(&events, no_memory, 1, 10);
    lull__emit(&events, limit_hit, 1, 10);
    ck_assert_uint_eq(lull__happened(&events, no_memory), 2);
    ck_assert_uint_eq(lull__happened(&events, limit_hit), 1);
    ck_assert_uint_eq(lull__happened(&events, pause), 0);
}
END_TEST

START_TEST(sums_add_and_subtract)
{
    lull__emit(&events, span_take, 0, 65536);
    lull__emit(&events, span_take, 0, 32768);
    ck_assert_uint_eq(lull__count(&events, in_use_bytes), 98304);
    lull__emit(&events, span_free, 0, 65536);
    ck_assert_uint_eq(lull__count(&events, in_use_bytes), 32768);
}
END_TEST

START_TEST(gauges_keep_the_last_and_peaks_the_greatest)
{
    lull__emit(&events, goal_set, 0, 100, 90, 100, 1000);
    lull__emit(&events, goal_set, 0, 50, 40, 50, 0);
    ck_assert_uint_eq(lull__count(&events, goal_bytes), 50);
    ck_assert_uint_eq(lull__count(&events, trigger_bytes), 40);
    ck_assert_uint_eq(lull__count(&events, percent), 50);
    ck_assert_uint_eq(lull__count(&events, limit_bytes), 0);

    lull__emit(&events, grow, 0, 10, 700);
    lull__emit(&events, grow, 0, 10, 900);
    lull__emit(&events, metadata, 0, 10, 800);
    ck_assert_uint_eq(lull__count(&events, peak_system_bytes), 900);
    ck_assert_uint_eq(lull__count(&events, grown_bytes), 20);
    ck_assert_uint_eq(lull__count(&events, metadata_bytes), 10);
}
END_TEST

START_TEST(a_field_may_feed_two)
{
    lull__emit(&events, mark_end, 0, 1, 20, 3, 4, 5, 6, 7, 8);
    lull__emit(&events, mark_end, 0, 11, 22, 33, 44, 55, 66, 77, 88);
    ck_assert_uint_eq(lull__count(&events, mark_cpu_ns), 42);
    ck_assert_uint_eq(lull__count(&events, last_mark_cpu_ns), 22);
    ck_assert_uint_eq(lull__count(&events, last_mark_ns), 11);
    ck_assert_uint_eq(lull__count(&events, live_objects), 33);
    ck_assert_uint_eq(lull__count(&events, live_bytes), 44);
    ck_assert_uint_eq(lull__count(&events, stack_bytes), 55);
    ck_assert_uint_eq(lull__count(&events, global_bytes), 66);
    ck_assert_uint_eq(lull__count(&events, last_markers), 77);
    ck_assert_uint_eq(lull__count(&events, allocated_at_mark_bytes), 88);
}
END_TEST

START_TEST(objects_are_counted_by_size_class)
{
    lull__emit(&events, alloc_flush, 1, 5, 100, 8000);
    lull__emit(&events, alloc_flush, 1, LULL_STATS_CLASSES - 1, 1, 90000);
    lull__emit(&events, free, 0, 5, 9, 720);
    ck_assert_uint_eq(lull__count(&events, allocated_objects), 101);
    ck_assert_uint_eq(lull__count(&events, allocated_bytes), 98000);
    ck_assert_uint_eq(lull__count(&events, freed_objects), 9);
    ck_assert_uint_eq(lull__count(&events, freed_bytes), 720);
    for (unsigned i = 0; i < LULL_STATS_CLASSES; i++) {
        ck_assert_uint_eq(by_class(LULL__CLASS_allocated, i), i == 5                        ? 100
                                                              : i == LULL_STATS_CLASSES - 1 ? 1
                                                                                            : 0);
        ck_assert_uint_eq(by_class(LULL__CLASS_freed, i), i == 5 ? 9 : 0);
    }
}
END_TEST

START_TEST(times_go_to_the_histogram_of_their_kind)
{
    lull_distribution read;

    lull__emit(&events, pause, 1, LULL_PAUSE_STOP, 1000);
    lull__emit(&events, pause, 2, LULL_PAUSE_STOP, 3000);
    lull__emit(&events, pause, 2, LULL_PAUSE_REFILL, 7);
    lull__emit(&events, stop, 0, 500, 2, 0);
    for (unsigned kind = 0; kind < LULL_PAUSE_KINDS; kind++) {
        lull__histogram_read(&events.time[LULL__TIME_PAUSE + kind], &read);
        ck_assert_uint_eq(read.count, kind == LULL_PAUSE_STOP     ? 2
                                      : kind == LULL_PAUSE_REFILL ? 1
                                                                  : 0);
        ck_assert_uint_eq(read.sum_ns, kind == LULL_PAUSE_STOP     ? 4000
                                       : kind == LULL_PAUSE_REFILL ? 7
                                                                   : 0);
    }
    lull__histogram_read(&events.time[LULL__TIME_TO_STOP], &read);
    ck_assert_uint_eq(read.count, 1);
    ck_assert_uint_eq(read.max_ns, 500);
    ck_assert_uint_eq(lull__count(&events, last_stop_ns), 500);
    ck_assert_uint_eq(lull__count(&events, last_stopped_threads), 2);
}
END_TEST

START_TEST(a_size_class_out_of_range_is_caught)
{
    lull__emit(&events, free, 0, LULL_STATS_CLASSES, 1, 16);
}
END_TEST

START_TEST(a_pause_kind_out_of_range_is_caught)
{
    lull__emit(&events, pause, 0, LULL_PAUSE_KINDS, 1);
}
END_TEST

/* ---- together ---- */

START_TEST(counters_add_up_to_the_heap)
{
    lull__emit(&events, alloc_flush, 1, 3, 100, 6400);
    ck_assert_uint_eq(lull__events_heap_bytes(&events), 6400);
    lull__emit(&events, mark_end, 0, 1, 1, 10, 640, 0, 0, 1, 6400);
    ck_assert_uint_eq(lull__events_heap_bytes(&events), 640);
    lull__emit(&events, alloc_flush, 1, 3, 5, 320);
    ck_assert_uint_eq(lull__events_heap_bytes(&events), 960);

    lull__emit(&events, grow, 0, 1000, 1000);
    lull__emit(&events, span_take, 0, 600);
    lull__emit(&events, metadata, 0, 50, 1050);
    lull__emit(&events, release, 0, 300, 9);
    ck_assert_uint_eq(lull__events_idle_bytes(&events), 100);
    ck_assert_uint_eq(lull__events_system_bytes(&events), 750);
}
END_TEST

START_TEST(the_collectors_cpu_is_all_its_parts)
{
    lull__emit(&events, weak_end, 0, 1, 1, 0, 0); /* part of marking */
    lull__emit(&events, mark_end, 0, 1, 20, 0, 0, 0, 0, 1, 0);
    lull__emit(&events, sweep, 0, 1, 300, 0);
    lull__emit(&events, sweep, 0, 1, 4000, 1);
    lull__emit(&events, release, 0, 4096, 50000);
    ck_assert_uint_eq(lull__events_cpu_ns(&events), 54320);
}
END_TEST

/* A reader may meet counters of different moments; what it derives must not wrap. */
START_TEST(derived_values_saturate)
{
    lull__emit(&events, mark_end, 0, 1, 1, 10, 640, 0, 0, 1, 6400);
    ck_assert_uint_eq(lull__events_heap_bytes(&events), 640);
    lull__emit(&events, span_take, 0, 600);
    ck_assert_uint_eq(lull__events_idle_bytes(&events), 0);
    ck_assert_uint_eq(lull__events_system_bytes(&events), 600);
    lull__emit(&events, release, 0, 300, 9);
    ck_assert_uint_eq(lull__events_idle_bytes(&events), 0);
}
END_TEST

/* ---- receivers ---- */

static lull_event received;
static unsigned receptions;

static void receive(const lull_event *event, void *arg)
{
    received = *event;
    receptions++;
    *(int *)arg += 1;
}

START_TEST(a_receiver_sees_the_event)
{
    uint64_t before = lull__os_now_ns();
    int first = 0, second = 0;

    receptions = 0;
    lull__emit(&events, pause, 1, LULL_PAUSE_SWEEP, 11);
    ck_assert_uint_eq(receptions, 0);

    lull__events_subscribe(&events, receive, &first);
    lull__emit(&events, pause, 77, LULL_PAUSE_SWEEP, 1234);
    ck_assert_uint_eq(receptions, 1);
    ck_assert_int_eq(first, 1);
    ck_assert_uint_eq(received.id, LULL__EVENT_pause);
    ck_assert_uint_eq(received.thread, 77);
    ck_assert_uint_eq(received.fields[0], LULL_PAUSE_SWEEP);
    ck_assert_uint_eq(received.fields[1], 1234);
    for (unsigned i = 2; i < LULL_EVENT_FIELDS; i++) {
        ck_assert_uint_eq(received.fields[i], 0);
    }
    ck_assert_uint_ge(received.time_ns, before);
    ck_assert_uint_le(received.time_ns, lull__os_now_ns());

    lull__events_subscribe(&events, receive, &second);
    lull__emit(&events, mark_end, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    ck_assert_int_eq(first, 1);
    ck_assert_int_eq(second, 1);
    for (unsigned i = 0; i < LULL_EVENT_FIELDS; i++) {
        ck_assert_uint_eq(received.fields[i], i + 1);
    }

    lull__events_subscribe(&events, NULL, NULL);
    lull__emit(&events, pause, 77, LULL_PAUSE_SWEEP, 1234);
    ck_assert_uint_eq(receptions, 2);
    ck_assert_uint_eq(lull__happened(&events, pause), 3);
}
END_TEST

static void counter_already_fed(const lull_event *event, void *arg)
{
    (void)arg;
    ck_assert_uint_eq(lull__count(&events, pool_dropped), event->fields[1]);
}

START_TEST(a_receiver_finds_the_counters_fed)
{
    lull__events_subscribe(&events, counter_already_fed, NULL);
    lull__emit(&events, pool_trim, 0, 4, 99);
}
END_TEST

/* ---- threads and signals ---- */

enum { EMITTERS = 3, EMISSIONS = 20000 };

static atomic_uint emitting;
static int tag_a, tag_b;

static void receive_a(const lull_event *event, void *arg)
{
    (void)event;
    atomic_fetch_add(&answered, 1);
    atomic_fetch_add(&mixed, arg != &tag_a);
}

static void receive_b(const lull_event *event, void *arg)
{
    (void)event;
    atomic_fetch_add(&answered, 1);
    atomic_fetch_add(&mixed, arg != &tag_b);
}

static void *emit_many(void *arg)
{
    uint32_t number = (uint32_t)(uintptr_t)arg;

    for (unsigned i = 0; i < EMISSIONS; i++) {
        lull__emit(&events, alloc_flush, number, number, 2, 32);
        lull__emit(&events, pause, number, LULL_PAUSE_ASSIST, i);
    }
    atomic_fetch_sub(&emitting, 1);
    return NULL;
}

START_TEST(nothing_is_lost_between_threads_and_no_receiver_is_mixed)
{
    pthread_t thread[EMITTERS];
    lull_distribution read;

    atomic_store(&emitting, EMITTERS);
    lull__events_subscribe(&events, receive_a, &tag_a);
    for (uintptr_t i = 0; i < EMITTERS; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, emit_many, (void *)(i + 1)), 0);
    }
    while (atomic_load(&emitting) != 0) {
        lull__events_subscribe(&events, receive_b, &tag_b);
        lull__events_subscribe(&events, receive_a, &tag_a);
    }
    for (int i = 0; i < EMITTERS; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_uint_eq(by_class(LULL__CLASS_allocated, (unsigned)i + 1), 2 * EMISSIONS);
    }
    ck_assert_uint_eq(atomic_load(&mixed), 0);
    ck_assert_uint_eq(atomic_load(&answered), 2 * EMITTERS * EMISSIONS); /* never nobody */
    ck_assert_uint_eq(lull__count(&events, allocated_bytes), 32 * EMITTERS * EMISSIONS);
    ck_assert_uint_eq(lull__happened(&events, pause), EMITTERS * EMISSIONS);
    lull__histogram_read(&events.time[LULL__TIME_PAUSE + LULL_PAUSE_ASSIST], &read);
    ck_assert_uint_eq(read.count, EMITTERS * EMISSIONS);
    ck_assert_uint_eq(read.max_ns, EMISSIONS - 1);
}
END_TEST

static atomic_uint handled;

static void emit_in_handler(int number)
{
    (void)number;
    lull__emit(&events, signal_stop, 1, 5);
    atomic_fetch_add(&handled, 1);
}

static void *subscribe_until_handled(void *arg)
{
    (void)arg;
    while (atomic_load(&handled) < 500) {
        lull__events_subscribe(&events, receive_b, &tag_b);
        lull__events_subscribe(&events, receive_a, &tag_a);
    }
    return NULL;
}

/* A handler that interrupts a subscription emits without waiting for what it interrupted. */
START_TEST(a_signal_handler_may_emit_anywhere)
{
    struct sigaction action = {.sa_handler = emit_in_handler};
    pthread_t thread;

    lull__events_subscribe(&events, receive_a, &tag_a);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, subscribe_until_handled, NULL), 0);
    for (unsigned i = 0; i < 500; i++) {
        pthread_kill(thread, SIGUSR1);
        while (atomic_load(&handled) <= i) {
            lull__os_relax();
        }
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(lull__happened(&events, signal_stop), 500);
    ck_assert_uint_eq(atomic_load(&answered), 500);
    ck_assert_uint_eq(atomic_load(&mixed), 0);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *added = tcase_create(name);

    tcase_add_checked_fixture(added, start, NULL);
    suite_add_tcase(suite, added);
    return added;
}

int main(void)
{
    Suite *suite = suite_create("event");
    TCase *names = add_case(suite, "table");
    TCase *feeds = add_case(suite, "feeds");
    TCase *receivers = add_case(suite, "receivers");
    TCase *threads = add_case(suite, "threads");

    tcase_add_test(names, each_event_has_a_name_of_its_own);
    tcase_add_test(names, each_field_has_a_name);
    tcase_add_test(names, the_table_says_what_the_definition_says);
    tcase_add_test(feeds, every_event_is_counted);
    tcase_add_test(feeds, sums_add_and_subtract);
    tcase_add_test(feeds, gauges_keep_the_last_and_peaks_the_greatest);
    tcase_add_test(feeds, a_field_may_feed_two);
    tcase_add_test(feeds, objects_are_counted_by_size_class);
    tcase_add_test(feeds, times_go_to_the_histogram_of_their_kind);
    tcase_add_test_raise_signal(feeds, a_size_class_out_of_range_is_caught, SIGABRT);
    tcase_add_test_raise_signal(feeds, a_pause_kind_out_of_range_is_caught, SIGABRT);
    tcase_add_test(feeds, counters_add_up_to_the_heap);
    tcase_add_test(feeds, the_collectors_cpu_is_all_its_parts);
    tcase_add_test(feeds, derived_values_saturate);
    tcase_add_test(receivers, a_receiver_sees_the_event);
    tcase_add_test(receivers, a_receiver_finds_the_counters_fed);
    tcase_add_test(threads, nothing_is_lost_between_threads_and_no_receiver_is_mixed);
    tcase_add_test(threads, a_signal_handler_may_emit_anywhere);
    tcase_set_timeout(threads, 60);
    return support_run_suite(suite);
}
