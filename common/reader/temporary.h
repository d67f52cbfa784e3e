/* Unlinked temporary files: for what grows with the trace and shall not be in memory. */
#ifndef GPUALLOC_READER_TEMPORARY_H
#define GPUALLOC_READER_TEMPORARY_H

#include "base/error.h"

/* A descriptor of a file without a name in TMPDIR, or a negative errno with its sentence; what: what it is for. */
int temporary_file(const char *what, struct ga_error *error);

#endif
