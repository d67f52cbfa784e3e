/*
 * Batches: submissions that do nothing, but that name a buffer, so that its driver gives it its pages and places it. One entry of the
 * table a driver. What a batch needs is made in each file once, and goes with it.
 *
 * Without an entry: radeon's rings take other padding by family, and nobody has seen ours on one; nouveau does not look at the buffers
 * of a submission without commands; qxl's commands draw; dumb buffers have no submission.
 */
#ifndef GPUALLOC_REPLAYER_BATCHES_H
#define GPUALLOC_REPLAYER_BATCHES_H

#include "replayer/plan.h"

#define REPLAY_BATCH_WAIT_NS INT64_C(5000000000)

/* Of one file. */
struct replay_batch {
    bool ready;
    uint32_t context, vm, handle; /* of the submission, of its addresses, of its commands */
    uint64_t address;             /* of the commands, for the GPU */
    uint16_t pat;                 /* xe: how the GPU caches what is bound */
};

/* Of one lane: what is to be taken away. */
struct replay_batch_use {
    const struct replay_batch *batch; /* null: nothing */
    int fd;
    uint32_t lane, handle, fences[2];
    uint64_t bytes, address;
};

struct replay_batch_driver {
    const char *driver;
    /* Makes what batches need in a file. 0, or a negative errno: its buffers are touched instead. */
    int (*prepare)(int fd, const struct replay_plan *plan, struct replay_batch *batch);
    /* Submits one that names the buffer, and waits until it is done. 0 or a negative errno. */
    int (*submit)(const struct replay_batch *batch, struct replay_batch_use *use);
    /* Takes away what submit left, also where it failed. Optional. */
    void (*settle)(const struct replay_batch_use *use);
};

/* Null: the driver has no safe one. */
const struct replay_batch_driver *replay_batch_driver_of(const char *driver);

#endif
