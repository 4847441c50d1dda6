/* child.c -- starting a run's process, listening to it, and saying what became of it.
 *
 * Parameters go to the child's standard input and its result comes back through descriptor 3,
 * each as the C structure it is: both sides are one program. A peer in another language gets its
 * parameters as arguments and answers in lines on its standard output (see backend.h). What a
 * child says on stderr is passed on but for the last line, which is held back: when the child
 * fails it is the reason, and is said as that. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hiccup.h"
#include "measure.h"
#include "peer.h"
#include "progress.h"

#define RESULT_FD 3
#define OUTPUT_MAX 16384 /* of a peer; it says a few dozen lines */

volatile sig_atomic_t lab_interrupted;
static volatile sig_atomic_t present_child;

/* A process and what it has said so far. */
struct child {
    pid_t pid;
    int output; /* read end; -1 when at its end */
    int errors; /* the same of its stderr */
    char *text; /* of output; at most `size` */
    size_t length, size;
    char line[1024]; /* of its stderr: the last whole line, not yet passed on */
    char part[1024]; /* what stands after it; longer lines are cut */
    size_t part_length;
};

static void on_signal(int number)
{
    lab_interrupted = number;
    if (present_child > 0) {
        kill((pid_t)present_child, SIGKILL);
    }
}

void lab_child_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* Starts argv with `input` as standard input; output_fd is the descriptor on which the child
 * writes what we read. Returns 0 or an error number. */
static int start(struct child *child, char *const argv[], int input, int output_fd)
{
    posix_spawn_file_actions_t actions;
    int output[2], errors[2], error;

    if (pipe2(output, O_CLOEXEC) != 0) {
        return errno;
    }
    if (pipe2(errors, O_CLOEXEC) != 0) {
        error = errno;
        close(output[0]);
        close(output[1]);
        return error;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], output_fd);
    error = posix_spawn(&child->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    close(errors[1]);
    child->output = output[0];
    child->errors = errors[0];
    if (error != 0) {
        close(output[0]);
        close(errors[0]);
    }
    return error;
}

/* Says what was held back. */
static void pass_on(struct child *child)
{
    if (child->line[0] != '\0') {
        lab_progress_clear();
        fprintf(stderr, "%s\n", child->line);
        child->line[0] = '\0';
    }
}

static void end_line(struct child *child)
{
    pass_on(child);
    child->part[child->part_length] = '\0';
    memcpy(child->line, child->part, child->part_length + 1);
    child->part_length = 0;
}

static void hear_errors(struct child *child, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            end_line(child);
        } else if (child->part_length + 1 < sizeof child->part) {
            child->part[child->part_length++] = text[i];
        }
    }
}

/* Reads what there is to read; beyond `size` it is dropped. */
static void hear(struct child *child, int *fd)
{
    char text[4096];
    ssize_t length = read(*fd, text, sizeof text);

    if (length <= 0) {
        if (length == 0 || errno != EINTR) {
            close(*fd);
            *fd = -1;
        }
    } else if (fd == &child->errors) {
        hear_errors(child, text, (size_t)length);
    } else {
        size_t room = child->size - child->length;
        size_t kept = (size_t)length < room ? (size_t)length : room;

        memcpy(child->text + child->length, text, kept);
        child->length += kept;
    }
}

/* Listens until the child has closed both pipes, then waits for its end. */
static int listen_to_end(struct child *child)
{
    int status = 0;

    present_child = child->pid;
    if (lab_interrupted) { /* perhaps before there was a child to end */
        kill(child->pid, SIGKILL);
    }
    while (child->output >= 0 || child->errors >= 0) {
        struct pollfd watched[2] = {{child->output, POLLIN, 0}, {child->errors, POLLIN, 0}};

        if (poll(watched, 2, -1) < 0) {
            continue; /* a signal; its handler has ended the child */
        }
        if (watched[0].revents != 0) {
            hear(child, &child->output);
        }
        if (watched[1].revents != 0) {
            hear(child, &child->errors);
        }
    }
    if (child->part_length > 0) {
        end_line(child);
    }
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    present_child = 0;
    if (status == 0) {
        pass_on(child);
    }
    return status;
}

/* Says in record->why what became of a child that brought no result. */
static void explain(lab_record *record, const struct child *child, int status)
{
    size_t size = sizeof record->why;

    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);

        snprintf(record->why, size, "killed by signal %d (%s)%s%s%s", number, strsignal(number),
                 number == SIGKILL ? "; the system may have run out of memory" : "",
                 child->line[0] == '\0' ? "" : ": ", child->line);
    } else if (child->line[0] != '\0') {
        snprintf(record->why, size, "%s", child->line);
    } else {
        snprintf(record->why, size, "ended with status %d and no result", WEXITSTATUS(status));
    }
}

/* A pipe that already holds the parameters; its read end, or -1. */
static int input_of(const lab_params *params)
{
    int ends[2];
    ssize_t written;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    written = write(ends[1], params, sizeof *params); /* fits: a pipe holds at least 4 KiB */
    close(ends[1]);
    if (written != (ssize_t)sizeof *params) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

static void run_c(const lab_case *one, const lab_params *params, lab_record *record)
{
    char self[] = "/proc/self/exe", command[] = LAB_CHILD_COMMAND;
    char backend[32], workload[64];
    char *argv[] = {self, command, backend, workload, NULL};
    lab_result result;
    struct child child = {.text = (char *)&result, .size = sizeof result};
    int input = input_of(params), error, status;

    snprintf(backend, sizeof backend, "%s", one->backend);
    snprintf(workload, sizeof workload, "%s", one->workload->name);
    error = input < 0 ? errno : start(&child, argv, input, RESULT_FD);
    if (input >= 0) {
        close(input);
    }
    if (error != 0) {
        snprintf(record->why, sizeof record->why, "cannot start its process: %s", strerror(error));
        return;
    }
    status = listen_to_end(&child);
    if (status == 0 && child.length == sizeof result) {
        record->result = result;
        record->ok = true;
    } else {
        explain(record, &child, status);
    }
}

static void run_peer(const lab_case *one, const lab_params *params, lab_record *record)
{
    char output[OUTPUT_MAX + 1];
    struct child child = {.text = output, .size = OUTPUT_MAX};
    struct lab_peer_arguments arguments;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), error, status;

    lab_peer_command(&arguments, one->workload->name, params);
    error = start(&child, arguments.argv, nothing, STDOUT_FILENO);
    close(nothing);
    if (error != 0) {
        snprintf(record->why, sizeof record->why, "cannot start %s: %s", arguments.argv[0],
                 strerror(error));
        return;
    }
    status = listen_to_end(&child);
    output[child.length] = '\0';
    if (status != 0) {
        explain(record, &child, status);
        return;
    }
    record->ok = lab_peer_result(output, &record->result, record->why, sizeof record->why) == 0;
}

void lab_child_run(const lab_case *one, int run, lab_record *record)
{
    lab_params params = one->params;

    *record = (lab_record){.ok = false};
    lab_result_clear(&record->result);
    params.run = run;
    lab_hiccup_begin();
    if (strcmp(one->backend, "go") == 0) {
        run_peer(one, &params, record);
    } else {
        run_c(one, &params, record);
    }
    record->hiccup = lab_hiccup_end();
}

int lab_child_output(char *const argv[], char *output, size_t size)
{
    struct child child = {.text = output, .size = size - 1};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), error, status;

    output[0] = '\0';
    error = start(&child, argv, nothing, STDOUT_FILENO);
    close(nothing);
    if (error != 0) {
        return -1;
    }
    status = listen_to_end(&child);
    output[child.length] = '\0';
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Reads or writes all of `size`; false where it cannot. */
static bool read_all(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t done = read(fd, at, size);

        if (done <= 0) {
            return false;
        }
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t done = write(fd, at, size);

        if (done <= 0) {
            return false;
        }
        at += done;
        size -= (size_t)done;
    }
    return true;
}

int lab_child_main(int argc, char **argv)
{
    const lab_backend *backend = argc == 3 ? lab_backend_find(argv[1]) : NULL;
    const lab_workload *workload = backend != NULL ? lab_workload_find(backend, argv[2]) : NULL;
    lab_params params;
    lab_result result;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a run whose lab is gone is of no use */
    if (workload == NULL || !read_all(STDIN_FILENO, &params, sizeof params)) {
        fprintf(stderr, "lull-lab: %s is not for use by hand; see lull-lab help\n",
                LAB_CHILD_COMMAND);
        return 2;
    }
    lab_fail_prefix("");
    if (lab_measure(backend, workload, &params, &result) != 0) {
        return 1;
    }
    /* What pools still hold is left to the end of the process, as a program would: no exit
     * handler is to look for leaks. */
    _exit(write_all(RESULT_FD, &result, sizeof result) ? 0 : 1);
}
