/* /dev/dma_heap/system: dma-bufs of system memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>

#include "fake.h"

static int alloc(struct fake_file *file, void *argument)
{
    struct dma_heap_allocation_data *a = argument;
    if (a->fd || a->fd_flags & ~(uint32_t)(O_CLOEXEC | O_ACCMODE) || a->heap_flags)
        return EINVAL;
    uint32_t handle = 0; /* of the fake's own: a heap has none */
    int fd = -1, error = fake_create(file, a->len, &handle);
    if (error)
        return error;
    error = fake_export(file, handle, a->fd_flags & O_CLOEXEC, &fd);
    fake_close(file, handle);
    a->fd = (uint32_t)fd;
    return error;
}

const struct fake_driver fake_driver_dma_heap = {
    .name = "dma_heap",
    .node = "/dev/dma_heap/system",
    .type = 'H',
    .requests = (const struct fake_request[]){{0x00, sizeof(struct dma_heap_allocation_data), true, alloc}, {0}},
};
