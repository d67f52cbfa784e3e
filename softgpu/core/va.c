/*
 * softgpu's GPU addresses: one space for each process and adapter. What a process holds of it are ranges, made by a reserve or by a
 * map that chose its place; in them mappings lead to allocations. A map may put another mapping over part of one. A mapping ends with
 * its allocation, a range with its free or with the process.
 *
 * dxgkrnl looks at handles and hands the rest to the host, whose refusals are statuses of the D3DKMT reference. Its reply to a reserve
 * has no room for a status; here the caller is told by the same errno as for the others.
 */
#include <errno.h>

#include "softgpu/state.h"

#define PROTECTION(name) D3DDDIGPUVIRTUALADDRESS_PROTECTION_##name
#define LOWEST_ADDRESS 0x10000u
#define ADDRESSES_END (1ull << 48)
enum { RESERVE_ALIGNMENT = 0x10000, RESERVATION_TYPES = 3 };

/* Operations of one update: as many as fit a bus packet with its header (56 bytes). Behind them in scratch space a copy's pieces. */
enum { OPERATIONS_MAX = (DXG_BUS_PACKET_SIZE - 56) / sizeof(struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION) };
struct piece {
    uint64_t address, size, offset;
    uint64_t allocation; /* index */
};
enum { PIECES_MAX = (SOFTGPU_SCRATCH_SIZE - DXG_BUS_PACKET_SIZE) / sizeof(struct piece) };

/* One process's addresses of one adapter. */
struct space {
    struct softgpu *gpu;
    int place;
    uint8_t adapter;
};

static struct softgpu_process *process_of(const struct space *space)
{
    return &space->gpu->processes[space->place];
}

/* Whether an address, and a size that is not 0, are multiples of a power of two and stay within the space. */
static bool is_area(uint64_t address, uint64_t size, uint64_t alignment)
{
    return size && ((address | size) & (alignment - 1)) == 0 && size <= ADDRESSES_END && address <= ADDRESSES_END - size;
}

/* The range that holds all of this, or 0. */
static uint32_t range_around(const struct space *space, uint64_t address, uint64_t size)
{
    uint32_t index = softgpu_space_find(space->gpu, process_of(space)->ranges[space->adapter], address);
    const struct softgpu_object *range = &space->gpu->objects[index];
    return index && range->address <= address && address + size <= range->address + range->size ? index : 0;
}

/* An entry of the space; 0 when the table of objects is full. Its size comes last: an entry without is not whole. */
static uint32_t add(const struct space *space, enum softgpu_type type, uint32_t parent, uint64_t address, uint64_t size)
{
    uint32_t index = softgpu_object_create(space->gpu, type, space->place, parent, space->adapter);
    if (!index)
        return 0;
    space->gpu->objects[index].address = address;
    space->gpu->objects[index].size = size;
    softgpu_space_insert(space->gpu, index);
    return index;
}

/* Holds a free range: at base, or where there is room between minimum and maximum (0: no limit). Its address, or 0 and *status. */
static uint64_t hold(const struct space *space, uint64_t base, uint64_t minimum, uint64_t maximum, uint64_t size, uint32_t *status)
{
    struct softgpu_process *process = process_of(space);
    uint32_t ranges = process->ranges[space->adapter];
    uint64_t *free_from = &process->free_from[space->adapter];
    bool anywhere = !base && minimum <= *free_from;
    *status = (uint32_t)STATUS_INVALID_PARAMETER;
    if (base ? !softgpu_space_is_free(space->gpu, ranges, base, size) : maximum && (maximum < size || minimum > maximum - size))
        return 0;
    if (!base) {
        uint64_t lowest = anywhere && *free_from > LOWEST_ADDRESS ? *free_from : minimum > LOWEST_ADDRESS ? minimum : LOWEST_ADDRESS;
        base = softgpu_space_gap(space->gpu, ranges, size, RESERVE_ALIGNMENT, lowest, maximum ? maximum : ADDRESSES_END);
    }
    *status = (uint32_t)STATUS_NO_MEMORY;
    if (base == UINT64_MAX || !add(space, SOFTGPU_RANGE, 0, base, size))
        return 0;
    if (anywhere && base <= *free_from + RESERVE_ALIGNMENT)
        *free_from = base + size;
    return base;
}

/* Ends the mappings of an area; those that reach out of it keep what lies outside. False when one is cut in two and the table of
   objects is full. */
static bool unmap(const struct space *space, uint64_t address, uint64_t size)
{
    struct softgpu *gpu = space->gpu;
    uint64_t end = address + size;
    for (;;) {
        uint32_t index = softgpu_space_find(gpu, process_of(space)->mappings[space->adapter], address);
        struct softgpu_object *mapping = &gpu->objects[index];
        uint64_t mapping_end = mapping->address + mapping->size;
        if (!index || mapping->address >= end)
            return true;
        if (mapping->address >= address && mapping_end <= end) {
            softgpu_object_destroy(gpu, index);
            continue;
        }
        uint64_t offset = mapping->offset + (end - mapping->address);
        if (mapping->address >= address) { /* its end stays: first shorter, then further on, never over its neighbour */
            softgpu_space_remove(gpu, index);
            mapping->size = mapping_end - end;
            mapping->offset = offset;
            mapping->address = end;
            softgpu_space_insert(gpu, index);
            continue;
        }
        uint64_t before = address - mapping->address;
        if (mapping_end > end) {
            uint32_t parent = mapping->parent;
            mapping->size = before;
            uint32_t tail = add(space, SOFTGPU_MAPPING, parent, end, mapping_end - end);
            if (!tail) {
                mapping->size = mapping_end - mapping->address;
                return false;
            }
            gpu->objects[tail].offset = offset;
        }
        mapping->size = before;
    }
}

/* Puts a mapping in the place of what was mapped there. */
static bool map(const struct space *space, uint32_t allocation, uint64_t offset, uint64_t address, uint64_t size)
{
    if (!unmap(space, address, size))
        return false;
    uint32_t index = allocation ? add(space, SOFTGPU_MAPPING, allocation, address, size) : 0;
    space->gpu->objects[index].offset = index ? offset : 0;
    return index || !allocation;
}

bool softgpu_va_find(const struct softgpu *gpu, int place, uint8_t adapter, uint64_t address, D3DKMT_HANDLE *allocation,
                     uint64_t *offset)
{
    uint32_t index = softgpu_space_find(gpu, gpu->processes[place].mappings[adapter], address);
    const struct softgpu_object *mapping = &gpu->objects[index];
    if (!index || mapping->address > address)
        return false;
    *allocation = softgpu_object_handle(gpu, mapping->parent);
    *offset = mapping->offset + (address - mapping->address);
    return true;
}

long softgpu_reserve_gpu_va(struct softgpu_call *call, void *structure)
{
    struct D3DDDI_RESERVEGPUVIRTUALADDRESS *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t of = softgpu_object_find(gpu, call->place, SOFTGPU_ADAPTER, args->hAdapter), status;
    if (!of)
        of = softgpu_object_find(gpu, call->place, SOFTGPU_PAGING_QUEUE, args->hPagingQueue);
    if (!of)
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    struct space space = {gpu, call->place, gpu->objects[of].adapter};
    uint64_t bounds = args->BaseAddress ? 0 : args->MinimumAddress | args->MaximumAddress;
    if (!is_area(args->BaseAddress, args->Size, RESERVE_ALIGNMENT) || bounds % RESERVE_ALIGNMENT ||
        args->ReservationType >= RESERVATION_TYPES)
        return softgpu_invalid();
    args->VirtualAddress = hold(&space, args->BaseAddress, args->MinimumAddress, args->MaximumAddress, args->Size, &status);
    if (!args->VirtualAddress)
        return softgpu_status_result(status);
    long result = softgpu_write(call, call->argument + offsetof(struct D3DDDI_RESERVEGPUVIRTUALADDRESS, VirtualAddress),
                                &args->VirtualAddress, sizeof args->VirtualAddress);
    if (result)
        softgpu_object_destroy(gpu, range_around(&space, args->VirtualAddress, args->Size));
    return result;
}

/* Finds the allocation of a mapping, and whether it has that much: 0 and *index (0 when none is named), or a refusal. */
static long find_target(const struct space *space, D3DKMT_HANDLE handle, uint64_t offset, uint64_t size, uint64_t protection,
                        uint32_t *index)
{
    uint64_t known = PROTECTION(Write) | PROTECTION(Execute) | PROTECTION(Zero) | PROTECTION(NoAccess);
    uint64_t nothing = PROTECTION(Zero) | PROTECTION(NoAccess);
    *index = 0;
    if (protection & ~known || (protection & nothing) == nothing)
        return softgpu_invalid();
    if (!handle)
        return 0;
    *index = softgpu_object_find(space->gpu, space->place, SOFTGPU_ALLOCATION, handle);
    const struct softgpu_object *allocation = &space->gpu->objects[*index];
    if (!*index || allocation->adapter != space->adapter || protection & nothing)
        return softgpu_invalid();
    return (offset | size) % SOFTGPU_PAGE || offset > allocation->size || size > allocation->size - offset ? softgpu_invalid() : 0;
}

/* Where a map goes: into a range that the process holds, or a free place that it holds from now on (*held). 0 and *status: nowhere. */
static uint64_t find_place(const struct space *space, const struct D3DDDI_MAPGPUVIRTUALADDRESS *args, uint64_t size, bool *held,
                           uint32_t *status)
{
    *held = !(args->BaseAddress && range_around(space, args->BaseAddress, size));
    if (!*held)
        return args->BaseAddress;
    return hold(space, args->BaseAddress, args->MinimumAddress, args->MaximumAddress, size, status);
}

long softgpu_map_gpu_va(struct softgpu_call *call, void *structure)
{
    struct D3DDDI_MAPGPUVIRTUALADDRESS *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t queue, allocation, status;
    long result = softgpu_live_find(call, SOFTGPU_PAGING_QUEUE, args->hPagingQueue, &queue);
    if (result)
        return result;
    struct space space = {gpu, call->place, gpu->objects[queue].adapter};
    uint64_t bounds = args->BaseAddress ? 0 : args->MinimumAddress | args->MaximumAddress, size;
    if (__builtin_mul_overflow(args->SizeInPages, (uint64_t)SOFTGPU_PAGE, &size) || args->OffsetInPages > ADDRESSES_END ||
        !is_area(args->BaseAddress, size, SOFTGPU_PAGE) || bounds % SOFTGPU_PAGE)
        return softgpu_invalid();
    uint64_t offset = args->OffsetInPages * SOFTGPU_PAGE;
    result = find_target(&space, args->hAllocation, offset, size, args->Protection, &allocation);
    if (result)
        return result;
    bool held;
    args->VirtualAddress = find_place(&space, args, size, &held, &status);
    if (!args->VirtualAddress)
        return softgpu_status_result(status);
    args->PagingFenceValue = gpu->objects[queue].issued + 1;
    size_t from = offsetof(struct D3DDDI_MAPGPUVIRTUALADDRESS, VirtualAddress);
    result = softgpu_write(call, call->argument + from, (char *)args + from, sizeof *args - from);
    if (result == 0 && !map(&space, allocation, offset, args->VirtualAddress, size))
        result = -ENOMEM;
    if (result == 0)
        softgpu_fence_issue(gpu, queue);
    else if (held)
        softgpu_object_destroy(gpu, range_around(&space, args->VirtualAddress, size));
    return result ? result : STATUS_PENDING;
}

/* A range goes whole, with what is mapped in it. */
long softgpu_free_gpu_va(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_FREEGPUVIRTUALADDRESS *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t adapter;
    long result = softgpu_live_find(call, SOFTGPU_ADAPTER, args->hAdapter, &adapter);
    if (result)
        return result;
    struct space space = {gpu, call->place, gpu->objects[adapter].adapter};
    if (!is_area(args->BaseAddress, args->Size, SOFTGPU_PAGE))
        return softgpu_invalid();
    uint32_t index = range_around(&space, args->BaseAddress, args->Size);
    if (!index || gpu->objects[index].size != args->Size || !unmap(&space, args->BaseAddress, args->Size))
        return softgpu_invalid();
    softgpu_object_destroy(gpu, index);
    uint64_t *free_from = &process_of(&space)->free_from[space.adapter];
    *free_from = args->BaseAddress < *free_from ? args->BaseAddress : *free_from;
    return 0;
}

/* The area of allocation that is mapped once or, when it is smaller than the area of addresses, again and again. */
struct target {
    uint64_t address, size, offset, period, protection;
    D3DKMT_HANDLE handle;
};

static struct target target_of(const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    if (operation->OperationType == D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP)
        return (struct target){operation->Map.BaseAddress, operation->Map.SizeInBytes, operation->Map.AllocationOffsetInBytes,
                               operation->Map.AllocationSizeInBytes, PROTECTION(Write), operation->Map.hAllocation};
    return (struct target){operation->MapProtect.BaseAddress,
                           operation->MapProtect.SizeInBytes,
                           operation->MapProtect.AllocationOffsetInBytes,
                           operation->MapProtect.AllocationSizeInBytes,
                           operation->MapProtect.Protection,
                           operation->MapProtect.hAllocation};
}

static bool is_held(const struct space *space, uint64_t address, uint64_t size)
{
    return is_area(address, size, SOFTGPU_PAGE) && range_around(space, address, size);
}

/* The four operations: each is checked (0 or a refusal) before the first is made, and made. */
static long check_map(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    struct target target = target_of(operation);
    uint32_t allocation;
    if (!is_held(space, target.address, target.size) || !target.handle || !target.period || target.period > target.size ||
        target.size % target.period)
        return softgpu_invalid();
    return find_target(space, target.handle, target.offset, target.period, target.protection, &allocation);
}

static bool make_map(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    struct target target = target_of(operation);
    uint32_t allocation = softgpu_object_find(space->gpu, space->place, SOFTGPU_ALLOCATION, target.handle);
    bool done = true;
    for (uint64_t at = 0; done && at < target.size; at += target.period)
        done = map(space, allocation, target.offset, target.address + at, target.period);
    return done;
}

static long check_unmap(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    uint32_t none;
    long result = find_target(space, 0, 0, 0, operation->Unmap.Protection, &none);
    return result || is_held(space, operation->Unmap.BaseAddress, operation->Unmap.SizeInBytes) ? result : softgpu_invalid();
}

static bool make_unmap(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    return unmap(space, operation->Unmap.BaseAddress, operation->Unmap.SizeInBytes);
}

static long check_copy(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    return is_held(space, operation->Copy.SourceAddress, operation->Copy.SizeInBytes) &&
                   is_held(space, operation->Copy.DestAddress, operation->Copy.SizeInBytes)
               ? 0
               : softgpu_invalid();
}

/* What the source leads to is taken down first: the destination may lie over it. */
static bool make_copy(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation)
{
    struct softgpu *gpu = space->gpu;
    struct piece *pieces = (void *)(gpu->scratch + DXG_BUS_PACKET_SIZE);
    uint64_t at = operation->Copy.SourceAddress, end = at + operation->Copy.SizeInBytes;
    uint32_t count = 0, index;
    while ((index = softgpu_space_find(gpu, process_of(space)->mappings[space->adapter], at)) != 0) {
        const struct softgpu_object *mapping = &gpu->objects[index];
        uint64_t from = mapping->address > at ? mapping->address : at, to = mapping->address + mapping->size;
        if (from >= end)
            break;
        if (count == PIECES_MAX)
            return false;
        to = to < end ? to : end;
        pieces[count++] = (struct piece){operation->Copy.DestAddress + (from - operation->Copy.SourceAddress), to - from,
                                         mapping->offset + (from - mapping->address), mapping->parent};
        at = to;
    }
    bool done = unmap(space, operation->Copy.DestAddress, operation->Copy.SizeInBytes);
    for (uint32_t i = 0; done && i < count; i++)
        done = map(space, (uint32_t)pieces[i].allocation, pieces[i].offset, pieces[i].address, pieces[i].size);
    return done;
}

static const struct {
    long (*check)(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation);
    bool (*make)(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation);
} operations[] = {
    [D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP] = {check_map, make_map},
    [D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP] = {check_unmap, make_unmap},
    [D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY] = {check_copy, make_copy},
    [D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT] = {check_map, make_map},
};

/* Operations see the ranges as they are before the first: no operation changes those. */
static long update(const struct space *space, const struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        long result = list[i].OperationType < sizeof operations / sizeof *operations
                          ? operations[list[i].OperationType].check(space, &list[i])
                          : softgpu_invalid();
        if (result)
            return result;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!operations[list[i].OperationType].make(space, &list[i]))
            return softgpu_status_result((uint32_t)STATUS_NO_MEMORY);
    return 0;
}

/* The context's queue waits for the fence, unless told not to, and signals its next value. */
static long put_in_order(struct softgpu_call *call, const struct D3DKMT_UPDATEGPUVIRTUALADDRESS *args, uint32_t context, uint32_t fence)
{
    struct softgpu *gpu = call->gpu;
    uint32_t root = gpu->objects[fence].backing ? gpu->objects[fence].backing : fence;
    struct softgpu_entry *entry = (void *)gpu->scratch;
    *entry = (struct softgpu_entry){.sync = root, .serial = (uint32_t)gpu->objects[root].serial, .value = args->FenceValue};
    long result = 0;
    if (!(args->Flags & D3DKMT_UPDATEGPUVIRTUALADDRESS_DoNotWait))
        result = softgpu_work_submit(call, WORK_WAIT, &context, 1, 1, 0, 0);
    *entry = (struct softgpu_entry){.sync = root, .serial = (uint32_t)gpu->objects[root].serial, .value = args->FenceValue + 1};
    return result ? result : softgpu_work_submit(call, WORK_SIGNAL, &context, 1, 1, 0, 0);
}

long softgpu_update_gpu_va(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_UPDATEGPUVIRTUALADDRESS *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    if (args->NumOperations == 0 || args->NumOperations > OPERATIONS_MAX)
        return -EINVAL;
    struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list = (void *)gpu->scratch;
    result = softgpu_read(call, list, (uintptr_t)args->Operations, args->NumOperations * sizeof *list);
    if (result)
        return result;
    uint32_t context = softgpu_object_find(gpu, call->place, SOFTGPU_CONTEXT, args->hContext);
    uint32_t fence = softgpu_object_find(gpu, call->place, SOFTGPU_SYNC, args->hFenceObject);
    if (!context || gpu->objects[context].parent != device || gpu->objects[fence].kind != D3DDDI_MONITORED_FENCE)
        return softgpu_invalid();
    struct space space = {gpu, call->place, gpu->objects[device].adapter};
    result = update(&space, list, args->NumOperations);
    if (result == 0)
        result = put_in_order(call, args, context, fence);
    if (result)
        return result;
    return softgpu_write(call, call->argument + offsetof(struct D3DKMT_UPDATEGPUVIRTUALADDRESS, FenceValue), &args->FenceValue,
                         sizeof args->FenceValue);
}
