/* amdgpu with 64 MiB of VRAM: buffers, an address space, submissions that are done at once. */
#include <errno.h>
#include <stdbool.h>

#include <libdrm/amdgpu_drm.h>

#include "fake.h"

static int create(struct fake_file *file, void *argument)
{
    union drm_amdgpu_gem_create *a = argument;
    if (a->in.domains & ~0x7full || a->in.domain_flags & ~0x1ffefull || !a->in.bo_size)
        return EINVAL;
    if (a->in.bo_size > 64u << 20)
        return ENOMEM;
    uint32_t handle = 0;
    int error = fake_create(file, a->in.bo_size, &handle);
    if (!error)
        a->out = (struct drm_amdgpu_gem_create_out){.handle = handle};
    return error;
}

static int map(struct fake_file *file, void *argument)
{
    union drm_amdgpu_gem_mmap *a = argument;
    uint64_t offset = 0;
    int error = a->in._pad ? EINVAL : fake_find(file, a->in.handle, &offset, NULL, NULL);
    if (!error)
        a->out.addr_ptr = offset;
    return error;
}

static int userptr(struct fake_file *file, void *argument)
{
    struct drm_amdgpu_gem_userptr *a = argument;
    if (a->addr % 4096 || a->size % 4096 || a->flags & ~15u)
        return EINVAL;
    return fake_create(file, a->size, &a->handle);
}

/* What is mapped, of all files: enough to find a submission's commands. */
static struct {
    struct fake_file *file;
    uint64_t address, size;
    uint32_t handle;
} mapped[256];

static void note_mapping(struct fake_file *file, const struct drm_amdgpu_gem_va *a)
{
    static unsigned next;
    mapped[next++ % 256] = (__typeof__(*mapped)){file, a->va_address, a->map_size, a->handle};
}

static int va(struct fake_file *file, void *argument)
{
    struct drm_amdgpu_gem_va *a = argument;
    if (a->_pad || a->operation < 1 || a->operation > 4 || a->flags & ~0x3ffu || a->va_address % 4096 || a->map_size % 4096)
        return EINVAL;
    if (a->operation == AMDGPU_VA_OP_MAP)
        note_mapping(file, a);
    return a->operation == AMDGPU_VA_OP_CLEAR ? 0 : fake_find(file, a->handle, NULL, NULL, NULL);
}

static int metadata(struct fake_file *file, void *argument)
{
    struct drm_amdgpu_gem_metadata *a = argument;
    if (a->op < 1 || a->op > 2 || a->data.data_size_bytes > sizeof a->data.data)
        return EINVAL;
    if (a->op == AMDGPU_GEM_METADATA_OP_GET_METADATA) {
        a->data.tiling_info = 77;
        a->data.data_size_bytes = 4;
        a->data.data[0] = 88;
    }
    return fake_find(file, a->handle, NULL, NULL, NULL);
}

static int op(struct fake_file *file, void *argument)
{
    struct drm_amdgpu_gem_op *a = argument;
    uint64_t size = 0;
    bool known = a->op == AMDGPU_GEM_OP_GET_GEM_CREATE_INFO || (a->op == AMDGPU_GEM_OP_SET_PLACEMENT && !(a->value & ~7ull));
    int error = known ? fake_find(file, a->handle, NULL, &size, NULL) : EINVAL;
    if (!error && a->op == AMDGPU_GEM_OP_GET_GEM_CREATE_INFO)
        *(struct drm_amdgpu_gem_create_in *)(uintptr_t)a->value =
            (struct drm_amdgpu_gem_create_in){.bo_size = size, .alignment = 4096, .domains = AMDGPU_GEM_DOMAIN_GTT};
    return error;
}

static int wait_idle(struct fake_file *file, void *argument)
{
    union drm_amdgpu_gem_wait_idle *a = argument;
    int error = a->in.flags ? EINVAL : fake_find(file, a->in.handle, NULL, NULL, NULL);
    if (!error)
        a->out = (struct drm_amdgpu_gem_wait_idle_out){.domain = AMDGPU_GEM_DOMAIN_VRAM};
    return error;
}

/* The buffers that a list names must be there; elements may be longer than we know. */
static int check_list(struct fake_file *file, const struct drm_amdgpu_bo_list_in *in)
{
    const char *entries = (const char *)(uintptr_t)in->bo_info_ptr;
    int error = in->bo_info_size < sizeof(struct drm_amdgpu_bo_list_entry) ? EINVAL : 0;
    for (uint32_t i = 0; i < in->bo_number && !error; i++) {
        const struct drm_amdgpu_bo_list_entry *entry = (const void *)(entries + (size_t)i * in->bo_info_size);
        error = fake_find(file, entry->bo_handle, NULL, NULL, NULL);
    }
    return error;
}

static int bo_list(struct fake_file *file, void *argument)
{
    union drm_amdgpu_bo_list *a = argument;
    if (a->in.operation > 2)
        return EINVAL;
    if (a->in.operation != AMDGPU_BO_LIST_OP_CREATE && a->in.list_handle != fake_id(5))
        return ENOENT;
    int error = a->in.operation == AMDGPU_BO_LIST_OP_DESTROY ? 0 : check_list(file, &a->in);
    if (!error && a->in.operation == AMDGPU_BO_LIST_OP_CREATE)
        a->out = (struct drm_amdgpu_bo_list_out){.list_handle = fake_id(5)};
    return error;
}

static int context(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_amdgpu_ctx *a = argument;
    if (a->in.op < 1 || a->in.op > 6 || a->in.flags)
        return EINVAL;
    if (a->in.op == AMDGPU_CTX_OP_ALLOC_CTX)
        a->out.alloc.ctx_id = fake_id(3);
    else
        return a->in.ctx_id == fake_id(3) ? 0 : EINVAL;
    return 0;
}

/* What runs on the compute ring is no-ops alone, where it is mapped: a test's client submits no others there. */
static int check_commands(struct fake_file *file, const struct drm_amdgpu_cs_chunk_ib *ib)
{
    uint32_t commands[64];
    if (ib->ib_bytes > sizeof commands || ib->ib_bytes % 32 || !ib->ib_bytes)
        return EINVAL;
    for (int i = 0; i < 256; i++) {
        if (mapped[i].file != file || ib->va_start < mapped[i].address || ib->va_start >= mapped[i].address + mapped[i].size ||
            fake_read(file, mapped[i].handle, ib->va_start - mapped[i].address, commands, ib->ib_bytes))
            continue;
        for (uint32_t c = 0; c < ib->ib_bytes / 4; c++)
            if (commands[c] != 0xffff1000)
                return EINVAL;
        return 0;
    }
    return EFAULT;
}

static void note_submitted(struct fake_file *file, const struct drm_amdgpu_bo_list_in *in)
{
    const char *entries = (const char *)(uintptr_t)in->bo_info_ptr;
    for (uint32_t i = 0; i < in->bo_number; i++) {
        const struct drm_amdgpu_bo_list_entry *entry = (const void *)(entries + (size_t)i * in->bo_info_size);
        fake_submitted(file, entry->bo_handle);
    }
}

static int submit(struct fake_file *file, void *argument)
{
    union drm_amdgpu_cs *a = argument;
    const struct drm_amdgpu_bo_list_in *list = NULL;
    bool seen = false;
    const uint64_t *chunks = (const uint64_t *)(uintptr_t)a->in.chunks;
    if (a->in.flags || !a->in.num_chunks)
        return EINVAL;
    for (uint32_t i = 0; i < a->in.num_chunks; i++) {
        const struct drm_amdgpu_cs_chunk *chunk = (const struct drm_amdgpu_cs_chunk *)(uintptr_t)chunks[i];
        if (chunk->chunk_id < 1 || chunk->chunk_id > 10)
            return EINVAL;
        const struct drm_amdgpu_cs_chunk_ib *ib = (const void *)(uintptr_t)chunk->chunk_data;
        int error = chunk->chunk_id == AMDGPU_CHUNK_ID_IB && ib->flags & ~0x7fu ? EINVAL : 0;
        if (error)
            return error;
        if (chunk->chunk_id == AMDGPU_CHUNK_ID_BO_HANDLES)
            error = check_list(file, list = (const void *)(uintptr_t)chunk->chunk_data);
        else if (chunk->chunk_id == AMDGPU_CHUNK_ID_IB && ib->ip_type == AMDGPU_HW_IP_COMPUTE)
            error = check_commands(file, ib), seen = true;
        if (error)
            return error;
    }
    if (list && seen)
        note_submitted(file, list);
    a->out.handle = 99;
    return 0;
}

static int wait_cs(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_amdgpu_wait_cs *a = argument;
    if (a->in.ip_type > 9)
        return EINVAL;
    a->out.status = 0;
    return 0;
}

static int wait_fences(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_amdgpu_wait_fences *a = argument;
    if (!a->in.fence_count)
        return EINVAL;
    a->out = (struct drm_amdgpu_wait_fences_out){.status = 1, .first_signaled = a->in.fence_count - 1};
    return 0;
}

static int fence_to_handle(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_amdgpu_fence_to_handle *a = argument;
    if (a->in.pad || a->in.what > AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD || a->in.fence.ctx_id != fake_id(3))
        return EINVAL;
    a->out.handle = 31;
    return 0;
}

static int info(struct fake_file *file, void *argument)
{
    (void)file;
    const struct drm_amdgpu_info *a = argument;
    static const struct drm_amdgpu_info_device device = {.family = AMDGPU_FAMILY_NV, .virtual_address_offset = 0x200000,
                                                         .virtual_address_max = 1ull << 47};
    static const struct drm_amdgpu_memory_info memory = {.vram = {.total_heap_size = 64 << 20, .usable_heap_size = 60 << 20},
                                                         .cpu_accessible_vram = {.total_heap_size = 16 << 20},
                                                         .gtt = {.total_heap_size = 512 << 20}};
    static const struct drm_amdgpu_info_vram_gtt sizes = {64 << 20, 16 << 20, 512 << 20};
    static const uint32_t registers[4] = {1, 2, 3, 4};
    if (!a->return_size || !a->return_pointer)
        return EINVAL;
    if (a->query == AMDGPU_INFO_DEV_INFO)
        fake_answer(a->return_pointer, a->return_size, &device, sizeof device);
    else if (a->query == AMDGPU_INFO_MEMORY)
        fake_answer(a->return_pointer, a->return_size, &memory, sizeof memory);
    else if (a->query == AMDGPU_INFO_VRAM_GTT)
        fake_answer(a->return_pointer, a->return_size, &sizes, sizeof sizes);
    else if (a->query == AMDGPU_INFO_READ_MMR_REG && !a->read_mmr_reg.flags && a->read_mmr_reg.count <= 4)
        fake_answer(a->return_pointer, a->return_size, registers, a->read_mmr_reg.count * sizeof *registers);
    else
        return EINVAL;
    return 0;
}

static int vm(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_amdgpu_vm *a = argument;
    return a->in.flags || a->in.op < 1 || a->in.op > 2 ? EINVAL : 0;
}

const struct fake_driver fake_driver_amdgpu = {
    .name = "amdgpu",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(union drm_amdgpu_gem_create), true, create},
            {0x41, sizeof(union drm_amdgpu_gem_mmap), true, map},
            {0x42, sizeof(union drm_amdgpu_ctx), true, context},
            {0x43, sizeof(union drm_amdgpu_bo_list), true, bo_list},
            {0x44, sizeof(union drm_amdgpu_cs), true, submit},
            {0x45, sizeof(struct drm_amdgpu_info), true, info},
            {0x46, sizeof(struct drm_amdgpu_gem_metadata), true, metadata},
            {0x47, sizeof(union drm_amdgpu_gem_wait_idle), true, wait_idle},
            {0x48, sizeof(struct drm_amdgpu_gem_va), true, va},
            {0x49, sizeof(union drm_amdgpu_wait_cs), true, wait_cs},
            {0x50, sizeof(struct drm_amdgpu_gem_op), true, op},
            {0x51, sizeof(struct drm_amdgpu_gem_userptr), true, userptr},
            {0x52, sizeof(union drm_amdgpu_wait_fences), true, wait_fences},
            {0x53, sizeof(union drm_amdgpu_vm), true, vm},
            {0x54, sizeof(union drm_amdgpu_fence_to_handle), true, fence_to_handle},
            {0},
        },
};
