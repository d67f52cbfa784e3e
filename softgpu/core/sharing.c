/*
 * softgpu's sharing: ShareObjects gives a resource an NT handle, a descriptor that any process may receive; QueryResourceInfo- and
 * OpenResourceFromNtHandle take it. Checks and their order are dxgkrnl's.
 *
 * What processes share is an object of its own, with the creator's data in the store; each process's resource, its creator's too, is
 * a view of it. It lives as long as a view, or a descriptor that stands for it. Each descriptor has an entry (SOFTGPU_NT_HANDLE)
 * among the shared object's children; whether it is still open somewhere, only the front end can tell, and it is asked when the
 * last view went.
 */
#include <errno.h>
#include <string.h>

#include "softgpu/state.h"

enum { HANDLES_LOOKED_AT = 64 }; /* NT handles of one object, from which on closed ones are looked for before another is made */

static struct softgpu_name name_of(const struct softgpu *gpu, uint32_t handle)
{
    const struct softgpu_object *object = &gpu->objects[handle];
    return (struct softgpu_name){.state = gpu->identity,
                                 .serial = object->serial,
                                 .index = handle,
                                 .note = object->note,
                                 .resource = gpu->objects[object->parent].type == SOFTGPU_SHARED_RESOURCE};
}

/* Takes away the entries of descriptors that are closed; how many are left. */
static uint32_t drop_closed(struct softgpu *gpu, const struct softgpu_memory *memory, uint32_t shared)
{
    uint32_t next, left = 0;
    for (uint32_t child = gpu->objects[shared].children; child; child = next) {
        next = gpu->objects[child].next;
        if (gpu->objects[child].type != SOFTGPU_NT_HANDLE)
            continue;
        struct softgpu_name name = name_of(gpu, child);
        if (!memory->held || memory->held(memory->user, &name))
            left++;
        else
            softgpu_object_destroy(gpu, child);
    }
    return left;
}

void softgpu_reap_shared(struct softgpu *gpu, const struct softgpu_memory *memory)
{
    uint32_t next;
    gpu->unclaimed = 0;
    for (uint32_t i = gpu->processes[SOFTGPU_COMMON].objects; i; i = next) {
        next = gpu->objects[i].next;
        if (!gpu->objects[i].references && !drop_closed(gpu, memory, i))
            softgpu_object_destroy(gpu, i);
    }
}

/* ---- Sealing --------------------------------------------------------------------------------------------------------------- */

/* The allocations of a shared resource in the order of their creation, in scratch space; their number. */
static uint32_t list_allocations(struct softgpu *gpu, uint32_t shared, uint32_t *list)
{
    uint32_t count = 0;
    for (uint32_t child = gpu->objects[shared].children; child; child = gpu->objects[child].next)
        count += gpu->objects[child].type == SOFTGPU_SHARED_ALLOCATION;
    uint32_t at = count;
    for (uint32_t child = gpu->objects[shared].children; child; child = gpu->objects[child].next)
        if (gpu->objects[child].type == SOFTGPU_SHARED_ALLOCATION)
            list[--at] = child; /* the list has the newest first */
    for (uint32_t i = 1; i < count; i++) /* or another order, after a repair */
        for (uint32_t j = i; j && gpu->objects[list[j - 1]].serial > gpu->objects[list[j]].serial; j--) {
            uint32_t swap = list[j];
            list[j] = list[j - 1];
            list[j - 1] = swap;
        }
    return count;
}

struct sizes {
    uint32_t allocations;
    uint64_t data; /* bytes of all allocations' driver data */
};

static struct sizes measure(const struct softgpu *gpu, uint32_t shared)
{
    struct sizes sizes = {0};
    for (uint32_t child = gpu->objects[shared].children; child; child = gpu->objects[child].next)
        if (gpu->objects[child].type == SOFTGPU_SHARED_ALLOCATION) {
            sizes.allocations++;
            sizes.data += gpu->objects[child].data_size;
        }
    return sizes;
}

/* From the first share or open on nothing is added. dxgkrnl refuses a resource whose allocations have no driver data at all, but
   has sealed it by then, and takes it the next time. */
static long seal(struct softgpu *gpu, uint32_t shared)
{
    if (gpu->objects[shared].sealed)
        return 0;
    gpu->objects[shared].sealed = 1;
    return measure(gpu, shared).data == 0 ? -EINVAL : 0;
}

/* ---- Requests -------------------------------------------------------------------------------------------------------------- */

/* The object that a handle names for sharing, whatever its kind: what processes share of it, or 0. */
static uint32_t find_shared(const struct softgpu_call *call, D3DKMT_HANDLE handle)
{
    uint32_t index = softgpu_object_find(call->gpu, call->place, SOFTGPU_RESOURCE, handle);
    if (!index)
        index = softgpu_object_find(call->gpu, call->place, SOFTGPU_SYNC, handle);
    return call->gpu->objects[index].backing;
}

long softgpu_share_objects(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SHAREOBJECTS *args = structure;
    struct softgpu *gpu = call->gpu;
    const struct softgpu_memory *memory = call->memory;
    D3DKMT_HANDLE handle;
    if (args->ObjectCount != 1)
        return -EINVAL;
    long result = softgpu_read(call, &handle, (uintptr_t)args->ObjectHandleArray, sizeof handle);
    if (result)
        return result;
    uint32_t shared = find_shared(call, handle);
    if (!shared)
        return -EINVAL;
    if (!memory->share)
        return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    if (gpu->objects[shared].handles >= HANDLES_LOOKED_AT)
        gpu->objects[shared].handles = drop_closed(gpu, memory, shared);
    uint32_t entry = softgpu_object_create(gpu, SOFTGPU_NT_HANDLE, SOFTGPU_COMMON, shared, gpu->objects[shared].adapter);
    if (!entry)
        return -ENOMEM;
    struct softgpu_name name = name_of(gpu, entry);
    int descriptor = memory->share(memory->user, &name);
    result = descriptor < 0 ? -ENOTRECOVERABLE : name.resource ? seal(gpu, shared) : 0;
    uint64_t nt_handle = (uint64_t)descriptor;
    if (result == 0)
        result = softgpu_write(call, (uintptr_t)args->pSharedNtHandle, &nt_handle, sizeof nt_handle);
    if (result) {
        if (descriptor >= 0)
            memory->unshare(memory->user, descriptor);
        softgpu_object_destroy(gpu, entry);
        return result;
    }
    gpu->objects[entry].note = name.note;
    gpu->objects[shared].handles++;
    return 0;
}

uint32_t softgpu_shared_find(const struct softgpu_call *call, uint64_t descriptor, enum softgpu_type type)
{
    const struct softgpu *gpu = call->gpu;
    struct softgpu_name name;
    if (!call->memory->shared || call->memory->shared(call->memory->user, descriptor, &name) != 0)
        return 0;
    if (name.state != gpu->identity || name.index == 0 || name.index >= gpu->high_water)
        return 0;
    const struct softgpu_object *entry = &gpu->objects[name.index];
    if (entry->type != SOFTGPU_NT_HANDLE || entry->serial != name.serial || gpu->objects[entry->parent].type != type)
        return 0;
    return entry->parent;
}

long softgpu_query_resource_info_from_nt_handle(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t shared = softgpu_shared_find(call, args->hNtHandle, SOFTGPU_SHARED_RESOURCE);
    if (!shared || !softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, args->hDevice))
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    long result = seal(gpu, shared);
    if (result)
        return result;
    struct sizes sizes = measure(gpu, shared);
    args->PrivateRuntimeDataSize = gpu->objects[shared].data_size;
    args->ResourcePrivateDriverDataSize = gpu->objects[shared].data2_size;
    args->NumAllocations = sizes.allocations;
    args->TotalPrivateDriverDataSize = (uint32_t)sizes.data;
    return softgpu_write(call, call->argument, args, sizeof *args);
}

/* OpenResourceFromNtHandle on its way. The allocations' lists lie in scratch space, kept bytes on their way to the caller behind. */
struct opening {
    struct softgpu_call *call;
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE *args;
    uint32_t device, shared;
    uint32_t resource;           /* made */
    uint32_t *allocations, *made; /* shared ones, and this process's */
};
enum { LIST_MAX = 16 * 1024 }; /* allocations of one shared resource */
#define SCRATCH_BYTES (2 * LIST_MAX * sizeof(uint32_t))
_Static_assert(SCRATCH_BYTES + DXG_BUS_PACKET_SIZE <= SOFTGPU_SCRATCH_SIZE, "scratch space of an open");

static long give_kept(struct opening *opening, void *to, uint32_t data, uint32_t size)
{
    unsigned char *bytes = opening->call->gpu->scratch + SCRATCH_BYTES;
    softgpu_store_get(opening->call->gpu, data, bytes, size);
    return softgpu_write(opening->call, (uintptr_t)to, bytes, size);
}

static long make_views(struct opening *opening)
{
    struct softgpu_call *call = opening->call;
    struct softgpu *gpu = call->gpu;
    uint8_t adapter = gpu->objects[opening->shared].adapter;
    opening->resource = softgpu_object_create(gpu, SOFTGPU_RESOURCE, call->place, opening->device, adapter);
    if (!opening->resource)
        return -ENOMEM;
    gpu->objects[opening->resource].shared = 1;
    softgpu_object_back(gpu, opening->resource, opening->shared, true);
    for (uint32_t i = 0; i < opening->args->NumAllocations; i++) {
        opening->made[i] = softgpu_object_create(gpu, SOFTGPU_ALLOCATION, call->place, opening->resource, adapter);
        if (!opening->made[i])
            return -ENOMEM;
        softgpu_object_back(gpu, opening->made[i], opening->allocations[i], true);
    }
    return 0;
}

/* The creator's data first, all of it; then the elements, which point into it. */
static long give_views(struct opening *opening)
{
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE *args = opening->args;
    struct softgpu *gpu = opening->call->gpu;
    const struct softgpu_object *shared = &gpu->objects[opening->shared];
    long result = give_kept(opening, args->pPrivateRuntimeData, shared->data, shared->data_size);
    if (result == 0)
        result = give_kept(opening, args->pResourcePrivateDriverData, shared->data2, shared->data2_size);
    char *total = args->pTotalPrivateDriverDataBuffer;
    for (uint32_t i = 0, at = 0; result == 0 && i < args->NumAllocations; i++) {
        const struct softgpu_object *allocation = &gpu->objects[opening->allocations[i]];
        result = give_kept(opening, total + at, allocation->data, allocation->data_size);
        at += allocation->data_size;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; result == 0 && i < args->NumAllocations; i++) {
        const struct softgpu_object *allocation = &gpu->objects[opening->allocations[i]];
        struct D3DDDI_OPENALLOCATIONINFO2 element = {.hAllocation = softgpu_object_handle(gpu, opening->made[i]),
                                                     .pPrivateDriverData = total + used,
                                                     .PrivateDriverDataSize = allocation->data_size};
        used += allocation->data_size;
        result = softgpu_write(opening->call, (uintptr_t)(args->pOpenAllocationInfo2 + i), &element, sizeof element);
    }
    args->TotalPrivateDriverDataBufferSize = used;
    args->hResource = softgpu_object_handle(gpu, opening->resource);
    return result;
}

static long give_results(const struct opening *opening)
{
    struct softgpu_call *call = opening->call;
    const struct D3DKMT_OPENRESOURCEFROMNTHANDLE *args = opening->args;
    long result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_OPENRESOURCEFROMNTHANDLE, hResource), &args->hResource,
                                sizeof args->hResource);
    if (result)
        return result;
    return softgpu_write(call, call->argument + offsetof(struct D3DKMT_OPENRESOURCEFROMNTHANDLE, TotalPrivateDriverDataBufferSize),
                         &args->TotalPrivateDriverDataBufferSize, sizeof args->TotalPrivateDriverDataBufferSize);
}

long softgpu_open_resource_from_nt_handle(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t *lists = (void *)gpu->scratch;
    struct opening opening = {.call = call, .args = args, .allocations = lists, .made = lists + LIST_MAX};
    opening.shared = softgpu_shared_find(call, args->hNtHandle, SOFTGPU_SHARED_RESOURCE);
    opening.device = softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, args->hDevice);
    if (!opening.shared || !opening.device)
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    long result = seal(gpu, opening.shared);
    if (result)
        return result;
    const struct softgpu_object *shared = &gpu->objects[opening.shared];
    struct sizes sizes = measure(gpu, opening.shared);
    if (args->NumAllocations != sizes.allocations || args->PrivateRuntimeDataSize < shared->data_size ||
        args->ResourcePrivateDriverDataSize < shared->data2_size || args->TotalPrivateDriverDataBufferSize < sizes.data)
        return -EINVAL;
    if (shared->adapter != gpu->objects[opening.device].adapter) /* the host's word: it is another adapter's memory */
        return softgpu_invalid();
    if (sizes.allocations > LIST_MAX)
        return -ENOMEM;
    list_allocations(gpu, opening.shared, opening.allocations);
    result = make_views(&opening);
    if (result == 0)
        result = give_views(&opening);
    if (result == 0)
        result = give_results(&opening);
    if (result && opening.resource)
        softgpu_object_destroy(gpu, opening.resource);
    return result;
}
