/* lull/scope.h -- what a pool gave goes back at the end of a block.
 *
 *     LULL_POOLED(lull_buffer, body, t, buffers);
 *     if (body == NULL) {
 *         return lull_error();
 *     }
 *
 * declares `body`, taken by lull_buffer_get(t, buffers). It is put back when the block is left,
 * whichever way: at its end, by return, break, continue or goto; not by longjmp or the thread's
 * end. Works by the attribute `cleanup` of gcc and clang. */
#ifndef LULL_SCOPE_H
#define LULL_SCOPE_H

#include <lull/base.h>

/* Declares `name` and takes an object for it: prefix_get(t, pool), evaluated once. `prefix` is
 * that of LULL_POOL_TYPE or LULL_COMPOSED, or lull_buffer or lull_builder. The variable may be
 * assigned: what it holds at the end is put back, and NULL is ignored, so lull_keep takes the
 * object out of the scope. Of a thread with a precise stack it is no root: that needs a frame.
 * A declaration; goto may leave its block but not jump over it into the block.
 * Collects, errors, threads, time: as prefix_get, and at the end of the block as prefix_put. */
#define LULL_POOLED(prefix, name, t, pool)                                                         \
    __typeof__(prefix##_get(t, pool)) name = NULL;                                                 \
    __attribute__((cleanup(prefix##_scope_end), unused)) struct prefix##_scope name##_scope =      \
        prefix##_scope_begin(t, pool, &name)

/* lull_keep(variable): its value, leaving NULL in it: a scope that ends puts nothing back. As in
 * `return lull_keep(body);`. Whoever has the object then puts it back, or leaves it to the
 * collector. `variable` is evaluated twice. */
#define lull_keep(variable)                                                                        \
    __extension__({                                                                                \
        __typeof__(variable) lull__kept = (variable);                                              \
        (variable) = NULL;                                                                         \
        lull__kept;                                                                                \
    })

/* What LULL_POOLED needs of prefix_get and prefix_put, for pools of type P and objects of type
 * T. */
#define LULL_POOL_SCOPE(prefix, P, T)                                                              \
    struct prefix##_scope {                                                                        \
        lull_thread *t;                                                                            \
        P *pool;                                                                                   \
        T **object;                                                                                \
    };                                                                                             \
    __attribute__((unused)) static inline struct prefix##_scope prefix##_scope_begin(              \
        lull_thread *t_, P *pool_, T **object_)                                                    \
    {                                                                                              \
        struct prefix##_scope scope_ = {t_, pool_, object_};                                       \
                                                                                                   \
        *object_ = prefix##_get(t_, pool_);                                                        \
        return scope_;                                                                             \
    }                                                                                              \
    __attribute__((unused)) static inline void prefix##_scope_end(struct prefix##_scope *scope_)   \
    {                                                                                              \
        prefix##_put(scope_->t, scope_->pool, *scope_->object);                                    \
    }

#endif
