/*
 * Scripts from plans: see script.h. Calls take effect as everywhere: a create at its end, all else at its begin; ties in the order
 * in which calls came. So a script says the same whatever number of threads a replay has.
 */
#include "replayer/sim/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libdrm/amdgpu_drm.h>

#include "base/array.h"
#include "base/map.h"
#include "replayer/placement.h"
#include "replayer/sim/space.h"

struct moment {
    int64_t ns;
    uint64_t tie;
    uint32_t call;
};

struct holder { /* of an object of the plan */
    uint32_t first_child, last_child, next; /* what goes with it, in the order in which it was made */
    uint32_t buffer;  /* of memory: its number while it is alive, or REPLAY_NONE */
    uint32_t known;   /* of memory: its number, once it was made */
    uint32_t handles; /* of memory: that are alive */
    uint32_t content; /* list of buffers: the call that says what is in it, or REPLAY_NONE */
    bool alive;
};

struct build {
    struct sim_script *script;
    const struct replay_plan *plan;
    struct holder *holders;
    struct ga_map names[2]; /* scope, handle -> object: of a process, of a file */
    struct moment *moments;
    uint64_t local_bytes;
    uint32_t call;
    int64_t ns;
};

uint32_t sim_script_add_buffer(struct sim_script *script, const struct sim_buffer *buffer)
{
    if (ga_array_room(&script->buffers, &script->buffer_room, script->buffer_count + 1u, sizeof *script->buffers) < 0)
        return REPLAY_NONE;
    script->buffers[script->buffer_count] = *buffer;
    return script->buffer_count++;
}

int sim_script_add_step(struct sim_script *script, const struct sim_step *step)
{
    if (ga_array_room(&script->steps, &script->step_room, script->step_count + 1, sizeof *script->steps) < 0)
        return -ENOMEM;
    script->steps[script->step_count++] = *step;
    return 0;
}

void sim_script_release(struct sim_script *script)
{
    free(script->steps);
    free(script->buffers);
    *script = (struct sim_script){0};
}

static int step(struct build *b, enum sim_action action, uint32_t buffer)
{
    return sim_script_add_step(b->script, &(struct sim_step){b->ns, b->call, buffer, (uint8_t)action});
}

static bool holds_memory(const struct replay_object *object)
{
    return object->kind == REPLAY_BUFFER || object->kind == REPLAY_ALLOCATION;
}

/* Handles of a process and those of a file are numbers of their own. Only what memory can go with is followed. */
static struct ga_map *names_of(struct build *b, const struct replay_object *object)
{
    return object->kind <= REPLAY_SYNC_OBJECT && object->kind != REPLAY_ADAPTER ? &b->names[0]
           : object->kind == REPLAY_BUFFER                                      ? &b->names[1] : NULL;
}

/* Requests that hand the program's own memory to the GPU. */
static bool is_users(const struct replay_call *call)
{
    switch (ga_row_id(replay_row(call))) {
    case GA_ROW_drm_amdgpu_gem_userptr:
    case GA_ROW_drm_radeon_gem_userptr:
    case GA_ROW_drm_i915_gem_userptr:
        return true;
    default:
        return false;
    }
}

static bool is_contiguous(const struct replay_plan *plan, const struct replay_call *call)
{
    union drm_amdgpu_gem_create create;
    if (ga_row_id(replay_row(call)) != GA_ROW_drm_amdgpu_gem_create || call->image_size < sizeof create)
        return false;
    memcpy(&create, plan->images + call->image, sizeof create);
    return create.in.domain_flags & AMDGPU_GEM_CREATE_VRAM_CONTIGUOUS;
}

/* A dumb buffer lies where the driver scans out from: in the device's memory, if all its devices have some (i915's have not). */
static enum replay_place dumb_place(const struct replay_plan *plan, const struct replay_call *call)
{
    const char *driver = call->file == REPLAY_NONE ? "" : plan->files[call->file].driver;
    const struct replay_dialect *dialect = replay_dialect_of(driver);
    return dialect && strcmp(driver, "i915") != 0 && replay_can_say(dialect, REPLAY_LOCAL) ? REPLAY_VISIBLE : REPLAY_COHERENT;
}

/* What D3DKMT calls existing memory (pSystemMem) is the program's own, and stays in the system. */
static bool is_existing_memory(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].kind == REPLAY_TO_MEMORY)
            return true;
    return false;
}

static struct sim_buffer describe(const struct replay_plan *plan, const struct replay_call *call, uint64_t size)
{
    struct sim_buffer buffer = {.size = size > UINT64_MAX / 4 ? UINT64_MAX / 4 / SIM_PAGE * SIM_PAGE
                                                              : (size + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE};
    if (ga_row_is_d3dkmt(replay_row(call))) {
        buffer.users = is_existing_memory(plan, call);
        buffer.local = !buffer.users;
        return buffer;
    }
    enum replay_place place = *replay_row(call)->driver ? replay_recorded_place(plan, call) : dumb_place(plan, call);
    buffer.users = is_users(call);
    buffer.local = !buffer.users && (place == REPLAY_LOCAL || place == REPLAY_VISIBLE);
    buffer.visible = place == REPLAY_VISIBLE;
    buffer.alignment = replay_recorded_alignment(plan, call);
    buffer.contiguous = is_contiguous(plan, call);
    return buffer;
}

/* The first handle of a memory; again, when it was kept by a descriptor alone in between, which no call tells. */
static int place_memory(struct build *b, uint32_t memory, const struct replay_call *call)
{
    struct holder *holder = &b->holders[memory];
    if (holder->known == REPLAY_NONE) {
        struct sim_buffer buffer = describe(b->plan, call, b->plan->objects[memory].size);
        if (!buffer.size) {
            b->script->unknown++;
            return 0;
        }
        holder->known = sim_script_add_buffer(b->script, &buffer);
        if (holder->known == REPLAY_NONE)
            return -ENOMEM;
    }
    holder->buffer = holder->known;
    const struct sim_buffer *buffer = &b->script->buffers[holder->buffer];
    if (buffer->local && (b->local_bytes += buffer->size) > b->script->local_peak)
        b->script->local_peak = b->local_bytes;
    return step(b, SIM_CREATE, holder->buffer);
}

static int end_handle(struct build *b, uint32_t memory)
{
    struct holder *holder = &b->holders[memory];
    if (!holder->handles || --holder->handles || holder->buffer == REPLAY_NONE)
        return 0;
    if (b->script->buffers[holder->buffer].local)
        b->local_bytes -= b->script->buffers[holder->buffer].size;
    uint32_t buffer = holder->buffer;
    holder->buffer = REPLAY_NONE;
    return step(b, SIM_FREE, buffer);
}

/* The memory of the handle. What another process's resource is opened as are the resource's own allocations, one by one: a plan
   knows of the resource alone that it is the same. */
static uint32_t memory_of(const struct build *b, uint32_t object)
{
    const struct replay_object *o = &b->plan->objects[object];
    if (o->kind != REPLAY_ALLOCATION || o->owner == REPLAY_NONE)
        return o->memory;
    uint32_t shared = b->plan->objects[o->owner].memory;
    if (b->plan->objects[o->owner].kind != REPLAY_RESOURCE || shared == o->owner)
        return o->memory;
    uint32_t mine = b->holders[o->owner].first_child, theirs = b->holders[shared].first_child;
    while (mine != object && mine != REPLAY_NONE && theirs != REPLAY_NONE) {
        mine = b->holders[mine].next;
        theirs = b->holders[theirs].next;
    }
    return mine == object && theirs != REPLAY_NONE ? b->plan->objects[theirs].memory : o->memory;
}

/* The object ends, and what goes with it. Owners are objects with lower numbers, so this ends. */
static int end_object(struct build *b, uint32_t object)
{
    const struct replay_object *o = &b->plan->objects[object];
    if (!b->holders[object].alive)
        return 0;
    b->holders[object].alive = false;
    struct ga_map *names = names_of(b, o);
    const uint64_t *known = names ? ga_map_get(names, o->scope, o->recorded) : NULL;
    if (known && *known == object)
        ga_map_erase(names, o->scope, o->recorded);
    int result = holds_memory(o) ? end_handle(b, memory_of(b, object)) : 0;
    for (uint32_t child = b->holders[object].first_child; result == 0 && child != REPLAY_NONE; child = b->holders[child].next)
        result = end_object(b, child);
    return result;
}

/* A handle that was given again: how the older one ended is not in the recording. */
static int enter(struct build *b, uint32_t object)
{
    const struct replay_object *o = &b->plan->objects[object];
    struct ga_map *names = names_of(b, o);
    b->holders[object].alive = true;
    if (!names)
        return 0;
    const uint64_t *known = ga_map_get(names, o->scope, o->recorded);
    int result = known && *known != object ? end_object(b, (uint32_t)*known) : 0;
    return result == 0 ? ga_map_set(names, o->scope, o->recorded, object) : result;
}

static int make(struct build *b, uint32_t object, const struct replay_call *call)
{
    int result = enter(b, object);
    if (b->plan->objects[object].kind == REPLAY_LIST)
        b->holders[object].content = b->call;
    if (result < 0 || !holds_memory(&b->plan->objects[object]))
        return result;
    uint32_t memory = memory_of(b, object);
    if (b->holders[memory].handles++)
        return 0;
    return place_memory(b, memory, call);
}

/* What a call does to the buffers that it names. */
static enum sim_action action_of(const struct ga_row *row)
{
    switch (ga_row_id(row)) {
    case GA_ROW_d3dkmt_make_resident:
    case GA_ROW_d3dkmt_reclaim_allocations2:
        return SIM_HOLD;
    case GA_ROW_d3dkmt_evict:
    case GA_ROW_d3dkmt_offer_allocations:
        return SIM_RELEASE;
    case GA_ROW_drm_amdgpu_gem_va: /* with it a buffer's pages are where the GPU looks for them */
    case GA_ROW_drm_radeon_gem_va:
    case GA_ROW_drm_xe_vm_bind:
    case GA_ROW_drm_nouveau_vm_bind:
    case GA_ROW_d3dkmt_map_gpu_virtual_address:
        return SIM_TOUCH;
    default:
        return replay_row_never(row) == REPLAY_SKIP_COMMANDS ? SIM_NEED : SIM_TOUCH;
    }
}

static int use_memory(struct build *b, uint32_t object, enum sim_action action)
{
    uint32_t buffer = b->holders[memory_of(b, object)].buffer;
    return buffer == REPLAY_NONE ? 0 : step(b, action, buffer);
}

/* All buffers that a call names: what a list of buffers was made of. */
static int use_list(struct build *b, uint32_t list, enum sim_action action)
{
    uint32_t content = b->holders[list].content;
    if (content == REPLAY_NONE)
        return 0;
    int result = 0;
    const struct replay_call *call = &b->plan->calls[content];
    for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &b->plan->refs[r];
        if (ref->kind == REPLAY_BUFFER && ref->object != REPLAY_NONE && b->holders[ref->object].alive)
            result = use_memory(b, ref->object, action);
    }
    return result;
}

static int use(struct build *b, const struct replay_call *call, uint32_t object)
{
    enum sim_action action = action_of(replay_row(call));
    const struct replay_object *o = &b->plan->objects[object];
    if (holds_memory(o))
        return use_memory(b, object, action);
    int result = 0;
    bool by_resource = o->kind == REPLAY_RESOURCE && (action == SIM_HOLD || action == SIM_RELEASE);
    for (uint32_t child = b->holders[object].first_child; result == 0 && by_resource && child != REPLAY_NONE;
         child = b->holders[child].next)
        if (b->holders[child].alive && holds_memory(&b->plan->objects[child]))
            result = use_memory(b, child, action);
    if (o->kind == REPLAY_LIST && ga_row_id(replay_row(call)) == GA_ROW_drm_amdgpu_bo_list)
        b->holders[object].content = b->call;
    else if (o->kind == REPLAY_LIST)
        result = use_list(b, object, action);
    return result;
}

/* Whether the call did to memory what it says: what a user left out of the plan did not. */
static bool counts(const struct replay_call *call)
{
    switch (call->skip) {
    case REPLAY_SKIP_NESTED:
    case REPLAY_SKIP_RETRY:
    case REPLAY_SKIP_UNREADABLE:
    case REPLAY_SKIP_ASKED:
    case REPLAY_SKIP_ASKED_MAKER:
        return false;
    default:
        return !call->failed;
    }
}

static bool makes(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (plan->refs[r].role == REPLAY_MAKES)
            return true;
    return false;
}

static int add_call(struct build *b, uint32_t number)
{
    static const uint8_t phases[] = {REPLAY_ENDS, REPLAY_USES, REPLAY_MAKES};
    const struct replay_call *call = &b->plan->calls[number];
    b->call = number;
    b->script->call_count += replay_row(call) != NULL;
    int result = replay_row(call) ? step(b, SIM_CALL, REPLAY_NONE) : 0;
    for (size_t phase = 0; phase < sizeof phases; phase++)
        for (uint32_t r = call->refs; result == 0 && counts(call) && r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &b->plan->refs[r];
            if (ref->object == REPLAY_NONE || ref->role != phases[phase])
                continue;
            result = ref->role == REPLAY_ENDS    ? end_object(b, ref->object)
                     : ref->role == REPLAY_MAKES ? make(b, ref->object, call)
                     : replay_row(call)              ? use(b, call, ref->object) : 0;
        }
    return result;
}

static int by_moment(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    if (x->ns != y->ns)
        return x->ns < y->ns ? -1 : 1;
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

static int prepare(struct build *b)
{
    const struct replay_plan *plan = b->plan;
    b->holders = calloc(plan->object_count + 1u, sizeof *b->holders);
    b->moments = calloc(plan->call_count + 1u, sizeof *b->moments);
    if (!b->holders || !b->moments)
        return -ENOMEM;
    for (uint32_t o = 0; o < plan->object_count; o++)
        b->holders[o] = (struct holder){REPLAY_NONE, REPLAY_NONE, REPLAY_NONE, REPLAY_NONE, REPLAY_NONE, 0, REPLAY_NONE, false};
    for (uint32_t o = 0; o < plan->object_count; o++) {
        uint32_t owner = plan->objects[o].owner;
        if (owner == REPLAY_NONE)
            continue;
        if (b->holders[owner].first_child == REPLAY_NONE)
            b->holders[owner].first_child = o;
        else
            b->holders[b->holders[owner].last_child].next = o;
        b->holders[owner].last_child = o;
    }
    for (uint32_t c = 0; c < plan->call_count; c++) {
        bool end = makes(plan, &plan->calls[c]);
        b->moments[c] = (struct moment){end ? plan->calls[c].end_ns : plan->calls[c].begin_ns, 2ull * plan->calls[c].arrival + end, c};
    }
    qsort(b->moments, plan->call_count, sizeof *b->moments, by_moment);
    return 0;
}

int sim_script_build(struct sim_script *script, const struct replay_plan *plan, struct ga_error *error)
{
    *script = (struct sim_script){.span_ns = plan->span_ns};
    struct build b = {.script = script, .plan = plan};
    int result = prepare(&b);
    for (uint32_t m = 0; result == 0 && m < plan->call_count; m++) {
        b.ns = b.moments[m].ns;
        result = add_call(&b, b.moments[m].call);
    }
    ga_map_release(&b.names[0]);
    ga_map_release(&b.names[1]);
    free(b.moments);
    free(b.holders);
    return result < 0 ? ga_error_errno(error, -result, "sim: what the recording did to memory") : 0;
}
