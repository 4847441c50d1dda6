/* conclude.c -- what the comparison says, in sentences made from its numbers alone. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "field.h"
#include "format.h"

/* A sentence in the making. */
struct sentence {
    char text[1200];
    size_t used;
};

static void say(struct sentence *sentence, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(sentence->text + sentence->used, sizeof sentence->text - sentence->used,
                       format, args);
    va_end(args);
    if (length > 0) {
        sentence->used += (size_t)length;
        if (sentence->used >= sizeof sentence->text) {
            sentence->used = sizeof sentence->text - 1;
        }
    }
}

static void print(const struct sentence *sentence, const lab_style *style)
{
    if (sentence->used != 0) {
        fputs("- ", style->out);
        lab_print_wrapped(style, 2, sentence->text);
    }
}

static const lab_pair *find_pair(const lab_comparison *comparison, const char *backend,
                                 const lab_workload *workload)
{
    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];

        if (strcmp(pair->off->backend, backend) == 0 && pair->off->workload == workload) {
            return pair;
        }
    }
    return NULL;
}

/* Whether the pair is the first of its backend. */
static bool is_first(const lab_comparison *comparison, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(comparison->pair[i].off->backend, comparison->pair[index].off->backend) == 0) {
            return false;
        }
    }
    return true;
}

/* Which way a pair's throughput went. */
enum way { RAISED, LOWERED, NOISE, WAYS };

static enum way way_of(const lab_pair *pair)
{
    const lab_aspect *aspect = &pair->aspect[LAB_THROUGHPUT];

    return !aspect->real ? NOISE : aspect->difference.mean > 0 ? RAISED : LOWERED;
}

/* "buffers by 98 %" or, where it went neither way, "buffers". */
static void say_workload(struct sentence *sentence, const lab_pair *pair, enum way way,
                         const lab_style *style)
{
    double mean = pair->aspect[LAB_THROUGHPUT].difference.mean;
    char change[LAB_FIGURE];
    const char *figure = lab_format_change(change, style, mean);
    size_t sign = strcspn(figure, "0123456789");

    say(sentence, "%s", pair->off->workload->name);
    if (way != NOISE && mean >= 2) {
        say(sentence, " to %s times", figure + sign);
    } else if (way != NOISE) {
        say(sentence, " by %s", figure + sign);
    }
}

/* The backend's pairs whose throughput went that way; returns how many. */
static size_t find_pairs(const lab_comparison *comparison, const lab_case *backend, enum way way,
                         const lab_pair **found)
{
    size_t count = 0;

    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];

        if (strcmp(pair->off->backend, backend->backend) == 0 && way_of(pair) == way &&
            pair->aspect[LAB_THROUGHPUT].difference.known) {
            found[count++] = pair;
        }
    }
    return count;
}

/* What reuse did to the CPU that one backend's workloads took, where that is beyond noise. */
static void say_cpu(struct sentence *sentence, const lab_comparison *comparison,
                    const lab_case *backend, const lab_style *style)
{
    const char *before = " The CPU that the same work took changed by";

    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];
        const lab_aspect *cpu = &pair->aspect[LAB_CPU];
        char change[LAB_FIGURE];

        if (strcmp(pair->off->backend, backend->backend) == 0 && cpu->real) {
            say(sentence, "%s %s in %s", before,
                lab_format_change(change, style, cpu->difference.mean), pair->off->workload->name);
            before = ",";
        }
    }
    if (before[0] == ',') {
        say(sentence, ".");
    }
}

/* What reuse did to the throughput of one backend's workloads. */
static void conclude_backend(const lab_comparison *comparison, const lab_case *backend,
                             const lab_style *style)
{
    static const char *const verb[WAYS] = {
        [RAISED] = "raised", [LOWERED] = "lowered", [NOISE] = "made no difference beyond noise to"};
    const lab_pair *pair[LAB_PAIRS_MAX];
    struct sentence sentence = {.used = 0};
    bool first = true;

    say(&sentence, "On %s, reuse", backend->label);
    for (int way = 0; way < WAYS; way++) {
        size_t count = find_pairs(comparison, backend, (enum way)way, pair);

        if (count == 0) {
            continue;
        }
        say(&sentence, "%s %s %s of ", first ? "" : "; it", verb[way],
            first ? "the throughput" : "that");
        for (size_t i = 0; i < count; i++) {
            say(&sentence, "%s", i == 0 ? "" : i + 1 == count ? " and " : ", ");
            say_workload(&sentence, pair[i], (enum way)way, style);
        }
        first = false;
    }
    say(&sentence, ".");
    say_cpu(&sentence, comparison, backend, style);
    if (!first) {
        print(&sentence, style);
    }
}

/* How long the threads of one collector were held at the longest, without pools and with. */
static void conclude_pauses(const lab_comparison *comparison, const lab_case *backend,
                            const lab_style *style)
{
    struct sentence sentence = {.used = 0};
    char off[LAB_FIGURE], on[LAB_FIGURE];

    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *pair = &comparison->pair[i];
        lab_spread without, with;

        if (strcmp(pair->off->backend, backend->backend) != 0) {
            continue;
        }
        without = lab_field_spread(comparison->plan, pair->off_index, lab_field_pause_max);
        with = lab_field_spread(comparison->plan, pair->on_index, lab_field_pause_max);
        if (without.count == 0) {
            continue;
        }
        if (sentence.used == 0) {
            say(&sentence, "The longest pause on %s, without reuse and with it:", backend->label);
        } else {
            say(&sentence, ",");
        }
        say(&sentence, " %s and %s in %s", lab_format_time(off, style, without.greatest),
            with.count == 0 ? "none" : lab_format_time(on, style, with.greatest),
            pair->off->workload->name);
    }
    if (sentence.used != 0) {
        say(&sentence, ".");
        print(&sentence, style);
    }
}

/* How lull's throughput stands to another backend's in one workload: paired as with and without
 * pools are. False where nothing is known. */
static bool against(const lab_comparison *comparison, const lab_pair *lull, const char *other,
                    bool pools, lab_difference *difference, bool *real)
{
    const lab_pair *peer = find_pair(comparison, other, lull->off->workload);
    double ours[LAB_RUNS_MAX], theirs[LAB_RUNS_MAX];
    size_t runs = (size_t)comparison->plan->runs;

    if (strcmp(lull->off->backend, "lull") != 0 || peer == NULL) {
        return false;
    }
    lab_plan_values(comparison->plan, pools ? lull->on_index : lull->off_index,
                    lab_field_throughput, ours);
    lab_plan_values(comparison->plan, pools ? peer->on_index : peer->off_index,
                    lab_field_throughput, theirs);
    *difference = lab_sample_compare(theirs, ours, runs);
    *real = lab_difference_is_real(difference, lab_sample_noise(theirs, runs));
    return difference->known;
}

/* "a, b and c". */
static void say_list(struct sentence *sentence, const char *const *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say(sentence, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", name[i]);
    }
}

/* lull beside another backend: the ratio of throughputs in all workloads that both have. */
static void conclude_against(const lab_comparison *comparison, const lab_case *other, bool pools,
                             const lab_style *style)
{
    struct sentence sentence = {.used = 0};
    const char *noise[LAB_PAIRS_MAX];
    size_t noises = 0;
    bool first = true, real;

    say(&sentence, "%s pools, the throughput of lull is", pools ? "With" : "Without");
    for (size_t i = 0; i < comparison->count; i++) {
        const lab_pair *lull = &comparison->pair[i];
        lab_difference difference;

        if (!against(comparison, lull, other->backend, pools, &difference, &real)) {
            continue;
        }
        if (!real) {
            noise[noises++] = lull->off->workload->name;
            continue;
        }
        say(&sentence, "%s %.2f times ", first ? "" : ",", 1 + difference.mean);
        if (first) {
            say(&sentence, "that of %s ", other->label);
        }
        say(&sentence, "in %s", lull->off->workload->name);
        first = false;
    }
    if (noises != 0) {
        say(&sentence,
            first ? " that of %s, within noise, in " : "; within noise %s is as fast in ",
            other->label);
        say_list(&sentence, noise, noises);
    }
    say(&sentence, ".");
    if (!first || noises != 0) {
        print(&sentence, style);
    }
}

static void conclude_control(const lab_comparison *comparison, const lab_style *style)
{
    struct sentence sentence = {.used = 0};
    char p99[LAB_FIGURE], max[LAB_FIGURE];

    if (comparison->hiccup.count <= 0) {
        return;
    }
    say(&sentence,
        "Control: in the same runs an idle thread woke up to %s late (%s at the 99th percentile "
        "of a run); longest pauses that differ by less than that are equal.",
        lab_format_time(max, style, (double)comparison->hiccup.max_ns),
        lab_format_time(p99, style, (double)comparison->hiccup.p99_ns));
    print(&sentence, style);
}

void lab_conclude(const lab_comparison *comparison, const lab_style *style)
{
    for (size_t i = 0; i < comparison->count; i++) {
        if (is_first(comparison, i)) {
            conclude_backend(comparison, comparison->pair[i].off, style);
            conclude_pauses(comparison, comparison->pair[i].off, style);
        }
    }
    for (size_t i = 0; i < comparison->count; i++) {
        const lab_case *one = comparison->pair[i].off;

        if (is_first(comparison, i) && strcmp(one->backend, "lull") != 0) {
            conclude_against(comparison, one, false, style);
            conclude_against(comparison, one, true, style);
        }
    }
    conclude_control(comparison, style);
}
