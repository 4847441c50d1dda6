/* buffers.h -- what the suites of buffers share: a pool of them, and counters that add up. Included
 * by one file a program. */
#ifndef LULL_TESTS_BUFFERS_H
#define LULL_TESTS_BUFFERS_H

#include "fixture.h"

static lull_buffer_pool *pool;

static inline lull_buffer_pool *new_pool(size_t default_bytes, size_t max_bytes,
                                         size_t calibration_puts)
{
    lull_buffer_pool_options options = {.struct_size = sizeof options,
                                        .name = "bodies",
                                        .default_bytes = default_bytes,
                                        .max_bytes = max_bytes,
                                        .calibration_puts = calibration_puts};
    lull_buffer_pool *made = lull_buffer_pool_create(heap, &options);

    ensure(made != NULL, "%s", lull_error_message());
    return made;
}

static inline void set_up_scribbling(void)
{
    lull_options options = support_options();

    options.debug = LULL_DEBUG_SCRIBBLE;
    set_up_with(options);
    pool = new_pool(0, 0, SIZE_MAX);
}

/* The counters, which add up. */
static inline lull_buffer_pool_stats stats_of(lull_buffer_pool *p)
{
    lull_buffer_pool_stats s;

    ck_assert_int_eq(lull_buffer_pool_stats_read(p, &s), LULL_OK);
    ensure(s.gets == s.hits + s.misses, "%ju gets", (uintmax_t)s.gets);
    ensure(s.idle == s.puts - s.hits - s.drops, "%ju idle, %ju puts, %ju hits, %ju drops",
           (uintmax_t)s.idle, (uintmax_t)s.puts, (uintmax_t)s.hits, (uintmax_t)s.drops);
    return s;
}

#endif
