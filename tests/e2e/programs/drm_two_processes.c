/*
 * drm_two_processes NODE: a parent makes four buffers of 1 to 8 pages on a DRM node and exports the first three; its child, with a
 * file of its own, imports two of them, the first one twice, which is one handle. The parent then closes the first, which lives on
 * with the child, and each ends what it has. They take turns, so that each run is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFERS = 4, EXPORTED = 3, IMPORTED = 2 };

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_two_processes: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int open_node(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(node);
    return fd;
}

static uint32_t import(int fd, int dma_buf)
{
    struct drm_prime_handle argument = {.fd = dma_buf};
    if (ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &argument))
        die("PRIME_FD_TO_HANDLE");
    return argument.handle;
}

static void give_up(int fd, uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (ioctl(fd, DRM_IOCTL_GEM_CLOSE, &argument))
        die("GEM_CLOSE");
}

static void tell(int fd)
{
    if (write(fd, "", 1) != 1)
        die("write");
}

static void hear(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        die("read");
}

static int child(const char *node, const int *dma_bufs, int from_parent, int to_parent)
{
    int fd = open_node(node);
    uint32_t handles[IMPORTED];
    for (int i = 0; i < IMPORTED; i++)
        handles[i] = import(fd, dma_bufs[i]);
    if (import(fd, dma_bufs[0]) != handles[0]) {
        fprintf(stderr, "drm_two_processes: a second import gave another handle\n");
        return 1;
    }
    tell(to_parent);
    hear(from_parent);
    for (int i = 0; i < IMPORTED; i++)
        give_up(fd, handles[i]);
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    int dma_bufs[EXPORTED], to_child[2], to_parent[2], status;
    uint32_t handles[BUFFERS];
    if (argc != 2 || pipe(to_child) || pipe(to_parent)) {
        fprintf(stderr, "usage: drm_two_processes NODE\n");
        return 2;
    }
    int fd = open_node(argv[1]);
    for (int i = 0; i < BUFFERS; i++) {
        struct drm_mode_create_dumb create = {.width = 1024, .height = 1u << i, .bpp = 32};
        if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
            die("CREATE_DUMB");
        handles[i] = create.handle;
    }
    for (int i = 0; i < EXPORTED; i++) {
        struct drm_prime_handle argument = {.handle = handles[i], .flags = DRM_CLOEXEC | DRM_RDWR};
        if (ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &argument))
            die("PRIME_HANDLE_TO_FD");
        dma_bufs[i] = argument.fd;
    }
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (!pid)
        _exit(child(argv[1], dma_bufs, to_child[0], to_parent[1]));
    hear(to_parent[0]);
    give_up(fd, handles[0]);
    tell(to_child[1]);
    if (waitpid(pid, &status, 0) < 0 || status)
        return 1;
    for (int i = 0; i < EXPORTED; i++)
        close(dma_bufs[i]);
    for (int i = 1; i < BUFFERS; i++)
        give_up(fd, handles[i]);
    close(fd);
    return 0;
}
