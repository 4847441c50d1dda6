/* names.c -- the columns of names.h. */
#include "names.h"

#include <stdio.h>
#include <string.h>

enum { WORKLOAD, BACKEND, MODE, PERCENT, THREADS, DEPTH, POOLS };

static const lab_column columns[LAB_NAMES] = {
    [WORKLOAD] = {"", "workload", true, 0}, [BACKEND] = {"", "backend", true, 0},
    [MODE] = {"", "mode", true, 0},         [PERCENT] = {"", "percent", false, 0},
    [THREADS] = {"", "threads", false, 0},  [DEPTH] = {"", "depth", false, 0},
    [POOLS] = {"", "pools", true, 0},
};

/* What stands in a naming column; "-" where the question does not arise. */
static void name_of(const lab_case *one, int name, char *text)
{
    const lab_params *params = &one->params;
    unsigned backend = one->backend_traits, workload = one->workload->traits;

    strcpy(text, "-");
    switch (name) {
    case WORKLOAD: snprintf(text, LAB_CELL, "%s", one->workload->name); break;
    case BACKEND: snprintf(text, LAB_CELL, "%s", one->label); break;
    case MODE:
        if (lab_case_mode(one)[0] != '\0') {
            strcpy(text, lab_case_mode(one));
        }
        break;
    case PERCENT:
        if ((backend & LAB_HAS_PERCENT) != 0 && params->percent == LAB_PERCENT_OFF) {
            strcpy(text, "off");
        } else if ((backend & LAB_HAS_PERCENT) != 0 && params->collect) {
            snprintf(text, LAB_CELL, "%d", (int)params->percent);
        }
        break;
    case THREADS: snprintf(text, LAB_CELL, "%d", (int)params->threads); break;
    case DEPTH:
        if ((workload & LAB_HAS_DEPTH) != 0) {
            snprintf(text, LAB_CELL, "%d", (int)params->depth);
        }
        break;
    case POOLS:
        if ((workload & LAB_HAS_POOLS) != 0) {
            strcpy(text, params->pools ? "on" : "off");
        }
        break;
    default: break;
    }
}

/* Whether a naming column tells rows apart. */
static bool tells_apart(const lab_plan *plan, int name)
{
    char first[LAB_CELL], other[LAB_CELL];

    if (name == WORKLOAD || name == BACKEND) {
        return true;
    }
    name_of(&plan->cases[0], name, first);
    for (size_t i = 1; i < plan->count; i++) {
        name_of(&plan->cases[i], name, other);
        if (strcmp(first, other) != 0) {
            return true;
        }
    }
    return false;
}

void lab_names_of(lab_names *names, const lab_plan *plan)
{
    for (int name = 0; name < LAB_NAMES; name++) {
        names->shown[name] = tells_apart(plan, name);
    }
}

size_t lab_names_columns(const lab_names *names, lab_column *column)
{
    size_t count = 0;

    for (int name = 0; name < LAB_NAMES; name++) {
        if (names->shown[name]) {
            column[count++] = columns[name];
        }
    }
    return count;
}

size_t lab_names_cells(const lab_names *names, lab_table *table, const lab_case *one)
{
    size_t column = 0;
    char text[LAB_CELL];

    for (int name = 0; name < LAB_NAMES; name++) {
        if (names->shown[name]) {
            name_of(one, name, text);
            lab_table_cell(table, column++, text);
        }
    }
    return column;
}

void lab_names_shared(const lab_names *names, const lab_case *one, char *text, size_t size)
{
    size_t used = strlen(text);

    for (int name = MODE; name < LAB_NAMES; name++) {
        char value[LAB_CELL];

        name_of(one, name, value);
        if (!names->shown[name] && strcmp(value, "-") != 0) {
            used +=
                (size_t)snprintf(text + used, size - used, "%s %s, ", columns[name].head, value);
        }
    }
}
