/*
 * softgpu's core under any sequence of ioctls with any arguments: it must not fault, must stay within the memory that it is given,
 * must answer with a value or an errno, must count memory rightly, and must let go of everything when a process leaves.
 *
 * The input is a list of calls: a number, then the structure's bytes, patched so that calls get somewhere: handle members become
 * handles that were given out before, pointers lead into the arena (or past its end, or nowhere).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "softgpu/softgpu.h"

enum { ARENA_SIZE = 1 << 18, HANDLES = 8, CALLS_MAX = 256 };
enum kind { ADAPTER, DEVICE, RESOURCE, ALLOCATION, CONTEXT, QUEUE, KINDS };
#define ARENA_ADDRESS 0x100000u

/* The program's memory, at addresses of its own: nothing of ours is reachable from the core. */
static unsigned char arena[ARENA_SIZE];
static D3DKMT_HANDLE handles[KINDS][HANDLES]; /* the last ones given out */
static unsigned handle_count[KINDS];
static uint8_t number; /* of the call that is being made */

static unsigned char *reach(uint64_t address, size_t size)
{
    if (address < ARENA_ADDRESS || size > ARENA_SIZE || address - ARENA_ADDRESS > ARENA_SIZE - size)
        return NULL;
    return arena + (address - ARENA_ADDRESS);
}

static int read_arena(void *user, void *to, uint64_t from, size_t size)
{
    (void)user;
    const unsigned char *place = reach(from, size);
    if (!place)
        return -EFAULT;
    memcpy(to, place, size);
    return 0;
}

/* Keeps a handle that the core writes: later calls name it. */
static void remember(uint64_t to, const void *from, size_t size)
{
    enum kind kind = number == 0x02 ? DEVICE : number == 0x04 ? CONTEXT : number == 0x06 ? ALLOCATION : ADAPTER;
    if (number == 0x06 && to == ARENA_ADDRESS + offsetof(struct D3DKMT_CREATEALLOCATION, hResource))
        kind = RESOURCE;
    if (number == 0x07) {
        kind = QUEUE;
        from = (const char *)from + offsetof(struct D3DKMT_CREATEPAGINGQUEUE, hPagingQueue);
    } else if (size != sizeof(D3DKMT_HANDLE) && size != sizeof(struct D3DKMT_ADAPTERINFO)) {
        return;
    }
    memcpy(&handles[kind][handle_count[kind]++ % HANDLES], from, sizeof(D3DKMT_HANDLE));
}

static int write_arena(void *user, uint64_t to, const void *from, size_t size)
{
    (void)user;
    unsigned char *place = reach(to, size);
    if (!place)
        return -EFAULT;
    memcpy(place, from, size);
    remember(to, from, size);
    return 0;
}

static uint64_t fence_address(void *user, size_t offset)
{
    (void)user;
    return 0x7000000 + offset;
}

static const struct softgpu_memory memory = {.read = read_arena, .write = write_arena, .fence_address = fence_address};

/* Requests, the size of their structure, the kind that its handle at word `at` names, and which 64-bit words are pointers. */
static const struct {
    uint8_t number, size, kind, at, pointer_words;
} requests[] = {
    {0x14, 16, KINDS, 0, 1 << 1}, {0x3e, 24, KINDS, 0, 1 << 2}, {0x01, 12, KINDS, 0, 0}, {0x15, 4, ADAPTER, 0, 0},
    {0x09, 24, ADAPTER, 0, 1 << 1}, {0x0a, 56, ADAPTER, 2, 0}, {0x02, 64, ADAPTER, 0, 0}, {0x19, 4, DEVICE, 0, 0},
    {0x0e, 56, DEVICE, 0, 0}, {0x04, 40, DEVICE, 0, 1 << 2}, {0x05, 4, CONTEXT, 0, 0}, {0x07, 32, DEVICE, 0, 0},
    {0x1c, 4, QUEUE, 0, 0}, {0x06, 72, DEVICE, 0, 0x54}, {0x06, 72, DEVICE, 0, 0x54}, {0x06, 72, DEVICE, 0, 0x54},
    {0x13, 24, DEVICE, 0, 1 << 1}, {0x13, 24, DEVICE, 0, 1 << 1}, {0x13, 24, DEVICE, 0, 1 << 1}, {0x28, 72, DEVICE, 0, 0},
};

struct input {
    const uint8_t *data;
    size_t size;
};

static void take(struct input *input, void *to, size_t size)
{
    size_t there = input->size < size ? input->size : size;
    memset(to, 0, size);
    memcpy(to, input->data, there);
    input->data += there;
    input->size -= there;
}

/* Places in the arena: the structure at its begin, then private data, a list of handles, and elements that are good. */
enum { AT_DATA = 1024, DATA_STEP = 128, DATA_COUNT = 64, AT_LIST = 12288, AT_ELEMENTS = 16384, ELEMENTS = 128 };

/* A pointer member: to something good, anywhere into the arena, to its very end, null, or anything. */
static uint64_t patch_pointer(uint64_t value)
{
    switch (value & 7) {
    case 0:
        return ARENA_ADDRESS + (value >> 3) % ARENA_SIZE;
    case 1:
        return ARENA_ADDRESS + ARENA_SIZE - (value >> 3) % 256;
    case 2:
        return ARENA_ADDRESS + AT_DATA + (value >> 3) % DATA_COUNT * DATA_STEP;
    case 3:
        return ARENA_ADDRESS + AT_LIST + (value >> 3) % 8 * 4;
    case 4:
        return value & 8 ? 0 : value;
    default:
        return ARENA_ADDRESS + AT_ELEMENTS + (value >> 3) % 8 * sizeof(struct D3DDDI_ALLOCATIONINFO2);
    }
}

/* A handle member: mostly one that was given out lately, the last one most often. */
static uint32_t patch_handle(uint32_t value, enum kind kind)
{
    unsigned back = value & 8 ? (value >> 4) % HANDLES : 0;
    return (value & 7) == 0 ? value : handles[kind][(handle_count[kind] + HANDLES - 1 - back) % HANDLES];
}

/* CreateAllocation's numbers, mostly such that it comes far: flags that exist, few elements, little data. */
static void patch_create(uint32_t *halves)
{
    if (halves[14] & 0x80000000u)
        halves[14] &= halves[14] & 0x40000000u ? 0x43 : 0x10063;
    halves[11] %= halves[11] & 0x80000000u ? 1200 : 9;
    for (int i = 6; i <= 10; i += 4)
        halves[i] %= halves[i] & 0x80000000u ? 140000 : 64;
}

static void fill_arena(void)
{
    memset(arena, 0, sizeof arena);
    for (uint32_t i = 0; i < DATA_COUNT; i++) {
        struct softgpu_private_data own = {.magic = SOFTGPU_MAGIC, .size = 1u << i % 22, .flags = i % 3};
        memcpy(arena + AT_DATA + DATA_STEP * i, &own, sizeof own);
    }
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        struct D3DDDI_ALLOCATIONINFO2 element = {.PrivateDriverDataSize = sizeof(struct softgpu_private_data)};
        element.pPrivateDriverData = (void *)(uintptr_t)(ARENA_ADDRESS + AT_DATA + DATA_STEP * (i % DATA_COUNT));
        memcpy(arena + AT_ELEMENTS + i * sizeof element, &element, sizeof element);
    }
}

static void call(struct softgpu *gpu, int place, struct input *input)
{
    uint8_t which;
    uint64_t words[9];
    uint32_t halves[18];
    take(input, &which, 1);
    which %= sizeof requests / sizeof *requests;
    take(input, words, requests[which].size);
    for (int i = 0; i < 9; i++)
        if (requests[which].pointer_words & 1 << i)
            words[i] = patch_pointer(words[i]);
    memcpy(halves, words, sizeof halves);
    number = requests[which].number;
    if (requests[which].kind != KINDS)
        halves[requests[which].at] = patch_handle(halves[requests[which].at], requests[which].kind);
    if (number == 0x06 || number == 0x13) /* hResource, or none */
        halves[1] = halves[1] & 0x80000000u ? patch_handle(halves[1], RESOURCE) : 0;
    if (number == 0x06)
        patch_create(halves);
    if (number == 0x13)
        halves[4] %= halves[4] & 0x80000000u ? 1200 : 5; /* AllocationCount */
    if (number == 0x09 && halves[1] & 0x80) { /* a type that there is, and its size */
        static const uint16_t types[][2] = {{1, 524}, {3, 24}, {8, 2080}, {15, 4}, {24, 4}, {25, 78}, {31, 28}, {60, 80}, {65, 8192}};
        size_t type = halves[1] % (sizeof types / sizeof *types);
        halves[1] = types[type][0], halves[4] = types[type][1];
    }
    for (uint32_t i = 0; i < 16; i++)
        memcpy(arena + AT_LIST + 4 * i, &handles[ALLOCATION][(handle_count[ALLOCATION] + HANDLES - 1 - i % HANDLES) % HANDLES], 4);
    memcpy(arena, halves, requests[which].size);
    unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, 'G', number, (unsigned)requests[which].size);
    long result = softgpu_ioctl(gpu, place, request, ARENA_ADDRESS, &memory);
    if (result < -4095 && (uint32_t)result != (uint32_t)STATUS_INVALID_PARAMETER)
        abort();
}

/* What a process uses, as it may ask itself. */
static uint64_t usage(struct softgpu *gpu, int place)
{
    uint64_t sum = 0;
    number = 0x14;
    for (uint32_t group = 0; group < 2; group++) {
        struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = (void *)(uintptr_t)(ARENA_ADDRESS + 64)};
        struct D3DKMT_ADAPTERINFO adapter;
        memcpy(arena, &list, sizeof list);
        if (softgpu_ioctl(gpu, place, DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), ARENA_ADDRESS, &memory) != 0)
            abort();
        memcpy(&adapter, arena + 64, sizeof adapter);
        struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = adapter.hAdapter, .MemorySegmentGroup = group};
        memcpy(arena, &info, sizeof info);
        if (softgpu_ioctl(gpu, place, DXG_IOCTL(0x0a, struct D3DKMT_QUERYVIDEOMEMORYINFO), ARENA_ADDRESS, &memory) != 0)
            abort();
        memcpy(&info, arena, sizeof info);
        if (info.CurrentUsage > info.Budget)
            abort();
        sum += info.CurrentUsage;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct softgpu *gpu = mmap(NULL, SOFTGPU_STATE_SIZE, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const struct softgpu_config config = {.local_size = 1 << 20, .system_size = 1 << 20, .adapters = 1};
    if (gpu == MAP_FAILED || softgpu_init(gpu, &config) != 0)
        abort();
    struct input input = {data, size};
    fill_arena();
    memset(handle_count, 0, sizeof handle_count);
    memset(handles, 0, sizeof handles);
    softgpu_lock(gpu);
    int places[] = {softgpu_process_enter(gpu, 1, 1), softgpu_process_enter(gpu, 2, 2)};
    softgpu_unlock(gpu);
    for (int i = 0; i < 2; i++) { /* each has an adapter and a device to begin with */
        static const uint8_t opening[] = {0, [1] = 1, [9] = 5};
        struct input first = {opening, sizeof opening}, second = {(const uint8_t[]){6, 2}, 2};
        call(gpu, places[i], &first);
        call(gpu, places[i], &second);
    }
    for (int i = 0; i < CALLS_MAX && input.size; i++)
        call(gpu, places[*input.data >> 7], &input);
    usage(gpu, places[0]);
    softgpu_lock(gpu);
    softgpu_process_leave(gpu, 1, 1);
    softgpu_process_leave(gpu, 2, 2);
    places[0] = softgpu_process_enter(gpu, 3, 3);
    softgpu_unlock(gpu);
    if (usage(gpu, places[0]) != 0)
        abort();
    munmap(gpu, SOFTGPU_STATE_SIZE);
    return 0;
}
