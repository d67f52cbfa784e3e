/*
 * virtio_gpu without virgl: two-dimensional resources, guest blobs, submissions that do nothing. GPUALLOC_FAKE_DRM_VIRGL: it says that
 * it has 3D; GPUALLOC_FAKE_DRM_NO_BLOBS: that it has no blobs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

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

/* Both directions have the same structure. */
static int transfer(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_3d_transfer_to_host *a = argument;
    return fake_find(file, a->bo_handle, NULL, NULL, NULL);
}

static int wait(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_3d_wait *a = argument;
    return a->flags & ~1u ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

/* One context is enough; the kernel refuses a second one, and numbers of rings beyond 64. */
static int context_init(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_virtgpu_context_init *a = argument;
    const struct drm_virtgpu_context_set_param *params = (const void *)(uintptr_t)a->ctx_set_params;
    if (a->pad || a->num_params > 4)
        return EINVAL;
    for (uint32_t i = 0; i < a->num_params; i++)
        if (params[i].param < 1 || params[i].param > 4 || (params[i].param == 2 && params[i].value > 64))
            return EINVAL;
    return 0;
}

static int syncobjs(uint64_t address, uint32_t count, uint32_t stride)
{
    const char *array = (const char *)(uintptr_t)address;
    for (uint32_t i = 0; i < count; i++) {
        const struct drm_virtgpu_execbuffer_syncobj *syncobj = (const void *)(array + (size_t)i * stride);
        if (stride < sizeof *syncobj || syncobj->flags & ~1u)
            return EINVAL;
    }
    return 0;
}

static int execbuffer(struct fake_file *file, void *argument)
{
    struct drm_virtgpu_execbuffer *a = argument;
    const uint32_t *handles = (const void *)(uintptr_t)a->bo_handles;
    if (a->flags & ~7u || (a->flags & 1 && a->fence_fd < 0))
        return EINVAL;
    for (uint32_t i = 0; i < a->num_bo_handles; i++)
        if (fake_find(file, handles[i], NULL, NULL, NULL))
            return ENOENT;
    int error = syncobjs(a->in_syncobjs, a->num_in_syncobjs, a->syncobj_stride);
    for (uint32_t i = 0; i < a->num_bo_handles && !error && !a->size; i++)
        fake_submitted(file, handles[i]);
    return error ? error : syncobjs(a->out_syncobjs, a->num_out_syncobjs, a->syncobj_stride);
}

static int getparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_virtgpu_getparam *a = argument;
    if (a->param < 1 || a->param > 8)
        return EINVAL;
    bool has_3d = a->param == 1 && getenv("GPUALLOC_FAKE_DRM_VIRGL");
    bool has_blobs = a->param == 3 && !getenv("GPUALLOC_FAKE_DRM_NO_BLOBS");
    *(int *)(uintptr_t)a->value = has_blobs || has_3d;
    return 0;
}

static int get_caps(struct fake_file *file, void *argument)
{
    (void)file;
    (void)argument;
    return ENOSYS; /* no virgl: no capability set */
}

const struct fake_driver fake_driver_virtio_gpu = {
    .name = "virtio_gpu",
    .requests =
        (const struct fake_request[]){
            {0x44, sizeof(struct drm_virtgpu_resource_create), true, create},
            {0x4a, sizeof(struct drm_virtgpu_resource_create_blob), true, create_blob},
            {0x41, sizeof(struct drm_virtgpu_map), true, map},
            {0x45, sizeof(struct drm_virtgpu_resource_info), true, info},
            {0x46, sizeof(struct drm_virtgpu_3d_transfer_from_host), true, transfer},
            {0x47, sizeof(struct drm_virtgpu_3d_transfer_to_host), true, transfer},
            {0x48, sizeof(struct drm_virtgpu_3d_wait), true, wait},
            {0x42, sizeof(struct drm_virtgpu_execbuffer), true, execbuffer},
            {0x43, sizeof(struct drm_virtgpu_getparam), true, getparam},
            {0x49, sizeof(struct drm_virtgpu_get_caps), true, get_caps},
            {0x4b, sizeof(struct drm_virtgpu_context_init), true, context_init},
            {0},
        },
};
