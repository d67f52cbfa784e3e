/* Backend qxl: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_qxl = {
    .name = "qxl",
    .summary = "DRM requests as recorded, on the qxl kernel driver",
    .drivers = (const char *const[]){"qxl", NULL},
    REPLAY_DRM_BACKEND,
};
