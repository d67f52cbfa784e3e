/*
 * Kinds of calls: what figures are taken of and compared between results. A plan has some hundred at most: its requests, by size
 * class, and those that fail apart.
 */
#ifndef GPUALLOC_REPLAYER_KINDS_H
#define GPUALLOC_REPLAYER_KINDS_H

#include "base/units.h"
#include "replayer/plan.h"

struct replay_kind {
    const char *name;    /* "create_allocation" */
    uint64_t size_class; /* bytes: the power of two that the size does not exceed; 0: none or unknown */
    bool failed;         /* calls that fail, as in the recording */
};

struct replay_kinds {
    struct replay_kind *kinds; /* by name, class, failed */
    uint32_t count;
    uint16_t *of;          /* by call */
    uint16_t *populate_of; /* by call: the kind "populate" of its size class, for what it makes; null: nothing is populated */
};

/* populate: what creates make is brought in as a kind of its own. Release it also after a failure. */
int replay_kinds_init(struct replay_kinds *kinds, const struct replay_plan *plan, bool populate);
void replay_kinds_release(struct replay_kinds *kinds);
/* Whether the call makes memory, in the recording. */
bool replay_call_creates(const struct replay_call *call);
/* "≤ 64 KiB", or "" for no class. */
struct ga_text replay_size_class_text(uint64_t size_class);

#endif
