/*
 * Scenarios: traces described by hand, one event a line, for golden tests. See tests/golden/README.md for the language.
 */
#ifndef GPUALLOC_TRACE_SCENARIO_H
#define GPUALLOC_TRACE_SCENARIO_H

#include "trace/ctf.h"

struct scenario_ops {
    /* An event; blobs come before the call that names them. record and what it points to are the scenario's. */
    int (*event)(void *user, unsigned cpu, uint64_t ticks, const struct ga_row *row, const void *record,
                 struct ga_error *error);
    /* Events or packets that the tracer discards here. Optional. */
    int (*discard)(void *user, unsigned cpu, bool packets, uint64_t count, struct ga_error *error);
};

struct scenario;

/* Reads a file and its `trace` lines. */
int scenario_create(struct scenario **scenario, const char *path, struct ga_error *error);
const struct ctf_options *scenario_options(const struct scenario *scenario);
/* Bytes to cut off the first stream's end. */
uint64_t scenario_cut(const struct scenario *scenario);
/* Tells the events; errors name the line. Once for each scenario. */
int scenario_run(struct scenario *scenario, const struct scenario_ops *ops, void *user, struct ga_error *error);
/* Null is fine. */
void scenario_destroy(struct scenario *scenario);

#endif
