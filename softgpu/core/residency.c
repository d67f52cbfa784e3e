/*
 * softgpu's residency: which allocations the process keeps where the GPU can use them, and in what order they should go.
 *
 * MakeResident counts, Evict counts back; a new allocation counts 0 and is not resident. A call that has something to bring in issues
 * a paging operation (fence.c) and answers STATUS_PENDING with the value to wait for, as real drivers do. What a process keeps
 * resident in a segment stays within its budget: beyond it MakeResident fails with STATUS_NO_MEMORY and says how many bytes to trim,
 * unless the caller can't trim further: then it succeeds and says so all the same. (An allocation's bytes are counted in its segment
 * from creation on, so there is room in the device.) dxgkrnl keeps NumBytesToTrim of a failed call to itself; here it is written, as
 * the reference has it.
 */
#include <errno.h>

#include "softgpu/state.h"

_Static_assert(2 * SOFTGPU_LIST_MAX * sizeof(uint32_t) <= SOFTGPU_SCRATCH_SIZE, "scratch space of a list and its results");

/* The objects of a call: allocations of one device, by index. */
struct list {
    uint32_t *indexes; /* in scratch space; behind them is as much room again */
    uint32_t count;
};

static long check_count(uint32_t count)
{
    return count == 0 || count > SOFTGPU_LIST_MAX ? -EINVAL : 0;
}

/* Reads a list of handles and finds the device's allocations that they name: the host does, so a wrong one is its status. */
static long read_list(struct softgpu_call *call, struct list *list, uint32_t device, const D3DKMT_HANDLE *handles, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    *list = (struct list){.indexes = (void *)gpu->scratch, .count = count};
    long result = softgpu_read(call, list->indexes, (uintptr_t)handles, count * sizeof *list->indexes);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, list->indexes[i]);
        if (!index || softgpu_object_device(gpu, index) != device)
            result = softgpu_invalid();
        list->indexes[i] = index;
    }
    return result;
}

/* The allocations of a resource or of a list: either, not both. A resource's come from its list of children. */
static long read_either(struct softgpu_call *call, struct list *list, D3DKMT_HANDLE device_handle, D3DKMT_HANDLE resource_handle,
                        const D3DKMT_HANDLE *handles, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    if (count > SOFTGPU_LIST_MAX || (count == 0) == (resource_handle == 0))
        return -EINVAL;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, device_handle, &device);
    if (result)
        return result;
    if (count)
        return read_list(call, list, device, handles, count);
    uint32_t resource = softgpu_object_find(gpu, call->place, SOFTGPU_RESOURCE, resource_handle);
    if (!resource || gpu->objects[resource].parent != device)
        return softgpu_invalid();
    *list = (struct list){.indexes = (void *)gpu->scratch};
    for (uint32_t i = gpu->objects[resource].children; i && list->count < SOFTGPU_LIST_MAX; i = gpu->objects[i].next)
        list->indexes[list->count++] = i;
    return 0;
}

/* What a process may keep resident in a segment: the budget of each process, less what others reserved and can't be had. */
uint64_t softgpu_budget(const struct softgpu *gpu, int place, uint8_t adapter, int segment)
{
    uint64_t size = segment == SEGMENT_LOCAL ? gpu->config.local_size : gpu->config.system_size;
    uint64_t budget = segment == SEGMENT_LOCAL ? gpu->config.local_budget : gpu->config.system_budget;
    size -= gpu->reserved[adapter][segment] - gpu->processes[place].reserved[adapter][segment];
    return budget && budget < size ? budget : size;
}

/* Bytes by which a process keeps more resident than it may, with `more` on top. */
static uint64_t over_budget(const struct softgpu *gpu, int place, uint8_t adapter, const uint64_t more[SEGMENT_COUNT])
{
    uint64_t over = 0;
    for (int segment = SEGMENT_LOCAL; segment < SEGMENT_COUNT; segment++) {
        uint64_t resident = gpu->processes[place].resident[adapter][segment] + more[segment];
        uint64_t budget = softgpu_budget(gpu, place, adapter, segment);
        over += resident > budget ? resident - budget : 0;
    }
    return over;
}

static bool any_offered(const struct softgpu *gpu, const struct list *list)
{
    bool any = false;
    for (uint32_t i = 0; i < list->count; i++)
        any |= gpu->objects[list->indexes[i]].offered;
    return any;
}

/* What a list adds to what is resident, if anything; each allocation counts once however often it is listed. */
static bool sum_up(struct softgpu *gpu, const struct list *list, uint64_t more[SEGMENT_COUNT])
{
    bool brings_in = false;
    for (uint32_t i = 0; i < list->count; i++) {
        struct softgpu_object *allocation = &gpu->objects[list->indexes[i]];
        if (!allocation->residency && !allocation->listed) {
            more[allocation->segment] += allocation->size;
            brings_in = true;
        }
        allocation->listed = 1;
    }
    for (uint32_t i = 0; i < list->count; i++)
        gpu->objects[list->indexes[i]].listed = 0;
    return brings_in;
}

long softgpu_make_resident(struct softgpu_call *call, void *structure)
{
    struct D3DDDI_MAKERESIDENT *args = structure;
    struct softgpu *gpu = call->gpu;
    struct list list;
    if (check_count(args->NumAllocations) || !args->hPagingQueue)
        return -EINVAL;
    uint32_t queue;
    long result = softgpu_live_find(call, SOFTGPU_PAGING_QUEUE, args->hPagingQueue, &queue);
    if (result)
        return result;
    result = read_list(call, &list, gpu->objects[queue].parent, args->AllocationList, args->NumAllocations);
    if (result)
        return result;
    bool cant_trim = args->Flags & D3DDDI_MAKERESIDENT_CantTrimFurther;
    if ((args->Flags & D3DDDI_MAKERESIDENT_MustSucceed && !cant_trim) || any_offered(gpu, &list))
        return softgpu_invalid();
    uint64_t more[SEGMENT_COUNT] = {0};
    uint8_t adapter = gpu->objects[queue].adapter;
    bool brings_in = sum_up(gpu, &list, more);
    args->NumBytesToTrim = over_budget(gpu, call->place, adapter, more);
    bool fails = brings_in && args->NumBytesToTrim && !cant_trim;
    bool pending = brings_in || !softgpu_fence_idle(gpu, queue);
    args->PagingFenceValue = gpu->objects[queue].issued + (brings_in && !fails);
    size_t from = offsetof(struct D3DDDI_MAKERESIDENT, PagingFenceValue);
    result = softgpu_write(call, call->argument + from, (char *)args + from, sizeof *args - from);
    if (result)
        return result;
    if (fails)
        return softgpu_status_result((uint32_t)STATUS_NO_MEMORY);
    for (uint32_t i = 0; i < list.count; i++)
        softgpu_object_set_residency(gpu, list.indexes[i], gpu->objects[list.indexes[i]].residency + 1);
    if (brings_in)
        softgpu_fence_issue(gpu, queue);
    return pending ? STATUS_PENDING : 0;
}

/* Takes one MakeResident of each back: of all, or with EvictOnlyIfNecessary only while there is more resident than may be. */
static void evict(struct softgpu *gpu, int place, uint8_t adapter, const struct list *list, bool only_if_necessary)
{
    static const uint64_t nothing[SEGMENT_COUNT];
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t residency = gpu->objects[list->indexes[i]].residency;
        if (residency && !(only_if_necessary && over_budget(gpu, place, adapter, nothing) == 0))
            softgpu_object_set_residency(gpu, list->indexes[i], residency - 1);
    }
}

long softgpu_evict(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_EVICT *args = structure;
    struct softgpu *gpu = call->gpu;
    struct list list;
    if (check_count(args->NumAllocations))
        return -EINVAL;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    result = read_list(call, &list, device, args->AllocationList, args->NumAllocations);
    if (result)
        return result;
    static const uint64_t nothing[SEGMENT_COUNT];
    uint8_t adapter = gpu->objects[device].adapter;
    evict(gpu, call->place, adapter, &list, args->Flags & D3DKMT_EVICT_EvictOnlyIfNecessary);
    uint64_t trim = over_budget(gpu, call->place, adapter, nothing); /* dxgkrnl too has evicted when it can't say so */
    return softgpu_write(call, call->argument + offsetof(struct D3DKMT_EVICT, NumBytesToTrim), &trim, sizeof trim);
}

static uint32_t residency_status(const struct softgpu_object *allocation)
{
    if (!allocation->residency || allocation->segment == SEGMENT_NONE)
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
    uint32_t *answers = list.indexes + SOFTGPU_LIST_MAX, worst = D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
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
    uint32_t *priorities = list.indexes + SOFTGPU_LIST_MAX, given = args->hResource ? 1 : list.count;
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
    uint32_t *priorities = list.indexes + SOFTGPU_LIST_MAX, highest = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        priorities[i] = call->gpu->objects[list.indexes[i]].priority;
        highest = priorities[i] > highest ? priorities[i] : highest;
    }
    if (args->hResource)
        return softgpu_write(call, (uintptr_t)args->pPriorities, &highest, sizeof highest);
    return softgpu_write(call, (uintptr_t)args->pPriorities, priorities, list.count * sizeof *priorities);
}
