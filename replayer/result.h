/*
 * Results: what a replay measured, as JSON that compare reads again. A result file is untrusted input.
 */
#ifndef GPUALLOC_REPLAYER_RESULT_H
#define GPUALLOC_REPLAYER_RESULT_H

#include <stdio.h>

#include "replayer/statistics.h"

#define REPLAY_RESULT_VERSION 2 /* 1 is read, too */
enum { REPLAY_RESULT_RUNS_MAX = 100000, REPLAY_RESULT_KINDS_MAX = 8192, REPLAY_RESULT_FACTS_MAX = 256 };

struct replay_report {
    const char *trace;
    const struct replay_session *session;
    const struct replay_statistics *statistics;
    const char *speed, *state;  /* as they were asked for: "asap", "real", "2x"; "warm", "cold", "as found" */
    uint64_t warmup;
    uint32_t processes;         /* that issued the calls */
    uint32_t clock_cost_ns;
    double engine_ns;           /* of the engine itself, a call: the same plan on backend null, on one thread; NaN: not measured */
    double require;             /* fidelity below which a result is no benchmark; 0: none */
    const char *note;           /* of the user's, or null */
    const char *base;           /* how the device's memory was watched between runs; null: not */
    bool caches_dropped;        /* state cold: the kernel was asked to, and did */
    enum replay_end end;        /* why there are fewer runs than were asked for */
};

/* "device removed (ENODEV)" */
const char *replay_end_text(enum replay_end end);
/* The worst of the whole runs; 0 without any. */
double replay_report_fidelity(const struct replay_report *report);

/* Writes JSON to path, through a temporary file beside it; "-" is stdout. */
int replay_result_write(const struct replay_report *report, const char *path, struct ga_error *error);
/* What issued creates need of each class of memory, and what the device has: a line each. */
void replay_print_memory(const struct replay_binding *binding, FILE *out);
/* The same in JSON, and what the device cannot hold. */
struct json_object;
struct json_object *replay_json_memory(const struct replay_binding *binding);
struct json_object *replay_json_limits(const struct replay_binding *binding);
/* A table for people. */
void replay_result_print(const struct replay_report *report, FILE *out);

/* Figures of a kind in one run that can be compared. */
enum replay_figure { REPLAY_P50, REPLAY_MEAN, REPLAY_P90, REPLAY_P99, REPLAY_P999, REPLAY_MAX, REPLAY_FIGURES };
/* "p50", …; null after the last. As an array for tables of options. */
extern const char *const replay_figure_names[REPLAY_FIGURES + 1];

/* A result read back: what compare needs. Texts are without control characters. */
struct replay_result_kind {
    char *name;
    uint64_t size_class;
    bool failed;
    double *values; /* ns, [figure][run]; NaN where the run has none of this kind */
};
struct replay_fact {
    char *name, *value; /* of "system": "governor", "performance"; bytes are rounded for people */
};
struct replay_result {
    char *path; /* null: parsed from memory */
    char *trace, *backend, *mode, *order, *speed, *populate, *state, *node, *driver, *driver_version;
    char *kernel, *kernel_version, *boot_id, *plan, *time;
    char *threads, *processes, *loops; /* that issued the calls, and passes of a run, as text; processes: empty when not told */
    char *ended_by; /* why runs are left out; empty: none is, or it does not say */
    bool software, by_boot; /* by_boot: each run is a boot of its own (system.boots) */
    bool unfaithful;        /* whole, and no benchmark all the same: below the fidelity asked for */
    double fidelity, required;
    struct replay_result_kind *kinds;
    double *wall_ns; /* one a run */
    uint32_t kind_count, run_count; /* whole runs: others are left out */
    uint32_t left_out;
    double issued, differs, violations, exhausted; /* calls, of all runs; exhausted: creates for which there was no memory */
    struct replay_fact *facts; /* of "system", and with them how it was replayed, as far as that may differ */
    uint32_t fact_count;
};
static inline double replay_result_value(const struct replay_result *result, const struct replay_result_kind *kind,
                                         enum replay_figure figure, uint32_t run)
{
    return kind->values[(size_t)figure * result->run_count + run];
}
/* Null when the result has none. */
const struct replay_result_kind *replay_result_find(const struct replay_result *result, const char *name, uint64_t size_class,
                                                    bool failed);
/* "-" is stdin. Release it also after a failure. */
int replay_result_read(struct replay_result *result, const char *path, struct ga_error *error);
int replay_result_parse(struct replay_result *result, const char *text, size_t size, struct ga_error *error);
void replay_result_release(struct replay_result *result);

/* Writes text to path through a temporary file beside it, so that the file is never half-written; "-" is stdout. */
int replay_write_file(const char *path, const char *text, struct ga_error *error);
/* Whether that would work, asked before the work whose fruit it is. */
int replay_can_write_file(const char *path, struct ga_error *error);

#endif
