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
    KMTQAITYPE_UMOPENGLINFO = 2,              /* D3DKMT_OPENGLINFO */
    KMTQAITYPE_GETSEGMENTSIZE = 3,            /* D3DKMT_SEGMENTSIZEINFO */
    KMTQAITYPE_ADAPTERREGISTRYINFO = 8,       /* D3DKMT_ADAPTERREGISTRYINFO */
    KMTQAITYPE_ADAPTERTYPE = 15,              /* D3DKMT_ADAPTERTYPE */
    KMTQAITYPE_WDDM_2_0_CAPS = 24,            /* D3DKMT_WDDM_2_0_CAPS */
    KMTQAITYPE_NODEMETADATA = 25,             /* D3DKMT_NODEMETADATA */
    KMTQAITYPE_PHYSICALADAPTERDEVICEIDS = 31, /* D3DKMT_QUERY_DEVICE_IDS */
    KMTQAITYPE_ADAPTERREGISTRYINFO_RENDER = 54, /* D3DKMT_ADAPTERREGISTRYINFO */
    KMTQAITYPE_ADAPTERTYPE_RENDER = 57,       /* D3DKMT_ADAPTERTYPE */
    KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID = 60, /* D3DKMT_QUERY_ADAPTER_UNIQUE_GUID */
    KMTQAITYPE_DRIVER_DESCRIPTION = 65,       /* D3DKMT_DRIVER_DESCRIPTION */
    KMTQAITYPE_DRIVER_DESCRIPTION_RENDER = 66, /* D3DKMT_DRIVER_DESCRIPTION */
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
#define D3DKMT_ADAPTERTYPE_DisplaySupported (1u << 1)
#define D3DKMT_ADAPTERTYPE_SoftwareDevice (1u << 2)
#define D3DKMT_ADAPTERTYPE_PostDevice (1u << 3)
#define D3DKMT_ADAPTERTYPE_HybridDiscrete (1u << 4)
#define D3DKMT_ADAPTERTYPE_HybridIntegrated (1u << 5)
#define D3DKMT_ADAPTERTYPE_IndirectDisplayDevice (1u << 6)
#define D3DKMT_ADAPTERTYPE_Paravirtualized (1u << 7)
#define D3DKMT_ADAPTERTYPE_ACGSupported (1u << 8)
#define D3DKMT_ADAPTERTYPE_SupportSetTimingsFromVidPn (1u << 9)
#define D3DKMT_ADAPTERTYPE_Detachable (1u << 10)
#define D3DKMT_ADAPTERTYPE_ComputeOnly (1u << 11)
#define D3DKMT_ADAPTERTYPE_Prototype (1u << 12)
#define D3DKMT_ADAPTERTYPE_RuntimePowerManagement (1u << 13)

struct D3DKMT_WDDM_2_0_CAPS {
    uint32_t Value; /* bit 0 Support64BitAtomics, 1 GpuMmuSupported, 2 IoMmuSupported */
};
struct D3DKMT_WDDM_2_7_CAPS {
    uint32_t Value;
};
#define D3DKMT_WDDM_2_7_CAPS_HwSchSupported (1u << 0)
#define D3DKMT_WDDM_2_7_CAPS_HwSchEnabled (1u << 1)
#define D3DKMT_WDDM_2_7_CAPS_HwSchEnabledByDefault (1u << 2)
#define D3DKMT_WDDM_2_7_CAPS_IndependentVidPnVSyncControl (1u << 3)

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

/* What opening a resource gives: an element of D3DKMTOpenResource, and the newer form that the ioctls carry. */
struct D3DDDI_OPENALLOCATIONINFO {
    D3DKMT_HANDLE hAllocation;
    const void *pPrivateDriverData; /* out: in the caller's pTotalPrivateDriverDataBuffer */
    uint32_t PrivateDriverDataSize;
};

struct D3DDDI_OPENALLOCATIONINFO2 {
    D3DKMT_HANDLE hAllocation;
    const void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    uint64_t GpuVirtualAddress;
    uint64_t Reserved[6];
};

struct D3DKMT_OPENRESOURCE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hGlobalShare;
    uint32_t NumAllocations;
    union {
        struct D3DDDI_OPENALLOCATIONINFO *pOpenAllocationInfo;
        struct D3DDDI_OPENALLOCATIONINFO2 *pOpenAllocationInfo2;
    };
    void *pPrivateRuntimeData;
    uint32_t PrivateRuntimeDataSize;
    void *pResourcePrivateDriverData;
    uint32_t ResourcePrivateDriverDataSize;
    void *pTotalPrivateDriverDataBuffer;
    uint32_t TotalPrivateDriverDataBufferSize; /* in: room; out: bytes used */
    D3DKMT_HANDLE hResource;
};

struct D3DKMT_OPENRESOURCEFROMNTHANDLE {
    D3DKMT_HANDLE hDevice;
    uint64_t hNtHandle; /* on Linux a file descriptor */
    uint32_t NumAllocations;
    struct D3DDDI_OPENALLOCATIONINFO2 *pOpenAllocationInfo2;
    uint32_t PrivateRuntimeDataSize;
    void *pPrivateRuntimeData;
    uint32_t ResourcePrivateDriverDataSize;
    void *pResourcePrivateDriverData;
    uint32_t TotalPrivateDriverDataBufferSize; /* in: room; out: bytes used */
    void *pTotalPrivateDriverDataBuffer;
    D3DKMT_HANDLE hResource;
    D3DKMT_HANDLE hKeyedMutex;
    void *pKeyedMutexPrivateRuntimeData;
    uint32_t KeyedMutexPrivateRuntimeDataSize;
    D3DKMT_HANDLE hSyncObject;
};

struct D3DKMT_QUERYRESOURCEINFO {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hGlobalShare;
    void *pPrivateRuntimeData;
    uint32_t PrivateRuntimeDataSize;
    uint32_t TotalPrivateDriverDataSize;
    uint32_t ResourcePrivateDriverDataSize;
    uint32_t NumAllocations;
};

struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE {
    D3DKMT_HANDLE hDevice;
    uint64_t hNtHandle;
    void *pPrivateRuntimeData;
    uint32_t PrivateRuntimeDataSize;
    uint32_t TotalPrivateDriverDataSize;
    uint32_t ResourcePrivateDriverDataSize;
    uint32_t NumAllocations;
};

/* The ioctl's; the thunk D3DKMTShareObjects takes the members as five arguments. */
struct D3DKMT_SHAREOBJECTS {
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    void *pObjectAttributes;
    uint32_t DesiredAccess;
    uint64_t *pSharedNtHandle;
};

struct D3DKMT_SHAREOBJECTWITHHOST {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hObject;
    uint64_t Reserved;
    uint64_t hVailProcessNtHandle;
};

/* Residency. */
struct D3DDDI_MAKERESIDENT {
    D3DKMT_HANDLE hPagingQueue;
    uint32_t NumAllocations; /* in; out: how many were made resident */
    const D3DKMT_HANDLE *AllocationList;
    const uint32_t *PriorityList;
    uint32_t Flags;
    uint64_t PagingFenceValue;
    uint64_t NumBytesToTrim;
};

#define D3DDDI_MAKERESIDENT_CantTrimFurther (1u << 0)
#define D3DDDI_MAKERESIDENT_MustSucceed (1u << 1)

struct D3DKMT_EVICT {
    D3DKMT_HANDLE hDevice;
    uint32_t NumAllocations;
    const D3DKMT_HANDLE *AllocationList;
    uint32_t Flags;
    uint64_t NumBytesToTrim;
};

#define D3DKMT_EVICT_EvictOnlyIfNecessary (1u << 0)

struct D3DKMT_SETALLOCATIONPRIORITY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    const D3DKMT_HANDLE *phAllocationList;
    uint32_t AllocationCount;
    const uint32_t *pPriorities;
};

struct D3DKMT_GETALLOCATIONPRIORITY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    const D3DKMT_HANDLE *phAllocationList;
    uint32_t AllocationCount;
    uint32_t *pPriorities;
};

/* D3DKMT_ALLOCATIONRESIDENCYSTATUS */
#define D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY 1
#define D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY 2
#define D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT 3

struct D3DKMT_QUERYALLOCATIONRESIDENCY {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hResource;
    const D3DKMT_HANDLE *phAllocationList;
    uint32_t AllocationCount;
    uint32_t *pResidencyStatus;
};

/* D3DKMT_OFFER_PRIORITY */
#define D3DKMT_OFFER_PRIORITY_LOW 1
#define D3DKMT_OFFER_PRIORITY_NORMAL 2
#define D3DKMT_OFFER_PRIORITY_HIGH 3
#define D3DKMT_OFFER_PRIORITY_AUTO 4

#define D3DKMT_OFFER_FLAGS_OfferImmediately (1u << 0)
#define D3DKMT_OFFER_FLAGS_AllowDecommit (1u << 1)

struct D3DKMT_OFFERALLOCATIONS {
    D3DKMT_HANDLE hDevice;
    const D3DKMT_HANDLE *pResources; /* this list or the next */
    const D3DKMT_HANDLE *HandleList;
    uint32_t NumAllocations;
    uint32_t Priority;
    uint32_t Flags;
};

/* D3DDDI_RECLAIM_RESULT */
#define D3DDDI_RECLAIM_RESULT_OK 0
#define D3DDDI_RECLAIM_RESULT_DISCARDED 1
#define D3DDDI_RECLAIM_RESULT_NOT_COMMITTED 2

struct D3DKMT_RECLAIMALLOCATIONS2 {
    D3DKMT_HANDLE hPagingQueue;
    uint32_t NumAllocations;
    const D3DKMT_HANDLE *pResources;
    const D3DKMT_HANDLE *HandleList;
    union {
        uint32_t *pDiscarded; /* BOOL */
        uint32_t *pResults;   /* D3DDDI_RECLAIM_RESULT */
    };
    uint64_t PagingFenceValue;
};

/* PropertyMaskValue */
#define D3DDDI_UPDATEALLOCPROPERTY_SetAccessedPhysically (1u << 0)
#define D3DDDI_UPDATEALLOCPROPERTY_SetSupportedSegmentSet (1u << 1)
#define D3DDDI_UPDATEALLOCPROPERTY_SetPreferredSegment (1u << 2)
#define D3DDDI_UPDATEALLOCPROPERTY_SetUnmoveable (1u << 3)

struct D3DDDI_UPDATEALLOCPROPERTY {
    D3DKMT_HANDLE hPagingQueue;
    D3DKMT_HANDLE hAllocation;
    uint32_t SupportedSegmentSet;
    uint32_t PreferredSegment; /* five times SegmentId (5 bits) and Direction (1 bit) */
    uint32_t Flags;
    uint64_t PagingFenceValue;
    uint32_t PropertyMaskValue;
};

struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION {
    uint64_t hProcess;
    D3DKMT_HANDLE hAdapter;
    uint32_t MemorySegmentGroup;
    uint64_t Reservation;
    uint32_t PhysicalAdapterIndex;
};

/* The CPU's view. */
struct D3DKMT_LOCK2 {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
    uint32_t Flags;
    void *pData;
};

struct D3DKMT_UNLOCK2 {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
};

struct D3DKMT_INVALIDATECACHE {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
    uint64_t Offset;
    uint64_t Length;
};

/* The GPU's address space. D3DGPU_VIRTUAL_ADDRESS is 64 bits; sizes are in bytes unless the name says pages (of 4096). */
#define D3DDDIGPUVIRTUALADDRESS_PROTECTION_Write (1u << 0)
#define D3DDDIGPUVIRTUALADDRESS_PROTECTION_Execute (1u << 1)
#define D3DDDIGPUVIRTUALADDRESS_PROTECTION_Zero (1u << 2)
#define D3DDDIGPUVIRTUALADDRESS_PROTECTION_NoAccess (1u << 3)
#define D3DDDIGPUVIRTUALADDRESS_PROTECTION_SystemUseOnly (1u << 4)

struct D3DDDI_MAPGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hPagingQueue;
    uint64_t BaseAddress;
    uint64_t MinimumAddress;
    uint64_t MaximumAddress;
    D3DKMT_HANDLE hAllocation;
    uint64_t OffsetInPages;
    uint64_t SizeInPages;
    uint64_t Protection;
    uint64_t DriverProtection;
    uint32_t Reserved0;
    uint64_t Reserved1;
    uint64_t VirtualAddress;
    uint64_t PagingFenceValue;
};

struct D3DDDI_RESERVEGPUVIRTUALADDRESS {
    union {
        D3DKMT_HANDLE hPagingQueue;
        D3DKMT_HANDLE hAdapter;
    };
    uint64_t BaseAddress;
    uint64_t MinimumAddress;
    uint64_t MaximumAddress;
    uint64_t Size;
    union {
        uint32_t ReservationType;
        uint32_t Reserved0;
    };
    union {
        uint64_t DriverProtection;
        uint64_t Reserved1;
    };
    uint64_t VirtualAddress;
    union {
        uint64_t PagingFenceValue;
        uint64_t Reserved2;
    };
};

struct D3DKMT_FREEGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hAdapter;
    uint64_t BaseAddress;
    uint64_t Size;
};

/* D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE */
#define D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP 0
#define D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP 1
#define D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY 2
#define D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT 3

struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION {
    uint32_t OperationType; /* selects the arm */
    union {
        struct {
            uint64_t BaseAddress;
            uint64_t SizeInBytes;
            D3DKMT_HANDLE hAllocation;
            uint64_t AllocationOffsetInBytes;
            uint64_t AllocationSizeInBytes;
        } Map;
        struct {
            uint64_t BaseAddress;
            uint64_t SizeInBytes;
            D3DKMT_HANDLE hAllocation;
            uint64_t AllocationOffsetInBytes;
            uint64_t AllocationSizeInBytes;
            uint64_t Protection;
            uint64_t DriverProtection;
        } MapProtect;
        struct {
            uint64_t BaseAddress;
            uint64_t SizeInBytes;
            uint64_t Protection;
        } Unmap;
        struct {
            uint64_t SourceAddress;
            uint64_t SizeInBytes;
            uint64_t DestAddress;
        } Copy;
    };
};

#define D3DKMT_UPDATEGPUVIRTUALADDRESS_DoNotWait (1u << 0) /* Flags */

struct D3DKMT_UPDATEGPUVIRTUALADDRESS {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hContext;
    D3DKMT_HANDLE hFenceObject;
    uint32_t NumOperations;
    const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *Operations;
    uint64_t Reserved0;
    uint64_t Reserved1;
    uint64_t FenceValue;
    uint32_t Flags;
};

/* Hardware contexts and queues. */
struct D3DKMT_CREATEHWCONTEXT {
    D3DKMT_HANDLE hDevice;
    uint32_t NodeOrdinal;
    uint32_t EngineAffinity;
    uint32_t Flags;
    uint32_t PrivateDriverDataSize;
    void *pPrivateDriverData;
    D3DKMT_HANDLE hHwContext;
};

struct D3DKMT_DESTROYHWCONTEXT {
    D3DKMT_HANDLE hHwContext;
};

struct D3DKMT_CREATEHWQUEUE {
    D3DKMT_HANDLE hHwContext;
    uint32_t Flags;
    uint32_t PrivateDriverDataSize;
    void *pPrivateDriverData;
    D3DKMT_HANDLE hHwQueue;
    D3DKMT_HANDLE hHwQueueProgressFence;
    void *HwQueueProgressFenceCPUVirtualAddress;
    uint64_t HwQueueProgressFenceGPUVirtualAddress;
};

struct D3DKMT_DESTROYHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
};

/* Synchronization objects. */
enum D3DDDI_SYNCHRONIZATIONOBJECT_TYPE {
    D3DDDI_SYNCHRONIZATION_MUTEX = 1,
    D3DDDI_SEMAPHORE = 2,
    D3DDDI_FENCE = 3,
    D3DDDI_CPU_NOTIFICATION = 4,
    D3DDDI_MONITORED_FENCE = 5,
    D3DDDI_PERIODIC_MONITORED_FENCE = 6,
};

#define D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared (1u << 0)
#define D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing (1u << 1)

struct D3DDDI_SYNCHRONIZATIONOBJECTINFO2 {
    uint32_t Type; /* selects the arm */
    uint32_t Flags;
    union {
        struct {
            uint32_t InitialState; /* BOOL */
        } SynchronizationMutex;
        struct {
            uint32_t MaxCount;
            uint32_t InitialCount;
        } Semaphore;
        struct {
            uint64_t FenceValue;
        } Fence;
        struct {
            uint64_t Event; /* on Linux an eventfd */
        } CPUNotification;
        struct {
            uint64_t InitialFenceValue;
            void *FenceValueCPUVirtualAddress;
            uint64_t FenceValueGPUVirtualAddress;
            uint32_t EngineAffinity;
            uint32_t Padding;
        } MonitoredFence;
        struct {
            D3DKMT_HANDLE hAdapter;
            uint32_t VidPnTargetId;
            uint64_t Time;
            void *FenceValueCPUVirtualAddress;
            uint64_t FenceValueGPUVirtualAddress;
            uint32_t EngineAffinity;
            uint32_t Padding;
        } PeriodicMonitoredFence;
        struct {
            uint64_t Reserved[8];
        } Reserved;
    };
    D3DKMT_HANDLE SharedHandle;
};

struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 {
    D3DKMT_HANDLE hDevice;
    struct D3DDDI_SYNCHRONIZATIONOBJECTINFO2 Info;
    D3DKMT_HANDLE hSyncObject;
};

struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hSyncObject;
};

struct D3DKMT_OPENSYNCHRONIZATIONOBJECT {
    D3DKMT_HANDLE hSharedHandle;
    D3DKMT_HANDLE hSyncObject;
    uint64_t Reserved[8];
};

struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 {
    uint64_t hNtHandle;
    D3DKMT_HANDLE hDevice;
    uint32_t Flags;
    D3DKMT_HANDLE hSyncObject;
    union {
        struct {
            void *FenceValueCPUVirtualAddress;
            uint64_t FenceValueGPUVirtualAddress;
            uint32_t EngineAffinity;
        } MonitoredFence;
        uint64_t Reserved[8];
    };
};

struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU {
    D3DKMT_HANDLE hDevice;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    const uint64_t *FenceValueArray;
    uint64_t hAsyncEvent; /* 0: the call waits; on Linux an eventfd */
    uint32_t Flags;
};
#define D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny (1u << 0)

struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU {
    D3DKMT_HANDLE hDevice;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    const uint64_t *FenceValueArray;
    uint32_t Flags;
};

struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU {
    D3DKMT_HANDLE hContext;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    union {
        const uint64_t *MonitoredFenceValueArray;
        uint64_t FenceValue;
        uint64_t Reserved[8];
    };
};

struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU {
    D3DKMT_HANDLE hContext;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    union {
        const uint64_t *MonitoredFenceValueArray;
        uint64_t Reserved[8];
    };
};

#define D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent (1u << 1)
#define D3DDDICB_SIGNALFLAGS_AllowFenceRewind (1u << 2)

struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 {
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    uint32_t Flags;
    uint32_t BroadcastContextCount;
    const D3DKMT_HANDLE *BroadcastContextArray;
    union {
        uint64_t FenceValue;
        uint64_t CpuEventHandle;
        const uint64_t *MonitoredFenceValueArray;
        uint64_t Reserved[8];
    };
};

struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    const uint64_t *FenceValueArray;
};

struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE {
    uint32_t Flags;
    uint32_t BroadcastHwQueueCount;
    const D3DKMT_HANDLE *BroadcastHwQueueArray;
    uint32_t ObjectCount;
    const D3DKMT_HANDLE *ObjectHandleArray;
    const uint64_t *FenceValueArray;
};

/* Submission. */
#define D3DDDI_MAX_BROADCAST_CONTEXT 64
#define D3DDDI_MAX_WRITTEN_PRIMARIES 16

struct D3DKMT_SUBMITCOMMAND {
    uint64_t Commands;
    uint32_t CommandLength;
    uint32_t Flags;
    uint64_t PresentHistoryToken;
    uint32_t BroadcastContextCount;
    D3DKMT_HANDLE BroadcastContext[D3DDDI_MAX_BROADCAST_CONTEXT];
    const void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    uint32_t NumPrimaries;
    D3DKMT_HANDLE WrittenPrimaries[D3DDDI_MAX_WRITTEN_PRIMARIES];
    uint32_t NumHistoryBuffers;
    const D3DKMT_HANDLE *HistoryBufferArray;
};

struct D3DKMT_SUBMITCOMMANDTOHWQUEUE {
    D3DKMT_HANDLE hHwQueue;
    uint64_t HwQueueProgressFenceId;
    uint64_t CommandBuffer;
    uint32_t CommandLength;
    uint32_t PrivateDriverDataSize;
    const void *pPrivateDriverData;
    uint32_t NumPrimaries;
    const D3DKMT_HANDLE *WrittenPrimaries;
};

struct D3DKMT_ESCAPE {
    D3DKMT_HANDLE hAdapter;
    D3DKMT_HANDLE hDevice;
    uint32_t Type;
    uint32_t Flags;
    void *pPrivateDriverData;
    uint32_t PrivateDriverDataSize;
    D3DKMT_HANDLE hContext;
};

struct D3DKMT_FLUSHHEAPTRANSITIONS {
    D3DKMT_HANDLE hAdapter;
};

/* Request numbers are in common/schema/d3dkmt.def; this makes the request of one. */
#define DXG_IOCTL_TYPE 'G'
#define DXG_IOCTL(number, structure) _IOWR(DXG_IOCTL_TYPE, (number), structure)

#define DXG_MAX_ALLOCATIONS 1024                 /* D3DKMT_CREATEALLOCATION.NumAllocations on WSL */
#define DXG_BUS_PACKET_SIZE (128 * 1024)         /* bytes: all of a call must fit the guest driver's bus packet */

#endif
