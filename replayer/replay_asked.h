/*
 * What a user asks of gpualloc replay: the verb's options, what their texts mean, and which of them do not go together.
 */
#ifndef GPUALLOC_REPLAYER_REPLAY_ASKED_H
#define GPUALLOC_REPLAYER_REPLAY_ASKED_H

#include <sched.h>

#include "base/verb.h"
#include "replayer/backend.h"

struct replay_asked {
    const char *device, *backend, *json, *order, *translate, *populate, *range, *speed, *cpus, *state, *issue_log, *fidelity,
        *note;
    uint64_t runs, warmup, max_bytes, max_calls, loops, lanes;
    double max_time, patience;
    struct ga_option_list skips;
    bool softgpu, accept_loss, dry_run, no_cache, verbose;
    const char *vram, *allocator; /* of a model's memory, with gtt */
    uint64_t gtt;
    struct {
        enum replay_translate translate;
        enum replay_populate populate;
        double speed, fidelity;
        uint16_t cpus[CPU_SETSIZE];
        uint32_t cpu_count;
        uint64_t vram; /* unless it is to be searched for */
        bool search;
    } meant; /* what the texts among them mean: by replay_asked_check */
};
extern struct replay_asked replay_asked;
extern const struct ga_option replay_asked_options[];

/* Once they are parsed. False: they make no sense, or not together; stderr has been told. */
bool replay_asked_check(void);

#endif
