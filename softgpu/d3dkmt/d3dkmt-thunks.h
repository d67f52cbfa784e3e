/*
 * The thunks of libgpualloc-d3dkmt.so, for programs to link: as libdxcore and libdxg have them, over the ioctls of /dev/dxg, and
 * the older D3DKMTCreateAllocation, which those leave out. Structures are in abi/d3dkmt.h. All are thread-safe; the device is
 * opened at the first call, and again in a forked child when it lists or opens adapters.
 */
#ifndef GPUALLOC_D3DKMT_THUNKS_H
#define GPUALLOC_D3DKMT_THUNKS_H

#include "abi/d3dkmt.h"

NTSTATUS D3DKMTEnumAdapters2(const struct D3DKMT_ENUMADAPTERS2 *args);
NTSTATUS D3DKMTEnumAdapters3(struct D3DKMT_ENUMADAPTERS3 *args);
NTSTATUS D3DKMTOpenAdapterFromLuid(struct D3DKMT_OPENADAPTERFROMLUID *args);
NTSTATUS D3DKMTCloseAdapter(const struct D3DKMT_CLOSEADAPTER *args);
/* Text is wchar_t here and UTF-16 at the ioctl. */
NTSTATUS D3DKMTQueryAdapterInfo(const struct D3DKMT_QUERYADAPTERINFO *args);
NTSTATUS D3DKMTQueryVideoMemoryInfo(struct D3DKMT_QUERYVIDEOMEMORYINFO *args);
NTSTATUS D3DKMTCreateDevice(struct D3DKMT_CREATEDEVICE *args);
NTSTATUS D3DKMTDestroyDevice(const struct D3DKMT_DESTROYDEVICE *args);
NTSTATUS D3DKMTGetDeviceState(struct D3DKMT_GETDEVICESTATE *args);
NTSTATUS D3DKMTCreateContextVirtual(struct D3DKMT_CREATECONTEXTVIRTUAL *args);
NTSTATUS D3DKMTDestroyContext(const struct D3DKMT_DESTROYCONTEXT *args);
NTSTATUS D3DKMTCreatePagingQueue(struct D3DKMT_CREATEPAGINGQUEUE *args);
NTSTATUS D3DKMTDestroyPagingQueue(struct D3DDDI_DESTROYPAGINGQUEUE *args);
/* Elements of 40 bytes at pAllocationInfo: widened for the ioctl, results copied back. */
NTSTATUS D3DKMTCreateAllocation(struct D3DKMT_CREATEALLOCATION *args);
/* Elements of 96 bytes at pAllocationInfo2. */
NTSTATUS D3DKMTCreateAllocation2(struct D3DKMT_CREATEALLOCATION *args);
NTSTATUS D3DKMTDestroyAllocation(const struct D3DKMT_DESTROYALLOCATION *args);
NTSTATUS D3DKMTDestroyAllocation2(const struct D3DKMT_DESTROYALLOCATION2 *args);
NTSTATUS D3DKMTMakeResident(struct D3DDDI_MAKERESIDENT *args);
NTSTATUS D3DKMTEvict(struct D3DKMT_EVICT *args);
NTSTATUS D3DKMTQueryAllocationResidency(const struct D3DKMT_QUERYALLOCATIONRESIDENCY *args);
NTSTATUS D3DKMTSetAllocationPriority(const struct D3DKMT_SETALLOCATIONPRIORITY *args);
NTSTATUS D3DKMTGetAllocationPriority(const struct D3DKMT_GETALLOCATIONPRIORITY *args);
NTSTATUS D3DKMTCreateSynchronizationObject2(struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args);
NTSTATUS D3DKMTDestroySynchronizationObject(const struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *args);
NTSTATUS D3DKMTOpenSyncObjectFromNtHandle2(struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *args);
NTSTATUS D3DKMTSignalSynchronizationObjectFromCpu(const struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *args);
NTSTATUS D3DKMTSignalSynchronizationObjectFromGpu(const struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *args);
NTSTATUS D3DKMTSignalSynchronizationObjectFromGpu2(const struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *args);
NTSTATUS D3DKMTWaitForSynchronizationObjectFromCpu(const struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args);
NTSTATUS D3DKMTWaitForSynchronizationObjectFromGpu(const struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *args);
NTSTATUS D3DKMTCreateHwQueue(struct D3DKMT_CREATEHWQUEUE *args);
NTSTATUS D3DKMTDestroyHwQueue(const struct D3DKMT_DESTROYHWQUEUE *args);
NTSTATUS D3DKMTSubmitCommand(const struct D3DKMT_SUBMITCOMMAND *args);
NTSTATUS D3DKMTSubmitCommandToHwQueue(const struct D3DKMT_SUBMITCOMMANDTOHWQUEUE *args);
NTSTATUS D3DKMTSubmitSignalSyncObjectsToHwQueue(const struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE *args);
NTSTATUS D3DKMTSubmitWaitForSyncObjectsToHwQueue(const struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE *args);
NTSTATUS D3DKMTEscape(const struct D3DKMT_ESCAPE *args);
NTSTATUS D3DKMTFlushHeapTransitions(const struct D3DKMT_FLUSHHEAPTRANSITIONS *args);
NTSTATUS D3DKMTShareObjectWithHost(struct D3DKMT_SHAREOBJECTWITHHOST *args);
/* The NT handle is a file descriptor, close-on-exec, in 64 bits. */
NTSTATUS D3DKMTShareObjects(uint32_t count, const D3DKMT_HANDLE *objects, void *attributes, uint32_t access, uint64_t *nt_handle);
NTSTATUS D3DKMTQueryResourceInfoFromNtHandle(struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *args);
NTSTATUS D3DKMTOpenResourceFromNtHandle(struct D3DKMT_OPENRESOURCEFROMNTHANDLE *args);
NTSTATUS D3DKMTReserveGpuVirtualAddress(struct D3DDDI_RESERVEGPUVIRTUALADDRESS *args);
NTSTATUS D3DKMTMapGpuVirtualAddress(struct D3DDDI_MAPGPUVIRTUALADDRESS *args);
NTSTATUS D3DKMTFreeGpuVirtualAddress(const struct D3DKMT_FREEGPUVIRTUALADDRESS *args);
NTSTATUS D3DKMTUpdateGpuVirtualAddress(const struct D3DKMT_UPDATEGPUVIRTUALADDRESS *args);
NTSTATUS D3DKMTLock2(struct D3DKMT_LOCK2 *args);
NTSTATUS D3DKMTUnlock2(const struct D3DKMT_UNLOCK2 *args);
NTSTATUS D3DKMTInvalidateCache(const struct D3DKMT_INVALIDATECACHE *args);
NTSTATUS D3DKMTOfferAllocations(const struct D3DKMT_OFFERALLOCATIONS *args);
NTSTATUS D3DKMTReclaimAllocations2(struct D3DKMT_RECLAIMALLOCATIONS2 *args);
NTSTATUS D3DKMTUpdateAllocationProperty(struct D3DDDI_UPDATEALLOCPROPERTY *args);
NTSTATUS D3DKMTChangeVideoMemoryReservation(const struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION *args);
/* Closes the device; the next call opens it again. */
void D3DKMTCloseDxCoreDevice(void);

#endif
