/* model.c -- see model.h. */
#include "model.h"

#include <string.h>

#define WORD sizeof(void *)
#define WORDS_MOST 20000

/* ---- words ---- */

static uintptr_t decode(const struct model *m, uintptr_t word, bool strict)
{
    const lull_options *o = &m->heap->options;

    if ((word & o->tag_mask) == o->tag_value) {
        return word & o->pointer_mask;
    }
    return strict ? 0 : word;
}

/* Where in m->node the first object at or above `address` is. */
static size_t place_of(const struct model *m, uintptr_t address)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->node[middle]->address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct model_node *find(const struct model *m, uintptr_t address)
{
    size_t i = place_of(m, address + 1);

    return i > 0 && address - m->node[i - 1]->address < m->node[i - 1]->size ? m->node[i - 1]
                                                                             : NULL;
}

static struct model_node *find_word(const struct model *m, uintptr_t word, bool strict)
{
    return find(m, decode(m, word, strict));
}

/* A word that points to the object, as the rule of the heap wants it: its first byte or any. */
static uintptr_t encode(struct model *m, const struct model_node *n, bool strict)
{
    const lull_options *o = &m->heap->options;
    uintptr_t address = n->address;

    if (random_below(&m->r, 3) == 0) {
        address += random_below(&m->r, n->size);
    }
    if (strict || random_below(&m->r, 2) == 0) {
        uintptr_t junk = random_next(&m->r) & ~o->pointer_mask & ~o->tag_mask;
        address = (address & o->pointer_mask & ~o->tag_mask) | o->tag_value | junk;
    }
    ensure(find_word(m, address, strict) == n, "%zx", address);
    return address;
}

/* ---- marking ---- */

static void reach(struct model *m, struct model_node *n)
{
    if (n != NULL && !n->reached) {
        n->reached = true;
        m->stack[m->depth++] = n;
    }
}

static void reach_words(struct model *m, const struct model_node *n)
{
    for (size_t i = 0; i < n->words && n->kind == MODEL_WORDS; i++) {
        if (n->shape->pointers[i % n->shape->period]) {
            reach(m, find_word(m, n->word[i], n->shape->strict));
        }
    }
}

/* Until nothing changes, ephemerons by looking at all of them again and again. */
static void reach_all(struct model *m)
{
    bool more = true;

    while (more) {
        while (m->depth > 0) {
            reach_words(m, m->stack[--m->depth]);
        }
        for (size_t i = 0; i < m->count; i++) {
            struct model_node *n = m->node[i];
            if (n->kind == MODEL_EPHEMERON && n->reached && n->word[0] != 0) {
                const struct model_node *key = find_word(m, n->word[0], false);
                ensure(key != NULL, "%zx", n->address);
                if (key->reached) {
                    reach(m, find_word(m, n->word[1], false));
                }
            }
        }
        more = m->depth > 0;
    }
}

static void reach_root(struct model *m, const void *word)
{
    reach(m, find_word(m, (uintptr_t)word, false));
}

static void reach_from_roots(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        m->node[i]->reached = false;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->node[i]->queued || m->node[i] == m->running) {
            reach(m, m->node[i]);
        }
    }
    reach_root(m, (const void *)m->argument[0]);
    reach_root(m, (const void *)m->argument[1]);
    for (size_t i = 0; i < MODEL_RANGE; i++) {
        reach_root(m, m->range[i]);
    }
    for (size_t i = 0; i < MODEL_TRACED; i++) {
        reach_root(m, m->traced[i]);
    }
    for (size_t i = 0; i < MODEL_HANDLES; i++) {
        reach_root(m, m->handle[i] != NULL ? lull_handle_get(m->handle[i]) : NULL);
    }
    for (size_t i = 0; i < m->frames * MODEL_FRAME_ROOTS; i++) {
        reach_root(m, m->frame[i / MODEL_FRAME_ROOTS].root[i % MODEL_FRAME_ROOTS]);
    }
    reach_all(m);
}

/* ---- a cycle ---- */

static void remove_dead(struct model *m)
{
    size_t kept = 0;

    m->dead_count = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct model_node *n = m->node[i];
        if (n->reached) {
            m->node[kept++] = n;
        } else {
            ensure(!n->finalizer && !n->queued, "%zx", n->address);
            m->dead[m->dead_count++] = n->address;
            free(n->word);
            free(n);
        }
    }
    m->count = kept;
}

/* The order of lull/weak.h: weak references, finalizers, ephemerons. */
static void cycle(struct model *m)
{
    reach_from_roots(m);
    for (size_t i = 0; i < m->count; i++) {
        struct model_node *n = m->node[i];
        if (n->kind == MODEL_WEAK && n->word[0] != 0 && !find_word(m, n->word[0], false)->reached) {
            n->word[0] = 0;
        }
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->node[i]->finalizer && !m->node[i]->reached) {
            m->node[i]->finalizer = false;
            m->node[i]->queued = true;
            m->queued++;
        }
    }
    for (size_t i = 0; i < m->count; i++) {
        if (m->node[i]->queued) {
            reach(m, m->node[i]);
        }
    }
    reach_all(m);
    for (size_t i = 0; i < m->count; i++) {
        struct model_node *n = m->node[i];
        if (n->kind == MODEL_EPHEMERON && n->word[0] != 0 &&
            !find_word(m, n->word[0], false)->reached) {
            n->word[0] = n->word[1] = 0;
        }
    }
    remove_dead(m);
}

void model_follow(struct model *m)
{
    uint64_t cycles = m->heap->cycles;

    if (m->cycles != cycles) {
        cycle(m);
        m->cycles = cycles;
    }
}

/* ---- comparing ---- */

static void compare_node(struct model *m, struct model_node *n)
{
    lull_object_info info = lull_object_of(m->heap, n->address + random_below(&m->r, n->size));
    void *object = (void *)n->address;

    ensure((uintptr_t)info.base == n->address, "%zx: %zx", n->address, (uintptr_t)info.base);
    ensure(info.size == n->size, "%zx: %zu, not %zu", n->address, info.size, n->size);
    if (n->kind == MODEL_WORDS) {
        ensure(memcmp(object, n->word, n->words * WORD) == 0, "%zx", n->address);
    } else if (n->kind == MODEL_WEAK) {
        ensure((uintptr_t)lull_weak_get(m->t, object) == n->word[0], "%zx", n->address);
    } else {
        ensure((uintptr_t)lull_ephemeron_key(m->t, object) == n->word[0], "%zx", n->address);
        ensure((uintptr_t)lull_ephemeron_value(m->t, object) == n->word[1], "%zx", n->address);
    }
}

static void compare(struct model *m)
{
    lull_stats stats = support_stats(m->heap);
    size_t bytes = 0;

    for (size_t i = 0; i < m->count; i++) {
        compare_node(m, m->node[i]);
        bytes += m->node[i]->size;
    }
    for (size_t i = 0; i < m->dead_count; i++) {
        ensure(lull_object_of(m->heap, m->dead[i]).base == NULL, "%zx", m->dead[i]);
    }
    ck_assert_uint_eq(stats.allocated_objects - stats.freed_objects, m->count);
    ck_assert_uint_ge(stats.allocated_bytes - stats.freed_bytes, bytes);
    ck_assert_uint_ge(stats.live_objects, m->count); /* two markers may count one twice */
    if (m->heap->options.markers == 1) {
        ck_assert_uint_eq(stats.live_objects, m->count);
        ck_assert_uint_eq(stats.live_bytes, stats.allocated_bytes - stats.freed_bytes);
    }
    ck_assert_uint_eq(lull_finalizers_pending(m->heap), m->queued - m->finalized);
}

void model_collect(struct model *m)
{
    model_follow(m);
    ck_assert_int_eq(lull_collect(m->t), LULL_OK);
    model_follow(m);
    compare(m);
}

/* ---- making objects ---- */

static struct model_node *add(struct model *m, void *object, enum model_kind kind, size_t words)
{
    struct model_node *n = calloc(1, sizeof *n);

    model_follow(m); /* the cycle came before the object */
    ck_assert_msg(object != NULL && n != NULL, "%s", lull_error_message());
    n->address = (uintptr_t)object;
    n->kind = kind;
    n->words = words;
    n->word = calloc(words, WORD);
    n->size = lull_object_of(m->heap, n->address).size;
    ensure(find(m, n->address) == NULL && find(m, n->address + n->size - 1) == NULL, "%zx",
           n->address);
    ensure(n->size >= words * WORD && n->word != NULL, "%zx", n->address);
    if (m->count == m->capacity) {
        m->capacity = m->capacity != 0 ? m->capacity * 2 : 256;
        m->node = realloc(m->node, m->capacity * sizeof *m->node);
        m->stack = realloc(m->stack, m->capacity * sizeof *m->stack);
        m->dead = realloc(m->dead, m->capacity * sizeof *m->dead);
    }
    size_t place = place_of(m, n->address);
    memmove(m->node + place + 1, m->node + place, (m->count - place) * sizeof *m->node);
    m->node[place] = n;
    m->count++;
    return n;
}

static size_t random_count(struct model *m, size_t period)
{
    size_t most = random_below(&m->r, 150) == 0 ? WORDS_MOST : 60;

    return 1 + random_below(&m->r, most / period != 0 ? most / period : 1);
}

static struct model_node *make_words(struct model *m)
{
    const struct model_shape *shape = &m->shape[random_below(&m->r, MODEL_SHAPES)];
    size_t count = shape->array ? random_count(m, shape->period) : 1;
    void *object;

    if (shape->type == NULL) {
        object = (shape->pointers[0] ? lull_alloc_any : lull_alloc_leaf)(m->t, count * WORD);
    } else if (count != 1) {
        object = lull_alloc_array(m->t, shape->type, count);
    } else {
        object = (random_below(&m->r, 2) ? lull_alloc : lull_alloc_inline)(m->t, shape->type);
    }
    struct model_node *n = add(m, object, MODEL_WORDS, count * shape->period);
    n->shape = shape;
    for (size_t i = 0; i < n->size; i++) {
        ensure(((char *)object)[i] == 0, "byte %zu of %zu", i, n->size);
    }
    return n;
}

/* ---- what a program can reach ---- */

static struct model_node *any_root(struct model *m)
{
    size_t i = random_below(&m->r, MODEL_RANGE);

    switch (random_below(&m->r, 4)) {
    case 0: return find_word(m, (uintptr_t)m->range[i], false);
    case 1: return find_word(m, (uintptr_t)m->traced[i], false);
    case 2:
        i = random_below(&m->r, MODEL_HANDLES);
        return m->handle[i] == NULL ? NULL
                                    : find_word(m, (uintptr_t)lull_handle_get(m->handle[i]), false);
    default:
        i = random_below(&m->r, MODEL_FRAMES);
        return i >= m->frames
                   ? NULL
                   : find_word(m, (uintptr_t)m->frame[i].root[random_below(&m->r, 4)], false);
    }
}

static struct model_node *any_child(struct model *m, const struct model_node *n)
{
    size_t i = random_below(&m->r, n->words);

    if (n->kind == MODEL_WEAK) {
        ck_assert_uint_eq((uintptr_t)lull_weak_get(m->t, (void *)n->address), n->word[0]);
        return find_word(m, n->word[0], false);
    }
    if (n->kind == MODEL_WORDS && !n->shape->pointers[i % n->shape->period]) {
        return NULL;
    }
    return find_word(m, n->word[i], n->kind == MODEL_WORDS && n->shape->strict);
}

/* An object at the end of a random walk from a root; NULL: it came to none. */
static struct model_node *any_node(struct model *m)
{
    struct model_node *n = any_root(m);

    for (uint64_t steps = random_below(&m->r, 10); n != NULL && steps > 0; steps--) {
        struct model_node *next = any_child(m, n);
        n = next != NULL ? next : n;
    }
    return n;
}

/* ---- changing objects ---- */

/* A word that keeps nothing: a number, or where only the rule says so, an address. */
static uintptr_t noise(struct model *m, bool pointer, bool strict)
{
    const lull_options *o = &m->heap->options;
    const struct model_node *n = any_node(m);

    if (n != NULL && !pointer && random_below(&m->r, 2)) {
        return n->address;
    }
    if (n != NULL && pointer && strict && o->tag_mask != 0) {
        uintptr_t wrong = o->tag_value ^ (o->tag_mask & ~(o->tag_mask - 1));
        return (n->address & ~o->tag_mask) | wrong;
    }
    return random_below(&m->r, 4000);
}

static void store(struct model *m, struct model_node *n, size_t i, const struct model_node *value)
{
    uintptr_t *word = (uintptr_t *)n->address;
    bool pointer = n->shape->pointers[i % n->shape->period];

    if (pointer && value != NULL) {
        n->word[i] = encode(m, value, n->shape->strict);
        lull_store(m->t, &word[i], (void *)n->word[i]);
    } else {
        n->word[i] = random_below(&m->r, 2) ? 0 : noise(m, pointer, n->shape->strict);
        word[i] = n->word[i];
    }
}

static void change_one(struct model *m)
{
    struct model_node *n = any_node(m);

    if (n == NULL) {
        return;
    }
    if (n->kind == MODEL_WORDS) {
        store(m, n, random_below(&m->r, n->words), random_below(&m->r, 4) ? any_node(m) : NULL);
    } else if (n->kind == MODEL_EPHEMERON && n->word[0] != 0) {
        const struct model_node *value = any_node(m);
        n->word[1] = value != NULL ? encode(m, value, false) : 0;
        lull_ephemeron_set(m->t, (void *)n->address, (void *)n->word[1]);
    }
}

static void fill(struct model *m, struct model_node *n)
{
    uint64_t density = 1 + random_below(&m->r, 8);
    size_t step = n->words > 500 ? 1 + random_below(&m->r, 100) : 1;

    for (size_t i = random_below(&m->r, step); i < n->words; i += step) {
        if (random_below(&m->r, 8) < density) {
            store(m, n, i, any_node(m));
        }
    }
}

/* ---- roots ---- */

static void set_root(struct model *m, const struct model_node *n)
{
    void *word = n != NULL ? (void *)encode(m, n, false) : NULL;
    size_t i = random_below(&m->r, MODEL_HANDLES);

    switch (random_below(&m->r, 4)) {
    case 0: lull_store(m->t, &m->range[i % MODEL_RANGE], word); return;
    case 1: m->traced[i % MODEL_TRACED] = word; return;
    case 2:
        if (m->handle[i] == NULL) {
            m->handle[i] = lull_handle_new(m->t, word);
        } else if (word == NULL && random_below(&m->r, 2)) {
            lull_handle_free(m->t, m->handle[i]);
            m->handle[i] = NULL;
        } else {
            lull_handle_set(m->t, m->handle[i], word);
        }
        return;
    default:
        if (m->frames > 0) {
            m->frame[i % m->frames].root[random_below(&m->r, MODEL_FRAME_ROOTS)] = word;
        }
    }
}

static void push_or_pop(struct model *m)
{
    if (m->frames == MODEL_FRAMES || (m->frames > 0 && random_below(&m->r, 2))) {
        ck_assert_int_eq(lull_frame_pop(m->t, &m->frame[--m->frames].head), LULL_OK);
    } else {
        m->frame[m->frames] = (struct model_frame){{NULL, MODEL_FRAME_ROOTS}, {NULL}};
        ck_assert_int_eq(lull_frame_push(m->t, &m->frame[m->frames++].head), LULL_OK);
    }
}

static void trace_roots(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    const struct model *m = arg;

    ensure(object == NULL && size == 0, "%zu", size);
    lull_trace_range(tracer, m->traced, m->traced + MODEL_TRACED / 2);
    for (size_t i = MODEL_TRACED / 2; i < MODEL_TRACED; i++) {
        lull_trace(tracer, m->traced[i]);
    }
}

/* ---- steps ---- */

/* Links a new object to what there is, most of the time. */
static void link_node(struct model *m, const struct model_node *n)
{
    struct model_node *holder = any_node(m);

    if (holder == NULL || random_below(&m->r, 6) == 0) {
        set_root(m, n);
    } else if (holder->kind == MODEL_WORDS) {
        store(m, holder, random_below(&m->r, holder->words), n);
    }
}

static void make_weak(struct model *m)
{
    struct model_node *target = any_node(m), *value = any_node(m);

    if (target == NULL) {
        return;
    }
    bool weak = random_below(&m->r, 2);
    uintptr_t *word = m->argument;
    word[0] = encode(m, target, false);
    word[1] = value != NULL && !weak ? encode(m, value, false) : 0;
    void *object = weak ? (void *)lull_weak_new(m->t, (void *)word[0])
                        : (void *)lull_ephemeron_new(m->t, (void *)word[0], (void *)word[1]);
    struct model_node *n = add(m, object, weak ? MODEL_WEAK : MODEL_EPHEMERON, 2);
    n->word[0] = word[0];
    n->word[1] = word[1];
    word[0] = word[1] = 0;
    link_node(m, n);
}

static void run_finalizer(lull_thread *t, void *object, void *arg)
{
    struct model *m = arg;

    model_follow(m);
    struct model_node *n = find(m, (uintptr_t)object);
    ensure(n != NULL && n->queued && n->address == (uintptr_t)object && t == m->t, "%p", object);
    m->running = n;
    n->queued = false;
    m->finalized++;
    compare_node(m, n);
    if (random_below(&m->r, 3) == 0) {
        set_root(m, n); /* back to life */
    }
    if (random_below(&m->r, 5) == 0) {
        ck_assert_int_eq(lull_finalizer_set(t, object, run_finalizer, m), LULL_OK);
        n->finalizer = true;
    }
    for (uint64_t steps = random_below(&m->r, 4); steps > 0; steps--) {
        link_node(m, make_words(m));
    }
    m->running = NULL;
}

void model_run_finalizers(struct model *m, size_t max)
{
    size_t due = m->queued - m->finalized, before = m->finalized;

    model_follow(m);
    size_t ran = lull_finalizers_run(m->t, max);
    ck_assert_uint_eq(m->finalized - before, ran);
    ck_assert(max == 0 ? ran >= due : ran <= max);
}

static void change_finalizer(struct model *m)
{
    struct model_node *n = any_node(m);

    if (n != NULL && !n->queued) {
        n->finalizer = random_below(&m->r, 3) != 0;
        ck_assert_int_eq(lull_finalizer_set(m->t, (void *)encode(m, n, false),
                                            n->finalizer ? run_finalizer : NULL, m),
                         LULL_OK);
    }
}

void model_step(struct model *m)
{
    uint64_t what = random_below(&m->r, 100);
    struct model_node *n;

    if (what < 40) {
        n = make_words(m);
        fill(m, n);
        link_node(m, n);
    } else if (what < 50) {
        make_weak(m);
    } else if (what < 80) {
        change_one(m);
    } else if (what < 90) {
        set_root(m, random_below(&m->r, 3) ? any_node(m) : NULL);
    } else if (what < 95) {
        change_finalizer(m);
    } else if (what < 97) {
        push_or_pop(m);
    } else if (what < 98) {
        model_run_finalizers(m, random_below(&m->r, 4));
    }
}

/* ---- shapes ---- */

static void trace_odd(lull_tracer *tracer, const void *object, size_t size, void *arg)
{
    void *const *word = object;

    (void)arg;
    for (size_t i = 1; i < size / WORD; i += 2) {
        lull_trace(tracer, word[i]);
    }
}

static const lull_type *record_type(struct model *m, struct model_shape *s)
{
    static size_t offset[WORDS_MOST];
    uint64_t share = 1 + random_below(&m->r, 8), run = random_below(&m->r, 16);
    size_t n = 0;

    for (size_t i = 0; i < s->period; i++) {
        s->pointers[i] = run < 8 ? i <= run : random_below(&m->r, 8) < share;
        if (s->pointers[i]) {
            offset[n++] = i * WORD;
        }
    }
    return lull_type_record(m->heap, "record", s->period * WORD, offset, n);
}

/* Plain ones first, then records of all sizes. */
static void make_shape(struct model *m, size_t i)
{
    struct model_shape *s = &m->shape[i];

    s->period = i < 6                    ? 1 + i / 4
                : random_below(&m->r, 6) ? 1 + random_below(&m->r, 64)
                                         : 65 + random_below(&m->r, 300);
    s->pointers = calloc(s->period, sizeof *s->pointers);
    s->strict = true;
    s->array = i % 2 == 0 || i < 6;
    switch (i) {
    case 0: /* lull_alloc_leaf */ return;
    case 1: /* lull_alloc_any */ s->pointers[0] = true; return;
    case 2: s->type = lull_type_leaf(m->heap, "leaf", WORD); break;
    case 3:
        s->pointers[0] = true;
        s->type = lull_type_conservative(m->heap, "any", WORD);
        break;
    case 4:
    case 5:
        s->pointers[1] = true;
        s->strict = false;
        s->type = lull_type_custom(m->heap, "odd", 2 * WORD, trace_odd, s);
        break;
    default: s->type = record_type(m, s);
    }
    ck_assert_msg(s->type != NULL, "%s", lull_error_message());
}

/* Takes all cells there are. */
static void crowd(lull_heap *heap)
{
    for (size_t i = 0; heap->cell_count < LULL__CELLS; i++) {
        size_t offset[16], n = 0;
        for (size_t bit = 0; bit < 12; bit++) {
            if ((i + 1) >> bit & 1) {
                offset[n++] = (40 + bit) * WORD;
            }
        }
        ck_assert(lull_type_record(heap, "crowd", 64 * WORD, offset, n) != NULL);
        ck_assert_uint_lt(i, 4 * LULL__CELLS);
    }
}

struct model *model_new(const lull_options *options, uint64_t seed, bool crowded)
{
    struct model *m = calloc(1, sizeof *m);

    ck_assert_ptr_nonnull(m);
    m->heap = support_heap(options);
    m->t = lull_attach(m->heap, LULL_STACK_PRECISE);
    ck_assert_ptr_nonnull(m->t);
    m->r.state = seed;
    if (crowded) {
        crowd(m->heap);
    }
    for (size_t i = 0; i < MODEL_SHAPES; i++) {
        make_shape(m, i);
    }
    ck_assert_int_eq(lull_roots_add(m->heap, m->range, sizeof m->range), LULL_OK);
    ck_assert_int_eq(lull_set_tracer(m->t, trace_roots, m), LULL_OK);
    return m;
}

void model_free(struct model *m)
{
    while (m->frames > 0) {
        ck_assert_int_eq(lull_frame_pop(m->t, &m->frame[--m->frames].head), LULL_OK);
    }
    ck_assert_int_eq(lull_detach(m->t), LULL_OK);
    ck_assert_int_eq(lull_heap_destroy(m->heap), LULL_OK);
    for (size_t i = 0; i < m->count; i++) {
        free(m->node[i]->word);
        free(m->node[i]);
    }
    for (size_t i = 0; i < MODEL_SHAPES; i++) {
        free(m->shape[i].pointers);
    }
    free(m->node);
    free(m->stack);
    free(m->dead);
    free(m);
}
