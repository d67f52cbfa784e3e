/* nouveau: what Debian 12's libdrm header lacks. Source: include/uapi/drm/nouveau_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_NOUVEAU_H
#define GPUALLOC_ABI_NOUVEAU_H

#include <stdint.h> /* nouveau_drm.h needs it, and does not say so */

#include <libdrm/drm.h>
#include <libdrm/nouveau_drm.h>

#ifndef DRM_NOUVEAU_VM_INIT
#define DRM_NOUVEAU_VM_INIT 0x10
#define DRM_NOUVEAU_VM_BIND 0x11
#define DRM_NOUVEAU_EXEC 0x12

struct drm_nouveau_sync {
    __u32 flags, handle;
    __u64 timeline_value;
};

struct drm_nouveau_vm_init {
    __u64 kernel_managed_addr, kernel_managed_size;
};

struct drm_nouveau_vm_bind_op {
    __u32 op, flags, handle, pad;
    __u64 addr, bo_offset, range;
};

struct drm_nouveau_vm_bind {
    __u32 op_count, flags, wait_count, sig_count;
    __u64 wait_ptr, sig_ptr, op_ptr;
};

struct drm_nouveau_exec_push {
    __u64 va;
    __u32 va_len, flags;
};

struct drm_nouveau_exec {
    __u32 channel, push_count, wait_count, sig_count;
    __u64 wait_ptr, sig_ptr, push_ptr;
};

#define DRM_IOCTL_NOUVEAU_VM_INIT DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_VM_INIT, struct drm_nouveau_vm_init)
#define DRM_IOCTL_NOUVEAU_VM_BIND DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_VM_BIND, struct drm_nouveau_vm_bind)
#define DRM_IOCTL_NOUVEAU_EXEC DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_EXEC, struct drm_nouveau_exec)
#endif

#ifndef DRM_IOCTL_NOUVEAU_GETPARAM
#define DRM_IOCTL_NOUVEAU_GETPARAM DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GETPARAM, struct drm_nouveau_getparam)
#define DRM_IOCTL_NOUVEAU_CHANNEL_ALLOC DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_CHANNEL_ALLOC, struct drm_nouveau_channel_alloc)
#define DRM_IOCTL_NOUVEAU_CHANNEL_FREE DRM_IOW(DRM_COMMAND_BASE + DRM_NOUVEAU_CHANNEL_FREE, struct drm_nouveau_channel_free)
#endif

#ifndef DRM_IOCTL_NOUVEAU_GEM_NEW
#define DRM_IOCTL_NOUVEAU_GEM_NEW DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_NEW, struct drm_nouveau_gem_new)
#define DRM_IOCTL_NOUVEAU_GEM_PUSHBUF DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_PUSHBUF, struct drm_nouveau_gem_pushbuf)
#define DRM_IOCTL_NOUVEAU_GEM_CPU_PREP DRM_IOW(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_CPU_PREP, struct drm_nouveau_gem_cpu_prep)
#define DRM_IOCTL_NOUVEAU_GEM_CPU_FINI DRM_IOW(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_CPU_FINI, struct drm_nouveau_gem_cpu_fini)
#define DRM_IOCTL_NOUVEAU_GEM_INFO DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_INFO, struct drm_nouveau_gem_info)
#endif

#endif
