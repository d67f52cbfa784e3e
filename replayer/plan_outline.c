/* Figures of a plan, and whether a device could take it: see plan_outline.h. Text and JSON: plan_print.c. */
#include "replayer/plan_outline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

static bool makes_memory(const struct replay_call *call)
{
    const struct ga_row *row = replay_row(call);
    return row && !call->failed && row->effect.kind == GA_EFFECT_CREATE;
}

/* Keeps the largest calls, the largest first; of equal ones the earlier. */
static void note_biggest(struct replay_outline *s, uint32_t number)
{
    const struct replay_call *calls = s->plan->calls;
    uint32_t at = s->biggest_count;
    while (at && calls[s->biggest[at - 1]].bytes < calls[number].bytes)
        at--;
    if (at == REPLAY_BIGGEST)
        return;
    s->biggest_count += s->biggest_count < REPLAY_BIGGEST;
    memmove(&s->biggest[at + 1], &s->biggest[at], (s->biggest_count - at - 1) * sizeof *s->biggest);
    s->biggest[at] = number;
}

static void count_call(struct replay_outline *s, uint32_t number, uint8_t skip, bool translated)
{
    const struct replay_call *call = &s->plan->calls[number];
    struct replay_outline_kind *kind = &s->kinds[call->row == REPLAY_NO_ROW ? GA_ROW_COUNT : call->row];
    struct replay_outline_lane *lane = &s->lanes[call->lane];
    s->skips[skip]++;
    s->translated += translated && !skip;
    kind->calls++;
    kind->skips[skip]++;
    kind->issued += !skip;
    kind->translated += translated && !skip;
    lane->issued += !skip;
    for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++) {
        s->waits[s->plan->dependencies[d].reason]++;
        lane->waits[s->plan->dependencies[d].reason]++;
    }
    s->fences += call->fence_count;
    if (!makes_memory(call))
        return;
    if (__builtin_add_overflow(kind->bytes, call->bytes, &kind->bytes))
        kind->bytes = UINT64_MAX;
    if (call->bytes)
        note_biggest(s, number);
}

static enum replay_skip commonest(const struct replay_outline *s)
{
    int most = 1;
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (s->skips[skip] > s->skips[most])
            most = skip;
    return (enum replay_skip)most;
}

/* The first thing that stands in the way. */
static void judge(struct replay_outline *s, uint64_t max_bytes)
{
    const struct replay_binding *binding = &s->session->binding;
    if (max_bytes && s->plan->peak_bytes > max_bytes)
        snprintf(s->obstacle, sizeof s->obstacle, "needs %s alive at once, and --max-bytes allows %s",
                 ga_bytes(s->plan->peak_bytes).text, ga_bytes(max_bytes).text);
    else if (!s->skips[REPLAY_ISSUED])
        snprintf(s->obstacle, sizeof s->obstacle, "none of its calls can be issued; most: %s", replay_skip_text(commonest(s)));
    for (int place = 0; !*s->obstacle && place < REPLAY_PLACES; place++) {
        const struct replay_memory_use *use = &binding->memory[place];
        if (use->known && use->peak_bytes > use->device_bytes)
            snprintf(s->obstacle, sizeof s->obstacle, "needs %s of %s memory, the device has %s", ga_bytes(use->peak_bytes).text,
                     replay_place_name((enum replay_place)place), ga_bytes(use->device_bytes).text);
    }
}

int replay_outline_init(struct replay_outline *s, const char *trace, const struct replay_plan *plan,
                        const struct replay_session *session, uint64_t max_bytes, struct ga_error *error)
{
    *s = (struct replay_outline){.trace = trace, .plan = plan, .session = session,
                                 .lanes = calloc(plan->lane_count + 1u, sizeof *s->lanes)};
    uint8_t *skips = malloc(plan->call_count + 1u);
    int result = s->lanes && skips ? 0 : -ENOMEM;
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++)
        skips[c] = session ? session->binding.skips[c] : plan->calls[c].skip;
    if (result == 0 && !session)
        replay_plan_spread_skips(plan, skips, NULL);
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++)
        count_call(s, c, skips[c], session && session->binding.translated[c]);
    free(skips);
    if (result == 0 && session)
        judge(s, max_bytes);
    return result < 0 ? ga_error_errno(error, -result, "%s", trace) : 0;
}

void replay_outline_release(struct replay_outline *s)
{
    free(s->lanes);
    s->lanes = NULL;
}
