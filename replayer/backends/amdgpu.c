/* Backend amdgpu: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_amdgpu = {
    .name = "amdgpu",
    .summary = "DRM requests as recorded, on the amdgpu kernel driver",
    .drivers = (const char *const[]){"amdgpu", NULL},
    .unmet = true,
    REPLAY_DRM_BACKEND,
};
