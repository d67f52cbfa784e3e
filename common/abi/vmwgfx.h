/*
 * vmwgfx: buffers, surfaces and submissions; Debian 12's libdrm header is older, and no header has the requests' values, which are
 * those of drivers/gpu/drm/vmwgfx/vmwgfx_drv.c. Source: include/uapi/drm/vmwgfx_drm.h of Linux 6.12; its enumerations are 32 bits.
 */
#ifndef GPUALLOC_ABI_VMWGFX_H
#define GPUALLOC_ABI_VMWGFX_H

#include <libdrm/drm.h>

#define VMWGFX_INVALID_ID 0xffffffffu /* SVGA3D_INVALID_ID: no surface, no buffer */

struct drm_vmw_getparam_arg {
    __u64 value;
    __u32 param, pad64;
};

struct drm_vmw_context_arg {
    __s32 cid;
    __u32 pad64;
};

struct drm_vmw_surface_create_req {
    __u32 flags, format, mip_levels[6];
    __u64 size_addr;
    __s32 shareable, scanout;
};

struct drm_vmw_surface_arg {
    __s32 sid;
    __u32 handle_type;
};

struct drm_vmw_size {
    __u32 width, height, depth, pad64;
};

union drm_vmw_surface_create_arg {
    struct drm_vmw_surface_arg rep;
    struct drm_vmw_surface_create_req req;
};

union drm_vmw_surface_reference_arg {
    struct drm_vmw_surface_create_req rep;
    struct drm_vmw_surface_arg req;
};

struct drm_vmw_execbuf_arg {
    __u64 commands;
    __u32 command_size, throttle_us;
    __u64 fence_rep;
    __u32 version, flags, context_handle; /* the last two since version 2 */
    __s32 imported_fence_fd;
};

struct drm_vmw_fence_rep {
    __u32 handle, mask, seqno, passed_seqno;
    __s32 fd, error;
};

struct drm_vmw_alloc_bo_req {
    __u32 size, pad64;
};

struct drm_vmw_bo_rep {
    __u64 map_handle;
    __u32 handle, cur_gmr_id, cur_gmr_offset, pad64;
};

union drm_vmw_alloc_bo_arg {
    struct drm_vmw_alloc_bo_req req;
    struct drm_vmw_bo_rep rep;
};

struct drm_vmw_get_3d_cap_arg {
    __u64 buffer;
    __u32 max_size, pad64;
};

struct drm_vmw_fence_wait_arg {
    __u32 handle;
    __s32 cookie_valid;
    __u64 kernel_cookie, timeout_us;
    __s32 lazy, flags, wait_options, pad64;
};

struct drm_vmw_fence_signaled_arg {
    __u32 handle, flags;
    __s32 signaled;
    __u32 passed_seqno, signaled_flags, pad64;
};

struct drm_vmw_fence_arg {
    __u32 handle, pad64;
};

struct drm_vmw_shader_create_arg {
    __u32 shader_type, size, buffer_handle, shader_handle;
    __u64 offset;
};

struct drm_vmw_shader_arg {
    __u32 handle, pad64;
};

struct drm_vmw_gb_surface_create_req {
    __u32 svga3d_flags, format, mip_levels, drm_surface_flags, multisample_count, autogen_filter, buffer_handle, array_size;
    struct drm_vmw_size base_size;
};

struct drm_vmw_gb_surface_create_rep {
    __u32 handle, backup_size, buffer_handle, buffer_size;
    __u64 buffer_map_handle;
};

union drm_vmw_gb_surface_create_arg {
    struct drm_vmw_gb_surface_create_rep rep;
    struct drm_vmw_gb_surface_create_req req;
};

struct drm_vmw_gb_surface_ref_rep {
    struct drm_vmw_gb_surface_create_req creq;
    struct drm_vmw_gb_surface_create_rep crep;
};

union drm_vmw_gb_surface_reference_arg {
    struct drm_vmw_gb_surface_ref_rep rep;
    struct drm_vmw_surface_arg req;
};

struct drm_vmw_synccpu_arg {
    __u32 op, flags, handle, pad64;
};

union drm_vmw_extended_context_arg {
    __u32 req;
    struct drm_vmw_context_arg rep;
};

struct drm_vmw_handle_close_arg {
    __u32 handle, pad64;
};

struct drm_vmw_gb_surface_create_ext_req {
    struct drm_vmw_gb_surface_create_req base;
    __u32 version, svga3d_flags_upper_32_bits, multisample_pattern, quality_level, buffer_byte_stride, must_be_zero;
};

union drm_vmw_gb_surface_create_ext_arg {
    struct drm_vmw_gb_surface_create_rep rep;
    struct drm_vmw_gb_surface_create_ext_req req;
};

struct drm_vmw_gb_surface_ref_ext_rep {
    struct drm_vmw_gb_surface_create_ext_req creq;
    struct drm_vmw_gb_surface_create_rep crep;
};

union drm_vmw_gb_surface_reference_ext_arg {
    struct drm_vmw_gb_surface_ref_ext_rep rep;
    struct drm_vmw_surface_arg req;
};

#define VMW_IOWR(number, structure) DRM_IOWR(DRM_COMMAND_BASE + (number), structure)
#define VMW_IOW(number, structure) DRM_IOW(DRM_COMMAND_BASE + (number), structure)
#define DRM_IOCTL_VMW_GET_PARAM VMW_IOWR(0, struct drm_vmw_getparam_arg)
#define DRM_IOCTL_VMW_ALLOC_BO VMW_IOWR(1, union drm_vmw_alloc_bo_arg)
#define DRM_IOCTL_VMW_HANDLE_CLOSE VMW_IOW(2, struct drm_vmw_handle_close_arg)
#define DRM_IOCTL_VMW_CREATE_CONTEXT DRM_IOR(DRM_COMMAND_BASE + 7, struct drm_vmw_context_arg)
#define DRM_IOCTL_VMW_UNREF_CONTEXT VMW_IOW(8, struct drm_vmw_context_arg)
#define DRM_IOCTL_VMW_CREATE_SURFACE VMW_IOWR(9, union drm_vmw_surface_create_arg)
#define DRM_IOCTL_VMW_UNREF_SURFACE VMW_IOW(10, struct drm_vmw_surface_arg)
#define DRM_IOCTL_VMW_REF_SURFACE VMW_IOWR(11, union drm_vmw_surface_reference_arg)
#define DRM_IOCTL_VMW_EXECBUF VMW_IOW(12, struct drm_vmw_execbuf_arg)
#define DRM_IOCTL_VMW_GET_3D_CAP VMW_IOW(13, struct drm_vmw_get_3d_cap_arg)
#define DRM_IOCTL_VMW_FENCE_WAIT VMW_IOWR(14, struct drm_vmw_fence_wait_arg)
#define DRM_IOCTL_VMW_FENCE_SIGNALED VMW_IOWR(15, struct drm_vmw_fence_signaled_arg)
#define DRM_IOCTL_VMW_FENCE_UNREF VMW_IOW(16, struct drm_vmw_fence_arg)
#define DRM_IOCTL_VMW_CREATE_SHADER VMW_IOWR(21, struct drm_vmw_shader_create_arg)
#define DRM_IOCTL_VMW_UNREF_SHADER VMW_IOW(22, struct drm_vmw_shader_arg)
#define DRM_IOCTL_VMW_GB_SURFACE_CREATE VMW_IOWR(23, union drm_vmw_gb_surface_create_arg)
#define DRM_IOCTL_VMW_GB_SURFACE_REF VMW_IOWR(24, union drm_vmw_gb_surface_reference_arg)
#define DRM_IOCTL_VMW_SYNCCPU VMW_IOW(25, struct drm_vmw_synccpu_arg)
#define DRM_IOCTL_VMW_CREATE_EXTENDED_CONTEXT VMW_IOWR(26, union drm_vmw_extended_context_arg)
#define DRM_IOCTL_VMW_GB_SURFACE_CREATE_EXT VMW_IOWR(27, union drm_vmw_gb_surface_create_ext_arg)
#define DRM_IOCTL_VMW_GB_SURFACE_REF_EXT VMW_IOWR(28, union drm_vmw_gb_surface_reference_ext_arg)

#endif
