/* size_class.h -- which slots objects of a size live in. The table is made by size_class.awk. */
#ifndef LULL__SIZE_CLASS_H
#define LULL__SIZE_CLASS_H

#include "base.h"
#include "size_class_table.h"

#define LULL__BLOCK_SHIFT 15
#define LULL__BLOCK ((size_t)1 << LULL__BLOCK_SHIFT)
#define LULL__SMALL_MAX ((size_t)32768) /* larger objects are runs of whole blocks */
#define LULL__GRANULE ((size_t)8) /* slot sizes are multiples of it */
#define LULL__ALIGNMENT ((size_t)16)

struct lull__class {
    uint32_t slot_size; /* bytes */
    uint32_t blocks;    /* of a span */
    uint32_t slots;     /* of a span */
    uint32_t magic;     /* slot number = offset in span * magic >> 32, exact for every offset */
};

extern const struct lull__class lull__classes[LULL__CLASSES];

/* The class of objects of `bytes`, 1 to LULL__SMALL_MAX. */
LULL__INLINE unsigned lull__class_of(size_t bytes)
{
    LULL_ASSERT_HOT(bytes > 0 && bytes <= LULL__SMALL_MAX);
    if (bytes <= 64) {
        return (unsigned)(lull__max(bytes, 16) + 7) / 8 - 2;
    }
    if (bytes <= 128) {
        return (unsigned)(bytes + 15) / 16 + 2;
    }
    /* `top` is the doubling (2^top, 2^(top+1)] that holds it; `step` counts 2^top / divisions */
    unsigned top = 63 - (unsigned)__builtin_clzll(bytes - 1);
    if (top < 10) {
        unsigned step = (unsigned)((bytes - 1 - ((size_t)1 << top)) >> (top - 3));
        return 11 + (top - 7) * 8 + step;
    }
    unsigned step = (unsigned)((bytes - 1 - ((size_t)1 << top)) >> (top - 2));
    return 35 + (top - 10) * 4 + step;
}

#endif
