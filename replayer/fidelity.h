/*
 * Fidelity: how much of a recording a run issued again, whether it was answered as in the recording, in which order, when, and how
 * the bytes alive went. A run below the threshold asked for is no benchmark of that recording. docs/replay.md defines the figures.
 */
#ifndef GPUALLOC_REPLAYER_FIDELITY_H
#define GPUALLOC_REPLAYER_FIDELITY_H

#include "replayer/engine.h"

struct replay_fidelity {
    double score;           /* 0 to 1: answered × (1 - curve_distance), and 0 when a call was out of order */
    double answered;        /* of the calls that a replay ought to issue, the share that was, and was answered as recorded */
    double curve_distance;  /* mean |replayed - recorded bytes alive| over the progress, in recorded peaks */
    double error_p50, error_p99; /* ns: |issued - when recorded|; NaN as fast as possible: there is nothing to be late for */
};

struct replay_fidelity replay_fidelity_of(const struct replay_run *run);

/* Calls that began before one that they depend on was done, or its fence reached: asked of the samples of a pass, against a plan. */
uint64_t replay_order_violations(const struct replay_plan *plan, const struct replay_sample *samples, bool has_fences);

#endif
