/*
 * softgpu's core keeps the real driver's rules: which calls it refuses, in which order and how, what it writes back, who owns a
 * handle, and what a destroy takes with it. The core is called directly, with the test's own memory behind its memory ops.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "softgpu-process.h"

/* ---- Adapters ------------------------------------------------------------------------------------------------------------- */

static void adapters_are_counted_listed_and_opened(void **state)
{
    (void)state;
    struct softgpu_config two = one_gib;
    two.adapters = 2;
    struct fixture f = start(&two);
    struct D3DKMT_ADAPTERINFO infos[3] = {0};
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    assert_int_equal(CALL(&f, 0x14, &list), 0);
    assert_int_equal(list.NumAdapters, 2);
    list = (struct D3DKMT_ENUMADAPTERS2){.NumAdapters = 1, .pAdapters = infos};
    assert_int_equal(CALL(&f, 0x14, &list), -EOVERFLOW);
    assert_int_equal(list.NumAdapters, 1);
    list.NumAdapters = 65;
    assert_int_equal(CALL(&f, 0x14, &list), -EINVAL);
    list.NumAdapters = 3;
    assert_int_equal(CALL(&f, 0x14, &list), 0);
    assert_int_equal(list.NumAdapters, 2);
    assert_int_not_equal(infos[0].hAdapter, 0);
    assert_int_not_equal(infos[0].hAdapter, infos[1].hAdapter);
    assert_int_not_equal(infos[0].AdapterLuid.LowPart, infos[1].AdapterLuid.LowPart);
    assert_int_equal(infos[2].hAdapter, 0);

    struct D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = infos[1].AdapterLuid};
    assert_int_equal(CALL(&f, 0x01, &open), 0);
    assert_int_not_equal(open.hAdapter, infos[1].hAdapter);
    struct D3DKMT_CLOSEADAPTER close = {open.hAdapter};
    assert_int_equal(CALL(&f, 0x15, &close), 0);
    assert_int_equal(CALL(&f, 0x15, &close), -EINVAL);
    open.AdapterLuid.LowPart += 77;
    assert_int_equal(CALL(&f, 0x01, &open), -EINVAL);

    struct D3DKMT_ENUMADAPTERS3 list3 = {.NumAdapters = 1, .pAdapters = infos};
    assert_int_equal(CALL(&f, 0x3e, &list3), -EOVERFLOW);
    assert_int_equal(list3.NumAdapters, 2);
    list3.NumAdapters = 0;
    assert_int_equal(CALL(&f, 0x3e, &list3), 0);
    assert_int_equal(list3.NumAdapters, 2);
    list3.pAdapters = BAD_POINTER;
    assert_int_equal(CALL(&f, 0x3e, &list3), -EFAULT);
    stop(&f);
}

static void adapters_answer_by_type_and_exact_size(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    static const struct {
        uint32_t type, size;
    } known[] = {{1, 524}, {3, 24}, {8, 2080}, {15, 4}, {24, 4}, {25, 78}, {31, 28}, {57, 4}, {60, 80}, {65, 8192}, {70, 4}};
    static uint8_t answer[8200];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct D3DKMT_QUERYADAPTERINFO args = {.hAdapter = f.adapter,
                                               .Type = known[i].type,
                                               .pPrivateDriverData = memset(answer, 0, sizeof answer),
                                               .PrivateDriverDataSize = known[i].size};
        assert_int_equal(CALL(&f, 0x09, &args), 0);
        args.PrivateDriverDataSize++;
        assert_int_equal(CALL(&f, 0x09, &args), -EINVAL);
        args.PrivateDriverDataSize = known[i].size;
        args.pPrivateDriverData = BAD_POINTER;
        assert_int_equal(CALL(&f, 0x09, &args), -EFAULT);
        args.hAdapter = f.device;
        assert_int_equal(CALL(&f, 0x09, &args), -EINVAL);
        args.PrivateDriverDataSize = 0;
        assert_int_equal(CALL(&f, 0x09, &args), -EINVAL);
    }
    struct D3DKMT_DRIVER_DESCRIPTION_UTF16 *text = (void *)answer;
    struct D3DKMT_QUERYADAPTERINFO args = {f.adapter, KMTQAITYPE_DRIVER_DESCRIPTION, answer, sizeof *text};
    assert_int_equal(CALL(&f, 0x09, &args), 0);
    for (int i = 0; i < 7; i++)
        assert_int_equal(text->DriverDescription[i], "softgpu"[i]);
    struct D3DKMT_SEGMENTSIZEINFO sizes;
    args = (struct D3DKMT_QUERYADAPTERINFO){f.adapter, KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof sizes};
    assert_int_equal(CALL(&f, 0x09, &args), 0);
    assert_int_equal(sizes.DedicatedVideoMemorySize, 1ull << 30);
    args.Type = 64; /* a type that it doesn't have */
    assert_int_equal(CALL(&f, 0x09, &args), -EINVAL);
    stop(&f);
}

static void unknown_requests_are_enotty(void **state)
{
    (void)state;
    struct fixture f = start(&one_gib);
    char structure[512] = {0};
    /* Requests for global handles, which the real driver lacks; one beyond its table; a known one with another size. */
    static const unsigned long requests[] = {0xc0484728, 0xc0484729, 0xc020472b, 0xc0104799, 0xc0184714, 0x4714};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        assert_int_equal(softgpu_ioctl(f.gpu, f.place, requests[i], (uintptr_t)structure, &f.memory), -ENOTTY);
    assert_int_equal(softgpu_ioctl(f.gpu, f.place, 0xc0104714, 16, &f.memory), -EFAULT);
    stop(&f);
}

/* ---- Devices and what hangs on them ----------------------------------------------------------------------------------------- */

static void devices_own_contexts_and_paging_queues(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = f.device};
    assert_int_equal(CALL(&f, 0x04, &context), 0);
    context.NodeOrdinal = 1;
    assert_int_equal(CALL(&f, 0x04, &context), -EINVAL);
    context.NodeOrdinal = 0;
    context.pPrivateDriverData = BAD_POINTER, context.PrivateDriverDataSize = 8;
    assert_int_equal(CALL(&f, 0x04, &context), -EFAULT);
    context.hDevice = f.adapter;
    assert_int_equal(CALL(&f, 0x04, &context), -EINVAL);

    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = f.device};
    assert_int_equal(CALL(&f, 0x07, &queue), 0);
    assert_int_not_equal(queue.hPagingQueue, queue.hSyncObject);
    assert_int_equal(*(uint64_t *)queue.FenceValueCPUVirtualAddress, 0);
    struct D3DDDI_DESTROYPAGINGQUEUE destroy_queue = {queue.hPagingQueue};
    assert_int_equal(CALL(&f, 0x1c, &destroy_queue), 0);
    assert_int_equal(CALL(&f, 0x1c, &destroy_queue), -EINVAL);
    assert_int_equal(CALL(&f, 0x07, &queue), 0);

    struct D3DKMT_GETDEVICESTATE device_state = {.hDevice = f.device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    assert_int_equal(CALL(&f, 0x0e, &device_state), 0);
    assert_int_equal(device_state.ExecutionState, D3DKMT_DEVICEEXECUTION_ACTIVE);
    device_state.StateType = D3DKMT_DEVICESTATE_PRESENT;
    assert_int_equal(CALL(&f, 0x0e, &device_state), -EINVAL);

    create_one(&f, 0);
    create_resource(&f, 0, NULL);
    assert_int_equal(used(&f, 0), 2 * 8192);
    struct D3DKMT_DESTROYDEVICE destroy_device = {f.device};
    assert_int_equal(CALL(&f, 0x19, &destroy_device), 0);
    assert_int_equal(CALL(&f, 0x19, &destroy_device), -EINVAL);
    assert_int_equal(used(&f, 0), 0);
    destroy_queue.hPagingQueue = queue.hPagingQueue;
    assert_int_equal(CALL(&f, 0x1c, &destroy_queue), -EINVAL);
    struct D3DKMT_DESTROYCONTEXT destroy_context = {context.hContext};
    assert_int_equal(CALL(&f, 0x05, &destroy_context), -EINVAL);

    f.memory.fence_address = NULL; /* a front end that cannot map */
    open_device(&f);
    queue.hDevice = f.device;
    assert_int_equal(CALL(&f, 0x07, &queue), -EPERM);
    stop(&f);
}

/* ---- CreateAllocation ------------------------------------------------------------------------------------------------------- */

static void a_create_gives_handles_and_driver_data(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    struct creation c;
    prepare(&c, &f, D3DKMT_CREATEALLOCATION_CreateResource);
    c.data.format = 99;
    c.args.hGlobalShare = 7;
    assert_int_equal(create(&f, &c), 0);
    assert_int_not_equal(c.args.hResource, 0);
    assert_int_not_equal(c.info.hAllocation, 0);
    assert_int_equal(c.args.hGlobalShare, 7); /* echoed */
    assert_int_equal(c.args.Flags, D3DKMT_CREATEALLOCATION_CreateResource);
    assert_int_equal(c.data.reserved, 8192);
    assert_int_equal(c.data.segment, SOFTGPU_SEGMENT_LOCAL);
    assert_int_equal(c.data.size, 5000);
    assert_int_equal(c.data.format, 99);
    assert_int_equal(used(&f, 0), 8192);

    prepare(&c, &f, 0); /* not a resource: hResource stays as it is */
    c.data.flags = SOFTGPU_ALLOCATION_SYSTEM;
    assert_int_equal(create(&f, &c), 0);
    assert_int_equal(c.args.hResource, 0);
    assert_int_equal(c.data.segment, SOFTGPU_SEGMENT_SYSTEM);
    assert_int_equal(used(&f, 1), 8192);

    prepare(&c, &f, 0); /* another driver's private data is left alone */
    c.data.magic = 1;
    struct softgpu_private_data before = c.data;
    assert_int_equal(create(&f, &c), 0);
    assert_memory_equal(&before, &c.data, sizeof before);
    assert_int_equal(used(&f, 0), 8192 + SOFTGPU_FOREIGN_SIZE);
    stop(&f);
}

static void a_create_of_many_takes_all_or_none(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    static struct softgpu_private_data data[DXG_MAX_ALLOCATIONS];
    static struct D3DDDI_ALLOCATIONINFO2 infos[DXG_MAX_ALLOCATIONS];
    for (int i = 0; i < DXG_MAX_ALLOCATIONS; i++) {
        data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = 4096};
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &data[i], .PrivateDriverDataSize = sizeof *data};
    }
    struct D3DKMT_CREATEALLOCATION args = {
        .hDevice = f.device, .NumAllocations = DXG_MAX_ALLOCATIONS, .pAllocationInfo2 = infos};
    assert_int_equal(CALL(&f, 0x06, &args), 0);
    assert_int_equal(used(&f, 0), 4096ull * DXG_MAX_ALLOCATIONS);
    D3DKMT_HANDLE list[DXG_MAX_ALLOCATIONS];
    for (int i = 0; i < DXG_MAX_ALLOCATIONS; i++)
        list[i] = infos[i].hAllocation;
    assert_int_equal(destroy(&f, 0, list, DXG_MAX_ALLOCATIONS), 0);
    assert_int_equal(used(&f, 0), 0);

    for (int i = 0; i < DXG_MAX_ALLOCATIONS; i++)
        infos[i].hAllocation = 0, data[i].segment = 0;
    data[DXG_MAX_ALLOCATIONS - 1].size = 0; /* the last is refused: the others are not made, and nothing is written */
    args.Flags = D3DKMT_CREATEALLOCATION_CreateResource;
    assert_int_equal(CALL(&f, 0x06, &args), -EINVAL);
    assert_int_equal(used(&f, 0), 0);
    assert_int_equal(infos[0].hAllocation, 0);
    assert_int_equal(data[0].segment, 0);
    assert_int_equal(args.hResource, 0);

    data[DXG_MAX_ALLOCATIONS - 1].size = 1; /* results that cannot be written undo it too */
    unwritable = (uintptr_t)&infos[500].hAllocation;
    assert_int_equal(CALL(&f, 0x06, &args), -EFAULT);
    assert_int_equal(used(&f, 0), 0);
    stop(&f);
}

/* Each refusal, from a call that is good but for one thing. */
#define SPOIL(name, flags, spoil, expected)                                                                                 \
    static void name(void **state)                                                                                          \
    {                                                                                                                       \
        (void)state;                                                                                                        \
        struct fixture f = start_with_device(&one_gib);                                                                     \
        struct creation c;                                                                                                  \
        prepare(&c, &f, flags);                                                                                             \
        spoil;                                                                                                              \
        assert_int_equal(create(&f, &c), expected);                                                                         \
        assert_int_equal(used(&f, 0) + used(&f, 1), 0);                                                                     \
        assert_int_equal(c.info.hAllocation, 0);                                                                            \
        stop(&f);                                                                                                           \
    }
#define RESOURCE D3DKMT_CREATEALLOCATION_CreateResource
#define STANDARD D3DKMT_CREATEALLOCATION_StandardAllocation
#define SHARED D3DKMT_CREATEALLOCATION_CreateShared
#define NT D3DKMT_CREATEALLOCATION_NtSecuritySharing
#define EXISTING D3DKMT_CREATEALLOCATION_ExistingSysMem
static char page[2 * 4096] __attribute__((aligned(4096)));

SPOIL(refuses_no_allocations, 0, c.args.NumAllocations = 0, -EINVAL)
SPOIL(refuses_too_many_allocations, 0, c.args.NumAllocations = 1025, -EINVAL)
SPOIL(refuses_elements_at_a_bad_pointer, 0, c.args.pAllocationInfo2 = BAD_POINTER, -EFAULT)
SPOIL(refuses_private_data_of_a_packet, 0, c.info.PrivateDriverDataSize = 128 * 1024, -EINVAL)
SPOIL(refuses_private_data_at_a_bad_pointer, 0, c.info.pPrivateDriverData = BAD_POINTER, -EFAULT)
SPOIL(refuses_runtime_data_at_a_bad_pointer, 0, (c.args.pPrivateRuntimeData = BAD_POINTER, c.args.PrivateRuntimeDataSize = 4), -EFAULT)
SPOIL(refuses_resource_data_at_a_bad_pointer, 0, (c.args.pPrivateDriverData = BAD_POINTER, c.args.PrivateDriverDataSize = 4), -EFAULT)
SPOIL(refuses_a_packet_too_large, 0, c.args.PrivateRuntimeDataSize = 128 * 1024 - 107, -EOVERFLOW)
SPOIL(refuses_existing_sections, D3DKMT_CREATEALLOCATION_ExistingSection, (void)0, -EINVAL)
SPOIL(refuses_protected, D3DKMT_CREATEALLOCATION_CreateProtected, (void)0, -EINVAL)
SPOIL(refuses_shared_without_resource, SHARED | NT, (void)0, -EINVAL)
SPOIL(refuses_shared_without_nt_handle, SHARED | RESOURCE, (void)0, -EINVAL)
SPOIL(refuses_an_unknown_device, 0, c.args.hDevice ^= 1u << 31, -EINVAL)
SPOIL(refuses_an_adapter_for_a_device, 0, c.args.hDevice = f.adapter, -EINVAL)
SPOIL(refuses_an_unknown_resource, 0, c.args.hResource = 0x40000040, -EINVAL)
SPOIL(refuses_unaligned_memory, EXISTING, c.info.pSystemMem = page + 8, -EINVAL)
SPOIL(refuses_unknown_private_flags, 0, c.data.flags = 4, -EINVAL)
SPOIL(refuses_private_size_0, 0, c.data.size = 0, -EINVAL)
SPOIL(refuses_more_than_there_is, 0, c.data.size = 1ull << 40, -ENOMEM)
SPOIL(refuses_more_local_memory_as_invalid, 0, (c.data.size = 1ull << 40, c.data.flags = SOFTGPU_ALLOCATION_LOCAL), -EINVAL)

/* Standard allocations. The statuses come as values, as from the real driver. */
#define STANDARD_ONE(type, bytes, memory)                                                                                   \
    (c.standard.Type = (type), c.standard.ExistingHeapData.Size = (bytes), c.args.pStandardAllocation = &c.standard,        \
     c.info = (struct D3DDDI_ALLOCATIONINFO2){.pSystemMem = (memory)})
SPOIL(standard_refuses_a_null_pointer, STANDARD, (STANDARD_ONE(2, 4096, NULL), c.args.pStandardAllocation = NULL), -EINVAL)
SPOIL(standard_refuses_a_bad_pointer, STANDARD, (STANDARD_ONE(2, 4096, NULL), c.args.pStandardAllocation = BAD_POINTER), -EFAULT)
SPOIL(standard_refuses_an_unknown_type, STANDARD, STANDARD_ONE(3, 4096, NULL), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_no_memory, STANDARD | EXISTING, STANDARD_ONE(1, 4096, NULL), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_unaligned_memory, STANDARD | EXISTING, STANDARD_ONE(1, 4096, page + 1), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_memory_without_flag, STANDARD, STANDARD_ONE(1, 4096, page), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_cross_adapter_on_memory, STANDARD, STANDARD_ONE(2, 4096, page), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_cross_adapter_with_flag, STANDARD | EXISTING, STANDARD_ONE(2, 4096, NULL), STATUS_INVALID_PARAMETER)
SPOIL(standard_refuses_size_0, STANDARD, STANDARD_ONE(2, 0, NULL), -EINVAL)
SPOIL(standard_refuses_part_of_a_page, STANDARD, STANDARD_ONE(2, 4097, NULL), -EINVAL)
SPOIL(standard_refuses_private_data, STANDARD, (STANDARD_ONE(2, 4096, NULL), c.info.PrivateDriverDataSize = 1), -EINVAL)
SPOIL(standard_refuses_resource_data, STANDARD, (STANDARD_ONE(2, 4096, NULL), c.args.PrivateDriverDataSize = 1), -EINVAL)
/* The order of checks: what is wrong first is what is told. */
SPOIL(type_is_told_before_size, STANDARD, STANDARD_ONE(3, 0, NULL), STATUS_INVALID_PARAMETER)
SPOIL(count_is_told_before_pointer, 0, (c.args.NumAllocations = 0, c.args.pAllocationInfo2 = BAD_POINTER), -EINVAL)
SPOIL(pointer_is_told_before_device, 0, (c.args.hDevice = 0, c.args.pAllocationInfo2 = BAD_POINTER), -EFAULT)
SPOIL(device_is_told_before_private_data, 0, (c.args.hDevice = 0, c.info.pPrivateDriverData = BAD_POINTER), -EINVAL)
SPOIL(section_is_told_before_device, D3DKMT_CREATEALLOCATION_ExistingSection | STANDARD, STANDARD_ONE(3, 0, NULL), -EINVAL)

static void a_packet_may_be_just_full(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    struct creation c;
    prepare(&c, &f, 0);
    static char runtime[128 * 1024];
    c.args.pPrivateRuntimeData = runtime;
    c.args.PrivateRuntimeDataSize = 128 * 1024 - 64 - 12 - 32;
    assert_int_equal(create(&f, &c), 0);
    stop(&f);
}

static void standard_allocations_live_in_system_memory(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    struct creation c;
    prepare(&c, &f, RESOURCE | STANDARD | EXISTING);
    STANDARD_ONE(1, 8192, page);
    assert_int_equal(create(&f, &c), 0);
    assert_int_equal(used(&f, 1), 8192);
    prepare(&c, &f, STANDARD);
    STANDARD_ONE(2, 4096, NULL);
    assert_int_equal(create(&f, &c), 0);
    assert_int_equal(used(&f, 1), 8192 + 4096);
    assert_int_equal(used(&f, 0), 0);
    stop(&f);
}

static void memory_runs_out_and_comes_back(void **state)
{
    (void)state;
    struct softgpu_config small = {.local_size = 16384, .system_size = 8192, .adapters = 1};
    struct fixture f = start_with_device(&small);
    D3DKMT_HANDLE first = create_one(&f, 0), second = create_one(&f, 0), third = create_one(&f, 0);
    assert_int_equal(used(&f, 0), 16384);
    assert_int_equal(used(&f, 1), 8192); /* the third went where room was left */
    struct creation c;
    prepare(&c, &f, 0);
    assert_int_equal(create(&f, &c), -ENOMEM);
    c.data.flags = SOFTGPU_ALLOCATION_LOCAL;
    assert_int_equal(create(&f, &c), -EINVAL);
    assert_int_equal(destroy(&f, 0, &first, 1), 0);
    assert_int_equal(create(&f, &c), 0);
    assert_int_equal(destroy(&f, 0, &second, 1), 0);
    assert_int_equal(destroy(&f, 0, &third, 1), 0);
    assert_int_equal(used(&f, 0), 8192);
    assert_int_equal(used(&f, 1), 0);
    stop(&f);
}

/* ---- DestroyAllocation2 ----------------------------------------------------------------------------------------------------- */

static void destroy_takes_a_resource_or_a_list(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    D3DKMT_HANDLE in_resource, added, loose = create_one(&f, 0);
    D3DKMT_HANDLE resource = create_resource(&f, 0, &in_resource);
    added = create_one(&f, resource);
    assert_int_equal(destroy(&f, 0, NULL, 0), -EINVAL);
    assert_int_equal(destroy(&f, resource, &in_resource, 1), -EINVAL);
    assert_int_equal(destroy(&f, 0, &in_resource, 1025), -EINVAL);
    assert_int_equal(destroy(&f, 0, BAD_POINTER, 1), -EFAULT);
    assert_int_equal(destroy(&f, in_resource, NULL, 0), -EINVAL);
    assert_int_equal(destroy(&f, 0, &resource, 1), -EINVAL);
    D3DKMT_HANDLE mixed[] = {in_resource, loose}, twice[] = {loose, loose};
    assert_int_equal(destroy(&f, 0, mixed, 2), -EINVAL); /* not one owner */
    assert_int_equal(destroy(&f, 0, twice, 2), -EINVAL);
    assert_int_equal(used(&f, 0), 3 * 8192); /* nothing went */
    assert_int_equal(destroy(&f, 0, &added, 1), 0);
    assert_int_equal(destroy(&f, 0, &added, 1), -EINVAL);
    assert_int_equal(destroy(&f, 0, &loose, 1), 0);
    assert_int_equal(destroy(&f, resource, NULL, 0), 0);
    assert_int_equal(destroy(&f, 0, &in_resource, 1), -EINVAL); /* went with its resource */
    assert_int_equal(used(&f, 0), 0);
    stop(&f);
}

static void allocations_of_a_shared_resource_go_together(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    D3DKMT_HANDLE allocation, resource = create_resource(&f, SHARED | NT, &allocation);
    assert_int_equal(destroy(&f, 0, &allocation, 1), -EINVAL);
    assert_int_equal(destroy(&f, resource, NULL, 0), 0);
    stop(&f);
}

static void devices_do_not_reach_into_each_other(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    D3DKMT_HANDLE allocation, resource = create_resource(&f, 0, &allocation), loose = create_one(&f, 0);
    struct D3DKMT_CREATEDEVICE other = {.hAdapter = f.adapter};
    assert_int_equal(CALL(&f, 0x02, &other), 0);
    f.device = other.hDevice;
    assert_int_equal(destroy(&f, resource, NULL, 0), -EINVAL);
    assert_int_equal(destroy(&f, 0, &allocation, 1), -EINVAL);
    assert_int_equal(destroy(&f, 0, &loose, 1), -EINVAL);
    struct creation c;
    prepare(&c, &f, 0);
    c.args.hResource = resource;
    assert_int_equal(create(&f, &c), -EINVAL);
    stop(&f);
}

/* ---- Handles and processes -------------------------------------------------------------------------------------------------- */

static void handles_are_reused_with_another_unique(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    D3DKMT_HANDLE seen[8];
    for (int i = 0; i < 8; i++) {
        seen[i] = create_one(&f, 0);
        assert_int_equal(seen[i] & 63, 0);           /* instance */
        assert_int_equal(seen[i] >> 6 & 0xffffff, seen[0] >> 6 & 0xffffff); /* the same index */
        assert_int_equal(destroy(&f, 0, &seen[i], 1), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen[i + 4], seen[i]); /* after four reuses the handle is back */
        for (int j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
    stop(&f);
}

static void handles_belong_to_a_process(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib), other = f;
    D3DKMT_HANDLE loose = create_one(&f, 0);
    softgpu_lock(f.gpu);
    other.place = softgpu_process_enter(f.gpu, 200, 5);
    assert_int_equal(softgpu_process_enter(f.gpu, 100, 1), f.place);
    softgpu_unlock(f.gpu);
    assert_int_not_equal(other.place, f.place);
    assert_int_equal(destroy(&other, 0, &loose, 1), -EINVAL);
    open_device(&other);
    create_one(&other, 0);
    assert_int_equal(used(&f, 0), 8192); /* each sees its own */
    softgpu_lock(f.gpu);
    softgpu_process_leave(f.gpu, 200, 5);
    softgpu_unlock(f.gpu);
    assert_int_equal(CALL(&other, 0x19, &(struct D3DKMT_DESTROYDEVICE){other.device}), -ENOTTY);
    assert_int_equal(destroy(&f, 0, &loose, 1), 0);
    stop(&f);
}

static bool only_100_lives(void *user, uint32_t pid, uint64_t process_start)
{
    (void)user, (void)process_start;
    return pid == 100;
}

static void what_the_dead_held_comes_back_when_needed(void **state)
{
    (void)state;
    struct softgpu_config small = {.local_size = 8192, .system_size = 0, .adapters = 1};
    struct fixture f = start_with_device(&small), dead = f;
    softgpu_lock(f.gpu);
    dead.place = softgpu_process_enter(f.gpu, 200, 5);
    softgpu_unlock(f.gpu);
    open_device(&dead);
    create_one(&dead, 0);
    struct creation c;
    prepare(&c, &f, 0);
    assert_int_equal(create(&f, &c), -ENOMEM);
    f.memory.alive = only_100_lives;
    assert_int_equal(create(&f, &c), 0);
    stop(&f);
}

/* A process is killed while it holds the lock, with a call half done: lists and counts are whole again afterwards. */
static void a_death_under_the_lock_is_repaired(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    D3DKMT_HANDLE allocation, resource = create_resource(&f, 0, &allocation), loose = create_one(&f, 0);
    pid_t child = fork();
    if (child == 0) {
        struct fixture mine = f;
        softgpu_lock(f.gpu);
        mine.place = softgpu_process_enter(f.gpu, (uint32_t)getpid(), 9);
        softgpu_unlock(f.gpu);
        open_device(&mine);
        for (int i = 0; i < 10; i++)
            create_one(&mine, 0);
        softgpu_lock(f.gpu);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(used(&f, 0), 2 * 8192); /* the lock is had again */
    softgpu_lock(f.gpu);
    softgpu_reap(f.gpu, only_100_lives, NULL);
    softgpu_unlock(f.gpu);
    assert_int_equal(destroy(&f, 0, &loose, 1), 0);
    assert_int_equal(destroy(&f, resource, NULL, 0), 0);
    assert_int_equal(used(&f, 0), 0);
    stop(&f);
}

/* ---- Faults and the environment --------------------------------------------------------------------------------------------- */

static const char *environment[5], *budget, *paging;
static const char *get(const char *name)
{
    static const char *const names[] = {SOFTGPU_ENV_LOCAL, SOFTGPU_ENV_SYSTEM, SOFTGPU_ENV_ADAPTERS, SOFTGPU_ENV_FAULTS};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return environment[i];
    if (strcmp(name, SOFTGPU_ENV_SYSTEM_BUDGET) == 0)
        return budget;
    if (strcmp(name, SOFTGPU_ENV_PAGING) == 0)
        return paging;
    return NULL;
}

static int read_config(struct softgpu_config *config, const char *local, const char *adapters, const char *faults)
{
    const char *wrong;
    environment[0] = local, environment[2] = adapters, environment[3] = faults;
    return softgpu_config_read(config, get, &wrong);
}

static void the_environment_is_understood_or_refused(void **state)
{
    (void)state;
    struct softgpu_config config;
    assert_int_equal(read_config(&config, NULL, NULL, NULL), 0);
    assert_int_equal(config.local_size, 1ull << 30);
    assert_int_equal(config.system_size, 4ull << 30);
    assert_int_equal(config.adapters, 1);
    assert_int_equal(config.local_budget, 0);
    assert_int_equal(config.paging_ns, 0);
    budget = "2K", paging = "3ms";
    assert_int_equal(read_config(&config, NULL, NULL, NULL), 0);
    assert_int_equal(config.system_budget, 2048);
    assert_int_equal(config.paging_ns, 3000000);
    budget = NULL, paging = "soon";
    assert_int_equal(read_config(&config, NULL, NULL, NULL), -EINVAL);
    paging = NULL;
    assert_int_equal(read_config(&config, "512M", "8", "CreateAllocation2:3:0xC0000017,*:/1000:2ms,EnumAdapters2:5+:remove"), 0);
    assert_int_equal(config.local_size, 512 << 20);
    assert_int_equal(config.adapters, 8);
    assert_int_equal(config.fault_count, 3);
    assert_int_equal(config.faults[0].request, 6);
    assert_int_equal(config.faults[0].status, 0xC0000017);
    assert_int_equal(config.faults[1].delay_ns, 2000000);
    assert_int_equal(config.faults[1].when, SOFTGPU_FAULT_EACH);
    assert_int_equal(config.faults[2].kind, SOFTGPU_FAULT_REMOVE);
    static const char *const wrong[] = {"CreateAllocation2", "Nonsense:1:0x1", "CreateAllocation2:0:0x1", "CreateAllocation2:x:0x1",
                                        "CreateAllocation2:1:soon", "CreateAllocation2:1:0x1FFFFFFFF", "CreateAllocation2:1:", ":"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_config(&config, NULL, NULL, wrong[i]), -EINVAL);
    assert_int_equal(read_config(&config, "1X", NULL, NULL), -EINVAL);
    assert_int_equal(read_config(&config, "-1", NULL, NULL), -EINVAL);
    assert_int_equal(read_config(&config, "99999999999G", NULL, NULL), -EINVAL);
    assert_int_equal(read_config(&config, NULL, "9", NULL), -EINVAL);
}

static long try_create(struct fixture *f)
{
    struct creation c;
    prepare(&c, f, 0);
    return create(f, &c);
}

static void faults_come_when_asked_for(void **state)
{
    (void)state;
    struct softgpu_config config;
    assert_int_equal(read_config(&config, NULL, NULL, "CreateAllocation2:2:0xC0000017,CreateAllocation2:/3:0xC01E0100"), 0);
    struct fixture f = start_with_device(&config);
    static const long expected[] = {0, -ENOMEM, -EINVAL, 0, 0, -EINVAL, 0};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(try_create(&f), expected[i]);
    assert_int_equal(used(&f, 0), 4 * 8192); /* a failed one makes nothing */
    stop(&f);

    assert_int_equal(read_config(&config, NULL, NULL, "CreateAllocation2:1:0x103"), 0); /* STATUS_PENDING comes as the value */
    f = start_with_device(&config);
    assert_int_equal(try_create(&f), 0x103);
    stop(&f);
}

static enum softgpu_signal pending;
static int asked;
static enum softgpu_signal signalled(void *user)
{
    (void)user;
    asked++;
    return pending;
}

static void a_delay_ends_when_its_caller_dies(void **state)
{
    (void)state;
    struct softgpu_config config;
    assert_int_equal(read_config(&config, NULL, NULL, "CreateAllocation2:1:50ms,CreateAllocation2:2:1000s"), 0);
    struct fixture f = start_with_device(&config);
    f.memory.signalled = signalled;
    pending = SOFTGPU_SIGNAL_ANY; /* a handler waits: the call is made all the same */
    assert_int_equal(try_create(&f), 0);
    assert_true(asked > 0);
    pending = SOFTGPU_SIGNAL_FATAL;
    assert_int_equal(try_create(&f), -EINTR);
    assert_int_equal(used(&f, 0), 8192);
    stop(&f);
}

static void a_removed_device_is_gone_but_can_be_left(void **state)
{
    (void)state;
    struct softgpu_config config;
    assert_int_equal(read_config(&config, NULL, NULL, "CreateAllocation2:2+:remove"), 0);
    struct fixture f = start_with_device(&config);
    assert_int_equal(try_create(&f), 0);
    assert_int_equal(try_create(&f), -ENODEV);
    assert_int_equal(try_create(&f), -ENODEV);
    struct D3DKMT_GETDEVICESTATE device_state = {.hDevice = f.device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    assert_int_equal(CALL(&f, 0x0e, &device_state), -ENODEV);
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    assert_int_equal(CALL(&f, 0x14, &list), 0);
    assert_int_equal(list.NumAdapters, 0);
    assert_int_equal(CALL(&f, 0x19, &(struct D3DKMT_DESTROYDEVICE){f.device}), 0);
    assert_int_equal(CALL(&f, 0x15, &(struct D3DKMT_CLOSEADAPTER){f.adapter}), 0);
    stop(&f);
}

static void host_statuses_become_errnos(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        long expected;
    } faults[] = {
        {"EnumAdapters2:1:0xC0000035", -EEXIST},  {"EnumAdapters2:1:0xC0000017", -ENOMEM},
        {"EnumAdapters2:1:0xC000000D", -EINVAL},  {"EnumAdapters2:1:0xC0000033", -ENOENT},
        {"EnumAdapters2:1:0x102", -EAGAIN},       {"EnumAdapters2:1:0xC0000023", -EOVERFLOW},
        {"EnumAdapters2:1:0xC00002B6", -ENODEV},  {"EnumAdapters2:1:0xC0000022", -EACCES},
        {"EnumAdapters2:1:0xC00000BB", -EPERM},   {"EnumAdapters2:1:0xC0000002", -EPERM},
        {"EnumAdapters2:1:0xC000001D", -EOPNOTSUPP}, {"EnumAdapters2:1:0xC0000008", -EBADF},
        {"EnumAdapters2:1:0xC01E0102", -EINPROGRESS}, {"EnumAdapters2:1:0xC0000024", -EPROTOTYPE},
        {"EnumAdapters2:1:0xC01E0100", -EINVAL},  {"EnumAdapters2:1:0xC0001234", -EINVAL},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct softgpu_config config;
        assert_int_equal(read_config(&config, NULL, NULL, faults[i].fault), 0);
        struct fixture f = start(&config);
        struct D3DKMT_ENUMADAPTERS2 list = {0};
        assert_int_equal(CALL(&f, 0x14, &list), faults[i].expected);
        assert_int_equal(CALL(&f, 0x14, &list), 0);
        stop(&f);
    }
}

/* ---- Threads ---------------------------------------------------------------------------------------------------------------- */

static void *churn(void *user)
{
    struct fixture f = *(struct fixture *)user;
    for (int i = 0; i < 500; i++) {
        struct creation c;
        prepare(&c, &f, i % 3 ? 0 : RESOURCE);
        if (create(&f, &c) != 0 || destroy(&f, c.args.hResource, &c.info.hAllocation, c.args.hResource ? 0 : 1) != 0)
            return user;
    }
    return NULL;
}

static void threads_may_call_at_once(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &f), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(used(&f, 0), 0);
    stop(&f);
}

/* ---- Residency -------------------------------------------------------------------------------------------------------------- */

struct residency {
    struct fixture f;
    D3DKMT_HANDLE queue, allocations[2];
    const uint64_t *fence;
};

static struct residency start_residency(void)
{
    struct residency r = {.f = start_with_device(&one_gib)};
    r.queue = create_queue(&r.f, &r.fence);
    r.allocations[0] = create_one(&r.f, 0);
    r.allocations[1] = create_one(&r.f, 0);
    return r;
}

static uint32_t status_of(struct residency *r, unsigned which)
{
    uint32_t status = 0;
    struct D3DKMT_QUERYALLOCATIONRESIDENCY args = {
        .hDevice = r->f.device, .phAllocationList = &r->allocations[which], .AllocationCount = 1, .pResidencyStatus = &status};
    assert_int_equal(CALL(&r->f, 0x2a, &args), 0);
    return status;
}

static void residency_is_counted_and_its_fence_signals(void **state)
{
    (void)state;
    struct residency r = start_residency();
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = r.queue, .NumAllocations = 2, .AllocationList = r.allocations};
    struct D3DKMT_EVICT evict = {.hDevice = r.f.device, .NumAllocations = 1, .AllocationList = r.allocations, .NumBytesToTrim = 1};
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    assert_int_equal(CALL(&r.f, 0x0b, &make), STATUS_PENDING);
    assert_int_equal(make.PagingFenceValue, 1);
    assert_true(*r.fence >= make.PagingFenceValue);
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    assert_int_equal(CALL(&r.f, 0x0b, &make), 0); /* resident already: nothing to wait for */
    assert_int_equal(make.PagingFenceValue, 1);
    assert_int_equal(CALL(&r.f, 0x1e, &evict), 0);
    assert_int_equal(evict.NumBytesToTrim, 0);
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY); /* one use is left */
    for (int i = 0; i < 2; i++) /* one more than was counted: it stays at none */
        assert_int_equal(CALL(&r.f, 0x1e, &evict), 0);
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    assert_int_equal(status_of(&r, 1), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    assert_int_equal(CALL(&r.f, 0x0b, &make), STATUS_PENDING);
    assert_int_equal(make.PagingFenceValue, 2);
    stop(&r.f);
}

static void residency_of_what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct residency r = start_residency();
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = r.queue, .NumAllocations = 2, .AllocationList = r.allocations};
    struct D3DKMT_EVICT evict = {.hDevice = r.f.device, .NumAllocations = 1, .AllocationList = BAD_POINTER};
    assert_int_equal(CALL(&r.f, 0x1e, &evict), -EFAULT);
    evict.NumAllocations = 0;
    assert_int_equal(CALL(&r.f, 0x1e, &evict), -EINVAL);
    make.NumAllocations = 10 * 1024 + 1;
    assert_int_equal(CALL(&r.f, 0x0b, &make), -EINVAL);
    make.NumAllocations = 2;
    make.hPagingQueue = r.f.device; /* a handle of another kind */
    assert_int_equal(CALL(&r.f, 0x0b, &make), -EINVAL);
    make.hPagingQueue = r.queue;
    D3DKMT_HANDLE good = r.allocations[1];
    r.allocations[1] = 0x40; /* none is made resident when one is wrong */
    assert_int_equal(CALL(&r.f, 0x0b, &make), -EINVAL);
    r.allocations[1] = good;
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    assert_int_equal(*r.fence, 0);
    unwritable = (uintptr_t)&make.PagingFenceValue;
    assert_int_equal(CALL(&r.f, 0x0b, &make), -EFAULT);
    unwritable = UINT64_MAX;
    assert_int_equal(status_of(&r, 0), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    stop(&r.f);
}

static void priorities_are_kept(void **state)
{
    (void)state;
    struct residency r = start_residency();
    uint32_t priorities[2] = {0x78000000, 0x28000000}, found[2] = {0};
    struct D3DKMT_SETALLOCATIONPRIORITY set = {
        .hDevice = r.f.device, .phAllocationList = r.allocations, .AllocationCount = 2, .pPriorities = priorities};
    struct D3DKMT_GETALLOCATIONPRIORITY get = {
        .hDevice = r.f.device, .phAllocationList = r.allocations, .AllocationCount = 2, .pPriorities = found};
    assert_int_equal(CALL(&r.f, 0x2e, &set), 0);
    assert_int_equal(CALL(&r.f, 0x3c, &get), 0);
    assert_memory_equal(found, priorities, sizeof found);
    set.hResource = 0x40; /* a resource and a list: either, not both */
    assert_int_equal(CALL(&r.f, 0x2e, &set), -EINVAL);
    D3DKMT_HANDLE allocation, resource = create_resource(&r.f, D3DKMT_CREATEALLOCATION_CreateResource, &allocation);
    set = (struct D3DKMT_SETALLOCATIONPRIORITY){.hDevice = r.f.device, .hResource = resource, .pPriorities = &priorities[1]};
    assert_int_equal(CALL(&r.f, 0x2e, &set), 0);
    get = (struct D3DKMT_GETALLOCATIONPRIORITY){
        .hDevice = r.f.device, .phAllocationList = &allocation, .AllocationCount = 1, .pPriorities = found};
    assert_int_equal(CALL(&r.f, 0x3c, &get), 0);
    assert_int_equal(found[0], priorities[1]);
    stop(&r.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_counted_listed_and_opened),
        cmocka_unit_test(adapters_answer_by_type_and_exact_size),
        cmocka_unit_test(unknown_requests_are_enotty),
        cmocka_unit_test(devices_own_contexts_and_paging_queues),
        cmocka_unit_test(a_create_gives_handles_and_driver_data),
        cmocka_unit_test(a_create_of_many_takes_all_or_none),
        cmocka_unit_test(refuses_no_allocations),
        cmocka_unit_test(refuses_too_many_allocations),
        cmocka_unit_test(refuses_elements_at_a_bad_pointer),
        cmocka_unit_test(refuses_private_data_of_a_packet),
        cmocka_unit_test(refuses_private_data_at_a_bad_pointer),
        cmocka_unit_test(refuses_runtime_data_at_a_bad_pointer),
        cmocka_unit_test(refuses_resource_data_at_a_bad_pointer),
        cmocka_unit_test(refuses_a_packet_too_large),
        cmocka_unit_test(refuses_existing_sections),
        cmocka_unit_test(refuses_protected),
        cmocka_unit_test(refuses_shared_without_resource),
        cmocka_unit_test(refuses_shared_without_nt_handle),
        cmocka_unit_test(refuses_an_unknown_device),
        cmocka_unit_test(refuses_an_adapter_for_a_device),
        cmocka_unit_test(refuses_an_unknown_resource),
        cmocka_unit_test(refuses_unaligned_memory),
        cmocka_unit_test(refuses_unknown_private_flags),
        cmocka_unit_test(refuses_private_size_0),
        cmocka_unit_test(refuses_more_than_there_is),
        cmocka_unit_test(refuses_more_local_memory_as_invalid),
        cmocka_unit_test(standard_refuses_a_null_pointer),
        cmocka_unit_test(standard_refuses_a_bad_pointer),
        cmocka_unit_test(standard_refuses_an_unknown_type),
        cmocka_unit_test(standard_refuses_no_memory),
        cmocka_unit_test(standard_refuses_unaligned_memory),
        cmocka_unit_test(standard_refuses_memory_without_flag),
        cmocka_unit_test(standard_refuses_cross_adapter_on_memory),
        cmocka_unit_test(standard_refuses_cross_adapter_with_flag),
        cmocka_unit_test(standard_refuses_size_0),
        cmocka_unit_test(standard_refuses_part_of_a_page),
        cmocka_unit_test(standard_refuses_private_data),
        cmocka_unit_test(standard_refuses_resource_data),
        cmocka_unit_test(type_is_told_before_size),
        cmocka_unit_test(count_is_told_before_pointer),
        cmocka_unit_test(pointer_is_told_before_device),
        cmocka_unit_test(device_is_told_before_private_data),
        cmocka_unit_test(section_is_told_before_device),
        cmocka_unit_test(a_packet_may_be_just_full),
        cmocka_unit_test(standard_allocations_live_in_system_memory),
        cmocka_unit_test(memory_runs_out_and_comes_back),
        cmocka_unit_test(destroy_takes_a_resource_or_a_list),
        cmocka_unit_test(allocations_of_a_shared_resource_go_together),
        cmocka_unit_test(devices_do_not_reach_into_each_other),
        cmocka_unit_test(handles_are_reused_with_another_unique),
        cmocka_unit_test(handles_belong_to_a_process),
        cmocka_unit_test(what_the_dead_held_comes_back_when_needed),
        cmocka_unit_test(a_death_under_the_lock_is_repaired),
        cmocka_unit_test(the_environment_is_understood_or_refused),
        cmocka_unit_test(faults_come_when_asked_for),
        cmocka_unit_test(a_delay_ends_when_its_caller_dies),
        cmocka_unit_test(a_removed_device_is_gone_but_can_be_left),
        cmocka_unit_test(host_statuses_become_errnos),
        cmocka_unit_test(threads_may_call_at_once),
        cmocka_unit_test(residency_is_counted_and_its_fence_signals),
        cmocka_unit_test(residency_of_what_is_wrong_is_refused),
        cmocka_unit_test(priorities_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
