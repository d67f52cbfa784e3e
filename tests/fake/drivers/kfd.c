/* /dev/kfd with one GPU: memory at addresses of the client's choice, mapped at once. A handle is the GPU's id above a number. */
#include <errno.h>
#include <fcntl.h>

#include "abi/kfd.h"
#include "fake.h"

enum { GPU = 0x1234, ALLOC_USERPTR = 4 };

static int number_of(uint64_t handle, uint32_t *number)
{
    *number = (uint32_t)handle;
    return handle >> 32 == GPU ? 0 : EINVAL;
}

static int find(struct fake_file *file, uint64_t handle)
{
    uint32_t number;
    return number_of(handle, &number) || fake_find(file, number, NULL, NULL, NULL) ? EINVAL : 0;
}

static int acquire_vm(struct fake_file *file, void *argument)
{
    (void)file;
    const struct kfd_ioctl_acquire_vm_args *a = argument;
    return a->gpu_id != GPU || fcntl((int)a->drm_fd, F_GETFD) < 0 ? EINVAL : 0;
}

static int alloc(struct fake_file *file, void *argument)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args *a = argument;
    uint32_t number = 0;
    uint64_t offset = 0;
    if (a->gpu_id != GPU || !a->size || a->flags & ~0xff80001fu || (a->flags & ALLOC_USERPTR && a->mmap_offset % 4096))
        return EINVAL;
    int error = fake_create(file, a->size, &number);
    if (error)
        return error;
    (void)fake_find(file, number, &offset, NULL, NULL);
    a->handle = (uint64_t)GPU << 32 | number;
    if (!(a->flags & ALLOC_USERPTR))
        a->mmap_offset = offset;
    return 0;
}

static int release(struct fake_file *file, void *argument)
{
    uint32_t number;
    int error = number_of(((struct kfd_ioctl_free_memory_of_gpu_args *)argument)->handle, &number);
    return error ? error : fake_close(file, number);
}

/* Both ways. */
static int map(struct fake_file *file, void *argument)
{
    struct kfd_ioctl_map_memory_to_gpu_args *a = argument;
    const uint32_t *gpus = (const uint32_t *)(uintptr_t)a->device_ids_array_ptr;
    if (!a->n_devices || a->n_success > a->n_devices || find(file, a->handle))
        return EINVAL;
    for (; a->n_success < a->n_devices; a->n_success++)
        if (gpus[a->n_success] != GPU)
            return EINVAL;
    return 0;
}

static int import(struct fake_file *file, void *argument)
{
    struct kfd_ioctl_import_dmabuf_args *a = argument;
    uint32_t number = 0;
    if (a->gpu_id != GPU || fake_import(file, (int)a->dmabuf_fd, &number))
        return EINVAL;
    a->handle = (uint64_t)GPU << 32 | number;
    return 0;
}

static int available(struct fake_file *file, void *argument)
{
    (void)file;
    struct kfd_ioctl_get_available_memory_args *a = argument;
    a->available = 64 << 20;
    return a->gpu_id != GPU || a->pad ? EINVAL : 0;
}

static int export(struct fake_file *file, void *argument)
{
    struct kfd_ioctl_export_dmabuf_args *a = argument;
    uint32_t number;
    int fd = -1;
    if (a->flags & ~(uint32_t)(O_CLOEXEC | O_RDWR) || number_of(a->handle, &number) ||
        fake_export(file, number, a->flags & O_CLOEXEC, &fd))
        return EINVAL;
    a->dmabuf_fd = (uint32_t)fd;
    return 0;
}

const struct fake_driver fake_driver_kfd = {
    .name = "kfd",
    .node = "/dev/kfd",
    .type = 'K',
    .requests =
        (const struct fake_request[]){
            {0x15, sizeof(struct kfd_ioctl_acquire_vm_args), true, acquire_vm},
            {0x16, sizeof(struct kfd_ioctl_alloc_memory_of_gpu_args), true, alloc},
            {0x17, sizeof(struct kfd_ioctl_free_memory_of_gpu_args), true, release},
            {0x18, sizeof(struct kfd_ioctl_map_memory_to_gpu_args), true, map},
            {0x19, sizeof(struct kfd_ioctl_unmap_memory_from_gpu_args), true, map},
            {0x1d, sizeof(struct kfd_ioctl_import_dmabuf_args), true, import},
            {0x23, sizeof(struct kfd_ioctl_get_available_memory_args), true, available},
            {0x24, sizeof(struct kfd_ioctl_export_dmabuf_args), true, export},
            {0},
        },
};
