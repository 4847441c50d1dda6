/* input.c -- reading and making logs. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"
#include "workload.h"

int lab_input_check(const char *path, char *why, size_t size)
{
    struct stat info;
    int fd;

    if (stat(path, &info) != 0) {
        snprintf(why, size, "%s", strerror(errno));
        return -1;
    }
    if (!S_ISREG(info.st_mode)) {
        snprintf(why, size, "it is %s; a regular file is wanted, as each run reads it again",
                 S_ISDIR(info.st_mode) ? "a directory" : "no regular file");
        return -1;
    }
    if (info.st_size == 0) {
        snprintf(why, size, "it is empty");
        return -1;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, size, "%s", strerror(errno));
        return -1;
    }
    close(fd);
    return 0;
}

/* Reads up to LAB_LOG_WINDOW bytes into fresh memory with room for one more. */
static int read_window(const char *path, lab_log *log, char *why, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;

    log->text = malloc(LAB_LOG_WINDOW + 1);
    if (log->text == NULL) {
        lab_out_of_memory(LAB_LOG_WINDOW + 1);
    }
    while (got > 0 && log->bytes < LAB_LOG_WINDOW) {
        got = read(fd, log->text + log->bytes, LAB_LOG_WINDOW - log->bytes);
        log->bytes += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        snprintf(why, size, "%s", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return got < 0 ? -1 : 0;
}

/* Cuts off what is no whole line, cuts what is too long for one, and counts. */
static void cut_lines(lab_log *log)
{
    const char *last = memrchr(log->text, '\n', log->bytes);
    size_t length = 0;

    if (log->bytes == LAB_LOG_WINDOW && last != NULL) {
        log->bytes = (size_t)(last - log->text) + 1;
    }
    if (log->text[log->bytes - 1] != '\n') {
        log->text[log->bytes++] = '\n';
    }
    for (size_t i = 0; i < log->bytes; i++) {
        if (length == LAB_LOG_LINE) {
            log->text[i] = '\n';
        }
        if (log->text[i] == '\n') {
            log->lines++;
            length = 0;
        } else {
            length++;
        }
    }
}

int lab_log_read(const char *path, lab_log *log, char *why, size_t size)
{
    const char *zero;

    *log = (lab_log){.text = NULL};
    if (lab_input_check(path, why, size) != 0 || read_window(path, log, why, size) != 0) {
        lab_log_free(log);
        return -1;
    }
    if (log->bytes == 0) { /* emptied since it was checked */
        snprintf(why, size, "it is empty");
        lab_log_free(log);
        return -1;
    }
    zero = memchr(log->text, '\0', log->bytes);
    if (zero != NULL) {
        snprintf(why, size,
                 "it is not text: byte %zu is zero; a log with one entry a line is wanted",
                 (size_t)(zero - log->text));
        lab_log_free(log);
        return -1;
    }
    cut_lines(log);
    return 0;
}

static void put_text(lab_log *log, const char *text)
{
    size_t length = strlen(text);

    memcpy(log->text + log->bytes, text, length);
    log->bytes += length;
}

static void put_number(lab_log *log, uint32_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        log->text[log->bytes + (size_t)i] = (char)('0' + number % 10);
        number /= 10;
    }
    log->bytes += (size_t)digits;
}

/* "2026-05-17T09:12:33.123Z" of the milliseconds of a day. */
static void put_time(lab_log *log, uint32_t ms)
{
    put_text(log, "2026-05-17T");
    put_number(log, ms / 3600000, 2);
    put_text(log, ":");
    put_number(log, ms / 60000 % 60, 2);
    put_text(log, ":");
    put_number(log, ms / 1000 % 60, 2);
    put_text(log, ".");
    put_number(log, ms % 1000, 3);
    put_text(log, "Z ");
}

/* Of 100 entries 30 are for debugging, 50 tell, 13 warn, 6 are errors, 1 is fatal. */
static const char *level_word(uint32_t share)
{
    return share < 30   ? "DEBUG "
           : share < 80 ? "INFO "
           : share < 93 ? "WARN "
           : share < 99 ? "ERROR "
                        : "FATAL ";
}

/* Words of syllables and some numbers, up to `bytes`. */
static void put_message(lab_log *log, lab_random *random, size_t bytes)
{
    static const char *const syllable[16] = {"ba", "con", "den", "fi", "gar", "ho", "in", "ker",
                                             "lo", "mi",  "nec", "or", "pa",  "re", "so", "tu"};
    size_t end = log->bytes + bytes;

    while (log->bytes < end) {
        uint32_t draw = lab_random_below(random, 1u << 20);

        put_text(log, " ");
        if (draw % 8 == 0) {
            put_number(log, draw, 6);
            continue;
        }
        for (uint32_t i = 0; i < 2 + (draw >> 4) % 3; i++) {
            put_text(log, syllable[(draw >> (6 + 4 * i)) % 16]);
        }
    }
}

void lab_log_make(uint64_t seed, size_t lines, lab_log *log)
{
    static const char *const service[16] = {
        "gateway", "checkout", "search",  "catalog", "session",  "billing", "shipping", "mail",
        "media",   "profile",  "pricing", "reviews", "identity", "metrics", "queue",    "cache"};
    lab_random random = lab_random_stream(seed, UINT64_C(1) << 32);
    uint32_t ms = 0;

    /* The longest entry: 24 of time, 6 of level, 16 of service, 480 and one word of message. */
    log->text = malloc(lines * 640);
    if (log->text == NULL) {
        lab_out_of_memory(lines * 640);
    }
    log->bytes = 0;
    log->lines = lines;
    for (size_t i = 0; i < lines; i++) {
        ms = (ms + lab_random_below(&random, 50)) % 86400000;
        put_time(log, ms);
        put_text(log, level_word(lab_random_below(&random, 100)));
        put_text(log, service[lab_random_below(&random, 16)]);
        put_text(log, "[");
        put_number(log, lab_random_below(&random, 10000), 4);
        put_text(log, "]:");
        put_message(log, &random, 120 + lab_random_below(&random, 361));
        put_text(log, "\n");
    }
}

void lab_log_free(lab_log *log)
{
    free(log->text);
    *log = (lab_log){.text = NULL};
}
