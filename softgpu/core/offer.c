/*
 * softgpu's offers: allocations whose content the program can do without, taken back when it needs them again; and what else moves
 * memory between segments: properties and reservations.
 *
 * An offered allocation keeps its bytes until another one needs the room (softgpu_offer_make_room). Then the offered ones go, those of
 * the lowest priority first: their content is lost, and those that may be decommitted give up even the claim to have memory. Reclaim
 * takes the memory again, wherever there is some, and tells what was lost. What was decommitted and finds no memory stays offered, and
 * is told as not committed.
 */
#include <errno.h>

#include "softgpu/state.h"

enum { LOST_CONTENT = 1, MAY_DECOMMIT = 2 }; /* bits of an allocation's `lost` */

/* Takes the bytes of an allocation out of its segment; it keeps its size. */
static void give_up(struct softgpu_call *call, uint32_t index)
{
    struct softgpu_object *allocation = &call->gpu->objects[index];
    allocation->lost |= LOST_CONTENT;
    softgpu_object_uncharge(call->gpu, index);
    softgpu_lock_discard(call, index);
}

/* The next of the offered allocations to go: of this adapter and segment, the lowest priority first, none that is being reclaimed. 0:
   none. */
static uint32_t next_to_go(const struct softgpu *gpu, uint8_t adapter, int segment)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < gpu->high_water; i++) {
        const struct softgpu_object *object = &gpu->objects[i];
        bool may_go = object->type == SOFTGPU_ALLOCATION && object->offered && !object->listed && object->segment == segment &&
                      (segment != SEGMENT_LOCAL || object->adapter == adapter);
        if (may_go && (!found || object->offered < gpu->objects[found].offered))
            found = i;
    }
    return found;
}

bool softgpu_offer_make_room(struct softgpu_call *call, uint8_t adapter, int segment, uint64_t size)
{
    struct softgpu *gpu = call->gpu;
    uint32_t index;
    if (size > (segment == SEGMENT_LOCAL ? gpu->config.local_size : gpu->config.system_size))
        return false; /* nothing is lost for what can't be */
    while (gpu->offered_count && softgpu_object_room(gpu, adapter, segment) < size &&
           (index = next_to_go(gpu, adapter, segment)) != 0)
        give_up(call, index);
    return softgpu_object_room(gpu, adapter, segment) >= size;
}

/* The allocations that an offer or a reclaim names, by index: a list of them, or all of a list of resources. firsts says for each
   entry of the caller's list which of them is its first; results has room for each. */
struct named {
    uint32_t *firsts, *indexes, *results;
    uint32_t count;
};
_Static_assert(4 * SOFTGPU_LIST_MAX * sizeof(uint32_t) <= SOFTGPU_SCRATCH_SIZE, "scratch space of a list, its allocations and results");

static long add_resource(const struct softgpu *gpu, struct named *named, uint32_t resource)
{
    for (uint32_t i = gpu->objects[resource].children; i; i = gpu->objects[i].next) {
        if (named->count == SOFTGPU_LIST_MAX)
            return softgpu_invalid();
        named->indexes[named->count++] = i;
    }
    return 0;
}

static long read_named(struct softgpu_call *call, struct named *named, uint32_t device, const D3DKMT_HANDLE *resources,
                       const D3DKMT_HANDLE *allocations, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    uint32_t *handles = (void *)gpu->scratch;
    *named = (struct named){.firsts = handles, .indexes = handles + SOFTGPU_LIST_MAX, .results = handles + 2 * SOFTGPU_LIST_MAX};
    long result = softgpu_read(call, handles, (uintptr_t)(resources ? resources : allocations), count * sizeof *handles);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        uint32_t index = softgpu_object_find(gpu, call->place, resources ? SOFTGPU_RESOURCE : SOFTGPU_ALLOCATION, handles[i]);
        named->firsts[i] = named->count;
        if (!index || (resources ? gpu->objects[index].parent : softgpu_object_device(gpu, index)) != device)
            result = softgpu_invalid();
        else if (resources)
            result = add_resource(gpu, named, index);
        else
            named->indexes[named->count++] = index;
    }
    return result;
}

/* Whether all may be offered (or reclaimed): each is not yet (already), none is listed twice, none of an offer is locked or
   shared with another process. */
static bool all_may(struct softgpu *gpu, const struct named *named, bool offer)
{
    uint32_t looked = 0;
    bool may = true;
    while (may && looked < named->count) {
        struct softgpu_object *allocation = &gpu->objects[named->indexes[looked]];
        may = !allocation->listed && !allocation->offered == offer && !(offer && (allocation->locks || allocation->backing));
        looked += may;
        allocation->listed |= may;
    }
    while (looked)
        gpu->objects[named->indexes[--looked]].listed = 0;
    return may;
}

static long check_lists(uint32_t count, const D3DKMT_HANDLE *resources, const D3DKMT_HANDLE *allocations)
{
    return count == 0 || count > SOFTGPU_LIST_MAX || !resources == !allocations ? -EINVAL : 0;
}

long softgpu_offer_allocations(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_OFFERALLOCATIONS *args = structure;
    struct softgpu *gpu = call->gpu;
    struct named named;
    if (check_lists(args->NumAllocations, args->pResources, args->HandleList))
        return -EINVAL;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    result = read_named(call, &named, device, args->pResources, args->HandleList, args->NumAllocations);
    if (result)
        return result;
    uint32_t flags = D3DKMT_OFFER_FLAGS_OfferImmediately | D3DKMT_OFFER_FLAGS_AllowDecommit;
    if (args->Priority < D3DKMT_OFFER_PRIORITY_LOW || args->Priority > D3DKMT_OFFER_PRIORITY_AUTO || args->Flags & ~flags ||
        !all_may(gpu, &named, true))
        return softgpu_invalid();
    for (uint32_t i = 0; i < named.count; i++) {
        struct softgpu_object *allocation = &gpu->objects[named.indexes[i]];
        allocation->offered = (uint8_t)args->Priority;
        allocation->lost = args->Flags & D3DKMT_OFFER_FLAGS_AllowDecommit ? MAY_DECOMMIT : 0;
        gpu->offered_count++;
    }
    return 0;
}

/* Takes memory for an allocation that lost its own: local, or wherever there is some. */
static bool commit_again(struct softgpu_call *call, uint32_t index)
{
    struct softgpu *gpu = call->gpu;
    uint64_t size = gpu->objects[index].size;
    uint8_t adapter = gpu->objects[index].adapter;
    bool done = gpu->objects[index].segment != SEGMENT_NONE;
    for (int segment = SEGMENT_LOCAL; !done && segment < SEGMENT_COUNT; segment++)
        done = softgpu_offer_make_room(call, adapter, segment, size) && softgpu_object_charge(gpu, index, segment, size);
    return done;
}

/* Memory for all that was not offered to be decommitted: without, the call fails as a whole. */
static bool commit_what_must_be(struct softgpu_call *call, const struct named *named)
{
    bool done = true;
    for (uint32_t i = 0; done && i < named->count; i++)
        done = call->gpu->objects[named->indexes[i]].lost & MAY_DECOMMIT || commit_again(call, named->indexes[i]);
    return done;
}

static uint32_t reclaim(struct softgpu_call *call, uint32_t index)
{
    struct softgpu_object *allocation = &call->gpu->objects[index];
    if (!commit_again(call, index))
        return D3DDDI_RECLAIM_RESULT_NOT_COMMITTED;
    uint32_t result = allocation->lost & LOST_CONTENT ? D3DDDI_RECLAIM_RESULT_DISCARDED : D3DDDI_RECLAIM_RESULT_OK;
    allocation->offered = allocation->lost = 0;
    call->gpu->offered_count--;
    return result;
}

/* Reclaims all. What became of each entry of the caller's list, the worst of its allocations, goes to answers; whether anything has
   to be paged. */
static bool reclaim_all(struct softgpu_call *call, const struct named *named, uint32_t *answers, uint32_t count)
{
    bool pages = false;
    for (uint32_t i = 0; i < named->count; i++) {
        named->results[i] = reclaim(call, named->indexes[i]);
        pages |= named->results[i] == D3DDDI_RECLAIM_RESULT_DISCARDED;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = i + 1 < count ? named->firsts[i + 1] : named->count;
        answers[i] = D3DDDI_RECLAIM_RESULT_OK;
        for (uint32_t j = named->firsts[i]; j < end; j++)
            answers[i] = named->results[j] > answers[i] ? named->results[j] : answers[i];
    }
    return pages;
}

/* Reclaims what may be: a status. While it lasts all of it is marked, so that one isn't discarded to make room for another. */
static uint32_t reclaim_named(struct softgpu_call *call, const struct named *named, uint32_t *answers, uint32_t count)
{
    struct softgpu *gpu = call->gpu;
    uint32_t status = (uint32_t)STATUS_NO_MEMORY;
    if (!all_may(gpu, named, false))
        return (uint32_t)STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < named->count; i++)
        gpu->objects[named->indexes[i]].listed = 1;
    if (commit_what_must_be(call, named))
        status = reclaim_all(call, named, answers, count) ? (uint32_t)STATUS_PENDING : 0;
    for (uint32_t i = 0; i < named->count; i++)
        gpu->objects[named->indexes[i]].listed = 0;
    return status;
}

/* dxgkrnl hands the fence value over whatever the status, and loses STATUS_PENDING when it has results to hand over. */
long softgpu_reclaim_allocations2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_RECLAIMALLOCATIONS2 *args = structure;
    struct softgpu *gpu = call->gpu;
    struct named named;
    if (check_lists(args->NumAllocations, args->pResources, args->HandleList))
        return -EINVAL;
    uint32_t queue;
    long result = softgpu_live_find(call, SOFTGPU_PAGING_QUEUE, args->hPagingQueue, &queue);
    if (result)
        return result;
    result = read_named(call, &named, gpu->objects[queue].parent, args->pResources, args->HandleList, args->NumAllocations);
    if (result)
        return result;
    uint32_t *answers = named.results + SOFTGPU_LIST_MAX;
    uint32_t status = reclaim_named(call, &named, answers, args->NumAllocations);
    args->PagingFenceValue = status == (uint32_t)STATUS_PENDING ? softgpu_fence_issue(gpu, queue) : gpu->objects[queue].issued;
    result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_RECLAIMALLOCATIONS2, PagingFenceValue),
                           &args->PagingFenceValue, sizeof args->PagingFenceValue);
    if (result)
        return result;
    if (NT_SUCCESS(status) && args->pResults)
        return softgpu_write(call, (uintptr_t)args->pResults, answers, args->NumAllocations * sizeof *answers);
    return softgpu_status_result(status);
}

/* The segment where an allocation should go by its new properties: SEGMENT_NONE when it may stay; *must: it can't stay. */
static int wanted_segment(const struct D3DDDI_UPDATEALLOCPROPERTY *args, const struct softgpu_object *allocation, bool *must)
{
    uint32_t supported = args->PropertyMaskValue & D3DDDI_UPDATEALLOCPROPERTY_SetSupportedSegmentSet ? args->SupportedSegmentSet : 3;
    uint32_t preferred = args->PropertyMaskValue & D3DDDI_UPDATEALLOCPROPERTY_SetPreferredSegment ? args->PreferredSegment : 0;
    *must = !(supported & 1u << (allocation->segment - 1));
    for (; preferred; preferred >>= 6) {
        uint32_t id = preferred & 0x1f;
        if (id == allocation->segment && !*must)
            return SEGMENT_NONE;
        if (id && supported & 1u << (id - 1))
            return (int)id;
    }
    return *must ? SEGMENT_LOCAL + SEGMENT_SYSTEM - allocation->segment : SEGMENT_NONE;
}

/* Segments are softgpu's two (SOFTGPU_SEGMENT_), and in a set the bit below their number. */
static bool names_segments(const struct D3DDDI_UPDATEALLOCPROPERTY *args)
{
    uint32_t known = D3DDDI_UPDATEALLOCPROPERTY_SetAccessedPhysically | D3DDDI_UPDATEALLOCPROPERTY_SetSupportedSegmentSet |
                     D3DDDI_UPDATEALLOCPROPERTY_SetPreferredSegment | D3DDDI_UPDATEALLOCPROPERTY_SetUnmoveable;
    bool good = args->PropertyMaskValue && !(args->PropertyMaskValue & ~known);
    if (args->PropertyMaskValue & D3DDDI_UPDATEALLOCPROPERTY_SetSupportedSegmentSet)
        good &= args->SupportedSegmentSet && args->SupportedSegmentSet <= 3;
    for (uint32_t i = 0; args->PropertyMaskValue & D3DDDI_UPDATEALLOCPROPERTY_SetPreferredSegment && i < 5; i++)
        good &= (args->PreferredSegment >> 6 * i & 0x1f) < SEGMENT_COUNT;
    return good;
}

/* The fence value is handed over only when there is something to wait for. */
long softgpu_update_allocation_property(struct softgpu_call *call, void *structure)
{
    struct D3DDDI_UPDATEALLOCPROPERTY *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t queue;
    long result = softgpu_live_find(call, SOFTGPU_PAGING_QUEUE, args->hPagingQueue, &queue);
    if (result)
        return result;
    uint32_t index = softgpu_object_find(gpu, call->place, SOFTGPU_ALLOCATION, args->hAllocation);
    struct softgpu_object *allocation = &gpu->objects[index];
    if (!index || softgpu_object_device(gpu, index) != gpu->objects[queue].parent ||
        allocation->offered || allocation->backing || !names_segments(args))
        return softgpu_invalid();
    bool must;
    int segment = wanted_segment(args, allocation, &must);
    if (segment == SEGMENT_LOCAL && allocation->address) /* the caller's own memory can't move */
        return must ? softgpu_invalid() : 0;
    if (segment == SEGMENT_NONE)
        return 0;
    if (!softgpu_offer_make_room(call, allocation->adapter, segment, allocation->size)) {
        uint32_t status = (uint32_t)(segment == SEGMENT_LOCAL ? STATUS_GRAPHICS_NO_VIDEO_MEMORY : STATUS_NO_MEMORY);
        return must ? softgpu_status_result(status) : 0;
    }
    softgpu_object_uncharge(gpu, index);
    softgpu_object_charge(gpu, index, segment, allocation->size);
    args->PagingFenceValue = softgpu_fence_issue(gpu, queue);
    result = softgpu_write(call, call->argument + offsetof(struct D3DDDI_UPDATEALLOCPROPERTY, PagingFenceValue),
                                &args->PagingFenceValue, sizeof args->PagingFenceValue);
    return result ? result : STATUS_PENDING;
}

long softgpu_change_video_memory_reservation(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION *args = structure;
    struct softgpu *gpu = call->gpu;
    if (args->hProcess != 0) /* another process's */
        return -EINVAL;
    uint32_t index;
    long result = softgpu_live_find(call, SOFTGPU_ADAPTER, args->hAdapter, &index);
    if (result)
        return result;
    uint8_t adapter = gpu->objects[index].adapter;
    int segment = args->MemorySegmentGroup == 0 ? SEGMENT_LOCAL : SEGMENT_SYSTEM;
    if (args->MemorySegmentGroup > 1 || args->PhysicalAdapterIndex != 0 ||
        args->Reservation > softgpu_budget(gpu, call->place, adapter, segment) / 2)
        return softgpu_invalid();
    uint64_t *mine = &gpu->processes[call->place].reserved[adapter][segment];
    gpu->reserved[adapter][segment] += args->Reservation - *mine;
    *mine = args->Reservation;
    return 0;
}
