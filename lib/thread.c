/* thread.c -- mutator threads.
 *
 * A thread of the program has one lull_thread for each heap it is attached to, linked from a
 * thread-local list, which is how the signal handler and lull_self find them. */
#include "thread.h"

#include "cache.h"
#include "error.h"

/* initial-exec: reading it never allocates, so the signal handler may */
static _Thread_local lull_thread *attachments __attribute__((tls_model("initial-exec")));

lull_thread *lull__thread_attachments(void)
{
    return attachments;
}

void lull__thread_link(lull_thread *t)
{
    t->os_next = attachments;
    atomic_signal_fence(memory_order_seq_cst); /* the handler may walk the list at any time */
    attachments = t;
}

void lull__thread_unlink(lull_thread *t)
{
    lull_thread **link = &attachments;

    while (*link != t) {
        link = &(*link)->os_next;
    }
    *link = t->os_next;
    atomic_signal_fence(memory_order_seq_cst); /* before `t` is used again */
}

bool lull__thread_is_mine(const lull_thread *t)
{
    for (const lull_thread *a = attachments; a != NULL; a = a->os_next) {
        if (a == t) {
            return true;
        }
    }
    return false;
}

bool lull__thread_check(const lull_thread *t)
{
    if (LULL__LIKELY(t != NULL && lull__thread_is_mine(t))) {
        return true;
    }
    lull__fail(LULL_E_THREAD, "this lull_thread is not attached by the calling thread");
    return false;
}

lull_thread *lull_self(lull_heap *heap)
{
    for (lull_thread *a = attachments; a != NULL; a = a->os_next) {
        if (a->heap == heap) {
            return a;
        }
    }
    return NULL;
}

lull_thread *lull__thread_some(lull_thread *t)
{
    return t != NULL ? t : attachments;
}

lull_thread *lull__enter_any(lull_heap *heap)
{
    lull_thread *t = lull__thread_some(lull_self(heap));

    if (t != NULL) {
        lull__enter(t);
    }
    return t;
}

void lull__leave_any(lull_thread *entered)
{
    if (entered != NULL) {
        lull__leave(entered);
    }
}

/* The finalizer thread may or may not be attached yet. It counts where a finalizer on it asks: it
 * cannot wait for its own end. */
bool lull__thread_any(lull_heap *heap)
{
    const struct lull__finalizers *f = &heap->finalizers;
    bool any = lull_self(heap) != NULL;

    pthread_mutex_lock(&heap->threads_lock);
    for (const lull_thread *t = heap->threads; t != NULL; t = t->next) {
        any |= !f->thread_started || !pthread_equal(t->pthread, f->thread);
    }
    pthread_mutex_unlock(&heap->threads_lock);
    return any;
}

lull_heap *lull_heap_of(const lull_thread *t)
{
    return t->heap;
}

lull_thread *lull__thread_new(lull_heap *heap, lull_stack_kind kind)
{
    char *memory = lull__os_map(LULL__THREAD_BYTES);

    if (memory == NULL) {
        return NULL;
    }
    lull_thread *t = (lull_thread *)(void *)(memory + LULL__THREAD_LEAD);
    if (!lull__cache_init(t)) {
        lull__os_unmap(memory, LULL__THREAD_BYTES);
        return NULL;
    }
    t->heap = heap;
    t->kind = kind;
    t->pthread = pthread_self();
    return t;
}

void lull__thread_free(lull_thread *t)
{
    lull__cache_finish(t);
    lull__os_unmap((char *)t - LULL__THREAD_LEAD, LULL__THREAD_BYTES);
}

lull_thread *lull__thread_gone(lull_thread *t)
{
    struct lull__gone *gone = &t->heap->gone;
    lull_thread *oldest = NULL;

    /* relaxed: the thread's own, and for those under the lock */
    atomic_store_explicit(&t->state, LULL__THREAD_GONE, memory_order_relaxed);
    t->next = NULL;
    *(gone->first == NULL ? &gone->first : &gone->last->next) = t;
    gone->last = t;
    if (++gone->count > LULL__GONE_MOST) {
        oldest = gone->first;
        gone->first = oldest->next;
        gone->count--;
    }
    return oldest;
}
