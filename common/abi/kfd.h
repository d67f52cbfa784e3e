/*
 * /dev/kfd: its requests for memory, as include/uapi/linux/kfd_ioctl.h of Linux 6.12 has them. That header includes <drm/drm.h>, which
 * Debian has elsewhere, and older ones lack the last.
 */
#ifndef GPUALLOC_ABI_KFD_H
#define GPUALLOC_ABI_KFD_H

#include <stdint.h>
#include <sys/ioctl.h>

struct kfd_acquire_vm {
    uint32_t drm_fd, gpu_id;
};

struct kfd_alloc_memory_of_gpu {
    uint64_t va_addr, size, handle, mmap_offset;
    uint32_t gpu_id, flags;
};

struct kfd_free_memory_of_gpu {
    uint64_t handle;
};

struct kfd_map_memory_to_gpu { /* and kfd_ioctl_unmap_memory_from_gpu_args */
    uint64_t handle, device_ids_array_ptr;
    uint32_t n_devices, n_success;
};

struct kfd_import_dmabuf {
    uint64_t va_addr, handle;
    uint32_t gpu_id, dmabuf_fd;
};

struct kfd_available_memory {
    uint64_t available;
    uint32_t gpu_id, pad;
};

struct kfd_export_dmabuf {
    uint64_t handle;
    uint32_t flags, dmabuf_fd;
};

#define AMDKFD_IOC_ACQUIRE_VM _IOW('K', 0x15, struct kfd_acquire_vm)
#define AMDKFD_IOC_ALLOC_MEMORY_OF_GPU _IOWR('K', 0x16, struct kfd_alloc_memory_of_gpu)
#define AMDKFD_IOC_FREE_MEMORY_OF_GPU _IOW('K', 0x17, struct kfd_free_memory_of_gpu)
#define AMDKFD_IOC_MAP_MEMORY_TO_GPU _IOWR('K', 0x18, struct kfd_map_memory_to_gpu)
#define AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU _IOWR('K', 0x19, struct kfd_map_memory_to_gpu)
#define AMDKFD_IOC_IMPORT_DMABUF _IOWR('K', 0x1d, struct kfd_import_dmabuf)
#define AMDKFD_IOC_AVAILABLE_MEMORY _IOWR('K', 0x23, struct kfd_available_memory)
#define AMDKFD_IOC_EXPORT_DMABUF _IOWR('K', 0x24, struct kfd_export_dmabuf)

#endif
