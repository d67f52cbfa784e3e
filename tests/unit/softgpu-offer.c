/*
 * softgpu's offers and what else moves memory: who may be offered and reclaimed, what goes first when room is needed, each result of
 * a reclaim, properties that move an allocation, and reservations.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "softgpu-process.h"

enum { PAGE = 4096, KEPT = D3DDDI_RECLAIM_RESULT_OK, DISCARDED = D3DDDI_RECLAIM_RESULT_DISCARDED,
       NOT_COMMITTED = D3DDDI_RECLAIM_RESULT_NOT_COMMITTED };

/* Room for four pages in each segment. */
struct process {
    struct fixture f;
    D3DKMT_HANDLE queue;
    const uint64_t *fence;
};
static const struct softgpu_config small = {.local_size = 4 * PAGE, .system_size = 4 * PAGE, .adapters = 1};

static struct process start_process(void)
{
    struct process p = {.f = start_with_device(&small)};
    p.queue = create_queue(&p.f, &p.fence);
    return p;
}

static long try_allocate(struct process *p, uint32_t pages, uint32_t placement, D3DKMT_HANDLE *handle)
{
    struct creation c;
    prepare(&c, &p->f, 0);
    c.data.size = (uint64_t)pages * PAGE;
    c.data.flags = placement;
    long result = create(&p->f, &c);
    *handle = c.info.hAllocation;
    return result;
}

static D3DKMT_HANDLE allocate(struct process *p, uint32_t pages, uint32_t placement)
{
    D3DKMT_HANDLE handle;
    assert_int_equal(try_allocate(p, pages, placement, &handle), 0);
    return handle;
}

static long offer(struct process *p, D3DKMT_HANDLE allocation, uint32_t priority, uint32_t flags)
{
    struct D3DKMT_OFFERALLOCATIONS args = {.hDevice = p->f.device, .HandleList = &allocation, .NumAllocations = 1,
                                           .Priority = priority, .Flags = flags};
    return CALL(&p->f, 0x27, &args);
}

static long reclaim(struct process *p, D3DKMT_HANDLE allocation, uint32_t *result, uint64_t *value)
{
    struct D3DKMT_RECLAIMALLOCATIONS2 args = {.hPagingQueue = p->queue, .HandleList = &allocation, .NumAllocations = 1,
                                              .pResults = result};
    long status = CALL(&p->f, 0x2c, &args);
    if (value)
        *value = args.PagingFenceValue;
    return status;
}

static void what_nobody_needed_is_kept(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 2, 0);
    uint32_t result = 7;
    uint64_t value = 7;
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    assert_int_equal(used(&p.f, 0), 2 * PAGE);
    assert_int_equal(reclaim(&p, allocation, &result, &value), 0);
    assert_int_equal(result, KEPT);
    assert_int_equal(value, 0); /* nothing to wait for */
    stop(&p.f);
}

static void what_is_needed_goes_and_comes_back_discarded(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 3, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_NORMAL, 0), 0);
    D3DKMT_HANDLE needs = allocate(&p, 2, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(used(&p.f, 0), 2 * PAGE);
    uint32_t result = 7;
    uint64_t value = 7;
    /* Local memory is taken: it comes back in system memory. With results to hand over, dxgkrnl loses STATUS_PENDING. */
    assert_int_equal(reclaim(&p, allocation, &result, &value), 0);
    assert_int_equal(result, DISCARDED);
    assert_int_equal(value, 1);
    assert_int_equal(*p.fence, 1);
    assert_int_equal(used(&p.f, 1), 3 * PAGE);
    assert_int_equal(offer(&p, needs, D3DKMT_OFFER_PRIORITY_NORMAL, 0), 0);
    allocate(&p, 4, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_NORMAL, 0), 0);
    assert_int_equal(reclaim(&p, needs, NULL, &value), STATUS_PENDING);
    assert_int_equal(value, 2);
    stop(&p.f);
}

static void what_may_be_decommitted_and_finds_no_room_is_not_committed(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 3, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_LOW, D3DKMT_OFFER_FLAGS_AllowDecommit), 0);
    D3DKMT_HANDLE local = allocate(&p, 4, SOFTGPU_ALLOCATION_LOCAL);
    allocate(&p, 4, SOFTGPU_ALLOCATION_SYSTEM);
    uint32_t result = 7;
    assert_int_equal(reclaim(&p, allocation, &result, NULL), 0);
    assert_int_equal(result, NOT_COMMITTED);
    assert_int_equal(destroy(&p.f, 0, &local, 1), 0);
    assert_int_equal(reclaim(&p, allocation, &result, NULL), 0); /* there is room now */
    assert_int_equal(result, DISCARDED);
    stop(&p.f);
}

static void what_must_be_committed_and_finds_no_room_fails_the_call(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 3, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    D3DKMT_HANDLE local = allocate(&p, 4, SOFTGPU_ALLOCATION_LOCAL);
    allocate(&p, 4, SOFTGPU_ALLOCATION_SYSTEM);
    uint32_t result = 7;
    assert_int_equal(reclaim(&p, allocation, &result, NULL), -ENOMEM);
    assert_int_equal(result, 7);
    assert_int_equal(destroy(&p.f, 0, &local, 1), 0);
    assert_int_equal(reclaim(&p, allocation, &result, NULL), 0);
    assert_int_equal(result, DISCARDED);
    stop(&p.f);
}

static void the_lowest_priority_goes_first_and_no_more_than_needed(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE high = allocate(&p, 1, 0), low = allocate(&p, 1, 0), normal = allocate(&p, 1, 0);
    assert_int_equal(offer(&p, high, D3DKMT_OFFER_PRIORITY_HIGH, 0), 0);
    assert_int_equal(offer(&p, low, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    assert_int_equal(offer(&p, normal, D3DKMT_OFFER_PRIORITY_NORMAL, 0), 0);
    allocate(&p, 3, SOFTGPU_ALLOCATION_LOCAL); /* one page is free: two must go */
    uint32_t result;
    assert_int_equal(reclaim(&p, high, &result, NULL), 0);
    assert_int_equal(result, KEPT);
    assert_int_equal(reclaim(&p, normal, &result, NULL), 0);
    assert_int_equal(result, DISCARDED);
    assert_int_equal(reclaim(&p, low, &result, NULL), 0);
    assert_int_equal(result, DISCARDED);
    stop(&p.f);
}

static void nothing_goes_for_what_never_fits(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 1, 0), huge;
    uint32_t result;
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    assert_int_equal(try_allocate(&p, 5, SOFTGPU_ALLOCATION_LOCAL, &huge), -EINVAL); /* no video memory */
    assert_int_equal(reclaim(&p, allocation, &result, NULL), 0);
    assert_int_equal(result, KEPT);
    stop(&p.f);
}

static void resources_are_offered_whole(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE resources[2], first;
    resources[0] = create_resource(&p.f, 0, &first); /* 5000 bytes: two pages */
    resources[1] = create_resource(&p.f, 0, NULL);
    struct D3DKMT_OFFERALLOCATIONS args = {.hDevice = p.f.device, .pResources = resources, .NumAllocations = 2,
                                           .Priority = D3DKMT_OFFER_PRIORITY_AUTO};
    assert_int_equal(CALL(&p.f, 0x27, &args), 0);
    assert_int_equal(offer(&p, first, D3DKMT_OFFER_PRIORITY_LOW, 0), -EINVAL); /* it is already */
    allocate(&p, 1, SOFTGPU_ALLOCATION_LOCAL);
    uint32_t results[2] = {7, 7};
    struct D3DKMT_RECLAIMALLOCATIONS2 back = {.hPagingQueue = p.queue, .pResources = resources, .NumAllocations = 2,
                                              .pResults = results};
    assert_int_equal(CALL(&p.f, 0x2c, &back), 0);
    assert_int_equal(results[0] + results[1], DISCARDED); /* one of them had to go */
    stop(&p.f);
}

static void offers_of_what_is_wrong_are_refused(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE list[2] = {allocate(&p, 1, 0), 0x40};
    struct D3DKMT_OFFERALLOCATIONS good = {.hDevice = p.f.device, .HandleList = list, .NumAllocations = 1, .Priority = 1}, args;
    args = good, args.NumAllocations = 0;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.NumAllocations = 10 * 1024 + 1;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.pResources = list; /* one list, not both */
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.HandleList = NULL;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.HandleList = BAD_POINTER;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EFAULT);
    args = good, args.hDevice = 0x40;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.Priority = 0;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.Priority = 5;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.Flags = 4;
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    args = good, args.NumAllocations = 2; /* none is offered when one is wrong */
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    list[1] = list[0]; /* nor when one is there twice */
    assert_int_equal(CALL(&p.f, 0x27, &args), -EINVAL);
    uint32_t result;
    assert_int_equal(reclaim(&p, list[0], &result, NULL), -EINVAL);
    assert_int_equal(CALL(&p.f, 0x27, &good), 0);
    stop(&p.f);
}

static void what_is_offered_can_be_neither_locked_nor_made_resident(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 1, 0);
    assert_int_equal(offer(&p, allocation, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    struct D3DKMT_LOCK2 lock = {.hDevice = p.f.device, .hAllocation = allocation};
    assert_int_equal(CALL(&p.f, 0x25, &lock), -EINVAL);
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = p.queue, .NumAllocations = 1, .AllocationList = &allocation};
    assert_int_equal(CALL(&p.f, 0x0b, &make), -EINVAL);
    uint32_t result;
    assert_int_equal(reclaim(&p, allocation, &result, NULL), 0);
    assert_int_equal(CALL(&p.f, 0x0b, &make), STATUS_PENDING);
    stop(&p.f);
}

static void what_is_offered_goes_with_its_owner(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE kept = allocate(&p, 2, 0), gone = allocate(&p, 2, 0);
    assert_int_equal(offer(&p, kept, D3DKMT_OFFER_PRIORITY_HIGH, 0), 0);
    assert_int_equal(offer(&p, gone, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    allocate(&p, 2, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(destroy(&p.f, 0, &gone, 1), 0);
    assert_int_equal(used(&p.f, 0), 4 * PAGE);
    struct D3DKMT_DESTROYDEVICE device = {p.f.device};
    assert_int_equal(CALL(&p.f, 0x19, &device), 0);
    assert_int_equal(used(&p.f, 0), 0);
    assert_int_equal(used(&p.f, 1), 0);
    stop(&p.f);
}

static void offers_and_reservations_are_found_again_after_a_death(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE lost = allocate(&p, 2, 0), kept = allocate(&p, 1, 0);
    struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION reservation = {.hAdapter = p.f.adapter, .Reservation = PAGE};
    assert_int_equal(CALL(&p.f, 0x16, &reservation), 0);
    assert_int_equal(offer(&p, lost, D3DKMT_OFFER_PRIORITY_LOW, 0), 0);
    assert_int_equal(offer(&p, kept, D3DKMT_OFFER_PRIORITY_HIGH, 0), 0);
    let_the_holder_die(&p.f);
    allocate(&p, 3, SOFTGPU_ALLOCATION_LOCAL); /* takes the room of the lower one */
    let_the_holder_die(&p.f);
    assert_int_equal(used(&p.f, 0), 4 * PAGE);
    uint32_t result;
    assert_int_equal(reclaim(&p, kept, &result, NULL), 0);
    assert_int_equal(result, KEPT);
    assert_int_equal(reclaim(&p, lost, &result, NULL), 0);
    assert_int_equal(result, DISCARDED);
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = p.f.adapter};
    assert_int_equal(CALL(&p.f, 0x0a, &info), 0);
    assert_int_equal(info.CurrentReservation, PAGE);
    assert_int_equal(info.Budget, 4 * PAGE);
    stop(&p.f);
}

static long set_property(struct process *p, D3DKMT_HANDLE allocation, uint32_t mask, uint32_t supported, uint32_t preferred,
                         uint64_t *value)
{
    struct D3DDDI_UPDATEALLOCPROPERTY args = {.hPagingQueue = p->queue, .hAllocation = allocation, .SupportedSegmentSet = supported,
                                              .PreferredSegment = preferred, .PropertyMaskValue = mask, .PagingFenceValue = 77};
    long result = CALL(&p->f, 0x38, &args);
    *value = args.PagingFenceValue;
    return result;
}

static void a_property_moves_an_allocation(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 3, 0);
    uint64_t value;
    assert_int_equal(set_property(&p, allocation, 2, 1, 0, &value), 0); /* it is in local memory already */
    assert_int_equal(value, 77); /* without something to wait for, dxgkrnl hands no value over */
    assert_int_equal(set_property(&p, allocation, 2, 2, 0, &value), STATUS_PENDING);
    assert_int_equal(value, 1);
    assert_int_equal(used(&p.f, 0), 0);
    assert_int_equal(used(&p.f, 1), 3 * PAGE);
    D3DKMT_HANDLE other = allocate(&p, 2, SOFTGPU_ALLOCATION_LOCAL);
    assert_int_equal(set_property(&p, allocation, 4, 0, SOFTGPU_SEGMENT_LOCAL, &value), 0); /* no room: a wish only */
    assert_int_equal(set_property(&p, allocation, 2, 1, 0, &value), -EINVAL);               /* a must: no video memory */
    assert_int_equal(destroy(&p.f, 0, &other, 1), 0);
    assert_int_equal(set_property(&p, allocation, 4, 0, SOFTGPU_SEGMENT_LOCAL | SOFTGPU_SEGMENT_SYSTEM << 6, &value), STATUS_PENDING);
    assert_int_equal(used(&p.f, 0), 3 * PAGE);
    stop(&p.f);
}

static void properties_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct process p = start_process();
    D3DKMT_HANDLE allocation = allocate(&p, 1, 0);
    uint64_t value;
    static const uint32_t wrong[][3] = {{0, 3, 0}, {16, 3, 0}, {2, 0, 0}, {2, 4, 0}, {4, 0, 3}, {4, 0, 7 << 6}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(set_property(&p, allocation, wrong[i][0], wrong[i][1], wrong[i][2], &value), -EINVAL);
    assert_int_equal(set_property(&p, p.queue, 2, 2, 0, &value), -EINVAL);
    p.queue = allocation;
    assert_int_equal(set_property(&p, allocation, 2, 2, 0, &value), -EINVAL);
    stop(&p.f);
}

static long change_reservation(struct fixture *f, uint32_t group, uint64_t size)
{
    struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {.hAdapter = f->adapter, .MemorySegmentGroup = group, .Reservation = size};
    return CALL(f, 0x16, &args);
}

static struct D3DKMT_QUERYVIDEOMEMORYINFO ask(struct fixture *f, uint32_t group)
{
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = f->adapter, .MemorySegmentGroup = group};
    assert_int_equal(CALL(f, 0x0a, &info), 0);
    return info;
}

static void reservations_are_told_and_bounded(void **state)
{
    (void)state;
    struct process p = start_process();
    assert_int_equal(ask(&p.f, 0).AvailableForReservation, 2 * PAGE);
    assert_int_equal(change_reservation(&p.f, 0, 2 * PAGE + 1), -EINVAL);
    assert_int_equal(change_reservation(&p.f, 0, 2 * PAGE), 0);
    assert_int_equal(ask(&p.f, 0).CurrentReservation, 2 * PAGE);
    assert_int_equal(ask(&p.f, 1).CurrentReservation, 0);
    assert_int_equal(ask(&p.f, 0).Budget, 4 * PAGE);
    assert_int_equal(change_reservation(&p.f, 2, 0), -EINVAL);
    struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {.hProcess = 1, .hAdapter = p.f.adapter};
    assert_int_equal(CALL(&p.f, 0x16, &args), -EINVAL);
    args = (struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION){.hAdapter = p.f.device};
    assert_int_equal(CALL(&p.f, 0x16, &args), -EINVAL);
    args = (struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION){.hAdapter = p.f.adapter, .PhysicalAdapterIndex = 1};
    assert_int_equal(CALL(&p.f, 0x16, &args), -EINVAL);
    stop(&p.f);
}

static void what_one_process_reserved_is_not_in_another_s_budget(void **state)
{
    (void)state;
    struct process p = start_process();
    struct fixture other = p.f;
    softgpu_lock(p.f.gpu);
    other.place = softgpu_process_enter(p.f.gpu, 200, 2);
    softgpu_unlock(p.f.gpu);
    open_device(&other);
    assert_int_equal(change_reservation(&p.f, 0, 2 * PAGE), 0);
    assert_int_equal(ask(&other, 0).Budget, 2 * PAGE);
    assert_int_equal(ask(&other, 0).AvailableForReservation, PAGE);
    softgpu_lock(p.f.gpu);
    softgpu_process_leave(p.f.gpu, 100, 1);
    softgpu_unlock(p.f.gpu);
    assert_int_equal(ask(&other, 0).Budget, 4 * PAGE);
    stop(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_needed_is_kept),
        cmocka_unit_test(what_is_needed_goes_and_comes_back_discarded),
        cmocka_unit_test(what_may_be_decommitted_and_finds_no_room_is_not_committed),
        cmocka_unit_test(what_must_be_committed_and_finds_no_room_fails_the_call),
        cmocka_unit_test(the_lowest_priority_goes_first_and_no_more_than_needed),
        cmocka_unit_test(nothing_goes_for_what_never_fits),
        cmocka_unit_test(resources_are_offered_whole),
        cmocka_unit_test(offers_of_what_is_wrong_are_refused),
        cmocka_unit_test(what_is_offered_can_be_neither_locked_nor_made_resident),
        cmocka_unit_test(what_is_offered_goes_with_its_owner),
        cmocka_unit_test(offers_and_reservations_are_found_again_after_a_death),
        cmocka_unit_test(a_property_moves_an_allocation),
        cmocka_unit_test(properties_that_make_no_sense_are_refused),
        cmocka_unit_test(reservations_are_told_and_bounded),
        cmocka_unit_test(what_one_process_reserved_is_not_in_another_s_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
