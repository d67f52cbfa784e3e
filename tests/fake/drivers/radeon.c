/* radeon with 64 MiB of VRAM. */
#include <errno.h>
#include <libdrm/radeon_drm.h>

#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_create *a = argument;
    if (a->initial_domain & ~7u || a->flags & ~31u)
        return EINVAL;
    if (a->size > 64u << 20)
        return ENOMEM;
    a->size = (a->size + 4095) & ~4095ull;
    return fake_create(file, a->size, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_mmap *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->addr_ptr, NULL, NULL);
}

const struct fake_driver fake_driver_radeon = {
    .name = "radeon",
    .requests =
        (const struct fake_request[]){
            {0x5d, sizeof(struct drm_radeon_gem_create), true, create},
            {0x5e, sizeof(struct drm_radeon_gem_mmap), true, map},
            {0},
        },
};
