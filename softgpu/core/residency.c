/*
 * softgpu's residency: which allocations the process keeps where the GPU can use them, and in what order they should go.
 *
 * MakeResident counts, Evict counts back; a new allocation counts 0 and is not resident. Paging here is done by the time the call
 * returns: a call that had something to bring in moves the queue's fence on, gives its new value, and answers STATUS_PENDING as
 * real drivers do. Its bytes are counted in their segment from creation on, so there is always room, and nothing to trim.
 */
#include <errno.h>

#include "softgpu/state.h"

enum { LIST_MAX = 10 * 1024 }; /* handles of one call, as dxgkrnl has it */
_Static_assert(2 * LIST_MAX * sizeof(uint32_t) <= SOFTGPU_SCRATCH_SIZE, "scratch space of a list and its results");

/* The objects of a call: allocations of one device, by index. */
struct list {
    uint32_t *indexes; /* in scratch space; behind them is as much room again */
    uint32_t count;
};

static long check_count(uint32_t count)
{
    return count == 0 || count > LIST_MAX ? -EINVAL : 0;
}

/* The device that an allocation belongs to. */
static uint32_t device_of(const struct softgpu *gpu, uint32_t allocation)
{
    uint32_t parent = gpu->objects[allocation].parent;
    return gpu->objects[parent].type == SOFTGPU_RESOURCE ? gpu->objects[parent].parent : parent;
}

/* Reads a list of handles and finds the device's allocations that they name: the host does, so a wrong one is its status. */
static long read_list(struct softgpu_call *call, struct list *list, uint32_t device, const D3DKMT_HANDLE *handles, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    *list = (struct list){.indexes = (void *)gpu->scratch, .count = count};
    long result = softgpu_read(call, list->indexes, (uintptr_t)handles, count * sizeof *list->indexes);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, list->indexes[i]);
        if (!index || device_of(gpu, index) != device)
            result = softgpu_status_result((uint32_t)STATUS_INVALID_PARAMETER);
        list->indexes[i] = index;
    }
    return result;
}

/* The allocations of a resource or of a list: either, not both. A resource's come from its list of children. */
static long read_either(struct softgpu_call *call, struct list *list, D3DKMT_HANDLE device_handle, D3DKMT_HANDLE resource_handle,
                        const D3DKMT_HANDLE *handles, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    if (count > LIST_MAX || (count == 0) == (resource_handle == 0))
        return -EINVAL;
    uint32_t device = softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, device_handle);
    if (!device)
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    if (count)
        return read_list(call, list, device, handles, count);
    uint32_t resource = softgpu_object_find(gpu, call->place, SOFTGPU_RESOURCE, resource_handle);
    if (!resource || gpu->objects[resource].parent != device)
        return softgpu_status_result((uint32_t)STATUS_INVALID_PARAMETER);
    *list = (struct list){.indexes = (void *)gpu->scratch};
    for (uint32_t i = gpu->objects[resource].children; i && list->count < LIST_MAX; i = gpu->objects[i].next)
        list->indexes[list->count++] = i;
    return 0;
}

/* Moves a paging queue's fence on by one, at once; its value. */
static uint64_t signal_fence(struct softgpu *gpu, uint32_t queue)
{
    uint64_t *value = (void *)((char *)gpu + SOFTGPU_FENCES_OFFSET + gpu->objects[queue].children * sizeof *value);
    return __atomic_add_fetch(value, 1, __ATOMIC_RELEASE);
}

static uint64_t fence_value(const struct softgpu *gpu, uint32_t queue)
{
    return *(const uint64_t *)(const void *)((const char *)gpu + SOFTGPU_FENCES_OFFSET +
                                             gpu->objects[queue].children * sizeof(uint64_t));
}

long softgpu_make_resident(struct softgpu_call *call, void *structure)
{
    struct D3DDDI_MAKERESIDENT *args = structure;
    struct softgpu *gpu = call->gpu;
    struct list list;
    if (check_count(args->NumAllocations) || !args->hPagingQueue)
        return -EINVAL;
    uint32_t queue = softgpu_object_find(gpu, call->place, SOFTGPU_PAGING_QUEUE, args->hPagingQueue);
    if (!queue)
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    long result = read_list(call, &list, gpu->objects[queue].parent, args->AllocationList, args->NumAllocations);
    if (result)
        return result;
    bool brings_in = false;
    for (uint32_t i = 0; i < list.count; i++)
        brings_in |= gpu->objects[list.indexes[i]].residency == 0;
    args->PagingFenceValue = fence_value(gpu, queue) + brings_in;
    args->NumBytesToTrim = 0;
    size_t from = offsetof(struct D3DDDI_MAKERESIDENT, PagingFenceValue);
    result = softgpu_write(call, call->argument + from, (char *)args + from, sizeof *args - from);
    if (result)
        return result;
    for (uint32_t i = 0; i < list.count; i++)
        gpu->objects[list.indexes[i]].residency++;
    if (!brings_in)
        return 0;
    signal_fence(gpu, queue);
    return STATUS_PENDING;
}

long softgpu_evict(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_EVICT *args = structure;
    struct softgpu *gpu = call->gpu;
    struct list list;
    if (check_count(args->NumAllocations))
        return -EINVAL;
    uint32_t device = softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, args->hDevice);
    if (!device)
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    long result = read_list(call, &list, device, args->AllocationList, args->NumAllocations);
    uint64_t trim = 0;
    if (result == 0)
        result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_EVICT, NumBytesToTrim), &trim, sizeof trim);
    for (uint32_t i = 0; result == 0 && i < list.count; i++)
        gpu->objects[list.indexes[i]].residency -= gpu->objects[list.indexes[i]].residency > 0;
    return result;
}

static uint32_t residency_status(const struct softgpu_object *allocation)
{
    if (!allocation->residency)
        return D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT;
    return allocation->segment == SEGMENT_LOCAL ? D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY
                                                : D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY;
}

/* One answer an allocation of the list; of a resource one, that of the allocation that is worst off. */
long softgpu_query_allocation_residency(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_QUERYALLOCATIONRESIDENCY *args = structure;
    struct list list;
    long result = read_either(call, &list, args->hDevice, args->hResource, args->phAllocationList, args->AllocationCount);
    if (result)
        return result;
    uint32_t *answers = list.indexes + LIST_MAX, worst = D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
    for (uint32_t i = 0; i < list.count; i++) {
        answers[i] = residency_status(&call->gpu->objects[list.indexes[i]]);
        worst = answers[i] > worst ? answers[i] : worst;
    }
    if (args->hResource)
        return softgpu_write(call, (uintptr_t)args->pResidencyStatus, &worst, sizeof worst);
    return softgpu_write(call, (uintptr_t)args->pResidencyStatus, answers, list.count * sizeof *answers);
}

long softgpu_set_allocation_priority(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SETALLOCATIONPRIORITY *args = structure;
    struct list list;
    long result = read_either(call, &list, args->hDevice, args->hResource, args->phAllocationList, args->AllocationCount);
    if (result)
        return result;
    uint32_t *priorities = list.indexes + LIST_MAX, given = args->hResource ? 1 : list.count;
    result = softgpu_read(call, priorities, (uintptr_t)args->pPriorities, given * sizeof *priorities);
    for (uint32_t i = 0; result == 0 && i < list.count; i++)
        call->gpu->objects[list.indexes[i]].priority = priorities[args->hResource ? 0 : i];
    return result;
}

long softgpu_get_allocation_priority(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_GETALLOCATIONPRIORITY *args = structure;
    struct list list;
    long result = read_either(call, &list, args->hDevice, args->hResource, args->phAllocationList, args->AllocationCount);
    if (result)
        return result;
    uint32_t *priorities = list.indexes + LIST_MAX, highest = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        priorities[i] = call->gpu->objects[list.indexes[i]].priority;
        highest = priorities[i] > highest ? priorities[i] : highest;
    }
    if (args->hResource)
        return softgpu_write(call, (uintptr_t)args->pPriorities, &highest, sizeof highest);
    return softgpu_write(call, (uintptr_t)args->pPriorities, priorities, list.count * sizeof *priorities);
}
