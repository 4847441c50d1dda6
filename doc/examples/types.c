/* types.c -- what the collector can be told of an object's words. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point {
    double x, y;
};

struct shape {
    struct shape *next;
    struct point *points;
    const char *name; /* a string of the program's: not of the heap, so not declared */
    size_t count;
};

/* A word says what the other is: only the program knows, so a callback tells. */
struct variant {
    enum { NUMBER, OBJECT } kind;
    union {
        uintptr_t number;
        void *object;
    };
};

static void trace_variants(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct variant *variant = object;

    (void)arg;
    for (size_t i = 0; i < size / sizeof *variant; i++) { /* an array comes in one piece */
        if (variant[i].kind == OBJECT) {
            lull_trace(tracer, variant[i].object);
        }
    }
}

static void *checked(void *object)
{
    if (object == NULL) {
        fprintf(stderr, "types: %s\n", lull_error_message());
        exit(1);
    }
    return object;
}

int main(void)
{
    lull_heap *heap;

    if (lull_heap_create(NULL, &heap) != LULL_OK) {
        checked(NULL);
    }
    lull_thread *t = checked(lull_attach(heap, LULL_STACK_CONSERVATIVE));

    const lull_type *point_type = lull_type_leaf(heap, "point", sizeof(struct point));
    const lull_type *shape_type = LULL_RECORD(heap, struct shape, next, points);
    const lull_type *blob_type = lull_type_conservative(heap, "blob", 64);
    const lull_type *variant_type =
        lull_type_custom(heap, "variant", sizeof(struct variant), trace_variants, NULL);

    struct shape *shape = checked(lull_alloc(t, shape_type));
    shape->name = "triangle";
    shape->count = 3;
    lull_store(t, &shape->points, checked(lull_alloc_array(t, point_type, 3)));

    struct shape *others = checked(lull_alloc_array(t, shape_type, 1000)); /* 1,000 in a row */
    lull_store(t, &others[999].next, shape);

    void **blob = checked(lull_alloc(t, blob_type));
    lull_store(t, &blob[3], others);

    struct variant *variants = checked(lull_alloc_array(t, variant_type, 2));
    variants[0].number = (uintptr_t) "no object";
    lull_store(t, &variants[1].object, blob);
    variants[1].kind = OBJECT;

    char *copy = checked(lull_alloc_leaf(t, strlen(shape->name) + 1)); /* no type at all */
    strcpy(copy, shape->name);

    lull_collect(t);
    lull_object_info info = lull_object_of(heap, (uintptr_t)&others[999].count);
    printf("%s of %zu points; &others[999].count is in an object of %zu bytes at offset %td\n",
           copy, shape->count, info.size, (char *)&others[999].count - (char *)info.base);
    lull_detach(t);
    return lull_heap_destroy(heap);
}
