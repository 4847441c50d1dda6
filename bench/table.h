/* table.h -- tables on a terminal: columns that line up, and fewer of them where it is narrow. */
#ifndef LAB_TABLE_H
#define LAB_TABLE_H

#include "terminal.h"

#define LAB_COLUMNS_MAX 32
#define LAB_CELL 48 /* bytes in a cell at most */

typedef struct lab_column {
    const char *over; /* the upper line of its heading, or "" */
    const char *head; /* the lower line */
    bool left;        /* text; figures stand on the right */
    int rank;         /* 0: never left out; columns of the highest rank go first */
} lab_column;

typedef struct lab_table lab_table;

lab_table *lab_table_new(const lab_column *columns, size_t count);
void lab_table_free(lab_table *table);

/* Begins a row; cells not set stay empty. */
void lab_table_row(lab_table *table);
void lab_table_cell(lab_table *table, size_t column, const char *text);

/* A line of its own between rows, as it is but for the colours of `look`: a heading, a remark.
 * It is broken where it does not fit, further lines being indented as the first is. */
enum lab_look { LAB_PLAIN, LAB_BOLD, LAB_DIM, LAB_GOOD, LAB_BAD };
void lab_table_line(lab_table *table, enum lab_look look, size_t indent, const char *text);

/* Leaves out columns in which no row has anything but "-" or nothing, then prints what fits;
 * returns how many columns were left out for want of room. */
int lab_table_print(const lab_table *table, const lab_style *style);

#endif
