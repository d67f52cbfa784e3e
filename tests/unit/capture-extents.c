/* The extent of a lock: told once an allocation, by /proc/self/maps, of allocations whose create was seen. */
#include "capture_harness.h"

#include <pthread.h>

#define LOCK DXG_IOCTL(0x25, struct D3DKMT_LOCK2)
#define OPEN DXG_IOCTL(0x42, struct D3DKMT_OPENRESOURCEFROMNTHANDLE)
enum { PAGE = 4096 };

static uint32_t next_handle;
static void *mapping;

static int makes(int fd, unsigned long request, void *argument)
{
    (void)fd;
    if (request == CREATE) {
        struct D3DKMT_CREATEALLOCATION *a = argument;
        for (uint32_t i = 0; i < a->NumAllocations; i++)
            a->pAllocationInfo2[i].hAllocation = next_handle + 64 * i;
    } else if (request == OPEN) {
        struct D3DKMT_OPENRESOURCEFROMNTHANDLE *a = argument;
        a->pOpenAllocationInfo2[0].hAllocation = next_handle;
    } else {
        ((struct D3DKMT_LOCK2 *)argument)->pData = mapping;
    }
    return 0;
}

static int refuses(int fd, unsigned long request, void *argument)
{
    makes(fd, request, argument);
    errno = EINVAL;
    return -1;
}

static void create(uint32_t handle, uint32_t count)
{
    struct D3DDDI_ALLOCATIONINFO2 infos[4] = {{0}};
    struct D3DKMT_CREATEALLOCATION in = {.NumAllocations = count, .pAllocationInfo2 = infos};
    answer = makes;
    next_handle = handle;
    hooked(dxg, CREATE, &in);
}

static void lock(uint32_t handle, void *data)
{
    struct D3DKMT_LOCK2 in = {.hAllocation = handle};
    mapping = data;
    hooked(dxg, LOCK, &in);
}

/* size bytes with a page on each side that is not part of it. */
static char *mapped(size_t size)
{
    char *room = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + PAGE, size, PROT_READ | PROT_WRITE), 0);
    return room + PAGE;
}

static const struct ga_gpualloc_lock_extent *extent(unsigned n)
{
    struct event *event = event_find(GA_ROW_gpualloc_lock_extent, n);
    return event ? &event->record.r_gpualloc_lock_extent : NULL;
}

static void told_once_with_the_whole_mapping(void **state)
{
    (void)state;
    char *memory = mapped(5 * PAGE);
    create(0x40000040, 2);
    lock(0x40000040, memory);
    const struct ga_gpualloc_lock_extent *r = extent(0);
    assert_non_null(r);
    assert_int_equal(r->size, 5 * PAGE);
    assert_int_equal(r->pData, (uintptr_t)memory);
    assert_int_equal(r->hAllocation, 0x40000040);
    assert_true(r->process == capture_process.instance);
    assert_true(r->begin == event_find(GA_ROW_d3dkmt_lock2, 0)->record.header.begin);
    lock(0x40000040, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 1);
    lock(0x40000080, memory + PAGE); /* the other one; its pData is within a mapping */
    assert_int_equal(extent(1)->size, 4 * PAGE);
    create(0x40000040, 1); /* the handle is another allocation now */
    lock(0x40000040, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 3);
}

static void of_strangers_and_failures_nothing_is_told(void **state)
{
    (void)state;
    char *memory = mapped(PAGE);
    create(0x40000100, 1);
    answer = refuses;
    lock(0x40000100, memory);
    answer = makes;
    lock(0x40000140, memory); /* made before the recording */
    lock(0, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 0);
    lock(0x40000100, NULL);
    lock(0x40000100, (void *)(uintptr_t)0x10); /* not mapped: looked up, and not found */
    lock(0x40000100, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 0);
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    struct D3DKMT_CREATEALLOCATION in = {.NumAllocations = 1, .pAllocationInfo2 = &info};
    answer = refuses;
    next_handle = 0x40000180;
    hooked(dxg, CREATE, &in);
    answer = makes;
    lock(0x40000180, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 0);
}

static void an_opened_allocation_is_looked_up_too(void **state)
{
    (void)state;
    struct D3DDDI_OPENALLOCATIONINFO2 info = {0};
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE in = {.NumAllocations = 1, .pOpenAllocationInfo2 = &info};
    answer = makes;
    next_handle = 0x400001c0;
    hooked(dxg, OPEN, &in);
    lock(0x400001c0, mapped(2 * PAGE));
    assert_int_equal(extent(0)->size, 2 * PAGE);
}

static void who_records_no_extents_pays_for_none(void **state)
{
    (void)state;
    char *memory = mapped(PAGE);
    create(0x40000200, 1);
    row_disabled[GA_ROW_gpualloc_lock_extent] = true;
    lock(0x40000200, memory);
    row_disabled[GA_ROW_gpualloc_lock_extent] = false;
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 0);
    lock(0x40000200, memory); /* a session that began meanwhile learns it at the next lock */
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 1);
}

/* Two handles with the same place in the table: the older one is forgotten, none is looked up twice. */
static void a_crowded_table_forgets_the_older(void **state)
{
    (void)state;
    char *memory = mapped(PAGE);
    uint32_t older = 0x40, newer = older + 65536 * 64;
    create(older, 1);
    create(newer, 1);
    lock(older, memory);
    lock(newer, memory);
    lock(older, memory);
    lock(newer, memory);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 1);
    assert_int_equal(extent(0)->hAllocation, newer);
}

static char *shared_memory;
static void *lock_often(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < 200; i++) {
        struct D3DKMT_LOCK2 in = {.hAllocation = 0x40000240 + 64 * (i % 4)};
        hooked(dxg, LOCK, &in);
    }
    return NULL;
}

static void threads_that_lock_the_same_tell_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    shared_memory = mapped(PAGE);
    create(0x40000240, 4);
    mapping = shared_memory;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lock_often, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(event_number(GA_ROW_gpualloc_lock_extent), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(told_once_with_the_whole_mapping),   TEST(of_strangers_and_failures_nothing_is_told),
        TEST(an_opened_allocation_is_looked_up_too), TEST(who_records_no_extents_pays_for_none),
        TEST(a_crowded_table_forgets_the_older),  TEST(threads_that_lock_the_same_tell_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
