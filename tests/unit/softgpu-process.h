/* A process that uses softgpu's core directly, for the unit tests of it: the test's own memory lies behind its memory ops. */
#ifndef TESTS_SOFTGPU_PROCESS_H
#define TESTS_SOFTGPU_PROCESS_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "softgpu/softgpu.h"

#define BAD_POINTER ((void *)16)

static inline int copy_in(void *user, void *to, uint64_t from, size_t size)
{
    (void)user;
    if (from < 4096)
        return -EFAULT;
    memcpy(to, (void *)(uintptr_t)from, size);
    return 0;
}

/* Writing fails at one address, when asked to. */
static uint64_t unwritable;
static inline int copy_out(void *user, uint64_t to, const void *from, size_t size)
{
    (void)user;
    if (to < 4096 || (unwritable >= to && unwritable < to + size))
        return -EFAULT;
    memcpy((void *)(uintptr_t)to, from, size);
    return 0;
}

static inline uint64_t fence_address(void *user, size_t offset)
{
    return (uintptr_t)user + SOFTGPU_FENCES_OFFSET + offset;
}

struct fixture {
    struct softgpu *gpu;
    struct softgpu_memory memory;
    int place; /* of the process that calls */
    D3DKMT_HANDLE adapter, device;
};

static inline struct fixture start(const struct softgpu_config *config)
{
    struct fixture f = {.gpu = mmap(NULL, SOFTGPU_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                                    -1, 0)};
    assert_ptr_not_equal(f.gpu, MAP_FAILED);
    assert_false(softgpu_is_formatted(f.gpu));
    assert_int_equal(softgpu_init(f.gpu, config), 0);
    assert_true(softgpu_is_formatted(f.gpu));
    f.memory = (struct softgpu_memory){.user = f.gpu, .read = copy_in, .write = copy_out, .fence_address = fence_address};
    softgpu_lock(f.gpu);
    f.place = softgpu_process_enter(f.gpu, 100, 1);
    softgpu_unlock(f.gpu);
    assert_true(f.place >= 0);
    unwritable = UINT64_MAX;
    return f;
}

static inline void stop(struct fixture *f)
{
    munmap(f->gpu, SOFTGPU_STATE_SIZE);
}

/* As C programs may pass a request: made of ints, it comes sign-extended, and the kernel takes its lower 32 bits. */
#define REQUEST(number, args) ((unsigned long)(int32_t)_IOC(_IOC_READ | _IOC_WRITE, 'G', number, sizeof *(args)))
#define CALL(f, number, args) softgpu_ioctl((f)->gpu, (f)->place, REQUEST(number, args), (uintptr_t)(args), &(f)->memory)

static const struct softgpu_config __attribute__((unused)) one_gib = {
    .local_size = 1ull << 30, .system_size = 1ull << 30, .adapters = 1};

static inline void open_device(struct fixture *f)
{
    struct D3DKMT_ADAPTERINFO info = {0};
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = &info};
    assert_int_equal(CALL(f, 0x14, &list), 0);
    struct D3DKMT_CREATEDEVICE device = {.hAdapter = info.hAdapter};
    assert_int_equal(CALL(f, 0x02, &device), 0);
    f->adapter = info.hAdapter;
    f->device = device.hDevice;
}

static inline struct fixture start_with_device(const struct softgpu_config *config)
{
    struct fixture f = start(config);
    open_device(&f);
    return f;
}

static inline uint64_t used(struct fixture *f, uint32_t group)
{
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = f->adapter, .MemorySegmentGroup = group};
    assert_int_equal(CALL(f, 0x0a, &info), 0);
    return info.CurrentUsage;
}

/* One allocation of softgpu's, its call and its element, ready to be spoilt. */
struct creation {
    struct softgpu_private_data data;
    struct D3DDDI_ALLOCATIONINFO2 info;
    struct D3DKMT_CREATESTANDARDALLOCATION standard;
    struct D3DKMT_CREATEALLOCATION args;
};

static inline void prepare(struct creation *c, const struct fixture *f, uint32_t flags)
{
    *c = (struct creation){.data = {.magic = SOFTGPU_MAGIC, .size = 5000}};
    c->info = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &c->data, .PrivateDriverDataSize = sizeof c->data};
    c->args = (struct D3DKMT_CREATEALLOCATION){
        .hDevice = f->device, .NumAllocations = 1, .pAllocationInfo2 = &c->info, .Flags = flags};
}

static inline long create(struct fixture *f, struct creation *c) { return CALL(f, 0x06, &c->args); }

/* The same, made: the allocation's handle. */
static inline D3DKMT_HANDLE create_one(struct fixture *f, D3DKMT_HANDLE resource)
{
    struct creation c;
    prepare(&c, f, 0);
    c.args.hResource = resource;
    assert_int_equal(create(f, &c), 0);
    return c.info.hAllocation;
}

static inline D3DKMT_HANDLE create_resource(struct fixture *f, uint32_t flags, D3DKMT_HANDLE *allocation)
{
    struct creation c;
    prepare(&c, f, D3DKMT_CREATEALLOCATION_CreateResource | flags);
    assert_int_equal(create(f, &c), 0);
    if (allocation)
        *allocation = c.info.hAllocation;
    return c.args.hResource;
}

static inline long destroy(struct fixture *f, D3DKMT_HANDLE resource, const D3DKMT_HANDLE *list, uint32_t count)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {
        .hDevice = f->device, .hResource = resource, .phAllocationList = list, .AllocationCount = count};
    return CALL(f, 0x13, &args);
}

static inline void *hold_until_the_end(void *gpu)
{
    softgpu_lock(gpu);
    return NULL;
}

/* A thread ends with the state's lock held, as a process does that is killed in a call: what is kept besides the objects is made
   again from them. */
static inline void let_the_holder_die(struct fixture *f)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold_until_the_end, f->gpu), 0);
    pthread_join(thread, NULL);
    softgpu_lock(f->gpu);
    softgpu_unlock(f->gpu);
}

/* A paging queue; *fence is where its fence's value lies. */
static inline D3DKMT_HANDLE create_queue(struct fixture *f, const uint64_t **fence)
{
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = f->device};
    assert_int_equal(CALL(f, 0x07, &queue), 0);
    *fence = queue.FenceValueCPUVirtualAddress;
    return queue.hPagingQueue;
}

#endif
