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

static int execbuffer(struct fake_file *file, void *argument)
{
    const struct drm_qxl_execbuffer *a = argument;
    const struct drm_qxl_command *commands = (const void *)(uintptr_t)a->commands;
    for (uint32_t i = 0; i < a->commands_num; i++) {
        const struct drm_qxl_reloc *relocs = (const void *)(uintptr_t)commands[i].relocs;
        if (commands[i].pad || commands[i].type < 1 || commands[i].command_size > 4096)
            return EINVAL;
        for (uint32_t r = 0; r < commands[i].relocs_num; r++)
            if (relocs[r].pad || relocs[r].reloc_type < 1 || relocs[r].reloc_type > 2 ||
                fake_find(file, relocs[r].src_handle, NULL, NULL, NULL))
                return EINVAL;
    }
    return 0;
}

static int update_area(struct fake_file *file, void *argument)
{
    struct drm_qxl_update_area *a = argument;
    return a->pad || a->left >= a->right || a->top >= a->bottom ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int getparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_qxl_getparam *a = argument;
    a->value = 1024;
    return a->param < 1 || a->param > 2 ? EINVAL : 0;
}

static int clientcap(struct fake_file *file, void *argument)
{
    (void)file;
    return ((struct drm_qxl_clientcap *)argument)->pad ? EINVAL : ENOSYS; /* no viewer */
}

const struct fake_driver fake_driver_qxl = {
    .name = "qxl",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_qxl_alloc), false, create},
            {0x46, sizeof(struct drm_qxl_alloc_surf), false, create_surface},
            {0x41, sizeof(struct drm_qxl_map), false, map},
            {0x42, sizeof(struct drm_qxl_execbuffer), false, execbuffer},
            {0x43, sizeof(struct drm_qxl_update_area), false, update_area},
            {0x44, sizeof(struct drm_qxl_getparam), false, getparam},
            {0x45, sizeof(struct drm_qxl_clientcap), false, clientcap},
            {0},
        },
};
