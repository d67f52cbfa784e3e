/* What runs need of memory, all of it had before the first: see engine.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/engine/state.h"
#include "replayer/share.h"

enum { WARM_NS = 20 * 1000 /* histograms' pages are there before the run up to this latency */ };

/* Histograms for the kinds of call that the lane has, and one for its lateness. */
static int init_lane(struct replay_run *run, uint32_t number)
{
    const struct replay_session *session = run->session;
    const struct replay_worker *worker = &run->schedule.workers[number];
    struct replay_lane_state *lane = &run->lanes[number];
    lane->number = number;
    lane->counting = &lane->counts;
    while (lane->prologue < worker->count && run->schedule.order[worker->first + lane->prologue] < session->plan->prologue)
        lane->prologue++;
    lane->by_kind = calloc(session->kinds.count + 1u, sizeof *lane->by_kind);
    if (!lane->by_kind)
        return -ENOMEM;
    for (uint32_t i = worker->first; i < worker->first + worker->count; i++) { /* some place, until theirs is known */
        uint32_t call = run->schedule.order[i];
        lane->by_kind[session->kinds.of[call]] = run->latencies;
        if (session->populate && replay_call_creates(&session->plan->calls[call]))
            lane->by_kind[session->kinds.populate_of[call]] = run->latencies;
    }
    uint32_t kinds = 0;
    for (uint32_t k = 0; k < session->kinds.count; k++)
        kinds += lane->by_kind[k] != NULL;
    lane->memory = run->apart ? replay_latencies_create_shared(kinds + 1) : replay_latencies_create(kinds + 1);
    if (!lane->memory)
        return -ENOMEM;
    lane->memory_count = kinds + 1;
    for (uint32_t k = 0, next = 0; k < session->kinds.count; k++)
        if (lane->by_kind[k])
            lane->by_kind[k] = &lane->memory[next++];
    lane->lateness = &lane->memory[kinds];
    for (uint32_t i = 0; i < lane->memory_count; i++)
        replay_latencies_warm(&lane->memory[i], WARM_NS);
    return 0;
}

static int init_parts(struct replay_run *run, const struct replay_plan *plan)
{
    uint32_t kinds = run->session->kinds.count;
    size_t lanes = (run->schedule.worker_count + 1u) * sizeof *run->lanes;
    run->lanes = replay_share(lanes, run->apart);
    if (!run->lanes)
        return -ENOMEM;
    run->latencies = replay_latencies_create(kinds);
    run->resident = replay_latencies_create(kinds);
    run->lateness = replay_latencies_create(1);
    run->pagings = replay_share((plan->paging_count + 1u) * sizeof *run->pagings, run->apart);
    run->curve = calloc(1, sizeof *run->curve);
    run->steps = replay_share((plan->call_count + 1u) * sizeof *run->steps, false);
    if (!run->steps || !run->latencies || !run->resident || !run->lateness || !run->pagings || !run->curve)
        return -ENOMEM;
    for (uint32_t c = 0; plan->paging_count && c < plan->call_count; c++)
        run->pagings[plan->calls[c].paging].number = c;
    size_t calls = plan->call_count + 1u;
    if (plan->dependency_count && !(run->ends = replay_share(calls * sizeof *run->ends, run->apart)))
        return -ENOMEM;
    if (run->session->settings.keep_samples && !(run->samples = replay_share(calls * sizeof *run->samples, run->apart)))
        return -ENOMEM;
    int result = 0;
    for (uint32_t w = 0; result == 0 && w < run->schedule.worker_count; w++)
        result = init_lane(run, w);
    return result;
}

int replay_run_init(struct replay_run *run, struct replay_session *session)
{
    *run = (struct replay_run){.session = session};
    int result = replay_schedule_init(&run->schedule, session->plan, session->settings.threads);
    if (result < 0)
        return result;
    if (session->backend->enter && !run->schedule.own_order && replay_plan_is_of_several(session->plan)) {
        run->crews = replay_schedule_crews(session->plan, &run->crew_count);
        if (!run->crews)
            return -ENOMEM;
        run->apart = run->crew_count > 1 && replay_can_fetch_descriptors();
    }
    return init_parts(run, session->plan);
}

void replay_run_release(struct replay_run *run)
{
    if (!run->session || run->session->abandoned)
        return;
    uint32_t kinds = run->session->kinds.count;
    for (uint32_t w = 0; run->lanes && w < run->schedule.worker_count; w++) {
        free(run->lanes[w].by_kind);
        replay_latencies_destroy(run->lanes[w].memory, run->lanes[w].memory_count);
    }
    replay_unshare(run->lanes);
    replay_latencies_destroy(run->latencies, kinds);
    replay_latencies_destroy(run->resident, kinds);
    replay_latencies_destroy(run->lateness, 1);
    replay_unshare(run->pagings);
    free(run->curve);
    replay_unshare(run->steps);
    free(run->crews);
    replay_unshare(run->ends);
    replay_unshare(run->samples);
    replay_schedule_release(&run->schedule);
    *run = (struct replay_run){0};
}
