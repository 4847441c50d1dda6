/* options.c -- reading the options: each refusal names the value, what is allowed, and a value
 * that would do. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool number_read(const char *text, int64_t least, int64_t most, int64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *number >= least && *number <= most;
}

bool lab_size_read(const char *text, uint64_t *bytes)
{
    static const char units[] = "kmgt";
    char *end;
    double size = strtod(text, &end);
    const char *unit;

    if (end == text || text[0] == '-' || !isfinite(size)) {
        return false;
    }
    unit = *end != '\0' ? strchr(units, *end | 0x20) : NULL;
    if (unit != NULL) {
        size *= (double)(UINT64_C(1) << (10 * (unit - units + 1)));
        end++;
        if (*end == 'i') {
            end++;
        }
    }
    if (*end == 'b' || *end == 'B') {
        end++;
    }
    *bytes = (uint64_t)size;
    return *end == '\0' && size >= 1 && size < 0x1p62;
}

/* Cuts "a,b,c" into words. Empty words are left for the reader of each to refuse. */
static int words_cut(lab_options *options, const char *name, const char *value, lab_words *words)
{
    char *rest;

    words->count = 0;
    if (strlen(value) >= sizeof words->text) {
        return refuse(options, "--%s: a list of %zu characters is longer than %zu", name,
                      strlen(value), sizeof words->text - 1);
    }
    strcpy(words->text, value);
    for (rest = words->text; rest != NULL;) {
        if (words->count == LAB_LIST_MAX) {
            return refuse(options, "--%s %s: more than %d values", name, value, LAB_LIST_MAX);
        }
        words->word[words->count++] = strsep(&rest, ",");
    }
    return 0;
}

/* A word that stands for a number: --percent off. */
struct word {
    const char *word;
    int32_t value;
};

static bool word_read(const struct word *words, const char *text, int32_t *value)
{
    for (; words != NULL && words->word != NULL; words++) {
        if (strcmp(words->word, text) == 0) {
            *value = words->value;
            return true;
        }
    }
    return false;
}

/* What a list's values may be; `allowed` says it to people. */
struct range {
    const char *name;
    const struct word *words;
    int64_t least, most; /* none where least > most */
    const char *allowed;
};

static int list_read(lab_options *options, const struct range *range, const char *value,
                     lab_numbers *list)
{
    lab_words words;

    list->count = 0;
    if (words_cut(options, range->name, value, &words) != 0) {
        return -1;
    }
    for (int i = 0; i < words.count; i++) {
        int32_t read;
        int64_t number = 0;

        if (!word_read(range->words, words.word[i], &read)) {
            if (!number_read(words.word[i], range->least, range->most, &number)) {
                return refuse(options, "--%s %s: '%s' is not allowed; %s", range->name, value,
                              words.word[i], range->allowed);
            }
            read = (int32_t)number;
        }
        for (int j = 0; j < list->count; j++) {
            if (list->value[j] == read) {
                return refuse(options, "--%s %s: '%s' stands there twice; leave one out",
                              range->name, value, words.word[i]);
            }
        }
        list->value[list->count++] = read;
    }
    return 0;
}

static int set_backend(lab_options *options, const char *value)
{
    options->backend_given = true;
    return words_cut(options, "backend", value, &options->backend);
}

static int set_mode(lab_options *options, const char *value)
{
    static const struct word words[] = {{"stop", LAB_MODE_STOP},
                                        {"off", LAB_MODE_OFF},
                                        {"concurrent", LAB_MODE_CONCURRENT},
                                        {"incremental", LAB_MODE_INCREMENTAL},
                                        {NULL, 0}};
    static const struct range range = {"mode", words, 1, 0,
                                       "allowed are stop, off, concurrent and incremental; for "
                                       "example --mode stop,concurrent"};

    options->mode_given = true;
    return list_read(options, &range, value, &options->mode);
}

static int set_percent(lab_options *options, const char *value)
{
    static const struct word words[] = {{"off", LAB_PERCENT_OFF}, {NULL, 0}};
    static const struct range range = {
        "percent", words, 0, 100000,
        "allowed are 0 to 100000 and off; for example --percent 50,100,200"};

    return list_read(options, &range, value, &options->percent);
}

static int set_pools(lab_options *options, const char *value)
{
    static const struct word words[] = {{"on", 1}, {"off", 0}, {NULL, 0}};
    static const struct range range = {"pools", words, 1, 0,
                                       "allowed are on, off and both; for example --pools both"};

    return list_read(options, &range, strcmp(value, "both") == 0 ? "off,on" : value,
                     &options->pools);
}

static int set_threads(lab_options *options, const char *value)
{
    static const struct range range = {"threads", NULL, 1, LAB_THREADS_MAX,
                                       "allowed are 1 to 64; for example --threads 2"};

    return list_read(options, &range, value, &options->threads);
}

static int set_depth(lab_options *options, const char *value)
{
    static const struct range range = {"depth", NULL, 1, LAB_DEPTH_MAX,
                                       "allowed are 1 to 14; for example --depth 10"};

    return list_read(options, &range, value, &options->depth);
}

static int set_runs(lab_options *options, const char *value)
{
    int64_t number;

    if (!number_read(value, 1, LAB_RUNS_MAX, &number)) {
        return refuse(options, "--runs %s: allowed are 1 to %d; for example --runs 5", value,
                      LAB_RUNS_MAX);
    }
    options->runs = (int)number;
    return 0;
}

static int set_scale(lab_options *options, const char *value)
{
    int64_t number;

    if (!number_read(value, 1, LAB_SCALE_MAX, &number)) {
        return refuse(options,
                      "--scale %s: allowed are 1 to %d, in percent of the usual work; for example "
                      "--scale 10",
                      value, LAB_SCALE_MAX);
    }
    options->scale = (int)number;
    return 0;
}

static int set_seed(lab_options *options, const char *value)
{
    int64_t number;

    if (!number_read(value, 0, INT64_MAX, &number)) {
        return refuse(options,
                      "--seed %s: allowed are whole numbers from 0 to 2^63 - 1; for example "
                      "--seed 1",
                      value);
    }
    options->seed = (uint64_t)number;
    return 0;
}

/* "50%" */
static bool percent_read(const char *text, int least, int most, int *percent)
{
    char digits[16];
    size_t length = strlen(text);
    int64_t number;

    if (length < 2 || length > sizeof digits || text[length - 1] != '%') {
        return false;
    }
    memcpy(digits, text, length - 1);
    digits[length - 1] = '\0';
    if (!number_read(digits, least, most, &number)) {
        return false;
    }
    *percent = (int)number;
    return true;
}

static int set_limit(lab_options *options, const char *value)
{
    if (!percent_read(value, 101, 10000, &options->limit_percent) &&
        !lab_size_read(value, &options->limit_bytes)) {
        return refuse(options,
                      "--limit %s: a size is a number with or without k, M or G, or 101%% to "
                      "10000%% of what is alive; for example --limit 512M",
                      value);
    }
    return 0;
}

static int set_rate(lab_options *options, const char *value)
{
    char *end;

    if (percent_read(value, 1, 100, &options->rate_percent)) {
        return 0;
    }
    options->rate = strtod(value, &end);
    if (end == value || *end != '\0' || !(options->rate >= 1 && options->rate <= 1e9)) {
        return refuse(options,
                      "--rate %s: allowed are 1 to 1e9 requests a second, or 1%% to 100%% of what "
                      "malloc serves; for example --rate 20000",
                      value);
    }
    return 0;
}

static int set_input(lab_options *options, const char *value)
{
    if (strlen(value) >= sizeof((lab_params *)0)->input) {
        return refuse(options, "--input: a name of %zu characters is longer than %zu",
                      strlen(value), sizeof((lab_params *)0)->input - 1);
    }
    if (value[0] == '\0') {
        return refuse(options, "--input '': a file's name is wanted; leave the option out for a "
                               "generated log");
    }
    options->input = value;
    return 0;
}

static int set_json(lab_options *options, const char *value)
{
    if (value[0] == '\0') {
        return refuse(options, "--json '': a file's name is wanted, or - for standard output");
    }
    options->json = value;
    return 0;
}

static int set_quick(lab_options *options, const char *value)
{
    (void)value;
    options->quick = true;
    return 0;
}

static int set_against(lab_options *options, const char *value)
{
    options->against = value;
    return 0;
}

static int set_delays(lab_options *options, const char *value)
{
    (void)value;
    options->delays = true;
    return 0;
}

static int set_mmu(lab_options *options, const char *value)
{
    (void)value;
    options->mmu = true;
    return 0;
}

static int set_help(lab_options *options, const char *value)
{
    (void)value;
    options->help = true;
    return 0;
}

#define LAB_ALL (LAB_RUN | LAB_COMPARE | LAB_OBSERVE | LAB_CLAIMS)

static const struct setting {
    const char *name;
    int argument; /* required_argument or no_argument */
    unsigned commands;
    int (*set)(lab_options *options, const char *value);
} settings[] = {
    {"backend", required_argument, LAB_RUN | LAB_COMPARE | LAB_CLAIMS, set_backend},
    {"mode", required_argument, LAB_RUN | LAB_OBSERVE | LAB_CLAIMS, set_mode},
    {"percent", required_argument, LAB_ALL, set_percent},
    {"limit", required_argument, LAB_ALL, set_limit},
    {"pools", required_argument, LAB_RUN | LAB_OBSERVE, set_pools},
    {"threads", required_argument, LAB_ALL, set_threads},
    {"runs", required_argument, LAB_ALL, set_runs},
    {"seed", required_argument, LAB_ALL, set_seed},
    {"depth", required_argument, LAB_RUN | LAB_OBSERVE, set_depth},
    {"rate", required_argument, LAB_ALL, set_rate},
    {"scale", required_argument, LAB_ALL, set_scale},
    {"input", required_argument, LAB_ALL, set_input},
    {"json", required_argument, LAB_ALL, set_json},
    {"against", required_argument, LAB_RUN, set_against},
    {"delays", no_argument, LAB_RUN | LAB_COMPARE, set_delays},
    {"mmu", no_argument, LAB_RUN, set_mmu},
    {"quick", no_argument, LAB_COMPARE, set_quick},
    {"help", no_argument, LAB_ALL, set_help},
};

#define SETTINGS (sizeof settings / sizeof settings[0])

static const char *command_name(unsigned command)
{
    return command == LAB_RUN       ? "run"
           : command == LAB_COMPARE ? "compare"
           : command == LAB_CLAIMS  ? "claims"
                                    : "observe";
}

/* The arguments that are no options. */
static int operands_read(lab_options *options, int argc, char **argv)
{
    lab_words *words = &options->workload;
    size_t used = 0;

    if (options->command == LAB_COMPARE && argc > 0) {
        return refuse(options,
                      "'%s': compare takes no workload, it runs buffers, responses and logs; "
                      "for others see lull-lab run",
                      argv[0]);
    }
    if (options->command == LAB_CLAIMS && argc > 0) {
        return refuse(
            options,
            "'%s': claims takes no workload, it runs those that the claims are about; for "
            "others see lull-lab run",
            argv[0]);
    }
    for (int i = 0; i < argc; i++) {
        size_t bytes = strlen(argv[i]) + 1;

        if (words->count == LAB_LIST_MAX || used + bytes > sizeof words->text) {
            return refuse(options, "more than %d workloads", LAB_LIST_MAX);
        }
        words->word[words->count++] = strcpy(words->text + used, argv[i]);
        used += bytes;
    }
    return 0;
}

/* What getopt_long found wrong with the argument it has just read. */
static int refuse_argument(lab_options *options, int found, char **argv)
{
    const char *argument = argv[optind - 1];

    if (found == ':') {
        return refuse(options, "%s wants a value; see lull-lab help %s", argument,
                      command_name(options->command));
    }
    return refuse(options, "'%s' is no option of %s, or not in this form; see lull-lab help %s",
                  argument, command_name(options->command), command_name(options->command));
}

int lab_options_read(lab_options *options, unsigned command, int argc, char **argv)
{
    struct option table[SETTINGS + 1] = {{NULL, 0, NULL, 0}};
    int entry[SETTINGS];
    int found, index, count = 0;

    *options = (lab_options){.command = command, .seed = 1};
    for (size_t i = 0; i < SETTINGS; i++) {
        if ((settings[i].commands & command) != 0) {
            table[count] = (struct option){settings[i].name, settings[i].argument, NULL, 1};
            entry[count++] = (int)i;
        }
    }
    opterr = 0;
    optind = 0; /* glibc and musl: begin afresh */
    while ((found = getopt_long(argc, argv, ":h", table, &index)) != -1) {
        if (found == 'h') {
            options->help = true;
        } else if (found != 1) {
            return refuse_argument(options, found, argv);
        } else if (settings[entry[index]].set(options, optarg) != 0) {
            return -1;
        }
    }
    return operands_read(options, argc - optind, argv + optind);
}
