/*
 * Backend dumb: any DRM driver with a card node. DRM core's requests as recorded; a driver's own creates become dumb buffers of
 * the same size, its map requests MAP_DUMB. Where dumb buffers live is the driver's choice, mostly system memory.
 */
#include "replayer/drm.h"

const struct replay_backend replay_backend_dumb = {
    .name = "dumb",
    .summary = "dumb buffers of the recorded sizes, on the card node of any DRM driver",
    REPLAY_DRM_BACKEND,
};
