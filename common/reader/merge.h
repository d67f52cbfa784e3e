/*
 * The streams of a trace, merged by time: babeltrace2's source.ctf.fs under a sink of ours with one port a stream.
 *
 * filter.utils.muxer would merge as well, but it ends with the first stream that is broken and does not say which; here the
 * others are read to their end, and the broken one is named.
 */
#ifndef GPUALLOC_READER_MERGE_H
#define GPUALLOC_READER_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <babeltrace2/babeltrace.h>

#include "base/error.h"

/* The clock of a stream: from its ticks to ns since the epoch. */
struct merge_clock {
    const bt_clock_class *clock_class; /* null: the stream has no clock */
    bool nanoseconds;                  /* it ticks in ns: adding offset does it */
    int64_t offset;
};
/* clock_class: borrowed, or null. */
void merge_clock_init(struct merge_clock *clock, const bt_clock_class *clock_class);
/* From 0 to GA_TIME_MAX. */
int64_t merge_clock_ns(const struct merge_clock *clock, uint64_t ticks);

struct merge_ops {
    /* An event, at ns since the epoch. 0, or a negative errno that ends the run. */
    int (*event)(void *user, const bt_event *event, const struct merge_clock *clock, int64_t ns);
    /* The tracer discarded events or packets here. */
    void (*discarded)(void *user, bool packets, uint64_t count);
};

struct merge;

/* folders: CTF trace folders (each holds a metadata file), borrowed until destroy. size: bytes of all their files. */
int merge_create(struct merge **merge, const char *const *folders, size_t count, uint64_t size, struct ga_error *error);
/* Reads all to the end. A broken stream: the others' events come, then -EIO, and broken is set. What a callback returned: that,
   and the callback's own message. */
int merge_run(struct merge *merge, const struct merge_ops *ops, void *user, bool *broken, struct ga_error *error);
/* Null is fine. */
void merge_destroy(struct merge *merge);

#endif
