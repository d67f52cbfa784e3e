/* nouveau with VRAM and system memory: both ways to submit. */
#include <errno.h>
#include <stddef.h>

#include "abi/nouveau.h"
#include "fake.h"

static int channel_alloc(struct fake_file *file, void *argument)
{
    struct drm_nouveau_channel_alloc *a = argument;
    a->channel = 0;
    a->pushbuf_domains = NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_GART;
    a->nr_subchan = 1;
    a->subchan[0].handle = 0xbeef502d;
    a->subchan[0].grclass = 0x502d;
    return fake_create(file, 4096, &a->notifier_handle);
}

static int channel_free(struct fake_file *file, void *argument)
{
    (void)file;
    return ((struct drm_nouveau_channel_free *)argument)->channel ? ENOENT : 0;
}

static int create(struct fake_file *file, void *argument)
{
    struct drm_nouveau_gem_new *a = argument;
    if (a->info.domain & ~0x3fu || !a->info.size || (a->align && a->align & (a->align - 1)))
        return EINVAL;
    a->info.size = (a->info.size + 4095) & ~4095ull;
    a->info.domain &= ~(uint32_t)NOUVEAU_GEM_DOMAIN_MAPPABLE;
    int error = fake_create(file, a->info.size, &a->info.handle);
    return error ? error : fake_find(file, a->info.handle, (uint64_t *)&a->info.map_handle, NULL, NULL);
}

static int info(struct fake_file *file, void *argument)
{
    struct drm_nouveau_gem_info *a = argument;
    a->domain = NOUVEAU_GEM_DOMAIN_VRAM;
    a->offset = 0x20000;
    a->tile_mode = 1;
    a->tile_flags = 2;
    return fake_find(file, a->handle, (uint64_t *)&a->map_handle, (uint64_t *)&a->size, NULL);
}

static int getparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_nouveau_getparam *a = argument;
    if (a->param != NOUVEAU_GETPARAM_FB_SIZE && a->param != NOUVEAU_GETPARAM_AGP_SIZE)
        return EINVAL;
    a->value = a->param == NOUVEAU_GETPARAM_FB_SIZE ? 64 << 20 : 512 << 20;
    return 0;
}

static int cpu_prep(struct fake_file *file, void *argument)
{
    struct drm_nouveau_gem_cpu_prep *a = argument;
    return a->flags & ~5u ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int cpu_fini(struct fake_file *file, void *argument)
{
    return fake_find(file, ((struct drm_nouveau_gem_cpu_fini *)argument)->handle, NULL, NULL, NULL);
}

static int pushbuf(struct fake_file *file, void *argument)
{
    struct drm_nouveau_gem_pushbuf *a = argument;
    struct drm_nouveau_gem_pushbuf_bo *buffers = (void *)(uintptr_t)a->buffers;
    const struct drm_nouveau_gem_pushbuf_push *push = (const void *)(uintptr_t)a->push;
    if (a->channel || a->nr_buffers > NOUVEAU_GEM_MAX_BUFFERS)
        return a->channel ? ENOENT : EINVAL;
    for (uint32_t i = 0; i < a->nr_buffers; i++) {
        if ((buffers[i].read_domains | buffers[i].write_domains | buffers[i].valid_domains) & ~0x3fu)
            return EINVAL;
        if (fake_find(file, buffers[i].handle, NULL, NULL, NULL))
            return ENOENT;
        if (!buffers[i].presumed.valid)
            buffers[i].presumed = (struct drm_nouveau_gem_pushbuf_bo_presumed){0, NOUVEAU_GEM_DOMAIN_GART, 0x30000};
    }
    for (uint32_t i = 0; i < a->nr_push; i++)
        if (push[i].bo_index >= a->nr_buffers)
            return EINVAL;
    a->vram_available = 64 << 20;
    a->gart_available = 128 << 20;
    return 0;
}

static int vm_init(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_nouveau_vm_init *a = argument;
    return a->kernel_managed_addr % 4096 || !a->kernel_managed_size ? EINVAL : 0;
}

static int vm_bind(struct fake_file *file, void *argument)
{
    struct drm_nouveau_vm_bind *a = argument;
    const struct drm_nouveau_vm_bind_op *ops = (const void *)(uintptr_t)a->op_ptr;
    if (a->flags & ~1u || (!(a->flags & 1) && (a->wait_count || a->sig_count)))
        return EINVAL;
    for (uint32_t i = 0; i < a->op_count; i++) {
        if (ops[i].pad || ops[i].op > 1 || ops[i].flags & ~0x1ffu || ops[i].addr % 4096 || ops[i].range % 4096)
            return EINVAL;
        if (ops[i].handle && fake_find(file, ops[i].handle, NULL, NULL, NULL))
            return ENOENT;
    }
    return 0;
}

static int exec(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_nouveau_exec *a = argument;
    const struct drm_nouveau_exec_push *push = (const void *)(uintptr_t)a->push_ptr;
    for (uint32_t i = 0; i < a->push_count; i++)
        if (push[i].flags & ~1u || push[i].va_len % 4)
            return EINVAL;
    return a->channel ? ENOENT : 0;
}

const struct fake_driver fake_driver_nouveau = {
    .name = "nouveau",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_nouveau_getparam), true, getparam},
            {0x42, sizeof(struct drm_nouveau_channel_alloc), true, channel_alloc},
            {0x43, sizeof(struct drm_nouveau_channel_free), true, channel_free},
            {0x80, sizeof(struct drm_nouveau_gem_new), true, create},
            {0x81, sizeof(struct drm_nouveau_gem_pushbuf), true, pushbuf},
            {0x82, sizeof(struct drm_nouveau_gem_cpu_prep), true, cpu_prep},
            {0x83, sizeof(struct drm_nouveau_gem_cpu_fini), true, cpu_fini},
            {0x84, sizeof(struct drm_nouveau_gem_info), true, info},
            {0x50, sizeof(struct drm_nouveau_vm_init), true, vm_init},
            {0x51, sizeof(struct drm_nouveau_vm_bind), true, vm_bind},
            {0x52, sizeof(struct drm_nouveau_exec), true, exec},
            {0},
        },
};
