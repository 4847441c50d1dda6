/* poison.c -- the bytes of an object that lies idle in an audited pool. */
#include "poison.h"

#include <string.h>

#define WORD sizeof(uintptr_t)

/* Whether marking reads word `i`, which was `word` when the object was put. */
static bool is_read(const lull_heap *heap, const struct lull__layout *layout, size_t i,
                    uintptr_t word)
{
    if (layout == NULL || layout->kind == LULL__KIND_LEAF) {
        return false;
    }
    if (layout->kind == LULL__KIND_RECORD || layout->kind == LULL__KIND_PATTERN) {
        size_t bit = i % layout->period;
        return (layout->bits[bit / 64] >> (bit % 64) & 1) != 0;
    }
    if (layout->kind == LULL__KIND_CONSERVATIVE) {
        return lull__untag(heap, word) - (uintptr_t)heap->pages.range <
               heap->pages.range_blocks * LULL__BLOCK;
    }
    return true; /* by a callback; or the collector has a hand in it, as in weak references */
}

/* Whether the word at byte `i` is poisoned. The last bytes may be no whole word: those are outside
 * the heap. */
static bool is_poisoned(const lull_heap *heap, const struct lull__layout *layout, const char *image,
                        size_t i, size_t bytes)
{
    uintptr_t word = 0;

    if (i + WORD <= bytes) {
        memcpy(&word, image + i, WORD);
    }
    return !is_read(heap, layout, i / WORD, word);
}

void lull__poison_in(const lull_heap *heap, const struct lull__layout *layout, char *object,
                     char *image, size_t bytes)
{
    memcpy(image, object, bytes);
    for (size_t i = 0; i < bytes; i += WORD) {
        if (is_poisoned(heap, layout, image, i, bytes)) {
            memset(object + i, LULL__POISON, lull__min(WORD, bytes - i));
        }
    }
}

size_t lull__poison_broken(const lull_heap *heap, const struct lull__layout *layout,
                           const char *object, const char *image, size_t bytes, uint8_t *was)
{
    uint8_t poison[WORD];

    memset(poison, LULL__POISON, sizeof poison);
    for (size_t i = 0; i < bytes; i += WORD) {
        const uint8_t *right =
            is_poisoned(heap, layout, image, i, bytes) ? poison : (const uint8_t *)image + i;
        if (memcmp(object + i, right, lull__min(WORD, bytes - i)) == 0) {
            continue;
        }
        size_t k = 0;
        while ((uint8_t)object[i + k] == right[k]) {
            k++;
        }
        *was = right[k];
        return i + k;
    }
    return bytes;
}

void lull__poison_out(const lull_heap *heap, const struct lull__layout *layout, char *object,
                      const char *image, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += WORD) {
        if (is_poisoned(heap, layout, image, i, bytes)) {
            memcpy(object + i, image + i, lull__min(WORD, bytes - i));
        }
    }
}
