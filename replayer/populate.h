/*
 * Populating: many drivers give a buffer its pages at the first fault or submission, so that its creation alone costs little. With
 * --populate a DRM buffer's pages are brought in just after the call that made it, as a step that is timed by itself.
 *
 * touch: the buffer is mapped as its driver maps buffers, and a byte is written to each page. submit: an empty batch names the
 * buffer, where the driver has one that is safe (batches.h); else it is touched. One populator a device; lanes use it at once.
 */
#ifndef GPUALLOC_REPLAYER_POPULATE_H
#define GPUALLOC_REPLAYER_POPULATE_H

#include "replayer/backend.h"

struct replay_populator;

/* A buffer that was just made. */
struct replay_made {
    uint32_t lane, file; /* plan.files */
    int fd;              /* of the file */
    uint32_t handle;
    uint64_t bytes;
    bool dumb;           /* made as a dumb buffer, whatever the driver */
    bool users_memory;   /* memory that the replay brought: it is there, and the driver maps none */
};

/* For a driver's device. Asked for none, it is null, as all functions may be given. The plan must outlive it. */
int replay_populator_create(struct replay_populator **populator, enum replay_populate asked, const char *driver,
                            const struct replay_plan *plan, struct ga_error *error);
void replay_populator_destroy(struct replay_populator *populator);
/* A file was opened for a run. What is made in it for batches goes with it. Main thread, no lane runs. */
void replay_populator_add_file(struct replay_populator *populator, uint32_t file, int fd);
/* The step; what was done. Then, not timed, what it needed is taken away. Lane's thread. */
enum replay_populate replay_populator_fill(struct replay_populator *populator, const struct replay_made *made);
void replay_populator_settle(struct replay_populator *populator, uint32_t lane);

#endif
