/* Lanes that wait for each other: see order.h. */
#include "replayer/engine/order.h"

#include "replayer/engine/fences.h"

/* False when the run was stopped first. */
static bool wait_for(struct replay_lane_state *lane, struct replay_lane_state *other, uint32_t place)
{
    struct engine *run = lane->run;
    for (int i = 0; i < ENGINE_SPINS; i++) {
        if (atomic_load_explicit(&other->done, memory_order_acquire) > place)
            return true;
        engine_relax();
    }
    atomic_fetch_add(&other->sleepers, 1);
    bool reached = false;
    while (!engine_stopped(run)) {
        uint32_t done = atomic_load(&other->done);
        if ((reached = done > place))
            break;
        engine_sleep(&other->done, done, ENGINE_SLEEP_NS);
        engine_watch_fences(lane); /* another process may wait for what only this one sees */
    }
    atomic_fetch_sub(&other->sleepers, 1);
    return reached;
}

bool engine_wait_for_all(struct replay_lane_state *lane, const struct replay_call *call)
{
    const struct replay_plan *plan = lane->run->session->plan;
    const struct replay_schedule *schedule = &lane->run->out->schedule;
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        const struct replay_dependency *on = &plan->dependencies[d];
        uint32_t worker = replay_schedule_worker(schedule, on->lane);
        if (worker != lane->number &&
            !wait_for(lane, &lane->run->lanes[worker], replay_schedule_place(schedule, plan, on)))
            return false;
    }
    return true;
}

/* Another lane's clock may have been read a moment before it told: the look at done is what orders, and this checks it. */
void engine_check_order(struct replay_lane_state *lane, const struct replay_call *call, int64_t begin)
{
    const struct engine *run = lane->run;
    const struct replay_plan *plan = run->session->plan;
    const struct replay_schedule *schedule = &run->out->schedule;
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        const struct replay_dependency *on = &plan->dependencies[d];
        uint32_t worker = replay_schedule_worker(schedule, on->lane);
        uint32_t place = schedule->workers[worker].first + replay_schedule_place(schedule, plan, on);
        lane->counting->violations += atomic_load_explicit(&run->out->ends[place], memory_order_relaxed) > begin;
    }
    for (uint32_t f = call->fences; f < call->fences + call->fence_count; f++) {
        struct replay_paging *paging = engine_paging(run, plan->fences[f]);
        uint64_t resident = atomic_load_explicit(&paging->resident_ns, memory_order_relaxed);
        lane->counting->violations += engine_has_fence(run, plan->fences[f]) &&
                                   (!resident || paging->begin_ns + (int64_t)resident > begin);
    }
}
