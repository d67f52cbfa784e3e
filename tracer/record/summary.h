/* What a recording came to, read from the trace itself: liblttng-ctl's own figures have been seen wrong by 2^63. */
#ifndef GPUALLOC_RECORD_SUMMARY_H
#define GPUALLOC_RECORD_SUMMARY_H

#include "launch/launch.h"
#include "reader/reader.h"
#include "record/daemon.h"
#include "record/output.h"

struct record_summary {
    struct ga_reader_totals totals;
    uint64_t created;            /* allocations made */
    uint64_t processes, files;   /* traced process instances, open device files */
    uint64_t untraced;           /* requests on devices that have no row in the schema */
    bool readable;               /* the trace was read to its end */
    bool exists;                 /* LTTng wrote a trace: the tracer was loaded in some process */
};

/* Reads the trace. What is wrong with it is said in error; the figures are those of what could be read. */
int record_summary_read(struct record_summary *summary, const char *path, struct ga_error *error);
/* People's text to stderr: where, how much, what was lost, what to type next; warnings where nothing was recorded. */
void record_summary_print(const struct record_summary *summary, const struct record_output *output,
                          const struct record_session *session, const struct record_daemon *daemon,
                          const struct ga_program *program);
/* The same figures as one line of JSON to stderr. */
void record_summary_print_json(const struct record_summary *summary, const struct record_output *output,
                               const struct record_session *session, const struct record_daemon *daemon,
                               const struct ga_program *program);

#endif
