/* Requests whose arguments are trees: amdgpu's submission on /dev/dri/card0, i915's extensions on card1, xe's bindings on card2. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include <libdrm/amdgpu_drm.h>

#include "abi/i915.h"
#include "abi/xe.h"

#define ADDRESS(object) ((uintptr_t)(object))

static int request(int fd, unsigned long number, void *argument, const char *name)
{
    int result = ioctl(fd, number, argument);
    if (result)
        perror(name);
    return result ? 1 : 0;
}
#define REQUEST(fd, name, argument) request(fd, DRM_IOCTL_##name, argument, #name)

static int amdgpu(int fd)
{
    union drm_amdgpu_gem_create create = {.in = {.bo_size = 65536, .domains = AMDGPU_GEM_DOMAIN_VRAM}};
    int failed = REQUEST(fd, AMDGPU_GEM_CREATE, &create);
    struct drm_amdgpu_bo_list_entry entries[2] = {{create.out.handle, 5}, {create.out.handle, 6}};
    struct drm_amdgpu_bo_list_in buffers = {~0u, ~0u, 2, sizeof *entries, ADDRESS(entries)};
    struct drm_amdgpu_cs_chunk_ib ib[2] = {{.va_start = 0x1000, .ib_bytes = 16}, {.va_start = 0x2000, .ib_bytes = 32}};
    struct drm_amdgpu_cs_chunk_sem waits[3] = {{21}, {22}, {23}}, signal = {24};
    struct drm_amdgpu_cs_chunk chunks[] = {
        {AMDGPU_CHUNK_ID_IB, 8, ADDRESS(&ib[0])},           {AMDGPU_CHUNK_ID_SYNCOBJ_IN, 3, ADDRESS(waits)},
        {AMDGPU_CHUNK_ID_BO_HANDLES, 6, ADDRESS(&buffers)}, {AMDGPU_CHUNK_ID_SYNCOBJ_OUT, 1, ADDRESS(&signal)},
        {AMDGPU_CHUNK_ID_IB, 8, ADDRESS(&ib[1])},
    };
    uint64_t addresses[5];
    for (int i = 0; i < 5; i++)
        addresses[i] = ADDRESS(&chunks[i]);
    union drm_amdgpu_cs submit = {.in = {.ctx_id = 1, .num_chunks = 5, .chunks = ADDRESS(addresses)}};
    return failed | REQUEST(fd, AMDGPU_CS, &submit);
}

static int i915(int fd)
{
    struct drm_i915_gem_memory_class_instance regions[2] = {{1, 0}, {0, 0}};
    struct drm_i915_gem_create_ext_set_pat pat = {.base = {.name = I915_GEM_CREATE_EXT_SET_PAT}, .pat_index = 3};
    struct drm_i915_gem_create_ext_memory_regions where = {.base = {.next_extension = ADDRESS(&pat)}, .num_regions = 2,
                                                           .regions = ADDRESS(regions)};
    struct drm_i915_gem_create_ext create = {.size = 4096, .extensions = ADDRESS(&where)};
    return REQUEST(fd, I915_GEM_CREATE_EXT, &create);
}

static int xe(int fd)
{
    struct drm_xe_vm_create vm = {.flags = 1};
    int failed = REQUEST(fd, XE_VM_CREATE, &vm);
    struct drm_xe_sync sync = {.flags = 1, .handle = 9};
    struct drm_xe_vm_bind one = {.vm_id = vm.vm_id, .num_binds = 1, .bind = {.addr = 0x1000, .range = 0x2000, .op = 1},
                                 .num_syncs = 1, .syncs = ADDRESS(&sync)};
    failed |= REQUEST(fd, XE_VM_BIND, &one);
    struct drm_xe_vm_bind_op ops[2] = {{.addr = 0x3000, .range = 0x1000, .op = 1}, {.addr = 0x4000, .range = 0x1000, .op = 1}};
    struct drm_xe_vm_bind two = {.vm_id = vm.vm_id, .num_binds = 2, .vector_of_binds = ADDRESS(ops)};
    return failed | REQUEST(fd, XE_VM_BIND, &two);
}

int main(void)
{
    int (*const drivers[])(int) = {amdgpu, i915, xe};
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        char node[32];
        snprintf(node, sizeof node, "/dev/dri/card%d", i);
        failed |= drivers[i](open(node, O_RDWR | O_CLOEXEC));
    }
    return failed;
}
