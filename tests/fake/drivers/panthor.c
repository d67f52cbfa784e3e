/* panthor: buffers, an address space of no effect, submissions that are done at once. */
#include <errno.h>

#include "abi/panthor.h"
#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    struct drm_panthor_bo_create *a = argument;
    if (!a->size || a->pad || a->flags & ~1u)
        return EINVAL;
    a->size = (a->size + 4095) & ~4095ull;
    return fake_create(file, a->size, &a->handle);
}

static int map_offset(struct fake_file *file, void *argument)
{
    struct drm_panthor_bo_mmap_offset *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int vm_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_vm_create *a = argument;
    a->id = 1;
    a->user_va_range = a->user_va_range ? a->user_va_range : 1ull << 47;
    return a->flags ? EINVAL : 0;
}

static int vm_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_vm_destroy *a = argument;
    return a->pad || a->id != 1 ? EINVAL : 0;
}

/* Elements may be longer than we know, and not shorter. */
static int check_stride(const struct drm_panthor_obj_array *array, uint32_t size)
{
    return array->count && array->stride < size ? EINVAL : 0;
}

/* An element of an array; null beyond its end. */
static const void *element(const struct drm_panthor_obj_array *array, uint32_t i)
{
    return i < array->count ? (const char *)(uintptr_t)array->array + (size_t)i * array->stride : NULL;
}

static int check_syncs(const struct drm_panthor_obj_array *array)
{
    const struct drm_panthor_sync_op *op;
    int error = check_stride(array, sizeof *op);
    for (uint32_t i = 0; !error && (op = element(array, i)); i++)
        error = op->flags & ~0x80000001u ? EINVAL : 0;
    return error;
}

static int vm_bind(struct fake_file *file, void *argument)
{
    struct drm_panthor_vm_bind *a = argument;
    const struct drm_panthor_vm_bind_op *op;
    int error = a->vm_id != 1 || a->flags & ~1u ? EINVAL : check_stride(&a->ops, sizeof *op);
    for (uint32_t i = 0; !error && (op = element(&a->ops, i)); i++) {
        error = op->flags & ~0x30000007u || op->va % 4096 || op->size % 4096 ? EINVAL : check_syncs(&op->syncs);
        if (!error && op->bo_handle)
            error = fake_find(file, op->bo_handle, NULL, NULL, NULL);
    }
    return error;
}

static int dev_query(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_dev_query *a = argument;
    static const uint32_t allowed[2] = {7, 0};
    if (a->type > 3)
        return EINVAL;
    if (a->pointer)
        fake_answer(a->pointer, a->size, allowed, sizeof allowed);
    else
        a->size = sizeof allowed;
    return 0;
}

static int group_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_group_create *a = argument;
    const struct drm_panthor_queue_create *queue;
    int error = a->pad || !a->queues.count || a->priority > 3 || a->vm_id != 1 ? EINVAL : check_stride(&a->queues, sizeof *queue);
    for (uint32_t i = 0; !error && (queue = element(&a->queues, i)); i++)
        error = queue->pad[0] || queue->pad[1] || queue->pad[2] || queue->priority > 15 || queue->ringbuf_size < 4096 ? EINVAL : 0;
    a->group_handle = 5;
    return error;
}

static int group_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_group_destroy *a = argument;
    return a->pad || a->group_handle != 5 ? EINVAL : 0;
}

static int submit(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_group_submit *a = argument;
    const struct drm_panthor_queue_submit *queue;
    int error = a->pad ? EINVAL : check_stride(&a->queue_submits, sizeof *queue);
    for (uint32_t i = 0; !error && (queue = element(&a->queue_submits, i)); i++)
        error = queue->pad || queue->stream_size % 8 ? EINVAL : check_syncs(&queue->syncs);
    return error;
}

static int heap_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_tiler_heap_create *a = argument;
    if (a->vm_id != 1 || !a->initial_chunk_count || a->initial_chunk_count > a->max_chunks || a->chunk_size % 4096)
        return EINVAL;
    a->handle = 7;
    a->tiler_heap_ctx_gpu_va = 0x10000;
    a->first_heap_chunk_gpu_va = 0x20000;
    return 0;
}

static int heap_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_panthor_tiler_heap_destroy *a = argument;
    return a->pad || a->handle != 7 ? EINVAL : 0;
}

const struct fake_driver fake_driver_panthor = {
    .name = "panthor",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_panthor_dev_query), true, dev_query},
            {0x41, sizeof(struct drm_panthor_vm_create), true, vm_create},
            {0x42, sizeof(struct drm_panthor_vm_destroy), true, vm_destroy},
            {0x43, sizeof(struct drm_panthor_vm_bind), true, vm_bind},
            {0x45, sizeof(struct drm_panthor_bo_create), true, create},
            {0x46, sizeof(struct drm_panthor_bo_mmap_offset), true, map_offset},
            {0x47, sizeof(struct drm_panthor_group_create), true, group_create},
            {0x48, sizeof(struct drm_panthor_group_destroy), true, group_destroy},
            {0x49, sizeof(struct drm_panthor_group_submit), true, submit},
            {0x4b, sizeof(struct drm_panthor_tiler_heap_create), true, heap_create},
            {0x4c, sizeof(struct drm_panthor_tiler_heap_destroy), true, heap_destroy},
            {0},
        },
};
