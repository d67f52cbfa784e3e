/*
 * A client of the drivers that no machine of ours has: buffers in each placement, the program's own memory, address spaces,
 * contexts, lists, waits and submissions, as Mesa uses them. One argument: the node. Every call must succeed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <libdrm/amdgpu_drm.h>
#include <libdrm/drm.h>

#include "abi/i915.h"
#include "abi/nouveau.h"
#include "abi/xe.h"

enum { PAGE = 4096 };
enum { /* include/uapi/drm/xe_drm.h and nouveau_drm.h of Linux */
    XE_VM_SCRATCH_PAGE = 1, XE_CACHED = 1, XE_WRITE_COMBINED = 2, XE_NEEDS_VISIBLE_VRAM = 4, XE_SYNC_SIGNAL = 1,
    XE_BIND_MAP = 0, XE_BIND_UNMAP = 1, XE_BIND_MAP_USERPTR = 2, XE_ENGINE_COPY = 1, NOUVEAU_BIND_UNMAP = 1,
};
static int fd;

static void call(unsigned long request, void *argument, const char *what)
{
    int result;
    do
        result = ioctl(fd, request, argument);
    while (result == -1 && errno == EINTR);
    if (result == 0)
        return;
    fprintf(stderr, "drm_native: %s: %s\n", what, strerror(errno));
    exit(1);
}
#define CALL(request, argument) call(request, argument, #request)

static void *own_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    return memory;
}

static uint64_t after_ns(uint64_t ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + ns;
}

static void close_handle(uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    CALL(DRM_IOCTL_GEM_CLOSE, &argument);
}

/* ---- amdgpu -------------------------------------------------------------------------------------------------------------- */

static uint32_t amdgpu_buffer(uint64_t size, uint64_t domains, uint64_t flags)
{
    union drm_amdgpu_gem_create create = {.in = {.bo_size = size, .alignment = PAGE, .domains = domains, .domain_flags = flags}};
    CALL(DRM_IOCTL_AMDGPU_GEM_CREATE, &create);
    return create.out.handle;
}

static void amdgpu_va(uint32_t handle, uint32_t operation, uint64_t address, uint64_t size)
{
    struct drm_amdgpu_gem_va va = {.handle = handle, .operation = operation, .va_address = address, .map_size = size,
                                   .flags = AMDGPU_VM_PAGE_READABLE | AMDGPU_VM_PAGE_WRITEABLE};
    CALL(DRM_IOCTL_AMDGPU_GEM_VA, &va);
}

static uint32_t amdgpu_context(uint32_t op, uint32_t id)
{
    union drm_amdgpu_ctx context = {.in = {.op = op, .ctx_id = id}};
    CALL(DRM_IOCTL_AMDGPU_CTX, &context);
    return context.out.alloc.ctx_id;
}

static uint32_t amdgpu_list(uint32_t operation, uint32_t id, uint32_t *handles, uint32_t count)
{
    struct drm_amdgpu_bo_list_entry entries[8] = {{0}};
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct drm_amdgpu_bo_list_entry){.bo_handle = handles[i], .bo_priority = i};
    union drm_amdgpu_bo_list list = {.in = {.operation = operation, .list_handle = id, .bo_number = count,
                                            .bo_info_size = sizeof entries[0], .bo_info_ptr = (uintptr_t)entries}};
    CALL(DRM_IOCTL_AMDGPU_BO_LIST, &list);
    return list.out.list_handle;
}

static void amdgpu_submit(uint32_t context, uint32_t list)
{
    struct drm_amdgpu_cs_chunk_ib ib = {.va_start = 0x100000, .ib_bytes = 64};
    struct drm_amdgpu_cs_chunk chunk = {.chunk_id = AMDGPU_CHUNK_ID_IB, .length_dw = sizeof ib / 4, .chunk_data = (uintptr_t)&ib};
    uint64_t chunks[] = {(uintptr_t)&chunk};
    union drm_amdgpu_cs submission = {.in = {.ctx_id = context, .bo_list_handle = list, .num_chunks = 1,
                                             .chunks = (uintptr_t)chunks}};
    CALL(DRM_IOCTL_AMDGPU_CS, &submission);
    union drm_amdgpu_wait_cs wait = {.in = {.handle = submission.out.handle, .timeout = after_ns(1000000000), .ctx_id = context}};
    CALL(DRM_IOCTL_AMDGPU_WAIT_CS, &wait);
}

static void amdgpu_scene(void)
{
    static const struct {
        uint64_t domain, flags;
    } places[] = {{AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_CREATE_NO_CPU_ACCESS},
                  {AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED},
                  {AMDGPU_GEM_DOMAIN_GTT, AMDGPU_GEM_CREATE_CPU_GTT_USWC},
                  {AMDGPU_GEM_DOMAIN_GTT, 0}};
    uint32_t handles[4], none = amdgpu_buffer(PAGE, AMDGPU_GEM_DOMAIN_GTT, 0);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t size = (i + 1) * 16 * PAGE, address = 0x100000 + i * 0x100000;
        handles[i] = amdgpu_buffer(size, places[i].domain, places[i].flags);
        amdgpu_va(handles[i], AMDGPU_VA_OP_MAP, address, size);
        union drm_amdgpu_gem_mmap map = {.in = {.handle = handles[i]}};
        if (!(places[i].flags & AMDGPU_GEM_CREATE_NO_CPU_ACCESS))
            CALL(DRM_IOCTL_AMDGPU_GEM_MMAP, &map);
    }
    struct drm_amdgpu_gem_userptr own = {.addr = (uintptr_t)own_memory(8 * PAGE), .size = 8 * PAGE,
                                         .flags = AMDGPU_GEM_USERPTR_ANONONLY | AMDGPU_GEM_USERPTR_REGISTER};
    CALL(DRM_IOCTL_AMDGPU_GEM_USERPTR, &own);
    amdgpu_va(own.handle, AMDGPU_VA_OP_MAP, 0x800000, own.size);
    close_handle(none);
    struct drm_amdgpu_gem_metadata set = {.handle = handles[0], .op = AMDGPU_GEM_METADATA_OP_SET_METADATA,
                                          .data = {.flags = 1, .tiling_info = 2, .data_size_bytes = 8, .data = {3, 4}}};
    CALL(DRM_IOCTL_AMDGPU_GEM_METADATA, &set);
    struct drm_amdgpu_gem_create_in info;
    struct drm_amdgpu_gem_op op = {.handle = handles[1], .op = AMDGPU_GEM_OP_GET_GEM_CREATE_INFO, .value = (uintptr_t)&info};
    CALL(DRM_IOCTL_AMDGPU_GEM_OP, &op);
    uint32_t context = amdgpu_context(AMDGPU_CTX_OP_ALLOC_CTX, 0), list = amdgpu_list(AMDGPU_BO_LIST_OP_CREATE, 0, handles, 4);
    amdgpu_list(AMDGPU_BO_LIST_OP_UPDATE, list, handles, 3);
    amdgpu_submit(context, list);
    union drm_amdgpu_gem_wait_idle idle = {.in = {.handle = handles[0], .timeout = after_ns(50000000)}};
    CALL(DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, &idle);
    union drm_amdgpu_gem_wait_idle for_ever = {.in = {.handle = handles[1], .timeout = UINT64_MAX}};
    CALL(DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, &for_ever);
    amdgpu_list(AMDGPU_BO_LIST_OP_DESTROY, list, NULL, 0);
    amdgpu_context(AMDGPU_CTX_OP_QUERY_STATE2, context);
    amdgpu_context(AMDGPU_CTX_OP_FREE_CTX, context);
    amdgpu_va(handles[0], AMDGPU_VA_OP_UNMAP, 0x100000, 16 * PAGE);
    amdgpu_va(handles[3], AMDGPU_VA_OP_REPLACE, 0x100000, 16 * PAGE);
    amdgpu_va(0, AMDGPU_VA_OP_CLEAR, 0x200000, 32 * PAGE);
    for (uint32_t i = 0; i < 3; i++) /* the last is left to the end of the file */
        close_handle(handles[i]);
    close_handle(own.handle);
}

/* ---- i915 ---------------------------------------------------------------------------------------------------------------- */

/* In device memory, in either, or in system memory. */
static uint32_t i915_buffer(uint64_t size, uint32_t flags, uint32_t regions)
{
    struct drm_i915_gem_memory_class_instance places[2] = {{I915_MEMORY_CLASS_DEVICE, 0}, {I915_MEMORY_CLASS_SYSTEM, 0}};
    struct drm_i915_gem_create_ext_memory_regions where = {.base = {.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS},
                                                           .num_regions = regions, .regions = (uintptr_t)places};
    struct drm_i915_gem_create_ext_set_pat pat = {.base = {.name = I915_GEM_CREATE_EXT_SET_PAT}, .pat_index = 3};
    where.base.next_extension = (uintptr_t)&pat;
    struct drm_i915_gem_create_ext create = {.size = size, .flags = flags, .extensions = (uintptr_t)&where};
    CALL(DRM_IOCTL_I915_GEM_CREATE_EXT, &create);
    return create.handle;
}

static void i915_scene(void)
{
    struct drm_i915_gem_create plain = {.size = 5 * PAGE};
    CALL(DRM_IOCTL_I915_GEM_CREATE, &plain);
    uint32_t handles[] = {i915_buffer(1 << 20, 0, 1), i915_buffer(1 << 16, I915_GEM_CREATE_EXT_FLAG_NEEDS_CPU_ACCESS, 2)};
    struct drm_i915_gem_userptr own = {.user_ptr = (uintptr_t)own_memory(4 * PAGE), .user_size = 4 * PAGE};
    CALL(DRM_IOCTL_I915_GEM_USERPTR, &own);
    struct drm_i915_gem_mmap_offset map = {.handle = handles[1], .flags = I915_MMAP_OFFSET_FIXED};
    CALL(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map);
    struct drm_i915_gem_vm_control vm = {0};
    CALL(DRM_IOCTL_I915_GEM_VM_CREATE, &vm);
    struct drm_i915_gem_context_create_ext_setparam in_vm = {.base = {.name = I915_CONTEXT_CREATE_EXT_SETPARAM},
                                                             .param = {.param = I915_CONTEXT_PARAM_VM, .value = vm.vm_id}};
    struct drm_i915_gem_context_create_ext context = {.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
                                                      .extensions = (uintptr_t)&in_vm};
    CALL(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &context);
    struct drm_i915_gem_context_param same_vm = {.ctx_id = context.ctx_id, .param = I915_CONTEXT_PARAM_VM, .value = vm.vm_id};
    CALL(DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &same_vm);
    struct drm_i915_gem_context_param_sseu sseu = {0};
    struct drm_i915_gem_context_param slices = {.ctx_id = context.ctx_id, .param = I915_CONTEXT_PARAM_SSEU, .size = sizeof sseu,
                                                .value = (uintptr_t)&sseu};
    CALL(DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &slices);
    struct drm_i915_gem_exec_object2 objects[] = {{.handle = handles[0]}, {.handle = plain.handle}};
    struct drm_i915_gem_execbuffer2 submission = {.buffers_ptr = (uintptr_t)objects, .buffer_count = 2, .batch_len = 64,
                                                  .rsvd1 = context.ctx_id};
    CALL(DRM_IOCTL_I915_GEM_EXECBUFFER2, &submission);
    struct drm_i915_gem_wait wait = {.bo_handle = handles[0], .timeout_ns = -1};
    CALL(DRM_IOCTL_I915_GEM_WAIT, &wait);
    struct drm_i915_gem_set_domain domain = {.handle = plain.handle, .read_domains = I915_GEM_DOMAIN_CPU};
    CALL(DRM_IOCTL_I915_GEM_SET_DOMAIN, &domain);
    struct drm_i915_gem_pwrite write = {.handle = plain.handle, .size = 100, .data_ptr = (uintptr_t)own_memory(PAGE)};
    CALL(DRM_IOCTL_I915_GEM_PWRITE, &write);
    struct drm_i915_gem_madvise madvise = {.handle = plain.handle, .madv = I915_MADV_DONTNEED};
    CALL(DRM_IOCTL_I915_GEM_MADVISE, &madvise);
    struct drm_i915_gem_context_destroy end = {.ctx_id = context.ctx_id};
    CALL(DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &end);
    struct drm_i915_gem_vm_control end_vm = {.vm_id = vm.vm_id};
    CALL(DRM_IOCTL_I915_GEM_VM_DESTROY, &end_vm);
    close_handle(handles[0]);
    close_handle(own.handle);
}

/* ---- xe ------------------------------------------------------------------------------------------------------------------ */

static uint32_t xe_buffer(uint64_t size, uint32_t placement, uint32_t flags, uint16_t caching, uint32_t vm)
{
    struct drm_xe_gem_create create = {.size = size, .placement = placement, .flags = flags, .cpu_caching = caching, .vm_id = vm};
    CALL(DRM_IOCTL_XE_GEM_CREATE, &create);
    return create.handle;
}

static void xe_scene(void)
{
    struct drm_xe_vm_create vm = {.flags = XE_VM_SCRATCH_PAGE};
    CALL(DRM_IOCTL_XE_VM_CREATE, &vm);
    uint32_t handles[] = {xe_buffer(1 << 20, 2, 0, XE_WRITE_COMBINED, vm.vm_id),
                          xe_buffer(1 << 16, 3, XE_NEEDS_VISIBLE_VRAM, XE_WRITE_COMBINED, 0),
                          xe_buffer(1 << 14, 1, 0, XE_CACHED, 0)};
    struct drm_xe_gem_mmap_offset map = {.handle = handles[2]};
    CALL(DRM_IOCTL_XE_GEM_MMAP_OFFSET, &map);
    struct drm_syncobj_create fence = {.flags = DRM_SYNCOBJ_CREATE_SIGNALED};
    CALL(DRM_IOCTL_SYNCOBJ_CREATE, &fence);
    struct drm_syncobj_handle shared = {.handle = fence.handle};
    CALL(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &shared);
    struct drm_syncobj_handle again = {.fd = shared.fd};
    CALL(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &again);
    struct drm_xe_sync sync = {.type = 0, .flags = XE_SYNC_SIGNAL, .handle = fence.handle};
    struct drm_xe_vm_bind one = {.vm_id = vm.vm_id, .num_binds = 1, .num_syncs = 1, .syncs = (uintptr_t)&sync,
                                 .bind = {.obj = handles[0], .range = 1 << 20, .addr = 0x100000, .op = XE_BIND_MAP}};
    CALL(DRM_IOCTL_XE_VM_BIND, &one);
    struct drm_xe_vm_bind_op ops[] = {
        {.obj = handles[1], .range = 1 << 16, .addr = 0x800000, .op = XE_BIND_MAP},
        {.userptr = (uintptr_t)own_memory(4 * PAGE), .range = 4 * PAGE, .addr = 0x900000, .op = XE_BIND_MAP_USERPTR},
        {.range = 1 << 20, .addr = 0x100000, .op = XE_BIND_UNMAP}};
    struct drm_xe_vm_bind several = {.vm_id = vm.vm_id, .num_binds = 3, .vector_of_binds = (uintptr_t)ops};
    CALL(DRM_IOCTL_XE_VM_BIND, &several);
    struct drm_xe_engine_class_instance engine = {.engine_class = XE_ENGINE_COPY};
    struct drm_xe_ext_set_property priority = {.base = {.name = 0}, .property = 0, .value = 1};
    struct drm_xe_exec_queue_create queue = {.width = 1, .num_placements = 1, .vm_id = vm.vm_id, .instances = (uintptr_t)&engine,
                                             .extensions = (uintptr_t)&priority};
    CALL(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue);
    struct drm_xe_exec submission = {.exec_queue_id = queue.exec_queue_id, .num_batch_buffer = 1, .address = 0x800000,
                                     .num_syncs = 1, .syncs = (uintptr_t)&sync};
    CALL(DRM_IOCTL_XE_EXEC, &submission);
    struct drm_xe_exec_queue_destroy end_queue = {.exec_queue_id = queue.exec_queue_id};
    CALL(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, &end_queue);
    struct drm_syncobj_destroy end_fence = {.handle = fence.handle};
    CALL(DRM_IOCTL_SYNCOBJ_DESTROY, &end_fence);
    struct drm_xe_vm_destroy end = {.vm_id = vm.vm_id};
    CALL(DRM_IOCTL_XE_VM_DESTROY, &end);
    close_handle(handles[0]);
    close_handle(handles[2]);
}

/* ---- nouveau ------------------------------------------------------------------------------------------------------------- */

static uint32_t nouveau_buffer(uint64_t size, uint32_t domain)
{
    struct drm_nouveau_gem_new create = {.info = {.size = size, .domain = domain}, .align = PAGE};
    CALL(DRM_IOCTL_NOUVEAU_GEM_NEW, &create);
    return create.info.handle;
}

static void nouveau_scene(void)
{
    struct drm_nouveau_vm_init vm = {.kernel_managed_addr = 1ull << 40, .kernel_managed_size = 1ull << 30};
    CALL(DRM_IOCTL_NOUVEAU_VM_INIT, &vm);
    uint32_t handles[] = {nouveau_buffer(1 << 20, NOUVEAU_GEM_DOMAIN_VRAM),
                          nouveau_buffer(1 << 16, NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_MAPPABLE),
                          nouveau_buffer(1 << 14, NOUVEAU_GEM_DOMAIN_GART | NOUVEAU_GEM_DOMAIN_MAPPABLE),
                          nouveau_buffer(1 << 13, NOUVEAU_GEM_DOMAIN_GART | NOUVEAU_GEM_DOMAIN_COHERENT)};
    struct drm_nouveau_channel_alloc channel = {.fb_ctxdma_handle = ~0u, .tt_ctxdma_handle = 1};
    CALL(DRM_IOCTL_NOUVEAU_CHANNEL_ALLOC, &channel);
    struct drm_nouveau_vm_bind_op ops[] = {{.handle = handles[0], .addr = 0x100000, .range = 1 << 20},
                                           {.handle = handles[1], .addr = 0x800000, .range = 1 << 16}};
    struct drm_nouveau_vm_bind bind = {.op_count = 2, .op_ptr = (uintptr_t)ops};
    CALL(DRM_IOCTL_NOUVEAU_VM_BIND, &bind);
    struct drm_nouveau_gem_info info = {.handle = handles[1]};
    CALL(DRM_IOCTL_NOUVEAU_GEM_INFO, &info);
    struct drm_nouveau_gem_cpu_prep prep = {.handle = handles[1], .flags = NOUVEAU_GEM_CPU_PREP_WRITE};
    CALL(DRM_IOCTL_NOUVEAU_GEM_CPU_PREP, &prep);
    struct drm_nouveau_gem_cpu_fini fini = {.handle = handles[1]};
    CALL(DRM_IOCTL_NOUVEAU_GEM_CPU_FINI, &fini);
    struct drm_nouveau_exec_push push = {.va = 0x100000, .va_len = 64};
    struct drm_nouveau_exec submission = {.push_count = 1, .push_ptr = (uintptr_t)&push};
    CALL(DRM_IOCTL_NOUVEAU_EXEC, &submission);
    ops[0] = (struct drm_nouveau_vm_bind_op){.op = NOUVEAU_BIND_UNMAP, .addr = 0x100000, .range = 1 << 20};
    bind.op_count = 1;
    CALL(DRM_IOCTL_NOUVEAU_VM_BIND, &bind);
    struct drm_nouveau_channel_free end = {.channel = channel.channel};
    CALL(DRM_IOCTL_NOUVEAU_CHANNEL_FREE, &end);
    close_handle(handles[0]);
    close_handle(handles[2]);
}

/* -------------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *driver;
    void (*scene)(void);
} scenes[] = {{"amdgpu", amdgpu_scene}, {"i915", i915_scene}, {"xe", xe_scene}, {"nouveau", nouveau_scene}};

int main(int argc, char **argv)
{
    char name[32] = "";
    struct drm_version version = {.name = name, .name_len = sizeof name - 1};
    fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: drm_native NODE (%s)\n", strerror(errno));
        return 2;
    }
    CALL(DRM_IOCTL_VERSION, &version);
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i].driver, name) == 0) {
            scenes[i].scene();
            close(fd);
            return 0;
        }
    fprintf(stderr, "drm_native: no scene for driver %s\n", name);
    return 2;
}
