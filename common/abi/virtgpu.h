/*
 * virtio_gpu requests that are newer than Debian 12's libdrm headers.
 * Source: include/uapi/drm/virtgpu_drm.h of Linux 5.11 and later. Newer libdrm headers have them; then theirs are used.
 */
#ifndef GPUALLOC_ABI_VIRTGPU_H
#define GPUALLOC_ABI_VIRTGPU_H

#include <assert.h>
#include <libdrm/drm.h>
#include <libdrm/virtgpu_drm.h>

#ifndef DRM_VIRTGPU_RESOURCE_CREATE_BLOB
#define DRM_VIRTGPU_RESOURCE_CREATE_BLOB 0x0a

#define VIRTGPU_BLOB_MEM_GUEST 0x0001
#define VIRTGPU_BLOB_MEM_HOST3D 0x0002
#define VIRTGPU_BLOB_MEM_HOST3D_GUEST 0x0003

#define VIRTGPU_BLOB_FLAG_USE_MAPPABLE 0x0001
#define VIRTGPU_BLOB_FLAG_USE_SHAREABLE 0x0002
#define VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE 0x0004

struct drm_virtgpu_resource_create_blob {
    __u32 blob_mem;
    __u32 blob_flags;
    __u32 bo_handle;
    __u32 res_handle;
    __u64 size;
    __u32 pad;
    __u32 cmd_size;
    __u64 cmd;
    __u64 blob_id;
};

#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB                                                                              \
    DRM_IOWR(DRM_COMMAND_BASE + DRM_VIRTGPU_RESOURCE_CREATE_BLOB, struct drm_virtgpu_resource_create_blob)
#endif

static_assert(sizeof(struct drm_virtgpu_resource_create_blob) == 48, "as in the kernel's header");

#endif
