/* Paging fences: their moves are told while a value is awaited, and never cost more than a failed read when the memory is gone. */
#include "capture_harness.h"

#define CREATE_QUEUE DXG_IOCTL(0x07, struct D3DKMT_CREATEPAGINGQUEUE)
#define DESTROY_QUEUE DXG_IOCTL(0x1c, struct D3DDDI_DESTROYPAGINGQUEUE)
#define DESTROY_DEVICE DXG_IOCTL(0x19, struct D3DKMT_DESTROYDEVICE)
#define MAKE_RESIDENT DXG_IOCTL(0x0b, struct D3DDDI_MAKERESIDENT)
#define CLOSE_ADAPTER DXG_IOCTL(0x15, struct D3DKMT_CLOSEADAPTER)

enum { QUEUE = 0x40, DEVICE = 7 };

static volatile uint64_t *fence;
static uint64_t promised;
static int verdict; /* of destroy requests */

static int answers(int fd, unsigned long request, void *argument)
{
    (void)fd;
    if (request == CREATE_QUEUE) {
        struct D3DKMT_CREATEPAGINGQUEUE *a = argument;
        a->hPagingQueue = QUEUE;
        a->FenceValueCPUVirtualAddress = (void *)(uintptr_t)fence;
    } else if (request == MAKE_RESIDENT) {
        ((struct D3DDDI_MAKERESIDENT *)argument)->PagingFenceValue = promised;
        return STATUS_PENDING;
    } else if (request == DESTROY_QUEUE || request == DESTROY_DEVICE) {
        errno = EINVAL;
        return verdict;
    }
    return 0;
}

static void make_queue(void)
{
    struct D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = DEVICE};
    fences_forget();
    fence = tail_alloc(sizeof *fence);
    answer = answers;
    verdict = 0;
    assert_int_equal(hooked(dxg, CREATE_QUEUE, &create), 0);
}

static void promise(uint64_t value)
{
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = QUEUE};
    promised = value;
    assert_int_equal(hooked(dxg, MAKE_RESIDENT, &make), STATUS_PENDING);
}

static void any_call(void)
{
    struct D3DKMT_CLOSEADAPTER close = {.hAdapter = 1};
    (void)hooked(dxg, CLOSE_ADAPTER, &close);
}

static unsigned told(void) { return event_number(GA_ROW_gpualloc_paging_fence); }

static const struct ga_gpualloc_paging_fence *move(unsigned n)
{
    return &event_find(GA_ROW_gpualloc_paging_fence, n)->record.r_gpualloc_paging_fence;
}

static void a_move_is_told_once_between_two_looks(void **state)
{
    (void)state;
    make_queue();
    any_call();
    promise(3);
    assert_int_equal(told(), 0);
    any_call();
    uint64_t before = test_clock();
    *fence = 2; /* not there yet, but it moved */
    any_call();
    uint64_t between = test_clock();
    *fence = 3;
    any_call();
    *fence = 4; /* nobody awaits it */
    any_call();
    assert_int_equal(told(), 2);
    assert_int_equal(move(0)->value, 2);
    assert_int_equal(move(1)->value, 3);
    assert_int_equal(move(1)->hPagingQueue, QUEUE);
    assert_int_equal(move(1)->process, capture_process.instance);
    assert_true(move(0)->lower_at && move(0)->lower_at <= before && move(0)->seen_at >= before);
    assert_true(move(1)->lower_at <= between && move(1)->seen_at >= between);
    assert_true(move(1)->lower_at >= before); /* the look that saw 2 is the last at which 3 had not come */
}

static void what_came_within_the_call_is_told_after_it(void **state)
{
    (void)state;
    make_queue();
    *fence = 1;
    promise(1);
    assert_int_equal(told(), 1);
    assert_int_equal(events[event_count - 1].row, GA_ROW_gpualloc_paging_fence); /* its call is in the trace by then */
    promise(1); /* already there: nothing is awaited */
    assert_int_equal(told(), 1);
}

static void a_destroyed_queue_is_looked_at_no_more(void **state)
{
    (void)state;
    for (unsigned by_device = 0; by_device < 2; by_device++) {
        struct D3DDDI_DESTROYPAGINGQUEUE destroy = {.hPagingQueue = QUEUE};
        struct D3DKMT_DESTROYDEVICE device = {.hDevice = DEVICE};
        make_queue();
        events_clear();
        promise(5);
        verdict = -1; /* refused: it is still there */
        assert_int_equal(by_device ? hooked(dxg, DESTROY_DEVICE, &device) : hooked(dxg, DESTROY_QUEUE, &destroy), -1);
        *fence = 4;
        any_call();
        assert_int_equal(told(), 1);
        verdict = 0;
        assert_int_equal(by_device ? hooked(dxg, DESTROY_DEVICE, &device) : hooked(dxg, DESTROY_QUEUE, &destroy), 0);
        *fence = 5;
        any_call();
        assert_int_equal(told(), 1);
    }
}

static void memory_that_is_gone_is_no_harm(void **state)
{
    (void)state;
    make_queue();
    promise(5);
    long page = sysconf(_SC_PAGESIZE);
    assert_int_equal(munmap((void *)((uintptr_t)fence & ~(uintptr_t)(page - 1)), (size_t)page), 0);
    any_call();
    any_call();
    assert_int_equal(told(), 0);
}

static void more_queues_than_are_looked_at_are_no_harm(void **state)
{
    (void)state;
    make_queue();
    for (unsigned i = 0; i < 200; i++) {
        struct D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = DEVICE};
        assert_int_equal(hooked(dxg, CREATE_QUEUE, &create), 0);
    }
    promise(2);
    *fence = 2;
    any_call();
    assert_int_equal(told(), 1);
}

static void nothing_is_looked_at_when_nobody_records_it(void **state)
{
    (void)state;
    make_queue();
    row_disabled[GA_ROW_gpualloc_paging_fence] = true;
    promise(1);
    *fence = 1;
    any_call();
    row_disabled[GA_ROW_gpualloc_paging_fence] = false;
    assert_int_equal(told(), 0);
    any_call();
    assert_int_equal(told(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_move_is_told_once_between_two_looks),
        TEST(what_came_within_the_call_is_told_after_it),
        TEST(a_destroyed_queue_is_looked_at_no_more),
        TEST(memory_that_is_gone_is_no_harm),
        TEST(more_queues_than_are_looked_at_are_no_harm),
        TEST(nothing_is_looked_at_when_nobody_records_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
