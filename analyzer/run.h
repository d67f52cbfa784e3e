/* A trace read for analyses: once, and once more when sizes or names were learnt after births. */
#ifndef GPUALLOC_ANALYZER_RUN_H
#define GPUALLOC_ANALYZER_RUN_H

#include "analysis.h"

/* Of zeros, but for the times: nothing read. */
struct analysis_run {
    int64_t from_ns, to_ns; /* ns from the trace's start; INT64_MIN, INT64_MAX: no limit */
    struct ga_reader *reader;
    struct analysis_set *set;
    struct analysis_trace trace; /* valid after analysis_run */
    struct ga_learnt *learnt;
    bool learning; /* the first pass */
    bool ranged;   /* this pass knows the range: the trace's start is known by its first event */
};

/* Reads the trace and finishes the set. 0; -EIO: damaged, analysed as far as it goes, error tells of it; other negative errnos: nothing
   to show. analyses and path are borrowed until analysis_run_end. */
int analysis_run(struct analysis_run *run, const char *path, const struct analysis *const *analyses, size_t count,
                 struct ga_error *error);
void analysis_run_end(struct analysis_run *run);

#endif
