/* softgpu's devices and what hangs on them besides allocations: contexts, paging queues with their fences, and their state. */
#include <errno.h>

#include "softgpu/state.h"

/* Writes a new object's handle to the caller; the object goes away again when that fails. */
static long give_handle(struct softgpu_call *call, uint32_t index, size_t offset)
{
    D3DKMT_HANDLE handle = softgpu_object_handle(call->gpu, index);
    long result = softgpu_write(call, call->argument + offset, &handle, sizeof handle);
    if (result)
        softgpu_object_destroy(call->gpu, index);
    return result;
}

static long destroy(struct softgpu_call *call, enum softgpu_type type, D3DKMT_HANDLE handle)
{
    uint32_t index = softgpu_object_find(call->gpu, call->place, type, handle);
    if (!index)
        return -EINVAL;
    softgpu_object_destroy(call->gpu, index);
    return 0;
}

long softgpu_create_device(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CREATEDEVICE *args = structure;
    uint32_t adapter;
    long result = softgpu_live_find(call, SOFTGPU_ADAPTER, args->hAdapter, &adapter);
    if (result)
        return result;
    uint32_t index = softgpu_object_create(call->gpu, SOFTGPU_DEVICE, call->place, 0, call->gpu->objects[adapter].adapter);
    return index ? give_handle(call, index, offsetof(struct D3DKMT_CREATEDEVICE, hDevice)) : -ENOMEM;
}

long softgpu_destroy_device(struct softgpu_call *call, void *structure)
{
    return destroy(call, SOFTGPU_DEVICE, ((struct D3DKMT_DESTROYDEVICE *)structure)->hDevice);
}

long softgpu_get_device_state(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_GETDEVICESTATE *args = structure;
    if (!softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice))
        return -EINVAL;
    if (call->gpu->removed)
        return -ENODEV;
    switch (args->StateType) {
    case D3DKMT_DEVICESTATE_EXECUTION:
        args->ExecutionState = D3DKMT_DEVICEEXECUTION_ACTIVE;
        break;
    case D3DKMT_DEVICESTATE_RESET:
        args->ResetState.Value = 0;
        break;
    case D3DKMT_DEVICESTATE_PAGE_FAULT: /* there never was one */
        args->PageFaultState.FaultedPrimitiveAPISequenceNumber = UINT64_MAX;
        args->PageFaultState.FaultedPipelineStage = 0;
        args->PageFaultState.FaultedBindTableEntry = UINT32_MAX;
        args->PageFaultState.PageFaultFlags = 0;
        args->PageFaultState.FaultErrorCode = 0;
        args->PageFaultState.FaultedVirtualAddress = 0;
        break;
    default: /* the states of presenting: nothing is presented here */
        return softgpu_invalid();
    }
    return softgpu_write(call, call->argument, args, sizeof *args);
}

long softgpu_create_context_virtual(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CREATECONTEXTVIRTUAL *args = structure;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    if (args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    /* The driver leaves the private data as it is; it must be there all the same. */
    result = softgpu_read(call, call->gpu->scratch, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result)
        return result;
    if (args->NodeOrdinal != 0)
        return softgpu_invalid();
    uint8_t adapter = call->gpu->objects[device].adapter;
    uint32_t index = softgpu_object_create(call->gpu, SOFTGPU_CONTEXT, call->place, device, adapter);
    call->gpu->objects[index].note = args->Flags; /* of index 0 nothing is read */
    return index ? give_handle(call, index, offsetof(struct D3DKMT_CREATECONTEXTVIRTUAL, hContext)) : -ENOMEM;
}

long softgpu_destroy_context(struct softgpu_call *call, void *structure)
{
    return destroy(call, SOFTGPU_CONTEXT, ((struct D3DKMT_DESTROYCONTEXT *)structure)->hContext);
}

/* The fence's value lies at the sync object's index in the state's fences, where the program can poll it. */
long softgpu_create_paging_queue(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CREATEPAGINGQUEUE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    if (args->PhysicalAdapterIndex != 0)
        return softgpu_invalid();
    if (!call->memory->fence_address)
        return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    uint8_t adapter = gpu->objects[device].adapter;
    uint32_t queue = softgpu_object_create(gpu, SOFTGPU_PAGING_QUEUE, call->place, device, adapter);
    if (!queue)
        return -ENOMEM;
    uint32_t sync = softgpu_object_create(gpu, SOFTGPU_SYNC, call->place, queue, adapter);
    result = sync ? 0 : -ENOMEM;
    if (sync) {
        size_t offset = sync * sizeof(uint64_t);
        *(uint64_t *)(void *)((char *)gpu + SOFTGPU_FENCES_OFFSET + offset) = 0;
        args->hPagingQueue = softgpu_object_handle(gpu, queue);
        args->hSyncObject = softgpu_object_handle(gpu, sync);
        args->FenceValueCPUVirtualAddress = (void *)(uintptr_t)call->memory->fence_address(call->memory->user, offset);
        result = args->FenceValueCPUVirtualAddress ? softgpu_write(call, call->argument, args, sizeof *args)
                                                   : softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    }
    if (result)
        softgpu_object_destroy(gpu, queue);
    return result;
}

long softgpu_destroy_paging_queue(struct softgpu_call *call, void *structure)
{
    return destroy(call, SOFTGPU_PAGING_QUEUE, ((struct D3DDDI_DESTROYPAGINGQUEUE *)structure)->hPagingQueue);
}
