/* interpreter.c -- a runtime of its own: tagged values, a value stack, a precise thread. */
#include <lull.h>

#include <stdio.h>
#include <stdlib.h>

/* A value is a small integer, its lowest bit 1, or a pointer to a pair, or 0 for nothing. */
typedef uintptr_t value;

struct pair {
    value head, tail;
};

struct vm {
    lull_thread *t;
    const lull_type *pair_type;
    value *stack; /* malloc's; its words are roots through trace_stack */
    size_t top;
};

static value from_int(long n)
{
    return (value)n << 1 | 1;
}

static long to_int(value v)
{
    return (long)(v >> 1);
}

static void trace_stack(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct vm *vm = arg;

    (void)object; /* NULL: these are a thread's roots */
    (void)size;
    lull_trace_range(tracer, vm->stack, vm->stack + vm->top);
}

/* The operands stay on the stack until the pair is there: to allocate may collect, and C's own
 * variables are no roots of this thread. */
static void cons(struct vm *vm)
{
    struct pair *pair = lull_alloc(vm->t, vm->pair_type);

    if (pair == NULL) {
        fprintf(stderr, "interpreter: %s\n", lull_error_message());
        exit(1);
    }
    lull_store(vm->t, &pair->head, (void *)vm->stack[vm->top - 2]);
    lull_store(vm->t, &pair->tail, (void *)vm->stack[vm->top - 1]);
    vm->top--;
    vm->stack[vm->top - 1] = (value)pair;
}

enum op { INT, CONS, HEAD, DROP, LOOP, END };

/* Runs code and returns what is on top of the stack; `count` is what LOOP counts down. */
static value run(struct vm *vm, const long *code, long count)
{
    for (size_t at = 0;;) {
        long op = code[at++];

        if (op == INT) {
            vm->stack[vm->top++] = from_int(code[at++]);
        } else if (op == CONS) {
            cons(vm);
        } else if (op == HEAD) {
            vm->stack[vm->top - 1] = ((struct pair *)vm->stack[vm->top - 1])->head;
        } else if (op == DROP) {
            vm->top--;
        } else if (op == LOOP) {
            lull_safepoint(vm->t); /* a loop that allocates nothing must not hold others up */
            at = --count > 0 ? (size_t)code[at] : at + 1;
        } else {
            return vm->stack[--vm->top];
        }
    }
}

/* clang-format off */
static const long program[] = {
    INT, 1, INT, 2, CONS,       /* a pair that is kept; */
    INT, 3, INT, 4, CONS, DROP, /* one that is not, */
    LOOP, 5,                    /* again and again; */
    HEAD, END,                  /* the head of the first */
};
/* clang-format on */

int main(void)
{
    lull_options options;
    lull_heap *heap;
    struct vm vm = {.stack = malloc(1000 * sizeof(value))};

    lull_options_init(&options);
    options.tag_mask = 1; /* a word with its lowest bit set is no pointer */
    options.tag_value = 0;
    if (vm.stack == NULL || lull_heap_create(&options, &heap) != LULL_OK ||
        (vm.t = lull_attach(heap, LULL_STACK_PRECISE)) == NULL ||
        (vm.pair_type = LULL_RECORD(heap, struct pair, head, tail)) == NULL ||
        lull_set_tracer(vm.t, trace_stack, &vm) != LULL_OK) {
        fprintf(stderr, "interpreter: %s\n", lull_error_message());
        return 1;
    }
    printf("the head of the pair that was kept: %ld\n", to_int(run(&vm, program, 1000000)));
    lull_detach(vm.t);
    free(vm.stack);
    return lull_heap_destroy(heap);
}
