/* Residency: MakeResident counts up, Evict counts down; a new allocation counts 0. And what was offered must be taken back before it
   is used. Sources: the D3DKMT reference on MakeResident, Evict and OfferAllocations. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>

#include "base/units.h"

enum { NOT_RESIDENT, CHURN, OVER_BUDGET, OFFERED };
static const struct lint_rule rules[] = {
    [NOT_RESIDENT] = {"evict-not-resident", LINT_WARNING, LINT_NEEDS_D3DKMT, "An allocation is evicted that is not resident",
                      "Call Evict once for each MakeResident that succeeded: a new allocation is not resident"},
    [CHURN] = {"residency-churn", LINT_WARNING, LINT_NEEDS_D3DKMT,
               "An allocation goes in and out: 8 times in a row it was made resident within 100 ms of its Evict",
               "Keep what is used every frame resident, and evict only when NumBytesToTrim asks for it"},
    [OVER_BUDGET] = {"over-budget", LINT_NOTE, LINT_NEEDS_CALL, "The process is over its memory budget",
                     "Evict as much as NumBytesToTrim says, or the system does it at a time of its own choosing"},
    [OFFERED] = {"offered-used", LINT_ERROR, LINT_NEEDS_D3DKMT, "An allocation is used while it is offered: its content may be gone",
                 "Call ReclaimAllocations2 first, and look at what it says of the content"},
    {NULL},
};

enum { RETURNS = 8 };
static const int64_t soon_ns = 100 * 1000 * 1000, pause_ns = 1000 * 1000 * 1000;

static int made_resident(struct lint *lint, const struct ga_call *call, const struct ga_life *life, struct lint_life *kept)
{
    if (call->failed) {
        kept->resident_refused = lint_call_of(call);
        return 0;
    }
    kept->resident_refused = (struct lint_call){0};
    bool soon = !kept->resident++ && kept->evicted_ns && call->begin_ns - kept->evicted_ns < soon_ns;
    if (!soon)
        return 0;
    kept->returns = kept->returns && call->begin_ns - kept->returned_ns < pause_ns ? kept->returns + 1 : 1;
    kept->returned_ns = call->end_ns;
    if (kept->returns < RETURNS)
        return 0;
    kept->returns = 0;
    struct lint_call now = lint_call_of(call);
    return lint_report(lint, &rules[CHURN], &now, lint_what_life(life), "%s, the last time %s after its Evict",
                       life->origin == GA_SIZE_UNKNOWN ? "an unknown number of bytes" : ga_bytes(life->size).text,
                       ga_duration((double)(call->begin_ns - kept->evicted_ns)).text);
}

static int evicted(struct lint *lint, const struct ga_call *call, const struct ga_life *life, struct lint_life *kept)
{
    struct lint_call now = lint_call_of(call);
    if (kept->resident) {
        kept->resident -= !call->failed;
        kept->evicted_ns = call->failed ? kept->evicted_ns : call->end_ns;
        return 0;
    }
    if (kept->resident_refused.row)
        return lint_report(lint, lint_rule_find("refused-call-ignored"), &kept->resident_refused, lint_what_life(life),
                           "then call %" PRIu64 " evicted what was not resident", now.call);
    return lint_report(lint, &rules[NOT_RESIDENT], &now, lint_what_life(life), "it was evicted as often as it was made resident");
}

static bool uses(enum ga_row_id row)
{
    return row == GA_ROW_d3dkmt_lock2 || row == GA_ROW_d3dkmt_make_resident || row == GA_ROW_d3dkmt_submit_command ||
           row == GA_ROW_d3dkmt_submit_command_to_hw_queue;
}

/* Offers and reclaims go by resource or by allocation. */
static int note_offer(const struct ga_call *call, const struct lint_name *name)
{
    bool offer = ga_row_id(call->row) == GA_ROW_d3dkmt_offer_allocations;
    struct lint_life *life = name->life ? lint_life(name->life) : NULL;
    struct lint_object *object = name->object ? lint_object(name->object) : NULL;
    if ((name->life && !life) || (name->object && !object))
        return -ENOMEM;
    if (life)
        life->offered = offer;
    if (object && name->object->kind == GA_OBJECT_RESOURCE)
        object->offered = offer;
    return 0;
}

static bool is_offered(const struct lint *lint, const struct ga_call *call, const struct ga_life *life)
{
    const struct lint_life *kept = life->user;
    const struct ga_object *resource = life->resource ? ga_lives_object_at(lint_lives(lint), GA_OBJECT_RESOURCE, life->process,
                                                                           life->resource, call->begin_ns)
                                                      : NULL;
    const struct lint_object *kept_resource = resource ? resource->user : NULL;
    return (kept && kept->offered) || (kept_resource && kept_resource->offered);
}

static int named(struct lint *lint, void *state, const struct ga_call *call, const struct lint_name *name)
{
    (void)state;
    enum ga_row_id row = ga_row_id(call->row);
    if (name->found != LINT_ALIVE || !ga_row_is_d3dkmt(call->row))
        return 0;
    if (row == GA_ROW_d3dkmt_offer_allocations || row == GA_ROW_d3dkmt_reclaim_allocations2)
        return call->failed ? 0 : note_offer(call, name);
    if (!name->life)
        return 0;
    if (uses(row) && is_offered(lint, call, name->life)) {
        struct lint_call now = lint_call_of(call);
        int result = lint_report(lint, &rules[OFFERED], &now, lint_what_life(name->life), "it was offered and not reclaimed");
        if (result)
            return result;
    }
    if ((row != GA_ROW_d3dkmt_make_resident && row != GA_ROW_d3dkmt_evict) || !lint_knows_process(lint, call))
        return 0;
    struct lint_life *kept = lint_life(name->life);
    if (!kept)
        return -ENOMEM;
    return row == GA_ROW_d3dkmt_evict ? evicted(lint, call, name->life, kept) : made_resident(lint, call, name->life, kept);
}

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    (void)state;
    uint64_t trim = 0;
    if (ga_row_id(call->row) == GA_ROW_d3dkmt_make_resident)
        trim = ((const struct ga_d3dkmt_make_resident *)call->record)->NumBytesToTrim;
    else if (ga_row_id(call->row) == GA_ROW_d3dkmt_evict)
        trim = ((const struct ga_d3dkmt_evict *)call->record)->NumBytesToTrim;
    if (!trim)
        return 0;
    struct lint_call now = lint_call_of(call);
    return lint_report(lint, &rules[OVER_BUDGET], &now, (struct lint_what){0}, "%s are to be trimmed", ga_bytes(trim).text);
}

const struct lint_family lint_family_residency = {.rules = rules, .named = named, .call = on_call};
