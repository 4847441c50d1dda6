/* document.h -- the JSON text that the workload json works on. */
#ifndef LAB_DOCUMENT_H
#define LAB_DOCUMENT_H

#include <stddef.h>

#include "workload.h"

#define LAB_DOCUMENT_MAX ((size_t)64 << 20) /* bytes of a text that is accepted */

/* A text in memory of the C library, which is not what the workload measures. */
typedef struct lab_document {
    char *text;
    size_t size;
} lab_document;

/* Reads the file params->input, or writes a document of its own where that is empty. Returns 0,
 * or -1 after lab_fail. */
int lab_document_get(const lab_params *params, lab_document *document);
void lab_document_free(lab_document *document);

#endif
