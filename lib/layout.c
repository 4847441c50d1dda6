/* layout.c -- layouts and types.
 *
 * A layout is a map of words; types that agree on it share memory. Records of up to 64 words are
 * one 64-bit mask, kept in each block's descriptor; all else is a pattern of `period` words that
 * repeats through the slot, as an array's element does. A pattern of nothing is a leaf.
 *
 * Spans are segregated by layout, so a layout costs up to a span a class. When the budget of
 * cells is spent, further layouts live in the generic layout's spans, whose slots carry their
 * layout in the last word (.generic). */
#include "layout.h"

#include <stdlib.h>
#include <string.h>

#include "callback.h"
#include "error.h"
#include "thread.h"

#define WORD sizeof(void *)
#define MASK_WORDS 64

/* Layouts are few and live as long as the heap: a list under types_lock suffices. */

static size_t bit_words(uint32_t period)
{
    return (period + 63) / 64;
}

static bool same_layout(const struct lull__layout *a, const struct lull__layout *b)
{
    return a->kind == b->kind && a->period == b->period && a->trace == b->trace &&
           a->trace_arg == b->trace_arg &&
           (a->period == 0 || memcmp(a->bits, b->bits, bit_words(a->period) * 8) == 0);
}

/* The shared layout equal to `made`; `made` itself where there is none. Under types_lock, so
 * nothing is allocated or freed (.inv.malloc). */
static struct lull__layout *intern(lull_heap *heap, struct lull__layout *made)
{
    for (struct lull__layout *layout = heap->layouts; layout != NULL; layout = layout->next) {
        if (same_layout(layout, made)) {
            return layout;
        }
    }
    made->next = heap->layouts;
    heap->layouts = made;
    return made;
}

/* Takes over wanted->bits; NULL: no memory. */
static struct lull__layout *new_layout(const struct lull__layout *wanted)
{
    struct lull__layout *layout = malloc(sizeof *layout);

    if (layout == NULL) {
        free(wanted->bits);
        return NULL;
    }
    *layout = *wanted;
    return layout;
}

static void free_layout(struct lull__layout *layout)
{
    if (layout != NULL) {
        free(layout->bits);
        free(layout);
    }
}

static struct lull__layout *intern_plain(lull_heap *heap, enum lull__kind kind)
{
    struct lull__layout wanted = {.kind = (uint8_t)kind};
    struct lull__layout *made = new_layout(&wanted);
    return made != NULL ? intern(heap, made) : NULL;
}

static void cell_init(struct lull__cell *cell, struct lull__layout *layout, unsigned class_index,
                      uint8_t epoch)
{
    pthread_mutex_init(&cell->lock, NULL);
    cell->layout = layout;
    cell->class_index = class_index;
    cell->epoch = epoch;
    cell->slot_size = lull__classes[class_index].slot_size;
}

/* Gives `layout` a cell for the class; false where the budget is spent. Under types_lock. */
static bool add_cell(lull_heap *heap, struct lull__layout *layout, unsigned class_index)
{
    uint32_t index = atomic_load_explicit(&heap->cell_count, memory_order_relaxed);

    if (index == LULL__CELLS) {
        return false;
    }
    cell_init(&heap->cells[index], layout, class_index, lull__sweep_epoch(heap));
    /* release: pairs with the acquire of whoever walks the cells; the cell is initialised */
    atomic_store_explicit(&heap->cell_count, index + 1, memory_order_release);
    /* release: pairs with the acquire in lull__layout_cell */
    __atomic_store_n(&layout->cells[class_index], (uint16_t)index, __ATOMIC_RELEASE);
    return true;
}

bool lull__layout_init(lull_heap *heap)
{
    static const enum lull__kind plain[] = {LULL__KIND_LEAF, LULL__KIND_CONSERVATIVE,
                                            LULL__KIND_GENERIC, LULL__KIND_WEAK,
                                            LULL__KIND_EPHEMERON};
    struct lull__layout **place[] = {&heap->leaf_layout, &heap->conservative_layout,
                                     &heap->generic_layout, &heap->weak_layout,
                                     &heap->ephemeron_layout};

    heap->cell_count = LULL__NO_CELL + 1;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        *place[i] = intern_plain(heap, plain[i]);
        if (*place[i] == NULL) {
            return false;
        }
        (*place[i])->type = LULL__MANY_TYPES; /* objects without a type have these */
    }
    /* the fallback must never want for a cell */
    for (unsigned c = 0; c < LULL__CLASSES; c++) {
        add_cell(heap, heap->generic_layout, c);
        add_cell(heap, heap->leaf_layout, c);
        add_cell(heap, heap->conservative_layout, c);
    }
    add_cell(heap, heap->weak_layout, lull__class_of(sizeof(struct lull_weak)));
    add_cell(heap, heap->ephemeron_layout, lull__class_of(sizeof(struct lull_ephemeron)));
    return true;
}

void lull__layout_finish(lull_heap *heap)
{
    while (heap->types != NULL) {
        struct lull_type *type = heap->types;
        heap->types = type->next;
        free(type->name);
        free(type);
    }
    while (heap->layouts != NULL) {
        struct lull__layout *layout = heap->layouts;
        heap->layouts = layout->next;
        free_layout(layout);
    }
    uint32_t cells = heap->cells != NULL ? heap->cell_count : 0;
    for (uint32_t i = LULL__NO_CELL + 1; i < cells; i++) {
        pthread_mutex_destroy(&heap->cells[i].lock);
    }
}

struct lull__cell *lull__layout_cell(lull_heap *heap, struct lull__layout *layout,
                                     unsigned class_index, bool *generic)
{
    /* acquire: pairs with the release in add_cell */
    uint16_t index = __atomic_load_n(&layout->cells[class_index], __ATOMIC_ACQUIRE);

    if (LULL__UNLIKELY(index == LULL__NO_CELL)) {
        pthread_mutex_lock(&heap->types_lock);
        if (layout->cells[class_index] == LULL__NO_CELL) {
            add_cell(heap, layout, class_index);
        }
        index = layout->cells[class_index];
        pthread_mutex_unlock(&heap->types_lock);
    }
    *generic = index == LULL__NO_CELL;
    if (*generic) {
        index = heap->generic_layout->cells[class_index];
    }
    return &heap->cells[index];
}

/* ---- types ---- */

/* Sets what the inline fast path of the type needs: its cache, where it has one of its own. */
static void bind(lull_heap *heap, struct lull_type *type)
{
    bool generic = true;
    unsigned index = LULL__NO_CELL;
    size_t slot_size = lull__round_up(type->size, LULL__GRANULE);

    if (type->size <= LULL__SMALL_MAX) {
        unsigned class_index = lull__class_of(type->size);
        struct lull__cell *cell = lull__layout_cell(heap, type->layout, class_index, &generic);
        slot_size = cell->slot_size;
        index = generic ? LULL__NO_CELL : lull__cell_index(heap, cell);
    }
    type->head.cache = index * (uint32_t)sizeof(struct lull__cache);
    type->head.slot_size = (uint32_t)lull__min(slot_size, UINT32_MAX);
}

/* Notes that `type` has the layout. Under types_lock; read without it by lull_object_of, which
 * needs the type whole: release, pairs with the acquire there. */
static void note_type(struct lull__layout *layout, const lull_type *type)
{
    bool first = atomic_load_explicit(&layout->type, memory_order_relaxed) == NULL;

    atomic_store_explicit(&layout->type, first ? type : LULL__MANY_TYPES, memory_order_release);
}

/* Puts a type among the heap's, with the shared layouts equal to its own. */
static void enlist(lull_heap *heap, struct lull_type *type)
{
    lull_thread *entered = lull__enter_any(heap);

    pthread_mutex_lock(&heap->types_lock);
    type->layout = intern(heap, type->layout);
    type->array_layout = intern(heap, type->array_layout);
    type->next = heap->types;
    heap->types = type;
    note_type(type->layout, type);
    if (type->array_layout != type->layout) {
        note_type(type->array_layout, type);
    }
    pthread_mutex_unlock(&heap->types_lock);
    bind(heap, type);
    lull__leave_any(entered);
}

/* Makes the type of a single layout and its array's; takes over both layouts' bits. */
static const lull_type *make_type(lull_heap *heap, const char *name, size_t size,
                                  const struct lull__layout *single_wanted,
                                  const struct lull__layout *array_wanted)
{
    struct lull_type *type = calloc(1, sizeof *type);
    char *copy = strdup(name != NULL ? name : "");
    struct lull__layout *single = new_layout(single_wanted);
    struct lull__layout *array = new_layout(array_wanted);

    if (type == NULL || copy == NULL || single == NULL || array == NULL) {
        free_layout(array);
        free_layout(single);
        free(copy);
        free(type);
        lull__fail(LULL_E_NO_MEMORY, "no memory for a type");
        return NULL;
    }
    type->heap = heap;
    type->layout = single;
    type->array_layout = array;
    type->size = size;
    type->name = copy;
    enlist(heap, type);
    if (type->layout != single) {
        free_layout(single);
    }
    if (type->array_layout != array) {
        free_layout(array);
    }
    return type;
}

static bool check_size(size_t size)
{
    if (size == 0 || size > PTRDIFF_MAX) {
        lull__fail(LULL_E_SIZE, "a type of %zu bytes: 1 to %zu are allowed", size,
                   (size_t)PTRDIFF_MAX);
        return false;
    }
    return true;
}

static const lull_type *make_plain(lull_heap *heap, const char *name, size_t size,
                                   struct lull__layout wanted)
{
    struct lull__layout array = wanted;

    return check_size(size) ? make_type(heap, name, size, &wanted, &array) : NULL;
}

const lull_type *lull_type_leaf(lull_heap *heap, const char *name, size_t size)
{
    if (lull__refuses_any("lull_type_leaf")) {
        return NULL;
    }
    return make_plain(heap, name, size, (struct lull__layout){.kind = LULL__KIND_LEAF});
}

const lull_type *lull_type_conservative(lull_heap *heap, const char *name, size_t size)
{
    if (lull__refuses_any("lull_type_conservative")) {
        return NULL;
    }
    return make_plain(heap, name, size, (struct lull__layout){.kind = LULL__KIND_CONSERVATIVE});
}

const lull_type *lull_type_custom(lull_heap *heap, const char *name, size_t size,
                                  lull_trace_fn trace, void *arg)
{
    if (lull__refuses_any("lull_type_custom")) {
        return NULL;
    }
    if (trace == NULL) {
        lull__fail(LULL_E_INVALID, "a custom type needs a trace callback");
        return NULL;
    }
    atomic_store_explicit(&heap->callbacks, true, memory_order_relaxed);
    return make_plain(heap, name, size,
                      (struct lull__layout){.kind = LULL__KIND_CUSTOM,
                                            .trace = trace,
                                            .trace_arg = arg});
}

/* A pattern of `period` words with the given pointers; false: no memory. */
static bool make_bits(struct lull__layout *layout, uint32_t period, const size_t *offsets,
                      size_t count)
{
    layout->period = period;
    layout->bits = calloc(bit_words(period), 8);
    if (layout->bits == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t word = offsets[i] / WORD;
        layout->bits[word / 64] |= UINT64_C(1) << (word % 64);
    }
    return true;
}

static bool check_offsets(size_t size, const size_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (offsets[i] % WORD != 0 || size < WORD || offsets[i] > size - WORD) {
            lull__fail(LULL_E_INVALID,
                       "pointer offset %zu in a type of %zu bytes: a multiple of %zu that leaves "
                       "room for a pointer is allowed",
                       offsets[i], size, WORD);
            return false;
        }
    }
    if (size / WORD > UINT32_MAX / 16) {
        lull__fail(LULL_E_SIZE, "a record of %zu bytes: at most %zu are allowed", size,
                   (size_t)UINT32_MAX / 16 * WORD);
        return false;
    }
    return true;
}

const lull_type *lull_type_record(lull_heap *heap, const char *name, size_t size,
                                  const size_t *offsets, size_t offset_count)
{
    struct lull__layout single = {.kind = LULL__KIND_PATTERN};
    struct lull__layout array = {.kind = LULL__KIND_PATTERN};
    uint32_t period = (uint32_t)((size + WORD - 1) / WORD);

    if (lull__refuses_any("lull_type_record")) {
        return NULL;
    }
    if (!check_size(size) || !check_offsets(size, offsets, offset_count)) {
        return NULL;
    }
    if (offset_count == 0) {
        return lull_type_leaf(heap, name, size);
    }
    /* an array whose elements are not whole words has no word pattern: then any word may be one */
    if (size % WORD != 0) {
        array.kind = LULL__KIND_CONSERVATIVE;
    } else if (!make_bits(&array, period, offsets, offset_count)) {
        lull__fail(LULL_E_NO_MEMORY, "no memory for a type");
        return NULL;
    }
    /* a record that fits a mask does not depend on its size: dedup by the mask alone */
    single.kind = period <= MASK_WORDS ? LULL__KIND_RECORD : LULL__KIND_PATTERN;
    if (!make_bits(&single, period <= MASK_WORDS ? MASK_WORDS : period, offsets, offset_count)) {
        free(array.bits);
        lull__fail(LULL_E_NO_MEMORY, "no memory for a type");
        return NULL;
    }
    return make_type(heap, name, size, &single, &array);
}

size_t lull_type_size(const lull_type *type)
{
    return type->size;
}

const char *lull_type_name(const lull_type *type)
{
    return type->name;
}
