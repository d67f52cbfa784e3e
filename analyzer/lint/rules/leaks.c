/* What is still there at the end of the recording. What ended with its device, or with the last close of it, is no leak: the interface
   promises that. An allocation of a resource that leaked is its resource's. */
#include "analyzer/lint/lint.h"

#include <inttypes.h>

#include "base/units.h"

enum { ALLOCATION, RESOURCE, DEVICE, ADAPTER, CONTEXT, PAGING_QUEUE, SYNC_OBJECT, GEM_HANDLE };
static const struct lint_rule rules[] = {
    [ALLOCATION] = {"leaked-allocation", LINT_WARNING, LINT_NEEDS_D3DKMT, "An allocation was never freed",
                    "Call DestroyAllocation2 with it, or destroy its device"},
    [RESOURCE] = {"leaked-resource", LINT_WARNING, LINT_NEEDS_D3DKMT, "A resource was never freed, nor were its allocations",
                  "Call DestroyAllocation2 with hResource, or destroy its device"},
    [DEVICE] = {"leaked-device", LINT_WARNING, LINT_NEEDS_D3DKMT, "A device was never destroyed", "Call DestroyDevice"},
    [ADAPTER] = {"leaked-adapter", LINT_WARNING, LINT_NEEDS_D3DKMT, "An adapter was opened and not closed as often",
                 "Call CloseAdapter once for each opening: EnumAdapters opens every adapter that it lists"},
    [CONTEXT] = {"leaked-context", LINT_WARNING, LINT_NEEDS_D3DKMT, "A context or hardware queue was never destroyed",
                 "Call DestroyContext, DestroyHwQueue or DestroyHwContext, or destroy the device"},
    [PAGING_QUEUE] = {"leaked-paging-queue", LINT_WARNING, LINT_NEEDS_D3DKMT, "A paging queue was never destroyed",
                      "Call DestroyPagingQueue, or destroy the device"},
    [SYNC_OBJECT] = {"leaked-sync-object", LINT_WARNING, LINT_NEEDS_D3DKMT, "A sync object was never destroyed",
                     "Call DestroySynchronizationObject, or destroy the device"},
    [GEM_HANDLE] = {"leaked-gem-handle", LINT_WARNING, LINT_NEEDS_DRM, "A GEM handle was never closed",
                    "Call GEM_CLOSE (DESTROY_DUMB for a dumb buffer) with it, or close its device: a PRIME import is a handle too"},
    {NULL},
};

static int died(struct lint *lint, void *state, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)state, (void)call;
    const struct lint_life *kept = life->user;
    if (how != GA_END_NOT || (kept && kept->destroy_refused.row))
        return 0;
    bool drm = !ga_row_is_d3dkmt(life->row);
    if (!drm && life->resource) {
        const struct ga_object *resource =
            ga_lives_object_at(lint_lives(lint), GA_OBJECT_RESOURCE, life->process, life->resource, INT64_MAX);
        if (resource && resource->row)
            return 0;
    }
    struct lint_call made = lint_call_of_life(life);
    return lint_report(lint, &rules[drm ? GEM_HANDLE : ALLOCATION], &made, lint_what_life(life),
                       "%s, alive at the end of the recording",
                       life->origin == GA_SIZE_UNKNOWN ? "of unknown size" : ga_bytes(life->size).text);
}

static int closed(struct lint *lint, void *state, struct ga_object *object, enum ga_life_end how, const struct ga_call *call)
{
    static const int rule_of[GA_OBJECT_KINDS] = {
        [GA_OBJECT_ADAPTER] = ADAPTER,         [GA_OBJECT_DEVICE] = DEVICE,       [GA_OBJECT_RESOURCE] = RESOURCE,
        [GA_OBJECT_CONTEXT] = CONTEXT,         [GA_OBJECT_HW_CONTEXT] = CONTEXT,  [GA_OBJECT_HW_QUEUE] = CONTEXT,
        [GA_OBJECT_PAGING_QUEUE] = PAGING_QUEUE, [GA_OBJECT_SYNC_OBJECT] = SYNC_OBJECT};
    (void)state, (void)call;
    const struct lint_object *kept = object->user;
    /* The fence of a queue goes with the queue. */
    bool part = object->owner_kind == GA_OBJECT_PAGING_QUEUE || object->owner_kind == GA_OBJECT_HW_QUEUE;
    if (how != GA_END_NOT || part || (kept && kept->destroy_refused.row))
        return 0;
    struct lint_call made = lint_call_of_object(object);
    if (object->kind == GA_OBJECT_ADAPTER)
        return lint_report(lint, &rules[ADAPTER], &made, lint_what_object(object), "%" PRIu32 " openings of it are left",
                           object->opens);
    return lint_report(lint, &rules[rule_of[object->kind]], &made, lint_what_object(object), "alive at the end of the recording");
}

const struct lint_family lint_family_leaks = {.rules = rules, .died = died, .closed = closed};
