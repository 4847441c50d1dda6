/* check.c -- what a program has checked that defines LULL_CHECK. */
#include "callback.h"
#include "roots.h"
#include "thread.h"

/* Whether all of the pointer-sized field lies in an object. */
static bool in_object(const lull_heap *heap, const void *field)
{
    struct lull__slot slot = lull__resolve(heap, (uintptr_t)field);

    return slot.state != NULL && lull__state_load(slot.state) != LULL__FREE &&
           (size_t)((const char *)field - slot.base) + sizeof(void *) <=
               lull__slot_bytes(heap, &slot);
}

static bool in_heap(const lull_heap *heap, const void *field)
{
    return (uintptr_t)field - (uintptr_t)heap->pages.range <
           heap->pages.range_blocks * LULL__BLOCK;
}

void lull_store_check(lull_thread *t, void *slot)
{
    if (lull__callback >= LULL__CALLBACK_INSIDE) {
        return; /* the store is refused; and locks may be held */
    }
    LULL_ASSERT_VALUES(lull__thread_is_mine(t), t, slot);
    LULL_ASSERT_VALUES(!t->user_blocked, t, slot);
    LULL_ASSERT_VALUES((uintptr_t)slot % sizeof(void *) == 0, t, slot);
    if (in_heap(t->heap, slot)) {
        LULL_ASSERT_VALUES(in_object(t->heap, slot), t, slot);
        return;
    }
    /* relaxed: whoever made the callback known did so before it stores */
    LULL_ASSERT_VALUES(atomic_load_explicit(&t->heap->callbacks, memory_order_relaxed) ||
                           lull__roots_cover(t->heap, slot),
                       t, slot);
}
