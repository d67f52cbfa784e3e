/*
 * A native DRM client: allocates on one device with the requests of its own driver and of DRM core, as real clients do and also
 * wrongly, and can keep a log of its own: each call's structure, byte by byte and member by member, before and after.
 * The tests compare gpualloc with this log, so nothing here comes from gpualloc's schema.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <libdrm/qxl_drm.h>
#include <libdrm/radeon_drm.h>
#include <libdrm/virtgpu_drm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#ifndef DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB /* newer than Debian 12's libdrm: include/uapi/drm/virtgpu_drm.h of Linux 5.11 */
struct drm_virtgpu_resource_create_blob {
    uint32_t blob_mem, blob_flags, bo_handle, res_handle;
    uint64_t size;
    uint32_t pad, cmd_size;
    uint64_t cmd, blob_id;
};
#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct drm_virtgpu_resource_create_blob)
#define VIRTGPU_BLOB_MEM_GUEST 1
#define VIRTGPU_BLOB_FLAG_USE_MAPPABLE 1
#define VIRTGPU_BLOB_FLAG_USE_SHAREABLE 2
#endif

/* What the log says of a request: its members in the structure's order. */
enum role { IN, OUT, BYTES /* in, a pointer to as many bytes as the next member says, wherever that stands */ };
struct member {
    const char *name;
    uint16_t offset;
    uint8_t width;
    enum role role;
    bool is_signed;
    uint16_t length_offset; /* BYTES: of the 32-bit length */
};
struct request {
    unsigned long number; /* belongs to one driver: QXL_MAP and VIRTGPU_MAP are the same number */
    const char *driver;   /* null: DRM core's */
    const char *name;
    const struct member *members; /* ends with a null name */
};
#define MEMBER(structure, member, ...)                                                                                      \
    {#member, offsetof(structure, member), sizeof(((structure *)0)->member), __VA_ARGS__}
#define MEMBERS(name, ...) static const struct member name[] = {__VA_ARGS__, {NULL}}

#define M(member, ...) MEMBER(struct drm_mode_create_dumb, member, __VA_ARGS__)
MEMBERS(create_dumb, M(height, IN), M(width, IN), M(bpp, IN), M(flags, IN), M(handle, OUT), M(pitch, OUT), M(size, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_mode_map_dumb, member, __VA_ARGS__)
MEMBERS(map_dumb, M(handle, IN), M(pad, IN), M(offset, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_mode_destroy_dumb, member, __VA_ARGS__)
MEMBERS(destroy_dumb, M(handle, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_gem_close, member, __VA_ARGS__)
MEMBERS(gem_close, M(handle, IN), M(pad, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_gem_flink, member, __VA_ARGS__)
MEMBERS(gem_flink, M(handle, IN), M(name, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_gem_open, member, __VA_ARGS__)
MEMBERS(gem_open, M(name, IN), M(handle, OUT), M(size, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_prime_handle, member, __VA_ARGS__)
MEMBERS(prime_export, M(handle, IN), M(flags, IN), M(fd, OUT, true));
MEMBERS(prime_import, M(handle, OUT), M(flags, IN), M(fd, IN, true));
#undef M
#define M(member, ...) MEMBER(struct drm_virtgpu_resource_create, member, __VA_ARGS__)
MEMBERS(virtgpu_create, M(target, IN), M(format, IN), M(bind, IN), M(width, IN), M(height, IN), M(depth, IN), M(array_size, IN),
        M(last_level, IN), M(nr_samples, IN), M(flags, IN), M(bo_handle, IN), M(res_handle, IN), M(size, IN), M(stride, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_virtgpu_resource_create_blob, member, __VA_ARGS__)
MEMBERS(virtgpu_blob, M(blob_mem, IN), M(blob_flags, IN), M(bo_handle, OUT), M(res_handle, OUT), M(size, IN), M(pad, IN),
        M(cmd_size, IN), M(cmd, BYTES, false, offsetof(struct drm_virtgpu_resource_create_blob, cmd_size)), M(blob_id, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_virtgpu_map, member, __VA_ARGS__)
MEMBERS(virtgpu_map, M(offset, OUT), M(handle, IN), M(pad, IN));
#undef M
struct virtgpu_resource_info { /* its last member is called stride in Debian 12's libdrm, blob_mem since Linux 5.11 */
    uint32_t bo_handle, res_handle, size, blob_mem;
};
#define M(member, ...) MEMBER(struct virtgpu_resource_info, member, __VA_ARGS__)
MEMBERS(virtgpu_info, M(bo_handle, IN), M(res_handle, OUT), M(size, OUT), M(blob_mem, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_radeon_gem_create, member, __VA_ARGS__)
MEMBERS(radeon_create, M(size, IN), M(alignment, IN), M(handle, OUT), M(initial_domain, IN), M(flags, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_radeon_gem_mmap, member, __VA_ARGS__)
MEMBERS(radeon_mmap, M(handle, IN), M(pad, IN), M(offset, IN), M(size, IN), M(addr_ptr, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_qxl_alloc, member, __VA_ARGS__)
MEMBERS(qxl_alloc, M(size, IN), M(handle, OUT));
#undef M
#define M(member, ...) MEMBER(struct drm_qxl_alloc_surf, member, __VA_ARGS__)
MEMBERS(qxl_alloc_surf, M(format, IN), M(width, IN), M(height, IN), M(stride, IN, true), M(handle, OUT), M(pad, IN));
#undef M
#define M(member, ...) MEMBER(struct drm_qxl_map, member, __VA_ARGS__)
MEMBERS(qxl_map, M(offset, OUT), M(handle, IN), M(pad, IN));
#undef M

static const struct request requests[] = {
    {DRM_IOCTL_MODE_CREATE_DUMB, NULL, "MODE_CREATE_DUMB", create_dumb},
    {DRM_IOCTL_MODE_MAP_DUMB, NULL, "MODE_MAP_DUMB", map_dumb},
    {DRM_IOCTL_MODE_DESTROY_DUMB, NULL, "MODE_DESTROY_DUMB", destroy_dumb},
    {DRM_IOCTL_GEM_CLOSE, NULL, "GEM_CLOSE", gem_close},
    {DRM_IOCTL_GEM_FLINK, NULL, "GEM_FLINK", gem_flink},
    {DRM_IOCTL_GEM_OPEN, NULL, "GEM_OPEN", gem_open},
    {DRM_IOCTL_PRIME_HANDLE_TO_FD, NULL, "PRIME_HANDLE_TO_FD", prime_export},
    {DRM_IOCTL_PRIME_FD_TO_HANDLE, NULL, "PRIME_FD_TO_HANDLE", prime_import},
    {DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, "virtio_gpu", "VIRTGPU_RESOURCE_CREATE", virtgpu_create},
    {DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, "virtio_gpu", "VIRTGPU_RESOURCE_CREATE_BLOB", virtgpu_blob},
    {DRM_IOCTL_VIRTGPU_MAP, "virtio_gpu", "VIRTGPU_MAP", virtgpu_map},
    {DRM_IOCTL_VIRTGPU_RESOURCE_INFO, "virtio_gpu", "VIRTGPU_RESOURCE_INFO", virtgpu_info},
    {DRM_IOCTL_RADEON_GEM_CREATE, "radeon", "RADEON_GEM_CREATE", radeon_create},
    {DRM_IOCTL_RADEON_GEM_MMAP, "radeon", "RADEON_GEM_MMAP", radeon_mmap},
    {DRM_IOCTL_QXL_ALLOC, "qxl", "QXL_ALLOC", qxl_alloc},
    {DRM_IOCTL_QXL_ALLOC_SURF, "qxl", "QXL_ALLOC_SURF", qxl_alloc_surf},
    {DRM_IOCTL_QXL_MAP, "qxl", "QXL_MAP", qxl_map},
};

static FILE *client_log;
static const char *driver;
static unsigned file_of[64]; /* by descriptor: which open file it leads to, numbered from 1 in the order of opening */
static unsigned file_count;

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("drm_scene: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* The log. */
static void log_hex(const char *name, const void *data, size_t size)
{
    fprintf(client_log, "\"%s\": \"", name);
    for (size_t i = 0; i < size; i++)
        fprintf(client_log, "%02x", ((const unsigned char *)data)[i]);
    fputc('"', client_log);
}

static void log_integer(const struct member *member, const char *base)
{
    int32_t number;
    uint64_t wide = 0;
    memcpy(&wide, base + member->offset, member->width);
    memcpy(&number, base + member->offset, sizeof number);
    if (member->is_signed)
        fprintf(client_log, "\"%s\": %" PRId32, member->name, number);
    else
        fprintf(client_log, "\"%s\": %" PRIu64, member->name, wide);
}

static void log_bytes(const struct member *member, const char *base)
{
    const void *data;
    uint32_t length;
    memcpy(&data, base + member->offset, sizeof data);
    memcpy(&length, base + member->length_offset, sizeof length);
    if (data)
        log_hex(member->name, data, length);
    else
        fprintf(client_log, "\"%s\": null", member->name);
}

static void log_members(const char *when, const struct request *request, const char *base)
{
    fprintf(client_log, "\"%s\": {", when);
    for (const struct member *member = request->members; member->name; member++) {
        if (member != request->members)
            fputs(", ", client_log);
        (member->role == BYTES ? log_bytes : log_integer)(member, base);
    }
    fputs("}, ", client_log);
}

static void log_outputs(const struct request *request)
{
    const char *separator = "";
    fputs("\"outputs\": [", client_log);
    for (const struct member *member = request->members; member->name; member++)
        if (member->role == OUT) {
            fprintf(client_log, "%s\"%s\"", separator, member->name);
            separator = ", ";
        }
    fputs("], ", client_log);
}

/* A dma-buf's inode number is its name in the kernel's own lists. */
static void log_dma_buf(const struct request *request, const char *after)
{
    struct drm_prime_handle prime;
    struct stat status;
    if (request->number != DRM_IOCTL_PRIME_HANDLE_TO_FD && request->number != DRM_IOCTL_PRIME_FD_TO_HANDLE)
        return;
    memcpy(&prime, after, sizeof prime);
    if (fstat(prime.fd, &status) == 0)
        fprintf(client_log, "\"dma_buf\": %ju, ", (uintmax_t)status.st_ino);
}

static void log_call(int fd, const struct request *request, const char *before, const char *after, int ret, int error)
{
    size_t size = _IOC_SIZE(request->number);
    if (!client_log)
        return;
    fprintf(client_log, "{\"driver\": \"%s\", \"request\": \"%s\", \"file\": %u, ", driver, request->name, file_of[fd]);
    log_members("before", request, before);
    log_members("after", request, after);
    log_outputs(request);
    if (ret == 0)
        log_dma_buf(request, after);
    log_hex("raw_before", before, size);
    fputs(", ", client_log);
    log_hex("raw_after", after, size);
    fprintf(client_log, ", \"ret\": %d, \"errno\": %d}\n", ret, ret == -1 ? error : 0);
}

/* One request. Returns 0 or the errno. An interrupted one is made again, and each attempt is in the log. */
static int call(int fd, unsigned long number, void *argument)
{
    const struct request *request = requests;
    char before[256];
    int ret, error;
    while (request->number != number || (request->driver && strcmp(request->driver, driver) != 0))
        request++;
    do {
        memcpy(before, argument, _IOC_SIZE(number));
        ret = ioctl(fd, number, argument);
        error = errno;
        log_call(fd, request, before, argument, ret, error);
    } while (ret == -1 && (error == EINTR || error == EAGAIN));
    return ret == -1 ? error : 0;
}

static void call_must(int fd, unsigned long number, void *argument, const char *what)
{
    int error = call(fd, number, argument);
    if (error)
        die("%s: %s: %s", driver, what, strerror(error));
}

static bool no_mistakes; /* without calls that must fail, and names that anybody can guess */

static void call_must_fail(int fd, unsigned long number, void *argument, const char *what)
{
    if (!no_mistakes && call(fd, number, argument) == 0)
        die("%s: %s: the driver took what it should refuse", driver, what);
}

/* The objects of the scene. */
struct object {
    uint32_t handle;
    uint64_t size; /* bytes that the driver gave, or that were asked for */
    bool dumb;
};
static struct object objects[64];
static size_t object_count;
static int shared = -1; /* a dma-buf of one of them, open to the end */

static struct object *object_add(uint32_t handle, uint64_t size, bool dumb)
{
    if (object_count == sizeof objects / sizeof *objects)
        die("too many objects for the scene's table");
    objects[object_count] = (struct object){handle, size, dumb};
    return &objects[object_count++];
}

/* Writes and reads each page through a mapping, so that the kernel has to provide it. */
static void touch(int fd, uint64_t offset, uint64_t size)
{
    volatile unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (memory == MAP_FAILED)
        die("%s: mmap of %" PRIu64 " bytes: %s", driver, size, strerror(errno));
    for (uint64_t at = 0; at < size; at += 4096) {
        memory[at] = (unsigned char)(at >> 12 | 1);
        if (memory[at] != (unsigned char)(at >> 12 | 1))
            die("%s: a mapped page does not keep what is written to it", driver);
    }
    munmap((void *)memory, size);
}

static void close_handle(int fd, uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    call_must(fd, DRM_IOCTL_GEM_CLOSE, &argument, "GEM_CLOSE");
}

static void destroy(int fd, const struct object *object)
{
    struct drm_mode_destroy_dumb argument = {.handle = object->handle};
    if (object->dumb)
        call_must(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &argument, "DESTROY_DUMB");
    else
        close_handle(fd, object->handle);
}

/* DRM core: what every driver has. */
static struct object *dumb_create(int fd, uint32_t width, uint32_t height, uint32_t bpp)
{
    struct drm_mode_create_dumb create = {.width = width, .height = height, .bpp = bpp};
    call_must(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB");
    struct drm_mode_map_dumb map = {.handle = create.handle};
    call_must(fd, DRM_IOCTL_MODE_MAP_DUMB, &map, "MAP_DUMB");
    touch(fd, map.offset, create.size);
    return object_add(create.handle, create.size, true);
}

static void dumb_part(int fd)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{1, 1}, {64, 64}, {300, 7}, {640, 480}, {1024, 600}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        dumb_create(fd, sizes[i].width, sizes[i].height, 32);
}

static void wrong_part(int fd)
{
    struct drm_mode_create_dumb empty = {.width = 0, .height = 16, .bpp = 32};
    struct drm_mode_create_dumb huge = {.width = 0x40000000, .height = 0x40000000, .bpp = 32};
    struct drm_mode_map_dumb map = {.handle = 0xdead};
    struct drm_mode_destroy_dumb none = {.handle = 0xdead};
    struct drm_gem_close close_none = {.handle = 0xdead};
    struct drm_gem_flink flink = {.handle = 0xdead};
    struct drm_gem_open open_none = {.name = 0x7fffffff};
    struct drm_prime_handle export_none = {.handle = 0xdead, .flags = DRM_CLOEXEC, .fd = -1};
    struct drm_prime_handle import_none = {.fd = -1};
    struct drm_prime_handle import_foreign = {.fd = STDERR_FILENO};
    call_must_fail(fd, DRM_IOCTL_MODE_CREATE_DUMB, &empty, "CREATE_DUMB of no width");
    call_must_fail(fd, DRM_IOCTL_MODE_CREATE_DUMB, &huge, "CREATE_DUMB of 2^62 bytes");
    call_must_fail(fd, DRM_IOCTL_MODE_MAP_DUMB, &map, "MAP_DUMB of no handle");
    call_must_fail(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &none, "DESTROY_DUMB of no handle");
    call_must_fail(fd, DRM_IOCTL_GEM_CLOSE, &close_none, "GEM_CLOSE of no handle");
    call_must_fail(fd, DRM_IOCTL_GEM_FLINK, &flink, "GEM_FLINK of no handle");
    call_must_fail(fd, DRM_IOCTL_GEM_OPEN, &open_none, "GEM_OPEN of no name");
    call_must_fail(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export_none, "PRIME export of no handle");
    call_must_fail(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import_none, "PRIME import of no descriptor");
    call_must_fail(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import_foreign, "PRIME import of a descriptor that is no dma-buf");
}

static int note_file(int fd, unsigned file, const char *what)
{
    if (fd < 0 || (size_t)fd >= sizeof file_of / sizeof *file_of)
        die("%s: %s", what, fd < 0 ? strerror(errno) : "too many open files");
    file_of[fd] = file;
    return fd;
}

/* The last close of a file is in the log, too: it ends what is left in the file. */
static void close_file(int fd)
{
    if (client_log)
        fprintf(client_log, "{\"request\": \"close\", \"file\": %u}\n", file_of[fd]);
    close(fd);
}

static int open_node(const char *node) { return note_file(open(node, O_RDWR | O_CLOEXEC), ++file_count, node); }

/* A global name, opened by another file of the same device: one buffer, two handles. */
static void flink_part(int fd, int other)
{
    struct drm_gem_flink flink = {.handle = objects[0].handle};
    call_must(fd, DRM_IOCTL_GEM_FLINK, &flink, "GEM_FLINK");
    struct drm_gem_open opened = {.name = flink.name};
    call_must(other, DRM_IOCTL_GEM_OPEN, &opened, "GEM_OPEN");
    close_handle(other, opened.handle);
    /* By the same file: a second handle, each of which keeps the buffer. */
    struct drm_gem_open second = {.name = flink.name};
    call_must(fd, DRM_IOCTL_GEM_OPEN, &second, "GEM_OPEN by the same file");
    close_handle(fd, second.handle);
}

/* A dma-buf, imported twice where it came from (the handle it has already) and once by another file of the device. */
static void prime_part(int fd, int other)
{
    struct object *object = dumb_create(fd, 128, 128, 32);
    struct drm_prime_handle share = {.handle = object->handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
    int error = call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &share);
    if (error == ENOSYS || error == EOPNOTSUPP)
        return; /* a driver without PRIME */
    if (error)
        die("%s: PRIME_HANDLE_TO_FD: %s", driver, strerror(error));
    shared = share.fd;
    struct drm_prime_handle again = {.fd = share.fd}, twice = {.fd = share.fd}, there = {.fd = share.fd};
    call_must(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &again, "PRIME_FD_TO_HANDLE");
    call_must(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &twice, "PRIME_FD_TO_HANDLE");
    if (again.handle != object->handle || twice.handle != object->handle)
        die("%s: a dma-buf came back as handle %u and %u, not as its own %u", driver, again.handle, twice.handle, object->handle);
    call_must(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &there, "PRIME_FD_TO_HANDLE in another file");
    close_handle(other, there.handle);
}

/* A buffer that its dma-buf alone keeps, and that comes back under a new handle; the descriptor is a duplicate by then. */
static void outlive_part(int fd)
{
    struct drm_mode_create_dumb create = {.width = 256, .height = 16, .bpp = 32};
    call_must(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB");
    struct drm_prime_handle share = {.handle = create.handle, .flags = DRM_CLOEXEC, .fd = -1};
    int error = call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &share);
    close_handle(fd, create.handle);
    if (error)
        return;
    int duplicate = dup(share.fd);
    close(share.fd);
    struct drm_prime_handle back = {.fd = duplicate};
    call_must(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &back, "PRIME_FD_TO_HANDLE of a buffer without a handle");
    close(duplicate);
    close_handle(fd, back.handle);
}

/* A file that is closed with a buffer in it, and its descriptor's number again for another file, where handles start anew. */
static void reopen_part(const char *node)
{
    int first = open_node(node);
    struct drm_mode_create_dumb left = {.width = 48, .height = 48, .bpp = 32};
    call_must(first, DRM_IOCTL_MODE_CREATE_DUMB, &left, "CREATE_DUMB");
    close_file(first);
    int second = open_node(node);
    struct drm_mode_create_dumb create = {.width = 96, .height = 48, .bpp = 32};
    call_must(second, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB");
    if (second != first || create.handle != left.handle)
        die("%s: descriptor %d and handle %u are %d and %u the second time", driver, first, left.handle, second, create.handle);
    int duplicate = note_file(dup(second), file_of[second], "dup");
    close(second);
    close_handle(duplicate, create.handle); /* the file lives on under the duplicate */
    close_file(duplicate);
}

/* A forked child shares the file, so its handles, and leaves a buffer behind for its parent to free. */
static void fork_part(int fd)
{
    struct drm_mode_create_dumb create = {.width = 80, .height = 48, .bpp = 32};
    int status, ends[2];
    if (pipe2(ends, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    if (client_log)
        fflush(client_log);
    pid_t child = fork();
    if (child < 0)
        die("fork: %s", strerror(errno));
    if (child == 0) {
        call_must(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB in a child");
        close(fd); /* its own descriptor; the file lives on in the parent */
        if (client_log)
            fflush(client_log);
        _exit(write(ends[1], &create.handle, sizeof create.handle) != sizeof create.handle);
    }
    if (waitpid(child, &status, 0) != child || status || read(ends[0], &create.handle, sizeof create.handle) < 0)
        die("%s: the child failed", driver);
    close(ends[0]);
    close(ends[1]);
    close_handle(fd, create.handle);
}

/* A handle's number is used again once it is free: two lives, one handle. */
static void reuse_part(int fd)
{
    uint32_t first = 0;
    for (int i = 0; i < 3; i++) {
        struct drm_mode_create_dumb create = {.width = 32, .height = 32 << i, .bpp = 32};
        call_must(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB");
        if (i && create.handle != first)
            die("%s: handle %u was not used again, but %u", driver, first, create.handle);
        first = create.handle;
        destroy(fd, &(struct object){create.handle, create.size, i != 1});
    }
}

/* Native requests. */
static void virtgpu_touch(int fd, uint32_t handle, uint64_t size)
{
    struct drm_virtgpu_map map = {.handle = handle};
    struct drm_virtgpu_resource_info info = {.bo_handle = handle};
    call_must(fd, DRM_IOCTL_VIRTGPU_MAP, &map, "VIRTGPU_MAP");
    touch(fd, map.offset, size);
    call_must(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info, "VIRTGPU_RESOURCE_INFO");
}

/* Whether a blob could be made: devices without the feature refuse it, and that is in the log too. */
static void virtgpu_blobs(int fd)
{
    static const uint32_t command[] = {1, 2, 3, 0xfeedface};
    struct drm_virtgpu_resource_create_blob wrong = {
        .blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 4096, .cmd_size = sizeof command, .cmd = (uintptr_t)command};
    call_must_fail(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &wrong, "a guest blob with a command");
    for (uint64_t size = 4096; size <= 4 << 20; size *= 32) {
        struct drm_virtgpu_resource_create_blob blob = {.blob_mem = VIRTGPU_BLOB_MEM_GUEST,
                                                        .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE |
                                                                      VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
                                                        .size = size};
        if (call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob))
            return;
        object_add(blob.bo_handle, size, false);
        virtgpu_touch(fd, blob.bo_handle, size);
    }
}

static void virtgpu_part(int fd)
{
    struct drm_virtgpu_map map_none = {.handle = 0xdead};
    struct drm_virtgpu_resource_info info_none = {.bo_handle = 0xdead};
    call_must_fail(fd, DRM_IOCTL_VIRTGPU_MAP, &map_none, "VIRTGPU_MAP of no handle");
    call_must_fail(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info_none, "VIRTGPU_RESOURCE_INFO of no handle");
    for (uint32_t side = 16; side <= 512; side *= 2) {
        struct drm_virtgpu_resource_create create = {.target = 2 /* PIPE_TEXTURE_2D */,
                                                     .format = 1 /* B8G8R8A8_UNORM */,
                                                     .bind = 1u << 1 /* render target */,
                                                     .width = side,
                                                     .height = side,
                                                     .depth = 1,
                                                     .array_size = 1,
                                                     .size = side * side * 4,
                                                     .stride = side * 4};
        call_must(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create, "VIRTGPU_RESOURCE_CREATE");
        object_add(create.bo_handle, (create.size + 4095) & ~4095u, false);
        virtgpu_touch(fd, create.bo_handle, create.size);
    }
    virtgpu_blobs(fd);
}

static void radeon_part(int fd)
{
    struct drm_radeon_gem_create huge = {.size = 1ull << 50, .initial_domain = RADEON_GEM_DOMAIN_VRAM};
    struct drm_radeon_gem_mmap map_none = {.handle = 0xdead, .size = 4096};
    call_must_fail(fd, DRM_IOCTL_RADEON_GEM_CREATE, &huge, "RADEON_GEM_CREATE of 2^50 bytes");
    call_must_fail(fd, DRM_IOCTL_RADEON_GEM_MMAP, &map_none, "RADEON_GEM_MMAP of no handle");
    for (uint64_t size = 1000; size < 4 << 20; size *= 8) {
        struct drm_radeon_gem_create create = {.size = size, .alignment = 4096, .initial_domain = RADEON_GEM_DOMAIN_VRAM};
        call_must(fd, DRM_IOCTL_RADEON_GEM_CREATE, &create, "RADEON_GEM_CREATE");
        struct drm_radeon_gem_mmap map = {.handle = create.handle, .size = size};
        call_must(fd, DRM_IOCTL_RADEON_GEM_MMAP, &map, "RADEON_GEM_MMAP");
        touch(fd, map.addr_ptr, size);
        object_add(create.handle, (size + 4095) & ~4095ull, false);
    }
}

static void qxl_part(int fd)
{
    struct drm_qxl_map map_none = {.handle = 0xdead};
    struct drm_qxl_alloc nothing = {.size = 0};
    call_must_fail(fd, DRM_IOCTL_QXL_MAP, &map_none, "QXL_MAP of no handle");
    call_must_fail(fd, DRM_IOCTL_QXL_ALLOC, &nothing, "QXL_ALLOC of no bytes");
    for (uint32_t size = 4096; size <= 2 << 20; size *= 8) {
        struct drm_qxl_alloc alloc = {.size = size};
        call_must(fd, DRM_IOCTL_QXL_ALLOC, &alloc, "QXL_ALLOC");
        struct drm_qxl_map map = {.handle = alloc.handle};
        call_must(fd, DRM_IOCTL_QXL_MAP, &map, "QXL_MAP");
        touch(fd, map.offset, size);
        object_add(alloc.handle, size, false);
    }
    for (int32_t side = 64; side <= 256; side *= 2) {
        struct drm_qxl_alloc_surf surface = {
            .format = 32 /* SPICE_SURFACE_FMT_32_xRGB */, .width = side, .height = side, .stride = side * 4};
        call_must(fd, DRM_IOCTL_QXL_ALLOC_SURF, &surface, "QXL_ALLOC_SURF");
        object_add(surface.handle, ((uint64_t)side * side * 4 + side * 4 + 4095) & ~4095ull, false);
    }
}

static const struct {
    const char *driver;
    void (*part)(int fd);
} natives[] = {{"virtio_gpu", virtgpu_part}, {"radeon", radeon_part}, {"qxl", qxl_part}};

/* Frees on another thread than the one that made the objects. */
struct freeing {
    int fd;
    size_t count;
};
static void *free_some(void *argument)
{
    struct freeing *freeing = argument;
    while (freeing->count-- && object_count)
        destroy(freeing->fd, &objects[--object_count]);
    return NULL;
}

/* Names each object, which makes the kernel list it (dri/N/gem_names), then waits until a byte comes or the input ends. */
static void hold(int fd)
{
    char byte;
    for (size_t i = 0; i < object_count; i++) {
        struct drm_gem_flink flink = {.handle = objects[i].handle};
        call_must(fd, DRM_IOCTL_GEM_FLINK, &flink, "GEM_FLINK");
        printf("object handle %u size %" PRIu64 " name %u\n", objects[i].handle, objects[i].size, flink.name);
    }
    struct stat status;
    if (shared >= 0 && fstat(shared, &status) == 0)
        printf("dma-buf %ju\n", (uintmax_t)status.st_ino);
    puts("holding");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) < 0)
        die("standard input: %s", strerror(errno));
}

static void scene(const char *node, bool holding, bool forking)
{
    int fd = open_node(node), other = open_node(node);
    pthread_t thread;
    drmVersion *version = drmGetVersion(fd);
    if (!version)
        die("%s is no DRM device", node);
    driver = version->name;
    for (size_t i = 0; i < sizeof natives / sizeof *natives; i++)
        if (strcmp(natives[i].driver, driver) == 0)
            natives[i].part(fd);
    dumb_part(fd);
    wrong_part(fd);
    if (!no_mistakes)
        flink_part(fd, other);
    prime_part(fd, other);
    outlive_part(fd);
    reuse_part(fd);
    reopen_part(node);
    if (forking)
        fork_part(fd);
    printf("%s: %zu objects alive\n", driver, object_count);
    if (holding)
        hold(fd);
    struct freeing freeing = {fd, object_count / 2};
    if (pthread_create(&thread, NULL, free_some, &freeing))
        die("no thread to be had");
    pthread_join(thread, NULL);
    while (object_count > 1) /* the last one is left to close() */
        destroy(fd, &objects[--object_count]);
    if (shared >= 0)
        close(shared);
    close_file(other);
    close_file(fd);
    drmFreeVersion(version);
}

static _Noreturn void usage(int status)
{
    fputs("usage: drm_scene [--log FILE] [--hold] [--fork] [--no-mistakes] /dev/dri/cardN\n"
          "  --log FILE  write one JSON object a call\n"
          "  --hold      keep the objects, each with a global name, until a byte comes on standard input\n"
          "  --no-mistakes  without calls that must fail, and without FLINK\n"
          "  --fork      have a child process make a buffer in the shared file, too\n",
          status ? stderr : stdout);
    exit(status);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"log", required_argument, NULL, 'l'}, {"hold", no_argument, NULL, 'H'}, {"fork", no_argument, NULL, 'f'},
        {"no-mistakes", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'}, {NULL}};
    bool holding = false, forking = false;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'l' && !(client_log = fopen(optarg, "we")))
            die("%s: %s", optarg, strerror(errno));
        holding |= option == 'H';
        forking |= option == 'f';
        no_mistakes |= option == 'n';
        if (option == 'h' || option == '?')
            usage(option == 'h' ? 0 : 2);
    }
    if (argc - optind != 1)
        usage(2);
    scene(argv[optind], holding, forking);
    if (client_log && fclose(client_log))
        die("the log: %s", strerror(errno));
    return 0;
}
