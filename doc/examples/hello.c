/* hello.c -- a million list nodes are made, of which the last thousand stay. */
#include <lull.h>
#include <stdio.h>

typedef struct node {
    struct node *next;
    long number;
} node;

int main(void)
{
    lull_stats stats = {.struct_size = sizeof stats};
    lull_heap *heap;
    node *list = NULL;
    int alive = 0;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        fprintf(stderr, "hello: %s\n", lull_error_message());
        return 1;
    }
    lull_thread *t = lull_attach(heap, LULL_STACK_CONSERVATIVE);
    const lull_type *node_type = LULL_RECORD(heap, node, next); /* where its pointers are */

    for (long i = 0; i < 1000000; i++) {
        node *n = lull_new(t, node); /* zeroed; nobody frees it */
        n->number = i;
        lull_store(t, &n->next, i % 1000 != 0 ? list : NULL); /* n->next = the list so far */
        list = n;
    }
    for (const node *n = list; n != NULL; n = n->next) {
        alive++;
    }
    lull_collect(t); /* it comes by itself too; this is to see all that died gone */
    lull_stats_read(heap, &stats);
    printf("%d nodes are alive, %s were collected\n", alive,
           stats.freed_objects > 990000 ? "the others" : "not all others");
    lull_detach(t);
    return lull_heap_destroy(heap);
}
