/* What the engine itself costs, and reading the clock: said beside results. See engine.h. */
#include <math.h>

#include "replayer/engine/state.h"

enum {
    COST_CALLS = 50000,   /* on backend null, to say what the engine itself costs */
    COST_LOOPS = 200,     /* at most, for that */
    COST_PLACES = 200000, /* of a plan's calls at most: the first */
};

uint32_t replay_clock_cost_ns(void)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 1000; i++) {
        int64_t a = engine_now_ns(), b = engine_now_ns();
        if (b - a < least)
            least = b - a;
    }
    return (uint32_t)least;
}

/* A first pass to warm up, then as many as are needed to tell. */
static double cost_on_null(struct replay_session *session, const atomic_bool *stop)
{
    struct replay_run run;
    struct ga_error error;
    uint64_t calls = session->plan->call_count ? session->plan->call_count : 1;
    uint64_t loops = COST_CALLS / calls;
    session->settings.threads = 1;
    session->settings.loops = loops < 1 ? 1 : loops > COST_LOOPS ? COST_LOOPS : loops;
    double cost = NAN;
    int result = replay_run_init(&run, session);
    struct replay_worker *only = run.schedule.workers;
    if (result == 0 && only->count > run.lanes->prologue + COST_PLACES)
        only->count = run.lanes->prologue + COST_PLACES;
    if (result == 0 && replay_session_run(session, &run, stop, &error) == 0 &&
        replay_session_run(session, &run, stop, &error) == 0 && run.counts.outcomes[REPLAY_ISSUED])
        cost = (double)run.busy_ns / (double)run.counts.outcomes[REPLAY_ISSUED];
    replay_run_release(&run);
    return cost;
}

double replay_engine_cost_ns(const struct replay_session *session, const atomic_bool *stop)
{
    struct replay_session on_null = {.backend = replay_backend_find("null"), .plan = session->plan, .kinds = session->kinds,
                                     .binding.skips = session->binding.skips, .node_fd = -1, .opened = 1,
                                     .settings.patience_ns = REPLAY_PATIENCE_NS};
    struct ga_error error;
    double cost = NAN;
    if (on_null.backend->open(&on_null.device, on_null.backend, &(struct replay_target){0}, &on_null.identity, &error) == 0)
        cost = cost_on_null(&on_null, stop);
    on_null.backend->close(on_null.device);
    return cost;
}
