/* Lock2 and Unlock2 in pairs. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>

enum { LEAKED, NOT_LOCKED };
static const struct lint_rule rules[] = {
    [LEAKED] = {"leaked-lock", LINT_WARNING, LINT_NEEDS_D3DKMT, "An allocation was locked and never unlocked",
                "Call Unlock2 once for each Lock2, before the allocation is destroyed: the CPU's mapping keeps its memory in place"},
    [NOT_LOCKED] = {"unlock-not-locked", LINT_ERROR, LINT_NEEDS_D3DKMT, "An allocation is unlocked that is not locked",
                    "Call Unlock2 once for each Lock2 that succeeded"},
    {NULL},
};

static int unlock(struct lint *lint, const struct ga_call *call, struct ga_life *life, struct lint_life *kept)
{
    struct lint_call now = lint_call_of(call);
    if (kept->locks) {
        kept->locks -= !call->failed;
        return 0;
    }
    if (kept->lock_refused.row)
        return lint_report(lint, lint_rule_find("refused-call-ignored"), &kept->lock_refused, lint_what_life(life),
                           "then call %" PRIu64 " unlocked what was not locked", now.call);
    return lint_report(lint, &rules[NOT_LOCKED], &now, lint_what_life(life), "it was locked as often as it was unlocked");
}

static int named(struct lint *lint, void *state, const struct ga_call *call, const struct lint_name *name)
{
    (void)state;
    enum ga_row_id row = ga_row_id(call->row);
    if (!name->life || (row != GA_ROW_d3dkmt_lock2 && row != GA_ROW_d3dkmt_unlock2) || !lint_knows_process(lint, call))
        return 0;
    struct lint_life *kept = lint_life(name->life);
    if (!kept)
        return -ENOMEM;
    if (row == GA_ROW_d3dkmt_unlock2)
        return unlock(lint, call, name->life, kept);
    if (call->failed) {
        kept->lock_refused = lint_call_of(call);
        return 0;
    }
    kept->lock_refused = (struct lint_call){0};
    if (!kept->locks++)
        kept->locked = lint_call_of(call);
    return 0;
}

static int died(struct lint *lint, void *state, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)state, (void)call;
    const struct lint_life *kept = life->user;
    if (!kept || !kept->locks || (how != GA_END_NOT && how != GA_END_FREED))
        return 0;
    return lint_report(lint, &rules[LEAKED], &kept->locked, lint_what_life(life), "it was still locked %s",
                       how == GA_END_NOT ? "at the end of the recording" : "when it was destroyed");
}

const struct lint_family lint_family_locks = {.rules = rules, .named = named, .died = died};
