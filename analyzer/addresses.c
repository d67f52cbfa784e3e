/* What calls do to GPU virtual addresses, from a table: where in a request's record, or in each element of it, stands what. */
#include "analyzer/addresses.h"

enum { PAGE = 4096, OPERATIONS = 5, LISTS = 2 };

/* A member of a record; width 0: there is none. */
struct place {
    uint16_t offset, width;
};
#define AT(row, member) {offsetof(struct ga_##row, member), sizeof ((struct ga_##row *)0)->member}

struct request {
    enum ga_row_id row;
    const char *lists[LISTS];      /* ELEMENTS members, of whose elements the places are; none: of the call's record */
    struct place vm;               /* in the call's record; none: its file, or process, has one space */
    struct place handle, address;
    struct place size;             /* none: the whole allocation */
    struct place operation, flags; /* none: 0 */
    uint32_t sparse;               /* flag with which taking is reserving, and giving the end of that */
    uint16_t unit;                 /* bytes that size counts; 0: 1 */
    uint8_t shift;                 /* of the operation in its member */
    bool ends_with_handle;
    uint8_t does[OPERATIONS];      /* enum address_change_kind, by operation */
};

/* Of a request with several rows all apply. */
static const struct request requests[] = {
    {
        .row = GA_ROW_d3dkmt_map_gpu_virtual_address,
        .handle = AT(d3dkmt_map_gpu_virtual_address, hAllocation),
        .address = AT(d3dkmt_map_gpu_virtual_address, VirtualAddress),
        .size = AT(d3dkmt_map_gpu_virtual_address, SizeInPages),
        .unit = PAGE,
        .does = {ADDRESS_TAKE},
    },
    {
        .row = GA_ROW_d3dkmt_reserve_gpu_virtual_address,
        .address = AT(d3dkmt_reserve_gpu_virtual_address, VirtualAddress),
        .size = AT(d3dkmt_reserve_gpu_virtual_address, Size),
        .does = {ADDRESS_TAKE},
    },
    {
        .row = GA_ROW_d3dkmt_free_gpu_virtual_address,
        .address = AT(d3dkmt_free_gpu_virtual_address, BaseAddress),
        .size = AT(d3dkmt_free_gpu_virtual_address, Size),
        .does = {ADDRESS_GIVE},
    },
    {
        .row = GA_ROW_d3dkmt_update_gpu_virtual_address,
        .lists = {"Operations"},
        .operation = AT(d3dkmt_gpu_virtual_address_operation, OperationType),
        .handle = AT(d3dkmt_gpu_virtual_address_operation, Map_hAllocation),
        .address = AT(d3dkmt_gpu_virtual_address_operation, Map_BaseAddress),
        .size = AT(d3dkmt_gpu_virtual_address_operation, Map_SizeInBytes),
        .does = {[0] = ADDRESS_TAKE},
    },
    {
        .row = GA_ROW_d3dkmt_update_gpu_virtual_address,
        .lists = {"Operations"},
        .operation = AT(d3dkmt_gpu_virtual_address_operation, OperationType),
        .handle = AT(d3dkmt_gpu_virtual_address_operation, MapProtect_hAllocation),
        .address = AT(d3dkmt_gpu_virtual_address_operation, MapProtect_BaseAddress),
        .size = AT(d3dkmt_gpu_virtual_address_operation, MapProtect_SizeInBytes),
        .does = {[3] = ADDRESS_TAKE},
    },
    {
        /* The kernel asks an unmap for where the mapping begins alone. */
        .row = GA_ROW_drm_amdgpu_gem_va,
        .operation = AT(drm_amdgpu_gem_va, operation),
        .handle = AT(drm_amdgpu_gem_va, handle),
        .address = AT(drm_amdgpu_gem_va, va_address),
        .size = AT(drm_amdgpu_gem_va, map_size),
        .ends_with_handle = true,
        .does = {[1] = ADDRESS_TAKE, [2] = ADDRESS_GIVE_AT, [3] = ADDRESS_GIVE, [4] = ADDRESS_TAKE},
    },
    {
        /* A buffer has one address; mapped again, it stays where it is. */
        .row = GA_ROW_drm_radeon_gem_va,
        .operation = AT(drm_radeon_gem_va, operation),
        .handle = AT(drm_radeon_gem_va, handle),
        .address = AT(drm_radeon_gem_va, offset_out),
        .ends_with_handle = true,
        .does = {[1] = ADDRESS_HAS, [2] = ADDRESS_GIVE_ALL},
    },
    {
        .row = GA_ROW_drm_msm_gem_info,
        .operation = AT(drm_msm_gem_info, info),
        .handle = AT(drm_msm_gem_info, handle),
        .address = AT(drm_msm_gem_info, value_out),
        .ends_with_handle = true,
        .does = {[1] = ADDRESS_HAS, [4] = ADDRESS_HAS},
    },
    {.row = GA_ROW_drm_xe_vm_create, .vm = AT(drm_xe_vm_create, vm_id), .does = {ADDRESS_BEGIN}},
    {.row = GA_ROW_drm_xe_vm_destroy, .vm = AT(drm_xe_vm_destroy, vm_id), .does = {ADDRESS_END}},
    {
        .row = GA_ROW_drm_xe_vm_bind,
        .lists = {"bind", "vector_of_binds"},
        .vm = AT(drm_xe_vm_bind, vm_id),
        .operation = AT(drm_xe_bind_op, op),
        .handle = AT(drm_xe_bind_op, obj),
        .address = AT(drm_xe_bind_op, addr),
        .size = AT(drm_xe_bind_op, range),
        .does = {[0] = ADDRESS_TAKE, [1] = ADDRESS_GIVE, [2] = ADDRESS_TAKE, [3] = ADDRESS_GIVE_ALL},
    },
    {
        .row = GA_ROW_drm_nouveau_vm_bind,
        .lists = {"op_ptr"},
        .operation = AT(drm_nouveau_bind_op, op),
        .flags = AT(drm_nouveau_bind_op, flags),
        .sparse = 1u << 8,
        .handle = AT(drm_nouveau_bind_op, handle),
        .address = AT(drm_nouveau_bind_op, addr),
        .size = AT(drm_nouveau_bind_op, range),
        .does = {[0] = ADDRESS_TAKE, [1] = ADDRESS_GIVE},
    },
    {.row = GA_ROW_drm_panthor_vm_create, .vm = AT(drm_panthor_vm_create, id), .does = {ADDRESS_BEGIN}},
    {.row = GA_ROW_drm_panthor_vm_destroy, .vm = AT(drm_panthor_vm_destroy, id), .does = {ADDRESS_END}},
    {
        .row = GA_ROW_drm_panthor_vm_bind,
        .lists = {"ops_array"},
        .vm = AT(drm_panthor_vm_bind, vm_id),
        .operation = AT(drm_panthor_bind_op, flags),
        .shift = 28,
        .handle = AT(drm_panthor_bind_op, bo_handle),
        .address = AT(drm_panthor_bind_op, va),
        .size = AT(drm_panthor_bind_op, size),
        .does = {[0] = ADDRESS_TAKE, [1] = ADDRESS_GIVE},
    },
};

static uint64_t value_at(const void *record, struct place place)
{
    return place.width ? ga_load((const char *)record + place.offset, place.width, false) : 0;
}

static enum address_change_kind kind_of(const struct request *request, const void *record)
{
    uint64_t operation = value_at(record, request->operation) >> request->shift;
    enum address_change_kind kind = operation < OPERATIONS ? request->does[operation] : ADDRESS_UNCHANGED;
    if (!(value_at(record, request->flags) & request->sparse))
        return kind;
    return kind == ADDRESS_TAKE ? ADDRESS_RESERVE : kind == ADDRESS_GIVE ? ADDRESS_UNRESERVE : kind;
}

/* What the call, or one element of it, does; record: of that. */
static struct address_change change_of(const struct request *request, const struct ga_call *call, const void *record)
{
    return (struct address_change){
        .kind = kind_of(request, record),
        .scope = ga_row_is_drm(call->row) ? call->header->file : call->header->process,
        .vm = request->vm.width ? value_at(call->record, request->vm) : ADDRESS_ONE_SPACE,
        .ends_with_handle = request->ends_with_handle,
        .handle = (uint32_t)value_at(record, request->handle),
        .address = value_at(record, request->address),
        .size = value_at(record, request->size) * (request->unit ? request->unit : 1),
        .whole = !request->size.width,
    };
}

static int tell_list(const struct request *request, const char *list, const struct ga_call *call, address_tell *tell, void *user)
{
    const struct ga_member *member = ga_row_member(call->row, list);
    if (!ga_member_present(call->row, member, call->record, call->header->size, NULL, NULL))
        return 0;
    struct ga_elements elements = ga_call_elements(call, member, call->record);
    int result = 0;
    for (uint32_t i = 0; i < elements.count && !result; i++) {
        const char *record = (const char *)elements.records + (size_t)i * elements.row->record_size;
        const struct ga_element_header *element = (const void *)record;
        struct address_change change = change_of(request, call, record);
        if (element->size && change.kind) /* size 0: it was lost */
            result = tell(user, call, &change);
    }
    return result;
}

int address_changes(const struct ga_call *call, address_tell *tell, void *user)
{
    enum ga_row_id row = ga_row_id(call->row);
    int result = 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests && !result; i++) {
        const struct request *request = &requests[i];
        if (request->row != row)
            continue;
        for (size_t list = 0; list < LISTS && request->lists[list] && !result; list++)
            result = tell_list(request, request->lists[list], call, tell, user);
        struct address_change change = request->lists[0] ? (struct address_change){0} : change_of(request, call, call->record);
        if (change.kind)
            result = tell(user, call, &change);
    }
    return result;
}
