/* watch.c -- a collection step by step: a tree of seven nodes, some of which die.
 *
 * What happens inside is told by the heap's events, and by the trace callback of the nodes' type,
 * through which the marker says whom it visits. Both only take notes, which are printed between
 * the steps: they may run in the middle of a pause. The thread's stack is precise, so that
 * nothing but its frame is a root and every run says the same. */
#include <lull.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *left, *right;
    char name[16];
};

/* ---- notes ---- */

static struct note {
    lull_event event;
    const struct node *visited; /* by the marker; NULL: the note is of the event */
} notes[256];
static atomic_size_t note_count;

static void take_event(const lull_event *event, void *arg)
{
    size_t i = atomic_fetch_add(&note_count, 1);

    (void)arg;
    if (i < sizeof notes / sizeof notes[0]) {
        notes[i] = (struct note){.event = *event};
    }
}

static void trace_node(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct node *node = object;
    size_t i = atomic_fetch_add(&note_count, 1); /* a real one would do nothing but trace */

    (void)size;
    (void)arg;
    if (i < sizeof notes / sizeof notes[0]) {
        notes[i] = (struct note){.visited = node};
    }
    lull_trace(tracer, node->left);
    lull_trace(tracer, node->right);
}

/* What an event means; %0 is its first field. Events that are not here are not told. */
static const struct {
    const char *event, *words;
} meaning[] = {
    {"thread_attach", "its thread is attached"},
    {"grow", "the heap takes %0 bytes of new memory, for a span"},
    {"cycle_begin", "a cycle begins"},
    {"alloc_flush", "slots that the thread took and used: %1, of %2 bytes; it gives back the rest"},
    {"stop", "all threads stand still"},
    {"weak_end", "weak references cleared: %2; finalizers queued: %3"},
    {"mark_end", "marked: %2 objects of %3 bytes, from %4 bytes of roots"},
    {"goal_set", "the next cycle is to begin at %1 bytes"},
    {"cycle_end", "the colours have changed places, and the threads go on"},
    {"free", "swept, and free again: %1 slots of %2 bytes"},
    {"finalizer_run", "a finalizer has run"},
};

static void print_words(const char *words, const lull_event *event)
{
    printf("    ");
    for (; *words != '\0'; words++) {
        if (*words == '%') {
            printf("%llu", (unsigned long long)event->fields[*++words - '0']);
        } else {
            putchar(*words);
        }
    }
    putchar('\n');
}

static void tell(void)
{
    size_t count = atomic_exchange(&note_count, 0);

    for (size_t i = 0; i < count && i < sizeof notes / sizeof notes[0]; i++) {
        if (notes[i].visited != NULL) {
            printf("    the marker visits %s\n", notes[i].visited->name);
            continue;
        }
        for (size_t m = 0; m < sizeof meaning / sizeof meaning[0]; m++) {
            if (strcmp(lull_event_name(notes[i].event.id), meaning[m].event) == 0) {
                print_words(meaning[m].words, &notes[i].event);
            }
        }
    }
}

/* The first 32 slots of the nodes' span: a node by its name, + for a slot that the thread took and
 * has not used, a dot for a free one. Any word may be asked about: the heap tells what is there. */
static void draw(lull_heap *heap, const struct node *first)
{
    printf("    slots  ");
    for (uintptr_t i = 0; i < 32; i++) {
        const struct node *node = lull_object_of(heap, (uintptr_t)(first + i)).base;
        putchar(node == NULL ? '.' : node->name[0] != '\0' ? node->name[0] : '+');
    }
    putchar('\n');
}

/* ---- the program ---- */

static const lull_type *node_type;

static struct node *make(lull_thread *t, const char *name)
{
    struct node *node = lull_alloc(t, node_type);

    if (node == NULL) {
        fprintf(stderr, "watch: %s\n", lull_error_message());
        exit(1);
    }
    strcpy(node->name, name);
    return node;
}

static void bury(lull_thread *t, void *object, void *arg)
{
    (void)t;
    (void)arg;
    printf("    the finalizer of %s runs\n", ((struct node *)object)->name);
}

static void join(lull_thread *t, struct node *node, void *left, void *right)
{
    lull_store(t, &node->left, left);
    lull_store(t, &node->right, right);
}

static void make_tree(lull_thread *t, void **tree, void **weak)
{
    LULL_FRAME(t, f, 7); /* to allocate may collect: what was made is held until it is joined */

    for (int i = 0; i < 7; i++) {
        f.root[i] = make(t, (const char[]){(char)('a' + i), '\0'});
    }
    join(t, f.root[0], f.root[1], f.root[2]);
    join(t, f.root[1], f.root[3], f.root[4]);
    join(t, f.root[2], f.root[5], f.root[6]);
    *weak = lull_weak_new(t, f.root[1]);
    lull_finalizer_set(t, f.root[4], bury, NULL);
    *tree = f.root[0];
    lull_frame_pop(t, &f.head);
}

static void step(const char *what)
{
    printf("\n%s\n", what);
}

static void watch(lull_heap *heap, lull_thread *t)
{
    LULL_FRAME(t, f, 2); /* all that the program holds: the tree and the weak reference */
    struct node *a;

    step("It makes a tree: a has b and c; b has d and e; c has f and g.");
    make_tree(t, &f.root[0], &f.root[1]);
    a = f.root[0];
    tell();
    draw(heap, a);

    step("It forgets b, which has a weak reference; e below it has a finalizer. It collects.");
    lull_store(t, &a->left, NULL);
    lull_collect(t);
    tell();
    draw(heap, a);
    printf("    the weak reference to b gives %s\n",
           lull_weak_get(t, f.root[1]) == NULL ? "NULL" : "b");

    step("It runs the finalizers that are due, and makes x and y, of which it stores y alone.");
    lull_finalizers_run(t, 0);
    make(t, "x");
    lull_store(t, &a->left, make(t, "y"));
    tell();
    draw(heap, a);

    step("It collects again.");
    lull_collect(t);
    tell();
    draw(heap, a);
    lull_frame_pop(t, &f.head);
}

int main(void)
{
    lull_options options;
    lull_heap *heap;
    lull_thread *t;

    lull_options_init(&options);
    options.mode = LULL_MODE_STOP; /* beside the program the steps would be no steps */
    options.markers = 1;           /* two would visit in an order of their own */
    options.use_environment = 0;   /* the same for everybody */
    if (lull_heap_create(&options, &heap) != LULL_OK ||
        lull_events_subscribe(heap, take_event, NULL) != LULL_OK ||
        (t = lull_attach(heap, LULL_STACK_PRECISE)) == NULL ||
        (node_type = lull_type_custom(heap, "node", sizeof(struct node), trace_node, NULL)) ==
            NULL) {
        fprintf(stderr, "watch: %s\n", lull_error_message());
        return 1;
    }
    printf("The program makes a heap.\n");
    tell();
    watch(heap, t);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
