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
#include <wchar.h>

typedef uint32_t D3DKMT_HANDLE;
typedef int32_t NTSTATUS;

#define STATUS_SUCCESS ((NTSTATUS)0)
#define STATUS_PENDING ((NTSTATUS)0x103)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_INVALID_HANDLE ((NTSTATUS)0xC0000008)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define STATUS_NOT_IMPLEMENTED ((NTSTATUS)0xC0000002)
#define STATUS_NO_MEMORY ((NTSTATUS)0xC0000017)
#define STATUS_ILLEGAL_INSTRUCTION ((NTSTATUS)0xC000001D)
#define STATUS_ACCESS_DENIED ((NTSTATUS)0xC0000022)
#define STATUS_BUFFER_TOO_SMALL ((NTSTATUS)0xC0000023)
#define STATUS_OBJECT_TYPE_MISMATCH ((NTSTATUS)0xC0000024)
#define STATUS_OBJECT_NAME_INVALID ((NTSTATUS)0xC0000033)
#define STATUS_OBJECT_NAME_NOT_FOUND ((NTSTATUS)0xC0000034)
#define STATUS_OBJECT_NAME_COLLISION ((NTSTATUS)0xC0000035)
#define STATUS_TIMEOUT ((NTSTATUS)0x00000102)
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)
#define STATUS_DEVICE_REMOVED ((NTSTATUS)0xC00002B6)
#define STATUS_GRAPHICS_NO_VIDEO_MEMORY ((NTSTATUS)0xC01E0100)
#define STATUS_GRAPHICS_ALLOCATION_BUSY ((NTSTATUS)0xC01E0102)

/* NT_SUCCESS: 0, informational and STATUS_PENDING are success. */
#define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)

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

/* What D3DKMT_QUERYADAPTERINFO.Type asks for, and its answer at pPrivateDriverData. Answers with text have two forms: with wchar_t
   (32 bits) at the thunk, with UTF-16 at the ioctl. */
enum KMTQUERYADAPTERINFOTYPE {
    KMTQAITYPE_UMDRIVERNAME = 1,              /* D3DKMT_UMDFILENAMEINFO */
    KMTQAITYPE_GETSEGMENTSIZE = 3,            /* D3DKMT_SEGMENTSIZEINFO */
    KMTQAITYPE_ADAPTERREGISTRYINFO = 8,       /* D3DKMT_ADAPTERREGISTRYINFO */
    KMTQAITYPE_ADAPTERTYPE = 15,              /* D3DKMT_ADAPTERTYPE */
    KMTQAITYPE_WDDM_2_0_CAPS = 24,            /* D3DKMT_WDDM_2_0_CAPS */
    KMTQAITYPE_NODEMETADATA = 25,             /* D3DKMT_NODEMETADATA */
    KMTQAITYPE_PHYSICALADAPTERDEVICEIDS = 31, /* D3DKMT_QUERY_DEVICE_IDS */
    KMTQAITYPE_ADAPTERTYPE_RENDER = 57,       /* D3DKMT_ADAPTERTYPE */
    KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID = 60, /* D3DKMT_QUERY_ADAPTER_UNIQUE_GUID */
    KMTQAITYPE_DRIVER_DESCRIPTION = 65,       /* D3DKMT_DRIVER_DESCRIPTION */
    KMTQAITYPE_WDDM_2_7_CAPS = 70,            /* D3DKMT_WDDM_2_7_CAPS */
};

#define D3DKMT_MAX_PATH 260

struct D3DKMT_UMDFILENAMEINFO {
    uint32_t Version; /* in: KMTUMDVERSION, 0 to 3: DX9 to DX12 */
    wchar_t UmdFileName[D3DKMT_MAX_PATH];
};
struct D3DKMT_UMDFILENAMEINFO_UTF16 {
    uint32_t Version;
    uint16_t UmdFileName[D3DKMT_MAX_PATH];
};

struct D3DKMT_SEGMENTSIZEINFO {
    uint64_t DedicatedVideoMemorySize;
    uint64_t DedicatedSystemMemorySize;
    uint64_t SharedSystemMemorySize;
};

struct D3DKMT_ADAPTERREGISTRYINFO {
    wchar_t AdapterString[D3DKMT_MAX_PATH];
    wchar_t BiosString[D3DKMT_MAX_PATH];
    wchar_t DacType[D3DKMT_MAX_PATH];
    wchar_t ChipType[D3DKMT_MAX_PATH];
};
struct D3DKMT_ADAPTERREGISTRYINFO_UTF16 {
    uint16_t AdapterString[D3DKMT_MAX_PATH];
    uint16_t BiosString[D3DKMT_MAX_PATH];
    uint16_t DacType[D3DKMT_MAX_PATH];
    uint16_t ChipType[D3DKMT_MAX_PATH];
};

struct D3DKMT_ADAPTERTYPE {
    uint32_t Value;
};
#define D3DKMT_ADAPTERTYPE_RenderSupported (1u << 0)
#define D3DKMT_ADAPTERTYPE_SoftwareDevice (1u << 2)
#define D3DKMT_ADAPTERTYPE_Paravirtualized (1u << 7)
#define D3DKMT_ADAPTERTYPE_ComputeOnly (1u << 11)

struct D3DKMT_WDDM_2_0_CAPS {
    uint32_t Value; /* bit 0 Support64BitAtomics, 1 GpuMmuSupported, 2 IoMmuSupported */
};
struct D3DKMT_WDDM_2_7_CAPS {
    uint32_t Value; /* bit 0 HwSchSupported, 1 HwSchEnabled, 2 HwSchEnabledByDefault */
};

struct DXGK_NODEMETADATA {
    uint32_t EngineType; /* DXGK_ENGINE_TYPE: 1 is 3D */
    wchar_t FriendlyName[32];
    uint32_t Flags;
    uint8_t GpuMmuSupported;
    uint8_t IoMmuSupported;
} __attribute__((packed));
struct DXGK_NODEMETADATA_UTF16 {
    uint32_t EngineType;
    uint16_t FriendlyName[32];
    uint32_t Flags;
    uint8_t GpuMmuSupported;
    uint8_t IoMmuSupported;
} __attribute__((packed));
struct D3DKMT_NODEMETADATA {
    uint32_t NodeOrdinalAndAdapterIndex; /* in: low word the node, high word the physical adapter */
    struct DXGK_NODEMETADATA NodeData;
} __attribute__((packed));
struct D3DKMT_NODEMETADATA_UTF16 {
    uint32_t NodeOrdinalAndAdapterIndex;
    struct DXGK_NODEMETADATA_UTF16 NodeData;
} __attribute__((packed));

struct D3DKMT_DEVICE_IDS {
    uint32_t VendorID;
    uint32_t DeviceID;
    uint32_t SubVendorID;
    uint32_t SubSystemID;
    uint32_t RevisionID;
    uint32_t BusType;
};
struct D3DKMT_QUERY_DEVICE_IDS {
    uint32_t PhysicalAdapterIndex; /* in */
    struct D3DKMT_DEVICE_IDS DeviceIds;
};

struct D3DKMT_QUERY_ADAPTER_UNIQUE_GUID {
    wchar_t AdapterUniqueGUID[40];
};
struct D3DKMT_QUERY_ADAPTER_UNIQUE_GUID_UTF16 {
    uint16_t AdapterUniqueGUID[40];
};

struct D3DKMT_DRIVER_DESCRIPTION {
    wchar_t DriverDescription[4096];
};
struct D3DKMT_DRIVER_DESCRIPTION_UTF16 {
    uint16_t DriverDescription[4096];
};

struct D3DKMT_QUERYVIDEOMEMORYINFO {
    uint64_t hProcess; /* 0: the caller */
    D3DKMT_HANDLE hAdapter;
    uint32_t MemorySegmentGroup; /* 0 local, 1 non-local */
    uint64_t Budget;
    uint64_t CurrentUsage;
    uint64_t CurrentReservation;
    uint64_t AvailableForReservation;
    uint32_t PhysicalAdapterIndex;
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

enum D3DKMT_DEVICESTATE_TYPE {
    D3DKMT_DEVICESTATE_EXECUTION = 1,
    D3DKMT_DEVICESTATE_PRESENT = 2,
    D3DKMT_DEVICESTATE_RESET = 3,
    D3DKMT_DEVICESTATE_PRESENT_DWM = 4,
    D3DKMT_DEVICESTATE_PAGE_FAULT = 5,
    D3DKMT_DEVICESTATE_PRESENT_QUEUE = 6,
};
enum D3DKMT_DEVICEEXECUTION_STATE {
    D3DKMT_DEVICEEXECUTION_ACTIVE = 1,
    D3DKMT_DEVICEEXECUTION_RESET = 2,
    D3DKMT_DEVICEEXECUTION_HUNG = 3,
    D3DKMT_DEVICEEXECUTION_STOPPED = 4,
    D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY = 5,
    D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT = 6,
    D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT = 7,
};

struct D3DKMT_GETDEVICESTATE {
    D3DKMT_HANDLE hDevice;
    uint32_t StateType; /* selects the arm */
    union {
        uint32_t ExecutionState;
        struct {
            uint32_t VidPnSourceId;
            struct {
                uint32_t PresentCount;
                uint32_t PresentRefreshCount;
                uint32_t SyncRefreshCount;
                int64_t SyncQPCTime;
                int64_t SyncGPUTime;
            } PresentStats;
        } PresentState;
        struct {
            uint32_t Value;
        } ResetState;
        struct {
            uint32_t VidPnSourceId;
            struct {
                uint32_t PresentCount;
                uint32_t PresentRefreshCount;
                int64_t PresentQPCTime;
                uint32_t SyncRefreshCount;
                int64_t SyncQPCTime;
                uint32_t CustomPresentDuration;
            } PresentStatsDWM;
        } PresentStateDWM;
        struct {
            uint64_t FaultedPrimitiveAPISequenceNumber;
            uint32_t FaultedPipelineStage;
            uint32_t FaultedBindTableEntry;
            uint32_t PageFaultFlags;
            uint32_t FaultErrorCode; /* bit 0 IsDeviceSpecificCode, the rest the code */
            uint64_t FaultedVirtualAddress;
        } PageFaultState;
        struct {
            uint32_t VidPnSourceId;
            uint8_t bQueuedPresentLimitReached;
        } PresentQueueState;
    };
};

struct D3DKMT_CREATECONTEXTVIRTUAL {
    D3DKMT_HANDLE hDevice;
    uint32_t NodeOrdinal;
    uint32_t EngineAffinity;
    uint32_t Flags;
    void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    uint32_t ClientHint;
    D3DKMT_HANDLE hContext;
};

struct D3DKMT_DESTROYCONTEXT {
    D3DKMT_HANDLE hContext;
};

struct D3DKMT_CREATEPAGINGQUEUE {
    D3DKMT_HANDLE hDevice;
    uint32_t Priority; /* D3DDDI_PAGINGQUEUE_PRIORITY: -1 below, 0 normal, 1 above normal */
    D3DKMT_HANDLE hPagingQueue;
    D3DKMT_HANDLE hSyncObject;
    void *FenceValueCPUVirtualAddress;
    uint32_t PhysicalAdapterIndex;
};

struct D3DDDI_DESTROYPAGINGQUEUE {
    D3DKMT_HANDLE hPagingQueue;
};

/* D3DKMT_STANDARDALLOCATIONTYPE */
#define D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP 1
#define D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER 2

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

/* Bits of D3DKMT_CREATEALLOCATION.Flags that code of ours looks at; all are named in common/schema/d3dkmt.def. */
#define D3DKMT_CREATEALLOCATION_CreateResource (1u << 0)
#define D3DKMT_CREATEALLOCATION_CreateShared (1u << 1)
#define D3DKMT_CREATEALLOCATION_CreateProtected (1u << 3)
#define D3DKMT_CREATEALLOCATION_ExistingSysMem (1u << 5)
#define D3DKMT_CREATEALLOCATION_NtSecuritySharing (1u << 6)
#define D3DKMT_CREATEALLOCATION_StandardAllocation (1u << 16)
#define D3DKMT_CREATEALLOCATION_ExistingSection (1u << 17)

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
