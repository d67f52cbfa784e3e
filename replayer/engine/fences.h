/*
 * Paging fences: what a paging call asked for is there once its queue's fence has reached the call's value. Lanes look at the fences
 * of their own calls between calls, and wait for those that a call depends on.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_FENCES_H
#define GPUALLOC_REPLAYER_ENGINE_FENCES_H

#include "replayer/engine/state.h"

static inline struct replay_paging *engine_paging(const struct engine *run, uint32_t number)
{
    return &run->out->pagings[run->session->plan->calls[number].paging];
}
/* The paging call was issued in this pass, and its fence can be looked at. */
bool engine_has_fence(const struct engine *run, uint32_t number);
/* Its fence has been seen; whoever sees it first says when. */
void engine_note_resident(struct engine *run, uint32_t number);
/* A look at the fences of the lane's own calls, between calls. */
void engine_watch_fences(struct replay_lane_state *lane);
/* Until the paging call has taken effect; false when the run was stopped, or patience is at its end. */
bool engine_wait_for_fence(struct replay_lane_state *lane, uint32_t number);
/* Those that the call depends on. REPLAY_ISSUED, or why it is not to be. */
enum replay_skip engine_wait_for_fences(struct replay_lane_state *lane, const struct replay_call *call);
/* After a paging call was issued. */
void engine_note_paging(struct replay_lane_state *lane, uint32_t number);

#endif
