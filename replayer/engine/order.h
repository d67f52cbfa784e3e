/*
 * Lanes that wait for each other: a call begins once those of other lanes that it depends on are through. Who waits spins shortly,
 * then sleeps on a futex. All of it is of the lane's own thread.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_ORDER_H
#define GPUALLOC_REPLAYER_ENGINE_ORDER_H

#include "replayer/engine/state.h"

/* Until all that the call depends on are through. False when the run was stopped first. */
bool engine_wait_for_all(struct replay_lane_state *lane, const struct replay_call *call);
/* Counts what the call began before, although it depends on it. */
void engine_check_order(struct replay_lane_state *lane, const struct replay_call *call, int64_t begin);

/* What nobody waits for needs no barrier. */
static inline void engine_publish(struct replay_lane_state *lane, uint32_t done, bool watched)
{
    if (!watched) {
        atomic_store_explicit(&lane->done, done, memory_order_release);
        return;
    }
    atomic_store(&lane->done, done); /* sequentially consistent: ordered before the look at sleepers */
    if (atomic_load(&lane->sleepers))
        engine_wake(&lane->done);
}

#endif
