/*
 * The arguments of an ioctl, hostile: any request and size on any kind of device, structures full of pointers that lead into mapped
 * memory, to its last byte, or nowhere, and a driver that writes anything back. Capture must neither fault nor touch what it does
 * not own, and every event that it sends must be readable as its row says.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/dispatch.h"
#include "preload/files.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "preload/shape.h"
#include "preload/thread.h"

enum { DEVICES = 5, ARENA = 64 * 1024, FDS = 100 };
static const char *const drivers[DEVICES] = {"dxg", "virtio_gpu", "radeon", "qxl", "other"};

static uint8_t *arena; /* ARENA bytes; what follows is not mapped */
static const uint8_t *input;
static size_t input_left;
static volatile uint64_t sum; /* so that reading an event's bytes is not optimised away */

static uint64_t take(unsigned bytes)
{
    uint64_t value = 0;
    if (bytes > input_left)
        bytes = (unsigned)input_left;
    memcpy(&value, input, bytes);
    input += bytes;
    input_left -= bytes;
    return value;
}

static bool all_enabled(enum ga_row_id row)
{
    (void)row;
    return true;
}

static uint64_t read_bytes(const void *bytes, size_t size)
{
    uint64_t total = 0;
    for (size_t i = 0; i < size; i++)
        total += ((const uint8_t *)bytes)[i];
    return total;
}

static void emit(enum ga_row_id row, const void *record)
{
    sum += read_bytes(record, ga_rows[row].record_size);
    for (const struct ga_member *m = ga_rows[row].members(); m->name; m++) {
        const char *r = record;
        const void *pointed;
        memcpy(&pointed, r + (m->in != GA_NONE ? m->in : 0), sizeof pointed);
        uint64_t length = m->kind == GA_WORDS || m->kind == GA_ARRAY ? ga_load(r + m->length, 4, false) : 0;
        if (length > GA_ARRAY_MAX)
            abort();
        if (length)
            sum += read_bytes(pointed, length * m->entry);
        if (m->kind == GA_STR)
            sum += read_bytes(pointed, strlen(pointed));
        else if (m->kind == GA_ELEMENTS && ga_load(r + m->in, 4, false) > GA_ELEMENTS_MAX)
            abort();
    }
}

static uint64_t no_clock(void) { return 1; }

static int probe(int fd, struct capture_probe *found)
{
    if (fd < FDS || fd >= FDS + DEVICES)
        return 0;
    *found = (struct capture_probe){.device = (uint64_t)fd, .dxg = fd == FDS};
    strcpy(found->driver, drivers[fd - FDS]);
    strcpy(found->path, drivers[fd - FDS]);
    return 1;
}

static const struct capture_ops ops = {all_enabled, emit, no_clock, probe};

static uint8_t *structure; /* the arguments, or null when they are somewhere else; room bytes */
static size_t room;

/* The driver: scribbles, fails, or unmaps nothing. */
static int real(int fd, unsigned long request, ...)
{
    (void)fd;
    (void)request;
    for (unsigned i = (unsigned)take(1) % 8; i > 0; i--) {
        if (structure)
            structure[take(1) % room] = (uint8_t)take(1);
        arena[take(2) % ARENA] = (uint8_t)take(1);
    }
    static const int errors[] = {0, EINTR, EINVAL, ENOMEM};
    errno = errors[take(1) % 4];
    return errno ? -1 : (int)take(4);
}

static NTSTATUS real_thunk(void *arguments)
{
    return (NTSTATUS)dispatch_ioctl(FDS, DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION), arguments,
                                    (uintptr_t)__builtin_frame_address(0), real);
}

/* A pointer of the kind that the input wants. */
static uint64_t pointer(void)
{
    switch (take(1) % 6) {
    case 0: return 0;
    case 1: return take(8);
    case 2: return (uintptr_t)(arena + ARENA - take(1)); /* near the end */
    case 3: return (uintptr_t)arena + ARENA;
    default: return (uintptr_t)(arena + take(2) % ARENA);
    }
}

static void set_up(void)
{
    long page = sysconf(_SC_PAGESIZE);
    arena = mmap(NULL, ARENA + (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        abort();
    munmap(arena + ARENA, (size_t)page);
    for (size_t i = 0; i < ARENA; i++)
        arena[i] = (uint8_t)(i * 7);
    capture_ops = &ops;
    shape_init();
    thread_init();
    process_init();
}

/* Pointers where the interfaces have them: each 8 bytes of the arena's beginning and of the structure may become one. */
static void plant(uint8_t *memory, size_t size)
{
    for (unsigned i = (unsigned)take(1) % 10; i > 0; i--) {
        size_t at = take(1) * 8 % size;
        uint64_t value = pointer();
        memcpy(memory + at, &value, at + 8 <= size ? 8 : size - at);
    }
}

/* A hook's frame lies below what its caller passes. */
__attribute__((noinline)) static void hook(int fd, unsigned long request, void *argument)
{
    (void)dispatch_ioctl(fd, request, argument, (uintptr_t)__builtin_frame_address(0), real);
}

__attribute__((noinline)) static void hook_thunk(const struct dispatch_thunk *thunk, void *argument)
{
    (void)dispatch_thunk(thunk, argument, (uintptr_t)__builtin_frame_address(0), real_thunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!arena)
        set_up();
    input = data;
    input_left = size;
    uint8_t kind = (uint8_t)take(1), on_stack[96] = {0};
    int fd = FDS + kind % DEVICES;
    /* Known requests more often than others. */
    const struct ga_row *row = &ga_rows[take(1) % GA_ROW_COUNT];
    unsigned number = kind & 0x80 || row->kind != GA_ROW_CALL ? (unsigned)take(1) : row->number;
    unsigned bytes = kind & 0x40 || row->kind != GA_ROW_CALL ? (unsigned)take(2) % 16384 : row->abi_size;
    structure = kind & 0x20 ? arena + ARENA - 80 + take(1) % 80 : on_stack;
    room = kind & 0x20 ? (size_t)(arena + ARENA - structure) : sizeof on_stack;
    for (size_t i = 0; i < room && i < 80; i++)
        structure[i] = (uint8_t)take(1);
    plant(structure, room);
    plant(arena, 1024);
    void *argument = kind & 0x10 ? (void *)(uintptr_t)pointer() : structure;
    if (argument != structure)
        structure = NULL;

    struct dispatch_thunk thunk = {.row = kind & 8 ? GA_ROW_d3dkmt_create_allocation : GA_ROW_d3dkmt_destroy_allocation,
                                   .size = kind & 8 ? 72 : 20, .older = kind & 4};
    if (kind % 7 == 6)
        hook_thunk(&thunk, argument);
    else
        hook(fd, _IOC(_IOC_READ | _IOC_WRITE, fd == FDS ? 'G' : 'd', number, bytes), argument);
    return 0;
}
