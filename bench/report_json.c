/* report_json.c -- the runs as JSON, through jansson; the schema stands in doc/lab.md.
 *
 * What is unknown is null. Times in the document are in the unit their names say, fractions
 * kept; counts are integers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <lull/pool.h>
#include <lull/stats.h>

#include "claims.h"
#include "compare.h"
#include "field.h"
#include "mmu.h"
#include "peer.h"
#include "report.h"

const char *lab_json_missing(void)
{
    return NULL;
}

int lab_json_check(const char *path)
{
    FILE *file;

    if (strcmp(path, "-") == 0) {
        return 0;
    }
    file = fopen(path, "a"); /* what stands there stays until there is something better */
    return file == NULL ? -1 : fclose(file);
}

/* Every constructor of jansson returns NULL without memory, and every setter takes that for an
 * error: checked once, where all comes together. */
static bool complete = true;

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        complete = false;
    }
}

static void set_integer(json_t *object, const char *key, int64_t value)
{
    set(object, key, value < 0 ? json_null() : json_integer(value));
}

/* `value` in units of `unit`: nanoseconds as milliseconds, say. */
static void set_real(json_t *object, const char *key, double value, double unit)
{
    set(object, key, value < 0 ? json_null() : json_real(value / unit));
}

static void set_text(json_t *object, const char *key, const char *value)
{
    set(object, key, value[0] == '\0' ? json_null() : json_string(value));
}

static json_t *distribution(const lab_distribution *d)
{
    json_t *object;

    if (d->count < 0) {
        return json_null();
    }
    object = json_object();
    set_integer(object, "count", d->count);
    set_real(object, "p50", d->count == 0 ? -1 : (double)d->p50_ns, 1e3);
    set_real(object, "p90", d->count == 0 ? -1 : (double)d->p90_ns, 1e3);
    set_real(object, "p99", d->count == 0 ? -1 : (double)d->p99_ns, 1e3);
    set_real(object, "p999", d->count == 0 ? -1 : (double)d->p999_ns, 1e3);
    set_real(object, "max", d->count == 0 ? -1 : (double)d->max_ns, 1e3);
    set_real(object, "sum", (double)d->sum_ns, 1e3);
    return object;
}

/* Each kind of pause by its name. */
static json_t *delays(const lab_result *result)
{
    json_t *object;

    if (result->delay[0].count < 0) {
        return json_null();
    }
    object = json_object();
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        set(object, lull_pause_kind_name((lull_pause_kind)kind),
            distribution(&result->delay[kind]));
    }
    return object;
}

/* Of the thread that was delayed longest in all: each kind's sum. */
static json_t *thread_delays(const lab_result *result)
{
    json_t *object;

    if (result->thread_delay_ns[0] < 0) {
        return json_null();
    }
    object = json_object();
    for (int kind = 0; kind < LAB_DELAYS; kind++) {
        set_real(object, lull_pause_kind_name((lull_pause_kind)kind),
                 (double)result->thread_delay_ns[kind], 1e3);
    }
    return object;
}

/* The part of each window, from 0 to 1, by its length in milliseconds. */
static json_t *mmu(const lab_result *result, const int64_t *ppm)
{
    json_t *object;

    if (result->mmu_dropped != 0 || (ppm == result->mmu_cpu_ppm && ppm[0] == LAB_UNKNOWN)) {
        return json_null();
    }
    object = json_object();
    for (int i = 0; i < LAB_WINDOWS; i++) {
        char key[16];

        snprintf(key, sizeof key, "%d", lab_mmu_window_ms[i]);
        set_real(object, key, (double)ppm[i], 1e6);
    }
    return object;
}

static json_t *pool(const lab_pool_counts *counts)
{
    json_t *object;

    if (counts->gets < 0) {
        return json_null();
    }
    object = json_object();
    set_integer(object, "gets", counts->gets);
    set_integer(object, "hits", counts->hits);
    set_integer(object, "misses", counts->misses);
    set_integer(object, "puts", counts->puts);
    set_integer(object, "drops", counts->drops);
    return object;
}

static json_t *pool_row(const lab_pool_row *row)
{
    json_t *object = json_object(), *dropped = json_object();

    set_integer(object, "gets", row->gets);
    set_integer(object, "hits_magazine", row->hits_magazine);
    set_integer(object, "hits_depot", row->hits_depot);
    set_integer(object, "hits_steal", row->hits_steal);
    set_integer(object, "hits_victim", row->hits_victim);
    set_integer(object, "misses", row->misses);
    set_integer(object, "puts", row->puts);
    for (int why = 0; why < LAB_POOL_DROPS; why++) {
        set_integer(dropped, lull_pool_drop_name((lull_pool_drop)why), row->dropped[why]);
    }
    set(object, "dropped", dropped);
    set_integer(object, "idle", row->idle);
    set_integer(object, "idle_bytes", row->idle_bytes);
    set(object, "out", json_integer(row->out)); /* below 0 where others' objects were put */
    set_integer(object, "high_water", row->high_water);
    set_integer(object, "last_gets", row->last_gets);
    set_integer(object, "last_hits", row->last_hits);
    return object;
}

/* Each of lull's pools by its name. */
static json_t *pool_rows(const lab_result *result)
{
    json_t *object;

    if (result->pool_rows < 0) {
        return json_null();
    }
    object = json_object();
    for (int64_t i = 0; i < result->pool_rows; i++) {
        set(object, result->pool_row[i].name, pool_row(&result->pool_row[i]));
    }
    return object;
}

/* What was asked for. */
static void set_case(json_t *run, const lab_case *one)
{
    const lab_params *params = &one->params;
    unsigned backend = one->backend_traits, workload = one->workload->traits;

    set_text(run, "workload", one->workload->name);
    set_text(run, "backend", one->backend);
    set_text(run, "mode", lab_case_mode(one));
    set(run, "percent",
        (backend & LAB_HAS_PERCENT) == 0 || !params->collect ? json_null()
        : params->percent == LAB_PERCENT_OFF                 ? json_string("off")
                                                             : json_integer(params->percent));
    set(run, "limit_bytes",
        (backend & LAB_HAS_LIMIT) == 0 || params->limit_bytes == 0
            ? json_null()
            : json_integer((json_int_t)params->limit_bytes));
    set(run, "pools", (workload & LAB_HAS_POOLS) == 0 ? json_null() : json_boolean(params->pools));
    set(run, "returning", !params->resident ? json_null() : json_boolean(params->returning));
    set(run, "observed",
        strcmp(one->backend, "lull") != 0 ? json_null() : json_boolean(!params->unobserved));
    set_integer(run, "threads", params->threads);
    set(run, "depth", (workload & LAB_HAS_DEPTH) == 0 ? json_null() : json_integer(params->depth));
    set_integer(run, "scale", params->scale);
    set_integer(run, "seed", (int64_t)params->seed);
    set_text(run, "input", (workload & LAB_HAS_INPUT) == 0 ? "" : params->input);
}

static void set_result(json_t *run, const lab_record *record)
{
    const lab_result *result = &record->result;
    char checksum[32];

    set_real(run, "wall_ms", (double)result->wall_ns, 1e6);
    set_real(run, "cpu_ms", (double)result->cpu_ns, 1e6);
    set_real(run, "gc_cpu_ms", (double)result->gc_cpu_ns, 1e6);
    set_integer(run, "cycles", result->cycles);
    set_integer(run, "ops", result->ops);
    set_real(run, "ops_per_s", lab_field_throughput(record), 1);
    set_integer(run, "offered_per_s", result->offered_ops_s);
    set_integer(run, "peak_rss_bytes", result->peak_rss_bytes);
    set_integer(run, "resident_bytes", result->resident_bytes);
    set_integer(run, "returns", result->returns);
    set_integer(run, "live_bytes", result->live_bytes);
    set_integer(run, "allocated_bytes", result->allocated_bytes);
    set_integer(run, "allocated_objects", result->allocated_objects);
    set_real(run, "mark_ns_per_object", lab_field_mark(record), 1);
    set_real(run, "longest_us", (double)result->longest_ns, 1e3);
    set(run, "pause_us", distribution(&result->pause));
    set(run, "delay_us", delays(result));
    set(run, "thread_delay_us", thread_delays(result));
    set(run, "mmu", mmu(result, result->mmu_ppm));
    set(run, "mmu_cpu", mmu(result, result->mmu_cpu_ppm));
    set_integer(run, "mmu_dropped", result->mmu_dropped);
    set(run, "latency_us", distribution(&result->latency));
    set(run, "service_us", distribution(&result->service));
    set(run, "hiccup_us", distribution(&record->hiccup));
    set(run, "pool", pool(&result->pool));
    set(run, "pool_by_name", pool_rows(result));
    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)result->checksum);
    set_text(run, "checksum", checksum);
}

static json_t *runs_of(const lab_plan *plan)
{
    json_t *runs = json_array();

    for (int number = 1; number <= plan->runs; number++) {
        for (size_t i = 0; i < plan->count; i++) {
            const lab_record *record = lab_plan_record(plan, i, number);
            json_t *run = json_object();

            set_case(run, &plan->cases[i]);
            set_integer(run, "run", number);
            set_result(run, record);
            set_text(run, "error", record->ok ? "" : record->why);
            complete = json_array_append_new(runs, run) == 0 && complete;
        }
    }
    return runs;
}

static json_t *machine_of(const lab_machine *machine)
{
    json_t *object = json_object(), *backends = json_object();

    set_text(object, "cpu", machine->cpu);
    set_integer(object, "cores", machine->cores);
    set_integer(object, "memory_bytes", machine->memory_bytes);
    set_text(object, "system", machine->system);
    set_text(object, "arch", machine->arch);
    set_text(object, "libc", machine->libc);
    set_text(object, "compiler", machine->compiler);
    set_text(object, "huge_pages", machine->huge_pages);
    set_text(object, "preload", machine->preload);
    set_text(object, "date", machine->date);
    set_text(object, "lab", PACKAGE_VERSION);
    for (size_t i = 0; lab_backends[i] != NULL; i++) {
        set_text(backends, lab_backends[i]->name, lab_backends[i]->version());
    }
    if (lab_peer_get()->found) {
        set_text(backends, "go", lab_peer_get()->version);
    }
    set(object, "backends", backends);
    return object;
}

static json_t *comparison_of(const lab_comparison *comparison)
{
    json_t *list = json_array();

    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];

        for (int j = 0; j < LAB_ASPECTS; j++) {
            const lab_difference *difference = &pair->aspect[j].difference;
            json_t *one;

            if (!difference->known) {
                continue;
            }
            one = json_object();
            set_text(one, "workload", pair->off->workload->name);
            set_text(one, "backend", pair->off->backend);
            set_text(one, "figure", lab_aspect_key(j));
            set(one, "change", json_real(difference->mean));
            set(one, "low", difference->has_interval ? json_real(difference->low) : json_null());
            set(one, "high", difference->has_interval ? json_real(difference->high) : json_null());
            set(one, "noise",
                pair->aspect[j].noise < 0 ? json_null() : json_real(pair->aspect[j].noise));
            set(one, "real", json_boolean(pair->aspect[j].real));
            complete = json_array_append_new(list, one) == 0 && complete;
        }
    }
    return list;
}

/* The interval is of the change; of hits, of how much their share is beyond the one claimed. */
static json_t *claims_of(const lab_findings *findings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < findings->count; i++) {
        const lab_finding *finding = &findings->finding[i];
        const lab_difference *d = &finding->difference;
        json_t *one = json_object();

        set_text(one, "workload", finding->claim->workload);
        set_text(one, "backend", finding->without->backend);
        set_text(one, "mode", lab_case_mode(finding->without));
        set_text(one, "claim", finding->claim->key);
        set(one, "claimed", json_real(finding->claim->change));
        set_real(one, "without", finding->figure[0], 1);
        set_real(one, "with", finding->figure[1], 1);
        set(one, "change", d->known ? json_real(d->mean) : json_null());
        set(one, "low", d->has_interval ? json_real(d->low) : json_null());
        set(one, "high", d->has_interval ? json_real(d->high) : json_null());
        set(one, "noise", finding->noise < 0 ? json_null() : json_real(finding->noise));
        set(one, "gone", json_boolean(finding->gone));
        set_text(one, "verdict", lab_verdict_name(finding->verdict));
        complete = json_array_append_new(list, one) == 0 && complete;
    }
    return list;
}

int lab_json_write(const char *path, const lab_machine *machine, const lab_plan *plan,
                   const lab_comparison *comparison, const struct lab_findings *findings)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    json_t *document = json_object();
    int status = 0;

    if (file == NULL) {
        json_decref(document);
        return -1;
    }
    set(document, "machine", machine_of(machine));
    set(document, "runs", runs_of(plan));
    if (comparison != NULL) {
        set(document, "comparison", comparison_of(comparison));
    }
    if (findings != NULL) {
        set(document, "claims", claims_of(findings));
    }
    if (!complete) {
        errno = ENOMEM;
        status = -1;
    } else if (json_dumpf(document, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0 ||
               fputc('\n', file) == EOF || fflush(file) != 0) {
        status = -1;
    }
    if (file != stdout && fclose(file) != 0) {
        status = -1;
    }
    json_decref(document);
    return status;
}
