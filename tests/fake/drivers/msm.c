/* msm: buffers, submissions that are done at once. */
#include <errno.h>

#include "abi/msm.h"
#include "fake.h"

static int get_param(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_msm_param *a = argument;
    a->value = 0x100000;
    return a->pad || a->pipe != 0x10 || a->param < 1 || a->param > 0x13 ? EINVAL : 0;
}

static int create(struct fake_file *file, void *argument)
{
    struct drm_msm_gem_new *a = argument;
    return a->flags & ~0xf0003u || !a->size ? EINVAL : fake_create(file, a->size, &a->handle);
}

static int info(struct fake_file *file, void *argument)
{
    struct drm_msm_gem_info *a = argument;
    if (a->pad || a->info > 7 || (a->info < 2 && a->value) || (a->info < 2 && a->len))
        return EINVAL;
    a->value = a->info == 1 ? 0x100000 : a->value;
    return fake_find(file, a->handle, a->info == 0 ? (uint64_t *)&a->value : NULL, NULL, NULL);
}

static int prep(struct fake_file *file, void *argument)
{
    struct drm_msm_gem_cpu_prep *a = argument;
    return a->op & ~15u ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int fini(struct fake_file *file, void *argument)
{
    return fake_find(file, ((struct drm_msm_gem_cpu_fini *)argument)->handle, NULL, NULL, NULL);
}

static int madvise(struct fake_file *file, void *argument)
{
    struct drm_msm_gem_madvise *a = argument;
    a->retained = 1;
    return a->madv > 1 ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

/* Elements may be longer than we know; the kernel takes shorter ones, too. */
static int check_syncs(uint64_t address, uint32_t count, uint32_t stride)
{
    if (count && stride < sizeof(struct drm_msm_gem_submit_syncobj))
        return EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        struct drm_msm_gem_submit_syncobj sync;
        int error = fake_fetch(address + (uint64_t)i * stride, &sync, sizeof sync);
        if (error || sync.flags & ~1u)
            return error ? error : EINVAL;
    }
    return 0;
}

static int submit(struct fake_file *file, void *argument)
{
    struct drm_msm_gem_submit *a = argument;
    struct drm_msm_gem_submit_bo *bos = (void *)(uintptr_t)a->bos;
    const struct drm_msm_gem_submit_cmd *cmds = (const void *)(uintptr_t)a->cmds;
    if (a->flags & 0x01ff0000 || a->pad || a->queueid > 3)
        return a->queueid > 3 ? ENOENT : EINVAL;
    for (uint32_t i = 0; i < a->nr_bos; i++) {
        if (bos[i].flags & ~15u || !(bos[i].flags & 3))
            return EINVAL;
        if (fake_find(file, bos[i].handle, NULL, NULL, NULL))
            return ENOENT;
        bos[i].presumed = 0x100000;
    }
    for (uint32_t i = 0; i < a->nr_cmds; i++)
        if (cmds[i].submit_idx >= a->nr_bos || cmds[i].type < 1 || cmds[i].type > 3)
            return EINVAL;
    a->fence = 5;
    int error = check_syncs(a->in_syncobjs, a->nr_in_syncobjs, a->syncobj_stride);
    return error ? error : check_syncs(a->out_syncobjs, a->nr_out_syncobjs, a->syncobj_stride);
}

static int wait_fence(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_msm_wait_fence *a = argument;
    return a->flags & ~1u ? EINVAL : a->queueid > 3 ? ENOENT : 0;
}

static int queue_new(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_msm_submitqueue *a = argument;
    a->id = 3;
    return a->flags || a->prio > 3 ? EINVAL : 0;
}

static int queue_close(struct fake_file *file, void *argument)
{
    (void)file;
    return *(const uint32_t *)argument == 3 ? 0 : ENOENT;
}

const struct fake_driver fake_driver_msm = {
    .name = "msm",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_msm_param), true, get_param},
            {0x42, sizeof(struct drm_msm_gem_new), true, create},
            {0x43, sizeof(struct drm_msm_gem_info), true, info},
            {0x44, sizeof(struct drm_msm_gem_cpu_prep), true, prep},
            {0x45, sizeof(struct drm_msm_gem_cpu_fini), true, fini},
            {0x46, sizeof(struct drm_msm_gem_submit), true, submit},
            {0x47, sizeof(struct drm_msm_wait_fence), true, wait_fence},
            {0x48, sizeof(struct drm_msm_gem_madvise), true, madvise},
            {0x4a, sizeof(struct drm_msm_submitqueue), true, queue_new},
            {0x4b, sizeof(uint32_t), true, queue_close},
            {0},
        },
};
