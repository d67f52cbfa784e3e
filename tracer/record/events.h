/* Which events a session records: all of ours, or those that a call needs whose name matches a pattern. */
#ifndef GPUALLOC_RECORD_EVENTS_H
#define GPUALLOC_RECORD_EVENTS_H

#include <stddef.h>

#include "base/error.h"
#include "base/verb.h"
#include "schema/schema.h"

struct record_events {
    const char *names[GA_ROW_COUNT + 1]; /* for LTTng; constants, or texts of the table's rows */
    size_t count;
    bool all; /* no selection was asked for */
};

/* patterns: as given, each perhaps several separated by commas, with * and ?; empty: everything. A call that matches brings the
   events of its elements along, and gpualloc:* is always there: without them a call could not be read.
   -EINVAL: a pattern matches no event. */
int record_events_select(struct record_events *events, const struct ga_option_list *patterns, struct ga_error *error);

#endif
