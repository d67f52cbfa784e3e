/* Who owns what: devices and their objects, resources and their allocations. Sources: D3DKMT_EVICT and its neighbours ("all
   allocations must be created on hDevice"), and dxgkrnl's checks of DestroyAllocation2 and CreateAllocation. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>

enum { WRONG_DEVICE, ARGUMENTS, MIXED_OWNERS, SHARED_MEMBER, SEALED };
static const struct lint_rule rules[] = {
    [WRONG_DEVICE] = {"wrong-device", LINT_ERROR, LINT_NEEDS_D3DKMT, "An object is used on another device than it was made on",
                      "Use the device that made it; to reach it from another one, share it and open it there"},
    [ARGUMENTS] = {"destroy-arguments", LINT_ERROR, LINT_NEEDS_CALL,
                   "A destroy names both a resource and a list of allocations, neither, or more than 1024",
                   "Pass hResource alone, or hResource 0 with 1 to 1024 allocations"},
    [MIXED_OWNERS] = {"destroy-mixed-owners", LINT_ERROR, LINT_NEEDS_D3DKMT,
                      "One destroy lists allocations of different resources, or some of a resource and some of none",
                      "Make one call for each resource: all of a list must have the same owner"},
    [SHARED_MEMBER] = {"destroy-shared-member", LINT_ERROR, LINT_NEEDS_D3DKMT,
                       "An allocation of a shared resource is destroyed alone", "Destroy the resource as a whole"},
    [SEALED] = {"sealed-resource", LINT_ERROR, LINT_NEEDS_D3DKMT,
                "Allocations are added to a resource that was shared or opened before",
                "Add all allocations before the first ShareObjects: it seals the resource"},
    {NULL},
};

enum { CREATE_SHARED = 1u << 1, ALLOCATIONS_MAX = 1024 };

struct state {
    /* Of the destroy that is being told: its first allocation's resource. */
    uint64_t process, call;
    uint32_t thread, resource;
    bool any, told;
};

static int wrong_device(struct lint *lint, const struct ga_call *call, const struct lint_name *name)
{
    uint32_t owner = name->life ? name->life->owner : name->object->owner;
    bool owned = name->life || (name->object->owner_kind == GA_OBJECT_DEVICE && name->object->kind != GA_OBJECT_SYNC_OBJECT);
    uint32_t device = owned ? lint_device_of(lint, call) : 0;
    struct lint_call now = lint_call_of(call);
    if (!device || !owner || device == owner)
        return 0;
    return lint_report(lint, &rules[WRONG_DEVICE], &now, name->life ? lint_what_life(name->life) : lint_what_object(name->object),
                       "the call works on device 0x%" PRIx32 ", the %s is of device 0x%" PRIx32, device,
                       ga_object_kind_name(name->kind), owner);
}

/* An allocation in the list of a destroy. */
static int listed(struct lint *lint, struct state *state, const struct ga_call *call, const struct ga_life *life)
{
    struct lint_call now = lint_call_of(call);
    struct ga_object *resource = life->resource ? ga_lives_object_at(lint_lives(lint), GA_OBJECT_RESOURCE, life->process,
                                                                     life->resource, call->begin_ns)
                                                : NULL;
    const struct lint_object *kept = resource ? resource->user : NULL;
    if (kept && kept->shared)
        return lint_report(lint, &rules[SHARED_MEMBER], &now, lint_what_life(life), "its resource is 0x%" PRIx32, life->resource);
    if (state->call != now.call || state->thread != now.thread || state->process != now.process)
        *state = (struct state){.process = now.process, .call = now.call, .thread = now.thread};
    if (!state->any) {
        state->any = true;
        state->resource = life->resource;
    }
    if (life->resource == state->resource || state->told)
        return 0;
    state->told = true;
    return lint_report(lint, &rules[MIXED_OWNERS], &now, lint_what_life(life),
                       "its resource is 0x%" PRIx32 ", the first one's 0x%" PRIx32, life->resource, state->resource);
}

static int seal(const struct lint_name *name)
{
    if (!name->object || name->object->kind != GA_OBJECT_RESOURCE)
        return 0;
    struct lint_object *kept = lint_object(name->object);
    if (!kept)
        return -ENOMEM;
    kept->sealed = true;
    return 0;
}

static int named(struct lint *lint, void *state, const struct ga_call *call, const struct lint_name *name)
{
    if (name->found != LINT_ALIVE || !ga_row_is_d3dkmt(call->row))
        return 0;
    enum ga_row_id row = ga_row_id(call->row);
    if (row == GA_ROW_d3dkmt_share_objects)
        return call->failed ? 0 : seal(name);
    const struct lint_object *kept = name->object ? name->object->user : NULL;
    struct lint_call now = lint_call_of(call);
    int result = 0;
    if (row == GA_ROW_d3dkmt_create_allocation && name->object->kind == GA_OBJECT_RESOURCE && kept && kept->sealed)
        result = lint_report(lint, &rules[SEALED], &now, lint_what_object(name->object), "hResource is 0x%" PRIx32, name->handle);
    if (!result && row == GA_ROW_d3dkmt_destroy_allocation && name->life)
        result = listed(lint, state, call, name->life);
    return result ? result : wrong_device(lint, call, name);
}

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    (void)state;
    if (ga_row_id(call->row) != GA_ROW_d3dkmt_destroy_allocation || call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    const struct ga_d3dkmt_destroy_allocation *destroy = call->record;
    struct lint_call now = lint_call_of(call);
    struct lint_what what = {.kind = destroy->hResource ? GA_OBJECT_RESOURCE : GA_OBJECT_SCOPE, .handle = destroy->hResource};
    if (destroy->AllocationCount <= ALLOCATIONS_MAX && !destroy->hResource != !destroy->AllocationCount)
        return 0;
    return lint_report(lint, &rules[ARGUMENTS], &now, what, "hResource is 0x%" PRIx32 ", AllocationCount is %" PRIu32,
                       destroy->hResource, destroy->AllocationCount);
}

/* Resources that are shared from their making, or opened. */
static int opened(struct lint *lint, void *state, struct ga_object *object, const struct ga_call *call)
{
    (void)lint, (void)state;
    const struct ga_d3dkmt_create_allocation *create = call->record;
    bool created = ga_row_id(call->row) == GA_ROW_d3dkmt_create_allocation;
    if (object->kind != GA_OBJECT_RESOURCE || (created && !(create->Flags & CREATE_SHARED)))
        return 0;
    struct lint_object *kept = lint_object(object);
    if (!kept)
        return -ENOMEM;
    kept->shared = true;
    kept->sealed = !created;
    return 0;
}

const struct lint_family lint_family_ownership = {
    .rules = rules, .state_size = sizeof(struct state), .named = named, .call = on_call, .opened = opened};
