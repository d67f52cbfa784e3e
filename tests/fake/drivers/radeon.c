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

static int userptr(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_userptr *a = argument;
    if (a->addr % 4096 || a->size % 4096 || a->flags & ~15u)
        return EINVAL;
    return fake_create(file, a->size, &a->handle);
}

static int info(struct fake_file *file, void *argument)
{
    (void)file;
    *(struct drm_radeon_gem_info *)argument = (struct drm_radeon_gem_info){512 << 20, 64 << 20, 32 << 20};
    return 0;
}

static int copy(struct fake_file *file, void *argument)
{
    (void)file;
    (void)argument;
    return ENOSYS; /* as the kernel has it */
}

/* Requests whose structure begins with the handle. */
static int has_handle(struct fake_file *file, void *argument) { return fake_find(file, *(uint32_t *)argument, NULL, NULL, NULL); }

static int set_domain(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_set_domain *a = argument;
    return (a->read_domains | a->write_domain) & ~7u ? EINVAL : has_handle(file, a);
}

static int wait_idle(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_wait_idle *a = argument;
    return a->pad ? EINVAL : has_handle(file, a);
}

static int busy(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_busy *a = argument;
    a->domain = RADEON_GEM_DOMAIN_VRAM;
    return has_handle(file, a);
}

static int get_tiling(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_get_tiling *a = argument;
    a->tiling_flags = 1;
    a->pitch = 256;
    return has_handle(file, a);
}

static int op(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_op *a = argument;
    if (a->op > 1)
        return EINVAL;
    a->value = a->op ? a->value & 7 : RADEON_GEM_DOMAIN_GTT;
    return has_handle(file, a);
}

static int va(struct fake_file *file, void *argument)
{
    struct drm_radeon_gem_va *a = argument;
    if (a->vm_id || a->offset % 4096 || a->operation < 1 || a->operation > 2 || a->flags & ~0x16u)
        return EINVAL; /* the kernel refuses VALID and SYSTEM, which are its own */
    a->operation = RADEON_VA_RESULT_OK;
    return has_handle(file, a);
}

static int submit(struct fake_file *file, void *argument)
{
    const struct drm_radeon_cs *a = argument;
    const uint64_t *chunks = (const uint64_t *)(uintptr_t)a->chunks;
    for (uint32_t i = 0; i < a->num_chunks; i++) {
        const struct drm_radeon_cs_chunk *chunk = (const struct drm_radeon_cs_chunk *)(uintptr_t)chunks[i];
        const struct drm_radeon_cs_reloc *relocs = (const void *)(uintptr_t)chunk->chunk_data;
        if (chunk->chunk_id < 1 || chunk->chunk_id > 4)
            return EINVAL;
        for (uint32_t r = 0; chunk->chunk_id == RADEON_CHUNK_ID_RELOCS && r < chunk->length_dw / 4; r++) {
            if ((relocs[r].read_domains | relocs[r].write_domain) & ~7u)
                return EINVAL;
            if (fake_find(file, relocs[r].handle, NULL, NULL, NULL))
                return ENOENT;
        }
    }
    return a->num_chunks ? 0 : EINVAL;
}

static int device_info(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_radeon_info *a = argument;
    if (a->pad)
        return EINVAL;
    *(uint32_t *)(uintptr_t)a->value = 7;
    return 0;
}

const struct fake_driver fake_driver_radeon = {
    .name = "radeon",
    .requests =
        (const struct fake_request[]){
            {0x5d, sizeof(struct drm_radeon_gem_create), true, create},
            {0x5e, sizeof(struct drm_radeon_gem_mmap), true, map},
            {0x6d, sizeof(struct drm_radeon_gem_userptr), true, userptr},
            {0x5c, sizeof(struct drm_radeon_gem_info), true, info},
            {0x61, sizeof(struct drm_radeon_gem_pread), true, copy},
            {0x62, sizeof(struct drm_radeon_gem_pwrite), true, copy},
            {0x63, sizeof(struct drm_radeon_gem_set_domain), true, set_domain},
            {0x64, sizeof(struct drm_radeon_gem_wait_idle), true, wait_idle},
            {0x6a, sizeof(struct drm_radeon_gem_busy), true, busy},
            {0x68, sizeof(struct drm_radeon_gem_set_tiling), true, has_handle},
            {0x69, sizeof(struct drm_radeon_gem_get_tiling), true, get_tiling},
            {0x6c, sizeof(struct drm_radeon_gem_op), true, op},
            {0x6b, sizeof(struct drm_radeon_gem_va), true, va},
            {0x66, sizeof(struct drm_radeon_cs), true, submit},
            {0x67, sizeof(struct drm_radeon_info), true, device_info},
            {0},
        },
};
