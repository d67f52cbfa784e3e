/*
 * softgpu's GPU addresses keep the rules of the reference: what may be reserved, mapped, freed and updated where, and what a mapping
 * leads to afterwards.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "softgpu-process.h"

enum { PAGE = 4096, ALIGNED = 0x10000 };
#define UNTOUCHED 0x7777777777777777ull

struct process {
    struct fixture f;
    D3DKMT_HANDLE queue, allocation; /* of 16 pages */
    const uint64_t *fence;
};

static D3DKMT_HANDLE allocate(struct fixture *f, uint32_t pages)
{
    struct creation c;
    prepare(&c, f, 0);
    c.data.size = (uint64_t)pages * PAGE;
    assert_int_equal(create(f, &c), 0);
    return c.info.hAllocation;
}

static struct process start_process(void)
{
    struct process p = {.f = start_with_device(&one_gib)};
    p.queue = create_queue(&p.f, &p.fence);
    p.allocation = allocate(&p.f, 16);
    return p;
}

/* Reserves; the address or, when it fails, the result's in *result. */
static uint64_t reserve(struct process *p, uint64_t base, uint64_t minimum, uint64_t maximum, uint64_t size, long *result)
{
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS args = {.hAdapter = p->f.adapter, .BaseAddress = base, .MinimumAddress = minimum,
                                                   .MaximumAddress = maximum, .Size = size, .VirtualAddress = UNTOUCHED};
    *result = CALL(&p->f, 0x08, &args);
    return args.VirtualAddress;
}

static uint64_t reserve_well(struct process *p, uint64_t base, uint64_t size)
{
    long result;
    uint64_t address = reserve(p, base, 0, 0, size, &result);
    assert_int_equal(result, 0);
    return address;
}

static struct D3DDDI_MAPGPUVIRTUALADDRESS mapping(const struct process *p, uint64_t base, uint64_t offset_pages, uint64_t pages)
{
    return (struct D3DDDI_MAPGPUVIRTUALADDRESS){.hPagingQueue = p->queue, .BaseAddress = base, .hAllocation = p->allocation,
                                                .OffsetInPages = offset_pages, .SizeInPages = pages,
                                                .Protection = D3DDDIGPUVIRTUALADDRESS_PROTECTION_Write,
                                                .VirtualAddress = UNTOUCHED, .PagingFenceValue = UNTOUCHED};
}

static uint64_t map(struct process *p, uint64_t base, uint64_t offset_pages, uint64_t pages)
{
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(p, base, offset_pages, pages);
    assert_int_equal(CALL(&p->f, 0x0c, &args), STATUS_PENDING);
    return args.VirtualAddress;
}

static long unreserve(struct process *p, uint64_t base, uint64_t size)
{
    struct D3DKMT_FREEGPUVIRTUALADDRESS args = {.hAdapter = p->f.adapter, .BaseAddress = base, .Size = size};
    return CALL(&p->f, 0x20, &args);
}

/* The page of which allocation lies at an address: allocation's handle in *handle, or -1. */
static int64_t page_at(struct process *p, uint64_t address, D3DKMT_HANDLE *handle)
{
    uint64_t offset;
    bool found = softgpu_va_find(p->f.gpu, p->f.place, 0, address, handle, &offset);
    return found ? (int64_t)(offset / PAGE) : -1;
}

#define assert_page(p, address, page)                                                                                       \
    do {                                                                                                                    \
        D3DKMT_HANDLE found_handle = 0;                                                                                     \
        assert_int_equal(page_at(p, address, &found_handle), page);                                                         \
        if ((page) != -1)                                                                                                   \
            assert_int_equal(found_handle, (p)->allocation);                                                                \
    } while (0)

/* ---- Reserve and free ----------------------------------------------------------------------------------------------------- */

static void reserve_gives_aligned_addresses_that_do_not_overlap(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t last = 0;
    for (int i = 1; i < 50; i++) {
        uint64_t address = reserve_well(&p, 0, (uint64_t)i * ALIGNED);
        assert_int_equal(address % ALIGNED, 0);
        assert_true(address > last);
        last = address + (uint64_t)i * ALIGNED - 1;
    }
    stop(&p.f);
}

static void reserve_takes_a_paging_queue_for_the_adapter(void **state)
{
    (void)state;
    struct process p = start_process();
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS args = {.hPagingQueue = p.queue, .Size = ALIGNED, .PagingFenceValue = UNTOUCHED};
    assert_int_equal(CALL(&p.f, 0x08, &args), 0);
    assert_int_not_equal(args.VirtualAddress, 0);
    assert_int_equal(args.PagingFenceValue, UNTOUCHED); /* dxgkrnl hands back the address alone */
    args.hAdapter = p.f.device;
    assert_int_equal(CALL(&p.f, 0x08, &args), -EINVAL);
    stop(&p.f);
}

static void reserve_at_a_base_fails_where_it_is_not_free(void **state)
{
    (void)state;
    struct process p = start_process();
    long result;
    assert_int_equal(reserve_well(&p, 16 * ALIGNED, 4 * ALIGNED), 16 * ALIGNED);
    static const struct {
        uint64_t base, size;
    } taken[] = {{16, 4}, {16, 1}, {19, 1}, {15, 2}, {19, 2}, {15, 6}, {17, 2}};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_int_equal(reserve(&p, taken[i].base * ALIGNED, 0, 0, taken[i].size * ALIGNED, &result), UNTOUCHED);
        assert_int_equal(result, -EINVAL);
    }
    reserve_well(&p, 15 * ALIGNED, ALIGNED); /* right before and right behind */
    reserve_well(&p, 20 * ALIGNED, ALIGNED);
    stop(&p.f);
}

static void reserve_stays_between_minimum_and_maximum(void **state)
{
    (void)state;
    struct process p = start_process();
    long result;
    for (int i = 0; i < 2; i++) {
        uint64_t address = reserve(&p, 0, 100 * ALIGNED, 104 * ALIGNED, 2 * ALIGNED, &result);
        assert_int_equal(result, 0);
        assert_in_range(address, 100 * ALIGNED, 102 * ALIGNED);
    }
    reserve(&p, 0, 100 * ALIGNED, 104 * ALIGNED, ALIGNED, &result);
    assert_int_equal(result, -ENOMEM); /* full */
    reserve(&p, 0, 0, 4 * ALIGNED, 5 * ALIGNED, &result);
    assert_int_equal(result, -EINVAL); /* never fits */
    reserve(&p, 0, 8 * ALIGNED, 4 * ALIGNED, ALIGNED, &result);
    assert_int_equal(result, -EINVAL);
    assert_int_equal(reserve(&p, 0, 0, 4 * ALIGNED, ALIGNED, &result), ALIGNED); /* only a maximum: from the lowest on */
    reserve(&p, 200 * ALIGNED, 1, 2, ALIGNED, &result); /* with a base the bounds are not looked at */
    assert_int_equal(result, 0);
    stop(&p.f);
}

static void reserve_refuses_what_is_not_aligned(void **state)
{
    (void)state;
    struct process p = start_process();
    static const uint64_t wrong[][4] = {{PAGE, 0, 0, ALIGNED},    {0, PAGE, 0, ALIGNED},         {0, 0, ALIGNED + PAGE, ALIGNED},
                                        {0, 0, 0, PAGE},          {0, 0, 0, 0},                  {0, 0, 0, 1ull << 49},
                                        {1ull << 48, 0, 0, ALIGNED}, {-(uint64_t)ALIGNED, 0, 0, 2 * ALIGNED}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        long result;
        assert_int_equal(reserve(&p, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], &result), UNTOUCHED);
        assert_int_equal(result, -EINVAL);
    }
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS args = {.hAdapter = p.f.adapter, .Size = ALIGNED, .ReservationType = 3};
    assert_int_equal(CALL(&p.f, 0x08, &args), -EINVAL);
    args.ReservationType = 2;
    assert_int_equal(CALL(&p.f, 0x08, &args), 0);
    stop(&p.f);
}

static void a_reserve_that_cannot_tell_its_address_is_undone(void **state)
{
    (void)state;
    struct process p = start_process();
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS args = {.hAdapter = p.f.adapter, .BaseAddress = ALIGNED, .Size = ALIGNED};
    unwritable = (uintptr_t)&args.VirtualAddress;
    assert_int_equal(CALL(&p.f, 0x08, &args), -EFAULT);
    unwritable = UINT64_MAX;
    assert_int_equal(CALL(&p.f, 0x08, &args), 0);
    stop(&p.f);
}

static void free_takes_a_whole_range(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t address = reserve_well(&p, 0, 4 * ALIGNED);
    assert_int_equal(unreserve(&p, address, ALIGNED), -EINVAL);
    assert_int_equal(unreserve(&p, address + ALIGNED, 3 * ALIGNED), -EINVAL);
    assert_int_equal(unreserve(&p, address, 5 * ALIGNED), -EINVAL);
    assert_int_equal(unreserve(&p, address + 8 * ALIGNED, ALIGNED), -EINVAL);
    assert_int_equal(unreserve(&p, address + 1, 4 * ALIGNED), -EINVAL);
    assert_int_equal(unreserve(&p, address, 0), -EINVAL);
    assert_int_equal(unreserve(&p, address, 4 * ALIGNED), 0);
    assert_int_equal(unreserve(&p, address, 4 * ALIGNED), -EINVAL);
    struct D3DKMT_FREEGPUVIRTUALADDRESS args = {.hAdapter = p.queue, .BaseAddress = address, .Size = 4 * ALIGNED};
    assert_int_equal(CALL(&p.f, 0x20, &args), -EINVAL); /* a queue won't do here */
    stop(&p.f);
}

static void freed_addresses_are_given_out_again(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t first = reserve_well(&p, 0, ALIGNED), second = reserve_well(&p, 0, ALIGNED), third = reserve_well(&p, 0, ALIGNED);
    assert_int_equal(unreserve(&p, second, ALIGNED), 0);
    assert_true(reserve_well(&p, 0, 2 * ALIGNED) > third); /* too large for the gap */
    assert_int_equal(reserve_well(&p, 0, ALIGNED), second);
    assert_int_equal(unreserve(&p, first, ALIGNED), 0);
    assert_int_equal(reserve_well(&p, 0, ALIGNED), first);
    stop(&p.f);
}

/* ---- Map ------------------------------------------------------------------------------------------------------------------ */

static void map_chooses_a_place_and_is_pending(void **state)
{
    (void)state;
    struct process p = start_process();
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, 0, 2, 3);
    assert_int_equal(CALL(&p.f, 0x0c, &args), STATUS_PENDING);
    assert_int_equal(args.PagingFenceValue, 1);
    assert_int_equal(*p.fence, 1);
    assert_page(&p, args.VirtualAddress, 2);
    assert_page(&p, args.VirtualAddress + 3 * PAGE - 1, 4);
    assert_page(&p, args.VirtualAddress + 3 * PAGE, -1);
    assert_page(&p, args.VirtualAddress - 1, -1);
    uint64_t second = map(&p, 0, 0, 1); /* the same allocation at two addresses */
    assert_int_not_equal(second, args.VirtualAddress);
    assert_page(&p, second, 0);
    assert_int_equal(unreserve(&p, args.VirtualAddress, 3 * PAGE), 0);
    assert_page(&p, args.VirtualAddress, -1);
    assert_page(&p, second, 0);
    stop(&p.f);
}

static void map_goes_into_a_reserved_range_or_a_free_place(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t range = reserve_well(&p, 32 * ALIGNED, ALIGNED);
    assert_int_equal(map(&p, range + 4 * PAGE, 0, 4), range + 4 * PAGE);
    assert_page(&p, range + 4 * PAGE, 0);
    assert_page(&p, range, -1);
    assert_int_equal(map(&p, 40 * ALIGNED, 0, 1), 40 * ALIGNED); /* free: held from now on */
    long result;
    reserve(&p, 40 * ALIGNED, 0, 0, ALIGNED, &result);
    assert_int_equal(result, -EINVAL);
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, range + ALIGNED - PAGE, 0, 2); /* half in a range, half not */
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    assert_int_equal(args.VirtualAddress, UNTOUCHED);
    assert_int_equal(args.PagingFenceValue, UNTOUCHED);
    args = mapping(&p, range - PAGE, 0, 2);
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    stop(&p.f);
}

static void map_replaces_what_was_mapped_there(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t range = reserve_well(&p, 0, ALIGNED);
    map(&p, range, 0, 12);
    map(&p, range + 4 * PAGE, 15, 1); /* cuts it in two */
    static const int expected[13] = {0, 1, 2, 3, 15, 5, 6, 7, 8, 9, 10, 11, -1};
    for (uint32_t i = 0; i < 13; i++)
        assert_page(&p, range + i * PAGE, expected[i]);
    map(&p, range + 2 * PAGE, 8, 4); /* over the end of one, all of one and the begin of one */
    static const int after[13] = {0, 1, 8, 9, 10, 11, 6, 7, 8, 9, 10, 11, -1};
    for (uint32_t i = 0; i < 13; i++)
        assert_page(&p, range + i * PAGE, after[i]);
    stop(&p.f);
}

static void map_refuses_more_than_the_allocation_has(void **state)
{
    (void)state;
    struct process p = start_process();
    static const uint64_t wrong[][2] = {{0, 17}, {1, 16}, {16, 1}, {17, 1}, {0, 0}, {1ull << 60, 1}, {0, 1ull << 52}, {~0ull, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, 0, wrong[i][0], wrong[i][1]);
        assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    }
    assert_int_equal(*p.fence, 0);
    map(&p, 0, 15, 1);
    map(&p, 0, 0, 16);
    stop(&p.f);
}

static void map_refuses_wrong_protections_and_addresses(void **state)
{
    (void)state;
    struct process p = start_process();
    static const uint64_t protections[] = {D3DDDIGPUVIRTUALADDRESS_PROTECTION_Zero, D3DDDIGPUVIRTUALADDRESS_PROTECTION_NoAccess,
                                           D3DDDIGPUVIRTUALADDRESS_PROTECTION_SystemUseOnly, 1 << 5, 1ull << 63};
    for (size_t i = 0; i < sizeof protections / sizeof *protections; i++) { /* none goes with an allocation */
        struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, 0, 0, 1);
        args.Protection = protections[i];
        assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    }
    static const uint64_t places[][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, ALIGNED + 1}, {(1ull << 48), 0, 0}, {0, 0, PAGE}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, places[i][0], 0, 2);
        args.MinimumAddress = places[i][1];
        args.MaximumAddress = places[i][2];
        assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    }
    stop(&p.f);
}

static void map_without_an_allocation_takes_the_mapping_away(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t range = map(&p, 0, 0, 4);
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, range + PAGE, 0, 2);
    args.hAllocation = 0;
    args.Protection = D3DDDIGPUVIRTUALADDRESS_PROTECTION_Zero;
    assert_int_equal(CALL(&p.f, 0x0c, &args), STATUS_PENDING);
    assert_page(&p, range, 0);
    assert_page(&p, range + PAGE, -1);
    assert_page(&p, range + 3 * PAGE, 3);
    args.Protection |= D3DDDIGPUVIRTUALADDRESS_PROTECTION_NoAccess; /* it can't be both */
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    stop(&p.f);
}

static void map_looks_at_the_queue_and_the_allocation(void **state)
{
    (void)state;
    struct process p = start_process();
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = mapping(&p, 0, 0, 1);
    args.hPagingQueue = p.f.device;
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    args = mapping(&p, 0, 0, 1);
    args.hAllocation = p.queue;
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EINVAL);
    args = mapping(&p, 0, 0, 1);
    unwritable = (uintptr_t)&args.VirtualAddress;
    assert_int_equal(CALL(&p.f, 0x0c, &args), -EFAULT);
    unwritable = UINT64_MAX;
    assert_int_equal(*p.fence, 0);
    stop(&p.f);
}

static void mappings_end_with_their_allocation_and_ranges_stay(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE other = allocate(&p.f, 4), handle;
    uint64_t range = map(&p, 0, 0, 16);
    D3DKMT_HANDLE first = p.allocation;
    p.allocation = other;
    map(&p, range + 4 * PAGE, 0, 2);
    assert_int_equal(destroy(&p.f, 0, &first, 1), 0);
    assert_int_equal(page_at(&p, range, &handle), -1);
    assert_int_equal(page_at(&p, range + 8 * PAGE, &handle), -1);
    assert_page(&p, range + 5 * PAGE, 1);
    assert_int_equal(unreserve(&p, range, 16 * PAGE), 0);
    stop(&p.f);
}

static void spaces_are_each_process_s_own_and_end_with_it(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t range = map(&p, 0, 0, 4);
    struct process q = p;
    softgpu_lock(p.f.gpu);
    q.f.place = softgpu_process_enter(p.f.gpu, 200, 2);
    softgpu_unlock(p.f.gpu);
    open_device(&q.f);
    assert_int_equal(reserve_well(&q, range, ALIGNED), range);
    D3DKMT_HANDLE handle;
    assert_int_equal(page_at(&q, range, &handle), -1);
    softgpu_lock(p.f.gpu);
    softgpu_process_leave(p.f.gpu, 100, 1);
    p.f.place = softgpu_process_enter(p.f.gpu, 100, 1);
    softgpu_unlock(p.f.gpu);
    open_device(&p.f);
    assert_int_equal(page_at(&p, range, &handle), -1);
    assert_int_equal(reserve_well(&p, range, ALIGNED), range);
    stop(&p.f);
}

/* ---- Update --------------------------------------------------------------------------------------------------------------- */

struct update {
    struct process p;
    struct D3DKMT_UPDATEGPUVIRTUALADDRESS args;
    struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operations[4];
    uint64_t range;
    const uint64_t *fence; /* stands at 5, as the updates wait for it */
};

/* A range of 16 pages with a context and a fence to order updates by. */
static void start_update(struct update *u)
{
    *u = (struct update){.p = start_process()};
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = u->p.f.device};
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {
        .hDevice = u->p.f.device, .Info = {.Type = D3DDDI_MONITORED_FENCE, .MonitoredFence.InitialFenceValue = 5}};
    assert_int_equal(CALL(&u->p.f, 0x04, &context), 0);
    assert_int_equal(CALL(&u->p.f, 0x10, &fence), 0);
    u->fence = fence.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    u->range = reserve_well(&u->p, 0, ALIGNED);
    u->args = (struct D3DKMT_UPDATEGPUVIRTUALADDRESS){.hDevice = u->p.f.device, .hContext = context.hContext,
                                                      .hFenceObject = fence.hSyncObject, .NumOperations = 1,
                                                      .Operations = u->operations, .FenceValue = 5};
}

static void set_map(struct update *u, int i, uint32_t page, uint32_t pages, uint32_t from, uint32_t period)
{
    u->operations[i] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP,
        .Map = {.BaseAddress = u->range + (uint64_t)page * PAGE, .SizeInBytes = (uint64_t)pages * PAGE, .hAllocation = u->p.allocation,
                .AllocationOffsetInBytes = (uint64_t)from * PAGE, .AllocationSizeInBytes = (uint64_t)period * PAGE}};
}

static void expect_pages(struct update *u, const int expected[16])
{
    for (uint32_t i = 0; i < 16; i++)
        assert_page(&u->p, u->range + i * PAGE, expected[i]);
}

static void update_maps_unmaps_and_copies_in_order(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    set_map(&u, 0, 0, 8, 4, 8);
    u.operations[1] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP,
        .Unmap = {.BaseAddress = u.range + 2 * PAGE, .SizeInBytes = PAGE, .Protection = D3DDDIGPUVIRTUALADDRESS_PROTECTION_Zero}};
    u.operations[2] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY,
        .Copy = {.SourceAddress = u.range + PAGE, .SizeInBytes = 4 * PAGE, .DestAddress = u.range + 10 * PAGE}};
    u.operations[3] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT,
        .MapProtect = {.BaseAddress = u.range + 7 * PAGE, .SizeInBytes = PAGE, .hAllocation = u.p.allocation,
                       .AllocationOffsetInBytes = 0, .AllocationSizeInBytes = PAGE}};
    u.args.NumOperations = 4;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    assert_int_equal(u.args.FenceValue, 5);
    assert_int_equal(*u.fence, 6);
    expect_pages(&u, (const int[16]){4, 5, -1, 7, 8, 9, 10, 0, -1, -1, 5, -1, 7, 8, -1, -1});
    stop(&u.p.f);
}

static void update_signals_when_what_it_waits_for_has_come(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    set_map(&u, 0, 0, 1, 0, 1);
    u.args.FenceValue = 10;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    assert_int_equal(*u.fence, 5);
    uint64_t value = 10;
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {
        .hDevice = u.p.f.device, .ObjectCount = 1, .ObjectHandleArray = &u.args.hFenceObject, .FenceValueArray = &value};
    assert_int_equal(CALL(&u.p.f, 0x31, &signal), 0);
    assert_int_equal(*u.fence, 11);
    u.args.FenceValue = 20;
    u.args.Flags = D3DKMT_UPDATEGPUVIRTUALADDRESS_DoNotWait;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    assert_int_equal(*u.fence, 21);
    stop(&u.p.f);
}

static void update_copies_over_itself(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    set_map(&u, 0, 0, 4, 0, 4);
    u.operations[1] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY,
        .Copy = {.SourceAddress = u.range, .SizeInBytes = 4 * PAGE, .DestAddress = u.range + 2 * PAGE}};
    u.args.NumOperations = 2;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    expect_pages(&u, (const int[16]){0, 1, 0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1});
    stop(&u.p.f);
}

static void update_repeats_a_short_piece_of_an_allocation(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    set_map(&u, 0, 1, 6, 3, 2);
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    expect_pages(&u, (const int[16]){-1, 3, 4, 3, 4, 3, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1});
    set_map(&u, 0, 1, 5, 3, 2); /* not a whole number of times */
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    stop(&u.p.f);
}

static void update_makes_all_or_nothing(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    u.args.NumOperations = 2;
    struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION wrong[7];
    memset(wrong, 0, sizeof wrong);
    set_map(&u, 1, 15, 2, 0, 2); /* over the range's end */
    wrong[0] = u.operations[1];
    set_map(&u, 1, 0, 1, 16, 1); /* over the allocation's */
    wrong[1] = u.operations[1];
    wrong[2].OperationType = 4;
    wrong[3] = wrong[1];
    wrong[3].Map.AllocationOffsetInBytes = 0;
    wrong[3].Map.hAllocation = 0;
    wrong[4] = wrong[3];
    wrong[4].Map.hAllocation = u.p.queue;
    wrong[5] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP,
                                                                 .Unmap = {.BaseAddress = u.range + 1, .SizeInBytes = PAGE}};
    wrong[6] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
        .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY,
        .Copy = {.SourceAddress = u.range, .SizeInBytes = PAGE, .DestAddress = u.range + ALIGNED}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        set_map(&u, 0, 0, 4, 0, 4);
        u.operations[1] = wrong[i];
        assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
        assert_page(&u.p, u.range, -1);
    }
    stop(&u.p.f);
}

static void update_looks_at_its_handles_and_its_count(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    set_map(&u, 0, 0, 1, 0, 1);
    struct D3DKMT_UPDATEGPUVIRTUALADDRESS good = u.args;
    u.args.hDevice = u.p.queue;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    u.args = good, u.args.hContext = u.p.f.device;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    u.args = good, u.args.hFenceObject = 0;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    u.args = good, u.args.NumOperations = 0;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    u.args = good, u.args.Operations = BAD_POINTER;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EFAULT);
    struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *many = calloc(2048, sizeof *many);
    for (int i = 0; i < 2048; i++)
        many[i] = u.operations[0];
    u.args = good, u.args.Operations = many;
    u.args.NumOperations = 2048; /* doesn't fit a bus packet */
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), -EINVAL);
    u.args.NumOperations = 2047;
    assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
    free(many);
    stop(&u.p.f);
}

/* ---- A death in a call ------------------------------------------------------------------------------------------------------ */

static void spaces_are_found_again_after_a_death(void **state)
{
    (void)state;
    struct process p = start_process();
    uint64_t ranges[20], range = reserve_well(&p, 0, ALIGNED);
    for (int i = 0; i < 20; i++)
        ranges[i] = reserve_well(&p, 0, (uint64_t)(i + 1) * ALIGNED);
    map(&p, range, 0, 12);
    map(&p, range + 4 * PAGE, 15, 1);
    let_the_holder_die(&p.f);
    static const int expected[13] = {0, 1, 2, 3, 15, 5, 6, 7, 8, 9, 10, 11, -1};
    for (uint32_t i = 0; i < 13; i++)
        assert_page(&p, range + i * PAGE, expected[i]);
    long result;
    for (int i = 0; i < 20; i++) {
        reserve(&p, ranges[i], 0, 0, ALIGNED, &result);
        assert_int_equal(result, -EINVAL);
    }
    assert_true(reserve_well(&p, 0, ALIGNED) > ranges[19]); /* no other place is free */
    for (int i = 0; i < 20; i++)
        assert_int_equal(unreserve(&p, ranges[i], (uint64_t)(i + 1) * ALIGNED), 0);
    assert_int_equal(destroy(&p.f, 0, &p.allocation, 1), 0);
    D3DKMT_HANDLE handle;
    assert_int_equal(page_at(&p, range, &handle), -1);
    stop(&p.f);
}

/* ---- At random, against a plain array ---------------------------------------------------------------------------------------- */

static void many_maps_agree_with_a_page_table(void **state)
{
    (void)state;
    struct update u;
    start_update(&u);
    int table[16];
    for (int i = 0; i < 16; i++)
        table[i] = -1;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        uint32_t at = (uint32_t)rand() % 16, pages = 1 + (uint32_t)rand() % (16 - at), from = (uint32_t)rand() % (17 - pages);
        if (rand() % 4) {
            map(&u.p, u.range + at * PAGE, from, pages);
            for (uint32_t i = 0; i < pages; i++)
                table[at + i] = (int)(from + i);
        } else {
            u.operations[0] = (struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION){
                .OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP,
                .Unmap = {.BaseAddress = u.range + at * PAGE, .SizeInBytes = (uint64_t)pages * PAGE}};
            assert_int_equal(CALL(&u.p.f, 0x39, &u.args), 0);
            for (uint32_t i = 0; i < pages; i++)
                table[at + i] = -1;
        }
        expect_pages(&u, table);
    }
    stop(&u.p.f);
}

static void many_ranges_never_overlap(void **state)
{
    (void)state;
    enum { RANGES = 64 };
    struct process p = start_process();
    uint64_t base[RANGES] = {0}, size[RANGES] = {0};
    srand(11);
    for (int round = 0; round < 5000; round++) {
        int i = rand() % RANGES;
        if (size[i]) {
            assert_int_equal(unreserve(&p, base[i], size[i]), 0);
            size[i] = 0;
            continue;
        }
        uint64_t wanted = (uint64_t)(1 + rand() % 8) * ALIGNED;
        base[i] = reserve_well(&p, 0, wanted);
        for (int j = 0; j < RANGES; j++)
            assert_true(size[j] == 0 || base[i] >= base[j] + size[j] || base[j] >= base[i] + wanted);
        size[i] = wanted;
        assert_true(base[i] < 4096ull * ALIGNED); /* what was freed is used again */
    }
    stop(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserve_gives_aligned_addresses_that_do_not_overlap),
        cmocka_unit_test(reserve_takes_a_paging_queue_for_the_adapter),
        cmocka_unit_test(reserve_at_a_base_fails_where_it_is_not_free),
        cmocka_unit_test(reserve_stays_between_minimum_and_maximum),
        cmocka_unit_test(reserve_refuses_what_is_not_aligned),
        cmocka_unit_test(a_reserve_that_cannot_tell_its_address_is_undone),
        cmocka_unit_test(free_takes_a_whole_range),
        cmocka_unit_test(freed_addresses_are_given_out_again),
        cmocka_unit_test(map_chooses_a_place_and_is_pending),
        cmocka_unit_test(map_goes_into_a_reserved_range_or_a_free_place),
        cmocka_unit_test(map_replaces_what_was_mapped_there),
        cmocka_unit_test(map_refuses_more_than_the_allocation_has),
        cmocka_unit_test(map_refuses_wrong_protections_and_addresses),
        cmocka_unit_test(map_without_an_allocation_takes_the_mapping_away),
        cmocka_unit_test(map_looks_at_the_queue_and_the_allocation),
        cmocka_unit_test(mappings_end_with_their_allocation_and_ranges_stay),
        cmocka_unit_test(spaces_are_each_process_s_own_and_end_with_it),
        cmocka_unit_test(update_maps_unmaps_and_copies_in_order),
        cmocka_unit_test(update_signals_when_what_it_waits_for_has_come),
        cmocka_unit_test(update_copies_over_itself),
        cmocka_unit_test(update_repeats_a_short_piece_of_an_allocation),
        cmocka_unit_test(update_makes_all_or_nothing),
        cmocka_unit_test(update_looks_at_its_handles_and_its_count),
        cmocka_unit_test(spaces_are_found_again_after_a_death),
        cmocka_unit_test(many_maps_agree_with_a_page_table),
        cmocka_unit_test(many_ranges_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
