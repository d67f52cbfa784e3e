/*
 * d3dkmt_lint: breaks each rule of D3DKMT that `gpualloc lint` knows, once. To be recorded on softgpu:
 *
 *     gpualloc record --softgpu -o T -- d3dkmt_lint
 *     gpualloc lint T
 *
 * One function a family of rules; the comment at each step names its rule (docs/lint.md). What it needs of the device (a small budget,
 * a call that takes its time, one that is refused, an adapter that goes away) it asks of softgpu itself, by the environment.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"

#define FLAG(name) D3DKMT_CREATEALLOCATION_##name

enum { PAGE = 4096, STRANGER = 0x3fffffc0, OTHER_STRANGER = 0x3ffff000 };

static D3DKMT_HANDLE adapter, device, queue;

static void must(int truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "d3dkmt_lint: %s; is it run on softgpu?\n", what);
    exit(1);
}

/* Says a step and how it went; the status is for nobody else: this program ignores what it is told. */
static void step(const char *rule, NTSTATUS status)
{
    printf("%-30s status 0x%08x\n", rule, (unsigned)status);
}

static D3DKMT_HANDLE open_device(void)
{
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapter};
    must(D3DKMTCreateDevice(&create) >= 0, "no device");
    return create.hDevice;
}

static D3DKMT_HANDLE open_queue(D3DKMT_HANDLE on)
{
    struct D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = on};
    must(D3DKMTCreatePagingQueue(&create) >= 0, "no paging queue");
    return create.hPagingQueue;
}

/* The first adapter, by its luid; what the listing opened is closed again. */
static void open_adapter(void)
{
    struct D3DKMT_ADAPTERINFO infos[8] = {0};
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 8, .pAdapters = infos};
    must(D3DKMTEnumAdapters2(&list) >= 0 && list.NumAdapters, "no adapter");
    struct D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = infos[0].AdapterLuid};
    must(D3DKMTOpenAdapterFromLuid(&open) >= 0, "no adapter");
    adapter = open.hAdapter;
    for (uint32_t i = 0; i < list.NumAdapters; i++)
        D3DKMTCloseAdapter(&(struct D3DKMT_CLOSEADAPTER){infos[i].hAdapter});
}

static NTSTATUS create(uint32_t flags, struct D3DDDI_ALLOCATIONINFO2 *infos, uint32_t count)
{
    struct D3DKMT_CREATEALLOCATION args = {
        .hDevice = device, .NumAllocations = count, .pAllocationInfo2 = infos, .Flags = flags};
    return D3DKMTCreateAllocation2(&args);
}

struct made {
    D3DKMT_HANDLE allocation, resource;
};

static struct made make(D3DKMT_HANDLE on, uint32_t flags, uint64_t size)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = on, .NumAllocations = 1, .pAllocationInfo2 = &info, .Flags = flags};
    must(D3DKMTCreateAllocation2(&args) >= 0, "an allocation was refused");
    return (struct made){info.hAllocation, args.hResource};
}

static NTSTATUS destroy(D3DKMT_HANDLE resource, D3DKMT_HANDLE *list, uint32_t count)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {
        .hDevice = device, .hResource = resource, .phAllocationList = list, .AllocationCount = count};
    return D3DKMTDestroyAllocation2(&args);
}

static NTSTATUS set_priority(D3DKMT_HANDLE on, D3DKMT_HANDLE allocation)
{
    uint32_t priority = 0x78000000; /* D3DDDI_ALLOCATIONPRIORITY_NORMAL */
    struct D3DKMT_SETALLOCATIONPRIORITY args = {
        .hDevice = on, .phAllocationList = &allocation, .AllocationCount = 1, .pPriorities = &priority};
    return D3DKMTSetAllocationPriority(&args);
}

static NTSTATUS lock(D3DKMT_HANDLE allocation)
{
    return D3DKMTLock2(&(struct D3DKMT_LOCK2){.hDevice = device, .hAllocation = allocation});
}

/* ---- Arguments ------------------------------------------------------------------------------------------------------------ */

static void break_arguments(void)
{
    static unsigned char data[70000];
    unsigned char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct D3DDDI_ALLOCATIONINFO2 infos[2] = {0};
    must(memory != MAP_FAILED, "no memory");
    step("shared-without-resource", create(FLAG(CreateShared) | FLAG(NtSecuritySharing), infos, 1));
    step("global-share", create(FLAG(CreateResource) | FLAG(CreateShared), infos, 1));
    step("refused-flag", create(FLAG(CreateProtected), infos, 1));
    step("allocation-count", create(0, infos, 0));
    for (int i = 0; i < 2; i++)
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
    step("private-data-size", create(0, infos, 2));
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = NULL, .PrivateDriverDataSize = 64};
    step("private-data-pointer", create(0, infos, 1));
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){.pSystemMem = memory + 16};
    step("system-memory-alignment", create(FLAG(ExistingSysMem), infos, 1));
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){.pSystemMem = memory};
    infos[1] = (struct D3DDDI_ALLOCATIONINFO2){0};
    step("system-memory-mixed", create(FLAG(ExistingSysMem), infos, 2));
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){0};
    step("unknown-flags", create(1u << 30, infos, 1));
    destroy(0, &infos[0].hAllocation, 1);
    infos[0] = (struct D3DDDI_ALLOCATIONINFO2){.Reserved = {1}};
    step("reserved-not-zero", create(0, infos, 1));
    destroy(0, &infos[0].hAllocation, 1);
    munmap(memory, 2 * PAGE);
}

/* One standard allocation; null type: no structure. */
static NTSTATUS create_standard(int type, uint64_t size, uint32_t flags, uint32_t count, struct D3DDDI_ALLOCATIONINFO2 info)
{
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = (uint32_t)type, .ExistingHeapData.Size = size};
    struct D3DDDI_ALLOCATIONINFO2 infos[2] = {info, info};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = device,
                                           .pStandardAllocation = type ? &standard : NULL,
                                           .NumAllocations = count,
                                           .pAllocationInfo2 = infos,
                                           .Flags = flags | FLAG(StandardAllocation)};
    return D3DKMTCreateAllocation2(&args);
}

static void break_standard(void)
{
    static unsigned char data[8];
    unsigned char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct D3DDDI_ALLOCATIONINFO2 none = {0}, on_memory = {.pSystemMem = memory},
                                  with_data = {.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
    must(memory != MAP_FAILED, "no memory");
    step("standard-missing", create_standard(0, PAGE, 0, 1, none));
    step("standard-type", create_standard(7, PAGE, 0, 1, none));
    step("standard-count", create_standard(2, PAGE, 0, 2, none));
    step("standard-size", create_standard(2, PAGE + 1, 0, 1, none));
    step("standard-private-data", create_standard(2, PAGE, 0, 1, with_data));
    step("standard-heap-memory", create_standard(1, PAGE, 0, 1, on_memory));
    step("standard-cross-adapter-memory", create_standard(2, PAGE, FLAG(ExistingSysMem), 1, on_memory));
    munmap(memory, PAGE);
}

/* ---- Handles -------------------------------------------------------------------------------------------------------------- */

static atomic_bool asking;

static void *ask_slowly(void *user)
{
    uint32_t priority;
    struct D3DKMT_GETALLOCATIONPRIORITY args = {
        .hDevice = device, .phAllocationList = user, .AllocationCount = 1, .pPriorities = &priority};
    atomic_store(&asking, true);
    D3DKMTGetAllocationPriority(&args);
    return NULL;
}

/* softgpu holds the question up for 3 s; meanwhile the allocation goes. Many short sleeps: on a busy machine each lets the other
   thread come to its call. */
static void race(void)
{
    struct made made = make(device, 0, PAGE);
    D3DKMT_HANDLE handle = made.allocation;
    pthread_t thread;
    must(pthread_create(&thread, NULL, ask_slowly, &handle) == 0, "no thread");
    for (int i = 0; i < 20 || !atomic_load(&asking); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    step("destroy-races-use", destroy(0, &made.allocation, 1));
    pthread_join(thread, NULL);
}

static void break_handles(void)
{
    D3DKMT_HANDLE stranger = STRANGER;
    struct made made = make(device, FLAG(CreateResource), PAGE), gone = make(device, 0, PAGE);
    step("null-handle", lock(0));
    step("destroy-stranger", destroy(0, &stranger, 1));
    step("unknown-handle", set_priority(device, OTHER_STRANGER));
    step("wrong-handle-kind", lock(made.resource));
    destroy(0, &gone.allocation, 1);
    step("destroyed-twice", destroy(0, &gone.allocation, 1));
    step("use-after-destroy", set_priority(device, gone.allocation));
    destroy(made.resource, NULL, 0);
    race();
}

/* softgpu refuses the first context; the program goes on with what it got. */
static void ignore_refusals(void)
{
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = device};
    step("refused-call", D3DKMTCreateContextVirtual(&context));
    step("refused-call-ignored", D3DKMTDestroyContext(&(struct D3DKMT_DESTROYCONTEXT){context.hContext}));
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .flags = SOFTGPU_ALLOCATION_LOCAL, .size = 1ull << 40};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    step("einval-may-be-no-memory", create(0, &info, 1));
}

/* A child knows the parent's handles, and has a descriptor that isn't its own. */
static void fork_and_go_on(void)
{
    struct made spare = make(device, 0, PAGE), made = make(device, 0, PAGE);
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0, "no child");
    if (child == 0) {
        struct D3DKMT_CREATEDEVICE inherited = {.hAdapter = adapter};
        step("forked-descriptor", D3DKMTCreateDevice(&inherited));
        open_adapter();
        device = open_device();
        step("other-owner-handle", set_priority(device, made.allocation));
        D3DKMTDestroyDevice(&(struct D3DKMT_DESTROYDEVICE){device});
        D3DKMTCloseAdapter(&(struct D3DKMT_CLOSEADAPTER){adapter});
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    destroy(0, &spare.allocation, 1);
    destroy(0, &made.allocation, 1);
}

/* ---- Owners, locks, residency, addresses ---------------------------------------------------------------------------------- */

static void break_ownership(D3DKMT_HANDLE other)
{
    struct made made = make(device, FLAG(CreateResource), PAGE), alone = make(device, 0, PAGE);
    struct made shared = make(device, FLAG(CreateResource) | FLAG(CreateShared) | FLAG(NtSecuritySharing), PAGE);
    D3DKMT_HANDLE mixed[] = {made.allocation, alone.allocation};
    step("wrong-device", set_priority(other, alone.allocation));
    step("destroy-arguments", destroy(0, NULL, 0));
    step("destroy-mixed-owners", destroy(0, mixed, 2));
    step("destroy-shared-member", destroy(0, &shared.allocation, 1));
    uint64_t nt_handle = 0;
    if (D3DKMTShareObjects(1, &shared.resource, NULL, 0x10000000, &nt_handle) >= 0)
        close((int)nt_handle);
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    struct D3DKMT_CREATEALLOCATION add = {
        .hDevice = device, .hResource = shared.resource, .NumAllocations = 1, .pAllocationInfo2 = &info};
    step("sealed-resource", D3DKMTCreateAllocation2(&add));
    destroy(shared.resource, NULL, 0);
    destroy(made.resource, NULL, 0);
    destroy(0, &alone.allocation, 1);
}

static NTSTATUS make_resident(D3DKMT_HANDLE allocation, uint32_t flags)
{
    struct D3DDDI_MAKERESIDENT args = {
        .hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &allocation, .Flags = flags};
    return D3DKMTMakeResident(&args);
}

static NTSTATUS evict(D3DKMT_HANDLE allocation)
{
    struct D3DKMT_EVICT args = {.hDevice = device, .NumAllocations = 1, .AllocationList = &allocation};
    return D3DKMTEvict(&args);
}

static void break_residency(void)
{
    struct made made = make(device, 0, PAGE), big = make(device, 0, 128 << 20);
    step("evict-not-resident", evict(made.allocation));
    for (int i = 0; i < 9; i++) {
        step("residency-churn", make_resident(made.allocation, 0));
        evict(made.allocation);
    }
    step("over-budget", make_resident(big.allocation, D3DDDI_MAKERESIDENT_CantTrimFurther));
    evict(big.allocation);
    struct D3DKMT_OFFERALLOCATIONS offer = {
        .hDevice = device, .HandleList = &made.allocation, .NumAllocations = 1, .Priority = 1 /* low */};
    D3DKMTOfferAllocations(&offer);
    step("offered-used", make_resident(made.allocation, 0));
    step("unlock-not-locked", D3DKMTUnlock2(&(struct D3DKMT_UNLOCK2){.hDevice = device, .hAllocation = big.allocation}));
    step("leaked-lock", lock(big.allocation));
    destroy(0, &big.allocation, 1);
    destroy(0, &made.allocation, 1);
}

static void break_addresses(void)
{
    struct made made = make(device, 0, PAGE);
    step("free-not-mapped", D3DKMTFreeGpuVirtualAddress(&(struct D3DKMT_FREEGPUVIRTUALADDRESS){
                                .hAdapter = adapter, .BaseAddress = 0x7000000000, .Size = PAGE}));
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS uneven = {.hPagingQueue = queue, .Size = PAGE + 1};
    step("address-alignment", D3DKMTReserveGpuVirtualAddress(&uneven));
    struct D3DDDI_MAPGPUVIRTUALADDRESS beyond = {.hPagingQueue = queue, .hAllocation = made.allocation, .SizeInPages = 2};
    step("map-beyond-end", D3DKMTMapGpuVirtualAddress(&beyond));
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hPagingQueue = queue, .Size = 16 * PAGE};
    step("leaked-mapping", D3DKMTReserveGpuVirtualAddress(&reserve));
    destroy(0, &made.allocation, 1);
}

/* ---- Leaks ---------------------------------------------------------------------------------------------------------------- */

static void leak(D3DKMT_HANDLE leaky)
{
    make(leaky, 0, PAGE);                    /* leaked-allocation */
    make(leaky, FLAG(CreateResource), PAGE); /* leaked-resource */
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = leaky};
    step("leaked-context", D3DKMTCreateContextVirtual(&context));
    open_queue(leaky);                       /* leaked-paging-queue */
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 mutex = {.hDevice = leaky, .Info = {.Type = D3DDDI_SYNCHRONIZATION_MUTEX}};
    step("leaked-sync-object", D3DKMTCreateSynchronizationObject2(&mutex));
}

/* softgpu takes the adapter away at the first InvalidateCache. */
static void lose_the_device(void)
{
    struct made made = make(device, 0, PAGE);
    struct D3DKMT_INVALIDATECACHE args = {.hDevice = device, .hAllocation = made.allocation, .Length = PAGE};
    lock(made.allocation);
    D3DKMTInvalidateCache(&args);
    step("removed-device-used", D3DKMTInvalidateCache(&args));
}

int main(void)
{
    setenv(SOFTGPU_ENV_LOCAL_BUDGET, "64M", 0);
    setenv(SOFTGPU_ENV_FAULTS,
           "GetAllocationPriority:1:3s,CreateContextVirtual:1:0xC0000017,InvalidateCache:1:remove", 0);
    open_adapter();
    device = open_device();
    D3DKMT_HANDLE leaky = open_device(); /* leaked-device; and its adapter is never closed: leaked-adapter */
    queue = open_queue(device);
    break_arguments();
    break_standard();
    break_handles();
    ignore_refusals();
    fork_and_go_on();
    break_ownership(leaky);
    break_residency();
    break_addresses();
    leak(leaky);
    lose_the_device();
    D3DKMTDestroyDevice(&(struct D3DKMT_DESTROYDEVICE){device}); /* with its paging queue, and what was locked last */
    return 0;
}
