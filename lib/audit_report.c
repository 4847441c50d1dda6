/* audit_report.c -- misuses of audited pools, on their way to whoever is to be told.
 *
 * What a collection finds waits until no thread is held: the program's function may call malloc,
 * and so may the C library where it looks for the names of places. */
#include "audit_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callback.h"
#include "error.h"
#include "thread.h"
#include "walk.h"

#define FINDINGS_MOST 256 /* of a collection; more are counted only */
#define FINDINGS_BYTES lull__round_up(FINDINGS_MOST * sizeof(struct lull__finding), LULL__OS_PAGE)
#define TEXT_BYTES 8192
#define SHOWN_BYTES 16

static const char *const names[LULL_POOL_MISUSES] = {
    [LULL_POOL_FORGOTTEN_PUT] = "forgotten put",
    [LULL_POOL_USE_AFTER_PUT] = "use after put",
    [LULL_POOL_DOUBLE_PUT] = "double put",
    [LULL_POOL_FOREIGN_PUT] = "foreign put",
    [LULL_POOL_WRITE_AFTER_PUT] = "write after put",
    [LULL_POOL_STALE_DATA] = "stale data",
    [LULL_POOL_PUT_IN_CALLBACK] = "put inside a callback",
    [LULL_POOL_GET_IN_MAKE] = "get inside make",
};

const char *lull_pool_misuse_name(lull_pool_misuse misuse)
{
    return (unsigned)misuse < LULL_POOL_MISUSES ? names[misuse] : NULL;
}

/* ---- making one ---- */

void lull__finding_begin(struct lull__finding *finding, lull_pool_misuse misuse,
                         const struct lull__audited *pool, const struct lull__custody *custody,
                         const void *object)
{
    lull_pool_report *report = &finding->report;
    struct lull__slot slot =
        lull__resolve(pool->heap, lull__address(pool->heap, (uintptr_t)object));

    memset(finding, 0, sizeof *finding);
    report->misuse = misuse;
    report->object = object;
    report->type = "";
    if (slot.state != NULL && lull__state_load(slot.state) != LULL__FREE) {
        const lull_type *type = lull__walk_type(pool->heap, slot.base);
        report->type = type != NULL ? type->name : "";
        lull__walk_layout(pool->heap, slot.base, &report->size);
    } else if (custody != NULL) {
        report->size = custody->bytes;
    }
    if (custody != NULL) {
        memcpy(report->taken_at, custody->taken_at, sizeof report->taken_at);
        memcpy(report->put_at, custody->put_at, sizeof report->put_at);
    }
    snprintf(finding->pool, sizeof finding->pool, "%s", pool->name);
}

__attribute__((format(printf, 4, 0))) static size_t add(char *text, size_t room, size_t length,
                                                        const char *format, va_list arguments)
{
    int more = vsnprintf(text + length, room - length, format, arguments);
    return lull__min(length + (size_t)lull__max(more, 0), room - 1);
}

void lull__finding_add(struct lull__finding *finding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    finding->length =
        add(finding->detail, sizeof finding->detail, finding->length, format, arguments);
    va_end(arguments);
}

void lull__finding_add_bytes(struct lull__finding *finding, const char *object, size_t offset,
                             size_t bytes, uint8_t was)
{
    finding->report.offset = offset;
    lull__finding_add(finding, "the byte at offset %zu was %02x, and is now", offset,
                      (unsigned)was);
    for (size_t i = offset; i < lull__min(bytes, offset + SHOWN_BYTES); i++) {
        lull__finding_add(finding, " %02x", (unsigned)(uint8_t)object[i]);
    }
    lull__finding_add(finding, "%s", bytes - offset > SHOWN_BYTES ? " ..." : "");
}

/* ---- telling ---- */

struct text {
    char line[TEXT_BYTES];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text->length = add(text->line, sizeof text->line, text->length, format, arguments);
    va_end(arguments);
}

static void say_callers(struct text *text, const char *what, const void *const *caller)
{
    char place[512];

    for (size_t i = 0; i < LULL_POOL_CALLERS && caller[i] != NULL; i++) {
        lull__os_describe(caller[i], place, sizeof place);
        say(text, "    %-8s %s\n", i == 0 ? what : "", place);
    }
}

static void say_all(struct text *text, const struct lull__finding *finding)
{
    const lull_pool_report *report = &finding->report;

    say(text, "lull: pool \"%s\": %s: %p", finding->pool, names[report->misuse], report->object);
    if (report->size != 0) {
        say(text, " (%s%s%zu bytes)", report->type, report->type[0] != '\0' ? ", " : "",
            report->size);
    }
    say(text, "%s%s\n", finding->length != 0 ? ": " : "", finding->detail);
    say_callers(text, "taken at", report->taken_at);
    say_callers(text, "put at", report->put_at);
    say_callers(text, "now at", report->again_at);
}

static void tell(lull_heap *heap, struct lull__finding *finding)
{
    struct lull__audit *audit = &heap->audit;
    int saved_errno = errno;
    struct text text = {.length = 0};

    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&audit->ledger.lock);
    lull_pool_report_fn fn = audit->fn;
    void *arg = audit->fn_arg;
    pthread_mutex_unlock(&audit->ledger.lock);
    lull__leave_any(entered);
    if (fn == NULL && (heap->options.debug & LULL_DEBUG_POOLS) == 0) {
        return;
    }
    say_all(&text, finding);
    finding->report.pool = finding->pool;
    finding->report.text = text.line;
    if (fn != NULL) {
        uint32_t around = lull__callback_begin(LULL__CALLBACK_REPORT);
        fn(&finding->report, arg);
        lull__callback_end(around);
    } else {
        lull__os_say(text.line, text.length);
    }
    errno = saved_errno;
}

void lull__finding_tell(lull_thread *t, struct lull__finding *finding)
{
    lull__emit(&t->heap->events, pool_misuse, t->number, finding->report.misuse);
    tell(t->heap, finding);
}

void lull__finding_keep(lull_heap *heap, const struct lull__finding *finding)
{
    struct lull__audit *audit = &heap->audit;

    lull__emit(&heap->events, pool_misuse, 0, finding->report.misuse);
    if (audit->finding == NULL) {
        audit->finding = lull__os_map(FINDINGS_BYTES);
    }
    if (audit->finding != NULL && audit->finding_count < FINDINGS_MOST) {
        audit->finding[audit->finding_count++] = *finding;
    }
}

void lull__audit_tell(lull_heap *heap)
{
    struct lull__audit *audit = &heap->audit;

    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&audit->ledger.lock);
    struct lull__finding *finding = audit->finding;
    size_t count = audit->finding_count;
    void *spent = lull__custody_spent(audit);
    audit->finding = NULL;
    audit->finding_count = 0;
    pthread_mutex_unlock(&audit->ledger.lock);
    lull__leave_any(entered);
    for (size_t i = 0; i < count; i++) {
        tell(heap, &finding[i]);
    }
    lull__os_unmap(finding, FINDINGS_BYTES);
    while (spent != NULL) {
        void *next = *(void **)spent;
        free(spent);
        spent = next;
    }
}

int lull_pool_report_to(lull_heap *heap, lull_pool_report_fn fn, void *arg)
{
    if (lull__refuses_any("lull_pool_report_to")) {
        return LULL_E_STATE;
    }
    if (heap == NULL) {
        return lull__fail(LULL_E_INVALID, "lull_pool_report_to wants a heap");
    }
    lull_thread *entered = lull__enter_any(heap);
    pthread_mutex_lock(&heap->audit.ledger.lock);
    heap->audit.fn = fn;
    heap->audit.fn_arg = arg;
    pthread_mutex_unlock(&heap->audit.ledger.lock);
    lull__leave_any(entered);
    return LULL_OK;
}
