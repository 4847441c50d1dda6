/* central.c -- the spans of each cell.
 *
 * A span that is in no thread's cache stands in one of its cell's three lists:
 *
 *     todo   not swept since the last cycle     -> swept -> avail, full, or its blocks given back
 *     avail  swept, with a free slot            -> a thread's cache
 *     full   swept (or handed out whole)
 *
 * At the end of marking all go to todo, by splicing lists: nothing in the pause depends on the
 * number of spans. A thread that wants a span and finds none swept sweeps for itself, a bounded
 * number, then takes new blocks; the background worker does the rest.
 *
 * Sweeping happens outside the locks: a popped span is the popper's alone. heap->unswept is
 * lowered only after the span stands where it belongs, so that 0 means "all done". */
#include "central.h"

#include "delay.h"
#include "pages.h"
#include "pause.h"
#include "span.h"
#include "sweep.h"

#define SWEEP_FOR_ONE 12   /* spans a thread sweeps for itself before it takes new blocks */
#define SWEEP_MOST_NS 1000 /* CPU of sweeping a span; more was a wait */

/* A span that a cache held while its cell's others were given to be swept is unswept, whatever list
 * is meant (.inv.swept). One made meanwhile may be ahead of the cell. */
static void give_to(lull_heap *heap, struct lull__cell *cell, struct lull__span_list *list,
                    struct lull__span *span)
{
    pthread_mutex_lock(&cell->lock);
    if (LULL__UNLIKELY((int8_t)(cell->epoch - span->epoch) > 0)) {
        list = &cell->todo;
        atomic_fetch_add_explicit(&heap->unswept, 1, memory_order_relaxed);
    }
    lull__span_push(list, span);
    cell->spans++;
    pthread_mutex_unlock(&cell->lock);
}

void lull__central_give(lull_heap *heap, struct lull__cell *cell, struct lull__span *span,
                        bool free_slots)
{
    LULL_ASSERT_HOT(span->cell == cell);
    lull__delay(heap, LULL__DELAY_GIVE_SPAN);
    give_to(heap, cell, free_slots ? &cell->avail : &cell->full, span);
}

void lull__central_give_large(lull_heap *heap, struct lull__span *span)
{
    give_to(heap, &heap->large, &heap->large.full, span);
}

/* Under the cell's lock. */
static struct lull__span *pop_from(struct lull__cell *cell, struct lull__span_list *list)
{
    struct lull__span *span = lull__span_pop(list);

    cell->spans -= span != NULL;
    return span;
}

/* Takes a span out of a list of its cell. */
static struct lull__span *take_from(struct lull__cell *cell, struct lull__span_list *list)
{
    pthread_mutex_lock(&cell->lock);
    struct lull__span *span = pop_from(cell, list);
    pthread_mutex_unlock(&cell->lock);
    return span;
}

/* A swept span, as most allocation wants: no clock is read but by who must wait for the lock. */
static struct lull__span *take_swept(lull_thread *t, struct lull__cell *cell)
{
    if (pthread_mutex_trylock(&cell->lock) != 0) {
        uint64_t since_ns = lull__os_now_ns();
        pthread_mutex_lock(&cell->lock);
        lull__pause_note(t, LULL_PAUSE_REFILL, since_ns);
    }
    struct lull__span *span = pop_from(cell, &cell->avail);
    pthread_mutex_unlock(&cell->lock);
    return span;
}

static void swept_one(lull_heap *heap)
{
    /* release: pairs with the acquire in sweep_finish (cycle.c); the span is in its place */
    atomic_fetch_sub_explicit(&heap->unswept, 1, memory_order_release);
}

/* Sweeps one span of the cell's todo list and puts it where it belongs; false: none left. */
static bool sweep_one(lull_heap *heap, struct lull__cell *cell)
{
    struct lull__span *span = take_from(cell, &cell->todo);

    if (span == NULL) {
        return false;
    }
    struct lull__sweep_result result = lull__sweep_span(heap, span);
    if (result.live == 0) {
        lull__span_free(heap, span);
    } else {
        give_to(heap, cell, result.live < span->slots ? &cell->avail : &cell->full, span);
    }
    swept_one(heap);
    return true;
}

size_t lull__central_sweep(lull_heap *heap, size_t max)
{
    /* acquire: pairs with the release in layout.c's add_cell */
    uint32_t cells = atomic_load_explicit(&heap->cell_count, memory_order_acquire);
    size_t swept = 0;

    if (atomic_load_explicit(&heap->unswept, memory_order_relaxed) == 0) {
        return 0;
    }
    while (swept < max && sweep_one(heap, &heap->large)) {
        swept++;
    }
    for (uint32_t i = LULL__NO_CELL + 1; i < cells && swept < max; i++) {
        while (swept < max && sweep_one(heap, &heap->cells[i])) {
            swept++;
        }
    }
    return swept;
}

/* A span of the cell with a free slot out of its todo list, sweeping at most `*budget`. */
static struct lull__span *sweep_for(lull_heap *heap, struct lull__cell *cell, size_t *budget)
{
    struct lull__span *span;

    while (*budget != 0 && (span = take_from(cell, &cell->todo)) != NULL) {
        (*budget)--;
        struct lull__sweep_result result = lull__sweep_span(heap, span);
        bool usable = result.live < span->slots;
        if (!usable) {
            give_to(heap, cell, &cell->full, span);
        }
        swept_one(heap);
        if (usable) {
            return span;
        }
    }
    return NULL;
}

/* Tells of a thread's sweeping, since `since_ns`; returns now. Its CPU is taken to be the time: to
 * ask the system costs more than sweeping a span. */
static uint64_t note_sweep(lull_thread *t, size_t swept, uint64_t since_ns)
{
    uint64_t now_ns = lull__pause_note(t, LULL_PAUSE_SWEEP, since_ns);

    if (swept != 0) {
        lull__emit(&t->heap->events, sweep, t->number, swept,
                   lull__min(now_ns - since_ns, swept * SWEEP_MOST_NS), 1);
    }
    return now_ns;
}

uint64_t lull__central_sweep_for(lull_thread *t, size_t max, uint64_t since_ns)
{
    return note_sweep(t, lull__central_sweep(t->heap, max), since_ns);
}

struct lull__span *lull__central_take(lull_thread *t, struct lull__cell *cell)
{
    lull_heap *heap = t->heap;
    struct lull__span *span = take_swept(t, cell);

    if (span != NULL) {
        return span;
    }
    uint64_t since_ns = lull__os_now_ns();
    /* relaxed: a hint; spans that come to be unswept now are swept for the next one */
    if (atomic_load_explicit(&heap->unswept, memory_order_relaxed) != 0) {
        size_t budget = SWEEP_FOR_ONE;
        span = sweep_for(heap, cell, &budget);
        size_t swept = SWEEP_FOR_ONE - budget;
        if (span == NULL) {
            swept += lull__central_sweep(heap, budget); /* other cells' before new memory */
        }
        since_ns = note_sweep(t, swept, since_ns);
    }
    if (span == NULL) {
        span = lull__span_new(heap, cell);
        lull__pause_note(t, LULL_PAUSE_REFILL, since_ns);
    }
    return span;
}

/* Under the lock, and counted before they can be popped: the worker may still be on its last round
 * for the cycle before. */
static void begin_sweep_cell(lull_heap *heap, struct lull__cell *cell)
{
    lull__delay(heap, LULL__DELAY_EPOCH);
    pthread_mutex_lock(&cell->lock);
    LULL_ASSERT_VALUES(cell->todo.head == NULL, cell->class_index, cell->spans);
    /* relaxed: the lock orders it for who pops; who waits for 0 has seen the cycle end */
    atomic_fetch_add_explicit(&heap->unswept, (uint32_t)cell->spans, memory_order_relaxed);
    lull__span_splice(&cell->todo, &cell->avail);
    lull__span_splice(&cell->todo, &cell->full);
    cell->epoch = lull__sweep_epoch(heap);
    pthread_mutex_unlock(&cell->lock);
}

void lull__central_begin_sweep(lull_heap *heap)
{
    /* acquire: pairs with the release in layout.c's add_cell */
    uint32_t cells = atomic_load_explicit(&heap->cell_count, memory_order_acquire);

    /* relaxed: the cells' locks, and for spans in caches the handshake to come, order it */
    atomic_fetch_add_explicit(&heap->sweep_epoch, 1, memory_order_relaxed);
    begin_sweep_cell(heap, &heap->large);
    for (uint32_t i = LULL__NO_CELL + 1; i < cells; i++) {
        begin_sweep_cell(heap, &heap->cells[i]);
    }
}
