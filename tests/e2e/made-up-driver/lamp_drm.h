/* The interface of a DRM driver that there is not: what the system's libdrm would have of it. */
#ifndef LAMP_DRM_H
#define LAMP_DRM_H

#include <libdrm/drm.h>

#define LAMP_BRIGHT (1u << 0)
#define LAMP_DIMMED (1u << 3)

struct drm_lamp_gem_create {
    __u64 size;
    __u32 flags, handle;
};

struct drm_lamp_gem_map {
    __u32 handle, pad;
    __u64 offset;
};

struct drm_lamp_bulb {
    __u32 handle, volts;
};

struct drm_lamp_light {
    __u64 bulbs;
    __u32 count, pad;
};

#define DRM_IOCTL_LAMP_GEM_CREATE DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_lamp_gem_create)
#define DRM_IOCTL_LAMP_GEM_MAP DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_lamp_gem_map)
#define DRM_IOCTL_LAMP_LIGHT DRM_IOW(DRM_COMMAND_BASE + 0x03, struct drm_lamp_light)
#define DRM_IOCTL_LAMP_NO_ROW DRM_IOW(DRM_COMMAND_BASE + 0x04, struct drm_lamp_light)

#endif
