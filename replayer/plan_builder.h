/* What exists only while a plan is built. Shared by plan.c (calls in) and plan_order.c (objects, lanes, dependencies). */
#ifndef GPUALLOC_REPLAYER_PLAN_BUILDER_H
#define GPUALLOC_REPLAYER_PLAN_BUILDER_H

#include "base/map.h"
#include "replayer/plan.h"

struct replay_plan_builder {
    struct replay_plan_options options;
    struct ga_map lanes;   /* process, thread -> lane */
    struct ga_map files;   /* file, 0 -> plan.files */
    struct ga_map holders; /* process, file -> 1 while the process has it open */
    struct ga_map holder_counts; /* file, 0 -> processes that have it open */
    struct ga_map blobs;   /* hash, 0 -> plan.blobs */
    struct ga_map shapes;  /* arrival, 0: hash of a resource's runtime data; arrival, 1: number of its allocations */
    struct ga_map sizes;   /* lane and handle, call in its thread: size and, in the lowest byte, its origin */
    size_t call_room, lane_room, ref_room, relocation_room, blob_room, memory_room, file_room, image_room, data_room, object_room;
    struct ga_map images;  /* of an image that nothing changes: its hash, its size -> where the same bytes are in plan.images */
    struct ga_map memfds;  /* process, memfd's number -> plan.memories */
    uint64_t *fence_values; /* by call.paging: what the recorded call was given */
    size_t fence_value_room;
    uint64_t number;       /* of the newest call, as `gpualloc list` counts */
    uint64_t from_ns, to_ns; /* of a range of calls: begins of its first and its last */
    bool from_found;
    int error; /* of the first thing that went wrong inside a call */
};

/* A new object, all of it zeros but kind; its number, or REPLAY_NONE without memory. */
uint32_t replay_plan_new_object(struct replay_plan *plan, enum replay_object_kind kind);
/* Sorts the calls, resolves handles to objects, finds lanes' orders and dependencies. Needs a builder. */
int replay_plan_resolve(struct replay_plan *plan, struct ga_error *error);

#endif
