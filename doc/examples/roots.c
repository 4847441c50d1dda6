/* roots.c -- every kind of root: the stack, a handle, a registered range, a frame. */
#include <lull.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
    struct node *next;
    long number;
};

static const lull_type *node_type;

static void fail(const char *what)
{
    fprintf(stderr, "roots: %s: %s\n", what, lull_error_message());
    exit(1);
}

static struct node *make(lull_thread *t, long number)
{
    struct node *node = lull_alloc(t, node_type);

    if (node == NULL) {
        fail("allocating");
    }
    node->number = number;
    return node;
}

/* A structure of malloc's that keeps an object: through a handle. */
struct session {
    lull_handle *user;
};

static struct session *session_new(lull_thread *t, struct node *user)
{
    struct session *session = malloc(sizeof *session);

    if (session == NULL || (session->user = lull_handle_new(t, user)) == NULL) {
        fail("making a session");
    }
    return session;
}

static void session_free(lull_thread *t, struct session *session)
{
    lull_handle_free(t, session->user);
    free(session);
}

/* A global variable: registered once, then stored into with lull_store. */
static struct node *table[100];

static void fill_table(lull_heap *heap, lull_thread *t)
{
    if (lull_roots_add(heap, table, sizeof table) != LULL_OK) {
        fail("registering the table");
    }
    for (long i = 0; i < 100; i++) {
        lull_store(t, &table[i], make(t, i));
    }
}

/* A thread with a precise stack: what it holds over an allocation is in a frame. */
static struct node *make_list(lull_thread *t, long length)
{
    LULL_FRAME(t, f, 1);

    for (long i = length; i > 0; i--) {
        struct node *node = make(t, i);
        lull_store(t, &node->next, f.root[0]);
        f.root[0] = node;
    }
    lull_frame_pop(t, &f.head);
    return f.root[0]; /* held by nobody until the caller puts it somewhere */
}

static void *run_precise(void *arg)
{
    lull_thread *t = lull_attach(arg, LULL_STACK_PRECISE);
    long *sum = calloc(1, sizeof *sum);

    if (t == NULL || sum == NULL) {
        fail("attaching");
    }
    LULL_FRAME(t, f, 1);
    f.root[0] = make_list(t, 1000);
    lull_collect(t);
    for (const struct node *node = f.root[0]; node != NULL; node = node->next) {
        *sum += node->number;
    }
    lull_frame_pop(t, &f.head);
    lull_detach(t);
    return sum;
}

int main(void)
{
    lull_heap *heap;
    pthread_t thread;
    void *list_sum;
    long sum = 0;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fail("making a heap");
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    node_type = LULL_RECORD(heap, struct node, next);
    if (t == NULL || node_type == NULL) {
        fail("getting ready");
    }
    struct session *session = session_new(t, make(t, 7));
    fill_table(heap, t);
    lull_collect(t);
    for (int i = 0; i < 100; i++) {
        sum += table[i]->number;
    }
    struct node *user = lull_handle_get(session->user); /* the stack holds it from here on */
    session_free(t, session);
    lull_collect(t);

    lull_blocking_begin(t);
    if (pthread_create(&thread, NULL, run_precise, heap) != 0 ||
        pthread_join(thread, &list_sum) != 0) {
        return 1;
    }
    lull_blocking_end(t);
    printf("user %ld, table %ld, list %ld\n", user->number, sum, *(long *)list_sum);
    free(list_sum);
    lull_roots_remove(heap, table, sizeof table);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
