/*
 * Capacity: what a DRM device has of each class of memory, and what of a recording does not fit there. Known before a run, so that a
 * refusal is no surprise.
 */
#ifndef GPUALLOC_REPLAYER_CAPACITY_H
#define GPUALLOC_REPLAYER_CAPACITY_H

#include "replayer/backend.h"
#include "replayer/placement.h"

struct replay_capacity {
    uint64_t bytes[REPLAY_PLACES]; /* of local memory with what of it the CPU reaches, of system memory of either kind */
    bool known[REPLAY_PLACES];
    uint64_t local_page;           /* what sizes in device memory have to be a multiple of; 0: unknown */
    bool virtio, blobs, host_visible, has_3d; /* virtio_gpu's: what resources its host takes */
};

/* Asks the device, by requests that change nothing. */
void replay_capacity_ask(struct replay_capacity *capacity, int fd, const char *driver);

/* Fills binding.memory and binding.limits. places: by call, where the issued create puts its buffer (enum replay_place), or
   REPLAY_PLACES where none is issued; bytes are the recorded ones. dialect: of the device, or null. node: for messages. */
int replay_capacity_compare(const struct replay_capacity *capacity, const struct replay_plan *plan, const uint8_t *places,
                            const struct replay_dialect *dialect, const char *node, struct replay_binding *binding);

#endif
