/*
 * One buffer on two devices, as render offload does it: made on the first, its dma-buf imported by the second, where it stays
 * after the first has given it up. Drivers that cannot import each other's buffers say so, and that is fine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_share: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_node(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(node);
    return fd;
}

static void close_handle(int fd, unsigned handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (ioctl(fd, DRM_IOCTL_GEM_CLOSE, &argument))
        die("GEM_CLOSE");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: drm_share /dev/dri/cardFROM /dev/dri/cardTO\n");
        return 2;
    }
    int from = open_node(argv[1]), to = open_node(argv[2]);
    for (unsigned height = 1; height <= 256; height *= 4) {
        struct drm_mode_create_dumb create = {.width = 256, .height = height, .bpp = 32};
        if (ioctl(from, DRM_IOCTL_MODE_CREATE_DUMB, &create))
            die("CREATE_DUMB");
        struct drm_prime_handle export = {.handle = create.handle, .flags = DRM_CLOEXEC | DRM_RDWR};
        if (ioctl(from, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export))
            die("PRIME_HANDLE_TO_FD");
        struct drm_prime_handle import = {.fd = export.fd};
        if (ioctl(to, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import)) {
            printf("%u bytes: %s\n", (unsigned)create.size, strerror(errno));
            import.handle = 0;
        } else {
            printf("%u bytes: handle %u there is handle %u here\n", (unsigned)create.size, create.handle, import.handle);
        }
        close(export.fd);
        close_handle(from, create.handle);
        if (import.handle)
            close_handle(to, import.handle);
    }
    close(to);
    close(from);
    return 0;
}
