/* lamp: a fake of a driver that there is not. */
#include <errno.h>
#include <libdrm/lamp_drm.h>

#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_lamp_gem_create *a = argument;
    if (!a->size || a->flags & ~(LAMP_BRIGHT | LAMP_DIMMED))
        return EINVAL;
    a->size = (a->size + 4095) & ~4095ull;
    return fake_create(file, a->size, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_lamp_gem_map *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int light(struct fake_file *file, void *argument)
{
    const struct drm_lamp_light *a = argument;
    const struct drm_lamp_bulb *bulbs = (const void *)(uintptr_t)a->bulbs;
    int error = a->pad || !a->count ? EINVAL : 0;
    for (uint32_t i = 0; i < a->count && !error; i++)
        error = fake_submitted(file, bulbs[i].handle);
    return error;
}

const struct fake_driver fake_driver_lamp = {
    .name = "lamp",
    .requests =
        (const struct fake_request[]){
            {0x41, sizeof(struct drm_lamp_gem_create), true, create},
            {0x42, sizeof(struct drm_lamp_gem_map), true, map},
            {0x43, sizeof(struct drm_lamp_light), true, light},
            {0},
        },
};
