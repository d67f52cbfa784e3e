/* virtio_gpu without virgl: two-dimensional resources, guest blobs. */
#include <errno.h>

#include "abi/virtgpu.h"
#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_resource_create *a = argument;
    if (a->depth > 1 || a->nr_samples > 1 || a->last_level > 1 || a->target != 2 || a->array_size > 1 || a->flags)
        return EINVAL;
    int error = fake_create(file, a->size ? a->size : 4096, &a->bo_handle);
    return error ? error : fake_find(file, a->bo_handle, NULL, NULL, &a->res_handle);
}

static int create_blob(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_resource_create_blob *a = argument;
    if (a->pad || a->blob_flags & ~7u || a->blob_mem != VIRTGPU_BLOB_MEM_GUEST || a->cmd_size || a->size % 4096)
        return EINVAL;
    int error = fake_create(file, a->size, &a->bo_handle);
    return error ? error : fake_find(file, a->bo_handle, NULL, NULL, &a->res_handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_map *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int info(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_resource_info *a = argument;
    uint64_t size;
    int error = fake_find(file, a->bo_handle, NULL, &size, &a->res_handle);
    a->size = error ? 0 : (uint32_t)size;
    return error;
}

const struct fake_driver fake_driver_virtio_gpu = {
    .name = "virtio_gpu",
    .requests =
        (const struct fake_request[]){
            {0x44, sizeof(struct drm_virtgpu_resource_create), true, create},
            {0x4a, sizeof(struct drm_virtgpu_resource_create_blob), true, create_blob},
            {0x41, sizeof(struct drm_virtgpu_map), true, map},
            {0x45, sizeof(struct drm_virtgpu_resource_info), true, info},
            {0},
        },
};
