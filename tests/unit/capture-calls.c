/* Captured calls: every member, element and byte of private data, from memory that ends at an unmapped page or is not there. */
#include "capture_harness.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FIRST_CREATE (&event_find(GA_ROW_d3dkmt_create_allocation, 0)->record.r_d3dkmt_create_allocation)
#define FIRST_DESTROY (&event_find(GA_ROW_d3dkmt_destroy_allocation, 0)->record.r_d3dkmt_destroy_allocation)
#define ALLOCATION(n) (&event_find(GA_ROW_d3dkmt_allocation, n)->record.r_d3dkmt_allocation)

/* The driver's side of a create: handles from 0x100 on, a resource, and the first byte of private data changed. */
static int creates(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    struct D3DKMT_CREATEALLOCATION *a = argument;
    for (uint32_t i = 0; i < a->NumAllocations; i++) {
        a->pAllocationInfo2[i].hAllocation = 0x100 + i;
        if (a->pAllocationInfo2[i].pPrivateDriverData)
            *(char *)a->pAllocationInfo2[i].pPrivateDriverData ^= 0x55;
    }
    a->hResource = 0xbeef;
    return 0;
}

static void create_keeps_every_member(void **state)
{
    (void)state;
    char private_data[24] = "private data of element", runtime[5] = "12345", driver[3] = "abc";
    struct D3DDDI_ALLOCATIONINFO2 info = {
        .hAllocation = 9, .pSystemMem = (void *)0x7000, .pPrivateDriverData = tail_copy(private_data, sizeof private_data),
        .PrivateDriverDataSize = sizeof private_data, .VidPnSourceId = 4, .Flags = 1, .GpuVirtualAddress = 0x123456789a,
        .Unused = 0xaabbccddeeff, .Reserved = {1, 2, 3, 4, 5}};
    struct D3DKMT_CREATEALLOCATION in = {
        .hDevice = 7, .hResource = 8, .hGlobalShare = 10, .pPrivateRuntimeData = tail_copy(runtime, sizeof runtime),
        .PrivateRuntimeDataSize = sizeof runtime, .pPrivateDriverData = tail_copy(driver, sizeof driver),
        .PrivateDriverDataSize = sizeof driver, .NumAllocations = 1, .pAllocationInfo2 = tail_copy(&info, sizeof info),
        .Flags = 1 | 1u << 22, .hPrivateRuntimeResourceHandle = 0xfeedfacecafe};
    answer = creates;
    assert_int_equal(hooked(dxg, CREATE, tail_copy(&in, sizeof in)), 0);

    const struct ga_d3dkmt_create_allocation *r = FIRST_CREATE;
    assert_int_equal(r->header.process, capture_process.instance);
    assert_int_equal(r->header.size, sizeof in);
    assert_int_equal(r->header.layer, GA_LAYER_IOCTL);
    assert_int_equal(r->header.marks, 0);
    assert_int_equal(r->header.tid, gettid());
    assert_true(r->header.begin && r->header.begin <= r->header.end);
    assert_int_equal(r->hDevice, 7);
    assert_int_equal(r->hResource, 8);
    assert_int_equal(r->hResource_out, 0xbeef);
    assert_int_equal(r->hGlobalShare, 10);
    assert_int_equal(r->hGlobalShare_out, 10);
    assert_int_equal(r->pPrivateRuntimeData, (uintptr_t)in.pPrivateRuntimeData);
    assert_blob(r->pPrivateRuntimeData_hash, runtime, sizeof runtime);
    assert_blob(r->pPrivateDriverData_hash, driver, sizeof driver);
    assert_int_equal(r->pPrivateDriverData_out_hash, r->pPrivateDriverData_hash);
    assert_int_equal(r->pStandardAllocation, 0);
    assert_int_equal(r->pStandardAllocation_captured, 0);
    assert_int_equal(r->NumAllocations, 1);
    assert_int_equal(r->pAllocationInfo2_captured, 1);
    assert_int_equal(r->Flags, 1 | 1u << 22);
    assert_int_equal(r->Flags_out, r->Flags);
    assert_int_equal(r->hPrivateRuntimeResourceHandle, 0xfeedfacecafe);

    const struct ga_d3dkmt_allocation *a = ALLOCATION(0);
    assert_int_equal(a->header.call, r->header.call);
    assert_int_equal(a->header.size, sizeof info);
    assert_int_equal(a->hAllocation, 0x100);
    assert_int_equal(a->pSystemMem, 0x7000);
    assert_int_equal(a->hSection, 0); /* the union's other arm */
    assert_blob(a->pPrivateDriverData_hash, private_data, sizeof private_data);
    private_data[0] ^= 0x55;
    assert_blob(a->pPrivateDriverData_out_hash, private_data, sizeof private_data);
    assert_int_equal(a->VidPnSourceId, 4);
    assert_int_equal(a->Flags, 1);
    assert_int_equal(a->GpuVirtualAddress_out, 0x123456789a);
    assert_int_equal(a->Priority, 0);
    assert_int_equal(a->Unused, 0xaabbccddeeff);
    assert_int_equal(a->Reserved4, 5);
}

static void a_thousand_elements_arrive_whole_and_in_order(void **state)
{
    (void)state;
    enum { COUNT = 1024, BYTES = 32 };
    struct D3DDDI_ALLOCATIONINFO2 *infos = tail_alloc(COUNT * sizeof *infos);
    unsigned char *data = tail_alloc(COUNT * BYTES), before[COUNT][BYTES];
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < BYTES; j++)
            data[i * BYTES + j] = before[i][j] = (unsigned char)(i * 7 + (i >> 8) * 31 + j);
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = data + i * BYTES, .PrivateDriverDataSize = BYTES};
    }
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 7, .NumAllocations = COUNT, .pAllocationInfo2 = infos};
    answer = creates;
    assert_int_equal(hooked(dxg, CREATE, &in), 0);
    assert_int_equal(event_number(GA_ROW_d3dkmt_allocation), COUNT);
    assert_int_equal(FIRST_CREATE->pAllocationInfo2_captured, COUNT);
    assert_int_equal(events[event_count - 1].row, GA_ROW_d3dkmt_create_allocation); /* the call's own event is its last */
    for (unsigned i = 0; i < COUNT; i++) {
        const struct ga_d3dkmt_allocation *a = ALLOCATION(i);
        assert_int_equal(a->header.index, i);
        assert_int_equal(a->hAllocation, 0x100 + i);
        assert_blob(a->pPrivateDriverData_hash, before[i], BYTES);
        assert_blob(a->pPrivateDriverData_out_hash, data + i * BYTES, BYTES);
    }
}

static void a_large_blob_arrives_in_pieces(void **state)
{
    (void)state;
    const uint32_t sizes[] = {100 * 1024, 100 * 1024 - 3, 3 * 1024 * 1024 + 1, 8192, 8193};
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned char *data = tail_alloc(sizes[s]);
        for (uint32_t i = 0; i < sizes[s]; i++)
            data[i] = (unsigned char)(i * 131 + (i >> 9) + s);
        struct D3DKMT_CREATEALLOCATION in = {.pPrivateDriverData = data, .PrivateDriverDataSize = sizes[s]};
        events_clear();
        assert_int_equal(hooked(dxg, CREATE, &in), 0);
        assert_int_equal(event_number(GA_ROW_gpualloc_blob), (sizes[s] + 8191) / 8192);
        assert_blob(FIRST_CREATE->pPrivateDriverData_hash, data, sizes[s]);
    }
}

static void equal_content_is_sent_once(void **state)
{
    (void)state;
    char data[64] = "the same";
    struct D3DKMT_CREATEALLOCATION in = {.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
    hooked(dxg, CREATE, &in);
    hooked(dxg, CREATE, &in);
    assert_int_equal(event_number(GA_ROW_gpualloc_blob), 1);
    process_rundown(); /* a new session has seen nothing */
    hooked(dxg, CREATE, &in);
    assert_int_equal(event_number(GA_ROW_gpualloc_blob), 2);
}

static void null_and_empty_are_told_apart(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.PrivateDriverDataSize = 5, .pPrivateRuntimeData = &in};
    hooked(dxg, CREATE, &in);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData_hash, GA_BLOB_NULL);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData_out_hash, GA_BLOB_NULL);
    assert_int_equal(FIRST_CREATE->pPrivateRuntimeData_hash, GA_BLOB_EMPTY);
    assert_int_equal(event_number(GA_ROW_gpualloc_blob), 0);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    assert_int_equal(hooked(dxg, CREATE, UNREADABLE), 0);
    assert_int_equal(answered, 1); /* the program's mistake is the kernel's to answer */
    assert_int_equal(FIRST_CREATE->header.marks, GA_MARK_UNREADABLE);
    assert_int_equal(FIRST_CREATE->header.size, sizeof(struct D3DKMT_CREATEALLOCATION));
    events_clear();

    struct D3DKMT_CREATEALLOCATION in = {
        .NumAllocations = 3, .pAllocationInfo2 = UNREADABLE, .pPrivateDriverData = UNREADABLE, .PrivateDriverDataSize = 4};
    assert_int_equal(hooked(dxg, CREATE, &in), 0);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData_hash, GA_BLOB_UNREADABLE);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData, (uintptr_t)UNREADABLE);
    assert_int_equal(FIRST_CREATE->NumAllocations, 3);
    assert_int_equal(FIRST_CREATE->pAllocationInfo2_captured, 0);
    assert_int_equal(event_number(GA_ROW_d3dkmt_allocation), 0);

    struct D3DKMT_DESTROYALLOCATION2 destroy = {.AllocationCount = 2, .phAllocationList = UNREADABLE};
    assert_int_equal(hooked(dxg, DESTROY, &destroy), 0);
    assert_int_equal(FIRST_DESTROY->AllocationCount, 2);
    assert_int_equal(FIRST_DESTROY->phAllocationList_length, 0);
}

/* A transfer stops at the first bad piece; those behind it must be read all the same. */
static void one_bad_pointer_spoils_no_other(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct D3DDDI_ALLOCATIONINFO2 infos[COUNT];
    uint32_t *data = tail_alloc(COUNT * sizeof *data);
    for (uint32_t i = 0; i < COUNT; i++) {
        data[i] = 0xabc000 + i;
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = i % 3 == 1 ? (void *)(data + COUNT - 1) : data + i,
                                                   .PrivateDriverDataSize = i % 3 == 1 ? 5 : 4}; /* 5: one byte too far */
    }
    struct D3DKMT_CREATEALLOCATION in = {.NumAllocations = COUNT, .pAllocationInfo2 = infos};
    assert_int_equal(hooked(dxg, CREATE, &in), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        if (i % 3 == 1)
            assert_int_equal(ALLOCATION(i)->pPrivateDriverData_hash, GA_BLOB_UNREADABLE);
        else
            assert_blob(ALLOCATION(i)->pPrivateDriverData_hash, &data[i], 4);
    }
}

static void too_much_is_refused_and_counted(void **state)
{
    (void)state;
    char *data = mmap(NULL, GA_BLOB_MAX + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct D3DKMT_CREATEALLOCATION in = {.pPrivateDriverData = data, .PrivateDriverDataSize = GA_BLOB_MAX + 1};
    row_disabled[GA_ROW_gpualloc_blob] = true; /* zeros by the MiB: the hash alone is asked for */
    hooked(dxg, CREATE, &in);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData_hash, GA_BLOB_REFUSED);
    assert_int_equal(event_number(GA_ROW_gpualloc_trouble), 1);
    in.PrivateDriverDataSize = GA_BLOB_MAX;
    events_clear();
    hooked(dxg, CREATE, &in);
    assert_true(FIRST_CREATE->pPrivateDriverData_hash >= GA_BLOB_FIRST_HASH);

    /* Elements that all name the same memory must not keep us busy for ever. */
    static struct D3DDDI_ALLOCATIONINFO2 infos[64];
    for (unsigned i = 0; i < 64; i++)
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = data, .PrivateDriverDataSize = GA_BLOB_MAX};
    in = (struct D3DKMT_CREATEALLOCATION){.NumAllocations = 64, .pAllocationInfo2 = infos};
    events_clear();
    hooked(dxg, CREATE, &in);
    assert_int_equal(ALLOCATION(63)->pPrivateDriverData_hash, GA_BLOB_REFUSED);

    /* A count that no driver accepts. */
    in = (struct D3DKMT_CREATEALLOCATION){.NumAllocations = UINT32_MAX, .pAllocationInfo2 = tail_alloc(96)};
    events_clear();
    hooked(dxg, CREATE, &in);
    assert_int_equal(FIRST_CREATE->NumAllocations, UINT32_MAX);
    assert_int_equal(FIRST_CREATE->pAllocationInfo2_captured, 0); /* 4096 elements are not there */
}

/* What the interface lets a pointer and its size be, of each kind of private data; the kernel refuses some, we record all. */
static void private_data_is_whole_in_every_state(void **state)
{
    (void)state;
    enum { PACKET = 128 * 1024 }; /* what one call may carry on WSL2 */
    unsigned char *data = tail_alloc(PACKET);
    for (uint32_t i = 0; i < PACKET; i++)
        data[i] = (unsigned char)(i * 13 + (i >> 8));
    const struct {
        void *pointer;
        uint32_t size;
        uint64_t hash; /* or, above the states: by content */
    } cases[] = {
        {NULL, 0, GA_BLOB_NULL},       {data, 0, GA_BLOB_EMPTY},
        {NULL, 24, GA_BLOB_NULL},      {data, PACKET, GA_BLOB_FIRST_HASH},
        {data + 1, PACKET - 1, GA_BLOB_FIRST_HASH}, {data, PACKET + 1, GA_BLOB_UNREADABLE},
        {UNREADABLE, 1, GA_BLOB_UNREADABLE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = cases[i].pointer, .PrivateDriverDataSize = cases[i].size};
        struct D3DKMT_CREATEALLOCATION in = {
            .pPrivateRuntimeData = cases[i].pointer, .PrivateRuntimeDataSize = cases[i].size, .pPrivateDriverData = cases[i].pointer,
            .PrivateDriverDataSize = cases[i].size, .NumAllocations = 1, .pAllocationInfo2 = &info};
        events_clear();
        blobs_forget();
        assert_int_equal(hooked(dxg, CREATE, &in), 0);
        const uint64_t hashes[] = {FIRST_CREATE->pPrivateRuntimeData_hash, FIRST_CREATE->pPrivateDriverData_hash,
                                   FIRST_CREATE->pPrivateDriverData_out_hash, ALLOCATION(0)->pPrivateDriverData_hash,
                                   ALLOCATION(0)->pPrivateDriverData_out_hash};
        for (unsigned h = 0; h < sizeof hashes / sizeof *hashes; h++)
            if (cases[i].hash < GA_BLOB_FIRST_HASH)
                assert_int_equal(hashes[h], cases[i].hash);
            else
                assert_blob(hashes[h], cases[i].pointer, cases[i].size);
        assert_int_equal(FIRST_CREATE->PrivateDriverDataSize, cases[i].size);
        assert_int_equal(ALLOCATION(0)->pPrivateDriverData, (uintptr_t)cases[i].pointer);
    }
}

static void ten_thousand_handles_arrive_whole(void **state)
{
    (void)state;
    enum { COUNT = 10240 };
    uint32_t *handles = tail_alloc(COUNT * sizeof *handles), *priorities = tail_alloc(COUNT * sizeof *priorities);
    for (uint32_t i = 0; i < COUNT; i++) {
        handles[i] = 0x40000000 + i;
        priorities[i] = i;
    }
    struct D3DDDI_MAKERESIDENT in = {.NumAllocations = COUNT, .AllocationList = handles, .PriorityList = priorities};
    hooked(dxg, DXG_IOCTL(0x0b, struct D3DDDI_MAKERESIDENT), &in);
    const struct ga_d3dkmt_make_resident *r = &event_find(GA_ROW_d3dkmt_make_resident, 0)->record.r_d3dkmt_make_resident;
    assert_int_equal(r->AllocationList_length, COUNT);
    assert_memory_equal(r->AllocationList_list, handles, COUNT * sizeof *handles);
    assert_int_equal(r->PriorityList_length, COUNT);
    assert_memory_equal(r->PriorityList_list, priorities, COUNT * sizeof *priorities);
    assert_int_equal(event_number(GA_ROW_gpualloc_trouble), 0);
}

static int fails_and_writes(int fd, unsigned long request, void *argument)
{
    struct D3DKMT_CREATEALLOCATION *a = argument;
    (void)creates(fd, request, argument);
    a->hDevice = 0xdead;
    errno = ENOMEM;
    return -1;
}

static void failed_call_has_no_outputs(void **state)
{
    (void)state;
    char data[4] = "abcd";
    struct D3DDDI_ALLOCATIONINFO2 info = {.hAllocation = 5, .pPrivateDriverData = data, .PrivateDriverDataSize = 4};
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 7, .hResource = 8, .NumAllocations = 1, .pAllocationInfo2 = &info};
    answer = fails_and_writes;
    errno = 0;
    assert_int_equal(hooked(dxg, CREATE, &in), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(FIRST_CREATE->header.ret, -1);
    assert_int_equal(FIRST_CREATE->header.error, ENOMEM);
    assert_int_equal(FIRST_CREATE->hDevice, 7); /* as it was before the call */
    assert_int_equal(ALLOCATION(0)->hAllocation, 0);
    assert_blob(ALLOCATION(0)->pPrivateDriverData_hash, "abcd", 4);
    assert_blob(ALLOCATION(0)->pPrivateDriverData_out_hash, data, 4); /* what came back is kept, whatever it is */
}

static int returns_a_status(int fd, unsigned long request, void *argument)
{
    (void)creates(fd, request, argument);
    errno = 77;
    return STATUS_INVALID_PARAMETER;
}

static void an_ntstatus_as_value_is_a_failure(void **state)
{
    (void)state;
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    struct D3DKMT_CREATEALLOCATION in = {.NumAllocations = 1, .pAllocationInfo2 = &info};
    answer = returns_a_status;
    assert_int_equal(hooked(dxg, CREATE, &in), STATUS_INVALID_PARAMETER);
    assert_int_equal(errno, 77);
    assert_int_equal(FIRST_CREATE->header.ret, STATUS_INVALID_PARAMETER);
    assert_int_equal(FIRST_CREATE->header.error, 0);
    assert_int_equal(ALLOCATION(0)->hAllocation, 0);
}

static void standard_allocation_is_the_other_arm(void **state)
{
    (void)state;
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = 1, .ExistingHeapData = {.Size = 65536}, .Flags = 2};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = (void *)0x1000};
    struct D3DKMT_CREATEALLOCATION in = {.Flags = 1u << 16, .pStandardAllocation = tail_copy(&standard, sizeof standard),
                                         .NumAllocations = 1, .pAllocationInfo2 = &info, .PrivateDriverDataSize = 50};
    hooked(dxg, CREATE, &in);
    assert_int_equal(FIRST_CREATE->pStandardAllocation, (uintptr_t)in.pStandardAllocation);
    assert_int_equal(FIRST_CREATE->pStandardAllocation_captured, 1);
    assert_int_equal(FIRST_CREATE->pPrivateDriverData, 0);
    const struct ga_d3dkmt_standard_allocation *s =
        &event_find(GA_ROW_d3dkmt_standard_allocation, 0)->record.r_d3dkmt_standard_allocation;
    assert_int_equal(s->Type, 1);
    assert_int_equal(s->ExistingHeapData_Size, 65536);
    assert_int_equal(s->Flags, 2);
    assert_int_equal(event_number(GA_ROW_gpualloc_blob), 0);
}

static void destroy_keeps_its_list(void **state)
{
    (void)state;
    uint32_t handles[3] = {0x40, 0x80, 0xc0};
    struct D3DKMT_DESTROYALLOCATION2 in = {
        .hDevice = 1, .phAllocationList = tail_copy(handles, sizeof handles), .AllocationCount = 3, .Flags = 2};
    hooked(dxg, DESTROY, tail_copy(&in, sizeof in));
    assert_int_equal(FIRST_DESTROY->phAllocationList_length, 3);
    assert_memory_equal(event_find(GA_ROW_d3dkmt_destroy_allocation, 0)->list, handles, sizeof handles);
    assert_int_equal(FIRST_DESTROY->Flags, 2);
}

static int enumerates(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    struct D3DKMT_ENUMADAPTERS2 *a = argument;
    a->NumAdapters = 2;
    for (uint32_t i = 0; a->pAdapters && i < 2; i++)
        a->pAdapters[i] = (struct D3DKMT_ADAPTERINFO){.hAdapter = 0x40 + i, .AdapterLuid = {i, -1}};
    return 0;
}

/* pAdapters has room for more than came back, and only what came back is read: here the rest is unmapped. */
static void outputs_are_as_many_as_the_call_says(void **state)
{
    (void)state;
    const unsigned long request = DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2);
    struct D3DKMT_ENUMADAPTERS2 in = {.NumAdapters = 8, .pAdapters = tail_alloc(2 * sizeof(struct D3DKMT_ADAPTERINFO))};
    answer = enumerates;
    hooked(dxg, request, &in);
    const struct ga_d3dkmt_enum_adapters2 *r =
        &event_find(GA_ROW_d3dkmt_enum_adapters2, 0)->record.r_d3dkmt_enum_adapters2;
    assert_int_equal(r->NumAdapters, 8);
    assert_int_equal(r->NumAdapters_out, 2);
    assert_int_equal(r->pAdapters_captured, 2);
    assert_int_equal(event_find(GA_ROW_d3dkmt_adapter_info, 1)->record.r_d3dkmt_adapter_info.hAdapter, 0x41);
    assert_int_equal(event_find(GA_ROW_d3dkmt_adapter_info, 1)->record.r_d3dkmt_adapter_info.AdapterLuid_HighPart, -1);
    events_clear();
    in = (struct D3DKMT_ENUMADAPTERS2){0};
    hooked(dxg, request, &in);
    r = &event_find(GA_ROW_d3dkmt_enum_adapters2, 0)->record.r_d3dkmt_enum_adapters2;
    assert_int_equal(r->NumAdapters_out, 2);
    assert_int_equal(r->pAdapters_captured, 0);
}

/* An older or newer kernel's structure: what is not passed is absent, what is not known is not touched. */
static void the_requests_own_size_counts(void **state)
{
    (void)state;
    const unsigned size = offsetof(struct D3DKMT_CREATEALLOCATION, Flags);
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 7, .Flags = 1u << 16, .hPrivateRuntimeResourceHandle = 5};
    hooked(dxg, _IOC(_IOC_READ | _IOC_WRITE, 'G', 0x06, size), tail_copy(&in, size));
    assert_int_equal(FIRST_CREATE->header.size, size);
    assert_int_equal(FIRST_CREATE->header.marks, 0);
    assert_int_equal(FIRST_CREATE->hDevice, 7);
    assert_int_equal(FIRST_CREATE->Flags, 0);
    assert_int_equal(FIRST_CREATE->hPrivateRuntimeResourceHandle, 0);
    events_clear();
    hooked(dxg, _IOC(_IOC_READ | _IOC_WRITE, 'G', 0x06, 4000), tail_copy(&in, sizeof in));
    assert_int_equal(FIRST_CREATE->header.size, sizeof in);
    assert_int_equal(FIRST_CREATE->hPrivateRuntimeResourceHandle, 5);
}

static void calls_are_numbered_without_gaps(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {0};
    struct D3DKMT_DESTROYALLOCATION2 destroy = {0};
    hooked(dxg, CREATE, &in);
    uint64_t first = FIRST_CREATE->header.call;
    row_disabled[GA_ROW_d3dkmt_create_allocation] = true; /* not recorded in any session: no number either */
    hooked(dxg, CREATE, &in);
    hooked(dxg, DESTROY, &destroy);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
    assert_int_equal(FIRST_DESTROY->header.call, first + 1);
    assert_int_equal(answered, 3);
}

static int attempts;
static int interrupted_twice(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    (void)argument;
    errno = attempts == 0 ? EINTR : EAGAIN;
    return attempts++ < 2 ? -1 : 0;
}

static void each_attempt_is_a_call_and_retries_are_marked(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {0};
    answer = interrupted_twice;
    attempts = 0;
    for (unsigned i = 0; i < 4; i++)
        hooked(dxg, CREATE, &in);
    static const uint8_t marks[] = {0, GA_MARK_RETRY, GA_MARK_RETRY, 0};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(event_find(GA_ROW_d3dkmt_create_allocation, i)->record.header.marks, marks[i]);
    /* Another call between is no retry. */
    attempts = 0;
    events_clear();
    hooked(dxg, CREATE, &in);
    struct D3DKMT_DESTROYALLOCATION2 destroy = {0};
    hooked(dxg, DESTROY, &destroy);
    hooked(dxg, CREATE, &in);
    assert_int_equal(event_find(GA_ROW_d3dkmt_create_allocation, 1)->record.header.marks, 0);
}

/* --- DRM ----------------------------------------------------------------------------------------------------------------- */

static int exports(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    struct drm_prime_handle *prime = argument;
    prime->fd = memfd_create("dma-buf", 0);
    return 0;
}

static void drm_calls_carry_file_device_and_inode(void **state)
{
    (void)state;
    int card = device_open("virtio_gpu-57857");
    struct drm_prime_handle prime = {.handle = 5, .flags = 1u << 19, .fd = -1};
    answer = exports;
    hooked(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
    const struct ga_drm_prime_handle_to_fd *r =
        &event_find(GA_ROW_drm_prime_handle_to_fd, 0)->record.r_drm_prime_handle_to_fd;
    struct stat status;
    assert_int_equal(fstat(prime.fd, &status), 0);
    assert_int_equal(r->dma_buf, status.st_ino);
    assert_int_equal(r->fd, prime.fd);
    assert_int_equal(r->header.device, 57857);
    assert_int_equal(r->header.file, event_find(GA_ROW_gpualloc_file, 0)->record.r_gpualloc_file.file);
    assert_string_equal(event_find(GA_ROW_gpualloc_file, 0)->record.r_gpualloc_file.driver, "virtio_gpu");
    close(prime.fd);
    hooked_close(card);
}

static void driver_requests_mean_nothing_on_another_driver(void **state)
{
    (void)state;
    int radeon = device_open("radeon-3"), qxl = device_open("qxl-4");
    struct drm_radeon_gem_create create = {.size = 4096, .initial_domain = 4};
    answer = NULL;
    hooked(radeon, DRM_IOCTL_RADEON_GEM_CREATE, &create);
    hooked(qxl, DRM_IOCTL_RADEON_GEM_CREATE, &create); /* no row of qxl */
    assert_int_equal(event_number(GA_ROW_drm_radeon_gem_create), 1);
    assert_int_equal(event_number(GA_ROW_gpualloc_untraced), 1);
    hooked_close(radeon);
    hooked_close(qxl);
}

static void requests_without_a_row_are_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        hooked(dxg, DXG_IOCTL(0x46, uint64_t), &i);
    assert_int_equal(event_number(GA_ROW_gpualloc_untraced), 3); /* 1, 2, 4 */
    const struct ga_gpualloc_untraced *last = &event_find(GA_ROW_gpualloc_untraced, 2)->record.r_gpualloc_untraced;
    assert_int_equal(last->count, 4);
    assert_int_equal(last->request, (uint32_t)DXG_IOCTL(0x46, uint64_t));
    process_finish();
    assert_int_equal(event_find(GA_ROW_gpualloc_untraced, 3)->record.r_gpualloc_untraced.count, 5);
}

/* --- a sandbox ----------------------------------------------------------------------------------------------------------- */

/* Forbids process_vm_readv and captures a call whose private data is on the heap; exit status 0 when it is said as it should. */
static int in_a_sandbox(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 77;
    char *data = malloc(16);
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 3, .pPrivateDriverData = data, .PrivateDriverDataSize = 16};
    if (hooked(dxg, CREATE, &in) != 0 || !event_find(GA_ROW_d3dkmt_create_allocation, 0))
        return 1;
    if (FIRST_CREATE->hDevice != 3 || FIRST_CREATE->pPrivateDriverData_hash != GA_BLOB_REFUSED)
        return 2;
    return event_number(GA_ROW_gpualloc_trouble) ? 0 : 3;
}

static void a_sandbox_is_said_in_the_trace(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(in_a_sandbox());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_keeps_every_member),
        TEST(a_thousand_elements_arrive_whole_and_in_order),
        TEST(a_large_blob_arrives_in_pieces),
        TEST(equal_content_is_sent_once),
        TEST(null_and_empty_are_told_apart),
        TEST(what_cannot_be_read_is_said),
        TEST(one_bad_pointer_spoils_no_other),
        TEST(too_much_is_refused_and_counted),
        TEST(private_data_is_whole_in_every_state),
        TEST(ten_thousand_handles_arrive_whole),
        TEST(failed_call_has_no_outputs),
        TEST(an_ntstatus_as_value_is_a_failure),
        TEST(standard_allocation_is_the_other_arm),
        TEST(destroy_keeps_its_list),
        TEST(outputs_are_as_many_as_the_call_says),
        TEST(the_requests_own_size_counts),
        TEST(calls_are_numbered_without_gaps),
        TEST(each_attempt_is_a_call_and_retries_are_marked),
        TEST(drm_calls_carry_file_device_and_inode),
        TEST(driver_requests_mean_nothing_on_another_driver),
        TEST(requests_without_a_row_are_counted),
        TEST(a_sandbox_is_said_in_the_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
