/* The output directory of a recording: made, described, and taken away again when nothing came of it. */
#ifndef GPUALLOC_RECORD_OUTPUT_H
#define GPUALLOC_RECORD_OUTPUT_H

#include <limits.h>
#include <stdbool.h>

#include "record/session.h"

struct record_output {
    char path[PATH_MAX];  /* absolute, for LTTng */
    char shown[PATH_MAX]; /* as the user would type it */
    bool made;            /* by us: it goes too when it is removed */
};

/* path null: gpualloc-PROGRAM-DATE in the current directory. An existing directory must be empty. */
int record_output_make(struct record_output *output, const char *path, const char *program, struct ga_error *error);
/* Writes gpualloc.json: what was asked for. A reader that finds "events" in it knows that calls of other events are no loss. */
int record_output_describe(const struct record_output *output, const struct record_session *session,
                           const struct ga_option_list *patterns, char *const *argv, struct ga_error *error);
/* Removes all that is in it, and itself when we made it. */
void record_output_remove(const struct record_output *output);

#endif
