/* xe: Debian 12's libdrm has no header of it. Source: include/uapi/drm/xe_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_XE_H
#define GPUALLOC_ABI_XE_H

#include <libdrm/drm.h>

struct drm_xe_user_extension {
    __u64 next_extension;
    __u32 name, pad;
};

struct drm_xe_ext_set_property {
    struct drm_xe_user_extension base;
    __u32 property, pad;
    __u64 value, reserved[2];
};

struct drm_xe_engine_class_instance {
    __u16 engine_class, engine_instance, gt_id, pad;
};

struct drm_xe_engine {
    struct drm_xe_engine_class_instance instance;
    __u64 reserved[3];
};

struct drm_xe_query_engines {
    __u32 num_engines, pad; /* and as many struct drm_xe_engine */
};

struct drm_xe_mem_region {
    __u16 mem_class, instance; /* class 1: VRAM; instance: the bit of placement */
    __u32 min_page_size;
    __u64 total_size, used, cpu_visible_size, cpu_visible_used, reserved[6];
};

struct drm_xe_query_mem_regions {
    __u32 num_mem_regions, pad; /* and as many struct drm_xe_mem_region */
};

struct drm_xe_device_query {
    __u64 extensions;
    __u32 query, size;
    __u64 data, reserved[2];
};
#define DRM_XE_DEVICE_QUERY_ENGINES 0
#define DRM_XE_DEVICE_QUERY_MEM_REGIONS 1

struct drm_xe_gem_create {
    __u64 extensions, size;
    __u32 placement, flags, vm_id, handle;
    __u16 cpu_caching, pad[3];
    __u64 reserved[2];
};

struct drm_xe_gem_mmap_offset {
    __u64 extensions;
    __u32 handle, flags;
    __u64 offset, reserved[2];
};

struct drm_xe_vm_create {
    __u64 extensions;
    __u32 flags, vm_id;
    __u64 reserved[2];
};

struct drm_xe_vm_destroy {
    __u32 vm_id, pad;
    __u64 reserved[2];
};

struct drm_xe_vm_bind_op {
    __u64 extensions;
    __u32 obj;
    __u16 pat_index, pad;
    union {
        __u64 obj_offset, userptr;
    };
    __u64 range, addr;
    __u32 op, flags, prefetch_mem_region_instance, pad2;
    __u64 reserved[3];
};

struct drm_xe_vm_bind {
    __u64 extensions;
    __u32 vm_id, exec_queue_id, pad, num_binds;
    union {
        struct drm_xe_vm_bind_op bind; /* when num_binds is 1 */
        __u64 vector_of_binds;
    };
    __u32 pad2, num_syncs;
    __u64 syncs, reserved[2];
};

struct drm_xe_exec_queue_create {
    __u64 extensions;
    __u16 width, num_placements;
    __u32 vm_id, flags, exec_queue_id;
    __u64 instances, reserved[2];
};

struct drm_xe_exec_queue_destroy {
    __u32 exec_queue_id, pad;
    __u64 reserved[2];
};

struct drm_xe_sync {
    __u64 extensions;
    __u32 type, flags;
    union {
        __u32 handle;
        __u64 addr;
    };
    __u64 timeline_value, reserved[2];
};

struct drm_xe_exec {
    __u64 extensions;
    __u32 exec_queue_id, num_syncs;
    __u64 syncs, address;
    __u16 num_batch_buffer, pad[3];
    __u64 reserved[2];
};

struct drm_xe_wait_user_fence {
    __u64 extensions, addr;
    __u16 op, flags;
    __u32 pad;
    __u64 value, mask;
    __s64 timeout;
    __u32 exec_queue_id, pad2;
    __u64 reserved[2];
};

#define XE_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define XE_IOW(number, structure) DRM_IOW(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_XE_DEVICE_QUERY XE_IOWR(0x00, struct drm_xe_device_query)
#define DRM_IOCTL_XE_GEM_CREATE XE_IOWR(0x01, struct drm_xe_gem_create)
#define DRM_IOCTL_XE_GEM_MMAP_OFFSET XE_IOWR(0x02, struct drm_xe_gem_mmap_offset)
#define DRM_IOCTL_XE_VM_CREATE XE_IOWR(0x03, struct drm_xe_vm_create)
#define DRM_IOCTL_XE_VM_DESTROY XE_IOW(0x04, struct drm_xe_vm_destroy)
#define DRM_IOCTL_XE_VM_BIND XE_IOW(0x05, struct drm_xe_vm_bind)
#define DRM_IOCTL_XE_EXEC_QUEUE_CREATE XE_IOWR(0x06, struct drm_xe_exec_queue_create)
#define DRM_IOCTL_XE_EXEC_QUEUE_DESTROY XE_IOW(0x07, struct drm_xe_exec_queue_destroy)
#define DRM_IOCTL_XE_EXEC XE_IOW(0x09, struct drm_xe_exec)
#define DRM_IOCTL_XE_WAIT_USER_FENCE XE_IOWR(0x0a, struct drm_xe_wait_user_fence)

#endif
