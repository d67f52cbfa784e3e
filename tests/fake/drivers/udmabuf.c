/* /dev/udmabuf: dma-bufs of memfds that cannot shrink and are not sealed against writing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>

#include "fake.h"

static int check_part(uint32_t memfd, uint64_t offset, uint64_t size)
{
    int seals = fcntl((int)memfd, F_GET_SEALS);
    if (seals < 0)
        return fcntl((int)memfd, F_GETFD) < 0 ? EBADFD : EINVAL;
    return offset % 4096 || size % 4096 || !size || !(seals & F_SEAL_SHRINK) || seals & F_SEAL_WRITE ? EINVAL : 0;
}

static int give(struct fake_file *file, uint64_t size, uint32_t flags)
{
    uint32_t handle = 0; /* of the fake's own: there are none */
    int fd = -1, error = size > 64 << 20 ? EINVAL : fake_create(file, size, &handle);
    if (error)
        return error;
    error = fake_export(file, handle, flags & UDMABUF_FLAGS_CLOEXEC, &fd);
    fake_close(file, handle);
    fake_return(fd);
    return error;
}

static int create(struct fake_file *file, void *argument)
{
    const struct udmabuf_create *a = argument;
    int error = a->flags & ~(uint32_t)UDMABUF_FLAGS_CLOEXEC ? EINVAL : check_part(a->memfd, a->offset, a->size);
    return error ? error : give(file, a->size, a->flags);
}

static int create_list(struct fake_file *file, void *argument)
{
    const struct udmabuf_create_list *a = argument;
    uint64_t size = 0;
    int error = a->flags & ~(uint32_t)UDMABUF_FLAGS_CLOEXEC || !a->count || a->count > 1024 ? EINVAL : 0;
    for (uint32_t i = 0; !error && i < a->count; i++) {
        error = a->list[i].__pad ? EINVAL : check_part(a->list[i].memfd, a->list[i].offset, a->list[i].size);
        size += a->list[i].size;
    }
    return error ? error : give(file, size, a->flags);
}

const struct fake_driver fake_driver_udmabuf = {
    .name = "udmabuf",
    .node = "/dev/udmabuf",
    .type = 'u',
    .requests =
        (const struct fake_request[]){
            {0x42, sizeof(struct udmabuf_create), true, create},
            {0x43, sizeof(struct udmabuf_create_list), true, create_list},
            {0},
        },
};
