/* What the model says, for people and as JSON. */
#ifndef GPUALLOC_REPLAYER_SIM_REPORT_H
#define GPUALLOC_REPLAYER_SIM_REPORT_H

#include <stdio.h>

#include "replayer/sim/model.h"

struct sim_report {
    const char *trace;
    const struct replay_plan *plan;
    const struct sim_script *script;
    const struct sim_options *options;
    const struct sim_outcome *outcome;
    const struct sim_search *search; /* null: the size was given */
};

void sim_report_print(const struct sim_report *report, FILE *out);
/* The caller frees it; null without memory. */
char *sim_report_json(const struct sim_report *report);

#endif
