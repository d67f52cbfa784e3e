/*
 * The reader: a trace directory in, typed calls out, in the order in which they completed.
 *
 * It runs babeltrace2's source.ctf.fs under a sink of ours that merges the streams, turns events into the schema's records by
 * field name (so that older schema versions stay readable), keeps private data by hash in an unlinked temporary file, joins
 * elements to their call, and accounts for every loss. One thread at a time for each reader.
 */
#ifndef GPUALLOC_READER_READER_H
#define GPUALLOC_READER_READER_H

#include <stdio.h>

#include "base/error.h"
#include "schema/records.h"

enum { GA_CALL_ELEMENTS_MAX = 16 }; /* kinds of elements of one call, nested ones too */

/* What gpualloc:process said of an instance; lives as long as the reader. */
struct ga_process_info {
    uint64_t process, parent;
    uint32_t pid, schema_version;
    char *program, *command_line, *kernel, *tracer, *recording;
};

/* What gpualloc:file said; lives as long as the reader. driver is never null ("" when unknown). */
struct ga_file_info {
    uint64_t file, device;
    char *path, *driver, *driver_version;
};

/* A call's elements of one row; or those of one member, see ga_call_elements. */
struct ga_elements {
    const struct ga_row *row;
    const void *records; /* count records of row->record_size bytes, by index; one that was lost has an element size of 0 */
    uint32_t count;      /* as many as the call says it sent, GA_ELEMENTS_MAX at most */
};

/* One call. All that it points to is valid until the callback returns, processes and files as long as the reader. */
struct ga_call {
    const struct ga_row *row;
    const struct ga_call_header *header;               /* begin and end in ns on the trace's clock, GA_TIME_MAX at most */
    const void *record;                                /* struct ga_PROVIDER_EVENT of row */
    int64_t begin_ns, end_ns;                          /* ns since the Unix epoch, 0 to GA_TIME_MAX */
    struct ga_elements elements[GA_CALL_ELEMENTS_MAX]; /* in the order of the row's members, then theirs; unused ones are zeros */
    const struct ga_process_info *process;             /* null when its event was lost */
    const struct ga_file_info *file;                   /* drm calls: null when its event was lost; d3dkmt calls: null */
    bool failed;
    uint32_t status; /* d3dkmt: NTSTATUS */
};

/* The elements of an ELEMENTS member: record is the call's, or that of the element that has the member. None: a count of 0. */
struct ga_elements ga_call_elements(const struct ga_call *call, const struct ga_member *member, const void *record);

/* Figures of the whole trace; complete when ga_reader_run has returned. */
struct ga_reader_totals {
    uint64_t events, calls;
    uint64_t discarded_events; /* told by the trace's packets */
    uint64_t discarded_packets;
    uint64_t missing_calls;     /* gaps in the call numbers of threads */
    uint64_t missing_elements;  /* elements that a call said it sent and that are not there */
    uint64_t unresolved_blobs;  /* distinct hashes that a call named and whose bytes are not there */
    uint64_t foreign_events;    /* events of other providers, of newer schema versions, or of programs of another recording:
                                   passed over */
    uint64_t blobs, blob_bytes; /* distinct contents of private data, whole ones */
    int64_t first_ns, last_ns;  /* epoch; 0 when there was no event */
};

struct ga_reader_ops {
    /* One complete call. 0, or a negative errno that ends the run. Required. */
    int (*call)(void *user, const struct ga_call *call);
    /* An EVENT row's record other than blob and rundown marks (process, file, file_closed, untraced, trouble), at its time in
       ns since the epoch; process and file only when they are told for the first time. Optional. */
    int (*event)(void *user, const struct ga_row *row, const void *record, int64_t ns);
};

struct ga_reader;

/* Opens a trace: the directory that record printed, or any above its CTF streams. -ENOENT: no such path; -EINVAL: no CTF trace;
   -ENOMSG: a trace without our events is found out by ga_reader_run. */
int ga_reader_open(struct ga_reader **reader, const char *path, struct ga_error *error);
/* Reads it through once. A truncated stream gives what is readable, then -EIO with the stream's name; what a callback returned
   comes back as it is, and its message is the callback's own. */
int ga_reader_run(struct ga_reader *reader, const struct ga_reader_ops *ops, void *user, struct ga_error *error);
const struct ga_reader_totals *ga_reader_totals(const struct ga_reader *reader);
/* Whether the trace could hold a row's events: the recording asked for them (record --events), and the tracer knew them. Meaningful
   once the first event was read. */
bool ga_reader_records(const struct ga_reader *reader, enum ga_row_id row);
/* Bytes of a blob already seen (its calls come after it): 0, or -ENOENT. The bytes are valid as long as the reader. Hashes
 * below GA_BLOB_FIRST_HASH are states (enum ga_blob_state) and give -ENOENT. */
int ga_reader_blob(struct ga_reader *reader, uint64_t hash, const void **data, uint32_t *size);
/* Null is fine. */
void ga_reader_close(struct ga_reader *reader);

/* True when something was lost: any of discarded, missing or unresolved. */
bool ga_reader_lossy(const struct ga_reader_totals *totals);
/* Prints the loss figures, zeros included, as one line to stderr or a report: "0 events discarded, 0 calls missing, …". */
void ga_reader_print_loss(const struct ga_reader_totals *totals, FILE *out);

#endif
