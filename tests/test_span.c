/* test_span.c -- spans and their state bytes, against a list of what should be there. */
#include <pthread.h>
#include <sched.h>

#include "heap.h"
#include "random.h"
#include "span.h"
#include "support.h"

#define SPANS 150
#define STATES_UNIT 64

static lull_heap *heap;
static struct lull__span *span[SPANS];
static size_t spans;
static const lull_type *type[8];
static size_t types;

static void trace_nothing(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    (void)tracer, (void)object, (void)size, (void)arg;
}

static void set_up(void)
{
    static const size_t run[] = {0, 8, 16}, gap[] = {0, 16}, late[] = {8}, far[] = {0, 800};
    lull_options options = support_options();

    heap = support_heap(&options);
    spans = 0;
    types = 0;
    type[types++] = lull_type_leaf(heap, "leaf", 16);
    type[types++] = lull_type_conservative(heap, "any", 16);
    type[types++] = lull_type_record(heap, "run", 24, run, 3);
    type[types++] = lull_type_record(heap, "gap", 24, gap, 2);
    type[types++] = lull_type_record(heap, "late", 16, late, 1);
    type[types++] = lull_type_record(heap, "far", 808, far, 2);
    type[types++] = lull_type_custom(heap, "custom", 16, trace_nothing, NULL);
}

static void tear_down(void)
{
    lull_heap_destroy(heap);
}

/* A cell of its own for the test: layout and class in any combination. */
static struct lull__cell *random_cell(struct random *r)
{
    static struct lull__cell cell[8][LULL__CLASSES];
    size_t i = random_below(r, types), c = random_below(r, LULL__CLASSES);

    cell[i][c].layout = type[i]->layout;
    cell[i][c].class_index = (uint32_t)c;
    cell[i][c].slot_size = lull__classes[c].slot_size;
    return &cell[i][c];
}

static size_t bytes_of(const struct lull__span *s)
{
    return s->blocks * LULL__BLOCK;
}

static bool is_large(const struct lull__span *s)
{
    return s->state == LULL__SPAN_LARGE;
}

/* The span that an address lies in; NULL: none. */
static const struct lull__span *find(uintptr_t address)
{
    for (size_t i = 0; i < spans; i++) {
        uintptr_t start = (uintptr_t)lull__span_start(heap, span[i]);
        if (address >= start && address - start < bytes_of(span[i])) {
            return span[i];
        }
    }
    return NULL;
}

static void check_address(uintptr_t address)
{
    const struct lull__span *s = find(address);
    struct lull__slot slot = lull__resolve(heap, address);

    if (s == NULL) {
        ensure(slot.block == NULL && slot.state == NULL && slot.base == NULL, "%zx", address);
        return;
    }
    char *start = lull__span_start(heap, s);
    size_t size = is_large(s) ? bytes_of(s) : s->cell->slot_size;
    size_t number = (address - (uintptr_t)start) / size;
    ensure(slot.base == start + number * size, "%zx", address);
    ensure(slot.state == lull__span_states(heap, s) + number, "%zx", address);
    ensure(number < s->slots || *slot.state == LULL__FREE, "%zx: .inv.tail", address);
    ensure(lull__span_of(heap, (void *)address) == s, "%zx", address);
    ensure(lull__slot_bytes(heap, &slot) == (is_large(s) ? s->bytes : size), "%zx", address);
}

/* Some addresses of a span: its first and last bytes and the ends of its last slots, and any. */
static void check_span(const struct lull__span *s, struct random *r)
{
    uintptr_t start = (uintptr_t)lull__span_start(heap, s);
    size_t size = is_large(s) ? s->bytes : s->cell->slot_size;
    uintptr_t end_of_slots = start + (is_large(s) ? s->bytes : (size_t)s->slots * size);

    check_address(start - 1);
    check_address(start);
    check_address(start + size - 1);
    check_address(start + size);
    check_address(end_of_slots - 1);
    check_address(end_of_slots);
    check_address(start + bytes_of(s) - 1);
    check_address(start + bytes_of(s));
    for (int i = 0; i < 10; i++) {
        check_address(start + random_below(r, bytes_of(s)));
    }
}

/* No byte of state belongs to two spans: each has its number all over its array. */
static void check_states_apart(void)
{
    for (size_t i = 0; i < spans; i++) {
        uint8_t *states = lull__span_states(heap, span[i]);
        size_t n = is_large(span[i]) ? 1 : span[i]->slots;
        ensure(is_large(span[i]) || (uintptr_t)states % STATES_UNIT == 0, "%zu", i);
        memset(states, (int)i + 1, n);
    }
    for (size_t i = 0; i < spans; i++) {
        const uint8_t *states = lull__span_states(heap, span[i]);
        size_t n = is_large(span[i]) ? 1 : span[i]->slots;
        size_t all = is_large(span[i]) ? 1 : (n + STATES_UNIT - 1) / STATES_UNIT * STATES_UNIT;
        for (size_t k = 0; k < all; k++) {
            ensure(states[k] == (k < n ? i + 1 : LULL__FREE), "span %zu, slot %zu", i, k);
        }
    }
}

static void new_small(struct random *r)
{
    struct lull__cell *cell = random_cell(r);
    struct lull__span *s = lull__span_new(heap, cell);

    ck_assert(s != NULL);
    ck_assert_ptr_null(find((uintptr_t)lull__span_start(heap, s)));
    ck_assert_uint_eq(s->blocks, lull__classes[cell->class_index].blocks);
    ck_assert_uint_eq(s->slots, lull__classes[cell->class_index].slots);
    ck_assert_uint_eq(s->live, 0);
    ck_assert_ptr_eq(s->cell, cell);
    const uint8_t *states = lull__span_states(heap, s);
    for (uint32_t i = 0; i < (s->slots + STATES_UNIT - 1) / STATES_UNIT * STATES_UNIT; i++) {
        ensure(states[i] == LULL__FREE, "%u", i);
    }
    span[spans++] = s;
}

static void new_large(struct random *r)
{
    struct lull__layout *layout = type[random_below(r, 2)]->layout;
    size_t bytes = LULL__SMALL_MAX + 1 + random_below(r, 10 * LULL__BLOCK);
    struct lull__span *s = lull__span_new_large(heap, layout, bytes, LULL__COLOUR_B);

    ck_assert(s != NULL);
    ck_assert_uint_ge(s->bytes, bytes);
    ck_assert_uint_lt(s->bytes, bytes + 16);
    ck_assert_uint_eq(s->blocks, (bytes + LULL__BLOCK - 1) / LULL__BLOCK);
    ck_assert_uint_eq(*lull__span_states(heap, s), LULL__COLOUR_B);
    ck_assert_uint_eq(lull__span_kind(heap, s), layout->kind);
    span[spans++] = s;
}

static void free_one(struct random *r)
{
    size_t i = random_below(r, spans);
    struct lull__span *s = span[i];
    uintptr_t start = (uintptr_t)lull__span_start(heap, s);

    lull__span_free(heap, s);
    span[i] = span[--spans];
    check_address(start);
}

START_TEST(addresses_resolve_as_the_list_says)
{
    for (uint64_t seed = 1; seed <= support_rounds(3); seed++) {
        struct random r = {seed};
        for (size_t step = 0; step < 600; step++) {
            uint64_t what = random_below(&r, 10);
            if (spans == SPANS || (what < 4 && spans > 0)) {
                free_one(&r);
            } else if (what == 4) {
                new_large(&r);
            } else {
                new_small(&r);
            }
            if (spans > 0) {
                check_span(span[random_below(&r, spans)], &r);
            }
            if (step % 20 == 0) {
                check_states_apart();
            }
        }
        while (spans > 0) {
            free_one(&r);
        }
        ck_assert_uint_eq(heap->pages.used_blocks, 0);
    }
    check_address(0);
    check_address(UINTPTR_MAX);
    check_address((uintptr_t)heap->pages.range - 1);
    check_address((uintptr_t)heap->pages.range + heap->pages.extent_bytes);
}
END_TEST

/* Arrays given back are used again, zeroed: nothing more is mapped for the same spans. */
START_TEST(arrays_of_states_are_reused)
{
    struct lull__cell cell = {.layout = type[0]->layout};
    size_t bytes = 0;

    for (int round = 0; round < 5; round++) {
        for (unsigned c = 0; c < LULL__CLASSES; c++) {
            cell.class_index = c;
            cell.slot_size = lull__classes[c].slot_size;
            struct lull__span *s = lull__span_new(heap, &cell);
            memset(lull__span_states(heap, s), LULL__COLOUR_A, s->slots);
            lull__span_free(heap, s);
            s = lull__span_new(heap, &cell);
            for (uint32_t i = 0; i < s->slots; i++) {
                ensure(lull__span_states(heap, s)[i] == LULL__FREE, "%u", i);
            }
            span[spans++] = s;
        }
        while (spans > 0) {
            lull__span_free(heap, span[--spans]);
        }
        ck_assert(round == 0 || heap->states.bytes == bytes);
        bytes = heap->states.bytes;
    }
    ck_assert_uint_gt(bytes, 0);
}
END_TEST

/* What a block says of its span's records: all the pointers, and no other word. */
START_TEST(blocks_describe_their_layout)
{
    for (size_t i = 0; i < types; i++) {
        struct lull__cell cell = {.layout = type[i]->layout,
                                  .class_index = lull__class_of(type[i]->size)};
        cell.slot_size = lull__classes[cell.class_index].slot_size;
        struct lull__span *s = lull__span_new(heap, &cell);
        const struct lull__block *block = &heap->pages.blocks[s - heap->pages.spans];
        if (block->kind == LULL__KIND_RUN) {
            ck_assert_uint_eq((UINT64_C(1) << block->mask) - 1, type[i]->layout->bits[0]);
        } else if (block->kind == LULL__KIND_RECORD) {
            ck_assert_uint_eq(block->mask, type[i]->layout->bits[0]);
        } else {
            ck_assert_uint_eq(block->kind, type[i]->layout->kind);
            ck_assert_ptr_eq(block->layout, type[i]->layout);
        }
        lull__span_free(heap, s);
        ck_assert_uint_eq(block->kind, LULL__KIND_NONE);
    }
}
END_TEST

START_TEST(lists_are_first_in_first_out)
{
    static struct lull__span s[100];
    struct lull__span_list a = {NULL, NULL}, b = {NULL, NULL};

    lull__span_splice(&a, &b);
    ck_assert_ptr_null(lull__span_pop(&a));
    for (int i = 0; i < 100; i++) {
        lull__span_push(i < 50 ? &a : &b, &s[i]);
    }
    lull__span_splice(&a, &b);
    ck_assert_ptr_null(lull__span_pop(&b));
    lull__span_splice(&b, &a);
    ck_assert_ptr_null(lull__span_pop(&a));
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(lull__span_pop(&b), &s[i]);
        ck_assert_ptr_null(s[i].next);
    }
    ck_assert_ptr_null(lull__span_pop(&b));
    lull__span_push(&b, &s[0]);
    ck_assert_ptr_eq(lull__span_pop(&b), &s[0]);
}
END_TEST

/* ---- blocks that become another span's while they are asked about ---- */

#define BEFORE 1 /* blocks before the one in question */

static struct {
    struct lull__cell cell;       /* of the smallest slots */
    uintptr_t address;            /* in question */
    uint8_t *as_large, *as_small; /* its state byte, by turns */
    size_t turns, asked;
    bool over;
} changing;

static struct lull__span *take_large(size_t blocks)
{
    return lull__span_new_large(heap, type[0]->layout, blocks * LULL__BLOCK, LULL__COLOUR_A);
}

/* The block is the end of a large object, then a span of its own. */
static void take_turns(void)
{
    struct lull__span *large = take_large(BEFORE + 1);
    changing.as_large = lull__span_states(heap, large);
    changing.address = (uintptr_t)lull__span_start(heap, large + BEFORE) + LULL__BLOCK / 2;
    lull__span_free(heap, large);

    struct lull__span *before = take_large(BEFORE);
    struct lull__span *small = lull__span_new(heap, &changing.cell);
    changing.as_small = lull__span_states(heap, small) + LULL__BLOCK / 2 / changing.cell.slot_size;
    lull__span_free(heap, small);
    lull__span_free(heap, before);
}

static bool is_over(void)
{
    return __atomic_load_n(&changing.over, __ATOMIC_RELAXED);
}

/* Until what was asked before is answered. */
static void await_answers(void)
{
    size_t asked = __atomic_load_n(&changing.asked, __ATOMIC_RELAXED);

    while (__atomic_load_n(&changing.asked, __ATOMIC_RELAXED) - asked < 2 && !is_over()) {
        sched_yield();
    }
}

/* Between two cycles a block is given away once: the issue never comes round while somebody
 * asks. */
static void *run_changes(void *arg)
{
    (void)arg;
    while (!is_over()) {
        take_turns();
        if (changing.turns % 64 == 0) {
            await_answers();
        }
        __atomic_store_n(&changing.turns, changing.turns + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Whatever is answered is of one span, or that there is none. */
START_TEST(a_word_is_resolved_by_one_span_alone)
{
    size_t enough = support_rounds(20000);
    pthread_t pthread;

    changing.cell.layout = type[0]->layout;
    changing.cell.class_index = lull__class_of(LULL__GRANULE);
    changing.cell.slot_size = lull__classes[changing.cell.class_index].slot_size;
    take_turns();
    uintptr_t address = changing.address;
    const uint8_t *as_large = changing.as_large, *as_small = changing.as_small;
    ck_assert_int_eq(pthread_create(&pthread, NULL, run_changes, NULL), 0);
    while (__atomic_load_n(&changing.turns, __ATOMIC_RELAXED) < enough) {
        struct lull__slot slot = lull__resolve(heap, address);
        ensure(slot.state == NULL || slot.state == as_large || slot.state == as_small,
               "%zd beyond the large object's, %zd beyond the span's", slot.state - as_large,
               slot.state - as_small);
        __atomic_store_n(&changing.asked, changing.asked + 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&changing.over, true, __ATOMIC_RELAXED);
    pthread_join(pthread, NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("spans");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, addresses_resolve_as_the_list_says);
    tcase_add_test(tests, arrays_of_states_are_reused);
    tcase_add_test(tests, blocks_describe_their_layout);
    tcase_add_test(tests, lists_are_first_in_first_out);
    tcase_add_test(tests, a_word_is_resolved_by_one_span_alone);
    return support_run(suite_create("span"), tests);
}
