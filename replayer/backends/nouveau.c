/* Backend nouveau: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_nouveau = {
    .name = "nouveau",
    .summary = "DRM requests as recorded, on the nouveau kernel driver",
    .drivers = (const char *const[]){"nouveau", NULL},
    .unmet = true,
    REPLAY_DRM_BACKEND,
};
