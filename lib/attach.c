/* attach.c -- mutator threads come and go; blocking sections. */
#include "callback.h"
#include "error.h"
#include "grey.h"
#include "handshake.h"
#include "heap.h"
#include "pool.h"
#include "thread.h"

static bool find_stack(lull_thread *t)
{
    if (!lull__os_stack(&t->stack_low, &t->stack_high)) {
        lull__fail(LULL_E_UNSUPPORTED, "the system does not tell where this thread's stack is");
        return false;
    }
    return true;
}

/* ---- threads that end attached ---- */

/* A thread that is cancelled, or whose last function knows nothing of the heap, is detached as it
 * ends: a collection would wait for it for ever. Its thread-specific data has a destructor for
 * that, which comes round twice, as the program's own destructors may still use the heap: those of
 * data that the thread has when it ends run in the first round, all of them. Destructors run in the
 * order of their keys; this one is made when the library is loaded, to come before the
 * program's. */
enum { FIRST_ROUND = 1, LAST_ROUND };

static pthread_key_t ending; /* the round to come, of a thread that is attached; 0: it is not */
static bool ending_made;     /* before anybody calls */

static void detach(lull_thread *t);

/* Those that were not popped: their functions are no more, and their memory will be others'. */
static void drop_frames(void)
{
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        if (t->user_blocked) {
            lull__section_end(t);
        }
        t->frames = NULL;
    }
}

static void on_end(void *round)
{
    drop_frames();
    if ((uintptr_t)round == FIRST_ROUND && pthread_setspecific(ending, (void *)LAST_ROUND) == 0) {
        return;
    }
    while (lull__thread_attachments() != NULL) {
        detach(lull__thread_attachments());
    }
}

__attribute__((constructor)) static void make_key(void)
{
    ending_made = pthread_key_create(&ending, on_end) == 0;
}

static bool await_end(void)
{
    if (!ending_made || (pthread_getspecific(ending) == NULL &&
                         pthread_setspecific(ending, (void *)FIRST_ROUND) != 0)) {
        lull__fail(LULL_E_NO_MEMORY, "no thread-specific data, to tell when the thread ends");
        return false;
    }
    return true;
}

/* ---- coming ---- */

lull_thread *lull_attach(lull_heap *heap, lull_stack_kind stack)
{
    if (lull__refuses_any("lull_attach")) {
        return NULL;
    }
    if (heap == NULL || heap->magic != LULL__HEAP_MAGIC) {
        lull__fail(LULL_E_INVALID, "this is no heap");
        return NULL;
    }
    if (stack != LULL_STACK_CONSERVATIVE && stack != LULL_STACK_PRECISE) {
        lull__fail(LULL_E_INVALID, "stack kind %d: LULL_STACK_CONSERVATIVE or LULL_STACK_PRECISE",
                   (int)stack);
        return NULL;
    }
    if (lull_self(heap) != NULL) {
        lull__fail(LULL_E_STATE, "the thread is attached to this heap already");
        return NULL;
    }
    if (!await_end()) {
        return NULL;
    }
    lull_thread *t = lull__thread_new(heap, stack);
    if (t == NULL) {
        lull__fail(LULL_E_NO_MEMORY, "no memory for a thread");
        return NULL;
    }
    if (!find_stack(t)) {
        lull__thread_free(t);
        return NULL;
    }
    lull__pool_thread_init(t);
    lull__thread_join(t);
    return t;
}

/* ---- going ---- */

/* The last that a thread does, among the heap's threads still, under their lock: nobody may come
 * for its magazines, which are gone, with it in the list. What it shaded, also while it gave them
 * back, is the markers' now. Its roots are nobody's. */
static void hand_over(lull_thread *t)
{
    lull__pool_thread_finish(t);
    lull__grey_flush(t);
    lull__grey_drop(t);
    lull__mark_assist_finish(t);
}

static void detach(lull_thread *t)
{
    lull__thread_part(t, hand_over);
    if (lull__thread_attachments() == NULL) {
        pthread_setspecific(ending, NULL);
    }
}

int lull_detach(lull_thread *t)
{
    if (lull__refuses("lull_detach")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    if (t->frames != NULL || t->user_blocked || t->in_finalizer != 0 || t->making != NULL) {
        return lull__fail(LULL_E_STATE,
                          "the thread has frames pushed, or is in a blocking section or callback");
    }
    detach(t);
    return LULL_OK;
}

/* ---- blocking ---- */

int lull_blocking_begin(lull_thread *t)
{
    if (lull__refuses("lull_blocking_begin")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    if (t->user_blocked) {
        return lull__fail(LULL_E_STATE, "the thread is in a blocking section already");
    }
    lull__pool_thread_rest(t);
    lull__section_begin(t);
    return LULL_OK;
}

int lull_blocking_end(lull_thread *t)
{
    if (lull__refuses("lull_blocking_end")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    if (!t->user_blocked) {
        return lull__fail(LULL_E_STATE, "the thread is in no blocking section");
    }
    lull__section_end(t);
    return LULL_OK;
}

int lull_stack_set(lull_thread *t, void *low, void *high)
{
    if (lull__refuses_any("lull_stack_set")) {
        return LULL_E_STATE;
    }
    if (!lull__thread_check(t)) {
        return LULL_E_THREAD;
    }
    if ((char *)low >= (char *)high) {
        return lull__fail(LULL_E_INVALID, "stack [%p, %p): low must be below high", low, high);
    }
    lull__enter(t);
    t->stack_low = low;
    t->stack_high = high;
    lull__leave(t);
    return LULL_OK;
}
