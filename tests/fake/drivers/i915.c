/*
 * i915 with system memory and, unless GPUALLOC_FAKE_DRM_INTEGRATED is set, 64 MiB of device memory: buffers, extensions, submissions
 * that are done at once.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "abi/i915.h"
#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_create *a = argument;
    if (a->pad || !a->size)
        return EINVAL;
    a->size = (a->size + 4095) & ~4095ull;
    return fake_create(file, a->size, &a->handle);
}

/* An extension's own part, by its name. The kernel reads that whole: it may be shorter than the name says. */
typedef int check_extension(uint64_t address, uint32_t name);

static int check_chain(uint64_t address, check_extension *check)
{
    int error = 0;
    for (int links = 0; address && !error; links++) {
        struct i915_user_extension extension = {0};
        error = links < 512 ? fake_fetch(address, &extension, sizeof extension) : E2BIG;
        for (int i = 0; i < 4 && !error; i++)
            error = extension.flags || extension.rsvd[i] ? EINVAL : 0;
        if (!error)
            error = check(address, extension.name);
        address = extension.next_extension;
    }
    return error;
}

static int check_regions(uint64_t address)
{
    struct drm_i915_gem_create_ext_memory_regions regions;
    int error = fake_fetch(address, &regions, sizeof regions);
    if (!error)
        error = regions.pad || !regions.num_regions ? EINVAL : 0;
    for (uint32_t i = 0; !error && i < regions.num_regions; i++) {
        struct drm_i915_gem_memory_class_instance region;
        uint16_t last = getenv("GPUALLOC_FAKE_DRM_INTEGRATED") ? I915_MEMORY_CLASS_SYSTEM : I915_MEMORY_CLASS_DEVICE;
        error = fake_fetch(regions.regions + i * sizeof region, &region, sizeof region);
        if (!error)
            error = region.memory_class > last || region.memory_instance ? EINVAL : 0;
    }
    return error;
}

static int check_create_extension(uint64_t address, uint32_t name)
{
    struct drm_i915_gem_create_ext_protected_content content;
    struct drm_i915_gem_create_ext_set_pat pat;
    int error;
    switch (name) {
    case I915_GEM_CREATE_EXT_MEMORY_REGIONS:
        return check_regions(address);
    case I915_GEM_CREATE_EXT_PROTECTED_CONTENT:
        error = fake_fetch(address, &content, sizeof content);
        return error ? error : content.flags ? EINVAL : 0;
    case I915_GEM_CREATE_EXT_SET_PAT:
        error = fake_fetch(address, &pat, sizeof pat);
        return error ? error : pat.rsvd ? EINVAL : 0;
    default:
        return EINVAL;
    }
}

static int create_ext(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_create_ext *a = argument;
    int error = a->flags & ~1u || !a->size ? EINVAL : check_chain(a->extensions, check_create_extension);
    a->size = (a->size + 65535) & ~65535ull; /* device memory comes in larger pages */
    return error ? error : fake_create(file, a->size, &a->handle);
}

static int userptr(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_userptr *a = argument;
    if (a->flags & ~0x80000003u || a->user_ptr % 4096 || a->user_size % 4096)
        return EINVAL;
    return fake_create(file, a->user_size, &a->handle);
}

static int map(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_mmap *a = argument;
    int error = a->flags & ~1ull || a->pad ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
    a->addr_ptr = 0x7f0000000000;
    return error;
}

static int map_offset(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_mmap_offset *a = argument;
    if (getenv("GPUALLOC_FAKE_DRM_INTEGRATED") && a->flags == I915_MMAP_OFFSET_FIXED)
        return ENODEV; /* for memory of the device's own */
    return a->pad || a->flags > 4 || a->extensions ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int madvise(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_madvise *a = argument;
    a->retained = 1;
    return a->madv > 1 ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int set_domain(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_set_domain *a = argument;
    if ((a->read_domains | a->write_domain) & ~0xc1u)
        return EINVAL;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int sw_finish(struct fake_file *file, void *argument)
{
    return fake_find(file, ((struct drm_i915_gem_sw_finish *)argument)->handle, NULL, NULL, NULL);
}

static int copy(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_pread *a = argument; /* pwrite's is the same */
    uint64_t size = 0;
    int error = fake_find(file, a->handle, NULL, &size, NULL);
    return error || (a->offset <= size && a->size <= size - a->offset) ? error : EINVAL;
}

static int set_tiling(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_set_tiling *a = argument;
    if (a->tiling_mode > I915_TILING_LAST)
        return EINVAL;
    if (a->tiling_mode == I915_TILING_NONE)
        a->stride = 0;
    a->swizzle_mode = I915_BIT_6_SWIZZLE_9_10;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int get_tiling(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_get_tiling *a = argument;
    a->tiling_mode = I915_TILING_X;
    a->swizzle_mode = a->phys_swizzle_mode = I915_BIT_6_SWIZZLE_9;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int set_caching(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_caching *a = argument;
    return a->caching > I915_CACHING_DISPLAY ? EINVAL : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int get_caching(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_caching *a = argument;
    a->caching = I915_CACHING_CACHED;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int busy(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_busy *a = argument;
    a->busy = 0x10001;
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int wait(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_wait *a = argument;
    if (a->timeout_ns > 0)
        a->timeout_ns--;
    return a->flags ? EINVAL : fake_find(file, a->bo_handle, NULL, NULL, NULL);
}

/* As the kernel has it: a length of 0 asks for the length, and refusals of an item are in its length, while the others are answered. */
static int32_t answer_item(const struct drm_i915_query_item *item)
{
    const struct drm_i915_memory_region_info regions[] = {
        {.region = {I915_MEMORY_CLASS_SYSTEM, 0}, .probed_size = 512 << 20},
        {.region = {I915_MEMORY_CLASS_DEVICE, 0}, .probed_size = 64 << 20, .probed_cpu_visible_size = 16 << 20}};
    uint32_t count = getenv("GPUALLOC_FAKE_DRM_INTEGRATED") ? 1 : 2;
    struct drm_i915_query_memory_regions *all = (void *)(uintptr_t)item->data_ptr;
    int32_t length = (int32_t)(sizeof *all + count * sizeof *regions);
    if (item->query_id != DRM_I915_QUERY_MEMORY_REGIONS || item->flags || (item->length && item->length < length))
        return -EINVAL;
    if (item->length) {
        *all = (struct drm_i915_query_memory_regions){.num_regions = count};
        memcpy(all->regions, regions, count * sizeof *regions);
    }
    return length;
}

static int query(struct fake_file *file, void *argument)
{
    (void)file;
    const struct drm_i915_query *a = argument;
    struct drm_i915_query_item *items = (void *)(uintptr_t)a->items_ptr;
    if (a->flags)
        return EINVAL;
    for (uint32_t i = 0; i < a->num_items; i++) {
        if (!items[i].query_id)
            return EINVAL;
        items[i].length = answer_item(&items[i]);
    }
    return 0;
}

static int vm_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_vm_control *a = argument;
    a->vm_id = fake_id(4);
    return a->flags ? EINVAL : 0;
}

static int vm_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_vm_control *a = argument;
    return a->flags || a->extensions ? EINVAL : a->vm_id == fake_id(4) ? 0 : ENOENT;
}

static int check_context_extension(uint64_t address, uint32_t name)
{
    struct drm_i915_gem_context_create_ext_setparam set;
    int error = name == I915_CONTEXT_CREATE_EXT_SETPARAM ? fake_fetch(address, &set, sizeof set) : EINVAL;
    return error ? error : set.param.ctx_id ? EINVAL : 0;
}

static int context_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_context_create_ext *a = argument;
    a->ctx_id = fake_id(6);
    return a->flags & ~3u ? EINVAL : a->flags & 1 ? check_chain(a->extensions, check_context_extension) : 0;
}

static int context_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_context_destroy *a = argument;
    return a->pad ? EINVAL : a->ctx_id == fake_id(6) ? 0 : ENOENT;
}

/* Commands: no-ops up to the end of the batch. 0: they end; EINVAL: what a fake cannot run. */
static int check_commands(struct fake_file *file, uint32_t handle, uint64_t from, bool *ends)
{
    for (uint32_t command; !*ends && fake_read(file, handle, from, &command, sizeof command) == 0; from += sizeof command) {
        if (command && command != 0x05000000)
            return EINVAL;
        *ends = command != 0;
    }
    return 0;
}

static int context_getparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_context_param *a = argument;
    static const struct drm_i915_gem_context_param_sseu sseu = {.slice_mask = 1};
    if (a->ctx_id && a->ctx_id != fake_id(6))
        return ENOENT;
    if (a->param == I915_CONTEXT_PARAM_SSEU) {
        if (a->size && a->size < sizeof sseu)
            return EINVAL;
        if (a->size)
            fake_answer(a->value, a->size, &sseu, sizeof sseu);
        a->size = sizeof sseu;
        return 0;
    }
    if (a->param != I915_CONTEXT_PARAM_GTT_SIZE)
        return EINVAL;
    a->size = 0;
    a->value = 1ull << 48;
    return 0;
}

static int context_setparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_gem_context_param *a = argument;
    if (a->ctx_id && a->ctx_id != fake_id(6))
        return ENOENT;
    if (a->param == I915_CONTEXT_PARAM_VM)
        return a->size ? EINVAL : (uint32_t)a->value == fake_id(4) ? 0 : ENOENT;
    return a->param == I915_CONTEXT_PARAM_ENGINES && a->size >= 8 && a->size % 4 == 0 ? 0 : EINVAL;
}

static int getparam(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_i915_getparam *a = argument;
    if (a->param < 1 || a->param > 60)
        return EINVAL;
    *a->value = 0x1234;
    return 0;
}

static int check_fences(uint64_t address, uint64_t count)
{
    int error = 0;
    for (uint64_t i = 0; i < count && !error; i++) {
        struct drm_i915_gem_exec_fence fence;
        error = fake_fetch(address + i * sizeof fence, &fence, sizeof fence);
        if (!error)
            error = fence.flags & ~(uint32_t)(I915_EXEC_FENCE_WAIT | I915_EXEC_FENCE_SIGNAL) ? EINVAL : 0;
    }
    return error;
}

static int check_submit_extension(uint64_t address, uint32_t name)
{
    struct drm_i915_gem_execbuffer_ext_timeline_fences fences;
    int error = name == DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES ? fake_fetch(address, &fences, sizeof fences) : EINVAL;
    return error ? error : check_fences(fences.handles_ptr, fences.fence_count);
}

static int check_syncs(const struct drm_i915_gem_execbuffer2 *a)
{
    if (a->flags & I915_EXEC_FENCE_ARRAY)
        return check_fences(a->cliprects_ptr, a->num_cliprects);
    return a->flags & I915_EXEC_USE_EXTENSIONS ? check_chain(a->cliprects_ptr, check_submit_extension) : 0;
}

static int execbuffer(struct fake_file *file, void *argument)
{
    struct drm_i915_gem_execbuffer2 *a = argument;
    struct drm_i915_gem_exec_object2 *objects = (void *)(uintptr_t)a->buffers_ptr;
    if (!a->buffer_count || a->flags & ~0x3fffffull || (a->flags & I915_EXEC_FENCE_ARRAY && a->flags & I915_EXEC_USE_EXTENSIONS))
        return EINVAL;
    for (uint32_t i = 0; i < a->buffer_count; i++) {
        if (objects[i].flags & ~0xffull || (objects[i].relocation_count && !objects[i].relocs_ptr))
            return EINVAL;
        if (fake_find(file, objects[i].handle, NULL, NULL, NULL))
            return ENOENT;
        if (!(objects[i].flags & EXEC_OBJECT_PINNED))
            objects[i].offset = 0x10000ull * (i + 1); /* bound there */
    }
    bool ends = false;
    int error = a->batch_len % 8 ? EINVAL : check_syncs(a);
    if (!error)
        error = check_commands(file, objects[a->buffer_count - 1].handle, a->batch_start_offset, &ends);
    for (uint32_t i = 0; !error && ends && i < a->buffer_count; i++)
        fake_submitted(file, objects[i].handle);
    return error;
}

const struct fake_driver fake_driver_i915 = {
    .name = "i915",
    .requests =
        (const struct fake_request[]){
            {0x46, sizeof(struct drm_i915_getparam), true, getparam},
            {0x57, sizeof(struct drm_i915_gem_busy), true, busy},
            {0x5b, sizeof(struct drm_i915_gem_create), true, create},
            {0x5c, sizeof(struct drm_i915_gem_pread), true, copy},
            {0x5d, sizeof(struct drm_i915_gem_pwrite), true, copy},
            {0x5e, sizeof(struct drm_i915_gem_mmap), true, map},
            {0x5f, sizeof(struct drm_i915_gem_set_domain), true, set_domain},
            {0x60, sizeof(struct drm_i915_gem_sw_finish), true, sw_finish},
            {0x61, sizeof(struct drm_i915_gem_set_tiling), true, set_tiling},
            {0x62, sizeof(struct drm_i915_gem_get_tiling), true, get_tiling},
            {0x64, sizeof(struct drm_i915_gem_mmap_offset), true, map_offset},
            {0x66, sizeof(struct drm_i915_gem_madvise), true, madvise},
            {0x69, sizeof(struct drm_i915_gem_execbuffer2), true, execbuffer},
            {0x6c, sizeof(struct drm_i915_gem_wait), true, wait},
            {0x6d, sizeof(struct drm_i915_gem_context_create_ext), true, context_create},
            {0x6e, sizeof(struct drm_i915_gem_context_destroy), true, context_destroy},
            {0x74, sizeof(struct drm_i915_gem_context_param), true, context_getparam},
            {0x75, sizeof(struct drm_i915_gem_context_param), true, context_setparam},
            {0x6f, sizeof(struct drm_i915_gem_caching), true, set_caching},
            {0x70, sizeof(struct drm_i915_gem_caching), true, get_caching},
            {0x73, sizeof(struct drm_i915_gem_userptr), true, userptr},
            {0x79, sizeof(struct drm_i915_query), true, query},
            {0x7a, sizeof(struct drm_i915_gem_vm_control), true, vm_create},
            {0x7b, sizeof(struct drm_i915_gem_vm_control), true, vm_destroy},
            {0x7c, sizeof(struct drm_i915_gem_create_ext), true, create_ext},
            {0},
        },
};
