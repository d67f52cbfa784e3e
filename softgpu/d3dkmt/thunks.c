/* libgpualloc-d3dkmt.so: the D3DKMT thunks as ioctls on /dev/dxg, errors mapped to NTSTATUS as libdxg maps them. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/query_text.h"
#include "d3dkmt/d3dkmt-thunks.h"

#define EXPORT __attribute__((visibility("default")))

static int device = -1; /* opened at first use, as a program may never use it */

static NTSTATUS status_of(int error)
{
    switch (error) {
    case EEXIST: return STATUS_OBJECT_NAME_COLLISION;
    case ENOMEM: return STATUS_NO_MEMORY;
    case EINVAL: return STATUS_INVALID_PARAMETER;
    case ENOENT: return STATUS_OBJECT_NAME_INVALID;
    case EAGAIN: return STATUS_TIMEOUT;
    case EOVERFLOW: return STATUS_BUFFER_TOO_SMALL;
    case ENODEV: return STATUS_DEVICE_REMOVED;
    case EACCES: return STATUS_ACCESS_DENIED;
    case ENOSYS:
    case EPERM: return STATUS_NOT_SUPPORTED;
    case EOPNOTSUPP: return STATUS_ILLEGAL_INSTRUCTION;
    case EBADF: return STATUS_INVALID_HANDLE;
    case EINPROGRESS: return STATUS_GRAPHICS_ALLOCATION_BUSY;
    case EPROTOTYPE: return STATUS_OBJECT_TYPE_MISMATCH;
    default: return STATUS_UNSUCCESSFUL;
    }
}

/* Opens the device; of threads that come at once one wins. */
static int open_device(int stale)
{
    int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    if (fd != -1 && !__atomic_compare_exchange_n(&device, &stale, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        close(fd);
        return stale;
    }
    return fd;
}

static int call(unsigned long request, const void *args)
{
    int fd = __atomic_load_n(&device, __ATOMIC_ACQUIRE);
    if (fd == -1)
        fd = open_device(-1);
    return ioctl(fd, request, args);
}

static NTSTATUS thunk(unsigned long request, const void *args)
{
    int result = call(request, args);
    return result == -1 ? status_of(errno) : result;
}

/* ENOTTY tells that the descriptor is another process's: this one was forked. Then the device is opened anew, once. */
static NTSTATUS thunk_reopening(unsigned long request, const void *args)
{
    int fd = __atomic_load_n(&device, __ATOMIC_ACQUIRE);
    int result = call(request, args);
    if (result == -1 && (errno == ENOTTY || errno == EBADF) && fd != -1) {
        int fresh = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
        if (fresh == -1)
            return STATUS_UNSUCCESSFUL;
        if (__atomic_compare_exchange_n(&device, &fd, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            close(fd);
        else
            close(fresh);
        result = call(request, args);
    }
    return result == -1 ? status_of(errno) : result;
}

#define THUNK(name, how, number, structure, constness)                                                                      \
    EXPORT NTSTATUS D3DKMT##name(constness structure *args) { return how(DXG_IOCTL(number, structure), args); }
#define NOT_CONST

THUNK(EnumAdapters2, thunk_reopening, 0x14, struct D3DKMT_ENUMADAPTERS2, const)
THUNK(EnumAdapters3, thunk_reopening, 0x3e, struct D3DKMT_ENUMADAPTERS3, NOT_CONST)
THUNK(OpenAdapterFromLuid, thunk_reopening, 0x01, struct D3DKMT_OPENADAPTERFROMLUID, NOT_CONST)
THUNK(CloseAdapter, thunk, 0x15, struct D3DKMT_CLOSEADAPTER, const)
THUNK(QueryVideoMemoryInfo, thunk, 0x0a, struct D3DKMT_QUERYVIDEOMEMORYINFO, NOT_CONST)
THUNK(CreateDevice, thunk, 0x02, struct D3DKMT_CREATEDEVICE, NOT_CONST)
THUNK(DestroyDevice, thunk, 0x19, struct D3DKMT_DESTROYDEVICE, const)
THUNK(GetDeviceState, thunk, 0x0e, struct D3DKMT_GETDEVICESTATE, NOT_CONST)
THUNK(CreateContextVirtual, thunk, 0x04, struct D3DKMT_CREATECONTEXTVIRTUAL, NOT_CONST)
THUNK(DestroyContext, thunk, 0x05, struct D3DKMT_DESTROYCONTEXT, const)
THUNK(CreatePagingQueue, thunk, 0x07, struct D3DKMT_CREATEPAGINGQUEUE, NOT_CONST)
THUNK(DestroyPagingQueue, thunk, 0x1c, struct D3DDDI_DESTROYPAGINGQUEUE, NOT_CONST)
THUNK(CreateAllocation2, thunk, 0x06, struct D3DKMT_CREATEALLOCATION, NOT_CONST)
THUNK(MakeResident, thunk, 0x0b, struct D3DDDI_MAKERESIDENT, NOT_CONST)
THUNK(Evict, thunk, 0x1e, struct D3DKMT_EVICT, NOT_CONST)
THUNK(QueryAllocationResidency, thunk, 0x2a, struct D3DKMT_QUERYALLOCATIONRESIDENCY, const)
THUNK(SetAllocationPriority, thunk, 0x2e, struct D3DKMT_SETALLOCATIONPRIORITY, const)
THUNK(GetAllocationPriority, thunk, 0x3c, struct D3DKMT_GETALLOCATIONPRIORITY, const)
THUNK(CreateSynchronizationObject2, thunk, 0x10, struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2, NOT_CONST)
THUNK(DestroySynchronizationObject, thunk, 0x1d, struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT, const)
THUNK(OpenSyncObjectFromNtHandle2, thunk, 0x40, struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2, NOT_CONST)
THUNK(SignalSynchronizationObjectFromCpu, thunk, 0x31, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU, const)
THUNK(SignalSynchronizationObjectFromGpu, thunk, 0x32, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU, const)
THUNK(SignalSynchronizationObjectFromGpu2, thunk, 0x33, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2, const)
THUNK(WaitForSynchronizationObjectFromCpu, thunk, 0x3a, struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU, const)
THUNK(WaitForSynchronizationObjectFromGpu, thunk, 0x3b, struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU, const)
THUNK(CreateHwQueue, thunk, 0x18, struct D3DKMT_CREATEHWQUEUE, NOT_CONST)
THUNK(DestroyHwQueue, thunk, 0x1b, struct D3DKMT_DESTROYHWQUEUE, const)
THUNK(SubmitCommand, thunk, 0x0f, struct D3DKMT_SUBMITCOMMAND, const)
THUNK(SubmitCommandToHwQueue, thunk, 0x34, struct D3DKMT_SUBMITCOMMANDTOHWQUEUE, const)
THUNK(SubmitSignalSyncObjectsToHwQueue, thunk, 0x35, struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE, const)
THUNK(SubmitWaitForSyncObjectsToHwQueue, thunk, 0x36, struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE, const)
THUNK(Escape, thunk, 0x0d, struct D3DKMT_ESCAPE, const)
THUNK(FlushHeapTransitions, thunk, 0x1f, struct D3DKMT_FLUSHHEAPTRANSITIONS, const)
THUNK(ShareObjectWithHost, thunk, 0x44, struct D3DKMT_SHAREOBJECTWITHHOST, NOT_CONST)
THUNK(QueryResourceInfoFromNtHandle, thunk, 0x41, struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE, NOT_CONST)
THUNK(OpenResourceFromNtHandle, thunk, 0x42, struct D3DKMT_OPENRESOURCEFROMNTHANDLE, NOT_CONST)
THUNK(ReserveGpuVirtualAddress, thunk, 0x08, struct D3DDDI_RESERVEGPUVIRTUALADDRESS, NOT_CONST)
THUNK(MapGpuVirtualAddress, thunk, 0x0c, struct D3DDDI_MAPGPUVIRTUALADDRESS, NOT_CONST)
THUNK(FreeGpuVirtualAddress, thunk, 0x20, struct D3DKMT_FREEGPUVIRTUALADDRESS, const)
THUNK(UpdateGpuVirtualAddress, thunk, 0x39, struct D3DKMT_UPDATEGPUVIRTUALADDRESS, const)
THUNK(Lock2, thunk, 0x25, struct D3DKMT_LOCK2, NOT_CONST)
THUNK(Unlock2, thunk, 0x37, struct D3DKMT_UNLOCK2, const)
THUNK(InvalidateCache, thunk, 0x24, struct D3DKMT_INVALIDATECACHE, const)
THUNK(OfferAllocations, thunk, 0x27, struct D3DKMT_OFFERALLOCATIONS, const)
THUNK(ReclaimAllocations2, thunk, 0x2c, struct D3DKMT_RECLAIMALLOCATIONS2, NOT_CONST)
THUNK(UpdateAllocationProperty, thunk, 0x38, struct D3DDDI_UPDATEALLOCPROPERTY, NOT_CONST)
THUNK(ChangeVideoMemoryReservation, thunk, 0x16, struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION, const)
THUNK(DestroyAllocation2, thunk, 0x13, struct D3DKMT_DESTROYALLOCATION2, const)

EXPORT NTSTATUS D3DKMTShareObjects(uint32_t count, const D3DKMT_HANDLE *objects, void *attributes, uint32_t access,
                                   uint64_t *nt_handle)
{
    struct D3DKMT_SHAREOBJECTS args = {.ObjectCount = count,
                                       .ObjectHandleArray = objects,
                                       .pObjectAttributes = attributes,
                                       .DesiredAccess = access,
                                       .pSharedNtHandle = nt_handle};
    return thunk(DXG_IOCTL(0x3f, struct D3DKMT_SHAREOBJECTS), &args);
}

/* The older elements are a prefix of the newer ones, up to their padding; hSection and pSystemMem share a place in both. */
static void widen(struct D3DDDI_ALLOCATIONINFO2 *to, const struct D3DDDI_ALLOCATIONINFO *from)
{
    *to = (struct D3DDDI_ALLOCATIONINFO2){.hAllocation = from->hAllocation,
                                          .pSystemMem = from->pSystemMem,
                                          .pPrivateDriverData = from->pPrivateDriverData,
                                          .PrivateDriverDataSize = from->PrivateDriverDataSize,
                                          .VidPnSourceId = from->VidPnSourceId,
                                          .Flags = from->Flags};
}

EXPORT NTSTATUS D3DKMTCreateAllocation(struct D3DKMT_CREATEALLOCATION *args)
{
    struct D3DDDI_ALLOCATIONINFO2 few[4], *wide = few;
    struct D3DKMT_CREATEALLOCATION inner = *args;
    uint32_t count = args->NumAllocations;
    if (count > DXG_MAX_ALLOCATIONS || (count && !args->pAllocationInfo))
        return STATUS_INVALID_PARAMETER;
    if (count > sizeof few / sizeof *few) {
        wide = malloc(count * sizeof *wide);
        if (!wide)
            return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++)
        widen(&wide[i], &args->pAllocationInfo[i]);
    inner.pAllocationInfo2 = wide;
    NTSTATUS status = D3DKMTCreateAllocation2(&inner);
    if (NT_SUCCESS(status)) {
        args->hResource = inner.hResource;
        args->hGlobalShare = inner.hGlobalShare;
        args->Flags = inner.Flags;
        for (uint32_t i = 0; i < count; i++)
            args->pAllocationInfo[i].hAllocation = wide[i].hAllocation;
    }
    if (wide != few)
        free(wide);
    return status;
}

EXPORT NTSTATUS D3DKMTDestroyAllocation(const struct D3DKMT_DESTROYALLOCATION *args)
{
    if (!args)
        return STATUS_INVALID_PARAMETER;
    struct D3DKMT_DESTROYALLOCATION2 wide = {.hDevice = args->hDevice,
                                             .hResource = args->hResource,
                                             .phAllocationList = args->phAllocationList,
                                             .AllocationCount = args->AllocationCount};
    return D3DKMTDestroyAllocation2(&wide);
}

/* UTF-16 to wchar_t, with surrogate pairs. */
static void widen_text(wchar_t *to, const uint16_t *from, size_t count)
{
    size_t out = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t unit = from[i];
        if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < count && from[i + 1] >= 0xdc00 && from[i + 1] < 0xe000)
            unit = 0x10000 + ((unit - 0xd800) << 10) + (from[++i] - 0xdc00u);
        to[out++] = (wchar_t)unit;
    }
    while (out < count)
        to[out++] = 0;
}

static NTSTATUS query_with_text(const struct D3DKMT_QUERYADAPTERINFO *args, const struct query_text *text)
{
    uint32_t wide_size = query_text_wide_size(text), size = query_text_size(text);
    if (args->PrivateDriverDataSize != wide_size)
        return STATUS_INVALID_PARAMETER;
    unsigned char *wide = args->pPrivateDriverData, *inner = calloc(1, size);
    if (!inner)
        return STATUS_NO_MEMORY;
    /* Everything outside the text is passed in; no answer takes text. */
    memcpy(inner, wide, text->head);
    memcpy(inner + size - text->tail, wide + wide_size - text->tail, text->tail);
    struct D3DKMT_QUERYADAPTERINFO inner_args = *args;
    inner_args.pPrivateDriverData = inner;
    inner_args.PrivateDriverDataSize = size;
    NTSTATUS status = thunk(DXG_IOCTL(0x09, struct D3DKMT_QUERYADAPTERINFO), &inner_args);
    if (NT_SUCCESS(status)) {
        memcpy(wide, inner, text->head);
        for (uint32_t i = 0; i < text->texts * text->characters; i += text->characters)
            widen_text((wchar_t *)(void *)(wide + text->head) + i, (uint16_t *)(void *)(inner + text->head) + i,
                       text->characters);
        memcpy(wide + wide_size - text->tail, inner + size - text->tail, text->tail);
    }
    free(inner);
    return status;
}

EXPORT NTSTATUS D3DKMTQueryAdapterInfo(const struct D3DKMT_QUERYADAPTERINFO *args)
{
    const struct query_text *text = query_text_of(args->Type);
    return text ? query_with_text(args, text) : thunk(DXG_IOCTL(0x09, struct D3DKMT_QUERYADAPTERINFO), args);
}

EXPORT void D3DKMTCloseDxCoreDevice(void)
{
    int fd = __atomic_exchange_n(&device, -1, __ATOMIC_ACQ_REL);
    if (fd != -1)
        close(fd);
}
