/*
 * What clients of a DRM device do rarely: fill the memory, offer buffers to other devices, pass descriptors to another process
 * over a socket, make requests on descriptors that are no GPU. Prints each call that it makes on a DRM device:
 * "PID REQUEST HANDLE RESULT", 0 or an errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdrm/qxl_drm.h>
#include <libdrm/radeon_drm.h>
#include <libdrm/virtgpu_drm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "pass.h"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_edges: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_node(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(node);
    return fd;
}

static int say(const char *request, uint32_t handle, int ret)
{
    int error = ret == -1 ? errno : 0;
    printf("%d %s %u %d\n", getpid(), request, handle, error);
    fflush(stdout);
    return error;
}

static int create_dumb(int fd, uint32_t width, uint32_t height, uint32_t *handle)
{
    struct drm_mode_create_dumb create = {.width = width, .height = height, .bpp = 32};
    int ret = ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
    *handle = create.handle;
    return say("MODE_CREATE_DUMB", ret ? 0 : create.handle, ret);
}

static void close_handle(int fd, uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (say("GEM_CLOSE", handle, ioctl(fd, DRM_IOCTL_GEM_CLOSE, &argument)))
        die("GEM_CLOSE");
}

/* pairs: a buffer of each device is offered to each other one, but to those with a dash before their name. */
static void offer(int from, int to)
{
    struct drm_prime_handle export = {.flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1}, import = {0};
    if (create_dumb(from, 256, 16, &export.handle))
        die("CREATE_DUMB");
    if (say("PRIME_HANDLE_TO_FD", export.handle, ioctl(from, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export)) == 0) {
        import.fd = export.fd;
        if (say("PRIME_FD_TO_HANDLE", 0, ioctl(to, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import)) == 0)
            close_handle(to, import.handle);
        close(export.fd);
    }
    close_handle(from, export.handle);
}

static void pairs(char **nodes, int count)
{
    int fds[16];
    for (int i = 0; i < count; i++)
        fds[i] = open_node(nodes[i] + (*nodes[i] == '-'));
    for (int from = 0; from < count; from++)
        for (int to = 0; to < count; to++)
            if (to != from && *nodes[to] != '-')
                offer(fds[from], fds[to]);
}

/* fill: buffers where the driver keeps its own, each touched, until it refuses one or BYTES are reached; then, with requests of
   its own, a single one that is larger than any card. Everything is closed one by one. */
static int create_native(int fd, const char *driver, uint32_t size, uint32_t *handle, uint64_t *offset)
{
    int error;
    if (strcmp(driver, "radeon") == 0) {
        struct drm_radeon_gem_create create = {.size = size, .alignment = 4096, .initial_domain = RADEON_GEM_DOMAIN_VRAM};
        error = say("RADEON_GEM_CREATE", 0, ioctl(fd, DRM_IOCTL_RADEON_GEM_CREATE, &create));
        struct drm_radeon_gem_mmap map = {.handle = create.handle, .size = size};
        if (!error && say("RADEON_GEM_MMAP", create.handle, ioctl(fd, DRM_IOCTL_RADEON_GEM_MMAP, &map)))
            die("RADEON_GEM_MMAP");
        *handle = create.handle;
        *offset = map.addr_ptr;
    } else if (strcmp(driver, "qxl") == 0) {
        struct drm_qxl_alloc create = {.size = size};
        error = say("QXL_ALLOC", 0, ioctl(fd, DRM_IOCTL_QXL_ALLOC, &create));
        struct drm_qxl_map map = {.handle = create.handle};
        if (!error && say("QXL_MAP", create.handle, ioctl(fd, DRM_IOCTL_QXL_MAP, &map)))
            die("QXL_MAP");
        *handle = create.handle;
        *offset = map.offset;
    } else {
        error = create_dumb(fd, 1024, size / 4096, handle);
        struct drm_mode_map_dumb map = {.handle = *handle};
        if (!error && say("MODE_MAP_DUMB", *handle, ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map)))
            die("MODE_MAP_DUMB");
        *offset = map.offset;
    }
    return error;
}

static void touch(int fd, uint64_t offset, uint32_t size)
{
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (memory == MAP_FAILED)
        die("mmap");
    for (uint32_t at = 0; at < size; at += 4096)
        memory[at] = 1;
    munmap(memory, size);
}

static void fill(const char *node, uint64_t bytes)
{
    enum { PIECE = 8 << 20, PIECES = 64 };
    uint32_t handles[PIECES], count = 0, none;
    uint64_t offset;
    int fd = open_node(node), error = 0;
    drmVersion *version = drmGetVersion(fd);
    if (!version)
        die("no DRM device");
    while (!error && count < PIECES && (uint64_t)count * PIECE < bytes) {
        error = create_native(fd, version->name, PIECE, &handles[count], &offset);
        if (!error) {
            touch(fd, offset, PIECE);
            count++;
        }
    }
    bool own = strcmp(version->name, "radeon") == 0 || strcmp(version->name, "qxl") == 0;
    if (own && create_native(fd, version->name, 0xfffff000u, &none, &offset) == 0)
        close_handle(fd, none);
    for (uint32_t i = 0; i < count; i++)
        close_handle(fd, handles[i]);
    fprintf(stderr, "%s: %u buffers of 8 MiB, %s\n", version->name, count, error ? strerror(error) : "and more would have fitted");
    drmFreeVersion(version);
    close(fd);
}

/* pass: a dma-buf and the device's descriptor, sent to a process that did not inherit them. */
static void send_descriptor(int to, int fd)
{
    if (pass_send(to, fd))
        die("sendmsg");
}

static int receive_descriptor(int from)
{
    int fd = pass_receive(from);
    if (fd < 0)
        die("recvmsg");
    return fd;
}

static _Noreturn void receiver(const char *node, int from)
{
    char prime;
    uint32_t handle;
    if (read(from, &prime, 1) != 1)
        die("read");
    if (prime) {
        int own = open_node(node), shared = receive_descriptor(from);
        struct drm_prime_handle import = {.fd = shared};
        if (say("PRIME_FD_TO_HANDLE", 0, ioctl(own, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import)))
            die("PRIME_FD_TO_HANDLE");
        close_handle(own, import.handle);
        close(shared);
        close(own);
    }
    int device = receive_descriptor(from);
    if (create_dumb(device, 64, 32, &handle) || write(from, &handle, sizeof handle) != sizeof handle)
        die("a buffer in a device that was received");
    _exit(0);
}

static void pass(const char *node)
{
    int ends[2], status;
    uint32_t handle;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        die("socketpair");
    pid_t child = fork();
    if (child == 0)
        receiver(node, ends[1]);
    int fd = open_node(node);
    if (create_dumb(fd, 256, 64, &handle))
        die("CREATE_DUMB");
    struct drm_prime_handle export = {.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
    char prime = say("PRIME_HANDLE_TO_FD", handle, ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export)) == 0;
    if (write(ends[0], &prime, 1) != 1)
        die("write");
    if (prime) {
        send_descriptor(ends[0], export.fd);
        close(export.fd);
    }
    send_descriptor(ends[0], fd);
    uint32_t childs;
    if (read(ends[0], &childs, sizeof childs) != sizeof childs || waitpid(child, &status, 0) != child || status)
        die("the other process");
    close_handle(fd, childs); /* made by the other process in this open file */
    close_handle(fd, handle);
    close(fd);
}

/* stray: the numbers of DRM requests on descriptors that are none of a GPU's; then one that is. */
static void stray(const char *node)
{
    static const unsigned long requests[] = {DRM_IOCTL_MODE_CREATE_DUMB, DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_PRIME_HANDLE_TO_FD,
                                             DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, DRM_IOCTL_RADEON_GEM_CREATE, DRM_IOCTL_QXL_ALLOC,
                                             DRM_IOCTL_VIRTGPU_MAP, DRM_IOCTL_VIRTGPU_EXECBUFFER};
    int ends[2], fds[6] = {open("/dev/null", O_RDWR), open("/proc/self/maps", O_RDONLY), socket(AF_UNIX, SOCK_STREAM, 0),
                           memfd_create("stray", 0)};
    unsigned long room[32];
    uint32_t handle;
    if (pipe(ends))
        die("pipe");
    fds[4] = ends[0];
    fds[5] = 999;
    for (size_t f = 0; f < sizeof fds / sizeof *fds; f++)
        for (size_t r = 0; r < sizeof requests / sizeof *requests; r++) {
            memset(room, 0, sizeof room);
            if (ioctl(fds[f], requests[r], room) != -1)
                die("a request on no GPU");
        }
    close(fds[0]);
    int fd = open_node(node); /* a number that was none of a GPU's a moment ago */
    if (create_dumb(fd, 64, 64, &handle) == 0)
        close_handle(fd, handle);
    close(fd);
    if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, room) != -1 || errno != EBADF)
        die("a closed descriptor");
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], strtoull(argv[3], NULL, 10) << 20);
    else if (argc > 3 && argc <= 18 && strcmp(argv[1], "pairs") == 0)
        pairs(argv + 2, argc - 2);
    else if (argc == 3 && strcmp(argv[1], "pass") == 0)
        pass(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "stray") == 0)
        stray(argv[2]);
    else {
        fprintf(stderr, "usage: drm_edges fill NODE MIB | pairs [-]NODE [-]NODE… | pass NODE | stray NODE\n");
        return 2;
    }
    return 0;
}
