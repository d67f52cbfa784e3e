/*
 * d3dkmt_scene: a small program that allocates as a game does, through the D3DKMT interface of /dev/dxg. An example to record:
 *
 *     gpualloc record --softgpu -o T -- d3dkmt_scene
 *
 * It lists adapters, makes a device, and then surfaces: resources of several allocations, allocations added to one, a shared one,
 * standard allocations, loose ones; some are freed on another thread, and some calls fail, as calls do. On softgpu its private
 * driver data is softgpu's; any other driver's format is unknown to it, so there each surface is a standard allocation.
 * With --log FILE it keeps its own raw log of every call, which tests hold against the recording. It can also make load:
 * --big, --rate, --flat-out. Every result it prints is the same from run to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"
#include "rawlog.h"

/* ---- The calls: by their thunk, or with --ioctl straight to the device --------------------------------------------------- */

static int device_fd = -1; /* with --ioctl */
static bool no_mistakes;   /* only calls that are right */
static struct rawlog *raw_log;

/* X(thunk, request number, structure) */
#define CALLS(X)                                                                                                            \
    X(EnumAdapters2, 0x14, struct D3DKMT_ENUMADAPTERS2)                                                                     \
    X(EnumAdapters3, 0x3e, struct D3DKMT_ENUMADAPTERS3)                                                                     \
    X(OpenAdapterFromLuid, 0x01, struct D3DKMT_OPENADAPTERFROMLUID)                                                         \
    X(CloseAdapter, 0x15, struct D3DKMT_CLOSEADAPTER)                                                                       \
    X(QueryAdapterInfo, 0x09, struct D3DKMT_QUERYADAPTERINFO)                                                               \
    X(QueryVideoMemoryInfo, 0x0a, struct D3DKMT_QUERYVIDEOMEMORYINFO)                                                       \
    X(CreateDevice, 0x02, struct D3DKMT_CREATEDEVICE)                                                                       \
    X(DestroyDevice, 0x19, struct D3DKMT_DESTROYDEVICE)                                                                     \
    X(GetDeviceState, 0x0e, struct D3DKMT_GETDEVICESTATE)                                                                   \
    X(CreateContextVirtual, 0x04, struct D3DKMT_CREATECONTEXTVIRTUAL)                                                       \
    X(DestroyContext, 0x05, struct D3DKMT_DESTROYCONTEXT)                                                                   \
    X(CreatePagingQueue, 0x07, struct D3DKMT_CREATEPAGINGQUEUE)                                                             \
    X(DestroyPagingQueue, 0x1c, struct D3DDDI_DESTROYPAGINGQUEUE)                                                           \
    X(MakeResident, 0x0b, struct D3DDDI_MAKERESIDENT)                                                                       \
    X(Evict, 0x1e, struct D3DKMT_EVICT)                                                                                     \
    X(ReserveGpuVirtualAddress, 0x08, struct D3DDDI_RESERVEGPUVIRTUALADDRESS)                                               \
    X(MapGpuVirtualAddress, 0x0c, struct D3DDDI_MAPGPUVIRTUALADDRESS)                                                       \
    X(FreeGpuVirtualAddress, 0x20, struct D3DKMT_FREEGPUVIRTUALADDRESS)                                                     \
    X(Lock2, 0x25, struct D3DKMT_LOCK2)                                                                                     \
    X(Unlock2, 0x37, struct D3DKMT_UNLOCK2)                                                                                 \
    X(OfferAllocations, 0x27, struct D3DKMT_OFFERALLOCATIONS)                                                               \
    X(ReclaimAllocations2, 0x2c, struct D3DKMT_RECLAIMALLOCATIONS2)                                                         \
    X(CreateAllocation2, 0x06, struct D3DKMT_CREATEALLOCATION)                                                              \
    X(DestroyAllocation2, 0x13, struct D3DKMT_DESTROYALLOCATION2)

/* The older pair has no request of its own. */
#define OLDER_CALLS(X)                                                                                                      \
    X(CreateAllocation, 0, struct D3DKMT_CREATEALLOCATION)                                                                  \
    X(DestroyAllocation, 0, struct D3DKMT_DESTROYALLOCATION)

struct call {
    const char *name;
    unsigned long request;
    size_t size;
    NTSTATUS (*thunk)(void *args);
};

#define THUNK(name, number, structure)                                                                                      \
    static NTSTATUS thunk_##name(void *args) { return D3DKMT##name((structure *)args); }
CALLS(THUNK)
OLDER_CALLS(THUNK)
#define CALL(name, number, structure)                                                                                       \
    static const struct call name = {"D3DKMT" #name, DXG_IOCTL(number, structure), sizeof(structure), thunk_##name};
CALLS(CALL)
OLDER_CALLS(CALL)

static long issue(const struct call *call, void *args)
{
    return device_fd >= 0 ? ioctl(device_fd, call->request, args) : call->thunk(args);
}

/* One call that leads to no more memory than its structure. */
static long make(const struct call *call, void *args)
{
    struct rawlog_call *logged = rawlog_before(raw_log, call->name, args, call->size);
    errno = 0;
    long result = issue(call, args);
    rawlog_after(logged, result, errno);
    return result;
}

/* One call with a buffer. */
static long make_with(const struct call *call, void *args, const char *what, void *memory, size_t size)
{
    struct rawlog_call *logged = rawlog_before(raw_log, call->name, args, call->size);
    rawlog_memory(logged, what, -1, memory, size);
    errno = 0;
    long result = issue(call, args);
    rawlog_after(logged, result, errno);
    return result;
}

/* CreateAllocation in either form: with its elements, and all the private data of call and elements. */
static long create_allocation(struct D3DKMT_CREATEALLOCATION *args, bool older)
{
    const struct call *call = older ? &CreateAllocation : &CreateAllocation2;
    struct rawlog_call *logged = rawlog_before(raw_log, call->name, args, call->size);
    size_t element = older ? sizeof *args->pAllocationInfo : sizeof *args->pAllocationInfo2;
    rawlog_memory(logged, "pPrivateRuntimeData", -1, args->pPrivateRuntimeData, args->PrivateRuntimeDataSize);
    if (args->Flags & D3DKMT_CREATEALLOCATION_StandardAllocation)
        rawlog_memory(logged, "pStandardAllocation", -1, args->pStandardAllocation, sizeof *args->pStandardAllocation);
    else
        rawlog_memory(logged, "pPrivateDriverData", -1, args->pPrivateDriverData, args->PrivateDriverDataSize);
    rawlog_memory(logged, "allocations", -1, args->pAllocationInfo, args->NumAllocations * element);
    for (uint32_t i = 0; logged && i < args->NumAllocations; i++) {
        void *data = older ? args->pAllocationInfo[i].pPrivateDriverData : args->pAllocationInfo2[i].pPrivateDriverData;
        uint32_t size = older ? args->pAllocationInfo[i].PrivateDriverDataSize : args->pAllocationInfo2[i].PrivateDriverDataSize;
        if ((uintptr_t)data >= 4096) /* the scene's own bad pointers are small numbers */
            rawlog_memory(logged, "allocations.pPrivateDriverData", (int)i, data, size);
    }
    errno = 0;
    long result = issue(call, args);
    rawlog_after(logged, result, errno);
    return result;
}

static long destroy_allocations(D3DKMT_HANDLE device, D3DKMT_HANDLE resource, D3DKMT_HANDLE *list, uint32_t count)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {
        .hDevice = device, .hResource = resource, .phAllocationList = list, .AllocationCount = count};
    return make_with(&DestroyAllocation2, &args, "phAllocationList", list, count * sizeof *list);
}

/* Prints a step and how it went: ok, or the error. */
static bool report(const char *step, long result)
{
    if (result == -1 && device_fd >= 0)
        printf("%-58s errno %d (%s)\n", step, errno, strerror(errno));
    else if (result < 0)
        printf("%-58s status 0x%08x\n", step, (uint32_t)result);
    else
        printf("%-58s ok\n", step);
    return result >= 0;
}

/* ---- The device ----------------------------------------------------------------------------------------------------------- */

struct scene {
    D3DKMT_HANDLE adapter, device, context, paging_queue;
    const volatile uint64_t *paging_fence;
    bool softgpu; /* private data is softgpu's: its format is known */
    uint64_t surfaces; /* made so far: names the next one */
};

static bool describe_adapter(struct scene *scene)
{
    union {
        struct D3DKMT_DRIVER_DESCRIPTION wide;
        struct D3DKMT_DRIVER_DESCRIPTION_UTF16 utf16;
    } *answer = calloc(1, sizeof *answer);
    struct D3DKMT_QUERYADAPTERINFO args = {
        .hAdapter = scene->adapter,
        .Type = KMTQAITYPE_DRIVER_DESCRIPTION,
        .pPrivateDriverData = answer,
        .PrivateDriverDataSize = device_fd >= 0 ? sizeof answer->utf16 : sizeof answer->wide};
    char text[128] = "";
    long result = make_with(&QueryAdapterInfo, &args, "pPrivateDriverData", answer, args.PrivateDriverDataSize);
    for (size_t i = 0; result >= 0 && i + 1 < sizeof text; i++)
        text[i] = (char)(device_fd >= 0 ? answer->utf16.DriverDescription[i] : (uint16_t)answer->wide.DriverDescription[i]);
    free(answer);
    if (!report("query the adapter's description", result))
        return false;
    printf("  %s\n", text);
    scene->softgpu = strncmp(text, "softgpu", 7) == 0;
    return true;
}

static void query_adapter(struct scene *scene)
{
    struct D3DKMT_ADAPTERTYPE type = {0};
    struct D3DKMT_SEGMENTSIZEINFO sizes = {0};
    struct D3DKMT_QUERY_DEVICE_IDS ids = {0};
    struct D3DKMT_QUERYADAPTERINFO args = {.hAdapter = scene->adapter};
#define QUERY(type_, answer, step)                                                                                          \
    (args.Type = (type_), args.pPrivateDriverData = &(answer), args.PrivateDriverDataSize = sizeof(answer),                 \
     report(step, make_with(&QueryAdapterInfo, &args, "pPrivateDriverData", &(answer), sizeof(answer))))
    QUERY(KMTQAITYPE_ADAPTERTYPE, type, "query the adapter's type");
    QUERY(KMTQAITYPE_GETSEGMENTSIZE, sizes, "query the sizes of its memory");
    QUERY(KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, ids, "query its device ids");
    if (!no_mistakes)
        QUERY(KMTQAITYPE_GETSEGMENTSIZE, ids, "query with a buffer of the wrong size");
#undef QUERY
}

static bool open_adapter(struct scene *scene)
{
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    if (!report("count the adapters", make(&EnumAdapters2, &list)) || list.NumAdapters == 0) {
        fputs("d3dkmt_scene: no adapter on /dev/dxg; `gpualloc run --softgpu -- d3dkmt_scene` brings one\n", stderr);
        return false;
    }
    struct D3DKMT_ADAPTERINFO infos[64] = {0};
    list.NumAdapters = 64;
    list.pAdapters = infos;
    if (!report("list the adapters", make_with(&EnumAdapters2, &list, "pAdapters", infos, sizeof infos)))
        return false;
    struct D3DKMT_ENUMADAPTERS3 list3 = {.Filter.Value = 1, .NumAdapters = 64, .pAdapters = &infos[32]};
    list3.NumAdapters = 32;
    report("list them with a filter", make_with(&EnumAdapters3, &list3, "pAdapters", &infos[32], 32 * sizeof *infos));
    struct D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = infos[0].AdapterLuid};
    if (!report("open the first one by its luid", make(&OpenAdapterFromLuid, &open)))
        return false;
    scene->adapter = open.hAdapter;
    for (uint32_t i = 0; i < list.NumAdapters; i++)
        make(&CloseAdapter, &(struct D3DKMT_CLOSEADAPTER){infos[i].hAdapter});
    for (uint32_t i = 0; i < list3.NumAdapters && i < 32; i++)
        make(&CloseAdapter, &(struct D3DKMT_CLOSEADAPTER){infos[32 + i].hAdapter});
    return true;
}

static bool open_device(struct scene *scene)
{
    struct D3DKMT_CREATEDEVICE device = {.hAdapter = scene->adapter};
    if (!report("create a device", make(&CreateDevice, &device)))
        return false;
    scene->device = device.hDevice;
    unsigned char data[24];
    memset(data, 0xc7, sizeof data);
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = scene->device,
                                                  .EngineAffinity = 1,
                                                  .pPrivateDriverData = scene->softgpu ? data : NULL,
                                                  .PrivateDriverDataSize = scene->softgpu ? sizeof data : 0,
                                                  .ClientHint = 9 /* D3DKMT_CLIENTHINT_DX12 */};
    if (report("create a context", make_with(&CreateContextVirtual, &context, "pPrivateDriverData", context.pPrivateDriverData,
                                             context.PrivateDriverDataSize)))
        scene->context = context.hContext;
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = scene->device};
    if (report("create a paging queue", make(&CreatePagingQueue, &queue))) {
        scene->paging_queue = queue.hPagingQueue;
        scene->paging_fence = queue.FenceValueCPUVirtualAddress;
        printf("  its fence stands at %llu\n", (unsigned long long)*scene->paging_fence);
    }
    struct D3DKMT_GETDEVICESTATE state = {.hDevice = scene->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    report("ask for the device's state", make(&GetDeviceState, &state));
    return true;
}

/* ---- Surfaces ------------------------------------------------------------------------------------------------------------- */

enum { PARTS_MAX = 8, PART_DATA_MAX = 4096 };

/* A surface of several allocations, as a texture with its mip tail and metadata. */
struct surface {
    D3DKMT_HANDLE resource, parts[PARTS_MAX];
    uint32_t part_count;
};

/* What each part of a surface asks for. */
struct part {
    uint64_t size;
    uint32_t flags;     /* SOFTGPU_ALLOCATION_ */
    uint32_t data_size; /* bytes of private data */
};

/* Softgpu's private data, and behind it bytes of the surface's own, no two surfaces alike. */
static void fill_private_data(unsigned char *data, const struct part *part, uint64_t surface, uint32_t index)
{
    struct softgpu_private_data head = {
        .magic = SOFTGPU_MAGIC, .flags = part->flags, .size = part->size, .format = (uint32_t)surface};
    for (uint32_t i = 0; i < part->data_size; i++)
        data[i] = (unsigned char)(i * 7 + surface * 31 + index);
    memcpy(data, &head, part->data_size < sizeof head ? part->data_size : sizeof head);
}

/* The surface as a runtime knows it: the number that ties its allocations together in a log of events. */
static uint64_t surface_name(struct scene *scene)
{
    return 0x7f0000001000ull + 0x100 * scene->surfaces++;
}

/* The stand-in on a foreign driver: one standard allocation of all the bytes. */
static long create_standard_surface(struct scene *scene, struct surface *surface, const struct part *parts, uint32_t count,
                                    uint32_t flags)
{
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER};
    for (uint32_t i = 0; i < count; i++)
        standard.ExistingHeapData.Size += (parts[i].size + 4095) & ~4095ull;
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = scene->device,
                                           .hResource = surface->resource,
                                           .pStandardAllocation = &standard,
                                           .NumAllocations = 1,
                                           .pAllocationInfo2 = &info,
                                           .Flags = flags | D3DKMT_CREATEALLOCATION_StandardAllocation,
                                           .hPrivateRuntimeResourceHandle = surface_name(scene)};
    long result = create_allocation(&args, false);
    if (result >= 0) {
        surface->resource = args.hResource;
        surface->parts[surface->part_count++] = info.hAllocation;
    }
    return result;
}

/* Makes a surface of count parts, or adds them to one. */
static long create_surface(struct scene *scene, struct surface *surface, const struct part *parts, uint32_t count, uint32_t flags)
{
    if (!scene->softgpu)
        return create_standard_surface(scene, surface, parts, count, flags);
    static __thread unsigned char data[PARTS_MAX][PART_DATA_MAX];
    struct D3DDDI_ALLOCATIONINFO2 infos[PARTS_MAX] = {0};
    char runtime[40] = "";
    uint64_t name = surface_name(scene);
    snprintf(runtime, sizeof runtime, "surface %llu", (unsigned long long)scene->surfaces);
    for (uint32_t i = 0; i < count; i++) {
        fill_private_data(data[i], &parts[i], name, i);
        infos[i].pPrivateDriverData = data[i];
        infos[i].PrivateDriverDataSize = parts[i].data_size;
    }
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = scene->device,
                                           .hResource = surface->resource,
                                           .pPrivateRuntimeData = runtime,
                                           .PrivateRuntimeDataSize = sizeof runtime,
                                           .pPrivateDriverData = "resource data",
                                           .PrivateDriverDataSize = 13,
                                           .NumAllocations = count,
                                           .pAllocationInfo2 = infos,
                                           .Flags = flags,
                                           .hPrivateRuntimeResourceHandle = name};
    long result = create_allocation(&args, false);
    for (uint32_t i = 0; result >= 0 && i < count; i++)
        surface->parts[surface->part_count++] = infos[i].hAllocation;
    if (result >= 0)
        surface->resource = args.hResource;
    return result;
}

/* The same by D3DKMTCreateAllocation, with the older elements. */
static long create_older_surface(struct scene *scene, struct surface *surface, const struct part *part)
{
    unsigned char data[PART_DATA_MAX];
    uint64_t name = surface_name(scene);
    fill_private_data(data, part, name, 0);
    struct D3DDDI_ALLOCATIONINFO info = {.pPrivateDriverData = data, .PrivateDriverDataSize = part->data_size};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = scene->device,
                                           .NumAllocations = 1,
                                           .pAllocationInfo = &info,
                                           .Flags = D3DKMT_CREATEALLOCATION_CreateResource,
                                           .hPrivateRuntimeResourceHandle = name};
    long result = create_allocation(&args, true);
    if (result >= 0)
        *surface = (struct surface){.resource = args.hResource, .parts = {info.hAllocation}, .part_count = 1};
    return result;
}

/* Memory of the program's own, given to the GPU. */
static long create_on_memory(struct scene *scene, struct surface *surface, void *memory, uint64_t size)
{
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
                                                       .ExistingHeapData.Size = size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = memory};
    struct D3DKMT_CREATEALLOCATION args = {
        .hDevice = scene->device,
        .pStandardAllocation = &standard,
        .NumAllocations = 1,
        .pAllocationInfo2 = &info,
        .Flags = D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_StandardAllocation |
                 D3DKMT_CREATEALLOCATION_ExistingSysMem,
        .hPrivateRuntimeResourceHandle = surface_name(scene)};
    long result = create_allocation(&args, false);
    if (result >= 0)
        *surface = (struct surface){.resource = args.hResource, .parts = {info.hAllocation}, .part_count = 1};
    return result;
}

/* Every member that the driver does not look at, set to something: flags of newer drivers, a priority, what is reserved. */
static void play_odd_members(struct scene *scene)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 12345};
    struct D3DDDI_ALLOCATIONINFO2 info = {.hAllocation = 0x11111111,
                                          .pPrivateDriverData = &data,
                                          .PrivateDriverDataSize = sizeof data,
                                          .VidPnSourceId = 3,
                                          .Flags = 1u << 0 | 1u << 2 | 1u << 9, /* Primary, OverridePriority, an unknown one */
                                          .GpuVirtualAddress = 0x123456789000,
                                          .Priority = 0xc8000000, /* D3DDDI_ALLOCATIONPRIORITY_MAXIMUM */
                                          .Reserved = {1, 2, 3ull << 60, 4, UINT64_MAX}};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = scene->device,
                                           .hGlobalShare = 0x22222222,
                                           .NumAllocations = 1,
                                           .pAllocationInfo2 = &info,
                                           .Flags = 1u << 9 | 1u << 14 | 1u << 22 | 1u << 30, /* CreateCached, Zeroed, … */
                                           .hPrivateRuntimeResourceHandle = UINT64_MAX - 0xfff};
    report("make an allocation with every member set", create_allocation(&args, false));
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = scene->device,
                                                .phAllocationList = &info.hAllocation,
                                                .AllocationCount = 1,
                                                .Flags = 1u << 0 | 1u << 31 | 1u << 20};
    report("free it, with flags", make_with(&DestroyAllocation2, &destroy, "phAllocationList", &info.hAllocation, 4));
    args.Flags |= D3DKMT_CREATEALLOCATION_ExistingSection;
    info.hSection = 0x0123456789abcdef;
    info.Flags = 0;
    info.Unused = 0xfedcba9876543210;
    report("fail: on a section of existing memory", create_allocation(&args, false));
}

/* ---- What goes wrong ------------------------------------------------------------------------------------------------------ */

static void fail_in_every_way(struct scene *scene)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 4096};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    const struct D3DKMT_CREATEALLOCATION good = {.hDevice = scene->device,
                                                 .NumAllocations = 1,
                                                 .pAllocationInfo2 = &info,
                                                 .hPrivateRuntimeResourceHandle = surface_name(scene)};
    struct D3DKMT_CREATEALLOCATION bad = good;
    bad.NumAllocations = 0;
    report("fail: create no allocation", create_allocation(&bad, false));
    bad = good, bad.hDevice = 0xdeadbec0;
    report("fail: on a device that is none", create_allocation(&bad, false));
    bad = good, bad.Flags = D3DKMT_CREATEALLOCATION_CreateShared;
    report("fail: shared without a resource", create_allocation(&bad, false));
    bad = good, bad.hResource = scene->device;
    report("fail: added to what is no resource", create_allocation(&bad, false));
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = 7, .ExistingHeapData.Size = 4096};
    struct D3DDDI_ALLOCATIONINFO2 plain = {0};
    bad = good, bad.pStandardAllocation = &standard, bad.pAllocationInfo2 = &plain;
    bad.Flags = D3DKMT_CREATEALLOCATION_StandardAllocation;
    report("fail: a standard allocation of an unknown type", create_allocation(&bad, false));
    info.pPrivateDriverData = (void *)16;
    report("fail: private data at a bad pointer", create_allocation((bad = good, &bad), false));
    info.pPrivateDriverData = NULL;
    report("fail: private data at no pointer", create_allocation((bad = good, &bad), false));
    info.pPrivateDriverData = &data, info.PrivateDriverDataSize = 0;
    bad = good, bad.Flags = D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_CreateShared;
    report("fail: shared, but not by NT handle", create_allocation(&bad, false));
    info.PrivateDriverDataSize = sizeof data;
    if (scene->softgpu) {
        data.size = 1ull << 45;
        report("fail: more memory than there is", create_allocation((bad = good, &bad), false));
        data.flags = SOFTGPU_ALLOCATION_LOCAL;
        report("fail: more local memory than there is", create_allocation((bad = good, &bad), false));
    }
    D3DKMT_HANDLE stranger = 0x3fffffc0;
    report("fail: destroy an allocation that is none", destroy_allocations(scene->device, 0, &stranger, 1));
    report("fail: destroy nothing", destroy_allocations(scene->device, 0, NULL, 0));
    report("fail: destroy a device that is none", make(&DestroyDevice, &(struct D3DKMT_DESTROYDEVICE){stranger}));
}

/* ---- The scene ------------------------------------------------------------------------------------------------------------ */

struct freeing {
    struct scene *scene;
    struct surface *surfaces;
    uint32_t count;
    long result;
};

static void *free_surfaces(void *user)
{
    struct freeing *freeing = user;
    for (uint32_t i = 0; i < freeing->count && freeing->result >= 0; i++)
        freeing->result = destroy_allocations(freeing->scene->device, freeing->surfaces[i].resource, NULL, 0);
    return NULL;
}

static void free_on_another_thread(struct scene *scene, struct surface *surfaces, uint32_t count)
{
    struct freeing freeing = {.scene = scene, .surfaces = surfaces, .count = count};
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_surfaces, &freeing) == 0)
        pthread_join(thread, NULL);
    else
        freeing.result = -1;
    report("free the textures on another thread", freeing.result);
}

static void show_memory(struct scene *scene, const char *when)
{
    for (uint32_t group = 0; group < 2; group++) {
        struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = scene->adapter, .MemorySegmentGroup = group};
        if (make(&QueryVideoMemoryInfo, &info) >= 0)
            printf("  %s memory in use %s: %llu KiB\n", group ? "system" : "local", when,
                   (unsigned long long)info.CurrentUsage / 1024);
    }
}

static void play_textures(struct scene *scene)
{
    static const struct part texture[] = {{4 << 20, 0, 64}, {1 << 20, 0, 32}, {65536, SOFTGPU_ALLOCATION_LOCAL, 200}};
    static const struct part mips[] = {{16384, 0, 32}, {4096, 0, 1000}};
    struct surface textures[4] = {0};
    const uint32_t resource = D3DKMT_CREATEALLOCATION_CreateResource;
    for (int i = 0; i < 4; i++)
        report("make a texture of three allocations", create_surface(scene, &textures[i], texture, 3, resource));
    if (scene->softgpu) { /* a standard allocation is alone in its resource */
        report("add two allocations to the first", create_surface(scene, &textures[0], mips, 2, 0));
        report("free one of them", destroy_allocations(scene->device, 0, &textures[0].parts[4], 1));
    }
    struct surface shared = {0};
    report("make a shared render target", create_surface(scene, &shared, texture, 1,
                                                         resource | D3DKMT_CREATEALLOCATION_CreateShared |
                                                             D3DKMT_CREATEALLOCATION_NtSecuritySharing));
    if (scene->softgpu && !no_mistakes)
        report("fail: free its allocation alone", destroy_allocations(scene->device, 0, shared.parts, 1));
    show_memory(scene, "with all textures");
    free_on_another_thread(scene, textures, 4);
    report("free the shared render target", destroy_allocations(scene->device, shared.resource, NULL, 0));
}

static void play_buffers(struct scene *scene)
{
    struct surface buffer = {0}, older = {0}, heap = {0}, forgotten = {0};
    static const uint32_t sizes[] = {32, 33, 40, 64, 129, 1024, 4096};
    for (size_t i = 0; scene->softgpu && i < sizeof sizes / sizeof *sizes; i++) {
        struct surface ring = {0};
        struct part part = {65536u << i, i % 2 ? SOFTGPU_ALLOCATION_SYSTEM : 0, sizes[i]};
        create_surface(scene, &ring, &part, 1, 0);
        report("make and free a loose buffer", destroy_allocations(scene->device, 0, ring.parts, ring.part_count));
    }
    if (scene->softgpu) {
        struct part foreign = {0, 0, 12}; /* too short for softgpu: another driver's, it takes it as it is */
        report("make a buffer with private data of another kind", create_surface(scene, &buffer, &foreign, 1, 0));
        report("free it", destroy_allocations(scene->device, 0, buffer.parts, 1));
    }
    if (device_fd < 0 && scene->softgpu) {
        struct part part = {262144, 0, 48};
        report("make a vertex buffer by D3DKMTCreateAllocation", create_older_surface(scene, &older, &part));
        struct D3DKMT_DESTROYALLOCATION args = {.hDevice = scene->device, .hResource = older.resource};
        report("free it by D3DKMTDestroyAllocation", make(&DestroyAllocation, &args));
    }
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
        report("make a standard allocation on our own memory", create_on_memory(scene, &heap, memory, 1 << 20));
        report("free it", destroy_allocations(scene->device, heap.resource, NULL, 0));
        munmap(memory, 1 << 20);
    }
    if (scene->softgpu && !no_mistakes)
        play_odd_members(scene);
    struct part constant = {4096, 0, 32};
    report("make a constant buffer, and forget it",
           create_surface(scene, &forgotten, &constant, 1, D3DKMT_CREATEALLOCATION_CreateResource));
}

/* Until the paging queue has done what it gave this value for; a second at most. */
static void await_paging(const struct scene *scene, uint64_t value)
{
    for (int i = 0; *scene->paging_fence < value && i < 10000; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    printf("  the paging fence has%s reached %llu\n", *scene->paging_fence < value ? " not" : "", (unsigned long long)value);
}

static bool make_resident(struct scene *scene, const D3DKMT_HANDLE *list, uint32_t count)
{
    struct D3DDDI_MAKERESIDENT args = {.hPagingQueue = scene->paging_queue, .NumAllocations = count, .AllocationList = list};
    long result = make_with(&MakeResident, &args, "AllocationList", (void *)list, count * sizeof *list);
    if (!report("make two of its allocations resident", result))
        return false;
    if (result == STATUS_PENDING)
        await_paging(scene, args.PagingFenceValue);
    return true;
}

/* Addresses for the GPU: a range, an allocation in the middle of it, and one wherever there is room. */
static void play_addresses(struct scene *scene, const struct surface *surface)
{
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS range = {.hAdapter = scene->adapter, .MinimumAddress = 1ull << 32, .Size = 16 << 20};
    if (!report("reserve GPU addresses", make(&ReserveGpuVirtualAddress, &range)))
        return;
    struct D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = scene->paging_queue,
                                              .BaseAddress = range.VirtualAddress + (1 << 20),
                                              .hAllocation = surface->parts[0],
                                              .OffsetInPages = 16,
                                              .SizeInPages = 64,
                                              .Protection = D3DDDIGPUVIRTUALADDRESS_PROTECTION_Write};
    if (report("map a part of an allocation there", make(&MapGpuVirtualAddress, &map)))
        await_paging(scene, map.PagingFenceValue);
    struct D3DDDI_MAPGPUVIRTUALADDRESS anywhere = {.hPagingQueue = scene->paging_queue, .hAllocation = surface->parts[1],
                                                   .SizeInPages = 256};
    if (report("map a whole one anywhere", make(&MapGpuVirtualAddress, &anywhere)))
        await_paging(scene, anywhere.PagingFenceValue);
    anywhere.SizeInPages = 1 << 20;
    if (!no_mistakes)
        report("fail: map more than it has", make(&MapGpuVirtualAddress, &anywhere));
    struct D3DKMT_FREEGPUVIRTUALADDRESS free_range = {.hAdapter = scene->adapter, .BaseAddress = range.VirtualAddress,
                                                      .Size = range.Size};
    report("free the range", make(&FreeGpuVirtualAddress, &free_range));
    if (!no_mistakes)
        report("fail: free it again", make(&FreeGpuVirtualAddress, &free_range));
}

/* The CPU writes, and finds what it wrote at the next lock. */
static void play_lock(struct scene *scene, D3DKMT_HANDLE allocation)
{
    bool kept = false;
    for (int i = 0; i < 2; i++) {
        struct D3DKMT_LOCK2 lock = {.hDevice = scene->device, .hAllocation = allocation};
        if (!report("lock an allocation", make(&Lock2, &lock)))
            return;
        kept = memcmp(lock.pData, "pixels", 6) == 0;
        memcpy(lock.pData, "pixels", 6);
        report("unlock it", make(&Unlock2, &(struct D3DKMT_UNLOCK2){scene->device, allocation}));
    }
    printf("  its content was %s\n", kept ? "kept" : "lost");
    if (!no_mistakes)
        report("fail: unlock it once more", make(&Unlock2, &(struct D3DKMT_UNLOCK2){scene->device, allocation}));
}

static void play_offer(struct scene *scene, const D3DKMT_HANDLE *list, uint32_t count)
{
    uint32_t results[PARTS_MAX] = {77};
    struct D3DKMT_OFFERALLOCATIONS offer = {.hDevice = scene->device, .HandleList = list, .NumAllocations = count,
                                            .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    report("offer two allocations", make_with(&OfferAllocations, &offer, "HandleList", (void *)list, count * sizeof *list));
    struct D3DKMT_RECLAIMALLOCATIONS2 reclaim = {
        .hPagingQueue = scene->paging_queue, .NumAllocations = count, .HandleList = list, .pResults = results};
    struct rawlog_call *logged = rawlog_before(raw_log, ReclaimAllocations2.name, &reclaim, sizeof reclaim);
    rawlog_memory(logged, "HandleList", -1, list, count * sizeof *list);
    rawlog_memory(logged, "pResults", -1, results, count * sizeof *results);
    errno = 0;
    long result = issue(&ReclaimAllocations2, &reclaim);
    rawlog_after(logged, result, errno);
    if (report("reclaim them", result))
        printf("  results: %u %u\n", results[0], results[1]);
}

/* What a renderer does with a surface's memory before and after it draws. */
static void play_memory(struct scene *scene)
{
    static const struct part parts[] = {{4 << 20, 0, 32}, {1 << 20, SOFTGPU_ALLOCATION_SYSTEM, 32}};
    struct surface surface = {0};
    if (!scene->softgpu || !scene->paging_queue ||
        !report("make a surface to work on", create_surface(scene, &surface, parts, 2, D3DKMT_CREATEALLOCATION_CreateResource)))
        return;
    if (make_resident(scene, surface.parts, 2)) {
        play_addresses(scene, &surface);
        play_lock(scene, surface.parts[1]);
        struct D3DKMT_EVICT evict = {.hDevice = scene->device, .NumAllocations = 2, .AllocationList = surface.parts};
        report("evict them", make_with(&Evict, &evict, "AllocationList", surface.parts, 2 * sizeof *surface.parts));
        play_offer(scene, surface.parts, 2);
    }
    report("free it, with what is mapped of it", destroy_allocations(scene->device, surface.resource, NULL, 0));
}

static void close_all(struct scene *scene)
{
    if (scene->paging_queue)
        report("destroy the paging queue", make(&DestroyPagingQueue, &(struct D3DDDI_DESTROYPAGINGQUEUE){scene->paging_queue}));
    if (scene->context)
        report("destroy the context", make(&DestroyContext, &(struct D3DKMT_DESTROYCONTEXT){scene->context}));
    if (scene->device)
        report("destroy the device, with what was forgotten", make(&DestroyDevice, &(struct D3DKMT_DESTROYDEVICE){scene->device}));
    if (scene->adapter) {
        show_memory(scene, "at the end");
        report("close the adapter", make(&CloseAdapter, &(struct D3DKMT_CLOSEADAPTER){scene->adapter}));
    }
}

/* ---- Load ----------------------------------------------------------------------------------------------------------------- */

static void need_softgpu(const struct scene *scene)
{
    if (scene->softgpu)
        return;
    fputs("d3dkmt_scene: --big, --rate and --flat-out need softgpu: the private data of this driver is unknown\n", stderr);
    exit(1);
}

/* The largest calls: 1024 allocations with private data of their own, and one block of 100 KiB. */
static void play_big(struct scene *scene)
{
    enum { COUNT = DXG_MAX_ALLOCATIONS, BLOCK = 100 * 1024 };
    struct softgpu_private_data *data = calloc(COUNT, sizeof *data);
    struct D3DDDI_ALLOCATIONINFO2 *infos = calloc(COUNT, sizeof *infos);
    D3DKMT_HANDLE *list = calloc(COUNT, sizeof *list);
    unsigned char *block = malloc(BLOCK);
    for (uint32_t i = 0; i < COUNT; i++) {
        data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = 4096, .format = i * 2654435761u};
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &data[i], .PrivateDriverDataSize = sizeof *data};
    }
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = scene->device,
                                           .NumAllocations = COUNT,
                                           .pAllocationInfo2 = infos,
                                           .hPrivateRuntimeResourceHandle = surface_name(scene)};
    report("make 1024 allocations in one call", create_allocation(&args, false));
    for (uint32_t i = 0; i < COUNT; i++)
        list[i] = infos[i].hAllocation;
    report("free them in one call", destroy_allocations(scene->device, 0, list, COUNT));
    struct part part = {1 << 20, 0, BLOCK};
    fill_private_data(block, &part, 0x5eed, 0);
    for (uint32_t i = sizeof *data, x = 1; i < BLOCK; i++)
        block[i] = (unsigned char)((x = x * 1103515245u + 12345u) >> 16);
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = block, .PrivateDriverDataSize = BLOCK};
    args.NumAllocations = 1;
    args.hPrivateRuntimeResourceHandle = surface_name(scene);
    report("make one with 100 KiB of private data", create_allocation(&args, false));
    report("free it", destroy_allocations(scene->device, 0, &infos[0].hAllocation, 1));
    free(block);
    free(list);
    free(infos);
    free(data);
}

struct load {
    struct scene *scene;
    pthread_t thread;
    uint64_t calls;     /* to make, half of them creates */
    uint64_t rate;      /* calls a second; 0: as fast as it goes */
    uint32_t ordinal;
    uint64_t made, late_ns;
    double seconds;
    long result;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec at = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

/* One create and one destroy, unlogged, the private data one of 64 shapes. */
static long load_pair(struct load *load)
{
    uint64_t shape = load->made / 2 % 64;
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 4096 * (shape + 1), .format = load->ordinal};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION create = {.hDevice = load->scene->device,
                                             .NumAllocations = 1,
                                             .pAllocationInfo2 = &info,
                                             .hPrivateRuntimeResourceHandle = 0x7f1000000000ull + shape};
    long result = issue(&CreateAllocation2, &create);
    if (result < 0)
        return result;
    struct D3DKMT_DESTROYALLOCATION2 destroy = {
        .hDevice = load->scene->device, .phAllocationList = &info.hAllocation, .AllocationCount = 1};
    load->made += 2;
    return issue(&DestroyAllocation2, &destroy);
}

/* Calls in step with the clock, a millisecond's worth at a time; when the machine held us up, the missed ones follow at once. */
static void *run_load(void *user)
{
    struct load *load = user;
    uint64_t begin = now_ns();
    while (load->made < load->calls && load->result >= 0) {
        uint64_t due = load->calls;
        if (load->rate) {
            uint64_t elapsed = now_ns() - begin;
            due = (uint64_t)((double)elapsed / 1e9 * (double)load->rate);
            if (due <= load->made) {
                sleep_until(begin + (elapsed / 1000000 + 1) * 1000000);
                continue;
            }
        }
        while (load->made < due && load->made < load->calls && load->result >= 0)
            load->result = load_pair(load);
    }
    load->seconds = (double)(now_ns() - begin) / 1e9;
    return NULL;
}

static void play_load(struct scene *scene, uint64_t calls, uint64_t rate, uint32_t threads)
{
    struct load *loads = calloc(threads, sizeof *loads);
    uint64_t made = 0;
    double seconds = 0;
    long result = 0;
    for (uint32_t i = 0; i < threads; i++) {
        loads[i] = (struct load){.scene = scene, .calls = calls / threads, .rate = rate / threads, .ordinal = i};
        if (pthread_create(&loads[i].thread, NULL, run_load, &loads[i]))
            abort();
    }
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(loads[i].thread, NULL);
        made += loads[i].made;
        seconds = loads[i].seconds > seconds ? loads[i].seconds : seconds;
        result = loads[i].result < 0 ? loads[i].result : result;
    }
    report("make load", result);
    printf("  %llu calls on %u threads in %.3f s: %.0f calls/s\n", (unsigned long long)made, threads, seconds,
           (double)made / seconds);
    free(loads);
}

/* ---- Options -------------------------------------------------------------------------------------------------------------- */

struct options {
    const char *log;
    bool ioctl, big;
    uint64_t rate, seconds, flat_out;
    uint32_t threads;
};

static void usage(FILE *out)
{
    fputs("Usage: d3dkmt_scene [options]\n"
          "Plays a small scene of GPU allocations on the first adapter of /dev/dxg.\n\n"
          "  --log FILE       write the raw bytes of each call, before and after, one JSON line a call\n"
          "  --ioctl          call the device by ioctl, not through the D3DKMT thunks\n"
          "  --big            instead: 1024 allocations in one call, and one with 100 KiB of private data\n"
          "  --rate N         instead: N calls a second\n"
          "  --seconds S      for S seconds (default 10)\n"
          "  --flat-out N     instead: N calls as fast as it goes\n"
          "  --threads N      load on N threads (default 1)\n"
          "  --no-mistakes    without the calls that are to fail, and the odd ones\n"
          "Calls of --rate and --flat-out are not logged.\n",
          out);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || text[0] == '-' || value == 0) {
        fprintf(stderr, "d3dkmt_scene: '%s' is no number above 0\n", text);
        exit(2);
    }
    return value;
}

static void parse_options(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        {"log", required_argument, NULL, 'l'},     {"ioctl", no_argument, NULL, 'i'},
        {"big", no_argument, NULL, 'b'},           {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'}, {"flat-out", required_argument, NULL, 'f'},
        {"threads", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
        {"no-mistakes", no_argument, NULL, 'n'},
        {0}};
    for (int option; (option = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        switch (option) {
        case 'l': options->log = optarg; break;
        case 'i': options->ioctl = true; break;
        case 'b': options->big = true; break;
        case 'r': options->rate = number(optarg); break;
        case 's': options->seconds = number(optarg); break;
        case 'f': options->flat_out = number(optarg); break;
        case 't': options->threads = (uint32_t)number(optarg); break;
        case 'n': no_mistakes = true; break;
        case 'h': usage(stdout); exit(0);
        default: usage(stderr); exit(2);
        }
    }
    if (optind < argc) {
        usage(stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct options options = {.seconds = 10, .threads = 1};
    struct scene scene = {0};
    parse_options(&options, argc, argv);
    if (options.log && !(raw_log = rawlog_open(options.log))) {
        perror(options.log);
        return 1;
    }
    if (options.ioctl && (device_fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC)) == -1) {
        perror("/dev/dxg");
        return 1;
    }
    if (!open_adapter(&scene) || !describe_adapter(&scene) || !open_device(&scene))
        return 1;
    if (options.big || options.rate || options.flat_out)
        need_softgpu(&scene);
    if (options.big) {
        play_big(&scene);
    } else if (options.rate) {
        play_load(&scene, options.rate * options.seconds, options.rate, options.threads);
    } else if (options.flat_out) {
        play_load(&scene, options.flat_out, 0, options.threads);
    } else {
        query_adapter(&scene);
        play_textures(&scene);
        play_buffers(&scene);
        play_memory(&scene);
        if (!no_mistakes)
            fail_in_every_way(&scene);
    }
    close_all(&scene);
    if (rawlog_close(raw_log) != 0) {
        perror(options.log);
        return 1;
    }
    return 0;
}
