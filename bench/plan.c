/* plan.c -- from the options' lists to the matrix of cases. */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

#define CASES_MAX 1024
#define DEPTH_DEFAULT 10
#define RUNS_DEFAULT 3
#define OBSERVE_RUNS 5

#define GO_TRAITS (LAB_HAS_MODE | LAB_HAS_PERCENT | LAB_HAS_LIMIT | LAB_IS_COLLECTOR)

/* What another build of the lab has. */
static const struct absent {
    const char *name, *package;
} absent_backends[] = {{"boehm", "the Boehm GC (Debian: libgc-dev)"}},
  absent_workloads[] = {{"json", "jansson (Debian: libjansson-dev)"}};

static int refuse(lab_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(lab_options *options, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(options->error, sizeof options->error, format, args);
    va_end(args);
    return -1;
}

/* The malloc backend has every workload that this lab has. */
static const lab_workload *find_workload(const char *name)
{
    return lab_workload_find(&lab_backend_malloc, name);
}

static int check_workload(lab_options *options, const char *name)
{
    size_t used;

    if (find_workload(name) != NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof absent_workloads / sizeof absent_workloads[0]; i++) {
        if (strcmp(name, absent_workloads[i].name) == 0) {
            return refuse(options,
                          "workload '%s' is not in this lab: it was built without %s; install "
                          "it, configure and build again",
                          name, absent_workloads[i].package);
        }
    }
    refuse(options, "there is no workload '%s'; there are", name);
    for (size_t i = 0; lab_workloads_malloc[i] != NULL; i++) {
        used = strlen(options->error);
        snprintf(options->error + used, sizeof options->error - used, "%s %s", i == 0 ? "" : ",",
                 lab_workloads_malloc[i]->name);
    }
    used = strlen(options->error);
    snprintf(options->error + used, sizeof options->error - used, "; see lull-lab list");
    return -1;
}

static int check_backend(lab_options *options, const char *name)
{
    if (strcmp(name, "go") == 0) {
        const lab_peer *peer = lab_peer_get();

        return peer->found ? 0
                           : refuse(options,
                                    "backend 'go' is not available: %s; put go in PATH, "
                                    "configure and build again",
                                    peer->why);
    }
    if (lab_backend_find(name) != NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof absent_backends / sizeof absent_backends[0]; i++) {
        if (strcmp(name, absent_backends[i].name) == 0) {
            return refuse(options,
                          "backend '%s' is not in this lab: it was built without %s; install it, "
                          "configure and build again",
                          name, absent_backends[i].package);
        }
    }
    return refuse(options,
                  "there is no backend '%s'; allowed are lull, boehm, malloc, go and all; see "
                  "lull-lab list",
                  name);
}

/* "all" becomes the names of those there are. */
static void expand_workloads(lab_words *words)
{
    words->count = 0;
    for (size_t i = 0; lab_workloads_malloc[i] != NULL; i++) {
        words->word[words->count++] = lab_workloads_malloc[i]->name;
    }
}

/* "all" becomes the names of what is there. */
static void expand_backends(lab_words *words)
{
    words->count = 0;
    for (size_t i = 0; lab_backends[i] != NULL; i++) {
        words->word[words->count++] = lab_backends[i]->name;
    }
    if (lab_peer_get()->found) {
        words->word[words->count++] = "go";
    }
}

static int check_names(lab_options *options)
{
    lab_words *backend = &options->backend;

    if (options->workload.count == 0) {
        return refuse(options, "which workload? for example: lull-lab run buffers; lull-lab list "
                               "tells which there are");
    }
    if (options->workload.count == 1 && strcmp(options->workload.word[0], "all") == 0) {
        expand_workloads(&options->workload);
    }
    for (int i = 0; i < options->workload.count; i++) {
        if (check_workload(options, options->workload.word[i]) != 0) {
            return -1;
        }
    }
    if (backend->count == 0) {
        backend->word[backend->count++] = "lull";
    } else if (backend->count == 1 && strcmp(backend->word[0], "all") == 0) {
        expand_backends(backend);
    }
    for (int i = 0; i < backend->count; i++) {
        if (check_backend(options, backend->word[i]) != 0) {
            return -1;
        }
        for (int j = 0; j < i; j++) {
            if (strcmp(backend->word[i], backend->word[j]) == 0) {
                return refuse(options, "--backend: '%s' stands there twice; leave one out",
                              backend->word[i]);
            }
        }
    }
    return 0;
}

static void default_list(lab_numbers *list, int32_t value)
{
    if (list->count == 0) {
        list->value[list->count++] = value;
    }
}

static int32_t cores(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online < 1 ? 1 : online > LAB_THREADS_MAX ? LAB_THREADS_MAX : (int32_t)online;
}

static void set_defaults(lab_options *options)
{
    default_list(&options->mode, LAB_MODE_CONCURRENT);
    default_list(&options->percent, 100);
    default_list(&options->pools, 0);
    default_list(&options->threads, cores());
    default_list(&options->depth, DEPTH_DEFAULT);
    if (options->runs == 0) {
        options->runs = options->command == LAB_OBSERVE ? OBSERVE_RUNS : RUNS_DEFAULT;
    }
    if (options->scale == 0) {
        options->scale = 100;
    }
}

bool lab_plan_add(lab_plan *plan, const lab_case *one)
{
    size_t records = (plan->count + 1) * (size_t)plan->runs;

    if (plan->count == CASES_MAX) {
        return false;
    }
    free(plan->records);
    plan->records = calloc(records, sizeof *plan->records);
    if (plan->records == NULL) {
        lab_out_of_memory(records * sizeof *plan->records);
    }
    plan->cases[plan->count++] = *one;
    return true;
}

/* A list with what does not apply cut to one value. */
static lab_numbers applied(const lab_numbers *list, bool applies, int32_t otherwise)
{
    return applies ? *list : (lab_numbers){{otherwise}, 1};
}

/* The first mode of a list in which something collects. */
static int32_t first_on(const lab_numbers *modes)
{
    int32_t mode = LAB_MODE_OFF;

    for (int i = modes->count; i-- > 0;) {
        mode = modes->value[i] != LAB_MODE_OFF ? (int32_t)modes->value[i] : mode;
    }
    return mode;
}

/* The modes in which a workload can be collected; each once. */
static lab_numbers modes_for(const lab_numbers *modes, unsigned workload)
{
    lab_numbers fit = {.count = 0};

    for (int i = 0; i < modes->count; i++) {
        bool beside =
            modes->value[i] == LAB_MODE_CONCURRENT || modes->value[i] == LAB_MODE_INCREMENTAL;
        int32_t mode =
            beside && (workload & LAB_HAS_NO_BARRIER) != 0 ? LAB_MODE_STOP : modes->value[i];
        bool new = true;
        for (int j = 0; j < fit.count; j++) {
            new = new &&fit.value[j] != mode;
        }
        if (new) {
            fit.value[fit.count++] = mode;
        }
    }
    return fit;
}

/* Adds the cases of one workload on one backend: every combination of what applies. */
static bool add_cases(lab_plan *plan, const lab_options *options, const lab_case *base)
{
    unsigned backend = base->backend_traits, workload = base->workload->traits;
    const lab_numbers fit = modes_for(&options->mode, workload);
    const lab_numbers modes = applied(&fit, (backend & LAB_HAS_MODE) != 0, LAB_MODE_STOP);
    const lab_numbers percents = applied(&options->percent, (backend & LAB_HAS_PERCENT) != 0, 100);
    const lab_numbers threads = applied(&options->threads, (workload & LAB_HAS_THREADS) != 0, 1);
    const lab_numbers depths =
        applied(&options->depth, (workload & LAB_HAS_DEPTH) != 0, DEPTH_DEFAULT);
    const lab_numbers pools = applied(&options->pools, (workload & LAB_HAS_POOLS) != 0, 0);
    /* Observed runs have partners that are not. */
    const int partners = options->command == LAB_OBSERVE ? 2 : 1;
    int total =
        modes.count * percents.count * threads.count * depths.count * pools.count * partners;

    /* What is compared runs one after the other: pools vary fastest, but for observing. */
    for (int i = 0; i < total; i++) {
        lab_case one = *base;
        int at = i;

        one.params.unobserved = at % partners != 0;
        at /= partners;
        one.params.pools = pools.value[at % pools.count] != 0;
        at /= pools.count;
        one.params.depth = depths.value[at % depths.count];
        at /= depths.count;
        one.params.threads = threads.value[at % threads.count];
        at /= threads.count;
        one.params.percent = percents.value[at % percents.count];
        at /= percents.count;
        one.params.mode = modes.value[at];
        one.params.interior = (workload & LAB_HAS_INTERIOR) != 0;
        one.params.collect = one.params.mode != LAB_MODE_OFF;
        if ((backend & LAB_HAS_MODES) == 0 && one.params.collect &&
            one.params.mode != first_on(&modes)) {
            continue; /* it collects in one way only */
        }
        /* Where nothing is collected, when to collect is no question. */
        if (!one.params.collect && one.params.percent != percents.value[0]) {
            continue;
        }
        if (!lab_plan_add(plan, &one)) {
            return false;
        }
    }
    return true;
}

/* The backend's part of a case; false where it does not have the workload. */
static bool set_backend(lab_case *one, const char *name)
{
    const lab_backend *backend = lab_backend_find(name);

    one->backend = name;
    if (backend == NULL) {
        one->label = "Go";
        one->backend_traits = GO_TRAITS;
        return lab_peer_has(one->workload->name);
    }
    one->label = backend->label;
    one->backend_traits = backend->traits;
    return lab_workload_find(backend, one->workload->name) != NULL;
}

static int fill(lab_plan *plan, lab_options *options)
{
    lab_case base = {.params = {
                         .seed = options->seed,
                         .limit_bytes = options->limit_bytes,
                         .rate = options->rate,
                         .scale = options->scale,
                     }};

    if (options->input != NULL) {
        snprintf(base.params.input, sizeof base.params.input, "%s", options->input);
    }
    for (int i = 0; i < options->workload.count; i++) {
        base.workload = find_workload(options->workload.word[i]);
        for (int j = 0; j < options->backend.count; j++) {
            if (set_backend(&base, options->backend.word[j]) && !add_cases(plan, options, &base)) {
                return refuse(options, "the lists make more than %d combinations; shorten one",
                              CASES_MAX);
            }
        }
    }
    if (plan->count == 0) {
        return refuse(options,
                      "backend '%s' does not have workload '%s'; lull-lab list tells which has "
                      "what",
                      options->backend.word[0], options->workload.word[0]);
    }
    return 0;
}

/* Whether --against names a mode or backend that is run, beside something else. */
static int check_against(const lab_plan *plan, lab_options *options)
{
    size_t of_it = 0;

    for (size_t i = 0; options->against != NULL && i < plan->count; i++) {
        of_it += lab_case_is(&plan->cases[i], options->against);
    }
    if (options->against != NULL && (of_it == 0 || of_it == plan->count)) {
        return refuse(options,
                      "--against '%.64s': %s; for example --mode stop,concurrent --against stop",
                      options->against,
                      of_it == 0 ? "no such mode or backend is among those that are run"
                                 : "nothing else is run");
    }
    return 0;
}

int lab_plan_make(lab_plan *plan, lab_options *options)
{
    *plan = (lab_plan){.cases = NULL};
    if (check_names(options) != 0) {
        return -1;
    }
    set_defaults(options);
    plan->cases = calloc(CASES_MAX, sizeof *plan->cases);
    if (plan->cases == NULL) {
        lab_out_of_memory(CASES_MAX * sizeof *plan->cases);
    }
    plan->runs = options->runs;
    plan->rate_percent = options->rate_percent;
    plan->limit_percent = options->limit_percent;
    if (fill(plan, options) != 0 || check_against(plan, options) != 0) {
        lab_plan_free(plan);
        return -1;
    }
    return 0;
}

void lab_plan_free(lab_plan *plan)
{
    free(plan->cases);
    free(plan->records);
    *plan = (lab_plan){.cases = NULL};
}

lab_record *lab_plan_record(const lab_plan *plan, size_t index, int run)
{
    return &plan->records[index * (size_t)plan->runs + (size_t)(run - 1)];
}

void lab_plan_values(const lab_plan *plan, size_t index, double (*field)(const lab_record *),
                     double *value)
{
    for (int run = 1; run <= plan->runs; run++) {
        const lab_record *record = lab_plan_record(plan, index, run);

        value[run - 1] = record->ok ? field(record) : LAB_UNKNOWN;
    }
}

bool lab_case_same_work(const lab_case *a, const lab_case *b)
{
    return a->workload == b->workload && a->params.seed == b->params.seed &&
           a->params.threads == b->params.threads && a->params.scale == b->params.scale &&
           a->params.depth == b->params.depth && strcmp(a->params.input, b->params.input) == 0;
}

bool lab_case_is(const lab_case *one, const char *name)
{
    return strcmp(one->backend, name) == 0 || strcmp(lab_case_mode(one), name) == 0;
}

size_t lab_plan_against(const lab_plan *plan, size_t index, const char *name)
{
    const lab_case *one = &plan->cases[index];
    bool of_backend = lab_backend_find(name) != NULL || strcmp(name, "go") == 0;
    size_t found = plan->count;

    for (size_t i = 0; i < plan->count; i++) {
        const lab_case *other = &plan->cases[i];
        bool is = of_backend
                      ? strcmp(other->backend, name) == 0
                      : strcmp(other->backend, one->backend) == 0 && lab_case_is(other, name);

        /* where the other has several percents, that of this case, or the first */
        if (is && i != index && lab_case_same_work(one, other) &&
            one->params.pools == other->params.pools &&
            (found == plan->count || other->params.percent == one->params.percent)) {
            found = i;
        }
    }
    return lab_case_is(one, name) ? plan->count : found;
}

const char *lab_case_mode(const lab_case *one)
{
    if ((one->backend_traits & LAB_HAS_MODE) == 0) {
        return "";
    }
    if ((one->backend_traits & LAB_HAS_MODES) != 0) {
        static const char *const names[] = {"off", "stop", "concurrent", "incremental"};
        return names[one->params.mode];
    }
    return !one->params.collect ? "off" : strcmp(one->backend, "go") == 0 ? "concurrent" : "stop";
}

void lab_case_name(const lab_case *one, char *text, size_t size)
{
    snprintf(text, size, "%s on %s%s%s%s", one->workload->name, one->label,
             (one->workload->traits & LAB_HAS_POOLS) == 0 ? ""
             : one->params.pools                          ? ", pools on"
                                                          : ", pools off",
             one->params.collect ? "" : ", mode off",
             one->params.unobserved  ? ", not observed"
             : one->params.returning ? ", memory returned"
             : one->params.resident  ? ", memory kept"
                                     : "");
}
