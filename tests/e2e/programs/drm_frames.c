/*
 * drm_frames NODE FRAMES [inherit|names]: a client makes a buffer of 4 pages a frame, and sends its dma-buf over a socket to a server,
 * which imports it into a file of its own, maps it, answers, and gives it up when the next one has come; the client closes the
 * descriptor as soon as it is sent, and the buffer when it is answered. inherit: the server makes and ends a buffer of its own a frame,
 * too, in the file that it has from the client. names: instead of dma-bufs the client sends global names, and with each the descriptor
 * of a sync object, which both import. They take turns, so that each run is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pass.h"

enum { BYTES = 4 * 4096 };

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_frames: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void ask(int fd, unsigned long request, void *argument, const char *what)
{
    if (ioctl(fd, request, argument))
        die(what);
}

static int open_node(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(node);
    return fd;
}

static uint32_t make(int fd)
{
    struct drm_mode_create_dumb create = {.width = 1024, .height = BYTES / 4096, .bpp = 32};
    ask(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create, "CREATE_DUMB");
    return create.handle;
}

static void give_up(int fd, uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (handle)
        ask(fd, DRM_IOCTL_GEM_CLOSE, &argument, "GEM_CLOSE");
}

static void import_syncobj(int fd, int syncobj)
{
    struct drm_syncobj_handle import = {.fd = syncobj};
    ask(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import, "SYNCOBJ_FD_TO_HANDLE");
    struct drm_syncobj_destroy end = {.handle = import.handle};
    ask(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &end, "SYNCOBJ_DESTROY");
    close(syncobj);
}

static int serve_names(const char *node, int client)
{
    struct drm_gem_open by_name = {0};
    int fd = open_node(node);
    for (uint32_t before = 0; read(client, &by_name.name, sizeof by_name.name) == sizeof by_name.name; before = by_name.handle) {
        int syncobj = pass_receive(client);
        if (syncobj < 0)
            die("recvmsg");
        ask(fd, DRM_IOCTL_GEM_OPEN, &by_name, "GEM_OPEN");
        import_syncobj(fd, syncobj);
        give_up(fd, before);
        if (write(client, "", 1) != 1)
            die("write");
    }
    give_up(fd, by_name.handle);
    close(fd);
    return 0;
}

static void show_name(int fd, int server)
{
    char answer;
    struct drm_gem_flink flink = {.handle = make(fd)};
    struct drm_syncobj_create create = {0};
    ask(fd, DRM_IOCTL_GEM_FLINK, &flink, "GEM_FLINK");
    ask(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create, "SYNCOBJ_CREATE");
    struct drm_syncobj_handle export = {.handle = create.handle};
    ask(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &export, "SYNCOBJ_HANDLE_TO_FD");
    if (write(server, &flink.name, sizeof flink.name) != sizeof flink.name || pass_send(server, export.fd))
        die("sendmsg");
    import_syncobj(fd, export.fd);
    if (read(server, &answer, 1) != 1)
        die("read");
    give_up(fd, flink.handle);
}

static int serve(const char *node, int inherited, int client)
{
    int fd = open_node(node);
    uint32_t before = 0;
    for (int dma_buf; (dma_buf = pass_receive(client)) >= 0;) {
        struct drm_prime_handle import = {.fd = dma_buf};
        ask(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import, "PRIME_FD_TO_HANDLE");
        unsigned char *pixels = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, dma_buf, 0);
        if (pixels == MAP_FAILED || munmap(pixels, BYTES))
            die("mmap");
        close(dma_buf);
        if (inherited >= 0)
            give_up(inherited, make(inherited));
        give_up(fd, before);
        before = import.handle;
        if (write(client, "", 1) != 1)
            die("write");
    }
    give_up(fd, before);
    close(fd);
    return 0;
}

static void show(int fd, int server)
{
    char answer;
    uint32_t handle = make(fd);
    struct drm_prime_handle export = {.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR};
    ask(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export, "PRIME_HANDLE_TO_FD");
    if (pass_send(server, export.fd))
        die("sendmsg");
    close(export.fd);
    if (read(server, &answer, 1) != 1)
        die("read");
    give_up(fd, handle);
}

int main(int argc, char **argv)
{
    int ends[2], status, frames = argc > 2 ? atoi(argv[2]) : 0;
    if (frames < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        fprintf(stderr, "usage: drm_frames NODE FRAMES [inherit|names]\n");
        return 2;
    }
    bool names = argc > 3 && strcmp(argv[3], "names") == 0, inherits = argc > 3 && !names;
    int fd = open_node(argv[1]);
    give_up(fd, make(fd)); /* the tracer knows the file from now on, in a forked child too */
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    close(ends[!pid]);
    if (!pid && !inherits)
        close(fd);
    if (!pid)
        _exit(names ? serve_names(argv[1], ends[0]) : serve(argv[1], inherits ? fd : -1, ends[0]));
    for (int i = 0; i < frames; i++)
        names ? show_name(fd, ends[1]) : show(fd, ends[1]);
    close(ends[1]);
    if (waitpid(pid, &status, 0) < 0 || status)
        return 1;
    close(fd);
    return 0;
}
