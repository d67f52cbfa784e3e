/* panfrost: Debian 12's libdrm has no header of it. Source: include/uapi/drm/panfrost_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_PANFROST_H
#define GPUALLOC_ABI_PANFROST_H

#include <libdrm/drm.h>

struct drm_panfrost_submit {
    __u64 jc, in_syncs;
    __u32 in_sync_count, out_sync;
    __u64 bo_handles;
    __u32 bo_handle_count, requirements;
};

struct drm_panfrost_wait_bo {
    __u32 handle, pad;
    __s64 timeout_ns;
};

struct drm_panfrost_create_bo {
    __u32 size, flags, handle, pad;
    __u64 offset;
};

struct drm_panfrost_mmap_bo {
    __u32 handle, flags;
    __u64 offset;
};

struct drm_panfrost_get_param {
    __u32 param, pad;
    __u64 value;
};

struct drm_panfrost_get_bo_offset {
    __u32 handle, pad;
    __u64 offset;
};

struct drm_panfrost_madvise {
    __u32 handle, madv, retained;
};

#define PANFROST_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_PANFROST_SUBMIT DRM_IOW(DRM_COMMAND_BASE + 0x00, struct drm_panfrost_submit)
#define DRM_IOCTL_PANFROST_WAIT_BO DRM_IOW(DRM_COMMAND_BASE + 0x01, struct drm_panfrost_wait_bo)
#define DRM_IOCTL_PANFROST_CREATE_BO PANFROST_IOWR(0x02, struct drm_panfrost_create_bo)
#define DRM_IOCTL_PANFROST_MMAP_BO PANFROST_IOWR(0x03, struct drm_panfrost_mmap_bo)
#define DRM_IOCTL_PANFROST_GET_PARAM PANFROST_IOWR(0x04, struct drm_panfrost_get_param)
#define DRM_IOCTL_PANFROST_GET_BO_OFFSET PANFROST_IOWR(0x05, struct drm_panfrost_get_bo_offset)
#define DRM_IOCTL_PANFROST_MADVISE PANFROST_IOWR(0x08, struct drm_panfrost_madvise)

#endif
