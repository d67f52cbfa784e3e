/*
 * softgpu keeps what is resident within budgets, and its paging fences take the time that they are asked to take.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "softgpu-process.h"

enum { PAGE = 4096 };

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* One page and more, in local memory; or in system memory. */
static D3DKMT_HANDLE allocate(struct fixture *f, uint64_t size, uint32_t placement)
{
    struct creation c;
    prepare(&c, f, 0);
    c.data.size = size;
    c.data.flags = placement;
    assert_int_equal(create(f, &c), 0);
    return c.info.hAllocation;
}

static long make_resident(struct fixture *f, D3DKMT_HANDLE queue, D3DKMT_HANDLE allocation, uint32_t flags, uint64_t *trim,
                          uint64_t *value)
{
    struct D3DDDI_MAKERESIDENT args = {.hPagingQueue = queue, .NumAllocations = 1, .AllocationList = &allocation, .Flags = flags,
                                       .NumBytesToTrim = 77};
    long result = CALL(f, 0x0b, &args);
    *trim = args.NumBytesToTrim;
    if (value)
        *value = args.PagingFenceValue;
    return result;
}

static uint64_t evict(struct fixture *f, D3DKMT_HANDLE allocation, uint32_t flags)
{
    struct D3DKMT_EVICT args = {.hDevice = f->device, .NumAllocations = 1, .AllocationList = &allocation, .Flags = flags};
    assert_int_equal(CALL(f, 0x1e, &args), 0);
    return args.NumBytesToTrim;
}

static uint32_t residency(struct fixture *f, D3DKMT_HANDLE allocation)
{
    uint32_t status = 0;
    struct D3DKMT_QUERYALLOCATIONRESIDENCY args = {
        .hDevice = f->device, .phAllocationList = &allocation, .AllocationCount = 1, .pResidencyStatus = &status};
    assert_int_equal(CALL(f, 0x2a, &args), 0);
    return status;
}

static const struct softgpu_config two_pages = {
    .local_size = 8 * PAGE, .system_size = 8 * PAGE, .local_budget = 2 * PAGE, .system_budget = PAGE, .adapters = 1};

static void over_budget_make_resident_fails_and_says_how_much_to_trim(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&two_pages);
    const uint64_t *fence;
    uint64_t trim, value;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), first = allocate(&f, PAGE, 0), second = allocate(&f, 3 * PAGE, 0);
    assert_int_equal(make_resident(&f, queue, first, 0, &trim, &value), STATUS_PENDING);
    assert_int_equal(trim, 0);
    assert_int_equal(make_resident(&f, queue, second, 0, &trim, &value), -ENOMEM);
    assert_int_equal(trim, 2 * PAGE);
    assert_int_equal(residency(&f, second), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    assert_int_equal(*fence, 1); /* no paging operation was issued */
    D3DKMT_HANDLE third = allocate(&f, PAGE, 0); /* there is still room for this one */
    assert_int_equal(make_resident(&f, queue, third, 0, &trim, &value), STATUS_PENDING);
    assert_int_equal(value, 2);
    stop(&f);
}

static void who_cant_trim_further_goes_over_budget(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&two_pages);
    const uint64_t *fence;
    uint64_t trim;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), big = allocate(&f, 3 * PAGE, 0);
    assert_int_equal(make_resident(&f, queue, big, D3DDDI_MAKERESIDENT_MustSucceed, &trim, NULL), -EINVAL);
    assert_int_equal(trim, 77); /* untouched */
    assert_int_equal(make_resident(&f, queue, big, D3DDDI_MAKERESIDENT_CantTrimFurther, &trim, NULL), STATUS_PENDING);
    assert_int_equal(trim, PAGE);
    assert_int_equal(residency(&f, big), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    assert_int_equal(make_resident(&f, queue, big, 3, &trim, NULL), 0);
    stop(&f);
}

static void evict_says_what_is_still_over_budget(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&two_pages);
    const uint64_t *fence;
    uint64_t trim;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), all[3];
    for (int i = 0; i < 3; i++) {
        all[i] = allocate(&f, 2 * PAGE, 0);
        make_resident(&f, queue, all[i], D3DDDI_MAKERESIDENT_CantTrimFurther, &trim, NULL);
    }
    assert_int_equal(trim, 4 * PAGE);
    assert_int_equal(evict(&f, all[0], 0), 2 * PAGE);
    assert_int_equal(evict(&f, all[1], D3DKMT_EVICT_EvictOnlyIfNecessary), 0);
    assert_int_equal(residency(&f, all[1]), D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
    assert_int_equal(evict(&f, all[2], D3DKMT_EVICT_EvictOnlyIfNecessary), 0); /* within budget: it stays */
    assert_int_equal(residency(&f, all[2]), D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    stop(&f);
}

static void each_segment_has_its_budget(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&two_pages);
    const uint64_t *fence;
    uint64_t trim;
    D3DKMT_HANDLE queue = create_queue(&f, &fence);
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = f.adapter};
    assert_int_equal(CALL(&f, 0x0a, &info), 0);
    assert_int_equal(info.Budget, 2 * PAGE);
    info.MemorySegmentGroup = 1;
    assert_int_equal(CALL(&f, 0x0a, &info), 0);
    assert_int_equal(info.Budget, PAGE);
    assert_int_equal(make_resident(&f, queue, allocate(&f, 2 * PAGE, SOFTGPU_ALLOCATION_LOCAL), 0, &trim, NULL), STATUS_PENDING);
    assert_int_equal(make_resident(&f, queue, allocate(&f, 2 * PAGE, SOFTGPU_ALLOCATION_SYSTEM), 0, &trim, NULL), -ENOMEM);
    assert_int_equal(trim, PAGE);
    stop(&f);
}

static void what_is_destroyed_is_not_resident_any_more(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&two_pages);
    const uint64_t *fence;
    uint64_t trim;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), first = allocate(&f, 2 * PAGE, 0), second = allocate(&f, 2 * PAGE, 0);
    assert_int_equal(make_resident(&f, queue, first, 0, &trim, NULL), STATUS_PENDING);
    assert_int_equal(make_resident(&f, queue, second, 0, &trim, NULL), -ENOMEM);
    assert_int_equal(destroy(&f, 0, &first, 1), 0);
    assert_int_equal(make_resident(&f, queue, second, 0, &trim, NULL), STATUS_PENDING);
    stop(&f);
}

static void paging_takes_its_time(void **state)
{
    (void)state;
    struct softgpu_config slow = one_gib;
    slow.paging_ns = 5000000000; /* no time passes but in what is told */
    struct fixture f = start_with_device(&slow);
    const uint64_t *fence;
    uint64_t trim, values[3], begin = now();
    D3DKMT_HANDLE queue = create_queue(&f, &fence), all[3];
    for (int i = 0; i < 3; i++) {
        all[i] = create_one(&f, 0);
        assert_int_equal(make_resident(&f, queue, all[i], 0, &trim, &values[i]), STATUS_PENDING);
        assert_int_equal(values[i], i + 1);
    }
    softgpu_lock(f.gpu);
    assert_int_equal(*fence, 0);
    uint64_t next = softgpu_fence_advance(f.gpu, now()); /* the first is done a paging time after it was issued */
    assert_in_range(next - begin, slow.paging_ns, 2 * slow.paging_ns - 1);
    assert_int_equal(softgpu_fence_advance(f.gpu, next), next + slow.paging_ns);
    assert_int_equal(*fence, 1);
    assert_int_equal(softgpu_fence_advance(f.gpu, next + 2 * slow.paging_ns), UINT64_MAX);
    assert_int_equal(*fence, 3);
    assert_int_equal(softgpu_fence_advance(f.gpu, begin), UINT64_MAX); /* a fence never goes back */
    assert_int_equal(*fence, 3);
    softgpu_unlock(f.gpu);
    stop(&f);
}

/* False: the machine stood still for so long that nothing can be said. */
static bool an_ioctl_brings_them_up_to_date(uint64_t paging_ns)
{
    struct softgpu_config slow = one_gib;
    slow.paging_ns = paging_ns;
    struct fixture f = start_with_device(&slow);
    const uint64_t *fence;
    uint64_t trim, value;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), allocation = create_one(&f, 0);
    uint64_t begin = now();
    assert_int_equal(make_resident(&f, queue, allocation, 0, &trim, &value), STATUS_PENDING);
    int again = make_resident(&f, queue, allocation, 0, &trim, &value); /* counted, but not there yet */
    bool in_time = now() - begin < paging_ns;
    if (in_time) {
        assert_int_equal(again, STATUS_PENDING);
        assert_int_equal(value, 1);
        uint64_t wait_ns = paging_ns + 10000000;
        nanosleep(&(struct timespec){.tv_sec = (time_t)(wait_ns / 1000000000), .tv_nsec = (long)(wait_ns % 1000000000)}, NULL);
        assert_int_equal(*fence, 0);
        assert_int_equal(make_resident(&f, queue, allocation, 0, &trim, &value), 0);
        assert_int_equal(*fence, 1);
    }
    stop(&f);
    return in_time;
}

static void an_ioctl_brings_fences_up_to_date(void **state)
{
    (void)state;
    for (uint64_t paging_ns = 300000000; !an_ioctl_brings_them_up_to_date(paging_ns);)
        paging_ns *= 4;
}

static void a_busy_queue_may_be_destroyed(void **state)
{
    (void)state;
    struct softgpu_config slow = one_gib;
    slow.paging_ns = 1000000000;
    struct fixture f = start_with_device(&slow);
    const uint64_t *fence;
    uint64_t trim;
    D3DKMT_HANDLE queues[3];
    for (int i = 0; i < 3; i++) {
        queues[i] = create_queue(&f, &fence);
        assert_int_equal(make_resident(&f, queues[i], create_one(&f, 0), 0, &trim, NULL), STATUS_PENDING);
    }
    struct D3DDDI_DESTROYPAGINGQUEUE second = {queues[1]};
    assert_int_equal(CALL(&f, 0x1c, &second), 0);
    struct D3DKMT_DESTROYDEVICE device = {f.device};
    assert_int_equal(CALL(&f, 0x19, &device), 0);
    softgpu_lock(f.gpu);
    assert_int_equal(softgpu_fence_advance(f.gpu, 0), UINT64_MAX);
    softgpu_unlock(f.gpu);
    stop(&f);
}

static void fences_and_residency_are_found_again_after_a_death(void **state)
{
    (void)state;
    struct softgpu_config slow = two_pages;
    slow.paging_ns = 1000000000;
    struct fixture f = start_with_device(&slow);
    const uint64_t *fence;
    uint64_t trim, value;
    D3DKMT_HANDLE queue = create_queue(&f, &fence), first = allocate(&f, 2 * PAGE, 0), second = allocate(&f, PAGE, 0);
    assert_int_equal(make_resident(&f, queue, first, 0, &trim, &value), STATUS_PENDING);
    let_the_holder_die(&f);
    assert_int_equal(make_resident(&f, queue, second, 0, &trim, &value), -ENOMEM);
    assert_int_equal(trim, PAGE);
    softgpu_lock(f.gpu);
    uint64_t next = softgpu_fence_advance(f.gpu, now());
    assert_int_not_equal(next, UINT64_MAX); /* still under way */
    assert_int_equal(softgpu_fence_advance(f.gpu, next), UINT64_MAX);
    assert_int_equal(*fence, 1);
    softgpu_unlock(f.gpu);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_budget_make_resident_fails_and_says_how_much_to_trim),
        cmocka_unit_test(who_cant_trim_further_goes_over_budget),
        cmocka_unit_test(evict_says_what_is_still_over_budget),
        cmocka_unit_test(each_segment_has_its_budget),
        cmocka_unit_test(what_is_destroyed_is_not_resident_any_more),
        cmocka_unit_test(paging_takes_its_time),
        cmocka_unit_test(an_ioctl_brings_fences_up_to_date),
        cmocka_unit_test(a_busy_queue_may_be_destroyed),
        cmocka_unit_test(fences_and_residency_are_found_again_after_a_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
