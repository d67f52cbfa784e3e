/*
 * /dev/kfd: its requests for memory, as include/uapi/linux/kfd_ioctl.h of Linux 6.12 has them. That header includes <drm/drm.h>, which
 * Debian has elsewhere, and older ones lack the last.
 */
#ifndef GPUALLOC_ABI_KFD_H
#define GPUALLOC_ABI_KFD_H

#include <stdint.h>
#include <sys/ioctl.h>

struct kfd_ioctl_acquire_vm_args {
    uint32_t drm_fd, gpu_id;
};

struct kfd_ioctl_alloc_memory_of_gpu_args {
    uint64_t va_addr, size, handle, mmap_offset;
    uint32_t gpu_id, flags;
};

struct kfd_ioctl_free_memory_of_gpu_args {
    uint64_t handle;
};

struct kfd_ioctl_map_memory_to_gpu_args {
    uint64_t handle, device_ids_array_ptr;
    uint32_t n_devices, n_success;
};

struct kfd_ioctl_unmap_memory_from_gpu_args {
    uint64_t handle, device_ids_array_ptr;
    uint32_t n_devices, n_success;
};

struct kfd_ioctl_import_dmabuf_args {
    uint64_t va_addr, handle;
    uint32_t gpu_id, dmabuf_fd;
};

struct kfd_ioctl_get_available_memory_args {
    uint64_t available;
    uint32_t gpu_id, pad;
};

struct kfd_ioctl_export_dmabuf_args {
    uint64_t handle;
    uint32_t flags, dmabuf_fd;
};

#define AMDKFD_IOC_ACQUIRE_VM _IOW('K', 0x15, struct kfd_ioctl_acquire_vm_args)
#define AMDKFD_IOC_ALLOC_MEMORY_OF_GPU _IOWR('K', 0x16, struct kfd_ioctl_alloc_memory_of_gpu_args)
#define AMDKFD_IOC_FREE_MEMORY_OF_GPU _IOW('K', 0x17, struct kfd_ioctl_free_memory_of_gpu_args)
#define AMDKFD_IOC_MAP_MEMORY_TO_GPU _IOWR('K', 0x18, struct kfd_ioctl_map_memory_to_gpu_args)
#define AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU _IOWR('K', 0x19, struct kfd_ioctl_unmap_memory_from_gpu_args)
#define AMDKFD_IOC_IMPORT_DMABUF _IOWR('K', 0x1d, struct kfd_ioctl_import_dmabuf_args)
#define AMDKFD_IOC_AVAILABLE_MEMORY _IOWR('K', 0x23, struct kfd_ioctl_get_available_memory_args)
#define AMDKFD_IOC_EXPORT_DMABUF _IOWR('K', 0x24, struct kfd_ioctl_export_dmabuf_args)

#endif
