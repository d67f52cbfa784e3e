/*
 * The timed part: one lane's calls, each prepared, issued between two clock reads, and judged. No allocation, lock, output or parsing.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_ISSUE_H
#define GPUALLOC_REPLAYER_ENGINE_ISSUE_H

#include "replayer/engine/state.h"

/* The lane's calls of the prologue, or of what is measured. On its own thread. */
void engine_run_pass(struct replay_lane_state *lane);

#endif
