/* What a descriptor leads to: /dev/dxg, softgpu's memfd, a DRM node with its driver, or nothing of ours. */
#include "preload/probe.h"

#include <errno.h>
#include <libdrm/drm.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/softgpu-node.h"
#include "preload/real.h"

#define DXG_NODE "/dev/dxg"
#define SOFTGPU_LINK "/memfd:softgpu:/dev/dxg (deleted)"
enum { DRM_MAJOR = 226 };

/* The driver's name, version and date, by the real DRM_IOCTL_VERSION. */
static int probe_drm(int fd, struct capture_probe *probe)
{
    char date[32] = "";
    struct drm_version version = {
        .name = probe->driver, .name_len = sizeof probe->driver - 1, .date = date, .date_len = sizeof date - 1};
    if (real_get()->ioctl(fd, DRM_IOCTL_VERSION, &version) != 0)
        return -errno;
    probe->driver[sizeof probe->driver - 1] = '\0'; /* the kernel copies no terminator */
    if (version.name_len < sizeof probe->driver)
        probe->driver[version.name_len] = '\0';
    if (version.date_len < sizeof date)
        date[version.date_len] = '\0';
    snprintf(probe->version, sizeof probe->version, "%d.%d.%d%s%.31s", version.version_major, version.version_minor,
             version.version_patchlevel, date[0] ? " " : "", date);
    return probe->driver[0] ? 1 : -ENODEV;
}

static bool is_dxg_node(const struct stat *status, const char *path)
{
    struct stat node;
    return strcmp(path, DXG_NODE) == 0 ||
           (stat(DXG_NODE, &node) == 0 && S_ISCHR(node.st_mode) && node.st_rdev == status->st_rdev);
}

/* Devices that are none of DRM's and have requests of their own, by their nodes' names: their numbers are given anew at each boot. */
static const char *other_driver(const char *path)
{
    if (strcmp(path, "/dev/kfd") == 0)
        return "kfd";
    if (strcmp(path, "/dev/udmabuf") == 0)
        return "udmabuf";
    return strncmp(path, "/dev/dma_heap/", 14) == 0 ? "dma_heap" : NULL;
}

int probe_device(int fd, struct capture_probe *probe)
{
    struct stat status;
    char link[32], path[128];
    *probe = (struct capture_probe){0};
    if (fstat(fd, &status) != 0)
        return -EBADF;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    probe->device = status.st_rdev;
    snprintf(probe->path, sizeof probe->path, "%.63s", path);
    if (S_ISCHR(status.st_mode) && (major(status.st_rdev) == DRM_MAJOR || strncmp(path, "/dev/dri/", 9) == 0))
        return probe_drm(fd, probe);
    const char *other = S_ISCHR(status.st_mode) ? other_driver(path) : NULL;
    if (other) {
        strcpy(probe->driver, other);
        return 1;
    }
    bool soft = S_ISREG(status.st_mode) && strcmp(path, SOFTGPU_LINK) == 0;
    if (soft || (S_ISCHR(status.st_mode) && is_dxg_node(&status, path))) {
        probe->dxg = true;
        strcpy(probe->driver, soft || softgpu_is_cuse_device(status.st_rdev) ? "softgpu" : "dxg");
        return 1;
    }
    /* A DRM device made by a preload: a memfd that answers. The kernel refuses the request on a plain memfd. */
    if (S_ISREG(status.st_mode) && strncmp(path, "/memfd:", 7) == 0)
        return probe_drm(fd, probe) > 0;
    return 0;
}
