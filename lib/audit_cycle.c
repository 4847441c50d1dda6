/* audit_cycle.c -- object pools under audit: what the collector proves.
 *
 * .arg.forgotten  An object that is white when marking ends is dead: nobody can put it back. If it
 *   was out then, it was forgotten. But for what hangs on an object that its pool let go: a program
 *   may leave parts from other pools on what it puts, and they die with it; so what can be reached
 *   from such an object is excused. And after a fork that lost threads, what they had.
 *
 * .arg.held  A pooled object that a second marking reaches without the pools is in use. That sets
 *   out from roots that say what they are (registered ranges, handles, frames, tracers) and follows
 *   fields that are pointers, so no stale word of a stack and no number that looks like an address
 *   counts. A program that puts an object and then lets go of it is right, and a collection may
 *   come in between: where a signal holds the thread, or in the get whose object takes the place of
 *   the one put. So an object is judged at the second collection that meets its putter at a
 *   safepoint, and not in a get that makes an object. */
#include "audit.h"
#include "audit_report.h"
#include "callback.h"
#include "custody.h"
#include "error.h"
#include "finalizer.h"
#include "handshake.h"
#include "phases.h"
#include "roots.h"
#include "thread.h"
#include "walk.h"

static bool is_kept(const struct lull__custody *custody)
{
    return custody->where == LULL__IDLE || custody->where == LULL__DROPPED;
}

/* .arg.held */
static bool is_settled(const struct lull__custody *custody)
{
    return is_kept(custody) && custody->settled == LULL__SETTLED && !custody->told_held &&
           !custody->pool->outside;
}

/* ---- idle objects ---- */

/* Whether the thread that put an object may be about to let go of it: a signal holds it anywhere,
 * or it is in a get, whose object may take the other one's place. */
static bool is_busy(const lull_heap *heap, uint32_t number)
{
    const lull_thread *t = heap->threads;

    while (t != NULL && t->number != number) {
        t = t->next;
    }
    return t != NULL &&
           (t->making != NULL || lull__thread_standing(t) == LULL__THREAD_SIGNALLED);
}

/* Looks at the bytes of what lies idle, and notes what may be judged; whether anything may. `end`:
 * nobody is about to do anything. */
static bool look_at_idle(lull_heap *heap, bool end)
{
    struct lull__finding finding;
    bool any = false;

    LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
        if (custody->pool == NULL || !is_kept(custody)) {
            continue;
        }
        if (!lull__audit_is_whole(custody, &finding)) {
            lull__finding_keep(heap, &finding);
        }
        if (end) {
            custody->settled = LULL__SETTLED;
        } else if (custody->settled < LULL__SETTLED && !is_busy(heap, custody->putter)) {
            custody->settled++;
        }
        any |= is_settled(custody);
    }
    return any;
}

/* ---- who holds them ---- */

enum { WATCHED = LULL__WALK_OWN };

/* What a root is, in two bits, above them the number of its thread. */
enum { SHARED_ROOT, FRAME_ROOT, TRACER_ROOT };

static bool meet_held(struct lull__walk *w, const struct lull__meeting *meeting)
{
    if (*meeting->mark != WATCHED) {
        return true;
    }
    struct lull__custody *custody = lull__custody_find(&w->heap->audit, meeting->base);
    custody->held_at = w->at;
    custody->held_by = meeting->word;
    *meeting->mark = LULL__WALK_SEEN;
    return false;
}

/* The pools are as if they were not: no way leads through what they have. */
static void leave_out_pools(struct lull__walk *w)
{
    LULL__FOR_EACH_CUSTODY(&w->heap->audit, custody) {
        if (custody->pool == NULL || custody->pool->outside || custody->where == LULL__OUT) {
            continue;
        }
        custody->held_by = NULL;
        *lull__walk_mark(w, custody->object) = is_settled(custody) ? WATCHED : LULL__WALK_SEEN;
    }
}

static void walk_precisely(struct lull__walk *w)
{
    lull_heap *heap = w->heap;

    lull__walk_root(w, SHARED_ROOT);
    lull__roots_scan_globals(heap, &w->tracer);
    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        lull__walk_root(w, FRAME_ROOT | (uintptr_t)t->number << 2);
        lull__roots_scan_frames(t, &w->tracer);
        if (t->tracer != NULL) {
            lull__walk_root(w, TRACER_ROOT | (uintptr_t)t->number << 2);
            t->tracer(&w->tracer, NULL, 0, t->tracer_arg);
        }
    }
    lull__walk_all(w);
}

/* The root from which a way sets out, and its first word. */
static void say_root(lull_heap *heap, struct lull__finding *finding, uintptr_t root,
                     const void *word)
{
    unsigned thread = (unsigned)(root >> 2);

    if ((root & 3) == FRAME_ROOT) {
        lull__finding_add(finding, "a frame of thread %u, at %p", thread, word);
    } else if ((root & 3) == TRACER_ROOT) {
        lull__finding_add(finding, "the tracer of thread %u, at %p", thread, word);
    } else if (lull__roots_cover(heap, word)) {
        lull__finding_add(finding, "the registered root at %p", word);
    } else {
        lull__finding_add(finding, "a handle"); /* whose word was copied to be looked at */
    }
}

#define WAY_ENDS 4 /* steps told of either end of a long way */

/* The step of the way to an object that is `back` steps before its last, and the word there that
 * leads on. */
static const struct lull__step *step_of(const struct lull__walk *w,
                                        const struct lull__custody *custody, size_t back,
                                        const void **word)
{
    size_t at = custody->held_at;

    *word = custody->held_by;
    for (; back > 0; back--) {
        *word = (const void *)w->step[at].place;
        at = w->step[at].from;
    }
    return &w->step[at];
}

/* Of a callback that reports words which are not the object's, no offset is known. */
static void say_field(lull_heap *heap, struct lull__finding *finding, const char *base,
                      const void *word)
{
    size_t offset = (size_t)((const char *)word - base), bytes;

    lull__walk_layout(heap, base, &bytes);
    lull__finding_add(finding, " -> %p (%.64s)", (const void *)base,
                      lull__walk_type_name(heap, base));
    if (offset < bytes) {
        lull__finding_add(finding, " at offset %zu", offset);
    }
}

/* The shortest way from a root to an object. */
static void say_way(const struct lull__walk *w, struct lull__finding *finding,
                    const struct lull__custody *custody)
{
    const void *word;
    size_t objects = 0;

    while (step_of(w, custody, objects, &word)->base != NULL) {
        objects++;
    }
    lull__finding_add(finding, "held by ");
    say_root(w->heap, finding, step_of(w, custody, objects, &word)->place, word);
    for (size_t i = objects; i-- > 0;) {
        const char *base = step_of(w, custody, i, &word)->base;
        if (i >= WAY_ENDS && i + WAY_ENDS < objects) {
            if (i == WAY_ENDS) {
                lull__finding_add(finding, " -> ... (%zu more)", objects - 2 * WAY_ENDS);
            }
            continue;
        }
        say_field(w->heap, finding, base, word);
    }
}

static void tell_held(struct lull__walk *w)
{
    struct lull__finding finding;

    LULL__FOR_EACH_CUSTODY(&w->heap->audit, custody) {
        if (custody->pool == NULL || custody->where == LULL__OUT || custody->held_by == NULL) {
            continue;
        }
        custody->told_held = true;
        lull__finding_begin(&finding, LULL_POOL_USE_AFTER_PUT, custody->pool, custody,
                            custody->object);
        say_way(w, &finding, custody);
        lull__finding_keep(w->heap, &finding);
    }
}

static void find_held(lull_heap *heap)
{
    struct lull__walk w = {.heap = heap, .meet = meet_held, .keep = true, .strict = true};

    if (lull__walk_begin(&w)) {
        leave_out_pools(&w);
        walk_precisely(&w);
        tell_held(&w);
    }
    lull__walk_finish(&w);
}

/* ---- who died ---- */

static bool meet_all(struct lull__walk *w, const struct lull__meeting *meeting)
{
    (void)w, (void)meeting;
    return true;
}

static void set_out_from(struct lull__walk *w, const struct lull__custody *custody)
{
    uintptr_t word = (uintptr_t)custody->object;

    w->tracer.range(&w->tracer, &word, &word + 1);
}

static bool may_be_forgotten(const struct lull__custody *custody)
{
    return custody->pool != NULL && custody->where == LULL__OUT && !custody->excused &&
           !custody->pool->outside;
}

static void tell_forgotten(lull_heap *heap, struct lull__custody *custody)
{
    struct lull__finding finding;

    lull__finding_begin(&finding, LULL_POOL_FORGOTTEN_PUT, custody->pool, custody, custody->object);
    lull__finding_keep(heap, &finding);
    custody->excused = true;
}

static bool is_dead(const lull_heap *heap, const struct lull__marker *m,
                    const struct lull__custody *custody)
{
    struct lull__slot slot = lull__resolve(heap, (uintptr_t)custody->object);

    return (custody->pool == NULL || !custody->pool->outside) && lull__mark_missed(m, &slot);
}

/* .arg.forgotten */
static void find_forgotten(lull_heap *heap, const struct lull__marker *m)
{
    struct lull__walk w = {.heap = heap, .meet = meet_all, .loose = true};

    if (lull__walk_begin(&w)) {
        LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
            if (is_kept(custody) && is_dead(heap, m, custody)) {
                set_out_from(&w, custody);
            }
        }
        lull__walk_all(&w);
        LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
            if (may_be_forgotten(custody) && is_dead(heap, m, custody) &&
                *lull__walk_mark(&w, custody->object) != LULL__WALK_SEEN) {
                tell_forgotten(heap, custody);
            }
        }
    }
    lull__walk_finish(&w);
}

/* Forgets the dead, before their addresses mean others. */
static void bury(lull_heap *heap, const struct lull__marker *m)
{
    LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
        if (is_dead(heap, m, custody)) {
            lull__custody_forget(&heap->audit, custody);
        }
    }
}

void lull__audit_cycle(lull_heap *heap, struct lull__marker *m)
{
    bool forgotten = false;

    pthread_mutex_lock(&heap->audit.ledger.lock);
    if (look_at_idle(heap, false)) {
        find_held(heap);
    }
    LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
        forgotten |= may_be_forgotten(custody) && is_dead(heap, m, custody);
    }
    if (forgotten) {
        find_forgotten(heap, m);
    }
    bury(heap, m);
    pthread_mutex_unlock(&heap->audit.ledger.lock);
}

/* ---- the end ---- */

/* All that may be reached in any way: through the pools and what waits for a finalizer, too. */
static void walk_loosely(struct lull__walk *w)
{
    lull_heap *heap = w->heap;
    struct lull__finalizers *f = &heap->finalizers;

    for (lull_thread *t = heap->threads; t != NULL; t = t->next) {
        lull__roots_scan_thread(t, &w->tracer);
    }
    lull__roots_scan_globals(heap, &w->tracer);
    lull__finalizer_scan(heap, &w->tracer);
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->capacity; i++) {
        uintptr_t word = (uintptr_t)f->table[i].object;
        w->tracer.range(&w->tracer, &word, &word + 1);
    }
    pthread_mutex_unlock(&f->lock);
    LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
        if (is_kept(custody)) {
            set_out_from(w, custody);
        }
    }
    lull__walk_all(w);
}

/* What is out, and can be reached in no way at all. */
static void find_left(lull_heap *heap)
{
    struct lull__walk w = {.heap = heap, .meet = meet_all, .loose = true};

    if (lull__walk_begin(&w)) {
        walk_loosely(&w);
        LULL__FOR_EACH_CUSTODY(&heap->audit, custody) {
            if (may_be_forgotten(custody) &&
                *lull__walk_mark(&w, custody->object) != LULL__WALK_SEEN) {
                tell_forgotten(heap, custody);
            }
        }
    }
    lull__walk_finish(&w);
}

void lull__audit_end(lull_heap *heap)
{
    if (!lull__audit_is_on(heap) || lull__thread_any(heap)) {
        return;
    }
    lull__block();
    pthread_mutex_lock(&heap->cycle_lock);
    lull__phase_finish_sweep(heap, false); /* the dead, unswept, may hold anything */
    lull__hold_all(heap);
    pthread_mutex_lock(&heap->audit.ledger.lock);
    uint32_t around = lull__callback_begin(LULL__CALLBACK_TRACE);
    if (look_at_idle(heap, true)) {
        find_held(heap);
    }
    find_left(heap);
    lull__callback_end(around);
    pthread_mutex_unlock(&heap->audit.ledger.lock);
    lull__release_all(heap);
    pthread_mutex_unlock(&heap->cycle_lock);
    lull__unblock();
    lull__audit_tell(heap);
}

uint64_t lull_pool_misuses(lull_heap *heap)
{
    if (lull__refuses_any("lull_pool_misuses")) {
        return 0;
    }
    if (heap == NULL) {
        lull__fail(LULL_E_INVALID, "lull_pool_misuses wants a heap");
        return 0;
    }
    lull__audit_end(heap);
    return lull__happened(&heap->events, pool_misuse);
}
