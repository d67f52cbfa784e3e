/*
 * Lanes as threads: started once a run, they meet at a gate before each pass; meanwhile the main thread watches for what does not come
 * back, and for the end of the run's time.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_LANES_H
#define GPUALLOC_REPLAYER_ENGINE_LANES_H

#include "replayer/engine/state.h"

/* A thread a lane, all at the gate; *started: how many, also after a failure. End them all the same. */
int engine_start_lanes(struct engine *run, uint32_t *started);
/* Lets all so many go through the prologue, or what is measured. False: a lane is in a call that does not come back. */
bool engine_run_phase(struct engine *run, uint32_t lanes, bool timed);
/* Sends them home. */
void engine_end_lanes(struct engine *run, uint32_t started);

#endif
