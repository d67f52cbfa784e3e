/* Standard translation: see standard.h. */
#include "replayer/standard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi/d3dkmt.h"

enum { PAGE = 4096 };
enum form { AS_RECORDED, AS_CREATE, AS_DESTROY };
#define CREATE_ALLOCATION DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION)
#define DESTROY_ALLOCATION DXG_IOCTL(0x13, struct D3DKMT_DESTROYALLOCATION2)

/* A lane's call that is under way: the objects that it makes or ends. */
struct standard_work {
    uint32_t *objects, *handles, *resources;
    uint32_t count, room, done;
    struct D3DKMT_CREATEALLOCATION create;
    struct D3DKMT_DESTROYALLOCATION2 destroy;
};

static uint64_t image_member(const struct replay_plan *plan, const struct replay_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(replay_row(call), name);
    return member ? ga_load(plan->images + call->image + member->offset, member->width, false) : 0;
}

static bool is_memory(uint8_t kind) { return kind == REPLAY_ALLOCATION || kind == REPLAY_BUFFER; }

/* Memory that an object owns, through others too: a device's resources have allocations. */
static uint32_t child_count(const struct replay_standard *s, uint32_t object)
{
    uint32_t count = 0;
    for (uint32_t child = s->first_child[object]; child != REPLAY_NONE; child = s->next[child])
        count += is_memory(s->plan->objects[child].kind) + child_count(s, child);
    return count;
}

/* Bytes that must be known of all that the call makes. */
static enum replay_skip bind_create(const struct replay_plan *plan, const struct replay_call *call, uint8_t *form)
{
    if (call->failed)
        return REPLAY_SKIP_NO_COUNTERPART;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ref->role == REPLAY_MAKES && is_memory(ref->kind) && (ref->object == REPLAY_NONE || !plan->objects[ref->object].size))
            return REPLAY_SKIP_NO_SIZE;
    }
    *form = AS_CREATE;
    return REPLAY_ISSUED;
}

static enum replay_skip bind_other_interface(const struct replay_plan *plan, const struct replay_call *call, uint8_t *form)
{
    enum ga_effect_kind effect = replay_row(call) ? replay_row(call)->effect.kind : GA_EFFECT_DESTROY;
    if (effect == GA_EFFECT_CREATE)
        return bind_create(plan, call, form);
    if (effect != GA_EFFECT_DESTROY || call->failed)
        return REPLAY_SKIP_NO_COUNTERPART;
    *form = AS_DESTROY;
    return REPLAY_ISSUED;
}

/* Whether the call hands the driver bytes, or numbers, that only the recorded driver understands. */
static bool is_for_one_driver(const struct replay_plan *plan, const struct replay_call *call)
{
    enum { DRIVER_PRIVATE = 0 }; /* KMTQAITYPE_UMDRIVERPRIVATE */
    switch (ga_row_id(replay_row(call))) {
    case GA_ROW_d3dkmt_query_adapter_info:
        return image_member(plan, call, "Type") == DRIVER_PRIVATE;
    case GA_ROW_d3dkmt_update_allocation_property: /* segments are each driver's own */
        return true;
    case GA_ROW_d3dkmt_query_resource_info:
    case GA_ROW_d3dkmt_query_resource_info_from_nt_handle:
    case GA_ROW_d3dkmt_open_resource:
    case GA_ROW_d3dkmt_open_resource_from_nt_handle: /* the sizes of the creator's private data are in the call */
        return true;
    default:
        return image_member(plan, call, "PrivateDriverDataSize") != 0;
    }
}

/* It failed because of that, and will again. */
static bool names_stranger(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (plan->refs[r].object != REPLAY_NONE && plan->objects[plan->refs[r].object].stranger)
            return true;
    return false;
}

/* Whether what it ends was made by a translated call; recorded standard allocations are as they were. */
static bool ends_translated(const struct replay_standard *s, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &s->plan->refs[r];
        uint32_t maker = ref->role == REPLAY_ENDS && ref->object != REPLAY_NONE ? s->plan->objects[ref->object].maker : REPLAY_NONE;
        if (maker != REPLAY_NONE && s->forms[maker] == AS_CREATE)
            return true;
    }
    return false;
}

/* A D3DKMT call where there is no D3DKMT device: its allocations are made and ended by size, and all else has no counterpart. What
   stands on memory of the program's own (ExistingSysMem) takes none of the device's. */
static enum replay_skip bind_by_maker(const struct replay_standard *s, const struct replay_call *call, uint8_t *form)
{
    const struct replay_plan *plan = s->plan;
    bool ends = false;
    if (ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_create_allocation)
        return image_member(plan, call, "Flags") & D3DKMT_CREATEALLOCATION_ExistingSysMem ? REPLAY_SKIP_NO_COUNTERPART
                                                                                           : bind_create(plan, call, form);
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        ends |= ref->role == REPLAY_ENDS && ref->object != REPLAY_NONE &&
                (is_memory(ref->kind) || child_count(s, ref->object) > 0);
    }
    if (!ends || call->failed)
        return REPLAY_SKIP_NO_COUNTERPART;
    *form = AS_DESTROY;
    return REPLAY_ISSUED;
}

static enum replay_skip bind_call(const struct replay_standard *s, const struct replay_call *call, uint8_t *form)
{
    const struct replay_plan *plan = s->plan;
    *form = AS_RECORDED;
    if (s->maker)
        return bind_by_maker(s, call, form);
    if (!replay_row(call) || !ga_row_is_d3dkmt(replay_row(call)))
        return bind_other_interface(plan, call, form);
    if (ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_create_allocation) {
        uint64_t flags = image_member(plan, call, "Flags");
        if (flags & D3DKMT_CREATEALLOCATION_StandardAllocation) /* any driver's */
            return REPLAY_ISSUED;
        return flags & D3DKMT_CREATEALLOCATION_ExistingSysMem ? REPLAY_SKIP_NO_COUNTERPART : bind_create(plan, call, form);
    }
    if (ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_destroy_allocation) {
        *form = call->failed || !ends_translated(s, call) ? AS_RECORDED : AS_DESTROY;
        return call->failed && !names_stranger(plan, call) ? REPLAY_SKIP_NO_COUNTERPART : REPLAY_ISSUED;
    }
    if (is_for_one_driver(plan, call))
        return REPLAY_SKIP_NO_COUNTERPART;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) /* a resource of several is several resources */
        if (plan->refs[r].kind == REPLAY_RESOURCE && plan->refs[r].object != REPLAY_NONE && !call->failed &&
            (child_count(s, plan->refs[r].object) != 1 || ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_share_objects))
            return REPLAY_SKIP_NO_COUNTERPART;
    return REPLAY_ISSUED;
}

static int find_children(struct replay_standard *s)
{
    const struct replay_plan *plan = s->plan;
    s->first_child = malloc((plan->object_count + 1u) * sizeof *s->first_child);
    s->next = malloc((plan->object_count + 1u) * sizeof *s->next);
    s->resources = calloc(plan->object_count + 1u, sizeof *s->resources);
    if (!s->first_child || !s->next || !s->resources)
        return -ENOMEM;
    memset(s->first_child, 0xff, (plan->object_count + 1u) * sizeof *s->first_child);
    for (uint32_t o = plan->object_count; o-- > 0;) {
        uint32_t owner = plan->objects[o].owner;
        s->next[o] = REPLAY_NONE;
        if (owner == REPLAY_NONE)
            continue;
        s->next[o] = s->first_child[owner];
        s->first_child[owner] = o;
    }
    return 0;
}

/* Objects that a translated call makes or ends, at most. */
static uint32_t room_of(const struct replay_standard *s, const struct replay_call *call)
{
    uint32_t room = call->ref_count;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (s->plan->refs[r].role == REPLAY_ENDS && s->plan->refs[r].object != REPLAY_NONE)
            room += child_count(s, s->plan->refs[r].object);
    return room;
}

static int make_works(struct replay_standard *s)
{
    const struct replay_plan *plan = s->plan;
    s->works = calloc(plan->lane_count + 1u, sizeof *s->works);
    if (!s->works)
        return -ENOMEM;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct standard_work *work = &s->works[plan->calls[c].lane];
        uint32_t room = s->forms[c] == AS_RECORDED ? 0 : room_of(s, &plan->calls[c]);
        work->room = room > work->room ? room : work->room;
    }
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        struct standard_work *work = &s->works[l];
        work->objects = calloc(work->room + 1u, sizeof *work->objects);
        work->handles = calloc(work->room + 1u, sizeof *work->handles);
        work->resources = calloc(work->room + 1u, sizeof *work->resources);
        if (!work->objects || !work->handles || !work->resources)
            return -ENOMEM;
    }
    return 0;
}

int replay_standard_bind(struct replay_standard *s, struct replay_requests *requests, const struct replay_plan *plan,
                         struct replay_binding *binding, struct ga_error *error)
{
    *s = (struct replay_standard){.plan = plan, .requests = requests, .forms = calloc(plan->call_count + 1u, 1), .maker = s->maker,
                                  .maker_user = s->maker_user};
    if (!s->forms || find_children(s) < 0)
        return ga_error_errno(error, ENOMEM, "standard translation");
    if (!s->maker)
        binding->mode = REPLAY_STANDARD;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        if (s->maker && !(replay_row(call) && ga_row_is_d3dkmt(replay_row(call))))
            continue; /* the device's own interface */
        enum replay_skip skip = bind_call(s, call, &s->forms[c]);
        if (!binding->skips[c] || (binding->skips[c] == REPLAY_SKIP_NO_DATA && s->forms[c] == AS_CREATE))
            binding->skips[c] = (uint8_t)skip; /* private data that was lost is not needed */
        binding->translated[c] = s->forms[c] != AS_RECORDED;
        s->needs_device |= binding->translated[c] && !(replay_row(call) && ga_row_is_d3dkmt(replay_row(call)));
    }
    return make_works(s) < 0 ? ga_error_errno(error, ENOMEM, "standard translation") : 0;
}

void replay_standard_release(struct replay_standard *s)
{
    for (uint32_t l = 0; s->works && l < s->plan->lane_count; l++) {
        free(s->works[l].objects);
        free(s->works[l].handles);
        free(s->works[l].resources);
    }
    free(s->works);
    free(s->forms);
    free(s->first_child);
    free(s->next);
    free(s->resources);
    *s = (struct replay_standard){0};
}

static void add_ended(struct replay_standard *s, struct standard_work *work, uint32_t object)
{
    if (replay_value(s->requests, object) == REPLAY_ABSENT || work->count == work->room)
        return;
    work->objects[work->count] = object;
    work->resources[work->count++] = atomic_load_explicit(&s->resources[object], memory_order_relaxed);
}

static void add_children(struct replay_standard *s, struct standard_work *work, uint32_t object)
{
    for (uint32_t child = s->first_child[object]; child != REPLAY_NONE; child = s->next[child]) {
        if (is_memory(s->plan->objects[child].kind))
            add_ended(s, work, child);
        add_children(s, work, child);
    }
}

static void add_object(struct replay_standard *s, struct standard_work *work, const struct replay_ref *ref)
{
    if (ref->role == REPLAY_MAKES && is_memory(ref->kind))
        work->objects[work->count++] = ref->object;
    if (ref->role != REPLAY_ENDS)
        return;
    if (is_memory(ref->kind))
        add_ended(s, work, ref->object);
    add_children(s, work, ref->object);
}

static bool names_memory(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (is_memory(plan->refs[r].kind) || plan->refs[r].kind == REPLAY_RESOURCE)
            return true;
    return false;
}

enum replay_skip replay_standard_prepare(struct replay_standard *s, uint32_t lane, const struct replay_call *call)
{
    const struct replay_plan *plan = s->plan;
    struct standard_work *work = &s->works[lane];
    uint64_t device = s->device;
    work->count = work->done = 0;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ref->object == REPLAY_NONE)
            continue;
        if (ref->kind == REPLAY_DEVICE && !s->maker)
            device = replay_value(s->requests, ref->object);
        add_object(s, work, ref);
    }
    if (!work->count && s->maker && !names_memory(plan, call)) /* a device that has nothing left */
        return REPLAY_SKIP_NO_COUNTERPART;
    if (device == REPLAY_ABSENT || (!work->count && replay_row(call)))
        return REPLAY_SKIP_ABSENT;
    bool named = replay_row(call) && ga_row_is_d3dkmt(replay_row(call)) && s->forms[call - plan->calls] == AS_CREATE;
    work->create = (struct D3DKMT_CREATEALLOCATION){
        .hDevice = (uint32_t)device,
        .NumAllocations = 1,
        .Flags = D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_StandardAllocation,
        .hPrivateRuntimeResourceHandle = named ? image_member(plan, call, "hPrivateRuntimeResourceHandle") : 0};
    work->destroy = (struct D3DKMT_DESTROYALLOCATION2){.hDevice = (uint32_t)device};
    return REPLAY_ISSUED;
}

static int make_one(const struct replay_standard *s, int fd, struct standard_work *work, uint32_t i)
{
    if (s->maker) {
        int result = s->maker->make(s->maker_user, fd, s->plan->objects[work->objects[i]].size, &work->handles[i]);
        work->resources[i] = work->handles[i];
        return result;
    }
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER};
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    standard.ExistingHeapData.Size = (s->plan->objects[work->objects[i]].size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    work->create.hResource = 0;
    work->create.pStandardAllocation = &standard;
    work->create.pAllocationInfo2 = &info;
    int result = ioctl(fd, CREATE_ALLOCATION, &work->create);
    work->handles[i] = info.hAllocation;
    work->resources[i] = work->create.hResource;
    return result;
}

static int end_one(const struct replay_standard *s, int fd, struct standard_work *work, uint32_t i)
{
    if (s->maker)
        return s->maker->end(s->maker_user, fd, work->resources[i]);
    work->destroy.hResource = work->resources[i];
    return ioctl(fd, DESTROY_ALLOCATION, &work->destroy);
}

void replay_standard_issue(struct replay_standard *s, int fd, uint32_t lane, const struct replay_call *call,
                           struct replay_outcome *outcome)
{
    struct standard_work *work = &s->works[lane];
    bool creates = s->forms[call - s->plan->calls] == AS_CREATE;
    const atomic_bool *give_up = outcome->give_up;
    int result = 0;
    for (work->done = 0; result >= 0 && work->done < work->count; work->done += result >= 0)
        do
            result = creates ? make_one(s, fd, work, work->done) : end_one(s, fd, work, work->done);
        while (result == -1 && (errno == EINTR || (s->maker && errno == EAGAIN)) &&
               !(give_up && atomic_load_explicit(give_up, memory_order_relaxed)));
    *outcome = (struct replay_outcome){.ret = result, .error = result == -1 ? errno : 0, .failed = result < 0};
}

void replay_standard_finish(struct replay_standard *s, int fd, uint32_t lane, const struct replay_call *call,
                            const struct replay_outcome *outcome)
{
    struct standard_work *work = &s->works[lane];
    bool creates = s->forms[call - s->plan->calls] == AS_CREATE;
    for (uint32_t i = 0; i < work->done; i++) {
        if (creates && outcome->failed) { /* all of them, or none */
            end_one(s, fd, work, i);
            continue;
        }
        atomic_store_explicit(&s->resources[work->objects[i]], work->resources[i], memory_order_relaxed);
        replay_set_value(s->requests, work->objects[i], creates ? work->handles[i] : REPLAY_ABSENT);
    }
    for (uint32_t r = call->refs; !outcome->failed && r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &s->plan->refs[r];
        if (ref->kind != REPLAY_RESOURCE || ref->object == REPLAY_NONE || ref->role == REPLAY_USES)
            continue;
        replay_set_value(s->requests, ref->object, creates && work->done ? work->resources[0] : REPLAY_ABSENT);
    }
}
