/*
 * Results: what a replay measured, as JSON that compare reads again. A result file is untrusted input.
 */
#ifndef GPUALLOC_REPLAYER_RESULT_H
#define GPUALLOC_REPLAYER_RESULT_H

#include <stdio.h>

#include "replayer/statistics.h"

#define REPLAY_RESULT_VERSION 1
enum { REPLAY_RESULT_RUNS_MAX = 100000, REPLAY_RESULT_KINDS_MAX = 100000 };

struct replay_report {
    const char *trace;
    const struct replay_session *session;
    const struct replay_statistics *statistics;
    uint64_t warmup;
    uint32_t clock_cost_ns;
};

/* Writes JSON to path, through a temporary file beside it; "-" is stdout. */
int replay_result_write(const struct replay_report *report, const char *path, struct ga_error *error);
/* A table for people. */
void replay_result_print(const struct replay_report *report, FILE *out);

/* A result read back: what compare needs. */
struct replay_result_kind {
    char *name;
    uint64_t size_class;
    bool failed;
    double *medians; /* ns, one a run; NaN where the run has none of this kind */
};
struct replay_result {
    char *trace, *backend, *mode, *order, *node, *driver, *kernel, *boot_id, *plan;
    bool software, by_boot; /* by_boot: each run is a boot of its own (system.boots) */
    struct replay_result_kind *kinds;
    double *wall_ns; /* one a run */
    uint32_t kind_count, run_count;
};
/* "-" is stdin. Release it also after a failure. */
int replay_result_read(struct replay_result *result, const char *path, struct ga_error *error);
int replay_result_parse(struct replay_result *result, const char *text, size_t size, struct ga_error *error);
void replay_result_release(struct replay_result *result);
/* "dxg on /dev/dxg (softgpu, made of software)". */
void replay_result_describe(const struct replay_result *result, char *text, size_t size);

/* Writes text to path through a temporary file beside it, so that the file is never half-written; "-" is stdout. */
int replay_write_file(const char *path, const char *text, struct ga_error *error);
/* Whether that would work, asked before the work whose fruit it is. */
int replay_can_write_file(const char *path, struct ga_error *error);

#endif
