/* Which member names what: see objects.h. */
#include "replayer/objects.h"

#include <string.h>

#include "replayer/placement.h"

#define CREATE_RESOURCE 1u /* D3DKMT_CREATEALLOCATIONFLAGS.CreateResource */
#define D3DKMT(row_, member_, kind_, role_, ...)                                                                            \
    {.row = GA_ROW_d3dkmt_##row_, .member = #member_, .kind = REPLAY_##kind_, .role = REPLAY_##role_, ##__VA_ARGS__}
#define IF(member_, test_, value_) .when = #member_, .test = GA_ARM_##test_, .value = value_
#define DRM(row_, member_, kind_, role_, ...)                                                                               \
    {.row = GA_ROW_drm_##row_, .member = #member_, .kind = REPLAY_##kind_, .role = REPLAY_##role_, ##__VA_ARGS__}

static const struct replay_reference references[] = {
    D3DKMT(adapter_info, hAdapter, ADAPTER, MAKES),
    D3DKMT(adapter_info, AdapterLuid_LowPart, LUID, MAKES),
    D3DKMT(open_adapter_from_luid, AdapterLuid_LowPart, LUID, USES),
    D3DKMT(open_adapter_from_luid, hAdapter, ADAPTER, MAKES),
    D3DKMT(close_adapter, hAdapter, ADAPTER, ENDS),
    D3DKMT(query_adapter_info, hAdapter, ADAPTER, USES),
    D3DKMT(create_device, hAdapter, ADAPTER, USES),
    D3DKMT(create_device, hDevice, DEVICE, MAKES),
    D3DKMT(destroy_device, hDevice, DEVICE, ENDS),
    D3DKMT(create_allocation, hDevice, DEVICE, USES),
    D3DKMT(create_allocation, hResource, RESOURCE, USES, .when = "Flags", .test = GA_ARM_NONE, .value = CREATE_RESOURCE),
    D3DKMT(create_allocation, hResource, RESOURCE, MAKES, .when = "Flags", .test = GA_ARM_ANY, .value = CREATE_RESOURCE),
    D3DKMT(allocation, hAllocation, ALLOCATION, MAKES),
    D3DKMT(destroy_allocation, hDevice, DEVICE, USES),
    D3DKMT(destroy_allocation, hResource, RESOURCE, ENDS),
    D3DKMT(destroy_allocation, phAllocationList, ALLOCATION, ENDS),
    D3DKMT(query_video_memory_info, hAdapter, ADAPTER, USES),
    D3DKMT(change_video_memory_reservation, hAdapter, ADAPTER, USES),
    D3DKMT(get_device_state, hDevice, DEVICE, USES),
    D3DKMT(create_context_virtual, hDevice, DEVICE, USES),
    D3DKMT(create_context_virtual, hContext, CONTEXT, MAKES),
    D3DKMT(destroy_context, hContext, CONTEXT, ENDS),
    D3DKMT(create_hw_context, hDevice, DEVICE, USES),
    D3DKMT(create_hw_context, hHwContext, HW_CONTEXT, MAKES),
    D3DKMT(destroy_hw_context, hHwContext, HW_CONTEXT, ENDS),
    D3DKMT(create_hw_queue, hHwContext, QUEUE_PLACE, USES),
    D3DKMT(create_hw_queue, hHwQueue, HW_QUEUE, MAKES),
    D3DKMT(create_hw_queue, hHwQueueProgressFence, SYNC_OBJECT, MAKES),
    D3DKMT(destroy_hw_queue, hHwQueue, HW_QUEUE, ENDS),
    D3DKMT(create_paging_queue, hDevice, DEVICE, USES),
    D3DKMT(create_paging_queue, hPagingQueue, PAGING_QUEUE, MAKES),
    D3DKMT(create_paging_queue, hSyncObject, SYNC_OBJECT, MAKES),
    D3DKMT(destroy_paging_queue, hPagingQueue, PAGING_QUEUE, ENDS),
    D3DKMT(make_resident, hPagingQueue, PAGING_QUEUE, USES),
    D3DKMT(make_resident, AllocationList, ALLOCATION, USES),
    D3DKMT(evict, hDevice, DEVICE, USES),
    D3DKMT(evict, AllocationList, ALLOCATION, USES),
    D3DKMT(query_allocation_residency, hDevice, DEVICE, USES),
    D3DKMT(query_allocation_residency, hResource, RESOURCE, USES),
    D3DKMT(query_allocation_residency, phAllocationList, ALLOCATION, USES),
    D3DKMT(set_allocation_priority, hDevice, DEVICE, USES),
    D3DKMT(set_allocation_priority, hResource, RESOURCE, USES),
    D3DKMT(set_allocation_priority, phAllocationList, ALLOCATION, USES),
    D3DKMT(get_allocation_priority, hDevice, DEVICE, USES),
    D3DKMT(get_allocation_priority, hResource, RESOURCE, USES),
    D3DKMT(get_allocation_priority, phAllocationList, ALLOCATION, USES),
    D3DKMT(offer_allocations, hDevice, DEVICE, USES),
    D3DKMT(offer_allocations, pResources, RESOURCE, USES),
    D3DKMT(offer_allocations, HandleList, ALLOCATION, USES),
    D3DKMT(reclaim_allocations2, hPagingQueue, PAGING_QUEUE, USES),
    D3DKMT(reclaim_allocations2, pResources, RESOURCE, USES),
    D3DKMT(reclaim_allocations2, HandleList, ALLOCATION, USES),
    D3DKMT(update_allocation_property, hPagingQueue, PAGING_QUEUE, USES),
    D3DKMT(update_allocation_property, hAllocation, ALLOCATION, USES),
    D3DKMT(lock2, hDevice, DEVICE, USES),
    D3DKMT(lock2, hAllocation, ALLOCATION, USES),
    D3DKMT(unlock2, hDevice, DEVICE, USES),
    D3DKMT(unlock2, hAllocation, ALLOCATION, USES),
    D3DKMT(invalidate_cache, hDevice, DEVICE, USES),
    D3DKMT(invalidate_cache, hAllocation, ALLOCATION, USES),
    D3DKMT(flush_heap_transitions, hAdapter, ADAPTER, USES),
    D3DKMT(map_gpu_virtual_address, hPagingQueue, PAGING_QUEUE, USES),
    D3DKMT(map_gpu_virtual_address, hAllocation, ALLOCATION, USES),
    D3DKMT(map_gpu_virtual_address, BaseAddress, RANGE, USES),
    D3DKMT(map_gpu_virtual_address, VirtualAddress, RANGE, MAKES),
    D3DKMT(reserve_gpu_virtual_address, hPagingQueue, VA_PLACE, USES),
    D3DKMT(reserve_gpu_virtual_address, hAdapter, VA_PLACE, SAME_PLACE),
    D3DKMT(reserve_gpu_virtual_address, BaseAddress, RANGE, USES),
    D3DKMT(reserve_gpu_virtual_address, VirtualAddress, RANGE, MAKES),
    D3DKMT(free_gpu_virtual_address, hAdapter, ADAPTER, USES),
    D3DKMT(free_gpu_virtual_address, BaseAddress, RANGE, ENDS),
    D3DKMT(update_gpu_virtual_address, hDevice, DEVICE, USES),
    D3DKMT(update_gpu_virtual_address, hContext, CONTEXT, USES),
    D3DKMT(update_gpu_virtual_address, hFenceObject, SYNC_OBJECT, USES),
    D3DKMT(gpu_virtual_address_operation, Map_BaseAddress, RANGE, USES),
    D3DKMT(gpu_virtual_address_operation, Map_hAllocation, ALLOCATION, USES),
    D3DKMT(gpu_virtual_address_operation, Unmap_BaseAddress, RANGE, USES),
    D3DKMT(gpu_virtual_address_operation, Copy_SourceAddress, RANGE, USES),
    D3DKMT(gpu_virtual_address_operation, Copy_DestAddress, RANGE, USES),
    D3DKMT(gpu_virtual_address_operation, MapProtect_BaseAddress, RANGE, USES),
    D3DKMT(gpu_virtual_address_operation, MapProtect_hAllocation, ALLOCATION, USES),
    D3DKMT(create_allocation, hGlobalShare, SHARE, MAKES),
    D3DKMT(share_objects, ObjectHandleArray, SHAREABLE, USES),
    D3DKMT(share_objects, pSharedNtHandle, NT_HANDLE, MAKES),
    D3DKMT(query_resource_info, hDevice, DEVICE, USES),
    D3DKMT(query_resource_info, hGlobalShare, SHARE, USES),
    D3DKMT(query_resource_info_from_nt_handle, hDevice, DEVICE, USES),
    D3DKMT(query_resource_info_from_nt_handle, hNtHandle, NT_HANDLE, USES),
    D3DKMT(open_resource, hDevice, DEVICE, USES),
    D3DKMT(open_resource, hGlobalShare, SHARE, USES),
    D3DKMT(open_resource, hResource, RESOURCE, MAKES),
    D3DKMT(open_allocation, hAllocation, ALLOCATION, MAKES),
    D3DKMT(open_resource_from_nt_handle, hDevice, DEVICE, USES),
    D3DKMT(open_resource_from_nt_handle, hNtHandle, NT_HANDLE, USES),
    D3DKMT(open_resource_from_nt_handle, hResource, RESOURCE, MAKES),
    D3DKMT(open_resource_from_nt_handle, hSyncObject, SYNC_OBJECT, MAKES),
    D3DKMT(create_synchronization_object2, hDevice, DEVICE, USES),
    D3DKMT(create_synchronization_object2, Info_PeriodicMonitoredFence_hAdapter, ADAPTER, USES),
    D3DKMT(create_synchronization_object2, Info_SharedHandle, SHARE, MAKES),
    D3DKMT(create_synchronization_object2, hSyncObject, SYNC_OBJECT, MAKES),
    D3DKMT(destroy_synchronization_object, hSyncObject, SYNC_OBJECT, ENDS),
    D3DKMT(open_sync_object_from_nt_handle2, hNtHandle, NT_HANDLE, USES),
    D3DKMT(open_sync_object_from_nt_handle2, hDevice, DEVICE, USES),
    D3DKMT(open_sync_object_from_nt_handle2, hSyncObject, SYNC_OBJECT, MAKES),
    D3DKMT(wait_for_synchronization_object_from_cpu, hDevice, DEVICE, USES),
    D3DKMT(wait_for_synchronization_object_from_cpu, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(wait_for_synchronization_object_from_gpu, hContext, CONTEXT, USES),
    D3DKMT(wait_for_synchronization_object_from_gpu, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(signal_synchronization_object_from_cpu, hDevice, DEVICE, USES),
    D3DKMT(signal_synchronization_object_from_cpu, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(signal_synchronization_object_from_gpu, hContext, CONTEXT, USES),
    D3DKMT(signal_synchronization_object_from_gpu, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(signal_synchronization_object_from_gpu2, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(signal_synchronization_object_from_gpu2, BroadcastContextArray, CONTEXT, USES),
    D3DKMT(submit_wait_for_sync_objects_to_hw_queue, hHwQueue, HW_QUEUE, USES),
    D3DKMT(submit_wait_for_sync_objects_to_hw_queue, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(submit_signal_sync_objects_to_hw_queue, BroadcastHwQueueArray, HW_QUEUE, USES),
    D3DKMT(submit_signal_sync_objects_to_hw_queue, ObjectHandleArray, SYNC_OBJECT, USES),
    D3DKMT(submit_command, Commands, RANGE, USES),
    D3DKMT(submit_command, BroadcastContext, CONTEXT, USES),
    D3DKMT(submit_command, WrittenPrimaries, ALLOCATION, USES),
    D3DKMT(submit_command, HistoryBufferArray, ALLOCATION, USES),
    D3DKMT(submit_command_to_hw_queue, hHwQueue, HW_QUEUE, USES),
    D3DKMT(submit_command_to_hw_queue, CommandBuffer, RANGE, USES),
    D3DKMT(submit_command_to_hw_queue, WrittenPrimaries, ALLOCATION, USES),
    DRM(virtgpu_execbuffer, bo_handles, BUFFER, USES), /* of submissions, as further down: who replays none knows what they use */
    DRM(virtgpu_resource_info, bo_handle, BUFFER, USES),
    DRM(virtgpu_transfer_to_host, bo_handle, BUFFER, USES),
    DRM(virtgpu_transfer_from_host, bo_handle, BUFFER, USES),
    DRM(virtgpu_wait, handle, BUFFER, USES),
    DRM(amdgpu_bo_list, list_handle, LIST, ENDS, IF(operation, IS, 1)),
    DRM(amdgpu_bo_list, list_handle, LIST, USES, IF(operation, IS, 2)),
    DRM(amdgpu_bo_list, new_list_handle, LIST, MAKES),
    DRM(amdgpu_bo_list_entry, bo_handle, BUFFER, USES),
    DRM(amdgpu_cs, bo_list_handle, LIST, USES),
    DRM(radeon_cs_reloc, handle, BUFFER, USES),
    DRM(i915_exec_object, handle, BUFFER, USES),
    DRM(nouveau_pushbuf_bo, handle, BUFFER, USES),
    DRM(amdgpu_ctx, ctx_id, SUBMITTER, ENDS, IF(op, IS, 2)),
    DRM(amdgpu_ctx, ctx_id, SUBMITTER, USES, IF(op, ABOVE, 2)),
    DRM(amdgpu_ctx, new_ctx_id, SUBMITTER, MAKES),
    DRM(i915_gem_vm_create, vm_id, VM, MAKES),
    DRM(i915_gem_vm_destroy, vm_id, VM, ENDS),
    DRM(i915_gem_context_create, ctx_id, SUBMITTER, MAKES),
    DRM(i915_gem_context_destroy, ctx_id, SUBMITTER, ENDS),
    DRM(i915_context_setparam, value, VM, USES, IF(param, IS, 9)),
    DRM(xe_gem_create, vm_id, VM, USES),
    DRM(xe_vm_create, vm_id, VM, MAKES),
    DRM(xe_vm_destroy, vm_id, VM, ENDS),
    DRM(xe_vm_bind, vm_id, VM, USES),
    DRM(xe_vm_bind, exec_queue_id, SUBMITTER, USES),
    DRM(xe_bind_op, obj, BUFFER, USES),
    DRM(xe_sync, handle, SYNCOBJ, USES),
    DRM(xe_exec_queue_create, vm_id, VM, USES),
    DRM(xe_exec_queue_create, exec_queue_id, SUBMITTER, MAKES),
    DRM(xe_exec_queue_destroy, exec_queue_id, SUBMITTER, ENDS),
    DRM(nouveau_bind_op, handle, BUFFER, USES),
    DRM(nouveau_sync, handle, SYNCOBJ, USES),
    DRM(syncobj_create, handle, SYNCOBJ, MAKES),
    DRM(syncobj_destroy, handle, SYNCOBJ, ENDS),
    DRM(syncobj_reset, handles, SYNCOBJ, USES),
    DRM(syncobj_signal, handles, SYNCOBJ, USES),
    DRM(syncobj_query, handles, SYNCOBJ, USES),
    DRM(syncobj_timeline_signal, handles, SYNCOBJ, USES),
    DRM(syncobj_transfer, src_handle, SYNCOBJ, USES),
    DRM(syncobj_transfer, dst_handle, SYNCOBJ, USES),
    DRM(syncobj_handle_to_fd, handle, SYNCOBJ, USES),
    DRM(syncobj_handle_to_fd, fd, SYNC_FD, MAKES),
    DRM(syncobj_fd_to_handle, fd, SYNC_FD, USES),
    DRM(syncobj_fd_to_handle, handle, SYNCOBJ, MAKES),
    DRM(i915_gem_context_getparam, ctx_id, SUBMITTER, USES),
    DRM(i915_gem_context_getparam, value, VM, MAKES, IF(param, IS, 9)),
    DRM(i915_gem_context_setparam, ctx_id, SUBMITTER, USES),
    DRM(i915_gem_context_setparam, value, VM, USES, IF(param, IS, 9)),
    DRM(nouveau_channel_alloc, channel, SUBMITTER, MAKES),
    DRM(nouveau_channel_free, channel, SUBMITTER, ENDS),
    DRM(dma_heap_alloc, fd, DMA_BUF, MAKES, .identity = "dma_buf"),
    DRM(gem_flink, name, NAME, MAKES),
    DRM(gem_open, name, NAME, USES),
    DRM(prime_handle_to_fd, fd, DMA_BUF, MAKES, .identity = "dma_buf"),
    DRM(prime_fd_to_handle, fd, DMA_BUF, USES, .identity = "dma_buf"),
};

/* Requests that name no object but are issued. */
static const uint16_t independent[] = {
    GA_ROW_drm_virtgpu_getparam, GA_ROW_drm_virtgpu_get_caps, GA_ROW_drm_virtgpu_context_init, GA_ROW_drm_amdgpu_vm,
    GA_ROW_drm_nouveau_vm_init, GA_ROW_drm_nouveau_vm_bind, GA_ROW_drm_radeon_gem_info, GA_ROW_drm_radeon_info,
    GA_ROW_drm_udmabuf_create, GA_ROW_drm_udmabuf_create_list,
};

#define SUPPLY(row_, member_, ...) {.row = GA_ROW_drm_##row_, .member = #member_, __VA_ARGS__}
static const struct replay_supply supplies[] = {
    SUPPLY(amdgpu_gem_userptr, addr, .size = "size"),
    SUPPLY(radeon_gem_userptr, addr, .size = "size"),
    SUPPLY(radeon_info, value, .fixed = 4096), /* answers are arrays of 128 bytes at most */
    SUPPLY(i915_gem_userptr, user_ptr, .size = "user_size"),
    SUPPLY(i915_gem_pread, data_ptr, .size = "size"),
    SUPPLY(i915_gem_pwrite, data_ptr, .size = "size"),
    SUPPLY(i915_context_setparam, value, IF(param, IS, 7)),
    SUPPLY(i915_context_setparam, value, IF(param, IS, 10)),
    SUPPLY(xe_bind_op, userptr, .size = "range"),
    SUPPLY(xe_sync, addr, .fixed = 8),
    SUPPLY(virtgpu_get_caps, addr, .size = "size"),
    SUPPLY(virtgpu_context_set_param, value, .fixed = 64, IF(param, IS, 4)), /* a name for debugging */
};

static const uint16_t binds[] = {
    GA_ROW_drm_amdgpu_gem_va, GA_ROW_drm_radeon_gem_va, GA_ROW_drm_xe_vm_bind, GA_ROW_drm_nouveau_vm_bind,
};

/* A GEM handle's part in a call, from the schema's effect. */
static const uint8_t effect_roles[] = {
    [GA_EFFECT_QUERY] = REPLAY_USES,  [GA_EFFECT_CREATE] = REPLAY_MAKES, [GA_EFFECT_DESTROY] = REPLAY_ENDS,
    [GA_EFFECT_IMPORT] = REPLAY_MAKES, [GA_EFFECT_EXPORT] = REPLAY_USES, [GA_EFFECT_MAP] = REPLAY_USES,
    [GA_EFFECT_OPEN] = REPLAY_MAKES,  [GA_EFFECT_CLOSE] = REPLAY_ENDS,
};

static bool passes(const struct ga_row *row, const char *when, uint8_t test, uint32_t value, const void *record)
{
    const struct ga_member *member = when && record ? ga_row_member(row, when) : NULL;
    return ga_arm_active((enum ga_arm_test)test, member ? ga_member_in(member, record) : 0, value);
}

static bool found(const struct ga_row *row, const struct replay_reference *candidate, bool before, const void *record)
{
    return before == (candidate->role != REPLAY_MAKES) &&
           passes(row, candidate->when, candidate->test, candidate->value, record);
}

bool replay_reference_of(const struct ga_row *row, const struct ga_member *member, bool before, const void *record,
                         struct replay_reference *reference)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (references[i].row == ga_row_id(row) && strcmp(references[i].member, member->name) == 0 &&
            found(row, &references[i], before, record)) {
            *reference = references[i];
            return true;
        }
    if (ga_row_is_drm(row) && member->mmap_offset && !before) {
        *reference = (struct replay_reference){
            .row = (uint16_t)ga_row_id(row), .member = member->name, .kind = REPLAY_OFFSET, .role = REPLAY_MAKES};
        return true;
    }
    if (!ga_row_is_drm(row) || !row->effect.handle || strcmp(row->effect.handle, member->name) != 0)
        return false;
    *reference = (struct replay_reference){.row = (uint16_t)ga_row_id(row), .member = member->name, .kind = REPLAY_BUFFER,
                                           .role = effect_roles[row->effect.kind]};
    return found(row, reference, before, record);
}

const struct replay_supply *replay_supply_of(const struct ga_row *row, const struct ga_member *member, const void *record)
{
    for (size_t i = 0; i < sizeof supplies / sizeof *supplies; i++)
        if (supplies[i].row == ga_row_id(row) && strcmp(supplies[i].member, member->name) == 0 &&
            passes(row, supplies[i].when, supplies[i].test, supplies[i].value, record))
            return &supplies[i];
    return NULL;
}

static bool among(const uint16_t *rows, size_t count, const struct ga_row *row)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] == ga_row_id(row))
            return true;
    return false;
}

bool replay_row_binds(const struct ga_row *row) { return among(binds, sizeof binds / sizeof *binds, row); }

/* Whether the table has a line about a row, or about one member of it. */
static bool in_table(const struct ga_row *row, const char *member)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (references[i].row == ga_row_id(row) && (!member || strcmp(references[i].member, member) == 0))
            return true;
    return false;
}

/* Whether a DRM request's structure can be issued from what its members say: it names no objects but those that the table knows. */
static bool is_plain(const struct ga_row *row)
{
    for (const struct ga_member *m = row->members(); m->name; m++)
        if ((m->object && !in_table(row, m->name) && !replay_is_memfd(row, m)) ||
            (m->kind == GA_ELEMENTS && !is_plain(&ga_rows[m->element])))
            return false;
    return true;
}

bool replay_row_known(const struct ga_row *row)
{
    if (ga_row_is_mapping(row))
        return true;
    if (ga_row_is_drm(row) && *row->driver && !replay_dialect_of(row->driver) && ga_driver_type(row->driver) == 'd')
        return row->effect.handle && row->effect.kind != GA_EFFECT_QUERY; /* by size alone, on another driver */
    if (ga_row_is_drm(row)) /* the effects of DRM's requests say what they do to a GEM handle */
        return (row->effect.handle || in_table(row, NULL) || among(independent, sizeof independent / sizeof *independent, row)) &&
               is_plain(row);
    return in_table(row, NULL) || ga_row_id(row) == GA_ROW_d3dkmt_enum_adapters2 || ga_row_id(row) == GA_ROW_d3dkmt_enum_adapters3;
}

bool replay_is_event(const struct ga_member *member)
{
    return strcmp(member->name, "hAsyncEvent") == 0 || strcmp(member->name, "CpuEventHandle") == 0 ||
           strcmp(member->name, "Info_CPUNotification_Event") == 0;
}

bool replay_is_memfd(const struct ga_row *row, const struct ga_member *member)
{
    return ga_row_is_udmabuf(row) && strcmp(member->name, "memfd") == 0;
}

const char *replay_object_kind_name(enum replay_object_kind kind)
{
    static const char *const names[] = {
        [REPLAY_ADAPTER] = "adapter",     [REPLAY_DEVICE] = "device",       [REPLAY_RESOURCE] = "resource",
        [REPLAY_ALLOCATION] = "allocation", [REPLAY_LUID] = "adapter id",   [REPLAY_FILE] = "file",
        [REPLAY_CONTEXT] = "context",     [REPLAY_HW_CONTEXT] = "hardware context",
        [REPLAY_HW_QUEUE] = "hardware queue", [REPLAY_PAGING_QUEUE] = "paging queue", [REPLAY_SYNC_OBJECT] = "sync object",
        [REPLAY_BUFFER] = "GEM handle",   [REPLAY_DMA_BUF] = "dma-buf",     [REPLAY_NAME] = "global name",
        [REPLAY_NT_HANDLE] = "NT handle", [REPLAY_SHARE] = "global share handle", [REPLAY_RANGE] = "GPU address range",
        [REPLAY_VM] = "address space",    [REPLAY_SUBMITTER] = "submission context",  [REPLAY_LIST] = "list of buffers",
        [REPLAY_SYNCOBJ] = "sync object", [REPLAY_SYNC_FD] = "sync object's descriptor",
        [REPLAY_OFFSET] = "mmap offset", [REPLAY_MAPPING] = "mapping",
        [REPLAY_SHAREABLE] = "resource or sync object", [REPLAY_VA_PLACE] = "adapter or paging queue",
        [REPLAY_QUEUE_PLACE] = "hardware context or context",
    };
    return names[kind];
}
