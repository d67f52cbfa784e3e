/*
 * The engine: runs a bound plan on a backend, one thread a lane; where the recording is of several processes and the backend can, one
 * worker process a recorded process, forked for each pass. Within the timed part there is no allocation, lock, output or
 * parsing; a lane that must wait for another spins shortly and then sleeps. What was measured goes into bounded histograms, so that
 * the memory of a run does not grow with its loops.
 */
#ifndef GPUALLOC_REPLAYER_ENGINE_H
#define GPUALLOC_REPLAYER_ENGINE_H

#include <stdatomic.h>

#include "replayer/backend.h"
#include "replayer/curve.h"
#include "replayer/kinds.h"
#include "replayer/latencies.h"
#include "replayer/schedule.h"

/* What became of one call in one pass over the plan; kept only when asked for. */
struct replay_sample {
    int64_t begin_ns;      /* since the pass's start */
    uint64_t latency_ns;   /* of the call alone */
    uint64_t resident_ns;  /* paging call: from its begin until its fence was seen to have reached its value; 0: not seen */
    int32_t error;         /* errno, when it returned -1 */
    uint32_t status;       /* d3dkmt: NTSTATUS */
    uint8_t skip;          /* enum replay_skip */
    bool failed;
    bool remapped;         /* its GPU address was refused, and another taken: its time says nothing */
    bool differs;          /* from the recording: fails where it did not, or otherwise, or differently */
};

/* How a session issues. Zeros are: as fast as possible, a thread a lane, once. */
struct replay_settings {
    double speed;         /* 0: as fast as possible; 1: as recorded; 2: twice as fast */
    uint32_t threads;     /* that lanes share; 0: one a lane */
    uint64_t loops;       /* passes over the plan in a run; 0 is 1. What one leaves is freed before the next */
    const uint16_t *cpus; /* threads are pinned to them in turn; the caller keeps them */
    uint32_t cpu_count;   /* 0: not pinned */
    int64_t patience_ns;  /* a call that has not come back after this and its recorded duration is interrupted, and so is a wait for
                             a fence; one that then does not come back either is given up, and with it the session */
    int64_t end_ns;       /* CLOCK_MONOTONIC: then the run is ended; 0: never */
    bool keep_samples;    /* of the last pass */
};
#define REPLAY_PATIENCE_NS INT64_C(10000000000)

/* Why a run is not whole. */
enum replay_end {
    REPLAY_WHOLE,
    REPLAY_END_STOPPED, /* asked to stop */
    REPLAY_END_TIME,    /* the settings' end_ns */
    REPLAY_END_REMOVED, /* the device is gone */
    REPLAY_END_HUNG,    /* a call came back not even when interrupted */
    REPLAY_END_DIED,    /* a worker process died: run->died */
    REPLAY_END_ERROR,   /* of replays: a further run could not be begun */
    REPLAY_ENDS_COUNT
};
/* "interrupted", "time", "device_removed", "hung"; "whole". */
const char *replay_end_name(enum replay_end end);

struct replay_counts {
    uint64_t outcomes[REPLAY_SKIPS];  /* calls issued, and skipped by reason */
    uint64_t failed;                  /* failed here, succeeded in the recording */
    uint64_t succeeded;               /* the other way round */
    uint64_t otherwise;               /* failed in both, with another status */
    uint64_t remapped;
    uint64_t exhausted;               /* creates that the device had no memory for, where the recording's had */
    uint64_t populated[REPLAY_POPULATES]; /* calls that made something, by how its pages were brought in */
    uint64_t violations;              /* calls that began before one that they depend on was done, or its fence reached; must be 0 */
};
void replay_counts_add(struct replay_counts *to, const struct replay_counts *counts);
static inline uint64_t replay_differs(const struct replay_counts *counts)
{
    return counts->failed + counts->succeeded + counts->otherwise;
}

struct replay_session {
    const struct replay_backend *backend;
    const struct replay_plan *plan;
    struct replay_device *device;
    struct replay_identity identity;
    struct replay_binding binding;
    enum replay_populate populate;   /* asked for */
    struct replay_settings settings; /* may be changed before replay_run_init */
    struct replay_kinds kinds;
    int node_fd;        /* keeps the device from being suspended between runs; or -1 */
    uint32_t opened;    /* times: what is skipped may be other calls each time */
    bool abandoned;     /* a thread is still in a call: nothing that it may touch is freed until the process ends */
};

struct replay_lane_state; /* of a thread */
struct replay_paging;     /* of a paging call */

/* What a lane has to know of a call, beside the call: in one place, as each page that is touched between system calls costs. */
struct replay_step {
    int64_t bytes;   /* more alive after it, in the recording */
    uint32_t number; /* call */
    uint16_t kind;
    uint16_t lane;   /* of the plan */
    uint8_t skip;    /* enum replay_skip */
    bool watched;    /* another thread waits for it */
    bool waits;      /* for other calls, or their fences */
    bool more;       /* than counting it is to be done after it */
};

/* A run and all that it needs; may be used again for the next. */
struct replay_run {
    uint64_t wall_ns;                   /* of all passes, each from the start of the lanes to the end of the last */
    uint64_t busy_ns;                   /* of all passes and lanes, from the lane's first call to its last */
    uint64_t passes;                    /* that were made, the last perhaps not to its end */
    enum replay_end end;
    struct replay_counts counts;
    struct replay_latencies *latencies; /* by kind, of calls that were answered as recorded */
    struct replay_latencies *resident;  /* by kind: of paging calls, from their begin until they had taken effect */
    struct replay_latencies *lateness;  /* of each call that was issued: |its begin - its time in the recording|; speed 0: empty */
    double curve_distance;              /* mean over the passes */
    struct replay_sample *samples;      /* one a call of the plan, of the last pass; null unless asked for */
    struct replay_schedule schedule;
    struct replay_step *steps;          /* by place in the schedule */
    uint32_t steps_of;                  /* session->opened that they are of; 0: of none yet */
    struct replay_lane_state *lanes;
    struct replay_paging *pagings;      /* by call.paging */
    _Atomic int64_t *ends;              /* by place in the schedule: when the call was done; null: no thread waits for another */
    struct replay_curve *curve;
    bool apart;                         /* each recorded process is a worker process, but those that share an open file */
    uint32_t *crews;                    /* replay_schedule_crews; null: there is one process */
    uint32_t crew_count;
    struct {
        uint64_t process;               /* the recorded one */
        int signal;                     /* that ended its worker; 0: it left by itself */
    } died;
    const struct replay_session *session;
};

/* Opens the backend's device and binds the plan, which must outlive the session. Close it also after a failure. */
int replay_session_open(struct replay_session *session, const struct replay_backend *backend, const struct replay_target *target,
                        const struct replay_plan *plan, struct ga_error *error);
/* Closes the device and opens it again, for a run that finds it as new; then nothing but close is left after a failure. */
int replay_session_reopen(struct replay_session *session, const struct replay_target *target, struct ga_error *error);
void replay_session_close(struct replay_session *session);

/* Allocates for runs of the session with its settings as they are now. Release it also after a failure, before the session. */
int replay_run_init(struct replay_run *run, struct replay_session *session);
void replay_run_release(struct replay_run *run);

/* One run. Everything that it made is freed when it returns, whatever it returns. *stop: set from a signal handler to end it
   early. 0, or a negative errno when it could not be begun or is not whole (run->end says why; what was measured is in the run). */
int replay_session_run(struct replay_session *session, struct replay_run *run, const atomic_bool *stop, struct ga_error *error);

/* What the engine itself costs a call, in ns: the session's plan on backend null, on one thread, with the same calls skipped; of a
   long plan its first calls. NaN when it cannot be had. */
double replay_engine_cost_ns(const struct replay_session *session, const atomic_bool *stop);

/* ns that two clock reads in a row differ by: what each latency includes. */
uint32_t replay_clock_cost_ns(void);

#endif
