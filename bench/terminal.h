/* terminal.h -- what the terminal can show: its width, colours, and characters beyond ASCII. */
#ifndef LAB_TERMINAL_H
#define LAB_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Columns of the terminal behind `fd`; COLUMNS where it is set; 100 where there is neither. */
int lab_terminal_width(int fd);

/* Columns that a text takes: characters, not bytes, of UTF-8. */
size_t lab_text_width(const char *text);

/* How to print to one stream. */
typedef struct lab_style {
    FILE *out;
    int width;
    bool utf8;
    const char *bold, *dim, *good, *bad, *plain; /* escape sequences, or "" */
} lab_style;

/* Colours only on a terminal, and not where NO_COLOR is set or TERM is dumb. */
lab_style lab_style_of(FILE *out);

/* Prints text broken at blanks so that it fits, each line but the first indented. */
void lab_print_wrapped(const lab_style *style, size_t indent, const char *text);

#endif
