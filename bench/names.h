/* names.h -- the columns that say which case a row of a table is. What all rows share is said once,
 * above the table. */
#ifndef LAB_NAMES_H
#define LAB_NAMES_H

#include "plan.h"
#include "table.h"

#define LAB_NAMES 7 /* columns at most */

/* Which columns tell the cases of a plan apart. */
typedef struct lab_names {
    bool shown[LAB_NAMES];
} lab_names;

void lab_names_of(lab_names *names, const lab_plan *plan);

/* Writes the columns to column[LAB_NAMES]; returns how many there are. */
size_t lab_names_columns(const lab_names *names, lab_column *column);

/* Fills the first cells of a row that has begun; returns how many. */
size_t lab_names_cells(const lab_names *names, lab_table *table, const lab_case *one);

/* Appends to text[size] what is in no column: "mode stop, percent 100, ". */
void lab_names_shared(const lab_names *names, const lab_case *one, char *text, size_t size);

#endif
