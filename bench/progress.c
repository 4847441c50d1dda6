/* progress.c -- the progress line, with the time that is left by what the steps so far took. */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "terminal.h"
#include "workload.h"

static struct {
    bool on;      /* stderr is a terminal */
    bool visible; /* the line stands there now */
    size_t total;
    uint64_t begin_ns;
} line;

void lab_progress_begin(size_t total)
{
    line.on = isatty(STDERR_FILENO) == 1;
    line.total = total;
    line.begin_ns = lab_now_ns();
}

void lab_progress_step(size_t done, const char *what)
{
    char text[256];
    double spent = (double)(lab_now_ns() - line.begin_ns) / 1e9;
    int length;

    if (!line.on) {
        return;
    }
    length = snprintf(text, sizeof text, "[%zu/%zu] %s", done + 1, line.total, what);
    if (done > 0 && length > 0 && (size_t)length < sizeof text) {
        double left = spent / (double)done * (double)(line.total - done);

        snprintf(text + length, sizeof text - (size_t)length, ", about %.0f s left", left);
    }
    fprintf(stderr, "\r%.*s\033[K", lab_terminal_width(STDERR_FILENO) - 1, text);
    fflush(stderr);
    line.visible = true;
}

void lab_progress_clear(void)
{
    if (line.visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        line.visible = false;
    }
}
