/* audit.c -- four mistakes with a pool, and what its audit says of them. */
#include <lull.h>

#include <stdio.h>
#include <string.h>

struct session {
    struct session *next;
    char user[48];
};

LULL_POOL_TYPE(session, struct session)

static struct session *newest; /* a registered root */

static void tell(const lull_pool_report *report, void *arg)
{
    (void)arg;
    printf("%s: %s", report->pool, lull_pool_misuse_name(report->misuse));
    if (report->misuse == LULL_POOL_WRITE_AFTER_PUT) {
        printf(" at offset %zu", report->offset);
    }
    printf("\n");
}

static void serve(lull_thread *t, lull_pool *sessions)
{
    struct session *a = session_get(t, sessions);
    struct session *b = session_get(t, sessions);
    struct session *c = session_get(t, sessions);

    strcpy(c->user, "carol"); /* and c is never put back */
    lull_store(t, &newest, b);
    session_put(t, sessions, b); /* but `newest` has it */
    session_put(t, sessions, a);
    session_put(t, sessions, a);
    strcpy(a->user, "alice");
}

int main(void)
{
    lull_pool_options options = {.struct_size = sizeof options, .name = "sessions"};
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "audit: %s\n", lull_error_message());
        return 1;
    }
    lull_pool_report_to(heap, tell, NULL); /* without this, LULL_DEBUG=pools tells stderr */
    lull_thread *t = lull_attach(heap, LULL_STACK_PRECISE);
    lull_roots_add(heap, &newest, sizeof newest);
    options.type = LULL_RECORD(heap, struct session, next);
    options.flags = LULL_POOL_AUDIT;
    lull_pool *sessions = lull_pool_create(heap, &options);
    if (t == NULL || sessions == NULL) {
        fprintf(stderr, "audit: %s\n", lull_error_message());
        return 1;
    }
    serve(t, sessions);
    lull_collect(t);
    lull_detach(t);
    printf("%d misuses\n", (int)lull_pool_misuses(heap)); /* a test would return that */
    return lull_heap_destroy(heap);
}
