/*
 * The image of a finished plan: one piece of memory that holds everything, in the same form in a file. Offsets instead of
 * pointers; a plan's pointers are set when it is there. Made by replay_plan_finish, kept in files by plan_cache.c.
 */
#ifndef GPUALLOC_REPLAYER_PLAN_IMAGE_H
#define GPUALLOC_REPLAYER_PLAN_IMAGE_H

#include "replayer/plan.h"

/* Raise it when a structure of the plan means something else than it did, though the build would tell as well. */
#define REPLAY_PLAN_FORMAT 3

enum { REPLAY_PLAN_ARRAYS = 15 };

/* What an image is the plan of: contents of the trace, options that change the plan, and the build that made it. */
struct replay_plan_key {
    unsigned char trace[16], options[16], build[20];
};

struct replay_plan_header {
    char magic[16];
    uint32_t format, header_size;
    uint64_t size; /* of the whole image */
    struct replay_plan_key key;
    uint64_t offsets[REPLAY_PLAN_ARRAYS];
    struct replay_plan plan; /* pointers null */
    uint64_t checksum;       /* of all before it */
};

/* Moves a plan's arrays into one mapping and frees them one by one. -ENOMEM: the plan is as it was, or is to be released. */
int replay_plan_flatten(struct replay_plan *plan);
/* The arrays of a plan that has no mapping. */
void replay_plan_free_arrays(struct replay_plan *plan);
/* Makes the mapping carry a key, and read-only. */
void replay_plan_seal(struct replay_plan *plan, const struct replay_plan_key *key);
/* A plan from an open file of ours. -EINVAL: it is none, cut off, or of another build or key. Reads the header alone. */
int replay_plan_map(struct replay_plan *plan, int fd, const struct replay_plan_key *key);

#endif
