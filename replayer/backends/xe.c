/* Backend xe: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_xe = {
    .name = "xe",
    .summary = "DRM requests as recorded, on the xe kernel driver",
    .drivers = (const char *const[]){"xe", NULL},
    .unmet = true,
    REPLAY_DRM_BACKEND,
};
