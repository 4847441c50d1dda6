/* table.c -- the tables of table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define GAP 2
#define LINE_MAX_BYTES 512

struct row {
    bool is_line;
    enum lab_look look;
    size_t indent;
    char text[LINE_MAX_BYTES];
    char cell[LAB_COLUMNS_MAX][LAB_CELL];
};

struct lab_table {
    lab_column column[LAB_COLUMNS_MAX];
    size_t columns;
    struct row *rows;
    size_t count, capacity;
};

lab_table *lab_table_new(const lab_column *columns, size_t count)
{
    lab_table *table = calloc(1, sizeof *table);

    if (table == NULL) {
        lab_out_of_memory(sizeof *table);
    }
    memcpy(table->column, columns, count * sizeof *columns);
    table->columns = count;
    return table;
}

void lab_table_free(lab_table *table)
{
    free(table->rows);
    free(table);
}

static struct row *add_row(lab_table *table)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 32 : table->capacity * 2;
        table->rows = realloc(table->rows, table->capacity * sizeof *table->rows);
        if (table->rows == NULL) {
            lab_out_of_memory(table->capacity * sizeof *table->rows);
        }
    }
    memset(&table->rows[table->count], 0, sizeof *table->rows);
    return &table->rows[table->count++];
}

void lab_table_row(lab_table *table)
{
    add_row(table);
}

void lab_table_cell(lab_table *table, size_t column, const char *text)
{
    snprintf(table->rows[table->count - 1].cell[column], LAB_CELL, "%s", text);
}

void lab_table_line(lab_table *table, enum lab_look look, size_t indent, const char *text)
{
    struct row *row = add_row(table);

    row->is_line = true;
    row->look = look;
    row->indent = indent;
    snprintf(row->text, sizeof row->text, "%s", text);
}

/* The width of a column; 0 where it says nothing. */
static size_t column_width(const lab_table *table, size_t column)
{
    size_t width = lab_text_width(table->column[column].head);
    size_t over = lab_text_width(table->column[column].over);
    bool says = table->column[column].rank == 0;

    width = over > width ? over : width;
    for (size_t i = 0; i < table->count; i++) {
        const char *cell = table->rows[i].cell[column];
        size_t here = lab_text_width(cell);

        says = says || (here != 0 && strcmp(cell, "-") != 0);
        width = here > width ? here : width;
    }
    return says ? width : 0;
}

static size_t total_width(const size_t *width, size_t columns)
{
    size_t total = 0;

    for (size_t i = 0; i < columns; i++) {
        total += width[i] == 0 ? 0 : width[i] + GAP;
    }
    return total - GAP;
}

/* The shown column of the highest rank, of equals the last; LAB_COLUMNS_MAX where all that are
 * shown must stand. */
static size_t least_needed(const lab_table *table, const size_t *width)
{
    size_t found = LAB_COLUMNS_MAX;

    for (size_t i = 0; i < table->columns; i++) {
        int rank = table->column[i].rank;

        if (width[i] != 0 && rank > 0 &&
            (found == LAB_COLUMNS_MAX || rank >= table->column[found].rank)) {
            found = i;
        }
    }
    return found;
}

/* Leaves out columns, by setting their width to 0, until the rest fits; then brings back those
 * that fit into what room is left, the last one left out first. */
static int make_fit(const lab_table *table, size_t *width, size_t room)
{
    size_t gone[LAB_COLUMNS_MAX], gone_width[LAB_COLUMNS_MAX];
    size_t count = 0, left_out = 0, column;

    while (total_width(width, table->columns) > room &&
           (column = least_needed(table, width)) != LAB_COLUMNS_MAX) {
        gone[count] = column;
        gone_width[count++] = width[column];
        width[column] = 0;
    }
    for (left_out = count; count > 0; count--) {
        column = gone[count - 1];
        width[column] = gone_width[count - 1];
        if (total_width(width, table->columns) <= room) {
            left_out--;
        } else {
            width[column] = 0;
        }
    }
    return (int)left_out;
}

static void print_cell(const lab_style *style, const char *text, size_t width, bool left, bool last)
{
    int padding = (int)(width - lab_text_width(text));

    if (left) {
        fprintf(style->out, "%s%*s", text, last ? 0 : padding, "");
    } else {
        fprintf(style->out, "%*s%s", padding, "", text);
    }
}

static void print_heading(const lab_table *table, const lab_style *style, const size_t *width,
                          bool over)
{
    bool first = true;

    fputs(style->bold, style->out);
    for (size_t i = 0; i < table->columns; i++) {
        const lab_column *column = &table->column[i];

        if (width[i] != 0) {
            fprintf(style->out, "%*s", first ? 0 : GAP, "");
            print_cell(style, over ? column->over : column->head, width[i], column->left, false);
            first = false;
        }
    }
    fprintf(style->out, "%s\n", style->plain);
}

static void print_line(const lab_style *style, const struct row *row)
{
    const char *look[] = {
        [LAB_PLAIN] = "",         [LAB_BOLD] = style->bold, [LAB_DIM] = style->dim,
        [LAB_GOOD] = style->good, [LAB_BAD] = style->bad,
    };

    fprintf(style->out, "%s%*s", look[row->look], (int)row->indent, "");
    lab_print_wrapped(style, row->indent, row->text);
    if (row->look != LAB_PLAIN) {
        fputs(style->plain, style->out);
    }
}

static void print_row(const lab_table *table, const lab_style *style, const size_t *width,
                      const struct row *row)
{
    bool first = true;
    size_t last = 0;

    for (size_t i = 0; i < table->columns; i++) {
        last = width[i] != 0 && row->cell[i][0] != '\0' ? i : last;
    }
    for (size_t i = 0; i <= last; i++) {
        if (width[i] != 0) {
            fprintf(style->out, "%*s", first ? 0 : GAP, "");
            print_cell(style, row->cell[i], width[i], table->column[i].left, i == last);
            first = false;
        }
    }
    fputc('\n', style->out);
}

int lab_table_print(const lab_table *table, const lab_style *style)
{
    size_t width[LAB_COLUMNS_MAX];
    bool over = false;
    int left_out;

    for (size_t i = 0; i < table->columns; i++) {
        width[i] = column_width(table, i);
    }
    left_out = make_fit(table, width, (size_t)style->width);
    for (size_t i = 0; i < table->columns; i++) {
        over = over || (width[i] != 0 && table->column[i].over[0] != '\0');
    }
    if (over) {
        print_heading(table, style, width, true);
    }
    print_heading(table, style, width, false);
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].is_line) {
            print_line(style, &table->rows[i]);
        } else {
            print_row(table, style, width, &table->rows[i]);
        }
    }
    return left_out;
}
