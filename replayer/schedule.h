/*
 * Schedules: which thread of the replay issues which calls, in which order. As a rule each captured thread (lane of the plan) has
 * one of its own; folded, several share one, which issues their calls in the recorded order.
 */
#ifndef GPUALLOC_REPLAYER_SCHEDULE_H
#define GPUALLOC_REPLAYER_SCHEDULE_H

#include "replayer/plan.h"

struct replay_worker {
    uint32_t first, count; /* in order */
    bool watched;          /* another worker waits for one of its calls */
};

struct replay_schedule {
    struct replay_worker *workers;
    uint32_t worker_count;
    const uint32_t *order;     /* calls, by worker */
    uint32_t *own_order;       /* null: the plan's */
    uint32_t *places;          /* by call: its place in its worker's order; null: its sequence in the plan */
    uint8_t *watched;          /* a bit a place of order: another worker waits for that call */
};

/* threads 0: one a lane. Release it also after a failure. */
int replay_schedule_init(struct replay_schedule *schedule, const struct replay_plan *plan, uint32_t threads);
void replay_schedule_release(struct replay_schedule *schedule);

static inline uint32_t replay_schedule_worker(const struct replay_schedule *schedule, uint32_t lane)
{
    return schedule->own_order ? lane % schedule->worker_count : lane;
}

/* Whether the recording's calls are of more than one process. */
bool replay_plan_is_of_several(const struct replay_plan *plan);
/* By lane, the first lane of those that one process has to issue: a recorded process's, and of all that used an open file of its (a
   forked child has its parent's). *count: processes that are needed. Null when memory is short; free it. */
uint32_t *replay_schedule_crews(const struct replay_plan *plan, uint32_t *count);

/* Where in its worker's order the call is that a dependency names. */
static inline uint32_t replay_schedule_place(const struct replay_schedule *schedule, const struct replay_plan *plan,
                                             const struct replay_dependency *on)
{
    return schedule->places ? schedule->places[plan->order[plan->lanes[on->lane].first + on->sequence]] : on->sequence;
}

static inline bool replay_schedule_is_watched(const struct replay_schedule *schedule, uint32_t place)
{
    return schedule->watched[place / 8] >> place % 8 & 1;
}

#endif
