/*
 * A file that is written as a whole or not at all: beside its place under another name until it is complete, then renamed. For
 * standard output, and for what is no regular file, an unlinked temporary file is copied at the end.
 */
#ifndef GPUALLOC_ANALYZER_OUTFILE_H
#define GPUALLOC_ANALYZER_OUTFILE_H

#include <limits.h>
#include <stdio.h>

#include "base/error.h"

struct outfile {
    FILE *file;       /* to write to; errors of writing are found at commit */
    const char *path; /* borrowed; null: standard output */
    char temporary[PATH_MAX]; /* "": unlinked */
};

/* path: null or "-" is standard output. One at a time: a signal that ends the program takes the unfinished file with it. */
int outfile_open(struct outfile *out, const char *path, struct ga_error *error);
/* Forgets what was written. 0 or a negative errno. */
int outfile_restart(struct outfile *out);
/* Puts it in its place. */
int outfile_commit(struct outfile *out, struct ga_error *error);
/* Gives up what is not committed. After a failed open, or a commit, it does nothing. */
void outfile_discard(struct outfile *out);

#endif
