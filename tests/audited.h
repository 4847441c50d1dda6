/* audited.h -- what the suites of the audit share: places in the program that a report names, the
 * reports of a heap, heaps in each mode whose pools are under audit. Included by one file a
 * program. */
#ifndef LULL_TESTS_AUDITED_H
#define LULL_TESTS_AUDITED_H

#include <check.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lull.h>

#include "heap.h"
#include "mutators.h"
#include "support.h"

struct item {
    uint64_t number;
    struct item *next;
    char bytes[48];
};

LULL_POOL_TYPE(items, struct item)

struct holder {
    uint64_t number;
    void *one, *other;
};

static lull_heap *heap;
static lull_thread *self;
static const lull_type *item_type;
static lull_pool *pool;
static void *root[8];     /* registered */
static atomic_uint stage; /* that threads are at */

/* ---- places ----
 * Each function that is to be named in a report is alone in a section of its own, whose bounds the
 * linker tells. */

#define PLACE(name) __attribute__((noinline, noipa, section("place_" #name)))
#if !defined(__has_attribute) || !__has_attribute(noipa)
#undef PLACE
#define PLACE(name) __attribute__((noinline, section("place_" #name)))
#endif
#define BOUNDS(name) extern const char __start_place_##name[], __stop_place_##name[]
#define IS_IN(name, code)                                                                          \
    ((const char *)(code) > __start_place_##name && (const char *)(code) <= __stop_place_##name)

BOUNDS(taking);
BOUNDS(putting);
BOUNDS(calling);

PLACE(taking) static struct item *take_from(lull_pool *from)
{
    struct item *item = items_get(self, from);

    ensure(item != NULL, "%s", lull_error_message());
    return item;
}

static struct item *take(void)
{
    return take_from(pool);
}

PLACE(putting) static void put_into(lull_pool *to, void *object)
{
    lull_pool_put(self, to, object);
    __asm__ volatile("" ::: "memory"); /* no tail call: the place would not show */
}

static void put(void *object)
{
    put_into(pool, object);
}

/* ---- reports ---- */

#define REPORTS 64
static struct {
    pthread_mutex_t lock;
    lull_pool_report report[REPORTS];
    char text[REPORTS][4096];
    char pool[REPORTS][64], type[REPORTS][64];
    unsigned count;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(const lull_pool_report *report, void *arg)
{
    ensure(arg == &seen, "the argument that was given");
    pthread_mutex_lock(&seen.lock);
    ensure(seen.count < REPORTS, "too many: %s", report->text);
    unsigned i = seen.count++;
    seen.report[i] = *report;
    snprintf(seen.text[i], sizeof seen.text[i], "%s", report->text);
    snprintf(seen.pool[i], sizeof seen.pool[i], "%s", report->pool);
    snprintf(seen.type[i], sizeof seen.type[i], "%s", report->type);
    pthread_mutex_unlock(&seen.lock);
}

static void nothing_was_seen(void)
{
    ensure(seen.count == 0, "%u: %s", seen.count, seen.text[0]);
}

/* The one report there is, which is of this misuse of the object. */
static const lull_pool_report *only(lull_pool_misuse misuse, uintptr_t object)
{
    ensure(seen.count == 1, "%u reports; %s%s", seen.count, seen.text[0], seen.text[1]);
    ensure(seen.report[0].misuse == misuse, "%s", seen.text[0]);
    ensure((uintptr_t)seen.report[0].object == object, "%s", seen.text[0]);
    seen.count = 0;
    return &seen.report[0];
}

__attribute__((format(printf, 1, 2))) static bool says(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strstr(seen.text[0], text) == NULL) {
        fprintf(stderr, "%s: not in: %s", text, seen.text[0]);
        return false;
    }
    return true;
}

/* ---- heaps ---- */

static const lull_mode modes[] = {LULL_MODE_STOP, LULL_MODE_CONCURRENT, LULL_MODE_INCREMENTAL,
                                  LULL_MODE_OFF};
enum { COLLECTING = 3, ALL = 4 };

static lull_pool *new_pool(lull_pool_options options)
{
    options.struct_size = sizeof options;
    options.name = options.name != NULL ? options.name : "items";
    options.type = options.type != NULL || options.object_bytes != 0 ? options.type : item_type;
    lull_pool *made = lull_pool_create(heap, &options);
    ensure(made != NULL, "%s", lull_error_message());
    return made;
}

static void open_heap(int mode, unsigned debug)
{
    lull_options options = support_options();

    options.mode = modes[mode];
    options.debug = LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY | debug;
    heap = support_heap(&options);
    self = lull_attach(heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(self);
    ck_assert_int_eq(lull_pool_report_to(heap, note, &seen), LULL_OK);
    ck_assert_int_eq(lull_roots_add(heap, root, sizeof root), LULL_OK);
    item_type = LULL_RECORD(heap, struct item, next);
    pool = new_pool((lull_pool_options){0});
}

static void begin(int mode)
{
    open_heap(mode, LULL_DEBUG_POOLS);
}

static void collect(void)
{
    ck_assert_int_eq(lull_collect(self), LULL_OK);
}

static void trace_words(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)arg;
    lull_trace_range(tracer, object, (const char *)object + size);
}

/* The heap's end finds nothing more. */
static void end(void)
{
    memset(root, 0, sizeof root);
    ck_assert_int_eq(lull_detach(self), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(heap), LULL_OK);
    nothing_was_seen();
}

#endif
