/*
 * Scripts: what a recording did to memory, in the order in which it took effect. A plan becomes one list of steps over buffers;
 * the model runs it as often as it is asked, on memories of any size.
 */
#ifndef GPUALLOC_REPLAYER_SIM_SCRIPT_H
#define GPUALLOC_REPLAYER_SIM_SCRIPT_H

#include "base/error.h"
#include "replayer/plan.h"

enum sim_action {
    SIM_CALL,    /* any call: the others are what it did */
    SIM_CREATE,  /* the buffer is made, and placed */
    SIM_FREE,    /* the last handle of it is gone */
    SIM_TOUCH,   /* it is named: the kernel looked it up, so it was used lately */
    SIM_NEED,    /* it is used by a submission: it has to be where it belongs */
    SIM_HOLD,    /* MakeResident: the same, and it is not to be evicted while others will do */
    SIM_RELEASE, /* Evict, Offer: once for each MakeResident; then it is the first to go */
};

struct sim_buffer {
    uint64_t size;      /* bytes, whole pages; 0: unknown, and left out */
    uint64_t alignment; /* 0: none */
    bool local;         /* belongs into the device's memory */
    bool visible;       /* of it, where the CPU reaches: placed from the bottom up, others from the top down */
    bool contiguous;
    bool users;         /* memory of the program's own: there already, and not cleared */
};

struct sim_step {
    int64_t ns;      /* in the recording, since its first call */
    uint32_t call;   /* of the plan */
    uint32_t buffer;
    uint8_t action;
};

struct sim_script {
    struct sim_step *steps;
    struct sim_buffer *buffers;
    size_t step_count, step_room, buffer_room;
    uint32_t buffer_count;
    uint32_t unknown;       /* buffers whose size nobody knows: they are not in the model */
    uint64_t local_peak;    /* bytes of the buffers that belong into the device's memory, alive at once at most */
    uint64_t call_count;
    uint64_t span_ns;
};

/* Release it also after a failure. */
int sim_script_build(struct sim_script *script, const struct replay_plan *plan, struct ga_error *error);
void sim_script_release(struct sim_script *script);
/* By hand, for tests: a buffer's number; a step. REPLAY_NONE, -ENOMEM. */
uint32_t sim_script_add_buffer(struct sim_script *script, const struct sim_buffer *buffer);
int sim_script_add_step(struct sim_script *script, const struct sim_step *step);

#endif
