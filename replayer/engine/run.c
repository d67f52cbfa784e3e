/* A run: its passes over the plan, what is cleared before each and taken after it. See engine.h. */
#include "replayer/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "replayer/engine/lanes.h"
#include "replayer/engine/workers.h"
#include "replayer/share.h"

const char *replay_end_name(enum replay_end end)
{
    static const char *const names[REPLAY_ENDS_COUNT] = {[REPLAY_WHOLE] = "whole", [REPLAY_END_STOPPED] = "interrupted",
                                                         [REPLAY_END_TIME] = "time", [REPLAY_END_REMOVED] = "device_removed",
                                                         [REPLAY_END_HUNG] = "hung", [REPLAY_END_DIED] = "worker_died",
                                                         [REPLAY_END_ERROR] = "error"};
    return names[end];
}

static void clear_lane(struct replay_lane_state *lane)
{
    for (uint32_t i = 0; i < lane->memory_count; i++)
        replay_latencies_clear(&lane->memory[i]);
    lane->busy_ns = 0;
    lane->counts = (struct replay_counts){0};
}

static void fill_step(struct replay_run *run, uint32_t place)
{
    const struct replay_session *session = run->session;
    uint32_t number = run->schedule.order[place];
    const struct replay_call *call = &session->plan->calls[number];
    bool waits = call->dependency_count || call->fence_count;
    run->steps[place] = (struct replay_step){
        .bytes = replay_curve_step(session->plan, number), .number = number, .kind = session->kinds.of[number],
        .skip = session->binding.skips[number], .watched = replay_schedule_is_watched(&run->schedule, place),
        .waits = waits, .lane = (uint16_t)call->lane,
        .more = waits || call->failed || call->paging || session->settings.keep_samples ||
                (session->populate && replay_call_creates(call))};
}

/* A device that was opened again may skip others. */
static void fill_steps(struct replay_run *run)
{
    const struct replay_schedule *schedule = &run->schedule;
    if (run->steps_of == run->session->opened)
        return;
    run->steps_of = run->session->opened;
    for (uint32_t w = 0; w < schedule->worker_count; w++)
        for (uint32_t i = 0; i < schedule->workers[w].count; i++)
            fill_step(run, schedule->workers[w].first + i);
}

static void clear_run(struct replay_run *run)
{
    fill_steps(run);
    for (uint32_t k = 0; k < run->session->kinds.count; k++) {
        replay_latencies_clear(&run->latencies[k]);
        replay_latencies_clear(&run->resident[k]);
    }
    replay_latencies_clear(run->lateness);
    for (uint32_t w = 0; w < run->schedule.worker_count; w++)
        clear_lane(&run->lanes[w]);
    run->wall_ns = run->busy_ns = run->passes = 0;
    run->end = REPLAY_WHOLE;
    run->counts = (struct replay_counts){0};
    run->curve_distance = 0;
}

/* Before each pass; no lane runs. */
static void clear_pass(struct engine *run)
{
    const struct replay_plan *plan = run->session->plan;
    struct replay_run *out = run->out;
    for (uint32_t w = 0; w < out->schedule.worker_count; w++) {
        struct replay_lane_state *lane = &run->lanes[w];
        atomic_store(&lane->done, 0);
        atomic_store(&lane->issued_ns, 0);
        atomic_store(&lane->give_up, false);
        lane->outstanding_count = lane->gone = lane->next = 0;
        lane->last_ns = 0;
        lane->curve = (struct replay_curve){0};
    }
    for (uint32_t i = 0; out->ends && i < plan->call_count; i++)
        atomic_store_explicit(&out->ends[i], ENGINE_NOT_DONE, memory_order_relaxed);
    for (uint32_t p = 0; p <= plan->paging_count; p++) {
        atomic_store(&out->pagings[p].resident_ns, 0);
        atomic_store(&out->pagings[p].fenced, 0);
    }
    if (out->samples)
        for (uint32_t c = 0; c < plan->call_count; c++)
            out->samples[c] = (struct replay_sample){.skip = REPLAY_SKIP_STOPPED};
}

/* After each pass; no lane runs. */
static void take_pass(struct engine *run)
{
    const struct replay_plan *plan = run->session->plan;
    struct replay_run *out = run->out;
    *out->curve = (struct replay_curve){0};
    for (uint32_t w = 0; w < out->schedule.worker_count; w++)
        replay_curve_merge(out->curve, &run->lanes[w].curve);
    double distance = replay_curve_distance(out->curve, plan);
    out->passes++;
    out->curve_distance += (distance - out->curve_distance) / (double)out->passes;
    for (uint32_t p = 1; p <= plan->paging_count; p++) {
        const struct replay_paging *paging = &out->pagings[p];
        uint64_t ns = atomic_load_explicit(&paging->resident_ns, memory_order_relaxed);
        if (ns && paging->number >= plan->prologue)
            replay_latencies_add(&out->resident[run->session->kinds.of[paging->number]], ns);
        if (ns && out->samples)
            out->samples[paging->number].resident_ns = ns;
    }
}

void replay_counts_add(struct replay_counts *to, const struct replay_counts *counts)
{
    for (int skip = 0; skip < REPLAY_SKIPS; skip++)
        to->outcomes[skip] += counts->outcomes[skip];
    to->failed += counts->failed;
    to->succeeded += counts->succeeded;
    to->otherwise += counts->otherwise;
    for (int how = 0; how < REPLAY_POPULATES; how++)
        to->populated[how] += counts->populated[how];
    to->remapped += counts->remapped;
    to->exhausted += counts->exhausted;
    to->violations += counts->violations;
}

/* After the last pass. */
static void take_run(struct replay_run *run)
{
    for (uint32_t w = 0; w < run->schedule.worker_count; w++) {
        struct replay_lane_state *lane = &run->lanes[w];
        for (uint32_t k = 0; k < run->session->kinds.count; k++)
            if (lane->by_kind[k])
                replay_latencies_merge(&run->latencies[k], lane->by_kind[k]);
        replay_latencies_merge(run->lateness, lane->lateness);
        run->busy_ns += lane->busy_ns;
        replay_counts_add(&run->counts, &lane->counts);
    }
}

static int begin_pass(struct engine *run, struct ga_error *error)
{
    const struct replay_backend *backend = run->session->backend;
    clear_pass(run);
    if (run->out->apart) {
        backend->clear(run->session->device);
        return engine_start_workers(run, error);
    }
    return backend->begin ? backend->begin(run->session->device, error) : 0;
}

/* What workers made went with them. */
static void free_pass(struct engine *run)
{
    if (!run->out->apart && run->session->backend->end)
        run->session->backend->end(run->session->device);
}

/* Passes, with all lanes at the gate in between; what each leaves is freed. False: a lane was given up. */
static bool run_passes(struct engine *run, uint32_t lanes, int *result, struct ga_error *error)
{
    uint64_t loops = run->session->settings.loops ? run->session->settings.loops : 1;
    bool alive = true;
    for (uint64_t pass = 0; alive && *result == 0 && pass < loops && (!pass || !engine_stopped(run)); pass++) {
        *result = begin_pass(run, error);
        if (*result == 0) {
            alive = !run->session->plan->prologue || engine_run_phase(run, lanes, false);
            alive = alive && engine_run_phase(run, lanes, true);
            int64_t took = engine_now_ns() - run->timed_ns;
            run->out->wall_ns += took > 0 ? (uint64_t)took : 0;
            if (run->out->apart) {
                *result = engine_end_workers(run, alive, error);
                alive = true;
            }
            take_pass(run);
        }
        if (alive)
            free_pass(run);
    }
    return alive;
}

static int run_threads(struct engine *run, struct ga_error *error)
{
    uint32_t started = 0;
    int result = engine_start_lanes(run, NULL);
    while (started < run->out->schedule.worker_count && run->lanes[started].started)
        started++;
    if (result < 0)
        ga_error_errno(error, -result, "starting thread %u of %u%s", started + 1, run->out->schedule.worker_count,
                       run->session->settings.cpu_count ? " on the CPUs asked for" : "");
    if (!run_passes(run, started, &result, error)) {
        run->session->abandoned = true;
        return 0;
    }
    engine_send_home(run, started);
    engine_join_lanes(run, NULL);
    return result;
}

static int run_workers(struct engine *run, struct ga_error *error)
{
    int result = 0;
    run_passes(run, run->out->schedule.worker_count, &result, error);
    return result;
}

static int ended(const struct replay_session *session, const struct replay_run *run, struct ga_error *error)
{
    switch (run->end) {
    case REPLAY_END_STOPPED:
        return ga_error_set(error, EINTR, "stopped; what the run had made is freed");
    case REPLAY_END_TIME:
        return ga_error_set(error, ETIME, "the time is over (--max-time); what the run had made is freed");
    case REPLAY_END_REMOVED:
        return ga_error_set(error, ENODEV, "%s was removed: call after call fails with ENODEV", session->identity.node);
    case REPLAY_END_HUNG:
        return ga_error_set(error, ETIMEDOUT, "a call has not come back, nor could it be interrupted; the kernel frees what the run "
                                              "had made when it does");
    case REPLAY_END_DIED:
        return ga_error_set(error, ECHILD, "the worker of the recorded process %016" PRIx64 " %s%s; the others were ended, and what "
                            "the run had made is freed", run->died.process, run->died.signal ? "was killed: " : "ended by itself",
                            run->died.signal ? strsignal(run->died.signal) : "");
    default:
        return 0;
    }
}

int replay_session_run(struct replay_session *session, struct replay_run *run, const atomic_bool *stop, struct ga_error *error)
{
    struct engine *state = replay_share(sizeof *state, run->apart); /* lanes that are given up keep it */
    if (!state)
        return ga_error_errno(error, ENOMEM, "replay");
    *state = (struct engine){.session = session, .out = run, .stop = stop, .lanes = run->lanes, .backend = session->backend,
                             .device = session->device, .calls = session->plan->calls, .samples = run->samples,
                             .paced = session->settings.speed > 0,
                             .per_speed = session->settings.speed > 0 ? 1 / session->settings.speed : 0};
    clear_run(run);
    engine_catch_wakes(state);
    int result = run->apart ? run_workers(state, error) : run_threads(state, error);
    take_run(run);
    enum replay_end halted = (enum replay_end)atomic_load(&state->halt);
    run->end = halted ? halted : atomic_load(stop) ? REPLAY_END_STOPPED : REPLAY_WHOLE;
    if (!session->abandoned) {
        engine_leave_wakes(state);
        replay_unshare(state);
    }
    return result < 0 ? result : ended(session, run, error);
}
