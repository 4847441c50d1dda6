/* callback.c -- a thread's word for the callback it is in, and its fast paths, hidden meanwhile. */
#include "callback.h"

#include "barrier.h"
#include "cache.h"
#include "error.h"
#include "thread.h"

_Thread_local volatile uint32_t lull__callback __attribute__((tls_model("initial-exec")));

static void hide(uint32_t kind)
{
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        lull__cache_hide(t);
        if (kind >= LULL__CALLBACK_INSIDE) {
            lull__barrier_refuse(t);
        }
    }
}

/* A thread in a blocking section has its caches hidden all the same. */
static void show(uint32_t kind, uint32_t around)
{
    for (lull_thread *t = lull__thread_attachments(); t != NULL; t = t->os_next) {
        if (around == LULL__CALLBACK_NONE && !t->user_blocked) {
            lull__cache_show(t);
        }
        if (kind >= LULL__CALLBACK_INSIDE) {
            lull__barrier_admit(t);
        }
    }
}

uint32_t lull__callback_begin(enum lull__callback kind)
{
    uint32_t around = lull__callback;

    LULL_ASSERT_VALUES(kind >= around || around >= LULL__CALLBACK_INSIDE, kind, around);
    lull__callback = kind;
    atomic_signal_fence(memory_order_seq_cst); /* .inv.callback */
    hide(kind);
    return around;
}

void lull__callback_end(uint32_t around)
{
    uint32_t kind = lull__callback;

    lull__callback = around;
    atomic_signal_fence(memory_order_seq_cst); /* .inv.callback */
    if (around < LULL__CALLBACK_INSIDE) {
        show(kind, around);
    }
}

bool lull__callback_refuse(const char *call)
{
    static const char *const names[LULL__CALLBACKS] = {
        [LULL__CALLBACK_NO_MEMORY] = "the no_memory handler",
        [LULL__CALLBACK_DESTROY] = "a pool's `destroy`",
        [LULL__CALLBACK_RESET] = "a pool's `reset`",
        [LULL__CALLBACK_SIZE] = "a pool's `size`",
        [LULL__CALLBACK_TRACE] = "a trace callback",
        [LULL__CALLBACK_RECEIVER] = "a receiver of events",
        [LULL__CALLBACK_REPORT] = "a receiver of reports",
        [LULL__CALLBACK_LATE] = "the late_thread handler",
    };

    lull__fail(LULL_E_STATE, "%s inside %s", call, names[lull__callback]);
    return true;
}
