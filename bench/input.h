/* input.h -- the file that --input names. */
#ifndef LAB_INPUT_H
#define LAB_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* What a run reads of a log: longer files are used from their beginning up to the last whole
 * line within. It bounds memory, and the work is the same for each run. */
#define LAB_LOG_WINDOW ((size_t)8 << 20)

/* Longer lines are cut into lines of this length. */
#define LAB_LOG_LINE 4096

/* A log in memory of its own, outside the heap that is measured. Lines end in '\n', the last
 * one too. */
typedef struct lab_log {
    char *text;
    size_t bytes;
    size_t lines;
} lab_log;

/* Whether a file can serve as input at all: it is there, regular, readable and not empty.
 * Returns 0, or -1 with the reason in `why`. */
int lab_input_check(const char *path, char *why, size_t size);

/* Reads a log file; refuses what is not text. Returns 0, or -1 with the reason in `why`. */
int lab_log_read(const char *path, lab_log *log, char *why, size_t size);

/* Makes a log of `lines` entries by the generator of random.h: the same for a seed in Go. */
void lab_log_make(uint64_t seed, size_t lines, lab_log *log);

void lab_log_free(lab_log *log);

#endif
