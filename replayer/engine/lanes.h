/*
 * Lanes as threads: started once a run, they meet at a gate before each pass; meanwhile the main thread watches for what does not come
 * back, and for the end of the run's time.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_LANES_H
#define GPUALLOC_REPLAYER_ENGINE_LANES_H

#include "replayer/engine/state.h"

/* The signal that interrupts a call is caught, from before the first lane until after the last. */
void engine_catch_wakes(struct engine *run);
void engine_leave_wakes(struct engine *run);
/* A thread a lane, of that worker or (null) all; they go to the gate. A negative errno: not all of them could be. */
int engine_start_lanes(struct engine *run, const struct replay_crew *crew);
/* Once they are sent home. */
void engine_join_lanes(struct engine *run, const struct replay_crew *crew);

/* Lets all so many go through the prologue, or what is measured. False: a lane is in a call that does not come back, or a worker is
   lost: run->halt tells. */
bool engine_run_phase(struct engine *run, uint32_t lanes, bool timed);
/* Tells all so many that there is no further pass. False: a worker is lost. */
bool engine_send_home(struct engine *run, uint32_t lanes);

#endif
