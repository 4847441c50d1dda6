/* mmu.c -- the computation and the list of mmu.h. */
#include "mmu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

const int lab_mmu_window_ms[LAB_WINDOWS] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

/* ---- the computation ---- */

static int by_thread_and_begin(const void *a, const void *b)
{
    const lab_pause *x = a, *y = b;

    if (x->thread != y->thread) {
        return x->thread < y->thread ? -1 : 1;
    }
    return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

size_t lab_mmu_tidy(lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns)
{
    size_t inside = 0, kept = 0;

    for (size_t i = 0; i < count; i++) {
        lab_pause one = pause[i];

        one.begin_ns = one.begin_ns < begin_ns ? begin_ns : one.begin_ns;
        one.end_ns = one.end_ns > end_ns ? end_ns : one.end_ns;
        if (one.begin_ns < one.end_ns) {
            pause[inside++] = one;
        }
    }
    qsort(pause, inside, sizeof *pause, by_thread_and_begin);
    for (size_t i = 0; i < inside; i++) {
        lab_pause *last = kept == 0 ? NULL : &pause[kept - 1];

        if (last == NULL || last->thread != pause[i].thread || last->end_ns < pause[i].begin_ns) {
            pause[kept++] = pause[i];
        } else if (last->end_ns < pause[i].end_ns) {
            last->end_ns = pause[i].end_ns;
        }
    }
    return kept;
}

/* A place in one thread's pauses; it goes forward only. */
struct place {
    const lab_pause *next, *beyond; /* the first that ends later, and the end of all */
    uint64_t paused_ns;             /* by all before it */
};

/* How long the thread paused until `time_ns`, which is no less than that of the call before. */
static uint64_t paused_until(struct place *place, uint64_t time_ns)
{
    while (place->next < place->beyond && place->next->end_ns <= time_ns) {
        place->paused_ns += place->next->end_ns - place->next->begin_ns;
        place->next++;
    }
    if (place->next < place->beyond && place->next->begin_ns < time_ns) {
        return place->paused_ns + (time_ns - place->next->begin_ns);
    }
    return place->paused_ns;
}

/* The longest that one thread pauses in a window. As the window moves, that grows and shrinks at a
 * constant rate between pauses' ends; it is greatest where the window begins with a pause or ends
 * with one, or as near to there as it can be. */
static uint64_t most_paused(const lab_pause *pause, size_t count, uint64_t begin_ns,
                            uint64_t last_ns, uint64_t window_ns)
{
    struct place from = {pause, pause + count, 0}, to = from, from_left = from, to_left = from;
    uint64_t most = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t start = pause[i].begin_ns < last_ns ? pause[i].begin_ns : last_ns;
        uint64_t paused = paused_until(&to, start + window_ns) - paused_until(&from, start);

        most = paused > most ? paused : most;
        start = pause[i].end_ns > begin_ns + window_ns ? pause[i].end_ns - window_ns : begin_ns;
        paused = paused_until(&to_left, start + window_ns) - paused_until(&from_left, start);
        most = paused > most ? paused : most;
    }
    return most;
}

int64_t lab_mmu_least(const lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t end_ns,
                      uint64_t window_ns)
{
    uint64_t most = 0;

    if (end_ns < begin_ns || end_ns - begin_ns < window_ns || window_ns == 0) {
        return LAB_UNKNOWN;
    }
    for (size_t i = 0, next; i < count; i = next) {
        uint64_t paused;

        for (next = i + 1; next < count && pause[next].thread == pause[i].thread;) {
            next++;
        }
        paused = most_paused(pause + i, next - i, begin_ns, end_ns - window_ns, window_ns);
        most = paused > most ? paused : most;
    }
    return (int64_t)((double)(window_ns - most) / (double)window_ns * 1e6);
}

/* ---- the list ---- */

static struct {
    lab_pause *pause;    /* LAB_PAUSES_MAX; NULL where there is no memory for it */
    atomic_size_t count; /* noted or dropped */
    atomic_bool noting;  /* between begin and end */
    uint64_t begin_ns, end_ns;
} list;

/* A workload that sets up begins a second time. */
void lab_mmu_begin(uint64_t now_ns)
{
    if (list.pause == NULL) {
        void *memory = mmap(NULL, LAB_PAUSES_MAX * sizeof *list.pause, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        list.pause = memory == MAP_FAILED ? NULL : memory;
    }
    list.begin_ns = now_ns;
    atomic_store(&list.count, 0);
    atomic_store(&list.noting, true);
}

void lab_mmu_note(uint32_t thread, uint64_t end_ns, uint64_t duration_ns)
{
    size_t at;

    if (!atomic_load_explicit(&list.noting, memory_order_relaxed)) {
        return;
    }
    at = atomic_fetch_add_explicit(&list.count, 1, memory_order_relaxed);
    if (at < LAB_PAUSES_MAX && list.pause != NULL) {
        list.pause[at] = (lab_pause){end_ns - duration_ns, end_ns, thread};
    }
}

void lab_mmu_end(uint64_t now_ns)
{
    atomic_store(&list.noting, false);
    list.end_ns = now_ns;
}

void lab_mmu_result(lab_result *result)
{
    size_t count = atomic_load(&list.count), most = list.pause == NULL ? 0 : LAB_PAUSES_MAX;

    result->mmu_dropped = count > most ? (int64_t)(count - most) : 0;
    if (result->mmu_dropped != 0) {
        return; /* of a part of the pauses it would be too good */
    }
    count = lab_mmu_tidy(list.pause, count, list.begin_ns, list.end_ns);
    for (int i = 0; i < LAB_WINDOWS; i++) {
        result->mmu_ppm[i] = lab_mmu_least(list.pause, count, list.begin_ns, list.end_ns,
                                           (uint64_t)lab_mmu_window_ms[i] * 1000000u);
    }
}
