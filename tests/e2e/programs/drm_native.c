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

enum { PAGE = 4096 };
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

/* -------------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *driver;
    void (*scene)(void);
} scenes[] = {{"amdgpu", amdgpu_scene}};

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
