/* v3d: buffers with an address each, jobs that are done at once. */
#include <errno.h>

#include "abi/v3d.h"
#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_v3d_create_bo *a = argument;
    if (a->flags || !a->size)
        return EINVAL;
    a->offset = 0x100000;
    return fake_create(file, a->size, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_v3d_mmap_bo *a = argument;
    return a->flags ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int offset(struct fake_file *file, void *argument)
{
    struct drm_v3d_get_bo_offset *a = argument;
    a->offset = 0x100000;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int wait(struct fake_file *file, void *argument)
{
    struct drm_v3d_wait_bo *a = argument;
    a->timeout_ns /= 2;
    return a->pad ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int get_param(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_v3d_get_param *a = argument;
    a->value = 0x42;
    return a->pad ? EINVAL : 0;
}

static int check_syncs(uint64_t address, uint32_t count)
{
    const struct drm_v3d_sem *syncs = (const void *)(uintptr_t)address;
    for (uint32_t i = 0; i < count; i++)
        if (syncs[i].flags || syncs[i].mbz[0] || syncs[i].mbz[1])
            return EINVAL;
    return 0;
}

static int check_chain(uint64_t address)
{
    while (address) {
        const struct drm_v3d_multi_sync *sync = (const void *)(uintptr_t)address;
        if (sync->base.id != 1 || sync->base.flags || sync->pad || check_syncs(sync->in_syncs, sync->in_sync_count) ||
            check_syncs(sync->out_syncs, sync->out_sync_count))
            return EINVAL;
        address = sync->base.next;
    }
    return 0;
}

static int check_buffers(struct fake_file *file, uint64_t address, uint32_t count)
{
    const uint32_t *handles = (const uint32_t *)(uintptr_t)address;
    for (uint32_t i = 0; i < count; i++)
        if (fake_find(file, handles[i], NULL, NULL, NULL))
            return ENOENT;
    return 0;
}

static int submit_cl(struct fake_file *file, void *argument)
{
    struct drm_v3d_submit_cl *a = argument;
    int error = a->pad || a->flags & ~3u ? EINVAL : a->flags & 2 ? check_chain(a->extensions) : 0;
    return error ? error : check_buffers(file, a->bo_handles, a->bo_handle_count);
}

static int submit_tfu(struct fake_file *file, void *argument)
{
    struct drm_v3d_submit_tfu *a = argument;
    uint32_t count = 0;
    while (count < 4 && a->bo_handles[count])
        count++;
    int error = a->flags & ~2u || a->v71.pad ? EINVAL : a->flags & 2 ? check_chain(a->extensions) : 0;
    return error ? error : check_buffers(file, (uintptr_t)a->bo_handles, count);
}

static int submit_csd(struct fake_file *file, void *argument)
{
    struct drm_v3d_submit_csd *a = argument;
    int error = a->pad || a->flags & ~2u ? EINVAL : a->flags & 2 ? check_chain(a->extensions) : 0;
    return error ? error : check_buffers(file, a->bo_handles, a->bo_handle_count);
}

const struct fake_driver fake_driver_v3d = {
    .name = "v3d",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_v3d_submit_cl), true, submit_cl},
            {0x41, sizeof(struct drm_v3d_wait_bo), true, wait},
            {0x42, sizeof(struct drm_v3d_create_bo), true, create},
            {0x43, sizeof(struct drm_v3d_mmap_bo), true, map},
            {0x44, sizeof(struct drm_v3d_get_param), true, get_param},
            {0x45, sizeof(struct drm_v3d_get_bo_offset), true, offset},
            {0x46, sizeof(struct drm_v3d_submit_tfu), true, submit_tfu},
            {0x47, sizeof(struct drm_v3d_submit_csd), true, submit_csd},
            {0},
        },
};
