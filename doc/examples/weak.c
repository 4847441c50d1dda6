/* weak.c -- a weak reference, an ephemeron, a finalizer, and the end of the object they are of. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>

/* An object that stands for something outside of the heap. */
struct log {
    FILE *file;
};

static void close_log(lull_thread *t, void *object, void *arg)
{
    struct log *log = object;

    (void)t;
    fclose(log->file);
    ++*(int *)arg;
}

struct roots {
    struct log *log;
    lull_weak *weak;
    lull_ephemeron *note;
};

static void *checked(void *object)
{
    if (object == NULL) {
        fprintf(stderr, "weak: %s\n", lull_error_message());
        exit(1);
    }
    return object;
}

static void open_log(lull_thread *t, const lull_type *log_type, struct roots *roots, int *closed)
{
    lull_store(t, &roots->log, checked(lull_alloc(t, log_type)));
    roots->log->file = checked(tmpfile());
    if (lull_finalizer_set(t, roots->log, close_log, closed) != LULL_OK) {
        checked(NULL);
    }
    lull_store(t, &roots->weak, checked(lull_weak_new(t, roots->log)));

    char *text = checked(lull_alloc_leaf(t, 32));
    snprintf(text, 32, "opened by hand");
    lull_ephemeron *note = checked(lull_ephemeron_new(t, roots->log, text));
    lull_store(t, &roots->note, note); /* the text lives as long as the log */
}

static void look(lull_thread *t, const struct roots *roots, int closed)
{
    const char *note = lull_ephemeron_value(t, roots->note);

    printf("log %s, note \"%s\", files closed: %d\n",
           lull_weak_get(t, roots->weak) != NULL ? "alive" : "gone", note != NULL ? note : "",
           closed);
}

int main(void)
{
    lull_heap *heap;
    int closed = 0;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        checked(NULL);
    }
    lull_thread *t = checked(lull_attach(heap, LULL_STACK_PRECISE));
    const lull_type *log_type = checked((void *)lull_type_leaf(heap, "log", sizeof(struct log)));
    struct roots roots = {NULL, NULL, NULL};
    lull_roots_add(heap, &roots, sizeof roots);

    open_log(t, log_type, &roots, &closed);
    lull_collect(t);
    look(t, &roots, closed);

    lull_store(t, &roots.log, NULL); /* its last strong reference */
    lull_collect(t);
    look(t, &roots, closed); /* weak references go first; the finalizer may still want the rest */
    lull_finalizers_run(t, 0);
    lull_collect(t);
    look(t, &roots, closed);

    lull_roots_remove(heap, &roots, sizeof roots);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
