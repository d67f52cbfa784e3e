/* msm: memory and submissions; Debian 12's libdrm header is older. Source: include/uapi/drm/msm_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_MSM_H
#define GPUALLOC_ABI_MSM_H

#include <libdrm/drm.h>

#include "abi/words.h"

struct drm_msm_timespec {
    __s64 tv_sec, tv_nsec;
};

struct drm_msm_param {
    __u32 pipe, param;
    __u64 value;
    __u32 len, pad;
};

struct drm_msm_gem_new {
    __u64 size;
    __u32 flags, handle;
};

struct drm_msm_gem_info {
    __u32 handle, info;
    __u64 value;
    __u32 len, pad; /* since Linux 5.0 */
};

struct drm_msm_gem_cpu_prep {
    __u32 handle, op;
    struct drm_msm_timespec timeout;
};

struct drm_msm_gem_cpu_fini {
    __u32 handle;
};

struct drm_msm_gem_submit_cmd {
    __u32 type, submit_idx, submit_offset, size, pad, nr_relocs;
    __u64 relocs;
};

struct drm_msm_gem_submit_bo {
    __u32 flags, handle;
    __u64 presumed;
};

struct drm_msm_gem_submit_syncobj {
    __u32 handle, flags;
    __u64 point;
};

struct drm_msm_gem_submit {
    __u32 flags, fence, nr_bos, nr_cmds;
    __u64 bos, cmds;
    __s32 fence_fd;
    __u32 queueid;
    __u64 in_syncobjs, out_syncobjs;
    __u32 nr_in_syncobjs, nr_out_syncobjs, syncobj_stride, pad;
};

struct drm_msm_wait_fence {
    __u32 fence, flags;
    struct drm_msm_timespec timeout;
    __u32 queueid;
};

struct drm_msm_gem_madvise {
    __u32 handle, madv, retained;
};

struct drm_msm_submitqueue {
    __u32 flags, prio, id;
};

#define MSM_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define MSM_IOW(number, structure) DRM_IOW(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_MSM_GET_PARAM MSM_IOWR(0x00, struct drm_msm_param)
#define DRM_IOCTL_MSM_GEM_NEW MSM_IOWR(0x02, struct drm_msm_gem_new)
#define DRM_IOCTL_MSM_GEM_INFO MSM_IOWR(0x03, struct drm_msm_gem_info)
#define DRM_IOCTL_MSM_GEM_CPU_PREP MSM_IOW(0x04, struct drm_msm_gem_cpu_prep)
#define DRM_IOCTL_MSM_GEM_CPU_FINI MSM_IOW(0x05, struct drm_msm_gem_cpu_fini)
#define DRM_IOCTL_MSM_GEM_SUBMIT MSM_IOWR(0x06, struct drm_msm_gem_submit)
#define DRM_IOCTL_MSM_WAIT_FENCE MSM_IOW(0x07, struct drm_msm_wait_fence)
#define DRM_IOCTL_MSM_GEM_MADVISE MSM_IOWR(0x08, struct drm_msm_gem_madvise)
#define DRM_IOCTL_MSM_SUBMITQUEUE_NEW MSM_IOWR(0x0a, struct drm_msm_submitqueue)
#define DRM_IOCTL_MSM_SUBMITQUEUE_CLOSE MSM_IOW(0x0b, struct ga_word32)

#endif
