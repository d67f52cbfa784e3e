/*
 * dxg_everything [--share]: each kind of D3DKMT call, by plain ioctls, so that a recording of it holds them all. What a device does
 * not do fails, and is recorded as such; the failures are named on stderr. --share: a child process opens what was shared.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "abi/softgpu.h"
#include "dxg.h"

enum { PAGE = 4096, PARTS = 2, BYTES = 65536 };

struct things {
    struct dxg dxg;
    D3DKMT_HANDLE context, queued_context, hw_context, hw_queue, progress, paging_queue, paging_fence, fence;
    D3DKMT_HANDLE resource, parts[PARTS], loose, shared, shared_part, shared_fence;
    const volatile uint64_t *paged;
    uint64_t resource_handle, fence_handle;
    int event;
};

static bool made(struct things *t, const char *name, unsigned long request, void *args)
{
    int result;
    do
        result = ioctl(t->dxg.fd, request, args);
    while (result == -1 && errno == EINTR);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", name, result == -1 ? strerror(errno) : "a status");
    return result >= 0;
}
#define MAKE(number, type, ...) made(t, #type, DXG_IOCTL(number, struct type), &(struct type){__VA_ARGS__})
#define MAKE_IN(number, type, args) made(t, #type, DXG_IOCTL(number, struct type), args)

/* A resource, or with resource 0 and no flags loose allocations; their handles. */
static D3DKMT_HANDLE create(struct things *t, D3DKMT_HANDLE resource, uint32_t flags, D3DKMT_HANDLE *handles, uint32_t count)
{
    static char runtime[] = "what the runtime keeps of it";
    struct softgpu_private_data data[PARTS];
    struct D3DDDI_ALLOCATIONINFO2 infos[PARTS] = {0};
    for (uint32_t i = 0; i < count; i++) {
        data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = BYTES << i, .format = i};
        infos[i].pPrivateDriverData = &data[i];
        infos[i].PrivateDriverDataSize = sizeof data[i];
    }
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = t->dxg.device, .hResource = resource, .Flags = flags,
                                           .pPrivateRuntimeData = flags ? runtime : NULL,
                                           .PrivateRuntimeDataSize = flags ? sizeof runtime : 0,
                                           .NumAllocations = count, .pAllocationInfo2 = infos,
                                           .hPrivateRuntimeResourceHandle = 0x7000 + flags};
    if (!MAKE_IN(0x06, D3DKMT_CREATEALLOCATION, &args))
        return 0;
    for (uint32_t i = 0; i < count; i++)
        handles[i] = infos[i].hAllocation;
    return args.hResource;
}

static void make_queues(struct things *t)
{
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = t->dxg.device}, queued = {.hDevice = t->dxg.device, .Flags = 1u << 4};
    struct D3DKMT_CREATEPAGINGQUEUE paging = {.hDevice = t->dxg.device};
    struct D3DKMT_CREATEHWCONTEXT hw_context = {.hDevice = t->dxg.device};
    if (MAKE_IN(0x04, D3DKMT_CREATECONTEXTVIRTUAL, &context))
        t->context = context.hContext;
    if (MAKE_IN(0x07, D3DKMT_CREATEPAGINGQUEUE, &paging)) {
        t->paging_queue = paging.hPagingQueue;
        t->paging_fence = paging.hSyncObject;
        t->paged = paging.FenceValueCPUVirtualAddress;
    }
    if (MAKE_IN(0x17, D3DKMT_CREATEHWCONTEXT, &hw_context))
        t->hw_context = hw_context.hHwContext;
    else if (MAKE_IN(0x04, D3DKMT_CREATECONTEXTVIRTUAL, &queued)) /* HwQueueSupported: as on WSL2 */
        t->queued_context = queued.hContext;
    struct D3DKMT_CREATEHWQUEUE queue = {.hHwContext = t->hw_context ? t->hw_context : t->queued_context};
    if (MAKE_IN(0x18, D3DKMT_CREATEHWQUEUE, &queue)) {
        t->hw_queue = queue.hHwQueue;
        t->progress = queue.hHwQueueProgressFence;
    }
}

static D3DKMT_HANDLE make_fence(struct things *t, uint32_t type, uint32_t flags)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = t->dxg.device, .Info = {.Type = type, .Flags = flags}};
    if (type == D3DDDI_CPU_NOTIFICATION)
        args.Info.CPUNotification.Event = (uint64_t)t->event;
    return MAKE_IN(0x10, D3DKMT_CREATESYNCHRONIZATIONOBJECT2, &args) ? args.hSyncObject : 0;
}

static void wait_cpu(struct things *t, D3DKMT_HANDLE fence, uint64_t value, uint64_t event)
{
    if (fence)
        MAKE(0x3a, D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU, .hDevice = t->dxg.device, .ObjectCount = 1,
             .ObjectHandleArray = &fence, .FenceValueArray = &value, .hAsyncEvent = event);
}

static void signal_cpu(struct things *t, uint64_t value)
{
    MAKE(0x31, D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU, .hDevice = t->dxg.device, .ObjectCount = 1, .ObjectHandleArray = &t->fence,
         .FenceValueArray = &value);
}

static void synchronize(struct things *t)
{
    static const uint64_t values[] = {5, 6, 7, 8};
    t->fence = make_fence(t, D3DDDI_MONITORED_FENCE, 0);
    if (!t->fence)
        return;
    signal_cpu(t, 5);
    wait_cpu(t, t->fence, 5, 0);
    wait_cpu(t, t->fence, 5, (uint64_t)t->event);
    MAKE(0x3b, D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU, .hContext = t->context, .ObjectCount = 1, .ObjectHandleArray = &t->fence,
         .MonitoredFenceValueArray = &values[0]);
    if (MAKE(0x32, D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU, .hContext = t->context, .ObjectCount = 1,
             .ObjectHandleArray = &t->fence, .MonitoredFenceValueArray = &values[1]))
        wait_cpu(t, t->fence, 6, 0);
    if (MAKE(0x33, D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2, .ObjectCount = 1, .ObjectHandleArray = &t->fence,
             .BroadcastContextCount = 1, .BroadcastContextArray = &t->context, .MonitoredFenceValueArray = &values[2]))
        wait_cpu(t, t->fence, 7, 0);
    MAKE(0x36, D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE, .hHwQueue = t->hw_queue, .ObjectCount = 1, .ObjectHandleArray = &t->fence,
         .FenceValueArray = &values[2]);
    if (MAKE(0x35, D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE, .BroadcastHwQueueCount = 1, .BroadcastHwQueueArray = &t->hw_queue,
             .ObjectCount = 1, .ObjectHandleArray = &t->fence, .FenceValueArray = &values[3]))
        wait_cpu(t, t->fence, 8, 0);
    D3DKMT_HANDLE others[] = {make_fence(t, D3DDDI_SYNCHRONIZATION_MUTEX, 0), make_fence(t, D3DDDI_FENCE, 0),
                              make_fence(t, D3DDDI_CPU_NOTIFICATION, 0)};
    for (int i = 0; i < 3; i++)
        if (others[i])
            MAKE(0x1d, D3DKMT_DESTROYSYNCHRONIZATIONOBJECT, others[i]);
    wait_cpu(t, 0x40000fff, 1, 0); /* no such object */
}

static void *lock_elsewhere(void *user)
{
    struct things *t = user;
    MAKE(0x25, D3DKMT_LOCK2, .hDevice = t->dxg.device, .hAllocation = t->parts[0]);
    MAKE(0x24, D3DKMT_INVALIDATECACHE, .hDevice = t->dxg.device, .hAllocation = t->parts[0], .Length = PAGE);
    MAKE(0x37, D3DKMT_UNLOCK2, .hDevice = t->dxg.device, .hAllocation = t->parts[0]);
    return NULL;
}

static void wait_paged(const struct things *t, uint64_t value)
{
    while (t->paged && *t->paged < value)
        usleep(100);
}

static void move(struct things *t)
{
    struct D3DDDI_MAKERESIDENT resident = {.hPagingQueue = t->paging_queue, .NumAllocations = PARTS, .AllocationList = t->parts};
    uint32_t answers[PARTS], priorities[PARTS] = {0x28000000, 0x78000000};
    pthread_t thread;
    if (MAKE_IN(0x0b, D3DDDI_MAKERESIDENT, &resident))
        wait_cpu(t, t->paging_fence, resident.PagingFenceValue, 0);
    wait_paged(t, resident.PagingFenceValue);
    if (pthread_create(&thread, NULL, lock_elsewhere, t) == 0)
        pthread_join(thread, NULL);
    MAKE(0x2a, D3DKMT_QUERYALLOCATIONRESIDENCY, .hDevice = t->dxg.device, .phAllocationList = t->parts, .AllocationCount = PARTS,
         .pResidencyStatus = answers);
    MAKE(0x2e, D3DKMT_SETALLOCATIONPRIORITY, .hDevice = t->dxg.device, .phAllocationList = t->parts, .AllocationCount = PARTS,
         .pPriorities = priorities);
    MAKE(0x3c, D3DKMT_GETALLOCATIONPRIORITY, .hDevice = t->dxg.device, .hResource = t->resource, .pPriorities = answers);
    MAKE(0x1e, D3DKMT_EVICT, .hDevice = t->dxg.device, .NumAllocations = PARTS, .AllocationList = t->parts);
    MAKE(0x27, D3DKMT_OFFERALLOCATIONS, .hDevice = t->dxg.device, .HandleList = &t->loose, .NumAllocations = 1,
         .Priority = D3DKMT_OFFER_PRIORITY_LOW);
    struct D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = t->paging_queue, .NumAllocations = 1, .HandleList = &t->loose,
                                                 .pResults = answers};
    if (MAKE_IN(0x2c, D3DKMT_RECLAIMALLOCATIONS2, &reclaim))
        wait_paged(t, reclaim.PagingFenceValue);
    MAKE(0x38, D3DDDI_UPDATEALLOCPROPERTY, .hPagingQueue = t->paging_queue, .hAllocation = t->loose, .SupportedSegmentSet = 3,
         .PropertyMaskValue = D3DDDI_UPDATEALLOCPROPERTY_SetSupportedSegmentSet);
    MAKE(0x16, D3DKMT_CHANGEVIDEOMEMORYRESERVATION, .hAdapter = t->dxg.adapter, .Reservation = 1 << 20);
    MAKE(0x1f, D3DKMT_FLUSHHEAPTRANSITIONS, t->dxg.adapter);
}

static void map(struct things *t)
{
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS range = {.hAdapter = t->dxg.adapter, .Size = 16 * PAGE};
    struct D3DDDI_MAPGPUVIRTUALADDRESS any = {.hPagingQueue = t->paging_queue, .hAllocation = t->parts[1], .SizeInPages = 4,
                                              .Protection = 1};
    if (MAKE_IN(0x0c, D3DDDI_MAPGPUVIRTUALADDRESS, &any))
        wait_paged(t, any.PagingFenceValue);
    if (MAKE_IN(0x08, D3DDDI_RESERVEGPUVIRTUALADDRESS, &range)) {
        struct D3DDDI_MAPGPUVIRTUALADDRESS inside = {.hPagingQueue = t->paging_queue, .BaseAddress = range.VirtualAddress + 4 * PAGE,
                                                     .hAllocation = t->parts[0], .SizeInPages = 4, .Protection = 1};
        if (MAKE_IN(0x0c, D3DDDI_MAPGPUVIRTUALADDRESS, &inside))
            wait_paged(t, inside.PagingFenceValue);
        struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operations[] = {
            {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP,
             .Map = {range.VirtualAddress + 8 * PAGE, 2 * PAGE, t->parts[0], 0, 2 * PAGE}},
            {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP,
             .Unmap = {range.VirtualAddress + 8 * PAGE, PAGE, D3DDDIGPUVIRTUALADDRESS_PROTECTION_NoAccess}},
        };
        MAKE(0x39, D3DKMT_UPDATEGPUVIRTUALADDRESS, .hDevice = t->dxg.device, .hContext = t->context, .hFenceObject = t->fence,
             .NumOperations = 2, .Operations = operations, .FenceValue = 8);
        MAKE(0x20, D3DKMT_FREEGPUVIRTUALADDRESS, t->dxg.adapter, range.VirtualAddress, range.Size);
    }
    MAKE(0x0f, D3DKMT_SUBMITCOMMAND, .Commands = any.VirtualAddress, .CommandLength = 64, .BroadcastContextCount = 1,
         .BroadcastContext = {t->context});
    if (MAKE(0x34, D3DKMT_SUBMITCOMMANDTOHWQUEUE, .hHwQueue = t->hw_queue, .HwQueueProgressFenceId = 1,
             .CommandBuffer = any.VirtualAddress, .CommandLength = 64))
        wait_cpu(t, t->progress, 1, 0);
    MAKE(0x20, D3DKMT_FREEGPUVIRTUALADDRESS, t->dxg.adapter, any.VirtualAddress, 4 * PAGE);
}

static void share(struct things *t)
{
    t->shared = create(t, 0,
                       D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_CreateShared |
                           D3DKMT_CREATEALLOCATION_NtSecuritySharing,
                       &t->shared_part, 1);
    t->shared_fence = make_fence(t, D3DDDI_MONITORED_FENCE, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared |
                                                                D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing);
    MAKE(0x3f, D3DKMT_SHAREOBJECTS, .ObjectCount = 1, .ObjectHandleArray = &t->shared, .pSharedNtHandle = &t->resource_handle);
    MAKE(0x3f, D3DKMT_SHAREOBJECTS, .ObjectCount = 1, .ObjectHandleArray = &t->shared_fence, .pSharedNtHandle = &t->fence_handle);
}

static void open_shared(struct things *t)
{
    char runtime[256], total[256], driver[256];
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE info = {.hDevice = t->dxg.device, .hNtHandle = t->resource_handle};
    struct D3DDDI_OPENALLOCATIONINFO2 part = {0};
    bool known = MAKE_IN(0x41, D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE, &info) && info.PrivateRuntimeDataSize <= sizeof runtime &&
                 info.TotalPrivateDriverDataSize <= sizeof total && info.NumAllocations == 1;
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE args = {
        .hDevice = t->dxg.device, .hNtHandle = t->resource_handle, .NumAllocations = 1, .pOpenAllocationInfo2 = &part,
        .PrivateRuntimeDataSize = info.PrivateRuntimeDataSize, .pPrivateRuntimeData = runtime,
        .ResourcePrivateDriverDataSize = info.ResourcePrivateDriverDataSize, .pResourcePrivateDriverData = driver,
        .TotalPrivateDriverDataBufferSize = info.TotalPrivateDriverDataSize, .pTotalPrivateDriverDataBuffer = total};
    if (known && MAKE_IN(0x42, D3DKMT_OPENRESOURCEFROMNTHANDLE, &args)) {
        MAKE(0x25, D3DKMT_LOCK2, .hDevice = t->dxg.device, .hAllocation = part.hAllocation);
        MAKE(0x37, D3DKMT_UNLOCK2, .hDevice = t->dxg.device, .hAllocation = part.hAllocation);
        MAKE(0x13, D3DKMT_DESTROYALLOCATION2, .hDevice = t->dxg.device, .hResource = args.hResource);
    }
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 fence = {.hNtHandle = t->fence_handle, .hDevice = t->dxg.device};
    if (MAKE_IN(0x40, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2, &fence)) {
        const uint64_t value = 3;
        MAKE(0x31, D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU, .hDevice = t->dxg.device, .ObjectCount = 1,
             .ObjectHandleArray = &fence.hSyncObject, .FenceValueArray = &value);
        wait_cpu(t, fence.hSyncObject, value, 0);
        MAKE(0x1d, D3DKMT_DESTROYSYNCHRONIZATIONOBJECT, fence.hSyncObject);
    }
    MAKE(0x28, D3DKMT_OPENRESOURCE, .hDevice = t->dxg.device, .hGlobalShare = 77, .NumAllocations = 1, .pOpenAllocationInfo2 = &part);
    MAKE(0x2b, D3DKMT_QUERYRESOURCEINFO, .hDevice = t->dxg.device, .hGlobalShare = 77);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE wrong = {.hDevice = t->dxg.device, .hNtHandle = (uint64_t)t->event};
    MAKE_IN(0x41, D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE, &wrong);
}

static void ask(struct things *t)
{
    char answer[64] = "", bytes[16] = "driver";
    MAKE(0x09, D3DKMT_QUERYADAPTERINFO, .hAdapter = t->dxg.adapter, .Type = 3, .pPrivateDriverData = answer,
         .PrivateDriverDataSize = 24);
    struct D3DKMT_ADAPTERINFO adapters[8];
    struct D3DKMT_ENUMADAPTERS3 all = {.NumAdapters = 8, .pAdapters = adapters};
    if (MAKE_IN(0x3e, D3DKMT_ENUMADAPTERS3, &all)) {
        struct D3DKMT_OPENADAPTERFROMLUID same = {.AdapterLuid = adapters[0].AdapterLuid};
        if (MAKE_IN(0x01, D3DKMT_OPENADAPTERFROMLUID, &same))
            MAKE(0x15, D3DKMT_CLOSEADAPTER, same.hAdapter);
        MAKE(0x15, D3DKMT_CLOSEADAPTER, adapters[0].hAdapter);
    }
    MAKE(0x0a, D3DKMT_QUERYVIDEOMEMORYINFO, .hAdapter = t->dxg.adapter);
    MAKE(0x0e, D3DKMT_GETDEVICESTATE, .hDevice = t->dxg.device, .StateType = 1);
    MAKE(0x0d, D3DKMT_ESCAPE, .hAdapter = t->dxg.adapter, .hDevice = t->dxg.device, .pPrivateDriverData = bytes,
         .PrivateDriverDataSize = sizeof bytes);
    MAKE(0x44, D3DKMT_SHAREOBJECTWITHHOST, .hDevice = t->dxg.device, .hObject = t->resource);
}

static void destroy(struct things *t)
{
    MAKE(0x13, D3DKMT_DESTROYALLOCATION2, .hDevice = t->dxg.device, .phAllocationList = &t->loose, .AllocationCount = 1);
    MAKE(0x13, D3DKMT_DESTROYALLOCATION2, .hDevice = t->dxg.device, .hResource = t->resource);
    if (t->shared)
        MAKE(0x13, D3DKMT_DESTROYALLOCATION2, .hDevice = t->dxg.device, .hResource = t->shared);
    MAKE(0x1d, D3DKMT_DESTROYSYNCHRONIZATIONOBJECT, t->fence);
    MAKE(0x1b, D3DKMT_DESTROYHWQUEUE, t->hw_queue);
    MAKE(0x1a, D3DKMT_DESTROYHWCONTEXT, t->hw_context);
    if (t->queued_context)
        MAKE(0x05, D3DKMT_DESTROYCONTEXT, t->queued_context);
    MAKE(0x1c, D3DDDI_DESTROYPAGINGQUEUE, t->paging_queue);
    MAKE(0x05, D3DKMT_DESTROYCONTEXT, t->context);
    MAKE(0x19, D3DKMT_DESTROYDEVICE, t->dxg.device);
    MAKE(0x15, D3DKMT_CLOSEADAPTER, t->dxg.adapter);
}

/* Descriptors come with fork; the device is opened anew. */
static int open_in_child(const struct things *parent)
{
    pid_t child = fork();
    if (child == 0) {
        struct things t = {.dxg = dxg_open(), .resource_handle = parent->resource_handle, .fence_handle = parent->fence_handle,
                           .event = parent->event};
        open_shared(&t);
        _exit(0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
    struct things things = {.dxg = dxg_open(), .event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}, *t = &things;
    int result = 0;
    make_queues(t);
    synchronize(t);
    t->resource = create(t, 0, D3DKMT_CREATEALLOCATION_CreateResource, t->parts, 1);
    create(t, t->resource, 0, &t->parts[1], 1);
    create(t, 0, 0, &t->loose, 1);
    move(t);
    map(t);
    share(t);
    if (argc > 1 && strcmp(argv[1], "--share") == 0)
        result = open_in_child(t);
    open_shared(t);
    ask(t);
    destroy(t);
    return result;
}
