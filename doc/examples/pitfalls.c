/* pitfalls.c -- six mistakes that reuse invites, each beside its mend, and what a pool under audit
 * says of both. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
    char user[24];
    char text[40];
};

LULL_POOL_TYPE(message, struct message) /* message_get and message_put */

static struct message *latest; /* a registered root */
static lull_pool *drafts;      /* another pool of messages */

/* ---- forgotten put: a way out of the function that does not lead past the put ---- */

static void forgets(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    if (strlen(user) >= sizeof m->user) {
        return; /* m is never put back */
    }
    strcpy(m->user, user);
    message_put(t, pool, m);
}

static void forgets_nothing(lull_thread *t, lull_pool *pool, const char *user)
{
    LULL_POOLED(message, m, t, pool); /* put back by every way out */

    if (strlen(user) >= sizeof m->user) {
        return;
    }
    strcpy(m->user, user);
}

/* ---- use after put: somebody else still has the object ---- */

static void uses_after(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    lull_store(t, &latest, m);
    message_put(t, pool, m); /* the next to get it writes into the latest message */
}

static void uses_before(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    lull_store(t, &latest, m);
    lull_store(t, &latest, NULL); /* everybody lets go of it first */
    message_put(t, pool, m);
}

/* ---- double put: two who each believe that it is theirs ---- */

static void send_and_put(lull_thread *t, lull_pool *pool, struct message *m)
{
    message_put(t, pool, m);
}

static void puts_twice(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    send_and_put(t, pool, m);
    message_put(t, pool, m); /* two threads may get it at once now */
}

static void puts_once(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    send_and_put(t, pool, m); /* whoever sends it puts it back: said once, where it is declared */
}

/* ---- foreign put: an object that is not the pool's ---- */

static void puts_foreign(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, drafts);

    strncpy(m->user, user, sizeof m->user - 1);
    message_put(t, pool, m); /* one pool runs dry, the other swells */
}

static void puts_own(lull_thread *t, lull_pool *pool, const char *user)
{
    LULL_POOLED(message, m, t, pool); /* taken and put in one line */

    strncpy(m->user, user, sizeof m->user - 1);
}

/* ---- write after put ---- */

static void writes_after(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    message_put(t, pool, m);
    m->user[0] = '\0'; /* perhaps another's message by now */
}

static void writes_before(lull_thread *t, lull_pool *pool, const char *user)
{
    struct message *m = message_get(t, pool);

    strncpy(m->user, user, sizeof m->user - 1);
    m->user[0] = '\0';
    message_put(t, pool, m);
}

/* ---- stale data: a reset that grew older than its struct ---- */

static void reset_text(void *object, void *arg)
{
    struct message *m = object;

    (void)arg;
    memset(m->text, 0, sizeof m->text); /* `user` was added to the struct later */
}

static void reset_all(void *object, void *arg)
{
    (void)arg;
    memset(object, 0, sizeof(struct message));
}

/* ---- all of them ---- */

static const struct pitfall {
    const char *name;
    void (*wrong)(lull_thread *t, lull_pool *pool, const char *user);
    void (*mended)(lull_thread *t, lull_pool *pool, const char *user);
    lull_pool_reset_fn wrong_reset, mended_reset;
} pitfalls[] = {
    {"forgotten put", forgets, forgets_nothing, reset_all, reset_all},
    {"use after put", uses_after, uses_before, reset_all, reset_all},
    {"double put", puts_twice, puts_once, reset_all, reset_all},
    {"foreign put", puts_foreign, puts_own, reset_all, reset_all},
    {"write after put", writes_after, writes_before, reset_all, reset_all},
    {"stale data", puts_own, puts_own, reset_text, reset_all},
};

static void tell(const lull_pool_report *report, void *arg)
{
    (void)arg;
    printf(" [%s", lull_pool_misuse_name(report->misuse));
    if (report->misuse == LULL_POOL_STALE_DATA || report->misuse == LULL_POOL_WRITE_AFTER_PUT) {
        printf(" at byte %zu", report->offset);
    }
    printf("]");
}

/* Runs one of them in a heap of its own; returns how many misuses were found. */
static int run(void (*program)(lull_thread *, lull_pool *, const char *), lull_pool_reset_fn reset)
{
    lull_pool_options options = {.struct_size = sizeof options, .reset = reset};
    lull_heap *heap;
    int misuses;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "pitfalls: %s\n", lull_error_message());
        exit(1);
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_PRECISE);
    lull_pool_report_to(heap, tell, NULL);
    lull_roots_add(heap, &latest, sizeof latest);
    options.type = lull_type_leaf(heap, "message", sizeof(struct message));
    options.flags = LULL_POOL_AUDIT | LULL_POOL_CLEAN;
    options.name = "drafts";
    drafts = lull_pool_create(heap, &options);
    options.name = "messages";
    lull_pool *pool = lull_pool_create(heap, &options);
    if (t == NULL || drafts == NULL || pool == NULL) {
        fprintf(stderr, "pitfalls: %s\n", lull_error_message());
        exit(1);
    }
    program(t, pool, "a name that is too long for a message");
    lull_collect(t);
    lull_detach(t);
    misuses = (int)lull_pool_misuses(heap); /* a test would return that */
    lull_roots_remove(heap, &latest, sizeof latest);
    lull_heap_destroy(heap);
    return misuses;
}

int main(void)
{
    for (size_t i = 0; i < sizeof pitfalls / sizeof pitfalls[0]; i++) {
        const struct pitfall *p = &pitfalls[i];

        printf("%s:", p->name);
        run(p->wrong, p->wrong_reset);
        printf(", mended: %d found\n", run(p->mended, p->mended_reset));
    }
    return 0;
}
