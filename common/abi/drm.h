/*
 * DRM core: what Debian 12's libdrm header lacks, and structures that grew since, under names of our own.
 * Source: include/uapi/drm/drm.h of Linux 6.12.
 */
#ifndef GPUALLOC_ABI_DRM_H
#define GPUALLOC_ABI_DRM_H

#include <libdrm/drm.h>

struct newer_drm_syncobj_wait {
    __u64 handles;
    __s64 timeout_nsec;
    __u32 count_handles, flags, first_signaled, pad;
    __u64 deadline_nsec; /* since Linux 6.6 */
};

struct newer_drm_syncobj_timeline_wait {
    __u64 handles, points;
    __s64 timeout_nsec;
    __u32 count_handles, flags, first_signaled, pad;
    __u64 deadline_nsec; /* since Linux 6.6 */
};

#ifndef DRM_IOCTL_SYNCOBJ_EVENTFD
struct drm_syncobj_eventfd {
    __u32 handle, flags;
    __u64 point;
    __s32 fd;
    __u32 pad;
};
#define DRM_IOCTL_SYNCOBJ_EVENTFD DRM_IOWR(0xCF, struct drm_syncobj_eventfd)
#endif

#endif
