/*
 * D3DKMT structures and /dev/dxg requests, as 64-bit Linux clients pass them to libdxcore, libdxg and the kernel.
 *
 * Source: Microsoft's D3DKMT reference (d3dkmthk.h, d3dukmdt.h). Members keep the interface's own spelling. Handles are 32
 * bits, pointers and NT handles 64. tests/unit checks every size and offset against the published layout data.
 * Flags are plain 32-bit words here (no bit fields): their bits are named once, in common/schema/d3dkmt.def.
 */
#ifndef GPUALLOC_ABI_D3DKMT_H
#define GPUALLOC_ABI_D3DKMT_H

#include <stdint.h>
#include <sys/ioctl.h>

typedef uint32_t D3DKMT_HANDLE;
typedef int32_t NTSTATUS;

#define STATUS_SUCCESS ((NTSTATUS)0)
#define STATUS_PENDING ((NTSTATUS)0x103)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_INVALID_HANDLE ((NTSTATUS)0xC0000008)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define STATUS_NO_MEMORY ((NTSTATUS)0xC0000017)
#define STATUS_ILLEGAL_INSTRUCTION ((NTSTATUS)0xC000001D)
#define STATUS_ACCESS_DENIED ((NTSTATUS)0xC0000022)
#define STATUS_BUFFER_TOO_SMALL ((NTSTATUS)0xC0000023)
#define STATUS_OBJECT_TYPE_MISMATCH ((NTSTATUS)0xC0000024)
#define STATUS_OBJECT_NAME_INVALID ((NTSTATUS)0xC0000033)
#define STATUS_OBJECT_NAME_COLLISION ((NTSTATUS)0xC0000035)
#define STATUS_TIMEOUT ((NTSTATUS)0x00000102)
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)
#define STATUS_DEVICE_REMOVED ((NTSTATUS)0xC00002B6)
#define STATUS_GRAPHICS_ALLOCATION_BUSY ((NTSTATUS)0xC01E0102)

struct D3DKMT_LUID {
    uint32_t LowPart;
    int32_t HighPart;
};

struct D3DKMT_ADAPTERINFO {
    D3DKMT_HANDLE hAdapter;
    struct D3DKMT_LUID AdapterLuid;
    uint32_t NumOfSources;
    uint32_t bPrecisePresentRegionsPreferred;
};

struct D3DKMT_ENUMADAPTERS2 {
    uint32_t NumAdapters;
    struct D3DKMT_ADAPTERINFO *pAdapters;
};

struct D3DKMT_ENUMADAPTERS3 {
    struct {
        uint64_t Value;
    } Filter;
    uint32_t NumAdapters;
    struct D3DKMT_ADAPTERINFO *pAdapters;
};

struct D3DKMT_OPENADAPTERFROMLUID {
    struct D3DKMT_LUID AdapterLuid;
    D3DKMT_HANDLE hAdapter;
};

struct D3DKMT_CLOSEADAPTER {
    D3DKMT_HANDLE hAdapter;
};

struct D3DKMT_QUERYADAPTERINFO {
    D3DKMT_HANDLE hAdapter;
    uint32_t Type;
    void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
};

struct D3DKMT_CREATEDEVICE {
    union {
        D3DKMT_HANDLE hAdapter;
        void *pAdapter;
    };
    uint32_t Flags;
    D3DKMT_HANDLE hDevice;
    void *pCommandBuffer;
    uint32_t CommandBufferSize;
    void *pAllocationList;
    uint32_t AllocationListSize;
    void *pPatchLocationList;
    uint32_t PatchLocationListSize;
};

struct D3DKMT_DESTROYDEVICE {
    D3DKMT_HANDLE hDevice;
};

struct D3DKMT_CREATESTANDARDALLOCATION {
    uint32_t Type;
    struct {
        uint64_t Size;
    } ExistingHeapData;
    uint32_t Flags;
};

/* The element of D3DKMTCreateAllocation: the first 40 bytes of the newer form, without Priority and what follows it. */
struct D3DDDI_ALLOCATIONINFO {
    D3DKMT_HANDLE hAllocation;
    const void *pSystemMem;
    void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    uint32_t VidPnSourceId;
    uint32_t Flags;
};

/* The element of D3DKMTCreateAllocation2 and of request 0x06. */
struct D3DDDI_ALLOCATIONINFO2 {
    D3DKMT_HANDLE hAllocation;
    union {
        uint64_t hSection;
        const void *pSystemMem;
    };
    void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    uint32_t VidPnSourceId;
    uint32_t Flags;
    uint64_t GpuVirtualAddress;
    union {
        uint32_t Priority;
        uint64_t Unused;
    };
    uint64_t Reserved[5];
};

struct D3DKMT_CREATEALLOCATION {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    D3DKMT_HANDLE hGlobalShare;
    const void *pPrivateRuntimeData;
    uint32_t PrivateRuntimeDataSize;
    union {
        struct D3DKMT_CREATESTANDARDALLOCATION *pStandardAllocation;
        const void *pPrivateDriverData;
    };
    uint32_t PrivateDriverDataSize;
    uint32_t NumAllocations;
    union {
        struct D3DDDI_ALLOCATIONINFO *pAllocationInfo;
        struct D3DDDI_ALLOCATIONINFO2 *pAllocationInfo2;
    };
    uint32_t Flags;
    uint64_t hPrivateRuntimeResourceHandle;
};

struct D3DKMT_DESTROYALLOCATION {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    const D3DKMT_HANDLE *phAllocationList;
    uint32_t AllocationCount;
};

struct D3DKMT_DESTROYALLOCATION2 {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    const D3DKMT_HANDLE *phAllocationList;
    uint32_t AllocationCount;
    uint32_t Flags;
};

/* Request numbers are in common/schema/d3dkmt.def; this makes the request of one. */
#define DXG_IOCTL_TYPE 'G'
#define DXG_IOCTL(number, structure) _IOWR(DXG_IOCTL_TYPE, (number), structure)

#define DXG_MAX_ALLOCATIONS 1024                 /* D3DKMT_CREATEALLOCATION.NumAllocations on WSL */
#define DXG_BUS_PACKET_SIZE (128 * 1024)         /* bytes: all of a call must fit the guest driver's bus packet */

#endif
