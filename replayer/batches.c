/* Batches: see batches.h. */
#include "replayer/batches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <libdrm/amdgpu_drm.h>
#include <libdrm/drm.h>
#include <xf86drm.h>

#include "abi/drm.h"
#include "abi/i915.h"
#include "abi/virtgpu.h"
#include "abi/xe.h"
#include "replayer/drm.h"
#include "replayer/placement.h"

enum { PAGE = 4096, COMMANDS = 16 /* dwords */ };
#define MI_BATCH_BUFFER_END 0x05000000u /* Intel; 0 is a no-op */

static int ask(int fd, unsigned long request, void *argument) { return drmIoctl(fd, request, argument) < 0 ? -errno : 0; }

static uint64_t deadline_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + REPLAY_BATCH_WAIT_NS;
}

/* Commands into a buffer of one page. */
static int write_commands(int fd, const char *driver, uint32_t handle, uint32_t first, uint32_t others)
{
    uint64_t offset;
    unsigned way = 0;
    int result = replay_drm_ask_offset(fd, replay_dialect_of(driver), handle, &way, &offset);
    if (result < 0)
        return result;
    uint32_t *commands = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (commands == MAP_FAILED)
        return -errno;
    for (int i = 0; i < COMMANDS; i++)
        commands[i] = i ? others : first;
    munmap(commands, PAGE);
    return 0;
}

/* ---- amdgpu -------------------------------------------------------------------------------------------------------------- */

enum { AMDGPU_NOP = (int)0xffff1000, AMDGPU_NOP_SI = (int)0x80000000 }; /* PACKET3_NOP of one dword; a type 2 packet */

/* GPU addresses that the recording does not use: the highest below top. */
static uint64_t unused_address(const struct replay_plan *plan, uint64_t top)
{
    uint64_t address = top - PAGE;
    for (bool again = true; again && address > PAGE;) {
        again = false;
        for (uint32_t c = 0; c < plan->call_count; c++) {
            const struct ga_row *row = replay_row(&plan->calls[c]);
            if (!row || ga_row_id(row) != GA_ROW_drm_amdgpu_gem_va)
                continue;
            struct drm_amdgpu_gem_va va;
            memcpy(&va, plan->images + plan->calls[c].image, sizeof va);
            if (va.va_address < address + PAGE && va.va_address + va.map_size > address) {
                address = (va.va_address & ~(uint64_t)(PAGE - 1)) - PAGE;
                again = true;
            }
        }
    }
    return address;
}

static int amdgpu_prepare(int fd, const struct replay_plan *plan, struct replay_batch *batch)
{
    struct drm_amdgpu_info_device device = {0};
    struct drm_amdgpu_info info = {.return_pointer = (uintptr_t)&device, .return_size = sizeof device,
                                   .query = AMDGPU_INFO_DEV_INFO};
    union drm_amdgpu_ctx context = {.in = {.op = AMDGPU_CTX_OP_ALLOC_CTX}};
    union drm_amdgpu_gem_create create = {.in = {.bo_size = PAGE, .alignment = PAGE, .domains = AMDGPU_GEM_DOMAIN_GTT}};
    int result = ask(fd, DRM_IOCTL_AMDGPU_INFO, &info);
    if (result == 0)
        result = ask(fd, DRM_IOCTL_AMDGPU_CTX, &context);
    if (result == 0)
        result = ask(fd, DRM_IOCTL_AMDGPU_GEM_CREATE, &create);
    if (result < 0 || device.virtual_address_max < 2 * PAGE)
        return result < 0 ? result : -ENODEV;
    uint64_t top = device.virtual_address_max < UINT64_C(1) << 47 ? device.virtual_address_max : UINT64_C(1) << 47;
    *batch = (struct replay_batch){.context = context.out.alloc.ctx_id, .handle = create.out.handle,
                                   .address = unused_address(plan, top & ~(uint64_t)(PAGE - 1))};
    struct drm_amdgpu_gem_va va = {.handle = batch->handle, .operation = AMDGPU_VA_OP_MAP, .va_address = batch->address,
                                   .map_size = PAGE, .flags = AMDGPU_VM_PAGE_READABLE | AMDGPU_VM_PAGE_EXECUTABLE};
    uint32_t nop = (uint32_t)(device.family == AMDGPU_FAMILY_SI ? AMDGPU_NOP_SI : AMDGPU_NOP);
    result = ask(fd, DRM_IOCTL_AMDGPU_GEM_VA, &va);
    return result < 0 ? result : write_commands(fd, "amdgpu", batch->handle, nop, nop);
}

static int amdgpu_submit(const struct replay_batch *batch, struct replay_batch_use *use)
{
    struct drm_amdgpu_bo_list_entry entries[] = {{.bo_handle = use->handle}, {.bo_handle = batch->handle}};
    struct drm_amdgpu_bo_list_in list = {.operation = ~0u, .list_handle = ~0u, .bo_number = 2, .bo_info_size = sizeof entries[0],
                                         .bo_info_ptr = (uintptr_t)entries};
    struct drm_amdgpu_cs_chunk_ib commands = {.va_start = batch->address, .ib_bytes = COMMANDS * 4,
                                              .ip_type = AMDGPU_HW_IP_COMPUTE}; /* each card has that ring */
    struct drm_amdgpu_cs_chunk parts[] = {
        {AMDGPU_CHUNK_ID_BO_HANDLES, sizeof list / 4, (uintptr_t)&list},
        {AMDGPU_CHUNK_ID_IB, sizeof commands / 4, (uintptr_t)&commands}};
    uint64_t chunks[] = {(uintptr_t)&parts[0], (uintptr_t)&parts[1]};
    union drm_amdgpu_cs submission = {.in = {.ctx_id = batch->context, .num_chunks = 2, .chunks = (uintptr_t)chunks}};
    int result = ask(use->fd, DRM_IOCTL_AMDGPU_CS, &submission);
    if (result < 0)
        return result;
    union drm_amdgpu_wait_cs wait = {.in = {.handle = submission.out.handle, .timeout = deadline_ns(),
                                            .ip_type = AMDGPU_HW_IP_COMPUTE, .ctx_id = batch->context}};
    result = ask(use->fd, DRM_IOCTL_AMDGPU_WAIT_CS, &wait);
    return result == 0 && wait.out.status ? -ETIME : result;
}

/* ---- i915 ---------------------------------------------------------------------------------------------------------------- */

static int i915_prepare(int fd, const struct replay_plan *plan, struct replay_batch *batch)
{
    (void)plan;
    struct drm_i915_gem_create create = {.size = PAGE};
    int result = ask(fd, DRM_IOCTL_I915_GEM_CREATE, &create);
    batch->handle = create.handle;
    return result < 0 ? result : write_commands(fd, "i915", batch->handle, MI_BATCH_BUFFER_END, 0);
}

/* In the file's own context, not one of the recording's; the kernel chooses the addresses. */
static int i915_submit(const struct replay_batch *batch, struct replay_batch_use *use)
{
    struct drm_i915_gem_exec_object2 objects[] = {
        {.handle = use->handle, .flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS},
        {.handle = batch->handle, .flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS}}; /* the commands are the last one's */
    struct drm_i915_gem_execbuffer2 submission = {.buffers_ptr = (uintptr_t)objects, .buffer_count = 2, .batch_len = 8,
                                                  .flags = I915_EXEC_RENDER};
    int result = ask(use->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &submission);
    struct drm_i915_gem_wait wait = {.bo_handle = use->handle, .timeout_ns = REPLAY_BATCH_WAIT_NS};
    return result < 0 ? result : ask(use->fd, DRM_IOCTL_I915_GEM_WAIT, &wait);
}

/* ---- xe ------------------------------------------------------------------------------------------------------------------ */

enum { XE_SYSTEM = 1, XE_WRITE_BACK = 1, XE_MAP = 0, XE_UNMAP = 1, XE_SIGNAL = 1, XE_ENGINES_MAX = 64, XE_LANE_BITS = 36 };
#define XE_COMMANDS_AT UINT64_C(0x100000)

static int xe_bind(int fd, const struct replay_batch *batch, uint32_t op, uint32_t handle, uint64_t address, uint64_t bytes,
                   uint32_t fence)
{
    struct drm_xe_sync sync = {.flags = XE_SIGNAL, .handle = fence};
    struct drm_xe_vm_bind bind = {.vm_id = batch->vm, .num_binds = 1, .num_syncs = 1, .syncs = (uintptr_t)&sync,
                                  .bind = {.op = op, .obj = op == XE_MAP ? handle : 0, .range = bytes, .addr = address,
                                           .pat_index = batch->pat}};
    return ask(fd, DRM_IOCTL_XE_VM_BIND, &bind);
}

static int wait_fence(int fd, uint32_t fence)
{
    struct newer_drm_syncobj_wait wait = {.handles = (uintptr_t)&fence, .count_handles = 1, .timeout_nsec = (int64_t)deadline_ns()};
    return ask(fd, replay_drm_request(&ga_rows[GA_ROW_drm_syncobj_wait], sizeof wait), &wait);
}

static int make_fence(int fd, uint32_t *fence)
{
    struct drm_syncobj_create create = {0};
    int result = ask(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create);
    *fence = create.handle;
    return result;
}

static void end_fence(int fd, uint32_t fence)
{
    struct drm_syncobj_destroy destroy = {.handle = fence};
    if (fence)
        ask(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

/* An engine that executes batches: one that copies, else the first. */
static int xe_find_engine(int fd, struct drm_xe_engine_class_instance *engine)
{
    enum { COPY = 1, VM_BIND = 5 };
    union {
        struct drm_xe_query_engines head;
        char room[sizeof(struct drm_xe_query_engines) + XE_ENGINES_MAX * sizeof(struct drm_xe_engine)];
    } all = {.room = {0}};
    struct drm_xe_device_query query = {.query = DRM_XE_DEVICE_QUERY_ENGINES};
    int result = ask(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query); /* how large the answer is: no other size is taken */
    if (result < 0 || query.size > sizeof all)
        return result < 0 ? result : -E2BIG;
    query.data = (uintptr_t)&all;
    result = ask(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query);
    if (result < 0 || !all.head.num_engines)
        return result < 0 ? result : -ENODEV;
    const struct drm_xe_engine *engines = (const void *)(all.room + sizeof all.head);
    *engine = engines[0].instance;
    for (uint32_t i = 0; i < all.head.num_engines && i < XE_ENGINES_MAX; i++)
        if (engines[i].instance.engine_class == COPY)
            *engine = engines[i].instance;
    return 0;
}

/* The first way to cache that the driver takes for memory that the CPU caches: it refuses those that would not see its writes. */
static int xe_bind_commands(int fd, struct replay_batch *batch)
{
    static const uint16_t pats[] = {0, 2, 3, 1};
    uint32_t fence;
    int result = make_fence(fd, &fence);
    if (result < 0)
        return result;
    result = -EINVAL;
    for (size_t i = 0; result == -EINVAL && i < sizeof pats / sizeof *pats; i++) {
        batch->pat = pats[i];
        result = xe_bind(fd, batch, XE_MAP, batch->handle, batch->address, PAGE, fence);
    }
    if (result == 0)
        result = wait_fence(fd, fence);
    end_fence(fd, fence);
    return result;
}

static int xe_prepare(int fd, const struct replay_plan *plan, struct replay_batch *batch)
{
    (void)plan;
    struct drm_xe_engine_class_instance engine;
    struct drm_xe_vm_create vm = {0};
    struct drm_xe_gem_create create = {.size = PAGE, .placement = XE_SYSTEM, .cpu_caching = XE_WRITE_BACK};
    int result = xe_find_engine(fd, &engine);
    if (result == 0)
        result = ask(fd, DRM_IOCTL_XE_VM_CREATE, &vm);
    if (result == 0)
        result = ask(fd, DRM_IOCTL_XE_GEM_CREATE, &create);
    struct drm_xe_exec_queue_create queue = {.width = 1, .num_placements = 1, .vm_id = vm.vm_id, .instances = (uintptr_t)&engine};
    if (result == 0)
        result = ask(fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue);
    if (result == 0)
        result = write_commands(fd, "xe", create.handle, MI_BATCH_BUFFER_END, 0);
    *batch = (struct replay_batch){.context = queue.exec_queue_id, .vm = vm.vm_id, .handle = create.handle, .address = XE_COMMANDS_AT};
    return result < 0 ? result : xe_bind_commands(fd, batch);
}

/* The buffer is bound in our address space, each lane's at addresses of its own, for as long as the batch runs. */
static int xe_submit(const struct replay_batch *batch, struct replay_batch_use *use)
{
    uint64_t bytes = (use->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (bytes >> XE_LANE_BITS)
        return -EFBIG;
    int result = make_fence(use->fd, &use->fences[0]);
    if (result == 0)
        result = make_fence(use->fd, &use->fences[1]);
    if (result == 0)
        result = xe_bind(use->fd, batch, XE_MAP, use->handle, ((uint64_t)use->lane + 1) << XE_LANE_BITS, bytes, use->fences[0]);
    if (result < 0)
        return result;
    use->address = ((uint64_t)use->lane + 1) << XE_LANE_BITS;
    struct drm_xe_sync syncs[] = {{.handle = use->fences[0]}, {.flags = XE_SIGNAL, .handle = use->fences[1]}};
    struct drm_xe_exec submission = {.exec_queue_id = batch->context, .num_syncs = 2, .syncs = (uintptr_t)syncs,
                                     .address = batch->address, .num_batch_buffer = 1};
    result = ask(use->fd, DRM_IOCTL_XE_EXEC, &submission);
    return result < 0 ? result : wait_fence(use->fd, use->fences[1]);
}

static void xe_settle(const struct replay_batch_use *use)
{
    uint64_t bytes = (use->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (use->address && xe_bind(use->fd, use->batch, XE_UNMAP, 0, use->address, bytes, use->fences[0]) == 0)
        wait_fence(use->fd, use->fences[0]);
    end_fence(use->fd, use->fences[0]);
    end_fence(use->fd, use->fences[1]);
}

/* ---- virtio_gpu ---------------------------------------------------------------------------------------------------------- */

static int virtio_gpu_prepare(int fd, const struct replay_plan *plan, struct replay_batch *batch)
{
    (void)plan, (void)batch;
    enum { FEATURES_3D = 1 };
    int has_3d = 0;
    struct drm_virtgpu_getparam parameter = {.param = FEATURES_3D, .value = (uintptr_t)&has_3d};
    int result = ask(fd, replay_drm_request(&ga_rows[GA_ROW_drm_virtgpu_getparam], sizeof parameter), &parameter);
    return result < 0 || has_3d ? result : -ENOSYS; /* without it there are no submissions */
}

/* Of no bytes: the host's half has nothing to do. */
static int virtio_gpu_submit(const struct replay_batch *batch, struct replay_batch_use *use)
{
    (void)batch;
    struct drm_virtgpu_execbuffer submission = {.bo_handles = (uintptr_t)&use->handle, .num_bo_handles = 1, .fence_fd = -1};
    struct drm_virtgpu_3d_wait wait = {.handle = use->handle};
    int result = ask(use->fd, replay_drm_request(&ga_rows[GA_ROW_drm_virtgpu_execbuffer], sizeof submission), &submission);
    return result < 0 ? result : ask(use->fd, replay_drm_request(&ga_rows[GA_ROW_drm_virtgpu_wait], sizeof wait), &wait);
}

/* -------------------------------------------------------------------------------------------------------------------------- */

static const struct replay_batch_driver drivers[] = {
    {.driver = "amdgpu", .prepare = amdgpu_prepare, .submit = amdgpu_submit},
    {.driver = "i915", .prepare = i915_prepare, .submit = i915_submit},
    {.driver = "xe", .prepare = xe_prepare, .submit = xe_submit, .settle = xe_settle},
    {.driver = "virtio_gpu", .prepare = virtio_gpu_prepare, .submit = virtio_gpu_submit},
};

const struct replay_batch_driver *replay_batch_driver_of(const char *driver)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (strcmp(drivers[i].driver, driver) == 0)
            return &drivers[i];
    return NULL;
}
