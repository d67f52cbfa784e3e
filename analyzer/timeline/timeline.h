/*
 * What a timeline page is made of: the calls and allocations of a trace as columns, and how they come to be so many at most.
 *
 * A page holds `limit` allocations singly, the largest ones, with the calls that made and ended them, and half as many other calls,
 * the slowest. The bytes of what is not in it singly are a curve. What is kept is found out by a first pass when there is more.
 */
#ifndef GPUALLOC_TIMELINE_TIMELINE_H
#define GPUALLOC_TIMELINE_TIMELINE_H

#include "analyzer/follow.h"
#include "analyzer/labels.h"
#include "analyzer/timeline/column.h"
#include "base/histogram.h"

/* Columns: their ids in the page. What is in them is in docs/timeline.md. */
#define TIMELINE_COLUMNS(COLUMN)                                                                                        \
    COLUMN(call_begin) COLUMN(call_duration) COLUMN(call_kind) COLUMN(call_thread) COLUMN(call_number) COLUMN(call_marks) \
    COLUMN(call_code) COLUMN(create) COLUMN(element) COLUMN(end) COLUMN(flags) COLUMN(origin) COLUMN(size) COLUMN(handle)   \
    COLUMN(owner) COLUMN(resource) COLUMN(surface) COLUMN(device) COLUMN(dma_buf) COLUMN(died) COLUMN(handle_died)         \
    COLUMN(handle_end) COLUMN(surface_address) COLUMN(surface_name) COLUMN(surface_process) COLUMN(rest) COLUMN(text)
enum timeline_column {
#define COLUMN(name) TIMELINE_##name,
    TIMELINE_COLUMNS(COLUMN)
#undef COLUMN
    TIMELINE_COLUMN_COUNT,
};

/* What is kept singly: all above a threshold, a part (of 65536) of what lies between from and it. */
struct timeline_filter {
    uint64_t above, from;
    uint32_t part;
};

enum { TIMELINE_RESTS = 4096 }; /* points of the curve of what is not kept singly */

struct timeline {
    const char *path;
    uint64_t limit;
    FILE *page;
    struct labels labels;
    struct column columns[TIMELINE_COLUMN_COUNT];
    bool full; /* more than the limit: nothing is written any more in this pass */
    bool filtered;
    struct timeline_filter sizes, durations;
    struct ga_histogram size_steps, duration_steps; /* of all allocations (unknown: 0), of all calls */
    uint64_t calls, allocations;      /* in the trace, this pass */
    uint64_t written_calls, written;  /* in the page */
    uint64_t made_by_call;            /* kept, of the call that is being followed */
    bool needed;                      /* the call that is being followed made or ended what is kept */
    int64_t origin_ns, end_ns;        /* epoch: of the first call; of the last one */
    bool begun;
    int64_t first_ns, last_ns;        /* of the pass before */
    uint64_t rest_bytes, rest_peaks[TIMELINE_RESTS], rest_count;
    int64_t now_ns;                   /* as struct export's */
    uint64_t unknown, bounds;         /* sizes: of made */
    uint32_t kinds[GA_ROW_COUNT], kind_rows[GA_ROW_COUNT], kind_count; /* by row, plus 1; rows in the order of their numbers */
    struct ga_map threads, processes, devices, surfaces; /* to numbers in the page, plus 1 */
    struct timeline_thread {
        uint32_t process, ordinal, tid;
        uint64_t number; /* of its newest call in the page */
    } *thread_list;
    size_t thread_count, thread_room;
    struct timeline_process {
        uint64_t id;
        uint32_t pid;
    } *process_list;
    size_t process_count, process_room;
    uint32_t *device_list; /* labels */
    size_t device_count, device_room;
    uint64_t surface_count;
};

extern const struct follow_ops timeline_ops; /* user: struct timeline */

/* The page, after the last pass. incomplete: why the trace was not read to its end, or null. */
int timeline_write(struct timeline *timeline, const struct ga_reader_totals *totals, const char *incomplete);
void timeline_release(struct timeline *timeline);

#endif
