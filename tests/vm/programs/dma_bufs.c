/*
 * A client of what makes dma-bufs and is no GPU: buffers of each heap of /dev/dma_heap, and /dev/udmabuf's of memfds' pages. Each is
 * mapped and written, offered to every DRM device that is named, and one of each kind goes to another process over a socket. Prints
 * each call that it makes, "PID REQUEST NUMBER RESULT", 0 or an errno, and of each dma-buf that it holds "dma-buf INODE BYTES
 * EXPORTER"; then "holding", until its input ends.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "pass.h"

enum { PAGE = 4096, HELD = 32, DEVICES = 8 };

static struct held {
    int fd;
    uint64_t size;
    char exporter[64];
} held[HELD];
static unsigned held_count;
static int devices[DEVICES];
static int device_count;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "dma_bufs: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int say(const char *request, unsigned number, int ret)
{
    int error = ret == -1 ? errno : 0;
    printf("%d %s %u %d\n", getpid(), request, number, error);
    fflush(stdout);
    return error;
}

/* Every page is written through a mapping; CPU access is announced to the exporter, as it asks for. */
static void fill(int fd, uint64_t size, unsigned char value)
{
    struct dma_buf_sync sync = {DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW};
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED || ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync))
        die("mapping a dma-buf");
    for (uint64_t at = 0; at < size; at += PAGE)
        memory[at] = value;
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
    if (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) || munmap(memory, size))
        die("unmapping a dma-buf");
}

static void import(int device, int fd)
{
    struct drm_prime_handle import = {.fd = fd};
    if (say("PRIME_FD_TO_HANDLE", 0, ioctl(device, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import)))
        return;
    struct drm_gem_close close_it = {.handle = import.handle};
    if (say("GEM_CLOSE", import.handle, ioctl(device, DRM_IOCTL_GEM_CLOSE, &close_it)))
        die("GEM_CLOSE");
}

static void hold(int fd, uint64_t size, const char *exporter)
{
    if (held_count == HELD)
        die("too many dma-bufs");
    held[held_count] = (struct held){.fd = fd, .size = size};
    snprintf(held[held_count].exporter, sizeof held->exporter, "%s", exporter);
    fill(fd, size, (unsigned char)++held_count);
    for (int i = 0; i < device_count; i++)
        import(devices[i], fd);
}

static void use_heap(const char *name)
{
    static const uint64_t sizes[] = {1, 5 * PAGE, 1 << 20, 3 << 20};
    char path[300];
    snprintf(path, sizeof path, "/dev/dma_heap/%s", name);
    int heap = open(path, O_RDWR | O_CLOEXEC);
    if (heap < 0)
        die(path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct dma_heap_allocation_data data = {.len = sizes[i], .fd_flags = O_RDWR | O_CLOEXEC};
        if (say("DMA_HEAP_IOCTL_ALLOC", 0, ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data)))
            die("DMA_HEAP_IOCTL_ALLOC");
        hold((int)data.fd, (sizes[i] + PAGE - 1) / PAGE * PAGE, name);
    }
    struct dma_heap_allocation_data wrong[] = {{.len = PAGE, .fd_flags = O_RDWR, .heap_flags = 1}, {.fd_flags = O_RDWR}};
    for (int i = 0; i < 2; i++)
        if (!say("DMA_HEAP_IOCTL_ALLOC", 0, ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &wrong[i])))
            die("a heap that takes what is wrong");
    close(heap);
}

static void use_heaps(void)
{
    DIR *folder = opendir("/dev/dma_heap");
    if (!folder)
        die("/dev/dma_heap");
    for (struct dirent *entry; (entry = readdir(folder));)
        if (*entry->d_name != '.')
            use_heap(entry->d_name);
    closedir(folder);
}

static int make_memfd(uint64_t size, unsigned seals)
{
    int memfd = memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0 || ftruncate(memfd, (off_t)size) || fcntl(memfd, F_ADD_SEALS, seals))
        die("a memfd");
    return memfd;
}

/* What is written through the dma-buf is in the memfd. */
static void check_written(int memfd, uint64_t offset)
{
    unsigned char byte = 0;
    if (pread(memfd, &byte, 1, (off_t)offset) != 1 || byte != held_count)
        die("the memfd's pages are not the dma-buf's");
}

static void use_udmabuf(void)
{
    int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), one = make_memfd(64 * PAGE, F_SEAL_SHRINK),
        other = make_memfd(32 * PAGE, F_SEAL_SHRINK), shrinks = make_memfd(PAGE, 0);
    if (udmabuf < 0)
        die("/dev/udmabuf");
    struct udmabuf_create part = {.memfd = (uint32_t)one, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = 8 * PAGE, .size = 16 * PAGE};
    int fd = ioctl(udmabuf, UDMABUF_CREATE, &part);
    if (say("UDMABUF_CREATE", 0, fd))
        die("UDMABUF_CREATE");
    hold(fd, part.size, "udmabuf");
    check_written(one, part.offset);
    struct udmabuf_create_list *list = calloc(1, sizeof *list + 3 * sizeof *list->list);
    if (!list)
        die("calloc");
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = 3;
    list->list[0] = (struct udmabuf_create_item){.memfd = (uint32_t)one, .offset = 32 * PAGE, .size = PAGE};
    list->list[1] = (struct udmabuf_create_item){.memfd = (uint32_t)other, .size = 32 * PAGE};
    list->list[2] = (struct udmabuf_create_item){.memfd = (uint32_t)one, .offset = 60 * PAGE, .size = 4 * PAGE};
    fd = ioctl(udmabuf, UDMABUF_CREATE_LIST, list);
    if (say("UDMABUF_CREATE_LIST", 0, fd))
        die("UDMABUF_CREATE_LIST");
    hold(fd, 37 * PAGE, "udmabuf");
    check_written(other, 31 * PAGE);
    struct udmabuf_create wrong[] = {{.memfd = (uint32_t)shrinks, .size = PAGE}, {.memfd = (uint32_t)one, .offset = 1, .size = PAGE}};
    for (int i = 0; i < 2; i++)
        if (!say("UDMABUF_CREATE", 0, ioctl(udmabuf, UDMABUF_CREATE, &wrong[i])))
            die("a udmabuf of what is wrong");
    free(list);
    close(shrinks);
    close(other);
    close(one);
    close(udmabuf);
}

/* The other process, which did not inherit the descriptors, maps what it imported. */
static _Noreturn void receiver(const char *node, int from)
{
    int device = open(node, O_RDWR | O_CLOEXEC);
    if (device < 0)
        die(node);
    for (int fd; (fd = pass_receive(from)) >= 0; close(fd)) {
        import(device, fd); /* so it is known for a dma-buf there, and the mapping is recorded */
        fill(fd, PAGE, 0xee);
    }
    close(device);
    _exit(0);
}

int main(int argc, char **argv)
{
    int ends[2], status;
    if (argc < 2 || argc > 1 + DEVICES) {
        fprintf(stderr, "usage: dma_bufs NODE…\n");
        return 2;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        die("socketpair");
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        receiver(argv[1], ends[1]);
    }
    close(ends[1]);
    for (int i = 1; i < argc; i++)
        if ((devices[device_count++] = open(argv[i], O_RDWR | O_CLOEXEC)) < 0)
            die(argv[i]);
    use_heaps();
    use_udmabuf();
    if (pass_send(ends[0], held[0].fd) || pass_send(ends[0], held[held_count - 1].fd))
        die("sendmsg");
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || status)
        die("the other process");
    for (unsigned i = 0; i < held_count; i++) {
        struct stat info;
        if (fstat(held[i].fd, &info))
            die("fstat");
        printf("dma-buf %ju %ju %s\n", (uintmax_t)info.st_ino, (uintmax_t)held[i].size, held[i].exporter);
    }
    puts("holding");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    for (unsigned i = 0; i < held_count; i++)
        close(held[i].fd);
    return 0;
}
