/* v3d: Debian 12's libdrm has no header of it. Source: include/uapi/drm/v3d_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_V3D_H
#define GPUALLOC_ABI_V3D_H

#include <libdrm/drm.h>

struct drm_v3d_extension {
    __u64 next;
    __u32 id, flags;
};

struct drm_v3d_sem {
    __u32 handle, flags;
    __u64 point, mbz[2];
};

struct drm_v3d_multi_sync {
    struct drm_v3d_extension base;
    __u64 in_syncs, out_syncs;
    __u32 in_sync_count, out_sync_count, wait_stage, pad;
};

struct drm_v3d_submit_cl {
    __u32 bcl_start, bcl_end, rcl_start, rcl_end, in_sync_bcl, in_sync_rcl, out_sync, qma, qms, qts;
    __u64 bo_handles;
    __u32 bo_handle_count, flags, perfmon_id, pad;
    __u64 extensions;
};

struct drm_v3d_wait_bo {
    __u32 handle, pad;
    __u64 timeout_ns;
};

struct drm_v3d_create_bo {
    __u32 size, flags, handle, offset;
};

struct drm_v3d_mmap_bo {
    __u32 handle, flags;
    __u64 offset;
};

struct drm_v3d_get_param {
    __u32 param, pad;
    __u64 value;
};

struct drm_v3d_get_bo_offset {
    __u32 handle, offset;
};

struct drm_v3d_submit_tfu {
    __u32 icfg, iia, iis, ica, iua, ioa, ios, coef[4], bo_handles[4], in_sync, out_sync, flags;
    __u64 extensions;
    struct {
        __u32 ioc, pad;
    } v71;
};

struct drm_v3d_submit_csd {
    __u32 cfg[7], coef[4];
    __u64 bo_handles;
    __u32 bo_handle_count, in_sync, out_sync, perfmon_id;
    __u64 extensions;
    __u32 flags, pad;
};

#define V3D_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_V3D_SUBMIT_CL V3D_IOWR(0x00, struct drm_v3d_submit_cl)
#define DRM_IOCTL_V3D_WAIT_BO V3D_IOWR(0x01, struct drm_v3d_wait_bo)
#define DRM_IOCTL_V3D_CREATE_BO V3D_IOWR(0x02, struct drm_v3d_create_bo)
#define DRM_IOCTL_V3D_MMAP_BO V3D_IOWR(0x03, struct drm_v3d_mmap_bo)
#define DRM_IOCTL_V3D_GET_PARAM V3D_IOWR(0x04, struct drm_v3d_get_param)
#define DRM_IOCTL_V3D_GET_BO_OFFSET V3D_IOWR(0x05, struct drm_v3d_get_bo_offset)
#define DRM_IOCTL_V3D_SUBMIT_TFU DRM_IOW(DRM_COMMAND_BASE + 0x06, struct drm_v3d_submit_tfu)
#define DRM_IOCTL_V3D_SUBMIT_CSD DRM_IOW(DRM_COMMAND_BASE + 0x07, struct drm_v3d_submit_csd)

#endif
