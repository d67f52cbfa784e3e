/*
 * heap_buffers NODE: dma-bufs of /dev/dma_heap/system and, through /dev/udmabuf, of the pages of memfds, one part and several parts;
 * each is imported by the DRM node. A memfd that may shrink is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static int node;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "heap_buffers: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int open_node(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

static void import(int fd)
{
    struct drm_prime_handle argument = {.fd = fd};
    if (fd < 0 || ioctl(node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &argument))
        die("importing a dma-buf");
    close(fd);
}

static uint32_t memfd_of(size_t size, int seals)
{
    int fd = memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, seals))
        die("a memfd");
    return (uint32_t)fd;
}

int main(int argc, char **argv)
{
    node = open_node(argc == 2 ? argv[1] : "");
    int heap = open_node("/dev/dma_heap/system"), udmabuf = open_node("/dev/udmabuf");
    struct dma_heap_allocation_data data = {.len = 5 * PAGE, .fd_flags = O_RDWR | O_CLOEXEC};
    if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
        die("DMA_HEAP_IOCTL_ALLOC");
    import((int)data.fd);
    uint32_t one = memfd_of(16 * PAGE, F_SEAL_SHRINK), other = memfd_of(64 * PAGE, F_SEAL_SHRINK), shrinks = memfd_of(PAGE, 0);
    struct udmabuf_create part = {.memfd = one, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = 4 * PAGE, .size = 8 * PAGE};
    import(ioctl(udmabuf, UDMABUF_CREATE, &part));
    struct udmabuf_create_list *list = calloc(1, sizeof *list + 2 * sizeof *list->list);
    if (!list)
        die("calloc");
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = 2;
    list->list[0] = (struct udmabuf_create_item){.memfd = other, .offset = 32 * PAGE, .size = 32 * PAGE};
    list->list[1] = (struct udmabuf_create_item){.memfd = one, .size = PAGE};
    import(ioctl(udmabuf, UDMABUF_CREATE_LIST, list));
    struct udmabuf_create wrong = {.memfd = shrinks, .size = PAGE};
    if (ioctl(udmabuf, UDMABUF_CREATE, &wrong) != -1 || errno != EINVAL)
        die("a udmabuf of a memfd that may shrink");
    free(list);
    return 0;
}
