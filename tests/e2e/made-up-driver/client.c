/* A client of the made-up driver: two buffers, mapped, lit, one closed and one left; a refusal; a request without a row. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <libdrm/lamp_drm.h>

static int fd;

static int light(uint32_t handle, uint64_t size, uint32_t flags)
{
    struct drm_lamp_gem_map map = {.handle = handle};
    if (ioctl(fd, DRM_IOCTL_LAMP_GEM_MAP, &map))
        return 1;
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
    if (memory == MAP_FAILED)
        return 1;
    memory[0] = (unsigned char)flags;
    return munmap(memory, size);
}

int main(int argc, char **argv)
{
    fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    struct drm_lamp_gem_create first = {.size = 5000, .flags = LAMP_BRIGHT | LAMP_DIMMED}, second = {.size = 65536}, bad = {.size = 1,
                                                                                                                   .flags = 2};
    if (fd < 0 || ioctl(fd, DRM_IOCTL_LAMP_GEM_CREATE, &first) || ioctl(fd, DRM_IOCTL_LAMP_GEM_CREATE, &second) ||
        ioctl(fd, DRM_IOCTL_LAMP_GEM_CREATE, &bad) != -1 || errno != EINVAL || light(first.handle, first.size, first.flags) ||
        light(second.handle, second.size, second.flags)) {
        perror("lamp");
        return 1;
    }
    const struct drm_lamp_bulb bulbs[] = {{first.handle, 230}, {second.handle, 12}};
    struct drm_lamp_light all = {.bulbs = (uintptr_t)bulbs, .count = 2};
    struct drm_gem_close close_it = {.handle = first.handle};
    if (ioctl(fd, DRM_IOCTL_LAMP_LIGHT, &all) || ioctl(fd, DRM_IOCTL_LAMP_NO_ROW, &all) != -1 ||
        ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close_it)) {
        perror("lamp");
        return 1;
    }
    return 0;
}
