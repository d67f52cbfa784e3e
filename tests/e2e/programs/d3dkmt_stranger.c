/*
 * d3dkmt_stranger: a client that knows nothing of gpualloc. It declares the public structures by itself,
     calls the thunks of whatever
 * library it is linked with (--ioctl: the device), one call of every kind at least, well and badly,
     and logs by itself the raw bytes
 * of each call before and after: one JSON object a line, as examples/support/rawlog.h describes.
 *
 *     d3dkmt_stranger --log FILE [--ioctl]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The public structures ----------------------------------------------------------------------------------------------- */

typedef uint32_t u32;
typedef uint64_t u64;
struct luid { u32 LowPart; int32_t HighPart; };
struct adapter_info { u32 hAdapter; struct luid AdapterLuid; u32 NumOfSources, bPrecise; };
struct enum_adapters2 { u32 NumAdapters; void *pAdapters; };
struct enum_adapters3 { u64 Filter; u32 NumAdapters; void *pAdapters; };
struct open_adapter { struct luid AdapterLuid; u32 hAdapter; };
struct handle { u32 handle; };
struct two_handles { u32 hDevice, hAllocation; };
struct query_adapter { u32 hAdapter, Type; void *pPrivateDriverData; u32 PrivateDriverDataSize; };
struct create_device { u64 hAdapter; u32 Flags, hDevice; void *pCommandBuffer; u32 CommandBufferSize; void *pAllocationList;
    u32 AllocationListSize; void *pPatchLocationList; u32 PatchLocationListSize; };
struct device_state { u32 hDevice, StateType; u64 State[6]; };
struct video_memory { u64 hProcess; u32 hAdapter, Group; u64 Budget, CurrentUsage, CurrentReservation, Available; u32 Index; };
struct reservation { u64 hProcess; u32 hAdapter, Group; u64 Reservation; u32 Index; };
struct context { u32 hDevice, NodeOrdinal, EngineAffinity, Flags; void *pPrivateDriverData;
    u32 PrivateDriverDataSize, ClientHint, hContext; };
struct hw_context { u32 hDevice, NodeOrdinal, EngineAffinity, Flags, PrivateDriverDataSize; void *pPrivateDriverData;
    u32 hHwContext; };
struct hw_queue { u32 hHwContext, Flags, PrivateDriverDataSize; void *pPrivateDriverData; u32 hHwQueue, hFence;
    void *CpuVa; u64 GpuVa; };
struct paging_queue { u32 hDevice; int32_t Priority; u32 hPagingQueue, hSyncObject; void *FenceVa; u32 Index; };
struct standard { u32 Type; u64 Size; u32 Flags; };
struct info { u32 hAllocation; void *pSystemMem, *pPrivateDriverData; u32 PrivateDriverDataSize, VidPnSourceId, Flags; };
struct info2 { u32 hAllocation; void *pSystemMem, *pPrivateDriverData; u32 PrivateDriverDataSize, VidPnSourceId, Flags;
    u64 GpuVa, Priority,
    Reserved[5]; };
struct create_allocation { u32 hDevice, hResource, hGlobalShare; void *pPrivateRuntimeData; u32 PrivateRuntimeDataSize;
    void *pPrivateDriverData; u32 PrivateDriverDataSize, NumAllocations; void *pAllocationInfo; u32 Flags;
        u64 hPrivateRuntimeResourceHandle; };
struct destroy_allocation { u32 hDevice, hResource; u32 *phAllocationList; u32 AllocationCount, Flags; };
struct make_resident { u32 hPagingQueue, NumAllocations; u32 *AllocationList, *PriorityList; u32 Flags;
    u64 PagingFenceValue, NumBytesToTrim; };
struct evict { u32 hDevice, NumAllocations; u32 *AllocationList; u32 Flags; u64 NumBytesToTrim; };
struct per_allocation { u32 hDevice, hResource; u32 *phAllocationList; u32 AllocationCount; u32 *values; };
struct lock2 { u32 hDevice, hAllocation, Flags; void *pData; };
struct invalidate { u32 hDevice, hAllocation; u64 Offset, Length; };
struct offer { u32 hDevice; u32 *pResources, *HandleList; u32 NumAllocations, Priority, Flags; };
struct reclaim { u32 hPagingQueue, NumAllocations; u32 *pResources, *HandleList, *pResults; u64 PagingFenceValue; };
struct property { u32 hPagingQueue, hAllocation, SupportedSegmentSet, PreferredSegment, Flags; u64 PagingFenceValue; u32 Mask; };
struct map_va { u32 hPagingQueue; u64 Base, Minimum, Maximum; u32 hAllocation; u64 Offset, Pages, Protection, DriverProtection;
    u32 Reserved0; u64 Reserved1, VirtualAddress, PagingFenceValue; };
struct reserve_va { u32 hPagingQueue; u64 Base, Minimum, Maximum, Size; u32 Type;
    u64 DriverProtection, VirtualAddress, PagingFenceValue; };
struct free_va { u32 hAdapter; u64 Base, Size; };
struct va_operation { u32 Type; u64 words[7]; };
struct update_va { u32 hDevice, hContext, hFence, NumOperations; void *Operations;
    u64 Reserved0, Reserved1, FenceValue; u32 Flags; };
struct create_sync { u32 hDevice; struct { u32 Type, Flags; u64 arm[8]; u32 SharedHandle;
    } __attribute__((aligned(8))) Info; u32 hSyncObject; };
struct wait_cpu { u32 hDevice, ObjectCount; u32 *objects; u64 *values; u64 hAsyncEvent; u32 Flags; };
struct signal_cpu { u32 hDevice, ObjectCount; u32 *objects; u64 *values; u32 Flags; };
struct gpu { u32 hContext, ObjectCount; u32 *objects; u64 arm[8]; };
struct signal_gpu2 { u32 ObjectCount; u32 *objects; u32 Flags, ContextCount; u32 *contexts; u64 arm[8]; };
struct queue_wait { u32 hHwQueue, ObjectCount; u32 *objects; u64 *values; };
struct queue_signal { u32 Flags, QueueCount; u32 *queues; u32 ObjectCount; u32 *objects; u64 *values; };
struct submit { u64 Commands; u32 CommandLength, Flags; u64 Token; u32 ContextCount, contexts[64]; void *pPrivateDriverData;
    u32 PrivateDriverDataSize, NumPrimaries, primaries[16], NumHistory; u32 *history; };
struct submit_queue { u32 hHwQueue; u64 FenceId, Commands; u32 CommandLength, PrivateDriverDataSize; void *pPrivateDriverData;
    u32 NumPrimaries; u32 *primaries; };
struct escape { u32 hAdapter, hDevice, Type, Flags; void *pPrivateDriverData; u32 PrivateDriverDataSize, hContext; };
struct share { u32 ObjectCount; u32 *objects; void *attributes; u32 access; u64 *nt_handle; };
struct share_host { u32 hDevice, hObject; u64 Reserved, handle; };
struct query_nt { u32 hDevice; u64 hNtHandle; void *pPrivateRuntimeData;
    u32 PrivateRuntimeDataSize, Total, Resource, NumAllocations; };
struct query_resource { u32 hDevice, hGlobalShare; void *pPrivateRuntimeData;
    u32 PrivateRuntimeDataSize, Total, Resource, NumAllocations; };
struct open_info { u32 hAllocation; void *pPrivateDriverData; u32 PrivateDriverDataSize; };
struct open_info2 { u32 hAllocation; void *pPrivateDriverData; u32 PrivateDriverDataSize; u64 GpuVa, Reserved[6]; };
struct open_nt { u32 hDevice; u64 hNtHandle; u32 NumAllocations; void *infos; u32 RuntimeSize; void *pRuntime; u32 ResourceSize;
    void *pResource; u32 TotalSize; void *pTotal; u32 hResource, hKeyedMutex; void *pKeyedMutex;
        u32 KeyedMutexSize, hSyncObject; };
struct open_resource { u32 hDevice, hGlobalShare, NumAllocations; void *infos; void *pRuntime; u32 RuntimeSize; void *pResource;
    u32 ResourceSize; void *pTotal; u32 TotalSize, hResource; };
struct open_sync { u64 hNtHandle; u32 hDevice, Flags, hSyncObject; u64 arm[8]; };

/* ---- The log ------------------------------------------------------------------------------------------------------------- */

static FILE *log_file;
static int device = -1; /* with --ioctl */

struct block { const char *what; const void *at; size_t size; };
enum { BLOCKS = 12 };

static void put_hex(const char *key, const void *from, size_t size)
{
    fprintf(log_file, "\"%s\":\"", key);
    for (size_t i = 0; i < size; i++)
        fprintf(log_file, "%02x", ((const unsigned char *)from)[i]);
    fputc('"', log_file);
}

/* Makes a call by its function, or by its request, and logs it. Blocks whose address is null are none. */
static long call(const char *name, int32_t (*function)(void *), unsigned number, void *args, size_t size,
    const struct block *blocks)
{
    unsigned char *copies[BLOCKS + 1] = {malloc(size)};
    memcpy(copies[0], args, size);
    for (size_t i = 0; blocks[i].what; i++)
        if (blocks[i].at)
            memcpy(copies[i + 1] = malloc(blocks[i].size + 1), blocks[i].at, blocks[i].size);
    errno = 0;
    long result = device >= 0 ? ioctl(device, _IOC(_IOC_READ | _IOC_WRITE, 'G', number, size), args)
                  : function  ? function(args)
                              : (int32_t)0xC00000BB; /* the library does not have it */
    int error = errno;
    fprintf(log_file, "{\"call\":\"D3DKMT%s\",\"tid\":%ld,\"ret\":%ld,\"errno\":%d,\"address\":%zu,", name,
        syscall(SYS_gettid), result,
            error, (size_t)args);
    put_hex("before", copies[0], size);
    fputc(',', log_file);
    put_hex("after", args, size);
    fputs(",\"memory\":[", log_file);
    const char *comma = "";
    for (size_t i = 0; blocks[i].what; i++) {
        if (!blocks[i].at)
            continue;
        fprintf(log_file, "%s{\"what\":\"%s\",\"address\":%zu,", comma, blocks[i].what, (size_t)blocks[i].at);
        put_hex("before", copies[i + 1], blocks[i].size);
        fputc(',', log_file);
        put_hex("after", blocks[i].at, blocks[i].size);
        fputc('}', log_file);
        comma = ",";
        free(copies[i + 1]);
    }
    fputs("]}\n", log_file);
    free(copies[0]);
    return result;
}

#define KINDS(X)                                                                                                            \
    X(EnumAdapters2, 0x14) X(EnumAdapters3, 0x3e) X(OpenAdapterFromLuid, 0x01) X(CloseAdapter, 0x15) X(QueryAdapterInfo, 0x09)   \
    X(QueryVideoMemoryInfo, 0x0a) X(ChangeVideoMemoryReservation, 0x16) X(CreateDevice, 0x02) X(DestroyDevice, 0x19)             \
    X(GetDeviceState, 0x0e) X(CreateContextVirtual, 0x04) X(DestroyContext, 0x05) X(CreateHwContext, 0x17)                       \
    X(DestroyHwContext, 0x1a) X(CreateHwQueue, 0x18) X(DestroyHwQueue, 0x1b) X(CreatePagingQueue, 0x07)                          \
    X(DestroyPagingQueue, 0x1c) X(CreateAllocation2, 0x06) X(DestroyAllocation2, 0x13) X(MakeResident, 0x0b) X(Evict, 0x1e)      \
    X(SetAllocationPriority, 0x2e) X(GetAllocationPriority, 0x3c) X(QueryAllocationResidency, 0x2a) X(Lock2, 0x25)               \
    X(Unlock2, 0x37) X(InvalidateCache, 0x24) X(FlushHeapTransitions, 0x1f) X(OfferAllocations, 0x27)                            \
    X(ReclaimAllocations2, 0x2c) X(UpdateAllocationProperty, 0x38) X(MapGpuVirtualAddress, 0x0c)                                 \
    X(ReserveGpuVirtualAddress, 0x08) X(FreeGpuVirtualAddress, 0x20) X(UpdateGpuVirtualAddress, 0x39)                            \
    X(CreateSynchronizationObject2, 0x10) X(DestroySynchronizationObject, 0x1d) X(WaitForSynchronizationObjectFromCpu, 0x3a)     \
    X(WaitForSynchronizationObjectFromGpu, 0x3b) X(SignalSynchronizationObjectFromCpu, 0x31)                                     \
    X(SignalSynchronizationObjectFromGpu, 0x32) X(SignalSynchronizationObjectFromGpu2, 0x33)                                     \
    X(SubmitWaitForSyncObjectsToHwQueue, 0x36) X(SubmitSignalSyncObjectsToHwQueue, 0x35) X(SubmitCommand, 0x0f)                  \
    X(SubmitCommandToHwQueue, 0x34) X(Escape, 0x0d) X(ShareObjectWithHost, 0x44) X(QueryResourceInfo, 0x2b)                      \
    X(QueryResourceInfoFromNtHandle, 0x41) X(OpenResource, 0x28) X(OpenResourceFromNtHandle, 0x42)                               \
    X(OpenSyncObjectFromNtHandle2, 0x40) X(CreateAllocation, 0) X(DestroyAllocation, 0)
#define DECLARE(name, number)                                                                                               \
    extern int32_t D3DKMT##name(void *) __attribute__((weak));                                                              \
    enum { NUMBER_##name = number };
KINDS(DECLARE)
extern int32_t D3DKMTShareObjects(u32, u32 *, void *, u32, u64 *) __attribute__((weak));
enum { NUMBER_ShareObjects = 0x3f };

static int32_t share_objects(void *args)
{
    struct share *a = args;
    return D3DKMTShareObjects(a->ObjectCount, a->objects, a->attributes, a->access, a->nt_handle);
}

#define CALL(name, args, ...) \
    call(#name, D3DKMT##name, NUMBER_##name, &(args), sizeof(args), (struct block[]){__VA_ARGS__ __VA_OPT__(,) {0}})

/* ---- What it does -------------------------------------------------------------------------------------------------------- */

static u32 adapter, dev, context, hw_context, hw_queue, queue, fence, resource, allocations[3];
static unsigned char bytes[200 * 1024], *edge; /* edge: 64 bytes before a page that is not there */
#define BAD ((void *)64)

static void fill(void *to, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)to)[i] = (unsigned char)(seed + i * 7 + (i >> 8) * 31);
}

static void query(u32 type, u32 size, void *data)
{
    struct query_adapter q = {adapter, type, data, size};
    CALL(QueryAdapterInfo, q, {"pPrivateDriverData", data == BAD ? NULL : data, size});
}

static void adapters(void)
{
    static struct adapter_info infos[8];
    static wchar_t texts[4096];
    struct enum_adapters2 count = {0}, all = {8, infos}, few = {0, infos};
    CALL(EnumAdapters2, count);
    CALL(EnumAdapters2, all, {"pAdapters", infos, sizeof infos});
    CALL(EnumAdapters2, few, {"pAdapters", infos, sizeof infos});
    struct enum_adapters3 three = {1 | 1ull << 40, 8, infos}, bad = {3, 8, BAD};
    CALL(EnumAdapters3, three, {"pAdapters", infos, sizeof infos});
    CALL(EnumAdapters3, bad);
    struct open_adapter open = {infos[0].AdapterLuid, 0}, none = {{1, -2}, 0};
    CALL(OpenAdapterFromLuid, open);
    CALL(OpenAdapterFromLuid, none);
    adapter = open.hAdapter;
    static const struct { u32 type, size; } kinds[] = {
        {1, 4 + 260 * 4}, {8, 4 * 260 * 4}, {15, 4}, {25, 4 + 4 + 32 * 4 + 6}, {31, 28}, {57, 4}, {60, 40 * 4}, {65,
            4096 * 4}, {70, 4},
        {3, 24}, {1, 4 + 260 * 2}, {65, 4096 * 2}, {65, 7}, {99, 8}, {0, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        memset(texts, 0, sizeof texts);
        query(kinds[i].type, kinds[i].size, texts);
    }
    query(15, 4, NULL);
    query(15, 4, BAD);
    for (u32 group = 0; group < 3; group++) {
        struct video_memory memory = {.hAdapter = adapter, .Group = group};
        struct reservation reserve = {.hAdapter = adapter, .Group = group, .Reservation = 65536};
        CALL(QueryVideoMemoryInfo, memory);
        CALL(ChangeVideoMemoryReservation, reserve);
    }
}

static void devices(void)
{
    struct create_device create = {.hAdapter = adapter}, bad = {.hAdapter = 0x1234, .Flags = 0x80000002};
    CALL(CreateDevice, create);
    CALL(CreateDevice, bad);
    dev = create.hDevice;
    for (u32 type = 1; type < 10; type += 2) {
        struct device_state state = {.hDevice = dev, .StateType = type};
        if (type != 5) /* its answer's bits have two readings */
            CALL(GetDeviceState, state);
    }
    fill(bytes, 48, 5);
    struct context virtual = {dev, 0, 1, 0, bytes, 48, 3, 0}, wrong = {7, 0, 1, 1u << 30, BAD, 8, 0, 0};
    CALL(CreateContextVirtual, virtual, {"pPrivateDriverData", bytes, 48});
    CALL(CreateContextVirtual, wrong);
    context = virtual.hContext;
    struct hw_context hw = {dev, 0, 1, 0, 48, bytes, 0};
    CALL(CreateHwContext, hw, {"pPrivateDriverData", bytes, 48});
    /* WSL2 has no such contexts: its hardware queues are those of virtual ones that ask for them. */
    struct context queued = {dev, 0, 1, 1u << 4, NULL, 0, 3, 0};
    CALL(CreateContextVirtual, queued);
    hw_context = hw.hHwContext ? hw.hHwContext : queued.hContext;
    struct hw_queue q = {.hHwContext = hw_context, .Flags = 1, .PrivateDriverDataSize = 16, .pPrivateDriverData = bytes};
    CALL(CreateHwQueue, q, {"pPrivateDriverData", bytes, 16});
    hw_queue = q.hHwQueue;
    struct paging_queue paging = {.hDevice = dev, .Priority = -1}, refused = {.hDevice = 5};
    CALL(CreatePagingQueue, paging);
    CALL(CreatePagingQueue, refused);
    queue = paging.hPagingQueue;
}

/* A create with one element and its private data; data at an address that cannot be read is not in our log. */
static u32 create_one(void *data, u32 size, bool readable)
{
    struct info2 info = {.pPrivateDriverData = data, .PrivateDriverDataSize = size, .VidPnSourceId = 3, .Reserved = {1,
        2, 3, 4, 5}};
    struct create_allocation create = {.hDevice = dev, .NumAllocations = 1, .pAllocationInfo = &info, .Flags = 1u << 27 & 0,
                                       .hPrivateRuntimeResourceHandle = 0xabcdef0123456789};
    CALL(CreateAllocation2, create, {"allocations", &info, sizeof info},
         {"allocations.pPrivateDriverData[0]", readable ? data : NULL, size});
    return info.hAllocation;
}

static void destroy(u32 from, u32 *list, u32 count)
{
    struct destroy_allocation d = {dev, from, list, count, count ? 0x40000001 : 0};
    CALL(DestroyAllocation2, d, {"phAllocationList", list == BAD ? NULL : list, count * sizeof *list});
}

static void private_data(void)
{
    fill(bytes, sizeof bytes, 1);
    const u32 sizes[] = {1, 7, 8, 9, 64, 4095, 100 * 1024, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        u32 made = create_one(bytes + i, sizes[i], true);
        if (made)
            destroy(0, &made, 1);
    }
    u32 made[] = {create_one(NULL, 0, false), create_one(bytes, 0, true), create_one(edge, 64, true)};
    create_one(NULL, 24, false);
    create_one(edge, 65, false); /* one byte more than can be read */
    create_one(BAD, 8, false);
    destroy(0, made, 3);
    /* The same of the runtime's data and of the resource's. */
    const struct { void *data; u32 size; bool readable; } both[] = {
        {NULL, 0, false}, {bytes, 0, true}, {NULL, 9, false}, {edge, 64, true}, {edge, 65, false}, {bytes, 128 * 1024, true}};
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        struct info2 info = {0};
        struct create_allocation create = {.hDevice = dev, .pPrivateRuntimeData = both[i].data,
            .PrivateRuntimeDataSize = both[i].size,
                                           .NumAllocations = 1, .pAllocationInfo = &info, .Flags = 1}, other = create;
        other.pPrivateRuntimeData = NULL;
        other.PrivateRuntimeDataSize = 0;
        other.pPrivateDriverData = both[i].data;
        other.PrivateDriverDataSize = both[i].size;
        CALL(CreateAllocation2, create, {"allocations", &info, sizeof info},
             {"pPrivateRuntimeData", both[i].readable ? both[i].data : NULL, both[i].size});
        CALL(CreateAllocation2, other, {"allocations", &info, sizeof info},
             {"pPrivateDriverData", both[i].readable ? both[i].data : NULL, both[i].size});
        destroy(create.hResource, NULL, 0);
        destroy(other.hResource, NULL, 0);
    }
}

static void resources(void)
{
    struct info2 infos[3] = {{.pPrivateDriverData = bytes, .PrivateDriverDataSize = 16},
                             {.pPrivateDriverData = bytes + 50, .PrivateDriverDataSize = 33},
                             {.pPrivateDriverData = edge, .PrivateDriverDataSize = 64, .VidPnSourceId = 1}};
    /* CreateResource, CreateShared, NtSecuritySharing */
    struct create_allocation create = {.hDevice = dev, .pPrivateRuntimeData = bytes + 9, .PrivateRuntimeDataSize = 21,
                                       .pPrivateDriverData = bytes + 99, .PrivateDriverDataSize = 12, .NumAllocations = 3,
                                       .pAllocationInfo = infos, .Flags = 1 | 1u << 1 | 1u << 6,
                                           .hPrivateRuntimeResourceHandle = 0x77};
    CALL(CreateAllocation2, create, {"pPrivateRuntimeData", bytes + 9, 21}, {"pPrivateDriverData", bytes + 99, 12},
         {"allocations", infos, sizeof infos}, {"allocations.pPrivateDriverData[0]", bytes, 16},
         {"allocations.pPrivateDriverData[1]", bytes + 50, 33}, {"allocations.pPrivateDriverData[2]", edge, 64});
    resource = create.hResource;
    for (unsigned i = 0; i < 3; i++)
        allocations[i] = create_one(bytes + i, 24, true);
    struct standard heap = {1, 65536, 0};
    void *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct info2 info = {.pSystemMem = memory};
    struct create_allocation standard = {.hDevice = dev, .pPrivateDriverData = &heap, .NumAllocations = 1,
        .pAllocationInfo = &info,
                                         .Flags = 1 | 1u << 5 | 1u << 16};
    CALL(CreateAllocation2, standard, {"pStandardAllocation", &heap, sizeof heap}, {"allocations", &info, sizeof info});
    destroy(standard.hResource, NULL, 0);
    heap.Size = 65537;
    CALL(CreateAllocation2, standard, {"pStandardAllocation", &heap, sizeof heap}, {"allocations", &info, sizeof info});
    standard.pAllocationInfo = BAD;
    CALL(CreateAllocation2, standard, {"pStandardAllocation", &heap, sizeof heap});
    destroy(0, BAD, 2);
    destroy(0, NULL, 0);
    destroy(0x99, NULL, 0);
    if (device >= 0)
        return;
    struct info old[2] = {{.pPrivateDriverData = bytes, .PrivateDriverDataSize = 16}, {.VidPnSourceId = 2, .Flags = 1}};
    struct create_allocation older = {.hDevice = dev, .NumAllocations = 2, .pAllocationInfo = old, .Flags = 1};
    CALL(CreateAllocation, older, {"allocations", old, sizeof old}, {"allocations.pPrivateDriverData[0]", bytes, 16});
    struct { u32 hDevice, hResource; u32 *list; u32 count; } gone = {dev, older.hResource, NULL, 0};
    CALL(DestroyAllocation, gone);
}

static void residency(void)
{
    static u32 many[10240], priorities[10240];
    for (unsigned i = 0; i < 10240; i++) {
        many[i] = allocations[i % 3];
        priorities[i] = 0x78000000 + i;
    }
    struct make_resident make = {queue, 3, allocations, NULL, 1, 0, 0}, all = {queue, 10240, many, priorities, 0, 0, 0};
    CALL(MakeResident, make, {"AllocationList", allocations, 12});
    CALL(MakeResident, all, {"AllocationList", many, sizeof many}, {"PriorityList", priorities, sizeof priorities});
    struct make_resident none = {queue, 0, NULL, NULL, 0, 0, 0}, bad = {queue, 2, BAD, NULL, 0x80000001, 0, 0};
    CALL(MakeResident, none);
    CALL(MakeResident, bad);
    u32 values[3] = {0x28000000, 0x50000000, 0x78000000}, answers[3] = {9, 9, 9};
    struct per_allocation set = {dev, 0, allocations, 3, values}, get = {dev, 0, allocations, 3, answers}, of = {dev,
        resource, NULL, 0, answers};
    CALL(SetAllocationPriority, set, {"phAllocationList", allocations, 12}, {"pPriorities", values, 12});
    CALL(GetAllocationPriority, get, {"phAllocationList", allocations, 12}, {"pPriorities", answers, 12});
    CALL(QueryAllocationResidency, get, {"phAllocationList", allocations, 12}, {"pResidencyStatus", answers, 12});
    CALL(QueryAllocationResidency, of, {"pResidencyStatus", answers, 4});
    set.hResource = 3;
    CALL(SetAllocationPriority, set, {"phAllocationList", allocations, 12}, {"pPriorities", values, 12});
    struct offer offer = {dev, NULL, allocations + 2, 1, 1, 3}, nothing = {dev, NULL, NULL, 0, 9, 0};
    CALL(OfferAllocations, offer, {"HandleList", allocations + 2, 4});
    CALL(OfferAllocations, nothing);
    struct reclaim reclaim = {queue, 1, NULL, allocations + 2, answers, 0};
    CALL(ReclaimAllocations2, reclaim, {"HandleList", allocations + 2, 4}, {"pResults", answers, 4});
    struct property property = {queue, allocations[0], 3, 1 | 1u << 5, 1, 0, 5};
    CALL(UpdateAllocationProperty, property);
    struct evict evict = {dev, 3, allocations, 1, 0}, wrong = {dev, 1, BAD, 0, 0};
    CALL(Evict, evict, {"AllocationList", allocations, 12});
    CALL(Evict, wrong);
    struct lock2 lock = {dev, allocations[0], 0, NULL}, stranger = {dev, 0x4444, 1, NULL};
    CALL(Lock2, lock);
    CALL(Lock2, stranger);
    struct invalidate cache = {dev, allocations[0], 4096, 4096};
    CALL(InvalidateCache, cache);
    struct two_handles unlock = {dev, allocations[0]};
    CALL(Unlock2, unlock);
    CALL(Unlock2, unlock);
    struct handle flush = {adapter};
    CALL(FlushHeapTransitions, flush);
}

static void addresses(void)
{
    struct map_va map = {.hPagingQueue = queue, .hAllocation = allocations[0], .Pages = 4, .Protection = 1,
        .DriverProtection = 7};
    CALL(MapGpuVirtualAddress, map);
    struct map_va wrong = {.hPagingQueue = queue, .Base = 4097, .hAllocation = 3, .Pages = 1ull << 60,
        .Protection = 1ull << 50 | 8};
    CALL(MapGpuVirtualAddress, wrong);
    struct reserve_va reserve = {.hPagingQueue = queue, .Size = 1 << 20}, by_adapter = {.hPagingQueue = adapter,
        .Size = 65536, .Type = 1},
        odd = {.hPagingQueue = queue, .Size = 5, .PagingFenceValue = 77};
    CALL(ReserveGpuVirtualAddress, reserve);
    CALL(ReserveGpuVirtualAddress, by_adapter);
    CALL(ReserveGpuVirtualAddress, odd);
    u64 at = reserve.VirtualAddress;
    struct va_operation operations[] = {{0, {at, 16384, allocations[0], 0, 16384}},
                                        {3, {at + 65536, 8192, allocations[1], 4096, 8192, 1, 9}},
                                        {2, {at, 4096, at + 131072}},
                                        {1, {at, 4096, 4}},
                                        {8, {1, 2, 3, 4, 5, 6, 7}}};
    struct update_va update = {dev, context, fence, 4, operations, 0, 0, 8, 1}, bad = {dev, context, fence, 3, BAD, 0, 0, 1, 0};
    CALL(UpdateGpuVirtualAddress, update, {"Operations", operations, 4 * sizeof *operations});
    update.NumOperations = 5;
    CALL(UpdateGpuVirtualAddress, update, {"Operations", operations, 5 * sizeof *operations});
    CALL(UpdateGpuVirtualAddress, bad);
    struct free_va free = {adapter, at, 1 << 20};
    CALL(FreeGpuVirtualAddress, free);
    CALL(FreeGpuVirtualAddress, free);
}

static void synchronization(void)
{
    for (u32 type = 1; type <= 7; type++) {
        struct create_sync create = {.hDevice = dev, .Info = {.Type = type, .Flags = type == 6 ? 0x80000001 : type == 5 ? 3 : 0,
            .arm = {1, 2, 3, 4, 5}}};
        CALL(CreateSynchronizationObject2, create);
        if (type == 5)
            fence = create.hSyncObject;
        else if (create.hSyncObject) {
            struct handle destroy = {create.hSyncObject};
            CALL(DestroySynchronizationObject, destroy);
        }
    }
    u32 objects[2] = {fence, fence};
    u64 values[2] = {4, 5};
    struct signal_cpu signal = {dev, 2, objects, values, 0};
    CALL(SignalSynchronizationObjectFromCpu, signal, {"ObjectHandleArray", objects, 8}, {"FenceValueArray", values, 16});
    struct wait_cpu wait = {dev, 1, objects, values, 0, 1}, bad = {dev, 1, BAD, BAD, 0, 0};
    CALL(WaitForSynchronizationObjectFromCpu, wait, {"ObjectHandleArray", objects, 4}, {"FenceValueArray", values, 8});
    CALL(WaitForSynchronizationObjectFromCpu, bad);
    values[0] = 6;
    struct gpu on = {context, 1, objects, {(u64)(uintptr_t)values}};
    CALL(SignalSynchronizationObjectFromGpu, on, {"ObjectHandleArray", objects, 4}, {"MonitoredFenceValueArray", values, 8});
    CALL(WaitForSynchronizationObjectFromGpu, on, {"ObjectHandleArray", objects, 4}, {"MonitoredFenceValueArray", values, 8});
    values[0] = 7;
    struct signal_gpu2 two = {1, objects, 0, 1, &context, {(u64)(uintptr_t)values}};
    CALL(SignalSynchronizationObjectFromGpu2, two, {"ObjectHandleArray", objects, 4}, {"BroadcastContextArray", &context, 4},
         {"MonitoredFenceValueArray", values, 8});
    two.Flags = 1u << 1;
    two.arm[0] = 12345; /* an event */
    CALL(SignalSynchronizationObjectFromGpu2, two, {"ObjectHandleArray", objects, 4}, {"BroadcastContextArray", &context, 4});
    struct queue_wait queue_wait = {hw_queue, 1, objects, values};
    CALL(SubmitWaitForSyncObjectsToHwQueue, queue_wait, {"ObjectHandleArray", objects, 4}, {"FenceValueArray", values, 8});
    struct queue_signal queue_signal = {0, 1, &hw_queue, 1, objects, values};
    CALL(SubmitSignalSyncObjectsToHwQueue, queue_signal, {"BroadcastHwQueueArray", &hw_queue, 4}, {"ObjectHandleArray",
        objects, 4},
         {"FenceValueArray", values, 8});
}

static void submission(void)
{
    struct submit submit = {.Commands = 0x100000, .CommandLength = 256, .ContextCount = 1, .contexts = {context},
                            .pPrivateDriverData = bytes, .PrivateDriverDataSize = 40, .NumPrimaries = 2,
                            .primaries = {allocations[0], allocations[1]}, .NumHistory = 3, .history = allocations};
    CALL(SubmitCommand, submit, {"pPrivateDriverData", bytes, 40}, {"HistoryBufferArray", allocations, 12});
    submit.ContextCount = 70; /* more than there is room for */
    submit.NumHistory = 0;
    submit.Flags = 1u << 31 | 1;
    CALL(SubmitCommand, submit, {"pPrivateDriverData", bytes, 40});
    struct submit_queue queued = {hw_queue, 3, 0x100000, 64, 16, bytes, 1, allocations};
    CALL(SubmitCommandToHwQueue, queued, {"pPrivateDriverData", bytes, 16}, {"WrittenPrimaries", allocations, 4});
    struct escape escape = {adapter, dev, 0, 1u << 4 | 1, bytes + 3, 20, context}, none = {adapter, 0, 7, 0, NULL, 0, 0};
    CALL(Escape, escape, {"pPrivateDriverData", bytes + 3, 20});
    CALL(Escape, none);
}

static void sharing(void)
{
    u64 shared = 0, sync = 0;
    struct share share = {1, &resource, NULL, 0x10000000, &shared}, of_fence = {1, &fence, NULL, 1, &sync}, bad = {1,
        BAD, NULL, 0, BAD};
#define SHARE(args, ...)                                                                                                    \
    call("ShareObjects", D3DKMTShareObjects ? share_objects : NULL, NUMBER_ShareObjects, &(args), sizeof(args),              \
         (struct block[]){__VA_ARGS__ __VA_OPT__(,) {0}})
    SHARE(share, {"ObjectHandleArray", &resource, 4}, {"pSharedNtHandle", &shared, 8});
    SHARE(of_fence, {"ObjectHandleArray", &fence, 4}, {"pSharedNtHandle", &sync, 8});
    SHARE(bad);
    static unsigned char runtime[64], driver[64], total[4096];
    struct query_nt ask = {.hDevice = dev, .hNtHandle = shared, .pPrivateRuntimeData = runtime, .PrivateRuntimeDataSize = 64},
                    wrong = {.hDevice = dev, .hNtHandle = 987654};
    CALL(QueryResourceInfoFromNtHandle, ask, {"pPrivateRuntimeData", runtime, 64});
    CALL(QueryResourceInfoFromNtHandle, wrong);
    struct open_info2 infos[3] = {0};
    struct open_nt open = {.hDevice = dev, .hNtHandle = shared, .NumAllocations = 3, .infos = infos, .RuntimeSize = 21,
                           .pRuntime = runtime, .ResourceSize = 12, .pResource = driver, .TotalSize = sizeof total,
                               .pTotal = total};
    CALL(OpenResourceFromNtHandle, open, {"allocations", infos, sizeof infos}, {"pPrivateRuntimeData", runtime, 21},
         {"pResourcePrivateDriverData", driver, 12}, {"pTotalPrivateDriverDataBuffer", total, sizeof total});
    open.hNtHandle = 987654;
    CALL(OpenResourceFromNtHandle, open, {"allocations", infos, sizeof infos}, {"pPrivateRuntimeData", runtime, 21},
         {"pResourcePrivateDriverData", driver, 12}, {"pTotalPrivateDriverDataBuffer", total, sizeof total});
    struct query_resource global = {.hDevice = dev, .hGlobalShare = 0x40, .pPrivateRuntimeData = runtime,
        .PrivateRuntimeDataSize = 8};
    CALL(QueryResourceInfo, global, {"pPrivateRuntimeData", runtime, 8});
    struct open_info old[2] = {0};
    struct open_info2 new[2] = {0};
    struct open_resource of_global = {.hDevice = dev, .hGlobalShare = 0x40, .NumAllocations = 2,
        .infos = device < 0 ? (void *)old : new};
    CALL(OpenResource, of_global, {"allocations", of_global.infos, device < 0 ? sizeof old : sizeof new});
    struct open_sync open_sync = {.hNtHandle = sync, .hDevice = dev, .Flags = 2, .arm = {0, 0, 1}},
        no_sync = {.hNtHandle = 987654, .hDevice = dev};
    CALL(OpenSyncObjectFromNtHandle2, open_sync);
    CALL(OpenSyncObjectFromNtHandle2, no_sync);
    struct share_host host = {dev, resource, 0, 0};
    CALL(ShareObjectWithHost, host);
}

static void end(void)
{
    destroy(0, allocations, 3);
    struct handle ends[] = {{fence}, {hw_queue}, {hw_context}, {context}, {queue}, {dev}, {adapter}};
    CALL(DestroySynchronizationObject, ends[0]);
    CALL(DestroyHwQueue, ends[1]);
    CALL(DestroyHwContext, ends[2]);
    CALL(DestroyContext, ends[3]);
    CALL(DestroyPagingQueue, ends[4]);
    CALL(DestroyPagingQueue, ends[4]);
    CALL(DestroyDevice, ends[5]);
    CALL(DestroyContext, ends[3]);
    CALL(CloseAdapter, ends[6]);
    CALL(CloseAdapter, ends[6]);
}

int main(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "--log") != 0 || !(log_file = fopen(argv[2], "we"))) {
        fprintf(stderr, "usage: d3dkmt_stranger --log FILE [--ioctl]\n");
        return 2;
    }
    if (argc > 3 && (device = open("/dev/dxg", O_RDONLY | O_CLOEXEC)) < 0) {
        perror("/dev/dxg");
        return 1;
    }
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) != 0)
        return 1;
    edge = (unsigned char *)pages + 4096 - 64;
    fill(edge, 64, 77);
    adapters();
    devices();
    private_data();
    resources();
    synchronization();
    residency();
    addresses();
    submission();
    sharing();
    end();
    return fclose(log_file) ? 1 : 0;
}
