/* Paging fences: see fences.h. */
#include "replayer/engine/fences.h"

#include <string.h>

bool engine_has_fence(const struct engine *run, uint32_t number)
{
    return run->session->backend->reached && atomic_load_explicit(&engine_paging(run, number)->fenced, memory_order_acquire);
}

/* A fence of another worker process's is seen by that one alone, which notes it. */
static bool reached(const struct replay_lane_state *lane, uint32_t number)
{
    const struct engine *run = lane->run;
    const uint32_t *crews = run->out->crews;
    if (run->out->apart && crews[run->calls[number].lane] != crews[lane->number])
        return !engine_has_fence(run, number) || atomic_load(&engine_paging(run, number)->resident_ns);
    return !engine_has_fence(run, number) || run->session->backend->reached(run->session->device, &run->session->plan->calls[number]);
}

/* Its fence has been seen; whoever sees it first says when. */
void engine_note_resident(struct engine *run, uint32_t number)
{
    if (!engine_has_fence(run, number))
        return;
    struct replay_paging *paging = engine_paging(run, number);
    int64_t took = engine_now_ns() - run->start_ns - paging->begin_ns;
    uint64_t never = 0, ns = took < 1 ? 1 : (uint64_t)took;
    atomic_compare_exchange_strong(&paging->resident_ns, &never, ns);
}

/* A look at the fences of the lane's own calls, between calls. */
void engine_watch_fences(struct replay_lane_state *lane)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->outstanding_count; i++) {
        uint32_t number = lane->outstanding[i];
        bool known = atomic_load(&engine_paging(lane->run, number)->resident_ns) != 0;
        if (!known && reached(lane, number)) {
            engine_note_resident(lane->run, number);
            known = true;
        }
        if (!known)
            lane->outstanding[kept++] = number;
    }
    lane->outstanding_count = kept;
}

/* The nap lets another look follow; false when the run was stopped or patience is at its end. */
static bool nap(const struct engine *run, int64_t since)
{
    struct timespec time = {.tv_nsec = ENGINE_NAP_NS};
    if (engine_stopped(run) || engine_now_ns() - since > run->session->settings.patience_ns)
        return false;
    nanosleep(&time, NULL);
    return true;
}

/* Until the paging call has taken effect. */
bool engine_wait_for_fence(struct replay_lane_state *lane, uint32_t number)
{
    for (int i = 0; i < ENGINE_SPINS; i++) {
        if (reached(lane, number))
            return true;
        engine_relax();
    }
    int64_t since = engine_now_ns();
    while (nap(lane->run, since))
        if (reached(lane, number))
            return true;
    return false;
}

enum replay_skip engine_wait_for_fences(struct replay_lane_state *lane, const struct replay_call *call)
{
    const struct replay_plan *plan = lane->run->session->plan;
    for (uint32_t i = 0; i < call->fence_count; i++) {
        uint32_t number = plan->fences[call->fences + i];
        if (!engine_wait_for_fence(lane, number))
            return engine_stopped(lane->run) ? REPLAY_SKIP_STOPPED : REPLAY_SKIP_STUCK;
        engine_note_resident(lane->run, number);
    }
    return REPLAY_ISSUED;
}

void engine_note_paging(struct replay_lane_state *lane, uint32_t number)
{
    if (reached(lane, number)) {
        engine_note_resident(lane->run, number);
        return;
    }
    if (lane->outstanding_count == ENGINE_OUTSTANDING) /* the oldest: seen when somebody needs it, or not at all */
        memmove(lane->outstanding, lane->outstanding + 1, --lane->outstanding_count * sizeof *lane->outstanding);
    lane->outstanding[lane->outstanding_count++] = number;
}
