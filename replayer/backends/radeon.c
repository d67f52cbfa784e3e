/* Backend radeon: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_radeon = {
    .name = "radeon",
    .summary = "DRM requests as recorded, on the radeon kernel driver",
    .drivers = (const char *const[]){"radeon", NULL},
    REPLAY_DRM_BACKEND,
};
