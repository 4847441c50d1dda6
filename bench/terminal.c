/* terminal.c -- width, colours and characters of terminal.h. */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 100
#define WIDTH_LEAST 60

int lab_terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    int width = WIDTH_DEFAULT;

    if (columns != NULL && atoi(columns) > 0) {
        width = atoi(columns);
    } else if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    }
    return width < WIDTH_LEAST ? WIDTH_LEAST : width;
}

static size_t text_width(const char *text, size_t bytes)
{
    size_t width = 0;

    for (size_t i = 0; i < bytes; i++) {
        width += ((unsigned char)text[i] & 0xc0) != 0x80; /* not a continuation byte */
    }
    return width;
}

size_t lab_text_width(const char *text)
{
    return text_width(text, strlen(text));
}

lab_style lab_style_of(FILE *out)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    int fd = fileno(out);
    lab_style style = {
        .out = out,
        .width = lab_terminal_width(fd),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .bold = "",
        .dim = "",
        .good = "",
        .bad = "",
        .plain = "",
    };

    if (isatty(fd) == 1 && term != NULL && strcmp(term, "dumb") != 0 &&
        (no_color == NULL || no_color[0] == '\0')) {
        style.bold = "\033[1m";
        style.dim = "\033[2m";
        style.good = "\033[32m";
        style.bad = "\033[33m";
        style.plain = "\033[0m";
    }
    return style;
}

void lab_print_wrapped(const lab_style *style, size_t indent, const char *text)
{
    size_t column = indent;
    bool first = true;

    while (*text != '\0') {
        size_t bytes = strcspn(text, " \n");
        size_t width = text_width(text, bytes);

        if (!first && column + 1 + width > (size_t)style->width) {
            fprintf(style->out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', style->out);
            column++;
        }
        fwrite(text, 1, bytes, style->out);
        column += width;
        first = false;
        text += bytes;
        text += strspn(text, " \n");
    }
    fputc('\n', style->out);
}
