/*
 * drm_mappings NODE [nouveau]: maps dumb buffers of a DRM node, or nouveau's own, whose making gives the offset, in each
 * way that there is: by the device's offset and by a dma-buf's descriptor, from another thread, a part of it, privately; unmaps the
 * middle first and the rest after the handle was closed, moves one, maps anonymous memory over one; a forked child unmaps what it has
 * inherited. One stays mapped at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libdrm/nouveau_drm.h> /* knows no integers by itself */

enum { PAGE = 4096, SIZE = 16 * PAGE };

static int node;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_mappings: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void *map(size_t size, int flags, int fd, uint64_t offset)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);
    if (address == MAP_FAILED)
        die("mmap");
    return address;
}

static void unmap(char *address, size_t size)
{
    if (munmap(address, size))
        die("munmap");
}

static uint32_t make(bool nouveau, uint64_t *offset)
{
    struct drm_nouveau_gem_new new = {.info = {.domain = NOUVEAU_GEM_DOMAIN_GART, .size = SIZE}};
    struct drm_mode_create_dumb create = {.width = 64, .height = SIZE / 256, .bpp = 32};
    if (nouveau && ioctl(node, DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_NEW, struct drm_nouveau_gem_new), &new))
        die("GEM_NEW");
    if (!nouveau && ioctl(node, DRM_IOCTL_MODE_CREATE_DUMB, &create))
        die("CREATE_DUMB");
    *offset = new.info.map_handle;
    struct drm_mode_map_dumb where = {.handle = create.handle};
    if (!nouveau && ioctl(node, DRM_IOCTL_MODE_MAP_DUMB, &where))
        die("MAP_DUMB");
    if (!nouveau)
        *offset = where.offset;
    return nouveau ? new.info.handle : create.handle;
}

static void give_up(uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (ioctl(node, DRM_IOCTL_GEM_CLOSE, &argument))
        die("GEM_CLOSE");
}

static void *map_elsewhere(void *offset) { return map(SIZE, MAP_SHARED, node, *(uint64_t *)offset); }

int main(int argc, char **argv)
{
    if (argc < 2 || (node = open(argv[1], O_RDWR | O_CLOEXEC)) < 0)
        die(argc < 2 ? "NODE" : argv[1]);
    uint64_t offset, later;
    uint32_t first = make(argc > 2, &offset), second = make(argc > 2, &later);
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, map_elsewhere, &offset) || pthread_join(thread, &result))
        die("a thread");
    char *whole = result;
    unmap(whole + 2 * PAGE, 3 * PAGE);
    give_up(first);
    unmap(whole, 2 * PAGE);
    unmap(whole + 5 * PAGE, SIZE - 5 * PAGE);

    struct drm_prime_handle export = {.handle = second, .flags = DRM_CLOEXEC | DRM_RDWR};
    if (ioctl(node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export))
        die("HANDLE_TO_FD");
    char *part = map(2 * PAGE, MAP_SHARED, export.fd, PAGE);
    close(export.fd);
    part = mremap(part, 2 * PAGE, PAGE, MREMAP_MAYMOVE);
    if (part == MAP_FAILED)
        die("mremap");
    char *inherited = map(SIZE, MAP_SHARED, node, later);
    pid_t child = fork();
    if (child == 0) {
        unmap(inherited, SIZE);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status)
        die("the child");
    if (mmap(inherited, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != inherited)
        die("mmap over");
    munmap(inherited, SIZE);
    unmap(part, PAGE);
    map(SIZE, MAP_PRIVATE, node, later);
    return 0;
}
