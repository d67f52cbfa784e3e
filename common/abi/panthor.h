/* panthor: Debian 12's libdrm has no header of it. Source: include/uapi/drm/panthor_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_PANTHOR_H
#define GPUALLOC_ABI_PANTHOR_H

#include <libdrm/drm.h>

struct drm_panthor_obj_array {
    __u32 stride, count;
    __u64 array;
};

struct drm_panthor_sync_op {
    __u32 flags, handle;
    __u64 timeline_value;
};

struct drm_panthor_dev_query {
    __u32 type, size;
    __u64 pointer;
};

struct drm_panthor_vm_create {
    __u32 flags, id;
    __u64 user_va_range;
};

struct drm_panthor_vm_destroy {
    __u32 id, pad;
};

struct drm_panthor_vm_bind_op {
    __u32 flags, bo_handle;
    __u64 bo_offset, va, size;
    struct drm_panthor_obj_array syncs;
};

struct drm_panthor_vm_bind {
    __u32 vm_id, flags;
    struct drm_panthor_obj_array ops;
};

struct drm_panthor_bo_create {
    __u64 size;
    __u32 flags, exclusive_vm_id, handle, pad;
};

struct drm_panthor_bo_mmap_offset {
    __u32 handle, pad;
    __u64 offset;
};

struct drm_panthor_queue_create {
    __u8 priority, pad[3];
    __u32 ringbuf_size;
};

struct drm_panthor_group_create {
    struct drm_panthor_obj_array queues;
    __u8 max_compute_cores, max_fragment_cores, max_tiler_cores, priority;
    __u32 pad;
    __u64 compute_core_mask, fragment_core_mask, tiler_core_mask;
    __u32 vm_id, group_handle;
};

struct drm_panthor_group_destroy {
    __u32 group_handle, pad;
};

struct drm_panthor_queue_submit {
    __u32 queue_index, stream_size;
    __u64 stream_addr;
    __u32 latest_flush, pad;
    struct drm_panthor_obj_array syncs;
};

struct drm_panthor_group_submit {
    __u32 group_handle, pad;
    struct drm_panthor_obj_array queue_submits;
};

struct drm_panthor_tiler_heap_create {
    __u32 vm_id, initial_chunk_count, chunk_size, max_chunks, target_in_flight, handle;
    __u64 tiler_heap_ctx_gpu_va, first_heap_chunk_gpu_va;
};

struct drm_panthor_tiler_heap_destroy {
    __u32 handle, pad;
};

#define PANTHOR_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_PANTHOR_DEV_QUERY PANTHOR_IOWR(0x00, struct drm_panthor_dev_query)
#define DRM_IOCTL_PANTHOR_VM_CREATE PANTHOR_IOWR(0x01, struct drm_panthor_vm_create)
#define DRM_IOCTL_PANTHOR_VM_DESTROY PANTHOR_IOWR(0x02, struct drm_panthor_vm_destroy)
#define DRM_IOCTL_PANTHOR_VM_BIND PANTHOR_IOWR(0x03, struct drm_panthor_vm_bind)
#define DRM_IOCTL_PANTHOR_BO_CREATE PANTHOR_IOWR(0x05, struct drm_panthor_bo_create)
#define DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET PANTHOR_IOWR(0x06, struct drm_panthor_bo_mmap_offset)
#define DRM_IOCTL_PANTHOR_GROUP_CREATE PANTHOR_IOWR(0x07, struct drm_panthor_group_create)
#define DRM_IOCTL_PANTHOR_GROUP_DESTROY PANTHOR_IOWR(0x08, struct drm_panthor_group_destroy)
#define DRM_IOCTL_PANTHOR_GROUP_SUBMIT PANTHOR_IOWR(0x09, struct drm_panthor_group_submit)
#define DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE PANTHOR_IOWR(0x0b, struct drm_panthor_tiler_heap_create)
#define DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY PANTHOR_IOWR(0x0c, struct drm_panthor_tiler_heap_destroy)

#endif
