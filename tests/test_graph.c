/* test_graph.c -- random graphs of all layouts against a naive marker (model.h): after each
 * collection exactly the reachable objects are alive, and as they were. */
#include "mark.h"
#include "model.h"

enum { ALL_KERNELS, PORTABLE };

/* Ways to collect, each of which must give the same. */
static const struct variant {
    const char *name;
    int markers;
    unsigned debug;
    int percent; /* of growth before a cycle comes by itself */
    bool crowded;
    int kernel;
    uintptr_t pointer_mask, tag_mask, tag_value;
    size_t steps;
} variants[] = {
    {"plain", 1, 0, -1, false, ALL_KERNELS, UINTPTR_MAX, 0, 0, 4000},
    {"portable kernel", 1, 0, -1, false, PORTABLE, UINTPTR_MAX, 0, 0, 4000},
    {"two markers", 2, 0, -1, false, ALL_KERNELS, UINTPTR_MAX, 0, 0, 4000},
    {"four markers", 4, 0, -1, false, PORTABLE, UINTPTR_MAX, 0, 0, 4000},
    {"generic spans", 1, 0, -1, true, ALL_KERNELS, UINTPTR_MAX, 0, 0, 4000},
    {"generic spans, verified", 2, LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE, -1, true, ALL_KERNELS,
     UINTPTR_MAX, 0, 0, 2500},
    {"verify", 1, LULL_DEBUG_VERIFY, -1, false, ALL_KERNELS, UINTPTR_MAX, 0, 0, 3000},
    {"verify, scribble", 2, LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE, -1, false, ALL_KERNELS,
     UINTPTR_MAX, 0, 0, 3000},
    {"stress", 1, LULL_DEBUG_STRESS | LULL_DEBUG_SCRIBBLE, -1, false, ALL_KERNELS, UINTPTR_MAX, 0,
     0, 700},
    {"stress, two markers, generic", 2, LULL_DEBUG_STRESS | LULL_DEBUG_SCRIBBLE | LULL_DEBUG_VERIFY,
     -1, true, ALL_KERNELS, UINTPTR_MAX, 0, 0, 400},
    {"cycles as they come, 0 %", 2, LULL_DEBUG_SCRIBBLE, 0, false, ALL_KERNELS, UINTPTR_MAX, 0, 0,
     4000},
    {"cycles as they come, 100 %", 1, 0, 100, false, ALL_KERNELS, UINTPTR_MAX, 0, 0, 8000},
    {"low bits tagged", 1, LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE, -1, false, ALL_KERNELS,
     ~(uintptr_t)7, 7, 1, 4000},
    {"low bits tagged 0", 2, LULL_DEBUG_SCRIBBLE, -1, true, ALL_KERNELS, UINTPTR_MAX, 7, 0, 4000},
    {"high bits tagged", 2, LULL_DEBUG_SCRIBBLE, -1, false, ALL_KERNELS, ((uintptr_t)1 << 48) - 1,
     (uintptr_t)0xfff8 << 48, (uintptr_t)0x7ff8 << 48, 4000},
    {"low bits masked", 2, LULL_DEBUG_VERIFY, 100, true, ALL_KERNELS, ~(uintptr_t)7, 0, 0, 4000},
};

static struct model *new_model(const struct variant *v, uint64_t seed)
{
    lull_options options = support_options();

    if (v->percent >= 0) {
        options.mode = LULL_MODE_STOP; /* the model must know which objects a cycle came before */
    }
    options.markers = v->markers;
    options.debug = v->debug;
    options.gc_percent = v->percent;
    options.heap_min = 200000;
    options.pointer_mask = v->pointer_mask;
    options.tag_mask = v->tag_mask;
    options.tag_value = v->tag_value;
    struct model *m = model_new(&options, seed, v->crowded);
    for (unsigned i = 0; v->kernel == PORTABLE && i < LULL__MARKERS_MAX; i++) {
        m->heap->markers.marker[i].kernel = &lull__mark_portable;
    }
    return m;
}

START_TEST(exactly_the_reachable_is_alive)
{
    const struct variant *v = &variants[_i];
    size_t steps = SUPPORT_SANITIZED || support_emulated() ? v->steps / 4 : v->steps;

    for (uint64_t seed = 1; seed <= support_rounds(SUPPORT_SANITIZED ? 2 : 4); seed++) {
        struct model *m = new_model(v, seed * 1000 + (uint64_t)_i);
        for (size_t i = 0; i < steps; i++) {
            model_step(m);
            if (random_below(&m->r, 150) == 0) {
                model_collect(m);
            }
        }
        model_collect(m);
        ensure(v->percent < 0 || m->cycles > steps / 100, "%zu", (size_t)m->cycles);
        model_run_finalizers(m, 0);
        model_collect(m);
        model_free(m);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("graphs");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, exactly_the_reachable_is_alive, 0,
                        sizeof variants / sizeof *variants);
    return support_run(suite_create("graph"), tests);
}
