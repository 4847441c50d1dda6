/* lull/compose.h -- things made of pooled parts, taken and given back as one.
 *
 * The parts are declared once, each with the prefix of its pool (that of LULL_POOL_TYPE or
 * LULL_COMPOSED, or lull_buffer or lull_builder) and the name of its field:
 *
 *     #define RESPONSE_PARTS(PART) \
 *         PART(headers, header)    \
 *         PART(lull_buffer, body)  \
 *         PART(lull_builder, log)
 *     LULL_COMPOSED(response, RESPONSE_PARTS)
 *
 * That makes, all with their C types and without casts in the program,
 *
 *     struct response       with the fields header, body and log, each a pointer
 *     struct response_pool  with fields of the same names, pointers to the pools of the parts,
 *                           which the program sets; and `things`, the library's, of the responses
 *                           themselves
 *     response_pool_open(&pool, heap, name), response_pool_close(&pool)
 *     response_get(t, &pool), response_put(t, &pool, response)
 *     LULL_POOLED(response, r, t, &pool), see lull/scope.h
 *
 * What a field holds when the thing is put goes back to that field's pool, and NULL is ignored: so
 * a part is taken out by lull_exchange(t, &r->body, NULL), and another put in its place by
 * lull_store. */
#ifndef LULL_COMPOSE_H
#define LULL_COMPOSE_H

#include <lull/base.h>
#include <lull/pool.h>
#include <lull/root.h>
#include <lull/scope.h>
#include <lull/store.h>

LULL_BEGIN_DECLS

/* Creates the pool of things that are `count` pointers to objects; for LULL_COMPOSED. Their type
 * lives as long as the heap.
 * Collects: no. Errors: NULL and LULL_E_INVALID (no heap, no parts or more than 64), or as
 * lull_pool_create. Threads: any. Time: O(1). */
LULL_API lull_pool *lull_composed_pool_create(lull_heap *heap, const char *name, size_t count);

#define LULL__PART_FIELD(prefix, field) __typeof__(*((struct prefix##_scope *)0)->object) field;
#define LULL__PART_POOL(prefix, field) __typeof__(((struct prefix##_scope *)0)->pool) field;
#define LULL__PART_HAS_POOL(prefix, field) && pool_->field != NULL
#define LULL__PART_GET(prefix, field)                                                              \
    if (whole_) {                                                                                  \
        lull_store(t_, &thing_->field, prefix##_get(t_, pool_->field));                            \
        whole_ = thing_->field != NULL;                                                            \
    }
#define LULL__PART_PUT(prefix, field)                                                              \
    prefix##_put(t_, pool_->field, thing_->field);                                                 \
    lull_store(t_, &thing_->field, NULL);

/* struct name and struct name_pool, and
 *
 * name_pool_open: sets `things`; the pools of the parts are set before and stay the program's.
 *   Collects: no. Errors: LULL_E_INVALID (the pool of a part is NULL), or as lull_pool_create.
 *   Threads: any, before all others. Time: O(1).
 * name_pool_close: destroys `things`, not the pools of the parts.
 *   Collects, errors, threads, time: as lull_pool_destroy.
 * name_get: takes a thing and all its parts.
 *   Collects: maybe. Errors: NULL as the get of the part that failed; what was taken is given
 *   back. Threads: `t` belongs to the calling thread. Time: that of the parts.
 * name_put: gives back all parts, then the thing; NULL is ignored.
 *   Collects: no. Errors: as the puts of the parts. Threads: as name_get. Time: that of the
 *             parts. */
#define LULL_COMPOSED(name, PARTS)                                                                 \
    struct name {                                                                                  \
        PARTS(LULL__PART_FIELD)                                                                    \
    };                                                                                             \
    struct name##_pool {                                                                           \
        lull_pool *things;                                                                         \
        PARTS(LULL__PART_POOL)                                                                     \
    };                                                                                             \
    __attribute__((unused)) static inline int name##_pool_open(                                    \
        struct name##_pool *pool_, lull_heap *heap_, const char *name_)                            \
    {                                                                                              \
        int has_all_ = 1 PARTS(LULL__PART_HAS_POOL);                                               \
                                                                                                   \
        pool_->things = lull_composed_pool_create(                                                 \
            heap_, name_, has_all_ ? sizeof(struct name) / sizeof(void *) : 0);                    \
        return pool_->things != NULL ? LULL_OK : lull_error();                                     \
    }                                                                                              \
    __attribute__((unused)) static inline int name##_pool_close(struct name##_pool *pool_)         \
    {                                                                                              \
        lull_pool *things_ = pool_->things;                                                        \
                                                                                                   \
        pool_->things = NULL;                                                                      \
        return lull_pool_destroy(things_);                                                         \
    }                                                                                              \
    __attribute__((unused)) static inline void name##_put(                                         \
        lull_thread *t_, struct name##_pool *pool_, struct name *thing_)                           \
    {                                                                                              \
        if (thing_ != NULL) {                                                                      \
            PARTS(LULL__PART_PUT)                                                                  \
            lull_pool_put(t_, pool_->things, thing_);                                              \
        }                                                                                          \
    }                                                                                              \
    __attribute__((unused)) static inline struct name *name##_get(lull_thread *t_,                 \
                                                                  struct name##_pool *pool_)       \
    {                                                                                              \
        LULL_FRAME(t_, frame_, 1); /* for threads whose stack is not scanned */                    \
        struct name *thing_ = (struct name *)lull_pool_get(t_, pool_->things);                     \
        int whole_ = thing_ != NULL;                                                               \
                                                                                                   \
        frame_.root[0] = thing_;                                                                   \
        PARTS(LULL__PART_GET)                                                                      \
        if (!whole_) {                                                                             \
            name##_put(t_, pool_, thing_);                                                         \
            thing_ = NULL;                                                                         \
        }                                                                                          \
        lull_frame_pop(t_, &frame_.head);                                                          \
        return thing_;                                                                             \
    }                                                                                              \
    LULL_POOL_SCOPE(name, struct name##_pool, struct name)

LULL_END_DECLS

#endif
