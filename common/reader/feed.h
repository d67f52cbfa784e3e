/*
 * A reader without a trace of its own: somebody else's babeltrace2 graph feeds it, message by message. What components of a plugin
 * use; the rest is as in reader.h.
 */
#ifndef GPUALLOC_READER_FEED_H
#define GPUALLOC_READER_FEED_H

#include <babeltrace2/babeltrace.h>

#include "reader/reader.h"

/* ops, user and error are the reader's until it is closed. 0 or -ENOMEM. Close it with ga_reader_close. */
int ga_feed_open(struct ga_reader **reader, const struct ga_reader_ops *ops, void *user, struct ga_error *error);
/* A message, in the order of time over all streams (filter.utils.muxer's). Those that are no events and tell of no loss are passed
   over. 0, a callback's negative errno, or the reader's own with its sentence in error. */
int ga_feed_message(struct ga_reader *reader, const bt_message *message);
/* Makes the totals complete; any number of times. */
void ga_feed_end(struct ga_reader *reader);

#endif
