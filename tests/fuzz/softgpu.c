/*
 * softgpu's core under any sequence of ioctls with any arguments: it must not fault, must stay within the memory that it is given,
 * must answer with a value or an errno, must count memory rightly, and must let go of everything when a process leaves.
 *
 * The input is a list of calls: a number, then the structure's bytes, patched so that calls get somewhere: handle members become
 * handles that were given out before, pointers lead into the arena (or past its end, or nowhere).
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "softgpu/softgpu.h"

enum { ARENA_SIZE = 1 << 18, HANDLES = 8, CALLS_MAX = 256 };
enum kind { ADAPTER, DEVICE, RESOURCE, ALLOCATION, CONTEXT, QUEUE, SYNC, HW_QUEUE, KINDS };
#define ARENA_ADDRESS 0x100000u

/* The program's memory, at addresses of its own: nothing of ours is reachable from the core. */
static unsigned char arena[ARENA_SIZE];
static D3DKMT_HANDLE handles[KINDS][HANDLES]; /* the last ones given out */
static unsigned handle_count[KINDS];
static uint8_t number; /* of the call that is being made */
enum { DIE = 0xff }; /* no request: the holder of the lock dies */

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
        const struct D3DKMT_CREATEPAGINGQUEUE *queue = from;
        memcpy(&handles[SYNC][handle_count[SYNC]++ % HANDLES], &queue->hSyncObject, sizeof(D3DKMT_HANDLE));
        kind = QUEUE;
        from = &queue->hPagingQueue;
    } else if (number == 0x10 && size == sizeof(struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2)) {
        kind = SYNC;
        from = (const char *)from + offsetof(struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2, hSyncObject);
    } else if (number == 0x40 && size == sizeof(struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2)) {
        kind = SYNC;
        from = (const char *)from + offsetof(struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2, hSyncObject);
    } else if (number == 0x18 && to == ARENA_ADDRESS + offsetof(struct D3DKMT_CREATEHWQUEUE, hHwQueue)) {
        kind = HW_QUEUE;
    } else if (number == 0x42 && to == ARENA_ADDRESS + offsetof(struct D3DKMT_OPENRESOURCEFROMNTHANDLE, hResource)) {
        kind = RESOURCE;
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

/* Contents: which are mapped, to see that none lies over another and all are unmapped in the end. */
enum { CONTENTS_SIZE = 1 << 22, MAPS = 1024 };
static struct {
    uint64_t offset, size;
} maps[MAPS];

static uint64_t map_content(void *user, uint64_t offset, uint64_t size)
{
    (void)user;
    int place = -1;
    if (offset > CONTENTS_SIZE || size > CONTENTS_SIZE - offset)
        abort();
    for (int i = 0; i < MAPS; i++) {
        if (maps[i].size == 0)
            place = i;
        else if (offset < maps[i].offset + maps[i].size && maps[i].offset < offset + size)
            abort();
    }
    if (place < 0)
        return 0;
    maps[place].offset = offset, maps[place].size = size;
    return 0x40000000u + (uint64_t)place * 4096;
}

static void unmap_content(void *user, uint64_t address, uint64_t size)
{
    (void)user;
    uint64_t place = (address - 0x40000000u) / 4096;
    if (place >= MAPS || maps[place].size != size)
        abort();
    maps[place].size = 0;
}

static void clear_content(void *user, uint64_t offset, uint64_t size)
{
    (void)user;
    if (offset > CONTENTS_SIZE || size > CONTENTS_SIZE - offset)
        abort();
}

/* NT handles: the last ones made, by number; making another closes the oldest. */
enum { NT_HANDLES = 8, EVENTS = 4 };
static struct softgpu_name names[NT_HANDLES];
static bool name_open[NT_HANDLES];
static unsigned name_count;

static int share(void *user, struct softgpu_name *name)
{
    (void)user;
    name->note = 1;
    names[name_count % NT_HANDLES] = *name;
    name_open[name_count % NT_HANDLES] = true;
    return (int)(name_count++ % NT_HANDLES);
}

static void close_name(void *user, int descriptor) { (void)user, name_open[descriptor] = false; }

static int read_name(void *user, uint64_t descriptor, struct softgpu_name *name)
{
    (void)user;
    if (descriptor >= NT_HANDLES || !name_open[descriptor])
        return -EINVAL;
    *name = names[descriptor];
    return 0;
}

static bool is_held(void *user, const struct softgpu_name *name)
{
    (void)user;
    for (int i = 0; i < NT_HANDLES; i++)
        if (name_open[i] && names[i].serial == name->serial)
            return true;
    return false;
}

/* Events: none is signalled or dropped that isn't taken. */
static int events[EVENTS];

static int take_event(void *user, uint64_t descriptor)
{
    (void)user;
    if (descriptor % 8 >= EVENTS)
        return -EINVAL;
    events[descriptor % 8]++;
    return (int)(descriptor % 8);
}

static void signal_event(void *user, int event)
{
    (void)user;
    if (event < 0 || event >= EVENTS || events[event] <= 0)
        abort();
}

static void drop_event(void *user, int event)
{
    signal_event(user, event);
    events[event]--;
}

/* A sleep is interrupted at once. */
static int sleep_on(void *user, const uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    (void)user, (void)word, (void)value, (void)timeout_ns;
    return -EINTR;
}

static const struct softgpu_memory memory = {.read = read_arena,
                                             .share = share,
                                             .unshare = close_name,
                                             .shared = read_name,
                                             .held = is_held,
                                             .take_event = take_event,
                                             .signal_event = signal_event,
                                             .drop_event = drop_event,
                                             .sleep = sleep_on,
                                             .write = write_arena,
                                             .fence_address = fence_address,
                                             .map = map_content,
                                             .unmap = unmap_content,
                                             .clear = clear_content};

/* Requests, the size of their structure, the kind that its handle at word `at` names, which 64-bit words are pointers, and the same
   of a second handle, if it has one. */
static const struct {
    uint8_t number, size, kind, at;
    uint16_t pointer_words;
    uint8_t second, second_at;
} requests[] = {
    {0x14, 16, KINDS, 0, 1 << 1}, {0x3e, 24, KINDS, 0, 1 << 2}, {0x01, 12, KINDS, 0, 0}, {0x15, 4, ADAPTER, 0, 0},
    {0x09, 24, ADAPTER, 0, 1 << 1}, {0x0a, 56, ADAPTER, 2, 0}, {0x02, 64, ADAPTER, 0, 0}, {0x19, 4, DEVICE, 0, 0},
    {0x0e, 56, DEVICE, 0, 0}, {0x04, 40, DEVICE, 0, 1 << 2}, {0x05, 4, CONTEXT, 0, 0}, {0x07, 32, DEVICE, 0, 0},
    {0x1c, 4, QUEUE, 0, 0}, {0x06, 72, DEVICE, 0, 0x54}, {0x06, 72, DEVICE, 0, 0x54}, {0x06, 72, DEVICE, 0, 0x54},
    {0x13, 24, DEVICE, 0, 1 << 1}, {0x13, 24, DEVICE, 0, 1 << 1}, {0x13, 24, DEVICE, 0, 1 << 1}, {0x28, 72, DEVICE, 0, 0},
    {0x08, 72, ADAPTER, 0, 0}, {0x0c, 104, QUEUE, 0, 0, ALLOCATION, 8}, {0x0c, 104, QUEUE, 0, 0, ALLOCATION, 8},
    {0x20, 24, ADAPTER, 0, 0}, {0x39, 56, DEVICE, 0, 1 << 2, CONTEXT, 1}, {0x25, 24, DEVICE, 0, 0, ALLOCATION, 1},
    {0x37, 8, DEVICE, 0, 0, ALLOCATION, 1}, {0x24, 24, DEVICE, 0, 0, ALLOCATION, 1}, {0x27, 40, DEVICE, 0, 3 << 1},
    {0x2c, 40, QUEUE, 0, 7 << 1}, {0x38, 40, QUEUE, 0, 0, ALLOCATION, 1}, {0x16, 32, ADAPTER, 2, 0},
    {0x0b, 48, QUEUE, 0, 1 << 1}, {0x1e, 32, DEVICE, 0, 1 << 1}, {0x2a, 32, DEVICE, 0, 5 << 1}, {0x2e, 32, DEVICE, 0, 5 << 1},
    {DIE, 8, KINDS, 0, 0},
    {0x06, 72, DEVICE, 0, 0x54}, {0x3f, 40, KINDS, 0, 1 << 4}, {0x41, 40, DEVICE, 0, 1 << 2}, {0x42, 104, DEVICE, 0, 0x2a8},
    {0x10, 96, DEVICE, 0, 0}, {0x10, 96, DEVICE, 0, 0}, {0x1d, 4, SYNC, 0, 0}, {0x40, 88, DEVICE, 2, 0},
    {0x31, 32, DEVICE, 0, 1 << 2}, {0x32, 80, CONTEXT, 0, 1 << 2}, {0x33, 96, KINDS, 0, 1 << 3 | 1 << 4},
    {0x3a, 40, DEVICE, 0, 1 << 2}, {0x3b, 80, CONTEXT, 0, 1 << 2}, {0x18, 48, CONTEXT, 0, 1 << 2}, {0x1b, 4, HW_QUEUE, 0, 0},
    {0x34, 56, HW_QUEUE, 0, 1 << 4 | 1 << 6}, {0x35, 40, KINDS, 0, 1 << 1 | 1 << 4}, {0x36, 24, HW_QUEUE, 0, 1 << 2},
    {0x0d, 32, ADAPTER, 0, 1 << 2}, {0x1f, 4, ADAPTER, 0, 0}, {0x44, 24, DEVICE, 0, 0},
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
enum { AT_DATA = 1024, DATA_STEP = 128, DATA_COUNT = 64, AT_OPERATIONS = 10240, AT_LIST = 12288, AT_ELEMENTS = 16384, ELEMENTS = 128 };

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

/* A multiple of the page or of 64 KiB, small, so that areas meet: 0 now and then. */
static uint64_t patch_area(uint64_t value, uint32_t most)
{
    return value & 1 ? value : (value >> 2) % most << (value & 2 ? 12 : 16);
}

/* The numbers of the calls about addresses, locks and offers, such that most come far. */
static void patch_memory(uint64_t *words, uint32_t *halves)
{
    if (number == 0x08)
        for (int i = 1; i <= 4; i++)
            words[i] = patch_area(words[i], i == 4 ? 8 : 64);
    if (number == 0x0c) {
        for (int i = 1; i <= 3; i++)
            words[i] = patch_area(words[i], 64);
        words[5] %= 8, words[6] %= 20, words[7] %= 32;
    }
    if (number == 0x20)
        words[1] = patch_area(words[1], 64), words[2] = patch_area(words[2], 20);
    memcpy(halves, words, 26 * sizeof *halves);
    if (number == 0x0b || number == 0x1e || number == 0x2c)
        halves[1] %= halves[1] & 0x80000000u ? 12000 : 5;
    if (number == 0x27)
        halves[6] %= 5, halves[7] %= 6, halves[8] %= 4;
    if ((number == 0x27 || number == 0x2c) && halves[2] & 1) /* one list of two */
        halves[2] = halves[3] = 0;
    else if (number == 0x27 || number == 0x2c)
        halves[4] = halves[5] = 0;
    if (number == 0x38)
        halves[2] %= 5, halves[3] %= 3, halves[8] %= 17;
    if (number == 0x25)
        halves[2] = 0;
    if (number == 0x2a || number == 0x2e)
        halves[1] = 0, halves[4] %= 9;
    if (number == 0x39)
        halves[3] = 1 + halves[3] % 4;
}

/* Counts, types and flags of the calls about sharing and waiting, such that most come far; lists of the right kind. */
static void patch_sync(uint64_t *words)
{
    uint32_t halves[26], type;
    memcpy(halves, words, sizeof halves);
    uint64_t shares = ARENA_ADDRESS + AT_LIST + 64, syncs = ARENA_ADDRESS + AT_LIST + 128, contexts = ARENA_ADDRESS + AT_LIST + 192;
    uint64_t queues = ARENA_ADDRESS + AT_LIST + 256;
    uint32_t few = halves[0] & 0x80000000u ? halves[1] % 40 : 1 + halves[1] % 3;
    switch (number) {
    case 0x3f:
        halves[0] = halves[0] % 4 != 0, words[1] = shares + halves[2] % 16 * 4;
        memcpy(words, halves, sizeof *halves);
        break;
    case 0x41:
    case 0x42:
        words[1] %= 9;
        break;
    case 0x40:
        words[0] %= 9;
        break;
    case 0x10:
        type = halves[2] & 0x80000000u ? halves[2] % 9 : D3DDDI_MONITORED_FENCE;
        words[1] = type | (uint64_t)(halves[3] % 4 == 3 ? halves[3] % 256 : halves[3] % 2 * 3) << 32;
        if (type == D3DDDI_SEMAPHORE)
            halves[4] %= 4, halves[5] %= 4, memcpy(&words[2], &halves[4], 8);
        break;
    case 0x31:
    case 0x32:
    case 0x3a:
    case 0x3b:
    case 0x36:
        words[0] = (uint32_t)words[0] | (uint64_t)few << 32;
        words[1] = syncs + halves[2] % 16 * 4;
        words[2] = ARENA_ADDRESS + AT_OPERATIONS + halves[4] % 64 * 8; /* any values, small ones among them */
        if (number == 0x3a)
            words[3] = halves[6] % 3 ? 0 : halves[6] % 16;
        break;
    case 0x33:
        words[0] = few, words[1] = syncs + halves[2] % 16 * 4;
        words[2] = (halves[4] & 2 ? 2 : halves[4] & 4) | (uint64_t)(1 + halves[5] % 3) << 32;
        words[3] = contexts + halves[6] % 16 * 4;
        words[4] = halves[4] & 2 ? halves[8] % 16 : ARENA_ADDRESS + AT_OPERATIONS;
        if (halves[4] & 2)
            words[0] = halves[0] % 8 == 0;
        break;
    case 0x35:
        words[0] = (halves[0] & 4) | (uint64_t)(1 + halves[1] % 3) << 32, words[1] = queues + halves[2] % 16 * 4;
        words[2] = few, words[3] = syncs + halves[6] % 16 * 4, words[4] = ARENA_ADDRESS + AT_OPERATIONS;
        break;
    case 0x04:
        halves[1] &= halves[1] >> 31; /* the one node, mostly; every other for hardware queues */
        halves[3] = halves[3] & 1 ? 16 : halves[3], halves[6] %= 200;
        memcpy(words, halves, 32);
        break;
    case 0x07:
        words[3] = (uint32_t)words[3]; /* the one physical adapter */
        break;
    case 0x18:
    case 0x0d:
        halves[number == 0x18 ? 2 : 6] %= 100, memcpy(words, halves, 32);
        break;
    case 0x34:
        words[1] %= 64, halves[7] %= 64, halves[10] %= 3;
        memcpy(&words[3], &halves[6], 8), memcpy(&words[5], &halves[10], 8);
        break;
    default:
        break;
    }
}

/* Lists of handles of each kind that calls take lists of, 16 each behind those of allocations. */
static void fill_lists(void)
{
    static const enum kind kinds[] = {ALLOCATION, RESOURCE, SYNC, CONTEXT, HW_QUEUE};
    for (uint32_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (uint32_t i = 0; i < 16; i++) {
            enum kind of = kinds[kind] == RESOURCE && i % 3 == 2 ? SYNC : kinds[kind];
            memcpy(arena + AT_LIST + 64 * kind + 4 * i, &handles[of][(handle_count[of] + HANDLES - 1 - i % HANDLES) % HANDLES], 4);
        }
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

/* Operations of an update: of the four kinds, and one that there isn't. */
static void fill_operations(struct input *input)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t words[8];
        take(input, words, 16);
        uint32_t kind = words[0] % 5;
        words[2] = patch_area(words[1] >> 8, 16);
        words[1] = patch_area(words[1] >> 32, 64);
        words[3] = kind == 2 ? patch_area(words[0] >> 16, 64)
                             : handles[ALLOCATION][(handle_count[ALLOCATION] + HANDLES - 1 - words[0] / 5 % 2) % HANDLES];
        words[4] = words[0] >> 40 & 0x7000;
        words[5] = words[0] & 1 ? words[2] : 4096;
        words[6] = words[7] = 0;
        words[0] = kind;
        memcpy(arena + AT_OPERATIONS + i * sizeof words, words, sizeof words);
    }
}

static void *hold_and_die(void *gpu)
{
    softgpu_lock(gpu);
    return NULL;
}

/* A thread ends with the lock held, as a killed process does: all that is kept besides the entries is made again. */
static void die(struct softgpu *gpu)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, hold_and_die, gpu) == 0)
        pthread_join(thread, NULL);
    softgpu_lock(gpu);
    softgpu_unlock(gpu);
}

static void call(struct softgpu *gpu, int place, struct input *input)
{
    uint8_t which;
    uint64_t words[13];
    uint32_t halves[26];
    take(input, &which, 1);
    which %= sizeof requests / sizeof *requests;
    take(input, words, requests[which].size);
    for (int i = 0; i < 10; i++)
        if (requests[which].pointer_words & 1 << i)
            words[i] = patch_pointer(words[i]);
    number = requests[which].number;
    if (number == DIE) {
        die(gpu);
        return;
    }
    patch_sync(words);
    patch_memory(words, halves);
    if (requests[which].second)
        halves[requests[which].second_at] = patch_handle(halves[requests[which].second_at], requests[which].second);
    if (number == 0x39) {
        halves[2] = patch_handle(halves[2], SYNC);
        uint64_t operations = ARENA_ADDRESS + AT_OPERATIONS;
        fill_operations(input);
        if (halves[4] & 1)
            memcpy(&halves[4], &operations, sizeof operations);
    }
    if ((number == 0x15 || number == 0x19) && halves[0] & 0x1f0) /* what all hangs on goes seldom */
        halves[0] = 0;
    else if (requests[which].kind != KINDS)
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
    fill_lists();
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
        if (info.CurrentUsage > 1 << 20 || info.Budget > 1 << 20)
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
    const struct softgpu_config config = {.local_size = 1 << 20, .system_size = 1 << 20, .contents_size = CONTENTS_SIZE, .adapters = 1};
    if (gpu == MAP_FAILED || softgpu_init(gpu, &config) != 0)
        abort();
    struct input input = {data, size};
    fill_arena();
    memset(handle_count, 0, sizeof handle_count);
    memset(handles, 0, sizeof handles);
    memset(events, 0, sizeof events);
    memset(name_open, 0, sizeof name_open);
    name_count = 0;
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
    softgpu_tidy(gpu, &memory);
    for (int i = 0; i < MAPS; i++)
        if (maps[i].size)
            abort();
    places[0] = softgpu_process_enter(gpu, 3, 3);
    softgpu_unlock(gpu);
    if (usage(gpu, places[0]) != 0)
        abort();
    munmap(gpu, SOFTGPU_STATE_SIZE);
    return 0;
}
