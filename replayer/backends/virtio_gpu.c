/* Backend virtio_gpu: the driver's requests and DRM core's, as recorded. */
#include "replayer/drm.h"

const struct replay_backend replay_backend_virtio_gpu = {
    .name = "virtio_gpu",
    .summary = "DRM requests as recorded, on the virtio_gpu kernel driver",
    .drivers = (const char *const[]){"virtio_gpu", NULL},
    REPLAY_DRM_BACKEND,
};
