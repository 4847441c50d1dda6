/* pages.c -- runs of blocks.
 *
 * The range grows upwards; what comes back is kept in free runs, coalesced with their
 * neighbours of the same kind: *dirty* (resident, with old contents) or *clean* (zero: never
 * touched, or released). The two are never merged, so that what is known to be zero stays known.
 * Dirty runs are taken first: a first touch costs more than clearing. Where none is long enough one
 * is taken together with its neighbours: the scavenger cuts them up, and what large objects leave
 * would else fit none.
 *
 * Free runs carry their length at both ends (Knuth's boundary tags) and hang in bins by length,
 * exact below 64 blocks, so a take is a bit scan; within a bin the newest first, which is warm.
 *
 * .inv.kind: a block whose kind is not NONE belongs to a span; free blocks have kind NONE, so a
 * word that points there is no object. */
#include "pages.h"

#define GROW_BLOCKS 512 /* 16 MiB of address space are made usable at a time */

static const size_t reserve_default = (size_t)256 << 30;
static const size_t reserve_least = (size_t)64 << 20;

/* The arrays beside `blocks` blocks, each rounded to pages. */
static size_t blocks_bytes(size_t blocks)
{
    return lull__round_up(blocks * sizeof(struct lull__block), LULL__OS_PAGE);
}

static size_t spans_bytes(size_t blocks)
{
    return lull__round_up(blocks * sizeof(struct lull__span), LULL__OS_PAGE);
}

static void unreserve(struct lull__pages *pages)
{
    lull__os_unmap(pages->range, pages->range_blocks * LULL__BLOCK);
    lull__os_unmap(pages->blocks, blocks_bytes(pages->range_blocks));
    lull__os_unmap(pages->spans, spans_bytes(pages->range_blocks));
    pages->range = NULL;
    pages->blocks = NULL;
    pages->spans = NULL;
}

static bool reserve(struct lull__pages *pages, size_t bytes)
{
    pages->range_blocks = bytes / LULL__BLOCK;
    pages->range = lull__os_reserve(pages->range_blocks * LULL__BLOCK);
    pages->blocks = lull__os_reserve(blocks_bytes(pages->range_blocks));
    pages->spans = lull__os_reserve(spans_bytes(pages->range_blocks));
    if (pages->range == NULL || pages->blocks == NULL || pages->spans == NULL) {
        unreserve(pages);
        return false;
    }
    return true;
}

bool lull__pages_init(lull_heap *heap)
{
    struct lull__pages *pages = &heap->pages;
    size_t wanted = heap->options.reserve;
    size_t bytes = lull__round_up(wanted != 0 ? wanted : reserve_default, LULL__BLOCK);

    pthread_mutex_init(&pages->lock, NULL);
    while (!reserve(pages, bytes)) {
        bytes /= 2;
        if (wanted != 0 || bytes < reserve_least) {
            return false;
        }
    }
    pages->max_blocks = pages->range_blocks;
    pages->resident_blocks = SIZE_MAX;
    if (heap->options.heap_max != 0) {
        pages->max_blocks = lull__min(pages->max_blocks, heap->options.heap_max / LULL__BLOCK);
    }
    return true;
}

void lull__pages_finish(lull_heap *heap)
{
    unreserve(&heap->pages);
    pthread_mutex_destroy(&heap->pages.lock);
}

/* ---- free runs; under pages.lock ---- */

static struct lull__runs *runs_of(struct lull__pages *pages, const struct lull__span *run)
{
    return run->state == LULL__SPAN_FREE_CLEAN ? &pages->clean : &pages->dirty;
}

static unsigned bin_of(size_t blocks)
{
    return (unsigned)lull__min(blocks, LULL__RUN_BINS - 1);
}

static void run_insert(struct lull__pages *pages, struct lull__span *run, size_t blocks,
                       enum lull__span_state state)
{
    unsigned bin = bin_of(blocks);

    run->blocks = (uint32_t)blocks;
    run->state = (uint8_t)state;
    run[blocks - 1].blocks = (uint32_t)blocks;
    run[blocks - 1].state = (uint8_t)state;

    struct lull__runs *runs = runs_of(pages, run);
    run->previous = NULL;
    run->next = runs->bin[bin];
    if (run->next != NULL) {
        run->next->previous = run;
    }
    runs->bin[bin] = run;
    runs->nonempty |= UINT64_C(1) << bin;
    runs->blocks += blocks;
}

static void run_remove(struct lull__pages *pages, struct lull__span *run)
{
    struct lull__runs *runs = runs_of(pages, run);
    unsigned bin = bin_of(run->blocks);

    if (run->previous != NULL) {
        run->previous->next = run->next;
    } else {
        runs->bin[bin] = run->next;
        if (run->next == NULL) {
            runs->nonempty &= ~(UINT64_C(1) << bin);
        }
    }
    if (run->next != NULL) {
        run->next->previous = run->previous;
    }
    runs->blocks -= run->blocks;
}

/* A run of at least `blocks`, or NULL. Exact bins first fit; the last bin is searched for the
 * shortest that fits. */
static struct lull__span *run_find(const struct lull__runs *runs, size_t blocks)
{
    unsigned bin = bin_of(blocks);
    uint64_t fit = runs->nonempty >> bin << bin;
    struct lull__span *best = NULL;

    if (fit == 0) {
        return NULL;
    }
    unsigned found = (unsigned)__builtin_ctzll(fit);
    if (found < LULL__RUN_BINS - 1) {
        return runs->bin[found];
    }
    for (struct lull__span *run = runs->bin[found]; run != NULL; run = run->next) {
        if (run->blocks >= blocks && (best == NULL || run->blocks < best->blocks)) {
            best = run;
        }
    }
    return best;
}

/* relaxed: a neighbour in use may be becoming a large object's (span.c); it is no free run's then
 * and after */
static bool is_run_of(const struct lull__span *end, enum lull__span_state state)
{
    return __atomic_load_n(&end->state, __ATOMIC_RELAXED) == state;
}

/* Puts [run, run + blocks) among the free runs, one with its neighbours of the same kind. */
static void run_free(struct lull__pages *pages, struct lull__span *run, size_t blocks,
                     enum lull__span_state state)
{
    struct lull__span *end = run + blocks;

    if (end < pages->spans + pages->top && is_run_of(end, state)) {
        run_remove(pages, end);
        blocks += end->blocks;
    }
    if (run > pages->spans && is_run_of(run - 1, state)) {
        struct lull__span *before = run - run[-1].blocks;
        run_remove(pages, before);
        blocks += before->blocks;
        run = before;
    }
    run_insert(pages, run, blocks, state);
}

/* ---- joining runs of both kinds ---- */

#define JOIN_LOOKS 64 /* dirty runs looked at, the longest first: pages.lock is held */

static bool is_free(const struct lull__pages *pages, const struct lull__span *end)
{
    return end >= pages->spans && end < pages->spans + pages->top &&
           (is_run_of(end, LULL__SPAN_FREE_CLEAN) || is_run_of(end, LULL__SPAN_FREE_DIRTY));
}

/* Free blocks in a row, of both kinds: from the run `first` on, but for as many as `skip` of
 * its. */
struct stretch {
    struct lull__span *first; /* NULL: none */
    size_t skip;
};

/* `blocks` around a dirty run, all of it among them. */
static struct stretch stretch_around(const struct lull__pages *pages, struct lull__span *run,
                                     size_t blocks)
{
    struct lull__span *start = run;
    struct lull__span *end = run + run->blocks;

    while ((size_t)(end - start) < blocks && is_free(pages, end)) {
        end += end->blocks;
    }
    while ((size_t)(end - start) < blocks && is_free(pages, start - 1)) {
        start -= start[-1].blocks;
    }
    if ((size_t)(end - start) < blocks) {
        return (struct stretch){NULL, 0};
    }
    return (struct stretch){start, start == run ? 0 : (size_t)(end - start) - blocks};
}

static struct stretch stretch_find(const struct lull__pages *pages, size_t blocks)
{
    struct stretch found = {NULL, 0};
    unsigned looks = 0;

    for (uint64_t bins = pages->dirty.nonempty; bins != 0;) {
        unsigned bin = 63 - (unsigned)__builtin_clzll(bins);
        for (struct lull__span *run = pages->dirty.bin[bin]; run != NULL; run = run->next) {
            found = stretch_around(pages, run, blocks);
            if (found.first != NULL || ++looks == JOIN_LOOKS) {
                return found;
            }
        }
        bins &= ~(UINT64_C(1) << bin);
    }
    return found;
}

/* Takes `blocks` of a stretch; *clean: how many of them were. */
static struct lull__span *take_stretch(struct lull__pages *pages, struct stretch s, size_t blocks,
                                       size_t *clean)
{
    struct lull__span *taken = s.first + s.skip;
    struct lull__span *end = taken + blocks;
    struct lull__span *next;

    for (struct lull__span *run = s.first; run < end; run = next) {
        struct lull__span *from = run < taken ? taken : run;
        struct lull__span *to;
        enum lull__span_state state = run->state;
        next = run + run->blocks;
        to = next < end ? next : end;
        run_remove(pages, run);
        if (from > run) {
            run_insert(pages, run, (size_t)(from - run), state);
        }
        if (next > to) {
            run_insert(pages, to, (size_t)(next - to), state);
        }
        *clean += state == LULL__SPAN_FREE_CLEAN ? (size_t)(to - from) : 0;
    }
    taken->clean = 0;
    return taken;
}

/* ---- growing ---- */

/* Makes [top, top + blocks) usable; false: no memory or the end of the range. */
static bool commit(struct lull__pages *pages, size_t blocks)
{
    size_t top = pages->top + blocks;

    if (top <= pages->committed) {
        return true;
    }
    if (top > pages->range_blocks) {
        return false;
    }
    size_t to = lull__min(lull__round_up(top, GROW_BLOCKS), pages->range_blocks);
    size_t blocks_from = blocks_bytes(pages->committed);
    size_t spans_from = spans_bytes(pages->committed);

    if (!lull__os_commit(pages->range + pages->committed * LULL__BLOCK,
                         (to - pages->committed) * LULL__BLOCK) ||
        !lull__os_commit((char *)pages->blocks + blocks_from, blocks_bytes(to) - blocks_from) ||
        !lull__os_commit((char *)pages->spans + spans_from, spans_bytes(to) - spans_from)) {
        return false;
    }
    pages->committed = to;
    /* release: pairs with the acquire in lull__resolve; the descriptors may be read */
    atomic_store_explicit(&pages->extent_bytes, to * LULL__BLOCK, memory_order_release);
    return true;
}

/* ---- take and give ---- */

/* Splits what is not needed off a free run and takes the rest out. */
static struct lull__span *take_from(struct lull__pages *pages, struct lull__span *run,
                                    size_t blocks)
{
    size_t spare = run->blocks - blocks;
    enum lull__span_state state = run->state;

    run_remove(pages, run);
    if (spare != 0) {
        run_insert(pages, run + blocks, spare, state);
    }
    run->clean = state == LULL__SPAN_FREE_CLEAN;
    return run;
}

/* *grown: blocks that are made resident. */
static struct lull__span *take_locked(lull_heap *heap, size_t blocks, size_t *grown)
{
    struct lull__pages *pages = &heap->pages;
    size_t used = atomic_load_explicit(&pages->used_blocks, memory_order_relaxed);
    struct lull__span *run;
    struct stretch stretch;

    if (blocks > pages->max_blocks || used > pages->max_blocks - blocks) {
        return NULL;
    }
    run = run_find(&pages->dirty, blocks);
    if (run != NULL) {
        run = take_from(pages, run, blocks);
    } else if ((stretch = stretch_find(pages, blocks)).first != NULL) {
        run = take_stretch(pages, stretch, blocks, grown);
    } else if ((run = run_find(&pages->clean, blocks)) != NULL) {
        run = take_from(pages, run, blocks);
        *grown = blocks;
    } else if (commit(pages, blocks)) {
        run = &pages->spans[pages->top];
        run->clean = 1;
        pages->top += blocks;
        *grown = blocks;
    } else {
        return NULL;
    }
    /* relaxed: a statistic; the lock orders the rest */
    atomic_store_explicit(&pages->used_blocks, used + blocks, memory_order_relaxed);
    run->blocks = (uint32_t)blocks;
    run->state = LULL__SPAN_SMALL;
    run[blocks - 1].state = LULL__SPAN_SMALL;
    return run;
}

size_t lull__pages_release(lull_heap *heap, size_t max_blocks)
{
    struct lull__pages *pages = &heap->pages;
    struct lull__span *run = NULL;
    size_t blocks = 0;

    pthread_mutex_lock(&pages->lock);
    if (pages->dirty.nonempty != 0) {
        /* the longest first: few system calls, and long runs are least likely wanted soon */
        run = pages->dirty.bin[63 - __builtin_clzll(pages->dirty.nonempty)];
        blocks = lull__min(run->blocks, max_blocks);
        size_t spare = run->blocks - blocks;
        run_remove(pages, run);
        if (spare != 0) {
            run_insert(pages, run, spare, LULL__SPAN_FREE_DIRTY);
            run += spare;
        }
        run->blocks = (uint32_t)blocks; /* whoever walks the blocks passes over it */
        run[0].state = LULL__SPAN_SMALL; /* out of reach of coalescing while it is nobody's */
        run[blocks - 1].state = LULL__SPAN_SMALL;
    }
    pthread_mutex_unlock(&pages->lock);
    if (run == NULL) {
        return 0;
    }
    bool released = lull__os_release(lull__span_start(heap, run), blocks * LULL__BLOCK);
    pthread_mutex_lock(&pages->lock);
    run_free(pages, run, blocks, released ? LULL__SPAN_FREE_CLEAN : LULL__SPAN_FREE_DIRTY);
    pthread_mutex_unlock(&pages->lock);
    return released ? blocks * LULL__BLOCK : 0;
}

/* Under lock: idle blocks because of which more than the memory limit is resident. */
static size_t beyond_limit(const struct lull__pages *pages)
{
    size_t used = atomic_load_explicit(&pages->used_blocks, memory_order_relaxed);
    size_t resident = used + pages->dirty.blocks;
    /* relaxed: an estimate, of bytes beside the range */
    size_t most = atomic_load_explicit(&pages->resident_blocks, memory_order_relaxed);

    return resident > most ? lull__min(resident - most, pages->dirty.blocks) : 0;
}

/* Where memory is made resident past the limit, idle memory goes back at once. */
static void make_room(lull_heap *heap, size_t blocks)
{
    uint64_t start_ns = lull__os_thread_cpu_ns();
    size_t total = 0;
    size_t bytes;

    do {
        bytes = lull__pages_release(heap, blocks - total / LULL__BLOCK);
        total += bytes;
    } while (bytes != 0 && total / LULL__BLOCK < blocks);
    if (total != 0) {
        lull__emit(&heap->events, release, 0, total, lull__os_thread_cpu_ns() - start_ns);
    }
}

struct lull__span *lull__pages_take(lull_heap *heap, size_t blocks)
{
    size_t grown = 0;

    pthread_mutex_lock(&heap->pages.lock);
    struct lull__span *span = take_locked(heap, blocks, &grown);
    size_t beyond = span != NULL && grown != 0 ? beyond_limit(&heap->pages) : 0;
    pthread_mutex_unlock(&heap->pages.lock);
    if (span == NULL) {
        return NULL;
    }
    if (beyond != 0) {
        make_room(heap, beyond);
    }
    span->next = NULL;
    span->previous = NULL;
    lull__emit(&heap->events, span_take, 0, blocks * LULL__BLOCK);
    if (grown != 0) {
        lull__emit(&heap->events, grow, 0, grown * LULL__BLOCK,
                   lull__events_system_bytes(&heap->events) + grown * LULL__BLOCK);
    }
    return span;
}

void lull__pages_give(lull_heap *heap, struct lull__span *span, bool clean)
{
    struct lull__pages *pages = &heap->pages;
    size_t blocks = span->blocks;

    pthread_mutex_lock(&pages->lock);
    size_t used = atomic_load_explicit(&pages->used_blocks, memory_order_relaxed);
    LULL_ASSERT_VALUES(used >= blocks, used, blocks);
    /* relaxed: a statistic; the lock orders the rest */
    atomic_store_explicit(&pages->used_blocks, used - blocks, memory_order_relaxed);
    run_free(pages, span, blocks, clean ? LULL__SPAN_FREE_CLEAN : LULL__SPAN_FREE_DIRTY);
    pthread_mutex_unlock(&pages->lock);
    lull__emit(&heap->events, span_free, 0, blocks * LULL__BLOCK);
}

size_t lull__pages_idle_bytes(lull_heap *heap)
{
    pthread_mutex_lock(&heap->pages.lock);
    size_t blocks = heap->pages.dirty.blocks;
    pthread_mutex_unlock(&heap->pages.lock);
    return blocks * LULL__BLOCK;
}
