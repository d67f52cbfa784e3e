/* Backend i915: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_i915 = {
    .name = "i915",
    .summary = "DRM requests as recorded, on the i915 kernel driver",
    .drivers = (const char *const[]){"i915", NULL},
    .unmet = true,
    REPLAY_DRM_BACKEND,
};
