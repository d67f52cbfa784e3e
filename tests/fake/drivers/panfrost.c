/* panfrost: buffers with an address each, jobs that are done at once. */
#include <errno.h>

#include "abi/panfrost.h"
#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_panfrost_create_bo *a = argument;
    if (a->pad || a->flags & ~3u || !a->size || (a->flags & 2 && !(a->flags & 1))) /* a heap is not for code */
        return EINVAL;
    a->offset = 0x2000000;
    return fake_create(file, a->size, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_panfrost_mmap_bo *a = argument;
    return a->flags ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int offset(struct fake_file *file, void *argument)
{
    struct drm_panfrost_get_bo_offset *a = argument;
    a->offset = 0x2000000;
    return a->pad ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int wait(struct fake_file *file, void *argument)
{
    struct drm_panfrost_wait_bo *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int madvise(struct fake_file *file, void *argument)
{
    struct drm_panfrost_madvise *a = argument;
    a->retained = 1;
    return a->madv > 1 ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int get_param(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panfrost_get_param *a = argument;
    a->value = 0x860;
    return a->pad ? EINVAL : 0;
}

static int submit(struct fake_file *file, void *argument)
{
    struct drm_panfrost_submit *a = argument;
    const uint32_t *handles = (const uint32_t *)(uintptr_t)a->bo_handles;
    if (!a->jc || a->requirements & ~1u)
        return EINVAL;
    for (uint32_t i = 0; i < a->bo_handle_count; i++)
        if (fake_find(file, handles[i], NULL, NULL, NULL))
            return ENOENT;
    return 0;
}

const struct fake_driver fake_driver_panfrost = {
    .name = "panfrost",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_panfrost_submit), true, submit},
            {0x41, sizeof(struct drm_panfrost_wait_bo), true, wait},
            {0x42, sizeof(struct drm_panfrost_create_bo), true, create},
            {0x43, sizeof(struct drm_panfrost_mmap_bo), true, map},
            {0x44, sizeof(struct drm_panfrost_get_param), true, get_param},
            {0x45, sizeof(struct drm_panfrost_get_bo_offset), true, offset},
            {0x48, sizeof(struct drm_panfrost_madvise), true, madvise},
            {0},
        },
};
