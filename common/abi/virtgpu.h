/*
 * The requests of virtio_gpu, whole: Debian 12's libdrm headers lack the newer ones, and members that grew on.
 * Source: include/uapi/drm/virtgpu_drm.h of Linux 6.12. Do not include libdrm/virtgpu_drm.h beside it.
 */
#ifndef GPUALLOC_ABI_VIRTGPU_H
#define GPUALLOC_ABI_VIRTGPU_H

#include <libdrm/drm.h>

#define VIRTGPU_BLOB_MEM_GUEST 1
#define VIRTGPU_BLOB_MEM_HOST3D 2
#define VIRTGPU_BLOB_MEM_HOST3D_GUEST 3

struct drm_virtgpu_map {
    __u64 offset;
    __u32 handle, pad;
};

struct drm_virtgpu_execbuffer_syncobj {
    __u32 handle, flags;
    __u64 point;
};

struct drm_virtgpu_execbuffer {
    __u32 flags, size;
    __u64 command, bo_handles;
    __u32 num_bo_handles;
    __s32 fence_fd;
    __u32 ring_idx;
    /* Since Linux 6.6; the structure ended at 40 bytes before, at 32 before 5.17. */
    __u32 syncobj_stride, num_in_syncobjs, num_out_syncobjs;
    __u64 in_syncobjs, out_syncobjs;
};

struct drm_virtgpu_getparam {
    __u64 param, value;
};

struct drm_virtgpu_resource_create {
    __u32 target, format, bind, width, height, depth, array_size, last_level, nr_samples, flags;
    __u32 bo_handle, res_handle, size, stride;
};

struct drm_virtgpu_resource_info {
    __u32 bo_handle, res_handle, size;
    __u32 blob_mem; /* stride before Linux 5.11 */
};

struct drm_virtgpu_3d_box {
    __u32 x, y, z, w, h, d;
};

struct drm_virtgpu_3d_transfer_to_host {
    __u32 bo_handle;
    struct drm_virtgpu_3d_box box;
    __u32 level, offset, stride, layer_stride;
};

struct drm_virtgpu_3d_transfer_from_host {
    __u32 bo_handle;
    struct drm_virtgpu_3d_box box;
    __u32 level, offset, stride, layer_stride;
};

struct drm_virtgpu_3d_wait {
    __u32 handle, flags;
};

struct drm_virtgpu_get_caps {
    __u32 cap_set_id, cap_set_ver;
    __u64 addr;
    __u32 size, pad;
};

struct drm_virtgpu_resource_create_blob {
    __u32 blob_mem, blob_flags, bo_handle, res_handle;
    __u64 size;
    __u32 pad, cmd_size;
    __u64 cmd, blob_id;
};

struct drm_virtgpu_context_set_param {
    __u64 param, value;
};

struct drm_virtgpu_context_init {
    __u32 num_params, pad;
    __u64 ctx_set_params;
};

#define VIRTGPU_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_VIRTGPU_MAP VIRTGPU_IOWR(0x01, struct drm_virtgpu_map)
#define DRM_IOCTL_VIRTGPU_EXECBUFFER VIRTGPU_IOWR(0x02, struct drm_virtgpu_execbuffer)
#define DRM_IOCTL_VIRTGPU_GETPARAM VIRTGPU_IOWR(0x03, struct drm_virtgpu_getparam)
#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE VIRTGPU_IOWR(0x04, struct drm_virtgpu_resource_create)
#define DRM_IOCTL_VIRTGPU_RESOURCE_INFO VIRTGPU_IOWR(0x05, struct drm_virtgpu_resource_info)
#define DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST VIRTGPU_IOWR(0x06, struct drm_virtgpu_3d_transfer_from_host)
#define DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST VIRTGPU_IOWR(0x07, struct drm_virtgpu_3d_transfer_to_host)
#define DRM_IOCTL_VIRTGPU_WAIT VIRTGPU_IOWR(0x08, struct drm_virtgpu_3d_wait)
#define DRM_IOCTL_VIRTGPU_GET_CAPS VIRTGPU_IOWR(0x09, struct drm_virtgpu_get_caps)
#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB VIRTGPU_IOWR(0x0a, struct drm_virtgpu_resource_create_blob)
#define DRM_IOCTL_VIRTGPU_CONTEXT_INIT VIRTGPU_IOWR(0x0b, struct drm_virtgpu_context_init)

#endif
