/* mmu.c -- the computation and the list of mmu.h. */
#include "mmu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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
    uint64_t lost;                  /* by all before it: nanoseconds * LAB_MMU_ALL */
};

/* How much the thread lost until `time_ns`, which is no less than that of the call before. */
static uint64_t lost_until(struct place *place, uint64_t time_ns)
{
    while (place->next < place->beyond && place->next->end_ns <= time_ns) {
        place->lost += (place->next->end_ns - place->next->begin_ns) * place->next->lost_ppm;
        place->next++;
    }
    if (place->next < place->beyond && place->next->begin_ns < time_ns) {
        return place->lost + (time_ns - place->next->begin_ns) * place->next->lost_ppm;
    }
    return place->lost;
}

/* The most that one thread loses in a window. As the window moves, that grows and shrinks at a
 * constant rate between pauses' ends; it is greatest where the window begins with a pause or ends
 * with one, or as near to there as it can be. */
static uint64_t most_lost(const lab_pause *pause, size_t count, uint64_t begin_ns, uint64_t last_ns,
                          uint64_t window_ns)
{
    struct place from = {pause, pause + count, 0}, to = from, from_left = from, to_left = from;
    uint64_t most = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t start = pause[i].begin_ns < last_ns ? pause[i].begin_ns : last_ns;
        uint64_t lost = lost_until(&to, start + window_ns) - lost_until(&from, start);

        most = lost > most ? lost : most;
        start = pause[i].end_ns > begin_ns + window_ns ? pause[i].end_ns - window_ns : begin_ns;
        lost = lost_until(&to_left, start + window_ns) - lost_until(&from_left, start);
        most = lost > most ? lost : most;
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
        uint64_t lost;

        for (next = i + 1; next < count && pause[next].thread == pause[i].thread;) {
            next++;
        }
        lost = most_lost(pause + i, next - i, begin_ns, end_ns - window_ns, window_ns);
        most = lost > most ? lost : most;
    }
    return (int64_t)((double)(window_ns - most / LAB_MMU_ALL) / (double)window_ns * 1e6);
}

/* ---- the collector's CPU ---- */

/* From here on it uses so much more, or less. */
struct step {
    uint64_t at_ns;
    int64_t more_ppm;
};

static int by_time(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* Phases that overlap become pieces that do not, each with what all use together, as a thread's
 * part of it. Returns how many: fewer than twice `count`. */
static size_t flatten(const lab_pause *taken, size_t count, unsigned shared_by, struct step *step,
                      lab_pause *piece)
{
    int64_t ppm = 0;
    size_t pieces = 0;

    for (size_t i = 0; i < count; i++) {
        step[2 * i] = (struct step){taken[i].begin_ns, taken[i].lost_ppm};
        step[2 * i + 1] = (struct step){taken[i].end_ns, -(int64_t)taken[i].lost_ppm};
    }
    qsort(step, 2 * count, sizeof *step, by_time);
    for (size_t i = 0; i + 1 < 2 * count; i++) {
        ppm += step[i].more_ppm;
        if (ppm > 0 && step[i].at_ns < step[i + 1].at_ns) {
            int64_t part = ppm / shared_by;

            piece[pieces++] = (lab_pause){step[i].at_ns, step[i + 1].at_ns, 0,
                                          part > LAB_MMU_ALL ? LAB_MMU_ALL : (uint32_t)part};
        }
    }
    return pieces;
}

/* One thread's pauses, and between them what of the pieces falls there. Returns how many. */
static size_t blend_thread(const lab_pause *pause, size_t count, const lab_pause *piece,
                           size_t pieces, uint32_t thread, lab_pause *all)
{
    size_t made = 0, at = 0;
    uint64_t from_ns = 0;

    for (size_t i = 0; i <= count; i++) {
        uint64_t until_ns = i < count ? pause[i].begin_ns : UINT64_MAX;

        while (at < pieces && piece[at].begin_ns < until_ns) {
            lab_pause one = piece[at];

            one.thread = thread;
            one.begin_ns = one.begin_ns < from_ns ? from_ns : one.begin_ns;
            one.end_ns = one.end_ns > until_ns ? until_ns : one.end_ns;
            if (one.begin_ns < one.end_ns) {
                all[made++] = one;
            }
            if (piece[at].end_ns > until_ns) {
                break; /* the rest of it stands behind the pause */
            }
            at++;
        }
        if (i < count) {
            all[made++] = pause[i];
            from_ns = pause[i].end_ns;
        }
    }
    return made;
}

static size_t threads_of(const lab_pause *pause, size_t count)
{
    size_t threads = 0;

    for (size_t i = 0; i < count; i++) {
        threads += i == 0 || pause[i].thread != pause[i - 1].thread;
    }
    return threads;
}

size_t lab_mmu_blend(const lab_pause *pause, size_t count, const lab_pause *taken,
                     size_t taken_count, unsigned shared_by, lab_pause **all)
{
    struct step *step = malloc((2 * taken_count + 1) * sizeof *step);
    lab_pause *piece = malloc((2 * taken_count + 1) * sizeof *piece);
    /* a pause cuts a piece in two; each thread has all pieces, and so has one without pauses */
    size_t room = 2 * count + 1 + (threads_of(pause, count) + 1) * 2 * taken_count;
    size_t pieces, made = SIZE_MAX;

    *all = malloc(room * sizeof **all);
    if (step != NULL && piece != NULL && *all != NULL) {
        pieces = flatten(taken, taken_count, shared_by, step, piece);
        made = blend_thread(NULL, 0, piece, pieces, UINT32_MAX, *all);
        for (size_t i = 0, next; i < count; i = next) {
            for (next = i + 1; next < count && pause[next].thread == pause[i].thread;) {
                next++;
            }
            made += blend_thread(pause + i, next - i, piece, pieces, pause[i].thread, *all + made);
        }
    }
    free(step);
    free(piece);
    return made;
}

/* ---- the list ---- */

static struct {
    lab_pause *pause;    /* LAB_PAUSES_MAX; NULL where there is no memory for it */
    lab_pause *taken;    /* LAB_TAKEN_MAX, likewise */
    atomic_size_t count; /* noted or dropped */
    atomic_size_t taken_count;
    atomic_bool noting; /* between begin and end */
    uint64_t begin_ns, end_ns;
} list;

static lab_pause *room_for(size_t count)
{
    void *memory = mmap(NULL, count * sizeof(lab_pause), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* A workload that sets up begins a second time. */
void lab_mmu_begin(uint64_t now_ns)
{
    if (list.pause == NULL) {
        list.pause = room_for(LAB_PAUSES_MAX);
        list.taken = room_for(LAB_TAKEN_MAX);
    }
    list.begin_ns = now_ns;
    atomic_store(&list.count, 0);
    atomic_store(&list.taken_count, 0);
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
        list.pause[at] = (lab_pause){end_ns - duration_ns, end_ns, thread, LAB_MMU_ALL};
    }
}

void lab_mmu_note_collector(uint64_t end_ns, uint64_t wall_ns, uint64_t cpu_ns)
{
    size_t at;

    if (wall_ns == 0 || !atomic_load_explicit(&list.noting, memory_order_relaxed)) {
        return;
    }
    at = atomic_fetch_add_explicit(&list.taken_count, 1, memory_order_relaxed);
    if (at < LAB_TAKEN_MAX && list.taken != NULL) {
        list.taken[at] = (lab_pause){end_ns - wall_ns, end_ns, 0,
                                     (uint32_t)((double)cpu_ns / (double)wall_ns * LAB_MMU_ALL)};
    }
}

void lab_mmu_end(uint64_t now_ns)
{
    atomic_store(&list.noting, false);
    list.end_ns = now_ns;
}

static void set_curve(int64_t *ppm, const lab_pause *pause, size_t count)
{
    for (int i = 0; i < LAB_WINDOWS; i++) {
        ppm[i] = lab_mmu_least(pause, count, list.begin_ns, list.end_ns,
                               (uint64_t)lab_mmu_window_ms[i] * 1000000u);
    }
}

/* The second curve. `count`: of the pauses, which are tidy. */
static void set_cpu_curve(lab_result *result, size_t count, int threads)
{
    size_t taken = atomic_load(&list.taken_count);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    lab_pause *all;

    if (taken > (list.taken == NULL ? 0 : LAB_TAKEN_MAX)) {
        return; /* of a part of the phases it would be too good */
    }
    for (size_t i = 0; i < taken; i++) {
        lab_pause *one = &list.taken[i];

        one->begin_ns = one->begin_ns < list.begin_ns ? list.begin_ns : one->begin_ns;
        one->end_ns = one->end_ns > list.end_ns ? list.end_ns : one->end_ns;
        one->end_ns = one->end_ns < one->begin_ns ? one->begin_ns : one->end_ns;
    }
    count = lab_mmu_blend(list.pause, count, list.taken, taken,
                          (unsigned)(processors < 1 || threads < processors ? threads : processors),
                          &all);
    if (count != SIZE_MAX) {
        set_curve(result->mmu_cpu_ppm, all, count);
    }
    free(all);
}

void lab_mmu_result(lab_result *result, int threads, bool phases)
{
    size_t count = atomic_load(&list.count), most = list.pause == NULL ? 0 : LAB_PAUSES_MAX;

    result->mmu_dropped = count > most ? (int64_t)(count - most) : 0;
    if (result->mmu_dropped != 0) {
        return; /* of a part of the pauses it would be too good */
    }
    count = lab_mmu_tidy(list.pause, count, list.begin_ns, list.end_ns);
    set_curve(result->mmu_ppm, list.pause, count);
    if (phases) {
        set_cpu_curve(result, count, threads);
    }
}
