/* softgpu's requests: which number and structure belongs to which function, and what comes before each: faults, then reading. */
#include <errno.h>
#include <time.h>

#include "softgpu/state.h"

static const struct {
    unsigned long request;
    long (*make)(struct softgpu_call *call, void *structure);
} requests[] = {
    [0x01] = {DXG_IOCTL(0x01, struct D3DKMT_OPENADAPTERFROMLUID), softgpu_open_adapter_from_luid},
    [0x02] = {DXG_IOCTL(0x02, struct D3DKMT_CREATEDEVICE), softgpu_create_device},
    [0x04] = {DXG_IOCTL(0x04, struct D3DKMT_CREATECONTEXTVIRTUAL), softgpu_create_context_virtual},
    [0x05] = {DXG_IOCTL(0x05, struct D3DKMT_DESTROYCONTEXT), softgpu_destroy_context},
    [0x06] = {DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION), softgpu_create_allocation},
    [0x07] = {DXG_IOCTL(0x07, struct D3DKMT_CREATEPAGINGQUEUE), softgpu_create_paging_queue},
    [0x08] = {DXG_IOCTL(0x08, struct D3DDDI_RESERVEGPUVIRTUALADDRESS), softgpu_reserve_gpu_va},
    [0x09] = {DXG_IOCTL(0x09, struct D3DKMT_QUERYADAPTERINFO), softgpu_query_adapter_info},
    [0x0a] = {DXG_IOCTL(0x0a, struct D3DKMT_QUERYVIDEOMEMORYINFO), softgpu_query_video_memory_info},
    [0x0b] = {DXG_IOCTL(0x0b, struct D3DDDI_MAKERESIDENT), softgpu_make_resident},
    [0x0c] = {DXG_IOCTL(0x0c, struct D3DDDI_MAPGPUVIRTUALADDRESS), softgpu_map_gpu_va},
    [0x0d] = {DXG_IOCTL(0x0d, struct D3DKMT_ESCAPE), softgpu_escape},
    [0x0e] = {DXG_IOCTL(0x0e, struct D3DKMT_GETDEVICESTATE), softgpu_get_device_state},
    [0x0f] = {DXG_IOCTL(0x0f, struct D3DKMT_SUBMITCOMMAND), softgpu_submit_command},
    [0x10] = {DXG_IOCTL(0x10, struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2), softgpu_create_synchronization_object2},
    [0x13] = {DXG_IOCTL(0x13, struct D3DKMT_DESTROYALLOCATION2), softgpu_destroy_allocation},
    [0x14] = {DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), softgpu_enum_adapters2},
    [0x15] = {DXG_IOCTL(0x15, struct D3DKMT_CLOSEADAPTER), softgpu_close_adapter},
    [0x16] = {DXG_IOCTL(0x16, struct D3DKMT_CHANGEVIDEOMEMORYRESERVATION), softgpu_change_video_memory_reservation},
    [0x18] = {DXG_IOCTL(0x18, struct D3DKMT_CREATEHWQUEUE), softgpu_create_hw_queue},
    [0x19] = {DXG_IOCTL(0x19, struct D3DKMT_DESTROYDEVICE), softgpu_destroy_device},
    [0x1b] = {DXG_IOCTL(0x1b, struct D3DKMT_DESTROYHWQUEUE), softgpu_destroy_hw_queue},
    [0x1c] = {DXG_IOCTL(0x1c, struct D3DDDI_DESTROYPAGINGQUEUE), softgpu_destroy_paging_queue},
    [0x1d] = {DXG_IOCTL(0x1d, struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT), softgpu_destroy_synchronization_object},
    [0x1e] = {DXG_IOCTL(0x1e, struct D3DKMT_EVICT), softgpu_evict},
    [0x1f] = {DXG_IOCTL(0x1f, struct D3DKMT_FLUSHHEAPTRANSITIONS), softgpu_flush_heap_transitions},
    [0x20] = {DXG_IOCTL(0x20, struct D3DKMT_FREEGPUVIRTUALADDRESS), softgpu_free_gpu_va},
    [0x24] = {DXG_IOCTL(0x24, struct D3DKMT_INVALIDATECACHE), softgpu_invalidate_cache},
    [0x25] = {DXG_IOCTL(0x25, struct D3DKMT_LOCK2), softgpu_lock2},
    [0x27] = {DXG_IOCTL(0x27, struct D3DKMT_OFFERALLOCATIONS), softgpu_offer_allocations},
    [0x2a] = {DXG_IOCTL(0x2a, struct D3DKMT_QUERYALLOCATIONRESIDENCY), softgpu_query_allocation_residency},
    [0x2c] = {DXG_IOCTL(0x2c, struct D3DKMT_RECLAIMALLOCATIONS2), softgpu_reclaim_allocations2},
    [0x2e] = {DXG_IOCTL(0x2e, struct D3DKMT_SETALLOCATIONPRIORITY), softgpu_set_allocation_priority},
    [0x31] = {DXG_IOCTL(0x31, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU), softgpu_signal_from_cpu},
    [0x32] = {DXG_IOCTL(0x32, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU), softgpu_signal_from_gpu},
    [0x33] = {DXG_IOCTL(0x33, struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2), softgpu_signal_from_gpu2},
    [0x34] = {DXG_IOCTL(0x34, struct D3DKMT_SUBMITCOMMANDTOHWQUEUE), softgpu_submit_command_to_hw_queue},
    [0x35] = {DXG_IOCTL(0x35, struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE), softgpu_submit_signal_to_hw_queue},
    [0x36] = {DXG_IOCTL(0x36, struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE), softgpu_submit_wait_to_hw_queue},
    [0x37] = {DXG_IOCTL(0x37, struct D3DKMT_UNLOCK2), softgpu_unlock2},
    [0x38] = {DXG_IOCTL(0x38, struct D3DDDI_UPDATEALLOCPROPERTY), softgpu_update_allocation_property},
    [0x39] = {DXG_IOCTL(0x39, struct D3DKMT_UPDATEGPUVIRTUALADDRESS), softgpu_update_gpu_va},
    [0x3a] = {DXG_IOCTL(0x3a, struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU), softgpu_wait_from_cpu},
    [0x3b] = {DXG_IOCTL(0x3b, struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU), softgpu_wait_from_gpu},
    [0x3c] = {DXG_IOCTL(0x3c, struct D3DKMT_GETALLOCATIONPRIORITY), softgpu_get_allocation_priority},
    [0x3e] = {DXG_IOCTL(0x3e, struct D3DKMT_ENUMADAPTERS3), softgpu_enum_adapters3},
    [0x3f] = {DXG_IOCTL(0x3f, struct D3DKMT_SHAREOBJECTS), softgpu_share_objects},
    [0x40] = {DXG_IOCTL(0x40, struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2), softgpu_open_sync_object_from_nt_handle2},
    [0x41] = {DXG_IOCTL(0x41, struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE), softgpu_query_resource_info_from_nt_handle},
    [0x42] = {DXG_IOCTL(0x42, struct D3DKMT_OPENRESOURCEFROMNTHANDLE), softgpu_open_resource_from_nt_handle},
    [0x44] = {DXG_IOCTL(0x44, struct D3DKMT_SHAREOBJECTWITHHOST), softgpu_share_object_with_host},
};
enum { STRUCTURE_MAX = 384 }; /* bytes of the largest of them */

/* Parts of a wait, after which the caller's signals are looked at: short ones first. */
enum { SLICE_MIN_NS = 5 * 1000 * 1000, SLICE_MAX_NS = 160 * 1000 * 1000 };

static void sleep_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
}

long softgpu_wait(const struct softgpu_call *call, uint64_t wait_ns, bool interruptible)
{
    const struct softgpu_memory *memory = call->memory;
    enum softgpu_signal enough = interruptible ? SOFTGPU_SIGNAL_ANY : SOFTGPU_SIGNAL_FATAL;
    bool stopped = false;
    softgpu_unlock(call->gpu);
    for (uint64_t part_ns = SLICE_MIN_NS; wait_ns && !stopped; part_ns = part_ns < SLICE_MAX_NS ? 2 * part_ns : part_ns) {
        uint64_t slice_ns = memory->signalled && wait_ns > part_ns ? part_ns : wait_ns;
        sleep_ns(slice_ns);
        wait_ns -= slice_ns;
        stopped = wait_ns && memory->signalled(memory->user) >= enough;
    }
    softgpu_lock(call->gpu);
    return stopped ? -EINTR : 0;
}

long softgpu_ioctl(struct softgpu *gpu, int place, unsigned long request, uint64_t argument, const struct softgpu_memory *memory)
{
    request = (uint32_t)request; /* as the kernel takes it, whatever C made of the constant's sign */
    unsigned number = _IOC_NR(request);
    /* The real driver compares the whole request: one with another size is unknown to it. */
    if (number >= sizeof requests / sizeof *requests || !requests[number].make || requests[number].request != request)
        return -ENOTTY;
    struct softgpu_call call = {.gpu = gpu, .place = place, .argument = argument, .memory = memory};
    uint64_t structure[STRUCTURE_MAX / sizeof(uint64_t)];
    uint64_t delay_ns = 0;
    long result, waited = 0;
    softgpu_lock(gpu);
    if (gpu->busy_queues) {
        softgpu_fence_advance(gpu, softgpu_now());
        softgpu_bell_ring(gpu);
    }
    int failed = softgpu_fault_apply(gpu, number, &result, &delay_ns);
    if (gpu->removed && !gpu->removal_told)
        softgpu_sync_remove(&call);
    if (gpu->work)
        softgpu_work_look(&call);
    if (delay_ns)
        waited = softgpu_wait(&call, delay_ns, false);
    if (!gpu->processes[place].pid) /* closed by another thread meanwhile */
        result = -ENOTTY;
    else if (waited)
        result = waited;
    else if (!failed) {
        result = softgpu_read(&call, structure, argument, _IOC_SIZE(request));
        if (result == 0)
            result = requests[number].make(&call, structure);
        if (gpu->processes[place].dropped_count)
            softgpu_events_drop(&call);
        if (gpu->unclaimed)
            softgpu_reap_shared(gpu, memory);
        if (gpu->doomed)
            softgpu_tidy(gpu, memory);
    }
    softgpu_work_note(gpu, place);
    softgpu_unlock(gpu);
    return result;
}
