/*
 * softgpu's locks: an allocation's bytes in the caller's memory.
 *
 * What the CPU has never locked has no bytes. The first Lock2 gives it a content: a place in the part of the region's file that
 * follows the state, zeroed, and kept until the allocation ends, so that it is there again at the next lock. The front end maps it
 * while it is locked. Contents lie a page apart, so that no two mappings of them can grow together in /proc/self/maps.
 * An allocation of the caller's own memory is always 'mapped' there: dxgkrnl gives that address without counting or asking the host.
 */
#include <errno.h>

#include "softgpu/state.h"

/* Where the caller finds an allocation already, or 0. */
static uint64_t known_address(const struct softgpu_object *allocation)
{
    return allocation->address ? allocation->address : allocation->mapped;
}

/* The allocation's content, made when it has none; 0 when there is no room. What processes share has one for all. */
static uint32_t content_of(const struct softgpu_call *call, uint32_t allocation)
{
    struct softgpu *gpu = call->gpu;
    uint32_t home = gpu->objects[allocation].backing ? gpu->objects[allocation].backing : allocation;
    uint32_t index = gpu->objects[home].content;
    if (index)
        return index;
    uint64_t size = gpu->objects[allocation].size + SOFTGPU_PAGE; /* the page that keeps it apart */
    uint64_t offset = softgpu_space_gap(gpu, gpu->contents, size, SOFTGPU_PAGE, 0, gpu->config.contents_size);
    if (offset == UINT64_MAX)
        return 0;
    index = softgpu_object_create(gpu, SOFTGPU_CONTENT, gpu->objects[home].process, home, gpu->objects[home].adapter);
    if (!index)
        return 0;
    gpu->objects[index].address = offset;
    gpu->objects[index].size = size;
    softgpu_space_insert(gpu, index);
    gpu->objects[home].content = index;
    call->memory->clear(call->memory->user, offset, size - SOFTGPU_PAGE);
    return index;
}

/* What the host looks at. */
static long check_host(const struct softgpu_call *call, const struct D3DKMT_LOCK2 *args, uint32_t allocation, uint32_t device)
{
    if (args->Flags || softgpu_object_device(call->gpu, allocation) != device || call->gpu->objects[allocation].offered)
        return softgpu_invalid();
    return call->memory->map ? 0 : softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
}

static long map_content(struct softgpu_call *call, uint32_t index)
{
    struct softgpu_object *allocation = &call->gpu->objects[index];
    uint32_t content = content_of(call, index);
    uint64_t offset = call->gpu->objects[content].address;
    uint64_t address = content ? call->memory->map(call->memory->user, offset, allocation->size) : 0;
    if (!address)
        return -ENOMEM;
    long result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_LOCK2, pData), &address, sizeof address);
    if (result) {
        call->memory->unmap(call->memory->user, address, allocation->size);
        return result;
    }
    allocation->mapped = address;
    allocation->locks = 1;
    return 0;
}

long softgpu_lock2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_LOCK2 *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, args->hAllocation);
    struct softgpu_object *allocation = &gpu->objects[index];
    if (!index)
        return -EINVAL;
    uint64_t address = known_address(allocation);
    if (address) { /* neither the device nor the flags are looked at then */
        long result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_LOCK2, pData), &address, sizeof address);
        allocation->locks += result == 0 && allocation->mapped;
        return result;
    }
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    result = check_host(call, args, index, device);
    return result ? result : map_content(call, index);
}

/* The last unlock unmaps before it looks at the device, as dxgkrnl's does. */
long softgpu_unlock2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_UNLOCK2 *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, args->hAllocation);
    struct softgpu_object *allocation = &gpu->objects[index];
    if (!index || !known_address(allocation))
        return -EINVAL;
    if (allocation->mapped) {
        if (--allocation->locks)
            return 0;
        call->memory->unmap(call->memory->user, allocation->mapped, allocation->size);
        allocation->mapped = 0;
    }
    if (!softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, args->hDevice))
        return -EINVAL;
    return gpu->removed ? -ENODEV : 0;
}

long softgpu_invalidate_cache(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_INVALIDATECACHE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, args->hAllocation);
    uint64_t size = gpu->objects[index].size;
    if (!index || softgpu_object_device(gpu, index) != device || args->Offset > size || args->Length > size - args->Offset)
        return softgpu_invalid();
    return 0; /* memory here is coherent */
}

void softgpu_lock_discard(const struct softgpu_call *call, uint32_t allocation)
{
    const struct softgpu_object *content = &call->gpu->objects[call->gpu->objects[allocation].content];
    if (call->gpu->objects[allocation].content && call->memory->clear)
        call->memory->clear(call->memory->user, content->address, content->size - SOFTGPU_PAGE);
}

/* Locks whose mapping is told belong to the process that holds the state's lock: its call doomed them. */
void softgpu_tidy(struct softgpu *gpu, const struct softgpu_memory *memory)
{
    while (gpu->doomed) {
        uint32_t index = gpu->doomed;
        const struct softgpu_object *object = &gpu->objects[index];
        gpu->doomed = object->next;
        if (object->type == SOFTGPU_DOOMED_LOCK) {
            if (object->mapped)
                memory->unmap(memory->user, object->mapped, object->size);
        } else {
            if (memory->clear)
                memory->clear(memory->user, object->address, object->size - SOFTGPU_PAGE);
            softgpu_space_remove(gpu, index);
        }
        softgpu_object_release(gpu, index);
    }
}

void softgpu_process_unlock(struct softgpu *gpu, uint32_t pid, uint64_t start)
{
    for (uint32_t i = 1; i < gpu->high_water; i++) {
        struct softgpu_object *object = &gpu->objects[i];
        const struct softgpu_process *process = &gpu->processes[object->process];
        if (object->type == SOFTGPU_ALLOCATION && process->pid == pid && process->start == start)
            object->mapped = object->locks = 0;
    }
}
