/* xe with system memory and VRAM: every pad and reserved word must be 0, as the kernel has it. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/xe.h"
#include "fake.h"

static bool any(const __u64 *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (words[i])
            return true;
    return false;
}
#define RESERVED(a) any((a)->reserved, sizeof (a)->reserved / 8)

static int create(struct fake_file *file, void *argument)
{
    struct drm_xe_gem_create *a = argument;
    if (RESERVED(a) || a->pad[0] || a->pad[1] || a->pad[2] || a->flags & ~7u || !a->placement || a->placement & ~3u ||
        a->size % 4096 || !a->size || a->cpu_caching < 1 || a->cpu_caching > 2)
        return EINVAL;
    if (a->vm_id && a->vm_id != fake_id(1))
        return ENOENT;
    if (a->placement & 2 && a->size % 65536)
        return EINVAL; /* VRAM comes in larger pages */
    return fake_create(file, a->size, &a->handle);
}

static int map_offset(struct fake_file *file, void *argument)
{
    struct drm_xe_gem_mmap_offset *a = argument;
    if (a->extensions || a->flags || RESERVED(a))
        return EINVAL;
    return fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int vm_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_vm_create *a = argument;
    if (a->extensions || a->flags & ~7u || RESERVED(a))
        return EINVAL;
    a->vm_id = fake_id(1);
    return 0;
}

static int vm_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_vm_destroy *a = argument;
    return a->pad || RESERVED(a) ? EINVAL : a->vm_id == fake_id(1) ? 0 : ENOENT;
}

/* What is bound, of all files: enough to find a submission's commands, and what is bound beside them. */
static struct {
    struct fake_file *file;
    uint64_t address, size;
    uint32_t handle; /* 0: nothing */
} bound[256];

static void note_bind(struct fake_file *file, const struct drm_xe_vm_bind_op *op)
{
    enum { MAP = 0, UNMAP = 1 };
    for (int i = 0; i < 256; i++) {
        if (op->op == UNMAP && bound[i].file == file && bound[i].address >= op->addr && bound[i].address < op->addr + op->range)
            bound[i].handle = 0;
        if (op->op != MAP || bound[i].handle)
            continue;
        bound[i] = (__typeof__(*bound)){file, op->addr, op->range, op->obj};
        return;
    }
}

static int check_bind(struct fake_file *file, const struct drm_xe_vm_bind_op *op)
{
    if (op->extensions || op->pad || op->pad2 || RESERVED(op) || op->op > 4 || op->flags & ~15u || op->addr % 4096 || op->range % 4096)
        return EINVAL;
    return op->obj ? fake_find(file, op->obj, NULL, NULL, NULL) : 0;
}

static int check_syncs(uint64_t address, uint32_t count)
{
    const struct drm_xe_sync *syncs = (const void *)(uintptr_t)address;
    for (uint32_t i = 0; i < count; i++)
        if (syncs[i].type > 2 || syncs[i].flags & ~1u || RESERVED(&syncs[i]))
            return EINVAL;
    return 0;
}

static int bind(struct fake_file *file, void *argument)
{
    struct drm_xe_vm_bind *a = argument;
    const struct drm_xe_vm_bind_op *ops = a->num_binds == 1 ? &a->bind : (const void *)(uintptr_t)a->vector_of_binds;
    int error = a->extensions || a->pad || a->pad2 || !a->num_binds || RESERVED(a) ? EINVAL : a->vm_id != fake_id(1) ? ENOENT : 0;
    for (uint32_t i = 0; i < a->num_binds && !error; i++)
        error = check_bind(file, &ops[i]);
    for (uint32_t i = 0; i < a->num_binds && !error; i++)
        note_bind(file, &ops[i]);
    return error ? error : check_syncs(a->syncs, a->num_syncs);
}

static int queue_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_exec_queue_create *a = argument;
    const struct drm_xe_ext_set_property *property = (const void *)(uintptr_t)a->extensions;
    const struct drm_xe_engine_class_instance *engines = (const void *)(uintptr_t)a->instances;
    if (a->flags || RESERVED(a) || !a->width || !a->num_placements)
        return EINVAL;
    for (; property; property = (const void *)(uintptr_t)property->base.next_extension)
        if (property->base.name || property->base.pad || property->property > 1 || property->pad || RESERVED(property))
            return EINVAL;
    for (uint32_t i = 0; i < (uint32_t)a->width * a->num_placements; i++)
        if (engines[i].pad || engines[i].engine_class > 5)
            return EINVAL;
    a->exec_queue_id = fake_id(2);
    return 0;
}

static int queue_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_exec_queue_destroy *a = argument;
    return a->pad || RESERVED(a) ? EINVAL : a->exec_queue_id == fake_id(2) ? 0 : ENOENT;
}

/* Commands that end at once name all that is bound. */
static void note_submitted(struct fake_file *file, uint64_t address)
{
    uint32_t command = 0;
    for (int i = 0; i < 256; i++)
        if (bound[i].handle && bound[i].file == file && bound[i].address == address)
            fake_read(file, bound[i].handle, 0, &command, sizeof command);
    for (int i = 0; command == 0x05000000 && i < 256; i++)
        if (bound[i].handle && bound[i].file == file)
            fake_submitted(file, bound[i].handle);
}

static int device_query(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_device_query *a = argument;
    const struct {
        struct drm_xe_query_engines head;
        struct drm_xe_engine engines[2];
    } engines = {{.num_engines = 2}, {{.instance = {.engine_class = 0}}, {.instance = {.engine_class = 1}}}};
    const struct {
        struct drm_xe_query_mem_regions head;
        struct drm_xe_mem_region regions[2];
    } regions = {{.num_mem_regions = 2},
                 {{.min_page_size = 4096, .total_size = 512 << 20},
                  {.mem_class = 1, .instance = 1, .min_page_size = 65536, .total_size = 64 << 20, .cpu_visible_size = 16 << 20}}};
    bool engines_asked = a->query == DRM_XE_DEVICE_QUERY_ENGINES;
    uint32_t size = engines_asked ? sizeof engines : sizeof regions;
    if (a->extensions || RESERVED(a) || a->query > DRM_XE_DEVICE_QUERY_MEM_REGIONS || (a->size && a->size != size))
        return EINVAL;
    if (a->size)
        fake_answer(a->data, a->size, engines_asked ? (const void *)&engines : (const void *)&regions, size);
    a->size = size;
    return 0;
}

static int exec(struct fake_file *file, void *argument)
{
    struct drm_xe_exec *a = argument;
    if (a->extensions || a->pad[0] || a->pad[1] || a->pad[2] || RESERVED(a))
        return EINVAL;
    int error = a->exec_queue_id == fake_id(2) ? check_syncs(a->syncs, a->num_syncs) : ENOENT;
    if (!error && a->num_batch_buffer)
        note_submitted(file, a->address);
    return error;
}

static int wait_user_fence(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_xe_wait_user_fence *a = argument;
    if (a->extensions || a->pad || a->pad2 || a->op > 5 || a->flags & ~1u || RESERVED(a))
        return EINVAL;
    a->timeout /= 2;
    return 0;
}

const struct fake_driver fake_driver_xe = {
    .name = "xe",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_xe_device_query), true, device_query},
            {0x41, sizeof(struct drm_xe_gem_create), true, create},
            {0x42, sizeof(struct drm_xe_gem_mmap_offset), true, map_offset},
            {0x43, sizeof(struct drm_xe_vm_create), true, vm_create},
            {0x44, sizeof(struct drm_xe_vm_destroy), true, vm_destroy},
            {0x45, sizeof(struct drm_xe_vm_bind), true, bind},
            {0x46, sizeof(struct drm_xe_exec_queue_create), true, queue_create},
            {0x47, sizeof(struct drm_xe_exec_queue_destroy), true, queue_destroy},
            {0x49, sizeof(struct drm_xe_exec), true, exec},
            {0x4a, sizeof(struct drm_xe_wait_user_fence), true, wait_user_fence},
            {0},
        },
};
