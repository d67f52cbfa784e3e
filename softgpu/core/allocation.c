/*
 * softgpu's allocations: CreateAllocation and DestroyAllocation2. The checks come in the order in which dxgkrnl makes them, so that
 * a call with several faults fails here as it does there. Two kinds of refusal: an errno, and for some of a standard
 * allocation's faults STATUS_INVALID_PARAMETER as the ioctl's value, which dxgkrnl returns by accident and programs see.
 */
#include <errno.h>
#include <string.h>

#include "abi/softgpu.h"
#include "softgpu/state.h"

#define FLAG(name) D3DKMT_CREATEALLOCATION_##name

/* Bytes that a create takes on the guest driver's bus besides its data: the header, and each element's part. */
enum { PACKET_HEADER_SIZE = 64, PACKET_ELEMENT_SIZE = 12 };

/* CreateAllocation on its way. The elements lie in the state's scratch space, the objects and an element's private data behind them. */
struct create {
    struct softgpu_call *call;
    struct D3DKMT_CREATEALLOCATION *args;
    struct D3DDDI_ALLOCATIONINFO2 *elements;
    unsigned char *data; /* DXG_BUS_PACKET_SIZE bytes */
    struct D3DKMT_CREATESTANDARDALLOCATION standard;
    uint32_t device, resource; /* objects; resource 0: the allocations are the device's own */
    uint32_t shared;           /* what the resource is for all processes; 0: it is not shared */
    uint32_t *made;            /* objects of the elements, in scratch space too */
    uint32_t made_count;
};
#define SCRATCH_MADE (DXG_MAX_ALLOCATIONS * sizeof(struct D3DDDI_ALLOCATIONINFO2))
#define SCRATCH_DATA (SCRATCH_MADE + DXG_MAX_ALLOCATIONS * sizeof(uint32_t))
_Static_assert(SCRATCH_DATA + DXG_BUS_PACKET_SIZE <= SOFTGPU_SCRATCH_SIZE, "scratch space of a create");

/* What the driver learns of an element. */
struct element_work {
    uint64_t size;
    uint32_t flags; /* SOFTGPU_ALLOCATION_ */
    bool ours;      /* its private data is softgpu's */
};

static bool has_flag(const struct create *create, uint32_t flag)
{
    return create->args->Flags & flag;
}

static bool page_aligned(uint64_t value)
{
    return value % SOFTGPU_PAGE == 0;
}

static long read_elements(struct create *create)
{
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    if (args->NumAllocations == 0 || args->NumAllocations > DXG_MAX_ALLOCATIONS)
        return -EINVAL;
    long result = softgpu_read(create->call, create->elements, (uintptr_t)args->pAllocationInfo2,
                               args->NumAllocations * sizeof *create->elements);
    for (uint32_t i = 0; result == 0 && i < args->NumAllocations; i++) {
        uint32_t size = create->elements[i].PrivateDriverDataSize;
        if (size >= DXG_BUS_PACKET_SIZE || (has_flag(create, FLAG(StandardAllocation)) && size != 0))
            result = -EINVAL;
    }
    return result;
}

static long check_standard(struct create *create)
{
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    const struct D3DKMT_CREATESTANDARDALLOCATION *standard = &create->standard;
    if (!args->pStandardAllocation)
        return -EINVAL;
    long result = softgpu_read(create->call, &create->standard, (uintptr_t)args->pStandardAllocation, sizeof *standard);
    if (result)
        return result;
    uint64_t memory = (uintptr_t)create->elements[0].pSystemMem;
    bool existing = has_flag(create, FLAG(ExistingSysMem));
    switch (standard->Type) {
    case D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP:
        if (!memory || !page_aligned(memory) || !existing)
            return STATUS_INVALID_PARAMETER;
        break;
    case D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER:
        if (existing || memory)
            return STATUS_INVALID_PARAMETER;
        break;
    default:
        return STATUS_INVALID_PARAMETER;
    }
    uint64_t size = standard->ExistingHeapData.Size;
    if (args->PrivateDriverDataSize != 0 || args->NumAllocations != 1 || size == 0 || !page_aligned(size))
        return -EINVAL;
    return 0;
}

static long check_flags(struct create *create)
{
    if (has_flag(create, FLAG(ExistingSection) | FLAG(CreateProtected)))
        return -EINVAL;
    if (has_flag(create, FLAG(StandardAllocation))) {
        long result = check_standard(create);
        if (result)
            return result;
    }
    if (has_flag(create, FLAG(CreateShared)) && !has_flag(create, FLAG(CreateResource)))
        return -EINVAL;
    return 0;
}

/* Finds the device, and the resource that the allocations are to join. A new resource is made later. */
static long find_owner(struct create *create)
{
    struct softgpu_call *call = create->call;
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    create->device = softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice);
    if (!create->device)
        return -EINVAL;
    if (call->gpu->removed)
        return -ENODEV;
    if (has_flag(create, FLAG(CreateShared)) && !has_flag(create, FLAG(NtSecuritySharing)))
        return -EINVAL;
    if (has_flag(create, FLAG(CreateResource)) || !args->hResource)
        return 0;
    create->resource = softgpu_object_find(call->gpu, call->place, SOFTGPU_RESOURCE, args->hResource);
    const struct softgpu_object *resource = &call->gpu->objects[create->resource];
    create->shared = resource->backing;
    if (!create->resource || resource->parent != create->device || call->gpu->objects[create->shared].sealed)
        return -EINVAL;
    return 0;
}

static long check_system_memory(const struct create *create)
{
    const struct D3DDDI_ALLOCATIONINFO2 *elements = create->elements;
    for (uint32_t i = 0; i < create->args->NumAllocations; i++) {
        if (!page_aligned((uintptr_t)elements[i].pSystemMem)) /* a standard allocation's is aligned by now */
            return -EINVAL;
        if (!elements[0].pSystemMem != !elements[i].pSystemMem)
            return -EINVAL;
    }
    return 0;
}

static long check_packet_size(const struct create *create)
{
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    uint64_t resource_data = has_flag(create, FLAG(StandardAllocation)) ? sizeof create->standard : args->PrivateDriverDataSize;
    uint64_t size = PACKET_HEADER_SIZE + resource_data + args->PrivateRuntimeDataSize;
    for (uint32_t i = 0; i < args->NumAllocations; i++)
        size += PACKET_ELEMENT_SIZE + create->elements[i].PrivateDriverDataSize;
    return size > DXG_BUS_PACKET_SIZE ? -EOVERFLOW : 0;
}

/* The call's own data must be there. It is kept for those who open a shared resource, and read for that before the elements are
   looked at. */
static long read_call_data(struct create *create)
{
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    if (args->PrivateRuntimeDataSize > DXG_BUS_PACKET_SIZE || args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE)
        return 0; /* what the packet's size says later */
    long result = softgpu_read(create->call, create->data, (uintptr_t)args->pPrivateRuntimeData, args->PrivateRuntimeDataSize);
    if (result == 0 && !has_flag(create, FLAG(StandardAllocation)))
        result = softgpu_read(create->call, create->data, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    return result;
}

/* Bytes and placement of an element: from the standard allocation, or softgpu's private data, or neither. */
static uint32_t learn_size(const struct create *create, struct element_work *work, const struct D3DDDI_ALLOCATIONINFO2 *element)
{
    struct softgpu_private_data data = {.magic = 0};
    work->flags = element->pSystemMem ? SOFTGPU_ALLOCATION_SYSTEM : 0;
    if (has_flag(create, FLAG(StandardAllocation))) {
        work->size = create->standard.ExistingHeapData.Size;
        work->flags = SOFTGPU_ALLOCATION_SYSTEM;
        return 0;
    }
    if (element->PrivateDriverDataSize >= sizeof data)
        memcpy(&data, create->data, sizeof data);
    if (data.magic != SOFTGPU_MAGIC) {
        work->size = SOFTGPU_FOREIGN_SIZE;
        return 0;
    }
    uint32_t known = SOFTGPU_ALLOCATION_SYSTEM | SOFTGPU_ALLOCATION_LOCAL;
    if (data.size == 0 || data.size > 1ull << 48 || data.flags & ~known || (data.flags & known) == known)
        return (uint32_t)STATUS_INVALID_PARAMETER;
    work->size = (data.size + SOFTGPU_PAGE - 1) & ~(uint64_t)(SOFTGPU_PAGE - 1);
    work->flags |= data.flags;
    work->ours = true;
    return 0;
}

static bool try_segment(struct softgpu_call *call, uint32_t index, int segment, uint64_t size)
{
    return softgpu_offer_make_room(call, call->gpu->objects[index].adapter, segment, size) &&
           softgpu_object_charge(call->gpu, index, segment, size);
}

static uint32_t try_place(struct softgpu_call *call, uint32_t index, uint64_t size, uint32_t flags)
{
    if (!(flags & SOFTGPU_ALLOCATION_SYSTEM) && try_segment(call, index, SEGMENT_LOCAL, size))
        return 0;
    if (flags & SOFTGPU_ALLOCATION_LOCAL)
        return (uint32_t)STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    return try_segment(call, index, SEGMENT_SYSTEM, size) ? 0 : (uint32_t)STATUS_NO_MEMORY;
}

static uint32_t place(struct softgpu_call *call, uint32_t index, uint64_t size, uint32_t flags)
{
    uint32_t status = try_place(call, index, size, flags);
    if (status) {
        if (call->memory->alive)
            softgpu_reap(call->gpu, call->memory->alive, call->memory->user);
        softgpu_reap_shared(call->gpu, call->memory);
        status = try_place(call, index, size, flags);
    }
    return status;
}

/* Of a shared resource: the memory, and the driver's data for those who open it, are kept apart from this process's handle. A
   standard allocation's driver data is what softgpu's driver makes of it. */
static long make_shared_element(struct create *create, uint32_t index, const struct D3DDDI_ALLOCATIONINFO2 *element,
                                const struct element_work *work)
{
    struct softgpu_call *call = create->call;
    struct softgpu *gpu = call->gpu;
    uint32_t shared = softgpu_object_create(gpu, SOFTGPU_SHARED_ALLOCATION, SOFTGPU_COMMON, create->shared,
                                            gpu->objects[index].adapter);
    if (!shared)
        return -ENOMEM;
    gpu->objects[shared].ours = work->ours;
    long result = softgpu_status_result(place(call, shared, work->size, work->flags));
    if (result) {
        softgpu_object_destroy(gpu, shared);
        return result;
    }
    softgpu_object_back(gpu, index, shared, false);
    struct softgpu_private_data standard = {.magic = SOFTGPU_MAGIC, .flags = SOFTGPU_ALLOCATION_SYSTEM, .size = work->size};
    bool is_standard = has_flag(create, FLAG(StandardAllocation));
    gpu->objects[shared].data_size = is_standard ? sizeof standard : element->PrivateDriverDataSize;
    return softgpu_store_put(gpu, &gpu->objects[shared].data, is_standard ? (void *)&standard : create->data,
                             gpu->objects[shared].data_size);
}

static long make_element(struct create *create, uint32_t i)
{
    struct softgpu_call *call = create->call;
    const struct D3DDDI_ALLOCATIONINFO2 *element = &create->elements[i];
    struct element_work work = {.size = 0};
    long result = softgpu_read(call, create->data, (uintptr_t)element->pPrivateDriverData, element->PrivateDriverDataSize);
    if (result)
        return result;
    uint32_t status = learn_size(create, &work, element);
    if (status)
        return softgpu_status_result(status);
    uint32_t owner = create->resource ? create->resource : create->device;
    uint8_t adapter = call->gpu->objects[create->device].adapter;
    uint32_t index = softgpu_object_create(call->gpu, SOFTGPU_ALLOCATION, call->place, owner, adapter);
    if (!index)
        return -ENOMEM;
    create->made[create->made_count++] = index;
    call->gpu->objects[index].address = (uintptr_t)element->pSystemMem;
    if (create->shared)
        return make_shared_element(create, index, element, &work);
    call->gpu->objects[index].ours = work.ours;
    return softgpu_status_result(place(call, index, work.size, work.flags));
}

/* Writes an element's results: what softgpu's driver has to say in its private data, then the handle. */
static long give_element(struct create *create, uint32_t i)
{
    struct softgpu_call *call = create->call;
    const struct softgpu_object *object = &call->gpu->objects[create->made[i]];
    long result = 0;
    if (object->ours) {
        struct softgpu_private_data data = {
            .reserved = object->size,
            .segment = object->segment == SEGMENT_LOCAL ? SOFTGPU_SEGMENT_LOCAL : SOFTGPU_SEGMENT_SYSTEM};
        size_t from = offsetof(struct softgpu_private_data, reserved), to = offsetof(struct softgpu_private_data, format);
        result = softgpu_write(call, (uintptr_t)create->elements[i].pPrivateDriverData + from, (char *)&data + from, to - from);
    }
    D3DKMT_HANDLE handle = softgpu_object_handle(call->gpu, create->made[i]);
    uint64_t address = (uintptr_t)create->args->pAllocationInfo2 + i * sizeof *create->elements +
                       offsetof(struct D3DDDI_ALLOCATIONINFO2, hAllocation);
    return result ? result : softgpu_write(call, address, &handle, sizeof handle);
}

/* Keeps the runtime's and the driver's data of a resource for those who open it. */
static long make_shared_resource(struct create *create)
{
    struct softgpu_call *call = create->call;
    struct softgpu *gpu = call->gpu;
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    create->shared = softgpu_object_create(gpu, SOFTGPU_SHARED_RESOURCE, SOFTGPU_COMMON, 0, gpu->objects[create->device].adapter);
    if (!create->shared)
        return -ENOMEM;
    struct softgpu_object *shared = &gpu->objects[create->shared];
    softgpu_object_back(gpu, create->resource, create->shared, false);
    shared->data_size = args->PrivateRuntimeDataSize;
    long result = softgpu_read(call, create->data, (uintptr_t)args->pPrivateRuntimeData, shared->data_size);
    if (result == 0)
        result = softgpu_store_put(gpu, &shared->data, create->data, shared->data_size);
    if (result || has_flag(create, FLAG(StandardAllocation)))
        return result;
    shared->data2_size = args->PrivateDriverDataSize;
    result = softgpu_read(call, create->data, (uintptr_t)args->pPrivateDriverData, shared->data2_size);
    return result ? result : softgpu_store_put(gpu, &shared->data2, create->data, shared->data2_size);
}

static long make_resource(struct create *create)
{
    struct softgpu_call *call = create->call;
    const struct D3DKMT_CREATEALLOCATION *args = create->args;
    if (!has_flag(create, FLAG(CreateResource)))
        return 0;
    create->resource = softgpu_object_create(call->gpu, SOFTGPU_RESOURCE, call->place, create->device,
                                             call->gpu->objects[create->device].adapter);
    if (!create->resource)
        return -ENOMEM;
    struct softgpu_object *resource = &call->gpu->objects[create->resource];
    resource->shared = has_flag(create, FLAG(CreateShared));
    resource->surface = args->hPrivateRuntimeResourceHandle;
    return resource->shared ? make_shared_resource(create) : 0;
}

static void unmake(struct create *create)
{
    while (create->made_count)
        softgpu_object_destroy(create->call->gpu, create->made[--create->made_count]);
    if (create->resource && has_flag(create, FLAG(CreateResource)))
        softgpu_object_destroy(create->call->gpu, create->resource);
}

static long make_all(struct create *create)
{
    struct softgpu_call *call = create->call;
    long result = make_resource(create);
    for (uint32_t i = 0; result == 0 && i < create->args->NumAllocations; i++)
        result = make_element(create, i);
    for (uint32_t i = 0; result == 0 && i < create->args->NumAllocations; i++)
        result = give_element(create, i);
    if (result == 0 && has_flag(create, FLAG(CreateResource))) {
        D3DKMT_HANDLE handle = softgpu_object_handle(call->gpu, create->resource);
        result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_CREATEALLOCATION, hResource), &handle,
                               sizeof handle);
    }
    if (result)
        unmake(create);
    return result;
}

long softgpu_create_allocation(struct softgpu_call *call, void *structure)
{
    static long (*const checks[])(struct create *create) = {read_elements, check_flags, find_owner};
    struct create create = {.call = call, .args = structure, .elements = (void *)call->gpu->scratch};
    create.made = (void *)(call->gpu->scratch + SCRATCH_MADE);
    create.data = call->gpu->scratch + SCRATCH_DATA;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        long result = checks[i](&create);
        if (result)
            return result;
    }
    long result = has_flag(&create, FLAG(CreateShared)) ? read_call_data(&create) : 0;
    if (result == 0)
        result = check_system_memory(&create);
    if (result == 0)
        result = check_packet_size(&create);
    if (result == 0)
        result = read_call_data(&create);
    return result ? result : make_all(&create);
}

/* Whether a listed allocation may go: the device's, with the same owner as the first (*owner is 0 before it), not of a shared
   resource, and not listed before. dxgkrnl doesn't look for the last, and frees it twice. */
static bool may_destroy(const struct softgpu *gpu, uint32_t index, uint32_t device, uint32_t *owner)
{
    const struct softgpu_object *allocation = &gpu->objects[index];
    const struct softgpu_object *parent = &gpu->objects[allocation->parent];
    if (*owner == 0)
        *owner = allocation->parent;
    if (!index || allocation->parent != *owner || allocation->listed)
        return false;
    if (parent->type == SOFTGPU_RESOURCE)
        return parent->parent == device && !parent->shared;
    return allocation->parent == device;
}

static long destroy_listed(struct softgpu_call *call, uint32_t device, uint32_t *handles, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    uint32_t owner = 0, listed = 0;
    while (listed < count) {
        uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, handles[listed]);
        if (!may_destroy(gpu, index, device, &owner))
            break;
        gpu->objects[index].listed = 1;
        handles[listed++] = index;
    }
    for (uint32_t i = 0; i < listed; i++) {
        gpu->objects[handles[i]].listed = 0;
        if (listed == count)
            softgpu_object_destroy(gpu, handles[i]);
    }
    return listed == count ? 0 : -EINVAL;
}

long softgpu_destroy_allocation(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_DESTROYALLOCATION2 *args = structure;
    if (args->AllocationCount > DXG_MAX_ALLOCATIONS || (args->AllocationCount == 0) == (args->hResource == 0))
        return -EINVAL;
    uint32_t *handles = (void *)call->gpu->scratch;
    long result = softgpu_read(call, handles, (uintptr_t)args->phAllocationList, args->AllocationCount * sizeof *handles);
    if (result)
        return result;
    uint32_t device;
    result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    if (args->AllocationCount)
        return destroy_listed(call, device, handles, args->AllocationCount);
    uint32_t resource = softgpu_object_find(call->gpu, call->place, SOFTGPU_RESOURCE, args->hResource);
    if (!resource || call->gpu->objects[resource].parent != device)
        return -EINVAL;
    softgpu_object_destroy(call->gpu, resource);
    return 0;
}
