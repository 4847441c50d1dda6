/* main.c -- lull-lab: the commands. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "child.h"
#include "claims.h"
#include "compare.h"
#include "execute.h"
#include "help.h"
#include "input.h"
#include "report.h"

#define EXIT_USAGE 2

#define COMPARE_RUNS 5
#define COMPARE_SCALE 30
#define QUICK_RUNS 3
#define QUICK_SCALE 5

static int usage_error(const char *command, const char *why)
{
    fprintf(stderr, "lull-lab%s%s: %s\n", command[0] == '\0' ? "" : " ", command, why);
    return EXIT_USAGE;
}

/* What can be refused before any time is spent. */
static int check_files(const lab_options *options, char *why, size_t size)
{
    char reason[256];

    if (options->input != NULL && lab_input_check(options->input, reason, sizeof reason) != 0) {
        snprintf(why, size, "--input %.200s: %s", options->input, reason);
        return -1;
    }
    if (options->json != NULL && lab_json_missing() != NULL) {
        snprintf(why, size, "--json %.200s: %s", options->json, lab_json_missing());
        return -1;
    }
    if (options->json != NULL && lab_json_check(options->json) != 0) {
        snprintf(why, size, "--json %.200s: cannot write it: %s", options->json, strerror(errno));
        return -1;
    }
    return 0;
}

/* Whether --input is for one of the workloads, and one that they can use. */
static int check_input_use(const lab_plan *plan, const lab_options *options, char *why, size_t size)
{
    bool used = false;

    for (size_t i = 0; options->input != NULL && i < plan->count; i++) {
        const lab_workload *workload = plan->cases[i].workload;
        char reason[256];
        lab_log log;

        used = used || (workload->traits & LAB_HAS_INPUT) != 0;
        if (strcmp(workload->name, "logs") == 0) {
            if (lab_log_read(options->input, &log, reason, sizeof reason) != 0) {
                snprintf(why, size, "--input %.200s: %s", options->input, reason);
                return -1;
            }
            lab_log_free(&log);
            return 0;
        }
    }
    if (options->input != NULL && !used) {
        snprintf(why, size, "--input %.200s: none of the workloads reads a file; logs and json do",
                 options->input);
        return -1;
    }
    return 0;
}

static int write_json(const lab_options *options, const lab_machine *machine, const lab_plan *plan,
                      const lab_comparison *comparison, const lab_findings *findings)
{
    if (options->json == NULL) {
        return 0;
    }
    if (lab_json_write(options->json, machine, plan, comparison, findings) != 0) {
        fprintf(stderr, "lull-lab: cannot write %s: %s\n", options->json, strerror(errno));
        return 1;
    }
    return 0;
}

/* Where JSON goes to standard output, people are told on the other stream. */
static lab_style people_style(const lab_options *options)
{
    bool stdout_taken = options->json != NULL && strcmp(options->json, "-") == 0;

    return lab_style_of(stdout_taken ? stderr : stdout);
}

static void print_input(const lab_options *options, const lab_style *style)
{
    lab_log log;
    char why[256], text[1500];

    if (options->input != NULL && lab_log_read(options->input, &log, why, sizeof why) == 0) {
        snprintf(text, sizeof text,
                 "Input of logs: %s, %zu lines in the first %.1f MiB, over and over.",
                 options->input, log.lines, (double)log.bytes / 0x1p20);
        lab_print_wrapped(style, 0, text);
        lab_log_free(&log);
    }
}

static bool has_workload(const lab_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->cases[i].workload->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads the options and makes the plan; -1 where all is well, the exit status otherwise. */
static int prepare(lab_options *options, lab_plan *plan, const char *command)
{
    char why[512];

    if ((options->command == LAB_CLAIMS ? lab_claims_plan(plan, options)
                                        : lab_plan_make(plan, options)) != 0) {
        return usage_error(command, options->error);
    }
    if (check_files(options, why, sizeof why) != 0 ||
        check_input_use(plan, options, why, sizeof why) != 0) {
        lab_plan_free(plan);
        return usage_error(command, why);
    }
    return -1;
}

/* The second table is for whoever asked for it, or chose among modes or backends. */
static bool wants_delays(const lab_options *options)
{
    return options->delays || options->mode_given || options->backend_given;
}

/* What the runs of `run` or `observe` found. */
static void report(const lab_plan *plan, const lab_options *options, const lab_machine *machine)
{
    lab_style style = people_style(options);

    lab_report_machine(machine, &style);
    if (has_workload(plan, "logs")) {
        print_input(options, &style);
    }
    if (options->command == LAB_OBSERVE) {
        lab_report_observe(plan, &style);
        return;
    }
    lab_report_run(plan, &style);
    lab_report_limits(plan, machine, &style);
    if (options->against != NULL) {
        lab_report_against(plan, options->against, &style);
    }
    if (wants_delays(options)) {
        lab_report_delays(plan, &style);
    }
    lab_report_pools(plan, &style);
    if (options->mmu) {
        lab_report_mmu(plan, &style);
    }
}

static int command_run(unsigned id, const char *name, int argc, char **argv)
{
    lab_options options;
    lab_machine machine;
    lab_plan plan;
    int status;

    if (lab_options_read(&options, id, argc, argv) != 0) {
        return usage_error(name, options.error);
    }
    if (options.help) {
        return lab_help(name);
    }
    status = prepare(&options, &plan, name);
    if (status >= 0) {
        return status;
    }
    lab_machine_read(&machine);
    status = lab_execute(&plan);
    if (status < 128) {
        report(&plan, &options, &machine);
        status |= write_json(&options, &machine, &plan, NULL, NULL);
    }
    lab_plan_free(&plan);
    return status;
}

/* The matrix that is compared: given backends or the C ones, pools off and on. */
static void set_comparison(lab_options *options)
{
    static const char *const workloads[] = {"buffers", "responses", "logs"};
    lab_words *backend = &options->backend;

    options->workload.count = 0;
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        options->workload.word[options->workload.count++] = workloads[i];
    }
    for (size_t i = 0; options->backend.text[0] == '\0' && lab_backends[i] != NULL; i++) {
        backend->word[backend->count++] = lab_backends[i]->name;
    }
    options->pools = (lab_numbers){{0, 1}, 2};
    if (options->runs == 0) {
        options->runs = options->quick ? QUICK_RUNS : COMPARE_RUNS;
    }
    if (options->scale == 0) {
        options->scale = options->quick ? QUICK_SCALE : COMPARE_SCALE;
    }
}

/* A comparison varies nothing but pools, or what a claim is about. */
static const char *varied(const lab_options *options)
{
    return options->mode.count > 1      ? "--mode"
           : options->percent.count > 1 ? "--percent"
           : options->threads.count > 1 ? "--threads"
                                        : NULL;
}

static void report_comparison(const lab_plan *plan, const lab_comparison *comparison,
                              const lab_machine *machine, const lab_options *options)
{
    lab_style style = people_style(options);
    const lab_params *params = &plan->cases[0].params;
    char text[256];

    lab_report_machine(machine, &style);
    if (options->input != NULL) {
        print_input(options, &style);
    }
    fputc('\n', style.out);
    lab_compare_print(comparison, &style);
    snprintf(text, sizeof text,
             "%d runs of each, in turn, on %d thread%s, seed %llu. Figures are medians, max is of "
             "all runs; in parentheses the 95 %% confidence interval of the difference.",
             plan->runs, (int)params->threads, params->threads == 1 ? "" : "s",
             (unsigned long long)params->seed);
    fprintf(style.out, "\n%s", style.dim);
    lab_print_wrapped(&style, 0, text);
    fprintf(style.out, "%s\n", style.plain);
    lab_conclude(comparison, &style);
    if (options->delays) {
        lab_report_delays(plan, &style);
    }
}

/* The options of a comparison; -1 where they will do, the exit status otherwise. */
static int read_comparison(lab_options *options, unsigned id, const char *name, int argc,
                           char **argv)
{
    if (lab_options_read(options, id, argc, argv) != 0) {
        return usage_error(name, options->error);
    }
    if (options->help) {
        return lab_help(name);
    }
    if (varied(options) != NULL) {
        snprintf(options->error, sizeof options->error,
                 "%s: one value is wanted here; lists are for lull-lab run", varied(options));
        return usage_error(name, options->error);
    }
    return -1;
}

static int command_compare(int argc, char **argv)
{
    lab_comparison comparison;
    lab_options options;
    lab_machine machine;
    lab_plan plan;
    int status;

    status = read_comparison(&options, LAB_COMPARE, "compare", argc, argv);
    if (status >= 0) {
        return status;
    }
    set_comparison(&options);
    status = prepare(&options, &plan, "compare");
    if (status >= 0) {
        return status;
    }
    lab_machine_read(&machine);
    status = lab_execute(&plan);
    if (status < 128) {
        lab_compare(&plan, &comparison);
        report_comparison(&plan, &comparison, &machine, &options);
        status |= write_json(&options, &machine, &plan, &comparison, NULL);
    }
    lab_plan_free(&plan);
    return status;
}

static int command_claims(int argc, char **argv)
{
    lab_findings findings;
    lab_options options;
    lab_machine machine;
    lab_style style;
    lab_plan plan;
    int status = read_comparison(&options, LAB_CLAIMS, "claims", argc, argv);

    if (status >= 0) {
        return status;
    }
    lab_claims_options(&options);
    status = prepare(&options, &plan, "claims");
    if (status >= 0) {
        return status;
    }
    style = people_style(&options);
    lab_machine_read(&machine);
    lab_report_machine(&machine, &style);
    print_input(&options, &style);
    lab_claims_announce(&plan, &style);
    status = lab_execute(&plan);
    if (status < 128) {
        lab_claims_find(&plan, &findings);
        lab_claims_print(&findings, &style);
        status |= write_json(&options, &machine, &plan, NULL, &findings);
    }
    lab_plan_free(&plan);
    return status;
}

static int command_list(int argc)
{
    lab_style style = lab_style_of(stdout);

    if (argc > 1) {
        return usage_error("list", "it takes no arguments; see lull-lab help list");
    }
    lab_list(&style);
    return 0;
}

static int command_help(const char *topic)
{
    char why[256];

    if (lab_help(topic) != 0) {
        snprintf(why, sizeof why,
                 "there is no help on '%.100s'; there is on run, compare, observe, claims and "
                 "list",
                 topic);
        return usage_error("help", why);
    }
    return 0;
}

static int command(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    char why[256];

    if (strcmp(name, "compare") == 0) {
        return command_compare(argc - 1, argv + 1);
    }
    if (strcmp(name, "run") == 0) {
        return command_run(LAB_RUN, name, argc - 1, argv + 1);
    }
    if (strcmp(name, "observe") == 0) {
        return command_run(LAB_OBSERVE, name, argc - 1, argv + 1);
    }
    if (strcmp(name, "claims") == 0) {
        return command_claims(argc - 1, argv + 1);
    }
    if (strcmp(name, "list") == 0) {
        return command_list(argc - 1);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return command_help(argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(name, "--version") == 0) {
        puts("lull-lab " PACKAGE_VERSION);
        return 0;
    }
    snprintf(why, sizeof why,
             "there is no command '%.100s'; there are compare, run, observe, claims, list and "
             "help",
             name);
    return usage_error("", why);
}

int main(int argc, char **argv)
{
    /* The lab decides these, and says which value it took. */
    static const char *const decided[] = {"LULL_MODE", "LULL_PERCENT", "LULL_LIMIT", "GOGC",
                                          "GOMEMLIMIT"};
    int status;

    setlocale(LC_CTYPE, "");
    prctl(PR_SET_TIMERSLACK, 1UL); /* a sleep ends when it should; children inherit it */
    for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
        unsetenv(decided[i]);
    }
    if (argc > 1 && strcmp(argv[1], LAB_CHILD_COMMAND) == 0) {
        return lab_child_main(argc - 1, argv + 1);
    }
    status = command(argc, argv);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "lull-lab: cannot write the output: %s\n", strerror(errno));
        return 1;
    }
    return status;
}
