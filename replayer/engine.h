/*
 * The engine: runs a bound plan on a backend, one thread a lane. Within the timed part there is no allocation, lock, output or
 * parsing; a lane that must wait for another spins shortly and then sleeps.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_H
#define GPUALLOC_REPLAYER_ENGINE_H

#include <stdatomic.h>

#include "replayer/backend.h"

/* What became of one call in one run. */
struct replay_sample {
    int64_t begin_ns;    /* since the run's start */
    uint32_t latency_ns; /* of the call alone; saturates at 4.29 s */
    int32_t error;       /* errno, when it returned -1 */
    uint32_t status;     /* d3dkmt: NTSTATUS */
    uint8_t skip;        /* enum replay_skip */
    bool failed;
    bool remapped;       /* its GPU address was refused, and another taken: its time says nothing */
    _Atomic uint32_t resident_ns; /* paging call: from its begin until its fence was seen to have reached its value; 0: not seen */
    uint8_t populated;   /* enum replay_populate: how the pages of what it made were brought in; a step of its own after the call */
    uint32_t populate_ns; /* what that took; 0: nothing was */
    bool differs;        /* from the recording: fails where it did not, or otherwise, or differently */
};

struct replay_run {
    struct replay_sample *samples; /* one a call of the plan */
    uint64_t wall_ns;              /* from the start of the lanes to the end of the last */
    uint64_t order_violations;     /* calls that began before one that they depend on was done, or its fence reached; must be 0 */
};

struct replay_session {
    const struct replay_backend *backend;
    const struct replay_plan *plan;
    struct replay_device *device;
    struct replay_identity identity;
    struct replay_binding binding;
    int64_t patience_ns;
    enum replay_populate populate; /* asked for */
};

/* Opens the backend's device and binds the plan, which must outlive the session. Close it also after a failure. */
int replay_session_open(struct replay_session *session, const struct replay_backend *backend, const struct replay_target *target,
                        const struct replay_plan *plan, struct ga_error *error);
void replay_session_close(struct replay_session *session);

int replay_run_init(struct replay_run *run, const struct replay_plan *plan);
void replay_run_release(struct replay_run *run);
/* A call that has not come back after this and its recorded duration is interrupted; so is a wait for a fence. */
#define REPLAY_PATIENCE_NS INT64_C(10000000000)

/* One run. Everything that it made is freed when it returns, whatever it returns. *stop: set from a signal handler to end it
   early; then -EINTR. */
int replay_session_run(struct replay_session *session, struct replay_run *run, const atomic_bool *stop, struct ga_error *error);

/* ns that two clock reads in a row differ by: what each latency includes. */
uint32_t replay_clock_cost_ns(void);

#endif
