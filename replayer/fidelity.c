/* Fidelity: see fidelity.h. */
#include "replayer/fidelity.h"

#include <math.h>

/* Attempts that EINTR repeated and the inner halves of calls are no calls of their own; what --skip names is not wanted. */
static uint64_t expected_calls(const struct replay_counts *counts)
{
    uint64_t all = 0;
    for (int skip = 0; skip < REPLAY_SKIPS; skip++)
        all += counts->outcomes[skip];
    return all - counts->outcomes[REPLAY_SKIP_RETRY] - counts->outcomes[REPLAY_SKIP_NESTED] - counts->outcomes[REPLAY_SKIP_ASKED] -
           counts->outcomes[REPLAY_SKIP_ASKED_MAKER];
}

struct replay_fidelity replay_fidelity_of(const struct replay_run *run)
{
    const struct replay_counts *counts = &run->counts;
    uint64_t expected = expected_calls(counts), differs = replay_differs(counts), issued = counts->outcomes[REPLAY_ISSUED];
    bool paced = run->lateness->n != 0;
    struct replay_fidelity fidelity = {
        .answered = expected ? (double)(issued - differs) / (double)expected : 0,
        .curve_distance = run->curve_distance,
        .error_p50 = paced ? replay_latencies_quantile(run->lateness, 0.5) : NAN,
        .error_p99 = paced ? replay_latencies_quantile(run->lateness, 0.99) : NAN,
    };
    if (!counts->violations)
        fidelity.score = fidelity.answered * fmax(0, 1 - fidelity.curve_distance);
    return fidelity;
}

uint64_t replay_order_violations(const struct replay_plan *plan, const struct replay_sample *samples, bool has_fences)
{
    uint64_t violations = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_sample *mine = &samples[c];
        const struct replay_call *call = &plan->calls[c];
        for (uint32_t d = call->dependencies; !mine->skip && d < call->dependencies + call->dependency_count; d++) {
            const struct replay_dependency *on = &plan->dependencies[d];
            const struct replay_sample *other = &samples[plan->order[plan->lanes[on->lane].first + on->sequence]];
            violations += !other->skip && other->begin_ns + (int64_t)other->latency_ns > mine->begin_ns;
        }
        for (uint32_t f = call->fences; has_fences && !mine->skip && f < call->fences + call->fence_count; f++) {
            const struct replay_sample *other = &samples[plan->fences[f]];
            violations += !other->skip && !other->failed &&
                          (!other->resident_ns || other->begin_ns + (int64_t)other->resident_ns > mine->begin_ns);
        }
    }
    return violations;
}
