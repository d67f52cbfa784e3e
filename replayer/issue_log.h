/* The issue log: when each call of a run was issued, for programs that check the order: docs/replay.md. */
#ifndef GPUALLOC_REPLAYER_ISSUE_LOG_H
#define GPUALLOC_REPLAYER_ISSUE_LOG_H

#include <stdio.h>

#include "replayer/engine.h"

/* One line a call of the run's last pass; the run has kept its samples. number: of the run, from 1. */
int replay_issue_log_write(FILE *out, const struct replay_run *run, uint32_t number, struct ga_error *error);

#endif
