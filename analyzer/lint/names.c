/* Which handles a call names: from the names of its row's members, so that a new request needs no word here. */
#include <string.h>

#include "lint.h"

static const struct {
    const char *member;
    enum ga_object_kind kind;
    bool may_be_null;
} handles[] = {
    {"hAdapter", GA_OBJECT_ADAPTER, false},
    {"Info_PeriodicMonitoredFence_hAdapter", GA_OBJECT_ADAPTER, false},
    {"hDevice", GA_OBJECT_DEVICE, false},
    {"hContext", GA_OBJECT_CONTEXT, false},
    {"BroadcastContext", GA_OBJECT_CONTEXT, false},
    {"BroadcastContextArray", GA_OBJECT_CONTEXT, false},
    {"hHwContext", GA_OBJECT_HW_CONTEXT, false},
    {"hHwQueue", GA_OBJECT_HW_QUEUE, false},
    {"BroadcastHwQueueArray", GA_OBJECT_HW_QUEUE, false},
    {"hPagingQueue", GA_OBJECT_PAGING_QUEUE, false},
    {"hSyncObject", GA_OBJECT_SYNC_OBJECT, false},
    {"hFenceObject", GA_OBJECT_SYNC_OBJECT, true},
    {"ObjectHandleArray", GA_OBJECT_SYNC_OBJECT, false},
    {"hObject", GA_OBJECT_SCOPE, false},
    {"hResource", GA_OBJECT_RESOURCE, true},
    {"pResources", GA_OBJECT_RESOURCE, false},
    {"hAllocation", GA_OBJECT_ALLOCATION, false},
    {"AllocationList", GA_OBJECT_ALLOCATION, false},
    {"phAllocationList", GA_OBJECT_ALLOCATION, false},
    {"HandleList", GA_OBJECT_ALLOCATION, false},
    {"WrittenPrimaries", GA_OBJECT_ALLOCATION, false},
    {"HistoryBufferArray", GA_OBJECT_ALLOCATION, false},
    {"Map_hAllocation", GA_OBJECT_ALLOCATION, false},
    {"MapProtect_hAllocation", GA_OBJECT_ALLOCATION, false},
};

/* Rows whose member of that name is something else. */
static const struct {
    enum ga_row_id row;
    const char *member;
    enum ga_object_kind kind;
    bool may_be_null, ignored;
} exceptions[] = {
    {GA_ROW_d3dkmt_map_gpu_virtual_address, "hAllocation", GA_OBJECT_ALLOCATION, true, false},
    {GA_ROW_d3dkmt_reserve_gpu_virtual_address, "hPagingQueue", GA_OBJECT_SCOPE, false, true}, /* a queue or an adapter */
    {GA_ROW_d3dkmt_reserve_gpu_virtual_address, "hAdapter", GA_OBJECT_SCOPE, false, true},
    {GA_ROW_d3dkmt_escape, "hAdapter", GA_OBJECT_ADAPTER, true, false},
    {GA_ROW_d3dkmt_escape, "hDevice", GA_OBJECT_DEVICE, true, false},
    {GA_ROW_d3dkmt_escape, "hContext", GA_OBJECT_CONTEXT, true, false},
    {GA_ROW_d3dkmt_share_objects, "ObjectHandleArray", GA_OBJECT_SCOPE, false, false},
    {GA_ROW_d3dkmt_create_synchronization_object2, "hDevice", GA_OBJECT_DEVICE, true, false}, /* some kinds are the adapter's */
};

struct naming {
    const struct ga_call *call;
    int (*tell)(void *user, struct lint_name *name);
    void *user;
};

static bool look_up(const struct ga_row *row, const char *member, struct lint_name *name, bool *may_be_null)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (exceptions[i].row == ga_row_id(row) && strcmp(exceptions[i].member, member) == 0) {
            name->kind = exceptions[i].kind;
            *may_be_null = exceptions[i].may_be_null;
            return !exceptions[i].ignored;
        }
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        if (strcmp(handles[i].member, member) == 0) {
            name->kind = handles[i].kind;
            *may_be_null = handles[i].may_be_null;
            return true;
        }
    return false;
}

/* What a call of this row ends: the one kind for a CLOSE, resource or allocations for a DESTROY. */
static bool destroys(const struct ga_row *row, const struct lint_name *name)
{
    if (row->effect.kind == GA_EFFECT_DESTROY)
        return name->kind == GA_OBJECT_RESOURCE || name->kind == GA_OBJECT_ALLOCATION;
    return row->effect.kind == GA_EFFECT_CLOSE;
}

static int tell_handle(const struct naming *naming, struct lint_name name, bool may_be_null, uint64_t handle)
{
    name.handle = (uint32_t)handle;
    return !handle && may_be_null ? 0 : naming->tell(naming->user, &name);
}

static int tell_member(const struct naming *naming, const struct ga_row *row, const struct ga_member *member, const void *record,
                       uint32_t size)
{
    struct lint_name name = {.member = member};
    bool may_be_null;
    const struct ga_call *call = naming->call;
    bool one = member->kind == GA_INT && member->width == sizeof(uint32_t);
    bool list = member->kind == GA_ARRAY && member->entry == sizeof(uint32_t);
    if (member->in == GA_NONE || !(one || list) || !look_up(row, member->name, &name, &may_be_null) ||
        !ga_member_present(row, member, record, size, call->row, call->record))
        return 0;
    name.destroys = destroys(call->row, &name);
    if (one)
        return tell_handle(naming, name, may_be_null, ga_member_in(member, record));
    uint32_t count = (uint32_t)ga_load((const char *)record + member->length, sizeof count, false);
    const uint32_t *entries;
    memcpy(&entries, (const char *)record + member->in, sizeof entries);
    int result = 0;
    for (uint32_t i = 0; entries && i < count && !result; i++)
        result = tell_handle(naming, name, false, entries[i]);
    return result;
}

static int tell_record(const struct naming *naming, const struct ga_row *row, const void *record, uint32_t size)
{
    int result = 0;
    for (const struct ga_member *member = row->members(); member->name && !result; member++)
        result = tell_member(naming, row, member, record, size);
    return result;
}

static int d3dkmt_names(const struct naming *naming)
{
    const struct ga_call *call = naming->call;
    int result = 0;
    if (ga_row_id(call->row) == GA_ROW_d3dkmt_create_allocation) {
        /* With CreateResource hResource is not looked at. The elements name nothing on the way in. */
        const struct ga_d3dkmt_create_allocation *create = call->record;
        struct lint_name name = {.member = ga_row_member(call->row, "hDevice"), .kind = GA_OBJECT_DEVICE};
        result = tell_handle(naming, name, false, create->hDevice);
        name.member = ga_row_member(call->row, "hResource");
        name.kind = GA_OBJECT_RESOURCE;
        return result || create->Flags & 1 ? result : tell_handle(naming, name, true, create->hResource);
    }
    result = tell_record(naming, call->row, call->record, call->header->size);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX && !result; i++)
        for (uint32_t j = 0; j < call->elements[i].count && !result; j++) {
            const struct ga_row *row = call->elements[i].row;
            const void *record = (const char *)call->elements[i].records + j * row->record_size;
            const struct ga_element_header *header = record;
            if (header->size) /* else it was lost */
                result = tell_record(naming, row, record, header->size);
        }
    return result;
}

static int drm_names(const struct naming *naming)
{
    const struct ga_effect *effect = &naming->call->row->effect;
    const struct ga_member *member = ga_row_member(naming->call->row, effect->handle);
    struct lint_name name = {
        .member = member, .kind = GA_OBJECT_ALLOCATION, .destroys = effect->kind == GA_EFFECT_DESTROY};
    if (!member || member->in == GA_NONE || effect->kind == GA_EFFECT_CREATE || effect->kind == GA_EFFECT_IMPORT)
        return 0;
    return tell_handle(naming, name, false, ga_member_in(member, naming->call->record));
}

int lint_names(const struct ga_call *call, int (*tell)(void *user, struct lint_name *name), void *user)
{
    struct naming naming = {call, tell, user};
    if (call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    return ga_row_is_d3dkmt(call->row) ? d3dkmt_names(&naming) : drm_names(&naming);
}

uint32_t lint_handle_in(const struct ga_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(call->row, name);
    return member && member->in != GA_NONE ? (uint32_t)ga_member_in(member, call->record) : 0;
}
