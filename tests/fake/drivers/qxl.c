/* qxl: buffers and surfaces, on the card node only. */
#include <errno.h>
#include <libdrm/qxl_drm.h>

#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_qxl_alloc *a = argument;
    return a->size ? fake_create(file, a->size, &a->handle) : EINVAL;
}

static int create_surface(struct fake_file *file, void *argument)
{
    struct drm_qxl_alloc_surf *a = argument;
    uint64_t line = (uint64_t)(a->stride < 0 ? -(int64_t)a->stride : a->stride);
    if (a->pad || !line || !a->height)
        return EINVAL;
    return fake_create(file, line * a->height + line, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_qxl_map *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

const struct fake_driver fake_driver_qxl = {
    .name = "qxl",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_qxl_alloc), false, create},
            {0x46, sizeof(struct drm_qxl_alloc_surf), false, create_surface},
            {0x41, sizeof(struct drm_qxl_map), false, map},
            {0},
        },
};
